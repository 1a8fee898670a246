// SPDX-License-Identifier: GPL-2.0-only
/*
 * The latency histograms in debugfs: a directory for each device, with a switch
 * and a table.  Who times what is where it happens: tap_bridge.c and hvpage.c.
 */
#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "hvisor_vnet.h"
#include "latency.h"

/* On while at least one device is timed. */
DEFINE_STATIC_KEY_FALSE(hvnet_latency_key);

static DEFINE_MUTEX(hvnet_latency_lock);	/* the switches */
static struct dentry *hvnet_latency_root;

/* Who counts does so in softirq or with interrupts off: RCU waits for both. */
static void hvnet_latency_clear(struct hvnet_histogram *h)
{
	WRITE_ONCE(h->on, false);
	synchronize_rcu();
	memset(h, 0, sizeof(*h));
}

/* Switching it on, again or for the first time, begins with nothing. */
static void hvnet_latency_switch(struct hvnet_dev *dev, bool on)
{
	bool was;

	mutex_lock(&hvnet_latency_lock);
	was = dev->deliveries.on;
	if (on) {
		hvnet_latency_clear(&dev->deliveries);
		hvnet_latency_clear(&dev->line.acks);
	}
	WRITE_ONCE(dev->deliveries.on, on);
	WRITE_ONCE(dev->line.acks.on, on);
	if (on && !was)
		static_branch_inc(&hvnet_latency_key);
	else if (!on && was)
		static_branch_dec(&hvnet_latency_key);
	mutex_unlock(&hvnet_latency_lock);
}

static int hvnet_latency_on_set(void *data, u64 value)
{
	if (value > 1)
		return -EINVAL;
	hvnet_latency_switch(data, value);
	return 0;
}

static int hvnet_latency_on_get(void *data, u64 *value)
{
	const struct hvnet_dev *dev = data;

	*value = READ_ONCE(dev->deliveries.on);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(hvnet_latency_on_fops, hvnet_latency_on_get,
			 hvnet_latency_on_set, "%llu\n");

/* A line for each bucket that is not empty, headed by its upper bound. */
static int hvnet_latency_table_show(struct seq_file *s, void *unused)
{
	const struct hvnet_dev *dev = s->private;
	unsigned int i;
	u64 kicks, acks;

	seq_puts(s, "below_ns kick_to_delivery injection_to_ack\n");
	for (i = 0; i < BITS_PER_LONG_LONG; i++) {
		kicks = READ_ONCE(dev->deliveries.count[i]);
		acks = READ_ONCE(dev->line.acks.count[i]);
		if (kicks || acks)
			seq_printf(s, "%llu %llu %llu\n", BIT_ULL(i), kicks,
				   acks);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hvnet_latency_table);

/**
 * hvnet_latency_add - show a device's histograms
 * @dev: the device, named and with its interface
 *
 * Context: process.
 */
void hvnet_latency_add(struct hvnet_dev *dev)
{
	dev->debugfs = debugfs_create_dir(dev_name(&dev->dev),
					  hvnet_latency_root);
	debugfs_create_file_unsafe("latency_on", 0600, dev->debugfs, dev,
				   &hvnet_latency_on_fops);
	debugfs_create_file("latency", 0400, dev->debugfs, dev,
			    &hvnet_latency_table_fops);
}

/**
 * hvnet_latency_del - a device's histograms are not shown any more
 * @dev: the device
 *
 * Nobody reads or switches them once this returns.
 *
 * Context: process.
 */
void hvnet_latency_del(struct hvnet_dev *dev)
{
	debugfs_remove(dev->debugfs);
	hvnet_latency_switch(dev, false);
}

/**
 * hvnet_latency_init - the place in debugfs for all devices
 */
void hvnet_latency_init(void)
{
	hvnet_latency_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * hvnet_latency_exit - take it away; there are no devices any more
 */
void hvnet_latency_exit(void)
{
	debugfs_remove(hvnet_latency_root);
}
