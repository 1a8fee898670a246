// SPDX-License-Identifier: GPL-2.0-only
/*
 * Register conformance, by virtio 1.2, sections 2.1, 4.2.2 and 5.1.4: what each
 * register holds after a reset, what it does, and that each access that is not
 * allowed is ignored, counted and answered 0.
 *
 * The device does not lie at the start of its region, so that no access is
 * posted: hvisor posts those at the region's offset 0x50, whatever is there.
 */
#include "rawguest.h"

#define REGION		0x0a003000ull
#define REGION_LEN	0x1000ull
#define QUEUE_RESET	0xc0
#define CONFIG_SIZE	20
#define CONFIG_END	(VIRTIO_MMIO_CONFIG + CONFIG_SIZE)
#define MAC		"02:12:34:56:78:9a"

static const u8 mac[] = { 0x02, 0x12, 0x34, 0x56, 0x78, 0x9a };

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

/* Bad accesses counted, and those of all kinds since a snapshot. */
struct counts {
	u64 size, offset, direction, value;
};

static struct counts before;

static struct counts counts_now(void)
{
	return (struct counts) {
		.size = rg_counter(d, "bad_size"),
		.offset = rg_counter(d, "bad_offset"),
		.direction = rg_counter(d, "bad_direction"),
		.value = rg_counter(d, "bad_value"),
	};
}

static bool counted(u64 size, u64 offset, u64 direction, u64 value)
{
	struct counts now = counts_now(), was = before;

	before = now;
	return ktap_expect_eq(now.size - was.size, size) &
	       ktap_expect_eq(now.offset - was.offset, offset) &
	       ktap_expect_eq(now.direction - was.direction, direction) &
	       ktap_expect_eq(now.value - was.value, value);
}

static void start_counting(void)
{
	before = counts_now();
}

static u32 status(void)
{
	return rg_get(d, VIRTIO_MMIO_STATUS);
}

/* Write a register that ignores it. */
static bool ignored(u32 offset, u32 value)
{
	start_counting();
	rg_set(d, offset, value);
	return counted(0, 0, 0, 1);
}

static bool accepted(u32 offset, u32 value)
{
	start_counting();
	rg_set(d, offset, value);
	return counted(0, 0, 0, 0);
}

enum kind { HOLE, READ_ONLY, WRITE_ONLY, READ_WRITE };

struct reg {
	u32 offset;
	enum kind kind;
	u32 value;	/* after a reset, of one that can be read */
};

static const struct reg regs[] = {
	{ VIRTIO_MMIO_MAGIC_VALUE, READ_ONLY, 0x74726976 },
	{ VIRTIO_MMIO_VERSION, READ_ONLY, 2 },
	{ VIRTIO_MMIO_DEVICE_ID, READ_ONLY, 1 },
	{ VIRTIO_MMIO_VENDOR_ID, READ_ONLY, 0x48564953 },
	{ VIRTIO_MMIO_DEVICE_FEATURES, READ_ONLY, (u32)RG_ALL },
	{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_DRIVER_FEATURES, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_SEL, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_NUM_MAX, READ_ONLY, 256 },
	{ VIRTIO_MMIO_QUEUE_NUM, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_READY, READ_WRITE, 0 },
	{ VIRTIO_MMIO_QUEUE_NOTIFY, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_INTERRUPT_STATUS, READ_ONLY, 0 },
	{ VIRTIO_MMIO_INTERRUPT_ACK, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_STATUS, READ_WRITE, 0 },
	{ VIRTIO_MMIO_QUEUE_DESC_LOW, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_DESC_HIGH, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_AVAIL_LOW, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_AVAIL_HIGH, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_USED_LOW, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_QUEUE_USED_HIGH, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_SHM_SEL, WRITE_ONLY, 0 },
	{ VIRTIO_MMIO_SHM_LEN_LOW, READ_ONLY, ~0u },
	{ VIRTIO_MMIO_SHM_LEN_HIGH, READ_ONLY, ~0u },
	{ VIRTIO_MMIO_SHM_BASE_LOW, READ_ONLY, ~0u },
	{ VIRTIO_MMIO_SHM_BASE_HIGH, READ_ONLY, ~0u },
	{ QUEUE_RESET, READ_WRITE, 0 },
};

static struct reg reg_at(u32 offset)
{
	unsigned int i;

	for (i = 0; i < RG_ARRAY_SIZE(regs); i++)
		if (regs[i].offset == offset)
			return regs[i];
	/* Its value is another test's. */
	if (offset == VIRTIO_MMIO_CONFIG_GENERATION)
		return (struct reg){ offset, READ_ONLY, rg_get(d, offset) };
	return (struct reg){ offset, HOLE, 0 };
}

