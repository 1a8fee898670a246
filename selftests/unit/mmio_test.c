// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of mmio.c: every register in every state a guest can bring about, by
 * the words of virtio 1.2, sections 2.1 and 4.2.2.
 */
#include <linux/virtio_mmio.h>

#include "ktap.h"
#include "mmio.h"

#define ACK		VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER		VIRTIO_CONFIG_S_DRIVER
#define DRIVER_OK	VIRTIO_CONFIG_S_DRIVER_OK
#define FEATURES_OK	VIRTIO_CONFIG_S_FEATURES_OK
#define NEEDS_RESET	VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED		VIRTIO_CONFIG_S_FAILED

#define MINE		(ACK | DRIVER | DRIVER_OK | FEATURES_OK | FAILED)

#define BIT(n)		(1ULL << (n))
#define OFFERED		(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MAC) | \
			 BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MTU) | \
			 BIT(VIRTIO_RING_F_EVENT_IDX))
#define QUEUE_MAX	256
#define QUEUE_RESET	0x0c0
#define CONFIG_SIZE	20
#define CONFIG_END	(VIRTIO_MMIO_CONFIG + CONFIG_SIZE)

static const u8 mac[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
static struct hvnet_mmio dev;
static struct hvnet_mmio_access acc;

static void fresh(void)
{
	/* What was there before must not matter. */
	memset(&dev, 0xa5, sizeof(dev));
	hvnet_mmio_init(&dev, OFFERED, QUEUE_MAX, mac, 1500);
}

static enum hvnet_mmio_verdict access_raw(u64 offset, u64 size, bool write,
					  u64 value)
{
	acc.offset = offset;
	acc.size = size;
	acc.write = write;
	acc.value = value;
	return hvnet_mmio_access(&dev, &acc);
}

static u32 rd(u64 offset)
{
	/* Garbage in the answer's place must not show through. */
	if (access_raw(offset, 4, false, UINT64_MAX) != HVNET_MMIO_DONE)
		abort();
	return acc.value;
}

/* A write with all that the caller does for it. */
static void wr(u64 offset, u64 value)
{
	if (access_raw(offset, 4, true, value) == HVNET_MMIO_QUIESCE)
		hvnet_mmio_commit(&dev, &acc);
}

/* How many more accesses were counted as bad in this way since the last call. */
static u64 counted(enum hvnet_mmio_count what)
{
	u64 n = dev.count[what];

	dev.count[what] = 0;
	return n;
}

static u64 counted_any(void)
{
	u64 n = 0;
	int i;

	for (i = 0; i < HVNET_MMIO_COUNTS; i++)
		n += counted(i);
	return n;
}

static void write_features(u64 features)
{
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, (u32)features);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
}

static void set_queue(u32 i, u32 num)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, i);
	wr(VIRTIO_MMIO_QUEUE_NUM, num);
	wr(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	wr(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x2000);
	wr(VIRTIO_MMIO_QUEUE_USED_LOW, 0x3000);
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
}

/* As a driver does it, up to DRIVER_OK. */
static void bring_up(u64 features)
{
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, ACK);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(features);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	set_queue(0, 256);
	set_queue(1, 128);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void identity(void)
{
	fresh();
	CHECK(rd(VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976);
	CHECK(rd(VIRTIO_MMIO_VERSION) == 2);
	CHECK(rd(VIRTIO_MMIO_DEVICE_ID) == 1);
	CHECK(rd(VIRTIO_MMIO_VENDOR_ID) == 0x48564953);
	CHECK(rd(VIRTIO_MMIO_QUEUE_NUM_MAX) == QUEUE_MAX);
	CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 0);
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	CHECK(rd(VIRTIO_MMIO_STATUS) == 0);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 0);
	CHECK(rd(QUEUE_RESET) == 0);
	CHECK(counted_any() == 0);
}

static void no_shared_memory(void)
{
	u32 id;

	fresh();
	for (id = 0; id < 3; id++) {
		wr(VIRTIO_MMIO_SHM_SEL, id);
		CHECK(rd(VIRTIO_MMIO_SHM_LEN_LOW) == ~0U);
		CHECK(rd(VIRTIO_MMIO_SHM_LEN_HIGH) == ~0U);
		CHECK(rd(VIRTIO_MMIO_SHM_BASE_LOW) == ~0U);
		CHECK(rd(VIRTIO_MMIO_SHM_BASE_HIGH) == ~0U);
	}
	CHECK(counted_any() == 0);
}

