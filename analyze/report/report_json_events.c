/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings with their events, and the timeline. */
#include <stdlib.h>
#include <string.h>

#include "analyze/report/report_json.h"
#include "formats/json.h"

static const char *const levels[] = {
	[REPORT_BAD] = "bad", [REPORT_WARN] = "warn", [REPORT_NOTE] = "note"};

/* An event of one finding; those of the same number are one event of several. */
struct shown {
	const struct kept_event *e;
	const struct kept_slot *slot;
	uint32_t finding;
	bool again; /* as the one before */
};

static int compare(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	if (x->e->ns != y->e->ns)
		return x->e->ns < y->e->ns ? -1 : 1;
	if (x->e->number != y->e->number)
		return x->e->number < y->e->number ? -1 : 1;
	return x->finding < y->finding ? -1 : x->finding > y->finding;
}

/* All of the findings' events in the order of time; *left_out: those that a slot had no room for. */
static struct shown *collect(const struct report *r, const struct report_findings *f, uint32_t *n,
			     uint64_t *left_out)
{
	struct shown *v = calloc(KEPT_SLOTS * KEPT_EVENTS, sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; v && i < f->n; i++) {
		const struct kept_slot *slot =
			f->v[i].slot ? &r->kept.slot[f->v[i].slot - 1] : NULL;

		for (uint32_t k = 0; slot && k < slot->n && *n < KEPT_SLOTS * KEPT_EVENTS; k++)
			v[(*n)++] = (struct shown){&slot->v[k], slot, i, false};
		*left_out += slot ? slot->left_out : 0;
	}
	if (v)
		qsort(v, *n, sizeof(*v), compare);
	for (uint32_t i = 1; i < *n; i++)
		v[i].again = v[i].e->number == v[i - 1].e->number;
	return v;
}

static void put_event(const struct report *r, const struct shown *v, uint32_t n, struct buf *out)
{
	const struct kept_event *e = v->e;
	const char *kind = kept_kind_names[e->kind];
	const char *text = (const char *)v->slot->text.p;

	report_json_item(out);
	report_json_time(out, "t", r, e->ns);
	if (e->probe_len)
		report_json_short(out, "probe", text + e->probe, e->probe_len, REPORT_NAME);
	report_json_text(out, "kind", kind, strlen(kind));
	report_json_open(out, "finding", '[');
	for (uint32_t i = 0; i < n; i++)
		buf_printf(out, "%s%u", i ? "," : "", v[i].finding);
	buf_u8(out, ']');
	report_json_text(out, "text", text + e->text, e->text_len);
	buf_u8(out, '}');
}

static void put_finding(const struct report *r, const struct report_finding *f, uint32_t id,
			const struct shown *v, uint32_t n, struct buf *out)
{
	uint32_t index = 0;

	report_json_item(out);
	report_json_number(out, "id", id);
	report_json_text(out, "kind", f->kind, strlen(f->kind));
	report_json_text(out, "level", levels[f->level], strlen(levels[f->level]));
	report_json_short(out, "title", f->title.p, f->title.len, REPORT_WORDS);
	report_json_number(out, "count", f->count);
	if (f->advice)
		report_json_text(out, "advice", f->advice, strlen(f->advice));
	if (f->first_ns)
		report_json_time(out, "first", r, f->first_ns);
	/* words that were cut would choose something else */
	if (f->where.len && f->where.len <= REPORT_WORDS)
		report_json_text(out, "where", f->where.p, f->where.len);
	report_json_open(out, "events", '[');
	for (uint32_t i = 0; i < n; i++) {
		index += i && !v[i].again;
		if (v[i].finding == id)
			buf_printf(out, "%s%u", out->p[out->len - 1] == '[' ? "" : ",", index);
	}
	buf_str(out, "]}");
}

void report_json_events(struct report *r, const struct report_findings *f, struct buf *out)
{
	struct buf events = {0};
	uint64_t left_out = 0, bytes = 0;
	uint32_t n, shown = 0;
	struct shown *v = collect(r, f, &n, &left_out);

	if (!v) {
		out->failed = true;
		return;
	}
	buf_u8(&events, '[');
	while (shown < n && bytes < REPORT_EVENT_BYTES && !events.failed) {
		uint32_t same = 1;
		size_t from = events.len;

		while (shown + same < n && v[shown + same].again)
			same++;
		put_event(r, &v[shown], same, &events);
		bytes += report_guarded(events.p + from, events.len - from);
		shown += same;
	}
	buf_u8(&events, ']');
	left_out += n - shown;
	report_json_open(out, "findings", '[');
	for (uint32_t i = 0; i < f->n; i++)
		put_finding(r, &f->v[i], i, v, shown, out);
	buf_u8(out, ']');
	report_json_number(out, "more_findings", f->more);
	json_put_member(out, "events");
	buf_put(out, events.p, events.len);
	report_json_number(out, "events_left_out", left_out);
	out->failed |= events.failed;
	buf_free(&events);
	free(v);
}

/* ---- the timeline ---- */

static void put_bins(const struct timeline_bins *bins, struct buf *out)
{
	static const char *const names[TIMELINE_KINDS] = {"events", "bytes", "drops", "retransmits",
							  "lost"};

	for (int k = 0; k < TIMELINE_KINDS; k++) {
		report_json_open(out, names[k], '[');
		for (uint32_t i = 0; i < bins->n; i++) {
			if (i)
				buf_u8(out, ',');
			report_json_value(out, bins->v[k][i]);
		}
		buf_u8(out, ']');
	}
}

void report_json_timeline(const struct report *r, struct buf *out)
{
	struct timeline_bins *bins = malloc(sizeof(*bins));

	if (!bins) {
		out->failed = true;
		return;
	}
	timeline_fold(&r->timeline, r->stats.first_ns, r->stats.last_ns, TIMELINE_BINS, bins);
	report_json_open(out, "timeline", '{');
	report_json_number(out, "bin_ns", bins->n ? bins->bin_ns : 1);
	report_json_number(out, "n", bins->n);
	if (bins->start_ns) {
		json_put_member(out, "start_ns");
		buf_int(out, bins->start_ns);
	}
	put_bins(bins, out);
	report_json_open(out, "gaps", '[');
	for (uint32_t i = 0; i < r->n_gaps; i++) {
		const struct report_gap *g = &r->gaps[i];

		report_json_item(out);
		report_json_time(out, "from", r, g->from_ns);
		report_json_time(out, "to", r, g->to_ns);
		report_json_number(out, "lost", g->lost);
		if (g->probe)
			report_json_name(out, "probe", &r->stats, g->probe);
		buf_u8(out, '}');
	}
	buf_str(out, "]}");
	free(bins);
}
