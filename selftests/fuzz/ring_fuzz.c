// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c as a device uses it, with a driver that does what the input says:
 * descriptors, tables and indices at will, also at each barrier.  What must hold
 * whatever the driver does: a chain is what the driver wrote by the rules of
 * virtio 1.2, section 2.7, or the ring is broken for good; no more than a queue
 * of chains is on loan; no byte of the guest's changes but those that are the
 * device's to write.
 */
#include <linux/virtio_ring.h>

#include "fuzz.h"
#include "ring.h"

#define MAX_NUM		64

void (*shim_at_mb)(void);
void (*shim_at_rmb)(void);
void (*shim_at_release)(void);

static struct fuzz_guest guest;
static struct fuzz_input *input;
static struct hvnet_ring ring;
static struct hvnet_chain chain;
static struct hvnet_ring_setup setup;
static u16 driver_idx;

/* Chains on loan, oldest first: fetched; of those, given back. */
static u16 loan[MAX_NUM];
static unsigned int n_loan, n_used;

/* The driver */

static void write16(u64 ipa, u16 value)
{
	fuzz_guest_write(&guest, ipa, &value, sizeof(value));
}

static void write_desc(u64 table)
{
	static const u32 lens[] = { 0, 0xffffffff, 0xfffffff0, 0x80000000 };
	struct vring_desc desc;
	u8 at = fuzz_take(input, 1);
	u16 len;

	desc.addr = fuzz_take_ipa(input);
	len = fuzz_take(input, 2);
	desc.len = len < 0xff00 ? len % 0x1800 : lens[len % ARRAY_SIZE(lens)];
	desc.flags = fuzz_take(input, 1);
	desc.next = fuzz_take(input, 1);
	if (desc.flags & 0x80)
		desc.next *= 257;
	desc.flags &= 0x0f;
	fuzz_guest_write(&guest, table + sizeof(desc) * at, &desc, sizeof(desc));
}

static void make_available(void)
{
	u16 num = setup.num ? setup.num : 1;

	write16(setup.avail + 4 + 2 * (driver_idx % num), fuzz_take(input, 1));
	write16(setup.avail + 2, ++driver_idx);
}

/* Link @n descriptors of a table to a chain that keeps the rules, so far. */
static void write_chain(u64 table, u8 n)
{
	u8 out = fuzz_take(input, 1) % 8;
	struct vring_desc desc;
	u16 i;

	for (i = 0; i < n; i++) {
		desc.addr = FUZZ_NEXT + fuzz_take(input, 1);
		desc.len = fuzz_take(input, 1);
		desc.flags = (i < out ? 0 : VRING_DESC_F_WRITE) |
			     (i + 1 < n ? VRING_DESC_F_NEXT : 0);
		desc.next = i + 1;
		fuzz_guest_write(&guest, table + sizeof(desc) * i, &desc,
				 sizeof(desc));
	}
}

/* A chain in a table of its own, which need not be aligned. */
static void write_table(void)
{
	struct vring_desc desc = { .flags = VRING_DESC_F_INDIRECT };
	u8 at = fuzz_take(input, 1) % MAX_NUM, n = fuzz_take(input, 1) % 80;

	desc.addr = FUZZ_NEXT + 0x200 + fuzz_take(input, 1);
	desc.len = sizeof(desc) * n;
	write_chain(desc.addr, n);
	fuzz_guest_write(&guest, setup.desc + sizeof(desc) * at, &desc,
			 sizeof(desc));
}

/* One step of the driver. */
static void drive(void)
{
	u64 ipa;

	switch (fuzz_take(input, 1) % 9) {
	case 0:
		ipa = fuzz_take_ipa(input);
		write16(ipa, fuzz_take(input, 2));
		break;
	case 1:
		write_desc(setup.desc);
		break;
	case 2:
		write_desc(fuzz_take_ipa(input));
		break;
	case 3:
		driver_idx = fuzz_take(input, 2);
		write16(setup.avail + 2, driver_idx);
		break;
	case 4:
		write_chain(setup.desc, fuzz_take(input, 1) % (MAX_NUM + 1));
		break;
	case 5:
		write_table();
		break;
	case 6:
		/* Does it want an interrupt, and when? */
		write16(setup.avail, fuzz_take(input, 1) & 1);
		write16(setup.avail + 4 + 2 * setup.num,
			ring.used_published + fuzz_take(input, 1) % 8 - 1);
		break;
	default:
		make_available();
		break;
	}
}