static u64 config_value(u32 offset, u32 size)
{
	/* Link, one pair, MTU, 10000 Mbit/s, full duplex. */
	u8 config[CONFIG_SIZE] = { [6] = VIRTIO_NET_S_LINK_UP, [8] = 1,
				   [10] = 1500 & 0xff, [11] = 1500 >> 8,
				   [12] = 10000 & 0xff, [13] = 10000 >> 8,
				   [16] = 1 };
	u64 value = 0;

	memcpy(config, mac, sizeof(mac));
	memcpy(&value, config + offset, size);
	return value;
}

/*
 * An access to a device that was just reset: check the answer, add to @want what
 * it counts as.
 */
static bool sweep_one(struct counts *want, u32 offset, u32 size, bool write)
{
	bool config = offset >= VIRTIO_MMIO_CONFIG;
	bool fits = (config ? size <= 4 : size == 4) && offset % size == 0;
	struct reg reg = { 0 };
	struct hvsim_raw_access a;
	u64 answer = 0;

	if (fits && !config)
		reg = reg_at(offset);
	if (!fits)
		want->size++;
	else if (config && write)
		want->direction++;
	else if (config ? offset >= CONFIG_END : reg.kind == HOLE)
		want->offset++;
	else if (config)
		answer = config_value(offset - VIRTIO_MMIO_CONFIG, size);
	else if (!write && reg.kind != WRITE_ONLY)
		answer = reg.value;
	else
		want->direction++;

	a = rg_access(d, d->addr + offset, size, write, ~0ull);
	return ktap_expect(!(a.flags & HVSIM_ACCESS_POSTED)) &&
	       (write || ktap_expect_eq(a.value, answer));
}

static bool writable(u32 offset, u32 size)
{
	enum kind kind;

	if (size != 4 || offset % 4 || offset >= VIRTIO_MMIO_CONFIG)
		return false;
	kind = reg_at(offset).kind;
	return kind == WRITE_ONLY || kind == READ_WRITE;
}

#define SWEEP	16	/* addresses between two looks at the counters */

/* All that is not a plain write to a register, at every address and width. */
static bool sweep(bool write)
{
	struct counts want = { 0 };
	u32 offset, size;

	start_counting();
	for (offset = 0; offset < 0x200; offset++) {
		for (size = 1; size <= 8; size *= 2) {
			if (write && writable(offset, size))
				continue;
			if (!sweep_one(&want, offset, size, write)) {
				ktap_diag("%u bytes at %#x", size, offset);
				return false;
			}
		}
		if (offset % SWEEP != SWEEP - 1)
			continue;
		if (!counted(want.size, want.offset, want.direction, 0)) {
			ktap_diag("up to %#x", offset);
			return false;
		}
		want = (struct counts) { 0 };
	}
	return true;
}

static bool test_reset_values(void)
{
	rg_reset(d);
	return sweep(false);
}

static bool test_illegal_writes(void)
{
	bool ok;

	rg_reset(d);
	ok = sweep(true);
	/* Nothing of all that had an effect. */
	return ok && ktap_expect(sweep(false)) &&
	       ktap_expect_eq(rg_state(d, "status"), 0);
}

static bool unknown_at(u64 addr)
{
	u64 unknown = rg_page_counter("unknown");
	bool ok;

	ok = ktap_expect_eq(rg_access(d, addr, 4, false, 0).value, 0);
	rg_access(d, addr, 4, true, ~0u);
	return ok & ktap_expect_eq(rg_page_counter("unknown") - unknown, 2);
}

static bool test_unknown_address(void)
{
	start_counting();
	return unknown_at(REGION) && unknown_at(d->addr - 4) &&
	       unknown_at(d->addr + 0x200) &&
	       unknown_at(REGION + REGION_LEN - 4) && counted(0, 0, 0, 0);
}

static u32 feature_word(u32 sel)
{
	rg_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel);
	return rg_get(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

static bool test_features_offered(void)
{
	const u64 all = RG_ALL | rg_uso();

	rg_reset(d);
	return ktap_expect_eq(feature_word(0), (u32)all) &&
	       ktap_expect_eq(feature_word(1), all >> 32) &&
	       ktap_expect_eq(feature_word(2), 0) &&
	       ktap_expect_eq(feature_word(32), 0) &&
	       ktap_expect_eq(feature_word(~0u), 0) &&
	       ktap_expect_eq(feature_word(0), (u32)all);
}

#define S_ACK		VIRTIO_CONFIG_S_ACKNOWLEDGE
#define S_DRIVER	(S_ACK | VIRTIO_CONFIG_S_DRIVER)
#define S_FEATURES	(S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define S_RUNS		(S_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

/* Ask for features; return the status after FEATURES_OK was tried. */
static u32 try_features(u64 features)
{
	rg_reset(d);
	rg_set(d, VIRTIO_MMIO_STATUS, S_DRIVER);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, features);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	rg_set(d, VIRTIO_MMIO_STATUS, S_FEATURES);
	return status();
}

