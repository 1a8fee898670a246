// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page shared with hvisor: guests' requests in, answers and guest
 * interrupts out.  The order of stores and looks in here is what keeps a vCPU
 * from hanging on a hypervisor that loses wake-ups; hvpage_look() has the
 * proof, hvpage_line_raise() the rule for guest interrupts, and selftests/model
 * has every state of both searched.  What an access means is not known here: it
 * is handed up through one function.  How the hypervisor is reached is the
 * conduit's business (conduit.c, hvisor_sim).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "compat.h"
#include "hvisor_abi.h"
#include "hvpage.h"
#include "reason.h"
#include "trace.h"

/* Requests served per interrupt entry, so that a storm cannot hold the CPU. */
#define HVPAGE_BUDGET		64

/*
 * When to look at the ring once more after need_wakeup went from 0 to 1: long
 * after any store buffer has drained, and short beside what a guest would
 * notice. It is what a lost request waits, which is rare; the interrupt of this
 * look is not: one per burst, or one per so much time under load.
 */
#define HVPAGE_LATE_LOOK_NS	(100 * NSEC_PER_USEC)

/* When to go on after a budget ran out. */
#define HVPAGE_PAUSE_NS		(10 * NSEC_PER_USEC)

/*
 * How many requests a zone may make in a tick before it is slowed down, for how
 * long, and how far apart answers to all who are slowed down are. A vCPU that
 * waits for each answer gets about so many on an idle board, if it does nothing
 * else. For each interrupt that it was sent it may make some more: a driver looks
 * what it is about, acknowledges, and may kick either queue.
 */
#define HVPAGE_TICK_MAX		(128000 / HZ)
#define HVPAGE_FOR_INTERRUPT	4
#define HVPAGE_SLOW_TICKS	(HZ / 16 + 1)
#define HVPAGE_PACE_NS		(50 * NSEC_PER_USEC)

/*
 * While such a zone goes on notifying, for which no vCPU waits: how long to the
 * next look at the ring, beside this many times what the last took.
 */
#define HVPAGE_FLOOD_NS		(10 * NSEC_PER_USEC)
#define HVPAGE_FLOOD_SHARE	3

/*
 * First retry of an unacknowledged interrupt: four times what the guest took
 * last, within these bounds; and the last interval tried.
 */
#define HVPAGE_RETRY_MIN_NS	(100 * NSEC_PER_USEC)
#define HVPAGE_RETRY_SLOW_NS	(2 * NSEC_PER_MSEC)
#define HVPAGE_RETRY_MAX_NS	(100 * NSEC_PER_MSEC)

/*
 * From a guest's acknowledgment to the next injection: twice what it took to
 * acknowledge, within these bounds. Before its EOI an injection would be lost; and a
 * guest that only receives shall have more time for frames than for their interrupts.
 * Nor does news that can wait do so for longer because interrupts take long.
 */
#define HVPAGE_HOLD_MIN_NS	(5 * NSEC_PER_USEC)
#define HVPAGE_HOLD_MAX_NS	((u64)NSEC_PER_MSEC)

/* When to try again an injection that was held. */
#define HVPAGE_HELD_NS		NSEC_PER_MSEC

/* Interrupts of others: every zone has a CPU to itself, root has one too. */
#define HVPAGE_FOREIGN_MAX	((HVISOR_MAX_CPUS - 1) * HVISOR_ZONE_MAX_IRQS)

/**
 * struct hvpage_budget - what a zone may ask of root's CPU
 * @tick: in which tick
 * @spent: requests in that tick
 * @sent: interrupts that it had been sent when that tick began
 * @slow: it is slowed down
 * @slow_until: until that tick
 */
struct hvpage_budget {
	unsigned long tick;
	unsigned int spent;
	u32 sent;
	bool slow;
	unsigned long slow_until;
};

/**
 * struct hvpage - the page and its two directions
 * @page: the page itself; EL2 writes to it at any time, for ever
 * @conduit: the way to the hypervisor
 * @serve: who serves a guest's access
 * @given: EL2 has been given the page and the conduit wakes us; whoever attaches
 *	and detaches sees to it that this is done by one at a time
 * @line_mutex: protects @lines
 * @lines: every guest interrupt line of ours
 * @foreign: interrupts that others inject through us
 * @req_lock: serialises consumers: the wake interrupt, the look after the EOI
 *	and the late look. Protects all between here and @res_lock. Taken
 *	outside every lock of those who serve.
 * @closing: never arm need_wakeup again
 * @armed: need_wakeup is 1
 * @armed_at: when it last went from 0 to 1
 * @after_eoi: the look after the EOI, where softirqs run at once
 * @after_eoi_hard: the look after the EOI, where they would not
 * @late_look: the late look
 * @count: what happened
 * @budget: by zone; those whose numbers are equal modulo this share one
 * @kick: by vCPU: a notify of a zone that is slowed down, not served yet
 * @kicks: which of these there are
 * @flooded_at: since when
 * @slow: accesses that wait for their turn, in order
 * @n_slow: how many
 * @pace: gives them their turn
 * @pace_at: when the next may have its turn
 * @asks: by vCPU: the zone whose access has not been answered, or 0. Set under
 *	@req_lock, cleared by whoever answers.
 * @res_lock: one writer of the response ring at a time; innermost
 * @held: no FINISH_REQ may be issued now; under @res_lock
 * @sent: by zone, as @budget: interrupts that it was sent; written under @res_lock
 */
struct hvpage {
	struct hvisor_page *page;
	struct hvnet_conduit *conduit;
	hvpage_access_fn serve;
	bool given;
	struct mutex line_mutex;	/* lines */
	struct list_head lines;
	struct list_head foreign;

	raw_spinlock_t req_lock ____cacheline_aligned_in_smp;
	bool closing;
	bool armed;
	ktime_t armed_at;
	struct tasklet_struct after_eoi;
	struct irq_work after_eoi_hard;
	struct hrtimer late_look;
	u64 count[HVPAGE_COUNTS];
	struct hvpage_budget budget[HVISOR_MAX_CPUS];
	struct hvisor_request kick[HVISOR_MAX_CPUS];
	DECLARE_BITMAP(kicks, HVISOR_MAX_CPUS);
	ktime_t flooded_at;
	struct hvisor_request slow[HVISOR_MAX_CPUS];
	unsigned int n_slow;
	struct hrtimer pace;
	ktime_t pace_at;
	u32 asks[HVISOR_MAX_CPUS];

