// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root-side network interface of a guest's NIC: it stands where the
 * daemon's tap stood, and frames cross here.  What the guest transmits is
 * copied out of its ring in NAPI and handed up the stack; what the stack
 * transmits is copied into the guest's receive ring in ndo_start_xmit.  Who
 * starts and stops this, and when, is decided in hvisor_vnet.c; how a ring is
 * read safely in ring.c.  "tx" and "rx" in counters are the guest's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "hvisor_vnet.h"

/* Queues of a pair, as the guest numbers them (virtio 1.2, section 5.1.2). */
#define HVNET_QUEUE_RX		0
#define HVNET_QUEUE_TX		1

/* Bytes copied per NAPI poll: a poll of jumbo frames shall not take longer. */
#define HVNET_POLL_BYTES	(256 * 1024)

/* Frames up to this size get a linear skb from NAPI's cache. */
#define HVNET_SMALL_FRAME	2048
/* Of larger ones this much is linear: all headers the stack looks at. */
#define HVNET_LINEAR		256

/**
 * struct hvnet_pair - a pair of virtqueues
 * @nic: the interface
 * @rx_ring: the guest's receive queue; owned by the tx queue lock
 * @rx_chain: the chain being filled; same owner
 * @tx_ring: the guest's transmit queue; owned by @napi
 * @tx_chain: the chain being read; same owner
 * @napi: serves @tx_ring; enabled while the data path runs
 * @live: the data path runs; changed under the tx queue lock
 * @hdr_len: bytes of virtio_net_hdr before each frame; constant while the data
 *	path runs
 * @mergeable: VIRTIO_NET_F_MRG_RXBUF was negotiated; likewise
 * @stat: counters, each with one writer: @napi, the tx queue lock, or for the
 *	kicks the page's request lock
 * @drop: drops by cause, likewise
 */
struct hvnet_pair {
	struct hvnet_nic *nic;

	struct hvnet_ring rx_ring ____cacheline_aligned_in_smp;
	struct hvnet_chain rx_chain;

	struct hvnet_ring tx_ring ____cacheline_aligned_in_smp;
	struct hvnet_chain tx_chain;
	struct napi_struct napi;

	bool live ____cacheline_aligned_in_smp;
	bool mergeable;
	unsigned int hdr_len;
	u64 stat[HVNET_STATS];
	u64 drop[HVNET_DROPS];
};

/**
 * struct hvnet_nic - the private part of the root-side interface
 * @netdev: the interface
 * @dev: the guest's device
 * @owner: who is told
 * @guest_mtu: MTU the guest was told
 * @pair: its queue pairs
 */
struct hvnet_nic {
	struct net_device *netdev;
	struct hvnet_dev *dev;
	const struct hvnet_nic_owner *owner;
	u32 guest_mtu;
	struct hvnet_pair pair[1];
};

static void hvnet_count(struct hvnet_pair *pair, enum hvnet_stat which, u64 n)
{
	WRITE_ONCE(pair->stat[which], pair->stat[which] + n);
}

static void hvnet_drop(struct hvnet_pair *pair, enum hvnet_drop why)
{
	WRITE_ONCE(pair->drop[why], pair->drop[why] + 1);
}

/* Make what was used visible, and tell the guest if it wants to know. */
static void hvnet_publish(struct hvnet_pair *pair, struct hvnet_ring *ring)
{
	if (hvnet_ring_publish(ring))
		hvpage_line_raise(&pair->nic->dev->line, VIRTIO_MMIO_INT_VRING);
}

/* Guest transmit: in NAPI. */

