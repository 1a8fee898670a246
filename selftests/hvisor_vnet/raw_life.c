// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that can be done to zones, devices and their interfaces, at random,
 * by two of root's threads at a time, while guests drive the devices, send, and
 * reset them: whatever meets whatever.  Now and then the module goes and comes.
 * Nothing breaks, root holds no more memory afterwards, all works, and the module
 * can be unloaded.
 *
 * The operations are told by a seed.  In the kernel's command line: HVNET_SEED,
 * HVNET_OPERATIONS=10000 for longer runs.
 *
 * rig: smp=3 timeout=600
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tooldaemon.h"

#define OPERATIONS	600
#define ALL_KINDS	500	/* fewer cannot have each */
#define WARM_UP		300
#define ZONES		2
#define DEVICES		4	/* two a zone */
#define ROOTS		2	/* threads of root's */
#define SPACES		2	/* network namespaces; 0 is root's own */
#define RELOADS		10	/* lives of the module */
#define GPA		0x40000000ull

static struct rg_zone zone[ZONES];

/**
 * struct guest - a zone's driver of one device
 * @dev: the device, seen from the guest; root's end of it is not used
 * @seed: of its own
 * @lives: how often it started
 */
struct guest {
	struct rg_dev dev;
	u64 seed, lives;
};

static struct guest guest[DEVICES];

/* Sockets by namespace: for ioctls, for links, for frames; and itself. */
static struct {
	int dgram, route, packet, self;
} space[SPACES];

/* Held for writing while the module is away, who waits for that goes first. */
static pthread_rwlock_t world =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static bool stop;
static u64 performed, limit;

/* SplitMix64, by thread. */
static __thread u64 seed;

static u32 below(u32 n)
{
	u64 z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % n;
}

static u64 env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void name_of(unsigned int i, char *name)
{
	snprintf(name, IFNAMSIZ, "life%u", i);
}

/* The guests.  A device may be gone at any moment: its registers read 0. */

