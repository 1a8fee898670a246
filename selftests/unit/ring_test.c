// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of ring.c against a driver played here: what a good driver expects, each
 * way in which a bad one breaks its ring, and chains at random compared with a
 * model that follows the words of virtio 1.2, section 2.7.
 */
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "ktap.h"
#include "memory.h"
#include "ring.h"

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define INDIR	VRING_DESC_F_INDIRECT

/*
 * The zone: memory for rings, then for buffers, each its own allocation so that
 * ASan sees a step beyond; then a lot of memory that is never touched, for
 * lengths that add up to more than 32 bits.
 */
#define RINGS		0x40000000ULL
#define RINGS_SIZE	0x200000ULL
#define BUFS		0x80000000ULL
#define BUFS_SIZE	0x10000ULL
#define VAST		0x1000000000ULL
#define VAST_SIZE	0x200000000ULL
#define NOWHERE		0x70000000ULL

#define DESC		RINGS
#define AVAIL		(RINGS + 0x100000)
#define USED		(RINGS + 0x180000)
#define TABLE		BUFS

static struct hvnet_memory mem;
static struct hvnet_ring ring;
static struct hvnet_sg sg[32768];
static struct hvnet_chain chain = { .sg = sg };

/* The driver's side of the ring. */
static u16 num;
static struct vring_desc *desc;
static struct vring_avail *avail;
static struct vring_used *used;
static u16 driver_avail;

static void *guest(u64 ipa)
{
	void *at = hvnet_memory_at(&mem, ipa, 1);

	if (!at)
		abort();
	return at;
}

static void add_range(u64 ipa, u64 size, void *va)
{
	struct hvnet_range *r = &mem.range[mem.n++];

	if (!va || va == MAP_FAILED)
		abort();
	r->ipa = ipa;
	r->size = size;
	r->va = va;
}

