/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of inputs that are merged. A clock is that of one boot of a machine: CLOCK_MONOTONIC, whose times
 * are in the files, with an offset to the wall clock, of which the files have samples. The times of the
 * result are of the clock that began first, so that none becomes negative.
 */
#ifndef ANALYZE_MERGE_CLOCK_H
#define ANALYZE_MERGE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

enum {
	MERGE_CLOCKS_MAX = 64,
	MERGE_SAMPLES_MAX = 4096, /* of a clock; further ones are passed over */
	MERGE_NAME_MAX = 128,
};

struct merge_sample {
	int64_t offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
	uint64_t uncertainty;
};

struct merge_clock {
	char hostname[MERGE_NAME_MAX];
	char boot_id[MERGE_NAME_MAX]; /* "": not known */
	char release
		[MERGE_NAME_MAX]; /* of the kernel; tells machines apart where there is no boot_id */
	struct merge_sample *samples; /* owned */
	uint32_t n_samples;

	/* after merge_clocks_settle() */
	int64_t offset; /* the median of the samples */
	uint64_t
		uncertainty; /* how far samples are from it at most, with what they are off themselves */
	int64_t shift;       /* to be added to its times */
};

struct merge_clocks {
	struct merge_clock v[MERGE_CLOCKS_MAX];
	uint32_t n;
};

void merge_clocks_fini(struct merge_clocks *c);

/*
 * The clock of an input, by what its first rows or its inventory say; takes its samples. name: for a machine
 * that does not tell its own. Its index, -ENOMEM, or -E2BIG: too many.
 */
int merge_clocks_find(struct merge_clocks *c, const struct ev_batch *rows, const char *name);

/* Offsets and shifts; different machines get different names. */
void merge_clocks_settle(struct merge_clocks *c);

/* A time of the clock in the times of the result. */
uint64_t merge_clock_time(const struct merge_clock *c, uint64_t ns);

#endif
