// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page shared with root, seen from hvisor: a guest's access becomes
 * a request, the vCPU waits for the answer.  Also the conduit, through which
 * root gives the page.  How interrupts get from one CPU to another is in
 * lines.c.
 *
 * A vCPU spins at EL2 with interrupts off.  So does a simulated one, but there
 * are two differences, because root shares the CPU with it:
 *
 * - On root's CPU 0 the wake interrupt cannot be taken, nor can anything that
 *   root put off until interrupts are on again.  So the spinning access makes
 *   root's looks itself, by calling the wake function: at once if a wake is
 *   pending or root has cleared need_wakeup, and else every 10 us.
 *
 * - An answer that root defers to a worker may need this CPU.  Accesses made
 *   where sleeping is allowed therefore let interrupts in after a while, and
 *   poll. Others spin until there is an answer.
 *
 * hvisor indexes cfg_flags by physical CPU.  Here several accesses may wait on
 * one CPU: one that sleeps, and another from a guest's interrupt handler that
 * got in.  Each has a slot of its own: src_cpu = CPU + 8 * level, the lowest
 * level that is free; the last one is kept for accesses that cannot sleep.
 *
 * On hvisor a vCPU waits for ever.  Here it gives up at a bound, and reads 0:
 * after timeout_ms, or 1 ms if root is detached and the wait cannot sleep, for
 * the CPU is root's too and root needs it to load its module again.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/nmi.h>
#include <linux/pfn.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "sim.h"

/* Offset in a virtio region whose access posts: hvisor knows no devices. */
#define HVSIM_NOTIFY		0x50

/* How long root takes from consuming a request to storing its answer. */
#define HVSIM_ANSWER_NS		(20 * NSEC_PER_USEC)

/* A wait that may sleep lets interrupts in after this. */
#define HVSIM_SPIN_NS		NSEC_PER_MSEC
#define HVSIM_SPIN_ROOT_NS	(50 * NSEC_PER_USEC)

/* How often a wait on root's CPU looks for root, nothing else telling it to. */
#define HVSIM_LOOK_NS		(10 * NSEC_PER_USEC)

/* The longest wait that cannot sleep while root is detached. */
#define HVSIM_DETACHED_NS	NSEC_PER_MSEC

/*
 * W1: how long a load of need_wakeup may precede the store of req_rear, in ns.
 * A store buffer drains in less than the second.  Where the host takes the
 * virtual CPU away in between it lasts longer: then it does not count.
 */
#define HVSIM_REORDER_NS	10000
#define HVSIM_REORDER_MAX_NS	20000

/**
 * struct hvsim_wake - root's wake handler; read with interrupts off, as RCU
 * @fn: the handler
 * @arg: its argument
 */
struct hvsim_wake {
	hvnet_wake_fn fn;
	void *arg;
};

/**
 * struct hvsim_wait - an access under way
 * @g: whose
 * @a: the access
 * @start: when it began
 * @cpu: on which CPU
 * @queued: the request is in the ring
 * @full: the ring was found full
 * @old: cfg_flags before
 * @ahead: answers to wait for before ours: see hvsim_abandoned
 * @next_look: when to make root's next look, on root's CPU
 */
struct hvsim_wait {
	const struct hvsim_guest *g;
	struct hvsim_access *a;
	u64 start;
	unsigned int cpu;
	bool queued;
	bool full;
	u64 old;
	u64 ahead;
	u64 next_look;
};

/* Serialises attach and detach. */
static DEFINE_MUTEX(hvsim_attach_mutex);
static struct hvsim_wake __rcu *hvsim_wake;

/* Set by the first attach and never cleared: R1. */
static struct hvisor_page *hvsim_el2_page;

/* Somebody else's page, once stolen; kept until the end. */
static struct hvisor_page *hvsim_stolen;

/* The producer of the request ring; innermost but for the dice. */
static DEFINE_RAW_SPINLOCK(hvsim_ring_lock);

/*
 * When need_wakeup was last seen to be 0.  Where one host thread runs all CPUs
 * in turn, a guest's CPU hardly ever runs while it is 0; had it run at the same
 * time as root's, its load could have come just then.
 */
