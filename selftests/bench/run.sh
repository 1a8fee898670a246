#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "make bench": boots the VMs in which the measurements run, one after the
# other, and makes of what they say
#
#	build/bench/results.json	a list of {name, value, unit, column,
#					method, kernel}
#	build/bench/results.md		tables
#	build/bench/FAMILY-METHOD.svg	plots
#
#   run.sh [--kernel VERSION] [--rounds N] [--out DIR] [PART...]
#   run.sh profile [COLUMN [FAMILY...]]
#
# Parts are icount, wall, iperf-icount, iperf-wall; all by default.  How the
# numbers come about is explained in Documentation/performance.rst.
set -u
. "$(dirname "$0")/../vm/common.sh"

bench=$HVNET_TOP/selftests/bench
kernel=$HVNET_MAIN_KERNEL rounds=5 out=$HVNET_TOP/build/bench parts=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2; shift ;;
	--rounds) rounds=$2; shift ;;
	--out) out=$2; shift ;;
	-*) die "run.sh knows no option $1" ;;
	*) parts+=("$1") ;;
	esac
	shift
done
[ ${#parts[@]} -gt 0 ] || parts=(icount wall iperf-icount iperf-wall)

# The CPU that is emulated by the clock asks for mitigations that flush the
# emulator's TLB at each system call; a Cortex-A55 asks for none of them.
clock=(--append "mitigations=off kpti=off")

# vm COMMAND OPTION...: what the command prints in a VM of one CPU, or more
vm()
{
	local command=$1

	shift
	"$HVNET_VM/run.sh" --kernel "$kernel" --deadline 3600 "$@" \
		--command "$command"
}

# One line that says where we are; none where nobody watches.
progress()
{
	[ -t 2 ] && printf '\r\033[K# %.76s' "$*" >&2
}

# Passes results on, shows how far it is, and prints whatever else is said.
watch()
{
	local part=$1 line count=0 round='' family name column

	while IFS= read -r line; do
		case $line in
		"result|"*)
			count=$((count + 1))
			IFS='|' read -r _ family name column _ <<<"$line"
			progress "$part${round:+, $round}, value $count:" \
				"$column, $name"
			echo "$line"
			;;
		"kernel|"*) echo "$line" ;;
		"progress|"*) round=${line#*|} ;;
		*) printf '\n%s\n' "$line" >&2 ;;
		esac
	done
	progress ''
	say "$part: $count values"
}

run_part()
{
	case $1 in
	icount) vm "sh ./bench_rings.sh icount" --icount --smp 1 ;;
	wall) vm "sh ./bench_rings.sh wall $rounds" --smp 1 "${clock[@]}" ;;
	iperf-icount) vm "sh ./bench_iperf.sh icount" --icount --smp 1 ;;
	iperf-wall) vm "sh ./bench_iperf.sh wall $rounds" --smp 2 "${clock[@]}" ;;
	*) die "there is no part $1" ;;
	esac
}

plots()
{
	local family method title

	while IFS='|' read -r family method; do
		title="$family, by $method"
		[ "$method" = icount ] && title="$family, in virtual time"
		[ "$method" = wall ] && title="$family, by the clock"
		awk -v family="$family" -v method="$method" \
			-v title="$title (Linux $release)" -f "$bench/plot.awk" \
			"$out/medians" >"$out/$family-$method.svg"
	done < <(cut -d'|' -f1,2 "$out/medians" | sort -u)
}

bench()
{
	local part

	mkdir -p "$out"
	for part in "${parts[@]}"; do
		run_part "$part" 2>&1 | watch "$part" >"$out/$part.log"
		[ "${PIPESTATUS[0]}" -eq 0 ] || die "$part failed"
	done
}

report()
{
	local logs=() part

	for part in icount wall iperf-icount iperf-wall; do
		[ ! -f "$out/$part.log" ] || logs+=("$out/$part.log")
	done
	release=$(sed -n 's/^kernel|//p' "${logs[@]}" | head -n 1)
	awk -f "$bench/median.awk" "${logs[@]}" >"$out/medians"
	awk -v kernel="$release" -f "$bench/json.awk" "$out/medians" \
		>"$out/results.json"
	{
		echo "Linux $release, arm64, under QEMU; made by \`make bench\`"
		echo
		awk -f "$bench/table.awk" "$out/medians"
		echo
		echo "## Goals"
		echo
		awk -f "$bench/goals.awk" "$out/medians"
	} >"$out/results.md"
	plots
	cat "$out/results.md"
	say "$out/results.json, results.md and plots"
}

# --- which functions the instructions are

profile()
{
	local column=${1:-hvisor_vnet} families=("${@:2}") log=$out/profile.log

	[ ${#families[@]} -gt 0 ] || families=(frames latency registers)
	mkdir -p "$out"
	gcc -O2 -shared -fPIC -fvisibility=hidden -o "$out/icprofile.so" \
		"$bench/icprofile.c" || die "the plugin does not build"
	vm "ringbench profile '$column' ${families[*]} &&
		awk '\$2 ~ /^[tTwW]\$/' /proc/kallsyms | gzip -9 |
		base64 -w 800 | sed 's/^/symbols|/'" --icount --smp 1 \
		--plugin "$out/icprofile.so,out=$out/profile.raw" >"$log" ||
		die "profiling failed, see $log"
	sed -n 's/^symbols|//p' "$log" | base64 -d | gunzip |
		LC_ALL=C sort >"$out/profile.symbols"
	awk -v top=20 -f "$bench/profile.awk" "$out/profile.symbols" "$log" \
		"$out/profile.raw" | tee "$out/profile.txt"
}

main()
{
	if [ "${parts[0]}" = profile ]; then
		profile "${parts[@]:1}"
	else
		bench
		report
	fi
}

# In one line, so that this file may change while it runs.
main; exit
