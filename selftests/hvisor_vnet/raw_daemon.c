// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=3
 *
 * Life beside hvisor-tool: a program in the daemon's place serves devices of
 * its own through the module's node, in two zones, while ours works.  Accesses
 * of every width, notifies and interrupts get to the right side; the last
 * daemon that is started is the one that is served; its interrupts count among
 * a zone's seven, and are repeated when they are lost.
 */
#include "tooldaemon.h"

#include <sys/ioctl.h>

#define IRQ		80

static struct rg_zone zone[2];
static struct rg_dev dev, *d = &dev;
static struct td_thing thing, other;

static const struct td_plan plan = { .cpu = 1, .zone = { 1, 2, 1 } };

static bool test_widths(void)
{
	u64 seq = 0, base = td_shared->thing[0].seq;
	bool ok = true;
	u32 size;

	for (size = 1; size <= 8; size *= 2) {
		u64 want = td_fit(td_answer(0, base + seq++), size);

		ok &= ktap_expect_eq(td_access(&thing, TD_SEQ, size, false,
					       0).value, want);
		td_access(&thing, TD_SEQ, size, true,
			  td_fit(base + seq++, size));
	}
	ok &= ktap_expect_eq(td_shared->thing[0].seq, base + seq);
	return ok & ktap_expect_eq(td_shared->thing[0].wrong, 0);
}

/* Two zones, one address each; and one where nobody is, not even the daemon. */
static bool test_zones(void)
{
	struct td_thing nobody;
	bool ok;

	td_thing_add(&nobody, &zone[0], 3, 0);
	ok = td_works(&thing) & td_works(&other);
	ok &= ktap_expect(td_absent(&nobody));
	ok &= ktap_expect_eq(td_shared->nobody, 1);
	close(nobody.dev.fd);
	return ok & ktap_expect(rg_works(d));
}

static bool test_notifies(void)
{
	const struct td_count *c = &td_shared->thing[0];
	u64 before = c->notifies, wrong = c->wrong, seq = c->seq;
	unsigned int i;

	for (i = 0; i < 20; i++)
		td_write(&thing, TD_NOTIFY, seq + i);
	return ktap_expect(ktap_wait_for(RG_LONG, c->notifies == before + 20)) &
	       ktap_expect_eq(c->wrong, wrong);
}

/* One injection, one interrupt, and no more once the guest has looked. */
static bool test_interrupt(void)
{
	bool ok;

	td_write(&thing, TD_INJECT, IRQ);
	ok = ktap_expect(rg_irqs(&thing.dev, RG_LONG) >= 1);
	ok &= ktap_expect_eq(td_read(&thing, TD_ISR), 1);
	usleep(1000);
	rg_irqs(&thing.dev, 0);
	usleep(100000);
	return ok & ktap_expect_eq(rg_irqs(&thing.dev, 0), 0);
}

/* It is repeated until the guest looks, and not for ever. */
static bool test_repeat(void)
{
	u64 before;
	bool ok;

	rg_sim_param("i1", 100);
	td_write(&thing, TD_INJECT, IRQ);
	usleep(20000);
	ok = ktap_expect_eq(rg_irqs(&thing.dev, 0), 0);
	rg_sim_param("i1", 0);
	ok &= ktap_expect(rg_irqs(&thing.dev, RG_LONG) >= 1);
	ok &= ktap_expect_eq(td_read(&thing, TD_ISR), 1);

	td_write(&thing, TD_INJECT, IRQ);
	usleep(2500000);
	before = rg_irqs(&thing.dev, 0);
	usleep(1100000);
	return ok & ktap_expect(before > 2 && before < 20) &
	       ktap_expect_eq(rg_irqs(&thing.dev, 0), 0);
}

/*
 * While one that nobody looks at is due in half a second, another that is lost
 * is repeated soon.
 */
static bool test_repeat_soon(void)
{
	struct td_thing second;
	unsigned long long at;
	bool ok;

	td_thing_add(&second, &zone[0], 2, IRQ + 1);
	td_write(&thing, TD_INJECT, IRQ);
	usleep(330000);
	rg_sim_param("i1", 100);
	td_write(&second, TD_INJECT, IRQ + 1);
	usleep(1000);
	rg_sim_param("i1", 0);
	at = ktap_now_ns();
	ok = ktap_expect(rg_irqs(&second.dev, RG_LONG) >= 1);
	at = ktap_now_ns() - at;
	ok &= ktap_expect(at < 100000000);
	td_read(&second, TD_ISR);
	td_read(&thing, TD_ISR);
	rg_irqs(&thing.dev, 0);
	rg_irq_disconnect(&second.dev);
	close(second.dev.fd);
	return ok;
}

