#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The root-side interface as "ip link" and ethtool have it: what it says of
# itself; that it is removed like any other, at rest and under traffic, while
# others remove the same device or its namespace; and that the NIC of a guest
# outlives the namespace it was put in.
#
# rig: smp=2 timeout=400
. ./lib.sh
. ./netlib.sh

EVENTS=/tmp/ctl_link.events
RAW=ram=$RAW_BASE,0x80000000,0x100000
SPARE="zone=2 addr=0xa000000 irq=80 name=spare"

no_device()
{
	[ ! -e "$(device_dir "$1" "$2")" ]
}

shown()
{
	ip -d link show tap0 | grep -qw hvisor_vnet &&
		[ "$(./nlctl link tap0)" = \
			"hvisor_vnet zone=1 address=$NET_ADDR length=0x200 irq=$NET_IRQ status=15" ]
}

# refuses SENTENCE COMMAND...
refuses()
{
	refuses_why=$1
	shift
	refuses_said=$("$@" 2>&1) && return 1
	case $refuses_said in
	*"$refuses_why"*) ;;
	*) ktap_diag "$*: $refuses_said"; return 1 ;;
	esac
}

# udev leaves names alone that somebody chose, and can tell a NIC by its guest.
for_udev()
{
	device_add zone=1 addr=0xa000000 irq=80 || return 1
	unnamed=$(ls $BUS/devices/zone1-a000000/net)
	assigned=$(cat /sys/class/net/tap0/name_assign_type \
		"/sys/class/net/$unnamed/name_assign_type")
	device_del 1 0xa000000
	[ "$assigned" = "3
1" ] && grep -qx DEVTYPE=hvisor_vnet /sys/class/net/tap0/uevent &&
		[ "$(readlink -f /sys/class/net/tap0/device)" = \
			"$(readlink -f $BUS/devices/zone1-${NET_ADDR#0x})" ]
}

# Only who has a guest to give one to makes one.
not_made()
{
	refuses "not supported" ip link add other type hvisor_vnet &&
		[ ! -e /sys/class/net/other ]
}

# ethtool_says OPTION LINE...: each line of the input is one that it prints
ethtool_says()
{
	ethtool_said=$(ethtool "$1" tap0 | tr -s ' \t' ' ')
	ethtool_right=true
	while read -r line; do
		echo "$ethtool_said" | sed 's/^ //' | grep -qxF "$line" ||
			{ ktap_diag "no '$line'"; ethtool_right=false; }
	done
	$ethtool_right || echo "$ethtool_said" | sed 's/^/# /'
	$ethtool_right
}

driver()
{
	ethtool_says -i <<-EOF
	driver: hvisor_vnet
	bus-info: zone1-a003600
	supports-statistics: yes
	EOF
}

link_speed()
{
	ethtool tap0 >/dev/null && ethtool tap0 | grep -q 'Speed: 10000Mb/s' &&
		ethtool tap0 | grep -q 'Duplex: Full' &&
		ethtool tap0 | grep -q 'Link detected: yes'
}

# 5.10 has no room for the sentence there.
coalescing()
{
	case $RIG_KERNEL in
	5.10) bounds="out of range" ;;
	*) bounds="up to 10000 usecs, and from 1 frame on" ;;
	esac
	refuses "$bounds" ethtool -C tap0 rx-usecs 10001 &&
		refuses "$bounds" ethtool -C tap0 tx-usecs 10001 &&
		refuses "$bounds" ethtool -C tap0 rx-frames 0 || return 1
	ethtool_says -c <<-EOF
	Adaptive RX: n/a TX: on
	rx-usecs: 50
	rx-frames: 8
	tx-usecs: 0
	tx-frames: 1
	EOF
}

features()
{
	ethtool_says -k <<-EOF
	rx-checksumming: off [fixed]
	tx-checksumming: on
	scatter-gather: on
	tcp-segmentation-offload: on
	EOF
}

