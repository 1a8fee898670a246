#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a Debian kernel under QEMU's software emulation, runs tests in it and
# streams KTAP.  A test that fails, runs out of time, leaves something that
# cannot be cleaned up, or makes the kernel complain, fails here; so does a
# kernel that dies.  QEMU never outlives this script.
#
# What a test asks of its VM stands in its first 20 lines, for example
#	rig: smp=3 icount timeout=120 mem=2G node append="isolcpus=2"
# and tests with equal wishes share a boot.  Words:
#	smp=N		CPUs (2)
#	mem=SIZE	memory (1G), at least that
#	timeout=S	seconds for this test, by the host's and the VM's clock (300)
#	icount		virtual time: one instruction is one nanosecond, and idle
#			time passes at once; see QEMU's -icount shift=0,sleep=off
#	node		arm64: the hypervisor's node is in the device tree
#	el2stub		arm64: el2stub.S runs at EL2; one CPU
#	python		Python, the kernel's ynl, and our netlink specification
#	append="..."	words for the kernel's command line
#	kernel=VERSION	it makes sense on that kernel only, and is run on others
#			only if it is asked for
set -u
. "$(dirname "$0")/common.sh"
# shellcheck source=stream.sh
. "$HVNET_VM/stream.sh"

RAW_SIZE=0x08000000		# memory that Linux does not map: the raw guest's

usage()
{
	cat <<-'EOF'
	usage: run.sh [option...] [test...]
	  --arch arm64|x86_64	(arm64)
	  --kernel VERSION	5.10, 6.1 or 6.12 (6.1); 6.1-debug, 6.1-kcsan
	  --src DIR		build and test that copy of the tree
	  --out DIR		where to build (build/KERNEL-ARCH of the tree)
	  --smp N, --mem SIZE, --icount, --node, --el2stub, --append WORDS
	 			override what the tests ask for
	  --plugin FILE[,OPTION]	of QEMU's
	  --part K/N		beside the tests named, of the others every Nth, from
				the Kth on
	  --scale N		divide by that what a test does much of (1; 50 where
				the kernel looks for faults, and is that slow)
	  --timeout S		default bound of a test (300)
	  --deadline S		bound of the whole run (1500)
	  --command SCRIPT	run that by sh instead of tests, print what it says
	  --list		print the names of the tests
	EOF
	exit 2
}

arch=arm64 kernel=$HVNET_MAIN_KERNEL src=$HVNET_TOP out=
force_smp='' force_mem='' force_icount='' force_node='' force_el2stub=''
force_append='' plugin='' scale=''
default_timeout=300 deadline='' command='' list=no part=0 parts=0
named=() tests=()
while [ $# -gt 0 ]; do
	case $1 in
	--arch) arch=$(kernel_arch "$2") || exit 2; shift ;;
	--kernel) kernel=$2; shift ;;
	--src) src=$(cd "$2" && pwd) || exit 2; shift ;;
	--out) out=$2; shift ;;
	--smp) force_smp=$2; shift ;;
	--mem) force_mem=$2; shift ;;
	--icount) force_icount=1 ;;
	--node | --hvisor-node) force_node=1 ;;
	--el2stub) force_el2stub=1 ;;
	--append) force_append=$2; shift ;;
	--plugin) plugin=$2; shift ;;
	--scale) scale=$2; shift ;;
	--part)
		[[ $2 =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || usage
		part=${BASH_REMATCH[1]} parts=${BASH_REMATCH[2]}
		shift
		;;
	--timeout) default_timeout=$2; shift ;;
	--deadline) deadline=$2; shift ;;
	--command) command=$2; shift ;;
	--list) list=yes ;;
	-*) usage ;;
	*) named+=("$1") ;;
	esac
	shift
done

# One that looks for faults takes its time, even for a fraction of the work.
slow=1
if is_built_kernel "$kernel"; then
	slow=4
	scale=${scale:-50}
fi
deadline=${deadline:-$((1500 * slow))}

test_dir=$src/selftests/hvisor_vnet

# --- what each test asks for

declare -A smp mem icount node el2stub python append only timeout file

