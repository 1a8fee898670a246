#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The control interface: every key, and every way to get it wrong, with error
# number and reason word by word; what exists already survives all of it.
#
# rig: smp=2 icount timeout=200
. ./lib.sh
. ./netlib.sh
. ./ctllib.sh

RAW=ram=$RAW_BASE,0x80000000,0x100000

hex()
{
	printf '0x%x' $(($1))
}

bad_zones()
{
	all_refused new_zone <<-EOF
	EINVAL|'nonsense' is not of the form key=value|nonsense
	EINVAL|there is no key 'colour'|id=3 colour=red
	EINVAL|there is no key ''|=5
	EINVAL|id 'x' is no number below 2^32|id=x
	EINVAL|id '' is no number below 2^32|id=
	EINVAL|id '-1' is no number below 2^32|id=-1
	ERANGE|id '4294967296' is no number below 2^32|id=4294967296
	EINVAL|zone 0 is root itself|id=0 $RAW
	EINVAL|zone 0 is root itself|$RAW
	EEXIST|zone 1 exists already|id=1 $RAW
	EINVAL|a zone needs at least one range of RAM|id=3
	EINVAL|ram '1,2' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE|id=3 ram=1,2
	EINVAL|ram '1,2,3,4' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE|id=3 ram=1,2,3,4
	EINVAL|ram '1,,3' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE|id=3 ram=1,,3
	EINVAL|ram 'a,b,c' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE|id=3 ram=a,b,c
	EINVAL|ram '' is not ROOT_ADDRESS,GUEST_ADDRESS,SIZE|id=3 ram=
	EOF
}

bad_devices()
{
	all_refused new_device <<-EOF
	EINVAL|'nonsense' is not of the form key=value|nonsense
	EINVAL|there is no key 'speed'|zone=2 speed=1000
	EINVAL|zone 'one' is no number below 2^32|zone=one
	EINVAL|addr 'here' is no number below 2^64|zone=2 addr=here irq=80
	ERANGE|addr '0x10000000000000000' is no number below 2^64|addr=0x10000000000000000
	EINVAL|len '1k' is no number below 2^64|zone=2 addr=0xa000000 len=1k irq=80
	EINVAL|irq '' is no number below 2^32|zone=2 addr=0xa000000 irq=
	EINVAL|queue 'all' is no number below 2^32|queue=all
	EINVAL|mtu '1,5' is no number below 2^32|mtu=1,5
	ENOENT|there is no zone 0|addr=0xa000000 irq=80
	ENOENT|there is no zone 9|zone=9 addr=0xa000000 irq=80
	EINVAL|irq 0 is outside $IRQ_MIN..$IRQ_MAX $IRQ_HINT|zone=2 addr=0xa000000
	EINVAL|irq $((IRQ_MIN - 1)) is outside $IRQ_MIN..$IRQ_MAX $IRQ_HINT|zone=2 addr=0xa000000 irq=$((IRQ_MIN - 1))
	EINVAL|irq $((IRQ_MAX + 1)) is outside $IRQ_MIN..$IRQ_MAX $IRQ_HINT|zone=2 addr=0xa000000 irq=$((IRQ_MAX + 1))
	EINVAL|queue 100 is no power of two up to 1024|zone=2 addr=0xa000000 irq=80 queue=100
	EINVAL|queue 0 is no power of two up to 1024|zone=2 addr=0xa000000 irq=80 queue=0
	EINVAL|queue 2048 is no power of two up to 1024|zone=2 addr=0xa000000 irq=80 queue=2048
	EINVAL|mtu 67 is outside 68..65535|zone=2 addr=0xa000000 irq=80 mtu=67
	EINVAL|mtu 65536 is outside 68..65535|zone=2 addr=0xa000000 irq=80 mtu=65536
	EINVAL|mac '02:00:00:00:00' is not of the form 02:00:00:00:00:01|mac=02:00:00:00:00
	EINVAL|mac '02:00:00:00:00:01:02' is not of the form 02:00:00:00:00:01|mac=02:00:00:00:00:01:02
	EINVAL|mac '02:00:00:00:00:zz' is not of the form 02:00:00:00:00:01|mac=02:00:00:00:00:zz
	EINVAL|mac is all zero (leave it out to have one made)|mac=00:00:00:00:00:00
	EINVAL|mac 01:00:5e:00:00:01 is a group address|zone=2 addr=0xa000000 irq=80 mac=01:00:5e:00:00:01
	EINVAL|name '' is not 1 to 15 characters long|name=
	EINVAL|name 'sixteen-letters-' is not 1 to 15 characters long|name=sixteen-letters-
	EINVAL|name 'a/b' cannot name an interface|zone=2 addr=0xa000000 irq=80 name=a/b
	EINVAL|name '..' cannot name an interface|zone=2 addr=0xa000000 irq=80 name=..
	EEXIST|there is an interface tap0 already (if it is a left-over tap: ip link del tap0)|zone=2 addr=0xa000000 irq=80 name=tap0
	EINVAL|len 0x1ff is less than the 0x200 a virtio-mmio device takes|zone=2 addr=0xa000000 irq=80 len=0x1ff
	EINVAL|addr 0xa000004 with len 0x200 is no region of registers|zone=2 addr=0xa000004 irq=80
	EINVAL|addr 0xfffffffffffffff8 with len 0x200 is no region of registers|zone=2 addr=0xfffffffffffffff8 irq=80
	EINVAL|addr is missing|zone=2 irq=80
	EINVAL|addr 0x80001000 with len 0x200 $IN_RAM|zone=2 addr=0x80001000 irq=80
	EINVAL|addr 0x800ffff8 with len 0x200 $IN_RAM|zone=2 addr=0x800ffff8 irq=80
	EINVAL|addr 0x7ffffe08 with len 0x200 $IN_RAM|zone=2 addr=0x7ffffe08 irq=80
	EINVAL|addr 0x70000000 with len 0x20000000 $IN_RAM|zone=2 addr=0x70000000 irq=80 len=0x20000000
	EEXIST|addr 0xa003600 with len 0x200 overlaps device zone1-a003600|zone=1 addr=0xa003600 irq=80
	EEXIST|addr 0xa003500 with len 0x200 overlaps device zone1-a003600|zone=1 addr=0xa003500 irq=80
	EEXIST|addr 0xa0037f8 with len 0x200 overlaps device zone1-a003600|zone=1 addr=0xa0037f8 irq=80
	EEXIST|addr 0xa000000 with len 0x10000 overlaps device zone1-a003600|zone=1 addr=0xa000000 irq=80 len=0x10000
	EBUSY|zone 1 has a device with interrupt 75 already|zone=1 addr=0xa000000 irq=75
	EOF
}

