// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet stats": what crossed, and at what price: totals, or with --watch what a
 * second brings, again and again.  For people in 80 columns, or as JSON.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

/**
 * struct sample - all counters at a time
 * @hv: of the hypervisor
 * @devs: of each device
 * @at: seconds, since whenever
 */
struct sample {
	struct vnet_hv hv;
	struct vnet_devs devs;
	double at;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Return: 0, and free_sample() is owed; or -1, said why. */
static int take_sample(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->at = now();
	if (!vnet_get_hv(&s->hv) && !vnet_get_devs(&s->devs))
		return 0;
	free(s->devs.list);
	return -1;
}

static void free_sample(struct sample *s)
{
	free(s->devs.list);
	s->devs.list = NULL;
}

/* The same device in an earlier sample, or NULL. */
static const struct vnet_dev *find_dev(const struct sample *s,
				       const struct vnet_dev *like)
{
	size_t i;

	for (i = 0; i < s->devs.n; i++) {
		const struct vnet_dev *d = &s->devs.list[i];

		if (d->number[KEY_ZONE] == like->number[KEY_ZONE] &&
		    d->number[KEY_ADDR] == like->number[KEY_ADDR] &&
		    d->ifindex == like->ifindex)
			return d;
	}
	return NULL;
}

/* What was added in a second, of each counter; of one that is new nothing. */
static void rates(double *to, const __u64 *from, const __u64 *until, size_t n,
		  double seconds)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = from && seconds > 0 && until[i] >= from[i] ?
			(until[i] - from[i]) / seconds : 0;
}

static void totals(double *to, const __u64 *counter, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = counter[i];
}

#define C(NAME)	HVISOR_VNET_A_COUNTERS_##NAME
#define H(NAME)	HVISOR_VNET_A_HV_COUNTERS_##NAME

static double frames_per_interrupt(const double *v)
{
	double irqs = v[C(INJECTIONS)];

	return irqs > 0 ? (v[C(TX_FRAMES)] + v[C(RX_FRAMES)]) / irqs : 0;
}

static __u64 all_drops(const struct vnet_dev *d)
{
	__u64 sum = 0;
	int i;

	for (i = C(DROP_TX_RUNT); i <= C(DROP_RX_NO_GUEST); i++)
		sum += d->counter[i];
	return sum;
}

/* For people */

/* 9876, 12.3k, 123k, 1.2M: at most 6 characters. */
static const char *human(double value)
{
	static const char unit[] = " kMGTP";
	static char text[8][16];
	static unsigned int next;
	char *to = text[next++ % 8];
	size_t i = 0;

	if (value < 9999.5) {
		snprintf(to, sizeof(text[0]), "%.0f", value);
		return to;
	}
	while (value >= 999.5 && unit[i + 1]) {
		value /= 1000;
		i++;
	}
	snprintf(to, sizeof(text[0]), value < 99.95 ? "%.1f%c" : "%.0f%c", value,
		 unit[i]);
	return to;
}

/* A terminal is drawn over, whatever was longer before is gone. */
static const char *eol(void)
{
	return isatty(STDOUT_FILENO) ? "\033[K\n" : "\n";
}

#define ROW	"%-10.10s %7s %7s %7s  %7s %7s %7s %5s %6s %6s%s"

static void print_head(bool watch)
{
	const char *amount = watch ? "bit/s" : "bytes";

	printf("%-11s%s  %s%s", "",
	       watch ? "- from the guest, 1/s -" : "---- from the guest ---",
	       watch ? "-- to the guest, 1/s --" : "----- to the guest ----",
	       eol());
	printf(ROW, "interface", "frames", amount, "kicks", "frames", amount,
	       "irqs", "f/irq", "stalls", "drops", eol());
}

static void print_row(const struct vnet_dev *d, const double *v, bool watch)
{
	const double per_byte = watch ? 8 : 1;
	char per_irq[16];

	snprintf(per_irq, sizeof(per_irq), "%.1f", frames_per_interrupt(v));
	printf(ROW, d->name, human(v[C(TX_FRAMES)]),
	       human(v[C(TX_BYTES)] * per_byte), human(v[C(TX_KICKS)]),
	       human(v[C(RX_FRAMES)]), human(v[C(RX_BYTES)] * per_byte),
	       human(v[C(INJECTIONS)]), per_irq,
	       human(d->counter[C(STALLS)] + d->counter[C(RX_STALLS)]),
	       human(all_drops(d)), eol());
}

static void print_hv(const double *v, bool watch)
{
	const char *s = watch ? "/s" : "";

	printf("hypervisor: wakes%s %s, requests%s %s, hypercalls%s %s, late%s %s%s",
	       s, human(v[H(WAKES)]), s, human(v[H(REQUESTS)]), s,
	       human(v[H(HYPERCALLS)]), s, human(v[H(FOUND_LATE)]), eol());
}

/* Of one device everything, a line each. */
static void print_all(const struct vnet_dev *d, const double *v, bool watch)
{
	int i;

	printf("%-18s %12s%s", d->name, watch ? "a second" : "total", eol());
	for (i = 0; i < DEV_COUNTERS; i++)
		if (vnet_dev_counter[i])
			printf("%-18s %12.0f%s", vnet_dev_counter[i], v[i],
			       eol());
	printf("%-18s %12.1f%s", "frames/interrupt", frames_per_interrupt(v),
	       eol());
}

