// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads virtio_cfg.json as hvisor-tool's users write it, and writes the copy
 * that the daemon gets.  Numbers may be JSON numbers or strings, decimal or
 * hexadecimal.  What is wrong is said with the file, the place in it, and what
 * would be right; what is done with an entry is apply.c's business.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvnet.h"

/* Where we are in the file, for messages: "zones[0].devices[2].irq". */
struct place {
	const char *file;
	char path[256];
};

static struct place place_in(const struct place *p, const char *fmt, ...)
{
	struct place q = { .file = p->file };
	size_t n = strlen(p->path);
	va_list args;

	memcpy(q.path, p->path, n);
	va_start(args, fmt);
	vsnprintf(q.path + n, sizeof(q.path) - n, fmt, args);
	va_end(args);
	return q;
}

static int __attribute__((format(printf, 2, 3)))
complain(const struct place *p, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "hvnet: %s: %s: ", p->file, p->path);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}

static int parse_number(const char *text, uint64_t *to)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*to = strtoull(text, &end, 0);
	while (isspace((unsigned char)*end))
		end++;
	return *end || errno ? -EINVAL : 0;
}

static int read_number(const struct place *p, json_t *v, uint64_t *to)
{
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*to = json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && !parse_number(json_string_value(v), to))
		return 0;
	return complain(p, "is no number; right would be 77, \"77\" or \"0x4d\"");
}

/* A member that has to be there. */
static int get_number(const struct place *p, json_t *object, const char *key,
		      uint64_t *to)
{
	struct place q = place_in(p, ".%s", key);
	json_t *v = json_object_get(object, key);

	if (!v)
		return complain(&q, "is missing; a number is wanted");
	return read_number(&q, v, to);
}

static const char *get_string(const struct place *p, json_t *object,
			      const char *key, const char *example)
{
	struct place q = place_in(p, ".%s", key);
	json_t *v = json_object_get(object, key);

	if (json_is_string(v))
		return json_string_value(v);
	complain(&q, "%s; right would be \"%s\"",
		 v ? "is no string" : "is missing", example);
	return NULL;
}

static json_t *get_array(const struct place *p, json_t *object, const char *key)
{
	struct place q = place_in(p, ".%s", key);
	json_t *v = json_object_get(object, key);

	if (json_is_array(v))
		return v;
	complain(&q, "%s; a list in [ ] is wanted",
		 v ? "is no list" : "is missing");
	return NULL;
}

static int read_range(const struct place *p, json_t *v, struct range *r)
{
	int err = get_number(p, v, "zone0_ipa", &r->root) ?:
		  get_number(p, v, "zonex_ipa", &r->guest) ?:
		  get_number(p, v, "size", &r->size);

	if (!err && !r->size)
		return complain(p, "has size 0; give the bytes of RAM the zone has there");
	return err;
}

static int read_ram(const struct place *p, json_t *v, struct zone *z)
{
	json_t *list = get_array(p, v, "memory_region"), *item;
	size_t i;

	if (!list)
		return -EINVAL;
	if (!json_array_size(list) || json_array_size(list) > MAX_RANGES)
		return complain(p, "memory_region has %zu entries; 1 to %d are right",
				json_array_size(list), MAX_RANGES);
	json_array_foreach(list, i, item) {
		struct place q = place_in(p, ".memory_region[%zu]", i);

		if (read_range(&q, item, &z->ram[i]))
			return -EINVAL;
		z->n_ram++;
	}
	return 0;
}

/* ["0x00", "0x16", ...], of strings or numbers, or "00:16:..." */
static int read_mac(const struct place *p, json_t *v, struct entry *e)
{
	static const char right[] =
		"right would be [\"0x02\",\"0x00\",\"0x00\",\"0x00\",\"0x00\",\"0x01\"]";
	uint64_t byte;
	json_t *item;
	size_t i;

	if (!v)
		return 0;
	if (json_is_string(v) && json_string_length(v) == sizeof(e->mac) - 1) {
		strcpy(e->mac, json_string_value(v));
		return 0;
	}
	if (json_array_size(v) != 6)
		return complain(p, "is not six bytes; %s", right);
	json_array_foreach(v, i, item) {
		struct place q = place_in(p, "[%zu]", i);

		if (read_number(&q, item, &byte))
			return -EINVAL;
		if (byte > 0xff)
			return complain(&q, "is more than a byte; %s", right);
		snprintf(e->mac + 3 * i, 4, "%02x%s", (unsigned int)byte,
			 i < 5 ? ":" : "");
	}
	return 0;
}

