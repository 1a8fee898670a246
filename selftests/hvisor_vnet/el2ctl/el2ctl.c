// SPDX-License-Identifier: GPL-2.0-only
/*
 * el2ctl: how tests make the tiny hypervisor (selftests/vm/el2stub.S) do what
 * hvisor does when a guest touches a register, and see what reached it.  It
 * also requests the wake interrupt as hvisor-tool's module does, to share it.
 * The hypervisor's side of the page is written here; hvisor_vnet.ko is not
 * involved and may be loaded or not.
 *
 * /sys/kernel/el2ctl/
 *	request		write "ZONE ADDR SIZE VALUE IS_WRITE NEED_INTERRUPT
 *			CPU": queues it, sends the wake interrupt if
 *			need_wakeup says so and, unless NEED_INTERRUPT is 1,
 *			waits for the answer; ETIMEDOUT if there is none
 *	answer		of the CPU of the last request: "FLAGS VALUE", which is
 *			how often it was answered and the last answer
 *	rear		EL2's index of requests in the page; written, it becomes
 *			whatever is said, and the wake interrupt is sent
 *	hypercall	write "CODE ARGUMENT"; fails with what it returns
 *	state		one line each: "name value"
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/sysfs.h>

#include "../../../hvisor_abi.h"
#include "el2stub.h"

#define EL2CTL_ANSWER_US	(2 * USEC_PER_SEC)

static_assert(offsetof(struct hvisor_page, res_front) == EL2STUB_RES_FRONT);
static_assert(offsetof(struct hvisor_page, res_rear) == EL2STUB_RES_REAR);
static_assert(offsetof(struct hvisor_page, res) == EL2STUB_RES);
static_assert(HVISOR_RING_MASK == EL2STUB_RING_MASK);

static struct kobject *el2ctl_kobj;
static unsigned int el2ctl_irq;		/* 0 without the hypervisor's node */
static unsigned long el2ctl_irqs;	/* wake interrupts seen */
static DEFINE_MUTEX(el2ctl_lock);	/* one vCPU at a time; protects below */
static unsigned int el2ctl_cpu;		/* of the last request */

static u64 el2ctl_read(unsigned int word)
{
	return hvisor_call(EL2STUB_READ, word);
}

/* The page root gave last; NULL if none. It may be any RAM. */
static struct hvisor_page *el2ctl_map(void)
{
	u64 page = el2ctl_read(EL2STUB_PAGE);

	return page ? memremap(page, HVISOR_PAGE_SIZE, MEMREMAP_WB) : NULL;
}

/* As EL2 does it, full barrier included that hvisor does without (W1). */
static int el2ctl_queue(struct hvisor_page *page,
			const struct hvisor_request *req)
{
	u32 rear = page->req_rear;
	u32 next = (rear + 1) & HVISOR_RING_MASK;

	/* Pairs with root's release of req_front after it read a slot. */
	if (smp_load_acquire(&page->req_front) == next)
		return -EBUSY;
	page->req[rear] = *req;
	/* Pairs with root's acquire: the slot is filled. */
	smp_store_release(&page->req_rear, next);
	/* Pairs with root's barrier between need_wakeup and req_rear. */
	smp_mb();
	if (READ_ONCE(page->need_wakeup))
		hvisor_call(EL2STUB_WAKE, 0);
	return 0;
}

static int el2ctl_request(struct hvisor_page *page,
			  const struct hvisor_request *req)
{
	u64 *flags = &page->cfg_flags[req->src_cpu % HVISOR_MAX_CPUS];
	u64 before = READ_ONCE(*flags), now;
	int err;

	/* What was there before is no answer. */
	if (req->src_cpu < HVISOR_MAX_CPUS)
		WRITE_ONCE(page->cfg_values[req->src_cpu], ~0ULL);
	err = el2ctl_queue(page, req);
	if (err || req->need_interrupt)
		return err;
	return read_poll_timeout(READ_ONCE, now, now != before, 20,
				 EL2CTL_ANSWER_US, false, *flags);
}

static ssize_t request_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	struct hvisor_request req = {};
	struct hvisor_page *page;
	int err = -ENODEV;

	if (sscanf(buf, "%u %lli %lli %lli %hhi %hhi %lli", &req.src_zone,
		   &req.address, &req.size, &req.value, &req.is_write,
		   &req.need_interrupt, &req.src_cpu) != 7)
		return -EINVAL;
	mutex_lock(&el2ctl_lock);
	page = el2ctl_map();
	if (page) {
		el2ctl_cpu = req.src_cpu % HVISOR_MAX_CPUS;
		err = el2ctl_request(page, &req);
		memunmap(page);
	}
	mutex_unlock(&el2ctl_lock);
	return err ?: count;
}

static ssize_t answer_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	struct hvisor_page *page;
	ssize_t n = -ENODEV;

	mutex_lock(&el2ctl_lock);
	page = el2ctl_map();
	if (page) {
		n = sysfs_emit(buf, "%llu %#llx\n", page->cfg_flags[el2ctl_cpu],
			       page->cfg_values[el2ctl_cpu]);
		memunmap(page);
	}
	mutex_unlock(&el2ctl_lock);
	return n;
}

