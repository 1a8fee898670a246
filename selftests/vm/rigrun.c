// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests inside the VM, one after the other, and reports through the
 * kernel's log: /dev/kmsg keeps lines whole and in order with what the kernel
 * itself says, which a shared serial console would not.
 *
 * A test is a program; its output is passed on line by line.  This program
 * bounds its time, kills what it left behind, and looks at what the kernel
 * logged meanwhile.  What a test means, and which tests there are, is not
 * known here; run.sh on the host makes KTAP of it.
 *
 * Lines written (after the level):
 *	rig| TEXT			a line that the test printed
 *	rig-begin NAME
 *	rig-end NAME STATUS MS WHY	WHY is "-" or says what the kernel did
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_KMSG	900	/* the kernel cuts records at about 1000 */
#define REAP_MS		5000
#define CLEAN_SECONDS	60
#define STATUS_TIMEOUT	124	/* as timeout(1) says it */
#define LEAKS		"/sys/kernel/debug/kmemleak"
#define LEAK_SECONDS	6	/* what is younger than 5 is not reported */
#define LEAK_LINES	40

/* What a healthy kernel never says. */
static const char * const bad_words[] = {
	"WARNING: ", "BUG: ", "kernel BUG at", "Oops", "Internal error",
	"Unable to handle kernel", "general protection fault", "Kernel panic",
	"soft lockup", "hard LOCKUP", "rcu: INFO:", "blocked for more than",
	"suspicious RCU usage", "inconsistent lock state",
	"circular locking dependency", "recursive locking",
	"irq lock inversion", "bad unlock balance", "still held",
	"sleeping function called", "scheduling while atomic",
	"list_add corruption", "list_del corruption", "refcount_t:",
	"UBSAN:", "KASAN:", "KFENCE:", "nobody cared", "DMA-API:",
	"unregister_netdevice: waiting", "Bad page state", "double free",
	"suspected memory leak", "NETDEV WATCHDOG", "Trying to vfree",
	"on deprecated workqueue",
};

/* One of many in a kernel, and no fault of ours unless it says so. */
#define RACE	"BUG: KCSAN: "
#define OURS	"[hvisor_vnet]"
#define MARKED	"(marked)"
#define PLACE	"+0x"

static int kmsg_fd;		/* what we say */
static int klog_fd;		/* what the kernel says */

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static void emit(const char *fmt, ...)
{
	char line[LINE_MAX_KMSG + 64];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line) - 1)
		len = sizeof(line) - 2;
	/* A record without its newline waits for the next one to be printed. */
	line[len++] = '\n';
	if (write(kmsg_fd, line, len) < 0)
		perror("/dev/kmsg");
}

/* Passes on the whole lines in buf; returns what is left of the last one. */
static size_t emit_lines(char *buf, size_t len, bool flush)
{
	char *start = buf, *end;

	while ((end = memchr(start, '\n', buf + len - start))) {
		emit("<5>rig| %.*s", (int)(end - start), start);
		start = end + 1;
	}
	len = buf + len - start;
	if (len && (flush || len >= LINE_MAX_KMSG)) {
		emit("<5>rig| %.*s", (int)len, start);
		return 0;
	}
	memmove(buf, start, len);
	return len;
}

/*
 * A race is told of in a title, and for each of the two accesses in what it is and
 * then where.  A marked one has been thought of: a fault is a plain one of ours.
 * A guest's driver has plain ones to its rings, which are another kernel's.
 *
 * Return: the title, at the line that makes it our fault.
 */
static const char *our_race(const char *text)
{
	static char title[256];
	static bool plain;

	if (strstr(text, RACE)) {
		snprintf(title, sizeof(title), "%s", text);
		plain = false;
		return NULL;
	}
	if (strstr(text, " bytes by ")) {
		plain = !strstr(text, MARKED);
		return NULL;
	}
	/* Others may log in between: only a place is one. */
	if (!plain || !strstr(text, PLACE))
		return NULL;
	plain = false;
	return strstr(text, OURS) ? title : NULL;
}

/* Return: what is bad about it, or NULL. */
static const char *fault(const char *text)
{
	const char *race = our_race(text);
	size_t i;

	if (race || strstr(text, RACE))
		return race;
	for (i = 0; i < sizeof(bad_words) / sizeof(*bad_words); i++)
		if (strstr(text, bad_words[i]))
			return text;
	return NULL;
}

/*
 * Reads what the kernel logged since the last call and copies its first bad
 * line to why.  Our own lines are of facility 1 (user), the kernel's of 0.
 */
