// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the simulator counts and measures, and its dice.  Nothing in here knows
 * what the numbers mean.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/smp.h>
#include <linux/sysfs.h>

#include "sim.h"

/* Latencies: exact up to 7 ns, then 8 buckets for each power of two. */
#define HVSIM_SUB_BITS	3
#define HVSIM_SUBS	8	/* 2 to the power of HVSIM_SUB_BITS */
#define HVSIM_BUCKETS	(40 * HVSIM_SUBS)

struct hvsim_histogram {
	atomic64_t count;
	atomic64_t max;
	atomic64_t bucket[HVSIM_BUCKETS];
};

static const char * const hvsim_count_names[HVSIM_COUNTS] = {
	[HVSIM_REQUESTS] = "requests",
	[HVSIM_POSTED] = "posted",
	[HVSIM_RING_FULL] = "ring_full",
	[HVSIM_WAKES_SENT] = "wakes_sent",
	[HVSIM_WAKES_TAKEN] = "wakes_taken",
	[HVSIM_WAKES_INLINE] = "wakes_inline",
	[HVSIM_WAKES_DROPPED] = "wakes_dropped_active",
	[HVSIM_INLINE_LOOKS] = "inline_looks",
	[HVSIM_W1_HITS] = "w1_hits",
	[HVSIM_W1_LOST] = "w1_lost",
	[HVSIM_W2_HITS] = "w2_hits",
	[HVSIM_I1_HITS] = "i1_hits",
	[HVSIM_E1_HITS] = "e1_hits",
	[HVSIM_E1_MERGED] = "e1_merged",
	[HVSIM_Z3_HITS] = "z3_hits",
	[HVSIM_Z3_DEAD] = "z3_dead",
	[HVSIM_FINISH_CALLS] = "finish_calls",
	[HVSIM_INJECTIONS] = "injections",
	[HVSIM_INJECTIONS_DROPPED] = "injections_dropped",
	[HVSIM_INJECTIONS_MERGED] = "injections_merged",
	[HVSIM_GUEST_IRQS] = "guest_irqs",
	[HVSIM_SPURIOUS] = "spurious",
	[HVSIM_NO_ZONE] = "no_zone",
	[HVSIM_NO_LINE] = "no_line",
	[HVSIM_NOBODY_WOKEN] = "nobody_woken",
	[HVSIM_GAVE_UP] = "gave_up",
	[HVSIM_GAVE_UP_DETACHED] = "gave_up_detached",
	[HVSIM_NO_PAGE] = "no_page",
	[HVSIM_STRAY_ANSWERS] = "stray_answers",
	[HVSIM_PAGES] = "pages",
	[HVSIM_Z2_ACCESSES] = "z2_accesses",
	[HVSIM_Z2_FINISHES] = "z2_finishes",
	[HVSIM_PANICS] = "panics",
	[HVSIM_STALE_EVENTS] = "stale_events",
};

/* Percent, by hazard; written by the module's parameters at any time. */
unsigned int hvsim_hazard[HVSIM_HAZARDS];

static atomic64_t hvsim_counts[HVSIM_COUNTS];
static struct hvsim_histogram hvsim_latencies[HVSIM_LATENCIES];

/* Each CPU has its own, used with interrupts off: no lock, and repeatable. */
static struct rnd_state hvsim_dice[HVSIM_MAX_CPUS];

/**
 * hvsim_count - something happened
 * @which: what
 *
 * Context: any.
 */
void hvsim_count(enum hvsim_count which)
{
	atomic64_inc(&hvsim_counts[which]);
}

static unsigned int hvsim_bucket(u64 ns)
{
	unsigned int top, i;

	if (ns < HVSIM_SUBS)
		return ns;
	top = fls64(ns) - 1;
	i = (top - HVSIM_SUB_BITS + 1) * HVSIM_SUBS +
	    ((ns >> (top - HVSIM_SUB_BITS)) & (HVSIM_SUBS - 1));
	return min_t(unsigned int, i, HVSIM_BUCKETS - 1);
}

/* The largest number of ns that falls into bucket @i. */
static u64 hvsim_bucket_end(unsigned int i)
{
	u64 sub = i % HVSIM_SUBS;

	if (i < HVSIM_SUBS)
		return i;
	return ((HVSIM_SUBS + sub + 1) << (i / HVSIM_SUBS - 1)) - 1;
}

/**
 * hvsim_latency_add - a blocking access was answered
 * @which: how it waited
 * @ns: how long
 *
 * Context: any.
 */