static void guest_starts(struct guest *g)
{
	static const u32 status[] = { 0, 1, 3, 11, 15 };
	struct rg_dev *d = &g->dev;
	unsigned int i;

	rg_set(d, VIRTIO_MMIO_STATUS, 0);
	rg_irqs(d, 0);
	rg_set(d, VIRTIO_MMIO_STATUS, status[2]);
	d->features = RG_FEATURES;
	d->hdr_len = sizeof(struct virtio_net_hdr_v1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, d->features >> 32);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, d->features);
	rg_set(d, VIRTIO_MMIO_STATUS, status[3]);
	for (i = 0; i < RG_QUEUES; i++) {
		struct rg_vq *q = &d->vq[i];
		u64 desc = rg_gpa(d->zone, q->desc);
		u64 avail = rg_gpa(d->zone, q->avail);
		u64 used = rg_gpa(d->zone, q->used);

		memset(q->desc, 0, (u8 *)q->table - (u8 *)q->desc);
		q->avail_idx = 0;
		q->published = 0;
		rg_set(d, VIRTIO_MMIO_QUEUE_SEL, i);
		rg_set(d, VIRTIO_MMIO_QUEUE_NUM, q->num);
		rg_set(d, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
		rg_set(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
		rg_set(d, VIRTIO_MMIO_QUEUE_USED_LOW, used);
		rg_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	rg_set(d, VIRTIO_MMIO_STATUS, status[4]);
	g->lives++;
}

/* Chains of one buffer; what is still under way is simply used again. */
static void guest_offers(struct guest *g, unsigned int queue, unsigned int n)
{
	struct rg_vq *q = &g->dev.vq[queue];
	u8 *buf = (u8 *)(q->table + RG_TABLE);
	u16 under_way = q->avail_idx - rg_used_idx(q);

	if (under_way > q->num)
		under_way = q->num;
	if (n > q->num - under_way)
		n = q->num - under_way;
	while (n--) {
		u16 i = q->avail_idx % q->num;

		q->desc[i] = (struct vring_desc) {
			.addr = rg_gpa(g->dev.zone, buf),
			.len = queue == RG_RX ? 2048 : 12 + 60 + below(1000),
			.flags = queue == RG_RX ? VRING_DESC_F_WRITE : 0,
		};
		q->avail->ring[i] = i;
		q->avail_idx++;
	}
	rg_publish(q);
	rg_notify(q);
}

static void guest_lives(struct guest *g)
{
	struct rg_dev *d = &g->dev;
	unsigned int n = below(40);

	guest_starts(g);
	while (n--) {
		guest_offers(g, RG_RX, 1 + below(32));
		guest_offers(g, RG_TX, 1 + below(32));
		usleep(below(2000));
		if (rg_irqs(d, 0))
			rg_ack(d);
		/* What breaks a queue has an end at once. */
		if (!below(100))
			d->vq[RG_TX].avail->ring[0] = 0xffff;
	}
}

static void *guest_thread(void *arg)
{
	struct guest *g = arg;
	cpu_set_t cpus;

	seed = g->seed;
	CPU_ZERO(&cpus);
	CPU_SET(1 + (g - guest) % 2, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		pthread_rwlock_rdlock(&world);
		guest_lives(g);
		pthread_rwlock_unlock(&world);
	}
	return NULL;
}

/* Root's operations: on device @i, whose interface is in one of the spaces. */

static int device_add(unsigned int i)
{
	return rg_bus("new_device", "zone=%u addr=%#llx irq=%u name=life%u\n",
		      guest[i].dev.zone->id,
		      (unsigned long long)guest[i].dev.addr, guest[i].dev.irq,
		      i);
}

static int device_del(unsigned int i)
{
	return rg_bus("del_device", "zone%u-%llx\n", guest[i].dev.zone->id,
		      (unsigned long long)guest[i].dev.addr);
}

static int zone_add(unsigned int i)
{
	const struct rg_zone *z = &zone[i];

	return rg_bus("new_zone", "id=%u ram=%#llx,%#llx,%#zx\n", z->id,
		      (unsigned long long)z->pa, (unsigned long long)z->gpa,
		      z->size);
}

/* Refused as long as it has devices. */
static int zone_again(unsigned int i)
{
	unsigned int which = i % ZONES;

	for (i = which; i < DEVICES; i += ZONES)
		device_del(i);
	rg_bus("del_zone", "id=%u\n", zone[which].id);
	return zone_add(which);
}

/* A zone that is busy takes a second to be refused. */
static int rest_or_revive(unsigned int i)
{
	return rg_bus(i % ZONES ? "devices/zone2/quiesce" :
				  "devices/zone1/quiesce",
		      below(10) ? "0\n" : "1\n");
}

static int reattach(unsigned int i)
{
	(void)i;
	return rg_bus("reattach", "1\n");
}

/* An ioctl, wherever the interface is. */
static int on_link(unsigned int i, unsigned long cmd, struct ifreq *ifr)
{
	unsigned int s;
	int err = -ENODEV;

	name_of(i, ifr->ifr_name);
	for (s = 0; s < SPACES && err == -ENODEV; s++)
		err = ioctl(space[s].dgram, cmd, ifr) ? -errno : 0;
	return err;
}

static int up_or_down(unsigned int i)
{
	struct ifreq ifr = { .ifr_flags = below(3) ? IFF_UP : 0 };

	return on_link(i, SIOCSIFFLAGS, &ifr);
}

static int promiscuous(unsigned int i)
{
	struct ifreq ifr = {
		.ifr_flags = IFF_UP | (below(2) ? IFF_PROMISC : 0),
	};

	return on_link(i, SIOCSIFFLAGS, &ifr);
}

static int change_mtu(unsigned int i)
{
	struct ifreq ifr = { .ifr_mtu = 68 + below(65536) };

	return on_link(i, SIOCSIFMTU, &ifr);
}

static int change_mac(unsigned int i)
{
	struct ifreq ifr = { .ifr_hwaddr = { .sa_family = ARPHRD_ETHER } };

	ifr.ifr_hwaddr.sa_data[0] = 2;
	ifr.ifr_hwaddr.sa_data[5] = below(256);
	return on_link(i, SIOCSIFHWADDR, &ifr);
}

static int coalesce(unsigned int i)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	struct ifreq ifr = { .ifr_data = (void *)&c };
	int err = on_link(i, SIOCETHTOOL, &ifr);

	if (err)
		return err;
	c.cmd = ETHTOOL_SCOALESCE;
	c.rx_coalesce_usecs = below(200);
	return on_link(i, SIOCETHTOOL, &ifr);
}

static int offloads(unsigned int i)
{
	static const u32 which[] = {
		ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGRO,
		ETHTOOL_SGSO,
	};
	struct ethtool_value v = {
		.cmd = which[below(RG_ARRAY_SIZE(which))], .data = below(2),
	};
	struct ifreq ifr = { .ifr_data = (void *)&v };

	return on_link(i, SIOCETHTOOL, &ifr);
}

/* Of all interfaces in root's own namespace. */
static int statistics(unsigned int i)
{
	FILE *file = fopen("/proc/net/dev", "r");
	char line[256];

	(void)i;
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		;
	fclose(file);
	return 0;
}

/* Move a link into a namespace, or delete it if @space is -1. */
static int ask_for_link(int sock, const char *name, int space)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr name_attr;
		char name[IFNAMSIZ];
		struct rtattr attr;
		int value;
	} ask = {
		.head = {
			.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.name_attr = {
			.rta_len = RTA_LENGTH(IFNAMSIZ), .rta_type = IFLA_IFNAME,
		},
		.attr = {
			.rta_len = RTA_LENGTH(sizeof(int)),
			.rta_type = IFLA_NET_NS_FD,
		},
		.value = space,
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		char more[512];
	} said;

	strncpy(ask.name, name, IFNAMSIZ - 1);
	if (space < 0) {
		ask.head.nlmsg_type = RTM_DELLINK;
		ask.head.nlmsg_len -= RTA_LENGTH(sizeof(int));
	}
	if (send(sock, &ask, ask.head.nlmsg_len, 0) < 0 ||
	    recv(sock, &said, sizeof(said), 0) < 0)
		return -errno;
	return said.err.error;
}