static void set_up_memory(void)
{
	add_range(RINGS, RINGS_SIZE, aligned_alloc(4096, RINGS_SIZE));
	add_range(BUFS, BUFS_SIZE, aligned_alloc(4096, BUFS_SIZE));
	add_range(VAST, VAST_SIZE,
		  mmap(NULL, VAST_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static int start(u16 size, bool event_idx, bool indirect)
{
	const struct hvnet_ring_setup setup = {
		.num = size, .desc = DESC, .avail = AVAIL, .used = USED,
	};

	num = size;
	desc = guest(DESC);
	avail = guest(AVAIL);
	used = guest(USED);
	driver_avail = 0;
	memset(desc, 0, 16 * num);
	memset(avail, 0, 6 + 2 * num);
	memset(used, 0, 6 + 8 * num);
	/* A sg array of the size promised, no more: the rest is poison. */
	memset(sg, 0xee, sizeof(sg));
	return hvnet_ring_start(&ring, &mem, &setup, event_idx, indirect);
}

static void set_desc(struct vring_desc *table, u16 i, u64 addr, u32 len,
		     u16 flags, u16 next)
{
	table[i].addr = addr;
	table[i].len = len;
	table[i].flags = flags;
	table[i].next = next;
}

static void make_available(u16 head)
{
	avail->ring[driver_avail & (num - 1)] = head;
	__atomic_store_n(&avail->idx, ++driver_avail, __ATOMIC_RELEASE);
}

/* What was fetched, all of it. */
static void give_back(void)
{
	while (ring.used_idx != ring.last_avail)
		hvnet_ring_used(&ring, 0, 0);
	hvnet_ring_publish(&ring);
}

static u16 *avail_event(void)
{
	return (u16 *)&used->ring[num];
}

static u16 *used_event(void)
{
	return &avail->ring[num];
}

static void fetch_breaks(enum hvnet_ring_fault fault)
{
	const u16 last = ring.last_avail;

	CHECK(hvnet_ring_fetch(&ring, &chain) == -EPROTO);
	CHECK(ring.fault == fault);
	CHECK(ring.last_avail == last);
	/* Mending it does not help, and nothing makes a caller go round. */
	set_desc(desc, 0, BUFS, 1, 0, 0);
	avail->idx = last + 1;
	avail->ring[last & (num - 1)] = 0;
	CHECK(hvnet_ring_fetch(&ring, &chain) == -EPROTO);
	CHECK(!hvnet_ring_more(&ring, last));
	CHECK(!hvnet_ring_notify_on(&ring, last));
	CHECK(ring.fault == fault && ring.last_avail == last);
	/* What was taken before can still be given back. */
	hvnet_ring_used(&ring, 0, 0);
	hvnet_ring_publish(&ring);
	CHECK(used->idx == ring.used_idx);
}

#define BREAKS(fault)				\
	do {					\
		fetch_breaks(fault);		\
		CHECK_PASSED();			\
	} while (0)

/* Starting */

static int try(u16 size, u64 d, u64 a, u64 u)
{
	const struct hvnet_ring_setup setup = {
		.num = size, .desc = d, .avail = a, .used = u,
	};
	int err;

	memset(&ring, 0xa5, sizeof(ring));
	err = hvnet_ring_start(&ring, &mem, &setup, true, true);
	if (err && (ring.num || ring.desc || ring.avail || ring.used))
		abort();
	return err;
}

static void sizes(void)
{
	u32 n;

	for (n = 0; n < 65536; n++)
		CHECK(try(n, DESC, AVAIL, USED) ==
		      (n && n <= 32768 && !(n & (n - 1)) ? 0 : -EINVAL));
}

static void alignment(void)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		CHECK(try(4, DESC + i, AVAIL, USED) == (i % 16 ? -EINVAL : 0));
		CHECK(try(4, DESC, AVAIL + i, USED) == (i % 2 ? -EINVAL : 0));
		CHECK(try(4, DESC, AVAIL, USED + i) == (i % 4 ? -EINVAL : 0));
	}
}

static void areas_inside_ram(void)
{
	const u64 end = RINGS + RINGS_SIZE;
	u32 n;

	for (n = 1; n <= 32768; n *= 2) {
		const u64 d = 16ULL * n, a = 6 + 2ULL * n, u = 6 + 8ULL * n;

		/* The last place where it fits, the event word included. */
		CHECK(try(n, end - d, RINGS, USED - 0x80000) == 0);
		CHECK(try(n, end - d + 16, RINGS, USED - 0x80000) == -EFAULT);
		CHECK(try(n, DESC, end - a, USED - 0x80000) == 0);
		CHECK(try(n, DESC, end - a + 2, USED - 0x80000) == -EFAULT);
		CHECK(try(n, DESC, RINGS + 0x90000, (end - u) & ~3ULL) == 0);
		CHECK(try(n, DESC, RINGS + 0x90000, ((end - u) & ~3ULL) + 4) ==
		      -EFAULT);
		CHECK(try(n, RINGS - 16, AVAIL, USED) == -EFAULT);
		CHECK(try(n, DESC, NOWHERE, USED) == -EFAULT);
		CHECK(try(n, DESC, AVAIL, -4ULL) == -EFAULT);
		CHECK(try(n, -16ULL, AVAIL, USED) == -EFAULT);
		CHECK(try(n, 0, 0, 0) == -EFAULT);
	}
}

/* Slide one area over another: refused exactly while they share a byte. */
static void areas_apart(void)
{
	const u64 at = RINGS + 0x1000;
	const u64 d = 16 * 4, a = 6 + 2 * 4, u = 6 + 8 * 4;
	u64 x;

	for (x = at - 0x100; x < at + 0x100; x += 2) {
		if (x % 16 == 0) {
			CHECK(try(4, x, at, USED) ==
			      (x + d > at && x < at + a ? -EINVAL : 0));
			CHECK(try(4, x, AVAIL, at) ==
			      (x + d > at && x < at + u ? -EINVAL : 0));
		}
		CHECK(try(4, at, x, USED) ==
		      (x + a > at && x < at + d ? -EINVAL : 0));
		CHECK(try(4, DESC, x, at) ==
		      (x + a > at && x < at + u ? -EINVAL : 0));
		if (x % 4 == 0)
			CHECK(try(4, at, AVAIL, x) ==
			      (x + u > at && x < at + d ? -EINVAL : 0));
	}
}

/* The same where the end of an area is no address any more. */
static void areas_apart_in_the_last_page(void)
{
	static u8 page[4096] __attribute__((aligned(4096)));
	const struct hvnet_memory last = {
		.n = 1,
		.range[0] = { .ipa = -4096ULL, .size = 4096, .va = page },
	};
	const u64 d = 16 * 8, a = 6 + 2 * 8, u = 6 + 8 * 8;
	struct hvnet_ring_setup setup = {
		.num = 8, .desc = -4096ULL, .avail = -2048ULL,
	};
	u64 x;

	for (x = a; x < 0x200; x += 2) {
		setup.used = -0x80ULL;
		setup.avail = -x;
		CHECK(hvnet_ring_start(&ring, &last, &setup, true, false) ==
		      (x < 0x80 + a && x > 0x80 - u ? -EINVAL : 0));
	}
	setup.avail = -2048ULL;
	setup.desc = -d;
	for (x = u + 2; x < 0x200; x += 4) {
		setup.used = -x;
		CHECK(hvnet_ring_start(&ring, &last, &setup, true, false) ==
		      (x < d + u ? -EINVAL : 0));
	}
}

static void starts_with_notifications_on(void)
{
	const struct hvnet_ring_setup setup = {
		.num = 8, .desc = DESC, .avail = AVAIL, .used = USED,
	};
	unsigned int event_idx;

	for (event_idx = 0; event_idx < 2; event_idx++) {
		start(8, event_idx, false);
		used->flags = VRING_USED_F_NO_NOTIFY;
		*avail_event() = 0x1234;
		CHECK(!hvnet_ring_start(&ring, &mem, &setup, event_idx, false));
		CHECK(ring.notify_on && used->flags == 0);
		CHECK(*avail_event() == (event_idx ? 0 : 0x1234));
		CHECK(!ring.last_avail && !ring.used_idx);
		CHECK(ring.fault == HVNET_RING_OK);
	}
}

static void stopped_ring_is_inert(void)
{
	hvnet_ring_stop(&ring);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
	CHECK(!hvnet_ring_more(&ring, 5));
	CHECK(!hvnet_ring_publish(&ring));
	CHECK(!hvnet_ring_wants_interrupt(&ring));
	hvnet_ring_notify_off(&ring);
	hvnet_ring_hush(&ring);
	CHECK(!hvnet_ring_notify_on(&ring, 0));
}

/* Fetching */

static void a_chain(void)
{
	start(8, false, false);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
	set_desc(desc, 3, BUFS + 1, 10, NEXT, 7);
	set_desc(desc, 7, BUFS + BUFS_SIZE - 5, 5, NEXT, 0);
	set_desc(desc, 0, BUFS + 100, 3000, NEXT | WRITE, 1);
	set_desc(desc, 1, BUFS, 1, WRITE, 0xffff);
	make_available(3);
	CHECK(hvnet_ring_more(&ring, ring.last_avail));
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(chain.head == 3 && chain.n_out == 2 && chain.n_in == 2);
	CHECK(chain.out_len == 15 && chain.in_len == 3001);
	CHECK(sg[0].addr == guest(BUFS + 1) && sg[0].len == 10);
	CHECK(sg[1].addr == guest(BUFS + BUFS_SIZE - 5) && sg[1].len == 5);
	CHECK(sg[2].addr == guest(BUFS + 100) && sg[2].len == 3000);
	CHECK(sg[3].addr == guest(BUFS) && sg[3].len == 1);
	CHECK(!hvnet_ring_more(&ring, ring.last_avail));
	CHECK(hvnet_ring_fetch(&ring, &chain) == 0);

	hvnet_ring_used(&ring, chain.head, 77);
	CHECK(used->idx == 0);
	CHECK(hvnet_ring_publish(&ring));
	CHECK(used->idx == 1 && used->ring[0].id == 3 && used->ring[0].len == 77);
	CHECK(!hvnet_ring_publish(&ring));
}

/* All indices pass 65535 several times. */
static void indices_wrap(void)
{
	static const u16 size[] = { 1, 2, 256, 32768 };
	unsigned int s, i;

	for (s = 0; s < 4; s++) {
		CHECK(!start(size[s], s & 1, false));
		for (i = 0; i < 200000; i++) {
			const u16 head = i * 7 & (num - 1);

			set_desc(desc, head, BUFS + i % 1000, 1 + i % 50, 0, 0);
			make_available(head);
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
			CHECK(chain.head == head && chain.n_out == 1);
			CHECK(sg[0].addr == guest(BUFS + i % 1000));
			CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
			hvnet_ring_used(&ring, head, i);
			hvnet_ring_publish(&ring);
			CHECK(used->idx == (u16)(i + 1));
			CHECK(used->ring[i & (num - 1)].id == head);
			CHECK(used->ring[i & (num - 1)].len == i);
		}
	}
}

static void full_queue_across_the_wrap(void)
{
	unsigned int round, i;

	start(16, true, false);
	for (i = 0; i < 16; i++)
		set_desc(desc, i, BUFS + i, 1, 0, 0);
	for (round = 0; round < 3 * 65536 / 16; round++) {
		for (i = 0; i < 16; i++)
			make_available(15 - i);
		for (i = 0; i < 16; i++) {
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
			CHECK(chain.head == 15 - i);
		}
		CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
		for (i = 0; i < 16; i++)
			hvnet_ring_used(&ring, i, 0);
		hvnet_ring_publish(&ring);
		CHECK(used->idx == driver_avail);
	}
}

static void available_index_jumps(void)
{
	start(8, false, false);
	avail->idx = 8;
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	start(8, false, false);
	avail->idx = 9;
	BREAKS(HVNET_RING_AVAIL_JUMP);
	/* Going back is going very far ahead. */
	start(8, false, false);
	avail->idx = 0xffff;
	BREAKS(HVNET_RING_AVAIL_JUMP);
	start(32768, false, false);
	avail->idx = 32769;
	BREAKS(HVNET_RING_AVAIL_JUMP);
}

/* Fetch @n of a queue of 8, beginning at @first. */
static void hold(u16 first, u16 n)
{
	start(8, true, false);
	set_desc(desc, 0, BUFS, 1, 0, 0);
	ring.last_avail = first;
	ring.avail_seen = first;
	ring.used_idx = first;
	ring.used_published = first;
	driver_avail = first;
	while (n--) {
		make_available(0);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	}
}

/* What was not given back cannot come again: a caller's loop has an end. */
/* What there was at the last look is taken without another one. */
static void take_seen(void)
{
	while (ring.last_avail != ring.avail_seen)
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
}

static void no_more_than_a_queue(void)
{
	static const u16 first[] = { 0, 5, 0xfff8, 0xffff };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		for (n = 0; n <= 8; n++) {
			hold(first[i], n);
			avail->idx = first[i] + 9;
			take_seen();
			BREAKS(HVNET_RING_AVAIL_JUMP);
			/* Given back, but the driver has not seen it. */
			hold(first[i], n);
			while (ring.used_idx != ring.last_avail)
				hvnet_ring_used(&ring, 0, 0);
			avail->idx = first[i] + 9;
			take_seen();
			BREAKS(HVNET_RING_AVAIL_JUMP);
			/* Backwards, by one, with some on loan. */
			hold(first[i], n);
			avail->idx = driver_avail - 1;
			take_seen();
			BREAKS(HVNET_RING_AVAIL_JUMP);
		}
		hold(first[i], 8);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
		give_back();
		avail->idx = first[i] + 16;
		for (n = 0; n < 8; n++)
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
	}
}

