/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/column.h"

#include <errno.h>

#include "formats/skbx/column_layout.h"
#include "formats/skbx/column_refs.h"

enum {
	DICT_MIN_ROWS = 64,
	DICT_MIN_BITS = 256, /* smaller differences are bytes: an index saves nothing */
	SPLIT_MIN_ROWS = 64,
	SPLIT_BYTES = 3, /* that it takes itself, about */
};

static void put_layout(struct buf *out, uint64_t *diff, uint32_t n, enum column_pred pred,
		       struct column_scratch *s)
{
	column_put_plan(out, diff, n, pred, column_plan(diff, n), s);
}

/*
 * Lays out the differences, or, where that is smaller, those of rows that begin a group apart from the
 * others: what a packet brings with it is in its first event, and at the probes behind it little
 * changes. tmp: room for all rows.
 */
static void put_split(struct buf *out, uint64_t *diff, const struct column_rows *rows,
		      enum column_pred pred, uint64_t *tmp, struct column_scratch *s)
{
	const struct column_plan all = column_plan(diff, rows->n);
	const uint32_t *flows = pred == COLUMN_FLOW && rows->of ? rows->of->flows : NULL;
	const int from = flows ? NEW_FLOW : NEW_GROUP;
	const struct column_sorting *sorted = NULL;
	struct column_plan plans[COLUMN_KINDS];
	size_t bytes = SPLIT_BYTES;

	if (all.layout != LAYOUT_CONST && rows->n >= SPLIT_MIN_ROWS && rows->of &&
	    rows->of->groups) {
		sorted = column_sort(rows, flows != NULL, s);
		for (uint32_t i = 0; i < rows->n; i++)
			tmp[sorted->place[i]] = diff[i];
		for (int k = from; k < COLUMN_KINDS; k++) {
			plans[k] = column_plan(tmp + sorted->at[k],
					       sorted->at[k + 1] - sorted->at[k]);
			bytes += plans[k].bytes;
		}
	}
	if (!sorted || bytes >= all.bytes) {
		column_put_plan(out, diff, rows->n, pred, all, s);
		return;
	}
	buf_u8(out, (uint8_t)((flows ? LAYOUT_SPLIT3 : LAYOUT_SPLIT) | pred << 4));
	for (int k = from; k < COLUMN_KINDS; k++)
		column_put_plan(out, tmp + sorted->at[k], sorted->at[k + 1] - sorted->at[k],
				COLUMN_NONE, plans[k], s);
}

/* tmp: room for all rows. */
static int get_split(struct cursor *c, uint64_t *diff, const struct column_rows *rows, bool by_flow,
		     uint64_t *tmp, struct column_scratch *s)
{
	const struct column_sorting *sorted;

	if (!rows->of || !rows->of->groups || (by_flow && !rows->of->flows))
		return -EPROTO;
	sorted = column_sort(rows, by_flow, s);
	for (int k = by_flow ? NEW_FLOW : NEW_GROUP; k < COLUMN_KINDS; k++)
		if (column_get_layout(c, tmp + sorted->at[k], sorted->at[k + 1] - sorted->at[k],
				      cursor_u8(c)))
			return -EPROTO;
	for (uint32_t i = 0; i < rows->n; i++)
		diff[i] = tmp[sorted->place[i]];
	return 0;
}

/* Numbers the distinct values of v in order of appearance; their count, 0 when there are too many. */
static uint32_t number_distinct(const uint64_t *v, uint32_t n, uint64_t *distinct, uint64_t *index,
				struct column_scratch *s)
{
	const uint32_t slots = 2 * COLUMN_DICT_MAX;
	const uint32_t most = n / 4 < COLUMN_DICT_MAX ? n / 4 : COLUMN_DICT_MAX;
	uint32_t count = 0;

	memset(s->slots, 0, slots * sizeof(*s->slots));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(v[i] * UINT64_C(0x9e3779b97f4a7c15) >> 40), k;

