#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The first frame, and many small ones: carrier follows the guest's driver, ping
# goes both ways at every size up to the MTU and beyond, over IPv4 and IPv6, and
# a flood of 10 000 loses none.
#
# rig: smp=2 icount timeout=120
. ./lib.sh
. ./netlib.sh

SIZES="0 1 15 16 17 18 19 46 100 255 512 1000 1458 1471 1472"

ping_sizes()
{
	for size in $SIZES 1473 8000; do
		ping -q -c 2 -i 0.01 -W 2 -s "$size" $NET_GUEST >/dev/null || {
			ktap_diag "size $size from root"
			return 1
		}
		in_guest ping -q -c 2 -i 0.01 -W 2 -s "$size" $NET_ROOT \
			>/dev/null || {
			ktap_diag "size $size from the guest"
			return 1
		}
	done
	in_guest ping -q -c 1 -W 2 -M "do" -s 1472 $NET_ROOT >/dev/null
}

ping_six()
{
	ping -6 -q -c 3 -i 0.01 -W 2 fd77::2 >/dev/null &&
		in_guest ping -6 -q -c 3 -i 0.01 -W 2 -s 1452 fd77::1 >/dev/null
}

ktap_plan 11
load_modules || ktap_abort "modules do not load"
zone_add 1 && device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 ||
	ktap_abort "no device"
br_up && br_join tap0
ktap_equal "no carrier before the guest's driver" 0 "$(carrier tap0)"
guest_add 1 $NET_ADDR $NET_IRQ || ktap_abort "no guest"
ktap_check "carrier with DRIVER_OK" wait_for 2 carrier_is tap0 1
guest_enter 1 $NET_ADDR zone1 eth0 2
ktap_check "the first frame crosses" wait_for 10 ping -c 1 -W 1 $NET_GUEST
ktap_check "every size, both ways" ping_sizes
ktap_check "IPv6, both ways" ping_six
PINGS=$(scaled 10000)
ktap_check "$PINGS pings from root, none lost" flood "$PINGS" $NET_GUEST
PINGS=$(scaled 1000)
ktap_check "$PINGS pings from the guest, none lost" \
	flood_from_guest "$PINGS" $NET_ROOT -s 1000
ktap_equal "nothing was dropped" 0 "$(drops)"
ktap_check "the simulator saw nothing wrong" sim_healthy
report
guest_unbind 1 $NET_ADDR
ktap_check "no carrier without the driver" wait_for 2 carrier_is tap0 0
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