/* Only what was negotiated may be asked for: no offload is, so nothing. */
static bool hvnet_tx_header_ok(const struct hvnet_pair *pair)
{
	const struct hvnet_chain *chain = &pair->tx_chain;
	struct virtio_net_hdr hdr;

	if (chain->out_len < pair->hdr_len)
		return false;
	hvnet_ring_copy_out(chain, 0, &hdr, sizeof(hdr));
	return !(hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE;
}

static unsigned int hvnet_tx_frame_max(const struct hvnet_nic *nic)
{
	return max(nic->guest_mtu, READ_ONCE(nic->netdev->mtu)) +
	       VLAN_ETH_HLEN + VLAN_HLEN;
}

/* The first reason not to deliver the frame, HVNET_DROPS if there is none. */
static enum hvnet_drop hvnet_tx_check(const struct hvnet_pair *pair)
{
	const struct hvnet_chain *chain = &pair->tx_chain;

	if (chain->n_in)
		return HVNET_DROP_TX_DIRECTION;
	if (!hvnet_tx_header_ok(pair))
		return HVNET_DROP_TX_HEADER;
	if (chain->out_len - pair->hdr_len < ETH_HLEN)
		return HVNET_DROP_TX_RUNT;
	if (chain->out_len - pair->hdr_len > hvnet_tx_frame_max(pair->nic))
		return HVNET_DROP_TX_OVERSIZE;
	if (!netif_running(pair->nic->netdev))
		return HVNET_DROP_TX_DOWN;
	return HVNET_DROPS;
}

static struct sk_buff *hvnet_tx_skb_small(struct hvnet_pair *pair,
					  unsigned int len)
{
	struct sk_buff *skb = napi_alloc_skb(&pair->napi, len);

	if (skb)
		hvnet_ring_copy_out(&pair->tx_chain, pair->hdr_len,
				    skb_put(skb, len), len);
	return skb;
}

static struct sk_buff *hvnet_tx_skb_large(struct hvnet_pair *pair,
					  unsigned int len)
{
	unsigned int offset = pair->hdr_len + HVNET_LINEAR;
	struct sk_buff *skb;
	int i, err;

	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + HVNET_LINEAR,
				   len - HVNET_LINEAR, PAGE_ALLOC_COSTLY_ORDER,
				   &err, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	hvnet_ring_copy_out(&pair->tx_chain, pair->hdr_len,
			    skb_put(skb, HVNET_LINEAR), HVNET_LINEAR);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		hvnet_ring_copy_out(&pair->tx_chain, offset,
				    skb_frag_address(frag), skb_frag_size(frag));
		offset += skb_frag_size(frag);
	}
	skb->len += len - HVNET_LINEAR;
	skb->data_len = len - HVNET_LINEAR;
	return skb;
}

/* Copy the frame; from here on the chain is not needed any more. */
static struct sk_buff *hvnet_tx_skb(struct hvnet_pair *pair)
{
	unsigned int len = pair->tx_chain.out_len - pair->hdr_len;

	if (len <= HVNET_SMALL_FRAME)
		return hvnet_tx_skb_small(pair, len);
	return hvnet_tx_skb_large(pair, len);
}

/* Deliver or drop one frame; return its length. */
static unsigned int hvnet_tx_frame(struct hvnet_pair *pair)
{
	enum hvnet_drop why = hvnet_tx_check(pair);
	unsigned int len;
	struct sk_buff *skb;

	if (why != HVNET_DROPS) {
		hvnet_drop(pair, why);
		return 0;
	}
	skb = hvnet_tx_skb(pair);
	if (!skb) {
		hvnet_drop(pair, HVNET_DROP_TX_NOMEM);
		return 0;
	}
	len = skb->len;
	skb->protocol = eth_type_trans(skb, pair->nic->netdev);
	skb_record_rx_queue(skb, pair - pair->nic->pair);
	hvnet_count(pair, HVNET_TX_FRAMES, 1);
	hvnet_count(pair, HVNET_TX_BYTES, len);
	napi_gro_receive(&pair->napi, skb);
	return len;
}

static void hvnet_ring_broke(struct hvnet_pair *pair, const char *queue,
			     const struct hvnet_ring *ring)
{
	const struct hvnet_nic *nic = pair->nic;

	nic->owner->broke(nic->dev, queue, hvnet_ring_fault_name(ring->fault));
}

/*
 * Every chain taken is given back, whatever becomes of its frame: a driver that
 * has filled its ring waits for that.
 */
