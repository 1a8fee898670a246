// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "hvnet doctor" looks at for each zone: virtio_cfg.json against what root
 * has reserved and what its interfaces are, and against the zone's own JSON
 * file.  What virtio_cfg.json contradicts by itself has been refused already.
 */
#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include "hvnet.h"

#define MIN_SPI		32

static __u64 common(__u64 a, __u64 a_size, __u64 b, __u64 b_size)
{
	__u64 start = a > b ? a : b;
	__u64 end = a + a_size - 1 < b + b_size - 1 ? a + a_size - 1 :
							 b + b_size - 1;

	return start <= end ? end - start + 1 : 0;
}

/* RAM, and what root knows of it */

/* Of a range, what lies in /proc/iomem's outermost lines called @what. */
static __u64 in_iomem(const struct range *r, const char *what)
{
	char path[PATH_MAX], line[256], name[64];
	__u64 start, end, sum = 0;
	FILE *f = fopen(below_root(path, "/proc/iomem"), "re");

	while (f && fgets(line, sizeof(line), f))
		if (line[0] != ' ' &&
		    sscanf(line, "%llx-%llx : %63[^\n]", &start,
			   &end, name) == 3 && !strcasecmp(name, what))
			sum += common(r->root, r->size, start, end - start + 1);
	if (f)
		fclose(f);
	return sum;
}

/* Everybody may read it, but others than root see zeroes. */
static bool iomem_readable(void)
{
	static const struct range all = { .size = ~0ULL };

	return in_iomem(&all, "System RAM") > 1;
}

/* The next number of @n cells of a device tree's property. */
static bool take_cells(FILE *f, unsigned int n, __u64 *to)
{
	unsigned char cell[4];

	for (*to = 0; n--; *to = *to << 32 | (__u64)cell[0] << 24 |
				 cell[1] << 16 | cell[2] << 8 | cell[3])
		if (fread(cell, sizeof(cell), 1, f) != 1)
			return false;
	return true;
}

#define RESERVED	TREE "/reserved-memory"

static unsigned int cells(const char *which)
{
	char path[PATH_MAX];
	FILE *f = fopen(below_root(path, RESERVED "/%s", which), "re");
	__u64 n = 2;

	if (f) {
		take_cells(f, 1, &n);
		fclose(f);
	}
	return n;
}

/* Of a range, what one node reserves. */
static __u64 in_node(const struct range *r, const char *node)
{
	unsigned int n_addr = cells("#address-cells");
	unsigned int n_size = cells("#size-cells");
	char path[PATH_MAX];
	__u64 start, size, sum = 0;
	FILE *f = fopen(below_root(path, RESERVED "/%s/reg", node), "re");

	while (f && take_cells(f, n_addr, &start) && take_cells(f, n_size, &size))
		if (size)
			sum += common(r->root, r->size, start, size);
	if (f)
		fclose(f);
	return sum;
}

/* Of a range, what the device tree reserves; @node is one that does. */
static __u64 in_tree(const struct range *r, char *node, bool *mapped)
{
	char path[PATH_MAX];
	DIR *dir = opendir(below_root(path, RESERVED));
	struct dirent *d;
	__u64 n, sum = 0;

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
	paste("\tnonroot@%llx {", r->root);
	paste("\t\tno-map;");
	paste("\t\treg = <%#llx %#llx %#llx %#llx>;",
	      r->root >> 32, r->root & 0xffffffff, r->size >> 32,
	      r->size & 0xffffffff);
	paste("\t};");
	paste("};");
}

