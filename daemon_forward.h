/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that hvisor-tool makes and that hvisor.ko serves: how daemon.c passes
 * them on.
 */
#ifndef HVNET_DAEMON_FORWARD_H
#define HVNET_DAEMON_FORWARD_H

struct file;
struct hvnet_reason;

struct file *hvnet_forward_to(struct file *backend);
long hvnet_forward(unsigned int cmd, unsigned long arg,
		   struct hvnet_reason *why);
long hvnet_forward_start(unsigned int cmd, unsigned long arg,
			 struct hvnet_reason *why);
long hvnet_forward_shutdown(unsigned int cmd, unsigned long arg,
			    struct hvnet_reason *why);
long hvnet_forward_load(unsigned int cmd, unsigned long arg,
			struct hvnet_reason *why);

#endif /* HVNET_DAEMON_FORWARD_H */