	raw_spinlock_t res_lock ____cacheline_aligned_in_smp;
	bool held;
	u32 sent[HVISOR_MAX_CPUS];
};

/**
 * struct hvpage_foreign - an interrupt that somebody else injects through us
 * @node: in the page's list, under its line mutex
 * @target: the interrupt
 */
struct hvpage_foreign {
	struct list_head node;
	struct hvisor_response target;
};

/**
 * hvpage_counter - read a counter
 * @hp: the page
 * @which: the counter
 *
 * Context: any.
 */
u64 hvpage_counter(const struct hvpage *hp, enum hvpage_count which)
{
	return READ_ONCE(hp->count[which]);
}

/**
 * hvpage_conduit_name - how the hypervisor is reached, in one word
 * @hp: the page
 */
const char *hvpage_conduit_name(const struct hvpage *hp)
{
	return hp->conduit->name;
}

/**
 * hvpage_root_ram_ok - may guests live in root's own RAM?
 * @hp: the page
 */
bool hvpage_root_ram_ok(const struct hvpage *hp)
{
	return hp->conduit->root_ram_ok;
}

/* Requests: EL2 is the producer, whoever holds req_lock the consumer. */

static void hvpage_count(struct hvpage *hp, enum hvpage_count which)
{
	WRITE_ONCE(hp->count[which], hp->count[which] + 1);
}

/* Tell a waiting vCPU. Its slot has no other writer while it waits. */
static void hvpage_store_answer(struct hvpage *hp,
				const struct hvpage_access *acc, u64 value)
{
	struct hvisor_page *page = hp->page;
	u64 mask = GENMASK_ULL(acc->size * BITS_PER_BYTE - 1, 0);

	/* EL2 puts it into the guest's register as it is. */
	WRITE_ONCE(page->cfg_values[acc->cpu], value & mask);
	WRITE_ONCE(hp->asks[acc->cpu], 0);
	/* Pairs with EL2's acquire of the flag before it reads the value. */
	smp_store_release(&page->cfg_flags[acc->cpu],
			  page->cfg_flags[acc->cpu] + 1);
}

static bool hvpage_width_ok(u64 size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* One has come; return false if it cannot be served. */
static __always_inline bool hvpage_accept(struct hvpage *hp,
					  const struct hvisor_request *req)
{
	hvpage_count(hp, HVPAGE_REQUESTS);
	/* Not the structures: they would have to be in memory, for nothing. */
	trace_hvnet_request(req->src_zone, req->src_cpu, req->address,
			    req->size, req->is_write, req->value,
			    req->need_interrupt);
	if (req->src_cpu >= HVISOR_MAX_CPUS) {
		/* There is no slot to answer in. */
		hvpage_count(hp, HVPAGE_MALFORMED);
		return false;
	}
	if (!req->need_interrupt)
		WRITE_ONCE(hp->asks[req->src_cpu], req->src_zone);
	return true;
}

static __always_inline void hvpage_serve(struct hvpage *hp,
					 const struct hvisor_request *req)
{
	struct hvpage_access acc = {
		.addr = req->address,
		.value = req->value,
		.zone = req->src_zone,
		.cpu = req->src_cpu,
		.size = req->size,
		.write = req->is_write,
		.posted = req->need_interrupt,
	};
	enum hvpage_reply reply;

	if (hvpage_width_ok(req->size)) {
		reply = hp->serve(&acc);
	} else {
		hvpage_count(hp, HVPAGE_MALFORMED);
		acc.size = sizeof(u64);
		reply = HVPAGE_ANSWER;
		acc.value = 0;
	}

	if (reply == HVPAGE_NOBODY) {
		hvpage_count(hp, HVPAGE_UNKNOWN);
		acc.value = 0;
	}
	if (reply == HVPAGE_LATER)
		hvpage_count(hp, HVPAGE_DEFERRED);
	else if (!acc.posted)
		hvpage_store_answer(hp, &acc, acc.value);
}

/*
 * Overload.  A guest can do nothing but make requests, each of which costs
 * root's CPU an interrupt, and there is one CPU for all zones and the Ethernet
 * port.  What waits for an answer makes no further request until it has it: so
 * a zone that makes more requests in a tick than it may is answered late for a
 * while, and only it.  All who are slowed down share one pace.  What notifies
 * does not wait: while such a zone goes on notifying EL2 is not asked for wakes,
 * the ring is looked at by a timer instead, and all wait for that a little.
 */

/* More than it may, whatever it does, and than its interrupts account for? */
static bool hvpage_spent_all(const struct hvpage_budget *b, u32 sent)
{
	return unlikely(b->spent > HVPAGE_TICK_MAX) &&
	       b->spent - HVPAGE_TICK_MAX > HVPAGE_FOR_INTERRUPT * (sent - b->sent);
}

/* Has the zone made too many requests? Under req_lock. */
static bool hvpage_overspends(struct hvpage *hp, u32 zone)
{
	const unsigned int i = zone % ARRAY_SIZE(hp->budget);
	struct hvpage_budget *b = &hp->budget[i];
	unsigned long now = jiffies;

	if (b->tick != now) {
		b->tick = now;
		b->spent = 0;
		b->sent = READ_ONCE(hp->sent[i]);
		b->slow = b->slow && time_before(now, b->slow_until);
	}
	b->spent++;
	if (hvpage_spent_all(b, READ_ONCE(hp->sent[i]))) {
		b->slow = true;
		b->slow_until = now + HVPAGE_SLOW_TICKS;
	}
	return b->slow;
}

static noinline void hvpage_serve_late(struct hvpage *hp,
				       const struct hvisor_request *req)
{
	hvpage_serve(hp, req);
}

/* Does a zone that is slowed down go on notifying? Under req_lock. */
static bool hvpage_is_flooded(const struct hvpage *hp)
{
	return unlikely(!bitmap_empty(hp->kicks, HVISOR_MAX_CPUS));
}

static void hvpage_pace(struct hvpage *hp)
{
	hrtimer_start(&hp->pace, hp->pace_at, HRTIMER_MODE_ABS_PINNED_HARD);
}

/* May it be served now, if its zone is slowed down? Under req_lock. */
static bool hvpage_is_its_turn(struct hvpage *hp)
{
	ktime_t now = ktime_get();

	if (hp->n_slow || ktime_compare(now, hp->pace_at) < 0)
		return false;
	hp->pace_at = ktime_add_ns(now, HVPAGE_PACE_NS);
	return true;
}

static bool hvpage_same_kick(const struct hvisor_request *a,
			     const struct hvisor_request *b)
{
	return a->address == b->address && a->value == b->value &&
	       a->size == b->size && a->is_write == b->is_write &&
	       a->src_zone == b->src_zone;
}

/*
 * Keep a notify until the end of this look: it says "look at the queue", so one
 * that has not been served says it for all that follow.
 */
static void hvpage_keep_kick(struct hvpage *hp,
			     const struct hvisor_request *req)
{
	struct hvisor_request *kept = &hp->kick[req->src_cpu];

	if (!hvpage_is_flooded(hp))
		hp->flooded_at = ktime_get();
	if (!__test_and_set_bit(req->src_cpu, hp->kicks)) {
		*kept = *req;
	} else if (!hvpage_same_kick(kept, req)) {
		hvpage_serve_late(hp, kept);
		*kept = *req;
	}
}

/* The look ends: serve what was kept. How long to the next one? */
static u64 hvpage_let_flood(struct hvpage *hp)
{
	unsigned int cpu;

	for_each_set_bit(cpu, hp->kicks, HVISOR_MAX_CPUS)
		hvpage_serve_late(hp, &hp->kick[cpu]);
	bitmap_zero(hp->kicks, HVISOR_MAX_CPUS);
	return HVPAGE_FLOOD_NS + HVPAGE_FLOOD_SHARE *
	       ktime_to_ns(ktime_sub(ktime_get(), hp->flooded_at));
}

/*
 * Serve a request of a zone that is slowed down, or have it wait for that. By
 * value: others' requests need not be in memory for it.
 */
static noinline void hvpage_serve_slowly(struct hvpage *hp,
					 struct hvisor_request req)
{
	if (!hvpage_accept(hp, &req))
		return;
	if (req.need_interrupt) {
		hvpage_keep_kick(hp, &req);
	} else if (hp->closing || hvpage_is_its_turn(hp) ||
		   hp->n_slow == ARRAY_SIZE(hp->slow)) {
		hvpage_serve_late(hp, &req);
	} else {
		hvpage_count(hp, HVPAGE_SLOWED);
		hp->slow[hp->n_slow++] = req;
		if (hp->n_slow == 1)
			hvpage_pace(hp);
	}
}

static enum hrtimer_restart hvpage_pace_fn(struct hrtimer *t)
{
	struct hvpage *hp = container_of(t, struct hvpage, pace);
	struct hvisor_request req;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->req_lock, flags);
	if (hp->n_slow) {
		req = hp->slow[0];
		memmove(hp->slow, hp->slow + 1, --hp->n_slow * sizeof(req));
		hvpage_serve_late(hp, &req);
		hp->pace_at = ktime_add_ns(ktime_get(), HVPAGE_PACE_NS);
		if (hp->n_slow)
			hvpage_pace(hp);
	}
	raw_spin_unlock_irqrestore(&hp->req_lock, flags);
	return HRTIMER_NORESTART;
}

