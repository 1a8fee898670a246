/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The register file of a virtio-mmio version 2 network device and its status
 * machine (virtio 1.2, sections 2.1, 4.2.2 and 5.1.4): types and functions of
 * mmio.c.  Pure: no net, no page, no sleeping.  The caller serialises all calls
 * for one device.
 */
#ifndef HVNET_MMIO_H
#define HVNET_MMIO_H

#include <linux/if_ether.h>
#include <linux/types.h>
#include <linux/virtio_net.h>

#include "ring.h"

#define HVNET_MMIO_VENDOR	0x48564953	/* "SIVH" in memory order */

/* Queues, as the guest numbers them (virtio 1.2, section 5.1.2). */
#define HVNET_QUEUE_RX		0
#define HVNET_QUEUE_TX		1
#define HVNET_QUEUE_CTRL	2		/* with VIRTIO_NET_F_CTRL_VQ */
#define HVNET_MMIO_QUEUES	3
#define HVNET_QUEUE_MAX		1024		/* largest QueueNumMax offered */

/* Counters of what guests do wrong, or ask for in vain. */
enum hvnet_mmio_count {
	HVNET_MMIO_BAD_SIZE,	/* wrong width or misaligned */
	HVNET_MMIO_BAD_OFFSET,	/* no such register, or outside the region */
	HVNET_MMIO_BAD_DIRECTION,/* read of a write-only register or reverse */
	HVNET_MMIO_BAD_VALUE,	/* well-formed, but not allowed (now) */
	HVNET_MMIO_BROKEN,	/* the device was given up until a reset */
	HVNET_MMIO_COUNTS,
};

/**
 * struct hvnet_mmio_queue - what the driver wrote about one queue
 * @setup: size and addresses
 * @ready: QueueReady
 */
struct hvnet_mmio_queue {
	struct hvnet_ring_setup setup;
	bool ready;
};

/**
 * struct hvnet_mmio - the registers of one device
 * @offered: feature bits offered
 * @features: feature bits the driver accepted
 * @device_sel: DeviceFeaturesSel
 * @driver_sel: DriverFeaturesSel
 * @queue_sel: QueueSel
 * @status: Status, with DEVICE_NEEDS_RESET
 * @generation: ConfigGeneration
 * @queue_max: QueueNumMax, a power of two
 * @n_queues: queues this device has
 * @isr: InterruptStatus; bits are set from any context, without the caller's
 *	serialisation, hence atomic
 * @queue: the queues
 * @mac: the address that it was born with
 * @config: device configuration space, little endian as the guest reads it
 * @count: counters by enum hvnet_mmio_count
 */
struct hvnet_mmio {
	u64 offered;
	u64 features;
	u32 device_sel;
	u32 driver_sel;
	u32 queue_sel;
	u32 status;
	u32 generation;
	u16 queue_max;
	u16 n_queues;
	atomic_t isr;
	struct hvnet_mmio_queue queue[HVNET_MMIO_QUEUES];
	u8 mac[ETH_ALEN];
	struct virtio_net_config config;
	u64 count[HVNET_MMIO_COUNTS];
};

/**
 * struct hvnet_mmio_access - one access of a guest
 * @offset: bytes from the start of the device's region
 * @size: width in bytes
 * @write: it is a write
 * @value: in: what is written; out: what is read, masked to @size
 */
struct hvnet_mmio_access {
	u64 offset;
	u64 size;
	u64 value;
	bool write;
};

/* What the caller has to do after an access. */
enum hvnet_mmio_verdict {
	HVNET_MMIO_DONE,	/* answer with access->value */
	HVNET_MMIO_KICK,	/* notify of queue access->value, which exists, is
				 * ready and belongs to a live device; answer
				 */
	HVNET_MMIO_ACK,		/* the guest acknowledged interrupts; answer */
	HVNET_MMIO_QUIESCE,	/* nothing done yet: still the data path, then
				 * hvnet_mmio_commit(), then answer
				 */
};

void hvnet_mmio_init(struct hvnet_mmio *m, u64 offered, u16 queue_max,
		     const u8 *mac, u16 mtu);
enum hvnet_mmio_verdict hvnet_mmio_access(struct hvnet_mmio *m,
					  struct hvnet_mmio_access *acc);
void hvnet_mmio_commit(struct hvnet_mmio *m, struct hvnet_mmio_access *acc);
bool hvnet_mmio_needs_reset(struct hvnet_mmio *m);
bool hvnet_mmio_set_link(struct hvnet_mmio *m, bool up);
void hvnet_mmio_set_mac(struct hvnet_mmio *m, const u8 *mac);
void hvnet_mmio_set_mtu(struct hvnet_mmio *m, u16 mtu);
void hvnet_mmio_offer(struct hvnet_mmio *m, u64 offered);
void hvnet_mmio_born_as(struct hvnet_mmio *m, const u8 *mac);

/**
 * hvnet_mmio_live - may the device touch the rings?
 * @m: the device
 *
 * Return: true from DRIVER_OK until a reset, FAILED or DEVICE_NEEDS_RESET
 * (virtio 1.2, section 2.1).
 */
static inline bool hvnet_mmio_live(const struct hvnet_mmio *m)
{
	const u32 dead = VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET;

	return (m->status & VIRTIO_CONFIG_S_DRIVER_OK) && !(m->status & dead);
}

/**
 * hvnet_mmio_idle - has no driver begun to look at the device?
 * @m: the device
 *
 * Return: true from a reset until the driver says that it has noticed it
 * (virtio 1.2, section 3.1.1).
 */
static inline bool hvnet_mmio_idle(const struct hvnet_mmio *m)
{
	return !m->status;
}

/**
 * hvnet_mmio_has - was a feature negotiated?
 * @m: the device
 * @bit: feature bit number
 */
static inline bool hvnet_mmio_has(const struct hvnet_mmio *m, unsigned int bit)
{
	return m->features & (1ULL << bit);
}

#endif /* HVNET_MMIO_H */
