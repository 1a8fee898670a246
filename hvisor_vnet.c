// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: it binds to the hypervisor, and zones and devices are born, live
 * and die here.  An access of a guest comes up from the page (hvpage.c), is
 * decoded by the register file (mmio.c) and acted upon: what can be answered
 * at once is, what needs a quiet data path waits for a worker.  Frames are
 * tap_bridge.c's business, the administrator's words sysfs.c's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/mod_devicetable.h>
#include <linux/platform_device.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/virtio_mmio.h>
#include <net/rtnetlink.h>

#include "compat.h"
#include "daemon.h"
#include "hvisor_vnet.h"
#include "netlink.h"
#include "trace.h"

/* How long a guest must go unheard before we say that somebody took the page. */
#define HVNET_TAKEOVER_DELAY	(HZ / 5UL)
/* How often we look, at least, if such a guest has anything to say. */
#define HVNET_TAKEOVER_REST	(30UL * HZ)

/* Which zones and devices exist, and the page; nothing in a hot path. */
DEFINE_MUTEX(hvnet_lock);

static struct hvpage *hvnet_hp;		/* under hvnet_lock */
LIST_HEAD(hvnet_zones);			/* under hvnet_lock; RCU for readers */
DEFINE_STATIC_SRCU(hvnet_sleepers);	/* for readers that may sleep */
unsigned int hvnet_generation;		/* of the lists; under hvnet_lock */
static bool hvnet_taken;		/* somebody else has the page */

struct bus_type hvnet_bus = {
	.name = "hvisor_vnet",
	.bus_groups = hvnet_bus_groups,
};

/**
 * hvnet_page - the page shared with the hypervisor
 *
 * Context: process, under hvnet_lock. Return: the page, NULL without a
 * hypervisor.
 */
struct hvpage *hvnet_page(void)
{
	lockdep_assert_held(&hvnet_lock);
	return hvnet_hp;
}

/* The request path. */

/* Under rcu_read_lock(), or under hvnet_lock. Return: the zone or NULL. */
static struct hvnet_zone *hvnet_zone_find(u32 id)
{
	struct hvnet_zone *zone;

	list_for_each_entry_rcu(zone, &hvnet_zones, node,
				lockdep_is_held(&hvnet_lock))
		if (zone->id == id)
			return zone;
	return NULL;
}

/**
 * hvnet_zone_named - the zone that an administrator names
 * @id: its id
 * @why: the reason of a refusal
 *
 * Context: process, under hvnet_lock. Return: it or NULL.
 */
struct hvnet_zone *hvnet_zone_named(u32 id, struct hvnet_reason *why)
{
	struct hvnet_zone *zone = hvnet_zone_find(id);

	if (!zone)
		hvnet_refuse_field(why, HVNET_FIELD_ZONE, -ENOENT,
				   "there is no zone %u", id);
	return zone;
}

static struct hvnet_dev *hvnet_dev_at(struct hvnet_zone *zone, u64 addr)
{
	struct hvnet_dev *dev;

	list_for_each_entry_rcu(dev, &zone->devices, node)
		if (addr - dev->addr < dev->len)
			return dev;
	return NULL;
}

/* Leave an access to the worker. Under dev->lock. */
static enum hvpage_reply hvnet_dev_defer(struct hvnet_dev *dev,
					 const struct hvpage_access *acc,
					 const struct hvnet_mmio_access *reg)
{
	struct hvnet_pending *p = &dev->pending[acc->cpu];

	/* A vCPU waits for one answer at a time; EL2 would have to lie. */
	if (__test_and_set_bit(acc->cpu, dev->waiting))
		return HVPAGE_NOBODY;
	p->acc = *acc;
	p->reg = *reg;
	queue_work(system_highpri_wq, &dev->work);
	return HVPAGE_LATER;
}

static enum hvpage_reply hvnet_dev_access(struct hvnet_dev *dev,
					  struct hvpage_access *acc)
{
	struct hvnet_mmio_access reg = {
		.offset = acc->addr - dev->addr,
		.size = acc->size,
		.value = acc->value,
		.write = acc->write,
	};
	enum hvpage_reply reply = HVPAGE_ANSWER;
	enum hvnet_mmio_verdict verdict;

	raw_spin_lock(&dev->lock);
	verdict = hvnet_mmio_access(&dev->mmio, &reg);
	if (verdict == HVNET_MMIO_QUIESCE)
		reply = hvnet_dev_defer(dev, acc, &reg);
	raw_spin_unlock(&dev->lock);

	if (verdict == HVNET_MMIO_KICK)
		hvnet_nic_kick(dev->netdev, reg.value);
	else if (verdict == HVNET_MMIO_ACK)
		hvpage_line_acked(&dev->line);
	acc->value = reg.value;
	return reply;
}

/* Serve a guest's access: see hvpage_access_fn. */
static enum hvpage_reply hvnet_serve(struct hvpage_access *acc)
{
	struct hvnet_dev *dev = NULL;
	struct hvnet_zone *zone;
	enum hvpage_reply reply;

	rcu_read_lock();
	zone = hvnet_zone_find(acc->zone);
	if (zone) {
		WRITE_ONCE(zone->requests, zone->requests + 1);
		dev = hvnet_dev_at(zone, acc->addr);
	}
	if (dev)
		reply = hvnet_dev_access(dev, acc);
	else
		reply = hvnet_daemon_access(acc);
	rcu_read_unlock();
	return reply;
}

/*
 * Give a device up until its driver resets it: DEVICE_NEEDS_RESET, and tell the
 * driver (virtio 1.2, section 2.1.2). See struct hvnet_nic_owner.
 */
static void hvnet_dev_broke(struct hvnet_dev *dev, const char *queue,
			    const char *what)
{
	unsigned long flags;
	bool tell;

	raw_spin_lock_irqsave(&dev->lock, flags);
	tell = hvnet_mmio_needs_reset(&dev->mmio);
	if (tell)
		dev->broken = (struct hvnet_breakage){ queue, what };
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (!tell)
		return;
	trace_hvnet_needs_reset(dev, queue, what);
	hvpage_line_raise(&dev->line, VIRTIO_MMIO_INT_CONFIG);
	/* It stops the data path; we may be part of that. And it tells. */
	queue_work(system_highpri_wq, &dev->work);
	if (__ratelimit(&dev->said))
		dev_err(&dev->dev, "stopped until the guest resets it: %s: %s\n",
			queue, what);
}

