#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hvnet add, del, set and show: zones and devices one by one.  Every word does
# what it says, what is shown is what is there, and whatever is wrong is said,
# by hvnet or in the module's own words, with nothing changed.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./toollib.sh

RAM=ram=$RAW_BASE,0x80000000,0x100000
ROOT=$(printf '%#x' "$RAW_BASE")
WORDS="a word of those that hvnet --help lists for it"
RIGHT_RAM="ram=ROOT,GUEST,SIZE, for example ram=0x50000000,0x50000000,0x25000000"

zone_alone()
{
	hvnet_says 0 "zone 1: added" add zone 0x1 "$RAM" &&
		hvnet_says 0 "zone 1: 0 requests
    ram       root $ROOT, guest 0x80000000, size 0x100000 (1 MiB)" show &&
		[ "$(cat $BUS/devices/zone1/ram)" = "$ROOT,0x80000000,0x100000" ]
}

two_ranges()
{
	hvnet_says 0 "zone 2: added" add zone 2 \
		ram=$((RAW_BASE + 0x200000)),0,4096 \
		ram=$((RAW_BASE + 0x300000)),0x1000,8192 &&
		[ "$(wc -l <$BUS/devices/zone2/ram)" = 2 ] &&
		hvnet_says 0 "zone 2: 0 requests
    ram       root $(printf '%#x' $((RAW_BASE + 0x200000))), guest 0, size 0x1000 (4 KiB)
    ram       root $(printf '%#x' $((RAW_BASE + 0x300000))), guest 0x1000, size 0x2000 (8 KiB)" show zone 2
}

# Every word at once; MTU and features are left to their defaults in the next.
every_word()
{
	hvnet_says 0 "device zone1-a003600: added, as fancy" add device \
		zone=1 addr=0xa003600 len=0x400 irq=75 name=fancy \
		mac=02:11:22:33:44:55 mtu=9000 queue=64 features=0x100000020 \
		cpu=1 tx-usecs=7 tx-frames=3 rx-usecs=5 rx-frames=2 \
		rx-adaptive=0 || return 1
	FANCY="device fancy: zone1-a003600, guest no driver
    place     zone 1, addr 0xa003600, len 0x400, irq 75
    link      mac 02:11:22:33:44:55, mtu 9000, queue 64
    features  0x100000020, of which the guest has taken 0
    coalesce  tx-usecs 7, tx-frames 3, rx-usecs 5, rx-frames 2, rx-adaptive 0
    frames    on CPU 1"
	hvnet_says 0 "$FANCY" show device && hvnet_says 0 "$FANCY" show dev fancy &&
		hvnet_says 0 "$FANCY" show device zone1-a003600 &&
		ethtool -c fancy | grep -qx 'rx-usecs:[[:space:]]*7' &&
		[ "$(cat /sys/class/net/fancy/mtu)" = 9000 ]
}

by_default()
{
	hvnet add device zone=2 addr=167785472 irq=0x50 >said &&
		grep -qx 'device zone2-a003400: added, as hvnet[0-9]*' said &&
		hvnet show device zone2-a003400 >said &&
		grep -qxE '    link      mac [0-9a-f:]{17}, mtu 1500, queue 256' said &&
		grep -qx '    place     zone 2, addr 0xa003400, len 0x200, irq 80' said ||
		{ sed 's/^/# /' said; return 1; }
}

# What a device is, as JSON: with ifindex, which is whatever it is.
json()
{
	hvnet_says 0 "{
  \"zones\": [
    {
      \"id\": 1,
      \"ram\": [
        {
          \"root\": \"$ROOT\",
          \"guest\": \"0x80000000\",
          \"size\": \"0x100000\"
        }
      ],
      \"quiesced\": false,
      \"requests\": 0
    }
  ]
}" show -j zone 1 && hvnet_says 0 "{
  \"devices\": [
    {
      \"device\": \"zone1-a003600\",
      \"zone\": 1,
      \"addr\": \"0xa003600\",
      \"len\": \"0x400\",
      \"irq\": 75,
      \"name\": \"fancy\",
      \"mac\": \"02:11:22:33:44:55\",
      \"mtu\": 9000,
      \"queue\": 64,
      \"features\": \"0x100000020\",
      \"cpu\": 1,
      \"tx-usecs\": 7,
      \"tx-frames\": 3,
      \"rx-usecs\": 5,
      \"rx-frames\": 2,
      \"rx-adaptive\": 0,
      \"ifindex\": $(cat /sys/class/net/fancy/ifindex),
      \"negotiated\": \"0\",
      \"status\": \"0\",
      \"guest\": \"no driver\"
    }
  ]
}" show --json device fancy
}

