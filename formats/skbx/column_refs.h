/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which row each row of a column is held against, and the differences that come of it; of column.c only,
 * but for what a block keeps of it (column.h).
 */
#ifndef FORMATS_COLUMN_REFS_H
#define FORMATS_COLUMN_REFS_H

#include "formats/skbx/column.h"

/* Kinds of rows that a split column holds apart, in the order in which it has them. */
enum column_kind {
	NEW_FLOW,  /* begins a group, the first one of its flow or of none; only where flows count */
	NEW_GROUP, /* begins a group */
	OTHER,
};

/* Values to differences (zigzags), and back in place. s has room for the rows. */
void column_differences(const uint64_t *v, const struct column_rows *rows, enum column_pred pred,
			struct column_scratch *s, uint64_t *diff);
void column_undo(uint64_t *v, const struct column_rows *rows, enum column_pred pred,
		 struct column_scratch *s);

/* Whether differences that are all zero are the base in all rows. */
bool column_is_base(enum column_pred pred);

/*
 * Where each row stands when they are sorted by their kind, in their order within one; with kinds for flows or
 * without. Borrowed until the next call with this scratch.
 */
const struct column_sorting *column_sort(const struct column_rows *rows, bool by_flow,
					 struct column_scratch *s);

#endif
