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
#	icount=must	that, and it means nothing by any other clock; what is merely
#			icount is run by the host's clock on riscv64, several CPUs
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
	  --arch arm64|x86_64|riscv64	(arm64); riscv64 from 6.12 on
	  --kernel VERSION	5.10, 6.1, 6.12, newest (6.1); 6.1-rt, 6.12-rt,
				6.1-debug, 6.1-kcsan
	  --src DIR		build and test that copy of the tree
	  --out DIR		where to build (build/KERNEL-ARCH of the tree)
	  --smp N, --mem SIZE, --icount, --node, --el2stub, --append WORDS
	 			override what the tests ask for
	  --plugin FILE[,OPTION]	of QEMU's
	  --part K/N		beside the tests named, of the others every Nth, from
				the Kth on
	  --jobs N		so many VMs at a time (one a CPU, at most 4)
	  --scale N		divide by that what a test does much of (1; 50 where
				the kernel looks for faults, and is that slow; 10 on
				riscv64)
	  --timeout S		default bound of a test (300)
	  --deadline S		bound of the whole run (2400)
	  --command SCRIPT	run that by sh instead of tests, print what it says
	  --list		print the names of the tests
	EOF
	exit 2
}

arch=arm64 kernel=$HVNET_MAIN_KERNEL src=$HVNET_TOP out=
force_smp='' force_mem='' force_icount='' force_node='' force_el2stub=''
force_append='' plugin='' scale='' jobs=''
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
	--jobs) jobs=$2; shift ;;
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
# Its emulated CPUs are threads, of a host that may be busy.
if [ "$arch" = riscv64 ]; then
	slow=4
	scale=${scale:-10}
fi
BOOT_SECONDS=$((BOOT_SECONDS * slow))
deadline=${deadline:-$((2400 * slow))}

test_dir=$src/selftests/hvisor_vnet

# --- what each test asks for

declare -A smp mem icount must node el2stub python append only timeout file

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
	smp[$name]=2 mem[$name]=1G icount[$name]=0 must[$name]=0
	node[$name]=0 el2stub[$name]=0
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
		icount=must) icount[$name]=1 must[$name]=1 ;;
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
	[ "$arch" = riscv64 ] && [ "${smp[$name]}" != 1 ] &&
		[ "${must[$name]-}" = 0 ] && icount[$name]=0
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
	local dtb=$1 raw=${raw_base#0x} mapped wake="0 0x20 1" parent=

	mapped=$(printf '%x' $((raw_base - 0x8000000)))
	if [ "$arch" = riscv64 ]; then
		wake=0x20 parent="interrupt-parent = <&{/soc/plic@c000000}>;"
	fi
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
			raw_guest@$raw {
				reg = <0x0 $raw_base 0x0 $RAW_SIZE>;
				no-map;
			};
			mapped@$mapped {
				reg = <0x0 0x$mapped 0x0 0x200000>;
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
	[ "$node_now" = 1 ] && cat >>"$work/qemu.dts" <<-EOF
	/ {
		hvisor_virtio_device {
			compatible = "hvisor";
			interrupts = <$wake>;
			$parent
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
	local words raw_base registers image=$boot/vmlinuz machine=virt,gic-version=3

	IFS='|' read -r smp_now mem_now icount_now node_now el2stub_now \
		python_now append_now <<<"$1"
	more=()
	if [ "$python_now" = 1 ]; then
		more=("$("$HVNET_VM/initramfs.sh" python "$arch")") || exit 1
	fi
	words="loglevel=6 printk.devkmsg=on printk.time=1 log_buf_len=8M"
	words+=" panic=-1 oops=panic"
	# New kernels try their ciphers beside everything else, for seconds here.
	words+=" cryptomgr.notests=1"
	# It is asleep by default, and watches one access of 4000: tests are short.
	[ "$kernel" != 6.1-kcsan ] ||
		words+=" kcsan.early_enable=1 kcsan.skip_watch=500"
	case $arch in
	arm64)
		raw_base=0x60000000 registers=0x9000000
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
		raw_base=0x30000000 registers=0xfec00000
		# An interrupt right after CMPXCHG16B, with which SLUB allocates,
		# finds in EFLAGS what is none, and the kernel dies of it.
		qemu=(qemu-system-x86_64 -machine q35 -cpu "max,-cx16")
		# A hole in RAM too, where arm64 has the devices' registers.
		words="console=ttyS0 $words memmap=128M\$$raw_base"
		words+=" memmap=64K\$0x0a000000"
		;;
	riscv64)
		raw_base=0xa0000000 registers=0x10000000
		qemu=(qemu-system-riscv64 -machine virt -cpu rv64)
		words="console=ttyS0 $words"
		;;
	esac
	qemu+=(-smp "$smp_now" -m "$mem_now" -nodefaults -no-user-config
		-display none -monitor none -no-reboot)
	if [ "$icount_now" = 1 ]; then
		qemu+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
	elif [ "$arch" = riscv64 ]; then
		# There one that spins never hands over by itself.
		qemu+=(-accel "tcg,thread=multi")
	else
		# A vCPU that spins until another answers hands over at once
		# here; as a thread of a busy host it would spin its time slice
		# away, ten times over.
		qemu+=(-accel "tcg,thread=single")
	fi
	[ -n "$plugin" ] && qemu+=(-plugin "$plugin")
	if [ "$arch" != x86_64 ]; then
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
	RIG_REGISTERS=$registers
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
	cat "$base" "${more[@]}" "$overlay" "$work/list.cpio" >"$work/initrd"
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

# Why test $1 cannot be run on this architecture, if so.
cannot_be()
{
	case $arch in
	arm64) return ;;
	x86_64)
		[ "${node[$1]}${el2stub[$1]}" = 00 ] ||
			echo "$arch has no device tree"
		;;
	riscv64)
		[ "${el2stub[$1]}" = 0 ] ||
			echo "the tiny hypervisor is for arm64"
		;;
	esac
	# One CPU spins for the other there until QEMU's slice ends.
	[ "${icount[$1]}" = 0 ] || [ "${smp[$1]}" = 1 ] ||
		echo "$arch does not boot several CPUs in virtual time"
}

