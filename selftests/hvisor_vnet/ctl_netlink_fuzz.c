// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests that are wrong: each attribute of each command missing, too
 * short, too long, out of range, of another kind, or where it does not belong;
 * and then at random.  Each is refused with an errno and a sentence, nothing is
 * made, and what there is stays as it is.
 *
 * rig: smp=2 timeout=600
 */
#include "nlclient.h"
#include "rawguest.h"

#define RANDOM_REQUESTS	30000

/* What an attribute is. */
enum kind { NUMBER, BINARY, STRING, NEST };

/**
 * struct field - an attribute of a request, and how it can be wrong
 * @type: its type
 * @kind: what it is
 * @len: bytes of it when it is right
 * @value: right, and enough for a request that is refused for something else
 * @bad: values outside its range, @n_bad of them
 * @n_bad: how many
 * @needed: the request means nothing without it
 */
struct field {
	int type;
	enum kind kind;
	unsigned int len;
	u64 value;
	u64 bad[2];
	unsigned int n_bad;
	bool needed;
};

#define NUM(_type, _size, _value) \
	.type = _type, .kind = NUMBER, .len = _size, .value = _value

/*
 * Each request is right but for one thing: its zone or device does not exist,
 * or does.
 */
static const struct field zone_id[] = {
	{ NUM(HVISOR_VNET_A_ZONE_ID, 4, 9), .needed = true },
	{}
};

static const struct field zone_new[] = {
	{ NUM(HVISOR_VNET_A_ZONE_ID, 4, 1), .needed = true },
	{ .type = HVISOR_VNET_A_ZONE_RAM, .kind = NEST, .needed = true },
	{}
};

static const struct field zone_set[] = {
	{ NUM(HVISOR_VNET_A_ZONE_ID, 4, 9), .needed = true },
	{ NUM(HVISOR_VNET_A_ZONE_QUIESCED, 1, 0), .bad = { 2, 255 },
	  .n_bad = 2, .needed = true },
	{}
};

static const struct field dev_name[] = {
	{ NUM(HVISOR_VNET_A_DEV_ZONE, 4, 9), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_ADDRESS, 8, 0xa000000), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_IFINDEX, 4, 1), .bad = { 0, 1u << 31 },
	  .n_bad = 2 },
	{ .type = HVISOR_VNET_A_DEV_IFNAME, .kind = STRING, .len = 16 },
	{}
};

static const struct field dev_set[] = {
	{ NUM(HVISOR_VNET_A_DEV_ZONE, 4, 9), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_ADDRESS, 8, 0xa000000), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_IFINDEX, 4, 1), .bad = { 0, 1u << 31 },
	  .n_bad = 2 },
	{ .type = HVISOR_VNET_A_DEV_IFNAME, .kind = STRING, .len = 16 },
	{ .type = HVISOR_VNET_A_DEV_MAC, .kind = BINARY, .len = 6 },
	{ NUM(HVISOR_VNET_A_DEV_MTU, 4, 1500), .bad = { 67, 65536 },
	  .n_bad = 2 },
	{ NUM(HVISOR_VNET_A_DEV_OFFERED, 8, 1ull << 32) },
	{ .type = HVISOR_VNET_A_DEV_COALESCE, .kind = NEST },
	{ NUM(HVISOR_VNET_A_DEV_CPU, 4, 0) },
	{}
};

static const struct field dev_new[] = {
	{ NUM(HVISOR_VNET_A_DEV_ZONE, 4, 1), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_ADDRESS, 8, RG_ADDR), .needed = true },
	{ NUM(HVISOR_VNET_A_DEV_LENGTH, 8, 0x200), .bad = { 0, 0x1ff },
	  .n_bad = 2 },
	{ NUM(HVISOR_VNET_A_DEV_IRQ, 4, 80), .bad = { 0, 1024 }, .n_bad = 2,
	  .needed = true },
	{ .type = HVISOR_VNET_A_DEV_IFNAME, .kind = STRING, .len = 16 },
	{ NUM(HVISOR_VNET_A_DEV_QUEUE_SIZE, 4, 64), .bad = { 0, 1025 },
	  .n_bad = 2 },
	{ .type = HVISOR_VNET_A_DEV_MAC, .kind = BINARY, .len = 6 },
	{ NUM(HVISOR_VNET_A_DEV_MTU, 4, 1500), .bad = { 67, 65536 },
	  .n_bad = 2 },
	{ NUM(HVISOR_VNET_A_DEV_OFFERED, 8, 1ull << 32) },
	{ .type = HVISOR_VNET_A_DEV_COALESCE, .kind = NEST },
	{ NUM(HVISOR_VNET_A_DEV_CPU, 4, 0), .bad = { 1 << 20, -2 }, .n_bad = 2 },
	{}
};

