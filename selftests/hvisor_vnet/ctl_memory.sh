#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a zone's RAM may be: root's own account of its memory decides, in words,
# and never with a WARN (which the rig would see).  As on a board, where guests
# cannot live in root's own RAM.
#
# rig: smp=2 timeout=100
. ./lib.sh
. ./ctllib.sh

hex()
{
	printf '0x%x' $(($1))
}

# fine ROOT GUEST SIZE: such a zone can be made
fine()
{
	fine_said=$(request new_zone "id=1 ram=$1,$2,$3")
	[ -z "$fine_said" ] || { ktap_diag "$(kernel_said)"; return 1; }
	[ "$(cat $BUS/devices/zone1/ram)" = "$1,$2,$3" ] && zone_del 1
}

# bad ROOT GUEST SIZE ERROR REASON...
bad()
{
	bad_ram=$1,$2,$3 bad_error=$4
	shift 4
	refused new_zone "$bad_error" "$*" "id=1 ram=$bad_ram"
}

SIZE=$(hex "RAW_SIZE")
RESERVES="does it ask for more than the device tree reserves"
# In the middle of what is above the reservation: nobody's in particular.
OWN=$(hex "RAW_BASE + RAW_SIZE + 0x4000000")

# The page that RAM ends with, if nothing follows it.
END=$(awk -F'[- :]+' '/^[0-9a-f].*System RAM/ { last = $2 } END { print last }' \
	/proc/iomem)