/* Both threads may ask: one answer each. */
static int ask_one(unsigned int from, int to, unsigned int i)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	char name[IFNAMSIZ];
	int err;

	name_of(i, name);
	pthread_mutex_lock(&one);
	err = ask_for_link(space[from].route, name, to);
	pthread_mutex_unlock(&one);
	return err;
}

static int move(unsigned int i)
{
	unsigned int from = below(SPACES);

	return ask_one(from, space[!from].self, i);
}

/* Which takes the device away, too. */
static int link_del(unsigned int i)
{
	return ask_one(below(SPACES), -1, i);
}

static int root_sends(unsigned int i)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq ifr = {};
	u8 frame[1514];
	unsigned int s, n;

	name_of(i, ifr.ifr_name);
	rg_frame(frame, sizeof(frame), below(1000));
	for (s = 0; s < SPACES; s++)
		if (!ioctl(space[s].dgram, SIOCGIFINDEX, &ifr))
			break;
	if (s == SPACES)
		return -ENODEV;
	to.sll_ifindex = ifr.ifr_ifindex;
	for (n = 0; n < 32; n++)
		if (sendto(space[s].packet, frame, 60 + below(1400), 0,
			   (struct sockaddr *)&to, sizeof(to)) < 0)
			return -errno;
	return 0;
}

/* As hvisor-tool's daemon does: a session, its page, and away again. */
static int daemon_session(unsigned int i)
{
	int fd = open(TD_NODE, O_RDWR | O_CLOEXEC);
	void *page;
	int err = 0;

	(void)i;
	if (fd < 0)
		return -errno;
	if (ioctl(fd, TOOL_INIT_VIRTIO))
		err = -errno;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED) {
		ioctl(fd, TOOL_FINISH_REQ);
		usleep(below(200));
		munmap(page, 4096);
	}
	close(fd);
	return err;
}

