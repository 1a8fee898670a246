// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family as a test sees it: see nlclient.h.
 */
#include "nlclient.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NLMSGERR_ATTR_MISS_TYPE		/* newer than some C libraries */
#define NLMSGERR_ATTR_MISS_TYPE	5
#endif

static __attribute__((__noreturn__)) void nlc_die(const char *what)
{
	printf("Bail out! netlink: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	exit(1);
}

/* Attributes. */

const struct nlattr *nlc_first(const struct nlmsghdr *n)
{
	return (const void *)((const char *)NLMSG_DATA(n) + GENL_HDRLEN);
}

const struct nlattr *nlc_next(const struct nlattr *attr)
{
	return (const void *)((const char *)attr + NLA_ALIGN(attr->nla_len));
}

bool nlc_ok(const struct nlattr *attr, const void *end)
{
	const char *at = (const char *)attr;

	return at + NLA_HDRLEN <= (const char *)end &&
	       attr->nla_len >= NLA_HDRLEN &&
	       at + attr->nla_len <= (const char *)end;
}

/* Messages. */

void nlc_begin(struct nlc_msg *m, const struct nlc *c, uint8_t cmd,
	       uint16_t flags)
{
	struct genlmsghdr *g = NLMSG_DATA(&m->n);

	memset(m, 0, sizeof(*m));
	m->n.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m->n.nlmsg_type = c->family;
	m->n.nlmsg_flags = NLM_F_REQUEST | flags;
	g->cmd = cmd;
	g->version = HVISOR_VNET_FAMILY_VERSION;
}

void *nlc_put(struct nlc_msg *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = (void *)(m->bytes + NLMSG_ALIGN(m->n.nlmsg_len));

	if (NLMSG_ALIGN(m->n.nlmsg_len) + NLA_ALIGN(NLA_HDRLEN + len) > NLC_SIZE)
		nlc_die("the message is too long");
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((char *)attr + NLA_HDRLEN, data, len);
	m->n.nlmsg_len = NLMSG_ALIGN(m->n.nlmsg_len) + NLA_ALIGN(attr->nla_len);
	return attr;
}

void nlc_put_u8(struct nlc_msg *m, uint16_t type, uint8_t value)
{
	nlc_put(m, type, &value, sizeof(value));
}

void nlc_put_u32(struct nlc_msg *m, uint16_t type, uint32_t value)
{
	nlc_put(m, type, &value, sizeof(value));
}

void nlc_put_u64(struct nlc_msg *m, uint16_t type, uint64_t value)
{
	nlc_put(m, type, &value, sizeof(value));
}

struct nlattr *nlc_nest(struct nlc_msg *m, uint16_t type)
{
	return nlc_put(m, type | NLA_F_NESTED, NULL, 0);
}

void nlc_nest_end(struct nlc_msg *m, struct nlattr *nest)
{
	nest->nla_len = m->bytes + m->n.nlmsg_len - (char *)nest;
}

/* Asking. */

static void nlc_send(struct nlc *c, struct nlc_msg *m)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	m->n.nlmsg_seq = ++c->seq;
	if (sendto(c->fd, m, m->n.nlmsg_len, 0, (void *)&kernel,
		   sizeof(kernel)) != (ssize_t)m->n.nlmsg_len)
		nlc_die("sending");
}

static size_t nlc_recv(struct nlc *c, struct nlc_msg *m)
{
	ssize_t len = recv(c->fd, m, sizeof(*m), 0);

	if (len < 0)
		nlc_die("receiving");
	return len;
}

/* The attribute of a request at an offset, and the one around it. */
static void nlc_find(const struct nlc_msg *m, unsigned int offset,
		     struct nlc_answer *a)
{
	const struct nlattr *attr, *in;

	a->attr = -1;
	a->which = 0;
	for (attr = nlc_first(&m->n); nlc_ok(attr, nlc_end(&m->n));
	     attr = nlc_next(attr)) {
		a->which++;
		if ((const char *)attr == m->bytes + offset) {
			a->attr = nlc_type(attr);
			return;
		}
		if (!(attr->nla_type & NLA_F_NESTED))
			continue;
		for (in = nlc_data(attr); nlc_ok(in, nlc_attr_end(attr));
		     in = nlc_next(in)) {
			if ((const char *)in != m->bytes + offset)
				continue;
			a->attr = nlc_type(in);
			a->nest = nlc_type(attr);
			return;
		}
	}
}

