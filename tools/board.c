// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of the module by looking: at its files in sysfs, which may be a
 * copy of another board's.  What it is asked for goes by netlink (vnet.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

#define STATUS_DRIVER_OK	0x04

bool board_loaded(void)
{
	return exists(BUS "/new_zone");
}

/* Is the module there, and attached to a hypervisor? Says so if not. */
bool board_ready(void)
{
	char hypervisor[64];

	if (!board_loaded()) {
		say_err("the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)");
		return false;
	}
	if (read_line(hypervisor, sizeof(hypervisor), BUS "/hypervisor") ||
	    !strcmp(hypervisor, "none")) {
		say_err("the module has found no hypervisor; what is missing is said by: hvnet doctor");
		return false;
	}
	return true;
}

/*
 * Take a device away, in whatever network namespace its interface is: netlink
 * sees those in ours only. Return: 0 or -1, said why.
 */
int board_remove_device(const char *name)
{
	char path[PATH_MAX];
	int fd = open(below_root(path, BUS "/del_device"), O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		err = say_err("%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

bool board_has_zone(__u64 id)
{
	return exists(BUS "/devices/zone%llu", id);
}

/* What the module calls a device. */
void board_device_name(char *to, size_t size, const struct zone *z,
		       const struct entry *e)
{
	snprintf(to, size, "zone%llu-%llx", z->id, e->addr);
}

bool board_has_device(const char *name)
{
	return exists(BUS "/devices/%s", name);
}

/* Does a guest's driver run this device? */
bool board_in_use(const char *name)
{
	char status[32];

	return !read_line(status, sizeof(status), BUS "/devices/%s/status",
			  name) &&
	       strtoul(status, NULL, 0) & STATUS_DRIVER_OK;
}

bool board_is_zone(const char *name)
{
	return !strncmp(name, "zone", 4) && !strchr(name, '-');
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Call @fn for each device, then for each zone, so that they can be removed. */
int board_each(int (*fn)(const char *name, void *arg), void *arg)
{
	char path[PATH_MAX];
	struct dirent **list;
	int pass, i, n, err = 0;

	n = scandir(below_root(path, BUS "/devices"), &list, not_hidden,
		    versionsort);
	if (n < 0)
		return 0;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n; i++)
			if (board_is_zone(list[i]->d_name) == pass)
				err |= fn(list[i]->d_name, arg);
	while (n--)
		free(list[n]);
	free(list);
	return err;
}

/* A device's interface, as it is called now; "-" if it is elsewhere. */
void board_netdev(const char *name, char *netdev)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir = opendir(below_root(path, BUS "/devices/%s/net", name));

	strcpy(netdev, "-");
	while (dir && (d = readdir(dir)))
		if (not_hidden(d))
			snprintf(netdev, IFNAMSIZ, "%.15s", d->d_name);
	if (dir)
		closedir(dir);
}
