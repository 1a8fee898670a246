# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the tests on the real hypervisor share, in root Linux: set root up as its
# owner would, start and stop zone 1, look for stalls.  KTAP and waiting come
# from ../hvisor_vnet/lib.sh.  Sourced; what a test asserts does not belong here.

# shellcheck source=../../hvisor_vnet/lib.sh
. /tests/lib.sh

CONFIG=/tmp/virtio_cfg.json
DISK=/tmp/zone1.img
CONSOLE=/tmp/zone1.console
ZONE=10.77.0.2
ROOT=10.77.0.1
NET=0xa003600

# --- root

# The daemon finds the disk there, and makes a terminal for the console.
root_files()
{
	cp /zone1/virtio_cfg.json $CONFIG
	dd if=/dev/zero of=$DISK bs=1k count=1k 2>/dev/null
	echo hello | dd of=$DISK bs=512 conv=notrunc,sync 2>/dev/null
	: >$CONSOLE
	mkdir -p /dev/pts /var/log
	grep -q devpts /proc/mounts || mount -t devpts devpts /dev/pts
	modprobe tun
}

# Zone 1's console is the only terminal there is.
console_follow()
{
	wait_for 10 [ -e /dev/pts/0 ] || return 1
	cat /dev/pts/0 >>$CONSOLE 2>/dev/null &
}

tap_up()
{
	ip addr replace $ROOT/24 dev tap0 && ip link set tap0 up
}

# root_start: as the documentation has it
root_start()
{
	root_files
	modprobe hvisor &&
		hvnet start $CONFIG &&
		console_follow &&
		tap_up
}

root_stop()
{
	hvnet stop $CONFIG
}

# --- zone 1

zone_running()
{
	[ -d /sys/module/hvisor ] && hvisor zone list | grep -q zone1
}

zone_start()
{
	hvisor zone start /zone1/zone1.json
}

zone_stop()
{
	hvisor zone shutdown -id 1
}

zone_answers()
{
	ping -q -c 1 -W 1 $ZONE >/dev/null
}

# zone_up: up to its first ping.  EL2 writes about it on the console meanwhile,
# by characters: so nobody else should.
zone_up()
{
	zone_start && wait_for 90 zone_answers
}

# zone_said TEXT: on its console, since root was started
zone_said()
{
	grep -q -- "$1" $CONSOLE
}

# --- the module

zone_counter()
{
	counter 1 $NET "$1"
}
