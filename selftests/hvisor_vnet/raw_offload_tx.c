// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums and segments that the guest leaves to root: root's stack gets them
 * as such, uncut, and a third host across a bridge gets what it would have got
 * had the guest done the work: every frame, every byte, every checksum.  What
 * was not negotiated, or makes no sense, gets nowhere and does no harm.
 */
#include "rawpacket.h"

#define MSS4		1448
#define MSS6		1428
#define MANY		40		/* pieces of a chain */
#define KEPT		0x100000	/* memory for large frames (pages.h) */
#define HEADERS		142		/* Ethernet, two tags, the longest IPv4 and TCP */
#define STACK_GETS	"net/netif_receive_skb_list_entry"

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static int root, wire;		/* on tap0; on the third host */
static u8 *buf;			/* in the guest: header and frame */
static u8 got[RP_MAX];

static const struct rp_kind kinds[] = {
	{ .name = "TCP, IPv4" },
	{ .name = "TCP, IPv6", .v6 = true },
	{ .name = "UDP, IPv4", .udp = true },
	{ .name = "UDP, IPv6", .udp = true, .v6 = true },
	{ .name = "TCP, IPv4, ECN", .ecn = true },
	{ .name = "TCP, IPv6, ECN", .ecn = true, .v6 = true },
	{ .name = "TCP, IPv4, VLAN 5", .vid = 5 },
	{ .name = "TCP, IPv6, VLAN 4094", .vid = 4094, .v6 = true },
};

#define TCP4	(&kinds[0])
#define TCP6	(&kinds[1])
#define UDP4	(&kinds[2])
#define TAGGED4	(&kinds[6])

static u16 mss(const struct rp_kind *k)
{
	if (k->udp)
		return k->v6 ? 1452 : 1472;
	return k->v6 ? MSS6 : MSS4;
}

/* What the guest has to have negotiated for it. */
static u64 needs(const struct rp_kind *k, bool gso)
{
	u64 bits = RG_BIT(VIRTIO_NET_F_CSUM);

	if (!gso)
		return bits;
	if (k->udp)
		return bits | RG_BIT(RG_F_HOST_USO);
	if (k->ecn)
		bits |= RG_BIT(VIRTIO_NET_F_HOST_ECN);
	return bits | RG_BIT(k->v6 ? VIRTIO_NET_F_HOST_TSO6 :
				     VIRTIO_NET_F_HOST_TSO4);
}

static void start(u64 features)
{
	rg_start(d, features);
	buf = rg_alloc(&zone, 12 + RP_MAX, 64);
	rp_flush(root);
	rp_flush(wire);
}

/* The usual frames still cross, too; their socket saw all the others. */
static bool works(void)
{
	rg_root_flush(d);
	return rg_works(d);
}

/* Queue what is in buf, @len bytes of frame, cut into @pieces. */
static int queue(size_t len, unsigned int pieces, bool indirect)
{
	size_t total = d->hdr_len + len, each = total / pieces, from = 0;
	struct rg_piece piece[MANY];
	unsigned int i;

	for (i = 0; i < pieces; i++) {
		size_t n = i + 1 < pieces ? each : total - from;

		piece[i] = RG_OUT(buf + from, n);
		from += n;
	}
	return indirect ? rg_add_indirect(&d->vq[RG_TX], piece, pieces) :
			  rg_add(&d->vq[RG_TX], piece, pieces);
}

static bool back(int head)
{
	struct vring_used_elem elem;

	return ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)) &&
	       ktap_expect_eq(elem.id, (u32)head) &&
	       ktap_expect_eq(elem.len, 0);
}

static void put_header(const struct virtio_net_hdr *hdr)
{
	memset(buf, 0, d->hdr_len);
	memcpy(buf, hdr, sizeof(*hdr));
}

