// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is counted while something runs: instructions or time.  The emulated
 * CPU's instruction counter is exact when its clock is that counter (QEMU's
 * icount), with one CPU.  Without that there is no such event, and time is all.
 * For the question which instructions they are, see icprofile.c.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

static int bn_event = -1;
static u64 bn_began;

static u64 bn_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* For icprofile.c, which knows these instructions; they do nothing. */
#ifdef __aarch64__
#define BN_MARK_BEGIN	"mov x28, x28"
#define BN_MARK_END	"mov x27, x27"
#else
#define BN_MARK_BEGIN	""
#define BN_MARK_END	""
#endif

/**
 * bn_count_open - say what is counted from now on
 * @method: which
 * @thread: for BN_OWN: whose
 */
void bn_count_open(enum bn_method method, pid_t thread)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.exclude_hv = 1,
		.exclude_user = method != BN_OWN,
		.exclude_kernel = method == BN_OWN,
	};
	bool own = method == BN_OWN;

	if (method == BN_WALL)
		return;
	bn_event = syscall(SYS_perf_event_open, &attr, own ? thread : -1,
			   own ? -1 : 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (bn_event < 0)
		rg_die("no instruction counter: %s", strerror(errno));
}

/**
 * bn_count_close - nothing is counted any more
 */
void bn_count_close(void)
{
	if (bn_event >= 0)
		close(bn_event);
	bn_event = -1;
}

/**
 * bn_count_start - begin at 0
 */
void bn_count_start(void)
{
	if (bn_event < 0) {
		bn_began = bn_now();
		return;
	}
	ioctl(bn_event, PERF_EVENT_IOC_RESET, 0);
	ioctl(bn_event, PERF_EVENT_IOC_ENABLE, 0);
	__asm__ volatile(BN_MARK_BEGIN ::: "memory");
}

/**
 * bn_count_stop - how much it was
 */
u64 bn_count_stop(void)
{
	u64 n;

	if (bn_event < 0)
		return bn_now() - bn_began;
	__asm__ volatile(BN_MARK_END ::: "memory");
	ioctl(bn_event, PERF_EVENT_IOC_DISABLE, 0);
	if (read(bn_event, &n, sizeof(n)) != sizeof(n))
		rg_die("instruction counter: %s", strerror(errno));
	return n;
}
