// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet status": what there is and how it does, in a table for people or as
 * JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "print.h"

/* Frames from and to the guest; interrupts that nothing brought to it. */
#define ROW	"%-10s %-8s %-10s %-15s %11llu %11llu %7llu\n"

static void print_device(const struct vnet_dev *d)
{
	char place[64], master[IFNAMSIZ] = "-";

	vnet_place(place, sizeof(place), d);
	link_master(d->name, master);
	printf(ROW, d->name, master, vnet_guest_words(d->status), place,
	       d->counter[HVISOR_VNET_A_COUNTERS_TX_FRAMES],
	       d->counter[HVISOR_VNET_A_COUNTERS_RX_FRAMES],
	       d->counter[HVISOR_VNET_A_COUNTERS_STALLS]);
}

static int count_device(const char *name, void *arg)
{
	*(size_t *)arg += !board_is_zone(name);
	return 0;
}

/* Devices whose interface is in another network namespace than we are. */
static void print_elsewhere(size_t here)
{
	size_t n = 0;

	board_each(count_device, &n);
	if (n > here)
		printf("devices      %zu in other network namespaces\n", n - here);
	else if (!here)
		puts("devices      none; a configuration is set up by: hvnet load FILE");
}

static void print_devices(const struct vnet_devs *devs)
{
	size_t i;

	print_elsewhere(devs->n);
	if (!devs->n)
		return;
	putchar('\n');
	printf("%-10s %-8s %-10s %-15s %11s %11s %7s\n", "interface", "bridge",
	       "guest", "device", "from guest", "to guest", "stalls");
	for (i = 0; i < devs->n; i++)
		print_device(&devs->list[i]);
}

/* Whose /dev/hvisor is. */
static const struct {
	const char *name;
	const char *words;
} owners[] = {
	{ "none", "missing: hvisor.ko is not loaded" },
	{ "ours", "ours, hvisor.ko stands behind it" },
	{ "hvisor.ko", "hvisor.ko's own" },
};

static int owner(void)
{
	dev_t node = node_number(HVISOR_NODE);

	if (!node)
		return 0;
	return node == node_number(OUR_NODE) ? 1 : 2;
}

static void print_daemon(pid_t pid)
{
	if (pid)
		printf("daemon       runs, process %d%s\n", pid,
		       daemon_node(pid) == NODE_OTHER ?
		       ", but not through us: see hvnet doctor" : "");
	else
		puts("daemon       does not run");
}

static void print_hv(const struct vnet_hv *hv)
{
	if (hv->conduit[0] && !hv->taken_over)
		printf("module       attached to hvisor (%s)\n", hv->conduit);
	else
		printf("module       loaded, but %s: see hvnet doctor\n",
		       hv->conduit[0] ?
		       "another program has taken hvisor's requests over" :
		       "there is no hypervisor");
}

static json_t *json_of_devices(const struct vnet_devs *devs)
{
	json_t *list = json_array(), *j;
	char master[IFNAMSIZ];
	size_t i;

	for (i = 0; i < devs->n; i++) {
		j = json_of_dev(&devs->list[i]);
		if (link_master(devs->list[i].name, master))
			json_object_set_new(j, "bridge", json_string(master));
		json_object_set_new(j, "counters",
				    json_of_counters(devs->list[i].counter,
						     vnet_dev_counter,
						     DEV_COUNTERS));
		json_array_append_new(list, j);
	}
	return list;
}

static int print_status_json(const struct vnet_hv *hv,
			     const struct vnet_devs *devs)
{
	pid_t pid = daemon_find();
	json_t *j = json_pack("{s:b, s:b, s:b, s:s, s:o}", "loaded", true,
			      "attached", hv->conduit[0] && !hv->taken_over,
			      "taken_over", hv->taken_over,
			      "node", owners[owner()].name,
			      "devices", json_of_devices(devs));

	if (hv->conduit[0])
		json_object_set_new(j, "hypervisor", json_string(hv->conduit));
	if (pid)
		json_object_set_new(j, "daemon",
				    json_pack("{s:i, s:b}", "process", pid,
					      "ours", daemon_node(pid) !=
					      NODE_OTHER));
	return print_json(j, false);
}

static void print_status(const struct vnet_hv *hv, const struct vnet_devs *devs)
{
	print_hv(hv);
	printf(HVISOR_NODE "  %s\n", owners[owner()].words);
	print_daemon(daemon_find());
	print_devices(devs);
}

/* Return: 0 if the module is attached to a hypervisor, else 1. */
int status(bool json)
{
	struct vnet_devs devs;
	struct vnet_hv hv;

	if (!board_loaded()) {
		if (json)
			print_json(json_pack("{s:b}", "loaded", false), false);
		else
			puts("module       not loaded");
		return 1;
	}
	if (vnet_get_hv(&hv) || vnet_get_devs(&devs))
		return 1;
	if (json)
		print_status_json(&hv, &devs);
	else
		print_status(&hv, &devs);
	free(devs.list);
	return hv.conduit[0] && !hv.taken_over ? 0 : 1;
}
