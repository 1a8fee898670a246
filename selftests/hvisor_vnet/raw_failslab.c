// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames in both directions, of every size, while one request for memory in
 * ten is refused wherever the module's code is on the stack: each frame arrives
 * as it was sent or is counted as dropped, its descriptors come back, a driver
 * may begin anew, and with memory all is well again.
 *
 * rig: smp=2 kernel=6.1-debug
 */
#define _GNU_SOURCE
#include "failslab.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#define PERCENT		10
#define ROUNDS		600	/* to be scaled down */
#define BATCH		16
#define LIVES		4	/* drivers, one after the other */
#define BUFFER		10240

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *out, *in;
static u32 sent, next;		/* frames from the guest; the next to arrive */
static u64 arrived, missed;

static size_t size_of(u32 seq)
{
	static const size_t sizes[] = { 60, 1514, 2049, 9000, 256, 4500 };

	return sizes[seq % RG_ARRAY_SIZE(sizes)];
}

/* Where the module's code is. */
static void only_ours(void)
{
	unsigned long long at, size;
	char line[512], name[64];
	FILE *file = fopen("/proc/modules", "r");

	if (!file)
		rg_die("/proc/modules: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %llu %*s %*s %*s %llx", name, &size,
			   &at) != 3 || strcmp(name, "hvisor_vnet"))
			continue;
		fs_set("require-start", at);
		fs_set("require-end", at + size);
		fclose(file);
		return;
	}
	rg_die("the module is not there");
}

static void refuse(unsigned int percent)
{
	fs_set("probability", percent);
}

/* What the socket itself had no memory for; reading begins anew. */
static u64 socket_missed(void)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(d->sock, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		rg_die("PACKET_STATISTICS: %s", strerror(errno));
	return stats.tp_drops;
}

/* Frames come in order, but some do not come. */
static bool collect(void)
{
	static u8 got[BUFFER], want[BUFFER];
	ssize_t len;
	u32 seq;

	while ((len = rg_root_recv(d, got, sizeof(got), 0)) >= 0) {
		memcpy(&seq, got + 7, sizeof(seq));
		if (!ktap_expect(seq >= next && seq < sent) ||
		    !ktap_expect_eq((size_t)len, size_of(seq)))
			return false;
		rg_frame(want, len, seq);
		if (!ktap_expect(!memcmp(got, want, len)))
			return false;
		next = seq + 1;
		arrived++;
	}
	return true;
}

static bool send_batch(void)
{
	struct vring_used_elem elem;
	unsigned int i;

	for (i = 0; i < BATCH; i++, sent++)
		rg_tx_add(d, out + i * BUFFER, size_of(sent), sent);
	rg_kick(&d->vq[RG_TX]);
	for (i = 0; i < BATCH; i++)
		if (!ktap_expect(rg_wait_used(&d->vq[RG_TX], &elem)))
			return false;
	return collect();
}

/* Nothing is asked for on this way: all arrive. */
static bool receive_batch(void)
{
	struct vring_used_elem elem;
	struct rg_piece piece;
	u8 frame[RG_FRAME_MAX];
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		piece = RG_IN(in + i * BUFFER, BUFFER);
		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	rg_kick(&d->vq[RG_RX]);
	for (i = 0; i < BATCH; i++) {
		rg_frame(frame, 60 + i, i);
		if (!ktap_expect(rg_root_send(d, frame, 60 + i)))
			return false;
	}
	for (i = 0; i < BATCH; i++)
		if (!ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem)) ||
		    !rg_frame_ok(in + i * BUFFER + d->hdr_len,
				 elem.len - d->hdr_len, 60 + i, i))
			return false;
	return true;
}

/* A driver's life. */
static bool live(void)
{
	u64 i, n = ktap_scaled(ROUNDS);
	bool ok = true;

	zone.used = 0;
	rg_start(d, RG_FEATURES);
	out = rg_alloc(&zone, BATCH * BUFFER, 4096);
	in = rg_alloc(&zone, BATCH * BUFFER, 4096);
	for (i = 0; ok && i < n; i++)
		ok = send_batch() && receive_batch();
	return ok;
}

/* Frames that the interface's backlog holds are on their way, not lost. */
static bool all_told(u64 dropped)
{
	missed += socket_missed();
	return collect() &&
	       arrived + missed + rg_counter(d, "drop_tx_nomem") - dropped ==
	       sent;
}

int main(void)
{
	unsigned int i;
	bool ok = true;
	u64 dropped;

	fs_setup();
	if (access(FS_DIR "/failslab/require-start", F_OK))
		ktap_skip_all("the kernel cannot refuse memory by who asks");
	rg_setup();
	ktap_plan(3);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "mtu=9000");
	rg_start(d, RG_FEATURES);
	only_ours();
	fs_set("times", 1000000000);
	dropped = rg_counter(d, "drop_tx_nomem");
	socket_missed();
	refuse(PERCENT);
	for (i = 0; ok && i < LIVES; i++)
		ok = live();
	refuse(0);
	ktap_point(ok, "each frame is given back, and is what was sent if it arrives");
	ok = ktap_expect(ktap_wait_for(RG_LONG, all_told(dropped)));
	ktap_diag("%u frames, %llu arrived, %llu dropped by us, %llu missed by the socket",
		  sent, (unsigned long long)arrived,
		  (unsigned long long)(rg_counter(d, "drop_tx_nomem") - dropped),
		  (unsigned long long)missed);
	ktap_point(ok & ktap_expect(rg_counter(d, "drop_tx_nomem") > dropped),
		   "those that do not are counted");
	zone.used = 0;
	rg_start(d, RG_FEATURES);
	ktap_point(rg_works(d), "with memory all is well");
	return ktap_finish();
}
