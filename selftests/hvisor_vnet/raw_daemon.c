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
	ok = ktap_expect_eq(rg_irqs(&thing.dev, RG_LONG), 1);
	ok &= ktap_expect_eq(td_read(&thing, TD_ISR), 1);
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
	ktap_plan(13);
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
	ktap_point(test_second(&pid), "another daemon takes over");
	ktap_point(test_seven(), "seven interrupts a zone, the daemon's among them");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &&
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &&
		   ktap_expect(rg_works(d)), "nobody waited in vain");
	td_kill(pid);
	ktap_point(td_absent(&thing), "killed: its device is absent");
	return ktap_finish();
}
