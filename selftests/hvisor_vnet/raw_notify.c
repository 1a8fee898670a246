// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kicks and interrupts are asked for and given up again all the time.  Here the
 * guest acts in the very moments in which one side makes up its mind: what is
 * added just then may be neither kicked for nor left lying.  Whoever waits for
 * ever fails by a bound that no healthy run comes near.
 */
#include "rawguest.h"

#define FRAMES		2000
#define RACE_MS		2000
#define BUFFER		2048

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buffers;

/* Root asks for kicks as soon as it finds no more frames. */
static void start(u64 features)
{
	rg_recur_after(d, 0);
	rg_start(d, features);
	buffers = rg_alloc(&zone, RG_NUM * BUFFER, 4096);
	while (rg_irqs(d, 1) || rg_ack(d))
		;
}

static void add_tx(u32 seq)
{
	if (rg_tx_add(d, buffers + seq % RG_NUM * BUFFER, 60, seq) < 0)
		rg_die("no descriptor is left");
}

static bool stalled(const char *what, u32 seq)
{
	struct rg_vq *q = &d->vq[RG_TX];

	ktap_diag("%s: frame %u: %u available, %u used, %u frames at root",
		  what, seq, q->published, rg_used_idx(q),
		  (u32)rg_counter(d, "tx_frames"));
	return false;
}

/* Until the race was met so often, or this much time or work is spent. */
static bool enough(u32 seq, u32 met, unsigned long long since)
{
	return met >= 30 || seq >= FRAMES ||
	       ktap_now_ns() - since > RACE_MS * 1000000ull;
}

/*
 * Publish a frame as soon as the last one comes back: root then is between
 * giving back and asking for kicks.
 */
static bool test_tx_race(u64 features)
{
	unsigned long long began = ktap_now_ns();
	struct vring_used_elem elem;
	u32 seq, met = 0;
	struct rg_vq *q;
	u64 frames;

	start(features);
	frames = rg_counter(d, "tx_frames");
	q = &d->vq[RG_TX];
	rg_irq_off(q);
	add_tx(0);
	rg_publish(q);
	for (seq = 0; !enough(seq, met, began); seq++) {
		if (rg_kick_needed(q, q->published - 1))
			rg_notify(q);
		else
			met++;
		/* Ready but for its publication. */
		add_tx(seq + 1);
		if (!rg_spin_used(q))
			return stalled("nobody looks", seq);
		/* Before anything else: what is next, is published right here. */
		rg_publish(q);
		rg_used(q, &elem);
	}
	ktap_diag("%u frames, %u without a kick", seq, met);
	/* The last one has not been kicked for. */
	rg_notify(q);
	return ktap_expect(rg_spin_used(q)) &&
	       ktap_expect_eq(rg_counter(d, "tx_frames") - frames, seq + 1);
}

/* Have the next frames wait at root for as many buffers as the ring takes. */
static bool queue_frames(u32 *sent, u32 until)
{
	u8 frame[60];

	for (; *sent < until; ++*sent) {
		rg_frame(frame, sizeof(frame), *sent);
		if (!ktap_expect(rg_root_send(d, frame, sizeof(frame))))
			return false;
	}
	return true;
}

/* Return false if it is not to be kicked for. */
static bool add_rx(u32 seq)
{
	struct rg_piece piece = RG_IN(buffers + seq % RG_NUM * BUFFER, BUFFER);

	rg_add(&d->vq[RG_RX], &piece, 1);
	return rg_kick(&d->vq[RG_RX]);
}

static bool take_rx(u32 seq)
{
	struct vring_used_elem elem;

	if (!rg_spin_used(&d->vq[RG_RX])) {
		ktap_diag("frame %u is left lying", seq);
		return false;
	}
	rg_used(&d->vq[RG_RX], &elem);
	return rg_frame_ok(buffers + seq % RG_NUM * BUFFER + d->hdr_len,
			   elem.len - d->hdr_len, 60, seq);
}

/*
 * One buffer is kicked for.  The next follows at any moment until the first is
 * seen to come back: before that, root gives up looking for more.
 */
