// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=4 timeout=400
 *
 * The daemon is killed, stopped and continued, replaced and started again, at
 * random moments: while vCPUs wait for it, while it answers, and while it is in
 * FINISH_REQ.  Whoever asks it gets the right answer or reads 0, in bounded
 * time; our device's registers and frames do not notice.
 *
 * The moments come from a seed, which is printed; HVNET_SEED=N on the kernel's
 * command line (selftests/vm/run.sh --append) chooses it.
 */
#define _GNU_SOURCE
#include "rawtraffic.h"
#include "tooldaemon.h"

#define ROUNDS		40
#define IRQ		80
#define VCPUS		2

/* An access waits for the daemon at most so long, and for us. */
#define BOUND_NS	6000000000ull
#define OURS_NS		1500000000ull

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u64 seed;

/**
 * struct vcpu - one vCPU that asks all the time
 * @thing: what it asks
 * @cpu: where it runs
 * @thread: it
 * @right: accesses answered as they should be
 * @absent: accesses that read 0
 * @wrong: others
 * @longest_ns: the longest that one took
 */
struct vcpu {
	struct td_thing thing;
	int cpu;
	pthread_t thread;
	u64 right, absent, wrong, longest_ns;
};

static struct vcpu vcpu[VCPUS];
static u64 ours, ours_wrong, ours_longest_ns;
static bool stop;