/* Where the next request is, if there is one. Under req_lock. */
static bool hvpage_next(struct hvpage *hp, u32 *front)
{
	/* Pairs with EL2's release of req_rear after it filled a slot. */
	u32 rear = smp_load_acquire(&hp->page->req_rear);

	*front = hp->page->req_front & HVISOR_RING_MASK;
	/* An index that cannot be is not waited for: nobody could serve it. */
	if (unlikely(rear > HVISOR_RING_MASK)) {
		hvpage_count(hp, HVPAGE_MALFORMED);
		return false;
	}
	return rear != *front;
}

/*
 * Serve at most @budget requests; return how many. Under req_lock. One copy, so
 * that what it does for each becomes part of it.
 */
static noinline unsigned int hvpage_drain(struct hvpage *hp, unsigned int budget)
{
	struct hvisor_page *page = hp->page;
	struct hvisor_request req;
	unsigned int n = 0;
	u32 front;

	while (n < budget && hvpage_next(hp, &front)) {
		req = page->req[front];
		/* The slot is EL2's again only after it has been read. */
		smp_store_release(&page->req_front,
				  (front + 1) & HVISOR_RING_MASK);
		if (unlikely(hvpage_overspends(hp, req.src_zone)))
			hvpage_serve_slowly(hp, req);
		else if (hvpage_accept(hp, &req))
			hvpage_serve(hp, &req);
		n++;
	}
	return n;
}

/* Ask not to be woken while we look anyway: spares wakes and EL2's queue. */
static void hvpage_disarm(struct hvpage *hp)
{
	hp->armed = false;
	WRITE_ONCE(hp->page->need_wakeup, 0);
}

/*
 * Have the late look run at @when, or leave it be if it runs earlier: it goes on
 * by itself for as long as it has a reason to.
 */
static void hvpage_start_late_look(struct hvpage *hp, ktime_t when)
{
	if (hrtimer_is_queued(&hp->late_look) &&
	    ktime_compare(hrtimer_get_expires(&hp->late_look), when) <= 0)
		return;
	hrtimer_start(&hp->late_look, when, HRTIMER_MODE_ABS_PINNED_HARD);
}

/* Look at the ring in a while, and not before. */
static void hvpage_pause(struct hvpage *hp, u64 ns)
{
	hvpage_disarm(hp);
	hvpage_start_late_look(hp, ktime_add_ns(ktime_get(), ns));
}

/* By then every store made before EL2 could see the last 0 -> 1 has arrived. */
static ktime_t hvpage_late_look_at(const struct hvpage *hp)
{
	return ktime_add_ns(hp->armed_at, HVPAGE_LATE_LOOK_NS);
}

