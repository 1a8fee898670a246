// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life beside hvisor-tool.  The hypervisor knows one request page, and it is
 * ours; but the daemon serves disks and consoles from it.  So the daemon gets a
 * private page of the same layout through a device node that answers as
 * hvisor.ko's does: requests for devices that are not ours are copied there,
 * its answers and interrupts are passed on.  Whatever is not about the page,
 * zone management above all, goes on to hvisor.ko; a zone is quiesced first
 * when it has to be.
 *
 * The daemon answers by plain stores: no call tells us.  So its flags are
 * watched by a timer while, and only while, a vCPU waits.  Every request that
 * waits has a slot of the private page to itself, whatever vCPU it came from:
 * an answer that comes too late, or twice, cannot be taken for another's.
 *
 * Nothing in here waits for the daemon without a bound, and nothing of ours
 * waits for it at all.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_mmio.h>

#include "compat.h"
#include "daemon.h"
#include "hvisor_abi.h"
#include "memory.h"
#include "reason.h"

/* The last slot is where the daemon may answer what needs no answer. */
#define HVNET_SLOTS		(HVISOR_MAX_CPUS - 1)
#define HVNET_SLOT_POSTED	HVNET_SLOTS

/* Requests kept while the daemon's ring is full. */
#define HVNET_BACKLOG		64

/* How long a vCPU waits for the daemon; then it reads 0. */
#define HVNET_DAEMON_BOUND_NS	(2ULL * NSEC_PER_SEC)

/* First look for an answer, and how much of the time passed to the next. */
#define HVNET_WATCH_MIN_NS	(5 * NSEC_PER_USEC)
#define HVNET_WATCH_SHARE	8

/* How many of its interrupts are watched, and when the first is repeated. */
#define HVNET_LINES		8
#define HVNET_LINE_MIN_NS	(5 * NSEC_PER_MSEC)
#define HVNET_LINE_MAX_NS	(500 * NSEC_PER_MSEC)

#define HVNET_LINE_DEVICE	0x200

#define HVNET_BASE_UNKNOWN	(~0ULL)

/**
 * struct hvnet_slot - a request that waits for the daemon
 * @acc: the access to answer
 * @flag: the slot's flag when the request was made
 * @since: when that was
 */
struct hvnet_slot {
	struct hvpage_access acc;
	u64 flag;
	ktime_t since;
};

/**
 * struct hvnet_line - an interrupt of the daemon's
 * @target: which it is; irq_id 0 if this is unused
 * @base: its device's first register, HVNET_BASE_UNKNOWN until learnt
 * @pending: injected, and the guest has not looked why
 * @due: when it is repeated
 * @backoff: how long after that it is repeated again
 */
struct hvnet_line {
	struct hvisor_response target;
	u64 base;
	bool pending;
	ktime_t due;
	u64 backoff;
};

/**
 * struct hvnet_session - an open file, and a daemon if it has a page
 * @page: the private page, mapped by the daemon; NULL until INIT_VIRTIO
 * @rear: our end of its request ring
 * @slot: requests by slot
 * @used: slots handed out; one that was given up stays used until the daemon
 *	has answered it after all
 * @waiting: of these, those whose vCPU waits
 * @stuck: the daemon let a vCPU wait too long, and has not moved since
 * @stuck_front: where it was then
 * @backlog: requests that did not fit, oldest first
 * @n_backlog: how many
 * @watch: looks for answers and for room
 * @line: its interrupts
 * @again: repeats those that were lost
 * @signal: signals @eventfd, where that is allowed
 * @eventfd: the daemon's, under hvnet_session_lock
 */
struct hvnet_session {
	struct hvisor_page *page;
	u32 rear;
	struct hvnet_slot slot[HVNET_SLOTS];
	DECLARE_BITMAP(used, HVNET_SLOTS);
	DECLARE_BITMAP(waiting, HVNET_SLOTS);
	bool stuck;
	u32 stuck_front;
	struct hvisor_request backlog[HVNET_BACKLOG];
	unsigned int n_backlog;
	struct hrtimer watch;
	struct hvnet_line line[HVNET_LINES];
	struct hrtimer again;
	struct irq_work signal;
	struct eventfd_ctx *eventfd;
};

