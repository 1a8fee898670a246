/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for the C programs that run inside the VM: test points, a plan, checks
 * that say where they failed, and the exit status that goes with them.  All of
 * it is in this header; what is tested is not its business.
 */
#ifndef HVNET_SELFTEST_KTAP_H
#define HVNET_SELFTEST_KTAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef __printf
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#endif

#define KTAP_PASS	0
#define KTAP_FAIL	1
#define KTAP_SKIP	4

static unsigned int ktap_points, ktap_failures, ktap_skips;

static inline void ktap_plan(unsigned int points)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%u\n", points);
}

__printf(1, 2)
static inline void ktap_diag(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

__printf(2, 3)
static inline bool ktap_point(bool passed, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	ktap_points++;
	ktap_failures += !passed;
	printf("%sok %u ", passed ? "" : "not ", ktap_points);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	return passed;
}

static inline void ktap_skip(const char *what, const char *why)
{
	ktap_points++;
	ktap_skips++;
	printf("ok %u %s # SKIP %s\n", ktap_points, what, why);
}

/* The program as a whole makes no sense here. */
static inline void ktap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(KTAP_SKIP);
}

/* Nothing further can be tested. */
#define ktap_abort(fmt, ...)						\
	do {								\
		ktap_point(false, "%s:%d: " fmt, __FILE__, __LINE__,	\
			   ##__VA_ARGS__);				\
		exit(KTAP_FAIL);					\
	} while (0)

static inline int ktap_finish(void)
{
	printf("# Totals: pass:%u fail:%u skip:%u\n",
	       ktap_points - ktap_failures - ktap_skips, ktap_failures,
	       ktap_skips);
	fflush(stdout);
	return ktap_failures ? KTAP_FAIL : KTAP_PASS;
}

/* How many of what there is much of: fewer on a slow kernel, never none. */
static inline unsigned long long ktap_scaled(unsigned long long n)
{
	const char *word = getenv("RIG_SCALE");
	unsigned long long scale = word ? strtoull(word, NULL, 10) : 1;

	return scale ? (n + scale - 1) / scale : n;
}

/* A kernel that looks for faults is not judged by the time that takes it. */
static inline bool ktap_is_slow(void)
{
	return ktap_scaled(2) == 1;
}

/* A point that says how long something took: skipped on a slow kernel. */
__printf(2, 3)
static inline void ktap_timed_point(bool in_time, const char *fmt, ...)
{
	char what[80];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (ktap_is_slow())
		ktap_skip(what, "this kernel is too slow to be timed");
	else
		ktap_point(in_time, "%s", what);
}

/* What is tested, and how: true if it is as it should be. */
struct ktap_test {
	const char *name;
	bool (*run)(void);
};

/* A point for each, in turn. */
static inline void ktap_run(const struct ktap_test *tests, size_t n)
{
	for (; n; n--, tests++)
		ktap_point(tests->run(), "%s", tests->name);
}

/* The same for such as are questions of time. */
static inline void ktap_run_timed(const struct ktap_test *tests, size_t n)
{
	for (; n; n--, tests++)
		ktap_timed_point(tests->run(), "%s", tests->name);
}

/* True or false like the condition; says where when it is false. */
#define ktap_expect(cond)						\
	({								\
		bool __ok = (cond);					\
									\
		if (!__ok)						\
			ktap_diag("%s:%d: not true: %s", __FILE__,	\
				  __LINE__, #cond);			\
		__ok;							\
	})

#define ktap_expect_eq(a, b)						\
	({								\
		unsigned long long __a = (a), __b = (b);		\
									\
		if (__a != __b)						\
			ktap_diag("%s:%d: %s is %#llx, not %s = %#llx",	\
				  __FILE__, __LINE__, #a, __a, #b, __b);\
		__a == __b;						\
	})

static inline unsigned long long ktap_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Polls cond until it is true or ms have passed; the value is what it became. */
#define ktap_wait_for(ms, cond)						\
	({								\
		unsigned long long __end = ktap_now_ns() +		\
					   (ms) * 1000000ull;		\
		bool __met;						\
									\
		while (!(__met = (cond)) && ktap_now_ns() < __end)	\
			usleep(100);					\
		__met;							\
	})

#endif /* HVNET_SELFTEST_KTAP_H */