static bool test_rx_race(u64 features)
{
	unsigned long long began = ktap_now_ns(), kicked, took = 0;
	u32 seq, sent = 0, met = 0;

	start(features);
	rg_irq_off(&d->vq[RG_RX]);
	for (seq = 0; !enough(seq, 0, began); seq += 2) {
		if (!queue_frames(&sent, seq + RG_NUM))
			return false;
		kicked = ktap_now_ns();
		met += !add_rx(seq);
		while (ktap_now_ns() - kicked < took * (seq / 2 % 32) / 32)
			;
		met += !add_rx(seq + 1);
		if (!take_rx(seq))
			return false;
		took = ktap_now_ns() - kicked;
		if (!take_rx(seq + 1))
			return false;
	}
	ktap_diag("%u frames, %u buffers without a kick", seq, met);
	/* Those under way have nowhere to go: the next driver is not theirs. */
	rg_link_set(d, false);
	rg_link_set(d, true);
	return ktap_expect_eq(rg_counter(d, "drop_rx_no_guest"), 0);
}

/*
 * A sender that fills its ring, sleeps until most of it came back, as Linux does
 * (used_event three quarters ahead), and fills it again.
 */
static bool test_full_ring(u64 features)
{
	struct vring_used_elem elem;
	u32 sent = 0, back = 0;
	struct rg_vq *q;
	u64 frames;

	start(features);
	frames = rg_counter(d, "tx_frames");
	q = &d->vq[RG_TX];
	while (back < FRAMES) {
		u16 pending;

		while (sent < FRAMES && q->n_free) {
			rg_irq_off(q);
			add_tx(sent++);
			rg_kick(q);
		}
		rg_irq_on(q);
		/* used_event is ahead only where there is one. */
		pending = q->published - q->last_used;
		q->avail->ring[q->num] = q->last_used + pending * 3 / 4;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		q->want_irq = false;
		if ((u16)(rg_used_idx(q) - q->last_used) <= pending * 3 / 4 &&
		    !rg_irqs(d, RG_LONG))
			return stalled("the sender is never woken", sent);
		rg_ack(d);
		while (rg_used(q, &elem))
			back++;
	}
	return ktap_expect_eq(rg_counter(d, "tx_frames") - frames, FRAMES);
}

static u64 reinjections(void)
{
	return rg_counter(d, "reinjections");
}

/* A guest that asks for interrupts, never acknowledges one, and looks itself. */
static bool poll_frames(u32 n)
{
	struct vring_used_elem elem;
	struct rg_vq *q = &d->vq[RG_TX];
	u32 seq;

	for (seq = 0; seq < n; seq++) {
		/* It stays there, as if the guest had never looked. */
		q->avail->ring[q->num] = q->last_used;
		add_tx(seq);
		rg_kick(q);
		if (!rg_spin_used(q))
			return stalled("traffic ends", seq);
		rg_used(q, &elem);
	}
	return true;
}

static bool test_never_acknowledges(u64 features)
{
	u64 stalls, count, injections;
	bool ok;

	start(features);
	d->vq[RG_TX].want_irq = false;
	ok = poll_frames(200);
	stalls = rg_counter(d, "stalls");
	/* 100 us, doubling up to 100 ms: ten retries, a quarter of a second. */
	count = reinjections();
	ok = ok && ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
					     stalls + 1));
	ok = ok && ktap_expect(reinjections() - count <= 11);
	/* That was the last one. */
	injections = rg_counter(d, "injections");
	usleep(150000);
	ok = ok && ktap_expect_eq(rg_counter(d, "injections"), injections);
	ok = ok && ktap_expect_eq(rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	/* With news it starts afresh, and an acknowledgment ends it. */
	while (rg_irqs(d, 1))
		;
	ok = ok && poll_frames(1) && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	rg_irq_off(&d->vq[RG_TX]);
	rg_ack(d);
	count = reinjections();
	usleep(50000);
	ok = ok && ktap_expect_eq(reinjections(), count);
	rg_irq_on(&d->vq[RG_TX]);
	rg_root_flush(d);
	return ok && ktap_expect(rg_works(d));
}

static const struct rg_ring_test tests[] = {
	{ "a frame added while root goes to rest", test_tx_race },
	{ "a receive buffer added while root goes to rest", test_rx_race },
	{ "a sender with a full ring", test_full_ring },
	{ "a guest that never acknowledges", test_never_acknowledges },
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
