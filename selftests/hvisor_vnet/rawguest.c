// SPDX-License-Identifier: GPL-2.0-only
/*
 * The raw guest: see rawguest.h for what it is and what it offers.  In here is
 * a virtio driver reduced to what the tests need to take hold of, and the few
 * words of sysfs and packet sockets that make a device and root's end of it.
 * Byte order: hvisor's machines, and those that simulate it, are little endian.
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define RG_BUS		"/sys/bus/hvisor_vnet"
#define RG_SOCKBUF	(8 << 20)

bool rg_impatient;

/**
 * rg_die - the test cannot go on
 * @fmt: why
 */
void rg_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("Bail out! ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	exit(KTAP_FAIL);
}

/* Files. */

static int rg_write_text(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = -errno;
	close(fd);
	return err;
}

/**
 * rg_write - write a line to a file
 * @path: the file
 * @fmt: the line
 *
 * Return: 0 or a negative errno.
 */
int rg_write(const char *path, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return rg_write_text(path, text, len);
}

/**
 * rg_bus - write a line to a file of the module's bus
 * @file: its name
 * @fmt: the line
 *
 * Return: 0 or a negative errno.
 */
int rg_bus(const char *file, const char *fmt, ...)
{
	char path[128], text[512];
	va_list args;
	int len;

	snprintf(path, sizeof(path), RG_BUS "/%s", file);
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return rg_write_text(path, text, len);
}

static bool rg_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

static u64 rg_read_number(const char *path)
{
	char text[64];

	if (!rg_read_text(path, text, sizeof(text)))
		rg_die("cannot read %s: %s", path, strerror(errno));
	return strtoull(text, NULL, 0);
}

/**
 * rg_counter - read a counter of a device
 * @d: the device
 * @name: the counter
 */
u64 rg_counter(const struct rg_dev *d, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/counters/%s", d->dir, name);
	return rg_read_number(path);
}

/**
 * rg_state - read a file of a device that holds a number
 * @d: the device
 * @name: the file
 */
u64 rg_state(const struct rg_dev *d, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	return rg_read_number(path);
}

/**
 * rg_page_counter - read a counter of the shared page
 * @name: the counter
 */
u64 rg_page_counter(const char *name)
{
	char pattern[160];
	glob_t found;
	u64 n;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/platform/drivers/hvisor_vnet/*/counters/%s", name);
	if (glob(pattern, 0, NULL, &found))
		rg_die("no counter %s of the page", name);
	n = rg_read_number(found.gl_pathv[0]);
	globfree(&found);
	return n;
}

/**
 * rg_sim_counter - read a counter of the simulated hypervisor
 * @name: the counter
 */
u64 rg_sim_counter(const char *name)
{
	static char text[4096];
	char *line, *rest = text;

	if (!rg_read_text(HVSIM_SYSFS "/counters", text, sizeof(text)))
		rg_die("cannot read the simulator's counters");
	while ((line = strsep(&rest, "\n"))) {
		size_t len = strlen(name);

		if (!strncmp(line, name, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 0);
	}
	rg_die("the simulator has no counter %s", name);
}

/**
 * rg_sim_param - set a parameter of the simulated hypervisor
 * @name: the parameter
 * @value: its value
 */
void rg_sim_param(const char *name, u64 value)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "/sys/module/hvisor_sim/parameters/%s",
		 name);
	err = rg_write(path, "%llu\n", (unsigned long long)value);
	if (err)
		rg_die("cannot set %s: %s", name, strerror(-err));
}

/* Set-up. */

static unsigned int rg_last_cpu(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

/**
 * rg_relax - let another CPU run where one host thread plays all of them
 */
void rg_relax(void)
{
#if defined(__aarch64__)
	asm volatile("yield");
#elif defined(__riscv)
	asm volatile(".4byte 0x0100000f");	/* pause, of an extension */
#else
	asm volatile("pause");
#endif
}

/**
 * rg_pin - have this thread run on one CPU
 * @cpu: the CPU
 */
void rg_pin(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		rg_die("no CPU %u: %s", cpu, strerror(errno));
}

/**
 * rg_setup - before everything else
 *
 * Loads the modules, and has the guest run on the last CPU; root's is 0.
 */
void rg_setup(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (access("/etc/rig.env", R_OK))
		ktap_skip_all("this runs in the VM only");
	if (system(". ./lib.sh && load_modules"))
		rg_die("the modules do not load");
	/* Nothing but the tests' frames shall reach the guest. */
	rg_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1\n");
	rg_pin(rg_last_cpu());
}

/**
 * rg_shell - run a command that must not fail
 * @command: for the shell
 */
void rg_shell(const char *command)
{
	if (system(command))
		rg_die("%s fails", command);
}

/**
 * rg_kernel_since - is root's kernel that version, or newer?
 * @major: its first number
 * @minor: its second one
 */
bool rg_kernel_since(unsigned int major, unsigned int minor)
{
	unsigned int first, second;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &first, &second) != 2)
		rg_die("no kernel version");
	return first > major || (first == major && second >= minor);
}

