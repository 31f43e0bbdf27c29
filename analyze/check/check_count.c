/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of rules that need no state but sums: events, values of fields, increases of counters, the recording. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"
#include "analyze/stats/stats.h"

const struct check_kind check_kinds[] = {
	{.key = "events",
	 .keys = " of ",
	 .what = "events",
	 .read = check_events_read,
	 .event = check_events_event,
	 .figure = check_events_figure,
	 .tell = check_events_tell},
	{.key = "sequence",
	 .keys = " within by ! ",
	 .what = "sequences",
	 .joint = "of ",
	 .min_seen = 1,
	 .read = check_sequence_read,
	 .event = check_sequence_event,
	 .end = check_sequence_end,
	 .figure = check_figure_broken,
	 .tell = check_seen_tell},
	{.key = "journeys",
	 .keys = " must_pass must_not_pass may_end_by ! ",
	 .what = "journeys",
	 .joint = "of ",
	 .min_seen = 1,
	 .read = check_journeys_read,
	 .figure = check_figure_broken,
	 .tell = check_seen_tell},
	{.key = "latency",
	 .keys = " where ",
	 .is_distribution = true,
	 .what = "journeys",
	 .joint = "in ",
	 .min_seen = 1,
	 .read = check_latency_read,
	 .figure = check_figure_hist,
	 .tell = check_seen_tell},
	{.key = "values",
	 .keys = " where ",
	 .is_distribution = true,
	 .what = "values",
	 .joint = "in ",
	 .min_seen = 1,
	 .read = check_values_read,
	 .event = check_values_event,
	 .figure = check_figure_hist,
	 .tell = check_seen_tell},
	{.key = "increase",
	 .keys = " per where ",
	 .what = "sockets",
	 .joint = "in ",
	 .min_seen = 1,
	 .read = check_increase_read,
	 .event = check_increase_event,
	 .figure = check_increase_figure,
	 .tell = check_seen_tell},
	{.key = "recording",
	 .keys = " ",
	 .what = "",
	 .read = check_recording_read,
	 .figure = check_recording_figure},
	{0},
};

/* ---- how many events ---- */

int check_events_read(struct check *c, struct check_rule *r, const struct yaml *map,
		      struct skbox_error *err)
{
	const struct yaml *of = yaml_member(map, "of");
	int rc = check_where_read(&r->where, yaml_member(map, "events"), err);

	r->unit = of ? CHECK_SHARE : CHECK_COUNT;
	r->min_seen = of ? 1 : 0;
	return rc ? rc : check_where_read(&r->of, of, err);
}

void check_events_event(struct check *c, struct check_rule *r, const struct ev *ev)
{
	struct check_example *x;

	if (!check_matches(&r->of, ev))
		return;
	r->seen++;
	if (!check_matches(&r->where, ev))
		return;
	r->count++;
	x = check_example_add(c, r);
	if (x)
		x->ordinal[0] = c->ordinal;
}

bool check_events_figure(const struct check *c, const struct check_rule *r, enum check_figure_id id,
			 struct check_figure *f)
{
	uint64_t lost = check_lost(c, r);
	double n = (double)r->count, all = (double)r->seen, more = (double)lost;

	if (lost == UINT64_MAX)
		more = INFINITY;
	if (r->unit != CHECK_SHARE) {
		*f = (struct check_figure){n, n, n + more};
		return true;
	}
	if (!r->seen)
		return false;
	*f = (struct check_figure){n / all, n / (all + more),
				   isinf(more) ? 1 : (n + more) / (all + more)};
	return true;
}

void check_events_tell(const struct check *c, const struct check_rule *r, struct buf *out)
{
	if (r->unit == CHECK_SHARE)
		buf_printf(out, "(%llu of %llu events)", (unsigned long long)r->count,
			   (unsigned long long)r->seen);
	else
		buf_str(out, "events");
}

void check_seen_tell(const struct check *c, const struct check_rule *r, struct buf *out)
{
	/* nothing was measured: nothing stands in front */
	buf_printf(out, "%s%llu %s", out->len ? r->kind->joint : "", (unsigned long long)r->seen,
		   r->kind->what);
	if (r->cut)
		buf_printf(out, " (%llu more at the edges of the recording)",
			   (unsigned long long)r->cut);
}

/* ---- values ---- */

/* The first value that an event has of a field. */
static bool value_of(const struct field *f, const struct ev *ev, uint64_t *value)
{
	struct packet_headers h;
	bool is_parsed = false;

	for (unsigned int i = 0; i < f->n; i++) {
		const struct field_source *from = &f->from[i];

		if (from->schema) {
			const void *row = ev->row[from->schema->section];

			if (!row || !(*(const uint64_t *)row >> from->schema->bit & 1))
				continue;
			*value = schema_get(from->schema, row);
			return true;
		}
		if (!ev->packet)
			continue;
		if (!is_parsed)
			packet_parse(ev->packet, &h);
		is_parsed = true;
		if (h.has >> from->packet & 1) {
			*value = h.v[from->packet];
			return true;
		}
	}
	return false;
}

int check_values_read(struct check *c, struct check_rule *r, const struct yaml *map,
		      struct skbox_error *err)
{
	int rc = check_field_read(&r->field, yaml_member(map, "values"), err);

	r->unit = CHECK_FIELD;
	return rc ? rc : check_where_read(&r->where, yaml_member(map, "where"), err);
}

static bool is_beyond(const struct check_rule *r, double value)
{
	for (unsigned int i = 0; i < r->n_bounds; i++) {
		const struct check_bound *b = &r->bound[i];
		bool is_upper = b->op == CHECK_LE || b->op == CHECK_LT || b->op == CHECK_EQ;

		if (is_upper ? value > b->value : value < b->value)
			return true;
	}
	return false;
}

