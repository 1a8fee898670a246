// SPDX-License-Identifier: GPL-2.0-only
/*
 * The administrator's words in generic netlink, for programs: every request, and
 * a notification of whatever happens.  What the messages mean is said in
 * Documentation/netlink/specs/hvisor_vnet.yaml.  Nothing is decided here but who
 * sees what: a device is seen in the network namespace of its interface, zones
 * and the hypervisor in the initial one.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "compat.h"
#include "counters.h"
#include "daemon.h"
#include "hvisor_vnet.h"
#include "netlink.h"

static struct genl_family hvnet_family;

/* Policies: of what each attribute may be, then of what each request may have. */

static struct netlink_range_validation hvnet_nl_mtu_range = {
	.min = HVNET_MTU_MIN,
	.max = HVNET_MTU_MAX,
};

static struct netlink_range_validation hvnet_nl_ifindex_range = {
	.min = 1,
	.max = S32_MAX,
};

static struct netlink_range_validation hvnet_nl_frames_range = {
	.min = 1,
	.max = S32_MAX,
};

#define HVNET_NL_LENGTH		NLA_POLICY_MIN(NLA_U64, HVNET_REGION_MIN)
#define HVNET_NL_MAC		NLA_POLICY_EXACT_LEN(HVISOR_VNET_MAC_LEN)
#define HVNET_NL_IFINDEX	NLA_POLICY_FULL_RANGE(NLA_U32, \
						      &hvnet_nl_ifindex_range)
#define HVNET_NL_IFNAME		{ .type = NLA_NUL_STRING, \
				  .len = HVISOR_VNET_IFNAME_LEN }
#define HVNET_NL_MTU		NLA_POLICY_FULL_RANGE(NLA_U32, \
						      &hvnet_nl_mtu_range)
#define HVNET_NL_QUEUE_SIZE	NLA_POLICY_RANGE(NLA_U32, 1, HVNET_QUEUE_MAX)
#define HVNET_NL_USECS		NLA_POLICY_MAX(NLA_U32, HVNET_COALESCE_USECS_MAX)
#define HVNET_NL_FRAMES		NLA_POLICY_FULL_RANGE(NLA_U32, \
						      &hvnet_nl_frames_range)

static const struct nla_policy
hvnet_nl_range[HVISOR_VNET_A_RANGE_MAX + 1] = {
	[HVISOR_VNET_A_RANGE_ROOT] = { .type = NLA_U64 },
	[HVISOR_VNET_A_RANGE_GUEST] = { .type = NLA_U64 },
	[HVISOR_VNET_A_RANGE_SIZE] = { .type = NLA_U64 },
};

static const struct nla_policy
hvnet_nl_coalesce[HVISOR_VNET_A_COALESCE_MAX + 1] = {
	[HVISOR_VNET_A_COALESCE_TX_USECS] = HVNET_NL_USECS,
	[HVISOR_VNET_A_COALESCE_TX_FRAMES] = HVNET_NL_FRAMES,
	[HVISOR_VNET_A_COALESCE_RX_USECS] = HVNET_NL_USECS,
	[HVISOR_VNET_A_COALESCE_RX_FRAMES] = HVNET_NL_FRAMES,
	[HVISOR_VNET_A_COALESCE_RX_ADAPTIVE] = NLA_POLICY_MAX(NLA_U32, 1),
};

static const struct nla_policy
hvnet_nl_zone_get[HVISOR_VNET_A_ZONE_MAX + 1] = {
	[HVISOR_VNET_A_ZONE_ID] = { .type = NLA_U32 },
};

static const struct nla_policy
hvnet_nl_zone_new[HVISOR_VNET_A_ZONE_MAX + 1] = {
	[HVISOR_VNET_A_ZONE_ID] = { .type = NLA_U32 },
	[HVISOR_VNET_A_ZONE_RAM] = NLA_POLICY_NESTED(hvnet_nl_range),
};

static const struct nla_policy
hvnet_nl_zone_del[HVISOR_VNET_A_ZONE_MAX + 1] = {
	[HVISOR_VNET_A_ZONE_ID] = { .type = NLA_U32 },
};

static const struct nla_policy
hvnet_nl_zone_set[HVISOR_VNET_A_ZONE_MAX + 1] = {
	[HVISOR_VNET_A_ZONE_ID] = { .type = NLA_U32 },
	[HVISOR_VNET_A_ZONE_QUIESCED] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy
hvnet_nl_dev_get[HVISOR_VNET_A_DEV_MAX + 1] = {
	[HVISOR_VNET_A_DEV_ZONE] = { .type = NLA_U32 },
	[HVISOR_VNET_A_DEV_ADDRESS] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_IFINDEX] = HVNET_NL_IFINDEX,
	[HVISOR_VNET_A_DEV_IFNAME] = HVNET_NL_IFNAME,
};

static const struct nla_policy
hvnet_nl_dev_new[HVISOR_VNET_A_DEV_MAX + 1] = {
	[HVISOR_VNET_A_DEV_ZONE] = { .type = NLA_U32 },
	[HVISOR_VNET_A_DEV_ADDRESS] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_LENGTH] = HVNET_NL_LENGTH,
	[HVISOR_VNET_A_DEV_IRQ] = { .type = NLA_U32 },
	[HVISOR_VNET_A_DEV_MAC] = HVNET_NL_MAC,
	[HVISOR_VNET_A_DEV_IFNAME] = HVNET_NL_IFNAME,
	[HVISOR_VNET_A_DEV_MTU] = HVNET_NL_MTU,
	[HVISOR_VNET_A_DEV_QUEUE_SIZE] = HVNET_NL_QUEUE_SIZE,
	[HVISOR_VNET_A_DEV_OFFERED] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_COALESCE] = NLA_POLICY_NESTED(hvnet_nl_coalesce),
	[HVISOR_VNET_A_DEV_CPU] = { .type = NLA_S32 },
};

static const struct nla_policy
hvnet_nl_dev_del[HVISOR_VNET_A_DEV_MAX + 1] = {
	[HVISOR_VNET_A_DEV_ZONE] = { .type = NLA_U32 },
	[HVISOR_VNET_A_DEV_ADDRESS] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_IFINDEX] = HVNET_NL_IFINDEX,
	[HVISOR_VNET_A_DEV_IFNAME] = HVNET_NL_IFNAME,
};