static int read_net(const struct place *p, json_t *v, struct entry *e)
{
	struct place q = place_in(p, ".mac");
	const char *tap = get_string(p, v, "tap", "tap0");

	if (!tap)
		return -EINVAL;
	if (!*tap || strlen(tap) >= sizeof(e->tap)) {
		q = place_in(p, ".tap");
		return complain(&q, "'%s' cannot name an interface; 1 to %zu characters are right",
				tap, sizeof(e->tap) - 1);
	}
	strcpy(e->tap, tap);
	return get_number(p, v, "addr", &e->addr) ?:
	       get_number(p, v, "len", &e->len) ?:
	       get_number(p, v, "irq", &e->irq) ?:
	       read_mac(&q, json_object_get(v, "mac"), e);
}

/* Of other kinds of device only the kind matters: they are the daemon's. */
static int read_entry(const struct place *p, json_t *v, struct entry *e)
{
	const char *status = json_string_value(json_object_get(v, "status"));

	e->type = get_string(p, v, "type", "net");
	if (!e->type)
		return -EINVAL;
	e->enabled = !status || strcmp(status, "disable");
	return is_net(e) && e->enabled ? read_net(p, v, e) : 0;
}

static int read_zone(const struct place *p, json_t *v, struct zone *z)
{
	json_t *list, *item;
	size_t i;

	if (get_number(p, v, "id", &z->id) || read_ram(p, v, z))
		return -EINVAL;
	list = get_array(p, v, "devices");
	if (!list)
		return -EINVAL;
	z->entries = calloc(json_array_size(list) + 1, sizeof(*z->entries));
	if (!z->entries)
		return -ENOMEM;
	json_array_foreach(list, i, item) {
		struct place q = place_in(p, ".devices[%zu]", i);

		if (read_entry(&q, item, &z->entries[i]))
			return -EINVAL;
		z->n_entries++;
	}
	return 0;
}

static int read_zones(struct config *c)
{
	struct place top = { .file = c->file, .path = "" };
	json_t *list = get_array(&top, c->json, "zones"), *item;
	size_t i;

	if (!list)
		return -EINVAL;
	c->zones = calloc(json_array_size(list) + 1, sizeof(*c->zones));
	if (!c->zones)
		return -ENOMEM;
	json_array_foreach(list, i, item) {
		struct place p = place_in(&top, "zones[%zu]", i);

		c->n_zones++;
		if (read_zone(&p, item, &c->zones[i]))
			return -EINVAL;
	}
	return 0;
}

/* Read @file; on success config_free() is owed. Return: 0 or -1, said why. */
int config_read(struct config *c, const char *file)
{
	json_error_t error;

	memset(c, 0, sizeof(*c));
	c->file = file;
	c->json = json_load_file(file, 0, &error);
	if (!c->json) {
		fprintf(stderr, "hvnet: %s: line %d, column %d: %s\n", file,
			error.line, error.column, error.text);
		return -1;
	}
	if (read_zones(c)) {
		config_free(c);
		return -1;
	}
	return 0;
}

void config_free(struct config *c)
{
	size_t i;

	for (i = 0; i < c->n_zones; i++)
		free(c->zones[i].entries);
	free(c->zones);
	json_decref(c->json);
	memset(c, 0, sizeof(*c));
}

static void disable_net(json_t *json)
{
	json_t *zone, *device;
	size_t i, j;

	json_array_foreach(json_object_get(json, "zones"), i, zone)
		json_array_foreach(json_object_get(zone, "devices"), j, device) {
			const char *type = json_string_value(json_object_get(device, "type"));

			if (!strcmp(type, "net"))
				json_object_set_new(device, "status",
						    json_string("disable"));
		}
}

/*
 * Write the daemon's copy: the same, but for the net entries, which it would
 * otherwise want a tap for. All of it or nothing: the daemon may be reading.
 */
int config_write_for_daemon(const struct config *c, const char *file)
{
	json_t *copy = json_deep_copy(c->json);
	char name[4096];
	int err = -1;

	if (!copy)
		return -1;
	disable_net(copy);
	snprintf(name, sizeof(name), "%s.new", file);
	if (!json_dump_file(copy, name, JSON_INDENT(2)) && !rename(name, file))
		err = 0;
	else
		fprintf(stderr, "hvnet: %s: cannot be written: %s\n", file,
			strerror(errno));
	json_decref(copy);
	return err;
}
