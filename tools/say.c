// SPDX-License-Identifier: GPL-2.0-only
/*
 * What everybody needs: how errors are said, and files below the root that is
 * looked at, which is another than "/" when "doctor" looks at a copy of a board.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

const char *hvnet_root = "";

/* Say what is wrong, and return -1 for the caller to return. */
int say_err(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("hvnet: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

static const char *vbelow_root(char *path, const char *fmt, va_list args)
{
	int n = snprintf(path, PATH_MAX, "%s", hvnet_root);

	if (n < PATH_MAX)
		vsnprintf(path + n, PATH_MAX - n, fmt, args);
	return path;
}

/* @path has room for PATH_MAX. */
const char *below_root(char *path, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vbelow_root(path, fmt, args);
	va_end(args);
	return path;
}

bool exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vbelow_root(path, fmt, args);
	va_end(args);
	return !access(path, F_OK);
}

/* The first line of a file, without its newline. Return: 0 or -1. */
int read_line(char *to, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *f;

	va_start(args, fmt);
	vbelow_root(path, fmt, args);
	va_end(args);
	to[0] = '\0';
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(to, size, f))
		to[0] = '\0';
	fclose(f);
	to[strcspn(to, "\n")] = '\0';
	return 0;
}

/* 592 MiB, 4 GiB, 4100 bytes */
void human_size(char *to, size_t size, __u64 bytes)
{
	static const char * const unit[] = { "bytes", "KiB", "MiB", "GiB" };
	size_t i = 0;

	while (i < 3 && bytes && !(bytes & 0x3ff)) {
		bytes >>= 10;
		i++;
	}
	snprintf(to, size, "%llu %s", bytes, unit[i]);
}
