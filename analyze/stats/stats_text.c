/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "analyze/stats/stats.h"

enum {
	COLUMNS_MAX = 16,
	CAUSES_SHOWN = 5,
	FINDINGS_SHOWN = 3,
	SLOW_NS = 10 * 1000 * 1000, /* a packet under way for longer is worth a line at the top */
	FIRST_OCTAVE = 6,  /* histograms begin at 64 ns and have a column for 4 times as much */
	HIST_COLUMNS = 14, /* to 64 ns * 4^14: 17 s */
};

/* ---- tables ---- */

/* Cells of a table, each ended by a NUL; columns are as wide as they need. */
struct table {
	struct buf cells;
	unsigned int columns, n; /* n: cells so far */
	uint32_t right;          /* bit per column: aligned to the right */
	bool hide_head;
};

static struct table table_of(unsigned int columns, uint32_t right)
{
	return (struct table){.columns = columns, .right = right};
}

/* Ends the cell that was appended to t->cells. */
static void cell_end(struct table *t)
{
	buf_u8(&t->cells, 0);
	t->n++;
}

static void cell(struct table *t, const char *text)
{
	buf_str(&t->cells, text);
	cell_end(t);
}

static void cell_bytes(struct table *t, const void *p, size_t len)
{
	buf_put(&t->cells, p, len);
	cell_end(t);
}

static void cell_number(struct table *t, uint64_t v)
{
	buf_dec(&t->cells, v);
	cell_end(t);
}

static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((uint8_t)*text & 0xc0) != 0x80;
	return n;
}

static void table_put(struct table *t, struct buf *out)
{
	size_t widest[COLUMNS_MAX] = {0};
	const char *p = (const char *)t->cells.p;
	unsigned int i;

	for (i = 0; !t->cells.failed && i < t->n; i++, p += strlen(p) + 1)
		if (width(p) > widest[i % t->columns])
			widest[i % t->columns] = width(p);
	p = (const char *)t->cells.p;
	for (i = 0; !t->cells.failed && i < t->n; i++, p += strlen(p) + 1) {
		unsigned int column = i % t->columns;
		int pad = (int)(widest[column] - width(p));
		bool right = t->right >> column & 1, last = column + 1 == t->columns;

		buf_printf(out, "%s%*s%s%*s", column ? "  " : "  ", right ? pad : 0, "", p,
			   right || last ? 0 : pad, "");
		if (last)
			buf_u8(out, '\n');
	}
	buf_free(&t->cells);
}

/* ---- values ---- */

static void put_ns(uint64_t ns, struct buf *out)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (ns >= units[i].unit) {
			double v = (double)ns / (double)units[i].unit;

			buf_printf(out, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, units[i].name);
			return;
		}
	buf_printf(out, "%llu ns", (unsigned long long)ns);
}

static void cell_ns(struct table *t, uint64_t ns)
{
	put_ns(ns, &t->cells);
	cell_end(t);
}

static void put_name(const struct stats *s, uint16_t name, struct buf *out)
{
	struct ev_str text = stats_name_text(s, name);

	text_untrusted(out, text.p, text.len);
}

static void cell_name(const struct stats *s, struct table *t, uint16_t name)
{
	put_name(s, name, &t->cells);
	cell_end(t);
}

static void put_end(const struct stats *s, enum stats_end end, uint16_t what, struct buf *out)
{
	static const char *const words[STATS_ENDS] = {
		"dropped, ",     "left by ",
		"delivered at ", "received, not seen after, on ",
		"seen last at ", "unknown (losses), last at ",
	};

	buf_str(out, words[end]);
	put_name(s, what, out);
}

static void cell_percent(struct table *t, uint64_t part, uint64_t all)
{
	buf_printf(&t->cells, "%.1f%%", all ? 100.0 * (double)part / (double)all : 0.0);
	cell_end(t);
}