static u16 read16(u64 ipa)
{
	u16 *at = hvnet_memory_at(&guest.mem, ipa, sizeof(*at));

	REQUIRE(at);
	return *at;
}

/* used->idx at the last full barrier; then the driver may write over it. */
static u16 shown;

/* At a barrier the driver may have done anything, or nothing. */
static void meanwhile(void)
{
	unsigned int n = fuzz_take(input, 1) % 4;

	shown = read16(setup.used + 2);
	while (n--)
		drive();
}

static u16 avail_idx(void)
{
	return read16(setup.avail + 2);
}

/* What the rules say that a chain is. */

struct want {
	u16 n_out, n_in;
	struct hvnet_sg sg[MAX_NUM];
};

static bool want_piece(struct want *w, const struct vring_desc *d)
{
	struct hvnet_sg *sg = &w->sg[w->n_out + w->n_in];

	if (!d->len)
		return true;
	if (w->n_out + w->n_in == setup.num)
		return false;
	if (!(d->flags & VRING_DESC_F_WRITE) && w->n_in)
		return false;
	sg->addr = hvnet_memory_at(&guest.mem, d->addr, d->len);
	sg->len = d->len;
	if (d->flags & VRING_DESC_F_WRITE)
		w->n_in++;
	else
		w->n_out++;
	return sg->addr;
}