static void nlc_read_error(const struct nlc_msg *request,
			   const struct nlmsghdr *n, struct nlc_answer *a)
{
	const bool done = n->nlmsg_type == NLMSG_DONE;
	const struct nlmsgerr *e = NLMSG_DATA(n);
	const struct nlattr *attr;

	a->err = e->error;
	if (!(n->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* The socket has asked not to be told its own words again. */
	attr = done ? (const void *)(&e->error + 1) : (const void *)(e + 1);
	for (; nlc_ok(attr, nlc_end(n));
	     attr = nlc_next(attr)) {
		const uint32_t *value = nlc_data(attr);

		if (nlc_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(a->text, sizeof(a->text), "%s",
				 (const char *)nlc_data(attr));
		else if (nlc_type(attr) == NLMSGERR_ATTR_OFFS)
			nlc_find(request, *value, a);
		else if (nlc_type(attr) == NLMSGERR_ATTR_MISS_TYPE)
			a->missing = *value;
	}
}

/* Return whether more is to come. */
static bool nlc_read_answer(struct nlc *c, const struct nlc_msg *request,
			    const struct nlmsghdr *n, struct nlc_answer *a,
			    nlc_reply_fn fn, void *arg)
{
	if (n->nlmsg_seq != c->seq)
		return true;
	if (n->nlmsg_type == NLMSG_ERROR || n->nlmsg_type == NLMSG_DONE) {
		nlc_read_error(request, n, a);
		return false;
	}
	if (fn)
		fn(n, arg);
	return true;
}

void nlc_ask(struct nlc *c, struct nlc_msg *m, struct nlc_answer *a,
	     nlc_reply_fn fn, void *arg)
{
	static struct nlc_msg got;
	const struct nlmsghdr *n;
	bool more = true;
	int left;

	memset(a, 0, sizeof(*a));
	if (!(m->n.nlmsg_flags & NLM_F_DUMP))
		m->n.nlmsg_flags |= NLM_F_ACK;
	nlc_send(c, m);
	while (more) {
		left = nlc_recv(c, &got);
		for (n = &got.n; more && NLMSG_OK(n, (unsigned int)left);
		     n = NLMSG_NEXT(n, left))
			more = nlc_read_answer(c, m, n, a, fn, arg);
	}
}

bool nlc_event(struct nlc *c, struct nlc_msg *m, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (poll(&p, 1, ms) != 1)
		return false;
	nlc_recv(c, m);
	return true;
}

/* The socket. */

static void nlc_read_group(struct nlc *c, const struct nlattr *groups)
{
	const struct nlattr *group, *attr;

	for (group = nlc_data(groups); nlc_ok(group, nlc_attr_end(groups));
	     group = nlc_next(group))
		for (attr = nlc_data(group); nlc_ok(attr, nlc_attr_end(group));
		     attr = nlc_next(attr))
			if (nlc_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
				c->group = *(const uint32_t *)nlc_data(attr);
}

static void nlc_read_family(const struct nlmsghdr *n, void *arg)
{
	const struct nlattr *attr;
	struct nlc *c = arg;

	for (attr = nlc_first(n); nlc_ok(attr, nlc_end(n)); attr = nlc_next(attr))
		if (nlc_type(attr) == CTRL_ATTR_FAMILY_ID)
			c->family = *(const uint16_t *)nlc_data(attr);
		else if (nlc_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			nlc_read_group(c, attr);
}

void nlc_open(struct nlc *c)
{
	struct nlc_answer a;
	struct nlc_msg m;
	int on = 1;

	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (c->fd < 0 ||
	    setsockopt(c->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    setsockopt(c->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)))
		nlc_die("socket");
	c->family = GENL_ID_CTRL;
	nlc_begin(&m, c, CTRL_CMD_GETFAMILY, 0);
	nlc_put(&m, CTRL_ATTR_FAMILY_NAME, HVISOR_VNET_FAMILY_NAME,
		sizeof(HVISOR_VNET_FAMILY_NAME));
	nlc_ask(c, &m, &a, nlc_read_family, c);
	if (a.err) {
		errno = -a.err;
		nlc_die("there is no family " HVISOR_VNET_FAMILY_NAME);
	}
}

void nlc_close(struct nlc *c)
{
	close(c->fd);
}

void nlc_listen(struct nlc *c)
{
	if (setsockopt(c->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &c->group,
		       sizeof(c->group)))
		nlc_die("joining the group of events");
}
