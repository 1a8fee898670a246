// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "hvnet doctor" looks at for each zone: virtio_cfg.json against what root
 * has reserved and what its interfaces are, and against the zone's own JSON
 * file.  What virtio_cfg.json contradicts by itself has been refused already.
 */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "hvnet.h"

#define MIN_SPI		32

static uint64_t common(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	uint64_t start = a > b ? a : b;
	uint64_t end = a + a_size - 1 < b + b_size - 1 ? a + a_size - 1 :
							 b + b_size - 1;

	return start <= end ? end - start + 1 : 0;
}

/* RAM, and what root knows of it */

/* Of a range, what lies in /proc/iomem's outermost lines called @what. */
static uint64_t in_iomem(const struct range *r, const char *what)
{
	char path[PATH_MAX], line[256], name[64];
	uint64_t start, end, sum = 0;
	FILE *f = fopen(below_root(path, "/proc/iomem"), "re");

	while (f && fgets(line, sizeof(line), f))
		if (line[0] != ' ' &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " : %63[^\n]", &start,
			   &end, name) == 3 && !strcmp(name, what))
			sum += common(r->root, r->size, start, end - start + 1);
	if (f)
		fclose(f);
	return sum;
}

/* Everybody may read it, but others than root see zeroes. */
static bool iomem_readable(void)
{
	static const struct range all = { .size = UINT64_MAX };

	return in_iomem(&all, "System RAM") > 1;
}

/* The next number of @n cells of a device tree's property. */
static bool take_cells(FILE *f, unsigned int n, uint64_t *to)
{
	unsigned char cell[4];

	for (*to = 0; n--; *to = *to << 32 | cell[0] << 24 | cell[1] << 16 |
				 cell[2] << 8 | cell[3])
		if (fread(cell, sizeof(cell), 1, f) != 1)
			return false;
	return true;
}

#define RESERVED	"/proc/device-tree/reserved-memory"

static unsigned int cells(const char *which)
{
	char path[PATH_MAX];
	FILE *f = fopen(below_root(path, RESERVED "/%s", which), "re");
	uint64_t n = 2;

	if (f) {
		take_cells(f, 1, &n);
		fclose(f);
	}
	return n;
}

/* Of a range, what one node reserves. */
static uint64_t in_node(const struct range *r, const char *node)
{
	unsigned int n_addr = cells("#address-cells");
	unsigned int n_size = cells("#size-cells");
	char path[PATH_MAX];
	uint64_t start, size, sum = 0;
	FILE *f = fopen(below_root(path, RESERVED "/%s/reg", node), "re");

	while (f && take_cells(f, n_addr, &start) && take_cells(f, n_size, &size))
		if (size)
			sum += common(r->root, r->size, start, size);
	if (f)
		fclose(f);
	return sum;
}

