/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on journeys: what they pass, how they end, how long a hop takes. One state a journey serves all rules. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"

struct hop {
	uint64_t from_ns, to_ns; /* 0: not seen */
	uint64_t ordinal;        /* of the event at its end */
};

struct state {
	struct check_entry entry;
	struct journey_span span;
	uint64_t selected;          /* bits of rules: an event matched */
	uint64_t passed;            /* bits of patterns */
	uint16_t symbol, dev, drop; /* names, of the latest event */
	struct hop hop[];           /* of each rule on journeys */
};

/* ---- rules ---- */

static int take_bit(struct check *c, struct check_rule *r, const struct yaml *map,
		    struct skbox_error *err)
{
	if (c->n_journey_rules == CHECK_JOURNEY_RULES)
		return yaml_error(err, map, "more than %d rules on journeys", CHECK_JOURNEY_RULES);
	r->journey = ++c->n_journey_rules;
	return 0;
}

static int read_patterns(struct check *c, struct check_patterns *p, const struct yaml *map,
			 const char *key, bool has_bits, struct skbox_error *err)
{
	const struct yaml *list = yaml_member(map, key);

	if (!list)
		return 0;
	if (list->kind != YAML_LIST || !list->n)
		return yaml_error(err, list, "%s: must be a list of probes", key);
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i]->kind != YAML_SCALAR || !*list->v[i]->text)
			return yaml_error(err, list->v[i], "%s: must be names of probes", key);
	p->list = list;
	if (!has_bits)
		return 0;
	p->first = c->n_patterns;
	c->n_patterns += (unsigned int)list->n;
	if (list->n > CHECK_PATTERNS_MAX || c->n_patterns > CHECK_PATTERNS_MAX)
		return yaml_error(err, list, "%s: more than %d probes in all rules", key,
				  CHECK_PATTERNS_MAX);
	return 0;
}

int check_journeys_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err)
{
	const struct yaml *where = yaml_member(map, "journeys");
	int rc = take_bit(c, r, map, err);

	r->unit = CHECK_COUNT;
	if (!rc && !(where->kind == YAML_SCALAR && strcmp(where->text, "all") == 0))
		rc = check_where_read(&r->where, where, err);
	if (!rc)
		rc = read_patterns(c, &r->must_pass, map, "must_pass", true, err);
	if (!rc)
		rc = read_patterns(c, &r->must_not_pass, map, "must_not_pass", true, err);
	if (!rc)
		rc = read_patterns(c, &r->may_end_by, map, "may_end_by", false, err);
	if (!rc && !r->must_pass.list && !r->must_not_pass.list && !r->may_end_by.list)
		rc = yaml_error(err, where,
				"a rule on journeys needs must_pass, must_not_pass or may_end_by");
	return rc;
}

int check_latency_read(struct check *c, struct check_rule *r, const struct yaml *map,
		       struct skbox_error *err)
{
	const struct yaml *hop = yaml_member(map, "latency");
	int rc = take_bit(c, r, map, err);

	if (rc)
		return rc;
	if (hop->kind != YAML_LIST || hop->n != 2 || hop->v[0]->kind != YAML_SCALAR ||
	    hop->v[1]->kind != YAML_SCALAR)
		return yaml_error(err, hop, "latency: must be a list of two probes");
	r->unit = CHECK_TIME;
	r->from = hop->v[0]->text;
	r->to = hop->v[1]->text;
	return check_where_read(&r->where, yaml_member(map, "where"), err);
}

/* ---- events ---- */

static void see_patterns(const struct check_patterns *p, struct state *j, struct ev_str symbol,
			 struct ev_str dev)
{
	for (size_t i = 0; p->list && i < p->list->n; i++)
		if (!(j->passed >> (p->first + i) & 1) &&
		    check_pattern(p->list->v[i]->text, symbol, dev))
			j->passed |= UINT64_C(1) << (p->first + i);
}

/*
 * The first sight at one probe, and the first at the other one after it. Events of several processors
 * may come a little out of order, so either may be seen first.
 */
static void see_hop(const struct check *c, const struct check_rule *r, struct hop *h,
		    struct ev_str symbol, struct ev_str dev, uint64_t ns)
{
	bool is_from = check_pattern(r->from, symbol, dev);

	if (is_from && (!h->from_ns || ns < h->from_ns))
		h->from_ns = ns;
	else if (check_pattern(r->to, symbol, dev) &&
		 (!h->to_ns || ns < h->to_ns || h->to_ns < h->from_ns)) {
		h->to_ns = ns;
		h->ordinal = c->ordinal;
	}
}

static void judge_journey(struct check *c, struct state *j);

static void evict(void *check, void *state)
{
	judge_journey(check, state);
}

static struct state *state_of(struct check *c, const struct ev *ev)
{
	size_t size = sizeof(struct state) + c->n_journey_rules * sizeof(struct hop);
	struct journey_key journey;
	struct sort_key key = {{0}};
	bool is_new;

	if (!journey_of(ev, &journey))
		return NULL;
	key.w[0] = journey.time;
	key.w[1] = journey.head;
	if (!c->journeys.max)
		check_table_init(&c->journeys, size, CHECK_JOURNEYS_MAX);
	return check_table_get(&c->journeys, &key, &is_new, evict, c);
}

