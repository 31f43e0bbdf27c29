/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox print: events as text, in the order of the input. */
#include <errno.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/fields_table.h"
#include "analyze/filter/filter.h"
#include "analyze/parallel.h"
#include "analyze/render.h"
#include "analyze/render_pool.h"
#include "analyze/sort/journey_loss.h"
#include "analyze/source/source.h"

/* Writing is one thread's work at a time: with more than this many, they wait for it. */
enum { THREADS_DEFAULT_MAX = 4 };

struct print_config {
	const char *fields;
	bool follow;
	uint64_t threads; /* 0: as many as there are processors */
	struct render_options render;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, print_config, fields, "fields", 0, "LIST",
	       "columns instead: the fields of skbox schema and of packet headers, as "
	       "time,dev.name,drop.reason"),
	OPTION(FLAG, print_config, follow, "follow", 'F', NULL,
	       "wait at the end of a file that grows, and go on with the next one of a rotated "
	       "set, until the recording ends or an interrupt (Ctrl-C)"),
	RENDER_OPTIONS(print_config, render),
	OPTION(NUMBER, print_config, threads, "threads", 0, "N",
	       "threads that read and render (default: one a processor, 4 at most)", .min = 1,
	       .max = PARALLEL_THREADS_MAX),
	FILTER_OPTIONS(print_config, filter),
};

struct printer {
	struct render render;
	unsigned int threads;
	struct render_pool *pool; /* NULL: one thread, or not needed yet */
	struct filter *filter;
	struct source *source;
	struct fields_list fields; /* --fields; n 0: as text */
	struct fields_table table;
	struct journey_losses losses; /* of sorted inputs, and with --journey */
	bool losses_known;            /* before the first event; else they are as they come */
	bool begun;                   /* a batch of a sorted input came */
	char *const *inputs;
	size_t n_inputs;
	struct journey_live *live; /* NULL: no marks between the events */
	bool begins;               /* a series began, and no event of it was shown yet */
};

static void print_fields(struct printer *p, const struct ev *ev)
{
	if (filter_is_record(ev))
		render_skip(&p->render, ev);
	fields_table_add(&p->table, &p->fields, ev, &p->render.text);
}

/*
 * Several threads, for what is worth it: the layout of a series and of columns depends on what came before.
 * Threads come with the first such batch. False: one thread does it.
 */
static bool use_pool(struct printer *p, bool sorted)
{
	if (p->threads < 2)
		return false;
	if (p->fields.n || sorted) {
		if (p->pool)
			render_pool_drain(p->pool);
		return false;
	}
	if (!p->pool && !(p->pool = render_pool_new(&p->render, p->source, p->filter, p->threads)))
		p->threads = 1;
	return p->pool != NULL;
}

/* All events of a batch. False: stop. */
static bool print_batch(struct printer *p, const struct ev_batch *batch)
{
	bool sorted = source_status(p->source)->sorted, more = true;
	bool all = filter_passes_all(p->filter);
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (!sorted && p->render.in_series) {
		render_end_series(&p->render);
		terminal_flush(&p->render.out); /* the pool writes by itself */
	}
	if (sorted && !p->begun && !p->live)
		p->losses_known = journey_losses_read(&p->losses, p->inputs, p->n_inputs);
	p->begun |= sorted;
	if (use_pool(p, sorted))
		return render_pool_add(p->pool) && !filter_done(p->filter);
	while (more && !filter_done(p->filter) && ev_next(&w, &ev)) {
		p->begins |= source_series(&ev);
		if (sorted && !p->losses_known)
			journey_losses_add(&p->losses, &ev);
		if (!all && !filter_match(p->filter, &ev))
			continue;
		if (p->fields.n) {
			print_fields(p, &ev);
		} else if (ev.startup && filter_selects(p->filter)) {
			render_skip(&p->render, &ev);
		} else if (p->live && ev.loss) {
			more = render_loss(&p->render, &ev, p->live);
		} else if (sorted) {
			more = render_sorted(&p->render, &ev, p->begins);
			p->begins = false;
		} else {
			more = render_event(&p->render, &ev);
			if (p->live && journey_live_event(p->live, &ev) < 0)
				more = false;
		}
	}
	fields_table_flush(&p->table, &p->fields, &p->render.out.buf);
	/* a batch is large, or all that a pipe had: either way it goes out now */
	return terminal_flush(&p->render.out) && more && !filter_done(p->filter);
}

/* With --journey, where events were lost: which of the journeys shown that may have cut. */
static int find_cut(struct printer *p, const struct print_config *c)
{
	if (!c->filter.journey || c->fields)
		return 0;
	p->losses_known = journey_losses_read(&p->losses, p->inputs, p->n_inputs);
	if (p->losses_known && !p->losses.n)
		return 0;
	p->live = journey_live_new();
	if (p->live)
		return 0;
	terminal_error("out of memory");
	return -ENOMEM;
}

static int print_run(int argc, char **argv)
{
	struct print_config c = {0};
	struct source_options options = {.progress = SOURCE_PROGRESS_PIPED};
	struct printer p = {0};
	struct ev_batch *batch;
	int rest, rc = command_options(&command_print, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (c.follow && filter_reads_twice(&c.filter)) {
		terminal_error("print: --follow cannot go with --journey or times before the end, "
			       "which need all of the input first");
		goto out;
	}
	options.follow = c.render.live = c.follow;
	p.inputs = argv + rest;
	p.n_inputs = (size_t)(argc - rest);
	if (c.fields && fields_list_parse(&p.fields, c.fields) < 0)
		goto out;
	if (filter_new(&p.filter, &c.filter) < 0)
		goto out;
	if (confine_enter(&(struct confine){
		    .inputs = p.inputs, .n = p.n_inputs, .paged = !c.follow, .follow = c.follow}) <
	    0)
		goto out;
	if (filter_open(p.filter, &p.source, &options, argv + rest, (size_t)(argc - rest)) < 0)
		goto out;
	if (find_cut(&p, &c) < 0)
		goto out;
	render_open(&p.render, &c.render);
	p.render.losses = &p.losses;
	p.threads = c.threads ? (unsigned int)c.threads : parallel_processors();
	if (!c.threads && p.threads > THREADS_DEFAULT_MAX)
		p.threads = THREADS_DEFAULT_MAX;
	if (p.live || p.render.out.colours)
		p.threads = 1; /* marks depend on what came before; who looks on is slower */
	do
		rc = source_next(p.source, &batch);
	while (rc > 0 &&
	       (rc == SOURCE_PACKED ? render_pool_add_packed(p.pool) : print_batch(&p, batch)));
	render_pool_free(p.pool);
	if (render_close(&p.render) < 0)
		rc = -1;
	/* who sees nothing asks whether something went wrong; a program does not */
	if (!rc && p.render.out.is_terminal && !p.render.out.bytes && filter_selects(p.filter))
		terminal_error("note: nothing in the input passes the filters");
	rc = rc < 0 ? EXIT_FAILED : source_finish(p.source);
out:
	source_close(p.source);
	filter_free(p.filter);
	fields_list_free(&p.fields);
	fields_table_free(&p.table);
	journey_losses_free(&p.losses);
	journey_live_free(p.live);
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
