// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root-side network interface of a guest's NIC: it stands where the
 * daemon's tap stood, and frames cross here.  What the guest transmits is
 * copied out of its ring in NAPI and handed up the stack; what the stack
 * transmits is copied into the guest's receive ring in ndo_start_xmit.  Work
 * that a guest leaves to the other side, checksums and segmentation, crosses as
 * a virtio_net_hdr, both ways.  Who starts and stops this, and when, is decided
 * in hvisor_vnet.c; how a ring is read safely in ring.c, what a guest may ask
 * for in offload.c and ctrl.c.  "tx" and "rx" in counters are the guest's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/net_namespace.h>

#include "compat.h"
#include "ctrl.h"
#include "hvisor_vnet.h"
#include "offload.h"
#include "pages.h"
#include "trace.h"

/* Bytes copied per NAPI poll: a poll of jumbo frames shall not take longer. */
#define HVNET_POLL_BYTES	(256 * 1024)

/* Frames up to this size get a linear skb from NAPI's cache. */
#define HVNET_SMALL_FRAME	2048
/* Of larger ones this much is linear: all headers the stack looks at. */
#define HVNET_LINEAR		256

/* Whatever the MTU, a segment is no longer than its IP header can say. */
#define HVNET_SEGMENT_MAX \
	(0xffff + sizeof(struct ipv6hdr) + VLAN_ETH_HLEN + VLAN_HLEN)

/* Frames handed up the stack at once. */
#define HVNET_BATCH		16

/*
 * When there have been so many frames between two interrupts of the guest they come
 * close together; and when it is told of the next then, at the latest.
 */
#define HVNET_DENSE		8
#define HVNET_DENSE_USECS	50u
#define HVNET_DENSE_FRAMES	64u

/* A guest without receive buffers for so long is as good as unplugged. */
#define HVNET_STALL		(30 * HZ)

/* Control requests served before others get a turn. */
#define HVNET_CTRL_BATCH	64

/* What a guest may do for root's stack, and what we always can. */
#define HVNET_GUEST_WORK						\
	(NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO_ECN | NETIF_F_TSO6 | \
	 NETIF_F_GSO_UDP_L4)
#define HVNET_TAG_WORK							\
	(NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_STAG_TX)
#define HVNET_OWN_WORK							\
	(NETIF_F_SG | NETIF_F_FRAGLIST | HVNET_TAG_WORK)

/**
 * struct hvnet_pair - a pair of virtqueues
 * @nic: the interface
 * @rx_ring: the guest's receive queue; owned by the tx queue lock
 * @rx_chain: the chain being filled; same owner
 * @rx_untold: frames since the guest was last told of some at once; same owner
 * @rx_injections: how many interrupts there had been when the guest wanted one;
 *	same owner
 * @rx_frames: how many frames there had been then; same owner
 * @rx_dense: many more than the time before; same owner
 * @tx_ring: the guest's transmit queue; owned by @napi
 * @tx_chain: the chain being read; same owner
 * @tx_untold: chains used since the guest was last told of some at once; same owner
 * @napi: serves @tx_ring; enabled while the data path runs
 * @call: has another CPU begin with @napi; owned by whoever has scheduled it
 * @call_work: likewise, under PREEMPT_RT
 * @up: frames on their way up the stack, @n_up of them; owned by @napi
 * @n_up: how many
 * @pages: what large frames are copied into; same owner
 * @polls_on: the CPU that is in the poll of @napi, or -1
 * @steered_anew: which CPU is to poll was changed, and no kick has come since
 * @live: the data path runs; changed under the tx queue lock
 * @starved: the queue was stopped for want of receive buffers, and the guest has
 *	not kicked since
 * @starved_at: when, in jiffies; under the tx queue lock
 * @seen: available index of @rx_ring up to which there was too little then;
 *	likewise
 * @unpublished: frames in @rx_ring wait for the end of a burst; written under
 *	the tx queue lock
 * @features: what was negotiated; constant while the data path runs
 * @hdr_len: bytes of virtio_net_hdr before each frame; likewise
 * @mergeable: VIRTIO_NET_F_MRG_RXBUF was negotiated; likewise
 * @cuts_tcp4: the guest cuts its segments of TCP over IPv4 itself; likewise
 * @cuts_tcp6: those over IPv6; likewise
 * @stat: counters, each with one writer: @napi, the tx queue lock, or for the
 *	kicks the page's request lock
 * @drop: drops by cause, likewise
 */
struct hvnet_pair {
	struct hvnet_nic *nic;

	struct hvnet_ring rx_ring ____cacheline_aligned_in_smp;
	struct hvnet_chain rx_chain;
	unsigned int rx_untold;
	u64 rx_injections;
	u64 rx_frames;
	bool rx_dense;

	struct hvnet_ring tx_ring ____cacheline_aligned_in_smp;
	struct hvnet_chain tx_chain;
	unsigned int tx_untold;
	struct napi_struct napi;
	call_single_data_t call;
	struct work_struct call_work;
	struct list_head up;
	unsigned int n_up;
	struct hvnet_pages pages;
	int polls_on;
	bool steered_anew;

	bool live ____cacheline_aligned_in_smp;
	bool starved;
	bool unpublished;
	bool mergeable;
	bool cuts_tcp4;
	bool cuts_tcp6;
	u16 seen;
	unsigned int hdr_len;
	unsigned long starved_at;
	u64 features;
	u64 stat[HVNET_STATS];
	u64 drop[HVNET_DROPS];
};

/**
 * struct hvnet_nic - the private part of the root-side interface
 * @netdev: the interface
 * @dev: the guest's device
 * @owner: who is told
 * @pair: its queue pairs
 * @guest_mtu: MTU the guest was told
 * @guest_work: HVNET_GUEST_WORK that the guest does now; written under the tx
 *	queue lock
 * @filter: frames that the guest wants; under the tx queue lock
 * @taken: how the guest is told that its frames were taken: root's receive side
 * @given: how it is told of frames for it: root's transmit side
 * @given_adaptive: but later if they come close together
 * @cpu: that works on frames once the guest has kicked, or HVNET_NO_CPU
 * @features_work: has root's stack follow @guest_work; takes rtnl
 * @stall_work: takes the carrier away while the guest does not refill its ring
 * @stalled: it has; written under work_lock
 * @ctrl_work: serves @ctrl
 * @ctrl_lock: the control queue
 * @ctrl: the control queue; under @ctrl_lock
 * @ctrl_live: it may be served; likewise
 * @begun: a driver has begun; under work_lock
 * @unregistered: the networking core has let go of @netdev
 */
struct hvnet_nic {
	struct net_device *netdev;
	struct hvnet_dev *dev;
	const struct hvnet_nic_owner *owner;
	struct hvnet_pair pair[1];	/* if it were last it had no bounds */
	u32 guest_mtu;
	netdev_features_t guest_work;
	struct hvnet_filter filter;
	struct hvnet_coalesce taken;
	struct hvnet_coalesce given;
	bool given_adaptive;
	u32 cpu;
	struct work_struct features_work;
	struct delayed_work stall_work;
	bool stalled;

	struct work_struct ctrl_work;
	struct mutex ctrl_lock;		/* the control queue */
	struct hvnet_ctrl ctrl;
	bool ctrl_live;
	bool begun;
	struct completion unregistered;
};

