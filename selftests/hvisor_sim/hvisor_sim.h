/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How tests talk to the simulated hypervisor, hvisor_sim.ko: the raw guest's
 * device node, the sysfs files and the module parameters.  Included by the
 * module and by user-space tests.  How the simulator works is explained in
 * sim.h and el2.c.
 *
 * /dev/hvisor_raw
 *	Each open file is a raw guest: a vCPU (or several: threads may share a
 *	file) of one zone, played by a test program. Several files may belong to
 *	the same zone, for instance one per virtio region. Closing the last file
 *	of a zone stops the zone.
 *
 *	mmap(offset, length) maps part of the raw RAM, root-physical address
 *	raw_base + offset, write-back. Shared mappings only. The raw RAM is
 *	a no-map reservation that root's kernel does not map. All files see the
 *	same raw RAM; the test tells hvisor_vnet which part belongs to whom, and
 *	at what guest-physical address.
 *
 * /sys/kernel/hvisor_sim/
 *	new_guest	write "zone=1 addr=0xa003600 irq=75 cpu=1
 *			[region=BASE,LEN] [mask=FEATURES]": adds a Linux guest,
 *			a virtio device in root's own kernel that is driven by
 *			the stock virtio_net, its interrupts taken on that CPU.
 *			The region defaults to addr,0x200. Features set in mask
 *			are hidden from the driver. Fails with ENODEV if no
 *			device answers at addr.
 *	del_guest	write "zone=1 addr=0xa003600"
 *	guests		one line a Linux guest: "zone=1 addr=0xa003600 irq=75
 *			cpu=1 dev=virtio0"; its network interface is in
 *			/sys/bus/virtio/devices/virtio0/net/
 *	counters	one line a counter: "name value"; see the enum
 *			in sim.h for names and meaning
 *	latency		how long blocking accesses took that were made with
 *			interrupts off throughout: first "count N", "max_ns N",
 *			"p50_ns N", "p99_ns N", "p999_ns N"; then one line
 *			a non-empty bucket: "UPPER_NS COUNT". 8 buckets per
 *			power of two.
 *	latency_slept	the same for those that had to let interrupts in while
 *			they waited (answers deferred to a worker)
 *	steal		write anything: somebody gives the hypervisor another
 *			page, which nobody serves, until root attaches again
 *	reset		write anything: counters and latencies start at 0
 *
 * Module parameters, /sys/module/hvisor_sim/parameters/
 *	w1 w2 i1 e1 z3	hazards: how many percent of the chances for this loss
 *			are taken; 0 to 100, default 0, at any time
 *	seed		of the hazards' random numbers; writing it starts the
 *			sequence anew
 *	timeout_ms	a blocking access gives up after this long (10000)
 *	root_ram	root's own RAM may be a guest's (Y); the raw guest needs
 *			it no more than a board does, the Linux guest does
 *	raw_base raw_size	the raw RAM; at load time only
 *	spi		first of the shared peripheral interrupts used on
 *			arm64, one a CPU and one for root (160); at load time
 */
#ifndef HVISOR_SIM_H
#define HVISOR_SIM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVSIM_RAW_DEVICE	"/dev/hvisor_raw"
#define HVSIM_SYSFS		"/sys/kernel/hvisor_sim"

/**
 * struct hvsim_raw_zone - what zone a file belongs to
 * @zone: the zone, 1 or more
 * @pad: 0
 * @base: start of the zone's virtio region, guest-physical
 * @len: its length
 *
 * A read or write at @base + 0x50 exactly is posted (need_interrupt = 1), any
 * other waits for its answer.
 */
struct hvsim_raw_zone {
	__u32 zone;
	__u32 pad;
	__u64 base;
	__u64 len;
};

#define HVSIM_ACCESS_WRITE	0x1	/* in: a write, else a read */
#define HVSIM_ACCESS_POSTED	0x2	/* out: nobody waited for an answer */
#define HVSIM_ACCESS_GAVE_UP	0x4	/* out: there was no answer in time */
#define HVSIM_ACCESS_SLEPT	0x8	/* out: interrupts were let in */

/**
 * struct hvsim_raw_access - one access to a register
 * @addr: guest-physical address, inside the file's region
 * @value: in: what is written; out: the answer, exactly as root gave it, not
 *	masked to @size; 0 if posted or given up
 * @size: 1, 2, 4 or 8; @addr need not be aligned
 * @flags: HVSIM_ACCESS_*
 * @latency_ns: out: from the access until the answer
 * @src_cpu: out: the vCPU number that root saw
 * @pad: 0
 */
struct hvsim_raw_access {
	__u64 addr;
	__u64 value;
	__u32 size;
	__u32 flags;
	__u64 latency_ns;
	__u32 src_cpu;
	__u32 pad;
};

#define HVSIM_IRQ_MANUAL_EOI	0x1	/* active until HVSIM_RAW_EOI */

/**
 * struct hvsim_raw_irq - where one of the zone's interrupts goes
 * @irq: interrupt id, as injected by root
 * @cpu: the CPU that takes it
 * @eventfd: signalled once for every interrupt taken; -1 takes the line away
 * @flags: HVSIM_IRQ_*
 *
 * While the line is pending or active an injection is dropped, as on hvisor.
 * Without HVSIM_IRQ_MANUAL_EOI it is active only until the eventfd has been
 * signalled.
 */
struct hvsim_raw_irq {
	__u32 irq;
	__u32 cpu;
	__s32 eventfd;
	__u32 flags;
};

/**
 * struct hvsim_raw_ram - the raw RAM
 * @base: root-physical address; offset 0 of mmap
 * @size: bytes; 0 if the module was given none
 */
struct hvsim_raw_ram {
	__u64 base;
	__u64 size;
};

#define HVSIM_IOC		0xb6

/* Once per file, before all others but GET_RAM. EBUSY the second time. */
#define HVSIM_RAW_SET_ZONE	_IOW(HVSIM_IOC, 0, struct hvsim_raw_zone)
/*
 * On the calling thread's CPU, interrupts off. EFAULT outside of the region
 * (hvisor would stop the zone). Succeeds when it gives up: see the flag.
 */
#define HVSIM_RAW_ACCESS	_IOWR(HVSIM_IOC, 1, struct hvsim_raw_access)
/* EEXIST if that irq of the zone is somebody else's. */
#define HVSIM_RAW_SET_IRQ	_IOW(HVSIM_IOC, 2, struct hvsim_raw_irq)
/* The guest's end of interrupt; the argument is a __u32 interrupt id. */
#define HVSIM_RAW_EOI		_IOW(HVSIM_IOC, 3, __u32)
#define HVSIM_RAW_GET_RAM	_IOR(HVSIM_IOC, 4, struct hvsim_raw_ram)

/**
 * struct hvsim_tool_call - the last call that reached /dev/hvisor
 * @arg: its argument
 * @cmd: the command
 * @cpu: where it was made
 * @count: calls so far
 * @pad: 0
 *
 * /dev/hvisor stands for hvisor.ko's node: it notes every call and does nothing,
 * but ZONE_SHUTDOWN takes its time, and an interrupt of the zone that is active
 * then is dead until its line is taken away; a call whose argument is 31 it refuses
 * with EINVAL.
 */
struct hvsim_tool_call {
	__u64 arg;
	__u32 cmd;
	__u32 cpu;
	__u32 count;
	__u32 pad;
};

#define HVSIM_TOOL_LAST_CALL	_IOR(HVSIM_IOC, 5, struct hvsim_tool_call)

#endif /* HVISOR_SIM_H */