static int hvnet_poll(struct napi_struct *napi, int budget)
{
	struct hvnet_pair *pair = container_of(napi, struct hvnet_pair, napi);
	struct hvnet_ring *ring = &pair->tx_ring;
	unsigned int bytes = 0;
	int got = 0, work = 0;

	hvnet_count(pair, HVNET_TX_POLLS, 1);
	hvnet_ring_notify_off(ring);
	while (work < budget && bytes < HVNET_POLL_BYTES) {
		got = hvnet_ring_fetch(ring, &pair->tx_chain);
		if (got <= 0)
			break;
		bytes += hvnet_tx_frame(pair);
		hvnet_ring_used(ring, pair->tx_chain.head, 0);
		work++;
	}
	hvnet_publish(pair, ring);

	if (got < 0)
		hvnet_ring_broke(pair, "transmit queue", ring);
	else if (got > 0 || !budget || hvnet_ring_notify_on(ring, ring->last_avail))
		return budget;
	if (work == budget)
		return budget;
	napi_complete_done(napi, work);
	return work;
}

/* Guest receive: under the tx queue lock. */

/* Where byte @offset of the device-writable part of a chain is. */
static u8 *hvnet_chain_in(const struct hvnet_chain *chain, size_t offset,
			  size_t *left)
{
	const struct hvnet_sg *sg = &chain->sg[chain->n_out];

	while (offset >= sg->len) {
		offset -= sg->len;
		sg++;
	}
	*left = sg->len - offset;
	return (u8 *)sg->addr + offset;
}

/* Copy frame bytes from @from on to byte @at of the chain, as many as fit. */
static int hvnet_rx_copy_frame(const struct hvnet_chain *chain, size_t at,
			       const struct sk_buff *skb, unsigned int from)
{
	size_t left;

	while (from < skb->len && at < chain->in_len) {
		u8 *to = hvnet_chain_in(chain, at, &left);

		left = min_t(size_t, left, skb->len - from);
		if (skb_copy_bits(skb, from, to, left))
			return -EFAULT;
		from += left;
		at += left;
	}
	return 0;
}

/*
 * Take the next usable receive chain, with room for at least @room bytes. One
 * that is no such buffer is given back empty. @taken counts both.
 *
 * Return: 1, 0 if there is none, or -EPROTO.
 */
static int hvnet_rx_chain(struct hvnet_pair *pair, u64 room, u16 *taken)
{
	struct hvnet_chain *chain = &pair->rx_chain;
	int got;

	for (;;) {
		got = hvnet_ring_fetch(&pair->rx_ring, chain);
		if (got <= 0)
			return got;
		++*taken;
		if (!chain->n_out && chain->in_len >= room)
			return 1;
		hvnet_drop(pair, HVNET_DROP_RX_BUFFER);
		hvnet_ring_used(&pair->rx_ring, chain->head, 0);
	}
}

/* Fill the chain with header and frame, or the frame's next part. */
static int hvnet_rx_fill(struct hvnet_pair *pair, const struct sk_buff *skb,
			 unsigned int *from, unsigned int at)
{
	struct hvnet_chain *chain = &pair->rx_chain;
	unsigned int n = min_t(u64, chain->in_len - at, skb->len - *from);

	if (hvnet_rx_copy_frame(chain, at, skb, *from))
		return -EFAULT;
	hvnet_ring_used(&pair->rx_ring, chain->head, at + n);
	*from += n;
	return 0;
}

/*
 * Copy one frame into the guest's receive buffers, not visible yet. Without
 * VIRTIO_NET_F_MRG_RXBUF it has to fit one chain; with it the header counts the
 * chains (virtio 1.2, section 5.1.6.4).
 *
 * Return: 0, -ENOBUFS with nothing taken and *@seen set to the available index
 * up to which there was too little, -EMSGSIZE if it can never fit, -EPROTO for
 * a broken ring, -EFAULT for a broken skb.
 */
