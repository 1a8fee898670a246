// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=4 timeout=1500
 *
 * Requests for a daemon's devices beside saturating traffic through ours, and
 * beside accesses to our registers: none is lost, duplicated, or answered by
 * the wrong side.  Three vCPUs of two zones; reads and writes of every width,
 * and notifies.  Each access has a number that both sides count on their own.
 *
 * 20 000 requests, for the sake of those who wait; a million with the word
 * HVNET_REQUESTS=1000000 on the kernel's command line, which becomes part of
 * our environment (selftests/vm/run.sh --append).
 */
#define _GNU_SOURCE
#include "rawtraffic.h"
#include "tooldaemon.h"

#define REQUESTS	20000
#define VCPUS		3

/* One in so many accesses of a vCPU is to our device. */
#define OURS		8

static struct rg_zone zone[2];
static struct rg_dev dev, *d = &dev;

/**
 * struct vcpu - one vCPU, and the thing that it alone touches
 * @thing: the thing
 * @cpu: where it runs
 * @thread: it
 * @left: accesses to make
 * @mine: what it has counted, as the daemon does
 * @ours: accesses to our device
 * @wrong_ours: of these, those with a wrong answer
 * @longest_ns: the longest that one took
 * @random: for its choices
 */
struct vcpu {
	struct td_thing thing;
	int cpu;
	pthread_t thread;
	u64 left;
	struct td_count mine;
	u64 ours, wrong_ours, longest_ns;
	u64 random;
};

static struct vcpu vcpu[VCPUS];

static const struct td_plan plan = { .cpu = 1, .zone = { 1, 2, 1 },
				     .idle = 20000 };

static u32 roll(struct vcpu *v, u32 n)
{
	v->random = v->random * 6364136223846793005ull + 1442695040888963407ull;
	return (v->random >> 33) % n;
}

static void touch(struct vcpu *v, u64 offset, u32 size, bool write)
{
	u64 want = td_fit(td_answer(v->thing.index, v->mine.seq), size);
	struct hvsim_raw_access a;

	a = td_access(&v->thing, offset, size, write,
		      td_fit(v->mine.seq++, size));
	if (!write && a.value != want)
		v->mine.wrong++;
	if (a.latency_ns > v->longest_ns)
		v->longest_ns = a.latency_ns;
}

static void touch_thing(struct vcpu *v)
{
	unsigned int width = roll(v, 4);

	switch (roll(v, 5)) {
	case 0:
		v->mine.notifies++;
		touch(v, TD_NOTIFY, 4, true);
		break;
	case 1:
	case 2:
		v->mine.writes[width]++;
		touch(v, TD_SEQ, 1 << width, true);
		break;
	default:
		v->mine.reads[width]++;
		touch(v, TD_SEQ, 1 << width, false);
	}
}

/* Registers that traffic does not change. */
static const struct {
	u32 offset, size;
	u64 value;
} registers[] = {
	{ VIRTIO_MMIO_MAGIC_VALUE, 4, 0x74726976 },
	{ VIRTIO_MMIO_VERSION, 4, 2 },
	{ VIRTIO_MMIO_DEVICE_ID, 4, 1 },
	{ VIRTIO_MMIO_VENDOR_ID, 4, 0x48564953 },
	{ VIRTIO_MMIO_STATUS, 4, 0xf },
	{ VIRTIO_MMIO_CONFIG + 0, 1, 0x02 },
	{ VIRTIO_MMIO_CONFIG + 5, 1, 0x31 },
	{ VIRTIO_MMIO_CONFIG + 10, 2, 1500 },
};

static void touch_ours(struct vcpu *v)
{
	u32 i = roll(v, RG_ARRAY_SIZE(registers));
	struct hvsim_raw_access a;

	a = rg_access(d, d->addr + registers[i].offset, registers[i].size,
		      false, 0);
	v->ours++;
	v->wrong_ours += a.value != registers[i].value;
}

static void *run(void *arg)
{
	struct vcpu *v = arg;

	rg_pin(v->cpu);
	while (v->left) {
		/* Only the zone that has our device may touch it. */
		if (v->thing.dev.zone == d->zone && !roll(v, OURS))
			touch_ours(v);
		touch_thing(v);
		v->left--;
	}
	return NULL;
}

