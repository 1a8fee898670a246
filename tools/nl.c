// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink, as far as hvnet needs it: see nl.h.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nl.h"

/* Of the kernel's messages none is larger. */
#define RECEIVE_MAX	32768

static int nl_fd = -1;
static int nl_family;
static __u32 nl_seq;
static const struct nlmsghdr *nl_current;	/* while an nl_fn runs */

/* Requests. */

static void *tail(struct nl_request *r)
{
	return (char *)r->hdr + NLMSG_ALIGN(r->hdr->nlmsg_len);
}

static void begin(struct nl_request *r, int family, int cmd, int flags)
{
	struct genlmsghdr *genl;

	memset(r->buf, 0, sizeof(r->buf));
	r->hdr = (struct nlmsghdr *)r->buf;
	r->hdr->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	r->hdr->nlmsg_type = family;
	r->hdr->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->hdr->nlmsg_seq = ++nl_seq;
	genl = NLMSG_DATA(r->hdr);
	genl->cmd = cmd;
	genl->version = 1;
}

void nl_begin(struct nl_request *r, int cmd, int flags)
{
	begin(r, nl_family, cmd, flags);
}

void nl_put(struct nl_request *r, int type, const void *data, size_t len)
{
	struct nlattr *attr = tail(r);

	/* What hvnet asks for fits, by far; strings have been looked at. */
	if ((char *)attr + NLA_HDRLEN + NLA_ALIGN(len) > r->buf + sizeof(r->buf))
		return;
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	r->hdr->nlmsg_len = NLMSG_ALIGN(r->hdr->nlmsg_len) +
			    NLA_ALIGN(attr->nla_len);
}

