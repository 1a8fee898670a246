#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots the real hypervisor, from its user's own binaries, under QEMU's software
# emulation: root Linux and zone 1 are Debian's kernels.  Runs tests in root and
# streams KTAP.  Nothing of hvisor or hvisor-tool is here, or built here; where
# the binaries are missing, all is skipped.
#
#	HVISOR		hvisor.bin, board qemu-gicv3, features gicv3 and pl011
#	HVISOR_TOOL	the command "hvisor", for arm64
#	HVISOR_KO	hvisor.ko, for Debian's 6.1 kernel
#	HVISOR_BASELINE	another "hvisor" whose daemon takes part in bench, optional
#	PINGS, CYCLES, ROUNDS	how many in flood, restart and bench, optional
#	BENCH_COLUMNS, SECONDS_EACH, BENCH_CPU	which in bench, how long, and on
#			which of root's CPUs, optional
#
# EL2 has no word for a test's result, but it shares the serial console with
# root: what it says of errors there fails the test that runs meanwhile.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/../vm/common.sh"
# shellcheck source=../vm/stream.sh
. "$HVNET_VM/stream.sh"

MODULES="virtio_net veth tun af_packet ipv6 bridge sch_fq sch_fq_codel"
ZONE_MODULES="virtio_mmio virtio_net virtio_blk virtio_console af_packet ipv6"

# Where hvisor's board wants things, and where we put the rest.
HVISOR_AT=0x40400000
ROOT_DTB_AT=0xa0000000
ROOT_KERNEL_AT=0xa0400000
ROOT_INITRD_AT=0xa8000000
ZONE_INITRD_AT=0x58000000

usage()
{
	cat <<-'EOF'
	usage: HVISOR=... HVISOR_TOOL=... HVISOR_KO=... run.sh [option...] [test...]
	  --guest-kernel V	zone 1's: 5.10 or 6.1 (6.1)
	  --guest-append WORDS	for its kernel's command line
	  --out DIR		where to build (build/hvisor of the tree)
	  --deadline S		bound of the whole run (7200)
	  --qemu WORD		one more word for QEMU's command line
	EOF
	exit 2
}

skip_all()
{
	echo "KTAP version 1"
	echo "1..0 # SKIP $*"
	exit 4
}

kernel=$HVNET_MAIN_KERNEL guest_kernel=$HVNET_MAIN_KERNEL
guest_append='' out=$HVNET_TOP/build/hvisor deadline=7200
more_qemu=() tests=()
while [ $# -gt 0 ]; do
	case $1 in
	--guest-kernel) guest_kernel=$2; shift ;;
	--guest-append) guest_append=$2; shift ;;
	--out) out=$2; shift ;;
	--deadline) deadline=$2; shift ;;
	--qemu) more_qemu+=("$2"); shift ;;
	-*) usage ;;
	*) tests+=("${1%.sh}") ;;
	esac
	shift
