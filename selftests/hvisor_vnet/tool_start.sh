#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet start and stop: module, node, devices and a program in the daemon's
# place come and go in the right order; what fails on the way is undone, and
# what runs is not stopped.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

NOTHING="hvnet: cfg.json: nothing of it is set up"
OURS="/dev/hvisor: ours, with hvisor.ko behind it"
THEIRS="/dev/hvisor: hvisor.ko's own again"
RAM="zone 1: 1 MiB of RAM in 1 range"
LEFT="zone 1: blk at 0xa002000: left to the daemon"
NET="zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0"
COPY="cfg.json.daemon: written for the daemon, without the net device"
ALONE="tap0: stands alone; to put it into a bridge: ip link set tap0 up master br0"
READY="ready; now: hvisor zone start ZONE.json"
RUNS="daemon: runs, process N, its words go to $TOOL_LOG"
MADE="$RAM
$LEFT
$NET
$COPY"
DOWN="zone1-a003600: removed
zone1: removed
$THEIRS
module: unloaded"

# start STATUS TEXT OPTION...
start()
{
	start_status=$1
	start_text=$2
	shift 2
	hvnet_says "$start_status" "$start_text" start --daemon-log=$TOOL_LOG \
		"$@" cfg.json
}

module_is()
{
	[ -d $BUS ] && is=loaded || is=gone
	[ $is = "$1" ]
}

all_is_gone()
{
	module_is gone && node_is_theirs && [ ! -e /sys/class/net/tap0 ] &&
		! daemon_runs
}

# --- as it is meant to be

starts()
{
	start 0 "module: loaded
$OURS
$MADE
$RUNS
$ALONE
$READY" && node_is_ours && daemon_runs && [ -e /sys/class/net/tap0 ] &&
		grep -qx "called with: virtio start cfg.json.daemon" $TOOL_LOG &&
		grep -q '"status": "disable"' cfg.json.daemon
}

# hvisor.ko is held, and calls to the node reach it.
backend_is_set()
{
	! rmmod hvisor_sim 2>/dev/null && [ "$(cat $BUS/hypervisor)" = sim ]
}

status_says()
{
	hvnet_says 0 "module       attached to hvisor (sim)
/dev/hvisor  ours, hvisor.ko stands behind it
daemon       runs, process N
interface  bridge   guest      device           from guest    to guest  stalls
tap0       -        no driver  zone1-a003600             0           0       0" status
}

not_twice()
{
	start 1 "hvnet: the daemon runs already, process N; to end it: hvnet stop cfg.json" &&
		node_is_ours && daemon_runs
}

# The daemon goes while its zone's devices are there, not after them.
stops()
{
	hvnet_says 0 "daemon: ended
$DOWN" stop cfg.json && all_is_gone &&
		grep -qx "ended, with zone1 zone1-a003600" $TOOL_LOG
}

stops_without_file()
{
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null &&
		hvnet_says 0 "daemon: ended
$DOWN" stop && all_is_gone && hvnet_says 0 "" stop
}

# Somebody else's zone keeps module and node.
stops_its_own()
{
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null &&
		zone_add 9 "ram=$(printf '0x%x' $((RAW_BASE + 0x800000))),0,0x1000"
	hvnet_says 0 "daemon: ended
zone1-a003600: removed
zone1: removed
module: stays, it has other zones (see hvnet status)" stop cfg.json &&
		node_is_ours && module_is loaded &&
		hvnet_says 0 "zone9: removed
$THEIRS
module: unloaded" stop && all_is_gone
}

# A module that was there stays if things go wrong; so does our node.
loaded_before()
{
	modprobe hvisor_vnet
	start 1 "$OURS
$MADE
hvnet: /no/hvisor: No such file or directory
$NOTHING
$THEIRS" --hvisor=/no/hvisor && module_is loaded && node_is_theirs &&
		start 0 "$OURS
$MADE
$RUNS
$ALONE
$READY" && kill_daemon KILL && hvnet unload >/dev/null &&
		start 1 "$MADE
hvnet: /no/hvisor: No such file or directory
$NOTHING" --hvisor=/no/hvisor && node_is_ours &&
		hvnet_says 0 "$THEIRS
module: unloaded" stop
}

