// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's interrupt: it comes with every used entry that wants one, says in
 * InterruptStatus what it is about, and comes again if the hypervisor lost it
 * because the guest was still busy with the last one (I1).  And there are at
 * most seven of them in a zone, for more than that make hvisor panic (I2).
 */
#include "rawguest.h"

#include <sys/ioctl.h>

#define FRAMES		100
#define RETRIES_MS	210	/* 100 us doubling up to 100 ms, in all */

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

static void settle(void)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

static int add_frame(u8 *buf, u32 seq)
{
	int head = rg_tx_add(d, buf, 60, seq);

	rg_kick(&d->vq[RG_TX]);
	return head;
}

static int add_buffer(u8 *buf)
{
	struct rg_piece piece = RG_IN(buf, 1600);
	int head = rg_add(&d->vq[RG_RX], &piece, 1);

	rg_kick(&d->vq[RG_RX]);
	return head;
}

/*
 * Nothing is under way: the next interrupt is the one for the next entry, says
 * so, and the entry is there.
 */
static bool one_frame(unsigned int queue, u8 *buf, u32 seq)
{
	struct vring_used_elem elem;
	u8 frame[60];

	settle();
	rg_frame(frame, sizeof(frame), seq);
	if (queue == RG_TX)
		add_frame(buf, seq);
	else
		add_buffer(buf);
	if (queue == RG_RX && !ktap_expect(rg_root_send(d, frame, 60)))
		return false;
	return ktap_expect(rg_irqs(d, RG_LONG) > 0) &&
	       ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING) &&
	       ktap_expect(rg_used(&d->vq[queue], &elem)) &&
	       (queue == RG_TX || rg_frame_ok(buf + d->hdr_len, 60, 60, seq));
}

static bool test_each(u64 features, unsigned int queue)
{
	u8 *buf;
	u32 i;

	rg_start(d, features);
	buf = rg_alloc(&zone, 2048, 8);
	for (i = 0; i < FRAMES; i++) {
		if (!one_frame(queue, buf, i)) {
			ktap_diag("frame %u", i);
			return false;
		}
	}
	rg_root_flush(d);
	return ktap_expect(rg_works(d));
}

static void reconnect(u32 flags)
{
	rg_irq_disconnect(d);
	rg_irq_connect(d, flags);
}

static bool eoi(void)
{
	return !ioctl(d->fd, HVSIM_RAW_EOI, &d->irq);
}

/*
 * The line is active, the guest has acknowledged but not ended the interrupt,
 * when the next frame comes: its injection is dropped.
 */
static bool test_lost(unsigned int queue, unsigned int hold_us)
{
	u64 dropped, again, stalls = rg_counter(d, "stalls");
	struct rg_vq *q = &d->vq[queue];
	struct vring_used_elem elem;
	unsigned long long at;
	u8 frame[60];
	bool ok;
	u8 *buf;

	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 4096, 8);
	settle();
	reconnect(HVSIM_IRQ_MANUAL_EOI);
	rg_frame(frame, sizeof(frame), 1);
	if (queue == RG_RX) {
		add_buffer(buf);
		add_buffer(buf + 2048);
		ok = rg_root_send(d, frame, sizeof(frame));
	} else {
		ok = add_frame(buf, 1) >= 0;
	}
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_ack(d);
	ok = ok && ktap_expect(rg_used(q, &elem));
	dropped = rg_sim_counter("injections_dropped");
	again = rg_counter(d, "reinjections");
	if (queue == RG_RX)
		ok = ok && rg_root_send(d, frame, sizeof(frame));
	else
		add_frame(buf + 2048, 2);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG,
					     rg_sim_counter("injections_dropped") >
					     dropped));
	usleep(hold_us);
	ok = ok && ktap_expect_eq(rg_irqs(d, 0), 0);
	ok = ok && ktap_expect(eoi());
	at = ktap_now_ns();
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	at = ktap_now_ns() - at;
	ktap_diag("held for %u us after the loss; back %llu us after the EOI",
		  hold_us, at / 1000);
	ok = ok && ktap_expect(rg_ack(d) & VIRTIO_MMIO_INT_VRING) &&
	     ktap_expect(rg_used(q, &elem)) &&
	     ktap_expect(rg_counter(d, "reinjections") > again) &&
	     ktap_expect_eq(rg_counter(d, "stalls"), stalls);
	eoi();
	reconnect(0);
	rg_root_flush(d);
	return ok && ktap_expect(rg_works(d));
}

