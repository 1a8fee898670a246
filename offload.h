/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offloads of a virtio network device (virtio 1.2, section 5.1.3): which there
 * are, and whether a frame may ask for one.  Pure: see offload.c.
 */
#ifndef HVNET_OFFLOAD_H
#define HVNET_OFFLOAD_H

#include <linux/types.h>
#include <linux/virtio_net.h>

/* UDP segmentation came to the uapi header with 6.2. */
#define HVNET_F_GUEST_USO4	54
#define HVNET_F_GUEST_USO6	55
#define HVNET_F_HOST_USO	56
#define HVNET_GSO_UDP_L4	5

#define HVNET_BIT(nr)		(1ULL << (nr))

/* What the guest may leave to us when it transmits. */
#define HVNET_OFFLOADS_TX	(HVNET_BIT(VIRTIO_NET_F_CSUM) |		\
				 HVNET_BIT(VIRTIO_NET_F_HOST_TSO4) |	\
				 HVNET_BIT(VIRTIO_NET_F_HOST_TSO6) |	\
				 HVNET_BIT(VIRTIO_NET_F_HOST_ECN))
#define HVNET_OFFLOADS_TX_USO	HVNET_BIT(HVNET_F_HOST_USO)

/* What we may leave to the guest when it receives. */
#define HVNET_OFFLOADS_RX	(HVNET_BIT(VIRTIO_NET_F_GUEST_CSUM) |	\
				 HVNET_BIT(VIRTIO_NET_F_GUEST_TSO4) |	\
				 HVNET_BIT(VIRTIO_NET_F_GUEST_TSO6) |	\
				 HVNET_BIT(VIRTIO_NET_F_GUEST_ECN))
#define HVNET_OFFLOADS_RX_USO	(HVNET_BIT(HVNET_F_GUEST_USO4) |	\
				 HVNET_BIT(HVNET_F_GUEST_USO6))

bool hvnet_offload_header_ok(u64 features, const struct virtio_net_hdr *hdr);

#endif /* HVNET_OFFLOAD_H */
