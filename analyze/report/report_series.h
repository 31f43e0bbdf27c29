/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values over time in bounded memory: when there are too many points, neighbours become two, the smallest and the
 * largest of each value in the order in which they came. So no extreme is lost, and points stay evenly thick.
 */
#ifndef ANALYZE_REPORT_SERIES_H
#define ANALYZE_REPORT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SERIES_VALUES = 9,
	SERIES_POINTS = 400, /* at most; what a chart of 800 pixels can show. A multiple of 4 */
};
#define SERIES_NONE UINT64_MAX /* the value is not known */

struct series_point {
	uint64_t ns;
	uint64_t v[SERIES_VALUES];
};

/* Zeroed: empty. */
struct series {
	struct series_point *v; /* owned */
	uint32_t n, cap;
	uint32_t per;     /* points that came for two that are kept; 0: all are kept */
	uint32_t in_last; /* that the last two stand for */
	uint64_t all;     /* points that came */
};

/* In the order of time, about. False: out of memory, the point is left out. */
bool series_add(struct series *s, const struct series_point *p);
void series_free(struct series *s);

#endif
