/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's zones, devices and hypervisor, as its netlink family tells of them
 * (Documentation/netlink/specs/hvisor_vnet.yaml), and what it can be asked for.
 */
#ifndef HVNET_VNET_H
#define HVNET_VNET_H

#include "../hvisor_vnet_netlink.h"
#include "hvnet.h"

#define DEV_COUNTERS	(HVISOR_VNET_A_COUNTERS_MAX + 1)
#define HV_COUNTERS	(HVISOR_VNET_A_HV_COUNTERS_MAX + 1)

/* By attribute; NULL for what is none. */
extern const char * const vnet_dev_counter[DEV_COUNTERS];
extern const char * const vnet_hv_counter[HV_COUNTERS];

struct vnet_zone {
	__u32 id;
	bool quiesced;
	__u64 requests;
	struct range ram[MAX_RANGES];
	size_t n_ram;
};

/* When a guest is told: of frames taken from it, and of frames for it. */
enum { TX_USECS, TX_FRAMES, RX_USECS, RX_FRAMES, RX_ADAPTIVE, COALESCES };

/**
 * struct vnet_dev - a device, or what is wanted of one
 * @given: KEY_BIT() of what is known, or wanted
 * @number: values of those that are numbers
 * @name: of root's interface
 * @mac: the guest's address
 * @ifindex: of root's interface
 * @negotiated: features that the guest accepted
 * @status: virtio's
 * @isr: interrupts that it has not acknowledged
 * @counter: by attribute
 * @queue: in an event: which it broke
 * @reason: likewise: how
 * @stall: likewise: what does not go on; -1 if nothing is said
 */
struct vnet_dev {
	unsigned int given;
	__u64 number[KEYS];
	char name[IFNAMSIZ];
	__u8 mac[6];
	__u32 ifindex;
	__u64 negotiated;
	__u32 status;
	__u32 isr;
	__u64 counter[DEV_COUNTERS];
	char queue[32];
	char reason[80];
	int stall;
};

struct vnet_hv {
	char conduit[32];	/* empty: there is no hypervisor */
	bool taken_over;
	bool daemon;
	__u64 counter[HV_COUNTERS];
};

struct vnet_zones {
	struct vnet_zone *list;
	size_t n;
};

struct vnet_devs {
	struct vnet_dev *list;
	size_t n;
};

/* What comes of the group: which command, and what it is about. */
struct vnet_event {
	int cmd;
	struct vnet_zone zone;
	struct vnet_dev dev;
	struct vnet_hv hv;
};

int vnet_open(void);
int vnet_watch(int (*fn)(const struct vnet_event *e, void *arg), void *arg);

int vnet_get_zones(struct vnet_zones *zones);
int vnet_get_devs(struct vnet_devs *devs);
int vnet_get_hv(struct vnet_hv *hv);

/* Return: 0, or -1, said why of @about. */
int vnet_zone_new(const char *about, __u32 id, const struct range *ram,
		  size_t n);
int vnet_zone_del(const char *about, __u32 id);
int vnet_zone_quiesce(const char *about, __u32 id, bool quiesce);
int vnet_dev_new(const char *about, const struct vnet_dev *want,
		 struct vnet_dev *got);
int vnet_dev_set(const char *about, const struct vnet_dev *which,
		 const struct vnet_dev *want);
int vnet_dev_del(const char *about, const struct vnet_dev *which);
int vnet_set_backend(const char *about, int fd);

void vnet_place(char *to, size_t size, const struct vnet_dev *dev);
bool vnet_dev_matches(const struct vnet_dev *d, const char *name);
const char *vnet_guest_words(__u32 status);

#endif /* HVNET_VNET_H */
