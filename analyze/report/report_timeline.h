/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts over time in one pass, when neither the first nor the last time is known: slots of a power of ten
 * nanoseconds, made ten times as wide whenever there are too few. At the end slots become bins of a round width;
 * as every round width is a multiple of the slots', nothing is split.
 */
#ifndef ANALYZE_REPORT_TIMELINE_H
#define ANALYZE_REPORT_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum timeline_kind {
	TIMELINE_EVENTS,
	TIMELINE_BYTES,
	TIMELINE_DROPS,
	TIMELINE_RETRANSMITS,
	TIMELINE_LOST,
	TIMELINE_KINDS
};

enum {
	/* More than a screen has columns for. */
	TIMELINE_BINS = 600,
	/* Ten times as many are left when they were made wider, so the first bin begins within a tenth of a bin of the first event. */
	TIMELINE_SLOTS = 100 * TIMELINE_BINS,
};

struct timeline {
	uint64_t *v[TIMELINE_KINDS]; /* TIMELINE_SLOTS each; owned */
	int64_t origin;              /* ns, of the first slot */
	uint64_t width;              /* ns of a slot; 0: nothing was added */
	uint32_t used;               /* slots up to the last one with something */
	uint32_t at;                 /* the slot that was used last */
};

/* False: out of memory. Ended by timeline_fini() in any case. */
bool timeline_init(struct timeline *t);
void timeline_fini(struct timeline *t);

/* Times above INT64_MAX count as that; time 0 is not known, and not counted. */
void timeline_add(struct timeline *t, uint64_t ns, enum timeline_kind kind, uint64_t n);

struct timeline_bins {
	int64_t start_ns; /* of the first bin, from `first` on: 0 or a little before */
	uint64_t bin_ns;  /* 1, 2 or 5 times a power of ten */
	uint32_t n;       /* 0: nothing was added */
	uint64_t v[TIMELINE_KINDS][TIMELINE_BINS];
};

/*
 * The bins from `first` to `last`, at most `max` (1..TIMELINE_BINS) of the smallest width with which they suffice. What
 * was before or after is in the first or the last one.
 */
void timeline_fold(const struct timeline *t, uint64_t first, uint64_t last, uint32_t max,
		   struct timeline_bins *bins);

#endif
