// SPDX-License-Identifier: GPL-2.0-only
/*
 * Saturating traffic in both directions: see rawtraffic.h.  The driver polls
 * and wants no interrupts; whether those arrive is what other tests are for.
 */
#define _GNU_SOURCE
#include "rawtraffic.h"

#include <sched.h>

static size_t rt_len(u64 seq)
{
	/* Mostly short ones, for they cost most; some as long as can be. */
	return seq % 64 ? 60 + seq % 40 : RG_FRAME_MAX;
}

static bool rt_stops(const struct rt_traffic *t)
{
	return __atomic_load_n(&t->stop, __ATOMIC_RELAXED);
}

static void rt_send_out(struct rt_traffic *t)
{
	struct rg_dev *d = t->d;

	while (!rt_stops(t) && t->out_sent - t->out_back < RT_WINDOW) {
		u8 *buf = t->out + t->out_sent % RT_WINDOW * RT_BUFFER;
		size_t len = rt_len(t->out_sent);
		struct rg_piece piece = RG_OUT(buf, d->hdr_len + len);

		memset(buf, 0, d->hdr_len);
		rg_frame(buf + d->hdr_len, len, t->out_sent++);
		rg_add(&d->vq[RG_TX], &piece, 1);
	}
	rg_kick(&d->vq[RG_TX]);
}

static void rt_offer(struct rt_traffic *t)
{
	while (t->in_offered - t->in_arrived < RT_WINDOW) {
		u8 *buf = t->in + t->in_offered++ % RT_WINDOW * RT_BUFFER;
		struct rg_piece piece = RG_IN(buf, RT_BUFFER);

		rg_add(&t->d->vq[RG_RX], &piece, 1);
	}
	rg_kick(&t->d->vq[RG_RX]);
}

static void rt_send_in(struct rt_traffic *t)
{
	u8 frame[RT_BUFFER];
	size_t len;

	while (!rt_stops(t) && t->in_sent - t->in_arrived < RT_WINDOW) {
		len = rt_len(t->in_sent);
		rg_frame(frame, len, t->in_sent);
		if (!rg_root_send(t->d, frame, len))
			return;
		t->in_sent++;
	}
}

static bool rt_check(struct rt_traffic *t, const u8 *frame, size_t len, u64 seq)
{
	if (rg_frame_ok(frame, len, rt_len(seq), seq))
		return true;
	t->failed = true;
	return false;
}

/* Everything that has come, on either side. */
static void rt_collect(struct rt_traffic *t)
{
	struct rg_dev *d = t->d;
	struct vring_used_elem elem;
	u8 got[RT_BUFFER];
	ssize_t len;

	while (rg_used(&d->vq[RG_TX], &elem))
		t->out_back++;
	while (!t->failed && rg_used(&d->vq[RG_RX], &elem)) {
		u64 seq = t->in_arrived++;
		u8 *buf = t->in + seq % RT_WINDOW * RT_BUFFER;

		rt_check(t, buf + d->hdr_len, elem.len - d->hdr_len, seq);
	}
	while (!t->failed && (len = rg_root_recv(d, got, sizeof(got), 0)) >= 0)
		rt_check(t, got, len, t->out_arrived++);
}

static bool rt_all_there(struct rt_traffic *t)
{
	rt_collect(t);
	return t->failed || (t->out_back == t->out_sent &&
			     t->out_arrived == t->out_sent &&
			     t->in_arrived == t->in_sent);
}

static void *rt_run(void *arg)
{
	struct rt_traffic *t = arg;

	rg_pin(t->cpu);
	while (!rt_stops(t) && !t->failed) {
		rt_offer(t);
		rt_send_out(t);
		rt_send_in(t);
		rt_collect(t);
		t->rounds++;
		/* A vCPU of the same CPU is a thread like this one. */
		sched_yield();
		rg_relax();
	}
	ktap_wait_for(RG_LONG, rt_all_there(t));
	return NULL;
}

/**
 * rt_start - let frames flow
 * @t: the traffic
 * @d: the device, its queues empty; the thread's alone until rt_finish()
 * @cpu: where the thread runs
 */
void rt_start(struct rt_traffic *t, struct rg_dev *d, int cpu)
{
	*t = (struct rt_traffic) { .d = d, .cpu = cpu };
	t->out = rg_alloc(d->zone, RT_WINDOW * RT_BUFFER, 8);
	t->in = rg_alloc(d->zone, RT_WINDOW * RT_BUFFER, 8);
	rg_irq_off(&d->vq[RG_TX]);
	rg_irq_off(&d->vq[RG_RX]);
	if (pthread_create(&t->thread, NULL, rt_run, t))
		rg_die("no thread");
}

/**
 * rt_finish - let no more frames flow
 * @t: the traffic
 *
 * Buffers that root has not filled stay with the device: start it anew.
 *
 * Return: true if every frame arrived, once and as it was sent.
 */
bool rt_finish(struct rt_traffic *t)
{
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
	pthread_join(t->thread, NULL);
	ktap_diag("frames: %llu out of the guest, %llu into it",
		  (unsigned long long)t->out_sent,
		  (unsigned long long)t->in_sent);
	return ktap_expect(!t->failed) &
	       ktap_expect_eq(t->out_arrived, t->out_sent) &
	       ktap_expect_eq(t->out_back, t->out_sent) &
	       ktap_expect_eq(t->in_arrived, t->in_sent) &
	       ktap_expect(t->out_sent > RT_WINDOW && t->in_sent > RT_WINDOW);
}
