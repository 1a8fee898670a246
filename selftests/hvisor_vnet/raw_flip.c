// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another CPU of the guest's changes what the device is reading, again and again
 * while it reads.  What was looked at is what is used: a frame crosses as one of
 * the things that it was, or goes nowhere, or breaks the queue; never is it
 * something else, and nothing but the guest's RAM is touched.
 *
 * Each point is of two sides, and has to have seen both.
 *
 * rig: smp=3 timeout=600
 */
#include "rawpacket.h"

#include <pthread.h>

#define ZONE_AT		0x100000
#define ZONE_SIZE	0x80000
#define GPA		0x40000000ull

#define MSS		1448
#define FRAMES		4000	/* by a header, or a buffer */
#define ROUNDS		20	/* by a descriptor; a broken queue takes longer */
#define FRAME		900
#define ORDER_LEN	3
#define QUEUES		(RG_CTRL + 1)

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;		/* two pieces of a chain, then two other frames */

#define PIECE		0x1000

/* The other CPU. */

/**
 * struct flip - something that changes
 * @at: where it is
 * @size: bytes; it changes all at once
 * @value: what it is in turn
 */
struct flip {
	void *at;
	unsigned int size;
	u64 value[2];
};

static struct flip flips[2];
static unsigned int n_flips;	/* of these are under way */
static unsigned long turns;	/* of the other CPU's loop, of its own doing */