void check_journey_event(struct check *c, const struct ev *ev)
{
	struct ev_str symbol = check_symbol(ev), dev = ev->dev ? ev->dev->name : (struct ev_str){0};
	uint64_t ns = ev->common ? ev->common->timestamp : 0;
	struct journey_key key;
	struct state *j;

	if (!symbol.len || !journey_of(ev, &key))
		return;
	j = state_of(c, ev);
	if (!j) {
		c->failed = true;
		return;
	}
	if (!j->span.tracked || ns >= j->span.last_ns) {
		j->symbol = check_name(c, symbol);
		j->dev = dev.len ? check_name(c, dev) : 0;
		j->drop = check_is_drop(ev) ? check_name(c, ev->skb_drop->drop_reason) : 0;
	}
	journey_span_add(&j->span, ev);
	for (unsigned int i = 0; i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		if (!r->journey)
			continue;
		if (check_matches(&r->where, ev))
			j->selected |= UINT64_C(1) << (r->journey - 1);
		see_patterns(&r->must_pass, j, symbol, dev);
		see_patterns(&r->must_not_pass, j, symbol, dev);
		if (r->from)
			see_hop(c, r, &j->hop[r->journey - 1], symbol, dev, ns);
	}
}

/* ---- the end of a journey ---- */

static struct ev_str name_of(const struct check *c, uint16_t name)
{
	return name ? c->names->strings.v[name] : (struct ev_str){.p = "", .len = 0};
}

/* Whether the recording's begin may hide where it came from, or the end where it went. */
static bool is_cut(const struct check *c, const struct state *j)
{
	return j->span.first_ns < c->begin_ns + CHECK_EDGE_NS ||
	       (!j->span.ended && c->end_ns < j->span.last_ns + CHECK_EDGE_NS);
}

static bool may_end(const struct check *c, const struct check_rule *r, const struct state *j,
		    char *end, size_t size)
{
	struct ev_str drop = name_of(c, j->drop), symbol = name_of(c, j->symbol);

	if (j->drop)
		snprintf(end, size, "drop:%.*s", (int)drop.len, drop.p);
	else
		snprintf(end, size, "%.*s", (int)symbol.len, symbol.p);
	for (size_t i = 0; i < r->may_end_by.list->n; i++) {
		const char *pattern = r->may_end_by.list->v[i]->text;
		struct ev_str text = {.p = end, .len = (uint32_t)strlen(end)};

		if (check_pattern(pattern, text, name_of(c, j->dev)))
			return true;
	}
	return false;
}

enum breach { KEPT, BROKEN, BROKEN_OR_CUT }; /* the last: what is missing may just not be seen */

static enum breach judge_path(const struct check *c, const struct check_rule *r,
			      const struct state *j, char *note, size_t size)
{
	const struct check_patterns *p = &r->must_not_pass;
	char end[80];

	for (size_t i = 0; p->list && i < p->list->n; i++)
		if (j->passed >> (p->first + i) & 1) {
			snprintf(note, size, "passed %.60s", p->list->v[i]->text);
			return BROKEN;
		}
	p = &r->must_pass;
	for (size_t i = 0; p->list && i < p->list->n; i++)
		if (!(j->passed >> (p->first + i) & 1)) {
			snprintf(note, size, "did not pass %.60s", p->list->v[i]->text);
			return BROKEN_OR_CUT;
		}
	if (r->may_end_by.list && !may_end(c, r, j, end, sizeof(end))) {
		snprintf(note, size, "ended by %s", end);
		return j->span.ended ? BROKEN : BROKEN_OR_CUT;
	}
	return KEPT;
}

static struct check_example *add_example(struct check *c, struct check_rule *r,
					 const struct state *j, const char *note)
{
	struct check_example *x = check_example_add(c, r);

	if (!x)
		return NULL;
	x->is_journey = true;
	x->journey = (struct journey_key){j->entry.key.w[0], j->entry.key.w[1]};
	snprintf(x->note, sizeof(x->note), "%s", note);
	return x;
}

static void judge_rule(struct check *c, struct check_rule *r, const struct state *j)
{
	char note[120] = "";
	enum breach breach = judge_path(c, r, j, note, sizeof(note));

	if (breach == BROKEN_OR_CUT && is_cut(c, j)) {
		r->cut++;
		return;
	}
	r->seen++;
	if (breach == KEPT)
		return;
	if (breach == BROKEN_OR_CUT && journey_losses_touch(&c->losses, &j->span)) {
		r->uncertain++;
		return;
	}
	r->count++;
	add_example(c, r, j, note);
}

static void judge_hop(struct check *c, struct check_rule *r, const struct state *j)
{
	const struct hop *h = &j->hop[r->journey - 1];
	char note[120] = "";
	struct buf took = {0};
	double ns;

	if (!h->from_ns || h->to_ns < h->from_ns)
		return;
	ns = (double)(h->to_ns - h->from_ns);
	r->seen++;
	r->sum += ns;
	c->failed |= !stats_hist_add(&r->hist, h->to_ns - h->from_ns);
	for (unsigned int i = 0; i < r->n_bounds; i++)
		if (r->bound[i].op < CHECK_GE ? ns > r->bound[i].value : ns < r->bound[i].value) {
			check_value_put_ns(ns, &took);
			snprintf(note, sizeof(note), "took %.*s", (int)took.len,
				 (const char *)took.p);
			buf_free(&took);
			add_example(c, r, j, note);
			return;
		}
}

static void judge_journey(struct check *c, struct state *j)
{
	for (unsigned int i = 0; i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		if (!r->journey || !(j->selected >> (r->journey - 1) & 1))
			continue;
		if (r->from)
			judge_hop(c, r, j);
		else
			judge_rule(c, r, j);
	}
}

void check_journey_end(struct check *c)
{
	while (c->journeys.oldest) {
		judge_journey(c, (struct state *)c->journeys.oldest);
		check_table_remove(&c->journeys, c->journeys.oldest);
	}
}