/* Root's stack sees the packet in one piece, with what is left to do. */
static bool root_gets(const struct rp_kind *k, size_t payload, u32 seed,
		      const struct virtio_net_hdr *sent)
{
	struct rp_seen seen = { .kind = k, .seed = seed, .payload = payload };
	struct virtio_net_hdr hdr;
	u16 vid, off;
	ssize_t len;

	len = rp_recv(root, &hdr, got, &vid, RG_LONG);
	if (!ktap_expect(len >= 0))
		return false;
	/* The tag is told apart from the frame. */
	off = vid ? 4 : 0;
	return ktap_expect_eq(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       ktap_expect_eq(hdr.csum_start, sent->csum_start - off) &&
	       ktap_expect_eq(hdr.csum_offset, sent->csum_offset) &&
	       ktap_expect_eq(hdr.gso_type, sent->gso_type) &&
	       ktap_expect_eq(hdr.gso_size, sent->gso_size) &&
	       ktap_expect(rp_finish(got, len, &hdr)) &&
	       rp_arrived(&seen, got, len, vid) &&
	       ktap_expect_eq(seen.bytes, payload);
}

/* The third host gets it as frames that are no larger than they may be. */
static bool wire_gets(const struct rp_kind *k, size_t payload, u32 seed,
		      u16 gso_size)
{
	struct rp_seen seen = { .kind = k, .seed = seed, .payload = payload };
	unsigned int want = gso_size && payload > gso_size ?
			    (payload + gso_size - 1) / gso_size : 1;
	struct virtio_net_hdr hdr;
	ssize_t len;
	u16 vid;

	while (seen.frames < want) {
		len = rp_recv(wire, &hdr, got, &vid, RG_LONG);
		if (!ktap_expect(len >= 0) ||
		    !ktap_expect_eq(hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0) ||
		    !ktap_expect_eq(hdr.gso_type, 0) ||
		    !rp_arrived(&seen, got, len, vid))
			return false;
	}
	return ktap_expect_eq(seen.bytes, payload);
}

static bool crosses(const struct rp_kind *k, size_t payload, u16 gso_size,
		    unsigned int pieces, bool indirect)
{
	static u32 seed;
	struct virtio_net_hdr hdr;
	size_t len;
	int head;

	len = rp_make(buf + d->hdr_len, &hdr, k, payload, gso_size, ++seed);
	put_header(&hdr);
	head = queue(len, pieces, indirect);
	rg_kick(&d->vq[RG_TX]);
	if (root_gets(k, payload, seed, &hdr) &&
	    wire_gets(k, payload, seed, gso_size) && back(head))
		return true;
	ktap_diag("%s, %zu bytes of payload, cut by %u, in %u pieces", k->name,
		  payload, gso_size, pieces);
	return false;
}

static bool test_checksums(u64 features)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 99, 100, 1000, MSS6 };
	unsigned int i, n;
	bool ok = true;

	start(features | RG_BIT(VIRTIO_NET_F_CSUM));
	for (i = 0; i < RG_ARRAY_SIZE(kinds); i++)
		for (n = 0; n < RG_ARRAY_SIZE(sizes); n++)
			ok = ok && crosses(&kinds[i], sizes[n], 0, 1, false) &&
			     crosses(&kinds[i], sizes[n], 0, 5, false);
	return ok && ktap_expect(works());
}

static bool test_segments(const struct rp_kind *k, u64 features)
{
	const size_t m = mss(k), max = 0xffff - rp_headers(k) + RG_ETH_HLEN;
	const size_t most = k->udp ? 40 * m : max;
	bool ok;

	start(features | RG_OFFLOADS_TX | (k->udp ? rg_uso() : 0));
	ok = crosses(k, m + 1, m, 1, false) &&
	     crosses(k, 2 * m, m, 2, false) && crosses(k, 10 * m, m, 7, false) &&
	     crosses(k, most - 1, m, 1, false) &&
	     crosses(k, most, m, MANY, false) &&
	     crosses(k, most - 7, m, 17, false) &&
	     crosses(k, 1000, 100, 1, false);
	if (rg_has(d, VIRTIO_RING_F_INDIRECT_DESC))
		ok = ok && crosses(k, most, m, RG_TABLE, true);
	return ok && ktap_expect(works());
}

