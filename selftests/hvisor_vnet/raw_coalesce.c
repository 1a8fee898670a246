// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a guest is told of what crossed, as ethtool -C has it: that its frames
 * were taken may come late, with other news or not at all if it has seen to it
 * by itself; but never later than asked for, nor when it waits for it.
 *
 * rig: smp=2 icount=must timeout=100
 */
#include "rawguest.h"

#define LATE		"10000"	/* as late as one may ask for */
#define LATE_MS		10
#define LATE_US		(LATE_MS * 1000)
/*
 * What an interrupt takes a slow guest, at least, and a slower one. That is not near 300:
 * it would acknowledge right after the retries at 100 and 300 us, and be taken for a
 * fast one.
 */
#define SLOW_US		100
#define SLOWEST_US	450
#define MANY		9	/* frames that come close together */
#define AT_ONCE		"rx-usecs 0 tx-usecs 0 tx-frames 1 "
#define DENSE		AT_ONCE "adaptive-tx on"
#define BUFFER		2048
#define LEN		60

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;

static bool coalesce(const char *words)
{
	char command[160];

	snprintf(command, sizeof(command), "ethtool -C tap0 %s 2>/dev/null",
		 words);
	return !system(command);
}

/* Nothing under way, everything seen, all interrupts wanted. */
static void begin_as(u64 features, const char *words)
{
	rg_start_sized(d, features, RG_NUM_MAX, RG_NUM);
	buf = rg_alloc(&zone, 8 * BUFFER, 8);
	if (!coalesce(words))
		rg_die("ethtool -C tap0 %s fails", words);
	while (rg_irqs(d, 2 * LATE_MS) || rg_ack(d))
		;
}

static void begin(const char *words)
{
	begin_as(RG_FEATURES, words);
}

/* It sees what came back, and wants to know of the next. */
static void look_at(unsigned int queue)
{
	struct vring_used_elem elem;

	while (rg_used(&d->vq[queue], &elem))
		;
}

static void look(void)
{
	look_at(RG_TX);
}

static bool end(void)
{
	look();
	rg_root_flush(d);
	return ktap_expect(rg_works(d));
}

static void send_frame(u32 seq)
{
	rg_tx_add(d, buf + seq % 8 * BUFFER, LEN, seq);
	rg_kick(&d->vq[RG_TX]);
}

static void offer_buffers(unsigned int n)
{
	while (n--) {
		struct rg_piece piece = RG_IN(buf + n % 8 * BUFFER, 1600);

		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	rg_kick(&d->vq[RG_RX]);
}

static bool root_send(u32 seq)
{
	u8 frame[LEN];

	rg_frame(frame, sizeof(frame), seq);
	return ktap_expect(rg_root_send(d, frame, sizeof(frame)));
}

/* Used entries have come, and no interrupt with them. */
static bool used_quietly(unsigned int queue, u16 idx)
{
	return ktap_expect(ktap_wait_for(RG_LONG,
					 rg_used_idx(&d->vq[queue]) == idx)) &&
	       ktap_expect_eq(rg_irqs(d, 0), 0);
}

/* The interrupt comes @from to @to us after @start, on a slow kernel later. */
static bool is_interrupted(u64 start, unsigned int from, unsigned int to)
{
	u64 us;

	if (!ktap_expect(rg_irqs(d, RG_LONG) > 0))
		return false;
	us = (ktap_now_ns() - start) / 1000;
	ktap_diag("after %llu us", (unsigned long long)us);
	return ktap_expect(us >= from) &&
	       ktap_expect(us < to || ktap_is_slow());
}

static bool interrupts(u64 start, unsigned int from, unsigned int to)
{
	return is_interrupted(start, from, to) &&
	       ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING);
}

static bool says(const char *dev, const char *name, unsigned int value)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "ethtool -c %s | grep -q '^%s:[[:space:]]*%u$'", dev, name,
		 value);
	return ktap_expect(!system(command));
}

/* The raw guest of other tests wants rx-usecs 0: here is one that nobody set. */
static bool test_defaults(void)
{
	bool ok;

	if (!ktap_expect_eq(-rg_bus("new_device",
				    "zone=1 addr=0xa00a000 irq=%u name=tap1\n",
				    RG_IRQ + 1), 0))
		return false;
	ok = says("tap1", "rx-usecs", 50) && says("tap1", "rx-frames", 8) &&
	     says("tap1", "tx-usecs", 0) && says("tap1", "tx-frames", 1);
	return ktap_expect_eq(-rg_bus("del_device", "zone1-a00a000\n"), 0) && ok;
}

static bool test_set(void)
{
	return ktap_expect(coalesce("rx-usecs 10 rx-frames 20 tx-usecs 30 tx-frames 40")) &&
	       says("tap0", "rx-usecs", 10) && says("tap0", "rx-frames", 20) &&
	       says("tap0", "tx-usecs", 30) && says("tap0", "tx-frames", 40);
}

