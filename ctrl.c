// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control virtqueue of a network device (virtio 1.2, section 5.1.6.5): what
 * a guest asks for is read, checked, remembered and acknowledged here, and the
 * filter that comes of it is applied to a frame.  Who serves the queue and when,
 * and what else follows from a change, is tap_bridge.c's business.  The file
 * builds unchanged in user space, see selftests/unit.
 *
 * The guest is not trusted: each field is read once into private memory, and a
 * request is obeyed wholly or, acknowledged with VIRTIO_NET_ERR, not at all.
 */
#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_net.h>

#include "ctrl.h"
#include "offload.h"

static bool has(const struct hvnet_ctrl *ctrl, unsigned int bit)
{
	return ctrl->features & HVNET_BIT(bit);
}

/* Read @len bytes at @at of the request; false if it ends before. */
static bool take(const struct hvnet_ctrl *ctrl, u64 at, void *to, size_t len)
{
	return hvnet_ring_copy_out(&ctrl->chain, at, to, len) == len;
}

/* What follows the header is exactly this long. */
static bool take_all(const struct hvnet_ctrl *ctrl, void *to, size_t len)
{
	const size_t hdr = sizeof(struct virtio_net_ctrl_hdr);

	return ctrl->chain.out_len == hdr + len && take(ctrl, hdr, to, len);
}

static bool is_group(const u8 *mac)
{
	return mac[0] & 1;
}

static bool same(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, ETH_ALEN);
}

/* The requests: each returns whether it was obeyed. */

static bool set_rx_mode(struct hvnet_ctrl *ctrl, u8 cmd, unsigned int *changed)
{
	u8 on;

	if (!has(ctrl, VIRTIO_NET_F_CTRL_RX) || !take_all(ctrl, &on, sizeof(on)))
		return false;
	if (cmd == VIRTIO_NET_CTRL_RX_PROMISC)
		ctrl->filter.promisc = on;
	else if (cmd == VIRTIO_NET_CTRL_RX_ALLMULTI)
		ctrl->filter.allmulti = on;
	else
		return false;
	*changed |= HVNET_CTRL_FILTER;
	return true;
}

/* A table: how many addresses, and these. @at moves to where it ends. */
static bool take_macs(const struct hvnet_ctrl *ctrl, u64 *at,
		      struct hvnet_macs *macs)
{
	__virtio32 count;
	u64 first;
	u32 n;

	if (!take(ctrl, *at, &count, sizeof(count)))
		return false;
	n = __virtio32_to_cpu(true, count);
	first = *at + sizeof(count);
	*at = first + (u64)n * ETH_ALEN;
	macs->all = n > HVNET_FILTER_MACS;
	macs->n = macs->all ? 0 : n;
	return take(ctrl, first, macs->mac, macs->n * ETH_ALEN);
}

static bool set_macs(struct hvnet_ctrl *ctrl, unsigned int *changed)
{
	u64 at = sizeof(struct virtio_net_ctrl_hdr);

	if (!has(ctrl, VIRTIO_NET_F_CTRL_RX) ||
	    !take_macs(ctrl, &at, &ctrl->macs[0]) ||
	    !take_macs(ctrl, &at, &ctrl->macs[1]) || at != ctrl->chain.out_len)
		return false;
	ctrl->filter.uni = ctrl->macs[0];
	ctrl->filter.multi = ctrl->macs[1];
	*changed |= HVNET_CTRL_FILTER;
	return true;
}

