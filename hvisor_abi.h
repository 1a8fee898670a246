/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hvisor promises, in C: the layout of the page it shares with root Linux
 * and the numbers of its hypercalls.  Every fact about the hypervisor's binary
 * interface lives here and nowhere else; what to do with it lives in hvpage.c.
 * This is the only file that asks which architecture it is built for.
 *
 * Everything is little endian and naturally aligned.  hvisor runs on little
 * endian machines only, so plain integers are used and Kbuild refuses others.
 */
#ifndef HVISOR_ABI_H
#define HVISOR_ABI_H

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define HVISOR_RING_SIZE	32	/* slots of either ring; 31 are usable */
#define HVISOR_RING_MASK	(HVISOR_RING_SIZE - 1)
#define HVISOR_MAX_CPUS		32	/* cfg_flags[] and cfg_values[] by src_cpu */
#define HVISOR_PAGE_SIZE	4096

/*
 * FINISH_REQ panics EL2 when more interrupt ids than this are outstanding for
 * one target CPU.  All interrupts of a zone go to its first CPU, and root
 * cannot see what is outstanding: so it is a limit of ids per zone.
 */
#define HVISOR_ZONE_MAX_IRQS	7

/**
 * struct hvisor_request - one trapped access of a guest
 * @src_cpu: physical CPU of the vCPU that did it; indexes cfg_flags
 * @address: guest-physical address
 * @size: width in bytes: 1, 2, 4 or 8
 * @value: what is written, if it is a write
 * @src_zone: the zone that did it
 * @is_write: 1 for a write
 * @need_interrupt: 1 if nobody waits for an answer (a queue notify), else 0
 * @pad: unused
 */
struct hvisor_request {
	u64 src_cpu;
	u64 address;
	u64 size;
	u64 value;
	u32 src_zone;
	u8 is_write;
	u8 need_interrupt;
	u16 pad;
};

/**
 * struct hvisor_response - one interrupt to inject
 * @target_zone: zone whose first CPU takes it
 * @irq_id: interrupt id as the guest's interrupt controller numbers it
 */
struct hvisor_response {
	u32 target_zone;
	u32 irq_id;
};

/**
 * struct hvisor_page - the page shared with EL2, "virtio_bridge" in hvisor
 * @req_front: next request root consumes; written by root
 * @req_rear: next free request slot; written by EL2
 * @res_front: next response EL2 takes; written by EL2
 * @res_rear: next free response slot; written by root
 * @req: requests, full when (rear + 1) & HVISOR_RING_MASK == front
 * @res: responses, full by the same rule
 * @cfg_flags: incremented by root (release) when it has answered a vCPU
 * @cfg_values: the answers
 * @mmio_addrs: unused by EL2 today
 * @mmio_avail: unused by EL2 today
 * @need_wakeup: 1 if EL2 shall send the wake interrupt for the next request
 */
struct hvisor_page {
	u32 req_front;
	u32 req_rear;
	u32 res_front;
	u32 res_rear;
	struct hvisor_request req[HVISOR_RING_SIZE];
	struct hvisor_response res[HVISOR_RING_SIZE];
	u64 cfg_flags[HVISOR_MAX_CPUS];
	u64 cfg_values[HVISOR_MAX_CPUS];
	u64 mmio_addrs[8];
	u8 mmio_avail;
	u8 need_wakeup;
};

static_assert(sizeof(struct hvisor_request) == 40);
static_assert(sizeof(struct hvisor_response) == 8);
static_assert(offsetof(struct hvisor_page, req) == 16);
static_assert(offsetof(struct hvisor_page, res) == 1296);
static_assert(offsetof(struct hvisor_page, cfg_flags) == 1552);
static_assert(offsetof(struct hvisor_page, cfg_values) == 1808);
static_assert(offsetof(struct hvisor_page, mmio_addrs) == 2064);
static_assert(offsetof(struct hvisor_page, mmio_avail) == 2128);
static_assert(offsetof(struct hvisor_page, need_wakeup) == 2129);
static_assert(sizeof(struct hvisor_page) <= HVISOR_PAGE_SIZE);

