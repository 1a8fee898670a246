/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control virtqueue of a network device (virtio 1.2, section 5.1.6.5), and
 * the filter of received frames that it sets: types and functions of ctrl.c.
 * Pure: the caller serialises all calls for one device.
 */
#ifndef HVNET_CTRL_H
#define HVNET_CTRL_H

#include <linux/if_ether.h>
#include <linux/types.h>

#include "ring.h"

#define HVNET_FILTER_MACS	64	/* more than that: all pass */
#define HVNET_FILTER_VLANS	4096

/**
 * struct hvnet_macs - addresses that a guest listens to
 * @all: to all of their kind
 * @n: how many there are
 * @mac: the addresses
 */
struct hvnet_macs {
	bool all;
	u16 n;
	u8 mac[HVNET_FILTER_MACS][ETH_ALEN];
};

/**
 * struct hvnet_filter - which frames a guest wants to receive
 * @promisc: all there are
 * @allmulti: all with a group address
 * @any_unicast: all others, too: we may not know the guest's own address
 * @any_vlan: whatever their VLAN
 * @mac: the guest's own address
 * @uni: further addresses of its own
 * @multi: groups that it listens to
 * @vlan: VLANs it listens to, a bit each
 */
struct hvnet_filter {
	bool promisc;
	bool allmulti;
	bool any_unicast;
	bool any_vlan;
	u8 mac[ETH_ALEN];
	struct hvnet_macs uni;
	struct hvnet_macs multi;
	u32 vlan[HVNET_FILTER_VLANS / 32];
};

/* What a request has changed. */
#define HVNET_CTRL_FILTER	1	/* hvnet_ctrl.filter */
#define HVNET_CTRL_MAC		2	/* hvnet_ctrl.filter.mac */
#define HVNET_CTRL_OFFLOADS	4	/* hvnet_ctrl.offloads */

/**
 * struct hvnet_ctrl - a control virtqueue, and what was ordered through it
 * @ring: the queue
 * @chain: the request being served
 * @features: what was negotiated; 0 between two drivers
 * @offloads: offloads for received frames that are in force
 * @filter: received frames that are wanted
 * @macs: a table that is being read
 * @requests: how many were served
 * @errors: how many of them were refused
 */
struct hvnet_ctrl {
	struct hvnet_ring ring;
	struct hvnet_chain chain;
	u64 features;
	u64 offloads;
	struct hvnet_filter filter;
	struct hvnet_macs macs[2];
	u64 requests;
	u64 errors;
};

void hvnet_ctrl_begin(struct hvnet_ctrl *ctrl, u64 features, const u8 *mac);
int hvnet_ctrl_serve(struct hvnet_ctrl *ctrl, unsigned int *changed);
bool hvnet_filter_passes(const struct hvnet_filter *filter, const u8 *to,
			 u16 vid);

#endif /* HVNET_CTRL_H */