# Sets the arrays above for test $1; fails when there is no such test.
read_wishes()
{
	local name=$1 source words word

	for source in "$test_dir/$name" "$test_dir/$name.sh" "$test_dir/$name.c"; do
		[ -f "$source" ] && break
	done
	[ -f "$source" ] || return 1
	file[$name]=${source##*/}
	[ "${source%.c}" = "$source" ] || file[$name]=${name%.c}
	smp[$name]=2 mem[$name]=1G icount[$name]=0 node[$name]=0 el2stub[$name]=0
	python[$name]=0 append[$name]='' only[$name]=''
	timeout[$name]=$default_timeout
	words=$(sed -n '1,20s/.*[^a-z]rig: *//p' "$source" | head -n 1)
	words=${words%\*/}
	if [[ $words =~ append=\"([^\"]*)\" ]]; then
		append[$name]=${BASH_REMATCH[1]}
		words=${words/"${BASH_REMATCH[0]}"/}
	fi
	for word in $words; do
		case $word in
		smp=*) smp[$name]=${word#*=} ;;
		mem=*) mem[$name]=${word#*=} ;;
		timeout=*) timeout[$name]=${word#*=} ;;
		icount) icount[$name]=1 ;;
		node) node[$name]=1 ;;
		el2stub) el2stub[$name]=1 ;;
		python) python[$name]=1 ;;
		kernel=*) only[$name]=${word#*=} ;;
		*) die "$name: unknown word '$word' in its rig: line" ;;
		esac
	done
	timeout[$name]=$((timeout[$name] * slow))
}

force_wishes()
{
	local name=$1

	[ -n "$force_smp" ] && smp[$name]=$force_smp
	[ -n "$force_mem" ] && mem[$name]=$force_mem
	[ -n "$force_icount" ] && icount[$name]=1
	[ -n "$force_node" ] && node[$name]=1
	[ -n "$force_el2stub" ] && el2stub[$name]=1
	[ "${el2stub[$name]}" = 1 ] && smp[$name]=1
	[ -n "$force_append" ] && append[$name]+=" $force_append"
	return 0
}

wishes()
{
	echo "${smp[$1]}|${mem[$1]}|${icount[$1]}|${node[$1]}|${el2stub[$1]}|${python[$1]}|${append[$1]}"
}

# --- one boot

# The device tree is the one that QEMU makes for exactly these options, with
# the reservations and, if asked for, the hypervisor's node added.
make_dtb()
{
	local dtb=$1

	shift
	"$@" -machine dumpdtb="$work/qemu.dtb" >/dev/null 2>&1
	dtc -q -I dtb -O dts -o "$work/qemu.dts" "$work/qemu.dtb" ||
		die "QEMU gave no device tree"
	cat >>"$work/qemu.dts" <<-EOF
	/ {
		reserved-memory {
			#address-cells = <2>;
			#size-cells = <2>;
			ranges;
			raw_guest@60000000 {
				reg = <0x0 0x60000000 0x0 $RAW_SIZE>;
				no-map;
			};
			mapped@58000000 {
				reg = <0x0 0x58000000 0x0 0x200000>;
			};
		};
	};
	EOF
	[ "$el2stub_now" = 1 ] && cat >>"$work/qemu.dts" <<-'EOF'
	/ {
		reserved-memory {
			el2stub@40200000 {
				compatible = "hvisor-vnet,el2stub";
				reg = <0x0 0x40200000 0x0 0x200000>;
				no-map;
			};
		};
	};
	EOF
	[ "$node_now" = 1 ] && cat >>"$work/qemu.dts" <<-'EOF'
	/ {
		hvisor_virtio_device {
			compatible = "hvisor";
			interrupts = <0 0x20 1>;
		};
	};
	EOF
	dtc -q -I dts -O dtb -o "$dtb" "$work/qemu.dts" ||
		die "cannot compile the device tree"
}

