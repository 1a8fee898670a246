// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of ctrl.c: each request of virtio 1.2, section 5.1.6.5, obeyed when it
 * is right, refused without any effect when it is not, and nothing but these;
 * and which frames pass the filter that comes of it.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "ctrl.h"
#include "ktap.h"
#include "memory.h"
#include "offload.h"

#define BASE		0x40000000ULL
#define SIZE		0x4000ULL
#define DESC		BASE
#define AVAIL		(BASE + 0x400)
#define USED		(BASE + 0x800)
#define BUFFER		(BASE + 0x1000)	/* to the end: ASan sees a step beyond */
#define NUM		16

#define BIT(n)		HVNET_BIT(n)
#define FEATURES	(BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_CTRL_VQ) |	\
			 BIT(VIRTIO_NET_F_CTRL_RX) |			\
			 BIT(VIRTIO_NET_F_CTRL_VLAN) |			\
			 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |		\
			 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |	\
			 HVNET_OFFLOADS_RX)

#define OK		VIRTIO_NET_OK
#define ERR		VIRTIO_NET_ERR
#define SILENT		0x55	/* what is there when there is no answer */

/* Nothing happens on other CPUs here. */
void (*shim_at_mb)(void);
void (*shim_at_rmb)(void);
void (*shim_at_release)(void);

static struct hvnet_memory mem;
static struct hvnet_ctrl ctrl;
static struct hvnet_sg sg[NUM];
static u8 *ram;
static u16 avail_idx;

