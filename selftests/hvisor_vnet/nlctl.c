// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family in words, for shell tests:
 *
 *	nlctl COMMAND [KEY=VALUE...]	one request, such as
 *					dev-new zone=1 address=0xa003600 irq=75
 *	nlctl dump COMMAND [KEY=VALUE...]
 *	nlctl listen			print events until killed
 *	nlctl which COMMAND ...		a request that is refused: which of its
 *					words is to blame, from 1 on
 *	nlctl link NAME			what rtnetlink knows of its kind
 *	nlctl unprivileged ...		any of these, without any privilege
 *
 * What is answered is printed in the same form, a line a message.  A refusal is
 * "ERRNO|ATTRIBUTE|sentence", with "-" for no attribute and "!" before one that
 * is missing, and exit status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nlclient.h"

enum kind { NONE, U8, U32, S32, U64, MAC, STRING, RANGE, COUNTERS, COALESCE };

struct attr {
	const char *name;
	enum kind kind;
};

static const struct attr zone_attrs[] = {
	[HVISOR_VNET_A_ZONE_ID] = { "id", U32 },
	[HVISOR_VNET_A_ZONE_RAM] = { "ram", RANGE },
	[HVISOR_VNET_A_ZONE_QUIESCED] = { "quiesced", U8 },
	[HVISOR_VNET_A_ZONE_REQUESTS] = { "requests", U64 },
	[HVISOR_VNET_A_ZONE_PAD] = { NULL },
};

static const struct attr dev_attrs[] = {
	[HVISOR_VNET_A_DEV_ZONE] = { "zone", U32 },
	[HVISOR_VNET_A_DEV_ADDRESS] = { "address", U64 },
	[HVISOR_VNET_A_DEV_LENGTH] = { "length", U64 },
	[HVISOR_VNET_A_DEV_IRQ] = { "irq", U32 },
	[HVISOR_VNET_A_DEV_MAC] = { "mac", MAC },
	[HVISOR_VNET_A_DEV_IFINDEX] = { "ifindex", U32 },
	[HVISOR_VNET_A_DEV_IFNAME] = { "ifname", STRING },
	[HVISOR_VNET_A_DEV_MTU] = { "mtu", U32 },
	[HVISOR_VNET_A_DEV_QUEUE_SIZE] = { "queue-size", U32 },
	[HVISOR_VNET_A_DEV_OFFERED] = { "offered", U64 },
	[HVISOR_VNET_A_DEV_NEGOTIATED] = { "negotiated", U64 },
	[HVISOR_VNET_A_DEV_STATUS] = { "status", U32 },
	[HVISOR_VNET_A_DEV_INTERRUPT_STATUS] = { "interrupt-status", U32 },
	[HVISOR_VNET_A_DEV_COALESCE] = { "coalesce", COALESCE },
	[HVISOR_VNET_A_DEV_COUNTERS] = { "counters", COUNTERS },
	[HVISOR_VNET_A_DEV_QUEUE] = { "queue", STRING },
	[HVISOR_VNET_A_DEV_REASON] = { "reason", STRING },
	[HVISOR_VNET_A_DEV_STALL] = { "stall", U32 },
	[HVISOR_VNET_A_DEV_PAD] = { NULL },
	[HVISOR_VNET_A_DEV_CPU] = { "cpu", S32 },
};

static const struct attr hv_attrs[] = {
	[HVISOR_VNET_A_HV_CONDUIT] = { "conduit", STRING },
	[HVISOR_VNET_A_HV_TAKEN_OVER] = { "taken-over", U8 },
	[HVISOR_VNET_A_HV_DAEMON] = { "daemon", U8 },
	[HVISOR_VNET_A_HV_BACKEND] = { "backend", S32 },
	[HVISOR_VNET_A_HV_COUNTERS] = { "counters", COUNTERS },
};

struct set {
	const struct attr *attrs;
	int max;
};

