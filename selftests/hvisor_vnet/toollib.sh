# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# What tests of hvnet share: configurations, a program in hvisor-tool's place,
# and comparing all that hvnet says.  Sourced after lib.sh and netlib.sh.

TOOL_DIR=/tmp/tool
TOOL_LOG=$TOOL_DIR/daemon.log

# tool_begin: an empty directory to work in
tool_begin()
{
	rm -rf $TOOL_DIR
	mkdir -p $TOOL_DIR && cd $TOOL_DIR && modprobe tun && modprobe dummy numdummies=0
}

# hvnet_says STATUS TEXT ARGUMENT...: runs hvnet; its exit status and all of its
# words are those, "process N" and "kill N" whatever the number is
hvnet_says()
{
	says_status=$1
	printf '%s\n' "$2" | sed '/^$/d' >$TOOL_DIR/expected
	shift 2
	hvnet "$@" >$TOOL_DIR/said 2>&1
	says_got=$?
	sed -e 's/\(process\|kill\|kill -9\) [0-9]\{1,\}/\1 N/g' -e '/^$/d' \
		$TOOL_DIR/said >$TOOL_DIR/out
	[ $says_got = "$says_status" ] &&
		cmp -s $TOOL_DIR/expected $TOOL_DIR/out && return
	ktap_diag "hvnet $*: exit status $says_got, expected $says_status"
	sed 's/^/# expected: /' $TOOL_DIR/expected
	sed 's/^/# got:      /' $TOOL_DIR/out
	return 1
}

# linux_region: the memory of a zone whose guest is this kernel
linux_region()
{
	linux_ram | tr ' ' '\n' | sed -n 's/ram=\(.*\),\(.*\),\(.*\)/{ "zone0_ipa": "\1", "zonex_ipa": "\2", "size": "\3" }/p' |
		paste -s -d,
}

# raw_region [SIZE]: a piece of the reservation
raw_region()
{
	printf '{ "zone0_ipa": "%s", "zonex_ipa": "0x80000000", "size": "%s" }' \
		"$RAW_BASE" "${1:-0x100000}"
}

# net_entry ADDR IRQ TAP [WORDS]
net_entry()
{
	printf '{ "type": "net", "addr": "%s", "len": "0x200", "irq": %s, "tap": "%s", "status": "enable"%s }' \
		"$1" "$2" "$3" "${4:+, $4}"
}

BLK='{ "type": "blk", "addr": "0xa002000", "len": "0x200", "irq": 78, "img": "disk", "status": "enable" }'
CONSOLE='{ "type": "console", "addr": "0xa002200", "len": "0x200", "irq": "0x4c", "status": "enable" }'

# zone_entry ID REGIONS ENTRIES
zone_entry()
{
	printf '{ "id": %s, "memory_region": [ %s ], "devices": [ %s ] }' \
		"$1" "$2" "$3"
}

# config FILE ZONE...
config()
{
	config_file=$1
	shift
	printf '{ "zones": [ %s' "$1" >"$config_file"
	shift
	for config_zone; do
		printf ', %s' "$config_zone"
	done >>"$config_file"
	echo ' ] }' >>"$config_file"
}

# fake_hvisor FILE [AT-THE-END]: hvisor-tool's command, as far as hvnet sees it.
# It says what it was called with, and at its end what is there then.
fake_hvisor()
{
	cat >"$1" <<-EOF
	#!/bin/sh
	printf hvisor-virtio >/proc/\$\$/comm
	exec 3<>/dev/hvisor || exit 1
	echo "called with: \$*"
	trap '${2:-echo "ended, with" \$(ls $BUS/devices); exit 0}' TERM
	while :; do sleep 0.05 3<&-; done
	EOF
	chmod +x "$1"
}

# node_is_ours, node_is_theirs: whose is /dev/hvisor?
node_is_ours()
{
	[ "$(busybox stat -c %t:%T /dev/hvisor)" = \
		"$(busybox stat -c %t:%T /dev/hvisor-vnet 2>/dev/null)" ]
}

node_is_theirs()
{
	[ -c /dev/hvisor ] && ! grep -q ' /dev/hvisor ' /proc/mounts
}

# daemon_runs, no_daemon: is there one, other than those that have ended?
daemon_runs()
{
	grep -sq '(hvisor-virtio) [^ZX]' /proc/[0-9]*/stat
}

no_daemon()
{
	! daemon_runs
}

# kill_daemon SIGNAL
kill_daemon()
{
	sed -n 's/ (hvisor-virtio) [^ZX].*//p' /proc/[0-9]*/stat 2>/dev/null |
		xargs kill "-$1"
	wait_for 10 no_daemon
}

# nothing_there: no zone, no device
nothing_there()
{
	[ -z "$(ls $BUS/devices)" ]
}

# tap_stands NAME BRIDGE: a tap that is up, in that bridge
tap_stands()
{
	[ -e "/sys/class/net/$1/tun_flags" ] &&
		[ "$(basename "$(readlink "/sys/class/net/$1/master")")" = "$2" ] &&
		ip link show "$1" | grep -q '[<,]UP[,>]'
}

# no_leftover: nothing under the name that a tap has while it waits
no_leftover()
{
	! ls -d /sys/class/net/hvnet-old* >/dev/null 2>&1
}
