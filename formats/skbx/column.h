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

/* Values are in files: never renumber. */
enum column_pred {
	COLUMN_NONE = 0,       /* the value itself */
	COLUMN_PREV = 1,       /* the row before; the first: base */
	COLUMN_GROUP = 2,      /* the row before of its group; a group's first row: the row before
				  that began a group; the first: base */
	COLUMN_GROUP_TIME = 3, /* as GROUP, but a group's first row: the time of its event */
};

/* What the predictions look at; all of it is known to the reader before the column. */
struct column_rows {
	uint32_t n;             /* rows */
	const uint32_t *groups; /* n numbers below n_groups; NULL: all are in one group */
	const uint64_t *times;  /* n times of the rows' events; NULL: GROUP_TIME is not used */
	uint32_t n_groups;
	uint64_t base;
};

enum { COLUMN_CUTS_MAX = 128 }; /* more are not told */

/* Working memory, kept over many columns. */
struct column_scratch {
	uint64_t *diff, *last;
	uint32_t *stamp, *slots;
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

/* Room for n rows and groups: 0 or -ENOMEM. column_put() and column_get() need it. */
int column_scratch_reserve(struct column_scratch *s, uint32_t rows, uint32_t groups);

/* Appends the column of rows->n values to out. */
void column_put(struct buf *out, const uint64_t *v, const struct column_rows *rows,
		enum column_pred pred, struct column_scratch *s);

/*
 * Reads a column of rows->n values into v. 0, or -EPROTO: a layout or prediction that is not
 * known, or too few bytes. Values are not checked against any type.
 */
int column_get(struct cursor *c, uint64_t *v, const struct column_rows *rows,
	       struct column_scratch *s);

#endif