/* VIRTIO_NET_S_LINK_UP (virtio 1.2, section 5.1.4). */
static void hvnet_dev_link(struct hvnet_dev *dev, bool up)
{
	unsigned long flags;
	bool tell;

	raw_spin_lock_irqsave(&dev->lock, flags);
	tell = hvnet_mmio_set_link(&dev->mmio, up);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (tell)
		hvpage_line_raise(&dev->line, VIRTIO_MMIO_INT_CONFIG);
}

/* VIRTIO_NET_CTRL_MAC_ADDR_SET (virtio 1.2, section 5.1.6.5.2). */
static void hvnet_dev_mac(struct hvnet_dev *dev, const u8 *mac)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	hvnet_mmio_set_mac(&dev->mmio, mac);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
}

static void hvnet_dev_starved(struct hvnet_dev *dev)
{
	hvnet_tell_stall(dev, HVISOR_VNET_STALL_RECEIVE);
}

static const struct hvnet_nic_owner hvnet_dev_as_owner = {
	.broke = hvnet_dev_broke,
	.link = hvnet_dev_link,
	.mac = hvnet_dev_mac,
	.stalled = hvnet_dev_starved,
};

/* The data path of one device: started and stopped under work_lock. */

static void hvnet_dev_stop(struct hvnet_dev *dev)
{
	if (!dev->running)
		return;
	/* First, since the line looks at the rings. */
	hvpage_line_off(&dev->line);
	hvnet_nic_stop(dev->netdev);
	netif_carrier_off(dev->netdev);
	dev->running = false;
	module_put(THIS_MODULE);
}

/*
 * The line's timer looks at the rings, from a hard interrupt: it is off while
 * they are set up, and on before anything is used.
 */
static void hvnet_dev_start_nic(struct hvnet_dev *dev)
{
	int err = hvnet_nic_prepare(dev->netdev);

	hvpage_line_on(&dev->line);
	if (err)
		hvnet_dev_broke(dev, "any queue",
				"ring addresses are not in the zone's RAM");
	else
		hvnet_nic_start(dev->netdev);
}

static void hvnet_dev_start(struct hvnet_dev *dev)
{
	if (dev->unplugged)
		return;
	/* A guest drives the device: unloading now would hang it (R1). */
	__module_get(THIS_MODULE);
	dev->running = true;
	if (dev->parked)
		hvpage_line_on(&dev->line);
	else
		hvnet_dev_start_nic(dev);
}

static bool hvnet_dev_next(struct hvnet_dev *dev, struct hvnet_pending *p)
{
	unsigned long flags;
	unsigned int cpu;

	raw_spin_lock_irqsave(&dev->lock, flags);
	cpu = find_first_bit(dev->waiting, HVISOR_MAX_CPUS);
	if (cpu < HVISOR_MAX_CPUS) {
		*p = dev->pending[cpu];
		__clear_bit(cpu, dev->waiting);
	}
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return cpu < HVISOR_MAX_CPUS;
}

static bool hvnet_dev_live(struct hvnet_dev *dev)
{
	unsigned long flags;
	bool live;

	raw_spin_lock_irqsave(&dev->lock, flags);
	live = hvnet_mmio_live(&dev->mmio);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return live;
}

/* Carry out what needs a quiet data path; return whether it may run again. */
static bool hvnet_dev_commit(struct hvnet_dev *dev,
			     struct hvnet_mmio_access *reg)
{
	unsigned long flags;
	bool live;

	raw_spin_lock_irqsave(&dev->lock, flags);
	hvnet_mmio_commit(&dev->mmio, reg);
	live = hvnet_mmio_live(&dev->mmio);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return live;
}

/* Answer those that still wait, now that there is no device any more. */
static void hvnet_dev_turn_away(struct hvnet_dev *dev)
{
	struct hvnet_pending p;

	while (hvnet_dev_next(dev, &p)) {
		p.acc.value = 0;
		hvpage_answer(dev->line.hp, &p.acc);
	}
}

/* The driver is gone: what it said of its rings holds no more. */
static void hvnet_dev_begin_anew(struct hvnet_dev *dev)
{
	hvnet_nic_forget(dev->netdev);
	/* Whoever comes next is not the one that was quiesced. */
	if (!READ_ONCE(dev->zone->closing))
		dev->parked = false;
}

/* Tell what a driver has done, now that it is done. */
static void hvnet_dev_tell_status(struct hvnet_dev *dev, u32 before)
{
	const u32 now = READ_ONCE(dev->mmio.status), set = now & ~before;

	if (((before & VIRTIO_CONFIG_S_DRIVER) && !now) ||
	    (set & VIRTIO_CONFIG_S_FAILED))
		hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_RESET_NTF);
	else if (set & VIRTIO_CONFIG_S_DRIVER_OK)
		hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_READY_NTF);
}

static void hvnet_dev_serve(struct hvnet_dev *dev, struct hvnet_pending *p)
{
	const u32 before = READ_ONCE(dev->mmio.status);

	hvnet_dev_stop(dev);
	if (hvnet_dev_commit(dev, &p->reg))
		hvnet_dev_start(dev);
	else
		hvnet_dev_begin_anew(dev);
	p->acc.value = p->reg.value;
	hvpage_answer(dev->line.hp, &p->acc);
	hvnet_dev_tell_status(dev, before);
}

/* What happened where nobody can be told: in an interrupt. */
static void hvnet_dev_tell_news(struct hvnet_dev *dev)
{
	struct hvnet_breakage broken;
	unsigned long flags;

	raw_spin_lock_irqsave(&dev->lock, flags);
	broken = dev->broken;
	dev->broken.queue = NULL;
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	if (broken.queue)
		hvnet_tell_broken(dev, &broken);
	if (atomic_xchg(&dev->stuck, 0))
		hvnet_tell_stall(dev, HVISOR_VNET_STALL_INTERRUPT);
}

/*
 * The guest broke a queue: none of them is touched any more. Root's frames need
 * not wait for it. The line is left on, the guest may not have noticed yet.
 */
static void hvnet_dev_settle(struct hvnet_dev *dev)
{
	if (!dev->running || hvnet_dev_live(dev))
		return;
	hvnet_nic_stop(dev->netdev);
	netif_carrier_off(dev->netdev);
}

/*
 * Serve the accesses that wait. Takes no lock that anybody holds while flushing
 * it, rtnl least of all: a vCPU waits for the answer. Others get the lock
 * between any two: several vCPUs can have something wait at all times.
 */
static void hvnet_dev_work(struct work_struct *work)
{
	struct hvnet_dev *dev = container_of(work, struct hvnet_dev, work);
	struct hvnet_pending p;
	bool more;

	do {
		mutex_lock(&dev->work_lock);
		hvnet_dev_tell_news(dev);
		more = hvnet_dev_next(dev, &p);
		if (more)
			hvnet_dev_serve(dev, &p);
		else
			hvnet_dev_settle(dev);
		mutex_unlock(&dev->work_lock);
	} while (more);
}

