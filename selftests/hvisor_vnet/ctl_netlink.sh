#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The netlink family: every request, and every way to get it wrong, with error
# number, attribute and sentence; what is told of what happens; and who sees
# what from which network namespace.
#
# rig: smp=2 icount timeout=400
. ./lib.sh
. ./netlib.sh
. ./ctllib.sh

RAW=ram=$RAW_BASE,0x80000000,0x100000
EVENTS=/tmp/ctl_netlink.events
PLACE="zone=1 address=$NET_ADDR"

# says EXPECTED WORDS...: what nlctl answers
says()
{
	says_expected=$1
	shift
	# shellcheck disable=SC2048,SC2086
	says_got=$(./nlctl $*)
	[ "$says_got" = "$says_expected" ] && return
	ktap_diag "nlctl $*"
	ktap_diag "expected: $says_expected"
	ktap_diag "got:      $says_got"
	return 1
}

# all_said: each line of the input is ERROR|ATTRIBUTE|SENTENCE|WORDS
all_said()
{
	all_right=true
	while IFS='|' read -r error attr text words; do
		says "$error|$(attribute "$attr")|$text" "$words" ||
			all_right=false
	done
	$all_right
}

# attribute NAME: what an answer says of it; kernels before 6.1 cannot name one
# that is missing, and older ones than 6.12 none in the end of a dump ("=NAME")
attribute()
{
	case $RIG_KERNEL-$1 in
	5.*-!* | 5.*-=* | 6.1-=* | 6.1-*-=*) echo - ;;
	*) echo "${1#=}" ;;
	esac
}

# field NAME WORDS...: the value of an attribute in an answer
field()
{
	field_name=$1
	shift
	# shellcheck disable=SC2048,SC2086
	./nlctl $* | tr ' ' '\n' | sed -n "s/^$field_name=//p"
}

# Zones.

zones()
{
	says "" zone-new id=2 $RAW &&
		says "zone-get id=2 quiesced=0 requests=0 ram=$(printf '%#x' \
			"$RAW_BASE"),0x80000000,0x100000" zone-get id=2 &&
		[ "$(./nlctl dump zone-get | cut -d' ' -f1,2 | tr '\n' ' ')" = \
			"zone-get id=1 zone-get id=2 " ] &&
		says "" zone-del id=2 &&
		says "ENOENT|id|there is no zone 2" zone-get id=2 &&
		[ ! -e $BUS/devices/zone2 ]
}

bad_zones()
{
	all_said <<-EOF
	EINVAL|!id|id is missing|zone-get
	EINVAL|!id|id is missing|zone-new $RAW
	EINVAL|!id|id is missing|zone-del
	EINVAL|!id|id is missing|zone-set quiesced=1
	ENOENT|id|there is no zone 9|zone-get id=9
	ENOENT|id|there is no zone 9|zone-del id=9
	ENOENT|id|there is no zone 9|zone-set id=9 quiesced=0
	EINVAL|!quiesced|quiesced is missing|zone-set id=1
	ERANGE|quiesced|integer out of range|zone-set id=1 quiesced=2
	EBUSY|id|zone 1 still has device zone1-a003600: remove it first|zone-del id=1
	EINVAL|id|zone 0 is root itself|zone-new id=0 $RAW
	EEXIST|id|zone 1 exists already|zone-new id=1 $RAW
	EINVAL|!ram|a zone needs at least one range of RAM|zone-new id=3
	EINVAL|ram|a range of RAM needs root, guest and size|zone-new id=3 $RAW ram=1,2
	EINVAL|ram|a range of RAM needs root, guest and size|zone-new id=3 ram=
	EINVAL|ram.4|Unsupported attribute|zone-new id=3 ram=1,2,3,4
	EINVAL|ram|RAM at $(printf '%#x' "$RAW_BASE") has size 0|zone-new id=3 ram=$RAW_BASE,0,0
	EINVAL|requests|Unsupported attribute|zone-new id=3 requests=1
	EINVAL|ram|Unsupported attribute|zone-get id=1 $RAW
	EINVAL|=id|a dump does not select by this|dump zone-get id=1
	EOF
}

