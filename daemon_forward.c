// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that hvisor-tool makes and that hvisor.ko serves.  They go on as they
 * were made; but before a zone is shut down, loaded or started, whatever may
 * still write to its RAM is put to rest (hvisor_vnet.c does that).  Which calls
 * these are is decided in daemon.c.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "daemon.h"
#include "daemon_forward.h"
#include "hvisor_abi.h"
#include "memory.h"
#include "reason.h"

static DEFINE_MUTEX(hvnet_backend_lock);
static struct file *hvnet_backend;	/* under hvnet_backend_lock */

/**
 * hvnet_forward_to - where calls go from now on
 * @backend: hvisor.ko's node, whose reference becomes ours; NULL for nowhere
 *
 * Context: process. Return: where they went until now, whose reference is the
 * caller's.
 */
struct file *hvnet_forward_to(struct file *backend)
{
	mutex_lock(&hvnet_backend_lock);
	swap(backend, hvnet_backend);
	mutex_unlock(&hvnet_backend_lock);
	return backend;
}

/**
 * hvnet_forward - pass a call on
 * @cmd: the command
 * @arg: its argument
 * @why: the reason of a refusal of ours
 *
 * Context: process. Return: what hvisor.ko returned, or -ENODEV.
 */
long hvnet_forward(unsigned int cmd, unsigned long arg,
		   struct hvnet_reason *why)
{
	struct file *backend;
	long result;

	mutex_lock(&hvnet_backend_lock);
	backend = hvnet_backend ? get_file(hvnet_backend) : NULL;
	mutex_unlock(&hvnet_backend_lock);
	if (!backend)
		return hvnet_refuse(why, -ENODEV,
				    "hvisor.ko's node is not known: echo /dev/hvisor > /sys/bus/hvisor_vnet/backend");
	result = backend->f_op->unlocked_ioctl(backend, cmd, arg);
	fput(backend);
	return result;
}

/**
 * struct hvnet_call - a call on its way
 * @cmd: the command
 * @arg: its argument
 * @why: the reason of a refusal of ours
 */
struct hvnet_call {
	unsigned int cmd;
	unsigned long arg;
	struct hvnet_reason *why;
};

static long hvnet_call_shutdown(void *data)
{
	struct hvnet_call *call = data;

	return hvnet_forward(call->cmd, call->arg, call->why);
}

/* EL2 waits in this call. CPU 0 has vCPUs to answer meanwhile (Z2). */
static long hvnet_call_shutdown_elsewhere(void *data)
{
	unsigned int cpu;
	long result;

	cpus_read_lock();
	cpu = cpumask_any_but(cpu_online_mask, 0);
	if (cpu < nr_cpu_ids)
		result = work_on_cpu(cpu, hvnet_call_shutdown, data);
	else
		result = hvnet_call_shutdown(data);
	cpus_read_unlock();
	return result;
}

/**
 * hvnet_forward_shutdown - shut a zone down
 * @cmd: the command
 * @arg: the zone's id
 * @why: the reason of a refusal of ours
 *
 * Context: process. Return: what hvisor.ko returned, -EBUSY or -ENODEV.
 */
long hvnet_forward_shutdown(unsigned int cmd, unsigned long arg,
			    struct hvnet_reason *why)
{
	struct hvnet_call call = { .cmd = cmd, .arg = arg, .why = why };
	long result;

	result = hvnet_zone_shutdown(arg, hvnet_call_shutdown_elsewhere, &call,
				     why);
	if (!result)
		hvnet_daemon_zone_gone(arg);
	return result;
}

/**
 * hvnet_forward_start - start a zone
 * @cmd: the command
 * @arg: where its configuration is, which begins with its id
 * @why: the reason of a refusal of ours
 *
 * Context: process. Return: what hvisor.ko returned, -EFAULT or -ENODEV.
 */
long hvnet_forward_start(unsigned int cmd, unsigned long arg,
			 struct hvnet_reason *why)
{
	u32 id;

	if (get_user(id, (u32 __user *)arg))
		return hvnet_refuse(why, -EFAULT,
				    "there is no configuration at %#lx", arg);
	hvnet_daemon_zone_gone(id);
	hvnet_zone_vacate(id);
	return hvnet_forward(cmd, arg, why);
}

/* The pages that an image touches must not be root's own. */
static int hvnet_check_image(const struct hvisor_tool_image *image,
			     struct hvnet_reason *why)
{
	u64 first = image->load_paddr & PAGE_MASK;
	u64 end = image->load_paddr + image->size;

	if (!image->size || end < image->load_paddr ||
	    PAGE_ALIGN(end) < end)
		return hvnet_refuse(why, -EINVAL,
				    "no image is %llu bytes at %#llx long",
				    image->size, image->load_paddr);
	return hvnet_memory_foreign(first, PAGE_ALIGN(end) - first, why);
}

/**
 * hvnet_forward_load - copy an image into a zone's RAM
 * @cmd: the command
 * @arg: where the struct hvisor_tool_image is
 * @why: the reason of a refusal of ours
 *
 * Context: process. Return: what hvisor.ko returned, or a negative errno.
 */
long hvnet_forward_load(unsigned int cmd, unsigned long arg,
			struct hvnet_reason *why)
{
	struct hvisor_tool_image image;
	int err;

	if (copy_from_user(&image, (void __user *)arg, sizeof(image)))
		return hvnet_refuse(why, -EFAULT, "there is no image at %#lx",
				    arg);
	err = hvnet_check_image(&image, why);
	if (err)
		return err;
	hvnet_zone_vacate_ram(image.load_paddr, image.size);
	return hvnet_forward(cmd, arg, why);
}
