// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life beside hvisor-tool.  The hypervisor knows one request page, and it is
 * ours; but the daemon serves disks and consoles from it.  So the daemon gets a
 * private page of the same layout through a device node that answers as
 * hvisor.ko's does.  Here are that node, its calls and mappings, and which
 * daemon is served; what is done with a call is elsewhere:
 *
 *	daemon_relay.c		requests into the private page, answers out of it
 *	daemon_irq.c		its interrupts, repeated when they are lost
 *	daemon_forward.c	what is hvisor.ko's business: zones above all
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/major.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "compat.h"
#include "daemon.h"
#include "daemon_forward.h"
#include "daemon_irq.h"
#include "daemon_relay.h"
#include "memory.h"
#include "netlink.h"
#include "reason.h"

/**
 * struct hvnet_session - an open file, and a daemon once it has a page
 * @relay: its private page
 * @irqs: its interrupts
 */
struct hvnet_session {
	struct hvnet_relay relay;
	struct hvnet_irqs irqs;
};

/*
 * Which daemon is served, and the hypervisor's page. Nests inside hvnet_lock.
 * The request path reads by RCU.
 */
static DEFINE_MUTEX(hvnet_session_lock);
static struct hvnet_session __rcu *hvnet_session;
static struct hvpage *hvnet_daemon_hp;

/**
 * hvnet_daemon_access - an access to a device that is not ours
 * @acc: the access
 *
 * Context: as hvpage_access_fn, under rcu_read_lock(). Return: HVPAGE_NOBODY
 * without a daemon.
 */
enum hvpage_reply hvnet_daemon_access(const struct hvpage_access *acc)
{
	struct hvnet_session *s = rcu_dereference(hvnet_session);

	if (!s)
		return HVPAGE_NOBODY;
	if (!acc->write)
		hvnet_irqs_read(&s->irqs, acc->zone, acc->addr);
	return hvnet_relay_access(&s->relay, acc);
}

/**
 * hvnet_daemon_owes - has a zone yet to look at an interrupt of the daemon's?
 * @zone: the zone
 *
 * Context: process.
 */
bool hvnet_daemon_owes(u32 zone)
{
	struct hvnet_session *s;
	bool owes;

	rcu_read_lock();
	s = rcu_dereference(hvnet_session);
	owes = s && hvnet_irqs_owed(&s->irqs, zone);
	rcu_read_unlock();
	return owes;
}

/**
 * hvnet_daemon_zone_gone - a zone does not run, or is about to run anew
 * @zone: the zone
 *
 * Context: process.
 */
void hvnet_daemon_zone_gone(u32 zone)
{
	struct hvnet_session *s;

	rcu_read_lock();
	s = rcu_dereference(hvnet_session);
	if (s)
		hvnet_irqs_drop(&s->irqs, zone);
	rcu_read_unlock();
}

/**
 * hvnet_daemon_served - is there a daemon?
 *
 * Context: any.
 */
bool hvnet_daemon_served(void)
{
	return rcu_access_pointer(hvnet_session);
}

/* Sessions come and go. Under hvnet_session_lock. */

static struct hvnet_session *hvnet_session_now(void)
{
	return rcu_dereference_protected(hvnet_session,
					 lockdep_is_held(&hvnet_session_lock));
}

/* Have @s served, or nobody; those who still wait for the last read 0. */
static void hvnet_session_switch(struct hvnet_session *s)
{
	struct hvnet_session *old = hvnet_session_now();

	rcu_assign_pointer(hvnet_session, s);
	if (!old)
		return;
	/* No access finds it any more, so none waits for it from now on. */
	synchronize_rcu();
	hvnet_relay_stop(&old->relay);
	hvnet_irqs_stop(&old->irqs);
}

/**
 * hvnet_daemon_set_page - the hypervisor's page has come or is about to go
 * @hp: the page, or NULL
 *
 * Context: process.
 */
void hvnet_daemon_set_page(struct hvpage *hp)
{
	mutex_lock(&hvnet_session_lock);
	if (!hp)
		hvnet_session_switch(NULL);
	hvnet_daemon_hp = hp;
	mutex_unlock(&hvnet_session_lock);
}

/* Calls that are ours. */

static long hvnet_session_begin(struct hvnet_session *s,
				struct hvnet_reason *why)
{
	int err;

	if (!hvnet_daemon_hp)
		return hvnet_refuse(why, -ENODEV, "there is no hypervisor");
	if (hvnet_session_now() == s)
		hvnet_session_switch(NULL);
	err = hvnet_relay_start(&s->relay, hvnet_daemon_hp);
	if (err)
		return hvnet_refuse(why, err, "out of memory");
	hvnet_irqs_start(&s->irqs, hvnet_daemon_hp);
	hvnet_session_switch(s);
	hvnet_tell_hv(HVISOR_VNET_CMD_DAEMON_NEW_NTF);
	return 0;
}