static bool test_features_ok(void)
{
	const u64 all = RG_ALL | rg_uso();
	unsigned int bit;
	bool ok = true;

	for (bit = 0; bit < 64; bit++) {
		u64 features = RG_BIT(bit) | RG_BIT(VIRTIO_F_VERSION_1);
		u32 want = features & ~all ? S_DRIVER : S_FEATURES;

		if (try_features(features) != want) {
			ktap_diag("feature %u", bit);
			ok = false;
		}
	}
	/* Refused features do not lead to DRIVER_OK, offered ones after that. */
	try_features(RG_FEATURES | RG_BIT(VIRTIO_NET_F_MQ));
	ok &= ignored(VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	ok &= ktap_expect_eq(status(), S_DRIVER);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)RG_FEATURES);
	rg_set(d, VIRTIO_MMIO_STATUS, S_FEATURES);
	ok &= ktap_expect_eq(status(), S_FEATURES);
	return ok & ktap_expect_eq(rg_state(d, "features"), RG_FEATURES);
}

static bool test_features_when(void)
{
	bool ok;

	rg_reset(d);
	ok = ignored(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	rg_set(d, VIRTIO_MMIO_STATUS, S_ACK);
	ok &= ignored(VIRTIO_MMIO_DRIVER_FEATURES, RG_BIT(5));
	rg_set(d, VIRTIO_MMIO_STATUS, S_DRIVER);
	ok &= accepted(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	ok &= ignored(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	ok &= ktap_expect_eq(try_features(RG_FEATURES), S_FEATURES);
	ok &= ignored(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	ok &= ktap_expect_eq(rg_state(d, "features"), RG_FEATURES);
	rg_reset(d);
	return ok & ktap_expect_eq(rg_state(d, "features"), 0);
}

static bool test_status(void)
{
	const u32 needs_reset = VIRTIO_CONFIG_S_NEEDS_RESET;
	bool ok;

	rg_reset(d);
	ok = accepted(VIRTIO_MMIO_STATUS, S_ACK) &&
	     ktap_expect_eq(status(), S_ACK);
	ok &= ignored(VIRTIO_MMIO_STATUS, S_ACK | needs_reset | 0x30) &&
	      ktap_expect_eq(status(), S_ACK);
	ok &= ignored(VIRTIO_MMIO_STATUS, S_ACK | 0xffffff00) &&
	      ktap_expect_eq(status(), S_ACK);
	ok &= accepted(VIRTIO_MMIO_STATUS, S_DRIVER);
	/* A bit is only cleared by a reset. */
	ok &= ignored(VIRTIO_MMIO_STATUS, S_ACK) &&
	      ktap_expect_eq(status(), S_DRIVER);
	rg_negotiate(d, RG_FEATURES);
	ok &= ktap_expect_eq(status(), S_FEATURES);
	ok &= accepted(VIRTIO_MMIO_STATUS, S_RUNS) &&
	      ktap_expect_eq(status(), S_RUNS);
	ok &= ktap_expect_eq(rg_state(d, "status"), S_RUNS);
	ok &= accepted(VIRTIO_MMIO_STATUS, S_RUNS | VIRTIO_CONFIG_S_FAILED) &&
	      ktap_expect_eq(status(), S_RUNS | VIRTIO_CONFIG_S_FAILED);
	ok &= accepted(VIRTIO_MMIO_STATUS, 0) && ktap_expect_eq(status(), 0);
	/* The driver of VERSION_1 has to ask for FEATURES_OK. */
	rg_set(d, VIRTIO_MMIO_STATUS, S_DRIVER);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	ok &= ignored(VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK) &&
	      ktap_expect_eq(status(), S_DRIVER);
	/* An older one knows nothing of it. */
	rg_negotiate(d, 0);
	ok &= accepted(VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK) &&
	      ktap_expect_eq(status(), S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	return ok;
}

static u32 num_max(u32 queue)
{
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	return rg_get(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static bool test_queue_select(void)
{
	static const u32 none[] = { 3, 4, 16, 0x10000, 0x80000000, ~0u };
	unsigned int i;
	bool ok;

	rg_reset(d);
	ok = ktap_expect_eq(num_max(RG_RX), 256) &&
	     ktap_expect_eq(num_max(RG_TX), 256) &&
	     ktap_expect_eq(num_max(RG_CTRL), 256);
	for (i = 0; i < RG_ARRAY_SIZE(none); i++) {
		ok &= ktap_expect_eq(num_max(none[i]), 0);
		ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_QUEUE_READY), 0);
		ok &= ignored(VIRTIO_MMIO_QUEUE_NUM, 64);
		ok &= ignored(VIRTIO_MMIO_QUEUE_DESC_LOW, 64);
		ok &= ignored(VIRTIO_MMIO_QUEUE_READY, 1);
	}
	return ok;
}

static bool test_queue_num(void)
{
	static const u32 bad[] = { 0, 3, 63, 65, 257, 512, 0x10040, ~0u };
	unsigned int i;
	bool ok = true;
	u32 num;

	rg_reset(d);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_TX);
	for (i = 0; i < RG_ARRAY_SIZE(bad); i++)
		ok &= ignored(VIRTIO_MMIO_QUEUE_NUM, bad[i]);
	/* So the queue has no size yet. */
	ok &= ignored(VIRTIO_MMIO_QUEUE_READY, 1);
	for (num = 1; num <= 256; num *= 2)
		ok &= accepted(VIRTIO_MMIO_QUEUE_NUM, num);
	ok &= ignored(VIRTIO_MMIO_QUEUE_READY, 2);
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_QUEUE_READY), 0);
	ok &= accepted(VIRTIO_MMIO_QUEUE_READY, 1);
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_QUEUE_READY), 1);
	/* Each has its own, and a ready one does not change. */
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_RX);
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_QUEUE_READY), 0);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, RG_TX);
	ok &= ignored(VIRTIO_MMIO_QUEUE_NUM, 64);
	for (i = VIRTIO_MMIO_QUEUE_DESC_LOW; i <= VIRTIO_MMIO_QUEUE_USED_HIGH;
	     i += 4)
		if (reg_at(i).kind != HOLE)
			ok &= ignored(i, 0);
	ok &= accepted(VIRTIO_MMIO_QUEUE_READY, 0);
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_QUEUE_READY), 0);
	ok &= accepted(VIRTIO_MMIO_QUEUE_NUM, 64);
	return ok;
}

