#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run inside the VM after each test: takes away what a test may have left, so
# that the next one starts as if freshly booted.  Fails when that is not
# possible: the runner then boots again.
for ns in $(ip netns list | cut -d' ' -f1); do
	ip netns del "$ns"
done
for link in $(ip -o link show type bridge | cut -d: -f2); do
	ip link del "$link"
done
for module in hvisor_sim hvisor_vnet; do
	[ -d /sys/module/$module ] || continue
	if [ -e "/sys/bus/$module/del_zone" ]; then
		for zone in "/sys/bus/$module/devices"/zone*; do
			[ -e "$zone" ] || continue
			echo "zone=${zone##*zone}" >"/sys/bus/$module/del_zone"
		done
	fi
	rmmod $module || exit 1
done 2>/dev/null
exit 0
