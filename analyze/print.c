/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox print: events as text, in the order of the input. */
#include "analyze/command.h"
#include "analyze/filter/fields_table.h"
#include "analyze/filter/filter.h"
#include "analyze/render.h"
#include "analyze/source/source.h"

struct print_config {
	const char *fields;
	struct render_options render;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, print_config, fields, "fields", 0, "LIST",
	       "columns instead: the fields of skbox schema and of packet headers, as "
	       "time,dev.name,drop.reason"),
	RENDER_OPTIONS(print_config, render),
	FILTER_OPTIONS(print_config, filter),
};

struct printer {
	struct render render;
	struct filter *filter;
	struct source *source;
	struct fields_list fields; /* --fields; n 0: as text */
	struct fields_table table;
	bool begins; /* a series began, and no event of it was shown yet */
};

static void print_fields(struct printer *p, const struct ev *ev)
{
	if (filter_is_record(ev))
		render_skip(&p->render, ev);
	fields_table_add(&p->table, &p->fields, ev, &p->render.text);
}

/* All events of a batch. False: stop. */
static bool print_batch(struct printer *p, const struct ev_batch *batch)
{
	bool sorted = source_status(p->source)->sorted, more = true;
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (!sorted)
		render_end_series(&p->render);
	while (more && !filter_done(p->filter) && ev_next(&w, &ev)) {
		p->begins |= source_series(&ev);
		if (!filter_match(p->filter, &ev))
			continue;
		if (p->fields.n) {
			print_fields(p, &ev);
		} else if (ev.startup && filter_selects(p->filter)) {
			render_skip(&p->render, &ev);
		} else if (sorted) {
			more = render_sorted(&p->render, &ev, p->begins);
			p->begins = false;
		} else {
			more = render_event(&p->render, &ev);
		}
	}
	fields_table_flush(&p->table, &p->fields, &p->render.out.buf);
	/* a batch is large, or all that a pipe had: either way it goes out now */
	return terminal_flush(&p->render.out) && more && !filter_done(p->filter);
}

static int print_run(int argc, char **argv)
{
	struct print_config c = {0};
	struct source_options options = {.progress = true};
	struct printer p = {0};
	struct ev_batch *batch;
	int rest, rc = command_options(&command_print, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (c.fields && fields_list_parse(&p.fields, c.fields) < 0)
		goto out;
	if (filter_new(&p.filter, &c.filter) < 0)
		goto out;
	if (filter_open(p.filter, &p.source, &options, argv + rest, (size_t)(argc - rest)) < 0)
		goto out;
	render_open(&p.render, &c.render);
	do
		rc = source_next(p.source, &batch);
	while (rc > 0 && print_batch(&p, batch));
	if (render_close(&p.render) < 0)
		rc = -1;
	rc = rc < 0 ? EXIT_FAILED : source_finish(p.source);
out:
	source_close(p.source);
	filter_free(p.filter);
	fields_list_free(&p.fields);
	fields_table_free(&p.table);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_print = {
	.name = "print",
	.usage = "[INPUT...] [OPTION...]",
	.help = "events as text",
	COMMAND_ROWS(rows),
	.run = print_run,
};
