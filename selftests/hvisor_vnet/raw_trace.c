// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each tracepoint: switched on as any other, it tells of what it is there for,
 * with the right fields, as often as that happens; and can be filtered by them.
 * In virtual time, since one tells of half a minute.
 *
 * rig: smp=2 icount=must timeout=200
 */
#include "rawpacket.h"

#define EVENTS		"/sys/kernel/tracing/events/hvisor_vnet/"
#define STALL_MS	30000

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;

/* Trace only that event, of which nothing is known yet. */
static void trace_only(const char *event)
{
	char name[80];

	snprintf(name, sizeof(name), "hvisor_vnet/%s", event);
	if (rg_write(EVENTS "enable", "0"))
		rg_die("cannot switch tracing off");
	rg_trace(name, true);
}

/* So many lines have these words, from there to their end. */
static bool says(unsigned int times, const char *words)
{
	char line[512];
	unsigned int n = rg_traced(words, line, sizeof(line));

	if (n == times && (!n || !strcmp(line, words)))
		return true;
	ktap_diag("%u times '%s', last '%s'", n, words, line);
	rg_traced("hvnet_", line, sizeof(line));
	ktap_diag("the last of all is '%s'", line);
	return false;
}

/* Each of these once. */
static bool all_said(const char * const *words, unsigned int n)
{
	bool ok = true;

	while (n--)
		ok = ktap_expect(says(1, words[n])) && ok;
	return ok;
}

static void settle(void)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

static void start(u64 features)
{
	rg_start(d, features);
	buf = rg_alloc(&zone, RP_MAX + 64, 8);
	settle();
}

static bool test_request(void)
{
	static const char * const words[] = {
		"hvnet_request: zone=1 cpu=1 addr=0xa003600 size=4 write=0 value=0x0 posted=0",
		"hvnet_request: zone=1 cpu=1 addr=0xa003630 size=4 write=1 value=0x1 posted=0",
		"hvnet_request: zone=1 cpu=1 addr=0xa003650 size=4 write=1 value=0x1 posted=1",
		"hvnet_request: zone=1 cpu=1 addr=0xa003604 size=4 write=0 value=0x0 posted=0",
	};

	start(RG_FEATURES);
	trace_only("hvnet_request");
	rg_get(d, VIRTIO_MMIO_MAGIC_VALUE);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_TX);
	rg_notify(&d->vq[RG_TX]);
	/* The notify need not have come through yet; this waits for its turn. */
	rg_get(d, VIRTIO_MMIO_VERSION);
	return all_said(words, RG_ARRAY_SIZE(words));
}

static bool test_kick(void)
{
	unsigned int i;
	bool ok = true;
	char text[80];

	start(RG_FEATURES | RG_CONTROL);
	trace_only("hvnet_kick");
	for (i = 0; i <= RG_CTRL; i++)
		rg_notify(&d->vq[i]);
	rg_get(d, VIRTIO_MMIO_MAGIC_VALUE);
	for (i = 0; i <= RG_CTRL; i++) {
		snprintf(text, sizeof(text),
			 "hvnet_kick: name=tap0 zone=1 irq=75 queue=%u", i);
		ok = ktap_expect(says(1, text)) && ok;
	}
	return ok;
}

static bool test_from_guest(void)
{
	static const struct rp_kind tcp4 = { .name = "TCP, IPv4" };
	static const char * const words[] = {
		"len=123 protocol=0x88b5 gso_size=0 partial=0",
		"hvnet_frame_from_guest: name=tap0 len=4066 protocol=0x0800 gso_size=1448 partial=1",
	};
	struct virtio_net_hdr hdr;
	struct vring_used_elem elem;
	struct rg_piece piece;
	char line[512];
	u8 got[2048];
	size_t len;
	bool ok;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	trace_only("hvnet_frame_from_guest");
	ok = ktap_expect(rg_tx_one(d, 123, 1));
	memset(buf, 0, d->hdr_len);
	len = rp_make(buf + d->hdr_len, &hdr, &tcp4, 4000, 1448, 1);
	memcpy(buf, &hdr, sizeof(hdr));
	piece = RG_OUT(buf, d->hdr_len + len);
	rg_add(&d->vq[RG_TX], &piece, 1);
	rg_kick(&d->vq[RG_TX]);
	ok = ok && ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
	rg_root_recv(d, got, sizeof(got), RG_LONG);
	return ok && all_said(words, RG_ARRAY_SIZE(words)) &&
	       ktap_expect_eq(rg_traced("hvnet_frame_from_guest: name=tap0 ",
					line, sizeof(line)), 2);
}

static bool test_to_guest(void)
{
	static const char * const words[] = {
		"len=321 protocol=0x88b5 gso_size=0 partial=0 buffers=1",
		"hvnet_frame_to_guest: name=tap0 len=1000 protocol=0x88b5 gso_size=0 partial=0 buffers=3",
	};
	struct vring_used_elem elem;
	struct rg_piece piece;
	u8 frame[1000];
	unsigned int i;
	bool ok;

	start(RG_FEATURES);
	trace_only("hvnet_frame_to_guest");
	ok = ktap_expect(rg_rx_one(d, 321, 1));
	for (i = 0; i < 4; i++) {
		piece = RG_IN(buf + i * 400, 400);
		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	rg_kick(&d->vq[RG_RX]);
	rg_frame(frame, sizeof(frame), 2);
	ok = ok && ktap_expect(rg_root_send(d, frame, sizeof(frame)));
	for (i = 0; i < 3; i++)
		ok = ok && ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem));
	return ok && all_said(words, RG_ARRAY_SIZE(words));
}

