// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's netlink family: from messages to what they tell of, and from what
 * is wanted to requests.  Who asks, and what becomes of the answer, is not known
 * here; a refusal is said with the module's own sentence.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"
#include "vnet.h"

#define COUNTER(NAME)	HVISOR_VNET_A_COUNTERS_##NAME

const char * const vnet_dev_counter[DEV_COUNTERS] = {
	[COUNTER(TX_FRAMES)] = "tx_frames",
	[COUNTER(TX_BYTES)] = "tx_bytes",
	[COUNTER(TX_KICKS)] = "tx_kicks",
	[COUNTER(TX_POLLS)] = "tx_polls",
	[COUNTER(RX_FRAMES)] = "rx_frames",
	[COUNTER(RX_BYTES)] = "rx_bytes",
	[COUNTER(RX_KICKS)] = "rx_kicks",
	[COUNTER(RX_STOPS)] = "rx_stops",
	[COUNTER(RX_WAKES)] = "rx_wakes",
	[COUNTER(RX_STALLS)] = "rx_stalls",
	[COUNTER(RX_UNWANTED)] = "rx_unwanted",
	[COUNTER(DROP_TX_RUNT)] = "drop_tx_runt",
	[COUNTER(DROP_TX_OVERSIZE)] = "drop_tx_oversize",
	[COUNTER(DROP_TX_HEADER)] = "drop_tx_header",
	[COUNTER(DROP_TX_DIRECTION)] = "drop_tx_direction",
	[COUNTER(DROP_TX_NOMEM)] = "drop_tx_nomem",
	[COUNTER(DROP_TX_DOWN)] = "drop_tx_down",
	[COUNTER(DROP_RX_BUFFER)] = "drop_rx_buffer",
	[COUNTER(DROP_RX_TOO_BIG)] = "drop_rx_too_big",
	[COUNTER(DROP_RX_OFFLOAD)] = "drop_rx_offload",
	[COUNTER(DROP_RX_NO_GUEST)] = "drop_rx_no_guest",
	[COUNTER(BAD_SIZE)] = "bad_size",
	[COUNTER(BAD_OFFSET)] = "bad_offset",
	[COUNTER(BAD_DIRECTION)] = "bad_direction",
	[COUNTER(BAD_VALUE)] = "bad_value",
	[COUNTER(BROKEN)] = "broken",
	[COUNTER(INJECTIONS)] = "injections",
	[COUNTER(REINJECTIONS)] = "reinjections",
	[COUNTER(STALLS)] = "stalls",
};

const char * const vnet_hv_counter[HV_COUNTERS] = {
	[HVISOR_VNET_A_HV_COUNTERS_WAKES] = "wakes",
	[HVISOR_VNET_A_HV_COUNTERS_REQUESTS] = "requests",
	[HVISOR_VNET_A_HV_COUNTERS_UNKNOWN] = "unknown",
	[HVISOR_VNET_A_HV_COUNTERS_MALFORMED] = "malformed",
	[HVISOR_VNET_A_HV_COUNTERS_DEFERRED] = "deferred",
	[HVISOR_VNET_A_HV_COUNTERS_FOUND_AFTER_EOI] = "found_after_eoi",
	[HVISOR_VNET_A_HV_COUNTERS_FOUND_LATE] = "found_late",
	[HVISOR_VNET_A_HV_COUNTERS_HYPERCALLS] = "hypercalls",
	[HVISOR_VNET_A_HV_COUNTERS_SLOWED] = "slowed",
};

/* The attribute of a key, and that its value has 64 bits. */
static const struct {
	int attr;
	bool wide;
} dev_attr[KEY_TX_USECS] = {
	[KEY_ZONE] = { HVISOR_VNET_A_DEV_ZONE },
	[KEY_ADDR] = { HVISOR_VNET_A_DEV_ADDRESS, true },
	[KEY_LEN] = { HVISOR_VNET_A_DEV_LENGTH, true },
	[KEY_IRQ] = { HVISOR_VNET_A_DEV_IRQ },
	[KEY_NAME] = { HVISOR_VNET_A_DEV_IFNAME },
	[KEY_MAC] = { HVISOR_VNET_A_DEV_MAC },
	[KEY_MTU] = { HVISOR_VNET_A_DEV_MTU },
	[KEY_QUEUE] = { HVISOR_VNET_A_DEV_QUEUE_SIZE },
	[KEY_FEATURES] = { HVISOR_VNET_A_DEV_OFFERED, true },
	[KEY_CPU] = { HVISOR_VNET_A_DEV_CPU },
};

