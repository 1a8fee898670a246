/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated hypervisor from the inside: what its parts know of each other.
 *
 *	main.c		birth and death, parameters, sysfs
 *	el2.c		the shared page: guests' accesses, answers, the conduit
 *	lines.c		events, SGIs, list registers; the hazards of interrupts
 *	stats.c		counters, latencies, the hazards' dice
 *	linux_guest.c	guest (a): a virtio device driven by stock virtio_net
 *	tool_node.c	a stand-in for hvisor.ko's device node
 *	raw_guest.c	guest (b): a character device, a test program the guest
 *	irqline_*.c	a real hard interrupt on a chosen CPU, per architecture
 *
 * A physical CPU of this machine stands for the guest's CPU and for root's at
 * once.  What a guest does, it does with interrupts off, as at EL2 nothing of
 * root runs on the guest's CPU; what root does in its wake interrupt happens on
 * hvsim_root_cpu in a real hard interrupt.
 *
 * What tests see is the user ABI beside this file; what the module under test
 * sees are hvisor_abi.h and conduit.h, two directories up.
 */
#ifndef HVSIM_SIM_H
#define HVSIM_SIM_H

#include <linux/list.h>
#include <linux/types.h>

#include "conduit.h"
#include "hvisor_abi.h"

/* CPUs that guests may run on, and accesses that may wait on each of them. */
#define HVSIM_MAX_CPUS	8
#define HVSIM_LEVELS	(HVISOR_MAX_CPUS / HVSIM_MAX_CPUS)

/* Interrupt lines for real: one a guest CPU, and root's. */
#define HVSIM_ROOT_LINE	HVSIM_MAX_CPUS
#define HVSIM_IRQLINES	(HVSIM_MAX_CPUS + 1)

/* What happened, in the order in which "counters" lists it. */
enum hvsim_count {
	HVSIM_REQUESTS,		/* requests queued */
	HVSIM_POSTED,		/* of these with need_interrupt == 1 */
	HVSIM_RING_FULL,	/* accesses that found the request ring full */
	HVSIM_WAKES_SENT,	/* wake events sent to root */
	HVSIM_WAKES_TAKEN,	/* wake interrupts root took */
	HVSIM_WAKES_INLINE,	/* of these on behalf of a CPU that spun */
	HVSIM_WAKES_DROPPED,	/* wakes dropped: pending or active (W2) */
	HVSIM_INLINE_LOOKS,	/* looks made for root where its CPU spun */
	HVSIM_W1_HITS,		/* need_wakeup read before req_rear was stored */
	HVSIM_W1_LOST,		/* of these that missed need_wakeup == 1 */
	HVSIM_W2_HITS,		/* wake interrupt kept active for longer */
	HVSIM_I1_HITS,		/* guest interrupt kept active or swallowed */
	HVSIM_E1_HITS,		/* SGIs late, or handling one event of several */
	HVSIM_E1_MERGED,	/* events sent behind an SGI that was pending */
	HVSIM_Z3_HITS,		/* stale interrupts after a guest's restart */
	HVSIM_Z3_DEAD,		/* injections that met one left active by it */
	HVSIM_FINISH_CALLS,	/* FINISH_REQ */
	HVSIM_INJECTIONS,	/* injections tried on a list register */
	HVSIM_INJECTIONS_DROPPED,/* of these dropped: pending, active, I1 */
	HVSIM_INJECTIONS_MERGED,/* entries for an id not yet taken by its CPU */
	HVSIM_GUEST_IRQS,	/* interrupts guests took */
	HVSIM_SPURIOUS,		/* of these with InterruptStatus 0 (guest a) */
	HVSIM_NO_ZONE,		/* entries for a zone that does not run */
	HVSIM_NO_LINE,		/* entries for an interrupt the guest has not */
	HVSIM_NOBODY_WOKEN,	/* wakes taken while root had no handler */
	HVSIM_GAVE_UP,		/* accesses without answer, root being there */
	HVSIM_GAVE_UP_DETACHED,	/* the same, root being detached */
	HVSIM_NO_PAGE,		/* accesses before INIT_VIRTIO: a panic of EL2 */
	HVSIM_STRAY_ANSWERS,	/* answers when nobody waited */
	HVSIM_PAGES,		/* INIT_VIRTIO with another page than before */
	HVSIM_Z2_ACCESSES,	/* accesses of a zone while it is shut down */
	HVSIM_Z2_FINISHES,	/* FINISH_REQ meanwhile */
	HVSIM_PANICS,		/* what else would have panicked EL2 (I2) */
	HVSIM_STALE_EVENTS,	/* not counted: events left in EL2's queues now */
	HVSIM_COUNTS,
};

