#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run inside the VM after each test: takes away what a test may have left, so
# that the next one starts as if freshly booted.  Fails when that is not
# possible: the runner then boots again.
bus=/sys/bus/hvisor_vnet
sim=/sys/kernel/hvisor_sim

for ns in $(ip netns list | cut -d' ' -f1); do
	ip netns del "$ns"
done
for link in $(ip -o link show type bridge | cut -d: -f2); do
	ip link del "$link"
done
for link in $(ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\).*/\1/p'); do
	[ ! -e "/sys/class/net/$link/tun_flags" ] || ip link del "$link"
done
while umount /dev/hvisor; do :; done 2>/dev/null
if [ -e $sim/guests ]; then
	while read -r guest; do
		echo "${guest%% irq=*}" >$sim/del_guest
	done <$sim/guests
fi
if [ -d $bus/devices ]; then
	for dev in "$bus"/devices/zone*-*; do
		[ -e "$dev" ] && echo "${dev##*/}" >$bus/del_device
	done
	for zone in "$bus"/devices/zone*; do
		[ -e "$zone" ] && echo "id=${zone##*zone}" >$bus/del_zone
	done
fi
# It holds the module that the node belongs to.
[ -e $bus/backend ] && echo >$bus/backend
for module in hvbench hvisor_sim hvisor_vnet el2ctl; do
	if [ -d /sys/module/$module ]; then
		rmmod $module || exit 1
	fi
done
exit 0
