// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is not taken for a take-over of the page: a guest that has died with its
 * rings in a mess, one that hangs, one that polls, and one that is held up right
 * before it would have been heard.  All leave an interrupt unacknowledged; only
 * a guest whose frames nobody hears of while its device is in order has lost the
 * page (ctl_takeover), and may have none for a while.  In virtual time, since it
 * matters who is in time.
 *
 * rig: smp=2 icount=must timeout=60
 */
#include "rawguest.h"

#include <fcntl.h>

/* The retries end after 210 ms, and the guest has as long again to be heard. */
#define LONG_ENOUGH_MS	700

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

static bool hypervisor_is(const char *want)
{
	char text[32] = "";
	int fd;

	fd = open("/sys/bus/hvisor_vnet/hypervisor", O_RDONLY);
	if (read(fd, text, sizeof(text) - 1) < 0)
		rg_die("hypervisor: %s", strerror(errno));
	close(fd);
	return !strcmp(text, want);
}

static bool not_taken_over(void)
{
	usleep(LONG_ENOUGH_MS * 1000);
	return ktap_expect(hypervisor_is("sim\n"));
}

/* Queue a frame without a word. */
static void queue_silently(void)
{
	u8 *buf = rg_alloc(&zone, 128, 16);
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + 60);

	memset(buf, 0, 128);
	rg_add(&d->vq[RG_TX], &piece, 1);
	rg_publish(&d->vq[RG_TX]);
}

/* What a zone loaded anew leaves of the old one: any index at all. */
static bool test_mess(void)
{
	struct rg_vq *rx = &d->vq[RG_RX];
	u64 before = rg_counter(d, "stalls");
	u8 frame[60];
	bool ok;

	rg_start(d, RG_FEATURES);
	rx->avail->idx += 1000;
	rg_frame(frame, sizeof(frame), 1);
	ok = ktap_expect(rg_root_send(d, frame, sizeof(frame)));
	ok &= ktap_expect(ktap_wait_for(RG_LONG, rg_get(d, VIRTIO_MMIO_STATUS) &
					VIRTIO_CONFIG_S_NEEDS_RESET));
	queue_silently();
	ok &= not_taken_over();
	return ok & ktap_expect(rg_counter(d, "stalls") > before);
}

/* The guest waits for a frame, and is about to miss its interrupt. */
static void start_and_wait(void)
{
	u8 *buf;

	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 2048, 16);
	rg_add(&d->vq[RG_RX], &RG_IN(buf, 2048), 1);
	rg_irq_on(&d->vq[RG_RX]);
	rg_publish(&d->vq[RG_RX]);
	rg_kick(&d->vq[RG_RX]);
}

static bool send_to_stalled(u64 stalls)
{
	u8 frame[60];

	rg_frame(frame, sizeof(frame), 1);
	return ktap_expect(rg_root_send(d, frame, sizeof(frame))) &&
	       ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") >
					 stalls));
}

static bool test_hung(void)
{
	u64 before = rg_counter(d, "stalls");

	start_and_wait();
	return send_to_stalled(before) && not_taken_over();
}

/* The page is somebody else's; but the guest has nothing to say for a while. */
static bool test_late(void)
{
	u64 before = rg_counter(d, "stalls"), sent = rg_counter(d, "tx_frames");
	bool ok;

	start_and_wait();
	rg_write("/sys/kernel/hvisor_sim/steal", "1");
	ok = send_to_stalled(before) && not_taken_over();
	queue_silently();
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG,
					     hypervisor_is("sim taken-over\n")));
	rg_write("/sys/bus/hvisor_vnet/reattach", "1");
	/* Its notification is lost, and there may never be another one. */
	return ok && ktap_expect(hypervisor_is("sim\n")) &&
	       ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "tx_frames") ==
					 sent + 1));
}

/* A frame crosses; what it is told of it the guest leaves unacknowledged. */
static bool send_and_ignore(u32 seq)
{
	struct rg_vq *tx = &d->vq[RG_TX];

	tx->want_irq = false;
	tx->avail->ring[tx->num] = tx->last_used;
	return rg_tx_one(d, 60, seq);
}

static bool test_polls(void)
{
	u64 before = rg_counter(d, "stalls");
	unsigned int i;
	bool ok = true;

	rg_start(d, RG_FEATURES);
	for (i = 0; ok && i < 3; i++)
		ok = send_and_ignore(i) && not_taken_over();
	return ok && ktap_expect_eq(rg_counter(d, "stalls"), before + 3);
}

/* It has queued a frame, and is not to run until the retries have ended. */
static bool test_held_up(void)
{
	u64 before = rg_counter(d, "stalls");
	bool ok;

	rg_start(d, RG_FEATURES);
	ok = send_and_ignore(1);
	queue_silently();
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
					     before + 1));
	rg_notify(&d->vq[RG_TX]);
	return ok && not_taken_over();
}

int main(void)
{
	rg_setup();
	ktap_plan(6);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_hung(), "a guest that hangs");
	ktap_point(test_late(), "a guest that was taken from us is found out later");
	ktap_point(test_polls(), "a guest that polls");
	ktap_point(test_held_up(), "a guest that is held up");
	ktap_point(test_mess(), "a guest whose rings are a mess");
	rg_start(d, RG_FEATURES);
	ktap_point(rg_works(d), "and a driver revives the device");
	return ktap_finish();
}
