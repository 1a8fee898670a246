/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor of a few hundred bytes, so that the real conduit (conduit.c) can
 * be tested where hvisor is not: QEMU starts this at EL2 as if it were the
 * kernel, it starts the real kernel at EL1 and from then on answers hypercalls
 * made with "hvc #0x4856".  Of hvisor it has INIT_VIRTIO and FINISH_REQ; it
 * runs no guest, so el2ctl.ko puts the requests into the page and it sends the
 * wake interrupt for them.  One CPU only.
 *
 * EL2 runs without MMU and caches.  Under QEMU that is as coherent as it gets;
 * a real machine would want cache maintenance here.  The code runs wherever it
 * is loaded.
 */
#include "../hvisor_vnet/el2ctl/el2stub.h"

#define IMAGE_SIZE	0x10000

#define HCR_RW		(1 << 31)	/* EL1 is AArch64, nothing is trapped */
#define CNTHCTL_EL1	3		/* EL1 may use counter and timer */
#define CPTR_NO_TRAPS	0x33ff
#define ICC_SRE_EL1	9		/* EL1 may use the GIC's registers */
#define SCTLR_EL1_OFF	0x30d00800	/* RES1 bits: MMU and caches off */
#define SPSR_EL1H	0x3c5		/* to EL1, own stack, all masked */

#define ESR_HVC		0x16		/* exception class: HVC from AArch64 */
#define HVISOR_HVC	0x4856

#define HVISOR_INIT_VIRTIO	0
#define HVISOR_FINISH_REQ	1

#define ENODEV		19
#define EINVAL		22

#define PSCI_SYSTEM_OFF		0x84000008

	.text

/* Header of an arm64 kernel (Documentation/arm64/booting.rst). */
image:
	b	start
	nop
	.quad	EL2STUB_BASE - 0x40000000	/* offset from start of RAM */
	.quad	IMAGE_SIZE
	.quad	2				/* little endian, 4K pages */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

/*
 * From the boot loader: x0 = device tree, x1..x3 = 0; the kernel gets the same.
 * What EL1 must find is in the same document, "Call the kernel image".
 */
start:
	mov	x4, #HCR_RW
	msr	hcr_el2, x4
	mov	x4, #CNTHCTL_EL1
	msr	cnthctl_el2, x4
	msr	cntvoff_el2, xzr
	mov	x4, #CPTR_NO_TRAPS
	msr	cptr_el2, x4
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr

	/* All event counters are EL1's. */
	mrs	x4, pmcr_el0
	ubfx	x4, x4, #11, #5
	msr	mdcr_el2, x4

	/* EL1 sees the CPU as it is. */
	mrs	x4, midr_el1
	msr	vpidr_el2, x4
	mrs	x4, mpidr_el1
	msr	vmpidr_el2, x4

	/* The GIC, if it has system registers (GICv3). */
	mrs	x4, id_aa64pfr0_el1
	ubfx	x4, x4, #24, #4
	cbz	x4, 1f
	mrs	x4, S3_4_C12_C9_5		/* ICC_SRE_EL2 */
	mov	x5, #ICC_SRE_EL1
	orr	x4, x4, x5
	msr	S3_4_C12_C9_5, x4
	isb
	msr	S3_4_C12_C11_0, xzr		/* ICH_HCR_EL2 */
1:
	adr	x4, vectors
	msr	vbar_el2, x4
	ldr	x4, =SCTLR_EL1_OFF
	msr	sctlr_el1, x4
	mov	x4, #SPSR_EL1H
	msr	spsr_el2, x4
	ldr	x4, =EL2STUB_KERNEL
	msr	elr_el2, x4
	isb
	eret

/* Sixteen entries of 32 instructions; only the one for EL1's HVC is expected. */
	.balign	2048
vectors:
	.rept	8
	.balign	128
	b	off
	.endr
	.balign	128
	b	sync_from_el1
	.rept	7
	.balign	128
	b	off
	.endr
	.balign	128

