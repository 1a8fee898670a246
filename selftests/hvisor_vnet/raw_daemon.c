// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=3 timeout=300
 *
 * Life beside hvisor-tool: a program in the daemon's place serves a device of
 * its own through the module's node while our device carries frames.  Every
 * access is answered once and by the right side; the daemon may be stopped,
 * killed and started at any moment, and nothing hangs; nonsense at the node
 * gets an errno; calls that are not ours reach hvisor.ko as they were made.
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NODE		"/dev/hvisor-vnet"
#define TOOL_NODE	"/dev/hvisor"

/* As hvisor-tool has them; the module's own header is not used on purpose. */
#define TOOL_INIT_VIRTIO	_IO(1, 0)
#define TOOL_FINISH_REQ		_IO(1, 2)
#define TOOL_ZONE_START		_IOW(1, 3, void *)
#define TOOL_ZONE_SHUTDOWN	_IOW(1, 4, u64)
#define TOOL_ZONE_LIST		_IOR(1, 5, void *)
#define TOOL_SET_EVENTFD	_IOW(1, 7, int)
#define TOOL_LOAD_IMAGE		_IOW(1, 8, struct tool_image)

struct tool_image {
	u64 user_buffer;
	u64 size;
	u64 load_paddr;
};

/* The page, written down once more, for the same reason. */
struct page {
	u32 req_front, req_rear, res_front, res_rear;
	struct {
		u64 src_cpu, address, size, value;
		u32 src_zone;
		u8 is_write, need_interrupt;
		u16 pad;
	} req[32];
	struct {
		u32 zone, irq;
	} res[32];
	u64 cfg_flags[32], cfg_values[32], mmio_addrs[8];
	u8 mmio_avail, need_wakeup;
};

/* The daemon's device. A notify is at its offset 0x50. */
#define THING_ADDR	0x0a010000ull
#define THING_MAGIC	0x00	/* reads THING_MAGIC_VALUE */
#define THING_ECHO	0x10	/* reads what was written last, and 1 */
#define THING_WRITES	0x18	/* reads how often it was written */
#define THING_NOTIFIES	0x20	/* reads how many notifies came */
#define THING_INJECT	0x28	/* injects the interrupt written */
#define THING_NOTIFY	0x50
#define THING_MAGIC_VALUE 0xda3110ffu
#define THING_IRQ	80

#define NET_MAGIC	0x74726976u

#define N_REQUESTS	20000
#define N_KILLS		15

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static struct rg_dev thing;	/* only fd, addr and event of it are used */

/* Let another CPU run where one host thread plays all of them. */
static void relax(void)
{
#ifdef __aarch64__
	asm volatile("yield");
#else
	asm volatile("pause");
#endif
}

/* The daemon: runs in a child until it is killed. */

struct daemon {
	int node;
	int event;
	struct page *page;
	u64 last, writes, notifies;
};

static void daemon_inject(struct daemon *m, u32 irq)
{
	u32 rear = m->page->res_rear;

	while (((rear + 1) & 31) == __atomic_load_n(&m->page->res_front,
						    __ATOMIC_ACQUIRE))
		;
	m->page->res[rear].zone = zone.id;
	m->page->res[rear].irq = irq;
	__atomic_store_n(&m->page->res_rear, (rear + 1) & 31, __ATOMIC_RELEASE);
	ioctl(m->node, TOOL_FINISH_REQ);
}

static u64 daemon_read(struct daemon *m, u64 offset)
{
	switch (offset) {
	case THING_MAGIC:
		return THING_MAGIC_VALUE;
	case THING_ECHO:
		return m->last + 1;
	case THING_WRITES:
		return m->writes;
	case THING_NOTIFIES:
		return m->notifies;
	default:
		return 0;
	}
}

static void daemon_write(struct daemon *m, u64 offset, u64 value)
{
	switch (offset) {
	case THING_ECHO:
		m->last = value;
		m->writes++;
		break;
	case THING_INJECT:
		daemon_inject(m, value);
		break;
	case THING_NOTIFY:
		m->notifies++;
		break;
	}
}

