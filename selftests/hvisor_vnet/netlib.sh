# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The network that the net_* tests and the demo stand on: zone 1, whose guest is
# the kernel's own virtio_net in a network namespace, and a bridge on the root
# side.  Sourced after lib.sh, which it builds upon; what a test asserts does
# not belong here.
#
#	namespace zone1                    root
#	eth0 (virtio_net)  == hvisor ==    tap0 (hvisor_vnet) -- br0
#	10.77.0.2, fd77::2                                       10.77.0.1, fd77::1

# Tests that are the guest themselves want root to say nothing by itself, and leave
# it so.
sysctl -q net.ipv6.conf.default.disable_ipv6=0

NET_ADDR=0xa003600
NET_IRQ=75
NET_ROOT=10.77.0.1
NET_GUEST=10.77.0.2

# bits N...: the features of these numbers
bits()
{
	bits_sum=0
	for bits_each; do
		bits_sum=$((bits_sum | 1 << bits_each))
	done
	echo $bits_sum
}

# The control queue and what goes through it, for mask=.
# shellcheck disable=SC2034
NET_CONTROL=$(bits 2 17 18 19 23)

# br_up: the root side's bridge, with its addresses
br_up()
{
	ip link add br0 type bridge
	ip addr add $NET_ROOT/24 dev br0
	ip addr add fd77::1/64 dev br0 nodad
	ip link set br0 up
}

# br_join NAME: a root-side interface becomes a port of the bridge
br_join()
{
	ip link set "$1" master br0 && ip link set "$1" up
}

# guest_enter ZONE ADDR NAMESPACE NAME HOST: moves a guest's NIC to where its
# zone is, and gives it the addresses .HOST and ::HOST.
#
# None of its addresses is tried first for duplicates, which ends a second later in a
# command on the control queue: up to 6.1 the driver spins until it is answered, and
# here root's worker may be on that very CPU and have to wait for a tick, or three.
guest_enter()
{
	enter_dev=$(guest_netdev "$1" "$2")
	[ -n "$enter_dev" ] || return 1
	[ -e "/run/netns/$3" ] || ip netns add "$3" || return 1
	ip link set "$enter_dev" netns "$3" name "$4" || return 1
	ip -n "$3" link set lo up
	ip netns exec "$3" sysctl -q "net.ipv6.conf.$4.accept_dad=0" || return 1
	ip -n "$3" addr add "10.77.0.$5/24" dev "$4"
	ip -n "$3" addr add "fd77::$5/64" dev "$4" nodad
	ip -n "$3" link set "$4" up
}

# net_up [KEY=VALUE...]: all of the picture above; words for the guest, such as
# mask=, may be given.
net_up()
{
	zone_add 1 &&
		device_add zone=1 addr=$NET_ADDR irq=$NET_IRQ name=tap0 &&
		guest_add 1 $NET_ADDR $NET_IRQ "$@" &&
		br_up && br_join tap0 &&
		guest_enter 1 $NET_ADDR zone1 eth0 2 &&
		wait_for 10 ping -c 1 -W 1 $NET_GUEST
}

# net_down: and away with it, in an order that nobody could object to
net_down()
{
	ip netns del zone1 2>/dev/null
	[ ! -e /sys/class/net/br0 ] || ip link del br0
	[ -z "$(guest_virtio 1 $NET_ADDR)" ] ||
		echo "zone=1 addr=$NET_ADDR" >$SIM/del_guest
	device_del 1 $NET_ADDR
	zone_del 1
}

# guest_virtio ZONE ADDR: the guest's virtio device, "virtioN"
guest_virtio()
{
	sed -n "s/^zone=$1 addr=$2 .*dev=//p" $SIM/guests
}

# guest_unbind ZONE ADDR, guest_bind ZONE ADDR: take the guest's driver away,
# and give it back
guest_unbind()
{
	guest_virtio "$1" "$2" >/sys/bus/virtio/drivers/virtio_net/unbind
}

guest_bind()
{
	guest_virtio "$1" "$2" >/sys/bus/virtio/drivers/virtio_net/bind
}

# in_guest COMMAND...
in_guest()
{
	in_zone 1 "$@"
}

