// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend: a thread in user space that moves frames between the guest's queues
 * and a tap, as hvisor-tool's daemon does.  In two settings:
 *
 * - the daemon's own: no feature beyond VERSION_1, no offload, one readv or
 *   writev a frame, each used entry published at once;
 * - batching: the best that such a program can do.  Headers cross as they are,
 *   so that checksums and segments need not be finished; used entries are
 *   published, and an interrupt is sent, once for all that was there.
 *
 * Both are spared what a daemon under hvisor pays for a kick and an interrupt:
 * those are eventfds here. The guest is trusted, which spares them some more.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define BN_HDR		sizeof(struct virtio_net_hdr_v1)
#define BN_LARGE	(BN_HDR + HVB_LEN_MAX)	/* the largest segment */
#define BN_IOV		64
#define BN_EVENTS	(3 * BN_NICS)

/* Who wrote to epoll: a NIC's number and one of these. */
enum bn_source {
	BN_KICK_RX = RG_RX,
	BN_KICK_TX = RG_TX,
	BN_TAP,
	BN_SOURCES,
};

/**
 * struct bn_ring - a queue, device side
 * @q: where it is
 * @last_avail: entries taken
 * @used: entries written
 * @published: entries shown
 * @signalled: entries at the last decision about an interrupt
 */
struct bn_ring {
	const struct rg_vq *q;
	u16 last_avail;
	u16 used;
	u16 signalled;
};

/**
 * struct bn_user_nic - a NIC, device side
 * @n: the guest's side of it
 * @tap: root's
 * @kick: eventfds that the guest notifies queues by
 * @ring: its queues
 * @batching: the setting
 * @starved: the tap is not looked at, for want of receive buffers
 * @large: the last frame was larger than a receive buffer
 * @lost: frames that the tap did not take
 */
struct bn_user_nic {
	struct bn_nic *n;
	int tap;
	int kick[RG_QUEUES];
	struct bn_ring ring[RG_QUEUES];
	bool batching;
	bool starved;
	bool large;
	u64 lost;
};

static struct bn_user_nic *bn_user_nics[BN_NICS];
static u8 bn_bounce[BN_LARGE];
static pthread_t bn_thread;
static pid_t bn_thread_id;
static int bn_epoll = -1;

/* Rings. */

static bool bn_ring_empty(const struct bn_ring *r)
{
	return __atomic_load_n(&r->q->avail->idx, __ATOMIC_ACQUIRE) ==
	       r->last_avail;
}

static unsigned int bn_ring_walk(const struct bn_ring *r, u16 head,
				 struct iovec *iov)
{
	const struct rg_zone *z = r->q->dev->zone;
	const struct vring_desc *d = &r->q->desc[head];
	const struct vring_desc *table = r->q->desc;
	unsigned int n = 0;

	if (d->flags & VRING_DESC_F_INDIRECT) {
		table = rg_at(z, d->addr);
		d = table;
	}
	for (;;) {
		iov[n].iov_base = rg_at(z, d->addr);
		iov[n++].iov_len = d->len;
		if (!(d->flags & VRING_DESC_F_NEXT) || n == BN_IOV)
			return n;
		d = &table[d->next];
	}
}

/* Take the next chain; how many pieces it has, 0 if there is none. */
static unsigned int bn_ring_fetch(struct bn_ring *r, struct iovec *iov,
				  u16 *head)
{
	if (bn_ring_empty(r))
		return 0;
	*head = r->q->avail->ring[r->last_avail++ % r->q->num];
	return bn_ring_walk(r, *head, iov);
}

static void bn_ring_used(struct bn_ring *r, u16 head, u32 len)
{
	r->q->used->ring[r->used++ % r->q->num] = (struct vring_used_elem) {
		.id = head, .len = len,
	};
}

static void bn_ring_publish(struct bn_ring *r)
{
	__atomic_store_n(&r->q->used->idx, r->used, __ATOMIC_RELEASE);
}

static void bn_ring_notify_off(struct bn_ring *r)
{
	if (!rg_has(r->q->dev, VIRTIO_RING_F_EVENT_IDX))
		r->q->used->flags = VRING_USED_F_NO_NOTIFY;
}

