// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the tracepoints of trace.h become code, and nothing else.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>

#include "compat.h"
#include "hvisor_vnet.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
