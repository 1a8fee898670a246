// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator may ask of a device: what it is like if he does not
 * say, and what it may be like if he does.  Whether there is room for it in its
 * zone is decided in hvisor_vnet.c.
 */
#include <linux/cpumask.h>
#include <linux/etherdevice.h>
#include <linux/log2.h>
#include <linux/virtio_net.h>

#include "compat.h"
#include "hvisor_vnet.h"
#include "offload.h"

/*
 * What a guest is told late: that its frames have been taken, in usecs or by the
 * time there are so many of them. A lone frame mostly brings an answer sooner,
 * whose interrupt then serves for both. Of frames for it a guest is told at once.
 */
#define HVNET_TAKEN_USECS	50
#define HVNET_TAKEN_FRAMES	8

/* All that this kernel can do. */
#define HVNET_FEATURES							\
	(BIT_ULL(VIRTIO_F_VERSION_1) |					\
	 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |				\
	 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |				\
	 BIT_ULL(VIRTIO_NET_F_MAC) |					\
	 BIT_ULL(VIRTIO_NET_F_STATUS) |					\
	 BIT_ULL(VIRTIO_NET_F_MTU) |					\
	 BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |				\
	 BIT_ULL(VIRTIO_NET_F_SPEED_DUPLEX) |				\
	 BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |				\
	 BIT_ULL(VIRTIO_NET_F_CTRL_RX) |				\
	 BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) |				\
	 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |				\
	 BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |			\
	 HVNET_OFFLOADS_TX | HVNET_OFFLOADS_RX |			\
	 (HVNET_HAVE_USO ? HVNET_OFFLOADS_TX_USO | HVNET_OFFLOADS_RX_USO : 0))

/* Which feature is of no use without which others (virtio 1.2, 5.1.3.1). */
static const struct {
	u64 feature;
	u64 one_of;
} hvnet_feature_needs[] = {
	{ BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
	  HVNET_OFFLOADS_RX_USO, BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_ECN),
	  BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |
	  HVNET_OFFLOADS_TX_USO, BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_ECN),
	  BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_CTRL_RX) | BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) |
	  BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |
	  BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
	  BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
};

/**
 * hvnet_dev_params_init - what a device is like if nobody says otherwise
 * @p: what is asked for
 * @net: network namespace that its interface appears in
 *
 * Context: any.
 */
void hvnet_dev_params_init(struct hvnet_dev_params *p, struct net *net)
{
	*p = (struct hvnet_dev_params) {
		.net = net,
		.addr = HVNET_NO_ADDR,
		.len = HVNET_REGION_MIN,
		.queue_max = HVNET_QUEUE_DEFAULT,
		.mtu = ETH_DATA_LEN,
		.offered = HVNET_FEATURES,
		.coalesce = {
			.tx = { HVNET_TAKEN_USECS, HVNET_TAKEN_FRAMES },
			.rx = { 0, 1 },
			.rx_adaptive = true,
		},
		.cpu = HVNET_NO_CPU,
	};
}

/**
 * hvnet_dev_params_mac - the administrator names an address
 * @p: what is asked for
 * @mac: the address
 * @why: the reason of a refusal
 *
 * Context: any. Return: 0 or a negative errno.
 */
int hvnet_dev_params_mac(struct hvnet_dev_params *p, const u8 *mac,
			 struct hvnet_reason *why)
{
	if (is_zero_ether_addr(mac))
		return hvnet_refuse_field(why, HVNET_FIELD_MAC, -EINVAL,
					  "mac is all zero (leave it out to have one made)");
	ether_addr_copy(p->mac, mac);
	return 0;
}

/**
 * hvnet_dev_params_name - the administrator names an interface
 * @p: what is asked for
 * @name: its name
 * @why: the reason of a refusal
 *
 * Context: any. Return: 0 or a negative errno.
 */
int hvnet_dev_params_name(struct hvnet_dev_params *p, const char *name,
			  struct hvnet_reason *why)
{
	if (!*name || strscpy(p->name, name, sizeof(p->name)) < 0)
		return hvnet_refuse_field(why, HVNET_FIELD_NAME, -EINVAL,
					  "name '%s' is not 1 to %u characters long",
					  name, IFNAMSIZ - 1);
	return 0;
}