/* Looking at one device says nothing of another's interrupt. */
static bool test_repeat_whose(void)
{
	struct td_thing second;
	bool ok;

	td_thing_add(&second, &zone[0], 2, IRQ + 1);
	/* Both are learnt. */
	td_write(&thing, TD_INJECT, IRQ);
	td_read(&thing, TD_ISR);
	td_write(&second, TD_INJECT, IRQ + 1);
	td_read(&second, TD_ISR);
	rg_irqs(&thing.dev, 0);
	rg_irqs(&second.dev, 0);
	rg_sim_param("i1", 100);
	td_write(&thing, TD_INJECT, IRQ);
	td_write(&second, TD_INJECT, IRQ + 1);
	td_read(&second, TD_ISR);
	usleep(1000);
	rg_sim_param("i1", 0);
	ok = ktap_expect(rg_irqs(&thing.dev, RG_LONG) >= 1);
	ok &= ktap_expect_eq(rg_irqs(&second.dev, 0), 0);
	td_read(&thing, TD_ISR);
	rg_irq_disconnect(&second.dev);
	close(second.dev.fd);
	return ok;
}

/* Nor does another zone that looks where it is. */
static bool test_repeat_zone(void)
{
	struct td_thing there;
	bool ok;

	td_thing_add(&there, &zone[1], 0, 0);
	td_write(&thing, TD_INJECT, IRQ);
	td_read(&thing, TD_ISR);
	rg_irqs(&thing.dev, 0);
	rg_sim_param("i1", 100);
	td_write(&thing, TD_INJECT, IRQ);
	td_read(&there, TD_ISR);
	usleep(1000);
	rg_sim_param("i1", 0);
	ok = ktap_expect(rg_irqs(&thing.dev, RG_LONG) >= 1);
	td_read(&thing, TD_ISR);
	close(there.dev.fd);
	return ok;
}

/* Which device is whose can be learnt wrongly, but not for ever. */
static bool test_relearn(void)
{
	struct td_thing its, wrong;
	u64 before;
	bool ok;

	td_thing_add(&its, &zone[0], TD_THINGS, 0);
	td_thing_add(&wrong, &zone[0], TD_THINGS + 1, 0);
	td_write(&thing, TD_INJECT, IRQ + 2);
	td_read(&wrong, TD_ISR);
	td_write(&thing, TD_INJECT, IRQ + 2);
	td_read(&its, TD_ISR);
	/* It is repeated in vain, until that is noticed. */
	usleep(2000000);
	td_write(&thing, TD_INJECT, IRQ + 2);
	td_read(&its, TD_ISR);
	usleep(1000);
	before = rg_sim_counter("no_line");
	usleep(100000);
	ok = ktap_expect_eq(rg_sim_counter("no_line"), before);
	close(its.dev.fd);
	close(wrong.dev.fd);
	return ok;
}

/* However long after the last one an access comes: also when it falls asleep. */
static bool test_asleep(void)
{
	unsigned long long until;
	unsigned int i;
	bool ok = true;

	for (i = 0; ok && i < 400; i++) {
		until = ktap_now_ns() + i * 2000;
		while (ktap_now_ns() < until)
			rg_relax();
		ok &= ktap_expect_eq(td_read(&thing, TD_MAGIC), TD_MAGIC_VALUE);
	}
	return ok;
}

/* A daemon that looks anyway is not woken. */
static void serve_awake(struct td_daemon *m, const struct td_request *req)
{
	u64 n;

	td_serve(m, req);
	if (read(m->event, &n, sizeof(n)) == sizeof(n))
		td_tell(&m->shared->tell[0], m->shared->tell[0] + n);
}

static bool test_awake(void)
{
	static const struct td_plan awake = {
		.cpu = 1, .zone = { 1, 2 }, .idle = ~0u, .serve = serve_awake,
	};
	pid_t pid = td_start(&awake);
	unsigned int i;
	bool ok = true;

	for (i = 0; i < 50; i++)
		ok &= ktap_expect_eq(td_read(&thing, TD_MAGIC), TD_MAGIC_VALUE);
	ok &= ktap_expect_eq(td_told(&td_shared->tell[0]), 0);
	td_kill(pid);
	return ok;
}

