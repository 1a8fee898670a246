/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between kernels that the simulator meets, and nothing else;
 * which one it is built for, sim_probe.c asks.  (The module under test has its
 * own compat.h; the two share only the way of asking, as the simulator stands for
 * another machine.)
 */
#ifndef HVSIM_COMPAT_H
#define HVSIM_COMPAT_H

#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/timer.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "sim_probed.h"

/* find_vqs took parallel arrays before 6.11. */
#if HVSIM_HAVE_VIRTQUEUE_INFO
#define HVSIM_FIND_VQS(name)						\
	int name(struct virtio_device *vdev, unsigned int nvqs,		\
		 struct virtqueue *vqs[], struct virtqueue_info info[],	\
		 struct irq_affinity *desc)
#define hvsim_vq_name(i)	(info[i].name)
#define hvsim_vq_callback(i)	(info[i].callback)
#define hvsim_vq_ctx(i)		(info[i].ctx)
#else
#define HVSIM_FIND_VQS(name)						\
	int name(struct virtio_device *vdev, unsigned int nvqs,		\
		 struct virtqueue *vqs[], vq_callback_t *callbacks[],	\
		 const char * const names[], const bool *ctx,		\
		 struct irq_affinity *desc)
#define hvsim_vq_name(i)	(names[i])
#define hvsim_vq_callback(i)	(callbacks[i])
#define hvsim_vq_ctx(i)		(ctx ? ctx[i] : false)
#endif

#if HVSIM_HAVE_VIRTQUEUE_MAX
static inline void hvsim_vq_set_max(struct virtqueue *vq, unsigned int max)
{
	vq->num_max = max;
}
#else
static inline void hvsim_vq_set_max(struct virtqueue *vq, unsigned int max)
{
}
#endif

#if HVSIM_HAVE_EVENTFD_SIGNAL_OF_ONE
static inline void hvsim_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}
#else
static inline void hvsim_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}
#endif

#if HVSIM_HAVE_AFFINITY_AND_HINT
static inline int hvsim_irq_pin(unsigned int irq, const struct cpumask *mask)
{
	return irq_set_affinity_and_hint(irq, mask);
}
#else
static inline int hvsim_irq_pin(unsigned int irq, const struct cpumask *mask)
{
	return irq_set_affinity_hint(irq, mask);
}
#endif

#ifdef IRQ_WORK_INIT_HARD
static inline void hvsim_init_hard_work(struct irq_work *work,
					void (*fn)(struct irq_work *work))
{
	*work = IRQ_WORK_INIT_HARD(fn);
}
#else
static inline void hvsim_init_hard_work(struct irq_work *work,
					void (*fn)(struct irq_work *work))
{
	init_irq_work(work, fn);
	atomic_set(&work->flags, IRQ_WORK_HARD_IRQ);
}
#endif

#if !HVSIM_HAVE_TIMER_DELETE
#define timer_delete_sync(timer)	del_timer_sync(timer)
#endif

#endif /* HVSIM_COMPAT_H */