static const u8 own[] = { 0x02, 0, 0, 0, 0, 1 };
static const u8 other[] = { 0x02, 0, 0, 0, 0, 2 };
static const u8 third[] = { 0x06, 0, 0, 0, 0, 1 };
static const u8 group[] = { 0x33, 0x33, 0, 0, 0, 1 };
static const u8 group2[] = { 0x01, 0, 0x5e, 0, 0, 1 };
static const u8 all[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void *at(u64 ipa)
{
	return ram + (ipa - BASE);
}

static void begin(u64 features)
{
	const struct hvnet_ring_setup setup = {
		.num = NUM, .desc = DESC, .avail = AVAIL, .used = USED,
	};

	if (!ram) {
		ram = aligned_alloc(4096, SIZE);
		mem.range[0].ipa = BASE;
		mem.range[0].size = SIZE;
		mem.range[0].va = ram;
		mem.n = 1;
	}
	memset(ram, 0, SIZE);
	/* What was there before must not matter. */
	memset(&ctrl, 0xa5, sizeof(ctrl));
	ctrl.requests = 0;
	ctrl.errors = 0;
	ctrl.chain.sg = sg;
	avail_idx = 0;
	if (hvnet_ring_start(&ctrl.ring, &mem, &setup, false, false))
		abort();
	hvnet_ctrl_begin(&ctrl, features, own);
}

/*
 * A request of @len bytes, in buffers of @cut bytes (0: one), with @room bytes
 * for the answer. Return the answer; *@changed is what was changed.
 */
static u8 request_cut(const void *bytes, size_t len, size_t cut, size_t room,
		      unsigned int *changed)
{
	struct vring_desc *desc = at(DESC);
	struct vring_avail *avail = at(AVAIL);
	struct vring_used *used = at(USED);
	/* Ends where the zone's RAM does. */
	u64 from = BASE + SIZE - len, to = BUFFER;
	unsigned int n = 0, i;
	u64 errors = ctrl.errors, requests = ctrl.requests;
	u16 slot = avail_idx % NUM;
	size_t done, piece;

	memcpy(at(from), bytes, len);
	memset(at(to), SILENT, room + 1);
	for (done = 0; done < len; done += piece, n++) {
		piece = cut && cut < len - done ? cut : len - done;
		desc[n] = (struct vring_desc){ .addr = from + done,
					       .len = piece };
	}
	if (room)
		desc[n++] = (struct vring_desc){ .addr = to, .len = room,
						 .flags = VRING_DESC_F_WRITE };
	for (i = 0; i + 1 < n; i++) {
		desc[i].flags |= VRING_DESC_F_NEXT;
		desc[i].next = i + 1;
	}
	avail->ring[slot] = 0;
	avail->idx = ++avail_idx;
	*changed = 0;
	if (hvnet_ctrl_serve(&ctrl, changed) != 1)
		abort();
	hvnet_ring_publish(&ctrl.ring);
	/* The answer is one byte, said to be that, and counted. */
	if (used->idx != avail_idx || used->ring[slot].id ||
	    used->ring[slot].len != !!room ||
	    ((u8 *)at(to))[room ? 1 : 0] != SILENT ||
	    ctrl.requests != requests + 1 ||
	    ctrl.errors != errors + (*(u8 *)at(to) != OK))
		abort();
	return *(u8 *)at(to);
}

static u8 request(const void *bytes, size_t len, unsigned int *changed)
{
	return request_cut(bytes, len, 0, 1, changed);
}

static struct hvnet_filter filter_was;
static u64 offloads_were;

static void remember(void)
{
	filter_was = ctrl.filter;
	offloads_were = ctrl.offloads;
}

static bool unchanged(void)
{
	return !memcmp(&filter_was, &ctrl.filter, sizeof(filter_was)) &&
	       offloads_were == ctrl.offloads;
}

/* It is refused, and so is everything shorter; nothing has changed. */
static bool refused(const void *bytes, size_t len)
{
	unsigned int changed;
	size_t n;

	remember();
	for (n = 1; n <= len; n++)
		if (request(bytes, n, &changed) != ERR || changed ||
		    !unchanged())
			return false;
	return true;
}

/* It is obeyed exactly as long as it is, and however it is cut. */
static bool obeyed(const void *bytes, size_t len, unsigned int what)
{
	unsigned int changed;
	u8 longer[2048];
	size_t cut;

	memcpy(longer, bytes, len);
	longer[len] = 0;
	if (!refused(bytes, len - 1))
		return false;
	remember();
	if (request(longer, len + 1, &changed) != ERR || changed ||
	    !unchanged())
		return false;
	for (cut = len < NUM ? 1 : len / (NUM - 2) + 1; cut <= len; cut++)
		if (request_cut(bytes, len, cut, 1, &changed) != OK ||
		    changed != what)
			return false;
	return true;
}

#define obeyed_bytes(what, ...)						\
	obeyed((const u8 []){ __VA_ARGS__ },				\
	       sizeof((const u8 []){ __VA_ARGS__ }), what)
#define refused_bytes(...)						\
	refused((const u8 []){ __VA_ARGS__ },				\
		sizeof((const u8 []){ __VA_ARGS__ }))

static bool promisc(u8 on)
{
	return obeyed_bytes(HVNET_CTRL_FILTER, 0, 0, on) &&
	       ctrl.filter.promisc == on;
}

static bool passes(const u8 *mac, u16 vid)
{
	return hvnet_filter_passes(&ctrl.filter, mac, vid);
}

static void nothing_asked_for(void)
{
	unsigned int changed = 0;

	begin(FEATURES);
	CHECK(hvnet_ctrl_serve(&ctrl, &changed) == 0);
	CHECK(!changed && !ctrl.requests);
	CHECK(passes(own, 0) && passes(other, 0) && passes(group, 0));
	CHECK(passes(all, 0) && passes(own, 5) && passes(other, 4095));
	CHECK(ctrl.offloads == HVNET_OFFLOADS_RX);
	begin(0);
	CHECK(!ctrl.offloads);
}

static void rx_modes(void)
{
	begin(FEATURES);
	CHECK(promisc(0));
	CHECK(passes(own, 0) && !passes(other, 0) && passes(all, 0));
	CHECK(!passes(group, 0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 0, 1, 1));
	CHECK(passes(group, 0) && passes(group2, 0) && !passes(other, 0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 0, 1, 0));
	CHECK(!passes(group, 0));
	CHECK(promisc(1));
	CHECK(passes(other, 0) && passes(group, 0) && passes(other, 7));
}

static void mac_address(void)
{
	begin(FEATURES);
	CHECK(promisc(0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER | HVNET_CTRL_MAC, 1, 1, 2, 0, 0, 0, 0, 2));
	CHECK(!passes(own, 0) && passes(other, 0));
	CHECK(!memcmp(ctrl.filter.mac, other, sizeof(other)));
	/* No address that can be a device's. */
	CHECK(refused_bytes(1, 1, 3, 0, 0, 0, 0, 2));
	CHECK(refused_bytes(1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
	CHECK(refused_bytes(1, 1, 0, 0, 0, 0, 0, 0));
}

static void mac_table(void)
{
	begin(FEATURES);
	CHECK(promisc(0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 2,
			   2, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1,
			   1, 0, 0x5e, 0, 0, 1));
	CHECK(passes(own, 0) && passes(other, 0) && !passes(third, 0));
	CHECK(passes(group, 0) && passes(group2, 0));
	/* The next one replaces it. */
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 1, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0));
	CHECK(passes(own, 0) && !passes(other, 0) && passes(third, 0));
	CHECK(!passes(group, 0));
	/* Empty it has an effect, too. */
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	CHECK(passes(own, 0) && !passes(third, 0));
}

/* A table of @uni and @multi addresses; return its length. */
static size_t make_table(u8 *to, u32 uni, u32 multi)
{
	size_t n = 2;
	u32 i;

	to[0] = VIRTIO_NET_CTRL_MAC;
	to[1] = VIRTIO_NET_CTRL_MAC_TABLE_SET;
	memcpy(to + n, &uni, 4);
	n += 4;
	for (i = 0; i < uni; i++, n += 6)
		memcpy(to + n, (u8[]){ 2, 1, 0, 0, i >> 8, i }, 6);
	memcpy(to + n, &multi, 4);
	n += 4;
	for (i = 0; i < multi; i++, n += 6)
		memcpy(to + n, (u8[]){ 3, 1, 0, 0, i >> 8, i }, 6);
	return n;
}

static void large_mac_tables(void)
{
	static u8 table[0x2000];
	unsigned int changed;
	size_t len;
	u8 last[6] = { 2, 1, 0, 0, 0, HVNET_FILTER_MACS - 1 };

	begin(FEATURES);
	CHECK(promisc(0));
	len = make_table(table, HVNET_FILTER_MACS, HVNET_FILTER_MACS);
	CHECK(request(table, len, &changed) == OK);
	CHECK(passes(last, 0) && !passes(other, 0) && !passes(group, 0));
	last[0] = 3;
	CHECK(passes(last, 0));
	/* One more than can be remembered: none is kept back. */
	len = make_table(table, HVNET_FILTER_MACS + 1, 1);
	CHECK(request(table, len, &changed) == OK);
	CHECK(passes(other, 0) && !passes(group, 0));
	len = make_table(table, 1, HVNET_FILTER_MACS + 1);
	CHECK(request(table, len, &changed) == OK);
	CHECK(!passes(other, 0) && passes(group, 0));
	len = make_table(table, 500, 500);
	CHECK(request(table, len, &changed) == OK);
	CHECK(passes(other, 0) && passes(group, 0));
}

/* The number of addresses and what there is of them differ. */
static void wrong_mac_tables(void)
{
	static const u32 counts[] = {
		1, 2, 3, 0x7fffffff, 0xffffffff, 0x2aaaaaab, 0xaaaaaaab,
	};
	u8 table[64];
	unsigned int i;
	size_t len;

	begin(FEATURES);
	CHECK(promisc(0));
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		len = make_table(table, 1, 1);
		/* No number of addresses, if it is taken for one. */
		memset(table + len - ETH_ALEN, 0xff, ETH_ALEN);
		if (counts[i] != 1) {
			memcpy(table + 2, &counts[i], 4);
			CHECK(refused(table, len));
		}
		len = make_table(table, 0, 0);
		memcpy(table + 6, &counts[i], 4);
		CHECK(refused(table, len));
	}
}