static int look_around(unsigned int i)
{
	static const char *const files[] = {
		"status", "features", "counters/tx_frames", "counters/stalls",
	};
	char path[128], text[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", guest[i].dev.dir,
		 files[below(RG_ARRAY_SIZE(files))]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n < 0 ? -errno : 0;
}

static int hazard(unsigned int i)
{
	static const char *const which[] = { "w1", "w2", "i1", "e1" };

	rg_sim_param(which[i % RG_ARRAY_SIZE(which)], below(2) * 5);
	return 0;
}

static const struct operation {
	const char *name;
	int (*perform)(unsigned int i);
	unsigned int weight;
} operations[] = {
	{ "device added", device_add, 10 },
	{ "device removed", device_del, 3 },
	{ "zone removed and added", zone_again, 1 },
	{ "zone quiesced or revived", rest_or_revive, 1 },
	{ "reattach", reattach, 2 },
	{ "link up or down", up_or_down, 6 },
	{ "promiscuous mode", promiscuous, 2 },
	{ "MTU", change_mtu, 2 },
	{ "MAC", change_mac, 2 },
	{ "coalescing", coalesce, 2 },
	{ "offloads", offloads, 3 },
	{ "statistics", statistics, 2 },
	{ "other namespace", move, 4 },
	{ "link deleted", link_del, 2 },
	{ "root sends", root_sends, 8 },
	{ "daemon comes and goes", daemon_session, 2 },
	{ "files read", look_around, 3 },
	{ "hazards", hazard, 1 },
};

static u64 well[RG_ARRAY_SIZE(operations)], refused[RG_ARRAY_SIZE(operations)];

static unsigned int any_operation(void)
{
	unsigned int sum = 0, i, at;

	for (i = 0; i < RG_ARRAY_SIZE(operations); i++)
		sum += operations[i].weight;
	at = below(sum);
	for (i = 0; at >= operations[i].weight; i++)
		at -= operations[i].weight;
	return i;
}

/* The module goes and comes; guests wait for it. */

static void all_gone(void)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		device_del(i);
	for (i = 0; i < ZONES; i++)
		rg_bus("del_zone", "id=%u\n", zone[i].id);
}

static void all_there(void)
{
	unsigned int i;

	for (i = 0; i < ZONES; i++)
		if (zone_add(i))
			rg_die("zone %u does not come back", zone[i].id);
	for (i = 0; i < DEVICES; i++)
		if (device_add(i))
			rg_die("device %u does not come back", i);
}

static void reload(void)
{
	pthread_rwlock_wrlock(&world);
	all_gone();
	rg_shell("rmmod hvisor_vnet && modprobe hvisor_vnet");
	all_there();
	pthread_rwlock_unlock(&world);
}

static void *root_thread(void *arg)
{
	u64 n;

	seed = *(u64 *)arg;
	while ((n = __atomic_add_fetch(&performed, 1, __ATOMIC_RELAXED)) <=
	       limit) {
		unsigned int which = any_operation();
		int err;

		if (n % (limit / RELOADS + 1) == 0)
			reload();
		pthread_rwlock_rdlock(&world);
		err = operations[which].perform(below(DEVICES));
		pthread_rwlock_unlock(&world);
		__atomic_add_fetch(err ? &refused[which] : &well[which], 1,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

static pthread_t begin(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg))
		rg_die("no thread");
	return thread;
}

static void perform(u64 n, u64 from)
{
	pthread_t driver[DEVICES], root[ROOTS];
	u64 seeds[ROOTS];
	unsigned int i;

	stop = false;
	performed = 0;
	limit = n;
	for (i = 0; i < DEVICES; i++) {
		guest[i].seed = from + 100 + i;
		driver[i] = begin(guest_thread, &guest[i]);
	}
	for (i = 0; i < ROOTS; i++) {
		seeds[i] = from + i;
		root[i] = begin(root_thread, &seeds[i]);
	}
	for (i = 0; i < ROOTS; i++)
		pthread_join(root[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < DEVICES; i++)
		pthread_join(driver[i], NULL);
}

/* Set-up. */

static void space_enter(unsigned int s)
{
	space[s].self = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	space[s].dgram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	space[s].route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				NETLINK_ROUTE);
	space[s].packet = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK |
				 SOCK_CLOEXEC, 0);
	if (space[s].self < 0 || space[s].dgram < 0 || space[s].route < 0 ||
	    space[s].packet < 0)
		rg_die("sockets of a namespace: %s", strerror(errno));
}

static void *space_create(void *unused)
{
	(void)unused;
	if (unshare(CLONE_NEWNET))
		rg_die("no namespace: %s", strerror(errno));
	space_enter(1);
	return NULL;
}

