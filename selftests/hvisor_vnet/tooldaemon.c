// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test program in the place of hvisor-tool's daemon: see tooldaemon.h.
 */
#define _GNU_SOURCE
#include "tooldaemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Looks at an empty ring before it sleeps, unless the plan says how many. */
#define TD_IDLE		200

struct td_shared *td_shared;

/* The daemon's side. */

/**
 * td_answer_slot - answer a request that waits
 * @m: the daemon
 * @slot: where
 * @value: the answer
 */
void td_answer_slot(struct td_daemon *m, u64 slot, u64 value)
{
	m->page->cfg_values[slot] = value;
	__atomic_store_n(&m->page->cfg_flags[slot],
			 m->page->cfg_flags[slot] + 1, __ATOMIC_RELEASE);
}

/**
 * td_inject - interrupt a guest
 * @m: the daemon
 * @zone: the guest
 * @irq: the interrupt
 *
 * Return: 0 or a negative errno.
 */
int td_inject(struct td_daemon *m, u32 zone, u32 irq)
{
	u32 rear = m->page->res_rear & 31;

	while (((rear + 1) & 31) == __atomic_load_n(&m->page->res_front,
						    __ATOMIC_ACQUIRE))
		rg_relax();
	m->page->res[rear].zone = zone;
	m->page->res[rear].irq = irq;
	__atomic_store_n(&m->page->res_rear, (rear + 1) & 31, __ATOMIC_RELEASE);
	if (!ioctl(m->node, TOOL_FINISH_REQ))
		return 0;
	m->shared->refused++;
	return -errno;
}

static u64 td_next(struct td_count *c, unsigned int thing, bool right)
{
	u64 answer = td_answer(thing, c->seq);

	c->wrong += !right;
	c->seq++;
	return answer;
}

static u64 td_serve_read(struct td_daemon *m, unsigned int thing, u64 offset,
			 u64 size)
{
	struct td_count *c = &m->shared->thing[thing];

	c->reads[__builtin_ctzll(size)]++;
	switch (offset) {
	case TD_MAGIC:
		return TD_MAGIC_VALUE;
	case TD_ECHO:
		return m->last[thing] + 1;
	case TD_SEQ:
		return td_next(c, thing, true);
	case TD_ISR:
		return 1;
	default:
		return 0;
	}
}

static void td_serve_write(struct td_daemon *m, unsigned int thing, u64 offset,
			   const struct td_request *req)
{
	struct td_count *c = &m->shared->thing[thing];
	bool next = req->value == td_fit(c->seq, req->size);

	if (req->need_interrupt)
		c->notifies++;
	else
		c->writes[__builtin_ctzll(req->size)]++;
	switch (offset) {
	case TD_ECHO:
		m->last[thing] = req->value;
		break;
	case TD_SEQ:
	case TD_NOTIFY:
		td_next(c, thing, next);
		break;
	case TD_INJECT:
		td_inject(m, req->src_zone, req->value);
		break;
	}
}

static int td_find(const struct td_daemon *m, const struct td_request *req)
{
	u64 thing = (req->address - TD_ADDR) / TD_LEN;

	if (req->address < TD_ADDR || thing >= TD_THINGS ||
	    m->plan->zone[thing] != req->src_zone)
		return -1;
	return thing;
}

/**
 * td_serve - serve a request
 * @m: the daemon
 * @req: the request
 */
void td_serve(struct td_daemon *m, const struct td_request *req)
{
	u64 offset = req->address & (TD_LEN - 1), value = 0;
	int thing = td_find(m, req);

	if (thing < 0) {
		/* The real one answers even what needs no answer. */
		m->shared->nobody++;
		td_answer_slot(m, req->src_cpu, 0);
		return;
	}
	if (req->is_write)
		td_serve_write(m, thing, offset, req);
	else
		value = td_serve_read(m, thing, offset, req->size);
	if (req->need_interrupt)
		return;
	if (m->plan->answer)
		m->plan->answer(m, req->src_cpu, value);
	else
		td_answer_slot(m, req->src_cpu, value);
}

/**
 * td_drain - serve what there is
 * @m: the daemon
 *
 * Return: false if there was nothing.
 */
