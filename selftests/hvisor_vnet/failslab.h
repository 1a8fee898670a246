/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's fault injection: memory that is there is refused, of the slab
 * allocator and of the page allocator alike.  At random, or one request after the
 * other of those that a task makes; what has to come of it is each test's business.
 */
#ifndef HVNET_FAILSLAB_H
#define HVNET_FAILSLAB_H

#include "rawguest.h"

#define FS_DIR	"/sys/kernel/debug"

/**
 * struct fs_op - something that is asked for
 * @name: what it is
 * @before: makes what it needs; may be left out
 * @perform: asks, between fs_arm() and fs_disarm(); returns 0 or a negative errno
 * @after: takes away what is there then, if anything is; may be left out
 */
struct fs_op {
	const char *name;
	void (*before)(void);
	int (*perform)(void);
	void (*after)(void);
};

void fs_set(const char *file, u64 value);
void fs_setup(void);
unsigned int fs_every(unsigned int otherwise);

/* Only requests that the calling thread makes between these are counted. */
void fs_arm(void);
int fs_disarm(long result);

unsigned int fs_requests(const struct fs_op *op);
bool fs_bears_one(const struct fs_op *op, unsigned int n, bool *refused,
		  unsigned int *failed);

int fs_load_module(void);
bool fs_works(void);

#endif /* HVNET_FAILSLAB_H */
