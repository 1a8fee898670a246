#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=300
# TCP and UDP, each way and both ways at once, for 10 s each: no second without
# a byte.
. ./hvlib.sh

# stalled FILE: a second of iperf3's report in which nothing moved, or no report
stalled()
{
	awk '/ sec / && !/sender|receiver/ {
		n++
		for (i = 2; i <= NF; i++)
			if ($i ~ /bits\/sec$/ && $(i - 1) == 0)
				bad++
	} END { exit !(bad || !n) }' "$1"
}

# It answers pings before its iperf3 listens.
zone_serves()
{
	zone_up && wait_for 20 iperf3 -c $ZONE -n 1K >/dev/null
}

# traffic NAME WORD...: one iperf3
traffic()
{
	name=$1
	shift
	if ! iperf3 -c $ZONE -t 10 -i 1 "$@" >/tmp/iperf 2>&1; then
		ktap_diag "$(tail -n 1 /tmp/iperf)"
		ktap_not_ok "$name"
		return
	fi
	grep -E 'sender|receiver' /tmp/iperf | while read -r line; do
		ktap_diag "$line"
	done
	if stalled /tmp/iperf; then
		grep ' sec ' /tmp/iperf | sed 's/^/# /'
		ktap_not_ok "$name"
	else
		ktap_ok "$name"
	fi
}

ktap_plan 8
ktap_check "root starts" root_start || ktap_abort "nothing to test"
ktap_check "zone 1 starts" zone_serves || ktap_abort "nothing to test"
traffic "TCP to zone 1"
traffic "TCP from zone 1" -R
traffic "TCP both ways" --bidir
traffic "UDP to zone 1" -u -b 50M
traffic "UDP from zone 1" -u -b 50M -R
traffic "UDP both ways" -u -b 30M --bidir
ktap_finish
