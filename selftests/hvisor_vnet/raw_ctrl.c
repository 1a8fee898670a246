// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control queue: what the guest orders there is done before it is
 * acknowledged, from the next frame on; what is no order is answered with an
 * error and does nothing.  How a request is read and judged, in every detail,
 * is tested in user space; here it is what follows from it.
 */
#include "rawpacket.h"

#include <arpa/inet.h>

#define BUFFER		4096
#define MSS		1400

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static int root;
static u8 *buffers, *requests;
static u8 frame[RP_MAX];

static const u8 own[] = { 0x02, 0, 0, 0xbb, 0, 1 };
static const u8 other[] = { 0x02, 0, 0, 0xbb, 0, 9 };
static const u8 group[] = { 0x33, 0x33, 0, 0, 0, 1 };
static const u8 all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const struct rp_kind tcp = { .name = "TCP, IPv4" };

static void start(u64 features)
{
	rg_start(d, features);
	buffers = rg_alloc(&zone, RG_NUM * BUFFER, 4096);
	requests = rg_alloc(&zone, RG_NUM * 64, 64);
}

static u8 *buffer(u32 head)
{
	return buffers + head * BUFFER;
}

static void add_buffers(unsigned int n)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rg_piece piece;

	while (n--) {
		piece = RG_IN(buffer(q->free[q->n_free - 1]), BUFFER);
		rg_add(q, &piece, 1);
	}
	rg_kick(q);
}

/* Queue a request in slot @i; its answer follows it. */
static void ask(unsigned int i, const void *bytes, size_t len)
{
	u8 *at = requests + i * 64;
	struct rg_piece piece[] = { RG_OUT(at, len), RG_IN(at + 60, 1) };

	memcpy(at, bytes, len);
	at[60] = 0x55;
	rg_add_indirect(&d->vq[RG_CTRL], piece, 2);
}

static u8 answer(unsigned int i)
{
	struct vring_used_elem elem;

	if (!ktap_expect(rg_wait_used(&d->vq[RG_CTRL], &elem)) ||
	    !ktap_expect_eq(elem.len, 1))
		return 0x55;
	return requests[i * 64 + 60];
}

static u8 request(const void *bytes, size_t len)
{
	ask(0, bytes, len);
	rg_kick(&d->vq[RG_CTRL]);
	return answer(0);
}

#define answers(want, ...)						\
	ktap_expect_eq(request((const u8 []){ __VA_ARGS__ },		\
			       sizeof((const u8 []){ __VA_ARGS__ })), want)
#define obeyed(...)	answers(VIRTIO_NET_OK, __VA_ARGS__)
#define refused(...)	answers(VIRTIO_NET_ERR, __VA_ARGS__)

static bool set_offloads(u64 bits)
{
	u8 req[10] = { VIRTIO_NET_CTRL_GUEST_OFFLOADS };

	memcpy(req + 2, &bits, sizeof(bits));
	return ktap_expect_eq(request(req, sizeof(req)), VIRTIO_NET_OK);
}

/* Root sends a frame to @to, in VLAN @vid; does the guest get it? */
static bool passes(const u8 *to, u16 vid)
{
	u64 frames = rg_counter(d, "rx_frames");
	u64 unwanted = rg_counter(d, "rx_unwanted");
	struct vring_used_elem elem;
	u64 got, kept;

	rg_frame(frame, 100, vid);
	memcpy(frame, to, 6);
	if (vid) {
		memcpy(frame + 12, "\x81\x00", 2);
		frame[14] = vid >> 8;
		frame[15] = vid;
	}
	add_buffers(1);
	if (!rg_root_send(d, frame, 100))
		rg_die("root cannot send");
	ktap_wait_for(RG_LONG,
		      (got = rg_counter(d, "rx_frames") - frames) +
		      (kept = rg_counter(d, "rx_unwanted") - unwanted));
	if (got + kept != 1)
		rg_die("a frame was neither received nor kept back");
	if (got)
		rg_wait_used(&d->vq[RG_RX], &elem);
	return got;
}

