# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What tests of many cycles share: what the kernel holds before and after,
# whether it grew with the cycles, and whether a guest that has just come works.
# Sourced after lib.sh and netlib.sh.

CYCLES=$(scaled 200)

# Objects of the slab caches that the module allocates from. A slab that a CPU
# allocates from counts as if it was full: so none is when they are counted. But
# for kmalloc-8, from which looking allocates, and which has 512 in a slab; what
# leaked of those kmemleak knows.
leak_slabs()
{
	for leak_cache in /sys/kernel/slab/kmalloc* /sys/kernel/slab/skbuff* \
		/sys/kernel/slab/kernfs* /sys/kernel/slab/task*; do
		case $leak_cache in
		*/kmalloc-8 | *"*") continue ;;
		esac
		echo 1 >"$leak_cache/shrink"
		read -r leak_objects _ <"$leak_cache/objects"
		echo "slab:${leak_cache##*/} $leak_objects"
	done
}

# leak_snapshot FILE: those, mappings, interfaces, pages; once what is only about
# to be freed has been
leak_snapshot()
{
	sleep 1
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	for leak_cache in /sys/kernel/slab/*; do
		[ -L "$leak_cache" ] || echo 1 >"$leak_cache/shrink"
	done
	{
		leak_slabs
		# Addresses are given back late, which is counted apart.
		echo "vmalloc" "$(grep -vc unpurged /proc/vmallocinfo)"
		echo "interfaces" "$(ls /sys/class/net | wc -l)"
		# Free pages that a CPU keeps for itself are not leaked either.
		awk '$1 == "nr_free_pages" || $1 == "count:" { free += $2 }
			END { print "used_pages", -free }' /proc/zoneinfo
	} >"$1"
}

# no_leak BEFORE AFTER CYCLES: nothing grew by one a cycle
no_leak()
{
	awk -v limit="$(($3 * 9 / 10))" '
	FNR == NR { before[$1] = $2; next }
	$2 - before[$1] >= limit {
		print "# " $1 " grew from " before[$1] " to " $2
		bad = 1
	}
	END { exit bad }' "$1" "$2"
}

# ktap_cycles DESCRIPTION COMMAND: two points: COMMAND goes through as many
# cycles as its argument says, and leaks nothing. What is made once and stays
# is made in a few cycles before.
ktap_cycles()
{
	"$2" "$(scaled 10)"
	if [ "$CYCLES" -lt 100 ]; then
		ktap_check "$1 $CYCLES times" "$2" "$CYCLES"
		ktap_skip "nothing leaked" "too few cycles to tell"
		return
	fi
	leak_snapshot /tmp/before
	ktap_check "$1 $CYCLES times" "$2" "$CYCLES"
	leak_snapshot /tmp/after
	ktap_check "nothing leaked" no_leak /tmp/before /tmp/after $CYCLES
}

# works: the guest gets its address, and frames cross
works()
{
	in_guest ip addr add "$NET_GUEST/24" dev eth0
	wait_for 5 ping -q -c 1 -W 1 "$NET_GUEST" && flood 100 "$NET_GUEST"
}

# refcount MODULE
refcount()
{
	cat "/sys/module/$1/refcnt"
}
