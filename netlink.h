/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The netlink family as the rest of the module sees it: what happens is told
 * here, by the number of the notification, and goes to whoever listens.  See
 * Documentation/netlink/specs/hvisor_vnet.yaml.
 */
#ifndef HVNET_NETLINK_H
#define HVNET_NETLINK_H

#include <linux/types.h>

#include "hvisor_vnet_netlink.h"

struct hvnet_breakage;
struct hvnet_dev;
struct hvnet_zone;

int hvnet_netlink_init(void);
void hvnet_netlink_exit(void);

void hvnet_tell_hv(u8 cmd);
void hvnet_tell_zone(const struct hvnet_zone *zone, u8 cmd);
void hvnet_tell_dev(const struct hvnet_dev *dev, u8 cmd);
void hvnet_tell_broken(const struct hvnet_dev *dev,
		       const struct hvnet_breakage *broken);
void hvnet_tell_stall(const struct hvnet_dev *dev,
		      enum hvisor_vnet_stall stall);

#endif /* HVNET_NETLINK_H */