/* Each feature left out in turn: what needs it is dropped, all else is not. */
static bool test_not_negotiated(void)
{
	static const u64 bits[] = {
		RG_BIT(VIRTIO_NET_F_CSUM), RG_BIT(VIRTIO_NET_F_HOST_TSO4),
		RG_BIT(VIRTIO_NET_F_HOST_TSO6), RG_BIT(VIRTIO_NET_F_HOST_ECN),
		RG_BIT(RG_F_HOST_USO),
	};
	const u64 all = RG_FEATURES | RG_OFFLOADS_TX |
			(rg_uso() & RG_BIT(RG_F_HOST_USO));
	struct virtio_net_hdr hdr;
	unsigned int i, n;
	bool ok = true;
	size_t len;
	u64 drops;
	int head;

	for (i = 0; i < RG_ARRAY_SIZE(bits); i++) {
		start(all & ~bits[i]);
		for (n = 0; ok && n < 2 * RG_ARRAY_SIZE(kinds); n++) {
			const struct rp_kind *k = &kinds[n / 2];

			if (!(needs(k, n & 1) & ~d->features)) {
				ok = crosses(k, 100 + 4000 * (n & 1),
					     n & 1 ? mss(k) : 0, 1, false);
				continue;
			}
			drops = rg_counter(d, "drop_tx_header");
			len = rp_make(buf + d->hdr_len, &hdr, k, 4000, mss(k), n);
			put_header(&hdr);
			head = queue(len, 1, false);
			rg_kick(&d->vq[RG_TX]);
			ok = back(head) &&
			     ktap_expect_eq(rg_counter(d, "drop_tx_header"),
					    drops + 1);
		}
	}
	return ok && ktap_expect(works());
}

/* A frame with this header goes nowhere; the next one does. */
static bool refused(const char *what, const struct virtio_net_hdr *hdr,
		    size_t len)
{
	u64 drops = rg_counter(d, "drop_tx_header");
	u64 frames = rg_counter(d, "tx_frames");
	int head;

	put_header(hdr);
	head = queue(len, 1, false);
	rg_kick(&d->vq[RG_TX]);
	if (back(head) &&
	    ktap_expect_eq(rg_counter(d, "drop_tx_header"), drops + 1) &&
	    ktap_expect_eq(rg_counter(d, "tx_frames"), frames))
		return true;
	ktap_diag("%s", what);
	return false;
}

/* A good header, but for one field. */
struct bad {
	const char *what;
	size_t field;		/* offset in the header */
	u16 value;
};

#define BAD(_field, _value) {						\
	.what = #_field " " #_value,					\
	.field = offsetof(struct virtio_net_hdr, _field),		\
	.value = (_value) }

static void spoil(struct virtio_net_hdr *hdr, const struct bad *bad)
{
	/* All but the first two fields have 16 bits. */
	size_t size = bad->field < offsetof(struct virtio_net_hdr, hdr_len) ?
		      1 : 2;

	memcpy((u8 *)hdr + bad->field, &bad->value, size);
}

static const struct bad bad_checksums[] = {
	BAD(csum_start, 0), BAD(csum_start, 13), BAD(csum_start, 0xffff),
	BAD(csum_start, 0x8000), BAD(csum_start, 1066), BAD(csum_start, 1065),
	BAD(csum_start, 1050), BAD(csum_offset, 0xffff),
	BAD(csum_offset, 0x8000), BAD(csum_offset, 1032),
	BAD(csum_offset, 1031),
};

static const struct bad bad_segments[] = {
	BAD(csum_start, 0), BAD(csum_start, 14), BAD(csum_start, 33),
	BAD(csum_start, 0xffff), BAD(csum_start, 1066), BAD(csum_start, 1047),
	BAD(csum_offset, 0), BAD(csum_offset, 6), BAD(csum_offset, 0xffff),
	BAD(gso_size, 0), BAD(gso_size, 1), BAD(gso_size, 7),
	BAD(gso_size, 0xffff), BAD(flags, 0),
	BAD(flags, VIRTIO_NET_HDR_F_DATA_VALID),
	BAD(gso_type, 2), BAD(gso_type, VIRTIO_NET_HDR_GSO_UDP),
	BAD(gso_type, 6), BAD(gso_type, 0x7f), BAD(gso_type, 0x80),
	BAD(gso_type, 0xff), BAD(gso_type, VIRTIO_NET_HDR_GSO_TCPV6),
	BAD(gso_type, RP_GSO_UDP_L4), BAD(gso_type, 0x40 | 1),
};

static bool test_bad(const struct bad *bad, unsigned int n, u16 gso_size)
{
	struct virtio_net_hdr hdr;
	bool ok = true;
	size_t len;

	start(RG_FEATURES | RG_OFFLOADS_TX | rg_uso());
	while (n--) {
		/* 14 + 20 + 32 bytes of headers. */
		len = rp_make(buf + d->hdr_len, &hdr, TCP4, 1000, gso_size, n);
		spoil(&hdr, &bad[n]);
		ok = refused(bad[n].what, &hdr, len) && ok;
	}
	/* Not one of them reached anybody. */
	return ok && crosses(TCP4, 4000, MSS4, 1, false) &&
	       ktap_expect(works());
}