# Each range of RAM that is refused is named, not just any of them.
which_range()
{
	words=$(printf 'RAM at 0x1001 (in the guest 0x0), 0x1000 bytes, %s' \
		"is not made of whole pages")
	says "EINVAL|ram|$words" zone-new $RAW id=3 ram=0x1001,0,0x1000 &&
		[ "$(./nlctl which zone-new $RAW id=3 ram=0x1001,0,0x1000)" = 3 ] &&
		[ "$(./nlctl which zone-new ram=0x1001,0,0x1000 id=3 $RAW)" = 1 ] &&
		[ "$(./nlctl which zone-new id=3 $RAW ram=1,2)" = 3 ] &&
		[ "$(./nlctl which zone-new id=3 \
			"ram=$((RAW_BASE + 0x100000)),0x1000,0x1000" \
			"ram=$RAW_BASE,0,0x1000")" = 3 ]
}

# Devices.

every_key()
{
	says_it=$(./nlctl dev-new zone=2 address=0xa000000 length=0x1000 irq=80 \
		queue-size=64 mtu=9000 mac=02:11:22:33:44:55 ifname=fancy \
		offered=0x100000020 coalesce=7,3,5,2,0 cpu=1)
	index=$(cat /sys/class/net/fancy/ifindex)
	expected="zone=2 address=0xa000000 ifindex=$index ifname=fancy status=0"
	expected="$expected length=0x1000 irq=80 mac=02:11:22:33:44:55 mtu=9000"
	expected="$expected queue-size=64 offered=0x100000020 negotiated=0"
	expected="$expected interrupt-status=0 cpu=1 coalesce=7,3,5,2,0 counters="
	[ "${says_it%counters=*}counters=" = "dev-new $expected" ] ||
		{ ktap_diag "$says_it"; ktap_diag "dev-new $expected"; return 1; }
	for words in ifname=fancy "ifindex=$index" "zone=2 address=0xa000000"; do
		# shellcheck disable=SC2086
		says_it=$(./nlctl dev-get $words)
		[ "${says_it%counters=*}counters=" = "dev-get $expected" ] ||
			{ ktap_diag "$words: $says_it"; return 1; }
	done
	[ "$(cat /sys/class/net/fancy/mtu)" = 9000 ] &&
		[ "$(cat /sys/class/net/fancy/address)" = fe:11:22:33:44:55 ] &&
		ethtool -c fancy | grep -qx 'rx-usecs:[[:space:]]*7' &&
		ethtool -c fancy | grep -qx 'tx-frames:[[:space:]]*2' &&
		ethtool -c fancy | grep -q 'TX: off' || return 1
	says "" dev-del ifname=fancy && [ ! -e /sys/class/net/fancy ]
}

# What is left out is as when it is left out in sysfs.
defaults()
{
	./nlctl dev-new zone=2 address=0xa000000 irq=80 >/dev/null || return 1
	one=$(./nlctl dev-get zone=2 address=0xa000000)
	says "" dev-del zone=2 address=0xa000000 || return 1
	device_add zone=2 addr=0xa000000 irq=80 || return 1
	other=$(./nlctl dev-get zone=2 address=0xa000000)
	device_del 2 0xa000000
	made='s/ \(ifindex\|mac\|ifname\)=[^ ]*//g'
	[ -n "$one" ] && [ "$(echo "$one" | sed "$made")" = \
		"$(echo "$other" | sed "$made")" ]
}