/**
 * rg_uso - RG_USO if root's kernel is new enough to check UDP segments, or 0
 */
u64 rg_uso(void)
{
	return rg_kernel_since(6, 2) ? RG_USO : 0;
}

static int rg_open(void)
{
	int fd = open(HVSIM_RAW_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		rg_die("%s: %s", HVSIM_RAW_DEVICE, strerror(errno));
	return fd;
}

/**
 * rg_map_raw - look at a part of the raw RAM, whoever it belongs to
 * @offset: where it begins
 * @size: bytes
 */
u8 *rg_map_raw(size_t offset, size_t size)
{
	int fd = rg_open();
	u8 *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      offset);

	if (at == MAP_FAILED)
		rg_die("raw RAM: mmap: %s", strerror(errno));
	close(fd);
	return at;
}

#define RG_GUARD	0x10000

static u8 *rg_guard_before, *rg_guard_after;

/**
 * rg_guard - have an eye on what is before and behind a zone's RAM
 * @z: the zone, one only
 * @offset: where its RAM begins in the raw RAM
 */
void rg_guard(const struct rg_zone *z, size_t offset)
{
	rg_guard_before = rg_map_raw(offset - RG_GUARD, RG_GUARD);
	rg_guard_after = rg_map_raw(offset + z->size, RG_GUARD);
	rg_pattern(rg_guard_before, RG_GUARD, 1);
	rg_pattern(rg_guard_after, RG_GUARD, 2);
}

/**
 * rg_guards_ok - is it as it was?
 */
bool rg_guards_ok(void)
{
	return ktap_expect(rg_pattern_ok(rg_guard_before, RG_GUARD, 1)) &&
	       ktap_expect(rg_pattern_ok(rg_guard_after, RG_GUARD, 2));
}

/**
 * rg_zone_add - a zone begins
 * @z: the zone
 * @id: its number
 * @offset: where its RAM begins in the raw RAM
 * @size: bytes of RAM
 * @gpa: where the guest sees it
 */
void rg_zone_add(struct rg_zone *z, unsigned int id, size_t offset, size_t size,
		 u64 gpa)
{
	struct hvsim_raw_ram ram;
	int fd = rg_open();
	int err;

	if (ioctl(fd, HVSIM_RAW_GET_RAM, &ram) || ram.size < offset + size)
		rg_die("the simulator has too little raw RAM");
	*z = (struct rg_zone) {
		.id = id, .gpa = gpa, .pa = ram.base + offset, .size = size,
	};
	close(fd);
	z->ram = rg_map_raw(offset, size);
	err = rg_bus("new_zone", "id=%u ram=%#llx,%#llx,%#zx\n", id,
		     (unsigned long long)z->pa, (unsigned long long)gpa, size);
	if (err)
		rg_die("zone %u: %s", id, strerror(-err));
}

/**
 * rg_zone_del - a zone without devices ends
 * @z: the zone
 */
void rg_zone_del(struct rg_zone *z)
{
	int err = rg_bus("del_zone", "id=%u\n", z->id);

	if (err)
		rg_die("del_zone %u: %s", z->id, strerror(-err));
	munmap(z->ram, z->size);
}

/**
 * rg_open_region - a vCPU of a zone
 * @z: the zone
 * @base: its virtio region
 * @len: bytes of it
 *
 * Return: the file to make accesses through.
 */
int rg_open_region(struct rg_zone *z, u64 base, u64 len)
{
	struct hvsim_raw_zone zone = {
		.zone = z->id, .base = base, .len = len,
	};
	int fd = rg_open();

	if (ioctl(fd, HVSIM_RAW_SET_ZONE, &zone))
		rg_die("SET_ZONE: %s", strerror(errno));
	return fd;
}

static int rg_socket(const char *name)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(name),
	};
	int size = RG_SOCKBUF, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		rg_die("packet socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		rg_die("packet socket on %s: %s", name, strerror(errno));
	return fd;
}

/* SIOCSIFFLAGS; it also waits for whoever holds the rtnl lock. */
static void rg_set_flags(const struct rg_dev *d, bool up)
{
	struct ifreq ifr = {};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", d->name);
	if (ioctl(d->sock, SIOCGIFFLAGS, &ifr))
		rg_die("%s: %s", d->name, strerror(errno));
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	if (ioctl(d->sock, SIOCSIFFLAGS, &ifr))
		rg_die("%s: %s", d->name, strerror(errno));
}

/**
 * rg_irq_connect - the guest enables its interrupt
 * @d: the device
 * @flags: HVSIM_IRQ_*
 */
void rg_irq_connect(struct rg_dev *d, u32 flags)
{
	struct hvsim_raw_irq irq = {
		.irq = d->irq, .cpu = rg_last_cpu(), .eventfd = d->event,
		.flags = flags,
	};

	if (ioctl(d->fd, HVSIM_RAW_SET_IRQ, &irq))
		rg_die("SET_IRQ %u: %s", d->irq, strerror(errno));
}