/* Has the guest reason to wait for an interrupt? Under line->lock. */
static bool hvnet_dev_wants(struct hvpage_line *line)
{
	struct hvnet_dev *dev = container_of(line, struct hvnet_dev, line);

	return (atomic_read(&dev->mmio.isr) & VIRTIO_MMIO_INT_CONFIG) ||
	       hvnet_nic_waits(dev->netdev);
}

/*
 * An interrupt was never acknowledged. A guest that polls, hangs or died does
 * that; so does one whose requests go to somebody else's page. The latter goes
 * on queueing frames, now or whenever it next has something to say: look until
 * the page is heard of again.
 */
static void hvnet_dev_stalled(struct hvpage_line *line)
{
	struct hvnet_dev *dev = container_of(line, struct hvnet_dev, line);

	atomic_set(&dev->stuck, 1);
	queue_work(system_highpri_wq, &dev->work);
	dev->heard = hvpage_counter(line->hp, HVPAGE_REQUESTS);
	dev->unheard = hvnet_nic_unheard(dev->netdev);
	dev->look_after = HVNET_TAKEOVER_DELAY;
	mod_delayed_work(system_percpu_wq, &dev->takeover, dev->look_after);
}

static void hvnet_dev_look_again(struct hvnet_dev *dev, bool unheard)
{
	if (unheard)
		dev->look_after = HVNET_TAKEOVER_DELAY;
	else
		dev->look_after = min(2 * dev->look_after,
				      HVNET_TAKEOVER_REST);
	dev->unheard = unheard;
	schedule_delayed_work(&dev->takeover, dev->look_after);
}

static void hvnet_dev_takeover(struct work_struct *work)
{
	struct hvnet_dev *dev = container_of(to_delayed_work(work),
					     struct hvnet_dev, takeover);
	bool unheard, news;

	mutex_lock(&dev->work_lock);
	/* A device that was given up is not notified, whoever has the page. */
	if (!dev->running || !hvnet_dev_live(dev) ||
	    hvpage_counter(dev->line.hp, HVPAGE_REQUESTS) != dev->heard)
		goto out;
	unheard = hvnet_nic_unheard(dev->netdev);
	if (!unheard || !dev->unheard) {
		hvnet_dev_look_again(dev, unheard);
		goto out;
	}
	news = !hvnet_taken_over();
	WRITE_ONCE(hvnet_taken, true);
	if (news)
		hvnet_tell_hv(HVISOR_VNET_CMD_HV_TAKEN_OVER_NTF);
	dev_err_ratelimited(&dev->dev,
			    "the guest is alive but hvisor no longer passes its requests on: another program (hvisor-tool's daemon?) has given hvisor a page of its own; stop it, then: echo 1 > /sys/bus/hvisor_vnet/reattach\n");
out:
	mutex_unlock(&dev->work_lock);
}

/**
 * hvnet_taken_over - has somebody else taken hvisor's requests over?
 *
 * Context: any.
 */
bool hvnet_taken_over(void)
{
	return READ_ONCE(hvnet_taken);
}

/*
 * Notifications that somebody else was given are not repeated, so look as if
 * they had come now; and tell the guest, which could acknowledge nothing.
 */
static void hvnet_dev_catch_up(struct hvnet_dev *dev)
{
	unsigned int queue;

	mutex_lock(&dev->work_lock);
	if (dev->running) {
		local_bh_disable();
		for (queue = 0; queue < HVNET_MMIO_QUEUES; queue++)
			hvnet_nic_kick(dev->netdev, queue);
		local_bh_enable();
		hvpage_line_raise(&dev->line, VIRTIO_MMIO_INT_VRING);
	}
	mutex_unlock(&dev->work_lock);
}

/**
 * hvnet_reattach - give hvisor our page again
 * @why: the reason of a refusal
 *
 * Devices that are in use go on where they were.
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvnet_reattach(struct hvnet_reason *why)
{
	struct hvnet_zone *zone;
	struct hvnet_dev *dev;
	int err;

	mutex_lock(&hvnet_lock);
	if (!hvnet_hp)
		err = hvnet_refuse(why, -ENODEV, "there is no hypervisor");
	else
		err = hvpage_reattach(hvnet_hp, why);
	if (err)
		goto out;
	WRITE_ONCE(hvnet_taken, false);
	hvnet_tell_hv(HVISOR_VNET_CMD_HV_REATTACHED_NTF);
	list_for_each_entry(zone, &hvnet_zones, node)
		list_for_each_entry(dev, &zone->devices, node)
			hvnet_dev_catch_up(dev);
out:
	mutex_unlock(&hvnet_lock);
	return err;
}

/* Quiescing a zone, so that it can be shut down or loaded anew. */

/*
 * How long a zone has to be silent, and how long we wait for that. A vCPU makes
 * no access between InterruptACK and its EOI: a microsecond, but under emulation
 * it may lose its host CPU there. EL2 parks a CPU with its list registers as
 * they are, so that an interrupt which is active then is dead from there on
 * (Z3). Seen active on a host with five times the work it can do: on 1 of 4 CPUs
 * after 5 ms, on 3 of 82 after 50 ms; each time the guest's timer, which silence
 * makes rare but cannot exclude.
 */
#define HVNET_SILENCE_MS	50
#define HVNET_SILENCE_BOUND_MS	1000
#define HVNET_SILENCE_DEAD_MS	300

/* Rest: no frame crosses, and the guest is asked not to kick. */
static void hvnet_dev_park(struct hvnet_dev *dev)
{
	mutex_lock(&dev->work_lock);
	if (!dev->parked) {
		dev->parked = true;
		hvnet_nic_stop(dev->netdev);
		hvnet_nic_hush(dev->netdev);
	}
	mutex_unlock(&dev->work_lock);
}

/* Return whether it rested. */
static bool hvnet_dev_unpark(struct hvnet_dev *dev)
{
	bool parked;

	mutex_lock(&dev->work_lock);
	parked = dev->parked;
	if (parked) {
		dev->parked = false;
		if (dev->running && hvnet_dev_live(dev)) {
			hvpage_line_off(&dev->line);
			hvnet_dev_start_nic(dev);
		}
	}
	mutex_unlock(&dev->work_lock);
	return parked;
}

