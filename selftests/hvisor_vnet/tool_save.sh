#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet save: what is loaded, however its file was written, comes back the same
# when the saved file is loaded: zones, RAM, and every device to the last
# setting.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

# All that there is, but for what changes from one device to the next.
there()
{
	hvnet show -j | grep -v '"ifindex"'
}

# comes_back: what is loaded is saved, removed, loaded from there, and the same
comes_back()
{
	there >before
	hvnet save saved.json >said || return 1
	hvnet unload >/dev/null && nothing_there &&
		hvnet load saved.json >/dev/null || return 1
	there >after
	cmp -s before after || { diff before after | sed 's/^/# /'; return 1; }
	hvnet save >again.json && cmp -s saved.json again.json &&
		! [ -e saved.json.new ]
}

# loaded FILE: and everything else is gone
loaded()
{
	hvnet unload >/dev/null
	hvnet load "$1" >said 2>&1 || { sed 's/^/# /' said; return 1; }
}

region()
{
	printf '{ "zone0_ipa": "%#x", "zonex_ipa": "%s", "size": "%s" }' \
		$((RAW_BASE + $1)) "$2" "$3"
}

# --- files as hvisor-tool's users have them: a Linux zone with a disk, a console
# and a NIC; strings throughout

strings()
{
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
		"{ \"type\": \"blk\", \"addr\": \"0xff9d0000\", \"len\": \"0x200\", \"irq\": 78, \"img\": \"rootfs2.ext4\", \"status\": \"enable\" },
		{ \"type\": \"console\", \"addr\": \"0xff9e0000\", \"len\": \"0x200\", \"irq\": 76, \"status\": \"enable\" },
		{ \"type\": \"net\", \"addr\": \"0xff9f0000\", \"len\": \"0x200\", \"irq\": \"75\", \"tap\": \"tap0\", \"mac\": [\"0x00\", \"0x16\", \"0x3e\", \"0x10\", \"0x10\", \"0x10\"], \"status\": \"enable\" },
		{ \"type\": \"gpu\", \"addr\": \"0xffa00000\", \"len\": \"0x200\", \"irq\": 74, \"width\": 1280, \"height\": 800, \"status\": \"disable\" }")"
	loaded cfg.json && comes_back &&
		hvnet show device tap0 | grep -q 'mac 00:16:3e:10:10:10'
}

# Numbers, decimal and hexadecimal; no address of its own; an SCMI device.
numbers()
{
	config cfg.json "$(zone_entry 1 \
		"{ \"zone0_ipa\": $((RAW_BASE)), \"zonex_ipa\": 0, \"size\": 1048576 }" \
		"{ \"type\": \"scmi\", \"addr\": 4288479232, \"len\": 512, \"irq\": 79, \"status\": \"enable\" },
		{ \"type\": \"net\", \"addr\": 4288610304, \"len\": 512, \"irq\": 80, \"tap\": \"zone1\", \"status\": \"enable\" }")"
	loaded cfg.json && comes_back
}

# Several zones, several ranges, two NICs in one zone, one zone without any.
zones()
{
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000), $(region 0x200000 0x70000000 0x1000), { \"zone0_ipa\": \"0xa0000000\", \"zonex_ipa\": \"0\", \"size\": 0 }" \
		"$(net_entry 0xa003600 75 tap0), $(net_entry 0xa003800 77 tap1)")" \
		"$(zone_entry 2 "$(region 0x400000 0x80000000 0x2000)" \
			"$(net_entry 0xa003600 75 tap2)")" \
		"$(zone_entry 3 "$(region 0x600000 0 0x1000)" "$BLK, $CONSOLE")"
	loaded cfg.json && [ "$(ls $BUS/devices | wc -l)" = 5 ] && comes_back &&
		[ "$(grep -c '"tap"' saved.json)" = 3 ]
}

# What hvisor-tool's files cannot say.
settings()
{
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
		"$(net_entry 0xa003600 75 tap0 '"mtu": 9000, "queue": "0x40", "rx-usecs": 7')")"
	loaded cfg.json &&
		hvnet show device tap0 | grep -q 'mtu 9000, queue 64$' &&
		hvnet show device tap0 | grep -q 'rx-usecs 7, ' &&
		hvnet set device tap0 mtu=1400 features=0x100000020 cpu=1 \
			tx-usecs=0 tx-frames=1 rx-usecs=9 rx-frames=5 \
			rx-adaptive=0 >/dev/null &&
		comes_back && hvnet show device tap0 | grep -q 'on CPU 1' && hvnet show device tap0 | grep -q \
			'tx-usecs 0, tx-frames 1, rx-usecs 9, rx-frames 5, rx-adaptive 0'
}

wrong_settings()
{
	hvnet unload >/dev/null
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
		"$(net_entry 0xa003600 75 tap0 '"mtu": "large"')")"
	hvnet_says 1 'hvnet: cfg.json: zones[0].devices[0].mtu is "large"; right would be a number up to 0xffffffff' \
		load cfg.json || return 1
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
		"$(net_entry 0xa003600 75 tap0 '"queue": 4294967296')")"
	hvnet_says 1 'hvnet: cfg.json: zones[0].devices[0].queue is 4294967296; right would be a number up to 0xffffffff' \
		load cfg.json || return 1
	config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
		"$(net_entry 0xa003600 75 tap0 '"mtu": 67')")"
	hvnet_says 1 'zone 1: 1 MiB of RAM in 1 range
