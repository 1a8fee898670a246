#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A hypervisor gone mad: requests of a width, or of a vCPU, that does not exist,
# and an index of requests that points nowhere.  Each is counted as malformed and
# has no effect; who can be answered is; when sense returns, all goes on.
#
# rig: el2stub node
# Functions are called through ktap_check, which shellcheck does not see.
# shellcheck disable=SC2015,SC2086,SC2317
. ./lib.sh

CTL=/sys/kernel/el2ctl

# access SIZE NEED_INTERRUPT [CPU]: a read by zone 1 where there is no device
access()
{
	env echo "1 0xdead000 $1 0x5a5a 0 $2 ${3-3}" >$CTL/request
}

answers()
{
	cut -d' ' -f1 $CTL/answer
}

malformed_is()
{
	[ "$(page_counter malformed)" = "$1" ]
}

malformed_above()
{
	[ "$(page_counter malformed)" -gt "$1" ]
}

# bad_width SIZE: answered 0, and nobody is asked what is at that address
bad_width()
{
	width_malformed=$(page_counter malformed)
	width_unknown=$(page_counter unknown)
	access "$1" 0 && [ "$(cut -d' ' -f2 $CTL/answer)" = 0x0 ] &&
		[ "$(page_counter malformed)" = $((width_malformed + 1)) ] &&
		[ "$(page_counter unknown)" = "$width_unknown" ]
}

bad_width_posted()
{
	width_malformed=$(page_counter malformed)
	width_answers=$(answers)
	access 3 1 && wait_for 5 malformed_is $((width_malformed + 1)) &&
		[ "$(answers)" = "$width_answers" ]
}

# bad_cpu CPU: there is no slot that it could be answered in
bad_cpu()
{
	cpu_malformed=$(page_counter malformed)
	cpu_unknown=$(page_counter unknown)
	! access 4 0 "$1" 2>/dev/null &&
		[ "$(page_counter malformed)" = $((cpu_malformed + 1)) ] &&
		[ "$(page_counter unknown)" = "$cpu_unknown" ]
}

# bad_rear INDEX: nothing is served, and the machine goes on
bad_rear()
{
	rear_malformed=$(page_counter malformed)
	rear_requests=$(page_counter requests)
	echo "$1" >$CTL/rear
	wait_for 5 malformed_above "$rear_malformed" &&
		[ "$(page_counter requests)" = "$rear_requests" ]
}

ktap_plan 12
modprobe hvisor_vnet && modprobe el2ctl || ktap_abort "modules do not load"
ktap_check "a request is served" access 4 0
for width in 0 3 5 16 0x100000001; do
	ktap_check "a width of $width bytes" bad_width $width
done
ktap_check "a width of 3 bytes for which nobody waits" bad_width_posted
ktap_check "a vCPU one too high" bad_cpu 32
ktap_check "a vCPU as high as can be" bad_cpu -1
rear=$(cat $CTL/rear)
ktap_check "an index one too high" bad_rear 32
ktap_check "an index as high as can be" bad_rear 0xffffffff
echo "$rear" >$CTL/rear
ktap_check "with a good index requests are served again" access 4 0
ktap_finish
