// SPDX-License-Identifier: GPL-2.0-only
/*
 * Relay between the hypervisor's page and the private page of hvisor-tool's
 * daemon: requests for its devices are copied there, its answers are found and
 * passed on.  Who the daemon is and when it is served is daemon.c's business,
 * what becomes of its interrupts daemon_irq.c's.
 *
 * The daemon answers by plain stores: no call tells us.  So its flags are
 * watched by a timer while, and only while, a vCPU waits.  Every request that
 * waits has a slot of the private page to itself, whatever vCPU it came from:
 * an answer that comes too late cannot be taken for another's.  One that comes
 * twice cannot either, unless all other slots were used in between.
 *
 * The page is the daemon's to write.  Nothing in it is believed: what we need
 * to know of our own ends of the rings is kept outside of it.  Nothing in here
 * waits for the daemon without a bound, and nothing of ours waits for it at all.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/string.h>

#include "compat.h"
#include "daemon_relay.h"

/* How long a vCPU waits for the daemon; then it reads 0. */
#define HVNET_DAEMON_BOUND_NS	(2ULL * NSEC_PER_SEC)

/* First look for an answer, and how much of the time passed to the next. */
#define HVNET_WATCH_MIN_NS	(5 * NSEC_PER_USEC)
#define HVNET_WATCH_SHARE	8

/* Looks for room while nobody waits: of a daemon that is busy, or stopped. */
#define HVNET_WATCH_ROOM_NS	NSEC_PER_MSEC
#define HVNET_WATCH_STUCK_NS	(10 * NSEC_PER_MSEC)

/* Requests on their way to the daemon. Under the relay's lock. */

/* Where the daemon says it is: to compare with, whatever it says. */
static u32 hvnet_relay_front(const struct hvnet_relay *r)
{
	/* Pairs with the daemon's release after it has read a request. */
	return smp_load_acquire(&r->page->req_front);
}

static bool hvnet_relay_push(struct hvnet_relay *r,
			     const struct hvisor_request *req)
{
	u32 next = (r->rear + 1) & HVISOR_RING_MASK;

	if (next == hvnet_relay_front(r))
		return false;
	r->page->req[r->rear] = *req;
	/* Pairs with the daemon's acquire before it reads the slot. */
	smp_store_release(&r->page->req_rear, next);
	r->rear = next;
	return true;
}

/* Wake the daemon if it sleeps, or is about to. */
static void hvnet_relay_wake(struct hvnet_relay *r)
{
	/* Pairs with the daemon's fence between need_wakeup and its look. */
	smp_mb();
	if (READ_ONCE(r->page->need_wakeup))
		irq_work_queue(&r->signal);
}

static void hvnet_relay_refill(struct hvnet_relay *r)
{
	unsigned int n = 0;

	while (n < r->n_backlog && hvnet_relay_push(r, &r->backlog[n]))
		n++;
	if (!n)
		return;
	r->n_backlog -= n;
	memmove(r->backlog, r->backlog + n, r->n_backlog * sizeof(*r->backlog));
	hvnet_relay_wake(r);
}

/* Put into the ring, behind what is queued already. */
static bool hvnet_relay_send(struct hvnet_relay *r,
			     const struct hvisor_request *req)
{
	hvnet_relay_refill(r);
	if (r->n_backlog || !hvnet_relay_push(r, req))
		return false;
	hvnet_relay_wake(r);
	return true;
}

static bool hvnet_same_notify(const struct hvisor_request *a,
			      const struct hvisor_request *b)
{
	return a->src_zone == b->src_zone && a->address == b->address &&
	       a->value == b->value && a->is_write == b->is_write;
}

/*
 * Keep a notify until there is room. It says "look at the queue": one that has
 * not been read says it all.
 */
