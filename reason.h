/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a request of the administrator was refused, in words.  Whoever carries
 * the request (sysfs today, netlink's extack as well) passes a struct
 * hvnet_reason down, the place that refuses fills it in, and the carrier shows
 * it.  No file below the carrier prints such a message itself.
 */
#ifndef HVNET_REASON_H
#define HVNET_REASON_H

#include <linux/kernel.h>

struct hvnet_reason {
	char text[256];
};

/**
 * hvnet_refuse - refuse, saying why
 * @why: where the sentence goes
 * @err: negative errno
 * @fmt: the sentence, without a full stop or newline
 *
 * Context: any. Return: @err, so that a caller can return it on.
 */
static inline __printf(3, 4) int hvnet_refuse(struct hvnet_reason *why, int err,
					      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

#endif /* HVNET_REASON_H */
