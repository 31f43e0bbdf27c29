/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter_packet.h"
#include "analyze/sort/journey.h"
#include "analyze/sort/journey_spool.h"
#include "analyze/source/source.h"
#include "analyze/filter/where.h"
#include "cli/terminal.h"

/* Characters of an expression that a message shows around the column that is wrong. */
enum { SHOWN_BEFORE = 40, SHOWN = 72 };

struct probe_pattern {
	const char *type; /* as in kernel.probe_type; NULL: any */
	const char *pattern;
	uint64_t sketch; /* bit in a block's summary; 0: has wildcards */
};

/* Which reading of the inputs it is. */
enum pass {
	PASS_SHOW,    /* the last one, of which the command sees the events */
	PASS_LAST,    /* looks for the latest time */
	PASS_JOURNEY, /* collects the journeys of what matches */
};

struct filter {
	struct filter_options o;
	struct filter_packet *packet;
	struct where **where;
	const uint8_t **matches; /* of each expression: a byte an event of the batch */
	size_t n_where;
	uint32_t batch_events;
	struct probe_pattern *probes;
	size_t n_probes;
	uint64_t passed;
	uint64_t lost; /* of the newest block's summary */

	struct filter_clock clock;
	bool has_times; /* since_ns and until_ns hold for the batch */
	uint64_t since_ns, until_ns;

	enum pass pass;
	bool want_sockets;
	struct journey_set *journeys;
	struct journey_spool *spool;
	/* the command's own word about blocks */
	bool (*also)(void *ctx, const struct skbx_summary *summary);
	void *also_ctx;
};

bool filter_glob(const char *pattern, const char *text, size_t len)
{
	const char *star = NULL;
	size_t i = 0, mark = 0;

	/* one point to come back to is enough: a later star takes what an earlier one could */
	while (i < len) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = i;
		} else if (*pattern && (*pattern == '?' || *pattern == text[i])) {
			pattern++;
			i++;
		} else if (star) {
			pattern = star;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

/* ---- compiling ---- */

/* The expression, the part around the column, and a mark below it. */
static void say_where(const char *text, const struct where_error *err)
{
	size_t from = err->at > SHOWN_BEFORE ? err->at - SHOWN_BEFORE : 0;

	terminal_error("-w: column %zu: %s", err->at + 1, err->text);
	terminal_error("  %s%.*s", from ? "..." : "", SHOWN, text + from);
	terminal_error("  %*s^", (int)(err->at - from + (from ? 3 : 0)), "");
}

static int compile_where(struct filter *f)
{
	size_t n = f->o.where.n;
	struct where_error err;

	if (!n)
		return 0;
	f->where = calloc(n, sizeof(*f->where));
	f->matches = calloc(n, sizeof(*f->matches));
	if (!f->where || !f->matches)
		return -ENOMEM;
	for (; f->n_where < n; f->n_where++) {
		int rc = where_parse(&f->where[f->n_where], f->o.where.v[f->n_where], &err);

		if (rc < 0) {
			if (rc == -EINVAL)
				say_where(f->o.where.v[f->n_where], &err);
			return rc;
		}
	}
	return 0;
}

/* "kprobe:tcp_v4_rcv", "tp:net:*", "net:*": the words that Retis and the recorder know. */
static int compile_probes(struct filter *f)
{
	static const struct {
		const char *word, *type;
	} types[] = {
		{"tp:", "raw_tracepoint"}, {"raw_tracepoint:", "raw_tracepoint"},
		{"k:", "kprobe"},          {"kprobe:", "kprobe"},
		{"kr:", "kretprobe"},      {"kretprobe:", "kretprobe"},
	};

	if (!f->o.probes.n)
		return 0;
	f->probes = calloc(f->o.probes.n, sizeof(*f->probes));
	if (!f->probes)
		return -ENOMEM;
	for (size_t i = 0; i < f->o.probes.n; i++) {
		struct probe_pattern *p = &f->probes[i];

		p->pattern = f->o.probes.v[i];
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]) && !p->type; t++)
			if (strncmp(p->pattern, types[t].word, strlen(types[t].word)) == 0) {
				p->type = types[t].type;
				p->pattern += strlen(types[t].word);
			}
		if (!p->pattern[strcspn(p->pattern, "*?")])
			p->sketch = skbx_sketch(p->pattern, strlen(p->pattern));
	}
	f->n_probes = f->o.probes.n;
	return 0;
}

