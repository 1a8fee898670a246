# SPDX-License-Identifier: GPL-2.0-only
#
# Medians (see median.awk) as JSON: a list of {name, value, unit, column,
# method, kernel}.  A value that a column does not offer is null.  -v kernel=
# says which kernel it was.

BEGIN {
	FS = "|"
	print "["
}

function number(s) {
	return s ~ /^[0-9.]+$/
}

{
	printf "%s  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\", ",
		between, $3, (number($6) ? $6 : "null"), $4
	printf "\"column\": \"%s\", \"method\": \"%s\", \"kernel\": \"%s\"}",
		$5, $2, kernel
	between = ",\n"
}

END { print "\n]" }