enum hvisor_hypercall {
	HVISOR_INIT_VIRTIO = 0,		/* arg: physical address of the page */
	HVISOR_FINISH_REQ = 1,		/* drain res[] and inject */
};

/*
 * What hvisor-tool asks of its kernel module's device node.  Most commands
 * encode the size of a pointer, whatever the argument points to.
 */
#define HVISOR_TOOL_IOC			1
#define HVISOR_TOOL_INIT_VIRTIO		_IO(HVISOR_TOOL_IOC, 0)
#define HVISOR_TOOL_FINISH_REQ		_IO(HVISOR_TOOL_IOC, 2)
/* The argument points to a configuration; it begins with the u32 id. */
#define HVISOR_TOOL_ZONE_START		_IOW(HVISOR_TOOL_IOC, 3, u64)
/* The arguments of these two are values: the id, the file descriptor. */
#define HVISOR_TOOL_ZONE_SHUTDOWN	_IOW(HVISOR_TOOL_IOC, 4, u64)
#define HVISOR_TOOL_SET_EVENTFD		_IOW(HVISOR_TOOL_IOC, 7, int)
#define HVISOR_TOOL_LOAD_IMAGE		_IOW(HVISOR_TOOL_IOC, 8, \
					     struct hvisor_tool_image)

/**
 * struct hvisor_tool_image - copy something into a zone's RAM
 * @user_buffer: from there
 * @size: bytes
 * @load_paddr: root-physical address
 */
struct hvisor_tool_image {
	u64 user_buffer;
	u64 size;
	u64 load_paddr;
};

static_assert(sizeof(struct hvisor_tool_image) == 24);

/* Root's device tree has a node of this kind exactly when hvisor is there. */
#define HVISOR_COMPATIBLE	"hvisor"

#ifdef CONFIG_ARM64
#define HVISOR_HAVE_HYPERCALL	1
#define HVISOR_IRQ_MIN		32	/* below are a CPU's private ones */
#define HVISOR_IRQ_MAX		1019

/**
 * hvisor_call - issue a hypercall
 * @code: one of enum hvisor_hypercall
 * @arg: its argument, 0 if it has none
 *
 * Only ever call this after the device tree said that hvisor is there: the
 * instruction is undefined otherwise.
 *
 * Context: any. Return: 0 or a negative errno.
 */
static inline long hvisor_call(enum hvisor_hypercall code, u64 arg)
{
	register u64 x0 asm("x0") = code;
	register u64 x1 asm("x1") = arg;
	register u64 x2 asm("x2") = 0;

	asm volatile("hvc #0x4856"
		     : "+r" (x0), "+r" (x1), "+r" (x2)
		     :
		     : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
		       "x12", "x13", "x14", "x15", "x16", "x17", "memory");
	return (long)x0;
}
#elif defined(CONFIG_RISCV_SBI) && defined(CONFIG_64BIT)
#include <asm/sbi.h>

#define HVISOR_HAVE_HYPERCALL	1
#define HVISOR_IRQ_MIN		1	/* sources of a PLIC, or of an APLIC */
#define HVISOR_IRQ_MAX		1023

/* An extension of the SBI; its code is where others have their first argument. */
#define HVISOR_SBI_EXTENSION	0x114514

/* As above. */
static inline long hvisor_call(enum hvisor_hypercall code, u64 arg)
{
	struct sbiret ret = sbi_ecall(HVISOR_SBI_EXTENSION, 0, code, arg,
				      0, 0, 0, 0);

	/* hvisor says why; firmware, which knows of no hvisor, does not. */
	if (ret.error && ret.value >= 0)
		return -ENODEV;
	return ret.value;
}
#else
#define HVISOR_HAVE_HYPERCALL	0
#define HVISOR_IRQ_MIN		1
#define HVISOR_IRQ_MAX		1023

static inline long hvisor_call(enum hvisor_hypercall code, u64 arg)
{
	return -ENODEV;
}
#endif

#endif /* HVISOR_ABI_H */