END=$(hex "0x$END + 1 - 0x1000")
# Where PCI devices may get registers, but none is: listed like a reservation.
PCI=$(sed -n 's/^\([0-9a-f]*\)-.* : pcie\{0,1\}@.*/\1/p;
	s/^\([0-9a-f]*\)-.* : PCI Bus 0000:00$/\1/p' /proc/iomem | tail -n 1)

# Memory that root does not give to anybody, but uses itself: its own code.
CODE=$(hex "0x$(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/\1/p' /proc/iomem)")

# Root's device tree may reserve RAM without no-map, which root then maps.
MAPPED=$(hex "RAW_BASE - 0x8000000")
MAPPED_END=$(hex "MAPPED + 0x1ff000")

mapped_reservation()
{
	fine "$MAPPED" 0x0 0x200000 &&
		bad "$MAPPED_END" 0 0x2000 "$EINVAL" \
			"RAM at $MAPPED_END, 0x2000 bytes, is reserved only in part (0x1000 bytes): $RESERVES?"
}

from_ram_to_hole()
{
	bad "$END" 0 0x2000 "$EINVAL" \
		"RAM at $END, 0x2000 bytes, runs into root's own: 0x1000 bytes of it are root's; $RESERVES (no-map)?"
}

# The simulator's Linux guest may live in root's RAM, but not beyond it.
allowed_root_ram()
{
	echo Y >/sys/module/hvisor_sim/parameters/root_ram
	fine "$OWN" 0x0 0x100000 && from_ram_to_hole &&
		bad "$(hex "RAW_BASE - 0x1000")" 0 0x2000 "$EINVAL" \
			"RAM at $(hex "RAW_BASE - 0x1000"), 0x2000 bytes, runs into root's own: 0x1000 bytes of it are root's; $RESERVES (no-map)?"
}

ktap_plan 23
load_modules root_ram=0 || ktap_abort "modules do not load"
ktap_check "a no-map reservation" fine $RAW_BASE 0x50000000 $SIZE
ktap_check "part of one" fine "$(hex "RAW_BASE + 0x1000")" 0x0 0x1000
ktap_check "root's own RAM is refused" bad "$OWN" 0 0x100000 "$EPERM" \
	"RAM at $OWN, 0x100000 bytes, is root's own: reserve it (no-map) in root's device tree"
ktap_check "root's own code is refused" bad "$CODE" 0 0x100000 "$EPERM" \
	"RAM at $CODE, 0x100000 bytes, is root's own: reserve it (no-map) in root's device tree"
if [ -d /proc/device-tree ]; then
	ktap_check "a reservation without no-map" mapped_reservation
else
	ktap_skip "a reservation without no-map" "there is no device tree"
fi
ktap_check "a page too many behind the reservation" \
	bad $RAW_BASE 0 "$(hex "RAW_SIZE + 0x1000")" "$EINVAL" \
	"RAM at $RAW_BASE, $(hex "RAW_SIZE + 0x1000") bytes, runs into root's own: 0x1000 bytes of it are root's; $RESERVES (no-map)?"
ktap_check "a page too many before it" \
	bad "$(hex "RAW_BASE - 0x1000")" 0 0x2000 "$EINVAL" \
	"RAM at $(hex "RAW_BASE - 0x1000"), 0x2000 bytes, runs into root's own: 0x1000 bytes of it are root's; $RESERVES (no-map)?"
ktap_check "device registers" bad $RIG_REGISTERS 0 0x1000 "$EBUSY" \
	"$RIG_REGISTERS, 0x1000 bytes, is not RAM: registers or firmware of root's live there"
if [ -n "$PCI" ]; then
	PCI=$(hex "0x$PCI")
	ktap_check "a PCI window" bad "$PCI" 0 0x1000 "$EBUSY" \
		"$PCI, 0x1000 bytes, is not RAM: registers or firmware of root's live there"
else
	ktap_skip "a PCI window" "the kernel has no PCI"
fi
ktap_check "from root's RAM into a hole" from_ram_to_hole
ktap_check "no size" bad $RAW_BASE 0 0 "$EINVAL" \
	"RAM at $RAW_BASE has size 0"
ktap_check "half a page" bad $RAW_BASE 0 0x800 "$EINVAL" \
	"RAM at $RAW_BASE (in the guest 0x0), 0x800 bytes, is not made of whole pages"
ktap_check "not on a page's boundary in root" \
	bad "$(hex "RAW_BASE + 4")" 0 0x1000 "$EINVAL" \
	"RAM at $(hex "RAW_BASE + 4") (in the guest 0x0), 0x1000 bytes, is not made of whole pages"
ktap_check "nor in the guest" bad $RAW_BASE 0x10 0x1000 "$EINVAL" \
	"RAM at $RAW_BASE (in the guest 0x10), 0x1000 bytes, is not made of whole pages"
ktap_check "past the end of the guest's addresses" \
	bad $RAW_BASE 0xfffffffffffff000 0x2000 "$EINVAL" \
	"RAM at $RAW_BASE (in the guest 0xfffffffffffff000), 0x2000 bytes, runs past the end of the address space"
ktap_check "past the end of root's" \
	bad 0xfffffffffffff000 0 0x2000 "$EINVAL" \
	"RAM at 0xfffffffffffff000 (in the guest 0x0), 0x2000 bytes, runs past the end of the address space"
ktap_check "as huge as can be" \
	bad $RAW_BASE 0 0x7ffffffffffff000 "$EINVAL" \
	"RAM at $RAW_BASE (in the guest 0x0), 0x7ffffffffffff000 bytes, runs past the end of the address space"
ktap_check "two ranges that overlap in the guest" refused new_zone "$EINVAL" \
	"two ranges of RAM overlap in the guest at 0x1000" \
	"id=1 ram=$RAW_BASE,0,0x2000 ram=$(hex "RAW_BASE + 0x10000"),0x1000,0x1000"
ktap_check "two that overlap in root" refused new_zone "$EINVAL" \
	"two ranges of RAM overlap in root at $(hex "RAW_BASE + 0x1000")" \
	"id=1 ram=$RAW_BASE,0,0x2000 ram=$(hex "RAW_BASE + 0x1000"),0x8000,0x1000"
ktap_check "two that overlap where addresses end" refused new_zone "$EINVAL" \
	"two ranges of RAM overlap in the guest at 0xfffffffffffff000" \
	"id=1 ram=$RAW_BASE,0xffffffffffffe000,0x2000 ram=$(hex "RAW_BASE + 0x10000"),0xfffffffffffff000,0x1000"
ktap_check "nothing of all that was kept" fine $RAW_BASE 0x0 $SIZE
ktap_check "where root's own RAM is allowed" allowed_root_ram
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
