// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zones, devices and the hypervisor as JSON: see print.h.  Numbers are numbers;
 * what JSON's readers may not hold exactly, addresses and masks, are strings in
 * hexadecimal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

static json_t *hex(__u64 value)
{
	return json_sprintf("%#llx", value);
}

json_t *json_of_zone(const struct vnet_zone *z)
{
	json_t *ram = json_array();
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		json_array_append_new(ram, json_pack("{s:o, s:o, s:o}",
						     "root", hex(z->ram[i].root),
						     "guest", hex(z->ram[i].guest),
						     "size", hex(z->ram[i].size)));
	return json_pack("{s:I, s:o, s:b, s:I}", "id", (json_int_t)z->id,
			 "ram", ram, "quiesced", z->quiesced,
			 "requests", (json_int_t)z->requests);
}

/* Its name at the bus, and what is known of it by its keys. */
json_t *json_of_dev(const struct vnet_dev *d)
{
	const unsigned int in_hex = KEY_BIT(KEY_ADDR) | KEY_BIT(KEY_LEN) |
				    KEY_BIT(KEY_FEATURES);
	char place[64];
	json_t *j, *v;
	int key;

	vnet_place(place, sizeof(place), d);
	j = json_pack("{s:s}", "device", place);
	for (key = 0; key < KEYS; key++) {
		if (!(d->given & KEY_BIT(key)))
			continue;
		if (key == KEY_NAME)
			v = json_string(d->name);
		else if (key == KEY_MAC)
			v = json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x",
					 d->mac[0], d->mac[1], d->mac[2],
					 d->mac[3], d->mac[4], d->mac[5]);
		else if (in_hex & KEY_BIT(key))
			v = hex(d->number[key]);
		else
			v = json_integer(d->number[key]);
		json_object_set_new(j, vnet_key_name[key], v);
	}
	json_object_set_new(j, "ifindex", json_integer(d->ifindex));
	json_object_set_new(j, "negotiated", hex(d->negotiated));
	json_object_set_new(j, "status", hex(d->status));
	json_object_set_new(j, "guest", json_string(vnet_guest_words(d->status)));
	return j;
}

json_t *json_of_counters(const __u64 *counter, const char * const *name,
			 size_t n)
{
	json_t *j = json_object();
	size_t i;

	for (i = 0; i < n; i++)
		if (name[i])
			json_object_set_new(j, name[i], json_integer(counter[i]));
	return j;
}

/* Print and forget it. Return: 0 or -1, said why. */
int print_json(json_t *j, bool in_a_line)
{
	const size_t flags = JSON_PRESERVE_ORDER |
			     (in_a_line ? JSON_COMPACT : JSON_INDENT(2));
	int err = !j || json_dumpf(j, stdout, flags);

	putchar('\n');
	json_decref(j);
	return err ? say_err("%s", strerror(ENOMEM)) : 0;
}
