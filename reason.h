/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a request of the administrator was refused: in words, and which part of
 * the request is to blame.  Whoever carries the request (sysfs, netlink) passes
 * a struct hvnet_reason down, the place that refuses fills it in, and the
 * carrier shows it as it can.  No file below the carrier prints such a message
 * itself.
 */
#ifndef HVNET_REASON_H
#define HVNET_REASON_H

#include <linux/kernel.h>

/* What can be to blame. */
enum hvnet_field {
	HVNET_FIELD_NONE,
	HVNET_FIELD_ZONE,
	HVNET_FIELD_RAM,
	HVNET_FIELD_ADDR,
	HVNET_FIELD_LEN,
	HVNET_FIELD_IRQ,
	HVNET_FIELD_QUEUE,
	HVNET_FIELD_MTU,
	HVNET_FIELD_MAC,
	HVNET_FIELD_NAME,
	HVNET_FIELD_OFFERED,
	HVNET_FIELD_IFINDEX,
	HVNET_FIELD_COALESCE,
	HVNET_FIELD_CPU,
	HVNET_FIELD_QUIESCE,
	HVNET_FIELD_BACKEND,
	HVNET_FIELDS,
};

/**
 * struct hvnet_reason - why not
 * @text: the sentence, without a full stop or newline; empty if nothing was
 *	refused
 * @field: what is to blame
 * @range: with HVNET_FIELD_RAM: root's address of that range
 */
struct hvnet_reason {
	char text[256];
	enum hvnet_field field;
	u64 range;
};

/**
 * hvnet_refuse_field - refuse, saying why, and what is to blame
 * @why: where the sentence goes
 * @field: what is to blame
 * @err: negative errno
 * @fmt: the sentence, without a full stop or newline
 *
 * Context: any. Return: @err, so that a caller can return it on.
 */
static inline __printf(4, 5)
int hvnet_refuse_field(struct hvnet_reason *why, enum hvnet_field field,
		       int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	why->field = field;
	return err;
}

/* Likewise, when no part of the request is. */
#define hvnet_refuse(why, err, ...) \
	hvnet_refuse_field(why, HVNET_FIELD_NONE, err, __VA_ARGS__)

#endif /* HVNET_REASON_H */
