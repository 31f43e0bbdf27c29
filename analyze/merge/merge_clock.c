/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/merge/merge_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

/* An offset is a time since 1970; what is beyond the year 2262 does not fit into ns and is not believed. */
static bool is_offset(int64_t sec, int64_t nsec, int64_t *ns)
{
	return !__builtin_mul_overflow(sec, NS_PER_S, ns) &&
	       !__builtin_add_overflow(*ns, nsec, ns) && *ns >= 0;
}

void merge_clocks_fini(struct merge_clocks *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free(c->v[i].samples);
	c->n = 0;
}

static void copy_name(char name[MERGE_NAME_MAX], struct ev_str s)
{
	snprintf(name, MERGE_NAME_MAX, "%.*s", (int)(s.len < MERGE_NAME_MAX ? s.len : 0), s.p);
}

static int add_sample(struct merge_clock *c, int64_t offset, uint64_t uncertainty)
{
	struct merge_sample *v = c->samples;

	if (c->n_samples == MERGE_SAMPLES_MAX)
		return 0;
	if (!(c->n_samples & (c->n_samples - 1))) {
		v = realloc(v, (c->n_samples ? 2 * c->n_samples : 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		c->samples = v;
	}
	v[c->n_samples++] = (struct merge_sample){offset, uncertainty};
	return 0;
}

/*
 * What rows say. A clock sample beats what startup says, which is the first one rounded to other fields.
 * Rows of a file that was merged already name their machine; its times are of the clock without a name.
 */
static int learn(struct merge_clock *c, const struct ev_batch *rows)
{
	struct ev_walk w = ev_walk(rows);
	struct ev ev = {0};
	int64_t ns, first = 0;
	bool has_first = false;
	int rc = 0;

	while (rc == 0 && ev_next(&w, &ev)) {
		if (ev.common && ev.common->hostname.len)
			continue;
		if (ev.host && !c->hostname[0]) {
			copy_name(c->hostname, ev.host->hostname);
			copy_name(c->boot_id, ev.host->boot_id);
		}
		if (ev.startup && !c->release[0])
			copy_name(c->release, ev.startup->kernel_release);
		if (ev.clock && EV_HAS(ev.clock, clock, offset) &&
		    is_offset(0, ev.clock->offset, &ns))
			rc = add_sample(c, ns, ev.clock->uncertainty);
		if (ev.startup && EV_HAS(ev.startup, startup, clock_sec) && !has_first &&
		    is_offset(ev.startup->clock_sec, ev.startup->clock_nsec, &ns)) {
			has_first = true;
			first = ns;
		}
	}
	if (rc == 0 && !c->n_samples && has_first)
		rc = add_sample(c, first, 0);
	return rc;
}

static bool is_same(const struct merge_clock *a, const struct merge_clock *b)
{
	if (a->boot_id[0] || b->boot_id[0])
		return strcmp(a->boot_id, b->boot_id) == 0;
	/* Retis takes one sample a recording, and repeats it in each file of a set */
	return strcmp(a->release, b->release) == 0 && a->n_samples && b->n_samples &&
	       a->samples[0].offset == b->samples[0].offset;
}

int merge_clocks_find(struct merge_clocks *c, const struct ev_batch *rows, const char *name)
{
	struct merge_clock new = {0};
	int rc = learn(&new, rows);

	for (uint32_t i = 0; rc == 0 && i < c->n; i++) {
		if (!is_same(&c->v[i], &new))
			continue;
		for (uint32_t k = 0; rc == 0 && k < new.n_samples; k++)
			rc = add_sample(&c->v[i], new.samples[k].offset,
					new.samples[k].uncertainty);
		free(new.samples);
		return rc < 0 ? rc : (int)i;
	}
	if (rc == 0 && c->n == MERGE_CLOCKS_MAX)
		rc = -E2BIG;
	if (rc < 0) {
		free(new.samples);
		return rc;
	}
	if (!new.hostname[0])
		snprintf(new.hostname, sizeof(new.hostname), "%s", name);
	c->v[c->n] = new;
	return (int)c->n++;
}

static int by_offset(const void *a, const void *b)
{
	const struct merge_sample *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/*
 * The wall clock may have been set while it was sampled: the median is what it was most of the time, and
 * the difference is part of the uncertainty. (NTP's slewing moves both clocks alike.)
 */
static void settle(struct merge_clock *c)
{
	if (!c->n_samples)
		return;
	qsort(c->samples, c->n_samples, sizeof(*c->samples), by_offset);
	c->offset = c->samples[c->n_samples / 2].offset;
	for (uint32_t i = 0; i < c->n_samples; i++) {
		const struct merge_sample *s = &c->samples[i];
		uint64_t off = s->offset > c->offset ? (uint64_t)(s->offset - c->offset)
						     : (uint64_t)(c->offset - s->offset);

		/* what a file says may be as large as it likes */
		if (__builtin_add_overflow(off, s->uncertainty, &off))
			off = UINT64_MAX;
		if (off > c->uncertainty)
			c->uncertainty = off;
	}
}

/* "web1", and the next of that name "web1#2". */
static void name_apart(struct merge_clocks *c, uint32_t i)
{
	struct merge_clock *v = &c->v[i];
	char plain[MERGE_NAME_MAX - 8];
	unsigned int number = 1;

	snprintf(plain, sizeof(plain), "%.*s", (int)sizeof(plain) - 1, v->hostname);
	for (uint32_t k = 0; k < i; k++)
		if (strcmp(c->v[k].hostname, v->hostname) == 0) {
			snprintf(v->hostname, sizeof(v->hostname), "%s#%u", plain, ++number);
			k = (uint32_t)-1; /* that one may be taken, too */
		}
}

void merge_clocks_settle(struct merge_clocks *c)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < c->n; i++) {
		settle(&c->v[i]);
		name_apart(c, i);
		if (c->v[i].n_samples && c->v[i].offset < first)
			first = c->v[i].offset;
	}
	for (uint32_t i = 0; i < c->n; i++)
		c->v[i].shift = c->v[i].n_samples ? c->v[i].offset - first : 0;
}

uint64_t merge_clock_time(const struct merge_clock *c, uint64_t ns)
{
	uint64_t sum;

	return __builtin_add_overflow(ns, (uint64_t)c->shift, &sum) ? UINT64_MAX : sum;
}