/* As if its driver had reset it: its zone is no more. */
static void hvnet_dev_orphan(struct hvnet_dev *dev)
{
	struct hvnet_mmio_access reset = {
		.offset = VIRTIO_MMIO_STATUS,
		.size = sizeof(u32),
		.write = true,
	};

	u32 before;

	mutex_lock(&dev->work_lock);
	before = READ_ONCE(dev->mmio.status);
	hvnet_dev_stop(dev);
	hvnet_dev_commit(dev, &reset);
	hvnet_nic_forget(dev->netdev);
	dev->parked = false;
	hvnet_dev_turn_away(dev);
	hvnet_dev_tell_status(dev, before);
	mutex_unlock(&dev->work_lock);
}

static bool hvnet_zone_acked(const struct hvnet_zone *zone)
{
	struct hvnet_dev *dev;

	list_for_each_entry(dev, &zone->devices, node)
		if (atomic_read(&dev->mmio.isr))
			return false;
	return !hvnet_daemon_owes(zone->id);
}

static int hvnet_zone_refuse_busy(const struct hvnet_zone *zone, u64 accesses,
				  struct hvnet_reason *why)
{
	if (hvpage_zone_asks(hvnet_hp, zone->id))
		return hvnet_refuse_field(why, HVNET_FIELD_QUIESCE, -EBUSY,
					  "zone %u waits for an answer of hvisor-tool's daemon; is it stopped?",
					  zone->id);
	return hvnet_refuse_field(why, HVNET_FIELD_QUIESCE, -EBUSY,
				  "zone %u does not fall silent: it made %llu accesses to its devices in %u ms; stop what it is doing",
				  zone->id, accesses, HVNET_SILENCE_BOUND_MS);
}

/*
 * Wait until no vCPU is in, or about to be in, an access: EL2 may panic over
 * one that is (Z2), and an interrupt left unacknowledged stays in a list
 * register (Z3). A guest that is silent for long has died, or polls; it will
 * not acknowledge anything.
 */
static int hvnet_zone_wait_silent(const struct hvnet_zone *zone,
				  struct hvnet_reason *why)
{
	u64 first = READ_ONCE(zone->requests), before, now = first;
	unsigned int ms, silent = 0;

	for (ms = 0; ms < HVNET_SILENCE_BOUND_MS; ms += HVNET_SILENCE_MS) {
		before = now;
		usleep_range(HVNET_SILENCE_MS * USEC_PER_MSEC,
			     HVNET_SILENCE_MS * USEC_PER_MSEC + 100);
		now = READ_ONCE(zone->requests);
		silent = now == before && !hvpage_zone_asks(hvnet_hp, zone->id) ?
			 silent + HVNET_SILENCE_MS : 0;
		if (silent >= HVNET_SILENCE_DEAD_MS ||
		    (silent && hvnet_zone_acked(zone)))
			return 0;
	}
	return hvnet_zone_refuse_busy(zone, now - first, why);
}

static bool hvnet_zone_unpark(struct hvnet_zone *zone)
{
	struct hvnet_dev *dev;
	bool parked = false;

	list_for_each_entry(dev, &zone->devices, node)
		parked |= hvnet_dev_unpark(dev);
	return parked;
}

/**
 * hvnet_zone_release - let a quiesced zone's devices go on
 * @zone: the zone
 *
 * Context: process, under hvnet_lock.
 */
void hvnet_zone_release(struct hvnet_zone *zone)
{
	if (hvnet_zone_unpark(zone))
		hvnet_tell_zone(zone, HVISOR_VNET_CMD_ZONE_RELEASED_NTF);
}

/**
 * hvnet_zone_quiesced - does any of a zone's devices rest?
 * @zone: the zone
 *
 * Context: process, under hvnet_lock.
 */
bool hvnet_zone_quiesced(const struct hvnet_zone *zone)
{
	const struct hvnet_dev *dev;

	list_for_each_entry(dev, &zone->devices, node)
		if (READ_ONCE(dev->parked))
			return true;
	return false;
}

/**
 * hvnet_zone_quiesce - have a zone and its devices rest
 * @zone: the zone
 * @why: the reason of a refusal
 *
 * Nothing is written to the zone's RAM once this returns 0, until the zone is
 * released or a driver begins anew.
 *
 * Context: process, under hvnet_lock. Return: 0, or -EBUSY with all as before.
 */
int hvnet_zone_quiesce(struct hvnet_zone *zone, struct hvnet_reason *why)
{
	struct hvnet_dev *dev;
	int err;

	list_for_each_entry(dev, &zone->devices, node)
		hvnet_dev_park(dev);
	err = hvnet_zone_wait_silent(zone, why);
	if (err)
		hvnet_zone_unpark(zone);
	else
		hvnet_tell_zone(zone, HVISOR_VNET_CMD_ZONE_QUIESCED_NTF);
	return err;
}

/* Under hvnet_lock, or as one of hvnet_sleepers. */
static void hvnet_zone_orphan(struct hvnet_zone *zone)
{
	struct hvnet_dev *dev;

	list_for_each_entry_rcu(dev, &zone->devices, node,
				lockdep_is_held(&hvnet_lock) ||
				srcu_read_lock_held(&hvnet_sleepers))
		hvnet_dev_orphan(dev);
}

/* Nobody injects meanwhile: see hvpage_hold(). */
static long hvnet_zone_call_held(long (*call)(void *arg), void *arg)
{
	long result;

	if (hvnet_hp)
		hvpage_hold(hvnet_hp, true);
	result = call(arg);
	if (hvnet_hp)
		hvpage_hold(hvnet_hp, false);
	return result;
}

/**
 * hvnet_zone_shutdown - shut a zone down
 * @id: its id
 * @call: asks the hypervisor to; may not take hvnet_lock
 * @arg: its argument
 * @why: the reason of a refusal
 *
 * The zone is quiesced first. If it was shut down its devices wait for the next
 * driver; if not they go on.
 *
 * Context: process. Return: what @call returned, or -EBUSY.
 */
long hvnet_zone_shutdown(u32 id, long (*call)(void *arg), void *arg,
			 struct hvnet_reason *why)
{
	struct hvnet_zone *zone;
	long result;

	mutex_lock(&hvnet_lock);
	zone = hvnet_zone_find(id);
	if (!zone) {
		result = hvnet_zone_call_held(call, arg);
		goto out;
	}
	WRITE_ONCE(zone->closing, true);
	result = hvnet_zone_quiesce(zone, why);
	if (!result) {
		result = hvnet_zone_call_held(call, arg);
		if (result)
			hvnet_zone_release(zone);
		else
			hvnet_zone_orphan(zone);
	}
	WRITE_ONCE(zone->closing, false);
out:
	mutex_unlock(&hvnet_lock);
	return result;
}

/**
 * hvnet_zone_vacate - a zone that does not run is about to be loaded or started
 * @id: its id
 *
 * Its guest may have stopped by itself, which nobody tells us (Z1).
 *
 * Context: process.
 */