void nl_put_u8(struct nl_request *r, int type, __u8 value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_u32(struct nl_request *r, int type, __u32 value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_u64(struct nl_request *r, int type, __u64 value)
{
	nl_put(r, type, &value, sizeof(value));
}

void nl_put_string(struct nl_request *r, int type, const char *text)
{
	nl_put(r, type, text, strlen(text) + 1);
}

struct nlattr *nl_nest(struct nl_request *r, int type)
{
	struct nlattr *nest = tail(r);

	nl_put(r, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void nl_nest_end(struct nl_request *r, struct nlattr *nest)
{
	nest->nla_len = (char *)tail(r) - (char *)nest;
}

/* Attributes. */

const void *nl_data(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

size_t nl_len(const struct nlattr *attr)
{
	return attr->nla_len - NLA_HDRLEN;
}

bool nl_ok(const struct nlattr *attr, size_t len)
{
	return len >= sizeof(*attr) && attr->nla_len >= sizeof(*attr) &&
	       attr->nla_len <= len;
}

void *nl_next(const struct nlattr *attr, size_t *len)
{
	size_t n = NLA_ALIGN((size_t)attr->nla_len);

	*len -= n < *len ? n : *len;
	return (char *)attr + n;
}

void nl_parse(struct nlattr **attrs, int max, const void *at, size_t len)
{
	struct nlattr *attr;
	int type;

	memset(attrs, 0, (max + 1) * sizeof(*attrs));
	for (attr = (void *)at; nl_ok(attr, len); attr = nl_next(attr, &len)) {
		type = attr->nla_type & NLA_TYPE_MASK;
		if (type <= max)
			attrs[type] = attr;
	}
}

void nl_parse_nested(struct nlattr **attrs, int max, const struct nlattr *nest)
{
	nl_parse(attrs, max, nl_data(nest), nl_len(nest));
}

/* One of 8 bits or 32; 0 if it is not there. */
__u32 nl_u32(const struct nlattr *attr)
{
	__u32 value = 0;

	if (attr)
		memcpy(&value, nl_data(attr), nl_len(attr) < 4 ? 1 : 4);
	return value;
}

__u64 nl_u64(const struct nlattr *attr)
{
	__u64 value = 0;

	if (attr && nl_len(attr) >= sizeof(value))
		memcpy(&value, nl_data(attr), sizeof(value));
	return value;
}

const char *nl_string(const struct nlattr *attr)
{
	return attr ? nl_data(attr) : "";
}

const struct nlattr *nl_first(size_t *len)
{
	*len = nl_current->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	return (void *)((char *)NLMSG_DATA(nl_current) + GENL_HDRLEN);
}

/* Answers. */

static int deliver(const struct nlmsghdr *hdr, nl_fn fn, void *arg)
{
	const struct genlmsghdr *genl = NLMSG_DATA(hdr);
	struct nlattr *attrs[NL_ATTRS + 1];
	const struct nlattr *first;
	size_t len;

	if (!fn || hdr->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return 0;
	nl_current = hdr;
	first = nl_first(&len);
	nl_parse(attrs, NL_ATTRS, first, len);
	return fn(genl->cmd, attrs, arg);
}

/* The attribute among those from @at on that @where is in, or NULL. */
static const struct nlattr *attr_at(const void *at, size_t len, const char *where)
{
	const struct nlattr *attr;

	for (attr = at; nl_ok(attr, len); attr = nl_next(attr, &len))
		if (where >= (char *)attr &&
		    where < (char *)attr + attr->nla_len)
			return attr;
	return NULL;
}

/* What stands at @offset of the request: an attribute, maybe in another. */
static void blame(const struct nl_request *r, __u32 offset,
		  struct nl_refusal *why)
{
	const char *from = (char *)NLMSG_DATA(r->hdr) + GENL_HDRLEN;
	const char *where = (char *)r->hdr + offset;
	const struct nlattr *attr =
		attr_at(from, r->hdr->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), where);

	if (!attr)
		return;
	why->attr = attr->nla_type & NLA_TYPE_MASK;
	if (!(attr->nla_type & NLA_F_NESTED))
		return;
	attr = attr_at(nl_data(attr), nl_len(attr), where);
	if (attr)
		why->nested = attr->nla_type & NLA_TYPE_MASK;
}

/* Behind @error and what belongs to it, @size bytes, are attributes. */
static void read_refusal(const struct nl_request *r, const struct nlmsghdr *hdr,
			 const int *error, size_t size, struct nl_refusal *why)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1] = {};

	/* Capped: the request does not come back with it. */
	if (hdr->nlmsg_flags & NLM_F_ACK_TLVS)
		nl_parse(tb, NLMSGERR_ATTR_MAX, (const char *)error + size,
			 hdr->nlmsg_len - NLMSG_LENGTH(size));
	why->err = -*error;
	snprintf(why->text, sizeof(why->text), "%s",
		 tb[NLMSGERR_ATTR_MSG] ? nl_string(tb[NLMSGERR_ATTR_MSG]) :
					 strerror(why->err));
	if (tb[NLMSGERR_ATTR_OFFS])
		blame(r, nl_u32(tb[NLMSGERR_ATTR_OFFS]), why);
}

/* One message; true if it was the last. */
static bool take(const struct nl_request *r, const struct nlmsghdr *hdr,
		 nl_fn fn, void *arg, struct nl_refusal *why, int *result)
{
	/* Both begin with it. */
	const int *error = NLMSG_DATA(hdr);

	if (hdr->nlmsg_seq != r->hdr->nlmsg_seq)
		return false;
	if (hdr->nlmsg_type == NLMSG_ERROR) {
		if (*error)
			read_refusal(r, hdr, error, sizeof(struct nlmsgerr),
				     why);
		*result = *error ? -1 : *result;
		return true;
	}
	if (hdr->nlmsg_type == NLMSG_DONE) {
		if (*error)
			read_refusal(r, hdr, error, sizeof(*error), why);
		*result = *error ? -1 : *result;
		return true;
	}
	*result |= deliver(hdr, fn, arg);
	return false;
}

static int complain(struct nl_refusal *why)
{
	why->err = errno;
	snprintf(why->text, sizeof(why->text), "netlink: %s", strerror(errno));
	return -1;
}

/*
 * Send a request, and call @fn for whatever is answered. Return: 0, what @fn
 * returned, or -1 with @why filled in.
 */
int nl_call(struct nl_request *r, nl_fn fn, void *arg, struct nl_refusal *why)
{
	static char buf[RECEIVE_MAX] __attribute__((aligned(4)));
	const struct nlmsghdr *hdr;
	bool last = false;
	int result = 0;
	ssize_t n;

	memset(why, 0, sizeof(*why));
	if (send(nl_fd, r->hdr, r->hdr->nlmsg_len, 0) < 0)
		return complain(why);
	while (!last) {
		n = recv(nl_fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain(why);
		for (hdr = (void *)buf; !last && NLMSG_OK(hdr, (size_t)n);
		     hdr = NLMSG_NEXT(hdr, n))
			last = take(r, hdr, fn, arg, why, &result);
	}
	return result;
}

/*
 * Call @fn for what comes of the group. Return: 0, what @fn returned, or -1 with
 * errno set: ENOBUFS if something was lost, EINTR, or EAGAIN if time is up.
 */
int nl_listen(nl_fn fn, void *arg, int timeout_ms)
{
	static char buf[RECEIVE_MAX] __attribute__((aligned(4)));
	struct pollfd p = { .fd = nl_fd, .events = POLLIN };
	const struct nlmsghdr *hdr;
	int result = 0;
	ssize_t n;

	n = poll(&p, 1, timeout_ms);
	if (!n)
		errno = EAGAIN;
	if (n > 0)
		n = recv(nl_fd, buf, sizeof(buf), 0);
	if (n <= 0)
		return -1;
	for (hdr = (void *)buf; NLMSG_OK(hdr, (size_t)n);
	     hdr = NLMSG_NEXT(hdr, n))
		if (hdr->nlmsg_type == nl_family)
			result |= deliver(hdr, fn, arg);
	return result;
}

/* The family and its group. */

struct lookup {
	const char *group;
	__u32 group_id;
};

static void find_group(const struct nlattr *groups, struct lookup *l)
{
	struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];
	struct nlattr *attr = (void *)nl_data(groups);
	size_t len = nl_len(groups);

	for (; nl_ok(attr, len); attr = nl_next(attr, &len)) {
		nl_parse_nested(tb, CTRL_ATTR_MCAST_GRP_MAX, attr);
		if (!strcmp(nl_string(tb[CTRL_ATTR_MCAST_GRP_NAME]), l->group))
			l->group_id = nl_u32(tb[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

static int found(int cmd, struct nlattr **attrs, void *arg)
{
	struct lookup *l = arg;
	__u16 id;

	(void)cmd;
	if (!attrs[CTRL_ATTR_FAMILY_ID])
		return 0;
	memcpy(&id, nl_data(attrs[CTRL_ATTR_FAMILY_ID]), sizeof(id));
	nl_family = id;
	if (l->group && attrs[CTRL_ATTR_MCAST_GROUPS])
		find_group(attrs[CTRL_ATTR_MCAST_GROUPS], l);
	return 0;
}

static int open_socket(void)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const int on = 1;

	nl_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl_fd < 0)
		return -1;
	setsockopt(nl_fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return connect(nl_fd, (const void *)&kernel, sizeof(kernel));
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
	return setsockopt(nl_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			  &l.group_id, sizeof(l.group_id));
}

void nl_close(void)
{
	close(nl_fd);
	nl_fd = -1;
}
