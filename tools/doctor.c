// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet doctor": looks at everything that has to fit for a zone's NIC to work,
 * and says for each thing that does not what to type or paste.  It changes
 * nothing.  Only how findings are said and counted is here.
 */
#include <jansson.h>
#include <stdlib.h>

#include "hvnet.h"
#include "print.h"

static unsigned int n_fixes, n_notes;
static json_t *findings;	/* NULL: print them */
static char about[128];		/* what they are about */

static json_t *json_text(const char *fmt, va_list args)
{
	char *text;
	json_t *j;

	if (vasprintf(&text, fmt, args) < 0)
		return NULL;
	j = json_string(text);
	free(text);
	return j;
}

/* What follows is about that. */
void heading(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(about, sizeof(about), fmt, args);
	va_end(args);
	if (!findings)
		puts(about);
}

static void say(const char *mark, const char *fmt, va_list args)
{
	if (findings) {
		json_array_append_new(findings,
				      json_pack("{s:s, s:s, s:o, s:[]}",
						"about", about, "mark", mark,
						"text", json_text(fmt, args),
						"paste"));
		return;
	}
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
	json_t *last = json_array_get(findings, json_array_size(findings) - 1);
	va_list args;

	va_start(args, fmt);
	if (findings) {
		json_array_append_new(json_object_get(last, "paste"),
				      json_text(fmt, args));
	} else {
		fputs("\t\t", stdout);
		vprintf(fmt, args);
		putchar('\n');
	}
	va_end(args);
}

static const char *plural(unsigned int n)
{
	return n == 1 ? "" : "s";
}

static void sum_up(void)
{
	if (findings)
		print_json(json_pack("{s:o, s:i, s:i}", "findings", findings,
				     "fixes", n_fixes, "notes", n_notes), false);
	else
		printf("%u thing%s to fix, %u note%s\n", n_fixes,
		       plural(n_fixes), n_notes, plural(n_notes));
}

/* Return: 0 if there is nothing to fix, else 1. */
int doctor(const struct config *c, const char *zone_file, bool json)
{
	findings = json ? json_array() : NULL;
	heading("root Linux");
	doctor_board(c);
	if (c)
		doctor_config(c);
	if (zone_file)
		doctor_zone_file(c, zone_file);
	sum_up();
	return n_fixes != 0;
}
