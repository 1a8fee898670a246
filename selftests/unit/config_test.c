// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_cfg.json as hvnet reads it: what hvisor-tool's users write is
 * understood, what is wrong is refused in the words that stand here, and the
 * daemon's copy differs in what it has to.  No leak, whatever fails.
 */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "../../tools/hvnet.h"
#include "ktap.h"

#define FILE_NAME	"cfg.json"
#define COPY_NAME	"cfg.json.daemon"

/* Memory: the n-th allocation from now on fails; 0: none does. */

static unsigned int fail_at;

static bool fails_now(void)
{
	return fail_at && !--fail_at;
}

static void *unit_malloc(size_t size)
{
	return fails_now() ? NULL : malloc(size);
}

/* What config.c calls. */
void *unit_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : calloc(n, size);
}

static void write_text(const char *text)
{
	FILE *f = fopen(FILE_NAME, "w");

	fputs(text, f);
	fclose(f);
}

/* What config_read() says of @text, without what each line begins with. */
static const char *said_of(const char *text, struct config *c, int *err)
{
	static char said[2048];
	FILE *before = stderr;
	char *prefix = "hvnet: " FILE_NAME ": ";

	write_text(text);
	memset(said, 0, sizeof(said));
	stderr = fmemopen(said, sizeof(said) - 1, "w");
	*err = config_read(c, FILE_NAME);
	fclose(stderr);
	stderr = before;
	said[strcspn(said, "\n")] = '\0';
	return strncmp(said, prefix, strlen(prefix)) ? said :
						       said + strlen(prefix);
}

/* A configuration in one line. */
static const char *dump(const struct config *c)
{
	static char text[4096];
	const struct zone *z;
	const struct entry *e;
	size_t i, n = 0;

	text[0] = '\0';
	for (z = c->zones; z < c->zones + c->n_zones; z++) {
		n += sprintf(text + n, "%szone %llu:", n ? "; " : "", z->id);
		for (i = 0; i < z->n_ram; i++)
			n += sprintf(text + n, " ram %llx=%llx+%llx", z->ram[i].root,
				     z->ram[i].guest, z->ram[i].size);
		for (e = z->entries; e < z->entries + z->n_entries; e++) {
			n += sprintf(text + n, " %s%s", e->type,
				     e->enabled ? "" : "(off)");
			if (e->net || e->addr || e->irq)
				n += sprintf(text + n, " %llx+%llx/%llu", e->addr,
					     e->len, e->irq);
			if (e->net)
				n += sprintf(text + n, " %s %s", e->tap,
					     e->mac[0] ? e->mac : "-");
		}
	}
	return text;
}

/* The usual zone around a device, or some. */
#define RAM	"\"memory_region\": [ { \"zone0_ipa\": \"0x50000000\", \"zonex_ipa\": \"0x40000000\", \"size\": \"0x25000000\" } ]"
#define ZONE(id, devices) \
	"{ \"id\": " #id ", " RAM ", \"devices\": [ " devices " ] }"
#define FILE_OF(zones)	"{ \"zones\": [ " zones " ] }"
#define ONE(devices)	FILE_OF(ZONE(1, devices))
#define MAC		"\"mac\": [\"0x00\", \"0x16\", \"0x3e\", \"0x10\", \"0x10\", \"0x10\"]"
#define NET		"{ \"type\": \"net\", \"addr\": \"0xffa00000\", \"len\": \"0x200\", \"irq\": 69, \"tap\": \"tap0\", " MAC ", \"status\": \"enable\" }"
#define BLK		"{ \"type\": \"blk\", \"addr\": \"0xff9d0000\", \"len\": \"0x200\", \"irq\": 78, \"img\": \"rootfs.ext4\", \"status\": \"enable\" }"
#define CONSOLE		"{ \"type\": \"console\", \"addr\": \"0xff9e0000\", \"len\": \"0x200\", \"irq\": \"0x4c\", \"status\": \"enable\" }"
/* A net device of which one thing is another. */
#define NET_AT(addr, irq, tap, rest) \
	"{ \"type\": \"net\", \"addr\": " addr ", \"len\": \"0x200\", \"irq\": " irq ", \"tap\": " tap rest " }"

