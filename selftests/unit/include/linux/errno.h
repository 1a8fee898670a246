/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands for the kernel's <linux/errno.h>.  The C library's errno.h includes
 * the host's header of that name.
 */
#include_next <linux/errno.h>
