// SPDX-License-Identifier: GPL-2.0-only
/*
 * ctrl.c: requests of every content, cut into pieces of every kind.  What must
 * hold whatever the guest asks for: one that is refused changes nothing, none is
 * obeyed that was not negotiated, exactly one byte is answered, and no address or
 * VLAN takes the filter out of its bounds.
 */
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "ctrl.h"
#include "fuzz.h"
#include "offload.h"

#define NUM	16
#define DESC	FUZZ_LOW
#define AVAIL	(DESC + 16 * NUM)
#define USED	(AVAIL + 64)
#define REQUEST	(FUZZ_LOW + 0x400)

void (*shim_at_mb)(void);
void (*shim_at_rmb)(void);
void (*shim_at_release)(void);

static struct fuzz_guest guest;
static struct hvnet_ctrl ctrl;
static struct hvnet_sg sg[NUM];
static u16 driver_idx;

static void write_desc(u16 i, u64 addr, u32 len, u16 flags)
{
	struct vring_desc desc = {
		.addr = addr, .len = len, .flags = flags, .next = i + 1,
	};

	fuzz_guest_write(&guest, DESC + 16 * i, &desc, sizeof(desc));
}

/* Queue a request of @len bytes, cut where the input says. */
static void queue(struct fuzz_input *in, size_t len)
{
	u16 i = 0, n = fuzz_take(in, 1) % 6, room = fuzz_take(in, 1) % 4;
	u16 slot = driver_idx++ % NUM, head = 0;
	u64 at = REQUEST;

	for (; i < n && len; i++) {
		u32 cut = fuzz_take(in, 1) % (len + 1);

		write_desc(i, at, cut, VRING_DESC_F_NEXT);
		at += cut;
		len -= cut;
	}
	write_desc(i++, at, len, room ? VRING_DESC_F_NEXT : 0);
	if (room)
		write_desc(i, FUZZ_NEXT, room - 1, VRING_DESC_F_WRITE);
	fuzz_guest_write(&guest, AVAIL + 4 + 2 * slot, &head, sizeof(head));
	fuzz_guest_write(&guest, AVAIL + 2, &driver_idx, sizeof(driver_idx));
}

static void check_macs(const struct hvnet_macs *macs)
{
	REQUIRE(macs->n <= HVNET_FILTER_MACS);
	REQUIRE(!macs->all || !macs->n);
}

static void check_filter(struct fuzz_input *in)
{
	const struct hvnet_filter *f = &ctrl.filter;
	static const u8 none[ETH_ALEN];
	u16 vid = fuzz_take(in, 2) & 0xfff;
	u8 to[ETH_ALEN];

	check_macs(&f->uni);
	check_macs(&f->multi);
	fuzz_take_bytes(in, to, sizeof(to));
	REQUIRE(hvnet_filter_passes(f, to, vid) || !f->promisc);
	if (ctrl.features & HVNET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))
		REQUIRE(memcmp(f->mac, none, sizeof(none)));
	REQUIRE(!(ctrl.offloads & ~ctrl.features));
	REQUIRE(!(ctrl.offloads & ~(HVNET_OFFLOADS_RX | HVNET_OFFLOADS_RX_USO)));
}

/* What was not reported as changed is as it was. */
static void check_changed(const struct hvnet_ctrl *was, unsigned int changed)
{
	if (!(changed & HVNET_CTRL_FILTER))
		REQUIRE(!memcmp(&was->filter, &ctrl.filter, sizeof(was->filter)));
	if (!(changed & HVNET_CTRL_MAC))
		REQUIRE(!memcmp(was->filter.mac, ctrl.filter.mac, ETH_ALEN));
	if (!(changed & HVNET_CTRL_OFFLOADS))
		REQUIRE(was->offloads == ctrl.offloads);
	REQUIRE(was->features == ctrl.features);
}

static bool negotiated(unsigned int changed)
{
	const u64 filters = HVNET_BIT(VIRTIO_NET_F_CTRL_RX) |
			    HVNET_BIT(VIRTIO_NET_F_CTRL_VLAN) |
			    HVNET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);

	if ((changed & HVNET_CTRL_FILTER) && !(ctrl.features & filters))
		return false;
	if ((changed & HVNET_CTRL_MAC) &&
	    !(ctrl.features & HVNET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR)))
		return false;
	return !(changed & HVNET_CTRL_OFFLOADS) ||
	       (ctrl.features & HVNET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS));
}

