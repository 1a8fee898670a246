// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig: smp=3
 *
 * Zones that stop and start.  Before a zone is shut down, loaded or started
 * nothing writes to its RAM any more; it is not shut down while a vCPU of it is
 * in an access, or has an interrupt to acknowledge, and nobody injects
 * meanwhile; no interrupt is left active for the next driver, whom it would never
 * reach; that one revives the devices.  A zone that is not shut down after all goes
 * on as if nothing had been.
 */
#include "tooldaemon.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define IRQ		80

/* What hvisor.ko refuses to shut down. */
#define ZONE_REFUSED	31

/* How long a zone that does not fall silent is waited for, at least. */
#define REFUSED_NS	1000000000ull

#define QUIESCE		"/sys/bus/hvisor_vnet/devices/zone1/quiesce"

static struct rg_zone zone, other;
static struct rg_dev dev, *d = &dev, other_dev;
static struct td_thing thing, other_thing;
static int node;

static const struct td_plan plan = {
	.cpu = 1, .zone = { 1, ZONE_REFUSED },
};

static struct hvsim_tool_call last_call(void)
{
	struct hvsim_tool_call call = {};
	int tool = open(TD_BACKEND, O_RDWR | O_CLOEXEC);

	ioctl(tool, HVSIM_TOOL_LAST_CALL, &call);
	close(tool);
	return call;
}

/* 0 or a negative errno. */
static int call(unsigned long cmd, unsigned long arg)
{
	return ioctl(node, cmd, arg) ? -errno : 0;
}

static void revive(void)
{
	zone.used = 0;
	rg_start(d, RG_FEATURES);
}

/* What reached root meanwhile, and frames that waited for the guest. */
static bool goes_on(void)
{
	rg_root_flush(d);
	return rg_works(d);
}

/* Root sends what it can: the guest's RAM stays as it is. */
static bool ram_rests(void)
{
	u8 *before = malloc(zone.size), frame[60];
	unsigned int i;
	bool ok;

	memcpy(before, zone.ram, zone.size);
	for (i = 0; i < 50; i++) {
		rg_frame(frame, sizeof(frame), i);
		rg_root_send(d, frame, sizeof(frame));
	}
	usleep(20000);
	ok = ktap_expect(!memcmp(before, zone.ram, zone.size));
	free(before);
	return ok;
}

/* Buffers for what root sends, which it must not fill. */
static void offer_buffers(void)
{
	u8 *buf = rg_alloc(&zone, 32 * 2048, 8);
	unsigned int i;

	for (i = 0; i < 32; i++) {
		struct rg_piece piece = RG_IN(buf + i * 2048, 2048);

		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	rg_kick(&d->vq[RG_RX]);
}

static bool test_ends(unsigned long cmd, unsigned long arg)
{
	bool ok = ktap_expect(rg_works(d));

	offer_buffers();
	ok &= ktap_expect_eq(call(cmd, arg), 0);
	ok &= ktap_expect_eq(last_call().cmd, cmd);
	ok &= ram_rests();
	ok &= ktap_expect_eq(rg_get(d, VIRTIO_MMIO_STATUS), 0);
	/* What root has queued goes with the carrier. */
	ok &= ktap_expect(rg_link_wait(d, false));
	revive();
	return ok & ktap_expect(goes_on());
}

/* As older versions of hvisor-tool load an image. */
static bool test_map(void)
{
	void *at;
	bool ok;

	offer_buffers();
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, node,
		  zone.pa + 8192);
	ok = ktap_expect(at != MAP_FAILED);
	ok &= ram_rests();
	munmap(at, 4096);
	ok &= ktap_expect(rg_link_wait(d, false));
	revive();
	return ok & ktap_expect(goes_on());
}

/* The daemon maps it to serve its devices, while the zone runs. */
static bool test_map_daemon(void)
{
	struct td_daemon m = { .shared = td_shared };
	void *at;
	bool ok;

	if (td_open(&m))
		rg_die("no daemon: %s", strerror(errno));
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m.node,
		  zone.pa + 8192);
	ok = ktap_expect(at != MAP_FAILED) & ktap_expect(goes_on());
	munmap(at, 4096);
	munmap(m.page, 4096);
	close(m.node);
	close(m.event);
	return ok;
}

