#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Does each test catch what it is there for?  A mutant is a patch beside this
# script that takes one guard out of the module; its text says in words what
# the guard is, and its line "Caught-by: TEST" names the test that must notice:
# a program of selftests/unit or a test of selftests/hvisor_vnet.  A line
# "Kernel: VERSION [WORD...]" says that the test only notices it on that kernel, with
# these words on its command line; one with a line "Arch: ARCH" is left out on others.
#
# Each mutant is applied to a copy of the tree, which is built, and that one
# test is run.  The mutant is caught if the test says "not ok", dies, or makes
# the kernel complain.  A patch that does not apply exactly, a build that
# fails, a VM that does not boot and a test that merely runs out of time prove
# nothing and are failures here, like a mutant that nobody noticed.  So is a
# mutant whose test fails on the tree as it is: those are run first.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../vm/common.sh
. "$here/../vm/common.sh"

work=$HVNET_TOP/build/mutants
CPU_SECONDS=25		# of a unit test: what takes longer goes round for ever
UNIT_SECONDS=180	# by the clock, on however busy a machine
VM_SECONDS=240		# of one boot

usage()
{
	cat <<-'EOF'
	usage: run.sh [option...] [mutant...]
	  --unit, --vm		only mutants of unit tests, of tests in the VM
	  --part K/N		of those of tests in the VM every Nth, from the Kth on,
				and none that wants another kernel
	  --jobs N		so many at a time (one a CPU)
	  --arch, --kernel	of the VM (arm64, 6.1)
	  --list		print mutants and their tests, run nothing
	A mutant is named by its number, its name or a pattern: 112 '*-ring-*'
	EOF
	exit 2
}

# --- one mutant

# The test that has to catch $1.
catcher()
{
	sed -n 's/^Caught-by: *//p' "$here/$1.patch"
}

# The same, and behind a colon the kernel, if it is to be another, and behind commas
# the words for its command line.
catcher_where()
{
	echo "$(catcher "$1")$(sed -n 's/^Kernel: */:/p' "$here/$1.patch" | tr ' ' ,)"
}

is_unit()
{
	[ -f "$here/../unit/$1.c" ]
}

# One line of result, in one write: jobs share the pipe that it goes into.
verdict()
{
	local took

	took=$(seconds_between "$began" "$EPOCHREALTIME")
	printf '%s %s # time %s s: %s\n' "$1" "$name" "$took" "$2"
}

# Copies what tree $1 consists of to $2, build output left out.
copy_tree()
{
	(cd "$1" && find . \( -name build -o -name .git \) -prune -o \
		-type f \( -name '*.[chS]' -o -name '*.sh' -o -name Kbuild \
		-o -name Makefile -o -name '*.mk' \) -print0 | cpio -0pdm --quiet "$2")
}

apply()
{
	patch -p1 -d "$1" -F0 -f -s --no-backup-if-mismatch -r - \
		-i "$here/$name.patch" >"$slot/log" 2>&1
}

# Runs unit test $1 of the build $2; sets how= and returns 0 if it failed.
unit_fails()
{
	local line last='its start' said='' status pid

	how=
	exec {out}< <(ulimit -t $CPU_SECONDS
		exec timeout $UNIT_SECONDS "$2/$1" 2>&1)
	pid=$!
	while read -r -u "$out" line; do
		case $line in
		"not ok "*)
			# It has been caught: no use waiting for the rest.
			kill "$pid"
			how="${line#not ok * } fails"
			break
			;;
		"ok "*) last="${line#ok * }" ;;
		*"runtime error: "*) said=${line#*runtime error: } ;;
		*"AddressSanitizer: "*)
			said=${said:-${line#*AddressSanitizer: }}
			said=${said%% on *}
			;;
		esac
	done
	wait "$pid"
	status=$?
	exec {out}<&-
	[ -z "$how" ] || return 0
	case $status in
	0) return 1 ;;
	124)
		how="no end in $UNIT_SECONDS s"
		return 2
		;;
	137 | 152) how="goes round for ever" ;;
	*) how="${said:-exit status $status}" ;;
	esac
	how="after $last: $how"
}

unit_build()
{
	make -s -C "$1/selftests/unit" BUILD="$1/build" "$1/build/$2" \
		>"$slot/log" 2>&1
}

