// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet add", "del" and "set": zones and devices one by one, by words of the
 * form key=value.  What a value has to be like is the module's business; here it
 * is only seen that it can be handed on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvnet.h"
#include "vnet.h"

/* "zone" or "device", whichever it begins; else said so. */
static int which(const char *word, bool *zone)
{
	size_t n = strlen(word);

	*zone = n && !strncmp("zone", word, n);
	if (*zone || (n && !strncmp("device", word, n)))
		return 0;
	return say_err("\"%s\" is nothing that there is; right would be zone or device",
		       word);
}

static int bad_value(const char *word, const char *right)
{
	return say_err("\"%s\": right would be %s", word, right);
}

static int zone_id(const char *text, __u32 *id)
{
	__u64 number;

	if (number_of(text, &number) || number > vnet_key_max(KEY_ZONE)) {
		bad_value(text, "a zone's number, for example 1");
		return -1;
	}
	*id = number;
	return 0;
}

#define RIGHT_RAM							\
	"ram=ROOT,GUEST,SIZE, for example ram=0x50000000,0x50000000,0x25000000"

/* ROOT,GUEST,SIZE */
static int parse_range(const char *word, const char *text, struct range *r)
{
	char copy[128], *part = copy;
	__u64 number[3];
	int i;

	snprintf(copy, sizeof(copy), "%s", text);
	for (i = 0; i < 3; i++) {
		char *one = strsep(&part, ",");

		if (!one || number_of(one, &number[i]))
			break;
	}
	if (i < 3 || part)
		return bad_value(word, RIGHT_RAM);
	*r = (struct range){ number[0], number[1], number[2] };
	return 0;
}

/* The value, if @word is this key's, or NULL. */
static const char *value_of(const char *word, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static int add_zone(char **words, int n)
{
	struct range ram[MAX_RANGES];
	const char *value;
	char about[32];
	size_t n_ram = 0;
	__u32 id;

	if (zone_id(*words++, &id))
		return -1;
	for (; --n; words++) {
		value = value_of(*words, "ram");
		if (!value)
			return bad_value(*words, RIGHT_RAM);
		if (n_ram == MAX_RANGES)
			return say_err("\"%s\": is one too many; right would be %d at most",
				       *words, MAX_RANGES);
		if (parse_range(*words, value, &ram[n_ram++]))
			return -1;
	}
	snprintf(about, sizeof(about), "zone %u", id);
	if (vnet_zone_new(about, id, ram, n_ram))
		return -1;
	printf("zone %u: added\n", id);
	return 0;
}

static int parse_number(struct vnet_dev *d, enum vnet_key key,
			const char *word, const char *value)
{
	char right[64];

	if (!number_of(value, &d->number[key]) &&
	    d->number[key] <= vnet_key_max(key))
		return 0;
	snprintf(right, sizeof(right), "%s=N, with a number up to %#llx",
		 vnet_key_name[key], vnet_key_max(key));
	return bad_value(word, right);
}

static int parse_value(struct vnet_dev *d, enum vnet_key key, const char *word,
		       const char *value)
{
	d->given |= KEY_BIT(key);
	if (key == KEY_CPU && !strcmp(value, "none")) {
		d->number[key] = (__u32)-1;
		return 0;
	}
	if (key == KEY_MAC)
		return vnet_mac(d->mac, value) ?
		       bad_value(word, "six bytes, for example mac=02:00:00:00:00:01") : 0;
	if (key != KEY_NAME)
		return parse_number(d, key, word, value);
	if (strlen(value) >= sizeof(d->name))
		return bad_value(word, "a name of up to 15 characters");
	strcpy(d->name, value);
	return 0;
}

/* Words of the keys in @allowed. */
static int parse_words(struct vnet_dev *d, char **words, int n,
		       unsigned int allowed)
{
	const char *value;
	int key;

	memset(d, 0, sizeof(*d));
	for (; n; n--, words++) {
		for (key = 0; key < KEYS; key++) {
			value = value_of(*words, vnet_key_name[key]);
			if (value)
				break;
		}
		if (key == KEYS || !(allowed & KEY_BIT(key)))
			return bad_value(*words, "a word of those that hvnet --help lists for it");
		if (d->given & KEY_BIT(key))
			return bad_value(*words, "each word once");
		if (parse_value(d, key, *words, value))
			return -1;
	}
	return 0;
}

/* What it is about before the module has given it a name. */
static void about_wanted(char *to, size_t size, const struct vnet_dev *d)
{
	if (d->given & KEY_BIT(KEY_NAME))
		snprintf(to, size, "device %s", d->name);
	else
		snprintf(to, size, "device at %#llx", d->number[KEY_ADDR]);
}

static int add_device(char **words, int n)
{
	struct vnet_dev want, got = {};
	char about[64], place[64];

	if (parse_words(&want, words, n, KEY_BIT(KEYS) - 1))
		return -1;
	about_wanted(about, sizeof(about), &want);
	if (vnet_dev_new(about, &want, &got))
		return -1;
	vnet_place(place, sizeof(place), &got);
	printf("device %s: added, as %s\n", place, got.name);
	return 0;
}

/* An interface's name, or a place: zone1-a003600 */
static void name_device(struct vnet_dev *d, const char *name)
{
	unsigned long long zone, addr;
	int end = 0;

	memset(d, 0, sizeof(*d));
	if (!link_exists(name) &&
	    sscanf(name, "zone%llu-%llx%n", &zone, &addr, &end) == 2 &&
	    !name[end]) {
		d->given = KEY_BIT(KEY_ZONE) | KEY_BIT(KEY_ADDR);
		d->number[KEY_ZONE] = zone;
		d->number[KEY_ADDR] = addr;
		return;
	}
	d->given = KEY_BIT(KEY_NAME);
	snprintf(d->name, sizeof(d->name), "%s", name);
}

static int set_zone(char **words, int n)
{
	const char *value = n == 2 ? value_of(words[1], "quiesce") : NULL;
	char about[32];
	__u32 id;

	if (zone_id(words[0], &id))
		return -1;
	if (!value || value[0] < '0' || value[0] > '1' || value[1])
		return bad_value(n > 1 ? words[1] : words[0],
				 "quiesce=1 to have the zone rest, or quiesce=0");
	snprintf(about, sizeof(about), "zone %u", id);
	if (vnet_zone_quiesce(about, id, value[0] == '1'))
		return -1;
	printf("zone %u: %s\n", id, value[0] == '1' ? "rests" : "goes on");
	return 0;
}

#define CHANGEABLE	(KEY_BIT(KEY_MAC) | KEY_BIT(KEY_MTU) |		\
			 KEY_BIT(KEY_FEATURES) | KEY_BIT(KEY_CPU) |	\
			 KEY_BIT(KEY_TX_USECS) | KEY_BIT(KEY_TX_FRAMES) | \
			 KEY_BIT(KEY_RX_USECS) | KEY_BIT(KEY_RX_FRAMES) | \
			 KEY_BIT(KEY_RX_ADAPTIVE))