static void hvnet_count(struct hvnet_pair *pair, enum hvnet_stat which, u64 n)
{
	WRITE_ONCE(pair->stat[which], pair->stat[which] + n);
}

static void hvnet_drop(struct hvnet_pair *pair, enum hvnet_drop why)
{
	WRITE_ONCE(pair->drop[why], pair->drop[why] + 1);
}

/* Make what was used visible; is the guest to be told? */
static bool hvnet_show(struct hvnet_ring *ring, const struct hvpage_line *line)
{
	const bool news = ring->used_published != ring->used_idx;

	return hvnet_ring_publish(ring) || (news && READ_ONCE(line->given_up));
}

/* What was asked for; it may be changed at any time. */
static struct hvnet_coalesce hvnet_when(const struct hvnet_coalesce *c)
{
	return (struct hvnet_coalesce){
		.usecs = READ_ONCE(c->usecs),
		.frames = READ_ONCE(c->frames),
	};
}

/*
 * Tell a guest that wants to know of what it was shown: now, or as late as it may
 * be. With an event index it wants to know once: when there are many it may be that
 * it has not been told yet.
 */
static void hvnet_tell(struct hvnet_pair *pair, bool wants,
		       struct hvnet_coalesce when, unsigned int *untold)
{
	struct hvpage_line *line = &pair->nic->dev->line;

	if (!when.usecs || *untold >= when.frames) {
		*untold = 0;
		if (wants)
			hvpage_line_raise(line, VIRTIO_MMIO_INT_VRING);
		else if (when.usecs)
			hvpage_line_hurry(line);
	} else if (wants) {
		hvpage_line_raise_late(line, VIRTIO_MMIO_INT_VRING,
				       when.usecs * NSEC_PER_USEC);
	}
}

/* Guest transmit: in NAPI. */

/* Read the header, once; false if there is none or it asks for too much. */
static bool hvnet_tx_header_ok(const struct hvnet_pair *pair,
			       struct virtio_net_hdr *hdr)
{
	const struct hvnet_chain *chain = &pair->tx_chain;

	if (chain->out_len < pair->hdr_len)
		return false;
	hvnet_ring_copy_out(chain, 0, hdr, sizeof(*hdr));
	return hvnet_offload_header_ok(pair->features, hdr);
}

static unsigned int hvnet_tx_frame_max(const struct hvnet_nic *nic,
				       const struct virtio_net_hdr *hdr)
{
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return HVNET_SEGMENT_MAX;
	return max(READ_ONCE(nic->guest_mtu), READ_ONCE(nic->netdev->mtu)) +
	       VLAN_ETH_HLEN + VLAN_HLEN;
}

/*
 * The first reason not to deliver the frame, HVNET_DROPS if there is none. Then
 * @hdr is its header.
 */
static enum hvnet_drop hvnet_tx_check(const struct hvnet_pair *pair,
				      struct virtio_net_hdr *hdr)
{
	const struct hvnet_chain *chain = &pair->tx_chain;

	if (chain->n_in)
		return HVNET_DROP_TX_DIRECTION;
	if (!hvnet_tx_header_ok(pair, hdr))
		return HVNET_DROP_TX_HEADER;
	if (chain->out_len - pair->hdr_len < ETH_HLEN)
		return HVNET_DROP_TX_RUNT;
	if (chain->out_len - pair->hdr_len > hvnet_tx_frame_max(pair->nic, hdr))
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

/* The payload is not looked at by the stack: it need not be in one piece. */
static bool hvnet_tx_fill(struct hvnet_pair *pair, struct sk_buff *skb,
			  unsigned int left)
{
	unsigned int at = pair->hdr_len + HVNET_LINEAR, n;
	void *to;

	/* A first piece of a page, however short, and whole pages after it. */
	static_assert(HVNET_SEGMENT_MAX - HVNET_LINEAR <=
		      (MAX_SKB_FRAGS - 1) * PAGE_SIZE);
	for (; left; left -= n) {
		to = hvnet_pages_append(&pair->pages, skb, left, &n);
		if (!to)
			return false;
		hvnet_ring_copy_out(&pair->tx_chain, at, to, n);
		at += n;
	}
	return true;
}

static struct sk_buff *hvnet_tx_skb_large(struct hvnet_pair *pair,
					  unsigned int len)
{
	struct sk_buff *skb = hvnet_tx_skb_small(pair, HVNET_LINEAR);

	if (skb && !hvnet_tx_fill(pair, skb, len - HVNET_LINEAR)) {
		kfree_skb(skb);
		return NULL;
	}
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

static void hvnet_tx_up_all(struct hvnet_pair *pair)
{
	if (!pair->n_up)
		return;
	netif_receive_skb_list(&pair->up);
	INIT_LIST_HEAD(&pair->up);
	pair->n_up = 0;
}

static bool hvnet_tx_carries_tcp(const struct sk_buff *skb, int protocol_at)
{
	u8 buf;
	const u8 *protocol = skb_header_pointer(skb, protocol_at, 1, &buf);

	return protocol && *protocol == IPPROTO_TCP;
}

/*
 * May frames like this one be parts of a segment that the guest had to cut?
 * Only those gain by being merged again; to look for others to merge with costs
 * as much as the rest of a small frame's way.
 */
static bool hvnet_tx_was_cut(const struct hvnet_pair *pair,
			     const struct sk_buff *skb)
{
	switch (skb->protocol) {
	case htons(ETH_P_IP):
		return pair->cuts_tcp4 &&
		       hvnet_tx_carries_tcp(skb, offsetof(struct iphdr,
							  protocol));
	case htons(ETH_P_IPV6):
		return pair->cuts_tcp6 &&
		       hvnet_tx_carries_tcp(skb, offsetof(struct ipv6hdr,
							  nexthdr));
	case htons(ETH_P_8021Q):
	case htons(ETH_P_8021AD):
		return pair->cuts_tcp4 || pair->cuts_tcp6;
	default:
		return false;
	}
}

static void hvnet_tx_up(struct hvnet_pair *pair, struct sk_buff *skb)
{
	if (hvnet_tx_was_cut(pair, skb)) {
		napi_gro_receive(&pair->napi, skb);
		return;
	}
	list_add_tail(&skb->list, &pair->up);
	if (++pair->n_up == HVNET_BATCH)
		hvnet_tx_up_all(pair);
}

/* Deliver or drop one frame; return its length. */
static unsigned int hvnet_tx_frame(struct hvnet_pair *pair)
{
	struct virtio_net_hdr hdr;
	enum hvnet_drop why = hvnet_tx_check(pair, &hdr);
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
	/* Does the header fit the frame? It may also pull more into its head. */
	if ((hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    virtio_net_hdr_to_skb(skb, &hdr, true)) {
		kfree_skb(skb);
		hvnet_drop(pair, HVNET_DROP_TX_HEADER);
		return len;
	}
	skb->protocol = eth_type_trans(skb, pair->nic->netdev);
	skb_record_rx_queue(skb, pair - pair->nic->pair);
	hvnet_count(pair, HVNET_TX_FRAMES, 1);
	hvnet_count(pair, HVNET_TX_BYTES, len);
	trace_hvnet_frame_from_guest(pair->nic->netdev, skb);
	hvnet_tx_up(pair, skb);
	return len;
}

static void hvnet_ring_broke(struct hvnet_pair *pair, const char *queue,
			     const struct hvnet_ring *ring)
{
	const struct hvnet_nic *nic = pair->nic;

	nic->owner->broke(nic->dev, queue, hvnet_ring_fault_name(ring->fault));
}

/*
 * The guest wants to be interrupted: do frames come so close together that the last
 * interrupt told of many? What interrupts take the guest it cannot spend on frames:
 * where there are many it does better with fewer interrupts, a little later; where
 * there are few it shall be told of each at once.
 */
static void hvnet_rx_measure(struct hvnet_pair *pair)
{
	const u64 injections = READ_ONCE(pair->nic->dev->line.injections);
	const u64 frames = pair->stat[HVNET_RX_FRAMES];

	if (injections == pair->rx_injections)
		return;
	pair->rx_dense = frames - pair->rx_frames >= HVNET_DENSE;
	pair->rx_injections = injections;
	pair->rx_frames = frames;
}

/* Under the tx queue lock. */
static void hvnet_rx_show(struct hvnet_pair *pair)
{
	struct hvnet_coalesce when = hvnet_when(&pair->nic->given);
	bool wants = hvnet_show(&pair->rx_ring, &pair->nic->dev->line);

	if (wants)
		hvnet_rx_measure(pair);
	if (pair->rx_dense && READ_ONCE(pair->nic->given_adaptive)) {
		when.usecs = max(when.usecs, HVNET_DENSE_USECS);
		when.frames = max(when.frames, HVNET_DENSE_FRAMES);
	}
	hvnet_tell(pair, wants, when, &pair->rx_untold);
}

/* Frames that root's stack sent meanwhile are shown to the guest together. */
static void hvnet_rx_end_burst(struct hvnet_pair *pair)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pair->nic->netdev, 0);

	/*
	 * Before the look: whoever leaves a frame to this poll, interrupting it
	 * here, must see that there is one. Same CPU, so program order.
	 */
	WRITE_ONCE(pair->polls_on, -1);
	barrier();
	if (!READ_ONCE(pair->unpublished))
		return;
	__netif_tx_lock(txq, smp_processor_id());
	pair->unpublished = false;
	hvnet_rx_show(pair);
	__netif_tx_unlock(txq);
}

/* What was used in this poll becomes visible, at the price of one interrupt. */
static void hvnet_poll_publish(struct hvnet_pair *pair, unsigned int taken)
{
	hvnet_rx_end_burst(pair);
	pair->tx_untold += taken;
	hvnet_tell(pair, hvnet_show(&pair->tx_ring, &pair->nic->dev->line),
		   hvnet_when(&pair->nic->taken), &pair->tx_untold);
}

/*
 * The guest has kicked for receive buffers. That may have been for one which
 * was found already: only for a further one is the queue started. A frame that
 * the stack offers in vain it puts back behind others that wait, as
 * dev_requeue_skb() does with pieces of a segment.
 */
static void hvnet_rx_wake(struct hvnet_pair *pair)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pair->nic->netdev, 0);

	if (!netif_tx_queue_stopped(txq))
		return;
	__netif_tx_lock(txq, smp_processor_id());
	if (netif_tx_queue_stopped(txq) &&
	    hvnet_ring_more(&pair->rx_ring, pair->seen)) {
		hvnet_count(pair, HVNET_RX_WAKES, 1);
		netif_tx_wake_queue(txq);
	}
	__netif_tx_unlock(txq);
}

