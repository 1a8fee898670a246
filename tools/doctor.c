// SPDX-License-Identifier: GPL-2.0-only
/*
 * "hvnet doctor": looks at everything that has to fit for a zone's NIC to work,
 * and says for each thing that does not what to type or paste.  Changes
 * nothing.
 */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

static int n_bad;

static void __attribute__((format(printf, 1, 2))) good(const char *fmt, ...)
{
	va_list args;

	printf("  ok   ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void __attribute__((format(printf, 1, 2))) bad(const char *fmt, ...)
{
	va_list args;

	n_bad++;
	printf("  BAD  ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* The line to type or paste, below a finding. */
static void __attribute__((format(printf, 1, 2))) mend(const char *fmt, ...)
{
	va_list args;

	printf("         ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void check_module(void)
{
	char hypervisor[64] = "none";

	if (!board_has("new_zone")) {
		bad("the module is not loaded");
		mend("modprobe hvisor_vnet");
		return;
	}
	board_read(hypervisor, sizeof(hypervisor), "hypervisor");
	if (!strcmp(hypervisor, "none"))
		bad("the module has found no hypervisor");
	else if (strstr(hypervisor, "taken-over"))
		bad("somebody else has taken hvisor's requests over");
	else
		good("the module is attached to hvisor (%s)", hypervisor);
	if (strstr(hypervisor, "taken-over"))
		mend("pkill hvisor-virtio; echo 1 > " HVNET_BUS "/reattach");
}

/* Does any node below the device tree's root have this compatible string? */
static bool tree_has_hvisor(void)
{
	char path[PATH_MAX], compatible[64];
	struct dirent *d;
	bool found = false;
	DIR *dir = opendir("/proc/device-tree");
	FILE *f;
	size_t n;

	while (dir && !found && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/device-tree/%s/compatible",
			 d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n = fread(compatible, 1, sizeof(compatible) - 1, f);
		compatible[n] = '\0';
		found = !strcmp(compatible, "hvisor");
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void check_tree(void)
{
	if (access("/proc/device-tree", F_OK)) {
		good("no device tree here: nothing to find in it");
		return;
	}
	if (tree_has_hvisor()) {
		good("root's device tree has the node of hvisor's wake interrupt");
		return;
	}
	bad("root's device tree has no node of hvisor's wake interrupt; paste below its root:");
	mend("hvisor_virtio_device {");
	mend("	compatible = \"hvisor\";");
	mend("	interrupts = <0x00 0x20 0x01>;");
	mend("};");
}

struct extent {
	uint64_t start, end;	/* end is the last byte */
};

/* Of a range, the part in /proc/iomem's lines that contain @what. */
static uint64_t covered(const struct range *r, const char *what)
{
	FILE *f = fopen("/proc/iomem", "r");
	struct extent e, want = { r->root, r->root + r->size - 1 };
	char line[256];
	uint64_t sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &e.start, &e.end) != 2 ||
		    line[0] == ' ' || !strstr(line, what))
			continue;
		if (e.start > want.end || e.end < want.start)
			continue;
		sum += (e.end < want.end ? e.end : want.end) -
		       (e.start > want.start ? e.start : want.start) + 1;
	}
	if (f)
		fclose(f);
	return sum;
}

static void check_range(const struct zone *z, const struct range *r)
{
	uint64_t ram = covered(r, "System RAM");

	if (!ram) {
		good("zone %" PRIu64 ": RAM at %#" PRIx64 ", %#" PRIx64 " bytes, is not root's",
		     z->id, r->root, r->size);
		return;
	}
	bad("zone %" PRIu64 ": %#" PRIx64 " of %#" PRIx64 " bytes at %#" PRIx64 " are root's own RAM; reserve them in root's device tree:",
	    z->id, ram, r->size, r->root);
	mend("reserved-memory {");
	mend("	#address-cells = <2>; #size-cells = <2>; ranges;");
	mend("	zone%" PRIu64 "@%" PRIx64 " {", z->id, r->root);
	mend("		no-map;");
	mend("		reg = <%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ">;",
	     r->root >> 32, r->root & 0xffffffff, r->size >> 32,
	     r->size & 0xffffffff);
	mend("	};");
	mend("};");
}

static void check_bridge(const struct entry *e)
{
	char bridge[IFNAMSIZ];

	if (!link_exists(e->tap))
		return;
	if (link_is_tap(e->tap)) {
		bad("%s is a tap, which stands where our interface is to be", e->tap);
		mend("hvnet load --replace-tap FILE");
	} else if (link_bridge_of(e->tap, bridge)) {
		good("%s is in bridge %s", e->tap, bridge);
	} else {
		good("%s is there, in no bridge; to put it into one:", e->tap);
		mend("ip link set %s master br0 && ip link set %s up", e->tap,
		     e->tap);
	}
}

static void check_entry(const struct zone *z, const struct entry *e)
{
	if (e->irq < 32) {
		bad("zone %" PRIu64 ": irq %" PRIu64 " is a CPU's private interrupt; the interrupt id is the SPI number plus 32:",
		    z->id, e->irq);
		mend("\"irq\": %" PRIu64 ",", e->irq + 32);
	}
	check_bridge(e);
	printf("       for the device tree of zone %" PRIu64 ":\n", z->id);
	mend("virtio_mmio@%" PRIx64 " {", e->addr);
	mend("	dma-coherent;");
	mend("	interrupts = <0x00 %#" PRIx64 " 0x01>;",
	     e->irq >= 32 ? e->irq - 32 : e->irq);
	mend("	reg = <%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ">;",
	     e->addr >> 32, e->addr & 0xffffffff, e->len >> 32,
	     e->len & 0xffffffff);
	mend("	compatible = \"virtio,mmio\";");
	mend("};");
}

/* Interrupts of all kinds of device count: hvisor panics beyond seven. */
static void check_zone(const struct zone *z)
{
	size_t i, j, enabled = 0;

	for (i = 0; i < z->n_ram; i++)
		check_range(z, &z->ram[i]);
	for (i = 0; i < z->n_entries; i++) {
		const struct entry *e = &z->entries[i];

		enabled += e->enabled;
		if (!is_net(e) || !e->enabled)
			continue;
		check_entry(z, e);
		for (j = 0; j < i; j++)
			if (is_net(&z->entries[j]) && z->entries[j].enabled &&
			    z->entries[j].irq == e->irq)
				bad("zone %" PRIu64 ": two devices have irq %" PRIu64 "; give each its own",
				    z->id, e->irq);
	}
	if (enabled > 7)
		bad("zone %" PRIu64 " has %zu devices; hvisor panics when more than 7 have an interrupt outstanding: disable some",
		    z->id, enabled);
}

/* A number as hvisor-tool takes it. */
static bool number(json_t *v, uint64_t *to)
{
	if (json_is_integer(v))
		*to = json_integer_value(v);
	else if (json_is_string(v))
		*to = strtoull(json_string_value(v), NULL, 0);
	return json_is_integer(v) || json_is_string(v);
}

static bool zone_has_region(json_t *json, const struct entry *e)
{
	uint64_t start, size;
	json_t *region;
	size_t i;

	json_array_foreach(json_object_get(json, "memory_regions"), i, region) {
		const char *type = json_string_value(json_object_get(region, "type"));

		if (type && !strcmp(type, "virtio") &&
		    number(json_object_get(region, "virtual_start"), &start) &&
		    number(json_object_get(region, "size"), &size) &&
		    e->addr - start < size)
			return true;
	}
	return false;
}

static bool zone_has_interrupt(json_t *json, const struct entry *e)
{
	uint64_t irq;
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json, "interrupts"), i, item)
		if (number(item, &irq) && irq == e->irq)
			return true;
	return false;
}

static void check_zone_entry(json_t *json, const char *file,
			     const struct entry *e)
{
	if (zone_has_region(json, e)) {
		good("%s has a virtio region for %#" PRIx64, file, e->addr);
	} else {
		bad("%s has no virtio region for %#" PRIx64 "; add to memory_regions:",
		    file, e->addr);
		mend("{ \"type\": \"virtio\", \"physical_start\": \"%#" PRIx64 "\", \"virtual_start\": \"%#" PRIx64 "\", \"size\": \"0x1000\" }",
		     e->addr, e->addr);
	}
	if (zone_has_interrupt(json, e)) {
		good("%s has interrupt %" PRIu64, file, e->irq);
	} else {
		bad("%s does not have interrupt %" PRIu64 "; add to interrupts:",
		    file, e->irq);
		mend("%" PRIu64, e->irq);
	}
}

static void check_zone_file(const struct config *c, const char *file)
{
	json_error_t error;
	json_t *json = json_load_file(file, 0, &error);
	uint64_t id;
	size_t i, j;

	if (!json) {
		bad("%s: line %d: %s", file, error.line, error.text);
		return;
	}
	if (!number(json_object_get(json, "zone_id"), &id)) {
		bad("%s: there is no zone_id", file);
		json_decref(json);
		return;
	}
	for (i = 0; i < c->n_zones; i++)
		for (j = 0; c->zones[i].id == id && j < c->zones[i].n_entries; j++)
			if (is_net(&c->zones[i].entries[j]) &&
			    c->zones[i].entries[j].enabled)
				check_zone_entry(json, file,
						 &c->zones[i].entries[j]);
	json_decref(json);
}

/* "hvnet doctor". Return: 0 if all is well, else 1. */
int doctor(const char *file, const char *zone_file)
{
	struct config c;
	size_t i;

	printf("the board:\n");
	check_tree();
	check_module();
	if (file) {
		if (config_read(&c, file))
			return 1;
		printf("%s:\n", file);
		for (i = 0; i < c.n_zones; i++)
			check_zone(&c.zones[i]);
		if (zone_file)
			check_zone_file(&c, zone_file);
		config_free(&c);
	}
	if (n_bad)
		printf("%d thing%s to mend\n", n_bad, n_bad == 1 ? "" : "s");
	else
		printf("all is well\n");
	return n_bad ? 1 : 0;
}
