// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel may have that the simulator wants to know: questions, as in
 * the module's compat_probe.c, for sim_compat.h.  No part of the simulator.
 */
#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/timer.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

/* 6.11: one array tells all about queues. */
static void __maybe_unused
hvsim_have_virtqueue_info(int (*find)(struct virtio_device *, unsigned int, struct virtqueue **,
				      struct virtqueue_info *, struct irq_affinity *))
{
	const struct virtio_config_ops ops = { .find_vqs = find };

	(void)ops;
}

/* 6.0: a queue knows how large it may get. */
static void __maybe_unused
hvsim_have_virtqueue_max(struct virtqueue *vq)
{
	vq->num_max = 1;
}

/* 6.8 */
static void __maybe_unused
hvsim_have_eventfd_signal_of_one(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}

/* 5.17 */
static void __maybe_unused
hvsim_have_affinity_and_hint(unsigned int irq, const struct cpumask *mask)
{
	irq_set_affinity_and_hint(irq, mask);
}

/* 6.2 */
static void __maybe_unused
hvsim_have_timer_delete(struct timer_list *timer)
{
	timer_delete_sync(timer);
}
