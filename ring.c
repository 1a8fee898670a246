// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split virtqueue seen from the device (virtio 1.2, section 2.7): taking
 * descriptor chains out of the available ring, giving them back through the
 * used ring, and deciding who has to be told.  Nothing here knows what is in a
 * buffer (tap_bridge.c does), how a queue is configured (mmio.c) or how an
 * interrupt is raised (hvpage.c).  The file builds unchanged in user space,
 * see selftests/unit.
 *
 * The guest is not trusted and runs while we work: whatever lies in its memory
 * is read once, into private memory, then checked, then used.  A ring that
 * breaks the rules gets a fault and is never followed again.
 *
 * The barriers are the virt_ family, also on a root kernel built for one CPU:
 * the other side is a driver in another zone.  Their partners are named as in
 * Linux's driver of split virtqueues, drivers/virtio; selftests/model/ring.pml has
 * who tells whom.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_ring.h>

#include "memory.h"
#include "ring.h"

#define HVNET_RING_MAX_NUM	32768

/*
 * hvisor runs on little endian machines only, so the byte order of a guest
 * without VIRTIO_F_VERSION_1, its own, is the same as that of one with it.
 */
static u16 le16(__virtio16 v)
{
	return __virtio16_to_cpu(true, v);
}

static u32 le32(__virtio32 v)
{
	return __virtio32_to_cpu(true, v);
}

/* Each area of a ring ends in the event word, negotiated or not (2.7). */
static u64 desc_bytes(u16 num)
{
	return sizeof(struct vring_desc) * num;
}

static u64 avail_bytes(u16 num)
{
	return sizeof(struct vring_avail) + sizeof(__virtio16) * (num + 1);
}

static u64 used_bytes(u16 num)
{
	return sizeof(struct vring_used) +
	       sizeof(struct vring_used_elem) * num + sizeof(__virtio16);
}

static u16 avail_idx(const struct hvnet_ring *ring)
{
	return le16(READ_ONCE(ring->avail->idx));
}

/* Where the driver says at which used index it wants an interrupt. */
static u16 used_event(const struct hvnet_ring *ring)
{
	return le16(READ_ONCE(ring->avail->ring[ring->num]));
}

/* Where we say at which available index we want a kick. */
static void set_avail_event(struct hvnet_ring *ring, u16 idx)
{
	__virtio16 *event = (__virtio16 *)&ring->used->ring[ring->num];

	WRITE_ONCE(*event, __cpu_to_virtio16(true, idx));
}

static void set_used_flags(struct hvnet_ring *ring, u16 flags)
{
	WRITE_ONCE(ring->used->flags, __cpu_to_virtio16(true, flags));
}

static int broken(struct hvnet_ring *ring, enum hvnet_ring_fault fault)
{
	ring->fault = fault;
	return -EPROTO;
}

/**
 * hvnet_ring_start - begin to use a queue that the driver has set up
 * @ring: the ring; stopped again if this fails
 * @mem: the zone's RAM, which must outlive the ring
 * @setup: what the driver wrote into the queue's registers, unchecked
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_F_INDIRECT_DESC was negotiated
 *
 * Both indices start at 0, as a driver's do (virtio 1.2, section 2.7), and the
 * driver is told to kick for the first buffer.  One that it made available
 * before was not kicked for: the caller has to look once.
 *
 * Context: any; serialised by the caller against all use of @ring.
 * Return: 0, -EINVAL if size, alignment or layout break the rules, -EFAULT if
 * an area does not lie inside one range of RAM.
 */