/* The frame ends before what its header speaks of. */
static bool test_short_frames(void)
{
	struct virtio_net_hdr hdr;
	bool ok = true;
	size_t len;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	/* TCP's fixed header is 20 bytes, whatever it says itself. */
	for (len = RG_ETH_HLEN; len < 34 + 20; len++) {
		rp_make(buf + d->hdr_len, &hdr, TCP4, 4000, MSS4, len);
		ok = refused("short segment", &hdr, len) && ok;
	}
	/* Without segmentation only the checksum has to be there. */
	for (len = RG_ETH_HLEN; len < 34 + 18; len++) {
		rp_make(buf + d->hdr_len, &hdr, TCP4, 4000, 0, len);
		ok = refused("short packet", &hdr, len) && ok;
	}
	return ok && crosses(TCP4, 4000, MSS4, 1, false) &&
	       ktap_expect(works());
}

/* hdr_len is a hint, and a wrong one is none. */
static bool test_hdr_len(void)
{
	static const u16 lens[] = { 0, 1, 65, 67, 255, 4096, 0xffff };
	struct virtio_net_hdr hdr;
	unsigned int i;
	bool ok = true;
	size_t len;
	int head;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	for (i = 0; ok && i < RG_ARRAY_SIZE(lens); i++) {
		len = rp_make(buf + d->hdr_len, &hdr, TCP4, 20000, MSS4, i);
		hdr.hdr_len = lens[i];
		put_header(&hdr);
		head = queue(len, 3, false);
		rg_kick(&d->vq[RG_TX]);
		ok = root_gets(TCP4, 20000, i, &hdr) &&
		     wire_gets(TCP4, 20000, i, MSS4) && back(head);
	}
	return ok && ktap_expect(works());
}

/* No segment is longer than its IP header can say; a plain frame than the MTU. */
static bool test_too_long(void)
{
	struct virtio_net_hdr hdr;
	bool ok = true;
	u64 drops;
	int head;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	drops = rg_counter(d, "drop_tx_oversize");
	rp_make(buf + d->hdr_len, &hdr, TCP4, 65000, MSS4, 1);
	put_header(&hdr);
	head = queue(0xffff + 40 + 22 + 1, 1, false);
	rg_kick(&d->vq[RG_TX]);
	ok = back(head) && ktap_expect_eq(rg_counter(d, "drop_tx_oversize"),
					  drops + 1);
	rp_make(buf + d->hdr_len, &hdr, TCP4, 65000, 0, 1);
	put_header(&hdr);
	head = queue(1523, 1, false);
	rg_kick(&d->vq[RG_TX]);
	return ok && back(head) &&
	       ktap_expect_eq(rg_counter(d, "drop_tx_oversize"), drops + 2) &&
	       ktap_expect(works());
}

/*
 * Whatever a header says of whatever frame: nothing breaks, here or in the
 * stack, up to the third host.
 */
static bool test_nonsense(void)
{
	struct virtio_net_hdr hdr;
	unsigned int i, n;
	size_t len;
	int head;

	start(RG_FEATURES | RG_OFFLOADS_TX | rg_uso());
	srandom(1);
	for (i = 0; i < 3000; i++) {
		const struct rp_kind *k = &kinds[random() % RG_ARRAY_SIZE(kinds)];
		u8 *frame = buf + d->hdr_len;

		len = rp_make(frame, &hdr, k, 1 + random() % 3000,
			      random() % 3 ? 8 + random() % 2000 : 0, i);
		/* Bytes of the packet's headers, then of this header. */
		for (n = random() % 4; n; n--)
			frame[12 + random() % (rp_headers(k) - 12)] = random();
		for (n = random() % 3; n; n--)
			((u8 *)&hdr)[random() % sizeof(hdr)] = random();
		put_header(&hdr);
		if (!(random() % 8))
			len = RG_ETH_HLEN + random() % (len - RG_ETH_HLEN);
		head = queue(len, 1 + random() % 8, false);
		rg_kick(&d->vq[RG_TX]);
		if (!back(head)) {
			ktap_diag("frame %u", i);
			return false;
		}
		if (!(i % 64)) {
			rp_flush(root);
			rp_flush(wire);
			rg_root_flush(d);
		}
	}
	/* The third host's end of what is still on its way. */
	ktap_wait_for(200, false);
	rp_flush(root);
	rp_flush(wire);
	rg_root_flush(d);
	return crosses(TCP4, 4000, MSS4, 1, false) && ktap_expect(works());
}