enum { R = 1, W = 2 };

/* Table 4.1 of the specification. */
static int direction(u64 offset)
{
	switch (offset) {
	case 0x000: case 0x004: case 0x008: case 0x00c: case 0x010: case 0x034:
	case 0x060: case 0x0b0: case 0x0b4: case 0x0b8: case 0x0bc: case 0x0fc:
		return R;
	case 0x014: case 0x020: case 0x024: case 0x030: case 0x038: case 0x050:
	case 0x064: case 0x080: case 0x084: case 0x090: case 0x094: case 0x0a0:
	case 0x0a4: case 0x0ac:
		return W;
	case 0x044: case 0x070: case 0x0c0:
		return R | W;
	}
	return 0;
}

/* What an access that does nothing is counted as; HVNET_MMIO_COUNTS if legal. */
static enum hvnet_mmio_count illegal(u64 offset, u64 size, bool write)
{
	if (offset < VIRTIO_MMIO_CONFIG) {
		if (size != 4 || offset % 4)
			return HVNET_MMIO_BAD_SIZE;
		if (!direction(offset))
			return HVNET_MMIO_BAD_OFFSET;
		return direction(offset) & (write ? W : R) ?
			HVNET_MMIO_COUNTS : HVNET_MMIO_BAD_DIRECTION;
	}
	if ((size != 1 && size != 2 && size != 4) || offset % size)
		return HVNET_MMIO_BAD_SIZE;
	if (write)
		return HVNET_MMIO_BAD_DIRECTION;
	return offset < CONFIG_END ? HVNET_MMIO_COUNTS : HVNET_MMIO_BAD_OFFSET;
}

static void one_access(u64 offset, u64 size, bool write, u64 value)
{
	const enum hvnet_mmio_count bad = illegal(offset, size, write);
	struct hvnet_mmio before, after;
	enum hvnet_mmio_verdict verdict;

	fresh();
	bring_up(OFFERED);
	CHECK(counted_any() == 0);
	before = dev;
	verdict = access_raw(offset, size, write, value);
	after = dev;
	memset(after.count, 0, sizeof(after.count));

	if (bad != HVNET_MMIO_COUNTS) {
		CHECK(verdict == HVNET_MMIO_DONE);
		CHECK(acc.value == 0);
		CHECK(counted(bad) == 1 && counted_any() == 0);
		CHECK(!memcmp(&before, &after, sizeof(before)));
	} else if (!write) {
		CHECK(verdict == HVNET_MMIO_DONE);
		CHECK(size == 8 || acc.value < BIT(8 * size));
		CHECK(counted_any() == 0);
		CHECK(!memcmp(&before, &after, sizeof(before)));
	} else if (verdict == HVNET_MMIO_QUIESCE) {
		CHECK(offset == VIRTIO_MMIO_STATUS ||
		      offset == VIRTIO_MMIO_QUEUE_READY);
		CHECK(!memcmp(&before, &after, sizeof(before)));
	} else {
		CHECK(verdict != HVNET_MMIO_DONE || acc.value == 0);
	}
}

/* No access of any width at any place does what it should not. */
static void every_offset_width_direction(void)
{
	static const u64 sizes[] = { 0, 1, 2, 3, 4, 5, 8, 16, 1ULL << 32,
				     (1ULL << 32) + 4, UINT64_MAX };
	static const u64 values[] = { 0, 1, 2, 0x80, UINT64_MAX };
	static const u64 far[] = { 0x1000, 0x80000000, BIT(32), BIT(32) + 0x70,
				   UINT64_MAX, UINT64_MAX - 3 };
	unsigned int i, j, write;
	u64 offset;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (write = 0; write < 2; write++) {
			for (offset = 0; offset <= 0x204; offset++) {
				for (j = 0; j < ARRAY_SIZE(values); j++)
					one_access(offset, sizes[i], write,
						   values[j]);
				CHECK_PASSED();
			}
			for (j = 0; j < ARRAY_SIZE(far); j++)
				one_access(far[j], sizes[i], write, 1);
			CHECK_PASSED();
		}
	}
}