bad_devices()
{
	all_said <<-EOF
	EINVAL|!zone|zone is missing|dev-new address=0xa000000 irq=80
	EINVAL|!address|address is missing|dev-new zone=2 irq=80
	EINVAL|!irq|irq is missing|dev-new zone=2 address=0xa000000
	ENOENT|zone|there is no zone 9|dev-new zone=9 address=0xa000000 irq=80
	EINVAL|irq|irq $((IRQ_MAX + 1)) is outside $IRQ_MIN..$IRQ_MAX (it is the interrupt id: on arm64 the SPI number plus 32)|dev-new zone=2 address=0xa000000 irq=$((IRQ_MAX + 1))
	ERANGE|length|integer out of range|dev-new zone=2 address=0xa000000 irq=80 length=0x1ff
	ERANGE|queue-size|integer out of range|dev-new zone=2 address=0xa000000 irq=80 queue-size=0
	ERANGE|queue-size|integer out of range|dev-new zone=2 address=0xa000000 irq=80 queue-size=1025
	EINVAL|queue-size|queue 100 is no power of two up to 1024|dev-new zone=2 address=0xa000000 irq=80 queue-size=100
	ERANGE|mtu|integer out of range|dev-new zone=2 address=0xa000000 irq=80 mtu=67
	ERANGE|mtu|integer out of range|dev-new zone=2 address=0xa000000 irq=80 mtu=65536
	EINVAL|mac|mac is all zero (leave it out to have one made)|dev-new zone=2 address=0xa000000 irq=80 mac=00:00:00:00:00:00
	EINVAL|mac|mac 01:00:5e:00:00:01 is a group address|dev-new zone=2 address=0xa000000 irq=80 mac=01:00:5e:00:00:01
	EINVAL|ifname|name '' is not 1 to 15 characters long|dev-new zone=2 address=0xa000000 irq=80 ifname=
	EINVAL|ifname|Attribute failed policy validation|dev-new zone=2 address=0xa000000 irq=80 ifname=sixteen-letters-
	EINVAL|ifname|name 'a/b' cannot name an interface|dev-new zone=2 address=0xa000000 irq=80 ifname=a/b
	EEXIST|ifname|there is an interface tap0 already (if it is a left-over tap: ip link del tap0)|dev-new zone=2 address=0xa000000 irq=80 ifname=tap0
	EINVAL|address|addr 0xa000004 with len 0x200 is no region of registers|dev-new zone=2 address=0xa000004 irq=80
	EINVAL|address|addr 0x80001000 with len 0x200 lies in the zone's RAM, or part of it does|dev-new zone=2 address=0x80001000 irq=80
	EEXIST|address|addr 0xa003600 with len 0x200 overlaps device zone1-a003600|dev-new zone=1 address=0xa003600 irq=80
	EBUSY|irq|zone 1 has a device with interrupt 75 already|dev-new zone=1 address=0xa000000 irq=75
	EOPNOTSUPP|offered|features 0x200000000 cannot be offered|dev-new zone=2 address=0xa000000 irq=80 offered=0x300000000
	EINVAL|offered|features 0x20 are without VERSION_1, 0x100000000|dev-new zone=2 address=0xa000000 irq=80 offered=0x20
	EINVAL|offered|features 0x80 need one of 0x2|dev-new zone=2 address=0xa000000 irq=80 offered=0x100000080
	EINVAL|offered|features 0x200 need one of 0x180|dev-new zone=2 address=0xa000000 irq=80 offered=0x100000202
	EINVAL|offered|features 0x1800 need one of 0x1|dev-new zone=2 address=0xa000000 irq=80 offered=0x100001800
	EINVAL|offered|features 0x2000 need one of 0x1800|dev-new zone=2 address=0xa000000 irq=80 offered=0x100002001
	EINVAL|offered|features 0x8c0004 need one of 0x20000|dev-new zone=2 address=0xa000000 irq=80 offered=0x1008c0004
	ERANGE|coalesce.1|integer out of range|dev-new zone=2 address=0xa000000 irq=80 coalesce=10001
	ERANGE|coalesce.2|integer out of range|dev-new zone=2 address=0xa000000 irq=80 coalesce=,0
	ERANGE|coalesce.4|integer out of range|dev-new zone=2 address=0xa000000 irq=80 coalesce=,,,0x80000000
	ERANGE|coalesce.5|integer out of range|dev-new zone=2 address=0xa000000 irq=80 coalesce=,,,,2
	EINVAL|cpu|there is no cpu 4096|dev-new zone=2 address=0xa000000 irq=80 cpu=4096
	EINVAL|cpu|there is no cpu -2|dev-new zone=2 address=0xa000000 irq=80 cpu=-2
	EINVAL|status|Unsupported attribute|dev-new zone=2 address=0xa000000 irq=80 status=1
	EINVAL|ifindex|Unsupported attribute|dev-new zone=2 address=0xa000000 irq=80 ifindex=1
	EOF
}

