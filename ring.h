/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The split virtqueue seen from the device (virtio 1.2, section 2.7).  Pure: no
 * device, no net, no page, no sleeping; the caller serialises all calls for one
 * ring.
 */
#ifndef HVNET_RING_H
#define HVNET_RING_H

#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_ring.h>

struct hvnet_memory;

/* Why a ring was found broken; hvnet_ring_fault_name() puts it into words. */
enum hvnet_ring_fault {
	HVNET_RING_OK,
	HVNET_RING_AVAIL_JUMP,	/* avail->idx ran more than a queue ahead of
				 * what the driver was given back
				 */
	HVNET_RING_BAD_HEAD,	/* head outside the descriptor table */
	HVNET_RING_BAD_NEXT,	/* next outside the (indirect) table */
	HVNET_RING_LOOP,	/* chain longer than the queue: loops */
	HVNET_RING_BAD_ADDRESS,	/* buffer not wholly inside one range of RAM */
	HVNET_RING_BAD_INDIRECT,/* indirect: nested, not negotiated, bad size */
	HVNET_RING_BAD_ORDER,	/* readable buffer after a writable one */
	HVNET_RING_FAULTS,
};

/**
 * struct hvnet_sg - a piece of a chain, checked and mapped
 * @addr: root's address; all @len bytes lie inside the zone's RAM
 * @len: bytes, never 0
 */
struct hvnet_sg {
	void *addr;
	u32 len;
};

/**
 * struct hvnet_chain - one descriptor chain, read once and checked
 * @head: its head index, to be given back in the used ring
 * @n_out: pieces the device may read, @sg[0..@n_out)
 * @n_in: pieces the device may write, @sg[@n_out..@n_out + @n_in)
 * @out_len: bytes to read, in total
 * @in_len: bytes to write, in total
 * @sg: the pieces; room for as many as the ring has descriptors
 */
struct hvnet_chain {
	u16 head;
	u16 n_out;
	u16 n_in;
	u64 out_len;
	u64 in_len;
	struct hvnet_sg *sg;
};

/**
 * struct hvnet_ring - one split virtqueue, device side
 * @mem: RAM of the zone, for translating what descriptors point to
 * @desc: descriptor table, in guest memory
 * @avail: available ring, in guest memory
 * @used: used ring, in guest memory
 * @num: queue size, a power of two; 0 while the ring is not set up
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_F_INDIRECT_DESC was negotiated
 * @notify_on: the guest has been told to kick
 * @last_avail: next available entry to take (free running)
 * @avail_seen: avail->idx at the last look; no more is taken without another
 * @used_idx: used entries written (free running)
 * @used_published: used->idx as the guest sees it
 * @fault: why the ring is broken; nothing is taken from a broken ring
 */
struct hvnet_ring {
	const struct hvnet_memory *mem;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 num;
	bool event_idx;
	bool indirect;
	bool notify_on;
	u16 last_avail;
	u16 avail_seen;
	u16 used_idx;
	u16 used_published;
	enum hvnet_ring_fault fault;
};

/**
 * struct hvnet_ring_setup - what the driver told about a queue
 * @num: queue size
 * @desc: guest-physical address of the descriptor table
 * @avail: guest-physical address of the available ring
 * @used: guest-physical address of the used ring
 */
struct hvnet_ring_setup {
	u16 num;
	u64 desc;
	u64 avail;
	u64 used;
};

/**
 * hvnet_ring_used - give a chain back
 * @ring: the ring
 * @head: its head, as fetched
 * @len: bytes written into its writable buffers, from the first on
 *
 * The driver sees it after hvnet_ring_publish(), so that many cost one barrier.
 *
 * Context: any; serialised by the caller.
 */
static inline void hvnet_ring_used(struct hvnet_ring *ring, u16 head, u32 len)
{
	struct vring_used_elem *elem;

	elem = &ring->used->ring[ring->used_idx & (ring->num - 1)];
	elem->id = __cpu_to_virtio32(true, head);
	elem->len = __cpu_to_virtio32(true, len);
	ring->used_idx++;
}

int hvnet_ring_start(struct hvnet_ring *ring, const struct hvnet_memory *mem,
		     const struct hvnet_ring_setup *setup, bool event_idx,
		     bool indirect);
void hvnet_ring_stop(struct hvnet_ring *ring);
int hvnet_ring_fetch(struct hvnet_ring *ring, struct hvnet_chain *chain);
void hvnet_ring_unfetch(struct hvnet_ring *ring, u16 n);
bool hvnet_ring_more(struct hvnet_ring *ring, u16 beyond);
void hvnet_ring_rewind(struct hvnet_ring *ring, u16 n);
bool hvnet_ring_publish(struct hvnet_ring *ring);
bool hvnet_ring_wants_interrupt(const struct hvnet_ring *ring);
void hvnet_ring_notify_off(struct hvnet_ring *ring);
void hvnet_ring_hush(struct hvnet_ring *ring);
bool hvnet_ring_notify_on(struct hvnet_ring *ring, u16 beyond);
size_t hvnet_ring_copy_out(const struct hvnet_chain *chain, size_t offset,
			   void *to, size_t len);
size_t hvnet_ring_copy_in(const struct hvnet_chain *chain, size_t offset,
			  const void *from, size_t len);
const char *hvnet_ring_fault_name(enum hvnet_ring_fault fault);

#endif /* HVNET_RING_H */
