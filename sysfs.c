// SPDX-License-Identifier: GPL-2.0-only
/*
 * The administrator's words in sysfs: zones and devices are made and removed by
 * writing key=value pairs to files of the hvisor_vnet bus, and everything that
 * can be known of them is read there, one value a file.  What a refusal means
 * is said in the kernel log, since a failed write has room for a number only.
 * Nothing is decided here; see Documentation/ABI.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/etherdevice.h>
#include <linux/fs.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "counters.h"
#include "daemon.h"
#include "hvisor_vnet.h"

/* Requests: words of the form key=value. */

/**
 * struct hvnet_key - a word that a request understands
 * @name: what stands before the "="
 * @set: takes what stands behind it over into the request; NULL for a number
 * @width: of a number: bytes it has in the request
 * @offset: of a number: where it is in the request
 */
struct hvnet_key {
	const char *name;
	int (*set)(void *request, const char *value, struct hvnet_reason *why);
	size_t width;
	size_t offset;
};

#define HVNET_NUMBER(_name, _type, _offset) \
	{ .name = _name, .width = sizeof(_type), .offset = _offset }

static int hvnet_parse_number(const struct hvnet_key *key, void *request,
			      const char *value, struct hvnet_reason *why)
{
	void *to = request + key->offset;
	int err;

	if (key->width == sizeof(u64))
		err = kstrtou64(value, 0, to);
	else
		err = kstrtou32(value, 0, to);
	if (err)
		return hvnet_refuse(why, err, "%s '%s' is no number below 2^%zu",
				    key->name, value,
				    key->width * BITS_PER_BYTE);
	return 0;
}

static int hvnet_parse_word(char *word, const struct hvnet_key *keys,
			    void *request, struct hvnet_reason *why)
{
	const struct hvnet_key *key;
	char *value = strchr(word, '=');

	if (!value)
		return hvnet_refuse(why, -EINVAL,
				    "'%s' is not of the form key=value",
				    word);
	*value++ = '\0';
	for (key = keys; key->name; key++) {
		if (strcmp(key->name, word))
			continue;
		if (key->set)
			return key->set(request, value, why);
		return hvnet_parse_number(key, request, value, why);
	}
	return hvnet_refuse(why, -EINVAL, "there is no key '%s'", word);
}

static int hvnet_parse(const char *buf, const struct hvnet_key *keys,
		       void *request, struct hvnet_reason *why)
{
	char *copy, *rest, *word;
	int err = 0;

	copy = kstrdup(buf, GFP_KERNEL);
	if (!copy)
		return hvnet_refuse(why, -ENOMEM, "out of memory");
	rest = copy;
	while (!err && (word = strsep(&rest, " \t\n")))
		if (*word)
			err = hvnet_parse_word(word, keys, request, why);
	kfree(copy);
	return err;
}

/* Show the reason; a request that was refused ends here. */
static ssize_t hvnet_said(const char *what, int err, size_t count,
			  const struct hvnet_reason *why)
{
	if (!err)
		return count;
	pr_err("%s: %s\n", what, why->text);
	return err;
}

/* There was no memory to read the request with. */
static ssize_t hvnet_said_nomem(const char *what)
{
	pr_err("%s: out of memory\n", what);
	return -ENOMEM;
}

/* new_zone */

struct hvnet_zone_request {
	u32 id;
	struct hvnet_memory mem;
};

/* ram=ROOT,GUEST,SIZE */
static int hvnet_zone_set_ram(void *request, const char *value,
			      struct hvnet_reason *why)
{
	struct hvnet_zone_request *r = request;
	struct hvnet_range *range = hvnet_memory_next(&r->mem, why);
	char word[96], *rest = word, *part;
	unsigned int i;
	u64 *to[3];

	if (!range)
		return -E2BIG;
	to[0] = &range->pa;
	to[1] = &range->ipa;
	to[2] = &range->size;
	if (strscpy(word, value, sizeof(word)) < 0)
		goto malformed;
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		part = strsep(&rest, ",");
		if (!part || kstrtou64(part, 0, to[i]))
			goto malformed;
	}
	if (rest)
		goto malformed;
	r->mem.n++;
	return 0;

malformed:
	return hvnet_refuse(why, -EINVAL,
			    "ram '%s' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE",
			    value);
}

static const struct hvnet_key hvnet_zone_keys[] = {
	HVNET_NUMBER("id", u32, offsetof(struct hvnet_zone_request, id)),
	{ "ram", hvnet_zone_set_ram },
	{}
};