		while ((k = s->slots[at % slots]) && distinct[k - 1] != v[i])
			at++;
		if (!k) {
			if (count == most)
				return 0;
			distinct[count++] = v[i];
			s->slots[at % slots] = k = count;
		}
		index[i] = k - 1;
	}
	return count;
}

static uint32_t count_filled(const uint64_t *v, uint32_t n, uint64_t *bits)
{
	uint32_t filled = 0;

	*bits = 0;
	for (uint32_t i = 0; i < n; i++) {
		*bits |= v[i];
		filled += v[i] != 0;
	}
	return filled;
}

void column_put(struct buf *out, const uint64_t *v, const struct column_rows *rows,
		enum column_pred pred, struct column_scratch *s)
{
	uint64_t *diff = s->diff, *distinct = s->diff + rows->n, *index = distinct + rows->n;
	uint32_t n = 0, filled;
	uint64_t bits;

	column_differences(v, rows, pred, s, diff);
	filled = count_filled(diff, rows->n, &bits);
	/* the task that an interrupt fell on says nothing of the one that the next falls on */
	if (pred == COLUMN_GROUP && filled >= DICT_MIN_ROWS && filled > rows->n / 8 &&
	    count_filled(v, rows->n, &(uint64_t){0}) < filled) {
		pred = COLUMN_NONE;
		column_differences(v, rows, pred, s, diff);
		filled = count_filled(diff, rows->n, &bits);
	}
	if (filled >= DICT_MIN_ROWS && bits >= DICT_MIN_BITS && pred != COLUMN_PREV &&
	    pred != COLUMN_GROUP_TIME)
		n = number_distinct(v, rows->n, distinct, index, s);
	/* worth it only when the values that are spelt out come back often enough */
	if (n && n <= filled / 4) {
		struct column_rows of_index = *rows;

		buf_u8(out, LAYOUT_DICT);
		buf_varint(out, n);
		column_differences(distinct, &(struct column_rows){.n = n}, COLUMN_PREV, s, diff);
		put_layout(out, diff, n, COLUMN_PREV, s);
		of_index.base = 0;
		column_differences(index, &of_index, pred, s, diff);
	}
	put_split(out, diff, rows, pred, distinct, s);
}

int column_get(struct cursor *c, uint64_t *v, const struct column_rows *rows,
	       struct column_scratch *s)
{
	unsigned int head = cursor_u8(c);
	enum column_pred pred;
	struct column_rows of_index = *rows;
	uint64_t *distinct = s->diff;
	uint64_t n = 0;
	int err;

	if (head == LAYOUT_DICT) {
		n = cursor_varint(c);
		if (!n || n > COLUMN_DICT_MAX || n > rows->n)
			return -EPROTO;
		head = cursor_u8(c);
		err = column_get_layout(c, distinct, (uint32_t)n, head & 15);
		if (err || head >> 4 != COLUMN_PREV)
			return -EPROTO;
		column_undo(distinct, &(struct column_rows){.n = (uint32_t)n}, COLUMN_PREV, s);
		of_index.base = 0;
		head = cursor_u8(c);
	}
	if (head >> 4 >= COLUMN_PREDS)
		return -EPROTO;
	pred = (enum column_pred)(head >> 4);
	if ((head & 15) == LAYOUT_SPLIT || (head & 15) == LAYOUT_SPLIT3)
		err = get_split(c, v, rows, (head & 15) == LAYOUT_SPLIT3, distinct + rows->n, s);
	else
		err = column_get_layout(c, v, rows->n, head & 15);
	if (err)
		return err;
	/* every third column never changes */
	if ((head & 15) == LAYOUT_CONST && rows->n && !v[0] && column_is_base(pred))
		for (uint32_t i = 0; i < rows->n; i++)
			v[i] = of_index.base;
	else
		column_undo(v, &of_index, pred, s);
	for (uint32_t i = 0; n && i < rows->n; i++) {
		if (v[i] >= n)
			return -EPROTO;
		v[i] = distinct[v[i]];
	}
	return 0;
}
