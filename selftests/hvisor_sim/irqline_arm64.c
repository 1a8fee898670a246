// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real hard interrupt on a chosen CPU, arm64: shared peripheral interrupts of
 * the GIC that no device uses, each pinned to a CPU and made pending by
 * software.  Acknowledge, priority and EOI are the hardware's.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/of.h>
#include <linux/of_irq.h>

#include "sim.h"
#include "sim_compat.h"

#define HVSIM_GIC_SPI		0	/* first cell of an interrupt specifier */
#define HVSIM_GIC_EDGE		1	/* last cell: edge, rising */

/* Linux interrupt numbers, 0 where there is none. */
static unsigned int hvsim_irq[HVSIM_IRQLINES];

static const struct of_device_id hvsim_gics[] = {
	{ .compatible = "arm,gic-v3" },
	{ .compatible = "arm,gic-400" },
	{ .compatible = "arm,cortex-a15-gic" },
	{}
};

static unsigned int hvsim_cpu_of(unsigned int n)
{
	return n == HVSIM_ROOT_LINE ? READ_ONCE(hvsim_root_cpu) : n;
}

static irqreturn_t hvsim_irq_handler(int irq, void *arg)
{
	hvsim_line_interrupt((uintptr_t)arg);
	return IRQ_HANDLED;
}

static int hvsim_irqline_request(struct device_node *gic, unsigned int n)
{
	struct of_phandle_args spec = {
		.np = gic,
		.args_count = 3,
		.args = { HVSIM_GIC_SPI, hvsim_first_spi + n, HVSIM_GIC_EDGE },
	};
	const struct cpumask *mask = cpumask_of(hvsim_cpu_of(n));
	unsigned int irq = irq_create_of_mapping(&spec);
	int err;

	if (!irq)
		return -ENODEV;
	err = request_irq(irq, hvsim_irq_handler,
			  IRQF_NO_THREAD | IRQF_NOBALANCING, "hvisor_sim",
			  (void *)(uintptr_t)n);
	if (err)
		goto dispose;
	err = hvsim_irq_pin(irq, mask);
	if (err)
		goto release;
	hvsim_irq[n] = irq;
	return 0;

release:
	hvsim_irq_pin(irq, NULL);
	free_irq(irq, (void *)(uintptr_t)n);
dispose:
	irq_dispose_mapping(irq);
	return err;
}

/**
 * hvsim_irqline_init - request the interrupts
 *
 * Context: process. Return: 0 or a negative errno, -ENODEV without a GIC.
 */
int hvsim_irqline_init(void)
{
	struct device_node *gic = of_find_matching_node(NULL, hvsim_gics);
	int err = 0;
	unsigned int n;

	if (!gic)
		return -ENODEV;
	for (n = 0; !err && n < HVSIM_IRQLINES; n++)
		if (n == HVSIM_ROOT_LINE || (n < nr_cpu_ids && cpu_online(n)))
			err = hvsim_irqline_request(gic, n);
	of_node_put(gic);
	if (err)
		hvsim_irqline_exit();
	return err;
}

/**
 * hvsim_irqline_exit - give the interrupts back
 *
 * No handler runs on return. Context: process.
 */
void hvsim_irqline_exit(void)
{
	unsigned int n;

	for (n = 0; n < HVSIM_IRQLINES; n++) {
		if (!hvsim_irq[n])
			continue;
		hvsim_irq_pin(hvsim_irq[n], NULL);
		free_irq(hvsim_irq[n], (void *)(uintptr_t)n);
		irq_dispose_mapping(hvsim_irq[n]);
		hvsim_irq[n] = 0;
	}
}

/**
 * hvsim_irqline_move - root's line goes to another CPU
 *
 * To hvsim_root_cpu, which has been changed; before the first request there is
 * nothing to do.
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvsim_irqline_move(void)
{
	unsigned int irq = hvsim_irq[HVSIM_ROOT_LINE];

	return irq ? hvsim_irq_pin(irq, cpumask_of(READ_ONCE(hvsim_root_cpu))) :
		     0;
}

/**
 * hvsim_irqline_fire - raise a real interrupt
 * @n: a CPU, or HVSIM_ROOT_LINE
 *
 * Context: any, raw locks held.
 */
void hvsim_irqline_fire(unsigned int n)
{
	irq_set_irqchip_state(hvsim_irq[n], IRQCHIP_STATE_PENDING, true);
}
