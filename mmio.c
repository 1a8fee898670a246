// SPDX-License-Identifier: GPL-2.0-only
/*
 * The register file of a virtio-mmio version 2 network device and its status
 * machine (virtio 1.2, sections 2.1, 4.2.2 and 5.1.4).  It decides what an
 * access means and keeps the registers; what follows for rings, interrupts and
 * the vCPU that waits is told by a verdict and done by the caller
 * (hvisor_vnet.c).  The file builds unchanged in user space, see selftests/unit.
 *
 * The guest is not trusted: an access that makes no sense has no effect, reads
 * 0 and is counted.  So every state reached here is one that the rest of the
 * module can live with: a device only gets DRIVER_OK with features that were
 * offered, a queue is only ready with a size that is allowed, and neither
 * features nor a ready queue's set-up change under the data path.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>

#include "mmio.h"

#define HVNET_MMIO_MAGIC	0x74726976	/* "virt" in memory order */
#define HVNET_MMIO_VERSION	2
#define HVNET_MMIO_QUEUE_RESET	0x0c0		/* not in the uapi header */
#define HVNET_MMIO_INT_ALL	(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG)

/*
 * The configuration space ends behind the last field a feature can offer, which
 * is duplex, and what the widest access to that reads as well: zeroes.
 */
#define HVNET_MMIO_CONFIG_SIZE						\
	offsetof(struct virtio_net_config, supported_hash_types)
static_assert(HVNET_MMIO_CONFIG_SIZE % 4 == 0);

/* What veth says, for want of a line. */
#define HVNET_MMIO_SPEED	10000
#define HVNET_MMIO_DUPLEX_FULL	1

/* What a driver may write into Status, DEVICE_NEEDS_RESET is the device's. */
#define HVNET_MMIO_STATUS_DRIVER					\
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |		\
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |	\
	 VIRTIO_CONFIG_S_FAILED)

/* Setting one of these starts or ends the use of the rings. */
#define HVNET_MMIO_STATUS_DATA_PATH \
	(VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

static void count(struct hvnet_mmio *m, enum hvnet_mmio_count what)
{
	m->count[what]++;
}

/* The queue that QueueSel selects, NULL if it does not exist. */
static struct hvnet_mmio_queue *selected(struct hvnet_mmio *m)
{
	return m->queue_sel < m->n_queues ? &m->queue[m->queue_sel] : NULL;
}

/* One 32-bit word of a feature set; all but the first two are empty. */
static u32 feature_word(u64 features, u32 sel)
{
	return sel < 2 ? (u32)(features >> (32 * sel)) : 0;
}

static void write_features(struct hvnet_mmio *m, u32 value)
{
	const u32 phase = m->status & (VIRTIO_CONFIG_S_DRIVER |
				       VIRTIO_CONFIG_S_FEATURES_OK |
				       VIRTIO_CONFIG_S_DRIVER_OK);

	/* What was accepted stays accepted until a reset (3.1.1). */
	if (phase != VIRTIO_CONFIG_S_DRIVER || m->driver_sel > 1) {
		count(m, HVNET_MMIO_BAD_VALUE);
		return;
	}
	if (m->driver_sel)
		m->features = (u64)value << 32 | (u32)m->features;
	else
		m->features = (m->features & ~0xffffffffULL) | value;
}

/* Back to how the device was born, but for what it offers. */
static void reset(struct hvnet_mmio *m)
{
	m->features = 0;
	m->device_sel = 0;
	m->driver_sel = 0;
	m->queue_sel = 0;
	m->status = 0;
	memset(m->queue, 0, sizeof(m->queue));
	atomic_set(&m->isr, 0);
	hvnet_mmio_set_mac(m, m->mac);
}

/* The status that results from writing @value, not 0, to it. */
static u32 next_status(const struct hvnet_mmio *m, u32 value)
{
	u32 status = m->status | (value & HVNET_MMIO_STATUS_DRIVER);
	bool acceptable = !(m->features & ~m->offered);

	if (!acceptable)
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;

	/* Drivers from before virtio 1.0 know nothing of FEATURES_OK. */
	if (hvnet_mmio_has(m, VIRTIO_F_VERSION_1) &&
	    !(status & VIRTIO_CONFIG_S_FEATURES_OK))
		acceptable = false;

	if (!acceptable)
		status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	return status;
}

static void set_status(struct hvnet_mmio *m, u32 value)
{
	const u32 needs_reset = VIRTIO_CONFIG_S_NEEDS_RESET;

	if (!value) {
		reset(m);
		return;
	}
	m->status = next_status(m, value);
	/*
	 * What was asked for and what came of it differ: a bit refused, unknown
	 * or to be cleared.  DEVICE_NEEDS_RESET may have come since the driver
	 * read what it writes back.
	 */
	if (value != m->status && value != (m->status & ~needs_reset))
		count(m, HVNET_MMIO_BAD_VALUE);
}

static enum hvnet_mmio_verdict write_status(struct hvnet_mmio *m, u32 value)
{
	const u32 change = value & ~m->status;

	if (!value || (change & HVNET_MMIO_STATUS_DATA_PATH))
		return HVNET_MMIO_QUIESCE;
	set_status(m, value);
	return HVNET_MMIO_DONE;
}

static bool queue_ready_ok(struct hvnet_mmio *m, u32 value)
{
	const struct hvnet_mmio_queue *q = selected(m);

	return q && value <= 1 && (!value || q->setup.num);
}

static void set_queue_ready(struct hvnet_mmio *m, u32 value)
{
	if (queue_ready_ok(m, value))
		selected(m)->ready = value;
	else
		count(m, HVNET_MMIO_BAD_VALUE);
}

static enum hvnet_mmio_verdict write_queue_ready(struct hvnet_mmio *m, u32 value)
{
	if ((m->status & VIRTIO_CONFIG_S_DRIVER_OK) && queue_ready_ok(m, value))
		return HVNET_MMIO_QUIESCE;
	set_queue_ready(m, value);
	return HVNET_MMIO_DONE;
}

static void set_low(u64 *addr, u32 value)
{
	*addr = (*addr & ~0xffffffffULL) | value;
}

static void set_high(u64 *addr, u32 value)
{
	*addr = (u64)value << 32 | (u32)*addr;
}

/* Size or address of the selected queue, which must not be ready (4.2.2.2). */
static void write_queue(struct hvnet_mmio *m, u64 offset, u32 value)
{
	struct hvnet_mmio_queue *q = selected(m);

	if (!q || q->ready) {
		count(m, HVNET_MMIO_BAD_VALUE);
		return;
	}

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		if (is_power_of_2(value) && value <= m->queue_max)
			q->setup.num = value;
		else
			count(m, HVNET_MMIO_BAD_VALUE);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&q->setup.desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&q->setup.desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&q->setup.avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&q->setup.avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&q->setup.used, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&q->setup.used, value);
		break;
	}
}

