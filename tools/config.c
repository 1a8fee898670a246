// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads virtio_cfg.json as hvisor-tool's users write it, and writes the copy
 * that the daemon gets.  What is wrong is said with the file, the place in it,
 * and what would be right; what is done with an entry is apply.c's business.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

static struct place PRINTF(2, 3)
place_in(const struct place *p, const char *fmt, ...)
{
	struct place q = *p;
	size_t n = strlen(q.path);
	va_list args;

	va_start(args, fmt);
	vsnprintf(q.path + n, sizeof(q.path) - n, fmt, args);
	va_end(args);
	return q;
}

static int PRINTF(3, 4) complain_at(const struct config *c,
				    const struct place *p, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return say_err("%s: %s %s", c->file, p->path, text);
}

/* A value as it stands in the file, or its beginning. */
static const char *quote(const json_t *v)
{
	static char text[48];
	char *all = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	snprintf(text, sizeof(text), "%.40s%s", all ? all : "?",
		 all && strlen(all) > 40 ? "..." : "");
	free(all);
	return text;
}

/* Members that have to be there; @right is what one could write. */

static json_t *get(const struct config *c, const struct place *p,
		   json_t *object, const char *key, const char *right)
{
	json_t *v = json_member(object, key);
	struct place q = place_in(p, "%s%s", p->path[0] ? "." : "", key);

	if (!v)
		complain_at(c, &q, "is missing; right would be, for example, \"%s\": %s",
			    key, right);
	return v;
}

static int wrong(const struct config *c, const struct place *p, const char *key,
		 const json_t *v, const char *right)
{
	struct place q = place_in(p, "%s%s", p->path[0] ? "." : "", key);

	return complain_at(c, &q, "is %s; right would be %s", quote(v), right);
}

static int get_number(const struct config *c, const struct place *p,
		      json_t *object, const char *key, const char *right,
		      __u64 *to)
{
	json_t *v = get(c, p, object, key, right);
	char text[64];

	if (!v)
		return -1;
	if (!json_number(v, to))
		return 0;
	snprintf(text, sizeof(text), "a number, for example %s", right);
	return wrong(c, p, key, v, text);
}

/* A range of addresses that ends. */
static int check_extent(const struct config *c, const struct place *p,
			const char *key, __u64 start, __u64 size)
{
	struct place q = place_in(p, ".%s", key);

	if (start + size - 1 >= start)
		return 0;
	return complain_at(c, &q,
			   "is %#llx, and %#llx bytes from there run past the last address; right would be less",
			   start, size);
}

static int read_range(const struct config *c, const struct place *p, json_t *v,
		      struct range *r)
{
	if (get_number(c, p, v, "zone0_ipa", "\"0x50000000\"", &r->root) ||
	    get_number(c, p, v, "zonex_ipa", "\"0x50000000\"", &r->guest) ||
	    get_number(c, p, v, "size", "\"0x25000000\"", &r->size))
		return -1;
	/* hvisor-tool passes over one of size 0, and so do we. */
	if (!r->size)
		return 0;
	return check_extent(c, p, "zone0_ipa", r->root, r->size) ?:
	       check_extent(c, p, "zonex_ipa", r->guest, r->size);
}

#define RIGHT_RAM "[ { \"zone0_ipa\": \"0x50000000\", \"zonex_ipa\": \"0x50000000\", \"size\": \"0x25000000\" } ]"

static int read_ram(const struct config *c, struct zone *z, json_t *v)
{
	json_t *list = get(c, &z->place, v, "memory_region", RIGHT_RAM), *item;
	size_t i;

	if (!list)
		return -1;
	if (!json_is_array(list))
		return wrong(c, &z->place, "memory_region", list, RIGHT_RAM);
	json_array_foreach(list, i, item) {
		struct place q = place_in(&z->place, ".memory_region[%zu]", i);

		if (z->n_ram == MAX_RANGES)
			return complain_at(c, &q, "is one too many; right would be %d at most",
					   MAX_RANGES);
		if (read_range(c, &q, item, &z->ram[z->n_ram]))
			return -1;
		z->n_ram += z->ram[z->n_ram].size != 0;
	}
	if (!z->n_ram)
		return wrong(c, &z->place, "memory_region", list, RIGHT_RAM);
	return 0;
}

