// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets for tests of offloads: see rawpacket.h.  What is expected of them is
 * each test's own business.
 */
#define _GNU_SOURCE
#include "rawpacket.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define RP_SEQ		0x12345678u	/* of the first byte */
#define RP_TCP_HLEN	32		/* with options */
#define RP_SOCKBUF	(16 << 20)
#define RP_CWR		0x80
#define RP_FEATURES	128		/* more than any kernel has */

static const u8 rp_to[] = { 0x02, 0, 0, 0xbb, 0, 1 };
static const u8 rp_from[] = { 0x02, 0, 0, 0xbb, 0, 2 };

static size_t rp_l3(const struct rp_kind *k)
{
	return RG_ETH_HLEN + (k->vid ? 4 : 0);
}

static size_t rp_l3_len(const struct rp_kind *k)
{
	return k->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
}

static size_t rp_l4_len(const struct rp_kind *k)
{
	return k->udp ? sizeof(struct udphdr) : RP_TCP_HLEN;
}

/**
 * rp_csum_start - where the checksum begins
 * @k: the kind
 */
size_t rp_csum_start(const struct rp_kind *k)
{
	return rp_l3(k) + rp_l3_len(k);
}

/**
 * rp_headers - bytes before the payload
 * @k: the kind
 */
size_t rp_headers(const struct rp_kind *k)
{
	return rp_csum_start(k) + rp_l4_len(k);
}

/**
 * rp_gso_type - what a large packet of this kind is to be cut into
 * @k: the kind
 */
