// SPDX-License-Identifier: GPL-2.0-only
/*
 * A zone's file "quiesce": a zone that rests has its frames wait, both ways, not
 * a byte of its memory changes, and it is asked not to kick; what waited crosses
 * once it is released, or a new driver begins anew.  It rests only when it has
 * fallen silent, with its interrupts acknowledged; if it does not, all goes on
 * as before.  In virtual time, since silence is a matter of time.
 *
 * rig: smp=3 icount=must timeout=60
 */
#include "rawguest.h"

#include <pthread.h>

#define ZONE_FILE	"/sys/bus/hvisor_vnet/devices/zone1/quiesce"
#define FRAMES		4
#define FRAME_LEN	60
#define CYCLES		10
#define MS		1000000ull

static struct rg_zone zone, other;
static struct rg_dev dev, *d = &dev, far;

static int rest(void)
{
	return rg_write(ZONE_FILE, "1\n");
}

static int release(void)
{
	return rg_write(ZONE_FILE, "0\n");
}

static void settle(void)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

static void start(u64 features)
{
	rg_start(d, features);
	settle();
}

/* A frame that the guest queues without a word; does it have to kick? */
static bool queue_frame(u32 seq)
{
	struct rg_vq *q = &d->vq[RG_TX];
	u8 *buf = rg_alloc(&zone, d->hdr_len + FRAME_LEN, 8);
	u16 old = q->published;

	rg_tx_add(d, buf, FRAME_LEN, seq);
	rg_publish(q);
	return rg_kick_needed(q, old);
}

static bool frame_arrives(u32 seq)
{
	u8 got[2048];
	ssize_t n = rg_root_recv(d, got, sizeof(got), RG_LONG);

	return ktap_expect(n > 0) && rg_frame_ok(got, n, FRAME_LEN, seq);
}

static bool none_arrives(void)
{
	u8 got[2048];

	return ktap_expect(rg_root_recv(d, got, sizeof(got), 50) < 0);
}

/* Frames wait at both ends, and the guest's memory is left alone. */
static bool nothing_crosses(void)
{
	u8 *copy = malloc(zone.size), frame[FRAME_LEN];
	bool ok = true;
	u32 i;

	for (i = 0; i < FRAMES; i++)
		ok &= ktap_expect(!queue_frame(i));
	memcpy(copy, zone.ram, zone.size);
	/* A kick may still come. */
	rg_notify(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_RX]);
	for (i = 0; i < FRAMES; i++) {
		rg_frame(frame, sizeof(frame), i);
		ok &= ktap_expect(rg_root_send(d, frame, sizeof(frame)));
	}
	ok &= none_arrives();
	ok &= ktap_expect(!memcmp(copy, zone.ram, zone.size));
	ok &= ktap_expect_eq(rg_irqs(d, 0), 0);
	free(copy);
	return ok & ktap_expect(rg_link_wait(d, true));
}

static bool rests(u64 features)
{
	struct vring_used_elem elem;
	u8 *buf[FRAMES];
	bool ok;
	u32 i;

	start(features);
	for (i = 0; i < FRAMES; i++) {
		buf[i] = rg_alloc(&zone, 2048, 8);
		rg_add(&d->vq[RG_RX], &RG_IN(buf[i], 2048), 1);
	}
	rg_kick(&d->vq[RG_RX]);
	settle();
	ok = ktap_expect_eq(rest(), 0) && nothing_crosses();
	ok &= ktap_expect_eq(release(), 0);
	for (i = 0; i < FRAMES; i++) {
		ok &= frame_arrives(i);
		ok &= ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
		ok &= ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem));
		ok &= rg_frame_ok(buf[i] + d->hdr_len, FRAME_LEN, FRAME_LEN, i);
	}
	return ok && rg_works(d);
}

static bool test_event(void)
{
	return rests(RG_FEATURES);
}

static bool test_flag(void)
{
	return rests(RG_BIT(VIRTIO_F_VERSION_1));
}

static bool test_again(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest(), 0);
	ok &= ktap_expect_eq(rest(), 0);
	ok &= ktap_expect_eq(release(), 0);
	ok &= ktap_expect(rg_works(d));
	ok &= ktap_expect_eq(release(), 0);
	return ok & ktap_expect(rg_works(d));
}

static bool test_words(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rg_write(ZONE_FILE, "rest\n"), -EINVAL);
	return ok & ktap_expect(rg_works(d));
}

static bool test_no_driver(void)
{
	bool ok;

	rg_reset(d);
	ok = ktap_expect_eq(rest(), 0);
	ok &= ktap_expect_eq(release(), 0);
	start(RG_FEATURES);
	return ok & ktap_expect(rg_works(d));
}

