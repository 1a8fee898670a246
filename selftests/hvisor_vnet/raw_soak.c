// SPDX-License-Identifier: GPL-2.0-only
/*
 * A million frames, both ways at once, in batches, while one wake-up and one
 * interrupt in a hundred is lost, of each kind that can be.  The guest sleeps
 * until it is interrupted, as Linux does.  Every frame arrives, once and as it
 * was sent, nothing waits for longer than the retries take, and root holds no
 * more memory in the end than in the beginning.  In virtual time.
 *
 * For longer runs, in the kernel's command line: HVNET_FRAMES=10000000.
 *
 * rig: smp=2 icount=must timeout=900
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <sys/socket.h>

#define FRAMES		1000000
#define WARM_UP		20000
#define WINDOW		32	/* frames under way, each direction */
#define BUFFER		2048
#define PERCENT		1
#define PERCENT_OF_FEW	10	/* so that each hazard strikes */

/* Retries come after 100, 200, 400 us and so on: seven losses in a row. */
#define STALL_NS	12800000ull

/*
 * A request that woke nobody is found after 100 us. One in so many may take
 * longer, by a tick at most: the emulator lets CPUs run in turns.
 */
#define ACCESS_NS	300000ull
#define ACCESS_MAX_NS	5000000ull
#define LATE_ONE_IN	10000

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *tx, *rx;

/* What has been done so far, out of the guest and into it. */
static struct {
	u64 frames;	/* to be sent, each way */
	u64 out_sent, out_back, out_arrived;
	u64 in_sent, in_offered, in_arrived;
	u64 sleeps, accesses, late, longest_sleep, longest_access;
	bool ok;
} run;

static size_t length(u64 seq)
{
	/* Mostly short ones, for they cost most; some as long as can be. */
	return seq % 64 ? 60 + seq % 40 : RG_FRAME_MAX;
}

static void check(const u8 *frame, size_t len, u64 seq)
{
	if (!rg_frame_ok(frame, len, length(seq), seq))
		run.ok = false;
}

static u32 touch(u32 offset, bool write, u32 value)
{
	struct hvsim_raw_access a;

	a = rg_access(d, d->addr + offset, 4, write, value);
	run.accesses++;
	run.late += a.latency_ns > ACCESS_NS;
	if (a.latency_ns > run.longest_access)
		run.longest_access = a.latency_ns;
	return a.value;
}

static void kick(struct rg_vq *q)
{
	u16 old = q->published;

	rg_publish(q);
	if (old != q->published && rg_kick_needed(q, old))
		touch(VIRTIO_MMIO_QUEUE_NOTIFY, true, q->index);
}

/* The guest. */

static void guest_sends(void)
{
	while (run.out_sent < run.frames &&
	       run.out_sent - run.out_back < WINDOW) {
		u8 *buf = tx + run.out_sent % WINDOW * BUFFER;
		size_t len = length(run.out_sent);
		struct rg_piece piece = RG_OUT(buf, d->hdr_len + len);

		memset(buf, 0, d->hdr_len);
		rg_frame(buf + d->hdr_len, len, run.out_sent++);
		rg_add(&d->vq[RG_TX], &piece, 1);
	}
	kick(&d->vq[RG_TX]);
}