static void daemon_serve(struct daemon *m, u32 slot)
{
	u64 cpu = m->page->req[slot].src_cpu, value = 0;
	u64 offset = m->page->req[slot].address - THING_ADDR;

	if (offset >= 0x200) {
		/* hvisor-tool's answers even what needs no answer. */
		m->page->cfg_values[cpu] = 0;
		m->page->cfg_flags[cpu]++;
		return;
	}
	if (m->page->req[slot].is_write)
		daemon_write(m, offset, m->page->req[slot].value);
	else
		value = daemon_read(m, offset);
	if (m->page->req[slot].need_interrupt)
		return;
	m->page->cfg_values[cpu] = value;
	__atomic_store_n(&m->page->cfg_flags[cpu],
			 m->page->cfg_flags[cpu] + 1, __ATOMIC_RELEASE);
}

static bool daemon_drain(struct daemon *m)
{
	u32 front = m->page->req_front;
	bool any = false;

	while (front != __atomic_load_n(&m->page->req_rear, __ATOMIC_ACQUIRE)) {
		daemon_serve(m, front);
		front = (front + 1) & 31;
		__atomic_store_n(&m->page->req_front, front, __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}

static void daemon_sleep(struct daemon *m)
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

static void pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void __attribute__((__noreturn__)) daemon_run(int ready)
{
	struct daemon m = { .node = open(NODE, O_RDWR) };
	unsigned int idle;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(1);
	m.event = eventfd(0, EFD_NONBLOCK);
	if (m.node < 0 || ioctl(m.node, TOOL_INIT_VIRTIO) ||
	    ioctl(m.node, TOOL_SET_EVENTFD, m.event))
		_exit(1);
	m.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m.node, 0);
	if (m.page == MAP_FAILED || write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		for (idle = 0; idle < 200; idle++) {
			if (daemon_drain(&m))
				idle = 0;
			relax();
		}
		daemon_sleep(&m);
	}
}

static pid_t daemon_start(void)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		rg_die("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid)
		daemon_run(ready[1]);
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		rg_die("the daemon does not start");
	close(ready[0]);
	return pid;
}

static void daemon_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The guest's accesses to the daemon's device. */

static u64 thing_read(u64 offset)
{
	return rg_access(&thing, THING_ADDR + offset, 4, false, 0).value;
}

static void thing_write(u64 offset, u64 value)
{
	rg_access(&thing, THING_ADDR + offset, 4, true, value);
}

static bool thing_works(void)
{
	bool ok = ktap_expect(thing_read(THING_MAGIC) == THING_MAGIC_VALUE);

	thing_write(THING_ECHO, 0x1234);
	return ok & ktap_expect(thing_read(THING_ECHO) == 0x1235);
}

/* Our device, saturated by another vCPU. */

static volatile bool traffic_stop;
static u64 traffic_frames;

static void *traffic(void *complaint)
{
	u8 buf[2048];

	pin(2);
	while (!traffic_stop)
		if (!rg_tx_one(d, 60, traffic_frames++))
			return "a frame was lost";
	while (rg_root_recv(d, buf, sizeof(buf), 0) >= 0)
		;
	return complaint;
}

static bool test_traffic(void)
{
	u64 writes = thing_read(THING_WRITES);
	void *complaint;
	pthread_t thread;
	unsigned int i;
	bool ok = true;

	traffic_stop = false;
	pthread_create(&thread, NULL, traffic, NULL);
	for (i = 0; ok && i < N_REQUESTS / 2; i++) {
		thing_write(THING_ECHO, i);
		ok &= ktap_expect(thing_read(THING_ECHO) == (u32)(i + 1));
		if (i % 64 == 0)
			ok &= ktap_expect(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE) ==
					  NET_MAGIC);
	}
	traffic_stop = true;
	pthread_join(thread, &complaint);
	ktap_diag("%u accesses beside %llu frames", 2 * i,
		  (unsigned long long)traffic_frames);
	if (complaint)
		ktap_diag("%s", (const char *)complaint);
	return ok & !complaint &
	       ktap_expect(thing_read(THING_WRITES) == writes + i) &
	       ktap_expect(rg_sim_counter("gave_up") == 0);
}

static bool test_posted(void)
{
	u64 before = thing_read(THING_NOTIFIES), after;
	unsigned int i;

	for (i = 0; i < 20; i++)
		thing_write(THING_NOTIFY, i);
	after = thing_read(THING_NOTIFIES);
	return ktap_expect(after == before + 20);
}

