# SPDX-License-Identifier: GPL-2.0-only
#
# Medians (see median.awk) of one family and method as an SVG plot: a group of
# bars for each row, a bar for each column of the table, each group scaled to
# its longest bar, for rows differ by powers of ten.
#
#	awk -v family=frames -v method=icount -v title=... -f plot.awk MEDIANS

BEGIN {
	FS = "|"
	n_colours = split("#8c8c8c #c0c0c0 #1f6fb4 #7fb2d9 #d9762b #5a9a4a " \
		"#a9cf9b #8a63b0", colour, " ")
	BAR = 12
	GAP = 14
	LEFT = 290
	WIDTH = 420
	TOP = 60
}

$1 != family || $2 != method || $4 ~ /^ratio/ { next }

{
	row = $3 "|" $4
	if (!(row in known)) {
		known[row]
		name[++rows] = row
	}
	if (!($5 in column_at)) {
		column_at[$5] = ++columns
		column[columns] = $5
	}
	value[row, $5] = $6
	if ($6 ~ /^[0-9.]+$/ && $6 + 0 > longest[row])
		longest[row] = $6 + 0
	bars++
}

function escaped(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	return s
}

function text(x, y, anchor, s) {
	printf "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
		x, y, anchor, escaped(s)
}

function box(x, y, w, h, fill) {
	printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
		x, y, w, h, fill
}

function fill_of(c) {
	return colour[(column_at[c] - 1) % n_colours + 1]
}

function legend(   i, x) {
	x = 10
	for (i = 1; i <= columns; i++) {
		box(x, 32, 10, 10, fill_of(column[i]))
		text(x + 14, 41, "start", column[i])
		x += 32 + 6.4 * length(column[i])
	}
}

function bar(row, c, y,   v) {
	v = value[row, c]
	if (v !~ /^[0-9.]+$/) {
		text(LEFT + 4, y + 10, "start", c ": " v)
		return
	}
	box(LEFT, y, longest[row] ? WIDTH * v / longest[row] : 0, BAR - 2,
	    fill_of(c))
	text(LEFT + (longest[row] ? WIDTH * v / longest[row] : 0) + 4, y + 9,
	     "start", sprintf(v >= 100 ? "%.0f" : "%.1f", v))
}

END {
	if (!rows)
		exit 1
	height = TOP + bars * BAR + rows * GAP + 10
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" " \
		"height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n",
		LEFT + WIDTH + 90, height
	print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
	printf "<text x=\"10\" y=\"20\" font-size=\"14\">%s</text>\n",
		escaped(title)
	legend()
	y = TOP
	for (r = 1; r <= rows; r++) {
		split(name[r], part, "|")
		text(LEFT - 8, y + 10, "end", part[1])
		text(LEFT - 8, y + 22, "end", part[2])
		for (i = 1; i <= columns; i++) {
			if (!((name[r], column[i]) in value))
				continue
			bar(name[r], column[i], y)
			y += BAR
		}
		y += GAP
	}
	print "</svg>"
}