static const struct nla_policy
hvnet_nl_dev_set[HVISOR_VNET_A_DEV_MAX + 1] = {
	[HVISOR_VNET_A_DEV_ZONE] = { .type = NLA_U32 },
	[HVISOR_VNET_A_DEV_ADDRESS] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_IFINDEX] = HVNET_NL_IFINDEX,
	[HVISOR_VNET_A_DEV_IFNAME] = HVNET_NL_IFNAME,
	[HVISOR_VNET_A_DEV_MAC] = HVNET_NL_MAC,
	[HVISOR_VNET_A_DEV_MTU] = HVNET_NL_MTU,
	[HVISOR_VNET_A_DEV_OFFERED] = { .type = NLA_U64 },
	[HVISOR_VNET_A_DEV_COALESCE] = NLA_POLICY_NESTED(hvnet_nl_coalesce),
	[HVISOR_VNET_A_DEV_CPU] = { .type = NLA_S32 },
};

static const struct nla_policy
hvnet_nl_hv_get[HVISOR_VNET_A_HV_MAX + 1] = {
};

static const struct nla_policy
hvnet_nl_hv_set[HVISOR_VNET_A_HV_MAX + 1] = {
	[HVISOR_VNET_A_HV_BACKEND] = { .type = NLA_S32 },
};

static const struct nla_policy
hvnet_nl_hv_reattach[HVISOR_VNET_A_HV_MAX + 1] = {
};

/*
 * Refusals. The sentence is read when the answer is made, after the request's
 * handler has returned, and older kernels have no room for it in their extack.
 * A task has one answer under way at a time: so there is a text for each task
 * that was refused something, until it is gone.
 */
struct hvnet_nl_words {
	struct list_head node;
	struct pid *task;
	char text[sizeof_field(struct hvnet_reason, text)];
};

static LIST_HEAD(hvnet_nl_spoken);
static DEFINE_MUTEX(hvnet_nl_spoken_lock);	/* hvnet_nl_spoken; innermost */

static void hvnet_nl_forget(struct hvnet_nl_words *words)
{
	list_del(&words->node);
	put_pid(words->task);
	kfree(words);
}

static bool hvnet_nl_gone(struct pid *task)
{
	bool gone;

	rcu_read_lock();
	gone = !pid_task(task, PIDTYPE_PID);
	rcu_read_unlock();
	return gone;
}

/* The current task's, if it has one; those of tasks that are gone are freed. */
static struct hvnet_nl_words *hvnet_nl_words_mine(void)
{
	struct hvnet_nl_words *words, *next, *mine = NULL;

	list_for_each_entry_safe(words, next, &hvnet_nl_spoken, node)
		if (words->task == task_pid(current))
			mine = words;
		else if (hvnet_nl_gone(words->task))
			hvnet_nl_forget(words);
	return mine;
}

static const char *hvnet_nl_keep(const char *text)
{
	struct hvnet_nl_words *words;

	mutex_lock(&hvnet_nl_spoken_lock);
	words = hvnet_nl_words_mine();
	if (!words) {
		words = kzalloc(sizeof(*words), GFP_KERNEL);
		if (!words)
			goto out;
		words->task = get_task_pid(current, PIDTYPE_PID);
		list_add(&words->node, &hvnet_nl_spoken);
	}
	strscpy(words->text, text, sizeof(words->text));
out:
	mutex_unlock(&hvnet_nl_spoken_lock);
	return words ? words->text : "refused, and out of memory";
}

static const int hvnet_nl_zone_fields[HVNET_FIELDS] = {
	[HVNET_FIELD_ZONE] = HVISOR_VNET_A_ZONE_ID,
	[HVNET_FIELD_RAM] = HVISOR_VNET_A_ZONE_RAM,
	[HVNET_FIELD_QUIESCE] = HVISOR_VNET_A_ZONE_QUIESCED,
};

static const int hvnet_nl_dev_fields[HVNET_FIELDS] = {
	[HVNET_FIELD_ZONE] = HVISOR_VNET_A_DEV_ZONE,
	[HVNET_FIELD_ADDR] = HVISOR_VNET_A_DEV_ADDRESS,
	[HVNET_FIELD_LEN] = HVISOR_VNET_A_DEV_LENGTH,
	[HVNET_FIELD_IRQ] = HVISOR_VNET_A_DEV_IRQ,
	[HVNET_FIELD_QUEUE] = HVISOR_VNET_A_DEV_QUEUE_SIZE,
	[HVNET_FIELD_MTU] = HVISOR_VNET_A_DEV_MTU,
	[HVNET_FIELD_MAC] = HVISOR_VNET_A_DEV_MAC,
	[HVNET_FIELD_NAME] = HVISOR_VNET_A_DEV_IFNAME,
	[HVNET_FIELD_OFFERED] = HVISOR_VNET_A_DEV_OFFERED,
	[HVNET_FIELD_IFINDEX] = HVISOR_VNET_A_DEV_IFINDEX,
	[HVNET_FIELD_COALESCE] = HVISOR_VNET_A_DEV_COALESCE,
	[HVNET_FIELD_CPU] = HVISOR_VNET_A_DEV_CPU,
};

static const int hvnet_nl_hv_fields[HVNET_FIELDS] = {
	[HVNET_FIELD_BACKEND] = HVISOR_VNET_A_HV_BACKEND,
};

/* The range of RAM that begins there in root. */
static const struct nlattr *hvnet_nl_find_range(struct genl_info *info, u64 root)
{
	const struct nlattr *attr, *in;
	int left, in_left;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != HVISOR_VNET_A_ZONE_RAM)
			continue;
		nla_for_each_nested(in, attr, in_left)
			if (nla_type(in) == HVISOR_VNET_A_RANGE_ROOT &&
			    nla_get_u64(in) == root)
				return attr;
	}
	return NULL;
}

/* Answer with the sentence, and with the attribute that is to blame. */
static int hvnet_nl_refused(struct genl_info *info, const int *fields,
			    const struct hvnet_reason *why, int err)
{
	const int type = fields[why->field];
	const struct nlattr *attr = type ? info->attrs[type] : NULL;

	if (why->field == HVNET_FIELD_RAM)
		attr = hvnet_nl_find_range(info, why->range);
	info->extack->_msg = hvnet_nl_keep(why->text);
	if (attr)
		NL_SET_BAD_ATTR(info->extack, attr);
	else if (type && !info->extack->bad_attr)
		hvnet_nl_set_missing(info->extack, type);
	return err;
}

static int hvnet_nl_zone_refused(struct genl_info *info,
				 const struct hvnet_reason *why, int err)
{
	return err ? hvnet_nl_refused(info, hvnet_nl_zone_fields, why, err) : 0;
}

