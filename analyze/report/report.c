/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox report: one page to look at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/report/report.h"
#include "analyze/report/report_page.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/text/text.h"

struct report_config {
	const char *out;
	bool json;
	struct filter_options filter;
};

static const struct option_row rows[] = {
	OPTION(STRING, report_config, out, "out", 'o', "FILE",
	       "write the page to FILE; - is standard output, which must not be a terminal"),
	OPTION(FLAG, report_config, json, "json", 0, NULL,
	       "only the data of the page, as JSON, one object (to standard output without -o)"),
	FILTER_OPTIONS(report_config, filter),
};

/* ---- reading ---- */

static void take_batch(struct report *r, struct filter *f, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	report_batch(r, batch);
	while (!filter_done(f) && ev_next(&w, &ev)) {
		report_row(r, &ev);
		if (!filter_is_record(&ev) && filter_match(f, &ev))
			report_event(r, &ev);
	}
}

/* 0, or a negative errno with the message already on standard error. */
static int take_all(struct report *r, struct source *source, struct filter *f)
{
	struct ev_batch *held[2] = {ev_batch_new(), NULL}, *batch;
	int rc = held[0] ? 0 : -ENOMEM;

	if (rc < 0)
		terminal_error("out of memory");
	while (rc == 0 && !filter_done(f) && (rc = source_next(source, &batch)) > 0) {
		take_batch(r, f, batch);
		/* the batch stays for a look back, and the one before it goes */
		batch = source_take(source, held[0]);
		held[0] = held[1] ? held[1] : ev_batch_new();
		held[1] = batch;
		rc = held[0] ? 0 : -ENOMEM;
		if (rc < 0)
			terminal_error("out of memory");
	}
	report_end(r, source_status(source));
	ev_batch_free(held[0]);
	ev_batch_free(held[1]);
	return rc;
}

/* ---- writing ---- */

/* "a.skbx, b.skbx": the inputs without their folders. */
static void put_title(char *const *inputs, int n, struct buf *out)
{
	for (int i = 0; i < n; i++) {
		const char *slash = strrchr(inputs[i], '/');
		const char *name = slash && slash[1] ? slash + 1 : inputs[i];

		if (i)
			buf_str(out, ", ");
		if (out->len + strlen(name) > REPORT_TITLE && i) {
			buf_str(out, "...");
			break;
		}
		if (strcmp(name, "-") == 0)
			buf_str(out, "standard input");
		else
			text_untrusted(out, name, strlen(name));
	}
	buf_u8(out, 0);
}

static int write_parts(struct output *file, const struct buf *json, bool page)
{
	const struct report_part head = report_page_head(), tail = report_page_tail();
	int rc = page ? output_write(file, head.p, head.len) : 0;

	if (rc == 0)
		rc = output_write(file, json->p, json->len);
	if (rc == 0)
		rc = page ? output_write(file, tail.p, tail.len) : output_write(file, "\n", 1);
	return rc;
}

/* Onto a terminal, perhaps: data only. */
static int show_json(struct buf *json)
{
	struct terminal_out out;

	terminal_open(&out, false);
	out.json = true;
	buf_put(&out.buf, json->p, json->len);
	buf_u8(&out.buf, '\n');
	return terminal_close(&out);
}

static int write_report(struct report *r, const struct report_config *c, char *const *inputs, int n,
			struct output *file)
{
	struct buf title = {0}, filter = {0}, json = {0};
	struct report_about about;
	int rc = -ENOMEM;

	put_title(inputs, n, &title);
	filter_describe(&c->filter, &filter);
	buf_u8(&filter, 0);
	if (title.failed || filter.failed)
		goto out;
	about = (struct report_about){(const char *)title.p, (const char *)filter.p};
	if (!report_put_json(r, &about, &json))
		goto out;
	rc = c->out ? write_parts(file, &json, !c->json) : show_json(&json);
out:
	buf_free(&title);
	buf_free(&filter);
	buf_free(&json);
	return rc;
}

static int report_all(struct report *r, const struct report_config *c, struct source *source,
		      struct filter *f, char *const *inputs, int n)
{
	struct output file = {.fd = -1};
	int rc;

	if (c->out && (source_reads(source, c->out) || output_open(&file, c->out, 1) < 0))
		return EXIT_FAILED;
	if (take_all(r, source, f) < 0) {
		output_discard(&file);
		return EXIT_FAILED;
	}
	rc = write_report(r, c, inputs, n, &file);
	if (c->out)
		rc = output_commit(&file, rc);
	else if (rc == -ENOMEM)
		terminal_error("out of memory");
	return rc < 0 ? EXIT_FAILED : source_finish(source);
}

static int report_run(int argc, char **argv)
{
	struct report_config c = {0};
	struct source_options options = {.progress = SOURCE_PROGRESS_PIPED};
	struct report *r = NULL;
	struct source *source = NULL;
	struct filter *f = NULL;
	int n, rest, rc = command_options(&command_report, argc, argv, &c, &rest);
	char *const *inputs;

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	if (!c.out && !c.json) {
		terminal_error("report wants -o FILE, as -o report.html");
		goto out;
	}
	if (c.out && strcmp(c.out, "-") != 0)
		options.progress = SOURCE_PROGRESS;
	inputs = command_inputs(argc - rest, argv + rest, &n);
	r = malloc(sizeof(*r));
	if (!r || report_init(r) < 0) {
		terminal_error("out of memory");
		goto out;
	}
	if (filter_new(&f, &c.filter) < 0 ||
	    confine_enter(&(struct confine){.inputs = inputs, .n = (size_t)n, .output = c.out}) < 0)
		goto out;
	r->info.chosen = !filter_passes_all(f);
	if (filter_open(f, &source, &options, inputs, (size_t)n) == 0)
		rc = report_all(r, &c, source, f, inputs, n);
out:
	if (r)
		report_fini(r);
	free(r);
	source_close(source);
	filter_free(f);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_report = {
	.name = "report",
	.usage = "[INPUT...] -o FILE.html [OPTION...]",
	.help = "one page for a browser: what is wrong, timeline, paths, latencies, sockets",
	.about = "The page holds all that it shows and loads nothing: open it, or attach it to a "
		 "ticket. "
		 "Memory is bounded; where something had no room, the page says so.",
	COMMAND_ROWS(rows),
	.run = report_run,
};
