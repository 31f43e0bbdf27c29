/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox json: events as JSON, in our own shape or in those of other tools. */
#include <stdio.h>
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/fields_table.h"
#include "analyze/filter/filter.h"
#include "analyze/sockets/fireflies.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/sock/flowd_json.h"
#include "formats/json_event.h"
#include "formats/retis/retis_write.h"
#include "formats/sock/sockdiag.h"

enum shape {
	SHAPE_SKBOX,
	SHAPE_RETIS,
	SHAPE_RETIS_1_6,
	SHAPE_RETIS_CLASSIC,
	SHAPE_FLOWD,
	SHAPE_FIREFLY
};

/* TCP states of a sock_diag message: 1 (established) to 12. */
enum { STATE_ESTABLISHED = 1, STATE_LAST = 12 };

struct json_config {
	int shape;
	bool pretty, ext;
	const char *fields;
	uint32_t states; /* bit per TCP state; 0: the default */
	struct fireflies_options firefly;
	struct filter_options filter;
};

static const char *const shapes[] = {"skbox", "retis",   "retis-1.6", "retis-classic",
				     "flowd", "firefly", NULL};

/* "established,listening", as ss names them ("ESTAB", "LISTEN"), or all. */
static bool parse_states(const char *text, void *member, char *why, size_t size)
{
	uint32_t *states = member;

	*states = 0;
	while (*text) {
		size_t len = strcspn(text, ",");
		unsigned int i = STATE_ESTABLISHED;

		if (len == 3 && strncasecmp(text, "all", 3) == 0) {
			*states = UINT32_MAX;
		} else {
			while (i <= STATE_LAST && (strlen(sockdiag_state_name(i)) != len ||
						   strncasecmp(text, sockdiag_state_name(i), len)))
				i++;
			if (i > STATE_LAST) {
				snprintf(why, size,
					 "the states are those of ss: ESTAB, SYN-SENT, LISTEN ... "
					 "or all");
				return false;
			}
			*states |= UINT32_C(1) << i;
		}
		text += len + (text[len] == ',');
	}
	return true;
}

static const struct option_row rows[] = {
	OPTION(CHOICE, json_config, shape, "shape", 0, "SHAPE",
	       "skbox (default): every section and field by the names of skbox schema, one object "
	       "a "
	       "line; retis, retis-1.6, retis-classic: event files of that tool; flowd: socket "
	       "snapshots as flowd-go's netlink documents; firefly: sockets as the flows of "
	       "scitags "
	       "fireflies, with that document",
	       .choices = shapes),
	OPTION(FLAG, json_config, pretty, "pretty", 0, NULL, "indented, not one line an event"),
	OPTION(STRING, json_config, fields, "fields", 0, "LIST",
	       "skbox: only these fields of skbox schema and of packet headers, side by side in "
	       "one object"),
	OPTION(FLAG, json_config, ext, "ext", 0, NULL,
	       "flowd, firefly: with one more object, ext, of what those documents have no key "
	       "for"),
	OPTION(CALL, json_config, states, "states", 0, "LIST",
	       "flowd: sockets of these states (ESTAB,LISTEN or all); default is ESTAB",
	       .parse = parse_states),
	FIREFLIES_OPTIONS(json_config, firefly),
	FILTER_OPTIONS(json_config, filter),
};

struct exporter {
	const struct json_config *c;
	struct source *source;
	struct filter *filter;
	struct fields_list fields; /* --fields; n 0: all */
	struct terminal_out out;
	struct retis_writer retis;
	struct fireflies *fireflies;
	int error;       /* of them; negative errno */
	struct buf line; /* before it is indented */
	int level;       /* of what is open */
};

/*
 * Indents compact JSON, which is known to be well-formed, by two blanks a level. Objects and arrays
 * that are empty stay together. The level goes on from call to call: a series is one value.
 */
static void put_indented(struct exporter *x, const uint8_t *p, size_t len)
{
	struct buf *out = &x->out.buf;
	bool in_string = false;
	int level = x->level;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = p[i];
		bool close = !in_string && (c == '}' || c == ']');
		bool open = !in_string && (c == '{' || c == '[');

		if (!in_string && c == '\n') {
			buf_u8(out, c);
			continue;
		}
		if (close) {
			level--;
			if (i && p[i - 1] != '{' && p[i - 1] != '[')
				buf_printf(out, "\n%*s", level * 2, "");
		}
		buf_u8(out, c);
		if (in_string && c == '\\' && i + 1 < len)
			buf_u8(out, p[++i]);
		else if (c == '"')
			in_string = !in_string;
		if (!in_string && c == ':')
			buf_u8(out, ' ');
		level += open;
		if ((open && i + 1 < len && p[i + 1] != '}' && p[i + 1] != ']') ||
		    (!in_string && c == ','))
			buf_printf(out, "\n%*s", level * 2, "");
	}
	x->level = level;
}

static void put_flowd(struct exporter *x, const struct ev *ev, struct buf *out)
{
	const struct flowd_json_options options = {.pretty = x->c->pretty, .ext = x->c->ext};
	uint32_t states = x->c->states ? x->c->states : UINT32_C(1) << STATE_ESTABLISHED;

	if (!ev->diag || !(states >> (ev->diag->state & 31) & 1))
		return;
	flowd_json(ev, &options, out);
	buf_u8(out, '\n');
}