/* Held for longer than anyone retries: the next frame gets through again. */
static bool test_lost_for_good(void)
{
	struct vring_used_elem elem;
	u64 stalls;
	bool ok;
	u8 *buf;

	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 4096, 8);
	settle();
	stalls = rg_counter(d, "stalls");
	reconnect(HVSIM_IRQ_MANUAL_EOI);
	add_frame(buf, 1);
	ok = ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_ack(d);
	ok = ok && ktap_expect(rg_used(&d->vq[RG_TX], &elem));
	add_frame(buf, 2);
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
					     stalls + 1));
	ok = ok && ktap_expect_eq(rg_irqs(d, RETRIES_MS / 2), 0);
	ok = ok && ktap_expect(eoi()) && ktap_expect_eq(rg_irqs(d, 120), 0);
	ok = ok && ktap_expect(rg_used(&d->vq[RG_TX], &elem));
	add_frame(buf, 3);
	ok = ok && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	ok = ok && ktap_expect(rg_ack(d) & VIRTIO_MMIO_INT_VRING);
	ok = ok && ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
	eoi();
	reconnect(0);
	rg_root_flush(d);
	return ok && ktap_expect(rg_works(d));
}

/* Interrupts beyond seven, and twice the same, are refused. */
static bool test_limit(void)
{
	bool ok = true;
	int i;

	ok &= ktap_expect_eq(-rg_bus("new_device",
				     "zone=1 addr=0xa004000 irq=%u\n", RG_IRQ),
			     EBUSY);
	for (i = 1; i < 7; i++)
		ok &= ktap_expect_eq(-rg_bus("new_device",
					     "zone=1 addr=%#x irq=%u\n",
					     0xa004000 + i * 0x200, RG_IRQ + i),
				     0);
	ok &= ktap_expect_eq(-rg_bus("new_device",
				     "zone=1 addr=0xa006000 irq=%u\n",
				     RG_IRQ + 7), ENOSPC);
	/* The limit is a zone's, and one that goes makes room. */
	ok &= ktap_expect_eq(-rg_bus("del_device", "zone1-a004200\n"), 0);
	ok &= ktap_expect_eq(-rg_bus("new_device",
				     "zone=1 addr=0xa006000 irq=%u\n",
				     RG_IRQ + 7), 0);
	ok &= ktap_expect_eq(-rg_bus("del_device", "zone1-a006000\n"), 0);
	for (i = 2; i < 7; i++)
		ok &= ktap_expect_eq(-rg_bus("del_device", "zone1-%x\n",
					     0xa004000 + i * 0x200), 0);
	rg_start(d, RG_FEATURES);
	return ok && ktap_expect(rg_works(d));
}

int main(void)
{
	rg_setup();
	ktap_plan(9);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_each(RG_FEATURES, RG_TX),
		   "one for each frame sent, event index");
	ktap_point(test_each(RG_FEATURES, RG_RX),
		   "one for each frame received, event index");
	ktap_point(test_each(RG_BIT(VIRTIO_F_VERSION_1), RG_TX),
		   "one for each frame sent, flags");
	ktap_point(test_each(RG_BIT(VIRTIO_F_VERSION_1), RG_RX),
		   "one for each frame received, flags");
	ktap_point(test_lost(RG_TX, 300), "lost before its EOI, transmit");
	ktap_point(test_lost(RG_RX, 300), "lost before its EOI, receive");
	ktap_timed_point(test_lost(RG_RX, 20000), "lost before a late EOI");
	ktap_timed_point(test_lost_for_good(),
			 "lost for good, until there is news");
	ktap_point(test_limit(), "seven interrupts in a zone");
	return ktap_finish();
}
