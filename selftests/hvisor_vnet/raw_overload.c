// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPUs of one zone do nothing but make requests, each kind of them there
 * is, as fast as they can.  Another zone's ping takes at most twice as long as
 * before, and a softirq on root's CPU 0 keeps most of that CPU; less so on an old
 * kernel, where a timer's interrupt costs half as much again.  The offender is
 * answered, late, and what it sends arrives; later on it is as quick as before.
 *
 * In virtual time: whatever else the host does is no storm.  An instruction is a
 * nanosecond there, whoever executes it, so the storms' own vCPUs make the clock
 * run too: what is stated is no better than on a board.
 *
 * rig: smp=4 icount=must timeout=250
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <pthread.h>
#include <sched.h>

#define STORMS		2	/* vCPUs of zone 1: CPUs 1, 2; zone 2's is 3 */
#define PINGS		60
#define LOAD_MS		50
#define BUFFER		2048
#define ECHO		98	/* bytes of a ping's frame */

/* Of its time, in percent, that storms may take from a softirq. */
#define LOST_ASKS	25	/* what waits for answers */
#define LOST_KICKS	45	/* what does not */
#define LOST_MORE	10	/* beside that, on an old kernel */

/* An offender waits for the others that wait, each taking its turn. */
#define LATE_NS		5000000ull

static struct rg_zone zone[2];
static struct rg_dev storm, calm;

static bool done;
static u64 longest[STORMS];

/* The storms. */

static void ask(u64 *most)
{
	struct hvsim_raw_access a;

	a = rg_access(&storm, storm.addr + VIRTIO_MMIO_STATUS, 4, false, 0);
	if (a.latency_ns > *most)
		*most = a.latency_ns;
}

static void storm_reads(unsigned int i, u64 *most)
{
	(void)i;
	ask(most);
}

static void storm_kicks(unsigned int i, u64 *most)
{
	(void)i;
	(void)most;
	rg_notify(&storm.vq[RG_TX]);
}

static void storm_kicks_in_turn(unsigned int i, u64 *most)
{
	(void)most;
	rg_notify(&storm.vq[i % RG_QUEUES]);
}

static void storm_kicks_of_nothing(unsigned int i, u64 *most)
{
	(void)i;
	(void)most;
	rg_set(&storm, VIRTIO_MMIO_QUEUE_NOTIFY, 0x8000);
}

static void storm_of_both(unsigned int i, u64 *most)
{
	if (i % 2)
		storm_reads(i, most);
	else
		storm_kicks(i, most);
}

struct kind {
	const char *name;
	void (*touch)(unsigned int i, u64 *most);
	unsigned int lost;
};

static const struct kind kinds[] = {
	{ "reads", storm_reads, LOST_ASKS },
	{ "kicks", storm_kicks, LOST_KICKS },
	{ "kicks of two queues", storm_kicks_in_turn, LOST_KICKS },
	{ "kicks of no queue", storm_kicks_of_nothing, LOST_KICKS },
	{ "reads and kicks", storm_of_both, LOST_KICKS },
};

static const struct kind *kind;

static void *storms(void *arg)
{
	u64 *most = arg;
	cpu_set_t cpus;
	unsigned int i;

	CPU_ZERO(&cpus);
	CPU_SET(1 + (most - longest), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (i = 0; !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		kind->touch(i, most);
		rg_relax();
	}
	return NULL;
}

static void begin_storm(const struct kind *k, pthread_t *thread)
{
	unsigned int i;

	kind = k;
	__atomic_store_n(&done, false, __ATOMIC_RELAXED);
	for (i = 0; i < STORMS; i++)
		if (pthread_create(&thread[i], NULL, storms, &longest[i]))
			rg_die("no thread");
	/* Long enough to be noticed. */
	usleep(20000);
}

static void end_storm(pthread_t *thread)
{
	unsigned int i;

	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < STORMS; i++)
		pthread_join(thread[i], NULL);
}

/* Zone 2's pings, which root's kernel answers. */

static const u8 guest_mac[6] = { 2, 0, 0, 0, 0, 2 };
static u8 root_mac[6];
static u8 *out, *in;