static const struct field hv_set[] = {
	{ NUM(HVISOR_VNET_A_HV_BACKEND, 4, 0), .bad = { 99, -2 }, .n_bad = 2,
	  .needed = true },
	{}
};

static const struct field nothing[] = { {} };

static const struct request {
	const char *name;
	int cmd;
	const struct field *fields;
	int max;
} requests[] = {
	{ "zone-get", HVISOR_VNET_CMD_ZONE_GET, zone_id, HVISOR_VNET_A_ZONE_MAX },
	{ "zone-new", HVISOR_VNET_CMD_ZONE_NEW, zone_new, HVISOR_VNET_A_ZONE_MAX },
	{ "zone-del", HVISOR_VNET_CMD_ZONE_DEL, zone_id, HVISOR_VNET_A_ZONE_MAX },
	{ "zone-set", HVISOR_VNET_CMD_ZONE_SET, zone_set, HVISOR_VNET_A_ZONE_MAX },
	{ "dev-get", HVISOR_VNET_CMD_DEV_GET, dev_name, HVISOR_VNET_A_DEV_MAX },
	{ "dev-new", HVISOR_VNET_CMD_DEV_NEW, dev_new, HVISOR_VNET_A_DEV_MAX },
	{ "dev-del", HVISOR_VNET_CMD_DEV_DEL, dev_name, HVISOR_VNET_A_DEV_MAX },
	{ "dev-set", HVISOR_VNET_CMD_DEV_SET, dev_set, HVISOR_VNET_A_DEV_MAX },
	{ "hv-get", HVISOR_VNET_CMD_HV_GET, nothing, HVISOR_VNET_A_HV_MAX },
	{ "hv-set", HVISOR_VNET_CMD_HV_SET, hv_set, HVISOR_VNET_A_HV_MAX },
	{ "hv-reattach", HVISOR_VNET_CMD_HV_REATTACH, nothing,
	  HVISOR_VNET_A_HV_MAX },
};

static struct rg_zone zone;
static struct rg_dev dev;
static struct nlc c;
static struct nlc_msg m;
static u64 seed = 1;

/* Right. */

/* Root's address is that of no page, whichever bit of it is turned over. */
static void put_range(struct nlc_msg *to)
{
	struct nlattr *nest = nlc_nest(to, HVISOR_VNET_A_ZONE_RAM);

	nlc_put_u64(to, HVISOR_VNET_A_RANGE_ROOT, 0x1003);
	nlc_put_u64(to, HVISOR_VNET_A_RANGE_GUEST, 0);
	nlc_put_u64(to, HVISOR_VNET_A_RANGE_SIZE, 0x1000);
	nlc_nest_end(to, nest);
}

static void put_coalesce(struct nlc_msg *to)
{
	struct nlattr *nest = nlc_nest(to, HVISOR_VNET_A_DEV_COALESCE);

	nlc_put_u32(to, HVISOR_VNET_A_COALESCE_TX_USECS, 50);
	nlc_put_u32(to, HVISOR_VNET_A_COALESCE_RX_FRAMES, 1);
	nlc_nest_end(to, nest);
}

static void put_right(struct nlc_msg *to, const struct request *r,
		      const struct field *f)
{
	static const u8 mac[6] = { 2, 0, 0, 0, 0, 1 };

	switch (f->kind) {
	case NUMBER:
		nlc_put(to, f->type, &f->value, f->len);
		break;
	case BINARY:
		nlc_put(to, f->type, mac, f->len);
		break;
	case STRING:
		nlc_put(to, f->type, "nobody", sizeof("nobody"));
		break;
	case NEST:
		if (r->fields == zone_new)
			put_range(to);
		else
			put_coalesce(to);
		break;
	}
}

/* What the request needs, but for @without, if it is not NULL. */
static void begin(const struct request *r, const struct field *without)
{
	const struct field *f;

	nlc_begin(&m, &c, r->cmd, 0);
	for (f = r->fields; f->type; f++)
		if (f->needed && f != without)
			put_right(&m, r, f);
}

/* What comes of it. */

static void count_one(const struct nlmsghdr *n, void *arg)
{
	(void)n;
	++*(unsigned int *)arg;
}

static unsigned int count(int cmd)
{
	struct nlc_answer a;
	struct nlc_msg dump;
	unsigned int n = 0;

	nlc_begin(&dump, &c, cmd, NLM_F_DUMP);
	nlc_ask(&c, &dump, &a, count_one, &n);
	return n;
}

