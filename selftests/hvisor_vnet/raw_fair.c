// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two zones have their rings full of frames at the same time, which one CPU of
 * root's has to take.  They take turns, by frames and by bytes: who sends small
 * frames does not wait for all of what another sends, be that many or long.
 *
 * What is judged is the order in which frames reach root, no time.
 *
 * rig: smp=2 icount timeout=100
 */
#include "rawguest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL		60
#define LARGE		60000	/* a poll takes few of them */
#define SOCKBUF		(64 << 20)
/* A poll takes 64; the second zone may come when the first's second has begun. */
#define LEAD		192
#define LARGE_LEAD	20

static struct rg_zone zone[2];
static struct rg_dev dev[2];
static int root, second;	/* socket; interface of the second zone */

/* Root's ends of both, in one: in the order of arrival. */
static int listen_to_both(void)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(RG_ETHERTYPE),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct timeval long_ago = { .tv_sec = RG_LONG / 1000 };
	int size = SOCKBUF;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_ago, sizeof(long_ago)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		rg_die("packet socket: %s", strerror(errno));
	return fd;
}

/* Whose is the next frame: 0 or 1, or -1 if none comes. */
static int next_of(void)
{
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	u8 frame[SMALL];

	if (recvfrom(root, frame, sizeof(frame), 0, (struct sockaddr *)&from,
		     &len) < 0)
		return -1;
	return from.sll_ifindex == second;
}

/* Up to the ring's size: all of them one buffer, which is only read. */
static void fill(struct rg_dev *d, size_t len, unsigned int n)
{
	u8 *buf = rg_alloc(d->zone, d->hdr_len + len, 8);
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + len);

	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, len, 0);
	while (n--)
		rg_add(&d->vq[RG_TX], &piece, 1);
	rg_publish(&d->vq[RG_TX]);
}

/* The first zone sends @n frames of @len, the second @small; all arrive. */
static bool take_turns(size_t len, unsigned int n, unsigned int small, int lead)
{
	unsigned int got[2] = {}, left = n + small;
	int worst = 0;

	rg_start_sized(&dev[0], RG_FEATURES, RG_NUM, RG_NUM_MAX);
	rg_start_sized(&dev[1], RG_FEATURES, RG_NUM, RG_NUM_MAX);
	fill(&dev[0], len, n);
	fill(&dev[1], SMALL, small);
	rg_notify(&dev[0].vq[RG_TX]);
	rg_notify(&dev[1].vq[RG_TX]);
	while (left--) {
		int of = next_of();

		if (!ktap_expect(of >= 0))
			return false;
		got[of]++;
		if (got[1] < small && (int)(got[0] - got[1]) > worst)
			worst = got[0] - got[1];
	}
	ktap_diag("the first one is up to %d frames ahead", worst);
	return ktap_expect_eq(got[0], n) && ktap_expect_eq(got[1], small) &&
	       ktap_expect(worst <= lead);
}

int main(void)
{
	rg_setup();
	ktap_plan(3);
	rg_pin(1);
	rg_zone_add(&zone[0], 1, 0x100000, 0x100000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x200000, 0x100000, 0x40000000);
	rg_dev_add(&dev[0], &zone[0], RG_ADDR, RG_IRQ, "tap0", "mtu=65535");
	rg_dev_add(&dev[1], &zone[1], RG_ADDR, RG_IRQ, "tap1", "");
	root = listen_to_both();
	second = if_nametoindex(dev[1].name);
	ktap_point(take_turns(SMALL, RG_NUM_MAX, RG_NUM_MAX, LEAD),
		   "two that send many frames take turns");
	ktap_point(take_turns(LARGE, 64, 64, LARGE_LEAD),
		   "one that sends small frames does not wait for large ones");
	rg_start(&dev[0], RG_FEATURES);
	rg_start(&dev[1], RG_FEATURES);
	ktap_point(rg_works(&dev[0]) && rg_works(&dev[1]), "all works after it");
	close(root);
	return ktap_finish();
}
