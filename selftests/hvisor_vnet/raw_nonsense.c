// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that make no sense, at every moment of a device's life: notifies of
 * every queue number, every width at every offset while the device is in use,
 * queues made ready that are.  The device is what it was; each is counted.
 */
#include "rawguest.h"

#define S_DRIVER	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define S_FEATURES	(S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define S_RUNS		(S_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

/* Not at the start of its region: a kick is an access like others. */
#define REGION		0x0a003000ull

#define ROUNDS		100	/* to be scaled down, to no more than values */

static struct rg_zone zone[2];
static struct rg_dev dev, *d = &dev;
static u8 *guard;

static u32 status(void)
{
	return rg_get(d, VIRTIO_MMIO_STATUS);
}

static bool others_ok(void)
{
	return ktap_expect(rg_pattern_ok(zone[1].ram, zone[1].size, 3)) &&
	       ktap_expect(rg_pattern_ok(guard, 0x10000, 1));
}

/* A device that got so far and no further. */

static void be_reset(void)
{
	rg_reset(d);
}

static void be_found(void)
{
	rg_reset(d);
	rg_set(d, VIRTIO_MMIO_STATUS, S_DRIVER);
}

static void be_negotiated(void)
{
	zone[0].used = 0;
	rg_negotiate(d, RG_FEATURES | RG_CONTROL);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
}

/* Without a control queue, though it was negotiated. */
static void run(void)
{
	be_negotiated();
	rg_driver_ok(d);
	rg_link_wait(d, true);
	rg_root_flush(d);
}

static void be_broken(void)
{
	run();
	d->vq[RG_TX].avail_idx = RG_NUM + 1;
	rg_publish(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_TX]);
	ktap_wait_for(RG_LONG, status() & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void be_failed(void)
{
	run();
	rg_set(d, VIRTIO_MMIO_STATUS, S_RUNS | VIRTIO_CONFIG_S_FAILED);
}

static const struct state {
	const char *name;
	void (*get_there)(void);
	u32 status;
	unsigned int queues;	/* that may be notified */
} states[] = {
	{ "after a reset", be_reset, 0, 0 },
	{ "found by a driver", be_found, S_DRIVER, 0 },
	{ "with features", be_negotiated, S_FEATURES, 0 },
	{ "in use", run, S_RUNS, 2 },
	{ "broken", be_broken, S_RUNS | VIRTIO_CONFIG_S_NEEDS_RESET, 0 },
	{ "failed", be_failed, S_RUNS | VIRTIO_CONFIG_S_FAILED, 0 },
};

/* The small ones, and those around each power of two. */
static unsigned int notify_all(unsigned int valid)
{
	unsigned int bit, n = 0, i;
	u32 queue;

	for (queue = valid; queue < 300; queue++, n++)
		rg_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	for (bit = 9; bit < 32; bit++)
		for (i = 0; i < 3; i++, n++)
			rg_set(d, VIRTIO_MMIO_QUEUE_NOTIFY,
			       (1u << bit) - 1 + i);
	rg_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, ~0u);
	for (queue = 0; queue < valid; queue++)
		rg_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	return n + 1;
}

static bool test_notifies(const struct state *s)
{
	u64 bad, kicks;
	unsigned int n;

	s->get_there();
	bad = rg_counter(d, "bad_value");
	kicks = rg_counter(d, "tx_kicks") + rg_counter(d, "rx_kicks");
	n = notify_all(s->queues);
	return ktap_expect_eq(rg_counter(d, "bad_value") - bad, n) &&
	       ktap_expect_eq(rg_counter(d, "tx_kicks") +
			      rg_counter(d, "rx_kicks") - kicks, s->queues) &&
	       ktap_expect_eq(status(), s->status) && others_ok();
}

/* These do something, by right. */
static bool has_effect(u32 offset, u32 size)
{
	return size == 4 && (offset == VIRTIO_MMIO_STATUS ||
			     offset == VIRTIO_MMIO_QUEUE_READY);
}

