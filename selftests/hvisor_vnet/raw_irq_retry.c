// SPDX-License-Identifier: GPL-2.0-only
/*
 * When an interrupt is repeated, and when not: what is not acknowledged comes
 * again, less and less often, unless the guest has seen it all; news does not
 * wait for that; a guest that takes its time is given it; and a device that is
 * not used any more says nothing.  In virtual time, so that it is known which
 * of two things came first.
 *
 * rig: smp=3 icount=must timeout=60
 */
#include "rawguest.h"

#include <pthread.h>
#include <sys/ioctl.h>

#define RESETS		20

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;

static void settle(void)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

static void start(u32 irq_flags)
{
	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 2048, 8);
	settle();
	rg_irq_disconnect(d);
	rg_irq_connect(d, irq_flags);
	/* Where the guest looks is up to each test, not to rg_used(). */
	d->vq[RG_TX].want_irq = false;
}

static void send_frame(u32 seq)
{
	rg_tx_add(d, buf, 60, seq);
	rg_kick(&d->vq[RG_TX]);
}

/* A frame is given back, and the guest never looks at that. */
static bool send_and_ignore(u32 seq)
{
	struct vring_used_elem elem;
	struct rg_vq *q = &d->vq[RG_TX];

	q->avail->ring[q->num] = q->last_used;
	send_frame(seq);
	return ktap_expect(rg_wait_used(q, &elem));
}

/* No more retries, and none under way. */
static bool given_up(u64 stalls)
{
	bool ok = ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
						     stalls + 1));

	while (rg_irqs(d, 2))
		;
	return ok;
}

static bool eoi(void)
{
	return ktap_expect(!ioctl(d->fd, HVSIM_RAW_EOI, &d->irq));
}

/* One bit is acknowledged, the other is still news. */
static bool test_partly_acknowledged(void)
{
	u64 stalls = rg_counter(d, "stalls");
	bool ok;

	start(0);
	ok = send_and_ignore(1);
	rg_link_set(d, false);
	rg_link_set(d, true);
	ok = ok && given_up(stalls) &&
	     ktap_expect_eq(rg_state(d, "interrupt_status"),
			    VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	rg_set(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok && ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
}

/* What is left goes out while the last is active, and so in vain. */
static bool test_partly_and_lost(void)
{
	u64 stalls = rg_counter(d, "stalls"), dropped;
	bool ok;

	start(HVSIM_IRQ_MANUAL_EOI);
	ok = send_and_ignore(1);
	rg_link_set(d, false);
	rg_link_set(d, true);
	ok = ok && given_up(stalls);
	dropped = rg_sim_counter("injections_dropped");
	rg_set(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG,
					     rg_sim_counter("injections_dropped") >
					     dropped));
	ok = ok && eoi() && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok && ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING) && eoi();
}

/* The data path is stopped for a moment, to disable the other queue. */
static bool test_stopped_for_a_moment(void)
{
	u64 stalls = rg_counter(d, "stalls");
	bool ok;

	start(0);
	ok = send_and_ignore(1) && given_up(stalls);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_RX);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, 0);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok && ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
}

/* Seen without an acknowledgment, as by a guest that polls. */
static bool test_seen(void)
{
	u64 stalls = rg_counter(d, "stalls"), count;
	bool ok;

	start(0);
	ok = send_and_ignore(1) && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_irq_on(&d->vq[RG_TX]);
	/* One may be under way. */
	usleep(2000);
	count = rg_counter(d, "injections");
	usleep(300000);
	ok = ok && ktap_expect_eq(rg_counter(d, "injections"), count);
	ok = ok && ktap_expect_eq(rg_counter(d, "stalls"), stalls);
	rg_ack(d);
	return ok;
}

/* A frame that comes while its line is active, and so in vain. */
static bool lose_one(u64 *again)
{
	struct vring_used_elem elem;
	bool ok;

	start(HVSIM_IRQ_MANUAL_EOI);
	rg_irq_on(&d->vq[RG_TX]);
	d->vq[RG_TX].want_irq = false;
	send_frame(1);
	ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_ack(d);
	ok = ok && ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
	*again = rg_counter(d, "reinjections");
	return ok && send_and_ignore(2);
}

/* The next retry is 25 ms away, or more, when the next frame comes. */
static bool test_news(void)
{
	unsigned long long at;
	u64 again;
	bool ok;

	ok = lose_one(&again);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG,
					     rg_counter(d, "reinjections") >=
					     again + 8));
	/* Past the time in which a retry serves for news as well. */
	usleep(1000);
	ok = ok && ktap_expect_eq(rg_irqs(d, 0), 0) && eoi();
	at = ktap_now_ns();
	ok = ok && send_and_ignore(3);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	ok = ok && ktap_expect(ktap_now_ns() - at < 10 * 1000000);
	rg_ack(d);
	return eoi() && ok;
}