static long hvnet_call_init(struct hvnet_session *s, unsigned int cmd,
			    unsigned long arg, struct hvnet_reason *why)
{
	long err;

	mutex_lock(&hvnet_session_lock);
	err = hvnet_session_begin(s, why);
	mutex_unlock(&hvnet_session_lock);
	return err;
}

static long hvnet_session_finish(struct hvnet_session *s,
				 struct hvnet_reason *why)
{
	struct hvisor_response list[HVISOR_RING_SIZE];
	unsigned int n;

	if (hvnet_session_now() != s)
		return hvnet_refuse(why, -EINVAL,
				    "it has no page: another daemon was started since, or it never asked for one");
	n = hvnet_relay_take_responses(&s->relay, list);
	return hvnet_irqs_inject(&s->irqs, list, n, why);
}

static long hvnet_call_finish(struct hvnet_session *s, unsigned int cmd,
			      unsigned long arg, struct hvnet_reason *why)
{
	long err;

	mutex_lock(&hvnet_session_lock);
	err = hvnet_session_finish(s, why);
	mutex_unlock(&hvnet_session_lock);
	return err;
}

static long hvnet_call_set_eventfd(struct hvnet_session *s, unsigned int cmd,
				   unsigned long arg, struct hvnet_reason *why)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(arg);

	if (IS_ERR(ctx))
		return hvnet_refuse(why, PTR_ERR(ctx), "%d is no eventfd",
				    (int)arg);
	mutex_lock(&hvnet_session_lock);
	hvnet_relay_set_eventfd(&s->relay, ctx);
	mutex_unlock(&hvnet_session_lock);
	return 0;
}

/* Calls that go on. */

static long hvnet_call_start(struct hvnet_session *s, unsigned int cmd,
			     unsigned long arg, struct hvnet_reason *why)
{
	return hvnet_forward_start(cmd, arg, why);
}

static long hvnet_call_shutdown(struct hvnet_session *s, unsigned int cmd,
				unsigned long arg, struct hvnet_reason *why)
{
	return hvnet_forward_shutdown(cmd, arg, why);
}

static long hvnet_call_load(struct hvnet_session *s, unsigned int cmd,
			    unsigned long arg, struct hvnet_reason *why)
{
	return hvnet_forward_load(cmd, arg, why);
}

/* The calls that may not pass by unknown, whatever size they are said to have. */
static const struct hvnet_tool_call {
	unsigned int cmd;
	const char *name;
	long (*fn)(struct hvnet_session *s, unsigned int cmd,
		   unsigned long arg, struct hvnet_reason *why);
} hvnet_tool_calls[] = {
	{ HVISOR_TOOL_INIT_VIRTIO, "INIT_VIRTIO", hvnet_call_init },
	{ HVISOR_TOOL_FINISH_REQ, "FINISH_REQ", hvnet_call_finish },
	{ HVISOR_TOOL_SET_EVENTFD, "SET_EVENTFD", hvnet_call_set_eventfd },
	{ HVISOR_TOOL_ZONE_START, "ZONE_START", hvnet_call_start },
	{ HVISOR_TOOL_ZONE_SHUTDOWN, "ZONE_SHUTDOWN", hvnet_call_shutdown },
	{ HVISOR_TOOL_LOAD_IMAGE, "LOAD_IMAGE", hvnet_call_load },
};

static const struct hvnet_tool_call *hvnet_tool_call_find(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hvnet_tool_calls); i++)
		if (_IOC_NR(hvnet_tool_calls[i].cmd) == _IOC_NR(cmd))
			return &hvnet_tool_calls[i];
	return NULL;
}

static long hvnet_tool_call(struct hvnet_session *s,
			    const struct hvnet_tool_call *call,
			    unsigned int cmd, unsigned long arg,
			    struct hvnet_reason *why)
{
	if (_IOC_TYPE(cmd) != HVISOR_TOOL_IOC)
		return hvnet_refuse(why, -ENOTTY,
				    "%#x is no call of hvisor-tool's", cmd);
	if (!call)
		return hvnet_forward(cmd, arg, why);
	if (cmd != call->cmd)
		return hvnet_refuse(why, -ENOTTY,
				    "%#x is not the call known by that number, %#x: is this another version of hvisor-tool?",
				    cmd, call->cmd);
	return call->fn(s, cmd, arg, why);
}

static long hvnet_daemon_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	const struct hvnet_tool_call *call = hvnet_tool_call_find(cmd);
	struct hvnet_reason why = {};
	long result;

	result = hvnet_tool_call(file->private_data, call, cmd, arg, &why);
	if (why.text[0])
		pr_err_ratelimited("hvisor-tool's %s: %s\n",
				   call ? call->name : "ioctl", why.text);
	return result;
}