static ssize_t new_zone_store(hvnet_bus_arg *bus, const char *buf,
			      size_t count)
{
	struct hvnet_zone_request *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct hvnet_reason why = {};
	int err;

	if (!r)
		return hvnet_said_nomem("new_zone");
	err = hvnet_parse(buf, hvnet_zone_keys, r, &why);
	if (!err)
		err = PTR_ERR_OR_ZERO(hvnet_zone_create(r->id, &r->mem, &why));
	kfree(r);
	return hvnet_said("new_zone", err, count, &why);
}
static BUS_ATTR_WO(new_zone);

/* del_zone */

static ssize_t del_zone_store(hvnet_bus_arg *bus, const char *buf,
			      size_t count)
{
	struct hvnet_zone_request *r = kzalloc(sizeof(*r), GFP_KERNEL);
	struct hvnet_reason why = {};
	int err;

	if (!r)
		return hvnet_said_nomem("del_zone");
	err = hvnet_parse(buf, hvnet_zone_keys, r, &why);
	if (!err)
		err = hvnet_zone_remove(r->id, &why);
	kfree(r);
	return hvnet_said("del_zone", err, count, &why);
}
static BUS_ATTR_WO(del_zone);

/* new_device */

static int hvnet_dev_set_mac(void *request, const char *value,
			     struct hvnet_reason *why)
{
	struct hvnet_dev_params *p = request;
	u8 mac[ETH_ALEN];

	if (strlen(value) != 3 * ETH_ALEN - 1 || !mac_pton(value, mac))
		return hvnet_refuse(why, -EINVAL,
				    "mac '%s' is not of the form 02:00:00:00:00:01",
				    value);
	return hvnet_dev_params_mac(p, mac, why);
}

static int hvnet_dev_set_name(void *request, const char *value,
			      struct hvnet_reason *why)
{
	return hvnet_dev_params_name(request, value, why);
}

static const struct hvnet_key hvnet_dev_keys[] = {
	HVNET_NUMBER("zone", u32, offsetof(struct hvnet_dev_params, zone)),
	HVNET_NUMBER("addr", u64, offsetof(struct hvnet_dev_params, addr)),
	HVNET_NUMBER("len", u64, offsetof(struct hvnet_dev_params, len)),
	HVNET_NUMBER("irq", u32, offsetof(struct hvnet_dev_params, irq)),
	HVNET_NUMBER("queue", u32, offsetof(struct hvnet_dev_params, queue_max)),
	HVNET_NUMBER("mtu", u32, offsetof(struct hvnet_dev_params, mtu)),
	HVNET_NUMBER("cpu", u32, offsetof(struct hvnet_dev_params, cpu)),
	{ "mac", hvnet_dev_set_mac },
	{ "name", hvnet_dev_set_name },
	{}
};

static int hvnet_dev_make(struct hvnet_dev_params *p, struct hvnet_reason *why)
{
	int err;

	mutex_lock(&hvnet_lock);
	err = PTR_ERR_OR_ZERO(hvnet_dev_create(p, why));
	mutex_unlock(&hvnet_lock);
	return err;
}

static ssize_t new_device_store(hvnet_bus_arg *bus, const char *buf,
				size_t count)
{
	struct hvnet_dev_params params;
	struct hvnet_reason why = {};
	int err;

	hvnet_dev_params_init(&params, current->nsproxy->net_ns);
	err = hvnet_parse(buf, hvnet_dev_keys, &params, &why);
	if (!err)
		err = hvnet_dev_make(&params, &why);
	return hvnet_said("new_device", err, count, &why);
}
static BUS_ATTR_WO(new_device);

/* del_device: the device's name on the bus */

static ssize_t del_device_store(hvnet_bus_arg *bus, const char *buf,
				size_t count)
{
	struct hvnet_reason why = {};
	int err = hvnet_dev_remove(buf, &why);

	return hvnet_said("del_device", err, count, &why);
}
static BUS_ATTR_WO(del_device);

/* The hypervisor. */

static ssize_t reattach_store(hvnet_bus_arg *bus, const char *buf,
			      size_t count)
{
	struct hvnet_reason why = {};
	int err;

	if (!sysfs_streq(buf, "1"))
		err = hvnet_refuse(&why, -EINVAL, "write 1");
	else
		err = hvnet_reattach(&why);
	return hvnet_said("reattach", err, count, &why);
}
static BUS_ATTR_WO(reattach);