static void head_outside(void)
{
	static const u16 bad[] = { 8, 9, 0x7fff, 0x8000, 0xffff };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		start(8, false, false);
		make_available(bad[i]);
		BREAKS(HVNET_RING_BAD_HEAD);
	}
}

static void next_outside(void)
{
	static const u16 bad[] = { 8, 9, 0x7fff, 0x8000, 0xffff };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		start(8, false, true);
		set_desc(desc, 2, BUFS, 1, NEXT, bad[i]);
		make_available(2);
		BREAKS(HVNET_RING_BAD_NEXT);
	}
}

static void loops(void)
{
	u16 i;

	/* To itself; empty; a long one. */
	start(8, false, false);
	set_desc(desc, 5, BUFS, 1, NEXT, 5);
	make_available(5);
	BREAKS(HVNET_RING_LOOP);

	start(8, false, false);
	set_desc(desc, 5, 0, 0, NEXT, 5);
	make_available(5);
	BREAKS(HVNET_RING_LOOP);

	start(32768, false, false);
	for (i = 0; i < num; i++)
		set_desc(desc, i, BUFS, 1, NEXT, (i + 1) & (num - 1));
	make_available(17);
	BREAKS(HVNET_RING_LOOP);
}

static void longest_chain(void)
{
	u32 n;
	u16 i;

	for (n = 1; n <= 32768; n *= 2) {
		CHECK(!start(n, false, false));
		for (i = 0; i < n; i++)
			set_desc(desc, i, BUFS, 1, i + 1U < n ? NEXT : 0, i + 1);
		make_available(0);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(chain.n_out == n && chain.out_len == n);
		if (n < 32768)
			CHECK(sg[n].len == 0xeeeeeeee);
	}
}

static void empty_buffers(void)
{
	u16 i;

	start(4, false, false);
	set_desc(desc, 0, NOWHERE, 0, NEXT, 1);
	set_desc(desc, 1, BUFS, 9, NEXT, 2);
	set_desc(desc, 2, ~0ULL, 0, NEXT | WRITE, 3);
	set_desc(desc, 3, BUFS + 20, 4, WRITE, 0);
	make_available(0);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(chain.n_out == 1 && chain.n_in == 1);
	CHECK(sg[0].len == 9 && sg[1].addr == guest(BUFS + 20));

	for (i = 0; i < 4; i++)
		set_desc(desc, i, NOWHERE, 0, i < 3 ? NEXT : 0, i + 1);
	make_available(0);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(!chain.n_out && !chain.n_in && !chain.out_len && !chain.in_len);
	hvnet_ring_used(&ring, chain.head, 0);
	CHECK(hvnet_ring_publish(&ring));
}

static void addresses_outside(void)
{
	static const struct {
		u64 addr;
		u32 len;
	} bad[] = {
		{ NOWHERE, 1 }, { 0, 1 }, { ~0ULL, 1 }, { ~0ULL, ~0U },
		{ BUFS - 1, 1 }, { BUFS - 1, 2 }, { BUFS + BUFS_SIZE, 1 },
		{ BUFS + BUFS_SIZE - 1, 2 }, { BUFS, BUFS_SIZE + 1 },
		{ BUFS, ~0U }, { BUFS + 1, ~0U }, { RINGS, RINGS_SIZE + 1 },
		{ VAST + VAST_SIZE - 1, 2 },
	};
	unsigned int i, writable;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (writable = 0; writable < 2; writable++) {
			start(8, false, false);
			set_desc(desc, 1, BUFS, 4, NEXT, 2);
			set_desc(desc, 2, bad[i].addr, bad[i].len,
				 writable ? WRITE : 0, 0);
			make_available(1);
			BREAKS(HVNET_RING_BAD_ADDRESS);
		}
	}
}

static void readable_after_writable(void)
{
	start(8, false, true);
	set_desc(desc, 0, BUFS, 4, NEXT | WRITE, 1);
	set_desc(desc, 1, BUFS, 4, 0, 0);
	make_available(0);
	BREAKS(HVNET_RING_BAD_ORDER);

	/* The same across the border of an indirect table. */
	start(8, false, true);
	set_desc(desc, 0, BUFS + 0x100, 4, NEXT | WRITE, 1);
	set_desc(desc, 1, TABLE, 16, INDIR, 0);
	set_desc(guest(TABLE), 0, BUFS, 4, 0, 0);
	make_available(0);
	BREAKS(HVNET_RING_BAD_ORDER);
}

static void sums_in_64_bits(void)
{
	u16 i;

	start(8, false, false);
	for (i = 0; i < 8; i++)
		set_desc(desc, i, VAST + i, 0xffffffff,
			 (i < 7 ? NEXT : 0) | (i > 3 ? WRITE : 0), i + 1);
	make_available(0);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(chain.out_len == 4 * 0xffffffffULL);
	CHECK(chain.in_len == 4 * 0xffffffffULL);
}

/* Indirect tables */

static void indirect(void)
{
	struct vring_desc *table = guest(TABLE);

	start(8, false, true);
	/* The WRITE flag of the descriptor that refers to it means nothing. */
	set_desc(desc, 4, TABLE, 3 * 16, INDIR | WRITE, 0xffff);
	set_desc(table, 0, BUFS + 0x1000, 12, NEXT, 2);
	set_desc(table, 2, BUFS + 0x2000, 60, NEXT, 1);
	set_desc(table, 1, BUFS + 0x3000, 4, WRITE, 0);
	make_available(4);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(chain.head == 4 && chain.n_out == 2 && chain.n_in == 1);
	CHECK(sg[0].len == 12 && sg[1].len == 60 && sg[2].len == 4);
	CHECK(sg[1].addr == guest(BUFS + 0x2000));

	/* Direct ones first, one indirect last: a device must take it. */
	set_desc(desc, 0, BUFS, 5, NEXT, 1);
	set_desc(desc, 1, BUFS, 0, NEXT, 4);
	make_available(0);
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	CHECK(chain.head == 0 && chain.n_out == 3 && chain.n_in == 1);
	CHECK(sg[0].len == 5 && sg[1].len == 12 && sg[3].len == 4);
}

