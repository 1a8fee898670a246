// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=4 timeout=400
 *
 * A daemon that is confused, or means harm: nonsense in every field of its
 * page, answers nobody asked for, answers twice, late or never, its page
 * unmapped, shared, inherited, or kept for longer than its file.  It can lie to
 * whoever asks it, and to nobody else: our device answers as ever, nobody waits
 * without end, and once the daemon comes to its senses so do its devices.
 */
#define _GNU_SOURCE
#include "tooldaemon.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define IRQ		80
#define NET_MAGIC	0x74726976u

static struct rg_zone zone[2];
static struct rg_dev dev, *d = &dev;
static struct td_thing thing, other;

/* What a test tells a daemon of this file to do. */
#define DO	(&td_shared->tell[0])
#define DONE	(&td_shared->tell[1])
#define SEEN	(&td_shared->tell[2])

enum { NOTHING, LIE, LIE_MORE };

static const struct td_plan honest = { .cpu = 1, .zone = { 1, 2 } };

static bool ours_works(void)
{
	return ktap_expect_eq(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE), NET_MAGIC) &
	       ktap_expect(rg_works(d));
}

/* A daemon that did its worst is followed by one that serves. */
static bool all_is_well_after(pid_t liar)
{
	pid_t pid;
	bool ok;

	td_kill(liar);
	ok = ktap_expect(td_absent(&thing));
	pid = td_start(&honest);
	ok &= td_works(&thing) & td_works(&other) & ours_works();
	td_kill(pid);
	return ok;
}

/* Indices. */

static void *scribbles(void *arg)
{
	static const u32 nonsense[] = { ~0u, 31, 32, 33, 0x80000000, 7, 0 };
	struct td_daemon *m = arg;
	unsigned int i;

	for (i = 0; td_told(DO) != LIE_MORE; i++) {
		u32 n = nonsense[i % RG_ARRAY_SIZE(nonsense)];

		m->page->req_front = n;
		m->page->req_rear = ~n;
		m->page->res_front = n;
		m->page->res_rear = n + i;
		m->page->need_wakeup = n;
		m->page->mmio_avail = n;
		if (i % 16 == 0)
			ioctl(m->node, TOOL_FINISH_REQ);
		rg_relax();
	}
	/* And it comes to its senses. */
	ioctl(m->node, TOOL_INIT_VIRTIO);
	td_tell(DONE, 1);
	return NULL;
}

static void begin_scribbling(struct td_daemon *m)
{
	scribbles(m);
}

static bool test_indices(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_scribbling,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok = true;

	for (i = 0; i < 60; i++) {
		td_write(&thing, TD_NOTIFY, i);
		ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE),
				     NET_MAGIC);
	}
	/* Nobody reads this one; it ends all the same. */
	td_read(&thing, TD_MAGIC);
	ok &= ours_works();
	td_tell(DO, LIE_MORE);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, td_told(DONE)));
	ok &= td_works(&thing);
	return ok & all_is_well_after(pid);
}

/* Where FINISH_REQ begins is not what the page says. */
static void serve_res_front(struct td_daemon *m, const struct td_request *req)
{
	if ((req->address & (TD_LEN - 1)) == TD_INJECT)
		m->page->res_front = td_told(DO);
	td_serve(m, req);
}

static bool test_res_front(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .serve = serve_res_front,
	};
	/* Repetitions are not far; many at once are what was asked. */
	const u64 most = ktap_is_slow() ? 16 : 2;
	pid_t pid = td_start(&plan);
	u64 before, n;
	bool ok = true;
	u32 i;

	for (i = 0; i < 20; i++) {
		td_tell(DO, i * 5);
		before = rg_sim_counter("injections");
		td_write(&thing, TD_INJECT, IRQ);
		n = rg_sim_counter("injections") - before;
		ok &= ktap_expect(n >= 1 && n <= most);
		td_read(&thing, TD_ISR);
	}
	ok &= ktap_expect_eq(td_shared->refused, 0);
	return ok & all_is_well_after(pid);
}

/* Answers. */