static bool test_filter(void)
{
	bool ok;

	start(RG_ALL);
	/* All frames come until the driver says something. */
	ok = ktap_expect(passes(own, 0) && passes(other, 0)) &&
	     ktap_expect(passes(group, 0) && passes(other, 7));
	ok = ok && obeyed(0, 0, 0) && ktap_expect(passes(own, 0)) &&
	     ktap_expect(!passes(other, 0) && !passes(group, 0)) &&
	     ktap_expect(passes(all, 0));
	ok = ok && obeyed(0, 1, 1) && ktap_expect(passes(group, 0)) &&
	     ktap_expect(!passes(other, 0));
	ok = ok && obeyed(0, 1, 0) &&
	     obeyed(1, 0, 1, 0, 0, 0, 2, 0, 0, 0xbb, 0, 9,
		    1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1) &&
	     ktap_expect(passes(other, 0) && passes(group, 0));
	ok = ok && obeyed(1, 0, 0, 0, 0, 0, 0, 0, 0, 0) &&
	     ktap_expect(!passes(other, 0) && !passes(group, 0));
	ok = ok && obeyed(0, 0, 1) && ktap_expect(passes(other, 0));
	/* Nothing of it outlives the driver. */
	ok = ok && obeyed(0, 0, 0);
	start(RG_ALL);
	return ok && ktap_expect(passes(other, 0)) && ktap_expect(rg_works(d));
}

static bool test_vlans(void)
{
	bool ok;

	start(RG_ALL);
	ok = obeyed(0, 0, 0) && ktap_expect(!passes(own, 5)) &&
	     ktap_expect(!passes(all, 4094));
	ok = ok && obeyed(2, 0, 5, 0) && ktap_expect(passes(own, 5)) &&
	     ktap_expect(!passes(own, 6) && !passes(other, 5));
	ok = ok && obeyed(2, 0, 0xfe, 0x0f) && ktap_expect(passes(own, 4094));
	ok = ok && obeyed(2, 1, 5, 0) && ktap_expect(!passes(own, 5)) &&
	     ktap_expect(passes(own, 4094));
	/* A guest that cannot say which wants all. */
	start(RG_ALL & ~RG_BIT(VIRTIO_NET_F_CTRL_VLAN));
	return ok && obeyed(0, 0, 0) && ktap_expect(passes(own, 5)) &&
	       ktap_expect(!passes(other, 5));
}

static bool mac_reads(const char *want)
{
	char path[sizeof(d->dir) + 8], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%.*s/mac", (int)sizeof(d->dir), d->dir);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		rg_die("cannot read %s", path);
	fclose(f);
	return ktap_expect(!strncmp(text, want, strlen(want))) &&
	       ktap_expect_eq(rg_get(d, VIRTIO_MMIO_CONFIG), 0xbb000002) &&
	       ktap_expect_eq(rg_access(d, d->addr + VIRTIO_MMIO_CONFIG + 5, 1,
					false, 0).value, want[16] - '0');
}

static bool test_address(void)
{
	u32 generation;
	bool ok;

	start(RG_ALL);
	generation = rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION);
	ok = obeyed(0, 0, 0) && mac_reads("02:00:00:bb:00:01");
	ok = ok && obeyed(1, 1, 2, 0, 0, 0xbb, 0, 9) &&
	     mac_reads("02:00:00:bb:00:09") &&
	     ktap_expect_eq(rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION),
			    generation + 1) &&
	     ktap_expect(passes(other, 0) && !passes(own, 0));
	ok = ok && refused(1, 1, 3, 0, 0, 0xbb, 0, 9) &&
	     refused(1, 1, 0, 0, 0, 0, 0, 0) && mac_reads("02:00:00:bb:00:09");
	/* The next driver finds the device as it was. */
	start(RG_ALL);
	return ok && mac_reads("02:00:00:bb:00:01") && obeyed(0, 0, 0) &&
	       ktap_expect(passes(own, 0) && !passes(other, 0));
}

/* Take a packet that root sent, in as many frames as it has; how many? */
static unsigned int receive(size_t payload, u32 seed, bool *partial)
{
	struct rp_seen seen = { .kind = &tcp, .payload = payload, .seed = seed };
	static u8 got[RP_MAX];
	struct vring_used_elem elem;
	struct virtio_net_hdr_v1 hdr;
	size_t size, skip;
	u16 n;

	while (seen.bytes < payload) {
		for (n = 0, size = 0, hdr.num_buffers = 1;
		     n < hdr.num_buffers; n++) {
			if (!rg_wait_used(&d->vq[RG_RX], &elem))
				return 0;
			skip = n ? 0 : sizeof(hdr);
			if (!n)
				memcpy(&hdr, buffer(elem.id), sizeof(hdr));
			memcpy(got + size, buffer(elem.id) + skip,
			       elem.len - skip);
			size += elem.len - skip;
		}
		*partial = hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		if (!rp_finish(got, size, (struct virtio_net_hdr *)&hdr) ||
		    !rp_arrived(&seen, got, size, 0))
			return 0;
	}
	return seen.frames;
}