# Right before the zone's RAM, and right behind it.
beside_ram()
{
	device_add zone=2 addr=0x7ffffe00 irq=80 &&
		device_add zone=2 addr=0x80100000 irq=81 &&
		device_del 2 0x7ffffe00 && device_del 2 0x80100000
}

bad_ends()
{
	all_refused del_zone <<-EOF || return 1
	ENOENT|there is no zone 9|id=9
	ENOENT|there is no zone 0|id=0
	EINVAL|there is no key 'zone'|zone=1
	EBUSY|zone 1 still has device zone1-a003600: remove it first|id=1
	EOF
	all_refused del_device <<-EOF || return 1
	ENOENT|there is no device 'zone1-beef'|zone1-beef
	ENOENT|there is no device ''|
	ENOENT|there is no device 'zone1'|zone1
	EOF
	refused reattach "$EINVAL" "write 1" 0 &&
		refused devices/zone1/quiesce "$EINVAL" "write 0 or 1" rest
}

# A zone with N ranges of one page each.
ranges()
{
	ranges_words="id=3"
	ranges_n=0
	while [ $ranges_n -lt "$1" ]; do
		ranges_words="$ranges_words ram=$(hex \
			"RAW_BASE + 0x200000 + ranges_n * 0x2000"),$(hex \
			"ranges_n * 0x1000"),0x1000"
		ranges_n=$((ranges_n + 1))
	done
	echo "$ranges_words"
}

sixty_four()
{
	[ -z "$(request new_zone "$(ranges 64)")" ] &&
		[ "$(wc -l <$BUS/devices/zone3/ram)" = 64 ] &&
		[ "$(cat $BUS/devices/zone3/id)" = 3 ] &&
		[ -z "$(request del_zone id=3)" ]
}