static void device_features(void)
{
	u32 sel;

	fresh();
	for (sel = 0; sel < 4; sel++) {
		wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel);
		CHECK(rd(VIRTIO_MMIO_DEVICE_FEATURES) ==
		      (sel < 2 ? (u32)(OFFERED >> (32 * sel)) : 0));
	}
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, ~0U);
	CHECK(rd(VIRTIO_MMIO_DEVICE_FEATURES) == 0);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, BIT(32));
	CHECK(rd(VIRTIO_MMIO_DEVICE_FEATURES) == (u32)OFFERED);
	CHECK(counted_any() == 0);
}

static void driver_features(void)
{
	fresh();
	wr(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	CHECK(dev.features == 0 && counted(HVNET_MMIO_BAD_VALUE) == 1);

	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(0x1122334455667788);
	CHECK(dev.features == 0x1122334455667788);
	write_features(OFFERED);
	CHECK(dev.features == OFFERED);
	CHECK(counted_any() == 0);

	/* Other words do not exist. */
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, ~0U);
	wr(VIRTIO_MMIO_DRIVER_FEATURES_SEL, ~0U);
	wr(VIRTIO_MMIO_DRIVER_FEATURES, ~0U);
	CHECK(dev.features == OFFERED && counted(HVNET_MMIO_BAD_VALUE) == 2);

	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
	CHECK(rd(VIRTIO_MMIO_STATUS) == (ACK | DRIVER | FEATURES_OK));
	write_features(0);
	CHECK(dev.features == OFFERED && counted(HVNET_MMIO_BAD_VALUE) == 2);

	/* Nor may they change after a DRIVER_OK without FEATURES_OK. */
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(BIT(VIRTIO_NET_F_MAC));
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | DRIVER_OK);
	CHECK(rd(VIRTIO_MMIO_STATUS) == (ACK | DRIVER | DRIVER_OK));
	write_features(OFFERED);
	CHECK(dev.features == BIT(VIRTIO_NET_F_MAC));
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 2 && counted_any() == 0);
}

static void features_not_offered(void)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		const bool ok = OFFERED & BIT(bit);

		fresh();
		wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
		write_features(BIT(bit));
		wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
		CHECK(rd(VIRTIO_MMIO_STATUS) ==
		      (ACK | DRIVER | (ok ? FEATURES_OK : 0)));
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == !ok);
		wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
		CHECK(hvnet_mmio_live(&dev) == ok);
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == !ok);
		if (ok)
			continue;
		/* It may think better of it. */
		write_features(OFFERED);
		wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK);
		CHECK(rd(VIRTIO_MMIO_STATUS) == (ACK | DRIVER | FEATURES_OK));
		CHECK(counted_any() == 0);
	}
}

static bool reachable(u32 status, u64 features)
{
	const bool v1 = features & BIT(VIRTIO_F_VERSION_1);

	if (status & ~(MINE | NEEDS_RESET))
		return false;
	if (features & ~OFFERED)
		return !(status & (FEATURES_OK | DRIVER_OK));
	return !v1 || !(status & DRIVER_OK) || (status & FEATURES_OK);
}

static void one_status_change(u32 from, u64 features, u32 value)
{
	const bool subset = !(features & ~OFFERED);
	const bool v1 = features & BIT(VIRTIO_F_VERSION_1);
	const bool moves = !value || (value & ~from & (DRIVER_OK | FAILED));
	enum hvnet_mmio_verdict verdict;
	u32 want;

	fresh();
	dev.status = from;
	dev.features = features;
	verdict = access_raw(VIRTIO_MMIO_STATUS, 4, true, value);

	CHECK(verdict == (moves ? HVNET_MMIO_QUIESCE : HVNET_MMIO_DONE));
	if (moves) {
		CHECK(dev.status == from && dev.features == features);
		CHECK(counted_any() == 0);
		hvnet_mmio_commit(&dev, &acc);
	}
	CHECK(acc.value == 0);

	if (!value) {
		CHECK(dev.status == 0 && dev.features == 0);
		CHECK(counted_any() == 0);
		return;
	}
	want = from | (value & (ACK | DRIVER | FAILED));
	if (subset)
		want |= value & FEATURES_OK;
	if (subset && (!v1 || (want & FEATURES_OK)))
		want |= value & DRIVER_OK;
	CHECK(dev.status == want);
	CHECK(dev.features == features);
	CHECK(hvnet_mmio_live(&dev) ==
	      ((want & DRIVER_OK) && !(want & (FAILED | NEEDS_RESET))));
	/* The device's own bit may be written back or not. */
	CHECK(counted(HVNET_MMIO_BAD_VALUE) ==
	      ((value & MINE) != (want & MINE) ||
	       (value & ~(MINE | NEEDS_RESET)) ||
	       (value & NEEDS_RESET & ~from)));
	CHECK(counted_any() == 0);
}

