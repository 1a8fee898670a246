// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames from root reach the guest byte by byte, behind the right header, in one
 * buffer or several, and nothing is written beyond what the used entry says.
 * When the guest has no buffers, frames wait and none is lost.
 */
#include "rawguest.h"

#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/socket.h>

#define BUFFER		2048
#define BATCH		32

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buffers;		/* RG_NUM of BUFFER bytes, by head */
static u32 pattern;		/* what they were filled with */

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

static void start(u64 features)
{
	rg_start(d, features);
	buffers = rg_alloc(&zone, RG_NUM * BUFFER, 4096);
}

static u8 *buffer(u32 head)
{
	return buffers + head * BUFFER;
}

/*
 * Queue a receive buffer of @size bytes, made of pieces of @cut bytes (0: one
 * piece), in the middle of a pattern.
 */
static int add_buffer(unsigned int size, unsigned int cut, bool indirect)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rg_piece piece[RG_TABLE];
	/* The chain's head is the last descriptor taken. */
	unsigned int n = cut ? (size + cut - 1) / cut : 1, i;
	unsigned int taken = indirect ? 1 : n;
	u32 head, len;
	u8 *buf;

	if (q->n_free < taken)
		rg_die("no descriptors are left");
	head = q->free[q->n_free - taken];
	buf = buffer(head);
	rg_pattern(buf, BUFFER, ++pattern);
	q->seq[head] = pattern;
	for (i = 0; i < n; i++) {
		len = i < n - 1 ? cut : size - i * cut;
		piece[i] = RG_IN(buf + 64 + i * cut, len);
	}
	return indirect ? rg_add_indirect(q, piece, n) : rg_add(q, piece, n);
}

/* Is everything around the bytes written as it was? */
static bool canaries_ok(u32 head, u32 written)
{
	u8 was[BUFFER];
	u8 *buf = buffer(head);

	rg_pattern(was, BUFFER, d->vq[RG_RX].seq[head]);
	if (!memcmp(buf, was, 64) &&
	    !memcmp(buf + 64 + written, was + 64 + written,
		    BUFFER - 64 - written))
		return true;
	ktap_diag("something beside the %u bytes written changed", written);
	return false;
}

/* The header: nothing is asked for, and @n buffers were used. */
static bool header_ok(const u8 *at, u16 n)
{
	struct virtio_net_hdr_v1 want = { 0 };

	want.num_buffers = n;
	if (!memcmp(at, &want, d->hdr_len))
		return true;
	ktap_diag("the header is not zero with num_buffers %u", n);
	return false;
}

/* Take a frame of the guest's, in as many buffers as it has; return them. */
static int receive(size_t len, u32 seq)
{
	struct vring_used_elem elem;
	u8 got[BUFFER];
	unsigned int n = 0, want = 1;
	size_t size = 0;

	while (n < want) {
		if (!ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)))
			return 0;
		if (!canaries_ok(elem.id, elem.len) ||
		    !ktap_expect(size + elem.len <= sizeof(got)))
			return 0;
		memcpy(got + size, buffer(elem.id) + 64, elem.len);
		if (!n && rg_has(d, VIRTIO_NET_F_MRG_RXBUF))
			memcpy(&want, got + offsetof(struct virtio_net_hdr_v1,
						     num_buffers), 2);
		size += elem.len;
		n++;
	}
	if (!ktap_expect(size >= d->hdr_len) || !header_ok(got, n) ||
	    !rg_frame_ok(got + d->hdr_len, size - d->hdr_len, len, seq))
		return 0;
	return n;
}

static bool send_frame(size_t len, u32 seq)
{
	u8 frame[BUFFER];

	rg_frame(frame, len, seq);
	return ktap_expect(rg_root_send(d, frame, len));
}