void filter_options_free(struct filter_options *o)
{
	option_list_free(&o->where);
	option_list_free(&o->probes);
}

bool filter_reads_twice(const struct filter_options *o)
{
	return o->journey || o->since.kind == FILTER_TIME_END || o->until.kind == FILTER_TIME_END;
}

int filter_prepare(const struct filter_options *options)
{
	struct filter_packet *f;
	int rc = options->packet ? filter_packet_new(&f, options->packet) : 0;

	if (rc == -ENOMEM)
		terminal_error("out of memory");
	if (rc == 0 && options->packet)
		filter_packet_free(f);
	return rc;
}

int filter_new(struct filter **result, const struct filter_options *options)
{
	struct filter *f = calloc(1, sizeof(*f));
	int rc = -ENOMEM;

	*result = NULL;
	if (!f)
		goto out;
	f->o = *options;
	rc = f->o.packet ? filter_packet_new(&f->packet, f->o.packet) : 0;
	if (rc == 0)
		rc = compile_where(f);
	if (rc == 0)
		rc = compile_probes(f);
	if (rc == 0 && f->o.journey && !(f->journeys = journey_set_new()))
		rc = -ENOMEM;
out:
	if (rc == -ENOMEM)
		terminal_error("out of memory");
	if (rc < 0)
		filter_free(f);
	else
		*result = f;
	return rc;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	filter_packet_free(f->packet);
	for (size_t i = 0; i < f->n_where; i++)
		where_free(f->where[i]);
	free(f->where);
	free(f->matches);
	free(f->probes);
	journey_set_free(f->journeys);
	journey_spool_free(f->spool);
	free(f);
}

/* ---- times ---- */

static bool is_timed(const struct filter *f)
{
	return f->o.since.kind || f->o.until.kind;
}

static void resolve_times(struct filter *f)
{
	f->since_ns = 0;
	f->until_ns = UINT64_MAX;
	f->has_times =
		(!f->o.since.kind || filter_clock_resolve(&f->clock, &f->o.since, &f->since_ns)) &&
		(!f->o.until.kind || filter_clock_resolve(&f->clock, &f->o.until, &f->until_ns));
}

/* The bounds for this batch: the wall clock is set now and then. */
static int take_times(struct filter *f, const struct ev_batch *b)
{
	uint32_t records = b->sec[EV_startup].n + b->sec[EV_clock].n;

	filter_clock_batch(&f->clock, b);
	resolve_times(f);
	if (f->has_times || records == b->n)
		return 0;
	for (uint32_t i = 0; i < b->n; i++)
		if (!(b->mask[i] & FILTER_RECORD_SECTIONS)) {
			terminal_error("--since, --until: the input does not say its wall clock; "
				       "give monotonic times (4834.3s), or +5s, -5s");
			return -EINVAL;
		}
	return 0;
}

int filter_batch(void *ctx, const struct ev_batch *batch)
{
	struct filter *f = ctx;

	if (f->pass == PASS_LAST)
		return 0;
	f->batch_events = batch->n;
	for (size_t i = 0; i < f->n_where; i++) {
		f->matches[i] = where_run(f->where[i], batch);
		if (!f->matches[i]) {
			terminal_error("out of memory");
			return -ENOMEM;
		}
	}
	return is_timed(f) ? take_times(f, batch) : 0;
}

/* ---- events ---- */

