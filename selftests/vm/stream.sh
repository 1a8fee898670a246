# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Runs a virtual machine, follows what rigrun says on its console, and makes
# KTAP of it.  Sourced, after common.sh, by whoever knows how to boot one, and
# what to boot: neither QEMU's options nor tests are known here.  It sets
#	work		a directory that goes away with the script
# and wants of who sources it
#	boot_vm WISHES TEST...	packs an initramfs, fills the array qemu with a
#			command line, calls follow_vm
#	describe_vm TEST	its machine in a few words
#	timeout[TEST]	seconds
#	give_up		when to end, in SECONDS
#	shared		if others write to the same place: a file to take turns by, and
#			what is said of a test is said at its end
# A vm is killed when this script ends, however that comes.

shopt -s extglob

BOOT_SECONDS=120
STUCK_SECONDS=10		# what it gets once a CPU is known to be stuck
GRACE_SECONDS=90		# what the VM may take to end a test by itself
SAID_LINES=60			# of what the kernel said, when a test has failed

declare -A concluded timeout
qemu=() give_up=0

qemu_pid=
work=$(mktemp -d)
cleanup()
{
	[ -n "$qemu_pid" ] && kill -KILL "$qemu_pid" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# open_log DIRECTORY: what the console says is kept there.
open_log()
{
	mkdir -p "$1"
	log=$(mktemp "$1/console.XXXXXX")
	ln -sf "${log##*/}" "$1/console"
}

# Judges a line of the console that is not rigrun's.  Who sources this may put
# another one in its place, and call this one too.
on_kernel()
{
	case $1 in
	*"BUG: KCSAN: "*) ;;	# rigrun knows whose they are
	"Kernel panic"* | *Oops* | *BUG:* | "Unable to handle"*)
		on_complaint "$1"
		;;
	*"rcu: INFO:"* | *"soft lockup"*)
		on_stuck "$1"
		;;
	esac
}

on_other()
{
	on_kernel "$1"
}

# A CPU is gone: no use waiting for the rest.
on_stuck()
{
	on_complaint "$1"
	[ $bound -lt $((SECONDS + STUCK_SECONDS)) ] ||
		bound=$((SECONDS + STUCK_SECONDS))
}

# Runs the command in the array qemu.  Calls on_* for what happens; when it
# returns, the VM is gone.
follow_vm()
{
	local end line text status

	echo "${qemu[*]}" >>"$log"
	exec {console}< <(exec "${qemu[@]}" </dev/null 2>&1)
	qemu_pid=$!
	bound=$((SECONDS + BOOT_SECONDS))
	while :; do
		end=$((bound < give_up ? bound : give_up))
		IFS= read -r -t "$((end > SECONDS ? end - SECONDS : 1))" \
			-u "$console" line
		status=$?
		if [ $status -gt 128 ]; then
			on_death "no end after $((SECONDS - began_s)) s, VM killed"
			break
		elif [ $status -ne 0 ]; then
			on_death "the VM stopped"
			break
		fi
		# Whoever shares the console may print in colours.
		line=${line//$'\e['*([0-9;])m/}
		line=${line%$'\r'}
		printf '%s\n' "$line" >>"$log"
		text=${line#\[*\] }
		case $text in
		"rig| "*) on_text "${text#rig| }" ;;
		"rig|") on_text "" ;;
		"rig-begin "*) on_begin "${text#rig-begin }" ;;
		"rig-end "*) on_end "${text#rig-end }" ;;
		"rig-boot "*) on_complaint "while booting: ${text#rig-boot }" ;;
		"rig-done") on_done ;;
		*)
			said+=("$line")
			on_other "$text"
			;;
		esac
	done
	kill -KILL "$qemu_pid" 2>/dev/null
	wait "$qemu_pid" 2>/dev/null
	qemu_pid=
	exec {console}<&-
}

# --- tests: what happens in a VM becomes KTAP

passed=0 failed=0 skipped=0 number=0
current='' began=0 began_s=0 complaint='' boot_trouble='' finished=no
points=0 bad_points=0 plan='' said=()
shared='' kept=()

# A line of what is said of the current test.
tell()
{
	if [ -n "$shared" ]; then
		kept+=("$1")
	else
		printf '%s\n' "$1"
	fi
}

