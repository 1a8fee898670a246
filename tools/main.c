// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvnet: sets up guests' network devices in hvisor_vnet from the virtio_cfg.json
 * that hvisor-tool's users have already.  Only the command line is here.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "hvnet.h"

static int usage(FILE *to)
{
	fputs("usage: hvnet COMMAND ...\n"
	      "\n"
	      "  load FILE            make the zones and net devices of a virtio_cfg.json;\n"
	      "                       a copy without them is written for the daemon\n"
	      "    --replace-tap        remove a left-over tap of an interface's name\n"
	      "    --daemon-file=F      the copy's name (default: FILE.daemon)\n"
	      "  unload [FILE]        remove them again, or everything\n"
	      "  start FILE           module, devices, daemon, in this order; takes load's options\n"
	      "  stop FILE            and back\n"
	      "  status               what there is, and how it does\n"
	      "  doctor [FILE [ZONE]] look for what is missing; ZONE is the zone's own JSON\n",
	      to);
	return to == stdout ? 0 : 2;
}

static const struct option long_options[] = {
	{ "replace-tap", no_argument, NULL, 'r' },
	{ "daemon-file", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

int main(int argc, char **argv)
{
	struct load_options options = {};
	const char *command, *file, *second;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'r':
			options.replace_tap = true;
			break;
		case 'd':
			options.daemon_file = optarg;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1 || argc > 3)
		return usage(stderr);
	command = argv[0];
	file = argc > 1 ? argv[1] : NULL;
	second = argc > 2 ? argv[2] : NULL;

	if (!strcmp(command, "doctor"))
		return doctor(file, second);
	if (second)
		return usage(stderr);
	if (!strcmp(command, "unload"))
		return apply_unload(file);
	if (!strcmp(command, "status") && !file)
		return board_status();
	if (!file)
		return usage(stderr);
	if (!strcmp(command, "load"))
		return apply_load(file, &options);
	if (!strcmp(command, "start"))
		return run_start(file, &options);
	if (!strcmp(command, "stop"))
		return run_stop(file);
	return usage(stderr);
}
