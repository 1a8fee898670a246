/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program as the guest: through the simulator's /dev/hvisor_raw it has
 * RAM, registers and interrupts, and drives a network device by its own split
 * virtqueues, rightly or as wrongly as a test needs.  The other end of the
 * device, its interface in root Linux, is a packet socket here.  What is
 * checked is each test's own business; whatever must not fail ends the program.
 *
 * One thread drives a device unless said otherwise.  Times are ms unless named
 * otherwise.
 */
#ifndef HVNET_RAWGUEST_H
#define HVNET_RAWGUEST_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvisor_sim.h"
#include "ktap.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define RG_BIT(n)	(1ull << (n))
#define RG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * What a driver takes that neither leaves work to root nor does any of root's,
 * and does without a control queue: frames are what they are.
 */
#define RG_FEATURES	(RG_BIT(VIRTIO_F_VERSION_1) |			\
			 RG_BIT(VIRTIO_RING_F_EVENT_IDX) |		\
			 RG_BIT(VIRTIO_RING_F_INDIRECT_DESC) |		\
			 RG_BIT(VIRTIO_NET_F_MAC) |			\
			 RG_BIT(VIRTIO_NET_F_STATUS) |			\
			 RG_BIT(VIRTIO_NET_F_MTU) |			\
			 RG_BIT(VIRTIO_NET_F_MRG_RXBUF))

/* Offloads by direction, and those of kernels newer than 6.1. */
#define RG_F_GUEST_USO4	54
#define RG_F_GUEST_USO6	55
#define RG_F_HOST_USO	56
#define RG_OFFLOADS_TX	(RG_BIT(VIRTIO_NET_F_CSUM) |			\
			 RG_BIT(VIRTIO_NET_F_HOST_TSO4) |		\
			 RG_BIT(VIRTIO_NET_F_HOST_TSO6) |		\
			 RG_BIT(VIRTIO_NET_F_HOST_ECN))
#define RG_OFFLOADS_RX	(RG_BIT(VIRTIO_NET_F_GUEST_CSUM) |		\
			 RG_BIT(VIRTIO_NET_F_GUEST_TSO4) |		\
			 RG_BIT(VIRTIO_NET_F_GUEST_TSO6) |		\
			 RG_BIT(VIRTIO_NET_F_GUEST_ECN))
#define RG_USO		(RG_BIT(RG_F_GUEST_USO4) | RG_BIT(RG_F_GUEST_USO6) | \
			 RG_BIT(RG_F_HOST_USO))

/* What is ordered by the control queue. */
#define RG_CONTROL	(RG_BIT(VIRTIO_NET_F_CTRL_VQ) |			\
			 RG_BIT(VIRTIO_NET_F_CTRL_RX) |			\
			 RG_BIT(VIRTIO_NET_F_CTRL_VLAN) |		\
			 RG_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |		\
			 RG_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))

/* All that the device offers, but for RG_USO: see rg_uso(). */
#define RG_ALL		(RG_FEATURES | RG_OFFLOADS_TX | RG_OFFLOADS_RX | \
			 RG_CONTROL | RG_BIT(VIRTIO_NET_F_SPEED_DUPLEX))

#define RG_RX		0	/* queues, by their number */
#define RG_TX		1
#define RG_QUEUES	2	/* that have frames */
#define RG_CTRL		2	/* with VIRTIO_NET_F_CTRL_VQ */

#define RG_NUM		64	/* the queue size that rg_start() uses */
#define RG_NUM_MAX	256

#define RG_ETH_HLEN	14
#define RG_ETHERTYPE	0x88b5	/* of rg_frame(); for local experiments */
#define RG_FRAME_MAX	1514
#define RG_ADDR		0x0a003600ull	/* where tests put their first device */
#define RG_IRQ		75

/*
 * A wait that no healthy run comes near. Once one has ended in vain the verdict
 * is clear, and the rest is got over with.
 */
#define RG_LONG		(rg_impatient ? 100 : 5000)
extern bool rg_impatient;

/**
 * struct rg_zone - a zone with RAM
 * @id: its number
 * @gpa: guest-physical address of its RAM
 * @pa: root-physical address of its RAM
 * @size: bytes
 * @ram: where the test sees it
 * @used: bytes given out by rg_alloc(); may be set back
 */