static const int coalesce_attr[COALESCES] = {
	[TX_USECS] = HVISOR_VNET_A_COALESCE_TX_USECS,
	[TX_FRAMES] = HVISOR_VNET_A_COALESCE_TX_FRAMES,
	[RX_USECS] = HVISOR_VNET_A_COALESCE_RX_USECS,
	[RX_FRAMES] = HVISOR_VNET_A_COALESCE_RX_FRAMES,
	[RX_ADAPTIVE] = HVISOR_VNET_A_COALESCE_RX_ADAPTIVE,
};

/* Which place on the bus the module gives it: "zone1-a003600" */
void vnet_place(char *to, size_t size, const struct vnet_dev *dev)
{
	snprintf(to, size, "zone%llu-%llx", dev->number[KEY_ZONE],
		 dev->number[KEY_ADDR]);
}

/* What the guest's driver has told the device, in words. */
const char *vnet_guest_words(__u32 status)
{
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return "broken";
	if (status & VIRTIO_CONFIG_S_FAILED)
		return "gave up";
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		return "up";
	return status & VIRTIO_CONFIG_S_DRIVER ? "starting" : "no driver";
}

/* From messages */

static void read_range(struct range *r, const struct nlattr *nest)
{
	struct nlattr *tb[HVISOR_VNET_A_RANGE_MAX + 1];

	nl_parse_nested(tb, HVISOR_VNET_A_RANGE_MAX, nest);
	r->root = nl_u64(tb[HVISOR_VNET_A_RANGE_ROOT]);
	r->guest = nl_u64(tb[HVISOR_VNET_A_RANGE_GUEST]);
	r->size = nl_u64(tb[HVISOR_VNET_A_RANGE_SIZE]);
}

static void read_zone(struct vnet_zone *z, const struct nlmsghdr *hdr,
		      struct nlattr **tb)
{
	const struct nlattr *attr;

	memset(z, 0, sizeof(*z));
	z->id = nl_u32(tb[HVISOR_VNET_A_ZONE_ID]);
	z->quiesced = nl_u32(tb[HVISOR_VNET_A_ZONE_QUIESCED]);
	z->requests = nl_u64(tb[HVISOR_VNET_A_ZONE_REQUESTS]);
	mnl_attr_for_each(attr, hdr, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == HVISOR_VNET_A_ZONE_RAM &&
		    z->n_ram < MAX_RANGES)
			read_range(&z->ram[z->n_ram++], attr);
}

static void read_key(struct vnet_dev *d, enum vnet_key key,
		     const struct nlattr *attr)
{
	if (!attr)
		return;
	d->given |= KEY_BIT(key);
	if (key == KEY_NAME)
		snprintf(d->name, sizeof(d->name), "%s", nl_string(attr));
	else if (key == KEY_MAC)
		memcpy(d->mac, mnl_attr_get_payload(attr), sizeof(d->mac));
	else if (mnl_attr_get_payload_len(attr) == sizeof(__u64))
		d->number[key] = nl_u64(attr);
	else
		d->number[key] = nl_u32(attr);
}

static void read_coalesce(struct vnet_dev *d, const struct nlattr *nest)
{
	struct nlattr *tb[HVISOR_VNET_A_COALESCE_MAX + 1];
	int i;

	if (!nest)
		return;
	nl_parse_nested(tb, HVISOR_VNET_A_COALESCE_MAX, nest);
	for (i = 0; i < COALESCES; i++)
		read_key(d, KEY_TX_USECS + i, tb[coalesce_attr[i]]);
}

