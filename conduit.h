/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The conduit: how the module reaches the hypervisor.  The real one issues
 * hypercalls and takes the wake interrupt that root's device tree names
 * (conduit.c); the simulator's (selftests/hvisor_sim) is handed to the module
 * as the platform data of a device called HVNET_SIM_DEVICE.  Neither module
 * needs a symbol of the other, and they may be loaded in any order.
 */
#ifndef HVNET_CONDUIT_H
#define HVNET_CONDUIT_H

#include <linux/types.h>

/* Name of the platform device whose platform data is a struct hvnet_conduit. */
#define HVNET_SIM_DEVICE	"hvisor-sim"

/**
 * typedef hvnet_wake_fn - the wake interrupt arrived
 * @arg: what was given to attach
 *
 * Context: hard interrupt, interrupts off, on the CPU that took the interrupt
 * and before its EOI.  (The simulator also calls it, interrupts off, on root's
 * wake CPU while a simulated vCPU spins there, which stands for the interrupt
 * that could not be taken.)
 */
typedef void (*hvnet_wake_fn)(void *arg);

/**
 * struct hvnet_conduit - one way to the hypervisor
 * @name: "hvc" or "sim", for messages and sysfs
 * @priv: the conduit's own
 * @root_ram_ok: guests may live in root's own RAM. True only in the simulator,
 *	whose Linux guest shares the kernel with root.
 * @attach: use the page at this physical address from now on and call wake
 *	when a request is queued while need_wakeup is 1. Process context.
 *	Called again with another page it forgets the old one.
 * @detach: no call of wake runs or will run any more once this returns. The
 *	hypervisor keeps the page: there is no way to take it back.
 *	Process context.
 * @finish: FINISH_REQ: the response ring is drained, its interrupts injected,
 *	before this returns. Any context, interrupts off; one caller at a time.
 * @page: where the page stays while the module is not loaded, NULL until the
 *	first attach. The hypervisor may write to it for as long as the machine
 *	runs, so it is never freed and a module loaded again takes it up.
 */
struct hvnet_conduit {
	const char *name;
	void *priv;
	bool root_ram_ok;
	int (*attach)(struct hvnet_conduit *c, phys_addr_t page,
		      hvnet_wake_fn wake, void *arg);
	void (*detach)(struct hvnet_conduit *c);
	int (*finish)(struct hvnet_conduit *c);
	void *page;
};

struct hvnet_reason;
struct platform_device;

struct hvnet_conduit *hvnet_hvc_conduit(struct platform_device *pdev,
					struct hvnet_reason *why);

#endif /* HVNET_CONDUIT_H */