# A boot takes a few tests, so that there is something to do for all CPUs.
BATCH=8

# Makes batches of the tests with equal wishes, and skips those that cannot be.
deal_out()
{
	local name key cannot batch seconds full=()
	declare -A open size

	for name in "${tests[@]}"; do
		cannot=$(cannot_be "$name")
		if [ -n "$cannot" ]; then
			pass_on "ok 0 $name # SKIP $cannot"
			continue
		fi
		key=$(wishes "$name")
		if [ "${size[$key]-0}" -eq $BATCH ]; then
			full+=("${open[$key]}")
			open[$key]='' size[$key]=0
		fi
		open[$key]+=" $name"
		size[$key]=$((${size[$key]-0} + 1))
	done
	# What may take longest comes first.
	mapfile -t batches < <(for batch in "${full[@]}" "${open[@]}"; do
		seconds=0
		for name in $batch; do
			seconds=$((seconds + timeout[$name]))
		done
		echo "$seconds$batch"
	done | sort -rn | cut -d ' ' -f 2-)
}

next_batch()
{
	flock 8
	read -r -u 7 && echo "$REPLY"
} 8>>"$turn"

# Runs batches until there is none left.
worker()
{
	local batch members

	work=$(mktemp -d -p "$work")
	trap cleanup EXIT
	trap 'exit 143' TERM
	open_log "$out/log"
	while batch=$(next_batch); do
		read -ra members <<<"$batch"
		run_group "$(wishes "${members[0]}")" "${members[@]}"
	done
}

# Has them run; what the workers say of their tests is not mixed.
work_off()
{
	local turn=$work/turn n=${#batches[@]}

	[ "$n" -lt "$jobs" ] || n=$jobs
	[ "$n" -le 1 ] || shared=$work/shared
	trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
	exec 7< <(printf '%s\n' "${batches[@]}")
	while [ $((n--)) -gt 0 ]; do
		worker &
	done
	wait
}

# Prints a line of a worker's, whose points have numbers of its own.
pass_on()
{
	case $1 in
	"ok "* | "not ok "*) number=$((number + 1)) ;;
	esac
	case $1 in
	"not ok "*)
		failed=$((failed + 1))
		echo "not ok $number ${1#not ok * }"
		;;
	"ok "*)
		[[ $1 == *"# SKIP"* ]] && skipped=$((skipped + 1)) ||
			passed=$((passed + 1))
		echo "ok $number ${1#ok * }"
		;;
	*) printf '%s\n' "$1" ;;
	esac
}

run_tests()
{
	local batches=() line

	echo "TAP version 13"
	echo "1..${#tests[@]}"
	deal_out
	exec 6< <(work_off)
	workers=$!
	trap 'kill $workers 2>/dev/null; cleanup' EXIT
	while IFS= read -r -u 6 line; do
		pass_on "$line"
	done
	trap cleanup EXIT
	if [ "$number" -ne ${#tests[@]} ]; then
		say "of ${#tests[@]} tests only $number were heard of"
		failed=$((failed + 1))
	fi
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

	jobs=${jobs:-$(nproc | awk '{ print $1 < 4 ? $1 : 4 }')}
	[ -n "$command" ] || choose_tests
	if [ $list = yes ]; then
		printf '%s\n' "${tests[@]}"
		return
	fi
	for name in "${tests[@]}"; do
		force_wishes "$name"
	done

	out=${out:-$src/build/$kernel-$arch}
	boot=$("$HVNET_VM/kernel.sh" boot "$kernel" "$arch") || exit 1
	"$HVNET_VM/build.sh" --src "$src" --out "$out" --kernel "$kernel" \
		--arch "$arch" >/dev/null || die "the build failed"
	exec 9>"$out/lock"
	flock 9
	overlay=$work/overlay.cpio
	"$HVNET_VM/initramfs.sh" overlay "$kernel" "$arch" "$out" "$overlay" ||
		die "packing the tests failed"
	flock -u 9
	base=$("$HVNET_VM/initramfs.sh" base "$arch") || exit 1
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
