#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Without the hypervisor's node in the device tree no hypercall is issued,
# whatever the administrator asks for: on most machines it would be an undefined
# instruction.  The tiny EL2 (selftests/vm/el2stub.S) counts them.
#
# rig: el2stub
# Functions are called through ktap_check, which shellcheck does not see.
# shellcheck disable=SC2086,SC2317
. ./lib.sh

CTL=/sys/kernel/el2ctl

# calls: made with hvisor's immediate so far, but for those that read this
calls()
{
	awk '/^(inits|finishes|unknown|refused|wakes) / { n += $2 }
		END { print n + 0 }' $CTL/state
}

refused()
{
	! "$@" 2>/dev/null
}

ktap_plan 7
modprobe el2ctl || ktap_abort "el2ctl does not load"
ktap_check "the module loads and waits" modprobe hvisor_vnet
ktap_equal "there is no hypervisor" none "$(cat $BUS/hypervisor)"
ktap_check "no zone can be made" \
	refused zone_add 1 "ram=$RAW_BASE,0x50000000,0x100000"
ktap_check "nothing can be attached again" refused eval "echo 1 >$BUS/reattach"
ktap_check "the module can go" rmmod hvisor_vnet
ktap_equal "no hypercall was made" 0 "$(calls)"
echo "0x99 0" >$CTL/hypercall
ktap_equal "one would have been counted" 1 "$(calls)"
ktap_finish
