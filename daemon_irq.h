/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupts of hvisor-tool's daemon: what its owner (daemon.c) sees of
 * them.  Why they are repeated is told in daemon_irq.c.
 */
#ifndef HVNET_DAEMON_IRQ_H
#define HVNET_DAEMON_IRQ_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "hvisor_abi.h"

struct hvnet_reason;
struct hvpage;

/* How many of its interrupts are watched: four zones' worth. */
#define HVNET_LINES	(4 * HVISOR_ZONE_MAX_IRQS)

/**
 * struct hvnet_line - an interrupt of the daemon's
 * @target: which it is; irq_id 0 if this is unused
 * @base: its device's first register, HVNET_BASE_UNKNOWN until learnt
 * @pending: injected, and the guest has not looked why
 * @due: when it is repeated
 * @backoff: how long after that it is repeated again
 */
struct hvnet_line {
	struct hvisor_response target;
	u64 base;
	bool pending;
	ktime_t due;
	u64 backoff;
};

/**
 * struct hvnet_irqs - a daemon's interrupts
 * @lock: protects all below. The page's response lock nests inside it.
 * @hp: the hypervisor's page, once started
 * @line: each of them
 * @again: repeats those that were lost
 */
struct hvnet_irqs {
	raw_spinlock_t lock;
	struct hvpage *hp;
	struct hvnet_line line[HVNET_LINES];
	struct hrtimer again;
};

void hvnet_irqs_init(struct hvnet_irqs *irqs);
void hvnet_irqs_start(struct hvnet_irqs *irqs, struct hvpage *hp);
void hvnet_irqs_stop(struct hvnet_irqs *irqs);
int hvnet_irqs_inject(struct hvnet_irqs *irqs, struct hvisor_response *list,
		      unsigned int n, struct hvnet_reason *why);
void hvnet_irqs_read(struct hvnet_irqs *irqs, u32 zone, u64 addr);
bool hvnet_irqs_owed(struct hvnet_irqs *irqs, u32 zone);
void hvnet_irqs_drop(struct hvnet_irqs *irqs, u32 zone);

#endif /* HVNET_DAEMON_IRQ_H */
