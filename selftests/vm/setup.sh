#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs the Debian packages that building and testing need, and only those
# that are missing.  When nothing is missing it asks no network and no root.
# Kernels and the guest's programs are not installed: kernel.sh keeps them in
# the cache.
#
#	setup.sh [CHECK...] [ARCH]	those of check.sh, some of which need
#					more, and so does riscv64
set -eu
. "$(dirname "$0")/common.sh"

# package: what it is for
wanted()
{
	cat <<-EOF
	make: builds everything
	gcc: builds the unit tests and runs them under ASan and UBSan
	libc6-dev: C library headers for the unit tests
	pkg-config: finds libraries for hvnet
	libjansson-dev: the JSON library of hvnet
	python3-docutils: makes the manual page of hvnet
	groff-base: checks it
	python3-sphinx: makes HTML of the documentation
	systemd: checks the unit that starts it at boot
	libmnl-dev: the netlink library of hvnet
	binutils: reads what a program's shared libraries are
	libelf1: objtool of the kernel packages needs it
	perl: runs checkpatch and kernel-doc
	patch: applies the mutants
	python3-yaml: compares the netlink specification with the module
	spin: searches the models
	bc: computes constants of the kernels that are built here
	bison: builds their configuration tool
	flex: builds that, too
	sparse: checks address spaces and endianness
	shellcheck: checks the scripts
	cpio: packs the initramfs
	kmod: resolves kernel module dependencies
	xz-utils: unpacks kernel modules
	device-tree-compiler: adds the reservation to the VM's device tree
	debian-archive-keyring: verifies what is downloaded
	qemu-system-arm: runs the arm64 VM
	qemu-system-x86: runs the x86_64 VM
	EOF
	case $(host_arch) in
	x86_64)
		echo "gcc-aarch64-linux-gnu: compiles for arm64"
		echo "libc6-dev-arm64-cross: C library for arm64 test programs"
		;;
	arm64)
		echo "gcc-x86-64-linux-gnu: compiles for x86_64"
		echo "libc6-dev-amd64-cross: C library for x86_64 test programs"
		;;
	esac
}

wanted_for()
{
	wanted
	[[ ! " $* " =~ " static "|" probes "|" fuzz " ]] ||
		echo "clang-$HVNET_CLANG: another compiler, and the fuzzers' own"
	[[ " $* " != *" static "* ]] || cat <<-EOF
	lld-$HVNET_CLANG: links what clang makes
	llvm-$HVNET_CLANG: reads what it makes
	coccinelle: applies the kernel's semantic patches
	EOF
	[[ " $* " != *" fuzz "* ]] || cat <<-EOF
	libclang-rt-$HVNET_CLANG-dev: libFuzzer, and the sanitizers that go with clang
	EOF
	[[ " $* " != *" package "* ]] || cat <<-EOF
	build-essential: what Debian's builds take for granted
	debhelper: builds our Debian packages
	dh-dkms: builds the one of the module's source
	lintian: looks at them
	mmdebstrap: makes a small Debian to install them in
	EOF
	[[ ! " $* " =~ " "(riscv64|matrix)" " ]] || cat <<-EOF
	gcc-riscv64-linux-gnu: compiles for riscv64
	libc6-dev-riscv64-cross: C library for riscv64 test programs
	qemu-system-misc: runs the riscv64 VM
	opensbi: is its firmware
	EOF
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
while IFS=: read -r package purpose; do
	is_installed "$package" && continue
	[ ${#missing[@]} -eq 0 ] && say "installing, by apt-get:"
	say "  $package (${purpose# })"
	missing+=("$package")
done < <(wanted_for "$@")

if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null ||
		die "not root and no sudo: run as root: apt-get install ${missing[*]}"
	root=(sudo)
	say "root is needed for apt-get only, by sudo"
fi

apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
"${root[@]}" "${apt[@]}" update >&2
"${root[@]}" "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2
