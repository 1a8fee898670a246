#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Has spin look at every state of the models beside this script, as KTAP: with all
# guards there is no stall, without any one of them there is.  Where a guard is
# there for one error of hvisor's, an hvisor without that error does without it.
# A search that was not completed proves nothing and is a failure.
#
#	run.sh [wake|line|ring]...
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../vm/common.sh
. "$here/../vm/common.sh"

work=$HVNET_TOP/build/model
MEMORY_MB=2000
DEPTH=2000000		# of the search; the longest so far has 140 000 steps
SECONDS_MAX=300

# model|what is to be found|description|switches
table()
{
	local no_w1="-DNO_W1 -DNO_LATE_LOOK" index

	cat <<-EOF
	wake|holds|all guards|
	wake|holds|without W1, and without what is there for it|$no_w1
	wake|stall|no late look|-DNO_LATE_LOOK
	wake|stall|a late look that came too early is not repeated|-DNO_LATE_AGAIN
	wake|stall|how early is asked after the look|-DCLOCK_AFTER
	wake|stall|nobody goes on after a budget|-DNO_PAUSE
	wake|stall|no look after the EOI|-DNO_LOOK_AFTER_EOI
	wake|stall|no look after the EOI, without W1|$no_w1 -DNO_LOOK_AFTER_EOI
	wake|holds|no look after the EOI, without W1 and W2|$no_w1 -DNO_W2 -DNO_LOOK_AFTER_EOI
	wake|stall|no look after need_wakeup is set, without W1|$no_w1 -DNO_RECHECK
	wake|stall|no barrier between the two, without W1|$no_w1 -DNO_BARRIER
	line|holds|all guards|
	line|stall|no injection is repeated|-DNO_RETRY
	line|holds|no injection is repeated, without I1|-DNO_I1 -DNO_RETRY
	line|stall|what an acknowledgment leaves is not injected|-DNO_NEWS_AT_ACK
	line|stall|what it leaves is tried no more often than before|-DOLD_BACKOFF
	EOF
	for index in FLAGS EVENT_IDX; do
		cat <<-EOF
		ring|holds|all guards, $index|-D$index
		ring|stall|the consumer does not look again, $index|-D$index -DNO_RECHECK
		ring|stall|no barrier in notify_on(), $index|-D$index -DNO_BARRIER
		ring|stall|no barrier in publish(), $index|-D$index -DNO_PUBLISH_BARRIER
		ring|stall|no look at the start, $index|-D$index -DNO_FIRST_LOOK
		EOF
	done
	echo "ring|stall|asked to be told of what was seen, EVENT_IDX|-DEVENT_IDX -DEVENT_AT_TAKEN"
}

# Says what the search for a stall in model $1 with switches $2... ends in.
search()
{
	local model=$1

	shift
	rm -rf "${work:?}/$model"
	mkdir -p "$work/$model"
	cd "$work/$model" || return
	if ! spin -a "$@" "$here/$model.pml" >log 2>&1 ||
	   ! gcc -O1 -w -DSAFETY -DMEMLIM=$MEMORY_MB -o pan pan.c >>log 2>&1; then
		echo "no model: $(head -n 1 log)"
		return
	fi
	timeout $SECONDS_MAX ./pan -n -m$DEPTH >log 2>&1
	if grep -q 'search not completed\|too small\|out of memory' log &&
	   ! grep -q 'invalid end state' log; then
		echo "search not completed"
	elif grep -q 'errors: 0$' log; then
		echo holds
	elif grep -q '^pan:1: invalid end state' log &&
	     grep -q 'errors: 1$' log; then
		echo stall
	else
		echo "neither: $(grep -m 1 pan: log)"
	fi
}

mapfile -t rows < <(table | grep -E "^($(IFS='|'; echo "${*:-wake|line|ring}"))\|")
[ ${#rows[@]} -gt 0 ] || die "the models are wake, line and ring"
number=0 failed=0
echo "KTAP version 1"
echo "1..${#rows[@]}"
for row in "${rows[@]}"; do
	IFS='|' read -r model expected what switches <<<"$row"
	began=$EPOCHREALTIME
	# shellcheck disable=SC2086
	found=$(search "$model" $switches)
	number=$((number + 1))
	verdict=ok
	if [ "$found" != "$expected" ]; then
		echo "# $model: $found, where it should be: $expected"
		verdict="not ok"
		failed=$((failed + 1))
	fi
	echo "$verdict $number $model: $what: $expected" \
		"# time $(seconds_between "$began" "$EPOCHREALTIME") s"
done
echo "$((number - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