static void read_counters(__u64 *to, int n, const struct nlattr *nest)
{
	struct nlattr *tb[DEV_COUNTERS];
	int i;

	if (!nest)
		return;
	nl_parse_nested(tb, n - 1, nest);
	for (i = 0; i < n; i++)
		to[i] = nl_u64(tb[i]);
}

static void read_dev(struct vnet_dev *d, struct nlattr **tb)
{
	int key;

	memset(d, 0, sizeof(*d));
	for (key = 0; key < KEY_TX_USECS; key++)
		read_key(d, key, tb[dev_attr[key].attr]);
	read_coalesce(d, tb[HVISOR_VNET_A_DEV_COALESCE]);
	read_counters(d->counter, DEV_COUNTERS, tb[HVISOR_VNET_A_DEV_COUNTERS]);
	d->ifindex = nl_u32(tb[HVISOR_VNET_A_DEV_IFINDEX]);
	d->negotiated = nl_u64(tb[HVISOR_VNET_A_DEV_NEGOTIATED]);
	d->status = nl_u32(tb[HVISOR_VNET_A_DEV_STATUS]);
	d->isr = nl_u32(tb[HVISOR_VNET_A_DEV_INTERRUPT_STATUS]);
	snprintf(d->queue, sizeof(d->queue), "%s",
		 nl_string(tb[HVISOR_VNET_A_DEV_QUEUE]));
	snprintf(d->reason, sizeof(d->reason), "%s",
		 nl_string(tb[HVISOR_VNET_A_DEV_REASON]));
	d->stall = tb[HVISOR_VNET_A_DEV_STALL] ?
		   (int)nl_u32(tb[HVISOR_VNET_A_DEV_STALL]) : -1;
}

static void read_hv(struct vnet_hv *hv, struct nlattr **tb)
{
	memset(hv, 0, sizeof(*hv));
	snprintf(hv->conduit, sizeof(hv->conduit), "%s",
		 nl_string(tb[HVISOR_VNET_A_HV_CONDUIT]));
	hv->taken_over = nl_u32(tb[HVISOR_VNET_A_HV_TAKEN_OVER]);
	hv->daemon = nl_u32(tb[HVISOR_VNET_A_HV_DAEMON]);
	read_counters(hv->counter, HV_COUNTERS, tb[HVISOR_VNET_A_HV_COUNTERS]);
}

/* Asking */

static bool is_open;

static int open_family(const char *group)
{
	if (!nl_open(HVISOR_VNET_FAMILY_NAME, group)) {
		is_open = true;
		return 0;
	}
	if (errno != ENOENT)
		return say_err("netlink: %s", strerror(errno));
	if (board_loaded()) {
		say_err("the module that is loaded has no netlink family: it is older than this hvnet");
		return -1;
	}
	say_err("the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)");
	return -1;
}

/* Return: 0 or -1, said why. */
int vnet_open(void)
{
	return is_open ? 0 : open_family(NULL);
}

static int begin(struct nl_request *r, __u8 cmd, __u16 flags)
{
	if (vnet_open())
		return -1;
	nl_begin(r, cmd, flags);
	return 0;
}

/* What the attribute is called on the command line, or NULL. */
static const char *attr_name(int attr, int nested)
{
	int key, i;

	for (i = 0; i < COALESCES; i++)
		if (attr == HVISOR_VNET_A_DEV_COALESCE &&
		    nested == coalesce_attr[i])
			return vnet_key_name[KEY_TX_USECS + i];
	for (key = 0; key < KEY_TX_USECS; key++)
		if (dev_attr[key].attr == attr)
			return vnet_key_name[key];
	return NULL;
}

/* netlink's own checks leave out what the module's sentences have in them. */
static int say_refusal(const char *about, const struct nl_refusal *why,
		       bool dev)
{
	const char *name = dev ? attr_name(why->attr, why->nested) : NULL;

	if (name && !strstr(why->text, name))
		return say_err("%s: %s: %s", about, name, why->text);
	return say_err("%s: %s", about, why->text);
}

