/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How old the oldest event of a batch may get before the batch goes out. An event is promised to be
 * written 500 ms after it happened (OUTPUT_LATE_NS). What is left of that beside the wait is for the
 * machine: to wake the recorder, to encode, to write. A long wait makes few and large blocks, a short
 * one is safe; so the wait is long where all was done in time lately, and shrinks where it was not.
 */
#ifndef CAPTURE_AGE_H
#define CAPTURE_AGE_H

#include <stdint.h>

struct age {
	uint64_t late_ns[2]; /* the largest delay of this window, and of the one before */
	uint64_t window_end; /* CLOCK_MONOTONIC, ns */
};

/* A recording begins: as if something had been late, for nothing is known. */
void age_init(struct age *a, uint64_t now);

/* Something was done that much later than it should have been; now: CLOCK_MONOTONIC, ns. */
void age_note(struct age *a, uint64_t now, uint64_t late_ns);

/* How long a batch that has so many rows may wait, ns. */
uint64_t age_limit_ns(const struct age *a, uint32_t rows);

#endif
