// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest (a): a virtio device in root's own kernel whose transport is register
 * accesses through EL2, as virtio-mmio's is in a real guest (virtio 1.2,
 * section 4.2.2), driven by the kernel's own unmodified driver.  Its rings and
 * buffers are root's RAM at their physical addresses.
 *
 * Accesses from the driver's process context may sleep; notifications, and
 * those of the interrupt handler, cannot.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_mmio.h>
#include <uapi/linux/virtio_net.h>

#include "sim.h"
#include "sim_compat.h"

#define HVSIM_MAGIC		0x74726976	/* "virt" */
#define HVSIM_MMIO_VERSION	2
#define HVSIM_MAX_VQS		8
#define HVSIM_MAX_VQ_SIZE	1024
#define HVSIM_REGION_LEN	0x200

/*
 * The control queue and what goes through it.  Under PREEMPT_RT a guest has
 * none: its driver spins for an answer with its bottom halves off, in which
 * root's worker, on the same CPU and in the same kernel, cannot turn them off.
 */
#define HVSIM_CONTROL	(BIT_ULL(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | \
			 BIT_ULL(VIRTIO_NET_F_CTRL_VQ) | \
			 BIT_ULL(VIRTIO_NET_F_CTRL_RX) | \
			 BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | \
			 BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR))

/**
 * struct hvsim_lguest - one device of a Linux guest
 * @vdev: the virtio device; its release frees this
 * @guest: its zone and region
 * @addr: the device's address
 * @irq: its interrupt id
 * @cpu: the CPU that takes it
 * @mask: features hidden from the driver
 * @line: the interrupt
 * @vq: its queues; cleared, and a grace period waited for, before one goes
 * @node: in the list of all, under hvsim_lguest_mutex
 */
struct hvsim_lguest {
	struct virtio_device vdev;
	struct hvsim_guest guest;
	u64 addr;
	u32 irq;
	unsigned int cpu;
	u64 mask;
	struct hvsim_line *line;
	struct virtqueue *vq[HVSIM_MAX_VQS];
	struct list_head node;
};

static DEFINE_MUTEX(hvsim_lguest_mutex);
static LIST_HEAD(hvsim_lguest_list);

static struct hvsim_lguest *to_lguest(struct virtio_device *vdev)
{
	return container_of(vdev, struct hvsim_lguest, vdev);
}

static u64 hvsim_reg(struct hvsim_lguest *lg, unsigned int offset, u32 size,
		     bool write, u64 value, bool may_sleep)
{
	struct hvsim_access a = {
		.addr = lg->addr + offset,
		.size = size,
		.write = write,
		.value = value,
	};

	if (hvsim_access(&lg->guest, &a, may_sleep))
		return 0;
	return a.value;
}

static u32 hvsim_read(struct hvsim_lguest *lg, unsigned int offset)
{
	return hvsim_reg(lg, offset, sizeof(u32), false, 0, true);
}

static void hvsim_write(struct hvsim_lguest *lg, unsigned int offset, u32 value)
{
	hvsim_reg(lg, offset, sizeof(u32), true, value, true);
}

/* Configuration fields are read whole if they have a register's width. */
static unsigned int hvsim_config_width(unsigned int offset, unsigned int len)
{
	if ((len == 2 || len == 4) && IS_ALIGNED(offset, len))
		return len;
	return len == 8 && IS_ALIGNED(offset, 4) ? 4 : 1;
}

static void hvsim_config_get(struct virtio_device *vdev, unsigned int offset,
			     void *buf, unsigned int len)
{
	unsigned int width = hvsim_config_width(offset, len);
	unsigned int i;

	for (i = 0; i < len; i += width) {
		__le64 value = cpu_to_le64(hvsim_reg(to_lguest(vdev),
						     VIRTIO_MMIO_CONFIG +
						     offset + i,
						     width, false, 0, true));

		memcpy(buf + i, &value, width);
	}
}

