// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping a zone's RAM into root: what the administrator says a range is gets
 * checked against what root's own memory map says it is, so that a slip of the
 * pen is refused in words instead of ending in a wild pointer.  Looking up a
 * guest's address is in memory.h.
 *
 * A range may be
 *
 * - outside root's memory map: a no-map reservation (what hvisor's users have),
 *   or RAM that root was told to leave alone by mem=;
 * - RAM in root's map, all of it reserved by the device tree without no-map;
 * - RAM of root's own, only if the conduit says so: the simulator's Linux guest
 *   lives there.
 *
 * It must be wholly one of these: memremap() refuses a mixture with a WARN, and
 * takes a range that runs from RAM into a hole without noticing.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/pci.h>
#include <linux/pgtable.h>
#include <linux/resource_ext.h>
#include <linux/sizes.h>
#include <linux/sort.h>

#include "memory.h"
#include "reason.h"

/* Bytes of a range by what root's memory map says of them. */
struct hvnet_census {
	u64 ram;		/* root's RAM, the reserved part included */
	u64 reserved;		/* of that, reserved by the device tree */
	u64 unmapped;		/* listed as memory, but not as RAM: no-map */
	u64 device;		/* claimed by a driver, or by firmware, or PCI's */
};

static int hvnet_census_ram(struct resource *res, void *arg)
{
	struct hvnet_census *c = arg;

	c->ram += resource_size(res);
	return 0;
}

static int hvnet_census_device(struct resource *res, void *arg)
{
	struct hvnet_census *c = arg;

	c->device += resource_size(res);
	return 0;
}

/*
 * What firmware or no-map took out of RAM is listed, but nobody's. (The walk
 * gives a copy without the name, which would say "reserved".)
 */
static int hvnet_census_memory(struct resource *res, void *arg)
{
	struct hvnet_census *c = arg;

	c->unmapped += resource_size(res);
	return 0;
}

static bool hvnet_is_window(const struct resource *res)
{
	/* A root bus that knows of no windows has all of memory for one. */
	return resource_type(res) == IORESOURCE_MEM && resource_size(res) &&
	       res != &iomem_resource;
}

/*
 * Where PCI devices have their registers, or may get some.  The part that is
 * nobody's is listed no otherwise than a no-map reservation.
 */
static u64 hvnet_count_pci(const struct hvnet_range *r)
{
	struct pci_bus *root = NULL;
	struct resource_entry *w;
	u64 n = 0;

	while ((root = pci_find_next_bus(root)))
		resource_list_for_each_entry(w, &to_pci_host_bridge(root->bridge)->windows)
			if (hvnet_is_window(w->res) &&
			    hvnet_overlap(r->pa, r->size, w->res->start,
					  resource_size(w->res)))
				n += resource_size(w->res);
	return n;
}

static u64 hvnet_common(const struct hvnet_range *r, const struct resource *res)
{
	u64 start = max_t(u64, r->pa, res->start);
	u64 end = min_t(u64, r->pa + r->size, res->end + 1);

	return start < end ? end - start : 0;
}

/* Bytes that a reservation of the device tree has, in all of its pieces. */
static u64 hvnet_count_node(const struct hvnet_range *r,
			    struct device_node *node)
{
	struct resource res;
	u64 n = 0;
	int i;

	for (i = 0; !of_address_to_resource(node, i, &res); i++)
		n += hvnet_common(r, &res);
	return n;
}

static u64 hvnet_count_named(const struct hvnet_range *r)
{
	struct device_node *all = of_find_node_by_path("/reserved-memory");
	struct device_node *node;
	u64 n = 0;

	for_each_available_child_of_node(all, node)
		n += hvnet_count_node(r, node);
	of_node_put(all);
	return n;
}

/* Pages that root keeps from its allocator: its own code and tables, too. */
static u64 hvnet_count_kept(const struct hvnet_range *r)
{
	unsigned long pfn = PHYS_PFN(r->pa), end = PHYS_PFN(r->pa + r->size);
	u64 n = 0;

	for (; pfn < end; pfn++)
		n += pfn_valid(pfn) && PageReserved(pfn_to_page(pfn));
	return n << PAGE_SHIFT;
}