/* Frames of the lengths from @from to @to, into buffers of one kind. */
static bool lengths(size_t from, size_t to, size_t step, unsigned int size,
		    unsigned int cut, bool indirect)
{
	unsigned int each = cut && !indirect ? (size + cut - 1) / cut : 1;
	unsigned int batch = RG_NUM / each < BATCH ? RG_NUM / each : BATCH;
	unsigned int n, i;
	size_t len;

	for (len = from; len <= to; len += n * step) {
		for (n = 0; n < batch && len + n * step <= to; n++)
			add_buffer(size, cut, indirect);
		rg_kick(&d->vq[RG_RX]);
		for (i = 0; i < n; i++)
			if (!send_frame(len + i * step, len + i * step))
				return false;
		for (i = 0; i < n; i++)
			if (receive(len + i * step, len + i * step) != 1)
				return false;
	}
	return true;
}

static bool test_sizes(void)
{
	u64 frames, bytes, want = 0;
	size_t len;
	bool ok;

	start(RG_FEATURES);
	frames = rg_counter(d, "rx_frames");
	bytes = rg_counter(d, "rx_bytes");
	ok = lengths(RG_ETH_HLEN, RG_FRAME_MAX, 1, 1600, 0, false);
	for (len = RG_ETH_HLEN; len <= RG_FRAME_MAX; len++)
		want += len;
	return ok & ktap_expect_eq(rg_counter(d, "rx_frames") - frames,
				   RG_FRAME_MAX - RG_ETH_HLEN + 1) &
	       ktap_expect_eq(rg_counter(d, "rx_bytes") - bytes, want) &
	       ktap_expect(rg_works(d));
}

/* Each shape of a buffer that holds a whole frame; the header astride, too. */
static bool test_way(const struct way *w)
{
	bool ok;

	start(w->features);
	ok = lengths(RG_ETH_HLEN, 70, 1, 1600, 0, false) &&
	     lengths(RG_ETH_HLEN, 70, 1, 90, 7, false) &&
	     lengths(1500, RG_FRAME_MAX, 1, 1600, 800, false) &&
	     /* To the last byte. */
	     lengths(RG_FRAME_MAX, RG_FRAME_MAX, 1, d->hdr_len + RG_FRAME_MAX,
		     0, false) &&
	     lengths(60, 60, 1, d->hdr_len + 60, d->hdr_len, false);
	if (ok && rg_has(d, VIRTIO_RING_F_INDIRECT_DESC))
		ok = lengths(RG_ETH_HLEN, 70, 1, 90, 11, true) &&
		     lengths(1500, RG_FRAME_MAX, 1, 1600, 199, true);
	return ok && ktap_expect(rg_works(d));
}

/* One frame over several buffers. */
static bool mergeable(unsigned int size, unsigned int cut, size_t len)
{
	unsigned int n = (d->hdr_len + len + size - 1) / size, i;

	for (i = 0; i < n; i++)
		add_buffer(size, cut, false);
	rg_kick(&d->vq[RG_RX]);
	if (send_frame(len, len) && ktap_expect_eq(receive(len, len), n))
		return true;
	ktap_diag("%zu bytes in buffers of %u", len, size);
	return false;
}

static bool test_mergeable(u64 features)
{
	static const unsigned int sizes[] = { 12, 13, 64, 100, 512, 1525 };
	unsigned int i;
	bool ok = true;
	size_t len;

	start(features);
	for (i = 0; i < RG_ARRAY_SIZE(sizes); i++) {
		/* At least one buffer more, or less, at these. */
		for (len = 2 * sizes[i] - 14; len < 2 * sizes[i] - 8; len++)
			if (len >= RG_ETH_HLEN && len <= RG_FRAME_MAX)
				ok &= mergeable(sizes[i], 0, len);
		if (RG_FRAME_MAX + 12 <= sizes[i] * RG_NUM)
			ok &= mergeable(sizes[i], 0, RG_FRAME_MAX);
	}
	/* All buffers of the queue, and header and count astride pieces. */
	ok &= mergeable(23, 0, RG_NUM * 23 - 12);
	ok &= mergeable(77, 11, 400);
	ok &= mergeable(40, 1 + 4, 150);
	return ok && ktap_expect(rg_works(d));
}