/* Something that cannot be: end the machine, the rig will see it. */
off:
	ldr	x0, =PSCI_SYSTEM_OFF
	smc	#0
	b	.

/* A hypercall may change x0..x17 and no other (see hvisor_call()). */
sync_from_el1:
	msr	tpidr_el2, x3
	mrs	x3, esr_el2
	lsr	x3, x3, #26
	cmp	x3, #ESR_HVC
	b.ne	off
	mrs	x3, esr_el2
	and	x3, x3, #0xffff
	sub	x3, x3, #HVISOR_HVC & 0xf000
	subs	x3, x3, #HVISOR_HVC & 0xfff
	b.eq	hypercall
	/* Somebody else's: as "not supported" as SMCCC has it. */
	mov	x0, #-1
	mrs	x3, tpidr_el2
	eret

/* x0 = code, x1 = argument; x3 = the words, x4 and up are free. */
hypercall:
	adr	x3, words
	cmp	x0, #HVISOR_INIT_VIRTIO
	b.eq	init_virtio
	cmp	x0, #HVISOR_FINISH_REQ
	b.eq	finish_req
	cmp	x0, #EL2STUB_READ
	b.eq	read_word
	cmp	x0, #EL2STUB_WAKE
	b.eq	wake
	mov	x4, #EL2STUB_UNKNOWN
	b	count_success			/* as hvisor does */

init_virtio:
	mov	x0, #-EINVAL
	cbz	x1, refuse
	tst	x1, #0xfff
	b.ne	refuse
	str	x1, [x3, #8 * EL2STUB_PAGE]
	mov	x4, #EL2STUB_INITS
	b	count_success

/* Take every response, in order. */
finish_req:
	mov	x0, #-ENODEV			/* hvisor would panic */
	ldr	x5, [x3, #8 * EL2STUB_PAGE]
	cbz	x5, refuse
	add	x6, x5, #EL2STUB_RES
	ldr	w7, [x5, #EL2STUB_RES_FRONT]
	ldr	w8, [x5, #EL2STUB_RES_REAR]
	ldr	x9, [x3, #8 * EL2STUB_INJECTED]
1:	cmp	w7, w8
	b.eq	2f
	add	x10, x6, x7, lsl #3
	ldp	w11, w12, [x10]
	str	x11, [x3, #8 * EL2STUB_LAST_ZONE]
	str	x12, [x3, #8 * EL2STUB_LAST_IRQ]
	add	x9, x9, #1
	add	w7, w7, #1
	and	w7, w7, #EL2STUB_RING_MASK
	b	1b
2:	str	x9, [x3, #8 * EL2STUB_INJECTED]
	dmb	sy
	str	w7, [x5, #EL2STUB_RES_FRONT]
	mov	x4, #EL2STUB_FINISHES
	b	count_success

/* The SPI is an edge: setting it pending is all that a device would do. */
wake:
	ldr	x5, =EL2STUB_GICD_ISPENDR
	mov	w6, #1 << (EL2STUB_WAKE_IRQ % 32)
	dsb	sy				/* the request is there first */
	str	w6, [x5]
	dsb	sy
	mov	x4, #EL2STUB_WAKES
	b	count_success

read_word:
	mov	x0, #-EINVAL
	cmp	x1, #EL2STUB_WORDS
	b.hs	refuse
	ldr	x0, [x3, x1, lsl #3]
	b	done

refuse:
	mov	x4, #EL2STUB_REFUSED
	b	count
count_success:
	mov	x0, #0
/* Word x4 grows by one. */
count:
	ldr	x5, [x3, x4, lsl #3]
	add	x5, x5, #1
	str	x5, [x3, x4, lsl #3]
/* A caller that counts on what a hypercall may change shall notice. */
done:
	mov	x1, #-1
	mov	x2, #-1
	.irp	n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, #-1
	.endr
	eret

	.ltorg
	.balign	8
words:
	.fill	EL2STUB_WORDS, 8, 0
