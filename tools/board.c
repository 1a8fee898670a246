// SPDX-License-Identifier: GPL-2.0-only
/*
 * Talks to the module through sysfs.  A write that the kernel refuses returns a
 * number only; the sentence that goes with it is in the kernel log, so that is
 * read along and shown.  Which words to write is decided by others.
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

/* The kernel log from here on; -1 if we may not read it. */
static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* The last thing the module has said since of @file, or nothing. */
static void read_reason(int log, const char *file, char *reason, size_t size)
{
	char record[8192], mark[128], *text;
	ssize_t n;

	snprintf(mark, sizeof(mark), "hvisor_vnet: %s: ", file);
	reason[0] = '\0';
	/* One record a read; EPIPE: some were overwritten. */
	while (log >= 0 && ((n = read(log, record, sizeof(record) - 1)) > 0 ||
			    errno == EPIPE)) {
		record[n > 0 ? n : 0] = '\0';
		text = strstr(record, mark);
		if (text) {
			snprintf(reason, size, "%s", text + strlen(mark));
			reason[strcspn(reason, "\n")] = '\0';
		}
	}
}

static int write_file(const char *file, const char *text)
{
	char path[PATH_MAX];
	int fd = open(below_root(path, BUS "/%s", file), O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* Write a request to a file of the bus; a refusal is said to be @about. */
int board_write(const char *about, const char *file, const char *fmt, ...)
{
	char *text, reason[512];
	int log, err;
	va_list args;

	va_start(args, fmt);
	err = vasprintf(&text, fmt, args);
	va_end(args);
	if (err < 0)
		return say_err("%s", strerror(ENOMEM));
	log = open_log();
	err = write_file(file, text);
	if (err) {
		read_reason(log, file, reason, sizeof(reason));
		say_err("%s: %s", about, reason[0] ? reason : strerror(err));
	}
	if (log >= 0)
		close(log);
	free(text);
	return err ? -1 : 0;
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
