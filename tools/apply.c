// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet load" and "hvnet unload": from a configuration to zones and devices in
 * the kernel, and away again.  All of a file or nothing: what was made before
 * something was refused is taken back.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvnet.h"

/* The daemon's copy stands beside the file: virtio_cfg.json.daemon */
void daemon_file_name(char *to, size_t size, const char *file)
{
	snprintf(to, size, "%s.daemon", file);
}

static bool has_net(const struct zone *z)
{
	size_t i;

	for (i = 0; i < z->n_entries; i++)
		if (is_net(&z->entries[i]) && z->entries[i].enabled)
			return true;
	return false;
}

static int make_zone(const struct zone *z)
{
	char ram[MAX_RANGES * 64], *end = ram;
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		end += sprintf(end, " ram=%#" PRIx64 ",%#" PRIx64 ",%#" PRIx64,
			       z->ram[i].root, z->ram[i].guest, z->ram[i].size);
	if (board_write("new_zone", "id=%" PRIu64 "%s", z->id, ram))
		return -1;
	printf("zone %" PRIu64 ": made, %zu range%s of RAM\n", z->id, z->n_ram,
	       z->n_ram == 1 ? "" : "s");
	return 0;
}

/* Make room for an interface of this name, if we may. */
static int clear_name(const char *tap, const struct load_options *options,
		      struct old_tap *old)
{
	if (!link_exists(tap))
		return 0;
	if (!link_is_tap(tap)) {
		fprintf(stderr, "hvnet: there is an interface %s, which is no tap: rename it, or name another in the file\n",
			tap);
		return -1;
	}
	if (!options->replace_tap) {
		fprintf(stderr, "hvnet: there is a tap %s (made by: ip tuntap add dev %s mode tap); to have it replaced: hvnet load --replace-tap ..., or: ip link del %s\n",
			tap, tap, tap);
		return -1;
	}
	if (link_remove_tap(tap, old))
		return -1;
	printf("tap %s: removed\n", tap);
	return 0;
}

static int make_device(const struct zone *z, const struct entry *e,
		       const struct load_options *options)
{
	struct old_tap old = {};

	if (clear_name(e->tap, options, &old))
		return -1;
	if (board_write("new_device",
			"zone=%" PRIu64 " addr=%#" PRIx64 " len=%#" PRIx64 " irq=%" PRIu64 " name=%s%s%s",
			z->id, e->addr, e->len, e->irq, e->tap,
			e->mac[0] ? " mac=" : "", e->mac))
		return -1;
	printf("zone %" PRIu64 ": net at %#" PRIx64 ", irq %" PRIu64 ": made, on root's side it is %s\n",
	       z->id, e->addr, e->irq, e->tap);
	if (link_restore(e->tap, &old))
		return -1;
	if (old.bridge[0])
		printf("%s: in bridge %s, where the tap was\n", e->tap,
		       old.bridge);
	return 0;
}

static void leave_to_daemon(const struct zone *z, const struct entry *e)
{
	printf("zone %" PRIu64 ": %s: %s\n", z->id, e->type,
	       e->enabled ? "left to the daemon" : "disabled");
}

static int make_all(const struct config *c, const struct load_options *options)
{
	size_t i, j;

	for (i = 0; i < c->n_zones; i++) {
		const struct zone *z = &c->zones[i];

		if (has_net(z) && make_zone(z))
			return -1;
		for (j = 0; j < z->n_entries; j++) {
			const struct entry *e = &z->entries[j];

			if (!is_net(e) || !e->enabled)
				leave_to_daemon(z, e);
			else if (make_device(z, e, options))
				return -1;
		}
	}
	return 0;
}

static void device_name(char *to, size_t size, const struct zone *z,
			const struct entry *e)
{
	snprintf(to, size, "zone%" PRIu64 "-%" PRIx64, z->id, e->addr);
}

/* Take away what there is of a configuration. */
static int remove_all(const struct config *c)
{
	char name[64];
	int err = 0;
	size_t i, j;

	for (i = 0; i < c->n_zones; i++) {
		const struct zone *z = &c->zones[i];

		for (j = 0; j < z->n_entries; j++) {
			const struct entry *e = &z->entries[j];

			device_name(name, sizeof(name), z, e);
			if (is_net(e) && e->enabled && board_has("devices/%s", name))
				err |= board_write("del_device", "%s", name);
		}
		if (has_net(z) && board_has("devices/zone%" PRIu64, z->id))
			err |= board_write("del_zone", "id=%" PRIu64, z->id);
	}
	return err;
}

/* Is anything of the file there already? Then a failed load may not undo it. */
static bool any_there(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->n_zones; i++)
		if (has_net(&c->zones[i]) &&
		    board_has("devices/zone%" PRIu64, c->zones[i].id)) {
			fprintf(stderr, "hvnet: zone %" PRIu64 " is set up already; do: hvnet unload %s\n",
				c->zones[i].id, c->file);
			return true;
		}
	return false;
}

/* "hvnet load" */
int apply_load(const char *file, const struct load_options *options)
{
	char daemon_file[PATH_MAX];
	struct config c;
	int err = -1;

	if (config_read(&c, file))
		return 1;
	if (!board_ready() || any_there(&c))
		goto out;
	if (options->daemon_file)
		snprintf(daemon_file, sizeof(daemon_file), "%s",
			 options->daemon_file);
	else
		daemon_file_name(daemon_file, sizeof(daemon_file), file);
	err = make_all(&c, options);
	if (!err)
		err = config_write_for_daemon(&c, daemon_file);
	if (err) {
		fprintf(stderr, "hvnet: nothing was set up\n");
		remove_all(&c);
	} else {
		printf("for the daemon: %s\n", daemon_file);
	}
out:
	config_free(&c);
	return err ? 1 : 0;
}

static int remove_one(const char *name, void *arg)
{
	(void)arg;
	if (board_is_zone(name))
		return board_write("del_zone", "id=%s", name + strlen("zone"));
	return board_write("del_device", "%s", name);
}

/* "hvnet unload": what the file made, or everything. */
int apply_unload(const char *file)
{
	struct config c;
	int err;

	if (!board_has("new_zone"))
		return 0;
	if (!file)
		return board_each(remove_one, NULL) ? 1 : 0;
	if (config_read(&c, file))
		return 1;
	err = remove_all(&c);
	config_free(&c);
	return err ? 1 : 0;
}
