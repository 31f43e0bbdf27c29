/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox cut: a smaller event file; also makes event files of Retis files and packet files. */
#include <string.h>

#include "analyze/command.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"

struct cut_config {
	const char *out;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, cut_config, out, "out", 'o', "FILE",
	       "the event file to write; - is standard output"),
	FILTER_OPTIONS(cut_config, filter),
};

/*
 * A batch of fewer is put together with others: a pipe gives what it has, be it 100 events, and blocks of so few are
 * half as large again.
 */
enum { WHOLE_EVENTS = 4096 };

/* What passes of a batch. Rows of the recording itself are kept whatever the filter is. */
static int cut_batch(struct output_skbx *o, struct filter *f, const struct ev_batch *batch,
		     bool all)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};
	int rc = 0;

	if (all && batch->n >= WHOLE_EVENTS)
		return output_skbx_batch(o, batch);
	while (rc == 0 && ev_next(&w, &ev))
		if (all || filter_is_record(&ev) || filter_match(f, &ev))
			rc = output_skbx_add(o, &ev);
	return rc;
}

static int cut_inputs(const struct cut_config *c, struct filter *f, struct source *s)
{
	bool all = !filter_selects(f) && !c->filter.count;
	struct output_skbx o;
	struct ev_batch *batch;
	int rc, wrote = 0;

	if (output_skbx_open(&o, c->out) < 0)
		return EXIT_FAILED;
	while ((rc = source_next(s, &batch)) > 0 && wrote == 0)
		wrote = cut_batch(&o, f, batch, all);
	if (rc < 0) {
		output_skbx_abandon(&o);
		return EXIT_FAILED;
	}
	if (output_skbx_close(&o, wrote) < 0)
		return EXIT_FAILED;
	return source_finish(s);
}

static int cut_run(int argc, char **argv)
{
	struct cut_config c = {0};
	struct source_options options = {.progress = true};
	struct source *s = NULL;
	struct filter *f = NULL;
	int rest, rc = command_options(&command_cut, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (!c.out) {
		terminal_error("cut: -o FILE says where to");
		goto out;
	}
	if (filter_new(&f, &c.filter) < 0)
		goto out;
	if (filter_open(f, &s, &options, argv + rest, (size_t)(argc - rest)) < 0)
		goto out;
	if (!source_reads(s, c.out))
		rc = cut_inputs(&c, f, s);
out:
	source_close(s);
	filter_free(f);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_cut = {
	.name = "cut",
	.usage = "[INPUT...] -o OUT.skbx [FILTERS]",
	.help = "a smaller event file; converts Retis files and packet files",
	.about = "The inventory of a recording (host, probes, interfaces, losses) is kept whatever "
		 "the filter is.",
	COMMAND_ROWS(rows),
	.run = cut_run,
};