static void hvnet_relay_keep(struct hvnet_relay *r,
			     const struct hvisor_request *req)
{
	unsigned int i, n_zone = 0, n_posted = 0;

	for (i = 0; i < r->n_backlog; i++) {
		const struct hvisor_request *kept = &r->backlog[i];

		if (!kept->need_interrupt)
			continue;
		if (hvnet_same_notify(kept, req))
			return;
		n_posted++;
		n_zone += kept->src_zone == req->src_zone;
	}
	if (n_zone == HVNET_BACKLOG_ZONE || n_posted == HVNET_BACKLOG_POSTED) {
		pr_warn_ratelimited("zone %u: notifies too many queues of hvisor-tool's daemon, which reads none: %#llx = %#llx is lost\n",
				    req->src_zone, req->address, req->value);
		return;
	}
	r->backlog[r->n_backlog++] = *req;
}

/* Take a request back that has not been put into the ring. */
static bool hvnet_relay_withdraw(struct hvnet_relay *r, unsigned int slot)
{
	unsigned int i;

	for (i = 0; i < r->n_backlog; i++)
		if (r->backlog[i].src_cpu == slot)
			break;
	if (i == r->n_backlog)
		return false;
	r->n_backlog--;
	memmove(r->backlog + i, r->backlog + i + 1,
		(r->n_backlog - i) * sizeof(*r->backlog));
	return true;
}

/* Answers on their way back. Under the relay's lock. */

static void hvnet_relay_watch(struct hvnet_relay *r, u64 ns)
{
	hrtimer_start(&r->watch, ns_to_ktime(ns), HRTIMER_MODE_REL_PINNED_HARD);
}

static void hvnet_slot_answer(struct hvnet_relay *r, unsigned int i, u64 value)
{
	struct hvpage_access *acc = &r->slot[i].acc;

	__clear_bit(i, r->waiting);
	acc->value = value;
	hvpage_answer(r->hp, acc);
}

static void hvnet_slot_look(struct hvnet_relay *r, unsigned int i)
{
	/* Pairs with the daemon's barrier between value and flag. */
	u64 flag = smp_load_acquire(&r->page->cfg_flags[i]);

	if (flag == r->slot[i].flag)
		return;
	if (test_bit(i, r->waiting))
		hvnet_slot_answer(r, i, READ_ONCE(r->page->cfg_values[i]));
	__clear_bit(i, r->used);
}

static void hvnet_slot_give_up(struct hvnet_relay *r, unsigned int i)
{
	const struct hvpage_access *acc = &r->slot[i].acc;

	if (!r->stuck)
		pr_err_ratelimited("zone %u: hvisor-tool's daemon did not answer an access to %#llx in %llu ms: read as 0 until it goes on\n",
				   acc->zone, acc->addr,
				   HVNET_DAEMON_BOUND_NS / NSEC_PER_MSEC);
	r->stuck = true;
	r->stuck_front = hvnet_relay_front(r);
	if (hvnet_relay_withdraw(r, i))
		__clear_bit(i, r->used);
	hvnet_slot_answer(r, i, 0);
}

/* How long the vCPU that has waited longest has done so, or -1. */
static s64 hvnet_relay_look(struct hvnet_relay *r)
{
	ktime_t now = ktime_get();
	s64 longest = -1;
	unsigned int i;

	for_each_set_bit(i, r->used, HVNET_SLOTS) {
		s64 waited = ktime_to_ns(ktime_sub(now, r->slot[i].since));

		hvnet_slot_look(r, i);
		if (!test_bit(i, r->waiting))
			continue;
		if (waited > (s64)HVNET_DAEMON_BOUND_NS)
			hvnet_slot_give_up(r, i);
		else
			longest = max(longest, waited);
	}
	return longest;
}

static enum hrtimer_restart hvnet_relay_watch_fn(struct hrtimer *t)
{
	struct hvnet_relay *r = container_of(t, struct hvnet_relay, watch);
	unsigned long flags;
	s64 waited;