/**
 * rg_irq_disconnect - the guest disables its interrupt
 * @d: the device
 */
void rg_irq_disconnect(struct rg_dev *d)
{
	struct hvsim_raw_irq irq = { .irq = d->irq, .eventfd = -1 };

	if (ioctl(d->fd, HVSIM_RAW_SET_IRQ, &irq))
		rg_die("SET_IRQ %u off: %s", d->irq, strerror(errno));
}

/* The usual one drops what waits too long; nothing is dropped but by us. */
static void rg_set_qdisc(const char *name)
{
	char command[80];

	snprintf(command, sizeof(command),
		 "tc qdisc replace dev %s root pfifo limit 10000", name);
	rg_shell(command);
}

/*
 * Each interrupt that is asked for comes, and at once: told late, a guest that
 * has looked meanwhile is not told at all.
 */
static void rg_set_coalesce(const struct rg_dev *d)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	struct ifreq ifr = { .ifr_data = (void *)&c };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", d->name);
	if (ioctl(d->sock, SIOCETHTOOL, &ifr))
		rg_die("ethtool -c %s: %s", d->name, strerror(errno));
	c.cmd = ETHTOOL_SCOALESCE;
	c.rx_coalesce_usecs = 0;
	c.use_adaptive_tx_coalesce = 0;
	if (ioctl(d->sock, SIOCETHTOOL, &ifr))
		rg_die("ethtool -C %s: %s", d->name, strerror(errno));
}

/**
 * rg_dev_add_in - give a zone a device, in a region that exists
 * @d: the device
 * @z: its zone
 * @fd: the vCPU in whose region it is
 * @addr: guest-physical address of its registers
 * @irq: its interrupt id
 * @name: of root's interface, which comes up
 * @more: further words for new_device
 */
void rg_dev_add_in(struct rg_dev *d, struct rg_zone *z, int fd, u64 addr,
		   u32 irq, const char *name, const char *more)
{
	int err;

	*d = (struct rg_dev) { .zone = z, .fd = fd, .addr = addr, .irq = irq };
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->dir, sizeof(d->dir), RG_BUS "/devices/zone%u-%llx", z->id,
		 (unsigned long long)addr);
	err = rg_bus("new_device", "zone=%u addr=%#llx irq=%u name=%s %s\n",
		     z->id, (unsigned long long)addr, irq, name, more);
	if (err)
		rg_die("device %s: %s", name, strerror(-err));
	d->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->event < 0)
		rg_die("eventfd: %s", strerror(errno));
	rg_irq_connect(d, 0);
	d->sock = rg_socket(name);
	rg_set_coalesce(d);
	rg_set_qdisc(name);
	rg_set_flags(d, true);
}

/**
 * rg_dev_add - give a zone a device in a region of its own
 * @d: the device
 * @z: its zone
 * @addr: guest-physical address of its registers
 * @irq: its interrupt id
 * @name: of root's interface, which comes up
 * @more: further words for new_device
 */
void rg_dev_add(struct rg_dev *d, struct rg_zone *z, u64 addr, u32 irq,
		const char *name, const char *more)
{
	rg_dev_add_in(d, z, rg_open_region(z, addr, 0x200), addr, irq, name,
		      more);
}

/**
 * rg_dev_del - take a device away from root's side
 * @d: the device; its vCPU goes on
 */
void rg_dev_del(struct rg_dev *d)
{
	const char *bus_name = strrchr(d->dir, '/') + 1;
	int err = rg_bus("del_device", "%s\n", bus_name);

	if (err)
		rg_die("del_device %s: %s", bus_name, strerror(-err));
	rg_irq_disconnect(d);
	close(d->sock);
	close(d->event);
}

/* Tracepoints. */

#define RG_TRACING	"/sys/kernel/tracing/"

/**
 * rg_trace - switch a tracepoint
 * @event: which, "system/event"
 * @on: on, with nothing traced yet, or off
 */
void rg_trace(const char *event, bool on)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), RG_TRACING "events/%s/enable", event);
	if (rg_write(path, "%d", on))
		rg_die("cannot trace %s", event);
	if (!on)
		return;
	fd = open(RG_TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		rg_die("cannot clear the trace: %s", strerror(errno));
	close(fd);
}

/**
 * rg_traced - what was traced, of whatever event
 * @part: has to be in a line
 * @line: where to put the last one, from there on; empty if there is none
 * @size: bytes there
 *
 * Return: how many lines.
 */
unsigned int rg_traced(const char *part, char *line, size_t size)
{
	FILE *f = fopen(RG_TRACING "trace", "re");
	unsigned int n = 0;
	char text[512];

	if (!f)
		rg_die("cannot read the trace: %s", strerror(errno));
	line[0] = '\0';
	while (fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\n")] = '\0';
		if (text[0] == '#' || !strstr(text, part))
			continue;
		n++;
		snprintf(line, size, "%s", strstr(text, part));
	}
	fclose(f);
	return n;
}

/* Guest memory. */

