#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet doctor where the device tree has hvisor's node and reservations of both
# kinds, before anything is loaded.
#
# rig: smp=2 node timeout=100
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

# finds LINE...: among what doctor says of a zone with such RAM
finds()
{
	hvnet doctor cfg.json >said 2>&1
	for line; do
		grep -qxF -e "$line" said && continue
		ktap_diag "missing: $line"
		sed 's/^/# got: /' said
		return 1
	done
}

# with_ram ROOT SIZE
with_ram()
{
	config cfg.json "$(zone_entry 1 \
		"{ \"zone0_ipa\": \"$1\", \"zonex_ipa\": \"0x80000000\", \"size\": \"$2\" }" \
		"$(net_entry 0xffa00000 69 tap0)")"
}

ktap_plan 5
tool_begin || ktap_abort "cannot begin"
with_ram $RAW_BASE $RAW_SIZE
ktap_check "the node, and a no-map reservation" finds \
	"  ok    hvisor is in the device tree: hvisor_virtio_device" \
	"  ok    RAM at $RAW_BASE, 128 MiB, is kept from root: raw_guest@60000000"
ktap_check "what the guest's device tree has to have" finds \
	"			interrupts = <0x00 0x25 0x01>;" \
	"			reg = <0 0xffa00000 0 0x200>;"
with_ram 0x58000000 0x200000
ktap_check "one that root has mapped" finds \
	"  ok    RAM at 0x58000000, 2 MiB, is reserved: mapped@58000000"
with_ram $RAW_BASE 0x9000000
ktap_check "more than is reserved" finds \
	"  FIX   RAM at $RAW_BASE, 144 MiB, is more than raw_guest@60000000 reserves: 0x1000000 bytes of it are root's; ask for less, or in root's device tree" \
	"				reg = <0 0x60000000 0 0x9000000>;"
with_ram 0x58000000 0x400000
ktap_check "more than is reserved and mapped" finds \
	"  FIX   RAM at 0x58000000, 4 MiB, is more than mapped@58000000 reserves: 0x200000 bytes of it are root's; ask for less, or in root's device tree"
cd /tests || exit 1
ktap_finish
