// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor loses wake-ups and interrupts, one in a hundred, one in ten and
 * every other one, of each kind and of all kinds at once (Documentation tells
 * what W1, W2, I1 and E1 are).  Frames go both ways; the guest sleeps until it
 * is interrupted, as Linux does.  Every frame arrives, and nothing waits for
 * longer than the retries take.
 *
 * In virtual time, where no other load of the host's can be mistaken for a
 * stall.
 *
 * rig: smp=2 icount=must
 */
#include "rawguest.h"

#define WINDOW		4	/* frames under way, each direction */
#define BUFFER		2048

/*
 * Retries come after 100, 200, 400 us and so on: seven losses in a row, of 10 %
 * each, are not met with, nor more than the simulator makes, of 50 %. A request that
 * woke nobody is found after 100 us; an access must not take more than that, some
 * interrupts and its own service.
 */
#define STALL_NS	12800000ull
#define STALL_HALF_NS	102400000ull
#define ACCESS_NS	200000ull

/*
 * Only a wake that W1 lost has to wait for the look after 100 us; one that W2
 * lost is found at the end of the interrupt, and of many in a row it may be late.
 */
#define LATE_NS		45000ull

static struct rg_zone zone;
static struct rg_dev dev, *d = &dev;

struct hazard {
	const char *name;
	bool w1, w2, i1, e1;
};

static const struct hazard hazards[] = {
	{ .name = "none" },
	{ .name = "w1", .w1 = true },
	{ .name = "w2", .w2 = true },
	{ .name = "i1", .i1 = true },
	{ .name = "e1", .e1 = true },
	{ .name = "all", .w1 = true, .w2 = true, .i1 = true, .e1 = true },
};

/* How often, in percent, how many frames do for it to strike, and its bounds. */
static const struct level {
	unsigned int percent, frames;
	u64 stall_ns;
	u32 late_max;
} levels[] = {
	{ 1, 2000, STALL_NS, 2 },
	{ 10, 1000, STALL_NS, 2 },
	{ 50, 300, STALL_HALF_NS, 10 },
};

static void set_hazard(const struct hazard *h, unsigned int percent)
{
	rg_sim_param("seed", 1);
	rg_sim_param("w1", h->w1 ? percent : 0);
	rg_sim_param("w2", h->w2 ? percent : 0);
	rg_sim_param("i1", h->i1 ? percent : 0);
	rg_sim_param("e1", h->e1 ? percent : 0);
}

/* A run: what has been done so far. */
struct run {
	u32 frames;		/* each way */
	u8 *tx, *rx;		/* buffers */
	u32 tx_sent, tx_back, tx_arrived;
	u32 rx_sent, rx_added, rx_arrived;
	u32 sleeps, accesses, late;
	u64 longest_sleep, longest_access;
	bool ok;
};

static void access_took(struct run *r, const struct hvsim_raw_access *a)
{
	r->accesses++;
	r->late += a->latency_ns > LATE_NS;
	if (a->latency_ns > r->longest_access)
		r->longest_access = a->latency_ns;
}

static void kick(struct run *r, struct rg_vq *q)
{
	u16 old = q->published;
	struct hvsim_raw_access a;

	rg_publish(q);
	if (old == q->published || !rg_kick_needed(q, old))
		return;
	a = rg_access(d, d->addr + VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, q->index);
	access_took(r, &a);
}

/* What Linux's driver does first of all in its interrupt. */
static void acknowledge(struct run *r)
{
	struct hvsim_raw_access a;

	a = rg_access(d, d->addr + VIRTIO_MMIO_INTERRUPT_STATUS, 4, false, 0);
	access_took(r, &a);
	if (!a.value)
		return;
	a = rg_access(d, d->addr + VIRTIO_MMIO_INTERRUPT_ACK, 4, true, a.value);
	access_took(r, &a);
}

static void send_some(struct run *r)
{
	while (r->tx_sent < r->frames && r->tx_sent - r->tx_back < WINDOW) {
		u8 *buf = r->tx + r->tx_sent % WINDOW * BUFFER;
		size_t len = 60 + r->tx_sent % 700;
		struct rg_piece piece = RG_OUT(buf, d->hdr_len + len);

		memset(buf, 0, d->hdr_len);
		rg_frame(buf + d->hdr_len, len, r->tx_sent++);
		rg_add(&d->vq[RG_TX], &piece, 1);
	}
	kick(r, &d->vq[RG_TX]);
}

static void receive_some(struct run *r)
{
	while (r->rx_added - r->rx_arrived < WINDOW) {
		u8 *buf = r->rx + r->rx_added++ % WINDOW * BUFFER;
		struct rg_piece piece = RG_IN(buf, BUFFER);

		rg_add(&d->vq[RG_RX], &piece, 1);
	}
	kick(r, &d->vq[RG_RX]);
}

static void root_sends_some(struct run *r)
{
	u8 frame[BUFFER];
	size_t len;

	while (r->rx_sent < r->frames && r->rx_sent - r->rx_arrived < WINDOW) {
		len = 60 + r->rx_sent % 1000;
		rg_frame(frame, len, r->rx_sent++);
		r->ok &= ktap_expect(rg_root_send(d, frame, len));
	}
}

