/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Life beside hvisor-tool: what daemon.c and its parts and the rest of the
 * module ask of each other.  Knows nothing of virtio or of networking.
 */
#ifndef HVNET_DAEMON_H
#define HVNET_DAEMON_H

#include <linux/types.h>

#include "hvpage.h"

/* daemon.c */
int hvnet_daemon_init(void);
void hvnet_daemon_exit(void);
void hvnet_daemon_set_page(struct hvpage *hp);
enum hvpage_reply hvnet_daemon_access(const struct hvpage_access *acc);
bool hvnet_daemon_served(void);
bool hvnet_daemon_owes(u32 zone);
void hvnet_daemon_zone_gone(u32 zone);
int hvnet_daemon_set_backend(struct file *file, const char *name,
			     struct hvnet_reason *why);

/* Zone life: hvisor_vnet.c */
long hvnet_zone_shutdown(u32 id, long (*call)(void *arg), void *arg,
			 struct hvnet_reason *why);
void hvnet_zone_vacate(u32 id);
void hvnet_zone_vacate_ram(u64 pa, u64 size);

#endif /* HVNET_DAEMON_H */
