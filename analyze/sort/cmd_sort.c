/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox sort: events by packet. The engine is analyze/sort/sort.h. */
#include <errno.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/render.h"
#include "analyze/sort/sort.h"
#include "analyze/source/source.h"
#include "formats/retis/retis_write.h"

/* An event that is held, at most: more than its packet and its stack. */
enum { EVENT_BYTES = 4096 };

struct sort_config {
	uint64_t max_buffer;
	const char *out;
	struct render_options render;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(NUMBER, sort_config, max_buffer, "max-buffer", 0, "N",
	       "events held back while their packet may still come (default 1000; 0: all, which "
	       "takes the memory that it takes)",
	       .max = UINT32_MAX),
	OPTION(STRING, sort_config, out, "out", 'o', "FILE",
	       "write the series: Retis' sorted file when FILE ends in .json, else an event file"),
	RENDER_OPTIONS(sort_config, render),
	FILTER_OPTIONS(sort_config, filter),
};

enum target { TARGET_TEXT, TARGET_JSON, TARGET_SKBX };

struct sorter {
	enum target target;
	struct source *source;
	struct filter *filter;
	struct sort *sort;
	struct ev next; /* of the new order */

	struct render render;
	struct journey_losses losses;
	bool losses_known; /* before the first event; else they are as they come */
	struct output_skbx skbx;
	struct output json;
	struct buf text; /* of json */
	struct retis_writer writer;
	int rc; /* of the writing: negative errno */
	bool stop;
};

static int flush_json(struct sorter *s, size_t limit)
{
	int rc;

	if (s->text.failed)
		return -ENOMEM;
	if (s->text.len <= limit)
		return 0;
	rc = output_write(&s->json, s->text.p, s->text.len);
	buf_clear(&s->text);
	return rc;
}

/* The next event in the new order. */
static void put_event(struct sorter *s, const struct ev *ev)
{
	switch (s->target) {
	case TARGET_JSON:
		if (s->writer.shape == RETIS_SHAPE_NONE)
			s->writer.shape =
				ev->startup ? retis_shape_of(ev->startup) : RETIS_SHAPE_1_7;
		retis_write_sorted(&s->writer, ev, &s->text);
		s->rc = flush_json(s, TERMINAL_PIECE_BYTES);
		break;
	case TARGET_SKBX: s->rc = output_skbx_add(&s->skbx, ev); break;
	case TARGET_TEXT:
		if (ev->startup && filter_selects(s->filter))
			render_skip(&s->render, ev);
		else
			s->stop = !render_sorted(&s->render, ev, source_series(ev));
	}
}

static void pop_all(struct sorter *s, bool end)
{
	while (!s->rc && !s->stop && sort_next(s->sort, &s->next, end))
		put_event(s, &s->next);
}

/* Rows that belong to no place in the order: the inventory and the clock. */
static void put_record(struct sorter *s, const struct ev *ev)
{
	if (s->target == TARGET_SKBX)
		s->rc = output_skbx_add(&s->skbx, ev);
	else if (s->target == TARGET_TEXT)
		render_skip(&s->render, ev);
}

static void sort_batch(struct sorter *s, const struct ev_batch *batch)
{
	bool sorted = source_status(s->source)->sorted;
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	while (!s->rc && !s->stop && !filter_done(s->filter) && ev_next(&w, &ev)) {
		if (!s->losses_known)
			journey_losses_add(&s->losses, &ev);
		if (!filter_match(s->filter, &ev))
			continue;
		if (filter_is_record(&ev) && !ev.startup && !ev.loss) {
			put_record(s, &ev);
		} else if (sorted) {
			put_event(s, &ev); /* goes on as it is */
		} else {
			s->rc = sort_push(s->sort, &ev);
			pop_all(s, false);
		}
	}
	if (s->target == TARGET_TEXT)
		s->stop |= !terminal_flush(&s->render.out);
}

static int open_target(struct sorter *s, const struct sort_config *c)
{
	size_t len = c->out ? strlen(c->out) : 0;

	if (!c->out) {
		render_open(&s->render, &c->render);
		s->render.losses = &s->losses;
		return 0;
	}
	if (len > 5 && strcmp(c->out + len - 5, ".json") == 0) {
		s->target = TARGET_JSON;
		return output_open(&s->json, c->out, 0);
	}
	s->target = TARGET_SKBX;
	return output_skbx_open(&s->skbx, c->out);
}

/* rc: how reading ended; a failed input leaves no output file. */
static int close_target(struct sorter *s, int rc)
{
	if (s->target == TARGET_TEXT)
		return render_close(&s->render);
	if (rc < 0 && s->target == TARGET_JSON)
		output_discard(&s->json);
	else if (rc < 0)
		output_skbx_abandon(&s->skbx);
	else if (s->target == TARGET_JSON)
		return output_commit(&s->json, s->rc ? s->rc : flush_json(s, 0));
	else
		return output_skbx_close(&s->skbx, s->rc);
	return 0;
}

static int sort_inputs(struct sorter *s, const struct sort_config *c)
{
	struct ev_batch *batch;
	int rc;

	if (open_target(s, c) < 0)
		return EXIT_FAILED;
	do {
		rc = source_next(s->source, &batch);
		if (rc > 0)
			sort_batch(s, batch);
	} while (rc > 0 && !s->rc && !s->stop && !filter_done(s->filter));
	if (rc >= 0 && !s->rc && !s->stop) {
		pop_all(s, true);
		if (s->target == TARGET_JSON)
			retis_write_end(&s->writer, &s->text);
	}
	if (s->target == TARGET_TEXT && s->rc < 0) {
		terminal_error("%s", strerror(-s->rc));
		rc = s->rc;
	}
	if (close_target(s, rc) < 0 || rc < 0)
		return EXIT_FAILED;
	return source_finish(s->source);
}

static int sort_run(int argc, char **argv)
{
	struct sort_config c = {.max_buffer = SORT_BUFFER};
	struct source_options options = {.progress = SOURCE_PROGRESS_PIPED};
	struct sorter s = {0};
	int rest, rc = command_options(&command_sort, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (c.out && strcmp(c.out, "-") != 0)
		options.progress = SOURCE_PROGRESS;
	s.sort = sort_new((uint32_t)c.max_buffer);
	if (!s.sort) {
		terminal_error("out of memory");
		goto out;
	}
	if (filter_new(&s.filter, &c.filter) < 0)
		goto out;
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest,
		    .n = (size_t)(argc - rest),
		    .output = c.out,
		    .paged = !c.out,
		    .memory_bytes = c.max_buffer ? c.max_buffer * EVENT_BYTES : UINT64_MAX}) < 0)
		goto out;
	if (filter_open(s.filter, &s.source, &options, argv + rest, (size_t)(argc - rest)) < 0)
		goto out;
	if (c.out && source_reads(s.source, c.out))
		goto out;
	s.losses_known =
		c.out || journey_losses_read(&s.losses, argv + rest, (size_t)(argc - rest));
	rc = sort_inputs(&s, &c);
	if (sort_status(s.sort)->unmatched)
		terminal_error("note: %llu Open vSwitch events without their upcall stand alone",
			       (unsigned long long)sort_status(s.sort)->unmatched);
out:
	buf_free(&s.text);
	source_close(s.source);
	filter_free(s.filter);
	sort_free(s.sort);
	journey_losses_free(&s.losses);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_sort = {
	.name = "sort",
	.usage = "[INPUT...] [OPTION...]",
	.help = "events by packet: each journey together, as text or into a file",
	.about = "What is sorted already goes on in its order.",
	COMMAND_ROWS(rows),
	.run = sort_run,
};