/* Mappings: the private page at offset 0, zones' RAM at its address. */

static int hvnet_mmap_page(struct hvnet_session *s, struct vm_area_struct *vma,
			   struct hvnet_reason *why)
{
	if (!s->relay.page)
		return hvnet_refuse(why, -EINVAL,
				    "there is no page before INIT_VIRTIO");
	if (vma->vm_end - vma->vm_start != PAGE_SIZE)
		return hvnet_refuse(why, -EINVAL,
				    "the page is one page, not %lu bytes",
				    vma->vm_end - vma->vm_start);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(s->relay.page));
}

static int hvnet_mmap_ram(struct hvnet_session *s, struct vm_area_struct *vma,
			  struct hvnet_reason *why)
{
	u64 pa = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	int err = hvnet_memory_foreign(pa, size, why);

	if (err)
		return err;
	/* The daemon maps it to serve devices; anybody else to load an image. */
	if (!s->relay.page)
		hvnet_zone_vacate_ram(pa, size);
	return remap_pfn_range(vma, vma->vm_start, vma->vm_pgoff, size,
			       vma->vm_page_prot);
}

static int hvnet_session_mmap(struct hvnet_session *s,
			      struct vm_area_struct *vma,
			      struct hvnet_reason *why)
{
	if (!(vma->vm_flags & VM_SHARED))
		return hvnet_refuse(why, -EINVAL,
				    "a private copy is of no use: MAP_SHARED is needed");
	if (!vma->vm_pgoff)
		return hvnet_mmap_page(s, vma, why);
	return hvnet_mmap_ram(s, vma, why);
}

static int hvnet_daemon_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct hvnet_reason why = {};
	int err = hvnet_session_mmap(file->private_data, vma, &why);

	if (why.text[0])
		pr_err_ratelimited("hvisor-tool's mmap: %s\n", why.text);
	return err;
}

/* The node. */

static int hvnet_daemon_open(struct inode *inode, struct file *file)
{
	struct hvnet_session *s;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	hvnet_relay_init(&s->relay);
	hvnet_irqs_init(&s->irqs);
	file->private_data = s;
	return 0;
}

/* The last user of file and mappings is gone: closed, exited or killed. */
static int hvnet_daemon_release(struct inode *inode, struct file *file)
{
	struct hvnet_session *s = file->private_data;

	mutex_lock(&hvnet_session_lock);
	if (hvnet_session_now() == s) {
		hvnet_session_switch(NULL);
		hvnet_tell_hv(HVISOR_VNET_CMD_DAEMON_GONE_NTF);
		pr_info("hvisor-tool's daemon is gone: its devices read as absent\n");
	}
	mutex_unlock(&hvnet_session_lock);
	hvnet_relay_free(&s->relay);
	kfree(s);
	return 0;
}

static const struct file_operations hvnet_daemon_fops = {
	.owner = THIS_MODULE,
	.open = hvnet_daemon_open,
	.release = hvnet_daemon_release,
	.unlocked_ioctl = hvnet_daemon_ioctl,
	.mmap = hvnet_daemon_mmap,
};

static struct miscdevice hvnet_daemon_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvisor-vnet",
	.fops = &hvnet_daemon_fops,
	.mode = 0600,
};

/* As hvisor.ko's is made. Ourselves, through a bind mount, would be a circle. */
static bool hvnet_is_backend(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return imajor(inode) == MISC_MAJOR && file->f_op->unlocked_ioctl &&
	       file->f_op != &hvnet_daemon_fops;
}

/**
 * hvnet_daemon_set_backend - where calls that are not ours go
 * @file: hvisor.ko's device node, a reference to which is taken over; or NULL
 * @name: what to call it
 * @why: the reason of a refusal
 *
 * Context: process. Return: 0 or a negative errno.
 */
int hvnet_daemon_set_backend(struct file *file, const char *name,
			     struct hvnet_reason *why)
{
	if (file && !hvnet_is_backend(file)) {
		fput(file);
		return hvnet_refuse_field(why, HVNET_FIELD_BACKEND, -EINVAL,
					  "%s is not hvisor.ko's device node",
					  name);
	}
	file = hvnet_forward_to(file);
	if (file)
		fput(file);
	return 0;
}

/**
 * hvnet_daemon_init - offer the device node
 *
 * Context: process, once. Return: 0 or a negative errno.
 */
int hvnet_daemon_init(void)
{
	return misc_register(&hvnet_daemon_misc);
}

/**
 * hvnet_daemon_exit - withdraw the device node, which nobody has open
 *
 * Context: process.
 */
void hvnet_daemon_exit(void)
{
	struct file *backend;

	misc_deregister(&hvnet_daemon_misc);
	backend = hvnet_forward_to(NULL);
	if (backend)
		fput(backend);
}