/**
 * rg_alloc - take some of the zone's RAM
 * @z: the zone
 * @size: bytes
 * @align: of the guest-physical address, a power of two
 */
void *rg_alloc(struct rg_zone *z, size_t size, size_t align)
{
	size_t at = (z->used + align - 1) & ~(align - 1);

	if (at + size > z->size)
		rg_die("the zone's RAM is used up");
	z->used = at + size;
	return z->ram + at;
}

/**
 * rg_gpa - where the guest sees it
 * @z: the zone
 * @at: in its RAM
 */
u64 rg_gpa(const struct rg_zone *z, const void *at)
{
	return z->gpa + ((const u8 *)at - z->ram);
}

/**
 * rg_at - where the test sees it
 * @z: the zone
 * @gpa: in its RAM
 */
void *rg_at(const struct rg_zone *z, u64 gpa)
{
	return z->ram + (gpa - z->gpa);
}

static u8 rg_pattern_byte(size_t i, u32 seed)
{
	return (i * 7 + (i >> 8) * 13 + seed * 31 + 0x5a) & 0xff;
}

/**
 * rg_pattern - fill memory with what can be recognised
 * @at: the memory
 * @len: bytes
 * @seed: different ones give different patterns
 */
void rg_pattern(void *at, size_t len, u32 seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		((u8 *)at)[i] = rg_pattern_byte(i, seed);
}

/**
 * rg_pattern_ok - is the pattern untouched?
 * @at: the memory
 * @len: bytes
 * @seed: as it was filled
 */
bool rg_pattern_ok(const void *at, size_t len, u32 seed)
{
	const u8 *byte = at;
	size_t i;

	for (i = 0; i < len; i++) {
		if (byte[i] != rg_pattern_byte(i, seed)) {
			ktap_diag("byte %zu of %zu is %#x, not %#x", i, len,
				  byte[i], rg_pattern_byte(i, seed));
			return false;
		}
	}
	return true;
}

/* Registers. */

/**
 * rg_access - touch the virtio region
 * @d: a device in it
 * @addr: guest-physical address
 * @size: 1, 2, 4 or 8
 * @write: it is a write
 * @value: what to write
 *
 * Return: the access with its answer. A vCPU that gets none ends the program.
 */
struct hvsim_raw_access rg_access(const struct rg_dev *d, u64 addr, u32 size,
				  bool write, u64 value)
{
	struct hvsim_raw_access a = {
		.addr = addr, .value = value, .size = size,
		.flags = write ? HVSIM_ACCESS_WRITE : 0,
	};

	if (ioctl(d->fd, HVSIM_RAW_ACCESS, &a))
		rg_die("access at %#llx: %s", (unsigned long long)addr,
		       strerror(errno));
	if (a.flags & HVSIM_ACCESS_GAVE_UP)
		rg_die("access at %#llx was not answered",
		       (unsigned long long)addr);
	return a;
}

/**
 * rg_get - read a register
 * @d: the device
 * @offset: the register
 */
u32 rg_get(const struct rg_dev *d, u32 offset)
{
	return rg_access(d, d->addr + offset, 4, false, 0).value;
}

/**
 * rg_set - write a register
 * @d: the device
 * @offset: the register
 * @value: what to write
 */
void rg_set(const struct rg_dev *d, u32 offset, u32 value)
{
	rg_access(d, d->addr + offset, 4, true, value);
}

/* The driver. */

/**
 * rg_has - was a feature negotiated?
 * @d: the device
 * @bit: its number
 */
bool rg_has(const struct rg_dev *d, unsigned int bit)
{
	return d->features & RG_BIT(bit);
}

/**
 * rg_reset - reset the device; its queues are forgotten
 * @d: the device
 */
void rg_reset(struct rg_dev *d)
{
	rg_set(d, VIRTIO_MMIO_STATUS, 0);
	if (rg_get(d, VIRTIO_MMIO_STATUS))
		rg_die("Status is not 0 after a reset");
	rg_irqs(d, 0);
	memset(d->vq, 0, sizeof(d->vq));
}

/**
 * rg_offered - which features the device offers
 * @d: the device
 */