/* A buffer too small for the frame, for a driver that does not merge. */
static bool test_too_big(void)
{
	u64 drops, frames;
	bool ok;

	start(RG_FEATURES & ~RG_BIT(VIRTIO_NET_F_MRG_RXBUF));
	drops = rg_counter(d, "drop_rx_too_big");
	frames = rg_counter(d, "rx_frames");
	add_buffer(12 + 99, 0, false);
	rg_kick(&d->vq[RG_RX]);
	ok = send_frame(100, 1) && send_frame(1514, 2) &&
	     ktap_expect(ktap_wait_for(RG_LONG,
				       rg_counter(d, "drop_rx_too_big") ==
				       drops + 2));
	ok &= ktap_expect_eq(rg_used_idx(&d->vq[RG_RX]), 0);
	/* The buffer waits for one that fits. */
	ok = ok && send_frame(99, 3) && ktap_expect_eq(receive(99, 3), 1);
	return ok && ktap_expect_eq(rg_counter(d, "rx_frames"), frames + 1) &&
	       ktap_expect(rg_works(d));
}

/* Takes back a chain that was no receive buffer. */
static bool comes_back_empty(int head)
{
	struct vring_used_elem elem;

	return ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)) &&
	       ktap_expect_eq(elem.id, (u32)head) &&
	       ktap_expect_eq(elem.len, 0) && canaries_ok(head, 0);
}

/* Readable pieces, and too little room for a header: passed over. */
static bool test_bad_buffers(void)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rg_piece piece[2];
	u64 drops;
	int bad[4];
	bool ok = true;
	u8 *buf;
	int i;

	start(RG_FEATURES);
	drops = rg_counter(d, "drop_rx_buffer");
	for (i = 0; i < 2; i++) {
		u32 head = q->free[q->n_free - 1 - i];

		buf = buffer(head);
		rg_pattern(buf, BUFFER, ++pattern);
		q->seq[head] = pattern;
		piece[0] = RG_OUT(buf + 64, 1600);
		piece[1] = RG_IN(buf + 900, 600);
		bad[i] = rg_add(q, piece, i + 1);
	}
	bad[2] = add_buffer(11, 0, false);
	bad[3] = add_buffer(0, 0, false);
	add_buffer(1600, 0, false);
	rg_kick(q);
	ok = send_frame(300, 9);
	for (i = 0; i < 4; i++)
		ok = ok && comes_back_empty(bad[i]);
	return ok && ktap_expect_eq(receive(300, 9), 1) &&
	       ktap_expect_eq(rg_counter(d, "drop_rx_buffer"), drops + 4) &&
	       ktap_expect(rg_works(d));
}

/* No buffers: frames wait; then they come, in order, all of them. */
static bool test_empty_ring(const struct way *w)
{
	u64 frames, stops, wakes;
	u32 sent = 0, got = 0;
	bool ok = true;

	start(w->features);
	frames = rg_counter(d, "rx_frames");
	stops = rg_counter(d, "rx_stops");
	wakes = rg_counter(d, "rx_wakes");
	while (sent < 200)
		ok = ok && send_frame(60 + sent % 1000, sent), sent++;
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "rx_stops") >
						     stops));
	while (ok && got < sent) {
		unsigned int i, n = got % 7 + 1;

		stops = rg_counter(d, "rx_stops");
		for (i = 0; i < n; i++)
			add_buffer(1600, 0, false);
		if (!rg_kick(&d->vq[RG_RX])) {
			ktap_diag("no kick is wanted though the queue is stopped");
			ok = false;
		}
		for (i = 0; ok && i < n && got < sent; i++, got++)
			ok = receive(60 + got % 1000, got) == 1;
		/* All buffers are used: root stops, and has asked for a kick. */
		ok = ok && ktap_wait_for(RG_LONG, got == sent ||
					 rg_counter(d, "rx_stops") > stops);
	}
	ok = ok && ktap_expect_eq(rg_counter(d, "rx_frames"), frames + sent);
	ok = ok && ktap_expect(rg_counter(d, "rx_wakes") > wakes);
	return ok && ktap_expect_eq(rg_counter(d, "drop_rx_no_guest"), 0);
}

