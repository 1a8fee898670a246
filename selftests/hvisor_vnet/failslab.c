// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's fault injection, for the tests that refuse memory; see failslab.h.
 */
#define _GNU_SOURCE
#include "failslab.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define MANY	1000000		/* more than anything needs */

static int nth_file = -1;
static unsigned int nth;	/* which request is to be refused; 0: none */
static unsigned int left;	/* requests before that one; 0: it came */

/**
 * fs_set - set a file of failslab's and of fail_page_alloc's
 * @file: its name
 * @value: what to set it to
 */
void fs_set(const char *file, u64 value)
{
	static const char *const which[] = { "failslab", "fail_page_alloc" };
	unsigned int i;
	char path[96];

	for (i = 0; i < RG_ARRAY_SIZE(which); i++) {
		snprintf(path, sizeof(path), FS_DIR "/%s/%s", which[i], file);
		if (rg_write(path, "%#llx\n", (unsigned long long)value))
			rg_die("cannot set %s", path);
	}
}

/**
 * fs_setup - before everything else
 *
 * Requests that could wait for memory are refused as well, and small ones. Skips the
 * test where the kernel cannot do that.
 */
void fs_setup(void)
{
	if (access(FS_DIR "/failslab", F_OK) ||
	    access(FS_DIR "/fail_page_alloc", F_OK))
		ktap_skip_all("the kernel refuses no memory on purpose");
	fs_set("probability", 0);
	fs_set("verbose", 0);
	fs_set("ignore-gfp-wait", 0);
	rg_write(FS_DIR "/fail_page_alloc/min-order", "0\n");
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		rg_die("fail-nth: %s", strerror(errno));
}

/**
 * fs_every - every how many requests shall one be refused?
 * @otherwise: if HVNET_EVERY in the kernel's command line does not say
 */
unsigned int fs_every(unsigned int otherwise)
{
	const char *word = getenv("HVNET_EVERY");

	return (word ? strtoul(word, NULL, 0) : otherwise) ?: 1;
}

static void nth_write(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_file, text, len, 0) != len)
		rg_die("fail-nth: %s", strerror(errno));
}

/**
 * fs_arm - from here on requests are counted
 */
void fs_arm(void)
{
	if (nth)
		nth_write(nth);
}

/**
 * fs_disarm - up to here
 * @result: of a system call
 *
 * Return: @result, or the errno it stands for.
 */
int fs_disarm(long result)
{
	int err = result < 0 ? -errno : 0;
	char text[16] = "";

	if (!nth)
		return err;
	if (pread(nth_file, text, sizeof(text) - 1, 0) < 1)
		rg_die("fail-nth: %s", strerror(errno));
	left = strtoul(text, NULL, 10);
	nth_write(0);
	return err;
}

static void optional(void (*fn)(void))
{
	if (fn)
		fn();
}

/* With request @n refused. */
static int perform(const struct fs_op *op, unsigned int n)
{
	int err;

	optional(op->before);
	left = n;
	nth = n;
	err = op->perform();
	nth = 0;
	return err;
}

/**
 * fs_requests - how many requests does it make, if none is refused?
 * @op: what is asked for
 */
unsigned int fs_requests(const struct fs_op *op)
{
	int err = perform(op, MANY);

	if (err)
		rg_die("%s: %s", op->name, strerror(-err));
	optional(op->after);
	return MANY - left;
}

/**
 * fs_bears_one - a request for memory is refused
 * @op: what is asked for
 * @n: which request
 * @refused: set to whether there were as many
 * @failed: incremented if it failed
 *
 * What a failure leaves behind fails the next one. Which errno comes of it is for
 * those to say who wanted the memory, mostly not us: the networking core has been
 * seen to call it EINVAL.
 *
 * Return: true unless it failed without a reason.
 */
bool fs_bears_one(const struct fs_op *op, unsigned int n, bool *refused,
		  unsigned int *failed)
{
	int err = perform(op, n);
	bool ok;

	*refused = !left;
	*failed += !!err;
	ok = !err || *refused;
	if (!ktap_expect(ok))
		ktap_diag("error %d", err);
	optional(op->after);
	return ok;
}

/**
 * fs_load_module - load the module; what that asks for is counted
 *
 * Return: 0 or a negative errno.
 */
int fs_load_module(void)
{
	struct utsname name;
	char path[160];
	int fd, err;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/extra/hvisor_vnet.ko",
		 name.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		rg_die("%s: %s", path, strerror(errno));
	fs_arm();
	err = fs_disarm(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
	return err;
}

/**
 * fs_works - does a device that is made now carry frames?
 */
bool fs_works(void)
{
	struct rg_zone zone;
	struct rg_dev dev;
	bool ok;

	rg_zone_add(&zone, 1, 0, 0x100000, 0x40000000);
	rg_dev_add(&dev, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(&dev, RG_FEATURES);
	ok = rg_works(&dev);
	rg_dev_del(&dev);
	rg_zone_del(&zone);
	return ok;
}