/* An image beside the zone's RAM is none of its business. */
static bool test_beside(void)
{
	struct tool_image image = {
		.size = 4096, .load_paddr = zone.pa + zone.size,
	};
	bool ok = ktap_expect_eq(call(TOOL_LOAD_IMAGE,
				      (unsigned long)&image), 0);

	image.load_paddr = zone.pa - 4096;
	ok &= ktap_expect_eq(call(TOOL_LOAD_IMAGE, (unsigned long)&image), 0);
	return ok & ktap_expect(rg_works(d));
}

/* Frames wait while a zone is quiesced, and none is lost. */
static bool test_quiesce(void)
{
	u8 *buf = rg_alloc(&zone, 128, 8), got[2048];
	struct vring_used_elem elem;
	unsigned int i;
	bool ok;

	offer_buffers();
	ok = ktap_expect_eq(rg_write(QUIESCE, "x\n"), -EINVAL);
	ok &= ktap_expect_eq(rg_write(QUIESCE, "1\n"), 0);
	/* The guest is asked not to kick. */
	rg_tx_add(d, buf, 60, 1);
	ok &= ktap_expect(!rg_kick(&d->vq[RG_TX]));
	ok &= ram_rests();
	ok &= ktap_expect_eq(rg_root_recv(d, got, sizeof(got), 0), -1);
	ok &= ktap_expect_eq(rg_write(QUIESCE, "0\n"), 0);
	for (i = 0; i < 32; i++)
		ok &= ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem));
	ok &= ktap_expect_eq(rg_root_recv(d, got, sizeof(got), RG_LONG), 60);
	/* Root has more for the guest. */
	offer_buffers();
	for (i = 0; i < 18; i++)
		ok &= ktap_expect(rg_wait_used(&d->vq[RG_RX], &elem));
	revive();
	return ok & ktap_expect(goes_on());
}

/* A driver that begins anew needs nobody to release its zone. */
static bool test_quiesced_anew(void)
{
	bool ok = ktap_expect_eq(rg_write(QUIESCE, "1\n"), 0);

	revive();
	return ok & ktap_expect(goes_on());
}

static bool stop;

static void *storm(void *unused)
{
	rg_pin(1);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		rg_get(d, VIRTIO_MMIO_STATUS);
	return unused;
}

static pthread_t begin(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	if (pthread_create(&thread, NULL, fn, arg))
		rg_die("no thread");
	return thread;
}

static void *end(pthread_t thread)
{
	void *result;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, &result);
	return result;
}

static bool test_busy(void)
{
	u32 before = last_call().count;
	pthread_t thread = begin(storm, NULL);
	bool ok;

	usleep(10000);
	ok = ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), -EBUSY);
	ok &= ktap_expect_eq(rg_write(QUIESCE, "1\n"), -EBUSY);
	end(thread);
	ok &= ktap_expect_eq(last_call().count, before);
	return ok & ktap_expect(goes_on());
}

static void *ask(void *unused)
{
	td_read(&thing, TD_MAGIC);
	return unused;
}

/* A vCPU that waits makes no further access, and yet it is in one. */
static bool test_waiting(void)
{
	pid_t pid = td_start(&plan);
	pthread_t thread;
	bool ok;

	td_stop(pid);
	thread = begin(ask, NULL);
	usleep(50000);
	ok = ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), -EBUSY);
	end(thread);
	td_kill(pid);
	return ok & ktap_expect_eq(rg_sim_counter("z2_accesses"), 0) &
	       ktap_expect(goes_on());
}

static void *shut_down(void *unused)
{
	if (call(TOOL_ZONE_SHUTDOWN, zone.id) != -EBUSY)
		return unused;
	return NULL;
}