/* From any status, with any features: write any value. */
static void every_status_change(void)
{
	static const u64 features[] = { 0, OFFERED, BIT(0), BIT(63) | OFFERED,
					BIT(VIRTIO_F_VERSION_1),
					BIT(VIRTIO_NET_F_MAC) };
	u32 from, value, i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		for (from = 0; from < 256; from++) {
			if (!reachable(from, features[i]))
				continue;
			for (value = 0; value < 512; value++) {
				one_status_change(from, features[i], value);
				CHECK_PASSED();
			}
			one_status_change(from, features[i], 0x80000001);
			CHECK_PASSED();
		}
	}
}

static void legacy_driver(void)
{
	fresh();
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(BIT(VIRTIO_NET_F_MAC));
	set_queue(0, 64);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | DRIVER_OK);
	CHECK(hvnet_mmio_live(&dev));
	CHECK(!hvnet_mmio_has(&dev, VIRTIO_F_VERSION_1));
	CHECK(hvnet_mmio_has(&dev, VIRTIO_NET_F_MAC));

	/* One that knows of VERSION_1 has to ask. */
	wr(VIRTIO_MMIO_STATUS, 0);
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	write_features(BIT(VIRTIO_F_VERSION_1));
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | DRIVER_OK);
	CHECK(!hvnet_mmio_live(&dev));
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1 && counted_any() == 0);
}

static void queues_that_do_not_exist(void)
{
	static const u32 sel[] = { 2, 3, 0x10000, 0x80000000, ~0U };
	unsigned int i;

	fresh();
	for (i = 0; i < 5; i++) {
		wr(VIRTIO_MMIO_QUEUE_SEL, sel[i]);
		CHECK(rd(VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
		CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 0);
		CHECK(counted_any() == 0);
		set_queue(sel[i], 16);
		CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 0);
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == 5);
		CHECK(counted_any() == 0);
	}
}

static void queue_size(void)
{
	u32 num, now = 0;

	fresh();
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 0);
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1);

	for (num = 0; num < 0x20000; num++) {
		const bool ok = num && num <= QUEUE_MAX && !(num & (num - 1));

		wr(VIRTIO_MMIO_QUEUE_NUM, num);
		now = ok ? num : now;
		CHECK(dev.queue[0].setup.num == now);
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == !ok);
	}
	for (num = 31; num > 15; num--) {
		wr(VIRTIO_MMIO_QUEUE_NUM, 1U << num);
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1);
	}
	CHECK(dev.queue[0].setup.num == QUEUE_MAX);
	CHECK(dev.queue[1].setup.num == 0);
}