# 5.10 has no room for the sentence there.
rings()
{
	case $RIG_KERNEL in
	5.10) rings_why="not supported" ;;
	*) rings_why="the guest's driver chooses the size of its queues" ;;
	esac
	[ "$(ethtool -g tap0 | awk '$1 == "RX:" || $1 == "TX:" { print $2 }' |
		tr '\n' ' ')" = "256 256 256 256 " ] &&
		refuses "$rings_why" ethtool -G tap0 rx 128
}

# Those of sysfs, and nothing else.
statistics()
{
	ip link set tap0 down
	ethtool -S tap0 | sed -n 's/^ *\([a-z0-9_]*\): \([0-9]*\)$/\1 \2/p' |
		sed 's/^q0_//' | sort >/tmp/ctl_link.ethtool
	(cd "$(device_dir 1 $NET_ADDR)/counters" && for file in *; do
		echo "$file $(cat "$file")"
	done) | sort >/tmp/ctl_link.sysfs
	ip link set tap0 up
	cmp /tmp/ctl_link.ethtool /tmp/ctl_link.sysfs &&
		[ "$(wc -l </tmp/ctl_link.sysfs)" -ge 29 ] &&
		[ "$(ethtool -S tap0 | grep -c q0_)" -ge 21 ] &&
		wait_for 5 ping -c 1 -W 1 $NET_GUEST
}

# Removing.

# As soon as the command is back its place is free, and so is the zone.
del_at_rest()
{
	del_times=5
	while [ $del_times -gt 0 ]; do
		del_times=$((del_times - 1))
		# shellcheck disable=SC2086
		device_add $SPARE && ip link del spare || return 1
	done
	# shellcheck disable=SC2086
	device_add $SPARE && ip link del spare && zone_del 2 &&
		zone_add 2 $RAW && no_device 2 0xa000000
}

# Without anybody who asks for its place.
del_is_finished()
{
	# shellcheck disable=SC2086
	device_add $SPARE && ip link del spare &&
		wait_for 10 no_device 2 0xa000000
}

# Once, and where its interface was.
del_is_told()
{
	ip netns add other
	./nlctl listen >$EVENTS.here & listeners=$!
	ip netns exec other ./nlctl listen >$EVENTS.there &
	listeners="$listeners $!"
	wait_for 10 grep -q listening $EVENTS.here &&
		wait_for 10 grep -q listening $EVENTS.there || return 1
	# shellcheck disable=SC2086
	device_add $SPARE && ip link set spare netns other &&
		ip -n other link del spare && wait_for 10 no_device 2 0xa000000
	told=$?
	wait_for 5 grep -q dev-del-ntf $EVENTS.there
	# shellcheck disable=SC2086
	kill $listeners
	wait
	ip netns del other
	[ $told = 0 ] &&
		[ "$(grep -c dev-del-ntf $EVENTS.there)" = 1 ] &&
		[ "$(grep -c dev-new-ntf $EVENTS.here)" = 1 ] &&
		! grep -q dev-del-ntf $EVENTS.here
}

traffic_on()
{
	ping -q -f -W 1 $NET_GUEST >/dev/null 2>&1 &
	in_guest ping -q -f -W 1 $NET_ROOT >/dev/null 2>&1 &
}

# There again, with its guest; without a control queue: Linux's driver spins for
# its answers, here on a CPU of ours, and orders VLANs when its device is gone.
back_again()
{
	[ -z "$(guest_virtio 1 $NET_ADDR)" ] ||
		echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
	device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 &&
		guest_add 1 $NET_ADDR $NET_IRQ mask="$NET_CONTROL" &&
		br_join tap0 &&
		guest_enter 1 $NET_ADDR zone1 eth0 2 &&
		wait_for 10 ping -c 1 -W 1 $NET_GUEST
}

# try_to COMMAND: somebody may have been quicker
try_to()
{
	eval "$1" >/dev/null 2>&1 || true
}

# del_under_traffic TIMES OTHERS...: these are done at the same time
del_under_traffic()
{
	times=$1
	shift
	while [ "$times" -gt 0 ]; do
		times=$((times - 1))
		traffic_on
		wait_for 10 eval '[ "$(counter 1 $NET_ADDR tx_frames)" -gt 100 ]' ||
			return 1
		for other; do
			try_to "$other" &
		done
		try_to "ip link del tap0"
		wait_for 10 no_device 1 $NET_ADDR || return 1
		busybox killall ping 2>/dev/null
		wait
		[ ! -e /sys/class/net/tap0 ] || return 1
		back_again || return 1
	done
}