/* Ask to be woken; return true unless a request slipped in before. */
static bool hvpage_arm(struct hvpage *hp)
{
	u32 front;

	if (hp->armed || hp->closing)
		return true;
	WRITE_ONCE(hp->page->need_wakeup, 1);
	/*
	 * Store need_wakeup, then look at req_rear. The partner would be a full
	 * barrier in EL2 between its store to req_rear and its load of
	 * need_wakeup; it has none, which is why there is a late look.
	 */
	smp_mb();
	if (hvpage_next(hp, &front)) {
		WRITE_ONCE(hp->page->need_wakeup, 0);
		return false;
	}
	hp->armed = true;
	hp->armed_at = ktime_get();
	hvpage_start_late_look(hp, hvpage_late_look_at(hp));
	return true;
}

/*
 * The wake protocol.  Every request is seen, whatever EL2 loses.
 *
 * The wake interrupt clears need_wakeup and drains (hvpage_wake), and always
 * has this function run after its EOI.  It drains, sets need_wakeup and looks
 * again until the ring is empty with need_wakeup set.  A request queued
 *
 * - before the last look in here is served by that look or an earlier one;
 * - after it, by an EL2 that reads need_wakeup as 1, raises the interrupt.  The
 *   list register does not swallow it (W2: EL2 drops it while the last one is
 *   pending or active): active it is no more, because this runs after the EOI,
 *   and if one is pending then its handler, and so this function, is still to
 *   come;
 * - after it, by an EL2 that still reads 0 (W1: its load of need_wakeup may
 *   overtake its store to req_rear), is found by the late look: by then every
 *   store made before EL2 could see the 1 has long arrived.
 *
 * need_wakeup stays 0 from the interrupt until here, so that one burst costs
 * one wake and leaves at most one event in EL2's queue (E1).  No vCPU waits
 * meanwhile for softirqs to get their turn: hvpage_wake() sees to that.
 *
 * Context: softirq or hard interrupt. Return: how many requests it served.
 */
static unsigned int hvpage_look(struct hvpage *hp)
{
	unsigned int n = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->req_lock, flags);
	do {
		n += hvpage_drain(hp, HVPAGE_BUDGET - n);
		if (hvpage_is_flooded(hp)) {
			hvpage_pause(hp, hvpage_let_flood(hp));
			break;
		}
		if (n >= HVPAGE_BUDGET) {
			/* Let others in, then go on where nothing delays it. */
			hvpage_pause(hp, HVPAGE_PAUSE_NS);
			break;
		}
	} while (!hvpage_arm(hp));
	raw_spin_unlock_irqrestore(&hp->req_lock, flags);
	return n;
}

static void hvpage_look_after_eoi(struct hvpage *hp)
{
	if (hvpage_look(hp))
		hvpage_count(hp, HVPAGE_FOUND_AFTER_EOI);
}

static void hvpage_after_eoi_softirq(struct tasklet_struct *t)
{
	hvpage_look_after_eoi(container_of(t, struct hvpage, after_eoi));
}

static void hvpage_after_eoi_irq_work(struct irq_work *work)
{
	hvpage_look_after_eoi(container_of(work, struct hvpage, after_eoi_hard));
}

static enum hrtimer_restart hvpage_late_look_fn(struct hrtimer *t)
{
	struct hvpage *hp = container_of(t, struct hvpage, late_look);
	bool was_armed = READ_ONCE(hp->armed);
	/* The clock first: what arrives after the look was not looked for. */
	ktime_t began = ktime_get();
	unsigned long flags;

	if (hvpage_look(hp) && was_armed)
		hvpage_count(hp, HVPAGE_FOUND_LATE);

	/* It may have been started for an earlier 0 -> 1 than the last. */
	raw_spin_lock_irqsave(&hp->req_lock, flags);
	if (hp->armed && ktime_compare(hvpage_late_look_at(hp), began) > 0)
		hvpage_start_late_look(hp, hvpage_late_look_at(hp));
	raw_spin_unlock_irqrestore(&hp->req_lock, flags);
	return HRTIMER_NORESTART;
}

/*
 * The wake interrupt arrived.  Softirqs run at the exit of an interrupt that
 * hit neither a softirq nor code with softirqs off, HI_SOFTIRQ first: the
 * cheapest place after the EOI.  Otherwise they may be long in coming, so a
 * self-interrupt is spent; under PREEMPT_RT they are always a thread's.
 */
static void hvpage_wake(void *arg)
{
	struct hvpage *hp = arg;

	raw_spin_lock(&hp->req_lock);
	hvpage_count(hp, HVPAGE_WAKES);
	hvpage_disarm(hp);
	hvpage_drain(hp, HVPAGE_BUDGET);
	raw_spin_unlock(&hp->req_lock);

	if (IS_ENABLED(CONFIG_PREEMPT_RT) || !in_hardirq() || softirq_count())
		irq_work_queue(&hp->after_eoi_hard);
	else
		tasklet_hi_schedule(&hp->after_eoi);
}

/**
 * hvpage_answer - answer an access that had to wait
 * @hp: the page
 * @acc: the access, as it was handed to hvpage_access_fn, with its answer
 *
 * Once for each access: the vCPU waits, so its slot has no other writer.
 *
 * Context: any.
 */
void hvpage_answer(struct hvpage *hp, const struct hvpage_access *acc)
{
	if (!acc->posted)
		hvpage_store_answer(hp, acc, acc->value);
}

/**
 * hvpage_zone_asks - does a vCPU of a zone wait for an answer?
 * @hp: the page
 * @zone: the zone
 *
 * Context: any. Requests that have not been consumed are not known of.
 */
bool hvpage_zone_asks(const struct hvpage *hp, u32 zone)
{
	unsigned int cpu;

	for (cpu = 0; cpu < HVISOR_MAX_CPUS; cpu++)
		if (READ_ONCE(hp->asks[cpu]) == zone)
			return true;
	return false;
}

/* Responses: whoever holds res_lock is the producer, FINISH_REQ consumes. */

/* Queue one response. There is room: every FINISH_REQ leaves the ring empty. */
static void hvpage_push_response(struct hvisor_page *page, u32 zone, u32 irq)
{
	u32 rear = page->res_rear & HVISOR_RING_MASK;

	page->res[rear].target_zone = zone;
	page->res[rear].irq_id = irq;
	/* The entry before the index; EL2 reads both inside the hypercall. */
	smp_store_release(&page->res_rear, (rear + 1) & HVISOR_RING_MASK);
}