int hvnet_ring_start(struct hvnet_ring *ring, const struct hvnet_memory *mem,
		     const struct hvnet_ring_setup *setup, bool event_idx,
		     bool indirect)
{
	const u64 desc_len = desc_bytes(setup->num);
	const u64 avail_len = avail_bytes(setup->num);
	const u64 used_len = used_bytes(setup->num);
	struct hvnet_ring new = {
		.mem = mem,
		.num = setup->num,
		.event_idx = event_idx,
		.indirect = indirect,
		.notify_on = true,
	};

	hvnet_ring_stop(ring);

	if (setup->num > HVNET_RING_MAX_NUM || !is_power_of_2(setup->num))
		return -EINVAL;
	if (setup->desc % VRING_DESC_ALIGN_SIZE ||
	    setup->avail % VRING_AVAIL_ALIGN_SIZE ||
	    setup->used % VRING_USED_ALIGN_SIZE)
		return -EINVAL;

	new.desc = hvnet_memory_at(mem, setup->desc, desc_len);
	new.avail = hvnet_memory_at(mem, setup->avail, avail_len);
	new.used = hvnet_memory_at(mem, setup->used, used_len);
	if (!new.desc || !new.avail || !new.used)
		return -EFAULT;

	if (hvnet_overlap(setup->desc, desc_len, setup->avail, avail_len) ||
	    hvnet_overlap(setup->desc, desc_len, setup->used, used_len) ||
	    hvnet_overlap(setup->avail, avail_len, setup->used, used_len))
		return -EINVAL;

	*ring = new;
	set_used_flags(ring, 0);
	if (event_idx)
		set_avail_event(ring, 0);
	return 0;
}

/**
 * hvnet_ring_stop - forget a queue
 * @ring: the ring, started or not
 *
 * Guest memory is not touched, now or by any later call for @ring: a stopped
 * ring has nothing available and wants no interrupt.
 *
 * Context: any; serialised by the caller against all use of @ring.
 */
void hvnet_ring_stop(struct hvnet_ring *ring)
{
	memset(ring, 0, sizeof(*ring));
}

/*
 * One copy, then the guest may do what it likes.  An indirect table need not be
 * aligned, hence no READ_ONCE() of the members.
 */
static __always_inline struct vring_desc
copy_desc(const struct vring_desc *table, u32 i)
{
	struct vring_desc desc;

	memcpy(&desc, (const char *)table + sizeof(desc) * (u64)i, sizeof(desc));
	/* The compiler must not go back to the table for what it needs later. */
	barrier();
	return desc;
}

/* A buffer of a chain: check it, append it. */
static __always_inline int
add_piece(struct hvnet_ring *ring, struct hvnet_chain *chain,
	  const struct vring_desc *desc, bool writable)
{
	const u32 len = le32(desc->len);
	struct hvnet_sg *sg;

	if (!len)
		return 0;
	if (chain->n_out + chain->n_in >= ring->num)
		return broken(ring, HVNET_RING_LOOP);
	if (!writable && chain->n_in)
		return broken(ring, HVNET_RING_BAD_ORDER);

	sg = &chain->sg[chain->n_out + chain->n_in];
	sg->addr = hvnet_memory_at(ring->mem,
				   __virtio64_to_cpu(true, desc->addr), len);
	sg->len = len;
	if (!sg->addr)
		return broken(ring, HVNET_RING_BAD_ADDRESS);

	if (writable) {
		chain->n_in++;
		chain->in_len += len;
	} else {
		chain->n_out++;
		chain->out_len += len;
	}
	return 0;
}

/* A descriptor of the ring's own table that refers to another table. */
static const struct vring_desc *
indirect_table(struct hvnet_ring *ring, const struct vring_desc *desc, u32 *size)
{
	const u32 len = le32(desc->len);
	const struct vring_desc *table;

	if (!ring->indirect || (le16(desc->flags) & VRING_DESC_F_NEXT) ||
	    !len || len % sizeof(*desc)) {
		broken(ring, HVNET_RING_BAD_INDIRECT);
		return NULL;
	}
	table = hvnet_memory_at(ring->mem, __virtio64_to_cpu(true, desc->addr),
				len);
	if (!table)
		broken(ring, HVNET_RING_BAD_ADDRESS);
	*size = len / sizeof(*desc);
	return table;
}

static int taken(struct hvnet_ring *ring)
{
	ring->last_avail++;
	return 1;
}

/*
 * Take a chain, from its first descriptor on: any number of direct descriptors,
 * of which the last may refer to an indirect table, where the chain goes on
 * (2.7.5.3).  No chain may be longer than the queue; counting for each table, as
 * empty descriptors leave no piece behind, stops loops through either.  Where an
 * indirect table lies tells nothing: the guest may name the ring's own.
 */
static noinline int walk(struct hvnet_ring *ring, struct hvnet_chain *chain,
			 struct vring_desc desc)
{
	const struct vring_desc *table = ring->desc;
	u32 size = ring->num;
	bool nested = false;
	u32 seen = 1;
	u32 i;