static enum hvnet_mmio_verdict notify(struct hvnet_mmio *m, u32 queue)
{
	if (hvnet_mmio_live(m) && queue < m->n_queues && m->queue[queue].ready)
		return HVNET_MMIO_KICK;
	count(m, HVNET_MMIO_BAD_VALUE);
	return HVNET_MMIO_DONE;
}

/*
 * A bit may be set again at any moment, by any CPU.  Fully ordered: whoever set
 * the bit that is cleared here has written what the interrupt is about, and a
 * look at the rings after this sees it.
 */
static enum hvnet_mmio_verdict acknowledge(struct hvnet_mmio *m,
					   struct hvnet_mmio_access *acc)
{
	const u32 bits = acc->value & HVNET_MMIO_INT_ALL;

	if (acc->value != bits)
		count(m, HVNET_MMIO_BAD_VALUE);
	acc->value = atomic_fetch_andnot(bits, &m->isr) & bits;
	return acc->value ? HVNET_MMIO_ACK : HVNET_MMIO_DONE;
}

static u32 read_register(struct hvnet_mmio *m, u64 offset)
{
	const struct hvnet_mmio_queue *q = selected(m);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return HVNET_MMIO_MAGIC;
	case VIRTIO_MMIO_VERSION:
		return HVNET_MMIO_VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return VIRTIO_ID_NET;
	case VIRTIO_MMIO_VENDOR_ID:
		return HVNET_MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return feature_word(m->offered, m->device_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? m->queue_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return atomic_read(&m->isr);
	case VIRTIO_MMIO_STATUS:
		return m->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		/* No such region, whatever SHMSel says. */
		return ~0U;
	case HVNET_MMIO_QUEUE_RESET:
		return 0;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return m->generation;
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
	case VIRTIO_MMIO_DRIVER_FEATURES:
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
	case VIRTIO_MMIO_QUEUE_SEL:
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_NOTIFY:
	case VIRTIO_MMIO_INTERRUPT_ACK:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
	case VIRTIO_MMIO_SHM_SEL:
		count(m, HVNET_MMIO_BAD_DIRECTION);
		return 0;
	default:
		count(m, HVNET_MMIO_BAD_OFFSET);
		return 0;
	}
}

