/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink, as far as hvnet needs it: one socket, one request at a time,
 * and news.  What the messages mean is vnet.c's business.  There is no library
 * in it, since Debian has none that could be linked in.
 */
#ifndef HVNET_NL_H
#define HVNET_NL_H

#include <linux/netlink.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* A request: 64 ranges of RAM take 3 kB. */
struct nl_request {
	struct nlmsghdr *hdr;
	char buf[8192] __attribute__((aligned(4)));
};

/* Called for each message that comes: @cmd, and its attributes by number. */
typedef int (*nl_fn)(int cmd, struct nlattr **attrs, void *arg);

int nl_open(const char *family, const char *group);
void nl_close(void);

void nl_begin(struct nl_request *r, int cmd, int flags);
void nl_put(struct nl_request *r, int type, const void *data, size_t len);
void nl_put_u8(struct nl_request *r, int type, __u8 value);
void nl_put_u32(struct nl_request *r, int type, __u32 value);
void nl_put_u64(struct nl_request *r, int type, __u64 value);
void nl_put_string(struct nl_request *r, int type, const char *text);
struct nlattr *nl_nest(struct nl_request *r, int type);
void nl_nest_end(struct nl_request *r, struct nlattr *nest);

/**
 * struct nl_refusal - why a request was refused
 * @err: positive errno
 * @text: the kernel's sentence, or what the errno is called
 * @attr: number of the attribute that is to blame, 0 if none is
 * @nested: of the one in it, if it has others in it
 */
struct nl_refusal {
	int err;
	char text[512];
	int attr;
	int nested;
};

int nl_call(struct nl_request *r, nl_fn fn, void *arg, struct nl_refusal *why);
int nl_listen(nl_fn fn, void *arg, int timeout_ms);

void nl_parse(struct nlattr **attrs, int max, const void *at, size_t len);
void nl_parse_nested(struct nlattr **attrs, int max, const struct nlattr *nest);
__u32 nl_u32(const struct nlattr *attr);
__u64 nl_u64(const struct nlattr *attr);
const char *nl_string(const struct nlattr *attr);
const void *nl_data(const struct nlattr *attr);
size_t nl_len(const struct nlattr *attr);

/* for (attr = ...; nl_ok(attr, len); attr = nl_next(attr, &len)) */
bool nl_ok(const struct nlattr *attr, size_t len);
void *nl_next(const struct nlattr *attr, size_t *len);

/* All attributes that an nl_fn may be given, of whatever message. */
#define NL_ATTRS	32

/* The message that an nl_fn was called for: where its attributes begin. */
const struct nlattr *nl_first(size_t *len);

#endif /* HVNET_NL_H */
