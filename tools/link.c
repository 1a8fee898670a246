// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces of root: a tap that the daemon left under the name that our
 * interface is to have is moved aside, ours is put where it stood, and the tap
 * is deleted, or put back if things went wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hvnet.h"

bool link_exists(const char *name)
{
	return exists("/sys/class/net/%s", name);
}

bool link_is_tap(const char *name)
{
	return exists("/sys/class/net/%s/tun_flags", name);
}

bool link_is_bridge(const char *name)
{
	return exists("/sys/class/net/%s/bridge", name);
}

/* What an interface is a port of, usually a bridge; false if nothing's. */
bool link_master(const char *name, char *master)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	n = readlink(below_root(path, "/sys/class/net/%s/master", name), target,
		     sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	snprintf(master, IFNAMSIZ, "%.15s", basename(target));
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

static bool link_up(const char *name)
{
	struct ifreq ifr = {};

	strcpy(ifr.ifr_name, name);
	return !link_ioctl(SIOCGIFFLAGS, &ifr) && (ifr.ifr_flags & IFF_UP);
}

static int link_set_up(const char *name, bool up)
{
	struct ifreq ifr = {};

	strcpy(ifr.ifr_name, name);
	if (link_ioctl(SIOCGIFFLAGS, &ifr))
		return -1;
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	return link_ioctl(SIOCSIFFLAGS, &ifr);
}

/* An interface that is up cannot be renamed. */
static int link_rename(const char *from, const char *to)
{
	struct ifreq ifr = {};

	strcpy(ifr.ifr_name, from);
	strcpy(ifr.ifr_newname, to);
	return link_set_up(from, false) ?: link_ioctl(SIOCSIFNAME, &ifr);
}

/* Open a tap as the daemon would; fails with EBUSY if somebody has it open. */
static int tap_open(const char *name)
{
	struct ifreq ifr = {};
	char flags[32];
	int fd;

	if (read_line(flags, sizeof(flags), "/sys/class/net/%s/tun_flags", name))
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	strcpy(ifr.ifr_name, name);
	ifr.ifr_flags = strtoul(flags, NULL, 0) &
			~(IFF_PERSIST | IFF_TUN_EXCL);
	if (!ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	close(fd);
	return -1;
}

/* Addresses stay with the tap, and go with it. */
static void say_addresses(const char *name)
{
	struct ifaddrs *list, *a;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&list))
		return;
	for (a = list; a; a = a->ifa_next) {
		struct sockaddr_in *mask = (void *)a->ifa_netmask;

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET ||
		    !mask || strcmp(a->ifa_name, name))
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr,
			  text, sizeof(text));
		printf("tap %s: had address %s; to have it again: ip addr add %s/%d dev %s\n",
		       name, text, text,
		       __builtin_popcount(mask->sin_addr.s_addr), name);
	}
	freeifaddrs(list);
}

/* Free the name of a tap that nobody has open. Return: 0 or -1, said why. */
int link_move_aside(const char *name, struct old_tap *old)
{
	int fd = tap_open(name);

	if (fd < 0 && errno == EBUSY) {
		say_err("the tap %s is open in a program: is the daemon still running? (to end it: pkill hvisor-virtio)",
			name);
		return -1;
	}
	if (fd < 0)
		return say_err("the tap %s cannot be opened: %s", name,
			       strerror(errno));
	close(fd);
	say_addresses(name);
	snprintf(old->aside, sizeof(old->aside), "hvnet-old%u",
		 if_nametoindex(name));
	if (!link_master(name, old->bridge))
		old->bridge[0] = '\0';
	old->up = link_up(name);
	if (link_rename(name, old->aside)) {
		say_err("the tap %s cannot be renamed: %s", name,
			strerror(errno));
		link_set_up(name, old->up);
		return -1;
	}
	strcpy(old->name, name);
	return 0;
}

/* Put our interface, which has the name now, where the tap stood. */
int link_take_place(const struct old_tap *old)
{
	struct ifreq ifr = {};

	if (!old->name[0])
		return 0;
	if (old->bridge[0] && !link_is_bridge(old->bridge)) {
		say_err("the tap %s is a port of %s, which is no bridge: take it out first: ip link set %s nomaster",
			old->name, old->bridge, old->name);
		return -1;
	}
	strcpy(ifr.ifr_name, old->bridge);
	ifr.ifr_ifindex = if_nametoindex(old->name);
	if (old->bridge[0] && link_ioctl(SIOCBRADDIF, &ifr))
		return say_err("%s cannot be put into bridge %s: %s",
			       old->name, old->bridge, strerror(errno));
	if (old->up && link_set_up(old->name, true))
		return say_err("%s cannot be set up: %s", old->name,
			       strerror(errno));
	return 0;
}

/* Delete the tap that was moved aside. */
int link_drop(const struct old_tap *old)
{
	int fd, err;

	if (!old->name[0])
		return 0;
	fd = tap_open(old->aside);
	err = fd < 0 || ioctl(fd, TUNSETPERSIST, 0);
	if (err)
		say_err("the old tap, now called %s, cannot be deleted: %s; do: ip link del %s",
			old->aside, strerror(errno), old->aside);
	if (fd >= 0)
		close(fd);
	return err ? -1 : 0;
}

/* As if nothing had been; our interface is gone again. */
void link_put_back(const struct old_tap *old)
{
	if (!old->name[0])
		return;
	if (link_rename(old->aside, old->name) ||
	    (old->up && link_set_up(old->name, true)))
		say_err("the tap %s, now called %s, cannot be put back: %s",
			old->name, old->aside, strerror(errno));
}