# Fills the arrays qemu, and more with further images, for a VM with the wishes $1.
make_command_line()
{
	local smp_now mem_now icount_now node_now el2stub_now python_now append_now
	local words raw_base image=$boot/vmlinuz machine=virt,gic-version=3

	IFS='|' read -r smp_now mem_now icount_now node_now el2stub_now \
		python_now append_now <<<"$1"
	more=()
	if [ "$python_now" = 1 ]; then
		more=("$("$HVNET_VM/initramfs.sh" python "$arch")") || exit 1
	fi
	words="loglevel=6 printk.devkmsg=on printk.time=1 log_buf_len=8M"
	words+=" panic=-1 oops=panic"
	# It is asleep by default, and watches one access of 4000: tests are short.
	[ "$kernel" != 6.1-kcsan ] ||
		words+=" kcsan.early_enable=1 kcsan.skip_watch=500"
	case $arch in
	arm64)
		raw_base=0x60000000
		if [ "$el2stub_now" = 1 ]; then
			machine+=,virtualization=on image=$out/el2stub
		fi
		qemu=(qemu-system-aarch64 -machine "$machine")
		# Only the newest CPU model counts instructions exactly.
		if [ "$icount_now" = 1 ]; then
			qemu+=(-cpu "max,lpa2=off,pauth-impdef=on")
		else
			qemu+=(-cpu cortex-a72)
		fi
		words="console=ttyAMA0 $words"
		;;
	x86_64)
		raw_base=0x30000000
		qemu=(qemu-system-x86_64 -machine q35 -cpu max)
		# A hole in RAM too, where arm64 has the devices' registers.
		words="console=ttyS0 $words memmap=128M\$$raw_base"
		words+=" memmap=64K\$0x0a000000"
		;;
	esac
	qemu+=(-smp "$smp_now" -m "$mem_now" -nodefaults -no-user-config
		-display none -monitor none -no-reboot)
	if [ "$icount_now" = 1 ]; then
		qemu+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
	else
		# A vCPU that spins until another answers hands over at once
		# here; as a thread of a busy host it would spin its time slice
		# away, ten times over.
		qemu+=(-accel "tcg,thread=single")
	fi
	[ -n "$plugin" ] && qemu+=(-plugin "$plugin")
	if [ "$arch" = arm64 ]; then
		make_dtb "$work/vm.dtb" "${qemu[@]}"
		qemu+=(-dtb "$work/vm.dtb")
	fi
	# The stub's business is to start the kernel, which it expects here.
	[ "$el2stub_now" = 1 ] && qemu+=(-device
		"loader,file=$boot/vmlinuz,addr=0x40400000,force-raw=on")
	cat >"$work/list/etc/rig.env" <<-EOF
	RIG_ARCH=$arch
	RIG_KERNEL=$kernel
	RIG_SMP=$smp_now
	RIG_ICOUNT=$icount_now
	RIG_NODE=$node_now
	RIG_SCALE=${scale:-1}
	RAW_BASE=$raw_base
	RAW_SIZE=$RAW_SIZE
	EOF
	qemu+=(-serial stdio -kernel "$image" -initrd "$work/initrd"
		-append "$words $append_now")
}

# Runs the tests $2... in one VM with the wishes $1.  Calls on_* for what
# happens; when it returns, the VM is gone.
boot_vm()
{
	local qemu=() more=()

	mkdir -p "$work/list/etc"
	make_command_line "$1"
	shift
	on_list "$@" >"$work/list/etc/rig.tests"
	echo "$command" >"$work/list/etc/command.sh"
	cp "$src/Documentation/netlink/specs/hvisor_vnet.yaml" "$work/list/etc/"
	(cd "$work/list" && find etc | cpio -o -H newc -R 0:0 --quiet) \
		>"$work/list.cpio"
	cat "$base" "${more[@]}" "$work/overlay.cpio" "$work/list.cpio" >"$work/initrd"
	follow_vm
}

# --- tests

on_list()
{
	local name

	for name; do
		if [ -n "$command" ]; then
			echo "$name ${timeout[$name]} sh /etc/command.sh"
		else
			echo "$name ${timeout[$name]} ./${file[$name]}"
		fi
	done
}

describe_vm()
{
	echo "VM: ${smp[$1]} CPUs$([ "${icount[$1]}" = 1 ] &&
		echo ", virtual time")"
}