static bool set_mac(struct hvnet_ctrl *ctrl, unsigned int *changed)
{
	static const u8 none[ETH_ALEN];
	u8 mac[ETH_ALEN];

	if (!has(ctrl, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !take_all(ctrl, mac, sizeof(mac)))
		return false;
	if (is_group(mac) || same(mac, none))
		return false;
	memcpy(ctrl->filter.mac, mac, sizeof(mac));
	*changed |= HVNET_CTRL_FILTER | HVNET_CTRL_MAC;
	return true;
}

static bool set_vlan(struct hvnet_ctrl *ctrl, u8 cmd, unsigned int *changed)
{
	__virtio16 raw;
	u16 vid;

	if (!has(ctrl, VIRTIO_NET_F_CTRL_VLAN) ||
	    !take_all(ctrl, &raw, sizeof(raw)))
		return false;
	vid = __virtio16_to_cpu(true, raw);
	if (vid >= HVNET_FILTER_VLANS)
		return false;
	if (cmd == VIRTIO_NET_CTRL_VLAN_ADD)
		ctrl->filter.vlan[vid / 32] |= 1U << vid % 32;
	else if (cmd == VIRTIO_NET_CTRL_VLAN_DEL)
		ctrl->filter.vlan[vid / 32] &= ~(1U << vid % 32);
	else
		return false;
	*changed |= HVNET_CTRL_FILTER;
	return true;
}

/* Of those that were negotiated, any (5.1.6.5.6.2). */
static bool set_offloads(struct hvnet_ctrl *ctrl, u8 cmd, unsigned int *changed)
{
	const u64 all = HVNET_OFFLOADS_RX | HVNET_OFFLOADS_RX_USO;
	__virtio64 raw;
	u64 wanted;

	if (!has(ctrl, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    cmd != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET ||
	    !take_all(ctrl, &raw, sizeof(raw)))
		return false;
	wanted = __virtio64_to_cpu(true, raw);
	if (wanted & ~(ctrl->features & all))
		return false;
	ctrl->offloads = wanted;
	*changed |= HVNET_CTRL_OFFLOADS;
	return true;
}

static bool obey(struct hvnet_ctrl *ctrl, unsigned int *changed)
{
	struct virtio_net_ctrl_hdr hdr;

	if (!take(ctrl, 0, &hdr, sizeof(hdr)))
		return false;
	switch (hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		return set_rx_mode(ctrl, hdr.cmd, changed);
	case VIRTIO_NET_CTRL_MAC:
		if (hdr.cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET)
			return set_macs(ctrl, changed);
		return hdr.cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET &&
		       set_mac(ctrl, changed);
	case VIRTIO_NET_CTRL_VLAN:
		return set_vlan(ctrl, hdr.cmd, changed);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return set_offloads(ctrl, hdr.cmd, changed);
	default:
		return false;
	}
}

/**
 * hvnet_ctrl_begin - a driver begins: what the one before ordered is forgotten
 * @ctrl: the control queue; its ring is not touched
 * @features: what was negotiated
 * @mac: the device's address
 *
 * All frames pass until the driver says otherwise: it need not ever.
 *
 * Context: any; serialised by the caller.
 */
void hvnet_ctrl_begin(struct hvnet_ctrl *ctrl, u64 features, const u8 *mac)
{
	struct hvnet_filter *filter = &ctrl->filter;

	ctrl->features = features;
	ctrl->offloads = features & (HVNET_OFFLOADS_RX | HVNET_OFFLOADS_RX_USO);
	memset(filter, 0, sizeof(*filter));
	filter->promisc = true;
	/* One that was not told its address, or cannot tell a new one. */
	filter->any_unicast = !has(ctrl, VIRTIO_NET_F_MAC) ||
			      !has(ctrl, VIRTIO_NET_F_CTRL_MAC_ADDR);
	filter->any_vlan = !has(ctrl, VIRTIO_NET_F_CTRL_VLAN);
	memcpy(filter->mac, mac, ETH_ALEN);
}

/**
 * hvnet_ctrl_serve - serve the next request
 * @ctrl: the control queue
 * @changed: HVNET_CTRL_* bits of what was changed are set in it
 *
 * The driver sees that it was served after hvnet_ring_publish(): what follows
 * from a change has to be done before.
 *
 * Context: any; serialised by the caller.
 * Return: 1, 0 if there is none, or -EPROTO if the ring is broken.
 */
int hvnet_ctrl_serve(struct hvnet_ctrl *ctrl, unsigned int *changed)
{
	const struct hvnet_chain *chain = &ctrl->chain;
	u8 ack = VIRTIO_NET_OK;
	int got;

	got = hvnet_ring_fetch(&ctrl->ring, &ctrl->chain);
	if (got <= 0)
		return got;
	ctrl->requests++;
	/* Without room for an answer it cannot be a request. */
	if (!chain->n_in) {
		ctrl->errors++;
		hvnet_ring_used(&ctrl->ring, chain->head, 0);
		return 1;
	}
	if (!obey(ctrl, changed)) {
		ack = VIRTIO_NET_ERR;
		ctrl->errors++;
	}
	hvnet_ring_copy_in(chain, 0, &ack, sizeof(ack));
	hvnet_ring_used(&ctrl->ring, chain->head, sizeof(ack));
	return 1;
}

static bool listed(const struct hvnet_macs *macs, const u8 *mac)
{
	u16 i;

	for (i = 0; i < macs->n; i++)
		if (same(macs->mac[i], mac))
			return true;
	return macs->all;
}

/**
 * hvnet_filter_passes - does the guest want this frame?
 * @filter: its filter
 * @to: the frame's destination
 * @vid: the frame's VLAN, 0 if it has none
 *
 * Context: any; serialised against changes by the caller.
 */
bool hvnet_filter_passes(const struct hvnet_filter *filter, const u8 *to,
			 u16 vid)
{
	static const u8 all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (filter->promisc)
		return true;
	if (vid && !filter->any_vlan &&
	    !(filter->vlan[vid / 32] & 1U << vid % 32))
		return false;
	if (is_group(to))
		return filter->allmulti || same(to, all) ||
		       listed(&filter->multi, to);
	return filter->any_unicast || same(to, filter->mac) ||
	       listed(&filter->uni, to);
}
