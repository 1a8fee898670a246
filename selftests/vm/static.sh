#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What can be said of the sources without running them, as KTAP: no warning
# from gcc or clang, from kernel-doc, from sparse, from checkpatch or from its
# like for scripts, from the kernel's semantic patches, a licence line in each
# file, and a refusal where it is due.  Tools come from setup.sh, checkpatch and
# those patches from the kernel's source by way of kernel.sh.
set -u
. "$(dirname "$0")/common.sh"

cd "$HVNET_TOP" || exit 1
out=$HVNET_TOP/build/static
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0 failed=0

# point DESCRIPTION COMMAND...: passed if the command is true and silent
point()
{
	local name=$1 status began=$EPOCHREALTIME

	shift
	"$@" >"$log" 2>&1
	status=$?
	number=$((number + 1))
	if [ $status -eq 0 ] && [ ! -s "$log" ]; then
		echo -n "ok $number $name"
	else
		failed=$((failed + 1))
		head -n 60 "$log" | sed 's/^/# /'
		echo -n "not ok $number $name"
	fi
	echo " # time $(seconds_between "$began" "$EPOCHREALTIME") s"
}

# Files of ours whose name is like one of the arguments.
sources()
{
	local pattern args=()

	for pattern; do
		args+=(-o -name "$pattern")
	done
	find . \( -name build -o -name .git \) -prune -o -type f \
		\( "${args[@]:1}" \) ! -name '*.mod.c' ! -name '*_probed.h' -print |
		sed 's,^\./,,' | LC_ALL=C sort
}

# From scratch, because a file that is up to date is not complained about.
compiler()
{
	rm -rf "${out:?}/$1"
	"$HVNET_VM/build.sh" --modules --out "$out/$1" --arch "$1" W=1 \
		>/dev/null
}

clang()
{
	local arguments

	read -ra arguments -d '' <<<"$HVNET_LLVM"
	rm -rf "$out/clang"
	"$HVNET_VM/build.sh" --modules --out "$out/clang" W=1 "${arguments[@]}" \
		>/dev/null
}

# It has to fail, for this reason and in words.
big_endian()
{
	if "$HVNET_VM/build.sh" --modules --out "$out/big" \
		CONFIG_CPU_BIG_ENDIAN=y >"$out/big.said" 2>&1 ||
		! grep -q 'hvisor runs on little endian machines only' "$out/big.said"; then
		cat "$out/big.said"
		return 1
	fi
}

# Warnings are errors there.
hvnet()
{
	make -s -B -C tools O="$out/hvnet-$1" STATIC=1 \
		CROSS_COMPILE="$(cross_prefix "$1")" \
		LIBS="$("$HVNET_VM/kernel.sh" library "$1")"
}

# With W=1 again, so that nothing is compiled a second time.
sparse_build()
{
	"$HVNET_VM/build.sh" --modules --out "$out/$1" --arch "$1" W=1 C=2 \
		>/dev/null
}

# What checkpatch says that is right for a kernel and wrong for these files.
ignored()
{
	case $1 in
	# Their business: a module outside of the tree, for several kernels.
	compat) echo LINUX_VERSION_CODE,CONSTANT_COMPARISON ;;
	# Programs, which have no kernel types nor its attributes, and whose
	# checks end the test.
	user) echo PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,MACRO_WITH_FLOW_CONTROL ;;
	# Texts that a test compares stand in one line each.
	texts) echo "$(ignored user),LONG_LINE,LONG_LINE_STRING,SPLIT_STRING,REPEATED_WORD" ;;
	# Written like every trace header of the kernel's.
	trace) echo OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,EMBEDDED_FILENAME ;;
	# ring.h includes linux/virtio_ring.h, which is not its own name.
	kernel) echo EMBEDDED_FILENAME ;;
	esac
}

checkpatch()
{
	local kind=$1

	shift
	"$checkpatch_dir/checkpatch.pl" --no-tree --strict --terse --no-summary \
		--show-types --ignore "$(ignored "$kind")" -f "$@"
}

# The kernel's own script looks at directories: it is given one with what is code
# of a kernel.
coccinelle()
{
	local rules dir=$out/coccinelle

	rules=$("$HVNET_VM/kernel.sh" coccinelle)
	rm -rf "$dir" "$dir.log"
	mkdir -p "$dir"
	cp --parents "${kernel_files[@]}" "$dir"
	# spatch leaves things where it is called.
	if ! (cd "$dir" && MODE=report DEBUG_FILE="$dir.log" J=$(nproc) \
		srctree="$rules" KBUILD_EXTMOD="$dir" \
		"$rules/scripts/coccicheck" >"$dir.said"); then
		cat "$dir.log" "$dir.said"
		return 1
	fi
	! grep -vE '^$|^Please check for|^When using "patch" mode' "$dir.said"
}