static int hvnet_rx_frame(struct hvnet_pair *pair, const struct sk_buff *skb,
			  u16 *seen)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = __cpu_to_virtio16(true, 1) };
	const size_t nb_at = offsetof(struct virtio_net_hdr_v1, num_buffers);
	struct hvnet_ring *ring = &pair->rx_ring;
	u8 *num_buffers[2] = {};
	unsigned int from = 0;
	u16 taken = 0;
	size_t left;
	int got;

	got = hvnet_rx_chain(pair, pair->hdr_len, &taken);
	if (got <= 0)
		goto none;
	if (!pair->mergeable && pair->rx_chain.in_len - pair->hdr_len < skb->len) {
		hvnet_ring_unfetch(ring, 1);
		return -EMSGSIZE;
	}
	hvnet_ring_copy_in(&pair->rx_chain, 0, &hdr, pair->hdr_len);
	if (pair->mergeable) {
		/* Anywhere in the guest, even astride two pieces. */
		num_buffers[0] = hvnet_chain_in(&pair->rx_chain, nb_at, &left);
		num_buffers[1] = hvnet_chain_in(&pair->rx_chain, nb_at + 1,
						&left);
	}
	/* Chains that were no buffers stay given back. */
	taken = 1;
	if (hvnet_rx_fill(pair, skb, &from, pair->hdr_len))
		goto fault;

	while (from < skb->len) {
		got = hvnet_rx_chain(pair, 1, &taken);
		if (got <= 0)
			goto rewind;
		if (hvnet_rx_fill(pair, skb, &from, 0))
			goto fault;
	}
	if (taken > 1) {
		*num_buffers[0] = taken & 0xff;
		*num_buffers[1] = taken >> 8;
	}
	return 0;

fault:
	/* The chain just taken has not been given back. */
	hvnet_ring_used(ring, pair->rx_chain.head, 0);
	hvnet_ring_rewind(ring, taken);
	return -EFAULT;
rewind:
	*seen = ring->last_avail;
	hvnet_ring_rewind(ring, taken);
	return got ?: -ENOBUFS;
none:
	*seen = ring->last_avail;
	return got ?: -ENOBUFS;
}

/*
 * There are too few receive buffers: stop the queue until the guest kicks.
 * Return false if it has added some meanwhile.
 */
static bool hvnet_rx_wait(struct hvnet_pair *pair, struct netdev_queue *txq,
			  u16 seen)
{
	netif_tx_stop_queue(txq);
	/* Its barrier also orders the stop before the look at the ring. */
	if (hvnet_ring_notify_on(&pair->rx_ring, seen)) {
		netif_tx_start_queue(txq);
		return false;
	}
	hvnet_count(pair, HVNET_RX_STOPS, 1);
	return true;
}

static void hvnet_rx_sent(struct hvnet_pair *pair, struct netdev_queue *txq,
			  unsigned int len)
{
	struct hvnet_ring *ring = &pair->rx_ring;

	hvnet_count(pair, HVNET_RX_FRAMES, 1);
	hvnet_count(pair, HVNET_RX_BYTES, len);
	/* Stop before a frame has to be handed back to the qdisc. */
	if (!hvnet_ring_more(ring, ring->last_avail))
		hvnet_rx_wait(pair, txq, ring->last_avail);
}

/* Handle one frame; return false if the stack has to offer it again. */
static bool hvnet_rx_take(struct hvnet_pair *pair, struct netdev_queue *txq,
			  const struct sk_buff *skb)
{
	struct hvnet_ring *ring = &pair->rx_ring;
	u16 seen;
	int err;

	if (ring->notify_on)
		hvnet_ring_notify_off(ring);
	err = hvnet_rx_frame(pair, skb, &seen);
	/* Not for ever: a guest could keep us here. */
	if (err == -ENOBUFS && !hvnet_rx_wait(pair, txq, seen))
		err = hvnet_rx_frame(pair, skb, &seen);

	switch (err) {
	case 0:
		hvnet_rx_sent(pair, txq, skb->len);
		return true;
	case -ENOBUFS:
		return false;
	case -EPROTO:
		hvnet_ring_broke(pair, "receive queue", ring);
		hvnet_drop(pair, HVNET_DROP_RX_NO_GUEST);
		return true;
	default:
		hvnet_drop(pair, HVNET_DROP_RX_TOO_BIG);
		return true;
	}
}

