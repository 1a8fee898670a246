#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 200 times the guest's driver goes and comes, and 200 times the device, each
# with traffic flowing: no hang, no leak, and frames cross afterwards.
#
# rig: smp=2 icount timeout=400
. ./lib.sh
. ./netlib.sh
. ./leaklib.sh

# Nothing is started that need not be: under emulation processes are dear.
rebind()
{
	rebind_n=0
	while [ $rebind_n -lt "$1" ]; do
		echo "$virtio" >/sys/bus/virtio/drivers/virtio_net/unbind ||
			return 1
		echo "$virtio" >/sys/bus/virtio/drivers/virtio_net/bind ||
			return 1
		enter
		rebind_n=$((rebind_n + 1))
	done
}

# The new NIC into the namespace and up: its kernel sends at once, and root has
# frames for it.
enter()
{
	for enter_net in "/sys/bus/virtio/devices/$virtio/net/"*; do
		ip link set "${enter_net##*/}" netns zone1 name eth0 up
	done
}

# Root's side likewise; the device goes before its guest in every second cycle. No
# control queue then: from 6.12 on Linux's driver gives orders while it goes, and
# waits for the answers for ever, here with a lock of ours.
replace()
{
	replace_n=0
	while [ $replace_n -lt "$1" ]; do
		if [ $((replace_n % 2)) = 1 ]; then
			echo "zone1-${NET_ADDR#0x}" >$BUS/del_device &&
				echo "$guest" >$SIM/del_guest || return 1
		else
			echo "$guest" >$SIM/del_guest &&
				echo "zone1-${NET_ADDR#0x}" >$BUS/del_device ||
				return 1
		fi
		echo "$device" >$BUS/new_device &&
			echo "$guest irq=$NET_IRQ cpu=$((RIG_SMP - 1))" \
				"mask=$NET_CONTROL" >$SIM/new_guest || return 1
		ip link set tap0 master br0 up
		virtio=$(guest_virtio 1 $NET_ADDR)
		enter
		replace_n=$((replace_n + 1))
	done
}

# Frames for the guest, whether it is there or not.
start_traffic()
{
	ip neigh replace $NET_GUEST dev br0 nud permanent lladdr $MAC
	ping -q -i 0.005 $NET_GUEST >/dev/null 2>&1 &
	traffic=$!
}

stop_traffic()
{
	kill $traffic
	wait $traffic 2>/dev/null
}

MAC=02:00:00:77:00:02
guest="zone=1 addr=$NET_ADDR"
device="zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 mac=$MAC"

ktap_plan 10
load_modules || ktap_abort "modules do not load"
zone_add 1 && echo "$device" >$BUS/new_device &&
	guest_add 1 $NET_ADDR $NET_IRQ || ktap_abort "no device"
br_up && br_join tap0
ip netns add zone1
ip -n zone1 link set lo up
virtio=$(guest_virtio 1 $NET_ADDR)
enter
references=$(refcount hvisor_vnet)
start_traffic

ktap_cycles "the driver goes and comes" rebind
ktap_equal "the module is used as often as before" "$references" \
	"$(refcount hvisor_vnet)"
ktap_check "frames cross" works

ktap_cycles "the device goes and comes" replace
ktap_equal "the module is used as often as before" "$references" \
	"$(refcount hvisor_vnet)"
ktap_check "frames cross" works
stop_traffic
ktap_check "the simulator saw nothing wrong" sim_healthy
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
