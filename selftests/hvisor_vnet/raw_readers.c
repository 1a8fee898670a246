// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody reads each file of a device, all the time, while it comes and goes:
 * what is there can be read, and is the device's own.
 *
 * rig: smp=3
 */
#define _GNU_SOURCE
#include "rawguest.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>

#define CYCLES		40
#define MANY		200	/* to be scaled down, to no more than these */
#define READERS		2
#define DEVICE		"/sys/bus/hvisor_vnet/devices/zone1-a003600"

static struct rg_zone zone;
static bool stop;

struct reader {
	pthread_t thread;
	unsigned int cpu;
	u64 reads, odd;
};

static bool stops(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* One that is gone by now cannot be read; any other is a line. */
static void read_one(struct reader *r, int dir, const char *name)
{
	char line[64];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, line, sizeof(line));
	if (n > 0) {
		r->reads++;
		r->odd += line[n - 1] != '\n';
	} else {
		r->odd += n == 0 || errno != ENODEV;
	}
	close(fd);
}

static void read_all(struct reader *r, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && !stops() && (entry = readdir(dir)))
		if (entry->d_type == DT_REG && strcmp(entry->d_name, "uevent"))
			read_one(r, dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
}

static void *reads(void *arg)
{
	struct reader *r = arg;

	rg_pin(r->cpu);
	while (!stops()) {
		read_all(r, DEVICE "/counters");
		read_all(r, DEVICE);
		usleep(10);
	}
	return NULL;
}

static bool come_and_go(void)
{
	unsigned int i, n = ktap_scaled(MANY);
	bool ok = true;

	for (i = 0; ok && i < n && i < CYCLES; i++) {
		ok = ktap_expect_eq(-rg_bus("new_device",
					    "zone=1 addr=0xa003600 irq=75 name=tap0\n"),
				    0);
		/* One that is refused goes half the way. */
		ok &= ktap_expect_eq(-rg_bus("new_device",
					     "zone=1 addr=0xa003800 irq=76 name=tap0\n"),
				     EEXIST);
		if (i % 2 == 0)
			usleep(2000);
		ok &= ktap_expect_eq(-rg_bus("del_device", "zone1-a003600\n"),
				     0);
	}
	return ok;
}

int main(void)
{
	struct reader reader[READERS] = {};
	unsigned int i;
	bool ok;

	rg_setup();
	ktap_plan(1);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	for (i = 0; i < READERS; i++) {
		reader[i].cpu = i;
		if (pthread_create(&reader[i].thread, NULL, reads, &reader[i]))
			rg_die("no thread");
	}
	ok = come_and_go();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		pthread_join(reader[i].thread, NULL);
		ktap_diag("%llu reads", (unsigned long long)reader[i].reads);
		ok &= ktap_expect(reader[i].reads > 0) &
		      ktap_expect_eq(reader[i].odd, 0);
	}
	ktap_point(ok, "a device's files while it comes and goes");
	return ktap_finish();
}