#define RAM_SAYS	"zone 1: ram 50000000=40000000+25000000"
#define NET_SAYS	"net ffa00000+200/69 tap0 00:16:3e:10:10:10"

static const struct {
	const char *what;
	const char *text;
	const char *says;
} good_files[] = {
	{ "a net device", ONE(NET), RAM_SAYS " " NET_SAYS },
	{ "among others", ONE(BLK ", " CONSOLE ", " NET),
	  RAM_SAYS " blk ff9d0000+200/78 console ff9e0000+200/76 " NET_SAYS },
	{ "two zones",
	  FILE_OF(ZONE(1, NET) ", " ZONE(2, NET_AT("\"0xffa50000\"", "\"0x69\"", "\"tap1\"", ""))),
	  RAM_SAYS " " NET_SAYS "; zone 2: ram 50000000=40000000+25000000 net ffa50000+200/105 tap1 -" },
	{ "several ranges, of any kind of number",
	  FILE_OF("{ \"id\": \"0x1\", \"memory_region\": [ { \"zone0_ipa\": 1077936128, \"zonex_ipa\": \"0\", \"size\": \"536870912\" }, { \"zone0_ipa\": \"0X100000000\", \"zonex_ipa\": 4294967296, \"size\": \"0x70000000\" } ], \"devices\": [ " NET " ] }"),
	  "zone 1: ram 40400000=0+20000000 ram 100000000=100000000+70000000 " NET_SAYS },
	{ "numbers with a point, in octal, and after a space",
	  ONE(NET_AT("4.2e9", "\"0105\"", "\"tap0\"", "") ", " NET_AT("\" 0xffa00000\"", "70", "\"tap1\"", "")),
	  RAM_SAYS " net fa56ea00+200/69 tap0 - net ffa00000+200/70 tap1 -" },
	{ "a MAC address of numbers", ONE(NET_AT("\"0xffa00000\"", "69", "\"tap0\"", ", \"mac\": [0, 22, \"62\", \"0x10\", 16, 255]")),
	  RAM_SAYS " net ffa00000+200/69 tap0 00:16:3e:10:10:ff" },
	{ "no MAC address, and no status", ONE(NET_AT("\"0xffa00000\"", "69", "\"tap0\"", "")),
	  RAM_SAYS " net ffa00000+200/69 tap0 -" },
	{ "a disabled one that is unfinished", ONE("{ \"status\": \"disable\" }, { \"type\": \"net\", \"status\": \"disable\", \"addr\": 7 }, " NET),
	  RAM_SAYS " ?(off) net(off) " NET_SAYS },
	{ "kinds that nobody knows, and what they may say", ONE("{ \"type\": \"scmi\", \"clock_ids\": [0, 1], \"allowed_list\": { \"reset_ids\": [\"*\"] } }, { \"type\": \"gpu\", \"addr\": {}, \"irq\": \"no\" }, { \"type\": \"Net\", \"status\": \"okay\" }, " NET),
	  RAM_SAYS " scmi gpu Net " NET_SAYS },
	{ "a zone without memory, that has no net device", FILE_OF("{ \"id\": 3, \"devices\": [ " BLK " ] }, { \"id\": 4, \"devices\": [] }, { \"id\": 5, \"memory_region\": 7 }"),
	  "zone 3: blk ff9d0000+200/78; zone 4:; zone 5:" },
	{ "memory of size 0 is passed over", FILE_OF("{ \"id\": 1, \"memory_region\": [ { \"zone0_ipa\": 1, \"zonex_ipa\": 2, \"size\": 0 }, { \"zone0_ipa\": 16, \"zonex_ipa\": 16, \"size\": 16 } ], \"devices\": [ " NET " ] }"),
	  "zone 1: ram 10=10+10 " NET_SAYS },
	{ "keys in any case, the first of which counts", "{ \"Zones\": [ { \"ID\": 1, \"Memory_Region\": [ { \"ZONE0_ipa\": 16, \"zonex_IPA\": 32, \"Size\": 16, \"size\": 99 } ], \"DEVICES\": [ " NET " ] } ] }",
	  "zone 1: ram 10=20+10 " NET_SAYS },
	{ "more behind the end", ONE(NET) "\n} trailing", RAM_SAYS " " NET_SAYS },
	{ "a byte order mark", "\xef\xbb\xbf" ONE(NET), RAM_SAYS " " NET_SAYS },
	{ "no zones", "{ \"zones\": [] }", "" },
	{ "seven devices", ONE(BLK ", " CONSOLE ", " NET ", { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"blk\", \"status\": \"disable\" }"),
	  RAM_SAYS " blk ff9d0000+200/78 console ff9e0000+200/76 " NET_SAYS " scmi scmi scmi scmi blk(off)" },
	{ "the last addresses there are", FILE_OF("{ \"id\": 1, \"memory_region\": [ { \"zone0_ipa\": \"0xfffffffffffff000\", \"zonex_ipa\": \"0xfffffffffffff000\", \"size\": \"0x1000\" } ], \"devices\": [ " NET_AT("\"0xfffffffffffffe00\"", "69", "\"fifteen-letters\"", "") " ] }"),
	  "zone 1: ram fffffffffffff000=fffffffffffff000+1000 net fffffffffffffe00+200/69 fifteen-letters -" },
};

