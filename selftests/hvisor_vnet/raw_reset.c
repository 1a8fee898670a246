// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest takes its memory back while root keeps sending: by a reset, by
 * disabling queues, by removal of the device.  From the answer on nothing is
 * written there any more, and a new driver starts as if nothing had been.
 *
 * After each answer all of the guest's RAM is filled with a pattern, root sends
 * a while, and the pattern must be whole.
 */
#include "rawguest.h"

#include <pthread.h>

#define CYCLES		100
#define ZONE_SIZE	0x20000
#define BUFFER		1600
#define SENT_MEANWHILE	20

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *was;

static u32 sent;	/* frames root has sent; the other thread's */
static bool done;

/* Root: sends and sends. What cannot be sent now is not sent. */
static void *root(void *unused)
{
	u8 frame[RG_FRAME_MAX];

	(void)unused;
	rg_pin(0);
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		rg_frame(frame, sizeof(frame), sent);
		if (!rg_root_send(d, frame, sizeof(frame)))
			usleep(100);
		__atomic_fetch_add(&sent, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static u32 sent_now(void)
{
	return __atomic_load_n(&sent, __ATOMIC_RELAXED);
}

static void fill_rx(void)
{
	struct rg_vq *q = &d->vq[RG_RX];

	while (q->n_free) {
		struct rg_piece piece = RG_IN(rg_alloc(&zone, BUFFER, 8), BUFFER);

		rg_add(q, &piece, 1);
	}
	rg_kick(q);
}

static void fill_tx(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	u8 *buf = rg_alloc(&zone, 128, 8);
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + 60);

	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, 60, 1);
	while (q->n_free)
		rg_add(q, &piece, 1);
	rg_kick(q);
}

static void start(u64 features)
{
	zone.used = 0;
	rg_negotiate(d, features);
	rg_queue_setup(d, RG_RX, 32);
	rg_queue_setup(d, RG_TX, 32);
	fill_rx();
	rg_driver_ok(d);
	fill_tx();
}

/* Frames are on their way, more or fewer of them. */
static bool traffic(unsigned int n)
{
	return ktap_expect(ktap_wait_for(RG_LONG,
					 rg_used_idx(&d->vq[RG_RX]) >= n));
}

/* Nobody writes to the guest's RAM any more. */
static bool left_alone(void)
{
	u32 from;

	memcpy(zone.ram, was, ZONE_SIZE);
	from = sent_now();
	if (!ktap_expect(ktap_wait_for(RG_LONG, sent_now() - from >
				       SENT_MEANWHILE)))
		return false;
	return ktap_expect(!memcmp(zone.ram, was, ZONE_SIZE));
}

static bool test_reset(void)
{
	unsigned int i;

	for (i = 0; i < CYCLES; i++) {
		start(i % 2 ? RG_FEATURES : RG_BIT(VIRTIO_F_VERSION_1));
		if (!traffic(i % 32))
			break;
		rg_set(d, VIRTIO_MMIO_STATUS, 0);
		if (!left_alone() ||
		    !ktap_expect_eq(rg_get(d, VIRTIO_MMIO_STATUS), 0) ||
		    !ktap_expect_eq(rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0))
			break;
		/* An interrupt that was on its way may be taken, no other. */
		rg_irqs(d, 0);
		if (!ktap_expect_eq(rg_irqs(d, 1), 0))
			break;
	}
	if (i < CYCLES)
		ktap_diag("cycle %u", i);
	return i == CYCLES;
}

/* A driver that gives up, by FAILED. */
static bool test_failed(void)
{
	start(RG_FEATURES);
	if (!traffic(5))
		return false;
	rg_set(d, VIRTIO_MMIO_STATUS, rg_get(d, VIRTIO_MMIO_STATUS) |
	       VIRTIO_CONFIG_S_FAILED);
	return left_alone();
}

static void ready(unsigned int queue, u32 value)
{
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, value);
}

