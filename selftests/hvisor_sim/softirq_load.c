// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a CPU busy in softirq context for part of every tick while it is
 * loaded: what a register access of a guest must not have to wait for.  No part
 * of the simulator, only built beside it.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timer.h>

static unsigned int cpu;
module_param(cpu, uint, 0444);
MODULE_PARM_DESC(cpu, "which CPU (0)");

static unsigned int percent = 50;
module_param(percent, uint, 0444);
MODULE_PARM_DESC(percent, "how much of each tick (50)");

static unsigned long burnt_us;
module_param(burnt_us, ulong, 0444);
MODULE_PARM_DESC(burnt_us, "how long it has been at it");

/* Softirq context. Each turn of the loop lets an emulator turn to other CPUs. */
static void softirq_load_fn(struct timer_list *timer)
{
	u64 start = ktime_get_ns();
	u64 end = start + TICK_NSEC / 100 * percent;
	u64 now;

	do {
		cpu_relax();
		now = ktime_get_ns();
	} while (now < end);
	burnt_us += (unsigned long)(now - start) / NSEC_PER_USEC;
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
	del_timer_sync(&softirq_load_timer);
}

module_init(softirq_load_init);
module_exit(softirq_load_exit);

MODULE_DESCRIPTION("Softirq load on one CPU, for tests of hvisor_vnet");
MODULE_LICENSE("GPL");
