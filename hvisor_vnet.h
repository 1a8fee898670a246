/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types everyone shares: zones and their devices, and who locks what.
 *
 * Locks, outermost first; a lock in a later line may be taken under any lock of
 * an earlier one, never the other way round:
 *
 *	hvnet_lock		mutex: which zones and devices exist (hvisor_vnet.c)
 *	rtnl			the networking core's
 *	mmap_lock		who maps RAM for the daemon has it (daemon.c)
 *	dev->work_lock		mutex: starts and stops of one data path
 *	nic->ctrl_lock		mutex: the control queue (tap_bridge.c)
 *	tx queue lock, NAPI	the owner of the receive ring, of the transmit ring
 *	page request lock	raw: consuming requests (hvpage.c)
 *	daemon's locks		raw: relay->lock or irqs->lock (daemon_*.c)
 *	dev->lock		raw: the registers of one device
 *	line->lock		raw: one guest interrupt (hvpage.c)
 *	page response lock	raw: one injection at a time (hvpage.c)
 *
 * Look-ups from the request path are lockless: RCU; so are those of who maps RAM,
 * and may sleep: SRCU.
 */
#ifndef HVISOR_VNET_H
#define HVISOR_VNET_H

#include <linux/device.h>
#include <linux/if_ether.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/stringify.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "hvisor_abi.h"
#include "hvpage.h"
#include "latency.h"
#include "memory.h"
#include "mmio.h"
#include "reason.h"

#define HVNET_QUEUE_DEFAULT	256
#define HVNET_REGION_MIN	0x200	/* registers and configuration space */
#define HVNET_MTU_MIN		ETH_MIN_MTU
#define HVNET_MTU_MAX		ETH_MAX_MTU
/* Unlike 0, no place for registers. */
#define HVNET_NO_ADDR		U64_MAX
/* Nor is this a CPU: work on frames where the kick arrives. */
#define HVNET_NO_CPU		U32_MAX
#define HVNET_COALESCE_USECS_MAX	10000
#define HVNET_COALESCE_BOUNDS	\
	"up to " __stringify(HVNET_COALESCE_USECS_MAX) " usecs, and from 1 frame on"

/**
 * struct hvnet_zone - a guest
 * @dev: on the hvisor_vnet bus; holds the zone's memory
 * @node: in the list of zones, under hvnet_lock; readers use RCU
 * @id: hvisor's zone id
 * @devices: its devices, under hvnet_lock; readers use RCU
 * @mem: its RAM, constant
 * @requests: accesses its vCPUs made, to whatever device; written under the
 *	page's request lock
 * @closing: a zone call is under way: no driver may start; under hvnet_lock,
 *	read under work_lock of its devices
 */
struct hvnet_zone {
	struct device dev;
	struct list_head node;
	u32 id;
	struct list_head devices;
	struct hvnet_memory mem;
	u64 requests;
	bool closing;
};

/**
 * struct hvnet_coalesce - when a guest is told of frames that crossed
 * @usecs: at the latest after so many microseconds, see hvpage_line_raise_late()
 * @frames: at the latest when there are so many
 */
struct hvnet_coalesce {
	u32 usecs;
	u32 frames;
};

/**
 * struct hvnet_coalescing - both ways
 * @tx: that its frames have been taken
 * @rx: of frames for it
 * @rx_adaptive: of those later, if they come close together
 */
struct hvnet_coalescing {
	struct hvnet_coalesce tx;
	struct hvnet_coalesce rx;
	bool rx_adaptive;
};

/**
 * struct hvnet_dev_params - what the administrator asks for
 * @net: network namespace that the interface appears in
 * @zone: zone id
 * @addr: guest-physical address of the register region
 * @len: its length
 * @irq: the guest's interrupt id
 * @queue_max: largest queue size offered
 * @mtu: MTU of the link
 * @offered: feature bits offered
 * @coalesce: when the guest is told of frames
 * @cpu: root's CPU that works on its frames, or HVNET_NO_CPU
 * @mac: the guest's address; all zero: generate one
 * @name: of the root-side interface; empty: choose one
 */
struct hvnet_dev_params {
	struct net *net;
	u32 zone;
	u64 addr;
	u64 len;
	u32 irq;
	u32 queue_max;
	u32 mtu;
	u64 offered;
	struct hvnet_coalescing coalesce;
	u32 cpu;
	u8 mac[ETH_ALEN];
	char name[IFNAMSIZ];
};

/**
 * struct hvnet_pending - an access that waits for a quiet data path
 * @acc: what to answer
 * @reg: what to do
 */
struct hvnet_pending {
	struct hvpage_access acc;
	struct hvnet_mmio_access reg;
};