void hvnet_zone_vacate(u32 id)
{
	struct hvnet_zone *zone;

	mutex_lock(&hvnet_lock);
	zone = hvnet_zone_find(id);
	if (zone)
		hvnet_zone_orphan(zone);
	mutex_unlock(&hvnet_lock);
}

static bool hvnet_zone_owns(const struct hvnet_zone *zone, u64 pa, u64 size)
{
	unsigned int i;

	for (i = 0; i < zone->mem.n; i++) {
		const struct hvnet_range *r = &zone->mem.range[i];

		if (!r->root_ram && hvnet_overlap(pa, size, r->pa, r->size))
			return true;
	}
	return false;
}

/**
 * hvnet_zone_vacate_ram - somebody is about to write into a zone's RAM
 * @pa: root-physical address
 * @size: bytes; the end does not wrap
 *
 * Who maps RAM holds mmap_lock.  hvnet_lock is outside of rtnl, and that of
 * mmap_lock: the networking core copies to and from user space.  So neither is
 * taken.
 *
 * Context: process.
 */
void hvnet_zone_vacate_ram(u64 pa, u64 size)
{
	int reader = srcu_read_lock(&hvnet_sleepers);
	struct hvnet_zone *zone;

	list_for_each_entry_rcu(zone, &hvnet_zones, node,
				srcu_read_lock_held(&hvnet_sleepers))
		if (hvnet_zone_owns(zone, pa, size))
			hvnet_zone_orphan(zone);
	srcu_read_unlock(&hvnet_sleepers, reader);
}

/* What was taken off a list is found by nobody any more. Under hvnet_lock. */
static void hvnet_readers_gone(void)
{
	synchronize_rcu();
	synchronize_srcu(&hvnet_sleepers);
}

/* Zones. */

static void hvnet_zone_free(struct device *d)
{
	struct hvnet_zone *zone = to_hvnet_zone(d);

	hvnet_memory_unmap(&zone->mem);
	kfree(zone);
}

static const struct device_type hvnet_zone_type = {
	.name = "zone",
	.groups = hvnet_zone_groups,
	.release = hvnet_zone_free,
};

static bool hvnet_ranges_share(const struct hvnet_range *a,
			       const struct hvnet_range *b)
{
	if (a->root_ram || b->root_ram)
		return false;
	return hvnet_overlap(a->pa, a->size, b->pa, b->size);
}

/* No zone may reach another's RAM. */
static int hvnet_zone_check_ram(const struct hvnet_memory *mem,
				struct hvnet_reason *why)
{
	const struct hvnet_zone *zone;
	unsigned int i, j;

	list_for_each_entry(zone, &hvnet_zones, node)
		for (i = 0; i < mem->n; i++)
			for (j = 0; j < zone->mem.n; j++)
				if (hvnet_ranges_share(&mem->range[i],
						       &zone->mem.range[j])) {
					why->range = mem->range[i].pa;
					return hvnet_refuse_field(why, HVNET_FIELD_RAM,
								  -EBUSY,
								  "RAM at %#llx belongs to zone %u",
								  mem->range[i].pa,
								  zone->id);
				}
	return 0;
}

static int hvnet_zone_check(u32 id, struct hvnet_reason *why)
{
	if (!hvnet_hp)
		return hvnet_refuse(why, -ENODEV, "there is no hypervisor");
	if (!id)
		return hvnet_refuse_field(why, HVNET_FIELD_ZONE, -EINVAL,
					  "zone 0 is root itself");
	if (hvnet_zone_find(id))
		return hvnet_refuse_field(why, HVNET_FIELD_ZONE, -EEXIST,
					  "zone %u exists already", id);
	return 0;
}

/* Take ranges over into a zone that is not visible yet. */
static int hvnet_zone_give_ram(struct hvnet_zone *zone,
			       const struct hvnet_memory *mem,
			       struct hvnet_reason *why)
{
	int err;

	zone->mem = *mem;
	err = hvnet_memory_map(&zone->mem, hvpage_root_ram_ok(hvnet_hp), why);
	if (err) {
		zone->mem.n = 0;
		return err;
	}
	return hvnet_zone_check_ram(&zone->mem, why);
}

static struct hvnet_zone *hvnet_zone_new(u32 id, const struct hvnet_memory *mem,
					 struct hvnet_reason *why)
{
	struct hvnet_zone *zone = kzalloc(sizeof(*zone), GFP_KERNEL);
	int err;

	if (!zone)
		return ERR_PTR(hvnet_refuse(why, -ENOMEM, "out of memory"));
	zone->id = id;
	INIT_LIST_HEAD(&zone->devices);
	zone->dev.bus = &hvnet_bus;
	zone->dev.type = &hvnet_zone_type;
	device_initialize(&zone->dev);
	err = hvnet_zone_give_ram(zone, mem, why);
	if (err)
		goto err_put;
	err = dev_set_name(&zone->dev, "zone%u", id);
	if (!err)
		err = device_add(&zone->dev);
	if (err) {
		hvnet_refuse(why, err, "the zone could not be added (error %d)",
			     err);
		goto err_put;
	}
	return zone;

err_put:
	put_device(&zone->dev);
	return ERR_PTR(err);
}

/**
 * hvnet_zone_create - let a zone have devices
 * @id: hvisor's zone id
 * @mem: its RAM: @ipa, @pa and @size of each range
 * @why: the reason of a refusal
 *
 * Context: process. Return: the zone or an ERR_PTR.
 */
struct hvnet_zone *hvnet_zone_create(u32 id, struct hvnet_memory *mem,
				     struct hvnet_reason *why)
{
	struct hvnet_zone *zone;
	int err;

	mutex_lock(&hvnet_lock);
	err = hvnet_zone_check(id, why);
	if (err) {
		zone = ERR_PTR(err);
		goto out;
	}
	zone = hvnet_zone_new(id, mem, why);
	if (IS_ERR(zone))
		goto out;
	list_add_tail_rcu(&zone->node, &hvnet_zones);
	hvnet_generation++;
	hvnet_tell_zone(zone, HVISOR_VNET_CMD_ZONE_NEW_NTF);
out:
	mutex_unlock(&hvnet_lock);
	return zone;
}

/* Nobody can find its devices any more: there are none. */
static void hvnet_zone_destroy(struct hvnet_zone *zone)
{
	hvnet_tell_zone(zone, HVISOR_VNET_CMD_ZONE_DEL_NTF);
	list_del_rcu(&zone->node);
	hvnet_generation++;
	hvnet_readers_gone();
	device_unregister(&zone->dev);
}