static bool test_interrupt(void)
{
	struct pollfd p = { .fd = thing.event, .events = POLLIN };
	u64 n;

	thing_write(THING_INJECT, THING_IRQ);
	return ktap_expect(poll(&p, 1, RG_LONG) == 1) &
	       ktap_expect(read(thing.event, &n, sizeof(n)) == sizeof(n)) &
	       ktap_expect(n == 1);
}

/* Killed at any instant: what waits reads 0, what comes next is absent. */
static bool test_kills(pid_t *pid)
{
	unsigned int i, j;
	bool ok = true;
	u64 value;

	for (i = 0; ok && i < N_KILLS; i++) {
		for (j = 0; j < 37 * i % 100; j++)
			thing_write(THING_ECHO, j);
		kill(*pid, SIGKILL);
		for (j = 0; j < 50; j++) {
			value = thing_read(THING_MAGIC);
			ok &= ktap_expect(value == THING_MAGIC_VALUE || !value);
		}
		waitpid(*pid, NULL, 0);
		ok &= ktap_expect(thing_read(THING_MAGIC) == 0);
		ok &= ktap_expect(rg_tx_one(d, 60, i));
		*pid = daemon_start();
		ok &= thing_works();
	}
	return ok & ktap_expect(rg_sim_counter("gave_up") == 0);
}

/* Stopped: one access waits its time, the next does not, and all is well after. */
static bool test_stopped(pid_t pid)
{
	struct hvsim_raw_access a;
	bool ok = true;
	unsigned int i;

	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	a = rg_access(&thing, THING_ADDR + THING_MAGIC, 4, false, 0);
	ok &= ktap_expect(a.value == 0 && !(a.flags & HVSIM_ACCESS_GAVE_UP));
	ok &= ktap_expect(a.latency_ns < 4000000000ull);
	for (i = 0; i < 100; i++) {
		a = rg_access(&thing, THING_ADDR + THING_MAGIC, 4, false, 0);
		ok &= ktap_expect(a.value == 0);
	}
	ok &= ktap_expect(a.latency_ns < 100000000ull);
	/* More notifies than its ring holds; ours go on. */
	for (i = 0; i < 200; i++)
		thing_write(THING_NOTIFY, i % 3);
	ok &= ktap_expect(rg_tx_one(d, 60, 1));
	kill(pid, SIGCONT);
	for (i = 0; i < 1000 && thing_read(THING_MAGIC) != THING_MAGIC_VALUE; i++)
		usleep(1000);
	return ok & thing_works();
}

/* The last to say INIT_VIRTIO is served, as on hvisor. */
static bool test_second(pid_t *pid)
{
	pid_t second = daemon_start();
	bool ok = thing_works();

	daemon_kill(*pid);
	*pid = second;
	return ok & thing_works();
}

/* Its interrupts count among the zone's seven. */
static bool test_seven(void)
{
	u64 before;
	bool ok;
	u32 irq;

	rg_reset(d);
	for (irq = 81; irq < 87; irq++)
		thing_write(THING_INJECT, irq);
	before = rg_page_counter("hypercalls");
	thing_write(THING_INJECT, 87);
	ok = ktap_expect(rg_page_counter("hypercalls") == before) &
	     ktap_expect(rg_bus("new_device",
				"zone=1 addr=0xb000000 irq=90 name=tap9\n") ==
			 -ENOSPC);
	zone.used = 0;
	rg_start(d, RG_FEATURES);
	return ok;
}

static bool refuses(int node, unsigned long cmd, unsigned long arg, int err)
{
	return ioctl(node, cmd, arg) == -1 && errno == err;
}