/* Nothing says that a table has to be aligned; and it may end where RAM does. */
static void indirect_table_anywhere(void)
{
	struct vring_desc d;
	u64 at;

	for (at = BUFS + BUFS_SIZE - 64; at < BUFS + BUFS_SIZE - 16; at++) {
		start(8, false, true);
		set_desc(desc, 0, at, 32, INDIR, 0);
		if (at > BUFS + BUFS_SIZE - 32) {
			make_available(0);
			BREAKS(HVNET_RING_BAD_ADDRESS);
			continue;
		}
		set_desc(&d, 0, BUFS + 1, 12, NEXT, 1);
		memcpy(guest(at), &d, 16);
		set_desc(&d, 0, BUFS + 2, 13, 0, 0);
		memcpy((char *)guest(at) + 16, &d, 16);
		make_available(0);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(chain.n_out == 2 && chain.out_len == 25);
		CHECK(sg[1].addr == guest(BUFS + 2));
	}
}

static void indirect_illegal(void)
{
	static const struct {
		u64 addr;
		u32 len;
		u16 flags;
		bool negotiated;
		enum hvnet_ring_fault fault;
	} bad[] = {
		{ TABLE, 16, INDIR, false, HVNET_RING_BAD_INDIRECT },
		{ TABLE, 16, INDIR | NEXT, true, HVNET_RING_BAD_INDIRECT },
		{ TABLE, 0, INDIR, true, HVNET_RING_BAD_INDIRECT },
		{ TABLE, 1, INDIR, true, HVNET_RING_BAD_INDIRECT },
		{ TABLE, 15, INDIR, true, HVNET_RING_BAD_INDIRECT },
		{ TABLE, 17, INDIR, true, HVNET_RING_BAD_INDIRECT },
		{ TABLE, ~0U, INDIR, true, HVNET_RING_BAD_INDIRECT },
		{ NOWHERE, 16, INDIR, true, HVNET_RING_BAD_ADDRESS },
		{ TABLE, BUFS_SIZE + 16, INDIR, true, HVNET_RING_BAD_ADDRESS },
		{ TABLE, 0xfffffff0, INDIR, true, HVNET_RING_BAD_ADDRESS },
		{ -16ULL, 32, INDIR, true, HVNET_RING_BAD_ADDRESS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		start(8, false, bad[i].negotiated);
		set_desc(guest(TABLE), 0, BUFS, 1, 0, 0);
		set_desc(desc, 6, bad[i].addr, bad[i].len, bad[i].flags, 0);
		make_available(6);
		BREAKS(bad[i].fault);
	}
}

static void indirect_contents_illegal(void)
{
	struct vring_desc *table = guest(TABLE);
	u16 i;

	/* A table in a table. */
	start(8, false, true);
	set_desc(desc, 0, TABLE, 32, INDIR, 0);
	set_desc(table, 0, BUFS, 1, NEXT, 1);
	set_desc(table, 1, TABLE + 0x100, 16, INDIR, 0);
	set_desc(guest(TABLE + 0x100), 0, BUFS, 1, 0, 0);
	make_available(0);
	BREAKS(HVNET_RING_BAD_INDIRECT);

	/* The same, with the ring's own table in that place, for ever. */
	start(8, false, true);
	set_desc(desc, 0, DESC, 16, INDIR, 0);
	make_available(0);
	BREAKS(HVNET_RING_BAD_INDIRECT);

	/* Outside the table, though inside the queue's size. */
	start(8, false, true);
	set_desc(desc, 0, TABLE, 32, INDIR, 0);
	set_desc(table, 0, BUFS, 1, NEXT, 2);
	make_available(0);
	BREAKS(HVNET_RING_BAD_NEXT);

	/* Round and round, with and without bytes. */
	start(8, false, true);
	set_desc(desc, 0, TABLE, 32, INDIR, 0);
	set_desc(table, 0, BUFS, 1, NEXT, 1);
	set_desc(table, 1, BUFS, 1, NEXT, 0);
	make_available(0);
	BREAKS(HVNET_RING_LOOP);
	start(8, false, true);
	set_desc(desc, 0, TABLE, 32, INDIR, 0);
	set_desc(table, 0, BUFS, 0, NEXT, 1);
	set_desc(table, 1, BUFS, 0, NEXT, 0);
	make_available(0);
	BREAKS(HVNET_RING_LOOP);

	/* A table far longer than the queue, of empty buffers. */
	start(2, false, true);
	set_desc(desc, 0, TABLE, 16 * 1000, INDIR, 0);
	for (i = 0; i < 1000; i++)
		set_desc(table, i, BUFS, 0, NEXT, i + 1);
	make_available(0);
	BREAKS(HVNET_RING_LOOP);
}

/* Direct and indirect pieces together: as many as the queue has, no more. */
static void pieces_of_both_kinds(void)
{
	struct vring_desc *table = guest(TABLE);
	u16 in_table, i;

	for (in_table = 1; in_table <= 8; in_table++) {
		start(8, false, true);
		for (i = 0; i < 4; i++)
			set_desc(desc, i, BUFS, 1, NEXT, i + 1);
		set_desc(desc, 4, TABLE, 16 * in_table, INDIR, 0);
		for (i = 0; i < in_table; i++)
			set_desc(table, i, BUFS + 0x1000, 1,
				 i + 1 < in_table ? NEXT : 0, i + 1);
		make_available(0);
		if (in_table > 4) {
			BREAKS(HVNET_RING_LOOP);
			CHECK(sg[8].len == 0xeeeeeeee);
			continue;
		}
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(chain.n_out == 4 + in_table);
	}
}

static void fault_names(void)
{
	unsigned int i, j;

	for (i = 0; i < HVNET_RING_FAULTS; i++) {
		const char *name = hvnet_ring_fault_name(i);

		CHECK(name && *name);
		for (j = 0; j < i; j++)
			CHECK(strcmp(name, hvnet_ring_fault_name(j)));
	}
	CHECK(!strcmp(hvnet_ring_fault_name(HVNET_RING_FAULTS), "unknown"));
}

static void unfetch(void)
{
	unsigned int round;
	u16 i;

	start(8, true, false);
	for (i = 0; i < 8; i++)
		set_desc(desc, i, BUFS + i, 1 + i, 0, 0);
	for (round = 0; round < 70000 / 3; round++) {
		const u16 first = ring.last_avail;

		for (i = 0; i < 3; i++)
			make_available(i + 2);
		for (i = 0; i < 3; i++)
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		hvnet_ring_unfetch(&ring, 2);
		CHECK(ring.last_avail == (u16)(first + 1));
		/* It knows of all three: nothing beyond, until there is. */
		CHECK(!hvnet_ring_notify_on(&ring, first + 3));
		CHECK(*avail_event() == (u16)(first + 3));
		CHECK(hvnet_ring_more(&ring, ring.last_avail));
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1 && chain.head == 3);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1 && chain.head == 4);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 0);
		give_back();
	}
}

