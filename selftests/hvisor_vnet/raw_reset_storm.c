// SPDX-License-Identifier: GPL-2.0-only
/*
 * All CPUs of one guest do nothing but reset their device and start it, make
 * queues ready and unready, as fast as they can.  Each access waits for root's
 * worker, so that there is always one more waiting.  Another zone's device goes
 * on, and root's own business with the one under the storm gets its turn; after
 * the storm all is well.
 *
 * rig: smp=4
 */
#include "rawguest.h"

#include <pthread.h>

#define STORMS		3	/* CPUs 1 to 3; root's is 0 */
#define FRAMES		100
#define TURN		20	/* seconds that root's business may take */

static struct rg_zone zone[2];
static struct rg_dev storm, calm;

static bool done, reattached;
static u64 accesses[STORMS];
static bool answers_ok = true;

/* Reset and start, or a queue on and off: whatever waits for the worker. */
static void touch(unsigned int i)
{
	const u32 runs = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			 VIRTIO_CONFIG_S_DRIVER_OK;

	switch (i % 6) {
	case 0:
		rg_set(&storm, VIRTIO_MMIO_STATUS, 0);
		break;
	case 1:
	case 3:
		rg_set(&storm, VIRTIO_MMIO_STATUS, runs);
		break;
	case 2:
		rg_set(&storm, VIRTIO_MMIO_QUEUE_NUM, RG_NUM);
		break;
	default:
		rg_set(&storm, VIRTIO_MMIO_QUEUE_READY, i & 1);
		break;
	}
}

static void *storms(void *arg)
{
	u64 *n = arg;
	unsigned int me = n - accesses, i;

	rg_pin(1 + me);
	for (i = me; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		touch(i);
		/* Nothing but what a status can be. */
		if (rg_get(&storm, VIRTIO_MMIO_STATUS) & ~0xcfu)
			answers_ok = false;
		__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Takes the locks of all devices, one after the other. */
static void *reattach(void *unused)
{
	unsigned int i;

	(void)unused;
	rg_pin(0);
	for (i = 0; i < 10; i++)
		if (rg_bus("reattach", "1\n"))
			return NULL;
	__atomic_store_n(&reattached, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool all_storm(void)
{
	unsigned int i;

	for (i = 0; i < STORMS; i++)
		if (__atomic_load_n(&accesses[i], __ATOMIC_RELAXED) < 100)
			return false;
	return true;
}

static pthread_t begin(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg))
		rg_die("no thread");
	return thread;
}

int main(void)
{
	pthread_t thread[STORMS], root;
	unsigned int i;
	bool ok;

	rg_setup();
	ktap_plan(4);
	rg_zone_add(&zone[0], 1, 0x100000, 0x40000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, 0x40000, 0x40000000);
	rg_dev_add(&storm, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&calm, &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	rg_start(&calm, RG_FEATURES);
	rg_reset(&storm);

	for (i = 0; i < STORMS; i++)
		thread[i] = begin(storms, &accesses[i]);
	ok = ktap_expect(ktap_wait_for(60000, all_storm()));
	ktap_point(ok && rg_carries(&calm, FRAMES), "another zone's device works meanwhile");
	root = begin(reattach, NULL);
	ok = ktap_wait_for(TURN * 1000,
			   __atomic_load_n(&reattached, __ATOMIC_ACQUIRE));
	ktap_point(ok, "root gets its turn");
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < STORMS; i++) {
		pthread_join(thread[i], NULL);
		ktap_diag("%llu accesses", (unsigned long long)accesses[i]);
	}
	pthread_join(root, NULL);
	ktap_point(answers_ok && ktap_expect_eq(rg_sim_counter("gave_up"), 0),
		   "every access was answered");
	rg_start(&storm, RG_FEATURES);
	ktap_point(rg_works(&storm) && rg_works(&calm), "all works after it");
	return ktap_finish();
}
