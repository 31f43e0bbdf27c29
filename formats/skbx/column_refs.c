/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a row is held against does not depend on values: it is found as the number of another row. Most
 * columns of a block have a row for each event, and for them it is found once a block and prediction
 * (struct column_refs): a column is then one addition a row. Before, groups and flows were looked up for
 * each value again, which was a fifth of all that printing does.
 */
#include "formats/skbx/column_refs.h"

#include <errno.h>
#include <stdlib.h>

static int grow(void *pointer, size_t n, size_t size)
{
	void **p = pointer, *new = realloc(*p, n * size);

	if (!new)
		return -ENOMEM;
	*p = new;
	return 0;
}

void column_scratch_free(struct column_scratch *s)
{
	free(s->diff);
	free(s->last);
	free(s->last_alike);
	free(s->stamp);
	free(s->stamp_alike);
	free(s->kinds);
	free(s->slots);
	free(s->ref);
	free(s->sorting.place);
	free(s->of_groups.before);
	free(s->of_groups.begins);
	*s = (struct column_scratch){0};
}

int column_scratch_reserve(struct column_scratch *s, uint32_t rows, uint32_t groups)
{
	if (rows > s->rows) {
		/* a dictionary column needs the differences of its indices beside its own values */
		if (grow(&s->diff, 3 * (size_t)rows, sizeof(*s->diff)) ||
		    grow(&s->kinds, rows, sizeof(*s->kinds)) ||
		    grow(&s->ref, rows, sizeof(*s->ref)) ||
		    grow(&s->sorting.place, rows, sizeof(*s->sorting.place)) ||
		    grow(&s->of_groups.before, rows, sizeof(*s->of_groups.before)) ||
		    grow(&s->of_groups.begins, rows, sizeof(*s->of_groups.begins)) ||
		    grow(&s->slots, 2 * (size_t)COLUMN_DICT_MAX, sizeof(*s->slots)))
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

int column_refs_reserve(struct column_refs *refs, uint32_t rows)
{
	column_refs_clear(refs);
	for (int i = COLUMN_GROUP; i < COLUMN_PREDS; i++)
		if (grow(&refs->ref[i], rows, sizeof(*refs->ref[i])))
			return -ENOMEM;
	for (int i = 0; i < 2; i++)
		if (grow(&refs->sorting[i].place, rows, sizeof(*refs->sorting[i].place)) ||
		    grow(&refs->groups[i].before, rows, sizeof(*refs->groups[i].before)) ||
		    grow(&refs->groups[i].begins, rows, sizeof(*refs->groups[i].begins)))
			return -ENOMEM;
	return 0;
}

void column_refs_clear(struct column_refs *refs)
{
	memset(refs->n, 0, sizeof(refs->n));
	for (int i = 0; i < 2; i++)
		refs->sorting[i].n = refs->groups[i].n = 0;
}

void column_refs_clear_tasks(struct column_refs *refs)
{
	refs->groups[1].n = refs->n[COLUMN_TASK] = 0;
}

void column_refs_free(struct column_refs *refs)
{
	for (int i = 0; i < COLUMN_PREDS; i++)
		free(refs->ref[i]);
	for (int i = 0; i < 2; i++) {
		free(refs->sorting[i].place);
		free(refs->groups[i].before);
		free(refs->groups[i].begins);
	}
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

/* What a block keeps for columns like this one; NULL: nothing. */
static struct column_refs *kept_refs(const struct column_rows *rows)
{
	return rows->of && !rows->events ? rows->of->refs : NULL;
}

static void find_groups(const struct column_rows *rows, const uint32_t *groups,
			struct column_scratch *s, struct column_groups *g)
{
	const uint32_t epoch = next_epoch(s), n = rows->n, *events = rows->events;
	uint32_t *stamp = s->stamp, *last = s->last, *before = g->before, *begins = g->begins;
	uint32_t n_begins = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t group = groups ? groups[events ? events[i] : i] : 0;
		bool new = stamp[group] != epoch;

		before[i] = new ? i : last[group];
		begins[n_begins] = i;
		n_begins += new;
		stamp[group] = epoch;
		last[group] = i;
	}
	g->n = n;
	g->n_begins = n_begins;
}

/* Which rows are of one group; tasks: of one task. */
static const struct column_groups *groups_of(const struct column_rows *rows, const uint32_t *groups,
					     bool tasks, struct column_scratch *s)
{
	struct column_refs *kept = kept_refs(rows);
	struct column_groups *g = kept ? &kept->groups[tasks] : &s->of_groups;

	if (!kept || g->n != rows->n)
		find_groups(rows, groups, s, g);
	return g;
}

/* For each row the row before it that it is held against; itself: none, but a time, a size or the base. */
static void find_refs(const struct column_rows *rows, const struct rule *rule,
		      const struct column_groups *g, struct column_scratch *s, uint32_t *ref)
{
	const uint32_t epoch = next_epoch(s);
	const bool own = rule->times || rule->sizes;

	memcpy(ref, g->before, rows->n * sizeof(*ref));
	for (uint32_t k = 0; k < g->n_begins; k++) {
		uint32_t i = g->begins[k], event = rows->events ? rows->events[i] : i, alike;

		ref[i] = own || !k ? i : g->begins[k - 1];
		if (!rule->alike)
			continue;
		alike = rule->alike[event] < rule->alike_end ? rule->alike[event]
							     : rule->alike_end - 1;
		if (alike != rule->alike_none && s->stamp_alike[alike] == epoch)
			ref[i] = s->last_alike[alike];
		s->stamp_alike[alike] = epoch;
		s->last_alike[alike] = i;
	}
}

static const uint32_t *refs_of(const struct column_rows *rows, const struct rule *rule,
			       enum column_pred pred, struct column_scratch *s)
{
	struct column_refs *kept = kept_refs(rows);
	uint32_t *ref = kept ? kept->ref[pred] : s->ref;

	if (kept && kept->n[pred] == rows->n)
		return ref;
	find_refs(rows, rule, groups_of(rows, rule->groups, pred == COLUMN_TASK, s), s, ref);
	if (kept)
		kept->n[pred] = rows->n;
	return ref;
}

/*
 * One loop for each of what a row can be held against that is not held against another: a time, a size, or the
 * base; the loops are all that happens for each value.
 */
static inline __attribute__((always_inline)) void walk(const uint64_t *in, uint64_t *out, uint32_t n,
						       const uint32_t *ref, const uint32_t *events,
						       const uint64_t *times, const uint32_t *sizes,
						       uint64_t base, bool undo)
{
	const uint64_t *value = undo ? out : in;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = ref[i], event = events ? events[i] : i;
		uint64_t from = at != i ? value[at]
				: times ? times[event]
				: sizes ? sizes[event]
					: base;

		out[i] = undo ? from + (uint64_t)unzigzag(in[i]) : zigzag((int64_t)(in[i] - from));
	}
}

static inline __attribute__((always_inline)) void walk_rows(const uint64_t *in, uint64_t *out,
							    const struct column_rows *rows,
							    enum column_pred pred,
							    struct column_scratch *s, bool undo)
{
	const struct rule rule = rule_of(rows, pred);
	const uint32_t *ref = refs_of(rows, &rule, pred, s);

	if (rule.times)
		walk(in, out, rows->n, ref, rows->events, rule.times, NULL, 0, undo);
	else if (rule.sizes)
		walk(in, out, rows->n, ref, rows->events, NULL, rule.sizes, 0, undo);
	else
		walk(in, out, rows->n, ref, NULL, NULL, NULL, rows->base, undo);
}

void column_differences(const uint64_t *v, const struct column_rows *rows, enum column_pred pred,
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
		walk_rows(v, diff, rows, pred, s, false);
}

bool column_is_base(enum column_pred pred)
{
	return pred == COLUMN_PREV || pred == COLUMN_GROUP || pred == COLUMN_FLOW ||
	       pred == COLUMN_TASK;
}

void column_undo(uint64_t *v, const struct column_rows *rows, enum column_pred pred,
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
		walk_rows(v, v, rows, pred, s, true);
}

static void find_places(const struct column_rows *rows, const uint32_t *flows,
			const struct column_groups *g, struct column_scratch *s,
			struct column_sorting *sorting)
{
	const uint32_t epoch = next_epoch(s), n = rows->n;
	uint32_t next[COLUMN_KINDS] = {0};

	for (uint32_t k = 0; k < g->n_begins; k++) {
		uint32_t i = g->begins[k], flow;

		s->kinds[k] = NEW_GROUP;
		if (flows) {
			flow = flows[rows->events ? rows->events[i] : i];
			if (!flow || s->stamp_alike[flow] != epoch)
				s->kinds[k] = NEW_FLOW;
			s->stamp_alike[flow] = epoch;
		}
		next[NEW_GROUP] += s->kinds[k] == NEW_FLOW;
	}
	next[OTHER] = g->n_begins;
	sorting->at[NEW_FLOW] = 0;
	sorting->at[NEW_GROUP] = next[NEW_GROUP];
	sorting->at[OTHER] = next[OTHER];
	sorting->at[COLUMN_KINDS] = sorting->n = n;
	for (uint32_t i = 0; i < n; i++) {
		sorting->place[i] = next[OTHER];
		next[OTHER] += g->before[i] != i;
	}
	for (uint32_t k = 0; k < g->n_begins; k++)
		sorting->place[g->begins[k]] = next[s->kinds[k]]++;
}

const struct column_sorting *column_sort(const struct column_rows *rows, bool by_flow,
					 struct column_scratch *s)
{
	struct column_refs *kept = kept_refs(rows);
	struct column_sorting *sorting = kept ? &kept->sorting[by_flow] : &s->sorting;

	if (!kept || sorting->n != rows->n)
		find_places(rows, by_flow ? rows->of->flows : NULL,
			    groups_of(rows, rows->of->groups, false, s), s, sorting);
	return sorting;
}
