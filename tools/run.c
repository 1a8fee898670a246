// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet start" and "hvnet stop": the module, its devices and hvisor-tool's
 * daemon, in an order in which nothing is ever without somebody who answers,
 * and back.  The daemon and the hvisor command open /dev/hvisor; ours is put
 * there by a bind mount, and calls that are not ours go on to hvisor.ko.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvnet.h"

/* What the daemon calls itself. */
#define DAEMON_COMM	"hvisor-virtio"
#define DAEMON_LOG	"/var/log/hvisor-virtio.log"

static int run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* modprobe, or the file beside us, as it comes out of make. */
static int load_module(void)
{
	const char *const modprobe[] = { "modprobe", "hvisor_vnet", NULL };
	const char *const insmod[] = { "insmod", "hvisor_vnet.ko", NULL };

	if (board_has("new_zone"))
		return 0;
	if (run(modprobe) && run(insmod)) {
		fprintf(stderr, "hvnet: hvisor_vnet can neither be loaded by modprobe nor from ./hvisor_vnet.ko\n");
		return -1;
	}
	printf("module: loaded\n");
	return 0;
}

static bool same_device(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_rdev == sb.st_rdev;
}

/* Stand where hvisor.ko stands, with hvisor.ko behind us. */
static int take_node(void)
{
	if (same_device(HVISOR_NODE, HVNET_NODE))
		return 0;
	if (access(HVISOR_NODE, F_OK)) {
		fprintf(stderr, "hvnet: there is no %s; do: insmod hvisor.ko\n",
			HVISOR_NODE);
		return -1;
	}
	if (board_write("backend", "%s", HVISOR_NODE))
		return -1;
	if (mount(HVNET_NODE, HVISOR_NODE, NULL, MS_BIND, NULL)) {
		fprintf(stderr, "hvnet: mount --bind %s %s: %s\n", HVNET_NODE,
			HVISOR_NODE, strerror(errno));
		return -1;
	}
	printf("%s: now %s, with hvisor.ko behind it\n", HVISOR_NODE, HVNET_NODE);
	return 0;
}

static int give_node_back(void)
{
	if (!same_device(HVISOR_NODE, HVNET_NODE))
		return 0;
	if (umount(HVISOR_NODE)) {
		fprintf(stderr, "hvnet: umount %s: %s\n", HVISOR_NODE,
			strerror(errno));
		return -1;
	}
	printf("%s: hvisor.ko's again\n", HVISOR_NODE);
	return board_write("backend", "\n");
}

/* A process that has ended stays until its parent has looked. */
static bool is_daemon(const char *pid)
{
	char path[PATH_MAX], stat[512] = "", state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(stat, sizeof(stat), f))
		stat[0] = '\0';
	fclose(f);
	return sscanf(stat, "%*d (" DAEMON_COMM ") %c", &state) == 1 &&
	       state != 'Z' && state != 'X';
}

/* The daemon's process id, 0 if it does not run. */
static pid_t find_daemon(void)
{
	struct dirent *d;
	pid_t pid = 0;
	DIR *dir = opendir("/proc");

	while (dir && !pid && (d = readdir(dir)))
		if (atoi(d->d_name) && is_daemon(d->d_name))
			pid = atoi(d->d_name);
	if (dir)
		closedir(dir);
	return pid;
}

static void become_daemon(const char *command, const char *file)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(DAEMON_LOG, O_WRONLY | O_CREAT | O_APPEND, 0600);

	setsid();
	dup2(in, 0);
	dup2(out < 0 ? in : out, 1);
	dup2(out < 0 ? in : out, 2);
	execlp(command, command, "virtio", "start", file, (char *)NULL);
	_exit(127);
}

/* It has a name of its own as soon as it runs. */
static int wait_for_daemon(pid_t pid)
{
	int status, i;

	for (i = 0; i < 100; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return -1;
		if (find_daemon())
			return 0;
		usleep(20000);
	}
	return -1;
}

static int start_daemon(const char *file)
{
	const char *command = getenv("HVISOR");
	pid_t pid;

	if (!command)
		command = access("./hvisor", X_OK) ? "hvisor" : "./hvisor";
	pid = fork();
	if (!pid)
		become_daemon(command, file);
	if (pid < 0 || wait_for_daemon(pid)) {
		fprintf(stderr, "hvnet: '%s virtio start %s' did not stay: see %s; is the hvisor command elsewhere? HVISOR=/path/to/hvisor hvnet start ...\n",
			command, file, DAEMON_LOG);
		return -1;
	}
	printf("daemon: started, it says what it does in %s\n", DAEMON_LOG);
	return 0;
}

static int stop_daemon(void)
{
	pid_t pid = find_daemon();
	int i;

	if (!pid)
		return 0;
	kill(pid, SIGTERM);
	for (i = 0; i < 250; i++) {
		if (find_daemon() != pid) {
			printf("daemon: stopped\n");
			return 0;
		}
		usleep(20000);
	}
	fprintf(stderr, "hvnet: the daemon (process %d) does not end; do: kill -9 %d\n",
		pid, pid);
	return -1;
}

/* "hvnet start" */
int run_start(const char *file, const struct load_options *options)
{
	char daemon_file[PATH_MAX];

	if (find_daemon()) {
		fprintf(stderr, "hvnet: the daemon runs already, with a page of its own; do: hvnet stop %s (or: pkill %s)\n",
			file, DAEMON_COMM);
		return 1;
	}
	if (load_module() || take_node())
		return 1;
	if (apply_load(file, options))
		goto err_node;
	daemon_file_name(daemon_file, sizeof(daemon_file), file);
	if (start_daemon(options->daemon_file ?: daemon_file))
		goto err_unload;
	printf("now: hvisor zone start ...\n");
	return 0;

err_unload:
	apply_unload(file);
err_node:
	give_node_back();
	return 1;
}

/* "hvnet stop" */
int run_stop(const char *file)
{
	const char *const rmmod[] = { "rmmod", "hvisor_vnet", NULL };

	if (stop_daemon() || apply_unload(file) || give_node_back())
		return 1;
	if (!board_has("new_zone"))
		return 0;
	if (run(rmmod)) {
		fprintf(stderr, "hvnet: the module is still in use\n");
		return 1;
	}
	printf("module: unloaded\n");
	return 0;
}
