// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU that counts, exactly, which kernel code ran while the
 * benchmark measured something.  The program in the VM marks begin and end of
 * each measurement by an instruction that does nothing and that no compiler
 * makes; between them the executions of each block of code are counted, and at
 * the end written down:
 *
 *	REGION ADDRESS INSTRUCTIONS
 *
 * with the measurements numbered from 0.  What is at an address is profile.awk's
 * business.  One CPU only.
 *
 *	qemu-system-aarch64 ... -plugin icprofile.so,out=FILE
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define MARK_BEGIN	0xaa1c03fcu	/* mov x28, x28 */
#define MARK_END	0xaa1b03fbu	/* mov x27, x27 */

#define KERNEL_SPACE	0x8000000000000000ull	/* a bit of its addresses */
#define BUCKETS		65536

/**
 * struct block - a piece of code without a branch
 * @next: in its bucket
 * @at: address
 * @n: instructions
 * @count: instructions executed since the last mark; written by the code that
 *	QEMU makes, so a block lives for ever
 */
struct block {
	struct block *next;
	uint64_t at;
	size_t n;
	uint64_t count;
};

/* Read by QEMU, by its name. */
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static struct block *buckets[BUCKETS];
static unsigned int region;
static FILE *out;

static struct block *block_at(uint64_t at, size_t n)
{
	struct block **bucket = &buckets[at / 4 % BUCKETS];
	struct block *b;

	for (b = *bucket; b; b = b->next)
		if (b->at == at && b->n == n)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->at = at;
	b->n = n;
	b->next = *bucket;
	*bucket = b;
	return b;
}

static void on_begin(unsigned int cpu, void *data)
{
	struct block *b;
	size_t i;

	(void)cpu;
	(void)data;
	for (i = 0; i < BUCKETS; i++)
		for (b = buckets[i]; b; b = b->next)
			b->count = 0;
}

static void on_end(unsigned int cpu, void *data)
{
	struct block *b;
	size_t i;

	(void)cpu;
	(void)data;
	for (i = 0; i < BUCKETS; i++)
		for (b = buckets[i]; b; b = b->next)
			if (b->count)
				fprintf(out, "%u %llx %llu\n", region,
					(unsigned long long)b->at,
					(unsigned long long)b->count);
	/* QEMU may be killed before it could close it. */
	fflush(out);
	region++;
}

static void look_for_marks(struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *insn;
	uint32_t code;

	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		memcpy(&code, qemu_plugin_insn_data(insn), sizeof(code));
		if (code != MARK_BEGIN && code != MARK_END)
			continue;
		qemu_plugin_register_vcpu_insn_exec_cb(insn,
						       code == MARK_BEGIN ?
						       on_begin : on_end,
						       QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	}
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (at & KERNEL_SPACE)
		qemu_plugin_register_vcpu_tb_exec_inline(tb,
							 QEMU_PLUGIN_INLINE_ADD_U64,
							 &block_at(at, n)->count,
							 n);
	else
		look_for_marks(tb);
}

/* Called by QEMU, by its name. */
__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "we");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