/* A frame that was spread over buffers and then did not fit after all. */
static void rewind_what_was_used(void)
{
	unsigned int round;
	u16 i;

	start(8, true, false);
	for (i = 0; i < 8; i++)
		set_desc(desc, i, BUFS + i, 1 + i, WRITE, 0);
	for (round = 0; round < 70000 / 2; round++) {
		const u16 first = ring.last_avail;

		make_available(6);
		make_available(7);
		for (i = 0; i < 2; i++) {
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
			hvnet_ring_used(&ring, chain.head, 99);
		}
		hvnet_ring_rewind(&ring, 2);
		CHECK(!hvnet_ring_publish(&ring));
		CHECK(ring.last_avail == first && used->idx == first);
		for (i = 0; i < 2; i++) {
			CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
			CHECK(chain.head == 6 + i);
			hvnet_ring_used(&ring, chain.head, 1);
			hvnet_ring_publish(&ring);
			CHECK(used->ring[(first + i) & 7].id == 6U + i);
			CHECK(used->ring[(first + i) & 7].len == 1);
			CHECK(used->idx == (u16)(first + i + 1));
		}
	}
}

/* A chain of @total bytes at @ipa, cut anywhere; return its pieces. */
static u16 cut_chain(u16 i, u64 ipa, u32 total, u16 flags)
{
	u32 left = total;

	do {
		u32 cut = i > 60 ? left : rnd_below(left + 1);

		set_desc(desc, i, ipa + total - left, cut, flags, i + 1);
		left -= cut;
		i++;
	} while (left);
	return i;
}

static void copy_out(void)
{
	u8 *bytes = guest(BUFS);
	unsigned int round;
	u8 to[600];

	start(64, false, false);
	for (round = 0; round < 20000; round++) {
		const u32 total = rnd_below(500), len = rnd_below(600);
		const u32 offset = rnd_below(600);
		u32 at = rnd_below(100), want;
		size_t n;
		u16 i;

		for (n = 0; n < total; n++)
			bytes[at + n] = rnd();
		/* One run of bytes, then a writable one. */
		i = cut_chain(0, BUFS + at, total, NEXT);
		set_desc(desc, i, BUFS + at, 50, WRITE, 0);
		make_available(0);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(chain.out_len == total && chain.n_in == 1);

		memset(to, 0x5a, sizeof(to));
		want = offset >= total ? 0 : total - offset;
		if (want > len)
			want = len;
		CHECK(hvnet_ring_copy_out(&chain, offset, to, len) == want);
		CHECK(!memcmp(to, bytes + at + offset, want));
		for (n = want; n < sizeof(to); n++)
			CHECK(to[n] == 0x5a);
		give_back();
	}
}

static void copy_in(void)
{
	u8 *bytes = guest(BUFS);
	u8 from[600], expected[800];
	unsigned int round;

	start(64, false, false);
	for (round = 0; round < 20000; round++) {
		const u32 total = rnd_below(500), len = rnd_below(600);
		const u32 offset = rnd_below(600);
		u32 at = rnd_below(100), want;
		size_t n;
		u16 i;

		for (n = 0; n < len; n++)
			from[n] = rnd();
		for (n = 0; n < sizeof(expected); n++)
			bytes[n] = rnd();
		memcpy(expected, bytes, sizeof(expected));
		/* A readable run of bytes, then a writable one. */
		set_desc(desc, 0, BUFS + 700, 50, NEXT, 1);
		i = cut_chain(1, BUFS + at, total, WRITE | NEXT);
		desc[i - 1].flags = WRITE;
		make_available(0);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		CHECK(chain.in_len == total && chain.n_out == 1);

		want = offset >= total ? 0 : total - offset;
		if (want > len)
			want = len;
		memcpy(expected + at + offset, from, want);
		CHECK(hvnet_ring_copy_in(&chain, offset, from, len) == want);
		CHECK(!memcmp(bytes, expected, sizeof(expected)));
		give_back();
	}
}

/* Notifications */

static void notify_by_flag(void)
{
	start(8, false, false);
	CHECK(used->flags == 0);
	hvnet_ring_notify_off(&ring);
	CHECK(used->flags == VRING_USED_F_NO_NOTIFY && !ring.notify_on);
	hvnet_ring_notify_off(&ring);
	CHECK(used->flags == VRING_USED_F_NO_NOTIFY);
	CHECK(!hvnet_ring_notify_on(&ring, 0));
	CHECK(used->flags == 0 && ring.notify_on && *avail_event() == 0);
	CHECK(!hvnet_ring_notify_on(&ring, 0));
	make_available(0);
	CHECK(hvnet_ring_notify_on(&ring, 0));
	CHECK(!hvnet_ring_notify_on(&ring, 1));
	CHECK(*avail_event() == 0);
}

static void notify_by_event(void)
{
	start(8, true, false);
	hvnet_ring_notify_off(&ring);
	CHECK(used->flags == 0 && *avail_event() == 0 && !ring.notify_on);
	make_available(0);
	CHECK(hvnet_ring_notify_on(&ring, 0));
	CHECK(*avail_event() == 0 && ring.notify_on);
	CHECK(!hvnet_ring_notify_on(&ring, 1));
	CHECK(*avail_event() == 1);
	hvnet_ring_notify_off(&ring);
	CHECK(*avail_event() == 1);
	avail->idx = 0xffff;
	CHECK(!hvnet_ring_notify_on(&ring, 0xffff));
	CHECK(*avail_event() == 0xffff && used->flags == 0);
}

/* The driver kicks exactly for what it adds beyond the event. */
static void hush_by_flag(void)
{
	start(8, false, false);
	hvnet_ring_hush(&ring);
	CHECK(used->flags == VRING_USED_F_NO_NOTIFY && !ring.notify_on);
	hvnet_ring_hush(&ring);
	CHECK(used->flags == VRING_USED_F_NO_NOTIFY);
	make_available(0);
	CHECK(hvnet_ring_notify_on(&ring, 0));
	CHECK(used->flags == 0);
}

/* Wherever the indices are, no driver kicks for 65535 buffers. */
static void hush_by_event(void)
{
	static const u16 from[] = { 0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff };
	unsigned int i, on, n;

	for (i = 0; i < ARRAY_SIZE(from); i++) {
		for (on = 0; on < 2; on++) {
			u16 idx = from[i];
			u32 left = 65535;

			start(8, true, false);
			avail->idx = idx;
			if (!on)
				hvnet_ring_notify_off(&ring);
			else
				hvnet_ring_notify_on(&ring, idx);
			hvnet_ring_hush(&ring);
			CHECK(!ring.notify_on && used->flags == 0);
			for (n = 1; left; n = n % 8 + 1) {
				if (n > left)
					n = left;
				CHECK(!vring_need_event(*avail_event(), idx + n,
							idx));
				idx += n;
				left -= n;
			}
			avail->idx = idx;
			hvnet_ring_notify_on(&ring, idx);
			CHECK(vring_need_event(*avail_event(), idx + 1, idx));
		}
	}
}

