// SPDX-License-Identifier: GPL-2.0-only
/*
 * May a guest ask for this?  The first look at the virtio_net_hdr of a frame
 * from the guest, before the frame is copied: nothing that was not negotiated,
 * and nothing that some kernel in the field takes amiss.  How the header fits
 * the frame is then checked by that kernel's own virtio_net_hdr_to_skb().  The
 * file builds unchanged in user space, see selftests/unit.
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/stddef.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_net.h>

#include "offload.h"

/*
 * Less than any TCP cuts: the smallest segment that Linux agrees to, 48 bytes,
 * less all options.  Each piece costs root an skb.
 */
#define HVNET_GSO_SIZE_MIN	8
/* Means something else to the kernel: GSO_BY_FRAGS. */
#define HVNET_GSO_SIZE_MAX	0xfffe

/* What has to be true of one kind of segment. */
struct segment {
	u64 feature;
	u16 csum_start_min;
	u16 csum_offset;
};

static u16 le16(__virtio16 v)
{
	return __virtio16_to_cpu(true, v);
}

static bool segment_of(u8 gso_type, struct segment *seg)
{
	switch (gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		seg->feature = HVNET_BIT(VIRTIO_NET_F_HOST_TSO4);
		seg->csum_start_min = ETH_HLEN + sizeof(struct iphdr);
		seg->csum_offset = offsetof(struct tcphdr, check);
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		seg->feature = HVNET_BIT(VIRTIO_NET_F_HOST_TSO6);
		seg->csum_start_min = ETH_HLEN + sizeof(struct ipv6hdr);
		seg->csum_offset = offsetof(struct tcphdr, check);
		return true;
	case HVNET_GSO_UDP_L4:
		seg->feature = HVNET_BIT(HVNET_F_HOST_USO);
		seg->csum_start_min = ETH_HLEN + sizeof(struct iphdr);
		seg->csum_offset = offsetof(struct udphdr, check);
		return true;
	default:
		return false;
	}
}

/* Always with a checksum to be filled in (virtio 1.2, section 5.1.6.2.1). */
static bool segment_ok(u64 features, const struct virtio_net_hdr *hdr)
{
	const bool ecn = hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN;
	const u16 size = le16(hdr->gso_size);
	struct segment seg;

	if (!segment_of(hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN, &seg))
		return false;
	if (!(features & seg.feature))
		return false;
	if (ecn && !(features & HVNET_BIT(VIRTIO_NET_F_HOST_ECN)))
		return false;
	if (size < HVNET_GSO_SIZE_MIN || size > HVNET_GSO_SIZE_MAX)
		return false;
	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return false;
	return le16(hdr->csum_start) >= seg.csum_start_min &&
	       le16(hdr->csum_offset) == seg.csum_offset;
}

/**
 * hvnet_offload_header_ok - may the guest transmit a frame with this header?
 * @features: what was negotiated
 * @hdr: the header, in private memory
 *
 * Flags and fields that mean nothing here are ignored (virtio 1.2, section
 * 5.1.6.2.2).
 *
 * Context: any.
 */
bool hvnet_offload_header_ok(u64 features, const struct virtio_net_hdr *hdr)
{
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!(features & HVNET_BIT(VIRTIO_NET_F_CSUM)))
			return false;
		/* Behind the Ethernet header, which nobody checksums. */
		if (le16(hdr->csum_start) < ETH_HLEN)
			return false;
	}
	return hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE ||
	       segment_ok(features, hdr);
}
