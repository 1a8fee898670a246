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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

/* Is the module there, and attached to a hypervisor? Says so if not. */
bool board_ready(void)
{
	char hypervisor[64];

	if (!board_has("new_zone")) {
		fprintf(stderr, "hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)\n");
		return false;
	}
	if (board_read(hypervisor, sizeof(hypervisor), "hypervisor") ||
	    !strcmp(hypervisor, "none")) {
		fprintf(stderr, "hvnet: the module has found no hypervisor; 'hvnet doctor' says what is missing\n");
		return false;
	}
	return true;
}

static int bus_path(char *path, size_t size, const char *fmt, va_list args)
{
	int n = snprintf(path, size, HVNET_BUS "/");

	return vsnprintf(path + n, size - n, fmt, args) < (int)size - n ? 0 : -1;
}

bool board_has(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	int err;

	va_start(args, fmt);
	err = bus_path(path, sizeof(path), fmt, args);
	va_end(args);
	return !err && !access(path, F_OK);
}

/* Read a file of one line, without its newline. */
int board_read(char *to, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *f;
	int err;

	va_start(args, fmt);
	err = bus_path(path, sizeof(path), fmt, args);
	va_end(args);
	f = err ? NULL : fopen(path, "r");
	if (!f)
		return -1;
	err = fgets(to, size, f) ? 0 : -1;
	fclose(f);
	if (!err)
		to[strcspn(to, "\n")] = '\0';
	return err;
}

/* The kernel log from here on; -1 if we may not read it. */
static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* The last thing the module has said since, or nothing. */
static void read_reason(int fd, const char *file, char *reason, size_t size)
{
	char record[8192], mark[128], *text;
	ssize_t n;

	snprintf(mark, sizeof(mark), "hvisor_vnet: %s: ", file);
	reason[0] = '\0';
	/* One record a read; EPIPE: some were overwritten. */
	while (fd >= 0 && ((n = read(fd, record, sizeof(record) - 1)) > 0 ||
			   errno == EPIPE)) {
		record[n > 0 ? n : 0] = '\0';
		text = strstr(record, mark);
		if (text) {
			snprintf(reason, size, "%s", text + strlen(mark));
			reason[strcspn(reason, "\n")] = '\0';
		}
	}
}

/* Write a request to a file of the bus; a refusal is printed. */
int board_write(const char *file, const char *fmt, ...)
{
	char path[PATH_MAX], text[4096], reason[512];
	int log = open_log(), fd, err = 0;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), HVNET_BUS "/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, n) != n)
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err) {
		read_reason(log, strrchr(path, '/') + 1, reason, sizeof(reason));
		fprintf(stderr, "hvnet: %s: %s (asked for: %s)\n", file,
			reason[0] ? reason : strerror(err), text);
	}
	if (log >= 0)
		close(log);
	return err ? -1 : 0;
}

bool board_is_zone(const char *name)
{
	return !strncmp(name, "zone", 4) && !strchr(name, '-');
}

/* Call @fn for each zone and device, zones last, so that they can be removed. */
int board_each(int (*fn)(const char *name, void *arg), void *arg)
{
	struct dirent **list;
	int pass, i, n, err = 0;

	n = scandir(HVNET_BUS "/devices", &list, NULL, alphasort);
	if (n < 0)
		return -1;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < n; i++)
			if (list[i]->d_name[0] != '.' &&
			    board_is_zone(list[i]->d_name) == pass)
				err |= fn(list[i]->d_name, arg);
	while (n--)
		free(list[n]);
	free(list);
	return err;
}

static void read_or_dash(char *to, size_t size, const char *device,
			 const char *file)
{
	if (board_read(to, size, "devices/%s/%s", device, file))
		strcpy(to, "-");
}

static void netdev_of(const char *device, char *name)
{
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;

	strcpy(name, "-");
	snprintf(path, sizeof(path), HVNET_BUS "/devices/%s/net", device);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			snprintf(name, IFNAMSIZ, "%.15s", d->d_name);
	if (dir)
		closedir(dir);
}

static const char *status_words(const char *status)
{
	unsigned long s = strtoul(status, NULL, 0);

	if (s & 0x40)
		return "needs-reset";
	if (s & 0x80)
		return "failed";
	if (s & 0x04)
		return "up";
	return s ? "starting" : "no driver";
}

static int print_device(const char *name, void *arg)
{
	char status[32], mac[32], irq[32], tx[32], rx[32], stalls[32];
	char netdev[IFNAMSIZ];

	(void)arg;
	if (board_is_zone(name))
		return 0;
	netdev_of(name, netdev);
	read_or_dash(status, sizeof(status), name, "status");
	read_or_dash(mac, sizeof(mac), name, "mac");
	read_or_dash(irq, sizeof(irq), name, "irq");
	read_or_dash(tx, sizeof(tx), name, "counters/tx_frames");
	read_or_dash(rx, sizeof(rx), name, "counters/rx_frames");
	read_or_dash(stalls, sizeof(stalls), name, "counters/stalls");
	printf("%-18s %-12s %-12s irq %-5s %s  from guest %-10s to guest %-10s stalls %s\n",
	       name, netdev, status_words(status), irq, mac, tx, rx, stalls);
	return 0;
}

/* "hvnet status" */
int board_status(void)
{
	char hypervisor[64];

	if (!board_has("new_zone")) {
		printf("module: not loaded\n");
		return 1;
	}
	if (board_read(hypervisor, sizeof(hypervisor), "hypervisor"))
		strcpy(hypervisor, "unknown");
	printf("module: loaded, hypervisor: %s\n", hypervisor);
	return board_each(print_device, NULL) ? 1 : 0;
}