hvnet: cfg.json: zones[0].devices[0]: mtu: integer out of range
hvnet: cfg.json: nothing of it is set up' load cfg.json && nothing_there
}

# The daemon's program reads it too: nothing but what it knows is needed.
shape()
{
	loaded cfg.json || return 1
	hvnet save | tr -d ' \n' | sed 's/"mtu".*}\]}\]}/.../' >got
	printf '%s' "{\"zones\":[{\"id\":1,\"memory_region\":[{\"zone0_ipa\":\"$(printf '%#x' "$RAW_BASE")\",\"zonex_ipa\":\"0x50000000\",\"size\":\"0x100000\"}],\"devices\":[{\"type\":\"net\",\"addr\":\"0xa003600\",\"len\":\"0x200\",\"irq\":75,\"tap\":\"tap0\",\"mac\":[\"0x02\",\"0x00\",\"0x00\",\"0x00\",\"0x00\",\"0x07\"],\"status\":\"enable\",..." >want
	cmp -s got want || { ktap_diag "$(cat got)"; ktap_diag "$(cat want)"; return 1; }
}

file_says()
{
	hvnet_says 0 "saved.json: 1 zone, 1 device" save saved.json
}

# A file that is there stays as it is.
no_room()
{
	mkdir -p full && cp saved.json full/ && mkdir full/saved.json.new &&
		hvnet_says 1 "hvnet: full/saved.json: cannot be written: Is a directory" \
			save full/saved.json && cmp -s saved.json full/saved.json &&
		hvnet_says 1 "hvnet: /no/where: cannot be written: No such file or directory" \
			save /no/where
}

nothing()
{
	hvnet unload >/dev/null
	hvnet_says 0 '{
    "zones": []
}' save && hvnet save empty.json >/dev/null &&
		hvnet_says 1 'hvnet: empty.json: no device is of type "net": there is nothing for the kernel to serve' \
			load empty.json
}

ktap_plan 11
tool_begin || ktap_abort "cannot begin"
ktap_check "without the module" hvnet_says 1 "hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)" save
load_modules || ktap_abort "modules do not load"
ktap_check "a zone's file of strings" strings
ktap_check "of numbers" numbers
ktap_check "several zones, ranges and devices" zones
ktap_check "more settings than hvisor-tool's" settings
ktap_check "settings that are wrong" wrong_settings
config cfg.json "$(zone_entry 1 "$(region 0 0x50000000 0x100000)" \
	"$(net_entry 0xa003600 75 tap0 '"mac": [2, 0, 0, 0, 0, 7]')")"
ktap_check "hvisor-tool's shape" shape
ktap_check "what is said" file_says
ktap_check "nowhere to write" no_room
ktap_check "nothing is loaded" nothing
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
