// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet save": what is loaded, as a virtio_cfg.json that "hvnet load" reads back
 * to the same, and that hvisor-tool reads too: it passes over what it does not
 * know.  Of devices that are the daemon's nothing is known here.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

static json_t *hex(__u64 value)
{
	return json_sprintf("%#llx", value);
}

static json_t *save_range(const struct range *r)
{
	return json_pack("{s:o, s:o, s:o}", "zone0_ipa", hex(r->root),
			 "zonex_ipa", hex(r->guest), "size", hex(r->size));
}

static json_t *save_ram(const struct vnet_zone *z)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		json_array_append_new(list, save_range(&z->ram[i]));
	return list;
}

static json_t *save_mac(const struct vnet_dev *d)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < sizeof(d->mac); i++)
		json_array_append_new(list, json_sprintf("0x%02x", d->mac[i]));
	return list;
}

static json_t *save_dev(const struct vnet_dev *d)
{
	json_t *j = json_pack("{s:s, s:o, s:o, s:I, s:s, s:o, s:s}",
			      "type", "net", "addr", hex(d->number[KEY_ADDR]),
			      "len", hex(d->number[KEY_LEN]),
			      "irq", (json_int_t)d->number[KEY_IRQ],
			      "tap", d->name, "mac", save_mac(d),
			      "status", "enable");
	json_t *v;
	int key;

	for (key = KEY_MTU; key < KEYS; key++) {
		if (!(d->given & KEY_BIT(key)))
			continue;
		v = key == KEY_FEATURES ? hex(d->number[key]) :
		    json_integer(d->number[key]);
		json_object_set_new(j, vnet_key_name[key], v);
	}
	return j;
}

static json_t *save_zone(const struct vnet_zone *z, const struct vnet_devs *devs)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < devs->n; i++)
		if (devs->list[i].number[KEY_ZONE] == z->id)
			json_array_append_new(list, save_dev(&devs->list[i]));
	return json_pack("{s:I, s:o, s:o}", "id", (json_int_t)z->id,
			 "memory_region", save_ram(z), "devices", list);
}

static int print_to(FILE *f, json_t *all)
{
	return json_dumpf(all, f, JSON_PRESERVE_ORDER | JSON_INDENT(4)) ||
	       fputc('\n', f) == EOF;
}

static int print_to_file(const char *file, json_t *all)
{
	FILE *f = fopen(file, "we");
	int err;

	if (!f)
		return -1;
	err = print_to(f, all);
	return fclose(f) || err;
}

/* All of it or nothing: a file that is there may be the only one. */
static int write_file(json_t *all, const char *file)
{
	char name[PATH_MAX];
	int err;

	snprintf(name, sizeof(name), "%s.new", file);
	err = print_to_file(name, all) || rename(name, file);
	if (err) {
		say_err("%s: cannot be written: %s", file, strerror(errno));
		unlink(name);
	}
	return err ? -1 : 0;
}

static int save_all(const struct vnet_zones *zones,
		    const struct vnet_devs *devs, const char *file)
{
	json_t *list = json_array(), *all;
	size_t i;
	int err;

	for (i = 0; i < zones->n; i++)
		json_array_append_new(list, save_zone(&zones->list[i], devs));
	all = json_pack("{s:o}", "zones", list);
	err = file ? write_file(all, file) : print_to(stdout, all);
	json_decref(all);
	if (file && !err)
		printf("%s: %zu zone%s, %zu device%s\n", file, zones->n,
		       zones->n == 1 ? "" : "s", devs->n,
		       devs->n == 1 ? "" : "s");
	return err;
}

/* To @file, or standard output if it is NULL. Return: 0 or -1, said why. */
int save(const char *file)
{
	struct vnet_zones zones = {};
	struct vnet_devs devs = {};
	int err;

	err = vnet_get_zones(&zones) || vnet_get_devs(&devs) ||
	      save_all(&zones, &devs, file);
	free(zones.list);
	free(devs.list);
	return err ? -1 : 0;
}
