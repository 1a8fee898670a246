#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the module, the simulator, hvnet and the test programs for one kernel
# and one architecture, in a copy of the sources: several kernels, and changed
# copies of the tree, can so be built side by side.
#
#   build.sh [--src DIR] [--out DIR] [--kernel VERSION] [--arch ARCH]
#	     [--modules] [MAKE-ARGUMENT...]
#
# --modules leaves the test programs out; make arguments (W=1 C=2) are passed
# to the module builds.  The output directory is printed.
set -euo pipefail
. "$(dirname "$0")/common.sh"

src=$HVNET_TOP
out=
kernel=$HVNET_MAIN_KERNEL
arch=arm64
tests=yes
while [ $# -gt 0 ]; do
	case $1 in
	--src) src=$(cd "$2" && pwd); shift ;;
	--out) out=$2; shift ;;
	--kernel) kernel=$2; shift ;;
	--arch) arch=$(kernel_arch "$2"); shift ;;
	--modules) tests=no ;;
	-*) die "build.sh knows no option $1" ;;
	*) break ;;
	esac
	shift
done
out=${out:-$src/build/$kernel-$arch}
copy=$out/src
mkdir -p "$copy"
copy=$(cd "$copy" && pwd)

# Made files stay where they are: only sources are copied, and only changed
# ones, so that make rebuilds what it must.
list_sources()
{
	find Kbuild ./*.c ./*.h compat_probe.* selftests/hvisor_sim \
		selftests/hvisor_vnet tools selftests/bench \
		-type f \( -name Kbuild -o -name Makefile -o -name '*.sh' -o \
		-name '*.mk' -o \( -name '*.[ch]' ! -name '*.mod.c' \
		! -name '*_probed.h' \) \) 2>/dev/null |
		LC_ALL=C sort -u
}

copy_sources()
{
	local file

	(cd "$src" && list_sources) >"$out/sources.new"
	if [ -f "$out/sources" ]; then
		comm -23 "$out/sources" "$out/sources.new" |
			(cd "$copy" && xargs -r rm -f)
	fi
	while read -r file; do
		cmp -s "$src/$file" "$copy/$file" && continue
		mkdir -p "$copy/$(dirname "$file")"
		cp "$src/$file" "$copy/$file"
	done <"$out/sources.new"
	mv "$out/sources.new" "$out/sources"
}

build_modules()
{
	local dir=$1 kdir

	shift
	[ -f "$dir/Kbuild" ] || return 0
	kdir=$("$HVNET_VM/kernel.sh" kdir "$kernel" "$arch")
	# From 6.12 on the functions that can be traced have to be aligned, also
	# cold ones, which gcc learned in version 14; older ones shall not make
	# them traceable.
	! grep -q '^CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS=y' "$kdir/.config" ||
		"$(cross_prefix "$arch")gcc" -fmin-function-alignment=8 -E - \
			</dev/null >/dev/null 2>&1 || set -- "$@" CC_FLAGS_FTRACE=
	# BTF needs vmlinux, which is not in the headers: not worth a line.
	make -s -C "$kdir" M="$dir" -j"$(nproc)" "$@" modules 2>&1 |
		{ grep -v '^Skipping BTF generation' || true; } >&2
}

# Position independent: what the assembler makes is all there is to link.
build_el2stub()
{
	"$1gcc" -c -o "$out/el2stub.o" "$HVNET_VM/el2stub.S"
	"$1objcopy" -O binary "$out/el2stub.o" "$out/el2stub"
}

main()
{
	local cc dir library

	exec 9>"$out/lock"
	flock 9
	copy_sources
	build_modules "$copy" "$@"
	build_modules "$copy/selftests/hvisor_sim" \
		KBUILD_EXTRA_SYMBOLS="$copy/Module.symvers" "$@"
	build_modules "$copy/selftests/hvisor_vnet/el2ctl" "$@"
	build_modules "$copy/selftests/bench" "$@"
	if [ $tests = yes ]; then
		cc=$(cross_prefix "$arch")gcc
		for dir in hvisor_vnet bench; do
			make -s -C "$copy/selftests/$dir" -j"$(nproc)" \
				CC="$cc" >&2
		done
		library=$("$HVNET_VM/kernel.sh" library "$arch")
		make -s -C "$copy/tools" CC="$cc" STATIC=1 LIBS="$library" >&2
		[ "$out/rigrun" -nt "$HVNET_VM/rigrun.c" ] ||
			"$cc" -O2 -Wall -Wextra -Werror -static -o "$out/rigrun" \
				"$HVNET_VM/rigrun.c"
		[ "$arch" != arm64 ] || build_el2stub "${cc%gcc}"
	fi
	echo "$out"
}

# In one line, so that this file may change while it runs.
main "$@"; exit
