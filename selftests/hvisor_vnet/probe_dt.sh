#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The real conduit on a real kernel: the module is found by the device tree's
# node, issues real hypercalls to a tiny EL2 (selftests/vm/el2stub.S) and is
# woken through the GIC.  The guest is this script: it hands register accesses
# and ring contents to EL2's side (el2ctl.ko) and the no-map reservation.
#
# rig: el2stub node
# Functions are called through ktap_check, which shellcheck does not see.
# shellcheck disable=SC2086,SC2317
. ./lib.sh

CTL=/sys/kernel/el2ctl
NODE=/sys/devices/platform/hvisor_virtio_device

ADDR=0xa003600
IRQ=75
GUEST_RAM=0x50000000		# where the guest sees RAM_ROOT
RAM_ROOT=$RAW_BASE
RAM_SIZE=0x100000

# Offsets in the guest's RAM, of queue 0 (to the guest) and 1 (from it).
DESC0=0x0000 AVAIL0=0x1000 USED0=0x2000 BUF0=0x10000
DESC1=0x3000 AVAIL1=0x4000 USED1=0x5000 BUF1=0x11000
VNET_HDR=12

# state NAME: what EL2 counted
state()
{
	awk -v name="$1" '$1 == name { print $2 }' $CTL/state
}

# put FILE TEXT: not by the shell's own echo, which does not say why it failed
put()
{
	env echo "$2" >"$1"
}

# access ADDR SIZE VALUE IS_WRITE NEED_INTERRUPT CPU, by zone 1
access()
{
	put $CTL/request "1 $*"
}

# answer: the value; answers: how often that vCPU was answered
answer()
{
	cut -d' ' -f2 $CTL/answer
}

answers()
{
	cut -d' ' -f1 $CTL/answer
}

# reg_read OFFSET: the request's value means nothing
reg_read()
{
	access $((ADDR + $1)) 4 0x5a5a 0 0 2 && answer
}

# reg_write OFFSET VALUE
reg_write()
{
	access $((ADDR + $1)) 4 $(($2)) 1 0 2
}

# poke OFFSET BITS VALUE, peek OFFSET BITS: the guest's RAM
poke()
{
	devmem $((RAM_ROOT + $1)) "$2" $(($3))
}

peek()
{
	printf '%#x\n' "$(devmem $((RAM_ROOT + $1)) "$2")"
}

# refused_with REASON COMMAND...: it fails, and says why
refused_with()
{
	refused_reason=$1
	shift
	if "$@" 2>/tmp/refusal; then
		return 1
	fi
	grep -q "$refused_reason" /tmp/refusal
}

alias_matches()
{
	for alias in $(modinfo -F alias hvisor_vnet); do
		# shellcheck disable=SC2254
		case $(cat $NODE/modalias) in
		$alias) return 0 ;;
		esac
	done
	return 1
}

hypercall()
{
	put $CTL/hypercall "$*"
}

is_idle()
{
	[ "$(state need_wakeup)" = 1 ]
}

# queue_setup INDEX DESC AVAIL USED
queue_setup()
{
	reg_write 0x030 "$1" && reg_write 0x038 16 &&
		reg_write 0x080 $((GUEST_RAM + $2)) && reg_write 0x084 0 &&
		reg_write 0x090 $((GUEST_RAM + $3)) && reg_write 0x094 0 &&
		reg_write 0x0a0 $((GUEST_RAM + $4)) && reg_write 0x0a4 0 &&
		reg_write 0x044 1
}

# What a driver does (virtio 1.2, section 3.1.1); VERSION_1 is all it wants.
driver_start()
{
	reg_write 0x070 0 && reg_write 0x070 1 && reg_write 0x070 3 &&
		reg_write 0x024 1 && reg_write 0x020 1 &&
		reg_write 0x070 0xb && [ "$(reg_read 0x070)" = 0xb ] &&
		queue_setup 0 $DESC0 $AVAIL0 $USED0 &&
		queue_setup 1 $DESC1 $AVAIL1 $USED1 &&
		reg_write 0x070 0xf && [ "$(reg_read 0x070)" = 0xf ]
}

# descriptor DESC BUFFER LENGTH FLAGS: the first one
descriptor()
{
	poke "$1" 64 $((GUEST_RAM + $2))
	poke $(($1 + 8)) 32 "$3"
	poke $(($1 + 12)) 16 "$4"
}

ram_clear()
{
	for queue_part in $AVAIL0 $USED0 $AVAIL1 $USED1 $BUF1 $((BUF1 + 8)); do
		poke "$queue_part" 64 0
	done
}

# A broadcast of 60 bytes from 02:00:00:00:00:01, EtherType 0x88b5.
frame_from_guest()
{
	descriptor $DESC1 $BUF1 $((VNET_HDR + 60)) 0
	poke $((BUF1 + VNET_HDR)) 32 0xffffffff
	poke $((BUF1 + VNET_HDR + 4)) 32 0x0002ffff
	poke $((BUF1 + VNET_HDR + 8)) 32 0x01000000
	poke $((BUF1 + VNET_HDR + 12)) 16 0xb588
	poke $((AVAIL1 + 2)) 16 1
	# The notify: nobody waits for an answer.
	access $((ADDR + 0x050)) 4 1 1 1 2
}

frame_arrived()
{
	[ "$(cat /sys/class/net/tap0/statistics/rx_packets)" = 1 ] &&
		[ "$(peek $((USED1 + 2)) 16)" = 0x1 ]
}

# injected_since COUNT: EL2 was told to interrupt this guest
injected_since()
{
	[ "$(state injected)" -gt "$1" ] && [ "$(state last_zone)" = 1 ] &&
		[ "$(state last_irq)" = $IRQ ]
}

