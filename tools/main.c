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
"FILE is virtio_cfg.json, ZONE a zone's own JSON file, NAME a device's interface\n"
"or its place (zone1-a003600).\n"
"\n"
"hvnet start FILE            module, net devices and daemon, in the right order\n"
"hvnet stop [FILE]           the way back\n"
"hvnet status                what there is, and how it does\n"
"hvnet doctor [FILE [ZONE]]  is all there? says what to type or paste if not\n"
"\n"
"hvnet load FILE             only the net devices, in a module that is loaded\n"
"hvnet unload [FILE]         the way back\n"
"hvnet save [FILE]           what is loaded, as a FILE that can be loaded\n"
"\n"
"hvnet add zone ID ram=ROOT,GUEST,SIZE...\n"
"hvnet add device zone=ID addr=A irq=I [len=L] [name=NAME] [mac=M] [mtu=N]\n"
"          [queue=N] [features=MASK] [cpu=N] [tx-usecs=N] [tx-frames=N]\n"
"          [rx-usecs=N] [rx-frames=N] [rx-adaptive=N]\n"
"hvnet set zone ID quiesce=0|1\n"
"hvnet set device NAME [mac=M] [mtu=N] [features=MASK] [cpu=N|none]\n"
"          [tx-usecs=N] ...\n"
"hvnet del zone ID\n"
"hvnet del device NAME\n"
"hvnet show [zone [ID] | device [NAME]]\n"
"\n"
"hvnet stats [NAME]          counters; with -w what each second brings\n"
"hvnet monitor               what happens, as it happens\n"
"\n"
"  -j, --json          status, doctor, show, stats, monitor: as JSON\n"
"  -w, --watch         stats: again and again\n"
"  --interval=SECONDS  stats: how often (1)\n"
"  --count=N           stats, monitor: so many times, so many events\n"
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
	{ "json", no_argument, NULL, 'j' },
	{ "watch", no_argument, NULL, 'w' },
	{ "interval", required_argument, NULL, 'i' },
	{ "count", required_argument, NULL, 'c' },
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
 * struct call - a command as it was given
 * @c: its configuration; NULL without a file
 * @words: what stands behind it
 * @n: how many these are
 * @o: its options
 */
struct call {
	const struct config *c;
	char **words;
	int n;
	const struct options *o;
};

/**
 * struct command - a word that stands first
 * @name: the word
 * @min: how many words it needs behind it
 * @max: and takes
 * @what: what these are
 * @reads: the first is read as a configuration
 * @options: which options are for it
 * @changes: it needs to be root
 * @run: does it; returns 0 if all is well.
 */
struct command {
	const char *name;
	int min;
	int max;
	const char *what;
	bool reads;
	const char *options;
	bool changes;
	int (*run)(const struct call *call);
};

static int do_load(const struct call *call)
{
	return apply_load(call->c, call->o);
}

static int do_unload(const struct call *call)
{
	return apply_unload(call->c, call->o);
}

static int do_start(const struct call *call)
{
	return run_start(call->c, call->o);
}

static int do_stop(const struct call *call)
{
	return run_stop(call->c, call->o);
}

static int do_status(const struct call *call)
{
	return status(call->o->json);
}

static int do_doctor(const struct call *call)
{
	return doctor(call->c, call->n > 1 ? call->words[1] : NULL,
		      call->o->json);
}

static int do_add(const struct call *call)
{
	return edit_add(call->words, call->n);
}

static int do_set(const struct call *call)
{
	return edit_set(call->words, call->n);
}

static int do_del(const struct call *call)
{
	return edit_del(call->words, call->n);
}

static int do_show(const struct call *call)
{
	return show(call->words, call->n, call->o->json);
}

static int do_save(const struct call *call)
{
	return save(call->words[0]);
}

static int do_stats(const struct call *call)
{
	return stats(call->words[0], call->o);
}

static int do_monitor(const struct call *call)
{
	return monitor(call->o);
}

/* A zone's ranges of RAM are the most words. */
#define MANY	(MAX_RANGES + 3)	/* with the one that is one too many */