/*
 * A frame needs more buffers than there are: nothing is used, and the guest is
 * asked to kick for the buffer that was missing.
 */
static bool test_half_empty_ring(void)
{
	bool ok;

	start(RG_FEATURES);
	add_buffer(500, 0, false);
	add_buffer(500, 0, false);
	ok = ktap_expect(rg_kick(&d->vq[RG_RX]));
	ok = ok && send_frame(1400, 5) &&
	     ktap_wait_for(RG_LONG, rg_counter(d, "rx_stops"));
	ok = ok && ktap_expect_eq(rg_used_idx(&d->vq[RG_RX]), 0);
	add_buffer(500, 0, false);
	ok = ok && ktap_expect(rg_kick(&d->vq[RG_RX]));
	return ok && ktap_expect_eq(receive(1400, 5), 3) &&
	       ktap_expect(rg_works(d));
}

/*
 * A burst: root's stack cuts one large segment into frames and hands them over
 * together, which costs the guest one interrupt.
 */
static u32 send_burst(unsigned int frames)
{
	struct {
		struct virtio_net_hdr hdr;
		u8 eth[14], ip[20], tcp[20], data[64 * 100];
	} __attribute__((__packed__)) s = {
		.hdr = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			.hdr_len = 54, .gso_size = 100,
			.csum_start = 34, .csum_offset = 16,
		},
		.eth = { 2, 0, 0, 0xbb, 0, 1, 2, 0, 0, 0xbb, 0, 2, 0x08, 0 },
		.ip = { 0x45, [8] = 64, [9] = 6, [12] = 10, [16] = 10 },
		.tcp = { [12] = 0x50, [13] = 0x10 },
	};
	size_t len = sizeof(s) - sizeof(s.data) + frames * 100;
	size_t ip_len = len - sizeof(s.hdr) - sizeof(s.eth);
	int one = 1;

	s.ip[2] = ip_len >> 8;
	s.ip[3] = ip_len;
	setsockopt(d->sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
	len = rg_root_send(d, &s, len) ? frames : 0;
	one = 0;
	setsockopt(d->sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
	return len;
}

/* The next frame of a burst: in TCP's sequence. */
static bool receive_of_burst(u32 i)
{
	struct vring_used_elem elem;
	u32 seq;

	if (!ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)) ||
	    !ktap_expect_eq(elem.len, d->hdr_len + 54 + 100) ||
	    !canaries_ok(elem.id, elem.len))
		return false;
	memcpy(&seq, buffer(elem.id) + 64 + d->hdr_len + 34 + 4, sizeof(seq));
	return ktap_expect_eq(__builtin_bswap32(seq), i * 100);
}

static u16 steps;	/* in which used->idx went up, as another CPU saw it */
static bool watching;

static void *watch(void *unused)
{
	const struct rg_vq *q = &d->vq[RG_RX];
	u16 seen = rg_used_idx(q);

	(void)unused;
	rg_pin(0);
	steps = 0;
	__atomic_store_n(&watching, true, __ATOMIC_RELEASE);
	while (__atomic_load_n(&watching, __ATOMIC_RELAXED)) {
		u16 now = rg_used_idx(q);

		steps += now != seen;
		seen = now;
	}
	return NULL;
}

