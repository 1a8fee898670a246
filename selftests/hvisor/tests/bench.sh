#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=7200
# Not a test: the table of figures, in Markdown.  Zone 1's NIC is served by the
# daemon, and by the module; a veth pair between two namespaces of root, without
# offloads, says what root could do at all.  All in one boot and in turns, because
# boots differ; the figures are medians of ROUNDS= (5).  BENCH_COLUMNS= says which
# columns (all), SECONDS_EACH= how long an iperf3 runs (5), BENCH_CPU= on which CPU
# of root's it and ping run (any).
. ./hvlib.sh

RESULTS=/tmp/results	# lines of COLUMN ROW VALUE
: >$RESULTS

# --- the columns: each sets up what it measures, and what the peer is

column_stock()
{
	column_daemon hvisor
}

column_baseline()
{
	column_daemon hvisor-baseline
}

# The daemon as it is without us, on hvisor.ko's own node.
column_daemon()
{
	root_files
	modprobe hvisor
	"$1" virtio start /zone1/virtio_cfg.json >/tmp/daemon.log 2>&1 &
	daemon=$!
	wait_for 10 [ -e /sys/class/net/tap0 ] && console_follow && tap_up &&
		zone_up
}

column_daemon_end()
{
	zone_stop
	kill $daemon
	wait $daemon 2>/dev/null
}

column_module()
{
	root_start && zone_up
}

column_module_end()
{
	zone_stop
	root_stop
}

column_veth()
{
	ip netns add near && ip netns add far &&
		ip -n near link add v0 type veth peer name v1 netns far &&
		ip -n near addr add 10.78.0.1/24 dev v0 &&
		ip -n far addr add 10.78.0.2/24 dev v1 || return 1
	for end in "near v0" "far v1"; do
		# shellcheck disable=SC2086
		set -- $end
		ip netns exec "$1" ethtool -K "$2" tx off sg off tso off gso off \
			gro off >/dev/null
		ip -n "$1" link set "$2" up
	done
	ip netns exec far iperf3 -s -D -I /tmp/iperf3.pid
	wait_for 5 in_near ping -q -c 1 10.78.0.2
}

column_veth_end()
{
	kill "$(tr -d '\0' </tmp/iperf3.pid)"
	ip netns del near
	ip netns del far
}

in_near()
{
	ip netns exec near "$@"
}

# --- the rows

result()
{
	echo "$column $1 ${2:--}" >>$RESULTS
}

# The last "receiver" line: megabits a second, and what part was lost.
received()
{
	awk '/receiver/ {
		for (i = 2; i <= NF; i++)
			if ($i == "Mbits/sec")
				rate = $(i - 1)
	} END { print rate }' /tmp/iperf
}

lost()
{
	sed -n 's/.*(\([0-9.e+-]*\)%).*receiver/\1/p' /tmp/iperf
}

# A backend that has wedged shall not hold up the others.
run_iperf()
{
	: >/tmp/iperf
	$run ping -q -c 1 -W 2 "$peer" >/dev/null &&
		$run timeout $((SECONDS_EACH + 15)) iperf3 -c "$peer" -f m \
			-t $SECONDS_EACH "$@" >/tmp/iperf 2>&1
}

round_trip()
{
	$run timeout 60 ping -q -w 30 "$@" "$peer" >/tmp/ping
	sed -n 's,.*mdev = [0-9.]*/\([0-9.]*\)/.*,\1,p' /tmp/ping
}

# nics out|in: frames that left the one NIC that way, and that reached the other
nics()
{
	timeout 5 nc $ZONE 13 </dev/null |
		awk -v way="$1" -v rx="$(cat /sys/class/net/tap0/statistics/rx_packets)" \
			-v tx="$(cat /sys/class/net/tap0/statistics/tx_packets)" \
			'$1 == "eth0:" { print way == "out" ? $11 " " rx : tx " " $3 }'
}

