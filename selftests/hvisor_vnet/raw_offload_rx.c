// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums and segments that root leaves to the guest: those that it has
 * negotiated it gets as such, uncut and in one piece where there is room; all
 * others root's stack has done before.  Every byte arrives, with a right
 * checksum, for each set of features, in small buffers and large ones, with
 * either header.
 */
#include "rawpacket.h"

#define BUFFER		4096		/* of a mergeable buffer */
#define BIG		(17 * 4096)	/* of one that holds any frame */

static struct rg_zone zone, zone2;
static struct rg_dev dev, dev2, *d = &dev;
static u8 *buffers;
static int root, root_vlan;	/* on tap0, and on VLAN 5 of it */
static u8 frame[RP_MAX], got[RP_MAX];

static const struct rp_kind kinds[] = {
	{ .name = "TCP, IPv4" },
	{ .name = "TCP, IPv6", .v6 = true },
	{ .name = "UDP, IPv4", .udp = true },
	{ .name = "UDP, IPv6", .udp = true, .v6 = true },
	{ .name = "TCP, IPv4, ECN", .ecn = true },
	{ .name = "TCP, IPv6, ECN", .ecn = true, .v6 = true },
	{ .name = "TCP, IPv4, VLAN", .vid = 5 },
	{ .name = "TCP, IPv6, VLAN", .vid = 5, .v6 = true },
};

static const struct way {
	const char *name;
	u64 features;
} ways[] = {
	{ "mergeable buffers", RG_FEATURES },
	{ "mergeable buffers without VERSION_1",
	  RG_BIT(VIRTIO_NET_F_MRG_RXBUF) },
	{ "large buffers", RG_BIT(VIRTIO_F_VERSION_1) },
	{ "large buffers, 10-byte header", RG_BIT(VIRTIO_RING_F_EVENT_IDX) },
};

static const struct offload {
	unsigned int bit;
	const char *name;
} offloads[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, "CSUM" },
	{ VIRTIO_NET_F_GUEST_TSO4, "TSO4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "TSO6" },
	{ VIRTIO_NET_F_GUEST_ECN, "ECN" },
};

static bool may_merge(void)
{
	return rg_has(d, VIRTIO_NET_F_MRG_RXBUF);
}

static bool has_csum(void)
{
	return rg_has(d, VIRTIO_NET_F_GUEST_CSUM);
}

/* Does the guest cut such a segment? Not without doing checksums. */
static bool takes(const struct rp_kind *k)
{
	if (!has_csum() || (k->ecn && !rg_has(d, VIRTIO_NET_F_GUEST_ECN)))
		return false;
	if (k->udp)
		return rg_has(d, RG_F_GUEST_USO4) && rg_has(d, RG_F_GUEST_USO6);
	return rg_has(d, k->v6 ? VIRTIO_NET_F_GUEST_TSO6 :
				 VIRTIO_NET_F_GUEST_TSO4);
}

static void start(u64 features)
{
	rg_start(d, features);
	buffers = rg_alloc(&zone, RG_NUM * (size_t)BIG, 4096);
}

static bool shows(bool csum, bool tso4, bool tso6, bool ecn, bool uso)
{
	return rp_feature("tap0", "tx-checksum-ip-generic") == csum &&
	       rp_feature("tap0", "tx-tcp-segmentation") == tso4 &&
	       rp_feature("tap0", "tx-tcp6-segmentation") == tso6 &&
	       rp_feature("tap0", "tx-tcp-ecn-segmentation") == ecn &&
	       rp_feature("tap0", "tx-udp-segmentation") == uso;
}

/*
 * Root's stack leaves to the guest what the interface says: that follows a
 * moment later, the guest does not wait for it. Until then the stack may do the
 * guest's work, which is right, but not what these tests are about.
 */
static bool begins(u64 features)
{
	bool csum, tso4, tso6, ecn, uso;

	start(features);
	csum = has_csum();
	tso4 = csum && rg_has(d, VIRTIO_NET_F_GUEST_TSO4);
	tso6 = csum && rg_has(d, VIRTIO_NET_F_GUEST_TSO6);
	/* Root's stack has that only together with one of these. */
	ecn = (tso4 || tso6) && rg_has(d, VIRTIO_NET_F_GUEST_ECN);
	uso = csum && rg_has(d, RG_F_GUEST_USO4) && rg_has(d, RG_F_GUEST_USO6);
	return ktap_expect(ktap_wait_for(RG_LONG,
					 shows(csum, tso4, tso6, ecn, uso)));
}

/* A buffer is told by the first of its descriptors. */
static u8 *buffer(u32 head)
{
	return buffers + head * (size_t)BIG;
}