static int set_device(char **words, int n)
{
	struct vnet_dev dev, want;
	char about[64];

	name_device(&dev, words[0]);
	snprintf(about, sizeof(about), "device %.40s", words[0]);
	if (parse_words(&want, words + 1, n - 1, CHANGEABLE) ||
	    vnet_dev_set(about, &dev, &want))
		return -1;
	printf("%s: changed\n", about);
	return 0;
}

static int del_zone(const char *word)
{
	char about[32];
	__u32 id;

	if (zone_id(word, &id))
		return -1;
	snprintf(about, sizeof(about), "zone %u", id);
	if (vnet_zone_del(about, id))
		return -1;
	printf("%s: removed\n", about);
	return 0;
}

static int del_device(const char *word)
{
	struct vnet_dev dev;
	char about[64];

	name_device(&dev, word);
	snprintf(about, sizeof(about), "device %.40s", word);
	if (vnet_dev_del(about, &dev))
		return -1;
	printf("%s: removed\n", about);
	return 0;
}

/* "hvnet add zone ID ram=...", "hvnet add device zone=...". 0 or -1. */
int edit_add(char **words, int n)
{
	bool zone;

	if (which(words[0], &zone))
		return -1;
	return zone ? add_zone(words + 1, n - 1) : add_device(words + 1, n - 1);
}

/* "hvnet set zone ID quiesce=...", "hvnet set device NAME mtu=..." */
int edit_set(char **words, int n)
{
	bool zone;

	if (which(words[0], &zone))
		return -1;
	return zone ? set_zone(words + 1, n - 1) : set_device(words + 1, n - 1);
}

/* "hvnet del zone ID", "hvnet del device NAME" */
int edit_del(char **words, int n)
{
	bool zone;

	(void)n;
	if (which(words[0], &zone))
		return -1;
	return zone ? del_zone(words[1]) : del_device(words[1]);
}