/*
 * Would a kick have it polled by another CPU? Also where steering is done with: a
 * timer whose handler is just running stays with the CPU that it was on.
 */
static bool hvnet_poll_is_astray(const struct hvnet_pair *pair)
{
	const u32 cpu = READ_ONCE(pair->nic->cpu);

	return READ_ONCE(pair->steered_anew) ||
	       (cpu != HVNET_NO_CPU && cpu != smp_processor_id());
}

/*
 * Will the poll come again by itself, so that until then no kick is needed?
 * napi_complete_done() knows, but once it is asked the ring is the next poll's.
 * So this foretells it; an error costs a poll or a kick. It comes again on this CPU:
 * it takes a kick to get to another.
 */
static bool hvnet_poll_recurs(const struct hvnet_pair *pair, int work)
{
	const struct net_device *netdev = pair->nic->netdev;

	return work && READ_ONCE(netdev->napi_defer_hard_irqs) &&
	       READ_ONCE(netdev->gro_flush_timeout) &&
	       !hvnet_poll_is_astray(pair);
}

/* @work frames were taken, @got is what the last look at the ring said. */
static int hvnet_poll_end(struct hvnet_pair *pair, int budget, int work, int got)
{
	struct hvnet_ring *ring = &pair->tx_ring;
	bool recurs;

	if (got > 0)
		return budget;
	recurs = hvnet_poll_recurs(pair, work);
	if (got < 0)
		hvnet_ring_broke(pair, "transmit queue", ring);
	else if (!recurs && hvnet_ring_notify_on(ring, ring->last_avail))
		return budget;
	if (work == budget)
		return budget;
	if (napi_complete_done(&pair->napi, work) && recurs)
		napi_schedule(&pair->napi);
	return work;
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

	/* netpoll's, which may be under the tx queue lock. */
	if (!budget)
		return 0;
	WRITE_ONCE(pair->polls_on, smp_processor_id());
	hvnet_count(pair, HVNET_TX_POLLS, 1);
	/* Before the ring is looked at: later ones are for the next poll. */
	if (hvnet_latency_wanted())
		hvnet_latency_take(&pair->nic->dev->deliveries);
	hvnet_rx_wake(pair);
	hvnet_ring_notify_off(ring);
	while (work < budget && bytes < HVNET_POLL_BYTES) {
		got = hvnet_ring_fetch(ring, &pair->tx_chain);
		if (got <= 0)
			break;
		/* Before the frame is answered. */
		if (!work)
			hvpage_line_heard(&pair->nic->dev->line);
		bytes += hvnet_tx_frame(pair);
		hvnet_ring_used(ring, pair->tx_chain.head, 0);
		work++;
	}
	hvnet_tx_up_all(pair);
	if (hvnet_latency_wanted() && work)
		hvnet_latency_end(&pair->nic->dev->deliveries, ktime_get());
	hvnet_poll_publish(pair, work);

	return hvnet_poll_end(pair, budget, work, got);
}

/* Guest receive: under the tx queue lock. */

/**
 * struct hvnet_rx - a frame on its way into receive buffers
 * @pair: the queue
 * @sg: the piece of the chain that is being filled
 * @to: where in it the next byte goes
 * @room: for how many bytes there is room in it
 * @before: bytes in the chain's pieces before it
 * @taken: chains taken from the ring for this frame
 */
struct hvnet_rx {
	struct hvnet_pair *pair;
	const struct hvnet_sg *sg;
	u8 *to;
	u32 room;
	u32 before;
	u16 taken;
};

static void hvnet_rx_piece(struct hvnet_rx *rx, const struct hvnet_sg *sg)
{
	rx->sg = sg;
	rx->to = sg->addr;
	rx->room = sg->len;
}

/* Give the chain back, as far as it is filled. */
static __always_inline void hvnet_rx_used(const struct hvnet_rx *rx)
{
	struct hvnet_pair *pair = rx->pair;

	hvnet_ring_used(&pair->rx_ring, pair->rx_chain.head,
			rx->before + rx->sg->len - rx->room);
}

