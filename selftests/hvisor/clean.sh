#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run in root Linux after each test: takes away what it may have left, in an
# order in which each is still answered for.  Fails when that is not possible:
# the runner then boots again.
. /tests/hvlib.sh

for ns in $(ip netns list | cut -d' ' -f1); do
	ip netns del "$ns"
done
zone_running && { zone_stop || exit 1; }
root_stop >/dev/null
[ ! -d /sys/module/hvisor_vnet ] || rmmod hvisor_vnet || exit 1
[ ! -d /sys/module/hvisor ] || rmmod hvisor || exit 1
exit 0
