// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet load" and "hvnet unload": from a configuration to zones and devices in
 * the kernel, and away again.  All of a file or nothing: what was made before
 * something was refused is taken back.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hvnet.h"
#include "vnet.h"

/* The daemon's copy stands beside the file: virtio_cfg.json.daemon */
const char *daemon_file_name(char *to, const struct config *c,
			     const struct options *o)
{
	if (o->daemon_file)
		snprintf(to, PATH_MAX, "%s", o->daemon_file);
	else
		snprintf(to, PATH_MAX, "%s.daemon", c->file);
	return to;
}

/* What is being spoken of, for messages: "virtio_cfg.json: zones[0]" */
static const char *about(const struct config *c, const struct place *p)
{
	static char text[PATH_MAX + sizeof(p->path)];

	snprintf(text, sizeof(text), "%s: %s", c->file, p->path);
	return text;
}

/* Making it */

static int make_zone(const struct config *c, const struct zone *z)
{
	char size[32];
	__u64 sum = 0;
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		sum += z->ram[i].size;
	if (vnet_zone_new(about(c, &z->place), z->id, z->ram, z->n_ram))
		return -1;
	human_size(size, sizeof(size), sum);
	printf("zone %llu: %s of RAM in %zu range%s\n", z->id, size,
	       z->n_ram, z->n_ram == 1 ? "" : "s");
	return 0;
}

/* Make room for an interface of this name, if we may. */
static int clear_name(const struct config *c, const struct entry *e,
		      const struct options *o, struct old_tap *old)
{
	const char *where = about(c, &e->place);

	if (!link_exists(e->tap))
		return 0;
	if (!link_is_tap(e->tap)) {
		say_err("%s.tap is \"%s\", and there is an interface of that name, which is no tap; right would be another name",
			where, e->tap);
		return -1;
	}
	if (!o->replace_tap) {
		say_err("%s.tap is \"%s\", and there is a tap of that name; to have it replaced add --replace-tap, to remove it: ip link del %s",
			where, e->tap, e->tap);
		return -1;
	}
	return link_move_aside(e->tap, old);
}

/* As the file has it; what it does not say is left to the module. */
static struct vnet_dev wanted(const struct zone *z, const struct entry *e)
{
	struct vnet_dev d = {
		.given = KEY_BIT(KEY_ZONE) | KEY_BIT(KEY_ADDR) |
			 KEY_BIT(KEY_LEN) | KEY_BIT(KEY_IRQ) |
			 KEY_BIT(KEY_NAME) | e->given,
	};

	memcpy(d.number, e->more, sizeof(d.number));
	d.number[KEY_ZONE] = z->id;
	d.number[KEY_ADDR] = e->addr;
	d.number[KEY_LEN] = e->len;
	d.number[KEY_IRQ] = e->irq;
	strcpy(d.name, e->tap);
	if (!vnet_mac(d.mac, e->mac))
		d.given |= KEY_BIT(KEY_MAC);
	return d;
}

static int make_device(const struct config *c, const struct zone *z,
		       const struct entry *e, const struct options *o,
		       struct old_tap *old)
{
	const struct vnet_dev d = wanted(z, e);

	if (clear_name(c, e, o, old) ||
	    vnet_dev_new(about(c, &e->place), &d, NULL) ||
	    link_take_place(old))
		return -1;
	printf("zone %llu: net at %#llx, irq %llu: served by the kernel, as %s",
	       z->id, e->addr, e->irq, e->tap);
	if (old->bridge[0])
		printf(", in %s where the tap was", old->bridge);
	else if (old->name[0])
		printf(", in place of the tap");
	putchar('\n');
	return 0;
}

static void say_not_ours(const struct zone *z, const struct entry *e)
{
	printf("zone %llu: %s", z->id, e->type);
	if (e->len)
		printf(" at %#llx", e->addr);
	puts(e->enabled ? ": left to the daemon" : ": disabled");
}

/* One for each net entry, in the order of the file. */
static int make_all(const struct config *c, const struct options *o,
		    struct old_tap *old)
{
	const struct zone *z;
	const struct entry *e;

	for (z = c->zones; z < c->zones + c->n_zones; z++) {
		if (z->nets && make_zone(c, z))
			return -1;
		for (e = z->entries; e < z->entries + z->n_entries; e++) {
			if (!e->net)
				say_not_ours(z, e);
			else if (make_device(c, z, e, o, old++))
				return -1;
		}
	}
	return 0;
}

/* Taking it away */

static void remove_device(const struct zone *z, const struct entry *e)
{
	char name[64];

	board_device_name(name, sizeof(name), z, e);
	if (e->net && board_has_device(name))
		board_remove_device(name);
}

static void remove_zone(const struct zone *z)
{
	const struct entry *e;
	char name[32];

	for (e = z->entries; e < z->entries + z->n_entries; e++)
		remove_device(z, e);
	snprintf(name, sizeof(name), "zone%llu", z->id);
	if (z->nets && board_has_zone(z->id))
		vnet_zone_del(name, z->id);
}

/* Is anything of the file there already? Then a failed load may not undo it. */
static bool any_there(const struct config *c)
{
	const struct zone *z;

	for (z = c->zones; z < c->zones + c->n_zones; z++)
		if (z->nets && board_has_zone(z->id)) {
			say_err("zone %llu is set up already; to remove it: hvnet unload %s",
				z->id, c->file);
			return true;
		}
	return false;
}