static void *lies(void *arg)
{
	struct td_daemon *m = arg;
	unsigned int i;

	for (i = 0;; i++) {
		m->page->cfg_values[i % 32] = 0xbadbadbadbadbadull;
		__atomic_store_n(&m->page->cfg_flags[i % 32],
				 m->page->cfg_flags[i % 32] + 1,
				 __ATOMIC_RELEASE);
		rg_relax();
	}
	return NULL;
}

static void begin_lying(struct td_daemon *m)
{
	pthread_t thread;

	pthread_create(&thread, NULL, lies, m);
}

/* It may tell its own devices' guests what it likes. */
static bool test_unasked(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_lying,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok = true;

	for (i = 0; i < 300; i++) {
		ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE),
				     NET_MAGIC);
		if (i % 8 == 0)
			td_read(i % 16 ? &thing : &other, TD_MAGIC);
	}
	ok &= ours_works();
	ok &= ktap_expect_eq(rg_sim_counter("stray_answers"), 0);
	return ok & all_is_well_after(pid);
}

/* The second answer comes when the next request is there. */
static void serve_twice(struct td_daemon *m, const struct td_request *req)
{
	static u64 last = 99;

	if (last < 31) {
		td_answer_slot(m, last, 0xbad);
		usleep(1000);
	}
	td_serve(m, req);
	last = req->src_cpu;
}

static bool test_twice(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .serve = serve_twice,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < 100; i++)
		ok &= ktap_expect_eq(td_read(&thing, TD_MAGIC), TD_MAGIC_VALUE);
	return ok & all_is_well_after(pid);
}

/* Late: after the guest was told 0, and asks something else. */
static void wait_to_go_on(void)
{
	while (td_told(DO) == LIE)
		usleep(1000);
}

static void answer_late(struct td_daemon *m, u64 slot, u64 value)
{
	bool late = td_told(DO) == LIE;

	wait_to_go_on();
	td_answer_slot(m, slot, late ? 0xbad : value);
}

static bool test_late(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .answer = answer_late,
	};
	pid_t pid = td_start(&plan);
	unsigned long long at;
	unsigned int i;
	u64 value;
	bool ok;

	td_tell(DO, LIE);
	ok = ktap_expect_eq(td_read(&thing, TD_MAGIC), 0);
	/* It does not go on for a while, which nobody waits for again. */
	at = ktap_now_ns();
	for (i = 0; i < 5; i++)
		ok &= ktap_expect(td_absent(&thing));
	ok &= ktap_expect(ktap_now_ns() - at < 4000000000);
	td_tell(DO, NOTHING);
	for (i = 0; i < 5000; i++) {
		value = td_read(&thing, TD_MAGIC);
		if (value)
			break;
		usleep(1000);
	}
	ok &= ktap_expect_eq(value, TD_MAGIC_VALUE) & td_works(&thing);
	return ok & all_is_well_after(pid);
}

/*
 * It leaves one out and serves others; when that one's slot is somebody else's
 * it answers after all.
 */
static void answer_others(struct td_daemon *m, u64 slot, u64 value)
{
	static u64 left_out = 99;

	if (td_told(DO) == LIE) {
		left_out = slot;
		td_tell(DO, NOTHING);
		return;
	}
	if (slot == left_out)
		td_answer_slot(m, slot, 0xbad);
	else
		td_answer_slot(m, slot, value);
}

static bool test_left_out(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .answer = answer_others,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok;

	td_tell(DO, LIE);
	ok = ktap_expect_eq(td_read(&thing, TD_MAGIC), 0);
	for (i = 0; ok && i < 100; i++)
		ok &= ktap_expect_eq(td_read(&thing, TD_MAGIC), TD_MAGIC_VALUE);
	return ok & all_is_well_after(pid);
}

/* One that was stopped has much to do: who asks meanwhile has to wait. */
static void serve_slowly(struct td_daemon *m, const struct td_request *req)
{
	if (req->need_interrupt)
		usleep(20000);
	td_serve(m, req);
}

