/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long things take, in histograms with a bucket for each power of two of
 * nanoseconds: from a guest's kick until its frames are with root's stack, and
 * from an interrupt until the guest acknowledges it.  Nobody is timed, and
 * nothing is spent, until somebody asks for it in debugfs (latency.c).
 */
#ifndef HVNET_LATENCY_H
#define HVNET_LATENCY_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/types.h>

struct dentry;
struct hvnet_dev;

/**
 * struct hvnet_histogram - how often something took how long
 * @on: it is wanted
 * @asked: when what is timed began; 0 if nothing did
 * @taken: the same, of what is being served; owned by who serves it
 * @count: by the number of bits in the nanoseconds it took; one writer
 */
struct hvnet_histogram {
	bool on;
	ktime_t asked;
	ktime_t taken;
	u64 count[BITS_PER_LONG_LONG + 1];
};

DECLARE_STATIC_KEY_FALSE(hvnet_latency_key);

/* Does anybody want to know? When not, no branch is taken. */
static __always_inline bool hvnet_latency_wanted(void)
{
	return static_branch_unlikely(&hvnet_latency_key);
}

/* Without @again what began already goes on. */
static inline void hvnet_latency_begin(struct hvnet_histogram *h, ktime_t now,
				       bool again)
{
	if (again || !READ_ONCE(h->asked))
		WRITE_ONCE(h->asked, now);
}

/* What has begun until now is served from here on. */
static inline void hvnet_latency_take(struct hvnet_histogram *h)
{
	h->taken = xchg(&h->asked, 0);
}

/* It has been served. */
static inline void hvnet_latency_end(struct hvnet_histogram *h, ktime_t now)
{
	u64 *count = &h->count[fls64(ktime_to_ns(ktime_sub(now, h->taken)))];

	if (READ_ONCE(h->on) && h->taken)
		WRITE_ONCE(*count, *count + 1);
	h->taken = 0;
}

void hvnet_latency_add(struct hvnet_dev *dev);
void hvnet_latency_del(struct hvnet_dev *dev);
void hvnet_latency_init(void);
void hvnet_latency_exit(void);

#endif /* HVNET_LATENCY_H */