/* As Linux's driver has them: pages, one by one or as many as it takes. */
static void add_buffers(void)
{
	struct rg_vq *q = &d->vq[RG_RX];
	unsigned int n = may_merge() ? 1 : BIG / 4096, i;
	struct rg_piece piece[BIG / 4096];

	while (q->n_free >= n) {
		u8 *at = buffer(q->free[q->n_free - n]);

		for (i = 0; i < n; i++)
			piece[i] = RG_IN(at + i * 4096, 4096);
		rg_add(q, piece, n);
	}
	rg_kick(q);
}

/* Take a frame in as many buffers as it has; return its length, or -1. */
static ssize_t receive(struct virtio_net_hdr *hdr)
{
	struct vring_used_elem elem;
	u16 n = 0, want = 1;
	size_t size = 0, skip;

	while (n < want) {
		if (!ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)))
			return -1;
		skip = n ? 0 : d->hdr_len;
		if (!ktap_expect(elem.len >= skip) ||
		    !ktap_expect(size + elem.len - skip <= sizeof(got)))
			return -1;
		if (!n)
			memcpy(hdr, buffer(elem.id), sizeof(*hdr));
		if (!n && may_merge())
			memcpy(&want, buffer(elem.id) +
			       offsetof(struct virtio_net_hdr_v1, num_buffers), 2);
		/* All but the last are full. */
		if (n + 1 < want && !ktap_expect_eq(elem.len, BUFFER))
			return -1;
		memcpy(got + size, buffer(elem.id) + skip, elem.len - skip);
		size += elem.len - skip;
		n++;
	}
	return size;
}

/* Nothing is said but what was negotiated, and all that is said is right. */
static bool header_ok(const struct virtio_net_hdr *hdr,
		      const struct rp_kind *k, u16 gso_size)
{
	if (!hdr->flags && !hdr->gso_type)
		return ktap_expect_eq(hdr->hdr_len | hdr->gso_size |
				      hdr->csum_start | hdr->csum_offset, 0) &&
		       ktap_expect(!has_csum());
	if (!ktap_expect_eq(hdr->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    !ktap_expect(has_csum()) ||
	    !ktap_expect_eq(hdr->csum_start, rp_csum_start(k)) ||
	    !ktap_expect_eq(hdr->csum_offset, k->udp ? 6 : 16))
		return false;
	if (!hdr->gso_type)
		return ktap_expect_eq(hdr->gso_size, 0);
	return ktap_expect(takes(k)) &&
	       ktap_expect_eq(hdr->gso_type, rp_gso_type(k)) &&
	       ktap_expect_eq(hdr->gso_size, gso_size);
}

static bool crosses(const struct rp_kind *k, size_t payload, u16 gso_size)
{
	struct rp_seen seen = { .kind = k, .payload = payload };
	bool cut = gso_size && payload > gso_size && !takes(k);
	unsigned int want = cut ? (payload + gso_size - 1) / gso_size : 1;
	/* A VLAN's interface puts the tag there. */
	struct rp_kind sent = *k;
	struct virtio_net_hdr hdr;
	static u32 seed;
	ssize_t len;

	seen.seed = ++seed;
	sent.vid = 0;
	len = rp_make(frame, &hdr, &sent, payload, gso_size, seed);
	add_buffers();
	if (!ktap_expect(rp_send(k->vid ? root_vlan : root, &hdr, frame, len)))
		return false;
	while (seen.bytes < payload || !seen.frames) {
		len = receive(&hdr);
		if (len < 0 || !header_ok(&hdr, k, gso_size) ||
		    !ktap_expect(rp_finish(got, len, &hdr)) ||
		    !rp_arrived(&seen, got, len, 0))
			goto wrong;
		add_buffers();
	}
	if (ktap_expect_eq(seen.frames, want))
		return true;
wrong:
	ktap_diag("%s, %zu bytes of payload, cut by %u", k->name, payload,
		  gso_size);
	return false;
}

static bool all_kinds(void)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < RG_ARRAY_SIZE(kinds); i++) {
		const struct rp_kind *k = &kinds[i];
		/* What root's stack sends at most; it cuts what is larger. */
		const size_t most = 0xffff - rp_headers(k);

		ok = crosses(k, 0, 0) && crosses(k, 1, 0) &&
		     crosses(k, 1400, 0);
		if (k->udp && !rg_uso())
			continue;
		ok = ok && crosses(k, 3000, 1400) && crosses(k, 20001, 1000) &&
		     crosses(k, k->udp ? 40000 : most, 1400);
	}
	return ok;
}

/* Every set of offloads: what is in it is used, and nothing else. */
static bool test_way(const struct way *w)
{
	unsigned int n, i;

	for (n = 0; n < 1u << RG_ARRAY_SIZE(offloads); n++) {
		u64 features = w->features;

		for (i = 0; i < RG_ARRAY_SIZE(offloads); i++)
			if (n & 1u << i)
				features |= RG_BIT(offloads[i].bit);
		if (begins(features) && all_kinds())
			continue;
		for (i = 0; i < RG_ARRAY_SIZE(offloads); i++)
			if (n & 1u << i)
				ktap_diag("with %s", offloads[i].name);
		return false;
	}
	return true;
}

