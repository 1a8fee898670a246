#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run the unit test programs given, show their KTAP, and end in one line of sums.
# Usage: run.sh PROGRAM...   Exit: 0 if all passed, 1 if not.

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0
failed=0

for prog in "$@"; do
	echo "# ${prog##*/}"
	# Many times what the slowest of them takes on a busy machine.
	timeout 120 "$prog" >"$log" 2>&1
	rc=$?
	cat "$log"
	ok=$(grep -c '^ok ' "$log")
	not_ok=$(grep -c '^not ok ' "$log")
	plan=$(sed -n 's/^1\.\.//p' "$log")
	# A program that died has not run the tests it announced.
	missing=$((${plan:-1} - ok - not_ok))
	if [ "$missing" -gt 0 ]; then
		echo "# ${prog##*/}: exit $rc, $missing tests not run"
	elif [ "$rc" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
		echo "# ${prog##*/}: exit $rc after its last test"
		missing=1
	fi
	passed=$((passed + ok))
	failed=$((failed + not_ok + missing))
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
