// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root-side interface as rtnetlink sees it: of a kind of its own, with what
 * it is to whom ("ip -d link"), and removed like any other ("ip link del").
 * Only who has a guest to give one to makes one: see sysfs.c and netlink.c.
 */
#include <linux/netdevice.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "hvisor_vnet.h"
#include "hvisor_vnet_netlink.h"

static size_t hvnet_link_size(const struct net_device *netdev)
{
	return nla_total_size(sizeof(u32)) +		/* ZONE */
	       nla_total_size_64bit(sizeof(u64)) +	/* ADDRESS */
	       nla_total_size_64bit(sizeof(u64)) +	/* LENGTH */
	       nla_total_size(sizeof(u32)) +		/* IRQ */
	       nla_total_size(sizeof(u32));		/* STATUS */
}

static int hvnet_link_fill(struct sk_buff *skb, const struct net_device *netdev)
{
	const struct hvnet_dev *dev = hvnet_nic_dev(netdev);
	const int pad = HVISOR_VNET_A_DEV_PAD;

	return nla_put_u32(skb, HVISOR_VNET_A_DEV_ZONE, dev->zone->id) ||
	       nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_ADDRESS, dev->addr,
				 pad) ||
	       nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_LENGTH, dev->len, pad) ||
	       nla_put_u32(skb, HVISOR_VNET_A_DEV_IRQ, dev->line.irq) ||
	       nla_put_u32(skb, HVISOR_VNET_A_DEV_STATUS,
			   READ_ONCE(dev->mmio.status)) ? -EMSGSIZE : 0;
}

/* The device goes with its interface, but later: see hvnet_dev_unplug(). */
static void hvnet_link_del(struct net_device *netdev, struct list_head *head)
{
	hvnet_dev_unplug(hvnet_nic_dev(netdev));
	unregister_netdevice_queue(netdev, head);
}

struct rtnl_link_ops hvnet_link_ops __read_mostly = {
	.kind = "hvisor_vnet",
	/* A guest's NIC outlives the namespace that it was put in. */
	.netns_refund = true,
	.get_size = hvnet_link_size,
	.fill_info = hvnet_link_fill,
	.dellink = hvnet_link_del,
};
