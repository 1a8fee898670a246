// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest breaks the rules of its rings, in each way there is.  The device stops
 * with DEVICE_NEEDS_RESET and an interrupt that says so; what the ring pointed
 * to is not followed: the rest of the guest's RAM, and what lies around it, is
 * as it was.  A reset brings the device back.
 */
#include "rawguest.h"

#define ZONE_AT		0x100000
#define ZONE_SIZE	0x80000
#define GPA		0x40000000ull

/* All three queues can be broken. */
#define FEATURES	(RG_FEATURES | RG_CONTROL)
#define QUEUES		(RG_CTRL + 1)

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *copy;
static u8 *buf;

static u64 end_of_ram(void)
{
	return GPA + ZONE_SIZE;
}

/* The chain under attack begins with descriptor 0, in a queue of buffers. */
static void set_desc(struct rg_vq *q, u16 i, u64 gpa, u32 len, u16 flags,
		     u16 next)
{
	if (q->index == RG_RX && !(flags & VRING_DESC_F_INDIRECT))
		flags |= VRING_DESC_F_WRITE;
	q->desc[i] = (struct vring_desc) {
		.addr = gpa, .len = len, .flags = flags, .next = next,
	};
}

static void set_table(struct rg_vq *q, u16 i, u64 gpa, u32 len, u16 flags,
		      u16 next)
{
	if (q->index == RG_RX && !(flags & VRING_DESC_F_INDIRECT))
		flags |= VRING_DESC_F_WRITE;
	q->table[i] = (struct vring_desc) {
		.addr = gpa, .len = len, .flags = flags, .next = next,
	};
}

static void good_desc(struct rg_vq *q, u16 i, u16 flags, u16 next)
{
	set_desc(q, i, rg_gpa(&zone, buf), 1600, flags, next);
}

static void good_table(struct rg_vq *q, u16 i, u16 flags, u16 next)
{
	set_table(q, i, rg_gpa(&zone, buf), 64, flags, next);
}

static void use_table(struct rg_vq *q, u32 len, u16 more_flags)
{
	set_desc(q, 0, rg_gpa(&zone, q->table), len,
		 VRING_DESC_F_INDIRECT | more_flags, 1);
}

static void avail_jump(struct rg_vq *q)
{
	q->avail_idx = q->num + 1;
}

static void avail_back(struct rg_vq *q)
{
	q->avail_idx = -1;
}

static void head_out(struct rg_vq *q)
{
	q->avail->ring[0] = q->num;
}

static void head_far_out(struct rg_vq *q)
{
	q->avail->ring[0] = 0xffff;
}

static void next_out(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT, q->num);
}

static void next_far_out(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT, 0xffff);
}

static void self_loop(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT, 0);
}

static void loop(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT, 1);
	good_desc(q, 1, VRING_DESC_F_NEXT, 2);
	good_desc(q, 2, VRING_DESC_F_NEXT, 1);
}

static void empty_loop(struct rg_vq *q)
{
	set_desc(q, 0, 0, 0, VRING_DESC_F_NEXT, 1);
	set_desc(q, 1, 0, 0, VRING_DESC_F_NEXT, 0);
}

static void table_loop(struct rg_vq *q)
{
	good_table(q, 0, VRING_DESC_F_NEXT, 1);
	good_table(q, 1, VRING_DESC_F_NEXT, 0);
	use_table(q, 2 * 16, 0);
}

static void nested(struct rg_vq *q)
{
	set_table(q, 0, rg_gpa(&zone, q->table + 8), 16, VRING_DESC_F_INDIRECT,
		  0);
	good_table(q, 8, 0, 0);
	use_table(q, 16, 0);
}

static void nested_own(struct rg_vq *q)
{
	set_desc(q, 0, rg_gpa(&zone, q->desc), 16, VRING_DESC_F_INDIRECT, 0);
}

static void table_next_out(struct rg_vq *q)
{
	good_table(q, 0, VRING_DESC_F_NEXT, 2);
	good_table(q, 2, 0, 0);
	use_table(q, 2 * 16, 0);
}

