#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# rig: smp=1 icount=must timeout=300
#
# The benchmark (Documentation/performance.rst) can be believed: in each column
# every frame that was sent arrives, in each row there is a number, and counting
# the same twice gives the same.
. ./lib.sh

[ "$RIG_ARCH" = arm64 ] ||
	ktap_skip_all "the emulated CPU does not count its instructions"
! is_slow ||
	ktap_skip_all "what a kernel costs that looks for faults is not measured"
ktap_plan 9

# rows COLUMN FILE: what the ring program measures of frames and round trips
rows()
{
	ringbench icount "$1" frames latency >"$2" 2>&1 || {
		tail -n 3 "$2"
		return 1
	}
}

# all_rows FILE: a number, or a reason, in each of the eleven rows
all_rows()
{
	awk -F'|' '
		$2 == "share" { next }
		$5 > 0 || $5 == "not offered" { n++ }
		END { exit n != 11 }' "$1"
}

# near FILE FILE: the numbers of the second are the first's, within 4 %
near()
{
	awk -F'|' '
		NR == FNR { first[$2, $3] = $5; next }
		$5 > 1.04 * first[$2, $3] || $5 < .96 * first[$2, $3] {
			print "# " $3 ": " first[$2, $3] " and " $5
			bad = 1
		}
		END { exit bad }' "$1" "$2"
}

for column in hvisor_vnet vhost-net "user, batching" "user, daemon"; do
	ktap_check "$column: all frames arrive" rows "$column" /tmp/first
	ktap_check "$column: there is something in each row" all_rows /tmp/first
	[ "$column" = hvisor_vnet ] && cp /tmp/first /tmp/ours
done
if is_realtime; then
	ktap_skip "counting again gives the same" "softirqs are threads, whose turns vary"
else
	ringbench icount hvisor_vnet frames latency >/tmp/second 2>&1
	ktap_check "counting again gives the same" near /tmp/ours /tmp/second
fi
ktap_finish
