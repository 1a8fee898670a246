#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the checks named on the command line, shows the KTAP of each as it
# comes, and ends in one line that sums up all test points of all of them.
#
#	check.sh unit model static probes build vm matrix debug kcsan mutants
#		 package fuzz
set -u
. "$(dirname "$0")/common.sh"

mkdir -p "$HVNET_TOP/build/check"
ARCH_VM=$(kernel_arch "${ARCH_VM:-arm64}") || exit 1
export ARCH_VM KERNEL_VM=${KERNEL_VM:-$HVNET_MAIN_KERNEL}
totals=$HVNET_TOP/build/check/totals.$$
trap 'rm -f "$totals"' EXIT
: >"$totals"

describe()
{
	case $1 in
	unit) echo "unit tests of the pure parts, in user space, under ASan and UBSan" ;;
	model) echo "models: no stall with all guards, one without each" ;;
	static) echo "static checks: W=1, clang, kernel-doc, sparse, coccinelle, and more" ;;
	probes) echo "what each kernel has, and what was ported back to it" ;;
	build) echo "module and simulator against each kernel and architecture" ;;
	vm) echo "tests in a VM: kernel $KERNEL_VM, $ARCH_VM" ;;
	matrix) echo "tests in a VM: each kernel and architecture, or MATRIX=" ;;
	fuzz) echo "fuzzers of the pure parts, ${SECS:-20} s each" ;;
	debug) echo "tests on a kernel that looks for faults of memory, locks, leaks" ;;
	kcsan) echo "tests on a kernel that looks for data races" ;;
	package) echo "Debian packages and DKMS, in a small Debian" ;;
	mutants) echo "mutants: each guard taken out must make its test fail" ;;
	*) die "check.sh knows no check called $1" ;;
	esac
}

run_one()
{
	local tests mutants

	read -ra tests <<<"${TESTS-}"
	read -ra mutants <<<"${MUTANTS-}"
	case $1 in
	unit) make -s -C "$HVNET_TOP/selftests/unit" run ;;
	model) "$HVNET_TOP/selftests/model/run.sh" ;;
	static) "$HVNET_VM/static.sh" ;;
	probes) "$HVNET_VM/probes.sh" ;;
	build) "$HVNET_VM/matrix.sh" ;;
	vm) "$HVNET_VM/run.sh" --arch "$ARCH_VM" --kernel "$KERNEL_VM" \
		"${tests[@]}" ;;
	matrix) "$HVNET_VM/rows.sh" "${tests[@]}" ;;
	fuzz) make -s -C "$HVNET_TOP/selftests/fuzz" SECS="${SECS:-20}" run ;;
	debug) "$HVNET_VM/run.sh" --kernel 6.1-debug "${tests[@]}" ;;
	kcsan) "$HVNET_VM/run.sh" --kernel 6.1-kcsan "${tests[@]}" ;;
	package) "$HVNET_VM/package.sh" ;;
	mutants) "$HVNET_TOP/selftests/mutants/run.sh" "${mutants[@]}" ;;
	esac
}

"$HVNET_VM/setup.sh" "$@" "$ARCH_VM" || exit 1
for check; do
	what=$(describe "$check") || exit 1
	began=$EPOCHREALTIME
	echo "# === $check: $what"
	ktap=$HVNET_TOP/build/check/$check.ktap
	run_one "$check" 2>&1 | tee "$ktap" |
		grep --line-buffered -vE '^[0-9]+ passed, '
	status=${PIPESTATUS[0]}
	read -r passed failed skipped < <(count_ktap "$ktap")
	echo "$passed $failed $skipped" >>"$totals"
	if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		echo "not ok - $check ended with status $status"
		echo "0 1 0" >>"$totals"
		failed=1
	fi
	echo "# === $check: $passed passed, $failed failed, $skipped skipped," \
		"$(seconds_between "$began" "$EPOCHREALTIME") s"
done
awk '
	{ p += $1; f += $2; s += $3 }
	END {
		printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f || !p
	}' "$totals"