static int hvnet_nl_dev_refused(struct genl_info *info,
				const struct hvnet_reason *why, int err)
{
	return err ? hvnet_nl_refused(info, hvnet_nl_dev_fields, why, err) : 0;
}

static int hvnet_nl_hv_refused(struct genl_info *info,
			       const struct hvnet_reason *why, int err)
{
	return err ? hvnet_nl_refused(info, hvnet_nl_hv_fields, why, err) : 0;
}

/* An attribute without which a request means nothing. */
static int hvnet_nl_need(struct genl_info *info, int type, const char *name,
			 enum hvnet_field field, struct hvnet_reason *why)
{
	if (info->attrs[type])
		return 0;
	return hvnet_refuse_field(why, field, -EINVAL, "%s is missing", name);
}

static int hvnet_nl_need_init_net(const struct net *net,
				  struct hvnet_reason *why)
{
	if (net_eq(net, &init_net))
		return 0;
	return hvnet_refuse(why, -EOPNOTSUPP,
			    "zones and the hypervisor are seen from the initial network namespace only");
}

/* Messages. */

static int hvnet_nl_put_range(struct sk_buff *skb,
			      const struct hvnet_range *range)
{
	struct nlattr *nest = nla_nest_start(skb, HVISOR_VNET_A_ZONE_RAM);
	const int pad = HVISOR_VNET_A_RANGE_PAD;

	if (!nest ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_RANGE_ROOT, range->pa, pad) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_RANGE_GUEST, range->ipa, pad) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_RANGE_SIZE, range->size, pad))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Under hvnet_lock. */
static int hvnet_nl_put_zone(struct sk_buff *skb, const struct hvnet_zone *zone)
{
	unsigned int i;

	if (nla_put_u32(skb, HVISOR_VNET_A_ZONE_ID, zone->id) ||
	    nla_put_u8(skb, HVISOR_VNET_A_ZONE_QUIESCED,
		       hvnet_zone_quiesced(zone)) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_ZONE_REQUESTS,
			      READ_ONCE(zone->requests),
			      HVISOR_VNET_A_ZONE_PAD))
		return -EMSGSIZE;
	for (i = 0; i < zone->mem.n; i++)
		if (hvnet_nl_put_range(skb, &zone->mem.range[i]))
			return -EMSGSIZE;
	return 0;
}

/*
 * What a device is called, without rtnl: one that is being renamed may show
 * some of both names.
 */
static int hvnet_nl_put_name(struct sk_buff *skb, const struct hvnet_dev *dev)
{
	char name[IFNAMSIZ];

	strscpy(name, dev->netdev->name, sizeof(name));
	return nla_put_u32(skb, HVISOR_VNET_A_DEV_ZONE, dev->zone->id) ||
	       nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_ADDRESS, dev->addr,
				 HVISOR_VNET_A_DEV_PAD) ||
	       nla_put_u32(skb, HVISOR_VNET_A_DEV_IFINDEX,
			   dev->netdev->ifindex) ||
	       nla_put_string(skb, HVISOR_VNET_A_DEV_IFNAME, name) ||
	       nla_put_u32(skb, HVISOR_VNET_A_DEV_STATUS,
			   READ_ONCE(dev->mmio.status)) ? -EMSGSIZE : 0;
}

static int hvnet_nl_put_coalesce(struct sk_buff *skb,
				 const struct hvnet_coalescing *c)
{
	struct nlattr *nest = nla_nest_start(skb, HVISOR_VNET_A_DEV_COALESCE);

	if (!nest ||
	    nla_put_u32(skb, HVISOR_VNET_A_COALESCE_TX_USECS, c->tx.usecs) ||
	    nla_put_u32(skb, HVISOR_VNET_A_COALESCE_TX_FRAMES, c->tx.frames) ||
	    nla_put_u32(skb, HVISOR_VNET_A_COALESCE_RX_USECS, c->rx.usecs) ||
	    nla_put_u32(skb, HVISOR_VNET_A_COALESCE_RX_FRAMES, c->rx.frames) ||
	    nla_put_u32(skb, HVISOR_VNET_A_COALESCE_RX_ADAPTIVE, c->rx_adaptive))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int hvnet_nl_put_dev(struct sk_buff *skb, const struct hvnet_dev *dev)
{
	const struct hvnet_mmio *m = &dev->mmio;
	const int pad = HVISOR_VNET_A_DEV_PAD;
	struct hvnet_dev_params p;

	hvnet_dev_params_now(dev, &p);
	if (hvnet_nl_put_name(skb, dev) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_LENGTH, p.len, pad) ||
	    nla_put_u32(skb, HVISOR_VNET_A_DEV_IRQ, p.irq) ||
	    nla_put(skb, HVISOR_VNET_A_DEV_MAC, ETH_ALEN, m->config.mac) ||
	    nla_put_u32(skb, HVISOR_VNET_A_DEV_MTU, p.mtu) ||
	    nla_put_u32(skb, HVISOR_VNET_A_DEV_QUEUE_SIZE, p.queue_max) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_OFFERED, p.offered, pad) ||
	    nla_put_u64_64bit(skb, HVISOR_VNET_A_DEV_NEGOTIATED,
			      READ_ONCE(m->features), pad) ||
	    nla_put_u32(skb, HVISOR_VNET_A_DEV_INTERRUPT_STATUS,
			atomic_read(&m->isr)))
		return -EMSGSIZE;
	if (p.cpu != HVNET_NO_CPU &&
	    nla_put_s32(skb, HVISOR_VNET_A_DEV_CPU, p.cpu))
		return -EMSGSIZE;
	return hvnet_nl_put_coalesce(skb, &p.coalesce);
}