/*
 * Take the next usable receive chain, with room for at least @room bytes. One
 * that is no such buffer is given back empty. @rx->taken counts both.
 *
 * Return: 1, 0 if there is none, or -EPROTO.
 */
static __always_inline int hvnet_rx_chain(struct hvnet_rx *rx, u64 room)
{
	struct hvnet_pair *pair = rx->pair;
	struct hvnet_chain *chain = &pair->rx_chain;
	int got;

	for (;;) {
		got = hvnet_ring_fetch(&pair->rx_ring, chain);
		if (got <= 0)
			return got;
		++rx->taken;
		if (!chain->n_out && chain->in_len >= room)
			break;
		hvnet_drop(pair, HVNET_DROP_RX_BUFFER);
		hvnet_ring_used(&pair->rx_ring, chain->head, 0);
	}
	hvnet_rx_piece(rx, chain->sg);
	rx->before = 0;
	return 1;
}

/* The piece is full: go on in the next, or in the next chain. */
static int hvnet_rx_next(struct hvnet_rx *rx)
{
	const struct hvnet_chain *chain = &rx->pair->rx_chain;
	int got;

	if (rx->sg + 1 < chain->sg + chain->n_in) {
		rx->before += rx->sg->len;
		hvnet_rx_piece(rx, rx->sg + 1);
		return 0;
	}
	hvnet_rx_used(rx);
	got = hvnet_rx_chain(rx, 1);
	return got > 0 ? 0 : got ?: -ENOBUFS;
}

/* Copy bytes to where the last ones ended. 0 or a negative errno. */
static int hvnet_rx_put(struct hvnet_rx *rx, const void *from, u32 len)
{
	u32 n;
	int err;

	while (len) {
		if (!rx->room) {
			err = hvnet_rx_next(rx);
			if (err)
				return err;
		}
		n = min(len, rx->room);
		memcpy(rx->to, from, n);
		rx->to += n;
		rx->room -= n;
		from += n;
		len -= n;
	}
	return 0;
}

static int hvnet_rx_put_frags(struct hvnet_rx *rx, const struct sk_buff *skb)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	int i, err;

	for (i = 0; i < info->nr_frags; i++) {
		const skb_frag_t *frag = &info->frags[i];
		/* Without NETIF_F_HIGHDMA all of it is mapped, if it is memory. */
		const void *from = skb_frag_address_safe(frag);

		if (!from)
			return -EFAULT;
		err = hvnet_rx_put(rx, from, skb_frag_size(frag));
		if (err)
			return err;
	}
	return 0;
}

/*
 * Copy a frame from wherever its bytes are: each only once. The first @from of
 * them, which are in its head, are there already.
 */
static int hvnet_rx_put_skb(struct hvnet_rx *rx, const struct sk_buff *skb,
			    unsigned int from)
{
	struct sk_buff *part;
	int err;

	err = hvnet_rx_put(rx, skb->data + from, skb_headlen(skb) - from);
	if (err || !skb_is_nonlinear(skb))
		return err;
	err = hvnet_rx_put_frags(rx, skb);
	if (err)
		return err;
	skb_walk_frags(skb, part) {
		err = hvnet_rx_put_skb(rx, part, 0);
		if (err)
			return err;
	}
	return 0;
}

static unsigned int hvnet_rx_tag_len(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) ? VLAN_HLEN : 0;
}

/* A tag that is beside the frame gets to where it belongs. */
static int hvnet_rx_put_frame(struct hvnet_rx *rx, const struct sk_buff *skb)
{
	const struct {
		__be16 proto;
		__be16 tci;
	} tag = { skb->vlan_proto, htons(skb_vlan_tag_get(skb)) };
	const unsigned int at = 2 * ETH_ALEN;

	if (!skb_vlan_tag_present(skb))
		return hvnet_rx_put_skb(rx, skb, 0);
	return hvnet_rx_put(rx, skb->data, at) ?:
	       hvnet_rx_put(rx, &tag, sizeof(tag)) ?:
	       hvnet_rx_put_skb(rx, skb, at);
}

/* Where byte @offset of the chain is: anywhere, even astride two pieces. */
static u8 *hvnet_chain_in(const struct hvnet_chain *chain, size_t offset)
{
	const struct hvnet_sg *sg = chain->sg;

	while (offset >= sg->len) {
		offset -= sg->len;
		sg++;
	}
	return (u8 *)sg->addr + offset;
}

/*
 * Copy one frame into the guest's receive buffers, not visible yet. Without
 * VIRTIO_NET_F_MRG_RXBUF it has to fit one chain; with it the header counts the
 * chains (virtio 1.2, section 5.1.6.4).
 *
 * Return: 0, -ENOBUFS with nothing taken and *@seen set to the available index
 * up to which there was too little, -EMSGSIZE if it can never fit, -EPROTO for
 * a broken ring, -EINVAL or -EFAULT for an skb that no guest can take.
 */
static int hvnet_rx_frame(struct hvnet_pair *pair, const struct sk_buff *skb,
			  u16 *seen)
{
	struct virtio_net_hdr_v1 hdr = { .num_buffers = __cpu_to_virtio16(true, 1) };
	const size_t nb_at = offsetof(struct virtio_net_hdr_v1, num_buffers);
	const unsigned int tag_len = hvnet_rx_tag_len(skb);
	struct hvnet_ring *ring = &pair->rx_ring;
	struct hvnet_rx rx = { .pair = pair };
	u8 *num_buffers[2] = {};
	int err;

	/* The two kinds of header begin alike. */
	if (virtio_net_hdr_from_skb(skb, (struct virtio_net_hdr *)&hdr, true,
				    pair->nic->guest_work & NETIF_F_HW_CSUM,
				    tag_len))
		return -EINVAL;
	err = hvnet_rx_chain(&rx, pair->hdr_len);
	if (err <= 0) {
		*seen = ring->last_avail;
		return err ?: -ENOBUFS;
	}
	/* Chains that were no buffers stay given back. */
	rx.taken = 1;
	if (!pair->mergeable &&
	    pair->rx_chain.in_len - pair->hdr_len < skb->len + tag_len) {
		hvnet_ring_unfetch(ring, 1);
		return -EMSGSIZE;
	}
	if (pair->mergeable) {
		num_buffers[0] = hvnet_chain_in(&pair->rx_chain, nb_at);
		num_buffers[1] = hvnet_chain_in(&pair->rx_chain, nb_at + 1);
	}
	err = hvnet_rx_put(&rx, &hdr, pair->hdr_len) ?:
	      hvnet_rx_put_frame(&rx, skb);
	if (err == -EFAULT)
		hvnet_ring_used(ring, pair->rx_chain.head, 0);
	if (err) {
		/* Each chain has been given back by now: undo that. */
		*seen = ring->last_avail;
		hvnet_ring_rewind(ring, rx.taken);
		return err;
	}
	hvnet_rx_used(&rx);
	if (rx.taken > 1) {
		*num_buffers[0] = rx.taken & 0xff;
		*num_buffers[1] = rx.taken >> 8;
	}
	trace_hvnet_frame_to_guest(pair->nic->netdev, skb, rx.taken);
	return 0;
}

