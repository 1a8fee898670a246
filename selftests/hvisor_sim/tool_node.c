// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stand-in for hvisor.ko's device node, /dev/hvisor: enough for a test to see
 * that a call was passed on as it was, and from which CPU.  It manages no zones:
 * one that is shut down goes on, but its interrupts suffer as on hvisor, and what
 * hvisor would not survive is counted.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "hvisor_sim.h"
#include "sim.h"

/* ZONE_SHUTDOWN of this zone fails, as EL2 would say it. */
#define HVSIM_TOOL_NO_ZONE	31

/* ZONE_SHUTDOWN, whose argument is the zone's id. */
#define HVSIM_TOOL_SHUTDOWN	_IOW(1, 4, u64)

/* ZONE_LIST, which answers with as many entries as there are zones. */
#define HVSIM_TOOL_ZONE_LIST	_IOR(1, 5, void *)
#define HVSIM_TOOL_ZONES	8

/**
 * struct hvsim_tool_zone - an entry of the list
 * @id: the zone
 * @rest: CPUs, name, whether it died
 */
struct hvsim_tool_zone {
	u32 id;
	u32 rest[13];
};

/**
 * struct hvsim_tool_list - what is asked for
 * @count: room for so many
 * @entries: where
 */
struct hvsim_tool_list {
	u64 count;
	u64 entries;
};

static unsigned int hvsim_tool_zones[HVSIM_TOOL_ZONES];
static unsigned int hvsim_tool_n_zones;
module_param_array_named(zones, hvsim_tool_zones, uint, &hvsim_tool_n_zones, 0644);
MODULE_PARM_DESC(zones, "zones that ZONE_LIST tells of, root included (none)");

static struct hvsim_tool_call hvsim_tool_last;

static long hvsim_tool_zone_list(unsigned long arg)
{
	struct hvsim_tool_zone zone = {};
	struct hvsim_tool_list list;
	unsigned int i;

	if (copy_from_user(&list, (void __user *)arg, sizeof(list)))
		return -EFAULT;
	for (i = 0; i < hvsim_tool_n_zones && i < list.count; i++) {
		zone.id = hvsim_tool_zones[i];
		if (copy_to_user((void __user *)list.entries + i * sizeof(zone),
				 &zone, sizeof(zone)))
			return -EFAULT;
	}
	return i;
}

static long hvsim_tool_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	if (cmd == HVSIM_TOOL_LAST_CALL)
		return copy_to_user((void __user *)arg, &hvsim_tool_last,
				    sizeof(hvsim_tool_last)) ? -EFAULT : 0;
	hvsim_tool_last.count++;
	hvsim_tool_last.cmd = cmd;
	hvsim_tool_last.arg = arg;
	hvsim_tool_last.cpu = raw_smp_processor_id();
	if (cmd == HVSIM_TOOL_SHUTDOWN)
		hvsim_zone_shutdown(arg, arg != HVSIM_TOOL_NO_ZONE);
	if (cmd == HVSIM_TOOL_ZONE_LIST && hvsim_tool_n_zones)
		return hvsim_tool_zone_list(arg);
	return arg == HVSIM_TOOL_NO_ZONE ? -EINVAL : 0;
}

static const struct file_operations hvsim_tool_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = hvsim_tool_ioctl,
};

static struct miscdevice hvsim_tool_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvisor",
	.fops = &hvsim_tool_fops,
};

/**
 * hvsim_tool_init - offer the node
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvsim_tool_init(void)
{
	return misc_register(&hvsim_tool_misc);
}

/**
 * hvsim_tool_exit - withdraw the node
 *
 * Context: process.
 */
void hvsim_tool_exit(void)
{
	misc_deregister(&hvsim_tool_misc);
}