/* One character for each factor of four, its height the logarithm of the share. */
static void put_bars(const struct stats_hist *h, struct buf *out)
{
	static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint64_t n[HIST_COLUMNS] = {0}, most = 1;

	for (unsigned int bit = 0; bit < 64; bit++) {
		unsigned int column = bit < FIRST_OCTAVE ? 0 : (bit - FIRST_OCTAVE) / 2;

		n[column < HIST_COLUMNS ? column : HIST_COLUMNS - 1] += stats_hist_octave(h, bit);
	}
	for (unsigned int i = 0; i < HIST_COLUMNS; i++)
		if (n[i] > most)
			most = n[i];
	for (unsigned int i = 0; i < HIST_COLUMNS; i++)
		buf_str(out, bars[n[i] ? 1 + n[i] * 7 / most : 0]);
}

static void cell_quantiles(struct table *t, const struct stats_hist *h)
{
	cell_ns(t, stats_hist_quantile(h, 0.5));
	cell_ns(t, stats_hist_quantile(h, 0.9));
	cell_ns(t, stats_hist_quantile(h, 0.99));
	cell_ns(t, stats_hist_quantile(h, 0.999));
	cell_ns(t, h->max);
}

static void title(struct buf *out, const char *text)
{
	buf_printf(out, "\n%s\n", text);
}

/* What a table of groups cannot know for want of room. */
static void put_limits(const struct stats_top *t, const char *what, struct buf *out)
{
	const struct stats_group *least = t->heap ? &t->v[t->heap[0]] : NULL;

	if (least)
		buf_printf(out,
			   "  approximate: there are more than %u %s; a count may be up to %llu "
			   "too high\n",
			   t->cap, what, (unsigned long long)least->count);
}

/* ---- the recording ---- */

static void put_head(struct stats *s, struct buf *out)
{
	uint64_t packets = s->journeys + s->untracked;

	buf_printf(out, "%llu events", (unsigned long long)s->events);
	if (s->events) {
		buf_str(out, " from ");
		text_time(&s->text, s->first_ns, out);
		buf_str(out, " on, in ");
		put_ns(s->last_ns - s->first_ns, out);
	}
	buf_printf(out, ": %s%llu packets seen %llu times", s->closed_early ? "about " : "",
		   (unsigned long long)packets, (unsigned long long)s->packets);
	if (s->sockets)
		buf_printf(out, ", %llu snapshots of %u sockets", (unsigned long long)s->sockets,
			   s->n_sock);
	buf_u8(out, '\n');
}

/* ---- what is wrong ---- */

static void find_losses(const struct stats *s, struct buf *out)
{
	uint32_t order[1];
	uint64_t lost = stats_lost(s);

	if (!lost)
		return;
	buf_printf(out, "  %llu events are not in this recording", (unsigned long long)lost);
	if (stats_top_sorted(&s->losses, order, 1)) {
		const struct stats_group *g = &s->losses.v[order[0]];

		buf_str(out, ", most at ");
		buf_put(out, g->key, g->key_len);
	}
	buf_str(out, ": what follows counts too little (record with a larger --buffer)\n");
}

static void find_file(const struct stats *s, struct buf *out)
{
	uint32_t order[FINDINGS_SHOWN], n = stats_top_sorted(&s->missing, order, FINDINGS_SHOWN);

	if (s->damaged)
		buf_printf(out, "  the file is damaged at %llu places: what they held is missing\n",
			   (unsigned long long)s->damaged);
	if (s->unfinished)
		buf_str(out, "  the recording was not finished: its recorder was killed, or still "
			     "runs\n");
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->missing.v[order[i]];

		buf_str(out, "  a probe did not attach: ");
		buf_put(out, g->key, g->key_len);
		buf_u8(out, '\n');
	}
	if (s->missing.n > n)
		buf_printf(out, "  and %u more probes\n", s->missing.n - n);
}

