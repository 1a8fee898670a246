// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tap that stands at root's end of the backends we compare with, and the
 * RAM of a guest that lives in this program.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BN_TAP_RAM	(64u << 20)

/**
 * bn_tap_ram - the guest's RAM; and taps can be made
 * @z: its zone
 */
void bn_tap_ram(struct rg_zone *z)
{
	u8 *ram = mmap(NULL, BN_TAP_RAM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (ram == MAP_FAILED)
		rg_die("RAM for the guest: %s", strerror(errno));
	if (system("modprobe tun"))
		rg_die("tun does not load");
	*z = (struct rg_zone) {
		.id = 1, .gpa = 0x80000000, .size = BN_TAP_RAM, .ram = ram,
	};
}

static void bn_tap_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &ifr))
		rg_die("%s: %s", name, strerror(errno));
	close(sock);
}

/* All that a tap can do for its reader and writer. */
static void bn_tap_offload(int fd)
{
	int header = sizeof(struct virtio_net_hdr_v1), unbounded = INT_MAX;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETSNDBUF, &unbounded) ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		rg_die("tap: %s", strerror(errno));
}

/**
 * bn_tap_open - make a tap, up
 * @n: the NIC that it is root's end of; gets name and index
 * @vnet_hdr: frames have virtio's header before them, and may be large
 *
 * Return: its file, not blocking.
 */
int bn_tap_open(struct bn_nic *n, bool vnet_hdr)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "tap%u", n->index);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		rg_die("tap: %s", strerror(errno));
	if (vnet_hdr)
		bn_tap_offload(fd);
	memcpy(n->dev.name, ifr.ifr_name, sizeof(n->dev.name));
	bn_tap_up(n->dev.name);
	return fd;
}

/**
 * bn_tap_queues - the guest's queues, where no register tells of them
 * @n: the NIC
 * @z: the guest
 */
void bn_tap_queues(struct bn_nic *n, struct rg_zone *z)
{
	n->dev.zone = z;
	n->dev.features = n->backend->features;
	n->dev.hdr_len = sizeof(struct virtio_net_hdr_v1);
	rg_queue_alloc(&n->dev, RG_RX, BN_NUM);
	rg_queue_alloc(&n->dev, RG_TX, BN_NUM);
	n->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (n->event < 0)
		rg_die("eventfd: %s", strerror(errno));
}