static void flip_store(const struct flip *f, u64 value)
{
	switch (f->size) {
	case 1:
		__atomic_store_n((u8 *)f->at, value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((u16 *)f->at, value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((u32 *)f->at, value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((u64 *)f->at, value, __ATOMIC_RELAXED);
	}
}

/* Two that change, each at its own pace, are in each of four states. */
static void *flip_thread(void *unused)
{
	unsigned long turn = 0;
	unsigned int i;

	(void)unused;
	rg_pin(2);
	for (;; turn++) {
		unsigned int n = __atomic_load_n(&n_flips, __ATOMIC_ACQUIRE);

		for (i = 0; i < n; i++)
			flip_store(&flips[i], flips[i].value[turn >> i & 1]);
		__atomic_store_n(&turns, turn, __ATOMIC_RELEASE);
		if (!n)
			usleep(20);
	}
	return NULL;
}

static unsigned long flip_turns(void)
{
	return __atomic_load_n(&turns, __ATOMIC_ACQUIRE);
}

/* Two ends of a turn: between them was one that saw @n. */
static void flip(unsigned int n)
{
	unsigned long then;

	__atomic_store_n(&n_flips, n, __ATOMIC_RELEASE);
	then = flip_turns();
	if (!ktap_wait_for(RG_LONG, flip_turns() > then + 1))
		rg_die("the other CPU stands still");
}

#define flip_set(_i, _field, _a, _b)					\
	(flips[_i] = (struct flip){					\
		.at = &(_field), .size = sizeof(_field),		\
		.value = { (_a), (_b) } })

/* What both sides of a point have come to. */
struct sides {
	unsigned int side[2];
};

/*
 * Offer many, one after the other, until what changes is left alone. @one returns
 * which side it was, or -1 for neither.
 */
static bool offer_many(struct sides *s, int (*one)(void))
{
	u64 left = ktap_scaled(FRAMES);
	int side = 0;

	for (; side >= 0 && left; left--) {
		side = one();
		if (side >= 0)
			s->side[side]++;
	}
	flip(0);
	return side >= 0;
}

static bool seen_both(const struct sides *s, const char *one, const char *two)
{
	ktap_diag("%u %s, %u %s", s->side[0], one, s->side[1], two);
	return ktap_expect(s->side[0]) && ktap_expect(s->side[1]);
}

static void start(u64 features)
{
	rg_start(d, features);
	buf = rg_alloc(&zone, 4 * PIECE, PIECE);
	memset(buf, 0, 4 * PIECE);
}

static bool comes_back(struct rg_vq *q, struct vring_used_elem *elem)
{
	return ktap_expect(rg_wait_used(q, elem));
}

/* A header of a frame's: one that may be sent, and one that may not. */

static int root;
static u8 got[RP_MAX];

/* Return: 1 if it arrived as what was allowed, 0 if it did not arrive, or -1. */
static int header_one(void)
{
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + PIECE);
	struct vring_used_elem elem;
	struct virtio_net_hdr hdr;
	u16 vid;

	rg_add(&d->vq[RG_TX], &piece, 1);
	rg_kick(&d->vq[RG_TX]);
	if (!comes_back(&d->vq[RG_TX], &elem))
		return -1;
	if (rp_recv(root, &hdr, got, &vid, 0) < 0)
		return 0;
	return ktap_expect_eq(hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4) ? 1 : -1;
}

/* ECN was not negotiated; no check but ours minds it. */
static bool test_header(void)
{
	const struct rp_kind kind = { .name = "TCP, IPv4" };
	struct virtio_net_hdr *hdr;
	struct sides seen = {};
	u64 drops;
	bool ok;

	start(RG_FEATURES | RG_BIT(VIRTIO_NET_F_CSUM) |
	      RG_BIT(VIRTIO_NET_F_HOST_TSO4));
	hdr = (struct virtio_net_hdr *)buf;
	rp_make(buf + d->hdr_len, hdr, &kind, PIECE - rp_headers(&kind), MSS, 1);
	root = rp_socket(d->name);
	drops = rg_counter(d, "drop_tx_header");
	flip_set(0, hdr->gso_type, VIRTIO_NET_HDR_GSO_TCPV4,
		 VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
	flip(1);
	ok = offer_many(&seen, header_one);
	close(root);
	rg_root_flush(d);
	return ok && seen_both(&seen, "refused", "arrived") &&
	       ktap_expect_eq(rg_counter(d, "drop_tx_header") - drops,
			      seen.side[0]);
}

/* A buffer's address and its length: each of the four is right. */

static const u32 lens[] = { 100, FRAME };

static u8 *frame_at(unsigned int i)
{
	return buf + (2 + i) * PIECE;
}

/* The chain's second piece is what changes. */
static void flip_buffer(struct rg_vq *q, u32 len0, u32 len1)
{
	q->desc[1].flags = q->index == RG_RX ? VRING_DESC_F_WRITE : 0;
	flip_set(0, q->desc[1].addr, rg_gpa(&zone, frame_at(0)),
		 rg_gpa(&zone, frame_at(1)));
	flip_set(1, q->desc[1].len, len0, len1);
	flip(2);
}

/* The chain begins with descriptor 0, whatever that says; not published yet. */
static void add_chain(struct rg_vq *q)
{
	q->avail->ring[q->avail_idx++ % q->num] = 0;
	q->len[0] = 1;
	q->n_free--;
}

static void offer(struct rg_vq *q)
{
	add_chain(q);
	rg_publish(q);
	rg_notify(q);
}

static void first_piece(struct rg_vq *q, u32 len)
{
	q->desc[0] = (struct vring_desc) {
		.addr = rg_gpa(&zone, buf), .len = len, .next = 1,
		.flags = VRING_DESC_F_NEXT |
			 (q->index == RG_RX ? VRING_DESC_F_WRITE : 0),
	};
}

/* Return: which of the two frames it is, or -1. */
static int tx_which(void)
{
	struct vring_used_elem elem;
	u8 arrived[2048];
	unsigned int i;
	ssize_t len;

	offer(&d->vq[RG_TX]);
	if (!comes_back(&d->vq[RG_TX], &elem))
		return -1;
	len = rg_root_recv(d, arrived, sizeof(arrived), RG_LONG);
	if (!ktap_expect(len == lens[0] || len == lens[1]))
		return -1;
	for (i = 0; i < 2; i++)
		if (!memcmp(arrived, frame_at(i), len))
			return i;
	ktap_diag("%zd bytes that are of neither frame", len);
	return -1;
}

static bool test_tx_buffer(void)
{
	struct sides seen = {};
	unsigned int i;

	start(RG_FEATURES);
	first_piece(&d->vq[RG_TX], d->hdr_len);
	for (i = 0; i < 2; i++)
		rg_frame(frame_at(i), FRAME, i + 1);
	flip_buffer(&d->vq[RG_TX], lens[0], lens[1]);
	return offer_many(&seen, tx_which) &&
	       seen_both(&seen, "from one", "from the other");
}

/* One of the two buffers holds the frame; nothing else was written to them. */
static int rx_where(const u8 *frame)
{
	u8 want[PIECE];
	int i;

	for (i = 0; i < 2; i++) {
		rg_pattern(want, PIECE, 9);
		if (memcmp(frame_at(!i), want, PIECE))
			continue;
		memcpy(want, frame, FRAME);
		if (!memcmp(frame_at(i), want, PIECE))
			return i;
	}
	ktap_diag("the frame is in neither buffer, or in both");
	return -1;
}

/* Return: which of the two buffers the frame is in, or -1. */
static int rx_which(void)
{
	struct vring_used_elem elem;
	u8 frame[FRAME];
	int i;

	for (i = 0; i < 2; i++)
		rg_pattern(frame_at(i), PIECE, 9);
	rg_frame(frame, FRAME, 3);
	offer(&d->vq[RG_RX]);
	if (!ktap_expect(rg_root_send(d, frame, FRAME)) ||
	    !comes_back(&d->vq[RG_RX], &elem) ||
	    !ktap_expect_eq(elem.len, d->hdr_len + FRAME))
		return -1;
	return rx_where(frame);
}

static bool test_rx_buffer(void)
{
	struct sides seen = {};

	start(RG_FEATURES & ~RG_BIT(VIRTIO_NET_F_MRG_RXBUF));
	first_piece(&d->vq[RG_RX], d->hdr_len);
	flip_buffer(&d->vq[RG_RX], FRAME, PIECE);
	return offer_many(&seen, rx_which) &&
	       seen_both(&seen, "in one", "in the other");
}

/* A descriptor, a table, an index: right, and such as break the queue. */

static void flip_address(struct rg_vq *q)
{
	flip_set(0, q->desc[1].addr, q->desc[1].addr, GPA + ZONE_SIZE);
}

static void flip_root_address(struct rg_vq *q)
{
	flip_set(0, q->desc[0].addr, q->desc[0].addr, zone.pa);
}

static void flip_length(struct rg_vq *q)
{
	flip_set(0, q->desc[1].len, q->desc[1].len, 0xffffffff);
}

static void flip_next(struct rg_vq *q)
{
	q->desc[2] = q->desc[1];
	q->desc[2].addr = GPA - 1;
	flip_set(0, q->desc[0].next, 1, 2);
}

static void flip_next_far(struct rg_vq *q)
{
	flip_set(0, q->desc[0].next, 1, 0xffff);
}

static void flip_head(struct rg_vq *q)
{
	flip_set(0, q->avail->ring[q->avail_idx % q->num], 0, q->num);
}

static void flip_avail(struct rg_vq *q)
{
	const u16 next = q->avail_idx + 1;

	/* Too far ahead even when the chain has been taken. */
	flip_set(0, q->avail->idx, next, (u16)(next + q->num + 1));
}

/* The same two pieces, by a table. */
static void use_table(struct rg_vq *q)
{
	memcpy(q->table, q->desc, 2 * sizeof(*q->desc));
	q->desc[0] = (struct vring_desc) {
		.addr = rg_gpa(&zone, q->table), .len = 2 * sizeof(*q->desc),
		.flags = VRING_DESC_F_INDIRECT,
	};
}

static void flip_table(struct rg_vq *q)
{
	use_table(q);
	flip_set(0, q->desc[0].addr, q->desc[0].addr, GPA + ZONE_SIZE - 16);
}

static void flip_table_length(struct rg_vq *q)
{
	use_table(q);
	flip_set(0, q->desc[0].len, 2 * sizeof(*q->desc), 0xfffffff0);
}

static void flip_table_address(struct rg_vq *q)
{
	use_table(q);
	flip_set(0, q->table[1].addr, q->table[1].addr, zone.pa);
}

static void flip_table_next(struct rg_vq *q)
{
	use_table(q);
	flip_set(0, q->table[0].next, 1, 2);
}

static const struct spot {
	const char *name;
	void (*set)(struct rg_vq *q);
} spots[] = {
	{ "a buffer's address", flip_address },
	{ "a buffer's address, to root's of the same RAM", flip_root_address },
	{ "a buffer's length", flip_length },
	{ "what follows a descriptor", flip_next },
	{ "what follows a descriptor, to far out", flip_next_far },
	{ "a chain's head", flip_head },
	{ "the available index", flip_avail },
	{ "an indirect table's address", flip_table },
	{ "an indirect table's length", flip_table_length },
	{ "a buffer's address in an indirect table", flip_table_address },
	{ "what follows a descriptor in an indirect table", flip_table_next },
};

/* What is all right, but for what changes. */
static void good_chain(struct rg_vq *q)
{
	static const u8 order[ORDER_LEN] = {
		VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1
	};

	first_piece(q, q->index == RG_CTRL ? ORDER_LEN : d->hdr_len);
	q->desc[1] = (struct vring_desc) {
		.addr = rg_gpa(&zone, buf + PIECE),
		.len = q->index == RG_CTRL ? 1 : FRAME,
		.flags = q->index == RG_TX ? 0 : VRING_DESC_F_WRITE,
	};
	memset(buf, 0, d->hdr_len);
	memset(buf + PIECE, 0xaa, PIECE);
	if (q->index == RG_TX)
		rg_frame(buf + PIECE, FRAME, 4);
	if (q->index == RG_CTRL)
		memcpy(buf, order, sizeof(order));
}

static bool is_broken(void)
{
	return rg_get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* It did what it was there for, with the right answer. */
static bool crossed(const struct rg_vq *q, const struct vring_used_elem *elem)
{
	u8 frame[2048];
	ssize_t len;

	switch (q->index) {
	case RG_TX:
		len = rg_root_recv(d, frame, sizeof(frame), RG_LONG);
		return ktap_expect(len >= 0) &&
		       rg_frame_ok(frame, len, FRAME, 4);
	case RG_RX:
		return ktap_expect_eq(elem->len, d->hdr_len + FRAME) &&
		       rg_frame_ok(buf + PIECE, FRAME, FRAME, 4);
	default:
		return ktap_expect_eq(elem->len, 1) &&
		       ktap_expect_eq(buf[PIECE], VIRTIO_NET_OK);
	}
}

/* Return: 1 if it crossed, 0 if it broke the queue, or -1. */
static int spot_one(const struct spot *s, struct rg_vq *q)
{
	struct vring_used_elem elem;
	bool used = false;
	u8 frame[FRAME];
	int side;

	good_chain(q);
	s->set(q);
	flip(1);
	add_chain(q);
	/* Where the index is what changes it is published by that. */
	if (flips[0].at != &q->avail->idx)
		rg_publish(q);
	rg_frame(frame, FRAME, 4);
	if (q->index == RG_RX)
		rg_root_send(d, frame, FRAME);
	rg_notify(q);
	ktap_wait_for(RG_LONG, (used = rg_used(q, &elem)) || is_broken());
	flip(0);
	side = used ? 1 : 0;
	if (used ? !crossed(q, &elem) : !ktap_expect(is_broken()))
		side = -1;
	return side;
}

/* Each queue; what broke it once does not keep it from working again. */
static bool test_spot(const struct spot *s, unsigned int index)
{
	struct sides seen = {};
	unsigned int i;
	int side = 0;

	for (i = 0; side >= 0 && i < ROUNDS; i++) {
		if (!i || is_broken())
			start(RG_FEATURES | RG_CONTROL);
		side = spot_one(s, &d->vq[index]);
		if (side >= 0)
			seen.side[side]++;
	}
	if (side >= 0 && rg_guards_ok() && seen_both(&seen, "broken", "crossed"))
		return true;
	ktap_diag("queue %u: %s", index, s->name);
	return false;
}

static bool test_all_queues(const struct spot *s)
{
	unsigned int index;
	bool ok = true;

	for (index = 0; index < QUEUES; index++)
		ok = test_spot(s, index) && ok;
	return ok;
}

static bool test_works(void)
{
	rg_start(d, RG_FEATURES);
	return ktap_expect(rg_works(d)) && rg_guards_ok();
}

static const struct ktap_test tests[] = {
	{ "a frame's header", test_header },
	{ "a buffer to send, among such as are right", test_tx_buffer },
	{ "a buffer to fill, among such as are right", test_rx_buffer },
};

int main(void)
{
	pthread_t thread;
	unsigned int i;

	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests) + RG_ARRAY_SIZE(spots) + 1);
	rg_pin(1);
	rg_zone_add(&zone, 1, ZONE_AT, ZONE_SIZE, GPA);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_guard(&zone, ZONE_AT);
	if (pthread_create(&thread, NULL, flip_thread, NULL))
		rg_die("no second CPU");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	for (i = 0; i < RG_ARRAY_SIZE(spots); i++)
		ktap_point(test_all_queues(&spots[i]), "%s", spots[i].name);
	ktap_point(test_works(), "a device works after it");
	return ktap_finish();
}