static const struct set zones = { zone_attrs, HVISOR_VNET_A_ZONE_MAX };
static const struct set devs = { dev_attrs, HVISOR_VNET_A_DEV_MAX };
static const struct set hvs = { hv_attrs, HVISOR_VNET_A_HV_MAX };

static const struct command {
	const char *name;
	const struct set *set;
} commands[] = {
	[HVISOR_VNET_CMD_ZONE_GET] = { "zone-get", &zones },
	[HVISOR_VNET_CMD_ZONE_NEW] = { "zone-new", &zones },
	[HVISOR_VNET_CMD_ZONE_DEL] = { "zone-del", &zones },
	[HVISOR_VNET_CMD_ZONE_SET] = { "zone-set", &zones },
	[HVISOR_VNET_CMD_DEV_GET] = { "dev-get", &devs },
	[HVISOR_VNET_CMD_DEV_NEW] = { "dev-new", &devs },
	[HVISOR_VNET_CMD_DEV_DEL] = { "dev-del", &devs },
	[HVISOR_VNET_CMD_DEV_SET] = { "dev-set", &devs },
	[HVISOR_VNET_CMD_HV_GET] = { "hv-get", &hvs },
	[HVISOR_VNET_CMD_HV_SET] = { "hv-set", &hvs },
	[HVISOR_VNET_CMD_HV_REATTACH] = { "hv-reattach", &hvs },
	[HVISOR_VNET_CMD_ZONE_NEW_NTF] = { "zone-new-ntf", &zones },
	[HVISOR_VNET_CMD_ZONE_DEL_NTF] = { "zone-del-ntf", &zones },
	[HVISOR_VNET_CMD_ZONE_QUIESCED_NTF] = { "zone-quiesced-ntf", &zones },
	[HVISOR_VNET_CMD_ZONE_RELEASED_NTF] = { "zone-released-ntf", &zones },
	[HVISOR_VNET_CMD_DEV_NEW_NTF] = { "dev-new-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_DEL_NTF] = { "dev-del-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_SET_NTF] = { "dev-set-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_READY_NTF] = { "dev-ready-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_RESET_NTF] = { "dev-reset-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_NEEDS_RESET_NTF] = { "dev-needs-reset-ntf", &devs },
	[HVISOR_VNET_CMD_DEV_STALL_NTF] = { "dev-stall-ntf", &devs },
	[HVISOR_VNET_CMD_HV_NEW_NTF] = { "hv-new-ntf", &hvs },
	[HVISOR_VNET_CMD_HV_DEL_NTF] = { "hv-del-ntf", &hvs },
	[HVISOR_VNET_CMD_HV_TAKEN_OVER_NTF] = { "hv-taken-over-ntf", &hvs },
	[HVISOR_VNET_CMD_HV_REATTACHED_NTF] = { "hv-reattached-ntf", &hvs },
	[HVISOR_VNET_CMD_DAEMON_NEW_NTF] = { "daemon-new-ntf", &hvs },
	[HVISOR_VNET_CMD_DAEMON_GONE_NTF] = { "daemon-gone-ntf", &hvs },
};

static __attribute__((__noreturn__)) void usage(const char *word)
{
	fprintf(stderr, "nlctl: what is '%s'?\n", word);
	exit(2);
}

/* Requests. */

static int command_number(const char *name)
{
	unsigned int i;

	for (i = 1; i <= HVISOR_VNET_CMD_HV_REATTACH; i++)
		if (!strcmp(commands[i].name, name))
			return i;
	usage(name);
}

/* ROOT,GUEST,SIZE, or less of it */
static void put_range(struct nlc_msg *m, int type, const char *value)
{
	struct nlattr *nest = nlc_nest(m, type);
	const char *next = value;
	int part;

	for (part = HVISOR_VNET_A_RANGE_ROOT; *next; part++) {
		char *end;

		nlc_put_u64(m, part, strtoull(next, &end, 0));
		next = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			usage(value);
	}
	nlc_nest_end(m, nest);
}

/* TX_USECS,TX_FRAMES,RX_USECS,RX_FRAMES,RX_ADAPTIVE; what is left empty is left out */
static void put_coalesce(struct nlc_msg *m, int type, const char *value)
{
	struct nlattr *nest = nlc_nest(m, type);
	const char *next = value;
	int part;

	for (part = HVISOR_VNET_A_COALESCE_TX_USECS; *next; part++) {
		char *end = (char *)next;

		if (*next != ',')
			nlc_put_u32(m, part, strtoull(next, &end, 0));
		next = *end == ',' ? end + 1 : end;
	}
	nlc_nest_end(m, nest);
}

static void put_mac(struct nlc_msg *m, int type, const char *value)
{
	unsigned char mac[HVISOR_VNET_MAC_LEN];

	if (sscanf(value, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2,
		   mac + 3, mac + 4, mac + 5) != HVISOR_VNET_MAC_LEN)
		usage(value);
	nlc_put(m, type, mac, sizeof(mac));
}

static void put_value(struct nlc_msg *m, int type, enum kind kind,
		      const char *value)
{
	switch (kind) {
	case U8:
		nlc_put_u8(m, type, strtoul(value, NULL, 0));
		break;
	case U32:
	case S32:
		nlc_put_u32(m, type, strtoll(value, NULL, 0));
		break;
	case U64:
		nlc_put_u64(m, type, strtoull(value, NULL, 0));
		break;
	case MAC:
		put_mac(m, type, value);
		break;
	case STRING:
		nlc_put(m, type, value, strlen(value) + 1);
		break;
	case RANGE:
		put_range(m, type, value);
		break;
	case COALESCE:
		put_coalesce(m, type, value);
		break;
	default:
		usage(value);
	}
}

static void put_word(struct nlc_msg *m, const struct set *set, const char *word)
{
	const char *value = strchr(word, '=');
	size_t len;
	int i;

	if (!value)
		usage(word);
	len = value++ - word;
	for (i = 1; i <= set->max; i++) {
		const char *name = set->attrs[i].name;

		if (!name || strlen(name) != len || strncmp(name, word, len))
			continue;
		put_value(m, i, set->attrs[i].kind, value);
		return;
	}
	usage(word);
}

/* Answers. */

static void print_numbers(const struct nlattr *nest, const char *format,
			  int first)
{
	const struct nlattr *attr;
	const char *comma = "";

	for (attr = nlc_data(nest); nlc_ok(attr, nlc_attr_end(nest));
	     attr = nlc_next(attr)) {
		unsigned long long value = 0;

		if (nlc_type(attr) < first || !nlc_len(attr))
			continue;
		memcpy(&value, nlc_data(attr), nlc_len(attr));
		printf("%s", comma);
		printf(format, value);
		comma = ",";
	}
}

static void print_mac(const unsigned char *mac)
{
	printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
	       mac[4], mac[5]);
}

