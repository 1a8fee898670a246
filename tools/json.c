// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON as hvisor-tool takes it, which is a little more than JSON: keys in any
 * case, numbers as strings in any base, and whatever may follow the end.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hvnet.h"

/* Numbers are read exactly up to here. */
#define MAX_REAL	9007199254740992.0

/* Without its byte order mark, which editors on other systems leave. */
static char *skip_mark(char *text)
{
	return strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3;
}

/* A file's text, to be freed; NULL with errno set. */
static char *slurp(const char *file)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(file, "re");

	if (!f)
		return NULL;
	/* No JSON has a NUL in it. */
	if (getdelim(&text, &size, '\0', f) < 0 && !ferror(f)) {
		free(text);
		text = strdup("");
	} else if (ferror(f)) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* The line that does not read, and where in it. */
static void show_line(const char *text, int line, int column)
{
	int i;

	for (i = 1; i < line && (text = strchr(text, '\n')); i++)
		text++;
	if (!text || column < 1)
		return;
	fprintf(stderr, "\t%.*s\n\t", (int)strcspn(text, "\r\n"), text);
	for (i = 0; i < column - 1 && text[i]; i++)
		fputc(text[i] == '\t' ? '\t' : ' ', stderr);
	fputs("^\n", stderr);
}

/* Return: what stands in @file, or NULL, said why. */
json_t *json_read_file(const char *file)
{
	json_error_t error;
	char *text = slurp(file);
	json_t *json;

	if (!text) {
		say_err("%s: %s", file, strerror(errno));
		return NULL;
	}
	json = json_loads(skip_mark(text),
			  JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK,
			  &error);
	if (!json && error.line < 0) {
		say_err("%s: %s", file, strerror(ENOMEM));
	} else if (!json) {
		say_err("%s: line %d, column %d: %s", file, error.line,
			error.column, error.text);
		show_line(skip_mark(text), error.line, error.column);
	}
	free(text);
	return json;
}

/* Also finds "Addr" for "addr". */
json_t *json_member(json_t *object, const char *key)
{
	const char *name;
	json_t *v;

	json_object_foreach(object, name, v)
		if (!strcasecmp(name, key))
			return v;
	return NULL;
}

/* 69, 0x45 or 0105, and nothing behind it. Return: 0 or -1. */
int number_of(const char *text, __u64 *to)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	*to = strtoull(text, &end, 0);
	return *end || errno ? -1 : 0;
}

/* 69, "69", "0x45", 6.9e1. Return: 0 or -1. */
int json_number(const json_t *v, __u64 *to)
{
	double real = json_real_value(v);

	if (json_is_string(v))
		return number_of(json_string_value(v), to);
	if (json_is_real(v) && real >= 0 && real < MAX_REAL &&
	    real == (double)(__u64)real) {
		*to = real;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*to = json_integer_value(v);
	return 0;
}
