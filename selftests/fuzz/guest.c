// SPDX-License-Identifier: GPL-2.0-only
/* A guest's RAM for the fuzzers: see fuzz.h. */
#include "fuzz.h"

static void add_range(struct fuzz_guest *g, u64 ipa, u64 size)
{
	struct hvnet_range *r = &g->mem.range[g->mem.n];

	r->ipa = ipa;
	r->size = size;
	r->va = malloc(size);
	g->copy[g->mem.n] = malloc(size);
	REQUIRE(r->va && g->copy[g->mem.n]);
	g->mem.n++;
}

/**
 * fuzz_guest_init - allocate it, once
 * @g: the guest
 */
void fuzz_guest_init(struct fuzz_guest *g)
{
	if (g->mem.n)
		return;
	add_range(g, FUZZ_LOW, FUZZ_LOW_SIZE);
	add_range(g, FUZZ_NEXT, FUZZ_SIZE);
	add_range(g, FUZZ_HIGH, FUZZ_SIZE);
}

/**
 * fuzz_guest_fill - for the next input
 * @g: the guest
 * @byte: what its RAM is full of
 */
void fuzz_guest_fill(struct fuzz_guest *g, u8 byte)
{
	unsigned int i;

	for (i = 0; i < g->mem.n; i++) {
		memset(g->mem.range[i].va, byte, g->mem.range[i].size);
		memset(g->copy[i], byte, g->mem.range[i].size);
	}
}

/**
 * fuzz_take_ipa - an address in RAM, around its edges, or nowhere
 * @in: the input; takes two bytes
 */
u64 fuzz_take_ipa(struct fuzz_input *in)
{
	u64 v = fuzz_take(in, 2);

	return v < 0x8000 ? v : FUZZ_HIGH - 0x100 + (v & 0x7fff) % 0x1200;
}

/* The copy of what is at @va, NULL if that is not the guest's. */
static u8 *copy_of(const struct fuzz_guest *g, const void *va, size_t len)
{
	unsigned int i;

	for (i = 0; i < g->mem.n; i++) {
		const u8 *base = g->mem.range[i].va;
		size_t size = g->mem.range[i].size;

		if ((const u8 *)va >= base && (const u8 *)va < base + size)
			return len <= size - ((const u8 *)va - base) ?
			       g->copy[i] + ((const u8 *)va - base) : NULL;
	}
	return NULL;
}

/**
 * fuzz_guest_write - the guest writes to its own RAM, where there is some
 * @g: the guest
 * @ipa: where
 * @from: what
 * @len: how much
 */
void fuzz_guest_write(struct fuzz_guest *g, u64 ipa, const void *from,
		      size_t len)
{
	void *va = hvnet_memory_at(&g->mem, ipa, len);

	if (!va)
		return;
	memcpy(va, from, len);
	fuzz_guest_allow(g, va, len);
}

/**
 * fuzz_guest_allow - these bytes may have changed; they also have to be RAM
 * @g: the guest
 * @at: root's address
 * @len: how many, none included
 */
void fuzz_guest_allow(struct fuzz_guest *g, const void *at, size_t len)
{
	u8 *copy;

	if (!len)
		return;
	copy = copy_of(g, at, len);
	REQUIRE(copy);
	memcpy(copy, at, len);
}

/**
 * fuzz_guest_check - nothing else may have changed
 * @g: the guest
 */
void fuzz_guest_check(const struct fuzz_guest *g)
{
	unsigned int i;

	for (i = 0; i < g->mem.n; i++)
		REQUIRE(!memcmp(g->copy[i], g->mem.range[i].va,
				g->mem.range[i].size));
}
