// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends or counts UDP datagrams, many per system call, for tests that compare
 * how many were sent with how many arrived.  The sender is paced by nothing but
 * its socket's buffer.  It asserts nothing itself.
 *
 *	udpblast send ADDRESS PORT COUNT SIZE [CPU]
 *		prints "sent N calls N errors N ms N"
 *	udpblast recv ADDRESS PORT COUNT SECONDS [CPU]
 *		until COUNT datagrams came or none for SECONDS; prints "ready",
 *		then "received N overflows N" (what the socket had no room for)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH		64
#define SIZE_MAX_UDP	1472
#define RCVBUF		(8 << 20)

static char payload[BATCH][SIZE_MAX_UDP];
static struct mmsghdr msgs[BATCH];
static struct iovec iovs[BATCH];
static char control[BATCH][CMSG_SPACE(sizeof(unsigned int))];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	if (!cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void prepare(size_t size)
{
	int i;

	for (i = 0; i < BATCH; i++) {
		iovs[i].iov_base = payload[i];
		iovs[i].iov_len = size;
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
}

static int blast(int fd, const struct sockaddr_in *to, long count)
{
	long sent = 0, calls = 0, errors = 0, begin = now_ms();

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		die("connect");
	while (sent < count) {
		long n = count - sent < BATCH ? count - sent : BATCH;
		int got = sendmmsg(fd, msgs, n, 0);

		calls++;
		if (got > 0)
			sent += got;
		else if (++errors > 1000)
			die("sendmmsg");
	}
	printf("sent %ld calls %ld errors %ld ms %ld\n", sent, calls, errors,
	       now_ms() - begin);
	return 0;
}

/* SO_RXQ_OVFL: how many the socket has dropped so far; absent while none. */
static unsigned int overflows(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	unsigned int n = 0;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SO_RXQ_OVFL)
		memcpy(&n, CMSG_DATA(cmsg), sizeof(n));
	return n;
}

static int count_received(int fd, const struct sockaddr_in *at, long count,
			  int seconds)
{
	struct timeval patience = { .tv_sec = seconds };
	int one = 1, rcvbuf = RCVBUF, got, i;
	unsigned int over = 0;
	long received = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    bind(fd, (const struct sockaddr *)at, sizeof(*at)))
		die("receiving socket");
	printf("ready\n");
	fflush(stdout);
	while (received + over < count) {
		for (i = 0; i < BATCH; i++) {
			msgs[i].msg_hdr.msg_control = control[i];
			msgs[i].msg_hdr.msg_controllen = sizeof(control[i]);
		}
		got = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		received += got;
		over = overflows(&msgs[got - 1].msg_hdr) ?: over;
	}
	printf("received %ld overflows %u\n", received, over);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	if (argc < 6 || inet_pton(AF_INET, argv[2], &addr.sin_addr) != 1) {
		fprintf(stderr, "usage: udpblast send ADDRESS PORT COUNT SIZE [CPU]\n"
			"       udpblast recv ADDRESS PORT COUNT SECONDS [CPU]\n");
		return 2;
	}
	addr.sin_port = htons(atoi(argv[3]));
	pin(argv[6]);
	if (!strcmp(argv[1], "recv")) {
		prepare(SIZE_MAX_UDP);
		return count_received(fd, &addr, atol(argv[4]), atoi(argv[5]));
	}
	prepare(atoi(argv[5]) > SIZE_MAX_UDP ? SIZE_MAX_UDP : atoi(argv[5]));
	return blast(fd, &addr, atol(argv[4]));
}