static bool test_refused(void)
{
	return ktap_expect(!coalesce("rx-usecs 10001")) &&
	       ktap_expect(!coalesce("tx-usecs 10001")) &&
	       ktap_expect(!coalesce("rx-frames 0")) &&
	       ktap_expect(!coalesce("tx-frames 0")) &&
	       says("tap0", "rx-usecs", 10) && says("tap0", "rx-frames", 20) &&
	       says("tap0", "tx-usecs", 30) && says("tap0", "tx-frames", 40);
}

static bool test_late(void)
{
	u64 start;

	begin("rx-usecs " LATE " rx-frames 64");
	start = ktap_now_ns();
	send_frame(0);
	return used_quietly(RG_TX, 1) &&
	       interrupts(start, LATE_US, 2 * LATE_US) && end();
}

static bool test_at_once(void)
{
	u64 start;

	begin("rx-usecs 0 rx-frames 64");
	start = ktap_now_ns();
	send_frame(0);
	return interrupts(start, 0, LATE_US / 2) && end();
}

static bool test_many(void)
{
	u64 start;

	begin("rx-usecs " LATE " rx-frames 3");
	start = ktap_now_ns();
	send_frame(0);
	send_frame(1);
	if (!used_quietly(RG_TX, 2))
		return false;
	send_frame(2);
	return interrupts(start, 0, LATE_US / 2) && end();
}

/* Many frames, of which it has been told: it does not ask to hear of more. */
static bool test_told(void)
{
	begin("rx-usecs " LATE " rx-frames 3");
	send_frame(0);
	if (!ktap_expect(rg_irqs(d, RG_LONG) > 0))
		return false;
	rg_ack(d);
	send_frame(1);
	send_frame(2);
	send_frame(3);
	return ktap_expect(ktap_wait_for(RG_LONG,
					 rg_used_idx(&d->vq[RG_TX]) == 4)) &&
	       ktap_expect_eq(rg_irqs(d, 3 * LATE_MS), 0) && end();
}

/* A frame for the guest comes first: one interrupt serves for both. */
static bool test_together(void)
{
	struct vring_used_elem elem;
	u64 start;

	begin("rx-usecs " LATE " rx-frames 64 tx-usecs 0 tx-frames 1");
	offer_buffers(2);
	start = ktap_now_ns();
	send_frame(7);
	return used_quietly(RG_TX, 1) && root_send(0) &&
	       interrupts(start, 0, LATE_US / 2) &&
	       ktap_expect(rg_used(&d->vq[RG_TX], &elem)) &&
	       ktap_expect(rg_used(&d->vq[RG_RX], &elem)) &&
	       ktap_expect_eq(rg_irqs(d, 3 * LATE_MS), 0);
}

/* The guest comes by before it is told: it is left alone. */
static bool test_known(void)
{
	struct vring_used_elem elem;

	begin("rx-usecs " LATE " rx-frames 64");
	send_frame(0);
	return used_quietly(RG_TX, 1) &&
	       ktap_expect(rg_used(&d->vq[RG_TX], &elem)) &&
	       ktap_expect_eq(rg_irqs(d, 3 * LATE_MS), 0) && end();
}

/* The guest finds out by itself, and forgets what interrupted it meanwhile. */
static void catch_up(unsigned int queue)
{
	while (rg_irqs(d, 0))
		;
	look_at(queue);
}

/* Have it learnt that an interrupt takes the guest @us. */
static bool take_interrupts(unsigned int us)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		send_frame(i);
		if (!ktap_expect(rg_irqs(d, RG_LONG) > 0))
			return false;
		usleep(us);
		if (!ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING))
			return false;
		catch_up(RG_TX);
	}
	return true;
}

/* Interrupts take the guest @us: it is told @from to @to us later. */
static bool adapts(unsigned int us, unsigned int from, unsigned int to)
{
	u64 start;

	begin("rx-usecs 50 rx-frames 64");
	if (!take_interrupts(us))
		return false;
	start = ktap_now_ns();
	send_frame(8);
	return interrupts(start, from, to) && end();
}

/* It waits four times as long as an interrupt takes, which it is to spare. */
static bool test_slow_guest(void)
{
	return adapts(SLOW_US, 4 * SLOW_US, LATE_US / 2);
}

static bool test_fast_guest(void)
{
	return adapts(0, 50, 4 * SLOW_US);
}

/* But not for longer than a millisecond. */
static bool test_slowest_guest(void)
{
	return adapts(SLOWEST_US, 1000, 4 * SLOWEST_US);
}

/*
 * An interrupt was ignored for so long that its next retry is about as far away, but
 * has not been given up.
 */
static bool test_not_with_retry(void)
{
	u64 start;

	begin("rx-usecs 50 rx-frames 64");
	send_frame(0);
	usleep(60000);
	if (!ktap_expect(rg_irqs(d, 0) > 0))
		return false;
	catch_up(RG_TX);
	start = ktap_now_ns();
	send_frame(1);
	return interrupts(start, 0, LATE_US / 2) && end();
}

