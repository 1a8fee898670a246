/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's tracepoints, below events/hvisor_vnet in tracefs.  What each
 * means to a user is told in Documentation/tracing.rst.  Those who trace know
 * the structures only by name here: trace.c, where all this becomes code, knows
 * what is in them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hvisor_vnet

#if !defined(HVNET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HVNET_TRACE_H

#include <linux/tracepoint.h>

#include "hvpage.h"

struct hvnet_dev;
struct net_device;
struct sk_buff;

/* A guest's access, as it comes from the page. */
TRACE_EVENT(hvnet_request,
	TP_PROTO(u32 zone, u32 cpu, u64 addr, u32 size, bool write, u64 value,
		 bool posted),
	TP_ARGS(zone, cpu, addr, size, write, value, posted),
	TP_STRUCT__entry(
		__field(u64, addr)
		__field(u64, value)
		__field(u32, zone)
		__field(u32, cpu)
		__field(u32, size)
		__field(bool, write)
		__field(bool, posted)
	),
	TP_fast_assign(
		__entry->addr = addr;
		__entry->value = value;
		__entry->zone = zone;
		__entry->cpu = cpu;
		__entry->size = size;
		__entry->write = write;
		__entry->posted = posted;
	),
	TP_printk("zone=%u cpu=%u addr=%#llx size=%u write=%u value=%#llx posted=%u",
		  __entry->zone, __entry->cpu, __entry->addr, __entry->size,
		  __entry->write, __entry->value, __entry->posted)
);

/* A guest notified a queue. */
TRACE_EVENT(hvnet_kick,
	TP_PROTO(const struct hvnet_dev *dev, unsigned int queue),
	TP_ARGS(dev, queue),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, zone)
		__field(u32, irq)
		__field(u32, queue)
	),
	TP_fast_assign(
		strscpy(__entry->name, dev->netdev->name, IFNAMSIZ);
		__entry->zone = dev->line.zone;
		__entry->irq = dev->line.irq;
		__entry->queue = queue;
	),
	TP_printk("name=%s zone=%u irq=%u queue=%u", __entry->name,
		  __entry->zone, __entry->irq, __entry->queue)
);

/* A frame of the guest's is handed to root's stack. */
TRACE_EVENT(hvnet_frame_from_guest,
	TP_PROTO(const struct net_device *netdev, const struct sk_buff *skb),
	TP_ARGS(netdev, skb),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, len)
		__field(u16, protocol)
		__field(u16, gso_size)
		__field(bool, partial)
	),
	TP_fast_assign(
		strscpy(__entry->name, netdev->name, IFNAMSIZ);
		__entry->len = skb->len + ETH_HLEN;
		__entry->protocol = ntohs(skb->protocol);
		__entry->gso_size = skb_shinfo(skb)->gso_size;
		__entry->partial = skb->ip_summed == CHECKSUM_PARTIAL;
	),
	TP_printk("name=%s len=%u protocol=%#06x gso_size=%u partial=%u",
		  __entry->name, __entry->len, __entry->protocol,
		  __entry->gso_size, __entry->partial)
);

/* A frame of root's lies in the guest's buffers. */
TRACE_EVENT(hvnet_frame_to_guest,
	TP_PROTO(const struct net_device *netdev, const struct sk_buff *skb,
		 unsigned int buffers),
	TP_ARGS(netdev, skb, buffers),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, len)
		__field(u16, protocol)
		__field(u16, gso_size)
		__field(bool, partial)
		__field(u32, buffers)
	),
	TP_fast_assign(
		strscpy(__entry->name, netdev->name, IFNAMSIZ);
		__entry->len = skb->len;
		__entry->protocol = ntohs(skb->protocol);
		__entry->gso_size = skb_shinfo(skb)->gso_size;
		__entry->partial = skb->ip_summed == CHECKSUM_PARTIAL;
		__entry->buffers = buffers;
	),
	TP_printk("name=%s len=%u protocol=%#06x gso_size=%u partial=%u buffers=%u",
		  __entry->name, __entry->len, __entry->protocol,
		  __entry->gso_size, __entry->partial, __entry->buffers)
);

DECLARE_EVENT_CLASS(hvnet_interrupt,
	TP_PROTO(const struct hvpage_line *line),
	TP_ARGS(line),
	TP_STRUCT__entry(
		__field(u32, zone)
		__field(u32, irq)
		__field(u32, isr)
		__field(u32, repeats)
	),
	TP_fast_assign(
		__entry->zone = line->zone;
		__entry->irq = line->irq;
		__entry->isr = atomic_read(line->isr);
		__entry->repeats = line->repeats;
	),
	TP_printk("zone=%u irq=%u isr=%#x repeats=%u", __entry->zone,
		  __entry->irq, __entry->isr, __entry->repeats)
);

/* The guest is interrupted. */
DEFINE_EVENT_CONDITION(hvnet_interrupt, hvnet_inject,
	TP_PROTO(const struct hvpage_line *line),
	TP_ARGS(line),
	TP_CONDITION(!line->outstanding)
);

/* It has not acknowledged the last one, and is interrupted again. */
DEFINE_EVENT_CONDITION(hvnet_interrupt, hvnet_reinject,
	TP_PROTO(const struct hvpage_line *line),
	TP_ARGS(line),
	TP_CONDITION(line->outstanding)
);

/* It has acknowledged none, and is not interrupted any more. */
DEFINE_EVENT(hvnet_interrupt, hvnet_stall,
	TP_PROTO(const struct hvpage_line *line),
	TP_ARGS(line)
);

/* The guest has given no receive buffers for too long. */
TRACE_EVENT(hvnet_rx_stall,
	TP_PROTO(const struct hvnet_dev *dev),
	TP_ARGS(dev),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, zone)
		__field(u32, irq)
	),
	TP_fast_assign(
		strscpy(__entry->name, dev->netdev->name, IFNAMSIZ);
		__entry->zone = dev->line.zone;
		__entry->irq = dev->line.irq;
	),
	TP_printk("name=%s zone=%u irq=%u", __entry->name, __entry->zone,
		  __entry->irq)
);

/* The guest broke a queue. */
TRACE_EVENT(hvnet_needs_reset,
	TP_PROTO(const struct hvnet_dev *dev, const char *queue,
		 const char *what),
	TP_ARGS(dev, queue, what),
	TP_STRUCT__entry(
		__array(char, name, IFNAMSIZ)
		__field(u32, zone)
		__field(u32, irq)
		__string(queue, queue)
		__string(what, what)
	),
	TP_fast_assign(
		strscpy(__entry->name, dev->netdev->name, IFNAMSIZ);
		__entry->zone = dev->line.zone;
		__entry->irq = dev->line.irq;
		hvnet_assign_str(queue, queue);
		hvnet_assign_str(what, what);
	),
	TP_printk("name=%s zone=%u irq=%u queue=\"%s\" what=\"%s\"",
		  __entry->name, __entry->zone, __entry->irq,
		  __get_str(queue), __get_str(what))
);

#endif /* HVNET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
