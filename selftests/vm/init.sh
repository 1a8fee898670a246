#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The VM's first process: makes the few file systems, runs the list of tests
# and powers off.  Nothing here is specific to a test.
export PATH=/tests:/usr/sbin:/usr/bin:/sbin:/bin:/bb
export HOME=/tmp LANG=C.UTF-8
# Shell tests read it by themselves, C programs by their environment.
set -a
. /etc/rig.env
set +a

/bin/busybox mkdir -p /bb /proc /sys /dev /tmp /run /etc /var
/bin/busybox --install -s /bb
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
echo /bb/modprobe >/proc/sys/kernel/modprobe
ip link set lo up
# A clock that says less than a second ping takes for one it has not read yet, and
# then sends one request after the other.  In virtual time a boot takes half of that.
read -r up _ </proc/uptime
[ "${up%%.*}" -gt 0 ] || sleep 1
cd /tests || poweroff -f
/rig/rigrun /etc/rig.tests
poweroff -f
