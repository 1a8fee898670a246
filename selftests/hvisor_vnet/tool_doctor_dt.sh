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
RAW=${RAW_BASE#0x}
MAPPED=$(printf '%x' $((RAW_BASE - 0x8000000)))
# The guest's device tree numbers interrupts as root's does: on riscv64 a PLIC's.
case $RIG_ARCH in
riscv64) INTERRUPT=0x45 ;;
*) INTERRUPT="0x00 0x25 0x01" ;;
esac

with_ram $RAW_BASE $RAW_SIZE
ktap_check "the node, and a no-map reservation" finds \
	"  ok    hvisor is in the device tree: hvisor_virtio_device" \
	"  ok    RAM at $RAW_BASE, 128 MiB, is kept from root: raw_guest@$RAW"
ktap_check "what the guest's device tree has to have" finds \
	"			interrupts = <$INTERRUPT>;" \
	"			reg = <0 0xffa00000 0 0x200>;"
with_ram 0x$MAPPED 0x200000
ktap_check "one that root has mapped" finds \
	"  ok    RAM at 0x$MAPPED, 2 MiB, is reserved: mapped@$MAPPED"
with_ram $RAW_BASE 0x9000000
ktap_check "more than is reserved" finds \
	"  FIX   RAM at $RAW_BASE, 144 MiB, is more than raw_guest@$RAW reserves: 0x1000000 bytes of it are root's; ask for less, or in root's device tree" \
	"				reg = <0 $RAW_BASE 0 0x9000000>;"
with_ram 0x$MAPPED 0x400000
ktap_check "more than is reserved and mapped" finds \
	"  FIX   RAM at 0x$MAPPED, 4 MiB, is more than mapped@$MAPPED reserves: 0x200000 bytes of it are root's; ask for less, or in root's device tree"
cd /tests || exit 1
ktap_finish
