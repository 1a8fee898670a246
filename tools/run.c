// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet start" and "hvnet stop": the module, its devices and hvisor-tool's
 * daemon, in an order in which nothing is ever without somebody who answers,
 * and back.  The daemon and the hvisor command open /dev/hvisor; ours is put
 * there by a bind mount, and calls that are not ours go on to hvisor.ko.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvnet.h"
#include "vnet.h"

/* A daemon that cannot open a disk or a console ends at once. */
#define SETTLE_MS	1000

/* What a daemon that is told to end may take, and who has its node open. */
#define END_MS		10000
#define BUSY_MS		2000

#define LOOK_MS		20

/* The module */

/* modprobe -q: 0 if it is loaded. */
static int run_modprobe(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execlp("modprobe", "modprobe", "-q", "hvisor_vnet", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

/* The file that "make" leaves, in the directory that we are in. */
static int insert_module(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0) {
		say_err("the module is not installed, and there is no %s here; do: make modules_install; depmod",
			file);
		return -1;
	}
	err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	if (err)
		return say_err("%s cannot be loaded: %s%s", file, strerror(err),
			       err == ENOEXEC ? " (was it built for this kernel? dmesg says)" : "");
	printf("module: loaded from %s\n", file);
	return 0;
}

/* @loaded: it was not there, and is to go if things go wrong. */
static int load_module(bool *loaded)
{
	*loaded = !board_loaded();
	if (!*loaded)
		return 0;
	if (run_modprobe() || !board_loaded())
		return insert_module("./hvisor_vnet.ko");
	puts("module: loaded");
	return 0;
}

static int unload_module(void)
{
	if (!board_loaded())
		return 0;
	if (syscall(SYS_delete_module, "hvisor_vnet", O_NONBLOCK))
		return say_err("the module cannot be unloaded: %s",
			       strerror(errno));
	puts("module: unloaded");
	return 0;
}

/* The node */

static bool node_taken(void)
{
	dev_t node = node_number(HVISOR_NODE);

	return node && node == node_number(OUR_NODE);
}

/* Show the module hvisor.ko's node. */
static int set_backend(void)
{
	int fd = open(HVISOR_NODE, O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return say_err(HVISOR_NODE ": %s", strerror(errno));
	err = vnet_set_backend(HVISOR_NODE, fd);
	close(fd);
	return err;
}

/* Stand where hvisor.ko stands, with hvisor.ko behind us. */
static int take_node(void)
{
	if (!exists(HVISOR_NODE))
		return say_err("there is no " HVISOR_NODE "; do: insmod hvisor.ko");
	if (set_backend())
		return -1;
	if (mount(OUR_NODE, HVISOR_NODE, NULL, MS_BIND, NULL)) {
		say_err("mount --bind " OUR_NODE " " HVISOR_NODE ": %s",
			strerror(errno));
		vnet_set_backend(HVISOR_NODE, -1);
		return -1;
	}
	puts(HVISOR_NODE ": ours, with hvisor.ko behind it");
	return 0;
}

/* Who has it open keeps it: the daemon's children end after it. */
static int unmount_node(void)
{
	char who[256];
	int i;

	for (i = 0; umount(HVISOR_NODE); i++) {
		if (errno != EBUSY || i == BUSY_MS / LOOK_MS) {
			int err = errno;

			daemon_holders(node_number(OUR_NODE), who, sizeof(who));
			return say_err("umount " HVISOR_NODE ": %s%s%s",
				       strerror(err), who[0] ? "; it is open in " : "",
				       who);
		}
		usleep(LOOK_MS * 1000);
	}
	return 0;
}

static int give_node_back(void)
{
	if (!node_taken())
		return 0;
	if (unmount_node() || vnet_set_backend(HVISOR_NODE, -1))
		return -1;
	puts(HVISOR_NODE ": hvisor.ko's own again");
	return 0;
}

/* The daemon */

/* In the child; what exec says goes through @report, which it closes. */
static void __attribute__((noreturn))
become_daemon(const struct options *o, const char *file, int log, int report)
{
	int null = open("/dev/null", O_RDWR), err;

	setsid();
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	if (o->hvisor) {
		execlp(o->hvisor, o->hvisor, "virtio", "start", file, NULL);
	} else {
		execlp("hvisor", "hvisor", "virtio", "start", file, NULL);
		if (errno == ENOENT)
			execl("./hvisor", "./hvisor", "virtio", "start", file,
			      NULL);
	}
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static int complain_exec(const struct options *o, int err)
{
	if (!o->hvisor && err == ENOENT) {
		say_err("there is no command hvisor in PATH, and none here; add --hvisor=/where/it/is/hvisor");
		return -1;
	}
	return say_err("%s: %s", o->hvisor ?: "hvisor", strerror(err));
}

/* Fork and exec; return the process, or -1, said why. */
static pid_t spawn_daemon(const struct options *o, const char *file, int log)
{
	int report[2], err = 0;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC))
		return say_err("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		become_daemon(o, file, log, report[1]);
	close(report[1]);
	if (pid < 0) {
		say_err("fork: %s", strerror(errno));
	} else if (read(report[0], &err, sizeof(err)) > 0) {
		waitpid(pid, NULL, 0);
		pid = complain_exec(o, err);
	}
	close(report[0]);
	return pid;
}

/* What it said before it ended. */
static void show_log(int log, off_t from)
{
	char line[512];
	FILE *f;

	fflush(stdout);
	lseek(log, from, SEEK_SET);
	f = fdopen(dup(log), "r");
	while (f && fgets(line, sizeof(line), f))
		fprintf(stderr, "\t%s%s", line, strchr(line, '\n') ? "" : "\n");
	if (f)
		fclose(f);
}

/* Is it still there when it has had time to fail? */
static int watch_daemon(pid_t pid, const char *file)
{
	int status, i;

	for (i = 0; i < SETTLE_MS / LOOK_MS; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			say_err("the daemon ended at once ('hvisor virtio start %s'); it said:",
				file);
			return -1;
		}
		usleep(LOOK_MS * 1000);
	}
	return 0;
}

static int start_daemon(const struct config *c, const struct options *o)
{
	char file[PATH_MAX];
	int log, err = -1;
	off_t from;
	pid_t pid;

	if (!c->others) {
		printf("daemon: not started, %s has nothing for it\n", c->file);
		return 0;
	}
	log = open(o->daemon_log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return say_err("%s: %s; for another file add --daemon-log=FILE",
			       o->daemon_log, strerror(errno));
	from = lseek(log, 0, SEEK_END);
	pid = spawn_daemon(o, daemon_file_name(file, c, o), log);
	if (pid > 0) {
		err = watch_daemon(pid, file);
		if (err)
			show_log(log, from);
	}
	close(log);
	if (!err)
		printf("daemon: runs, process %d, its words go to %s\n", pid,
		       o->daemon_log);
	return err;
}

static int stop_daemon(void)
{
	pid_t pid = daemon_find();
	int i;

	if (!pid)
		return 0;
	if (daemon_node(pid) == NODE_OTHER) {
		printf("daemon: process %d is hvisor.ko's, and left alone\n",
		       pid);
		return 0;
	}
	kill(pid, SIGTERM);
	for (i = 0; i < END_MS / LOOK_MS; i++) {
		if (daemon_find() != pid) {
			puts("daemon: ended");
			return 0;
		}
		usleep(LOOK_MS * 1000);
	}
	return say_err("the daemon, process %d, does not end; do: kill -9 %d",
		       pid, pid);
}

/* Whom to ask to end it: one that has hvisor.ko's own page would not see ours. */
static int refuse_daemon(const struct config *c)
{
	pid_t pid = daemon_find();

	if (!pid)
		return 0;
	if (node_taken())
		return say_err("the daemon runs already, process %d; to end it: hvnet stop %s",
			       pid, c->file);
	return say_err("the daemon runs without us, process %d; shut its zones down, then: kill %d",
		       pid, pid);
}

/* "hvnet start". Return: 0 or -1, said why, with all as before. */
int run_start(const struct config *c, const struct options *o)
{
	bool loaded, taken = node_taken();
	struct load l;

	if (refuse_daemon(c) || load_module(&loaded))
		return -1;
	if (!taken && take_node())
		goto err_module;
	if (load_begin(&l, c, o))
		goto err_node;
	if (start_daemon(c, o)) {
		load_abort(&l);
		goto err_node;
	}
	load_commit(&l);
	puts("ready; now: hvisor zone start ZONE.json");
	return 0;

err_node:
	if (!taken)
		give_node_back();
err_module:
	if (loaded)
		unload_module();
	return -1;
}

/* A zone for which the daemon or the kernel has something. */
static bool is_served(const struct config *c, __u32 id)
{
	size_t i;

	for (i = 0; c && i < c->n_zones; i++)
		if (c->zones[i].id == id)
			return c->zones[i].nets + c->zones[i].others;
	return !c;
}

/* Does a zone run that would miss us? As apply_in_use(). */
static int still_running(const struct config *c, const struct options *o)
{
	__u32 ids[MAX_ZONES];
	int i, n = zones_running(ids);

	for (i = 0; i < n; i++) {
		if (!ids[i] || !is_served(c, ids[i]))
			continue;
		if (!o->force)
			say_err("zone %u runs: shut it down first (hvisor zone shutdown -id %u), or add --force",
				ids[i], ids[i]);
		return -1;
	}
	return apply_in_use(c, o);
}

static int count(const char *name, void *arg)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

/*
 * "hvnet stop". A guest that asks when nobody is left to answer hangs, and its
 * zone cannot be shut down any more: the module outlasts it even if forced.
 * Return: 0 or -1, said why.
 */
int run_stop(const struct config *c, const struct options *o)
{
	static const struct options force = { .force = true };
	bool running = board_loaded() && still_running(c, o);
	size_t left = 0;

	if ((running && !o->force) || stop_daemon() || apply_unload(c, &force))
		return -1;
	board_each(count, &left);
	if (running || left) {
		printf("module: stays, %s\n", running ?
		       "to answer what still runs; when that is down: hvnet stop" :
		       "it has other zones (see hvnet status)");
		return 0;
	}
	return give_node_back() ?: unload_module();
}
