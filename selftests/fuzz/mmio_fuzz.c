// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmio.c as a device uses it: accesses of every kind, and between them what the
 * device itself does to its registers.  What must hold whatever the guest does:
 * the promises made at the top of mmio.c, and that an access which makes no sense
 * has no effect, reads 0 and is counted once.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>

#include "fuzz.h"
#include "mmio.h"

static struct fuzz_input *input;
static struct hvnet_mmio m;

/* Accesses that wait for a quiet data path. */
static struct hvnet_mmio_access waiting[4];
static unsigned int n_waiting;

static u64 counted(const struct hvnet_mmio *of)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < HVNET_MMIO_COUNTS; i++)
		sum += of->count[i];
	return sum;
}

/* The same but for what was counted? */
static bool same(const struct hvnet_mmio *was)
{
	struct hvnet_mmio now = m;

	memcpy(now.count, was->count, sizeof(now.count));
	return !memcmp(&now, was, sizeof(now));
}

static bool had(const struct hvnet_mmio *of, u32 bit)
{
	return of->status & bit;
}

/* What the rest of the module relies on, at any moment. */
static void check_state(void)
{
	unsigned int i;

	if (had(&m, VIRTIO_CONFIG_S_DRIVER_OK)) {
		REQUIRE(!(m.features & ~m.offered));
		REQUIRE(!hvnet_mmio_has(&m, VIRTIO_F_VERSION_1) ||
			had(&m, VIRTIO_CONFIG_S_FEATURES_OK));
	}
	if (had(&m, VIRTIO_CONFIG_S_FEATURES_OK))
		REQUIRE(!(m.features & ~m.offered));
	REQUIRE(!hvnet_mmio_live(&m) || had(&m, VIRTIO_CONFIG_S_DRIVER_OK));
	REQUIRE(!hvnet_mmio_live(&m) || !had(&m, VIRTIO_CONFIG_S_NEEDS_RESET));
	REQUIRE(!(m.isr.counter &
		  ~(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG)));
	for (i = 0; i < HVNET_MMIO_QUEUES; i++) {
		const struct hvnet_mmio_queue *q = &m.queue[i];

		REQUIRE(!(q->setup.num & (q->setup.num - 1)));
		REQUIRE(q->setup.num <= m.queue_max);
		REQUIRE(!q->ready || (q->setup.num && i < m.n_queues));
	}
}

/* Between two moments without a reset. */
static void check_change(const struct hvnet_mmio *was)
{
	unsigned int i;

	REQUIRE(!(was->status & ~m.status));
	REQUIRE(m.offered == was->offered && m.queue_max == was->queue_max);
	if (had(was, VIRTIO_CONFIG_S_FEATURES_OK) ||
	    had(was, VIRTIO_CONFIG_S_DRIVER_OK))
		REQUIRE(m.features == was->features);
	for (i = 0; i < HVNET_MMIO_QUEUES; i++)
		if (was->queue[i].ready && m.queue[i].ready)
			REQUIRE(!memcmp(&m.queue[i], &was->queue[i],
					sizeof(m.queue[i])));
}

static void check_reset(const struct hvnet_mmio *was)
{
	static const struct hvnet_mmio_queue none[HVNET_MMIO_QUEUES];

	REQUIRE(!m.status && !m.features && !m.isr.counter);
	REQUIRE(!m.queue_sel && !m.driver_sel && !m.device_sel);
	REQUIRE(!memcmp(m.queue, none, sizeof(none)));
	REQUIRE(!memcmp(m.config.mac, m.mac, sizeof(m.mac)));
	REQUIRE(m.config.status == was->config.status);
}

/* One that ended in no more than a count. */
static void check_refused(const struct hvnet_mmio *was,
			  const struct hvnet_mmio_access *acc)
{
	REQUIRE(counted(&m) == counted(was) + 1);
	/* These do what they can, and count the rest. */
	if (acc->write && (acc->offset == VIRTIO_MMIO_STATUS ||
			   acc->offset == VIRTIO_MMIO_INTERRUPT_ACK))
		return;
	REQUIRE(same(was) && !acc->value);
}

static void commit_one(void)
{
	struct hvnet_mmio was = m;
	struct hvnet_mmio_access acc;

	if (!n_waiting)
		return;
	acc = waiting[--n_waiting];
	hvnet_mmio_commit(&m, &acc);
	REQUIRE(!acc.value);
	REQUIRE(counted(&m) <= counted(&was) + 1);
	if (acc.offset == VIRTIO_MMIO_STATUS && !waiting[n_waiting].value)
		check_reset(&was);
	else
		check_change(&was);
}

static void take_access(struct hvnet_mmio_access *acc)
{
	u8 how = fuzz_take(input, 1);

	acc->write = how & 1;
	acc->offset = 4 * (fuzz_take(input, 1) % 0x50);
	acc->size = 4;
	acc->value = fuzz_take(input, 1);
	if (how & 2)
		acc->value = 1ULL << acc->value % 64;
	if (how & 4)
		acc->value = fuzz_take(input, 8);
	if ((how & 0x18) == 0x18)
		acc->offset = fuzz_take(input, 2) % 0x400;
	if ((how & 0x60) == 0x60)
		acc->size = 1 << fuzz_take(input, 1) % 4;
	if (how == 0xff) {
		acc->offset = fuzz_take(input, 8);
		acc->size = fuzz_take(input, 8);
	}
}