/* Addresses of all ones first: were they or-ed, none would work after it. */
static bool test_queue_addresses(void)
{
	unsigned int queue;
	u32 offset;

	zone.used = 0;
	rg_negotiate(d, RG_FEATURES);
	for (queue = 0; queue < RG_QUEUES; queue++) {
		rg_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
		for (offset = VIRTIO_MMIO_QUEUE_DESC_LOW;
		     offset <= VIRTIO_MMIO_QUEUE_USED_HIGH; offset += 4)
			if (reg_at(offset).kind != HOLE)
				rg_set(d, offset, ~0u);
		rg_queue_setup(d, queue, RG_NUM);
	}
	rg_driver_ok(d);
	return ktap_expect(rg_link_wait(d, true)) && ktap_expect(rg_works(d));
}

static bool test_queue_notify(void)
{
	bool ok;

	rg_start(d, RG_FEATURES);
	ok = accepted(VIRTIO_MMIO_QUEUE_NOTIFY, RG_TX) &&
	     accepted(VIRTIO_MMIO_QUEUE_NOTIFY, RG_RX) &&
	     ignored(VIRTIO_MMIO_QUEUE_NOTIFY, 2) &&
	     ignored(VIRTIO_MMIO_QUEUE_NOTIFY, 0x10001) &&
	     ignored(VIRTIO_MMIO_QUEUE_NOTIFY, ~0u);
	rg_reset(d);
	return ok & ignored(VIRTIO_MMIO_QUEUE_NOTIFY, RG_TX);
}

static u32 isr(void)
{
	return rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS);
}

