// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest may queue for transmission and must not be sent: each such chain
 * comes back, is counted as what it is, and leaves no trace; the frame after it
 * is delivered. Nothing of a frame that was not delivered ever reaches root.
 */
#include "rawguest.h"

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

static const char * const drops[] = {
	"drop_tx_runt", "drop_tx_oversize", "drop_tx_header",
	"drop_tx_direction", "drop_tx_nomem", "drop_tx_down",
};

#define DROPS	RG_ARRAY_SIZE(drops)

static u8 *buf;		/* 64 KiB: a header, then a frame */

static void snapshot(u64 *count)
{
	unsigned int i;

	for (i = 0; i < DROPS; i++)
		count[i] = rg_counter(d, drops[i]);
}

/* Does nothing but this counter differ from the snapshot, by 1? */
static bool only(const u64 *was, const char *name)
{
	bool ok = true;
	u64 now[DROPS];
	unsigned int i;

	snapshot(now);
	for (i = 0; i < DROPS; i++) {
		u64 want = was[i] + (name && !strcmp(drops[i], name));

		if (now[i] != want) {
			ktap_diag("%s is %llu, not %llu", drops[i],
				  (unsigned long long)now[i],
				  (unsigned long long)want);
			ok = false;
		}
	}
	return ok;
}

static void prepare(size_t len)
{
	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, len, 1);
}

static bool comes_back(int head)
{
	struct vring_used_elem elem;

	return ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)) &&
	       ktap_expect_eq(elem.id, (u32)head) &&
	       ktap_expect_eq(elem.len, 0);
}

/* A chain that is dropped for @name; the next frame is delivered. */
static bool dropped(const char *name, const struct rg_piece *piece,
		    unsigned int n, bool indirect)
{
	u64 frames = rg_counter(d, "tx_frames"), was[DROPS];
	int head;

	snapshot(was);
	head = indirect ? rg_add_indirect(&d->vq[RG_TX], piece, n) :
			  rg_add(&d->vq[RG_TX], piece, n);
	rg_kick(&d->vq[RG_TX]);
	/* That it is the only one to arrive is checked by its content. */
	return comes_back(head) && only(was, name) &&
	       ktap_expect_eq(rg_counter(d, "tx_frames"), frames) &&
	       ktap_expect(rg_tx_one(d, 60, 2)) &&
	       ktap_expect_eq(rg_state(d, "status") &
			      VIRTIO_CONFIG_S_NEEDS_RESET, 0);
}

/* A chain that is odd, but right. */
static bool delivered(size_t len, const struct rg_piece *piece, unsigned int n)
{
	u64 was[DROPS];
	u8 got[2048];
	ssize_t size;
	int head;

	snapshot(was);
	head = rg_add(&d->vq[RG_TX], piece, n);
	rg_kick(&d->vq[RG_TX]);
	size = rg_root_recv(d, got, sizeof(got), RG_LONG);
	return ktap_expect(size >= 0) && rg_frame_ok(got, size, len, 1) &&
	       comes_back(head) && only(was, NULL);
}

#define PIECES(...) ((const struct rg_piece[]){ __VA_ARGS__ })

static bool test_short_header(void)
{
	u32 hdr = d->hdr_len, len;
	bool ok = true;

	prepare(60);
	for (len = 1; len < hdr; len++)
		ok &= dropped("drop_tx_header", PIECES(RG_OUT(buf, len)), 1, false);
	/* The same, in several pieces, and by a table. */
	ok &= dropped("drop_tx_header", PIECES(RG_OUT(buf, 2), RG_OUT(buf + 2, 3)), 2,
		      false);
	ok &= dropped("drop_tx_header", PIECES(RG_OUT(buf, 2), RG_OUT(buf + 2, 3)), 2,
		      true);
	/* With the rest behind it, it is whole. */
	for (len = 1; len < hdr; len++)
		ok &= delivered(60, PIECES(RG_OUT(buf, len),
					   RG_OUT(buf + len, hdr + 60 - len)), 2);
	return ok;
}

static bool test_runt(void)
{
	u32 hdr = d->hdr_len, len;
	bool ok = true;

	for (len = 0; len < RG_ETH_HLEN; len++) {
		prepare(RG_ETH_HLEN);
		ok &= dropped("drop_tx_runt", PIECES(RG_OUT(buf, hdr + len)), 1,
			      false);
	}
	ok &= dropped("drop_tx_runt", PIECES(RG_OUT(buf, hdr), RG_OUT(buf + hdr, 13)),
		      2, false);
	return ok;
}

static bool test_empty(void)
{
	u32 hdr = d->hdr_len;
	bool ok;

	prepare(60);
	ok = dropped("drop_tx_header", PIECES(RG_OUT(buf, 0)), 1, false) &&
	     dropped("drop_tx_header", PIECES(RG_OUT(buf, 0), RG_OUT(buf, 0), RG_OUT(buf, 0)),
		     3, false);
	/* Empty buffers between others are nothing. */
	ok &= delivered(60, PIECES(RG_OUT(buf, 0), RG_OUT(buf, hdr), RG_OUT(buf, 0),
				   RG_OUT(buf + hdr, 60), RG_OUT(buf, 0)), 5);
	return ok;
}