/*
 * There are too few receive buffers: stop the queue until the guest kicks.
 * Return false if it has added some meanwhile.
 */
static bool hvnet_rx_wait(struct hvnet_pair *pair, struct netdev_queue *txq,
			  u16 seen)
{
	pair->seen = seen;
	netif_tx_stop_queue(txq);
	WRITE_ONCE(pair->starved, true);
	/* Its barrier also orders the stop before the look at the ring. */
	if (hvnet_ring_notify_on(&pair->rx_ring, seen)) {
		WRITE_ONCE(pair->starved, false);
		netif_tx_start_queue(txq);
		return false;
	}
	hvnet_count(pair, HVNET_RX_STOPS, 1);
	pair->starved_at = jiffies;
	/* One look for however many stops. */
	if (!delayed_work_pending(&pair->nic->stall_work))
		queue_delayed_work(system_dfl_wq, &pair->nic->stall_work,
				   HVNET_STALL);
	return true;
}

static void hvnet_rx_sent(struct hvnet_pair *pair, struct netdev_queue *txq,
			  unsigned int len)
{
	struct hvnet_ring *ring = &pair->rx_ring;

	pair->rx_untold++;
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
		hvnet_rx_sent(pair, txq, skb->len + hvnet_rx_tag_len(skb));
		return true;
	case -ENOBUFS:
		return false;
	case -EPROTO:
		hvnet_ring_broke(pair, "receive queue", ring);
		hvnet_drop(pair, HVNET_DROP_RX_NO_GUEST);
		return true;
	case -EMSGSIZE:
		hvnet_drop(pair, HVNET_DROP_RX_TOO_BIG);
		return true;
	default:
		hvnet_drop(pair, HVNET_DROP_RX_OFFLOAD);
		return true;
	}
}

/* The frame's VLAN, 0 if it has none; its tag may be in it, or beside it. */
static u16 hvnet_rx_vid(const struct sk_buff *skb)
{
	const struct vlan_ethhdr *eth;
	struct vlan_ethhdr buf;

	if (skb_vlan_tag_present(skb))
		return skb->vlan_proto == htons(ETH_P_8021Q) ?
		       skb_vlan_tag_get_id(skb) : 0;
	if (((const struct ethhdr *)skb->data)->h_proto != htons(ETH_P_8021Q))
		return 0;
	eth = skb_header_pointer(skb, 0, sizeof(buf), &buf);
	return eth ? ntohs(eth->h_vlan_TCI) & VLAN_VID_MASK : 0;
}

static bool hvnet_rx_wanted(const struct hvnet_nic *nic,
			    const struct sk_buff *skb)
{
	return nic->filter.promisc ||
	       hvnet_filter_passes(&nic->filter, skb->data, hvnet_rx_vid(skb));
}

/*
 * The stack did the guest's work where hvnet_features_check() said so. What
 * the guest did when that was asked and does no more is left.
 */
static bool hvnet_rx_suits(const struct hvnet_nic *nic, struct sk_buff *skb)
{
	/* Those of another guest's were checked by the stack. */
	const int type = skb_shinfo(skb)->gso_type & ~SKB_GSO_DODGY;

	if (skb_is_gso(skb) && !net_gso_ok(nic->guest_work, type))
		return false;
	return skb->ip_summed != CHECKSUM_PARTIAL ||
	       (nic->guest_work & NETIF_F_HW_CSUM) || !skb_checksum_help(skb);
}

/* Why the frame cannot be given to the guest; HVNET_DROPS if it can. */
static enum hvnet_drop hvnet_rx_check(struct hvnet_pair *pair,
				      struct sk_buff *skb)
{
	if (!pair->live || !pair->rx_ring.num)
		return HVNET_DROP_RX_NO_GUEST;
	if (!hvnet_rx_suits(pair->nic, skb))
		return HVNET_DROP_RX_OFFLOAD;
	return HVNET_DROPS;
}

/*
 * One barrier and at most one interrupt for a burst. The stack announces that
 * more will follow when it does so itself; who forwards frame by frame, in a
 * softirq, does not. There the burst ends when our poll gets its turn; it is
 * asked for, but for frames that it sent off itself.
 */
static void hvnet_rx_publish(struct hvnet_pair *pair, struct netdev_queue *txq)
{
	bool in_poll = READ_ONCE(pair->polls_on) == smp_processor_id();

	if (netif_xmit_stopped(txq)) {
		/* It has to refill: there is nothing to wait for. */
		pair->rx_untold = UINT_MAX;
		hvnet_rx_show(pair);
	} else if (in_poll || in_serving_softirq()) {
		if (pair->unpublished)
			return;
		WRITE_ONCE(pair->unpublished, true);
		if (!in_poll)
			napi_schedule(&pair->napi);
	} else if (!netdev_xmit_more()) {
		hvnet_rx_show(pair);
	}
}

/* What of the guest's work may be left to it: the stack does the rest. */
static netdev_features_t hvnet_features_check(struct sk_buff *skb,
					      struct net_device *netdev,
					      netdev_features_t features)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	features &= READ_ONCE(nic->guest_work) | ~HVNET_GUEST_WORK;
	return vlan_features_check(skb, features);
}

static netdev_tx_t hvnet_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	unsigned int queue = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(netdev, queue);
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[queue];
	enum hvnet_drop why = hvnet_rx_check(pair, skb);
	bool taken = true;

	if (why != HVNET_DROPS)
		hvnet_drop(pair, why);
	else if (hvnet_rx_wanted(nic, skb))
		taken = hvnet_rx_take(pair, txq, skb);
	else
		hvnet_count(pair, HVNET_RX_UNWANTED, 1);
	hvnet_rx_publish(pair, txq);
	if (!taken)
		return NETDEV_TX_BUSY;
	skb_tx_timestamp(skb);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

/* In that CPU's hard interrupt; @arg's napi was scheduled for it. */
static void hvnet_poll_here(void *arg)
{
	struct hvnet_pair *pair = arg;

	__napi_schedule(&pair->napi);
}

/* Likewise in its thread. */
static void hvnet_poll_here_work(struct work_struct *work)
{
	struct hvnet_pair *pair = container_of(work, struct hvnet_pair, call_work);

	local_bh_disable();
	__napi_schedule(&pair->napi);
	local_bh_enable();
}

/*
 * Under PREEMPT_RT softirqs are threads', and a function call must not raise one:
 * an idle CPU makes it without an interrupt, after which softirqs would be seen.
 */
static bool hvnet_poll_there(struct hvnet_pair *pair, unsigned int cpu)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return cpu_online(cpu) &&
		       queue_work_on(cpu, system_highpri_wq, &pair->call_work);
	return !smp_call_function_single_async(cpu, &pair->call);
}

/*
 * Have the guest's frames worked on where the administrator wants it. At most one
 * call is under way: who schedules the napi makes it, and nobody else can until
 * the poll that it leads to is over; napi_disable() waits for that, too.
 */
