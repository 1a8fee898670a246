// SPDX-License-Identifier: GPL-2.0-only
/*
 * How hvisor brings an interrupt from one CPU to another, losses included.
 *
 *   event	hvisor queues an event for the target CPU and sends it an SGI.
 *		An SGI that is already pending is not pending twice. The model
 *		follows hvisor: at EL2 a CPU takes no SGI, so events sent to
 *		a guest's CPU while it waits for an answer pile up behind one.
 *		A CPU that takes the SGI handles one event only (E1); here that
 *		is a hazard, and without it all events are handled.
 *   list register  An event makes an interrupt pending in a list register of
 *		the target CPU, unless it is there already, pending or active:
 *		then it is dropped (W2, I1). Always so, not only as a hazard.
 *   interrupt	Interrupts pending in a list register are taken in a real hard
 *		interrupt of the target CPU. They are active while the handler
 *		runs; its end is the EOI. The hazards W2 and I1 prolong that,
 *		in hard interrupt context, so what the guest or root does after
 *		the EOI sees the line idle, as on hvisor. I1 also swallows
 *		injections outright, which hvisor does not do that often; but
 *		an interrupt is not active for ever, and so it swallows a few in
 *		a row, and more only if it swallows all.
 *   parked	hvisor parks a CPU of a zone that is shut down with its list
 *		registers as they are (Z3). What is pending is taken by the next
 *		driver; what is active nobody ends any more, and it swallows that
 *		interrupt until the line is taken away. Always so, too.
 *
 * Root's CPU 0 and the guest CPU 0 of a one-CPU test machine are different
 * targets, as they are different CPUs on hvisor.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "sim.h"

/* The longest that a hazard keeps an interrupt active, in ns. */
#define HVSIM_LINGER_NS		20000

/* The most injections that I1 swallows in a row: those of 3 ms, if guests are fast. */
#define HVSIM_SWALLOW_MAX	5

#define HVSIM_MAX_LINES		64
#define HVSIM_ROOT_WAKE		0	/* index of root's line */

enum hvsim_lr {
	HVSIM_LR_IDLE,
	HVSIM_LR_PENDING,
	HVSIM_LR_ACTIVE,
	HVSIM_LR_DEAD,		/* active on a CPU that was parked: Z3 */
};

/**
 * struct hvsim_line - an interrupt, and its list register
 * @used: this entry is in use; under hvsim_lines_mutex
 * @zone: whose
 * @irq: interrupt id
 * @target: index of the struct hvsim_target that takes it
 * @manual_eoi: active until hvsim_line_eoi()
 * @swallowed: injections in a row that I1 swallowed
 * @lr: state of the list register
 * @taken: called when it is taken; NULL if it is gone
 * @arg: for @taken
 * @thread: calls @taken under PREEMPT_RT
 * @owed: how often it has to
 */
struct hvsim_line {
	bool used;
	u32 zone;
	u32 irq;
	unsigned int target;
	bool manual_eoi;
	unsigned int swallowed;
	enum hvsim_lr lr;
	void (*taken)(void *arg);
	void *arg;
	struct irq_work thread;
	atomic_t owed;
};

/**
 * struct hvsim_target - a CPU to which hvisor sends events
 * @events: events in its queue
 * @sgi: its SGI is pending
 * @at_el2: it is at EL2 and takes no SGI
 * @outstanding: bitmap of lines to inject at its next event
 * @pending: bitmap of lines pending in its list registers
 */
struct hvsim_target {
	u64 events;
	bool sgi;
	bool at_el2;
	u64 outstanding;
	u64 pending;
};

/* Serialises line_add and line_del. */
static DEFINE_MUTEX(hvsim_lines_mutex);

/* A zone is being shut down: EL2 holds a lock that FINISH_REQ spins for. */
static bool hvsim_zones_held;