static bool str_is(struct ev_str s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static bool match_symbol(const struct filter *f, const struct ev_str *type, struct ev_str symbol)
{
	for (size_t i = 0; i < f->n_probes; i++) {
		const struct probe_pattern *p = &f->probes[i];

		if ((!p->type || !type || str_is(*type, p->type)) &&
		    filter_glob(p->pattern, symbol.p, symbol.len))
			return true;
	}
	return false;
}

static bool match_probe(const struct filter *f, const struct ev *ev)
{
	if (ev->kernel)
		return match_symbol(f, &ev->kernel->probe_type, ev->kernel->symbol);
	if (ev->userspace)
		return match_symbol(f, NULL, ev->userspace->symbol);
	return false;
}

static bool match_time(const struct filter *f, const struct ev *ev)
{
	return f->has_times && ev->common && EV_HAS(ev->common, common, timestamp) &&
	       ev->common->timestamp >= f->since_ns && ev->common->timestamp <= f->until_ns;
}

bool filter_in_time(const struct filter *f, const struct ev *ev)
{
	if (!is_timed(f))
		return true;
	if (!ev->loss || !EV_HAS(ev->loss, loss, from))
		return match_time(f, ev);
	return f->has_times && ev->common && ev->common->timestamp >= f->since_ns &&
	       ev->loss->from <= f->until_ns;
}

static bool match_content(struct filter *f, const struct ev *ev)
{
	if (f->o.drops && !ev->skb_drop)
		return false;
	if (is_timed(f) && !match_time(f, ev))
		return false;
	for (size_t i = 0; i < f->n_where; i++)
		if (ev->index >= f->batch_events || !f->matches[i][ev->index])
			return false;
	if (f->n_probes && !match_probe(f, ev))
		return false;
	return !f->packet || filter_packet_match(f->packet, ev);
}

/* What the first reading found, and what belongs to no journey and matches by itself. */
static bool match_journey(struct filter *f, const struct ev *ev)
{
	struct journey_key key;

	return journey_of(ev, &key) ? journey_set_has(f->journeys, key) : match_content(f, ev);
}

bool filter_match(struct filter *f, const struct ev *ev)
{
	if (filter_is_record(ev)) {
		if (ev->loss && !filter_in_time(f, ev))
			return false;
		if (ev->loss && f->n_probes && EV_HAS(ev->loss, loss, probe))
			return match_symbol(f, NULL, ev->loss->probe);
		return true;
	}
	if (filter_done(f) || !(f->journeys ? match_journey(f, ev) : match_content(f, ev)))
		return false;
	f->passed++;
	return true;
}

void filter_want_sockets(struct filter *f)
{
	f->want_sockets = true;
}

bool filter_done(const struct filter *f)
{
	return f->o.count && f->passed >= f->o.count;
}

bool filter_until(const struct filter *f, uint64_t *ns)
{
	*ns = f->until_ns;
	return f->o.until.kind && f->has_times;
}

bool filter_passes_all(const struct filter *f)
{
	return !f->o.count && !f->journeys && !filter_selects(f);
}

bool filter_selects(const struct filter *f)
{
	return f->packet || f->n_probes || f->o.drops || f->n_where || is_timed(f);
}

/* ---- blocks ---- */

static bool maybe_block(struct filter *f, const struct skbx_summary *s)
{
	bool probe = !f->n_probes;

	if (f->o.drops && !s->drops)
		return false;
	if (is_timed(f)) {
		/* no clock row is in the block: what was set last holds for all of it */
		f->clock.offset = f->clock.next;
		resolve_times(f);
		if (f->has_times && (s->last_ns < f->since_ns || s->first_ns > f->until_ns))
			return false;
	}
	for (size_t i = 0; i < f->n_where; i++)
		if (!where_maybe(f->where[i], s))
			return false;
	for (size_t i = 0; i < f->n_probes; i++)
		probe |= !f->probes[i].sketch || (s->probes & f->probes[i].sketch);
	return probe && (!f->packet || filter_packet_maybe(f->packet, s));
}

bool filter_wants_block(void *ctx, const struct skbx_summary *summary)
{
	struct filter *f = ctx;
	bool losses = summary->lost != f->lost;
	/* rows of the recording itself: losses and clocks count whatever the filter is */
	bool records = summary->events != summary->packets + summary->sockets;

	f->lost = summary->lost;
	if (f->pass == PASS_LAST) {
		if (!f->clock.has_last || summary->last_ns > f->clock.last)
			f->clock.last = summary->last_ns;
		f->clock.has_last = true;
		return false;
	}
	if (losses || records)
		return true;
	if (filter_done(f))
		return false;
	if (f->pass == PASS_SHOW && f->want_sockets && summary->sockets)
		return true;
	if (f->pass == PASS_SHOW && f->also && !f->also(f->also_ctx, summary))
		return false;
	/* any block may hold more of a journey that another one names */
	if (f->pass == PASS_SHOW && f->journeys && journey_set_count(f->journeys))
		return true;
	return maybe_block(f, summary);
}

/* ---- inputs ---- */

/* Damage is told when the events are read for the command. */
static void ignore_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
}