static void put_event(struct exporter *x, const struct ev *ev, struct buf *out)
{
	switch (x->c->shape) {
	case SHAPE_SKBOX:
		if (x->fields.n)
			fields_put_json(&x->fields, ev, out);
		else
			json_event_put(ev, out);
		break;
	case SHAPE_FLOWD: put_flowd(x, ev, out); break;
	case SHAPE_FIREFLY: x->error = fireflies_take(x->fireflies, ev, out); break;
	default:
		if (source_status(x->source)->sorted)
			retis_write_sorted(&x->retis, ev, out);
		else
			retis_write_event(&x->retis, ev, out);
	}
}

/* False: stop. */
static bool put_batch(struct exporter *x, const struct ev_batch *batch)
{
	bool indent = x->c->pretty && x->c->shape != SHAPE_FLOWD, more = true;
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (x->fireflies)
		fireflies_batch(x->fireflies, batch);
	while (more && !filter_done(x->filter) && ev_next(&w, &ev)) {
		if (!filter_match(x->filter, &ev))
			continue;
		if (indent) {
			buf_clear(&x->line);
			put_event(x, &ev, &x->line);
			put_indented(x, x->line.p, x->line.len);
		} else {
			put_event(x, &ev, &x->out.buf);
		}
		more = terminal_more(&x->out) && !x->error;
	}
	return terminal_flush(&x->out) && more && !filter_done(x->filter);
}

static int export(struct exporter *x)
{
	struct ev_batch *batch;
	int rc;

	terminal_open(&x->out, true);
	x->out.json = true;
	do
		rc = source_next(x->source, &batch);
	while (rc > 0 && put_batch(x, batch));
	buf_clear(&x->line);
	retis_write_end(&x->retis, &x->line);
	if (x->c->pretty)
		put_indented(x, x->line.p, x->line.len);
	else
		buf_put(&x->out.buf, x->line.p, x->line.len);
	buf_free(&x->line);
	if (terminal_close(&x->out) < 0 || rc < 0 || x->error < 0)
		return EXIT_FAILED;
	if (x->fireflies)
		fireflies_notes(x->fireflies);
	if (x->retis.rows || x->retis.sections)
		terminal_error("note: left out, for Retis does not know them: %llu rows, %llu "
			       "sections of others",
			       (unsigned long long)x->retis.rows,
			       (unsigned long long)x->retis.sections);
	return source_finish(x->source);
}

/* Whether what belongs to fireflies, and what does not, is there for them alone. */
static bool check_firefly(const struct json_config *c)
{
	const struct fireflies_options *o = &c->firefly;
	const char *wrong = NULL;

	if (c->shape == SHAPE_FIREFLY)
		wrong = c->pretty && o->udp ? "--pretty is not for --udp"
			: c->states         ? "--states is for --shape flowd"
					    : NULL;
	else if (o->experiment != FIREFLIES_NO_ID || o->activity != FIREFLIES_NO_ID ||
		 o->application || o->udp || o->lean)
		wrong = "--experiment, --activity, --application, --lean and --udp are for --shape "
			"firefly";
	if (wrong)
		terminal_error("json: %s", wrong);
	return !wrong;
}

static int json_run(int argc, char **argv)
{
	static const enum retis_shape of_shape[] = {
		[SHAPE_RETIS] = RETIS_SHAPE_1_7,
		[SHAPE_RETIS_1_6] = RETIS_SHAPE_1_6,
		[SHAPE_RETIS_CLASSIC] = RETIS_SHAPE_CLASSIC,
		[SHAPE_FLOWD] = RETIS_SHAPE_NONE,
		[SHAPE_FIREFLY] = RETIS_SHAPE_NONE,
	};
	struct json_config c = {
		.firefly = {.experiment = FIREFLIES_NO_ID, .activity = FIREFLIES_NO_ID}};
	struct source_options options = {.progress = true};
	struct exporter x = {.c = &c};
	int rest, rc = command_options(&command_json, argc, argv, &c, &rest);

	if (rc >= 0)
		goto out;
	rc = EXIT_FAILED;
	x.retis.shape = of_shape[c.shape];
	if (c.fields && c.shape != SHAPE_SKBOX) {
		terminal_error("json: --fields is for --shape skbox");
		goto out;
	}
	c.firefly.ext = c.ext;
	if (!check_firefly(&c))
		goto out;
	if (c.shape == SHAPE_FIREFLY && fireflies_new(&x.fireflies, &c.firefly) < 0)
		goto out;
	if (c.fields && fields_list_parse(&x.fields, c.fields) < 0)
		goto out;
	if (filter_new(&x.filter, &c.filter) < 0)
		goto out;
	if (confine_enter(&(struct confine){
		    .inputs = argv + rest, .n = (size_t)(argc - rest), .paged = true}) < 0)
		goto out;
	if (filter_open(x.filter, &x.source, &options, argv + rest, (size_t)(argc - rest)) == 0)
		rc = export(&x);
out:
	source_close(x.source);
	filter_free(x.filter);
	fireflies_free(x.fireflies);
	fields_list_free(&x.fields);
	filter_options_free(&c.filter);
	return rc;
}

const struct command command_json = {
	.name = "json",
	.usage = "[INPUT...] [--shape SHAPE] [OPTION...]",
	.help = "events as JSON: ours, Retis', flowd-go's of sockets, or fireflies",
	COMMAND_ROWS(rows),
	.run = json_run,
};
