#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A device tree that promises hvisor, on firmware that is not hvisor's: the call is
# made, and refused by firmware that knows no such extension, in words that root can
# read.  The module stays without a hypervisor, and can go.
#
# rig: smp=2 node timeout=100
# Functions are called through ktap_check, which shellcheck does not see.
# shellcheck disable=SC2086,SC2317
. ./lib.sh

refused()
{
	! "$@" 2>/dev/null
}

[ "$RIG_ARCH" = riscv64 ] || ktap_skip_all "a call of the SBI is riscv64's"

ktap_plan 5
ktap_check "the module loads" modprobe hvisor_vnet
ktap_check "the log says that the call was refused" eval \
	'dmesg | grep -q "hvisor did not take the shared page (hvc, error -19)"'
ktap_equal "there is no hypervisor" none "$(cat $BUS/hypervisor)"
ktap_check "no zone can be made" \
	refused zone_add 1 "ram=$RAW_BASE,0x50000000,0x100000"
ktap_check "the module can go" rmmod hvisor_vnet
ktap_finish