/* Protects all below. No lock but the interrupt controller's nests inside. */
static DEFINE_RAW_SPINLOCK(hvsim_lines_lock);
static LIST_HEAD(hvsim_guests);
static struct hvsim_line hvsim_lines[HVSIM_MAX_LINES];
static struct hvsim_target hvsim_targets[HVSIM_IRQLINES];

static bool hvsim_is_root(const struct hvsim_target *t)
{
	return t == &hvsim_targets[HVSIM_ROOT_LINE];
}

/* Does I1 swallow an injection that met no list register? Under the lock. */
static bool hvsim_swallows(struct hvsim_line *line)
{
	if (!hvsim_roll(HVSIM_I1) ||
	    (line->swallowed == HVSIM_SWALLOW_MAX &&
	     READ_ONCE(hvsim_hazard[HVSIM_I1]) < 100)) {
		line->swallowed = 0;
		return false;
	}
	if (line->swallowed < HVSIM_SWALLOW_MAX)
		line->swallowed++;
	hvsim_count(HVSIM_I1_HITS);
	return true;
}

/* Put an interrupt into a list register. Under the lock. */
static void hvsim_inject(struct hvsim_target *t, unsigned int index)
{
	struct hvsim_line *line = &hvsim_lines[index];
	bool root = hvsim_is_root(t);
	bool busy = line->lr != HVSIM_LR_IDLE;

	if (!root)
		hvsim_count(HVSIM_INJECTIONS);
	if (line->lr == HVSIM_LR_DEAD)
		hvsim_count(HVSIM_Z3_DEAD);
	if (!root && !busy)
		busy = hvsim_swallows(line);
	if (busy) {
		hvsim_count(root ? HVSIM_WAKES_DROPPED :
				   HVSIM_INJECTIONS_DROPPED);
		return;
	}
	line->lr = HVSIM_LR_PENDING;
	t->pending |= BIT_ULL(index);
	hvsim_irqline_fire(t - hvsim_targets);
}

/* The target takes its SGI. Under the lock. */
static void hvsim_take_sgi(struct hvsim_target *t)
{
	u64 lines;

	t->sgi = false;
	if (!t->events)
		return;
	if (t->events > 1 && hvsim_roll(HVSIM_E1)) {
		hvsim_count(HVSIM_E1_HITS);
		t->events--;
	} else {
		t->events = 0;
	}
	/* Any one event of a guest's CPU injects all that is outstanding. */
	lines = hvsim_is_root(t) ? BIT_ULL(HVSIM_ROOT_WAKE) : t->outstanding;
	t->outstanding = 0;
	while (lines) {
		unsigned int index = __ffs64(lines);

		lines &= ~BIT_ULL(index);
		hvsim_inject(t, index);
	}
}

/* Send @n events, all before the target can take an SGI. Under the lock. */
static void hvsim_send(struct hvsim_target *t, unsigned int n)
{
	unsigned int i;
	bool late;

	t->events += n;
	for (i = t->sgi ? 0 : 1; i < n; i++)
		hvsim_count(HVSIM_E1_MERGED);
	if (t->sgi)
		return;
	late = !t->at_el2 && hvsim_roll(HVSIM_E1);
	if (late)
		hvsim_count(HVSIM_E1_HITS);
	if (!late && !t->at_el2) {
		hvsim_take_sgi(t);
		return;
	}
	t->sgi = true;
	if (late)
		hvsim_irqline_fire(t - hvsim_targets);
}

/**
 * hvsim_wake_root - EL2 sends the wake event to root's first CPU
 *
 * Context: interrupts off.
 */
void hvsim_wake_root(void)
{
	raw_spin_lock(&hvsim_lines_lock);
	hvsim_count(HVSIM_WAKES_SENT);
	hvsim_send(&hvsim_targets[HVSIM_ROOT_LINE], 1);
	raw_spin_unlock(&hvsim_lines_lock);
}

/**
 * hvsim_el2_enter - a guest's CPU traps to EL2
 * @cpu: this CPU
 *
 * Context: interrupts off.
 */