static void look_at_range(const struct range *r)
{
	__u64 ram = in_iomem(r, "System RAM");
	char node[NAME_MAX + 1], size[32];
	bool mapped;
	__u64 named = in_tree(r, node, &mapped);

	human_size(size, sizeof(size), r->size);
	if (!ram && (named == r->size || in_iomem(r, "reserved") == r->size)) {
		say_info("RAM at %#llx, %s, is kept from root%s%s", r->root,
			 size, node[0] ? ": " : "", node);
	} else if (ram == r->size && named == r->size) {
		say_info("RAM at %#llx, %s, is reserved: %s", r->root, size,
			 node);
	} else if (!ram) {
		say_warn("RAM at %#llx, %s: root knows of memory for %#llx bytes of it only; right would be what the board has",
			 r->root, size, named);
	} else if (named) {
		say_warn("RAM at %#llx, %s, is more than %s reserves: %#llx bytes of it are root's; ask for less, or in root's device tree",
			 r->root, size, node, r->size - named);
		paste_reservation(r);
	} else {
		say_warn("RAM at %#llx, %s, is not reserved: %#llx bytes of it are root's; paste into root's device tree (zone0.dts), in / { }",
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
			say_info("%s is ours, and in %s", e->tap, master);
		} else {
			say_notice("%s is ours, and in no bridge; if it is to be in br0",
				   e->tap);
			paste("ip link set %s up master br0", e->tap);
		}
	} else if (!link_exists(e->tap)) {
		say_info("the name %s is free", e->tap);
	} else if (link_is_tap(e->tap)) {
		say_warn("%s is a tap, left over or the daemon's: it has to make way",
			 e->tap);
		paste("hvnet start --replace-tap %s", c->file);
	} else {
		say_warn("%s is the name of another interface: have another in %s.tap",
			 e->tap, e->place.path);
		paste("\"tap\": \"zone%llu\",", z->id);
	}
}

static void paste_guest_node(const struct entry *e)
{
	paste("virtio_mmio@%llx {", e->addr);
	paste("\tcompatible = \"virtio,mmio\";");
	paste("\tdma-coherent;");
	paste("\tinterrupt-parent = <0x01>;");
	switch (tree_irqs()) {
	case IRQS_PLIC:
		paste("\tinterrupts = <%#llx>;", e->irq);
		break;
	case IRQS_APLIC:
		paste("\tinterrupts = <%#llx 0x01>;", e->irq);
		break;
	default:
		paste("\tinterrupts = <0x00 %#llx 0x01>;", e->irq - MIN_SPI);
	}
	paste("\treg = <%#llx %#llx %#llx %#llx>;",
	      e->addr >> 32, e->addr & 0xffffffff, e->len >> 32,
	      e->len & 0xffffffff);
	paste("};");
}

/* What was copied stands on every board that copied it. */
static void look_at_example_mac(const struct entry *e)
{
	unsigned char r[4];

	say_notice("%s.mac is the one of hvisor-tool's examples, and other boards may have it; one of your own:",
		   e->place.path);
	if (getrandom(r, sizeof(r), 0) == sizeof(r))
		paste("\"mac\": [\"0x02\", \"0x00\", \"%#04x\", \"%#04x\", \"%#04x\", \"%#04x\"],",
		      r[0], r[1], r[2], r[3]);
}

/* A GIC's in device trees begin at 32, that of SPI 0. */
static void look_at_net(const struct config *c, const struct zone *z,
			const struct entry *e)
{
	look_at_interface(c, z, e);
	if (!strcmp(e->mac, "00:16:3e:10:10:10"))
		look_at_example_mac(e);
	if (!exists(TREE "/compatible"))
		return;
	if (e->irq < MIN_SPI && tree_irqs() == IRQS_GIC) {
		say_warn("%s.irq is %llu, an interrupt of a CPU's own; if %llu is the number in the guest's device tree",
			 e->place.path, e->irq, e->irq);
		paste("\"irq\": %llu,", e->irq + MIN_SPI);
		return;
	}
	say_notice("net at %#llx: the guest's device tree has to have",
		   e->addr);
	paste_guest_node(e);
}

static void look_at_zone(const struct config *c, const struct zone *z)
{
	const struct entry *e;
	size_t i;

	heading("zone %llu in %s", z->id, c->file);
	for (i = 0; i < z->n_ram; i++)
		look_at_range(&z->ram[i]);
	for (e = z->entries; e < z->entries + z->n_entries; e++) {
		if (e->net)
			look_at_net(c, z, e);
		else if (!strcmp(e->type, "net"))
			say_notice("%s is a net device, and disabled", e->place.path);
	}
}

void doctor_config(const struct config *c)
{
	const struct zone *z;

	if (!iomem_readable()) {
		say_warn("only root may see where RAM is");
		paste("sudo hvnet doctor %s", c->file);
		return;
	}
	for (z = c->zones; z < c->zones + c->n_zones; z++)
		if (z->n_entries)
			look_at_zone(c, z);
	if (!c->nets)
		say_warn("%s has no enabled device of type \"net\"", c->file);
}

/* The zone's own JSON file */

