#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Zone 1's first process.  It has a console, a disk and a NIC as soon as their
# drivers are loaded; says on the console what the disk says; takes its address,
# and serves iperf3 until the zone is shut down.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/bb

/bin/busybox mkdir -p /bb /proc /sys /dev /tmp /run
/bin/busybox --install -s /bb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
for module in virtio_mmio virtio_console virtio_net virtio_blk; do
	modprobe $module
done
exec >/dev/hvc0 2>&1
ip link set lo up
ip addr add 10.77.0.2/24 dev eth0
ip link set eth0 up
iperf3 -s -D
iperf3 -s -D -p 5202
echo "zone 1: $(uname -r), the disk says $(head -n 1 /dev/vda)"
echo "zone 1 was here" | dd of=/dev/vda bs=512 seek=1 conv=fsync,sync 2>/dev/null
while :; do nc -l -p 7 </proc/interrupts; done >/dev/null 2>&1 &
while :; do nc -l -p 13 </proc/net/dev; done >/dev/null 2>&1 &
# Whoever connects has the NIC do nothing for the stack.
while :; do
	nc -l -p 9 </dev/null &&
		ethtool -K eth0 tx off sg off tso off gso off gro off
done >/dev/null 2>&1 &
echo "zone 1: up"
while :; do
	sleep 3600
done
