#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet doctor on a machine that runs: before and after a start, with a daemon
# beside us.  It finds what is so, changes nothing, and what it says to type is
# what helps.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

# finds STATUS LINE...: doctor's exit status, and these lines among its own
finds()
{
	finds_status=$1
	shift
	hvnet doctor cfg.json zone1.json >said 2>&1
	finds_got=$?
	sed 's/\(process\|kill\) [0-9]\{1,\}/\1 N/' said >out
	for line; do
		grep -qxF -e "$line" out && continue
		ktap_diag "missing: $line"
		finds_got=missing
	done
	[ $finds_got = "$finds_status" ] && return
	sed 's/^/# got: /' out
	return 1
}

# Without the tree's node, which a simulated hypervisor has not, one is left.
case $RIG_ARCH in
arm64 | riscv64) WELL=1 TREE="  FIX   hvisor is not in the device tree: paste into root's (zone0.dts), in / { }" ;;
*) WELL=0 TREE="  note  there is no device tree to look for hvisor in" ;;
esac
OURS="  ok    /dev/hvisor is ours, so zones are quiesced before they stop"
OTHER="  FIX   hvisor-tool's daemon, process N, has all requests for itself; hvnet start starts it again, behind us:"

zone_file()
{
	cat <<-EOF
	{ "zone_id": 1, "memory_regions": [
	  { "type": "ram", "physical_start": "$RAW_BASE", "virtual_start": "0x80000000", "size": "0x100000" },
	  { "type": "virtio", "physical_start": "0xa003600", "virtual_start": "0xa003600", "size": "0x1000" } ],
	  "interrupts": [ 75 ] }
	EOF
}

nothing_yet()
{
	finds 1 "$TREE" \
		"  note  hvisor_vnet is not loaded (hvnet start does that)" \
		"  FIX   there is no /dev/hvisor, by which zones are started" \
		"		insmod hvisor.ko" \
		"  note  hvisor-tool's daemon does not run (hvnet start does that)"
}

before_start()
{
	finds $WELL "  ok    hvisor_vnet is attached to hvisor (sim)" \
		"  note  /dev/hvisor is hvisor.ko's own (hvnet start puts ours over it)" \
		"zone 1 in cfg.json" "  ok    the name tap0 is free" \
		"zone 1 in zone1.json" "  ok    its RAM is the same in both files" \
		"  ok    memory_regions[1] has the net device's registers, 0xa003600" \
		"  ok    interrupts[0] is the net device's, 75" &&
		grep -q "^  ok    RAM at $RAW_BASE, 1 MiB, is kept from root" out
}

daemon_beside_us()
{
	./hvisor virtio start cfg.json >/dev/null &
	wait_for 10 daemon_runs
	finds 1 "$OTHER" "		hvisor zone shutdown -id 1" "		kill N"
}

# What it says to type.
typed()
{
	sed -n 's/^		\(kill .*\)/\1/p' said | sh && wait_for 10 no_daemon &&
		hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null
}

after_start()
{
	finds $WELL "$OURS" "  ok    hvisor-tool's daemon runs, process N" \
		"  note  tap0 is ours, and in no bridge; if it is to be in br0" \
		"		ip link set tap0 up master br0"
}

in_bridge()
{
	ip link add br0 type bridge
	sed -n 's/^		\(ip link .*\)/\1/p' said | sh &&
		finds $WELL "  ok    tap0 is ours, and in br0"
}

left_over_tap()
{
	hvnet stop >/dev/null
	ip tuntap add dev tap0 mode tap
	finds 1 "  FIX   tap0 is a tap, left over or the daemon's: it has to make way" \
		"		hvnet start --replace-tap cfg.json" &&
		hvnet start --replace-tap --daemon-log=$TOOL_LOG cfg.json >/dev/null &&
		hvnet stop >/dev/null
}

roots_ram()
{
	# Nobody's in particular: RAM begins with firmware's on some machines.
	printf '0x%x' $((RAW_BASE + RAW_SIZE + 0x4000000)) >first
	sed "s/\"zone0_ipa\": \"$RAW_BASE\"/\"zone0_ipa\": \"$(cat first)\"/" cfg.json >ram.json
	hvnet doctor ram.json >said 2>&1
	[ $? = 1 ] && grep -q "^  FIX   RAM at $(cat first), 1 MiB, is not reserved: 0x[0-9a-f]* bytes of it are root's; paste" said &&
		grep -q "nonroot@$(sed s/0x// first) {" said
}

state()
{
	ls -lR . /dev/hvisor* $BUS
	cat /proc/mounts /proc/modules
	ip link
}

no_change()
{
	state >/tmp/before
	hvnet doctor cfg.json zone1.json >/dev/null 2>&1
	state >/tmp/after
	cmp -s /tmp/before /tmp/after
}

ktap_plan 10
tool_begin || ktap_abort "cannot begin"
config cfg.json "$(zone_entry 1 "$(raw_region)" "$BLK, $(net_entry 0xa003600 75 tap0)")"
zone_file >zone1.json
fake_hvisor hvisor
ktap_check "nothing is there yet" nothing_yet
load_modules || ktap_abort "modules do not load"
ktap_check "before the start" before_start
ktap_check "a daemon beside us" daemon_beside_us
ktap_check "what it says to type helps" typed
ktap_check "after the start" after_start
ktap_check "in a bridge" in_bridge
ktap_check "a tap that is left over" left_over_tap
load_modules
ktap_check "RAM that is root's" roots_ram
ktap_check "it changes nothing" no_change
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
