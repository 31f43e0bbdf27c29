/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/column.h"

#include <errno.h>
#include <stdlib.h>

/* Values are in files: never renumber. */
enum column_layout {
	LAYOUT_CONST = 0,  /* one varint for all rows */
	LAYOUT_VARINT = 1, /* a varint a row */
	LAYOUT_PLANES = 2, /* the width, then all first bytes, all second bytes, ... */
	LAYOUT_SPARSE = 3, /* a bit a row: not zero; then the planes of those */
	LAYOUT_DICT = 4,   /* a column of the distinct values, then a column of indices into it */
};

enum {
	DICT_MAX = 4096, /* distinct values: more are no dictionary */
	DICT_MIN_ROWS = 64,
	DICT_MIN_WIDTH = 2,   /* bytes a difference: below, an index saves nothing */
	PLANES_MIN_ROWS = 32, /* fewer rows are smaller as varints, also after compression */
};

void column_scratch_free(struct column_scratch *s)
{
	free(s->diff);
	free(s->last);
	free(s->stamp);
	free(s->slots);
	*s = (struct column_scratch){0};
}

static int grow(void *pointer, size_t n, size_t size)
{
	void **p = pointer, *new = realloc(*p, n * size);

	if (!new)
		return -ENOMEM;
	*p = new;
	return 0;
}

int column_scratch_reserve(struct column_scratch *s, uint32_t rows, uint32_t groups)
{
	if (rows > s->rows) {
		/* a dictionary column needs the differences of its indices beside its own values */
		if (grow(&s->diff, 3 * (size_t)rows, sizeof(*s->diff)) ||
		    grow(&s->slots, 2 * (size_t)DICT_MAX, sizeof(*s->slots)))
			return -ENOMEM;
		s->rows = rows;
	}
	if (groups > s->groups) {
		if (grow(&s->last, groups, sizeof(*s->last)) ||
		    grow(&s->stamp, groups, sizeof(*s->stamp)))
			return -ENOMEM;
		memset(s->stamp + s->groups, 0, (groups - s->groups) * sizeof(*s->stamp));
		s->groups = groups;
	}
	return 0;
}

static bool is_grouped(const struct column_rows *rows, enum column_pred pred)
{
	return (pred == COLUMN_GROUP && rows->groups) ||
	       (pred == COLUMN_GROUP_TIME && rows->groups && rows->times);
}

/* A new epoch: no group was seen yet. */
static uint32_t next_epoch(struct column_scratch *s)
{
	if (++s->epoch == 0) {
		memset(s->stamp, 0, s->groups * sizeof(*s->stamp));
		s->epoch = 1;
	}
	return s->epoch;
}

static void differences(const uint64_t *v, const struct column_rows *rows, enum column_pred pred,
			struct column_scratch *s, uint64_t *diff)
{
	uint64_t before = rows->base;

	if (pred == COLUMN_NONE) {
		for (uint32_t i = 0; i < rows->n; i++)
			diff[i] = zigzag((int64_t)v[i]);
	} else if (!is_grouped(rows, pred)) {
		for (uint32_t i = 0; i < rows->n; before = v[i++])
			diff[i] = zigzag((int64_t)(v[i] - before));
	} else {
		uint32_t epoch = next_epoch(s);

		for (uint32_t i = 0; i < rows->n; i++) {
			uint32_t g = rows->groups[i];
			uint64_t from = s->last[g];

			if (s->stamp[g] != epoch) {
				s->stamp[g] = epoch;
				from = pred == COLUMN_GROUP ? before : rows->times[i];
				before = v[i];
			}
			diff[i] = zigzag((int64_t)(v[i] - from));
			s->last[g] = v[i];
		}
	}
}

static void undo_differences(uint64_t *v, const struct column_rows *rows, enum column_pred pred,
			     struct column_scratch *s)
{
	uint64_t before = rows->base;