/*
 * Held while a zone is shut down, when no FINISH_REQ may be issued, and by who
 * issues one for the daemon. Outside hvnet_session_lock.
 */
static DEFINE_MUTEX(hvnet_finish_lock);

/* Which daemon is served, hvisor.ko's node, and the hypervisor's page. */
static DEFINE_MUTEX(hvnet_session_lock);
static struct file *hvnet_backend;
static struct hvpage *hvnet_daemon_hp;

/*
 * All of the current session but its eventfd. Nests inside the page's request
 * lock; the page's response lock nests inside it.
 */
static DEFINE_RAW_SPINLOCK(hvnet_daemon_lock);
static struct hvnet_session *hvnet_session;

/* Requests on their way to the daemon. Under hvnet_daemon_lock. */

static u32 hvnet_session_front(const struct hvnet_session *s)
{
	/* Pairs with the daemon's release after it has read a request. */
	return smp_load_acquire(&s->page->req_front) & HVISOR_RING_MASK;
}

static bool hvnet_session_push(struct hvnet_session *s,
			       const struct hvisor_request *req)
{
	u32 next = (s->rear + 1) & HVISOR_RING_MASK;

	if (next == hvnet_session_front(s))
		return false;
	s->page->req[s->rear] = *req;
	/* Pairs with the daemon's acquire before it reads the slot. */
	smp_store_release(&s->page->req_rear, next);
	s->rear = next;
	return true;
}

/* Wake the daemon if it sleeps, or is about to. */
static void hvnet_session_wake(struct hvnet_session *s)
{
	/* Pairs with the daemon's fence between need_wakeup and its look. */
	smp_mb();
	if (READ_ONCE(s->page->need_wakeup))
		irq_work_queue(&s->signal);
}

static void hvnet_session_refill(struct hvnet_session *s)
{
	unsigned int n = 0;

	while (n < s->n_backlog && hvnet_session_push(s, &s->backlog[n]))
		n++;
	if (!n)
		return;
	s->n_backlog -= n;
	memmove(s->backlog, s->backlog + n, s->n_backlog * sizeof(*s->backlog));
	hvnet_session_wake(s);
}

static bool hvnet_same_request(const struct hvisor_request *a,
			       const struct hvisor_request *b)
{
	return a->need_interrupt && b->need_interrupt &&
	       a->src_zone == b->src_zone && a->address == b->address &&
	       a->value == b->value && a->is_write == b->is_write;
}

/* A notify says "look at the queue": one that has not been read says it all. */
static bool hvnet_session_folds(const struct hvnet_session *s,
				const struct hvisor_request *req)
{
	unsigned int i;

	for (i = 0; i < s->n_backlog; i++)
		if (hvnet_same_request(&s->backlog[i], req))
			return true;
	return false;
}

/* Queue behind what is queued; return false if there is no room at all. */
static bool hvnet_session_queue(struct hvnet_session *s,
				const struct hvisor_request *req)
{
	hvnet_session_refill(s);
	if (!s->n_backlog && hvnet_session_push(s, req)) {
		hvnet_session_wake(s);
		return true;
	}
	if (hvnet_session_folds(s, req))
		return true;
	if (s->n_backlog == HVNET_BACKLOG)
		return false;
	s->backlog[s->n_backlog++] = *req;
	return true;
}

/* Answers on their way back. Under hvnet_daemon_lock. */

static void hvnet_session_watch(struct hvnet_session *s, u64 ns)
{
	hrtimer_start(&s->watch, ns_to_ktime(ns), HRTIMER_MODE_REL_PINNED_HARD);
}