/*
 * Send a large packet in parts, and see it arrive in root, the third host each
 * as it was. Return in how many frames root's stack saw it, 0 if it was wrong.
 */
static unsigned int frames_of_parts(const struct rp_kind *k, u64 features)
{
	const size_t m = mss(k);
	struct rp_seen seen = { .kind = k, .seed = 3, .payload = 8 * m };
	bool complete = !(features & RG_BIT(VIRTIO_NET_F_CSUM));
	struct virtio_net_hdr hdr;
	unsigned int i;
	ssize_t len;
	u16 vid;
	u8 *all;

	start(features);
	all = rg_alloc(&zone, 8 * 2048, 64);
	for (i = 0; i < 8; i++) {
		u8 *frame = all + i * 2048 + d->hdr_len;
		struct rg_piece piece = RG_OUT(all + i * 2048, 0);

		len = rp_make(frame, &hdr, k, m, 0, 3);
		rp_make_part(frame, k, i * m, 3);
		memset(all + i * 2048, 0, d->hdr_len);
		if (complete)
			rp_finish(frame, len, &hdr);
		else
			memcpy(all + i * 2048, &hdr, sizeof(hdr));
		piece.len = d->hdr_len + len;
		rg_add(&d->vq[RG_TX], &piece, 1);
	}
	rg_kick(&d->vq[RG_TX]);
	while (seen.bytes < seen.payload) {
		len = rp_recv(root, &hdr, got, &vid, RG_LONG);
		if (!ktap_expect(len >= 0) ||
		    !ktap_expect(rp_finish(got, len, &hdr)) ||
		    !rp_arrived(&seen, got, len, vid))
			return 0;
	}
	return wire_gets(k, 8 * m, 3, m) ? seen.frames : 0;
}

static bool merged(const struct rp_kind *k, u64 features)
{
	unsigned int frames = frames_of_parts(k, features);

	return ktap_expect(frames) && ktap_expect(frames < 8);
}

/*
 * A guest that cuts its segments itself has them merged again: root's stack
 * sees few large packets.
 */
static bool test_merged(void)
{
	return merged(TCP4, RG_FEATURES) &&
	       merged(TCP4, RG_FEATURES | RG_BIT(VIRTIO_NET_F_CSUM)) &&
	       merged(TCP4, RG_FEATURES | RG_BIT(VIRTIO_NET_F_CSUM) |
			    RG_BIT(VIRTIO_NET_F_HOST_TSO6)) &&
	       merged(TCP6, RG_FEATURES | RG_BIT(VIRTIO_NET_F_CSUM) |
			    RG_BIT(VIRTIO_NET_F_HOST_TSO4)) &&
	       merged(TAGGED4, RG_FEATURES);
}

/* Who sends large segments has the small ones left alone: nobody waits. */
static bool test_not_merged(void)
{
	return ktap_expect_eq(frames_of_parts(TCP4, RG_FEATURES |
					      RG_BIT(VIRTIO_NET_F_CSUM) |
					      RG_BIT(VIRTIO_NET_F_HOST_TSO4)),
			      8) &&
	       ktap_expect_eq(frames_of_parts(TCP6, RG_FEATURES |
					      RG_BIT(VIRTIO_NET_F_CSUM) |
					      RG_BIT(VIRTIO_NET_F_HOST_TSO6)),
			      8);
}

/* Send a packet that is to be cut, and forget it. */
static bool sent(size_t payload, u32 seed)
{
	struct virtio_net_hdr hdr;
	size_t len = rp_make(buf + d->hdr_len, &hdr, TCP4, payload, MSS4, seed);
	int head;

	put_header(&hdr);
	head = queue(len, 1, false);
	rg_kick(&d->vq[RG_TX]);
	return back(head);
}

static bool received(size_t payload, u32 seed)
{
	struct rp_seen seen = { .kind = TCP4, .seed = seed, .payload = payload };
	struct virtio_net_hdr hdr;
	ssize_t len;
	u16 vid;

	len = rp_recv(root, &hdr, got, &vid, RG_LONG);
	return ktap_expect(len >= 0) && ktap_expect(rp_finish(got, len, &hdr)) &&
	       rp_arrived(&seen, got, len, vid) &&
	       ktap_expect_eq(seen.bytes, payload);
}