/* "12 drops: NO_SOCKET on eth0, UDP 10.0.0.1:1 > 10.0.0.2:9", the largest groups. */
static void find_drops(const struct stats *s, struct buf *out)
{
	uint32_t order[CAUSES_SHOWN], n = stats_top_sorted(&s->causes, order, CAUSES_SHOWN);
	uint64_t shown = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->causes.v[order[i]];
		const char *reason = (const char *)g->key;
		size_t reason_len = strnlen(reason, g->key_len), dev_len, left;
		const char *dev = reason + reason_len + 1;

		/* a key that was cut may lack a part */
		if (reason_len + 1 >= g->key_len)
			continue;
		left = g->key_len - reason_len - 1;
		dev_len = strnlen(dev, left);
		buf_printf(out, "  %llu dropped: %.*s on %.*s", (unsigned long long)g->count,
			   (int)reason_len, reason, (int)dev_len, dev);
		if (dev_len + 1 < left)
			buf_printf(out, ", %.*s", (int)(left - dev_len - 1), dev + dev_len + 1);
		buf_u8(out, '\n');
		shown += g->count - g->error;
	}
	if (s->drops > shown)
		buf_printf(out, "  %llu more dropped\n", (unsigned long long)(s->drops - shown));
}

static void put_tuple(const struct stats_socket *k, struct buf *out)
{
	if (!k->tuple) {
		buf_printf(out, "sk:%llx", (unsigned long long)k->key[0]);
		return;
	}
	stats_endpoint_put(k->family, k->src, k->sport, out);
	if (k->listen)
		return;
	buf_u8(out, ' ');
	stats_endpoint_put(k->family, k->dst, k->dport, out);
}

static void find_sockets(const struct stats *s, struct buf *out)
{
	const struct stats_socket *v[FINDINGS_SHOWN];
	uint64_t all = stats_retransmits(s);
	uint32_t n = stats_socket_top(s, false, v, FINDINGS_SHOWN);

	if (all) {
		buf_printf(out, "  %llu segment%s retransmitted", (unsigned long long)all,
			   all == 1 ? "" : "s");
		for (uint32_t i = 0; i < n; i++) {
			buf_printf(out, "%s%llu by ", i ? ", " : ": ",
				   (unsigned long long)stats_socket_retrans(v[i]));
			put_tuple(v[i], out);
		}
		buf_u8(out, '\n');
	}
	n = stats_socket_top(s, true, v, FINDINGS_SHOWN);
	for (uint32_t i = 0; i < n; i++) {
		buf_str(out, "  the accept queue of ");
		put_tuple(v[i], out);
		buf_printf(out, " was full: %u waited, %u may\n", v[i]->queue, v[i]->queue_limit);
	}
}

static void find_slow(const struct stats *s, struct buf *out)
{
	const struct stats_slow *slow = &s->slowest[0];

	if (!s->n_slowest || slow->ns < SLOW_NS)
		return;
	buf_str(out, "  a packet was under way for ");
	put_ns(slow->ns, out);
	buf_str(out, ": ");
	stats_flow_put(&slow->flow, out);
	buf_str(out, ", from ");
	put_name(s, slow->first_place, out);
	buf_str(out, " to ");
	put_name(s, slow->last_place, out);
	buf_u8(out, '\n');
}

static void put_findings(const struct stats *s, struct buf *out)
{
	size_t len;

	title(out, "What is wrong");
	len = out->len;
	find_losses(s, out);
	find_file(s, out);
	find_drops(s, out);
	find_sockets(s, out);
	find_slow(s, out);
	if (out->len == len)
		buf_str(out, "  nothing that this recording shows: no losses, drops, retransmits "
			     "or slow packets\n");
}

/* ---- tables ---- */

static void put_drops_by(const struct stats *s, const char *head, const struct stats_top *top,
			 struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(top, order, s->o.top);
	struct table t = table_of(4, 1 << 0 | 1 << 1 | 1 << 2);

	if (!n)
		return;
	cell(&t, "drops");
	cell(&t, "share");
	cell(&t, "bytes");
	cell(&t, head);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &top->v[order[i]];

		cell_number(&t, g->count);
		cell_percent(&t, g->count, s->drops);
		cell_number(&t, g->bytes);
		cell_bytes(&t, g->key, g->key_len);
	}
	table_put(&t, out);
	put_limits(top, "of them", out);
}

