/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/column.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/column_layout.h"

enum {
	DICT_MAX = 4096, /* distinct values: more are no dictionary */
	DICT_MIN_ROWS = 64,
	DICT_MIN_BITS = 256, /* smaller differences are bytes: an index saves nothing */
	SPLIT_MIN_ROWS = 64,
	SPLIT_BYTES = 3, /* that it takes itself, about */
};

void column_scratch_free(struct column_scratch *s)
{
	free(s->diff);
	free(s->last);
	free(s->last_alike);
	free(s->stamp);
	free(s->stamp_alike);
	free(s->kinds);
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
		    grow(&s->kinds, rows, sizeof(*s->kinds)) ||
		    grow(&s->slots, 2 * (size_t)DICT_MAX, sizeof(*s->slots)))
			return -ENOMEM;
		s->rows = rows;
	}
	if (groups < COLUMN_SIZES)
		groups = COLUMN_SIZES;
	groups++; /* no flow is one more */
	if (groups > s->groups) {
		if (grow(&s->last, groups, sizeof(*s->last)) ||
		    grow(&s->last_alike, groups, sizeof(*s->last_alike)) ||
		    grow(&s->stamp, groups, sizeof(*s->stamp)) ||
		    grow(&s->stamp_alike, groups, sizeof(*s->stamp_alike)))
			return -ENOMEM;
		memset(s->stamp, 0, groups * sizeof(*s->stamp));
		memset(s->stamp_alike, 0, groups * sizeof(*s->stamp_alike));
		s->groups = groups;
	}
	return 0;
}

/* A new epoch: no group was seen yet. */
static uint32_t next_epoch(struct column_scratch *s)
{
	if (++s->epoch == 0) {
		memset(s->stamp, 0, s->groups * sizeof(*s->stamp));
		memset(s->stamp_alike, 0, s->groups * sizeof(*s->stamp_alike));
		s->epoch = 1;
	}
	return s->epoch;
}

/* How a prediction finds what a row is held against; arrays of one number an event. */
struct rule {
	const uint32_t
		*groups; /* rows of one group are held against each other; NULL: all are one */
	/* a row that begins a group is held against the last such row with the same number here */
	const uint32_t *alike;
	uint32_t alike_end;    /* numbers are below it; larger ones are its predecessor */
	uint32_t alike_none;   /* this number is not like itself */
	const uint64_t *times; /* or else against this, */
	const uint32_t
		*sizes; /* or this; where both are NULL, against the last row that began one */
};

static struct rule rule_of(const struct column_rows *rows, enum column_pred pred)
{
	static const struct column_events none;
	const struct column_events *of = rows->of ? rows->of : &none;
	struct rule rule = {.groups = of->groups, .alike_none = UINT32_MAX};

	switch (pred) {
	case COLUMN_GROUP_TIME: rule.times = of->times; break;
	case COLUMN_FLOW:
		rule.alike = of->flows;
		rule.alike_end = of->n_flows + 1;
		rule.alike_none = 0;
		break;
	case COLUMN_SIZE:
		rule.alike = rule.sizes = of->sizes;
		rule.alike_end = COLUMN_SIZES;
		break;
	case COLUMN_TASK: rule.groups = of->tasks; break;
	default: break;
	}
	return rule;
}

/* What row i, which begins a group, is held against. `before`: the last row that began one. */
static inline uint64_t find_alike(const struct rule *rule, const struct column_scratch *s,
				  uint32_t event, uint32_t alike, uint64_t before)
{
	if (rule->alike && alike != rule->alike_none && s->stamp_alike[alike] == s->epoch)
		return s->last_alike[alike];
	return rule->times ? rule->times[event] : rule->sizes ? rule->sizes[event] : before;
}

/*
 * Values to differences, or (undo) back; both walk the rows in the same way. in and out may be the
 * same.
 */
