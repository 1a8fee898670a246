// SPDX-License-Identifier: GPL-2.0-only
/*
 * offload.c: a header that passes asks for nothing that was not negotiated, and
 * for nothing that root's stack could take amiss, by the words of virtio 1.2,
 * section 5.1.6.2.
 */
#include <linux/virtio_net.h>

#include "fuzz.h"
#include "offload.h"

static bool has(u64 features, unsigned int bit)
{
	return features >> bit & 1;
}

static void check_segment(u64 features, const struct virtio_net_hdr *hdr)
{
	const u8 type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	REQUIRE(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	REQUIRE(hdr->gso_size > 0 && hdr->gso_size < 0xffff);
	REQUIRE(hdr->csum_start >= 34);
	REQUIRE(type == hdr->gso_type || has(features, VIRTIO_NET_F_HOST_ECN));
	if (type == VIRTIO_NET_HDR_GSO_TCPV4) {
		REQUIRE(has(features, VIRTIO_NET_F_HOST_TSO4));
		REQUIRE(hdr->csum_offset == 16);
	} else if (type == VIRTIO_NET_HDR_GSO_TCPV6) {
		REQUIRE(has(features, VIRTIO_NET_F_HOST_TSO6));
		REQUIRE(hdr->csum_offset == 16 && hdr->csum_start >= 54);
	} else {
		REQUIRE(type == 5 && has(features, 56));
		REQUIRE(hdr->csum_offset == 6);
	}
}

/**
 * fuzz_one - headers, one after the other
 * @data: features, then headers
 * @size: how much of it
 */
int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	u64 features = fuzz_take(&in, 8);
	struct virtio_net_hdr hdr;

	while (in.left) {
		fuzz_take_bytes(&in, &hdr, sizeof(hdr));
		if (!hvnet_offload_header_ok(features, &hdr))
			continue;
		if (hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
			REQUIRE(has(features, VIRTIO_NET_F_CSUM));
			REQUIRE(hdr.csum_start >= 14);
		}
		if (hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE)
			check_segment(features, &hdr);
	}
	return 0;
}