# Requests about one device, which they must name.
bad_names()
{
	names_right=true
	for command in dev-get dev-del "dev-set mtu=1400"; do
		all_said <<-EOF || names_right=false
		EINVAL|!ifname|no device is named: ifname, or ifindex, or zone and address are needed|$command
		EINVAL|!address|address is missing|$command zone=1
		EINVAL|!zone|zone is missing|$command address=$NET_ADDR
		ENOENT|address|there is no such device in this network namespace|$command zone=1 address=0xa000000
		ENOENT|address|there is no such device in this network namespace|$command zone=2 address=$NET_ADDR
		ENOENT|ifname|there is no such device in this network namespace|$command ifname=nobody
		ENOENT|ifname|there is no such device in this network namespace|$command ifname=lo
		ENOENT|ifname|there is no such device in this network namespace|$command ifname=tap0 zone=2
		ENOENT|ifindex|there is no such device in this network namespace|$command ifindex=1
		ERANGE|ifindex|integer out of range|$command ifindex=0
		ERANGE|ifindex|integer out of range|$command ifindex=0x80000000
		EOF
	done
	all_said <<-EOF && $names_right
	EINVAL|=address|a dump does not select by this|dump dev-get $PLACE
	EINVAL|-|nothing to change: none of mac, mtu, offered, coalesce and cpu is there|dev-set ifname=tap0
	EINVAL|irq|Unsupported attribute|dev-set ifname=tap0 irq=80
	EOF
}

dumps()
{
	device_add zone=2 addr=0xa000000 irq=80 name=one || return 1
	device_add zone=2 addr=0xa000200 irq=81 name=two || return 1
	all=$(./nlctl dump dev-get | tr ' ' '\n' | sed -n 's/^ifname=//p' |
		tr '\n' ' ')
	some=$(./nlctl dump dev-get zone=2 | tr ' ' '\n' |
		sed -n 's/^ifname=//p' | tr '\n' ' ')
	none=$(./nlctl dump dev-get zone=9)
	device_del 2 0xa000000
	device_del 2 0xa000200
	[ "$all" = "tap0 one two " ] && [ "$some" = "one two " ] &&
		[ -z "$none" ]
}

# As many as need several messages of a dump; each comes once.
long_dump()
{
	for n in $(seq 0 6) ; do
		for zone in 11 12 13; do
			[ $n != 0 ] || ./nlctl zone-new id=$zone \
				"ram=$(printf '%#x' $((RAW_BASE + 0x100000 * (zone - 9)))),0x80000000,0x1000" ||
				return 1
			./nlctl dev-new zone=$zone irq=$((80 + n)) \
				"address=$((0xa000000 + 0x200 * n))" >/dev/null ||
				return 1
		done
	done
	seen=$(./nlctl dump dev-get | cut -d' ' -f2,3 | sort -u | wc -l)
	lines=$(./nlctl dump dev-get | wc -l)
	zones=$(./nlctl dump zone-get | wc -l)
	for zone in 11 12 13; do
		for n in $(seq 0 6) ; do
			./nlctl dev-del zone=$zone \
				"address=$((0xa000000 + 0x200 * n))" || return 1
		done
		./nlctl zone-del id=$zone || return 1
	done
	ktap_diag "$lines devices, $seen of them different, $zones zones"
	[ "$seen" = 22 ] && [ "$lines" = 22 ] && [ "$zones" = 5 ]
}