static void kick_for_the_next_one(void)
{
	u32 i;

	start(8, true, false);
	set_desc(desc, 0, BUFS, 1, 0, 0);
	for (i = 0; i < 140000; i++) {
		const u16 old = driver_avail;

		CHECK(!hvnet_ring_notify_on(&ring, ring.last_avail));
		make_available(0);
		CHECK(vring_need_event(*avail_event(), driver_avail, old));
		hvnet_ring_notify_off(&ring);
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		make_available(0);
		CHECK(!vring_need_event(*avail_event(), driver_avail,
					driver_avail - 1));
		CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
		give_back();
	}
}

/* Give back @n at once when @old have been published before. */
static bool publish(u16 old, u16 n)
{
	ring.used_idx = old;
	ring.used_published = old;
	used->idx = old;
	while (n--)
		hvnet_ring_used(&ring, 0, 0);
	return hvnet_ring_publish(&ring);
}

/* By the definition: is the entry at index @event among the new ones? */
static bool is_among(u16 event, u16 old, u16 n)
{
	u16 i;

	for (i = 0; i < n; i++)
		if ((u16)(old + i) == event)
			return true;
	return false;
}

static void interrupt_by_event(void)
{
	int old, event;
	u16 n;

	start(16, true, false);
	avail->flags = VRING_AVAIL_F_NO_INTERRUPT;	/* has no meaning here */
	for (old = -40; old < 40; old++) {
		for (event = -80; event < 80; event++) {
			*used_event() = event;
			for (n = 0; n <= 16; n++) {
				CHECK(publish(old, n) == is_among(event, old, n));
				CHECK(used->idx == (u16)(old + n));
				CHECK(ring.used_published == used->idx);
			}
		}
	}
	for (event = 0; event < 65536; event++) {
		*used_event() = event;
		CHECK(publish(65530, 12) == is_among(event, 65530, 12));
	}
}

static void interrupt_by_flag(void)
{
	u16 n, flags;

	start(16, false, false);
	for (flags = 0; flags < 4; flags++) {
		avail->flags = flags;
		for (n = 0; n <= 16; n++) {
			*used_event() = n;	/* has no meaning here */
			CHECK(publish(65530, n) == (n && !(flags & 1)));
			CHECK(hvnet_ring_wants_interrupt(&ring) == !(flags & 1));
		}
	}
}

static void still_waits_by_event(void)
{
	int published, event;

	start(16, true, false);
	for (published = -40; published < 40; published++) {
		ring.used_idx = published;
		ring.used_published = published;
		for (event = -80; event < 80; event++) {
			*used_event() = event;
			/* Among the entries that can be outstanding at all. */
			CHECK(hvnet_ring_wants_interrupt(&ring) ==
			      is_among(event, published - num, num));
		}
	}

	/* What it means: waiting from the first entry until it has caught up. */
	start(16, true, false);
	CHECK(!hvnet_ring_wants_interrupt(&ring));
	CHECK(publish(0, 3));
	CHECK(hvnet_ring_wants_interrupt(&ring));
	*used_event() = 2;
	CHECK(hvnet_ring_wants_interrupt(&ring));
	*used_event() = 3;
	CHECK(!hvnet_ring_wants_interrupt(&ring));
	/* Not published: nothing to tell. */
	hvnet_ring_used(&ring, 0, 0);
	CHECK(!hvnet_ring_wants_interrupt(&ring));
	CHECK(hvnet_ring_publish(&ring));
	CHECK(hvnet_ring_wants_interrupt(&ring));
}

/*
 * Barriers: at each one the driver does what must not go unnoticed there.  The
 * test at the end looks for the same with two CPUs, and needs luck.
 */

void (*shim_at_mb)(void);
void (*shim_at_rmb)(void);
void (*shim_at_release)(void);

static unsigned int at_barrier;
static bool stored_before;

/* The driver goes to sleep, having seen nothing new. */
static void driver_sleeps(void)
{
	at_barrier++;
	stored_before = used->idx == 1;
	*used_event() = 0;
	avail->flags = 0;
}

static void full_barrier_in_publish(void)
{
	unsigned int event_idx;

	for (event_idx = 0; event_idx < 2; event_idx++) {
		start(8, event_idx, false);
		*used_event() = 0x4000;
		avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
		hvnet_ring_used(&ring, 0, 0);
		at_barrier = 0;
		shim_at_mb = driver_sleeps;
		CHECK(hvnet_ring_publish(&ring));
		shim_at_mb = NULL;
		CHECK(at_barrier == 1 && stored_before);
	}
}

/* The driver makes something available and has not been asked for a kick. */
static void driver_adds(void)
{
	at_barrier++;
	stored_before = ring.event_idx ? *avail_event() == 3 : !used->flags;
	avail->idx = 4;
}

static void full_barrier_in_notify_on(void)
{
	unsigned int event_idx;

	for (event_idx = 0; event_idx < 2; event_idx++) {
		start(8, event_idx, false);
		hvnet_ring_notify_off(&ring);
		ring.last_avail = 3;
		avail->idx = 3;
		at_barrier = 0;
		shim_at_mb = driver_adds;
		CHECK(hvnet_ring_notify_on(&ring, 3));
		shim_at_mb = NULL;
		CHECK(at_barrier == 1 && stored_before);
	}
}

/* What was stored before the index arrives no earlier than it. */
static void entry_arrives(void)
{
	at_barrier++;
	avail->ring[0] = 5;
	set_desc(desc, 5, BUFS, 55, 0, 0);
}

static void read_barrier_in_fetch(void)
{
	start(8, false, false);
	set_desc(desc, 2, BUFS, 22, 0, 0);
	make_available(2);
	at_barrier = 0;
	shim_at_rmb = entry_arrives;
	CHECK(hvnet_ring_fetch(&ring, &chain) == 1);
	shim_at_rmb = NULL;
	CHECK(at_barrier == 1);
	CHECK(chain.head == 5 && chain.out_len == 55);
}

/* What was stored before it has arrived, the index has not. */
static void driver_looks(void)
{
	at_barrier++;
	stored_before = used->idx == 0 && used->ring[0].id == 6 &&
			used->ring[0].len == 66;
}

static void release_in_publish(void)
{
	start(8, false, false);
	hvnet_ring_used(&ring, 6, 66);
	at_barrier = 0;
	shim_at_release = driver_looks;
	CHECK(hvnet_ring_publish(&ring));
	shim_at_release = NULL;
	CHECK(at_barrier == 1 && stored_before && used->idx == 1);
}

/* Random chains against a model */

struct model {
	enum hvnet_ring_fault fault;
	u32 n;
	u32 n_out;
	u64 out_len, in_len;
	struct hvnet_sg sg[64];
};

