/* SPDX-License-Identifier: BSD-2-Clause */
/* --since and --until: points in the time of a recording. */
#ifndef ANALYZE_FILTER_TIME_H
#define ANALYZE_FILTER_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/event.h"

enum filter_time_kind {
	FILTER_TIME_NONE,      /* no bound */
	FILTER_TIME_MONOTONIC, /* ns of the machine's clock, as print shows them */
	FILTER_TIME_WALL,      /* ns since 1970 */
	FILTER_TIME_BEGIN,     /* ns after the first event */
	FILTER_TIME_END,       /* ns before the last event */
};

struct filter_time {
	enum filter_time_kind kind;
	uint64_t ns;
};

/*
 * "2026-11-21T23:31:05.6Z", "2026-11-21 23:31:05" (UTC), "4834.3s" and "4834313012382" (monotonic),
 * "+5s", "-5s". An OPTION_CALL's parse function: member is a struct filter_time.
 */
bool filter_time_parse(const char *text, void *member, char *why, size_t why_size);

/* What of the recording is needed to compare with its times; zeroed at first. */
struct filter_clock {
	bool has_offset, has_first, has_last;
	int64_t offset; /* wall clock - monotonic clock: the latest that was seen */
	int64_t next;   /* that of the end of the batch: for those behind it */
	uint64_t first, last;
};

/* Looks at the clock rows and the first time of the next batch. */
void filter_clock_batch(struct filter_clock *c, const struct ev_batch *batch);

/*
 * The bound as a monotonic time, within 0..UINT64_MAX; false: the recording does not tell yet what it
 * needs.
 */
bool filter_clock_resolve(const struct filter_clock *c, const struct filter_time *t, uint64_t *ns);

#endif