/* Of a range, what the device tree reserves; @node is one that does. */
static uint64_t in_tree(const struct range *r, char *node, bool *mapped)
{
	char path[PATH_MAX];
	DIR *dir = opendir(below_root(path, RESERVED));
	struct dirent *d;
	uint64_t n, sum = 0;

	node[0] = '\0';
	*mapped = false;
	while (dir && (d = readdir(dir))) {
		n = d->d_name[0] == '.' ? 0 : in_node(r, d->d_name);
		if (!n)
			continue;
		sum += n;
		snprintf(node, NAME_MAX + 1, "%s", d->d_name);
		*mapped |= !exists(RESERVED "/%s/no-map", d->d_name);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static void paste_reservation(const struct range *r)
{
	paste("reserved-memory {");
	paste("\t#address-cells = <0x02>;");
	paste("\t#size-cells = <0x02>;");
	paste("\tranges;");
	paste("%s", "");
	paste("\tnonroot@%" PRIx64 " {", r->root);
	paste("\t\tno-map;");
	paste("\t\treg = <%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ">;",
	      r->root >> 32, r->root & UINT32_MAX, r->size >> 32,
	      r->size & UINT32_MAX);
	paste("\t};");
	paste("};");
}

static void look_at_range(const struct range *r)
{
	uint64_t ram = in_iomem(r, "System RAM");
	char node[NAME_MAX + 1], size[32];
	bool mapped;
	uint64_t named = in_tree(r, node, &mapped);

	human_size(size, sizeof(size), r->size);
	if (!ram && (named == r->size || in_iomem(r, "reserved") == r->size)) {
		good("RAM at %#" PRIx64 ", %s, is kept from root%s%s", r->root,
		     size, node[0] ? ": " : "", node);
	} else if (ram == r->size && named == r->size) {
		good("RAM at %#" PRIx64 ", %s, is reserved: %s", r->root, size,
		     node);
	} else if (!ram) {
		fix("RAM at %#" PRIx64 ", %s: root knows of memory for %#" PRIx64 " bytes of it only; right would be what the board has",
		    r->root, size, named);
	} else if (named) {
		fix("RAM at %#" PRIx64 ", %s, is more than %s reserves: %#" PRIx64 " bytes of it are root's; ask for less, or in root's device tree",
		    r->root, size, node, r->size - named);
		paste_reservation(r);
	} else {
		fix("RAM at %#" PRIx64 ", %s, is not reserved: %#" PRIx64 " bytes of it are root's; paste into root's device tree (zone0.dts), in / { }",
		    r->root, size, ram);
		paste_reservation(r);
	}
}

/* Devices */

static void look_at_interface(const struct config *c, const struct zone *z,
			      const struct entry *e)
{
	char master[IFNAMSIZ], device[64], netdev[IFNAMSIZ];

	board_device_name(device, sizeof(device), z, e);
	board_netdev(device, netdev);
	if (!strcmp(netdev, e->tap)) {
		if (link_master(e->tap, master)) {
			good("%s is ours, and in %s", e->tap, master);
		} else {
			note("%s is ours, and in no bridge; if it is to be in br0",
			     e->tap);
			paste("ip link set %s up master br0", e->tap);
		}
	} else if (!link_exists(e->tap)) {
		good("the name %s is free", e->tap);
	} else if (link_is_tap(e->tap)) {
		fix("%s is a tap, left over or the daemon's: it has to make way",
		    e->tap);
		paste("hvnet start --replace-tap %s", c->file);
	} else {
		fix("%s is the name of another interface: have another in %s.tap",
		    e->tap, e->place.path);
		paste("\"tap\": \"zone%" PRIu64 "\",", z->id);
	}
}

static void paste_guest_node(const struct entry *e)
{
	paste("virtio_mmio@%" PRIx64 " {", e->addr);
	paste("\tcompatible = \"virtio,mmio\";");
	paste("\tdma-coherent;");
	paste("\tinterrupt-parent = <0x01>;");
	paste("\tinterrupts = <0x00 %#" PRIx64 " 0x01>;", e->irq - MIN_SPI);
	paste("\treg = <%#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 ">;",
	      e->addr >> 32, e->addr & UINT32_MAX, e->len >> 32,
	      e->len & UINT32_MAX);
	paste("};");
}

/* Interrupts of device trees begin at 32, that of SPI 0. */
static void look_at_net(const struct config *c, const struct zone *z,
			const struct entry *e)
{
	look_at_interface(c, z, e);
	if (!strncmp(e->mac, "00:16:3e:10:10:10", sizeof(e->mac)))
		note("%s.mac is the one of hvisor-tool's examples: another board on your network may have it",
		     e->place.path);
	if (!exists("/proc/device-tree/compatible"))
		return;
	if (e->irq < MIN_SPI) {
		fix("%s.irq is %" PRIu64 ", an interrupt of a CPU's own; if %" PRIu64 " is the number in the guest's device tree",
		    e->place.path, e->irq, e->irq);
		paste("\"irq\": %" PRIu64 ",", e->irq + MIN_SPI);
		return;
	}
	note("net at %#" PRIx64 ": the guest's device tree has to have",
	     e->addr);
	paste_guest_node(e);
}

static void look_at_zone(const struct config *c, const struct zone *z)
{
	const struct entry *e;
	size_t i;

	printf("zone %" PRIu64 " in %s\n", z->id, c->file);
	for (i = 0; i < z->n_ram; i++)
		look_at_range(&z->ram[i]);
	for (e = z->entries; e < z->entries + z->n_entries; e++) {
		if (e->net)
			look_at_net(c, z, e);
		else if (!strcmp(e->type, "net"))
			note("%s is a net device, and disabled", e->place.path);
	}
}

void doctor_config(const struct config *c)
{
	const struct zone *z;

	if (!iomem_readable()) {
		fix("only root may see where RAM is");
		paste("sudo hvnet doctor %s", c->file);
		return;
	}
	for (z = c->zones; z < c->zones + c->n_zones; z++)
		if (z->n_entries)
			look_at_zone(c, z);
	if (!c->nets)
		fix("%s has no enabled device of type \"net\"", c->file);
}

/* The zone's own JSON file */

/* A region, as the guest addresses it; false if it does not read. */
static bool region(const json_t *v, uint64_t *guest, uint64_t *size)
{
	return !json_number(json_member((json_t *)v, "virtual_start"), guest) &&
	       !json_number(json_member((json_t *)v, "size"), size) && *size;
}

static bool is_type(const json_t *v, const char *type)
{
	const char *word = json_string_value(json_member((json_t *)v, "type"));

	return word && !strcmp(word, type);
}

static void look_at_region(json_t *json, const struct entry *e)
{
	uint64_t guest, size, n;
	json_t *v;
	size_t i;

	json_array_foreach(json_member(json, "memory_regions"), i, v) {
		if (!region(v, &guest, &size))
			continue;
		n = common(e->addr, e->len, guest, size);
		if (!n)
			continue;
		if (!is_type(v, "virtio")) {
			fix("memory_regions[%zu] is where the net device's registers are, %#" PRIx64 ", and is not of type virtio: have another address in %s.addr",
			    i, e->addr, e->place.path);
			return;
		}
		if (n < e->len) {
			fix("memory_regions[%zu] has only a part of the net device's registers; right would be",
			    i);
			paste("\"virtual_start\": \"%#" PRIx64 "\", \"size\": \"0x1000\"",
			      e->addr);
			return;
		}
		good("memory_regions[%zu] has the net device's registers, %#" PRIx64,
		     i, e->addr);
		if (guest != e->addr)
			note("it begins at %#" PRIx64 ": hvisor makes the guest wait for each kick unless the device stands first in a region of its own",
			     guest);
		return;
	}
	fix("no region is for the net device's registers, %#" PRIx64 "; add to memory_regions",
	    e->addr);
	paste("{ \"type\": \"virtio\", \"physical_start\": \"%#" PRIx64 "\", \"virtual_start\": \"%#" PRIx64 "\", \"size\": \"0x1000\" }",
	      e->addr, e->addr);
}

static void look_at_interrupt(json_t *json, const struct entry *e)
{
	json_t *v;
	uint64_t irq;
	size_t i;

	json_array_foreach(json_member(json, "interrupts"), i, v) {
		if (json_number(v, &irq) || irq != e->irq)
			continue;
		good("interrupts[%zu] is the net device's, %" PRIu64, i, irq);
		return;
	}
	fix("interrupt %" PRIu64 " of the net device is missing; add to interrupts",
	    e->irq);
	paste("%" PRIu64, e->irq);
}

/* How much of a region of RAM virtio_cfg.json maps, and to the same place. */
static uint64_t mapped_right(const struct zone *z, uint64_t root,
			     uint64_t guest, uint64_t size)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		if (z->ram[i].root - z->ram[i].guest == root - guest)
			sum += common(z->ram[i].guest, z->ram[i].size, guest,
				      size);
	return sum;
}

/* Of a range, what the zone has as RAM, at the same place. */
static uint64_t ram_of_zone(json_t *json, const struct range *r)
{
	uint64_t root, guest, size, sum = 0;
	json_t *v;
	size_t i;

	json_array_foreach(json_member(json, "memory_regions"), i, v)
		if (is_type(v, "ram") && region(v, &guest, &size) &&
		    !json_number(json_member(v, "physical_start"), &root) &&
		    r->root - r->guest == root - guest)
			sum += common(r->guest, r->size, guest, size);
	return sum;
}

static void look_at_ram(const struct config *c, const struct zone *z,
			json_t *json)
{
	uint64_t root, guest, size;
	bool all_well = true;
	json_t *v;
	size_t i;

	json_array_foreach(json_member(json, "memory_regions"), i, v) {
		if (!is_type(v, "ram") || !region(v, &guest, &size) ||
		    json_number(json_member(v, "physical_start"), &root) ||
		    mapped_right(z, root, guest, size) >= size)
			continue;
		all_well = false;
		fix("memory_regions[%zu] is RAM that %s does not have there: buffers in it would break the device; add to %s.memory_region",
		    i, c->file, z->place.path);
		paste("{ \"zone0_ipa\": \"%#" PRIx64 "\", \"zonex_ipa\": \"%#" PRIx64 "\", \"size\": \"%#" PRIx64 "\" }",
		      root, guest, size);
	}
	for (i = 0; i < z->n_ram; i++) {
		if (ram_of_zone(json, &z->ram[i]) == z->ram[i].size)
			continue;
		all_well = false;
		note("%s.memory_region has memory at %#" PRIx64 " that is not the zone's RAM, and that its guest could have us write to",
		     z->place.path, z->ram[i].root);
	}
	if (all_well)
		good("its RAM is the same in both files");
}

static const struct zone *zone_of(const struct config *c, json_t *json,
				  const char *file)
{
	const struct zone *z;
	uint64_t id;

	if (json_number(json_member(json, "zone_id"), &id)) {
		fix("%s: there is no zone_id: is it a zone's JSON file?", file);
		return NULL;
	}
	for (z = c->zones; z < c->zones + c->n_zones; z++)
		if (z->id == id)
			return z;
	fix("%s is of zone %" PRIu64 ", of which %s has nothing", file, id,
	    c->file);
	return NULL;
}

void doctor_zone_file(const struct config *c, const char *zone_file)
{
	json_t *json = json_read_file(zone_file);
	const struct zone *z;
	const struct entry *e;

	if (!json) {
		fix("%s does not read", zone_file);
		return;
	}
	z = zone_of(c, json, zone_file);
	if (z) {
		printf("zone %" PRIu64 " in %s\n", z->id, zone_file);
		if (z->nets)
			look_at_ram(c, z, json);
		for (e = z->entries; e < z->entries + z->n_entries; e++) {
			if (!e->net)
				continue;
			look_at_region(json, e);
			look_at_interrupt(json, e);
		}
	}
	json_decref(json);
}
