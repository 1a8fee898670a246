// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest: bursts of frames to root, bursts of frames from root, and frames
 * that root sends back.  Each loop ends when all of it has arrived, so that
 * what is counted around it is the whole way and nothing else.
 */
#define _GNU_SOURCE
#include "ringbench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>

#define BN_SLOT_SIZE	2048	/* header and all of a frame that is not cut */
#define BN_PIECE	32768	/* a large frame's payload lies in pieces of */
#define BN_PORT		5001
#define BN_PATIENCE	20	/* s that frames may take */

int bn_hvbench = -1;

/* Payload of large frames: nobody writes to it. */
static u8 *bn_bulk;

/**
 * bn_guest_open - before the first NIC
 */
void bn_guest_open(void)
{
	if (system("modprobe hvbench"))
		rg_die("hvbench does not load");
	bn_hvbench = open(HVB_DEVICE, O_RDWR | O_CLOEXEC);
	if (bn_hvbench < 0)
		rg_die("%s: %s", HVB_DEVICE, strerror(errno));
}

static void bn_qdisc(const char *name)
{
	char command[80];

	/* The kernel's default, whatever the type of the interface. */
	snprintf(command, sizeof(command),
		 "tc qdisc replace dev %s root fq_codel", name);
	if (system(command))
		rg_die("%s fails", command);
}

static void bn_add_buffer(struct rg_vq *q, void *at)
{
	struct rg_piece piece = RG_IN(at, BN_BUFFER);

	rg_add(q, &piece, 1);
}

static void bn_fill(struct bn_nic *n)
{
	struct rg_zone *z = n->dev.zone;
	unsigned int i;

	for (i = 0; i < BN_NUM; i++)
		bn_add_buffer(&n->dev.vq[RG_RX], rg_alloc(z, BN_BUFFER, 64));
	for (i = 0; i < BN_SLOTS; i++)
		n->slot[i] = rg_alloc(z, BN_SLOT_SIZE, 64);
	if (!bn_bulk)
		bn_bulk = rg_alloc(z, HVB_LEN_MAX, 4096);
}

static void bn_kick(struct bn_nic *n, unsigned int queue)
{
	struct rg_vq *q = &n->dev.vq[queue];
	u16 old = q->published;

	rg_publish(q);
	if (old == q->published || !rg_kick_needed(q, old))
		return;
	n->kicks++;
	n->backend->kick(n, queue);
}

/**
 * bn_nic_add - a NIC appears, and is ready
 * @n: the NIC
 * @b: who serves it
 * @z: the guest
 * @index: its number
 */
void bn_nic_add(struct bn_nic *n, const struct bn_backend *b,
		struct rg_zone *z, unsigned int index)
{
	memset(n, 0, sizeof(*n));
	n->backend = b;
	n->index = index;
	b->add(n, z);
	n->ifindex = if_nametoindex(n->dev.name);
	bn_qdisc(n->dev.name);
	bn_want_interrupts(n, false, false);
	bn_fill(n);
	bn_kick(n, RG_RX);
	bn_sink(n, HVB_FREE);
}

/**
 * bn_nic_del - a NIC goes
 * @n: the NIC
 */
void bn_nic_del(struct bn_nic *n)
{
	n->backend->del(n);
}

/**
 * bn_want_interrupts - have queues interrupt, or not
 * @n: the NIC
 * @tx: for chains that were sent
 * @rx: for frames
 */
void bn_want_interrupts(struct bn_nic *n, bool tx, bool rx)
{
	(tx ? rg_irq_on : rg_irq_off)(&n->dev.vq[RG_TX]);
	(rx ? rg_irq_on : rg_irq_off)(&n->dev.vq[RG_RX]);
}

/* As a driver does at the end of a burst, with interrupts on or off. */
static void bn_after_burst(struct bn_nic *n, struct rg_vq *q)
{
	u64 taken;

	if (!q->want_irq) {
		/* Otherwise the event would be passed after 32768 frames. */
		rg_irq_off(q);
		return;
	}
	if (read(n->event, &taken, sizeof(taken)) != sizeof(taken))
		return;
	n->interrupts += taken;
	n->backend->acknowledge(n);
}

/**
 * bn_sink - say what becomes of the guest's frames in root
 * @n: the NIC
 * @mode: HVB_FREE or HVB_ECHO
 */
void bn_sink(struct bn_nic *n, u32 mode)
{
	struct hvb_sink sink = { .ifindex = n->ifindex, .mode = mode };

	if (ioctl(bn_hvbench, HVB_SET_SINK, &sink))
		rg_die("sink on %s: %s", n->dev.name, strerror(errno));
}