nothing_for_daemon()
{
	config net.json "$(zone_entry 1 "$(raw_region)" "$(net_entry 0xa003600 75 tap0)")"
	hvnet_says 0 "module: loaded
$OURS
$RAM
$NET
net.json.daemon: written for the daemon, without the net device
daemon: not started, net.json has nothing for it
$ALONE
$READY" start net.json && no_daemon && hvnet stop net.json >/dev/null && all_is_gone
}

# --- what goes wrong

# UNDONE: what is said of the way back
UNDONE="$NOTHING
$THEIRS
module: unloaded"

no_command()
{
	mv hvisor away
	start 1 "module: loaded
$OURS
$MADE
hvnet: there is no command hvisor in PATH, and none here; add --hvisor=/where/it/is/hvisor
$UNDONE" && all_is_gone && start 0 "module: loaded
$OURS
$MADE
$RUNS
$ALONE
$READY" --hvisor=./away && hvnet stop >/dev/null
	no_right=$?
	mv away hvisor
	return $no_right
}

no_program()
{
	: >data
	chmod 644 data
	start 1 "module: loaded
$OURS
$MADE
hvnet: ./data: Permission denied
$UNDONE" --hvisor=./data && all_is_gone
}

daemon_fails()
{
	printf '#!/bin/sh\necho "cannot open disk"\nprintf "for want of it"\nexit 1\n' >fails
	chmod +x fails
	echo "of the last run" >$TOOL_LOG
	br_up && ip tuntap add dev tap0 mode tap && br_join tap0
	hvnet_says 1 "module: loaded
$OURS
$RAM
$LEFT
zone 1: net at 0xa003600, irq 75: served by the kernel, as tap0, in br0 where the tap was
$COPY
hvnet: the daemon ended at once ('hvisor virtio start cfg.json.daemon'); it said:
	cannot open disk
	for want of it
$UNDONE" start --replace-tap --daemon-log=$TOOL_LOG --hvisor=./fails cfg.json &&
		module_is gone && node_is_theirs && tap_stands tap0 br0 &&
		no_leftover
}

# The tap that daemon_fails() put back.
replaces_tap()
{
	hvnet start --replace-tap --daemon-log=$TOOL_LOG cfg.json >said &&
		grep -qx "$NET, in br0 where the tap was" said && no_leftover &&
		[ "$(basename "$(readlink /sys/class/net/tap0/master)")" = br0 ] &&
		hvnet stop >/dev/null && ip link del br0
}

log_cannot_be_written()
{
	hvnet_says 1 "module: loaded
$OURS
$MADE
hvnet: /no/log: No such file or directory; for another file add --daemon-log=FILE
$UNDONE" start --daemon-log=/no/log cfg.json && all_is_gone
}

load_fails()
{
	ip link add tap0 type dummy
	start 1 "module: loaded
$OURS
$RAM
$LEFT
hvnet: cfg.json: zones[0].devices[1].tap is \"tap0\", and there is an interface of that name, which is no tap; right would be another name
$UNDONE"
	load_right=$?
	ip link del tap0
	[ $load_right = 0 ] && all_is_gone
}

file_is_wrong()
{
	echo '{' >wrong.json
	hvnet start wrong.json >out 2>&1
	[ $? = 1 ] && grep -q "^hvnet: wrong.json: line 2, column 0: " out && all_is_gone
}

no_hvisor_ko()
{
	mv /dev/hvisor /dev/hvisor.away
	start 1 "module: loaded
hvnet: there is no /dev/hvisor; do: insmod hvisor.ko
module: unloaded"
	ko_right=$?
	mv /dev/hvisor.away /dev/hvisor
	[ $ko_right = 0 ] && all_is_gone
}

