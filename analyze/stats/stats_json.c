/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/stats.md has the keys. */
#include <string.h>

#include "analyze/stats/stats.h"
#include "formats/json.h"

/* ---- members ---- */

static void number(struct buf *out, const char *name, uint64_t v)
{
	json_put_member(out, name);
	buf_dec(out, v);
}

static void text(struct buf *out, const char *name, const void *p, size_t len)
{
	json_put_member(out, name);
	json_put_string(out, p, len);
}

static void word(struct buf *out, const char *name, bool v)
{
	json_put_member(out, name);
	buf_str(out, v ? "true" : "false");
}

static void open_list(struct buf *out, const char *name)
{
	json_put_member(out, name);
	buf_u8(out, '[');
}

static void open_item(struct buf *out)
{
	if (out->p[out->len - 1] != '[')
		buf_u8(out, ',');
	buf_u8(out, '{');
}

static void name_of(const struct stats *s, struct buf *out, const char *name, uint16_t id)
{
	struct ev_str v = stats_name_text(s, id);

	text(out, name, v.p, v.len);
}

static void put_flow(struct stats *s, const struct stats_flow *flow, struct buf *out)
{
	buf_clear(&s->scratch);
	stats_flow_put(flow, &s->scratch);
	text(out, "flow", s->scratch.p, s->scratch.len);
}

static void put_quantiles(const struct stats_hist *h, struct buf *out)
{
	number(out, "p50_ns", stats_hist_quantile(h, 0.5));
	number(out, "p90_ns", stats_hist_quantile(h, 0.9));
	number(out, "p99_ns", stats_hist_quantile(h, 0.99));
	number(out, "p999_ns", stats_hist_quantile(h, 0.999));
	number(out, "max_ns", h->max);
}

/* [[from, count], ...]: values from `from` to twice as much. */
static void put_histogram(const struct stats_hist *h, struct buf *out)
{
	bool any = false;

	open_list(out, "histogram_ns");
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t n = stats_hist_octave(h, bit);

		if (!n)
			continue;
		buf_printf(out, "%s[%llu,%llu]", any ? "," : "", bit ? 1ULL << bit : 0ULL,
			   (unsigned long long)n);
		any = true;
	}
	buf_u8(out, ']');
}

/* ---- parts ---- */

