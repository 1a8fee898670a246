// SPDX-License-Identifier: GPL-2.0-only
/*
 * One guest does nothing but touch registers and kick, as fast as it can.  The
 * device of another zone goes on working meanwhile, and the storm itself gets
 * its answers.
 *
 * rig: smp=3
 */
#include "rawguest.h"

#include <pthread.h>

#define FRAMES		300

static struct rg_zone zone[2];
static struct rg_dev storm, calm;

static bool done;
static u64 accesses;
static bool answers_ok = true;

/* What the storm is made of. */
static bool touch(unsigned int i)
{
	switch (i % 8) {
	case 0:
		rg_notify(&storm.vq[RG_TX]);
		return true;
	case 1:
		rg_notify(&storm.vq[RG_RX]);
		return true;
	case 2:
		rg_set(&storm, VIRTIO_MMIO_QUEUE_NOTIFY, 0xffff);
		return true;
	case 3:
		return rg_get(&storm, VIRTIO_MMIO_STATUS) == 0xf;
	case 4:
		return rg_access(&storm, storm.addr + 0x1fc, 8, false,
				 0).value == 0;
	case 5:
		rg_set(&storm, VIRTIO_MMIO_INTERRUPT_ACK, ~0u);
		return true;
	case 6:
		rg_set(&storm, VIRTIO_MMIO_QUEUE_DESC_LOW, i);
		return true;
	default:
		return rg_get(&storm, VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976;
	}
}

static void *storms(void *unused)
{
	unsigned int i;

	(void)unused;
	rg_pin(1);
	for (i = 0; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		answers_ok &= touch(i);
		__atomic_fetch_add(&accesses, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;
	u64 requests;
	bool ok;

	rg_setup();
	ktap_plan(4);
	rg_zone_add(&zone[0], 1, 0x100000, 0x40000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, 0x40000, 0x40000000);
	rg_dev_add(&storm, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&calm, &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	rg_start(&storm, RG_FEATURES);
	rg_start(&calm, RG_FEATURES);

	requests = rg_page_counter("requests");
	if (pthread_create(&thread, NULL, storms, NULL))
		rg_die("no thread");
	ok = ktap_expect(ktap_wait_for(RG_LONG,
				       __atomic_load_n(&accesses, __ATOMIC_RELAXED) >
				       100));
	ktap_point(ok && rg_carries(&calm, FRAMES), "another zone's device works meanwhile");
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ktap_diag("%llu accesses of the storm", (unsigned long long)accesses);
	ktap_point(answers_ok, "the storm has its answers");
	requests = rg_page_counter("requests") - requests;
	ktap_point(ktap_expect(requests >= accesses) &&
		   ktap_expect_eq(rg_sim_counter("gave_up"), 0),
		   "every access was served");
	ktap_point(rg_works(&storm) && rg_works(&calm), "all works after it");
	return ktap_finish();
}
