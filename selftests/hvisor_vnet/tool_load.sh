#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet load, unload and status: what a file asks for is there, and nothing else
# is touched; a tap of the name makes way when told to; whatever goes wrong,
# afterwards all is as it was.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

NOTHING="hvnet: cfg.json: nothing of it is set up"
NOT_LOADED="hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)"
ALONE="stands alone; to put it into a bridge: ip link set"
ROWS="interface  bridge   guest      device           from guest    to guest  stalls"

zone1()
{
	zone_entry 1 "$(raw_region)" "$*"
}

# --- one file with all that there may be

MAC='"mac": ["0x02", "0", 0, "00", "0", "0x1"]'

full_file()
{
	config cfg.json \
		"$(zone_entry 1 "$(raw_region 0x100000), { \"zone0_ipa\": $((RAW_BASE + 0x200000)), \"zonex_ipa\": \"0\", \"size\": \"1048576\" }" \
			"$BLK, $(net_entry 0xa003600 75 tap0 "$MAC"), $CONSOLE, { \"status\": \"disable\" }")" \
		"$(zone_entry '"0x2"' "$(raw_region | sed "s/$RAW_BASE/$(printf '0x%x' $((RAW_BASE + 0x400000)))/")" \
			"$(net_entry 167784960 '"0x50"' zone2)")" \
		'{ "id": 3 }'
}

FULL="zone 1: 2 MiB of RAM in 2 ranges
zone 1: blk at 0xa002000: left to the daemon
zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0
zone 1: console at 0xa002200: left to the daemon
zone 1: ?: disabled
zone 2: 1 MiB of RAM in 1 range
zone 2: net at 0xa003200, irq 80: served by the kernel, as zone2
cfg.json.daemon: written for the daemon, without the net devices
tap0: $ALONE tap0 up master br0
zone2: $ALONE zone2 up master br0"

full_is_there()
{
	dir=$BUS/devices/zone1-a003600
	[ "$(ls $BUS/devices | paste -s -d' ')" = \
		"zone1 zone1-a003600 zone2 zone2-a003200" ] &&
		[ "$(cat $dir/irq $dir/len $dir/mac | paste -s -d' ')" = \
			"75 0x200 02:00:00:00:00:01" ] &&
		[ "$(ls $dir/net) $(ls $BUS/devices/zone2-a003200/net)" = \
			"tap0 zone2" ] &&
		[ "$(wc -l <$BUS/devices/zone1/ram)" = 2 ] &&
		[ "$(cat $BUS/devices/zone2/ram)" = \
			"$(printf '0x%x,0x80000000,0x100000' $((RAW_BASE + 0x400000)))" ]
}

# What is enabled, and nothing else is changed.
copy_is_right()
{
	tr -d ' \n' <cfg.json | sed -e 's/\("tap":"[a-z0-9]*","status":"\)enable/\1disable/g' >want
	tr -d ' \n' <cfg.json.daemon >got
	cmp -s want got || { ktap_diag "$(cat got)"; return 1; }
}

in_one_file()
{
	full_file
	hvnet_says 0 "$FULL" load cfg.json && full_is_there && copy_is_right
}

status_of_full()
{
	hvnet_says 0 "module       attached to hvisor (sim)
/dev/hvisor  hvisor.ko's own
daemon       does not run
$ROWS
tap0       -        no driver  zone1-a003600             0           0       0
zone2      -        no driver  zone2-a003200             0           0       0" status
}

again()
{
	hvnet_says 1 "hvnet: zone 1 is set up already; to remove it: hvnet unload cfg.json" \
		load cfg.json && full_is_there
}

# Another's zone is left alone.
unload_file()
{
	zone_add 9 "ram=$(printf '0x%x' $((RAW_BASE + 0x800000))),0,0x1000"
	hvnet_says 0 "zone1-a003600: removed
zone1: removed
zone2-a003200: removed
zone2: removed" unload cfg.json && [ "$(ls $BUS/devices)" = zone9 ] &&
		hvnet_says 0 "" unload cfg.json &&
		hvnet_says 0 "zone9: removed" unload && nothing_there
}