static netdev_tx_t hvnet_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	unsigned int queue = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(netdev, queue);
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[queue];
	bool taken;

	if (!pair->live || !pair->rx_ring.num) {
		hvnet_drop(pair, HVNET_DROP_RX_NO_GUEST);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	taken = hvnet_rx_take(pair, txq, skb);
	/* One barrier and at most one interrupt for a burst. */
	if (!netdev_xmit_more() || netif_xmit_stopped(txq))
		hvnet_publish(pair, &pair->rx_ring);
	if (!taken)
		return NETDEV_TX_BUSY;
	skb_tx_timestamp(skb);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

/**
 * hvnet_nic_kick - the guest notified a queue
 * @netdev: the root-side interface
 * @queue: the queue, which exists
 *
 * Context: hard interrupt or softirq, interrupts off.
 */
void hvnet_nic_kick(struct net_device *netdev, unsigned int queue)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[queue / HVNET_MMIO_QUEUES];
	struct netdev_queue *txq;

	if (queue % HVNET_MMIO_QUEUES == HVNET_QUEUE_TX) {
		hvnet_count(pair, HVNET_TX_KICKS, 1);
		napi_schedule(&pair->napi);
		return;
	}
	hvnet_count(pair, HVNET_RX_KICKS, 1);
	txq = netdev_get_tx_queue(netdev, queue / HVNET_MMIO_QUEUES);
	if (READ_ONCE(pair->live) && netif_tx_queue_stopped(txq)) {
		hvnet_count(pair, HVNET_RX_WAKES, 1);
		netif_tx_wake_queue(txq);
	}
}

/**
 * hvnet_nic_waits - does the guest wait for an interrupt?
 * @netdev: the root-side interface
 *
 * Context: any, while the data path runs.
 */
bool hvnet_nic_waits(struct net_device *netdev)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	return hvnet_ring_wants_interrupt(&nic->pair[0].rx_ring) ||
	       hvnet_ring_wants_interrupt(&nic->pair[0].tx_ring);
}

/**
 * hvnet_nic_unheard - has the guest queued frames without our hearing of it?
 * @netdev: the root-side interface
 *
 * That is so for a moment before every kick; for longer only if kicks go to
 * somebody else.
 *
 * Context: any, while the data path runs.
 */
bool hvnet_nic_unheard(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[0];

	return !test_bit(NAPI_STATE_SCHED, &pair->napi.state) &&
	       READ_ONCE(pair->tx_ring.notify_on) &&
	       hvnet_ring_more(&pair->tx_ring, READ_ONCE(pair->tx_ring.last_avail));
}

/* Start and stop. */

/* A ring that was in use and still is goes on where it was. */
static int hvnet_ring_setup(struct hvnet_dev *dev, struct hvnet_ring *ring,
			    unsigned int queue)
{
	const struct hvnet_mmio *m = &dev->mmio;

	if (!m->queue[queue].ready)
		hvnet_ring_stop(ring);
	if (!m->queue[queue].ready || ring->num)
		return 0;
	return hvnet_ring_start(ring, &dev->zone->mem, &m->queue[queue].setup,
				hvnet_mmio_has(m, VIRTIO_RING_F_EVENT_IDX),
				hvnet_mmio_has(m, VIRTIO_RING_F_INDIRECT_DESC));
}

static int hvnet_pair_setup(struct hvnet_pair *pair)
{
	struct hvnet_dev *dev = pair->nic->dev;

	/* 10 bytes only for the guest that accepted neither (5.1.6.1). */
	pair->mergeable = hvnet_mmio_has(&dev->mmio, VIRTIO_NET_F_MRG_RXBUF);
	if (pair->mergeable || hvnet_mmio_has(&dev->mmio, VIRTIO_F_VERSION_1))
		pair->hdr_len = sizeof(struct virtio_net_hdr_v1);
	else
		pair->hdr_len = sizeof(struct virtio_net_hdr);
	return hvnet_ring_setup(dev, &pair->rx_ring, HVNET_QUEUE_RX) ?:
	       hvnet_ring_setup(dev, &pair->tx_ring, HVNET_QUEUE_TX);
}

/* While it does not live its tx queue is stopped. */
static void hvnet_pair_set_live(struct hvnet_pair *pair,
				struct netdev_queue *txq, bool live)
{
	__netif_tx_lock_bh(txq);
	WRITE_ONCE(pair->live, live);
	if (live)
		netif_tx_wake_queue(txq);
	else
		netif_tx_stop_queue(txq);
	__netif_tx_unlock_bh(txq);
}

/**
 * hvnet_nic_start - start the data path
 * @netdev: the root-side interface
 *
 * Queues the driver has made ready since are begun, others go on where they
 * were, those it has disabled are forgotten.
 *
 * Context: process, under work_lock, stopped.
 * Return: 0, or a negative errno if a ring is not where it may be: nothing runs
 * then.
 */
