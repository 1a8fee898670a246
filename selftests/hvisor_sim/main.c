// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvisor_sim: plays hvisor and its guests, so that hvisor_vnet can be tested
 * where there is no hypervisor.  This file is birth and death, the parameters
 * and the sysfs files; sim.h tells what the others do.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "sim.h"

/* A blocking access gives up after this long; see el2.c. */
unsigned int hvsim_timeout_ms = 10000;
module_param_named(timeout_ms, hvsim_timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "a blocking access gives up after this long");

/* arm64 only; the others have no such thing and ignore it. */
unsigned int hvsim_first_spi = 160;
module_param_named(spi, hvsim_first_spi, uint, 0444);
MODULE_PARM_DESC(spi, "first of the unused GIC SPIs that the simulator may use");

/*
 * hvisor sends every wake to root's first CPU; others may have it go where
 * root's administrator wants it.
 */
unsigned int hvsim_root_cpu;

static int hvsim_set_root_cpu(const char *text, const struct kernel_param *kp)
{
	unsigned int cpu;
	int err = kstrtouint(text, 0, &cpu);

	if (err)
		return err;
	if (cpu >= HVSIM_MAX_CPUS || cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	WRITE_ONCE(hvsim_root_cpu, cpu);
	return hvsim_irqline_move();
}

static const struct kernel_param_ops hvsim_root_cpu_ops = {
	.set = hvsim_set_root_cpu,
	.get = param_get_uint,
};

module_param_cb(root_cpu, &hvsim_root_cpu_ops, &hvsim_root_cpu, 0644);
MODULE_PARM_DESC(root_cpu, "where root's wake interrupts go");

static ulong hvsim_raw_base;
module_param_named(raw_base, hvsim_raw_base, ulong, 0444);
MODULE_PARM_DESC(raw_base, "raw guests' RAM: physical address");

static ulong hvsim_raw_size;
module_param_named(raw_size, hvsim_raw_size, ulong, 0444);
MODULE_PARM_DESC(raw_size, "raw guests' RAM: bytes");

module_param_named(root_ram, hvsim_conduit.root_ram_ok, bool, 0644);
MODULE_PARM_DESC(root_ram, "guests may live in root's own RAM");

static int hvsim_set_percent(const char *text, const struct kernel_param *kp)
{
	unsigned int percent;
	int err = kstrtouint(text, 0, &percent);

	if (err)
		return err;
	if (percent > 100)
		return -ERANGE;
	WRITE_ONCE(*(unsigned int *)kp->arg, percent);
	return 0;
}

static const struct kernel_param_ops hvsim_percent_ops = {
	.set = hvsim_set_percent,
	.get = param_get_uint,
};

module_param_cb(w1, &hvsim_percent_ops, &hvsim_hazard[HVSIM_W1], 0644);
MODULE_PARM_DESC(w1, "percent: need_wakeup is read before req_rear is stored");
module_param_cb(w2, &hvsim_percent_ops, &hvsim_hazard[HVSIM_W2], 0644);
MODULE_PARM_DESC(w2, "percent: the wake interrupt stays active for longer");
module_param_cb(i1, &hvsim_percent_ops, &hvsim_hazard[HVSIM_I1], 0644);
MODULE_PARM_DESC(i1, "percent: a guest interrupt stays active for longer or is swallowed");
module_param_cb(e1, &hvsim_percent_ops, &hvsim_hazard[HVSIM_E1], 0644);
MODULE_PARM_DESC(e1, "percent: SGIs merge, and one handles one event");
module_param_cb(z3, &hvsim_percent_ops, &hvsim_hazard[HVSIM_Z3], 0644);
MODULE_PARM_DESC(z3, "percent: a stale interrupt after a restart of a guest device");

static unsigned int hvsim_seed_param = 1;

static int hvsim_set_seed(const char *text, const struct kernel_param *kp)
{
	int err = param_set_uint(text, kp);

	if (!err)
		hvsim_seed(hvsim_seed_param);
	return err;
}

static const struct kernel_param_ops hvsim_seed_ops = {
	.set = hvsim_set_seed,
	.get = param_get_uint,
};

module_param_cb(seed, &hvsim_seed_ops, &hvsim_seed_param, 0644);
MODULE_PARM_DESC(seed, "of the hazards' random numbers");

static struct platform_device *hvsim_pdev;
static struct kobject *hvsim_kobj;

/**
 * hvsim_parent - the device that guests' devices hang below
 */
struct device *hvsim_parent(void)
{
	return &hvsim_pdev->dev;
}

static ssize_t hvsim_write_spec(int (*fn)(char *spec), const char *buf,
				size_t count)
{
	char *spec = kstrndup(buf, count, GFP_KERNEL);
	int err;

	if (!spec)
		return -ENOMEM;
	err = fn(spec);
	kfree(spec);
	return err ?: count;
}

static ssize_t new_guest_store(struct kobject *kobj,
			       struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	return hvsim_write_spec(hvsim_linux_guest_add, buf, count);
}

static ssize_t del_guest_store(struct kobject *kobj,
			       struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	return hvsim_write_spec(hvsim_linux_guest_del, buf, count);
}

static ssize_t guests_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return hvsim_linux_guests_show(buf);
}