static void send_packet(size_t payload, u32 seed)
{
	struct virtio_net_hdr hdr;
	size_t len = rp_make(frame, &hdr, &tcp, payload,
			     payload > MSS ? MSS : 0, seed);

	if (!rp_send(root, &hdr, frame, len))
		rg_die("root cannot send");
}

static bool comes_as(unsigned int frames, bool partial)
{
	static u32 seed;
	bool was;

	send_packet(4 * MSS, ++seed);
	add_buffers(8);
	return receive(4 * MSS, seed, &was) == frames && was == partial;
}

/* The guest does less: at once, whatever root's interface says yet. */
static bool less(u64 bits, unsigned int frames, bool partial)
{
	return set_offloads(bits) && ktap_expect(comes_as(frames, partial));
}

/* It does more: root's stack may go on as before for a moment. */
static bool more(u64 bits, unsigned int frames, bool partial)
{
	return set_offloads(bits) &&
	       ktap_expect(ktap_wait_for(RG_LONG, comes_as(frames, partial)));
}

static bool test_offloads(void)
{
	const u64 csum = RG_BIT(VIRTIO_NET_F_GUEST_CSUM);
	const u64 tso4 = RG_BIT(VIRTIO_NET_F_GUEST_TSO4);
	const u64 tso6 = RG_BIT(VIRTIO_NET_F_GUEST_TSO6);
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < 20; i++) {
		start(RG_ALL);
		ok = more(csum | tso4, 1, true) && less(csum, 4, true) &&
		     less(0, 4, false) && more(csum | tso6, 4, true) &&
		     less(tso4, 4, false) && more(RG_OFFLOADS_RX, 1, true);
	}
	ok = ok && refused(5, 0, 0, 4, 0, 0, 0, 0, 0, 0) &&
	     refused(5, 1, 2, 0, 0, 0, 0, 0, 0, 0);
	start(RG_ALL);
	return ok && ktap_expect(rg_works(d));
}

static bool does_tso(void)
{
	return rp_feature("tap0", "tx-tcp-segmentation");
}

/* All offloads, no buffers, and a packet that waits for some. */
static bool waits(size_t payload, u32 seed)
{
	u64 stops;

	start(RG_ALL);
	if (!ktap_expect(ktap_wait_for(RG_LONG, does_tso())))
		return false;
	stops = rg_counter(d, "rx_stops");
	send_packet(payload, seed);
	return ktap_expect(ktap_wait_for(RG_LONG,
					 rg_counter(d, "rx_stops") > stops));
}

/*
 * A packet was made ready for a guest that now declares that it does less: its
 * checksum is filled in; one that would have to be cut is lost.
 */
static bool test_too_late(void)
{
	u64 drops = rg_counter(d, "drop_rx_offload");
	bool partial = true;

	if (!waits(1000, 1) || !set_offloads(0))
		return false;
	add_buffers(1);
	if (!ktap_expect_eq(receive(1000, 1, &partial), 1) ||
	    !ktap_expect(!partial) ||
	    !ktap_expect_eq(rg_counter(d, "drop_rx_offload"), drops))
		return false;
	if (!waits(4 * MSS, 2) ||
	    !set_offloads(RG_BIT(VIRTIO_NET_F_GUEST_CSUM)))
		return false;
	add_buffers(8);
	send_packet(1000, 3);
	if (!ktap_expect_eq(receive(1000, 3, &partial), 1) ||
	    !ktap_expect_eq(rg_counter(d, "drop_rx_offload"), drops + 1))
		return false;
	/* Segments without checksums are none. */
	if (!waits(4 * MSS, 4) ||
	    !set_offloads(RG_BIT(VIRTIO_NET_F_GUEST_TSO4)))
		return false;
	add_buffers(8);
	send_packet(1000, 5);
	return ktap_expect_eq(receive(1000, 5, &partial), 1) &&
	       ktap_expect_eq(rg_counter(d, "drop_rx_offload"), drops + 2);
}

static bool test_refused(void)
{
	bool ok;

	start(RG_ALL);
	ok = refused(0) && refused(0, 0) && refused(0, 0, 0, 0) &&
	     refused(0, 9, 0) && refused(9, 0, 0) && refused(2, 0, 0, 0x10) &&
	     refused(1, 0, 1, 0, 0, 0) &&
	     refused(1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0) &&
	     refused(4, 0, 1, 0);
	/* Still everything passes. */
	return ok && ktap_expect(passes(other, 9)) && ktap_expect(rg_works(d));
}

