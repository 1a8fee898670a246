# SPDX-License-Identifier: GPL-2.0-only
#
# Medians (see median.awk) as Markdown: a table for each family and method.

BEGIN {
	FS = "|"
	n_order = split("memcpy,rig alone,nothing,hvisor_vnet," \
		"hvisor_vnet; no offloads,vhost-net,user; batching," \
		"user; daemon,veth,veth; no offloads", order, ",")
	for (i = 1; i <= n_order; i++)
		gsub(";", ",", order[i])
	compared["frames icount"]
	compared["latency icount"]
	compared["interrupts icount"]
	compared["devices icount"]
	title["frames icount"] = "Instructions a frame"
	title["frames wall"] = "Time a frame, on this machine"
	title["share icount"] = "Of these in user space, where the backend lives there"
	title["latency icount"] = "Instructions a round trip"
	title["latency wall"] = "Time of a round trip, on this machine"
	title["interrupts icount"] = "Instructions a frame, the guest's interrupts on"
	title["events icount"] = "What happens besides, for 1000 frames"
	title["idle icount"] = "A device that is up, and nothing to do"
	title["devices icount"] = "Instructions a frame, with several devices"
	title["iperf3 icount"] = "The kernel's virtio_net, in virtual time on one CPU"
	title["iperf3 wall"] = "The kernel's virtio_net, on this machine"
}

{
	t = $1 " " $2
	if (!(t in tables)) {
		tables[t] = ++n_tables
		table[n_tables] = t
	}
	row = $3 "|" $4
	if (!((t, row) in seen)) {
		seen[t, row]
		name[t, ++rows[t]] = row
	}
	cell[t, row, $5] = $6 ~ /^[0-9.]+$/ ? shown($6) : $6
	value[t, row, $5] = $6
	used[t, $5]
}

# Four digits say enough.
function shown(v) {
	if (v >= 1000)
		return sprintf("%.0f", v)
	return sprintf(v >= 10 || v == 0 ? "%.1f" : "%.2f", v)
}

function line(t, first, unit, row,   i, text) {
	text = "| " first " |"
	for (i = 1; i <= n_order; i++) {
		if (!((t, order[i]) in used))
			continue
		if (row == "head")
			text = text " " order[i] " |"
		else if (row == "rule")
			text = text " ---: |"
		else
			text = text " " cell[t, row, order[i]] " |"
	}
	print text (t in compared ? " " against(t, row) " |" : "") " " unit " |"
}

# This module beside vhost-net.
function against(t, row,   us, them) {
	if (row == "head")
		return "hvisor_vnet / vhost-net"
	if (row == "rule")
		return "---:"
	us = value[t, row, "hvisor_vnet"]
	them = value[t, row, "vhost-net"]
	return us + 0 && them + 0 ? sprintf("%.2f", us / them) : ""
}

END {
	for (n = 1; n <= n_tables; n++) {
		t = table[n]
		print (n > 1 ? "\n" : "") "## " (t in title ? title[t] : t) "\n"
		line(t, "", "unit", "head")
		line(t, ":---", ":---", "rule")
		for (r = 1; r <= rows[t]; r++) {
			split(name[t, r], part, "|")
			line(t, part[1], part[2], name[t, r])
		}
	}
}
