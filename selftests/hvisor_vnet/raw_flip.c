// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest changes its rings, descriptors, tables and headers while root reads
 * them, from another CPU.  Whatever root makes of it, it is one thing: what was
 * checked is what is used.  Nothing beside the guest's RAM changes, nothing
 * that was not negotiated reaches root, root does not go round for ever, and a
 * reset brings the device back.
 *
 * rig: smp=3
 */
#define _GNU_SOURCE
#include "rawpacket.h"

#include <pthread.h>
#include <sched.h>

#define ZONE_AT		0x100000
#define ZONE_SIZE	0x80000
#define GPA		0x40000000ull
#define GUARD		0x10000
#define ROUNDS		100
#define MSS		1448

static struct rg_zone zone[2];
static struct rg_dev dev, *d = &dev;
static u8 *guard_before, *guard_after;
static u8 *buf, *out;
static int root;
static bool stop;
static u64 flips;

static void on_cpu(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static u64 gpa(const void *at)
{
	return rg_gpa(&zone[0], at);
}

/* Where the queues are, each time that they are made. */
static struct rg_vq queues[RG_CTRL + 1];

/* So that no store is left out. */
#define put(at, value)	__atomic_store_n(&(at), (value), __ATOMIC_RELAXED)

/* Each is right, or as wrong as can be; never what was there a moment ago. */
static void flip_desc(struct vring_desc *desc, unsigned int i)
{
	const u64 addrs[] = {
		gpa(buf), GPA + ZONE_SIZE - 1, zone[0].pa, zone[1].pa,
		GPA - 8, -16ull, 0, gpa(queues[RG_TX].table),
	};
	static const u32 lens[] = { 72, 0xffffffff, 0, 17, 0x10000, 16, 32, 1 };
	static const u16 flags[] = {
		0, VRING_DESC_F_NEXT, VRING_DESC_F_INDIRECT, VRING_DESC_F_WRITE,
		VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 7,
	};

	switch (i % 4) {
	case 0:
		put(desc->addr, addrs[i % 8 ? 0 : i / 8 % 8]);
		break;
	case 1:
		put(desc->len, lens[i % 3 ? 0 : i / 3 % 8]);
		break;
	case 2:
		put(desc->flags, flags[i / 4 % 6]);
		break;
	default:
		put(desc->next, i % 5 ? i / 4 % RG_NUM : 0xffff);
		break;
	}
}

static void *flip_rings(void *unused)
{
	unsigned int i, index;

	on_cpu(2);
	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		for (index = 0; index <= RG_CTRL; index++) {
			struct rg_vq *q = &queues[index];
			u16 *ring = q->avail->ring;

			flip_desc(&q->desc[i / 4 % 4], i);
			flip_desc(&q->table[i / 4 % 4], i + 1);
			put(ring[i % RG_NUM], i % 64 ? i % 4 : 0xffff);
			put(ring[RG_NUM], i);
		}
		__atomic_fetch_add(&flips, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static pthread_t begin(void *(*run)(void *))
{
	pthread_t thread;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	flips = 0;
	if (pthread_create(&thread, NULL, run, NULL))
		rg_die("no thread");
	ktap_wait_for(RG_LONG, __atomic_load_n(&flips, __ATOMIC_RELAXED) > 10);
	return thread;
}

static void end(pthread_t thread)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static void start(u64 features)
{
	rg_start(d, features);
	buf = rg_alloc(&zone[0], 0x10000, 4096);
	out = rg_alloc(&zone[0], 12 + RP_MAX, 4096);
}

/* Root's stack has let go of frames that found no guest. */
static void start_clean(u64 features)
{
	rg_reset(d);
	rg_link_wait(d, false);
	start(features);
}

static bool others_ok(void)
{
	return ktap_expect(rg_pattern_ok(guard_before, GUARD, 1)) &&
	       ktap_expect(rg_pattern_ok(guard_after, GUARD, 2)) &&
	       ktap_expect(rg_pattern_ok(zone[1].ram, zone[1].size, 3));
}

static bool broken(void)
{
	return rg_get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* The queues where they are, from the beginning; whatever is in them. */
static void start_again(void)
{
	unsigned int i;

	rg_negotiate(d, d->features);
	zone[0].used = 0;
	for (i = 0; i <= RG_CTRL; i++)
		rg_queue_setup(d, i, RG_NUM);
	rg_driver_ok(d);
}

static bool test_rings(u64 features)
{
	unsigned int i, index, breaks = 0;
	u8 frame[200];
	pthread_t thread;

	start(features);
	memset(buf, 0, 12);
	rg_frame(buf + 12, 60, 1);
	rg_frame(frame, sizeof(frame), 2);
	memcpy(queues, d->vq, sizeof(queues));
	thread = begin(flip_rings);
	for (i = 0; i < ROUNDS; i++) {
		for (index = 0; index <= RG_CTRL; index++) {
			d->vq[index].avail_idx += 1 + i % 3;
			rg_publish(&d->vq[index]);
			rg_notify(&d->vq[index]);
		}
		rg_root_send(d, frame, sizeof(frame));
		if (!broken())
			continue;
		breaks++;
		start_again();
	}
	end(thread);
	ktap_diag("%llu flips, %u times broken", (unsigned long long)flips,
		  breaks);
	start_clean(features);
	return others_ok() && ktap_expect(breaks > 3) && ktap_expect(rg_works(d));
}

/* A header that passes, and one that must not: segments were not negotiated. */
static void *flip_header(void *unused)
{
	struct virtio_net_hdr *hdr = (void *)out;

	on_cpu(2);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		/* Each as long as the other. */
		put(hdr->gso_type, flips % 2 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					       VIRTIO_NET_HDR_GSO_NONE);
		__atomic_fetch_add(&flips, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

/* Frames that were taken for plain: they have to be that. */
static bool plain(unsigned int *frames)
{
	static u8 got[RP_MAX];
	struct virtio_net_hdr hdr;
	u16 vid;

	while (rp_recv(root, &hdr, got, &vid, 0) >= 0) {
		++*frames;
		if (!ktap_expect_eq(hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE))
			return false;
	}
	return true;
}

static bool test_header(void)
{
	static const struct rp_kind tcp = { .name = "TCP, IPv4" };
	u64 drops = rg_counter(d, "drop_tx_header");
	struct virtio_net_hdr hdr;
	struct vring_used_elem elem;
	unsigned int i, frames = 0;
	pthread_t thread;
	bool ok = true;
	size_t len;

	start(RG_FEATURES | RG_BIT(VIRTIO_NET_F_CSUM));
	len = rp_make(out + d->hdr_len, &hdr, &tcp, 1000, 100, 1);
	memset(out, 0, d->hdr_len);
	memcpy(out, &hdr, sizeof(hdr));
	rp_flush(root);
	thread = begin(flip_header);
	for (i = 0; ok && i < 10 * ROUNDS; i++) {
		struct rg_piece piece = RG_OUT(out, d->hdr_len + len);

		rg_add(&d->vq[RG_TX], &piece, 1);
		rg_kick(&d->vq[RG_TX]);
		ok = ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)) &&
		     plain(&frames);
	}
	end(thread);
	drops = rg_counter(d, "drop_tx_header") - drops;
	ktap_diag("%u taken, %llu refused", frames, (unsigned long long)drops);
	rg_root_flush(d);
	return ok && ktap_expect(frames && drops) && ktap_expect(rg_works(d));
}

/*
 * No receive buffer is usable, and for each that root looked at there is another
 * one: by its own counter, so that the guest is never too fast.
 */
static void *refill(void *unused)
{
	struct rg_vq *q = &d->vq[RG_RX];
	u64 first = rg_counter(d, "drop_rx_buffer"), seen;

	on_cpu(2);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		seen = rg_counter(d, "drop_rx_buffer") - first;
		__atomic_store_n(&q->avail->idx, seen + RG_NUM / 2,
				 __ATOMIC_RELEASE);
		__atomic_fetch_add(&flips, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static void *send_one(void *unused)
{
	u8 frame[60];

	on_cpu(1);
	rg_frame(frame, sizeof(frame), 1);
	rg_root_send(d, frame, sizeof(frame));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	return unused;
}

static bool test_refill(void)
{
	struct rg_piece piece;
	pthread_t guest, sender;
	unsigned int i;
	bool ended;

	start(RG_FEATURES);
	piece = RG_OUT(buf, 2048);
	for (i = 0; i < RG_NUM; i++)
		rg_add(&d->vq[RG_RX], &piece, 1);
	guest = begin(refill);
	if (pthread_create(&sender, NULL, send_one, NULL))
		rg_die("no thread");
	ended = ktap_wait_for(RG_LONG, __atomic_load_n(&stop, __ATOMIC_RELAXED));
	/* If not, it ends when the guest stops. */
	end(guest);
	pthread_join(sender, NULL);
	start_clean(RG_FEATURES);
	return ktap_expect(ended) && others_ok() && ktap_expect(rg_works(d));
}

int main(void)
{
	rg_setup();
	ktap_plan(4);
	on_cpu(1);
	rg_zone_add(&zone[0], 1, ZONE_AT, ZONE_SIZE, GPA);
	rg_zone_add(&zone[1], 2, 0x300000, 0x40000, GPA);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	guard_before = rg_map_raw(ZONE_AT - GUARD, GUARD);
	guard_after = rg_map_raw(ZONE_AT + ZONE_SIZE, GUARD);
	rg_pattern(guard_before, GUARD, 1);
	rg_pattern(guard_after, GUARD, 2);
	rg_pattern(zone[1].ram, zone[1].size, 3);
	root = rp_socket("tap0");
	ktap_point(test_rings(RG_FEATURES | RG_CONTROL), "rings");
	ktap_point(test_rings((RG_FEATURES | RG_CONTROL) &
			      ~RG_BIT(VIRTIO_RING_F_EVENT_IDX)),
		   "rings, without EVENT_IDX");
	ktap_point(test_header(), "headers");
	ktap_point(test_refill(), "buffers that never end");
	return ktap_finish();
}
