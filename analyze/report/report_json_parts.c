/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths, latencies, drops and sockets. */
#include <stdlib.h>
#include <string.h>

#include "analyze/report/report_json.h"
#include "formats/json.h"
#include "formats/sock/sockdiag.h"

/* ---- paths ---- */

static void put_node(const struct report *r, const struct paths_node *node, struct buf *out)
{
	const char *kind = node->kind == PATHS_END ? stats_end_names[node->end] : "probe";

	report_json_item(out);
	if (node->kind == PATHS_OTHER) {
		report_json_text(out, "name", "other", 5);
		kind = "other";
	} else {
		report_json_name(out, "name", &r->stats, node->name);
	}
	report_json_text(out, "kind", kind, strlen(kind));
	buf_u8(out, '}');
}

static void put_link(const struct report *r, const struct paths_graph *g,
		     const struct paths_link *l, struct buf *out)
{
	const struct paths_node *from = &g->node[l->from], *to = &g->node[l->to];
	uint16_t key[2] = {from->name, to->name};
	const struct stats_group *pair = NULL;

	if (from->kind == PATHS_PROBE && to->kind == PATHS_PROBE)
		pair = stats_top_find(&r->stats.pairs, key, sizeof(key));
	report_json_item(out);
	report_json_number(out, "from", l->from);
	report_json_number(out, "to", l->to);
	report_json_number(out, "count", l->count);
	if (pair && pair->hist) {
		report_json_number(out, "p50_ns", stats_hist_quantile(pair->hist, 0.5));
		report_json_number(out, "p99_ns", stats_hist_quantile(pair->hist, 0.99));
	}
	buf_u8(out, '}');
}

static void put_route(const struct report *r, const struct paths_route *route, struct buf *out)
{
	const struct stats_hist *h = route->way->hist;

	report_json_item(out);
	report_json_open(out, "nodes", '[');
	for (uint32_t i = 0; i < route->n; i++)
		buf_printf(out, "%s%u", i ? "," : "", route->node[i]);
	buf_u8(out, ']');
	report_json_number(out, "count", route->way->count);
	json_put_member(out, "share");
	buf_printf(out, "%.6f", (double)route->way->count / (double)r->stats.journeys);
	report_json_number(out, "p50_ns", stats_hist_quantile(h, 0.5));
	report_json_number(out, "p99_ns", stats_hist_quantile(h, 0.99));
	report_json_number(out, "max_ns", h->max);
	buf_u8(out, '}');
}

void report_json_paths(const struct report *r, struct buf *out)
{
	struct paths_graph *g = malloc(sizeof(*g));

	if (!g) {
		out->failed = true;
		return;
	}
	paths_draw(&r->paths, g);
	report_json_open(out, "paths", '{');
	report_json_number(out, "journeys", r->stats.journeys);
	report_json_open(out, "nodes", '[');
	for (uint32_t i = 0; i < g->n_nodes; i++)
		put_node(r, &g->node[i], out);
	buf_u8(out, ']');
	report_json_open(out, "links", '[');
	for (uint32_t i = 0; i < g->n_links; i++)
		put_link(r, g, &g->link[i], out);
	buf_u8(out, ']');
	report_json_open(out, "routes", '[');
	for (uint32_t i = 0; i < g->n_routes; i++)
		put_route(r, &g->route[i], out);
	buf_u8(out, ']');
	if (g->left_out)
		report_json_number(out, "left_out", g->left_out);
	buf_u8(out, '}');
	free(g);
}

/* ---- latencies ---- */

/*
 * Bounds that are about as far from each other on a logarithmic scale, 2^(1/4) at the finest, and are bounds of the
 * histogram's own buckets: nothing is split.
 */
static uint64_t next_bound(uint64_t low, unsigned int parts)
{
	static const uint8_t quarters[] = {32, 38, 45, 54, 64}; /* 32 * 2^(i/4), rounded */
	unsigned int octave, step = 4 / parts;

	if (low < HIST_SUB)
		return low ? low * 2 : 1;
	octave = 63 - (unsigned int)__builtin_clzll(low) - HIST_SUB_BITS;
	for (unsigned int i = step; i < 4; i += step)
		if (low < (uint64_t)quarters[i] << octave)
			return (uint64_t)quarters[i] << octave;
	return octave + HIST_SUB_BITS == 63 ? UINT64_MAX : (uint64_t)64 << octave;
}