static int hvnet_check_offered(u64 offered, struct hvnet_reason *why)
{
	unsigned int i;

	if (offered & ~HVNET_FEATURES)
		return hvnet_refuse_field(why, HVNET_FIELD_OFFERED, -EOPNOTSUPP,
					  "features %#llx cannot be offered",
					  offered & ~HVNET_FEATURES);
	/* Our registers are those of virtio 1 (4.2.2). */
	if (!(offered & BIT_ULL(VIRTIO_F_VERSION_1)))
		return hvnet_refuse_field(why, HVNET_FIELD_OFFERED, -EINVAL,
					  "features %#llx are without VERSION_1, %#llx",
					  offered, BIT_ULL(VIRTIO_F_VERSION_1));
	for (i = 0; i < ARRAY_SIZE(hvnet_feature_needs); i++)
		if ((offered & hvnet_feature_needs[i].feature) &&
		    !(offered & hvnet_feature_needs[i].one_of))
			return hvnet_refuse_field(why, HVNET_FIELD_OFFERED,
						  -EINVAL,
						  "features %#llx need one of %#llx",
						  offered & hvnet_feature_needs[i].feature,
						  hvnet_feature_needs[i].one_of);
	return 0;
}

static bool hvnet_coalesce_ok(const struct hvnet_coalesce *c)
{
	return c->usecs <= HVNET_COALESCE_USECS_MAX && c->frames &&
	       c->frames <= INT_MAX;
}

/**
 * hvnet_coalescing_check - may a guest be told as late as this?
 * @c: when
 * @why: the reason of a refusal
 *
 * Context: any. Return: 0 or -ERANGE.
 */
int hvnet_coalescing_check(const struct hvnet_coalescing *c,
			   struct hvnet_reason *why)
{
	if (hvnet_coalesce_ok(&c->tx) && hvnet_coalesce_ok(&c->rx))
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_COALESCE, -ERANGE,
				  HVNET_COALESCE_BOUNDS);
}

/* While one is offline, frames are worked on where the kick arrives. */
static int hvnet_check_cpu(u32 cpu, struct hvnet_reason *why)
{
	if (cpu == HVNET_NO_CPU || (cpu < nr_cpu_ids && cpu_possible(cpu)))
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_CPU, -EINVAL,
				  "there is no cpu %d", cpu);
}

static int hvnet_check_irq(u32 irq, struct hvnet_reason *why)
{
	if (irq >= HVISOR_IRQ_MIN && irq <= HVISOR_IRQ_MAX)
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_IRQ, -EINVAL,
				  "irq %u is outside %u..%u (it is the interrupt id: on arm64 the SPI number plus 32)",
				  irq, HVISOR_IRQ_MIN, HVISOR_IRQ_MAX);
}

static int hvnet_check_queue(u32 queue_max, struct hvnet_reason *why)
{
	if (is_power_of_2(queue_max) && queue_max <= HVNET_QUEUE_MAX)
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_QUEUE, -EINVAL,
				  "queue %u is no power of two up to %u",
				  queue_max, HVNET_QUEUE_MAX);
}

static int hvnet_check_mtu(u32 mtu, struct hvnet_reason *why)
{
	if (mtu >= HVNET_MTU_MIN && mtu <= HVNET_MTU_MAX)
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_MTU, -EINVAL,
				  "mtu %u is outside %u..%u",
				  mtu, HVNET_MTU_MIN, HVNET_MTU_MAX);
}

static int hvnet_check_mac(const u8 *mac, struct hvnet_reason *why)
{
	if (is_zero_ether_addr(mac) || is_valid_ether_addr(mac))
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_MAC, -EINVAL,
				  "mac %pM is a group address", mac);
}

static int hvnet_check_name(const char *name, struct hvnet_reason *why)
{
	if (!*name || dev_valid_name(name))
		return 0;
	return hvnet_refuse_field(why, HVNET_FIELD_NAME, -EINVAL,
				  "name '%s' cannot name an interface", name);
}

/**
 * hvnet_dev_params_check - may there be a device like this?
 * @p: what is asked for; where it is to be is not looked at
 * @why: the reason of a refusal
 *
 * Context: any. Return: 0 or a negative errno.
 */
int hvnet_dev_params_check(const struct hvnet_dev_params *p,
			   struct hvnet_reason *why)
{
	return hvnet_check_irq(p->irq, why) ?:
	       hvnet_check_queue(p->queue_max, why) ?:
	       hvnet_check_mtu(p->mtu, why) ?:
	       hvnet_check_mac(p->mac, why) ?:
	       hvnet_check_name(p->name, why) ?:
	       hvnet_check_offered(p->offered, why) ?:
	       hvnet_coalescing_check(&p->coalesce, why) ?:
	       hvnet_check_cpu(p->cpu, why);
}