changed()
{
	hvnet_says 0 "device fancy: changed" set device fancy \
		mac=02:00:00:00:00:09 mtu=1600 features=0x100000000 \
		cpu=none tx-usecs=1 tx-frames=2 rx-usecs=3 rx-frames=4 \
		rx-adaptive=1 &&
		hvnet_says 0 "device fancy: zone1-a003600, guest no driver
    place     zone 1, addr 0xa003600, len 0x400, irq 75
    link      mac 02:00:00:00:00:09, mtu 1600, queue 64
    features  0x100000000, of which the guest has taken 0
    coalesce  tx-usecs 1, tx-frames 2, rx-usecs 3, rx-frames 4, rx-adaptive 1" show device fancy &&
		hvnet_says 0 "device zone1-a003600: changed" \
			set device zone1-a003600 rx-usecs=0 &&
		hvnet show device fancy | grep -q 'rx-usecs 0, rx-frames 4, rx-adaptive 1'
}

zone_rests()
{
	hvnet_says 0 "zone 1: rests" set zone 1 quiesce=1 &&
		hvnet show zone 1 | grep -qx 'zone 1 (rests): 0 requests' &&
		hvnet_says 0 "zone 1: goes on" set zone 1 quiesce=0 &&
		hvnet show zone 1 | grep -qx 'zone 1: 0 requests'
}

# A guest's driver has begun: from then on some of it is the guest's.
driven()
{
	# shellcheck disable=SC2046
	hvnet add zone 5 $(linux_ram) >/dev/null &&
		hvnet add device zone=5 addr=$NET_ADDR irq=$NET_IRQ name=tap5 >/dev/null &&
		guest_add 5 $NET_ADDR $NET_IRQ && br_up && br_join tap5 &&
		guest_enter 5 $NET_ADDR zone5 eth0 5 &&
		wait_for 10 ping -c 1 -W 1 10.77.0.5 || return 1
	hvnet show device tap5 | grep -qx 'device tap5: zone5-a003600, guest up' &&
		hvnet_says 1 "hvnet: device tap5: $1" set device tap5 mtu=1400 &&
		hvnet_says 0 "device tap5: changed" set device tap5 tx-usecs=99 &&
		ping -c 1 -W 1 10.77.0.5 >/dev/null
	driven_right=$?
	ip netns del zone5
	ip link del br0
	echo "zone=5 addr=$NET_ADDR" >$SIM/del_guest
	return $driven_right
}

# --- what is wrong: each line is SENTENCE|WORDS

refused()
{
	refused_right=true
	before=$(hvnet show -j)
	while IFS='|' read -r text words; do
		# shellcheck disable=SC2086
		hvnet_says 1 "hvnet: $text" $words || refused_right=false
	done
	[ "$before" = "$(hvnet show -j)" ] || {
		ktap_diag "something was changed"
		refused_right=false
	}
	$refused_right
}

bad_words()
{
	refused <<-EOF
	"disk" is nothing that there is; right would be zone or device|add disk a b
	"disk" is nothing that there is; right would be zone or device|set disk a b
	"disk" is nothing that there is; right would be zone or device|del disk a
	"disk" is nothing that there is; right would be zone or device|show disk
	"one": right would be a zone's number, for example 1|add zone one $RAM
	"4294967296": right would be a zone's number, for example 1|add zone 4294967296 $RAM
	"1x": right would be a zone's number, for example 1|del zone 1x
	"rom=1,2,3": right would be $RIGHT_RAM|add zone 3 rom=1,2,3
	"ram=1,2": right would be $RIGHT_RAM|add zone 3 ram=1,2
	"ram=1,2,3,4": right would be $RIGHT_RAM|add zone 3 ram=1,2,3,4
	"ram=1,,3": right would be $RIGHT_RAM|add zone 3 ram=1,,3
	"ram=1,2,3": is one too many; right would be 64 at most|add zone 3 $(printf 'ram=1,2,3 %.0s' $(seq 65))
	"colour=3": right would be $WORDS|add device zone=1 addr=0x1000 colour=3
	"addr": right would be $WORDS|add device zone=1 addr irq=80
	"irq=80": right would be each word once|add device irq=79 irq=80 zone=1
	"irq=x": right would be irq=N, with a number up to 0xffffffff|add device zone=1 addr=0x1000 irq=x
	"irq=4294967296": right would be irq=N, with a number up to 0xffffffff|add device zone=1 addr=0x1000 irq=4294967296
	"addr=0x10000000000000000": right would be addr=N, with a number up to 0xffffffffffffffff|add device zone=1 addr=0x10000000000000000 irq=80
	"mac=02:00:00:00:00": right would be six bytes, for example mac=02:00:00:00:00:01|add device zone=1 addr=0x1000 irq=80 mac=02:00:00:00:00
	"mac=02:00:00:00:00:1g": right would be six bytes, for example mac=02:00:00:00:00:01|add device zone=1 addr=0x1000 irq=80 mac=02:00:00:00:00:1g
	"name=sixteen-letters-": right would be a name of up to 15 characters|add device zone=1 addr=0x1000 irq=80 name=sixteen-letters-
	"irq=80": right would be $WORDS|set device fancy irq=80
	"1": right would be quiesce=1 to have the zone rest, or quiesce=0|set zone 1 1 2
	"quiesce=2": right would be quiesce=1 to have the zone rest, or quiesce=0|set zone 1 quiesce=2
	EOF
}

