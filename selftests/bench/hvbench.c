// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both ends of what the benchmark measures: a sink that takes the frames of an
 * interface and frees them or sends them back, and a generator of frames that
 * go out through an interface.  hvbench.h describes the interface.  What a
 * frame costs in between is counted by the programs in user space.
 */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/fs.h>
#include <linux/ip.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <linux/vmalloc.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/tcp.h>

#include "hvbench.h"

/* A GSO frame's payload lies in so many pieces of so many bytes, as TCP's. */
#define HVB_PIECE_ORDER		3
#define HVB_PIECE		(PAGE_SIZE << HVB_PIECE_ORDER)
#define HVB_PIECES		DIV_ROUND_UP(HVB_LEN_MAX, HVB_PIECE)

/*
 * Frames this long, or shorter, are in one piece with their headers, which has
 * always this size: a network card's buffers are no smaller for small frames,
 * and small allocations would be zeroed.
 */
#define HVB_LINEAR_MAX		1600

/**
 * struct hvb_drain - a sink
 * @node: in the list of all, under rtnl
 * @file: whose
 * @dev: the interface; it has this as its rx_handler_data
 * @mode: what becomes of frames
 * @skbs: buffers so far; one writer: the interface's receive path
 * @payload: bytes so far; likewise
 */
struct hvb_drain {
	struct list_head node;
	const struct file *file;
	struct net_device *dev;
	u32 mode;
	u64 skbs;
	u64 payload;
};

struct hvb_headers {
	struct ethhdr eth;
	struct iphdr ip;
	union {
		struct udphdr udp;
		struct tcphdr tcp;
	};
} __packed;

static LIST_HEAD(hvb_drains);		/* under rtnl */

/* The pages that GSO frames share. */
static struct page *hvb_piece[HVB_PIECES];

/* Sinks. */

static unsigned int hvb_payload(const struct sk_buff *skb)
{
	unsigned int headers = ip_hdr(skb)->protocol == IPPROTO_TCP ?
			       HVB_HEADERS_TCP : HVB_HEADERS_UDP;

	return skb->len + ETH_HLEN - headers;
}

static void hvb_echo(struct sk_buff *skb)
{
	struct ethhdr *eth = eth_hdr(skb);
	u8 sender[ETH_ALEN];

	ether_addr_copy(sender, eth->h_source);
	ether_addr_copy(eth->h_source, eth->h_dest);
	ether_addr_copy(eth->h_dest, sender);
	skb_push(skb, ETH_HLEN);
	dev_queue_xmit(skb);
}

static rx_handler_result_t hvb_receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct hvb_drain *drain = rcu_dereference(skb->dev->rx_handler_data);

	WRITE_ONCE(drain->skbs, drain->skbs + 1);
	WRITE_ONCE(drain->payload, drain->payload + hvb_payload(skb));
	if (drain->mode == HVB_ECHO)
		hvb_echo(skb);
	else
		consume_skb(skb);
	return RX_HANDLER_CONSUMED;
}

static struct hvb_drain *hvb_drain_of(const struct net_device *dev)
{
	struct hvb_drain *drain;

	list_for_each_entry(drain, &hvb_drains, node)
		if (drain->dev == dev)
			return drain;
	return NULL;
}

static void hvb_drain_del(struct hvb_drain *drain)
{
	list_del(&drain->node);
	netdev_rx_handler_unregister(drain->dev);
	kfree(drain);
}

static int hvb_drain_add(const struct file *file, struct net_device *dev,
			 u32 mode)
{
	struct hvb_drain *drain = kzalloc(sizeof(*drain), GFP_KERNEL);
	int err;

	if (!drain)
		return -ENOMEM;
	drain->file = file;
	drain->dev = dev;
	drain->mode = mode;
	err = netdev_rx_handler_register(dev, hvb_receive, drain);
	if (err) {
		kfree(drain);
		return err;
	}
	list_add(&drain->node, &hvb_drains);
	return 0;
}

static int hvb_set_sink(const struct file *file, void __user *arg)
{
	struct hvb_drain *drain;
	struct net_device *dev;
	struct hvb_sink sink;
	int err;

	if (copy_from_user(&sink, arg, sizeof(sink)))
		return -EFAULT;
	if (sink.mode != HVB_FREE && sink.mode != HVB_ECHO)
		return -EINVAL;
	rtnl_lock();
	dev = __dev_get_by_index(current->nsproxy->net_ns, sink.ifindex);
	drain = dev ? hvb_drain_of(dev) : NULL;
	if (drain)
		hvb_drain_del(drain);
	err = dev ? hvb_drain_add(file, dev, sink.mode) : -ENODEV;
	rtnl_unlock();
	return err;
}

