#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs all tests, or those named, in a VM on each kernel and architecture that
# the project promises, one after the other, as KTAP, and ends in a table.  What
# a kernel cannot do is skipped by the test that wants it, which says why; those
# reasons come before the table once more.  Kernels with PREEMPT_RT are not
# among them, unless they are asked for.
#
#	rows.sh [TEST...]	MATRIX="6.12-arm64 newest-x86_64" chooses rows
set -u
. "$(dirname "$0")/common.sh"

# A row takes a quarter of an hour; a machine that is busy may take longer.
DEADLINE=7200

logs=$HVNET_TOP/build/matrix
number=0 passed=0 failed=0 skipped=0
table=() reasons=()

# run_row ROW TEST...
run_row()
{
	local row=$1 kernel=${1%-*} arch=${1##*-} log=$logs/$1.ktap status p f s why

	shift
	SECONDS=0
	echo "# $row"
	"$HVNET_VM/run.sh" --kernel "$kernel" --arch "$arch" \
		--deadline $DEADLINE "$@" 2>&1 | tee "$log" | sed -u 's/^/  /'
	status=${PIPESTATUS[0]}
	read -r p f s < <(count_ktap "$log")
	[ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
	number=$((number + 1))
	echo "$([ "$f" -eq 0 ] || echo "not ")ok $number $row # time $SECONDS s"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	table+=("$(printf '%-10s %-8s %-24s %7d %7d %8d %8d' "$kernel" "$arch" \
		"$(cat "$HVNET_CACHE/boot-$row/release")" "$p" "$f" "$s" $SECONDS)")
	while read -r why; do
		reasons+=("$row: $why")
	done < <(sed -n 's/^ *ok [0-9]* \(.*\) # SKIP/\1:/p' "$log" | sort -u)
}

main()
{
	local row rows promised="${HVNET_MATRIX//$'\n'/ } $HVNET_TESTED_ONLY"
	local all="$promised $HVNET_RT_MATRIX"

	mapfile -t rows < <(xargs -n 1 <<<"${MATRIX:-$promised}")
	for row in "${rows[@]}"; do
		[[ " $all " == *" $row "* ]] ||
			die "the matrix has no row $row, but: $all"
	done
	mkdir -p "$logs"
	echo "KTAP version 1"
	echo "1..${#rows[@]}"
	for row in "${rows[@]}"; do
		run_row "$row" "$@"
	done
	[ ${#reasons[@]} -eq 0 ] || printf '# skipped on %s\n' "${reasons[@]}"
	printf '# %-10s %-8s %-24s %7s %7s %8s %8s\n' kernel machine release \
		passed failed skipped seconds
	printf '# %s\n' "${table[@]}"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}

# In one line, so that this file may change while it runs.
main "$@"; exit
