// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows of the benchmark's table that a ring program can fill.
 *
 *	ringbench METHOD COLUMN [FAMILY...]
 *
 * METHOD is icount, wall, or profile, which is icount and says in which order
 * icprofile.c has seen what.  COLUMN is a backend, or "floor": what no backend can do without.
 * For each value one line is printed,
 *
 *	result|FAMILY|NAME|COLUMN|VALUE|UNIT|METHOD
 *
 * with "not offered" or "n/a" where the column has no such value.  A row in
 * which a frame is lost ends the program.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#define BN_FRAMES	6400	/* counted in a row of small frames */
#define BN_SEGMENTS	200	/* the same of large ones */
#define BN_TRIPS	1000
#define BN_ACCESSES	400	/* more in a tick, and the zone is slowed down */
#define BN_IDLE_SECONDS	10
#define BN_WARM_UP	8	/* steps before it counts */

static struct rg_zone zone;
static struct bn_nic nics[BN_NICS];
static unsigned int n_nics;

static const struct bn_backend *backend;
static const char *column;
static enum bn_method method;
static bool profiling;

/* Results. */

static const char *unit_of(const char *what)
{
	static char unit[64];

	snprintf(unit, sizeof(unit), "%s/%s",
		 method == BN_WALL ? "ns" : "instructions", what);
	return unit;
}

static void print_value(const char *family, const char *name, double value,
			const char *unit)
{
	printf("result|%s|%s|%s|%.1f|%s|%s\n", family, name, column, value,
	       unit, method == BN_WALL ? "wall" : "icount");
}

static void print_none(const char *family, const char *name, const char *why,
		       const char *unit)
{
	printf("result|%s|%s|%s|%s|%s|%s\n", family, name, column, why, unit,
	       method == BN_WALL ? "wall" : "icount");
}

/* One step of a measurement, and how much of what is counted it is. */
struct load {
	void (*step)(const struct load *l);
	struct bn_frames f;
	unsigned int steps;
	unsigned int per_step;
};

static u64 count_load(const struct load *l, enum bn_method what)
{
	unsigned int i;
	u64 n;

	bn_count_open(what, backend && backend->thread ? backend->thread() : 0);
	bn_count_start();
	for (i = 0; i < l->steps; i++)
		l->step(l);
	n = bn_count_stop();
	bn_count_close();
	return n;
}

/* For profile.awk: of what and of how much the last count was. */
static void print_region(const char *name, double units, const char *unit)
{
	if (profiling)
		printf("region|%s|%s|%.0f|%s\n", name, column, units, unit);
}

/* Is there a backend in user space, whose instructions are to be counted? */
static bool counts_own(void)
{
	return method == BN_ICOUNT && !profiling && backend && backend->thread;
}

/*
 * What runs in user space counts for a backend that lives there: its own
 * instructions are added to the kernel's, and shown apart, too.
 */
static void measure(const char *family, const char *name, const char *what,
		    const struct load *l)
{
	double units = (double)l->steps * l->per_step;
	char share[96];
	unsigned int i;
	u64 n, own = 0;

	for (i = 0; i < BN_WARM_UP; i++)
		l->step(l);
	n = count_load(l, method);
	print_region(name, units, what);
	if (counts_own()) {
		own = count_load(l, BN_OWN);
		snprintf(share, sizeof(share), "%s: in user space", name);
		print_value("share", share, own / units, unit_of(what));
	}
	print_value(family, name, (n + own) / units, unit_of(what));
}

/* The NICs. */

/* Whoever serves the guest shall get the CPU; set late, for it is inherited. */
static void be_idle(void)
{
	const struct sched_param param = {};

	if (sched_setscheduler(0, SCHED_IDLE, &param))
		rg_die("SCHED_IDLE: %s", strerror(errno));
}

static void nics_up(unsigned int n)
{
	for (; n_nics < n; n_nics++)
		bn_nic_add(&nics[n_nics], backend, &zone, n_nics);
}

static bool offers(unsigned int bit)
{
	return rg_has(&nics[0].dev, bit);
}

/* Frames. */

static void transmit(const struct load *l)
{
	unsigned int i;

	for (i = 0; i < n_nics; i++)
		bn_transmit(&nics[i], &l->f);
}

static void receive(const struct load *l)
{
	unsigned int i;

	for (i = 0; i < n_nics; i++)
		bn_receive(&nics[i], &l->f);
}