int hvnet_nic_start(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[0];
	struct netdev_queue *txq = netdev_get_tx_queue(netdev, 0);
	int err;

	err = hvnet_pair_setup(pair);
	if (err)
		return err;
	napi_enable(&pair->napi);
	hvnet_pair_set_live(pair, txq, true);
	netif_carrier_on(netdev);
	/* What the guest queued before we listened. */
	local_bh_disable();
	napi_schedule(&pair->napi);
	local_bh_enable();
	return 0;
}

/**
 * hvnet_nic_stop - stop the data path
 * @netdev: the root-side interface
 *
 * Guest memory is not touched any more once this returns. The stack's frames
 * wait in the qdisc for as long as there is a carrier.
 *
 * Context: process, under work_lock. May be stopped already.
 */
void hvnet_nic_stop(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[0];

	if (!pair->live)
		return;
	napi_disable(&pair->napi);
	hvnet_pair_set_live(pair, netdev_get_tx_queue(netdev, 0), false);
}

/**
 * hvnet_nic_hush - ask the guest not to kick
 * @netdev: the root-side interface, its data path stopped
 *
 * Context: process, under work_lock.
 */
void hvnet_nic_hush(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	hvnet_ring_hush(&nic->pair[0].rx_ring);
	hvnet_ring_hush(&nic->pair[0].tx_ring);
}

/**
 * hvnet_nic_forget - forget where the guest's rings were
 * @netdev: the root-side interface, its data path stopped
 *
 * Context: process, under work_lock.
 */
void hvnet_nic_forget(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	hvnet_ring_stop(&nic->pair[0].rx_ring);
	hvnet_ring_stop(&nic->pair[0].tx_ring);
}

/* The interface. */

static int hvnet_open(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	netif_tx_start_all_queues(netdev);
	nic->owner->link(nic->dev, true);
	return 0;
}

static int hvnet_close(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	nic->owner->link(nic->dev, false);
	netif_tx_stop_all_queues(netdev);
	return 0;
}

static u64 hvnet_drops_between(const struct hvnet_pair *pair,
			       enum hvnet_drop first, enum hvnet_drop last)
{
	u64 sum = 0;
	int i;

	for (i = first; i <= last; i++)
		sum += READ_ONCE(pair->drop[i]);
	return sum;
}

static void hvnet_get_stats64(struct net_device *netdev,
			      struct rtnl_link_stats64 *stats)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	const struct hvnet_pair *pair = &nic->pair[0];

	/* What the guest transmits root receives. */
	stats->rx_packets = READ_ONCE(pair->stat[HVNET_TX_FRAMES]);
	stats->rx_bytes = READ_ONCE(pair->stat[HVNET_TX_BYTES]);
	stats->rx_dropped = hvnet_drops_between(pair, HVNET_DROP_TX_RUNT,
						HVNET_DROP_TX_DOWN);
	stats->tx_packets = READ_ONCE(pair->stat[HVNET_RX_FRAMES]);
	stats->tx_bytes = READ_ONCE(pair->stat[HVNET_RX_BYTES]);
	stats->tx_dropped = hvnet_drops_between(pair, HVNET_DROP_RX_TOO_BIG,
						HVNET_DROP_RX_NO_GUEST);
}

