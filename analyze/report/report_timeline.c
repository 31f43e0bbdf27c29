/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_timeline.h"

#include <stdlib.h>
#include <string.h>

enum { WIDER = 10 };
#define WIDTH_MAX UINT64_C(1000000000000000000) /* ten slots hold all times */

bool timeline_init(struct timeline *t)
{
	*t = (struct timeline){0};
	for (int k = 0; k < TIMELINE_KINDS; k++) {
		t->v[k] = calloc(TIMELINE_SLOTS, sizeof(*t->v[k]));
		if (!t->v[k])
			return false;
	}
	return true;
}

void timeline_fini(struct timeline *t)
{
	for (int k = 0; k < TIMELINE_KINDS; k++)
		free(t->v[k]);
	*t = (struct timeline){0};
}

static void widen(struct timeline *t)
{
	uint32_t n = (t->used + WIDER - 1) / WIDER;

	for (int k = 0; k < TIMELINE_KINDS; k++) {
		uint64_t *v = t->v[k];

		for (uint32_t i = 0; i < t->used; i++) {
			uint64_t value = v[i];

			v[i] = 0;
			v[i / WIDER] += value;
		}
	}
	t->width *= WIDER;
	t->used = n;
	t->at = 0;
}

/* Slots before the first one, so that ns has one. */
static void prepend(struct timeline *t, int64_t ns)
{
	uint64_t before = (uint64_t)t->origin - (uint64_t)ns, n;

	while ((n = (before - 1) / t->width + 1) > TIMELINE_SLOTS - t->used && t->width < WIDTH_MAX)
		widen(t);
	for (int k = 0; k < TIMELINE_KINDS; k++) {
		memmove(t->v[k] + n, t->v[k], t->used * sizeof(*t->v[k]));
		memset(t->v[k], 0, n * sizeof(*t->v[k]));
	}
	/* a step may be more than a signed number holds; where it ends is not */
	t->origin = (int64_t)((uint64_t)t->origin - n * t->width);
	t->used += (uint32_t)n;
	t->at = 0;
}

void timeline_add(struct timeline *t, uint64_t time, enum timeline_kind kind, uint64_t n)
{
	int64_t ns = time > INT64_MAX ? INT64_MAX : (int64_t)time;
	uint64_t from;

	if (!time)
		return;
	if (!t->width) {
		t->width = 1;
		t->origin = ns;
	}
	if (ns < t->origin)
		prepend(t, ns);
	from = (uint64_t)ns - (uint64_t)t->origin;
	/* most events are of the slot of the one before: no division */
	if (from - t->at * t->width >= t->width) {
		while (from / t->width >= TIMELINE_SLOTS)
			widen(t);
		t->at = (uint32_t)(from / t->width);
	}
	if (t->at >= t->used)
		t->used = t->at + 1;
	t->v[kind][t->at] += n;
}

/* The next round width: 1, 2, 5, 10, ... */
static uint64_t rounder(uint64_t ns)
{
	uint64_t ten = 1;

	while (ns / ten >= 10)
		ten *= 10;
	return ns / ten == 2 ? ns / 2 * 5 : ns * 2;
}

void timeline_fold(const struct timeline *t, uint64_t first, uint64_t last, uint32_t max,
		   struct timeline_bins *bins)
{
	int64_t from = first > INT64_MAX ? INT64_MAX : (int64_t)first;
	int64_t to = last > INT64_MAX ? INT64_MAX : (int64_t)last, start;

	memset(bins, 0, sizeof(*bins));
	if (!t->width)
		return;
	if (from < t->origin)
		from = t->origin;
	if (to < from)
		to = from;
	start = from - (int64_t)(((uint64_t)from - (uint64_t)t->origin) % t->width);
	bins->start_ns = start - from;
	for (bins->bin_ns = t->width; ((uint64_t)to - (uint64_t)start) / bins->bin_ns >= max;)
		bins->bin_ns = rounder(bins->bin_ns);
	bins->n = (uint32_t)(((uint64_t)to - (uint64_t)start) / bins->bin_ns) + 1;
	for (uint32_t i = 0; i < t->used; i++) {
		int64_t ns = (int64_t)((uint64_t)t->origin + i * t->width);
		uint64_t at = ns < start ? 0 : ((uint64_t)ns - (uint64_t)start) / bins->bin_ns;

		for (int k = 0; k < TIMELINE_KINDS; k++)
			bins->v[k][at < bins->n ? at : bins->n - 1] += t->v[k][i];
	}
}
