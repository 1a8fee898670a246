// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows and changes of the root-side interface.  Its "rx" is what
 * the guest transmits, but for the statistics of -S, which have the names, and
 * the point of view, that they have in sysfs.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/netdevice.h>

#include "compat.h"
#include "counters.h"
#include "hvisor_vnet.h"
#include "mmio.h"

static void hvnet_get_drvinfo(struct net_device *netdev,
			      struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, dev_name(&hvnet_nic_dev(netdev)->dev),
		sizeof(info->bus_info));
}

/* What the guest is told, too. */
static int hvnet_get_link_ksettings(struct net_device *netdev,
				    struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_10000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static int hvnet_get_coalesce(struct net_device *netdev, hvnet_coalesce_args)
{
	struct hvnet_coalescing now;

	hvnet_nic_get_coalescing(netdev, &now);
	c->rx_coalesce_usecs = now.tx.usecs;
	c->rx_max_coalesced_frames = now.tx.frames;
	c->tx_coalesce_usecs = now.rx.usecs;
	c->tx_max_coalesced_frames = now.rx.frames;
	c->use_adaptive_tx_coalesce = now.rx_adaptive;
	return 0;
}

static int hvnet_set_coalesce(struct net_device *netdev, hvnet_coalesce_args)
{
	const struct hvnet_coalescing wanted = {
		.tx = { c->rx_coalesce_usecs, c->rx_max_coalesced_frames },
		.rx = { c->tx_coalesce_usecs, c->tx_max_coalesced_frames },
		.rx_adaptive = c->use_adaptive_tx_coalesce,
	};
	struct hvnet_reason why;
	int err;

	err = hvnet_coalescing_check(&wanted, &why);
	if (err) {
		NL_SET_ERR_MSG(hvnet_coalesce_extack, HVNET_COALESCE_BOUNDS);
		return err;
	}
	hvnet_nic_set_coalescing(netdev, &wanted);
	return 0;
}

/* What the guest's driver has chosen, and the most that it was offered. */
static void hvnet_get_ringparam(struct net_device *netdev, hvnet_ringparam_args)
{
	const struct hvnet_mmio *m = &hvnet_nic_dev(netdev)->mmio;

	ring->rx_max_pending = m->queue_max;
	ring->tx_max_pending = m->queue_max;
	ring->rx_pending = READ_ONCE(m->queue[HVNET_QUEUE_TX].setup.num);
	ring->tx_pending = READ_ONCE(m->queue[HVNET_QUEUE_RX].setup.num);
}

static int hvnet_set_ringparam(struct net_device *netdev, hvnet_ringparam_args)
{
	NL_SET_ERR_MSG(hvnet_ringparam_extack,
		       "the guest's driver chooses the size of its queues");
	return -EOPNOTSUPP;
}

/* Statistics: those of a queue pair have its number before their name. */

static int hvnet_get_sset_count(struct net_device *netdev, int set)
{
	unsigned int i, n = 0;

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	for (i = 0; i < HVNET_DEV_COUNTERS; i++)
		n += !!hvnet_dev_counters[i].name;
	return n;
}

static void hvnet_get_strings(struct net_device *netdev, u32 set, u8 *data)
{
	unsigned int i;

	for (i = 0; i < HVNET_DEV_COUNTERS; i++) {
		const struct hvnet_counter *c = &hvnet_dev_counters[i];

		if (!c->name)
			continue;
		snprintf(data, ETH_GSTRING_LEN, "%s%s",
			 c->of_queues ? "q0_" : "", c->name);
		data += ETH_GSTRING_LEN;
	}
}

static void hvnet_get_ethtool_stats(struct net_device *netdev,
				    struct ethtool_stats *stats, u64 *data)
{
	const struct hvnet_dev *dev = hvnet_nic_dev(netdev);
	unsigned int i;

	for (i = 0; i < HVNET_DEV_COUNTERS; i++) {
		const struct hvnet_counter *c = &hvnet_dev_counters[i];

		if (c->name)
			*data++ = c->read(dev, c->which);
	}
}

const struct ethtool_ops hvnet_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_USECS |
				     ETHTOOL_COALESCE_MAX_FRAMES |
				     ETHTOOL_COALESCE_USE_ADAPTIVE_TX,
	.get_drvinfo = hvnet_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = hvnet_get_link_ksettings,
	.get_coalesce = hvnet_get_coalesce,
	.set_coalesce = hvnet_set_coalesce,
	.get_ringparam = hvnet_get_ringparam,
	.set_ringparam = hvnet_set_ringparam,
	.get_sset_count = hvnet_get_sset_count,
	.get_strings = hvnet_get_strings,
	.get_ethtool_stats = hvnet_get_ethtool_stats,
};
