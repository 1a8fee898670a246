/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP for the unit tests: a table of tests, a check that says where it failed,
 * and random numbers that are the same in each run.
 */
#ifndef UNIT_KTAP_H
#define UNIT_KTAP_H

#include <stdbool.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>

struct ktap_test {
	const char *name;
	void (*run)(void);
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KTAP_TEST(fn)	{ #fn, fn }

static bool ktap_failed;
static u64 ktap_seed;

/* Ends the test: the function that holds the check returns. */
#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: not true: %s\n",		\
			       __FILE__, __LINE__, #cond);		\
			ktap_failed = true;				\
			return;						\
		}							\
	} while (0)

/* A check inside of what a function called from a test did. */
#define CHECK_PASSED()							\
	do {								\
		if (ktap_failed)					\
			return;						\
	} while (0)

/* SplitMix64: small, and good enough to drive a fuzzer. */
static inline u64 rnd(void)
{
	u64 z = ktap_seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static inline uint32_t rnd_below(uint32_t n)
{
	return rnd() % n;
}

static inline bool one_in(uint32_t n)
{
	return !rnd_below(n);
}

static inline int ktap_main(const struct ktap_test *test, unsigned int n)
{
	unsigned int i, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n1..%u\n", n);
	for (i = 0; i < n; i++) {
		ktap_failed = false;
		ktap_seed = 1;
		test[i].run();
		failed += ktap_failed;
		printf("%sok %u %s\n", ktap_failed ? "not " : "", i + 1,
		       test[i].name);
	}
	printf("# Totals: pass:%u fail:%u skip:0\n", n - failed, failed);
	return failed ? 1 : 0;
}

#endif /* UNIT_KTAP_H */
