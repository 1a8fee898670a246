// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces of root: finding a tap that the daemon left under the name that
 * our interface is to have, removing it, and putting ours where it stood.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hvnet.h"

static bool net_has(const char *name, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, file);
	return !access(path, F_OK);
}

bool link_exists(const char *name)
{
	return net_has(name, "");
}

bool link_is_tap(const char *name)
{
	return net_has(name, "tun_flags");
}

/* The bridge an interface is a port of; false if it is none's. */
bool link_bridge_of(const char *name, char *bridge)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/master", name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	snprintf(bridge, IFNAMSIZ, "%.15s", strrchr(target, '/') + 1);
	return true;
}

static int link_ioctl(unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -1;
	err = ioctl(fd, request, ifr);
	close(fd);
	return err;
}

static void link_remember(const char *name, struct old_tap *old)
{
	struct ifreq ifr = {};

	old->was = true;
	if (!link_bridge_of(name, old->bridge))
		old->bridge[0] = '\0';
	strcpy(ifr.ifr_name, name);
	old->up = !link_ioctl(SIOCGIFFLAGS, &ifr) && (ifr.ifr_flags & IFF_UP);
}

/* Remove a tap that nobody has open; remember where it stood. */
int link_remove_tap(const char *name, struct old_tap *old)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), err = -1;

	link_remember(name, old);
	strcpy(ifr.ifr_name, name);
	if (fd >= 0 && !ioctl(fd, TUNSETIFF, &ifr))
		err = ioctl(fd, TUNSETPERSIST, 0);
	if (err)
		fprintf(stderr, "hvnet: the tap %s cannot be removed: %s%s\n",
			name, strerror(errno),
			errno == EBUSY ? " (is the daemon still running?)" : "");
	if (fd >= 0)
		close(fd);
	return err;
}

/* Put @name where the tap stood. */
int link_restore(const char *name, const struct old_tap *old)
{
	struct ifreq ifr = {};
	int err = 0;

	if (!old->was)
		return 0;
	if (old->bridge[0]) {
		strcpy(ifr.ifr_name, old->bridge);
		ifr.ifr_ifindex = if_nametoindex(name);
		err = link_ioctl(SIOCBRADDIF, &ifr);
	}
	if (!err && old->up) {
		memset(&ifr, 0, sizeof(ifr));
		strcpy(ifr.ifr_name, name);
		err = link_ioctl(SIOCGIFFLAGS, &ifr);
		ifr.ifr_flags |= IFF_UP;
		err = err ?: link_ioctl(SIOCSIFFLAGS, &ifr);
	}
	if (err)
		fprintf(stderr, "hvnet: %s could not be put where the tap was: %s\n",
			name, strerror(errno));
	return err;
}