static int hvnet_set_backend(const char *path, struct hvnet_reason *why)
{
	struct file *file = NULL;

	if (*path)
		file = filp_open(path, O_RDWR, 0);
	if (IS_ERR(file))
		return hvnet_refuse(why, PTR_ERR(file),
				    "%s cannot be opened (error %ld)",
				    path, PTR_ERR(file));
	return hvnet_daemon_set_backend(file, path, why);
}

/* hvisor.ko's device node */
static ssize_t backend_store(hvnet_bus_arg *bus, const char *buf, size_t count)
{
	char *path = kstrdup(buf, GFP_KERNEL);
	struct hvnet_reason why = {};
	int err;

	if (!path)
		return hvnet_said_nomem("backend");
	err = hvnet_set_backend(strim(path), &why);
	kfree(path);
	return hvnet_said("backend", err, count, &why);
}
static BUS_ATTR_WO(backend);

static ssize_t hypervisor_show(hvnet_bus_arg *bus, char *buf)
{
	ssize_t n;

	mutex_lock(&hvnet_lock);
	if (!hvnet_page())
		n = sysfs_emit(buf, "none\n");
	else if (hvnet_taken_over())
		n = sysfs_emit(buf, "%s taken-over\n",
			       hvpage_conduit_name(hvnet_page()));
	else
		n = sysfs_emit(buf, "%s\n", hvpage_conduit_name(hvnet_page()));
	mutex_unlock(&hvnet_lock);
	return n;
}
static BUS_ATTR_RO(hypervisor);

static struct attribute *hvnet_bus_attrs[] = {
	&bus_attr_new_zone.attr,
	&bus_attr_del_zone.attr,
	&bus_attr_new_device.attr,
	&bus_attr_del_device.attr,
	&bus_attr_reattach.attr,
	&bus_attr_backend.attr,
	&bus_attr_hypervisor.attr,
	NULL
};

static const struct attribute_group hvnet_bus_group = {
	.attrs = hvnet_bus_attrs,
};

const struct attribute_group *hvnet_bus_groups[] = {
	&hvnet_bus_group,
	NULL
};

/* A zone. */

static ssize_t id_show(struct device *d, struct device_attribute *attr,
		       char *buf)
{
	return sysfs_emit(buf, "%u\n", to_hvnet_zone(d)->id);
}
static DEVICE_ATTR_RO(id);

static ssize_t ram_show(struct device *d, struct device_attribute *attr,
			char *buf)
{
	const struct hvnet_memory *mem = &to_hvnet_zone(d)->mem;
	ssize_t n = 0;
	unsigned int i;

	for (i = 0; i < mem->n; i++)
		n += sysfs_emit_at(buf, n, "%#llx,%#llx,%#llx\n",
				   mem->range[i].pa, mem->range[i].ipa,
				   mem->range[i].size);
	return n;
}
static DEVICE_ATTR_RO(ram);

/* 1: rest, 0: go on. For those who shut zones down without our node. */
static ssize_t quiesce_store(struct device *d, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct hvnet_reason why = {};
	bool quiesce;
	int err = 0;

	if (kstrtobool(buf, &quiesce)) {
		err = hvnet_refuse(&why, -EINVAL, "write 0 or 1");
		return hvnet_said("quiesce", err, count, &why);
	}
	/* Who removes the zone holds the lock and waits for us to be out. */
	if (!mutex_trylock(&hvnet_lock))
		return restart_syscall();
	if (quiesce)
		err = hvnet_zone_quiesce(to_hvnet_zone(d), &why);
	else
		hvnet_zone_release(to_hvnet_zone(d));
	mutex_unlock(&hvnet_lock);
	return hvnet_said("quiesce", err, count, &why);
}
static DEVICE_ATTR_WO(quiesce);

static struct attribute *hvnet_zone_attrs[] = {
	&dev_attr_id.attr,
	&dev_attr_ram.attr,
	&dev_attr_quiesce.attr,
	NULL
};

static const struct attribute_group hvnet_zone_group = {
	.attrs = hvnet_zone_attrs,
};

const struct attribute_group *hvnet_zone_groups[] = {
	&hvnet_zone_group,
	NULL
};

/* A device. */

static ssize_t zone_show(struct device *d, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%u\n", to_hvnet_dev(d)->zone->id);
}
static DEVICE_ATTR_RO(zone);

static ssize_t addr_show(struct device *d, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_hvnet_dev(d)->addr);
}
static DEVICE_ATTR_RO(addr);

