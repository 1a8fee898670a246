/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring program of the benchmark: one guest, whose queues are rawguest.h's,
 * whose backend may be any of several.  What differs between backends
 * is in struct bn_backend; everything else, what is sent included, is the same
 * for all.
 *
 *	ringbench.c	the rows of the table
 *	guest.c		the guest's loops: bursts each way, round trips
 *	count.c		instructions and time
 *	nic_module.c	backend: the module under test, under the simulator
 *	nic_vhost.c	backend: vhost-net over a tap
 *	nic_user.c	backend: a thread in user space over a tap
 *	nic_tap.c	the tap of the last two
 *
 * The guest runs as SCHED_IDLE: whoever serves it gets the CPU as soon as there
 * is something to serve, as if it had one of its own, and the guest goes on
 * when there is nothing left.
 */
#ifndef RINGBENCH_H
#define RINGBENCH_H

#include "rawguest.h"
#include "hvbench.h"

#define BN_NUM		256	/* queue size */
#define BN_NICS		7	/* hvisor's limit for a zone */
#define BN_BURST	64	/* frames between two kicks */
#define BN_SLOTS	64	/* transmit buffers, used in turn */
#define BN_BUFFER	4096	/* a receive buffer, as virtio_net's largest */
#define BN_MSS		1448	/* what TCP has left of 1500 bytes */
#define BN_SEGMENT	(45 * BN_MSS)	/* "64 KiB": all that fits a segment */

struct bn_nic;

/**
 * struct bn_backend - what serves the guest's queues
 * @column: its name in the table
 * @features: which of virtio's the guest may use, at most
 * @asks: only the offered ones of @features are negotiated
 * @open: before everything else: where the guest's RAM is
 * @add: make a NIC and start it; its number is @n->index
 * @kick: notify a queue
 * @acknowledge: what a driver does for an interrupt, beyond noticing it
 * @del: remove a NIC
 * @thread: thread id of a backend whose own instructions count, or 0
 */
struct bn_backend {
	const char *column;
	u64 features;
	void (*open)(struct rg_zone *z);
	void (*add)(struct bn_nic *n, struct rg_zone *z);
	void (*kick)(struct bn_nic *n, unsigned int queue);
	void (*acknowledge)(struct bn_nic *n);
	void (*del)(struct bn_nic *n);
	pid_t (*thread)(void);
};

/**
 * struct bn_nic - one of the guest's NICs
 * @dev: its queues and what was negotiated; root's interface is @dev.name
 * @backend: who serves it
 * @index: which
 * @ifindex: of root's interface
 * @event: eventfd of its interrupt
 * @sent: frames sent so far, for sequence numbers
 * @slot: transmit buffers
 * @kicks: notifications so far
 * @interrupts: taken so far
 * @private: the backend's
 */
struct bn_nic {
	struct rg_dev dev;
	const struct bn_backend *backend;
	unsigned int index;
	unsigned int ifindex;
	int event;
	u32 sent;
	u8 *slot[BN_SLOTS];
	u64 kicks;
	u64 interrupts;
	void *private;
};

/**
 * struct bn_frames - what crosses in a row of the table
 * @len: bytes of a frame, from the Ethernet header on
 * @kind: HVB_UDP or HVB_TCP
 * @mss: as in struct hvb_send
 * @burst: how many frames between two kicks
 */
struct bn_frames {
	u32 len;
	u32 kind;
	u32 mss;
	unsigned int burst;
};

/* The backends. */
extern const struct bn_backend bn_module;
extern const struct bn_backend bn_vhost;
extern const struct bn_backend bn_user_batching;
extern const struct bn_backend bn_user_daemon;

/* nic_tap.c */
void bn_tap_ram(struct rg_zone *z);
int bn_tap_open(struct bn_nic *n, bool vnet_hdr);
void bn_tap_queues(struct bn_nic *n, struct rg_zone *z);

/* guest.c */
extern int bn_hvbench;
void bn_guest_open(void);
void bn_nic_add(struct bn_nic *n, const struct bn_backend *b,
		struct rg_zone *z, unsigned int index);
void bn_nic_del(struct bn_nic *n);
void bn_want_interrupts(struct bn_nic *n, bool tx, bool rx);
void bn_sink(struct bn_nic *n, u32 mode);
u64 bn_seen_payload(const struct bn_nic *n);
u64 bn_payload(const struct bn_frames *f);
void bn_transmit(struct bn_nic *n, const struct bn_frames *f);
void bn_receive(struct bn_nic *n, const struct bn_frames *f);
void bn_round_trip(struct bn_nic *n);

/* count.c */
enum bn_method {
	BN_ICOUNT,	/* instructions of the kernel, exact in virtual time */
	BN_OWN,		/* instructions of the backend's thread in user space */
	BN_WALL,	/* ns */
};

void bn_count_open(enum bn_method method, pid_t thread);
void bn_count_close(void);
void bn_count_start(void);
u64 bn_count_stop(void);

#endif /* RINGBENCH_H */