# The eighth interrupt of a zone would let hvisor panic.
eight_interrupts()
{
	for n in 0 1 2 3 4 5 6; do
		said=$(request new_device \
			"zone=2 addr=$(hex "0xa000000 + n * 0x200") irq=$((80 + n))")
		[ -z "$said" ] || return 1
	done
	refused new_device "$ENOSPC" \
		"zone 2 has 7 interrupts already: hvisor panics when more than that are outstanding" \
		"zone=2 addr=0xa001000 irq=90" || return 1
	for n in 0 1 2 3 4 5 6; do
		device_del 2 "$(hex "0xa000000 + n * 0x200")" || return 1
	done
}

every_key()
{
	device_add zone=2 addr=0xa000000 len=0x1000 irq=80 queue=64 mtu=9000 \
		mac=02:11:22:33:44:55 name=fancy || return 1
	dir=$(device_dir 2 0xa000000)
	said=$(cd "$dir" && cat zone addr len irq mac status features \
		interrupt_status | tr '\n' ' ')
	[ "$said" = "2 0xa000000 0x1000 80 02:11:22:33:44:55 0x0 0x0 0x0 " ] &&
		[ "$(cat /sys/class/net/fancy/mtu)" = 9000 ] &&
		[ "$(cat /sys/class/net/fancy/address)" = fe:11:22:33:44:55 ] &&
		[ "$(ls "$dir/net")" = fancy ] ||
		{ ktap_diag "$said"; return 1; }
	device_del 2 0xa000000 && [ ! -e /sys/class/net/fancy ]
}

# Without mac and name: one is made, locally administered, and one is chosen.
defaults()
{
	device_add zone=2 addr=0xa000000 irq=80 || return 1
	dir=$(device_dir 2 0xa000000)
	said=$(cat "$dir/mac")
	case $said in
	?[26ae]:*) ;;
	*) ktap_diag "mac $said"; return 1 ;;
	esac
	[ "$(cat "$dir/len")" = 0x200 ] &&
		[ "$(cat "/sys/class/net/$(ls "$dir/net")/mtu")" = 1500 ] &&
		device_del 2 0xa000000
}

counters_readable()
{
	files=0
	for file in "$(device_dir 1 $NET_ADDR)"/counters/* \
		/sys/bus/platform/drivers/hvisor_vnet/*/counters/*; do
		grep -qx '[0-9]*' "$file" || { ktap_diag "$file"; return 1; }
		files=$((files + 1))
	done
	[ $files -ge 30 ] && [ "$(counter 1 $NET_ADDR tx_frames)" -gt 0 ] &&
		[ "$(page_counter requests)" -gt 0 ]
}

IN_RAM="lies in the zone's RAM, or part of it does"
IRQ_HINT="(it is the interrupt id: on arm64 the SPI number plus 32)"

# A bridge drops what comes from its own port's address, so root's end of a
# device never has the guest's, not even if that begins as root's ends do.
own_address()
{
	device_add zone=2 addr=0xa000000 irq=80 mac=$1:11:22:33:44:55 \
		name=own || return 1
	own=$(cat /sys/class/net/own/address)
	device_del 2 0xa000000
	ktap_diag "the guest has $1:11:22:33:44:55, root's end $own"
	[ -n "$own" ] && [ "$own" != "$1:11:22:33:44:55" ]
}

ktap_plan 16
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
ktap_equal "the hypervisor is known" sim "$(cat $BUS/hypervisor)"
ktap_check "a second zone" zone_add 2 $RAW
ktap_check "bad zones" bad_zones
ktap_check "bad devices" bad_devices
ktap_check "a device beside its zone's RAM" beside_ram
ktap_check "bad removals" bad_ends
ktap_check "64 ranges of RAM" sixty_four
ktap_check "65 ranges of RAM are refused" refused new_zone "$E2BIG" \
	"a zone has at most 64 ranges of RAM" "$(ranges 65)"
ktap_check "RAM of another zone is refused" refused new_zone "$EBUSY" \
	"RAM at $(hex "RAW_BASE + 0xff000") belongs to zone 2" \
	"id=3 ram=$(hex "RAW_BASE + 0xff000"),0,0x2000"
ktap_check "7 interrupts a zone" eight_interrupts
ktap_check "every key does what it says" every_key
ktap_check "what is left out has a default" defaults
ktap_check "root's end has an address of its own" eval \
	"own_address 02 && own_address fe && own_address fa"
ktap_check "counters can be read" counters_readable
ktap_check "the device that was there still works" flood 100 $NET_GUEST
zone_del 2
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
