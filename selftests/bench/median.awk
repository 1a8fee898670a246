# SPDX-License-Identifier: GPL-2.0-only
#
# From what the programs in the VM printed, round by round, to one line a value:
#
#	result|FAMILY|NAME|COLUMN|VALUE|UNIT|METHOD	in, any number of rounds
#	FAMILY|METHOD|NAME|UNIT|COLUMN|VALUE		out: the median
#
# in the order in which the names first came.  Where columns took turns by the
# clock there is one more line, for how a column compares with the one it is
# measured against, "ratio to COLUMN": the median of the rounds' own ratios.

BEGIN {
	FS = OFS = "|"
	OFMT = CONVFMT = "%.10g"	# all digits of nanoseconds
	peer["frames"] = peer["latency"] = "vhost-net"
	peer["iperf3"] = "veth"
}

$1 != "result" { next }

{
	row = $2 FS $7 FS $3 FS $6
	if (!(row in known)) {
		known[row] = ++rows
		order[rows] = row
		family[rows] = $2
		method[rows] = $7
	}
	r = known[row]
	if (!((r, $4) in times))
		column[r, ++columns[r]] = $4
	value[r, $4, ++times[r, $4]] = $5
}

function number(s) {
	return s ~ /^[0-9.]+$/
}

# The median of list[1..n], which gets sorted.
function median(n,   i, j, x) {
	for (i = 2; i <= n; i++) {
		x = list[i]
		for (j = i - 1; j && list[j] > x; j--)
			list[j + 1] = list[j]
		list[j + 1] = x
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function median_of(r, c,   i, n) {
	n = times[r, c]
	if (!number(value[r, c, 1]))
		return value[r, c, 1]
	for (i = 1; i <= n; i++)
		list[i] = value[r, c, i] + 0
	return median(n)
}

function ratio_of(r, c, other,   i, n) {
	n = 0
	for (i = 1; i <= times[r, c] && i <= times[r, other]; i++)
		if (number(value[r, c, i]) && value[r, other, i] + 0 > 0)
			list[++n] = value[r, c, i] / value[r, other, i]
	return n ? sprintf("%.3f", median(n)) : value[r, c, 1]
}

END {
	for (r = 1; r <= rows; r++) {
		for (i = 1; i <= columns[r]; i++) {
			c = column[r, i]
			print order[r], c, median_of(r, c)
		}
		p = peer[family[r]]
		split(order[r], part, FS)
		if (method[r] != "wall" || !((r, p) in times) || part[4] == "%")
			continue
		for (i = 1; i <= columns[r]; i++) {
			c = column[r, i]
			if (c != p && c != "memcpy" && c != "rig alone")
				print part[1], part[2], part[3],
					"ratio to " p, c, ratio_of(r, c, p)
		}
	}
}
