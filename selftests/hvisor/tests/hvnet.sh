#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=300
# The way over from hvisor-tool's daemon and back, as the board guide has it:
# the unmodified daemon is found with hvisor's page for itself, is ended, and
# runs again behind the module; what runs is not stopped, by hvisor's own list.
. ./hvlib.sh

# doctor_says STATUS LINE...: these lines among what it says
doctor_says()
{
	says_status=$1
	shift
	hvnet doctor $CONFIG /zone1/zone1.json >/tmp/raw 2>&1
	says_got=$?
	sed 's/process [0-9]*/process N/' /tmp/raw >/tmp/said
	for line; do
		grep -qxF -e "$line" /tmp/said || says_got="without: $line"
	done
	[ "$says_got" = "$says_status" ] && return
	ktap_diag "$says_got"
	sed 's/^/# /' /tmp/said
	return 1
}

# refused COMMAND...: hvnet's exit status 1, with these words
refused()
{
	refused_words=$1
	shift
	hvnet "$@" >/tmp/said 2>&1
	[ $? = 1 ] && grep -qxF -e "$refused_words" /tmp/said && return
	sed 's/^/# /' /tmp/said
	return 1
}

daemon_runs()
{
	grep -sq '(hvisor-virtio) [^ZX]' /proc/[0-9]*/stat
}

no_daemon()
{
	! daemon_runs
}

daemon_alone()
{
	hvisor virtio start $CONFIG >/dev/null 2>&1 &
	wait_for 10 daemon_runs && wait_for 10 [ -e /sys/class/net/tap0 ]
}

# The line that doctor says to type.
as_told()
{
	sh -c "$(grep -o 'kill [0-9]*$' /tmp/raw)" && wait_for 10 no_daemon
}

ktap_plan 12
root_files
modprobe hvisor || ktap_abort "hvisor.ko does not load"
ktap_check "before anything: nothing to fix" doctor_says 0 \
	"  ok    hvisor is in the device tree: hvisor_virtio_device" \
	"  note  hvisor_vnet is not loaded (hvnet start does that)" \
	"  note  /dev/hvisor is hvisor.ko's own (hvnet start puts ours over it)" \
	"  ok    RAM at 0x50000000, 768 MiB, is kept from root: nonroot@50000000" \
	"  ok    the name tap0 is free" \
	"  ok    its RAM is the same in both files" \
	"  ok    memory_regions[1] has the net device's registers, 0xa003600" \
	"  ok    interrupts[0] is the net device's, 75"
ktap_check "the daemon, as it was started until now" daemon_alone
ktap_check "is found" doctor_says 1 \
	"  FIX   hvisor-tool's daemon, process N, has all requests for itself; hvnet start starts it again, behind us:" \
	"  FIX   tap0 is a tap, left over or the daemon's: it has to make way"
ktap_check "and ended" as_told
ktap_check "module, devices and daemon start" root_start
ktap_check "all is well" doctor_says 0 \
	"  ok    hvisor_vnet is attached to hvisor (hvc)" \
	"  ok    /dev/hvisor is ours, so zones are quiesced before they stop" \
	"  ok    hvisor-tool's daemon runs, process N"
ktap_check "zone 1 starts and answers a ping" zone_up
ktap_check "stop is refused" refused \
	"hvnet: zone 1 runs: shut it down first (hvisor zone shutdown -id 1), or add --force" \
	stop $CONFIG
ktap_check "so is unload" refused \
	"hvnet: zone1-a003600 is in use: shut its zone down first (hvisor zone shutdown -id 1), or add --force" \
	unload $CONFIG
ktap_check "zone 1 answers still" zone_answers
ktap_check "it shuts down" zone_stop
ktap_check "daemon, devices and module stop" root_stop
ktap_finish
