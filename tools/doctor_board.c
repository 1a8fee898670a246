// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "hvnet doctor" looks at in root Linux: the hypervisor, the module, the
 * daemon, and what this kernel is set up to do that hvisor does not survive.
 */
#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "hvnet.h"

/* The device tree */

/* What a node calls itself first. */
static const char *name_of(const char *dir, char words[64])
{
	return read_line(words, 64, "%s/compatible", dir) ? "" : words;
}

static bool is_hvisor(const char *dir)
{
	char words[64];

	return !strcmp(name_of(dir, words), "hvisor");
}

static bool is_plic(const char *dir)
{
	char words[64];

	return strstr(name_of(dir, words), "plic");
}

/* The first node below @dir that is one; its path in @found. */
static bool find_node(bool (*is_one)(const char *dir), const char *dir,
		      char *found, int depth)
{
	char path[PATH_MAX], sub[PATH_MAX + 300];
	struct dirent *d;
	bool is_it = is_one(dir);
	DIR *list;

	if (is_it)
		snprintf(found, PATH_MAX, "%s", dir);
	list = is_it || !depth ? NULL : opendir(below_root(path, "%s", dir));
	while (list && !is_it && (d = readdir(list))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", dir, d->d_name);
		is_it = find_node(is_one, sub, found, depth - 1);
	}
	if (list)
		closedir(list);
	return is_it;
}

/**
 * tree_irqs - how device trees here write interrupts
 *
 * Root's and a guest's have the same kind of interrupt controller.
 *
 * Return: the kind; a GIC, if none is found.
 */
enum irqs tree_irqs(void)
{
	char node[PATH_MAX], words[64];

	if (!find_node(is_plic, TREE, node, 2))
		return IRQS_GIC;
	return strstr(name_of(node, words), "aplic") ? IRQS_APLIC : IRQS_PLIC;
}

/* As in hvisor's own device trees. */
static void paste_wake(const char *indent)
{
	static const char * const cells[] = {
		[IRQS_GIC] = "0x00 0x20 0x01",
		[IRQS_PLIC] = "0x20",
		[IRQS_APLIC] = "0x20 0x04",
	};

	paste("%sinterrupts = <%s>;", indent, cells[tree_irqs()]);
}

static void look_at_tree(void)
{
	char node[PATH_MAX];

	if (!exists(TREE "/compatible")) {
		say_notice("there is no device tree to look for hvisor in");
		return;
	}
	if (!find_node(is_hvisor, TREE, node, 2)) {
		say_warn("hvisor is not in the device tree: paste into root's (zone0.dts), in / { }");
		paste("hvisor_virtio_device {");
		paste("\tcompatible = \"hvisor\";");
		paste("\tinterrupt-parent = <0x01>;");
		paste_wake("\t");
		paste("};");
	} else if (!exists("%s/interrupts", node)) {
		say_warn("%s has no interrupt: paste into that node",
			 strrchr(node, '/') + 1);
		paste_wake("");
	} else {
		say_info("hvisor is in the device tree: %s", strrchr(node, '/') + 1);
	}
}

/* Module and daemon */

static void look_at_module(void)
{
	char hypervisor[64];

	if (!board_loaded()) {
		say_notice("hvisor_vnet is not loaded (hvnet start does that)");
		return;
	}
	if (read_line(hypervisor, sizeof(hypervisor), BUS "/hypervisor") ||
	    !strcmp(hypervisor, "none")) {
		say_warn("hvisor_vnet is loaded, and has found no hypervisor; the log says what it waits for");
		paste("dmesg | grep hvisor_vnet");
	} else if (strchr(hypervisor, ' ')) {
		say_warn("another program has taken hvisor's requests over: end it, then");
		paste("echo 1 > " BUS "/reattach");
	} else {
		say_info("hvisor_vnet is attached to hvisor (%s)", hypervisor);
	}
}

static void look_at_node(void)
{
	dev_t node = node_number(HVISOR_NODE);

	if (!node) {
		say_warn("there is no " HVISOR_NODE ", by which zones are started");
		paste("insmod hvisor.ko");
	} else if (node == node_number(OUR_NODE)) {
		say_info(HVISOR_NODE " is ours, so zones are quiesced before they stop");
	} else {
		say_notice(HVISOR_NODE " is hvisor.ko's own (hvnet start puts ours over it)");
	}
}

/* One that hvisor.ko serves has given hvisor a page of its own. */
static void look_at_daemon(const struct config *c)
{
	pid_t pid = daemon_find();
	size_t i;

	if (!pid) {
		say_notice("hvisor-tool's daemon does not run (hvnet start does that)");
	} else if (daemon_node(pid) == NODE_OTHER) {
		say_warn("hvisor-tool's daemon, process %d, has all requests for itself; hvnet start starts it again, behind us:",
			 pid);
		for (i = 0; c && i < c->n_zones; i++)
			paste("hvisor zone shutdown -id %llu", c->zones[i].id);
		paste("kill %d", pid);
	} else {
		say_info("hvisor-tool's daemon runs, process %d", pid);
	}
}

/* What the kernel is set up for */

static bool threaded_interrupts(void)
{
	char line[4096], *word, *rest = line;

	read_line(line, sizeof(line), "/sys/kernel/realtime");
	if (!strcmp(line, "1"))
		return true;
	read_line(line, sizeof(line), "/proc/cmdline");
	while ((word = strsep(&rest, " ")))
		if (!strcmp(word, "threadirqs"))
			return true;
	return false;
}

/*
 * hvisor.ko's handler is made a thread then, one shot; ours stays in the hard
 * interrupt; and the kernel lets the two kinds share no line.
 */
static void look_at_interrupts(void)
{
	if (!threaded_interrupts())
		return;
	say_warn("interrupts are threads here (threadirqs or PREEMPT_RT): hvisor.ko cannot share the wake interrupt with us; remove from root's bootargs, or take a kernel without PREEMPT_RT");
	paste("threadirqs");
}

/* PSCI CPU_OFF is not implemented in hvisor: it panics. */
static void look_at_hotplug(void)
{
	if (!exists("/sys/devices/system/cpu/cpu1/online"))
		return;
	say_notice("CPUs can be taken offline here, and hvisor panics when one is; the module refuses that, and so suspending fails:");
	paste("systemctl mask suspend.target hibernate.target");
}

void doctor_board(const struct config *c)
{
	look_at_tree();
	look_at_module();
	look_at_node();
	look_at_daemon(c);
	look_at_interrupts();
	look_at_hotplug();
}
