/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tiny hypervisor (selftests/vm/el2stub.S) and the module that tests
 * talk to it through (el2ctl.c) agree on: where it is, which hypercalls it has
 * beside hvisor's, and what it counts.  Read by the assembler too.  The page's
 * layout is ../../../hvisor_abi.h's; el2ctl.c checks that the offsets below,
 * which an assembler cannot get from there, are the same.
 */
#ifndef EL2STUB_H
#define EL2STUB_H

/* Its node in root's device tree, below reserved-memory. */
#define EL2STUB_COMPATIBLE	"hvisor-vnet,el2stub"

/* Where it is loaded, and the kernel that it starts; see ../../vm/run.sh. */
#define EL2STUB_BASE		0x40200000
#define EL2STUB_KERNEL		0x40400000

/* Hypercalls that hvisor does not have. */
#define EL2STUB_READ		0x1000	/* arg: EL2STUB_*; returns its value */
#define EL2STUB_WAKE		0x2000	/* send the wake interrupt */

/* What can be read: 64-bit words. */
#define EL2STUB_PAGE		0	/* the page of the last INIT_VIRTIO */
#define EL2STUB_INITS		1	/* INIT_VIRTIO that succeeded */
#define EL2STUB_FINISHES	2	/* FINISH_REQ */
#define EL2STUB_UNKNOWN		3	/* calls that neither of us has */
#define EL2STUB_REFUSED		4	/* calls answered with an error */
#define EL2STUB_INJECTED	5	/* responses taken */
#define EL2STUB_LAST_ZONE	6	/* of the last response */
#define EL2STUB_LAST_IRQ	7	/* of the last response */
#define EL2STUB_WAKES		8	/* wake interrupts sent */
#define EL2STUB_WORDS		9

/* In the page. */
#define EL2STUB_RES_FRONT	8
#define EL2STUB_RES_REAR	12
#define EL2STUB_RES		1296
#define EL2STUB_RING_MASK	31

/* The wake interrupt's id, and its bit in the GIC of QEMU's virt machine. */
#define EL2STUB_WAKE_IRQ	64
#define EL2STUB_GICD_ISPENDR	(0x08000200 + EL2STUB_WAKE_IRQ / 32 * 4)

#endif /* EL2STUB_H */