done
[ ${#tests[@]} -gt 0 ] || tests=(boot hvnet flood iperf restart)

for name in HVISOR HVISOR_TOOL HVISOR_KO; do
	[ -n "${!name-}" ] || skip_all "$name= is not given: it is the path of the user's own binary"
	[ -f "${!name}" ] || skip_all "$name=${!name}: there is no such file"
done

# --- what is packed

# add_chosen DTS DTB ARGUMENTS INITRD-ADDRESS INITRD: compiles a device tree
add_chosen()
{
	local end=$(($4 + $(stat -c %s "$5")))

	{
		cat "$1"
		cat <<-EOF
		/ {
			chosen {
				bootargs = "$3";
				linux,initrd-start = <0x0 $4>;
				linux,initrd-end = <0x0 $(printf '0x%x' $end)>;
			};
		};
		EOF
	} | dtc -q -I dts -O dtb -o "$2" - || die "cannot compile $1"
}

pack_zone()
{
	local dir=$work/zone1 guest_boot

	guest_boot=$("$HVNET_VM/kernel.sh" boot "$guest_kernel" arm64) || exit 1
	mkdir -p "$dir"
	install -m 755 "$here/zone1-init.sh" "$dir/init"
	# shellcheck disable=SC2086
	"$HVNET_VM/initramfs.sh" tree "$guest_kernel" arm64 "$dir" \
		"$work/zone1.cpio" $ZONE_MODULES || die "packing zone 1 failed"
	mkdir -p "$work/root/zone1"
	cat "$base" "$work/zone1.cpio" >"$work/root/zone1/initrd"
	cp "$guest_boot/vmlinuz" "$here/zone1.json" "$here/virtio_cfg.json" \
		"$work/root/zone1/"
	add_chosen "$here/zone1.dts" "$work/root/zone1/zone1.dtb" \
		"console=hvc0 loglevel=6 panic=-1 $guest_append" \
		$ZONE_INITRD_AT "$work/root/zone1/initrd"
}

pack_root()
{
	local dir=$work/root

	mkdir -p "$dir/rig" "$dir/tests" "$dir/etc" "$dir/usr/sbin"
	cp "$HVNET_VM/init.sh" "$dir/init"
	cp "$here/clean.sh" "$out/rigrun" "$dir/rig/"
	cp "$HVNET_TOP/selftests/hvisor_vnet/lib.sh" "$here"/tests/*.sh \
		"$dir/tests/"
	cp "$out/src/hvisor_vnet.ko" "$dir/"
	cp "$HVISOR_KO" "$dir/hvisor.ko"
	cp "$out/src/tools/hvnet" "$dir/usr/sbin/"
	install -m 755 "$HVISOR_TOOL" "$dir/usr/sbin/hvisor"
	[ -z "${HVISOR_BASELINE-}" ] ||
		install -m 755 "$HVISOR_BASELINE" "$dir/usr/sbin/hvisor-baseline"
	chmod 755 "$dir/init" "$dir/tests/"*
	# shellcheck disable=SC2086
	"$HVNET_VM/initramfs.sh" tree "$kernel" arm64 "$dir" \
		"$work/root.cpio" $MODULES || die "packing root failed"
}

# Position independent: what the assembler makes is all there is to link.
build_stub()
{
	local cc

	cc=$(cross_prefix arm64)gcc
	"$cc" -c -o "$work/bootstub.o" "$here/bootstub.S" &&
		"${cc%gcc}objcopy" -O binary "$work/bootstub.o" "$work/bootstub" ||
		die "cannot assemble the boot stub"
}

# --- one boot

on_list()
{
	local name

	for name; do
		echo "$name ${timeout[$name]} ./$name.sh"
	done
}

describe_vm()
{
	echo "root $kernel, zone 1 $guest_kernel"
}

# loaded FILE ADDRESS: a word for QEMU
loaded()
{
	echo "loader,file=$1,addr=$2,force-raw=on"
}

boot_vm()
{
	shift	# all tests want the same machine
	mkdir -p "$work/list/etc"
	on_list "$@" >"$work/list/etc/rig.tests"
	cat >"$work/list/etc/rig.env" <<-EOF
	RIG_ARCH=arm64
	RIG_KERNEL=$kernel
	PINGS=${PINGS:-100000}
	CYCLES=${CYCLES:-20}
	ROUNDS=${ROUNDS:-5}
	BENCH_COLUMNS='${BENCH_COLUMNS:-}'
	SECONDS_EACH=${SECONDS_EACH:-5}
	BENCH_CPU=${BENCH_CPU:-}
	EOF
	(cd "$work/list" && find etc | cpio -o -H newc -R 0:0 --quiet) \
		>"$work/list.cpio"
	cat "$base" "$work/root.cpio" "$work/list.cpio" >"$work/initrd"
	add_chosen "$here/root.dts" "$work/root.dtb" "console=ttyAMA0 \
earlycon=pl011,0x9000000 clk_ignore_unused loglevel=6 printk.devkmsg=on \
log_buf_len=8M panic=-1 oops=panic" $ROOT_INITRD_AT "$work/initrd"
	# secure=on makes QEMU set the GIC's interrupt groups, as firmware does.
	qemu=(qemu-system-aarch64
		-machine "virt,secure=on,gic-version=3,virtualization=on"
		-cpu cortex-a72 -smp 4 -m 2G -accel "tcg,thread=multi"
		-nodefaults -no-user-config -display none -monitor none -no-reboot
		-serial stdio -kernel "$work/bootstub"
		-device "$(loaded "$HVISOR" $HVISOR_AT)"
		-device "$(loaded "$boot/vmlinuz" $ROOT_KERNEL_AT)"
		-device "$(loaded "$work/root.dtb" $ROOT_DTB_AT)"
		-device "$(loaded "$work/initrd" $ROOT_INITRD_AT)"
		"${more_qemu[@]}")
	follow_vm
}

# EL2's own words, in whatever colour: an error fails the test, and after a
# panic nothing comes.
on_other()
{
	on_kernel "$1"
	case $1 in
	*panicked* | *"panic occurred"*) on_stuck "EL2: $1" ;;
	*"[ERROR"*) on_complaint "EL2: $1" ;;
	esac
}

# --- main

main()
{
	local name

	for name in "${tests[@]}"; do
		[ -f "$here/tests/$name.sh" ] || die "there is no test called $name"
		timeout[$name]=$(sed -n '1,20s/.*rig: *timeout=//p' \
			"$here/tests/$name.sh")
	done
	"$HVNET_VM/setup.sh" || exit 1
	mkdir -p "$out"
	"$HVNET_VM/build.sh" --out "$out" --kernel "$kernel" --arch arm64 \
		>/dev/null || die "the build failed"
	base=$("$HVNET_VM/initramfs.sh" base arm64) || exit 1
	boot=$("$HVNET_VM/kernel.sh" boot "$kernel" arm64) || exit 1
	build_stub
	pack_zone
	pack_root
	open_log "$out/log"
	SECONDS=0
	give_up=$((SECONDS + deadline))
	echo "TAP version 13"
	echo "1..${#tests[@]}"
	run_group '' "${tests[@]}"
	sum_up "tests on hvisor (root $kernel, zone 1 $guest_kernel)"
}

# In one line, so that this file may change while it runs.
main; exit