# An interface may be anywhere; what it belongs to can be taken away from here.
elsewhere()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0), $(net_entry 0xa003800 76 tap1)")"
	hvnet load cfg.json >/dev/null && ip netns add other &&
		ip link set tap1 netns other || return 1
	hvnet_says 0 "module       attached to hvisor (sim)
/dev/hvisor  hvisor.ko's own
daemon       does not run
devices      1 in other network namespaces
$ROWS
tap0       -        no driver  zone1-a003600             0           0       0" status &&
		hvnet_says 1 "hvnet: device zone1-a003800: addr: there is no such device in this network namespace" \
			del device zone1-a003800 &&
		ip netns exec other hvnet show device | grep -q '^device tap1: ' &&
		hvnet_says 0 "zone1-a003600: removed
zone1-a003800: removed
zone1: removed" unload && nothing_there
	elsewhere_right=$?
	ip netns del other
	return $elsewhere_right
}

# --- a guest that runs

GUEST_FILE_SAYS="zone 1: net at $NET_ADDR, irq $NET_IRQ: served by the kernel, as tap0"

guest_runs()
{
	config cfg.json "$(zone_entry 1 "$(linux_region)" \
		"$(net_entry $NET_ADDR $NET_IRQ tap0)")"
	hvnet load cfg.json | grep -qxF "$GUEST_FILE_SAYS" &&
		guest_add 1 $NET_ADDR $NET_IRQ && br_up && br_join tap0 &&
		guest_enter 1 $NET_ADDR zone1 eth0 2 &&
		wait_for 10 ping -c 1 -W 1 $NET_GUEST
}

status_as_json()
{
	hvnet status -j >said || return 1
	tr -d ' \n' <said >line
	grep -q '^{"loaded":true,"attached":true,"taken_over":false,"node":"hvisor.ko","devices":\[{"device":"zone1-a003600",.*"name":"tap0",.*"guest":"up","bridge":"br0","counters":{"tx_frames":[1-9][0-9]*,.*}}\],"hypervisor":"sim"}$' line ||
		{ sed 's/^/# /' line; return 1; }
}

status_of_guest()
{
	hvnet status >said &&
		grep -qE '^tap0       br0      up         zone1-a003600 +[1-9][0-9]* +[1-9][0-9]* +0$' said ||
		{ sed 's/^/# /' said; return 1; }
}

in_use()
{
	hvnet_says 1 "hvnet: zone1-a003600 is in use: shut its zone down first (hvisor zone shutdown -id 1), or add --force" \
		unload cfg.json &&
		hvnet_says 1 "hvnet: zone1-a003600 is in use: shut its zone down first (hvisor zone shutdown -id 1), or add --force" \
			unload &&
		ping -c 1 -W 1 $NET_GUEST >/dev/null
}

by_force()
{
	hvnet_says 0 "zone1-a003600: removed
zone1: removed" unload --force cfg.json && nothing_there
}

guest_leaves()
{
	ip netns del zone1
	ip link del br0
	echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
}

# --- taps

new_tap()
{
	ip tuntap add dev tap0 mode tap
}

tap_in_bridge()
{
	br_up && new_tap && br_join tap0 && ip addr add 10.9.8.7/20 dev tap0
}

tap_is_as_it_was()
{
	tap_stands tap0 br0 && no_leftover &&
		ip -br addr show tap0 | grep -q ' 10.9.8.7/20'
}

tap_in_the_way()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0)")"
	hvnet_says 1 "zone 1: 1 MiB of RAM in 1 range
hvnet: cfg.json: zones[0].devices[0].tap is \"tap0\", and there is a tap of that name; to have it replaced add --replace-tap, to remove it: ip link del tap0
$NOTHING" load cfg.json && nothing_there && tap_is_as_it_was && [ ! -e cfg.json.daemon ]
}

tap_open()
{
	taphold tap0 >held &
	wait_for 10 grep -q held held
	hvnet_says 1 "zone 1: 1 MiB of RAM in 1 range
hvnet: the tap tap0 is open in a program: is the daemon still running? (to end it: pkill hvisor-virtio)
$NOTHING" load --replace-tap cfg.json
	open_right=$?
	kill $!
	wait $! 2>/dev/null
	[ $open_right = 0 ] && nothing_there && tap_is_as_it_was
}

