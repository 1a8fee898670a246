#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Somebody else gives hvisor a page of its own while a guest is at work, as
# hvisor-tool's daemon does: the module notices that the guest is alive but no
# longer heard, says what happened and how to mend it, and the mending mends.
#
# rig: smp=2 icount timeout=100
. ./lib.sh
. ./netlib.sh
. ./ctllib.sh

hypervisor_is()
{
	[ "$(cat $BUS/hypervisor)" = "$1" ]
}

TAKEN="hvisor_vnet zone1-a003600: the guest is alive but hvisor no longer passes its requests on: another program (hvisor-tool's daemon?) has given hvisor a page of its own; stop it, then: echo 1 > /sys/bus/hvisor_vnet/reattach"

said_so()
{
	dmesg | grep -v 'rig| ' | grep -qF "$TAKEN"
}

# Frames both ways, though nobody hears them.
try_both_ways()
{
	ping -q -c 3 -i 0.2 -W 1 $NET_GUEST >/dev/null &
	in_guest ping -q -c 3 -i 0.2 -W 1 $NET_ROOT >/dev/null
	wait
	hypervisor_is "sim taken-over"
}

# Linux's driver spins for the answer of its control queue, and while it is not
# heard there is none; here that would be a CPU of ours. That the answer comes
# after the mending is seen by raw_ctrl.

ktap_plan 9
load_modules timeout_ms=20 || ktap_abort "modules do not load"
net_up mask="$NET_CONTROL" || ktap_abort "no network"
ktap_check "frames cross" flood 100 $NET_GUEST
ktap_check "attaching again while all is well does no harm" \
	eval "echo 1 >$BUS/reattach && flood 100 $NET_GUEST"
ktap_check "it is not taken for taken over" hypervisor_is sim
echo 1 >$SIM/steal
ktap_check "the take-over is noticed" wait_for 10 try_both_ways
ktap_check "and explained" said_so
ktap_check "the mending is accepted" eval "echo 1 >$BUS/reattach"
ktap_check "it is ours again" hypervisor_is sim
ktap_check "frames cross both ways again" \
	eval "wait_for 5 ping -c 1 -W 1 $NET_GUEST && flood 200 $NET_GUEST &&
		flood_from_guest 200 $NET_ROOT"
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