static void vlans(void)
{
	static const u16 vids[] = { 1, 31, 32, 33, 4094, 4095 };
	unsigned int i;

	begin(FEATURES);
	CHECK(passes(own, 1));
	CHECK(promisc(0));
	/* Priority tags are no VLAN. */
	CHECK(passes(own, 0));
	for (i = 0; i < ARRAY_SIZE(vids); i++) {
		const u8 lo = vids[i], hi = vids[i] >> 8;

		CHECK(!passes(own, vids[i]) && !passes(all, vids[i]));
		CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 2, 0, lo, hi));
		CHECK(passes(own, vids[i]) && passes(all, vids[i]));
		CHECK(!passes(other, vids[i]));
		CHECK(!passes(own, vids[i] - 1 ?: 2));
		CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 2, 1, lo, hi));
		CHECK(!passes(own, vids[i]));
	}
	CHECK(refused_bytes(2, 0, 0, 0x10));
	CHECK(refused_bytes(2, 1, 0xff, 0xff));
}

static void offloads(void)
{
	static const u64 bits[] = {
		BIT(VIRTIO_NET_F_GUEST_CSUM), BIT(VIRTIO_NET_F_GUEST_TSO4),
		BIT(VIRTIO_NET_F_GUEST_TSO6), BIT(VIRTIO_NET_F_GUEST_ECN),
	};
	u8 req[10] = { 5, 0 };
	unsigned int i;
	u64 wanted;

	begin(FEATURES);
	for (i = 0; i < 16; i++) {
		wanted = (i & 1 ? bits[0] : 0) | (i & 2 ? bits[1] : 0) |
			 (i & 4 ? bits[2] : 0) | (i & 8 ? bits[3] : 0);
		memcpy(req + 2, &wanted, 8);
		CHECK(obeyed(req, sizeof(req), HVNET_CTRL_OFFLOADS));
		CHECK(ctrl.offloads == wanted);
	}
	/* Not negotiated, and negotiated but no offload for received frames. */
	for (i = 0; i < 64; i++) {
		wanted = BIT(i);
		if (wanted & HVNET_OFFLOADS_RX)
			continue;
		memcpy(req + 2, &wanted, 8);
		CHECK(refused(req, sizeof(req)));
	}
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		begin(FEATURES & ~bits[i]);
		wanted = bits[i];
		memcpy(req + 2, &wanted, 8);
		CHECK(ctrl.offloads == (HVNET_OFFLOADS_RX & ~bits[i]));
		CHECK(refused(req, sizeof(req)));
	}
	/* Where UDP segments were offered they can be chosen, too. */
	begin(FEATURES | HVNET_OFFLOADS_RX_USO);
	wanted = HVNET_OFFLOADS_RX | HVNET_OFFLOADS_RX_USO;
	CHECK(ctrl.offloads == wanted);
	memcpy(req + 2, &wanted, 8);
	CHECK(obeyed(req, sizeof(req), HVNET_CTRL_OFFLOADS));
}