static void take_last(struct filter *f, const struct ev_batch *b)
{
	const struct ev_common *rows = (const struct ev_common *)b->sec[EV_common].p;

	for (uint32_t i = 0; i < b->sec[EV_common].n; i++)
		if (!f->clock.has_last || rows[i].timestamp > f->clock.last) {
			f->clock.last = rows[i].timestamp;
			f->clock.has_last = true;
		}
}

static int take_journeys(struct filter *f, const struct ev_batch *b)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	int rc = 0;

	while (rc == 0 && ev_next(&w, &ev)) {
		struct journey_key key;

		if (!filter_is_record(&ev) && journey_of(&ev, &key) && match_content(f, &ev))
			rc = journey_set_add(f->journeys, key);
	}
	if (rc < 0)
		terminal_error("--journey: cannot keep %llu journeys: %s",
			       (unsigned long long)journey_set_count(f->journeys), strerror(-rc));
	return rc;
}

/* Reads everything once for the filter itself. */
static int read_before(struct filter *f, enum pass pass, const struct source_options *options,
		       size_t n)
{
	struct source_options o = *options;
	struct source *source;
	struct ev_batch *batch;
	int rc;

	o.damage = ignore_damage;
	f->pass = pass;
	journey_spool_rewind(f->spool);
	rc = source_open(&source, &o, journey_spool_inputs(f->spool), n);
	while (rc == 0 && (rc = source_next(source, &batch)) > 0) {
		if (pass == PASS_LAST)
			take_last(f, batch);
		rc = pass == PASS_JOURNEY ? take_journeys(f, batch) : 0;
	}
	source_close(source);
	f->pass = PASS_SHOW;
	f->lost = 0;
	/* the next reading begins before all clock rows */
	f->clock.has_offset = f->clock.has_first = false;
	return rc;
}

int filter_open(struct filter *f, struct source **source, const struct source_options *options,
		char *const *inputs, size_t n)
{
	bool ends = f->o.since.kind == FILTER_TIME_END || f->o.until.kind == FILTER_TIME_END;
	struct source_options o = *options;
	int rc = 0;

	*source = NULL;
	f->also = o.want;
	f->also_ctx = o.ctx;
	o.want = filter_wants_block;
	o.batch = filter_batch;
	o.ctx = f;
	o.verbose = f->o.verbose;
	if (!ends && !f->journeys)
		return source_open(source, &o, inputs, n);
	rc = journey_spool_new(&f->spool, inputs, n);
	if (rc == 0 && ends)
		rc = read_before(f, PASS_LAST, &o, n);
	if (rc == 0 && f->journeys)
		rc = read_before(f, PASS_JOURNEY, &o, n);
	if (rc < 0)
		return rc;
	journey_spool_rewind(f->spool);
	return source_open(source, &o, journey_spool_inputs(f->spool), n);
}