static int call(struct nl_request *r, const char *about, nl_fn fn, void *arg)
{
	struct nl_refusal why = {};

	return nl_call(r, fn, arg, &why) ? say_refusal(about, &why, false) : 0;
}

/* Make room for one more; NULL, said so, without memory. */
static void *one_more(void *list, size_t *n, size_t size)
{
	void **at = list;
	void *more = realloc(*at, (*n + 1) * size);

	if (!more) {
		say_err("%s", strerror(ENOMEM));
		return NULL;
	}
	*at = more;
	return (char *)more + (*n)++ * size;
}

static int add_zone(const struct nlmsghdr *hdr, struct nlattr **tb, void *arg)
{
	struct vnet_zones *zones = arg;
	struct vnet_zone *z = one_more(&zones->list, &zones->n, sizeof(*z));

	if (z)
		read_zone(z, hdr, tb);
	return z ? 0 : -1;
}

static int add_dev(const struct nlmsghdr *hdr, struct nlattr **tb, void *arg)
{
	struct vnet_devs *devs = arg;
	struct vnet_dev *d = one_more(&devs->list, &devs->n, sizeof(*d));

	(void)hdr;
	if (d)
		read_dev(d, tb);
	return d ? 0 : -1;
}

static int set_hv(const struct nlmsghdr *hdr, struct nlattr **tb, void *arg)
{
	(void)hdr;
	read_hv(arg, tb);
	return 0;
}

/* The caller frees the list. */
int vnet_get_zones(struct vnet_zones *zones)
{
	struct nl_request r;

	memset(zones, 0, sizeof(*zones));
	if (begin(&r, HVISOR_VNET_CMD_ZONE_GET, NLM_F_DUMP))
		return -1;
	return call(&r, "zones", add_zone, zones);
}

int vnet_get_devs(struct vnet_devs *devs)
{
	struct nl_request r;

	memset(devs, 0, sizeof(*devs));
	if (begin(&r, HVISOR_VNET_CMD_DEV_GET, NLM_F_DUMP))
		return -1;
	return call(&r, "devices", add_dev, devs);
}

int vnet_get_hv(struct vnet_hv *hv)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_HV_GET, 0))
		return -1;
	return call(&r, "hypervisor", set_hv, hv);
}

/* Changing */

int vnet_zone_new(const char *about, __u32 id, const struct range *ram,
		  size_t n)
{
	struct nl_request r;
	struct nlattr *nest;

	if (begin(&r, HVISOR_VNET_CMD_ZONE_NEW, 0))
		return -1;
	nl_put_u32(&r, HVISOR_VNET_A_ZONE_ID, id);
	for (; n; n--, ram++) {
		nest = nl_nest(&r, HVISOR_VNET_A_ZONE_RAM);
		nl_put_u64(&r, HVISOR_VNET_A_RANGE_ROOT, ram->root);
		nl_put_u64(&r, HVISOR_VNET_A_RANGE_GUEST, ram->guest);
		nl_put_u64(&r, HVISOR_VNET_A_RANGE_SIZE, ram->size);
		nl_nest_end(&r, nest);
	}
	return call(&r, about, NULL, NULL);
}

int vnet_zone_del(const char *about, __u32 id)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_ZONE_DEL, 0))
		return -1;
	nl_put_u32(&r, HVISOR_VNET_A_ZONE_ID, id);
	return call(&r, about, NULL, NULL);
}

int vnet_zone_quiesce(const char *about, __u32 id, bool quiesce)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_ZONE_SET, 0))
		return -1;
	nl_put_u32(&r, HVISOR_VNET_A_ZONE_ID, id);
	nl_put_u8(&r, HVISOR_VNET_A_ZONE_QUIESCED, quiesce);
	return call(&r, about, NULL, NULL);
}

static void put_key(struct nl_request *r, const struct vnet_dev *d,
		    enum vnet_key key)
{
	const int attr = dev_attr[key].attr;