/* Nobody releases the zone: who resets the device is not the one that rested. */
static bool test_new_driver(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest(), 0);
	rg_reset(d);
	ok &= ktap_expect(rg_link_wait(d, false));
	start(RG_FEATURES);
	return ok & ktap_expect(rg_works(d));
}

/* The driver that rests goes on to change a queue. */
static bool test_change(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest(), 0);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_RX);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, 0);
	queue_frame(1);
	rg_notify(&d->vq[RG_TX]);
	ok &= none_arrives();
	ok &= ktap_expect_eq(release(), 0);
	return ok & frame_arrives(1);
}

static bool test_other_zone(void)
{
	bool ok;

	start(RG_FEATURES);
	rg_start(&far, RG_FEATURES);
	ok = ktap_expect_eq(rest(), 0);
	ok &= ktap_expect(rg_works(&far));
	ok &= ktap_expect_eq(release(), 0);
	return ok & ktap_expect(rg_works(d));
}

/* A vCPU meanwhile. */

/**
 * struct vcpu - what a vCPU does
 * @for_ns: how long
 * @pause_us: between its accesses
 * @ack: it only acknowledges an interrupt, at the end
 */
struct vcpu {
	u64 for_ns;
	unsigned int pause_us;
	bool ack;
};

static void *vcpu_fn(void *arg)
{
	const struct vcpu *v = arg;
	u64 end = ktap_now_ns() + v->for_ns;

	rg_pin(1);
	while (ktap_now_ns() < end) {
		if (!v->ack)
			rg_get(d, VIRTIO_MMIO_MAGIC_VALUE);
		if (v->pause_us)
			usleep(v->pause_us);
	}
	if (v->ack)
		rg_ack(d);
	return NULL;
}

/* Rest beside a vCPU; *@took is how long it took. */
static int rest_beside(struct vcpu *v, u64 *took)
{
	pthread_t thread;
	u64 began;
	int err;

	if (pthread_create(&thread, NULL, vcpu_fn, v))
		rg_die("no thread");
	began = ktap_now_ns();
	err = rest();
	*took = ktap_now_ns() - began;
	pthread_join(thread, NULL);
	return err;
}

static bool test_busy(void)
{
	struct vcpu v = { .for_ns = 1500 * MS, .pause_us = 500 };
	u64 took;
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest_beside(&v, &took), -EBUSY);
	return ok & ktap_expect(rg_works(d));
}

static bool test_silence(void)
{
	struct vcpu v = { .for_ns = 100 * MS, .pause_us = 2000 };
	u64 took;
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest_beside(&v, &took), 0);
	ok &= ktap_expect(took > 100 * MS && took < 300 * MS);
	ok &= ktap_expect_eq(release(), 0);
	return ok & ktap_expect(rg_works(d));
}

/* The guest gets an interrupt and leaves it at that. */
static bool interrupted(void)
{
	start(RG_FEATURES);
	rg_link_set(d, false);
	rg_link_set(d, true);
	return ktap_expect(rg_irqs(d, RG_LONG) > 0) &&
	       ktap_expect(rg_link_wait(d, true));
}

/* Between its acknowledgment and its end an interrupt makes no access. */
static bool test_handler(void)
{
	u64 began;
	bool ok;

	ok = interrupted();
	rg_ack(d);
	began = ktap_now_ns();
	ok &= ktap_expect_eq(rest(), 0);
	ok &= ktap_expect(ktap_now_ns() - began > 40 * MS);
	ok &= ktap_expect_eq(release(), 0);
	return ok & ktap_expect(rg_works(d));
}

static bool test_acknowledged(void)
{
	struct vcpu v = { .for_ns = 100 * MS, .pause_us = 1000, .ack = true };
	u64 took;
	bool ok;

	ok = interrupted() && ktap_expect_eq(rest_beside(&v, &took), 0);
	ok &= ktap_expect(took > 100 * MS && took < 300 * MS);
	ok &= ktap_expect_eq(rg_state(d, "interrupt_status"), 0);
	ok &= ktap_expect_eq(release(), 0);
	return ok & ktap_expect(rg_works(d));
}

/* Dead, or polling: it is no use waiting for an acknowledgment. */
static bool test_dead(void)
{
	struct vcpu v = {};
	u64 took;
	bool ok;

	ok = interrupted() && ktap_expect_eq(rest_beside(&v, &took), 0);
	ok &= ktap_expect(took > 200 * MS && took < 600 * MS);
	ok &= ktap_expect_eq(release(), 0);
	settle();
	return ok & ktap_expect(rg_works(d));
}

/* The zone goes while its file is written to. */

static bool writer_stop, remover_done;

