// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steering: frames of a device are worked on by the CPU that the administrator
 * names, wherever the wake interrupt goes; that may change under traffic, and one
 * that is offline does no harm.  Where a frame went up root's stack is counted by
 * the kernel, for each CPU.
 *
 * rig: smp=3
 */
#include "rawguest.h"
#include "rawtraffic.h"

#define CPUS		3
#define FRAMES		100
#define ELSEWHERE	10
#define CHANGES		60
#define LEN		64
#define RECUR_US	10000	/* longer than from one frame to the next */
#define CHANGE_US	3000000	/* longer than it takes to steer */

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

/* Frames that each CPU has taken up the stack. */
static void processed(u64 *frames)
{
	FILE *f = fopen("/proc/net/softnet_stat", "r");
	unsigned int cpu;
	char line[256];

	if (!f)
		rg_die("/proc/net/softnet_stat: %s", strerror(errno));
	for (cpu = 0; cpu < CPUS; cpu++)
		frames[cpu] = fgets(line, sizeof(line), f) ?
			      strtoull(line, NULL, 16) : 0;
	fclose(f);
}

/*
 * Are its frames worked on there, and nearly nothing elsewhere? Where there is no
 * steering a kick may also be seen by a timer's look, on another CPU.
 */
static bool works_on(unsigned int where)
{
	u64 before[CPUS], after[CPUS];
	unsigned int i, cpu;
	bool ok = true;

	processed(before);
	for (i = 0; ok && i < FRAMES; i++)
		ok = ktap_expect(rg_tx_one(d, LEN, i));
	processed(after);
	for (cpu = 0; cpu < CPUS; cpu++) {
		u64 n = after[cpu] - before[cpu];

		if (cpu == where)
			ok = ktap_expect(n >= FRAMES - ELSEWHERE) && ok;
		else
			ok = ktap_expect(n <= ELSEWHERE) && ok;
		if (!ok)
			ktap_diag("CPU %u: %llu", cpu, (unsigned long long)n);
	}
	return ok;
}

static void steer(const char *cpu)
{
	char command[64];

	snprintf(command, sizeof(command),
		 "hvnet set device tap0 cpu=%.4s >/dev/null", cpu);
	rg_shell(command);
}

static bool test_named(void)
{
	bool ok;

	rg_start(d, RG_FEATURES);
	ok = works_on(2);
	rg_sim_param("root_cpu", 1);
	ok = works_on(2) && ok;
	rg_sim_param("root_cpu", 0);
	return ok;
}

static bool test_changed(void)
{
	bool ok;

	steer("1");
	ok = works_on(1);
	steer("none");
	ok = works_on(0) && ok;
	rg_sim_param("root_cpu", 2);
	ok = works_on(2) && ok;
	rg_sim_param("root_cpu", 0);
	return ok;
}

static void cpu2_online(const char *online)
{
	if (rg_write("/sys/devices/system/cpu/cpu2/online", "%s", online))
		rg_die("CPU 2: online=%s fails", online);
}

/* Frames before and after, and root polls by itself in between, where it did. */
static bool works_on_at_once(unsigned int where, void (*change)(const char *),
			     const char *to)
{
	bool ok;

	rg_recur_after(d, CHANGE_US);
	ok = rg_tx_one(d, LEN, 0);
	change(to);
	rg_recur_after(d, RECUR_US);
	ok = works_on(where) && ok;
	rg_recur_after(d, 0);
	return ok;
}

static bool test_changed_while_polling(void)
{
	return works_on_at_once(1, steer, "1") &
	       works_on_at_once(2, steer, "2") &
	       works_on_at_once(0, steer, "none");
}

static bool test_both_ways(void)
{
	steer("2");
	return ktap_expect(rg_works(d)) && ktap_expect(rg_carries(d, FRAMES));
}

static bool test_under_traffic(void)
{
	static const char * const cpus[] = { "0", "2", "none", "1" };
	unsigned int i, n = ktap_scaled(CHANGES);
	struct rt_traffic traffic;

	rg_recur_after(d, 20);
	rg_start(d, RG_FEATURES);
	rt_start(&traffic, d, 1);
	for (i = 0; i < n; i++)
		steer(cpus[i % RG_ARRAY_SIZE(cpus)]);
	rg_recur_after(d, 0);
	return rt_finish(&traffic);
}

/* The driver comes and goes while another CPU may just be beginning. */
static bool test_restarts(void)
{
	unsigned int i;
	bool ok = true;

	steer("2");
	for (i = 0; ok && i < CHANGES / 4; i++) {
		rg_start(d, RG_FEATURES);
		rg_notify(&d->vq[RG_TX]);
		rg_start(d, RG_FEATURES);
		ok = ktap_expect(rg_tx_one(d, LEN, i));
	}
	return ok;
}

static bool test_offline(void)
{
	bool ok;

	rg_start(d, RG_FEATURES);
	steer("2");
	cpu2_online("0");
	ok = ktap_expect(rg_carries(d, FRAMES));
	cpu2_online("1");
	return works_on(2) && ok;
}

/* Another polls by itself meanwhile: not any longer than that. */
static bool test_back_while_polling(void)
{
	rg_start(d, RG_FEATURES);
	cpu2_online("0");
	return works_on_at_once(2, cpu2_online, "1");
}

static const struct ktap_test tests[] = {
	{ "named when the device is made", test_named },
	{ "changed, and taken back", test_changed },
	{ "changed while root polls by itself", test_changed_while_polling },
	{ "frames both ways", test_both_ways },
	{ "changed under traffic", test_under_traffic },
	{ "while the driver restarts", test_restarts },
	{ "a CPU that is offline", test_offline },
	{ "one that comes back while another polls by itself",
	  test_back_while_polling },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "cpu=2");
	/* A kick for each frame, but where it is otherwise. */
	rg_recur_after(d, 0);
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
