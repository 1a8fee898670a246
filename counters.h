/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that is counted, by name, for those who show it: sysfs.c and
 * netlink.c.  Both tables have netlink's attribute numbers as their index; what has
 * no name there is no counter.
 */
#ifndef HVNET_COUNTERS_H
#define HVNET_COUNTERS_H

#include <linux/types.h>

#include "hvisor_vnet_netlink.h"

struct hvnet_dev;

/**
 * struct hvnet_counter - a number of a device that is counted
 * @name: what it is called
 * @read: tells it, in any context
 * @which: which of those that @read knows
 * @of_queues: each queue pair has its own
 */
struct hvnet_counter {
	const char *name;
	u64 (*read)(const struct hvnet_dev *dev, int which);
	int which;
	bool of_queues;
};

#define HVNET_DEV_COUNTERS	__HVISOR_VNET_A_COUNTERS_MAX
#define HVNET_PAGE_COUNTERS	__HVISOR_VNET_A_HV_COUNTERS_MAX

extern const struct hvnet_counter hvnet_dev_counters[HVNET_DEV_COUNTERS];

/**
 * struct hvnet_page_counter - a number of the page that is counted
 * @name: what it is called
 * @which: an enum hvpage_count
 */
struct hvnet_page_counter {
	const char *name;
	int which;
};

extern const struct hvnet_page_counter hvnet_page_counters[HVNET_PAGE_COUNTERS];

#endif /* HVNET_COUNTERS_H */