static void queue_addresses(void)
{
	static const struct {
		u32 low, high;
		size_t field;
	} reg[] = {
		{ 0x80, 0x84, offsetof(struct hvnet_ring_setup, desc) },
		{ 0x90, 0x94, offsetof(struct hvnet_ring_setup, avail) },
		{ 0xa0, 0xa4, offsetof(struct hvnet_ring_setup, used) },
	};
	unsigned int i, q;

	fresh();
	for (q = 0; q < 2; q++) {
		wr(VIRTIO_MMIO_QUEUE_SEL, q);
		wr(VIRTIO_MMIO_QUEUE_NUM, 8);
		for (i = 0; i < 3; i++) {
			u64 *addr = (u64 *)((char *)&dev.queue[q].setup +
					    reg[i].field);

			/* Assigned, not or-ed; each half for itself. */
			wr(reg[i].low, 0xffffffff);
			wr(reg[i].high, 0xffffffff);
			CHECK(*addr == UINT64_MAX);
			wr(reg[i].low, 0x12345678 + i);
			CHECK(*addr == 0xffffffff12345678 + i);
			wr(reg[i].high, 0x9abcdef0 + q);
			CHECK(*addr == 0x9abcdef012345678 + i + BIT(32) * q);
		}
		CHECK(counted_any() == 0);

		wr(VIRTIO_MMIO_QUEUE_READY, 1);
		CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 1);
		wr(VIRTIO_MMIO_QUEUE_NUM, 4);
		for (i = 0; i < 3; i++) {
			wr(reg[i].low, 0);
			wr(reg[i].high, 0);
		}
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == 7);
		CHECK(dev.queue[q].setup.num == 8);
		CHECK(dev.queue[q].setup.desc == 0x9abcdef012345678 + BIT(32) * q);

		wr(VIRTIO_MMIO_QUEUE_READY, 2);
		CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 1);
		CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1);
		wr(VIRTIO_MMIO_QUEUE_READY, 0);
		CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 0);
		wr(VIRTIO_MMIO_QUEUE_NUM, 4);
		CHECK(dev.queue[q].setup.num == 4);
		CHECK(counted_any() == 0);
	}
}

static void queue_ready_quiesces(void)
{
	fresh();
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	wr(VIRTIO_MMIO_QUEUE_NUM, 16);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_READY, 4, true, 1) == HVNET_MMIO_DONE);

	bring_up(OFFERED);
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_READY, 4, true, 0) ==
	      HVNET_MMIO_QUIESCE);
	CHECK(dev.queue[0].ready);
	hvnet_mmio_commit(&dev, &acc);
	CHECK(!dev.queue[0].ready && dev.queue[1].ready && acc.value == 0);

	/* Nonsense does not stop the traffic. */
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_READY, 4, true, 7) == HVNET_MMIO_DONE);
	wr(VIRTIO_MMIO_QUEUE_SEL, 9);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_READY, 4, true, 0) == HVNET_MMIO_DONE);
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 2 && counted_any() == 0);

	/* Another vCPU moves QueueSel while this one waits. */
	wr(VIRTIO_MMIO_QUEUE_SEL, 0);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_READY, 4, true, 1) ==
	      HVNET_MMIO_QUIESCE);
	dev.queue_sel = 9;
	hvnet_mmio_commit(&dev, &acc);
	CHECK(!dev.queue[0].ready);
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1 && counted_any() == 0);
}

/* Between verdict and commit the features change: DRIVER_OK is refused. */
static void driver_ok_checked_again(void)
{
	fresh();
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER);
	CHECK(access_raw(VIRTIO_MMIO_STATUS, 4, true, ACK | DRIVER | DRIVER_OK) ==
	      HVNET_MMIO_QUIESCE);
	dev.features = BIT(62);
	hvnet_mmio_commit(&dev, &acc);
	CHECK(!(dev.status & DRIVER_OK));
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1);
}

static bool kicks(u64 value)
{
	const u64 bad = dev.count[HVNET_MMIO_BAD_VALUE];

	if (access_raw(VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, value) ==
	    HVNET_MMIO_KICK)
		return acc.value == (u32)value &&
		       dev.count[HVNET_MMIO_BAD_VALUE] == bad;
	if (acc.value || dev.count[HVNET_MMIO_BAD_VALUE] != bad + 1)
		abort();
	return false;
}

static void queue_notify(void)
{
	fresh();
	CHECK(!kicks(0));
	bring_up(OFFERED);
	CHECK(kicks(0) && kicks(1));
	CHECK(kicks(BIT(32) + 1));
	CHECK(!kicks(2) && !kicks(0xffff) && !kicks(0x10000) && !kicks(~0U));
	wr(VIRTIO_MMIO_QUEUE_SEL, 1);
	wr(VIRTIO_MMIO_QUEUE_READY, 0);
	CHECK(kicks(0) && !kicks(1));
	wr(VIRTIO_MMIO_QUEUE_READY, 1);
	CHECK(kicks(1));
	CHECK(hvnet_mmio_needs_reset(&dev));
	CHECK(!kicks(0) && !kicks(1));
	bring_up(OFFERED);
	CHECK(kicks(0));
	wr(VIRTIO_MMIO_STATUS, rd(VIRTIO_MMIO_STATUS) | FAILED);
	CHECK(!kicks(0));
	wr(VIRTIO_MMIO_STATUS, 0);
	CHECK(!kicks(0));
}

