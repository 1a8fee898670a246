/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP and UDP packets for tests of offloads: made with a checksum that is still
 * to be filled in, large ones also to be cut, and judged when they arrive, whole
 * or in pieces.  A packet's payload is a pattern, so that each piece can be told
 * from where it comes.
 */
#ifndef HVNET_RAWPACKET_H
#define HVNET_RAWPACKET_H

#include <linux/virtio_net.h>

#include "rawguest.h"

#define RP_MAX		(0x10000 + 64)
#define RP_GSO_UDP_L4	5		/* since 6.2 */

/**
 * struct rp_kind - a kind of packet
 * @name: what it is
 * @v6: IPv6, not IPv4
 * @udp: UDP, not TCP
 * @ecn: TCP says CWR
 * @vid: VLAN that its frame carries a tag of, 0 if none
 */
struct rp_kind {
	const char *name;
	bool v6;
	bool udp;
	bool ecn;
	u16 vid;
};

/**
 * struct rp_seen - what has arrived of a packet
 * @kind: its kind
 * @seed: which it is
 * @payload: bytes that were sent
 * @bytes: bytes of them that arrived
 * @frames: in so many frames
 */
struct rp_seen {
	const struct rp_kind *kind;
	u32 seed;
	size_t payload;
	size_t bytes;
	unsigned int frames;
};

size_t rp_headers(const struct rp_kind *k);
size_t rp_csum_start(const struct rp_kind *k);
u8 rp_gso_type(const struct rp_kind *k);
size_t rp_make(u8 *frame, struct virtio_net_hdr *hdr, const struct rp_kind *k,
	       size_t payload, u16 gso_size, u32 seed);
void rp_make_part(u8 *frame, const struct rp_kind *k, size_t from, u32 seed);
bool rp_finish(u8 *frame, size_t len, const struct virtio_net_hdr *hdr);
bool rp_arrived(struct rp_seen *seen, const u8 *frame, size_t len, u16 vid);

/* Packet sockets that see, and say, what is left to be done. */
int rp_socket(const char *ifname);
bool rp_send(int sock, const struct virtio_net_hdr *hdr, const u8 *frame,
	     size_t len);
ssize_t rp_recv(int sock, struct virtio_net_hdr *hdr, u8 *frame, u16 *vid,
		int ms);
void rp_flush(int sock);

bool rp_feature(const char *ifname, const char *feature);

#endif /* HVNET_RAWPACKET_H */