static void hvnet_poll_steered(struct hvnet_pair *pair)
{
	u32 cpu;

	if (!napi_schedule_prep(&pair->napi))
		return;
	if (READ_ONCE(pair->steered_anew)) {
		WRITE_ONCE(pair->steered_anew, false);
		/* What this undoes was said before. Pairs with hvnet_nic_set_cpu(). */
		smp_mb();
	}
	cpu = READ_ONCE(pair->nic->cpu);
	/* One that has gone offline does not take it. */
	if (cpu == HVNET_NO_CPU || cpu == smp_processor_id() ||
	    !hvnet_poll_there(pair, cpu))
		__napi_schedule(&pair->napi);
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
	struct hvnet_pair *pair = &nic->pair[0];
	struct netdev_queue *txq;

	trace_hvnet_kick(nic->dev, queue);
	if (queue == HVNET_QUEUE_TX) {
		hvnet_count(pair, HVNET_TX_KICKS, 1);
		if (hvnet_latency_wanted())
			hvnet_latency_begin(&nic->dev->deliveries, ktime_get(),
					    false);
		hvnet_poll_steered(pair);
		return;
	}
	if (queue == HVNET_QUEUE_CTRL) {
		/* Not on this CPU: its guest may spin here until it is served. */
		queue_work(system_dfl_wq, &nic->ctrl_work);
		return;
	}
	hvnet_count(pair, HVNET_RX_KICKS, 1);
	WRITE_ONCE(pair->starved, false);
	/* Pairs with the one in hvnet_rx_stalled(). */
	smp_mb();
	if (READ_ONCE(nic->stalled))
		mod_delayed_work(system_dfl_wq, &nic->stall_work, 0);
	txq = netdev_get_tx_queue(netdev, 0);
	/* The poll starts it; here the ring might be forgotten meanwhile. */
	if (netif_tx_queue_stopped(txq))
		hvnet_poll_steered(pair);
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
	       hvnet_ring_wants_interrupt(&nic->pair[0].tx_ring) ||
	       hvnet_ring_wants_interrupt(&nic->ctrl.ring);
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

/* A guest that does not refill its ring. */

/*
 * Has the guest been without receive buffers for too long? If it may yet be,
 * *@left is when to look again.
 */
static bool hvnet_rx_stalled(struct hvnet_pair *pair, unsigned long *left)
{
	struct netdev_queue *txq = netdev_get_tx_queue(pair->nic->netdev, 0);
	unsigned long since;
	bool starved;

	WRITE_ONCE(pair->nic->stalled, true);
	/*
	 * The verdict before the look: the kick that ends it sees the one, or
	 * we see the other.  Pairs with the one in hvnet_nic_kick().
	 */
	smp_mb();
	__netif_tx_lock_bh(txq);
	starved = pair->live && READ_ONCE(pair->starved);
	since = jiffies - pair->starved_at;
	__netif_tx_unlock_bh(txq);
	*left = starved && since < HVNET_STALL ? HVNET_STALL - since : 0;
	if (!starved || *left)
		WRITE_ONCE(pair->nic->stalled, false);
	return starved && !*left;
}

/*
 * Without a carrier the qdisc lets go of what it holds, and a bridge of the
 * port: root's memory, and senders that wait for it, are free again.
 */
static void hvnet_stall_work(struct work_struct *work)
{
	struct hvnet_nic *nic = container_of(to_delayed_work(work),
					     struct hvnet_nic, stall_work);
	struct hvnet_pair *pair = &nic->pair[0];
	unsigned long left;
	bool was;

	mutex_lock(&nic->dev->work_lock);
	was = nic->stalled;
	if (!hvnet_rx_stalled(pair, &left)) {
		if (was && pair->live)
			netif_carrier_on(nic->netdev);
		if (left)
			queue_delayed_work(system_dfl_wq, &nic->stall_work,
					   left);
	} else if (!was) {
		hvnet_count(pair, HVNET_RX_STALLS, 1);
		trace_hvnet_rx_stall(nic->dev);
		netif_carrier_off(nic->netdev);
		nic->owner->stalled(nic->dev);
	}
	mutex_unlock(&nic->dev->work_lock);
}

/* What the guest takes of root's work. */

/* Not without checksums: no segment is cut without filling them in. */
static netdev_features_t hvnet_guest_work(u64 offloads)
{
	netdev_features_t work = 0;

	if (!(offloads & HVNET_BIT(VIRTIO_NET_F_GUEST_CSUM)))
		return 0;
	work |= NETIF_F_HW_CSUM;
	if (offloads & HVNET_BIT(VIRTIO_NET_F_GUEST_TSO4))
		work |= NETIF_F_TSO;
	if (offloads & HVNET_BIT(VIRTIO_NET_F_GUEST_TSO6))
		work |= NETIF_F_TSO6;
	if (offloads & HVNET_BIT(VIRTIO_NET_F_GUEST_ECN))
		work |= NETIF_F_TSO_ECN;
	/* The stack knows one feature for both. */
	if ((offloads & HVNET_OFFLOADS_RX_USO) == HVNET_OFFLOADS_RX_USO)
		work |= NETIF_F_GSO_UDP_L4;
	return work;
}

static netdev_features_t hvnet_fix_features(struct net_device *netdev,
					    netdev_features_t features)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	return features & (READ_ONCE(nic->guest_work) | ~HVNET_GUEST_WORK);
}

static void hvnet_features_work(struct work_struct *work)
{
	struct hvnet_nic *nic = container_of(work, struct hvnet_nic,
					     features_work);

	rtnl_lock();
	if (nic->netdev->reg_state == NETREG_REGISTERED)
		netdev_update_features(nic->netdev);
	rtnl_unlock();
}

/*
 * From the next frame on. That the interface says so comes later: a guest waits
 * for us, and who holds rtnl may wait for the guest.
 */
static void hvnet_apply_offloads(struct hvnet_nic *nic)
{
	struct netdev_queue *txq = netdev_get_tx_queue(nic->netdev, 0);

	__netif_tx_lock_bh(txq);
	WRITE_ONCE(nic->guest_work, hvnet_guest_work(nic->ctrl.offloads));
	__netif_tx_unlock_bh(txq);
	queue_work(system_dfl_wq, &nic->features_work);
}

static void hvnet_apply_filter(struct hvnet_nic *nic)
{
	struct netdev_queue *txq = netdev_get_tx_queue(nic->netdev, 0);

	__netif_tx_lock_bh(txq);
	nic->filter = nic->ctrl.filter;
	__netif_tx_unlock_bh(txq);
}

/* The control queue: in process context. */

static void hvnet_ctrl_apply(struct hvnet_nic *nic, unsigned int changed)
{
	if (changed & HVNET_CTRL_FILTER)
		hvnet_apply_filter(nic);
	if (changed & HVNET_CTRL_OFFLOADS)
		hvnet_apply_offloads(nic);
	if (changed & HVNET_CTRL_MAC)
		nic->owner->mac(nic->dev, nic->ctrl.filter.mac);
}

/* Serve some requests; return whether there may be more. */
static bool hvnet_ctrl_some(struct hvnet_nic *nic)
{
	struct hvnet_ring *ring = &nic->ctrl.ring;
	unsigned int changed = 0, n = 0;
	int got;

	hvnet_ring_notify_off(ring);
	do {
		got = hvnet_ctrl_serve(&nic->ctrl, &changed);
	} while (got > 0 && ++n < HVNET_CTRL_BATCH);
	hvnet_ctrl_apply(nic, changed);
	if (hvnet_ring_publish(ring))
		hvpage_line_raise(&nic->dev->line, VIRTIO_MMIO_INT_VRING);
	if (got < 0) {
		nic->owner->broke(nic->dev, "control queue",
				  hvnet_ring_fault_name(ring->fault));
		return false;
	}
	return got > 0 || hvnet_ring_notify_on(ring, ring->last_avail);
}