REPLACED="zone 1: 1 MiB of RAM in 1 range
tap tap0: had address 10.9.8.7; to have it again: ip addr add 10.9.8.7/20 dev tap0
zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0, in br0 where the tap was
cfg.json.daemon: written for the daemon, without the net device"

tap_replaced()
{
	hvnet_says 0 "$REPLACED" load --replace-tap cfg.json && no_leftover &&
		[ ! -e /sys/class/net/tap0/tun_flags ] &&
		[ "$(basename "$(readlink /sys/class/net/tap0/master)")" = br0 ] &&
		ip link show tap0 | grep -q '[<,]UP[,>]' &&
		hvnet unload cfg.json >/dev/null
}

tap_alone()
{
	new_tap || return 1
	hvnet_says 0 "zone 1: 1 MiB of RAM in 1 range
zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0, in place of the tap
cfg.json.daemon: written for the daemon, without the net device" load --replace-tap cfg.json &&
		no_leftover && ip link show tap0 | grep -q 'state DOWN' &&
		hvnet unload cfg.json >/dev/null
}

no_tap()
{
	ip link add tap0 type dummy
	hvnet_says 1 "zone 1: 1 MiB of RAM in 1 range
hvnet: cfg.json: zones[0].devices[0].tap is \"tap0\", and there is an interface of that name, which is no tap; right would be another name
$NOTHING" load --replace-tap cfg.json && nothing_there &&
		[ -e /sys/class/net/tap0 ] && ip link del tap0
}

# --- what goes wrong late

# refused_late WHAT FILE-OPTION: after a tap was moved aside
refused_late()
{
	rm -f cfg.json.daemon
	late_said=$1
	shift
	hvnet_says 1 "zone 1: 1 MiB of RAM in 1 range
tap tap0: had address 10.9.8.7; to have it again: ip addr add 10.9.8.7/20 dev tap0
zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0, in br0 where the tap was
$late_said
$NOTHING" load --replace-tap "$@" cfg.json && nothing_there && tap_is_as_it_was &&
		[ ! -e cfg.json.daemon ]
}

second_device_refused()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0), $(net_entry 0xa003801 80 tap1)")"
	refused_late "hvnet: cfg.json: zones[0].devices[1]: addr 0xa003801 with len 0x200 is no region of registers"
}

second_zone_refused()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0)")" \
		"$(zone_entry 2 "$(raw_region)" "$(net_entry 0xa003600 75 tap1)")"
	sed -i 's/0xa003600\(", "len": "0x200", "irq": 75, "tap": "tap1\)/0xa003800\1/' cfg.json
	refused_late "hvnet: cfg.json: zones[1]: RAM at $RAW_BASE belongs to zone 1"
}

no_room_for_copy()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0)")"
	refused_late "hvnet: /no/where: cannot be written: No such file or directory" \
		--daemon-file=/no/where
}

copy_on_itself()
{
	sum=$(md5sum cfg.json)
	refused_late "hvnet: /tmp/tool/cfg.json: is the configuration itself, and would be overwritten; right would be another file for the daemon" \
		--daemon-file=/tmp/tool/cfg.json && [ "$sum" = "$(md5sum cfg.json)" ]
}

# The device itself is refused when its tap is out of the way already.
refused_behind_tap()
{
	config cfg.json "$(zone1 "$(net_entry 0xa003601 75 tap0)")"
	hvnet_says 1 "zone 1: 1 MiB of RAM in 1 range
tap tap0: had address 10.9.8.7; to have it again: ip addr add 10.9.8.7/20 dev tap0
hvnet: cfg.json: zones[0].devices[0]: addr 0xa003601 with len 0x200 is no region of registers
$NOTHING" load --replace-tap cfg.json && nothing_there && tap_is_as_it_was
}

# --- files with nothing for us

