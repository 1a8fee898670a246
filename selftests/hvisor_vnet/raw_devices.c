// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several devices: two in a zone, one in each of three zones, two in one virtio
 * region, where hvisor makes all kicks but those of the first synchronous.
 * Nobody sees anything of anybody else's.
 */
#include "rawguest.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#define ZONES		3
#define ZONE_SIZE	0x40000
#define STRIDE		0x80000		/* the zones lie apart: canaries between */
#define ROUNDS		50

static struct rg_zone zone[ZONES];
static struct rg_dev dev[5];

/* All devices started; those that share a zone share its RAM. */
static void start(struct rg_dev *d)
{
	rg_negotiate(d, RG_FEATURES);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
	rg_driver_ok(d);
	if (!rg_link_wait(d, true))
		rg_die("%s does not come up", d->name);
	rg_root_flush(d);
}

static bool nothing_arrived(struct rg_dev *d)
{
	u8 got[64];

	return rg_root_recv(d, got, sizeof(got), 0) < 0 &&
	       rg_used_idx(&d->vq[RG_RX]) == d->vq[RG_RX].last_used;
}

/* Each in turn, and only where it belongs. */
static bool in_turn(struct rg_dev *const *d, unsigned int n)
{
	unsigned int round, i, j;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < n; i++) {
			u32 seq = round * 16 + i;

			if (!rg_tx_one(d[i], 60 + round, seq) ||
			    !rg_rx_one(d[i], 60 + round, seq)) {
				ktap_diag("%s", d[i]->name);
				return false;
			}
			for (j = 0; j < n; j++)
				if (!ktap_expect(nothing_arrived(d[j])))
					return false;
		}
	}
	return true;
}

/* All at once: frames of one are on their way while another's are made. */
static bool at_once(struct rg_dev *const *d, unsigned int n)
{
	struct vring_used_elem elem;
	unsigned int round, i;
	u8 got[2048], *buf;
	ssize_t len;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < n; i++) {
			buf = rg_alloc(d[i]->zone, 128, 8);
			rg_tx_add(d[i], buf, 60, round * 16 + i);
			rg_kick(&d[i]->vq[RG_TX]);
			d[i]->zone->used = buf - d[i]->zone->ram + 128;
		}
		for (i = 0; i < n; i++) {
			len = rg_root_recv(d[i], got, sizeof(got), RG_LONG);
			if (!ktap_expect(len >= 0) ||
			    !rg_frame_ok(got, len, 60, round * 16 + i) ||
			    !ktap_expect(rg_wait_used(&d[i]->vq[RG_TX], &elem)))
				return false;
		}
	}
	return true;
}

/* A frame that the guest does not ask after until it is interrupted. */
static bool interrupted(struct rg_dev *d, u32 seq)
{
	u8 got[2048], *buf = rg_alloc(d->zone, 128, 8);
	struct vring_used_elem elem;
	bool ok;

	rg_tx_add(d, buf, 60, seq);
	rg_kick(&d->vq[RG_TX]);
	ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok & ktap_expect(rg_root_recv(d, got, sizeof(got), RG_LONG) >= 0) &
	       ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
}

/* Each device has its own interrupt. */
static bool own_interrupts(struct rg_dev *const *d, unsigned int n)
{
	unsigned int i, j;

	for (i = 0; i < n; i++)
		while (rg_irqs(d[i], 2) || rg_ack(d[i]))
			;
	for (i = 0; i < n; i++) {
		if (!interrupted(d[i], i))
			return false;
		for (j = 0; j < n; j++)
			if (j != i && (!ktap_expect_eq(rg_irqs(d[j], 0), 0) ||
				       !ktap_expect_eq(rg_ack(d[j]), 0)))
				return false;
		while (rg_ack(d[i]) || rg_irqs(d[i], 2))
			;
	}
	return true;
}

static bool test_group(struct rg_dev *const *d, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		d[i]->zone->used = 0;
	for (i = 0; i < n; i++)
		start(d[i]);
	return in_turn(d, n) && at_once(d, n) && own_interrupts(d, n);
}

/* What ethtool -g says of root's end: it receives what the guest sends. */
static bool has_rings(const struct rg_dev *d, u32 rx, u32 tx)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq ifr = { .ifr_data = (void *)&ring };

	strcpy(ifr.ifr_name, d->name);
	return ktap_expect(!ioctl(d->sock, SIOCETHTOOL, &ifr)) &&
	       ktap_expect_eq(ring.rx_pending, rx) &&
	       ktap_expect_eq(ring.tx_pending, tx) &&
	       ktap_expect_eq(ring.rx_max_pending, RG_NUM_MAX) &&
	       ktap_expect_eq(ring.tx_max_pending, RG_NUM_MAX);
}

/* Each driver chooses, and for each queue. */
static bool test_queue_sizes(void)
{
	struct rg_dev *d = &dev[1];
	bool ok;

	rg_start_sized(d, RG_FEATURES, 32, 16);
	ok = has_rings(d, 16, 32) && ktap_expect(rg_works(d));
	start(&dev[2]);
	return ok && has_rings(&dev[2], RG_NUM, RG_NUM) && has_rings(d, 16, 32);
}

