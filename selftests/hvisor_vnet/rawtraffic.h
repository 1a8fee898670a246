/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Saturating traffic in both directions: a thread that is the guest's driver
 * and root's end of a device at once, has as many frames under way as fit, and
 * counts what was sent and what arrived.
 */
#ifndef HVNET_RAWTRAFFIC_H
#define HVNET_RAWTRAFFIC_H

#include <pthread.h>

#include "rawguest.h"

#define RT_WINDOW	8	/* frames under way, each direction */
#define RT_BUFFER	2048

/**
 * struct rt_traffic - traffic through a device
 * @d: the device, started
 * @cpu: where the thread runs
 * @thread: the thread
 * @stop: no more frames
 * @failed: a frame was lost, or not what had been sent
 * @out_sent: frames from the guest; then: that reached root; given back
 * @in_sent: frames from root; then: buffers offered; that reached the guest
 * @rounds: how often round
 */
struct rt_traffic {
	struct rg_dev *d;
	int cpu;
	pthread_t thread;
	bool stop, failed;
	u64 out_sent, out_arrived, out_back;
	u64 in_sent, in_offered, in_arrived;
	u64 rounds;
	u8 *out, *in;
};

void rt_start(struct rt_traffic *t, struct rg_dev *d, int cpu);
bool rt_finish(struct rt_traffic *t);

#endif /* HVNET_RAWTRAFFIC_H */