static const struct net_device_ops hvnet_netdev_ops = {
	.ndo_open = hvnet_open,
	.ndo_stop = hvnet_close,
	.ndo_start_xmit = hvnet_xmit,
	.ndo_get_stats64 = hvnet_get_stats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static const struct ethtool_ops hvnet_ethtool_ops = {
	.get_link = ethtool_op_get_link,
};

/*
 * The guest's address with a first byte that a bridge never prefers, and that is
 * not the guest's own: a bridge drops frames from its port's address.
 */
static void hvnet_set_root_mac(struct net_device *netdev, const u8 *guest)
{
	u8 mac[ETH_ALEN];

	ether_addr_copy(mac, guest);
	mac[0] = guest[0] == 0xfe ? 0xfa : 0xfe;
	eth_hw_addr_set(netdev, mac);
}

static int hvnet_pair_init(struct hvnet_pair *pair, struct hvnet_nic *nic,
			   u32 queue_max)
{
	pair->nic = nic;
	pair->rx_chain.sg = kvcalloc(queue_max, sizeof(struct hvnet_sg),
				     GFP_KERNEL);
	pair->tx_chain.sg = kvcalloc(queue_max, sizeof(struct hvnet_sg),
				     GFP_KERNEL);
	if (!pair->rx_chain.sg || !pair->tx_chain.sg)
		return -ENOMEM;
	netif_napi_add(nic->netdev, &pair->napi, hvnet_poll);
	return 0;
}

/* Also of a pair that was not wholly initialised. */
static void hvnet_pair_free(struct hvnet_pair *pair)
{
	kvfree(pair->rx_chain.sg);
	kvfree(pair->tx_chain.sg);
}

static void hvnet_nic_init(struct net_device *netdev, struct hvnet_dev *dev,
			   const struct hvnet_nic_owner *owner,
			   const struct hvnet_dev_params *params)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	nic->netdev = netdev;
	nic->dev = dev;
	nic->owner = owner;
	nic->guest_mtu = params->mtu;
	netdev->netdev_ops = &hvnet_netdev_ops;
	netdev->ethtool_ops = &hvnet_ethtool_ops;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	netdev->mtu = params->mtu;
	netdev->min_mtu = HVNET_MTU_MIN;
	netdev->max_mtu = HVNET_MTU_MAX;
	hvnet_set_root_mac(netdev, params->mac);
	if (params->name[0])
		strscpy(netdev->name, params->name, IFNAMSIZ);
	else
		strscpy(netdev->name, "hvnet%d", IFNAMSIZ);
	SET_NETDEV_DEV(netdev, &dev->dev);
	dev_net_set(netdev, current->nsproxy->net_ns);
	netif_carrier_off(netdev);
}

/**
 * hvnet_nic_create - make the root-side interface of a device
 * @dev: the device
 * @owner: who is told of what happens to it
 * @params: what was asked for, checked
 * @why: the reason of a refusal
 *
 * It appears in the network namespace of the caller, without carrier.
 *
 * Context: process. Return: the interface or an ERR_PTR.
 */
struct net_device *hvnet_nic_create(struct hvnet_dev *dev,
				    const struct hvnet_nic_owner *owner,
				    const struct hvnet_dev_params *params,
				    struct hvnet_reason *why)
{
	struct net_device *netdev;
	struct hvnet_nic *nic;
	int err;

	netdev = alloc_etherdev(sizeof(*nic));
	if (!netdev)
		return ERR_PTR(hvnet_refuse(why, -ENOMEM, "out of memory"));
	nic = netdev_priv(netdev);
	hvnet_nic_init(netdev, dev, owner, params);
	err = hvnet_pair_init(&nic->pair[0], nic, params->queue_max);
	if (err) {
		hvnet_refuse(why, err, "out of memory");
		goto err_free;
	}
	err = register_netdev(netdev);
	if (err == -EEXIST) {
		hvnet_refuse(why, err,
			     "there is an interface %s already (if it is a left-over tap: ip link del %s)",
			     params->name, params->name);
		goto err_free;
	} else if (err) {
		hvnet_refuse(why, err,
			     "the interface could not be registered (error %d)",
			     err);
		goto err_free;
	}
	return netdev;

err_free:
	hvnet_pair_free(&nic->pair[0]);
	free_netdev(netdev);
	return ERR_PTR(err);
}

/**
 * hvnet_nic_destroy - remove the root-side interface
 * @netdev: the interface; its data path is stopped
 *
 * Context: process; takes rtnl.
 */
void hvnet_nic_destroy(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	unregister_netdev(netdev);
	hvnet_pair_free(&nic->pair[0]);
	free_netdev(netdev);
}

/**
 * hvnet_nic_drops - frames dropped for one cause
 * @netdev: the root-side interface
 * @which: the cause
 */
u64 hvnet_nic_drops(struct net_device *netdev, enum hvnet_drop which)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	return READ_ONCE(nic->pair[0].drop[which]);
}

/**
 * hvnet_nic_stat - one of the counters
 * @netdev: the root-side interface
 * @which: which one
 */
u64 hvnet_nic_stat(struct net_device *netdev, enum hvnet_stat which)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	return READ_ONCE(nic->pair[0].stat[which]);
}
