// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device whose guest broke a queue is given up, whichever queue it was: no
 * frame crosses any more, no byte of its guest's RAM changes, root's interface
 * has no carrier and holds nothing.  It is counted once and said once; a guest
 * that does it again and again neither fills root's log nor hides what another
 * guest does.  Another zone's device goes on, and a reset brings this one back.
 *
 * rig: icount
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <fcntl.h>

#define ZONE_SIZE	0x80000
#define AGAIN		60	/* times that the device is broken in a row */
#define SAID_MAX	20	/* lines: 10 in 5 s, and it may take longer */

static struct rg_zone zone[2];
static struct rg_dev dev[2], *d = &dev[0], *other = &dev[1];
static u8 copy[ZONE_SIZE];
static u8 *buf;
static int kmsg;

static const char * const queues[] = {
	"receive queue", "transmit queue", "control queue",
};

static void start(void)
{
	rg_start(d, RG_FEATURES | RG_CONTROL);
	buf = rg_alloc(&zone[0], 0x4000, 4096);
}

/* A head that does not exist; root's frame makes the device look at buffers. */
static void break_queue(unsigned int index)
{
	struct rg_vq *q = &d->vq[index];
	u8 frame[60];

	q->avail->ring[q->avail_idx++ % q->num] = q->num;
	rg_publish(q);
	rg_notify(q);
	rg_frame(frame, sizeof(frame), 1);
	if (index == RG_RX)
		rg_root_send(d, frame, sizeof(frame));
}

static bool given_up(void)
{
	return ktap_wait_for(RG_LONG, rg_state(d, "status") &
			     VIRTIO_CONFIG_S_NEEDS_RESET);
}

static bool has_carrier(const struct rg_dev *of)
{
	char file[32];

	snprintf(file, sizeof(file), "net/%s/carrier", of->name);
	return rg_state(of, file);
}

/* Lines since the last call that say so of a device, and of this queue. */
static unsigned int said(const struct rg_dev *of, const char *queue)
{
	const char *name = strrchr(of->dir, '/') + 1;
	char line[1024];
	unsigned int n = 0;
	ssize_t len;

	for (;;) {
		len = read(kmsg, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len <= 0)
			return n;
		line[len] = '\0';
		n += strstr(line, name) && strstr(line, queue) &&
		     strstr(line, "stopped until the guest resets it");
	}
}

static void say_nothing(void)
{
	lseek(kmsg, 0, SEEK_END);
}

/* Queue a good chain on each, as if nothing had happened. */
static void go_on(void)
{
	struct rg_piece in = RG_IN(buf, 2048), out = RG_OUT(buf + 4096, 72);
	unsigned int i;

	memset(buf + 4096, 0, 12);
	rg_frame(buf + 4096 + 12, 60, 2);
	rg_add(&d->vq[RG_RX], &in, 1);
	rg_add(&d->vq[RG_TX], &out, 1);
	rg_add(&d->vq[RG_CTRL], &out, 1);
	for (i = 0; i <= RG_CTRL; i++)
		rg_publish(&d->vq[i]);
}

static bool nothing_crosses(void)
{
	u64 in = rg_counter(d, "rx_frames"), out = rg_counter(d, "tx_frames");
	u8 frame[60], got[64];
	unsigned int i;

	rg_frame(frame, sizeof(frame), 3);
	for (i = 0; i < 20; i++) {
		rg_notify(&d->vq[i % (RG_CTRL + 1)]);
		rg_root_send(d, frame, sizeof(frame));
	}
	/* What could still be on its way would have come by then. */
	return ktap_expect(rg_root_recv(d, got, sizeof(got), 50) < 0) &&
	       ktap_expect_eq(rg_counter(d, "rx_frames"), in) &&
	       ktap_expect_eq(rg_counter(d, "tx_frames"), out) &&
	       ktap_expect(!memcmp(copy, zone[0].ram, ZONE_SIZE));
}

/*
 * Root's stack lets go of what it held when it sees that there is no carrier. It
 * looks once a second; asking all the time would only take longer, in this VM.
 */
static bool let_go(void)
{
	usleep(1000000);
	return ktap_expect(rg_link_wait(d, false));
}

