// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that answers each interrupt at once, on a fast machine, makes more
 * requests than a zone's budget has, and is not slowed down for it; one that makes
 * as many for nothing is.
 *
 * One CPU in virtual time: nothing but the driver and the module takes time.
 *
 * rig: smp=1 icount timeout=100
 */
#include "rawguest.h"

#define ROUNDS		4000
#define PER_ROUND	4	/* requests: two kicks, and an interrupt's two */
#define BUDGET		128000	/* a second, without interrupts */
#define LEN		60
#define BUFFER		2048

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;

/* A frame is sent, and its interrupt served. */
static bool round_of(u32 seq)
{
	struct vring_used_elem elem;

	rg_tx_add(d, buf + seq % 8 * BUFFER, LEN, seq);
	rg_publish(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_TX]);
	if (!rg_irqs(d, RG_LONG) || rg_ack(d) != VIRTIO_MMIO_INT_VRING ||
	    !rg_used(&d->vq[RG_TX], &elem))
		return false;
	rg_notify(&d->vq[RG_RX]);
	return true;
}

/* Requests a second, or 0 if one was not answered as it should be. */
static u64 drive(void)
{
	u64 start = ktap_now_ns();
	u32 i;

	for (i = 0; i < ROUNDS; i++)
		if (!ktap_expect(round_of(i)))
			return 0;
	return ROUNDS * PER_ROUND * 1000000000ull / (ktap_now_ns() - start);
}

static void test_driver(void)
{
	const char *what = "who answers interrupts is not slowed down";
	u64 slowed = rg_page_counter("slowed"), rate = drive();

	ktap_diag("%llu requests a second", (unsigned long long)rate);
	if (rate && rate <= BUDGET)
		ktap_skip(what, "this kernel is too slow for so many requests");
	else
		ktap_point(rate &&
			   ktap_expect_eq(rg_page_counter("slowed"), slowed),
			   "%s", what);
}

static bool test_nothing(void)
{
	u64 slowed = rg_page_counter("slowed");
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS);
	return ktap_expect(rg_page_counter("slowed") > slowed);
}

int main(void)
{
	if (ktap_is_slow())
		ktap_skip_all("this kernel is too slow for so many requests");
	rg_setup();
	ktap_plan(2);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 8 * BUFFER, 8);
	rg_irq_on(&d->vq[RG_TX]);
	test_driver();
	ktap_point(test_nothing(), "who makes requests for nothing is");
	return ktap_finish();
}