/* "ip link del": the rest of devices whose interface is gone. */

/* Under hvnet_lock. */
static void hvnet_sweep(void)
{
	struct hvnet_dev *dev, *next;
	struct hvnet_zone *zone;

	list_for_each_entry(zone, &hvnet_zones, node)
		list_for_each_entry_safe(dev, next, &zone->devices, node)
			if (READ_ONCE(dev->unplugged))
				hvnet_dev_destroy(dev);
}

static void hvnet_sweep_work_fn(struct work_struct *work)
{
	mutex_lock(&hvnet_lock);
	hvnet_sweep();
	mutex_unlock(&hvnet_lock);
}

static DECLARE_WORK(hvnet_sweep_work, hvnet_sweep_work_fn);

/**
 * hvnet_dev_unplug - the interface of a device is about to be removed
 * @dev: the device
 *
 * From now on no frame crosses. The device itself goes a moment later, since
 * that takes hvnet_lock, which is outside of rtnl; until then its guest finds
 * it as ever, but in vain.
 *
 * Context: process, under rtnl.
 */
void hvnet_dev_unplug(struct hvnet_dev *dev)
{
	/* Its namespace may be gone when the device goes. */
	hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_DEL_NTF);
	mutex_lock(&dev->work_lock);
	hvnet_dev_stop(dev);
	WRITE_ONCE(dev->unplugged, true);
	mutex_unlock(&dev->work_lock);
	queue_work(system_dfl_wq, &hvnet_sweep_work);
}

/**
 * hvnet_zone_remove - forget a zone
 * @id: its id
 * @why: the reason of a refusal
 *
 * Context: process. Return: 0, -ENOENT, or -EBUSY while it has devices.
 */
int hvnet_zone_remove(u32 id, struct hvnet_reason *why)
{
	struct hvnet_zone *zone;
	struct hvnet_dev *dev;
	int err = 0;

	mutex_lock(&hvnet_lock);
	hvnet_sweep();
	zone = hvnet_zone_named(id, why);
	dev = zone ? list_first_entry_or_null(&zone->devices, struct hvnet_dev,
					      node) : NULL;
	if (!zone)
		err = -ENOENT;
	else if (dev)
		err = hvnet_refuse_field(why, HVNET_FIELD_ZONE, -EBUSY,
					 "zone %u still has device %s: remove it first",
					 id, dev_name(&dev->dev));
	else
		hvnet_zone_destroy(zone);
	mutex_unlock(&hvnet_lock);
	return err;
}

/* Devices. */

static void hvnet_dev_release(struct device *d)
{
	kfree(to_hvnet_dev(d));
}

static const struct device_type hvnet_dev_type = {
	.name = "device",
	.groups = hvnet_dev_groups,
	.release = hvnet_dev_release,
};

static int hvnet_dev_check_place(const struct hvnet_zone *zone,
				 const struct hvnet_dev_params *p,
				 struct hvnet_reason *why)
{
	const struct hvnet_dev *other;

	if (p->len < HVNET_REGION_MIN)
		return hvnet_refuse_field(why, HVNET_FIELD_LEN, -EINVAL,
					  "len %#llx is less than the %#x a virtio-mmio device takes",
					  p->len, HVNET_REGION_MIN);
	if (p->addr + p->len < p->addr || p->addr % sizeof(u64))
		return hvnet_refuse_field(why, HVNET_FIELD_ADDR, -EINVAL,
					  "addr %#llx with len %#llx is no region of registers",
					  p->addr, p->len);
	if (hvnet_memory_meets(&zone->mem, p->addr, p->len))
		return hvnet_refuse_field(why, HVNET_FIELD_ADDR, -EINVAL,
					  "addr %#llx with len %#llx lies in the zone's RAM, or part of it does",
					  p->addr, p->len);
	list_for_each_entry(other, &zone->devices, node)
		if (hvnet_overlap(p->addr, p->len, other->addr, other->len))
			return hvnet_refuse_field(why, HVNET_FIELD_ADDR, -EEXIST,
						  "addr %#llx with len %#llx overlaps device %s",
						  p->addr, p->len,
						  dev_name(&other->dev));
	return 0;
}

static void hvnet_dev_init(struct hvnet_dev *dev, struct hvnet_zone *zone,
			   const struct hvnet_dev_params *p)
{
	dev->zone = zone;
	dev->addr = p->addr;
	dev->len = p->len;
	raw_spin_lock_init(&dev->lock);
	mutex_init(&dev->work_lock);
	INIT_WORK(&dev->work, hvnet_dev_work);
	INIT_DELAYED_WORK(&dev->takeover, hvnet_dev_takeover);
	ratelimit_state_init(&dev->said, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	hvnet_mmio_init(&dev->mmio, p->offered, p->queue_max, p->mac, p->mtu);
	dev->line.zone = zone->id;
	dev->line.irq = p->irq;
	dev->line.isr = &dev->mmio.isr;
	dev->line.wants = hvnet_dev_wants;
	dev->line.stalled = hvnet_dev_stalled;

	dev->dev.bus = &hvnet_bus;
	dev->dev.type = &hvnet_dev_type;
	dev->dev.parent = &zone->dev;
	device_initialize(&dev->dev);
}

/* Bring a device to life; it is not visible to its guest yet. */
static int hvnet_dev_add(struct hvnet_dev *dev,
			 const struct hvnet_dev_params *p,
			 struct hvnet_reason *why)
{
	int err;

	err = hvpage_line_add(hvnet_hp, &dev->line, why);
	if (err)
		return err;
	/* First: who reads the device's files reads its counters. */
	dev->netdev = hvnet_nic_create(dev, &hvnet_dev_as_owner, p, why);
	if (IS_ERR(dev->netdev)) {
		err = PTR_ERR(dev->netdev);
		goto err_line;
	}
	err = dev_set_name(&dev->dev, "zone%u-%llx", dev->zone->id, dev->addr);
	if (!err)
		err = device_add(&dev->dev);
	if (err) {
		hvnet_refuse(why, err,
			     "the device could not be added (error %d)",
			     err);
		goto err_nic;
	}
	err = hvnet_nic_register(dev->netdev, why);
	if (err)
		goto err_device;
	hvnet_latency_add(dev);
	return 0;

err_device:
	device_del(&dev->dev);
err_nic:
	hvnet_nic_free(dev->netdev);
err_line:
	hvpage_line_del(&dev->line);
	return err;
}

static struct hvnet_dev *hvnet_dev_new(struct hvnet_zone *zone,
				       const struct hvnet_dev_params *p,
				       struct hvnet_reason *why)
{
	struct hvnet_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return ERR_PTR(hvnet_refuse(why, -ENOMEM, "out of memory"));
	hvnet_dev_init(dev, zone, p);
	err = hvnet_dev_add(dev, p, why);
	if (err) {
		put_device(&dev->dev);
		return ERR_PTR(err);
	}
	list_add_tail_rcu(&dev->node, &zone->devices);
	hvnet_generation++;
	hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_NEW_NTF);
	return dev;
}