static u64 hvsim_zero_at;

/* Slots, by src_cpu, in use. */
static unsigned long hvsim_slots;

/*
 * Slots whose last access gave up: its request may still be in the ring, and
 * answered later. Those in the ring are told by looking; the answers to them
 * come before ours. Protected by owning the slot.
 */
static unsigned long hvsim_abandoned;

/* cfg_flags as the last access of a slot left it; valid by bit of _known. */
static u64 hvsim_last_flag[HVISOR_MAX_CPUS];
static unsigned long hvsim_last_known;

static_assert(HVISOR_MAX_CPUS <= BITS_PER_LONG);

/* The zone that is being shut down, 0 if none, and how long that takes. */
static u32 hvsim_closing;
#define HVSIM_SHUTDOWN_MS	20

/* Accesses under way, by zone, of which there are few. */
#define HVSIM_ZONES		32
static atomic_t hvsim_under_way[HVSIM_ZONES];

/**
 * hvsim_page - the page that EL2 uses
 *
 * Context: any. Return: NULL before the first attach.
 */
struct hvisor_page *hvsim_page(void)
{
	return READ_ONCE(hvsim_el2_page);
}

/**
 * hvsim_call_wake - root's wake interrupt handler
 *
 * Context: interrupts off, on root's CPU.
 */
void hvsim_call_wake(void)
{
	struct hvsim_wake *wake = rcu_dereference_sched(hvsim_wake);

	if (!wake) {
		hvsim_count(HVSIM_NOBODY_WOKEN);
		return;
	}
	wake->fn(wake->arg);
	if (!READ_ONCE(hvsim_page()->need_wakeup))
		WRITE_ONCE(hvsim_zero_at, ktime_get_ns());
}

/* The slot is this access's: is there something about it that was not ours? */
static void hvsim_prepare_slot(struct hvsim_wait *w, struct hvisor_page *page)
{
	u32 slot = w->a->src_cpu;
	u32 i = READ_ONCE(page->req_front) & HVISOR_RING_MASK;
	bool abandoned = test_bit(slot, &hvsim_abandoned);

	w->ahead = 0;
	if (abandoned) {
		for (; i != page->req_rear; i = (i + 1) & HVISOR_RING_MASK)
			w->ahead += page->req[i].src_cpu == slot &&
				    !page->req[i].need_interrupt;
		if (!w->ahead) {
			/* Taken by now: let root finish storing the answer. */
			udelay(HVSIM_ANSWER_NS / NSEC_PER_USEC);
			clear_bit(slot, &hvsim_abandoned);
		}
	}
	w->old = READ_ONCE(page->cfg_flags[slot]);
	if (!abandoned && test_bit(slot, &hvsim_last_known) &&
	    w->old != hvsim_last_flag[slot])
		hvsim_count(HVSIM_STRAY_ANSWERS);
	clear_bit(slot, &hvsim_last_known);
}

/* W1: load need_wakeup as if the store to follow sat in the store buffer. */
static u8 hvsim_load_early(const struct hvisor_page *page, u64 *when)
{
	u64 zero_at = READ_ONCE(hvsim_zero_at);
	u8 need_wakeup;

	*when = ktime_get_ns();
	if (*when - zero_at < HVSIM_REORDER_NS) {
		*when = zero_at;
		return 0;
	}
	need_wakeup = READ_ONCE(page->need_wakeup);
	hvsim_delay_up_to(HVSIM_REORDER_NS);
	return need_wakeup;
}

/* W1: was the load early enough, but not more than possible? */
static bool hvsim_early_counts(u8 seen, u8 now, u64 when)
{
	if (ktime_get_ns() - when > HVSIM_REORDER_MAX_NS)
		return false;
	hvsim_count(HVSIM_W1_HITS);
	if (seen != 1 && now == 1)
		hvsim_count(HVSIM_W1_LOST);
	return true;
}

