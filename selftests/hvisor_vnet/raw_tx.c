// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames from the guest reach root byte by byte, whatever their size and however
 * the driver cut them into buffers, with each header and each way of notifying;
 * their descriptors come back, and an interrupt comes with that exactly when
 * the driver wants one: a sender that has filled its ring sleeps until then.
 */
#include "rawguest.h"

#define BATCH		32
#define BUFFER		2048

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

/* The ways a driver can be; the first is Linux's. */
static const struct way {
	const char *name;
	u64 features;
} ways[] = {
	{ "all features", RG_FEATURES },
	{ "VERSION_1 only", RG_BIT(VIRTIO_F_VERSION_1) },
	{ "EVENT_IDX, 10-byte header", RG_BIT(VIRTIO_RING_F_EVENT_IDX) },
	{ "MRG_RXBUF without VERSION_1", RG_BIT(VIRTIO_NET_F_MRG_RXBUF) },
	{ "no features, 10-byte header", 0 },
};

/* How a frame is cut: offsets at which a new buffer begins, 0 ends. */
static const struct shape {
	const char *name;
	unsigned int cut[6];
	bool indirect;
	bool own_header;	/* the header is in a buffer of its own */
} shapes[] = {
	{ .name = "one buffer" },
	{ .name = "header apart", .own_header = true },
	{ .name = "split in the header", .cut = { 1, 5, 9 } },
	{ .name = "split at odd places", .cut = { 3, 17, 27, 28, 31 } },
	{ .name = "indirect", .indirect = true },
	{ .name = "indirect, header apart", .indirect = true, .own_header = true },
	{ .name = "indirect, split at odd places", .indirect = true,
	  .cut = { 7, 13, 14, 25, 30 } },
};

static u8 *buffers;

/* Queue frame @seq, cut as @s says. Canaries lie around the buffer. */
static int add_frame(const struct shape *s, u8 *buf, size_t len, u32 seq)
{
	struct rg_piece piece[8];
	size_t total = d->hdr_len + len, from = 0;
	unsigned int n = 0, i;

	rg_pattern(buf, BUFFER, ~seq);
	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, len, seq);
	if (s->own_header) {
		piece[n++] = RG_OUT(buf, d->hdr_len);
		from = d->hdr_len;
	}
	for (i = 0; i < RG_ARRAY_SIZE(s->cut) && s->cut[i]; i++) {
		if (s->cut[i] >= total)
			break;
		piece[n++] = RG_OUT(buf + from, s->cut[i] - from);
		from = s->cut[i];
	}
	piece[n++] = RG_OUT(buf + from, total - from);
	if (s->indirect)
		return rg_add_indirect(&d->vq[RG_TX], piece, n);
	return rg_add(&d->vq[RG_TX], piece, n);
}

static bool arrived(size_t len, u32 seq)
{
	u8 got[BUFFER];
	ssize_t n = rg_root_recv(d, got, sizeof(got), RG_LONG);

	if (n < 0)
		ktap_diag("frame %u did not reach root", seq);
	return n >= 0 && rg_frame_ok(got, n, len, seq);
}

/* All given back, in order, nothing written. */
static bool given_back(const int *head, unsigned int n)
{
	struct vring_used_elem elem;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)) ||
		    !ktap_expect_eq(elem.id, (u32)head[i]) ||
		    !ktap_expect_eq(elem.len, 0))
			return false;
	return true;
}

/* Frames of the lengths from @from to @to, @step apart, a batch at a time. */
static bool send_lengths(const struct shape *s, size_t from, size_t to,
			 size_t step)
{
	unsigned int batch = s->cut[0] ? 8 : BATCH, n, i;
	int head[BATCH];
	size_t len;

	for (len = from; len <= to; len += n * step) {
		for (n = 0; n < batch && len + n * step <= to; n++)
			head[n] = add_frame(s, buffers + n * BUFFER,
					    len + n * step, len + n * step);
		rg_kick(&d->vq[RG_TX]);
		for (i = 0; i < n; i++)
			if (!arrived(len + i * step, len + i * step))
				return false;
		if (!given_back(head, n))
			return false;
	}
	return true;
}

static void start(u64 features)
{
	rg_start(d, features);
	buffers = rg_alloc(&zone, BATCH * BUFFER, 16);
}

static bool test_sizes(void)
{
	u64 frames, bytes = 0, want_bytes = 0;
	size_t len;
	bool ok;

	start(RG_FEATURES);
	frames = rg_counter(d, "tx_frames");
	bytes = rg_counter(d, "tx_bytes");
	ok = send_lengths(&shapes[0], RG_ETH_HLEN, RG_FRAME_MAX, 1);
	for (len = RG_ETH_HLEN; len <= RG_FRAME_MAX; len++)
		want_bytes += len;
	return ok && ktap_expect_eq(rg_counter(d, "tx_frames") - frames,
				   RG_FRAME_MAX - RG_ETH_HLEN + 1) &&
	       ktap_expect_eq(rg_counter(d, "tx_bytes") - bytes, want_bytes) &&
	       ktap_expect(rg_works(d));
}