struct rg_zone {
	unsigned int id;
	u64 gpa;
	u64 pa;
	size_t size;
	u8 *ram;
	size_t used;
};

/**
 * struct rg_vq - a virtqueue, driver side
 * @dev: its device
 * @index: its number
 * @num: its size
 * @desc: descriptor table
 * @avail: available ring
 * @used: used ring
 * @table: indirect tables, one for each descriptor
 * @avail_idx: entries made available, not all of them published
 * @published: avail->idx
 * @last_used: used entries taken
 * @want_irq: interrupts are wanted: used_event follows last_used
 * @n_free: free descriptors
 * @free: which these are
 * @len: descriptors of the chain, by head
 * @seq: the caller's, by head
 */
struct rg_vq {
	struct rg_dev *dev;
	unsigned int index;
	unsigned int num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *table;
	u16 avail_idx;
	u16 published;
	u16 last_used;
	bool want_irq;
	unsigned int n_free;
	u16 free[RG_NUM_MAX];
	u16 len[RG_NUM_MAX];
	u32 seq[RG_NUM_MAX];
};

/* A buffer to be read by the device, and one for it to write. */
#define RG_OUT(_at, _len) ((struct rg_piece){ .at = (_at), .len = (_len) })
#define RG_IN(_at, _len) \
	((struct rg_piece){ .at = (_at), .len = (_len), .write = true })

#define RG_TABLE	16	/* descriptors in an indirect table */

/**
 * struct rg_dev - a device, its driver, and root's end
 * @zone: its zone
 * @fd: the vCPU whose region it is in
 * @addr: guest-physical address of its registers
 * @irq: interrupt id
 * @event: eventfd of the interrupt
 * @name: root's interface
 * @dir: in sysfs
 * @sock: packet socket on root's interface
 * @features: negotiated
 * @hdr_len: bytes of virtio_net_hdr
 * @vq: its queues
 */
struct rg_dev {
	struct rg_zone *zone;
	int fd;
	u64 addr;
	u32 irq;
	int event;
	char name[16];
	char dir[64];
	int sock;
	u64 features;
	unsigned int hdr_len;
	struct rg_vq vq[RG_CTRL + 1];
};

/**
 * struct rg_piece - a buffer in guest memory
 * @at: where the test sees it; must lie in the zone's RAM
 * @len: bytes
 * @write: the device may write it
 */
struct rg_piece {
	void *at;
	u32 len;
	bool write;
};

/**
 * struct rg_ring_test - what is tested with each way of notifying
 * @name: what it shows
 * @run: does so with these features; true if all is as it should be
 */
struct rg_ring_test {
	const char *name;
	bool (*run)(u64 features);
};

/* Set-up; these end the program when something goes wrong. */
void rg_setup(void);
void rg_pin(unsigned int cpu);
void rg_relax(void);
bool rg_kernel_since(unsigned int major, unsigned int minor);
u64 rg_uso(void);
void rg_shell(const char *command);
__printf(1, 2) __attribute__((__noreturn__)) void rg_die(const char *fmt, ...);
void rg_zone_add(struct rg_zone *z, unsigned int id, size_t offset, size_t size,
		 u64 gpa);
void rg_zone_del(struct rg_zone *z);
void rg_guard(const struct rg_zone *z, size_t offset);
bool rg_guards_ok(void);
u8 *rg_map_raw(size_t offset, size_t size);
int rg_open_region(struct rg_zone *z, u64 base, u64 len);
void rg_dev_add(struct rg_dev *d, struct rg_zone *z, u64 addr, u32 irq,
		const char *name, const char *more);
void rg_dev_add_in(struct rg_dev *d, struct rg_zone *z, int fd, u64 addr,
		   u32 irq, const char *name, const char *more);
void rg_dev_del(struct rg_dev *d);
void rg_irq_connect(struct rg_dev *d, u32 flags);
void rg_irq_disconnect(struct rg_dev *d);