	raw_spin_lock_irqsave(&r->lock, flags);
	waited = hvnet_relay_look(r);
	hvnet_relay_refill(r);
	if (waited >= 0)
		hvnet_relay_watch(r, max_t(u64, HVNET_WATCH_MIN_NS,
					   waited / HVNET_WATCH_SHARE));
	else if (r->n_backlog)
		hvnet_relay_watch(r, r->stuck ? HVNET_WATCH_STUCK_NS :
						HVNET_WATCH_ROOM_NS);
	raw_spin_unlock_irqrestore(&r->lock, flags);
	return HRTIMER_NORESTART;
}

/* Accesses. Under the relay's lock. */

/*
 * Has the daemon stood still since it let a vCPU wait too long? If it has read
 * all there is that cannot be told: then one more may wait.
 */
static bool hvnet_relay_stuck(struct hvnet_relay *r)
{
	u32 front = hvnet_relay_front(r);

	if (front != r->stuck_front || front == r->rear)
		r->stuck = false;
	return r->stuck;
}

/*
 * A slot for a vCPU to wait in, HVNET_SLOTS if there is none. The one that was
 * free for longest, so that a daemon that answers twice does no harm.
 */
static unsigned int hvnet_relay_take_slot(struct hvnet_relay *r,
					  const struct hvpage_access *acc)
{
	unsigned int i;

	i = find_next_zero_bit(r->used, HVNET_SLOTS, r->next_slot);
	if (i == HVNET_SLOTS)
		i = find_first_zero_bit(r->used, HVNET_SLOTS);
	if (i == HVNET_SLOTS) {
		pr_err_ratelimited("zone %u: hvisor-tool's daemon reads requests and answers none: its devices read as absent; restart it\n",
				   acc->zone);
		return i;
	}
	r->next_slot = i + 1;
	__set_bit(i, r->used);
	__set_bit(i, r->waiting);
	r->slot[i].acc = *acc;
	r->slot[i].flag = READ_ONCE(r->page->cfg_flags[i]);
	r->slot[i].since = ktime_get();
	return i;
}

static enum hvpage_reply hvnet_relay_post(struct hvnet_relay *r,
					  const struct hvisor_request *req)
{
	if (hvnet_relay_send(r, req))
		return HVPAGE_ANSWER;
	hvnet_relay_keep(r, req);
	if (!hrtimer_is_queued(&r->watch))
		hvnet_relay_watch(r, HVNET_WATCH_ROOM_NS);
	return HVPAGE_ANSWER;
}

static enum hvpage_reply hvnet_relay_ask(struct hvnet_relay *r,
					 struct hvisor_request *req,
					 const struct hvpage_access *acc)
{
	unsigned int i;

	hvnet_relay_look(r);
	if (hvnet_relay_stuck(r))
		return HVPAGE_NOBODY;
	i = hvnet_relay_take_slot(r, acc);
	if (i == HVNET_SLOTS)
		return HVPAGE_NOBODY;
	req->src_cpu = i;
	/* There is room for all slots beside the notifies. */
	if (!hvnet_relay_send(r, req))
		r->backlog[r->n_backlog++] = *req;
	hvnet_relay_watch(r, HVNET_WATCH_MIN_NS);
	return HVPAGE_LATER;
}

/**
 * hvnet_relay_access - an access to a device that is not ours
 * @r: the relay, started
 * @acc: the access
 *
 * Context: as hvpage_access_fn. Return: HVPAGE_NOBODY if the daemon is not
 * asked.
 */
enum hvpage_reply hvnet_relay_access(struct hvnet_relay *r,
				     const struct hvpage_access *acc)
{
	struct hvisor_request req = {
		.src_cpu = HVNET_SLOT_POSTED,
		.address = acc->addr,
		.size = acc->size,
		.value = acc->value,
		.src_zone = acc->zone,
		.is_write = acc->write,
		.need_interrupt = acc->posted,
	};
	enum hvpage_reply reply;

	raw_spin_lock(&r->lock);
	reply = acc->posted ? hvnet_relay_post(r, &req) :
			      hvnet_relay_ask(r, &req, acc);
	raw_spin_unlock(&r->lock);
	return reply;
}

