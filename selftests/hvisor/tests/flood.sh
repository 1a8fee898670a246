#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# rig: timeout=1800
# A flood of pings to zone 1 loses none, and none waits for a second.  PINGS=
# says how many (100 000).
. ./hvlib.sh

# What ping says of "N packets transmitted, M received, ..., min/avg/max/mdev".
flood()
{
	ping -f -q -c "$1" $ZONE >/tmp/flood
	sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' /tmp/flood)
	received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' /tmp/flood)
	slowest=$(sed -n 's,.*mdev = [0-9.]*/[0-9.]*/\([0-9]*\).*,\1,p' /tmp/flood)
	ktap_diag "$(tail -n 1 /tmp/flood)"
}

ktap_plan 4
ktap_check "root starts" root_start || ktap_abort "nothing to test"
ktap_check "zone 1 starts" zone_up || ktap_abort "nothing to test"
flood "$PINGS"
ktap_equal "$PINGS pings, $PINGS answers" "$PINGS $PINGS" "$sent $received"
ktap_check "none takes a second" [ "${slowest:-9999}" -lt 1000 ]
ktap_diag "injections: $(zone_counter injections)," \
	"repeated: $(zone_counter reinjections), frames: $(zone_counter rx_frames)"
ktap_finish