/**
 * hvnet_dev_create - give a zone a network device
 * @params: what is asked for; a missing MAC is filled in
 * @why: the reason of a refusal
 *
 * Context: process, under hvnet_lock. Return: the device or an ERR_PTR.
 */
struct hvnet_dev *hvnet_dev_create(struct hvnet_dev_params *params,
				   struct hvnet_reason *why)
{
	struct hvnet_zone *zone;
	int err;

	hvnet_sweep();
	if (params->addr == HVNET_NO_ADDR)
		return ERR_PTR(hvnet_refuse_field(why, HVNET_FIELD_ADDR, -EINVAL,
						  "addr is missing"));
	zone = hvnet_zone_named(params->zone, why);
	if (!zone)
		return ERR_PTR(-ENOENT);
	err = hvnet_dev_params_check(params, why) ?:
	      hvnet_dev_check_place(zone, params, why);
	if (err)
		return ERR_PTR(err);
	if (is_zero_ether_addr(params->mac))
		eth_random_addr(params->mac);
	return hvnet_dev_new(zone, params, why);
}

/**
 * hvnet_dev_params_now - what a device is like
 * @dev: the device
 * @p: filled in, but for the interface's name and namespace
 *
 * Context: process, under hvnet_lock.
 */
void hvnet_dev_params_now(const struct hvnet_dev *dev,
			  struct hvnet_dev_params *p)
{
	const struct hvnet_mmio *m = &dev->mmio;

	*p = (struct hvnet_dev_params) {
		.zone = dev->zone->id,
		.addr = dev->addr,
		.len = dev->len,
		.irq = dev->line.irq,
		.queue_max = m->queue_max,
		.mtu = le16_to_cpu((__force __le16)m->config.mtu),
		.offered = m->offered,
	};
	ether_addr_copy(p->mac, m->mac);
	hvnet_nic_get_coalescing(dev->netdev, &p->coalesce);
	p->cpu = hvnet_nic_cpu(dev->netdev);
}

/* What a driver relies on from its first look on. */
#define HVNET_BORN_WITH \
	(BIT(HVNET_FIELD_MAC) | BIT(HVNET_FIELD_MTU) | BIT(HVNET_FIELD_OFFERED))

/* Return whether it could be: not once a driver has looked. Under work_lock. */
static bool hvnet_dev_born_as(struct hvnet_dev *dev,
			      const struct hvnet_dev_params *p,
			      unsigned long fields)
{
	struct hvnet_mmio *m = &dev->mmio;
	unsigned long flags;
	bool idle;

	raw_spin_lock_irqsave(&dev->lock, flags);
	idle = hvnet_mmio_idle(m);
	if (idle && (fields & BIT(HVNET_FIELD_MAC)))
		hvnet_mmio_born_as(m, p->mac);
	if (idle && (fields & BIT(HVNET_FIELD_MTU)))
		hvnet_mmio_set_mtu(m, p->mtu);
	if (idle && (fields & BIT(HVNET_FIELD_OFFERED)))
		hvnet_mmio_offer(m, p->offered);
	raw_spin_unlock_irqrestore(&dev->lock, flags);
	return idle;
}

/* The interface follows. Under rtnl and work_lock. */
static int hvnet_dev_rebirth(struct hvnet_dev *dev,
			     const struct hvnet_dev_params *p,
			     unsigned long fields, struct hvnet_reason *why)
{
	int err = 0;

	if (!hvnet_dev_born_as(dev, p, fields))
		return hvnet_refuse_field(why, __ffs(fields), -EBUSY,
					  "a driver in the guest uses %s: its address, MTU and features cannot change now",
					  dev_name(&dev->dev));
	if (fields & BIT(HVNET_FIELD_MTU))
		err = hvnet_nic_set_mtu(dev->netdev, p->mtu);
	if (!err && (fields & BIT(HVNET_FIELD_MAC)))
		err = hvnet_nic_set_mac(dev->netdev, p->mac);
	if (err)
		return hvnet_refuse_field(why, __ffs(fields), err,
					  "the guest's end has it, but interface %s does not take it (error %d)",
					  netdev_name(dev->netdev), err);
	return 0;
}

/**
 * hvnet_dev_change - change a device
 * @dev: the device
 * @p: what it shall be like, whole
 * @fields: what of it is to change: bits of enum hvnet_field, of address, MTU,
 *	features, coalescing and CPU
 * @why: the reason of a refusal
 *
 * Context: process, under hvnet_lock; takes rtnl.
 * Return: 0 or a negative errno.
 */
int hvnet_dev_change(struct hvnet_dev *dev, const struct hvnet_dev_params *p,
		     unsigned long fields, struct hvnet_reason *why)
{
	int err = hvnet_dev_params_check(p, why);

	if (!err && (fields & HVNET_BORN_WITH)) {
		rtnl_lock();
		mutex_lock(&dev->work_lock);
		if (dev->unplugged)
			err = hvnet_refuse(why, -ENODEV,
					   "the interface of %s is being removed",
					   dev_name(&dev->dev));
		else
			err = hvnet_dev_rebirth(dev, p,
						fields & HVNET_BORN_WITH, why);
		mutex_unlock(&dev->work_lock);
		rtnl_unlock();
	}
	if (err)
		return err;
	if (fields & BIT(HVNET_FIELD_COALESCE))
		hvnet_nic_set_coalescing(dev->netdev, &p->coalesce);
	if (fields & BIT(HVNET_FIELD_CPU))
		hvnet_nic_set_cpu(dev->netdev, p->cpu);
	hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_SET_NTF);
	return 0;
}

/**
 * hvnet_dev_destroy - take a device away
 * @dev: the device
 *
 * See hvnet_dev_remove().
 *
 * Context: process, under hvnet_lock.
 */
void hvnet_dev_destroy(struct hvnet_dev *dev)
{
	hvnet_latency_del(dev);
	hvnet_tell_dev(dev, HVISOR_VNET_CMD_DEV_DEL_NTF);
	list_del_rcu(&dev->node);
	hvnet_generation++;
	hvnet_readers_gone();
	mutex_lock(&dev->work_lock);
	hvnet_dev_stop(dev);
	hvnet_dev_turn_away(dev);
	mutex_unlock(&dev->work_lock);
	/* Nor can its queues break: the worker is not queued again. */
	cancel_work_sync(&dev->work);
	/* The line is off, so this is not queued again. */
	cancel_delayed_work_sync(&dev->takeover);
	hvnet_nic_unregister(dev->netdev);
	hvpage_line_del(&dev->line);
	device_del(&dev->dev);
	/* Last: nobody reads its files any more. */
	hvnet_nic_free(dev->netdev);
	put_device(&dev->dev);
}