static ssize_t rear_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	struct hvisor_page *page = el2ctl_map();
	ssize_t n;

	if (!page)
		return -ENODEV;
	n = sysfs_emit(buf, "%u\n", READ_ONCE(page->req_rear));
	memunmap(page);
	return n;
}

static ssize_t rear_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	struct hvisor_page *page;
	u32 rear;
	int err;

	err = kstrtou32(buf, 0, &rear);
	if (err)
		return err;
	page = el2ctl_map();
	if (!page)
		return -ENODEV;
	WRITE_ONCE(page->req_rear, rear);
	hvisor_call(EL2STUB_WAKE, 0);
	memunmap(page);
	return count;
}

static ssize_t hypercall_store(struct kobject *kobj,
			       struct kobj_attribute *attr, const char *buf,
			       size_t count)
{
	unsigned int code;
	long ret;
	u64 arg;

	if (sscanf(buf, "%i %lli", &code, &arg) != 2)
		return -EINVAL;
	ret = hvisor_call(code, arg);
	return ret < 0 ? ret : count;
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	static const char * const name[EL2STUB_WORDS] = {
		[EL2STUB_PAGE] = "page",
		[EL2STUB_INITS] = "inits",
		[EL2STUB_FINISHES] = "finishes",
		[EL2STUB_UNKNOWN] = "unknown",
		[EL2STUB_REFUSED] = "refused",
		[EL2STUB_INJECTED] = "injected",
		[EL2STUB_LAST_ZONE] = "last_zone",
		[EL2STUB_LAST_IRQ] = "last_irq",
		[EL2STUB_WAKES] = "wakes",
	};
	struct hvisor_page *page = el2ctl_map();
	unsigned int i;
	ssize_t n = 0;

	for (i = 0; i < EL2STUB_WORDS; i++)
		n += sysfs_emit_at(buf, n, "%s %llu\n", name[i],
				   el2ctl_read(i));
	n += sysfs_emit_at(buf, n, "interrupts %lu\n", READ_ONCE(el2ctl_irqs));
	if (page) {
		n += sysfs_emit_at(buf, n, "need_wakeup %u\n",
				   page->need_wakeup);
		memunmap(page);
	}
	return n;
}

static struct kobj_attribute el2ctl_request_attr = __ATTR_WO(request);
static struct kobj_attribute el2ctl_answer_attr = __ATTR_RO(answer);
static struct kobj_attribute el2ctl_rear_attr = __ATTR_RW(rear);
static struct kobj_attribute el2ctl_hypercall_attr = __ATTR_WO(hypercall);
static struct kobj_attribute el2ctl_state_attr = __ATTR_RO(state);

static struct attribute *el2ctl_attrs[] = {
	&el2ctl_request_attr.attr,
	&el2ctl_answer_attr.attr,
	&el2ctl_rear_attr.attr,
	&el2ctl_hypercall_attr.attr,
	&el2ctl_state_attr.attr,
	NULL
};

static const struct attribute_group el2ctl_group = {
	.attrs = el2ctl_attrs,
};

/* hvisor-tool's module without its daemon: not for me. */
static irqreturn_t el2ctl_irq_handler(int irq, void *data)
{
	WRITE_ONCE(el2ctl_irqs, el2ctl_irqs + 1);
	return IRQ_NONE;
}

static int el2ctl_irq_init(void)
{
	struct device_node *np;
	int err;

	np = of_find_compatible_node(NULL, NULL, HVISOR_COMPATIBLE);
	if (!np)
		return 0;
	el2ctl_irq = irq_of_parse_and_map(np, 0);
	of_node_put(np);
	if (!el2ctl_irq)
		return -EINVAL;
	err = request_irq(el2ctl_irq, el2ctl_irq_handler,
			  IRQF_SHARED | IRQF_TRIGGER_RISING, "el2ctl",
			  &el2ctl_irqs);
	if (err)
		el2ctl_irq = 0;
	/* Interrupts are threads here, and hvisor_vnet's is not: do without. */
	return err == -EBUSY ? 0 : err;
}

static void el2ctl_irq_exit(void)
{
	if (el2ctl_irq)
		free_irq(el2ctl_irq, &el2ctl_irqs);
}

static int el2ctl_sysfs_init(void)
{
	int err;

	el2ctl_kobj = kobject_create_and_add("el2ctl", kernel_kobj);
	if (!el2ctl_kobj)
		return -ENOMEM;
	err = sysfs_create_group(el2ctl_kobj, &el2ctl_group);
	if (err)
		kobject_put(el2ctl_kobj);
	return err;
}

static int __init el2ctl_init(void)
{
	struct device_node *np;
	int err;

	/* Without it an hvc would be undefined. */
	np = of_find_compatible_node(NULL, NULL, EL2STUB_COMPATIBLE);
	if (!np)
		return -ENODEV;
	of_node_put(np);
	err = el2ctl_irq_init();
	if (err)
		return err;
	err = el2ctl_sysfs_init();
	if (err)
		el2ctl_irq_exit();
	return err;
}
module_init(el2ctl_init);

static void __exit el2ctl_exit(void)
{
	kobject_put(el2ctl_kobj);
	el2ctl_irq_exit();
}
module_exit(el2ctl_exit);

MODULE_DESCRIPTION("Makes the tiny EL2 of hvisor_vnet's tests send requests");
MODULE_LICENSE("GPL");