/**
 * struct hvnet_breakage - how a guest broke a queue
 * @queue: which queue; NULL if none was
 * @what: what the guest did
 */
struct hvnet_breakage {
	const char *queue;
	const char *what;
};

/**
 * struct hvnet_dev - one guest network device
 * @dev: on the hvisor_vnet bus, child of its zone
 * @node: in the zone's list, under hvnet_lock; readers use RCU
 * @zone: its zone
 * @addr: guest-physical address of the register region
 * @len: its length
 * @line: its interrupt
 * @netdev: the root-side interface
 * @lock: the registers: @mmio (but for mmio.isr, which is atomic), @pending,
 *	@waiting and @broken
 * @mmio: the registers
 * @pending: accesses that wait, by vCPU
 * @waiting: which of @pending are in use
 * @broken: how the guest broke a queue, if nobody has been told yet
 * @work: serves @pending, and tells what cannot be told where it happens
 * @stuck: an interrupt stayed unacknowledged; likewise
 * @work_lock: the data path is started and stopped under it
 * @running: a driver drives it; the module's use count is held
 * @unplugged: its interface is being removed, and the device will be; set under
 *	rtnl and @work_lock
 * @parked: the zone is quiesced: the data path rests until it is released, or
 *	a driver begins anew
 * @takeover: looks, some time after an interrupt was never acknowledged, if
 *	the guest is alive while its requests go elsewhere
 * @heard: requests on the page when that interrupt was given up
 * @unheard: it had frames that we had not heard of when last we looked
 * @look_after: how long before @takeover looks, in jiffies
 * @said: how much was said of what its guest broke: one guest's noise does not
 *	hide another's fault
 * @deliveries: how long its guest's frames take to root's stack
 * @debugfs: where that is shown
 */
struct hvnet_dev {
	struct device dev;
	struct list_head node;
	struct hvnet_zone *zone;
	u64 addr;
	u64 len;
	struct hvpage_line line;
	struct net_device *netdev;

	raw_spinlock_t lock;
	struct hvnet_mmio mmio;
	struct hvnet_pending pending[HVISOR_MAX_CPUS];
	DECLARE_BITMAP(waiting, HVISOR_MAX_CPUS);
	struct hvnet_breakage broken;

	struct work_struct work;
	atomic_t stuck;
	struct mutex work_lock;		/* starting and stopping the data path */
	bool running;
	bool unplugged;
	bool parked;
	struct delayed_work takeover;
	u64 heard;
	bool unheard;
	unsigned long look_after;
	struct ratelimit_state said;
	struct hvnet_histogram deliveries;
	struct dentry *debugfs;
};

#define to_hvnet_zone(d)	container_of(d, struct hvnet_zone, dev)
#define to_hvnet_dev(d)		container_of(d, struct hvnet_dev, dev)

/**
 * struct hvnet_nic_owner - what the interface tells the device's owner
 * @broke: the guest broke a queue: @queue is which, @what it did. Softirq, or
 *	under the tx queue lock.
 * @link: the interface has come up or goes down. Process, under rtnl.
 * @mac: the guest has given its end another address. Process.
 * @stalled: the guest has given no receive buffers for long. Process.
 */
struct hvnet_nic_owner {
	void (*broke)(struct hvnet_dev *dev, const char *queue,
		      const char *what);
	void (*link)(struct hvnet_dev *dev, bool up);
	void (*mac)(struct hvnet_dev *dev, const u8 *mac);
	void (*stalled)(struct hvnet_dev *dev);
};

/* Why a frame was not delivered. */
enum hvnet_drop {
	HVNET_DROP_TX_RUNT,	/* shorter than an Ethernet header */
	HVNET_DROP_TX_OVERSIZE,	/* longer than the MTU allows */
	HVNET_DROP_TX_HEADER,	/* virtio_net_hdr short, makes no sense, or asks
				 * for more than was negotiated
				 */
	HVNET_DROP_TX_DIRECTION,/* chain with device-writable pieces */
	HVNET_DROP_TX_NOMEM,	/* no memory for an skb */
	HVNET_DROP_TX_DOWN,	/* the root-side interface is down */
	HVNET_DROP_RX_BUFFER,	/* receive chain unusable; frame kept */
	HVNET_DROP_RX_TOO_BIG,	/* frame larger than the guest's buffers */
	HVNET_DROP_RX_OFFLOAD,	/* frame that needs what the guest does not do */
	HVNET_DROP_RX_NO_GUEST,	/* no driver in the guest */
	HVNET_DROPS,
};