static void hvnet_slot_answer(struct hvnet_session *s, unsigned int i, u64 value)
{
	struct hvpage_access *acc = &s->slot[i].acc;

	__clear_bit(i, s->waiting);
	acc->value = value;
	hvpage_answer(hvnet_daemon_hp, acc);
}

static void hvnet_slot_look(struct hvnet_session *s, unsigned int i)
{
	/* Pairs with the daemon's barrier between value and flag. */
	u64 flag = smp_load_acquire(&s->page->cfg_flags[i]);

	if (flag == s->slot[i].flag)
		return;
	if (test_bit(i, s->waiting))
		hvnet_slot_answer(s, i, READ_ONCE(s->page->cfg_values[i]));
	__clear_bit(i, s->used);
}

static void hvnet_slot_give_up(struct hvnet_session *s, unsigned int i)
{
	const struct hvpage_access *acc = &s->slot[i].acc;

	if (!s->stuck)
		pr_err_ratelimited("zone %u: hvisor-tool's daemon did not answer an access to %#llx in %llu ms: read as 0 until it goes on\n",
				   acc->zone, acc->addr,
				   HVNET_DAEMON_BOUND_NS / NSEC_PER_MSEC);
	s->stuck = true;
	s->stuck_front = hvnet_session_front(s);
	hvnet_slot_answer(s, i, 0);
}

/* How long the vCPU that has waited longest has done so, or -1. */
static s64 hvnet_session_look(struct hvnet_session *s)
{
	ktime_t now = ktime_get();
	s64 longest = -1;
	unsigned int i;

	for_each_set_bit(i, s->used, HVNET_SLOTS) {
		s64 waited = ktime_to_ns(ktime_sub(now, s->slot[i].since));

		hvnet_slot_look(s, i);
		if (!test_bit(i, s->waiting))
			continue;
		if (waited > (s64)HVNET_DAEMON_BOUND_NS)
			hvnet_slot_give_up(s, i);
		else
			longest = max(longest, waited);
	}
	return longest;
}

static enum hrtimer_restart hvnet_session_watch_fn(struct hrtimer *t)
{
	struct hvnet_session *s = container_of(t, struct hvnet_session, watch);
	unsigned long flags;
	s64 waited;

	raw_spin_lock_irqsave(&hvnet_daemon_lock, flags);
	if (s == hvnet_session) {
		waited = hvnet_session_look(s);
		hvnet_session_refill(s);
		if (waited >= 0)
			hvnet_session_watch(s, max_t(u64, HVNET_WATCH_MIN_NS,
						     waited / HVNET_WATCH_SHARE));
		else if (s->n_backlog && !s->stuck)
			hvnet_session_watch(s, NSEC_PER_MSEC);
	}
	raw_spin_unlock_irqrestore(&hvnet_daemon_lock, flags);
	return HRTIMER_NORESTART;
}

/*
 * Its interrupts. EL2 drops one that comes while the guest's last is active
 * (I1), and the daemon sends no other until the guest has acknowledged it: its
 * device would stand still for good. So one is repeated until the guest reads
 * some InterruptStatus of that zone. A read that follows cannot be about an
 * earlier one, since the daemon waits for that one's acknowledgment.
 *
 * Nobody tells which interrupt is which device's: it is learnt when only one
 * is pending. Where it is not known a read stands for all of them.
 *
 * Under hvnet_daemon_lock.
 */

static struct hvnet_line *hvnet_line_get(struct hvnet_session *s,
					 const struct hvisor_response *target)
{
	unsigned int i;

	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &s->line[i];

		if (!line->target.irq_id) {
			line->target = *target;
			line->base = HVNET_BASE_UNKNOWN;
		}
		if (line->target.irq_id == target->irq_id &&
		    line->target.target_zone == target->target_zone)
			return line;
	}
	return NULL;
}