#define RIGHT_MAC "[\"0x02\", \"0x00\", \"0x00\", \"0x00\", \"0x00\", \"0x01\"]"

/* hvisor-tool wants one; without one the module makes one. */
static int read_mac(const struct config *c, json_t *v, struct entry *e)
{
	json_t *list = json_member(v, "mac"), *item;
	__u64 byte;
	size_t i;

	if (!list)
		return 0;
	if (json_array_size(list) != 6)
		return wrong(c, &e->place, "mac", list,
			     "a list of six bytes: " RIGHT_MAC);
	json_array_foreach(list, i, item) {
		struct place q = place_in(&e->place, ".mac[%zu]", i);

		if (json_number(item, &byte) || byte > 0xff)
			return complain_at(c, &q,
					   "is %s; right would be a byte, for example \"0x02\"",
					   quote(item));
		snprintf(e->mac + 3 * i, 4, "%02x%s", (unsigned int)byte,
			 i < 5 ? ":" : "");
	}
	return 0;
}

static int read_tap(const struct config *c, json_t *v, struct entry *e)
{
	json_t *tap = get(c, &e->place, v, "tap", "\"tap0\"");
	const char *name = json_string_value(tap);

	if (!tap)
		return -1;
	if (!name || !*name || strlen(name) >= sizeof(e->tap) ||
	    !strcmp(name, ".") || !strcmp(name, "..") ||
	    strpbrk(name, "/: \t\n\v\f\r%"))
		return wrong(c, &e->place, "tap", tap,
			     "a name for an interface, of 1 to 15 characters, for example \"tap0\"");
	strcpy(e->tap, name);
	return 0;
}

/* What hvisor-tool does not know, and passes over. */
static int read_more(const struct config *c, json_t *v, struct entry *e)
{
	const struct place *p = &e->place;
	char text[64];
	json_t *item;
	int key;

	for (key = KEY_MTU; key < KEYS; key++) {
		item = json_member(v, vnet_key_name[key]);
		if (!item)
			continue;
		snprintf(text, sizeof(text), "a number up to %#llx",
			 vnet_key_max(key));
		if (json_number(item, &e->more[key]) ||
		    e->more[key] > vnet_key_max(key))
			return wrong(c, p, vnet_key_name[key], item, text);
		e->given |= KEY_BIT(key);
	}
	return 0;
}

static int read_net(const struct config *c, json_t *v, struct entry *e)
{
	const struct place *p = &e->place;

	if (get_number(c, p, v, "addr", "\"0xffa00000\"", &e->addr) ||
	    get_number(c, p, v, "len", "\"0x200\"", &e->len) ||
	    get_number(c, p, v, "irq", "69", &e->irq) ||
	    read_tap(c, v, e) || read_mac(c, v, e) || read_more(c, v, e))
		return -1;
	if (e->irq > vnet_key_max(KEY_IRQ))
		return wrong(c, p, "irq", json_member(v, "irq"),
			     "an interrupt id, for example 69");
	if (!e->len)
		return wrong(c, p, "len", json_member(v, "len"), "\"0x200\"");
	return check_extent(c, p, "addr", e->addr, e->len);
}

/* Others are the daemon's. What can be known of them is, to find clashes. */
static void read_other(json_t *v, struct entry *e)
{
	if (json_number(json_member(v, "addr"), &e->addr) ||
	    json_number(json_member(v, "len"), &e->len))
		e->len = 0;
	if (json_number(json_member(v, "irq"), &e->irq))
		e->irq = 0;
}

#define RIGHT_STATUS "\"enable\" or \"disable\""

static int read_entry(const struct config *c, struct entry *e, json_t *v)
{
	json_t *status = json_member(v, "status");
	const char *word = json_string_value(status);
	json_t *type;

	if (!json_is_object(v))
		return complain_at(c, &e->place, "is %s; right would be { \"type\": \"net\", ... }",
				   quote(v));
	e->enabled = !word || strcmp(word, "disable");
	/* Of one that is disabled hvisor-tool reads nothing else. */
	type = e->enabled ? get(c, &e->place, v, "type", "\"net\"") :
			    json_member(v, "type");
	e->type = json_is_string(type) ? json_string_value(type) : "?";
	if (!e->enabled)
		return 0;
	if (!json_is_string(type))
		return type ? wrong(c, &e->place, "type", type,
				    "a kind of device, for example \"net\"") : -1;
	e->net = !strcmp(e->type, "net");
	if (!e->net) {
		read_other(v, e);
		return 0;
	}
	/* hvisor-tool enables what is "disabled"; nobody means that. */
	if (status && (!word || strcmp(word, "enable")))
		return wrong(c, &e->place, "status", status, RIGHT_STATUS);
	return read_net(c, v, e);
}

