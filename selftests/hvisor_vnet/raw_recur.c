// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root polls once more by itself, a while after there were frames, and asks for
 * no kicks until then; that it does so is the administrator's to say, as of any
 * interface (gro_flush_timeout and napi_defer_hard_irqs), and to take back at any
 * moment.
 *
 * rig: smp=3
 */
#include <fcntl.h>
#include <pthread.h>

#include "rawguest.h"

#define RECUR_US	200000	/* no healthy run is interrupted for so long */
#define RECURRENCES	4
#define SWITCH_MS	2000
#define BUFFER		2048

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buffer;

static void start(u64 features, unsigned int us)
{
	rg_recur_after(d, us);
	rg_start(d, features);
	rg_irq_off(&d->vq[RG_TX]);
	buffer = rg_alloc(&zone, BUFFER, 16);
}

/* Would the next frame be kicked for? */
static bool wants_kick(struct rg_vq *q)
{
	bool wants;

	q->published++;
	wants = rg_kick_needed(q, q->published - 1);
	q->published--;
	return wants;
}

static void add_tx(u32 seq)
{
	if (rg_tx_add(d, buffer, 60, seq) < 0)
		rg_die("no descriptor is left");
}

/* Seen at once: the next frame is to come while root may still be at it. */
static bool given_back(u32 seq)
{
	struct vring_used_elem elem;
	struct rg_vq *q = &d->vq[RG_TX];

	if (rg_spin_used(q))
		return rg_used(q, &elem);
	ktap_diag("nobody looks at frame %u", seq);
	return false;
}

static bool test_recurs(u64 features)
{
	struct rg_vq *q = &d->vq[RG_TX];
	bool ok;
	u32 seq;

	start(features, RECUR_US);
	add_tx(0);
	ok = ktap_expect(rg_kick(q)) && given_back(0);
	for (seq = 1; ok && seq <= RECURRENCES; seq++) {
		add_tx(seq);
		ok = ktap_expect(!rg_kick(q)) && given_back(seq);
	}
	return ok && ktap_expect(ktap_wait_for(RG_LONG, wants_kick(q)));
}

/* What is not wanted is not done. */
static bool test_off(u64 features)
{
	struct rg_vq *q = &d->vq[RG_TX];

	start(features, 0);
	add_tx(0);
	rg_kick(q);
	return given_back(0) &&
	       ktap_expect(ktap_wait_for(RECUR_US / 1000 / 2, wants_kick(q)));
}

static void *switches(void *stop)
{
	const char *path = "/sys/class/net/tap0/gro_flush_timeout";
	int fd = open(path, O_WRONLY);
	bool on = false;

	rg_pin(1);
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		on = !on;
		if (write(fd, on ? "20000" : "0", on ? 5 : 1) < 0)
			rg_die("%s: %s", path, strerror(errno));
	}
	close(fd);
	return NULL;
}

/* Just when root relies on it, it is switched off. */
static bool test_switched_off(u64 features)
{
	struct rg_vq *q = &d->vq[RG_TX];
	bool ok = true, stop = false;
	unsigned long long began;
	pthread_t thread;
	u32 seq;

	start(features, 20);
	if (pthread_create(&thread, NULL, switches, &stop))
		rg_die("no thread");
	began = ktap_now_ns();
	for (seq = 0; ok && ktap_now_ns() - began < SWITCH_MS * 1000000ull; seq++) {
		add_tx(seq);
		rg_kick(q);
		ok = given_back(seq);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ktap_diag("%u frames", seq);
	return ok;
}

static const struct rg_ring_test tests[] = {
	{ "no kicks until root has looked once more", test_recurs },
	{ "kicks at once", test_off },
	{ "switched off when root relies on it", test_switched_off },
};

int main(void)
{
	rg_setup();
	ktap_plan(2 * RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_run_rings(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