/* What is there, by root's own account; the walks clip to the range. */
static void hvnet_take_census(const struct hvnet_range *r,
			      struct hvnet_census *c)
{
	u64 last = r->pa + r->size - 1;

	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM, r->pa, last,
			    c, hvnet_census_ram);
	if (c->ram == r->size)
		c->reserved = min(hvnet_count_kept(r), hvnet_count_named(r));
	if (c->ram)
		return;
	/* A walk does not descend: a driver's claim hides in its device's. */
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM | IORESOURCE_BUSY,
			    r->pa, last, c, hvnet_census_device);
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM, r->pa, last, c,
			    hvnet_census_memory);
	c->device += hvnet_count_pci(r);
}

static int hvnet_refuse_mixed(const struct hvnet_range *r,
			      const struct hvnet_census *c,
			      struct hvnet_reason *why)
{
	return hvnet_refuse(why, -EINVAL,
			    "RAM at %#llx, %#llx bytes, runs into root's own: %#llx bytes of it are root's; does it ask for more than the device tree reserves (no-map)?",
			    r->pa, r->size, c->ram);
}

/* RAM of root's own map: all reserved, or all root's and that is fine. */
static int hvnet_check_ram(struct hvnet_range *r, const struct hvnet_census *c,
			   bool root_ram_ok, struct hvnet_reason *why)
{
	if (c->reserved == r->size)
		return 0;
	if (root_ram_ok) {
		r->root_ram = true;
		return 0;
	}
	if (c->reserved)
		return hvnet_refuse(why, -EINVAL,
				    "RAM at %#llx, %#llx bytes, is reserved only in part (%#llx bytes): does it ask for more than the device tree reserves?",
				    r->pa, r->size, c->reserved);
	return hvnet_refuse(why, -EPERM,
			    "RAM at %#llx, %#llx bytes, is root's own: reserve it (no-map) in root's device tree",
			    r->pa, r->size);
}

static int hvnet_check_kind(struct hvnet_range *r, bool root_ram_ok,
			    struct hvnet_reason *why)
{
	struct hvnet_census c = {};

	hvnet_take_census(r, &c);
	if (c.ram == r->size)
		return hvnet_check_ram(r, &c, root_ram_ok, why);
	if (c.ram)
		return hvnet_refuse_mixed(r, &c, why);
	if (c.device)
		return hvnet_refuse(why, -EBUSY,
				    "%#llx, %#llx bytes, is not RAM: registers or firmware of root's live there",
				    r->pa, r->size);
	if (c.unmapped && c.unmapped != r->size)
		return hvnet_refuse(why, -EINVAL,
				    "RAM at %#llx, %#llx bytes, runs into a hole: only %#llx bytes of it are memory; does it ask for more than the device tree reserves?",
				    r->pa, r->size, c.unmapped);
	return 0;
}

/* Does a page table have room for it? It would take a part, and map that. */
static bool hvnet_mappable(u64 pa)
{
	unsigned long pfn = PHYS_PFN(pa);

	return pte_pfn(pfn_pte(pfn, PAGE_KERNEL)) == pfn;
}

static int hvnet_check_shape(const struct hvnet_range *r,
			     struct hvnet_reason *why)
{
	u64 last = r->size - 1;

	if (!r->size)
		return hvnet_refuse(why, -EINVAL, "RAM at %#llx has size 0",
				    r->pa);
	if ((r->pa | r->ipa | r->size) & ~PAGE_MASK)
		return hvnet_refuse(why, -EINVAL,
				    "RAM at %#llx (in the guest %#llx), %#llx bytes, is not made of whole pages",
				    r->pa, r->ipa, r->size);
	if (r->pa + last < r->pa || r->ipa + last < r->ipa ||
	    r->pa + last != (phys_addr_t)(r->pa + last) ||
	    !hvnet_mappable(r->pa + last) ||
	    r->size > SIZE_MAX >> 1)
		return hvnet_refuse(why, -EINVAL,
				    "RAM at %#llx (in the guest %#llx), %#llx bytes, runs past the end of the address space",
				    r->pa, r->ipa, r->size);
	return 0;
}

static int hvnet_range_cmp(const void *a, const void *b)
{
	const struct hvnet_range *x = a, *y = b;

	return x->ipa < y->ipa ? -1 : x->ipa > y->ipa;
}

static int hvnet_check_overlap(const struct hvnet_memory *mem, unsigned int i,
			       struct hvnet_reason *why)
{
	const struct hvnet_range *r = &mem->range[i];
	unsigned int j;

