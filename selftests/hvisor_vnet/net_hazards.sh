#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the hypervisor loses, each loss one time in ten, and all of them at once one
# time in a hundred and every other time, with traffic flowing: no ping is lost, TCP
# makes progress, and nobody waits longer than the retries take.  In virtual time,
# where the host's load counts for nothing.
#
# rig: smp=2 icount=must timeout=200
. ./lib.sh
. ./netlib.sh

BYTES=$(scaled 1000003)

# An interrupt swallowed four times in a row (the odds are one in 10 000) comes
# after 100 + 200 + 400 + 800 us; twice that, for a request and its reply.
RTT_BOUND_US=4000
# An event that is not handled waits for the next: a guest whose interrupts come
# late counts as slow, 2 ms and then 4, for each way.
RTT_LATE_BOUND_US=12000
# Of 50 % six times in a row, to a guest that may take 2 ms; no more often does the
# simulator do it.
RTT_HALF_BOUND_US=200000
# The late look comes 100 us after the wake-up that was lost. What is answered
# outside of the wake interrupt is seen only when the emulator turns to the
# guest's CPU again: mostly some 100 us later, at worst after a tick of 4 ms.
ACCESS_P999_NS=250000
ACCESS_BOUND_NS=5000000

set_hazard()
{
	echo "$2" >"/sys/module/hvisor_sim/parameters/$1"
}

# rtt_max_us: of the last flood
rtt_max_us()
{
	echo "$flood_said" | sed -n 's|^rtt .*= [^/]*/[^/]*/\([^/]*\)/.*|\1|p' |
		awk '{ printf "%d", $1 * 1000 }'
}

# survives PERCENT HAZARD...
survives()
{
	percent=$1
	shift
	rtt_bound=$RTT_BOUND_US
	case " $* " in *" e1 "*) rtt_bound=$RTT_LATE_BOUND_US ;; esac
	[ "$percent" -lt 50 ] || rtt_bound=$RTT_HALF_BOUND_US
	sim_reset
	for hazard; do
		set_hazard "$hazard" "$percent"
	done
	flood 1000 $NET_GUEST && rtt=$(rtt_max_us) &&
		flood_from_guest 1000 $NET_ROOT && back=$(rtt_max_us) &&
		tcp_to_guest $BYTES && tcp_to_root $BYTES
	survived=$?
	for hazard; do
		set_hazard "$hazard" 0
	done
	access=$(latency_ns max)
	ktap_diag "worst: ping $rtt and $back us, access $access ns"
	report
	for hazard; do
		[ "$(sim_counter "${hazard}_hits")" -gt 0 ] || {
			ktap_diag "$hazard never struck"
			return 1
		}
	done
	[ $survived = 0 ] && sim_healthy && { is_slow || in_time; }
}

in_time()
{
	[ "$rtt" -lt $rtt_bound ] &&
		[ "$back" -lt $rtt_bound ] &&
		[ "$(latency_ns p999)" -lt $ACCESS_P999_NS ] &&
		[ "$access" -lt $ACCESS_BOUND_NS ]
}

# Z3 strikes when a guest restarts its device.
survives_restarts()
{
	sim_reset
	set_hazard z3 100
	for _ in 1 2 3 4 5; do
		guest_unbind 1 $NET_ADDR && guest_bind 1 $NET_ADDR || return 1
	done
	set_hazard z3 0
	ktap_diag "z3 struck $(sim_counter z3_hits) times"
	guest_enter 1 $NET_ADDR zone1 eth0 2
	[ "$(sim_counter z3_hits)" -gt 0 ] &&
		wait_for 5 ping -q -c 1 -W 1 $NET_GUEST &&
		flood 200 $NET_GUEST && sim_healthy
}

ktap_plan 10
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
ktap_check "no hazard" survives 0
ktap_check "W1: a stale need_wakeup" survives 10 w1
ktap_check "W2: the wake interrupt is active for longer" survives 10 w2
ktap_check "I1: guest interrupts are swallowed" survives 10 i1
ktap_check "E1: one event for one SGI" survives 10 e1
ktap_check "all of them" survives 10 w1 w2 i1 e1
ktap_check "all of them, seldom" survives 1 w1 w2 i1 e1
ktap_check "all of them, every other time" survives 50 w1 w2 i1 e1
ktap_check "Z3: stale interrupts after a restart" survives_restarts
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