static bool test_udp_segments(void)
{
	static const u64 some[] = {
		RG_BIT(RG_F_GUEST_USO4), RG_BIT(RG_F_GUEST_USO6),
		RG_BIT(RG_F_GUEST_USO4) | RG_BIT(RG_F_GUEST_USO6),
	};
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < RG_ARRAY_SIZE(some); i++)
		ok = begins(RG_FEATURES | RG_OFFLOADS_RX | some[i]) &&
		     all_kinds();
	return ok;
}

/* Root's interface shows what the guest takes, whoever it is now. */
static bool test_shown(void)
{
	static const u64 taken[] = {
		0, RG_OFFLOADS_RX, RG_BIT(VIRTIO_NET_F_GUEST_CSUM),
		RG_OFFLOADS_RX & ~RG_BIT(VIRTIO_NET_F_GUEST_TSO6),
		RG_OFFLOADS_RX & ~RG_BIT(VIRTIO_NET_F_GUEST_CSUM),
	};
	unsigned int i;
	bool ok = true;

	for (i = 0; i < RG_ARRAY_SIZE(taken); i++) {
		ok &= begins(RG_FEATURES | taken[i]);
		ok &= ktap_expect(rp_feature("tap0", "tx-scatter-gather"));
	}
	/* The administrator may want less. */
	ok &= begins(RG_FEATURES | RG_OFFLOADS_RX);
	ok &= ktap_expect(!system("ethtool -K tap0 tso off tx off >/dev/null"));
	ok &= ktap_expect(shows(false, false, false, false, false));
	ok &= ktap_expect(!system("ethtool -K tap0 tso on tx on >/dev/null"));
	return ok & ktap_expect(shows(true, true, true, true, false)) &&
	       crosses(&kinds[0], 20001, 1000);
}

/* A segment needs more room than there is: it waits, whole. */
static bool test_too_little_room(void)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rp_seen seen = { .kind = &kinds[0], .payload = 20000 };
	struct virtio_net_hdr hdr;
	struct rg_piece piece;
	unsigned int i;
	ssize_t len;

	if (!begins(RG_FEATURES | RG_OFFLOADS_RX))
		return false;
	for (i = 0; i < 4; i++) {
		piece = RG_IN(buffer(q->free[q->n_free - 1]), 4096);
		rg_add(q, &piece, 1);
	}
	rg_kick(q);
	len = rp_make(frame, &hdr, &kinds[0], 20000, 1400, 0);
	if (!ktap_expect(rp_send(root, &hdr, frame, len)) ||
	    !ktap_expect(ktap_wait_for(RG_LONG, rg_counter(d, "rx_stops"))) ||
	    !ktap_expect_eq(rg_used_idx(q), 0))
		return false;
	add_buffers();
	len = receive(&hdr);
	return len >= 0 && header_ok(&hdr, &kinds[0], 1400) &&
	       rp_finish(got, len, &hdr) && rp_arrived(&seen, got, len, 0) &&
	       ktap_expect_eq(seen.bytes, 20000);
}

static void add_one(void)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct rg_piece piece = RG_IN(buffer(q->free[q->n_free - 1]), 4096);

	rg_add(q, &piece, 1);
	rg_kick(q);
}

/*
 * The pieces of a segment wait for buffers, and kicks come that bring none: the
 * pieces still arrive in order.
 */
static bool test_kick_in_vain(void)
{
	struct rp_seen seen = { .kind = &kinds[0], .payload = 8000 };
	struct virtio_net_hdr hdr;
	unsigned int i;
	ssize_t len;
	u64 kicks;

	if (!begins(RG_FEATURES))
		return false;
	add_one();
	len = rp_make(frame, &hdr, &kinds[0], 8000, 1000, 0);
	if (!ktap_expect(rp_send(root, &hdr, frame, len)))
		return false;
	for (i = 0; i < 8; i++) {
		len = receive(&hdr);
		if (len < 0 || !rp_arrived(&seen, got, len, 0))
			return false;
		kicks = rg_counter(d, "rx_kicks");
		rg_notify(&d->vq[RG_RX]);
		/* Time for the stack to do the wrong thing. */
		if (!ktap_expect(ktap_wait_for(RG_LONG,
					       rg_counter(d, "rx_kicks") >
					       kicks)))
			return false;
		usleep(1000);
		add_one();
	}
	return ktap_expect_eq(seen.bytes, 8000);
}

