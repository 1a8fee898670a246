// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything the administrator and the daemon may ask for, while there is no
 * memory: the first request for some is refused, then only the second, and so
 * on until what was asked for needs no more of them.  It fails with an errno
 * that says so, or does without; after a failure all is as before, so that the
 * same succeeds.  What was not given back is kmemleak's to find, at the end.
 *
 * Only requests that the calling task makes are counted.  Those of the data path
 * are in raw_failslab, those of loading the module in ctl_failload.  What begins
 * with us ends in hundreds of the networking core's: of those only some are refused,
 * each with HVNET_EVERY=1 in the kernel's command line.
 *
 * rig: smp=2 timeout=1200 kernel=6.1-debug
 */
#define _GNU_SOURCE
#include "failslab.h"
#include "nlclient.h"
#include "tooldaemon.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define GPA		0x40000000ull
#define SIZE		0x100000ull
#define NAME		"zone1-a003600"
#define LINK		"tap0"
#define EACH		64	/* the first requests, among which ours are */
#define EVERY		29	/* of the others */
#define NETLINK_LOST	(-ENOBUFS)	/* done or not, nobody was told */

static u64 ram;			/* root-physical */
static struct nlc events, family;
static struct nlc_msg m, got;

/* From the first request on, until there are no more. */
static bool bears(const struct fs_op *op)
{
	unsigned int n = 1, tried = 0, failed = 0;
	bool ok, refused;

	while ((ok = fs_bears_one(op, n, &refused, &failed)) && refused)
		n += tried++ < EACH ? 1 : fs_every(EVERY);
	ktap_diag("%s: about %u requests for memory, %u of them refused, it failed for want of %u",
		  op->name, n - 1, tried, failed);
	/* One that asks for nothing would show nothing. */
	return ok && ktap_expect(tried);
}

/* Files of the bus, written to as a whole. */

static int bus_write(const char *file, const char *text)
{
	char path[96];
	int fd, err;

	snprintf(path, sizeof(path), "/sys/bus/hvisor_vnet/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fs_arm();
	err = fs_disarm(write(fd, text, strlen(text)));
	close(fd);
	return err;
}

static int zone_new(void)
{
	char text[96];

	snprintf(text, sizeof(text), "id=1 ram=%#llx,%#llx,%#llx\n",
		 (unsigned long long)ram, GPA, SIZE);
	return bus_write("new_zone", text);
}

static int zone_del(void)
{
	return bus_write("del_zone", "id=1\n");
}

static int dev_new(void)
{
	return bus_write("new_device", "zone=1 addr=0xa003600 irq=75 name=" LINK "\n");
}

static int dev_del(void)
{
	return bus_write("del_device", NAME "\n");
}

static int zone_rest(void)
{
	return bus_write("devices/zone1/quiesce", "1\n");
}

static int reattach(void)
{
	return bus_write("reattach", "1\n");
}

static int backend(void)
{
	return bus_write("backend", TD_BACKEND "\n");
}

/* What has to be there, and must not stay. */

static void zone_there(void)
{
	int err = zone_new();

	if (err)
		rg_die("new_zone: %s", strerror(-err));
}

static void all_there(void)
{
	int err;

	zone_there();
	err = dev_new();
	if (err)
		rg_die("new_device: %s", strerror(-err));
}

static void all_gone(void)
{
	if (!access("/sys/bus/hvisor_vnet/devices/" NAME, F_OK))
		dev_del();
	if (!access("/sys/bus/hvisor_vnet/devices/zone1", F_OK))
		zone_del();
}

static void resting(void)
{
	all_there();
	zone_rest();
}

/* The module itself. */

static int module_unload(void)
{
	fs_arm();
	return fs_disarm(syscall(SYS_delete_module, "hvisor_vnet", O_NONBLOCK));
}

static void module_gone(void)
{
	module_unload();
}

static void module_there(void)
{
	if (fs_load_module())
		rg_die("the module does not load");
	all_there();
}

/* Netlink: the answer may be lost as well. */

static int answer_of(const struct nlmsghdr *n)
{
	if (n->nlmsg_type != NLMSG_ERROR && n->nlmsg_type != NLMSG_DONE)
		return 1;
	return *(const int *)NLMSG_DATA(n);
}

/* Return: what the last message says, 1 if that is no end. */
static int answer_in(int len)
{
	const struct nlmsghdr *n;
	int err = 1;

	for (n = &got.n; err > 0 && NLMSG_OK(n, (unsigned int)len);
	     n = NLMSG_NEXT(n, len))
		err = answer_of(n);
	return err;
}

static int netlink_armed(int fd)
{
	int len, err = 1;

	if (send(fd, &m, m.n.nlmsg_len, 0) < 0)
		return -errno;
	while (err > 0) {
		len = recv(fd, &got, sizeof(got), MSG_DONTWAIT);
		err = len < 0 ? NETLINK_LOST : answer_in(len);
	}
	return err;
}

static int netlink_ask(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	int err;

	if (fd < 0)
		rg_die("netlink: %s", strerror(errno));
	if (!(m.n.nlmsg_flags & NLM_F_DUMP))
		m.n.nlmsg_flags |= NLM_F_ACK;
	fs_arm();
	err = netlink_armed(fd);
	fs_disarm(0);
	close(fd);
	return err;
}

static int nl_zone_new(void)
{
	struct nlattr *range;

	nlc_begin(&m, &family, HVISOR_VNET_CMD_ZONE_NEW, 0);
	nlc_put_u32(&m, HVISOR_VNET_A_ZONE_ID, 1);
	range = nlc_nest(&m, HVISOR_VNET_A_ZONE_RAM);
	nlc_put_u64(&m, HVISOR_VNET_A_RANGE_ROOT, ram);
	nlc_put_u64(&m, HVISOR_VNET_A_RANGE_GUEST, GPA);
	nlc_put_u64(&m, HVISOR_VNET_A_RANGE_SIZE, SIZE);
	nlc_nest_end(&m, range);
	return netlink_ask();
}

static int nl_zone_del(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_ZONE_DEL, 0);
	nlc_put_u32(&m, HVISOR_VNET_A_ZONE_ID, 1);
	return netlink_ask();
}