static bool test_nonsense(void)
{
	int node = open(NODE, O_RDWR | O_CLOEXEC);
	bool ok = ktap_expect(node >= 0);
	struct hvsim_raw_ram ram;

	ok &= ktap_expect(refuses(node, TOOL_FINISH_REQ, 0, EINVAL));
	ok &= ktap_expect(refuses(node, TOOL_SET_EVENTFD, 99, EBADF));
	ok &= ktap_expect(refuses(node, TOOL_SET_EVENTFD, node, EINVAL));
	ok &= ktap_expect(refuses(node, TOOL_ZONE_START, 8, EFAULT));
	ok &= ktap_expect(refuses(node, TOOL_LOAD_IMAGE, 8, EFAULT));
	/* No page before INIT_VIRTIO. */
	ok &= ktap_expect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, node, 0) ==
			  MAP_FAILED && errno == EINVAL);
	/* Root's own RAM, registers, the end of the world. */
	ok &= ktap_expect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, node,
			       0x48000000) == MAP_FAILED && errno == EPERM);
	ok &= ktap_expect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, node,
			       0x09000000) == MAP_FAILED);
	ok &= ktap_expect(ioctl(d->fd, HVSIM_RAW_GET_RAM, &ram) == 0);
	ok &= ktap_expect(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, node,
			       ram.base) == MAP_FAILED && errno == EINVAL);
	ok &= ktap_expect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			       node, ram.base + ram.size - 4096) != MAP_FAILED);
	ok &= ktap_expect(mmap(NULL, 8192, PROT_READ, MAP_SHARED, node,
			       ram.base + ram.size - 4096) == MAP_FAILED);
	close(node);
	ok &= ktap_expect(rg_bus("backend", "/nowhere\n") == -ENOENT);
	ok &= ktap_expect(rg_bus("backend", NODE "\n") == -EINVAL);
	ok &= ktap_expect(rg_bus("backend", "/dev/null\n") == -EINVAL);
	return ok;
}

static struct hvsim_tool_call last_call(void)
{
	struct hvsim_tool_call call = {};
	int tool = open(TOOL_NODE, O_RDWR | O_CLOEXEC);

	ioctl(tool, HVSIM_TOOL_LAST_CALL, &call);
	close(tool);
	return call;
}

/* What is not about the page goes on to hvisor.ko, argument and all. */
static bool test_forward(void)
{
	int node = open(NODE, O_RDWR | O_CLOEXEC);
	struct hvsim_tool_call call;
	u32 config = 7;
	bool ok;

	rg_bus("backend", "\n");
	ok = ktap_expect(refuses(node, TOOL_ZONE_LIST, 0, ENODEV));
	ok &= ktap_expect(rg_bus("backend", TOOL_NODE "\n") == 0);
	ok &= ktap_expect(ioctl(node, TOOL_ZONE_LIST, 0x1234) == 0);
	call = last_call();
	ok &= ktap_expect(call.cmd == TOOL_ZONE_LIST && call.arg == 0x1234);
	ok &= ktap_expect(ioctl(node, TOOL_ZONE_START, &config) == 0);
	call = last_call();
	ok &= ktap_expect(call.cmd == TOOL_ZONE_START &&
			  call.arg == (u64)(uintptr_t)&config);
	ok &= ktap_expect(ioctl(node, TOOL_ZONE_SHUTDOWN, 7) == 0);
	call = last_call();
	ok &= ktap_expect(call.cmd == TOOL_ZONE_SHUTDOWN && call.arg == 7);
	ok &= ktap_expect(call.cpu != 0);
	ok &= ktap_expect(refuses(node, TOOL_ZONE_SHUTDOWN, 31, EINVAL));
	close(node);
	return ok;
}

/* Fill the receive ring, let root send, shut down: the RAM stays as it is. */
static bool ram_rests(int node, unsigned long cmd, unsigned long arg)
{
	u8 *before = malloc(zone.size), frame[60];
	bool ok = before != NULL;
	unsigned int i;

	ok &= ktap_expect(rg_rx_one(d, 60, 1));
	ok &= ktap_expect(ioctl(node, cmd, arg) == 0);
	memcpy(before, zone.ram, zone.size);
	for (i = 0; i < 50; i++) {
		rg_frame(frame, sizeof(frame), i);
		rg_root_send(d, frame, sizeof(frame));
	}
	usleep(20000);
	ok &= ktap_expect(!memcmp(before, zone.ram, zone.size));
	ok &= ktap_expect(rg_get(d, VIRTIO_MMIO_STATUS) == 0);
	free(before);
	/* What root has queued goes with the carrier. */
	ok &= ktap_expect(rg_link_wait(d, false));
	/* The next driver revives it. */
	zone.used = 0;
	rg_start(d, RG_FEATURES);
	return ok & ktap_expect(rg_works(d));
}