static bool test_late_receive(void)
{
	u64 start;

	begin("tx-usecs " LATE " tx-frames 64");
	offer_buffers(8);
	start = ktap_now_ns();
	return root_send(0) && used_quietly(RG_RX, 1) &&
	       interrupts(start, LATE_US, 2 * LATE_US);
}

static bool test_many_receive(void)
{
	u64 start;

	begin("tx-usecs " LATE " tx-frames 2");
	offer_buffers(8);
	start = ktap_now_ns();
	return root_send(0) && used_quietly(RG_RX, 1) && root_send(1) &&
	       interrupts(start, 0, LATE_US / 2);
}

/* Its last buffer: only the guest can see to it that there are more. */
static bool test_starved(void)
{
	u64 start;

	begin("tx-usecs " LATE " tx-frames 64");
	offer_buffers(1);
	start = ktap_now_ns();
	return root_send(0) && interrupts(start, 0, LATE_US / 2);
}

/* Have it sent @n frames, of which it is told @from to @to us after the first. */
static bool told_of(unsigned int n, unsigned int from, unsigned int to)
{
	u64 start;

	/* Longer than interrupts are held back after an acknowledgment. */
	usleep(3000);
	start = ktap_now_ns();
	if (!root_send(0) || !is_interrupted(start, from, to))
		return false;
	while (--n)
		if (!root_send(n))
			return false;
	usleep(SLOW_US);
	if (!ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_VRING))
		return false;
	catch_up(RG_RX);
	return true;
}

/*
 * A guest of @features is told of a frame @from to @to us late, after many: without an
 * event index that is found out one interrupt later. Nor is it known at once that
 * there are few.
 */
static bool is_told_after_many(u64 features, const char *words,
			       unsigned int from, unsigned int to)
{
	begin_as(features, words);
	offer_buffers(32);
	return take_interrupts(SLOW_US) && told_of(MANY, 0, 2 * SLOW_US) &&
	       told_of(MANY, 0, LATE_US) && told_of(1, from, to) &&
	       told_of(1, 0, LATE_US) && told_of(1, 0, 2 * SLOW_US);
}

static bool test_dense(void)
{
	return is_told_after_many(RG_FEATURES, DENSE, 4 * SLOW_US, LATE_US / 2);
}

static bool test_dense_flags(void)
{
	return is_told_after_many(RG_FEATURES & ~RG_BIT(VIRTIO_RING_F_EVENT_IDX),
				  DENSE, 4 * SLOW_US, LATE_US / 2);
}

static bool test_not_dense(void)
{
	begin(DENSE);
	offer_buffers(32);
	return take_interrupts(SLOW_US) && told_of(MANY - 2, 0, 2 * SLOW_US) &&
	       told_of(1, 0, 2 * SLOW_US);
}

static bool test_not_adaptive(void)
{
	return is_told_after_many(RG_FEATURES, AT_ONCE "adaptive-tx off",
				  0, 2 * SLOW_US);
}

/* Late, but not if there are many again. */
static bool test_dense_many(void)
{
	unsigned int i;
	u64 start;

	begin("tx-usecs " LATE " tx-frames 1 adaptive-tx on");
	offer_buffers(128);
	if (!told_of(MANY, 0, 2 * SLOW_US))
		return false;
	start = ktap_now_ns();
	for (i = 0; i < 2; i++)
		if (!root_send(i))
			return false;
	if (!used_quietly(RG_RX, MANY + 2))
		return false;
	for (; i < 64; i++)
		if (!root_send(i))
			return false;
	return interrupts(start, 0, LATE_US);
}

int main(void)
{
	rg_setup();
	ktap_plan(21);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_defaults(), "what ethtool -c says at first");
	ktap_point(test_set(), "what it says after ethtool -C");
	ktap_point(test_refused(), "too late, and never, are refused");
	ktap_point(test_late(), "told late that a frame was taken");
	ktap_point(test_at_once(), "told at once");
	ktap_point(test_many(), "told at once when there are many");
	ktap_point(test_told(), "not told again of what it did not ask for");
	ktap_point(test_together(), "told together with a frame for the guest");
	ktap_point(test_known(), "not told what it has seen");
	ktap_point(test_slow_guest(), "told later where interrupts take long");
	ktap_point(test_fast_guest(), "but not where they do not");
	ktap_point(test_slowest_guest(), "nor later than a millisecond");
	ktap_point(test_not_with_retry(), "not as late as an old retry");
	ktap_point(test_late_receive(), "told late of a frame for the guest");
	ktap_point(test_many_receive(), "told at once when there are two");
	ktap_point(test_starved(), "told at once of the last buffer's frame");
	ktap_point(test_dense(), "told late of a frame where there were many");
	ktap_point(test_dense_flags(), "without an event index, too");
	ktap_point(test_dense_many(), "not if there are many again");
	ktap_point(test_not_dense(), "nor where there were few");
	ktap_point(test_not_adaptive(), "nor if that is not wanted");
	return ktap_finish();
}
