// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvisor-tool's daemon among the processes: whether it runs, and which device
 * node it talks to.  It is started and ended in run.c.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hvnet.h"

/* What it calls itself. */
#define DAEMON_COMM	"hvisor-virtio"

/* A device node's number, 0 if there is none. */
dev_t node_number(const char *path)
{
	char full[PATH_MAX];
	struct stat st;

	return stat(below_root(full, "%s", path), &st) ? 0 : st.st_rdev;
}

/* A process that has ended stays until its parent has looked. */
static bool is_daemon(const char *pid)
{
	char stat[512], state;

	return !read_line(stat, sizeof(stat), "/proc/%s/stat", pid) &&
	       sscanf(stat, "%*d (" DAEMON_COMM ") %c", &state) == 1 &&
	       state != 'Z' && state != 'X';
}

/* Call @fn for each process until it returns other than 0, which is returned. */
static int each_process(int (*fn)(pid_t pid, void *arg), void *arg)
{
	char path[PATH_MAX];
	DIR *dir = opendir(below_root(path, "/proc"));
	struct dirent *d;
	int ret = 0;

	while (dir && !ret && (d = readdir(dir)))
		if (atoi(d->d_name) > 0)
			ret = fn(atoi(d->d_name), arg);
	if (dir)
		closedir(dir);
	return ret;
}

static int daemon_pid(pid_t pid, void *arg)
{
	char name[16];

	(void)arg;
	snprintf(name, sizeof(name), "%d", pid);
	return is_daemon(name) ? pid : 0;
}

/* The daemon's process id, 0 if it does not run. */
pid_t daemon_find(void)
{
	return each_process(daemon_pid, NULL);
}

static bool has_open(pid_t pid, dev_t node)
{
	char path[PATH_MAX], file[PATH_MAX + 300];
	DIR *dir = opendir(below_root(path, "/proc/%d/fd", pid));
	struct dirent *d;
	struct stat st;
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
		found = !stat(file, &st) && S_ISCHR(st.st_mode) &&
			st.st_rdev == node;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Is the daemon served by us, or by hvisor.ko itself? */
enum daemon_node daemon_node(pid_t pid)
{
	unsigned int major, minor;
	char number[32];

	if (has_open(pid, node_number(OUR_NODE)))
		return NODE_OURS;
	/* Its own node may be hidden below ours. */
	if (read_line(number, sizeof(number), "/sys/class/misc/hvisor/dev") ||
	    sscanf(number, "%u:%u", &major, &minor) != 2)
		return NODE_NONE;
	return has_open(pid, makedev(major, minor)) ? NODE_OTHER : NODE_NONE;
}

struct holders {
	dev_t node;
	char *to;
	size_t size;
};

static int add_holder(pid_t pid, void *arg)
{
	struct holders *h = arg;
	char comm[32];
	int n;

	if (!has_open(pid, h->node) ||
	    read_line(comm, sizeof(comm), "/proc/%d/comm", pid))
		return 0;
	n = snprintf(h->to, h->size, "%s%d (%s)", h->size < 128 ? ", " : "",
		     pid, comm);
	h->to += n;
	h->size -= n;
	return h->size < 64;
}

/* Who has a device node open: "312 (hvisor-virtio), 315 (sh)" */
void daemon_holders(dev_t node, char *to, size_t size)
{
	struct holders h = { node, to, size };

	to[0] = '\0';
	each_process(add_holder, &h);
}