/* All that was sent has been taken. */
static bool tx_drained(void)
{
	struct rg_vq *tx = &d->vq[RG_TX];
	struct vring_used_elem elem;

	while (tx->n_free < tx->num)
		if (!ktap_expect(rg_wait_used(tx, &elem)))
			return false;
	return true;
}

/* One queue after the other; the first one's end is not the other's. */
static bool test_queue_ready(void)
{
	unsigned int i;
	u64 frames;

	for (i = 0; i < CYCLES / 10; i++) {
		frames = rg_counter(d, "tx_frames");
		start(RG_FEATURES);
		/* The transmit queue has work in some cycles, in others none. */
		if (!traffic(i) || (i % 2 && !tx_drained()))
			break;
		ready(RG_RX, 0);
		/* It goes on where it was. */
		if (!tx_drained() ||
		    !ktap_expect_eq(rg_used_idx(&d->vq[RG_TX]), 32))
			break;
		fill_tx();
		if (!tx_drained() ||
		    !ktap_expect_eq(rg_counter(d, "tx_frames") - frames, 64))
			break;
		ready(RG_TX, 0);
		if (!left_alone())
			break;
	}
	if (i < CYCLES / 10)
		ktap_diag("cycle %u", i);
	return i == CYCLES / 10;
}

/* A queue comes back while the device runs, empty and from the start. */
static bool test_queue_again(void)
{
	unsigned int i;

	start(RG_FEATURES);
	for (i = 0; i < CYCLES / 10; i++) {
		if (!traffic(i % 16))
			return false;
		ready(RG_RX, 0);
		zone.used = 0;
		rg_queue_alloc(d, RG_TX, 32);
		d->vq[RG_TX].avail_idx = 0;
		ready(RG_TX, 0);
		rg_queue_setup(d, RG_RX, 32);
		rg_queue_setup(d, RG_TX, 32);
		fill_rx();
		rg_notify(&d->vq[RG_RX]);
	}
	return traffic(16);
}

static bool works(void)
{
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	usleep(1000);
	rg_forsake(d);
	rg_start(d, RG_FEATURES);
	return rg_works(d);
}

static bool test_removal(void)
{
	struct rg_dev gone;
	unsigned int i;
	pthread_t thread;
	bool ok = true;

	for (i = 0; ok && i < 5; i++) {
		done = false;
		if (pthread_create(&thread, NULL, root, NULL))
			rg_die("no thread");
		start(RG_FEATURES);
		ok = traffic(i * 7);
		gone = *d;
		ok = ok && !rg_bus("del_device", "%s\n", strrchr(d->dir, '/') + 1);
		memcpy(zone.ram, was, ZONE_SIZE);
		__atomic_store_n(&done, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		usleep(2000);
		ok = ok && ktap_expect(!memcmp(zone.ram, was, ZONE_SIZE));
		ok = ok && ktap_expect_eq(rg_get(d, VIRTIO_MMIO_MAGIC_VALUE), 0);
		close(gone.sock);
		rg_irq_disconnect(&gone);
		close(gone.event);
		rg_dev_add_in(d, &zone, gone.fd, RG_ADDR, RG_IRQ, "tap0", "");
	}
	return ok && works();
}

int main(void)
{
	pthread_t thread;

	rg_setup();
	ktap_plan(6);
	rg_zone_add(&zone, 1, 0x100000, ZONE_SIZE, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	was = malloc(ZONE_SIZE);
	if (!was)
		rg_die("out of memory");
	rg_pattern(was, ZONE_SIZE, 1);
	if (pthread_create(&thread, NULL, root, NULL))
		rg_die("no thread");
	ktap_point(test_reset(), "reset under traffic");
	ktap_point(test_failed(), "FAILED under traffic");
	ktap_point(test_queue_ready(), "queues disabled under traffic");
	ktap_point(test_queue_again(), "queues made anew under traffic");
	ktap_point(works(), "after that all works");
	pthread_join(thread, NULL);
	ktap_point(test_removal(), "removal under traffic");
	return ktap_finish();
}