static u32 roll(u32 n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

/* It interrupts a guest all the time, so it is in FINISH_REQ most of the time. */
static void *injects(void *arg)
{
	struct td_daemon *m = arg;

	for (;;) {
		td_inject(m, 1, IRQ);
		rg_relax();
	}
	return NULL;
}

static void begin_injecting(struct td_daemon *m)
{
	pthread_t thread;

	pthread_create(&thread, NULL, injects, m);
}

static const struct td_plan calm = { .cpu = 1, .zone = { 1, 1 }, .idle = 2000 };
static const struct td_plan busy = {
	.cpu = 1, .zone = { 1, 1 }, .begin = begin_injecting,
};

static bool stopping(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static u64 ask(struct vcpu *v, u64 offset, u32 size, bool write, u64 value)
{
	struct hvsim_raw_access a = td_access(&v->thing, offset, size, write,
					      value);

	if (a.latency_ns > v->longest_ns)
		v->longest_ns = a.latency_ns;
	return a.value;
}

static void *asks(void *arg)
{
	struct vcpu *v = arg;
	u64 value;

	rg_pin(v->cpu);
	while (!stopping()) {
		value = ask(v, TD_MAGIC, 4, false, 0);
		if (value == TD_MAGIC_VALUE)
			v->right++;
		else if (!value)
			v->absent++;
		else
			v->wrong++;
		ask(v, TD_NOTIFY, 4, true, v->right & 3);
		ask(v, TD_ECHO, 8, true, v->right);
	}
	return NULL;
}

static void *asks_ours(void *unused)
{
	struct hvsim_raw_access a;

	rg_pin(3);
	while (!stopping()) {
		a = rg_access(d, d->addr + VIRTIO_MMIO_MAGIC_VALUE, 4, false,
			      0);
		ours++;
		ours_wrong += a.value != 0x74726976;
		if (a.latency_ns > ours_longest_ns)
			ours_longest_ns = a.latency_ns;
		usleep(200);
	}
	return unused;
}

static pid_t start(void)
{
	return td_start(roll(2) ? &calm : &busy);
}

static void killed(pid_t *pid)
{
	td_kill(*pid);
	usleep(roll(3000));
	*pid = start();
}

static void stopped(pid_t *pid)
{
	td_stop(*pid);
	usleep(roll(30000));
	kill(*pid, SIGCONT);
}

static void stopped_and_killed(pid_t *pid)
{
	td_stop(*pid);
	usleep(roll(10000));
	killed(pid);
}

static void replaced(pid_t *pid)
{
	pid_t next = start();

	usleep(roll(5000));
	td_kill(*pid);
	*pid = next;
}

/* For so long that the guest is told 0. */
static void stopped_for_long(pid_t *pid)
{
	u64 absent = vcpu[0].absent;

	td_stop(*pid);
	ktap_wait_for(4000, __atomic_load_n(&vcpu[0].absent, __ATOMIC_RELAXED)
			    > absent);
	kill(*pid, SIGCONT);
}

static void (* const fates[])(pid_t *pid) = {
	killed, stopped, stopped_and_killed, replaced, killed, stopped,
	stopped_and_killed, replaced, stopped_for_long,
};

static bool serves(const struct vcpu *v)
{
	u64 right = __atomic_load_n(&v->right, __ATOMIC_RELAXED);

	return ktap_wait_for(RG_LONG,
			     __atomic_load_n(&v->right, __ATOMIC_RELAXED) >
			     right + 2);
}

/* After each fate the daemon that is there serves both vCPUs. */
static bool test_fates(pid_t *pid)
{
	unsigned int i, j;
	bool ok = true;

	for (i = 0; ok && i < ROUNDS; i++) {
		u32 fate = i < RG_ARRAY_SIZE(fates) ? i :
			   roll(RG_ARRAY_SIZE(fates) - 1);

		usleep(roll(20000));
		fates[fate](pid);
		for (j = 0; j < VCPUS; j++)
			if (!serves(&vcpu[j])) {
				ktap_diag("round %u, fate %u: not served", i,
					  fate);
				ok = false;
			}
	}
	return ok;
}

static bool report(const struct vcpu *v)
{
	ktap_diag("%llu right answers, %llu times absent; longest %llu ms",
		  (unsigned long long)v->right, (unsigned long long)v->absent,
		  (unsigned long long)v->longest_ns / 1000000);
	return ktap_expect_eq(v->wrong, 0) &
	       ktap_expect(v->longest_ns < BOUND_NS) & ktap_expect(v->absent);
}

int main(void)
{
	const char *word = getenv("HVNET_SEED");
	struct rt_traffic traffic;
	pthread_t thread;
	unsigned int i;
	bool ok = true;
	pid_t pid;

	seed = word ? strtoull(word, NULL, 0) : ktap_now_ns();
	rg_setup();
	ktap_plan(6);
	ktap_diag("HVNET_SEED=%llu", (unsigned long long)seed);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	for (i = 0; i < VCPUS; i++) {
		td_thing_add(&vcpu[i].thing, &zone, i, i ? 0 : IRQ);
		vcpu[i].cpu = 2 + i;
	}
	pid = start();
	rt_start(&traffic, d, 3);
	for (i = 0; i < VCPUS; i++)
		if (pthread_create(&vcpu[i].thread, NULL, asks, &vcpu[i]))
			rg_die("no thread");
	if (pthread_create(&thread, NULL, asks_ours, NULL))
		rg_die("no thread");

	ktap_point(test_fates(&pid), "whatever becomes of a daemon, the next one serves");
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < VCPUS; i++)
		pthread_join(vcpu[i].thread, NULL);
	pthread_join(thread, NULL);
	for (i = 0; i < VCPUS; i++)
		ok &= report(&vcpu[i]);
	ktap_point(ok, "each answer is right, or 0, and in time");
	ktap_diag("our device: %llu answers, longest %llu ms",
		  (unsigned long long)ours,
		  (unsigned long long)ours_longest_ns / 1000000);
	ktap_point(ktap_expect(ours > 100) & ktap_expect_eq(ours_wrong, 0) &
		   ktap_expect(ours_longest_ns < OURS_NS),
		   "our registers are answered");
	ktap_point(rt_finish(&traffic), "our frames arrive");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "nobody waited in vain, nobody was told what it had not asked");
	td_kill(pid);
	ktap_point(td_absent(&vcpu[0].thing),
		   "the last one is gone: its devices are absent");
	return ktap_finish();
}