static void serve(void)
{
	static struct hvnet_ctrl was;
	unsigned int changed = 0;
	struct vring_used *used = ctrl.ring.used;
	u16 slot = ctrl.ring.used_idx % NUM;
	u8 *answer = hvnet_memory_at(&guest.mem, FUZZ_NEXT, 1);

	was = ctrl;
	REQUIRE(hvnet_ctrl_serve(&ctrl, &changed) == 1);
	REQUIRE(ctrl.requests == was.requests + 1);
	check_changed(&was, changed);
	REQUIRE(negotiated(changed));
	REQUIRE(used->ring[slot].len == !!ctrl.chain.n_in);
	if (ctrl.chain.n_in)
		REQUIRE(*answer == (ctrl.errors > was.errors ? VIRTIO_NET_ERR :
							       VIRTIO_NET_OK));
	REQUIRE(ctrl.errors == was.errors || !changed);
	fuzz_guest_allow(&guest, answer, ctrl.chain.n_in ? 1 : 0);
	fuzz_guest_allow(&guest, &used->ring[slot], sizeof(used->ring[0]));
	fuzz_guest_check(&guest);
	hvnet_ring_publish(&ctrl.ring);
	fuzz_guest_allow(&guest, used, sizeof(*used));
}

static void start(struct fuzz_input *in)
{
	static const struct hvnet_ring_setup setup = {
		.num = NUM, .desc = DESC, .avail = AVAIL, .used = USED,
	};
	u8 mac[ETH_ALEN];
	u64 features = fuzz_take(in, 8);

	memset(&ctrl, 0, sizeof(ctrl));
	ctrl.chain.sg = sg;
	fuzz_take_bytes(in, mac, sizeof(mac));
	/* new_device takes no other. */
	mac[0] = 2;
	hvnet_ctrl_begin(&ctrl, features, mac);
	REQUIRE(!hvnet_ring_start(&ctrl.ring, &guest.mem, &setup, false, false));
	fuzz_guest_allow(&guest, ctrl.ring.used, sizeof(*ctrl.ring.used));
	driver_idx = 0;
}

/* A table of the length that it says, after @at. */
static size_t take_table(struct fuzz_input *in, u8 *at)
{
	u32 n = fuzz_take(in, 1) % 72;

	memcpy(at, &n, sizeof(n));
	fuzz_take_bytes(in, at + sizeof(n), ETH_ALEN * n);
	return sizeof(n) + ETH_ALEN * n;
}

/* A request as a driver makes it, or any bytes; return its length. */
static size_t take_request(struct fuzz_input *in, u8 *request)
{
	u8 kind = fuzz_take(in, 1);
	u64 offloads;
	size_t len;

	request[0] = kind % 8;
	request[1] = kind >> 6;
	switch (kind % 8) {
	case VIRTIO_NET_CTRL_MAC:
		if (request[1] == VIRTIO_NET_CTRL_MAC_ADDR_SET)
			break;
		len = 2 + take_table(in, request + 2);
		return len + take_table(in, request + len);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		offloads = ctrl.features & fuzz_take(in, 8);
		memcpy(request + 2, &offloads, sizeof(offloads));
		return 2 + sizeof(offloads);
	case 7:
		len = fuzz_take(in, 1);
		fuzz_take_bytes(in, request, len);
		return len;
	}
	len = fuzz_take(in, 1) % 8;
	fuzz_take_bytes(in, request + 2, len);
	return 2 + len;
}

/**
 * fuzz_one - one driver's orders
 * @data: what it orders
 * @size: how much of it
 */
int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned int changed = 0;
	u8 request[1024];
	size_t len;

	fuzz_guest_init(&guest);
	fuzz_guest_fill(&guest, 0);
	start(&in);
	while (in.left) {
		len = take_request(&in, request);
		fuzz_guest_write(&guest, REQUEST, request, len);
		queue(&in, len);
		serve();
		check_filter(&in);
	}
	REQUIRE(!hvnet_ctrl_serve(&ctrl, &changed) && !changed);
	return 0;
}
