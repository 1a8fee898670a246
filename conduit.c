// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real conduit: hvisor's hypercalls and the wake interrupt from the node
 * that hvisor's users put into root's device tree.  What travels through it is
 * hvpage.c's business.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/platform_device.h>

#include "conduit.h"
#include "hvisor_abi.h"
#include "reason.h"

/**
 * struct hvnet_hvc - the hypervisor, reached by hypercalls
 * @c: what the page code sees of it
 * @pdev: the device tree node's device
 * @irq: the wake interrupt
 * @wake: who serves it
 * @arg: their argument
 */
struct hvnet_hvc {
	struct hvnet_conduit c;
	struct platform_device *pdev;
	int irq;
	hvnet_wake_fn wake;
	void *arg;
};

static irqreturn_t hvnet_hvc_irq(int irq, void *data)
{
	struct hvnet_hvc *hvc = data;

	hvc->wake(hvc->arg);
	return IRQ_HANDLED;
}

static int hvnet_hvc_attach(struct hvnet_conduit *c, phys_addr_t page,
			    hvnet_wake_fn wake, void *arg)
{
	struct hvnet_hvc *hvc = c->priv;
	int err;

	hvc->wake = wake;
	hvc->arg = arg;
	/*
	 * hvisor-tool's module requests the same line, shared. Never a thread:
	 * a vCPU spins until its access is answered.
	 */
	err = request_irq(hvc->irq, hvnet_hvc_irq,
			  IRQF_SHARED | IRQF_NO_THREAD, "hvisor_vnet", hvc);
	if (err == -EBUSY)
		dev_err(&hvc->pdev->dev,
			"hvisor.ko does not share the wake interrupt: are interrupts threads (threadirqs, PREEMPT_RT)?\n");
	if (err)
		return err;
	err = hvisor_call(HVISOR_INIT_VIRTIO, page);
	if (err) {
		free_irq(hvc->irq, hvc);
		return err;
	}
	/*
	 * EL2 has the page for good. A platform device made from a device tree
	 * has no platform data of its own, and its device outlives the module.
	 */
	hvc->pdev->dev.platform_data = c->page;
	return 0;
}

static void hvnet_hvc_detach(struct hvnet_conduit *c)
{
	struct hvnet_hvc *hvc = c->priv;

	free_irq(hvc->irq, hvc);
}

static int hvnet_hvc_finish(struct hvnet_conduit *c)
{
	return hvisor_call(HVISOR_FINISH_REQ, 0);
}

/*
 * EL2 has no PSCI CPU_OFF: it panics, and the board with it (C1). So root's CPUs
 * stay online, suspending included, for as long as we can say so.
 */
static int hvnet_hvc_cpu_offline(unsigned int cpu)
{
	pr_err_ratelimited("CPU %u stays online: hvisor panics when one of root's goes offline\n",
			   cpu);
	return -EBUSY;
}

static void hvnet_hvc_let_cpus_go(void *state)
{
	/* Not asked again: asking would be answered by the above. */
	cpuhp_remove_state_nocalls((uintptr_t)state);
}

static int hvnet_hvc_keep_cpus(struct device *dev)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
					      "hvisor_vnet:online", NULL,
					      hvnet_hvc_cpu_offline);

	if (state < 0)
		return state;
	return devm_add_action_or_reset(dev, hvnet_hvc_let_cpus_go,
					(void *)(uintptr_t)state);
}

/**
 * hvnet_hvc_conduit - the conduit of a device tree node
 * @pdev: the node's device; the conduit lives as long as it is bound
 * @why: the reason of a refusal
 *
 * The node is the promise that hvisor is there, without which no hypercall may
 * be issued.
 *
 * Context: process. Return: the conduit or an ERR_PTR.
 */
struct hvnet_conduit *hvnet_hvc_conduit(struct platform_device *pdev,
					struct hvnet_reason *why)
{
	struct hvnet_hvc *hvc;
	int err;

	if (!HVISOR_HAVE_HYPERCALL)
		return ERR_PTR(hvnet_refuse(why, -ENODEV,
					    "hvisor's hypercalls are not known here"));
	hvc = devm_kzalloc(&pdev->dev, sizeof(*hvc), GFP_KERNEL);
	if (!hvc)
		return ERR_PTR(hvnet_refuse(why, -ENOMEM, "out of memory"));
	hvc->irq = platform_get_irq(pdev, 0);
	if (hvc->irq < 0)
		return ERR_PTR(hvnet_refuse(why, hvc->irq,
					    "the device tree node names no usable wake interrupt (error %d)",
					    hvc->irq));
	err = hvnet_hvc_keep_cpus(&pdev->dev);
	if (err)
		return ERR_PTR(hvnet_refuse(why, err,
					    "root's CPUs cannot be kept online (error %d)",
					    err));
	hvc->pdev = pdev;
	hvc->c.name = "hvc";
	hvc->c.priv = hvc;
	hvc->c.attach = hvnet_hvc_attach;
	hvc->c.detach = hvnet_hvc_detach;
	hvc->c.finish = hvnet_hvc_finish;
	hvc->c.page = pdev->dev.platform_data;
	return &hvc->c;
}