static ssize_t counters_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	return hvsim_counters_show(buf);
}

static ssize_t latency_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return hvsim_latency_show(HVSIM_LATENCY_SPUN, buf);
}

static ssize_t latency_slept_show(struct kobject *kobj,
				  struct kobj_attribute *attr, char *buf)
{
	return hvsim_latency_show(HVSIM_LATENCY_SLEPT, buf);
}

static ssize_t steal_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	return hvsim_steal() ?: count;
}

static ssize_t reset_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	hvsim_stats_reset();
	return count;
}

static struct kobj_attribute hvsim_new_guest = __ATTR_WO(new_guest);
static struct kobj_attribute hvsim_del_guest = __ATTR_WO(del_guest);
static struct kobj_attribute hvsim_guests_attr = __ATTR_RO(guests);
static struct kobj_attribute hvsim_counters = __ATTR_RO(counters);
static struct kobj_attribute hvsim_latency_attr = __ATTR_RO(latency);
static struct kobj_attribute hvsim_latency_slept = __ATTR_RO(latency_slept);
static struct kobj_attribute hvsim_steal_attr = __ATTR_WO(steal);
static struct kobj_attribute hvsim_reset = __ATTR_WO(reset);

static struct attribute *hvsim_attrs[] = {
	&hvsim_new_guest.attr,
	&hvsim_del_guest.attr,
	&hvsim_guests_attr.attr,
	&hvsim_counters.attr,
	&hvsim_latency_attr.attr,
	&hvsim_latency_slept.attr,
	&hvsim_steal_attr.attr,
	&hvsim_reset.attr,
	NULL
};

static const struct attribute_group hvsim_group = {
	.attrs = hvsim_attrs,
};

static int hvsim_sysfs_init(void)
{
	int err;

	hvsim_kobj = kobject_create_and_add("hvisor_sim", kernel_kobj);
	if (!hvsim_kobj)
		return -ENOMEM;
	err = sysfs_create_group(hvsim_kobj, &hvsim_group);
	if (err)
		kobject_put(hvsim_kobj);
	return err;
}

/* Root's view of the hypervisor; hvisor_vnet binds to it, now or later. */
static int hvsim_pdev_init(void)
{
	int err;

	hvsim_pdev = platform_device_alloc(HVNET_SIM_DEVICE,
					   PLATFORM_DEVID_NONE);
	if (!hvsim_pdev)
		return -ENOMEM;
	hvsim_pdev->dev.platform_data = &hvsim_conduit;
	err = platform_device_add(hvsim_pdev);
	if (err) {
		hvsim_pdev->dev.platform_data = NULL;
		platform_device_put(hvsim_pdev);
	}
	return err;
}

static void hvsim_pdev_exit(void)
{
	platform_device_del(hvsim_pdev);
	/* It is not on the heap, which its release would take for granted. */
	hvsim_pdev->dev.platform_data = NULL;
	platform_device_put(hvsim_pdev);
}

static int __init hvsim_check_raw_ram(void)
{
	if (!hvsim_raw_size)
		return 0;
	if (!PAGE_ALIGNED(hvsim_raw_base) || !PAGE_ALIGNED(hvsim_raw_size) ||
	    hvsim_raw_base + hvsim_raw_size < hvsim_raw_base) {
		pr_err("raw_base and raw_size are not whole pages\n");
		return -EINVAL;
	}
	if (region_intersects(hvsim_raw_base, hvsim_raw_size,
			      IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT) {
		pr_err("the raw RAM is root's own: reserve it (no-map)\n");
		return -EBUSY;
	}
	return 0;
}

static int __init hvsim_init(void)
{
	int err;

	if (nr_cpu_ids > HVSIM_MAX_CPUS) {
		pr_err("more than %d CPUs\n", HVSIM_MAX_CPUS);
		return -EINVAL;
	}
	err = hvsim_check_raw_ram();
	if (err)
		return err;
	hvsim_seed(hvsim_seed_param);
	hvsim_lines_init();
	err = hvsim_irqline_init();
	if (err)
		return err;
	err = hvsim_pdev_init();
	if (err)
		goto irqline;
	err = hvsim_raw_init(hvsim_raw_base, hvsim_raw_size);
	if (err)
		goto pdev;
	err = hvsim_tool_init();
	if (err)
		goto raw;
	err = hvsim_sysfs_init();
	if (err)
		goto tool;
	return 0;

tool:
	hvsim_tool_exit();
raw:
	hvsim_raw_exit();
pdev:
	hvsim_pdev_exit();
irqline:
	hvsim_irqline_exit();
	return err;
}

static void __exit hvsim_exit(void)
{
	kobject_put(hvsim_kobj);
	hvsim_tool_exit();
	hvsim_raw_exit();
	hvsim_linux_guests_exit();
	hvsim_pdev_exit();
	hvsim_irqline_exit();
	/* With its EL2 gone nobody writes to a page any more. */
	free_page((unsigned long)hvsim_conduit.page);
	hvsim_free_stolen();
}

module_init(hvsim_init);
module_exit(hvsim_exit);

MODULE_DESCRIPTION("Simulated hvisor with guests, to test hvisor_vnet");
MODULE_LICENSE("GPL");