static void print_value(const struct nlattr *attr, enum kind kind)
{
	switch (kind) {
	case U8:
		printf("%u", *(const uint8_t *)nlc_data(attr));
		break;
	case U32:
	case S32:
		printf("%u", *(const uint32_t *)nlc_data(attr));
		break;
	case U64:
		printf("%#llx", *(const unsigned long long *)nlc_data(attr));
		break;
	case MAC:
		print_mac(nlc_data(attr));
		break;
	case STRING:
		printf("%s", (const char *)nlc_data(attr));
		break;
	case RANGE:
		print_numbers(attr, "%#llx", HVISOR_VNET_A_RANGE_ROOT);
		break;
	case COALESCE:
		print_numbers(attr, "%llu", HVISOR_VNET_A_COALESCE_TX_USECS);
		break;
	default:
		print_numbers(attr, "%llu", 2);
	}
}

static void print_attrs(const struct set *set, const struct nlattr *attr,
			const void *end)
{
	for (; nlc_ok(attr, end); attr = nlc_next(attr)) {
		const struct attr *known = &set->attrs[nlc_type(attr)];

		if (!known->name)
			continue;
		printf(" %s=", known->name);
		print_value(attr, known->kind);
	}
	printf("\n");
}

static void print_message(const struct nlmsghdr *n, void *unused)
{
	const struct command *c = &commands[nlc_cmd(n)];

	(void)unused;
	printf("%s", c->name);
	print_attrs(c->set, nlc_first(n), nlc_end(n));
}