static void hvnet_line_injected(struct hvnet_session *s,
				const struct hvisor_response *target)
{
	struct hvnet_line *line = hvnet_line_get(s, target);

	if (!line)
		return;
	line->pending = true;
	line->backoff = HVNET_LINE_MIN_NS;
	line->due = ktime_add_ns(ktime_get(), line->backoff);
	if (!hrtimer_is_queued(&s->again))
		hrtimer_start(&s->again, line->due, HRTIMER_MODE_ABS_HARD);
}

/* How many of a zone's are pending whose device is not known; one of them. */
static unsigned int hvnet_line_strangers(struct hvnet_session *s, u32 zone,
					 struct hvnet_line **one)
{
	unsigned int i, n = 0;

	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &s->line[i];

		if (line->pending && line->target.target_zone == zone &&
		    line->base == HVNET_BASE_UNKNOWN) {
			*one = line;
			n++;
		}
	}
	return n;
}

/* The guest reads InterruptStatus of the device at @base. */
static void hvnet_line_looked(struct hvnet_session *s, u32 zone, u64 base)
{
	struct hvnet_line *line;
	unsigned int i;

	for (i = 0; i < HVNET_LINES; i++) {
		line = &s->line[i];
		if (line->target.target_zone == zone && line->base == base) {
			line->pending = false;
			return;
		}
	}
	switch (hvnet_line_strangers(s, zone, &line)) {
	case 0:
		break;
	case 1:
		line->base = base;
		line->pending = false;
		break;
	default:
		while (hvnet_line_strangers(s, zone, &line))
			line->pending = false;
	}
}

/* One that is due, or NULL; @next is when the first of the others is. */
static struct hvnet_line *hvnet_line_due(struct hvnet_session *s, ktime_t now,
					 ktime_t *next)
{
	struct hvnet_line *due = NULL;
	unsigned int i;

	*next = KTIME_MAX;
	for (i = 0; i < HVNET_LINES; i++) {
		struct hvnet_line *line = &s->line[i];

		if (!line->pending)
			continue;
		if (!due && ktime_compare(line->due, now) <= 0)
			due = line;
		else if (ktime_compare(line->due, *next) < 0)
			*next = line->due;
	}
	return due;
}

/* A guest that does not look for so long polls, or is dead. */
static void hvnet_line_again(struct hvnet_line *line, ktime_t now)
{
	line->backoff *= 2;
	line->due = ktime_add_ns(now, line->backoff);
	line->pending = line->backoff <= HVNET_LINE_MAX_NS;
	hvpage_inject_foreign(hvnet_daemon_hp, &line->target, 1);
}

static enum hrtimer_restart hvnet_session_again_fn(struct hrtimer *t)
{
	struct hvnet_session *s = container_of(t, struct hvnet_session, again);
	ktime_t now = ktime_get(), next = KTIME_MAX;
	struct hvnet_line *line;
	unsigned long flags;

	raw_spin_lock_irqsave(&hvnet_daemon_lock, flags);
	if (s == hvnet_session) {
		while ((line = hvnet_line_due(s, now, &next)))
			hvnet_line_again(line, now);
		if (next != KTIME_MAX)
			hrtimer_start(t, next, HRTIMER_MODE_ABS_HARD);
	}
	raw_spin_unlock_irqrestore(&hvnet_daemon_lock, flags);
	return HRTIMER_NORESTART;
}

/* A zone stops: an interrupt would stay in its list registers (Z3). */
static void hvnet_lines_drop(u32 zone)
{
	unsigned int i;

	raw_spin_lock_irq(&hvnet_daemon_lock);
	for (i = 0; hvnet_session && i < HVNET_LINES; i++)
		if (hvnet_session->line[i].target.target_zone == zone)
			hvnet_session->line[i].pending = false;
	raw_spin_unlock_irq(&hvnet_daemon_lock);
}

/* Has the daemon moved since it let a vCPU wait too long? */
static bool hvnet_session_stuck(struct hvnet_session *s)
{
	if (s->stuck && hvnet_session_front(s) != s->stuck_front)
		s->stuck = false;
	return s->stuck;
}

