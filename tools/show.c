// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet show": zones and devices with all that they were given, for people or as
 * JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "print.h"

static void print_zone(const struct vnet_zone *z)
{
	char size[32];
	size_t i;

	printf("zone %u%s: %llu requests\n", z->id,
	       z->quiesced ? " (rests)" : "", z->requests);
	for (i = 0; i < z->n_ram; i++) {
		human_size(size, sizeof(size), z->ram[i].size);
		printf("    ram       root %#llx, guest %#llx, size %#llx (%s)\n",
		       z->ram[i].root, z->ram[i].guest, z->ram[i].size, size);
	}
}

static void print_dev(const struct vnet_dev *d)
{
	const __u64 *n = d->number;
	char place[64];

	vnet_place(place, sizeof(place), d);
	printf("device %s: %s, guest %s\n", d->name, place,
	       vnet_guest_words(d->status));
	printf("    place     zone %llu, addr %#llx, len %#llx, irq %llu\n",
	       n[KEY_ZONE], n[KEY_ADDR], n[KEY_LEN], n[KEY_IRQ]);
	printf("    link      mac %02x:%02x:%02x:%02x:%02x:%02x, mtu %llu, queue %llu\n",
	       d->mac[0], d->mac[1], d->mac[2], d->mac[3], d->mac[4],
	       d->mac[5], n[KEY_MTU], n[KEY_QUEUE]);
	printf("    features  %#llx, of which the guest has taken %#llx\n",
	       n[KEY_FEATURES], d->negotiated);
	printf("    coalesce  tx-usecs %llu, tx-frames %llu, ",
	       n[KEY_TX_USECS], n[KEY_TX_FRAMES]);
	printf("rx-usecs %llu, rx-frames %llu, rx-adaptive %llu\n",
	       n[KEY_RX_USECS], n[KEY_RX_FRAMES], n[KEY_RX_ADAPTIVE]);
	if (d->given & KEY_BIT(KEY_CPU))
		printf("    frames    on CPU %llu\n", n[KEY_CPU]);
}

/* Is it what was asked for? Without a name everything is. */
static bool zone_matches(const struct vnet_zone *z, const char *name)
{
	__u64 id;

	return !name || (!number_of(name, &id) && id == z->id);
}

bool vnet_dev_matches(const struct vnet_dev *d, const char *name)
{
	char place[64];

	vnet_place(place, sizeof(place), d);
	return !name || !strcmp(name, d->name) || !strcmp(name, place);
}

static size_t show_zones(const struct vnet_zones *zones, const char *name,
			 json_t *to)
{
	size_t i, n = 0;

	for (i = 0; i < zones->n; i++) {
		if (!zone_matches(&zones->list[i], name))
			continue;
		n++;
		if (to)
			json_array_append_new(to, json_of_zone(&zones->list[i]));
		else
			print_zone(&zones->list[i]);
	}
	return n;
}

static size_t show_devs(const struct vnet_devs *devs, const char *name,
			json_t *to)
{
	size_t i, n = 0;

	for (i = 0; i < devs->n; i++) {
		if (!vnet_dev_matches(&devs->list[i], name))
			continue;
		n++;
		if (to)
			json_array_append_new(to, json_of_dev(&devs->list[i]));
		else
			print_dev(&devs->list[i]);
	}
	return n;
}

/**
 * struct wish - what is to be shown
 * @zones: zones
 * @devs: devices
 * @name: only that one; or NULL
 */
struct wish {
	bool zones;
	bool devs;
	const char *name;
};

static int read_wish(struct wish *w, char **words, int n)
{
	size_t len;

	*w = (struct wish){ .zones = true, .devs = true };
	if (!n)
		return 0;
	len = strlen(words[0]);
	w->zones = len && !strncmp("zone", words[0], len);
	w->devs = len && !strncmp("device", words[0], len);
	w->name = n > 1 ? words[1] : NULL;
	if (w->zones || w->devs)
		return 0;
	return say_err("\"%s\" is nothing that there is; right would be zone or device",
		       words[0]);
}

static int show_these(const struct wish *w, const struct vnet_zones *zones,
		      const struct vnet_devs *devs, bool json)
{
	json_t *z = json && w->zones ? json_array() : NULL;
	json_t *d = json && w->devs ? json_array() : NULL;
	json_t *all = json ? json_object() : NULL;
	size_t n = 0;

	if (w->zones)
		n += show_zones(zones, w->name, z);
	if (w->devs)
		n += show_devs(devs, w->name, d);
	if (z)
		json_object_set_new(all, "zones", z);
	if (d)
		json_object_set_new(all, "devices", d);
	if (json && print_json(all, false))
		return -1;
	if (w->name && !n)
		return say_err("there is no %s %s%s", w->zones ? "zone" : "device",
			       w->name,
			       w->devs ? " in this network namespace" : "");
	return 0;
}

/* Return: 0 or -1, said why. */
int show(char **words, int n, bool json)
{
	struct vnet_zones zones = {};
	struct vnet_devs devs = {};
	struct wish w;
	int err;

	err = read_wish(&w, words, n) ||
	      (w.zones && vnet_get_zones(&zones)) ||
	      (w.devs && vnet_get_devs(&devs)) ||
	      show_these(&w, &zones, &devs, json);
	free(zones.list);
	free(devs.list);
	return err ? -1 : 0;
}