static bool kernel_complained(char *why, size_t size)
{
	const char *found;
	bool bad = false;
	char rec[8192], *text;
	ssize_t len;

	for (;;) {
		len = read(klog_fd, rec, sizeof(rec) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			return bad;
		rec[len] = '\0';
		text = strchr(rec, ';');
		if (bad || !text || strtoul(rec, NULL, 10) >> 3)
			continue;
		text[strcspn(text, "\n")] = '\0';
		found = fault(text);
		if (found) {
			snprintf(why, size, "kernel: %s", found + 1);
			bad = true;
		}
	}
}

/* Kills every process that descends from us: orphans are ours by prctl(). */
static void kill_leftovers(void)
{
	long end = now_ms() + REAP_MS;
	char path[64];
	pid_t pid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	while (now_ms() < end) {
		file = fopen(path, "r");
		if (!file)
			return;
		while (fscanf(file, "%d", &pid) == 1)
			kill(pid, SIGKILL);
		fclose(file);
		do {
			pid = waitpid(-1, NULL, WNOHANG);
		} while (pid > 0);
		if (pid < 0)
			return;
		usleep(10000);
	}
	emit("<5>rig| # a process that the test left behind cannot be killed");
}

static pid_t start(char *const argv[], int *out)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC)) {
		perror("pipe");
		exit(1);
	}
	pid = fork();
	if (!pid) {
		setsid();
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		execvp(argv[0], argv);
		dprintf(1, "cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(pipes[1]);
	*out = pipes[0];
	return pid;
}

/* Runs one program to its end or its bound; returns an exit status. */
static int run(char *const argv[], int seconds)
{
	long end = now_ms() + seconds * 1000L, left;
	char buf[LINE_MAX_KMSG + 1];
	int out, status = 0, ret = -1;
	struct pollfd pfd;
	size_t used = 0;
	ssize_t len;
	pid_t pid;

	pid = start(argv, &out);
	fcntl(out, F_SETFL, O_NONBLOCK);
	pfd = (struct pollfd){ .fd = out, .events = POLLIN };
	while (ret < 0) {
		/* A daemon of the test may hold the pipe open: ask for both. */
		if (waitpid(pid, &status, WNOHANG) == pid)
			ret = WIFEXITED(status) ? WEXITSTATUS(status) :
						  128 + WTERMSIG(status);
		left = end - now_ms();
		if (ret < 0 && left <= 0) {
			kill(-pid, SIGKILL);
			emit("<5>rig| # timeout after %d s", seconds);
			ret = STATUS_TIMEOUT;
		}
		if (ret < 0)
			poll(&pfd, 1, left < 50 ? (int)left : 50);
		while ((len = read(out, buf + used, sizeof(buf) - used)) > 0)
			used = emit_lines(buf, used + len, false);
		if (!len && ret < 0)	/* closed: only its end is awaited */
			pfd.fd = -1;
	}
	emit_lines(buf, used, true);
	kill_leftovers();
	close(out);
	return ret;
}

/*
 * Makes a kernel that can say what nobody points to any more.  What changed
 * since the scan before counts as used: hence two.
 */
static void look_for_leaks(void)
{
	int fd = open(LEAKS, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	sleep(LEAK_SECONDS);
	if (write(fd, "scan", 4) < 0 || write(fd, "scan", 4) < 0)
		perror(LEAKS);
	close(fd);
}

/* What they are, and where they came from. */
static void show_leaks(void)
{
	FILE *file = fopen(LEAKS, "re");
	char line[256];
	int i;

	if (!file)
		return;
	for (i = 0; i < LEAK_LINES && fgets(line, sizeof(line), file); i++) {
		line[strcspn(line, "\n")] = '\0';
		emit("<5>rig| # %s", line);
	}
	fclose(file);
}

/* Returns false when this kernel should not run another test. */
static bool run_test(const char *name, int seconds, char *command)
{
	char *const argv[] = { "/bin/sh", "-c", command, NULL };
	char *const clean[] = { "/bin/sh", "/rig/clean.sh", NULL };
	char why[512] = "-";
	long begin = now_ms();
	bool bad, dirty;
	int status;

	emit("<5>rig-begin %s", name);
	status = run(argv, seconds);
	begin = now_ms() - begin;
	dirty = run(clean, CLEAN_SECONDS);
	look_for_leaks();
	bad = kernel_complained(why, sizeof(why));
	if (bad)
		show_leaks();
	emit("<5>rig-end %s %d %ld %s", name, status, begin, why);
	return !bad && !dirty && status != STATUS_TIMEOUT;
}

/* Each line of the list: NAME SECONDS COMMAND... */
int main(int argc, char **argv)
{
	char line[4096], name[256], why[512];
	FILE *list;
	int seconds, skip;

	if (argc != 2)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	klog_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	list = fopen(argv[1], "re");
	if (kmsg_fd < 0 || klog_fd < 0 || !list)
		return 2;
	if (kernel_complained(why, sizeof(why)))
		emit("<5>rig-boot %s", why);
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%255s %d %n", name, &seconds, &skip) != 2)
			continue;
		if (!run_test(name, seconds, line + skip))
			break;
	}
	emit("<5>rig-done");
	return 0;
}
