// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend: the module under test, reached through the simulated hypervisor as
 * every raw test reaches it.  A kick is a write to a register, and an interrupt
 * is acknowledged by a read and a write of registers, as in a guest of hvisor.
 */
#include "ringbench.h"

#define BN_ADDR(i)	(0x0a003600ull + 0x200 * (i))
#define BN_RAM		(64u << 20)

static void bn_module_open(struct rg_zone *z)
{
	rg_zone_add(z, 1, 0, BN_RAM, 0x80000000);
}

static void bn_module_start(struct rg_dev *d, u64 features)
{
	rg_negotiate(d, features & rg_offered(d));
	rg_queue_setup(d, RG_RX, BN_NUM);
	rg_queue_setup(d, RG_TX, BN_NUM);
	rg_driver_ok(d);
	if (!rg_link_wait(d, true))
		rg_die("%s does not come up", d->name);
	/* A listener would get a copy of each frame. */
	close(d->sock);
	d->sock = -1;
}

static void bn_module_add(struct bn_nic *n, struct rg_zone *z)
{
	char name[8];

	snprintf(name, sizeof(name), "tap%u", n->index);
	rg_dev_add(&n->dev, z, BN_ADDR(n->index), RG_IRQ + n->index, name, "");
	n->event = n->dev.event;
	rg_reset(&n->dev);
	bn_module_start(&n->dev, n->backend->features);
}

static void bn_module_kick(struct bn_nic *n, unsigned int queue)
{
	rg_notify(&n->dev.vq[queue]);
}

static void bn_module_acknowledge(struct bn_nic *n)
{
	rg_ack(&n->dev);
}

static void bn_module_del(struct bn_nic *n)
{
	rg_reset(&n->dev);
	rg_dev_del(&n->dev);
}

const struct bn_backend bn_module = {
	.column = "hvisor_vnet",
	.features = RG_FEATURES |
		    RG_BIT(VIRTIO_NET_F_CSUM) |
		    RG_BIT(VIRTIO_NET_F_GUEST_CSUM) |
		    RG_BIT(VIRTIO_NET_F_HOST_TSO4) |
		    RG_BIT(VIRTIO_NET_F_GUEST_TSO4),
	.open = bn_module_open,
	.add = bn_module_add,
	.kick = bn_module_kick,
	.acknowledge = bn_module_acknowledge,
	.del = bn_module_del,
};