	for (;;) {
		const u16 flags = le16(desc.flags);

		if (flags & VRING_DESC_F_INDIRECT) {
			if (nested)
				return broken(ring, HVNET_RING_BAD_INDIRECT);
			table = indirect_table(ring, &desc, &size);
			if (!table)
				return -EPROTO;
			nested = true;
			i = 0;
			seen = 0;
		} else {
			if (add_piece(ring, chain, &desc,
				      flags & VRING_DESC_F_WRITE))
				return -EPROTO;
			if (!(flags & VRING_DESC_F_NEXT))
				return taken(ring);
			i = le16(desc.next);
		}

		if (i >= size)
			return broken(ring, HVNET_RING_BAD_NEXT);
		if (seen++ >= ring->num)
			return broken(ring, HVNET_RING_LOOP);
		desc = copy_desc(table, i);
	}
}

/* Take the chain that begins at @head, which is inside the table. */
static int read_chain(struct hvnet_ring *ring, struct hvnet_chain *chain,
		      u16 head)
{
	const struct vring_desc desc = copy_desc(ring->desc, head);
	const u16 flags = le16(desc.flags);

	chain->head = head;
	chain->n_out = 0;
	chain->n_in = 0;
	chain->out_len = 0;
	chain->in_len = 0;
	/* Most are one buffer. Following one more would cost as much again. */
	if (!(flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT)))
		return add_piece(ring, chain, &desc,
				 flags & VRING_DESC_F_WRITE) ?: taken(ring);
	return walk(ring, chain, desc);
}

/*
 * How far has the driver come?  One look is good for all chains up to there.
 * Returns 1 if there are any, 0 or -EPROTO.
 */
static int look(struct hvnet_ring *ring)
{
	const u16 held = ring->last_avail - ring->used_published;
	u16 ahead;

	if (!ring->num)
		return 0;
	ahead = avail_idx(ring) - ring->last_avail;
	if (!ahead)
		return 0;
	/*
	 * What the driver has not seen given back it cannot make available
	 * again.  So a caller that goes on until there is nothing left comes to
	 * an end, whatever the driver does meanwhile.
	 */
	if (ahead > ring->num - held)
		return broken(ring, HVNET_RING_AVAIL_JUMP);

	/*
	 * The index before what it covers: entry, descriptors, buffers.
	 * Pairs with virtio_wmb() before the store of avail->idx in
	 * virtqueue_add_split().
	 */
	virt_rmb();
	ring->avail_seen = ring->last_avail + ahead;
	return 1;
}

/**
 * hvnet_ring_fetch - take the next chain the driver made available
 * @ring: the ring
 * @chain: where to put it; @chain->sg has room for @ring->num pieces
 *
 * Empty buffers are left out of @chain.  Every chain fetched has to be given
 * back, by hvnet_ring_used() or hvnet_ring_unfetch().  No more than a queue of
 * them are there to be fetched before hvnet_ring_publish().
 *
 * Context: any; serialised by the caller.
 * Return: 1 if there is a chain, 0 if nothing is available, -EPROTO if the ring
 * is broken (@ring->fault says why), from then on always, and @chain means
 * nothing.
 */
int hvnet_ring_fetch(struct hvnet_ring *ring, struct hvnet_chain *chain)
{
	const u16 slot = ring->last_avail & (ring->num - 1);
	u16 head;
	int err;

	if (ring->fault)
		return -EPROTO;
	if (ring->avail_seen == ring->last_avail) {
		err = look(ring);
		if (err <= 0)
			return err;
	}

	head = le16(READ_ONCE(ring->avail->ring[slot]));
	if (head >= ring->num)
		return broken(ring, HVNET_RING_BAD_HEAD);
	return read_chain(ring, chain, head);
}

/**
 * hvnet_ring_unfetch - give back the chains fetched last, unused
 * @ring: the ring
 * @n: how many; the next hvnet_ring_fetch() starts with the first of them
 *
 * Context: any; serialised by the caller.
 */
void hvnet_ring_unfetch(struct hvnet_ring *ring, u16 n)
{
	ring->last_avail -= n;
}

