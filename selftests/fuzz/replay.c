// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs inputs through a fuzzer's function once each, without libFuzzer: to look
 * at a finding, and to measure what a corpus reaches.
 */
#include "fuzz.h"

#define INPUT_MAX	0x100000

static void replay(const char *name)
{
	static u8 input[INPUT_MAX];
	FILE *f = fopen(name, "rb");
	size_t len;
	u8 *data;

	if (!f) {
		perror(name);
		exit(2);
	}
	len = fread(input, 1, sizeof(input), f);
	fclose(f);
	/* Not a byte more, so that ASan sees a read beyond. */
	data = malloc(len ? len : 1);
	REQUIRE(data);
	memcpy(data, input, len);
	fuzz_one(data, len);
	free(data);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		replay(argv[i]);
	return 0;
}