# Something that is no device of hvisor.ko's cannot stand behind us.
strange_node()
{
	mv /dev/hvisor /dev/hvisor.away
	: >/dev/hvisor
	start 1 "module: loaded
hvnet: /dev/hvisor: the file is not hvisor.ko's device node
module: unloaded"
	strange_right=$?
	mv /dev/hvisor.away /dev/hvisor
	[ $strange_right = 0 ] && all_is_gone
}

# A daemon that was started without us has to be ended by who knows its zones.
daemon_without_us()
{
	./hvisor virtio start other.json >/dev/null &
	wait_for 10 daemon_runs
	start 1 "hvnet: the daemon runs without us, process N; shut its zones down, then: kill N"
	without_right=$?
	modprobe hvisor_vnet
	hvnet_says 0 "daemon: process N is hvisor.ko's, and left alone
module: unloaded" stop && [ $without_right = 0 ] && daemon_runs && kill_daemon KILL
}

daemon_stays()
{
	fake_hvisor stays :
	start 0 "module: loaded
$OURS
$MADE
$RUNS
$ALONE
$READY" --hvisor=./stays
	hvnet_says 1 "hvnet: the daemon, process N, does not end; do: kill -9 N" stop cfg.json &&
		[ -e /sys/class/net/tap0 ] && node_is_ours && kill_daemon KILL &&
		hvnet_says 0 "$DOWN" stop cfg.json && all_is_gone
}

node_is_open()
{
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null
	sleep 100 3<>/dev/hvisor &
	open_pid=$!
	hvnet_says 1 "daemon: ended
zone1-a003600: removed
zone1: removed
hvnet: umount /dev/hvisor: Device or resource busy; it is open in $open_pid (sleep)" stop
	open_right=$?
	kill $open_pid
	[ $open_right = 0 ] && hvnet_says 0 "$THEIRS
module: unloaded" stop && all_is_gone
}

# --- the module from where it was built

modules_of_ours()
{
	find /lib/modules -name hvisor_vnet.ko
}

not_installed()
{
	hvnet_path=$(command -v hvnet)
	env PATH=/nowhere "$hvnet_path" start cfg.json >said 2>&1
	grep -qxF "hvnet: the module is not installed, and there is no ./hvisor_vnet.ko here; do: make modules_install; depmod" said || return 1
	echo "no module" >hvisor_vnet.ko
	env PATH=/nowhere "$hvnet_path" start cfg.json >said 2>&1
	grep -qxF "hvnet: ./hvisor_vnet.ko cannot be loaded: Exec format error (was it built for this kernel? dmesg says)" said || return 1
	cp "$(modules_of_ours)" hvisor_vnet.ko
	env PATH=/nowhere "$hvnet_path" start --daemon-log=$TOOL_LOG net.json >said 2>&1
	head -n 1 said | grep -qxF "module: loaded from ./hvisor_vnet.ko" &&
		hvnet stop >/dev/null && all_is_gone
}

# --- a guest that runs

guest_runs()
{
	config cfg.json "$(zone_entry 1 "$(linux_region)" \
		"$BLK, $(net_entry $NET_ADDR $NET_IRQ tap0)")"
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null &&
		guest_add 1 $NET_ADDR $NET_IRQ && br_up && br_join tap0 &&
		guest_enter 1 $NET_ADDR zone1 eth0 2 &&
		wait_for 10 ping -c 1 -W 1 $NET_GUEST
}

not_stopped()
{
	hvnet_says 1 "hvnet: zone1-a003600 is in use: shut its zone down first (hvisor zone shutdown -id 1), or add --force" \
		stop cfg.json && daemon_runs && node_is_ours &&
		ping -c 1 -W 1 $NET_GUEST >/dev/null
}

forced()
{
	hvnet_says 0 "daemon: ended
zone1-a003600: removed
zone1: removed
module: stays, to answer what still runs; when that is down: hvnet stop" stop --force cfg.json &&
		node_is_ours && module_is loaded
}

