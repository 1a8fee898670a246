# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# What tests of the control interface share: requests that must be refused, with
# which error number and for which reason.  Sourced after lib.sh.

ENOENT="No such file or directory"
E2BIG="Argument list too long"
ENODEV="No such device"
EEXIST="File exists"
EBUSY="Device or resource busy"
EINVAL="Invalid argument"
ENOSPC="No space left on device"
EPERM="Operation not permitted"
ERANGE="Numerical result out of range"

# kernel_said: the module's last line in the kernel's log; what tests print is
# in there as well, but marked
kernel_said()
{
	dmesg | grep -v 'rig| ' | sed -n 's/^\[[^]]*\] hvisor_vnet: //p' |
		tail -n 1
}

# request FILE TEXT: prints what the system says of it, nothing if it is fine;
# dash would not tell the error number
request()
{
	busybox sh -c 'echo "$1" >"$2"' sh "$2" "$BUS/$1" 2>&1 |
		sed 's/.*: //'
}

# refused FILE ERROR REASON TEXT
refused()
{
	refused_error=$(request "$1" "$4")
	refused_reason=$(kernel_said)
	[ "$refused_error" = "$2" ] && [ "$refused_reason" = "${1##*/}: $3" ] && return
	ktap_diag "$1 <<< $4"
	ktap_diag "expected: $2: ${1##*/}: $3"
	ktap_diag "got:      $refused_error: $refused_reason"
	return 1
}

# all_refused FILE: each line of the input is ERROR|REASON|TEXT
all_refused()
{
	all_right=true
	while IFS='|' read -r error reason text; do
		eval "error=\$$error"
		refused "$1" "$error" "$reason" "$text" || all_right=false
	done
	$all_right
}
