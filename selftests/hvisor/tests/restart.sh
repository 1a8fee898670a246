#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=1800
# Zone 1 is shut down in the midst of traffic and started again, time after
# time: its NIC works each time, and so do disk and console.  CYCLES= says how
# often (20).
. ./hvlib.sh

TRAFFIC=300000		# bytes each way before the zone is shut down

# The interface's own counters: the module's device sees the guest's reset.
moved()
{
	[ "$(cat /sys/class/net/tap0/statistics/rx_bytes)" -gt $((rx + TRAFFIC)) ] &&
		[ "$(cat /sys/class/net/tap0/statistics/tx_bytes)" -gt $((tx + TRAFFIC)) ]
}

traffic_start()
{
	rx=$(cat /sys/class/net/tap0/statistics/rx_bytes)
	tx=$(cat /sys/class/net/tap0/statistics/tx_bytes)
	iperf3 -c $ZONE -t 600 --bidir >/tmp/iperf 2>&1 &
	iperf=$!
	wait_for 60 moved
}

traffic_stop()
{
	kill $iperf 2>/dev/null
	wait $iperf 2>/dev/null
}

# How often zone 1 said that everything is there.
boots()
{
	grep -c 'zone 1: up' $CONSOLE
}

boots_are()
{
	[ "$(boots)" -eq "$1" ]
}

# What went wrong, for who reads the report.
explain()
{
	dev=$(device_dir 1 $NET)
	ktap_diag "status $(cat "$dev/status"), InterruptStatus" \
		"$(cat "$dev/interrupt_status"), injections" \
		"$(zone_counter injections), repeated" \
		"$(zone_counter reinjections), stalls $(zone_counter stalls)"
	tail -n 3 /tmp/iperf | while read -r line; do
		ktap_diag "iperf3: $line"
	done
	tail -n 3 $CONSOLE | while read -r line; do
		ktap_diag "zone 1: $line"
	done
}

# One cycle; says why it failed.
cycle()
{
	booted=$(boots)
	traffic_start || { traffic_stop; echo "no traffic"; return 1; }
	zone_stop || { traffic_stop; echo "shutdown failed"; return 1; }
	traffic_stop
	zone_up || { echo "no ping after the start"; return 1; }
	wait_for 30 boots_are $((booted + 1)) || { echo "console or disk"; return 1; }
	ping -q -f -c 200 -w 20 $ZONE >/dev/null || { echo "pings lost"; return 1; }
}

ktap_plan $((CYCLES + 4))
ktap_check "root starts" root_start || ktap_abort "nothing to test"
ktap_check "zone 1 starts" zone_up || ktap_abort "nothing to test"
ktap_check "its console works" wait_for 30 boots_are 1
n=0
while [ $n -lt "$CYCLES" ]; do
	n=$((n + 1))
	if why=$(cycle 2>&1); then
		ktap_ok "cycle $n"
	else
		explain
		ktap_abort "cycle $n: $why; what comes after says nothing"
	fi
done
# Z3: an interrupt from before may meet a kernel that does not know it yet.
surprises=$(grep -c 'unexpected' $CONSOLE)
ktap_diag "$surprises unexpected interrupts in zone 1"
ktap_check "zone 1's kernel complains of nothing else" \
	[ "$(grep -cE 'WARNING|BUG|Oops|panic|Call trace' $CONSOLE)" -eq 0 ]
ktap_finish
