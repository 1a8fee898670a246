#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A million datagrams each way: the sender's count is what the far NIC received,
# with nothing dropped by a qdisc, by the module or by the guest's NIC.  The
# million comes from pktgen, as fast as the ring takes it; some more come from
# sockets, paced by their buffers.  What a receiving socket had no room for is
# the receiver's affair and reported apart.
#
# rig: smp=2 timeout=250
. ./lib.sh
. ./netlib.sh

MILLION=$(scaled 1000000)
BURST=32
SOCKET_COUNT=$(scaled 30000)
SOCKET_BYTES=18

# Nobody but the test sends: no neighbour discovery, no multicast.
silence()
{
	sysctl -q net.ipv6.conf.tap0.disable_ipv6=1
	sysctl -q net.ipv6.conf.br0.disable_ipv6=1
	in_guest sysctl -q net.ipv6.conf.all.disable_ipv6=1
	ip link set br0 type bridge mcast_snooping 0
	ip neigh replace $NET_GUEST dev br0 nud permanent \
		lladdr "$(in_guest cat /sys/class/net/eth0/address)"
	in_guest ip neigh replace $NET_ROOT dev eth0 nud permanent \
		lladdr "$(cat /sys/class/net/br0/address)"
}

# qdisc_drops NAME: of all its qdiscs
qdisc_drops()
{
	tc -s qdisc show dev "$1" | sed -n 's/.*dropped \([0-9]*\).*/\1/p' |
		awk '{ sum += $1 } END { print sum + 0 }'
}

# all_drops: everywhere between the sockets
all_drops()
{
	guest_dropped=$(in_guest tc -s qdisc show dev eth0 |
		sed -n 's/.*dropped \([0-9]*\).*/\1/p' |
		awk '{ sum += $1 } END { print sum + 0 }')
	echo "qdisc tap0 $(qdisc_drops tap0)," \
		"qdisc eth0 $guest_dropped," \
		"module $(drops)," \
		"eth0 rx $(guest_nic eth0 rx_dropped)" \
		"tx $(guest_nic eth0 tx_dropped)," \
		"tap0 rx $(nic tap0 rx_dropped) tx $(nic tap0 tx_dropped)"
}

NONE="qdisc tap0 0, qdisc eth0 0, module 0, eth0 rx 0 tx 0, tap0 rx 0 tx 0"

# arrived COMMAND NAME STATISTIC VALUE: for wait_for
arrived()
{
	[ "$("$1" "$2" "$3")" -ge "$4" ]
}

# send_from root|guest: through sockets, counted at both NICs
send_from()
{
	if [ "$1" = root ]; then
		set -- "" in_guest $NET_GUEST nic tap0 guest_nic eth0
	else
		set -- in_guest "" $NET_ROOT guest_nic eth0 nic tap0
	fi
	before_near=$("$4" "$5" tx_packets)
	before_far=$("$6" "$7" rx_packets)
	$2 udpblast recv "$3" 9000 $SOCKET_COUNT 3 >/tmp/received &
	receiver=$!
	wait_for 30 grep -q ready /tmp/received || return 1
	$1 udpblast send "$3" 9000 $SOCKET_COUNT $SOCKET_BYTES >/tmp/sent ||
		return 1
	wait_for 5 arrived "$6" "$7" rx_packets $((before_far + SOCKET_COUNT))
	near=$(($("$4" "$5" tx_packets) - before_near))
	far=$(($("$6" "$7" rx_packets) - before_far))
	wait $receiver
	ktap_diag "$(cat /tmp/sent); left $5 $near, reached $7 $far;" \
		"socket: $(grep received /tmp/received)"
	grep -q "^sent $SOCKET_COUNT " /tmp/sent &&
		[ "$near" = $SOCKET_COUNT ] && [ "$far" = $SOCKET_COUNT ]
}

# pktgen COMMAND DEVICE DESTINATION-MAC CPU: prints how many it sent, and how fast
pktgen()
{
	$1 sh -s "$2" "$3" "$4" $MILLION $BURST <<-'EOF'
	cd /proc/net/pktgen || exit 1
	echo rem_device_all >"kpktgend_$3"
	echo "add_device $1" >"kpktgend_$3"
	for word in "count $4" "burst $5" "clone_skb 0" "pkt_size 60" \
		"delay 0" "dst 10.77.0.99" "dst_mac $2"; do
		echo "$word" >"$1" || exit 1
	done
	echo start >pgctrl
	sed -n 's/.*pkts-sofar: \([0-9]*\) .*/\1/p' "$1"
	sed -n 's/^ *\([0-9]*pps\).*/\1/p' "$1"
	echo rem_device_all >"kpktgend_$3"
	EOF
}

# quiet: nothing has moved for a while, so that all counters agree
quiet()
{
	still=$(nic tap0 tx_packets),$(nic tap0 rx_packets)
	sleep 0.3
	[ "$still" = "$(nic tap0 tx_packets),$(nic tap0 rx_packets)" ]
}

# million_from root|guest: what was sent has left one NIC and arrived at the
# other; the kernel may add an odd frame of its own, even between two readings
million_from()
{
	wait_for 5 quiet || return 1
	if [ "$1" = root ]; then
		left="nic tap0 tx_packets" came="guest_nic eth0 rx_packets"
		mac=$(in_guest cat /sys/class/net/eth0/address)
		set -- "" tap0 "$mac" 0
	else
		left="guest_nic eth0 tx_packets" came="nic tap0 rx_packets"
		mac=$(cat /sys/class/net/br0/address)
		set -- in_guest eth0 "$mac" $((RIG_SMP - 1))
	fi
	left_before=$($left) came_before=$($came)
	said=$(pktgen "$@")
	sent=${said%%[!0-9]*}
	wait_for 5 quiet || return 1
	left=$(($($left) - left_before)) came=$(($($came) - came_before))
	ktap_diag "sent $sent, left $left, arrived $came, ${said##*[!0-9ps]}"
	# With bursts pktgen may send a few more than it was asked to.
	[ "$sent" -ge $MILLION ] &&
		[ $left -ge "$sent" ] && [ $left -le $((sent + 10)) ] &&
		[ $came -ge "$sent" ] && [ $came -le $((sent + 10)) ]
}

ktap_plan 7
load_modules || ktap_abort "modules do not load"
modprobe pktgen || ktap_skip_all "the kernel has no pktgen"
net_up || ktap_abort "no network"
silence
sim_reset
ktap_check "$MILLION datagrams from root" million_from root
ktap_check "$MILLION datagrams from the guest" million_from guest
report
ktap_check "$SOCKET_COUNT from root's socket" send_from root
ktap_check "$SOCKET_COUNT from the guest's socket" send_from guest
ktap_equal "none was dropped on the way" "$NONE" "$(all_drops)"
ktap_check "the simulator saw nothing wrong" sim_healthy
rmmod pktgen
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
