// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that does anything at all: registers, rings, descriptors, headers and
 * orders at random, but near enough to what makes sense to get far, while root
 * sends, and uses its own files.  A run is told by its seed.  The guest lives
 * many times; after each life nothing beside its RAM has changed, another zone's
 * device works, and a driver that does it right finds a device that works.
 *
 * In the kernel's command line: HVNET_SEED, HVNET_LIVES, or HVNET_SECS instead.
 */
#include "rawpacket.h"

#define ZONE_AT		0x200000
#define ZONE_SIZE	0x200000
#define GPA		0x40000000ull
#define ACTIONS		150	/* in a life */
#define LIVES		12
#define QUEUES		(RG_CTRL + 1)

static struct rg_zone zone[2];
static struct rg_dev dev[2], *d = &dev[0], *other = &dev[1];
static u8 *buf;		/* 256 KiB for all that is sent or received */
static u64 seed;
static u64 done[16];	/* actions, by kind */

/* SplitMix64. */
static u64 rnd(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static u32 below(u32 n)
{
	return rnd() % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

static u64 env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Mostly a buffer that may be used. */
static u64 any_address(void)
{
	const u64 odd[] = {
		0, GPA - 1, GPA + ZONE_SIZE - 1, GPA + ZONE_SIZE, -16ull,
		zone[0].pa, zone[1].pa, rnd(), GPA + below(ZONE_SIZE),
	};

	if (one_in(12))
		return odd[below(RG_ARRAY_SIZE(odd))];
	return rg_gpa(&zone[0], buf) + below(0x30000);
}

static u32 any_length(void)
{
	const u32 odd[] = { 0, 1, 10, 12, 13, 0x10000, 0x7fffffff, ~0u };

	if (one_in(6))
		return odd[below(RG_ARRAY_SIZE(odd))];
	return one_in(3) ? below(0x10000) : 12 + below(2048);
}

/* A value such as a register may be given. */
static u64 any_value(void)
{
	switch (below(6)) {
	case 0:
		return rnd();
	case 1:
		return 1ull << below(64);
	case 2:
		return any_address();
	case 3:
		return below(256);
	default:
		return below(4);
	}
}

/* The actions */

static void touch_register(void)
{
	u32 size = one_in(8) ? 1u << below(4) : 4;
	u32 offset = one_in(8) ? below(0x200) : 4 * below(0x50);

	if (one_in(4))
		offset = VIRTIO_MMIO_QUEUE_NOTIFY;
	if (offset + size > 0x200)
		return;
	/* A life would be over too soon. */
	if (offset == VIRTIO_MMIO_STATUS && !one_in(8))
		return;
	rg_access(d, d->addr + offset, size, rnd() & 1, any_value());
}

static struct rg_vq *any_queue(void)
{
	return &d->vq[below(QUEUES)];
}

static void any_desc(struct vring_desc *desc, unsigned int table_size, bool in)
{
	*desc = (struct vring_desc) {
		.addr = any_address(), .len = any_length(),
		.flags = (in ? VRING_DESC_F_WRITE : 0) |
			 (one_in(3) ? VRING_DESC_F_NEXT : 0),
		.next = one_in(30) ? rnd() : below(table_size),
	};
	if (one_in(20))
		desc->flags ^= 1u << below(4);
}

static void write_descs(void)
{
	struct rg_vq *q = any_queue();
	unsigned int n = 1 + below(8), at;

	while (q->desc && n--) {
		at = below(q->num);
		any_desc(&q->desc[at], q->num, q->index == RG_RX);
		if (one_in(4)) {
			any_desc(&q->table[at], RG_TABLE, q->index == RG_RX);
			q->desc[at].addr = rg_gpa(&zone[0], &q->table[at]) +
					   (one_in(4) ? below(16) : 0);
			q->desc[at].len = 16 * below(RG_TABLE + 1);
			q->desc[at].flags = VRING_DESC_F_INDIRECT;
		}
	}
}

static void make_available(void)
{
	struct rg_vq *q = any_queue();
	unsigned int n = 1 + below(16);

	if (!q->avail)
		return;
	while (n--)
		q->avail->ring[q->avail_idx++ % q->num] =
			one_in(60) ? rnd() : below(q->num);
	if (one_in(60))
		q->avail_idx += rnd();
	if (one_in(8))
		q->avail->ring[q->num] = rnd();
	if (one_in(8))
		q->avail->flags = rnd();
	rg_publish(q);
	if (!one_in(4))
		rg_notify(q);
}

/* A frame that is nearly one, in one chain that is one. */
static void transmit(void)
{
	static const struct rp_kind kinds[] = {
		{ .name = "" }, { .v6 = true }, { .udp = true },
		{ .ecn = true }, { .vid = 5 },
	};
	const struct rp_kind *k = &kinds[below(RG_ARRAY_SIZE(kinds))];
	u8 *at = buf + 0x30000;
	struct rg_piece piece;
	struct virtio_net_hdr hdr;
	size_t len;

	if (!d->vq[RG_TX].desc)
		return;
	memset(at, 0, 12);
	len = rp_make(at + d->hdr_len, &hdr, k, 1 + below(4000),
		      one_in(2) ? 8 + below(1500) : 0, rnd());
	while (one_in(2))
		((u8 *)&hdr)[below(sizeof(hdr))] = rnd();
	while (one_in(2))
		at[d->hdr_len + below(80)] = rnd();
	memcpy(at, &hdr, sizeof(hdr));
	piece = RG_OUT(at, d->hdr_len + (one_in(4) ? below(len) : len));
	if (rg_add(&d->vq[RG_TX], &piece, 1) >= 0)
		rg_publish(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_TX]);
}

static void order(void)
{
	u8 *at = buf + 0x20000;
	struct rg_piece piece[] = { RG_OUT(at, 2 + below(80)), RG_IN(at + 200, 1) };
	unsigned int i;

	if (!d->vq[RG_CTRL].desc)
		return;
	for (i = 0; i < 100; i++)
		at[i] = one_in(2) ? below(3) : rnd();
	at[0] = below(6);
	at[1] = below(3);
	if (rg_add(&d->vq[RG_CTRL], piece, one_in(8) ? 1 : 2) >= 0)
		rg_publish(&d->vq[RG_CTRL]);
	rg_notify(&d->vq[RG_CTRL]);
}

static void receive_buffers(void)
{
	struct rg_piece piece = RG_IN(buf + below(0x1000), 1 + below(4096));
	unsigned int n = 1 + below(16);

	if (!d->vq[RG_RX].desc)
		return;
	while (n--)
		if (rg_add(&d->vq[RG_RX], &piece, 1) < 0)
			break;
	rg_publish(&d->vq[RG_RX]);
	rg_notify(&d->vq[RG_RX]);
}

static void root_sends(void)
{
	unsigned int n = 1 + below(8);
	u8 frame[1600];

	while (n--) {
		rg_frame(frame, 60 + below(1400), rnd());
		rg_root_send(d, frame, 60 + below(1400));
	}
	rg_root_flush(d);
}

static void acknowledge(void)
{
	rg_irqs(d, 0);
	rg_ack(d);
}

/* What root does with a device meanwhile. */
static void root_acts(void)
{
	switch (below(4)) {
	case 0:
		rg_link_set(d, one_in(2));
		break;
	case 1:
		rg_bus("reattach", "1\n");
		break;
	case 2:
		rg_counter(d, "tx_frames");
		rg_state(d, "features");
		break;
	default:
		rg_state(d, "status");
		break;
	}
}

/* A driver begins, with some features and queues of some size. */
static void begin(void)
{
	static const u16 sizes[] = { 1, 2, 4, 16, 64, 64, 256 };
	u64 all = RG_ALL | rg_uso();
	unsigned int i, queues = QUEUES;

	zone[0].used = 0;
	rg_negotiate(d, one_in(2) ? all : all & (rnd() | rnd()));
	if (!rg_has(d, VIRTIO_NET_F_CTRL_VQ))
		queues = RG_QUEUES;
	for (i = 0; i < queues; i++)
		if (!one_in(12))
			rg_queue_setup(d, i, sizes[below(RG_ARRAY_SIZE(sizes))]);
	buf = rg_alloc(&zone[0], 0x50000, 4096);
	if (!one_in(12))
		rg_driver_ok(d);
}

static void (*const actions[])(void) = {
	touch_register, touch_register, write_descs, make_available,
	make_available, transmit, transmit, order, receive_buffers,
	receive_buffers, root_sends, root_sends, acknowledge, root_acts,
};

static void live(void)
{
	unsigned int i, which;

	begin();
	for (i = 0; i < ACTIONS; i++) {
		which = below(RG_ARRAY_SIZE(actions));
		actions[which]();
		done[which]++;
		if ((rg_get(d, VIRTIO_MMIO_STATUS) &
		     VIRTIO_CONFIG_S_NEEDS_RESET) && one_in(4))
			begin();
	}
}

/* All is as it should be, and a driver finds a device that works. */
static bool all_well(void)
{
	/* What waits for the last driver is not the next one's. */
	rg_forsake(d);
	rg_start(d, RG_FEATURES);
	return rg_guards_ok() &&
	       ktap_expect(rg_works(d)) && ktap_expect(rg_works(other)) &&
	       ktap_expect_eq(rg_sim_counter("gave_up"), 0);
}

static void set_up(void)
{
	rg_zone_add(&zone[0], 1, ZONE_AT, ZONE_SIZE, GPA);
	rg_zone_add(&zone[1], 2, 0x100000, 0x40000, GPA);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(other, &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	rg_guard(&zone[0], ZONE_AT);
	rg_start(other, RG_FEATURES);
}

int main(void)
{
	u64 secs = env("HVNET_SECS", 0), lives = env("HVNET_LIVES", LIVES), n;
	unsigned long long end;
	bool ok = true;
	u64 last;

	rg_setup();
	ktap_plan(1);
	seed = env("HVNET_SEED", 1);
	set_up();
	end = ktap_now_ns() + secs * 1000000000ull;
	for (n = 0; ok && (secs ? ktap_now_ns() < end : n < lives); n++) {
		last = seed;
		live();
		ok = all_well();
	}
	if (!ok)
		ktap_diag("life %llu, the first of HVNET_SEED=%#llx",
			  (unsigned long long)n, (unsigned long long)last);
	for (n = 0; n < RG_ARRAY_SIZE(actions); n++)
		ok &= ktap_expect(done[n]);
	ktap_point(ok, "seed %llu: nothing breaks",
		   (unsigned long long)env("HVNET_SEED", 1));
	return ktap_finish();
}