static void sum_up(u8 *at, size_t len, u8 *to)
{
	u32 sum = 0;
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	to[0] = ~sum >> 8;
	to[1] = ~sum;
}

static void make_echo(u8 *frame, u16 seq)
{
	static const u8 ip[] = {
		0x08, 0x00, 0x45, 0, 0, ECHO - 14, 0, 0, 0, 0, 64, 1, 0, 0,
		10, 9, 0, 2, 10, 9, 0, 1, 8,
	};

	memset(frame, 0, ECHO);
	memcpy(frame, root_mac, 6);
	memcpy(frame + 6, guest_mac, 6);
	memcpy(frame + 12, ip, sizeof(ip));
	memcpy(frame + 40, &seq, sizeof(seq));
	sum_up(frame + 14, 20, frame + 24);
	sum_up(frame + 34, ECHO - 34, frame + 36);
}

/* As Linux does it: kick, sleep, read InterruptStatus, acknowledge, look. */
static u64 ping(u16 seq)
{
	struct rg_dev *d = &calm;
	struct rg_piece sent = RG_OUT(out, d->hdr_len + ECHO);
	struct rg_piece room = RG_IN(in, BUFFER);
	struct vring_used_elem elem;
	u64 at;

	memset(out, 0, d->hdr_len);
	make_echo(out + d->hdr_len, seq);
	while (rg_used(&d->vq[RG_TX], &elem))
		;
	rg_add(&d->vq[RG_RX], &room, 1);
	rg_kick(&d->vq[RG_RX]);
	rg_irq_off(&d->vq[RG_TX]);
	at = ktap_now_ns();
	rg_add(&d->vq[RG_TX], &sent, 1);
	rg_kick(&d->vq[RG_TX]);
	do {
		if (!rg_irqs(d, RG_LONG))
			rg_die("no answer to echo %u", seq);
		rg_ack(d);
	} while (!rg_used(&d->vq[RG_RX], &elem));
	return ktap_now_ns() - at;
}

static int earlier(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The median of many round trips. */
static u64 round_trip(const char *name)
{
	static u64 took[PINGS];
	unsigned int i;

	for (i = 0; i < PINGS; i++)
		took[i] = ping(i);
	qsort(took, PINGS, sizeof(took[0]), earlier);
	ktap_diag("%s: round trip %llu us, 9 of 10 below %llu us", name,
		  (unsigned long long)took[PINGS / 2] / 1000,
		  (unsigned long long)took[PINGS * 9 / 10] / 1000);
	return took[PINGS / 2];
}

/* Root's softirq. */

static u64 load_us(const char *name)
{
	char path[80];
	FILE *file;
	unsigned long long us;

	snprintf(path, sizeof(path), "/sys/module/softirq_load/parameters/%s",
		 name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &us) != 1)
		rg_die("cannot read %s", path);
	fclose(file);
	return us;
}

/* How much of its time interrupts take from it, in percent. */
static unsigned int softirq_loses(const char *name)
{
	u64 lost = load_us("lost_us"), burnt = load_us("burnt_us");

	usleep(LOAD_MS * 1000);
	lost = load_us("lost_us") - lost;
	burnt = load_us("burnt_us") - burnt;
	ktap_diag("%s: interrupts take %llu of %llu us from a softirq", name,
		  (unsigned long long)lost, (unsigned long long)burnt);
	return burnt ? lost * 100 / burnt : 100;
}

/* The tests. */

static bool is_old(void)
{
	return !rg_kernel_since(5, 15);
}

static unsigned int may_grow(void)
{
	return is_old() ? 3 : 2;
}

static unsigned int may_lose(const struct kind *k)
{
	return k->lost + (is_old() ? LOST_MORE : 0);
}

static bool test_round_trip(const struct kind *k, u64 calm_ns)
{
	pthread_t thread[STORMS];
	u64 took;

	begin_storm(k, thread);
	took = round_trip(k->name);
	end_storm(thread);
	return ktap_expect(took <= may_grow() * calm_ns);
}

static bool test_softirq(const struct kind *k)
{
	pthread_t thread[STORMS];
	unsigned int lost;

	begin_storm(k, thread);
	lost = softirq_loses(k->name);
	end_storm(thread);
	return ktap_expect(lost <= may_lose(k));
}