static u64 has_carrier(void)
{
	char text[8] = "";
	int fd = open("/sys/class/net/tap0/carrier", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 ? atoi(text) : 0;
}

/* A driver that begins while its zone is being shut down has to wait. */
static bool test_begins_meanwhile(void)
{
	pid_t pid = td_start(&plan);
	unsigned long long begun;
	pthread_t asks, shuts;
	unsigned int i;
	bool ok = true;
	u64 carrier;

	td_stop(pid);
	asks = begin(ask, NULL);
	usleep(20000);
	begun = ktap_now_ns();
	shuts = begin(shut_down, "not refused");
	usleep(20000);
	zone.used = 0;
	rg_negotiate(d, RG_FEATURES);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
	rg_driver_ok(d);
	for (i = 0; ok && i < 20; i++) {
		carrier = has_carrier();
		/* On a slow machine it has been refused by now. */
		if (ktap_now_ns() - begun >= REFUSED_NS)
			break;
		ok &= ktap_expect_eq(carrier, 0);
		usleep(10000);
	}
	ktap_diag("looked %u times", i);
	ok &= ktap_expect(!end(shuts));
	ok &= ktap_expect(rg_link_wait(d, true));
	end(asks);
	td_kill(pid);
	return ok & ktap_expect(goes_on());
}

/* One that only resets its device does not come to life by that. */
static bool test_resets_meanwhile(void)
{
	pid_t pid = td_start(&plan);
	pthread_t asks, shuts;
	bool ok;

	td_stop(pid);
	asks = begin(ask, NULL);
	usleep(20000);
	shuts = begin(shut_down, "not refused");
	usleep(20000);
	rg_reset(d);
	ok = ktap_expect(!end(shuts));
	ok &= ktap_expect_eq(has_carrier(), 0);
	end(asks);
	td_kill(pid);
	revive();
	return ok & ktap_expect(goes_on());
}

/* A driver that trusts the zone to be fresh does not reset its device. */
static bool test_without_reset(void)
{
	u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	bool ok = ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), 0);

	ok &= ktap_expect(rg_link_wait(d, false));
	zone.used = 0;
	memset(d->vq, 0, sizeof(d->vq));
	rg_set(d, VIRTIO_MMIO_STATUS, status);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, d->features >> 32);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	rg_set(d, VIRTIO_MMIO_DRIVER_FEATURES, d->features);
	rg_set(d, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
	rg_queue_setup(d, RG_RX, RG_NUM);
	rg_queue_setup(d, RG_TX, RG_NUM);
	rg_driver_ok(d);
	ok &= ktap_expect(rg_link_wait(d, true)) & ktap_expect(goes_on());
	revive();
	return ok & ktap_expect(goes_on());
}

static u64 looked;

static void *look_later(void *arg)
{
	rg_pin(2);
	/* Later than a silent zone is shut down, sooner than a dead one. */
	usleep(200000);
	__atomic_store_n(&looked, 1, __ATOMIC_RELAXED);
	if (arg == &thing)
		td_read(&thing, TD_ISR);
	else
		rg_ack(d);
	return NULL;
}

/* An interrupt that is not acknowledged would stay in a list register (Z3). */
static bool shuts_down_when_looked(void *whose)
{
	pthread_t thread;
	bool ok;

	looked = 0;
	thread = begin(look_later, whose);
	ok = ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), 0);
	ok &= ktap_expect_eq(looked, 1);
	end(thread);
	revive();
	return ok & ktap_expect(goes_on());
}

static bool test_ours_unacknowledged(void)
{
	rg_irq_on(&d->vq[RG_TX]);
	return ktap_expect(rg_tx_one(d, 60, 1)) &
	       ktap_expect(rg_irqs(d, RG_LONG) >= 1) &
	       shuts_down_when_looked(d);
}

static bool test_daemons_unacknowledged(void)
{
	pid_t pid = td_start(&plan);
	bool ok;

	/* Nothing of ours shall be what is waited for. */
	rg_ack(d);
	rg_irqs(&thing.dev, 0);
	td_write(&thing, TD_INJECT, IRQ);
	ok = ktap_expect(rg_irqs(&thing.dev, RG_LONG) >= 1);
	ok &= shuts_down_when_looked(&thing);
	td_kill(pid);
	return ok;
}

/* From here on an interrupt is active until the guest ends it; or no more. */
static void irq_reconnect(u32 flags)
{
	while (rg_irqs(d, 2) || rg_ack(d))
		;
	rg_irq_disconnect(d);
	rg_irq_connect(d, flags);
}

/* A frame interrupts the guest, which acknowledges at once. */
static bool interrupts_once(u32 seq)
{
	bool ok = ktap_expect(rg_tx_one(d, 60, seq)) &
		  ktap_expect(rg_irqs(d, RG_LONG) >= 1);

	rg_ack(d);
	return ok;
}

static bool ends_irq(void)
{
	return !ioctl(d->fd, HVSIM_RAW_EOI, &d->irq);
}

static bool will_end, ended;

/*
 * 40 ms between the acknowledgment and the EOI, and no access.  Before whoever
 * waits for longer on this CPU, however late both are.
 */
static void *end_late(void *unused)
{
	const struct sched_param first = { .sched_priority = 1 };

	rg_pin(1);
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		return "no real time";
	__atomic_store_n(&will_end, true, __ATOMIC_RELEASE);
	usleep(40000);
	ended = ends_irq();
	return unused;
}