# What the netlink family is, in its specification and in C.
netlink_spec()
{
	local kdir

	kdir=$("$HVNET_VM/kernel.sh" kdir "$HVNET_MAIN_KERNEL" arm64)
	python3 "$HVNET_VM/netlink_spec.py" . "${kdir%-*}-common/include/uapi"
}

# What is silent is right; hyphenation is not looked at.
manual()
{
	make -s -B -C tools O="$out/hvnet-man" RST2MAN=rst2man \
		"$out/hvnet-man/hvnet.8" &&
		groff -man -Tutf8 -ww -z "$out/hvnet-man/hvnet.8"
}

# Links included.
html()
{
	make -s htmldocs >/dev/null
}

# It names the program where it is installed, so install it.
unit()
{
	make -s -C tools install O="$out/hvnet-man" PREFIX="$out/hvnet-root" &&
		systemd-analyze verify --man=no \
			"$out/hvnet-root/share/hvisor_vnet/hvnet.service"
}

licences()
{
	local file bad=0

	while read -r file; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: ' &&
			continue
		echo "$file has no SPDX line"
		bad=1
	done < <(sources '*.[ch]' '*.sh' '*.py' run rules Makefile Kbuild '*.mk' \
		dkms.conf '*.rst' '*.yaml' '*.pml' '*.in' '*.conf' '*.css' Kconfig)
	return $bad
}

# Headers below unit/include imitate the kernel's own macros: not ours to style.
user='^\(tools\|selftests/\(unit\|vm\|hvisor_vnet\|mutants\|fuzz\)\)/\|^selftests/bench/[^h]'
texts='/config_test\.c$'
compat='\(^\|_\|/\)compat\.h$'
all=$(sources '*.[ch]' | grep -v '^selftests/unit/include/')
mapfile -t user_files < <(grep "$user" <<<"$all" | grep -v "$texts")
mapfile -t text_files < <(grep "$texts" <<<"$all")
mapfile -t compat_files < <(grep -v "$user" <<<"$all" | grep "$compat")
mapfile -t kernel_files < <(grep -v "$user" <<<"$all" | grep -v "$compat" |
	grep -vx trace.h)
mapfile -t scripts < <({ sources '*.sh'; ls .ci/run
	sources '*.init.in'; } 2>/dev/null)

# What must be fetched is fetched now: a check that passes says nothing.
for arch in arm64 x86_64; do
	"$HVNET_VM/kernel.sh" kdir "$HVNET_MAIN_KERNEL" $arch >/dev/null || exit 1
	"$HVNET_VM/kernel.sh" library $arch >/dev/null || exit 1
done
checkpatch_dir=$("$HVNET_VM/kernel.sh" scripts) || exit 1
"$HVNET_VM/kernel.sh" coccinelle >/dev/null || exit 1

echo "KTAP version 1"
echo "1..20"
point "no warning with W=1, arm64" compiler arm64
point "no warning with W=1, x86_64" compiler x86_64
point "no warning with W=1 from clang, arm64" clang
point "a big endian kernel is refused" big_endian
point "no warning in hvnet, arm64" hvnet arm64
point "no warning in hvnet, x86_64" hvnet x86_64
point "sparse is silent, arm64" sparse_build arm64
point "sparse is silent, x86_64" sparse_build x86_64
point "coccinelle is silent" coccinelle
point "checkpatch is silent, kernel code" checkpatch kernel "${kernel_files[@]}"
point "checkpatch is silent, trace header" checkpatch trace trace.h
point "checkpatch is silent, compat headers" checkpatch compat "${compat_files[@]}"
point "checkpatch is silent, programs" checkpatch user "${user_files[@]}"
point "checkpatch is silent, tables of texts" checkpatch texts "${text_files[@]}"
# Functions with optional arguments look misused to it (SC2120).
point "shellcheck is silent" shellcheck -x -P SCRIPTDIR -S warning -e SC2120 \
	"${scripts[@]}"
point "netlink: the specification and the module agree" netlink_spec
point "the manual page is right" manual
point "the documentation is right as HTML" html
point "the unit for systemd is right" unit
point "each file has a licence line" licences
[ $failed -eq 0 ]
