// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet status": what there is and how it does, in a table for people.
 */
#include <stdlib.h>
#include <string.h>

#include "hvnet.h"

#define STATUS_DRIVER		0x02
#define STATUS_DRIVER_OK	0x04
#define STATUS_NEEDS_RESET	0x40
#define STATUS_FAILED		0x80

/* Frames from and to the guest; interrupts that nothing brought to it. */
#define ROW	"%-10s %-8s %-10s %-15s %11s %11s %7s\n"

static const char *guest_words(const char *status)
{
	unsigned long s = strtoul(status, NULL, 0);

	if (s & STATUS_NEEDS_RESET)
		return "broken";
	if (s & STATUS_FAILED)
		return "gave up";
	if (s & STATUS_DRIVER_OK)
		return "up";
	return s & STATUS_DRIVER ? "starting" : "no driver";
}

static void device_value(char *to, size_t size, const char *device,
			 const char *file)
{
	if (read_line(to, size, BUS "/devices/%s/%s", device, file))
		strcpy(to, "-");
}

static int print_device(const char *name, void *arg)
{
	char netdev[IFNAMSIZ], master[IFNAMSIZ] = "-";
	char word[32], tx[32], rx[32], stalls[32];

	(void)arg;
	if (board_is_zone(name))
		return 0;
	board_netdev(name, netdev);
	link_master(netdev, master);
	device_value(word, sizeof(word), name, "status");
	device_value(tx, sizeof(tx), name, "counters/tx_frames");
	device_value(rx, sizeof(rx), name, "counters/rx_frames");
	device_value(stalls, sizeof(stalls), name, "counters/stalls");
	printf(ROW, netdev, master, guest_words(word), name, tx, rx, stalls);
	return 0;
}

static int count_device(const char *name, void *arg)
{
	*(size_t *)arg += !board_is_zone(name);
	return 0;
}

static void print_devices(void)
{
	size_t n = 0;

	board_each(count_device, &n);
	if (!n) {
		puts("devices      none; a configuration is set up by: hvnet load FILE");
		return;
	}
	putchar('\n');
	printf(ROW, "interface", "bridge", "guest", "device", "from guest",
	       "to guest", "stalls");
	board_each(print_device, NULL);
}

static void print_node(void)
{
	dev_t node = node_number(HVISOR_NODE);

	if (!node)
		puts(HVISOR_NODE "  missing: hvisor.ko is not loaded");
	else if (node == node_number(OUR_NODE))
		puts(HVISOR_NODE "  ours, hvisor.ko stands behind it");
	else
		puts(HVISOR_NODE "  hvisor.ko's own");
}

static void print_daemon(void)
{
	pid_t pid = daemon_find();

	if (pid)
		printf("daemon       runs, process %d%s\n", pid,
		       daemon_node(pid) == NODE_OTHER ?
		       ", but not through us: see hvnet doctor" : "");
	else
		puts("daemon       does not run");
}

/* Return: 0 if the module is attached to a hypervisor, else 1. */
int status(void)
{
	char hypervisor[64];
	bool attached;

	if (!board_loaded()) {
		puts("module       not loaded");
		return 1;
	}
	read_line(hypervisor, sizeof(hypervisor), BUS "/hypervisor");
	attached = !strchr(hypervisor, ' ') && strcmp(hypervisor, "none");
	if (attached)
		printf("module       attached to hvisor (%s)\n", hypervisor);
	else
		printf("module       loaded, but %s: see hvnet doctor\n",
		       strchr(hypervisor, ' ') ?
		       "another program has taken hvisor's requests over" :
		       "there is no hypervisor");
	print_node();
	print_daemon();
	print_devices();
	return attached ? 0 : 1;
}
