#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Where interrupts are threads hvisor-tool's module has the wake interrupt as one.
# Most kernels do not let us share it then: that is said in words, and hvisor is
# not given a page.  Newer ones know that the GIC needs no care, and we share it.
# el2ctl.ko requests the interrupt as that module does.
#
# rig: el2stub node append="threadirqs"
# Functions are called through ktap_check, which shellcheck does not see.
# shellcheck disable=SC2317
. ./lib.sh

refused_in_words()
{
	! echo 1 >"$BUS/reattach" 2>/dev/null &&
		dmesg | grep -q 'hvisor.ko does not share the wake interrupt'
}

shares()
{
	grep -q ' el2ctl, hvisor_vnet$' /proc/interrupts
}

inits()
{
	awk '$1 == "inits" { print $2 }' /sys/kernel/el2ctl/state
}

ktap_plan 4
modprobe el2ctl || ktap_abort "el2ctl does not load"
modprobe hvisor_vnet || ktap_abort "the module does not load"
if shares; then
	ktap_equal "it is attached" hvc "$(cat "$BUS/hypervisor")"
	ktap_skip "the log has the reason" "this kernel lets them share"
	ktap_equal "hvisor was given a page" 1 "$(inits)"
else
	ktap_equal "it is not attached" none "$(cat "$BUS/hypervisor")"
	ktap_check "the log has the reason" refused_in_words
	ktap_equal "hvisor was given no page" 0 "$(inits)"
fi
rmmod hvisor_vnet el2ctl
modprobe hvisor_vnet || ktap_abort "the module does not load again"
ktap_equal "alone it is attached" hvc "$(cat "$BUS/hypervisor")"
ktap_finish