static void not_negotiated(void)
{
	static const struct {
		unsigned int bit;
		u8 req[16];
		size_t len;
	} needs[] = {
		{ VIRTIO_NET_F_CTRL_RX, { 0, 0, 0 }, 3 },
		{ VIRTIO_NET_F_CTRL_RX, { 0, 1, 1 }, 3 },
		{ VIRTIO_NET_F_CTRL_RX, { 1, 0 }, 10 },
		{ VIRTIO_NET_F_CTRL_MAC_ADDR, { 1, 1, 2, 0, 0, 0, 0, 2 }, 8 },
		{ VIRTIO_NET_F_CTRL_VLAN, { 2, 0, 5, 0 }, 4 },
		{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, { 5, 0 }, 10 },
	};
	unsigned int i, changed;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		begin(FEATURES & ~BIT(needs[i].bit));
		CHECK(refused(needs[i].req, needs[i].len));
		begin(FEATURES);
		CHECK(request(needs[i].req, needs[i].len, &changed) == OK);
	}
}

static void unknown_requests(void)
{
	unsigned int class, cmd, len, changed;
	u8 req[16];

	begin(FEATURES);
	memset(req, 0, sizeof(req));
	remember();
	for (class = 0; class < 256; class++) {
		for (cmd = 0; cmd < 256; cmd++) {
			if (class < 3 && cmd < 2)
				continue;
			if (class == 5 && !cmd)
				continue;
			req[0] = class;
			req[1] = cmd;
			for (len = 2; len <= 10; len++)
				CHECK(request(req, len, &changed) == ERR);
		}
	}
	CHECK(unchanged());
}