u8 rp_gso_type(const struct rp_kind *k)
{
	if (k->udp)
		return RP_GSO_UDP_L4;
	return (k->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4) |
	       (k->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
}

static u8 rp_byte(size_t at, u32 seed)
{
	return at * 7 + (at >> 8) * 13 + (at >> 16) * 5 + seed * 31;
}

/* One's complement sum of big endian words, not folded. */
static u64 rp_sum(u64 sum, const u8 *at, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += at[i] << 8 | at[i + 1];
	return i < len ? sum + (at[i] << 8) : sum;
}

static u16 rp_fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static u64 rp_pseudo(const struct rp_kind *k, const u8 *frame, size_t l4_len)
{
	const u8 *ip = frame + rp_l3(k);
	const u8 *addr = ip + (k->v6 ? 8 : 12);

	return rp_sum(l4_len + (k->udp ? IPPROTO_UDP : IPPROTO_TCP), addr,
		      k->v6 ? 32 : 8);
}

static void rp_put16(u8 *at, u16 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static u16 rp_get16(const u8 *at)
{
	return at[0] << 8 | at[1];
}

static u8 *rp_check_field(const struct rp_kind *k, u8 *frame)
{
	return frame + rp_csum_start(k) + (k->udp ? 6 : 16);
}

static void rp_make_ip(const struct rp_kind *k, u8 *ip, size_t l4_len)
{
	memset(ip, 0, rp_l3_len(k));
	if (k->v6) {
		ip[0] = 0x60;
		rp_put16(ip + 4, l4_len);
		ip[6] = k->udp ? IPPROTO_UDP : IPPROTO_TCP;
		ip[7] = 64;
		memcpy(ip + 8, "\xfd\x88", 2);
		ip[23] = 1;
		memcpy(ip + 24, "\xfd\x88", 2);
		ip[39] = 2;
		return;
	}
	ip[0] = 0x45;
	rp_put16(ip + 2, sizeof(struct iphdr) + l4_len);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = k->udp ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(ip + 12, "\x0a\x58\x00\x01\x0a\x58\x00\x02", 8);
	rp_put16(ip + 10, ~rp_fold(rp_sum(0, ip, sizeof(struct iphdr))));
}

static void rp_make_l4(const struct rp_kind *k, u8 *l4, size_t l4_len)
{
	memset(l4, 0, rp_l4_len(k));
	rp_put16(l4, 4000);
	rp_put16(l4 + 2, 4001);
	if (k->udp) {
		rp_put16(l4 + 4, l4_len);
		return;
	}
	rp_put16(l4 + 4, RP_SEQ >> 16);
	rp_put16(l4 + 6, RP_SEQ & 0xffff);
	l4[12] = RP_TCP_HLEN / 4 << 4;
	l4[13] = TH_ACK | (k->ecn ? RP_CWR : 0);
	rp_put16(l4 + 14, 0xffff);
	memset(l4 + 20, 1, RP_TCP_HLEN - 20);
}

/**
 * rp_make - make a packet whose checksum is still to be filled in
 * @frame: where; RP_MAX bytes
 * @hdr: says what is left to do
 * @k: its kind
 * @payload: bytes of payload
 * @gso_size: to be cut into pieces of so many bytes; 0: not to be cut
 * @seed: different ones give different payload
 *
 * Return: the length of the frame.
 */
size_t rp_make(u8 *frame, struct virtio_net_hdr *hdr, const struct rp_kind *k,
	       size_t payload, u16 gso_size, u32 seed)
{
	size_t l4_len = rp_l4_len(k) + payload, at = rp_csum_start(k), i;

	memcpy(frame, rp_to, ETH_ALEN);
	memcpy(frame + ETH_ALEN, rp_from, ETH_ALEN);
	if (k->vid) {
		rp_put16(frame + 12, ETHERTYPE_VLAN);
		rp_put16(frame + 14, k->vid);
	}
	rp_put16(frame + rp_l3(k) - 2,
		 k->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	rp_make_ip(k, frame + rp_l3(k), l4_len);
	rp_make_l4(k, frame + at, l4_len);
	for (i = 0; i < payload; i++)
		frame[rp_headers(k) + i] = rp_byte(i, seed);
	rp_put16(rp_check_field(k, frame), rp_fold(rp_pseudo(k, frame, l4_len)));
	*hdr = (struct virtio_net_hdr) {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = at,
		.csum_offset = rp_check_field(k, frame) - frame - at,
	};
	if (gso_size) {
		hdr->gso_type = rp_gso_type(k);
		hdr->gso_size = gso_size;
		hdr->hdr_len = rp_headers(k);
	}
	return rp_headers(k) + payload;
}

/**
 * rp_make_part - make a TCP packet the continuation of another
 * @frame: the packet, from rp_make()
 * @k: its kind
 * @from: where in the whole its payload begins
 * @seed: of the whole
 */
void rp_make_part(u8 *frame, const struct rp_kind *k, size_t from, u32 seed)
{
	u8 *l4 = frame + rp_csum_start(k), *payload = frame + rp_headers(k);
	size_t len, i;

	len = rp_get16(frame + rp_l3(k) + (k->v6 ? 4 : 2)) - RP_TCP_HLEN -
	      (k->v6 ? 0 : sizeof(struct iphdr));
	rp_put16(l4 + 4, (u32)(RP_SEQ + from) >> 16);
	rp_put16(l4 + 6, RP_SEQ + from);
	for (i = 0; i < len; i++)
		payload[i] = rp_byte(from + i, seed);
}

/**
 * rp_finish - fill a checksum in, as whoever was left it has to
 * @frame: the frame
 * @len: its length
 * @hdr: says whether and where
 *
 * Return: false if it cannot be there.
 */
bool rp_finish(u8 *frame, size_t len, const struct virtio_net_hdr *hdr)
{
	size_t at = hdr->csum_start + hdr->csum_offset;
	u16 sum;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (hdr->csum_start > len || at + 2 > len)
		return false;
	sum = ~rp_fold(rp_sum(0, frame + hdr->csum_start,
			      len - hdr->csum_start));
	rp_put16(frame + at, sum ?: 0xffff);
	return true;
}

static bool rp_lengths_ok(const struct rp_kind *k, const u8 *frame, size_t len)
{
	const u8 *ip = frame + rp_l3(k), *l4 = frame + rp_csum_start(k);
	size_t l4_len = len - rp_csum_start(k);

	if (k->v6)
		return ktap_expect_eq(rp_get16(ip + 4), l4_len);
	if (!ktap_expect_eq(rp_get16(ip + 2), l4_len + sizeof(struct iphdr)) ||
	    !ktap_expect_eq(rp_fold(rp_sum(0, ip, sizeof(struct iphdr))),
			    0xffff))
		return false;
	return !k->udp || ktap_expect_eq(rp_get16(l4 + 4), l4_len);
}

/* Where in the packet's payload this frame's begins. */
static size_t rp_offset(const struct rp_seen *seen, const u8 *frame)
{
	const u8 *l4 = frame + rp_csum_start(seen->kind);

	if (seen->kind->udp)
		return seen->bytes;
	return ((u32)rp_get16(l4 + 4) << 16 | rp_get16(l4 + 6)) - RP_SEQ;
}

static bool rp_payload_ok(const struct rp_seen *seen, const u8 *at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i] != rp_byte(seen->bytes + i, seen->seed)) {
			ktap_diag("payload byte %zu is %#x, not %#x",
				  seen->bytes + i, at[i],
				  rp_byte(seen->bytes + i, seen->seed));
			return false;
		}
	return true;
}

/**
 * rp_arrived - judge a frame that arrived: all of the packet, or its next part
 * @seen: the packet
 * @frame: the frame, its checksum filled in
 * @len: its length
 * @vid: the VLAN whose tag it carried, if that was taken off
 *
 * Headers, lengths and checksums have to be right.
 */
bool rp_arrived(struct rp_seen *seen, const u8 *frame, size_t len, u16 vid)
{
	struct rp_kind k = *seen->kind;
	const struct rp_kind *sent = seen->kind;
	size_t head, l4_len;
	bool ok;

	if (vid) {
		if (!ktap_expect_eq(vid, k.vid))
			return false;
		k.vid = 0;
	}
	head = rp_headers(&k);
	if (!ktap_expect(len >= head) || !ktap_expect(!memcmp(frame, rp_to, 6)) ||
	    !ktap_expect_eq(rp_get16(frame + rp_l3(&k) - 2),
			    k.v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP))
		return false;
	if (k.vid && !ktap_expect_eq(rp_get16(frame + 14), k.vid))
		return false;
	l4_len = len - rp_csum_start(&k);
	seen->kind = &k;
	ok = rp_lengths_ok(&k, frame, len) &&
	     ktap_expect_eq(rp_fold(rp_sum(rp_pseudo(&k, frame, l4_len),
					   frame + rp_csum_start(&k), l4_len)),
			    0xffff) &&
	     ktap_expect_eq(rp_offset(seen, frame), seen->bytes) &&
	     ktap_expect(seen->bytes + len - head <= seen->payload) &&
	     rp_payload_ok(seen, frame + head, len - head);
	/* Said once, in the first of the pieces (RFC 3168). */
	if (ok && !k.udp)
		ok = ktap_expect_eq(!!(frame[rp_csum_start(&k) + 13] & RP_CWR),
				    k.ecn && !seen->bytes);
	seen->kind = sent;
	seen->bytes += len - head;
	seen->frames++;
	return ok;
}

/**
 * rp_socket - a packet socket with the headers of offloads
 * @ifname: the interface that it is on
 */
int rp_socket(const char *ifname)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int size = RP_SOCKBUF, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		rg_die("packet socket on %s: %s", ifname, strerror(errno));
	return fd;
}

