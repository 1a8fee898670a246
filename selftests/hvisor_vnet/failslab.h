/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's fault injection: memory that is there is refused, of the slab
 * allocator and of the page allocator alike.  Which request, by number or at
 * random, and what has to come of it, is each test's business.
 */
#ifndef HVNET_FAILSLAB_H
#define HVNET_FAILSLAB_H

#include "rawguest.h"

#define FS_DIR	"/sys/kernel/debug"

/* The same word to both. */
static inline void fs_set(const char *file, u64 value)
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

/* Requests that could wait for memory are refused as well, and small ones. */
static inline void fs_setup(void)
{
	if (access(FS_DIR "/failslab", F_OK) ||
	    access(FS_DIR "/fail_page_alloc", F_OK))
		ktap_skip_all("the kernel refuses no memory on purpose");
	fs_set("probability", 0);
	fs_set("verbose", 0);
	fs_set("ignore-gfp-wait", 0);
	rg_write(FS_DIR "/fail_page_alloc/min-order", "0\n");
}

#endif /* HVNET_FAILSLAB_H */
