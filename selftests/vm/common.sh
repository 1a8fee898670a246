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

# The kernels that the project knows, and the Debian release that ships each.
export HVNET_MAIN_KERNEL=6.1
# The one whose ynl reads our netlink family's specification.
export HVNET_YNL_KERNEL=6.12

# Those that are built here, of a release's source, to find faults: each has a
# configuration in configs/.  They are for arm64 only.
HVNET_BUILT_KERNELS="6.1-debug 6.1-kcsan"

say()
{
	printf '# %s\n' "$*" >&2
}

die()
{
	printf '# error: %s\n' "$*" >&2
	exit 1
}

suite_of_kernel()
{
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	*) die "kernel $1 is not one of 5.10, 6.1, 6.12, $HVNET_BUILT_KERNELS" ;;
	esac
}

is_built_kernel()
{
	case " $HVNET_BUILT_KERNELS " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Debian's name of an architecture; arguments are uname's.
deb_arch()
{
	case $1 in
	arm64 | aarch64) echo arm64 ;;
	x86_64 | amd64) echo amd64 ;;
	*) die "architecture $1 is not one of arm64, x86_64" ;;
	esac
}

# The kernel's name of an architecture (the ARCH= of a make command line).
kernel_arch()
{
	case $1 in
	arm64 | aarch64) echo arm64 ;;
	x86_64 | amd64) echo x86_64 ;;
	*) die "architecture $1 is not one of arm64, x86_64" ;;
	esac
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

# Seconds with one decimal between two $EPOCHREALTIME values.
seconds_between()
{
	local us=$((${2/[.,]/} - ${1/[.,]/}))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}
