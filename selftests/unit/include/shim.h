/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ring.c, mmio.c and memory.h need of the kernel, in user space.  The
 * files in linux/ beside this one stand where the kernel's headers of the same
 * name would be found; each brings in this one.  Structures and constants of
 * virtio itself come from the host's uapi headers, not from here.
 *
 * Little endian hosts only, as hvisor is.
 */
#ifndef UNIT_SHIM_H
#define UNIT_SHIM_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/types.h>
#include <linux/virtio_types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "these tests need a little endian host"
#endif

#define __virtio16_to_cpu(little_endian, v)	((u16)(v))
#define __virtio32_to_cpu(little_endian, v)	((u32)(v))
#define __virtio64_to_cpu(little_endian, v)	((u64)(v))
#define __cpu_to_virtio16(little_endian, v)	((__virtio16)(v))
#define __cpu_to_virtio32(little_endian, v)	((__virtio32)(v))
#define cpu_to_le32(v)				((__le32)(v))

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()		__asm__ __volatile__("" ::: "memory")
#define noinline		__attribute__((__noinline__))

/*
 * What a test has happen on the other CPU exactly at a barrier; NULL for
 * nothing. So a barrier that is missing, or in the wrong place, is noticed
 * without luck.
 */
extern void (*shim_at_mb)(void);
extern void (*shim_at_rmb)(void);
extern void (*shim_at_release)(void);

static inline void shim_call(void (*at)(void))
{
	if (at)
		at();
}

#define virt_mb() \
	(shim_call(shim_at_mb), __atomic_thread_fence(__ATOMIC_SEQ_CST))
#define virt_rmb() \
	(shim_call(shim_at_rmb), __atomic_thread_fence(__ATOMIC_ACQUIRE))
#define virt_store_release(p, v) \
	(shim_call(shim_at_release), \
	 __atomic_store_n((p), (v), __ATOMIC_RELEASE))

typedef struct {
	int counter;
} atomic_t;

#define atomic_set(v, i)	__atomic_store_n(&(v)->counter, (i), __ATOMIC_RELAXED)
#define atomic_read(v)		__atomic_load_n(&(v)->counter, __ATOMIC_RELAXED)
#define atomic_or(i, v)		\
	((void)__atomic_fetch_or(&(v)->counter, (i), __ATOMIC_RELAXED))
#define atomic_fetch_andnot(i, v) \
	__atomic_fetch_and(&(v)->counter, ~(int)(i), __ATOMIC_SEQ_CST)

#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))

#endif /* UNIT_SHIM_H */
