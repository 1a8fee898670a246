/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for the kernel's <linux/compiler.h>; what is needed of it is in shim.h. */
#include "../shim.h"