/* One zone and one device, the test's own. */
static bool all_there(void)
{
	return ktap_expect_eq(count(HVISOR_VNET_CMD_ZONE_GET), 1) &&
	       ktap_expect_eq(count(HVISOR_VNET_CMD_DEV_GET), 1);
}

/* Ask what is in m: it must be refused, with a sentence. */
static bool refused(const struct request *r, const char *how, int type)
{
	struct nlc_answer a;

	nlc_ask(&c, &m, &a, NULL, NULL);
	if (a.err < 0 && a.text[0] && all_there())
		return true;
	ktap_diag("%s, attribute %d %s: error %d '%s'", r->name, type, how,
		  a.err, a.text);
	return false;
}

/* Ways to be wrong. */

static bool test_missing(const struct request *r)
{
	const struct field *f;
	bool ok = true;

	for (f = r->fields; f->type; f++) {
		if (!f->needed)
			continue;
		begin(r, f);
		ok &= refused(r, "missing", f->type);
	}
	return ok;
}

static bool wrong_length(const struct request *r, const struct field *f,
			 unsigned int len)
{
	static const char bytes[64] = "interface-names-are-not-this-long";

	begin(r, f);
	nlc_put(&m, f->type | (f->kind == NEST ? NLA_F_NESTED : 0), bytes, len);
	return refused(r, "of a wrong length", f->type);
}

/* Not 0 for a string or a nest: that is a matter of what it means. */
static bool test_length(const struct request *r)
{
	const struct field *f;
	bool ok = true;

	for (f = r->fields; f->type; f++) {
		if (f->kind == NEST) {
			ok &= wrong_length(r, f, 1) && wrong_length(r, f, 3) &&
			      wrong_length(r, f, 7);
			continue;
		}
		if (f->kind != STRING)
			ok &= wrong_length(r, f, f->len - 1) &&
			      wrong_length(r, f, 0);
		ok &= wrong_length(r, f, f->len + 1) &&
		      wrong_length(r, f, f->len + 4) &&
		      wrong_length(r, f, 64);
	}
	return ok;
}

static bool test_range(const struct request *r)
{
	const struct field *f;
	unsigned int i;
	bool ok = true;

	for (f = r->fields; f->type; f++)
		for (i = 0; i < f->n_bad; i++) {
			begin(r, f);
			nlc_put(&m, f->type, &f->bad[i], f->len);
			ok &= refused(r, "out of range", f->type);
		}
	return ok;
}

/* A nest that is not marked as one, and what is no nest but marked as one. */
static bool test_nested(const struct request *r)
{
	const struct field *f;
	bool ok = true;

	for (f = r->fields; f->type; f++) {
		struct nlattr *attr;

		begin(r, f);
		attr = (void *)(m.bytes + m.n.nlmsg_len);
		put_right(&m, r, f);
		attr->nla_type ^= NLA_F_NESTED;
		ok &= refused(r, "with the wrong flag", f->type);
	}
	return ok;
}

static bool is_of(const struct request *r, int type)
{
	const struct field *f;

	for (f = r->fields; f->type; f++)
		if (f->type == type)
			return true;
	return false;
}

static bool test_foreign(const struct request *r)
{
	static const int far[] = { 100, 0x3fff };
	bool ok = true;
	unsigned int i;
	int type;

	for (type = 0; type <= r->max + 1; type++) {
		if (is_of(r, type))
			continue;
		begin(r, NULL);
		nlc_put_u32(&m, type, 1);
		ok &= refused(r, "not its own", type);
	}
	for (i = 0; i < RG_ARRAY_SIZE(far); i++) {
		begin(r, NULL);
		nlc_put_u32(&m, far[i], 1);
		ok &= refused(r, "not its own", far[i]);
	}
	return ok;
}

/* The message ends within an attribute, or behind the last. */
static bool test_rest(const struct request *r)
{
	struct nlattr *attr;
	bool ok = true;
	u32 len;

	for (len = 1; len < NLA_HDRLEN; len++) {
		begin(r, NULL);
		m.n.nlmsg_len += len;
		ok &= refused(r, "and a rest", 0);
	}
	for (len = 0; len < NLA_HDRLEN; len++) {
		begin(r, NULL);
		attr = nlc_put(&m, 1, NULL, 0);
		attr->nla_len = len;
		ok &= refused(r, "shorter than its header", 1);
	}
	begin(r, NULL);
	attr = nlc_put(&m, 1, NULL, 0);
	attr->nla_len = 100;
	return refused(r, "longer than the message", 1) && ok;
}

/* At random: attributes of the request, each right or wrong in some way. */