/*
 * Takes no lock that is held while a guest is waited for, or by one: Linux's
 * driver spins for the answer.
 */
static void hvnet_ctrl_work(struct work_struct *work)
{
	struct hvnet_nic *nic = container_of(work, struct hvnet_nic, ctrl_work);

	mutex_lock(&nic->ctrl_lock);
	if (nic->ctrl_live && hvnet_ctrl_some(nic))
		queue_work(system_dfl_wq, work);
	mutex_unlock(&nic->ctrl_lock);
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
	pair->features = dev->mmio.features;
	pair->cuts_tcp4 = !hvnet_mmio_has(&dev->mmio, VIRTIO_NET_F_HOST_TSO4);
	pair->cuts_tcp6 = !hvnet_mmio_has(&dev->mmio, VIRTIO_NET_F_HOST_TSO6);
	pair->rx_untold = 0;
	/* How close together frames came to the last driver is no question now. */
	pair->rx_frames = pair->stat[HVNET_RX_FRAMES];
	pair->tx_untold = 0;
	return hvnet_ring_setup(dev, &pair->rx_ring, HVNET_QUEUE_RX) ?:
	       hvnet_ring_setup(dev, &pair->tx_ring, HVNET_QUEUE_TX);
}

/* The first start by a driver decides what it gets until it orders otherwise. */
static int hvnet_ctrl_setup(struct hvnet_nic *nic)
{
	struct hvnet_dev *dev = nic->dev;
	int err = 0;

	mutex_lock(&nic->ctrl_lock);
	if (!nic->begun) {
		nic->begun = true;
		hvnet_ctrl_begin(&nic->ctrl, dev->mmio.features,
				 dev->mmio.config.mac);
		hvnet_ctrl_apply(nic, HVNET_CTRL_FILTER | HVNET_CTRL_OFFLOADS);
	}
	if (hvnet_mmio_has(&dev->mmio, VIRTIO_NET_F_CTRL_VQ))
		err = hvnet_ring_setup(dev, &nic->ctrl.ring, HVNET_QUEUE_CTRL);
	mutex_unlock(&nic->ctrl_lock);
	return err;
}

static void hvnet_ctrl_set_live(struct hvnet_nic *nic, bool live)
{
	mutex_lock(&nic->ctrl_lock);
	nic->ctrl_live = live;
	mutex_unlock(&nic->ctrl_lock);
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
 * hvnet_nic_prepare - set the rings up as the driver said
 * @netdev: the root-side interface
 *
 * Queues the driver has made ready since are begun, others go on where they
 * were, those it has disabled are forgotten.
 *
 * Context: process, under work_lock, stopped; the line is off, which looks at
 * the rings.
 * Return: 0, or a negative errno if a ring is not where it may be.
 */
int hvnet_nic_prepare(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	return hvnet_pair_setup(&nic->pair[0]) ?: hvnet_ctrl_setup(nic);
}

/**
 * hvnet_nic_start - start the data path
 * @netdev: the root-side interface, prepared
 *
 * Context: process, under work_lock, stopped; the line is on, for what is used
 * at once.
 */
void hvnet_nic_start(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	struct hvnet_pair *pair = &nic->pair[0];
	struct netdev_queue *txq = netdev_get_tx_queue(netdev, 0);

	nic->stalled = false;
	pair->starved = false;
	napi_enable(&pair->napi);
	hvnet_pair_set_live(pair, txq, true);
	hvnet_ctrl_set_live(nic, true);
	netif_carrier_on(netdev);
	/* What the guest queued before we listened. */
	local_bh_disable();
	napi_schedule(&pair->napi);
	local_bh_enable();
	queue_work(system_dfl_wq, &nic->ctrl_work);
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

	hvnet_ctrl_set_live(nic, false);
	if (!pair->live)
		return;
	napi_disable(&pair->napi);
	hvnet_pages_free(&pair->pages);
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
	hvnet_ring_hush(&nic->ctrl.ring);
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
	hvnet_ring_stop(&nic->ctrl.ring);
	nic->begun = false;
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
	.ndo_features_check = hvnet_features_check,
	.ndo_fix_features = hvnet_fix_features,
	.ndo_get_stats64 = hvnet_get_stats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

/**
 * hvnet_nic_get_coalescing - when is the guest told of frames?
 * @netdev: the root-side interface
 * @c: when
 *
 * Context: any.
 */
void hvnet_nic_get_coalescing(const struct net_device *netdev,
			      struct hvnet_coalescing *c)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	c->tx = hvnet_when(&nic->taken);
	c->rx = hvnet_when(&nic->given);
	c->rx_adaptive = READ_ONCE(nic->given_adaptive);
}

/**
 * hvnet_nic_set_coalescing - decide when the guest is told of frames
 * @netdev: the root-side interface
 * @c: when, checked
 *
 * Context: any.
 */
void hvnet_nic_set_coalescing(struct net_device *netdev,
			      const struct hvnet_coalescing *c)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	WRITE_ONCE(nic->taken.usecs, c->tx.usecs);
	WRITE_ONCE(nic->taken.frames, c->tx.frames);
	WRITE_ONCE(nic->given.usecs, c->rx.usecs);
	WRITE_ONCE(nic->given.frames, c->rx.frames);
	WRITE_ONCE(nic->given_adaptive, c->rx_adaptive);
}

/**
 * hvnet_nic_cpu - which CPU works on the guest's frames?
 * @netdev: the root-side interface
 *
 * Context: any. Return: it, or HVNET_NO_CPU: the one where a kick arrives.
 */
u32 hvnet_nic_cpu(const struct net_device *netdev)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	return READ_ONCE(nic->cpu);
}

/**
 * hvnet_nic_set_cpu - decide which CPU works on the guest's frames
 * @netdev: the root-side interface
 * @cpu: that one, or HVNET_NO_CPU
 *
 * From the next kick on.
 *
 * Context: any.
 */
void hvnet_nic_set_cpu(struct net_device *netdev, u32 cpu)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	WRITE_ONCE(nic->cpu, cpu);
	/* Pairs with the one in hvnet_poll_steered(). */
	smp_mb();
	WRITE_ONCE(nic->pair[0].steered_anew, true);
}

/*
 * The guest's address with a first byte that a bridge never prefers, and that is
 * not the guest's own: a bridge drops frames from its port's address.
 */
static void hvnet_root_mac(u8 *mac, const u8 *guest)
{
	ether_addr_copy(mac, guest);
	mac[0] = guest[0] == 0xfe ? 0xfa : 0xfe;
}

/**
 * hvnet_nic_set_mac - the guest's end was given another address
 * @netdev: the root-side interface
 * @guest: that address
 *
 * Context: process, under rtnl. Return: 0 or a negative errno.
 */
int hvnet_nic_set_mac(struct net_device *netdev, const u8 *guest)
{
	struct sockaddr_storage addr = { .ss_family = netdev->type };

	hvnet_root_mac((u8 *)addr.__data, guest);
	return hvnet_dev_set_mac_address(netdev, &addr);
}

/**
 * hvnet_nic_set_mtu - the guest's end was given another MTU, and so is this one
 * @netdev: the root-side interface
 * @mtu: the MTU
 *
 * Context: process, under rtnl. Return: 0 or a negative errno.
 */