# share LEFT-BEFORE ARRIVED-BEFORE LEFT ARRIVED: per cent of frames that got lost
share()
{
	awk -v left=$(($3 - $1)) -v arrived=$(($4 - $2)) 'BEGIN {
		printf "%.3f", (left > arrived ? 100 * (left - arrived) / left : 0) }'
}

# udp out|in [OPTION]: what iperf3 lost, its sockets' share too, and what the NICs did
udp()
{
	way=$1
	shift
	nics_before=
	[ "$column" = veth ] || nics_before=$(nics "$way")
	run_iperf -u -b 0 "$@"
	result "udp_$way" "$(received)"
	result "udp_${way}_lost" "$(lost)"
	[ -n "$nics_before" ] || return
	# What is still under way arrives.
	sleep 1
	# shellcheck disable=SC2046,SC2086
	set -- $nics_before $(nics "$way")
	[ $# -ne 4 ] || result "udp_${way}_nics" "$(share "$@")"
}

# udp_clean out|in [OPTION]: the highest rate of which less than 1 % is lost, sought
# by halves, as RFC 2544 has it: a sender without bounds leaves a receiver no time
# to receive.
udp_clean()
{
	way=$1 low=0 high=512 best=
	shift
	while [ $((high - low)) -gt 8 ]; do
		rate=$(((low + high) / 2))
		run_iperf -u -t 1 -b ${rate}M "$@"
		if awk -v lost="$(lost)" 'BEGIN { exit !(lost != "" && lost < 1) }'; then
			low=$rate best=$(received)
		else
			high=$rate
		fi
	done
	result "udp_${way}_clean" "$best"
}

# settle: what is run from here on runs on BENCH_CPU=, and what runs already goes on
# where it likes; roam: no longer
settle()
{
	cpus=$(taskset -p $$ | sed 's/.*: //')
	[ -z "$BENCH_CPU" ] ||
		taskset -p "$(printf '%x' $((1 << BENCH_CPU)))" $$
}

roam()
{
	taskset -p "$cpus" $$
}

# Round trips first: a daemon that loses an interrupt under load answers no more.
measure()
{
	settle
	result ping "$(round_trip -c 50 -i 0.05)"
	result flood "$(round_trip -f -c 2000)"
	run_iperf -R; result tcp_out "$(received)"
	run_iperf; result tcp_in "$(received)"
	udp out -R
	udp in
	udp_clean out -R
	udp_clean in
	roam
}

# The same TCP with all of it cut and summed up in software, as in the columns
# beside.  For good: the zone ends after it.
measure_plain()
{
	ethtool -K tap0 tx off sg off tso off gso off gro off >/dev/null
	timeout 5 nc $ZONE 9 </dev/null
	sleep 1
	settle
	run_iperf -R; result tcp_out_plain "$(received)"
	run_iperf; result tcp_in_plain "$(received)"
	roam
}

# --- what it cost EL2

frames()
{
	cat /sys/class/net/tap0/statistics/[rt]x_packets | awk '{ n += $1 } END { print n }'
}

# Interrupts whose line has the word $1, all CPUs.
interrupts()
{
	awk -v word="$1" '$0 ~ word {
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			n += $i
	} END { print n + 0 }'
}

wakes()
{
	interrupts "hvisor" </proc/interrupts
}

guest_interrupts()
{
	timeout 5 nc $ZONE 7 </dev/null | interrupts "virtio0"
}

injections()
{
	zone_counter injections 2>/dev/null
}

# per_thousand ROW BEFORE AFTER: a zone that does not answer has 0 after
per_thousand()
{
	[ "${3:-0}" -lt "$2" ] || result "$1" "$(awk -v d="$(($3 - $2))" -v n="$moved" \
		'BEGIN { printf "%d", d * 1000 / n }')"
}

