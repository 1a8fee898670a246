#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that know less: each optional feature hidden from the driver in turn,
# then all of them, then even VERSION_1 (and so the 10-byte header).
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh

BYTES=300003

# without MASK WHAT: a guest comes without these features, works, and goes
without()
{
	guest_add 1 $NET_ADDR $NET_IRQ mask="$1" || return 1
	guest_enter 1 $NET_ADDR zone1 eth0 2 || return 1
	ip neigh flush dev br0	# without MAC it has a new one
	# Bit 63 is more than the shell can count to, and never masked here.
	features=$(sed 's/0x.*\(.\{15\}\)$/0x\1/' \
		"$(device_dir 1 $NET_ADDR)/features")
	[ $((features & $1)) = 0 ] || return 1
	wait_for 5 ping -q -c 1 -W 1 $NET_GUEST &&
		flood 200 $NET_GUEST -s 1000 &&
		flood_from_guest 200 $NET_ROOT -s 1472 &&
		tcp_to_guest $BYTES && tcp_to_root $BYTES
	works=$?
	ip netns del zone1
	echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
	wait_for 2 carrier_is tap0 0
	return $works
}

bit()
{
	echo $((1 << $1))
}

MTU=$(bit 3) MAC=$(bit 5) MRG_RXBUF=$(bit 15) STATUS=$(bit 16)
OFFLOADS=$(bits 0 1 2 7 8 9 11 12 13 54 55 56)
INDIRECT=$(bit 28) EVENT_IDX=$(bit 29) VERSION_1=$(bit 32)
OPTIONAL=$((MTU | MAC | MRG_RXBUF | STATUS | INDIRECT | EVENT_IDX |
	OFFLOADS | NET_CONTROL))

ktap_plan 17
load_modules || ktap_abort "modules do not load"
zone_add 1 && device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 ||
	ktap_abort "no device"
br_up && br_join tap0
ktap_check "all features" without 0
ktap_check "no EVENT_IDX" without "$EVENT_IDX"
ktap_check "no MRG_RXBUF" without "$MRG_RXBUF"
ktap_check "no INDIRECT_DESC" without "$INDIRECT"
ktap_check "no STATUS" without "$STATUS"
ktap_check "no offloads" without "$OFFLOADS"
ktap_check "no control queue" without "$NET_CONTROL"
ktap_check "no MAC, no control queue" without $((MAC | NET_CONTROL))
ktap_check "no MRG_RXBUF, no offloads" without $((MRG_RXBUF | OFFLOADS))
ktap_check "no MTU" without "$MTU"
ktap_check "no MAC" without "$MAC"
ktap_check "none that is optional" without "$OPTIONAL"
ktap_check "no VERSION_1" without "$VERSION_1"
ktap_check "no VERSION_1, no MRG_RXBUF: the short header" \
	without $((VERSION_1 | MRG_RXBUF))
ktap_equal "no frame was refused" 0 "$(cat \
	"$(device_dir 1 $NET_ADDR)"/counters/drop_tx_* |
	awk '{ sum += $1 } END { print sum }')"
ktap_check "the simulator saw nothing wrong" sim_healthy
device_del 1 $NET_ADDR
zone_del 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