# The same numbers as in sysfs, in the order of the specification.
counters()
{
	flood 100 $NET_GUEST
	names="tx_frames tx_bytes tx_kicks tx_polls rx_frames rx_bytes rx_kicks
		rx_stops rx_wakes rx_stalls rx_unwanted drop_tx_runt
		drop_tx_oversize drop_tx_header drop_tx_direction drop_tx_nomem
		drop_tx_down drop_rx_buffer drop_rx_too_big drop_rx_offload
		drop_rx_no_guest bad_size bad_offset bad_direction bad_value
		broken injections reinjections stalls"
	for try in 1 2 3; do
		netlink=$(field counters dev-get ifname=tap0)
		sysfs=$(for name in $names; do
			counter 1 $NET_ADDR "$name"
		done | tr '\n' ,)
		[ "$netlink," != "$sysfs" ] || break
		ktap_diag "try $try: $netlink"
	done
	[ "$netlink," = "$sysfs" ] && [ "$(echo "$names" | wc -w)" = \
		"$(find "$(device_dir 1 $NET_ADDR)/counters" -type f | wc -l)" ]
}

hypervisor()
{
	hv=$(./nlctl hv-get)
	case $hv in
	"hv-get taken-over=0 daemon=0 conduit=sim counters="*) ;;
	*) ktap_diag "$hv"; return 1 ;;
	esac
	[ "$(echo "${hv#*counters=}" | tr ',' '\n' | wc -l)" = "$(find \
		/sys/bus/platform/drivers/hvisor_vnet/*/counters -type f |
		wc -l)" ] &&
		says "" hv-reattach && flood 100 $NET_GUEST &&
		says "" hv-set backend=-1 &&
		all_said <<-EOF
	EINVAL|!backend|backend is missing|hv-set
	EBADF|backend|99 is no open file|hv-set backend=99
	EBADF|backend|-2 is no open file|hv-set backend=-2
	EINVAL|backend|the file is not hvisor.ko's device node|hv-set backend=0
	EINVAL|daemon|Unsupported attribute|hv-get daemon=1
	EINVAL|backend|Unsupported attribute|hv-reattach backend=0
	EOF
}

# What a guest is given can be changed while it does not look.
changes()
{
	device_add zone=2 addr=0xa000000 irq=80 name=idle \
		mac=02:00:00:00:00:07 || return 1
	says "" dev-set ifname=idle mtu=1400 mac=02:00:00:00:00:09 \
		offered=0x100000028 coalesce=,,9 cpu=1 || return 1
	now=$(./nlctl dev-get ifname=idle | tr ' ' '\n' |
		grep -E '^(mac|mtu|offered|coalesce|cpu)=' | tr '\n' ' ')
	root="$(cat /sys/class/net/idle/mtu /sys/class/net/idle/address)"
	device_del 2 0xa000000
	ktap_diag "$now" "$root"
	[ "$now" = "mac=02:00:00:00:00:09 mtu=1400 offered=0x100000028 cpu=1 coalesce=50,8,9,1,1 " ] &&
		[ "$root" = "1400
fe:00:00:00:00:09" ]
}

USED="a driver in the guest uses zone1-a003600: its address, MTU and features cannot change now"

bad_changes()
{
	before=$(./nlctl dev-get ifname=tap0 | sed 's/counters=.*//')
	all_said <<-EOF || return 1
	EBUSY|mtu|$USED|dev-set ifname=tap0 mtu=1400
	EBUSY|mac|$USED|dev-set ifname=tap0 mac=02:00:00:00:00:09
	EBUSY|offered|$USED|dev-set ifname=tap0 offered=0x100000000
	EBUSY|mtu|$USED|dev-set ifname=tap0 mtu=1400 coalesce=1
	EINVAL|mac|mac is all zero (leave it out to have one made)|dev-set ifname=tap0 mac=00:00:00:00:00:00
	ERANGE|coalesce.1|integer out of range|dev-set ifname=tap0 coalesce=10001
	EINVAL|cpu|there is no cpu 4096|dev-set ifname=tap0 cpu=4096
	ERANGE|mtu|integer out of range|dev-set ifname=tap0 mtu=1
	EOF
	[ "$(./nlctl dev-get ifname=tap0 | sed 's/counters=.*//')" = "$before" ]
}

told_late()
{
	says "" dev-set ifname=tap0 coalesce=60 &&
		ethtool -c tap0 | grep -qx 'rx-usecs:[[:space:]]*60' &&
		flood 100 $NET_GUEST && says "" dev-set ifname=tap0 coalesce=50
}

# Who sees what.

in_ns()
{
	ip netns exec other ./nlctl "$@"
}

namespaces()
{
	ip netns add other
	device_add zone=2 addr=0xa000000 irq=80 name=away || return 1
	[ -z "$(in_ns dump dev-get)" ] || return 1
	ip link set away netns other || return 1
	[ "$(in_ns dump dev-get | tr ' ' '\n' | grep ^ifname=)" = ifname=away ] &&
		in_ns dev-get zone=2 address=0xa000000 >/dev/null &&
		in_ns dev-set ifname=away mtu=1300 &&
		[ "$(./nlctl dump dev-get | tr ' ' '\n' |
			grep ^ifname=)" = ifname=tap0 ] &&
		says "ENOENT|address|there is no such device in this network namespace" \
			dev-del zone=2 address=0xa000000 &&
		[ "$(in_ns dev-get ifname=tap0)" = \
			"ENOENT|ifname|there is no such device in this network namespace" ] &&
		in_ns dev-del ifname=away && [ ! -e $BUS/devices/zone2-a000000 ]
}

# It is born where the request comes from.
born_away()
{
	in_ns dev-new zone=2 address=0xa000000 irq=80 ifname=there >/dev/null &&
		[ ! -e /sys/class/net/there ] &&
		ip -n other link show dev there >/dev/null &&
		in_ns dev-del ifname=there
}

NOT_HERE="EOPNOTSUPP|-|zones and the hypervisor are seen from the initial network namespace only"

not_from_there()
{
	for words in "zone-get id=1" "dump zone-get" "zone-new id=3 $RAW" \
		"zone-del id=2" "zone-set id=1 quiesced=1" hv-get hv-reattach \
		"hv-set backend=-1"; do
		# shellcheck disable=SC2086
		said=$(in_ns $words)
		[ "$said" = "$NOT_HERE" ] ||
			{ ktap_diag "$words: $said"; return 1; }
	done
}

# Who may not, may look. Not all of it is in extended acks: generic netlink
# itself says no.
unprivileged()
{
	for words in "zone-new id=3 $RAW" "zone-del id=2" \
		"zone-set id=1 quiesced=1" "dev-new zone=2 address=0 irq=80" \
		"dev-del ifname=tap0" "dev-set ifname=tap0 mtu=1400" \
		"hv-set backend=-1" hv-reattach; do
		# shellcheck disable=SC2086
		said=$(./nlctl unprivileged $words)
		[ "$said" = "EPERM|-|" ] || { ktap_diag "$words: $said"; return 1; }
	done
	./nlctl unprivileged dev-get ifname=tap0 >/dev/null &&
		./nlctl unprivileged dump zone-get >/dev/null
}

# What is told.

listeners=

# listen COMMAND NAME: as COMMAND, such as one that enters a namespace
listen()
{
	$1 ./nlctl listen >$EVENTS.$2 &
	listeners="$listeners $!"
	wait_for 10 grep -q listening $EVENTS.$2
}

listen_no_more()
{
	# shellcheck disable=SC2086
	kill $listeners
	wait
	listeners=
}

# told WHERE LINE...: exactly these events, by the beginning of each
told()
{
	told_where=$1
	shift
	told_number=0
	for told_line; do
		told_number=$((told_number + 1))
	done
	wait_for 5 eval '[ "$(grep -vc listening $EVENTS.$told_where)" -ge $told_number ]'
	told_number=1
	for told_line; do
		told_number=$((told_number + 1))
		told_got=$(sed -n ${told_number}p $EVENTS.$told_where)
		case $told_got in
		"$told_line"*) ;;
		*)
			ktap_diag "expected: $told_line"
			ktap_diag "got:      $told_got"
			return 1
			;;
		esac
	done
	[ "$(wc -l <$EVENTS.$told_where)" = $told_number ] ||
		{ ktap_diag "more was told:"; sed 's/^/# /' $EVENTS.$told_where;
			return 1; }
}