# What a guest does that finds its device gone from one access to the next.
guest_meanwhile()
{
	traffic_on
	ip link del tap0
	guest_unbind 1 $NET_ADDR
	busybox killall ping 2>/dev/null
	wait
	no_device 1 $NET_ADDR && back_again
}

# Removed while its zone rests.
del_in_a_resting_zone()
{
	echo 1 >$BUS/devices/zone1/quiesce && ip link del tap0 &&
		wait_for 10 no_device 1 $NET_ADDR &&
		echo 0 >$BUS/devices/zone1/quiesce && back_again
}

# The namespace that a guest's NIC was put in dies.
refund()
{
	ip netns add other
	ip link set tap0 netns other || return 1
	ip -n other addr add $NET_ROOT/24 dev tap0
	ip -n other link set tap0 up
	ip link set br0 down
	wait_for 10 ip netns exec other ping -c 1 -W 1 $NET_GUEST || return 1
	ip netns del other
	wait_for 10 [ -e /sys/class/net/tap0 ] &&
		[ -e "$(device_dir 1 $NET_ADDR)" ] &&
		ip link set br0 up && br_join tap0 &&
		wait_for 10 ping -c 1 -W 1 $NET_GUEST
}

# gone_or_back: removed, or given back by its namespace first
gone_or_back()
{
	[ -e /sys/class/net/spare ] || no_device 2 0xa000000
}

# Removed, and its namespace with it, at once.
del_and_namespace()
{
	del_times=5
	while [ $del_times -gt 0 ]; do
		del_times=$((del_times - 1))
		ip netns add other
		# shellcheck disable=SC2086
		device_add $SPARE && ip link set spare netns other || return 1
		try_to "ip -n other link del spare" &
		ip netns del other
		wait
		wait_for 10 gone_or_back || return 1
		[ ! -e /sys/class/net/spare ] || ip link del spare
		wait_for 10 no_device 2 0xa000000 || return 1
	done
}

# The module goes while a device is still going.
unload_at_once()
{
	# shellcheck disable=SC2086
	device_add $SPARE && ip link del spare && unload_modules
}

ktap_plan 22
load_modules || ktap_abort "modules do not load"
net_up mask="$NET_CONTROL" || ktap_abort "no network"
zone_add 2 $RAW
ktap_check "ip link shows what it is" shown
ktap_check "what udev looks at" for_udev
ktap_check "ip link does not make one" not_made
ktap_check "ethtool: driver" driver
ktap_check "ethtool: link" link_speed
ktap_check "ethtool -c" coalescing
ktap_check "ethtool -k" features
ktap_check "ethtool -g, -G" rings
ktap_check "ethtool -S: what sysfs counts" statistics
ktap_check "ip link del: device, and place, are free at once" del_at_rest
ktap_check "also when nobody asks" del_is_finished
ktap_check "it is told once, where the interface was" del_is_told
ktap_check "under traffic" del_under_traffic 3
ktap_check "while the device is removed" del_under_traffic 3 \
	"device_del 1 $NET_ADDR" "./nlctl dev-del zone=1 address=$NET_ADDR"
ktap_check "while its zone is made to rest" del_under_traffic 2 \
	"echo 1 >$BUS/devices/zone1/quiesce; echo 0 >$BUS/devices/zone1/quiesce"
ktap_check "while its guest resets it" del_under_traffic 3 \
	"guest_unbind 1 $NET_ADDR"
ktap_check "a guest that finds it gone" guest_meanwhile
ktap_check "in a zone that rests" del_in_a_resting_zone
ktap_check "a NIC outlives the namespace it was in" refund
ktap_check "removed while its namespace dies" del_and_namespace
ktap_check "frames still cross" flood 100 $NET_GUEST
net_down
ktap_check "the modules can be unloaded right after" unload_at_once
ktap_finish
