/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands for the kernel's <linux/types.h>.  The host's header of that name has
 * the __u and __le types, and is what uapi headers mean; shim.h adds the rest.
 */
#ifndef UNIT_LINUX_TYPES_H
#define UNIT_LINUX_TYPES_H

#include_next <linux/types.h>
#include "../shim.h"

#endif /* UNIT_LINUX_TYPES_H */