static bool test_catches_up(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .serve = serve_slowly,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok;

	td_stop(pid);
	for (i = 0; i < 31; i++)
		td_write(&thing, TD_NOTIFY, i);
	ok = ktap_expect_eq(td_read(&thing, TD_MAGIC), 0);
	kill(pid, SIGCONT);
	ok &= ktap_expect(ktap_wait_for(RG_LONG,
					td_told(&td_shared->thing[0].notifies)));
	usleep(30000);
	ok &= ktap_expect_eq(td_read(&other, TD_MAGIC), TD_MAGIC_VALUE);
	return ok & all_is_well_after(pid);
}

static bool tired;

/* Notifies of nobody's devices, which it answers: nobody is told. */
static void *notifies(void *arg)
{
	struct td_thing *nobody = arg;

	rg_pin(3);
	while (!__atomic_load_n(&tired, __ATOMIC_RELAXED)) {
		td_write(nobody, TD_NOTIFY, 1);
		rg_relax();
	}
	return NULL;
}

static bool test_answers_notifies(void)
{
	pid_t pid = td_start(&honest);
	struct td_thing nobody;
	pthread_t thread;
	unsigned int i;
	bool ok = true;

	td_thing_add(&nobody, &zone[0], 3, 0);
	tired = false;
	if (pthread_create(&thread, NULL, notifies, &nobody))
		rg_die("no thread");
	rg_pin(2);
	for (i = 0; ok && i < 600; i++)
		ok &= ktap_expect_eq(td_read(&thing, TD_MAGIC), TD_MAGIC_VALUE);
	__atomic_store_n(&tired, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ok &= ktap_expect(td_shared->nobody > 10);
	close(nobody.dev.fd);
	close(nobody.dev.event);
	return ok & all_is_well_after(pid);
}

/* Read, and then not answered for too long, with nothing left to read. */
static void serve_read_first(struct td_daemon *m, const struct td_request *req)
{
	struct td_request mine = *req;
	u32 front = (m->page->req_front + 1) & 31;

	__atomic_store_n(&m->page->req_front, front, __ATOMIC_RELEASE);
	wait_to_go_on();
	td_serve(m, &mine);
}

static bool test_read_first(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .serve = serve_read_first,
	};
	pid_t pid = td_start(&plan);
	bool ok;

	td_tell(DO, LIE);
	ok = ktap_expect_eq(td_read(&thing, TD_MAGIC), 0);
	td_tell(DO, NOTHING);
	usleep(20000);
	ok &= td_works(&thing);
	return ok & all_is_well_after(pid);
}

/* Never: after as many as there are slots the daemon is asked no more. */
static void answer_never(struct td_daemon *m, u64 slot, u64 value)
{
	if (td_told(DO) != LIE)
		td_answer_slot(m, slot, value);
}

