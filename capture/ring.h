/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the rings of all processors as one stream in the order of time: rings of our own
 * (struct ring_area, bpf/event.h) or the kernel's (Documentation/bpf/ringbuf.rst). Records are
 * looked at where they are; only what was taken is given back. libbpf's reader takes one ring after
 * the other and cannot hold back.
 */
#ifndef CAPTURE_RING_H
#define CAPTURE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "formats/error.h"

struct ring {
	volatile uint64_t *consumer;       /* mapped, ours to write */
	const volatile uint64_t *producer; /* mapped */
	const uint8_t *data;
	uint64_t at;    /* where we are */
	uint64_t head;  /* how far the programs were when we looked last */
	uint64_t given; /* how much of it the kernel was told */
};

struct rings {
	struct ring *v;
	uint32_t n;
	size_t bytes; /* of each ring, a power of two */
	size_t page;
	void *areas; /* our own: the map; NULL: the kernel's */
	size_t areas_bytes;
	uint64_t secret;
	uint64_t broken; /* records that were not what the programs write; skipped */
};

/*
 * Maps the kernel's rings, or ours: n of them in one map, each `stride` bytes from the next. The
 * descriptors stay the caller's. 0 or a negative errno. Ended by rings_fini().
 */
int rings_init(struct rings *r, const int *fds, uint32_t n, size_t bytes, struct skbox_error *err);
int rings_init_areas(struct rings *r, int fd, uint32_t n, size_t bytes, size_t stride,
		     uint64_t secret, struct skbox_error *err);
void rings_fini(struct rings *r);

/*
 * Calls take for the records that began before `until` (CLOCK_MONOTONIC ns), the oldest first, at
 * most max of them. The record is borrowed for the call; caplen is within its memory. take returns
 * false when it wants no more (the record counts as taken). How many were taken.
 */
size_t rings_take(struct rings *r, uint64_t until, size_t max,
		  bool (*take)(void *ctx, const struct record *rec), void *ctx);

/* Bytes that wait in the rings. */
uint64_t rings_waiting(const struct rings *r);

#endif
