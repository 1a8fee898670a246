#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The module is unloaded and loaded 200 times while the hypervisor and its
# guests' traffic stay: refused as long as a guest drives a device, without
# leaks, and always with the page that the hypervisor has.
#
# rig: smp=2 icount timeout=400
. ./lib.sh
. ./netlib.sh
. ./leaklib.sh

# up: everything but the modules, in as few processes as can be
up()
{
	echo "$zone" >$BUS/new_zone &&
		echo "zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0" \
			>$BUS/new_device &&
		echo "zone=1 addr=$NET_ADDR irq=$NET_IRQ cpu=$((RIG_SMP - 1))" \
			>$SIM/new_guest || return 1
	for net in /sys/bus/virtio/devices/virtio*/net/*; do
		ip -batch - <<-EOF
		link set tap0 master br0 up
		link set ${net##*/} netns zone1 name eth0 up
		EOF
	done
}

# Zones and devices go with the module, guests go first. That frames crossed is
# seen by the guest's NIC, whose kernel greets the network.
reload()
{
	reload_n=0
	while [ $reload_n -lt "$1" ]; do
		echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
		rmmod hvisor_vnet || return 1
		insmod "$module" || return 1
		up || return 1
		reload_n=$((reload_n + 1))
	done
}

refuses_to_go()
{
	! rmmod hvisor_vnet 2>/dev/null && [ -d /sys/module/hvisor_vnet ] &&
		flood 100 $NET_GUEST
}

module=$(find /lib/modules -name hvisor_vnet.ko)
zone="id=1 $(linux_ram)"

ktap_plan 11
load_modules || ktap_abort "modules do not load"
modprobe virtio_net
br_up
ip netns add zone1
up || ktap_abort "no network"
ktap_check "frames cross" works
ktap_check "unloading is refused while a guest drives a device" refuses_to_go
guest_unbind 1 $NET_ADDR
ktap_equal "nobody uses the module without a driver" 0 \
	"$(refcount hvisor_vnet)"
guest_bind 1 $NET_ADDR
wait_for 2 carrier_is tap0 1
device_del 1 $NET_ADDR
ktap_equal "nor when the device has been removed" 0 "$(refcount hvisor_vnet)"
ktap_check "unloading is possible then, with a guest alive" rmmod hvisor_vnet
insmod "$module" && up 2>/dev/null
echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
echo "zone=1 addr=$NET_ADDR irq=$NET_IRQ cpu=$((RIG_SMP - 1))" >$SIM/new_guest

ping -q -i 0.002 $NET_GUEST >/dev/null 2>&1 &
traffic=$!
ktap_cycles "the module goes and comes" reload
kill $traffic
wait $traffic 2>/dev/null
ktap_check "frames cross" works
ktap_equal "the hypervisor was given one page only" 1 "$(sim_counter pages)"
ktap_check "the simulator saw nothing wrong" sim_healthy
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