static void *asks(void *cpu)
{
	struct hvsim_raw_access a;

	rg_pin((intptr_t)cpu);
	while (!__atomic_load_n(&tired, __ATOMIC_RELAXED)) {
		a = td_access(&thing, TD_MAGIC, 4, false, 0);
		if (a.latency_ns < 1000000000ull)
			__atomic_store_n(&tired, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool test_never(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .answer = answer_never,
	};
	pid_t pid = td_start(&plan);
	pthread_t thread[12];
	unsigned int i;
	bool ok;

	td_tell(DO, LIE);
	tired = false;
	for (i = 0; i < RG_ARRAY_SIZE(thread); i++)
		if (pthread_create(&thread[i], NULL, asks,
				   (void *)(intptr_t)(i % 4)))
			rg_die("no thread");
	for (i = 0; i < RG_ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	ok = ktap_expect(td_absent(&thing));
	/* Sane again it is asked nothing: it has to be started again. */
	td_tell(DO, NOTHING);
	ok &= ours_works();
	return ok & all_is_well_after(pid);
}

/* Room: of the ring, and behind it. */

/* What waits behind a full ring gets there when the daemon goes on. */
static bool test_backlog(void)
{
	pid_t pid = td_start(&honest);
	struct td_count *c = &td_shared->thing[0];
	unsigned int i;
	bool ok;

	td_stop(pid);
	/* As many as fit into the ring, then some, each of them several times. */
	for (i = 0; i < 31 + 40; i++)
		td_write(&thing, TD_NOTIFY, i < 31 ? i : 31 + (i - 31) % 8);
	/* A write that nobody sees in time is not made later. */
	td_write(&thing, TD_ECHO, 1);
	ok = ktap_expect_eq(c->notifies, 0);
	kill(pid, SIGCONT);
	/* No access of the guest's helps it. */
	ok &= ktap_expect(ktap_wait_for(RG_LONG, c->notifies >= 31 + 8));
	usleep(20000);
	ok &= ktap_expect_eq(c->notifies, 31 + 8);
	ok &= ktap_expect_eq(c->wrong, 0);
	ok &= ktap_expect_eq(c->writes[2], 0);
	ok &= td_works(&thing);
	return ok & all_is_well_after(pid);
}

/* What comes later stays behind what is kept. */
static bool test_order(void)
{
	pid_t pid = td_start(&honest);
	struct td_count *c = &td_shared->thing[0];
	unsigned long long at;
	unsigned int i;
	bool ok;

	td_stop(pid);
	for (i = 0; i < 31 + 8; i++)
		td_write(&thing, TD_NOTIFY, i);
	/* It stands still, so nobody looks for room at once when it goes on. */
	ok = ktap_expect(td_absent(&thing));
	kill(pid, SIGCONT);
	at = ktap_now_ns();
	while (td_told(&c->notifies) < 8 && ktap_now_ns() - at < 5000000000)
		rg_relax();
	for (; i < 31 + 12; i++)
		td_write(&thing, TD_NOTIFY, i);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, c->notifies == 31 + 12));
	ok &= ktap_expect_eq(c->wrong, 0);
	return ok & all_is_well_after(pid);
}

/* Nor can many zones have more than there is. */
static bool test_greedy_zones(void)
{
	pid_t pid = td_start(&honest);
	struct rg_zone many[12];
	struct td_thing t[12];
	unsigned int i, j;
	bool ok;

	td_stop(pid);
	for (i = 0; i < RG_ARRAY_SIZE(t); i++) {
		many[i] = (struct rg_zone) { .id = 10 + i };
		td_thing_add(&t[i], &many[i], 0, 0);
		for (j = 0; j < 40; j++)
			td_write(&t[i], TD_NOTIFY, j);
	}
	ok = ours_works();
	kill(pid, SIGCONT);
	ok &= td_works(&thing) & td_works(&other);
	ok &= ktap_expect_eq(td_shared->nobody, 31 + 128);
	for (i = 0; i < RG_ARRAY_SIZE(t); i++) {
		close(t[i].dev.fd);
		close(t[i].dev.event);
	}
	return ok & all_is_well_after(pid);
}

/* The requests of a zone that notifies without end are not everybody's. */
static bool test_greedy(void)
{
	pid_t pid = td_start(&honest);
	struct td_count *c = &td_shared->thing[1];
	unsigned int i;
	bool ok = true;

	td_stop(pid);
	for (i = 0; i < 31 + 300; i++)
		td_write(&thing, TD_NOTIFY, i);
	for (i = 0; i < 4; i++)
		td_write(&other, TD_NOTIFY, i);
	kill(pid, SIGCONT);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, c->notifies == 4));
	ok &= ktap_expect(td_shared->thing[0].notifies < 31 + 64);
	return ok & td_works(&other) & all_is_well_after(pid);
}

/* A vCPU waits though there is no room for its request at first. */
static void *continues(void *arg)
{
	pid_t *pid = arg;

	rg_pin(2);
	usleep(200000);
	kill(*pid, SIGCONT);
	return NULL;
}