static void guest_offers(void)
{
	while (run.in_offered - run.in_arrived < WINDOW) {
		u8 *buf = rx + run.in_offered++ % WINDOW * BUFFER;
		struct rg_piece piece = RG_IN(buf, BUFFER);

		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	kick(&d->vq[RG_RX]);
}

static bool guest_collects(void)
{
	struct vring_used_elem elem;
	u64 before = run.out_back + run.in_arrived;

	while (rg_used(&d->vq[RG_TX], &elem))
		run.out_back++;
	while (rg_used(&d->vq[RG_RX], &elem)) {
		u64 seq = run.in_arrived++;

		check(rx + seq % WINDOW * BUFFER + d->hdr_len,
		      elem.len - d->hdr_len, seq);
	}
	return run.out_back + run.in_arrived != before;
}

/* Root, many frames a call. */

static void root_sends(void)
{
	static u8 frame[WINDOW][BUFFER];
	struct mmsghdr msg[WINDOW] = {};
	struct iovec iov[WINDOW];
	unsigned int n = 0;

	while (run.in_sent + n < run.frames &&
	       run.in_sent + n - run.in_arrived < WINDOW) {
		size_t len = length(run.in_sent + n);

		rg_frame(frame[n], len, run.in_sent + n);
		iov[n] = (struct iovec) { .iov_base = frame[n], .iov_len = len };
		msg[n].msg_hdr.msg_iov = &iov[n];
		msg[n++].msg_hdr.msg_iovlen = 1;
	}
	if (n && sendmmsg(d->sock, msg, n, 0) != (int)n)
		rg_die("root cannot send");
	run.in_sent += n;
}

static bool root_collects(void)
{
	static u8 frame[WINDOW][BUFFER];
	struct mmsghdr msg[WINDOW] = {};
	struct iovec iov[WINDOW];
	int i, n;

	for (i = 0; i < WINDOW; i++) {
		iov[i] = (struct iovec) {
			.iov_base = frame[i], .iov_len = BUFFER,
		};
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(d->sock, msg, WINDOW, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++)
		check(frame[i], msg[i].msg_len, run.out_arrived++);
	return n > 0;
}

/* The run. */

static void rest(void)
{
	unsigned long long at = ktap_now_ns();
	u32 isr;

	if (!rg_irqs(d, RG_LONG)) {
		ktap_diag("no interrupt: %llu of %llu given back, %llu of %llu received",
			  (unsigned long long)run.out_back,
			  (unsigned long long)run.out_sent,
			  (unsigned long long)run.in_arrived,
			  (unsigned long long)run.in_sent);
		run.ok = false;
	}
	at = ktap_now_ns() - at;
	run.sleeps++;
	if (at > run.longest_sleep)
		run.longest_sleep = at;
	isr = touch(VIRTIO_MMIO_INTERRUPT_STATUS, false, 0);
	if (isr)
		touch(VIRTIO_MMIO_INTERRUPT_ACK, true, isr);
}

static void hazards(unsigned int percent)
{
	rg_sim_param("seed", 1);
	rg_sim_param("w1", percent);
	rg_sim_param("w2", percent);
	rg_sim_param("i1", percent);
	rg_sim_param("e1", percent);
}

static bool all_arrive(u64 frames)
{
	run.frames += frames;
	while (run.ok &&
	       (run.out_back < run.frames || run.in_arrived < run.frames)) {
		guest_offers();
		guest_sends();
		root_sends();
		if (!(guest_collects() | root_collects()))
			rest();
	}
	return run.ok && ktap_wait_for(RG_LONG, (root_collects(),
						 run.out_arrived ==
						 run.frames));
}

static void snapshot(const char *file)
{
	char command[128];

	snprintf(command, sizeof(command),
		 ". ./lib.sh && . ./leaklib.sh && leak_snapshot %s", file);
	rg_shell(command);
}

static void report(u64 frames, u64 ns)
{
	ktap_diag("%llu frames, %llu a second of virtual time",
		  (unsigned long long)frames,
		  (unsigned long long)(frames * 1000000000ull / ns));
	ktap_diag("%llu sleeps, longest %llu us; %llu accesses, %llu late, longest %llu us",
		  (unsigned long long)run.sleeps,
		  (unsigned long long)run.longest_sleep / 1000,
		  (unsigned long long)run.accesses,
		  (unsigned long long)run.late,
		  (unsigned long long)run.longest_access / 1000);
	ktap_diag("lost: W1 %llu, W2 %llu, I1 %llu, E1 %llu; injected again: %llu",
		  (unsigned long long)rg_sim_counter("w1_lost"),
		  (unsigned long long)rg_sim_counter("w2_hits"),
		  (unsigned long long)rg_sim_counter("i1_hits"),
		  (unsigned long long)rg_sim_counter("e1_hits"),
		  (unsigned long long)rg_counter(d, "reinjections"));
}

static bool in_time(void)
{
	return ktap_expect(run.longest_sleep < STALL_NS) &
	       ktap_expect(run.longest_access < ACCESS_MAX_NS) &
	       ktap_expect(run.late <= 1 + run.accesses / LATE_ONE_IN);
}

int main(void)
{
	const char *word = getenv("HVNET_FRAMES");
	u64 frames = (word ? strtoull(word, NULL, 0) : ktap_scaled(FRAMES)) / 2;
	u64 at, stalls;
	bool ok;

	rg_setup();
	ktap_plan(5);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	tx = rg_alloc(&zone, WINDOW * BUFFER, 8);
	rx = rg_alloc(&zone, WINDOW * BUFFER, 8);
	run.ok = true;
	hazards(ktap_is_slow() ? PERCENT_OF_FEW : PERCENT);
	ok = all_arrive(ktap_scaled(WARM_UP));
	snapshot("/tmp/before");
	stalls = rg_counter(d, "stalls");
	at = ktap_now_ns();
	ok = ok && all_arrive(frames);
	at = ktap_now_ns() - at;
	ktap_point(ok, "%llu frames each way arrive",
		   (unsigned long long)frames);
	report(2 * frames, at);
	hazards(0);
	ktap_point(ktap_expect(rg_sim_counter("w1_hits")) &
		   ktap_expect(rg_sim_counter("w2_hits")) &
		   ktap_expect(rg_sim_counter("i1_hits")) &
		   ktap_expect(rg_sim_counter("e1_hits")),
		   "with every hazard");
	ktap_point(ktap_expect(ktap_is_slow() || in_time()) &
		   ktap_expect_eq(rg_counter(d, "stalls"), stalls) &
		   ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "nothing waits beyond the retries");
	snapshot("/tmp/after");
	ktap_point(!system(". ./lib.sh && . ./leaklib.sh && no_leak /tmp/before /tmp/after 1000"),
		   "no more memory is held than before");
	rg_start(d, RG_FEATURES);
	ktap_point(rg_works(d), "all works after it");
	return ktap_finish();
}