static const struct nlattr *find(const struct nlattr *attr, const void *end,
				 int type)
{
	for (; attr && nlc_ok(attr, end); attr = nlc_next(attr))
		if (nlc_type(attr) == type)
			return attr;
	return NULL;
}

/* Of an interface: its kind, and what its driver says of it. */
static int print_link(const char *name)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
	} ask = {
		.n.nlmsg_len = sizeof(ask),
		.n.nlmsg_type = RTM_GETLINK,
		.n.nlmsg_flags = NLM_F_REQUEST,
		.i.ifi_index = if_nametoindex(name),
	};
	const struct nlattr *info, *kind, *data;
	static struct nlc_msg got;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0 ||
	    recv(fd, &got, sizeof(got), 0) < 0 || got.n.nlmsg_type != RTM_NEWLINK)
		usage(name);
	info = find((void *)IFLA_RTA(NLMSG_DATA(&got.n)), nlc_end(&got.n),
		    IFLA_LINKINFO);
	if (!info)
		return 1;
	kind = find(nlc_data(info), nlc_attr_end(info), IFLA_INFO_KIND);
	data = find(nlc_data(info), nlc_attr_end(info), IFLA_INFO_DATA);
	printf("%s", kind ? (const char *)nlc_data(kind) : "?");
	if (data)
		print_attrs(&devs, nlc_data(data), nlc_attr_end(data));
	return 0;
}

static const char *attr_name(const struct set *set, int type)
{
	if (type <= 0 || type > set->max || !set->attrs[type].name)
		return "?";
	return set->attrs[type].name;
}

static void print_refusal(const struct set *set, const struct nlc_answer *a)
{
	printf("%s|", strerrorname_np(-a->err));
	if (a->nest)
		printf("%s.%d", attr_name(set, a->nest), a->attr);
	else if (a->attr)
		printf("%s", attr_name(set, a->attr));
	else if (a->missing)
		printf("!%s", attr_name(set, a->missing));
	else
		printf("-");
	printf("|%s\n", a->text);
}

static int ask(int argc, char **argv, unsigned int flags, bool which)
{
	int i, cmd = command_number(argv[0]);
	const struct set *set = commands[cmd].set;
	struct nlc_answer a;
	struct nlc_msg m;
	struct nlc c;

	nlc_open(&c);
	nlc_begin(&m, &c, cmd, flags);
	for (i = 1; i < argc; i++)
		put_word(&m, set, argv[i]);
	nlc_ask(&c, &m, &a, print_message, NULL);
	if (which)
		printf("%d\n", a.which);
	else if (a.err)
		print_refusal(set, &a);
	return !!a.err;
}

static int listen_for_ever(void)
{
	struct nlc_msg m;
	struct nlc c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	nlc_open(&c);
	nlc_listen(&c);
	printf("listening\n");
	while (nlc_event(&c, &m, -1))
		print_message(&m.n, NULL);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "unprivileged")) {
		if (setgid(65534) || setuid(65534))
			usage("unprivileged");
		argc--;
		argv++;
	}
	if (argc < 2)
		usage("");
	if (!strcmp(argv[1], "listen"))
		return listen_for_ever();
	if (argc > 2 && !strcmp(argv[1], "link"))
		return print_link(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "dump"))
		return ask(argc - 2, argv + 2, NLM_F_DUMP, false);
	if (argc > 2 && !strcmp(argv[1], "which"))
		return ask(argc - 2, argv + 2, 0, true);
	return ask(argc - 1, argv + 1, 0, false);
}