static void interrupt_status(void)
{
	u32 set, ack;

	fresh();
	for (set = 0; set < 4; set++) {
		for (ack = 0; ack < 8; ack++) {
			atomic_set(&dev.isr, set);
			CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == set);
			CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == set);
			CHECK(access_raw(VIRTIO_MMIO_INTERRUPT_ACK, 4, true, ack)
			      == (set & ack ? HVNET_MMIO_ACK : HVNET_MMIO_DONE));
			CHECK(acc.value == (set & ack));
			CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == (set & ~ack));
			CHECK(counted(HVNET_MMIO_BAD_VALUE) == (ack > 3));
		}
	}
	atomic_set(&dev.isr, 3);
	CHECK(access_raw(VIRTIO_MMIO_INTERRUPT_ACK, 4, true, BIT(32)) ==
	      HVNET_MMIO_DONE);
	CHECK(counted_any() == 0);
}

static void config_space(void)
{
	/* Address, no link, one pair, MTU, 10000 Mbit/s, full duplex. */
	static const u8 want[CONFIG_SIZE] = {
		0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0, 1, 0,
		1500 & 0xff, 1500 >> 8, 10000 & 0xff, 10000 >> 8, 0, 0, 1,
	};
	unsigned int size, at, i;

	fresh();
	for (size = 1; size <= 4; size *= 2) {
		for (at = 0; at < CONFIG_SIZE; at += size) {
			u64 value = 0;

			for (i = size; i--;)
				value = value << 8 | want[at + i];
			CHECK(access_raw(VIRTIO_MMIO_CONFIG + at, size, false,
					 ~0ULL) == HVNET_MMIO_DONE);
			CHECK(acc.value == value);
		}
	}
	CHECK(counted_any() == 0);
	wr(VIRTIO_MMIO_CONFIG, 0);
	CHECK(rd(VIRTIO_MMIO_CONFIG) == 0x33221102);
	CHECK(counted(HVNET_MMIO_BAD_DIRECTION) == 1);
	CHECK(rd(CONFIG_END) == 0);
	CHECK(counted(HVNET_MMIO_BAD_OFFSET) == 1 && counted_any() == 0);
}

static void link_status(void)
{
	fresh();
	/* Nobody to tell: the field changes all the same. */
	CHECK(!hvnet_mmio_set_link(&dev, false));
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 0);
	CHECK(!hvnet_mmio_set_link(&dev, true));
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 1);
	CHECK(rd(VIRTIO_MMIO_CONFIG + 4) == 0x00015544);
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);

	bring_up(OFFERED);
	CHECK(rd(VIRTIO_MMIO_CONFIG + 4) == 0x00015544);
	CHECK(!hvnet_mmio_set_link(&dev, true));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	CHECK(hvnet_mmio_set_link(&dev, false));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 2);
	CHECK(rd(VIRTIO_MMIO_CONFIG + 4) == 0x00005544);

	/* A driver that did not take the feature is left alone. */
	bring_up(OFFERED & ~BIT(VIRTIO_NET_F_STATUS));
	CHECK(!hvnet_mmio_set_link(&dev, true));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	/* So is one that has failed. */
	bring_up(OFFERED);
	wr(VIRTIO_MMIO_STATUS, rd(VIRTIO_MMIO_STATUS) | FAILED);
	CHECK(!hvnet_mmio_set_link(&dev, false));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 4);
}

static void mac_address(void)
{
	static const u8 other[6] = { 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

	fresh();
	bring_up(OFFERED);
	hvnet_mmio_set_mac(&dev, mac);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 0);
	hvnet_mmio_set_mac(&dev, other);
	CHECK(rd(VIRTIO_MMIO_CONFIG) == 0xccbbaa02);
	CHECK(rd(VIRTIO_MMIO_CONFIG + 4) == 0x0000eedd);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 1);
	/* The driver knows. */
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	/* The next one gets the device as it was. */
	wr(VIRTIO_MMIO_STATUS, 0);
	CHECK(rd(VIRTIO_MMIO_CONFIG) == 0x33221102);
	CHECK(rd(VIRTIO_MMIO_CONFIG_GENERATION) == 2);
}