static void check_verdict(enum hvnet_mmio_verdict verdict,
			  const struct hvnet_mmio *was,
			  const struct hvnet_mmio_access *acc)
{
	switch (verdict) {
	case HVNET_MMIO_DONE:
		REQUIRE(!acc->write || !acc->value);
		break;
	case HVNET_MMIO_KICK:
		REQUIRE(acc->write && acc->offset == VIRTIO_MMIO_QUEUE_NOTIFY);
		REQUIRE(hvnet_mmio_live(&m) && acc->value < m.n_queues);
		REQUIRE(m.queue[acc->value].ready && same(was));
		break;
	case HVNET_MMIO_ACK:
		REQUIRE(acc->write && acc->value);
		REQUIRE((acc->value & was->isr.counter) == acc->value);
		REQUIRE(m.isr.counter == (was->isr.counter & ~(int)acc->value));
		break;
	case HVNET_MMIO_QUIESCE:
		REQUIRE(acc->write && same(was));
		REQUIRE(counted(&m) == counted(was));
		break;
	}
}

static void access_register(void)
{
	struct hvnet_mmio was = m;
	enum hvnet_mmio_verdict verdict;
	struct hvnet_mmio_access acc;

	take_access(&acc);
	verdict = hvnet_mmio_access(&m, &acc);
	if (acc.size < 8)
		REQUIRE(!(acc.value >> 8 * acc.size));
	check_verdict(verdict, &was, &acc);
	if (!acc.write)
		REQUIRE(same(&was));
	if (counted(&m) != counted(&was))
		check_refused(&was, &acc);
	check_change(&was);
	if (verdict != HVNET_MMIO_QUIESCE)
		return;
	if (n_waiting == ARRAY_SIZE(waiting))
		commit_one();
	waiting[n_waiting++] = acc;
}

static void needs_reset(void)
{
	struct hvnet_mmio was = m;
	bool tell = hvnet_mmio_needs_reset(&m);

	REQUIRE(had(&m, VIRTIO_CONFIG_S_NEEDS_RESET) && !hvnet_mmio_live(&m));
	REQUIRE(tell == (had(&was, VIRTIO_CONFIG_S_DRIVER_OK) &&
			 !had(&was, VIRTIO_CONFIG_S_NEEDS_RESET)));
	REQUIRE(!tell || (m.isr.counter & VIRTIO_MMIO_INT_CONFIG));
}

static void set_link(void)
{
	struct hvnet_mmio was = m;
	bool up = fuzz_take(input, 1) & 1;
	bool tell = hvnet_mmio_set_link(&m, up);

	REQUIRE(m.config.status == up);
	REQUIRE(tell == (hvnet_mmio_live(&m) && was.config.status != up &&
			 hvnet_mmio_has(&m, VIRTIO_NET_F_STATUS)));
	REQUIRE(m.generation == was.generation + (was.config.status != up));
}

static void set_mac(void)
{
	struct hvnet_mmio was = m;
	u8 mac[ETH_ALEN];

	fuzz_take_bytes(input, mac, sizeof(mac));
	hvnet_mmio_set_mac(&m, mac);
	REQUIRE(!memcmp(m.config.mac, mac, sizeof(mac)));
	REQUIRE((m.generation != was.generation) ==
		!!memcmp(was.config.mac, mac, sizeof(mac)));
}

static void write_register(u32 offset, u32 value)
{
	struct hvnet_mmio_access acc = {
		.offset = offset, .value = value, .size = 4, .write = true,
	};

	if (hvnet_mmio_access(&m, &acc) == HVNET_MMIO_QUIESCE)
		hvnet_mmio_commit(&m, &acc);
}

static void write_features(u64 features)
{
	write_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	write_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_register(VIRTIO_MMIO_DRIVER_FEATURES, features);
}

/* A driver that does it right, or nearly, so that the rest is reached often. */
static void bring_up(void)
{
	u8 how = fuzz_take(input, 1);
	u64 features = m.offered;

	if (how & 1)
		write_register(VIRTIO_MMIO_STATUS, 0);
	write_register(VIRTIO_MMIO_STATUS, 1);
	write_register(VIRTIO_MMIO_STATUS, 3);
	if (how & 2)
		features ^= 1ULL << (how >> 2);
	write_features(features);
	if (!(how & 4))
		write_register(VIRTIO_MMIO_STATUS, 11);
	write_register(VIRTIO_MMIO_QUEUE_NUM, 1);
	write_register(VIRTIO_MMIO_QUEUE_READY, 1);
	write_register(VIRTIO_MMIO_STATUS, how & 4 ? 7 : 15);
}

static void step(void)
{
	switch (fuzz_take(input, 1) % 16) {
	case 0:
		needs_reset();
		break;
	case 1:
		set_link();
		break;
	case 2:
		set_mac();
		break;
	case 3:
		atomic_or(VIRTIO_MMIO_INT_VRING, &m.isr);
		break;
	case 4:
		bring_up();
		break;
	case 5 ... 7:
		commit_one();
		break;
	default:
		access_register();
		break;
	}
}

/**
 * fuzz_one - one device's life
 * @data: what happens to it
 * @size: how much of it
 */
int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	u8 mac[ETH_ALEN];
	u64 offered;
	u16 max;

	input = &in;
	n_waiting = 0;
	fuzz_take_bytes(input, mac, sizeof(mac));
	offered = fuzz_take(input, 8);
	max = 1 << fuzz_take(input, 1) % 11;
	hvnet_mmio_init(&m, offered, max, mac, fuzz_take(input, 2));
	while (in.left) {
		step();
		check_state();
	}
	return 0;
}
