#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# hvnet as a program: its command line, and what "doctor" makes of boards that
# are directories here. What changes the system is tested in the VM.
# HVNET names the program.

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
number=0 failed=0

# point DESCRIPTION STATUS: of a test; what was seen is in out
point()
{
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number $1"
	else
		failed=$((failed + 1))
		sed 's/^/# /' out
		echo "not ok $number $1"
	fi
}

# says DESCRIPTION STATUS TEXT ARGUMENT...: exit status, and all that is said
says()
{
	says_what=$1 says_status=$2
	printf '%s\n' "$3" >expected
	shift 3
	"$HVNET" "$@" >out 2>&1
	echo "exit status $?" >status
	echo "exit status $says_status" | cmp -s - status &&
		cmp -s expected out
	says_right=$?
	[ $says_right -eq 0 ] || cat status >>out
	point "$says_what" $says_right
}

# finds DESCRIPTION STATUS ARGUMENT... <<LINES: these lines, and that status
finds()
{
	finds_what=$1 finds_status=$2
	shift 2
	"$HVNET" doctor --root="$work/board" "$@" >out 2>&1
	finds_right=$(($? != finds_status))
	while IFS= read -r line; do
		grep -qxF -e "$line" out && continue
		echo "missing: $line" >>out
		finds_right=1
	done
	point "$finds_what" $finds_right
}

# property FILE NUMBER...: of 32 bits each, as a device tree has them
property()
{
	property_file=$1
	shift
	for cell; do
		cell=$((cell))
		for shift in 24 16 8 0; do
			# shellcheck disable=SC2059
			printf "\\$(printf '%03o' $((cell >> shift & 255)))"
		done
	done >"$property_file"
}

# A board on which all is well.
make_board()
{
	rm -rf board
	tree=board/proc/device-tree
	reserved=$tree/reserved-memory
	bus=board/sys/bus/hvisor_vnet
	mkdir -p $tree/hvisor_virtio_device $reserved/nonroot@50000000 \
		$bus/devices board/dev board/sys/class/net \
		board/sys/devices/system/cpu
	printf 'rockchip,rk3588\0' >$tree/compatible
	printf 'hvisor\0' >$tree/hvisor_virtio_device/compatible
	property $tree/hvisor_virtio_device/interrupts 0 0x20 1
	property $reserved/'#address-cells' 2
	property $reserved/'#size-cells' 2
	property $reserved/nonroot@50000000/reg 0 0x50000000 0 0x25000000
	: >$reserved/nonroot@50000000/no-map
	cat >board/proc/iomem <<-END
	00200000-4fffffff : System RAM
	  00210000-00ffffff : Kernel code
	50000000-74ffffff : reserved
	75000000-efffffff : System RAM
	END
	echo "console=ttyS2" >board/proc/cmdline
	: >$bus/new_zone
	echo hvc >$bus/hypervisor
	ln -s /dev/null board/dev/hvisor-vnet
	ln -s /dev/null board/dev/hvisor
}