/**
 * rp_send - send a frame
 * @sock: the socket
 * @hdr: what is left to do
 * @frame: the frame
 * @len: its length
 *
 * Return: false if it was not taken.
 */
bool rp_send(int sock, const struct virtio_net_hdr *hdr, const u8 *frame,
	     size_t len)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)hdr, .iov_len = sizeof(*hdr) },
		{ .iov_base = (void *)frame, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	return sendmsg(sock, &msg, 0) == (ssize_t)(sizeof(*hdr) + len);
}

static u16 rp_vid(struct msghdr *msg)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			return aux.tp_vlan_tci & 0xfff;
	}
	return 0;
}

/**
 * rp_recv - a frame that arrived
 * @sock: the socket
 * @hdr: what is left to do
 * @frame: the frame; RP_MAX bytes
 * @vid: the VLAN whose tag was taken off, or 0
 * @ms: wait at most so long
 *
 * Return: its length, -1 if there was none.
 */
ssize_t rp_recv(int sock, struct virtio_net_hdr *hdr, u8 *frame, u16 *vid,
		int ms)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	char control[128];
	struct iovec iov[] = {
		{ .iov_base = hdr, .iov_len = sizeof(*hdr) },
		{ .iov_base = frame, .iov_len = RP_MAX },
	};
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t len;

	if (ms && !poll(&pfd, 1, ms) && ms == RG_LONG)
		rg_impatient = true;
	do {
		len = recvmsg(sock, &msg, 0);
	} while (len < 0 && errno == ENETDOWN);
	if (len < (ssize_t)sizeof(*hdr))
		return -1;
	*vid = rp_vid(&msg);
	return len - sizeof(*hdr);
}

/**
 * rp_flush - forget frames that arrived
 * @sock: the socket
 */
void rp_flush(int sock)
{
	static u8 frame[RP_MAX];
	struct virtio_net_hdr hdr;
	u16 vid;

	while (rp_recv(sock, &hdr, frame, &vid, 0) >= 0)
		;
}

static void rp_ethtool(const char *ifname, void *request)
{
	struct ifreq ifr = { .ifr_data = request };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (sock < 0 || ioctl(sock, SIOCETHTOOL, &ifr))
		rg_die("cannot ask %s for its features", ifname);
	close(sock);
}

/* Features are numbered differently by each kernel. */
static unsigned int rp_feature_number(const char *ifname, const char *feature)
{
	static struct {
		struct ethtool_gstrings head;
		char name[RP_FEATURES][ETH_GSTRING_LEN];
	} strings;
	unsigned int i;

	memset(&strings, 0, sizeof(strings));
	strings.head.cmd = ETHTOOL_GSTRINGS;
	strings.head.string_set = ETH_SS_FEATURES;
	rp_ethtool(ifname, &strings);
	for (i = 0; i < strings.head.len; i++)
		if (!strcmp(strings.name[i], feature))
			return i;
	rg_die("there is no feature %s", feature);
}

/**
 * rp_feature - has an interface this feature, now?
 * @ifname: the interface
 * @feature: as ethtool -k calls it
 */
bool rp_feature(const char *ifname, const char *feature)
{
	static struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block block[RP_FEATURES / 32];
	} features;
	const unsigned int n = rp_feature_number(ifname, feature);

	memset(&features, 0, sizeof(features));
	features.head.cmd = ETHTOOL_GFEATURES;
	features.head.size = RP_FEATURES / 32;
	rp_ethtool(ifname, &features);
	return features.block[n / 32].active >> n % 32 & 1;
}
