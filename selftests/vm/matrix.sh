#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Compiles the module and the simulator for the kernels and architectures that
# the project promises beside the one that static.sh compiles for, warnings
# being errors, as KTAP.  Nothing is run.
set -u
. "$(dirname "$0")/common.sh"

kernels="5.10 6.12"
arches="arm64 x86_64"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0 failed=0

echo "KTAP version 1"
echo "1..4"
for kernel in $kernels; do
	for arch in $arches; do
		"$HVNET_VM/kernel.sh" kdir "$kernel" "$arch" >/dev/null
		began=$EPOCHREALTIME
		number=$((number + 1))
		result=ok
		if ! "$HVNET_VM/build.sh" --modules --kernel "$kernel" \
			--arch "$arch" --out "$HVNET_TOP/build/matrix/$kernel-$arch" \
			KCFLAGS=-Werror >"$log" 2>&1; then
			result="not ok"
			failed=$((failed + 1))
		fi
		grep -v "^$HVNET_TOP/build" "$log" | head -n 60 | sed 's/^/# /'
		echo "$result $number it compiles for $kernel, $arch" \
			"# time $(seconds_between "$began" "$EPOCHREALTIME") s"
	done
done
[ $failed -eq 0 ]
