// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a register again and again, as a raw guest of the simulator: it makes
 * the accesses whose latency a test then reads from the simulator.
 *
 *	regread ZONE ADDRESS COUNT PAUSE-US CPU
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hvisor_sim.h"

#define REGION_LEN	0x200
#define MAGIC		0x74726976	/* "virt" */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct hvsim_raw_zone zone = { .len = REGION_LEN };
	long i, count, pause_us;
	cpu_set_t set;
	int fd;

	if (argc != 6) {
		fprintf(stderr, "usage: regread ZONE ADDRESS COUNT PAUSE-US CPU\n");
		return 2;
	}
	zone.zone = strtoul(argv[1], NULL, 0);
	zone.base = strtoull(argv[2], NULL, 0);
	count = atol(argv[3]);
	pause_us = atol(argv[4]);
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[5]), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	fd = open(HVSIM_RAW_DEVICE, O_RDWR);
	if (fd < 0 || ioctl(fd, HVSIM_RAW_SET_ZONE, &zone))
		die(HVSIM_RAW_DEVICE);
	for (i = 0; i < count; i++) {
		struct hvsim_raw_access access = {
			.addr = zone.base,
			.size = 4,
		};

		if (ioctl(fd, HVSIM_RAW_ACCESS, &access))
			die("access");
		if (access.value != MAGIC) {
			fprintf(stderr, "read %#llx\n",
				(unsigned long long)access.value);
			return 1;
		}
		/* Not in step with anything. */
		usleep(pause_us + i * 37 % pause_us);
	}
	return 0;
}
