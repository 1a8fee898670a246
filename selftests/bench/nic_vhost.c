// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend: vhost-net of the running kernel, set up as QEMU does it for a guest
 * whose NIC is a tap: headers, checksum and segmentation offload, an unbounded
 * send buffer, without which it does not batch.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define BN_VHOST_FEATURES (RG_BIT(VIRTIO_F_VERSION_1) |			\
			   RG_BIT(VIRTIO_RING_F_EVENT_IDX) |		\
			   RG_BIT(VIRTIO_RING_F_INDIRECT_DESC) |	\
			   RG_BIT(VIRTIO_NET_F_MRG_RXBUF))

struct bn_vhost_nic {
	int fd;
	int tap;
	int kick[RG_QUEUES];
};

static void bn_vhost_ioctl(int fd, unsigned long cmd, const void *arg,
			   const char *what)
{
	if (ioctl(fd, cmd, arg))
		rg_die("vhost-net: %s: %s", what, strerror(errno));
}

static void bn_vhost_memory(int fd, const struct rg_zone *z)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} table = {
		.head.nregions = 1,
		.region = {
			.guest_phys_addr = z->gpa,
			.memory_size = z->size,
			.userspace_addr = (uintptr_t)z->ram,
		},
	};

	bn_vhost_ioctl(fd, VHOST_SET_MEM_TABLE, &table, "SET_MEM_TABLE");
}

static void bn_vhost_queue(struct bn_nic *n, unsigned int queue)
{
	struct bn_vhost_nic *v = n->private;
	const struct rg_vq *q = &n->dev.vq[queue];
	struct vhost_vring_state num = { .index = queue, .num = q->num };
	struct vhost_vring_state base = { .index = queue };
	struct vhost_vring_addr addr = {
		.index = queue,
		.desc_user_addr = (uintptr_t)q->desc,
		.avail_user_addr = (uintptr_t)q->avail,
		.used_user_addr = (uintptr_t)q->used,
	};
	struct vhost_vring_file kick = { .index = queue };
	struct vhost_vring_file call = { .index = queue, .fd = n->event };
	struct vhost_vring_file tap = { .index = queue, .fd = v->tap };

	v->kick[queue] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	kick.fd = v->kick[queue];
	bn_vhost_ioctl(v->fd, VHOST_SET_VRING_NUM, &num, "SET_VRING_NUM");
	bn_vhost_ioctl(v->fd, VHOST_SET_VRING_BASE, &base, "SET_VRING_BASE");
	bn_vhost_ioctl(v->fd, VHOST_SET_VRING_ADDR, &addr, "SET_VRING_ADDR");
	bn_vhost_ioctl(v->fd, VHOST_SET_VRING_KICK, &kick, "SET_VRING_KICK");
	bn_vhost_ioctl(v->fd, VHOST_SET_VRING_CALL, &call, "SET_VRING_CALL");
	bn_vhost_ioctl(v->fd, VHOST_NET_SET_BACKEND, &tap, "SET_BACKEND");
}

static void bn_vhost_open(struct rg_zone *z)
{
	bn_tap_ram(z);
	if (system("modprobe vhost_net"))
		rg_die("vhost_net does not load");
}

static void bn_vhost_add(struct bn_nic *n, struct rg_zone *z)
{
	struct bn_vhost_nic *v = calloc(1, sizeof(*v));
	u64 features = BN_VHOST_FEATURES;

	n->private = v;
	v->tap = bn_tap_open(n, true);
	bn_tap_queues(n, z);
	v->fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (v->fd < 0)
		rg_die("/dev/vhost-net: %s", strerror(errno));
	bn_vhost_ioctl(v->fd, VHOST_SET_OWNER, NULL, "SET_OWNER");
	bn_vhost_ioctl(v->fd, VHOST_SET_FEATURES, &features, "SET_FEATURES");
	bn_vhost_memory(v->fd, z);
	bn_vhost_queue(n, RG_RX);
	bn_vhost_queue(n, RG_TX);
}

static void bn_vhost_kick(struct bn_nic *n, unsigned int queue)
{
	struct bn_vhost_nic *v = n->private;

	eventfd_write(v->kick[queue], 1);
}

static void bn_vhost_acknowledge(struct bn_nic *n)
{
	/* An MSI needs none. */
	(void)n;
}

static void bn_vhost_del(struct bn_nic *n)
{
	struct bn_vhost_nic *v = n->private;

	close(v->fd);
	close(v->tap);
	close(v->kick[RG_RX]);
	close(v->kick[RG_TX]);
	close(n->event);
	free(v);
}

const struct bn_backend bn_vhost = {
	.column = "vhost-net",
	.features = BN_VHOST_FEATURES |
		    RG_BIT(VIRTIO_NET_F_CSUM) |
		    RG_BIT(VIRTIO_NET_F_GUEST_CSUM) |
		    RG_BIT(VIRTIO_NET_F_HOST_TSO4) |
		    RG_BIT(VIRTIO_NET_F_GUEST_TSO4),
	.open = bn_vhost_open,
	.add = bn_vhost_add,
	.kick = bn_vhost_kick,
	.acknowledge = bn_vhost_acknowledge,
	.del = bn_vhost_del,
};
