#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How long a guest's register access takes, in virtual time: with root idle, with
# root's CPU 0 half busy in softirqs, and with TCP both ways at once.  None may
# wait for a softirq to end.
#
# rig: smp=2 icount=must timeout=200
. ./lib.sh
. ./netlib.sh

READS=5000
PAUSE_US=100
TCP_SECONDS=1
# Softirqs of TCP may take a tick of 4 ms; the emulator's slices, some 100 us,
# and rarely a tick as well.
TCP_BOUND_NS=1000000

# latencies: of READS accesses; sets p50, p99, p999 and max, in ns
latencies()
{
	sim_reset
	regread 1 $NET_ADDR $READS $PAUSE_US 1 || return 1
	p50=$(latency_ns p50) p99=$(latency_ns p99)
	p999=$(latency_ns p999) max=$(latency_ns max)
	ktap_diag "$1: p50 $p50, p99 $p99, p99.9 $p999, max $max ns"
	[ "$(sed -n 's/^count //p' $SIM/latency)" -ge $READS ]
}

tcp_both_ways()
{
	iperf3 -s -1 -D >/dev/null
	wait_for 5 sh -c "ss -Htln | grep -q :5201" || return 1
	sim_reset
	in_guest iperf3 -c $NET_ROOT -t $TCP_SECONDS --bidir >/tmp/iperf 2>&1 ||
		return 1
	sed -n '/receiver/s/^/# /p' /tmp/iperf
	ktap_diag "under TCP: p50 $(latency_ns p50), p99 $(latency_ns p99)," \
		"p99.9 $(latency_ns p999), max $(latency_ns max) ns"
}

[ "$RIG_ICOUNT" = 1 ] || ktap_skip_all "needs virtual time"
[ "$RIG_SMP" -ge 2 ] || ktap_skip_all "needs two CPUs"
ktap_plan 8
load_modules || ktap_abort "modules do not load"
zone_add 1 && device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 ||
	ktap_abort "no device"
ktap_check "registers are read with root idle" latencies idle
idle=$p999
modprobe softirq_load cpu=0 percent=50 || ktap_abort "no load"
begin=$(now_ms)
ktap_check "and with CPU 0 half busy in softirqs" latencies busy
burnt_ms=$(($(cat /sys/module/softirq_load/parameters/burnt_us) / 1000))
took_ms=$(($(now_ms) - begin))
ktap_check_timed "which it was: $burnt_ms of $took_ms ms" \
	[ $((burnt_ms * 100)) -ge $((took_ms * 35)) ]
rmmod softirq_load
ktap_check_timed "p99.9 is not twice as long then" [ "$p999" -le $((2 * idle)) ]
device_del 1 $NET_ADDR
zone_del 1

net_up || ktap_abort "no network"
ktap_check "TCP both ways at once" tcp_both_ways
ktap_check_timed "no register access waits for its softirqs" \
	[ "$(latency_ns p999)" -lt $TCP_BOUND_NS ]
ktap_check "the simulator saw nothing wrong" sim_healthy
report
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