nothing_to_do()
{
	config cfg.json "$(zone1 "$BLK")"
	hvnet_says 1 "hvnet: cfg.json: no device is of type \"net\": there is nothing for the kernel to serve" \
		load cfg.json || return 1
	config cfg.json "$(zone1 "$BLK, { \"type\": \"net\", \"status\": \"disable\" }")"
	hvnet_says 1 "hvnet: cfg.json: zones[0].devices[1].status is \"disable\", so there is nothing for the kernel to serve; right would be \"enable\"" \
		load cfg.json && nothing_there
}

wrong_file()
{
	config cfg.json "$(zone1 '{ "type": "net" }')"
	hvnet_says 1 "hvnet: cfg.json: zones[0].devices[0].addr is missing; right would be, for example, \"addr\": \"0xffa00000\"" \
		load cfg.json && nothing_there
}

# As many ranges as there may be make a line of 4 kB.
many_ranges()
{
	regions=$(i=0; while [ $i -lt 64 ]; do
		printf '{ "zone0_ipa": %d, "zonex_ipa": %d, "size": 4096 }, ' \
			$((RAW_BASE + i * 0x2000)) $((0xffff80000000 + i * 0x1000))
		i=$((i + 1))
	done)
	config cfg.json "$(zone_entry 1 "${regions%, }" "$(net_entry 0xa003600 75 tap0)")"
	hvnet load cfg.json | grep -qxF "zone 1: 256 KiB of RAM in 64 ranges" &&
		[ "$(wc -l <$BUS/devices/zone1/ram)" = 64 ] &&
		hvnet unload cfg.json >/dev/null && nothing_there
}

ktap_plan 31
tool_begin || ktap_abort "cannot begin"
full_file
ktap_check "without the module: status" hvnet_says 1 "module       not loaded" status
ktap_check "as JSON" hvnet_says 1 '{
  "loaded": false
}' status -j
ktap_check "load" hvnet_says 1 "$NOT_LOADED" load cfg.json
ktap_check "unload" hvnet_says 0 "" unload cfg.json
modprobe hvisor_vnet
ktap_check "without a hypervisor: status" hvnet_says 1 "module       loaded, but there is no hypervisor: see hvnet doctor
/dev/hvisor  missing: hvisor.ko is not loaded
daemon       does not run
devices      none; a configuration is set up by: hvnet load FILE" status
ktap_check "load" hvnet_says 1 "hvnet: the module has found no hypervisor; what is missing is said by: hvnet doctor" load cfg.json
load_modules || ktap_abort "modules do not load"
ktap_check "all that may be in one file" in_one_file
ktap_check "status of it" status_of_full
ktap_check "not twice" again
ktap_check "unload takes what the file made" unload_file
ktap_check "an interface in another network namespace" elsewhere
ktap_check "a guest on a loaded device" guest_runs
ktap_check "status of it" status_of_guest
ktap_check "as JSON" status_as_json
ktap_check "nothing is taken from it" in_use
ktap_check "unless forced" by_force
guest_leaves
tap_in_bridge || ktap_abort "no tap"
rm -f cfg.json.daemon
ktap_check "a tap in the way" tap_in_the_way
ktap_check "one that is open" tap_open
ktap_check "a second device refused" second_device_refused
ktap_check "a second zone refused" second_zone_refused
ktap_check "no room for the daemon's copy" no_room_for_copy
ktap_check "nor in the file itself" copy_on_itself
ktap_check "a device refused behind its tap" refused_behind_tap
config cfg.json "$(zone1 "$(net_entry 0xa003600 75 tap0)")"
ktap_check "a tap is replaced when told to" tap_replaced
ip link del br0
ktap_check "one that stands alone, too" tap_alone
ktap_check "another interface is not" no_tap
ktap_check "nothing for the kernel" nothing_to_do
ktap_check "a file that is wrong" wrong_file
ktap_check "64 ranges" many_ranges
ktap_check "status of nothing" hvnet_says 0 "module       attached to hvisor (sim)
/dev/hvisor  hvisor.ko's own
daemon       does not run
devices      none; a configuration is set up by: hvnet load FILE" status
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
