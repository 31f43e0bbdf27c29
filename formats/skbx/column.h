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
	COLUMN_PREDS
};

/* Packets of that many bytes and longer ones are equally long to COLUMN_SIZE. */
enum { COLUMN_SIZES = 4096 };
enum { COLUMN_DICT_MAX = 4096 }; /* distinct values: more are no dictionary */
enum { COLUMN_KINDS = 3 };       /* of rows that a split holds apart */

/* Rows sorted by their kind: place[i] is that of row i, kind k has [at[k], at[k + 1]). */
struct column_sorting {
	uint32_t *place; /* owned */
	uint32_t at[COLUMN_KINDS + 1];
	uint32_t n; /* rows; 0: not known */
};

/* Which rows are of one group: the one before each of them, itself where it begins one; those that do. */
struct column_groups {
	uint32_t *before, *begins; /* owned */
	uint32_t n, n_begins;      /* n: rows; 0: not known */
};

/*
 * What rows are held against is the same for all columns that have a row for each event of a block: found
 * when the first one asks, and kept. Zeroed to begin.
 */
struct column_refs {
	uint32_t *ref[COLUMN_PREDS]; /* owned */
	uint32_t n[COLUMN_PREDS];    /* rows of each; 0: not known */
	struct column_groups groups[2];   /* groups, and tasks */
	struct column_sorting sorting[2]; /* without flows, and with them */
};

int column_refs_reserve(struct column_refs *refs, uint32_t rows); /* forgets all. 0 or -ENOMEM */
void column_refs_clear(struct column_refs *refs); /* whenever what events have has changed */
void column_refs_clear_tasks(struct column_refs *refs); /* when their tasks have */
void column_refs_free(struct column_refs *refs);

/* The events of a block, as far as predictions look at them. Known before the columns that ask. */
struct column_events {
	const uint32_t *groups; /* of each event its group, below n_groups; NULL: all are in one */
	const uint64_t *times;  /* NULL: GROUP_TIME is GROUP */
	const uint32_t *flows;  /* 1 + its flow, up to n_flows; 0: none; NULL: FLOW is GROUP */
	const uint32_t *sizes;  /* of its packet; NULL: SIZE is GROUP */
	const uint32_t *tasks;  /* below n_tasks; NULL: all are one */
	uint32_t n_groups, n_flows, n_tasks;
	struct column_refs *refs; /* with room for the events; NULL: nothing is kept */
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
	uint64_t *diff;
	uint32_t *last, *last_alike, *stamp, *stamp_alike, *slots, *ref;
	uint8_t *kinds;
	struct column_sorting sorting;
	struct column_groups of_groups;
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