life_is_told()
{
	listen "" here || return 1
	listen "ip netns exec other" there || return 1
	./nlctl zone-new id=3 ram="$((RAW_BASE + 0x100000))",0,0x1000
	./nlctl dev-new zone=3 address=0xa000000 irq=80 ifname=new >/dev/null
	./nlctl dev-set ifname=new mtu=1400
	ip link set new netns other
	in_ns dev-set ifname=new mtu=1500
	in_ns dev-del ifname=new
	./nlctl zone-del id=3
	at="zone=3 address=0xa000000"
	told here "zone-new-ntf id=3 quiesced=0" "dev-new-ntf $at ifindex=" \
		"dev-set-ntf $at" "zone-del-ntf id=3" &&
		told there "dev-set-ntf $at" "dev-del-ntf $at" &&
		grep -q '^dev-set-ntf .* ifname=new .*mtu=1400' $EVENTS.here &&
		grep -q '^dev-set-ntf .*mtu=1500' $EVENTS.there
	told_all=$?
	listen_no_more
	return $told_all
}

rest_is_told()
{
	listen "" here || return 1
	says "" zone-set id=1 quiesced=1 &&
		[ "$(field quiesced zone-get id=1)" = 1 ] &&
		says "" zone-set id=1 quiesced=0 &&
		[ "$(field quiesced zone-get id=1)" = 0 ] &&
		says "" zone-set id=1 quiesced=0 && flood 100 $NET_GUEST &&
		told here "zone-quiesced-ntf id=1 quiesced=1" \
			"zone-released-ntf id=1 quiesced=0"
	told_all=$?
	listen_no_more
	return $told_all
}