	if (!(d->given & KEY_BIT(key)))
		return;
	if (key == KEY_NAME)
		nl_put_string(r, attr, d->name);
	else if (key == KEY_MAC)
		nl_put(r, attr, d->mac, sizeof(d->mac));
	else if (dev_attr[key].wide)
		nl_put_u64(r, attr, d->number[key]);
	else
		nl_put_u32(r, attr, d->number[key]);
}

static void put_dev(struct nl_request *r, const struct vnet_dev *d)
{
	struct nlattr *nest;
	int i;

	for (i = 0; i < KEY_TX_USECS; i++)
		put_key(r, d, i);
	if (!(d->given >> KEY_TX_USECS))
		return;
	nest = nl_nest(r, HVISOR_VNET_A_DEV_COALESCE);
	for (i = 0; i < COALESCES; i++)
		if (d->given & KEY_BIT(KEY_TX_USECS + i))
			nl_put_u32(r, coalesce_attr[i],
				   d->number[KEY_TX_USECS + i]);
	nl_nest_end(r, nest);
}

static int call_dev(struct nl_request *r, const char *about, nl_fn fn, void *arg)
{
	struct nl_refusal why = {};

	return nl_call(r, fn, arg, &why) ? say_refusal(about, &why, true) : 0;
}

static int set_dev(const struct nlmsghdr *hdr, struct nlattr **tb, void *arg)
{
	(void)hdr;
	if (arg)
		read_dev(arg, tb);
	return 0;
}

/* @got, unless it is NULL, is what came of it. */
int vnet_dev_new(const char *about, const struct vnet_dev *want,
		 struct vnet_dev *got)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_DEV_NEW, 0))
		return -1;
	put_dev(&r, want);
	return call_dev(&r, about, set_dev, got);
}

/* @which is named by what is given of it. */
int vnet_dev_set(const char *about, const struct vnet_dev *which,
		 const struct vnet_dev *want)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_DEV_SET, 0))
		return -1;
	put_dev(&r, which);
	put_dev(&r, want);
	return call_dev(&r, about, NULL, NULL);
}

int vnet_dev_del(const char *about, const struct vnet_dev *which)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_DEV_DEL, 0))
		return -1;
	put_dev(&r, which);
	return call_dev(&r, about, NULL, NULL);
}

/* hvisor.ko's node, open; or -1 to let go of it. */
int vnet_set_backend(const char *about, int fd)
{
	struct nl_request r;

	if (begin(&r, HVISOR_VNET_CMD_HV_SET, 0))
		return -1;
	nl_put_u32(&r, HVISOR_VNET_A_HV_BACKEND, fd);
	return call(&r, about, NULL, NULL);
}

/* News */

struct watch {
	int (*fn)(const struct vnet_event *e, void *arg);
	void *arg;
};

static int tell(const struct nlmsghdr *hdr, struct nlattr **tb, void *arg)
{
	const struct watch *w = arg;
	const int cmd = nl_cmd(hdr);
	struct vnet_event e = { .cmd = cmd };

	if (cmd >= HVISOR_VNET_CMD_ZONE_NEW_NTF &&
	    cmd <= HVISOR_VNET_CMD_ZONE_RELEASED_NTF)
		read_zone(&e.zone, hdr, tb);
	else if (cmd >= HVISOR_VNET_CMD_DEV_NEW_NTF &&
		 cmd <= HVISOR_VNET_CMD_DEV_STALL_NTF)
		read_dev(&e.dev, tb);
	else
		read_hv(&e.hv, tb);
	return w->fn(&e, w->arg);
}

/*
 * Call @fn for what happens, until it returns something other than 0; with NULL
 * when news were lost. Return: that, or -1, said why.
 */
int vnet_watch(int (*fn)(const struct vnet_event *e, void *arg), void *arg)
{
	struct watch w = { fn, arg };
	int result;

	if (open_family(HVISOR_VNET_MCGRP_EVENTS))
		return -1;
	do {
		result = nl_listen(tell, &w);
		if (result >= 0)
			continue;
		if (errno == ENOBUFS)
			result = fn(NULL, arg);
		else if (errno != EINTR)
			return say_err("netlink: %s", strerror(errno));
	} while (result <= 0);
	return result;
}
