// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest dies in the middle of something, while root goes on sending: with
 * buffers for half a frame, with chains half written or half announced, with an
 * interrupt not acknowledged, with its driver half started.  Its zone is started
 * anew, or its driver begins anew by itself: not a byte of its RAM changes
 * before, everything works after it, and another zone, with all the traffic that
 * fits, notices nothing.
 *
 * rig: smp=3
 */
#define _GNU_SOURCE
#include "rawtraffic.h"
#include "tooldaemon.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#define BUFFER		2048
#define SMALL		256	/* bytes of a buffer that no whole frame fits */
#define FRAMES		30	/* from root, for one that is dead */

static struct rg_zone zone, other;
static struct rg_dev dev, *d = &dev, far;
static int node;

static u8 *buffer(size_t len)
{
	u8 *buf = rg_alloc(&zone, len, 8);

	memset(buf, 0, len);
	return buf;
}

static void root_sends(size_t len)
{
	u8 frame[RG_FRAME_MAX];
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		rg_frame(frame, len, i);
		rg_root_send(d, frame, len);
	}
}

/* The ways to die. */

static void with_half_a_frame(void)
{
	rg_add(&d->vq[RG_RX], &RG_IN(buffer(SMALL), SMALL), 1);
	rg_add(&d->vq[RG_RX], &RG_IN(buffer(SMALL), SMALL), 1);
	rg_kick(&d->vq[RG_RX]);
	root_sends(RG_FRAME_MAX);
}

static void with_frames_untold(void)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		rg_add(&d->vq[RG_TX], &RG_OUT(buffer(100), 100), 1);
	rg_publish(&d->vq[RG_TX]);
}

/* The index says more than the ring has. */
static void with_entries_missing(void)
{
	struct rg_vq *q = &d->vq[RG_TX];

	rg_add(q, &RG_OUT(buffer(100), 100), 1);
	q->avail_idx += 3;
	rg_publish(q);
	rg_notify(q);
}

/* The chain goes on where nothing was written. */
static void with_half_a_chain(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	int head = rg_add(q, &RG_OUT(buffer(100), 100), 1);

	q->desc[head].flags = VRING_DESC_F_NEXT;
	q->desc[head].next = RG_NUM - 1 - head;
	rg_publish(q);
	rg_notify(q);
}

static void with_an_interrupt(void)
{
	rg_add(&d->vq[RG_RX], &RG_IN(buffer(BUFFER), BUFFER), 1);
	rg_kick(&d->vq[RG_RX]);
	root_sends(60);
}

static void with_half_an_order(void)
{
	rg_add(&d->vq[RG_CTRL], &RG_OUT(buffer(1), 1), 1);
	rg_kick(&d->vq[RG_CTRL]);
}

static void half_started(void)
{
	rg_negotiate(d, RG_FEATURES);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_TX);
	rg_set(d, VIRTIO_MMIO_QUEUE_NUM, RG_NUM);
}

static void half_reset(void)
{
	with_an_interrupt();
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_RX);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, 0);
}

static const struct death {
	const char *how;
	void (*die)(void);
} deaths[] = {
	{ "buffers for half a frame", with_half_a_frame },
	{ "frames that it had not told of", with_frames_untold },
	{ "entries missing in its ring", with_entries_missing },
	{ "half a chain", with_half_a_chain },
	{ "an interrupt not acknowledged", with_an_interrupt },
	{ "half an order in the control queue", with_half_an_order },
	{ "its driver half started", half_started },
	{ "its driver half reset", half_reset },
};

/* A driver comes; frames that waited for the dead one are not its. */
static bool revives(void)
{
	rg_forsake(d);
	rg_start(d, RG_FEATURES);
	return ktap_expect(rg_works(d));
}

/* What is being loaded into the zone's RAM is left alone. */
static bool ram_rests(void)
{
	rg_pattern(zone.ram, zone.size, 7);
	root_sends(RG_FRAME_MAX);
	usleep(20000);
	return rg_pattern_ok(zone.ram, zone.size, 7);
}

static bool starts_anew(const struct death *death)
{
	struct { u32 id, pad[15]; } config = { .id = zone.id };

	rg_start(d, RG_FEATURES | RG_CONTROL);
	death->die();
	root_sends(RG_FRAME_MAX);
	return ktap_expect(!ioctl(node, TOOL_ZONE_START, &config)) &&
	       ktap_expect(ram_rests()) && revives();
}

static bool begins_anew(const struct death *death)
{
	rg_start(d, RG_FEATURES | RG_CONTROL);
	death->die();
	root_sends(RG_FRAME_MAX);
	return revives();
}

int main(void)
{
	struct rt_traffic traffic;
	unsigned int i;

	rg_setup();
	ktap_plan(2 * RG_ARRAY_SIZE(deaths) + 2);
	rg_zone_add(&zone, 1, 0, 0x100000, 0x40000000);
	rg_zone_add(&other, 2, 0x100000, 0x100000, 0x50000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&far, &other, RG_ADDR, RG_IRQ, "tap1", "");
	if (rg_bus("backend", "%s\n", TD_BACKEND))
		rg_die("no backend");
	node = open(TD_NODE, O_RDWR | O_CLOEXEC);
	if (node < 0)
		rg_die("%s: %s", TD_NODE, strerror(errno));

	rg_start(&far, RG_FEATURES);
	rt_start(&traffic, &far, 1);
	for (i = 0; i < RG_ARRAY_SIZE(deaths); i++) {
		ktap_point(starts_anew(&deaths[i]), "its zone starts anew: %s",
			   deaths[i].how);
		ktap_point(begins_anew(&deaths[i]),
			   "a driver begins anew: %s", deaths[i].how);
	}
	ktap_point(rt_finish(&traffic), "another zone goes on");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "the simulator saw nothing wrong");
	return ktap_finish();
}
