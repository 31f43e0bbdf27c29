/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_series.h"

#include <stdlib.h>

enum { FIRST_ROOM = 16, GROUP = 4 };

/* v[0..n-1] to two points; out may be v. */
static void merge(const struct series_point *v, uint32_t n, struct series_point *out)
{
	struct series_point two[2] = {{.ns = v[0].ns}, {.ns = v[n - 1].ns}};

	for (int k = 0; k < SERIES_VALUES; k++) {
		uint32_t low = n, high = n;

		for (uint32_t i = 0; i < n; i++) {
			if (v[i].v[k] == SERIES_NONE)
				continue;
			if (low == n || v[i].v[k] < v[low].v[k])
				low = i;
			if (high == n || v[i].v[k] > v[high].v[k])
				high = i;
		}
		two[0].v[k] = low == n ? SERIES_NONE : v[low < high ? low : high].v[k];
		two[1].v[k] = low == n ? SERIES_NONE : v[low < high ? high : low].v[k];
	}
	out[0] = two[0];
	out[1] = two[1];
}

/* Each four become two. */
static void thin(struct series *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i += GROUP, n += 2)
		merge(&s->v[i], GROUP, &s->v[n]);
	s->n = n;
	s->per = s->per ? s->per * 2 : GROUP;
	s->in_last = s->per;
}

static bool grow(struct series *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : FIRST_ROOM;
	struct series_point *v;

	if (cap > SERIES_POINTS)
		cap = SERIES_POINTS;
	v = realloc(s->v, cap * sizeof(*v));
	if (!v)
		return false;
	s->v = v;
	s->cap = cap;
	return true;
}

bool series_add(struct series *s, const struct series_point *p)
{
	struct series_point three[3];
	bool begins = !s->per || s->in_last >= s->per;

	if (begins && s->n == SERIES_POINTS)
		thin(s);
	if (s->n == s->cap && s->n < SERIES_POINTS && !grow(s))
		return false;
	s->all++;
	begins = !s->per || s->in_last >= s->per;
	if (begins)
		s->in_last = 0;
	s->in_last++;
	if (!s->per || s->in_last <= 2) {
		s->v[s->n++] = *p;
		return true;
	}
	three[0] = s->v[s->n - 2];
	three[1] = s->v[s->n - 1];
	three[2] = *p;
	merge(three, 3, &s->v[s->n - 2]);
	return true;
}

void series_free(struct series *s)
{
	free(s->v);
	*s = (struct series){0};
}