#define EG		"right would be, for example, "
#define NUMBER(eg)	"right would be a number, for example " eg
#define EG_RAM		"[ { \"zone0_ipa\": \"0x50000000\", \"zonex_ipa\": \"0x50000000\", \"size\": \"0x25000000\" } ]"
#define EG_MAC		"[\"0x02\", \"0x00\", \"0x00\", \"0x00\", \"0x00\", \"0x01\"]"
#define EG_TAP		"right would be a name for an interface, of 1 to 15 characters, for example \"tap0\""
#define DEV0		"zones[0].devices[0]"
#define RANGE(root, guest, size) \
	FILE_OF("{ \"id\": 1, \"memory_region\": [ { \"zone0_ipa\": " root ", \"zonex_ipa\": " guest ", \"size\": " size " } ], \"devices\": [ " NET " ] }")

static const struct {
	const char *text;
	const char *says;
} bad_files[] = {
	/* Not JSON */
	{ "", "line 1, column 0: '[' or '{' expected near end of file" },
	{ "{ \"zones\": [ }", "line 1, column 14: unexpected token near '}'" },
	{ "{\n\t\"zones\": [\n\t\t{ \"id\": 1, }\n\t]\n}", "line 3, column 14: string or '}' expected near '}'" },
	{ "{ \"zones\": [], \"zones\": [] }", "line 1, column 22: duplicate object key near '\"zones\"'" },
	/* Not a configuration */
	{ "[]", "zones is missing; " EG "\"zones\": [ { \"id\": 1, ... } ]" },
	{ "{ \"zone\": [] }", "zones is missing; " EG "\"zones\": [ { \"id\": 1, ... } ]" },
	{ "{ \"zone_id\": 1 }", "is the file of a zone; right would be the daemon's, virtio_cfg.json" },
	{ "{ \"zones\": {} }", "zones is {}; right would be a list: [ { \"id\": 1, ... } ]" },
	{ "{ \"zones\": [ 7 ] }", "zones[0] is 7; right would be { \"id\": 1, ... }" },
	/* Zones */
	{ FILE_OF("{}"), "zones[0].id is missing; " EG "\"id\": 1" },
	{ FILE_OF("{ \"id\": \"one\" }"), "zones[0].id is \"one\"; " NUMBER("1") },
	{ FILE_OF("{ \"id\": \"\" }"), "zones[0].id is \"\"; " NUMBER("1") },
	{ FILE_OF("{ \"id\": \"-1\" }"), "zones[0].id is \"-1\"; " NUMBER("1") },
	{ FILE_OF("{ \"id\": -1 }"), "zones[0].id is -1; " NUMBER("1") },
	{ FILE_OF("{ \"id\": 1.5 }"), "zones[0].id is 1.5; " NUMBER("1") },
	{ FILE_OF("{ \"id\": -1.0 }"), "zones[0].id is -1.0; " NUMBER("1") },
	{ FILE_OF("{ \"id\": 1e17 }"), "zones[0].id is 1e17; " NUMBER("1") },
	{ FILE_OF("{ \"id\": true }"), "zones[0].id is true; " NUMBER("1") },
	{ FILE_OF("{ \"id\": \"1 \" }"), "zones[0].id is \"1 \"; " NUMBER("1") },
	{ FILE_OF("{ \"id\": \"0x10000000000000000\" }"), "zones[0].id is \"0x10000000000000000\"; " NUMBER("1") },
	{ FILE_OF(ZONE(1, NET) ", " ZONE(1, BLK)), "zones[1].id is 1, which zones[0] has; right would be another, or one zone with the devices of both" },
	{ FILE_OF("{ \"id\": 1, \"devices\": {} }"), "zones[0].devices is {}; right would be a list: [ { \"type\": \"net\", ... }, ... ]" },
	/* Memory */
	{ FILE_OF("{ \"id\": 1, \"devices\": [ " NET " ] }"), "zones[0].memory_region is missing; " EG "\"memory_region\": " EG_RAM },
	{ FILE_OF("{ \"id\": 1, \"memory_region\": { \"size\": 1 }, \"devices\": [ " NET " ] }"), "zones[0].memory_region is {\"size\":1}; right would be " EG_RAM },
	{ FILE_OF("{ \"id\": 1, \"memory_region\": [], \"devices\": [ " NET " ] }"), "zones[0].memory_region is []; right would be " EG_RAM },
	{ RANGE("1", "2", "0"), "zones[0].memory_region is [{\"zone0_ipa\":1,\"zonex_ipa\":2,\"size\":0}]; right would be " EG_RAM },
	{ RANGE("\"here\"", "2", "3"), "zones[0].memory_region[0].zone0_ipa is \"here\"; " NUMBER("\"0x50000000\"") },
	{ RANGE("1", "null", "3"), "zones[0].memory_region[0].zonex_ipa is null; " NUMBER("\"0x50000000\"") },
	{ RANGE("1", "2", "\"592M\""), "zones[0].memory_region[0].size is \"592M\"; " NUMBER("\"0x25000000\"") },
	{ RANGE("\"0xffffffffffffffff\"", "2", "2"), "zones[0].memory_region[0].zone0_ipa is 0xffffffffffffffff, and 0x2 bytes from there run past the last address; right would be less" },
	{ RANGE("1", "\"0xffffffffffffffff\"", "2"), "zones[0].memory_region[0].zonex_ipa is 0xffffffffffffffff, and 0x2 bytes from there run past the last address; right would be less" },
	{ FILE_OF("{ \"id\": 1, \"memory_region\": [ 5 ], \"devices\": [ " NET " ] }"), "zones[0].memory_region[0].zone0_ipa is missing; " EG "\"zone0_ipa\": \"0x50000000\"" },
	/* Devices */
	{ ONE("[ 1, 2 ]"), DEV0 " is [1,2]; right would be { \"type\": \"net\", ... }" },
	{ ONE("{ \"addr\": 1 }"), DEV0 ".type is missing; " EG "\"type\": \"net\"" },
	{ ONE("{ \"type\": 1 }"), DEV0 ".type is 1; right would be a kind of device, for example \"net\"" },
	{ ONE("{ \"type\": \"net\" }"), DEV0 ".addr is missing; " EG "\"addr\": \"0xffa00000\"" },
	{ ONE("{ \"type\": \"net\", \"addr\": \"0xffa0000g\" }"), DEV0 ".addr is \"0xffa0000g\"; " NUMBER("\"0xffa00000\"") },
	{ ONE("{ \"type\": \"net\", \"addr\": 8 }"), DEV0 ".len is missing; " EG "\"len\": \"0x200\"" },
	{ ONE("{ \"type\": \"net\", \"addr\": 8, \"len\": 512 }"), DEV0 ".irq is missing; " EG "\"irq\": 69" },
	{ ONE("{ \"type\": \"net\", \"addr\": 8, \"len\": 512, \"irq\": 69 }"), DEV0 ".tap is missing; " EG "\"tap\": \"tap0\"" },
	{ ONE("{ \"type\": \"net\", \"addr\": 8, \"len\": \"0x0\", \"irq\": 69, \"tap\": \"tap0\" }"), DEV0 ".len is \"0x0\"; right would be \"0x200\"" },
	{ ONE(NET_AT("\"0xffffffffffffff00\"", "69", "\"tap0\"", "")), DEV0 ".addr is 0xffffffffffffff00, and 0x200 bytes from there run past the last address; right would be less" },
	{ ONE(NET_AT("8", "4294967296", "\"tap0\"", "")), DEV0 ".irq is 4294967296; right would be an interrupt id, for example 69" },
	{ ONE(NET_AT("8", "69", "7", "")), DEV0 ".tap is 7; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"\"", "")), DEV0 ".tap is \"\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"..\"", "")), DEV0 ".tap is \"..\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\".\"", "")), DEV0 ".tap is \".\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"a/b\"", "")), DEV0 ".tap is \"a/b\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"a b\"", "")), DEV0 ".tap is \"a b\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"tap%d\"", "")), DEV0 ".tap is \"tap%d\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"sixteen-letters-\"", "")), DEV0 ".tap is \"sixteen-letters-\"; " EG_TAP },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"mac\": []")), DEV0 ".mac is []; right would be a list of six bytes: " EG_MAC },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"mac\": \"02:00:00:00:00:01\"")), DEV0 ".mac is \"02:00:00:00:00:01\"; right would be a list of six bytes: " EG_MAC },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"mac\": [1, 2, 3, 4, 5, 6, 7]")), DEV0 ".mac is [1,2,3,4,5,6,7]; right would be a list of six bytes: " EG_MAC },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"mac\": [1, 2, 3, 256, 5, 6]")), DEV0 ".mac[3] is 256; right would be a byte, for example \"0x02\"" },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"mac\": [1, 2, 3, 4, 5, \"f0\"]")), DEV0 ".mac[5] is \"f0\"; right would be a byte, for example \"0x02\"" },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"status\": \"disabled\"")), DEV0 ".status is \"disabled\"; right would be \"enable\" or \"disable\"" },
	{ ONE(NET_AT("8", "69", "\"tap0\"", ", \"status\": true")), DEV0 ".status is true; right would be \"enable\" or \"disable\"" },
	{ ONE("{ \"type\": 7, \"this\": \"is a long story that somebody has written\" }"), DEV0 ".type is 7; right would be a kind of device, for example \"net\"" },
	{ ONE("\"a text that is much longer than anybody would want to read\""), DEV0 " is \"a text that is much longer than anybody...; right would be { \"type\": \"net\", ... }" },
	/* What does not go together */
	{ ONE(BLK ", " NET_AT("\"0xff9d01ff\"", "69", "\"tap0\"", "")), "zones[0].devices[1].addr is 0xff9d01ff, where zones[0].devices[0] (blk) has its registers; right would be another address" },
	{ ONE(NET_AT("\"0xff9cfe01\"", "69", "\"tap0\"", "") ", " BLK), DEV0 ".addr is 0xff9cfe01, where zones[0].devices[1] (blk) has its registers; right would be another address" },
	{ ONE(NET ", " NET_AT("\"0xffa00000\"", "70", "\"tap1\"", "")), "zones[0].devices[1].addr is 0xffa00000, where zones[0].devices[0] (net) has its registers; right would be another address" },
	{ ONE(BLK ", " NET_AT("8", "78", "\"tap0\"", "")), "zones[0].devices[1].irq is 78, which zones[0].devices[0] (blk) has; right would be another interrupt" },
	{ ONE(NET ", " NET_AT("8", "69", "\"tap1\"", "")), "zones[0].devices[1].irq is 69, which zones[0].devices[0] (net) has; right would be another interrupt" },
	{ ONE(NET ", " NET_AT("8", "70", "\"tap0\"", "")), "zones[0].devices[1].tap is \"tap0\", which zones[0].devices[0] has; right would be another name" },
	{ FILE_OF(ZONE(1, NET) ", " ZONE(2, NET)), "zones[1].devices[0].tap is \"tap0\", which zones[0].devices[0] has; right would be another name" },
	{ FILE_OF(ZONE(1, NET) ", " ZONE(2, NET_AT("8", "70", "\"tap1\"", ", " MAC))), "zones[1].devices[0].mac is 00:16:3e:10:10:10, which zones[0].devices[0] has; right would be another, or none to have one made" },
	{ ONE(BLK ", " CONSOLE ", " NET ", { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"scmi\" }, { \"type\": \"scmi\" }"), "zones[0] has 8 devices that are not disabled; right would be 7 at most, because hvisor panics when more interrupts than that are outstanding" },
};