/* All of it has to arrive; a sink counts what was not cut off or lost. */
static void measure_frames(const char *family, const char *name, bool tx,
			   const struct bn_frames *f, unsigned int frames)
{
	struct load l = {
		.step = tx ? transmit : receive,
		.f = *f,
		.per_step = f->burst * n_nics,
		.steps = frames / (f->burst * n_nics),
	};
	u64 want = (u64)l.steps * f->burst * bn_payload(f), got;
	unsigned int i, passes = 1;

	if (counts_own())
		passes = 2;
	want = (want * passes) + (u64)BN_WARM_UP * f->burst * bn_payload(f);
	for (i = 0; i < n_nics; i++)
		bn_sink(&nics[i], HVB_FREE);
	measure(family, name, "frame", &l);
	for (i = 0; tx && i < n_nics; i++) {
		got = bn_seen_payload(&nics[i]);
		if (got != want)
			rg_die("%s: %s: %llu bytes arrived, not %llu", column,
			       name, (unsigned long long)got,
			       (unsigned long long)want);
	}
}

static const unsigned int sizes[] = { 64, 256, 1500 };

/* A size that names a packet is the packet's; smaller ones are frames. */
static struct bn_frames frames_of(unsigned int size)
{
	return (struct bn_frames) {
		.len = size == 1500 ? 1514 : size, .burst = BN_BURST,
	};
}

static void small_frames(const char *family, bool tx, const char *more)
{
	struct bn_frames f;
	unsigned int i;
	char name[64];

	for (i = 0; i < RG_ARRAY_SIZE(sizes); i++) {
		f = frames_of(sizes[i]);
		snprintf(name, sizeof(name), "guest %s, %u bytes%s",
			 tx ? "TX" : "RX", sizes[i], more);
		measure_frames(family, name, tx, &f, BN_FRAMES);
	}
}

/* 64 KiB of TCP in one frame, if the device offers that. */
static void large_frames(bool tx)
{
	const struct bn_frames f = {
		.len = HVB_HEADERS_TCP + BN_SEGMENT, .kind = HVB_TCP,
		.mss = BN_MSS, .burst = 4,
	};
	const char *name = tx ? "guest TX, 64 KiB GSO" : "guest RX, 64 KiB GSO";

	if (offers(tx ? VIRTIO_NET_F_HOST_TSO4 : VIRTIO_NET_F_GUEST_TSO4))
		measure_frames("frames", name, tx, &f, BN_SEGMENTS);
	else
		print_none("frames", name, "not offered", unit_of("frame"));
}

/* The same amount of TCP, in one frame or in as many as it takes. */
static void stream(bool tx)
{
	bool whole = offers(tx ? VIRTIO_NET_F_HOST_TSO4 :
				 VIRTIO_NET_F_GUEST_TSO4);
	struct load l = {
		.step = tx ? transmit : receive,
		.f = {
			.len = HVB_HEADERS_TCP + BN_SEGMENT, .kind = HVB_TCP,
			.mss = BN_MSS, .burst = 4,
		},
		.steps = BN_SEGMENTS / 4,
		.per_step = 4 * n_nics,
	};

	/* The guest cuts; from root it is the stack that does. */
	if (tx && !whole)
		l.f = (struct bn_frames) {
			.len = HVB_HEADERS_TCP + BN_MSS, .kind = HVB_TCP,
			.burst = 4 * BN_SEGMENT / BN_MSS,
		};
	measure("frames", tx ? "guest TX, 64 KiB of TCP as it can" :
			       "guest RX, 64 KiB of TCP as it can",
		"64 KiB", &l);
}

static void frames(void)
{
	small_frames("frames", true, "");
	large_frames(true);
	stream(true);
	small_frames("frames", false, "");
	large_frames(false);
	stream(false);
}

/* There and back. */

static void round_trip(const struct load *l)
{
	(void)l;
	bn_round_trip(&nics[0]);
}

static void round_trips(void)
{
	const struct load l = {
		.step = round_trip, .steps = BN_TRIPS, .per_step = 1,
	};

	bn_sink(&nics[0], HVB_ECHO);
	bn_want_interrupts(&nics[0], false, true);
	measure("latency", "round trip, 64 bytes", "round trip", &l);
	bn_want_interrupts(&nics[0], false, false);
	bn_sink(&nics[0], HVB_FREE);
}

static void read_register(const struct load *l)
{
	(void)l;
	rg_get(&nics[0].dev, VIRTIO_MMIO_INTERRUPT_STATUS);
}

