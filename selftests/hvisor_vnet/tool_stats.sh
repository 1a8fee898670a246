#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet stats: totals are the counters; what is watched is what a second brings,
# with frames per interrupt; it fits into a terminal, and is JSON when wanted.
#
# rig: smp=2 icount=must timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

HEAD="           ---- from the guest ---  ----- to the guest ----
interface   frames   bytes   kicks   frames   bytes    irqs f/irq stalls  drops"

# value NAME FILE: a number in JSON, however deep
value()
{
	sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p" "$2" | head -n 1
}

# counters_agree: JSON against sysfs; like those below, for wait_for: until a moment
# in which nothing moves
counters_agree()
{
	hvnet stats -j tap0 >got || return 1
	for file in "$(device_dir 1 $NET_ADDR)"/counters/*; do
		[ "$(value "${file##*/}" got)" = "$(cat "$file")" ] || return 1
	done
	for file in /sys/bus/platform/drivers/hvisor_vnet/*/counters/*; do
		[ -n "$(value "${file##*/}" got)" ] || return 1
	done
	echo "$(value frames_per_interrupt got)" "$(counter 1 $NET_ADDR tx_frames)" \
		"$(counter 1 $NET_ADDR rx_frames)" "$(counter 1 $NET_ADDR injections)" |
		awk '{ is = ($2 + $3) / $4; exit !($1 > is - 0.01 && $1 < is + 0.01) }'
}

# row FILE: tap0's last
row()
{
	grep '^tap0 ' "$1" | tail -n 1
}

totals_agree()
{
	hvnet stats >got || return 1
	[ "$(sed -n 2,3p got)" = "$HEAD" ] &&
		grep -qE '^hypervisor: wakes [0-9.]+k?, requests [0-9.]+k?, hypercalls [0-9.]+k?, late [0-9.]+$' got &&
		row got >last && read -r _ tx _ kicks rx _ irqs _ <last &&
		[ "$tx $kicks $rx $irqs" = "$(counter 1 $NET_ADDR tx_frames) $(
			counter 1 $NET_ADDR tx_kicks) $(
			counter 1 $NET_ADDR rx_frames) $(
			counter 1 $NET_ADDR injections)" ] && return
	sed 's/^/# /' got
	return 1
}

# Of one device all of them, a line each.
one_device()
{
	hvnet stats tap0 >got &&
		[ "$(awk '$1 == "tx_frames" { print $2 }' got)" = \
			"$(counter 1 $NET_ADDR tx_frames)" ] &&
		[ "$(wc -l <got)" = $(($(ls "$(device_dir 1 $NET_ADDR)/counters" | wc -l) + 2)) ] &&
		[ "$(head -n 1 got | tr -s ' ')" = "tap0 total" ] &&
		hvnet stats zone1-a003600 | cmp -s - got &&
		hvnet_says 1 "hvnet: there is no device tap9 in this network namespace" \
			stats tap9
}

# traffic: 50 pings a second, and as many answers
traffic()
{
	ping -q -i 0.02 $NET_GUEST >/dev/null 2>&1 &
	traffic_pid=$!
	wait_for 10 [ "$(counter 1 $NET_ADDR rx_frames)" -gt 60 ]
}

# near VALUE WANT: within a quarter
near()
{
	awk -v v="$1" -v w="$2" 'BEGIN { exit !(v > 0.75 * w && v < 1.25 * w) }'
}

# In virtual time it is known how many there are.
watched()
{
	hvnet stats -w --interval=1 --count=2 >got || return 1
	[ "$(grep -c '^hvnet stats, every 1 s, at [0-2][0-9]:[0-5][0-9]:[0-5][0-9]$' got)" = 2 ] &&
		[ "$(grep -c '^interface   frames   bit/s   kicks ' got)" = 2 ] &&
		[ "$(grep -c '^tap0 ' got)" = 2 ] && ! grep -q "$(printf '\033')" got &&
		row got >last && read -r _ tx _ _ rx _ _ _ stalls _ <last &&
		near "$tx" 50 && near "$rx" 50 && [ "$stalls" = 0 ] && return
	sed 's/^/# /' got
	return 1
}

watched_json()
{
	hvnet stats -j -w --interval=0.5 --count=3 >got || return 1
	[ "$(wc -l <got)" = 3 ] && tail -n 1 got >last &&
		near "$(sed 's/.*"tx_frames":\([0-9.]*\).*/\1/' last)" 50 &&
		near "$(sed 's/.*"rx_frames":\([0-9.]*\).*/\1/' last)" 50 &&
		near "$(sed 's/.*"frames_per_interrupt":\([0-9.]*\).*/\1/' last)" \
			"$(awk -v l="$(cat last)" 'BEGIN {
				match(l, /"injections":[0-9.]*/)
				print 100 / substr(l, RSTART + 13, RLENGTH - 13) }')" &&
		return
	sed 's/^/# /' got
	return 1
}

# On a terminal it is drawn over, in 80 columns, and the rest is cleared.
on_terminal()
{
	mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
	/tests/onterm hvnet stats -w --interval=0.2 --count=3 >typescript ||
		return 1
	esc=$(printf '\033')
	[ "$(grep -o "$esc\[H" typescript | wc -l)" = 3 ] &&
		grep -q "$esc\[2J" typescript && grep -q "$esc\[J" typescript || return 1
	sed "s/$esc\[[0-9]*[HJK]//g" typescript | tr -d '\r' |
		awk 'length > 80 { print "# " $0; bad = 1 } END { exit bad }'
}

# A device that goes while it is watched, and one that comes.
comes_and_goes()
{
	hvnet stats -w --interval=0.5 --count=6 >got &
	sleep 0.7
	hvnet add device zone=1 addr=0xb000000 irq=90 name=second >/dev/null
	sleep 1
	hvnet del device second >/dev/null
	wait $! || return 1
	n=$(grep -c '^second ' got)
	[ "$n" -ge 1 ] && [ "$n" -le 4 ] && [ "$(grep -c '^tap0 ' got)" = 6 ]
}

module_goes()
{
	hvnet unload --force >/dev/null
	hvnet stats >got && [ "$(sed 1d got)" = "$HEAD" ] || return 1
	hvnet stats -w --interval=0.2 >got 2>&1 &
	sleep 0.5
	(cd /tests && unload_modules)
	wait $!
	[ $? = 1 ] && tail -n 1 got | grep -q '^hvnet: '
}

ktap_plan 10
tool_begin || ktap_abort "cannot begin"
ktap_check "without the module" hvnet_says 1 "hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)" stats
load_modules || ktap_abort "modules do not load"
cd /tests && net_up || ktap_abort "no network"
cd $TOOL_DIR || exit 1
ping -q -c 20 -i 0.01 $NET_GUEST >/dev/null
# What is under way arrives.
sleep 1
ktap_check "JSON has every counter" wait_for 30 counters_agree
ktap_check "totals" wait_for 30 totals_agree
ktap_check "one device" wait_for 30 one_device
traffic
ktap_check "watched" watched
ktap_check "watched, as JSON" watched_json
ktap_check "on a terminal" on_terminal
ktap_check "devices come and go" comes_and_goes
kill $traffic_pid
ktap_check "the module goes" module_goes
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
