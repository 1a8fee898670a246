/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The netlink family as a test sees it: messages made attribute by attribute,
 * rightly or as wrongly as a test needs, and answers with all that they say of a
 * refusal.  Without a library, which would not let a test lie.  What must not
 * fail ends the program.
 */
#ifndef HVNET_NLCLIENT_H
#define HVNET_NLCLIENT_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvisor_vnet_netlink.h"

/**
 * struct nlc - a socket
 * @fd: it
 * @family: number of the family
 * @group: number of its group "events"
 * @seq: of the last request
 */
struct nlc {
	int fd;
	uint16_t family;
	uint32_t group;
	uint32_t seq;
};

#define NLC_SIZE	16384

/**
 * struct nlc_msg - a message that is being made
 * @n: its header, and the rest of it
 */
struct nlc_msg {
	union {
		struct nlmsghdr n;
		char bytes[NLC_SIZE];
	};
};

/**
 * struct nlc_answer - what became of a request
 * @err: 0 or a negative errno
 * @text: the sentence of a refusal, "" without one
 * @attr: type of the attribute that is to blame; 0 if none is, -1 if what is
 *	pointed to is no attribute of the request
 * @which: which attribute of the request that is, from 1 on
 * @nest: type of the attribute around that; 0 if there is none
 * @missing: type of one that is missing
 */
struct nlc_answer {
	int err;
	char text[300];
	int attr;
	int which;
	int nest;
	int missing;
};

typedef void (*nlc_reply_fn)(const struct nlmsghdr *n, void *arg);

void nlc_open(struct nlc *c);
void nlc_close(struct nlc *c);
void nlc_listen(struct nlc *c);

void nlc_begin(struct nlc_msg *m, const struct nlc *c, uint8_t cmd,
	       uint16_t flags);
void *nlc_put(struct nlc_msg *m, uint16_t type, const void *data, size_t len);
void nlc_put_u8(struct nlc_msg *m, uint16_t type, uint8_t value);
void nlc_put_u32(struct nlc_msg *m, uint16_t type, uint32_t value);
void nlc_put_u64(struct nlc_msg *m, uint16_t type, uint64_t value);
struct nlattr *nlc_nest(struct nlc_msg *m, uint16_t type);
void nlc_nest_end(struct nlc_msg *m, struct nlattr *nest);

/* Sends it; each message of the reply goes to @fn. */
void nlc_ask(struct nlc *c, struct nlc_msg *m, struct nlc_answer *a,
	     nlc_reply_fn fn, void *arg);
/* One event, waited for. Return whether there was one. */
bool nlc_event(struct nlc *c, struct nlc_msg *m, int ms);

/* Attributes of what has come. */
const struct nlattr *nlc_first(const struct nlmsghdr *n);
const struct nlattr *nlc_next(const struct nlattr *attr);
bool nlc_ok(const struct nlattr *attr, const void *end);

static inline const void *nlc_end(const struct nlmsghdr *n)
{
	return (const char *)n + n->nlmsg_len;
}

static inline uint8_t nlc_cmd(const struct nlmsghdr *n)
{
	return ((const struct genlmsghdr *)NLMSG_DATA(n))->cmd;
}

static inline int nlc_type(const struct nlattr *attr)
{
	return attr->nla_type & NLA_TYPE_MASK;
}

static inline const void *nlc_data(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

static inline size_t nlc_len(const struct nlattr *attr)
{
	return attr->nla_len - NLA_HDRLEN;
}

static inline const void *nlc_attr_end(const struct nlattr *attr)
{
	return (const char *)attr + attr->nla_len;
}

#endif /* HVNET_NLCLIENT_H */