/* A slot for a vCPU to wait in, HVNET_SLOTS if there is none. */
static unsigned int hvnet_session_take_slot(struct hvnet_session *s,
					    const struct hvpage_access *acc)
{
	unsigned int i;

	hvnet_session_look(s);
	i = find_first_zero_bit(s->used, HVNET_SLOTS);
	if (i == HVNET_SLOTS)
		return i;
	__set_bit(i, s->used);
	__set_bit(i, s->waiting);
	s->slot[i].acc = *acc;
	s->slot[i].flag = READ_ONCE(s->page->cfg_flags[i]);
	s->slot[i].since = ktime_get();
	return i;
}

static enum hvpage_reply hvnet_session_access(struct hvnet_session *s,
					      struct hvpage_access *acc)
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
	unsigned int i;

	if (acc->posted) {
		if (hvnet_session_queue(s, &req) && s->n_backlog &&
		    !hrtimer_is_queued(&s->watch))
			hvnet_session_watch(s, NSEC_PER_MSEC);
		return HVPAGE_ANSWER;
	}
	if (hvnet_session_stuck(s))
		return HVPAGE_NOBODY;
	i = hvnet_session_take_slot(s, acc);
	if (i == HVNET_SLOTS)
		return HVPAGE_NOBODY;
	req.src_cpu = i;
	if (!hvnet_session_queue(s, &req)) {
		__clear_bit(i, s->used);
		__clear_bit(i, s->waiting);
		return HVPAGE_NOBODY;
	}
	hvnet_session_watch(s, HVNET_WATCH_MIN_NS);
	return HVPAGE_LATER;
}

/* Devices begin at a multiple of their length: 0x200 in every configuration. */
static bool hvnet_is_interrupt_status(u64 addr)
{
	return (addr & (HVNET_LINE_DEVICE - 1)) == VIRTIO_MMIO_INTERRUPT_STATUS;
}

/**
 * hvnet_daemon_access - an access to a device that is not ours
 * @acc: the access
 *
 * Context: as hvpage_access_fn. Return: HVPAGE_NOBODY without a daemon.
 */
enum hvpage_reply hvnet_daemon_access(struct hvpage_access *acc)
{
	enum hvpage_reply reply = HVPAGE_NOBODY;

	raw_spin_lock(&hvnet_daemon_lock);
	if (hvnet_session) {
		if (!acc->write && hvnet_is_interrupt_status(acc->addr))
			hvnet_line_looked(hvnet_session, acc->zone,
					  acc->addr - VIRTIO_MMIO_INTERRUPT_STATUS);
		reply = hvnet_session_access(hvnet_session, acc);
	}
	raw_spin_unlock(&hvnet_daemon_lock);
	return reply;
}

/* Sessions come and go. Under hvnet_session_lock. */

/* Have @s served, or nobody; those who still wait for the last read 0. */
static void hvnet_session_switch(struct hvnet_session *s)
{
	struct hvnet_session *old = hvnet_session;
	unsigned int i;

	raw_spin_lock_irq(&hvnet_daemon_lock);
	if (old)
		for_each_set_bit(i, old->waiting, HVNET_SLOTS)
			hvnet_slot_answer(old, i, 0);
	hvnet_session = s;
	raw_spin_unlock_irq(&hvnet_daemon_lock);
	if (!old)
		return;
	hrtimer_cancel(&old->watch);
	hrtimer_cancel(&old->again);
	irq_work_sync(&old->signal);
	if (hvnet_daemon_hp)
		hvpage_forget_foreign(hvnet_daemon_hp, old);
}

/**
 * hvnet_daemon_set_page - the hypervisor's page has come or is about to go
 * @hp: the page, or NULL
 *
 * Context: process.
 */
void hvnet_daemon_set_page(struct hvpage *hp)
{
	mutex_lock(&hvnet_session_lock);
	if (!hp)
		hvnet_session_switch(NULL);
	hvnet_daemon_hp = hp;
	mutex_unlock(&hvnet_session_lock);
}