static bool test_oversize(void)
{
	u32 hdr = d->hdr_len, max = 1500 + 14 + 4 + 4, i;
	struct rg_piece many[RG_NUM - 1];
	bool ok;

	prepare(max + 1);
	ok = dropped("drop_tx_oversize", PIECES(RG_OUT(buf, hdr + max + 1)), 1,
		     false);
	ok &= dropped("drop_tx_oversize", PIECES(RG_OUT(buf, 0x10000)), 1, false);
	/* As much as fits the queue: 4 MiB, all in the same place. */
	for (i = 0; i < RG_ARRAY_SIZE(many); i++)
		many[i] = RG_OUT(buf, 0x10000);
	ok &= dropped("drop_tx_oversize", many, RG_ARRAY_SIZE(many), false);
	/* Two VLAN tags may be added to a full frame. */
	prepare(max);
	return ok & delivered(max, PIECES(RG_OUT(buf, hdr + max)), 1);
}

static bool bad_header(u8 flags, u8 gso_type, u16 gso_size)
{
	struct virtio_net_hdr hdr = {
		.flags = flags, .gso_type = gso_type, .gso_size = gso_size,
		.csum_start = 14, .csum_offset = 6, .hdr_len = 34,
	};

	prepare(60);
	memcpy(buf, &hdr, sizeof(hdr));
	return dropped("drop_tx_header", PIECES(RG_OUT(buf, d->hdr_len + 60)), 1,
		       false);
}

static bool test_not_negotiated(void)
{
	bool ok;

	ok = bad_header(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0) &&
	     bad_header(0, VIRTIO_NET_HDR_GSO_TCPV4, 100) &&
	     bad_header(0, VIRTIO_NET_HDR_GSO_UDP, 100) &&
	     bad_header(0, VIRTIO_NET_HDR_GSO_TCPV6, 0) &&
	     bad_header(0, VIRTIO_NET_HDR_GSO_ECN, 1) &&
	     bad_header(0, 0x7f, 0xffff) &&
	     bad_header(VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4,
			1460);
	/* Fields that mean nothing then are not looked at. */
	prepare(60);
	memset(buf + 2, 0xff, d->hdr_len - 2);
	return ok & delivered(60, PIECES(RG_OUT(buf, d->hdr_len + 60)), 1);
}

static bool test_direction(void)
{
	u32 hdr = d->hdr_len;
	bool ok;

	prepare(60);
	rg_pattern(buf + 4096, 4096, 5);
	ok = dropped("drop_tx_direction",
		     PIECES(RG_IN(buf + 4096, hdr + 60)), 1, false) &&
	     dropped("drop_tx_direction", PIECES(RG_OUT(buf, hdr + 60),
						 RG_IN(buf + 4096, 64)),
		     2, false) &&
	     dropped("drop_tx_direction", PIECES(RG_OUT(buf, hdr + 60),
						 RG_IN(buf + 4096, 64)),
		     2, true);
	return ok & ktap_expect(rg_pattern_ok(buf + 4096, 4096, 5));
}

static bool test_down(void)
{
	u64 was[DROPS];
	int head;
	bool ok;

	prepare(60);
	rg_link_set(d, false);
	snapshot(was);
	head = rg_add(&d->vq[RG_TX], PIECES(RG_OUT(buf, d->hdr_len + 60)), 1);
	rg_kick(&d->vq[RG_TX]);
	ok = comes_back(head) && only(was, "drop_tx_down");
	rg_link_set(d, true);
	rg_link_wait(d, true);
	return ok & ktap_expect(rg_works(d));
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "header cut short", test_short_header },
	{ "frames shorter than an Ethernet header", test_runt },
	{ "empty buffers and chains", test_empty },
	{ "chains longer than a frame may be", test_oversize },
	{ "offloads that were not negotiated", test_not_negotiated },
	{ "buffers for the device to write", test_direction },
	{ "root's interface is down", test_down },
};

static void run(const char *how, u64 features)
{
	unsigned int i;

	rg_start(d, features);
	buf = rg_alloc(&zone, 0x10000, 4096);
	for (i = 0; i < RG_ARRAY_SIZE(tests); i++)
		ktap_point(tests[i].run(), "%s, %s", tests[i].name, how);
	ktap_point(rg_works(d), "all goes on, %s", how);
}

int main(void)
{
	rg_setup();
	ktap_plan(2 * (RG_ARRAY_SIZE(tests) + 1));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	run("all features", RG_FEATURES);
	run("10-byte header", RG_BIT(VIRTIO_RING_F_INDIRECT_DESC));
	return ktap_finish();
}