/* A net entry that is disabled is probably what was meant. */
static int complain_nothing(const struct config *c)
{
	const struct zone *z;
	const struct entry *e;

	for (z = c->zones; z < c->zones + c->n_zones; z++)
		for (e = z->entries; e < z->entries + z->n_entries; e++)
			if (!strcmp(e->type, "net")) {
				say_err("%s: %s.status is \"disable\", so there is nothing for the kernel to serve; right would be \"enable\"",
					c->file, e->place.path);
				return -1;
			}
	return say_err("%s: no device is of type \"net\": there is nothing for the kernel to serve",
		       c->file);
}

static int write_copy(const struct config *c, const struct options *o)
{
	char file[PATH_MAX];

	daemon_file_name(file, c, o);
	if (config_write_for_daemon(c, file))
		return -1;
	printf("%s: written for the daemon, without the net device%s\n", file,
	       c->nets == 1 ? "" : "s");
	return 0;
}

/* Take back what load_begin() did. */
void load_abort(struct load *l)
{
	size_t i;

	for (i = 0; i < l->c->n_zones; i++)
		remove_zone(&l->c->zones[i]);
	for (i = 0; i < l->c->nets; i++)
		link_put_back(&l->old[i]);
	free(l->old);
	say_err("%s: nothing of it is set up", l->c->file);
}

/*
 * Make zones and devices, and write the daemon's copy. Return: 0, and either
 * load_commit() or load_abort() is owed; or -1, said why.
 */
int load_begin(struct load *l, const struct config *c, const struct options *o)
{
	l->c = c;
	if (!c->nets)
		return complain_nothing(c);
	if (!board_ready() || any_there(c))
		return -1;
	l->old = calloc(c->nets, sizeof(*l->old));
	if (!l->old)
		return say_err("%s", strerror(ENOMEM));
	if (!make_all(c, o, l->old) && !write_copy(c, o))
		return 0;
	load_abort(l);
	return -1;
}

static void say_alone(const char *name)
{
	printf("%s: stands alone; to put it into a bridge: ip link set %s up master br0\n",
	       name, name);
}

/* An old tap that stays is a nuisance, but no reason to go back. */
void load_commit(struct load *l)
{
	const struct config *c = l->c;
	const struct old_tap *old = l->old;
	const struct zone *z;
	const struct entry *e;

	for (z = c->zones; z < c->zones + c->n_zones; z++)
		for (e = z->entries; e < z->entries + z->n_entries; e++) {
			if (!e->net)
				continue;
			link_drop(old);
			if (!old++->name[0])
				say_alone(e->tap);
		}
	free(l->old);
}

/* "hvnet load". Return: 0 or -1, said why. */
int apply_load(const struct config *c, const struct options *o)
{
	struct load l;

	if (load_begin(&l, c, o))
		return -1;
	load_commit(&l);
	return 0;
}

/* "hvnet unload" */

static bool may_run(__u32 id)
{
	__u32 ids[MAX_ZONES];
	int n = zones_running(ids);

	if (n < 0)
		return true;
	while (n--)
		if (ids[n] == id)
			return true;
	return false;
}

static int in_use(const char *name, void *arg)
{
	int id = atoi(name + strlen("zone"));
	const struct options *o = arg;

	if (board_is_zone(name) || !board_in_use(name) || !may_run(id))
		return 0;
	if (!o->force)
		say_err("%s is in use: shut its zone down first (hvisor zone shutdown -id %d), or add --force",
			name, id);
	return -1;
}

static int remove_any(const char *name, void *arg)
{
	(void)arg;
	if (board_is_zone(name)) {
		if (vnet_zone_del(name, strtoul(name + strlen("zone"), NULL, 10)))
			return -1;
	} else if (board_remove_device(name)) {
		return -1;
	}
	printf("%s: removed\n", name);
	return 0;
}

static int each_of_file(const struct config *c,
			int (*fn)(const char *name, void *arg), void *arg)
{
	const struct zone *z;
	const struct entry *e;
	char name[64];
	int err = 0;

	for (z = c->zones; z < c->zones + c->n_zones; z++) {
		for (e = z->entries; e < z->entries + z->n_entries; e++) {
			board_device_name(name, sizeof(name), z, e);
			if (e->net && board_has_device(name))
				err |= fn(name, arg);
		}
		snprintf(name, sizeof(name), "zone%llu", z->id);
		if (z->nets && board_has_zone(z->id))
			err |= fn(name, arg);
	}
	return err;
}

/* What @c made, or everything if it is NULL. */
static int each(const struct config *c, int (*fn)(const char *name, void *arg),
		void *arg)
{
	return c ? each_of_file(c, fn, arg) : board_each(fn, arg);
}

/*
 * Does a guest use what @c made, or anything? Return: 0 if not, or -1, said why
 * that is wrong unless it is forced.
 */
int apply_in_use(const struct config *c, const struct options *o)
{
	return each(c, in_use, (void *)o);
}

/* "hvnet unload". Return: 0 or -1, said why. */
int apply_unload(const struct config *c, const struct options *o)
{
	if (apply_in_use(c, o) && !o->force)
		return -1;
	return each(c, remove_any, NULL);
}