# process PID NAME [NODE]: one that has a node open
process()
{
	mkdir -p "board/proc/$1/fd"
	echo "$1 ($2) S 1 1" >"board/proc/$1/stat"
	echo "$2" >"board/proc/$1/comm"
	[ $# -lt 3 ] || ln -s "$3" "board/proc/$1/fd/3"
}

make_files()
{
	cat >cfg.json <<-'END'
	{ "zones": [ { "id": 1,
	  "memory_region": [
	    { "zone0_ipa": "0x50000000", "zonex_ipa": "0x50000000", "size": "0x25000000" } ],
	  "devices": [
	    { "type": "blk", "addr": "0xff9d0000", "len": "0x200", "irq": 78,
	      "img": "rootfs.ext4", "status": "enable" },
	    { "type": "net", "addr": "0xffa00000", "len": "0x200", "irq": 69, "tap": "tap0",
	      "mac": ["0x02", "0", "0", "0", "0", "1"], "status": "enable" } ] } ] }
	END
	cat >zone1.json <<-'END'
	{ "zone_id": 1, "memory_regions": [
	    { "type": "ram", "physical_start": "0x50000000", "virtual_start": "0x50000000", "size": "0x25000000" },
	    { "type": "virtio", "physical_start": "0xff9d0000", "virtual_start": "0xff9d0000", "size": "0x1000" },
	    { "type": "virtio", "physical_start": "0xffa00000", "virtual_start": "0xffa00000", "size": "0x1000" } ],
	  "interrupts": [ 78, "0x45" ] }
	END
}

# with FILE SED: the files and the board anew, one of them changed
with()
{
	make_files
	make_board
	sed -i -e "$2" "$1"
}

HELP="; for help: hvnet --help"
echo "KTAP version 1"
echo "1..74"

# --- the command line

"$HVNET" >out 2>&1
[ $? -eq 2 ] && grep -q '^hvnet start FILE ' out
point "without a word: help" $?
"$HVNET" --help >out 2>&1 && grep -q '^hvnet start FILE ' out
point "--help" $?
awk 'length > 80 { print; bad = 1 } END { exit bad }' out
point "help fits into 80 columns" $?
says "no such command" 2 "hvnet: there is no command begin$HELP" begin
says "load needs a file" 2 "hvnet: load needs a file$HELP" load
says "start needs a file" 2 "hvnet: start needs a file$HELP" start
says "status has no file" 2 "hvnet: too many files for status$HELP" status a
says "doctor has two files" 2 "hvnet: too many files for doctor$HELP" doctor a b c
says "set needs more words" 2 "hvnet: set needs more words$HELP" set zone 1
says "del has two words" 2 "hvnet: too many words for del$HELP" del zone 1 2
says "a count of nothing" 2 "hvnet: --count takes a number from 1 on, not 0$HELP" stats --count=0
says "no interval" 2 \
	"hvnet: --interval takes seconds, for example 0.5, not 0$HELP" stats -w --interval=0
says "no such option" 2 \
	"hvnet: there is no such option, or it needs a value: --colour$HELP" \
	load --colour a
says "an option without its value" 2 \
	"hvnet: there is no such option, or it needs a value: --hvisor$HELP" \
	start a --hvisor
says "an option of another command" 2 \
	"hvnet: load has no option --force$HELP" load --force a
says "and behind one of its own" 2 \
	"hvnet: load has no option --hvisor$HELP" load --replace-tap --hvisor=a b
says "no such configuration" 1 \
	"hvnet: nowhere.json: No such file or directory" doctor nowhere.json

# --- what starts it at boot

# init_says DESCRIPTION STATUS TEXT ARGUMENT...
init_says()
{
	init_what=$1 init_status=$2 init_text=$3
	shift 3
	HVNET="echo hvnet" HVNET_CONFIG=$work/cfg.json sh "$init" "$@" >out 2>&1
	[ $? -eq "$init_status" ] && [ "$(cat out)" = "$init_text" ]
	point "$init_what" $?
}

init=$(cd "$here/../../tools/boot" && pwd)/hvnet.init.in
make_files
init_says "init: start" 0 "hvnet start $work/cfg.json" start
init_says "init: stop" 0 "hvnet stop" stop
init_says "init: restart" 0 "hvnet stop
hvnet start $work/cfg.json" restart
init_says "init: neither" 2 "usage: $init start|stop|restart|status"
rm cfg.json
init_says "init: without a configuration" 0 "" start

# --- doctor: root Linux

make_files
make_board
finds "all is well" 0 cfg.json zone1.json <<'END'
root Linux
  ok    hvisor is in the device tree: hvisor_virtio_device
  ok    hvisor_vnet is attached to hvisor (hvc)
  ok    /dev/hvisor is ours, so zones are quiesced before they stop
  note  hvisor-tool's daemon does not run (hvnet start does that)
zone 1 in cfg.json
  ok    RAM at 0x50000000, 592 MiB, is kept from root: nonroot@50000000
  ok    the name tap0 is free
  note  net at 0xffa00000: the guest's device tree has to have
		virtio_mmio@ffa00000 {
			compatible = "virtio,mmio";
			dma-coherent;
			interrupt-parent = <0x01>;
			interrupts = <0x00 0x25 0x01>;
			reg = <0 0xffa00000 0 0x200>;
		};
zone 1 in zone1.json
  ok    its RAM is the same in both files
  ok    memory_regions[2] has the net device's registers, 0xffa00000
  ok    interrupts[1] is the net device's, 69
0 things to fix, 2 notes
END
finds "without files" 0 <<'END'
0 things to fix, 1 note
END
finds "as JSON" 0 -j cfg.json <<'END'
      "about": "root Linux",
      "mark": "ok",
      "text": "hvisor is in the device tree: hvisor_virtio_device",
      "paste": []
      "about": "zone 1 in cfg.json",
      "mark": "note",
      "text": "net at 0xffa00000: the guest's device tree has to have",
        "virtio_mmio@ffa00000 {",
        "\tcompatible = \"virtio,mmio\";",
  "fixes": 0,
  "notes": 2
END

rm board/proc/device-tree/hvisor_virtio_device/compatible
finds "no node" 1 <<'END'
  FIX   hvisor is not in the device tree: paste into root's (zone0.dts), in / { }
		hvisor_virtio_device {
			compatible = "hvisor";
			interrupts = <0x00 0x20 0x01>;
		};
1 thing to fix, 1 note
END
mkdir -p board/proc/device-tree/soc/hv
printf 'hvisor\0' >board/proc/device-tree/soc/hv/compatible
finds "a node without an interrupt, further down" 1 <<'END'
  FIX   hv has no interrupt: paste into that node
		interrupts = <0x00 0x20 0x01>;
END
# As riscv64 writes it, where RAM begins at 2 GiB.
make_board
cat >board/proc/iomem <<'END'
80200000-8fffffff : System RAM
90000000-b4ffffff : Reserved
b5000000-efffffff : System RAM
END
sed -i 's/0x50000000/0x90000000/g' cfg.json
property $reserved/nonroot@50000000/reg 0 0x90000000 0 0x25000000
finds "RAM above 2 GiB" 0 cfg.json <<'END'
  ok    RAM at 0x90000000, 592 MiB, is kept from root: nonroot@50000000
END
rm -r $reserved
finds "RAM that root reserves without a node" 0 cfg.json <<'END'
  ok    RAM at 0x90000000, 592 MiB, is kept from root
END
make_files

# plic COMPATIBLE: the board's interrupt controller is that
plic()
{
	make_board
	rm $tree/hvisor_virtio_device/compatible
	mkdir -p $tree/soc/irqs
	printf '%s\0riscv,plic0\0' "$1" >$tree/soc/irqs/compatible
}

plic sifive,plic-1.0.0
finds "a board with a PLIC" 1 cfg.json <<'END'
			interrupts = <0x20>;
			interrupts = <0x45>;
END
plic riscv,aplic
finds "a board with an APLIC" 1 cfg.json <<'END'
			interrupts = <0x20 0x04>;
			interrupts = <0x45 0x01>;
END
sed -i 's/"irq": 69/"irq": 9/' cfg.json
finds "where an interrupt may have a small number" 1 cfg.json <<'END'
			interrupts = <0x9 0x01>;
END
make_files

make_board
rm -r board/proc/device-tree
finds "no device tree at all" 0 <<'END'
  note  there is no device tree to look for hvisor in
END

make_board
echo none >$bus/hypervisor
finds "no hypervisor" 1 <<'END'
  FIX   hvisor_vnet is loaded, and has found no hypervisor; the log says what it waits for
		dmesg | grep hvisor_vnet
END
echo "hvc taken-over" >$bus/hypervisor
finds "the page was taken over" 1 <<'END'
  FIX   another program has taken hvisor's requests over: end it, then
		echo 1 > /sys/bus/hvisor_vnet/reattach
END
rm -r $bus
finds "no module" 0 <<'END'
  note  hvisor_vnet is not loaded (hvnet start does that)
END
make_board
rm board/dev/hvisor
finds "no hvisor.ko" 1 <<'END'
  FIX   there is no /dev/hvisor, by which zones are started
		insmod hvisor.ko
END
ln -s /dev/zero board/dev/hvisor
finds "its own node" 0 <<'END'
  note  /dev/hvisor is hvisor.ko's own (hvnet start puts ours over it)
END

# hvisor.ko's number is that of /dev/zero here, ours that of /dev/null.
mkdir -p board/sys/class/misc/hvisor
echo 1:5 >board/sys/class/misc/hvisor/dev
process 312 hvisor-virtio /dev/zero
finds "a daemon beside us" 1 cfg.json <<'END'
  FIX   hvisor-tool's daemon, process 312, has all requests for itself; hvnet start starts it again, behind us:
		hvisor zone shutdown -id 1
		kill 312
END
make_board
process 312 hvisor-virtio /dev/null
finds "our daemon" 0 <<'END'
  ok    hvisor-tool's daemon runs, process 312
END
sed -i 's/) S/) Z/' board/proc/312/stat
process 313 hvisor-virtio2
finds "one that has ended, and another program" 0 <<'END'
  note  hvisor-tool's daemon does not run (hvnet start does that)
END

make_board
echo "quiet threadirqs" >board/proc/cmdline
finds "threaded interrupts" 1 <<'END'
		threadirqs
END
grep -q "FIX   interrupts are threads here" out
point "and it says why" $?
make_board
mkdir -p board/sys/kernel
echo 1 >board/sys/kernel/realtime
finds "a kernel with PREEMPT_RT" 1 <<'END'
1 thing to fix, 1 note
END
make_board
mkdir -p board/sys/devices/system/cpu/cpu1
echo 1 >board/sys/devices/system/cpu/cpu1/online
finds "CPUs that may go offline" 0 <<'END'
  note  CPUs can be taken offline here, and hvisor panics when one is; the module refuses that, and so suspending fails:
		systemctl mask suspend.target hibernate.target
END

# --- doctor: virtio_cfg.json

make_board
echo "00000000-00000000 : System RAM" >board/proc/iomem
finds "not root" 1 cfg.json <<'END'
  FIX   only root may see where RAM is
		sudo hvnet doctor cfg.json
END
with board/proc/iomem 's/^50000000.*reserved/50000000-74ffffff : System RAM/'
rm -r $reserved
finds "RAM that is root's" 1 cfg.json <<'END'
  FIX   RAM at 0x50000000, 592 MiB, is not reserved: 0x25000000 bytes of it are root's; paste into root's device tree (zone0.dts), in / { }
		reserved-memory {
			#address-cells = <0x02>;
			#size-cells = <0x02>;
			ranges;
			nonroot@50000000 {
				no-map;
				reg = <0 0x50000000 0 0x25000000>;
			};
		};
END
with cfg.json 's/"0x25000000"/"0x30000000"/'
finds "more RAM than is reserved" 1 cfg.json <<'END'
  FIX   RAM at 0x50000000, 768 MiB, is more than nonroot@50000000 reserves: 0xb000000 bytes of it are root's; ask for less, or in root's device tree
				reg = <0 0x50000000 0 0x30000000>;
END
with board/proc/iomem 's/^50000000.*reserved/50000000-74ffffff : System RAM/'
rm $reserved/nonroot@50000000/no-map
finds "reserved, and mapped all the same" 0 cfg.json <<'END'
  ok    RAM at 0x50000000, 592 MiB, is reserved: nonroot@50000000
END
with cfg.json 's/"0x50000000"/"0x200000000"/g'
finds "RAM that is not there" 1 cfg.json <<'END'
  FIX   RAM at 0x200000000, 592 MiB: root knows of memory for 0 bytes of it only; right would be what the board has
END
make_files
property $reserved/'#address-cells' 1
property $reserved/'#size-cells' 1
property $reserved/nonroot@50000000/reg 0x50000000 0x10000000 0x60000000 0x15000000
finds "a reservation in pieces, of single cells" 0 cfg.json <<'END'
  ok    RAM at 0x50000000, 592 MiB, is kept from root: nonroot@50000000
END

make_board
mkdir -p board/sys/class/net/tap0
finds "an interface of the tap's name" 1 cfg.json <<'END'
  FIX   tap0 is the name of another interface: have another in zones[0].devices[1].tap
		"tap": "zone1",
END
echo 0x1002 >board/sys/class/net/tap0/tun_flags
finds "a tap of that name" 1 cfg.json <<'END'
  FIX   tap0 is a tap, left over or the daemon's: it has to make way
		hvnet start --replace-tap cfg.json
END
rm board/sys/class/net/tap0/tun_flags
mkdir -p $bus/devices/zone1-ffa00000/net/tap0
finds "ours, alone" 0 cfg.json <<'END'
  note  tap0 is ours, and in no bridge; if it is to be in br0
		ip link set tap0 up master br0
END
ln -s ../br0 board/sys/class/net/tap0/master
finds "ours, in a bridge" 0 cfg.json <<'END'
  ok    tap0 is ours, and in br0
END
with cfg.json 's/"irq": 69/"irq": 5/'
finds "the number of an SPI" 1 cfg.json <<'END'
  FIX   zones[0].devices[1].irq is 5, an interrupt of a CPU's own; if 5 is the number in the guest's device tree
		"irq": 37,
END
with cfg.json 's/\["0x02", .* "1"\]/["0x00", "0x16", "0x3e", "0x10", "0x10", "0x10"]/'
finds "the MAC address of the examples" 0 cfg.json <<'END'
  note  zones[0].devices[1].mac is the one of hvisor-tool's examples, and other boards may have it; one of your own:
END
grep -qE '^		"mac": \["0x02", "0x00"(, "0x[0-9a-f]{2}"){4}\],$' out
point "and one for here" $?
with cfg.json '$s/"enable"/"disable"/'
finds "a net device that is disabled" 1 cfg.json <<'END'
  note  zones[0].devices[1] is a net device, and disabled
  FIX   cfg.json has no enabled device of type "net"
END
with cfg.json 's/"irq": 78/"irq": 69/'
finds "what contradicts itself is not looked at further" 1 cfg.json <<'END'
hvnet: cfg.json: zones[0].devices[1].irq is 69, which zones[0].devices[0] (blk) has; right would be another interrupt
END

# --- doctor: the zone's own file

with zone1.json 's/"zone_id": 1/"zone_id": 2/'
finds "another zone's file" 1 cfg.json zone1.json <<'END'
  FIX   zone1.json is of zone 2, of which cfg.json has nothing
END
with zone1.json 's/"zone_id": 1, //'
finds "another kind of file" 1 cfg.json zone1.json <<'END'
  FIX   zone1.json: there is no zone_id: is it a zone's JSON file?
END
with zone1.json 's/\]//'
finds "not JSON" 1 cfg.json zone1.json <<'END'
  FIX   zone1.json does not read
END
with zone1.json '/0xffa00000/s/.*/ ],/'
sed -i '3s/,$//' zone1.json
finds "no region of registers" 1 cfg.json zone1.json <<'END'
  FIX   no region is for the net device's registers, 0xffa00000; add to memory_regions
		{ "type": "virtio", "physical_start": "0xffa00000",
		  "virtual_start": "0xffa00000", "size": "0x1000" }
END
with zone1.json '/0xffa00000/s/"virtio"/"io"/'
finds "a region of another type" 1 cfg.json zone1.json <<'END'
  FIX   memory_regions[2] is where the net device's registers are, 0xffa00000, and is not of type virtio: have another address in zones[0].devices[1].addr
END
with zone1.json '/0xffa00000/s/"size": "0x1000"/"size": 256/'
finds "a region that is too small" 1 cfg.json zone1.json <<'END'
  FIX   memory_regions[2] has only a part of the net device's registers; right would be
		"virtual_start": "0xffa00000", "size": "0x1000"
END
with zone1.json '/0xffa00000/s/0xffa00000/0xff9ff000/g; /0xff9ff000/s/"size": "0x1000"/"size": "0x2000"/'
finds "a region that begins before it" 0 cfg.json zone1.json <<'END'
  ok    memory_regions[2] has the net device's registers, 0xffa00000
  note  it begins at 0xff9ff000: hvisor makes the guest wait for each kick unless the device stands first in a region of its own
END
with zone1.json 's/"0x45"/37/'
finds "no interrupt" 1 cfg.json zone1.json <<'END'
  FIX   interrupt 69 of the net device is missing; add to interrupts
		69
END
with zone1.json '2s/"size": "0x25000000"/"size": "0x30000000"/'
finds "a zone with more RAM" 1 cfg.json zone1.json <<'END'
  FIX   memory_regions[0] is RAM that cfg.json does not have there: buffers in it would break the device; add to zones[0].memory_region
		{ "zone0_ipa": "0x50000000", "zonex_ipa": "0x50000000", "size": "0x30000000" }
END
with zone1.json '2s/"size": "0x25000000"/"size": "0x20000000"/'
finds "a zone with less RAM" 0 cfg.json zone1.json <<'END'
  note  zones[0].memory_region has memory at 0x50000000 that is not the zone's RAM, and that its guest could have us write to
END
with cfg.json 's/"zonex_ipa": "0x50000000"/"zonex_ipa": "0x80000000"/'
finds "RAM that the guest has elsewhere" 1 cfg.json zone1.json <<'END'
		{ "zone0_ipa": "0x50000000", "zonex_ipa": "0x50000000", "size": "0x25000000" }
END

# --- what is no doctor's business

says "a copy of a board is for doctor only" 2 \
	"hvnet: status has no option --root$HELP" status --root=board
make_files
if [ -d /sys/bus/hvisor_vnet ] || [ "$(id -u)" -ne 0 ]; then
	number=$((number + 2))
	echo "ok $((number - 1)) status # SKIP the module is loaded, or we are not root"
	echo "ok $number load # SKIP the module is loaded, or we are not root"
else
	says "status without the module" 1 "module       not loaded" status
	says "load without the module" 1 \
		"hvnet: the module is not loaded; do: modprobe hvisor_vnet (or: insmod hvisor_vnet.ko)" \
		load cfg.json
fi
echo "# Totals: pass:$((number - failed)) fail:$failed skip:0"
[ $failed -eq 0 ]
