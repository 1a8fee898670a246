// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvnet monitor and stats, when a guest errs: what it broke, and what it does not
 * do any more, is said in words and as JSON.  In virtual time, since it is half
 * a minute until a guest counts as gone.
 *
 * rig: smp=2 icount=must timeout=200
 */
#include "rawguest.h"

#define SAID		"/tmp/raw_monitor"

/* Somebody has joined a group of generic netlink's. */
#define LISTENS								\
	"awk '$2 == 16 && $4 != \"00000000\" { n++ } END { exit !n }' "	\
	"/proc/net/netlink"

#define DEVICE		"device tap0 (zone1-a003600): "

#define REASON		"\"reason\":\"head outside the descriptor table\"}}"

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;
static u8 *buf;

static void start(void)
{
	rg_start(d, RG_FEATURES);
	buf = rg_alloc(&zone, 2048, 8);
	while (rg_irqs(d, 2) || rg_ack(d))
		;
}

/* For so many events, from here on. */
static void listen_for(unsigned int n, const char *options)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "hvnet monitor --count=%u %s >" SAID " 2>&1 &", n, options);
	rg_shell(command);
	/* It is there when its socket has joined the group. */
	if (!ktap_wait_for(RG_LONG, !system(LISTENS)))
		rg_die("nobody listens");
}

/* A line ends like this. */
static bool said(const char *words)
{
	char line[1024];
	FILE *f = fopen(SAID, "r");
	bool found = false;
	size_t n;

	while (f && fgets(line, sizeof(line), f)) {
		n = strcspn(line, "\n");
		line[n] = '\0';
		found |= n >= strlen(words) &&
			 !strcmp(line + n - strlen(words), words);
	}
	if (f)
		fclose(f);
	return found;
}

static bool says(const char *words)
{
	if (ktap_wait_for(RG_LONG, said(words)))
		return true;
	ktap_diag("not said: %s", words);
	rg_shell("sed 's/^/# /' " SAID);
	return false;
}

static void break_queue(void)
{
	struct rg_vq *q = &d->vq[RG_TX];

	q->avail->ring[q->avail_idx++ % q->num] = q->num;
	rg_publish(q);
	rg_notify(q);
}

static bool test_broken(void)
{
	static const char words[] = DEVICE
		"the guest broke a queue: transmit queue: head outside the descriptor table";

	start();
	listen_for(1, "");
	break_queue();
	return ktap_expect(says(words));
}

static bool test_broken_json(void)
{
	start();
	listen_for(1, "-j");
	break_queue();
	return ktap_expect(says("\"queue_broken\":\"transmit queue\"," REASON));
}

/* Its interrupt stays unacknowledged. */
static void ignore_interrupt(void)
{
	struct rg_vq *q = &d->vq[RG_TX];
	struct rg_piece piece = RG_OUT(buf, d->hdr_len + 60);

	q->want_irq = false;
	q->avail->ring[q->num] = q->last_used;
	memset(buf, 0, d->hdr_len);
	rg_frame(buf + d->hdr_len, 60, 1);
	rg_add(q, &piece, 1);
	rg_kick(q);
}

static bool test_interrupt(void)
{
	static const char words[] = DEVICE
		"the guest does not go on: it does not acknowledge its interrupt";

	start();
	listen_for(1, "");
	ignore_interrupt();
	return ktap_expect(says(words));
}

static bool test_interrupt_json(void)
{
	start();
	listen_for(1, "--json");
	ignore_interrupt();
	return ktap_expect(says("\"stall\":\"interrupt\"}}"));
}

/* Time that nobody uses passes at once: look rarely. */
static bool test_receive(void)
{
	static const char words[] = DEVICE
		"the guest does not go on: it gives no receive buffers, and is unplugged";
	u64 stalls = rg_counter(d, "rx_stalls");
	u8 frame[60];
	unsigned int i;

	start();
	listen_for(1, "");
	rg_frame(frame, sizeof(frame), 1);
	rg_root_send(d, frame, sizeof(frame));
	for (i = 0; i < 60 && rg_counter(d, "rx_stalls") == stalls; i++)
		usleep(1000000);
	return ktap_expect(says(words));
}

/* Both kinds of stalls are in the table of hvnet stats. */
static bool test_stats(void)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "hvnet stats | awk '$1 == \"tap0\" && $9 == %llu { n = 1 } END { exit !n }'",
		 (unsigned long long)(rg_counter(d, "stalls") +
				      rg_counter(d, "rx_stalls")));
	return ktap_expect(rg_counter(d, "stalls") > 0) &&
	       ktap_expect(!system(command));
}

static const struct ktap_test tests[] = {
	{ "a broken queue", test_broken },
	{ "as JSON", test_broken_json },
	{ "an interrupt that is not acknowledged", test_interrupt },
	{ "as JSON", test_interrupt_json },
	{ "no receive buffers", test_receive },
	{ "stats counts both", test_stats },
};

int main(void)
{
	rg_setup();
	ktap_plan(RG_ARRAY_SIZE(tests));
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_run(tests, RG_ARRAY_SIZE(tests));
	return ktap_finish();
}