static bool want_table(struct want *w, u64 table, u32 size, u32 i, bool direct)
{
	struct vring_desc d;
	u32 n;

	for (n = 0; n < setup.num && i < size; n++) {
		memcpy(&d, hvnet_memory_at(&guest.mem, table + 16ULL * i, 16),
		       sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT)
			return direct && ring.indirect && d.len &&
			       !(d.flags & VRING_DESC_F_NEXT) &&
			       d.len % 16 == 0 &&
			       hvnet_memory_at(&guest.mem, d.addr, d.len) &&
			       want_table(w, d.addr, d.len / 16, 0, false);
		if (!want_piece(w, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		i = d.next;
	}
	return false;
}

/* The device */

static void check_chain(void)
{
	struct want w = { 0 };
	u64 out_len = 0, in_len = 0;
	unsigned int i;

	REQUIRE(want_table(&w, setup.desc, setup.num, chain.head, true));
	REQUIRE(chain.n_out == w.n_out && chain.n_in == w.n_in);
	for (i = 0; i < chain.n_out + chain.n_in; i++) {
		REQUIRE(chain.sg[i].addr == w.sg[i].addr);
		REQUIRE(chain.sg[i].len == w.sg[i].len && w.sg[i].len);
		*(i < chain.n_out ? &out_len : &in_len) += w.sg[i].len;
	}
	REQUIRE(chain.out_len == out_len && chain.in_len == in_len);
}

static bool must_break(u16 ahead, u16 head)
{
	struct want w = { 0 };

	return ahead > setup.num - n_loan || head >= setup.num ||
	       !want_table(&w, setup.desc, setup.num, head, true);
}

/*
 * The index is read before the barrier, at which the driver may change it; the
 * entry and all that follows from it after that.
 */
static void fetch(void)
{
	const enum hvnet_ring_fault before = ring.fault;
	const u16 last = ring.last_avail;
	u16 ahead, slot = last % (setup.num ? setup.num : 1), head;
	int got;

	/* What was there at the last look is taken without another one. */
	ahead = ring.avail_seen - last;
	if (!ahead && ring.num)
		ahead = avail_idx() - last;
	got = hvnet_ring_fetch(&ring, &chain);
	if (before || !ahead) {
		REQUIRE(got == (before ? -EPROTO : 0));
		return;
	}
	head = read16(setup.avail + 4 + 2 * slot);
	REQUIRE(got == (must_break(ahead, head) ? -EPROTO : 1));
	REQUIRE(!ring.fault == (got == 1));
	REQUIRE(ring.last_avail == (u16)(last + (got == 1)));
	if (got < 0)
		return;
	REQUIRE(chain.head == head && n_loan < setup.num);
	check_chain();
	loan[n_loan++] = head;
}

static void use(void)
{
	const u16 slot = ring.used_idx % (setup.num ? setup.num : 1);
	u32 len = fuzz_take(input, 1);
	struct vring_used_elem *elem;

	if (n_used == n_loan)
		return;
	hvnet_ring_used(&ring, loan[n_used], len);
	elem = hvnet_memory_at(&guest.mem, setup.used + 4 + 8 * slot, 8);
	REQUIRE(elem && elem->id == loan[n_used] && elem->len == len);
	fuzz_guest_allow(&guest, elem, sizeof(*elem));
	n_used++;
}

static void publish(void)
{
	const u16 old = ring.used_published, new = ring.used_idx;
	bool tell;

	REQUIRE((u16)(new - old) == n_used);
	tell = hvnet_ring_publish(&ring);
	if (!n_used) {
		REQUIRE(!tell);
		return;
	}
	REQUIRE(shown == new);
	REQUIRE(tell == (ring.event_idx ?
			 vring_need_event(read16(setup.avail + 4 +
						 2 * setup.num), new, old) :
			 !(read16(setup.avail) & VRING_AVAIL_F_NO_INTERRUPT)));
	memmove(loan, loan + n_used, (n_loan - n_used) * sizeof(loan[0]));
	n_loan -= n_used;
	n_used = 0;
}

static void unfetch(void)
{
	unsigned int n = fuzz_take(input, 1) % (MAX_NUM + 1);

	if (n > n_loan - n_used)
		n = n_loan - n_used;
	hvnet_ring_unfetch(&ring, n);
	n_loan -= n;
}

static void rewind_used(void)
{
	unsigned int n = fuzz_take(input, 1) % (MAX_NUM + 1);

	if (n_used != n_loan)
		return;
	if (n > n_used)
		n = n_used;
	hvnet_ring_rewind(&ring, n);
	n_loan -= n;
	n_used -= n;
}

static void notify_on(void)
{
	const u16 beyond = ring.last_avail + fuzz_take(input, 1) % 4;
	bool more;

	more = hvnet_ring_notify_on(&ring, beyond);
	if (!ring.num) {
		REQUIRE(!more);
		return;
	}
	REQUIRE(ring.notify_on);
	REQUIRE(more == (!ring.fault && avail_idx() != beyond));
}

static void look(void)
{
	const u16 beyond = ring.last_avail;

	REQUIRE(hvnet_ring_more(&ring, beyond) ==
		(ring.num && !ring.fault && avail_idx() != beyond));
	if (!ring.num)
		REQUIRE(!hvnet_ring_wants_interrupt(&ring));
	else if (!ring.event_idx)
		REQUIRE(hvnet_ring_wants_interrupt(&ring) ==
			!(read16(setup.avail) & VRING_AVAIL_F_NO_INTERRUPT));
	else
		hvnet_ring_wants_interrupt(&ring);
}

/* Only of the chain fetched last, while it is on loan. */
static void copy(bool in)
{
	size_t offset = fuzz_take(input, 2) % 0x2000;
	size_t len = fuzz_take(input, 2) % 0x2000;
	u64 total = in ? chain.in_len : chain.out_len;
	u64 want = offset < total ? total - offset : 0;
	unsigned int i;
	u8 *buf;

	if (n_loan == n_used || ring.fault)
		return;
	if (want > len)
		want = len;
	buf = calloc(1, len ? len : 1);
	REQUIRE(buf);
	if (!in) {
		REQUIRE(hvnet_ring_copy_out(&chain, offset, buf, len) == want);
	} else {
		REQUIRE(hvnet_ring_copy_in(&chain, offset, buf, len) == want);
		for (i = 0; i < chain.n_in; i++)
			fuzz_guest_allow(&guest, chain.sg[chain.n_out + i].addr,
					 chain.sg[chain.n_out + i].len);
	}
	free(buf);
}

/* The words of the used ring that are the device's to write at any time. */
static void allow_words(void)
{
	if (!setup.num || !ring.num)
		return;
	fuzz_guest_allow(&guest, ring.used, sizeof(*ring.used));
	fuzz_guest_allow(&guest, &ring.used->ring[setup.num], sizeof(u16));
}

static void device(void)
{
	switch (fuzz_take(input, 1) % 16) {
	case 0 ... 3:
		fetch();
		break;
	case 4 ... 5:
		use();
		break;
	case 6:
		publish();
		allow_words();
		break;
	case 7:
		unfetch();
		break;
	case 8:
		rewind_used();
		break;
	case 9:
		notify_on();
		allow_words();
		break;
	case 10:
		hvnet_ring_notify_off(&ring);
		allow_words();
		break;
	case 11:
		hvnet_ring_hush(&ring);
		allow_words();
		break;
	case 12:
		look();
		break;
	case 13:
		copy(false);
		break;
	case 14:
		copy(true);
		break;
	case 15:
		drive();
		break;
	}
}

static void check(void)
{
	fuzz_guest_check(&guest);
	if (!ring.num)
		return;
	REQUIRE((u16)(ring.last_avail - ring.used_published) == n_loan);
	REQUIRE((u16)(ring.used_idx - ring.used_published) == n_used);
	REQUIRE(n_loan <= ring.num);
	REQUIRE(hvnet_ring_fault_name(ring.fault));
}

/* Where the queue lies: mostly where it may, else anywhere. */
static void take_setup(void)
{
	u8 how = fuzz_take(input, 1);

	fuzz_guest_fill(&guest, how & 0x80 ? 0xff : 0);
	setup.num = how & 8 ? fuzz_take(input, 2) : 1U << (how & 7) % 7;
	setup.desc = FUZZ_LOW;
	setup.avail = setup.desc + 16 * setup.num;
	setup.used = (setup.avail + 6 + 2 * setup.num + 3) & ~3ULL;
	if (how & 0x10)
		setup.desc = fuzz_take_ipa(input);
	if (how & 0x20)
		setup.avail = fuzz_take_ipa(input);
	if (how & 0x40)
		setup.used = fuzz_take_ipa(input);
}

/* What a queue has to be (virtio 1.2, section 2.7), event words included. */
static bool lies_well(void)
{
	const u64 num = setup.num;
	const struct {
		u64 at, len, align;
	} area[] = {
		{ setup.desc, 16 * num, 16 },
		{ setup.avail, 6 + 2 * num, 2 },
		{ setup.used, 6 + 8 * num, 4 },
	};
	unsigned int i, j;

	if (!num || num > 32768 || (num & (num - 1)))
		return false;
	for (i = 0; i < ARRAY_SIZE(area); i++) {
		if (area[i].at % area[i].align ||
		    !hvnet_memory_at(&guest.mem, area[i].at, area[i].len))
			return false;
		for (j = 0; j < i; j++)
			if (area[i].at <= area[j].at + area[j].len - 1 &&
			    area[j].at <= area[i].at + area[i].len - 1)
				return false;
	}
	return true;
}

static bool start(void)
{
	u8 how = fuzz_take(input, 1);
	int err;

	err = hvnet_ring_start(&ring, &guest.mem, &setup, how & 1, how & 2);
	REQUIRE(!err == lies_well());
	if (err) {
		REQUIRE(err == -EINVAL || err == -EFAULT);
		REQUIRE(!ring.num && !hvnet_ring_more(&ring, 1));
		REQUIRE(hvnet_ring_fetch(&ring, &chain) == 0);
		fuzz_guest_check(&guest);
		return false;
	}
	REQUIRE(ring.notify_on && !ring.used->flags);
	if (ring.event_idx)
		REQUIRE(!read16(setup.used + 4 + 8 * setup.num));
	allow_words();
	fuzz_guest_check(&guest);
	return true;
}

/**
 * fuzz_one - one driver's life
 * @data: what it does
 * @size: how much of it
 */
int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct hvnet_sg *sg;

	input = &in;
	fuzz_guest_init(&guest);
	driver_idx = 0;
	n_loan = 0;
	n_used = 0;
	take_setup();
	if (!start() || setup.num > MAX_NUM)
		return 0;
	/* As many as were promised, so that ASan sees one more. */
	sg = malloc(setup.num * sizeof(*sg));
	REQUIRE(sg);
	chain.sg = sg;
	shim_at_mb = meanwhile;
	shim_at_rmb = meanwhile;
	shim_at_release = meanwhile;
	while (in.left) {
		device();
		check();
	}
	shim_at_mb = NULL;
	shim_at_rmb = NULL;
	shim_at_release = NULL;
	hvnet_ring_stop(&ring);
	REQUIRE(hvnet_ring_fetch(&ring, &chain) == 0);
	REQUIRE(!hvnet_ring_notify_on(&ring, 1));
	hvnet_ring_notify_off(&ring);
	REQUIRE(!hvnet_ring_wants_interrupt(&ring));
	fuzz_guest_check(&guest);
	free(sg);
	return 0;
}