static void hvnet_session_signal(struct irq_work *work)
{
	struct hvnet_session *s = container_of(work, struct hvnet_session,
					       signal);
	struct eventfd_ctx *ctx = READ_ONCE(s->eventfd);

	if (ctx)
		hvnet_eventfd_signal(ctx);
}

/* Calls that are ours. */

static long hvnet_call_init(struct hvnet_session *s)
{
	long err = 0;

	mutex_lock(&hvnet_session_lock);
	if (!hvnet_daemon_hp) {
		pr_err("INIT_VIRTIO: there is no hypervisor\n");
		err = -ENODEV;
		goto out;
	}
	if (hvnet_session == s)
		hvnet_session_switch(NULL);
	if (!s->page)
		s->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!s->page) {
		err = -ENOMEM;
		goto out;
	}
	memset(s->page, 0, HVISOR_PAGE_SIZE);
	s->rear = 0;
	bitmap_zero(s->used, HVNET_SLOTS);
	bitmap_zero(s->waiting, HVNET_SLOTS);
	s->stuck = false;
	s->n_backlog = 0;
	memset(s->line, 0, sizeof(s->line));
	hvnet_session_switch(s);
out:
	mutex_unlock(&hvnet_session_lock);
	return err;
}

/* Take what the daemon has queued off its response ring. */
static unsigned int hvnet_take_responses(struct hvisor_page *page,
					 struct hvisor_response *list)
{
	u32 front = page->res_front & HVISOR_RING_MASK;
	/* Pairs with the daemon's barrier between entry and index. */
	u32 rear = smp_load_acquire(&page->res_rear) & HVISOR_RING_MASK;
	unsigned int n = 0;

	while (front != rear) {
		list[n++] = page->res[front];
		front = (front + 1) & HVISOR_RING_MASK;
	}
	/* Its threads wait for room by looking at this. */
	smp_store_release(&page->res_front, front);
	return n;
}

/* Before they are injected: the guest may be faster than we are. */
static void hvnet_lines_injected(struct hvnet_session *s,
				 const struct hvisor_response *list,
				 unsigned int n)
{
	raw_spin_lock_irq(&hvnet_daemon_lock);
	while (n--)
		hvnet_line_injected(s, &list[n]);
	raw_spin_unlock_irq(&hvnet_daemon_lock);
}

static long hvnet_call_finish(struct hvnet_session *s)
{
	struct hvisor_response list[HVISOR_RING_SIZE];
	struct hvnet_reason why = {};
	unsigned int n;
	long err = 0;

	mutex_lock(&hvnet_finish_lock);
	mutex_lock(&hvnet_session_lock);
	if (hvnet_session != s) {
		err = -EINVAL;
		goto out;
	}
	n = hvnet_take_responses(s->page, list);
	if (n)
		err = hvpage_claim_foreign(hvnet_daemon_hp, s, list, &n, &why);
	hvnet_lines_injected(s, list, n);
	if (n)
		hvpage_inject_foreign(hvnet_daemon_hp, list, n);
	if (err)
		pr_err_ratelimited("hvisor-tool's daemon: %s\n", why.text);
out:
	mutex_unlock(&hvnet_session_lock);
	mutex_unlock(&hvnet_finish_lock);
	return err;
}

static long hvnet_call_set_eventfd(struct hvnet_session *s, int fd)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(fd), *old;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&hvnet_session_lock);
	old = s->eventfd;
	WRITE_ONCE(s->eventfd, ctx);
	irq_work_sync(&s->signal);
	mutex_unlock(&hvnet_session_lock);
	if (old)
		eventfd_ctx_put(old);
	return 0;
}

/* Calls that go on to hvisor.ko. */

/**
 * struct hvnet_forward - a call for hvisor.ko
 * @cmd: the command
 * @arg: its argument
 */
struct hvnet_forward {
	unsigned int cmd;
	unsigned long arg;
};