static int hvb_get_seen(void __user *arg)
{
	struct hvb_drain *drain;
	struct net_device *dev;
	struct hvb_seen seen;

	if (copy_from_user(&seen, arg, sizeof(seen)))
		return -EFAULT;
	rtnl_lock();
	dev = __dev_get_by_index(current->nsproxy->net_ns, seen.ifindex);
	drain = dev ? hvb_drain_of(dev) : NULL;
	if (drain) {
		seen.skbs = READ_ONCE(drain->skbs);
		seen.payload = READ_ONCE(drain->payload);
	}
	rtnl_unlock();
	if (!drain)
		return -ENODEV;
	return copy_to_user(arg, &seen, sizeof(seen)) ? -EFAULT : 0;
}

static int hvb_netdev_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct hvb_drain *drain = hvb_drain_of(netdev_notifier_info_to_dev(ptr));

	if (event == NETDEV_UNREGISTER && drain)
		hvb_drain_del(drain);
	return NOTIFY_DONE;
}

static struct notifier_block hvb_netdev_notifier = {
	.notifier_call = hvb_netdev_event,
};

/* The generator. */

static unsigned int hvb_header_len(const struct hvb_send *s)
{
	return s->kind == HVB_TCP ? HVB_HEADERS_TCP : HVB_HEADERS_UDP;
}

/* From 10.78.0.1 to 10.78.0.2, which nobody has. */
static void hvb_make_headers(struct hvb_headers *h, const struct hvb_send *s)
{
	static const u8 to[ETH_ALEN] = { 0x02, 0, 0, 0xbe, 0, 2 };
	static const u8 from[ETH_ALEN] = { 0x02, 0, 0, 0xbe, 0, 1 };
	unsigned int ip_len = s->len - ETH_HLEN;
	bool tcp = s->kind == HVB_TCP;

	memset(h, 0, sizeof(*h));
	ether_addr_copy(h->eth.h_dest, to);
	ether_addr_copy(h->eth.h_source, from);
	h->eth.h_proto = htons(ETH_P_IP);
	h->ip.version = 4;
	h->ip.ihl = sizeof(h->ip) / 4;
	h->ip.tot_len = htons(ip_len);
	h->ip.frag_off = htons(IP_DF);
	h->ip.ttl = 64;
	h->ip.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	h->ip.saddr = htonl(0x0a4e0001);
	h->ip.daddr = htonl(0x0a4e0002);
	ip_send_check(&h->ip);
	if (tcp) {
		h->tcp.source = htons(5001);
		h->tcp.dest = htons(5001);
		h->tcp.doff = sizeof(h->tcp) / 4;
		h->tcp.ack = 1;
		h->tcp.window = htons(0xffff);
		h->tcp.check = ~tcp_v4_check(ip_len - sizeof(h->ip),
					     h->ip.saddr, h->ip.daddr, 0);
	} else {
		h->udp.source = htons(5001);
		h->udp.dest = htons(5001);
		h->udp.len = htons(ip_len - sizeof(h->ip));
	}
}

/* The payload is in pages that all frames share, as a file's would be. */
static void hvb_add_payload(struct sk_buff *skb, unsigned int left)
{
	unsigned int i;

	for (i = 0; left; i++) {
		unsigned int n = min_t(unsigned int, left, HVB_PIECE);

		get_page(hvb_piece[i]);
		skb_add_rx_frag(skb, i, hvb_piece[i], 0, n, n);
		left -= n;
	}
}

static void hvb_ask_to_cut(struct sk_buff *skb, const struct hvb_send *s)
{
	unsigned int payload = s->len - HVB_HEADERS_TCP;

	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	if (payload <= s->mss)
		return;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	skb_shinfo(skb)->gso_size = s->mss;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(payload, s->mss);
}

static struct sk_buff *hvb_frame(struct net_device *dev,
				 const struct hvb_headers *h,
				 const struct hvb_send *s)
{
	unsigned int header_len = hvb_header_len(s);
	struct sk_buff *skb;

	skb = netdev_alloc_skb_ip_align(dev, HVB_LINEAR_MAX);
	if (!skb)
		return NULL;
	skb_put_data(skb, h, header_len);
	if (s->len <= HVB_LINEAR_MAX)
		skb_put(skb, s->len - header_len);
	else
		hvb_add_payload(skb, s->len - header_len);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, ETH_HLEN + sizeof(struct iphdr));
	skb->protocol = htons(ETH_P_IP);
	if (s->mss)
		hvb_ask_to_cut(skb, s);
	return skb;
}