static void guest_set_up(unsigned int i)
{
	struct rg_dev *d = &guest[i].dev;
	unsigned int q;

	*d = (struct rg_dev) {
		.zone = &zone[i % ZONES], .addr = RG_ADDR + 0x1000 * i,
		.irq = RG_IRQ + i, .event = eventfd(0, EFD_NONBLOCK),
	};
	d->fd = rg_open_region(d->zone, d->addr, 0x200);
	snprintf(d->dir, sizeof(d->dir),
		 "/sys/bus/hvisor_vnet/devices/zone%u-%llx", d->zone->id,
		 (unsigned long long)d->addr);
	rg_irq_connect(d, 0);
	for (q = 0; q < RG_QUEUES; q++)
		rg_queue_alloc(d, q, RG_NUM);
}

static void set_up(void)
{
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < ZONES; i++)
		rg_zone_add(&zone[i], i + 1, 0x100000 * (i + 1), 0x100000, GPA);
	for (i = 0; i < DEVICES; i++)
		guest_set_up(i);
	space_enter(0);
	thread = begin(space_create, NULL);
	pthread_join(thread, NULL);
	for (i = 0; i < DEVICES; i++)
		if (device_add(i))
			rg_die("no device %u", i);
}

/* Everything as it was at first, and what the kernel holds then. */
static void snapshot(const char *file)
{
	char command[128];

	all_gone();
	all_there();
	snprintf(command, sizeof(command),
		 ". ./lib.sh && . ./leaklib.sh && leak_snapshot %s", file);
	rg_shell(command);
}

static void no_hazards(void)
{
	rg_sim_param("w1", 0);
	rg_sim_param("w2", 0);
	rg_sim_param("i1", 0);
	rg_sim_param("e1", 0);
}

/* Is each kind of operation among what was done, and not always refused? */
static bool all_kinds(void)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < RG_ARRAY_SIZE(operations); i++) {
		ktap_diag("%s: %llu, refused %llu", operations[i].name,
			  (unsigned long long)well[i],
			  (unsigned long long)refused[i]);
		ok &= well[i] > 0;
	}
	for (i = 0; i < DEVICES; i++) {
		ktap_diag("guest %u: %llu lives", i,
			  (unsigned long long)guest[i].lives);
		ok &= guest[i].lives > 0;
	}
	return ok;
}

/* A driver that does it right, on each device. */
static bool all_work(void)
{
	bool ok = true;
	unsigned int i;

	all_gone();
	for (i = 0; i < ZONES; i++)
		if (zone_add(i))
			return false;
	for (i = 0; i < DEVICES; i++) {
		struct rg_dev *d = &guest[i].dev, fresh;

		rg_irq_disconnect(d);
		d->zone->used = 0;
		rg_dev_add_in(&fresh, d->zone, d->fd, d->addr, d->irq, "fresh",
			      "");
		rg_start(&fresh, RG_FEATURES);
		ok &= ktap_expect(rg_works(&fresh));
		rg_dev_del(&fresh);
		close(d->fd);
	}
	all_gone();
	return ok;
}

int main(void)
{
	u64 from, n;

	rg_setup();
	ktap_plan(5);
	from = env("HVNET_SEED", 1);
	n = env("HVNET_OPERATIONS", ktap_scaled(OPERATIONS));
	ktap_diag("HVNET_SEED=%llu", (unsigned long long)from);
	set_up();
	perform(ktap_scaled(WARM_UP), from + 1000);
	snapshot("/tmp/before");
	perform(n, from);
	no_hazards();
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("panics"), 0),
		   "%llu operations, each against each",
		   (unsigned long long)n);
	if (n < ALL_KINDS)
		ktap_skip("of every kind", "too few operations");
	else
		ktap_point(all_kinds(), "of every kind");
	snapshot("/tmp/after");
	ktap_point(!system(". ./lib.sh && . ./leaklib.sh && no_leak /tmp/before /tmp/after 500"),
		   "no more memory is held than before");
	ktap_point(all_work(), "all works after it");
	ktap_point(!system("rmmod hvisor_vnet"), "the module can be unloaded");
	return ktap_finish();
}