static bool same(const char *what, const char *expected, const char *got)
{
	if (!strcmp(expected, got))
		return true;
	printf("# %s\n#   expected: %s\n#   got:      %s\n", what, expected, got);
	return false;
}

static void good_is_read(void)
{
	struct config c;
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(good_files); i++) {
		const char *said = said_of(good_files[i].text, &c, &err);

		if (err || *said)
			printf("# %s: %s\n", good_files[i].what, said);
		CHECK(!err && !*said);
		CHECK(same(good_files[i].what, good_files[i].says, dump(&c)));
		config_free(&c);
	}
}

static void bad_is_refused(void)
{
	bool all = true;
	struct config c;
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(bad_files); i++) {
		const char *said = said_of(bad_files[i].text, &c, &err);

		all &= same(bad_files[i].text, bad_files[i].says, said);
		CHECK(err == -1);
	}
	CHECK(all);
}

static char *ranges(unsigned int n)
{
	static char text[8192];
	size_t len = sprintf(text, "{ \"zones\": [ { \"id\": 1, \"memory_region\": [ ");

	while (n--)
		len += sprintf(text + len, "{ \"zone0_ipa\": %u, \"zonex_ipa\": %u, \"size\": 8 }%s",
			       8 * n, 8 * n, n ? ", " : "");
	sprintf(text + len, " ], \"devices\": [ %s ] } ] }", NET);
	return text;
}