/* Under res_lock. */
static void hvpage_count_sent(struct hvpage *hp, u32 zone)
{
	u32 *sent = &hp->sent[zone % ARRAY_SIZE(hp->sent)];

	/* Looked at by hvpage_overspends(). */
	WRITE_ONCE(*sent, *sent + 1);
}

/* Inject all of @list, unless injections are held. Under res_lock. */
static void hvpage_inject(struct hvpage *hp, const struct hvisor_response *list,
			  unsigned int n)
{
	if (hp->held)
		return;
	while (n--) {
		hvpage_push_response(hp->page, list[n].target_zone,
				     list[n].irq_id);
		hvpage_count_sent(hp, list[n].target_zone);
	}
	hp->conduit->finish(hp->conduit);
	hvpage_count(hp, HVPAGE_FINISHES);
}

/**
 * hvpage_hold - issue no FINISH_REQ
 * @hp: the page
 * @hold: from now on, or no longer
 *
 * EL2 holds a lock while it shuts a zone down for which FINISH_REQ spins (Z2).
 * Our lines try again by themselves; others' injections are lost, like those
 * that EL2 drops (I1).
 *
 * Context: process. None is under way once this returns.
 */
void hvpage_hold(struct hvpage *hp, bool hold)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->res_lock, flags);
	/* Looked at by hvpage_line_inject(). */
	WRITE_ONCE(hp->held, hold);
	raw_spin_unlock_irqrestore(&hp->res_lock, flags);
}

/* Guest interrupt lines. */

static void hvpage_line_start_timer(struct hvpage_line *line)
{
	/* One that fires early is set anew by its handler: cheaper than here. */
	if (hrtimer_is_queued(&line->timer) &&
	    ktime_compare(hrtimer_get_expires(&line->timer), line->due) <= 0)
		return;
	hrtimer_start(&line->timer, line->due, HRTIMER_MODE_ABS_PINNED_HARD);
}

/*
 * Decide to inject. It is done by hvpage_line_unlock(): while a hypercall is under
 * way nobody shall wait for the line, and least of all the interrupt by which the
 * guest acknowledges that very injection, with a vCPU waiting for its answer.
 */
static void hvpage_line_inject(struct hvpage_line *line, ktime_t now)
{
	if (!READ_ONCE(line->hp->held)) {
		line->owed = true;
		line->injections++;
		line->reinjections += line->outstanding;
		line->repeats += line->outstanding;
		trace_hvnet_inject(line);
		trace_hvnet_reinject(line);
		if (hvnet_latency_wanted())
			hvnet_latency_begin(&line->acks, now,
					    !line->outstanding);
		line->outstanding = true;
		line->injected_at = now;
		line->due = ktime_add_ns(now, line->backoff);
		line->backoff *= 2;
	} else {
		line->due = ktime_add_ns(now, HVPAGE_HELD_NS);
	}
	hvpage_line_start_timer(line);
}

/*
 * What the guest did since it was decided to inject makes this one superfluous at
 * worst; one that meets the beginning of a hold is lost, and repeated like those
 * that EL2 drops.
 */
static void hvpage_line_send(struct hvpage_line *line)
{
	const struct hvisor_response target = {
		.target_zone = line->zone,
		.irq_id = line->irq,
	};
	struct hvpage *hp = line->hp;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->res_lock, flags);
	/* Pairs with hvpage_line_off(). */
	if (READ_ONCE(line->on))
		hvpage_inject(hp, &target, 1);
	raw_spin_unlock_irqrestore(&hp->res_lock, flags);
}

/* Let go of a line, and inject if that was decided. */
static void hvpage_line_unlock(struct hvpage_line *line, unsigned long flags)
	__releases(&line->lock)
{
	bool owed = line->owed;

	line->owed = false;
	raw_spin_unlock_irqrestore(&line->lock, flags);
	if (owed)
		hvpage_line_send(line);
}

/* From when on the guest may be interrupted again. */
static ktime_t hvpage_line_free_at(const struct hvpage_line *line)
{
	return ktime_add_ns(line->acked_at, READ_ONCE(line->heard) ?
					    HVPAGE_HOLD_MIN_NS : line->hold);
}

/* Inject at @due, or earlier if that was the plan. */
static void hvpage_line_inject_by(struct hvpage_line *line, ktime_t due,
				  ktime_t now)
{
	if (ktime_compare(due, now) <= 0) {
		hvpage_line_inject(line, now);
	} else if (ktime_compare(due, line->due) < 0) {
		line->due = due;
		hvpage_line_start_timer(line);
	}
}

static void hvpage_line_rest(struct hvpage_line *line)
{
	line->outstanding = false;
	WRITE_ONCE(line->given_up, false);
	line->due = KTIME_MAX;
}

/* Nothing that we do helps now; the next news may. */
static void hvpage_line_give_up(struct hvpage_line *line)
{
	line->stalls++;
	trace_hvnet_stall(line);
	hvpage_line_rest(line);
	WRITE_ONCE(line->given_up, true);
	line->stalled(line);
}

/*
 * How long news waits that can wait for @ns. An interrupt that is spared is worth
 * what one takes: the guest until it acknowledges, and both sides as much again. One
 * in four times that is a fifth of the guest's time.
 */
static u64 hvpage_line_wait(const struct hvpage_line *line, u64 ns)
{
	return ns ? max(ns, min(2 * line->hold, HVPAGE_HOLD_MAX_NS)) : 0;
}