/* Large segments for a guest whose buffers are too small, and do not merge. */
static bool test_too_big(void)
{
	struct rg_vq *q = &d->vq[RG_RX];
	struct virtio_net_hdr hdr;
	struct rg_piece piece;
	u64 drops;
	ssize_t len;

	if (!begins(RG_BIT(VIRTIO_F_VERSION_1) | RG_OFFLOADS_RX))
		return false;
	drops = rg_counter(d, "drop_rx_too_big");
	piece = RG_IN(buffer(q->free[q->n_free - 1]), 4096);
	rg_add(q, &piece, 1);
	rg_kick(q);
	len = rp_make(frame, &hdr, &kinds[0], 20000, 1400, 0);
	if (!ktap_expect(rp_send(root, &hdr, frame, len)) ||
	    !ktap_expect(ktap_wait_for(RG_LONG,
				       rg_counter(d, "drop_rx_too_big") ==
				       drops + 1)))
		return false;
	len = rp_make(frame, &hdr, &kinds[0], 100, 0, 0);
	return ktap_expect(rp_send(root, &hdr, frame, len)) &&
	       ktap_expect_eq(receive(&hdr), len) && ktap_expect(rg_works(d));
}

/* Another guest, which does all its work itself, sends a packet. */
static void send_from_other(u32 seed, bool wrong)
{
	u8 *at = rg_alloc(&zone2, 12 + 2048, 64);
	struct vring_used_elem elem;
	struct rg_piece piece = RG_OUT(at, 12);
	struct virtio_net_hdr hdr;
	size_t len;

	memset(at, 0, 12);
	len = rp_make(at + 12, &hdr, &kinds[0], 1000, 0, seed);
	rp_finish(at + 12, len, &hdr);
	if (wrong)
		at[12 + len - 1] ^= 1;
	piece.len += len;
	rg_add(&dev2.vq[RG_TX], &piece, 1);
	rg_kick(&dev2.vq[RG_TX]);
	rg_wait_used(&dev2.vq[RG_TX], &elem);
}

/* How the guest is told of its checksum. */
static bool told(u64 features, bool wrong, u8 flags)
{
	static u32 seed;
	struct rp_seen seen = { .kind = &kinds[0], .payload = 1000 };
	struct virtio_net_hdr hdr;
	ssize_t len;

	start(features);
	rg_start(&dev2, RG_FEATURES);
	add_buffers();
	seen.seed = ++seed;
	send_from_other(seed, wrong);
	len = receive(&hdr);
	return ktap_expect(len > 0) && ktap_expect_eq(hdr.flags, flags) &&
	       ktap_expect_eq(hdr.gso_type, 0) &&
	       (wrong || rp_arrived(&seen, got, len, 0));
}

/*
 * A checksum that root has checked on the way need not be checked again; one
 * that is wrong is never said to be right, and who did not ask is not told.
 */
static bool test_checked(void)
{
	const u64 csum = RG_BIT(VIRTIO_NET_F_GUEST_CSUM);
	bool ok;

	rg_zone_add(&zone2, 2, 0x900000, 0x200000, 0x40000000);
	rg_dev_add(&dev2, &zone2, RG_ADDR, RG_IRQ, "tap1", "");
	rg_shell("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
	rg_shell("ip link set tap0 master br0 && ip link set tap1 master br0");
	ok = told(RG_FEATURES | csum, false, VIRTIO_NET_HDR_F_DATA_VALID) &&
	     told(RG_FEATURES | csum, true, 0) && told(RG_FEATURES, false, 0);
	rg_dev_del(&dev2);
	rg_zone_del(&zone2);
	rg_shell("ip link del br0");
	return ok;
}

static void make_vlan(void)
{
	rg_shell("modprobe 8021q");
	rg_shell("ip link add link tap0 name tap0.5 type vlan id 5");
	rg_shell("ip link set tap0.5 up");
	rg_shell("tc qdisc replace dev tap0.5 root pfifo limit 1000");
	root_vlan = rp_socket("tap0.5");
}

int main(void)
{
	unsigned int i;

	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(ways) + 6);
	rg_zone_add(&zone, 1, 0x100000, 0x800000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	root = rp_socket("tap0");
	make_vlan();
	for (i = 0; i < RG_ARRAY_SIZE(ways); i++)
		ktap_point(test_way(&ways[i]), "every set of offloads, %s",
			   ways[i].name);
	if (rg_uso())
		ktap_point(test_udp_segments(), "UDP segments");
	else
		ktap_skip("UDP segments",
			  "this kernel does not check UDP segments");
	ktap_point(test_shown(), "root's interface says what the guest takes");
	ktap_point(test_too_little_room(), "a segment waits for room");
	ktap_point(test_kick_in_vain(), "a kick without buffers");
	ktap_point(test_too_big(), "a segment that never fits");
	ktap_point(test_checked(), "checksums that were checked already");
	rg_shell("ip link del tap0.5");
	return ktap_finish();
}
