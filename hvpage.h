/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page shared with the hypervisor, as the rest of the module sees it:
 * guests' accesses come up through one function given at attach time, answers
 * and guest interrupts go down.  Knows nothing of virtio or of networking.
 */
#ifndef HVNET_HVPAGE_H
#define HVNET_HVPAGE_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "conduit.h"
#include "latency.h"

struct hvisor_response;
struct hvnet_reason;
struct hvpage;

/**
 * struct hvpage_access - a guest's access, as EL2 passed it on
 * @addr: guest-physical address
 * @value: in: what is written; out: the answer to a read
 * @zone: the zone
 * @cpu: the vCPU, below HVISOR_MAX_CPUS
 * @size: width in bytes: 1, 2, 4 or 8
 * @write: it is a write
 * @posted: nobody waits for an answer
 */
struct hvpage_access {
	u64 addr;
	u64 value;
	u32 zone;
	u32 cpu;
	u32 size;
	bool write;
	bool posted;
};

/* What became of an access. */
enum hvpage_reply {
	HVPAGE_ANSWER,		/* ->value is the answer */
	HVPAGE_LATER,		/* hvpage_answer() will be called */
	HVPAGE_NOBODY,		/* there is no device at this address */
};

/**
 * typedef hvpage_access_fn - serve a guest's access
 * @acc: the access
 *
 * Context: hard interrupt or softirq, interrupts off, under the page's request
 * lock. Must not sleep and must not call hvpage_answer() itself.
 */
typedef enum hvpage_reply (*hvpage_access_fn)(struct hvpage_access *acc);

/* What happened on the page. */
enum hvpage_count {
	HVPAGE_WAKES,		/* EL2's wake interrupts */
	HVPAGE_REQUESTS,	/* requests consumed */
	HVPAGE_UNKNOWN,		/* requests for which there is no device */
	HVPAGE_MALFORMED,	/* requests or indices that make no sense */
	HVPAGE_DEFERRED,	/* accesses that waited for a quiet data path */
	HVPAGE_FOUND_AFTER_EOI,	/* looks after the EOI that found requests */
	HVPAGE_FOUND_LATE,	/* late looks that found requests */
	HVPAGE_FINISHES,	/* FINISH_REQ hypercalls */
	HVPAGE_SLOWED,		/* accesses of zones that made too many */
	HVPAGE_COUNTS,
};

/**
 * struct hvpage_line - one guest interrupt line
 * @hp: the page
 * @node: in the page's list of lines, under its line mutex
 * @zone: target zone
 * @irq: interrupt id in that zone
 * @isr: the device's InterruptStatus
 * @wants: does the guest still want to be interrupted for what it was told of?
 *	Called with @lock held, in any context, only while the line is on.
 * @stalled: told when an interrupt stays unacknowledged until the retries end;
 *	context like @wants
 * @lock: protects all below; nests inside nothing but locks of the caller. The
 *	page's response lock, under which EL2 is called, is taken after it
 * @timer: fires at @due or earlier
 * @on: interrupts may be raised; read under the page's response lock, too
 * @owed: whoever has @lock injects as soon as it has let go of it
 * @outstanding: an injection has not been acknowledged
 * @given_up: nor was it until the retries ended: all further news is told, also
 *	what the guest, which knows of none, has not asked for
 * @injected_at: when the last injection was made
 * @acked_at: when the guest last acknowledged
 * @due: when to inject (again); KTIME_MAX if not
 * @backoff: ns from the next injection to the retry after it
 * @patience: ns to give an injection before it counts as lost; learnt
 * @hold: ns after an acknowledgment in which nothing is injected; learnt
 * @heard: but less if the guest has sent something since
 * @repeats: injections repeated since the last acknowledgment
 * @injections: injections made, the repeated ones included
 * @reinjections: repeated ones
 * @stalls: interrupts unacknowledged until the retries ended
 * @acks: how long the guest takes to acknowledge, from the first injection on
 */
struct hvpage_line {
	struct hvpage *hp;
	struct list_head node;
	u32 zone;
	u32 irq;
	atomic_t *isr;
	bool (*wants)(struct hvpage_line *line);
	void (*stalled)(struct hvpage_line *line);
	raw_spinlock_t lock;
	struct hrtimer timer;
	bool on;
	bool owed;
	bool outstanding;
	bool given_up;
	ktime_t injected_at;
	ktime_t acked_at;
	ktime_t due;
	u64 backoff;
	u64 patience;
	u64 hold;
	bool heard;
	u32 repeats;
	u64 injections;
	u64 reinjections;
	u64 stalls;
	struct hvnet_histogram acks;
};

struct hvpage *hvpage_attach(struct hvnet_conduit *c, hvpage_access_fn fn,
			     struct hvnet_reason *why);
void hvpage_detach(struct hvpage *hp);
int hvpage_reattach(struct hvpage *hp, struct hvnet_reason *why);
void hvpage_answer(struct hvpage *hp, const struct hvpage_access *acc);
bool hvpage_zone_asks(const struct hvpage *hp, u32 zone);
const char *hvpage_conduit_name(const struct hvpage *hp);
bool hvpage_root_ram_ok(const struct hvpage *hp);
u64 hvpage_counter(const struct hvpage *hp, enum hvpage_count which);

void hvpage_hold(struct hvpage *hp, bool hold);
int hvpage_claim_foreign(struct hvpage *hp,
			 struct hvisor_response *list, unsigned int *n,
			 struct hvnet_reason *why);
void hvpage_inject_foreign(struct hvpage *hp,
			   const struct hvisor_response *list, unsigned int n);
void hvpage_forget_foreign(struct hvpage *hp);

int hvpage_line_add(struct hvpage *hp, struct hvpage_line *line,
		    struct hvnet_reason *why);
void hvpage_line_del(struct hvpage_line *line);
void hvpage_line_on(struct hvpage_line *line);
void hvpage_line_off(struct hvpage_line *line);
void hvpage_line_raise(struct hvpage_line *line, u32 bits);
void hvpage_line_raise_late(struct hvpage_line *line, u32 bits, u64 ns);
void hvpage_line_hurry(struct hvpage_line *line);
void hvpage_line_heard(struct hvpage_line *line);
void hvpage_line_acked(struct hvpage_line *line);

#endif /* HVNET_HVPAGE_H */
