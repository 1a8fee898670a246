# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of the rig shares: where the cache is, how architectures
# are called by whom, how to speak to the person watching.  Sourced, never run.
# No package name, no QEMU option and no test logic lives here.

HVNET_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HVNET_VM=$HVNET_TOP/selftests/vm
HVNET_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/hvisor_vnet
export HVNET_TOP HVNET_VM HVNET_CACHE

# The kernels that the project knows; the newest is whatever Debian's unstable
# release has on the day it is fetched.
export HVNET_RELEASED_KERNELS="5.10 6.1 6.12"
export HVNET_KERNELS="$HVNET_RELEASED_KERNELS newest"
# Debian's with PREEMPT_RT, of the same sources.
export HVNET_RT_KERNELS="6.1-rt 6.12-rt"
# Each with the architectures that it is compiled for and tested on.
export HVNET_MATRIX="5.10-arm64 5.10-x86_64 6.1-arm64 6.1-x86_64
6.12-arm64 6.12-x86_64 newest-arm64 newest-x86_64"
# Tested with all of those, but wants a compiler and an emulator of its own.
export HVNET_TESTED_ONLY="6.12-riscv64"
# Those that it is only compiled for, unless tests there are asked for.
export HVNET_RT_MATRIX="6.1-rt-arm64 6.12-rt-arm64"
export HVNET_MAIN_KERNEL=6.1
# The one whose ynl reads our netlink family's specification.
export HVNET_YNL_KERNEL=6.12

# Those that are built here, of a release's source, to find faults: each has a
# configuration in configs/.  They are for arm64 only.
HVNET_BUILT_KERNELS="6.1-debug 6.1-kcsan"

# What make is told to compile by clang with the headers of a kernel that gcc made:
# the tools, and what of the kernel's configuration says how its compiler is
# called and what it can do.
HVNET_CLANG=14
HVNET_LLVM="LLVM=-$HVNET_CLANG CC=clang-$HVNET_CLANG CONFIG_CC_IS_CLANG=y
CONFIG_CLANG_VERSION=${HVNET_CLANG}0000 CONFIG_CC_IS_GCC= CONFIG_GCC_VERSION=0
CONFIG_LD_IS_LLD=y CONFIG_LD_IS_BFD= CONFIG_AS_IS_LLVM=y CONFIG_AS_IS_GNU=
CONFIG_CC_HAS_AUTO_VAR_INIT_ZERO_ENABLER=y
CONFIG_CC_IMPLICIT_FALLTHROUGH=-Wimplicit-fallthrough"
export HVNET_CLANG HVNET_LLVM

say()
{
	printf '# %s\n' "$*" >&2
}

die()
{
	printf '# error: %s\n' "$*" >&2
	exit 1
}

# The Debian release that ships kernel $1.
suite_of_kernel()
{
	case $1 in
	5.10) echo bullseye ;;
	6.1 | 6.1-rt) echo bookworm ;;
	6.12 | 6.12-rt) echo trixie ;;
	newest) echo sid ;;
	*) die "kernel $1 is none of $HVNET_KERNELS $HVNET_RT_KERNELS" \
		"$HVNET_BUILT_KERNELS" ;;
	esac
}

is_built_kernel()
{
	case " $HVNET_BUILT_KERNELS " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Our name of an architecture, whatever a user calls it.
kernel_arch()
{
	case $1 in
	arm64 | aarch64) echo arm64 ;;
	x86_64 | amd64) echo x86_64 ;;
	riscv64 | riscv) echo riscv64 ;;
	*) die "architecture $1 is not one of arm64, x86_64, riscv64" ;;
	esac
}

# Debian's name of an architecture; arguments are uname's.
deb_arch()
{
	local arch

	arch=$(kernel_arch "$1") || exit 1
	echo "${arch/x86_64/amd64}"
}

host_arch()
{
	kernel_arch "$(uname -m)"
}

# The prefix of the compiler that builds for $1 on this machine.
cross_prefix()
{
	[ "$1" = "$(host_arch)" ] && return
	case $1 in
	arm64) echo aarch64-linux-gnu- ;;
	x86_64) echo x86_64-linux-gnu- ;;
	riscv64) echo riscv64-linux-gnu- ;;
	esac
}

# Takes the lock called $1 for the rest of the calling (sub)shell, so that
# two runs at once never unpack into the same directory.  One that was taken
# before stays taken.
cache_lock()
{
	local lock

	mkdir -p "$HVNET_CACHE/lock"
	exec {lock}>"$HVNET_CACHE/lock/$1"
	if ! flock -n "$lock"; then
		say "another run is filling the cache ($1), waiting for it"
		flock "$lock"
	fi
}

# Says "passed failed skipped" of the KTAP in file $1. What is counted are the
# innermost points: those of a test, not the test once more, except when the test
# fails although all of its points passed. A check's own sum counts if it has one.
count_ktap()
{
	awk '
	/^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
		own = 1; p = $1; f = $3; s = $5 + 0
		next
	}
	/^ +not ok / { inner++; bad++; failed++; next }
	/^ +ok .* # SKIP/ { inner++; skipped++; next }
	/^ +ok / { inner++; passed++; next }
	/^not ok / { if (!bad) failed++; inner = bad = 0; next }
	/^ok .* # SKIP/ { if (!inner) skipped++; inner = bad = 0; next }
	/^ok / { if (!inner) passed++; inner = bad = 0 }
	END {
		if (own) { passed = p; failed = f; skipped = s }
		print passed + 0, failed + 0, skipped + 0
	}' "$1"
}

# Seconds with one decimal between two $EPOCHREALTIME values.
seconds_between()
{
	local us=$((${2/[.,]/} - ${1/[.,]/}))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# check DESCRIPTION COMMAND...: a KTAP point, counted in $number and $failed; what
# the command says is in $log, and is shown if it fails.
check()
{
	local what=$1 began=$EPOCHREALTIME result=ok

	shift
	number=$((number + 1))
	if ! "$@" >"${log:?}" 2>&1; then
		result="not ok"
		failed=$((failed + 1))
		tail -n 40 "$log" | sed 's/^/# /'
	fi
	echo "$result $number $what # time $(seconds_between "$began" "$EPOCHREALTIME") s"
}