static bool counts_agree(const struct vcpu *v)
{
	const struct td_count *seen = &td_shared->thing[v->thing.index];
	unsigned int i;
	bool ok;

	ktap_wait_for(RG_LONG, seen->seq == v->mine.seq);
	ok = ktap_expect_eq(seen->seq, v->mine.seq) &
	     ktap_expect_eq(seen->notifies, v->mine.notifies);
	for (i = 0; i < 4; i++)
		ok &= ktap_expect_eq(seen->reads[i], v->mine.reads[i]) &
		      ktap_expect_eq(seen->writes[i], v->mine.writes[i]);
	ktap_diag("vCPU %u: %llu accesses, %llu notifies of them, %llu beside",
		  v->thing.index, (unsigned long long)v->mine.seq,
		  (unsigned long long)v->mine.notifies,
		  (unsigned long long)v->ours);
	ktap_diag("vCPU %u: the longest took %llu us", v->thing.index,
		  (unsigned long long)v->longest_ns / 1000);
	return ok;
}

static void make_vcpus(u64 requests)
{
	static const int cpu[VCPUS] = { 2, 3, 2 };
	unsigned int i;

	for (i = 0; i < VCPUS; i++) {
		td_thing_add(&vcpu[i].thing, &zone[plan.zone[i] - 1], i, 0);
		vcpu[i].cpu = cpu[i];
		vcpu[i].left = requests / VCPUS + (i < requests % VCPUS);
		vcpu[i].random = i;
	}
}

static u64 requests_wanted(void)
{
	const char *word = getenv("HVNET_REQUESTS");
	u64 n = word ? strtoull(word, NULL, 0) : 0;

	return n ? n : ktap_scaled(REQUESTS);
}

int main(void)
{
	u64 page, sim, posted, unknown, wanted = requests_wanted();
	bool counts = true, right = true, ours = true, frames;
	unsigned long long began;
	struct rt_traffic traffic;
	unsigned int i;
	pid_t pid;

	rg_setup();
	ktap_plan(6);
	rg_zone_add(&zone[0], 1, 0x100000, 0x200000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x400000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0",
		   "mac=02:00:00:00:00:31 mtu=1500");
	rg_start(d, RG_FEATURES);
	make_vcpus(wanted);
	pid = td_start(&plan);

	page = rg_page_counter("requests");
	sim = rg_sim_counter("requests");
	posted = rg_sim_counter("posted");
	unknown = rg_page_counter("unknown");
	began = ktap_now_ns();
	rt_start(&traffic, d, 3);
	for (i = 0; i < VCPUS; i++)
		if (pthread_create(&vcpu[i].thread, NULL, run, &vcpu[i]))
			rg_die("no thread");
	for (i = 0; i < VCPUS; i++)
		pthread_join(vcpu[i].thread, NULL);
	began = ktap_now_ns() - began;
	frames = rt_finish(&traffic);
	ktap_diag("%llu requests in %llu ms", (unsigned long long)wanted,
		  began / 1000000);

	for (i = 0; i < VCPUS; i++) {
		counts &= counts_agree(&vcpu[i]);
		right &= ktap_expect_eq(td_shared->thing[i].wrong, 0) &
			 ktap_expect_eq(vcpu[i].mine.wrong, 0);
		ours &= ktap_expect_eq(vcpu[i].wrong_ours, 0);
	}
	ktap_point(counts, "no request lost or duplicated: both sides count the same");
	ktap_point(right, "each in its turn, each with its own answer");
	ktap_point(ours & ktap_expect_eq(td_shared->nobody, 0) &
		   ktap_expect_eq(rg_page_counter("unknown"), unknown),
		   "none answered by the wrong side");
	ktap_point(frames, "no frame lost meanwhile");
	page = rg_page_counter("requests") - page;
	sim = rg_sim_counter("requests") - sim;
	ktap_diag("%llu requests on the page, %llu of them posted",
		  (unsigned long long)page,
		  (unsigned long long)rg_sim_counter("posted") - posted);
	ktap_point(ktap_expect_eq(page, sim), "the page has served what was queued");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "nobody waited in vain, nobody was told what it had not asked");
	td_kill(pid);
	return ktap_finish();
}
