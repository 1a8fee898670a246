#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the VM: iperf3 and ping between guests and root, where a guest is the
# kernel's own virtio_net in a network namespace, beside the same through veth.
# All guests hang on one bridge, so that the columns can take turns.
#
#	bench_iperf.sh icount		one CPU, virtual time: repeatable
#	bench_iperf.sh wall ROUNDS	medians are taken of the rounds
. ./lib.sh
. ./netlib.sh

METHOD=$1
ROUNDS=${2:-1}

# A second of virtual time is a long time for who watches, so TCP gets an amount.
# UDP cannot: a receiver that has lost some of it waits for ever.
AMOUNT_UDP="-t 1"
if [ "$METHOD" = icount ]; then
	AMOUNT_TCP="-n 32M"
else
	AMOUNT_TCP="-t 1"
fi

# CSUM, GUEST_CSUM, GUEST_TSO4, 6, ECN, HOST_TSO4, 6, ECN, and UFO, USO.
OFFLOADS=$((1 << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 |
	1 << 12 | 1 << 13 | 1 << 14 | 1 << 54 | 1 << 55 | 1 << 56))
# CTRL_VQ and what needs it. The driver spins for an answer, which nobody could
# give where guest and root are on one CPU.
CONTROL=$((1 << 2 | 1 << 17 | 1 << 18 | 1 << 19 | 1 << 21 | 1 << 23))

fail()
{
	echo "bench: $*"
	exit 1
}

# guest_up HOST [KEY=VALUE...]: a NIC of zone 1, in namespace guestHOST
guest_up()
{
	up_host=$1
	shift
	up_addr=$(addr_of "$up_host")
	device_add zone=1 addr="$up_addr" irq=$((70 + up_host)) \
		name="tap$up_host" &&
		guest_add 1 "$up_addr" $((70 + up_host)) "$@" &&
		br_join "tap$up_host" &&
		guest_enter 1 "$up_addr" "guest$up_host" eth0 "$up_host"
}

addr_of()
{
	printf '0xa00%x000' "$1"
}

veth_up()
{
	ip netns add "guest$1"
	ip link add "veth$1" type veth peer name eth0 netns "guest$1"
	ip -n "guest$1" addr add "10.77.0.$1/24" dev eth0
	ip -n "guest$1" link set eth0 up
	br_join "veth$1"
}

# A pair that carries frames of 1500 bytes with checksums, as a plain wire.
veth_plain()
{
	veth_up "$1"
	for plain in tx rx tso gso gro sg; do
		ethtool -K "veth$1" $plain off >/dev/null 2>&1
		in_namespace "$1" ethtool -K eth0 $plain off >/dev/null 2>&1
	done
}

in_namespace()
{
	inside=$1
	shift
	ip netns exec "guest$inside" "$@"
}

# Does the device offer checksums to a driver? The first feature bit.
offers_offloads()
{
	offers_dev=$(guest_virtio 1 "$(addr_of 2)")
	[ "$(cut -c1 "/sys/bus/virtio/devices/$offers_dev/features")" = 1 ]
}

say()
{
	echo "result|$1|$2|$3|${4:-failed}|$5|$METHOD"
}

# column_of HOST
column_of()
{
	case $1 in
	2) echo "hvisor_vnet" ;;
	3) echo "hvisor_vnet, no offloads" ;;
	4) echo "veth" ;;
	5) echo "veth, no offloads" ;;
	esac
}

# What the receivers got, all streams and both ways together, and what was lost.
# shellcheck disable=SC2016
received='/receiver/ {
	for (i = 2; i <= NF; i++) {
		if ($i ~ /bits\/sec/)
			rate = $(i - 1)
		if ($i ~ /^\([0-9.e-]+%\)/)
			lost = substr($i, 2) + 0
	}
	if (/SUM/)
		sum += rate
	else
		all += rate
} END { if (all) print sum ? sum : all, lost + 0 }'

iperf()
{
	inside=$1
	shift
	in_namespace "$inside" timeout 60 iperf3 -c $NET_ROOT -f m "$@" |
		awk "$received"
}

