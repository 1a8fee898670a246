/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of hvnet share: the configuration as it was read, and who does
 * what with it.  hvnet sets up in the kernel what hvisor-tool's users have in
 * their virtio_cfg.json.
 */
#ifndef HVNET_H
#define HVNET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HVNET_BUS		"/sys/bus/hvisor_vnet"
#define HVNET_NODE		"/dev/hvisor-vnet"
#define HVISOR_NODE		"/dev/hvisor"

#define MAX_RANGES		64

/* A piece of a zone's RAM, as root and as the guest address it. */
struct range {
	uint64_t root;
	uint64_t guest;
	uint64_t size;
};

/* One entry of "devices". Only those of type "net" have a tap and a mac. */
struct entry {
	const char *type;
	bool enabled;
	uint64_t addr;
	uint64_t len;
	uint64_t irq;
	char tap[IFNAMSIZ];
	char mac[18];		/* empty: have one made */
};

struct zone {
	uint64_t id;
	struct range ram[MAX_RANGES];
	size_t n_ram;
	struct entry *entries;
	size_t n_entries;
};

struct config {
	const char *file;
	void *json;		/* the library's; strings above point into it */
	struct zone *zones;
	size_t n_zones;
};

static inline bool is_net(const struct entry *e)
{
	return e->type[0] == 'n' && e->type[1] == 'e' && e->type[2] == 't' &&
	       !e->type[3];
}

/* config.c */
int config_read(struct config *c, const char *file);
int config_write_for_daemon(const struct config *c, const char *file);
void config_free(struct config *c);

/* board.c: the module, through sysfs. Errors are printed, with their reason. */
bool board_ready(void);
int board_write(const char *file, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int board_read(char *to, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool board_has(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int board_each(int (*fn)(const char *name, void *arg), void *arg);
bool board_is_zone(const char *name);
int board_status(void);

/* link.c: interfaces of root */
struct old_tap {
	bool was;
	bool up;
	char bridge[IFNAMSIZ];
};

bool link_exists(const char *name);
bool link_is_tap(const char *name);
int link_remove_tap(const char *name, struct old_tap *old);
int link_restore(const char *name, const struct old_tap *old);
bool link_bridge_of(const char *name, char *bridge);

/* apply.c */
struct load_options {
	bool replace_tap;
	const char *daemon_file;	/* NULL: beside the file, see below */
};

int apply_load(const char *file, const struct load_options *options);
int apply_unload(const char *file);
void daemon_file_name(char *to, size_t size, const char *file);

/* run.c */
int run_start(const char *file, const struct load_options *options);
int run_stop(const char *file);

/* doctor.c */
int doctor(const char *file, const char *zone_file);

#endif /* HVNET_H */