run_tests()
{
	local name key keys=() members
	declare -A group

	echo "TAP version 13"
	echo "1..${#tests[@]}"
	for name in "${tests[@]}"; do
		key=$(wishes "$name")
		if [ "${node[$name]}${el2stub[$name]}" != 00 ] &&
			[ "$arch" != arm64 ]; then
			number=$((number + 1)) skipped=$((skipped + 1))
			echo "ok $number $name # SKIP $arch has no device tree"
			continue
		fi
		# One CPU spins for the other there until QEMU's slice ends.
		if [ "$arch" = x86_64 ] && [ "${icount[$name]}" = 1 ] &&
			[ "${smp[$name]}" != 1 ]; then
			number=$((number + 1)) skipped=$((skipped + 1))
			echo "ok $number $name # SKIP x86_64 does not boot" \
				"several CPUs in virtual time"
			continue
		fi
		[ -n "${group[$key]-}" ] || keys+=("$key")
		group[$key]+=" $name"
	done
	for key in "${keys[@]}"; do
		read -ra members <<<"${group[$key]}"
		run_group "$key" "${members[@]}"
	done
	sum_up "tests in the VM ($kernel, $arch)"
}

# --- one command instead of tests

run_command()
{
	command_status=1
	on_begin() { bound=$give_up; }
	on_text() { printf '%s\n' "$1"; }
	on_end()
	{
		local why

		read -r _ command_status _ why <<<"$1"
		[ "$why" = - ] && return
		say "$why"
		command_status=1
	}
	on_death() { [ $finished = yes ] || say "${boot_trouble:-$1}"; }
	on_complaint() { say "$1"; }
	smp[command]=2 mem[command]=1G icount[command]=0 node[command]=0
	el2stub[command]=0 python[command]=0
	append[command]='' timeout[command]=$deadline
	force_wishes command
	boot_trouble=''
	boot_vm "$(wishes command)" command
	return "$command_status"
}

# --- main

# Does test $1 make sense on this kernel?
fits()
{
	[ "${only[$1]:-$kernel}" = "$kernel" ] || return 1
	# CPUs that take turns, at well-defined moments, do not race.
	[ "$kernel" != 6.1-kcsan ] ||
		[ "${icount[$1]}${el2stub[$1]}" = 00 ]
}

# Those named, or of those there are the ones that fit, or a part of them.
choose_tests()
{
	local name nth=0

	tests=("${named[@]}")
	for name in "${named[@]}"; do
		read_wishes "$name" || die "there is no test called $name"
	done
	[ ${#named[@]} -eq 0 ] || [ "$parts" -gt 0 ] || return 0
	for name in $(make -s -C "$test_dir" list); do
		[ -z "${file[$name]-}" ] || continue
		read_wishes "$name" || die "there is no test called $name"
		fits "$name" || continue
		nth=$((nth % (parts ? parts : 1) + 1))
		[ "$parts" -eq 0 ] || [ "$nth" -eq "$part" ] || continue
		tests+=("$name")
	done
}

main()
{
	local name

	[ -n "$command" ] || choose_tests
	if [ $list = yes ]; then
		printf '%s\n' "${tests[@]}"
		return
	fi
	for name in "${tests[@]}"; do
		force_wishes "$name"
	done

	out=${out:-$src/build/$kernel-$arch}
	"$HVNET_VM/build.sh" --src "$src" --out "$out" --kernel "$kernel" \
		--arch "$arch" >/dev/null || die "the build failed"
	exec 9>"$out/lock"
	flock 9
	"$HVNET_VM/initramfs.sh" overlay "$kernel" "$arch" "$out" \
		"$work/overlay.cpio" || die "packing the tests failed"
	flock -u 9
	base=$("$HVNET_VM/initramfs.sh" base "$arch") || exit 1
	boot=$("$HVNET_VM/kernel.sh" boot "$kernel" "$arch") || exit 1
	open_log "$out/log"
	SECONDS=0
	give_up=$((SECONDS + deadline))
	if [ -n "$command" ]; then
		run_command
	else
		run_tests
	fi
}

# In one line, so that this file may change while it runs.
main; exit