static long hvnet_forward(void *data)
{
	const struct hvnet_forward *f = data;
	struct file *backend;
	long result = -ENODEV;

	mutex_lock(&hvnet_session_lock);
	backend = hvnet_backend ? get_file(hvnet_backend) : NULL;
	mutex_unlock(&hvnet_session_lock);
	if (!backend)
		return result;
	result = backend->f_op->unlocked_ioctl(backend, f->cmd, f->arg);
	fput(backend);
	return result;
}

/* Under hvnet_lock, so the page does not go. */
static long hvnet_forward_held(void *data)
{
	long result;

	mutex_lock(&hvnet_finish_lock);
	if (hvnet_daemon_hp)
		hvpage_hold(hvnet_daemon_hp, true);
	result = hvnet_forward(data);
	if (hvnet_daemon_hp)
		hvpage_hold(hvnet_daemon_hp, false);
	mutex_unlock(&hvnet_finish_lock);
	return result;
}

/*
 * Shutting a zone down: EL2 holds a lock for which FINISH_REQ spins while the
 * zone's vCPUs may want an answer (Z2). So nobody injects meanwhile, and CPU 0,
 * which answers, is not the one that waits.
 */
static long hvnet_forward_shutdown(void *data)
{
	cpumask_var_t before, others;
	long result = -ENOMEM;

	if (!zalloc_cpumask_var(&before, GFP_KERNEL))
		return result;
	if (!zalloc_cpumask_var(&others, GFP_KERNEL))
		goto free_before;
	cpumask_copy(before, current->cpus_ptr);
	cpumask_copy(others, cpu_online_mask);
	cpumask_clear_cpu(0, others);
	if (!cpumask_empty(others))
		set_cpus_allowed_ptr(current, others);
	result = hvnet_forward_held(data);
	set_cpus_allowed_ptr(current, before);
	free_cpumask_var(others);
free_before:
	free_cpumask_var(before);
	return result;
}

static long hvnet_call_shutdown(struct hvnet_forward *f)
{
	struct hvnet_reason why = {};
	long result;

	hvnet_lines_drop(f->arg);
	result = hvnet_zone_shutdown(f->arg, hvnet_forward_shutdown, f, &why);
	if (why.text[0])
		pr_err("zone shutdown: %s\n", why.text);
	return result;
}

/* A zone's configuration begins with its id. */
static long hvnet_call_start(struct hvnet_forward *f)
{
	u32 id;

	if (get_user(id, (u32 __user *)f->arg))
		return -EFAULT;
	hvnet_lines_drop(id);
	hvnet_zone_vacate(id);
	return hvnet_forward(f);
}

static long hvnet_call_load(struct hvnet_forward *f)
{
	struct hvisor_tool_image image;

	if (copy_from_user(&image, (void __user *)f->arg, sizeof(image)))
		return -EFAULT;
	hvnet_zone_vacate_ram(image.load_paddr, image.size);
	return hvnet_forward(f);
}

static long hvnet_daemon_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	struct hvnet_forward f = { .cmd = cmd, .arg = arg };

	switch (cmd) {
	case HVISOR_TOOL_INIT_VIRTIO:
		return hvnet_call_init(file->private_data);
	case HVISOR_TOOL_FINISH_REQ:
		return hvnet_call_finish(file->private_data);
	case HVISOR_TOOL_SET_EVENTFD:
		return hvnet_call_set_eventfd(file->private_data, arg);
	case HVISOR_TOOL_ZONE_START:
		return hvnet_call_start(&f);
	case HVISOR_TOOL_ZONE_SHUTDOWN:
		return hvnet_call_shutdown(&f);
	case HVISOR_TOOL_LOAD_IMAGE:
		return hvnet_call_load(&f);
	default:
		return hvnet_forward(&f);
	}
}

/* Mappings: the private page at offset 0, zones' RAM at its address. */

