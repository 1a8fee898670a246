/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for the kernel's <linux/stddef.h>: offsetof() comes from the compiler. */
#include <stddef.h>
#include_next <linux/stddef.h>