static struct hvnet_dev *hvnet_dev_find(const char *name)
{
	struct hvnet_zone *zone;
	struct hvnet_dev *dev;

	list_for_each_entry(zone, &hvnet_zones, node)
		list_for_each_entry(dev, &zone->devices, node)
			if (sysfs_streq(dev_name(&dev->dev), name))
				return dev;
	return NULL;
}

/**
 * hvnet_dev_remove - take a device away
 * @name: its name on the bus
 * @why: the reason of a refusal
 *
 * A guest that drives it reads zeroes from now on. Nothing is written to the
 * guest's memory once this returns.
 *
 * Context: process. Return: 0 or -ENOENT.
 */
int hvnet_dev_remove(const char *name, struct hvnet_reason *why)
{
	struct hvnet_dev *dev;
	int err = 0;

	mutex_lock(&hvnet_lock);
	dev = hvnet_dev_find(name);
	if (dev)
		hvnet_dev_destroy(dev);
	else
		err = hvnet_refuse(why, -ENOENT, "there is no device '%.*s'",
				   (int)strcspn(name, "\n"), name);
	mutex_unlock(&hvnet_lock);
	return err;
}

/* The hypervisor comes and goes. */

static void hvnet_leave(void *unused)
{
	struct hvnet_zone *zone, *next_zone;
	struct hvnet_dev *dev, *next_dev;

	mutex_lock(&hvnet_lock);
	list_for_each_entry_safe(zone, next_zone, &hvnet_zones, node) {
		list_for_each_entry_safe(dev, next_dev, &zone->devices, node)
			hvnet_dev_destroy(dev);
		hvnet_zone_destroy(zone);
	}
	hvnet_daemon_set_page(NULL);
	hvpage_detach(hvnet_hp);
	hvnet_hp = NULL;
	WRITE_ONCE(hvnet_taken, false);
	hvnet_tell_hv(HVISOR_VNET_CMD_HV_DEL_NTF);
	mutex_unlock(&hvnet_lock);
}

static int hvnet_join(struct hvnet_conduit *c, struct hvnet_reason *why)
{
	struct hvpage *hp;
	int err = 0;

	mutex_lock(&hvnet_lock);
	if (hvnet_hp) {
		err = hvnet_refuse(why, -EBUSY,
				   "attached to a hypervisor already (%s)",
				   hvpage_conduit_name(hvnet_hp));
		goto out;
	}
	hp = hvpage_attach(c, hvnet_serve, why);
	if (IS_ERR(hp)) {
		err = PTR_ERR(hp);
		goto out;
	}
	hvnet_hp = hp;
	hvnet_daemon_set_page(hp);
	hvnet_tell_hv(HVISOR_VNET_CMD_HV_NEW_NTF);
out:
	mutex_unlock(&hvnet_lock);
	return err;
}

static int hvnet_probe(struct platform_device *pdev)
{
	struct hvnet_reason why = {};
	struct hvnet_conduit *c;
	int err;

	if (pdev->dev.of_node)
		c = hvnet_hvc_conduit(pdev, &why);
	else
		c = dev_get_platdata(&pdev->dev);
	err = PTR_ERR_OR_ZERO(c);
	if (!err)
		err = hvnet_join(c, &why);
	if (err) {
		dev_err(&pdev->dev, "%s\n", why.text);
		return err;
	}
	dev_info(&pdev->dev, "attached to hvisor (%s)\n", c->name);
	/* An action instead of .remove, whose type changed with 6.11. */
	err = devm_add_action_or_reset(&pdev->dev, hvnet_leave, NULL);
	/* Not by .dev_groups: what cannot be added is removed there, with a WARN. */
	if (!err)
		err = devm_device_add_group(&pdev->dev, &hvnet_page_group);
	if (err)
		dev_err(&pdev->dev, "detached again: out of memory\n");
	return err;
}

static const struct of_device_id hvnet_of_ids[] = {
	{ .compatible = HVISOR_COMPATIBLE },
	{}
};
MODULE_DEVICE_TABLE(of, hvnet_of_ids);

static const struct platform_device_id hvnet_ids[] = {
	{ .name = HVNET_SIM_DEVICE },
	{}
};

static struct platform_driver hvnet_driver = {
	.probe = hvnet_probe,
	.id_table = hvnet_ids,
	.driver = {
		.name = KBUILD_MODNAME,
		.of_match_table = hvnet_of_ids,
		/* A guest would hang; removing its device first is explicit. */
		.suppress_bind_attrs = true,
	},
};

static int __init hvnet_init(void)
{
	int err;

	hvnet_sysfs_init();
	err = bus_register(&hvnet_bus);
	if (err)
		return err;
	err = hvnet_daemon_init();
	if (err)
		goto err_bus;
	err = hvnet_netlink_init();
	if (err)
		goto err_daemon;
	hvnet_latency_init();
	err = rtnl_link_register(&hvnet_link_ops);
	if (err)
		goto err_latency;
	err = platform_driver_register(&hvnet_driver);
	if (err)
		goto err_link;
	mutex_lock(&hvnet_lock);
	if (!hvnet_hp)
		pr_info("no hypervisor yet: waiting for a device tree node compatible with \"%s\"\n",
			HVISOR_COMPATIBLE);
	mutex_unlock(&hvnet_lock);
	return 0;

err_link:
	rtnl_link_unregister(&hvnet_link_ops);
err_latency:
	hvnet_latency_exit();
	hvnet_netlink_exit();
err_daemon:
	hvnet_daemon_exit();
err_bus:
	bus_unregister(&hvnet_bus);
	return err;
}
module_init(hvnet_init);

static void __exit hvnet_exit(void)
{
	platform_driver_unregister(&hvnet_driver);
	rtnl_link_unregister(&hvnet_link_ops);
	cancel_work_sync(&hvnet_sweep_work);
	hvnet_latency_exit();
	/* After the last event. */
	hvnet_netlink_exit();
	hvnet_daemon_exit();
	bus_unregister(&hvnet_bus);
}
module_exit(hvnet_exit);

MODULE_DESCRIPTION("In-kernel virtio-net backend for the hvisor hypervisor");
MODULE_LICENSE("GPL");
