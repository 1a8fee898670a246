/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels this module builds on, and nothing else.
 * The rest of the code is written for the newest interface; what an older kernel
 * lacks is made up for here.  A kernel's version does not say what it has, as
 * vendors and stable releases port back: it is asked, by compat_probe.c.
 * Included last of the kernel's headers, and including none of networking's: the
 * page's code does without.
 */
#ifndef HVNET_COMPAT_H
#define HVNET_COMPAT_H

#include <linux/hardirq.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>

#include "compat_probed.h"

#if !HVNET_HAVE_MAC_PTON
#include <linux/hex.h>
#endif

#ifndef in_hardirq			/* before 5.11 */
#define in_hardirq()	in_irq()
#endif

#ifndef IRQ_WORK_INIT_HARD		/* before 5.11 */
#define IRQ_WORK_INIT_HARD(fn)	((struct irq_work){			\
	.flags = ATOMIC_INIT(IRQ_WORK_HARD_IRQ), .func = (fn) })
#endif

#if !HVNET_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

#if !HVNET_HAVE_SYSTEM_DFL_WQ
#define system_dfl_wq		system_unbound_wq
#define system_percpu_wq	system_wq
#endif

#if !HVNET_HAVE_NAPI_ADD_OF_THREE
#define netif_napi_add(dev, napi, poll) \
	netif_napi_add(dev, napi, poll, NAPI_POLL_WEIGHT)
#endif

#if !HVNET_HAVE_SW_IRQ_COALESCE
#define netdev_sw_irq_coalesce_default_on(dev) do {			\
	struct net_device *_dev = (dev);				\
									\
	if (!IS_ENABLED(CONFIG_PREEMPT_RT)) {				\
		_dev->gro_flush_timeout = 20 * NSEC_PER_USEC;		\
		_dev->napi_defer_hard_irqs = 1;				\
	}								\
} while (0)
#endif

#if !HVNET_HAVE_ETH_HW_ADDR_SET
#define eth_hw_addr_set(dev, addr)	ether_addr_copy((dev)->dev_addr, addr)
#endif

/* What ethtool's coalescing operations are given beside the device. */
#if !HVNET_HAVE_KERNEL_COALESCE
#define hvnet_coalesce_args	struct ethtool_coalesce *c
#define hvnet_coalesce_extack	NULL
#else
#define hvnet_coalesce_args	struct ethtool_coalesce *c,		\
				struct kernel_ethtool_coalesce *kernel_c, \
				struct netlink_ext_ack *extack
#define hvnet_coalesce_extack	extack
#endif

/* __assign_str() has one argument or two; this is what it does. */
static inline void hvnet_copy_str(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

#define hvnet_assign_str(to, from)	hvnet_copy_str(__get_str(to), from)

/* Likewise for the size of rings. */
#if !HVNET_HAVE_KERNEL_RINGPARAM
#define hvnet_ringparam_args	struct ethtool_ringparam *ring
#define hvnet_ringparam_extack	NULL
#else
#define hvnet_ringparam_args	struct ethtool_ringparam *ring,		\
				struct kernel_ethtool_ringparam *kernel_ring, \
				struct netlink_ext_ack *extack
#define hvnet_ringparam_extack	extack
#endif

#if HVNET_HAVE_CONST_BUS
#define hvnet_bus_arg	const struct bus_type
#else
#define hvnet_bus_arg	struct bus_type
#endif

/* Only newer ones can name an attribute that is missing. */
#ifdef NL_SET_ERR_ATTR_MISS		/* since 6.1 */
#define hvnet_nl_set_missing(extack, type) \
	NL_SET_ERR_ATTR_MISS(extack, NULL, type)
#else
#define hvnet_nl_set_missing(extack, type)	((void)(type))
#endif

#if HVNET_HAVE_DUMP_INFO
#define hvnet_dump_attrs(cb)	(genl_dumpit_info(cb)->info.attrs)
#else
#define hvnet_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#endif

#if HVNET_HAVE_EVENTFD_SIGNAL_OF_ONE
#define hvnet_eventfd_signal(ctx)	eventfd_signal(ctx)
#else
#define hvnet_eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

#if HVNET_HAVE_LONG_MAC_ADDRESS
#define hvnet_dev_set_mac_address(dev, addr) \
	dev_set_mac_address(dev, addr, NULL)
#else
#define hvnet_dev_set_mac_address(dev, addr) \
	dev_set_mac_address(dev, (struct sockaddr *)(addr), NULL)
#endif

#endif /* HVNET_COMPAT_H */