/* As JSON */

static json_t *json_of_values(const double *v, const char * const *name,
			      size_t n, bool whole)
{
	json_t *j = json_object();
	size_t i;

	for (i = 0; i < n; i++)
		if (name[i])
			json_object_set_new(j, name[i],
					    whole ? json_integer(v[i]) :
						    json_real(v[i]));
	return j;
}

static json_t *json_of_row(const struct vnet_dev *d, const double *v, bool watch)
{
	char place[64];

	vnet_place(place, sizeof(place), d);
	return json_pack("{s:s, s:s, s:o, s:f}", "device", place,
			 "name", d->name, watch ? "per_second" : "counters",
			 json_of_values(v, vnet_dev_counter, DEV_COUNTERS, !watch),
			 "frames_per_interrupt", frames_per_interrupt(v));
}

/* Both */

/**
 * struct view - what is shown
 * @from: the earlier sample, NULL for totals
 * @until: the later one
 * @name: only that device; or NULL
 * @json: as JSON: into here
 */
struct view {
	const struct sample *from;
	const struct sample *until;
	const char *name;
	json_t *json;
};

static void view_hv(const struct view *view)
{
	const struct vnet_hv *hv = &view->until->hv;
	double v[HV_COUNTERS];

	if (view->from)
		rates(v, view->from->hv.counter, hv->counter, HV_COUNTERS,
		      view->until->at - view->from->at);
	else
		totals(v, hv->counter, HV_COUNTERS);
	if (view->json)
		json_object_set_new(view->json, "hypervisor",
				    json_of_values(v, vnet_hv_counter,
						   HV_COUNTERS, !view->from));
	else if (!view->name)
		print_hv(v, view->from);
}

static void view_dev(const struct view *view, const struct vnet_dev *d,
		     json_t *list)
{
	const struct vnet_dev *was = view->from ? find_dev(view->from, d) : NULL;
	double v[DEV_COUNTERS];

	if (view->from)
		rates(v, was ? was->counter : NULL, d->counter, DEV_COUNTERS,
		      view->until->at - view->from->at);
	else
		totals(v, d->counter, DEV_COUNTERS);
	if (list)
		json_array_append_new(list, json_of_row(d, v, view->from));
	else if (view->name)
		print_all(d, v, view->from);
	else
		print_row(d, v, view->from);
}

/* Return: how many devices were shown. */
static size_t view_devs(const struct view *view)
{
	const struct vnet_devs *devs = &view->until->devs;
	json_t *list = view->json ? json_array() : NULL;
	size_t i, n = 0;

	if (!list && !view->name)
		print_head(view->from);
	for (i = 0; i < devs->n; i++) {
		if (!vnet_dev_matches(&devs->list[i], view->name))
			continue;
		view_dev(view, &devs->list[i], list);
		n++;
	}
	if (list)
		json_object_set_new(view->json, "devices", list);
	return n;
}

static void print_time(const struct options *o)
{
	char text[32];
	time_t t = time(NULL);

	strftime(text, sizeof(text), "%H:%M:%S", localtime(&t));
	printf("hvnet stats, every %g s, at %s%s", o->interval_ms / 1000.0, text,
	       eol());
}

/* Return: 0 or -1, said why. */
static int view_all(struct view *view, const struct options *o)
{
	const bool redraw = !o->json && view->from && isatty(STDOUT_FILENO);
	size_t n;

	view->json = o->json ? json_object() : NULL;
	if (redraw)
		fputs("\033[H", stdout);
	if (!o->json && view->from)
		print_time(o);
	view_hv(view);
	n = view_devs(view);
	if (view->json && print_json(view->json, view->from))
		return -1;
	if (redraw)
		fputs("\033[J", stdout);
	else if (!o->json && view->from)
		putchar('\n');
	fflush(stdout);
	if (view->name && !n)
		return say_err("there is no device %s in this network namespace",
			       view->name);
	return 0;
}

static int view_once(const char *name, const struct options *o)
{
	struct view view = { .name = name };
	struct sample s;
	int err;

	if (take_sample(&s))
		return -1;
	view.until = &s;
	err = view_all(&view, o);
	free_sample(&s);
	return err;
}

static int watch(const char *name, const struct options *o)
{
	struct view view = { .name = name };
	struct sample s[2];
	__u64 round;
	int err = take_sample(&s[0]);

	if (err)
		return -1;
	if (!o->json && isatty(STDOUT_FILENO))
		fputs("\033[2J", stdout);
	for (round = 0; !err && (!o->count || round < o->count); round++) {
		usleep(o->interval_ms * 1000);
		view.from = &s[round % 2];
		view.until = &s[(round + 1) % 2];
		err = take_sample(&s[(round + 1) % 2]);
		if (!err)
			err = view_all(&view, o);
		free_sample(&s[round % 2]);
	}
	if (!err)
		free_sample(&s[round % 2]);
	return err;
}

/* Of all devices, or of one. Return: 0 or -1, said why. */
int stats(const char *name, const struct options *o)
{
	return o->watch ? watch(name, o) : view_once(name, o);
}
