// SPDX-License-Identifier: GPL-2.0-only
/*
 * The latency histograms in debugfs: empty until they are switched on, then
 * with each kick and each acknowledgment in the bucket where it belongs, of
 * that device only, until they are switched off.  In virtual time, since it is
 * time that is told.
 *
 * rig: smp=2 icount=must timeout=60
 */
#include "rawguest.h"

#define BUCKETS		64
#define MS		1000000ull

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev, second, *other = &second;
static u8 *buf;

/* The table, by the number of bits in the nanoseconds. */
struct table {
	u64 kicks[BUCKETS + 1];
	u64 acks[BUCKETS + 1];
	u64 n_kicks, n_acks;
};

static void debug_path(const struct rg_dev *of, const char *file, char *path,
		       size_t size)
{
	snprintf(path, size, "/sys/kernel/debug/hvisor_vnet/%s/%s",
		 strrchr(of->dir, '/') + 1, file);
}

static int set_on(const struct rg_dev *of, const char *value)
{
	char path[120];

	debug_path(of, "latency_on", path, sizeof(path));
	return rg_write(path, "%s", value);
}

static char is_on(const struct rg_dev *of)
{
	char path[120], value = '?';
	FILE *f;

	debug_path(of, "latency_on", path, sizeof(path));
	f = fopen(path, "r");
	if (f) {
		value = fgetc(f);
		fclose(f);
	}
	return value;
}

static struct table table(const struct rg_dev *of)
{
	unsigned long long below, kicks, acks;
	char path[120], line[80];
	struct table t = {};
	unsigned int i;
	FILE *f;

	debug_path(of, "latency", path, sizeof(path));
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f) ||
	    strcmp(line, "below_ns kick_to_delivery injection_to_ack\n"))
		rg_die("%s is not what it should be", path);
	while (fscanf(f, "%llu %llu %llu\n", &below, &kicks, &acks) == 3) {
		for (i = 0; below >> i > 1; i++)
			;
		if (below != RG_BIT(i) || (!kicks && !acks))
			rg_die("%s: %llu %llu %llu", path, below, kicks, acks);
		t.kicks[i] = kicks;
		t.acks[i] = acks;
		t.n_kicks += kicks;
		t.n_acks += acks;
	}
	fclose(f);
	return t;
}

/* The bucket of a time between these; they must be in the same. */
static unsigned int bucket(u64 from, u64 to)
{
	unsigned int i = 64 - __builtin_clzll(from);

	if (i != 64u - __builtin_clzll(to))
		rg_die("%llu and %llu ns are in different buckets",
		       (unsigned long long)from, (unsigned long long)to);
	return i;
}

static void settle(void)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

static void start(void)
{
	/* Each frame is to be found by its kick. */
	rg_recur_after(d, 0);
	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 2048, 8);
	settle();
	d->vq[RG_TX].want_irq = false;
}

static void queue_frame(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + 60);

	/* An interrupt for it is wanted, whether it is looked at or not. */
	q->avail->ring[q->num] = q->last_used;
	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, 60, 1);
	rg_add(q, &piece, 1);
	rg_publish(q);
}

static bool given_back(void)
{
	struct vring_used_elem elem;

	return ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem));
}

/* A frame whose interrupt is acknowledged @us after it came. */
static bool take_frame(unsigned int us)
{
	u64 at;
	bool ok;

	queue_frame();
	rg_notify(&d->vq[RG_TX]);
	ok = given_back() && ktap_expect(rg_irqs(d, RG_LONG) > 0);
	for (at = ktap_now_ns(); ktap_now_ns() - at < us * 1000ull;)
		;
	rg_ack(d);
	return ok;
}

static bool test_off(void)
{
	struct table t;
	bool ok;

	start();
	ok = ktap_expect(is_on(d) == '0') && take_frame(0) && take_frame(0);
	t = table(d);
	return ok && ktap_expect_eq(t.n_kicks, 0) && ktap_expect_eq(t.n_acks, 0);
}

static bool test_values(void)
{
	return ktap_expect_eq(set_on(d, "2"), -EINVAL) &&
	       ktap_expect_eq(set_on(d, "yes"), -EINVAL) &&
	       ktap_expect(is_on(d) == '0') && ktap_expect_eq(set_on(d, "1"), 0) &&
	       ktap_expect(is_on(d) == '1') && ktap_expect_eq(set_on(d, "0"), 0) &&
	       ktap_expect(is_on(d) == '0');
}

/* One in each, and in the right one. */
static bool test_buckets(void)
{
	struct table t;
	unsigned int i;
	bool ok = true;

	start();
	/* It takes the guest a few to be trusted with so much time. */
	for (i = 0; ok && i < 4; i++)
		ok = take_frame(1300);
	ok = ok && ktap_expect_eq(set_on(d, "1"), 0);
	for (i = 0; ok && i < 5; i++)
		ok = take_frame(1300);
	t = table(d);
	ok = ok && ktap_expect_eq(t.n_kicks, 5) && ktap_expect_eq(t.n_acks, 5) &&
	     ktap_expect_eq(t.acks[bucket(1300000, 1600000)], 5);
	ok = ok && take_frame(5000);
	t = table(d);
	return ok && ktap_expect_eq(t.acks[bucket(5000000, 6000000)], 1) &&
	       ktap_expect_eq(t.n_acks, 6);
}

