// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a CPU busy in softirq context for part of every tick while it is
 * loaded: what a register access of a guest must not have to wait for, and what
 * guests must not keep from its work.  It knows how much of its time interrupts
 * took: each turn is the same work, so what a turn takes longer than the fastest
 * is theirs.  In virtual time that is exact.  No part of the simulator, only
 * built beside it.
 */
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timer.h>

#include "sim_compat.h"

static unsigned int cpu;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "which CPU (0)");

static unsigned int percent = 50;
module_param(percent, uint, 0444);
MODULE_PARM_DESC(percent, "how much of each tick (50)");

static unsigned long burnt_us;
module_param(burnt_us, ulong, 0444);
MODULE_PARM_DESC(burnt_us, "how long it has been at it");

static unsigned long lost_us;
module_param(lost_us, ulong, 0444);
MODULE_PARM_DESC(lost_us, "how long of that interrupts took");

#define SOFTIRQ_LOAD_TURN	100

static u64 lost_ns, fastest_ns = U64_MAX;

/*
 * Lets an emulator turn to other CPUs, then works; interrupts come only
 * meanwhile, so that the time of other CPUs is not taken for theirs.
 */
static u64 softirq_load_turn(void)
{
	unsigned long irqs;
	u64 start, now;
	int i;

	local_irq_disable();
	cpu_relax();
	irqs = kstat_cpu_irqs_sum(cpu);
	start = ktime_get_ns();
	local_irq_enable();
	for (i = 0; i < SOFTIRQ_LOAD_TURN; i++)
		barrier();
	now = ktime_get_ns();
	fastest_ns = min(fastest_ns, now - start);
	if (kstat_cpu_irqs_sum(cpu) != irqs)
		lost_ns += now - start - fastest_ns;
	return now;
}

/* Softirq context. */
static void softirq_load_fn(struct timer_list *timer)
{
	u64 start = ktime_get_ns();
	u64 end = start + TICK_NSEC / 100 * percent;
	u64 now;

	do
		now = softirq_load_turn();
	while (now < end);
	burnt_us += (unsigned long)(now - start) / NSEC_PER_USEC;
	lost_us = (unsigned long)lost_ns / NSEC_PER_USEC;
	/* At the next tick: the wheel has this one behind it. */
	mod_timer(timer, jiffies);
}

static struct timer_list softirq_load_timer;

static int __init softirq_load_init(void)
{
	if (!cpu_online(cpu) || percent > 90)
		return -EINVAL;
	timer_setup(&softirq_load_timer, softirq_load_fn, TIMER_PINNED);
	softirq_load_timer.expires = jiffies + 1;
	add_timer_on(&softirq_load_timer, cpu);
	return 0;
}

static void __exit softirq_load_exit(void)
{
	timer_delete_sync(&softirq_load_timer);
}

module_init(softirq_load_init);
module_exit(softirq_load_exit);

MODULE_DESCRIPTION("Softirq load on one CPU, for tests of hvisor_vnet");
MODULE_LICENSE("GPL");
