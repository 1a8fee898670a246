# SPDX-License-Identifier: GPL-2.0-only
#
# Medians (see median.awk) against what hvisor_vnet wants to reach, as Markdown.
# A goal that a column's missing value leaves open is "open".

BEGIN {
	FS = "|"
	split("TX RX", ways, " ")
}

$2 == "icount" {
	value[$3, $5] = $6
	if ($1 ~ /^(frames|devices|latency|interrupts)$/ &&
	    $5 == "hvisor_vnet" && !($3 in known)) {
		known[$3]
		row[++rows] = $3
	}
}

function number(s) {
	return s ~ /^[0-9.]+$/
}

function goal(what, wanted, measured, reached) {
	print "| " what " | " wanted " | " measured " | " reached " |"
}

function verdict(reached) {
	return reached ? "yes" : "**no**"
}

# How many times @b is @a, if both are known.
function compare(what, a, b, wanted, at_least,   r) {
	if (!number(a) || !number(b) || b == 0) {
		goal(what, wanted, "", "open")
		return
	}
	r = a / b
	goal(what, (at_least ? "at least " : "at most ") wanted,
	     sprintf("%.2f", r), verdict(at_least ? r >= wanted : r <= wanted))
}

function smaller(a, b) {
	return a + 0 < b + 0 ? a : b
}

function beside_vhost(   i, us, them) {
	for (i = 1; i <= rows; i++) {
		us = value[row[i], "hvisor_vnet"]
		them = value[row[i], "vhost-net"]
		if (them != "n/a")
			compare(row[i] ": instructions, times vhost-net's",
				us, them, 1, 0)
	}
}

function beside_user(way,   name, user, rig, us) {
	name = "guest " way ", 64 bytes"
	user = smaller(value[name, "user, batching"],
		       value[name, "user, daemon"])
	us = value[name, "hvisor_vnet"]
	rig = value[name, "rig alone"]
	compare(name ": strongest in user space, times ours", user, us, 3, 1)
	compare(name ": the same without the rig's share", user - rig,
		us - rig, 3, 1)
}

function flat(way,   i, n, name, v, low, high) {
	split("1 device,2 devices,4 devices,7 devices", n, ",")
	for (i = 1; i <= 4; i++) {
		v = value["guest " way ", 64 bytes, " n[i], "hvisor_vnet"]
		if (!number(v))
			return
		low = low == "" || v + 0 < low ? v + 0 : low
		high = v + 0 > high ? v + 0 : high
	}
	compare("guest " way ", from 1 to 7 devices: dearest, times cheapest",
		high, low, 1.1, 0)
}

END {
	print "| goal | wanted | measured | reached |"
	print "| :--- | :--- | ---: | :--- |"
	beside_vhost()
	for (w = 1; w <= 2; w++) {
		way = ways[w]
		name = "guest " way ", 64 KiB GSO"
		compare(name ": times a memcpy", value[name, "hvisor_vnet"],
			value[name, "memcpy"], 1.5, 0)
		name = "guest " way ", 64 KiB of TCP as it can"
		compare(name ": the daemon's setting, times ours",
			value[name, "user, daemon"], value[name, "hvisor_vnet"],
			8, 1)
		beside_user(way)
		flat(way)
	}
	name = "idle, interrupts and task switches"
	if (!number(value[name, "hvisor_vnet"]))
		exit
	more = value[name, "hvisor_vnet"] - value[name, "nothing"]
	goal("idle: interrupts and task switches a second, more than nothing",
	     "below 1", sprintf("%.1f", more), verdict(more < 1))
}