/* The hazards, in percent. */
enum hvsim_hazard {
	HVSIM_W1,
	HVSIM_W2,
	HVSIM_I1,
	HVSIM_E1,
	HVSIM_Z3,
	HVSIM_HAZARDS,
};

/* Blocking accesses, by how they waited. */
enum hvsim_latency {
	HVSIM_LATENCY_SPUN,
	HVSIM_LATENCY_SLEPT,
	HVSIM_LATENCIES,
};

/**
 * struct hvsim_guest - a zone's virtio region, and so a reason for it to run
 * @node: in the list of all, under lines.c's lock
 * @zone: the zone
 * @base: start of the virtio region, guest-physical
 * @len: its length
 */
struct hvsim_guest {
	struct list_head node;
	u32 zone;
	u64 base;
	u64 len;
};

/**
 * struct hvsim_access - one access of a guest
 * @addr: guest-physical address
 * @value: in: what is written; out: the answer, unmasked
 * @size: 1, 2, 4 or 8
 * @write: it is a write
 * @posted: out: nobody waited
 * @gave_up: out: no answer in time
 * @slept: out: interrupts were let in
 * @src_cpu: out: the vCPU as root sees it
 * @latency_ns: out: how long it took
 */
struct hvsim_access {
	u64 addr;
	u64 value;
	u32 size;
	bool write;
	bool posted;
	bool gave_up;
	bool slept;
	u32 src_cpu;
	u64 latency_ns;
};

/* el2.c */
extern struct hvnet_conduit hvsim_conduit;
int hvsim_access(const struct hvsim_guest *g, struct hvsim_access *a,
		 bool may_sleep);
void hvsim_call_wake(void);
void hvsim_zone_shutdown(u32 zone, bool stops);
int hvsim_steal(void);
void hvsim_free_stolen(void);
struct hvisor_page *hvsim_page(void);

/* lines.c */
struct hvsim_line;
void hvsim_lines_init(void);
void hvsim_guest_start(struct hvsim_guest *g);
void hvsim_guest_stop(struct hvsim_guest *g);
struct hvsim_line *hvsim_line_add(u32 zone, u32 irq, unsigned int cpu,
				  bool manual_eoi, void (*taken)(void *arg),
				  void *arg);
void hvsim_line_del(struct hvsim_line *line);
int hvsim_line_eoi(struct hvsim_line *line);
void hvsim_lines_park(u32 zone);
void hvsim_line_haunt(struct hvsim_line *line);
void hvsim_line_interrupt(unsigned int n);
void hvsim_el2_enter(unsigned int cpu);
void hvsim_el2_leave(unsigned int cpu);
void hvsim_wake_root(void);
bool hvsim_take_wake_inline(void);
int hvsim_finish(struct hvnet_conduit *c);
u64 hvsim_stale_events(void);
void hvsim_hold_zones(bool hold);

/* stats.c */
extern unsigned int hvsim_hazard[HVSIM_HAZARDS];
void hvsim_count(enum hvsim_count which);
void hvsim_latency_add(enum hvsim_latency which, u64 ns);
ssize_t hvsim_counters_show(char *buf);
ssize_t hvsim_latency_show(enum hvsim_latency which, char *buf);
void hvsim_stats_reset(void);
void hvsim_seed(u64 seed);
bool hvsim_roll(enum hvsim_hazard which);
void hvsim_delay_up_to(unsigned int max_ns);

/* linux_guest.c */
int hvsim_linux_guest_add(char *spec);
int hvsim_linux_guest_del(char *spec);
ssize_t hvsim_linux_guests_show(char *buf);
void hvsim_linux_guests_exit(void);

/* raw_guest.c */
int hvsim_raw_init(u64 base, u64 size);
void hvsim_raw_exit(void);

/* tool_node.c */
int hvsim_tool_init(void);
void hvsim_tool_exit(void);

/* main.c */
extern unsigned int hvsim_timeout_ms;
extern unsigned int hvsim_first_spi;
extern unsigned int hvsim_root_cpu;
struct device *hvsim_parent(void);

/* irqline_arm64.c, irqline_ipi.c */
int hvsim_irqline_init(void);
void hvsim_irqline_exit(void);
int hvsim_irqline_move(void);
void hvsim_irqline_fire(unsigned int n);

#endif /* HVSIM_SIM_H */
