// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the payload of large frames from the guest.  To take new pages for
 * each frame costs half as much as to copy it: many kernels zero them first.
 * So blocks are kept, and used again once nobody but us refers to them, as
 * network cards' drivers do with their receive buffers.  What is copied into
 * them, and when, is tap_bridge.c's business.
 */
#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/skbuff.h>

#include "pages.h"

#define HVNET_BLOCK_ORDER	get_order(HVNET_BLOCK_SIZE)

/* No reserve is touched: pages from there would have to go back there. */
#define HVNET_BLOCK_GFP							\
	(GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY |	\
	 __GFP_NOMEMALLOC)

static struct page *hvnet_block_new(void)
{
	struct page *page = alloc_pages(HVNET_BLOCK_GFP, HVNET_BLOCK_ORDER);

	/* Where memory is in pieces a page is a block, for this time. */
	return page ?: alloc_page(HVNET_BLOCK_GFP);
}

/*
 * Only our reference is left: whoever had a piece has let go of it.  The
 * counter was lowered after the last look at the bytes, and is read before they
 * are written.
 */
static bool hvnet_block_idle(struct page *page)
{
	return page_ref_count(page) == 1 &&
	       compound_order(page) == HVNET_BLOCK_ORDER;
}

/* The block that has room, the next one if need be; NULL if there is no memory. */
static struct page *hvnet_block(struct hvnet_pages *p)
{
	struct page **block = &p->block[p->turn];

	if (*block && p->given < page_size(*block))
		return *block;
	p->turn = (p->turn + 1) % HVNET_BLOCKS;
	p->given = 0;
	block = &p->block[p->turn];
	if (*block && hvnet_block_idle(*block))
		return *block;
	if (*block)
		put_page(*block);
	*block = hvnet_block_new();
	return *block;
}

/**
 * hvnet_pages_append - lengthen a buffer by a piece of memory
 * @p: where from
 * @skb: the buffer, with room for one more fragment
 * @want: bytes that are needed, not 0
 * @got: bytes that there are now, at most @want
 *
 * What they hold is not defined; the caller fills all of them. Each piece but
 * the first and the last of a frame is at least a page long.
 *
 * Context: softirq; serialised by the caller. Return: where they are, or NULL.
 */
void *hvnet_pages_append(struct hvnet_pages *p, struct sk_buff *skb,
			 unsigned int want, unsigned int *got)
{
	struct page *page = hvnet_block(p);
	unsigned int at = p->given, room;

	if (!page)
		return NULL;
	*got = min_t(unsigned int, want, page_size(page) - at);
	room = ALIGN(*got, SMP_CACHE_BYTES);
	get_page(page);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, at, *got, room);
	p->given += room;
	return page_address(page) + at;
}

/**
 * hvnet_pages_free - keep nothing any more
 * @p: the blocks
 *
 * Those that frames are in stay for as long as these do.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_pages_free(struct hvnet_pages *p)
{
	unsigned int i;

	for (i = 0; i < HVNET_BLOCKS; i++)
		if (p->block[i])
			put_page(p->block[i]);
	memset(p, 0, sizeof(*p));
}