static u64 rnd(u64 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static u64 rnd_value(const struct field *f)
{
	switch (rnd(4)) {
	case 0:
		return f->value;
	case 1:
		return rnd(3);
	case 2:
		return ~0ull >> rnd(64);
	default:
		return rnd(~0ull);
	}
}

static void rnd_put(const struct request *r)
{
	const struct field *f = r->fields;
	unsigned int n = 0;
	char bytes[64];
	unsigned int i;
	u64 value;

	while (f[n].type)
		n++;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = rnd(256);
	if (!n || !rnd(8)) {
		nlc_put(&m, rnd(r->max + 2) | (rnd(2) ? NLA_F_NESTED : 0),
			bytes, rnd(sizeof(bytes)));
		return;
	}
	f += rnd(n);
	value = rnd_value(f);
	if (f->kind == NUMBER && rnd(8))
		nlc_put(&m, f->type, &value, f->len);
	else if (rnd(2))
		put_right(&m, r, f);
	else
		nlc_put(&m, f->type | (rnd(2) ? NLA_F_NESTED : 0), bytes,
			rnd(sizeof(bytes)));
}

/* Bits turned over anywhere behind the headers. */
static void rnd_spoil(void)
{
	unsigned int from = NLMSG_LENGTH(GENL_HDRLEN);

	if (m.n.nlmsg_len > from)
		m.bytes[from + rnd(m.n.nlmsg_len - from)] ^= 1 << rnd(8);
}

/*
 * What is accepted may change our zone or device. It must not take them away,
 * so neither removals nor our own names are among these.
 */
static bool rnd_one(unsigned long *accepted)
{
	const struct request *r;
	struct nlc_answer a;
	unsigned int i, n;

	do {
		r = &requests[rnd(RG_ARRAY_SIZE(requests))];
	} while (r->cmd == HVISOR_VNET_CMD_ZONE_DEL ||
		 r->cmd == HVISOR_VNET_CMD_DEV_DEL ||
		 r->cmd == HVISOR_VNET_CMD_DEV_NEW ||
		 r->cmd == HVISOR_VNET_CMD_ZONE_SET);
	nlc_begin(&m, &c, r->cmd, rnd(4) ? 0 : NLM_F_DUMP);
	n = rnd(6);
	for (i = 0; i < n; i++)
		rnd_put(r);
	if (!rnd(4))
		rnd_spoil();
	nlc_ask(&c, &m, &a, NULL, NULL);
	*accepted += !a.err;
	/* There are no other dumps: generic netlink says so, in one word. */
	if (!a.err || a.text[0] || a.err == -EOPNOTSUPP)
		return true;
	ktap_diag("%s: error %d and no sentence", r->name, a.err);
	return false;
}

static bool test_random(void)
{
	unsigned long i, accepted = 0, n = ktap_scaled(RANDOM_REQUESTS);
	bool ok = true;

	for (i = 0; ok && i < n; i++)
		ok = rnd_one(&accepted);
	ktap_diag("%lu requests, %lu of them accepted", i, accepted);
	return ok && all_there();
}

static const struct {
	const char *name;
	bool (*fn)(const struct request *r);
} ways[] = {
	{ "an attribute is missing", test_missing },
	{ "an attribute is too short or too long", test_length },
	{ "a value is out of its range", test_range },
	{ "a nest is none, or what is none is one", test_nested },
	{ "an attribute is not the request's own", test_foreign },
	{ "a message ends too soon or too late", test_rest },
};

int main(void)
{
	const char *word = getenv("HVNET_SEED");
	unsigned int i, j;

	ktap_plan(RG_ARRAY_SIZE(ways) + 3);
	rg_setup();
	rg_zone_add(&zone, 1, 0, 0x100000, 0x80000000);
	rg_dev_add(&dev, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	nlc_open(&c);
	ktap_point(all_there(), "one zone, one device");
	for (i = 0; i < RG_ARRAY_SIZE(ways); i++) {
		bool ok = true;

		for (j = 0; j < RG_ARRAY_SIZE(requests); j++)
			ok &= ways[i].fn(&requests[j]);
		ktap_point(ok, "refused: %s", ways[i].name);
	}
	seed = word ? strtoull(word, NULL, 0) : ktap_now_ns() | 1;
	ktap_diag("HVNET_SEED=%llu", (unsigned long long)seed);
	ktap_point(test_random(), "at random: refused with a sentence, or done");
	/* Not the same: what was accepted may have changed what that offers. */
	rg_dev_del(&dev);
	rg_dev_add(&dev, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(&dev, RG_FEATURES);
	ktap_point(rg_works(&dev), "a device in its place works");
	nlc_close(&c);
	rg_dev_del(&dev);
	rg_zone_del(&zone);
	return ktap_finish();
}