static enum hvnet_mmio_verdict write_register(struct hvnet_mmio *m,
					      struct hvnet_mmio_access *acc)
{
	const u32 value = acc->value;

	switch (acc->offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->device_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(m, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->driver_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		write_queue(m, acc->offset, value);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		return write_queue_ready(m, value);
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		return notify(m, value);
	case VIRTIO_MMIO_INTERRUPT_ACK:
		return acknowledge(m, acc);
	case VIRTIO_MMIO_STATUS:
		return write_status(m, value);
	case VIRTIO_MMIO_SHM_SEL:
		break;
	case HVNET_MMIO_QUEUE_RESET:
		/* VIRTIO_F_RING_RESET is not offered. */
		count(m, HVNET_MMIO_BAD_VALUE);
		break;
	case VIRTIO_MMIO_MAGIC_VALUE:
	case VIRTIO_MMIO_VERSION:
	case VIRTIO_MMIO_DEVICE_ID:
	case VIRTIO_MMIO_VENDOR_ID:
	case VIRTIO_MMIO_DEVICE_FEATURES:
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
	case VIRTIO_MMIO_INTERRUPT_STATUS:
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
	case VIRTIO_MMIO_CONFIG_GENERATION:
		count(m, HVNET_MMIO_BAD_DIRECTION);
		break;
	default:
		count(m, HVNET_MMIO_BAD_OFFSET);
		break;
	}
	return HVNET_MMIO_DONE;
}

static u64 read_config(struct hvnet_mmio *m, u64 offset, u64 size)
{
	const u8 *config = (const u8 *)&m->config;
	u64 value = 0;

	if (offset >= HVNET_MMIO_CONFIG_SIZE) {
		count(m, HVNET_MMIO_BAD_OFFSET);
		return 0;
	}
	/* What is aligned does not straddle the end. */
	while (size--)
		value = value << 8 | config[offset + size];
	return value;
}

/* Registers are 4 bytes wide; fields of the configuration space 1 to 4. */
static bool size_ok(const struct hvnet_mmio_access *acc)
{
	if (acc->offset < VIRTIO_MMIO_CONFIG)
		return acc->size == 4 && acc->offset % 4 == 0;
	return (acc->size == 1 || acc->size == 2 || acc->size == 4) &&
	       acc->offset % acc->size == 0;
}

/**
 * hvnet_mmio_access - a guest touches the device's region
 * @m: the device
 * @acc: the access; @acc->value becomes the answer, masked to the width
 *
 * Takes any offset, width and value.  After a write @acc->value is 0, unless the
 * verdict gives it a meaning: HVNET_MMIO_KICK the queue, HVNET_MMIO_ACK the
 * InterruptStatus bits that were set and are now clear, HVNET_MMIO_QUIESCE what
 * hvnet_mmio_commit() needs.
 *
 * Context: any; serialised by the caller.
 * Return: what the caller has to do.
 */
enum hvnet_mmio_verdict hvnet_mmio_access(struct hvnet_mmio *m,
					  struct hvnet_mmio_access *acc)
{
	const bool config = acc->offset >= VIRTIO_MMIO_CONFIG;
	enum hvnet_mmio_verdict verdict = HVNET_MMIO_DONE;
	u64 answer = 0;

	if (!size_ok(acc)) {
		count(m, HVNET_MMIO_BAD_SIZE);
	} else if (acc->write && config) {
		/* No field of the configuration space is the driver's. */
		count(m, HVNET_MMIO_BAD_DIRECTION);
	} else if (acc->write) {
		acc->value = (u32)acc->value;
		verdict = write_register(m, acc);
	} else if (config) {
		answer = read_config(m, acc->offset - VIRTIO_MMIO_CONFIG,
				     acc->size);
	} else {
		answer = read_register(m, acc->offset);
	}