static bool test_interrupt_status(void)
{
	bool ok;

	rg_start(d, RG_FEATURES);
	rg_ack(d);
	rg_irqs(d, 0);
	ok = ktap_expect(rg_tx_one(d, 60, 1));
	ok &= ktap_expect_eq(rg_irqs(d, RG_LONG) > 0, true);
	ok &= ktap_expect_eq(isr(), VIRTIO_MMIO_INT_VRING);
	/* Reading does not acknowledge, nor does another bit or none. */
	ok &= ktap_expect_eq(isr(), VIRTIO_MMIO_INT_VRING);
	ok &= accepted(VIRTIO_MMIO_INTERRUPT_ACK, 0);
	ok &= accepted(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	ok &= ignored(VIRTIO_MMIO_INTERRUPT_ACK, ~3u);
	ok &= ktap_expect_eq(isr(), VIRTIO_MMIO_INT_VRING);
	ok &= ktap_expect_eq(rg_state(d, "interrupt_status"),
			     VIRTIO_MMIO_INT_VRING);
	ok &= accepted(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ok &= ktap_expect_eq(isr(), 0);
	ok &= ktap_expect(rg_works(d));
	return ok;
}

static u32 config_status(void)
{
	return rg_access(d, d->addr + VIRTIO_MMIO_CONFIG + 6, 2, false, 0).value;
}

static bool link_changes(bool up, bool irq)
{
	u32 generation = rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION);
	bool ok;

	rg_link_set(d, up);
	ok = ktap_expect_eq(config_status(), up ? VIRTIO_NET_S_LINK_UP : 0);
	ok &= ktap_expect(rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION) !=
			  generation);
	if (!irq)
		return ok && ktap_expect_eq(rg_irqs(d, 20), 0) &&
		       ktap_expect_eq(isr(), 0);
	ok &= ktap_expect(rg_irqs(d, RG_LONG) > 0);
	return ok & ktap_expect_eq(rg_ack(d), VIRTIO_MMIO_INT_CONFIG);
}

static bool test_generation(void)
{
	u32 generation;
	bool ok;

	rg_start(d, RG_FEATURES);
	generation = rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION);
	ok = ktap_expect(rg_works(d)) &&
	     ktap_expect_eq(rg_get(d, VIRTIO_MMIO_CONFIG_GENERATION),
			    generation);
	rg_ack(d);
	/* An injection may be under way yet. */
	rg_irqs(d, 20);
	ok &= link_changes(false, true) && link_changes(true, true);
	ok &= ktap_expect(rg_link_wait(d, true)) && ktap_expect(rg_works(d));
	/* A driver without VIRTIO_NET_F_STATUS is not told. */
	rg_start(d, RG_FEATURES & ~RG_BIT(VIRTIO_NET_F_STATUS));
	ok &= link_changes(false, false) && link_changes(true, false);
	/* Nor is one that does not run. */
	rg_reset(d);
	return ok && link_changes(false, false) && link_changes(true, false);
}

/* The region's offset 0x50 is posted: nobody waits, the effect is the same. */
static bool test_posted(void)
{
	struct rg_dev posted = *d;
	struct hvsim_raw_access a;
	bool ok;

	posted.fd = rg_open_region(&zone, d->addr, 0x200);
	rg_start(d, RG_FEATURES);
	start_counting();
	a = rg_access(&posted, d->addr + VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, 77);
	ok = ktap_expect(a.flags & HVSIM_ACCESS_POSTED) &&
	     ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "bad_value") ==
						before.value + 1));
	/* A read, too: nobody waits for that answer, and none is given. */
	a = rg_access(&posted, d->addr + VIRTIO_MMIO_QUEUE_NOTIFY, 4, false, 0);
	ok &= ktap_expect(a.flags & HVSIM_ACCESS_POSTED) &&
	      ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "bad_direction") ==
						 before.direction + 1));
	ok &= ktap_expect_eq(rg_get(&posted, VIRTIO_MMIO_MAGIC_VALUE),
			     0x74726976);
	ok &= ktap_expect(rg_works(d));
	close(posted.fd);
	return ok & ktap_expect_eq(rg_sim_counter("stray_answers"), 0);
}

static const struct ktap_test tests[] = {
	{ "each register reads as after a reset, at each width", test_reset_values },
	{ "illegal writes are ignored, counted, answered", test_illegal_writes },
	{ "where no device is, reads are 0 and counted", test_unknown_address },
	{ "features are offered by word", test_features_offered },
	{ "FEATURES_OK for what is offered, only", test_features_ok },
	{ "features are taken between DRIVER and FEATURES_OK", test_features_when },
	{ "Status", test_status },
	{ "queues that do not exist", test_queue_select },
	{ "QueueNum and QueueReady", test_queue_num },
	{ "queue addresses are assigned", test_queue_addresses },
	{ "QueueNotify", test_queue_notify },
	{ "InterruptStatus and InterruptACK", test_interrupt_status },
	{ "link status, ConfigGeneration and their interrupt", test_generation },
	{ "posted accesses", test_posted },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add_in(d, &zone, rg_open_region(&zone, REGION, REGION_LEN),
		      REGION + 0x200, RG_IRQ, "tap0", "mac=" MAC);
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