/* A region, as the guest addresses it; false if it does not read. */
static bool region(const json_t *v, __u64 *guest, __u64 *size)
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
	__u64 guest, size, n;
	json_t *v;
	size_t i;

	json_array_foreach(json_member(json, "memory_regions"), i, v) {
		if (!region(v, &guest, &size))
			continue;
		n = common(e->addr, e->len, guest, size);
		if (!n)
			continue;
		if (!is_type(v, "virtio")) {
			say_warn("memory_regions[%zu] is where the net device's registers are, %#llx, and is not of type virtio: have another address in %s.addr",
				 i, e->addr, e->place.path);
			return;
		}
		if (n < e->len) {
			say_warn("memory_regions[%zu] has only a part of the net device's registers; right would be",
				 i);
			paste("\"virtual_start\": \"%#llx\", \"size\": \"0x1000\"",
			      e->addr);
			return;
		}
		say_info("memory_regions[%zu] has the net device's registers, %#llx",
			 i, e->addr);
		if (guest != e->addr)
			say_notice("it begins at %#llx: hvisor makes the guest wait for each kick unless the device stands first in a region of its own",
				   guest);
		return;
	}
	say_warn("no region is for the net device's registers, %#llx; add to memory_regions",
		 e->addr);
	paste("{ \"type\": \"virtio\", \"physical_start\": \"%#llx\",",
	      e->addr);
	paste("  \"virtual_start\": \"%#llx\", \"size\": \"0x1000\" }", e->addr);
}

static void look_at_interrupt(json_t *json, const struct entry *e)
{
	json_t *v;
	__u64 irq;
	size_t i;

	json_array_foreach(json_member(json, "interrupts"), i, v) {
		if (json_number(v, &irq) || irq != e->irq)
			continue;
		say_info("interrupts[%zu] is the net device's, %llu", i, irq);
		return;
	}
	say_warn("interrupt %llu of the net device is missing; add to interrupts",
		 e->irq);
	paste("%llu", e->irq);
}

/* How much of a region of RAM virtio_cfg.json maps, and to the same place. */
static __u64 mapped_right(const struct zone *z, __u64 root, __u64 guest,
			  __u64 size)
{
	__u64 sum = 0;
	size_t i;

	for (i = 0; i < z->n_ram; i++)
		if (z->ram[i].root - z->ram[i].guest == root - guest)
			sum += common(z->ram[i].guest, z->ram[i].size, guest,
				      size);
	return sum;
}

/* Of a range, what the zone has as RAM, at the same place. */
static __u64 ram_of_zone(json_t *json, const struct range *r)
{
	__u64 root, guest, size, sum = 0;
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
	__u64 root, guest, size;
	bool all_well = true;
	json_t *v;
	size_t i;

	json_array_foreach(json_member(json, "memory_regions"), i, v) {
		if (!is_type(v, "ram") || !region(v, &guest, &size) ||
		    json_number(json_member(v, "physical_start"), &root) ||
		    mapped_right(z, root, guest, size) >= size)
			continue;
		all_well = false;
		say_warn("memory_regions[%zu] is RAM that %s does not have there: buffers in it would break the device; add to %s.memory_region",
			 i, c->file, z->place.path);
		paste("{ \"zone0_ipa\": \"%#llx\", \"zonex_ipa\": \"%#llx\", \"size\": \"%#llx\" }",
		      root, guest, size);
	}
	for (i = 0; i < z->n_ram; i++) {
		if (ram_of_zone(json, &z->ram[i]) == z->ram[i].size)
			continue;
		all_well = false;
		say_notice("%s.memory_region has memory at %#llx that is not the zone's RAM, and that its guest could have us write to",
			   z->place.path, z->ram[i].root);
	}
	if (all_well)
		say_info("its RAM is the same in both files");
}

static const struct zone *zone_of(const struct config *c, json_t *json,
				  const char *file)
{
	const struct zone *z;
	__u64 id;

	if (json_number(json_member(json, "zone_id"), &id)) {
		say_warn("%s: there is no zone_id: is it a zone's JSON file?", file);
		return NULL;
	}
	for (z = c->zones; z < c->zones + c->n_zones; z++)
		if (z->id == id)
			return z;
	say_warn("%s is of zone %llu, of which %s has nothing", file, id,
		 c->file);
	return NULL;
}

void doctor_zone_file(const struct config *c, const char *zone_file)
{
	json_t *json = json_read_file(zone_file);
	const struct zone *z;
	const struct entry *e;

	if (!json) {
		say_warn("%s does not read", zone_file);
		return;
	}
	z = zone_of(c, json, zone_file);
	if (z) {
		heading("zone %llu in %s", z->id, zone_file);
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