/**
 * hvpage_line_raise_late - the device has news for its guest that can wait
 * @line: the guest's interrupt line
 * @bits: InterruptStatus bits to set (virtio 1.2, section 4.2.2)
 * @ns: how long it can wait, or four times as long as the guest's last interrupt
 *	took if that is longer, up to 1 ms; 0 if it cannot wait
 *
 * Sets the bits, then injects.  An injection that has not been acknowledged
 * serves for this news as well, since a driver acknowledges first and looks at
 * its rings afterwards.  But it may have been lost (I1: EL2 drops it while the
 * guest's last one is active, which under load is the normal case): so after
 * the line's patience it no longer counts, and as long as InterruptStatus stays
 * set and the guest wants to be told, the timer injects again with doubling
 * intervals.  A spurious interrupt is harmless.  A guest that polls never
 * acknowledges: the retries end, and start afresh with the next news. Whether a
 * guest wants to hear of that is no question then: with an event index it asks
 * once, and again only when it has been told.
 *
 * Right after an acknowledgment the guest's interrupt is still active, and the
 * guest is about to look: so an injection is held back, for twice as long as the last
 * one took the guest or until a frame of its own says that it has got on.
 *
 * News that waits is told of with the next that does not. By the end of that the
 * guest may have found out by itself: then it is left alone.
 *
 * Context: any, interrupts on or off. A line that is off ignores it.
 */
void hvpage_line_raise_late(struct hvpage_line *line, u32 bits, u64 ns)
{
	unsigned long flags;
	ktime_t now, due, late;

	raw_spin_lock_irqsave(&line->lock, flags);
	if (!line->on)
		goto out;
	if (!atomic_fetch_or(bits, line->isr))
		line->outstanding = false;
	WRITE_ONCE(line->given_up, false);
	now = ktime_get();
	if (line->outstanding) {
		due = ktime_add_ns(line->injected_at, line->patience);
	} else {
		due = hvpage_line_free_at(line);
		line->repeats = 0;
	}
	line->backoff = line->patience;
	late = ktime_add_ns(now, hvpage_line_wait(line, ns));
	if (ktime_compare(due, late) < 0)
		due = late;
	hvpage_line_inject_by(line, due, now);
out:
	hvpage_line_unlock(line, flags);
}

/**
 * hvpage_line_hurry - news that could wait can wait no longer
 * @line: the guest's interrupt line
 *
 * Nothing happens if the guest was told meanwhile.
 *
 * Context: any, interrupts on or off.
 */
void hvpage_line_hurry(struct hvpage_line *line)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&line->lock, flags);
	if (line->due != KTIME_MAX && !line->outstanding)
		hvpage_line_inject_by(line, hvpage_line_free_at(line),
				      ktime_get());
	hvpage_line_unlock(line, flags);
}

/**
 * hvpage_line_raise - the device has news for its guest
 * @line: the guest's interrupt line
 * @bits: InterruptStatus bits to set
 *
 * As hvpage_line_raise_late(), for news that cannot wait.
 *
 * Context: any, interrupts on or off. A line that is off ignores it.
 */
void hvpage_line_raise(struct hvpage_line *line, u32 bits)
{
	hvpage_line_raise_late(line, bits, 0);
}

/*
 * Learn from an acknowledgment what an interrupt takes the guest, and so how long
 * to wait for one, as TCP does for its retransmissions: on a busy board a guest may
 * be slow, and an injection repeated in vain fills EL2's event queue (E1). After a
 * repetition it is not known which injection was acknowledged: what passed since
 * the last is the least that the guest can have taken.  That may make us more
 * patient but not less, and not at all when the first was lost: losses are
 * frequent (I1).
 */
static void hvpage_line_learn(struct hvpage_line *line)
{
	u64 took = ktime_to_ns(ktime_sub(line->acked_at, line->injected_at));
	u64 patience = 4 * took;

	if (line->repeats)
		patience = max(patience, line->patience);
	else
		line->hold = clamp_t(u64, 2 * took, HVPAGE_HOLD_MIN_NS,
				     HVPAGE_HOLD_MAX_NS);
	line->patience = clamp_t(u64, patience, HVPAGE_RETRY_MIN_NS,
				 HVPAGE_RETRY_SLOW_NS);
}

/* The guest acknowledged: what it was not interrupted for took no time. */
static void hvpage_line_timed(struct hvpage_line *line)
{
	hvnet_latency_take(&line->acks);
	if (line->outstanding)
		hvnet_latency_end(&line->acks, line->acked_at);
}

/**
 * hvpage_line_heard - the guest has sent something
 * @line: its line
 *
 * Since its last acknowledgment, then; if before, it is interrupted a little
 * earlier than it should be.
 *
 * Context: any.
 */
void hvpage_line_heard(struct hvpage_line *line)
{
	WRITE_ONCE(line->heard, true);
}

/**
 * hvpage_line_acked - the guest acknowledged interrupts
 * @line: its line, whose InterruptStatus has been cleared already
 *
 * Context: hard interrupt or softirq.
 */
void hvpage_line_acked(struct hvpage_line *line)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&line->lock, flags);
	line->acked_at = ktime_get();
	WRITE_ONCE(line->heard, false);
	if (line->outstanding)
		hvpage_line_learn(line);
	if (hvnet_latency_wanted())
		hvpage_line_timed(line);
	hvpage_line_rest(line);
	if (line->on && atomic_read(line->isr)) {
		/* News came between the guest's read and its write. */
		line->backoff = line->patience;
		line->repeats = 0;
		line->due = hvpage_line_free_at(line);
		hvpage_line_start_timer(line);
	}
	raw_spin_unlock_irqrestore(&line->lock, flags);
}

static void hvpage_line_due(struct hvpage_line *line, ktime_t now)
{
	if (!line->wants(line))
		hvpage_line_rest(line);
	else if (!line->outstanding)
		hvpage_line_inject(line, now);
	else if (line->backoff > HVPAGE_RETRY_MAX_NS)
		hvpage_line_give_up(line);
	else
		hvpage_line_inject(line, now);
}

static enum hrtimer_restart hvpage_line_timer_fn(struct hrtimer *t)
{
	struct hvpage_line *line = container_of(t, struct hvpage_line, timer);
	unsigned long flags;
	ktime_t now;

	raw_spin_lock_irqsave(&line->lock, flags);
	now = ktime_get();
	if (!line->on || line->due == KTIME_MAX)
		goto out;
	if (!atomic_read(line->isr))
		hvpage_line_rest(line);
	else if (ktime_compare(line->due, now) > 0)
		hvpage_line_start_timer(line);
	else
		hvpage_line_due(line, now);
out:
	hvpage_line_unlock(line, flags);
	return HRTIMER_NORESTART;
}