static int nl_zone_set(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_ZONE_SET, 0);
	nlc_put_u32(&m, HVISOR_VNET_A_ZONE_ID, 1);
	nlc_put_u8(&m, HVISOR_VNET_A_ZONE_QUIESCED, 1);
	return netlink_ask();
}

static void nl_begin_dev(uint8_t cmd)
{
	nlc_begin(&m, &family, cmd, 0);
	nlc_put_u32(&m, HVISOR_VNET_A_DEV_ZONE, 1);
	nlc_put_u64(&m, HVISOR_VNET_A_DEV_ADDRESS, RG_ADDR);
}

static int nl_dev_new(void)
{
	nl_begin_dev(HVISOR_VNET_CMD_DEV_NEW);
	nlc_put_u32(&m, HVISOR_VNET_A_DEV_IRQ, RG_IRQ);
	nlc_put(&m, HVISOR_VNET_A_DEV_IFNAME, LINK, sizeof(LINK));
	return netlink_ask();
}

static int nl_dev_get(void)
{
	nl_begin_dev(HVISOR_VNET_CMD_DEV_GET);
	return netlink_ask();
}

/* An address and an MTU, which root's interface has to follow. */
static int nl_dev_set(void)
{
	const u8 mac[] = { 2, 0, 0, 0, 0, 9 };

	nl_begin_dev(HVISOR_VNET_CMD_DEV_SET);
	nlc_put_u32(&m, HVISOR_VNET_A_DEV_MTU, 4000);
	nlc_put(&m, HVISOR_VNET_A_DEV_MAC, mac, sizeof(mac));
	return netlink_ask();
}

static int nl_dev_del(void)
{
	nl_begin_dev(HVISOR_VNET_CMD_DEV_DEL);
	return netlink_ask();
}

/* One that is refused, and wants memory to say why. */
static int nl_dev_missing(void)
{
	int err;

	nlc_begin(&m, &family, HVISOR_VNET_CMD_DEV_GET, 0);
	nlc_put_u32(&m, HVISOR_VNET_A_DEV_ZONE, 77);
	nlc_put_u64(&m, HVISOR_VNET_A_DEV_ADDRESS, RG_ADDR);
	err = netlink_ask();
	return err == -ENOENT ? 0 : err;
}

static int nl_zones(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_ZONE_GET, NLM_F_DUMP);
	return netlink_ask();
}

static int nl_devs(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_DEV_GET, NLM_F_DUMP);
	return netlink_ask();
}

static int nl_hv_get(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_HV_GET, 0);
	return netlink_ask();
}

static int nl_reattach(void)
{
	nlc_begin(&m, &family, HVISOR_VNET_CMD_HV_REATTACH, 0);
	return netlink_ask();
}

/* The daemon's node. */

static int node = -1;
static void *page = MAP_FAILED;

static int node_open(void)
{
	fs_arm();
	node = open(TD_NODE, O_RDWR | O_CLOEXEC);
	return fs_disarm(node);
}

static int node_init(void)
{
	fs_arm();
	return fs_disarm(ioctl(node, TOOL_INIT_VIRTIO));
}

static int node_map(void)
{
	fs_arm();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, node, 0);
	return fs_disarm(page == MAP_FAILED ? -1 : 0);
}

/* The last page, which is no zone's. */
static int node_map_ram(void)
{
	fs_arm();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, node,
		    ram + SIZE);
	return fs_disarm(page == MAP_FAILED ? -1 : 0);
}

static void node_there(void)
{
	if (node_open())
		rg_die("%s: %s", TD_NODE, strerror(errno));
}

static void node_ready(void)
{
	node_there();
	if (node_init())
		rg_die("INIT_VIRTIO: %s", strerror(errno));
}

static void node_gone(void)
{
	if (page != MAP_FAILED)
		munmap(page, 4096);
	page = MAP_FAILED;
	if (node >= 0)
		close(node);
	node = -1;
}

/* Root's interface. */

