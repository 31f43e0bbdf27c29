/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox stats: what is wrong in a recording, and how often and how long everything was. */
#include "analyze/stats/stats.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/fail_if.h"
#include "analyze/filter/filter.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"

enum { TOP_DEFAULT = 10 };

struct stats_config {
	const char *by;
	uint64_t top;
	bool json;
	struct option_list fail_if;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, stats_config, by, "by", 0, "FIELD,...",
	       "events, packets and bytes for each value of these fields (skbox schema lists them; "
	       "also ip.src and other header fields, flow, function); or journey: first and last "
	       "probe of "
	       "packets, and how they ended"),
	OPTION(NUMBER, stats_config, top, "top", 0, "N", "rows of a table (default 10)", .min = 1,
	       .max = STATS_SLOWEST),
	OPTION(FLAG, stats_config, json, "json", 0, NULL, "as JSON, one object"),
	FAIL_IF_OPTION(stats_config, fail_if),
	FILTER_OPTIONS(stats_config, filter),
};

/* ---- thresholds ---- */

static uint64_t drops_of(void *ctx, const char *reason)
{
	const struct stats *s = ctx;

	for (uint32_t i = 0; i < s->reasons.n; i++) {
		const struct stats_group *g = &s->reasons.v[i];

		if (g->key_len == strlen(reason) && memcmp(g->key, reason, g->key_len) == 0)
			return g->count;
	}
	return 0;
}

enum { VALUES = 18 };

static void fill_values(const struct stats *s, struct fail_if_value v[VALUES])
{
	const struct fail_if_value values[VALUES] = {
		{"losses", stats_lost(s), NULL},
		{"damaged", s->damaged, NULL},
		{"unfinished", s->unfinished, NULL},
		{"unattached", s->missing.n, NULL},
		{"events", s->events, NULL},
		{"packets", s->journeys + s->untracked, NULL},
		{"bytes", s->bytes, NULL},
		{"drops", s->drops, NULL},
		{"drops.*", 0, drops_of},
		{"retransmits", stats_retransmits(s), NULL},
		{"snapshots", s->sockets, NULL},
		{"journeys", s->journeys, NULL},
		{"unknown", s->ends[END_UNKNOWN], NULL},
		{"groups", s->by.n, NULL},
		{"p50_ns", stats_hist_quantile(&s->durations, 0.5), NULL},
		{"p99_ns", stats_hist_quantile(&s->durations, 0.99), NULL},
		{"p999_ns", stats_hist_quantile(&s->durations, 0.999), NULL},
		{"max_ns", s->durations.max, NULL},
	};

	memcpy(v, values, sizeof(values));
}

/* ---- the command ---- */

static void count_batch(struct stats *s, struct filter *f, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	while (!filter_done(f) && ev_next(&w, &ev)) {
		stats_learn(s, &ev);
		if (!filter_is_record(&ev) && filter_match(f, &ev))
			stats_event(s, &ev);
	}
}

static int count_all(struct stats *s, const struct stats_config *c, struct source *source,
		     struct filter *f)
{
	struct fail_if_value values[VALUES];
	struct terminal_out out;
	struct ev_batch *batch;
	int rc;

	while ((rc = source_next(source, &batch)) > 0 && !filter_done(f))
		count_batch(s, f, batch);
	if (rc < 0)
		return EXIT_FAILED;
	stats_end(s);
	if (s->failed) {
		terminal_error("out of memory");
		return EXIT_FAILED;
	}
	s->damaged = source_status(source)->damaged;
	s->unfinished = source_status(source)->unfinished;
	terminal_open(&out, !c->json);
	out.json = c->json;
	if (c->json)
		stats_put_json(s, &out.buf);
	else
		stats_put_text(s, &out.buf);
	if (terminal_close(&out) < 0)
		return EXIT_FAILED;
	rc = source_finish(source);
	fill_values(s, values);
	return fail_if_count(&c->fail_if, values, VALUES, s) ? EXIT_NO : rc;
}

static int stats_run(int argc, char **argv)
{
	struct stats_config c = {.top = TOP_DEFAULT};
	struct source_options options = {.progress = SOURCE_PROGRESS};
	struct fail_if_value values[VALUES];
	struct stats_options o = {0};
	struct stats *s = NULL;
	struct source *source = NULL;
	struct filter *f = NULL;
	int rest, rc = command_options(&command_stats, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	o.top = (uint32_t)c.top;
	o.decimal = c.json;
	if (c.by && !stats_parse_by(c.by, &o))
		goto out;
	s = calloc(1, sizeof(*s));
	if (!s || stats_init(s, &o) < 0) {
		terminal_error("out of memory");
		goto out;
	}
	fill_values(s, values);
	if (!fail_if_valid(&c.fail_if, values, VALUES) || filter_new(&f, &c.filter) < 0)
		goto out;
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .paged = !c.json}) < 0)
		goto out;
	if (filter_open(f, &source, &options, argv + rest, (size_t)(argc - rest)) == 0)
		rc = count_all(s, &c, source, f);
out:
	source_close(source);
	filter_free(f);
	if (s)
		stats_fini(s);
	free(s);
	option_list_free(&c.fail_if);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_stats = {
	.name = "stats",
	.usage = "[INPUT...] [--by FIELD,...] [--json] [OPTION...]",
	.help = "what is wrong in a recording; drops, latencies, retransmits, losses",
	.about = "Memory is bounded: where there are more groups than it has room for, the "
		 "largest are "
		 "kept and the output says so.",
	COMMAND_ROWS(rows),
	.run = stats_run,
};
