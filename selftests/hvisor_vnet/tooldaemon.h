/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program in the place of hvisor-tool's daemon: it opens the module's
 * node, maps its private page, and serves devices of no use ("things") by plain
 * stores, as the daemon does.  Written from the interface, not from the
 * daemon's code, and without the module's own headers: what the two of them
 * take for granted must not be taken for granted twice.
 *
 * It runs as a process of its own, so that it can be stopped and killed.  What
 * it has counted is in memory shared with the test.  A test that wants it to
 * misbehave gives it functions of its own.
 */
#ifndef HVNET_TOOLDAEMON_H
#define HVNET_TOOLDAEMON_H

#include <signal.h>
#include <sys/types.h>

#include "rawguest.h"

#define TD_NODE		"/dev/hvisor-vnet"
#define TD_BACKEND	"/dev/hvisor"

#define TOOL_INIT_VIRTIO	_IO(1, 0)
#define TOOL_FINISH_REQ		_IO(1, 2)
#define TOOL_ZONE_START		_IOW(1, 3, void *)
#define TOOL_ZONE_SHUTDOWN	_IOW(1, 4, u64)
#define TOOL_ZONE_LIST		_IOR(1, 5, void *)
#define TOOL_SET_EVENTFD	_IOW(1, 7, int)
#define TOOL_LOAD_IMAGE		_IOW(1, 8, struct tool_image)

struct tool_image {
	u64 user_buffer;
	u64 size;
	u64 load_paddr;
};

struct td_request {
	u64 src_cpu, address, size, value;
	u32 src_zone;
	u8 is_write, need_interrupt;
	u16 pad;
};

struct td_page {
	u32 req_front, req_rear, res_front, res_rear;
	struct td_request req[32];
	struct {
		u32 zone, irq;
	} res[32];
	u64 cfg_flags[32], cfg_values[32], mmio_addrs[8];
	u8 mmio_avail, need_wakeup;
};

/*
 * A thing has a region of 0x200 bytes. At TD_SEQ every access, of any kind and
 * width, has the next number: writes and notifies bring it, reads get it.
 */
#define TD_ADDR		0x0a010000ull
#define TD_LEN		0x200ull
#define TD_MAGIC	0x00	/* reads TD_MAGIC_VALUE */
#define TD_ECHO		0x10	/* reads what was written last, and 1 */
#define TD_SEQ		0x18
#define TD_INJECT	0x28	/* injects the interrupt written */
#define TD_NOTIFY	0x50
#define TD_ISR		0x60	/* reads 1 */
#define TD_MAGIC_VALUE	0xda3110ffu

#define TD_THINGS	4

/* What a read at TD_SEQ gives: no other thing's, and no other number's. */
static inline u64 td_answer(unsigned int thing, u64 seq)
{
	return (thing + 1) * 0x0101010101010101ull ^ seq;
}

/* A number as it fits into an access of so many bytes. */
static inline u64 td_fit(u64 value, u32 size)
{
	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

/**
 * struct td_count - what the daemon has seen of a thing
 * @seq: accesses at TD_SEQ and notifies
 * @wrong: of these, those that were not the next
 * @reads: accesses by width: 1, 2, 4, 8
 * @writes: the same
 * @notifies: notifies
 */
struct td_count {
	u64 seq, wrong, reads[4], writes[4], notifies;
};

/**
 * struct td_shared - what test and daemon both see
 * @thing: by thing
 * @nobody: requests for what is no thing
 * @refused: FINISH_REQs that failed
 * @tell: for a test's own functions
 */
struct td_shared {
	struct td_count thing[TD_THINGS];
	u64 nobody, refused;
	u64 tell[4];
};

/**
 * struct td_daemon - a daemon, seen from itself
 * @plan: what it is to do
 * @shared: what the test sees
 * @node: the module's node
 * @event: its eventfd
 * @page: its private page
 * @last: written to TD_ECHO last, by thing
 */
struct td_daemon {
	const struct td_plan *plan;
	struct td_shared *shared;
	int node, event;
	struct td_page *page;
	u64 last[TD_THINGS];
};

/**
 * struct td_plan - what a daemon is to do
 * @cpu: where it runs
 * @zone: whose things it has, by thing; 0: that one does not exist
 * @idle: looks at an empty ring before it sleeps; 0: a few. The real one makes
 *	ten million.
 * @begin: called when it is ready, before it serves
 * @answer: called instead of td_answer_slot()
 * @serve: called instead of td_serve()
 */
struct td_plan {
	int cpu;
	u32 zone[TD_THINGS];
	unsigned int idle;
	void (*begin)(struct td_daemon *m);
	void (*answer)(struct td_daemon *m, u64 slot, u64 value);
	void (*serve)(struct td_daemon *m, const struct td_request *req);
};

/* Words between the test and the functions it has given the daemon. */
static inline u64 td_told(const u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void td_tell(u64 *word, u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The test's side. */
extern struct td_shared *td_shared;
pid_t td_start(const struct td_plan *plan);
void td_kill(pid_t pid);
void td_stop(pid_t pid);

/* The daemon's side. */
int td_open(struct td_daemon *m);
void td_run(struct td_daemon *m) __attribute__((__noreturn__));
bool td_drain(struct td_daemon *m);
void td_serve(struct td_daemon *m, const struct td_request *req);
void td_answer_slot(struct td_daemon *m, u64 slot, u64 value);
int td_inject(struct td_daemon *m, u32 zone, u32 irq);

/**
 * struct td_thing - a thing, seen from its guest
 * @dev: only zone, fd, addr and event of it are used
 * @index: which it is
 * @irq: its interrupt
 */
struct td_thing {
	struct rg_dev dev;
	unsigned int index;
	u32 irq;
};

/* The guest's side. */
void td_thing_add(struct td_thing *t, struct rg_zone *zone, unsigned int index,
		  u32 irq);
struct hvsim_raw_access td_access(const struct td_thing *t, u64 offset,
				  u32 size, bool write, u64 value);
u64 td_read(const struct td_thing *t, u64 offset);
void td_write(const struct td_thing *t, u64 offset, u64 value);
bool td_works(const struct td_thing *t);
bool td_absent(const struct td_thing *t);

#endif /* HVNET_TOOLDAEMON_H */
