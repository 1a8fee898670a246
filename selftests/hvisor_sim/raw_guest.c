// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest (b): /dev/hvisor_raw, through which a test program is the guest: its
 * register accesses, its interrupts on an eventfd, its RAM by mmap.  The RAM is
 * a reservation that root's kernel neither owns nor maps, as on a board.
 * hvisor_sim.h describes the interface.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hvisor_sim.h"
#include "sim.h"
#include "sim_compat.h"

/**
 * struct hvsim_raw_line - an interrupt of a raw guest
 * @node: in its list
 * @irq: interrupt id
 * @eventfd: signalled when it is taken
 * @line: the line
 */
struct hvsim_raw_line {
	struct list_head node;
	u32 irq;
	struct eventfd_ctx *eventfd;
	struct hvsim_line *line;
};

/**
 * struct hvsim_raw - an open file
 * @guest: its zone and region; constant once @running
 * @running: the zone was set; release after @guest was filled in
 * @mutex: protects SET_ZONE and the list of lines
 * @lines: its interrupts
 */
struct hvsim_raw {
	struct hvsim_guest guest;
	bool running;
	struct mutex mutex;	/* all ioctls but accesses */
	struct list_head lines;
};

static struct hvsim_raw_ram hvsim_raw_ram;

static void hvsim_raw_interrupt(void *arg)
{
	struct hvsim_raw_line *l = arg;

	hvsim_eventfd_signal(l->eventfd);
}

static int hvsim_raw_set_zone(struct hvsim_raw *raw, void __user *arg)
{
	struct hvsim_raw_zone zone;

	if (copy_from_user(&zone, arg, sizeof(zone)))
		return -EFAULT;
	if (!zone.zone || zone.pad || !zone.len ||
	    zone.base + zone.len - 1 < zone.base)
		return -EINVAL;
	if (raw->running)
		return -EBUSY;
	raw->guest.zone = zone.zone;
	raw->guest.base = zone.base;
	raw->guest.len = zone.len;
	hvsim_guest_start(&raw->guest);
	/* Pairs with the acquire in hvsim_raw_ioctl(). */
	smp_store_release(&raw->running, true);
	return 0;
}

static int hvsim_raw_do_access(struct hvsim_raw *raw, void __user *arg)
{
	struct hvsim_raw_access req;
	struct hvsim_access a;
	int err;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.size != 1 && req.size != 2 && req.size != 4 && req.size != 8)
		return -EINVAL;
	if (req.flags & ~HVSIM_ACCESS_WRITE)
		return -EINVAL;
	a = (struct hvsim_access) {
		.addr = req.addr,
		.value = req.value,
		.size = req.size,
		.write = req.flags & HVSIM_ACCESS_WRITE,
	};
	err = hvsim_access(&raw->guest, &a, true);
	if (err)
		return err;
	req.value = a.value;
	req.latency_ns = a.latency_ns;
	req.src_cpu = a.src_cpu;
	req.flags |= (a.posted ? HVSIM_ACCESS_POSTED : 0) |
		     (a.gave_up ? HVSIM_ACCESS_GAVE_UP : 0) |
		     (a.slept ? HVSIM_ACCESS_SLEPT : 0);
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

static struct hvsim_raw_line *hvsim_raw_line_find(struct hvsim_raw *raw,
						  u32 irq)
{
	struct hvsim_raw_line *l;

	list_for_each_entry(l, &raw->lines, node)
		if (l->irq == irq)
			return l;
	return NULL;
}

static void hvsim_raw_line_del(struct hvsim_raw_line *l)
{
	list_del(&l->node);
	hvsim_line_del(l->line);
	eventfd_ctx_put(l->eventfd);
	kfree(l);
}

static int hvsim_raw_line_add(struct hvsim_raw *raw,
			      const struct hvsim_raw_irq *irq)
{
	struct hvsim_raw_line *l = kzalloc(sizeof(*l), GFP_KERNEL);
	int err;

	if (!l)
		return -ENOMEM;
	l->irq = irq->irq;
	l->eventfd = eventfd_ctx_fdget(irq->eventfd);
	if (IS_ERR(l->eventfd)) {
		err = PTR_ERR(l->eventfd);
		goto free;
	}
	l->line = hvsim_line_add(raw->guest.zone, irq->irq, irq->cpu,
				 irq->flags & HVSIM_IRQ_MANUAL_EOI,
				 hvsim_raw_interrupt, l);
	if (IS_ERR(l->line)) {
		err = PTR_ERR(l->line);
		goto put;
	}
	list_add(&l->node, &raw->lines);
	hvsim_line_haunt(l->line);
	return 0;

put:
	eventfd_ctx_put(l->eventfd);
free:
	kfree(l);
	return err;
}