# carrier NAME, guest_carrier NAME: of an interface that is up; 0 or 1
carrier()
{
	cat "/sys/class/net/$1/carrier"
}

guest_carrier()
{
	in_guest cat "/sys/class/net/$1/carrier"
}

# carrier_is NAME VALUE, guest_carrier_is NAME VALUE: for wait_for
carrier_is()
{
	[ "$(carrier "$1")" = "$2" ]
}

guest_carrier_is()
{
	[ "$(guest_carrier "$1")" = "$2" ]
}

# nic NAME STATISTIC, guest_nic NAME STATISTIC: rx_packets and the like
nic()
{
	cat "/sys/class/net/$1/statistics/$2"
}

guest_nic()
{
	in_guest cat "/sys/class/net/$1/statistics/$2"
}

# flood COUNT ADDRESS [OPTION...]: a flood ping; true if every reply came
flood()
{
	flood_by "" "$@"
}

flood_from_guest()
{
	flood_by in_guest "$@"
}

# flood_by COMMAND|"" COUNT ADDRESS [OPTION...]: by what runs a command there
flood_by()
{
	flood_where=$1 flood_count=$2 flood_to=$3
	shift 3
	flood_before=$(echo_replies)
	flood_said=$($flood_where ping -f -q -c "$flood_count" -W 5 "$@" \
		"$flood_to" 2>&1)
	ktap_diag "$(echo "$flood_said" | grep -E 'transmitted|rtt' | tr '\n' ' ')"
	echo "$flood_said" | grep -q " $flood_count received" ||
		[ $(($(echo_replies) - flood_before)) -ge "$flood_count" ]
}

# All that came so far: ping overlooks some when it gets no CPU to read them.
echo_replies()
{
	$flood_where cat /proc/net/snmp | awk '/^Icmp: / {
		if (n)
			print $n
		for (i = 1; i <= NF; i++)
			if ($i == "InEchoReps")
				n = i
	}'
}

# tcp_to_guest BYTES, tcp_to_root BYTES: a stream crosses, every byte is checked
tcp_to_guest()
{
	in_guest tcpcheck recv $NET_GUEST 7000 "$1" >/tmp/tcpcheck &
	tcp_listener=$!
	wait_for 5 grep -q ready /tmp/tcpcheck &&
		tcpcheck send $NET_GUEST 7000 "$1" && wait $tcp_listener
}

tcp_to_root()
{
	tcpcheck recv $NET_ROOT 7000 "$1" >/tmp/tcpcheck &
	tcp_listener=$!
	wait_for 5 grep -q ready /tmp/tcpcheck &&
		in_guest tcpcheck send $NET_ROOT 7000 "$1" && wait $tcp_listener
}

# drops: what the device's drop counters add up to
drops()
{
	cat "$(device_dir 1 $NET_ADDR)"/counters/drop_* |
		awk '{ sum += $1 } END { print sum }'
}

# latency_ns WHICH: of accesses that waited without sleeping: max, p999, ...
latency_ns()
{
	awk -v name="$1_ns" '$1 == name { print $2 }' $SIM/latency
}

sim_reset()
{
	echo 1 >$SIM/reset
}

# sim_healthy: no guest gave up, no answer went astray, EL2 did not panic
sim_healthy()
{
	for healthy_name in gave_up gave_up_detached no_page stray_answers \
		panics; do
		healthy_value=$(sim_counter $healthy_name)
		[ "$healthy_value" = 0 ] || {
			ktap_diag "simulator: $healthy_name $healthy_value"
			return 1
		}
	done
}

# report: the counters that explain a run, on one line each
report()
{
	ktap_diag "sim:" "$(awk '$2 { printf "%s=%s ", $1, $2 }' $SIM/counters)"
	ktap_diag "latency: $(head -n 5 $SIM/latency | tr '\n' ' ')"
	ktap_diag "device:" "$(cd "$(device_dir 1 $NET_ADDR)/counters" &&
		grep -v '^0$' ./* | sed 's|^\./||' | tr ':\n' '= ')"
	ktap_diag "page:" "$(cd /sys/bus/platform/drivers/hvisor_vnet/*/counters &&
		grep -v '^0$' ./* | sed 's|^\./||' | tr ':\n' '= ')"
}