/* A value of a distribution; the first ones that no bound would like are shown. */
static void add_value(struct check *c, struct check_rule *r, uint64_t value)
{
	struct check_example *x;

	r->seen++;
	r->sum += (double)value;
	c->failed |= !stats_hist_add(&r->hist, value);
	if (!is_beyond(r, (double)value))
		return;
	x = check_example_add(c, r);
	if (x)
		x->ordinal[0] = c->ordinal;
}

void check_values_event(struct check *c, struct check_rule *r, const struct ev *ev)
{
	uint64_t value;

	if (check_matches(&r->where, ev) && value_of(&r->field, ev, &value))
		add_value(c, r, value);
}

/* ---- counters of sockets ---- */

struct counters {
	struct check_entry entry;
	bool has[2];
	uint64_t first[2], last[2];
};

int check_increase_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err)
{
	const struct yaml *per = yaml_member(map, "per");
	int rc = check_field_read(&r->field, yaml_member(map, "increase"), err);

	r->unit = CHECK_FIELD;
	r->has_per = per != NULL;
	if (!rc && per) {
		r->unit = CHECK_SHARE;
		rc = check_field_read(&r->per, per, err);
	}
	check_table_init(&r->table, sizeof(struct counters), CHECK_SOCKETS_MAX);
	return rc ? rc : check_where_read(&r->where, yaml_member(map, "where"), err);
}

static bool socket_key(const struct ev *ev, struct sort_key *key)
{
	const struct ev_diag *d = ev->diag;

	*key = (struct sort_key){0};
	if (d && d->cookie) {
		key->w[0] = d->cookie;
	} else if (d) {
		key->w[0] = stats_hash(d->src.p, d->src.len);
		key->w[1] = stats_hash(d->dst.p, d->dst.len);
		key->w[2] = (uint64_t)d->sport << 16 | d->dport;
		key->w[3] = (uint64_t)d->inode + 1;
	} else if (ev->sock) {
		key->w[0] = ev->sock->cookie;
	}
	return key->w[0] || key->w[3];
}

static void forget(void *rule, void *state)
{
	struct check_rule *r = rule;

	r->overflow = true;
}

void check_increase_event(struct check *c, struct check_rule *r, const struct ev *ev)
{
	const struct field *const fields[2] = {&r->field, &r->per};
	/* a socket that was there at the start brings counts from before; one that came later does not */
	bool is_old =
		!ev->snap || !EV_HAS(ev->snap, snap, cause) || ev_is(ev->snap->cause, "start");
	uint64_t *const sums[2] = {&r->count, &r->per_count};
	struct check_example *x;
	struct counters *k;
	struct sort_key key;
	bool is_new;

	if ((!ev->diag && !ev->sock) || !check_matches(&r->where, ev) || !socket_key(ev, &key))
		return;
	for (int i = 0; i < 1 + r->has_per; i++) {
		uint64_t value, before;

		if (!value_of(fields[i], ev, &value))
			continue;
		k = check_table_get(&r->table, &key, &is_new, forget, r);
		if (!k) {
			c->failed = true;
			return;
		}
		r->seen += is_new;
		before = k->has[i] ? k->last[i] : is_old ? value : 0;
		k->has[i] = true;
		if (value <= before) {
			k->last[i] = before;
			continue;
		}
		k->last[i] = value;
		*sums[i] += value - before;
		x = i == 0 ? check_example_add(c, r) : NULL;
		if (x)
			x->ordinal[0] = c->ordinal;
	}
}

bool check_increase_figure(const struct check *c, const struct check_rule *r,
			   enum check_figure_id id, struct check_figure *f)
{
	bool is_exact = check_lost(c, r) == 0;
	double n = (double)r->count, per = (double)r->per_count;

	if (!r->seen)
		return false;
	if (!r->has_per) {
		*f = (struct check_figure){n, n, is_exact ? n : INFINITY};
		return true;
	}
	if (!r->per_count)
		return false;
	*f = (struct check_figure){n / per, n / per, n / per};
	if (!is_exact) {
		f->low = 0;
		f->high = INFINITY;
	}
	return true;
}

/* ---- the recording itself ---- */

static const char *const recording_names[] = {"lost",       "skipped", "damaged", "unfinished",
					      "unattached", "unknown", "events"};

static uint64_t recording_value(const struct check *c, int i)
{
	uint64_t probes = c->lost_rows > c->lost_total ? c->lost_rows : c->lost_total;
	const uint64_t values[] = {probes + c->lost_sockets,
				   c->skipped,
				   c->damaged,
				   c->unfinished,
				   c->unattached,
				   c->unknown,
				   c->events};

	return values[i];
}

int check_recording_read(struct check *c, struct check_rule *r, const struct yaml *map,
			 struct skbox_error *err)
{
	enum { N = sizeof(recording_names) / sizeof(recording_names[0]) };
	const struct yaml *node = yaml_member(map, "recording");

	for (int i = 0; node->kind == YAML_SCALAR && i < N; i++)
		if (strcmp(recording_names[i], node->text) == 0) {
			r->recording = i;
			r->is_about_loss = i < 2;
			return 0;
		}
	return yaml_error(err, node,
			  "recording: must be lost, skipped, damaged, unfinished, unattached, "
			  "unknown or events");
}

bool check_recording_figure(const struct check *c, const struct check_rule *r,
			    enum check_figure_id id, struct check_figure *f)
{
	uint64_t v = recording_value(c, r->recording);
	bool is_open = r->is_about_loss && c->damaged;

	*f = (struct check_figure){(double)v, (double)v, is_open ? INFINITY : (double)v};
	return true;
}