acknowledge()
{
	[ "$(reg_read 0x060)" = 0x1 ] && reg_write 0x064 1 &&
		[ "$(reg_read 0x060)" = 0x0 ]
}

is_arp_request()
{
	[ "$(peek $((USED0 + 2)) 16)" = 0x1 ] &&
		[ "$(peek $((BUF0 + VNET_HDR + 12)) 16)" = 0x608 ]
}

# --- found by the node

ktap_plan 33
ktap_check "the node's modalias is one of the module's aliases" alias_matches
ktap_check "the modalias loads the module" \
	modprobe "$(cat $NODE/modalias)"
ktap_equal "it is attached by hypercalls" hvc "$(cat $BUS/hypervisor)"
modprobe el2ctl || ktap_abort "el2ctl does not load"
page=$(state page)
ktap_equal "one INIT_VIRTIO" 1 "$(state inits)"
ktap_check "it names a page" [ $((page != 0 && page % 4096 == 0)) = 1 ]
# Under PREEMPT_RT not with each kernel: probe_dt_threads.sh.
sharers="hvisor_vnet, el2ctl" seen=1
if is_realtime && ! grep -q el2ctl /proc/interrupts; then
	sharers=hvisor_vnet seen=0
fi
ktap_check "SPI 32 is requested, edge, and shared if it can be" \
	grep -q " 64 Edge *$sharers$" /proc/interrupts
ktap_check "an idle module asks to be woken" wait_for 5 is_idle

# --- woken through the GIC

unknown=$(page_counter unknown)
ktap_check "a read where no device is gets an answer" \
	access 0xdead000 4 0x5a5a 0 0 0
ktap_equal "which is 0, once" "1 0x0" "$(cat $CTL/answer)"
ktap_equal "it is counted" $((unknown + 1)) "$(page_counter unknown)"
ktap_equal "one wake interrupt was sent, and seen by all who share it" \
	"1 $seen 1" "$(state wakes) $(state interrupts) $(page_counter wakes)"
ktap_check "the last vCPU has an answer of its own" \
	access 0xdead000 8 0 0 0 31
ktap_check "one that cannot exist has none" \
	refused_with "timed out" access 0xdead000 4 0 0 0 32

# --- a zone, a device, frames

ktap_check "root's own RAM is refused" refused_with "not permitted" \
	put $BUS/new_zone "id=1 ram=0x70000000,$GUEST_RAM,$RAM_SIZE"
ktap_check "the no-map reservation is taken" \
	zone_add 1 "ram=$RAM_ROOT,$GUEST_RAM,$RAM_SIZE"
device_add zone=1 addr=$ADDR irq=$IRQ name=tap0 || ktap_abort "no device"
ktap_equal "the device answers: magic, version, device id" \
	"0x74726976 0x2 0x1" "$(reg_read 0) $(reg_read 4) $(reg_read 8)"
ram_clear
descriptor $DESC0 $BUF0 2048 2
poke $((AVAIL0 + 2)) 16 1
ktap_check "a driver brings it to DRIVER_OK" driver_start
[ ! -e /proc/sys/net/ipv6/conf/tap0 ] ||
	echo 1 >/proc/sys/net/ipv6/conf/tap0/disable_ipv6
ip addr add 10.9.9.1/24 dev tap0
ip link set tap0 up

injected=$(state injected)
before=$(answers)
frame_from_guest
ktap_check "a frame of the guest arrives" wait_for 5 frame_arrived
ktap_equal "its notify was not answered" "$before" "$(answers)"
ktap_check "FINISH_REQ interrupts the guest's zone" \
	wait_for 5 injected_since "$injected"
ktap_check "which acknowledges" acknowledge
injected=$(state injected)
ping -c 1 -W 1 10.9.9.2 >/dev/null
ktap_check "a frame to the guest arrives" wait_for 5 is_arp_request
ktap_check "and interrupts it" wait_for 5 injected_since "$injected"
acknowledge
ktap_check "the module stays while a guest drives a device" \
	refused_with . rmmod hvisor_vnet

# --- another program takes the page over, and we take it back

hypercall 0 $((RAM_ROOT + 0x20000))
echo 1 >$BUS/reattach
ktap_equal "reattach gives the page again" "$page 3" \
	"$(state page) $(state inits)"
ktap_equal "and requests arrive again" 0x74726976 "$(reg_read 0)"

ktap_check "a bad hypercall is refused" \
	refused_with "Invalid argument" hypercall 0 0x123
ktap_equal "the module made no call that hvisor does not have" "0 1" \
	"$(state unknown) $(state refused)"

# --- CPUs: this EL2 has but one, so that the refusal itself is not seen here

says_on_cpus()
{
	grep -c "hvisor_vnet:online" /sys/devices/system/cpu/hotplug/states
}

ktap_equal "the module has a say when a CPU goes offline" 1 "$(says_on_cpus)"

# --- gone, and back

reg_write 0x070 0
device_del 1 $ADDR
zone_del 1
rmmod hvisor_vnet
ktap_equal "unloaded, it no longer asks to be woken" 0 "$(state need_wakeup)"
ktap_equal "nor has it a say about CPUs" 0 "$(says_on_cpus)"
access 0xdead000 4 0 0 0 5 2>/dev/null
before=$(answers)
modprobe hvisor_vnet
ktap_equal "loaded again, it takes up the same page" "$page 4" \
	"$(state page) $(state inits)"
answered()
{
	[ "$(cat $CTL/answer)" = "$((before + 1)) 0x0" ]
}
ktap_check "and answers what was asked meanwhile" wait_for 5 answered
ktap_finish
