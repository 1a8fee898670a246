#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "make demo": builds the module, boots an arm64 kernel with it under QEMU and
# runs selftests/hvisor_vnet/demo_guest.sh there.  The first time it fetches
# the kernel; the second time it needs no network.
set -eu
. "$(dirname "$0")/common.sh"

kernel=${KERNEL:-$HVNET_MAIN_KERNEL}
arch=$(kernel_arch "${ARCH:-arm64}")
began=$EPOCHREALTIME

say "building hvisor_vnet.ko and a simulated hvisor for Linux $kernel, $arch"
if [ ! -d "$HVNET_CACHE/boot-$kernel-$arch" ]; then
	say "first run: kernel, headers and programs are fetched, about 100 MB"
fi
"$HVNET_VM/build.sh" --kernel "$kernel" --arch "$arch" >/dev/null
say "booting it under QEMU; the measurements take half a minute"
# Virtual time: the numbers are the same on a busy machine.  (Where several
# CPUs boot in it: not on x86_64.)
clock=--icount
[ "$arch" != x86_64 ] || clock=
"$HVNET_VM/run.sh" --kernel "$kernel" --arch "$arch" ${clock:+"$clock"} --deadline 300 \
	--command "sh ./demo_guest.sh"
say "$(seconds_between "$began" "$EPOCHREALTIME") s in all"
