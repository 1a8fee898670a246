# SPDX-License-Identifier: GPL-2.0-only
#
# Instructions per frame by function.  Reads three files, in this order:
#
#	symbols		/proc/kallsyms of the VM, text only, sorted by address
#	log		what ringbench printed: region|NAME|COLUMN|UNITS|UNIT
#	profile		what icprofile.c wrote: REGION ADDRESS INSTRUCTIONS
#
# and prints for each measurement who (which module, or the kernel) and which
# functions ran how many instructions for each unit; -v top=N bounds the latter.

BEGIN {
	symbols = regions = 0
}

# Addresses are too long for awk's numbers; as text of one length they sort.
FILENAME == ARGV[1] {
	at[++symbols] = $1
	name[symbols] = $3
	who[symbols] = $4 == "" ? "kernel" : $4
	next
}

FILENAME == ARGV[2] {
	if (split($0, field, "|") == 5 && field[1] == "region") {
		title[regions] = field[2] ", " field[3]
		units[regions] = field[4]
		unit[regions++] = field[5]
	}
	next
}

# The last symbol that is not beyond the address.
function symbol_of(address,   low, high, middle)
{
	if (address in known)
		return known[address]
	low = 1
	high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (at[middle] "" <= address "")
			low = middle
		else
			high = middle - 1
	}
	known[address] = low
	return low
}

{
	s = symbol_of($2)
	count[$1, s] += $3
	owner[$1, who[s]] += $3
	total[$1] += $3
	owners[who[s]]
	seen[s]
}

END {
	if (!top)
		top = 20
	sort = "sort -rn"
	for (r = 0; r < regions; r++) {
		printf "\n%s: %.1f instructions/%s\n", title[r],
			total[r] / units[r], unit[r]
		for (o in owners)
			if ((r, o) in owner)
				printf("%10.1f  %s\n", owner[r, o] / units[r],
				       o) | sort
		close(sort)
		print "    --------------------"
		first = sort " | head -n " top
		for (s in seen)
			if ((r, s) in count)
				printf("%10.1f  %s %s\n", count[r, s] / units[r],
				       name[s], who[s]) | first
		close(first)
	}
}