static void hvsim_config_set(struct virtio_device *vdev, unsigned int offset,
			     const void *buf, unsigned int len)
{
	unsigned int width = hvsim_config_width(offset, len);
	unsigned int i;

	for (i = 0; i < len; i += width) {
		__le64 value = 0;

		memcpy(&value, buf + i, width);
		hvsim_reg(to_lguest(vdev), VIRTIO_MMIO_CONFIG + offset + i,
			  width, true, le64_to_cpu(value), true);
	}
}

static u32 hvsim_generation(struct virtio_device *vdev)
{
	return hvsim_read(to_lguest(vdev), VIRTIO_MMIO_CONFIG_GENERATION);
}

static u8 hvsim_get_status(struct virtio_device *vdev)
{
	return hvsim_read(to_lguest(vdev), VIRTIO_MMIO_STATUS);
}

static void hvsim_set_status(struct virtio_device *vdev, u8 status)
{
	hvsim_write(to_lguest(vdev), VIRTIO_MMIO_STATUS, status);
}

static void hvsim_reset(struct virtio_device *vdev)
{
	struct hvsim_lguest *lg = to_lguest(vdev);

	hvsim_write(lg, VIRTIO_MMIO_STATUS, 0);
	hvsim_line_haunt(lg->line);
}

static u64 hvsim_get_features(struct virtio_device *vdev)
{
	struct hvsim_lguest *lg = to_lguest(vdev);
	u64 features;

	hvsim_write(lg, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	features = hvsim_read(lg, VIRTIO_MMIO_DEVICE_FEATURES);
	features <<= 32;
	hvsim_write(lg, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	features |= hvsim_read(lg, VIRTIO_MMIO_DEVICE_FEATURES);
	return features & ~lg->mask;
}

static int hvsim_finalize_features(struct virtio_device *vdev)
{
	struct hvsim_lguest *lg = to_lguest(vdev);

	vring_transport_features(vdev);
	hvsim_write(lg, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	hvsim_write(lg, VIRTIO_MMIO_DRIVER_FEATURES, vdev->features >> 32);
	hvsim_write(lg, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	hvsim_write(lg, VIRTIO_MMIO_DRIVER_FEATURES, vdev->features);
	return 0;
}

static const char *hvsim_bus_name(struct virtio_device *vdev)
{
	return "hvisor_sim";
}

static bool hvsim_notify(struct virtqueue *vq)
{
	hvsim_reg(to_lguest(vq->vdev), VIRTIO_MMIO_QUEUE_NOTIFY, sizeof(u32),
		  true, vq->index, false);
	return true;
}

/* Two registers for every interrupt, like any virtio-mmio driver. */
static void hvsim_lguest_interrupt(void *arg)
{
	struct hvsim_lguest *lg = arg;
	unsigned int i;
	u32 status;

	status = hvsim_reg(lg, VIRTIO_MMIO_INTERRUPT_STATUS, sizeof(u32), false,
			   0, false);
	if (!status) {
		hvsim_count(HVSIM_SPURIOUS);
		return;
	}
	hvsim_reg(lg, VIRTIO_MMIO_INTERRUPT_ACK, sizeof(u32), true, status,
		  false);
	if (status & VIRTIO_MMIO_INT_CONFIG)
		virtio_config_changed(&lg->vdev);
	if (!(status & VIRTIO_MMIO_INT_VRING))
		return;
	rcu_read_lock();
	for (i = 0; i < HVSIM_MAX_VQS; i++) {
		struct virtqueue *vq = READ_ONCE(lg->vq[i]);

		if (vq)
			vring_interrupt(0, vq);
	}
	rcu_read_unlock();
}

static void hvsim_write_address(struct hvsim_lguest *lg, unsigned int low,
				u64 addr)
{
	hvsim_write(lg, low, addr);
	hvsim_write(lg, low + 4, addr >> 32);
}

static struct virtqueue *hvsim_setup_vq(struct hvsim_lguest *lg,
					unsigned int index,
					vq_callback_t *callback,
					const char *name, bool ctx)
{
	struct virtqueue *vq;
	u32 max;

	if (index >= HVSIM_MAX_VQS)
		return ERR_PTR(-ENOSPC);
	hvsim_write(lg, VIRTIO_MMIO_QUEUE_SEL, index);
	if (hvsim_read(lg, VIRTIO_MMIO_QUEUE_READY))
		return ERR_PTR(-EBUSY);
	max = hvsim_read(lg, VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (!max)
		return ERR_PTR(-ENOENT);

	vq = vring_create_virtqueue(index,
				    min_t(u32, max, HVSIM_MAX_VQ_SIZE),
				    PAGE_SIZE, &lg->vdev, true, true, ctx,
				    hvsim_notify, callback, name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	hvsim_vq_set_max(vq, max);
	hvsim_write(lg, VIRTIO_MMIO_QUEUE_NUM, virtqueue_get_vring_size(vq));
	hvsim_write_address(lg, VIRTIO_MMIO_QUEUE_DESC_LOW,
			    virtqueue_get_desc_addr(vq));
	hvsim_write_address(lg, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
			    virtqueue_get_avail_addr(vq));
	hvsim_write_address(lg, VIRTIO_MMIO_QUEUE_USED_LOW,
			    virtqueue_get_used_addr(vq));
	hvsim_write(lg, VIRTIO_MMIO_QUEUE_READY, 1);
	WRITE_ONCE(lg->vq[index], vq);
	return vq;
}

static void hvsim_del_vqs(struct virtio_device *vdev)
{
	struct hvsim_lguest *lg = to_lguest(vdev);
	struct virtqueue *vq, *next;
	unsigned int i;

	for (i = 0; i < HVSIM_MAX_VQS; i++)
		WRITE_ONCE(lg->vq[i], NULL);
	/* The interrupt handler is a reader. */
	synchronize_rcu();
	list_for_each_entry_safe(vq, next, &vdev->vqs, list) {
		hvsim_write(lg, VIRTIO_MMIO_QUEUE_SEL, vq->index);
		hvsim_write(lg, VIRTIO_MMIO_QUEUE_READY, 0);
		vring_del_virtqueue(vq);
	}
}

static HVSIM_FIND_VQS(hvsim_find_vqs)
{
	unsigned int i, index = 0;

	for (i = 0; i < nvqs; i++) {
		vqs[i] = NULL;
		if (!hvsim_vq_name(i))
			continue;
		vqs[i] = hvsim_setup_vq(to_lguest(vdev), index++,
					hvsim_vq_callback(i), hvsim_vq_name(i),
					hvsim_vq_ctx(i));
		if (IS_ERR(vqs[i])) {
			hvsim_del_vqs(vdev);
			return PTR_ERR(vqs[i]);
		}
	}
	return 0;
}

static const struct virtio_config_ops hvsim_config_ops = {
	.get = hvsim_config_get,
	.set = hvsim_config_set,
	.generation = hvsim_generation,
	.get_status = hvsim_get_status,
	.set_status = hvsim_set_status,
	.reset = hvsim_reset,
	.find_vqs = hvsim_find_vqs,
	.del_vqs = hvsim_del_vqs,
	.get_features = hvsim_get_features,
	.finalize_features = hvsim_finalize_features,
	.bus_name = hvsim_bus_name,
};

static void hvsim_lguest_release(struct device *dev)
{
	kfree(to_lguest(dev_to_virtio(dev)));
}

/**
 * struct hvsim_spec - what was written to new_guest or del_guest
 * @zone: the zone
 * @addr: the device's address
 * @irq: its interrupt id
 * @cpu: the CPU that takes it
 * @base: start of the virtio region
 * @len: its length, 0 if not given
 * @mask: features to hide
 */
struct hvsim_spec {
	u64 zone;
	u64 addr;
	u64 irq;
	u64 cpu;
	u64 base;
	u64 len;
	u64 mask;
};

static int hvsim_parse_region(char *text, struct hvsim_spec *spec)
{
	char *base = strsep(&text, ",");

	if (!text || kstrtou64(base, 0, &spec->base))
		return -EINVAL;
	return kstrtou64(text, 0, &spec->len);
}

static int hvsim_parse_word(char *word, struct hvsim_spec *spec)
{
	char *key = strsep(&word, "=");

	if (!word)
		return -EINVAL;
	if (!strcmp(key, "zone"))
		return kstrtou64(word, 0, &spec->zone);
	if (!strcmp(key, "addr"))
		return kstrtou64(word, 0, &spec->addr);
	if (!strcmp(key, "irq"))
		return kstrtou64(word, 0, &spec->irq);
	if (!strcmp(key, "cpu"))
		return kstrtou64(word, 0, &spec->cpu);
	if (!strcmp(key, "mask"))
		return kstrtou64(word, 0, &spec->mask);
	if (!strcmp(key, "region"))
		return hvsim_parse_region(word, spec);
	return -EINVAL;
}

static int hvsim_parse(char *text, struct hvsim_spec *spec)
{
	char *word;
	int err;

	while ((word = strsep(&text, " \t\n"))) {
		if (!*word)
			continue;
		err = hvsim_parse_word(word, spec);
		if (err)
			return err;
	}
	if (!spec->len) {
		spec->base = spec->addr;
		spec->len = HVSIM_REGION_LEN;
	}
	/* A file of a raw guest has no zone 0 either: it is root. */
	if (!spec->zone || spec->zone > U32_MAX || spec->irq > U32_MAX ||
	    spec->cpu >= HVSIM_MAX_CPUS)
		return -EINVAL;
	if (spec->addr < spec->base ||
	    spec->addr - spec->base >= spec->len)
		return -EINVAL;
	return 0;
}

/* Is there a device that we can drive? */
static int hvsim_lguest_identify(struct hvsim_lguest *lg)
{
	if (hvsim_read(lg, VIRTIO_MMIO_MAGIC_VALUE) != HVSIM_MAGIC ||
	    hvsim_read(lg, VIRTIO_MMIO_VERSION) != HVSIM_MMIO_VERSION)
		return -ENODEV;
	lg->vdev.id.device = hvsim_read(lg, VIRTIO_MMIO_DEVICE_ID);
	lg->vdev.id.vendor = hvsim_read(lg, VIRTIO_MMIO_VENDOR_ID);
	return lg->vdev.id.device ? 0 : -ENODEV;
}

static struct hvsim_lguest *hvsim_lguest_find(u32 zone, u64 addr)
{
	struct hvsim_lguest *lg;

	list_for_each_entry(lg, &hvsim_lguest_list, node)
		if (lg->guest.zone == zone && lg->addr == addr)
			return lg;
	return NULL;
}

static struct hvsim_lguest *hvsim_lguest_alloc(const struct hvsim_spec *spec)
{
	struct hvsim_lguest *lg = kzalloc(sizeof(*lg), GFP_KERNEL);

	if (!lg)
		return NULL;
	lg->addr = spec->addr;
	lg->irq = spec->irq;
	lg->cpu = spec->cpu;
	lg->mask = spec->mask;
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		lg->mask |= HVSIM_CONTROL;
	lg->guest.zone = spec->zone;
	lg->guest.base = spec->base;
	lg->guest.len = spec->len;
	lg->vdev.dev.parent = hvsim_parent();
	lg->vdev.dev.release = hvsim_lguest_release;
	lg->vdev.config = &hvsim_config_ops;
	return lg;
}

static int hvsim_lguest_add(const struct hvsim_spec *spec)
{
	struct hvsim_lguest *lg;
	int err;

	if (hvsim_lguest_find(spec->zone, spec->addr))
		return -EEXIST;
	lg = hvsim_lguest_alloc(spec);
	if (!lg)
		return -ENOMEM;
	hvsim_guest_start(&lg->guest);
	err = hvsim_lguest_identify(lg);
	if (err)
		goto stop;
	lg->line = hvsim_line_add(lg->guest.zone, lg->irq, lg->cpu, false,
				  hvsim_lguest_interrupt, lg);
	if (IS_ERR(lg->line)) {
		err = PTR_ERR(lg->line);
		goto stop;
	}
	err = register_virtio_device(&lg->vdev);
	if (err)
		goto put;
	list_add_tail(&lg->node, &hvsim_lguest_list);
	return 0;

put:
	hvsim_line_del(lg->line);
	hvsim_guest_stop(&lg->guest);
	put_device(&lg->vdev.dev);
	return err;
stop:
	hvsim_guest_stop(&lg->guest);
	kfree(lg);
	return err;
}

static void hvsim_lguest_del(struct hvsim_lguest *lg)
{
	list_del(&lg->node);
	get_device(&lg->vdev.dev);
	unregister_virtio_device(&lg->vdev);
	hvsim_line_del(lg->line);
	hvsim_guest_stop(&lg->guest);
	put_device(&lg->vdev.dev);
}

/**
 * hvsim_linux_guest_add - add a Linux guest's device
 * @text: as hvisor_sim.h describes; taken apart
 *
 * Context: process.
 * Return: 0, -EINVAL for a bad text, -EEXIST, -ENODEV if there is no device, or
 * another negative errno.
 */
int hvsim_linux_guest_add(char *text)
{
	struct hvsim_spec spec = {};
	int err = hvsim_parse(text, &spec);

	if (err)
		return err;
	mutex_lock(&hvsim_lguest_mutex);
	err = hvsim_lguest_add(&spec);
	mutex_unlock(&hvsim_lguest_mutex);
	return err;
}

/**
 * hvsim_linux_guest_del - take a Linux guest's device away
 * @text: as hvisor_sim.h describes; taken apart
 *
 * Context: process. Return: 0, -EINVAL for a bad text, -ENOENT.
 */
int hvsim_linux_guest_del(char *text)
{
	struct hvsim_spec spec = {};
	struct hvsim_lguest *lg;
	int err = hvsim_parse(text, &spec);

	if (err)
		return err;
	mutex_lock(&hvsim_lguest_mutex);
	lg = hvsim_lguest_find(spec.zone, spec.addr);
	if (lg)
		hvsim_lguest_del(lg);
	mutex_unlock(&hvsim_lguest_mutex);
	return lg ? 0 : -ENOENT;
}

/**
 * hvsim_linux_guests_show - list the Linux guests' devices
 * @buf: a page
 *
 * Context: process. Return: bytes written.
 */
ssize_t hvsim_linux_guests_show(char *buf)
{
	struct hvsim_lguest *lg;
	int n = 0;

	mutex_lock(&hvsim_lguest_mutex);
	list_for_each_entry(lg, &hvsim_lguest_list, node)
		n += sysfs_emit_at(buf, n,
				   "zone=%u addr=0x%llx irq=%u cpu=%u dev=%s\n",
				   lg->guest.zone, lg->addr, lg->irq, lg->cpu,
				   dev_name(&lg->vdev.dev));
	mutex_unlock(&hvsim_lguest_mutex);
	return n;
}

/**
 * hvsim_linux_guests_exit - take all away
 *
 * Context: process.
 */
void hvsim_linux_guests_exit(void)
{
	struct hvsim_lguest *lg, *next;

	mutex_lock(&hvsim_lguest_mutex);
	list_for_each_entry_safe(lg, next, &hvsim_lguest_list, node)
		hvsim_lguest_del(lg);
	mutex_unlock(&hvsim_lguest_mutex);
}
