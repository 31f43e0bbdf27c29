/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox info: what is in a file. */
#include "analyze/info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/fail_if.h"
#include "analyze/filter/filter.h"
#include "analyze/source/input.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/skbx/skbx.h"

struct info_config {
	bool json, verbose;
	struct option_list fail_if;
};

static const struct option_row rows[] = {
	OPTION(FLAG, info_config, json, "json", 0, NULL, "as JSON, one object an input"),
	OPTION(FLAG, info_config, verbose, "verbose", 'v', NULL,
	       "also what this command gave up before it read the inputs"),
	FAIL_IF_OPTION(info_config, fail_if),
};

static int walk_source(struct info *o, char *path)
{
	struct source_options options = {.progress = SOURCE_PROGRESS_PIPED};
	struct ev_batch *batch;
	struct source *s;
	int rc = source_open(&s, &options, &path, 1);

	if (rc < 0)
		return EXIT_FAILED;
	while ((rc = source_next(s, &batch)) > 0) {
		struct ev_walk w = ev_walk(batch);
		struct ev ev = {0};

		info_batch(o);
		while (ev_next(&w, &ev))
			info_event(o, &ev);
	}
	info_end(o, source_status(s));
	rc = rc < 0 ? EXIT_FAILED : source_finish(s);
	source_close(s);
	return rc;
}

/* Rows about the recording, which are no events; 0 where no trailer counts them. */
static uint64_t record_rows(const struct skbx_info *x)
{
	uint64_t n = 0;

	for (int s = 0; s < EV_SECTIONS; s++)
		if (FILTER_RECORD_SECTIONS >> s & 1)
			n += x->sections[s].rows;
	return n < x->all.events ? n : 0;
}

/* An event file that can be sought in: its header and trailer say it all. */
static int read_skbx(struct info *o, struct input *in)
{
	struct skbx_input from = {input_read_at, in, input_size(in)};
	struct skbx_info x = {0};
	struct skbox_error err = {0};
	struct ev_walk w;
	struct ev ev = {0};
	int rc = skbx_info(&from, &x, &err);

	if (rc < 0) {
		terminal_report(input_name(in), &err, NULL);
		return EXIT_FAILED;
	}
	w = ev_walk(x.inventory);
	while (ev_next(&w, &ev))
		info_keep(o, &ev);
	o->event_file = true;
	o->finished = x.finished;
	o->blocks = x.blocks;
	o->bytes = x.file_bytes;
	o->events = x.all.events - record_rows(&x);
	o->packets = x.all.packets;
	o->sockets = x.all.sockets;
	o->lost = x.all.lost;
	o->first_ns = x.all.first_ns;
	o->last_ns = x.all.last_ns;
	memcpy(o->sections, x.sections, sizeof(o->sections));
	skbx_info_free(&x);
	info_take_totals(o);
	return EXIT_DONE;
}

static int info_input(struct info *o, char *path)
{
	struct skbox_error err = {0};
	struct input *in;
	const uint8_t *head;
	size_t len;
	int rc;

	o->name = strcmp(path, "-") == 0 ? "standard input" : path;
	if (strcmp(path, "-") == 0)
		return walk_source(o, path);
	rc = input_open(&in, path, &err);
	if (rc < 0) {
		/* a rotated set, or an error that the source tells */
		return walk_source(o, path);
	}
	head = input_head(in, &len);
	if (input_size(in) >= 0 && skbx_recognize(head, len)) {
		rc = read_skbx(o, in);
		input_close(in);
		return rc;
	}
	input_close(in);
	return walk_source(o, path);
}

enum { VALUES = 8 };

static void fill_values(const struct info *o, struct fail_if_value values[VALUES])
{
	uint64_t unattached = 0;

	for (uint32_t i = 0; i < o->n_probes; i++)
		unattached += o->probes[i].asked && !o->probes[i].attached;
	{
		const struct fail_if_value table[VALUES] = {
			{"losses", o->lost, NULL},
			{"damaged", o->damaged, NULL},
			{"unfinished", o->event_file && !o->finished, NULL},
			{"unattached", unattached, NULL},
			{"events", o->events, NULL},
			{"packets", o->packets, NULL},
			{"sockets", o->sockets, NULL},
			{"bytes", o->bytes, NULL},
		};

		memcpy(values, table, sizeof(table));
	}
}

/* One input: its exit code; *held counts the conditions that hold. */
static int show_input(const struct info_config *c, char *path, bool blank_line, struct buf *out,
		      unsigned int *held)
{
	struct info o;
	struct fail_if_value values[VALUES];
	int rc;

	if (info_init(&o) < 0) {
		terminal_error("out of memory");
		return EXIT_FAILED;
	}
	rc = info_input(&o, path);
	if (rc != EXIT_FAILED) {
		if (c->json)
			info_put_json(&o, out);
		else
			info_put_text(&o, blank_line, out);
		fill_values(&o, values);
		*held += fail_if_count(&c->fail_if, values, VALUES, NULL);
	}
	info_fini(&o);
	return rc;
}

/* Of this command, not of an input: JSON has one object an input. */
static void tell_confined(bool json, struct buf *out)
{
	struct buf line = {0};

	confine_describe(&line);
	buf_u8(&line, 0);
	if (!line.failed && json)
		terminal_error("note: sandbox: %s", (const char *)line.p);
	else if (!line.failed)
		buf_printf(out, "\nsandbox     %s\n", (const char *)line.p);
	buf_free(&line);
}

static int info_all(const struct info_config *c, char *const *inputs, int n)
{
	struct terminal_out out;
	unsigned int held = 0;
	int worst = EXIT_DONE;

	terminal_open(&out, !c->json);
	out.json = c->json;
	for (int i = 0; i < n; i++) {
		int rc = show_input(c, inputs[i], i > 0, &out.buf, &held);

		if (rc == EXIT_FAILED || worst == EXIT_DONE)
			worst = rc;
	}
	if (c->verbose)
		tell_confined(c->json, &out.buf);
	if (terminal_close(&out) < 0)
		return EXIT_FAILED;
	return held && worst != EXIT_FAILED ? EXIT_NO : worst;
}

static int info_run(int argc, char **argv)
{
	const struct info none = {0};
	struct info_config c = {0};
	struct fail_if_value values[VALUES];
	int rest, rc = command_options(&command_info, argc, argv, &c, &rest);
	char *const *inputs;
	int n;

	fill_values(&none, values);
	if (rc >= 0)
		goto out;
	inputs = command_inputs(argc - rest, argv + rest, &n);
	rc = fail_if_valid(&c.fail_if, values, VALUES) &&
			     confine_enter(&(struct confine){
				     .inputs = inputs, .n = (size_t)n, .paged = !c.json}) == 0
		     ? info_all(&c, inputs, n)
		     : EXIT_FAILED;
out:
	option_list_free(&c.fail_if);
	return rc;
}

const struct command command_info = {
	.name = "info",
	.usage = "[INPUT...] [--json] [--fail-if CONDITION]",
	.help = "what is in a file: host, command line, probes, time span, counts, losses, sizes",
	.about = "Of event files header and trailer are read, or headers of blocks; damage is for "
		 "verify.",
	COMMAND_ROWS(rows),
	.run = info_run,
};