bool td_drain(struct td_daemon *m)
{
	u32 front = m->page->req_front & 31;
	bool any = false;

	while (front != __atomic_load_n(&m->page->req_rear, __ATOMIC_ACQUIRE)) {
		if (m->plan->serve)
			m->plan->serve(m, &m->page->req[front]);
		else
			td_serve(m, &m->page->req[front]);
		front = (front + 1) & 31;
		__atomic_store_n(&m->page->req_front, front, __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}

static void td_sleep(struct td_daemon *m)
{
	struct pollfd p = { .fd = m->event, .events = POLLIN };
	u64 n;

	__atomic_store_n(&m->page->need_wakeup, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (m->page->req_front == __atomic_load_n(&m->page->req_rear,
						  __ATOMIC_ACQUIRE)) {
		poll(&p, 1, -1);
		if (read(m->event, &n, sizeof(n)) < 0)
			return;
	}
	__atomic_store_n(&m->page->need_wakeup, 0, __ATOMIC_RELAXED);
}

/**
 * td_open - become a daemon: the node, a page, an eventfd
 * @m: the daemon
 *
 * Return: 0 or a negative errno.
 */
int td_open(struct td_daemon *m)
{
	m->node = open(TD_NODE, O_RDWR);
	m->event = eventfd(0, EFD_NONBLOCK);
	if (m->node < 0 || ioctl(m->node, TOOL_INIT_VIRTIO) ||
	    ioctl(m->node, TOOL_SET_EVENTFD, m->event))
		return -errno;
	m->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m->node,
		       0);
	return m->page == MAP_FAILED ? -errno : 0;
}

/**
 * td_run - serve until killed
 * @m: the daemon
 */
void td_run(struct td_daemon *m)
{
	unsigned int idle, looks = m->plan->idle ? m->plan->idle : TD_IDLE;

	for (;;) {
		for (idle = 0; idle < looks; idle++) {
			if (td_drain(m))
				idle = 0;
			rg_relax();
		}
		td_sleep(m);
	}
}

static void __attribute__((__noreturn__))
td_child(const struct td_plan *plan, int ready)
{
	struct td_daemon m = { .plan = plan, .shared = td_shared };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rg_pin(plan->cpu);
	if (td_open(&m) || write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	if (plan->begin)
		plan->begin(&m);
	td_run(&m);
}

/* The test's side. */

/**
 * td_start - start a daemon
 * @plan: what it is to do
 *
 * What daemons have counted before is forgotten. Return: its process, ready.
 */
pid_t td_start(const struct td_plan *plan)
{
	int ready[2];
	pid_t pid;
	char c;

	if (!td_shared)
		td_shared = mmap(NULL, sizeof(*td_shared),
				 PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (td_shared == MAP_FAILED || pipe2(ready, O_CLOEXEC))
		rg_die("the daemon cannot be started: %s", strerror(errno));
	memset(td_shared, 0, sizeof(*td_shared));
	fflush(stdout);
	pid = fork();
	if (!pid)
		td_child(plan, ready[1]);
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		rg_die("the daemon does not start");
	close(ready[0]);
	return pid;
}

/**
 * td_kill - kill a daemon
 * @pid: its process, gone on return
 */
void td_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/**
 * td_stop - stop a daemon, until SIGCONT
 * @pid: its process
 */
void td_stop(pid_t pid)
{
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
}

/* The guest's side. */

/**
 * td_thing_add - a guest gets to know a thing
 * @t: the thing
 * @zone: the guest
 * @index: which thing
 * @irq: its interrupt; 0: none
 */
void td_thing_add(struct td_thing *t, struct rg_zone *zone, unsigned int index,
		  u32 irq)
{
	*t = (struct td_thing) {
		.dev = { .zone = zone, .addr = TD_ADDR + index * TD_LEN },
		.index = index, .irq = irq,
	};
	t->dev.irq = irq;
	t->dev.fd = rg_open_region(zone, t->dev.addr, TD_LEN);
	t->dev.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (irq)
		rg_irq_connect(&t->dev, 0);
}

/**
 * td_access - the guest touches a thing
 * @t: the thing
 * @offset: where
 * @size: bytes
 * @write: it is a write
 * @value: what to write
 */
struct hvsim_raw_access td_access(const struct td_thing *t, u64 offset,
				  u32 size, bool write, u64 value)
{
	return rg_access(&t->dev, t->dev.addr + offset, size, write, value);
}

/**
 * td_read - the guest reads four bytes
 * @t: the thing
 * @offset: where
 */
u64 td_read(const struct td_thing *t, u64 offset)
{
	return td_access(t, offset, 4, false, 0).value;
}

/**
 * td_write - the guest writes four bytes
 * @t: the thing
 * @offset: where
 * @value: what
 */
void td_write(const struct td_thing *t, u64 offset, u64 value)
{
	td_access(t, offset, 4, true, value);
}

/**
 * td_works - is the thing served?
 * @t: the thing
 */
bool td_works(const struct td_thing *t)
{
	bool ok = ktap_expect_eq(td_read(t, TD_MAGIC), TD_MAGIC_VALUE);

	td_write(t, TD_ECHO, 0x1234);
	return ok & ktap_expect_eq(td_read(t, TD_ECHO), 0x1235);
}

/**
 * td_absent - is the thing as if it were not there?
 * @t: the thing
 */
bool td_absent(const struct td_thing *t)
{
	return td_read(t, TD_MAGIC) == 0;
}
