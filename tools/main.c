// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvnet: sets up guests' network devices in hvisor_vnet from the virtio_cfg.json
 * that hvisor-tool's users have already.  Only the command line is here.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvnet.h"

#define DAEMON_LOG	"/var/log/hvisor-virtio.log"

#define EXIT_USAGE	2

static const char usage_text[] =
"Sets up guests' network cards in hvisor_vnet, from hvisor-tool's configuration.\n"
"FILE is virtio_cfg.json, ZONE a zone's own JSON file.\n"
"\n"
"hvnet start FILE            module, net devices and daemon, in the right order\n"
"hvnet stop [FILE]           the way back\n"
"hvnet status                what there is, and how it does\n"
"hvnet doctor [FILE [ZONE]]  is all there? says what to type or paste if not\n"
"\n"
"hvnet load FILE             only the net devices, in a module that is loaded\n"
"hvnet unload [FILE]         the way back\n"
"\n"
"  --replace-tap       start, load: a tap left over from the daemon makes way\n"
"  --daemon-file=FILE  start, load: where the daemon's copy goes (FILE.daemon)\n"
"  --daemon-log=FILE   start: where the daemon's words go\n"
"                      (" DAEMON_LOG ")\n"
"  --hvisor=PROGRAM    start: the hvisor command (in PATH, or ./hvisor)\n"
"  --force             stop, unload: even if a guest uses a device\n"
"  --root=DIR          doctor: look at a copy of a board's /proc and /sys\n"
"  --help              this\n";

/* The letters are what a command lists as its own. */
static const struct option long_options[] = {
	{ "replace-tap", no_argument, NULL, 'r' },
	{ "daemon-file", required_argument, NULL, 'd' },
	{ "daemon-log", required_argument, NULL, 'l' },
	{ "hvisor", required_argument, NULL, 'p' },
	{ "force", no_argument, NULL, 'f' },
	{ "root", required_argument, NULL, 'R' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/**
 * struct command - a word that stands first
 * @name: the word
 * @min_files: how many files it needs
 * @max_files: and takes; the first is read as a configuration
 * @options: which options are for it
 * @changes: it needs to be root
 * @run: does it; without a file @c is NULL. Returns 0 if all is well.
 */
struct command {
	const char *name;
	int min_files;
	int max_files;
	const char *options;
	bool changes;
	int (*run)(const struct config *c, const char *zone_file,
		   const struct options *o);
};

static int do_load(const struct config *c, const char *zone_file,
		   const struct options *o)
{
	(void)zone_file;
	return apply_load(c, o);
}

static int do_unload(const struct config *c, const char *zone_file,
		     const struct options *o)
{
	(void)zone_file;
	return apply_unload(c, o);
}

static int do_start(const struct config *c, const char *zone_file,
		    const struct options *o)
{
	(void)zone_file;
	return run_start(c, o);
}

static int do_stop(const struct config *c, const char *zone_file,
		   const struct options *o)
{
	(void)zone_file;
	return run_stop(c, o);
}

static int do_status(const struct config *c, const char *zone_file,
		     const struct options *o)
{
	(void)c;
	(void)zone_file;
	(void)o;
	return status();
}

static int do_doctor(const struct config *c, const char *zone_file,
		     const struct options *o)
{
	(void)o;
	return doctor(c, zone_file);
}

static const struct command commands[] = {
	{ "load", 1, 1, "rd", true, do_load },
	{ "unload", 0, 1, "f", true, do_unload },
	{ "start", 1, 1, "rdlp", true, do_start },
	{ "stop", 0, 1, "f", true, do_stop },
	{ "status", 0, 0, "", false, do_status },
	{ "doctor", 0, 2, "R", false, do_doctor },
	{}
};

static int usage_error(const char *what, const char *which)
{
	say_err("%s%s; for help: hvnet --help", what, which);
	return EXIT_USAGE;
}

static void take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'r':
		o->replace_tap = true;
		break;
	case 'd':
		o->daemon_file = optarg;
		break;
	case 'l':
		o->daemon_log = optarg;
		break;
	case 'p':
		o->hvisor = optarg;
		break;
	case 'f':
		o->force = true;
		break;
	case 'R':
		hvnet_root = optarg;
		break;
	}
}

static const char *option_name(int letter)
{
	const struct option *o = long_options;

	while (o->val != letter)
		o++;
	return o->name;
}

static int run_command(const struct command *command, char **files,
		       const struct options *o)
{
	struct config c;
	int err;

	if (command->changes && geteuid()) {
		say_err("%s changes the system: be root", command->name);
		return EXIT_FAILURE;
	}
	if (!files[0])
		return command->run(NULL, NULL, o) ? EXIT_FAILURE : 0;
	if (config_read(&c, files[0]))
		return EXIT_FAILURE;
	err = command->run(&c, files[1], o);
	config_free(&c);
	return err ? EXIT_FAILURE : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .daemon_log = DAEMON_LOG };
	const struct command *command = commands;
	char given[16] = "";
	size_t n = 0;
	int letter;

	setvbuf(stdout, NULL, _IOLBF, 0);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage_text, stdout);
			return 0;
		}
		if (letter == '?')
			return usage_error("there is no such option, or it needs a value: ",
					   argv[optind - 1]);
		take_option(&o, letter);
		if (!strchr(given, letter))
			given[n++] = letter;
	}
	argv += optind;
	argc -= optind;
	if (!argc) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	while (command->name && strcmp(command->name, argv[0]))
		command++;
	if (!command->name)
		return usage_error("there is no command ", argv[0]);
	letter = given[strspn(given, command->options)];
	if (letter) {
		say_err("%s has no option --%s; for help: hvnet --help",
			command->name, option_name(letter));
		return EXIT_USAGE;
	}
	if (argc - 1 < command->min_files)
		return usage_error(command->name, " needs a file");
	if (argc - 1 > command->max_files)
		return usage_error("too many files for ", command->name);
	return run_command(command, argv + 1, &o);
}