	if (pred == COLUMN_NONE) {
		for (uint32_t i = 0; i < rows->n; i++)
			v[i] = (uint64_t)unzigzag(v[i]);
	} else if (!is_grouped(rows, pred)) {
		for (uint32_t i = 0; i < rows->n; i++)
			before = v[i] = before + (uint64_t)unzigzag(v[i]);
	} else {
		uint32_t epoch = next_epoch(s);

		for (uint32_t i = 0; i < rows->n; i++) {
			uint32_t g = rows->groups[i];
			bool first = s->stamp[g] != epoch;

			if (first)
				s->last[g] = pred == COLUMN_GROUP ? before : rows->times[i];
			v[i] = s->last[g] + (uint64_t)unzigzag(v[i]);
			s->stamp[g] = epoch;
			s->last[g] = v[i];
			if (first)
				before = v[i];
		}
	}
}

static unsigned int width_of(uint64_t bits)
{
	return bits ? (unsigned int)(64 - __builtin_clzll(bits) + 7) / 8 : 0;
}

static void put_planes(struct buf *out, const uint64_t *v, uint32_t n, unsigned int width,
		       struct column_scratch *s)
{
	uint8_t *p = buf_room(out, (size_t)n * width);

	if (!p)
		return;
	for (unsigned int k = 0; k < width; k++) {
		for (uint32_t i = 0; i < n; i++)
			*p++ = (uint8_t)(v[i] >> 8 * k);
		out->len += n;
		column_cut(s, out->len);
	}
}

static void put_sparse(struct buf *out, uint64_t *v, uint32_t n, unsigned int width,
		       struct column_scratch *s)
{
	uint8_t *bits = buf_room(out, (n + 7) / 8);
	uint32_t kept = 0;

	if (!bits)
		return;
	memset(bits, 0, (n + 7) / 8);
	for (uint32_t i = 0; i < n; i++)
		if (v[i]) {
			bits[i / 8] |= (uint8_t)(1 << i % 8);
			v[kept++] = v[i];
		}
	out->len += (n + 7) / 8;
	column_cut(s, out->len);
	put_planes(out, v, kept, width, s);
}

/* Writes n differences (which it may overwrite) in the smallest layout. */
static void put_layout(struct buf *out, uint64_t *diff, uint32_t n, enum column_pred pred,
		       struct column_scratch *s)
{
	uint64_t bits = 0, odd = 0;
	size_t varint = 0, planes, sparse;
	uint32_t filled = 0;
	unsigned int width;

	for (uint32_t i = 0; i < n; i++) {
		bits |= diff[i];
		odd |= diff[i] ^ diff[0];
		filled += diff[i] != 0;
		varint += (unsigned int)(64 - __builtin_clzll(diff[i] | 1) + 6) / 7;
	}
	width = width_of(bits);
	planes = (size_t)n * width + 1;
	sparse = (n + 7) / 8 + (size_t)filled * width + 1;
	if (!odd) {
		buf_u8(out, (uint8_t)(LAYOUT_CONST | pred << 4));
		buf_varint(out, n ? diff[0] : 0);
	} else if (sparse < planes && sparse < varint) {
		buf_u8(out, (uint8_t)(LAYOUT_SPARSE | pred << 4));
		buf_u8(out, (uint8_t)width);
		put_sparse(out, diff, n, width, s);
	} else if (n < PLANES_MIN_ROWS || varint * 3 < planes) {
		/* planes compress better than varints: even where they are larger before */
		buf_u8(out, (uint8_t)(LAYOUT_VARINT | pred << 4));
		for (uint32_t i = 0; i < n; i++)
			buf_varint(out, diff[i]);
	} else {
		buf_u8(out, (uint8_t)(LAYOUT_PLANES | pred << 4));
		buf_u8(out, (uint8_t)width);
		put_planes(out, diff, n, width, s);
	}
}

/* Numbers the distinct values of v in order of appearance; their count, 0 when there are too many. */
static uint32_t number_distinct(const uint64_t *v, uint32_t n, uint64_t *distinct, uint64_t *index,
				struct column_scratch *s)
{
	const uint32_t slots = 2 * DICT_MAX, most = n / 4 < DICT_MAX ? n / 4 : DICT_MAX;
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

void column_put(struct buf *out, const uint64_t *v, const struct column_rows *rows,
		enum column_pred pred, struct column_scratch *s)
{
	uint64_t *diff = s->diff, *distinct = s->diff + rows->n, *index = distinct + rows->n;
	uint64_t bits = 0;
	uint32_t n = 0, filled = 0;