static bool in_ram(u64 addr, u64 len)
{
	unsigned int i;

	for (i = 0; i < mem.n; i++) {
		const struct hvnet_range *r = &mem.range[i];

		if (addr >= r->ipa && addr < r->ipa + r->size)
			return len <= r->ipa + r->size - addr;
	}
	return false;
}

static void model_table(struct model *m, const char *table, u32 size, u32 i,
			bool may_refer)
{
	u32 steps;

	for (steps = 0; ; steps++) {
		struct vring_desc d;

		if (i >= size || steps == num) {
			m->fault = i >= size ? HVNET_RING_BAD_NEXT :
					       HVNET_RING_LOOP;
			return;
		}
		memcpy(&d, table + 16 * i, 16);
		if (d.flags & INDIR) {
			if (!may_refer || (d.flags & NEXT) || d.len % 16 ||
			    !d.len)
				m->fault = HVNET_RING_BAD_INDIRECT;
			else if (!in_ram(d.addr, d.len))
				m->fault = HVNET_RING_BAD_ADDRESS;
			else
				model_table(m, guest(d.addr), d.len / 16, 0,
					    false);
			return;
		}
		if (d.len) {
			if (m->n == num) {
				m->fault = HVNET_RING_LOOP;
				return;
			}
			if (!(d.flags & WRITE) && m->n != m->n_out) {
				m->fault = HVNET_RING_BAD_ORDER;
				return;
			}
			if (!in_ram(d.addr, d.len)) {
				m->fault = HVNET_RING_BAD_ADDRESS;
				return;
			}
			m->sg[m->n].addr = guest(d.addr);
			m->sg[m->n++].len = d.len;
			if (d.flags & WRITE) {
				m->in_len += d.len;
			} else {
				m->out_len += d.len;
				m->n_out++;
			}
		}
		if (!(d.flags & NEXT))
			return;
		i = d.next;
	}
}

static void random_desc(struct vring_desc *d, u32 size, bool tame)
{
	d->addr = BUFS + rnd_below(BUFS_SIZE - 0x1000);
	d->len = one_in(6) ? 0 : rnd_below(0x1000);
	d->flags = (one_in(3) ? 0 : NEXT) | (one_in(4) ? WRITE : 0);
	d->next = rnd_below(size);
	if (one_in(8)) {
		d->flags = INDIR | (one_in(2) ? WRITE : 0);
		d->addr = BUFS + rnd_below(0x1000);
		d->len = 16 * rnd_below(20);
	}
	if (tame)
		return;
	if (one_in(20))
		d->addr = rnd() >> rnd_below(64);
	if (one_in(20))
		d->len = rnd() >> rnd_below(64);
	if (one_in(20))
		d->flags = rnd();
	if (one_in(20))
		d->next = rnd();
}

static void random_chains(void)
{
	u32 seen[HVNET_RING_FAULTS] = { 0 };
	unsigned int round, i;
	u16 nothing = 0;

	for (round = 0; round < 300000; round++) {
		const bool tame = one_in(2), may_refer = !one_in(8);
		struct vring_desc d;
		struct model m = { 0 };
		u16 head, idx;
		int ret;

		if (round % 16 == 0 || ring.fault)
			start(1 << rnd_below(7), one_in(2), may_refer);
		for (i = 0; i < num; i++)
			random_desc(&desc[i], num, tame);
		/* Tables lie anywhere in here, at any alignment. */
		for (i = 0; i < 40; i++) {
			random_desc(&d, 1 + rnd_below(20), tame);
			memcpy(guest(BUFS + rnd_below(0x1000)), &d, 16);
		}
		head = one_in(50) ? rnd() : rnd_below(num);
		avail->ring[ring.last_avail & (num - 1)] = head;
		idx = ring.last_avail + (one_in(50) ? (u16)rnd() :
					 one_in(20) ? 0 : 1);
		avail->idx = idx;

		ret = hvnet_ring_fetch(&ring, &chain);
		if (idx == ring.last_avail && !ret) {
			nothing++;
			continue;
		}
		idx -= ring.last_avail - (ret == 1);
		if (idx > num)
			m.fault = HVNET_RING_AVAIL_JUMP;
		else if (head >= num)
			m.fault = HVNET_RING_BAD_HEAD;
		else
			model_table(&m, (char *)desc, num, head, ring.indirect);

		seen[m.fault]++;
		CHECK(ring.fault == m.fault);
		CHECK(ret == (m.fault ? -EPROTO : 1));
		/* Never a piece beyond what the caller has room for. */
		CHECK(sg[num].len == 0xeeeeeeee);
		if (m.fault)
			continue;
		CHECK(chain.head == head && chain.n_out == m.n_out);
		CHECK(chain.n_out + chain.n_in == m.n);
		CHECK(chain.out_len == m.out_len && chain.in_len == m.in_len);
		for (i = 0; i < m.n; i++)
			CHECK(sg[i].addr == m.sg[i].addr &&
			      sg[i].len == m.sg[i].len);
		hvnet_ring_used(&ring, head, 0);
		hvnet_ring_publish(&ring);
	}
	/* The fuzzer gets everywhere. */
	for (i = 0; i < HVNET_RING_FAULTS; i++)
		CHECK(seen[i] > 100);
	CHECK(nothing > 100);
}

/* Two threads */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1000000000.0;
}

static int stop;

/* Of descriptors_change_while_read(): changes to see, seconds to see them in. */
#define CHANGES		5000
#define PATIENCE	20.0

/* A driver that rewrites a descriptor while the device reads it. */
static void *flip(void *arg)
{
	struct vring_desc *d = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		WRITE_ONCE(d->len, 0xfffff000);
		WRITE_ONCE(d->addr, NOWHERE);
		WRITE_ONCE(d->flags, INDIR);
		WRITE_ONCE(d->flags, WRITE);
		WRITE_ONCE(d->len, 16);
		WRITE_ONCE(d->addr, BUFS + BUFS_SIZE - 16);
		WRITE_ONCE(d->flags, 0);
		WRITE_ONCE(d->len, 0);
	}
	return NULL;
}