unit_job()
{
	rm -rf "$slot/tree"
	mkdir -p "$slot"
	# Made files come along, with their times: make rebuilds the change.
	cp -a "$work/tree" "$slot/tree"
	if ! apply "$slot/tree"; then
		verdict "not ok" "the patch does not apply: $(head -n 1 "$slot/log")"
	elif ! unit_build "$slot/tree" "$test"; then
		verdict "not ok" "no build: $(grep -m 1 error "$slot/log")"
	elif unit_fails "$test" "$slot/tree/build"; then
		verdict "ok" "caught by $test: $how"
	else
		verdict "not ok" "not caught by $test${how:+: $how}"
	fi
}

# Runs test $1 in a VM on the tree $2; sets how= and returns 0 if it failed.
vm_fails()
{
	local line bail='' seconds=$VM_SECONDS pid

	! is_built_kernel "$kernel" || seconds=$((4 * seconds))
	how=
	exec {out}< <(exec "$HVNET_VM/run.sh" --src "$2" --out "$slot/build-$kernel" \
		--arch "$arch" --kernel "$kernel" --deadline $seconds \
		--append "${append//,/ }" "$1" 2>"$slot/log")
	pid=$!
	while IFS= read -r -u "$out" line; do
		printf '%s\n' "$line" >>"$slot/log"
		case $line in
		"  not ok "*)
			# It has been caught: no use waiting for the rest.
			kill "$pid"
			how=${line#  not ok * }
			break
			;;
		"  Bail out! "*) bail=${line#  Bail out! } ;;
		"not ok "*) how=${line#not ok * time *: } ;;
		"ok "*"# SKIP"*) how="skipped" ;;
		"ok "*) how="passed" ;;
		esac
	done
	wait "$pid"
	exec {out}<&-
	case $line in
	"  not ok "*) return 0 ;;
	esac
	case $how in
	"kernel: "* | *BUG:* | *Oops* | "Kernel panic"* | \
	"Unable to handle"* | *"rcu: INFO:"* | *"soft lockup"* | \
	"exit status "*)
		how=${bail:-$how}
		return 0
		;;
	'') how="no build: $(grep -m 1 -i error "$slot/log")" ;;
	esac
	return 1
}

vm_job()
{
	rm -rf "$slot/tree"
	mkdir -p "$slot"
	cp -a "$work/tree" "$slot/tree"
	if ! apply "$slot/tree"; then
		verdict "not ok" "the patch does not apply: $(head -n 1 "$slot/log")"
	elif vm_fails "$test" "$slot/tree"; then
		verdict "ok" "caught by $test: $how"
	else
		verdict "not ok" "not caught by $test: $how"
	fi
}

# The same without a mutant: a test that fails then proves nothing.
vm_as_it_is()
{
	rm -rf "$slot/tree"
	mkdir -p "$slot"
	cp -a "$work/tree" "$slot/tree"
	vm_fails "$test" "$slot/tree"
	if [ "$how" = passed ]; then
		verdict "ok" "$how"
	else
		verdict "not ok" "$how"
	fi
}

# One of several at a time: its number, from xargs, makes its directory.  It is
# the name of a mutant, or of a test in the VM behind an @.
if [ "${1-}" = --job ]; then
	name=$2 began=$EPOCHREALTIME
	arch=$MUTANTS_ARCH kernel=$MUTANTS_KERNEL append=
	slot=$work/vm-$MUTANTS_SLOT
	case $name in
	@*) where=${name#@} ;;
	*) where=$(catcher_where "$name") ;;
	esac
	test=${where%:*}
	[ "$test" = "$where" ] || IFS=, read -r kernel append <<<"${where#*:}"
	if [ "$name" = "@$where" ]; then
		vm_as_it_is
		exit 0
	fi
	if is_unit "$test"; then
		slot=$work/unit-$MUTANTS_SLOT
		unit_job
	else
		vm_job
	fi
	exit 0
fi

# --- all of them