static void table_empty(struct rg_vq *q)
{
	use_table(q, 0, 0);
}

static void table_odd(struct rg_vq *q)
{
	good_table(q, 0, 0, 0);
	use_table(q, 17, 0);
}

static void table_short(struct rg_vq *q)
{
	good_table(q, 0, 0, 0);
	use_table(q, 15, 0);
}

static void table_and_next(struct rg_vq *q)
{
	good_table(q, 0, 0, 0);
	good_desc(q, 1, 0, 0);
	use_table(q, 16, VRING_DESC_F_NEXT);
}

static void table_outside(struct rg_vq *q)
{
	set_desc(q, 0, end_of_ram(), 16, VRING_DESC_F_INDIRECT, 0);
}

static void table_straddles(struct rg_vq *q)
{
	memset(zone.ram + ZONE_SIZE - 16, 0, 16);
	set_desc(q, 0, end_of_ram() - 16, 32, VRING_DESC_F_INDIRECT, 0);
}

static void table_wraps(struct rg_vq *q)
{
	set_desc(q, 0, -16ull, 64, VRING_DESC_F_INDIRECT, 0);
}

static void before_ram(struct rg_vq *q)
{
	set_desc(q, 0, GPA - 0x1000, 0x800, 0, 0);
}

static void into_ram(struct rg_vq *q)
{
	set_desc(q, 0, GPA - 8, 1600, 0, 0);
}

static void after_ram(struct rg_vq *q)
{
	set_desc(q, 0, end_of_ram(), 1600, 0, 0);
}

static void straddles(struct rg_vq *q)
{
	set_desc(q, 0, end_of_ram() - 1599, 1600, 0, 0);
}

static void second_straddles(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT, 1);
	set_desc(q, 1, end_of_ram() - 1, 2, 0, 0);
}

static void wraps(struct rg_vq *q)
{
	set_desc(q, 0, -64ull, 1600, 0, 0);
}

static void wraps_into_ram(struct rg_vq *q)
{
	set_desc(q, 0, rg_gpa(&zone, buf), 0xffffffff, 0, 0);
}

static void root_address(struct rg_vq *q)
{
	set_desc(q, 0, zone.pa, 1600, 0, 0);
}

static void null_address(struct rg_vq *q)
{
	set_desc(q, 0, 0, 1600, 0, 0);
}

