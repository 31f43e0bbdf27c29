/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Columns of integers as the event file stores them (FORMAT.md, "Columns"): each value as its
 * difference to a prediction, the differences in the layout that is smallest.
 */
#ifndef FORMATS_COLUMN_H
#define FORMATS_COLUMN_H

#include <stdint.h>

#include "formats/buf.h"
#include "formats/cursor.h"

/*
 * What a row is held against. "Begins a group": no row before it in the column is of its event's
 * group. Values are in files: never renumber.
 */
enum column_pred {
	COLUMN_NONE = 0,  /* 0: the value itself */
	COLUMN_PREV = 1,  /* the row before; the first: base */
	COLUMN_GROUP = 2, /* the row before of its group; a row that begins a group: the last one
				  that did; the first: base */
	COLUMN_GROUP_TIME = 3, /* as GROUP; a row that begins a group: the time of its event */
	COLUMN_FLOW = 4, /* as GROUP; a row that begins a group: the last one that did and is of
				  the same flow, if there is one */
	COLUMN_SIZE = 5, /* as GROUP; a row that begins a group: the last one that did and has a
				  packet as long; where there is none, the packet's length */
	COLUMN_TASK = 6, /* as GROUP, with tasks for groups */
};

/* Packets of that many bytes and longer ones are equally long to COLUMN_SIZE. */
enum { COLUMN_SIZES = 4096 };

/* The events of a block, as far as predictions look at them. Known before the columns that ask. */
struct column_events {
	const uint32_t *groups; /* of each event its group, below n_groups; NULL: all are in one */
	const uint64_t *times;  /* NULL: GROUP_TIME is GROUP */
	const uint32_t *flows;  /* 1 + its flow, up to n_flows; 0: none; NULL: FLOW is GROUP */
	const uint32_t *sizes;  /* of its packet; NULL: SIZE is GROUP */
	const uint32_t *tasks;  /* below n_tasks; NULL: all are one */
	uint32_t n_groups, n_flows, n_tasks;
};

struct column_rows {
	uint32_t n;
	const uint32_t *events;         /* event of each row, rising; NULL: row i is of event i */
	const struct column_events *of; /* NULL: predictions see no groups, tasks, ... */
	uint64_t base;
};

enum { COLUMN_CUTS_MAX = 128 }; /* more are not told */

/* Working memory, kept over many columns. */
struct column_scratch {
	uint64_t *diff, *last, *last_alike;
	uint32_t *stamp, *stamp_alike, *slots;
	uint8_t *kinds;
	uint32_t rows, groups; /* room in them */
	/* lengths of `out` at which what is put there changes its nature; for the caller to clear */
	size_t cuts[COLUMN_CUTS_MAX];
	uint32_t n_cuts;
	uint32_t epoch;
};

static inline void column_cut(struct column_scratch *s, size_t at)
{
	if (s->n_cuts < COLUMN_CUTS_MAX)
		s->cuts[s->n_cuts++] = at;
}

void column_scratch_free(struct column_scratch *s);

/*
 * Room for n rows, and for predictions that look at up to `groups` groups, flows and tasks: 0 or
 * -ENOMEM. column_put() and column_get() need it.
 */
int column_scratch_reserve(struct column_scratch *s, uint32_t rows, uint32_t groups);

/* About how many 1/256 bits an entropy coder needs for n bytes. */
uint64_t column_cost(const uint8_t *p, uint32_t n);

/* Appends the column of rows->n values to out. pred: the one to use, or, for GROUP, a better one. */
void column_put(struct buf *out, const uint64_t *v, const struct column_rows *rows,
		enum column_pred pred, struct column_scratch *s);

/*
 * Reads a column of rows->n values into v. 0, or -EPROTO: a layout or prediction that is not
 * known, or too few bytes. Values are not checked against any type.
 */
int column_get(struct cursor *c, uint64_t *v, const struct column_rows *rows,
	       struct column_scratch *s);

#endif
