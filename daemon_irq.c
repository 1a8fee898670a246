// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupts of hvisor-tool's daemon: injected through the hypervisor's
 * page, and repeated when they are lost.  When the daemon asks for one is
 * daemon.c's business, how many a zone may have hvpage.c's.
 *
 * EL2 drops one that comes while the guest's last is active (I1), and the
 * daemon sends no other until the guest has acknowledged it: its device would
 * stand still for good. So one is repeated until the guest reads some
 * InterruptStatus of that zone. A read that follows cannot be about an earlier
 * one, since the daemon waits for that one's acknowledgment.
 *
 * Nobody tells which interrupt is which device's: it is learnt when only one
 * is pending. Where it is not known a read stands for all of them.
 */
#include <linux/ktime.h>
#include <linux/string.h>
#include <linux/virtio_mmio.h>

#include "compat.h"
#include "daemon_irq.h"
#include "hvpage.h"

/* When the first is repeated, and the last interval tried. */
#define HVNET_LINE_MIN_NS	(5 * NSEC_PER_MSEC)
#define HVNET_LINE_MAX_NS	(500 * NSEC_PER_MSEC)

/* Devices begin at a multiple of their length: 0x200 in every configuration. */
#define HVNET_LINE_DEVICE	0x200

#define HVNET_BASE_UNKNOWN	(~0ULL)

/* Its line, or NULL if more are in use than are watched. */
static struct hvnet_line *hvnet_line_get(struct hvnet_irqs *irqs,
					 const struct hvisor_response *target)
{
	unsigned int i;

	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &irqs->line[i];

		if (!line->target.irq_id) {
			line->target = *target;
			line->base = HVNET_BASE_UNKNOWN;
		}
		if (line->target.irq_id == target->irq_id &&
		    line->target.target_zone == target->target_zone)
			return line;
	}
	return NULL;
}

static void hvnet_line_injected(struct hvnet_irqs *irqs,
				const struct hvisor_response *target)
{
	struct hvnet_line *line = hvnet_line_get(irqs, target);

	if (!line)
		return;
	line->pending = true;
	line->backoff = HVNET_LINE_MIN_NS;
	line->due = ktime_add_ns(ktime_get(), line->backoff);
	/* No other is due later than this one: see hvnet_irqs_again(). */
	if (!hrtimer_is_queued(&irqs->again) ||
	    ktime_compare(hrtimer_get_expires(&irqs->again), line->due) > 0)
		hrtimer_start(&irqs->again, line->due, HRTIMER_MODE_ABS_HARD);
}

/* How many of a zone's are pending whose device is not known; one of them. */
static unsigned int hvnet_line_strangers(struct hvnet_irqs *irqs, u32 zone,
					 struct hvnet_line **one)
{
	unsigned int i, n = 0;

	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &irqs->line[i];

		if (line->pending && line->target.target_zone == zone &&
		    line->base == HVNET_BASE_UNKNOWN) {
			*one = line;
			n++;
		}
	}
	return n;
}

/* The guest reads InterruptStatus of the device at @base. */
static void hvnet_line_looked(struct hvnet_irqs *irqs, u32 zone, u64 base)
{
	struct hvnet_line *line;
	unsigned int i;

	for (i = 0; i < HVNET_LINES; i++) {
		line = &irqs->line[i];
		if (line->target.target_zone == zone && line->base == base) {
			line->pending = false;
			return;
		}
	}
	switch (hvnet_line_strangers(irqs, zone, &line)) {
	case 0:
		break;
	case 1:
		line->base = base;
		line->pending = false;
		break;
	default:
		while (hvnet_line_strangers(irqs, zone, &line))
			line->pending = false;
	}
}

/* One that is due, or NULL; @next is when the first of the others is. */
static struct hvnet_line *hvnet_line_due(struct hvnet_irqs *irqs, ktime_t now,
					 ktime_t *next)
{
	struct hvnet_line *due = NULL;
	unsigned int i;

	*next = KTIME_MAX;
	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &irqs->line[i];

		if (!line->pending)
			continue;
		if (!due && ktime_compare(line->due, now) <= 0)
			due = line;
		else if (ktime_compare(line->due, *next) < 0)
			*next = line->due;
	}
	return due;
}

/*
 * A guest that does not look for so long polls, or is dead; or what was learnt
 * of its device is wrong.
 */
static void hvnet_line_again(struct hvnet_irqs *irqs, struct hvnet_line *line,
			     ktime_t now)
{
	line->backoff *= 2;
	line->due = ktime_add_ns(now, line->backoff);
	if (line->backoff > HVNET_LINE_MAX_NS) {
		line->pending = false;
		line->base = HVNET_BASE_UNKNOWN;
	}
	hvpage_inject_foreign(irqs->hp, &line->target, 1);
}

