// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel may have and may not: a function of questions, each of which
 * the kernel answers by compiling it or not.  compat_probe.sh compiles all of
 * them at once, into nothing, and writes of each its name, in capitals, to
 * compat_probed.h, which compat.h includes; nobody else looks at them.  So a
 * kernel to which something was back-ported is known by what it has.  No part
 * of the module.
 *
 * A question is whether there is an error in its lines, from that on which
 * begins with its name.  Warnings are none.  It is named for what a kernel has
 * that says yes.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/if_tun.h>
#include <linux/netdevice.h>
#include <linux/virtio_net.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

/* 6.13 */
static void __maybe_unused
hvnet_have_hrtimer_setup(struct hrtimer *timer,
			 enum hrtimer_restart (*fn)(struct hrtimer *))
{
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}

/* 6.17: the newest complain about the other names. */
static void __maybe_unused
hvnet_have_system_dfl_wq(struct work_struct *work)
{
	queue_work(system_dfl_wq, work);
	queue_work(system_percpu_wq, work);
}

/* 6.1: it has no weight. */
static void __maybe_unused
hvnet_have_napi_add_of_three(struct net_device *dev, struct napi_struct *napi,
			     int (*poll)(struct napi_struct *, int))
{
	netif_napi_add(dev, napi, poll);
}

/* 6.2 */
static void __maybe_unused
hvnet_have_sw_irq_coalesce(struct net_device *dev)
{
	netdev_sw_irq_coalesce_default_on(dev);
}

/* 5.15 */
static void __maybe_unused
hvnet_have_eth_hw_addr_set(struct net_device *dev, const u8 *addr)
{
	eth_hw_addr_set(dev, addr);
}

/* 5.15: what is coalesced has more arguments. */
static void __maybe_unused
hvnet_have_kernel_coalesce(int (*get)(struct net_device *, struct ethtool_coalesce *,
				      struct kernel_ethtool_coalesce *,
				      struct netlink_ext_ack *))
{
	const struct ethtool_ops ops = { .get_coalesce = get };

	(void)ops;
}

/* 5.17: and so has the size of rings. */
static void __maybe_unused
hvnet_have_kernel_ringparam(void (*get)(struct net_device *, struct ethtool_ringparam *,
					struct kernel_ethtool_ringparam *,
					struct netlink_ext_ack *))
{
	const struct ethtool_ops ops = { .get_ringparam = get };

	(void)ops;
}

/* 6.4: files of a bus are not given one to write to. */
static void __maybe_unused
hvnet_have_const_bus(struct bus_attribute *attr,
		     ssize_t (*show)(const struct bus_type *, char *))
{
	attr->show = show;
}

/* 6.6: what a dump was asked is where a request's is. */
static void __maybe_unused
hvnet_have_dump_info(struct netlink_callback *cb, struct nlattr ***attrs)
{
	*attrs = genl_dumpit_info(cb)->info.attrs;
}

/* 6.8: it signals once, without being told so. */
static void __maybe_unused
hvnet_have_eventfd_signal_of_one(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}

/* Not in 7.2: it is in linux/hex.h, of which no other header makes use there. */
static void __maybe_unused
hvnet_have_mac_pton(const char *text, u8 *addr)
{
	mac_pton(text, addr);
}

/* 6.16: the address has room for long ones. */
static void __maybe_unused
hvnet_have_long_mac_address(struct net_device *dev,
			    struct sockaddr_storage *addr)
{
	dev_set_mac_address(dev, addr, NULL);
}

/*
 * 6.2: the helpers for headers know UDP segments, and the stack checks them.
 * Neither is seen in a declaration, but the tun of a kernel that lacks one
 * would be broken by offering them, and so does not name them.
 */
static void __maybe_unused
hvnet_have_uso(struct virtio_net_hdr *hdr, unsigned int *offloads)
{
	hdr->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	*offloads = TUN_F_USO4 | TUN_F_USO6;
}