# --- zones, by hvisor's own account

# zones LIST: those that run from now on, root is 0
zones()
{
	echo "$1" >/sys/module/hvisor_sim/parameters/zones
}

# A zone of the file, of which no driver has been seen: its disk is ours to keep.
zone_runs()
{
	zones 0,7,1
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null
	hvnet_says 1 "hvnet: zone 1 runs: shut it down first (hvisor zone shutdown -id 1), or add --force" \
		stop cfg.json &&
		hvnet_says 1 "hvnet: zone 7 runs: shut it down first (hvisor zone shutdown -id 7), or add --force" \
			stop && daemon_runs && [ -e /sys/class/net/tap0 ]
}

zone_runs_forced()
{
	hvnet_says 0 "daemon: ended
zone1-a003600: removed
zone1: removed
module: stays, to answer what still runs; when that is down: hvnet stop" \
		stop --force cfg.json && node_is_ours && module_is loaded &&
		zones 0 && hvnet_says 0 "$THEIRS
module: unloaded" stop && all_is_gone
}

# One that is none of the file's.
zone_of_others()
{
	zones 0,7
	hvnet start --daemon-log=$TOOL_LOG cfg.json >/dev/null &&
		hvnet_says 0 "daemon: ended
$DOWN" stop cfg.json && all_is_gone
}

# It ended by itself, and its device's status is as it was.
zone_ended()
{
	zones 0
	config cfg.json "$(zone_entry 1 "$(linux_region)" \
		"$(net_entry $NET_ADDR $NET_IRQ tap0)")"
	hvnet start cfg.json >/dev/null && guest_add 1 $NET_ADDR $NET_IRQ &&
		wait_for 10 grep -qx 0xf $BUS/devices/zone1-a003600/status &&
		hvnet_says 0 "zone1-a003600: removed
zone1: removed" unload cfg.json
}

ktap_plan 30
tool_begin || ktap_abort "cannot begin"
load_modules && rmmod hvisor_vnet || ktap_abort "modules do not load"
config cfg.json "$(zone_entry 1 "$(raw_region)" "$BLK, $(net_entry 0xa003600 75 tap0)")"
fake_hvisor hvisor
ktap_check "start" starts
ktap_check "hvisor.ko stands behind us" backend_is_set
ktap_check "status" status_says
ktap_check "not twice" not_twice
ktap_check "stop, the daemon first" stops
ktap_check "stop without a file" stops_without_file
ktap_check "stop leaves other zones" stops_its_own
ktap_check "a module that was loaded before" loaded_before
ktap_check "a file with nothing for the daemon" nothing_for_daemon
ktap_check "no hvisor command" no_command
ktap_check "one that is no program" no_program
ktap_check "a daemon that fails" daemon_fails
ktap_check "a tap is replaced, in its bridge" replaces_tap
ktap_check "a log that cannot be written" log_cannot_be_written
ktap_check "devices that cannot be made" load_fails
ktap_check "a file that does not read" file_is_wrong
ktap_check "no hvisor.ko" no_hvisor_ko
ktap_check "a node that is not its" strange_node
ktap_check "a daemon without us" daemon_without_us
ktap_check "a daemon that does not end" daemon_stays
ktap_check "a node that is open" node_is_open
ktap_check "the module from where it was built" not_installed
ktap_check "a guest on a started device" guest_runs
ktap_check "is not stopped" not_stopped
ip netns del zone1
ip link del br0
ktap_check "unless forced" forced
echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
hvnet stop >/dev/null
config cfg.json "$(zone_entry 1 "$(raw_region)" "$BLK, $(net_entry 0xa003600 75 tap0)")"
ktap_check "a zone that runs" zone_runs
ktap_check "unless forced" zone_runs_forced
ktap_check "another's zone that runs" zone_of_others
ktap_check "a zone that ended by itself" zone_ended
echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
hvnet stop >/dev/null
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