static bool queue_exists(u32 queue)
{
	wr(VIRTIO_MMIO_QUEUE_SEL, queue);
	return rd(VIRTIO_MMIO_QUEUE_NUM_MAX);
}

/* The third queue is there when it was offered, and like the others. */
static void control_queue(void)
{
	fresh();
	CHECK(queue_exists(1) && !queue_exists(2) && !queue_exists(3));
	hvnet_mmio_init(&dev, OFFERED | BIT(VIRTIO_NET_F_CTRL_VQ), QUEUE_MAX,
			mac, 1500);
	CHECK(queue_exists(1) && queue_exists(2) && !queue_exists(3));
	bring_up(OFFERED | BIT(VIRTIO_NET_F_CTRL_VQ));
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, 2) ==
	      HVNET_MMIO_DONE);
	set_queue(2, 64);
	CHECK(rd(VIRTIO_MMIO_QUEUE_READY) == 1);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, 2) ==
	      HVNET_MMIO_KICK);
	CHECK(acc.value == 2);
	CHECK(access_raw(VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, 3) ==
	      HVNET_MMIO_DONE);
}

static void device_needs_reset(void)
{
	fresh();
	wr(VIRTIO_MMIO_STATUS, ACK);
	CHECK(!hvnet_mmio_needs_reset(&dev));
	CHECK(rd(VIRTIO_MMIO_STATUS) == (ACK | NEEDS_RESET));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);

	bring_up(OFFERED);
	CHECK(hvnet_mmio_live(&dev));
	CHECK(hvnet_mmio_needs_reset(&dev));
	CHECK(!hvnet_mmio_live(&dev));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_CONFIG);
	CHECK(counted(HVNET_MMIO_BROKEN) == 2 && counted_any() == 0);
	wr(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	CHECK(!hvnet_mmio_needs_reset(&dev));
	CHECK(rd(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	/* It stays until a reset. */
	wr(VIRTIO_MMIO_STATUS, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	CHECK(rd(VIRTIO_MMIO_STATUS) & NEEDS_RESET);
	wr(VIRTIO_MMIO_STATUS, 0);
	CHECK(rd(VIRTIO_MMIO_STATUS) == 0);
	/* The driver cannot set it. */
	wr(VIRTIO_MMIO_STATUS, ACK | NEEDS_RESET);
	CHECK(rd(VIRTIO_MMIO_STATUS) == ACK);
	CHECK(counted(HVNET_MMIO_BAD_VALUE) == 1 && counted_any() == 0);
}

static void reset_forgets(void)
{
	struct hvnet_mmio born;

	fresh();
	bring_up(OFFERED);
	wr(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	hvnet_mmio_set_link(&dev, true);
	hvnet_mmio_needs_reset(&dev);
	CHECK(counted(HVNET_MMIO_BROKEN) == 1 && counted_any() == 0);
	wr(VIRTIO_MMIO_STATUS, 0);

	hvnet_mmio_init(&born, OFFERED, QUEUE_MAX, mac, 1500);
	born.generation = 1;
	born.config.status = VIRTIO_NET_S_LINK_UP;
	CHECK(!memcmp(&born, &dev, sizeof(dev)));
}

/* What holds after whatever a guest did. */
static void invariants(void)
{
	unsigned int i;

	CHECK(!(dev.status & ~(ACK | DRIVER | DRIVER_OK | FEATURES_OK |
			       NEEDS_RESET | FAILED)));
	if (dev.status & (FEATURES_OK | DRIVER_OK))
		CHECK(!(dev.features & ~OFFERED));
	if (dev.status & DRIVER_OK)
		CHECK((dev.status & FEATURES_OK) ||
		      !hvnet_mmio_has(&dev, VIRTIO_F_VERSION_1));
	for (i = 0; i < 2; i++) {
		const u32 num = dev.queue[i].setup.num;

		CHECK(num <= QUEUE_MAX && !(num & (num - 1)));
		CHECK(num || !dev.queue[i].ready);
	}
	CHECK(!(atomic_read(&dev.isr) & ~3));
	CHECK(dev.offered == OFFERED && dev.queue_max == QUEUE_MAX);
	CHECK(!memcmp(dev.config.mac, mac, 6) && dev.config.mtu == 1500);
}

static u64 some_value(u64 offset)
{
	switch (rnd_below(4)) {
	case 0:
		return rnd() >> rnd_below(64);
	case 1:
		return 1U << rnd_below(16);
	case 2:
		if (offset == VIRTIO_MMIO_STATUS)
			return dev.status | 1U << rnd_below(8);
		if (offset == VIRTIO_MMIO_DRIVER_FEATURES)
			return OFFERED >> (32 * (dev.driver_sel & 1));
		break;
	}
	return rnd_below(3);
}

/* A guest that does anything at all, with other vCPUs between two halves. */
static void a_million_random_accesses(void)
{
	struct hvnet_mmio_access waiting;
	bool is_waiting = false;
	u64 reached = 0;
	unsigned int i;

	fresh();
	for (i = 0; i < 1000000; i++) {
		const u64 offset = one_in(16) ? rnd() >> rnd_below(64) :
				   one_in(4) ? VIRTIO_MMIO_STATUS :
				   one_in(8) ? rnd_below(0x200) :
					       rnd_below(0x80) * 4;
		const u64 size = one_in(8) ? rnd() >> rnd_below(64) : 4;
		const struct hvnet_mmio before = dev;
		const bool write = one_in(2);
		const u64 value = some_value(offset);
		enum hvnet_mmio_verdict verdict;

		verdict = access_raw(offset, size, write, value);
		if (!write && size < 8)
			CHECK(acc.value < BIT(8 * size));
		if (!write)
			CHECK(verdict == HVNET_MMIO_DONE);
		if (verdict == HVNET_MMIO_KICK)
			CHECK(hvnet_mmio_live(&dev) && acc.value < 2 &&
			      dev.queue[acc.value].ready);
		if (verdict == HVNET_MMIO_QUIESCE) {
			CHECK(!memcmp(&before, &dev, sizeof(dev)));
			if (is_waiting)
				hvnet_mmio_commit(&dev, &waiting);
			waiting = acc;
			is_waiting = true;
		} else {
			/* Live or not is for a quiet data path to change. */
			CHECK(hvnet_mmio_live(&before) == hvnet_mmio_live(&dev));
			CHECK(!hvnet_mmio_live(&dev) ||
			      (dev.features == before.features &&
			       dev.queue[0].ready == before.queue[0].ready &&
			       dev.queue[1].ready == before.queue[1].ready));
		}
		if (is_waiting && one_in(3)) {
			hvnet_mmio_commit(&dev, &waiting);
			is_waiting = false;
		}
		if (one_in(50))
			hvnet_mmio_set_link(&dev, one_in(2));
		if (one_in(5000))
			hvnet_mmio_needs_reset(&dev);
		if (one_in(50))
			atomic_or(VIRTIO_MMIO_INT_VRING, &dev.isr);
		invariants();
		CHECK_PASSED();
		reached |= BIT(verdict);
		if (hvnet_mmio_live(&dev))
			reached |= BIT(32);
	}
	CHECK(reached == (0xf | BIT(32)));
}

static const struct ktap_test tests[] = {
	KTAP_TEST(identity),
	KTAP_TEST(no_shared_memory),
	KTAP_TEST(every_offset_width_direction),
	KTAP_TEST(device_features),
	KTAP_TEST(driver_features),
	KTAP_TEST(features_not_offered),
	KTAP_TEST(every_status_change),
	KTAP_TEST(legacy_driver),
	KTAP_TEST(queues_that_do_not_exist),
	KTAP_TEST(queue_size),
	KTAP_TEST(queue_addresses),
	KTAP_TEST(queue_ready_quiesces),
	KTAP_TEST(driver_ok_checked_again),
	KTAP_TEST(queue_notify),
	KTAP_TEST(interrupt_status),
	KTAP_TEST(config_space),
	KTAP_TEST(link_status),
	KTAP_TEST(mac_address),
	KTAP_TEST(control_queue),
	KTAP_TEST(device_needs_reset),
	KTAP_TEST(reset_forgets),
	KTAP_TEST(a_million_random_accesses),
};

int main(void)
{
	return ktap_main(tests, ARRAY_SIZE(tests));
}