/* Given up; what is lost then is tried as often as ever. */
static bool test_afresh(void)
{
	u64 stalls = rg_counter(d, "stalls"), again;
	bool ok;

	ok = lose_one(&again) && given_up(stalls);
	again = rg_counter(d, "reinjections");
	ok = ok && send_and_ignore(3);
	ok = ok && ktap_expect(ktap_wait_for(50, rg_counter(d, "reinjections") >=
						 again + 3));
	ok = ok && ktap_expect_eq(rg_irqs(d, 0), 0) && eoi();
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_ack(d);
	return eoi() && ok;
}

/* Given up; the guest, which knows of nothing, does not ask for the next one. */
static bool test_not_asked_for(void)
{
	u64 stalls = rg_counter(d, "stalls"), again;
	bool ok;

	ok = lose_one(&again) && given_up(stalls) && eoi();
	ok = ok && ktap_expect_eq(rg_irqs(d, 0), 0);
	send_frame(3);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	ok = ok && ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
	return eoi() && ok;
}

/* Patience: how long an injection may take before it is repeated. */

/* Acknowledge an interrupt @us after it came. */
static bool take_irq(unsigned int us)
{
	bool ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	u64 at = ktap_now_ns();

	while (ktap_now_ns() - at < us * 1000ull)
		;
	return ok & ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
}

/* A guest that is well takes @us for an interrupt; it is still active then. */
static bool take_frame(unsigned int us)
{
	struct rg_vq *q = &d->vq[RG_TX];
	struct vring_used_elem elem;
	bool ok;

	q->avail->ring[q->num] = q->last_used;
	send_frame(1);
	ok = take_irq(us);
	return ok & ktap_expect(rg_wait_used(q, &elem));
}

static bool take_frames(unsigned int n, unsigned int us)
{
	bool ok = true;

	while (n--)
		ok = ok && take_frame(us) && eoi();
	return ok;
}

/*
 * Lose an interrupt, whose line is still active, @n times; @us is when it was
 * repeated first. The line is active again afterwards.
 */
static bool lose_frame(unsigned int n, u64 *us)
{
	u64 again = rg_counter(d, "reinjections"), at = ktap_now_ns();
	bool ok = send_and_ignore(1);

	while (rg_counter(d, "reinjections") == again &&
	       ktap_now_ns() - at < 50000000)
		;
	*us = (ktap_now_ns() - at) / 1000;
	while (rg_counter(d, "reinjections") - again < n &&
	       ktap_now_ns() - at < 50000000)
		;
	return ok && ktap_expect_eq(rg_irqs(d, 0), 0) && eoi() &&
	       take_irq(0);
}

static bool first_repeated_between(u64 from_us, u64 to_us, unsigned int n)
{
	bool ok;
	u64 us;

	ok = lose_frame(n, &us);
	ktap_diag("repeated after %llu us", (unsigned long long)us);
	return ok & ktap_expect(us >= from_us && us < to_us);
}

/* What it takes is learnt, after a few repetitions in vain. */
static bool test_slow_guest(void)
{
	u64 again;
	bool ok;

	start(HVSIM_IRQ_MANUAL_EOI);
	ok = take_frames(3, 0) && take_frames(2, 1300);
	again = rg_counter(d, "reinjections");
	ok = ok && take_frames(5, 1300);
	return ok && ktap_expect_eq(rg_counter(d, "reinjections"), again);
}

static bool test_slow_bound(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(3, 1300) && take_frame(1300) &&
	       first_repeated_between(1900, 3000, 1) && eoi();
}

static bool test_fast_again(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(3, 1300) && take_frames(1, 0) && take_frame(0) &&
	       first_repeated_between(95, 400, 1) && eoi();
}

static bool test_lost_is_not_slow(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(2, 0) && take_frame(0) &&
	       first_repeated_between(95, 400, 4) &&
	       first_repeated_between(95, 400, 1) && eoi();
}

static bool test_slow_is_remembered(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(4, 350) && take_frame(350) &&
	       first_repeated_between(1200, 3000, 2) &&
	       first_repeated_between(1200, 3000, 1) && eoi();
}

/*
 * How long after an acknowledgment is a guest told of a frame for it, one that
 * @sends something first, or does not?
 */