# There is no more to say of it.
told()
{
	[ -n "$shared" ] || return
	(
		flock 8
		printf '%s\n' "${kept[@]}"
	) 8>>"$shared"
	kept=()
}

on_begin()
{
	current=$1
	began=$EPOCHREALTIME began_s=$SECONDS
	bound=$((SECONDS + timeout[$current] + GRACE_SECONDS))
	complaint='' said=() points=0 bad_points=0 plan=''
	tell "# $current ($(describe_vm "$current"))"
}

on_text()
{
	case $1 in
	"ok "*) points=$((points + 1)) ;;
	"not ok "*) points=$((points + 1)) bad_points=$((bad_points + 1)) ;;
	1..*) plan=${1#1..} plan=${plan%% *} ;;
	"TAP version "* | "KTAP version "*) return ;;
	esac
	tell "  $1"
}

on_complaint()
{
	[ -n "$complaint" ] || complaint=$1
	[ -n "$current" ] || boot_trouble=$1
}

# What the kernel said: from where it said $1, if it did.
tell_kernel()
{
	local first=0 line

	while [ "$first" -lt ${#said[@]} ] &&
		[[ ${said[first]} != *"${1#kernel: }"* ]]; do
		first=$((first + 1))
	done
	[ "$first" -lt ${#said[@]} ] || first=0
	for line in "${said[@]:first:SAID_LINES}"; do
		tell "#   $line"
	done
}

# Prints the test point of the current test: $1 is why it failed, or empty.
conclude()
{
	local took

	took=$(seconds_between "$began" "$EPOCHREALTIME")
	number=$((number + 1))
	concluded[$current]=1
	case $1 in
	'')
		passed=$((passed + 1))
		tell "ok $number $current # time ${took} s"
		;;
	SKIP)
		skipped=$((skipped + 1))
		tell "ok $number $current # SKIP time ${took} s"
		;;
	*)
		failed=$((failed + 1))
		tell "not ok $number $current # time ${took} s: $1"
		tell_kernel "$1"
		;;
	esac
	told
	current='' said=()
	bound=$((SECONDS + BOOT_SECONDS))
}

on_end()
{
	local name status ms why

	read -r name status ms why <<<"$1"
	: "$name" "$ms"
	if [ "$why" != - ] || [ -n "$complaint" ]; then
		conclude "${complaint:-$why}"
	elif [ "$status" = 124 ]; then
		conclude "timeout"
	elif [ "$status" = 4 ]; then
		conclude SKIP
	elif [ "$status" != 0 ]; then
		conclude "exit status $status"
	elif [ $bad_points -gt 0 ]; then
		conclude "exit status 0 with $bad_points failed points"
	elif [ $points -eq 0 ]; then
		conclude "it tested nothing"
	elif [ -n "$plan" ] && [ "$plan" != $points ]; then
		conclude "planned $plan points, made $points"
	else
		conclude ''
	fi
}

on_done()
{
	finished=yes
	bound=$((SECONDS + STUCK_SECONDS))
}

on_death()
{
	if [ -n "$current" ]; then
		conclude "${complaint:-$1}"
	elif [ $finished = no ]; then
		boot_trouble=${boot_trouble:-$1}
	fi
}

# Runs tests with the wishes $1 until each is concluded.  After one that left
# the kernel in doubt the rest gets a new VM.
run_group()
{
	local key=$1 rest name before

	shift
	while [ $# -gt 0 ]; do
		finished=no boot_trouble='' before=$number
		boot_vm "$key" "$@"
		rest=()
		for name; do
			[ -n "${concluded[$name]-}" ] || rest+=("$name")
		done
		if [ ${#rest[@]} -gt 0 ] && { [ "$number" = "$before" ] ||
			[ -n "$boot_trouble" ] || [ $SECONDS -ge $give_up ]; }; then
			for name in "${rest[@]}"; do
				current=$name began=$EPOCHREALTIME said=()
				conclude "not run: ${boot_trouble:-out of time}"
			done
			rest=()
		fi
		set -- "${rest[@]}"
	done
}

# sum_up WHAT: the last line; fails if a test did
sum_up()
{
	echo "# $1: $passed passed, $failed failed, $skipped skipped, $SECONDS s"
	[ "$failed" -eq 0 ]
}
