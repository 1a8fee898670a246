// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root's wake interrupt goes to another CPU, again and again, under traffic both
 * ways: to one that is idle, to the one where root's frames are, and to the one
 * where the guest runs.  Every frame arrives, no access waits in vain.
 *
 * rig: smp=3
 */
#include "rawguest.h"
#include "rawtraffic.h"

#define MOVES		150
#define CPUS		3
#define WAKES		10	/* on each CPU before the next move */

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

static bool move(unsigned int cpu)
{
	u64 before = rg_page_counter("wakes");

	rg_sim_param("root_cpu", cpu);
	return ktap_expect(ktap_wait_for(RG_LONG, rg_page_counter("wakes") >=
					 before + WAKES));
}

static bool test_moves(void)
{
	unsigned int i, n = ktap_scaled(MOVES);
	struct rt_traffic traffic;
	bool ok = true;

	rg_start(d, RG_FEATURES);
	rt_start(&traffic, d, CPUS - 1);
	for (i = 1; ok && i <= n; i++)
		ok = move(i % CPUS);
	rg_sim_param("root_cpu", 0);
	return ok & rt_finish(&traffic);
}

/* The driver comes and goes while the interrupt does. */
static bool test_restarts(void)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < 4 * CPUS; i++) {
		rg_sim_param("root_cpu", i % CPUS);
		rg_start(d, RG_FEATURES);
		ok = ktap_expect(rg_works(d));
	}
	rg_sim_param("root_cpu", 0);
	return ok;
}

int main(void)
{
	rg_setup();
	ktap_plan(3);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_moves(), "under traffic");
	ktap_point(test_restarts(), "while the driver restarts");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0),
		   "each access was answered, once");
	return ktap_finish();
}
