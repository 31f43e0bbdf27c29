/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room for records. Two kinds of rings: our own (struct ring_area), where a record takes a
 * compare-and-swap, and the kernel's ring buffer for kernels without that instruction. The kernel's
 * takes a lock and turns interrupts off: 42 ns for reserve and submit against 6, measured on 6.18.
 */
#ifndef BPF_RING_H
#define BPF_RING_H

#include "bpf/event.h"

/* The kernel's: one a processor, so that no lock is shared. Sizes are set before loading. */
struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps");

/* Ours: one element a ring. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct ring_area) + 2 * (SNAPLEN_MAX + EXTRA_MAX));
} areas SEC(".maps");

enum { AREA_TRIES = 4 }; /* an interrupt may reserve between our look and our swap */

static __always_inline struct record *area_reserve(__u32 cpu, __u64 caplen, __u64 *mark)
{
	__u64 size = RING_SPACE(config.extra + caplen), at;
	struct ring_area *a;

	if (cpu >= config.rings)
		cpu %= config.rings;
	a = bpf_map_lookup_elem(&areas, &cpu);
	if (!a || caplen > SNAPLEN_MAX)
		return NULL;
#pragma unroll
	for (int i = 0; i < AREA_TRIES; i++) {
		at = *(volatile __u64 *)&a->head;
		if (at + size - *(volatile __u64 *)&a->tail > config.ring_bytes)
			return NULL;
		if (__sync_val_compare_and_swap(&a->head, at, at + size) == at) {
			*mark = RING_MARK(at, config.secret);
			at &= config.ring_bytes - 1;
			return (struct record *)(a->data + at + RING_MARK_BYTES);
		}
	}
	return NULL;
}

static __always_inline void area_commit(struct record *r, __u64 mark)
{
	__u64 *where = (__u64 *)((__u8 *)r - RING_MARK_BYTES);

	asm volatile("" ::: "memory");
	if (config.features & PROBE_TSO)
		*(volatile __u64 *)where = mark;
	else
		__sync_lock_test_and_set(where, mark);
}

/*
 * A reservation's size must be a constant in the kernel's ring, hence the classes; those that the
 * snap length rules out are not in the loaded program.
 */
static __always_inline struct record *ring_reserve(__u32 cpu, __u64 caplen)
{
	const __u64 head = sizeof(struct record) + config.extra;
	struct record *r = NULL;
	void *ring = bpf_map_lookup_elem(&rings, &cpu);

	if (!ring)
		return NULL;
	if (caplen <= 128)
		r = bpf_ringbuf_reserve(ring, head + 128, 0);
	else if (caplen <= 256)
		r = bpf_ringbuf_reserve(ring, head + 256, 0);
	else if (config.snaplen > 256 && caplen <= 1536)
		r = bpf_ringbuf_reserve(ring, head + 1536, 0);
	else if (config.snaplen > 1536 && caplen <= 4096)
		r = bpf_ringbuf_reserve(ring, head + 4096, 0);
	else if (config.snaplen > 4096 && caplen <= SNAPLEN_MAX)
		r = bpf_ringbuf_reserve(ring, head + SNAPLEN_MAX, 0);
	return r;
}

#endif
