/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernel versions this module builds on, and
 * nothing else.  The rest of the code is written for the newest interface; what
 * an older kernel lacks is made up for here.
 */
#ifndef HVNET_COMPAT_H
#define HVNET_COMPAT_H

#include <linux/version.h>

#endif /* HVNET_COMPAT_H */