	differences(v, rows, pred, s, diff);
	for (uint32_t i = 0; i < rows->n; i++) {
		bits |= diff[i];
		filled += diff[i] != 0;
	}
	if (filled >= DICT_MIN_ROWS && width_of(bits) >= DICT_MIN_WIDTH && pred != COLUMN_PREV &&
	    pred != COLUMN_GROUP_TIME)
		n = number_distinct(v, rows->n, distinct, index, s);
	/* worth it only when the values that are spelt out come back often enough */
	if (n && n <= filled / 4) {
		struct column_rows of_index = *rows;

		buf_u8(out, LAYOUT_DICT);
		buf_varint(out, n);
		differences(distinct, &(struct column_rows){.n = n}, COLUMN_PREV, s, diff);
		put_layout(out, diff, n, COLUMN_PREV, s);
		of_index.base = 0;
		differences(index, &of_index, pred, s, diff);
	}
	put_layout(out, diff, rows->n, pred, s);
}

static int get_planes(struct cursor *c, uint64_t *v, uint32_t n, unsigned int width)
{
	const uint8_t *p = width <= 8 ? cursor_take(c, (size_t)n * width) : NULL;

	if (!p)
		return -EPROTO;
	memset(v, 0, n * sizeof(*v));
	for (unsigned int k = 0; k < width; k++, p += n)
		for (uint32_t i = 0; i < n; i++)
			v[i] |= (uint64_t)p[i] << 8 * k;
	return 0;
}

static int get_sparse(struct cursor *c, uint64_t *v, uint32_t n, unsigned int width)
{
	const uint8_t *bits = cursor_take(c, (n + 7) / 8);
	uint32_t filled = 0;
	int err;

	if (!bits)
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++)
		filled += bits[i / 8] >> i % 8 & 1;
	err = get_planes(c, v, filled, width);
	if (err)
		return err;
	/* spread them from the end on: a value never moves down */
	for (uint32_t i = n; i-- > 0;)
		v[i] = bits[i / 8] >> i % 8 & 1 ? v[--filled] : 0;
	return 0;
}

static int get_layout(struct cursor *c, uint64_t *v, uint32_t n, unsigned int layout)
{
	uint64_t value;

	switch (layout) {
	case LAYOUT_CONST:
		value = cursor_varint(c);
		for (uint32_t i = 0; i < n; i++)
			v[i] = value;
		return c->is_short ? -EPROTO : 0;
	case LAYOUT_VARINT:
		for (uint32_t i = 0; i < n; i++)
			v[i] = cursor_varint(c);
		return c->is_short ? -EPROTO : 0;
	case LAYOUT_PLANES: return get_planes(c, v, n, cursor_u8(c));
	case LAYOUT_SPARSE: return get_sparse(c, v, n, cursor_u8(c));
	default: return -EPROTO;
	}
}

int column_get(struct cursor *c, uint64_t *v, const struct column_rows *rows,
	       struct column_scratch *s)
{
	unsigned int head = cursor_u8(c), pred;
	struct column_rows of_index = *rows;
	uint64_t *distinct = s->diff;
	uint64_t n = 0;
	int err;

	if (head == LAYOUT_DICT) {
		n = cursor_varint(c);
		if (!n || n > DICT_MAX || n > rows->n)
			return -EPROTO;
		head = cursor_u8(c);
		err = get_layout(c, distinct, (uint32_t)n, head & 15);
		if (err || head >> 4 != COLUMN_PREV)
			return -EPROTO;
		undo_differences(distinct, &(struct column_rows){.n = (uint32_t)n}, COLUMN_PREV, s);
		of_index.base = 0;
		head = cursor_u8(c);
	}
	pred = head >> 4;
	if (pred > COLUMN_GROUP_TIME)
		return -EPROTO;
	err = get_layout(c, v, rows->n, head & 15);
	if (err)
		return err;
	undo_differences(v, &of_index, (enum column_pred)pred, s);
	for (uint32_t i = 0; n && i < rows->n; i++) {
		if (v[i] >= n)
			return -EPROTO;
		v[i] = distinct[v[i]];
	}
	return 0;
}