	for (j = 0; j < i; j++) {
		const struct hvnet_range *o = &mem->range[j];

		if (hvnet_overlap(r->ipa, r->size, o->ipa, o->size))
			return hvnet_refuse(why, -EINVAL,
					    "two ranges of RAM overlap in the guest at %#llx",
					    max(r->ipa, o->ipa));
		if (hvnet_overlap(r->pa, r->size, o->pa, o->size))
			return hvnet_refuse(why, -EINVAL,
					    "two ranges of RAM overlap in root at %#llx",
					    max(r->pa, o->pa));
	}
	return 0;
}

static int hvnet_check(struct hvnet_memory *mem, bool root_ram_ok,
		       struct hvnet_reason *why)
{
	unsigned int i;
	int err;

	if (!mem->n)
		return hvnet_refuse_field(why, HVNET_FIELD_RAM, -EINVAL,
					  "a zone needs at least one range of RAM");
	for (i = 0; i < mem->n; i++) {
		err = hvnet_check_shape(&mem->range[i], why) ?:
		      hvnet_check_overlap(mem, i, why) ?:
		      hvnet_check_kind(&mem->range[i], root_ram_ok, why);
		if (err) {
			why->field = HVNET_FIELD_RAM;
			why->range = mem->range[i].pa;
			return err;
		}
	}
	return 0;
}

/**
 * hvnet_memory_next - where one more range of a zone's RAM goes
 * @mem: the ranges, not mapped yet
 * @why: the reason of a refusal, which is -E2BIG
 *
 * Context: any. Return: the range, which counts once @mem->n says so; or NULL.
 */
struct hvnet_range *hvnet_memory_next(struct hvnet_memory *mem,
				      struct hvnet_reason *why)
{
	if (mem->n < HVNET_MAX_RANGES)
		return &mem->range[mem->n];
	hvnet_refuse_field(why, HVNET_FIELD_RAM, -E2BIG,
			   "a zone has at most %u ranges of RAM",
			   HVNET_MAX_RANGES);
	return NULL;
}

/**
 * hvnet_memory_map - check and map a zone's RAM
 * @mem: the ranges: @ipa, @pa and @size of each; sorted and mapped on success
 * @root_ram_ok: RAM of root's own will do
 * @why: the reason of a refusal
 *
 * Context: process. Return: 0 or a negative errno, with nothing mapped.
 */
int hvnet_memory_map(struct hvnet_memory *mem, bool root_ram_ok,
		     struct hvnet_reason *why)
{
	unsigned int i;
	int err;

	err = hvnet_check(mem, root_ram_ok, why);
	if (err)
		return err;
	sort(mem->range, mem->n, sizeof(mem->range[0]), hvnet_range_cmp, NULL);
	for (i = 0; i < mem->n; i++) {
		struct hvnet_range *r = &mem->range[i];

		r->va = memremap(r->pa, r->size, MEMREMAP_WB);
		if (!r->va)
			goto err_unmap;
	}
	return 0;

err_unmap:
	err = hvnet_refuse(why, -ENOMEM,
			   "RAM at %#llx, %#llx bytes, cannot be mapped",
			   mem->range[i].pa, mem->range[i].size);
	mem->n = i;
	hvnet_memory_unmap(mem);
	return err;
}

/**
 * hvnet_memory_unmap - let go of a zone's RAM
 * @mem: the RAM, mapped, or empty
 *
 * Context: process.
 */
void hvnet_memory_unmap(struct hvnet_memory *mem)
{
	while (mem->n)
		memunmap(mem->range[--mem->n].va);
}

/**
 * hvnet_memory_foreign - is this memory that root does not use itself?
 * @pa: root-physical address
 * @size: bytes
 * @why: the reason of a refusal
 *
 * The same kinds of memory pass as for a zone's RAM.
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvnet_memory_foreign(u64 pa, u64 size, struct hvnet_reason *why)
{
	struct hvnet_range r = { .ipa = pa, .pa = pa, .size = size };

	return hvnet_check_shape(&r, why) ?: hvnet_check_kind(&r, false, why);
}

/**
 * hvnet_memory_meets - is any of this a zone's RAM?
 * @mem: the zone's RAM
 * @ipa: guest-physical address
 * @len: bytes, at least 1; the last one's address does not wrap
 *
 * Context: any.
 */
bool hvnet_memory_meets(const struct hvnet_memory *mem, u64 ipa, u64 len)
{
	unsigned int i;

	for (i = 0; i < mem->n; i++)
		if (hvnet_overlap(ipa, len, mem->range[i].ipa,
				  mem->range[i].size))
			return true;
	return false;
}
