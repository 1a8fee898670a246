/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of hvnet share: the configuration as it was read, and who does
 * what with it.  hvnet sets up in the kernel what hvisor-tool's users have in
 * their virtio_cfg.json.
 */
#ifndef HVNET_H
#define HVNET_H

#include <linux/types.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define BUS		"/sys/bus/hvisor_vnet"
#define OUR_NODE	"/dev/hvisor-vnet"
#define HVISOR_NODE	"/dev/hvisor"

/* The module's limit of ranges, hvisor's of interrupts and zones. */
#define MAX_RANGES	64
#define MAX_IRQS	7
#define MAX_ZONES	32

#define PRINTF(fmt, args)	__attribute__((__format__(printf, fmt, args)))

/* config.c: virtio_cfg.json; keys.c: words */

/* Where something stands in the file: "zones[0].devices[2]". */
struct place {
	char path[64];
};

/* A piece of a zone's RAM, as root and as the guest address it. */
struct range {
	__u64 root;
	__u64 guest;
	__u64 size;
};

/* What a device has and can be asked to have, by the words of "hvnet add". */
enum vnet_key {
	KEY_ZONE, KEY_ADDR, KEY_LEN, KEY_IRQ, KEY_NAME, KEY_MAC, KEY_MTU,
	KEY_QUEUE, KEY_FEATURES, KEY_CPU, KEY_TX_USECS, KEY_TX_FRAMES,
	KEY_RX_USECS, KEY_RX_FRAMES, KEY_RX_ADAPTIVE, KEYS
};

#define KEY_BIT(_key)	(1u << (_key))

extern const char * const vnet_key_name[KEYS];
__u64 vnet_key_max(enum vnet_key key);
int vnet_mac(__u8 *mac, const char *text);

/**
 * struct entry - one of a zone's "devices"
 * @place: where it stands
 * @type: "net", "blk", ...; "?" if a disabled one does not say
 * @net: it is of type "net" and enabled: ours
 * @enabled: it is not disabled
 * @addr: its registers
 * @len: how many bytes of them; of one that is not ours 0 if nobody says
 * @irq: its interrupt; of one that is not ours 0 if the file does not say
 * @tap: what the interface is to be called
 * @mac: the guest's address; empty to have one made
 * @given: KEY_BIT() of what else the file says, from KEY_MTU on
 * @more: which has these values
 */
struct entry {
	struct place place;
	const char *type;
	bool net;
	bool enabled;
	__u64 addr;
	__u64 len;
	__u64 irq;
	char tap[IFNAMSIZ];
	char mac[18];
	unsigned int given;
	__u64 more[KEYS];
};

/* @nets and @others count the enabled entries; without @nets there is no @ram. */
struct zone {
	struct place place;
	__u64 id;
	struct range ram[MAX_RANGES];
	size_t n_ram;
	struct entry *entries;
	size_t n_entries;
	size_t nets;
	size_t others;
};

struct config {
	const char *file;
	void *json;		/* the library's; strings above point into it */
	struct zone *zones;
	size_t n_zones;
	size_t nets;
	size_t others;
};

int config_read(struct config *c, const char *file);
int config_write_for_daemon(const struct config *c, const char *file);
void config_free(struct config *c);

/* json.c: numbers and members as hvisor-tool takes them */
struct json_t;
struct json_t *json_read_file(const char *file);
int number_of(const char *text, __u64 *to);
struct json_t *json_member(struct json_t *object, const char *key);
int json_number(const struct json_t *v, __u64 *to);

/* say.c: errors, and files below the root that is looked at */
extern const char *hvnet_root;

int say_err(const char *fmt, ...) PRINTF(1, 2);
const char *below_root(char *path, const char *fmt, ...) PRINTF(2, 3);
int read_line(char *to, size_t size, const char *fmt, ...) PRINTF(3, 4);
bool exists(const char *fmt, ...) PRINTF(1, 2);
void human_size(char *to, size_t size, __u64 bytes);

/* board.c: the module in sysfs */
bool board_loaded(void);
bool board_ready(void);
int board_remove_device(const char *name);
bool board_has_zone(__u64 id);
void board_device_name(char *to, size_t size, const struct zone *z,
		       const struct entry *e);
bool board_has_device(const char *name);
bool board_in_use(const char *name);
bool board_is_zone(const char *name);
int board_each(int (*fn)(const char *name, void *arg), void *arg);
void board_netdev(const char *name, char *netdev);

/* zones.c */
int zones_running(__u32 *ids);

/* status.c */
int status(bool json);

/* link.c: interfaces of root */
struct old_tap {
	char name[IFNAMSIZ];	/* empty: there was none */
	char aside[IFNAMSIZ];	/* what it is called meanwhile */
	char bridge[IFNAMSIZ];
	bool up;
};

bool link_exists(const char *name);
bool link_is_tap(const char *name);
bool link_master(const char *name, char *master);
bool link_is_bridge(const char *name);
int link_move_aside(const char *name, struct old_tap *old);
int link_take_place(const struct old_tap *old);
int link_drop(const struct old_tap *old);
void link_put_back(const struct old_tap *old);

/* process.c: hvisor-tool's daemon */
enum daemon_node { NODE_NONE, NODE_OURS, NODE_OTHER };

pid_t daemon_find(void);
enum daemon_node daemon_node(pid_t pid);
void daemon_holders(dev_t node, char *to, size_t size);
dev_t node_number(const char *path);

/* apply.c: load and unload */
struct options {
	bool replace_tap;
	bool force;
	const char *daemon_file;	/* NULL: beside the file */
	const char *daemon_log;
	const char *hvisor;		/* NULL: look for it */
	bool json;
	bool watch;
	__u64 interval_ms;
	__u64 count;			/* 0: for ever */
};

/* A load that may still be taken back; @old has one for each net entry. */
struct load {
	const struct config *c;
	struct old_tap *old;
};

int load_begin(struct load *l, const struct config *c, const struct options *o);
void load_commit(struct load *l);
void load_abort(struct load *l);
int apply_load(const struct config *c, const struct options *o);
int apply_in_use(const struct config *c, const struct options *o);
int apply_unload(const struct config *c, const struct options *o);
const char *daemon_file_name(char *to, const struct config *c,
			     const struct options *o);

/* run.c: start and stop */
int run_start(const struct config *c, const struct options *o);
int run_stop(const struct config *c, const struct options *o);

/* edit.c: add, del and set, by words */
int edit_add(char **words, int n);
int edit_del(char **words, int n);
int edit_set(char **words, int n);

/* show.c, save.c, stats.c, monitor.c */
int show(char **words, int n, bool json);
int save(const char *file);
int stats(const char *name, const struct options *o);
int monitor(const struct options *o);

/* doctor*.c */
void heading(const char *fmt, ...) PRINTF(1, 2);
void say_info(const char *fmt, ...) PRINTF(1, 2);
void say_notice(const char *fmt, ...) PRINTF(1, 2);
void say_warn(const char *fmt, ...) PRINTF(1, 2);
void paste(const char *fmt, ...) PRINTF(1, 2);
int doctor(const struct config *c, const char *zone_file, bool json);
/* Where root has its device tree, and who numbers the interrupts in it. */
#define TREE	"/proc/device-tree"

enum irqs { IRQS_GIC, IRQS_PLIC, IRQS_APLIC };

enum irqs tree_irqs(void);
void doctor_board(const struct config *c);
void doctor_config(const struct config *c);
void doctor_zone_file(const struct config *c, const char *zone_file);

#endif /* HVNET_H */