void hvsim_el2_enter(unsigned int cpu)
{
	raw_spin_lock(&hvsim_lines_lock);
	hvsim_targets[cpu].at_el2 = true;
	raw_spin_unlock(&hvsim_lines_lock);
}

/**
 * hvsim_el2_leave - a guest's CPU returns from EL2 and takes its SGI
 * @cpu: this CPU
 *
 * Context: interrupts off.
 */
void hvsim_el2_leave(unsigned int cpu)
{
	struct hvsim_target *t = &hvsim_targets[cpu];

	raw_spin_lock(&hvsim_lines_lock);
	t->at_el2 = false;
	if (t->sgi)
		hvsim_take_sgi(t);
	raw_spin_unlock(&hvsim_lines_lock);
}

static bool hvsim_zone_runs(u32 zone)
{
	struct hvsim_guest *g;

	list_for_each_entry(g, &hvsim_guests, node)
		if (g->zone == zone)
			return true;
	return false;
}

static struct hvsim_line *hvsim_line_find(u32 zone, u32 irq)
{
	unsigned int i;

	for (i = 0; i < HVSIM_MAX_LINES; i++) {
		struct hvsim_line *line = &hvsim_lines[i];

		if (i != HVSIM_ROOT_WAKE && line->used && line->taken &&
		    line->zone == zone && line->irq == irq)
			return line;
	}
	return NULL;
}

/* One entry of the response ring. Returns the target of a new event. */
static struct hvsim_target *
hvsim_respond(const struct hvisor_response *response)
{
	u32 zone = READ_ONCE(response->target_zone);
	u32 irq = READ_ONCE(response->irq_id);
	struct hvsim_line *line;
	struct hvsim_target *t;
	u64 bit;

	if (!hvsim_zone_runs(zone)) {
		hvsim_count(HVSIM_NO_ZONE);
		return NULL;
	}
	line = hvsim_line_find(zone, irq);
	if (!line) {
		hvsim_count(HVSIM_NO_LINE);
		return NULL;
	}
	t = &hvsim_targets[line->target];
	bit = BIT_ULL(line - hvsim_lines);
	if (t->outstanding & bit) {
		hvsim_count(HVSIM_INJECTIONS_MERGED);
		return NULL;
	}
	if (hweight64(t->outstanding) >= HVISOR_ZONE_MAX_IRQS) {
		hvsim_count(HVSIM_PANICS);
		WARN_ONCE(1, "hvisor_sim: EL2 panics: too many interrupts outstanding\n");
		return NULL;
	}
	t->outstanding |= bit;
	return t;
}

/**
 * hvsim_finish - FINISH_REQ
 * @c: the conduit
 *
 * All entries are outstanding at once, for hvisor holds a lock that the target
 * needs to take any of them.
 *
 * Context: any, interrupts off.
 * Return: 0, or -EINVAL before INIT_VIRTIO.
 */
int hvsim_finish(struct hvnet_conduit *c)
{
	unsigned int sent[HVSIM_IRQLINES] = {};
	struct hvisor_page *page = hvsim_page();
	struct hvsim_target *t;
	unsigned int i;
	u32 front;

	if (!page)
		return -EINVAL;

	raw_spin_lock(&hvsim_lines_lock);
	hvsim_count(HVSIM_FINISH_CALLS);
	if (hvsim_zones_held)
		hvsim_count(HVSIM_Z2_FINISHES);
	front = page->res_front & HVISOR_RING_MASK;
	for (i = 0; i < HVISOR_RING_SIZE; i++) {
		/* Pairs with root's release after it filled an entry. */
		if (smp_load_acquire(&page->res_rear) == front)
			break;
		t = hvsim_respond(&page->res[front]);
		if (t)
			sent[t - hvsim_targets]++;
		front = (front + 1) & HVISOR_RING_MASK;
		/* The entry is root's again. */
		smp_store_release(&page->res_front, front);
	}
	if (i == HVISOR_RING_SIZE) {
		/* An index that is out of range: EL2 would loop for ever. */
		hvsim_count(HVSIM_PANICS);
	}
	for (i = 0; i < HVSIM_IRQLINES; i++)
		if (sent[i])
			hvsim_send(&hvsim_targets[i], sent[i]);
	raw_spin_unlock(&hvsim_lines_lock);
	return 0;
}

