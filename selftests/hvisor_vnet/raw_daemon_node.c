// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=2
 *
 * Nonsense at the node that hvisor-tool opens: every malformed call and mapping
 * gets an errno, and words in the log that say what is wrong.  What is right
 * and not about the page goes on to hvisor.ko as it was made.
 */
#define _GNU_SOURCE
#include "tooldaemon.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static int kmsg;

/* The log since the last look. */
static bool log_says(const char *words)
{
	char line[1024];
	bool found = false;
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[n > 0 ? n : 0] = '\0';
		found |= !!strstr(line, words);
	}
	return found;
}

/* One that is refused, in words; they are rate limited, so again if need be. */
#define refused(call, err, words)					\
	({								\
		const char *_words = (words);				\
		unsigned int _i;					\
		bool _right = true, _said = false;			\
									\
		log_says("");						\
		for (_i = 0; _right && !_said && _i < 70; _i++) {	\
			if (_i)						\
				usleep(100000);				\
			errno = 0;					\
			_right = (long)(call) == -1 && errno == (err);	\
			_said = log_says(_words);			\
		}							\
		if (!_right)						\
			ktap_diag("%s:%d: errno %d: %s", __FILE__,	\
				  __LINE__, errno, #call);		\
		else if (!_said)					\
			ktap_diag("%s:%d: not said: %s", __FILE__,	\
				  __LINE__, _words);			\
		_right && _said;					\
	})

static int node_open(void)
{
	int node = open(TD_NODE, O_RDWR | O_CLOEXEC);

	if (node < 0)
		rg_die("%s: %s", TD_NODE, strerror(errno));
	return node;
}

static long map(int node, u64 at, size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, node, at);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, size);
	return 0;
}