static int hvsim_raw_set_irq(struct hvsim_raw *raw, void __user *arg)
{
	struct hvsim_raw_line *l;
	struct hvsim_raw_irq irq;

	if (copy_from_user(&irq, arg, sizeof(irq)))
		return -EFAULT;
	if (irq.flags & ~HVSIM_IRQ_MANUAL_EOI)
		return -EINVAL;
	l = hvsim_raw_line_find(raw, irq.irq);
	if (irq.eventfd == -1) {
		if (!l)
			return -ENOENT;
		hvsim_raw_line_del(l);
		return 0;
	}
	return l ? -EEXIST : hvsim_raw_line_add(raw, &irq);
}

static int hvsim_raw_eoi(struct hvsim_raw *raw, u32 __user *arg)
{
	struct hvsim_raw_line *l;
	u32 irq;

	if (get_user(irq, arg))
		return -EFAULT;
	l = hvsim_raw_line_find(raw, irq);
	return l ? hvsim_line_eoi(l->line) : -ENOENT;
}

/* All but accesses: one at a time. */
static int hvsim_raw_control(struct hvsim_raw *raw, unsigned int cmd,
			     void __user *arg)
{
	switch (cmd) {
	case HVSIM_RAW_SET_ZONE:
		return hvsim_raw_set_zone(raw, arg);
	case HVSIM_RAW_GET_RAM:
		return copy_to_user(arg, &hvsim_raw_ram,
				    sizeof(hvsim_raw_ram)) ? -EFAULT : 0;
	case HVSIM_RAW_SET_IRQ:
		return raw->running ? hvsim_raw_set_irq(raw, arg) : -ENXIO;
	case HVSIM_RAW_EOI:
		return raw->running ? hvsim_raw_eoi(raw, arg) : -ENXIO;
	default:
		return -ENOTTY;
	}
}

static long hvsim_raw_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct hvsim_raw *raw = file->private_data;
	void __user *user = (void __user *)arg;
	int err;

	if (cmd == HVSIM_RAW_ACCESS) {
		/* Pairs with the release in hvsim_raw_set_zone(). */
		if (!smp_load_acquire(&raw->running))
			return -ENXIO;
		return hvsim_raw_do_access(raw, user);
	}
	mutex_lock(&raw->mutex);
	err = hvsim_raw_control(raw, cmd, user);
	mutex_unlock(&raw->mutex);
	return err;
}

static int hvsim_raw_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 len = vma->vm_end - vma->vm_start;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (offset >= hvsim_raw_ram.size || len > hvsim_raw_ram.size - offset)
		return -ENXIO;
	return remap_pfn_range(vma, vma->vm_start,
			       PFN_DOWN(hvsim_raw_ram.base + offset), len,
			       vma->vm_page_prot);
}

static int hvsim_raw_open(struct inode *inode, struct file *file)
{
	struct hvsim_raw *raw = kzalloc(sizeof(*raw), GFP_KERNEL);

	if (!raw)
		return -ENOMEM;
	mutex_init(&raw->mutex);
	INIT_LIST_HEAD(&raw->lines);
	file->private_data = raw;
	return 0;
}

static int hvsim_raw_release(struct inode *inode, struct file *file)
{
	struct hvsim_raw *raw = file->private_data;
	struct hvsim_raw_line *l, *next;

	list_for_each_entry_safe(l, next, &raw->lines, node)
		hvsim_raw_line_del(l);
	if (raw->running)
		hvsim_guest_stop(&raw->guest);
	kfree(raw);
	return 0;
}

static const struct file_operations hvsim_raw_fops = {
	.owner = THIS_MODULE,
	.open = hvsim_raw_open,
	.release = hvsim_raw_release,
	.unlocked_ioctl = hvsim_raw_ioctl,
	.mmap = hvsim_raw_mmap,
};

static struct miscdevice hvsim_raw_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvisor_raw",
	.fops = &hvsim_raw_fops,
};

/**
 * hvsim_raw_init - the device node appears
 * @base: the raw RAM: physical address
 * @size: bytes, 0 if there is none
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvsim_raw_init(u64 base, u64 size)
{
	hvsim_raw_ram.base = base;
	hvsim_raw_ram.size = size;
	return misc_register(&hvsim_raw_misc);
}

/**
 * hvsim_raw_exit - the device node goes
 *
 * Context: process.
 */
void hvsim_raw_exit(void)
{
	misc_deregister(&hvsim_raw_misc);
}
