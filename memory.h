/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A zone's RAM as root sees it: which guest-physical ranges there are and where
 * they are mapped.  The look-up is here, pure and inline, because the virtqueue
 * code that depends on it is also built in user space; classifying and mapping
 * ranges is in memory.c.
 */
#ifndef HVNET_MEMORY_H
#define HVNET_MEMORY_H

#include <linux/types.h>

struct hvnet_reason;

#define HVNET_MAX_RANGES	64

/**
 * struct hvnet_range - one piece of a zone's RAM
 * @ipa: guest-physical address of its first byte
 * @size: bytes, never 0; its last byte's @ipa does not wrap
 * @pa: root-physical address of its first byte
 * @va: where it is mapped, write-back
 * @root_ram: it is RAM of root's own, which only the simulator may ask for
 */
struct hvnet_range {
	u64 ipa;
	u64 size;
	u64 pa;
	void *va;
	bool root_ram;
};

/**
 * struct hvnet_memory - the RAM of one zone
 * @n: how many ranges
 * @range: the ranges, sorted by @ipa, none overlapping; constant from the
 *	zone's birth to its end, so that readers need no lock
 */
struct hvnet_memory {
	unsigned int n;
	struct hvnet_range range[HVNET_MAX_RANGES];
};

/**
 * hvnet_overlap - do two extents of addresses share a byte?
 * @a: first address of the one
 * @a_len: its length, at least 1; it may end with the address space
 * @b: first address of the other
 * @b_len: its length, likewise
 *
 * If they do, then one of them starts inside the other.  Neither has its end
 * computed, which is 0 for one in the last page.
 *
 * Context: any.
 */
static inline bool hvnet_overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a - b < b_len || b - a < a_len;
}

/**
 * hvnet_memory_at - root's address of guest memory
 * @mem: the zone's RAM
 * @ipa: guest-physical address, from an untrusted guest
 * @len: bytes that will be touched, at least 1
 *
 * Context: any.
 * Return: the address, or NULL unless every byte lies inside one range.
 */
static inline void *hvnet_memory_at(const struct hvnet_memory *mem, u64 ipa,
				    u64 len)
{
	const struct hvnet_range *first = mem->range;
	unsigned int n = mem->n;

	while (n) {
		const struct hvnet_range *r = first + n / 2;
		/* Too large for any size if @ipa lies before. */
		u64 offset = ipa - r->ipa;

		if (offset < r->size) {
			/* Never ipa + len, which a guest can make wrap. */
			if (len > r->size - offset)
				return NULL;
			return (char *)r->va + offset;
		}
		if (ipa < r->ipa) {
			n /= 2;
		} else {
			first = r + 1;
			n -= n / 2 + 1;
		}
	}
	return NULL;
}

struct hvnet_range *hvnet_memory_next(struct hvnet_memory *mem,
				      struct hvnet_reason *why);
int hvnet_memory_map(struct hvnet_memory *mem, bool root_ram_ok,
		     struct hvnet_reason *why);
void hvnet_memory_unmap(struct hvnet_memory *mem);
int hvnet_memory_foreign(u64 pa, u64 size, struct hvnet_reason *why);
bool hvnet_memory_meets(const struct hvnet_memory *mem, u64 ipa, u64 len);

#endif /* HVNET_MEMORY_H */
