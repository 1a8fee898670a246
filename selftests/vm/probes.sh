#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the module know what a kernel has?  compat_probe.sh is asked of each of
# Debian's kernels, where the answers are known, and of copies of the oldest's
# headers to which something was ported back, or which are broken; in one
# directory, as with a user who builds for one kernel after another.  KTAP;
# nothing is run.
#
# The newest kernel, which is another one each week, is asked only with
# KERNELS="5.10 newest", or whichever.
set -u
. "$(dirname "$0")/common.sh"

work=$HVNET_TOP/build/probes
module=$work/module
answers=$module/compat_probed.h
log=$work/log
number=0 failed=0

# Each question, the first of our kernels that has it, and the last if there is
# one.  (5.10 has something that came with 5.15: stable releases port back, too.)
known()
{
	cat <<-'EOF'
	HVNET_HAVE_HRTIMER_SETUP newest
	HVNET_HAVE_SYSTEM_DFL_WQ 6.12
	HVNET_HAVE_NAPI_ADD_OF_THREE 6.1
	HVNET_HAVE_SW_IRQ_COALESCE 6.12
	HVNET_HAVE_ETH_HW_ADDR_SET 5.10
	HVNET_HAVE_KERNEL_COALESCE 6.1
	HVNET_HAVE_KERNEL_RINGPARAM 6.1
	HVNET_HAVE_CONST_BUS 6.12
	HVNET_HAVE_DUMP_INFO 6.12
	HVNET_HAVE_EVENTFD_SIGNAL_OF_ONE 6.12
	HVNET_HAVE_MAC_PTON 5.10 6.12
	HVNET_HAVE_LONG_MAC_ADDRESS newest
	HVNET_HAVE_USO 6.12
	EOF
}

# ask KDIR [MAKE-ARGUMENT...]: a module of one empty file, which has to ask
ask()
{
	local kdir=$1

	shift
	make -s -C "$kdir" M="$module" "$@" empty.o
}

# What kernel $1 has and has not, one a line, "1" or "0" after the name.
expected()
{
	local name since until kernel has

	while read -r name since until; do
		has=0
		for kernel in $HVNET_KERNELS; do
			[ "$kernel" != "$since" ] || has=1
			[ "$kernel" != "$1" ] || break
			[ "$kernel" != "$until" ] || has=0
		done
		echo "$name $has"
	done < <(known)
}

# The answers, in the same words.
given()
{
	awk '$1 == "#define" { print $2, $3 }' "$answers"
}

knows()
{
	ask "$(kdir "$1")" && diff <(expected "$1") <(given)
}

# clang has other words for what is wrong.
knows_by_clang()
{
	local arguments

	read -ra arguments -d '' <<<"$HVNET_LLVM"
	ask "$(kdir "$1")" "${arguments[@]}" && diff <(expected "$1") <(given)
}

# The answers are those for the oldest kernel but for these, which it has.
knows_but()
{
	local name

	diff <(expected "$oldest" | sed "$(for name; do
		echo "s/^$name 0/$name 1/"
	done)") <(given)
}

kdir()
{
	"$HVNET_VM/kernel.sh" kdir "$1" arm64
}

# edit FILE SED-SCRIPT: a header of the copy, which must not stay as it is
edit()
{
	local file

	file=$(echo "$copy"/usr/src/linux-headers-*-common)/include/linux/$1
	cp "$file" "$work/before"
	sed -i "$2" "$file"
	! cmp -s "$file" "$work/before"
}

ported_back()
{
	edit eventfd.h 's/\(eventfd_signal(struct eventfd_ctx \*ctx\), __u64 n)/\1)/' &&
		ask "$copied" && knows_but HVNET_HAVE_EVENTFD_SIGNAL_OF_ONE
}

ported_back_since()
{
	edit device/bus.h 's/(\*show)(struct bus_type/(*show)(const struct bus_type/' &&
		ask "$copied" &&
		knows_but HVNET_HAVE_EVENTFD_SIGNAL_OF_ONE HVNET_HAVE_CONST_BUS
}

not_asked_again()
{
	touch "$work/now"
	ask "$copied" && [ "$work/now" -nt "$answers" ]
}

# It has to fail, for this reason and in words, and to leave no answers.
broken()
{
	edit hrtimer.h '$ a struct no_such_type hvnet_broken;' || return 1
	if ask "$copied" >"$work/said" 2>&1; then
		return 1
	fi
	cat "$work/said"
	grep -q 'compat_probe.c: it is not to be told what this kernel has' \
		"$work/said" && [ ! -e "$answers" ]
}

# A compiler that is content with anything would have every kernel have all.
content()
{
	printf '#!/bin/sh\nexit 0\n' >"$work/content"
	chmod +x "$work/content"
	! "$HVNET_TOP/compat_probe.sh" "$HVNET_TOP/compat_probe.c" "$work/none" \
		- "$work/content" 2>"$work/said" &&
		grep -q 'finds no error where there is one' "$work/said"
}

# Only the newest kernel takes MO=.
elsewhere()
{
	rm -rf "$work/mo"
	make -s -C "$(kdir newest)" M="$module" MO="$work/mo" empty.o &&
		answers=$work/mo/compat_probed.h &&
		diff <(expected newest) <(given) && [ ! -e "$module/empty.o" ]
}

clean()
{
	make -s -C "$(kdir "$1")" M="$module" clean &&
		diff <(cd "$module" && ls -A) <(printf '%s\n' Kbuild compat_probe.c empty.c)
}

main()
{
	local kernel kernels oldest copy=$work/copy copied

	read -ra kernels <<<"${KERNELS:-$HVNET_RELEASED_KERNELS}"
	oldest=${kernels[0]}
	# What must be fetched is fetched now.
	for kernel in "${kernels[@]}"; do
		kdir "$kernel" >/dev/null || exit 1
	done
	rm -rf "$work"
	mkdir -p "$module" "$copy"
	cp "$HVNET_TOP/compat_probe.c" "$module/"
	echo '/* Nothing. */' >"$module/empty.c"
	cat >"$module/Kbuild" <<-EOF
	obj-m := empty.o
	questions := compat_probe.c
	answers := compat_probed.h
	objects := empty.o
	include $HVNET_TOP/compat_probe.mk
	EOF

	echo "KTAP version 1"
	echo "1..$((2 * ${#kernels[@]} + 8))"
	for kernel in "${kernels[@]}"; do
		check "it knows what $kernel has" knows "$kernel"
		check "and so by clang" knows_by_clang "$kernel"
	done
	copied=$(kdir "$oldest")
	cp -r "${copied%/usr/src/*}/usr" "$copy/"
	copied=$copy/usr/src/${copied##*/}
	check "it knows when something was ported back" ported_back
	check "it asks again when the headers have changed" ported_back_since
	check "it does not when they have not" not_asked_again
	check "it says so when nothing can be told" broken
	check "it does not believe a compiler that finds no errors" content
	check "it goes back to what it was asked before" knows "$oldest"
	check "it leaves nothing behind" clean "$oldest"
	if [[ " ${kernels[*]} " == *" newest "* ]]; then
		check "it works where the output is elsewhere" elsewhere
	else
		number=$((number + 1))
		echo "ok $number it works where the output is elsewhere # SKIP" \
			"asked of the newest kernel only: KERNELS=\"5.10 newest\""
	fi
	[ $failed -eq 0 ]
}

# In one line, so that this file may change while it runs.
main; exit