	if (verdict == HVNET_MMIO_DONE)
		acc->value = answer;
	return verdict;
}

/**
 * hvnet_mmio_commit - perform a write that had to wait for the data path
 * @m: the device; nothing uses its rings
 * @acc: the access, as hvnet_mmio_access() left it with HVNET_MMIO_QUIESCE
 *
 * Other vCPUs may have written registers meanwhile, QueueSel among them, so
 * everything is checked again; the caller must go by what is in @m afterwards
 * and not by what was asked for.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_mmio_commit(struct hvnet_mmio *m, struct hvnet_mmio_access *acc)
{
	if (acc->offset == VIRTIO_MMIO_STATUS)
		set_status(m, acc->value);
	else
		set_queue_ready(m, acc->value);
	acc->value = 0;
}

/**
 * hvnet_mmio_needs_reset - the device cannot go on until the driver resets it
 * @m: the device
 *
 * The device is not live any more (virtio 1.2, section 2.1.2).
 *
 * Context: any; serialised by the caller.
 * Return: true if the guest must be interrupted; InterruptStatus is set.
 */
bool hvnet_mmio_needs_reset(struct hvnet_mmio *m)
{
	if (m->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return false;
	m->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	count(m, HVNET_MMIO_BROKEN);
	if (!(m->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return false;
	atomic_or(VIRTIO_MMIO_INT_CONFIG, &m->isr);
	return true;
}

/**
 * hvnet_mmio_set_link - tell the guest whether there is a link
 * @m: the device
 * @up: there is
 *
 * Context: any; serialised by the caller.
 * Return: true if the guest must be interrupted; InterruptStatus is set.
 */
bool hvnet_mmio_set_link(struct hvnet_mmio *m, bool up)
{
	const __virtio16 status =
		__cpu_to_virtio16(true, up ? VIRTIO_NET_S_LINK_UP : 0);

	if (m->config.status == status)
		return false;
	m->config.status = status;
	m->generation++;
	if (!hvnet_mmio_live(m) || !hvnet_mmio_has(m, VIRTIO_NET_F_STATUS))
		return false;
	atomic_or(VIRTIO_MMIO_INT_CONFIG, &m->isr);
	return true;
}

/**
 * hvnet_mmio_set_mac - the driver has given the device another address
 * @m: the device
 * @mac: its address until a reset
 *
 * Context: any; serialised by the caller.
 */
void hvnet_mmio_set_mac(struct hvnet_mmio *m, const u8 *mac)
{
	if (!memcmp(m->config.mac, mac, sizeof(m->config.mac)))
		return;
	memcpy(m->config.mac, mac, sizeof(m->config.mac));
	m->generation++;
}

/**
 * hvnet_mmio_born_as - give the device another address for good
 * @m: the device, which is idle
 * @mac: its address
 *
 * Context: any; serialised by the caller.
 */
void hvnet_mmio_born_as(struct hvnet_mmio *m, const u8 *mac)
{
	memcpy(m->mac, mac, sizeof(m->mac));
	hvnet_mmio_set_mac(m, mac);
}

/**
 * hvnet_mmio_set_mtu - give the device another MTU
 * @m: the device, which is idle
 * @mtu: its MTU
 *
 * Context: any; serialised by the caller.
 */
void hvnet_mmio_set_mtu(struct hvnet_mmio *m, u16 mtu)
{
	m->config.mtu = __cpu_to_virtio16(true, mtu);
	m->generation++;
}

/**
 * hvnet_mmio_offer - offer other features
 * @m: the device, which is idle
 * @offered: feature bits to offer
 *
 * Context: any; serialised by the caller.
 */
void hvnet_mmio_offer(struct hvnet_mmio *m, u64 offered)
{
	m->offered = offered;
	m->n_queues = offered & (1ULL << VIRTIO_NET_F_CTRL_VQ) ?
		      HVNET_MMIO_QUEUES : HVNET_QUEUE_CTRL;
}

/**
 * hvnet_mmio_init - a new device, as after a reset and without a link
 * @m: the device
 * @offered: feature bits to offer
 * @queue_max: QueueNumMax, a power of two, HVNET_QUEUE_MAX at most
 * @mac: its address, 6 bytes
 * @mtu: its MTU
 *
 * Context: any.
 */
void hvnet_mmio_init(struct hvnet_mmio *m, u64 offered, u16 queue_max,
		     const u8 *mac, u16 mtu)
{
	memset(m, 0, sizeof(*m));
	hvnet_mmio_offer(m, offered);
	m->queue_max = queue_max;
	memcpy(m->mac, mac, sizeof(m->mac));
	memcpy(m->config.mac, mac, sizeof(m->config.mac));
	m->config.max_virtqueue_pairs = __cpu_to_virtio16(true, 1);
	m->config.mtu = __cpu_to_virtio16(true, mtu);
	m->config.speed = cpu_to_le32(HVNET_MMIO_SPEED);
	m->config.duplex = HVNET_MMIO_DUPLEX_FULL;
	reset(m);
}
