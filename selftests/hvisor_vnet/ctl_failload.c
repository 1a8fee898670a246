// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is loaded while there is no memory: one after the other, each of the
 * last requests for some is refused.  It is the module that makes them.  It loads, or
 * does not; the next time it does, and works.  What was not given back is kmemleak's
 * to find, at the end.
 *
 * What comes before is the kernel's own to survive, and some of that is not: on 6.1
 * bus_register() loses a name when it fails.
 *
 * By default each third one is, with HVNET_EVERY=1 in the kernel's command line each.
 *
 * rig: smp=2 timeout=600 kernel=6.1-debug
 */
#define _GNU_SOURCE
#include "failslab.h"

#include <fcntl.h>
#include <sys/syscall.h>

#define OURS	150		/* of about 180 */
#define EVERY	3
#define BEGINS	"initcall_start"	/* the module's first function is called */

static void module_gone(void)
{
	syscall(SYS_delete_module, "hvisor_vnet", O_NONBLOCK);
}

static const struct fs_op load = {
	"the module is loaded", NULL, fs_load_module, module_gone
};

static bool began(void)
{
	char line[256];

	return rg_traced(BEGINS, line, sizeof(line));
}

static bool bears_loading(void)
{
	unsigned int all = fs_requests(&load), i, tried = 0, failed = 0;
	bool ok = true, refused;

	for (i = 0; ok && i < OURS; i += fs_every(EVERY)) {
		rg_trace("initcall/" BEGINS, true);
		ok = fs_bears_one(&load, all - i, &refused, &failed);
		rg_trace("initcall/" BEGINS, false);
		ok = ok && ktap_expect(began());
		tried++;
	}
	ktap_diag("%u requests for memory, %u of them refused, it failed for want of %u",
		  all, tried, failed);
	return ok && ktap_expect(failed);
}

int main(void)
{
	fs_setup();
	rg_setup();
	ktap_plan(2);
	module_gone();
	ktap_point(bears_loading(), "%s", load.name);
	if (fs_load_module())
		rg_die("the module does not load");
	ktap_point(fs_works(), "it works when it is loaded again");
	return ktap_finish();
}