static int hvnet_mmap_page(struct hvnet_session *s, struct vm_area_struct *vma)
{
	if (!s->page || vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	return vm_insert_page(vma, vma->vm_start, virt_to_page(s->page));
}

static int hvnet_mmap_ram(struct hvnet_session *s, struct vm_area_struct *vma)
{
	u64 pa = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	struct hvnet_reason why = {};
	int err = hvnet_memory_foreign(pa, size, &why);

	if (err) {
		pr_err("mmap: %s\n", why.text);
		return err;
	}
	/* The daemon maps it to serve devices; anybody else to load an image. */
	if (!s->page)
		hvnet_zone_vacate_ram(pa, size);
	return remap_pfn_range(vma, vma->vm_start, vma->vm_pgoff, size,
			       vma->vm_page_prot);
}

static int hvnet_daemon_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hvnet_session *s = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!vma->vm_pgoff)
		return hvnet_mmap_page(s, vma);
	return hvnet_mmap_ram(s, vma);
}

static int hvnet_daemon_open(struct inode *inode, struct file *file)
{
	struct hvnet_session *s;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	hrtimer_setup(&s->watch, hvnet_session_watch_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_setup(&s->again, hvnet_session_again_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS_HARD);
	init_irq_work(&s->signal, hvnet_session_signal);
	file->private_data = s;
	return 0;
}

/* The last user of file and mappings is gone: closed, exited or killed. */
static int hvnet_daemon_release(struct inode *inode, struct file *file)
{
	struct hvnet_session *s = file->private_data;

	mutex_lock(&hvnet_session_lock);
	if (hvnet_session == s) {
		hvnet_session_switch(NULL);
		pr_info("hvisor-tool's daemon is gone: its devices read as absent\n");
	}
	mutex_unlock(&hvnet_session_lock);
	if (s->eventfd)
		eventfd_ctx_put(s->eventfd);
	free_page((unsigned long)s->page);
	kfree(s);
	return 0;
}

static const struct file_operations hvnet_daemon_fops = {
	.owner = THIS_MODULE,
	.open = hvnet_daemon_open,
	.release = hvnet_daemon_release,
	.unlocked_ioctl = hvnet_daemon_ioctl,
	.mmap = hvnet_daemon_mmap,
};

static struct miscdevice hvnet_daemon_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvisor-vnet",
	.fops = &hvnet_daemon_fops,
	.mode = 0600,
};

/* Ourselves, through a bind mount, would be a circle. */
static bool hvnet_is_backend(const struct file *file)
{
	return file->f_op != &hvnet_daemon_fops && file->f_op->unlocked_ioctl;
}

/**
 * hvnet_daemon_set_backend - where calls that are not ours go
 * @path: hvisor.ko's device node; "" to let go of it
 * @why: the reason of a refusal
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvnet_daemon_set_backend(const char *path, struct hvnet_reason *why)
{
	struct file *file = NULL;

	if (*path) {
		file = filp_open(path, O_RDWR, 0);
		if (IS_ERR(file))
			return hvnet_refuse(why, PTR_ERR(file),
					    "%s cannot be opened (error %ld)",
					    path, PTR_ERR(file));
		if (!hvnet_is_backend(file)) {
			fput(file);
			return hvnet_refuse(why, -EINVAL,
					    "%s is not hvisor.ko's device node",
					    path);
		}
	}
	mutex_lock(&hvnet_session_lock);
	swap(file, hvnet_backend);
	mutex_unlock(&hvnet_session_lock);
	if (file)
		fput(file);
	return 0;
}

/**
 * hvnet_daemon_init - offer the device node
 *
 * Context: process, once. Return: 0 or a negative errno.
 */
int hvnet_daemon_init(void)
{
	return misc_register(&hvnet_daemon_misc);
}

/**
 * hvnet_daemon_exit - withdraw the device node, which nobody has open
 *
 * Context: process.
 */
void hvnet_daemon_exit(void)
{
	misc_deregister(&hvnet_daemon_misc);
	if (hvnet_backend)
		fput(hvnet_backend);
}
