// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real hard interrupt on a chosen CPU where no interrupt controller can be
 * told to raise one, x86_64 and riscv64: a function call sent to it queues a hard
 * irq_work there, whose self-IPI is the interrupt.  The function call alone does
 * not do: an idle CPU runs it without any interrupt.
 */
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/smp.h>

#include "sim.h"
#include "sim_compat.h"

struct hvsim_irqline {
	call_single_data_t call;
	struct irq_work work;
};

static struct hvsim_irqline hvsim_irqlines[HVSIM_IRQLINES];

static void hvsim_irq_work(struct irq_work *work)
{
	struct hvsim_irqline *l = container_of(work, struct hvsim_irqline, work);

	hvsim_line_interrupt(l - hvsim_irqlines);
}

static void hvsim_queue_work(void *arg)
{
	struct hvsim_irqline *l = arg;

	irq_work_queue(&l->work);
}

static unsigned int hvsim_cpu_of(unsigned int n)
{
	return n == HVSIM_ROOT_LINE ? READ_ONCE(hvsim_root_cpu) : n;
}

/**
 * hvsim_irqline_init - get the lines ready
 *
 * Context: process. Return: 0.
 */
int hvsim_irqline_init(void)
{
	unsigned int n;

	for (n = 0; n < HVSIM_IRQLINES; n++) {
		struct hvsim_irqline *l = &hvsim_irqlines[n];

		hvsim_init_hard_work(&l->work, hvsim_irq_work);
		l->call.func = hvsim_queue_work;
		l->call.info = l;
	}
	return 0;
}

static void hvsim_nothing(void *unused)
{
}

/**
 * hvsim_irqline_exit - wait for what is under way
 *
 * Nobody fires any more, and no handler runs on return. Context: process.
 */
void hvsim_irqline_exit(void)
{
	unsigned int n;

	/* Calls are made in order, so earlier ones have queued their work. */
	on_each_cpu(hvsim_nothing, NULL, 1);
	for (n = 0; n < HVSIM_IRQLINES; n++)
		irq_work_sync(&hvsim_irqlines[n].work);
}

/**
 * hvsim_irqline_move - root's line goes to another CPU
 *
 * To hvsim_root_cpu, which has been changed: the next is raised there.
 *
 * Context: process. Return: 0.
 */
int hvsim_irqline_move(void)
{
	return 0;
}

/**
 * hvsim_irqline_fire - raise a real interrupt
 * @n: a CPU, or HVSIM_ROOT_LINE
 *
 * Context: any, raw locks held, interrupts off.
 */
void hvsim_irqline_fire(unsigned int n)
{
	struct hvsim_irqline *l = &hvsim_irqlines[n];

	if (hvsim_cpu_of(n) == smp_processor_id()) {
		irq_work_queue(&l->work);
		return;
	}
	/* If the last call is still on its way it will do for this as well. */
	smp_call_function_single_async(hvsim_cpu_of(n), &l->call);
}