/* More interrupts than there can be, in zones that there are not. */
static void begin_flooding(struct td_daemon *m)
{
	u32 zones, irq;

	for (zones = 100; zones < 133; zones++)
		for (irq = 40; irq < 47; irq++)
			td_inject(m, zones, irq);
	td_tell(&m->shared->tell[0], 1);
}

static bool test_many_zones(void)
{
	static const struct td_plan flood = {
		.cpu = 1, .zone = { 1, 2 }, .begin = begin_flooding,
	};
	pid_t pid = td_start(&flood);
	bool ok;

	ok = ktap_expect(ktap_wait_for(RG_LONG,
				       td_told(&td_shared->tell[0])));
	ok &= ktap_expect_eq(td_shared->refused, 2 * 7);
	ok &= td_works(&thing);
	td_kill(pid);
	return ok;
}

/* The last to say INIT_VIRTIO is served, as on hvisor. */
static bool test_second(pid_t *pid)
{
	pid_t second = td_start(&plan);
	bool ok = td_works(&thing);

	td_kill(*pid);
	*pid = second;
	return ok & td_works(&thing);
}

/* Its interrupts count among the zone's seven; another zone has its own. */
static bool test_seven(void)
{
	u64 refused = td_shared->refused, before;
	bool ok;
	u32 irq;

	for (irq = 81; irq < 87; irq++)
		td_write(&thing, TD_INJECT, irq);
	ok = ktap_expect_eq(td_shared->refused, refused);
	before = rg_sim_counter("no_line");
	td_write(&thing, TD_INJECT, 87);
	ok &= ktap_expect_eq(td_shared->refused, refused + 1);
	ok &= ktap_expect(rg_bus("new_device",
				 "zone=1 addr=0xb000000 irq=90 name=tap9\n") ==
			  -ENOSPC);
	/* Ours, root's own, and what is none. */
	td_write(&thing, TD_INJECT, RG_IRQ);
	ok &= ktap_expect_eq(td_shared->refused, refused + 2);
	td_write(&other, TD_INJECT, 0);
	ok &= ktap_expect_eq(td_shared->refused, refused + 3);
	td_write(&other, TD_INJECT, 1024);
	ok &= ktap_expect_eq(td_shared->refused, refused + 4);
	td_write(&other, TD_INJECT, 87);
	ok &= ktap_expect_eq(td_shared->refused, refused + 4);
	td_read(&thing, TD_ISR);
	return ok & ktap_expect(rg_sim_counter("no_line") > before);
}

int main(void)
{
	pid_t pid;

	rg_setup();
	ktap_plan(18);
	rg_zone_add(&zone[0], 1, 0x100000, 0x200000, 0x40000000);
	rg_zone_add(&zone[1], 2, 0x400000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone[0], RG_ADDR, RG_IRQ, "tap0", "");
	rg_start(d, RG_FEATURES);
	td_thing_add(&thing, &zone[0], 0, IRQ);
	td_thing_add(&other, &zone[1], 1, 0);

	ktap_point(td_absent(&thing), "no daemon: its device is absent");
	pid = td_start(&plan);
	ktap_point(td_works(&thing), "the daemon serves its device");
	ktap_point(test_widths(), "every width");
	ktap_point(test_zones(), "each zone has its own");
	ktap_point(test_notifies(), "its notifies arrive");
	ktap_point(test_interrupt(), "its interrupts arrive");
	ktap_point(test_repeat(), "an interrupt that was lost is repeated");
	ktap_point(test_repeat_soon(), "each in its own time");
	ktap_point(test_repeat_whose(), "until its own device was looked at");
	ktap_point(test_repeat_zone(), "by its own zone");
	ktap_point(test_relearn(), "and what was learnt wrongly is forgotten");
	ktap_point(test_asleep(), "it is woken whenever it sleeps");
	ktap_point(test_second(&pid), "another daemon takes over");
	ktap_point(test_seven(), "seven interrupts a zone, the daemon's among them");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &&
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &&
		   ktap_expect(rg_works(d)), "nobody waited in vain");
	td_kill(pid);
	ktap_point(td_absent(&thing), "killed: its device is absent");
	ktap_point(test_awake(), "it is not woken unless it asks for that");
	ktap_point(test_many_zones(), "no more interrupts than zones can have");
	return ktap_finish();
}
