// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of memory.h: an address is given only if every byte lies inside one
 * range, whatever a guest asks for; and extents overlap in the last page of the
 * address space as they do elsewhere.
 */
#include "ktap.h"
#include "memory.h"

static struct hvnet_memory mem;
static char where[8];	/* only its address is used */

static void clear(void)
{
	mem.n = 0;
}

/* Addresses are never followed here, so that ranges can be as big as one likes. */
static void add(u64 ipa, u64 size)
{
	struct hvnet_range *r = &mem.range[mem.n++];

	r->ipa = ipa;
	r->size = size;
	r->pa = ipa;
	r->va = where;
}

/* The definition, byte for byte as it is meant. */
static bool inside(u64 ipa, u64 len, u64 *offset)
{
	unsigned int i;

	for (i = 0; i < mem.n; i++) {
		const struct hvnet_range *r = &mem.range[i];
		const u64 last = ipa + (len - 1);

		if (last >= ipa && ipa >= r->ipa &&
		    last <= r->ipa + (r->size - 1)) {
			*offset = ipa - r->ipa;
			return true;
		}
	}
	return false;
}

static bool agrees(u64 ipa, u64 len)
{
	char *at = hvnet_memory_at(&mem, ipa, len);
	u64 offset;

	if (!inside(ipa, len, &offset))
		return !at;
	return (uintptr_t)at == (uintptr_t)where + offset;
}

static void no_ranges(void)
{
	clear();
	CHECK(!hvnet_memory_at(&mem, 0, 1));
	CHECK(!hvnet_memory_at(&mem, UINT64_MAX, 1));
}

static void edges_of_one_range(void)
{
	clear();
	add(0x50000000, sizeof(where));
	CHECK(hvnet_memory_at(&mem, 0x50000000, sizeof(where)) == where);
	CHECK(hvnet_memory_at(&mem, 0x50000007, 1) == where + 7);
	CHECK(!hvnet_memory_at(&mem, 0x50000000, sizeof(where) + 1));
	CHECK(!hvnet_memory_at(&mem, 0x50000007, 2));
	CHECK(!hvnet_memory_at(&mem, 0x4fffffff, 1));
	CHECK(!hvnet_memory_at(&mem, 0x4fffffff, 2));
	CHECK(!hvnet_memory_at(&mem, 0x50000008, 1));
}

static void sums_that_wrap(void)
{
	clear();
	add(0x1000, 0x1000);
	add(0x80000000, 0x80000000);
	CHECK(!hvnet_memory_at(&mem, 0x1800, UINT64_MAX));
	CHECK(!hvnet_memory_at(&mem, 0x1800, UINT64_MAX - 0x17ff));
	CHECK(!hvnet_memory_at(&mem, 0x80000000, UINT64_MAX - 0x7fffffff));
	CHECK(!hvnet_memory_at(&mem, UINT64_MAX, 1));
	CHECK(!hvnet_memory_at(&mem, UINT64_MAX, UINT64_MAX));
}

/* Two ranges that touch may be mapped far apart: no access across. */
static void across_neighbours(void)
{
	clear();
	add(0x1000, 0x1000);
	add(0x2000, 0x1000);
	CHECK(hvnet_memory_at(&mem, 0x1fff, 1));
	CHECK(hvnet_memory_at(&mem, 0x2000, 1));
	CHECK(!hvnet_memory_at(&mem, 0x1fff, 2));
}

/* Each edge, and one byte to either side of it, of every number of ranges. */
static void edges_of_many_ranges(void)
{
	unsigned int n, i;
	int at, len;

	for (n = 1; n <= HVNET_MAX_RANGES; n++) {
		clear();
		for (i = 0; i < n; i++)
			add(0x1000 + 0x3000ULL * i, 0x1000 + 0x1000 * (i % 3));
		for (i = 0; i < n; i++) {
			const struct hvnet_range *r = &mem.range[i];

			for (at = -2; at <= 2; at++) {
				for (len = 1; len <= 3; len++) {
					CHECK(agrees(r->ipa + at, len));
					CHECK(agrees(r->ipa + r->size + at,
						     len));
				}
				CHECK(agrees(r->ipa, r->size + at));
			}
		}
	}
}

static void random_ranges(void)
{
	unsigned int round, i;

	for (round = 0; round < 2000; round++) {
		unsigned int n = 1 + rnd_below(HVNET_MAX_RANGES);
		u64 ipa = rnd() >> rnd_below(64);

		clear();
		for (i = 0; i < n; i++) {
			u64 size = 1 + (rnd() >> (8 + rnd_below(50)));

			if (ipa + size < ipa)
				break;
			add(ipa, size);
			ipa += size;
			if (one_in(2))
				ipa += rnd_below(0x10000);
			if (ipa < mem.range[i].ipa)
				break;
		}
		for (i = 0; i < 200; i++) {
			u64 at = rnd() >> rnd_below(64);

			if (mem.n && !one_in(4))
				at = mem.range[rnd_below(mem.n)].ipa +
				     (rnd() >> rnd_below(64)) -
				     rnd_below(3);
			CHECK(agrees(at, 1 + (rnd() >> rnd_below(64)) % UINT64_MAX));
		}
	}
}

/* By their last bytes, which always have an address. */
static bool share_a_byte(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a <= b + (b_len - 1) && b <= a + (a_len - 1);
}

/* Everywhere that two extents of a few bytes can be in @bytes from @base on. */
static void slide_extents(u64 base, u64 bytes)
{
	u64 a, b, a_len, b_len;

	for (a = 0; a < bytes; a++)
		for (a_len = 1; a_len <= bytes - a; a_len++)
			for (b = 0; b < bytes; b++)
				for (b_len = 1; b_len <= bytes - b; b_len++)
					CHECK(hvnet_overlap(base + a, a_len,
							    base + b, b_len) ==
					      share_a_byte(base + a, a_len,
							   base + b, b_len));
}

static void extents_that_overlap(void)
{
	slide_extents(0, 12);
	slide_extents(0x50000000, 12);
	/* The last of them ends where there are no more addresses. */
	slide_extents(-12ULL, 12);
	CHECK(hvnet_overlap(0, UINT64_MAX, UINT64_MAX - 1, 1));
	CHECK(!hvnet_overlap(0, UINT64_MAX, UINT64_MAX, 1));
	CHECK(hvnet_overlap(UINT64_MAX, 1, 1, UINT64_MAX));
	CHECK(!hvnet_overlap(0, 1, -4096ULL, 4096));
	CHECK(!hvnet_overlap(-4096ULL, 4096, 0, 4096));
}

static const struct ktap_test tests[] = {
	KTAP_TEST(no_ranges),
	KTAP_TEST(edges_of_one_range),
	KTAP_TEST(sums_that_wrap),
	KTAP_TEST(across_neighbours),
	KTAP_TEST(edges_of_many_ranges),
	KTAP_TEST(random_ranges),
	KTAP_TEST(extents_that_overlap),
};

int main(void)
{
	return ktap_main(tests, ARRAY_SIZE(tests));
}
