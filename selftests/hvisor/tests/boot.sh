#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=300
# Zone 1 boots with its NIC in the module, and disk and console with the
# unmodified daemon; and all of it goes away again.
. ./hvlib.sh

# What zone 1 wrote into the second block of its disk.
disk_says()
{
	dd if=$DISK bs=512 skip=1 count=1 2>/dev/null | head -n 1
}

# hvisor panics, and all ends, if it is (C1).
cpu_stays()
{
	! echo 0 >/sys/devices/system/cpu/cpu1/online &&
		dmesg | grep -q "hvisor_vnet: CPU 1 stays online"
} 2>/dev/null

ktap_plan 10
ktap_check "module, devices and daemon start" root_start ||
	ktap_abort "nothing to test"
ktap_check "zone 1 starts and answers a ping" zone_up
ktap_check "its console works" wait_for 10 zone_said "zone 1: up"
ktap_check "it reads its disk" zone_said "the disk says hello"
ktap_equal "and writes it" "zone 1 was here" "$(disk_says)"
ktap_check "its NIC is the module's" [ "$(zone_counter tx_frames)" -gt 0 ]
ktap_diag "$(grep -o 'zone 1: [0-9].*[a-z]' $CONSOLE)"
ktap_check "a CPU of root's cannot be taken offline" cpu_stays
ktap_check "it shuts down" zone_stop
ktap_check "and is gone" [ "$(zone_running && echo yes)" = "" ]
ktap_check "daemon, devices and module stop" root_stop
ktap_finish