static void *writer(void *unused)
{
	(void)unused;
	rg_pin(1);
	while (!__atomic_load_n(&writer_stop, __ATOMIC_RELAXED))
		rg_write("/sys/bus/hvisor_vnet/devices/zone3/quiesce", "0\n");
	return NULL;
}

static void *remover(void *unused)
{
	unsigned int i;

	(void)unused;
	rg_pin(2);
	for (i = 0; i < CYCLES; i++)
		if (rg_bus("new_zone", "id=3 ram=%#llx,0x40000000,0x10000\n",
			   (unsigned long long)other.pa + other.size) ||
		    rg_bus("del_zone", "id=3\n"))
			return "zone 3 did not go and come";
	__atomic_store_n(&remover_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool test_zone_goes(void)
{
	pthread_t write_thread, remove_thread;
	u64 began = ktap_now_ns();
	void *complaint;

	if (pthread_create(&write_thread, NULL, writer, NULL) ||
	    pthread_create(&remove_thread, NULL, remover, NULL))
		rg_die("no thread");
	if (!ktap_expect(ktap_wait_for(RG_LONG,
				       __atomic_load_n(&remover_done,
						       __ATOMIC_ACQUIRE))))
		return false;
	pthread_join(remove_thread, &complaint);
	ktap_diag("took %llu ms", (ktap_now_ns() - began) / MS);
	__atomic_store_n(&writer_stop, true, __ATOMIC_RELAXED);
	pthread_join(write_thread, NULL);
	return ktap_expect(!complaint);
}

static bool test_device_goes(void)
{
	bool ok;

	start(RG_FEATURES);
	ok = ktap_expect_eq(rest(), 0);
	rg_dev_del(d);
	return ok & ktap_expect_eq(release(), 0);
}

/* Meanwhile nobody else adds and removes devices. */
static void *rest_in_vain(void *unused)
{
	(void)unused;
	rg_pin(2);
	return rest() == -EBUSY ? NULL : "zone 1 does rest";
}

/*
 * The device of an interface that was removed has to wait for that. A driver that
 * comes then finds it, but it carries nothing.
 */
static bool test_interface_goes(void)
{
	struct vcpu v = { .for_ns = 1500 * MS, .pause_us = 500 };
	pthread_t vcpu_thread, rest_thread;
	void *complaint;
	bool ok;

	start(RG_FEATURES);
	if (pthread_create(&vcpu_thread, NULL, vcpu_fn, &v) ||
	    pthread_create(&rest_thread, NULL, rest_in_vain, NULL))
		rg_die("no thread");
	usleep(20000);
	rg_shell("ip link del tap1");
	other.used = 0;
	rg_negotiate(&far, RG_BIT(VIRTIO_F_VERSION_1));
	rg_queue_setup(&far, RG_RX, RG_NUM);
	rg_queue_setup(&far, RG_TX, RG_NUM);
	rg_driver_ok(&far);
	rg_tx_add(&far, rg_alloc(&other, far.hdr_len + FRAME_LEN, 8), FRAME_LEN, 0);
	rg_kick(&far.vq[RG_TX]);
	usleep(20000);
	ok = ktap_expect_eq(rg_used_idx(&far.vq[RG_TX]), 0) &&
	     ktap_expect(!access(far.dir, F_OK));
	pthread_join(rest_thread, &complaint);
	pthread_join(vcpu_thread, NULL);
	ok &= ktap_expect(!complaint);
	ok &= ktap_expect(ktap_wait_for(RG_LONG, access(far.dir, F_OK)));
	return ok & ktap_expect(rg_works(d));
}

static const struct ktap_test tests[] = {
	{ "frames wait until the release: event index", test_event },
	{ "frames wait until the release: flags", test_flag },
	{ "twice is as good as once", test_again },
	{ "other words are refused", test_words },
	{ "a zone without a driver", test_no_driver },
	{ "a new driver begins anew", test_new_driver },
	{ "a queue changes meanwhile", test_change },
	{ "another zone goes on", test_other_zone },
	{ "a zone that does not fall silent goes on", test_busy },
	{ "silence is waited for", test_silence },
	{ "acknowledgments are waited for", test_acknowledged },
	{ "the end of a handler is given time", test_handler },
	{ "not for ever: the guest may be dead", test_dead },
	{ "the zone is removed while its file is written", test_zone_goes },
	{ "its interface is removed, and a driver comes", test_interface_goes },
	{ "the device is removed while it rests", test_device_goes },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x40000, 0x40000000);
	rg_zone_add(&other, 2, 0x200000, 0x40000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&far, &other, RG_ADDR, RG_IRQ, "tap1", "");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