static void put_buckets(const struct stats_hist *h, struct buf *out)
{
	unsigned int parts = 4, n = REPORT_BUCKETS + 1;
	uint64_t first = h->min ? UINT64_C(1) << (63 - __builtin_clzll(h->min)) : 0;

	/* 64 octaves fit, each as one */
	for (; n > REPORT_BUCKETS && parts; parts /= n > REPORT_BUCKETS ? 2 : 1) {
		n = 0;
		for (uint64_t low = first; low <= h->max && low != UINT64_MAX; n++)
			low = next_bound(low, parts);
	}
	parts = parts ? parts : 1;
	report_json_open(out, "histogram", '[');
	for (uint64_t low = first, high; low <= h->max && low != UINT64_MAX; low = high) {
		uint64_t count;

		high = next_bound(low, parts);
		count = stats_hist_between(h, low, high);
		if (low != first)
			buf_u8(out, ',');
		buf_u8(out, '[');
		report_json_value(out, low);
		buf_u8(out, ',');
		report_json_value(out, high);
		buf_u8(out, ',');
		report_json_value(out, count);
		buf_u8(out, ']');
	}
	buf_u8(out, ']');
}

void report_json_hops(const struct report *r, struct buf *out)
{
	const struct stats *s = &r->stats;
	uint32_t order[REPORT_HOPS], n = stats_top_sorted(&s->pairs, order, REPORT_HOPS);

	report_json_open(out, "hops", '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->pairs.v[order[i]];
		uint16_t names[2];

		memcpy(names, g->key, sizeof(names));
		report_json_item(out);
		report_json_name(out, "from", s, names[0]);
		report_json_name(out, "to", s, names[1]);
		report_json_number(out, "count", g->count);
		report_json_number(out, "p50_ns", stats_hist_quantile(g->hist, 0.5));
		report_json_number(out, "p90_ns", stats_hist_quantile(g->hist, 0.9));
		report_json_number(out, "p99_ns", stats_hist_quantile(g->hist, 0.99));
		report_json_number(out, "p999_ns", stats_hist_quantile(g->hist, 0.999));
		report_json_number(out, "max_ns", g->hist->max);
		put_buckets(g->hist, out);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
	if (s->pairs.n > n)
		report_json_number(out, "hops_left_out", s->pairs.n - n);
}

/* ---- drops ---- */

static void put_group(const void *name, size_t len, uint64_t count, uint64_t bytes, struct buf *out)
{
	report_json_item(out);
	report_json_short(out, "name", name, len, REPORT_NAME);
	report_json_number(out, "count", count);
	report_json_number(out, "bytes", bytes);
	buf_u8(out, '}');
}

static void put_top(const char *name, const struct stats_top *top, struct buf *out)
{
	uint32_t order[REPORT_ROWS], n = stats_top_sorted(top, order, REPORT_ROWS);

	report_json_open(out, name, '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &top->v[order[i]];

		put_group(g->key, g->key_len, g->count, g->bytes, out);
	}
	buf_u8(out, ']');
}

/* Sums of cells: by place. False: out of memory. */
static bool sum_places(const struct report *r, struct stats_top *places)
{
	if (!stats_top_init(places, REPORT_CELLS))
		return false;
	for (uint32_t i = 0; i < r->cells.n; i++) {
		const struct stats_group *cell = &r->cells.v[i];
		size_t at = strnlen((const char *)cell->key, cell->key_len);
		struct stats_group *g;

		at += at < cell->key_len;
		g = stats_top_add(places, cell->key + at, cell->key_len - at, cell->count);
		if (!g)
			return false;
		g->bytes += cell->bytes;
	}
	return true;
}

static bool is_among(const struct stats_top *top, const uint32_t *order, uint32_t n,
		     const void *key, size_t len)
{
	for (uint32_t i = 0; i < n; i++)
		if (top->v[order[i]].key_len == len && !memcmp(top->v[order[i]].key, key, len))
			return true;
	return false;
}

/* The largest reasons against the largest places. */
static void put_cells(const struct report *r, const struct stats_top *places, struct buf *out)
{
	uint32_t reason[REPORT_SIDE], place[REPORT_SIDE], order[REPORT_CELLS];
	uint32_t reasons = stats_top_sorted(&r->stats.reasons, reason, REPORT_SIDE);
	uint32_t n_places = stats_top_sorted(places, place, REPORT_SIDE);
	uint32_t n = stats_top_sorted(&r->cells, order, REPORT_CELLS);

	report_json_open(out, "cells", '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &r->cells.v[order[i]];
		size_t len = strnlen((const char *)g->key, g->key_len);
		size_t at = len + (len < g->key_len);

		if (!is_among(&r->stats.reasons, reason, reasons, g->key, len) ||
		    !is_among(places, place, n_places, g->key + at, g->key_len - at))
			continue;
		report_json_item(out);
		report_json_short(out, "reason", g->key, len, REPORT_NAME);
		report_json_short(out, "place", g->key + at, g->key_len - at, REPORT_NAME);
		report_json_number(out, "count", g->count);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

void report_json_drops(const struct report *r, struct buf *out)
{
	struct stats_top places = {0};

	report_json_open(out, "drops", '{');
	report_json_number(out, "total", r->stats.drops);
	report_json_number(out, "with_stack", r->stats.drops_stack);
	put_top("by_reason", &r->stats.reasons, out);
	if (sum_places(r, &places)) {
		put_top("by_place", &places, out);
		put_cells(r, &places, out);
	} else {
		out->failed = true;
	}
	put_top("by_flow", &r->stats.flows, out);
	buf_u8(out, '}');
	stats_top_fini(&places);
}

/* ---- sockets ---- */

static void put_marks(const struct report *r, const char *name, const char *left_out,
		      const struct sockets_marks *m, struct buf *out)
{
	report_json_open(out, name, '[');
	for (uint32_t i = 0; i < m->n; i++) {
		if (i)
			buf_u8(out, ',');
		report_json_value(out, report_json_from_zero(r, m->ns[i]));
	}
	buf_u8(out, ']');
	if (m->all > m->n)
		report_json_number(out, left_out, m->all - m->n);
}

static void put_series(const struct report *r, const struct series *s, struct buf *out)
{
	uint64_t last = 0;

	report_json_open(out, "t", '[');
	for (uint32_t i = 0; i < s->n; i++) {
		/* events of several processors may be a little out of order: a line must not go back */
		last = s->v[i].ns > last ? s->v[i].ns : last;
		if (i)
			buf_u8(out, ',');
		report_json_value(out, report_json_from_zero(r, last));
	}
	buf_u8(out, ']');
	report_json_open(out, "series", '{');
	for (int k = 0; k < SERIES_VALUES; k++) {
		bool any = false;

		for (uint32_t i = 0; i < s->n && !any; i++)
			any = s->v[i].v[k] != SERIES_NONE;
		if (!any)
			continue;
		report_json_open(out, sockets_values[k], '[');
		for (uint32_t i = 0; i < s->n; i++) {
			if (i)
				buf_u8(out, ',');
			if (s->v[i].v[k] == SERIES_NONE)
				buf_str(out, "null");
			else
				report_json_value(out, s->v[i].v[k]);
		}
		buf_u8(out, ']');
	}
	buf_u8(out, '}');
}

static void put_reason(struct buf *why, uint64_t n, const char *one, const char *many)
{
	if (!n)
		return;
	if (why->len)
		buf_str(why, ", ");
	buf_printf(why, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

/* "1 segment retransmitted, 2 packets dropped" */
static void put_why(const struct sockets_one *o, struct buf *why)
{
	put_reason(why, stats_socket_retrans(o->k), "segment retransmitted",
		   "segments retransmitted");
	put_reason(why, o->drops.all, "of its packets dropped", "of its packets dropped");
	put_reason(why, o->k->drops - o->k->drops_first, "packet dropped by the socket",
		   "packets dropped by the socket");
	put_reason(why, o->k->full, "snapshot with a full accept queue",
		   "snapshots with a full accept queue");
	if (!why->len)
		buf_str(why, "nothing wrong; among those seen most often");
}

static void put_socket(const struct report *r, const struct sockets_one *o, struct buf *out)
{
	struct buf text = {0};
	const char *state = sockdiag_state_name(o->k->state);

	report_json_item(out);
	if (!o->k->key[1]) {
		buf_hex(&text, o->k->key[0]);
		report_json_text(out, "cookie", text.p, text.len);
	}
	buf_clear(&text);
	report_put_socket(o->k, &text);
	report_json_text(out, "label", text.p, text.len);
	if (o->k->state)
		report_json_text(out, "state", state, strlen(state));
	buf_clear(&text);
	tuple_put_netns(o->netns, &text);
	if (text.len)
		report_json_text(out, "netns", text.p, text.len);
	buf_clear(&text);
	put_why(o, &text);
	report_json_text(out, "why", text.p, text.len);
	buf_clear(&text);
	text_untrusted(&text, o->cong, strlen(o->cong));
	if (text.len)
		report_json_text(out, "cong", text.p, text.len);
	report_json_number(out, "points", o->series.all);
	put_series(r, &o->series, out);
	put_marks(r, "drops", "drops_left_out", &o->drops, out);
	put_marks(r, "retransmits", "retransmits_left_out", &o->retransmits, out);
	buf_u8(out, '}');
	out->failed |= text.failed;
	buf_free(&text);
}

void report_json_sockets(const struct report *r, struct buf *out)
{
	uint32_t order[REPORT_SOCKETS_SHOWN];
	uint32_t n = sockets_sorted(&r->sockets, order, REPORT_SOCKETS_SHOWN), shown = 0;

	report_json_open(out, "sockets", '[');
	for (uint32_t i = 0; i < n; i++) {
		const struct sockets_one *o = &r->sockets.v[order[i]];

		/* where nothing is wrong a few of the busiest are enough */
		if (!sockets_weight(o) && shown >= REPORT_SOCKETS_QUIET)
			break;
		put_socket(r, o, out);
		shown++;
	}
	buf_u8(out, ']');
	report_json_number(out, "sockets_left_out", r->stats.n_sock - shown);
}