# tcp HOST NAME OPTION...
tcp()
{
	tcp_host=$1 tcp_name=$2
	shift 2
	read -r tcp_rate _ <<-EOT
	$(iperf "$tcp_host" $AMOUNT_TCP "$@")
	EOT
	say iperf3 "$tcp_name" "$(column_of "$tcp_host")" "$tcp_rate" Mbit/s
}

udp()
{
	udp_host=$1 udp_name=$2
	shift 2
	read -r udp_rate udp_lost <<-EOT
	$(iperf "$udp_host" $AMOUNT_UDP -u -b 0 -l 1400 "$@")
	EOT
	udp_column=$(column_of "$udp_host")
	say iperf3 "$udp_name" "$udp_column" "$udp_rate" Mbit/s
	say iperf3 "$udp_name: lost" "$udp_column" "$udp_lost" %
}

flood_ping()
{
	in_namespace "$1" ping -f -q -c 1000 $NET_ROOT |
		awk -F'[ /]' '/^rtt/ { printf "%.1f\n", $8 * 1000 }'
}

# events: frames, kicks, wakes, interrupts, hypercalls of the first guest so far
events()
{
	events_dir=$(device_dir 1 "$(addr_of 2)")/counters
	echo $(($(cat "$events_dir/tx_frames") + $(cat "$events_dir/rx_frames"))) \
		$(($(cat "$events_dir/tx_kicks") + $(cat "$events_dir/rx_kicks"))) \
		"$(page_counter wakes)" "$(cat "$events_dir/injections")" \
		"$(page_counter hypercalls)"
}

# events_between NAME BEFORE... AFTER...
events_between()
{
	name=$1
	shift
	frames=$(($6 - $1))
	[ $frames -gt 0 ] || return
	for word in kicks:$(($7 - $2)) "EL2 wakes:$(($8 - $3))" \
		interrupts:$(($9 - $4)) hypercalls:$((${10} - $5)); do
		say events "virtio_net, $name: ${word%:*}" hvisor_vnet \
			"$(awk -v n="${word#*:}" -v f=$frames \
				'BEGIN { printf "%.1f", 1000 * n / f }')" \
			"per 1000 frames"
	done
}

# row NAME FUNCTION OPTION...: of every column
row()
{
	row_name=$1 row_fn=$2
	shift 2
	for host in $hosts; do
		before=$(events)
		"$row_fn" "$host" "$row_name" "$@"
		if [ "$host-$METHOD" = 2-icount ]; then
			# shellcheck disable=SC2046,SC2086
			events_between "$row_name" $before $(events)
		fi
	done
}

ping_row()
{
	say iperf3 "$2" "$(column_of "$1")" "$(flood_ping "$1")" us
}

rows()
{
	for streams in 1 4; do
		many="$streams stream$([ $streams = 1 ] || echo s)"
		row "TCP guest to root, $many" tcp -P $streams
		row "TCP root to guest, $many" tcp -P $streams -R
		row "TCP both ways, $many" tcp -P $streams --bidir
		row "UDP guest to root, $many" udp -P $streams
		row "UDP root to guest, $many" udp -P $streams -R
	done
	row "flood ping, round trip" ping_row
}

echo "kernel|$(uname -r)"
load_modules || fail "the modules do not load"
br_up
zone_add 1 || fail "no zone"
guest_up 2 mask="$(printf '%#x' $CONTROL)" || fail "no guest"
hosts=2
if offers_offloads; then
	guest_up 3 mask="$(printf '%#x' $((CONTROL | OFFLOADS)))" ||
		fail "no second guest"
	hosts="2 3"
fi
veth_up 4
veth_plain 5
hosts="$hosts 4 5"
for host in $hosts; do
	inside=$host
	wait_for 10 in_namespace "$inside" ping -c 1 -W 1 $NET_ROOT ||
		fail "no answer from $(column_of "$host")"
done
iperf3 -s -D
listens() { ss -ltn | grep -q ':5201 '; }
wait_for 10 listens || fail "iperf3 does not listen"
for round in $(seq "$ROUNDS"); do
	echo "progress|round $round of $ROUNDS"
	rows
done