static int read_entries(const struct config *c, struct zone *z, json_t *v)
{
	json_t *list = json_member(v, "devices"), *item;
	size_t i;

	if (!list)
		return 0;
	if (!json_is_array(list))
		return wrong(c, &z->place, "devices", list,
			     "a list: [ { \"type\": \"net\", ... }, ... ]");
	z->entries = calloc(json_array_size(list) + 1, sizeof(*z->entries));
	if (!z->entries)
		return say_err("%s", strerror(ENOMEM));
	json_array_foreach(list, i, item) {
		struct entry *e = &z->entries[z->n_entries++];

		e->place = place_in(&z->place, ".devices[%zu]", i);
		if (read_entry(c, e, item))
			return -1;
		z->nets += e->net;
		z->others += e->enabled && !e->net;
	}
	return 0;
}

static int read_zone(struct config *c, struct zone *z, json_t *v)
{
	if (!json_is_object(v))
		return complain_at(c, &z->place, "is %s; right would be { \"id\": 1, ... }",
				   quote(v));
	if (get_number(c, &z->place, v, "id", "1", &z->id))
		return -1;
	if (z->id > vnet_key_max(KEY_ZONE))
		return wrong(c, &z->place, "id", json_member(v, "id"),
			     "a zone's number, for example 1");
	if (read_entries(c, z, v))
		return -1;
	c->nets += z->nets;
	c->others += z->others;
	return z->nets ? read_ram(c, z, v) : 0;
}

static int read_zones(struct config *c)
{
	static const struct place top;
	json_t *list, *item;
	size_t i;

	if (json_member(c->json, "zone_id")) {
		say_err("%s: is the file of a zone; right would be the daemon's, virtio_cfg.json",
			c->file);
		return -1;
	}
	list = get(c, &top, c->json, "zones", "[ { \"id\": 1, ... } ]");
	if (!list)
		return -1;
	if (!json_is_array(list))
		return wrong(c, &top, "zones", list, "a list: [ { \"id\": 1, ... } ]");
	c->zones = calloc(json_array_size(list) + 1, sizeof(*c->zones));
	if (!c->zones)
		return say_err("%s", strerror(ENOMEM));
	json_array_foreach(list, i, item) {
		struct zone *z = &c->zones[c->n_zones++];

		z->place = place_in(&top, "zones[%zu]", i);
		if (read_zone(c, z, item))
			return -1;
	}
	return 0;
}

/* What does not go together, though each by itself is right. */

static bool overlap(const struct entry *a, const struct entry *b)
{
	return a->addr < b->addr + b->len && b->addr < a->addr + a->len;
}

/* @b is an enabled entry of the same zone, further up or not ours. */
static int check_pair(const struct config *c, const struct entry *a,
		      const struct entry *b)
{
	struct place q = place_in(&a->place, ".addr");

	if (b->len && overlap(a, b))
		return complain_at(c, &q,
				   "is %#llx, where %s (%s) has its registers; right would be another address",
				   a->addr, b->place.path, b->type);
	q = place_in(&a->place, ".irq");
	if (a->irq == b->irq)
		return complain_at(c, &q,
				   "is %llu, which %s (%s) has; right would be another interrupt",
				   a->irq, b->place.path, b->type);
	return 0;
}

/* @b is a net entry further up, of any zone. */
static int check_names(const struct config *c, const struct entry *a,
		       const struct entry *b)
{
	struct place q = place_in(&a->place, ".tap");

	if (!strcmp(a->tap, b->tap))
		return complain_at(c, &q, "is \"%s\", which %s has; right would be another name",
				   a->tap, b->place.path);
	q = place_in(&a->place, ".mac");
	if (a->mac[0] && !strcmp(a->mac, b->mac))
		return complain_at(c, &q,
				   "is %s, which %s has; right would be another, or none to have one made",
				   a->mac, b->place.path);
	return 0;
}