static bool test_way(const struct way *w)
{
	unsigned int i;

	start(w->features);
	for (i = 0; i < RG_ARRAY_SIZE(shapes); i++) {
		if (shapes[i].indirect &&
		    !rg_has(d, VIRTIO_RING_F_INDIRECT_DESC))
			continue;
		if (!send_lengths(&shapes[i], RG_ETH_HLEN, 72, 1) ||
		    !send_lengths(&shapes[i], 1500, RG_FRAME_MAX, 7)) {
			ktap_diag("%s", shapes[i].name);
			return false;
		}
	}
	return ktap_expect(rg_works(d));
}

/* Send @n frames, and take them back without a look at interrupts. */
static bool send_some(unsigned int n)
{
	int head[BATCH];
	unsigned int i;

	for (i = 0; i < n; i++)
		head[i] = add_frame(&shapes[0], buffers + i * BUFFER, 60, i);
	rg_kick(&d->vq[RG_TX]);
	for (i = 0; i < n; i++)
		if (!arrived(60, i))
			return false;
	return given_back(head, n);
}

/* No interrupt is under way, and InterruptStatus is clear. */
static void settle(void)
{
	do {
		rg_ack(d);
	} while (rg_irqs(d, 5));
}

/*
 * A driver that goes to sleep when its ring is full, and wakes by interrupt
 * only: each time some entries are used it has to hear of it.
 */
static bool test_interrupts(const struct way *w)
{
	struct vring_used_elem elem;
	unsigned int sent = 0, back = 0;
	struct rg_vq *q;

	start(w->features);
	q = &d->vq[RG_TX];
	settle();
	while (back < 1000) {
		while (sent < 1000 && sent - back < BATCH)
			if (add_frame(&shapes[0],
				      buffers + (sent % BATCH) * BUFFER, 60,
				      sent) >= 0)
				sent++;
		rg_kick(q);
		if (!ktap_expect(rg_irqs(d, RG_LONG) > 0)) {
			ktap_diag("%u sent, %u back, used %u", sent, back,
				  rg_used_idx(q));
			return false;
		}
		rg_ack(d);
		while (rg_used(q, &elem))
			back++;
	}
	for (sent = 0; sent < 1000; sent++)
		if (!arrived(60, sent))
			return false;
	return ktap_expect(rg_works(d));
}

static bool test_no_interrupts(const struct way *w)
{
	u64 injections;
	bool ok;

	start(w->features);
	rg_irq_off(&d->vq[RG_TX]);
	settle();
	injections = rg_counter(d, "injections");
	ok = ktap_expect(send_some(BATCH)) && ktap_expect(send_some(1));
	ok &= ktap_expect_eq(rg_irqs(d, 20), 0);
	ok &= ktap_expect_eq(rg_counter(d, "injections"), injections);
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	/* Wanted again, and there it is. */
	rg_irq_on(&d->vq[RG_TX]);
	ok &= ktap_expect(send_some(1));
	ok &= ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok & ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
}

/* used_event in the middle of a batch: one interrupt, and only by then. */
static bool test_used_event(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	bool ok;

	start(RG_FEATURES);
	settle();
	q->want_irq = false;
	q->avail->ring[q->num] = q->last_used + 19;
	ok = ktap_expect(send_some(10)) && ktap_expect_eq(rg_irqs(d, 20), 0);
	ok &= ktap_expect(send_some(9)) && ktap_expect_eq(rg_irqs(d, 20), 0);
	ok &= ktap_expect(send_some(1)) && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	settle();
	ok &= ktap_expect(send_some(10)) && ktap_expect_eq(rg_irqs(d, 20), 0);
	return ok;
}

/* Frames added before DRIVER_OK were never kicked for. */
static bool test_before_driver_ok(void)
{
	int head[4];
	bool ok = true;
	u32 i;

	zone.used = 0;
	rg_negotiate(d, RG_FEATURES);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
	buffers = rg_alloc(&zone, BATCH * BUFFER, 16);
	for (i = 0; i < 4; i++)
		head[i] = add_frame(&shapes[0], buffers + i * BUFFER, 60, i);
	rg_publish(&d->vq[RG_TX]);
	rg_root_flush(d);
	rg_driver_ok(d);
	for (i = 0; i < 4; i++)
		ok &= ktap_expect(arrived(60, i));
	return ok & given_back(head, 4);
}

int main(void)
{
	unsigned int i;

	rg_setup();
	ktap_plan(3 + 3 * RG_ARRAY_SIZE(ways));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_sizes(), "all frame sizes");
	for (i = 0; i < RG_ARRAY_SIZE(ways); i++) {
		ktap_point(test_way(&ways[i]), "all shapes: %s", ways[i].name);
		ktap_point(test_interrupts(&ways[i]),
			   "a sender asleep is always woken: %s", ways[i].name);
		ktap_point(test_no_interrupts(&ways[i]),
			   "no interrupt when none is wanted: %s",
			   ways[i].name);
	}
	ktap_point(test_used_event(), "an interrupt at used_event");
	ktap_point(test_before_driver_ok(), "frames from before DRIVER_OK");
	return ktap_finish();
}