/* A frame is given back, and the guest never looks at that. */
static bool send_and_ignore(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + 60);
	struct vring_used_elem elem;

	q->want_irq = false;
	q->avail->ring[q->num] = q->last_used;
	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, 60, 1);
	rg_add(q, &piece, 1);
	rg_kick(q);
	return ktap_expect(rg_wait_used(q, &elem));
}

static bool test_inject(void)
{
	bool ok;

	start(RG_FEATURES);
	trace_only("hvnet_inject");
	ok = send_and_ignore() && ktap_expect(rg_irqs(d, RG_LONG) > 0) &&
	     ktap_expect(rg_ack(d));
	rg_link_set(d, false);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	settle();
	ok = ok && ktap_expect(says(1, "hvnet_inject: zone=1 irq=75 isr=0x1 repeats=0")) &&
	     ktap_expect(says(1, "hvnet_inject: zone=1 irq=75 isr=0x2 repeats=0"));
	rg_link_set(d, true);
	settle();
	return ok && ktap_expect(rg_link_wait(d, true));
}

/* No acknowledgment ever: each repetition, and that there are no more. */
static bool test_reinject(void)
{
	u64 again = rg_counter(d, "reinjections");
	u64 stalls = rg_counter(d, "stalls");
	char text[80];
	u64 n;
	bool ok;

	start(RG_FEATURES);
	trace_only("hvnet_reinject");
	rg_write(EVENTS "hvnet_inject/enable", "1");
	rg_write(EVENTS "hvnet_stall/enable", "1");
	ok = send_and_ignore() &&
	     ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
						stalls + 1));
	n = rg_counter(d, "reinjections") - again;
	settle();
	snprintf(text, sizeof(text),
		 "hvnet_stall: zone=1 irq=75 isr=0x1 repeats=%llu",
		 (unsigned long long)n);
	ok = ok && ktap_expect(n > 3) && ktap_expect(says(1, text)) &&
	     ktap_expect(says(1, "hvnet_inject: zone=1 irq=75 isr=0x1 repeats=0"));
	/* That one only. */
	ok = ok && ktap_expect_eq(rg_traced("hvnet_inject:", text, sizeof(text)),
				  1);
	for (; ok && n; n--) {
		snprintf(text, sizeof(text),
			 "hvnet_reinject: zone=1 irq=75 isr=0x1 repeats=%llu",
			 (unsigned long long)n);
		/* What begins alike is counted too: 1 and 10. */
		if (n > 1)
			ok = ktap_expect(says(1, text));
	}
	return ok;
}

static bool test_rx_stall(void)
{
	u64 stalls = rg_counter(d, "rx_stalls"), i;
	u8 frame[60];

	start(RG_FEATURES);
	trace_only("hvnet_rx_stall");
	rg_frame(frame, sizeof(frame), 1);
	rg_root_send(d, frame, sizeof(frame));
	/* Time that nobody uses passes at once: look rarely. */
	for (i = 0; i < 2 * STALL_MS / 1000; i++) {
		if (rg_counter(d, "rx_stalls") > stalls)
			break;
		usleep(1000000);
	}
	return ktap_expect_eq(rg_counter(d, "rx_stalls"), stalls + 1) &&
	       ktap_expect(says(1, "hvnet_rx_stall: name=tap0 zone=1 irq=75"));
}

static bool test_needs_reset(void)
{
	static const char * const words[] = {
		"hvnet_needs_reset: name=tap0 zone=1 irq=75 queue=\"transmit queue\" what=\"head outside the descriptor table\"",
	};
	struct rg_vq *q = &d->vq[RG_TX];

	start(RG_FEATURES);
	trace_only("hvnet_needs_reset");
	q->avail->ring[q->avail_idx++ % q->num] = q->num;
	rg_publish(q);
	rg_notify(q);
	return ktap_expect(ktap_wait_for(RG_LONG, rg_state(d, "status") &
					 VIRTIO_CONFIG_S_NEEDS_RESET)) &&
	       all_said(words, RG_ARRAY_SIZE(words));
}

/* By name, as by number. */
static bool test_filter(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rg_write(EVENTS "hvnet_kick/filter",
				     "name == \"tap0\" && queue == 0"), 0);
	trace_only("hvnet_kick");
	rg_notify(&d->vq[RG_RX]);
	rg_notify(&d->vq[RG_TX]);
	rg_get(d, VIRTIO_MMIO_MAGIC_VALUE);
	ok = ok && ktap_expect(says(1, "hvnet_kick: name=tap0 zone=1 irq=75 queue=0")) &&
	     ktap_expect(says(0, "queue=1"));
	rg_write(EVENTS "hvnet_kick/filter", "0");
	return ok;
}

static const struct ktap_test tests[] = {
	{ "request", test_request },
	{ "kick", test_kick },
	{ "frame from the guest", test_from_guest },
	{ "frame to the guest", test_to_guest },
	{ "inject", test_inject },
	{ "reinject and stall", test_reinject },
	{ "receive stall", test_rx_stall },
	{ "needs reset", test_needs_reset },
	{ "a filter", test_filter },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	rg_write(EVENTS "enable", "0");
	return ktap_finish();
}