/* What waits for a zone that rests is not with root's stack. */
static bool test_late_delivery(void)
{
	struct table t;
	bool ok;

	start();
	ok = ktap_expect_eq(rg_write("/sys/bus/hvisor_vnet/devices/zone1/quiesce",
				     "1"), 0) &&
	     ktap_expect_eq(set_on(d, "1"), 0);
	queue_frame();
	rg_notify(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_TX]);
	usleep(20000);
	rg_notify(&d->vq[RG_TX]);
	/* Until it has come through. */
	usleep(1000);
	rg_write("/sys/bus/hvisor_vnet/devices/zone1/quiesce", "0");
	ok = ok && given_back();
	settle();
	t = table(d);
	return ok && ktap_expect_eq(t.n_kicks, 1) &&
	       ktap_expect_eq(t.kicks[bucket(20 * MS, 30 * MS)], 1);
}

/* Neither kicks for nothing, nor acknowledgments of nothing. */
static bool test_nothing(void)
{
	struct table t;

	start();
	if (!ktap_expect_eq(set_on(d, "1"), 0))
		return false;
	rg_notify(&d->vq[RG_TX]);
	rg_notify(&d->vq[RG_RX]);
	settle();
	rg_set(d, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	t = table(d);
	return ktap_expect_eq(t.n_kicks, 0) && ktap_expect_eq(t.n_acks, 0);
}

/* One that was given up is not acknowledged when the guest does so at last. */
static bool test_given_up(void)
{
	u64 stalls = rg_counter(d, "stalls");
	bool ok;

	start();
	ok = ktap_expect_eq(set_on(d, "1"), 0);
	queue_frame();
	rg_notify(&d->vq[RG_TX]);
	ok = ok && given_back() &&
	     ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "stalls") ==
						stalls + 1));
	rg_ack(d);
	return ok && ktap_expect_eq(table(d).n_kicks, 1) &&
	       ktap_expect_eq(table(d).n_acks, 0);
}

static bool test_again(void)
{
	struct table t;
	bool ok;

	start();
	ok = ktap_expect_eq(set_on(d, "1"), 0) && take_frame(0) &&
	     take_frame(0) && ktap_expect_eq(table(d).n_acks, 2) &&
	     ktap_expect_eq(set_on(d, "1"), 0);
	t = table(d);
	ok = ok && ktap_expect_eq(t.n_kicks, 0) && ktap_expect_eq(t.n_acks, 0);
	ok = ok && take_frame(0) && ktap_expect_eq(set_on(d, "0"), 0) &&
	     take_frame(0) && take_frame(0);
	t = table(d);
	return ok && ktap_expect_eq(t.n_kicks, 1) && ktap_expect_eq(t.n_acks, 1);
}

/* One is timed, the other is not; what was begun before does not count. */
static bool test_another(void)
{
	struct table t;
	bool ok;

	start();
	ok = ktap_expect_eq(set_on(other, "1"), 0);
	queue_frame();
	rg_notify(&d->vq[RG_TX]);
	ok = ok && given_back() && ktap_expect_eq(set_on(d, "1"), 0);
	rg_irqs(d, RG_LONG);
	rg_ack(d);
	t = table(d);
	ok = ok && ktap_expect_eq(t.n_kicks, 0) && ktap_expect_eq(t.n_acks, 0);
	ok = ok && take_frame(0) && ktap_expect_eq(table(d).n_kicks, 1);
	t = table(other);
	return ok && ktap_expect_eq(t.n_kicks, 0) &&
	       ktap_expect_eq(t.n_acks, 0) && ktap_expect(is_on(other) == '1');
}

/* A device that is taken away while it is timed. */
static bool test_removed(void)
{
	bool ok = ktap_expect_eq(set_on(d, "1"), 0);

	rg_dev_del(d);
	ok = ok && ktap_expect(is_on(d) == '?');
	rg_dev_add_in(d, &zone, d->fd, RG_ADDR, RG_IRQ, "tap0", "");
	start();
	return ok && ktap_expect(is_on(d) == '0') && take_frame(0) &&
	       ktap_expect_eq(table(d).n_kicks, 0) &&
	       ktap_expect_eq(set_on(d, "1"), 0) && take_frame(0) &&
	       ktap_expect_eq(table(d).n_kicks, 1);
}

static const struct ktap_test tests[] = {
	{ "off by default", test_off },
	{ "on and off", test_values },
	{ "each where it belongs", test_buckets },
	{ "a delivery that comes late", test_late_delivery },
	{ "nothing to be timed", test_nothing },
	{ "an interrupt that was given up", test_given_up },
	{ "on again, and off", test_again },
	{ "another device", test_another },
	{ "the device is removed", test_removed },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add_in(other, &zone, d->fd, RG_ADDR + 0x1000, RG_IRQ + 1, "tap1",
		      "");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