static void ranges_are_bounded(void)
{
	struct config c;
	int err;

	said_of(ranges(64), &c, &err);
	CHECK(!err);
	CHECK(c.zones[0].n_ram == 64 && c.zones[0].ram[63].size == 8);
	config_free(&c);
	CHECK(same("65 ranges", "zones[0].memory_region[64] is one too many; right would be 64 at most",
		   said_of(ranges(65), &c, &err)));
	CHECK(err == -1);
}

static void no_file(void)
{
	char said[256] = "";
	struct config c;
	FILE *before = stderr;

	unlink("nowhere.json");
	stderr = fmemopen(said, sizeof(said), "w");
	CHECK(config_read(&c, "nowhere.json") == -1);
	CHECK(config_read(&c, ".") == -1);
	fclose(stderr);
	stderr = before;
	CHECK(same("no file", "hvnet: nowhere.json: No such file or directory\n"
		   "hvnet: .: Is a directory\n", said));
}

/* The copy, as one line of JSON. */
static char *copy_of(const char *text)
{
	struct config c;
	json_t *copy;
	char *line;
	int err;

	said_of(text, &c, &err);
	if (err || config_write_for_daemon(&c, COPY_NAME))
		return strdup("?");
	config_free(&c);
	copy = json_load_file(COPY_NAME, 0, NULL);
	line = json_dumps(copy, JSON_COMPACT);
	json_decref(copy);
	return line;
}