static bool test_full(void)
{
	pid_t pid = td_start(&honest);
	pthread_t thread;
	unsigned int i;
	bool ok;

	td_stop(pid);
	for (i = 0; i < 31 + 300; i++)
		td_write(&thing, TD_NOTIFY, i);
	if (pthread_create(&thread, NULL, continues, &pid))
		rg_die("no thread");
	ok = ktap_expect_eq(td_read(&other, TD_MAGIC), TD_MAGIC_VALUE);
	pthread_join(thread, NULL);
	return ok & all_is_well_after(pid);
}

/* The page and the file. */

static void begin_unmapping(struct td_daemon *m)
{
	munmap(m->page, 4096);
	td_tell(DONE, 1);
	for (;;)
		pause();
}

static bool test_unmapped(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_unmapping,
	};
	pid_t pid = td_start(&plan);
	bool ok;

	ok = ktap_expect(ktap_wait_for(RG_LONG, td_told(DONE)));
	ok &= ktap_expect(td_absent(&thing));
	return ok & ours_works() & all_is_well_after(pid);
}

/* It says INIT_VIRTIO again and again, while vCPUs wait for it. */
static void begin_again(struct td_daemon *m)
{
	unsigned int n = 0;

	for (;;) {
		u64 told = td_told(DO);
		bool asked = told == LIE && m->page->req_front !=
			     __atomic_load_n(&m->page->req_rear,
					     __ATOMIC_ACQUIRE);

		td_tell(SEEN, told);
		if (!asked || n++ % 3)
			td_drain(m);
		else if (ioctl(m->node, TOOL_INIT_VIRTIO))
			td_tell(DONE, 1);
		rg_relax();
	}
}

static bool test_begin_again(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_again,
	};
	pid_t pid = td_start(&plan);
	unsigned int i;
	bool ok = true;
	u64 value;

	td_tell(DO, LIE);
	for (i = 0; i < 150; i++) {
		value = td_read(&thing, TD_MAGIC);
		ok &= ktap_expect(!value || value == TD_MAGIC_VALUE);
		ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE),
				     NET_MAGIC);
	}
	td_tell(DO, NOTHING);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, td_told(SEEN) == NOTHING));
	ok &= ktap_expect_eq(td_told(DONE), 0);
	ok &= td_works(&thing);
	ok &= ktap_expect_eq(td_shared->nobody, 0);
	return ok & all_is_well_after(pid);
}

/* A child has all that its parent had, and goes on when it is gone. */
static void begin_forking(struct td_daemon *m)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, 0);
		return;
	}
	td_tell(&m->shared->tell[3], pid);
	td_tell(DONE, 1);
	_exit(0);
}

static bool test_forked(void)
{
	static const struct td_plan plan = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_forking,
	};
	pid_t pid = td_start(&plan);
	bool ok;

	ok = ktap_expect(ktap_wait_for(RG_LONG, td_told(DONE)));
	waitpid(pid, NULL, 0);
	ok &= td_works(&thing);
	kill(td_told(&td_shared->tell[3]), SIGKILL);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, td_absent(&thing)));
	return ok & ours_works();
}

static void send_file(int socket, int file)
{
	char data = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec io = { .iov_base = &data, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &io, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &file, sizeof(file));
	if (sendmsg(socket, &msg, 0) != 1)
		rg_die("SCM_RIGHTS: %s", strerror(errno));
}

static int receive_file(int socket)
{
	char data, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = { .iov_base = &data, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &io, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int file;

	if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(file));
	return file;
}

/* Somebody else's file serves as well, in whatever process. */
static void __attribute__((__noreturn__)) adopt(int socket)
{
	struct td_daemon m = { .plan = &honest, .shared = td_shared };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rg_pin(1);
	m.node = receive_file(socket);
	m.event = eventfd(0, EFD_NONBLOCK);
	m.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m.node,
		      0);
	if (m.page == MAP_FAILED || ioctl(m.node, TOOL_SET_EVENTFD, m.event))
		_exit(1);
	td_run(&m);
}

