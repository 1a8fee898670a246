/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for the payload of large frames, used again and again: types and
 * functions of pages.c.
 */
#ifndef HVNET_PAGES_H
#define HVNET_PAGES_H

#include <linux/types.h>

struct page;
struct sk_buff;

/* All that an interface keeps is a megabyte. */
#define HVNET_BLOCKS		32
#define HVNET_BLOCK_SIZE	32768

/**
 * struct hvnet_pages - blocks that frames get pieces of, in turn
 * @block: the blocks; one reference to each is ours, one for each piece in use
 *	is some buffer's
 * @turn: the one whose pieces are given out
 * @given: bytes of it that were
 */
struct hvnet_pages {
	struct page *block[HVNET_BLOCKS];
	unsigned int turn;
	unsigned int given;
};

void *hvnet_pages_append(struct hvnet_pages *p, struct sk_buff *skb,
			 unsigned int want, unsigned int *got);
void hvnet_pages_free(struct hvnet_pages *p);

#endif /* HVNET_PAGES_H */
