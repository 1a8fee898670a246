// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that is counted, by name: where each number comes from.  How it is
 * shown is up to sysfs.c and netlink.c, what it means is in Documentation/ABI.
 */
#include <linux/netdevice.h>

#include "counters.h"
#include "hvisor_vnet.h"

static u64 hvnet_read_stat(const struct hvnet_dev *dev, int which)
{
	return hvnet_nic_stat(dev->netdev, which);
}

static u64 hvnet_read_drop(const struct hvnet_dev *dev, int which)
{
	return hvnet_nic_drops(dev->netdev, which);
}

static u64 hvnet_read_mmio(const struct hvnet_dev *dev, int which)
{
	return READ_ONCE(dev->mmio.count[which]);
}

enum { HVNET_INJECTIONS, HVNET_REINJECTIONS, HVNET_STALLS };

static u64 hvnet_read_line(const struct hvnet_dev *dev, int which)
{
	switch (which) {
	case HVNET_INJECTIONS:
		return READ_ONCE(dev->line.injections);
	case HVNET_REINJECTIONS:
		return READ_ONCE(dev->line.reinjections);
	default:
		return READ_ONCE(dev->line.stalls);
	}
}

#define HVNET_COUNTER(_attr, _name, _read, _which) \
	[HVISOR_VNET_A_COUNTERS_##_attr] = { _name, _read, _which, false }
#define HVNET_QUEUE_COUNTER(_attr, _name, _read, _which) \
	[HVISOR_VNET_A_COUNTERS_##_attr] = { _name, _read, _which, true }

const struct hvnet_counter hvnet_dev_counters[HVNET_DEV_COUNTERS] = {
	HVNET_QUEUE_COUNTER(TX_FRAMES, "tx_frames",
			    hvnet_read_stat, HVNET_TX_FRAMES),
	HVNET_QUEUE_COUNTER(TX_BYTES, "tx_bytes",
			    hvnet_read_stat, HVNET_TX_BYTES),
	HVNET_QUEUE_COUNTER(TX_KICKS, "tx_kicks",
			    hvnet_read_stat, HVNET_TX_KICKS),
	HVNET_QUEUE_COUNTER(TX_POLLS, "tx_polls",
			    hvnet_read_stat, HVNET_TX_POLLS),
	HVNET_QUEUE_COUNTER(RX_FRAMES, "rx_frames",
			    hvnet_read_stat, HVNET_RX_FRAMES),
	HVNET_QUEUE_COUNTER(RX_BYTES, "rx_bytes",
			    hvnet_read_stat, HVNET_RX_BYTES),
	HVNET_QUEUE_COUNTER(RX_KICKS, "rx_kicks",
			    hvnet_read_stat, HVNET_RX_KICKS),
	HVNET_QUEUE_COUNTER(RX_STOPS, "rx_stops",
			    hvnet_read_stat, HVNET_RX_STOPS),
	HVNET_QUEUE_COUNTER(RX_WAKES, "rx_wakes",
			    hvnet_read_stat, HVNET_RX_WAKES),
	HVNET_QUEUE_COUNTER(RX_STALLS, "rx_stalls",
			    hvnet_read_stat, HVNET_RX_STALLS),
	HVNET_QUEUE_COUNTER(RX_UNWANTED, "rx_unwanted",
			    hvnet_read_stat, HVNET_RX_UNWANTED),
	HVNET_QUEUE_COUNTER(DROP_TX_RUNT, "drop_tx_runt",
			    hvnet_read_drop, HVNET_DROP_TX_RUNT),
	HVNET_QUEUE_COUNTER(DROP_TX_OVERSIZE, "drop_tx_oversize",
			    hvnet_read_drop, HVNET_DROP_TX_OVERSIZE),
	HVNET_QUEUE_COUNTER(DROP_TX_HEADER, "drop_tx_header",
			    hvnet_read_drop, HVNET_DROP_TX_HEADER),
	HVNET_QUEUE_COUNTER(DROP_TX_DIRECTION, "drop_tx_direction",
			    hvnet_read_drop, HVNET_DROP_TX_DIRECTION),
	HVNET_QUEUE_COUNTER(DROP_TX_NOMEM, "drop_tx_nomem",
			    hvnet_read_drop, HVNET_DROP_TX_NOMEM),
	HVNET_QUEUE_COUNTER(DROP_TX_DOWN, "drop_tx_down",
			    hvnet_read_drop, HVNET_DROP_TX_DOWN),
	HVNET_QUEUE_COUNTER(DROP_RX_BUFFER, "drop_rx_buffer",
			    hvnet_read_drop, HVNET_DROP_RX_BUFFER),
	HVNET_QUEUE_COUNTER(DROP_RX_TOO_BIG, "drop_rx_too_big",
			    hvnet_read_drop, HVNET_DROP_RX_TOO_BIG),
	HVNET_QUEUE_COUNTER(DROP_RX_OFFLOAD, "drop_rx_offload",
			    hvnet_read_drop, HVNET_DROP_RX_OFFLOAD),
	HVNET_QUEUE_COUNTER(DROP_RX_NO_GUEST, "drop_rx_no_guest",
			    hvnet_read_drop, HVNET_DROP_RX_NO_GUEST),
	HVNET_COUNTER(BAD_SIZE, "bad_size",
		      hvnet_read_mmio, HVNET_MMIO_BAD_SIZE),
	HVNET_COUNTER(BAD_OFFSET, "bad_offset",
		      hvnet_read_mmio, HVNET_MMIO_BAD_OFFSET),
	HVNET_COUNTER(BAD_DIRECTION, "bad_direction",
		      hvnet_read_mmio, HVNET_MMIO_BAD_DIRECTION),
	HVNET_COUNTER(BAD_VALUE, "bad_value",
		      hvnet_read_mmio, HVNET_MMIO_BAD_VALUE),
	HVNET_COUNTER(BROKEN, "broken", hvnet_read_mmio, HVNET_MMIO_BROKEN),
	HVNET_COUNTER(INJECTIONS, "injections",
		      hvnet_read_line, HVNET_INJECTIONS),
	HVNET_COUNTER(REINJECTIONS, "reinjections",
		      hvnet_read_line, HVNET_REINJECTIONS),
	HVNET_COUNTER(STALLS, "stalls", hvnet_read_line, HVNET_STALLS),
};

const struct hvnet_page_counter hvnet_page_counters[HVNET_PAGE_COUNTERS] = {
	[HVISOR_VNET_A_HV_COUNTERS_WAKES] = { "wakes", HVPAGE_WAKES },
	[HVISOR_VNET_A_HV_COUNTERS_REQUESTS] = { "requests", HVPAGE_REQUESTS },
	[HVISOR_VNET_A_HV_COUNTERS_UNKNOWN] = { "unknown", HVPAGE_UNKNOWN },
	[HVISOR_VNET_A_HV_COUNTERS_MALFORMED] = { "malformed", HVPAGE_MALFORMED },
	[HVISOR_VNET_A_HV_COUNTERS_DEFERRED] = { "deferred", HVPAGE_DEFERRED },
	[HVISOR_VNET_A_HV_COUNTERS_FOUND_AFTER_EOI] = { "found_after_eoi", HVPAGE_FOUND_AFTER_EOI },
	[HVISOR_VNET_A_HV_COUNTERS_FOUND_LATE] = { "found_late", HVPAGE_FOUND_LATE },
	[HVISOR_VNET_A_HV_COUNTERS_HYPERCALLS] = { "hypercalls", HVPAGE_FINISHES },
	[HVISOR_VNET_A_HV_COUNTERS_SLOWED] = { "slowed", HVPAGE_SLOWED },
};