static void put_top(const struct stats *s, const char *name, const char *what, const char *count,
		    const struct stats_top *top, bool bytes, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(top, order, s->o.top);

	open_list(out, name);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &top->v[order[i]];

		open_item(out);
		text(out, what, g->key, g->key_len);
		number(out, count, g->count);
		if (g->error)
			number(out, "at_most_too_high", g->error);
		if (bytes)
			number(out, "bytes", g->bytes);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static void put_pairs(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->pairs, order, s->o.top);

	open_list(out, "latency");
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->pairs.v[order[i]];
		uint16_t names[2];

		memcpy(names, g->key, sizeof(names));
		open_item(out);
		name_of(s, out, "from", names[0]);
		name_of(s, out, "to", names[1]);
		number(out, "hops", g->count);
		put_quantiles(g->hist, out);
		put_histogram(g->hist, out);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static void put_end(const struct stats *s, enum stats_end end, uint16_t what, struct buf *out)
{
	text(out, "end", stats_end_names[end], strlen(stats_end_names[end]));
	name_of(s, out, "end_at", what);
}

static void put_journeys(struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->routes, order, s->o.top);

	number(out, "journeys", s->journeys);
	number(out, "journeys_closed_early", s->closed_early);
	number(out, "untracked", s->untracked);
	word(out, "tracking_heuristic", s->heuristic);
	json_put_member(out, "ends");
	buf_u8(out, '{');
	for (int i = 0; i < STATS_ENDS; i++)
		number(out, stats_end_names[i], s->ends[i]);
	buf_u8(out, '}');
	json_put_member(out, "durations");
	buf_u8(out, '{');
	put_quantiles(&s->durations, out);
	put_histogram(&s->durations, out);
	buf_u8(out, '}');
	open_list(out, "routes");
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->routes.v[order[i]];
		uint16_t names[4];

		memcpy(names, g->key, sizeof(names));
		open_item(out);
		name_of(s, out, "first", names[0]);
		name_of(s, out, "last", names[1]);
		put_end(s, (enum stats_end)names[2], names[3], out);
		number(out, "journeys", g->count);
		number(out, "events", g->value);
		put_quantiles(g->hist, out);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
	open_list(out, "slowest");
	for (unsigned int i = 0; i < s->n_slowest; i++) {
		const struct stats_slow *slow = &s->slowest[i];

		open_item(out);
		number(out, "duration_ns", slow->ns);
		number(out, "time", slow->first_ns);
		number(out, "track.time", slow->key[0]);
		number(out, "track.head", slow->key[1]);
		number(out, "events", slow->events);
		name_of(s, out, "first", slow->first_place);
		name_of(s, out, "last", slow->last_place);
		put_end(s, slow->end, slow->what, out);
		put_flow(s, &slow->flow, out);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static void put_tuple(struct stats *s, const struct stats_socket *k, struct buf *out)
{
	if (!k->key[1])
		number(out, "cookie", k->key[0]);
	if (!k->tuple)
		return;
	buf_clear(&s->scratch);
	stats_endpoint_put(k->family, k->src, k->sport, &s->scratch);
	text(out, "local", s->scratch.p, s->scratch.len);
	buf_clear(&s->scratch);
	stats_endpoint_put(k->family, k->dst, k->dport, &s->scratch);
	text(out, "remote", s->scratch.p, s->scratch.len);
}

static void put_sockets(struct stats *s, struct buf *out)
{
	const struct stats_socket *v[STATS_SLOWEST];
	uint32_t n = stats_socket_top(s, false, v, s->o.top);

	number(out, "snapshots", s->sockets);
	number(out, "sockets", s->n_sock);
	number(out, "snapshots_left_out", s->sock_left_out);
	number(out, "retransmits", stats_retransmits(s));
	open_list(out, "retransmitting");
	for (uint32_t i = 0; i < n; i++) {
		open_item(out);
		put_tuple(s, v[i], out);
		number(out, "retransmits", stats_socket_retrans(v[i]));
		number(out, "bytes_retrans", v[i]->bytes_retrans);
		number(out, "rtt_us", v[i]->rtt_us);
		number(out, "drops", v[i]->drops - v[i]->drops_first);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
	n = stats_socket_top(s, true, v, s->o.top);
	open_list(out, "full_accept_queues");
	for (uint32_t i = 0; i < n; i++) {
		open_item(out);
		put_tuple(s, v[i], out);
		number(out, "waited", v[i]->queue);
		number(out, "limit", v[i]->queue_limit);
		number(out, "snapshots", v[i]->full);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

/* A value of a group's key: a number where the field is one. */
static void put_value(const struct stats_field *f, const char *p, size_t len, struct buf *out)
{
	bool is_number = f->kind == BY_FIELD && f->field.kind == FIELD_INT;

	json_put_member(out, f->name);
	if (!p || (len == 1 && *p == 1))
		buf_str(out, "null");
	else if (is_number)
		buf_put(out, p, len);
	else
		json_put_string(out, p, len);
}

static void put_by(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->by, order, s->o.top);

	number(out, "groups", s->by.n);
	word(out, "approximate", s->by.pushed_out > 0);
	number(out, "without", s->without_by);
	open_list(out, "by");
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->by.v[order[i]];
		const char *p = (const char *)g->key, *end = p + g->key_len;

		open_item(out);
		for (unsigned int k = 0; k < s->o.n_by; k++) {
			size_t len = p < end ? strnlen(p, (size_t)(end - p)) : 0;

			put_value(&s->o.by[k], p < end ? p : NULL, len, out);
			p = p < end ? p + len + 1 : end;
		}
		number(out, "events", g->count);
		if (g->error)
			number(out, "at_most_too_high", g->error);
		number(out, "packets", stats_distinct_count(&g->distinct));
		word(out, "packets_approximate", stats_distinct_approximate(&g->distinct));
		number(out, "bytes", g->bytes);
		number(out, "drops", g->value);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

void stats_put_json(struct stats *s, struct buf *out)
{
	buf_u8(out, '{');
	number(out, "events", s->events);
	number(out, "packets", s->journeys + s->untracked);
	number(out, "packet_events", s->packets);
	number(out, "bytes", s->bytes);
	number(out, "first", s->first_ns);
	number(out, "last", s->last_ns);
	number(out, "losses", stats_lost(s));
	put_top(s, "losses_by_probe", "probe", "events", &s->losses, false, out);
	number(out, "damaged", s->damaged);
	word(out, "finished", s->unfinished == 0);
	put_top(s, "unattached", "probe", "times", &s->missing, false, out);
	if (s->o.n_by) {
		put_by(s, out);
	} else {
		number(out, "drops", s->drops);
		put_top(s, "drops_by_reason", "reason", "drops", &s->reasons, true, out);
		put_top(s, "drops_by_device", "device", "drops", &s->devs, true, out);
		put_top(s, "drops_by_function", "function", "drops", &s->functions, true, out);
		put_top(s, "drops_by_flow", "flow", "drops", &s->flows, true, out);
		put_journeys(s, out);
		put_pairs(s, out);
		put_sockets(s, out);
	}
	buf_str(out, "}\n");
}
