#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Several guest NICs at once: two of zone 1 that share one virtio region, so
# that the second one's notifications wait for an answer, and one of zone 2;
# zones talk to each other through the bridge.
#
# rig: smp=2 icount timeout=100
. ./lib.sh
. ./netlib.sh

SECOND=0xa003800	# in the region of the first
REGION=0xa003600,0x400

# flood_between NAMESPACE ADDRESS
flood_between()
{
	flood_by "ip netns exec $1" 500 "$2"
}

# All at once, each pair both ways.
flood_all()
{
	pids=
	for pair in zone1:10.77.0.3 zone1b:10.77.0.4 zone2:10.77.0.2; do
		flood_between "${pair%:*}" "${pair#*:}" &
		pids="$pids $!"
	done
	flood_all_right=true
	for pid in $pids; do
		wait "$pid" || flood_all_right=false
	done
	$flood_all_right
}

# A zone's stream to another, checked byte by byte.
tcp_between()
{
	ip netns exec zone2 tcpcheck recv 10.77.0.4 7000 2000000 >/tmp/tcpcheck &
	listener=$!
	wait_for 5 grep -q ready /tmp/tcpcheck &&
		ip netns exec zone1b tcpcheck send 10.77.0.4 7000 2000000 &&
		wait $listener
}

# Of a flood that takes 200.  The other NICs' drivers may each have a word of IPv6
# to say meanwhile.
posted_hardly()
{
	[ $(($(sim_counter posted) - $1)) -lt 20 ]
}

ktap_plan 13
load_modules || ktap_abort "modules do not load"
br_up
ktap_check "two zones" eval "zone_add 1 && zone_add 2"
ktap_check "two devices of one zone, one of the other" eval \
	"device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 &&
	 device_add zone=1 addr=$SECOND irq=76 name=tap1 &&
	 device_add zone=2 addr=$NET_ADDR irq=$NET_IRQ name=tap2"
br_join tap0 && br_join tap1 && br_join tap2
ktap_check "three guest drivers" eval \
	"guest_add 1 $NET_ADDR $NET_IRQ region=$REGION &&
	 guest_add 1 $SECOND 76 region=$REGION &&
	 guest_add 2 $NET_ADDR $NET_IRQ"
guest_enter 1 $NET_ADDR zone1 eth0 2
guest_enter 1 $SECOND zone1b eth0 3
guest_enter 2 $NET_ADDR zone2 eth0 4
ktap_check "zone 1 to root" flood 200 10.77.0.2
posted=$(sim_counter posted)
ktap_check "its second NIC to root" flood 200 10.77.0.3
ktap_check "whose notifications are answered" posted_hardly "$posted"
ktap_check "zone 2 to root" flood 200 10.77.0.4
ktap_check "zone 1 to zone 2" flood_between zone1 10.77.0.4
ktap_check "all at once" flood_all
ktap_check "TCP from zone 1's second NIC to zone 2" tcp_between
ktap_check "the simulator saw nothing wrong" sim_healthy
for ns in zone1 zone1b zone2; do
	ip netns del $ns
done
echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
device_del 1 $NET_ADDR
ktap_check "the second NIC outlives the first" eval \
	"guest_enter 1 $SECOND zone1b eth0 3 &&
	 wait_for 5 ping -q -c 1 -W 1 10.77.0.3"
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