static void copy_is_the_daemons(void)
{
	char *copy = copy_of("{ \"Zones\": [ { \"id\": \"0x1\", \"memory_region\": [ { \"zone0_ipa\": 16, \"zonex_ipa\": \"0x10\", \"size\": 16 } ], \"note\": null, \"Devices\": [ "
		"{ \"type\": \"blk\", \"addr\": \"0xff9d0000\", \"img\": \"a\", \"status\": \"enable\" }, "
		"{ \"type\": \"console\" }, "
		"{ \"type\": \"net\", \"status\": \"disable\" }, "
		NET_AT("8", "69", "\"tap0\"", ", \"Status\": \"enable\"") ", "
		NET_AT("1024", "70", "\"tap1\"", "")
		" ] } ] } more");

	CHECK(same("copy", "{\"Zones\":[{\"id\":\"0x1\",\"memory_region\":[{\"zone0_ipa\":16,\"zonex_ipa\":\"0x10\",\"size\":16}],\"note\":null,\"Devices\":["
		   "{\"type\":\"blk\",\"addr\":\"0xff9d0000\",\"img\":\"a\",\"status\":\"enable\"},"
		   "{\"type\":\"console\",\"status\":\"enable\"},"
		   "{\"type\":\"net\",\"status\":\"disable\"},"
		   "{\"type\":\"net\",\"addr\":8,\"len\":\"0x200\",\"irq\":69,\"tap\":\"tap0\",\"Status\":\"disable\"},"
		   "{\"type\":\"net\",\"addr\":1024,\"len\":\"0x200\",\"irq\":70,\"tap\":\"tap1\",\"status\":\"disable\"}]}]}",
		   copy));
	free(copy);
}