static void put_drops(const struct stats *s, struct buf *out)
{
	if (!s->drops)
		return;
	buf_printf(out, "\nDrops: %llu\n", (unsigned long long)s->drops);
	put_drops_by(s, "reason", &s->reasons, out);
	put_drops_by(s, "device", &s->devs, out);
	put_drops_by(s, "function", &s->functions, out);
	if (s->drops_stack < s->drops)
		buf_printf(out,
			   "  %llu without a stack: record with --stack to see the functions\n",
			   (unsigned long long)(s->drops - s->drops_stack));
	put_drops_by(s, "flow", &s->flows, out);
}

static void put_pairs(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->pairs, order, s->o.top);
	struct table t = table_of(9, 0x3f);

	if (!n)
		return;
	title(out, "Latency per hop, from one probe to the next (within 1.6 %; bars from 64 ns on, "
		   "each 4 times the one before)");
	for (int i = 0; i < 9; i++)
		cell(&t, (const char *const[]){"hops", "p50", "p90", "p99", "p99.9", "max", "bars",
					       "from", "to"}[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->pairs.v[order[i]];
		uint16_t key[2];

		memcpy(key, g->key, sizeof(key));
		cell_number(&t, g->count);
		cell_quantiles(&t, g->hist);
		put_bars(g->hist, &t.cells);
		cell_end(&t);
		cell_name(s, &t, key[0]);
		cell_name(s, &t, key[1]);
	}
	table_put(&t, out);
	if (s->pairs.n > n)
		buf_printf(out, "  and %u more pairs (--top)\n", s->pairs.n - n);
	put_limits(&s->pairs, "pairs", out);
}

static void put_slowest(struct stats *s, struct buf *out)
{
	struct table t = table_of(6, 1 << 0 | 1 << 2);

	if (!s->n_slowest)
		return;
	title(out, "Slowest packets");
	for (int i = 0; i < 6; i++)
		cell(&t,
		     (const char *const[]){"time", "begun", "events", "from", "end", "packet"}[i]);
	for (unsigned int i = 0; i < s->n_slowest; i++) {
		const struct stats_slow *slow = &s->slowest[i];

		cell_ns(&t, slow->ns);
		text_time(&s->text, slow->first_ns, &t.cells);
		cell_end(&t);
		cell_number(&t, slow->events);
		cell_name(s, &t, slow->first_place);
		put_end(s, slow->end, slow->what, &t.cells);
		cell_end(&t);
		stats_flow_put(&slow->flow, &t.cells);
		cell_end(&t);
	}
	table_put(&t, out);
}

static void put_sockets(const struct stats *s, struct buf *out)
{
	const struct stats_socket *v[STATS_SLOWEST];
	uint32_t n = stats_socket_top(s, false, v, s->o.top);
	struct table t = table_of(5, 0xf);

	if (!n)
		return;
	title(out, "Retransmitting sockets");
	for (int i = 0; i < 5; i++)
		cell(&t, (const char *const[]){"segments", "bytes", "rtt", "dropped", "socket"}[i]);
	for (uint32_t i = 0; i < n; i++) {
		cell_number(&t, stats_socket_retrans(v[i]));
		cell_number(&t, v[i]->bytes_retrans);
		cell_ns(&t, (uint64_t)v[i]->rtt_us * 1000);
		cell_number(&t, v[i]->drops - v[i]->drops_first);
		put_tuple(v[i], &t.cells);
		cell_end(&t);
	}
	table_put(&t, out);
	if (s->sock_left_out)
		buf_printf(out, "  more than %d sockets: %llu snapshots of others are not in it\n",
			   STATS_SOCKETS, (unsigned long long)s->sock_left_out);
}

static void put_losses(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->losses, order, s->o.top);
	struct table t = table_of(2, 1);

	if (!n)
		return;
	title(out, "Losses");
	cell(&t, "events");
	cell(&t, "probe");
	for (uint32_t i = 0; i < n; i++) {
		cell_number(&t, s->losses.v[order[i]].count);
		cell_bytes(&t, s->losses.v[order[i]].key, s->losses.v[order[i]].key_len);
	}
	table_put(&t, out);
}

