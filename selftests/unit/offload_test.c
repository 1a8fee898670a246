// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of offload.c: for each set of features, which headers a guest may put
 * before the frames that it transmits (virtio 1.2, section 5.1.6.2).
 */
#include "ktap.h"
#include "offload.h"

#define CSUM	HVNET_BIT(VIRTIO_NET_F_CSUM)
#define TSO4	HVNET_BIT(VIRTIO_NET_F_HOST_TSO4)
#define TSO6	HVNET_BIT(VIRTIO_NET_F_HOST_TSO6)
#define ECN	HVNET_BIT(VIRTIO_NET_F_HOST_ECN)
#define USO	HVNET_BIT(HVNET_F_HOST_USO)
#define ALL	(CSUM | TSO4 | TSO6 | ECN | USO)

/* Segments as a good driver sends them, and what they take. */
static const struct good {
	u64 needs;
	struct virtio_net_hdr hdr;
} good[] = {
	{ CSUM, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
		  .csum_offset = 16 } },
	{ CSUM, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14,
		  .csum_offset = 0 } },
	{ TSO4, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448,
		  .hdr_len = 66, .csum_start = 34, .csum_offset = 16 } },
	{ TSO6, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1428,
		  .hdr_len = 86, .csum_start = 54, .csum_offset = 16 } },
	{ TSO4 | ECN, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 |
			      VIRTIO_NET_HDR_GSO_ECN,
		  .gso_size = 8, .csum_start = 34, .csum_offset = 16 } },
	{ TSO6 | ECN, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 |
			      VIRTIO_NET_HDR_GSO_ECN,
		  .gso_size = 0xfffe, .csum_start = 58, .csum_offset = 16 } },
	{ USO, { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		  .gso_type = HVNET_GSO_UDP_L4, .gso_size = 1472,
		  .hdr_len = 42, .csum_start = 34, .csum_offset = 6 } },
};

static bool ok(u64 features, const struct virtio_net_hdr *hdr)
{
	return hvnet_offload_header_ok(features, hdr);
}

/* Each bit of ALL, or not, by the bits of @n. */
static u64 features_of(unsigned int n)
{
	static const u64 bit[] = { CSUM, TSO4, TSO6, ECN, USO };
	u64 features = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bit); i++)
		if (n & 1U << i)
			features |= bit[i];
	return features;
}

static void plain_frames_pass(void)
{
	struct virtio_net_hdr hdr = {};
	unsigned int n;

	for (n = 0; n < 32; n++)
		CHECK(ok(features_of(n), &hdr));
	/* What means nothing without a flag is not looked at. */
	hdr.hdr_len = 0xffff;
	hdr.gso_size = 0xffff;
	hdr.csum_start = 0xffff;
	hdr.csum_offset = 0xffff;
	hdr.flags = ~VIRTIO_NET_HDR_F_NEEDS_CSUM;
	CHECK(ok(0, &hdr));
	hdr.csum_start = 0;
	CHECK(ok(ALL, &hdr));
}

static void only_what_was_negotiated(void)
{
	unsigned int n, i;

	for (n = 0; n < 32; n++) {
		const u64 features = features_of(n);

		for (i = 0; i < ARRAY_SIZE(good); i++) {
			const u64 needs = good[i].needs | CSUM;

			CHECK(ok(features, &good[i].hdr) ==
			      ((features & needs) == needs));
		}
	}
}

static void other_kinds_of_segment(void)
{
	struct virtio_net_hdr hdr = good[2].hdr;
	unsigned int type;

	for (type = 1; type < 256; type++) {
		const unsigned int kind = type & ~VIRTIO_NET_HDR_GSO_ECN;

		if (kind == VIRTIO_NET_HDR_GSO_TCPV4 ||
		    kind == VIRTIO_NET_HDR_GSO_TCPV6 ||
		    kind == HVNET_GSO_UDP_L4)
			continue;
		hdr.gso_type = type;
		CHECK(!ok(ALL, &hdr));
		CHECK(!ok(~0ULL, &hdr));
	}
}

static void segment_sizes(void)
{
	unsigned int i, size;

	for (i = 2; i < ARRAY_SIZE(good); i++) {
		struct virtio_net_hdr hdr = good[i].hdr;

		for (size = 0; size <= 0xffff; size++) {
			hdr.gso_size = size;
			CHECK(ok(ALL, &hdr) == (size >= 8 && size < 0xffff));
		}
	}
}

static void segments_need_a_checksum(void)
{
	unsigned int i;

	for (i = 2; i < ARRAY_SIZE(good); i++) {
		struct virtio_net_hdr hdr = good[i].hdr;

		hdr.flags = 0;
		CHECK(!ok(ALL, &hdr));
		hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
		CHECK(!ok(ALL, &hdr));
	}
}

/* The checksum begins behind the headers before it, and lies where it lies. */
static void where_the_checksum_is(void)
{
	static const u16 first[] = { 14, 14, 34, 54, 34, 54, 34 };
	unsigned int i, at;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct virtio_net_hdr hdr = good[i].hdr;

		for (at = 0; at <= 0xffff; at++) {
			hdr.csum_start = at;
			CHECK(ok(ALL, &hdr) == (at >= first[i]));
		}
		hdr = good[i].hdr;
		for (at = 0; at <= 0xffff; at++) {
			hdr.csum_offset = at;
			CHECK(ok(ALL, &hdr) ==
			      (i < 2 || at == good[i].hdr.csum_offset));
		}
	}
}

static const struct ktap_test tests[] = {
	KTAP_TEST(plain_frames_pass),
	KTAP_TEST(only_what_was_negotiated),
	KTAP_TEST(other_kinds_of_segment),
	KTAP_TEST(segment_sizes),
	KTAP_TEST(segments_need_a_checksum),
	KTAP_TEST(where_the_checksum_is),
};

int main(void)
{
	return ktap_main(tests, ARRAY_SIZE(tests));
}