/* Files of sysfs; rg_write() returns 0 or a negative errno. */
__printf(2, 3) int rg_write(const char *path, const char *fmt, ...);
__printf(2, 3) int rg_bus(const char *file, const char *fmt, ...);
u64 rg_counter(const struct rg_dev *d, const char *name);
u64 rg_state(const struct rg_dev *d, const char *name);
u64 rg_page_counter(const char *name);
u64 rg_sim_counter(const char *name);
void rg_sim_param(const char *name, u64 value);

/* The kernel's tracepoints, "system/event". */
void rg_trace(const char *event, bool on);
unsigned int rg_traced(const char *part, char *line, size_t size);

/* Guest memory. */
void *rg_alloc(struct rg_zone *z, size_t size, size_t align);
u64 rg_gpa(const struct rg_zone *z, const void *at);
void *rg_at(const struct rg_zone *z, u64 gpa);
void rg_pattern(void *at, size_t len, u32 seed);
bool rg_pattern_ok(const void *at, size_t len, u32 seed);

/* Registers. */
struct hvsim_raw_access rg_access(const struct rg_dev *d, u64 addr, u32 size,
				  bool write, u64 value);
u32 rg_get(const struct rg_dev *d, u32 offset);
void rg_set(const struct rg_dev *d, u32 offset, u32 value);

/* The driver. */
void rg_reset(struct rg_dev *d);
u64 rg_offered(const struct rg_dev *d);
void rg_negotiate(struct rg_dev *d, u64 features);
void rg_queue_alloc(struct rg_dev *d, unsigned int index, unsigned int num);
void rg_queue_setup(struct rg_dev *d, unsigned int index, unsigned int num);
void rg_driver_ok(struct rg_dev *d);
void rg_start(struct rg_dev *d, u64 features);
void rg_start_sized(struct rg_dev *d, u64 features, unsigned int rx,
		    unsigned int tx);
bool rg_has(const struct rg_dev *d, unsigned int bit);

/* Queues. */
int rg_add(struct rg_vq *q, const struct rg_piece *piece, unsigned int n);
int rg_add_indirect(struct rg_vq *q, const struct rg_piece *piece,
		    unsigned int n);
void rg_publish(struct rg_vq *q);
bool rg_kick_needed(const struct rg_vq *q, u16 old);
bool rg_kick(struct rg_vq *q);
void rg_notify(struct rg_vq *q);
bool rg_used(struct rg_vq *q, struct vring_used_elem *elem);
bool rg_wait_used(struct rg_vq *q, struct vring_used_elem *elem);
bool rg_spin_used(const struct rg_vq *q);
u16 rg_used_idx(const struct rg_vq *q);
void rg_irq_on(struct rg_vq *q);
void rg_irq_off(struct rg_vq *q);

/* Interrupts: how many since the last call, at least one unless time is up. */
u64 rg_irqs(const struct rg_dev *d, int ms);
u32 rg_ack(const struct rg_dev *d);

/* Frames and root's end. */
void rg_frame(u8 *frame, size_t len, u32 seq);
bool rg_frame_ok(const u8 *frame, size_t len, size_t want, u32 seq);
bool rg_link_wait(const struct rg_dev *d, bool up);
void rg_link_set(const struct rg_dev *d, bool up);
void rg_recur_after(const struct rg_dev *d, unsigned int us);
void rg_forsake(struct rg_dev *d);
bool rg_root_send(const struct rg_dev *d, const void *frame, size_t len);
ssize_t rg_root_recv(const struct rg_dev *d, void *buf, size_t size, int ms);
void rg_root_flush(const struct rg_dev *d);

/* A frame in one piece, queued and not kicked for. */
int rg_tx_add(struct rg_dev *d, u8 *buf, size_t len, u32 seq);

/* Whole frames, each way, one at a time: is all well? */
bool rg_tx_one(struct rg_dev *d, size_t len, u32 seq);
bool rg_rx_one(struct rg_dev *d, size_t len, u32 seq);
bool rg_carries(struct rg_dev *d, unsigned int frames);
bool rg_works(struct rg_dev *d);

/* A point for each test with an event index, and one without. */
void rg_run_rings(const struct rg_ring_test *tests, size_t n);

#endif /* HVNET_RAWGUEST_H */