static bool test_not_lost(void)
{
	pthread_t thread[STORMS];
	bool ok = true;
	u32 seq;

	/* Kicks that matter, among others, all in one look. */
	begin_storm(&kinds[1], thread);
	end_storm(thread);
	for (seq = 0; ok && seq < 100; seq++) {
		u8 *at = rg_at(&zone[0], zone[0].gpa + 0x30000);
		struct rg_piece piece = RG_OUT(at, storm.hdr_len + 60);
		struct vring_used_elem elem;

		memset(at, 0, storm.hdr_len);
		rg_frame(at + storm.hdr_len, 60, seq);
		rg_notify(&storm.vq[RG_RX]);
		rg_add(&storm.vq[RG_TX], &piece, 1);
		rg_publish(&storm.vq[RG_TX]);
		rg_notify(&storm.vq[RG_TX]);
		if (seq % 2)
			rg_notify(&storm.vq[RG_RX]);
		ok = ktap_expect(rg_wait_used(&storm.vq[RG_TX], &elem));
	}
	return ok;
}

static bool test_forgiven(void)
{
	u64 slowed, most = 0;
	unsigned int i;

	usleep(300000);
	slowed = rg_page_counter("slowed");
	for (i = 0; i < 100; i++)
		ask(&most);
	return ktap_expect_eq(rg_page_counter("slowed"), slowed);
}

static void set_up(void)
{
	unsigned int mac[6], i;
	FILE *file;

	rg_zone_add(&zone[0], 1, 0x100000, 0x40000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, 0x40000, 0x40000000);
	rg_dev_add(&storm, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&calm, &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	rg_shell("ip addr add 10.9.0.1/24 dev tap1");
	rg_shell("ip neigh replace 10.9.0.2 dev tap1 lladdr 02:00:00:00:00:02 nud permanent");
	file = fopen("/sys/class/net/tap1/address", "r");
	if (!file || fscanf(file, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1],
			    &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		rg_die("tap1 has no address");
	fclose(file);
	for (i = 0; i < 6; i++)
		root_mac[i] = mac[i];
	rg_start(&storm, RG_FEATURES);
	rg_start(&calm, RG_FEATURES);
	out = rg_alloc(&zone[1], BUFFER, 8);
	in = rg_alloc(&zone[1], BUFFER, 8);
}

int main(void)
{
	unsigned int i;
	u64 calm_ns;

	rg_setup();
	ktap_plan(2 * RG_ARRAY_SIZE(kinds) + 6);
	set_up();
	ping(0);
	calm_ns = round_trip("nothing");
	ktap_point(ktap_expect_eq(rg_page_counter("slowed"), 0),
		   "nobody is slowed down who does what a guest does");
	for (i = 0; i < RG_ARRAY_SIZE(kinds); i++)
		ktap_timed_point(test_round_trip(&kinds[i], calm_ns),
				 "a storm of %s: a ping takes at most %u times as long",
				 kinds[i].name, may_grow());
	rg_shell("modprobe softirq_load cpu=0 percent=50");
	ktap_point(ktap_expect(softirq_loses("nothing") <= 5),
		   "a softirq has its CPU to itself");
	for (i = 0; i < RG_ARRAY_SIZE(kinds); i++)
		ktap_timed_point(test_softirq(&kinds[i]),
				 "a storm of %s: the softirq keeps %u %%",
				 kinds[i].name, 100 - may_lose(&kinds[i]));
	rg_shell("rmmod softirq_load");
	ktap_point(ktap_expect(longest[0] < LATE_NS || ktap_is_slow()) &
		   ktap_expect(longest[1] < LATE_NS || ktap_is_slow()) &
		   ktap_expect_eq(rg_sim_counter("gave_up"), 0),
		   "the storms had their answers");
	ktap_point(test_not_lost(), "no kick is lost");
	ktap_point(test_forgiven(), "later it is forgotten");
	rg_start(&storm, RG_FEATURES);
	rg_start(&calm, RG_FEATURES);
	ktap_point(rg_works(&storm) && rg_works(&calm), "all works after it");
	return ktap_finish();
}