static bool test_passed_on(void)
{
	struct td_daemon m = { .plan = &honest, .shared = td_shared };
	int pair[2];
	pid_t pid;
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
	    td_open(&m))
		rg_die("no daemon: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		munmap(m.page, 4096);
		close(m.node);
		adopt(pair[1]);
	}
	send_file(pair[0], m.node);
	munmap(m.page, 4096);
	close(m.node);
	close(m.event);
	ok = td_works(&thing);
	td_kill(pid);
	close(pair[0]);
	close(pair[1]);
	return ok & ktap_expect(td_absent(&thing)) & ours_works();
}

/* The page keeps its session, and the session the module, without a file. */
static void *serves(void *arg)
{
	struct td_daemon *m = arg;

	rg_pin(1);
	while (td_told(DO) != LIE_MORE) {
		td_drain(m);
		rg_relax();
	}
	return NULL;
}

static bool test_kept(void)
{
	struct td_daemon m = { .plan = &honest, .shared = td_shared };
	pthread_t thread;
	bool ok;

	if (td_open(&m))
		rg_die("no daemon: %s", strerror(errno));
	td_tell(DO, NOTHING);
	close(m.node);
	if (pthread_create(&thread, NULL, serves, &m))
		rg_die("no thread");
	ok = td_works(&thing);
	td_tell(DO, LIE_MORE);
	pthread_join(thread, NULL);

	/* Nothing else holds it: no device is driven, no file is open. */
	rg_reset(d);
	ok &= ktap_expect(system("rmmod hvisor_vnet 2>/dev/null") != 0);
	ok &= ktap_expect(!access(TD_NODE, F_OK));
	memset(m.page, 0xff, 4096);
	munmap(m.page, 4096);
	ok &= ktap_expect(td_absent(&thing));
	close(m.event);
	zone[0].used = 0;
	rg_start(d, RG_FEATURES);
	return ok & ours_works();
}

static bool test_unloads(void)
{
	bool ok = ktap_expect_eq(rg_bus("backend", "%s\n", TD_BACKEND), 0);

	rg_reset(d);
	close(d->fd);
	close(thing.dev.fd);
	close(other.dev.fd);
	munmap(zone[0].ram, zone[0].size);
	munmap(zone[1].ram, zone[1].size);
	/* With it goes its hold on the module behind hvisor.ko's node. */
	ok &= ktap_expect(system("rmmod hvisor_vnet") == 0);
	return ok & ktap_expect(system("rmmod hvisor_sim") == 0);
}

int main(void)
{
	rg_setup();
	ktap_plan(23);
	rg_zone_add(&zone[0], 1, 0x100000, 0x200000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x400000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	td_thing_add(&thing, &zone[0], 0, IRQ);
	td_thing_add(&other, &zone[1], 1, 0);

	ktap_point(test_indices(), "indices that make no sense");
	ktap_point(test_res_front(), "our end of its responses");
	ktap_point(test_unasked(), "answers nobody asked for");
	ktap_point(test_twice(), "answers that come twice");
	ktap_point(test_late(), "an answer that comes too late");
	ktap_point(test_left_out(), "or when others have had theirs");
	ktap_point(test_read_first(), "or when all has been read");
	ktap_point(test_catches_up(), "who asks one that catches up waits");
	ktap_point(test_answers_notifies(), "what needs no answer is answered");
	ktap_point(test_never(), "no answers at all");
	ktap_point(test_backlog(), "what does not fit is kept, and handed over");
	ktap_point(test_order(), "in the order in which it came");
	ktap_point(test_greedy_zones(), "as much as there is room for");
	ktap_point(test_greedy(), "one zone cannot have all the room");
	ktap_point(test_full(), "who waits is never turned away for want of room");
	ktap_point(test_unmapped(), "the page unmapped");
	ktap_point(test_begin_again(), "the page begun anew while in use");
	ktap_point(test_forked(), "the page inherited");
	ktap_point(test_passed_on(), "the file passed on");
	ktap_point(test_kept(), "the page kept for longer than the file");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "nobody waited in vain");
	ktap_point(ktap_expect_eq(rg_sim_counter("stray_answers"), 0),
		   "nobody was told what it had not asked");
	ktap_point(test_unloads(), "nothing holds the module in the end");
	return ktap_finish();
}