guest_is_told()
{
	listen "" here || return 1
	echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
	guest_add 1 $NET_ADDR $NET_IRQ
	guest_enter 1 $NET_ADDR zone1 eth0 2
	told here "dev-reset-ntf $PLACE ifindex=$(cat /sys/class/net/tap0/ifindex) ifname=tap0 status=0" \
		"dev-ready-ntf $PLACE ifindex=$(cat /sys/class/net/tap0/ifindex) ifname=tap0 status=15"
	told_all=$?
	listen_no_more
	return $told_all
}


ktap_plan 23
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
ktap_check "zones are made, shown and forgotten" zones
zone_add 2 $RAW
ktap_check "bad requests about zones" bad_zones
ktap_check "the range of RAM that is to blame is named" which_range
ktap_check "every key does what it says" every_key
ktap_check "what is left out has sysfs's defaults" defaults
ktap_check "bad devices" bad_devices
ktap_check "devices that are not named, or not there" bad_names
ktap_check "dumps" dumps
ktap_check "long dumps" long_dump
ktap_check "counters are those of sysfs" counters
ktap_check "the hypervisor" hypervisor
ktap_check "an idle device is changed" changes
ktap_check "a device in use is not" bad_changes
ktap_check "but when its guest is told of frames" told_late
ktap_check "a device is seen where its interface is" namespaces
ktap_check "and born where the request comes from" born_away
ktap_check "zones and the hypervisor are not seen from elsewhere" not_from_there
ktap_check "nobody may change anything without the privilege" unprivileged
ktap_check "the life of zones and devices is told" life_is_told
ktap_check "that a zone rests is told" rest_is_told
ktap_check "that a guest goes and comes is told" guest_is_told
ktap_check "the device that was there still works" flood 100 $NET_GUEST
zone_del 2
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