measure_zone()
{
	run='' peer=$ZONE
	before="$(frames) $(wakes) $(guest_interrupts) $(injections)"
	measure
	after="$(frames) $(wakes) $(guest_interrupts) $(injections)"
	# shellcheck disable=SC2086
	set -- $before $after
	if [ $# -eq 8 ]; then
		moved=$(($5 - $1 + 1))
		per_thousand injections "$4" "$8"
		set -- "$1" "$2" "$3" "$5" "$6" "$7"
	fi
	moved=$(($4 - $1 + 1))
	per_thousand wakes "$2" "$5"
	per_thousand guest_interrupts "$3" "$6"
}

# --- the table

# median COLUMN ROW
median()
{
	awk -v c="$1" -v r="$2" '$1 == c && $2 == r && $3 != "-" { print $3 }' \
		$RESULTS | sort -n | awk '{ v[NR] = $1 }
		END { print NR ? v[int((NR + 1) / 2)] : "-" }'
}

row()
{
	line="| $1 |"
	for column in $columns; do
		value=$(median "$column" "$2")
		[ -z "${3-}" ] || value="$value, $(median "$column" "$3") % lost"
		line="$line $value |"
	done
	echo "$line"
}

title()
{
	case $1 in
	stock) echo "daemon" ;;
	baseline) echo "daemon, other" ;;
	module) echo "in the kernel" ;;
	veth) echo "veth, no offloads" ;;
	esac
}

table()
{
	line="| medians of $ROUNDS |" rule="|---|"
	for column in $columns; do
		line="$line $(title "$column") |" rule="$rule---|"
	done
	echo "$line"
	echo "$rule"
	row "TCP zone 1 -> root, Mbit/s" tcp_out
	row "TCP root -> zone 1, Mbit/s" tcp_in
	row "TCP zone 1 -> root without offloads, Mbit/s" tcp_out_plain
	row "TCP root -> zone 1 without offloads, Mbit/s" tcp_in_plain
	row "UDP zone 1 -> root, Mbit/s received" udp_out udp_out_lost
	row "UDP root -> zone 1, Mbit/s received" udp_in udp_in_lost
	row "UDP zone 1 -> root, Mbit/s with less than 1 % lost" udp_out_clean
	row "UDP root -> zone 1, Mbit/s with less than 1 % lost" udp_in_clean
	row "% of its frames lost between the NICs, zone 1 -> root" udp_out_nics
	row "% of its frames lost between the NICs, root -> zone 1" udp_in_nics
	row "ping, ms" ping
	row "flood ping, ms" flood
	row "EL2 wakes per 1000 frames" wakes
	row "interrupts of zone 1 per 1000 frames" guest_interrupts
	row "injections per 1000 frames" injections
}

one()
{
	column=$1
	case $1 in
	veth)
		column_veth || return 1
		run=in_near peer=10.78.0.2
		measure
		column_veth_end
		;;
	module)
		column_module || return 1
		measure_zone
		measure_plain
		column_module_end
		;;
	*)
		"column_$1" || { column_daemon_end; return 1; }
		measure_zone
		column_daemon_end
		;;
	esac >/tmp/log 2>&1
}

columns="stock module veth"
[ ! -x /usr/sbin/hvisor-baseline ] || columns="stock baseline module veth"
columns=${BENCH_COLUMNS:-$columns}
ktap_plan 1
round=0
while [ $round -lt "$ROUNDS" ]; do
	round=$((round + 1))
	for which in $columns; do
		one "$which" || ktap_diag "round $round, $which: $(tail -n 1 /tmp/log)"
		ktap_diag "round $round, $which:" \
			"$(awk -v c="$which" '$1 == c { v[$2] = $3 }
			END { for (r in v) printf " %s=%s", r, v[r] }' $RESULTS)"
	done
done
table
ktap_check "each figure of the module was measured" \
	[ "$(grep -c '^module .* -' $RESULTS)" -eq 0 ]
ktap_finish
