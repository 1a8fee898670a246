#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Compiles the module and the simulator for the kernels and architectures that
# the project promises beside the one that static.sh compiles for, warnings
# being errors, as KTAP.  Nothing is run.  The newest, which is another one each
# week, is compiled for only with KERNELS="newest".
set -u
. "$(dirname "$0")/common.sh"

rows=()
for row in $HVNET_MATRIX $HVNET_RT_MATRIX; do
	[ "${row%-*}" != "$HVNET_MAIN_KERNEL" ] || continue
	[[ " ${KERNELS:-$HVNET_RELEASED_KERNELS $HVNET_RT_KERNELS} " != *" ${row%-*} "* ]] ||
		rows+=("$row")
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0 failed=0

echo "KTAP version 1"
echo "1..${#rows[@]}"
for row in "${rows[@]}"; do
	kernel=${row%-*} arch=${row##*-}
	"$HVNET_VM/kernel.sh" kdir "$kernel" "$arch" >/dev/null
	check "it compiles for $kernel, $arch" \
		"$HVNET_VM/build.sh" --modules --kernel "$kernel" \
		--arch "$arch" --out "$HVNET_TOP/build/matrix/$kernel-$arch" \
		KCFLAGS=-Werror
done
[ $failed -eq 0 ]
