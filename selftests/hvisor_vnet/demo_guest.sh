#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The part of "make demo" that runs inside the VM: one zone with the stock
# virtio_net driver, a bridge on the root side, a few measurements, and a table
# of what they cost.  Asserts nothing: the tests do that.
. ./lib.sh

ZONE=1
ADDR=0xa003600
IRQ=75
SECS=1
RATE=100M

column='%-24s %18s %8s %11s %11s %11s\n'

fail()
{
	echo "demo: $*"
	dmesg | grep hvisor | grep -v 'rig|' | tail -n 10
	exit 1
}

build()
{
	load_modules "$@" || fail "the modules do not load"
	zone_add $ZONE || fail "no zone"
	device_add zone=$ZONE addr=$ADDR irq=$IRQ name=tap0 || fail "no device"
	guest_add $ZONE $ADDR $IRQ || fail "no guest"
	ip netns add zone1
	ip link set "$(guest_netdev $ZONE $ADDR)" netns zone1 name eth0
	ip -n zone1 addr add 10.0.1.2/24 dev eth0
	ip -n zone1 link set eth0 up
	ip link add br0 type bridge
	ip link set tap0 master br0 up
	ip addr add 10.0.1.1/24 dev br0
	ip link set br0 up
	wait_for 10 ping -c 1 -W 1 10.0.1.2 || fail "no answer from zone 1"
	iperf3 -s -D
	iperf3_listens() { ss -ltn | grep -q ':5201 '; }
	wait_for 10 iperf3_listens || fail "iperf3 does not listen"
}

# frames kicks wakes interrupts
snapshot()
{
	echo $(($(counter $ZONE $ADDR tx_frames) +
		$(counter $ZONE $ADDR rx_frames))) \
		$(($(counter $ZONE $ADDR tx_kicks) +
		$(counter $ZONE $ADDR rx_kicks))) \
		"$(page_counter wakes)" "$(counter $ZONE $ADDR injections)"
}

ratio()
{
	awk -v a="$1" -v b="$2" 'BEGIN {
		if (b) printf "%.1f", a / b; else printf "-" }'
}

# row NAME COMMAND...: runs it, prints what it printed and what it cost
row()
{
	name=$1
	shift
	# shellcheck disable=SC2046
	set -- "$name" $(snapshot) "$@"
	frames=$2 kicks=$3 wakes=$4 interrupts=$5
	shift 5
	result=$("$@")
	# shellcheck disable=SC2046
	set -- $(snapshot)
	# shellcheck disable=SC2059
	printf "$column" "$name" "${result:-failed}" $(($1 - frames)) \
		"$(ratio $(($1 - frames)) $(($2 - kicks)))" \
		"$(ratio $(($1 - frames)) $(($3 - wakes)))" \
		"$(ratio $(($1 - frames)) $(($4 - interrupts)))"
}

rtt()
{
	in_zone 1 ping -q "$@" 10.0.1.1 |
		awk -F'[ /]' '/^rtt/ { printf "%.2f ms\n", $8 }'
}

# The receiver's view of one direction.
tcp()
{
	in_zone 1 iperf3 -c 10.0.1.1 -f m -t $SECS "$@" | awk '/receiver/ {
		for (i = 1; i <= NF; i++)
			if ($i ~ /bits\/sec/)
				sum = sum (sum ? " + " : "") int($(i - 1) + .5)
	} END { if (sum) print sum " Mbit/s" }'
}

udp()
{
	in_zone 1 iperf3 -c 10.0.1.1 -u -l 1400 -b $RATE -f m -t $SECS "$@" |
	awk '/receiver/ {
		for (i = 1; i <= NF; i++) {
			if ($i ~ /bits\/sec/)
				rate = int($(i - 1) + .5)
			if ($i ~ /^\(/)
				lost = $i
		}
	} END { if (rate) print rate " Mbit/s, lost " lost }' |
		sed 's/[()]//g'
}

drops()
{
	cat "$(device_dir $ZONE $ADDR)"/counters/drop_* |
		awk '{ sum += $1 } END { print sum }'
}

build
cat <<EOF

  zone 1: virtio_net, unmodified                        root Linux $(uname -r)
  +----------------------+     one page of requests     +----------------------+
  |  eth0     10.0.1.2   | ---> hvisor (simulated) ---> |  tap0: hvisor_vnet   |
  |  network namespace   | <--- interrupts         <--- |  br0   10.0.1.1      |
  +----------------------+     rings in zone 1's RAM    +----------------------+

EOF
# shellcheck disable=SC2059
{
	printf "$column" "" "" "frames" "frames per" "frames per" "frames per"
	printf "$column" "zone 1 <-> br0" "result" "crossed" "guest kick" \
		"EL2 wake" "guest irq"
}
echo "----------------------------------------------------------------------------------------"
row "ping, 20 a second" rtt -c 40 -i 0.05
row "ping, flood" rtt -c 500 -f
row "TCP zone 1 -> root" tcp
row "TCP root -> zone 1" tcp -R
row "TCP both ways at once" tcp --bidir
row "UDP zone 1 -> root" udp
row "UDP root -> zone 1" udp -R
echo "----------------------------------------------------------------------------------------"
cat <<EOF
No process took part: $(page_counter requests) requests of the guest were served in $(page_counter wakes)
hard interrupts, and $(page_counter hypercalls) hypercalls told hvisor of interrupts for it.
Frames dropped by hvisor_vnet: $(drops). Interrupts that hvisor lost and that were
injected again: $(counter $ZONE $ADDR reinjections). Requests found only by the look after the end of an
interrupt: $(page_counter found_after_eoi).

Time here is virtual, one instruction of the emulated CPU a nanosecond, so that a
busy machine does not show in the numbers. A board's are its own.
EOF