/* What is active when EL2 parks a CPU swallows that interrupt for good (Z3). */
static bool test_ended_late(void)
{
	u64 dead = rg_sim_counter("z3_dead");
	pthread_t thread;
	bool ok;

	irq_reconnect(HVSIM_IRQ_MANUAL_EOI);
	ok = interrupts_once(1);
	thread = begin(end_late, NULL);
	rg_pin(1);
	ok &= ktap_expect(ktap_wait_for(RG_LONG,
					__atomic_load_n(&will_end,
							__ATOMIC_ACQUIRE)));
	ok &= ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), 0);
	rg_pin(2);
	ok &= ktap_expect(!end(thread)) & ktap_expect(ended);
	revive();
	ok &= interrupts_once(2);
	ok &= ktap_expect_eq(rg_sim_counter("z3_dead"), dead);
	ends_irq();
	irq_reconnect(0);
	return ok & ktap_expect(goes_on());
}

/* The same by who does not ask us: this is what the next driver is spared. */
static bool test_ended_never(void)
{
	int tool = open(TD_BACKEND, O_RDWR | O_CLOEXEC);
	u64 dead = rg_sim_counter("z3_dead");
	bool ok;

	irq_reconnect(HVSIM_IRQ_MANUAL_EOI);
	ok = interrupts_once(1);
	ok &= ktap_expect(!ioctl(tool, TOOL_ZONE_SHUTDOWN, zone.id));
	close(tool);
	ok &= ktap_expect(!ends_irq());
	revive();
	ok &= ktap_expect(rg_tx_one(d, 60, 2));
	ok &= ktap_expect(ktap_wait_for(RG_LONG,
					rg_sim_counter("z3_dead") > dead));
	ok &= ktap_expect_eq(rg_irqs(d, 0), 0);
	irq_reconnect(0);
	return ok & interrupts_once(3) & ktap_expect(goes_on());
}

/* Of a zone that is gone, or begins, no interrupt is repeated. */
static bool repeats_end(unsigned long cmd, unsigned long arg)
{
	bool ok;

	td_write(&thing, TD_INJECT, IRQ);
	ok = ktap_expect_eq(call(cmd, arg), 0);
	rg_irqs(&thing.dev, 0);
	usleep(700000);
	ok &= ktap_expect_eq(rg_irqs(&thing.dev, 0), 0);
	revive();
	return ok & ktap_expect(goes_on());
}

static bool test_repeats(unsigned long config)
{
	pid_t pid = td_start(&plan);
	bool ok;

	ok = repeats_end(TOOL_ZONE_SHUTDOWN, zone.id);
	ok &= repeats_end(TOOL_ZONE_START, config);
	td_kill(pid);
	return ok;
}

/* Nobody injects while EL2 is at it, and whoever wanted to does so afterwards. */
static void *inject(void *unused)
{
	struct td_daemon m = { .shared = td_shared };

	rg_pin(1);
	if (td_open(&m))
		return "no daemon";
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		td_inject(&m, other.id, IRQ);
	/* One that is held is repeated, as one that EL2 drops. */
	rg_irqs(&other_thing.dev, 0);
	td_inject(&m, other.id, IRQ);
	if (!rg_irqs(&other_thing.dev, RG_LONG))
		return "an interrupt was lost";
	munmap(m.page, 4096);
	close(m.node);
	close(m.event);
	return unused;
}

/* The interrupt comes before the guest looks: else it would not be needed. */
static const char *interrupt_of_frame(u32 seq)
{
	struct vring_used_elem elem;
	u8 *buf = rg_alloc(other_dev.zone, 128, 8);
	const char *complaint = NULL;

	rg_tx_add(&other_dev, buf, 60, seq);
	rg_kick(&other_dev.vq[RG_TX]);
	if (!rg_irqs(&other_dev, RG_LONG))
		complaint = "an interrupt was lost";
	rg_ack(&other_dev);
	if (!rg_wait_used(&other_dev.vq[RG_TX], &elem))
		complaint = "a frame was lost";
	other_dev.zone->used = buf - other_dev.zone->ram;
	return complaint;
}

static void *interrupts(void *unused)
{
	const char *complaint;
	u32 seq = 0;

	rg_pin(2);
	rg_irq_on(&other_dev.vq[RG_TX]);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		complaint = interrupt_of_frame(seq++);
		if (complaint)
			return (void *)complaint;
	}
	return unused;
}