void hvsim_latency_add(enum hvsim_latency which, u64 ns)
{
	struct hvsim_histogram *h = &hvsim_latencies[which];
	s64 max = atomic64_read(&h->max);

	atomic64_inc(&h->count);
	atomic64_inc(&h->bucket[hvsim_bucket(ns)]);
	while ((s64)ns > max &&
	       !atomic64_try_cmpxchg(&h->max, &max, ns))
		;
}

/* The end of the bucket below which @permille of all latencies lie. */
static u64 hvsim_percentile(const struct hvsim_histogram *h, u32 permille)
{
	u64 want = DIV_ROUND_UP_ULL(atomic64_read(&h->count) * permille, 1000);
	u64 seen = 0;
	unsigned int i;

	for (i = 0; i < HVSIM_BUCKETS; i++) {
		seen += atomic64_read(&h->bucket[i]);
		if (seen && seen >= want)
			return min_t(u64, hvsim_bucket_end(i),
				     atomic64_read(&h->max));
	}
	return 0;
}

/**
 * hvsim_latency_show - latencies as text
 * @which: of which accesses
 * @buf: a page
 *
 * Context: process. Return: bytes written.
 */
ssize_t hvsim_latency_show(enum hvsim_latency which, char *buf)
{
	const struct hvsim_histogram *h = &hvsim_latencies[which];
	unsigned int i;
	int n;

	n = sysfs_emit(buf, "count %lld\nmax_ns %lld\n",
		       (s64)atomic64_read(&h->count),
		       (s64)atomic64_read(&h->max));
	n += sysfs_emit_at(buf, n, "p50_ns %llu\np99_ns %llu\np999_ns %llu\n",
			   hvsim_percentile(h, 500), hvsim_percentile(h, 990),
			   hvsim_percentile(h, 999));
	for (i = 0; i < HVSIM_BUCKETS; i++) {
		s64 count = atomic64_read(&h->bucket[i]);

		if (count)
			n += sysfs_emit_at(buf, n, "%llu %lld\n",
					   hvsim_bucket_end(i), count);
	}
	return n;
}

/**
 * hvsim_counters_show - counters as text, one a line
 * @buf: a page
 *
 * Context: process. Return: bytes written.
 */
ssize_t hvsim_counters_show(char *buf)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < HVSIM_COUNTS; i++) {
		s64 count = i == HVSIM_STALE_EVENTS ?
			    (s64)hvsim_stale_events() :
			    (s64)atomic64_read(&hvsim_counts[i]);

		n += sysfs_emit_at(buf, n, "%s %lld\n", hvsim_count_names[i],
				   count);
	}
	return n;
}

/**
 * hvsim_stats_reset - counters and latencies start at 0
 *
 * What happens meanwhile may be counted or not. Context: any.
 */
void hvsim_stats_reset(void)
{
	unsigned int i, j;

	for (i = 0; i < HVSIM_COUNTS; i++)
		atomic64_set(&hvsim_counts[i], 0);
	for (i = 0; i < HVSIM_LATENCIES; i++) {
		atomic64_set(&hvsim_latencies[i].count, 0);
		atomic64_set(&hvsim_latencies[i].max, 0);
		for (j = 0; j < HVSIM_BUCKETS; j++)
			atomic64_set(&hvsim_latencies[i].bucket[j], 0);
	}
}

/**
 * hvsim_seed - start the dice anew
 * @seed: from where
 *
 * Context: process.
 */
void hvsim_seed(u64 seed)
{
	unsigned int i;

	for (i = 0; i < HVSIM_MAX_CPUS; i++)
		prandom_seed_state(&hvsim_dice[i], seed * HVSIM_MAX_CPUS + i);
}

static u32 hvsim_random(u32 below)
{
	return prandom_u32_state(&hvsim_dice[smp_processor_id()]) % below;
}

/**
 * hvsim_roll - does the hazard strike?
 * @which: the hazard
 *
 * Context: interrupts off.
 */
bool hvsim_roll(enum hvsim_hazard which)
{
	unsigned int percent = READ_ONCE(hvsim_hazard[which]);

	return percent && hvsim_random(100) < percent;
}

/**
 * hvsim_delay_up_to - let a random time pass
 * @max_ns: at most this long
 *
 * Context: interrupts off.
 */
void hvsim_delay_up_to(unsigned int max_ns)
{
	ndelay(hvsim_random(max_ns));
}
