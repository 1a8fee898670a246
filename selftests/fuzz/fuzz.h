/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzers share: reading an input, a claim that must hold, and a guest's
 * RAM in which every byte that changes without leave is noticed.  What is done
 * with an input is each fuzzer's own business.
 */
#ifndef HVNET_FUZZ_H
#define HVNET_FUZZ_H

#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* What the sanitizers cannot know. */
#define REQUIRE(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: not true: %s\n",	\
				__FILE__, __LINE__, #cond);		\
			abort();					\
		}							\
	} while (0)

/* The rest of an input; beyond its end there are zeroes. */
struct fuzz_input {
	const u8 *at;
	size_t left;
};

static inline u64 fuzz_take(struct fuzz_input *in, unsigned int bytes)
{
	u64 value = 0;

	while (bytes-- && in->left) {
		value = value << 8 | *in->at++;
		in->left--;
	}
	return value;
}

static inline void fuzz_take_bytes(struct fuzz_input *in, void *to, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memcpy(to, in->at, n);
	memset((u8 *)to + n, 0, len - n);
	in->at += n;
	in->left -= n;
}

/*
 * The guest: a range for rings, a second one right behind it that is not its
 * continuation, and one that ends with the address space.  Each is an allocation
 * of its own, so that ASan sees a step beyond.
 */
#define FUZZ_LOW	0x1000ULL
#define FUZZ_LOW_SIZE	0x2000ULL
#define FUZZ_NEXT	(FUZZ_LOW + FUZZ_LOW_SIZE)
#define FUZZ_HIGH	0xfffffffffffff000ULL
#define FUZZ_SIZE	0x1000ULL
#define FUZZ_RANGES	3

struct fuzz_guest {
	struct hvnet_memory mem;
	u8 *copy[FUZZ_RANGES];
};

void fuzz_guest_init(struct fuzz_guest *g);
void fuzz_guest_fill(struct fuzz_guest *g, u8 byte);
u64 fuzz_take_ipa(struct fuzz_input *in);
void fuzz_guest_write(struct fuzz_guest *g, u64 ipa, const void *from,
		      size_t len);
void fuzz_guest_allow(struct fuzz_guest *g, const void *at, size_t len);
void fuzz_guest_check(const struct fuzz_guest *g);

/* What each fuzzer does with one input; libFuzzer's name for it: Makefile. */
int fuzz_one(const u8 *data, size_t size);

#endif /* HVNET_FUZZ_H */