/**
 * bn_seen_payload - how much has arrived in root since bn_sink()
 * @n: the NIC
 *
 * Return: bytes, headers not counted.
 */
u64 bn_seen_payload(const struct bn_nic *n)
{
	struct hvb_seen seen = { .ifindex = n->ifindex };

	if (ioctl(bn_hvbench, HVB_GET_SEEN, &seen))
		rg_die("sink on %s: %s", n->dev.name, strerror(errno));
	return seen.payload;
}

static u32 bn_headers(const struct bn_frames *f)
{
	return f->kind == HVB_TCP ? HVB_HEADERS_TCP : HVB_HEADERS_UDP;
}

/**
 * bn_payload - bytes of a frame that are neither UDP's nor TCP's header
 * @f: the frame
 */
u64 bn_payload(const struct bn_frames *f)
{
	return f->len - bn_headers(f);
}

/* Frames. */

static u32 bn_sum(const void *at, size_t len, u32 sum)
{
	const u8 *byte = at;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += byte[i] << 8 | byte[i + 1];
	if (len & 1)
		sum += byte[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of the pseudo header, the frame's IP header being in place. */
static u32 bn_pseudo_sum(const struct iphdr *ip, size_t len)
{
	return bn_sum(&ip->saddr, 8, ip->protocol + len);
}

static void bn_ip_header(struct iphdr *ip, const struct bn_frames *f)
{
	*ip = (struct iphdr) {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(f->len - RG_ETH_HLEN),
		.frag_off = htons(0x4000),
		.ttl = 64,
		.protocol = f->kind == HVB_TCP ? IPPROTO_TCP : IPPROTO_UDP,
		.saddr = htonl(0x0a4e0002),
		.daddr = htonl(0x0a4e0001),
	};
	ip->check = htons(~bn_sum(ip, sizeof(*ip), 0));
}

static u16 *bn_l4_header(u8 *at, const struct bn_frames *f, u32 seq)
{
	size_t len = f->len - RG_ETH_HLEN - sizeof(struct iphdr);
	struct tcphdr *tcp = (void *)at;
	struct udphdr *udp = (void *)at;

	if (f->kind == HVB_UDP) {
		*udp = (struct udphdr) {
			.source = htons(BN_PORT), .dest = htons(BN_PORT),
			.len = htons(len),
		};
		return &udp->check;
	}
	*tcp = (struct tcphdr) {
		.source = htons(BN_PORT), .dest = htons(BN_PORT),
		.seq = htonl(seq), .doff = 5, .ack = 1,
		.window = htons(0xffff),
	};
	return &tcp->check;
}

/*
 * Fill in a frame as Linux would: a device that offers it gets the checksum
 * unfinished, one that does not gets it right.
 */
static void bn_frame(const struct bn_nic *n, const struct bn_frames *f, u8 *at)
{
	static const u8 to[] = { 0x02, 0, 0, 0xbe, 0, 1 };
	static const u8 from[] = { 0x02, 0, 0, 0xbe, 0, 2 };
	u32 l4 = RG_ETH_HLEN + sizeof(struct iphdr);
	struct virtio_net_hdr_v1 *hdr = (void *)at;
	u8 *frame = at + n->dev.hdr_len;
	struct iphdr *ip = (void *)(frame + RG_ETH_HLEN);
	u16 *check;
	u32 sum;

	memset(hdr, 0, n->dev.hdr_len);
	memcpy(frame, to, ETH_ALEN);
	memcpy(frame + ETH_ALEN, from, ETH_ALEN);
	frame[12] = ETHERTYPE_IP >> 8;
	frame[13] = ETHERTYPE_IP & 0xff;
	bn_ip_header(ip, f);
	check = bn_l4_header(frame + l4, f, n->sent * (u32)bn_payload(f));
	sum = bn_pseudo_sum(ip, f->len - l4);
	if (!rg_has(&n->dev, VIRTIO_NET_F_CSUM)) {
		*check = htons(~bn_sum(frame + l4, f->len - l4, sum));
		return;
	}
	*check = htons(sum);
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = l4;
	hdr->csum_offset = (u8 *)check - (frame + l4);
	if (!f->mss)
		return;
	hdr->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	hdr->gso_size = f->mss;
	hdr->hdr_len = bn_headers(f);
}

/* Header and headers in one piece, a large payload in others, as TCP's. */
static unsigned int bn_pieces(const struct bn_nic *n,
			      const struct bn_frames *f, u8 *at,
			      struct rg_piece *piece)
{
	u32 left = bn_payload(f), done = 0;
	unsigned int count = 1;

	if (!f->mss) {
		piece[0] = RG_OUT(at, n->dev.hdr_len + f->len);
		return 1;
	}
	piece[0] = RG_OUT(at, n->dev.hdr_len + bn_headers(f));
	while (done < left) {
		u32 len = left - done < BN_PIECE ? left - done : BN_PIECE;

		piece[count++] = RG_OUT(bn_bulk + done, len);
		done += len;
	}
	return count;
}

static void bn_queue_frame(struct bn_nic *n, const struct bn_frames *f)
{
	struct rg_vq *q = &n->dev.vq[RG_TX];
	u8 *at = n->slot[n->sent % BN_SLOTS];
	struct rg_piece piece[4];
	unsigned int pieces;

	bn_frame(n, f, at);
	n->sent++;
	pieces = bn_pieces(n, f, at, piece);
	if (pieces > 1)
		rg_add_indirect(q, piece, pieces);
	else
		rg_add(q, piece, 1);
}

/* One more used entry. Whoever gives it back takes the CPU while we spin. */
static struct vring_used_elem bn_wait_used(struct bn_nic *n, unsigned int queue)
{
	struct vring_used_elem elem;
	time_t end = time(NULL) + BN_PATIENCE;

	while (!rg_used(&n->dev.vq[queue], &elem))
		if (time(NULL) > end)
			rg_die("%s: queue %u of %s stands still",
			       n->backend->column, queue, n->dev.name);
	return elem;
}

/**
 * bn_transmit - a burst to root
 * @n: the NIC
 * @f: what frames
 *
 * At most as many are under way as there are slots to send from.
 */
void bn_transmit(struct bn_nic *n, const struct bn_frames *f)
{
	unsigned int i, under_way = 0;

	for (i = 0; i < f->burst; i++) {
		bn_queue_frame(n, f);
		if (++under_way < BN_SLOTS && i + 1 < f->burst)
			continue;
		bn_kick(n, RG_TX);
		while (under_way) {
			bn_wait_used(n, RG_TX);
			under_way--;
		}
	}
	bn_after_burst(n, &n->dev.vq[RG_TX]);
}

/* Take a frame's part, and give its buffer back. Return: bytes of it. */
static u32 bn_take(struct bn_nic *n, const struct virtio_net_hdr_v1 **hdr)
{
	struct rg_vq *q = &n->dev.vq[RG_RX];
	struct vring_used_elem elem = bn_wait_used(n, RG_RX);
	void *at = rg_at(n->dev.zone, q->desc[elem.id].addr);

	*hdr = at;
	bn_add_buffer(q, at);
	return elem.len;
}

/* A whole frame. Return: bytes of payload. */
static u64 bn_take_frame(struct bn_nic *n, const struct bn_frames *f)
{
	const struct virtio_net_hdr_v1 *hdr, *more;
	u64 len = bn_take(n, &hdr);
	u16 parts = 1;

	if (rg_has(&n->dev, VIRTIO_NET_F_MRG_RXBUF))
		parts = hdr->num_buffers;
	while (parts-- > 1)
		len += bn_take(n, &more);
	return len - n->dev.hdr_len - bn_headers(f);
}

/**
 * bn_receive - a burst from root
 * @n: the NIC
 * @f: what frames; the device may have to cut them
 */
void bn_receive(struct bn_nic *n, const struct bn_frames *f)
{
	struct hvb_send send = {
		.ifindex = n->ifindex, .count = f->burst, .len = f->len,
		.kind = f->kind, .mss = f->mss,
	};
	int64_t left = f->burst * bn_payload(f);

	if (ioctl(bn_hvbench, HVB_SEND, &send))
		rg_die("sending to %s: %s", n->dev.name, strerror(errno));
	while (left > 0)
		left -= bn_take_frame(n, f);
	if (left)
		rg_die("%s: %s gets more than was sent", n->backend->column,
		       n->dev.name);
	bn_kick(n, RG_RX);
	bn_after_burst(n, &n->dev.vq[RG_RX]);
}

/**
 * bn_round_trip - a frame to root and back
 * @n: the NIC, its sink an echo
 */
void bn_round_trip(struct bn_nic *n)
{
	const struct bn_frames f = { .len = 64, .kind = HVB_UDP, .burst = 1 };

	bn_queue_frame(n, &f);
	bn_kick(n, RG_TX);
	bn_take_frame(n, &f);
	bn_kick(n, RG_RX);
	bn_after_burst(n, &n->dev.vq[RG_RX]);
	bn_wait_used(n, RG_TX);
}