static int hvnet_nl_put_counters(struct sk_buff *skb,
				 const struct hvnet_dev *dev)
{
	struct nlattr *nest = nla_nest_start(skb, HVISOR_VNET_A_DEV_COUNTERS);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < HVNET_DEV_COUNTERS; i++) {
		const struct hvnet_counter *c = &hvnet_dev_counters[i];

		if (c->name &&
		    nla_put_u64_64bit(skb, i, c->read(dev, c->which),
				      HVISOR_VNET_A_COUNTERS_PAD))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* Under hvnet_lock. */
static int hvnet_nl_put_page_counters(struct sk_buff *skb,
				      const struct hvpage *hp)
{
	struct nlattr *nest = nla_nest_start(skb, HVISOR_VNET_A_HV_COUNTERS);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < HVNET_PAGE_COUNTERS; i++) {
		const struct hvnet_page_counter *c = &hvnet_page_counters[i];

		if (c->name &&
		    nla_put_u64_64bit(skb, i, hvpage_counter(hp, c->which),
				      HVISOR_VNET_A_HV_COUNTERS_PAD))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int hvnet_nl_put_hv(struct sk_buff *skb)
{
	return nla_put_u8(skb, HVISOR_VNET_A_HV_TAKEN_OVER, hvnet_taken_over()) ||
	       nla_put_u8(skb, HVISOR_VNET_A_HV_DAEMON, hvnet_daemon_served()) ?
	       -EMSGSIZE : 0;
}

/* Answers. */

static int hvnet_nl_fill_zone(struct sk_buff *skb, u32 portid, u32 seq,
			      int flags, struct netlink_callback *cb,
			      const struct hvnet_zone *zone)
{
	void *hdr = genlmsg_put(skb, portid, seq, &hvnet_family, flags,
				HVISOR_VNET_CMD_ZONE_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);
	if (hvnet_nl_put_zone(skb, zone)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int hvnet_nl_fill_dev(struct sk_buff *skb, u32 portid, u32 seq,
			     int flags, u8 cmd, struct netlink_callback *cb,
			     const struct hvnet_dev *dev)
{
	void *hdr = genlmsg_put(skb, portid, seq, &hvnet_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, hdr);
	if (hvnet_nl_put_dev(skb, dev) || hvnet_nl_put_counters(skb, dev)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static struct sk_buff *hvnet_nl_answer_new(struct hvnet_reason *why)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		hvnet_refuse(why, -ENOMEM, "out of memory");
	return skb;
}

/* Zones. */

static struct hvnet_zone *hvnet_nl_zone(struct genl_info *info,
					struct hvnet_reason *why)
{
	return hvnet_zone_named(nla_get_u32(info->attrs[HVISOR_VNET_A_ZONE_ID]),
				why);
}

/* What every request about one zone needs. */
static int hvnet_nl_zone_check(struct genl_info *info, struct hvnet_reason *why)
{
	return hvnet_nl_need_init_net(genl_info_net(info), why) ?:
	       hvnet_nl_need(info, HVISOR_VNET_A_ZONE_ID, "id",
			     HVNET_FIELD_ZONE, why);
}

static int hvnet_nl_zone_get_doit(struct sk_buff *request,
				  struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_zone *zone;
	struct sk_buff *skb;
	int err = hvnet_nl_zone_check(info, &why);

	if (err)
		return hvnet_nl_zone_refused(info, &why, err);
	skb = hvnet_nl_answer_new(&why);
	if (!skb)
		return hvnet_nl_zone_refused(info, &why, -ENOMEM);
	mutex_lock(&hvnet_lock);
	zone = hvnet_nl_zone(info, &why);
	err = zone ? hvnet_nl_fill_zone(skb, info->snd_portid, info->snd_seq, 0,
					NULL, zone) : -ENOENT;
	mutex_unlock(&hvnet_lock);
	if (err) {
		nlmsg_free(skb);
		return hvnet_nl_zone_refused(info, &why, err);
	}
	return genlmsg_reply(skb, info);
}

/*
 * Refuse a dump, when it begins: not in .start, where there is no extack in
 * older kernels. Nothing may be asked of one but what it can do.
 */
static int hvnet_nl_dump_check(struct netlink_callback *cb, int max, int allowed)
{
	struct nlattr **attrs = hvnet_dump_attrs(cb);
	int type;

	for (type = 1; attrs && type <= max; type++)
		if (type != allowed && attrs[type]) {
			NL_SET_ERR_MSG_ATTR(cb->extack, attrs[type],
					    "a dump does not select by this");
			return -EINVAL;
		}
	return 0;
}

static int hvnet_nl_zone_dump_check(struct netlink_callback *cb)
{
	struct hvnet_reason why;
	int err = hvnet_nl_need_init_net(sock_net(cb->skb->sk), &why);

	if (!err)
		return hvnet_nl_dump_check(cb, HVISOR_VNET_A_ZONE_MAX, 0);
	cb->extack->_msg = hvnet_nl_keep(why.text);
	return err;
}

static int hvnet_nl_zone_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	const struct hvnet_zone *zone;
	int err = hvnet_nl_zone_dump_check(cb);
	long n = 0;

	if (err)
		return err;
	mutex_lock(&hvnet_lock);
	cb->seq = hvnet_generation;
	list_for_each_entry(zone, &hvnet_zones, node) {
		if (n++ < cb->args[0])
			continue;
		err = hvnet_nl_fill_zone(skb, NETLINK_CB(cb->skb).portid,
					 cb->nlh->nlmsg_seq, NLM_F_MULTI, cb,
					 zone);
		if (err)
			break;
		cb->args[0] = n;
	}
	mutex_unlock(&hvnet_lock);
	return skb->len ?: err;
}

static int hvnet_nl_parse_range(const struct nlattr *attr,
				struct hvnet_memory *mem,
				struct hvnet_reason *why)
{
	struct hvnet_range *range = hvnet_memory_next(mem, why);
	struct nlattr *tb[HVISOR_VNET_A_RANGE_MAX + 1];

	if (!range)
		return -E2BIG;
	/* Validated with the message. */
	nla_parse_nested(tb, HVISOR_VNET_A_RANGE_MAX, attr, NULL, NULL);
	if (!tb[HVISOR_VNET_A_RANGE_ROOT] || !tb[HVISOR_VNET_A_RANGE_GUEST] ||
	    !tb[HVISOR_VNET_A_RANGE_SIZE])
		return hvnet_refuse_field(why, HVNET_FIELD_RAM, -EINVAL,
					  "a range of RAM needs root, guest and size");
	range->pa = nla_get_u64(tb[HVISOR_VNET_A_RANGE_ROOT]);
	range->ipa = nla_get_u64(tb[HVISOR_VNET_A_RANGE_GUEST]);
	range->size = nla_get_u64(tb[HVISOR_VNET_A_RANGE_SIZE]);
	mem->n++;
	return 0;
}

static int hvnet_nl_parse_ram(struct genl_info *info, struct hvnet_memory *mem,
			      struct hvnet_reason *why)
{
	const struct nlattr *attr;
	int left, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, left) {
		if (nla_type(attr) != HVISOR_VNET_A_ZONE_RAM)
			continue;
		err = hvnet_nl_parse_range(attr, mem, why);
		if (err) {
			NL_SET_BAD_ATTR(info->extack, attr);
			return err;
		}
	}
	return 0;
}

static int hvnet_nl_zone_new_doit(struct sk_buff *request,
				  struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_memory *mem;
	int err = hvnet_nl_zone_check(info, &why);
	u32 id;

	if (err)
		return hvnet_nl_zone_refused(info, &why, err);
	id = nla_get_u32(info->attrs[HVISOR_VNET_A_ZONE_ID]);
	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		err = hvnet_refuse(&why, -ENOMEM, "out of memory");
	else
		err = hvnet_nl_parse_ram(info, mem, &why);
	if (!err)
		err = PTR_ERR_OR_ZERO(hvnet_zone_create(id, mem, &why));
	kfree(mem);
	return hvnet_nl_zone_refused(info, &why, err);
}

static int hvnet_nl_zone_del_doit(struct sk_buff *request,
				  struct genl_info *info)
{
	struct hvnet_reason why = {};
	int err = hvnet_nl_zone_check(info, &why);

	if (!err)
		err = hvnet_zone_remove(nla_get_u32(info->attrs[HVISOR_VNET_A_ZONE_ID]),
					&why);
	return hvnet_nl_zone_refused(info, &why, err);
}

static int hvnet_nl_zone_rest(struct hvnet_zone *zone, bool rest,
			      struct hvnet_reason *why)
{
	if (rest)
		return hvnet_zone_quiesce(zone, why);
	hvnet_zone_release(zone);
	return 0;
}

static int hvnet_nl_zone_set_doit(struct sk_buff *request,
				  struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_zone *zone;
	int err;

	err = hvnet_nl_zone_check(info, &why) ?:
	      hvnet_nl_need(info, HVISOR_VNET_A_ZONE_QUIESCED, "quiesced",
			    HVNET_FIELD_QUIESCE, &why);
	if (err)
		return hvnet_nl_zone_refused(info, &why, err);
	mutex_lock(&hvnet_lock);
	zone = hvnet_nl_zone(info, &why);
	err = zone ? hvnet_nl_zone_rest(zone,
					nla_get_u8(info->attrs[HVISOR_VNET_A_ZONE_QUIESCED]),
					&why) : -ENOENT;
	mutex_unlock(&hvnet_lock);
	return hvnet_nl_zone_refused(info, &why, err);
}

/* Devices. */

static bool hvnet_nl_sees(const struct net *net, const struct hvnet_dev *dev)
{
	return !READ_ONCE(dev->unplugged) && net_eq(net, dev_net(dev->netdev));
}

/* Is this the device that a request names? All that it says must be so. */
static bool hvnet_nl_dev_named(struct genl_info *info,
			       const struct hvnet_dev *dev)
{
	const struct nlattr *zone = info->attrs[HVISOR_VNET_A_DEV_ZONE];
	const struct nlattr *addr = info->attrs[HVISOR_VNET_A_DEV_ADDRESS];
	const struct nlattr *index = info->attrs[HVISOR_VNET_A_DEV_IFINDEX];
	const struct nlattr *name = info->attrs[HVISOR_VNET_A_DEV_IFNAME];

	return hvnet_nl_sees(genl_info_net(info), dev) &&
	       (!zone || nla_get_u32(zone) == dev->zone->id) &&
	       (!addr || nla_get_u64(addr) == dev->addr) &&
	       (!index || nla_get_u32(index) == dev->netdev->ifindex) &&
	       (!name || !nla_strcmp(name, netdev_name(dev->netdev)));
}

/* By what a request names its device, first of all. */
static enum hvnet_field hvnet_nl_dev_name(struct genl_info *info)
{
	if (info->attrs[HVISOR_VNET_A_DEV_IFNAME])
		return HVNET_FIELD_NAME;
	if (info->attrs[HVISOR_VNET_A_DEV_IFINDEX])
		return HVNET_FIELD_IFINDEX;
	return HVNET_FIELD_ADDR;
}

/* Under hvnet_lock and rtnl: interfaces get other names and namespaces there. */
static struct hvnet_dev *hvnet_nl_dev_find(struct genl_info *info)
{
	struct hvnet_zone *zone;
	struct hvnet_dev *dev;

	list_for_each_entry(zone, &hvnet_zones, node)
		list_for_each_entry(dev, &zone->devices, node)
			if (hvnet_nl_dev_named(info, dev))
				return dev;
	return NULL;
}

/* Under hvnet_lock. Return: the device, or NULL. */
static struct hvnet_dev *hvnet_nl_dev(struct genl_info *info,
				      struct hvnet_reason *why)
{
	struct hvnet_dev *dev;

	rtnl_lock();
	dev = hvnet_nl_dev_find(info);
	rtnl_unlock();
	if (!dev)
		hvnet_refuse_field(why, hvnet_nl_dev_name(info), -ENOENT,
				   "there is no such device in this network namespace");
	return dev;
}

/* A request must name one device: by its interface, or by its place. */
static int hvnet_nl_dev_check(struct genl_info *info, struct hvnet_reason *why)
{
	if (info->attrs[HVISOR_VNET_A_DEV_IFINDEX] ||
	    info->attrs[HVISOR_VNET_A_DEV_IFNAME])
		return 0;
	if (!info->attrs[HVISOR_VNET_A_DEV_ZONE] &&
	    !info->attrs[HVISOR_VNET_A_DEV_ADDRESS])
		return hvnet_refuse_field(why, HVNET_FIELD_NAME, -EINVAL,
					  "no device is named: ifname, or ifindex, or zone and address are needed");
	return hvnet_nl_need(info, HVISOR_VNET_A_DEV_ZONE, "zone",
			     HVNET_FIELD_ZONE, why) ?:
	       hvnet_nl_need(info, HVISOR_VNET_A_DEV_ADDRESS, "address",
			     HVNET_FIELD_ADDR, why);
}

static int hvnet_nl_dev_get_doit(struct sk_buff *request,
				 struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_dev *dev;
	struct sk_buff *skb;
	int err = hvnet_nl_dev_check(info, &why);

	if (err)
		return hvnet_nl_dev_refused(info, &why, err);
	skb = hvnet_nl_answer_new(&why);
	if (!skb)
		return hvnet_nl_dev_refused(info, &why, -ENOMEM);
	mutex_lock(&hvnet_lock);
	dev = hvnet_nl_dev(info, &why);
	err = dev ? hvnet_nl_fill_dev(skb, info->snd_portid, info->snd_seq, 0,
				      HVISOR_VNET_CMD_DEV_GET, NULL, dev) :
		    -ENOENT;
	mutex_unlock(&hvnet_lock);
	if (err) {
		nlmsg_free(skb);
		return hvnet_nl_dev_refused(info, &why, err);
	}
	return genlmsg_reply(skb, info);
}

/* Does a dump show this device? */
static bool hvnet_nl_dev_shown(struct netlink_callback *cb,
			       const struct hvnet_dev *dev)
{
	struct nlattr **attrs = hvnet_dump_attrs(cb);
	const struct nlattr *zone =
		attrs ? attrs[HVISOR_VNET_A_DEV_ZONE] : NULL;

	return hvnet_nl_sees(sock_net(cb->skb->sk), dev) &&
	       (!zone || nla_get_u32(zone) == dev->zone->id);
}

/* The devices of a zone from number cb->args[0] on; @n is its first one's. */
static int hvnet_nl_dump_zone(struct sk_buff *skb, struct netlink_callback *cb,
			      const struct hvnet_zone *zone, long *n)
{
	const struct hvnet_dev *dev;
	int err;

	list_for_each_entry(dev, &zone->devices, node) {
		if ((*n)++ < cb->args[0] || !hvnet_nl_dev_shown(cb, dev))
			continue;
		err = hvnet_nl_fill_dev(skb, NETLINK_CB(cb->skb).portid,
					cb->nlh->nlmsg_seq, NLM_F_MULTI,
					HVISOR_VNET_CMD_DEV_GET, cb, dev);
		if (err)
			return err;
		cb->args[0] = *n;
	}
	return 0;
}

static int hvnet_nl_dev_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb)
{
	const struct hvnet_zone *zone;
	long n = 0;
	int err;

	err = hvnet_nl_dump_check(cb, HVISOR_VNET_A_DEV_MAX,
				  HVISOR_VNET_A_DEV_ZONE);
	if (err)
		return err;
	mutex_lock(&hvnet_lock);
	rtnl_lock();
	cb->seq = hvnet_generation;
	list_for_each_entry(zone, &hvnet_zones, node) {
		err = hvnet_nl_dump_zone(skb, cb, zone, &n);
		if (err)
			break;
	}
	rtnl_unlock();
	mutex_unlock(&hvnet_lock);
	return skb->len ?: err;
}

/* What is not said stays as it is. Validated with the message. */
static void hvnet_nl_parse_coalesce(const struct nlattr *attr,
				    struct hvnet_coalescing *c)
{
	struct nlattr *tb[HVISOR_VNET_A_COALESCE_MAX + 1];

	nla_parse_nested(tb, HVISOR_VNET_A_COALESCE_MAX, attr, NULL, NULL);
	if (tb[HVISOR_VNET_A_COALESCE_TX_USECS])
		c->tx.usecs = nla_get_u32(tb[HVISOR_VNET_A_COALESCE_TX_USECS]);
	if (tb[HVISOR_VNET_A_COALESCE_TX_FRAMES])
		c->tx.frames = nla_get_u32(tb[HVISOR_VNET_A_COALESCE_TX_FRAMES]);
	if (tb[HVISOR_VNET_A_COALESCE_RX_USECS])
		c->rx.usecs = nla_get_u32(tb[HVISOR_VNET_A_COALESCE_RX_USECS]);
	if (tb[HVISOR_VNET_A_COALESCE_RX_FRAMES])
		c->rx.frames = nla_get_u32(tb[HVISOR_VNET_A_COALESCE_RX_FRAMES]);
	if (tb[HVISOR_VNET_A_COALESCE_RX_ADAPTIVE])
		c->rx_adaptive = nla_get_u32(tb[HVISOR_VNET_A_COALESCE_RX_ADAPTIVE]);
}

/* What a device may be born with and may be given later. */
static int hvnet_nl_parse_change(struct genl_info *info,
				 struct hvnet_dev_params *p,
				 unsigned long *fields,
				 struct hvnet_reason *why)
{
	struct nlattr **attrs = info->attrs;

	if (attrs[HVISOR_VNET_A_DEV_MTU]) {
		p->mtu = nla_get_u32(attrs[HVISOR_VNET_A_DEV_MTU]);
		*fields |= BIT(HVNET_FIELD_MTU);
	}
	if (attrs[HVISOR_VNET_A_DEV_OFFERED]) {
		p->offered = nla_get_u64(attrs[HVISOR_VNET_A_DEV_OFFERED]);
		*fields |= BIT(HVNET_FIELD_OFFERED);
	}
	if (attrs[HVISOR_VNET_A_DEV_COALESCE]) {
		hvnet_nl_parse_coalesce(attrs[HVISOR_VNET_A_DEV_COALESCE],
					&p->coalesce);
		*fields |= BIT(HVNET_FIELD_COALESCE);
	}
	if (attrs[HVISOR_VNET_A_DEV_CPU]) {
		p->cpu = nla_get_s32(attrs[HVISOR_VNET_A_DEV_CPU]);
		*fields |= BIT(HVNET_FIELD_CPU);
	}
	if (!attrs[HVISOR_VNET_A_DEV_MAC])
		return 0;
	*fields |= BIT(HVNET_FIELD_MAC);
	return hvnet_dev_params_mac(p, nla_data(attrs[HVISOR_VNET_A_DEV_MAC]),
				    why);
}

static int hvnet_nl_parse_dev(struct genl_info *info,
			      struct hvnet_dev_params *p,
			      struct hvnet_reason *why)
{
	struct nlattr **attrs = info->attrs;
	unsigned long fields = 0;
	int err;

	err = hvnet_nl_need(info, HVISOR_VNET_A_DEV_ZONE, "zone",
			    HVNET_FIELD_ZONE, why) ?:
	      hvnet_nl_need(info, HVISOR_VNET_A_DEV_ADDRESS, "address",
			    HVNET_FIELD_ADDR, why) ?:
	      hvnet_nl_need(info, HVISOR_VNET_A_DEV_IRQ, "irq",
			    HVNET_FIELD_IRQ, why) ?:
	      hvnet_nl_parse_change(info, p, &fields, why);
	if (err)
		return err;
	p->zone = nla_get_u32(attrs[HVISOR_VNET_A_DEV_ZONE]);
	p->addr = nla_get_u64(attrs[HVISOR_VNET_A_DEV_ADDRESS]);
	p->irq = nla_get_u32(attrs[HVISOR_VNET_A_DEV_IRQ]);
	if (attrs[HVISOR_VNET_A_DEV_LENGTH])
		p->len = nla_get_u64(attrs[HVISOR_VNET_A_DEV_LENGTH]);
	if (attrs[HVISOR_VNET_A_DEV_QUEUE_SIZE])
		p->queue_max = nla_get_u32(attrs[HVISOR_VNET_A_DEV_QUEUE_SIZE]);
	if (!attrs[HVISOR_VNET_A_DEV_IFNAME])
		return 0;
	return hvnet_dev_params_name(p, nla_data(attrs[HVISOR_VNET_A_DEV_IFNAME]),
				     why);
}

static int hvnet_nl_dev_new_doit(struct sk_buff *request,
				 struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_dev_params p;
	struct hvnet_dev *dev;
	struct sk_buff *skb;
	int err;

	hvnet_dev_params_init(&p, genl_info_net(info));
	err = hvnet_nl_parse_dev(info, &p, &why);
	if (err)
		return hvnet_nl_dev_refused(info, &why, err);
	/* What was made must not be in vain for want of an answer. */
	skb = hvnet_nl_answer_new(&why);
	if (!skb)
		return hvnet_nl_dev_refused(info, &why, -ENOMEM);
	mutex_lock(&hvnet_lock);
	dev = hvnet_dev_create(&p, &why);
	err = IS_ERR(dev) ? PTR_ERR(dev) :
	      hvnet_nl_fill_dev(skb, info->snd_portid, info->snd_seq, 0,
				HVISOR_VNET_CMD_DEV_NEW, NULL, dev);
	mutex_unlock(&hvnet_lock);
	if (err) {
		nlmsg_free(skb);
		return hvnet_nl_dev_refused(info, &why, err);
	}
	return genlmsg_reply(skb, info);
}

static int hvnet_nl_dev_del_doit(struct sk_buff *request,
				 struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_dev *dev;
	int err = hvnet_nl_dev_check(info, &why);

	if (err)
		return hvnet_nl_dev_refused(info, &why, err);
	mutex_lock(&hvnet_lock);
	dev = hvnet_nl_dev(info, &why);
	if (dev)
		hvnet_dev_destroy(dev);
	mutex_unlock(&hvnet_lock);
	return hvnet_nl_dev_refused(info, &why, dev ? 0 : -ENOENT);
}

/* Under hvnet_lock. */
static int hvnet_nl_dev_change(struct genl_info *info, struct hvnet_dev *dev,
			       struct hvnet_reason *why)
{
	struct hvnet_dev_params p;
	unsigned long fields = 0;
	int err;

	hvnet_dev_params_now(dev, &p);
	err = hvnet_nl_parse_change(info, &p, &fields, why);
	if (err)
		return err;
	if (!fields)
		return hvnet_refuse(why, -EINVAL,
				    "nothing to change: none of mac, mtu, offered, coalesce and cpu is there");
	return hvnet_dev_change(dev, &p, fields, why);
}

static int hvnet_nl_dev_set_doit(struct sk_buff *request,
				 struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct hvnet_dev *dev;
	int err = hvnet_nl_dev_check(info, &why);

	if (err)
		return hvnet_nl_dev_refused(info, &why, err);
	mutex_lock(&hvnet_lock);
	dev = hvnet_nl_dev(info, &why);
	err = dev ? hvnet_nl_dev_change(info, dev, &why) : -ENOENT;
	mutex_unlock(&hvnet_lock);
	return hvnet_nl_dev_refused(info, &why, err);
}

/* The hypervisor. */

/* Under hvnet_lock. */
static int hvnet_nl_fill_hv(struct sk_buff *skb, struct genl_info *info)
{
	const struct hvpage *hp = hvnet_page();
	void *hdr = genlmsg_put_reply(skb, info, &hvnet_family, 0,
				      HVISOR_VNET_CMD_HV_GET);

	if (!hdr || hvnet_nl_put_hv(skb))
		return -EMSGSIZE;
	if (hp && (nla_put_string(skb, HVISOR_VNET_A_HV_CONDUIT,
				  hvpage_conduit_name(hp)) ||
		   hvnet_nl_put_page_counters(skb, hp)))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

static int hvnet_nl_hv_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct hvnet_reason why = {};
	struct sk_buff *skb;
	int err = hvnet_nl_need_init_net(genl_info_net(info), &why);

	if (err)
		return hvnet_nl_hv_refused(info, &why, err);
	skb = hvnet_nl_answer_new(&why);
	if (!skb)
		return hvnet_nl_hv_refused(info, &why, -ENOMEM);
	mutex_lock(&hvnet_lock);
	err = hvnet_nl_fill_hv(skb, info);
	mutex_unlock(&hvnet_lock);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

/*
 * A file, not a path: opening one might load a module, and that might wait for
 * generic netlink, which waits for us.
 */
static int hvnet_nl_set_backend(int fd, struct hvnet_reason *why)
{
	struct file *file;

	if (fd == -1)
		return hvnet_daemon_set_backend(NULL, "", why);
	file = fget(fd);
	if (!file)
		return hvnet_refuse_field(why, HVNET_FIELD_BACKEND, -EBADF,
					  "%d is no open file", fd);
	return hvnet_daemon_set_backend(file, "the file", why);
}

static int hvnet_nl_hv_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct hvnet_reason why = {};
	int err;

	err = hvnet_nl_need_init_net(genl_info_net(info), &why) ?:
	      hvnet_nl_need(info, HVISOR_VNET_A_HV_BACKEND, "backend",
			    HVNET_FIELD_BACKEND, &why);
	if (!err)
		err = hvnet_nl_set_backend(nla_get_s32(info->attrs[HVISOR_VNET_A_HV_BACKEND]),
					   &why);
	return hvnet_nl_hv_refused(info, &why, err);
}

static int hvnet_nl_hv_reattach_doit(struct sk_buff *request,
				     struct genl_info *info)
{
	struct hvnet_reason why = {};
	int err;

	err = hvnet_nl_need_init_net(genl_info_net(info), &why) ?:
	      hvnet_reattach(&why);
	return hvnet_nl_hv_refused(info, &why, err);
}

/* Notifications. */

static struct sk_buff *hvnet_nl_news(struct net *net, u8 cmd, void **hdr)
{
	struct sk_buff *skb;

	if (!net || !genl_has_listeners(&hvnet_family, net, 0))
		return NULL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (skb)
		*hdr = genlmsg_put(skb, 0, 0, &hvnet_family, 0, cmd);
	else
		genl_set_err(&hvnet_family, net, 0, 0, -ENOBUFS);
	return skb;
}

/* Send it, or say that something was lost. */
static void hvnet_nl_spread(struct net *net, struct sk_buff *skb, void *hdr,
			    int err)
{
	if (err) {
		nlmsg_free(skb);
		genl_set_err(&hvnet_family, net, 0, 0, -ENOBUFS);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&hvnet_family, net, skb, 0, 0, GFP_ATOMIC);
}

/**
 * hvnet_tell_hv - something happened between the hypervisor and us
 * @cmd: what
 *
 * Context: any but hard interrupt.
 */
void hvnet_tell_hv(u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = hvnet_nl_news(&init_net, cmd, &hdr);
	if (skb)
		hvnet_nl_spread(&init_net, skb, hdr, hvnet_nl_put_hv(skb));
}

/**
 * hvnet_tell_zone - something happened to a zone
 * @zone: the zone
 * @cmd: what
 *
 * Context: process, under hvnet_lock.
 */
void hvnet_tell_zone(const struct hvnet_zone *zone, u8 cmd)
{
	struct sk_buff *skb;
	void *hdr;

	skb = hvnet_nl_news(&init_net, cmd, &hdr);
	if (skb)
		hvnet_nl_spread(&init_net, skb, hdr,
				hvnet_nl_put_zone(skb, zone));
}

/*
 * Where those are who care for a device. Under rcu_read_lock(), and for as long:
 * an interface is unplugged before it is unregistered, and a namespace goes after
 * its interfaces have; both wait for readers. Return: NULL without an interface.
 */
static struct net *hvnet_nl_net(const struct hvnet_dev *dev)
{
	return READ_ONCE(dev->unplugged) ? NULL : dev_net(dev->netdev);
}

/**
 * hvnet_tell_dev - something happened to a device
 * @dev: the device
 * @cmd: what
 *
 * Context: process.
 */
void hvnet_tell_dev(const struct hvnet_dev *dev, u8 cmd)
{
	struct sk_buff *skb;
	struct net *net;
	void *hdr;

	rcu_read_lock();
	net = hvnet_nl_net(dev);
	skb = hvnet_nl_news(net, cmd, &hdr);
	if (skb)
		hvnet_nl_spread(net, skb, hdr, hvnet_nl_put_dev(skb, dev));
	rcu_read_unlock();
}

/**
 * hvnet_tell_broken - a guest broke a queue
 * @dev: the device
 * @broken: how
 *
 * Context: process.
 */
void hvnet_tell_broken(const struct hvnet_dev *dev,
		       const struct hvnet_breakage *broken)
{
	struct sk_buff *skb;
	struct net *net;
	void *hdr;

	rcu_read_lock();
	net = hvnet_nl_net(dev);
	skb = hvnet_nl_news(net, HVISOR_VNET_CMD_DEV_NEEDS_RESET_NTF, &hdr);
	if (skb)
		hvnet_nl_spread(net, skb, hdr,
				hvnet_nl_put_name(skb, dev) ||
				nla_put_string(skb, HVISOR_VNET_A_DEV_QUEUE,
					       broken->queue) ||
				nla_put_string(skb, HVISOR_VNET_A_DEV_REASON,
					       broken->what));
	rcu_read_unlock();
}

/**
 * hvnet_tell_stall - a guest does not go on
 * @dev: the device
 * @stall: what it does not do
 *
 * Context: process.
 */
void hvnet_tell_stall(const struct hvnet_dev *dev, enum hvisor_vnet_stall stall)
{
	struct sk_buff *skb;
	struct net *net;
	void *hdr;

	rcu_read_lock();
	net = hvnet_nl_net(dev);
	skb = hvnet_nl_news(net, HVISOR_VNET_CMD_DEV_STALL_NTF, &hdr);
	if (skb)
		hvnet_nl_spread(net, skb, hdr,
				hvnet_nl_put_name(skb, dev) ||
				nla_put_u32(skb, HVISOR_VNET_A_DEV_STALL,
					    stall));
	rcu_read_unlock();
}

/* The family. */

#define HVNET_NL_OP(_cmd, _name)					\
	.cmd = HVISOR_VNET_CMD_##_cmd,					\
	.policy = hvnet_nl_##_name,					\
	.maxattr = ARRAY_SIZE(hvnet_nl_##_name) - 1,			\
	.doit = hvnet_nl_##_name##_doit

static const struct genl_ops hvnet_nl_ops[] = {
	{
		HVNET_NL_OP(ZONE_GET, zone_get),
		.dumpit = hvnet_nl_zone_get_dumpit,
	},
	{ HVNET_NL_OP(ZONE_NEW, zone_new), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(ZONE_DEL, zone_del), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(ZONE_SET, zone_set), .flags = GENL_ADMIN_PERM },
	{
		HVNET_NL_OP(DEV_GET, dev_get),
		.dumpit = hvnet_nl_dev_get_dumpit,
	},
	{ HVNET_NL_OP(DEV_NEW, dev_new), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(DEV_DEL, dev_del), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(DEV_SET, dev_set), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(HV_GET, hv_get) },
	{ HVNET_NL_OP(HV_SET, hv_set), .flags = GENL_ADMIN_PERM },
	{ HVNET_NL_OP(HV_REATTACH, hv_reattach), .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group hvnet_nl_groups[] = {
	{ .name = HVISOR_VNET_MCGRP_EVENTS },
};

/* No resv_start_op: reserved fields are checked in all requests. */
static struct genl_family hvnet_family __ro_after_init = {
	.name = HVISOR_VNET_FAMILY_NAME,
	.version = HVISOR_VNET_FAMILY_VERSION,
	.module = THIS_MODULE,
	.netnsok = true,
	/* A zone that is quiesced takes a second, which others need not wait. */
	.parallel_ops = true,
	.ops = hvnet_nl_ops,
	.n_ops = ARRAY_SIZE(hvnet_nl_ops),
	.mcgrps = hvnet_nl_groups,
	.n_mcgrps = ARRAY_SIZE(hvnet_nl_groups),
};

/**
 * hvnet_netlink_init - offer the family
 *
 * Context: process, once. Return: 0 or a negative errno.
 */
int hvnet_netlink_init(void)
{
	return genl_register_family(&hvnet_family);
}

/**
 * hvnet_netlink_exit - withdraw the family: nothing is told any more
 *
 * Context: process.
 */
void hvnet_netlink_exit(void)
{
	struct hvnet_nl_words *words, *next;

	genl_unregister_family(&hvnet_family);
	/* No answer is under way any more. */
	list_for_each_entry_safe(words, next, &hvnet_nl_spoken, node)
		hvnet_nl_forget(words);
}
