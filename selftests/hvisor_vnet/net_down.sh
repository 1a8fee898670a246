#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Links that go down and peers that go away: the root side's interface, the
# bridge, the guest's interface, the guest's driver.  What is in between is
# told, what is sent meanwhile is dropped and counted or waits, nobody hangs,
# and everything works again afterwards.
#
# rig: smp=2 icount timeout=150
. ./lib.sh
. ./netlib.sh

VIRTIO_NET_F_STATUS=0x10000

# neighbours: both know each other, so that datagrams leave whoever is listening
neighbours()
{
	ip neigh replace $NET_GUEST dev br0 nud permanent \
		lladdr "$(in_guest cat /sys/class/net/eth0/address)"
	in_guest ip neigh replace $NET_ROOT dev eth0 nud permanent \
		lladdr "$(cat /sys/class/net/br0/address)"
}

works()
{
	wait_for 5 ping -q -c 1 -W 1 $NET_GUEST && flood 50 $NET_GUEST &&
		flood_from_guest 50 $NET_ROOT
}

fails()
{
	! ping -q -c 2 -i 0.1 -W 1 $NET_GUEST >/dev/null
}

# More frames than the ring holds, into nowhere: each is taken and counted.
guest_sends_into_nothing()
{
	before=$(counter 1 $NET_ADDR drop_tx_down)
	timeout 20 ip netns exec zone1 udpblast send $NET_ROOT 9 1000 100 ||
		return 1
	wait_for 5 dropped_since "$before" 1000
}

dropped_since()
{
	[ $(($(counter 1 $NET_ADDR drop_tx_down) - $1)) -ge "$2" ]
}

# A sender of root's that never stops by itself; nor waits for answers.
start_sender()
{
	ping -q -i 0.001 $NET_GUEST >/dev/null 2>&1 &
	sender=$!
}

stop_sender()
{
	kill -KILL $sender
	wait $sender 2>/dev/null
	true
}

sent_since()
{
	[ "$(counter 1 $NET_ADDR rx_frames)" -gt "$1" ]
}

ktap_plan 23
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
neighbours
ktap_diag "root's interface"
ip link set tap0 down
ktap_check "the guest sees its link go down" \
	wait_for 2 guest_carrier_is eth0 0
ktap_check "nothing crosses" fails
ip link set tap0 up
ktap_check "the guest sees its link return" wait_for 2 guest_carrier_is eth0 1
ktap_check "frames cross again" works

ktap_diag "the bridge"
ip link set br0 down
ktap_check "nothing crosses" fails
ktap_equal "the guest's link is not the bridge" 1 "$(guest_carrier eth0)"
ip link set br0 up
ip addr add fd77::1/64 dev br0 nodad 2>/dev/null
neighbours
ktap_check "frames cross again" works

ktap_diag "the guest's interface, while root sends"
start_sender
wait_for 5 sent_since 500 || ktap_abort "nothing is sent"
in_guest ip link set eth0 down
sleep 0.5
ktap_check "root's other traffic is not held up" ping -q -c 1 -W 1 $NET_ROOT
in_guest ip link set eth0 up
neighbours
sent=$(counter 1 $NET_ADDR rx_frames)
ktap_check "sending goes on" wait_for 5 sent_since "$sent"
stop_sender
ktap_check "frames cross again" works

ktap_diag "the guest's driver, while root sends"
start_sender
sent=$(counter 1 $NET_ADDR rx_frames)
wait_for 5 sent_since "$sent" || ktap_abort "nothing is sent"
guest_unbind 1 $NET_ADDR
ktap_check "root sees the carrier go" wait_for 2 carrier_is tap0 0
# The bus has found the device (ACKNOWLEDGE), but no driver.
ktap_equal "nobody drives the device" 0x1 \
	"$(cat "$(device_dir 1 $NET_ADDR)/status")"
sleep 0.2
guest_bind 1 $NET_ADDR
ktap_check "and return" wait_for 2 carrier_is tap0 1
guest_enter 1 $NET_ADDR zone1 eth0 2
neighbours
sent=$(counter 1 $NET_ADDR rx_frames)
ktap_check "sending goes on" wait_for 5 sent_since "$sent"
stop_sender
ktap_check "frames cross again" works

ktap_diag "root's interface, and a guest that cannot be told"
ip netns del zone1
echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
ktap_check "a guest without link status" \
	guest_add 1 $NET_ADDR $NET_IRQ mask=$VIRTIO_NET_F_STATUS
guest_enter 1 $NET_ADDR zone1 eth0 2
neighbours
ktap_check "frames cross" works
ip link set tap0 down
ktap_equal "it has its link still" 1 "$(guest_carrier eth0)"
ktap_check "what it sends is dropped and counted" guest_sends_into_nothing
ip link set tap0 up
neighbours
ktap_check "frames cross again" works
ktap_check "the simulator saw nothing wrong" sim_healthy
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_check "no bridge, no namespace is left" \
	[ ! -e /sys/class/net/br0 -a ! -e /run/netns/zone1 ]
ktap_finish
