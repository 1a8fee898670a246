// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet monitor": what happens, as it happens, a line each with the time; for
 * people or as JSON.
 */
#include <string.h>
#include <time.h>

#include "print.h"

enum about { ABOUT_ZONE, ABOUT_DEV, ABOUT_HV };

/**
 * struct kind - a kind of event
 * @cmd: which
 * @name: what it is called in JSON
 * @about: what it is about
 * @words: what happened to that
 */
struct kind {
	int cmd;
	const char *name;
	enum about about;
	const char *words;
};

#define EVENT(_CMD, _name, _about, _words)				\
	{ HVISOR_VNET_CMD_##_CMD##_NTF, _name, ABOUT_##_about, _words }

static const struct kind kinds[] = {
	EVENT(ZONE_NEW, "zone-new", ZONE, "added"),
	EVENT(ZONE_DEL, "zone-del", ZONE, "removed"),
	EVENT(ZONE_QUIESCED, "zone-quiesced", ZONE, "rests"),
	EVENT(ZONE_RELEASED, "zone-released", ZONE, "goes on"),
	EVENT(DEV_NEW, "dev-new", DEV, "added"),
	EVENT(DEV_DEL, "dev-del", DEV, "removed"),
	EVENT(DEV_SET, "dev-set", DEV, "changed"),
	EVENT(DEV_READY, "dev-ready", DEV, "the guest's driver drives it"),
	EVENT(DEV_RESET, "dev-reset", DEV, "the guest's driver has let go of it"),
	EVENT(DEV_NEEDS_RESET, "dev-needs-reset", DEV,
	      "the guest broke a queue"),
	EVENT(DEV_STALL, "dev-stall", DEV, "the guest does not go on"),
	EVENT(HV_NEW, "hv-new", HV, "hypervisor: attached"),
	EVENT(HV_DEL, "hv-del", HV, "hypervisor: left"),
	EVENT(HV_TAKEN_OVER, "hv-taken-over", HV,
	      "hypervisor: another program has given it a page of its own"),
	EVENT(HV_REATTACHED, "hv-reattached", HV,
	      "hypervisor: it has the module's page again"),
	EVENT(DAEMON_NEW, "daemon-new", HV, "daemon: served"),
	EVENT(DAEMON_GONE, "daemon-gone", HV, "daemon: gone"),
	{}
};

/* How it did not go on, by enum hvisor_vnet_stall. */
static const struct {
	const char *name;
	const char *words;
} stalls[] = {
	[HVISOR_VNET_STALL_INTERRUPT] = {
		"interrupt", "it does not acknowledge its interrupt",
	},
	[HVISOR_VNET_STALL_RECEIVE] = {
		"receive", "it gives no receive buffers, and is unplugged",
	},
};

static bool stall_known(const struct vnet_dev *d)
{
	return d->stall >= 0 && d->stall <= HVISOR_VNET_STALL_RECEIVE;
}

static const struct kind *kind_of(int cmd)
{
	const struct kind *k = kinds;

	while (k->name && k->cmd != cmd)
		k++;
	return k->name ? k : NULL;
}

static double print_clock(bool print)
{
	struct timespec ts;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	strftime(text, sizeof(text), "%H:%M:%S", localtime(&ts.tv_sec));
	if (print)
		printf("%s.%03ld ", text, ts.tv_nsec / 1000000);
	return ts.tv_sec + ts.tv_nsec / 1000000 / 1e3;
}

static void print_dev(const struct kind *k, const struct vnet_dev *d)
{
	char place[64];

	vnet_place(place, sizeof(place), d);
	printf("device %s (%s): %s", d->name, place, k->words);
	if (d->queue[0])
		printf(": %s: %s", d->queue, d->reason);
	else if (stall_known(d))
		printf(": %s", stalls[d->stall].words);
	putchar('\n');
}

static void print_event(const struct vnet_event *e, const struct kind *k)
{
	print_clock(true);
	if (k->about == ABOUT_ZONE)
		printf("zone %u: %s\n", e->zone.id, k->words);
	else if (k->about == ABOUT_DEV)
		print_dev(k, &e->dev);
	else
		puts(k->words);
}

static json_t *json_of_dev_event(const struct vnet_dev *d)
{
	json_t *j = json_of_dev(d);

	if (d->queue[0]) {
		json_object_set_new(j, "queue_broken", json_string(d->queue));
		json_object_set_new(j, "reason", json_string(d->reason));
	}
	if (stall_known(d))
		json_object_set_new(j, "stall",
				    json_string(stalls[d->stall].name));
	return j;
}

static int print_event_json(const struct vnet_event *e, const struct kind *k)
{
	json_t *j = json_pack("{s:f, s:s}", "time", print_clock(false),
			      "event", k->name);

	if (k->about == ABOUT_ZONE)
		json_object_set_new(j, "zone", json_of_zone(&e->zone));
	else if (k->about == ABOUT_DEV)
		json_object_set_new(j, "device", json_of_dev_event(&e->dev));
	return print_json(j, true);
}

struct progress {
	const struct options *o;
	__u64 n;
};

static int on_event(const struct vnet_event *e, void *arg)
{
	static const struct kind lost = {
		.name = "lost", .about = ABOUT_HV,
		.words = "events were lost: there were too many at a time",
	};
	const struct kind *k = e ? kind_of(e->cmd) : &lost;
	struct progress *p = arg;

	/* A newer module may know more. */
	if (!k)
		return 0;
	if (p->o->json)
		print_event_json(e, k);
	else
		print_event(e, k);
	return p->o->count && ++p->n >= p->o->count;
}

/* Until the end of days, or --count events. Return: 0 or -1, said why. */
int monitor(const struct options *o)
{
	struct progress p = { .o = o };

	return vnet_watch(on_event, &p) < 0 ? -1 : 0;
}