static const u64 values[] = {
	0, 1, 2, RG_NUM, 0xffffffff, ~0ull, 0x40000000,
};

/* Each access with one of the values, and another one in each round. */
static bool sweep(const struct state *s, unsigned int round)
{
	struct hvsim_raw_access a;
	u32 offset, size;

	for (offset = 0; offset < 0x200; offset++) {
		for (size = 1; size <= 8; size *= 2) {
			a = rg_access(d, d->addr + offset, size, false, 0);
			if (size < 8 && !ktap_expect(!(a.value >> 8 * size)))
				return false;
			if (!has_effect(offset, size))
				rg_access(d, d->addr + offset, size, true,
					  values[(round + offset) %
						 RG_ARRAY_SIZE(values)]);
		}
	}
	return ktap_expect_eq(status(), s->status);
}

static bool test_sweep(const struct state *s)
{
	unsigned int i, n = ktap_scaled(ROUNDS);
	bool ok = true;

	s->get_there();
	for (i = 0; ok && i < n && i < RG_ARRAY_SIZE(values); i++)
		ok = sweep(s, i);
	/* One that is in use works as if nothing had been. */
	if (ok && s->queues)
		ok = ktap_expect(rg_works(d));
	return ok && others_ok();
}

static bool test_back(void)
{
	rg_start(d, RG_FEATURES);
	return ktap_expect(rg_works(d)) && others_ok();
}

static void set_ready(unsigned int queue, u32 value)
{
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, value);
}

/* Before DRIVER_OK and after it: the queue goes on where it was. */
static bool test_ready_twice(void)
{
	unsigned int i;
	bool ok = true;

	be_negotiated();
	for (i = 0; i < RG_QUEUES; i++)
		set_ready(i, 1);
	rg_driver_ok(d);
	rg_link_wait(d, true);
	rg_root_flush(d);
	for (i = 0; ok && i < 3 * RG_NUM; i++) {
		ok = ktap_expect(rg_tx_one(d, 60 + i, i)) &&
		     ktap_expect(rg_rx_one(d, 60 + i, i));
		set_ready(i % RG_QUEUES, 1);
	}
	return ok && ktap_expect_eq(status(), S_RUNS);
}

/* The smallest queue there is, and the largest. */
static bool test_queue_sizes(void)
{
	static const unsigned int sizes[] = { 1, 2, RG_NUM_MAX };
	unsigned int i, n;
	bool ok = true;

	for (i = 0; i < RG_ARRAY_SIZE(sizes); i++) {
		rg_start_sized(d, RG_FEATURES, sizes[i], sizes[i]);
		for (n = 0; ok && n < 20; n++)
			ok = ktap_expect(rg_works(d));
	}
	return ok;
}

int main(void)
{
	unsigned int i;
	int fd;

	rg_setup();
	ktap_plan(2 * RG_ARRAY_SIZE(states) + 2);
	rg_zone_add(&zone[0], 1, 0x100000, 0x80000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, 0x40000, 0x40000000);
	rg_pattern(zone[1].ram, zone[1].size, 3);
	guard = rg_map_raw(0x180000, 0x10000);
	rg_pattern(guard, 0x10000, 1);
	fd = rg_open_region(&zone[0], REGION, 0x1000);
	rg_dev_add_in(d, &zone[0], fd, REGION + 0x600, RG_IRQ, "tap0", "");
	for (i = 0; i < RG_ARRAY_SIZE(states); i++) {
		ktap_point(test_notifies(&states[i]) && test_back(),
			   "notifies: a device %s", states[i].name);
		ktap_point(test_sweep(&states[i]) && test_back(),
			   "every access: a device %s", states[i].name);
	}
	ktap_point(test_ready_twice() && test_back(), "ready twice");
	ktap_point(test_queue_sizes() && test_back(), "sizes of queues");
	return ktap_finish();
}