static void copy_spares_the_original(void)
{
	char said[512] = "", *line;
	FILE *before = stderr;
	struct config c;
	int err;

	said_of(ONE(NET), &c, &err);
	CHECK(!err);
	stderr = fmemopen(said, sizeof(said), "w");
	CHECK(config_write_for_daemon(&c, "./" FILE_NAME) == -1);
	CHECK(config_write_for_daemon(&c, "no/such/place") == -1);
	fclose(stderr);
	stderr = before;
	CHECK(same("refusals", "hvnet: ./" FILE_NAME ": is the configuration itself, and would be overwritten; right would be another file for the daemon\n"
		   "hvnet: no/such/place: cannot be written: No such file or directory\n",
		   said));
	line = json_dumps(c.json, JSON_COMPACT);
	CHECK(strstr(line, "\"status\":\"enable\""));
	free(line);
	config_free(&c);
}

/* Whichever allocation fails, it is said, and nothing leaks. */
static void memory_may_run_out(void)
{
	unsigned int n, failed = 0;
	char said[512];
	FILE *before = stderr;
	struct config c;
	int err;

	write_text(FILE_OF(ZONE(1, BLK ", " NET) ", " ZONE(2, BLK)));
	json_set_alloc_funcs(unit_malloc, free);
	for (n = 1; n == 1 || fail_at == 0; n++) {
		fail_at = n;
		unlink(COPY_NAME);
		memset(said, 0, sizeof(said));
		stderr = fmemopen(said, sizeof(said) - 1, "w");
		err = config_read(&c, FILE_NAME);
		if (!err) {
			err = config_write_for_daemon(&c, COPY_NAME);
			config_free(&c);
		}
		fclose(stderr);
		stderr = before;
		if (fail_at)
			CHECK(!err && !*said && !access(COPY_NAME, F_OK));
		if (err) {
			CHECK(*said && access(COPY_NAME, F_OK));
			CHECK(access(COPY_NAME ".new", F_OK));
			failed++;
		}
	}
	json_set_alloc_funcs(malloc, free);
	fail_at = 0;
	printf("# %u allocations failed, %u of them mattered\n", n - 2, failed);
	CHECK(failed > 50);
}

static const struct ktap_test tests[] = {
	KTAP_TEST(good_is_read),
	KTAP_TEST(bad_is_refused),
	KTAP_TEST(ranges_are_bounded),
	KTAP_TEST(no_file),
	KTAP_TEST(copy_is_the_daemons),
	KTAP_TEST(copy_spares_the_original),
	KTAP_TEST(memory_may_run_out),
};

int main(void)
{
	char dir[] = "/tmp/config_test.XXXXXX";
	int ret;

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	ret = ktap_main(tests, ARRAY_SIZE(tests));
	unlink(FILE_NAME);
	unlink(COPY_NAME);
	rmdir(dir);
	return ret;
}