static void bad_order(struct rg_vq *q)
{
	good_desc(q, 0, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	good_desc(q, 1, 0, 0);
	q->desc[1].flags = 0;
}

static void table_bad_order(struct rg_vq *q)
{
	good_table(q, 0, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	good_table(q, 1, 0, 0);
	q->table[1].flags = 0;
	use_table(q, 2 * 16, 0);
}

static void table_not_negotiated(struct rg_vq *q)
{
	good_table(q, 0, 0, 0);
	use_table(q, 16, 0);
}

static const struct fault {
	const char *name;
	void (*make)(struct rg_vq *q);
	u64 without;	/* features not negotiated */
} faults[] = {
	{ "available index too far ahead", avail_jump, 0 },
	{ "available index goes back", avail_back, 0 },
	{ "head behind the table", head_out, 0 },
	{ "head far behind the table", head_far_out, 0 },
	{ "next behind the table", next_out, 0 },
	{ "next far behind the table", next_far_out, 0 },
	{ "a descriptor that follows itself", self_loop, 0 },
	{ "a loop", loop, 0 },
	{ "a loop of empty buffers", empty_loop, 0 },
	{ "a loop in an indirect table", table_loop, 0 },
	{ "an indirect table in an indirect table", nested, 0 },
	{ "the ring's table as an indirect table in itself", nested_own, 0 },
	{ "next behind an indirect table", table_next_out, 0 },
	{ "an empty indirect table", table_empty, 0 },
	{ "an indirect table of 17 bytes", table_odd, 0 },
	{ "an indirect table of 15 bytes", table_short, 0 },
	{ "an indirect table and a next descriptor", table_and_next, 0 },
	{ "an indirect table outside of RAM", table_outside, 0 },
	{ "an indirect table straddling the end of RAM", table_straddles, 0 },
	{ "an indirect table around the end of the address space",
	  table_wraps, 0 },
	{ "indirect without VIRTIO_F_INDIRECT_DESC", table_not_negotiated,
	  RG_BIT(VIRTIO_RING_F_INDIRECT_DESC) },
	{ "a buffer before RAM", before_ram, 0 },
	{ "a buffer from before RAM into it", into_ram, 0 },
	{ "a buffer behind RAM", after_ram, 0 },
	{ "a buffer straddling the end of RAM", straddles, 0 },
	{ "a second buffer straddling the end of RAM", second_straddles, 0 },
	{ "a buffer around the end of the address space", wraps, 0 },
	{ "a buffer of 4 GiB", wraps_into_ram, 0 },
	{ "a buffer at root's address of the RAM", root_address, 0 },
	{ "a buffer at 0", null_address, 0 },
	{ "a readable buffer behind a writable one", bad_order, 0 },
	{ "the same in an indirect table", table_bad_order, 0 },
};

/* Nothing but the used rings may differ from the copy. */
static bool ram_ok(void)
{
	unsigned int i;
	size_t at;

	for (i = 0; i < QUEUES; i++) {
		const struct rg_vq *q = &d->vq[i];

		if (!q->used)
			continue;
		at = (u8 *)q->used - zone.ram;
		memcpy(copy + at, q->used, (u8 *)q->table - (u8 *)q->used);
	}
	if (!memcmp(copy, zone.ram, ZONE_SIZE))
		return true;
	for (at = 0; copy[at] == zone.ram[at]; at++)
		;
	ktap_diag("the guest's RAM changed at %#zx", at);
	return false;
}

/* The device has stopped, and says so. */
static bool needs_reset(void)
{
	return ktap_expect(ktap_wait_for(RG_LONG,
					 rg_get(d, VIRTIO_MMIO_STATUS) &
					 VIRTIO_CONFIG_S_NEEDS_RESET)) &&
	       ktap_expect(rg_irqs(d, RG_LONG) > 0) &&
	       ktap_expect(rg_ack(d) & VIRTIO_MMIO_INT_CONFIG);
}

static bool root_got_nothing(void)
{
	u8 got[64];

	return ktap_expect(rg_root_recv(d, got, sizeof(got), 0) < 0);
}

static void start(u64 features)
{
	/* Also what the last fault left in RAM is no business of the next. */
	rg_reset(d);
	rg_pattern(zone.ram, ZONE_SIZE, 3);
	rg_start(d, features);
	buf = rg_alloc(&zone, 4096, 4096);
	while (rg_ack(d) || rg_irqs(d, 1))
		;
}

static bool test_fault(const struct fault *f, unsigned int index)
{
	u64 broken = rg_counter(d, "broken");
	struct rg_vq *q;
	u8 frame[60];
	bool ok;

	start(FEATURES & ~f->without);
	q = &d->vq[index];
	memset(buf, 0, 12);
	rg_frame(buf + 12, 1588, 1);
	q->avail->ring[0] = 0;
	q->avail_idx = 1;
	good_desc(q, 0, 0, 0);
	f->make(q);
	memcpy(copy, zone.ram, ZONE_SIZE);
	memcpy(copy + ((u8 *)q->avail - zone.ram) + 2, &q->avail_idx, 2);

	rg_publish(q);
	rg_notify(q);
	rg_frame(frame, sizeof(frame), 2);
	if (index == RG_RX)
		rg_root_send(d, frame, sizeof(frame));
	ok = needs_reset();
	ok = ok && ktap_expect_eq(rg_used_idx(q), 0);
	/* More of the same, or a good chain, changes nothing. */
	rg_notify(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_RX]);
	ok = ok && ktap_expect_eq(rg_used_idx(q), 0) && ram_ok() &&
	     rg_guards_ok() && root_got_nothing() &&
	     ktap_expect_eq(rg_counter(d, "broken"), broken + 1);
	if (!ok)
		ktap_diag("queue %u: %s", index, f->name);
	return ok;
}

/* Where a queue must not be; set up by hand. */
struct place {
	const char *name;
	int desc, avail, used;	/* offsets from where it is, in bytes */
	u64 where;		/* or all of it here */
};

static const struct place places[] = {
	{ .name = "queue: descriptor table misaligned", .desc = 8 },
	{ .name = "queue: available ring misaligned", .avail = 1 },
	{ .name = "queue: used ring misaligned", .used = 2 },
	{ .name = "queue: descriptor table and available ring overlap",
	  .avail = -2 },
	{ .name = "queue: available and used ring overlap", .used = -4 },
	{ .name = "queue: behind RAM", .where = GPA + ZONE_SIZE },
	{ .name = "queue: before RAM", .where = GPA - 0x2000 },
	{ .name = "queue: straddling the end of RAM",
	  .where = GPA + ZONE_SIZE - RG_NUM * 16 - 16 },
	{ .name = "queue: around the end of the address space", .where = -0x200ull },
	{ .name = "queue: at 0", .where = 0x10 },
};

static void set_place(u32 low, u64 gpa)
{
	rg_set(d, low, gpa);
	rg_set(d, low + 4, gpa >> 32);
}

static void setup_at(const struct place *p, unsigned int index)
{
	u64 desc, avail, used;

	desc = rg_gpa(&zone, rg_alloc(&zone, 4096, 4096));
	if (p->where)
		desc = p->where;
	avail = desc + RG_NUM * 16;
	used = avail + 6 + 2 * RG_NUM + 2;
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, index);
	rg_set(d, VIRTIO_MMIO_QUEUE_NUM, RG_NUM);
	set_place(VIRTIO_MMIO_QUEUE_DESC_LOW, desc + p->desc);
	set_place(VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail + p->avail);
	set_place(VIRTIO_MMIO_QUEUE_USED_LOW, used + p->used);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* At DRIVER_OK, or later when the driver makes the queue ready. */
static bool test_place(const struct place *p, unsigned int index, bool later)
{
	bool ok;

	rg_reset(d);
	rg_pattern(zone.ram, ZONE_SIZE, 3);
	zone.used = 0;
	rg_negotiate(d, FEATURES);
	rg_queue_setup(d, !index, RG_NUM);
	if (later)
		rg_driver_ok(d);
	rg_queue_alloc(d, index, RG_NUM);
	memcpy(copy, zone.ram, ZONE_SIZE);
	setup_at(p, index);
	if (!later)
		rg_driver_ok(d);
	ok = needs_reset() && ram_ok() && rg_guards_ok();
	if (!ok)
		ktap_diag("%s, queue %u", p->name, index);
	return ok;
}

/* A device that does not notice takes its time to say so: enough is enough. */
static void point(bool ok, const char *what)
{
	ktap_point(ok, "%s", what);
	if (ktap_failures > 2)
		rg_die("no use going on");
}

int main(void)
{
	unsigned int i, index;
	bool ok;

	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(faults) + RG_ARRAY_SIZE(places));
	rg_zone_add(&zone, 1, ZONE_AT, ZONE_SIZE, GPA);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_guard(&zone, ZONE_AT);
	copy = malloc(ZONE_SIZE);
	if (!copy)
		rg_die("out of memory");

	for (i = 0; i < RG_ARRAY_SIZE(faults); i++) {
		for (ok = true, index = 0; index < QUEUES; index++) {
			ok &= test_fault(&faults[i], index);
			rg_start(d, FEATURES);
			ok &= ktap_expect(rg_works(d));
		}
		point(ok, faults[i].name);
	}
	for (i = 0; i < RG_ARRAY_SIZE(places); i++) {
		for (ok = true, index = 0; index < QUEUES; index++)
			ok &= test_place(&places[i], index, false) &&
			      test_place(&places[i], index, true);
		rg_start(d, FEATURES);
		ok &= ktap_expect(rg_works(d));
		point(ok, places[i].name);
	}
	return ktap_finish();
}