/**
 * hvpage_line_on - allow a line's interrupts
 * @line: the line
 *
 * Context: process.
 */
void hvpage_line_on(struct hvpage_line *line)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&line->lock, flags);
	line->acked_at = 0;
	hvpage_line_rest(line);
	WRITE_ONCE(line->on, true);
	if (atomic_read(line->isr)) {
		/* It was off for a moment, with news not yet acknowledged. */
		line->backoff = line->patience;
		line->repeats = 0;
		hvpage_line_inject(line, ktime_get());
	}
	hvpage_line_unlock(line, flags);
}

/**
 * hvpage_line_off - no interrupt is injected once this returns
 * @line: the line
 *
 * Nor are wants() and stalled() called any more.
 *
 * Context: process.
 */
void hvpage_line_off(struct hvpage_line *line)
{
	struct hvpage *hp = line->hp;
	unsigned long flags;

	raw_spin_lock_irqsave(&line->lock, flags);
	WRITE_ONCE(line->on, false);
	hvpage_line_rest(line);
	raw_spin_unlock_irqrestore(&line->lock, flags);
	/* What was decided before has been done after this, or never will be. */
	raw_spin_lock_irqsave(&hp->res_lock, flags);
	raw_spin_unlock_irqrestore(&hp->res_lock, flags);
	hrtimer_cancel(&line->timer);
}

/* May one more interrupt of a zone be used? Under line_mutex. */
static int hvpage_claim_check(struct hvpage *hp, u32 zone, u32 irq,
			      struct hvnet_reason *why)
{
	const struct hvpage_foreign *foreign;
	const struct hvpage_line *line;
	unsigned int n = 0;
	bool taken = false;

	list_for_each_entry(line, &hp->lines, node) {
		n += line->zone == zone;
		taken |= line->zone == zone && line->irq == irq;
	}
	list_for_each_entry(foreign, &hp->foreign, node) {
		n += foreign->target.target_zone == zone;
		taken |= foreign->target.target_zone == zone &&
			 foreign->target.irq_id == irq;
	}
	if (taken)
		return hvnet_refuse_field(why, HVNET_FIELD_IRQ, -EBUSY,
					  "zone %u has a device with interrupt %u already",
					  zone, irq);
	if (n >= HVISOR_ZONE_MAX_IRQS)
		return hvnet_refuse_field(why, HVNET_FIELD_IRQ, -ENOSPC,
					  "zone %u has %u interrupts already: hvisor panics when more than that are outstanding",
					  zone, n);
	return 0;
}

/**
 * hvpage_line_add - claim a guest interrupt
 * @hp: the page
 * @line: the line, with @zone, @irq, @isr, @wants and @stalled filled in
 * @why: the reason of a refusal
 *
 * At most HVISOR_ZONE_MAX_IRQS a zone, each once (I2). The line starts off.
 *
 * Context: process. Return: 0, -EBUSY if it is taken or -ENOSPC.
 */
int hvpage_line_add(struct hvpage *hp, struct hvpage_line *line,
		    struct hvnet_reason *why)
{
	int err;

	mutex_lock(&hp->line_mutex);
	err = hvpage_claim_check(hp, line->zone, line->irq, why);
	if (err)
		goto out;
	line->hp = hp;
	line->on = false;
	line->owed = false;
	line->patience = HVPAGE_RETRY_MIN_NS;
	line->hold = HVPAGE_HOLD_MIN_NS;
	raw_spin_lock_init(&line->lock);
	hrtimer_setup(&line->timer, hvpage_line_timer_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_PINNED_HARD);
	list_add_tail(&line->node, &hp->lines);
out:
	mutex_unlock(&hp->line_mutex);
	return err;
}

/**
 * hvpage_line_del - give a guest interrupt back
 * @line: the line, which is off
 *
 * Context: process.
 */
void hvpage_line_del(struct hvpage_line *line)
{
	mutex_lock(&line->hp->line_mutex);
	list_del(&line->node);
	mutex_unlock(&line->hp->line_mutex);
}

/* Interrupts of somebody else's devices. */

static struct hvpage_foreign *
hvpage_foreign_find(struct hvpage *hp, const struct hvisor_response *target)
{
	struct hvpage_foreign *f;

	list_for_each_entry(f, &hp->foreign, node)
		if (f->target.target_zone == target->target_zone &&
		    f->target.irq_id == target->irq_id)
			return f;
	return NULL;
}

/* What EL2 would trust us to have looked at. Under line_mutex. */
static int hvpage_foreign_check(struct hvpage *hp,
				const struct hvisor_response *target,
				struct hvnet_reason *why)
{
	struct hvpage_foreign *f;
	unsigned int n = 0;

	if (!target->target_zone)
		return hvnet_refuse(why, -EINVAL, "zone 0 is root itself");
	if (target->irq_id < HVISOR_IRQ_MIN || target->irq_id > HVISOR_IRQ_MAX)
		return hvnet_refuse(why, -EINVAL,
				    "zone %u: irq %u is outside %u..%u",
				    target->target_zone, target->irq_id,
				    HVISOR_IRQ_MIN, HVISOR_IRQ_MAX);
	list_for_each_entry(f, &hp->foreign, node)
		n++;
	if (n == HVPAGE_FOREIGN_MAX)
		return hvnet_refuse(why, -ENOSPC,
				    "zone %u: %u interrupts of other zones are too many",
				    target->target_zone, n);
	return hvpage_claim_check(hp, target->target_zone, target->irq_id, why);
}

/* They are learnt when they are first used. Under line_mutex. */
static int hvpage_foreign_claim(struct hvpage *hp,
				const struct hvisor_response *target,
				struct hvnet_reason *why)
{
	struct hvpage_foreign *f;
	int err;

	if (hvpage_foreign_find(hp, target))
		return 0;
	err = hvpage_foreign_check(hp, target, why);
	if (err)
		return err;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return hvnet_refuse(why, -ENOMEM, "out of memory");
	f->target = *target;
	list_add_tail(&f->node, &hp->foreign);
	return 0;
}

/**
 * hvpage_claim_foreign - may these be injected for somebody else?
 * @hp: the page
 * @list: what is to be injected; what may not be is taken out
 * @n: how many, and then how many are left
 * @why: the reason why one of them was taken out
 *
 * They count among a zone's interrupts (I2) until hvpage_forget_foreign().
 *
 * Context: process.
 * Return: 0, or a negative errno if at least one may not be injected.
 */