static void registers(void)
{
	const struct load l = {
		.step = read_register, .steps = BN_ACCESSES, .per_step = 1,
	};
	const char *name = "register read, round trip";

	if (backend == &bn_module)
		measure("latency", name, "access", &l);
	else
		print_none("latency", name, "n/a", unit_of("access"));
}

/* What happens between guest and root besides frames. */

struct events {
	u64 kicks;
	u64 interrupts;
	u64 wakes;
	u64 hypercalls;
};

static struct events events_now(void)
{
	struct events e = {
		.kicks = nics[0].kicks, .interrupts = nics[0].interrupts,
	};

	if (backend == &bn_module) {
		e.wakes = rg_sim_counter("wakes_taken");
		e.hypercalls = rg_sim_counter("finish_calls");
	}
	return e;
}

static void print_events(const char *load, const char *what, u64 n,
			 bool applies)
{
	char name[80];

	snprintf(name, sizeof(name), "%s: %s", load, what);
	if (applies)
		print_value("events", name, 1000.0 * n / BN_FRAMES,
			    "per 1000 frames");
	else
		print_none("events", name, "n/a", "per 1000 frames");
}

static void events_of(const char *name, bool tx, unsigned int burst)
{
	struct load l = {
		.step = tx ? transmit : receive,
		.f = frames_of(64),
		.steps = BN_FRAMES / burst, .per_step = burst,
	};
	bool hvisor = backend == &bn_module;
	struct events a, b;
	unsigned int i;

	l.f.burst = burst;
	bn_want_interrupts(&nics[0], tx, !tx);
	measure("interrupts", name, "frame", &l);
	a = events_now();
	for (i = 0; i < l.steps; i++)
		l.step(&l);
	b = events_now();
	bn_want_interrupts(&nics[0], false, false);
	print_events(name, "kicks", b.kicks - a.kicks, true);
	print_events(name, "interrupts", b.interrupts - a.interrupts, true);
	print_events(name, "EL2 wakes", b.wakes - a.wakes, hvisor);
	print_events(name, "hypercalls", b.hypercalls - a.hypercalls, hvisor);
}

static void events(void)
{
	events_of("guest TX, 64 bytes, bursts of 64", true, 64);
	events_of("guest RX, 64 bytes, bursts of 64", false, 64);
	events_of("guest TX, 64 bytes, one by one", true, 1);
	events_of("guest RX, 64 bytes, one by one", false, 1);
}

/* Nothing to do. */

/* From /proc/stat: interrupts taken and tasks switched to. */
static u64 wakeups_now(void)
{
	FILE *file = fopen("/proc/stat", "re");
	u64 n = 0, value;
	char word[32];

	while (file && fscanf(file, "%31s %lu", word, &value) == 2) {
		if (!strcmp(word, "intr") || !strcmp(word, "ctxt"))
			n += value;
		if (fscanf(file, "%*[^\n]") < 0)
			break;
	}
	fclose(file);
	return n;
}

static void idle(void)
{
	u64 wakeups, n;

	sleep(1);
	bn_count_open(method, 0);
	wakeups = wakeups_now();
	bn_count_start();
	sleep(BN_IDLE_SECONDS);
	n = bn_count_stop();
	wakeups = wakeups_now() - wakeups;
	print_region("idle", BN_IDLE_SECONDS, "s");
	bn_count_close();
	if (method == BN_ICOUNT)
		print_value("idle", "idle, instructions",
			    (double)n / BN_IDLE_SECONDS, "instructions/s");
	print_value("idle", "idle, interrupts and task switches",
		    (double)wakeups / BN_IDLE_SECONDS, "1/s");
}

/* Several NICs, one after the other. */
static void devices(void)
{
	static const unsigned int numbers[] = { 1, 2, 4, 7 };
	struct bn_frames f = frames_of(64);
	unsigned int i, rx;
	char name[64];

	for (i = 0; i < RG_ARRAY_SIZE(numbers); i++) {
		nics_up(numbers[i]);
		for (rx = 0; rx < 2; rx++) {
			snprintf(name, sizeof(name),
				 "guest %s, 64 bytes, %u device%s",
				 rx ? "RX" : "TX", n_nics,
				 n_nics > 1 ? "s" : "");
			measure_frames("devices", name, !rx, &f,
				       BN_FRAMES - BN_FRAMES %
				       (n_nics * BN_BURST));
		}
	}
}

/* What no backend can do without. */

static unsigned int dummy;