static void hvb_send_one(struct sk_buff *skb)
{
	dev_queue_xmit(skb);
}

static void hvb_receive_one(struct sk_buff *skb)
{
	skb->protocol = eth_type_trans(skb, skb->dev);
	netif_receive_skb(skb);
}

static int hvb_check(const struct hvb_send *s)
{
	if (s->kind != HVB_UDP && s->kind != HVB_TCP)
		return -EINVAL;
	if (s->len < hvb_header_len(s) || s->len > HVB_LEN_MAX)
		return -EINVAL;
	if (s->mss && s->kind != HVB_TCP)
		return -EINVAL;
	return s->len > HVB_LINEAR_MAX && !s->mss ? -EINVAL : 0;
}

static int hvb_generate(void __user *arg, void (*give)(struct sk_buff *skb))
{
	struct hvb_headers headers;
	struct net_device *dev;
	struct sk_buff *skb;
	struct hvb_send s;
	u32 i;
	int err;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	err = hvb_check(&s);
	if (err)
		return err;
	dev = dev_get_by_index(current->nsproxy->net_ns, s.ifindex);
	if (!dev)
		return -ENODEV;
	hvb_make_headers(&headers, &s);
	local_bh_disable();
	for (i = 0; !err && i < s.count; i++) {
		skb = hvb_frame(dev, &headers, &s);
		if (skb)
			give(skb);
		else
			err = -ENOMEM;
	}
	local_bh_enable();
	dev_put(dev);
	return err;
}

/* The floor. */

static int hvb_memcpy(void __user *arg)
{
	struct hvb_work work;
	void *from, *to;
	int err = -ENOMEM;
	u32 i;

	if (copy_from_user(&work, arg, sizeof(work)))
		return -EFAULT;
	if (work.len > HVB_LEN_MAX)
		return -EINVAL;
	from = vzalloc(HVB_LEN_MAX);
	to = vzalloc(HVB_LEN_MAX);
	if (!from || !to)
		goto out;
	for (i = 0; i < work.count; i++) {
		memcpy(to, from, work.len);
		/* Each copy counts, although nobody looks at it. */
		barrier_data(to);
	}
	err = 0;
out:
	vfree(from);
	vfree(to);
	return err;
}

/* The device node. */

static long hvb_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case HVB_SET_SINK:
		return hvb_set_sink(file, user);
	case HVB_GET_SEEN:
		return hvb_get_seen(user);
	case HVB_SEND:
		return hvb_generate(user, hvb_send_one);
	case HVB_RECEIVE:
		return hvb_generate(user, hvb_receive_one);
	case HVB_MEMCPY:
		return hvb_memcpy(user);
	default:
		return -ENOTTY;
	}
}

static int hvb_release(struct inode *inode, struct file *file)
{
	struct hvb_drain *drain, *next;

	rtnl_lock();
	list_for_each_entry_safe(drain, next, &hvb_drains, node)
		if (drain->file == file)
			hvb_drain_del(drain);
	rtnl_unlock();
	return 0;
}

static const struct file_operations hvb_fops = {
	.owner = THIS_MODULE,
	.release = hvb_release,
	.unlocked_ioctl = hvb_ioctl,
};

static struct miscdevice hvb_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvbench",
	.fops = &hvb_fops,
};

static void hvb_free_pieces(void)
{
	unsigned int i;

	for (i = 0; i < HVB_PIECES; i++)
		if (hvb_piece[i])
			put_page(hvb_piece[i]);
}

static int __init hvb_init(void)
{
	unsigned int i;
	int err = -ENOMEM;

	for (i = 0; i < HVB_PIECES; i++) {
		hvb_piece[i] = alloc_pages(GFP_KERNEL | __GFP_COMP |
					   __GFP_ZERO, HVB_PIECE_ORDER);
		if (!hvb_piece[i])
			goto free;
	}
	err = register_netdevice_notifier(&hvb_netdev_notifier);
	if (err)
		goto free;
	err = misc_register(&hvb_misc);
	if (err)
		goto notifier;
	return 0;

notifier:
	unregister_netdevice_notifier(&hvb_netdev_notifier);
free:
	hvb_free_pieces();
	return err;
}

static void __exit hvb_exit(void)
{
	misc_deregister(&hvb_misc);
	unregister_netdevice_notifier(&hvb_netdev_notifier);
	hvb_free_pieces();
}

module_init(hvb_init);
module_exit(hvb_exit);

MODULE_DESCRIPTION("Benchmark of hvisor_vnet: where frames come from and end");
MODULE_LICENSE("GPL");