/* Traffic of zone 2 leaves the others' RAM, and what is between, alone. */
static bool test_isolation(void)
{
	size_t at = zone[1].pa - zone[0].pa + STRIDE, size = 4 * STRIDE;
	u8 *all = rg_map_raw(0, size);
	struct rg_dev *d = &dev[1];
	u8 *was = malloc(size);
	unsigned int i;
	bool ok;

	if (!was)
		rg_die("out of memory");
	for (i = 0; i < RG_ARRAY_SIZE(dev); i++)
		rg_reset(&dev[i]);
	rg_pattern(all, size, 9);
	memcpy(was, all, size);
	d->zone->used = 0;
	start(d);
	ok = in_turn((struct rg_dev *const []){ d }, 1);
	rg_reset(d);
	ok &= ktap_expect(memcmp(all + at, was + at, ZONE_SIZE));
	memcpy(all + at, was + at, ZONE_SIZE);
	ok &= ktap_expect(!memcmp(all, was, size));
	free(was);
	return ok;
}

/* The same address in another zone is another device, or none. */
static bool test_foreign_address(void)
{
	struct rg_dev foreign = dev[1];
	u64 unknown = rg_page_counter("unknown");
	bool ok;

	/* Zone 2 tries the second device of zone 1. */
	foreign.fd = rg_open_region(&zone[1], dev[3].addr, 0x200);
	foreign.addr = dev[3].addr;
	rg_set(&dev[3], VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ok = ktap_expect_eq(rg_get(&foreign, VIRTIO_MMIO_MAGIC_VALUE), 0);
	ok &= ktap_expect_eq(rg_get(&foreign, VIRTIO_MMIO_STATUS), 0);
	rg_set(&foreign, VIRTIO_MMIO_STATUS, 0);
	ok &= ktap_expect_eq(rg_get(&dev[3], VIRTIO_MMIO_STATUS),
			     VIRTIO_CONFIG_S_ACKNOWLEDGE);
	ok &= ktap_expect_eq(rg_page_counter("unknown"), unknown + 3);
	close(foreign.fd);
	return ok;
}

/* One goes, the others do not notice. */
static bool test_removal(void)
{
	struct rg_dev *const rest[] = { &dev[0], &dev[1], &dev[2], &dev[4] };
	unsigned int i;
	bool ok;

	for (i = 0; i < RG_ARRAY_SIZE(dev); i++)
		dev[i].zone->used = 0;
	for (i = 0; i < RG_ARRAY_SIZE(dev); i++)
		start(&dev[i]);
	rg_dev_del(&dev[3]);
	ok = ktap_expect_eq(rg_get(&dev[3], VIRTIO_MMIO_MAGIC_VALUE), 0);
	ok &= ktap_expect_eq(-rg_bus("del_zone", "id=1\n"), EBUSY);
	return ok && in_turn(rest, RG_ARRAY_SIZE(rest));
}

int main(void)
{
	struct rg_dev *const zones[] = { &dev[0], &dev[1], &dev[2] };
	struct rg_dev *const two[] = { &dev[0], &dev[3] };
	struct rg_dev *const region[] = { &dev[2], &dev[4] };
	struct rg_dev *const all[] = { &dev[0], &dev[1], &dev[2], &dev[3],
				       &dev[4] };
	struct hvsim_raw_access a;
	unsigned int i;
	int fd;

	rg_setup();
	ktap_plan(9);
	/* All see their RAM, and their first device, at the same address. */
	for (i = 0; i < ZONES; i++)
		rg_zone_add(&zone[i], i + 1, (i + 1) * STRIDE, ZONE_SIZE,
			    0x40000000);
	rg_dev_add(&dev[0], &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&dev[1], &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	fd = rg_open_region(&zone[2], RG_ADDR, 0x400);
	rg_dev_add_in(&dev[2], &zone[2], fd, RG_ADDR, RG_IRQ, "tap2", "");
	rg_dev_add(&dev[3], &zone[0], RG_ADDR + 0x1000, RG_IRQ + 1, "tap3", "");
	rg_dev_add_in(&dev[4], &zone[2], fd, RG_ADDR + 0x200, RG_IRQ + 1,
		      "tap4", "");

	ktap_point(test_group(two, 2), "two devices in a zone");
	ktap_point(test_group(zones, 3), "devices in three zones");
	ktap_point(test_group(region, 2), "two devices in a region");
	a = rg_access(&dev[4], dev[4].addr + VIRTIO_MMIO_QUEUE_NOTIFY, 4, true,
		      RG_TX);
	ktap_point(!(a.flags & HVSIM_ACCESS_POSTED),
		   "the second one's kicks are synchronous");
	ktap_point(test_group(all, 5), "all of them");
	ktap_point(test_queue_sizes(), "queues of any size, as ethtool shows");
	ktap_point(test_isolation(), "no RAM but the zone's is touched");
	ktap_point(test_foreign_address(), "another zone's device is not there");
	ktap_point(test_removal(), "one is removed");
	return ktap_finish();
}