static const struct command commands[] = {
	{ "load", 1, 1, "file", true, "rd", true, do_load },
	{ "unload", 0, 1, "file", true, "f", true, do_unload },
	{ "start", 1, 1, "file", true, "rdlp", true, do_start },
	{ "stop", 0, 1, "file", true, "f", true, do_stop },
	{ "status", 0, 0, "file", false, "j", false, do_status },
	{ "doctor", 0, 2, "file", true, "Rj", false, do_doctor },
	{ "save", 0, 1, "file", false, "", false, do_save },
	{ "add", 3, MANY, "word", false, "", true, do_add },
	{ "set", 3, MANY, "word", false, "", true, do_set },
	{ "del", 2, 2, "word", false, "", true, do_del },
	{ "show", 0, 2, "word", false, "j", false, do_show },
	{ "stats", 0, 1, "word", false, "jwic", false, do_stats },
	{ "monitor", 0, 0, "word", false, "jc", false, do_monitor },
	{}
};

static int usage_error(const char *what, const char *which)
{
	say_err("%s%s; for help: hvnet --help", what, which);
	return EXIT_USAGE;
}

/* So many thousandths of what @text says. Return: 0 or -1. */
static int thousandths(const char *text, __u64 *to)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= 0.001 && value <= 1e6))
		return -1;
	*to = value * 1000 + 0.5;
	return 0;
}

static int take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'j':
		o->json = true;
		break;
	case 'w':
		o->watch = true;
		break;
	case 'i':
		if (thousandths(optarg, &o->interval_ms))
			return usage_error("--interval takes seconds, for example 0.5, not ",
					   optarg);
		break;
	case 'c':
		if (number_of(optarg, &o->count) || !o->count)
			return usage_error("--count takes a number from 1 on, not ",
					   optarg);
		break;
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
	return 0;
}

static const char *option_name(int letter)
{
	const struct option *o = long_options;

	while (o->val != letter)
		o++;
	return o->name;
}

static int run_command(const struct command *command, struct call *call)
{
	struct config c;
	int err;

	if (command->changes && geteuid()) {
		say_err("%s changes the system: be root", command->name);
		return EXIT_FAILURE;
	}
	if (!command->reads || !call->n)
		return command->run(call) ? EXIT_FAILURE : 0;
	if (config_read(&c, call->words[0]))
		return EXIT_FAILURE;
	call->c = &c;
	err = command->run(call);
	config_free(&c);
	return err ? EXIT_FAILURE : 0;
}

/* Options, into @o and, each once, @given. Return: 0, or an exit status + 1. */
static int read_options(int argc, char **argv, struct options *o, char *given)
{
	int letter, err;
	size_t n = 0;

	while ((letter = getopt_long(argc, argv, "hjw", long_options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage_text, stdout);
			return 1;
		}
		if (letter == '?')
			return 1 + usage_error("there is no such option, or it needs a value: ",
					       argv[optind - 1]);
		err = take_option(o, letter);
		if (err)
			return 1 + err;
		if (!strchr(given, letter))
			given[n++] = letter;
	}
	return 0;
}

static int count_wrong(const struct command *command, bool too_many)
{
	char text[64];

	if (too_many) {
		snprintf(text, sizeof(text), "too many %ss for ", command->what);
		return usage_error(text, command->name);
	}
	snprintf(text, sizeof(text), " needs %s%s", command->min > 1 ? "more " :
		 "a ", command->what);
	if (command->min > 1)
		strcat(text, "s");
	return usage_error(command->name, text);
}

int main(int argc, char **argv)
{
	struct options o = { .daemon_log = DAEMON_LOG, .interval_ms = 1000 };
	const struct command *command = commands;
	char given[16] = "";
	struct call call;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	opterr = 0;
	status = read_options(argc, argv, &o, given);
	if (status)
		return status - 1;
	if (optind == argc) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	while (command->name && strcmp(command->name, argv[optind]))
		command++;
	if (!command->name)
		return usage_error("there is no command ", argv[optind]);
	if (given[strspn(given, command->options)]) {
		say_err("%s has no option --%s; for help: hvnet --help",
			command->name,
			option_name(given[strspn(given, command->options)]));
		return EXIT_USAGE;
	}
	call = (struct call){
		.words = argv + optind + 1, .n = argc - optind - 1, .o = &o,
	};
	if (call.n < command->min || call.n > command->max)
		return count_wrong(command, call.n > command->max);
	return run_command(command, &call);
}