/* Ask for kicks; return whether something has come meanwhile. */
static bool bn_ring_notify_on(struct bn_ring *r)
{
	u16 *event = (u16 *)&r->q->used->ring[r->q->num];

	if (rg_has(r->q->dev, VIRTIO_RING_F_EVENT_IDX))
		__atomic_store_n(event, r->last_avail, __ATOMIC_RELAXED);
	else
		r->q->used->flags = 0;
	/* Pairs with the one in rg_kick_needed(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !bn_ring_empty(r);
}

static void bn_ring_signal(struct bn_ring *r, int event)
{
	u16 old = r->signalled;
	bool wanted;

	if (old == r->used)
		return;
	r->signalled = r->used;
	/* Pairs with the one in rg_irq_on(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (rg_has(r->q->dev, VIRTIO_RING_F_EVENT_IDX))
		wanted = vring_need_event(r->q->avail->ring[r->q->num],
					  r->used, old);
	else
		wanted = !(r->q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	if (wanted)
		eventfd_write(event, 1);
}

/* From the guest to the tap. */

static void bn_user_send(struct bn_user_nic *u, struct iovec *iov,
			 unsigned int n)
{
	ssize_t len;

	/* What the tap does not take is lost, as the daemon's. */
	if (!u->batching) {
		iov->iov_base = (u8 *)iov->iov_base + BN_HDR;
		iov->iov_len -= BN_HDR;
		len = writev(u->tap, iov, n);
	} else if (n == 1) {
		/* Cheaper than a vector of one. */
		len = write(u->tap, iov->iov_base, iov->iov_len);
	} else {
		len = writev(u->tap, iov, n);
	}
	if (len < 0)
		u->lost++;
}

static void bn_user_transmit(struct bn_user_nic *u)
{
	struct bn_ring *r = &u->ring[RG_TX];
	struct iovec iov[BN_IOV];
	unsigned int n;
	u16 head;

	do {
		bn_ring_notify_off(r);
		while ((n = bn_ring_fetch(r, iov, &head))) {
			bn_user_send(u, iov, n);
			bn_ring_used(r, head, 0);
			if (!u->batching)
				bn_ring_publish(r);
		}
	} while (bn_ring_notify_on(r));
	bn_ring_publish(r);
	bn_ring_signal(r, u->n->event);
}

/* From the tap to the guest. */

/* The tap waits until there are buffers. */
static void bn_user_watch(struct bn_user_nic *u, bool watch)
{
	struct epoll_event event = {
		.events = watch ? EPOLLIN : 0,
		.data.u32 = u->n->index * BN_SOURCES + BN_TAP,
	};

	u->starved = !watch;
	epoll_ctl(bn_epoll, EPOLL_CTL_MOD, u->tap, &event);
}

/* One frame without a header into one buffer, as the daemon does it. */
static bool bn_user_read_plain(struct bn_user_nic *u)
{
	struct bn_ring *r = &u->ring[RG_RX];
	struct iovec iov[BN_IOV];
	unsigned int n;
	ssize_t len;
	u16 head;

	n = bn_ring_fetch(r, iov, &head);
	memset(iov[0].iov_base, 0, BN_HDR);
	iov[0].iov_base = (u8 *)iov[0].iov_base + BN_HDR;
	iov[0].iov_len -= BN_HDR;
	len = readv(u->tap, iov, n);
	if (len < 0) {
		r->last_avail--;
		return false;
	}
	bn_ring_used(r, head, BN_HDR + len);
	bn_ring_publish(r);
	return true;
}

/*
 * A frame with its header, by way of a buffer of our own: cheaper than a vector
 * as long as frames are small. Where there is no room for it, it is lost.
 */
static ssize_t bn_user_read_copied(struct bn_user_nic *u)
{
	struct bn_ring *r = &u->ring[RG_RX];
	struct virtio_net_hdr_v1 *hdr = NULL;
	ssize_t len = read(u->tap, bn_bounce, sizeof(bn_bounce)), done = 0;
	struct iovec iov[BN_IOV];
	u16 head, used = 0;

	while (done < len && bn_ring_fetch(r, iov, &head)) {
		size_t here = len - done;

		if (here > iov[0].iov_len)
			here = iov[0].iov_len;
		memcpy(iov[0].iov_base, bn_bounce + done, here);
		if (!done)
			hdr = iov[0].iov_base;
		bn_ring_used(r, head, here);
		done += here;
		used++;
	}
	if (used)
		hdr->num_buffers = used;
	return len;
}

/* Straight into as many buffers as the largest frame takes. */
static ssize_t bn_user_read_direct(struct bn_user_nic *u)
{
	struct bn_ring *r = &u->ring[RG_RX];
	u16 head[BN_IOV], n = 0, used = 0;
	struct virtio_net_hdr_v1 *hdr;
	struct iovec iov[BN_IOV];
	size_t room = 0;
	ssize_t len, left;

	while (room < BN_LARGE && n < BN_IOV &&
	       bn_ring_fetch(r, &iov[n], &head[n]))
		room += iov[n++].iov_len;
	len = readv(u->tap, iov, n);
	for (left = len; left > 0; used++) {
		size_t here = left;

		if (here > iov[used].iov_len)
			here = iov[used].iov_len;
		bn_ring_used(r, head[used], here);
		left -= here;
	}
	hdr = iov[0].iov_base;
	if (used)
		hdr->num_buffers = used;
	r->last_avail -= n - used;
	return len;
}

/* The next frame is probably like the last. */
static bool bn_user_read_merged(struct bn_user_nic *u)
{
	ssize_t len;

	if (u->large)
		len = bn_user_read_direct(u);
	else
		len = bn_user_read_copied(u);
	if (len < 0)
		return false;
	u->large = len > BN_BUFFER;
	return true;
}

static void bn_user_receive(struct bn_user_nic *u)
{
	bool (*read_one)(struct bn_user_nic *u) =
		u->batching ? bn_user_read_merged : bn_user_read_plain;
	struct bn_ring *r = &u->ring[RG_RX];

	for (;;) {
		if (bn_ring_empty(r) && !bn_ring_notify_on(r)) {
			bn_user_watch(u, false);
			break;
		}
		if (!read_one(u))
			break;
	}
	bn_ring_publish(r);
	bn_ring_signal(r, u->n->event);
}

/* The thread. */

static void bn_user_event(struct bn_user_nic *u, enum bn_source what)
{
	eventfd_t n;

	if (what == BN_TAP) {
		bn_user_receive(u);
		return;
	}
	eventfd_read(u->kick[what], &n);
	if (what == BN_KICK_TX)
		bn_user_transmit(u);
	else if (u->starved)
		bn_user_watch(u, true);
}

static void *bn_user_main(void *unused)
{
	struct epoll_event event[BN_EVENTS];
	int i, n;

	__atomic_store_n(&bn_thread_id, gettid(), __ATOMIC_RELEASE);
	for (;;) {
		n = epoll_wait(bn_epoll, event, BN_EVENTS, -1);
		for (i = 0; i < n; i++) {
			unsigned int from = event[i].data.u32;

			bn_user_event(bn_user_nics[from / BN_SOURCES],
				      from % BN_SOURCES);
		}
	}
	return unused;
}

static pid_t bn_user_thread(void)
{
	return __atomic_load_n(&bn_thread_id, __ATOMIC_ACQUIRE);
}

static void bn_user_open(struct rg_zone *z)
{
	bn_tap_ram(z);
	bn_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (bn_epoll < 0 ||
	    pthread_create(&bn_thread, NULL, bn_user_main, NULL))
		rg_die("no thread for the backend");
	if (!ktap_wait_for(RG_LONG, bn_user_thread()))
		rg_die("the backend's thread does not run");
}

static void bn_user_listen(struct bn_user_nic *u, int fd, enum bn_source what)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u32 = u->n->index * BN_SOURCES + what,
	};

	if (epoll_ctl(bn_epoll, EPOLL_CTL_ADD, fd, &event))
		rg_die("epoll: %s", strerror(errno));
}

