// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink, as far as hvnet needs it: see nl.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nl.h"

static struct mnl_socket *nl_socket;
static int nl_family;
static unsigned int nl_seq;
/* Of the kernel's messages none is larger. */
static char nl_received[32768] __attribute__((aligned(4)));

/* Requests. */

static void begin(struct nl_request *r, int family, int cmd, int flags)
{
	struct genlmsghdr *genl;

	r->full = false;
	r->hdr = mnl_nlmsg_put_header(r->buf);
	r->hdr->nlmsg_type = family;
	r->hdr->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->hdr->nlmsg_seq = ++nl_seq;
	genl = mnl_nlmsg_put_extra_header(r->hdr, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
}

void nl_begin(struct nl_request *r, int cmd, int flags)
{
	begin(r, nl_family, cmd, flags);
}

void nl_put(struct nl_request *r, int type, const void *data, size_t len)
{
	if (!mnl_attr_put_check(r->hdr, sizeof(r->buf), type, len, data))
		r->full = true;
}

void nl_put_u8(struct nl_request *r, int type, uint8_t value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_u32(struct nl_request *r, int type, uint32_t value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_u64(struct nl_request *r, int type, uint64_t value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_string(struct nl_request *r, int type, const char *text)
{
	nl_put(r, type, text, strlen(text) + 1);
}

struct nlattr *nl_nest(struct nl_request *r, int type)
{
	struct nlattr *nest = mnl_attr_nest_start_check(r->hdr, sizeof(r->buf),
							type);

	if (!nest)
		r->full = true;
	return nest;
}

void nl_nest_end(struct nl_request *r, struct nlattr *nest)
{
	if (nest)
		mnl_attr_nest_end(r->hdr, nest);
}

/* Attributes. */

struct table {
	struct nlattr **attrs;
	int max;
};

static int sort_in(const struct nlattr *attr, void *arg)
{
	const struct table *t = arg;

	if (mnl_attr_get_type(attr) <= t->max)
		t->attrs[mnl_attr_get_type(attr)] = (struct nlattr *)attr;
	return MNL_CB_OK;
}

static struct table empty_table(struct nlattr **attrs, int max)
{
	memset(attrs, 0, (max + 1) * sizeof(*attrs));
	return (struct table){ attrs, max };
}

void nl_parse_nested(struct nlattr **attrs, int max, const struct nlattr *nest)
{
	struct table t = empty_table(attrs, max);

	mnl_attr_parse_nested(nest, sort_in, &t);
}

/* One of 8 bits or 32; 0 if it is not there. */
uint32_t nl_u32(const struct nlattr *attr)
{
	if (!attr)
		return 0;
	return mnl_attr_get_payload_len(attr) < sizeof(uint32_t) ?
	       mnl_attr_get_u8(attr) : mnl_attr_get_u32(attr);
}

uint64_t nl_u64(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u64(attr) : 0;
}

const char *nl_string(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_str(attr) : "";
}

int nl_cmd(const struct nlmsghdr *hdr)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(hdr);

	return genl->cmd;
}

/* Answers. */

/* A request under way, or who listens. */
struct call {
	const struct nl_request *request;	/* NULL: for news */
	nl_fn fn;
	void *arg;
	struct nl_refusal *why;
	int result;
};

static int deliver(const struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *attrs[NL_ATTRS + 1];
	struct table t = empty_table(attrs, NL_ATTRS);
	struct call *c = arg;

	if (c->request ? hdr->nlmsg_seq != c->request->hdr->nlmsg_seq :
			 hdr->nlmsg_type != nl_family)
		return MNL_CB_OK;
	mnl_attr_parse(hdr, sizeof(struct genlmsghdr), sort_in, &t);
	if (c->fn)
		c->result |= c->fn(hdr, attrs, c->arg);
	return MNL_CB_OK;
}

static bool is_in(const struct nlattr *attr, const char *where)
{
	return where >= (char *)attr && where < (char *)attr + attr->nla_len;
}

/* What stands at @offset of the request: an attribute, maybe in another. */
static void blame(const struct nl_request *r, uint32_t offset,
		  struct nl_refusal *why)
{
	const char *where = (char *)r->hdr + offset;
	const struct nlattr *attr, *nested;

	mnl_attr_for_each(attr, r->hdr, sizeof(struct genlmsghdr)) {
		if (!is_in(attr, where))
			continue;
		why->attr = mnl_attr_get_type(attr);
		if (!(attr->nla_type & NLA_F_NESTED))
			continue;
		mnl_attr_for_each_nested(nested, attr)
			if (is_in(nested, where))
				why->nested = mnl_attr_get_type(nested);
	}
}

/*
 * The request's end, which is an errno, what belongs to that, @size bytes with
 * it, and attributes. Capped: the request does not come back with it.
 */
static int finish(struct call *c, const struct nlmsghdr *hdr, size_t size)
{
	const int *error = mnl_nlmsg_get_payload(hdr);
	struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	struct table t = empty_table(attrs, NLMSGERR_ATTR_MAX);

	if (hdr->nlmsg_seq != c->request->hdr->nlmsg_seq)
		return MNL_CB_OK;
	if (!*error)
		return MNL_CB_STOP;
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(hdr, size, sort_in, &t);
	c->why->err = -*error;
	snprintf(c->why->text, sizeof(c->why->text), "%s",
		 attrs[NLMSGERR_ATTR_MSG] ? nl_string(attrs[NLMSGERR_ATTR_MSG]) :
					    strerror(c->why->err));
	if (attrs[NLMSGERR_ATTR_OFFS])
		blame(c->request, nl_u32(attrs[NLMSGERR_ATTR_OFFS]), c->why);
	c->result = -1;
	return MNL_CB_STOP;
}

static int on_error(const struct nlmsghdr *hdr, void *arg)
{
	return finish(arg, hdr, sizeof(struct nlmsgerr));
}

static int on_done(const struct nlmsghdr *hdr, void *arg)
{
	return finish(arg, hdr, sizeof(int));
}

static int complain(struct nl_refusal *why, int err)
{
	why->err = err;
	snprintf(why->text, sizeof(why->text), "netlink: %s", strerror(err));
	return -1;
}

/* Take in what has come. Return: MNL_CB_OK, or MNL_CB_STOP after the last. */
static int take(struct call *c)
{
	static mnl_cb_t ends[] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	ssize_t n = mnl_socket_recvfrom(nl_socket, nl_received,
					sizeof(nl_received));

	if (n < 0)
		return MNL_CB_ERROR;
	return mnl_cb_run2(nl_received, n, 0, 0, deliver, c, ends,
			   c->request ? MNL_ARRAY_SIZE(ends) : 0);
}

/*
 * Send a request, and call @fn for whatever is answered. Return: 0, what @fn
 * returned, or -1 with @why filled in.
 */
int nl_call(struct nl_request *r, nl_fn fn, void *arg, struct nl_refusal *why)
{
	struct call c = { r, fn, arg, why, 0 };
	int more;

	memset(why, 0, sizeof(*why));
	if (r->full)
		return complain(why, EMSGSIZE);
	if (mnl_socket_sendto(nl_socket, r->hdr, r->hdr->nlmsg_len) < 0)
		return complain(why, errno);
	do {
		more = take(&c);
		if (more == MNL_CB_ERROR && errno != EINTR)
			return complain(why, errno);
	} while (more != MNL_CB_STOP);
	return c.result;
}

/*
 * Call @fn for what comes of the group next. Return: 0, what @fn returned, or -1
 * with errno set: ENOBUFS if something was lost, or EINTR.
 */
int nl_listen(nl_fn fn, void *arg)
{
	struct call c = { NULL, fn, arg, NULL, 0 };

	return take(&c) == MNL_CB_ERROR ? -1 : c.result;
}

/* The family and its group. */

struct lookup {
	const char *group;
	int group_id;
};

static void find_group(const struct nlattr *groups, struct lookup *l)
{
	struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, groups) {
		nl_parse_nested(tb, CTRL_ATTR_MCAST_GRP_MAX, attr);
		if (!strcmp(nl_string(tb[CTRL_ATTR_MCAST_GRP_NAME]), l->group))
			l->group_id = nl_u32(tb[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

static int found(const struct nlmsghdr *hdr, struct nlattr **attrs, void *arg)
{
	struct lookup *l = arg;

	(void)hdr;
	if (attrs[CTRL_ATTR_FAMILY_ID])
		nl_family = mnl_attr_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	if (l->group && attrs[CTRL_ATTR_MCAST_GROUPS])
		find_group(attrs[CTRL_ATTR_MCAST_GROUPS], l);
	return 0;
}

static int open_socket(void)
{
	int on = 1;

	nl_socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl_socket)
		return -1;
	/* Kernels without them refuse with less of a reason. */
	mnl_socket_setsockopt(nl_socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl_socket, NETLINK_CAP_ACK, &on, sizeof(on));
	if (!mnl_socket_bind(nl_socket, 0, MNL_SOCKET_AUTOPID))
		return 0;
	nl_close();
	return -1;
}

/*
 * Find the family, and listen to the group unless it is NULL. Return: 0, or -1
 * with errno set; ENOENT if there is no such family.
 */
int nl_open(const char *family, const char *group)
{
	struct lookup l = { .group = group };
	struct nl_refusal why = {};
	struct nl_request r;

	if (open_socket())
		return -1;
	begin(&r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	nl_put_string(&r, CTRL_ATTR_FAMILY_NAME, family);
	if (nl_call(&r, found, &l, &why)) {
		nl_close();
		errno = why.err;
		return -1;
	}
	if (!group)
		return 0;
	return mnl_socket_setsockopt(nl_socket, NETLINK_ADD_MEMBERSHIP,
				     &l.group_id, sizeof(l.group_id));
}

void nl_close(void)
{
	mnl_socket_close(nl_socket);
	nl_socket = NULL;
}