static int on_link(unsigned long cmd, struct ifreq *ifr)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (sock < 0)
		rg_die("socket: %s", strerror(errno));
	strcpy(ifr->ifr_name, LINK);
	fs_arm();
	err = fs_disarm(ioctl(sock, cmd, ifr));
	close(sock);
	return err;
}

static int link_up(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };

	return on_link(SIOCSIFFLAGS, &ifr);
}

static int link_down(void)
{
	struct ifreq ifr = {};

	return on_link(SIOCSIFFLAGS, &ifr);
}

static void link_is_up(void)
{
	all_there();
	if (link_up())
		rg_die(LINK " does not come up");
}

static int link_mtu(void)
{
	struct ifreq ifr = { .ifr_mtu = 1400 };

	return on_link(SIOCSIFMTU, &ifr);
}

static int link_coalesce(void)
{
	struct ethtool_coalesce c = {
		.cmd = ETHTOOL_SCOALESCE,
		.rx_coalesce_usecs = 20, .rx_max_coalesced_frames = 4,
		.tx_coalesce_usecs = 30, .tx_max_coalesced_frames = 8,
	};
	struct ifreq ifr = { .ifr_data = (void *)&c };

	return on_link(SIOCETHTOOL, &ifr);
}

static int link_stats(void)
{
	static struct {
		struct ethtool_stats head;
		u64 value[200];
	} stats;
	struct ifreq ifr = { .ifr_data = (void *)&stats };

	stats.head.cmd = ETHTOOL_GSTATS;
	stats.head.n_stats = RG_ARRAY_SIZE(stats.value);
	return on_link(SIOCETHTOOL, &ifr);
}

static int link_offload(void)
{
	struct ethtool_value v = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq ifr = { .ifr_data = (void *)&v };

	return on_link(SIOCETHTOOL, &ifr);
}

static const struct fs_op unload = {
	"the module is unloaded", module_there, module_unload, module_gone
};

static const struct fs_op ops[] = {
	{ "new_zone", NULL, zone_new, all_gone },
	{ "del_zone", zone_there, zone_del, all_gone },
	{ "new_device", zone_there, dev_new, all_gone },
	{ "del_device", all_there, dev_del, all_gone },
	{ "quiesce", all_there, zone_rest, all_gone },
	{ "reattach", resting, reattach, all_gone },
	{ "backend", NULL, backend, NULL },
	{ "netlink: zone-new", NULL, nl_zone_new, all_gone },
	{ "netlink: zone-del", zone_there, nl_zone_del, all_gone },
	{ "netlink: zone-set", all_there, nl_zone_set, all_gone },
	{ "netlink: dev-new", zone_there, nl_dev_new, all_gone },
	{ "netlink: dev-get", all_there, nl_dev_get, all_gone },
	{ "netlink: dev-set", all_there, nl_dev_set, all_gone },
	{ "netlink: dev-del", all_there, nl_dev_del, all_gone },
	{ "netlink: a refusal", NULL, nl_dev_missing, NULL },
	{ "netlink: all zones", all_there, nl_zones, all_gone },
	{ "netlink: all devices", all_there, nl_devs, all_gone },
	{ "netlink: hv-get", NULL, nl_hv_get, NULL },
	{ "netlink: hv-reattach", NULL, nl_reattach, NULL },
	{ "the daemon's node is opened", NULL, node_open, node_gone },
	{ "INIT_VIRTIO", node_there, node_init, node_gone },
	{ "its page is mapped", node_ready, node_map, node_gone },
	{ "RAM is mapped", node_there, node_map_ram, node_gone },
	{ "the interface comes up", all_there, link_up, all_gone },
	{ "the interface goes down", link_is_up, link_down, all_gone },
	{ "ip link set mtu", all_there, link_mtu, all_gone },
	{ "ethtool -C", all_there, link_coalesce, all_gone },
	{ "ethtool -S", all_there, link_stats, all_gone },
	{ "ethtool -K", all_there, link_offload, all_gone },
};

static void set_up(void)
{
	struct hvsim_raw_ram raw;
	int fd = open(HVSIM_RAW_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, HVSIM_RAW_GET_RAM, &raw))
		rg_die(HVSIM_RAW_DEVICE ": %s", strerror(errno));
	close(fd);
	ram = raw.base;
	/* Most of the time would pass with waiting for readers. */
	rg_write("/sys/kernel/rcu_expedited", "1\n");
}

int main(void)
{
	unsigned int i;

	fs_setup();
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(ops) + 2);
	set_up();
	/* Who is told of everything: that takes memory, too. */
	nlc_open(&family);
	nlc_open(&events);
	nlc_listen(&events);
	for (i = 0; i < RG_ARRAY_SIZE(ops); i++)
		ktap_point(bears(&ops[i]), "%s", ops[i].name);
	nlc_close(&events);
	nlc_close(&family);
	module_gone();
	ktap_point(bears(&unload), "%s", unload.name);
	if (fs_load_module())
		rg_die("the module does not load");
	ktap_point(fs_works(), "a device works");
	rg_write("/sys/kernel/rcu_expedited", "0\n");
	return ktap_finish();
}