bad_requests()
{
	refused <<-EOF
	zone 1: zone 1 exists already|add zone 1 $RAM
	zone 0: zone 0 is root itself|add zone 0 $RAM
	zone 9: there is no zone 9|del zone 9
	zone 9: there is no zone 9|set zone 9 quiesce=0
	zone 1: zone 1 still has device zone1-a003600: remove it first|del zone 1
	there is no zone 9|show zone 9
	there is no device tap9 in this network namespace|show device tap9
	device at 0x1000: irq is missing|add device zone=1 addr=0x1000
	device at 0: address is missing|add device zone=1 irq=80
	device at 0x1000: there is no zone 9|add device zone=9 addr=0x1000 irq=80
	device at 0x1000: irq $((IRQ_MIN - 1)) is outside $IRQ_MIN..$IRQ_MAX (it is the interrupt id: on arm64 the SPI number plus 32)|add device zone=1 addr=0x1000 irq=$((IRQ_MIN - 1))
	device at 0x1000: irq: zone 1 has a device with interrupt 75 already|add device zone=1 addr=0x1000 irq=75
	device at 0x1000: mtu: integer out of range|add device zone=1 addr=0x1000 irq=80 mtu=67
	device at 0x1000: len: integer out of range|add device zone=1 addr=0x1000 irq=80 len=0x1ff
	device at 0x1000: queue 3 is no power of two up to 1024|add device zone=1 addr=0x1000 irq=80 queue=3
	device at 0x1000: tx-usecs: integer out of range|add device zone=1 addr=0x1000 irq=80 tx-usecs=10001
	device at 0x1000: rx-adaptive: integer out of range|add device zone=1 addr=0x1000 irq=80 rx-adaptive=2
	device tap9: there is no such device in this network namespace|set device tap9 mtu=1500
	device zone1-1000: addr: there is no such device in this network namespace|del device zone1-1000
	EOF
}

# Who may not, may look.
not_root()
{
	echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
	hvnet() { start-stop-daemon -S -c nobody -x /usr/sbin/hvnet -- "$@"; }
	hvnet_says 1 "hvnet: del changes the system: be root" del device fancy &&
		hvnet show device fancy | grep -q '^device fancy: '
	not_root_right=$?
	unset -f hvnet
	rm /etc/passwd
	return $not_root_right
}

all_gone()
{
	hvnet_says 0 "device fancy: removed" del device fancy &&
		hvnet_says 0 "device zone2-a003400: removed" del device zone2-a003400 &&
		hvnet_says 0 "device tap5: removed" del device tap5 || return 1
	for gone in 1 2 5; do
		hvnet_says 0 "zone $gone: removed" del zone $gone || return 1
	done
	nothing_there && hvnet_says 0 "" show
}

ktap_plan 14
tool_begin || ktap_abort "cannot begin"
ktap_check "without the module" hvnet_says 1 "hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)" show
load_modules || ktap_abort "modules do not load"
ktap_check "add zone" zone_alone
ktap_check "with two ranges" two_ranges
ktap_check "add device, with every word" every_word
ktap_check "with those that are needed" by_default
ktap_check "show -j" json
ktap_check "set device" changed
ktap_check "set zone" zone_rests
ktap_check "what a guest's driver uses" driven \
	"mtu: a driver in the guest uses zone5-a003600: its address, MTU and features cannot change now"
ktap_check "words that are wrong" bad_words
ktap_check "what the module refuses" bad_requests
ktap_check "only root changes" not_root
ktap_check "del" all_gone
cd /tests || exit 1
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