static int check_zone(const struct config *c, const struct zone *z)
{
	const struct entry *a, *b, *end = z->entries + z->n_entries;

	for (a = z->entries; a < end; a++)
		for (b = z->entries; a->net && b < end; b++)
			if (b->enabled && (b < a || (b > a && !b->net)) &&
			    check_pair(c, a, b))
				return -1;
	if (z->nets && z->nets + z->others > MAX_IRQS)
		return complain_at(c, &z->place,
				   "has %zu devices that are not disabled; right would be %d at most, because hvisor panics when more interrupts than that are outstanding",
				   z->nets + z->others, MAX_IRQS);
	return 0;
}

/* All net entries of zones up to @z, those of @z up to @a, against @a. */
static int check_against_earlier(const struct config *c, const struct zone *z,
				 const struct entry *a)
{
	const struct zone *y;
	const struct entry *b;

	for (y = c->zones; y <= z; y++)
		for (b = y->entries; b < y->entries + y->n_entries && b != a; b++)
			if (b->net && check_names(c, a, b))
				return -1;
	return 0;
}

static int check_all(const struct config *c)
{
	const struct zone *z, *y;
	const struct entry *a;

	for (z = c->zones; z < c->zones + c->n_zones; z++) {
		struct place q = place_in(&z->place, ".id");

		for (y = c->zones; y < z; y++)
			if (y->id == z->id)
				return complain_at(c, &q,
						   "is %llu, which %s has; right would be another, or one zone with the devices of both",
						   z->id, y->place.path);
		if (check_zone(c, z))
			return -1;
		for (a = z->entries; a < z->entries + z->n_entries; a++)
			if (a->net && check_against_earlier(c, z, a))
				return -1;
	}
	return 0;
}

/* Read @file; on success config_free() is owed. Return: 0 or -1, said why. */
int config_read(struct config *c, const char *file)
{
	memset(c, 0, sizeof(*c));
	c->file = file;
	c->json = json_read_file(file);
	if (!c->json)
		return -1;
	if (read_zones(c) || check_all(c)) {
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

/* Under the name it has already, in whatever case. */
static int set_status(json_t *device, const char *value)
{
	json_t *status = json_member(device, "status");

	if (status)
		return json_string_set(status, value);
	return json_object_set_new(device, "status", json_string(value));
}

/* The daemon ends itself, or crashes, over an entry that does not say. */
static int adapt_entry(const struct entry *e, json_t *device)
{
	if (e->net)
		return set_status(device, "disable");
	if (!json_member(device, "status"))
		return set_status(device, "enable");
	return 0;
}

static int adapt(const struct config *c, json_t *copy)
{
	json_t *zones = json_member(copy, "zones");
	size_t i, j;

	for (i = 0; i < c->n_zones; i++) {
		json_t *devices = json_member(json_array_get(zones, i),
					      "devices");

		for (j = 0; j < c->zones[i].n_entries; j++)
			if (adapt_entry(&c->zones[i].entries[j],
					json_array_get(devices, j)))
				return -1;
	}
	return 0;
}

static bool same_file(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];

	return realpath(a, real_a) && realpath(b, real_b) &&
	       !strcmp(real_a, real_b);
}

/*
 * Write the daemon's copy: the same, but for the net entries, which it would
 * otherwise want a tap for. All of it or nothing: the daemon may be reading.
 */
int config_write_for_daemon(const struct config *c, const char *file)
{
	json_t *copy = json_deep_copy(c->json);
	char name[PATH_MAX];
	int err;

	if (same_file(c->file, file)) {
		json_decref(copy);
		say_err("%s: is the configuration itself, and would be overwritten; right would be another file for the daemon",
			file);
		return -1;
	}
	errno = ENOMEM;
	snprintf(name, sizeof(name), "%s.new", file);
	err = !copy || adapt(c, copy) ||
	      json_dump_file(copy, name, JSON_INDENT(4)) || rename(name, file);
	if (err) {
		say_err("%s: cannot be written: %s", file, strerror(errno));
		unlink(name);
	}
	json_decref(copy);
	return err ? -1 : 0;
}
