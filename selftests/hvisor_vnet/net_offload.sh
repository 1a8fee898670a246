#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own driver with every set of offloads, to root and across a
# bridge to a third host that does no offloads itself: what is sent arrives
# byte by byte, with checksums that are right on the wire, and in one direction
# as in the other. Also through a VLAN, with the largest MTU, and while offloads
# are switched on and off.
#
#	zone1 eth0 == hvisor == tap0 -- br0 -- host0 --- host1 (namespace host)
#
# rig: smp=2 timeout=900
. ./lib.sh
. ./netlib.sh

BYTES=$(scaled 1000003)
HOST=10.77.0.3

host_up()
{
	ip netns add host
	ip link add host0 type veth peer name host1 netns host
	# Nothing is left to this host: it gets what would be on a wire.
	ethtool -K host0 tx off sg off tso off gso off >/dev/null
	ip -n host addr add $HOST/24 dev host1
	ip -n host addr add fd77::3/64 dev host1 nodad
	ip -n host link set host1 up
	br_join host0
}

# at WHERE COMMAND...: in root, or a namespace
at()
{
	at_where=$1
	shift
	if [ "$at_where" = root ]; then
		"$@"
	else
		ip netns exec "$at_where" "$@"
	fi
}

# stream FROM TO ADDRESS: every byte is checked
stream()
{
	at "$2" tcpcheck recv "$3" 7100 $BYTES >/tmp/stream &
	stream_listener=$!
	wait_for 10 grep -q ready /tmp/stream &&
		at "$1" tcpcheck send "$3" 7100 $BYTES && wait $stream_listener
}

# What the third host's stack finds wrong, and what is retransmitted to it.
csum_errors()
{
	at "$1" cat /proc/net/snmp | awk '/^Tcp:/ && $2 ~ /^[0-9]/ {
		print $NF }'
}

# everywhere: streams each way, to root and to the third host, both IPs
everywhere()
{
	everywhere_was=$(csum_errors host)/$(csum_errors zone1)/$(csum_errors root)
	stream root zone1 $NET_GUEST && stream zone1 root $NET_ROOT &&
		stream host zone1 $NET_GUEST && stream zone1 host $HOST &&
		stream host zone1 fd77::2 && stream zone1 host fd77::3 &&
		[ "$(csum_errors host)/$(csum_errors zone1)/$(csum_errors root)" \
			= "$everywhere_was" ]
}

# with MASK: a guest comes without these features, works, and goes
with()
{
	guest_add 1 $NET_ADDR $NET_IRQ mask="$1" &&
		guest_enter 1 $NET_ADDR zone1 eth0 2 || return 1
	ip neigh flush dev br0
	ip -n host neigh flush dev host1
	wait_for 10 ping -q -c 1 -W 1 $NET_GUEST && everywhere
	with_works=$?
	guest_gone
	return $with_works
}

guest_gone()
{
	ip netns del zone1
	echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
	wait_for 2 carrier_is tap0 0
}

# feature NAME VALUE: root's interface shows it; for wait_for
feature()
{
	ethtool -k tap0 | grep -q "^[[:space:]]*$1: $2"
}

# switched OPTION...: the guest switches its offloads, and all goes on
switched()
{
	in_guest ethtool -K eth0 "$@" >/dev/null && everywhere
}

vlan_up()
{
	ip -n "$1" link add link "$2" name "$2.5" type vlan id 5
	ip -n "$1" addr add "10.78.0.$3/24" dev "$2.5"
	ip -n "$1" link set "$2.5" up
}

vlan()
{
	vlan_up zone1 eth0 2 && vlan_up host host1 3 &&
		wait_for 5 in_guest ping -q -c 1 -W 1 10.78.0.3 &&
		stream zone1 host 10.78.0.3 && stream host zone1 10.78.0.2
}

# A frame of the largest size, and streams of such
jumbo()
{
	ip link set tap0 mtu 65535 && ip link set host0 mtu 65535 &&
		ip -n host link set host1 mtu 65535 &&
		in_guest ip link set eth0 mtu 65535 &&
		ping -q -c 3 -s 65507 -M 'do' $NET_GUEST >/dev/null &&
		in_guest ping -q -c 3 -s 65507 -M 'do' $HOST >/dev/null &&
		everywhere
}

CSUM=$(bits 0 11 12 13 56) TSO=$(bits 11 12 13 56) ECN=$(bits 9 13)
TSO6=$(bits 8 12) GUEST_CSUM=$(bits 1 7 8 9 54 55) GUEST_TSO=$(bits 7 8 9 54 55)
MRG_RXBUF=$(bits 15) CTRL_OFFLOADS=$(bits 2)

ktap_plan 19
load_modules || ktap_abort "modules do not load"
modprobe 8021q
zone_add 1 && device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 \
	mtu=65535 && ip link set tap0 mtu 1500 || ktap_abort "no device"
br_up && br_join tap0 && ip link set br0 mtu 1500 && host_up
ktap_check "no offload when transmitting" with "$CSUM"
ktap_check "checksums only when transmitting" with "$TSO"
ktap_check "no ECN" with "$ECN"
ktap_check "IPv4 only" with "$TSO6"
ktap_check "no offload when receiving" with "$GUEST_CSUM"
ktap_check "checksums only when receiving" with "$GUEST_TSO"
ktap_check "no offloads at all" with $((CSUM | GUEST_CSUM))
ktap_check "large buffers" with "$MRG_RXBUF"
ktap_check "offloads that cannot be switched" with "$CTRL_OFFLOADS"

guest_add 1 $NET_ADDR $NET_IRQ && guest_enter 1 $NET_ADDR zone1 eth0 2
in_guest ip link set eth0 mtu 1500
wait_for 10 ping -q -c 1 -W 1 $NET_GUEST
ktap_check "all offloads" everywhere
ktap_check "root's interface says so" wait_for 5 feature \
	tx-tcp6-segmentation on
ktap_check "the guest transmits without TSO" switched tso off
ktap_check "the guest transmits without any" switched tx off sg off gso off
ktap_check "and with all of them again" switched tx on sg on tso on gso on
ktap_check "root without" eval "ethtool -K tap0 tso off tx off >/dev/null &&
	everywhere && ethtool -K tap0 tso on tx on >/dev/null"
ktap_check "a VLAN" vlan
ktap_check "the largest MTU" jumbo
guest_gone
ktap_equal "nothing was dropped" 0 "$(drops)"
ip netns del host
ip link del br0
device_del 1 $NET_ADDR
zone_del 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
