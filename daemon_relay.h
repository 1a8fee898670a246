/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The private page of hvisor-tool's daemon: what its owner (daemon.c) sees of
 * it.  How requests get there and answers back is in daemon_relay.c.
 */
#ifndef HVNET_DAEMON_RELAY_H
#define HVNET_DAEMON_RELAY_H

#include <linux/bitmap.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "hvisor_abi.h"
#include "hvpage.h"

struct eventfd_ctx;

/* The last slot is where the daemon may answer what needs no answer. */
#define HVNET_SLOTS		(HVISOR_MAX_CPUS - 1)
#define HVNET_SLOT_POSTED	HVNET_SLOTS

/*
 * Notifies kept while the daemon's ring is full: of all zones, and of one, so
 * that none can take the others' room. Besides, room for every slot.
 */
#define HVNET_BACKLOG_POSTED	128
#define HVNET_BACKLOG_ZONE	16
#define HVNET_BACKLOG		(HVNET_BACKLOG_POSTED + HVNET_SLOTS)

/**
 * struct hvnet_slot - a request that waits for the daemon
 * @acc: the access to answer
 * @flag: the slot's flag when the request was made
 * @since: when that was
 */
struct hvnet_slot {
	struct hvpage_access acc;
	u64 flag;
	ktime_t since;
};

/**
 * struct hvnet_relay - a daemon's private page and what is under way through it
 * @lock: protects all below but @eventfd. Nests inside the page's request lock.
 * @hp: the hypervisor's page, once started
 * @page: the private page, which the daemon maps and writes to as it likes
 * @rear: our end of its request ring
 * @res_front: our end of its response ring
 * @slot: requests by slot
 * @used: slots handed out; one that was given up stays used until the daemon
 *	has answered it after all
 * @waiting: of these, those whose vCPU waits
 * @next_slot: where to look for a free one first
 * @stuck: the daemon let a vCPU wait too long, and has read nothing since
 * @stuck_front: where it was then
 * @backlog: requests that did not fit, oldest first
 * @n_backlog: how many
 * @watch: looks for answers and for room
 * @signal: signals @eventfd, where that is allowed
 * @eventfd: the daemon's; its owner serialises changes
 */
struct hvnet_relay {
	raw_spinlock_t lock;
	struct hvpage *hp;
	struct hvisor_page *page;
	u32 rear;
	u32 res_front;
	struct hvnet_slot slot[HVNET_SLOTS];
	DECLARE_BITMAP(used, HVNET_SLOTS);
	DECLARE_BITMAP(waiting, HVNET_SLOTS);
	unsigned int next_slot;
	bool stuck;
	u32 stuck_front;
	struct hvisor_request backlog[HVNET_BACKLOG];
	unsigned int n_backlog;
	struct hrtimer watch;
	struct irq_work signal;
	struct eventfd_ctx *eventfd;
};

void hvnet_relay_init(struct hvnet_relay *r);
void hvnet_relay_free(struct hvnet_relay *r);
int hvnet_relay_start(struct hvnet_relay *r, struct hvpage *hp);
void hvnet_relay_stop(struct hvnet_relay *r);
void hvnet_relay_set_eventfd(struct hvnet_relay *r, struct eventfd_ctx *ctx);
enum hvpage_reply hvnet_relay_access(struct hvnet_relay *r,
				     const struct hvpage_access *acc);
unsigned int hvnet_relay_take_responses(struct hvnet_relay *r,
					struct hvisor_response *list);

#endif /* HVNET_DAEMON_RELAY_H */