/**
 * hvnet_ring_more - has the driver made something available?
 * @ring: the ring
 * @beyond: available index up to which the caller knows: @ring->last_avail to
 *	ask whether anything is left, more than that if what was seen was too
 *	little
 *
 * Context: any; serialised by the caller.
 * Return: true if hvnet_ring_fetch() would have something beyond @beyond; never
 * for a ring that is broken or stopped, so that a loop around this ends.
 */
bool hvnet_ring_more(struct hvnet_ring *ring, u16 beyond)
{
	return ring->num && !ring->fault && avail_idx(ring) != beyond;
}

/**
 * hvnet_ring_rewind - undo the last fetches and what gave them back
 * @ring: the ring
 * @n: how many chains, each fetched and used, none of them published
 *
 * The driver never knows: what lies beyond used->idx is ours to overwrite.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_ring_rewind(struct hvnet_ring *ring, u16 n)
{
	ring->last_avail -= n;
	ring->used_idx -= n;
}

/**
 * hvnet_ring_publish - show the driver what was given back
 * @ring: the ring
 *
 * Context: any; serialised by the caller.
 * Return: true if the driver wants an interrupt for it (virtio 1.2, sections
 * 2.7.7 and 2.7.10); false if not, or if there was nothing new.
 */
bool hvnet_ring_publish(struct hvnet_ring *ring)
{
	const u16 old = ring->used_published;
	const u16 new = ring->used_idx;
	u16 flags;

	if (new == old)
		return false;

	/*
	 * Buffers and entries before the index.  Pairs with virtio_rmb() after
	 * more_used_split() in virtqueue_get_buf_ctx_split().
	 */
	virt_store_release(&ring->used->idx, __cpu_to_virtio16(true, new));
	WRITE_ONCE(ring->used_published, new);

	/*
	 * The index before the look at what the driver wants.  Pairs with
	 * virtio_store_mb() of used_event in virtqueue_get_buf_ctx_split() and
	 * virtqueue_enable_cb_delayed_split(), and with virtio_mb() in
	 * virtqueue_poll(): either the driver sees the new index, or we see
	 * that it waits.
	 */
	virt_mb();

	if (ring->event_idx)
		return vring_need_event(used_event(ring), new, old);
	flags = le16(READ_ONCE(ring->avail->flags));
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

/**
 * hvnet_ring_wants_interrupt - does the driver still wait to be told?
 * @ring: the ring
 *
 * For an interrupt that may have been lost on its way: true as long as the
 * published index lies beyond the one at which the driver wants an interrupt.
 * A driver that has caught up has moved that one, too.  Without
 * VIRTIO_F_EVENT_IDX there is no telling, only whether interrupts are off.
 *
 * It only reads, and what it reads may be old by the time it returns; asking
 * again later is what makes up for that.
 *
 * Context: any, hard interrupt included; the caller sees to it that the ring is
 * not started or stopped meanwhile, all other calls may run.
 */
bool hvnet_ring_wants_interrupt(const struct hvnet_ring *ring)
{
	u16 passed;

	if (!ring->num)
		return false;
	if (!ring->event_idx)
		return !(le16(READ_ONCE(ring->avail->flags)) &
			 VRING_AVAIL_F_NO_INTERRUPT);

	/* 0 when the published index has just passed the event. */
	passed = READ_ONCE(ring->used_published) - used_event(ring) - 1;
	return passed < ring->num;
}

/**
 * hvnet_ring_notify_off - the driver need not kick: we are looking anyway
 * @ring: the ring
 *
 * A hint, kicks may still come.  With VIRTIO_F_EVENT_IDX there is nothing to
 * write: the driver kicks only when it passes the event, which stays behind.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_ring_notify_off(struct hvnet_ring *ring)
{
	if (!ring->num || !ring->notify_on)
		return;
	ring->notify_on = false;
	if (!ring->event_idx)
		set_used_flags(ring, VRING_USED_F_NO_NOTIFY);
}

/**
 * hvnet_ring_hush - ask the driver not to kick, as firmly as can be
 * @ring: the ring
 *
 * Unlike hvnet_ring_notify_off(), which leaves the event index where it is and
 * so a last kick to come.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_ring_hush(struct hvnet_ring *ring)
{
	hvnet_ring_notify_off(ring);
	/* The driver passed it already, and comes by again in 65536 buffers. */
	if (ring->event_idx)
		set_avail_event(ring, avail_idx(ring) - 1);
}

