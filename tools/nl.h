/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generic netlink, as far as hvnet needs it, on top of libmnl: one socket, one
 * request at a time with the reason of its refusal, and news.  What the messages
 * mean is vnet.c's business.
 */
#ifndef HVNET_NL_H
#define HVNET_NL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>

/* A request: 64 ranges of RAM take 3 kB. One that does not fit is not sent. */
struct nl_request {
	struct nlmsghdr *hdr;
	bool full;
	char buf[8192] __attribute__((aligned(4)));
};

/* Called for each message that comes, and its attributes by number. */
typedef int (*nl_fn)(const struct nlmsghdr *hdr, struct nlattr **attrs,
		     void *arg);

int nl_open(const char *family, const char *group);
void nl_close(void);

void nl_begin(struct nl_request *r, int cmd, int flags);
void nl_put(struct nl_request *r, int type, const void *data, size_t len);
void nl_put_u8(struct nl_request *r, int type, uint8_t value);
void nl_put_u32(struct nl_request *r, int type, uint32_t value);
void nl_put_u64(struct nl_request *r, int type, uint64_t value);
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
int nl_listen(nl_fn fn, void *arg);

/* All attributes that an nl_fn may be given, of whatever message. */
#define NL_ATTRS	32

int nl_cmd(const struct nlmsghdr *hdr);
void nl_parse_nested(struct nlattr **attrs, int max, const struct nlattr *nest);
uint32_t nl_u32(const struct nlattr *attr);
uint64_t nl_u64(const struct nlattr *attr);
const char *nl_string(const struct nlattr *attr);

#endif /* HVNET_NL_H */