static void bn_user_add(struct bn_nic *n, struct rg_zone *z)
{
	struct bn_user_nic *u = calloc(1, sizeof(*u));
	unsigned int queue;

	n->private = u;
	bn_user_nics[n->index] = u;
	u->n = n;
	u->batching = n->backend == &bn_user_batching;
	u->tap = bn_tap_open(n, u->batching);
	bn_tap_queues(n, z);
	for (queue = 0; queue < RG_QUEUES; queue++) {
		u->ring[queue].q = &n->dev.vq[queue];
		u->kick[queue] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		bn_user_listen(u, u->kick[queue], queue);
	}
	bn_user_listen(u, u->tap, BN_TAP);
}

static void bn_user_kick(struct bn_nic *n, unsigned int queue)
{
	struct bn_user_nic *u = n->private;

	eventfd_write(u->kick[queue], 1);
}

static void bn_user_acknowledge(struct bn_nic *n)
{
	/* What the daemon under hvisor has to answer is left out here. */
	(void)n;
}

/* Whose thread sleeps: it has nothing to do. */
static void bn_user_del(struct bn_nic *n)
{
	struct bn_user_nic *u = n->private;

	close(u->tap);
	close(u->kick[RG_RX]);
	close(u->kick[RG_TX]);
	close(n->event);
	bn_user_nics[n->index] = NULL;
	free(u);
}

const struct bn_backend bn_user_batching = {
	.column = "user, batching",
	.features = RG_BIT(VIRTIO_F_VERSION_1) |
		    RG_BIT(VIRTIO_RING_F_EVENT_IDX) |
		    RG_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		    RG_BIT(VIRTIO_NET_F_MRG_RXBUF) |
		    RG_BIT(VIRTIO_NET_F_CSUM) |
		    RG_BIT(VIRTIO_NET_F_GUEST_CSUM) |
		    RG_BIT(VIRTIO_NET_F_HOST_TSO4) |
		    RG_BIT(VIRTIO_NET_F_GUEST_TSO4),
	.open = bn_user_open,
	.add = bn_user_add,
	.kick = bn_user_kick,
	.acknowledge = bn_user_acknowledge,
	.del = bn_user_del,
	.thread = bn_user_thread,
};

const struct bn_backend bn_user_daemon = {
	.column = "user, daemon",
	.features = RG_BIT(VIRTIO_F_VERSION_1),
	.open = bn_user_open,
	.add = bn_user_add,
	.kick = bn_user_kick,
	.acknowledge = bn_user_acknowledge,
	.del = bn_user_del,
	.thread = bn_user_thread,
};
