// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet doctor": looks at everything that has to fit for a zone's NIC to work,
 * and says for each thing that does not what to type or paste.  It changes
 * nothing.  Only how findings are said and counted is here.
 */
#include "hvnet.h"

static unsigned int n_fixes, n_notes;

static void say(const char *mark, const char *fmt, va_list args)
{
	printf("  %-6s", mark);
	vprintf(fmt, args);
	putchar('\n');
}

void say_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("ok", fmt, args);
	va_end(args);
}

/* Worth knowing. */
void say_notice(const char *fmt, ...)
{
	va_list args;

	n_notes++;
	va_start(args, fmt);
	say("note", fmt, args);
	va_end(args);
}

/* Wrong. */
void say_warn(const char *fmt, ...)
{
	va_list args;

	n_fixes++;
	va_start(args, fmt);
	say("FIX", fmt, args);
	va_end(args);
}

/* A line to type or paste, below a finding. */
void paste(const char *fmt, ...)
{
	va_list args;

	fputs("\t\t", stdout);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static const char *plural(unsigned int n)
{
	return n == 1 ? "" : "s";
}

/* Return: 0 if there is nothing to fix, else 1. */
int doctor(const struct config *c, const char *zone_file)
{
	puts("root Linux");
	doctor_board(c);
	if (c)
		doctor_config(c);
	if (zone_file)
		doctor_zone_file(c, zone_file);
	printf("%u thing%s to fix, %u note%s\n", n_fixes, plural(n_fixes),
	       n_notes, plural(n_notes));
	return n_fixes != 0;
}
