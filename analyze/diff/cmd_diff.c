/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox diff: what changed between two recordings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/diff/diff.h"
#include "analyze/filter/filter.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"

enum { FLOOR_NS = 100 * 1000 };

struct diff_config {
	const char *by;
	struct diff_tolerance tolerance;
	bool json, all;
	struct filter_options filter;
};

/* "40%" or "0.4". */
static bool parse_share(const char *text, size_t len, double *v)
{
	char copy[32], *end;

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	*v = strtod(copy, &end);
	if (*end == '%' && end > copy) {
		*v /= 100;
		end++;
	}
	return end > copy && !*end && *v >= 0 && *v <= 1e6;
}

static bool parse_tolerance(const char *text, void *member, char *why, size_t why_size)
{
	struct diff_tolerance *t = member;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ","), name = strcspn(p, "=,");
		bool named = name < len, known = !named;
		double v;

		if (!parse_share(named ? p + name + 1 : p, named ? len - name - 1 : len, &v)) {
			snprintf(why, why_size, "is not KIND=PERCENT");
			return false;
		}
		for (int k = 0; k < DIFF_FACT; k++) {
			if (named && (strlen(diff_kind_names[k]) != name ||
				      strncmp(p, diff_kind_names[k], name) != 0))
				continue;
			t->v[k] = v;
			known = true;
		}
		if (!known) {
			snprintf(why, why_size,
				 "the kinds are drops, paths, latency, sockets and counts");
			return false;
		}
		p += len + (p[len] == ',');
	}
	return true;
}

static bool parse_chance(const char *text, void *member, char *why, size_t why_size)
{
	double *v = member;

	if (parse_share(text, strlen(text), v) && *v > 0 && *v < 1)
		return true;
	snprintf(why, why_size, "is not a probability");
	return false;
}

static const struct option_row rows[] = {
	OPTION(STRING, diff_config, by, "by", 0, "FIELD,...",
	       "packets with the same values of these fields are compared with each other "
	       "(default: protocol, port of the service, direction)"),
	OPTION(CALL, diff_config, tolerance, "tolerance", 0, "KIND=PERCENT,...",
	       "what may differ: drops, paths (points of a class' packets), latency, sockets, "
	       "counts; "
	       "a bare number is for all (default drops=50%,paths=10%,latency=100%,"
	       "sockets=100%,counts=50%)",
	       .parse = parse_tolerance),
	OPTION(TIME, diff_config, tolerance.floor_ns, "floor", 0, "TIME",
	       "latencies that are nearer than this are the same; ten times as much for their "
	       "90th percentile (default 100us)"),
	OPTION(CALL, diff_config, tolerance.chance, "chance", 0, "P",
	       "how improbable a difference must be, were both the same (default 0.001)",
	       .parse = parse_chance),
	OPTION(FLAG, diff_config, all, "all", 0, NULL, "all of what may be chance"),
	OPTION(FLAG, diff_config, json, "json", 0, NULL, "as JSON, one object"),
	FILTER_OPTIONS(diff_config, filter),
};

static int read_side(struct diff_side *side, const struct diff_config *c, char *input)
{
	struct source_options options = {.progress = SOURCE_PROGRESS};
	struct source *source = NULL;
	struct filter *f = NULL;
	struct ev_batch *batch;
	int rc = EXIT_FAILED;

	side->name = strcmp(input, "-") == 0 ? "standard input" : input;
	diff_begin(side);
	if (filter_new(&f, &c->filter) < 0 || filter_open(f, &source, &options, &input, 1) < 0)
		goto out;
	while ((rc = source_next(source, &batch)) > 0 && !filter_done(f)) {
		struct ev_walk w = ev_walk(batch);
		struct ev ev = {0};

		while (!filter_done(f) && ev_next(&w, &ev)) {
			diff_learn(side, &ev);
			if (!filter_is_record(&ev) && filter_match(f, &ev))
				diff_event(side, &ev);
		}
	}
	diff_end(side);
	rc = rc < 0 ? EXIT_FAILED : source_finish(source);
out:
	source_close(source);
	filter_free(f);
	return rc;
}

static int show(struct diff *d, const struct diff_config *c)
{
	struct terminal_out out;

	diff_compare(d);
	if (d->failed) {
		terminal_error("out of memory");
		return EXIT_FAILED;
	}
	terminal_open(&out, !c->json);
	out.json = c->json;
	if (c->json)
		diff_put_json(d, &out.buf);
	else
		diff_put_text(d, c->all, &out.buf);
	if (terminal_close(&out) < 0)
		return EXIT_FAILED;
	return d->n_different ? EXIT_NO : EXIT_DONE;
}

static int compare(const struct diff_config *c, const struct stats_options *o, char **inputs)
{
	struct diff *d = calloc(1, sizeof(*d));
	int rc = EXIT_FAILED, damaged = EXIT_DONE;

	if (!d || diff_init(d, o) < 0) {
		terminal_error("out of memory");
		goto out;
	}
	d->t = c->tolerance;
	for (int i = 0; i < 2; i++) {
		rc = read_side(&d->side[i], c, inputs[i]);
		if (rc == EXIT_FAILED)
			goto out;
		if (rc != EXIT_DONE)
			damaged = rc;
	}
	rc = show(d, c);
	/* what is damaged has no certain answer */
	if (rc != EXIT_FAILED && damaged != EXIT_DONE)
		rc = damaged;
out:
	if (d)
		diff_fini(d);
	free(d);
	return rc;
}

static int diff_run(int argc, char **argv)
{
	struct diff_config c = {
		.tolerance = {.v = {0.5, 0.1, 1, 1, 0.5}, .floor_ns = FLOOR_NS, .chance = 0.001}};
	struct stats_options o = {0};
	int rest, rc = command_options(&command_diff, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (argc - rest != 2) {
		terminal_error("diff wants two recordings; skbox help diff");
		goto out;
	}
	if (c.by && !stats_parse_by(c.by, &o))
		goto out;
	if (o.by_journey) {
		terminal_error("diff: --by wants fields; journeys are compared always");
		goto out;
	}
	if (filter_prepare(&c.filter) == 0 &&
	    confine_enter(&(struct confine){.inputs = argv + rest, .n = 2, .paged = !c.json}) == 0)
		rc = compare(&c, &o, argv + rest);
out:
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "A B [--by FIELD,...] [--tolerance KIND=PERCENT,...] [--json] [OPTION...]",
	.help = "what changed between two recordings",
	.about = "Compared are drops by reason, the paths of packets, times from probe to probe, "
		 "figures of "
		 "sockets, counts, probes, kernel and configuration; addresses and times are "
		 "not. "
		 "A finding is beyond the tolerance and not to be explained by chance. "
		 "Exits with 0 when they are the same, 1 when something differs.",
	COMMAND_ROWS(rows),
	.run = diff_run,
};