/* Counters of one queue pair, named from the guest: tx leaves the guest. */
enum hvnet_stat {
	HVNET_TX_FRAMES,
	HVNET_TX_BYTES,
	HVNET_TX_KICKS,
	HVNET_TX_POLLS,
	HVNET_RX_FRAMES,
	HVNET_RX_BYTES,
	HVNET_RX_KICKS,
	HVNET_RX_STOPS,		/* receive ring empty: queue stopped */
	HVNET_RX_WAKES,		/* and started again */
	HVNET_RX_STALLS,	/* not for long: carrier taken away */
	HVNET_RX_UNWANTED,	/* kept back by the guest's own filter */
	HVNET_STATS,
};

extern struct bus_type hvnet_bus;
extern struct mutex hvnet_lock;
extern struct list_head hvnet_zones;
extern unsigned int hvnet_generation;

/* params.c */
void hvnet_dev_params_init(struct hvnet_dev_params *p, struct net *net);
int hvnet_dev_params_mac(struct hvnet_dev_params *p, const u8 *mac,
			 struct hvnet_reason *why);
int hvnet_dev_params_name(struct hvnet_dev_params *p, const char *name,
			  struct hvnet_reason *why);
int hvnet_dev_params_check(const struct hvnet_dev_params *p,
			   struct hvnet_reason *why);
int hvnet_coalescing_check(const struct hvnet_coalescing *c,
			   struct hvnet_reason *why);

/* hvisor_vnet.c */
struct hvpage *hvnet_page(void);
struct hvnet_zone *hvnet_zone_named(u32 id, struct hvnet_reason *why);
struct hvnet_zone *hvnet_zone_create(u32 id, struct hvnet_memory *mem,
				     struct hvnet_reason *why);
int hvnet_zone_remove(u32 id, struct hvnet_reason *why);
struct hvnet_dev *hvnet_dev_create(struct hvnet_dev_params *params,
				   struct hvnet_reason *why);
void hvnet_dev_destroy(struct hvnet_dev *dev);
void hvnet_dev_unplug(struct hvnet_dev *dev);
int hvnet_dev_remove(const char *name, struct hvnet_reason *why);
void hvnet_dev_params_now(const struct hvnet_dev *dev,
			  struct hvnet_dev_params *p);
int hvnet_dev_change(struct hvnet_dev *dev, const struct hvnet_dev_params *p,
		     unsigned long fields, struct hvnet_reason *why);
int hvnet_zone_quiesce(struct hvnet_zone *zone, struct hvnet_reason *why);
void hvnet_zone_release(struct hvnet_zone *zone);
bool hvnet_zone_quiesced(const struct hvnet_zone *zone);
bool hvnet_taken_over(void);
int hvnet_reattach(struct hvnet_reason *why);

/* tap_bridge.c */
struct net_device *hvnet_nic_create(struct hvnet_dev *dev,
				    const struct hvnet_nic_owner *owner,
				    const struct hvnet_dev_params *params,
				    struct hvnet_reason *why);
int hvnet_nic_register(struct net_device *netdev, struct hvnet_reason *why);
void hvnet_nic_unregister(struct net_device *netdev);
void hvnet_nic_free(struct net_device *netdev);
struct hvnet_dev *hvnet_nic_dev(const struct net_device *netdev);
int hvnet_nic_prepare(struct net_device *netdev);
void hvnet_nic_start(struct net_device *netdev);
void hvnet_nic_stop(struct net_device *netdev);
void hvnet_nic_hush(struct net_device *netdev);
void hvnet_nic_forget(struct net_device *netdev);
int hvnet_nic_set_mac(struct net_device *netdev, const u8 *guest);
int hvnet_nic_set_mtu(struct net_device *netdev, u32 mtu);
void hvnet_nic_get_coalescing(const struct net_device *netdev,
			      struct hvnet_coalescing *c);
void hvnet_nic_set_coalescing(struct net_device *netdev,
			      const struct hvnet_coalescing *c);
u32 hvnet_nic_cpu(const struct net_device *netdev);
void hvnet_nic_set_cpu(struct net_device *netdev, u32 cpu);
void hvnet_nic_kick(struct net_device *netdev, unsigned int queue);
bool hvnet_nic_waits(struct net_device *netdev);
bool hvnet_nic_unheard(struct net_device *netdev);
u64 hvnet_nic_drops(struct net_device *netdev, enum hvnet_drop which);
u64 hvnet_nic_stat(struct net_device *netdev, enum hvnet_stat which);

/* ethtool.c, link.c */
extern const struct ethtool_ops hvnet_ethtool_ops;
extern struct rtnl_link_ops hvnet_link_ops;

/* sysfs.c */
extern const struct attribute_group *hvnet_bus_groups[];
extern const struct attribute_group *hvnet_zone_groups[];
extern const struct attribute_group *hvnet_dev_groups[];
extern const struct attribute_group hvnet_page_group;
void hvnet_sysfs_init(void);

#endif /* HVISOR_VNET_H */