int hvpage_claim_foreign(struct hvpage *hp,
			 struct hvisor_response *list, unsigned int *n,
			 struct hvnet_reason *why)
{
	unsigned int i, n_good = 0;
	int err, result = 0;

	mutex_lock(&hp->line_mutex);
	for (i = 0; i < *n; i++) {
		err = hvpage_foreign_claim(hp, &list[i], why);
		if (err)
			result = err;
		else
			list[n_good++] = list[i];
	}
	mutex_unlock(&hp->line_mutex);
	*n = n_good;
	return result;
}

/**
 * hvpage_inject_foreign - inject for somebody else
 * @hp: the page
 * @list: what to inject, all of it claimed
 * @n: how many, fewer than HVISOR_RING_SIZE
 *
 * All with one hypercall. While injections are held nothing is injected.
 *
 * Context: any.
 */
void hvpage_inject_foreign(struct hvpage *hp,
			   const struct hvisor_response *list, unsigned int n)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->res_lock, flags);
	hvpage_inject(hp, list, n);
	raw_spin_unlock_irqrestore(&hp->res_lock, flags);
}

/**
 * hvpage_forget_foreign - somebody else has no interrupts any more
 * @hp: the page
 *
 * Context: process.
 */
void hvpage_forget_foreign(struct hvpage *hp)
{
	struct hvpage_foreign *f, *next;

	mutex_lock(&hp->line_mutex);
	list_for_each_entry_safe(f, next, &hp->foreign, node) {
		list_del(&f->node);
		kfree(f);
	}
	mutex_unlock(&hp->line_mutex);
}

/* Birth and end. */

/*
 * The page is never freed, since EL2 writes to the last one it was given for as
 * long as the machine runs (R1): it stays with the conduit.
 */
static struct hvisor_page *hvpage_get_page(struct hvnet_conduit *c)
{
	BUILD_BUG_ON(PAGE_SIZE < HVISOR_PAGE_SIZE);
	if (!c->page)
		c->page = (void *)get_zeroed_page(GFP_KERNEL);
	return c->page;
}

static int hvpage_give(struct hvpage *hp, struct hvnet_reason *why)
{
	int err = hp->conduit->attach(hp->conduit, virt_to_phys(hp->page),
				      hvpage_wake, hp);

	hp->given = !err;
	if (err)
		return hvnet_refuse(why, err,
				    "hvisor did not take the shared page (%s, error %d)",
				    hp->conduit->name, err);
	/* Whatever was queued while nobody listened, then arm. */
	irq_work_queue(&hp->after_eoi_hard);
	return 0;
}

static void hvpage_take_back(struct hvpage *hp)
{
	if (hp->given)
		hp->conduit->detach(hp->conduit);
	hp->given = false;
}

/* Nobody wakes us any more: nor do we look any more. */
static void hvpage_rest(struct hvpage *hp)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->req_lock, flags);
	hp->closing = true;
	hvpage_disarm(hp);
	while (hp->n_slow)
		hvpage_serve_late(hp, &hp->slow[--hp->n_slow]);
	raw_spin_unlock_irqrestore(&hp->req_lock, flags);
	tasklet_kill(&hp->after_eoi);
	irq_work_sync(&hp->after_eoi_hard);
	hrtimer_cancel(&hp->late_look);
	hrtimer_cancel(&hp->pace);
}

/**
 * hvpage_attach - share a page with the hypervisor and serve it
 * @c: the way to the hypervisor
 * @serve: who serves guests' accesses
 * @why: the reason of a refusal
 *
 * Context: process. Return: the page or an ERR_PTR.
 */
struct hvpage *hvpage_attach(struct hvnet_conduit *c, hvpage_access_fn serve,
			     struct hvnet_reason *why)
{
	struct hvpage *hp = kzalloc(sizeof(*hp), GFP_KERNEL);
	const bool had_page = c->page;
	int err;

	if (!hp)
		return ERR_PTR(hvnet_refuse(why, -ENOMEM, "out of memory"));
	hp->page = hvpage_get_page(c);
	if (!hp->page) {
		err = hvnet_refuse(why, -ENOMEM,
				   "no memory for the shared page");
		goto err_free;
	}
	hp->conduit = c;
	hp->serve = serve;
	mutex_init(&hp->line_mutex);
	INIT_LIST_HEAD(&hp->lines);
	INIT_LIST_HEAD(&hp->foreign);
	raw_spin_lock_init(&hp->req_lock);
	raw_spin_lock_init(&hp->res_lock);
	tasklet_setup(&hp->after_eoi, hvpage_after_eoi_softirq);
	hp->after_eoi_hard = IRQ_WORK_INIT_HARD(hvpage_after_eoi_irq_work);
	hrtimer_setup(&hp->late_look, hvpage_late_look_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_PINNED_HARD);
	hrtimer_setup(&hp->pace, hvpage_pace_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_PINNED_HARD);
	err = hvpage_give(hp, why);
	if (err)
		goto err_rest;
	return hp;

err_rest:
	/* The line is shared: it may have woken us meanwhile. */
	hvpage_rest(hp);
	if (!had_page) {
		free_page((unsigned long)c->page);
		c->page = NULL;
	}
err_free:
	kfree(hp);
	return ERR_PTR(err);
}

/**
 * hvpage_detach - stop serving the page
 * @hp: the page; no line is left on it
 *
 * EL2 keeps the page, with need_wakeup 0: a guest that still touches a device
 * hangs, but wakes nobody (R1).
 *
 * Context: process.
 */
void hvpage_detach(struct hvpage *hp)
{
	hvpage_take_back(hp);
	hvpage_rest(hp);
	kfree(hp);
}

/**
 * hvpage_reattach - take the page back from whoever took it over
 * @hp: the page
 * @why: the reason of a refusal
 *
 * The last INIT_VIRTIO wins. After a failure nobody has the page: try again.
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvpage_reattach(struct hvpage *hp, struct hvnet_reason *why)
{
	hvpage_take_back(hp);
	return hvpage_give(hp, why);
}