/**
 * hvsim_hold_zones - EL2 takes the lock that FINISH_REQ needs, or drops it
 * @hold: which
 *
 * FINISH_REQ does not spin here: it is counted.
 *
 * Context: process.
 */
void hvsim_hold_zones(bool hold)
{
	raw_spin_lock_irq(&hvsim_lines_lock);
	hvsim_zones_held = hold;
	raw_spin_unlock_irq(&hvsim_lines_lock);
}

/*
 * Under PREEMPT_RT an irq_work that is not hard runs in a thread, as a guest's
 * handlers do there, with softirqs off as for any of them.
 */
static void hvsim_line_thread(struct irq_work *work)
{
	struct hvsim_line *line = container_of(work, struct hvsim_line, thread);
	void (*taken)(void *arg) = READ_ONCE(line->taken);

	local_bh_disable();
	while (taken && atomic_dec_if_positive(&line->owed) >= 0)
		taken(line->arg);
	local_bh_enable();
}

static void hvsim_call_taken(struct hvsim_line *line, bool root)
{
	void (*taken)(void *arg) = READ_ONCE(line->taken);

	if (!taken)
		return;
	/* Eventfds and virtio have locks that sleep there. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && !root) {
		atomic_inc(&line->owed);
		irq_work_queue(&line->thread);
	} else {
		taken(line->arg);
	}
}

/* The interrupt's handler, from acknowledge to EOI. Not under the lock. */
static void hvsim_handle(struct hvsim_line *line, bool root)
{
	enum hvsim_hazard hazard = root ? HVSIM_W2 : HVSIM_I1;

	hvsim_count(root ? HVSIM_WAKES_TAKEN : HVSIM_GUEST_IRQS);
	hvsim_call_taken(line, root);
	/* An emulator of one thread turns to the guest that root answered. */
	if (root)
		cpu_relax();
	if (hvsim_roll(hazard)) {
		hvsim_count(root ? HVSIM_W2_HITS : HVSIM_I1_HITS);
		hvsim_delay_up_to(HVSIM_LINGER_NS);
	}
}

/**
 * hvsim_line_interrupt - a real hard interrupt: take what is pending
 * @n: the target: a CPU, or HVSIM_ROOT_LINE
 *
 * Context: hard interrupt on the target's CPU.
 */
void hvsim_line_interrupt(unsigned int n)
{
	struct hvsim_target *t = &hvsim_targets[n];
	unsigned long flags;
	u64 todo;

	raw_spin_lock_irqsave(&hvsim_lines_lock, flags);
	if (t->sgi && !t->at_el2)
		hvsim_take_sgi(t);
	/*
	 * Each at most once: one that gets pending again after its EOI has its
	 * own real interrupt, so that what runs after an EOI can run before it.
	 */
	todo = t->pending;
	while (todo) {
		unsigned int index = __ffs64(todo);
		struct hvsim_line *line = &hvsim_lines[index];

		todo &= ~BIT_ULL(index);
		if (!(t->pending & BIT_ULL(index)))
			continue;
		t->pending &= ~BIT_ULL(index);
		line->lr = HVSIM_LR_ACTIVE;
		raw_spin_unlock(&hvsim_lines_lock);
		hvsim_handle(line, hvsim_is_root(t));
		raw_spin_lock(&hvsim_lines_lock);
		if (!line->manual_eoi && line->lr == HVSIM_LR_ACTIVE)
			line->lr = HVSIM_LR_IDLE;
	}
	raw_spin_unlock_irqrestore(&hvsim_lines_lock, flags);
}

/**
 * hvsim_take_wake_inline - root takes its pending wake interrupt here and now
 *
 * For a guest that spins on root's CPU, interrupts off: on hvisor they would
 * not share a CPU and root would have taken it.
 *
 * Context: interrupts off, on root's CPU.
 * Return: false if there was none.
 */
bool hvsim_take_wake_inline(void)
{
	struct hvsim_target *t = &hvsim_targets[HVSIM_ROOT_LINE];
	struct hvsim_line *line = &hvsim_lines[HVSIM_ROOT_WAKE];
	bool pending;

	raw_spin_lock(&hvsim_lines_lock);
	if (t->sgi)
		hvsim_take_sgi(t);
	pending = t->pending & BIT_ULL(HVSIM_ROOT_WAKE);
	if (pending) {
		t->pending = 0;
		line->lr = HVSIM_LR_ACTIVE;
	}
	raw_spin_unlock(&hvsim_lines_lock);
	if (!pending)
		return false;

	hvsim_count(HVSIM_WAKES_TAKEN);
	hvsim_count(HVSIM_WAKES_INLINE);
	hvsim_call_wake();
	raw_spin_lock(&hvsim_lines_lock);
	line->lr = HVSIM_LR_IDLE;
	raw_spin_unlock(&hvsim_lines_lock);
	return true;
}

/**
 * hvsim_guest_start - a guest's zone runs from now on
 * @g: the guest; its fields are set
 *
 * Context: process.
 */
void hvsim_guest_start(struct hvsim_guest *g)
{
	raw_spin_lock_irq(&hvsim_lines_lock);
	list_add_tail(&g->node, &hvsim_guests);
	raw_spin_unlock_irq(&hvsim_lines_lock);
}

/**
 * hvsim_guest_stop - the zone stops with its last guest
 * @g: the guest
 *
 * Context: process.
 */
void hvsim_guest_stop(struct hvsim_guest *g)
{
	raw_spin_lock_irq(&hvsim_lines_lock);
	list_del(&g->node);
	raw_spin_unlock_irq(&hvsim_lines_lock);
}

/**
 * hvsim_line_add - a guest enables one of its interrupts
 * @zone: its zone
 * @irq: interrupt id
 * @cpu: the CPU that takes it
 * @manual_eoi: active until hvsim_line_eoi(), not only during @taken
 * @taken: called for each on @cpu, in hard interrupt context, under PREEMPT_RT
 *	in a thread
 * @arg: for @taken
 *
 * Context: process.
 * Return: the line, or an error pointer: -EINVAL for a CPU that is not there,
 * -EEXIST if the zone has that interrupt, -ENOSPC.
 */
struct hvsim_line *hvsim_line_add(u32 zone, u32 irq, unsigned int cpu,
				  bool manual_eoi, void (*taken)(void *arg),
				  void *arg)
{
	struct hvsim_line *line = ERR_PTR(-ENOSPC);
	unsigned int i;

	if (cpu >= HVSIM_MAX_CPUS || cpu >= nr_cpu_ids || !cpu_online(cpu))
		return ERR_PTR(-EINVAL);

	mutex_lock(&hvsim_lines_mutex);
	if (hvsim_line_find(zone, irq)) {
		line = ERR_PTR(-EEXIST);
		goto out;
	}
	for (i = HVSIM_ROOT_WAKE + 1; i < HVSIM_MAX_LINES; i++)
		if (!hvsim_lines[i].used)
			break;
	if (i == HVSIM_MAX_LINES)
		goto out;
	line = &hvsim_lines[i];
	raw_spin_lock_irq(&hvsim_lines_lock);
	*line = (struct hvsim_line) {
		.used = true,
		.zone = zone,
		.irq = irq,
		.target = cpu,
		.manual_eoi = manual_eoi,
		.taken = taken,
		.arg = arg,
	};
	init_irq_work(&line->thread, hvsim_line_thread);
	raw_spin_unlock_irq(&hvsim_lines_lock);
out:
	mutex_unlock(&hvsim_lines_mutex);
	return line;
}

/**
 * hvsim_line_del - a guest's interrupt is gone
 * @line: the line
 *
 * No handler of it runs any more on return. Context: process.
 */
void hvsim_line_del(struct hvsim_line *line)
{
	struct hvsim_target *t = &hvsim_targets[line->target];
	u64 bit = BIT_ULL(line - hvsim_lines);

	mutex_lock(&hvsim_lines_mutex);
	raw_spin_lock_irq(&hvsim_lines_lock);
	WRITE_ONCE(line->taken, NULL);
	t->outstanding &= ~bit;
	t->pending &= ~bit;
	raw_spin_unlock_irq(&hvsim_lines_lock);
	/* Handlers run with interrupts off, which is a read-side section. */
	synchronize_rcu();
	irq_work_sync(&line->thread);
	line->used = false;
	mutex_unlock(&hvsim_lines_mutex);
}

/**
 * hvsim_line_eoi - the guest ends a taken interrupt
 * @line: a line with manual EOI
 *
 * Context: process. Return: 0, or -EINVAL if it is not active.
 */
int hvsim_line_eoi(struct hvsim_line *line)
{
	int err = -EINVAL;

	raw_spin_lock_irq(&hvsim_lines_lock);
	if (line->lr == HVSIM_LR_ACTIVE) {
		line->lr = HVSIM_LR_IDLE;
		err = 0;
	}
	raw_spin_unlock_irq(&hvsim_lines_lock);
	return err;
}

/**
 * hvsim_lines_park - EL2 parks a zone's CPUs, list registers as they are: Z3
 * @zone: the zone
 *
 * Context: process.
 */
void hvsim_lines_park(u32 zone)
{
	struct hvsim_line *line;

	raw_spin_lock_irq(&hvsim_lines_lock);
	for (line = hvsim_lines; line < hvsim_lines + HVSIM_MAX_LINES; line++)
		if (line->zone == zone && line->lr == HVSIM_LR_ACTIVE)
			line->lr = HVSIM_LR_DEAD;
	raw_spin_unlock_irq(&hvsim_lines_lock);
}

/**
 * hvsim_line_haunt - a guest has just restarted its device: hazard Z3
 * @line: the device's interrupt
 *
 * Context: process.
 */
void hvsim_line_haunt(struct hvsim_line *line)
{
	raw_spin_lock_irq(&hvsim_lines_lock);
	if (hvsim_roll(HVSIM_Z3) && line->lr == HVSIM_LR_IDLE) {
		hvsim_count(HVSIM_Z3_HITS);
		line->lr = HVSIM_LR_PENDING;
		hvsim_targets[line->target].pending |=
			BIT_ULL(line - hvsim_lines);
		hvsim_irqline_fire(line->target);
	}
	raw_spin_unlock_irq(&hvsim_lines_lock);
}

/**
 * hvsim_stale_events - events in EL2's queues with no SGI to handle them
 *
 * Context: process.
 */
u64 hvsim_stale_events(void)
{
	u64 stale = 0;
	unsigned int i;

	raw_spin_lock_irq(&hvsim_lines_lock);
	for (i = 0; i < HVSIM_IRQLINES; i++)
		if (!hvsim_targets[i].sgi)
			stale += hvsim_targets[i].events;
	raw_spin_unlock_irq(&hvsim_lines_lock);
	return stale;
}

static void hvsim_root_woken(void *unused)
{
	hvsim_call_wake();
}

/**
 * hvsim_lines_init - root has its wake interrupt
 *
 * Context: process, before any real interrupt is requested.
 */
void hvsim_lines_init(void)
{
	hvsim_lines[HVSIM_ROOT_WAKE] = (struct hvsim_line) {
		.used = true,
		.target = HVSIM_ROOT_LINE,
		.taken = hvsim_root_woken,
	};
}