static inline __attribute__((always_inline)) void walk_groups(const uint64_t *in, uint64_t *out,
							      const struct column_rows *rows,
							      enum column_pred pred,
							      struct column_scratch *s, bool undo)
{
	const struct rule rule = rule_of(rows, pred);
	const uint32_t epoch = next_epoch(s);
	uint64_t before = rows->base;

	for (uint32_t i = 0; i < rows->n; i++) {
		uint32_t event = rows->events ? rows->events[i] : i, alike = 0;
		uint32_t group = rule.groups ? rule.groups[event] : 0;
		bool begins = s->stamp[group] != epoch;
		uint64_t from = s->last[group], value;

		if (begins) {
			if (rule.alike)
				alike = rule.alike[event] < rule.alike_end ? rule.alike[event]
									   : rule.alike_end - 1;
			from = find_alike(&rule, s, event, alike, before);
		}
		value = undo ? from + (uint64_t)unzigzag(in[i]) : in[i];
		out[i] = undo ? value : zigzag((int64_t)(value - from));
		s->last[group] = value;
		if (begins) {
			s->stamp[group] = epoch;
			before = value;
			if (rule.alike) {
				s->stamp_alike[alike] = epoch;
				s->last_alike[alike] = value;
			}
		}
	}
}

static void differences(const uint64_t *v, const struct column_rows *rows, enum column_pred pred,
			struct column_scratch *s, uint64_t *diff)
{
	uint64_t before = rows->base;

	if (pred == COLUMN_NONE)
		for (uint32_t i = 0; i < rows->n; i++)
			diff[i] = zigzag((int64_t)v[i]);
	else if (pred == COLUMN_PREV)
		for (uint32_t i = 0; i < rows->n; before = v[i++])
			diff[i] = zigzag((int64_t)(v[i] - before));
	else
		walk_groups(v, diff, rows, pred, s, false);
}

static void undo_differences(uint64_t *v, const struct column_rows *rows, enum column_pred pred,
			     struct column_scratch *s)
{
	uint64_t before = rows->base;

	if (pred == COLUMN_NONE)
		for (uint32_t i = 0; i < rows->n; i++)
			v[i] = (uint64_t)unzigzag(v[i]);
	else if (pred == COLUMN_PREV)
		for (uint32_t i = 0; i < rows->n; i++)
			before = v[i] = before + (uint64_t)unzigzag(v[i]);
	else
		walk_groups(v, v, rows, pred, s, true);
}

static void put_layout(struct buf *out, uint64_t *diff, uint32_t n, enum column_pred pred,
		       struct column_scratch *s)
{
	column_put_plan(out, diff, n, pred, column_plan(diff, n), s);
}

/* What row i is in a split: to be asked for one row after the other, in a new epoch. */
enum row_kind {
	NEW_FLOW, /* begins a group, the first one of its flow or of none; only where flows count */
	NEW_GROUP,
	OTHER,
	ROW_KINDS
};

static inline enum row_kind kind_of_row(const struct column_rows *rows, uint32_t i,
					const uint32_t *flows, struct column_scratch *s)
{
	uint32_t event = rows->events ? rows->events[i] : i;
	uint32_t *group = &s->stamp[rows->of->groups[event]], *flow;

	if (*group == s->epoch)
		return OTHER;
	*group = s->epoch;
	if (!flows)
		return NEW_GROUP;
	flow = &s->stamp_alike[flows[event]];
	if (flows[event] && *flow == s->epoch)
		return NEW_GROUP;
	*flow = s->epoch;
	return NEW_FLOW;
}

/* The kinds of all rows into s->kinds. at: where each kind begins when rows are sorted by it, and n. */
static void find_kinds(const struct column_rows *rows, const uint32_t *flows,
		       struct column_scratch *s, uint32_t at[ROW_KINDS + 1])
{
	uint32_t count[ROW_KINDS] = {0};

