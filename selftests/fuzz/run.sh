#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs the fuzzers named, each for $SECS seconds, or for $RUNS executions if that
# is set, from $BUILD; KTAP on stdout.  What was found is kept there, in corpus/
# what is new and beside it what fails.  Exit: 0 if nothing failed, 1 if not.

echo "KTAP version 1"
echo "1..$#"
number=0
failed=0
for name; do
	number=$((number + 1))
	log=$BUILD/$name.log
	mkdir -p "$BUILD/corpus/$name"
	if [ -n "$RUNS" ]; then
		bound=-runs=$RUNS
	else
		bound=-max_total_time=$SECS
	fi
	if "$BUILD/${name}_fuzz" "$bound" -max_len=512 -timeout=20 \
		-print_final_stats=1 -artifact_prefix="$BUILD/$name-" \
		"$BUILD/corpus/$name" "$BUILD/seeds/$name" >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
		echo "ok $number ${name}_fuzz # $runs executions, $edges edges"
		continue
	fi
	failed=$((failed + 1))
	grep -vE '^#[0-9]+' "$log" | tail -n 40 | sed 's/^/# /'
	echo "not ok $number ${name}_fuzz"
done
[ $failed -eq 0 ]
