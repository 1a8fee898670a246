// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends a stream of numbers over TCP, or receives it and checks every byte: for
 * tests that ask whether data crosses unchanged.
 *
 *	tcpcheck send ADDRESS PORT BYTES
 *	tcpcheck recv ADDRESS PORT BYTES
 *		listens, prints "ready", takes one connection; succeeds when
 *		exactly BYTES came and all of them are right
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CHUNK		65536
#define PATIENCE_S	30

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The same on both sides: xorshift, never 0, period 2^64 - 1. */
static void next_chunk(uint64_t *chunk)
{
	static uint64_t x = 88172645463325252ull;
	size_t i;

	for (i = 0; i < CHUNK / sizeof(*chunk); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		chunk[i] = x;
	}
}

static int send_stream(int fd, const struct sockaddr *to, long bytes)
{
	uint64_t chunk[CHUNK / sizeof(uint64_t)];
	long left = bytes;

	if (connect(fd, to, sizeof(struct sockaddr_in6)))
		die("connect");
	while (left > 0) {
		size_t n = left < CHUNK ? left : CHUNK, done = 0;

		next_chunk(chunk);
		while (done < n) {
			ssize_t got = write(fd, (char *)chunk + done, n - done);

			if (got <= 0)
				die("write");
			done += got;
		}
		left -= n;
	}
	return 0;
}

/* Fills the buffer unless the stream ends before. */
static size_t read_full(int fd, char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = read(fd, buf + done, len - done);

		if (got < 0)
			die("read");
		if (!got)
			break;
		done += got;
	}
	return done;
}

static int check_stream(int fd, const struct sockaddr *at, long bytes)
{
	uint64_t want[CHUNK / sizeof(uint64_t)];
	static char have[CHUNK];
	int one = 1, peer;
	long total = 0;
	size_t n;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, at, sizeof(struct sockaddr_in6)) || listen(fd, 1))
		die("listen");
	printf("ready\n");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		die("accept");
	do {
		n = read_full(peer, have, CHUNK);
		next_chunk(want);
		if (memcmp(have, want, n)) {
			printf("wrong data within %zu bytes from %ld on\n", n,
			       total);
			return 1;
		}
		total += n;
	} while (n == CHUNK);
	printf("checked %ld bytes\n", total);
	return total != bytes;
}

/* An address of either IP, with its port; false if it is none. */
static bool parse(const char *address, const char *port,
		  struct sockaddr_in6 *to)
{
	struct sockaddr_in *to4 = (struct sockaddr_in *)to;

	if (inet_pton(AF_INET, address, &to4->sin_addr) == 1)
		to->sin6_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &to->sin6_addr) == 1)
		to->sin6_family = AF_INET6;
	else
		return false;
	/* At the same place in both. */
	to->sin6_port = htons(atoi(port));
	return true;
}

int main(int argc, char **argv)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_in6 addr = { 0 };
	const struct sockaddr *at = (const struct sockaddr *)&addr;
	int fd;

	if (argc != 5 || !parse(argv[2], argv[3], &addr)) {
		fprintf(stderr, "usage: tcpcheck send|recv ADDRESS PORT BYTES\n");
		return 2;
	}
	fd = socket(addr.sin6_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	/* Also bounds accept(), and is inherited by what it returns. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!strcmp(argv[1], "recv"))
		return check_stream(fd, at, atol(argv[4]));
	return send_stream(fd, at, atol(argv[4]));
}