static bool told_between(bool sends, u64 from_us, u64 to_us)
{
	struct rg_piece room = RG_IN(buf + 1024, 1024);
	struct rg_vq *rx = &d->vq[RG_RX], *tx = &d->vq[RG_TX];
	struct vring_used_elem elem;
	u8 frame[60];
	u64 at, us;
	bool ok;

	rg_frame(frame, sizeof(frame), 1);
	rg_add(rx, &room, 1);
	rg_irq_on(rx);
	rg_kick(rx);
	at = ktap_now_ns();
	if (sends) {
		send_frame(1);
		while (!rg_used(tx, &elem))
			rg_relax();
	}
	ok = ktap_expect(rg_root_send(d, frame, sizeof(frame))) &&
	     ktap_expect(rg_irqs(d, RG_LONG) > 0);
	us = (ktap_now_ns() - at) / 1000;
	ktap_diag("told after %llu us", (unsigned long long)us);
	ok &= ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
	return ok & ktap_expect(rg_wait_used(rx, &elem)) & eoi() &
	       ktap_expect(us >= from_us && us < to_us);
}

static bool test_told_soon(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(3, 0) && told_between(false, 0, 150);
}

static bool test_time_between(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(5, 400) && told_between(false, 700, 1000);
}

static bool test_heard_of(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(5, 400) && told_between(true, 0, 250);
}

static bool test_time_bound(void)
{
	start(HVSIM_IRQ_MANUAL_EOI);
	return take_frames(7, 1300) && told_between(false, 950, 1200);
}

static bool silence(void)
{
	u64 injections = rg_sim_counter("injections");

	usleep(300000);
	return ktap_expect_eq(rg_sim_counter("injections"), injections);
}

/* With news that nobody acknowledged the driver gives up. */
static bool test_failed(void)
{
	bool ok;

	start(0);
	rg_link_set(d, false);
	rg_link_set(d, true);
	ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_set(d, VIRTIO_MMIO_STATUS, rg_get(d, VIRTIO_MMIO_STATUS) |
	       VIRTIO_CONFIG_S_FAILED);
	return silence() && ok && ktap_expect(rg_link_wait(d, false));
}

static bool test_removed(void)
{
	bool ok;

	start(0);
	ok = send_and_ignore(1) && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_dev_del(d);
	return silence() && ok;
}

/* Root takes its interface down and up, which is news each time. */
static void *flap(void *stop)
{
	bool up = true;

	rg_pin(2);
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED) || !up)
		rg_link_set(d, up = !up);
	return NULL;
}

/*
 * The device is reset when there is news, of which the guest has been told or is
 * being told: after that it is not.
 */
static bool test_reset(void)
{
	bool ok = true, stop = false;
	pthread_t thread;
	unsigned int i;
	u64 injections;

	if (pthread_create(&thread, NULL, flap, &stop))
		rg_die("no thread");
	for (i = 0; ok && i < RESETS; i++) {
		rg_negotiate(d, RG_FEATURES);
		rg_driver_ok(d);
		ok = ktap_expect(ktap_wait_for(RG_LONG, rg_ack(d) &
					       VIRTIO_MMIO_INT_CONFIG));
		rg_set(d, VIRTIO_MMIO_STATUS, 0);
		injections = rg_sim_counter("injections");
		usleep(2000);
		ok &= ktap_expect_eq(rg_sim_counter("injections"), injections);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return ok;
}

static const struct ktap_test tests[] = {
	{ "acknowledged in part", test_partly_acknowledged },
	{ "the rest is lost, and repeated", test_partly_and_lost },
	{ "the data path stops for a moment", test_stopped_for_a_moment },
	{ "seen, but not acknowledged", test_seen },
	{ "after giving up, the retries start afresh", test_afresh },
	{ "also with news that the guest did not ask for", test_not_asked_for },
};

static const struct ktap_test timed_tests[] = {
	{ "news does not wait for the next retry", test_news },
	{ "a guest that becomes slow is given time", test_slow_guest },
	{ "but not for ever", test_slow_bound },
	{ "when it is fast again, it is given less", test_fast_again },
	{ "an interrupt lost is not taken for a slow guest", test_lost_is_not_slow },
	{ "nor does it make a slow one fast", test_slow_is_remembered },
	{ "a fast guest is soon told again", test_told_soon },
	{ "a slow one gets time between interrupts", test_time_between },
	{ "until it sends something", test_heard_of },
	{ "but not for ever", test_time_bound },
};

static const struct ktap_test last_tests[] = {
	{ "the driver gives up", test_failed },
	{ "the driver resets it", test_reset },
	{ "the device is removed", test_removed },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests) + RG_ARRAY_SIZE(timed_tests) +
		  RG_ARRAY_SIZE(last_tests));
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	ktap_run_timed(timed_tests, RG_ARRAY_SIZE(timed_tests));
	ktap_run(last_tests, RG_ARRAY_SIZE(last_tests));
	return ktap_finish();
}