static void put_routes(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->routes, order, s->o.top);
	struct table t = table_of(9, 0x3f);

	buf_printf(out, "\nJourneys: %llu", (unsigned long long)s->journeys);
	for (int i = 0; i < STATS_ENDS; i++)
		if (s->ends[i])
			buf_printf(out, ", %llu %s", (unsigned long long)s->ends[i],
				   stats_end_names[i]);
	buf_u8(out, '\n');
	if (!n)
		return;
	for (int i = 0; i < 9; i++)
		cell(&t, (const char *const[]){"packets", "share", "events", "p50", "p99", "max",
					       "first", "last", "end"}[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->routes.v[order[i]];
		uint16_t key[4];

		memcpy(key, g->key, sizeof(key));
		cell_number(&t, g->count);
		cell_percent(&t, g->count, s->journeys);
		buf_printf(&t.cells, "%.1f", (double)g->value / (double)(g->count - g->error));
		cell_end(&t);
		cell_ns(&t, stats_hist_quantile(g->hist, 0.5));
		cell_ns(&t, stats_hist_quantile(g->hist, 0.99));
		cell_ns(&t, g->hist->max);
		cell_name(s, &t, key[0]);
		cell_name(s, &t, key[1]);
		put_end(s, (enum stats_end)key[2], key[3], &t.cells);
		cell_end(&t);
	}
	table_put(&t, out);
	put_limits(&s->routes, "kinds of journeys", out);
	if (s->untracked)
		buf_printf(out, "  %llu packets belong to no journey\n",
			   (unsigned long long)s->untracked);
	if (s->heuristic)
		buf_str(out, "  which packet it is was told from its headers (tracking heuristic): "
			     "now and then wrong\n");
	if (s->closed_early)
		buf_printf(
			out,
			"  more than %d at one time: %llu were closed early and may count twice\n",
			STATS_JOURNEYS, (unsigned long long)s->closed_early);
}

static void put_by(const struct stats *s, struct buf *out)
{
	uint32_t order[STATS_SLOWEST], n = stats_top_sorted(&s->by, order, s->o.top);
	struct table t = table_of(4 + s->o.n_by, 0xf);

	cell(&t, "events");
	cell(&t, "packets");
	cell(&t, "bytes");
	cell(&t, "drops");
	for (unsigned int i = 0; i < s->o.n_by; i++)
		cell(&t, s->o.by[i].name);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &s->by.v[order[i]];
		const char *p = (const char *)g->key, *end = p + g->key_len;

		cell_number(&t, g->count);
		buf_printf(&t.cells, "%s%llu", stats_distinct_approximate(&g->distinct) ? "~" : "",
			   (unsigned long long)stats_distinct_count(&g->distinct));
		cell_end(&t);
		cell_number(&t, g->bytes);
		cell_number(&t, g->value);
		for (unsigned int k = 0; k < s->o.n_by; k++) {
			size_t len = p < end ? strnlen(p, (size_t)(end - p)) : 0;

			if (p >= end || *p == 1)
				cell(&t, "-");
			else
				cell_bytes(&t, p, len);
			p += len + 1;
		}
	}
	buf_u8(out, '\n');
	table_put(&t, out);
	if (s->by.n > n)
		buf_printf(out, "  and %u more groups (--top)\n", s->by.n - n);
	put_limits(&s->by, "groups", out);
	if (s->without_by)
		buf_printf(out, "  %llu events have none of these fields\n",
			   (unsigned long long)s->without_by);
}

void stats_put_text(struct stats *s, struct buf *out)
{
	put_head(s, out);
	if (s->o.n_by) {
		put_by(s, out);
		return;
	}
	if (s->o.by_journey) {
		put_routes(s, out);
		put_slowest(s, out);
		return;
	}
	put_findings(s, out);
	put_drops(s, out);
	put_routes(s, out);
	put_pairs(s, out);
	put_slowest(s, out);
	put_sockets(s, out);
	put_losses(s, out);
}
