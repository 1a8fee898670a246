/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernel versions this module builds on, and
 * nothing else.  The rest of the code is written for the newest interface; what
 * an older kernel lacks is made up for here.  Included last of the kernel's
 * headers, and including none of networking's: the page's code does without.
 */
#ifndef HVNET_COMPAT_H
#define HVNET_COMPAT_H

#include <linux/hardirq.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/version.h>

#ifndef in_hardirq			/* before 5.11 */
#define in_hardirq()	in_irq()
#endif

#ifndef IRQ_WORK_INIT_HARD		/* before 5.11 */
#define IRQ_WORK_INIT_HARD(fn)	((struct irq_work){			\
	.flags = ATOMIC_INIT(IRQ_WORK_HARD_IRQ), .func = (fn) })
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#define netif_napi_add(dev, napi, poll) \
	netif_napi_add(dev, napi, poll, NAPI_POLL_WEIGHT)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#define eth_hw_addr_set(dev, addr)	ether_addr_copy((dev)->dev_addr, addr)
#endif

/* What ethtool's coalescing operations are given beside the device. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
#define hvnet_coalesce_args	struct ethtool_coalesce *c
#define hvnet_coalesce_extack	NULL
#else
#define hvnet_coalesce_args	struct ethtool_coalesce *c,		\
				struct kernel_ethtool_coalesce *kernel_c, \
				struct netlink_ext_ack *extack
#define hvnet_coalesce_extack	extack
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define hvnet_assign_str(to, from)	__assign_str(to, from)
#else
#define hvnet_assign_str(to, from)	__assign_str(to)
#endif

/* Likewise for the size of rings. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define hvnet_ringparam_args	struct ethtool_ringparam *ring
#define hvnet_ringparam_extack	NULL
#else
#define hvnet_ringparam_args	struct ethtool_ringparam *ring,		\
				struct kernel_ethtool_ringparam *kernel_ring, \
				struct netlink_ext_ack *extack
#define hvnet_ringparam_extack	extack
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define hvnet_bus_arg	struct bus_type
#else
#define hvnet_bus_arg	const struct bus_type
#endif

/* Only newer ones can name an attribute that is missing. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#define hvnet_nl_set_missing(extack, type)	((void)(type))
#else
#define hvnet_nl_set_missing(extack, type) \
	NL_SET_ERR_ATTR_MISS(extack, NULL, type)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define hvnet_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#else
#define hvnet_dump_attrs(cb)	(genl_dumpit_info(cb)->info.attrs)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define hvnet_eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#else
#define hvnet_eventfd_signal(ctx)	eventfd_signal(ctx)
#endif

/* Since 6.2 the header helpers know UDP segments, and check them. */
#define HVNET_HAVE_USO	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0))

#endif /* HVNET_COMPAT_H */