/* Queue the request unless the ring is full; wake root if it asks for it. */
static void hvsim_queue(struct hvsim_wait *w, struct hvisor_page *page)
{
	const struct hvsim_access *a = w->a;
	bool early = hvsim_roll(HVSIM_W1);
	u8 need_wakeup, seen = 0;
	u32 rear, next;
	u64 when = 0;

	raw_spin_lock(&hvsim_ring_lock);
	rear = page->req_rear & HVISOR_RING_MASK;
	next = (rear + 1) & HVISOR_RING_MASK;
	/* Pairs with root's release of a slot that it has read. */
	if (next == smp_load_acquire(&page->req_front)) {
		raw_spin_unlock(&hvsim_ring_lock);
		if (!w->full)
			hvsim_count(HVSIM_RING_FULL);
		w->full = true;
		return;
	}
	if (!a->posted)
		hvsim_prepare_slot(w, page);
	page->req[rear] = (struct hvisor_request) {
		.src_cpu = a->src_cpu,
		.address = a->addr,
		.size = a->size,
		.value = a->write ? a->value : 0,
		.src_zone = w->g->zone,
		.is_write = a->write,
		.need_interrupt = a->posted,
	};
	if (early)
		seen = hvsim_load_early(page, &when);
	/* Pairs with root's acquire before it reads the slot. */
	smp_store_release(&page->req_rear, next);
	raw_spin_unlock(&hvsim_ring_lock);

	/* No full barrier here: hvisor has none either, which is W1 itself. */
	need_wakeup = READ_ONCE(page->need_wakeup);
	if (early && hvsim_early_counts(seen, need_wakeup, when))
		need_wakeup = seen;
	if (need_wakeup == 1)
		hvsim_wake_root();
	w->queued = true;
	hvsim_count(HVSIM_REQUESTS);
	if (a->posted)
		hvsim_count(HVSIM_POSTED);
}

/* Is it over? Interrupts off. */
static bool hvsim_step(struct hvsim_wait *w)
{
	struct hvisor_page *page = hvsim_page();
	struct hvsim_access *a = w->a;
	u64 flag;

	if (!w->queued) {
		hvsim_queue(w, page);
		if (!w->queued || a->posted)
			return w->queued;
	}
	/* Pairs with root's release after it stored the value. */
	flag = smp_load_acquire(&page->cfg_flags[a->src_cpu]);
	if (flag - w->old <= w->ahead)
		return false;
	a->value = READ_ONCE(page->cfg_values[a->src_cpu]);
	hvsim_last_flag[a->src_cpu] = flag;
	set_bit(a->src_cpu, &hvsim_last_known);
	return true;
}

/* Root's turn, on its CPU, which we hold. Interrupts off. */
static void hvsim_root_turn(struct hvsim_wait *w, u64 now)
{
	if (hvsim_take_wake_inline())
		return;
	if (!w->next_look)
		w->next_look = READ_ONCE(hvsim_page()->need_wakeup) ?
			       now + HVSIM_LOOK_NS : now;
	if (now < w->next_look)
		return;
	w->next_look = now + HVSIM_LOOK_NS;
	hvsim_count(HVSIM_INLINE_LOOKS);
	hvsim_call_wake();
}

/* Spin until it is over or for @ns. Interrupts off. */
static bool hvsim_spin(struct hvsim_wait *w, u64 ns)
{
	u64 end = ktime_get_ns() + ns;
	u64 now;

	while (!hvsim_step(w)) {
		now = ktime_get_ns();
		if (now >= end)
			return false;
		if (w->cpu == READ_ONCE(hvsim_root_cpu))
			hvsim_root_turn(w, now);
		cpu_relax();
	}
	return true;
}

static bool hvsim_expired(const struct hvsim_wait *w)
{
	u64 bound = READ_ONCE(hvsim_timeout_ms) * (u64)NSEC_PER_MSEC;

	if (!w->a->slept && !rcu_access_pointer(hvsim_wake))
		bound = HVSIM_DETACHED_NS;
	return ktime_get_ns() - w->start > bound;
}

static void hvsim_give_up(struct hvsim_wait *w)
{
	struct hvsim_access *a = w->a;

	a->gave_up = true;
	if (w->queued)
		set_bit(a->src_cpu, &hvsim_abandoned);
	hvsim_count(rcu_access_pointer(hvsim_wake) ? HVSIM_GAVE_UP :
						     HVSIM_GAVE_UP_DETACHED);
}

