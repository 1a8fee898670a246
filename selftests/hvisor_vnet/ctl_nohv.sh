#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Without a hypervisor the module loads, says so once, and waits; when one
# arrives it attaches, and when it goes its zones go with it.
#
# rig: smp=2 icount timeout=100
. ./lib.sh
. ./netlib.sh
. ./ctllib.sh

# said TEXT: how often the kernel's log has it, tests' own output aside
said()
{
	dmesg | grep -v 'rig| ' | grep -cF "hvisor_vnet: $1"
}

hypervisor_is()
{
	[ "$(cat $BUS/hypervisor)" = "$1" ]
}

nothing_left()
{
	[ -z "$(ls $BUS/devices)" ] && [ ! -e /sys/class/net/tap0 ]
}

WAITS="no hypervisor yet: waiting for a device tree node compatible with \"hvisor\""

ktap_plan 12
waited=$(said "$WAITS")
ktap_check "the module loads without a hypervisor" modprobe hvisor_vnet
ktap_equal "it says so once" $((waited + 1)) "$(said "$WAITS")"
ktap_check "and shows it" hypervisor_is none
ktap_check "no zone can be made" refused new_zone "$ENODEV" \
	"there is no hypervisor" "id=1 $(linux_ram)"
ktap_check "nor the page given" refused reattach "$ENODEV" \
	"there is no hypervisor" 1
modprobe hvisor_sim || ktap_abort "the simulator does not load"
ktap_check "the hypervisor arrives" hypervisor_is sim
ktap_check "and a guest's frames cross" net_up
ip netns del zone1
ktap_check "the hypervisor goes, with a guest alive" rmmod hvisor_sim
ktap_check "it is missed" hypervisor_is none
ktap_check "its zones and devices are gone" nothing_left
ip link del br0
ktap_check "it returns, and frames cross again" \
	eval "modprobe hvisor_sim && net_up"
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
