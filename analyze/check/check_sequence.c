/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on sequences: steps that must follow each other within a time, in each flow, packet or socket. */
#include <stdio.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/stats/stats.h"

enum check_by { OF_FLOW, OF_JOURNEY, OF_SOCKET, OF_ALL };
static const char *const by_names[] = {"flow", "journey", "socket", "all"};

/* One that waits for its next step. */
struct open {
	struct check_entry entry;
	uint64_t start_ns, last_ns, ordinal;
	unsigned int step; /* that is waited for */
};

int check_sequence_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err)
{
	const struct yaml *steps = yaml_member(map, "sequence"), *by = yaml_member(map, "by");
	const struct yaml *within = yaml_member(map, "within");
	const struct check_rule time = {.unit = CHECK_TIME};
	const char *why;
	double ns;
	int rc = 0;

	r->unit = CHECK_COUNT;
	check_table_init(&r->table, sizeof(struct open), CHECK_OPEN_MAX);
	if (steps->kind != YAML_LIST || steps->n < 2 || steps->n > CHECK_STEPS_MAX)
		return yaml_error(err, steps, "sequence: must be a list of 2 to %d expressions",
				  CHECK_STEPS_MAX);
	if (!within || within->kind != YAML_SCALAR ||
	    !check_value_parse(&time, within->text, &ns, &why) || ns < 1 || ns > 1e15)
		return yaml_error(err, within ? within : map, "within: must be a time such as 5ms");
	r->within_ns = (uint64_t)ns;
	while (by && by->kind == YAML_SCALAR && r->by <= OF_ALL &&
	       strcmp(by->text, by_names[r->by]) != 0)
		r->by++;
	if (by && (by->kind != YAML_SCALAR || r->by > OF_ALL))
		return yaml_error(err, by, "by: must be flow, journey, socket or all");
	for (; !rc && r->n_steps < steps->n; r->n_steps++)
		rc = check_where_read(&r->step[r->n_steps], steps->v[r->n_steps], err);
	return rc;
}

/* ---- what belongs together ---- */

/* Addresses and ports, the same for both directions. */
static bool flow_key(const struct ev *ev, struct sort_key *key)
{
	uint8_t end[2][18] = {{0}};
	struct stats_flow f = {0};
	int smaller;

	if (ev->diag) {
		f.proto = ev->diag->protocol;
		f.sport = ev->diag->sport;
		f.dport = ev->diag->dport;
		if (ev->diag->src.len <= 16 && ev->diag->dst.len <= 16 && ev->diag->src.len) {
			f.family = ev->diag->src.len == 4 ? 4 : 6;
			memcpy(f.src, ev->diag->src.p, ev->diag->src.len);
			memcpy(f.dst, ev->diag->dst.p, ev->diag->dst.len);
		}
	} else {
		stats_flow_of(ev, &f);
	}
	if (!f.family)
		return false;
	memcpy(end[0], f.src, 16);
	memcpy(end[0] + 16, &f.sport, 2);
	memcpy(end[1], f.dst, 16);
	memcpy(end[1] + 16, &f.dport, 2);
	smaller = memcmp(end[0], end[1], sizeof(end[0])) > 0;
	/* 36 bytes of ends, two hashes of which stand for them */
	key->w[0] = stats_hash(end[smaller], sizeof(end[0]));
	key->w[1] = stats_hash(end[!smaller], sizeof(end[0]));
	memcpy(&key->w[2], end[smaller], sizeof(key->w[2]));
	key->w[3] = (uint64_t)f.family << 8 | f.proto;
	return true;
}

static bool key_of(const struct check_rule *r, const struct ev *ev, struct sort_key *key)
{
	struct journey_key journey;

	*key = (struct sort_key){0};
	switch (r->by) {
	case OF_FLOW: return flow_key(ev, key);
	case OF_JOURNEY:
		if (!journey_of(ev, &journey))
			return false;
		key->w[0] = journey.time;
		key->w[1] = journey.head;
		return true;
	case OF_SOCKET:
		key->w[0] = ev->diag ? ev->diag->cookie : ev->sock ? ev->sock->cookie : 0;
		return key->w[0] != 0;
	default: return true;
	}
}

/* ---- steps ---- */

/* A sequence that was not completed in time; late: the event that came too late, 0: none did. */
static void note_broken(struct check *c, struct check_rule *r, const struct open *o,
			uint64_t late_ns, uint64_t late)
{
	const struct journey_span span = {.first_ns = o->start_ns,
					  .last_ns = o->start_ns + r->within_ns,
					  .tracked = true,
					  .ended = true};
	struct check_example *x;

	if (journey_losses_touch(&c->losses, &span)) {
		r->uncertain++;
		return;
	}
	r->count++;
	x = check_example_add(c, r);
	if (!x)
		return;
	x->ordinal[0] = o->ordinal;
	x->ordinal[1] = late;
	if (late) {
		struct buf took = {0};

		check_value_put_ns((double)(late_ns - o->start_ns), &took);
		snprintf(x->note, sizeof(x->note), "step %u came after %.*s", o->step + 1,
			 (int)took.len, (const char *)took.p);
		buf_free(&took);
	} else {
		snprintf(x->note, sizeof(x->note), "step %u did not come", o->step + 1);
	}
}

/* More sequences than there is room for: this one is not judged. */
static void forget(void *rule, void *state)
{
	struct check_rule *r = rule;

	r->overflow = true;
}

static void begin(struct check *c, struct check_rule *r, const struct sort_key *key, uint64_t ns)
{
	bool is_new;
	struct open *o = check_table_get(&r->table, key, &is_new, forget, r);

	if (!o) {
		c->failed = true;
		return;
	}
	o->start_ns = o->last_ns = ns;
	o->ordinal = c->ordinal;
	o->step = 1;
	r->seen++;
}

/* The step that is waited for. */
static void advance(struct check *c, struct check_rule *r, struct open *o, uint64_t ns)
{
	uint64_t took = ns - o->start_ns;

	if (took > r->within_ns) {
		note_broken(c, r, o, ns, c->ordinal);
	} else if (o->step + 1 < r->n_steps) {
		o->step++;
		o->last_ns = ns;
		return;
	} else {
		c->failed |= !stats_hist_add(&r->hist, took);
	}
	check_table_remove(&r->table, o);
}

void check_sequence_event(struct check *c, struct check_rule *r, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;
	struct sort_key key;
	bool any = false;
	struct open *o;

	for (unsigned int s = 0; s < r->n_steps; s++)
		any |= check_matches(&r->step[s], ev);
	if (!any || !key_of(r, ev, &key))
		return;
	o = check_table_find(&r->table, &key);
	if (o && ns >= o->last_ns && check_matches(&r->step[o->step], ev)) {
		advance(c, r, o, ns);
		return;
	}
	if (!check_matches(&r->step[0], ev))
		return;
	if (o && (ns < o->start_ns || ns - o->start_ns <= r->within_ns))
		return; /* the same, seen at another probe, or sent again */
	if (o) {
		note_broken(c, r, o, 0, 0);
		check_table_remove(&r->table, o);
	}
	begin(c, r, &key, ns);
}

void check_sequence_end(struct check *c, struct check_rule *r)
{
	while (r->table.oldest) {
		struct open *o = (struct open *)r->table.oldest;

		if (c->end_ns <= o->start_ns + r->within_ns) {
			r->seen--;
			r->cut++;
		} else {
			note_broken(c, r, o, 0, 0);
		}
		check_table_remove(&r->table, o);
	}
}