u64 rg_offered(const struct rg_dev *d)
{
	u64 features;

	rg_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = (u64)rg_get(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	rg_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return features | rg_get(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

/**
 * rg_negotiate - from reset to FEATURES_OK
 * @d: the device
 * @features: what the driver wants; without VIRTIO_F_VERSION_1 it is one from
 *	before FEATURES_OK
 */
void rg_negotiate(struct rg_dev *d, u64 features)
{
	u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	bool mergeable = features & RG_BIT(VIRTIO_NET_F_MRG_RXBUF);
	bool modern = features & RG_BIT(VIRTIO_F_VERSION_1);

	rg_reset(d);
	rg_set(d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	rg_set(d, VIRTIO_MMIO_STATUS, status);
	if (features & ~rg_offered(d))
		rg_die("features %#llx are not all offered",
		       (unsigned long long)features);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, features);
	if (modern)
		status |= VIRTIO_CONFIG_S_FEATURES_OK;
	rg_set(d, VIRTIO_MMIO_STATUS, status);
	if (rg_get(d, VIRTIO_MMIO_STATUS) != status)
		rg_die("the device does not take features %#llx",
		       (unsigned long long)features);
	d->features = features;
	d->hdr_len = modern || mergeable ? sizeof(struct virtio_net_hdr_v1) :
					   sizeof(struct virtio_net_hdr);
}

/**
 * rg_queue_alloc - lay a queue out in guest memory
 * @d: the device
 * @index: the queue
 * @num: its size
 */
void rg_queue_alloc(struct rg_dev *d, unsigned int index, unsigned int num)
{
	struct rg_vq *q = &d->vq[index];
	struct rg_zone *z = d->zone;
	unsigned int i;

	*q = (struct rg_vq) {
		.dev = d, .index = index, .num = num, .n_free = num,
		.want_irq = true,
	};
	q->desc = rg_alloc(z, num * sizeof(*q->desc), 16);
	q->avail = rg_alloc(z, sizeof(*q->avail) + 2 * num + 2, 2);
	q->used = rg_alloc(z, sizeof(*q->used) + num * sizeof(*q->used->ring) +
			   2, 4);
	q->table = rg_alloc(z, num * RG_TABLE * sizeof(*q->table), 16);
	memset(q->desc, 0, (u8 *)q->table - (u8 *)q->desc);
	for (i = 0; i < num; i++)
		q->free[i] = num - 1 - i;
}

static void rg_set_addr(const struct rg_dev *d, u32 low, const void *at)
{
	u64 gpa = rg_gpa(d->zone, at);

	rg_set(d, low, gpa);
	rg_set(d, low + 4, gpa >> 32);
}

/**
 * rg_queue_setup - make a queue and tell the device
 * @d: the device
 * @index: the queue
 * @num: its size
 */
void rg_queue_setup(struct rg_dev *d, unsigned int index, unsigned int num)
{
	const struct rg_vq *q = &d->vq[index];

	rg_queue_alloc(d, index, num);
	rg_set(d, VIRTIO_MMIO_QUEUE_SEL, index);
	rg_set(d, VIRTIO_MMIO_QUEUE_NUM, num);
	rg_set_addr(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	rg_set_addr(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	rg_set_addr(d, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	rg_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
	if (rg_get(d, VIRTIO_MMIO_QUEUE_READY) != 1)
		rg_die("queue %u does not get ready", index);
}

/**
 * rg_driver_ok - the driver is ready
 * @d: the device
 */
void rg_driver_ok(struct rg_dev *d)
{
	u32 status = rg_get(d, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK;

	rg_set(d, VIRTIO_MMIO_STATUS, status);
}

/**
 * rg_start - reset the device and start it, with RAM as at the beginning
 * @d: the device, the only one in its zone that is in use
 * @features: to be negotiated
 */
void rg_start(struct rg_dev *d, u64 features)
{
	rg_start_sized(d, features, RG_NUM, RG_NUM);
}

/**
 * rg_start_sized - the same, with queues that may be of another size
 * @d: the device, the only one in its zone that is in use
 * @features: to be negotiated
 * @rx: descriptors of its receive queue
 * @tx: of its transmit queue
 */
void rg_start_sized(struct rg_dev *d, u64 features, unsigned int rx,
		    unsigned int tx)
{
	d->zone->used = 0;
	rg_negotiate(d, features);
	rg_queue_setup(d, RG_RX, rx);
	rg_queue_setup(d, RG_TX, tx);
	if (rg_has(d, VIRTIO_NET_F_CTRL_VQ))
		rg_queue_setup(d, RG_CTRL, RG_NUM);
	rg_driver_ok(d);
	if (!rg_link_wait(d, true))
		rg_die("%s does not come up", d->name);
	rg_root_flush(d);
}

/* Queues. */

static int rg_avail(struct rg_vq *q, u16 head)
{
	q->avail->ring[q->avail_idx % q->num] = head;
	q->avail_idx++;
	return head;
}

static u16 rg_flags(const struct rg_piece *piece, unsigned int i,
		    unsigned int n)
{
	return (piece[i].write ? VRING_DESC_F_WRITE : 0) |
	       (i + 1 < n ? VRING_DESC_F_NEXT : 0);
}

/**
 * rg_add - queue a chain of direct descriptors
 * @q: the queue
 * @piece: its buffers
 * @n: how many
 *
 * The device does not see it before rg_publish().
 *
 * Return: its head, or -1 if there are too few descriptors.
 */
int rg_add(struct rg_vq *q, const struct rg_piece *piece, unsigned int n)
{
	unsigned int i;
	u16 head = 0;

	if (q->n_free < n)
		return -1;
	for (i = n; i-- > 0;) {
		u16 id = q->free[--q->n_free];

		q->desc[id] = (struct vring_desc) {
			.addr = rg_gpa(q->dev->zone, piece[i].at),
			.len = piece[i].len,
			.flags = rg_flags(piece, i, n),
			.next = head,
		};
		head = id;
	}
	q->len[head] = n;
	return rg_avail(q, head);
}

/**
 * rg_add_indirect - queue a chain in a table of its own
 * @q: the queue
 * @piece: its buffers
 * @n: how many, RG_TABLE at most
 *
 * Return: its head, or -1 if there is no descriptor.
 */
int rg_add_indirect(struct rg_vq *q, const struct rg_piece *piece,
		    unsigned int n)
{
	struct vring_desc *table;
	unsigned int i;
	u16 head;

	if (!q->n_free)
		return -1;
	head = q->free[--q->n_free];
	table = q->table + head * RG_TABLE;
	for (i = 0; i < n; i++)
		table[i] = (struct vring_desc) {
			.addr = rg_gpa(q->dev->zone, piece[i].at),
			.len = piece[i].len,
			.flags = rg_flags(piece, i, n),
			.next = i + 1,
		};
	q->desc[head] = (struct vring_desc) {
		.addr = rg_gpa(q->dev->zone, table),
		.len = n * sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT,
	};
	q->len[head] = 1;
	return rg_avail(q, head);
}

/**
 * rg_publish - show the device what was queued
 * @q: the queue
 */
void rg_publish(struct rg_vq *q)
{
	/* Descriptors and ring entries before the index. */
	__atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
	q->published = q->avail_idx;
}

/**
 * rg_kick_needed - does the device want to know?
 * @q: the queue
 * @old: avail->idx when it was last asked
 */
bool rg_kick_needed(const struct rg_vq *q, u16 old)
{
	const u16 *event = (const u16 *)&q->used->ring[q->num];

	/* The index before the look at what the device wants. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (rg_has(q->dev, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(__atomic_load_n(event, __ATOMIC_RELAXED),
					q->published, old);
	return !(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) &
		 VRING_USED_F_NO_NOTIFY);
}

/**
 * rg_notify - kick, wanted or not
 * @q: the queue
 */
void rg_notify(struct rg_vq *q)
{
	rg_set(q->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
}

/**
 * rg_kick - publish what was queued, and kick if the device wants it
 * @q: the queue
 *
 * Return: true if it was kicked.
 */
bool rg_kick(struct rg_vq *q)
{
	u16 old = q->published;

	rg_publish(q);
	if (old == q->published || !rg_kick_needed(q, old))
		return false;
	rg_notify(q);
	return true;
}

/**
 * rg_used_idx - how many chains the device has given back
 * @q: the queue
 */
u16 rg_used_idx(const struct rg_vq *q)
{
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);
}

static void rg_write_used_event(struct rg_vq *q, u16 event)
{
	__atomic_store_n(&q->avail->ring[q->num], event, __ATOMIC_RELAXED);
}

/**
 * rg_irq_on - have the device interrupt for the next used entry
 * @q: the queue
 */
void rg_irq_on(struct rg_vq *q)
{
	q->want_irq = true;
	q->avail->flags = 0;
	rg_write_used_event(q, q->last_used);
	/* Before a look at used->idx. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/**
 * rg_irq_off - no interrupts for a queue
 * @q: the queue
 */
void rg_irq_off(struct rg_vq *q)
{
	q->want_irq = false;
	q->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	/* As far away as can be. */
	rg_write_used_event(q, q->last_used + 0x8000);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void rg_free_chain(struct rg_vq *q, u32 head)
{
	u16 id = head, i;

	if (head >= q->num || !q->len[head])
		rg_die("queue %u gave back a chain that it does not have: %u",
		       q->index, head);
	for (i = 0; i < q->len[head]; i++) {
		u16 next = q->desc[id].next;

		q->free[q->n_free++] = id;
		id = next;
	}
	q->len[head] = 0;
}

/**
 * rg_used - take the next chain given back
 * @q: the queue
 * @elem: its used entry; the descriptor of its head stays as it is until the
 *	next chain is queued
 *
 * Return: false if there is none.
 */
bool rg_used(struct rg_vq *q, struct vring_used_elem *elem)
{
	if (rg_used_idx(q) == q->last_used)
		return false;
	*elem = q->used->ring[q->last_used % q->num];
	q->last_used++;
	rg_free_chain(q, elem->id);
	if (q->want_irq)
		rg_irq_on(q);
	return true;
}

/**
 * rg_wait_used - wait for the next chain given back
 * @q: the queue
 * @elem: its used entry
 *
 * Return: false if there is none for a long time.
 */
bool rg_wait_used(struct rg_vq *q, struct vring_used_elem *elem)
{
	if (ktap_wait_for(RG_LONG, rg_used(q, elem)))
		return true;
	rg_impatient = true;
	return false;
}

/**
 * rg_spin_used - wait for the next chain given back, and leave it there
 * @q: the queue
 *
 * Busy, as a CPU that does nothing else: it sees the entry at once.
 *
 * Return: false if there is none for a long time.
 */
bool rg_spin_used(const struct rg_vq *q)
{
	unsigned long long end = ktap_now_ns() + RG_LONG * 1000000ull;
	unsigned int turn = 0;

	while (rg_used_idx(q) == q->last_used)
		if (++turn % 1024 == 0 && ktap_now_ns() > end)
			return false;
	return true;
}

/* Interrupts. */

/**
 * rg_irqs - wait for interrupts
 * @d: the device
 * @ms: at most so long for the first
 *
 * Return: how many came since the last call.
 */
u64 rg_irqs(const struct rg_dev *d, int ms)
{
	struct pollfd pfd = { .fd = d->event, .events = POLLIN };
	u64 n;

	if (ms && !poll(&pfd, 1, ms) && ms == RG_LONG)
		rg_impatient = true;
	return read(d->event, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/**
 * rg_ack - what a driver does for an interrupt
 * @d: the device
 *
 * Return: InterruptStatus, which is acknowledged.
 */
u32 rg_ack(const struct rg_dev *d)
{
	u32 bits = rg_get(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	if (bits)
		rg_set(d, VIRTIO_MMIO_INTERRUPT_ACK, bits);
	return bits;
}

/* Frames and root's end. */

/**
 * rg_frame - make a frame
 * @frame: where
 * @len: bytes, RG_ETH_HLEN or more
 * @seq: which; frames of one length with different numbers differ
 */
void rg_frame(u8 *frame, size_t len, u32 seq)
{
	static const u8 to[] = { 0x02, 0, 0, 0xbb, 0, 1 };

	rg_pattern(frame, len, seq);
	memcpy(frame, to, sizeof(to));
	/* Not a group address; and a short frame is told by it, too. */
	frame[6] = 0x02;
	memcpy(frame + 7, &seq, sizeof(seq));
	frame[12] = RG_ETHERTYPE >> 8;
	frame[13] = RG_ETHERTYPE & 0xff;
}

/**
 * rg_frame_ok - is it the frame that was sent?
 * @frame: what came
 * @len: its length
 * @want: the length sent
 * @seq: which was sent
 */
bool rg_frame_ok(const u8 *frame, size_t len, size_t want, u32 seq)
{
	u8 sent[2048];
	size_t i;

	if (len != want) {
		ktap_diag("frame %u has %zu bytes, not %zu", seq, len, want);
		return false;
	}
	rg_frame(sent, want, seq);
	for (i = 0; i < len; i++) {
		if (frame[i] != sent[i]) {
			ktap_diag("byte %zu of frame %u (%zu bytes) is %#x, not %#x",
				  i, seq, len, frame[i], sent[i]);
			return false;
		}
	}
	return true;
}

static bool rg_operstate(const struct rg_dev *d, const char *want)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", d->name);
	return rg_read_text(path, text, sizeof(text)) &&
	       !strncmp(text, want, strlen(want));
}

/**
 * rg_link_wait - wait until root knows that there is a carrier, or none
 * @d: the device
 * @up: which
 *
 * Return: false if that takes too long.
 */
bool rg_link_wait(const struct rg_dev *d, bool up)
{
	if (!ktap_wait_for(RG_LONG, rg_operstate(d, up ? "up" : "down")))
		return false;
	/* The queues start a moment later, under the same lock. */
	rg_set_flags(d, true);
	return true;
}

/**
 * rg_link_set - root's interface goes up or down
 * @d: the device
 * @up: which
 */
void rg_link_set(const struct rg_dev *d, bool up)
{
	rg_set_flags(d, up);
}

static void rg_netdev_set(const struct rg_dev *d, const char *file, u32 value)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/%s", d->name, file);
	if (rg_write(path, "%u", value))
		rg_die("%s cannot be set", path);
}

/**
 * rg_recur_after - how long after frames root polls once more by itself
 * @d: the device
 * @us: microseconds; with 0 it does not, and asks for kicks at once
 */
void rg_recur_after(const struct rg_dev *d, unsigned int us)
{
	rg_netdev_set(d, "gro_flush_timeout", us * 1000);
	rg_netdev_set(d, "napi_defer_hard_irqs", !!us);
}

/**
 * rg_forsake - reset the device, and have root let go of what waits for its guest
 * @d: the device; its queues are forgotten
 *
 * An interface that comes up without a carrier starts its queues later, when
 * there is one. Until root has noticed that there is none rg_start() would take
 * the carrier that was for the one to come.
 */
void rg_forsake(struct rg_dev *d)
{
	rg_reset(d);
	rg_link_set(d, false);
	rg_link_set(d, true);
	if (!rg_link_wait(d, false))
		rg_die("%s has a carrier without a driver", d->name);
}

/**
 * rg_root_send - root sends a frame to the guest
 * @d: the device
 * @frame: the frame
 * @len: its length
 *
 * Return: false if it was not taken.
 */
bool rg_root_send(const struct rg_dev *d, const void *frame, size_t len)
{
	return send(d->sock, frame, len, 0) == (ssize_t)len;
}

/* The socket tells once that the interface was down: no reason to give up. */
static ssize_t rg_recv(const struct rg_dev *d, void *buf, size_t size)
{
	ssize_t len;

	do {
		len = recv(d->sock, buf, size, MSG_TRUNC);
	} while (len < 0 && errno == ENETDOWN);
	return len;
}

/**
 * rg_root_recv - a frame that reached root
 * @d: the device
 * @buf: where to put it
 * @size: room there
 * @ms: wait at most so long
 *
 * Return: its length, which may be more than @size, or -1 if there was none.
 */
ssize_t rg_root_recv(const struct rg_dev *d, void *buf, size_t size, int ms)
{
	struct pollfd pfd = { .fd = d->sock, .events = POLLIN };
	ssize_t len = rg_recv(d, buf, size);

	if (len >= 0 || !ms)
		return len;
	if (!poll(&pfd, 1, ms) && ms == RG_LONG)
		rg_impatient = true;
	return rg_recv(d, buf, size);
}

/**
 * rg_root_flush - forget frames that reached root
 * @d: the device
 */
void rg_root_flush(const struct rg_dev *d)
{
	u8 buf[16];

	while (rg_root_recv(d, buf, sizeof(buf), 0) >= 0)
		;
}

/**
 * rg_tx_add - queue a frame, and do not kick
 * @d: the device
 * @buf: where in the guest header and frame go
 * @len: the frame's length
 * @seq: which
 *
 * Return: the chain's head, or what rg_add() says.
 */
int rg_tx_add(struct rg_dev *d, u8 *buf, size_t len, u32 seq)
{
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + len);

	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, len, seq);
	return rg_add(&d->vq[RG_TX], &piece, 1);
}

/**
 * rg_tx_one - one frame from the guest to root
 * @d: the device, nothing queued for transmission
 * @len: its length
 * @seq: which
 *
 * Return: true if it arrived, and its descriptors came back.
 */
bool rg_tx_one(struct rg_dev *d, size_t len, u32 seq)
{
	size_t mark = d->zone->used;
	u8 *buf = rg_alloc(d->zone, d->hdr_len + len, 8);
	struct vring_used_elem elem;
	u8 got[2048];
	ssize_t n;
	int head;

	head = rg_tx_add(d, buf, len, seq);
	rg_kick(&d->vq[RG_TX]);
	n = rg_root_recv(d, got, sizeof(got), RG_LONG);
	d->zone->used = mark;
	if (n < 0) {
		ktap_diag("frame %u did not reach root", seq);
		return false;
	}
	return rg_frame_ok(got, n, len, seq) &&
	       ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)) &&
	       ktap_expect_eq(elem.id, (u32)head) &&
	       ktap_expect_eq(elem.len, 0);
}

/**
 * rg_rx_one - one frame from root to the guest
 * @d: the device, with no receive buffers
 * @len: its length
 * @seq: which
 *
 * Return: true if it arrived.
 */
bool rg_rx_one(struct rg_dev *d, size_t len, u32 seq)
{
	size_t mark = d->zone->used;
	u8 *buf = rg_alloc(d->zone, 2048, 8);
	struct rg_piece piece = { .at = buf, .len = 2048, .write = true };
	struct vring_used_elem elem;
	u8 frame[2048];
	int head;

	head = rg_add(&d->vq[RG_RX], &piece, 1);
	rg_kick(&d->vq[RG_RX]);
	rg_frame(frame, len, seq);
	d->zone->used = mark;
	return ktap_expect(rg_root_send(d, frame, len)) &&
	       ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)) &&
	       ktap_expect_eq(elem.id, (u32)head) &&
	       ktap_expect_eq(elem.len, d->hdr_len + len) &&
	       rg_frame_ok(buf + d->hdr_len, len, len, seq);
}

/**
 * rg_carries - do many frames cross, in both directions in turn?
 * @d: the device, its queues empty
 * @frames: how many; each is a byte longer than the last
 */
bool rg_carries(struct rg_dev *d, unsigned int frames)
{
	u32 seq;

	for (seq = 0; seq < frames; seq++)
		if (!rg_tx_one(d, 60 + seq, seq) ||
		    !rg_rx_one(d, 60 + seq, seq))
			return false;
	return true;
}

/**
 * rg_works - does a device that was started work in both directions?
 * @d: the device, its queues empty
 */
bool rg_works(struct rg_dev *d)
{
	return rg_tx_one(d, 60, 4711) && rg_rx_one(d, 60, 4712) &&
	       rg_tx_one(d, RG_FRAME_MAX, 4713) &&
	       rg_rx_one(d, RG_FRAME_MAX, 4714);
}

/**
 * rg_run_rings - run tests with each way of notifying
 * @tests: the tests
 * @n: how many; twice as many points
 */
void rg_run_rings(const struct rg_ring_test *tests, size_t n)
{
	for (; n; n--, tests++) {
		ktap_point(tests->run(RG_FEATURES), "%s, event index",
			   tests->name);
		ktap_point(tests->run(RG_BIT(VIRTIO_F_VERSION_1)), "%s, flags",
			   tests->name);
	}
}