static enum hrtimer_restart hvnet_irqs_again(struct hrtimer *t)
{
	struct hvnet_irqs *irqs = container_of(t, struct hvnet_irqs, again);
	ktime_t now = ktime_get(), next = KTIME_MAX;
	struct hvnet_line *line;
	unsigned long flags;

	raw_spin_lock_irqsave(&irqs->lock, flags);
	while ((line = hvnet_line_due(irqs, now, &next)))
		hvnet_line_again(irqs, line, now);
	if (next != KTIME_MAX)
		hrtimer_start(t, next, HRTIMER_MODE_ABS_HARD);
	raw_spin_unlock_irqrestore(&irqs->lock, flags);
	return HRTIMER_NORESTART;
}

/**
 * hvnet_irqs_inject - inject interrupts for the daemon
 * @irqs: its interrupts, started
 * @list: which; those that may not be injected are taken out
 * @n: how many, fewer than HVISOR_RING_SIZE
 * @why: the reason of a refusal
 *
 * Context: process, one caller at a time.
 * Return: 0, or a negative errno if at least one may not be injected.
 */
int hvnet_irqs_inject(struct hvnet_irqs *irqs, struct hvisor_response *list,
		      unsigned int n, struct hvnet_reason *why)
{
	unsigned int i;
	int err;

	err = hvpage_claim_foreign(irqs->hp, list, &n, why);
	if (!n)
		return err;
	/* Noted first: the guest may be faster than we are. */
	raw_spin_lock_irq(&irqs->lock);
	for (i = 0; i < n; i++)
		hvnet_line_injected(irqs, &list[i]);
	raw_spin_unlock_irq(&irqs->lock);
	hvpage_inject_foreign(irqs->hp, list, n);
	return err;
}

/**
 * hvnet_irqs_read - a guest reads a register of a device that is not ours
 * @irqs: the daemon's interrupts
 * @zone: the guest
 * @addr: the register
 *
 * Context: as hvpage_access_fn.
 */
void hvnet_irqs_read(struct hvnet_irqs *irqs, u32 zone, u64 addr)
{
	if ((addr & (HVNET_LINE_DEVICE - 1)) != VIRTIO_MMIO_INTERRUPT_STATUS)
		return;
	raw_spin_lock(&irqs->lock);
	hvnet_line_looked(irqs, zone, addr - VIRTIO_MMIO_INTERRUPT_STATUS);
	raw_spin_unlock(&irqs->lock);
}

/**
 * hvnet_irqs_owed - has a zone yet to look at an interrupt?
 * @irqs: the daemon's interrupts
 * @zone: the zone
 *
 * Context: process.
 */
bool hvnet_irqs_owed(struct hvnet_irqs *irqs, u32 zone)
{
	bool owed = false;
	unsigned int i;

	raw_spin_lock_irq(&irqs->lock);
	for (i = 0; i < HVNET_LINES; i++)
		owed |= irqs->line[i].pending &&
			irqs->line[i].target.target_zone == zone;
	raw_spin_unlock_irq(&irqs->lock);
	return owed;
}

/**
 * hvnet_irqs_drop - a zone is no more: repeat none of its interrupts (Z3)
 * @irqs: the daemon's interrupts
 * @zone: the zone
 *
 * Context: process.
 */
void hvnet_irqs_drop(struct hvnet_irqs *irqs, u32 zone)
{
	unsigned int i;

	raw_spin_lock_irq(&irqs->lock);
	for (i = 0; i < HVNET_LINES; i++)
		if (irqs->line[i].target.target_zone == zone)
			irqs->line[i].pending = false;
	raw_spin_unlock_irq(&irqs->lock);
}

/**
 * hvnet_irqs_init - before everything else
 * @irqs: the interrupts, zeroed
 *
 * Context: process.
 */
void hvnet_irqs_init(struct hvnet_irqs *irqs)
{
	raw_spin_lock_init(&irqs->lock);
	hrtimer_setup(&irqs->again, hvnet_irqs_again, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
}

/**
 * hvnet_irqs_start - a daemon begins, with no interrupt pending
 * @irqs: the interrupts, stopped
 * @hp: the hypervisor's page
 *
 * Context: process, one caller at a time.
 */
void hvnet_irqs_start(struct hvnet_irqs *irqs, struct hvpage *hp)
{
	memset(irqs->line, 0, sizeof(irqs->line));
	irqs->hp = hp;
}

/**
 * hvnet_irqs_stop - a daemon ends: nothing is injected any more
 * @irqs: the interrupts, started
 *
 * Context: process, one caller at a time.
 */
void hvnet_irqs_stop(struct hvnet_irqs *irqs)
{
	hrtimer_cancel(&irqs->again);
	hvpage_forget_foreign(irqs->hp);
}