static bool test_held(void *(*fn)(void *))
{
	u64 before = rg_sim_counter("finish_calls");
	pthread_t thread = begin(fn, NULL);
	const char *complaint;
	unsigned int i;
	bool ok = true;

	usleep(50000);
	for (i = 0; i < 5; i++) {
		rg_pin(0);
		ok &= ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, zone.id), 0);
		ok &= ktap_expect(last_call().cpu != 0);
		rg_pin(2);
		revive();
	}
	complaint = end(thread);
	if (complaint)
		ktap_diag("%s", complaint);
	ok &= ktap_expect(rg_sim_counter("finish_calls") > before + 5);
	return ok & !complaint & ktap_expect_eq(rg_sim_counter("z2_finishes"),
						0) & ktap_expect(goes_on());
}

/* What hvisor.ko refuses leaves the zone as it was, a lost interrupt included. */
static bool test_refused(void)
{
	pid_t pid = td_start(&plan);
	bool ok;

	rg_irqs(&other_thing.dev, 0);
	rg_sim_param("i1", 100);
	td_write(&other_thing, TD_INJECT, IRQ);
	ok = ktap_expect_eq(call(TOOL_ZONE_SHUTDOWN, other.id), -EINVAL);
	rg_sim_param("i1", 0);
	ok &= ktap_expect(rg_irqs(&other_thing.dev, RG_LONG) >= 1);
	td_read(&other_thing, TD_ISR);
	td_kill(pid);
	rg_root_flush(&other_dev);
	return ok & ktap_expect(rg_works(&other_dev));
}

int main(void)
{
	struct { u32 id, pad[15]; } config = { .id = 1 };
	struct tool_image image = { .size = 4096 };

	rg_setup();
	ktap_plan(22);
	rg_zone_add(&zone, 1, 0x100000, 0x200000, 0x40000000);
	rg_zone_add(&other, ZONE_REFUSED, 0x400000, 0x200000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	rg_dev_add(&other_dev, &other, RG_ADDR, RG_IRQ, "tap1", "");
	rg_start(d, RG_FEATURES);
	rg_start(&other_dev, RG_FEATURES);
	td_thing_add(&thing, &zone, 0, IRQ);
	td_thing_add(&other_thing, &other, 1, IRQ);
	image.load_paddr = zone.pa + 100;
	if (rg_bus("backend", "%s\n", TD_BACKEND))
		rg_die("no %s", TD_BACKEND);
	node = open(TD_NODE, O_RDWR | O_CLOEXEC);

	ktap_point(test_ends(TOOL_ZONE_SHUTDOWN, zone.id), "shut down");
	ktap_point(test_ends(TOOL_LOAD_IMAGE, (unsigned long)&image), "loaded");
	ktap_point(test_ends(TOOL_ZONE_START, (unsigned long)&config), "started");
	ktap_point(test_map(), "mapped to be loaded");
	ktap_point(test_map_daemon(), "not if the daemon maps it");
	ktap_point(test_beside(), "not if it is not its RAM");
	ktap_point(test_quiesce(), "quiesced and released: frames wait");
	ktap_point(test_quiesced_anew(), "quiesced until a driver begins");
	ktap_point(test_busy(), "a busy zone is not shut down");
	ktap_point(test_waiting(), "nor one whose vCPU waits for the daemon");
	ktap_point(test_begins_meanwhile(), "a driver that begins meanwhile waits");
	ktap_point(test_resets_meanwhile(), "one that only resets stays reset");
	ktap_point(test_without_reset(), "one that does not reset finds a fresh device");
	ktap_point(test_ours_unacknowledged(), "not before our interrupt is seen");
	ktap_point(test_daemons_unacknowledged(), "nor before the daemon's is");
	ktap_point(test_ended_late(), "nor before its handler has ended");
	ktap_point(test_ended_never(), "or its interrupt is dead for the next driver");
	ktap_point(test_repeats((unsigned long)&config),
		   "no interrupt of a zone that is gone is repeated");
	ktap_point(test_held(inject), "the daemon injects nothing meanwhile");
	ktap_point(test_held(interrupts), "nor do we");
	ktap_point(test_refused(), "refused by hvisor.ko: all as before");
	ktap_point(ktap_expect_eq(rg_sim_counter("gave_up"), 0) &
		   ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &
		   ktap_expect_eq(rg_sim_counter("z2_accesses"), 0),
		   "hvisor would have survived");
	close(node);
	rg_bus("backend", "\n");
	return ktap_finish();
}