/* The file's mode does not stop this one: the capability is asked for. */
static bool test_capability(void)
{
	int status;
	pid_t pid;

	chmod(TD_NODE, 0666);
	pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(2);
		_exit(open(TD_NODE, O_RDWR) < 0 && errno == EPERM ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	chmod(TD_NODE, 0600);
	return ktap_expect_eq(status, 0);
}

static bool test_page_calls(void)
{
	int node = node_open();
	bool ok;

	ok = refused(ioctl(node, TOOL_FINISH_REQ), EINVAL,
		     "FINISH_REQ: it has no page");
	ok &= refused(ioctl(node, TOOL_SET_EVENTFD, 99), EBADF,
		      "SET_EVENTFD: 99 is no eventfd");
	ok &= refused(ioctl(node, TOOL_SET_EVENTFD, node), EINVAL,
		      "is no eventfd");
	ok &= refused(ioctl(node, TOOL_SET_EVENTFD, -1), EBADF,
		      "-1 is no eventfd");
	close(node);
	return ok;
}

static bool test_strangers(void)
{
	int node = node_open();
	bool ok;

	/* Not hvisor-tool's, and hvisor-tool's of another size. */
	ok = refused(ioctl(node, _IO('T', 1)), ENOTTY,
		     "0x5401 is no call of hvisor-tool's");
	ok &= refused(ioctl(node, _IOW(1, 8, u64), 0), ENOTTY,
		      "LOAD_IMAGE: 0x40080108 is not the call known by that number");
	ok &= refused(ioctl(node, _IOW(1, 4, u32), 1), ENOTTY,
		      "another version of hvisor-tool");
	ok &= refused(ioctl(node, _IOR(1, 3, void *), 1), ENOTTY,
		      "ZONE_START: ");
	close(node);
	return ok;
}

static bool test_zone_calls(const struct hvsim_raw_ram *ram)
{
	struct tool_image none = { .load_paddr = ram->base };
	struct tool_image wraps = { .load_paddr = ram->base, .size = -4096ull };
	struct tool_image roots = {
		.load_paddr = ram->base - 0x10000000, .size = 4096,
	};
	struct tool_image beyond = {
		.load_paddr = ram->base + ram->size - 100, .size = 101,
	};
	int node = node_open();
	bool ok;

	ok = refused(ioctl(node, TOOL_ZONE_START, 8), EFAULT,
		     "ZONE_START: there is no configuration at 0x8");
	ok &= refused(ioctl(node, TOOL_LOAD_IMAGE, 8), EFAULT,
		      "LOAD_IMAGE: there is no image at 0x8");
	ok &= refused(ioctl(node, TOOL_LOAD_IMAGE, &none), EINVAL,
		      "no image is 0 bytes");
	ok &= refused(ioctl(node, TOOL_LOAD_IMAGE, &wraps), EINVAL,
		      "no image is");
	ok &= refused(ioctl(node, TOOL_LOAD_IMAGE, &roots), EPERM,
		      "is root's own");
	ok &= refused(ioctl(node, TOOL_LOAD_IMAGE, &beyond), EINVAL,
		      "runs into root's own");
	close(node);
	return ok;
}

static bool test_page_maps(void)
{
	int node = node_open();
	bool ok;

	ok = refused(map(node, 0, 4096, MAP_SHARED), EINVAL,
		     "there is no page before INIT_VIRTIO");
	if (ioctl(node, TOOL_INIT_VIRTIO))
		rg_die("INIT_VIRTIO: %s", strerror(errno));
	ok &= refused(map(node, 0, 8192, MAP_SHARED), EINVAL,
		      "one page, not 8192 bytes");
	ok &= refused(map(node, 0, 4096, MAP_PRIVATE), EINVAL,
		      "MAP_SHARED is needed");
	ok &= ktap_expect(!map(node, 0, 4096, MAP_SHARED));
	close(node);
	return ok;
}

static bool test_ram_maps(const struct hvsim_raw_ram *ram)
{
	int node = node_open();
	u64 end = ram->base + ram->size;
	bool ok;

	ok = refused(map(node, ram->base - 0x10000000, 4096, MAP_SHARED), EPERM,
		     "is root's own");
	ok &= refused(map(node, end - 4096, 8192, MAP_SHARED), EINVAL,
		      "runs into root's own");
	ok &= refused(map(node, ram->base, 4096, MAP_PRIVATE), EINVAL,
		      "MAP_SHARED is needed");
	ok &= refused(map(node, 0x7ffffffffffff000, 4096, MAP_SHARED), EINVAL,
		      "runs past the end");
	ok &= refused(map(node, strtoull(getenv("RIG_REGISTERS"), NULL, 0),
			  4096, MAP_SHARED), EBUSY, "is not RAM");
	ok &= ktap_expect(!map(node, end - 4096, 4096, MAP_SHARED));
	close(node);
	return ok;
}

static struct hvsim_tool_call last_call(void)
{
	struct hvsim_tool_call call = {};
	int tool = open(TD_BACKEND, O_RDWR | O_CLOEXEC);

	ioctl(tool, HVSIM_TOOL_LAST_CALL, &call);
	close(tool);
	return call;
}

static bool reaches(int node, unsigned int cmd, unsigned long arg)
{
	struct hvsim_tool_call call;
	bool ok;

	ok = ktap_expect_eq(ioctl(node, cmd, arg), 0);
	call = last_call();
	return ok & ktap_expect_eq(call.cmd, cmd) &
	       ktap_expect_eq(call.arg, arg);
}

static bool test_backend(void)
{
	int node = node_open();
	bool ok;

	rg_bus("backend", "\n");
	ok = refused(ioctl(node, TOOL_ZONE_LIST, 0), ENODEV,
		     "hvisor.ko's node is not known: echo /dev/hvisor");
	ok &= refused(ioctl(node, TOOL_ZONE_SHUTDOWN, 7), ENODEV,
		      "ZONE_SHUTDOWN: hvisor.ko's node is not known");
	ok &= ktap_expect_eq(rg_bus("backend", "/nowhere\n"), -ENOENT);
	ok &= ktap_expect_eq(rg_bus("backend", "%s\n", TD_NODE), -EINVAL);
	ok &= ktap_expect_eq(rg_bus("backend", "/dev/null\n"), -EINVAL);
	ok &= ktap_expect_eq(rg_bus("backend", "/dev/console\n"), -EINVAL);
	ok &= ktap_expect_eq(rg_bus("backend", "/etc/rig.env\n"), -EINVAL);
	/* One of its kind that takes no calls. */
	if (!access("/dev/cpu_dma_latency", F_OK))
		ok &= ktap_expect_eq(rg_bus("backend",
					    "/dev/cpu_dma_latency\n"),
				     -EINVAL);
	/* What went before is let go of. */
	ok &= ktap_expect_eq(rg_bus("backend", "%s\n", TD_BACKEND), 0);
	ok &= ktap_expect_eq(rg_bus("backend", "%s\n", TD_BACKEND), 0);
	close(node);
	return ok;
}

static bool test_forward(const struct hvsim_raw_ram *ram)
{
	struct tool_image image = { .load_paddr = ram->base, .size = 100 };
	struct { u32 id, pad[15]; } config = { .id = 7 };
	int node = node_open();
	bool ok;

	ok = reaches(node, TOOL_ZONE_LIST, 0x1234);
	ok &= reaches(node, _IOWR(1, 32, char[136]), 0x1234);
	ok &= reaches(node, TOOL_ZONE_START, (unsigned long)&config);
	ok &= reaches(node, TOOL_LOAD_IMAGE, (unsigned long)&image);
	ok &= reaches(node, TOOL_ZONE_SHUTDOWN, 7);
	ok &= ktap_expect(last_call().cpu != 0);
	/* Its refusals are handed back. */
	ok &= ktap_expect(ioctl(node, TOOL_ZONE_SHUTDOWN, 31) == -1 &&
			  errno == EINVAL);
	close(node);
	return ok;
}

/* With nobody on root's side of the page there is none to share. */
static bool test_no_hypervisor(void)
{
	int node;
	bool ok;

	rg_bus("backend", "\n");
	rg_dev_del(d);
	rg_zone_del(&zone);
	close(d->fd);
	/* A daemon is served while it goes. */
	node = node_open();
	if (ioctl(node, TOOL_INIT_VIRTIO))
		rg_die("INIT_VIRTIO: %s", strerror(errno));
	if (system("rmmod hvisor_sim"))
		return ktap_expect(false);
	ok = refused(ioctl(node, TOOL_FINISH_REQ), EINVAL,
		     "FINISH_REQ: it has no page");
	ok &= refused(ioctl(node, TOOL_INIT_VIRTIO), ENODEV,
		     "INIT_VIRTIO: there is no hypervisor");
	close(node);
	return ok;
}

int main(void)
{
	struct hvsim_raw_ram ram;

	rg_setup();
	ktap_plan(11);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	if (ioctl(d->fd, HVSIM_RAW_GET_RAM, &ram))
		rg_die("GET_RAM: %s", strerror(errno));
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		rg_die("/dev/kmsg: %s", strerror(errno));

	ktap_point(test_capability(),
		   "only for who may administrate the system");
	ktap_point(test_page_calls(), "calls about the page");
	ktap_point(test_strangers(), "calls that are none");
	ktap_point(test_backend(), "hvisor.ko's node, and what is not");
	ktap_point(test_zone_calls(&ram), "calls about zones");
	ktap_point(test_page_maps(), "mappings of the page");
	ktap_point(test_ram_maps(&ram), "mappings of RAM");
	ktap_point(ktap_expect(rg_works(d)), "our device goes on");
	ktap_point(test_forward(&ram), "what is not ours goes on to hvisor.ko");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0),
		   "nobody waited in vain");
	ktap_point(test_no_hypervisor(), "without a hypervisor");
	return ktap_finish();
}