int hvnet_nic_set_mtu(struct net_device *netdev, u32 mtu)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	WRITE_ONCE(nic->guest_mtu, mtu);
	return dev_set_mtu(netdev, mtu);
}

static int hvnet_pair_init(struct hvnet_pair *pair, struct hvnet_nic *nic,
			   u32 queue_max)
{
	pair->nic = nic;
	pair->polls_on = -1;
	INIT_LIST_HEAD(&pair->up);
	pair->rx_chain.sg = kvcalloc(queue_max, sizeof(struct hvnet_sg),
				     GFP_KERNEL);
	pair->tx_chain.sg = kvcalloc(queue_max, sizeof(struct hvnet_sg),
				     GFP_KERNEL);
	if (!pair->rx_chain.sg || !pair->tx_chain.sg)
		return -ENOMEM;
	netdev_sw_irq_coalesce_default_on(nic->netdev);
	netif_napi_add(nic->netdev, &pair->napi, hvnet_poll);
	pair->call.func = hvnet_poll_here;
	pair->call.info = pair;
	INIT_WORK(&pair->call_work, hvnet_poll_here_work);
	return 0;
}

static int hvnet_ctrl_init(struct hvnet_nic *nic, u32 queue_max)
{
	nic->ctrl.chain.sg = kvcalloc(queue_max, sizeof(struct hvnet_sg),
				      GFP_KERNEL);
	return nic->ctrl.chain.sg ? 0 : -ENOMEM;
}

/* Also of a pair that was not wholly initialised. */
static void hvnet_pair_free(struct hvnet_pair *pair)
{
	kvfree(pair->rx_chain.sg);
	kvfree(pair->tx_chain.sg);
}

/**
 * hvnet_nic_free - the root-side interface is needed no more
 * @netdev: the interface, not registered
 *
 * Context: process.
 */
void hvnet_nic_free(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	hvnet_pair_free(&nic->pair[0]);
	kvfree(nic->ctrl.chain.sg);
	free_netdev(netdev);
}

/* Nobody refers to the interface any more. */
static void hvnet_nic_unregistered(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	complete(&nic->unregistered);
}

/* As udev tells it from others. */
static const struct device_type hvnet_nic_type = {
	.name = "hvisor_vnet",
};

/* A name that somebody chose is not changed by udev. */
static void hvnet_nic_name(struct net_device *netdev, const char *name)
{
	strscpy(netdev->name, *name ? name : "hvnet%d", IFNAMSIZ);
	netdev->name_assign_type = *name ? NET_NAME_USER : NET_NAME_ENUM;
}

static void hvnet_nic_init(struct net_device *netdev, struct hvnet_dev *dev,
			   const struct hvnet_nic_owner *owner,
			   const struct hvnet_dev_params *params)
{
	struct hvnet_nic *nic = netdev_priv(netdev);
	u8 mac[ETH_ALEN];

	nic->netdev = netdev;
	nic->dev = dev;
	nic->owner = owner;
	nic->guest_mtu = params->mtu;
	nic->filter.promisc = true;
	nic->taken = params->coalesce.tx;
	nic->given = params->coalesce.rx;
	nic->given_adaptive = params->coalesce.rx_adaptive;
	nic->cpu = params->cpu;
	INIT_WORK(&nic->features_work, hvnet_features_work);
	INIT_DELAYED_WORK(&nic->stall_work, hvnet_stall_work);
	INIT_WORK(&nic->ctrl_work, hvnet_ctrl_work);
	mutex_init(&nic->ctrl_lock);
	init_completion(&nic->unregistered);
	/* Wanted; had as soon as a guest says so. */
	netdev->features = HVNET_OWN_WORK | HVNET_GUEST_WORK;
	netdev->hw_features = netdev->features;
	netdev->vlan_features = netdev->features & ~HVNET_TAG_WORK;
	netdev->netdev_ops = &hvnet_netdev_ops;
	netdev->ethtool_ops = &hvnet_ethtool_ops;
	netdev->rtnl_link_ops = &hvnet_link_ops;
	netdev->priv_destructor = hvnet_nic_unregistered;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	netdev->mtu = params->mtu;
	netdev->min_mtu = HVNET_MTU_MIN;
	netdev->max_mtu = HVNET_MTU_MAX;
	hvnet_root_mac(mac, params->mac);
	eth_hw_addr_set(netdev, mac);
	hvnet_nic_name(netdev, params->name);
	SET_NETDEV_DEV(netdev, &dev->dev);
	SET_NETDEV_DEVTYPE(netdev, &hvnet_nic_type);
	dev_net_set(netdev, params->net);
	netif_carrier_off(netdev);
}

/**
 * hvnet_nic_create - make the root-side interface of a device
 * @dev: the device
 * @owner: who is told of what happens to it
 * @params: what was asked for, checked
 * @why: the reason of a refusal
 *
 * Its counters can be read from now on, nothing else: see hvnet_nic_register().
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
	err = hvnet_pair_init(&nic->pair[0], nic, params->queue_max) ?:
	      hvnet_ctrl_init(nic, params->queue_max);
	if (err) {
		hvnet_refuse(why, err, "out of memory");
		hvnet_nic_free(netdev);
		return ERR_PTR(err);
	}
	return netdev;
}

/**
 * hvnet_nic_dev - whose interface is this?
 * @netdev: the root-side interface
 *
 * Context: any. Return: the device, which lives as long as @netdev is registered.
 */
struct hvnet_dev *hvnet_nic_dev(const struct net_device *netdev)
{
	const struct hvnet_nic *nic = netdev_priv(netdev);

	return nic->dev;
}

/**
 * hvnet_nic_register - have the root-side interface appear
 * @netdev: the interface
 * @why: the reason of a refusal
 *
 * In the network namespace of the caller, without carrier.
 *
 * Context: process; takes rtnl. Return: 0 or a negative errno.
 */
int hvnet_nic_register(struct net_device *netdev, struct hvnet_reason *why)
{
	int err = register_netdev(netdev);

	if (err == -EEXIST)
		hvnet_refuse_field(why, HVNET_FIELD_NAME, err,
				   "there is an interface %s already (if it is a left-over tap: ip link del %s)",
				   netdev->name, netdev->name);
	else if (err)
		hvnet_refuse(why, err,
			     "the interface could not be registered (error %d)",
			     err);
	return err;
}

/**
 * hvnet_nic_unregister - have the root-side interface go
 * @netdev: the interface; its data path is stopped
 *
 * Its counters can still be read. Somebody else may have begun with it: "ip link
 * del".
 *
 * Context: process; takes rtnl.
 */
void hvnet_nic_unregister(struct net_device *netdev)
{
	struct hvnet_nic *nic = netdev_priv(netdev);

	/* Nobody queues them any more. The one may queue the other. */
	cancel_work_sync(&nic->pair[0].call_work);
	cancel_work_sync(&nic->ctrl_work);
	cancel_work_sync(&nic->features_work);
	cancel_delayed_work_sync(&nic->stall_work);
	rtnl_lock();
	if (netdev->reg_state == NETREG_REGISTERED)
		unregister_netdevice(netdev);
	rtnl_unlock();
	wait_for_completion(&nic->unregistered);
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