/* What a driver did not tell we cannot go by. */
static void address_not_known(void)
{
	begin(FEATURES & ~BIT(VIRTIO_NET_F_MAC));
	CHECK(promisc(0));
	CHECK(passes(own, 0) && passes(other, 0) && !passes(group, 0));
	begin(FEATURES & ~BIT(VIRTIO_NET_F_CTRL_MAC_ADDR));
	CHECK(promisc(0));
	CHECK(passes(own, 0) && passes(other, 0) && !passes(group, 0));
	begin(FEATURES & ~BIT(VIRTIO_NET_F_CTRL_VLAN));
	CHECK(promisc(0));
	CHECK(passes(own, 1) && passes(own, 4095) && !passes(other, 1));
}

static void nowhere_to_answer(void)
{
	static const u8 off[] = { 0, 0, 0 };
	unsigned int changed;

	begin(FEATURES);
	remember();
	CHECK(request_cut(off, 3, 0, 0, &changed) == SILENT);
	CHECK(!changed && unchanged());
	CHECK(ctrl.errors == 1);
	/* More room than it takes, and nothing but room. */
	CHECK(request_cut(off, 3, 0, 9, &changed) == OK);
	CHECK(request_cut("", 0, 0, 9, &changed) == ERR);
}

static void a_new_driver(void)
{
	begin(FEATURES);
	CHECK(promisc(0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 2, 0, 5, 0));
	CHECK(obeyed_bytes(HVNET_CTRL_OFFLOADS, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 1, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0));
	CHECK(obeyed_bytes(HVNET_CTRL_FILTER, 0, 1, 1));
	hvnet_ctrl_begin(&ctrl, FEATURES, other);
	CHECK(passes(third, 9));
	CHECK(ctrl.offloads == HVNET_OFFLOADS_RX);
	CHECK(promisc(0));
	CHECK(passes(other, 0) && !passes(own, 0) && !passes(third, 0));
	CHECK(!passes(group, 0) && !passes(other, 5));
}

static void broken_ring(void)
{
	struct vring_avail *avail = at(AVAIL);
	unsigned int changed = 0;

	begin(FEATURES);
	avail->idx = NUM + 1;
	CHECK(hvnet_ctrl_serve(&ctrl, &changed) == -EPROTO);
	CHECK(!ctrl.requests && !changed);
	/* A queue that was not set up has nothing. */
	hvnet_ring_stop(&ctrl.ring);
	CHECK(hvnet_ctrl_serve(&ctrl, &changed) == 0);
}

/* Whatever is sent: it ends, it stays inside, and no address is a group. */
static void fuzz(void)
{
	static u8 req[1024];
	unsigned int changed, i;
	u32 n, len;

	begin(FEATURES);
	for (n = 0; n < 30000; n++) {
		len = 2 + rnd_below(one_in(8) ? 1000 : 24);
		for (i = 0; i < len; i++)
			req[i] = one_in(3) ? rnd() : 0;
		req[0] = rnd_below(7);
		req[1] = rnd_below(3);
		request_cut(req, len, len < NUM ? 1 + rnd_below(len) :
			    len / (NUM - 2) + 1 + rnd_below(len), 1, &changed);
		CHECK(!(ctrl.filter.mac[0] & 1));
		CHECK(ctrl.filter.uni.n <= HVNET_FILTER_MACS);
		CHECK(ctrl.filter.multi.n <= HVNET_FILTER_MACS);
		CHECK(!(ctrl.offloads & ~HVNET_OFFLOADS_RX));
		passes((u8[]){ rnd(), 1, 2, 3, 4, rnd() }, rnd_below(4096));
	}
}

static const struct ktap_test tests[] = {
	KTAP_TEST(nothing_asked_for),
	KTAP_TEST(rx_modes),
	KTAP_TEST(mac_address),
	KTAP_TEST(mac_table),
	KTAP_TEST(large_mac_tables),
	KTAP_TEST(wrong_mac_tables),
	KTAP_TEST(vlans),
	KTAP_TEST(offloads),
	KTAP_TEST(not_negotiated),
	KTAP_TEST(unknown_requests),
	KTAP_TEST(address_not_known),
	KTAP_TEST(nowhere_to_answer),
	KTAP_TEST(a_new_driver),
	KTAP_TEST(broken_ring),
	KTAP_TEST(fuzz),
};

int main(void)
{
	return ktap_main(tests, ARRAY_SIZE(tests));
}