static bool test_queue(unsigned int index)
{
	struct rg_piece in;
	u64 broken;
	bool ok;

	start();
	broken = rg_counter(d, "broken");
	say_nothing();
	/* A buffer that may be used until then, and must not be after it. */
	in = RG_IN(buf + 8192, 2048);
	if (index != RG_RX)
		rg_add(&d->vq[RG_RX], &in, 1);
	rg_kick(&d->vq[RG_RX]);
	break_queue(index);
	ok = ktap_expect(given_up()) &&
	     ktap_expect(ktap_wait_for(RG_LONG, !has_carrier(d)));
	go_on();
	memcpy(copy, zone[0].ram, ZONE_SIZE);
	ok = ok && nothing_crosses() &&
	     ktap_expect_eq(rg_counter(d, "broken"), broken + 1) &&
	     ktap_expect_eq(said(d, queues[index]), 1) &&
	     ktap_expect(rg_works(other)) && let_go();
	start();
	return ok && ktap_expect(has_carrier(d)) && ktap_expect(rg_works(d)) &&
	       ktap_expect_eq(rg_counter(d, "broken"), broken + 1);
}

/*
 * The guest is told until it acknowledges, and also when its device rests. By the
 * time that this shows, in the carrier, most of the repetitions may be over.
 */
static bool test_told_again(void)
{
	unsigned int i;
	bool ok;

	start();
	while (rg_irqs(d, 5) || rg_ack(d))
		;
	rg_irq_disconnect(d);
	break_queue(RG_TX);
	ok = ktap_expect(given_up());
	rg_irq_connect(d, 0);
	for (i = 0; ok && i < 2; i++)
		ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG, !has_carrier(d)));
	rg_irqs(d, 0);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok && ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_CONFIG);
}

static bool test_again_and_again(void)
{
	u64 broken = rg_counter(d, "broken");
	unsigned int i, n;
	bool ok = true;

	/* Both have said nothing for as long as is looked back. */
	usleep(5500000);
	rg_start(other, RG_FEATURES);
	say_nothing();
	for (i = 0; ok && i < AGAIN; i++) {
		rg_negotiate(d, RG_FEATURES);
		/* Queues that are nowhere. */
		rg_set(d, VIRTIO_MMIO_QUEUE_NUM, RG_NUM);
		rg_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
		rg_driver_ok(d);
		ok = ktap_expect(given_up());
	}
	n = said(d, "any queue");
	ktap_diag("%u lines for %u times", n, AGAIN);
	ok = ok && ktap_expect(n > 0 && n <= SAID_MAX) &&
	     ktap_expect_eq(rg_counter(d, "broken"), broken + AGAIN);
	rg_set(other, VIRTIO_MMIO_QUEUE_SEL, RG_RX);
	rg_negotiate(other, RG_FEATURES);
	rg_set(other, VIRTIO_MMIO_QUEUE_NUM, RG_NUM);
	rg_set(other, VIRTIO_MMIO_QUEUE_READY, 1);
	rg_driver_ok(other);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG,
					     said(other, "any queue") == 1));
	rg_start(other, RG_FEATURES);
	start();
	return ok && ktap_expect(rg_works(d) && rg_works(other));
}

/* Removed, or its zone's RAM taken away, in the very moment. */
static bool test_removed(void)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		start();
		break_queue(i % (RG_CTRL + 1));
		rg_dev_del(d);
		rg_dev_add_in(d, &zone[0], d->fd, RG_ADDR, RG_IRQ, "tap0", "");
	}
	start();
	return ktap_expect(rg_works(d) && rg_works(other));
}

int main(void)
{
	unsigned int i;

	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(queues) + 3);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		rg_die("/dev/kmsg: %s", strerror(errno));
	rg_zone_add(&zone[0], 1, 0x100000, ZONE_SIZE, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, ZONE_SIZE, 0x40000000);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(other, &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	rg_start(other, RG_FEATURES);
	for (i = 0; i < RG_ARRAY_SIZE(queues); i++)
		ktap_point(test_queue(i), "%s", queues[i]);
	ktap_point(test_told_again(), "told until it acknowledges");
	ktap_point(test_again_and_again(), "again and again");
	ktap_point(test_removed(), "removed meanwhile");
	return ktap_finish();
}
