#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own ynl, a program that knows nothing of us but the specification:
# it dumps zones and devices, makes and changes them, sees events, and has the
# sentence of a refusal.
#
# rig: smp=2 timeout=600 python
. ./lib.sh
. ./netlib.sh

EVENTS=/tmp/ctl_ynl.events

# Where numbers have to be aligned there is padding in between, of which it does
# not know either.
padding=
[ "$RIG_ARCH" != riscv64 ] || padding=--process-unknown

# ynl WORDS...
ynl()
{
	PYTHONDONTWRITEBYTECODE=1 python3 /ynl/cli.py --no-schema $padding \
		--spec /etc/hvisor_vnet.yaml --output-json "$@"
}

# has TEXT WHAT...: the answer is this, in JSON, wherever in it
has()
{
	case $said in
	*"$1"*) return 0 ;;
	esac
	ktap_diag "no '$1' in: $said"
	return 1
}

dump_zones()
{
	said=$(ynl --dump zone-get) && has '"id": 1, "quiesced": 0' &&
		has '"ram": [{"root": "0x' && has '"size": "0x'
}

dump_devices()
{
	said=$(ynl --dump dev-get) && has '"ifname": "tap0"' &&
		has "\"address\": \"$NET_ADDR\"" && has "\"irq\": $NET_IRQ" &&
		has '"driver-ok"' && has '"version-1"' &&
		has '"coalesce": {"tx-usecs": 50, "tx-frames": 8,' &&
		has '"counters": {' && has '"tx-kicks": '
}

one_device()
{
	said=$(ynl --do dev-get --json '{"ifname": "tap0"}') &&
		has '"ifname": "tap0"'
}

hypervisor()
{
	said=$(ynl --do hv-get) && has '"conduit": "sim"' &&
		has '"taken-over": 0' && has '"hypercalls": '
}

# Features by their names, an address in hexadecimal.
make_and_change()
{
	said=$(ynl --do dev-new --json '{"zone": 1, "address": 167772160,
		"irq": 80, "ifname": "by-ynl", "mac": "021122334455",
		"offered": ["version-1", "mac", "mtu"]}') &&
		has '"ifname": "by-ynl"' && has '"mac": "02:11:22:33:44:55"' &&
		ynl --do dev-set --json '{"ifname": "by-ynl", "mtu": 1400}' \
			>/dev/null &&
		[ "$(cat /sys/class/net/by-ynl/mtu)" = 1400 ] &&
		ynl --do dev-del --json '{"ifname": "by-ynl"}' >/dev/null &&
		[ ! -e /sys/class/net/by-ynl ]
}

refused()
{
	said=$(ynl --do zone-del --json '{"id": 1}' 2>&1)
	has "zone 1 still has device zone1-a003600: remove it first"
}

# It listens for a while and then says what it has heard.
events()
{
	ynl --subscribe events --sleep 10 >$EVENTS 2>&1 &
	listener=$!
	while kill -0 $listener 2>/dev/null; do
		./nlctl dev-new zone=1 address=0xa000000 irq=80 \
			ifname=seen >/dev/null
		./nlctl dev-del ifname=seen
		sleep 0.5
	done
	wait $listener
	said=$(cat $EVENTS)
	has dev-new-ntf && has dev-del-ntf && has seen
}

ktap_plan 8
load_modules || ktap_abort "modules do not load"
net_up || ktap_abort "no network"
ktap_check "zones are dumped" dump_zones
ktap_check "devices are dumped" dump_devices
ktap_check "one device" one_device
ktap_check "the hypervisor" hypervisor
ktap_check "a device is made, changed and removed" make_and_change
ktap_check "a refusal has its sentence" refused
ktap_check "events are seen" events
net_down
ktap_check "the modules can be unloaded" unload_modules
ktap_finish