/**
 * hvnet_ring_notify_on - have the driver kick, and look once more
 * @ring: the ring
 * @beyond: available index up to which the caller knows; the driver kicks when
 *	it makes something available beyond it
 *
 * Context: any; serialised by the caller.
 * Return: true if there is something beyond @beyond already: no kick may come
 * for it, the caller has to go on (virtio 1.2, section 2.7.10).
 */
bool hvnet_ring_notify_on(struct hvnet_ring *ring, u16 beyond)
{
	if (!ring->num)
		return false;
	if (ring->event_idx)
		set_avail_event(ring, beyond);
	else if (!ring->notify_on)
		set_used_flags(ring, 0);
	ring->notify_on = true;

	/*
	 * The request before the look.  Pairs with virtio_mb() in
	 * virtqueue_kick_prepare_split(): either the driver sees that we want a
	 * kick, or we see its new index.
	 */
	virt_mb();
	return hvnet_ring_more(ring, beyond);
}

/*
 * Copy between @buf and byte @offset on of some pieces, in or out of them.
 * How the driver cut the bytes makes no difference (virtio 1.2, section
 * 2.7.4.1).
 */
static size_t copy(const struct hvnet_sg *sg, u16 n_sg, size_t offset,
		   void *buf, size_t len, bool in)
{
	size_t done = 0;

	for (; n_sg && done < len; n_sg--, sg++) {
		char *piece, *rest = (char *)buf + done;
		size_t n;

		if (offset >= sg->len) {
			offset -= sg->len;
			continue;
		}
		piece = (char *)sg->addr + offset;
		n = min_t(size_t, len - done, sg->len - offset);
		if (in)
			memcpy(piece, rest, n);
		else
			memcpy(rest, piece, n);
		done += n;
		offset = 0;
	}
	return done;
}

/**
 * hvnet_ring_copy_out - copy out of a chain's readable buffers
 * @chain: the chain, as fetched
 * @offset: bytes to skip
 * @to: where to copy to
 * @len: bytes wanted
 *
 * Copying the same bytes twice may give two different results: look at the
 * copy.
 *
 * Context: any.
 * Return: bytes copied, less than @len if the chain ends before.
 */
size_t hvnet_ring_copy_out(const struct hvnet_chain *chain, size_t offset,
			   void *to, size_t len)
{
	return copy(chain->sg, chain->n_out, offset, to, len, false);
}

/**
 * hvnet_ring_copy_in - copy into a chain's writable buffers
 * @chain: the chain, as fetched
 * @offset: bytes to skip
 * @from: where to copy from
 * @len: how many bytes
 *
 * Context: any.
 * Return: bytes copied, less than @len if the chain ends before.
 */
size_t hvnet_ring_copy_in(const struct hvnet_chain *chain, size_t offset,
			  const void *from, size_t len)
{
	return copy(chain->sg + chain->n_out, chain->n_in, offset, (void *)from,
		    len, true);
}

/**
 * hvnet_ring_fault_name - why a ring is broken, in words
 * @fault: the fault
 *
 * Context: any.
 * Return: a phrase for messages.
 */
const char *hvnet_ring_fault_name(enum hvnet_ring_fault fault)
{
	static const char * const name[HVNET_RING_FAULTS] = {
		[HVNET_RING_OK] = "none",
		[HVNET_RING_AVAIL_JUMP] =
			"available index more than a queue ahead",
		[HVNET_RING_BAD_HEAD] = "head outside the descriptor table",
		[HVNET_RING_BAD_NEXT] =
			"next descriptor outside the descriptor table",
		[HVNET_RING_LOOP] = "descriptor chain longer than the queue",
		[HVNET_RING_BAD_ADDRESS] = "address outside the zone's RAM",
		[HVNET_RING_BAD_INDIRECT] = "illegal indirect descriptor",
		[HVNET_RING_BAD_ORDER] =
			"readable buffer after a writable one",
	};

	return (unsigned int)fault < HVNET_RING_FAULTS ? name[fault] : "unknown";
}
