#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the VM: the rows that the ring program fills.
#
#	bench_rings.sh icount		exact: once is enough
#	bench_rings.sh wall ROUNDS	columns interleaved, so that a busy host
#					slows all of them
. ./lib.sh

column()
{
	ringbench "$@" || {
		echo "bench: $2 ($1) failed"
		exit 1
	}
}

columns()
{
	for name in hvisor_vnet vhost-net "user, batching" "user, daemon"; do
		column "$1" "$name" ${2:+"$2"} ${3:+"$3"}
	done
}

echo "kernel|$(uname -r)"
case $1 in
icount)
	column icount floor
	columns icount
	;;
wall)
	for round in $(seq "$2"); do
		echo "progress|round $round of $2"
		columns wall frames latency
	done
	;;
esac
