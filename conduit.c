// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real conduit: hvisor's hypercalls and the wake interrupt from the node
 * that hvisor's users put into root's device tree.  What travels through it is
 * hvpage.c's business.
 */
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
	hvc->pdev = pdev;
	hvc->c.name = "hvc";
	hvc->c.priv = hvc;
	hvc->c.attach = hvnet_hvc_attach;
	hvc->c.detach = hvnet_hvc_detach;
	hvc->c.finish = hvnet_hvc_finish;
	hvc->c.page = pdev->dev.platform_data;
	return &hvc->c;
}