/* Everything that has come, on either side. */
static bool collect(struct run *r)
{
	struct vring_used_elem elem;
	u32 before = r->tx_back + r->rx_arrived;
	u8 got[BUFFER];
	ssize_t len;

	while (rg_used(&d->vq[RG_TX], &elem))
		r->tx_back++;
	while (rg_used(&d->vq[RG_RX], &elem)) {
		u32 seq = r->rx_arrived++;
		u8 *buf = r->rx + seq % WINDOW * BUFFER;

		r->ok &= rg_frame_ok(buf + d->hdr_len, elem.len - d->hdr_len,
				     60 + seq % 1000, seq);
	}
	while ((len = rg_root_recv(d, got, sizeof(got), 0)) >= 0) {
		r->ok &= rg_frame_ok(got, len, 60 + r->tx_arrived % 700,
				     r->tx_arrived);
		r->tx_arrived++;
	}
	return r->tx_back + r->rx_arrived != before;
}

/* Nothing to do: sleep until the interrupt. */
static void rest(struct run *r)
{
	unsigned long long at = ktap_now_ns();

	if (!rg_irqs(d, RG_LONG)) {
		ktap_diag("no interrupt: sent %u back %u, received %u of %u",
			  r->tx_sent, r->tx_back, r->rx_arrived, r->rx_sent);
		r->ok = false;
	}
	at = ktap_now_ns() - at;
	r->sleeps++;
	if (at > r->longest_sleep)
		r->longest_sleep = at;
	acknowledge(r);
}

static bool hit(bool on, const char *counter, u64 before)
{
	return !on || ktap_expect(rg_sim_counter(counter) > before);
}

static bool in_time(const struct run *r, const struct hazard *h,
		    const struct level *l)
{
	return ktap_is_slow() ||
	       (ktap_expect(r->longest_sleep < l->stall_ns) &&
		ktap_expect(r->longest_access < ACCESS_NS) &&
		ktap_expect(h->w1 || r->late <= l->late_max));
}

static bool test_hazard(const struct hazard *h, const struct level *l)
{
	struct run run = { .frames = l->frames, .ok = true }, *r = &run;
	u64 w1, w2, i1, e1, again, stalls;

	set_hazard(&hazards[0], 0);
	rg_start(d, RG_FEATURES);
	r->tx = rg_alloc(&zone, WINDOW * BUFFER, 8);
	r->rx = rg_alloc(&zone, WINDOW * BUFFER, 8);
	w1 = rg_sim_counter("w1_hits");
	w2 = rg_sim_counter("w2_hits");
	i1 = rg_sim_counter("i1_hits");
	e1 = rg_sim_counter("e1_hits");
	again = rg_counter(d, "reinjections");
	stalls = rg_counter(d, "stalls");
	set_hazard(h, l->percent);

	while (r->ok && (r->tx_back < r->frames || r->rx_arrived < r->frames)) {
		receive_some(r);
		send_some(r);
		root_sends_some(r);
		if (!collect(r))
			rest(r);
	}
	r->ok = r->ok && ktap_wait_for(RG_LONG, (collect(r),
						 r->tx_arrived == r->frames));
	set_hazard(&hazards[0], 0);
	again = rg_counter(d, "reinjections") - again;
	ktap_diag("%s: %u sleeps, longest %u us; %u injected again", h->name,
		  r->sleeps, (u32)(r->longest_sleep / 1000), (u32)again);
	ktap_diag("%s: %u accesses, longest %u us, %u late", h->name,
		  r->accesses, (u32)(r->longest_access / 1000), r->late);
	return r->ok && in_time(r, h, l) &&
	       hit(h->w1, "w1_hits", w1) && hit(h->w2, "w2_hits", w2) &&
	       hit(h->i1, "i1_hits", i1) && hit(h->e1, "e1_hits", e1) &&
	       ktap_expect_eq(rg_counter(d, "stalls"), stalls) &&
	       ktap_expect_eq(rg_sim_counter("gave_up"), 0) &&
	       ktap_expect_eq(rg_sim_counter("stray_answers"), 0) &&
	       ktap_expect_eq(rg_sim_counter("panics"), 0);
}

int main(void)
{
	const unsigned int n = RG_ARRAY_SIZE(levels);
	unsigned int i, j;

	rg_setup();
	ktap_plan(1 + (RG_ARRAY_SIZE(hazards) - 1) * n + 1);
	rg_zone_add(&zone, 1, 0x100000, 0x100000, 0x40000000);
	rg_dev_add(d, &zone, RG_ADDR, RG_IRQ, "tap0", "");
	ktap_point(test_hazard(&hazards[0], &levels[0]), "no hazard");
	for (i = 1; i < RG_ARRAY_SIZE(hazards); i++)
		for (j = 0; j < n; j++)
			ktap_point(test_hazard(&hazards[i], &levels[j]),
				   "hazard: %s, %u %%", hazards[i].name,
				   levels[j].percent);
	rg_start(d, RG_FEATURES);
	ktap_point(rg_works(d), "all works after it");
	return ktap_finish();
}