/* What the stack looks at is in one piece, however the guest has cut it. */
static bool test_head(void)
{
	unsigned int all = 0, rest = 0;
	char line[256];
	bool ok;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	rg_trace(STACK_GETS, true);
	ok = sent(60000, 1);
	rg_trace(STACK_GETS, false);
	rg_traced(" len=", line, sizeof(line));
	return ok &&
	       ktap_expect_eq(sscanf(line, " len=%u data_len=%u", &all, &rest), 2) &&
	       ktap_expect(RG_ETH_HLEN + all - rest >= HEADERS);
}

/*
 * Memory for large frames is used again, but not while a frame is still in it:
 * twice as many as there is memory for wait for their reader.
 */
static bool test_held(void)
{
	const size_t payload = 60000, held = 2 * KEPT / payload;
	bool ok = true;
	u32 i;

	start(RG_FEATURES | RG_OFFLOADS_TX);
	for (i = 0; ok && i < held; i++) {
		ok = sent(payload - i, i);
		rp_flush(wire);
	}
	for (i = 0; ok && i < held; i++)
		ok = received(payload - i, i);
	return ok;
}

static long free_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[80];
	long kb = -1;

	while (file && kb < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "MemFree: %ld", &kb);
	fclose(file);
	return kb;
}

/* It is given back, at the latest with the interface: twenty come and go. */
static bool test_given_back(void)
{
	long before = 0;
	bool ok = true;
	u32 i, n;

	for (n = 0; ok && n < 24; n++) {
		/* What stays once it was needed is there by now. */
		if (n == 4)
			before = free_kb();
		rg_dev_del(d);
		rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
		start(RG_FEATURES | RG_OFFLOADS_TX);
		for (i = 0; ok && i < 2 * KEPT / 20000; i++) {
			ok = sent(20000, i);
			rg_root_flush(d);
		}
	}
	return ok && ktap_expect(before - free_kb() < 10 * KEPT / 1024);
}

static void make_wire(void)
{
	rg_shell("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
	rg_shell("ip link add v0 type veth peer name v1");
	rg_shell("ethtool -K v0 tx off sg off tso off gso off >/dev/null");
	rg_shell("ethtool -K v1 gro off >/dev/null && ip link set v1 up");
	rg_shell("ip link set v0 master br0 up && ip link set tap0 master br0");
	root = rp_socket("tap0");
	wire = rp_socket("v1");
}

int main(void)
{
	unsigned int i;

	rg_setup();
	ktap_plan(3 + 2 * RG_ARRAY_SIZE(kinds) + 11);
	rg_zone_add(&zone, 1, 0x100000, 0x400000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	make_wire();
	ktap_point(test_checksums(RG_FEATURES), "checksums");
	ktap_point(test_checksums(0), "checksums, 10-byte header");
	ktap_point(test_not_negotiated(), "each feature left out");
	for (i = 0; i < RG_ARRAY_SIZE(kinds); i++) {
		if (kinds[i].udp && !rg_uso()) {
			ktap_skip(kinds[i].name,
				  "this kernel does not check UDP segments");
			ktap_skip(kinds[i].name,
				  "this kernel does not check UDP segments");
			continue;
		}
		ktap_point(test_segments(&kinds[i], RG_FEATURES),
			   "segments: %s", kinds[i].name);
		ktap_point(test_segments(&kinds[i], 0),
			   "segments: %s, 10-byte header", kinds[i].name);
	}
	ktap_point(test_bad(bad_checksums, RG_ARRAY_SIZE(bad_checksums), 0),
		   "checksums that cannot be there");
	ktap_point(test_bad(bad_segments, RG_ARRAY_SIZE(bad_segments), 100),
		   "segments that cannot be cut");
	ktap_point(test_short_frames(), "frames that end too soon");
	ktap_point(test_hdr_len(), "wrong hints");
	ktap_point(test_too_long(), "frames that are too long");
	ktap_point(test_nonsense(), "nonsense does no harm");
	ktap_point(test_merged(), "small segments are merged");
	ktap_point(test_not_merged(), "who sends large ones has none merged");
	ktap_point(test_head(), "a large frame's headers are in one piece");
	ktap_point(test_held(), "large frames that wait stay as they are");
	ktap_point(test_given_back(), "memory for large frames is given back");
	rg_shell("ip link del br0 && ip link del v0");
	return ktap_finish();
}