static void descriptors_change_while_read(void)
{
	u32 seen[HVNET_RING_FAULTS] = { 0 };
	const double end = now() + PATIENCE;
	unsigned int changes = 0;
	pthread_t thread;
	u64 len;
	u16 i;

	stop = 0;
	start(4, false, true);
	if (pthread_create(&thread, NULL, flip, desc))
		abort();
	/* On a busy machine the two rarely run at the same time. */
	while (changes < CHANGES && now() < end) {
		const u32 before = READ_ONCE(desc->len);

		hvnet_ring_start(&ring, &mem,
				 &(struct hvnet_ring_setup){ 4, DESC, AVAIL, USED },
				 false, true);
		avail->idx = 1;
		if (hvnet_ring_fetch(&ring, &chain) == 1) {
			/* Whatever it was, it is one that could be used. */
			for (len = 0, i = 0; i < chain.n_out + chain.n_in; i++) {
				const char *base = guest(BUFS);
				const char *at = sg[i].addr;

				if (!sg[i].len || at < base ||
				    at + sg[i].len > base + BUFS_SIZE)
					ktap_failed = true;
				len += sg[i].len;
			}
			if (len != chain.out_len + chain.in_len)
				ktap_failed = true;
		}
		seen[ring.fault]++;
		changes += READ_ONCE(desc->len) != before;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_PASSED();
	CHECK(seen[HVNET_RING_OK]);
}

/*
 * A driver and a device that both sleep whenever the rules allow it, on two
 * CPUs: should a barrier or a second look be missing, both sleep for ever.
 */
#define PASSES		200000
#define GIVE_UP		10.0	/* seconds without any progress */

static u64 kicks, interrupts, polled;
static bool by_event;

/*
 * The head of the nth buffer: another one in each round, so that an entry that
 * is read before its time is a wrong one.
 */
static u16 nth_head(u32 n)
{
	return (n + n / num) & (num - 1);
}

/* Wait for a signal; false if none comes. */
static bool sleep_until_changed(const u64 *counter, u64 since)
{
	const double end = now() + GIVE_UP;

	while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == since) {
		if (__atomic_load_n(&stop, __ATOMIC_RELAXED) || now() > end)
			return false;
		sched_yield();
	}
	return true;
}

static void driver_kick(u16 old)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (by_event ? vring_need_event(READ_ONCE(*avail_event()),
					driver_avail, old)
		     : !(READ_ONCE(used->flags) & VRING_USED_F_NO_NOTIFY))
		__atomic_fetch_add(&kicks, 1, __ATOMIC_SEQ_CST);
}

/* Ask for an interrupt for the next used entry; true if it is there already. */
static bool driver_arm(u16 last_used)
{
	if (by_event)
		WRITE_ONCE(*used_event(), last_used);
	else
		WRITE_ONCE(avail->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) != last_used;
}

static void *driver(void *arg)
{
	u16 last_used = 0, old;
	u32 done = 0, added = 0;

	while (done < PASSES) {
		u64 since = __atomic_load_n(&interrupts, __ATOMIC_SEQ_CST);
		const u16 idx = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);

		while (last_used != idx) {
			const struct vring_used_elem *e;

			/* Given back in order, with a number to prove it. */
			e = &used->ring[last_used++ & (num - 1)];
			if (e->id != nth_head(done) || e->len != done)
				goto fail;
			done++;
		}

		old = driver_avail;
		while (added < PASSES && added - done < num) {
			make_available(nth_head(added++));
			if ((added * 2654435761U) >> 30 == 0)
				break;
		}
		if (driver_avail != old) {
			driver_kick(old);
			continue;
		}
		if (done == PASSES || driver_arm(last_used))
			continue;
		if (!sleep_until_changed(&interrupts, since))
			goto fail;
		if (!by_event)
			WRITE_ONCE(avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	}
	return NULL;
fail:
	return driver;
}

static bool device(void)
{
	u32 done = 0, fetched;

	while (done < PASSES) {
		const u64 since = __atomic_load_n(&kicks, __ATOMIC_SEQ_CST);

		hvnet_ring_notify_off(&ring);
		for (fetched = 0; fetched < 5; fetched++) {
			if (hvnet_ring_fetch(&ring, &chain) != 1)
				break;
			hvnet_ring_used(&ring, chain.head, done++);
		}
		if (hvnet_ring_publish(&ring))
			__atomic_fetch_add(&interrupts, 1, __ATOMIC_SEQ_CST);
		if (ring.fault)
			return false;
		if (done == PASSES)
			break;
		if (hvnet_ring_notify_on(&ring, ring.last_avail)) {
			polled++;
			continue;
		}
		if (!sleep_until_changed(&kicks, since))
			return false;
	}
	return true;
}

static void nobody_sleeps_for_ever(void)
{
	unsigned int event_idx, size, i;

	for (event_idx = 0; event_idx < 2; event_idx++) {
		for (size = 1; size <= 64; size *= 8) {
			pthread_t thread;
			void *failed;
			bool ok;

			by_event = event_idx;
			stop = 0;
			kicks = 0;
			interrupts = 0;
			polled = 0;
			CHECK(!start(size, event_idx, false));
			for (i = 0; i < size; i++)
				set_desc(desc, i, BUFS, 1, 0, 0);
			if (pthread_create(&thread, NULL, driver, NULL))
				abort();
			ok = device();
			if (!ok)
				__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
			pthread_join(thread, &failed);
			printf("# %s, size %u, %u buffers: %llu kicks, ",
			       by_event ? "event index" : "flags", size, PASSES,
			       (unsigned long long)kicks);
			printf("%llu interrupts, %llu looks that found more\n",
			       (unsigned long long)interrupts,
			       (unsigned long long)polled);
			CHECK(ok);
			CHECK(!failed);
		}
	}
}

static const struct ktap_test tests[] = {
	KTAP_TEST(sizes),
	KTAP_TEST(alignment),
	KTAP_TEST(areas_inside_ram),
	KTAP_TEST(areas_apart),
	KTAP_TEST(areas_apart_in_the_last_page),
	KTAP_TEST(starts_with_notifications_on),
	KTAP_TEST(stopped_ring_is_inert),
	KTAP_TEST(a_chain),
	KTAP_TEST(indices_wrap),
	KTAP_TEST(full_queue_across_the_wrap),
	KTAP_TEST(available_index_jumps),
	KTAP_TEST(no_more_than_a_queue),
	KTAP_TEST(head_outside),
	KTAP_TEST(next_outside),
	KTAP_TEST(loops),
	KTAP_TEST(longest_chain),
	KTAP_TEST(empty_buffers),
	KTAP_TEST(addresses_outside),
	KTAP_TEST(readable_after_writable),
	KTAP_TEST(sums_in_64_bits),
	KTAP_TEST(indirect),
	KTAP_TEST(indirect_table_anywhere),
	KTAP_TEST(indirect_illegal),
	KTAP_TEST(indirect_contents_illegal),
	KTAP_TEST(pieces_of_both_kinds),
	KTAP_TEST(fault_names),
	KTAP_TEST(unfetch),
	KTAP_TEST(rewind_what_was_used),
	KTAP_TEST(copy_out),
	KTAP_TEST(copy_in),
	KTAP_TEST(notify_by_flag),
	KTAP_TEST(notify_by_event),
	KTAP_TEST(hush_by_flag),
	KTAP_TEST(hush_by_event),
	KTAP_TEST(kick_for_the_next_one),
	KTAP_TEST(interrupt_by_event),
	KTAP_TEST(interrupt_by_flag),
	KTAP_TEST(still_waits_by_event),
	KTAP_TEST(full_barrier_in_publish),
	KTAP_TEST(full_barrier_in_notify_on),
	KTAP_TEST(read_barrier_in_fetch),
	KTAP_TEST(release_in_publish),
	KTAP_TEST(random_chains),
	KTAP_TEST(descriptors_change_while_read),
	KTAP_TEST(nobody_sleeps_for_ever),
};

int main(void)
{
	set_up_memory();
	return ktap_main(tests, ARRAY_SIZE(tests));
}
