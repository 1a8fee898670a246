#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet monitor: what happens is said, in order, a line each with the time, or as
# JSON; and it ends when it has said as much as was wanted.
#
# rig: smp=2 icount timeout=100
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

# listens PROCESS: its socket has joined the group
listens()
{
	awk -v pid="$1" '$3 == pid && $4 != "00000000" { found = 1 } END { exit !found }' \
		/proc/net/netlink
}

# monitor N OPTION...: in the background, until there were N events
monitor()
{
	monitor_count=$1
	shift
	hvnet monitor --count="$monitor_count" "$@" >events 2>&1 &
	monitor_pid=$!
	wait_for 10 listens $monitor_pid
}

# ended PROCESS: though nobody has asked for its status yet
ended()
{
	! grep -sq '^State:[^Z]*$' "/proc/$1/status"
}

# told TEXT: what it said, but for the time
told()
{
	printf '%s\n' "$1" >want
	wait_for 10 ended $monitor_pid || kill $monitor_pid
	wait $monitor_pid
	told_status=$?
	sed 's/^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9][0-9][0-9] //' events >got
	cmp -s want got && [ $told_status = 0 ] && return
	sed 's/^/# expected: /' want
	sed 's/^/# got:      /' got
	return 1
}

zones_and_devices()
{
	monitor 8
	hvnet add zone 1 "ram=$RAW_BASE,0,0x1000" >/dev/null
	hvnet add device zone=1 addr=0xa003600 irq=75 name=tap0 >/dev/null
	hvnet set device tap0 mtu=1400 >/dev/null
	ip link set tap0 name tap7
	hvnet set device tap7 mtu=1500 >/dev/null
	hvnet set zone 1 quiesce=1 >/dev/null
	hvnet set zone 1 quiesce=0 >/dev/null
	hvnet del device tap7 >/dev/null
	hvnet del zone 1 >/dev/null
	told "zone 1: added
device tap0 (zone1-a003600): added
device tap0 (zone1-a003600): changed
device tap7 (zone1-a003600): changed
zone 1: rests
zone 1: goes on
device tap7 (zone1-a003600): removed
zone 1: removed"
}

guest()
{
	zone_add 1 && device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 ||
		return 1
	monitor 3
	guest_add 1 $NET_ADDR $NET_IRQ
	guest_unbind 1 $NET_ADDR
	guest_bind 1 $NET_ADDR
	told "device tap0 (zone1-a003600): the guest's driver drives it
device tap0 (zone1-a003600): the guest's driver has let go of it
device tap0 (zone1-a003600): the guest's driver drives it"
}

json()
{
	monitor 2 -j
	guest_unbind 1 $NET_ADDR
	hvnet add zone 7 "ram=$RAW_BASE,0,0x1000" >/dev/null
	wait_for 10 ended $monitor_pid || kill $monitor_pid
	[ "$(sed 's/^{"time":[0-9]*\.[0-9]*,"event":"\([a-z-]*\)".*/\1/' events | tr '\n' ' ')" = \
		"dev-reset zone-new " ] &&
		grep -q '"device":{"device":"zone1-a003600","zone":1,.*"name":"tap0",.*"guest":"no driver"}}$' events &&
		grep -q "\"zone\":{\"id\":7,\"ram\":\[{\"root\":\"$(printf '%#x' "$RAW_BASE")\",\"guest\":\"0\",\"size\":\"0x1000\"}\],\"quiesced\":false,\"requests\":0}}$" events &&
		return
	sed 's/^/# /' events
	return 1
}

# Another's takes the page, and it is taken back.
hypervisor()
{
	monitor 1
	echo 1 >$BUS/reattach
	told "hypervisor: it has the module's page again"
}

# It does not get to run while more happens than its socket has room for.
lost()
{
	monitor 100000
	kill -STOP $monitor_pid
	lost_n=0
	while [ $lost_n -lt 1000 ]; do
		echo 1 >$BUS/reattach
		lost_n=$((lost_n + 1))
	done
	kill -CONT $monitor_pid
	wait_for 10 grep -q " events were lost: there were too many at a time$" events
	lost_said=$?
	kill $monitor_pid
	wait $monitor_pid
	return $lost_said
}

interrupted()
{
	monitor 100
	kill $monitor_pid
	wait $monitor_pid
	[ $? = 143 ] && [ ! -s events ]
}

ktap_plan 8
tool_begin || ktap_abort "cannot begin"
ktap_check "without the module" hvnet_says 1 "hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)" monitor
load_modules || ktap_abort "modules do not load"
ktap_check "zones and devices" zones_and_devices
ktap_check "a guest's driver" guest
ktap_check "JSON" json
ktap_check "the hypervisor" hypervisor
ktap_check "too much at a time" lost
ktap_check "until it is interrupted" interrupted
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