/* As many as the queue holds, at one kick; then one by one, by interrupt. */
static bool test_many(void)
{
	unsigned int i, round;
	bool ok = true;

	start(RG_ALL);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < RG_NUM; i++)
			ask(i, (u8[]){ 0, i % 3, 0 }, 3);
		rg_kick(&d->vq[RG_CTRL]);
		for (i = 0; i < RG_NUM; i++)
			ok = ok && ktap_expect_eq(answer(i), i % 3 == 2);
	}
	while (rg_irqs(d, 5) || rg_ack(d))
		;
	for (i = 0; ok && i < 100; i++) {
		ask(0, (u8[]){ 0, 0, i & 1 }, 3);
		rg_kick(&d->vq[RG_CTRL]);
		ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
		rg_ack(d);
		ok = ok && ktap_expect_eq(answer(0), VIRTIO_NET_OK);
	}
	return ok && ktap_expect(rg_works(d));
}

/* All queues are ready, the driver not yet. */
static void prepare(u64 features)
{
	zone.used = 0;
	rg_negotiate(d, features);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
	rg_queue_setup(d, RG_CTRL, RG_NUM);
	buffers = rg_alloc(&zone, RG_NUM * BUFFER, 4096);
	requests = rg_alloc(&zone, 64, 64);
}

/* Queued before DRIVER_OK, and never kicked for. */
static bool test_before_driver_ok(void)
{
	prepare(RG_ALL);
	ask(0, (u8[]){ 0, 0, 0 }, 3);
	rg_publish(&d->vq[RG_CTRL]);
	rg_driver_ok(d);
	return ktap_expect_eq(answer(0), VIRTIO_NET_OK) &&
	       ktap_expect(rg_link_wait(d, true)) &&
	       ktap_expect(!passes(other, 0)) && ktap_expect(passes(own, 0));
}

/* Not negotiated: nothing is served there. */
static bool test_not_negotiated(void)
{
	start(RG_FEATURES);
	rg_set(d, VIRTIO_MMIO_STATUS, 0);
	prepare(RG_FEATURES);
	rg_driver_ok(d);
	rg_link_wait(d, true);
	ask(0, (u8[]){ 0, 0, 0 }, 3);
	rg_publish(&d->vq[RG_CTRL]);
	rg_notify(&d->vq[RG_CTRL]);
	return ktap_expect(rg_works(d)) && ktap_expect(passes(other, 0)) &&
	       ktap_expect_eq(rg_used_idx(&d->vq[RG_CTRL]), 0);
}

/* Nobody hears of it, and its driver may spin: who gets the page back looks. */
static bool test_taken_over(void)
{
	start(RG_ALL);
	rg_write("/sys/kernel/hvisor_sim/steal", "1");
	ask(0, (u8[]){ 0, 0, 0 }, 3);
	rg_kick(&d->vq[RG_CTRL]);
	rg_write("/sys/bus/hvisor_vnet/reattach", "1");
	return ktap_expect_eq(answer(0), VIRTIO_NET_OK) &&
	       ktap_expect(!passes(other, 0));
}

/* A broken control queue is a broken device, until it is reset. */
static bool test_broken(void)
{
	struct rg_vq *q = &d->vq[RG_CTRL];
	bool ok;

	start(RG_ALL);
	q->avail->ring[0] = RG_NUM;
	q->avail_idx++;
	rg_publish(q);
	rg_notify(q);
	ok = ktap_expect(ktap_wait_for(RG_LONG, rg_state(d, "status") &
				       VIRTIO_CONFIG_S_NEEDS_RESET));
	start(RG_ALL);
	return ok && obeyed(0, 0, 0) && ktap_expect(!passes(other, 0));
}

static const struct ktap_test tests[] = {
	{ "receive filter", test_filter },
	{ "VLANs", test_vlans },
	{ "address", test_address },
	{ "offloads, from the next frame on", test_offloads },
	{ "offloads, after a frame was made ready", test_too_late },
	{ "what is no order", test_refused },
	{ "a full queue, and interrupts", test_many },
	{ "a request from before DRIVER_OK", test_before_driver_ok },
	{ "a request while another has the page", test_taken_over },
	{ "no control queue was negotiated", test_not_negotiated },
	{ "a broken queue", test_broken },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x400000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "mac=02:00:00:bb:00:01");
	root = rp_socket("tap0");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
