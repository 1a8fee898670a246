// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that gives root no receive buffers: for a while frames wait for it,
 * then it counts as unplugged, and what waited is let go of; the moment it is
 * back it is plugged in again. One that is only slow is not.
 *
 * rig: smp=2 icount=must timeout=900
 */
#include "rawguest.h"

#define BUFFER		2048
#define STALL_MS	30000

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buffers;

static void start(void)
{
	rg_start(d, RG_FEATURES);
	buffers = rg_alloc(&zone, RG_NUM * BUFFER, 64);
}

static void add_buffers(unsigned int n)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rg_piece piece;

	while (n--) {
		piece = RG_IN(buffers + q->free[q->n_free - 1] * BUFFER, BUFFER);
		rg_add(q, &piece, 1);
	}
	rg_kick(q);
}

static bool send_frames(u32 from, u32 n)
{
	u8 frame[100];

	while (n--) {
		rg_frame(frame, sizeof(frame), from++);
		if (!ktap_expect(rg_root_send(d, frame, sizeof(frame))))
			return false;
	}
	return true;
}

static bool receive(u32 seq)
{
	struct vring_used_elem elem;

	return ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)) &&
	       rg_frame_ok(buffers + elem.id * BUFFER + d->hdr_len,
			   elem.len - d->hdr_len, 100, seq);
}

static bool has_carrier(void)
{
	FILE *f = fopen("/sys/class/net/tap0/carrier", "r");
	char text[4] = "";

	if (!f || !fgets(text, sizeof(text), f))
		rg_die("cannot read tap0's carrier");
	fclose(f);
	return text[0] == '1';
}

/* Time that nobody uses passes at once: look rarely. */
static bool carrier_is(bool want, unsigned int ms)
{
	unsigned long long end = ktap_now_ns() + ms * 1000000ull;

	while (has_carrier() != want) {
		if (ktap_now_ns() >= end)
			return false;
		usleep(20000);
	}
	return true;
}

/* Does the carrier stay for so long? */
static bool stays(unsigned int ms)
{
	return !carrier_is(false, ms);
}

static bool waiting(const char *frames)
{
	char command[120];

	snprintf(command, sizeof(command),
		 "tc -s qdisc show dev tap0 | grep -q 'backlog .* %sp '",
		 frames);
	return !system(command);
}

static bool test_stall(void)
{
	u64 stalls = rg_counter(d, "rx_stalls");
	bool ok;

	start();
	ok = send_frames(0, 50) && ktap_expect(waiting("50")) &&
	     ktap_expect(stays(STALL_MS - 2000)) &&
	     ktap_expect_eq(rg_counter(d, "rx_stalls"), stalls);
	ok = ok && ktap_expect(carrier_is(false, 4000)) &&
	     ktap_expect_eq(rg_counter(d, "rx_stalls"), stalls + 1);
	/* What waited is gone, and nothing is taken in. */
	ok = ok && ktap_expect(rg_link_wait(d, false)) &&
	     ktap_expect(!waiting("50"));
	return ok && ktap_expect_eq(rg_used_idx(&d->vq[RG_RX]), 0) &&
	       ktap_expect(!carrier_is(true, STALL_MS));
}

/* It is back, with one buffer. */
static bool test_back(void)
{
	bool ok;

	add_buffers(1);
	ok = ktap_expect(carrier_is(true, 100)) &&
	     ktap_expect(rg_link_wait(d, true)) && send_frames(7, 1) &&
	     receive(7);
	/* That was its last one: again. */
	return ok && ktap_expect(carrier_is(false, STALL_MS + 2000)) &&
	       (add_buffers(2), ktap_expect(carrier_is(true, 100))) &&
	       ktap_expect(rg_link_wait(d, true)) && send_frames(8, 2) &&
	       receive(8) && receive(9);
}

/* Slow, but alive: no frame is lost. */
static bool test_slow(void)
{
	bool ok;
	u32 i;

	start();
	ok = send_frames(0, 12);
	for (i = 0; ok && i < 12; i++) {
		ok = ktap_expect(stays(STALL_MS / 3));
		add_buffers(1);
		ok = ok && receive(i);
	}
	return ok;
}

/* The interface goes down meanwhile: that is no reason to unplug the guest. */
static bool test_down(void)
{
	bool ok;

	start();
	ok = send_frames(0, 3);
	add_buffers(8);
	ok = ok && receive(0) && receive(1) && receive(2);
	rg_link_set(d, false);
	usleep((STALL_MS + 2000) * 1000);
	rg_link_set(d, true);
	/* The socket tells once that the interface was down. */
	rg_root_flush(d);
	return ok && ktap_expect(rg_link_wait(d, true)) && send_frames(3, 5) &&
	       receive(3);
}

/* A new driver begins with a carrier, whatever its forerunner did. */
static bool test_new_driver(void)
{
	bool ok;

	start();
	ok = send_frames(0, 5) &&
	     ktap_expect(carrier_is(false, STALL_MS + 4000));
	start();
	return ok && ktap_expect(has_carrier()) && ktap_expect(rg_works(d)) &&
	       ktap_expect(stays(STALL_MS / 2));
}

int main(void)
{
	rg_setup();
	ktap_plan(5);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_stall(), "a guest that is gone is unplugged");
	ktap_point(test_back(), "and plugged in when it comes back");
	ktap_point(test_slow(), "a slow guest loses nothing");
	ktap_point(test_down(), "an interface that is down");
	ktap_point(test_new_driver(), "a new driver");
	return ktap_finish();
}