	next_epoch(s);
	for (uint32_t i = 0; i < rows->n; i++)
		count[s->kinds[i] = (uint8_t)kind_of_row(rows, i, flows, s)]++;
	at[0] = 0;
	for (int k = 0; k < ROW_KINDS; k++)
		at[k + 1] = at[k] + count[k];
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
	struct column_plan plans[ROW_KINDS];
	uint32_t at[ROW_KINDS + 1], next[ROW_KINDS];
	size_t bytes = SPLIT_BYTES;

	if (all.layout != LAYOUT_CONST && rows->n >= SPLIT_MIN_ROWS && rows->of &&
	    rows->of->groups) {
		find_kinds(rows, flows, s, at);
		memcpy(next, at, sizeof(next));
		for (uint32_t i = 0; i < rows->n; i++)
			tmp[next[s->kinds[i]]++] = diff[i];
		for (int k = from; k < ROW_KINDS; k++) {
			plans[k] = column_plan(tmp + at[k], at[k + 1] - at[k]);
			bytes += plans[k].bytes;
		}
	}
	if (bytes == SPLIT_BYTES || bytes >= all.bytes) {
		column_put_plan(out, diff, rows->n, pred, all, s);
		return;
	}
	buf_u8(out, (uint8_t)((flows ? LAYOUT_SPLIT3 : LAYOUT_SPLIT) | pred << 4));
	for (int k = from; k < ROW_KINDS; k++)
		column_put_plan(out, tmp + at[k], at[k + 1] - at[k], COLUMN_NONE, plans[k], s);
}

/* tmp: room for all rows. */
static int get_split(struct cursor *c, uint64_t *diff, const struct column_rows *rows, bool by_flow,
		     uint64_t *tmp, struct column_scratch *s)
{
	uint32_t at[ROW_KINDS + 1];

	if (!rows->of || !rows->of->groups || (by_flow && !rows->of->flows))
		return -EPROTO;
	find_kinds(rows, by_flow ? rows->of->flows : NULL, s, at);
	for (int k = by_flow ? NEW_FLOW : NEW_GROUP; k < ROW_KINDS; k++)
		if (column_get_layout(c, tmp + at[k], at[k + 1] - at[k], cursor_u8(c)))
			return -EPROTO;
	for (uint32_t i = 0; i < rows->n; i++)
		diff[i] = tmp[at[s->kinds[i]]++];
	return 0;
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

	differences(v, rows, pred, s, diff);
	filled = count_filled(diff, rows->n, &bits);
	/* the task that an interrupt fell on says nothing of the one that the next falls on */
	if (pred == COLUMN_GROUP && filled >= DICT_MIN_ROWS && filled > rows->n / 8 &&
	    count_filled(v, rows->n, &(uint64_t){0}) < filled) {
		pred = COLUMN_NONE;
		differences(v, rows, pred, s, diff);
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
		differences(distinct, &(struct column_rows){.n = n}, COLUMN_PREV, s, diff);
		put_layout(out, diff, n, COLUMN_PREV, s);
		of_index.base = 0;
		differences(index, &of_index, pred, s, diff);
	}
	put_split(out, diff, rows, pred, distinct, s);
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
		err = column_get_layout(c, distinct, (uint32_t)n, head & 15);
		if (err || head >> 4 != COLUMN_PREV)
			return -EPROTO;
		undo_differences(distinct, &(struct column_rows){.n = (uint32_t)n}, COLUMN_PREV, s);
		of_index.base = 0;
		head = cursor_u8(c);
	}
	pred = head >> 4;
	if (pred > COLUMN_TASK)
		return -EPROTO;
	if ((head & 15) == LAYOUT_SPLIT || (head & 15) == LAYOUT_SPLIT3)
		err = get_split(c, v, rows, (head & 15) == LAYOUT_SPLIT3, distinct + rows->n, s);
	else
		err = column_get_layout(c, v, rows->n, head & 15);
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