static ssize_t len_show(struct device *d, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%#llx\n", to_hvnet_dev(d)->len);
}
static DEVICE_ATTR_RO(len);

static ssize_t irq_show(struct device *d, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%u\n", to_hvnet_dev(d)->line.irq);
}
static DEVICE_ATTR_RO(irq);

static ssize_t mac_show(struct device *d, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%pM\n", to_hvnet_dev(d)->mmio.config.mac);
}
static DEVICE_ATTR_RO(mac);

static ssize_t status_show(struct device *d, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%#x\n",
			  READ_ONCE(to_hvnet_dev(d)->mmio.status));
}
static DEVICE_ATTR_RO(status);

static ssize_t features_show(struct device *d, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%#llx\n",
			  READ_ONCE(to_hvnet_dev(d)->mmio.features));
}
static DEVICE_ATTR_RO(features);

static ssize_t interrupt_status_show(struct device *d,
				     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%#x\n",
			  atomic_read(&to_hvnet_dev(d)->mmio.isr));
}
static DEVICE_ATTR_RO(interrupt_status);

static struct attribute *hvnet_dev_attrs[] = {
	&dev_attr_zone.attr,
	&dev_attr_addr.attr,
	&dev_attr_len.attr,
	&dev_attr_irq.attr,
	&dev_attr_mac.attr,
	&dev_attr_status.attr,
	&dev_attr_features.attr,
	&dev_attr_interrupt_status.attr,
	NULL
};

static const struct attribute_group hvnet_dev_group = {
	.attrs = hvnet_dev_attrs,
};

/*
 * Counters: of a device, and of the page (under the platform device). One file
 * for each in counters.c, made when the module begins.
 */

static struct device_attribute hvnet_dev_files[HVNET_DEV_COUNTERS];
static struct attribute *hvnet_dev_counter_attrs[HVNET_DEV_COUNTERS];

static ssize_t hvnet_counter_show(struct device *d,
				  struct device_attribute *attr, char *buf)
{
	const struct hvnet_counter *c =
		&hvnet_dev_counters[attr - hvnet_dev_files];

	return sysfs_emit(buf, "%llu\n", c->read(to_hvnet_dev(d), c->which));
}

static const struct attribute_group hvnet_dev_counter_group = {
	.name = "counters",
	.attrs = hvnet_dev_counter_attrs,
};

const struct attribute_group *hvnet_dev_groups[] = {
	&hvnet_dev_group,
	&hvnet_dev_counter_group,
	NULL
};

static struct device_attribute hvnet_page_files[HVNET_PAGE_COUNTERS];
static struct attribute *hvnet_page_counter_attrs[HVNET_PAGE_COUNTERS];

static ssize_t hvnet_page_counter_show(struct device *d,
				       struct device_attribute *attr, char *buf)
{
	const struct hvnet_page_counter *c =
		&hvnet_page_counters[attr - hvnet_page_files];
	u64 n = 0;

	mutex_lock(&hvnet_lock);
	if (hvnet_page())
		n = hvpage_counter(hvnet_page(), c->which);
	mutex_unlock(&hvnet_lock);
	return sysfs_emit(buf, "%llu\n", n);
}

const struct attribute_group hvnet_page_group = {
	.name = "counters",
	.attrs = hvnet_page_counter_attrs,
};

/* Add a file to the list at *@next, which ends in NULL; without a name, do not. */
static void hvnet_counter_file(struct device_attribute *file, const char *name,
			       ssize_t (*show)(struct device *d,
					       struct device_attribute *attr,
					       char *buf),
			       struct attribute ***next)
{
	if (!name)
		return;
	sysfs_attr_init(&file->attr);
	file->attr.name = name;
	file->attr.mode = 0444;
	file->show = show;
	*(*next)++ = &file->attr;
}

/**
 * hvnet_sysfs_init - make the files of which there is one for each counter
 *
 * Context: process, once, before there is a device.
 */
void hvnet_sysfs_init(void)
{
	struct attribute **next = hvnet_dev_counter_attrs;
	unsigned int i;

	for (i = 0; i < HVNET_DEV_COUNTERS; i++)
		hvnet_counter_file(&hvnet_dev_files[i],
				   hvnet_dev_counters[i].name,
				   hvnet_counter_show, &next);
	next = hvnet_page_counter_attrs;
	for (i = 0; i < HVNET_PAGE_COUNTERS; i++)
		hvnet_counter_file(&hvnet_page_files[i],
				   hvnet_page_counters[i].name,
				   hvnet_page_counter_show, &next);
}
