#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# TCP both ways at once for 60 seconds without a stall, and what arrives is what
# was sent.  Every register access is answered, and soon: how soon is judged in
# virtual time by net_latency.sh; here, by the clock of a machine that others
# share, it is only bounded.
#
# rig: smp=2 timeout=200
. ./lib.sh
. ./netlib.sh

SECONDS_EACH=$((14 + $(scaled 46)))
BOUND_NS=2000000000
BYTES=$(scaled 16000003)

# Every line of an interval moved something; the last line is the sum.
no_stall()
{
	awk -v least="$((SECONDS_EACH / 6))" '/^\[/ && /sec/ && !/sender|receiver/ {
		n++
		if ($0 ~ / 0\.00 (Bytes|bits)/)
			print "# stalled: " $0
	} END { exit n < least }' /tmp/iperf >/tmp/stalls || return 1
	cat /tmp/stalls
	[ ! -s /tmp/stalls ]
}

ktap_plan 8
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
ktap_check "what root sends arrives unchanged" tcp_to_guest $BYTES
ktap_check "what the guest sends arrives unchanged" tcp_to_root $BYTES

iperf3 -s -1 -D >/dev/null
wait_for 5 sh -c "ss -Htln | grep -q :5201" || ktap_abort "no iperf3 server"
sim_reset
in_guest iperf3 -c $NET_ROOT -t $SECONDS_EACH -i 5 --bidir >/tmp/iperf 2>&1
ktap_equal "TCP both ways for $SECONDS_EACH s ends well" 0 $?
sed -n '/sender\|receiver/s/^/# /p' /tmp/iperf
# So slow that an interval is less than what the socket holds shows no stall.
ktap_check_timed "neither direction ever stands still" no_stall
ktap_check "no register access waits for ever" \
	[ "$(latency_ns max)" -lt $BOUND_NS ]
ktap_check "the simulator saw nothing wrong" sim_healthy
ktap_equal "nothing was dropped" 0 "$(drops)"
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