static void copy(const struct load *l)
{
	struct hvb_work work = { .count = l->per_step, .len = l->f.len };

	if (ioctl(bn_hvbench, HVB_MEMCPY, &work))
		rg_die("memcpy: %s", strerror(errno));
}

static void ends_only(const struct load *l, unsigned long cmd)
{
	struct hvb_send send = {
		.ifindex = dummy, .count = l->per_step, .len = l->f.len,
		.kind = l->f.kind, .mss = l->f.mss,
	};

	if (ioctl(bn_hvbench, cmd, &send))
		rg_die("dummy: %s", strerror(errno));
}

static void end_in_root(const struct load *l)
{
	ends_only(l, HVB_RECEIVE);
}

static void begin_in_root(const struct load *l)
{
	ends_only(l, HVB_SEND);
}

static void floor_row(const char *name, struct load l)
{
	column = "memcpy";
	l.step = copy;
	l.per_step = 1000;
	l.steps = 4;
	measure("frames", name, "frame", &l);
	column = "rig alone";
	l.step = strstr(name, "TX") ? end_in_root : begin_in_root;
	l.per_step = l.f.mss ? 4 : BN_BURST;
	l.steps = 50;
	measure("frames", name, "frame", &l);
}

static void floor_of_frames(void)
{
	struct load l = {};
	unsigned int i, rx;
	char name[64];

	for (rx = 0; rx < 2; rx++) {
		const char *way = rx ? "RX" : "TX";

		for (i = 0; i < RG_ARRAY_SIZE(sizes); i++) {
			l.f = frames_of(sizes[i]);
			snprintf(name, sizeof(name), "guest %s, %u bytes", way,
				 sizes[i]);
			floor_row(name, l);
		}
		l.f = (struct bn_frames) {
			.len = HVB_HEADERS_TCP + BN_SEGMENT, .kind = HVB_TCP,
			.mss = BN_MSS,
		};
		snprintf(name, sizeof(name), "guest %s, 64 KiB GSO", way);
		floor_row(name, l);
	}
}

static void floor_columns(void)
{
	struct hvb_sink sink = { .mode = HVB_FREE };

	if (system("ip link add dummy9 type dummy && ip link set dummy9 up") ||
	    system("tc qdisc replace dev dummy9 root fq_codel") ||
	    system("ethtool -K dummy9 tx on sg on tso on >/dev/null"))
		rg_die("no dummy interface");
	dummy = if_nametoindex("dummy9");
	sink.ifindex = dummy;
	if (ioctl(bn_hvbench, HVB_SET_SINK, &sink))
		rg_die("sink: %s", strerror(errno));
	floor_of_frames();
	column = "nothing";
	idle();
	if (system("ip link del dummy9"))
		rg_die("the dummy interface stays");
}

/* Main. */

static const struct family {
	const char *name;
	void (*run)(void);
} families[] = {
	{ "frames", frames },
	{ "latency", round_trips },
	{ "registers", registers },
	{ "events", events },
	{ "idle", idle },
	{ "devices", devices },	/* last: it adds NICs */
};

static bool wanted(const char *family, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, family))
			return true;
	return false;
}

static const struct bn_backend *find_backend(const char *name)
{
	static const struct bn_backend * const all[] = {
		&bn_module, &bn_vhost, &bn_user_batching, &bn_user_daemon,
	};
	unsigned int i;

	for (i = 0; i < RG_ARRAY_SIZE(all); i++)
		if (!strcmp(all[i]->column, name))
			return all[i];
	return NULL;
}

static void run_backend(char **names)
{
	unsigned int i;

	column = backend->column;
	backend->open(&zone);
	nics_up(1);
	be_idle();
	for (i = 0; i < RG_ARRAY_SIZE(families); i++)
		if (wanted(families[i].name, names))
			families[i].run();
	while (n_nics)
		bn_nic_del(&nics[--n_nics]);
	if (backend == &bn_module)
		rg_zone_del(&zone);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		rg_die("usage: ringbench icount|profile|wall COLUMN [FAMILY...]");
	method = strcmp(argv[1], "wall") ? BN_ICOUNT : BN_WALL;
	profiling = !strcmp(argv[1], "profile");
	backend = find_backend(argv[2]);
	if (!backend && strcmp(argv[2], "floor"))
		rg_die("there is no column %s", argv[2]);
	rg_setup();
	bn_guest_open();
	if (backend)
		run_backend(argv + 3);
	else
		floor_columns();
	return 0;
}