static bool test_zone_life(void)
{
	int node = open(NODE, O_RDWR | O_CLOEXEC);
	struct tool_image image = { .size = 4096, .load_paddr = zone.pa };
	struct { u32 id; u32 pad[15]; } config = { .id = zone.id };
	bool ok;

	ok = ktap_expect(ram_rests(node, TOOL_ZONE_SHUTDOWN, zone.id));
	ok &= ktap_expect(ram_rests(node, TOOL_LOAD_IMAGE,
				    (unsigned long)&image));
	ok &= ktap_expect(ram_rests(node, TOOL_ZONE_START,
				    (unsigned long)&config));
	close(node);
	return ok;
}

static volatile bool storm_stop;

static void *storm(void *unused)
{
	pin(1);
	while (!storm_stop)
		rg_get(d, VIRTIO_MMIO_STATUS);
	return unused;
}

/* A zone that does not fall silent is not shut down, and goes on. */
static bool test_busy(void)
{
	int node = open(NODE, O_RDWR | O_CLOEXEC);
	u32 before = last_call().count;
	pthread_t thread;
	bool ok;

	storm_stop = false;
	pthread_create(&thread, NULL, storm, NULL);
	usleep(10000);
	ok = ktap_expect(refuses(node, TOOL_ZONE_SHUTDOWN, zone.id, EBUSY));
	ok &= ktap_expect(rg_write("/sys/bus/hvisor_vnet/devices/zone1/quiesce",
				   "1\n") == -EBUSY);
	storm_stop = true;
	pthread_join(thread, NULL);
	ok &= ktap_expect(last_call().count == before);
	close(node);
	return ok & ktap_expect(rg_works(d));
}

/* What hvisor.ko refuses leaves the zone as it was. */
static bool test_quiesce_sysfs(void)
{
	const char *file = "/sys/bus/hvisor_vnet/devices/zone1/quiesce";
	u8 *before = malloc(zone.size), frame[60];
	bool ok;

	ok = ktap_expect(rg_write(file, "x\n") == -EINVAL);
	ok &= ktap_expect(rg_write(file, "1\n") == 0);
	memcpy(before, zone.ram, zone.size);
	rg_frame(frame, sizeof(frame), 1);
	rg_root_send(d, frame, sizeof(frame));
	usleep(20000);
	ok &= ktap_expect(!memcmp(before, zone.ram, zone.size));
	ok &= ktap_expect(rg_write(file, "0\n") == 0);
	free(before);
	ok &= ktap_expect(rg_link_wait(d, true));
	rg_root_flush(d);
	return ok & ktap_expect(rg_works(d));
}

static void thing_add(void)
{
	struct hvsim_raw_irq irq = { .irq = THING_IRQ, .cpu = 2 };

	thing.zone = &zone;
	thing.addr = THING_ADDR;
	thing.fd = rg_open_region(&zone, THING_ADDR, 0x200);
	thing.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	irq.eventfd = thing.event;
	if (ioctl(thing.fd, HVSIM_RAW_SET_IRQ, &irq))
		rg_die("SET_IRQ: %s", strerror(errno));
}

int main(void)
{
	pid_t pid;

	rg_setup();
	ktap_plan(13);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	thing_add();

	ktap_point(thing_read(THING_MAGIC) == 0, "no daemon: its device is absent");
	ktap_point(test_nonsense(), "nonsense at the node gets an errno");
	ktap_point(test_forward(), "what is not ours goes on to hvisor.ko");
	pid = daemon_start();
	ktap_point(thing_works(), "the daemon serves its device");
	ktap_point(test_interrupt(), "its interrupts arrive");
	ktap_point(test_posted(), "its notifies arrive");
	ktap_point(test_traffic(), "accesses beside traffic");
	ktap_point(test_kills(&pid), "killed at any instant, started again");
	ktap_point(test_stopped(pid), "stopped, nothing hangs; continued, all is well");
	ktap_point(test_second(&pid), "another daemon takes over");
	ktap_point(test_seven(), "seven interrupts a zone, the daemon's among them");
	daemon_kill(pid);
	ktap_point(test_zone_life() & test_quiesce_sysfs(),
		   "a zone that ends or begins is left alone");
	ktap_point(test_busy(), "a zone that is busy is not shut down, and goes on");
	return ktap_finish();
}
