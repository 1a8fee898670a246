/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the benchmark's programs talk to hvbench.ko, the two ends of every path
 * that is measured: where frames of the guest end, and where frames for it come
 * from.  They are the same for every column of the table, so that a difference
 * between two columns is one between two backends.
 *
 * /dev/hvbench; what an open file has set up ends with it.
 */
#ifndef HVBENCH_H
#define HVBENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HVB_DEVICE	"/dev/hvbench"

#define HVB_FREE	0	/* a sink frees what it gets */
#define HVB_ECHO	1	/* a sink sends it back where it came from */

#define HVB_UDP		0	/* a kind of frame: UDP over IPv4 */
#define HVB_TCP		1	/* TCP over IPv4, cut by the device if it can */

#define HVB_HEADERS_UDP	42	/* Ethernet, IPv4, UDP */
#define HVB_HEADERS_TCP	54	/* Ethernet, IPv4, TCP */
#define HVB_LEN_MAX	65535

/**
 * struct hvb_sink - what becomes of frames that an interface receives
 * @ifindex: the interface
 * @mode: HVB_FREE or HVB_ECHO
 */
struct hvb_sink {
	__u32 ifindex;
	__u32 mode;
};

/**
 * struct hvb_seen - what a sink has got since it was last asked
 * @ifindex: in: the interface
 * @pad: 0
 * @skbs: out: buffers; GRO may have put several frames into one
 * @payload: out: bytes after the UDP or TCP headers
 */
struct hvb_seen {
	__u32 ifindex;
	__u32 pad;
	__u64 skbs;
	__u64 payload;
};

/**
 * struct hvb_send - frames for a guest
 * @ifindex: the interface that leads to it
 * @count: how many
 * @len: bytes of each, from the Ethernet header on
 * @kind: HVB_UDP or HVB_TCP
 * @mss: if not 0, bytes of payload into which the device, or the stack if the
 *	device cannot, has to cut a frame
 * @pad: 0
 */
struct hvb_send {
	__u32 ifindex;
	__u32 count;
	__u32 len;
	__u32 kind;
	__u32 mss;
	__u32 pad;
};

/**
 * struct hvb_work - something to compare with, done in the kernel
 * @count: how many times
 * @len: of how many bytes
 */
struct hvb_work {
	__u32 count;
	__u32 len;
};

#define HVB_IOC		0xb7

/* EBUSY if the interface has a receive handler, a bridge for instance. */
#define HVB_SET_SINK	_IOW(HVB_IOC, 0, struct hvb_sink)
#define HVB_GET_SEEN	_IOWR(HVB_IOC, 1, struct hvb_seen)
/* All at once, with softirqs off, as a network card's poll forwards them. */
#define HVB_SEND	_IOW(HVB_IOC, 2, struct hvb_send)
/* One memcpy() of @len bytes, @count times. */
#define HVB_MEMCPY	_IOW(HVB_IOC, 3, struct hvb_work)
/*
 * What every backend has to do for a frame of the guest: allocate a buffer,
 * hand it up the stack, to the sink of the loopback interface. No byte is
 * copied.
 */
#define HVB_RECEIVE	_IOW(HVB_IOC, 4, struct hvb_send)

#endif /* HVBENCH_H */
