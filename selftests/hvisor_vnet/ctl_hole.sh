#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A reservation with nothing behind it: a range that runs over its end is
# refused, in words, though mapping it would succeed.  What is not in root's
# account of its memory at all, as behind mem=, is taken on trust.
#
# rig: smp=2 timeout=100 mem=640M
. ./lib.sh
. ./ctllib.sh

hex()
{
	printf '0x%x' $(($1))
}

# fine ROOT SIZE: such a zone can be made
fine()
{
	fine_said=$(request new_zone "id=1 ram=$1,0x0,$2")
	[ -z "$fine_said" ] || { ktap_diag "$(kernel_said)"; return 1; }
	[ "$(cat $BUS/devices/zone1/ram)" = "$1,0x0,$2" ] && zone_del 1
}

[ "$RIG_ARCH" != x86_64 ] || ktap_skip_all "behind RAM are PCI's registers"
[ "$RIG_ARCH" != riscv64 ] ||
	ktap_skip_all "at the end of RAM is the device tree, which is root's"

HOLE=$(hex "RAW_BASE + RAW_SIZE")
LAST=$(hex "HOLE - 0x1000")

ktap_plan 6
load_modules root_ram=0 || ktap_abort "modules do not load"
ktap_check "the reservation" fine $RAW_BASE "$(hex "RAW_SIZE")"
ktap_check "a page too many" refused new_zone "$EINVAL" \
	"RAM at $LAST, 0x2000 bytes, runs into a hole: only 0x1000 bytes of it are memory; does it ask for more than the device tree reserves?" \
	"id=1 ram=$LAST,0,0x2000"
echo Y >/sys/module/hvisor_sim/parameters/root_ram
ktap_check "nor where root's own RAM is allowed" refused new_zone "$EINVAL" \
	"RAM at $LAST, 0x2000 bytes, runs into a hole: only 0x1000 bytes of it are memory; does it ask for more than the device tree reserves?" \
	"id=1 ram=$LAST,0,0x2000"
ktap_check "what root knows nothing of" fine "$HOLE" 0x100000
ktap_check "the last page is still to be had" fine "$LAST" 0x1000
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