/* Take the lowest free of @levels slots of this CPU. Interrupts off. */
static bool hvsim_take_slot(struct hvsim_wait *w, unsigned int levels)
{
	unsigned int level;

	w->cpu = smp_processor_id();
	for (level = 0; level < levels; level++) {
		w->a->src_cpu = w->cpu + level * HVSIM_MAX_CPUS;
		if (!test_and_set_bit_lock(w->a->src_cpu, &hvsim_slots))
			return true;
	}
	return false;
}

/* An access where sleeping is not allowed. Return: is it over? */
static bool hvsim_wait_atomic(struct hvsim_wait *w)
{
	unsigned long flags;
	bool done = false;

	local_irq_save(flags);
	/* Only one on a CPU: the level that the others leave free will do. */
	if (!WARN_ON_ONCE(!hvsim_take_slot(w, HVSIM_LEVELS))) {
		hvsim_el2_enter(w->cpu);
		do {
			touch_nmi_watchdog();
			done = hvsim_spin(w, HVSIM_DETACHED_NS);
		} while (!done && !hvsim_expired(w));
		hvsim_el2_leave(w->cpu);
		if (!done)
			hvsim_give_up(w);
		clear_bit_unlock(w->a->src_cpu, &hvsim_slots);
	}
	local_irq_restore(flags);
	return done;
}

/* An access where sleeping is allowed. Return: is it over? */
static bool hvsim_wait_sleeping(struct hvsim_wait *w)
{
	unsigned int us = 20;
	bool done;

	might_sleep();
	local_irq_disable();
	while (!hvsim_take_slot(w, HVSIM_LEVELS - 1)) {
		local_irq_enable();
		usleep_range(us, 2 * us);
		local_irq_disable();
	}
	hvsim_el2_enter(w->cpu);
	done = hvsim_spin(w, w->cpu == READ_ONCE(hvsim_root_cpu) ?
			     HVSIM_SPIN_ROOT_NS : HVSIM_SPIN_NS);
	hvsim_el2_leave(w->cpu);
	local_irq_enable();

	w->a->slept = !done;
	while (!done && !hvsim_expired(w)) {
		usleep_range(us, 2 * us);
		us = min(2 * us, 1000U);
		local_irq_disable();
		done = hvsim_step(w);
		local_irq_enable();
	}
	if (!done)
		hvsim_give_up(w);
	clear_bit_unlock(w->a->src_cpu, &hvsim_slots);
	return done;
}

/* Z2: a vCPU that is in an access cannot be stopped, which EL2 waits for. */
static void hvsim_enter(u32 zone)
{
	atomic_inc(&hvsim_under_way[zone % HVSIM_ZONES]);
	/* Pairs with the barrier in hvsim_zone_shutdown(). */
	smp_mb__after_atomic();
	if (READ_ONCE(hvsim_closing) == zone)
		hvsim_count(HVSIM_Z2_ACCESSES);
}

static void hvsim_leave(u32 zone)
{
	atomic_dec(&hvsim_under_way[zone % HVSIM_ZONES]);
}

/**
 * hvsim_zone_shutdown - ZONE_SHUTDOWN, as far as it can go wrong
 * @zone: the zone, not 0; its guest plays the next one
 * @stops: it is not refused in the end
 *
 * Counts what hvisor does not survive meanwhile.
 *
 * Context: process, sleeps.
 */
void hvsim_zone_shutdown(u32 zone, bool stops)
{
	hvsim_hold_zones(true);
	WRITE_ONCE(hvsim_closing, zone);
	/* Pairs with the barrier in hvsim_enter(). */
	smp_mb();
	if (atomic_read(&hvsim_under_way[zone % HVSIM_ZONES]))
		hvsim_count(HVSIM_Z2_ACCESSES);
	if (stops)
		hvsim_lines_park(zone);
	msleep(HVSIM_SHUTDOWN_MS);
	WRITE_ONCE(hvsim_closing, 0);
	hvsim_hold_zones(false);
}

/**
 * hvsim_access - a guest touches its virtio region
 * @g: the guest
 * @a: the access; the fields marked out are set
 * @may_sleep: the caller may sleep
 *
 * Context: any if not @may_sleep. Interrupts are off meanwhile, see above.
 * Return: 0, also if it gave up, or -EFAULT outside of the region.
 */