static bool send_watched_burst(void)
{
	pthread_t thread;
	bool ok;

	if (pthread_create(&thread, NULL, watch, NULL))
		rg_die("no thread");
	ktap_wait_for(RG_LONG, __atomic_load_n(&watching, __ATOMIC_ACQUIRE));
	ok = ktap_expect_eq(send_burst(RG_NUM), RG_NUM) &&
	     ktap_expect(rg_irqs(d, RG_LONG) > 0);
	__atomic_store_n(&watching, false, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return ok && ktap_expect(steps <= 1);
}

/* How often something was raised, without what was repeated. */
static u64 injections(void)
{
	u64 all, again;

	do {
		again = rg_counter(d, "reinjections");
		all = rg_counter(d, "injections");
	} while (rg_counter(d, "reinjections") != again);
	return all - again;
}

static bool burst(u64 features, u32 room)
{
	u64 before;
	u32 i;

	start(features);
	for (i = 0; i < room; i++)
		add_buffer(1600, 0, false);
	rg_kick(&d->vq[RG_RX]);
	while (rg_irqs(d, 5) || rg_ack(d))
		;
	before = injections();
	if (!send_watched_burst())
		return false;
	for (i = 0; i < room; i++)
		if (!receive_of_burst(i))
			return false;
	if (!ktap_expect_eq(injections() - before, 1))
		return false;
	rg_ack(d);
	for (; i < RG_NUM; i++) {
		add_buffer(1600, 0, false);
		rg_kick(&d->vq[RG_RX]);
		if (!receive_of_burst(i))
			return false;
	}
	return ktap_expect(rg_works(d));
}

/* It is shown to the guest at once. */
static bool test_burst(void)
{
	return burst(RG_FEATURES, RG_NUM) &&
	       burst(RG_FEATURES & ~RG_BIT(VIRTIO_RING_F_EVENT_IDX), RG_NUM);
}

/* What fits before the queue stops is not kept until it goes on. */
static bool test_burst_stops(void)
{
	return burst(RG_FEATURES, 5) &&
	       burst(RG_FEATURES & ~RG_BIT(VIRTIO_RING_F_EVENT_IDX), 5);
}

/* Nobody listens: the frame is dropped, and counted as that. */
static bool test_no_guest(void)
{
	u64 drops = rg_counter(d, "drop_rx_no_guest");
	bool ok;

	zone.used = 0;
	rg_negotiate(d, RG_FEATURES);
	/* A driver that receives nothing. */
	rg_queue_setup(d, RG_TX, RG_NUM);
	rg_driver_ok(d);
	ok = ktap_expect(rg_link_wait(d, true)) && send_frame(60, 1);
	return ok && ktap_expect(ktap_wait_for(RG_LONG,
					       rg_counter(d, "drop_rx_no_guest") ==
					       drops + 1)) &&
	       ktap_expect(rg_tx_one(d, 60, 2));
}

int main(void)
{
	unsigned int i;

	rg_setup();
	ktap_plan(9 + 2 * RG_ARRAY_SIZE(ways));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_sizes(), "all frame sizes");
	for (i = 0; i < RG_ARRAY_SIZE(ways); i++) {
		ktap_point(test_way(&ways[i]), "all shapes: %s", ways[i].name);
		ktap_point(test_empty_ring(&ways[i]),
			   "frames wait for buffers: %s", ways[i].name);
	}
	ktap_point(test_mergeable(RG_FEATURES), "mergeable buffers");
	ktap_point(test_mergeable(RG_BIT(VIRTIO_NET_F_MRG_RXBUF)),
		   "mergeable buffers without VERSION_1");
	ktap_point(test_half_empty_ring(), "too few buffers for a frame");
	ktap_point(test_too_big(), "a frame larger than the buffer");
	ktap_point(test_bad_buffers(), "chains that are no receive buffers");
	ktap_point(test_burst(), "a burst costs one interrupt");
	ktap_point(test_burst_stops(), "a burst larger than the ring");
	ktap_point(test_no_guest(), "no receive queue");
	return ktap_finish();
}
