# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the shell tests share: KTAP, waiting with a bound, loading the modules,
# and the usual cast: a zone whose guest is the kernel's own virtio_net in a
# network namespace, and a bridge on the root side.  Sourced; a test's own
# logic does not belong here.
#
# A test looks like
#	. ./lib.sh
#	ktap_plan 2
#	load_modules || ktap_abort "modules do not load"
#	ktap_check "two is two" [ 2 -eq 2 ]
#	...
#	ktap_finish

# shellcheck source=/dev/null
. /etc/rig.env

BUS=/sys/bus/hvisor_vnet
SIM=/sys/kernel/hvisor_sim

# Which interrupts a guest may have.
# shellcheck disable=SC2034
case $RIG_ARCH in
arm64) IRQ_MIN=32 IRQ_MAX=1019 ;;
*) IRQ_MIN=1 IRQ_MAX=1023 ;;
esac

# --- KTAP

ktap_points=0
ktap_failures=0
ktap_skips=0

ktap_plan()
{
	echo "KTAP version 1"
	echo "1..$1"
}

ktap_diag()
{
	echo "# $*"
}

ktap_ok()
{
	ktap_points=$((ktap_points + 1))
	echo "ok $ktap_points $*"
}

ktap_not_ok()
{
	ktap_points=$((ktap_points + 1))
	ktap_failures=$((ktap_failures + 1))
	echo "not ok $ktap_points $*"
}

# ktap_skip DESCRIPTION REASON
ktap_skip()
{
	ktap_points=$((ktap_points + 1))
	ktap_skips=$((ktap_skips + 1))
	echo "ok $ktap_points $1 # SKIP $2"
}

# ktap_check DESCRIPTION COMMAND...: a test point, passed if the command is true
ktap_check()
{
	ktap_name=$1
	shift
	if "$@"; then
		ktap_ok "$ktap_name"
	else
		ktap_diag "failed: $*"
		ktap_not_ok "$ktap_name"
	fi
}

is_realtime()
{
	[ -e /sys/kernel/realtime ]
}

# is_slow: a kernel that looks for faults is not judged by the time that takes it
is_slow()
{
	[ "$(scaled 2)" -eq 1 ]
}

# ktap_check_timed DESCRIPTION COMMAND...: the same for how long something took
ktap_check_timed()
{
	if is_slow; then
		ktap_skip "$1" "this kernel is too slow to be timed"
	else
		ktap_check "$@"
	fi
}

# ktap_equal DESCRIPTION EXPECTED ACTUAL
ktap_equal()
{
	if [ "$2" = "$3" ]; then
		ktap_ok "$1"
	else
		ktap_diag "expected '$2', got '$3'"
		ktap_not_ok "$1"
	fi
}

# The test as a whole makes no sense here.
ktap_skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# Nothing further can be tested.
ktap_abort()
{
	ktap_not_ok "$*"
	exit 1
}

ktap_finish()
{
	echo "# Totals: pass:$((ktap_points - ktap_failures - ktap_skips))" \
		"fail:$ktap_failures skip:$ktap_skips"
	[ "$ktap_failures" -eq 0 ]
	exit
}

# scaled N: how many of what there is much of: fewer on a slow kernel, never none
scaled()
{
	echo $((($1 + ${RIG_SCALE:-1} - 1) / ${RIG_SCALE:-1}))
}

# --- time

# Seconds since boot, in thousandths: no rounding to whole seconds.
now_ms()
{
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

# wait_for SECONDS COMMAND...: polls until the command is true
wait_for()
{
	wait_until=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt $wait_until ] || return 1
		sleep 0.05
	done
}

# --- modules

load_modules()
{
	modprobe hvisor_vnet &&
		modprobe hvisor_sim raw_base="$RAW_BASE" raw_size="$RAW_SIZE" "$@"
}

# Guests first, then devices, then what they stood on.
unload_modules()
{
	sh /rig/clean.sh
}

# --- zones, devices, guests

# What a zone needs to be given when its guest is this kernel itself: all of
# its RAM, at the same addresses.
linux_ram()
{
	awk -F'[- :]+' '/^[0-9a-f].*System RAM/ { print $1, $2 }' /proc/iomem |
	while read -r first last; do
		printf 'ram=0x%s,0x%s,0x%x ' "$first" "$first" \
			$(((0x$last + 1 - 0x$first) & ~0xfff))
	done
}

# zone_add ID [RAM...]: default RAM as for a Linux guest
zone_add()
{
	zone_id=$1
	shift
	[ $# -gt 0 ] || set -- "$(linux_ram)"
	echo "id=$zone_id $*" >$BUS/new_zone
}

zone_del()
{
	echo "id=$1" >$BUS/del_zone
}

# device_add KEY=VALUE...
device_add()
{
	echo "$*" >$BUS/new_device
}

# device_del ZONE ADDR
device_del()
{
	printf 'zone%d-%x\n' "$1" "$(($2))" >$BUS/del_device
}

# device_dir ZONE ADDR: the device in sysfs
device_dir()
{
	printf '%s/devices/zone%d-%x' $BUS "$1" "$(($2))"
}

# guest_add ZONE ADDR IRQ [KEY=VALUE...]: a Linux guest, on the last CPU
guest_add()
{
	guest_words="zone=$1 addr=$2 irq=$3 cpu=$((RIG_SMP - 1))"
	shift 3
	modprobe virtio_net
	echo "$guest_words $*" >$SIM/new_guest
}

# guest_netdev ZONE ADDR: what the guest's NIC is called in root's kernel
guest_netdev()
{
	guest_dev=$(sed -n "s/^zone=$1 addr=$2 .*dev=//p" $SIM/guests)
	ls "/sys/bus/virtio/devices/$guest_dev/net"
}

# zone_up ZONE ADDR IRQ NAME: the usual cast.  In network namespace zoneN is
# eth0 with address 10.0.N.2; on the root side bridge brN with 10.0.N.1 has the
# module's interface NAME as its port.
zone_up()
{
	zone_add "$1" || return 1
	device_add "zone=$1 addr=$2 irq=$3 name=$4" || return 1
	guest_add "$1" "$2" "$3" || return 1
	ip netns add "zone$1" || return 1
	ip link set "$(guest_netdev "$1" "$2")" netns "zone$1" name eth0
	ip -n "zone$1" link set lo up
	ip -n "zone$1" addr add "10.0.$1.2/24" dev eth0
	ip -n "zone$1" link set eth0 up
	ip link add "br$1" type bridge
	ip link set "$4" master "br$1"
	ip link set "$4" up
	ip addr add "10.0.$1.1/24" dev "br$1"
	ip link set "br$1" up
	wait_for 10 ping -c 1 -W 1 "10.0.$1.2"
}

# in_zone ZONE COMMAND...
in_zone()
{
	in_zone_id=$1
	shift
	ip netns exec "zone$in_zone_id" "$@"
}

# --- counters

# counter ZONE ADDR NAME: of a device
counter()
{
	cat "$(device_dir "$1" "$2")/counters/$3"
}

# page_counter NAME: of the page shared with the hypervisor
page_counter()
{
	cat /sys/bus/platform/drivers/hvisor_vnet/*/counters/"$1"
}

# sim_counter NAME: of the simulated hypervisor
sim_counter()
{
	awk -v name="$1" '$1 == name { print $2 }' $SIM/counters
}