which=all part=1 parts=1 jobs=$(nproc) list=no arch=arm64 kernel=$HVNET_MAIN_KERNEL
patterns=()
while [ $# -gt 0 ]; do
	case $1 in
	--unit | --vm) which=${1#--} ;;
	--part)
		[[ $2 =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || usage
		part=${BASH_REMATCH[1]} parts=${BASH_REMATCH[2]}
		shift
		;;
	--jobs) jobs=$2; shift ;;
	--arch) arch=$(kernel_arch "$2") || exit 2; shift ;;
	--kernel) kernel=$2; shift ;;
	--list) list=yes ;;
	-*) usage ;;
	*) patterns+=("$1") ;;
	esac
	shift
done

# Is mutant $1 one of those asked for?
wanted()
{
	local pattern

	[ ${#patterns[@]} -gt 0 ] || return 0
	for pattern in "${patterns[@]}"; do
		# shellcheck disable=SC2053,SC2254
		case $1 in
		$pattern | $pattern-*) return 0 ;;
		esac
	done
	return 1
}

unit=() vm=() nth=0
for file in "$here"/*.patch; do
	name=$(basename "$file" .patch)
	wanted "$name" || continue
	only=$(sed -n 's/^Arch: *//p' "$file")
	[ "${only:-$arch}" = "$arch" ] || continue
	test=$(catcher "$name")
	if is_unit "$test"; then
		[ "$which" = vm ] || unit+=("$name")
	else
		# Nor is there time in a part to build a kernel.
		[[ $parts -eq 1 || $(catcher_where "$name") != *:* ]] || continue
		nth=$((nth % parts + 1))
		[ "$which" = unit ] || [ $nth -ne "$part" ] || vm+=("$name")
	fi
done
if [ $list = yes ]; then
	for name in "${unit[@]}" "${vm[@]}"; do
		printf '%-40s %s\n' "$name" "$(catcher_where "$name")"
	done
	exit 0
fi
[ $((${#unit[@]} + ${#vm[@]})) -gt 0 ] || die "there is no such mutant"

number=0 passed=0 failed=0
SECONDS=0
mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || die "another run of the mutants is under way"
rm -rf "$work/tree"
copy_tree "$HVNET_TOP" "$work/tree"

# Reads verdicts, numbers and counts them.
report()
{
	local line

	while read -r line; do
		number=$((number + 1))
		case $line in
		"not ok "*)
			failed=$((failed + 1))
			echo "not ok $number ${line#not ok }"
			;;
		*)
			passed=$((passed + 1))
			echo "ok $number ${line#ok }"
			;;
		esac
	done
}

run_all()
{
	MUTANTS_ARCH=$arch MUTANTS_KERNEL=$kernel xargs -r -P "$jobs" -n 1 \
		--process-slot-var=MUTANTS_SLOT "$here/run.sh" --job
}

# The mutants of those tests that pass on the tree as it is; the others failed.
BROKEN=" "
split()
{
	local name

	for name; do
		test=$(catcher_where "$name") began=$EPOCHREALTIME
		case $BROKEN in
		*" $test "*)
			verdict "not ok" "$test fails without the mutant, too" ;;
		*) echo "$name" >&3 ;;
		esac
	done
}

unit_first()
{
	local test

	for test in $(for name; do catcher "$name"; done | sort -u); do
		slot=$work
		unit_build "$work/tree" "$test" || die "$test cannot be built"
		unit_fails "$test" "$work/tree/build" || continue
		say "$test fails without a mutant: $how"
		BROKEN+="$test "
	done
}

vm_first()
{
	local line test

	while read -r line; do
		test=${line#*@}
		case $line in
		"not ok "*)
			say "fails without a mutant: $test"
			BROKEN+="${test%% *} "
			;;
		*) say "passes without a mutant: $test" ;;
		esac
	done < <(for name; do echo "@$(catcher_where "$name")"; done | sort -u |
		run_all)
}

echo "KTAP version 1"
echo "1..$((${#unit[@]} + ${#vm[@]}))"
todo=$work/todo
for kind in unit vm; do
	declare -n names=$kind
	[ ${#names[@]} -gt 0 ] || continue
	${kind}_first "${names[@]}"
	report < <(split "${names[@]}" 3>"$todo")
	report < <(run_all <"$todo")
	unset -n names
done
rm -rf "$work/tree" "$work"/unit-*
say "mutants: $SECONDS s"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