/**
 * hvnet_relay_take_responses - take what the daemon wants to have injected
 * @r: the relay, started
 * @list: where to put it: HVISOR_RING_SIZE entries
 *
 * Context: process, one caller at a time. Return: how many there are.
 */
unsigned int hvnet_relay_take_responses(struct hvnet_relay *r,
					struct hvisor_response *list)
{
	struct hvisor_page *page = r->page;
	/* Pairs with the daemon's barrier between entry and index. */
	u32 rear = smp_load_acquire(&page->res_rear) & HVISOR_RING_MASK;
	unsigned int n = 0;

	while (r->res_front != rear) {
		list[n++] = page->res[r->res_front];
		r->res_front = (r->res_front + 1) & HVISOR_RING_MASK;
	}
	/* Its threads wait for room by looking at this. */
	smp_store_release(&page->res_front, r->res_front);
	return n;
}

/* Birth, life and end. */

/* Not from the request path, which holds a raw lock that eventfd's is not. */
static void hvnet_relay_signal(struct irq_work *work)
{
	struct hvnet_relay *r = container_of(work, struct hvnet_relay, signal);
	struct eventfd_ctx *ctx = READ_ONCE(r->eventfd);

	if (ctx)
		hvnet_eventfd_signal(ctx);
}

/**
 * hvnet_relay_init - before everything else
 * @r: the relay, zeroed
 *
 * Context: process.
 */
void hvnet_relay_init(struct hvnet_relay *r)
{
	raw_spin_lock_init(&r->lock);
	hrtimer_setup(&r->watch, hvnet_relay_watch_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	init_irq_work(&r->signal, hvnet_relay_signal);
}

/**
 * hvnet_relay_free - the end
 * @r: the relay, stopped; nobody maps its page
 *
 * Context: process.
 */
void hvnet_relay_free(struct hvnet_relay *r)
{
	if (r->eventfd)
		eventfd_ctx_put(r->eventfd);
	free_page((unsigned long)r->page);
}

/**
 * hvnet_relay_start - begin to relay, from nothing
 * @r: the relay, stopped
 * @hp: the hypervisor's page
 *
 * Context: process, one caller at a time. Return: 0 or -ENOMEM.
 */
int hvnet_relay_start(struct hvnet_relay *r, struct hvpage *hp)
{
	if (!r->page)
		r->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!r->page)
		return -ENOMEM;
	memset(r->page, 0, HVISOR_PAGE_SIZE);
	r->rear = 0;
	r->res_front = 0;
	bitmap_zero(r->used, HVNET_SLOTS);
	r->next_slot = 0;
	r->stuck = false;
	r->n_backlog = 0;
	r->hp = hp;
	return 0;
}

/**
 * hvnet_relay_stop - relay nothing any more; those who still wait read 0
 * @r: the relay, started; no access reaches it any more
 *
 * Context: process.
 */
void hvnet_relay_stop(struct hvnet_relay *r)
{
	unsigned int i;

	raw_spin_lock_irq(&r->lock);
	for_each_set_bit(i, r->waiting, HVNET_SLOTS)
		hvnet_slot_answer(r, i, 0);
	raw_spin_unlock_irq(&r->lock);
	hrtimer_cancel(&r->watch);
	irq_work_sync(&r->signal);
}

/**
 * hvnet_relay_set_eventfd - what to signal when the daemon is to be woken
 * @r: the relay
 * @ctx: the eventfd, whose reference becomes ours
 *
 * Context: process, one caller at a time.
 */
void hvnet_relay_set_eventfd(struct hvnet_relay *r, struct eventfd_ctx *ctx)
{
	struct eventfd_ctx *old = r->eventfd;

	WRITE_ONCE(r->eventfd, ctx);
	/* Whoever has read the old one is done once this returns. */
	irq_work_sync(&r->signal);
	if (old)
		eventfd_ctx_put(old);
}