int hvsim_access(const struct hvsim_guest *g, struct hvsim_access *a,
		 bool may_sleep)
{
	struct hvsim_wait w = { .g = g, .a = a, .start = ktime_get_ns() };
	u64 offset = a->addr - g->base;
	bool done;

	if (offset >= g->len)
		return -EFAULT;
	a->posted = offset == HVSIM_NOTIFY;
	a->gave_up = false;
	a->slept = false;
	if (!hvsim_page()) {
		hvsim_count(HVSIM_NO_PAGE);
		a->gave_up = true;
		a->value = 0;
		return 0;
	}
	hvsim_enter(g->zone);
	done = may_sleep ? hvsim_wait_sleeping(&w) : hvsim_wait_atomic(&w);
	hvsim_leave(g->zone);
	a->latency_ns = ktime_get_ns() - w.start;
	if (!done || a->posted)
		a->value = 0;
	else
		hvsim_latency_add(a->slept ? HVSIM_LATENCY_SLEPT :
					     HVSIM_LATENCY_SPUN,
				  a->latency_ns);
	return 0;
}

/* Root's handler from now on; on return the last one does not run any more. */
static void hvsim_set_wake(struct hvsim_wake *wake)
{
	struct hvsim_wake *old;

	old = rcu_dereference_protected(hvsim_wake,
					lockdep_is_held(&hvsim_attach_mutex));
	rcu_assign_pointer(hvsim_wake, wake);
	/* It is called with interrupts off, which is a read-side section. */
	synchronize_rcu();
	kfree(old);
}

static int hvsim_attach(struct hvnet_conduit *c, phys_addr_t pa,
			hvnet_wake_fn fn, void *arg)
{
	struct hvisor_page *page = phys_to_virt(pa);
	struct hvsim_wake *wake;

	if (!IS_ALIGNED(pa, HVISOR_PAGE_SIZE) || !pfn_valid(PFN_DOWN(pa)))
		return -EINVAL;
	wake = kmalloc(sizeof(*wake), GFP_KERNEL);
	if (!wake)
		return -ENOMEM;
	wake->fn = fn;
	wake->arg = arg;

	mutex_lock(&hvsim_attach_mutex);
	if (page != hvsim_el2_page) {
		hvsim_count(HVSIM_PAGES);
		WRITE_ONCE(hvsim_last_known, 0);
		WRITE_ONCE(hvsim_abandoned, 0);
	}
	WRITE_ONCE(hvsim_el2_page, page);
	hvsim_set_wake(wake);
	mutex_unlock(&hvsim_attach_mutex);
	return 0;
}

/**
 * hvsim_steal - somebody gives EL2 another page, which nobody serves
 *
 * As hvisor-tool's daemon does when it is started while root's module is at
 * work: the last INIT_VIRTIO wins.
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int hvsim_steal(void)
{
	int err = 0;

	mutex_lock(&hvsim_attach_mutex);
	if (!hvsim_stolen)
		hvsim_stolen = (void *)get_zeroed_page(GFP_KERNEL);
	if (hvsim_stolen) {
		WRITE_ONCE(hvsim_last_known, 0);
		WRITE_ONCE(hvsim_abandoned, 0);
		WRITE_ONCE(hvsim_el2_page, hvsim_stolen);
	} else {
		err = -ENOMEM;
	}
	mutex_unlock(&hvsim_attach_mutex);
	return err;
}

/**
 * hvsim_free_stolen - the end: nobody uses any page
 *
 * Context: process.
 */
void hvsim_free_stolen(void)
{
	free_page((unsigned long)hvsim_stolen);
}

static void hvsim_detach(struct hvnet_conduit *c)
{
	mutex_lock(&hvsim_attach_mutex);
	hvsim_set_wake(NULL);
	mutex_unlock(&hvsim_attach_mutex);
}

struct hvnet_conduit hvsim_conduit = {
	.name = "sim",
	.root_ram_ok = true,
	.attach = hvsim_attach,
	.detach = hvsim_detach,
	.finish = hvsim_finish,
};
