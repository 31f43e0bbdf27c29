/* SPDX-License-Identifier: BSD-2-Clause */
/* How the differences of a column are laid out; of column.c only. */
#ifndef FORMATS_COLUMN_LAYOUT_H
#define FORMATS_COLUMN_LAYOUT_H

#include "formats/skbx/column.h"

/* Values are in files: never renumber. Those from DICT on but SHIFTED are column.c's. */
enum column_layout {
	LAYOUT_CONST = 0,   /* one varint for all rows */
	LAYOUT_VARINT = 1,  /* a varint a row */
	LAYOUT_PLANES = 2,  /* the width, then all first bytes, all second bytes, ... */
	LAYOUT_SPARSE = 3,  /* a bit a row: not zero; then the planes of those */
	LAYOUT_DICT = 4,    /* a column of the distinct values, then a column of indices into it */
	LAYOUT_SPLIT = 5,   /* rows that begin a group in one layout, then the others in one */
	LAYOUT_SPLIT3 = 6,  /* before those, rows that begin a group of a new flow in one */
	LAYOUT_SHIFTED = 7, /* low bits that are random as bits, the planes of what is above them */
};

/* The layout that is smallest for some differences (zigzags, as all that is laid out). */
struct column_plan {
	enum column_layout layout;
	uint8_t width; /* bytes of a plane */
	/* SHIFTED: what is taken off each difference, in this order */
	uint8_t zeros;    /* so many low bits, 0 in all of them */
	bool one_sign;    /* the sign, the same in all of them: */
	bool negative;    /* this one */
	uint8_t low_bits; /* so many low bits of its zigzag, or, without a sign, of it: no plane */
	size_t bytes;     /* about */
};

struct column_plan column_plan(const uint64_t *diff, uint32_t n);

/* Appends the byte of layout and prediction, and n differences, which it may overwrite. */
void column_put_plan(struct buf *out, uint64_t *diff, uint32_t n, enum column_pred pred,
		     struct column_plan plan, struct column_scratch *s);

/* n differences in one of the layouts of this file. 0 or -EPROTO. */
int column_get_layout(struct cursor *c, uint64_t *diff, uint32_t n, unsigned int layout);

#endif
