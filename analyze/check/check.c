/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox check: whether a recording keeps rules. */
#include "analyze/check/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyze/check/check_run.h"
#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/filter.h"
#include "analyze/output.h"
#include "analyze/render.h"
#include "analyze/sort/journey_spool.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"

enum {
	EXAMPLES_DEFAULT = 3,
	STATUS_MAX = 255,
	MEMORY_BYTES =
		512 << 20, /* states of journeys, and of sequences and sockets of each rule */
};

/* --unknown; status: the exit code */
struct unknown {
	enum check_verdict as;
	int status;
};

struct check_config {
	int format;
	bool json, learn, list;
	const char *out;
	struct unknown unknown;
	uint64_t examples;
	const char *margin;
	int layout;
	struct text_options text;
	struct filter_options filter;
};

static const char *const formats[] = {"text", "tap", "tap13", "junit", "json", NULL};
static void (*const writers[])(const struct check_report *r, struct buf *out) = {
	check_put_text, check_put_tap, check_put_tap, check_put_junit, check_put_json};
enum { FORMAT_TAP13 = 2, FORMAT_JSON = 4 };

static bool parse_unknown(const char *text, void *member, char *why, size_t why_size)
{
	struct unknown *u = member;
	uint64_t status;

	u->as = CHECK_FAIL;
	u->status = EXIT_NO;
	if (strcmp(text, "pass") == 0) {
		u->as = CHECK_PASS;
		u->status = EXIT_DONE;
		return true;
	}
	if (strcmp(text, "fail") == 0)
		return true;
	if (!options_number(text, &status) || status > STATUS_MAX) {
		snprintf(why, why_size, "neither fail, pass nor an exit status");
		return false;
	}
	u->status = (int)status;
	return true;
}

static const struct option_row rows[] = {
	OPTION(CHOICE, check_config, format, "format", 0, "FORMAT",
	       "text (default), tap (version 14), tap13 (for prove), junit (XML) or json",
	       .choices = formats),
	OPTION(FLAG, check_config, json, "json", 0, NULL, "as JSON, one object"),
	OPTION(STRING, check_config, out, "out", 'o', "FILE", "write to FILE"),
	OPTION(CALL, check_config, unknown, "unknown", 0, "fail|pass|STATUS",
	       "what rules mean that lost events leave open: a failure (default), nothing, or "
	       "that exit status where no rule failed",
	       .parse = parse_unknown),
	OPTION(NUMBER, check_config, examples, "examples", 0, "N",
	       "show the first N things that break a rule (default 3; 0: none)",
	       .max = CHECK_EXAMPLES_MAX),
	OPTION(FLAG, check_config, list, "list", 0, NULL, "list the rules that are built in"),
	OPTION_PARAGRAPH("Learning:"),
	OPTION(FLAG, check_config, learn, "learn", 0, NULL,
	       "write rules that the recording keeps; all operands are inputs"),
	OPTION(STRING, check_config, margin, "margin", 0, "FACTOR",
	       "with --learn: allow so many times what was seen (default 3)"),
	OPTION_PARAGRAPH("Text of events:"),
	OPTION(CHOICE, check_config, layout, "layout", 0, "LAYOUT",
	       "classic (default): metadata, then the packet; current: as Retis 1.6 and later",
	       .choices = render_layouts),
	OPTION(FLAG, check_config, text.utc, "utc", 0, NULL, "times as UTC dates"),
	OPTION(FLAG, check_config, text.link_layer, NULL, 'e', NULL, "show the link layer"),
	FILTER_OPTIONS(check_config, filter),
};

/* ---- reading the input ---- */

static bool check_all(struct check *c, struct filter *f, const struct ev_batch *batch,
		      void (*also)(void *ctx, const struct ev *ev, bool is_record), void *ctx)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (!check_batch(c, batch))
		return false;
	while (ev_next(&w, &ev)) {
		bool is_record = filter_is_record(&ev);

		c->ordinal++;
		if (!filter_match(f, &ev))
			continue;
		if (is_record)
			check_record(c, &ev);
		else
			check_event(c, &ev);
		if (also)
			also(ctx, &ev, is_record);
	}
	return true;
}

int check_run(struct check *c, const struct filter_options *options, char *const *inputs, size_t n,
	      void (*also)(void *ctx, const struct ev *ev, bool is_record), void *ctx)
{
	const struct source_options source_options = {.progress = SOURCE_PROGRESS};
	struct source *source = NULL;
	struct filter *f = NULL;
	struct ev_batch *batch;
	int rc = filter_new(&f, options);

	c->is_timed = options->since.kind || options->until.kind;
	if (!rc)
		rc = filter_open(f, &source, &source_options, inputs, n);
	if (rc < 0)
		goto out;
	/* of standard input they are known when they come */
	c->losses_known = journey_losses_read(&c->losses, inputs, n);
	while ((rc = source_next(source, &batch)) > 0)
		if (!check_all(c, f, batch, also, ctx))
			break;
	if (rc < 0)
		goto out;
	c->damaged = source_status(source)->damaged;
	c->unfinished = source_status(source)->unfinished;
	c->unknown = source_status(source)->unknown + source_status(source)->unknown_keys;
	check_end(c);
	rc = source_finish(source);
	if (c->failed || c->losses.failed) {
		terminal_error("out of memory");
		rc = -ENOMEM;
	}
out:
	source_close(source);
	filter_free(f);
	return rc;
}

/* ---- output ---- */

static int write_out(const struct check_config *c, const struct buf *text)
{
	struct output file = {0};
	struct terminal_out out;
	int rc;

	if (text->failed) {
		terminal_error("out of memory");
		return -ENOMEM;
	}
	if (c->out && strcmp(c->out, "-") != 0) {
		rc = output_open(&file, c->out, 0);
		return rc ? rc : output_commit(&file, output_write(&file, text->p, text->len));
	}
	terminal_open(&out, c->format == 0);
	out.json = c->format == FORMAT_JSON;
	buf_put(&out.buf, text->p, text->len);
	return terminal_close(&out);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* code: that of reading; what a rule says comes first. */
static int verdict(const struct check *c, const struct check_config *config, int code)
{
	bool is_unknown = false;

	for (unsigned int i = 0; i < c->n_rules; i++) {
		if (c->rule[i].verdict == CHECK_FAIL)
			return EXIT_NO;
		is_unknown |= c->rule[i].verdict == CHECK_UNKNOWN;
	}
	if (code != EXIT_DONE)
		return code;
	return is_unknown ? config->unknown.status : EXIT_DONE;
}

static int check_inputs(struct check *c, const struct check_config *config, char *const *names,
			struct journey_spool *spool, size_t n)
{
	struct check_report report = {.c = c,
				      .unknown_as = config->unknown.as,
				      .inputs = (const char *const *)names,
				      .n_inputs = n,
				      .seconds = seconds(),
				      .tap_version = config->format == FORMAT_TAP13 ? 13 : 14};
	char *const *inputs = journey_spool_inputs(spool);
	struct text_options text = config->text;
	struct buf out = {0};
	int code, rc;

	c->examples = (unsigned int)config->examples;
	code = check_run(c, &config->filter, inputs, n, NULL, NULL);
	if (code < 0)
		return EXIT_FAILED;
	text.current = config->layout == 1;
	journey_spool_rewind(spool);
	if (c->examples && check_examples_render(c, &config->filter, &text, inputs, n) < 0)
		return EXIT_FAILED;
	report.seconds = seconds() - report.seconds;
	writers[config->format](&report, &out);
	rc = write_out(config, &out);
	buf_free(&out);
	return rc < 0 ? EXIT_FAILED : verdict(c, config, code);
}

static int learn_inputs(struct check *c, const struct check_config *config, char *const *inputs,
			size_t n)
{
	struct check_rule factor = {.unit = CHECK_COUNT};
	struct buf out = {0};
	const char *why;
	double margin = 3;
	int rc, code = 0;

	if (config->margin && (!check_value_parse(&factor, config->margin, &margin, &why) ||
			       margin < 1 || margin > 1e6)) {
		terminal_error("check: --margin: %s is no number from 1 on", config->margin);
		return EXIT_FAILED;
	}
	rc = check_learn(c, &config->filter, margin, inputs, n, &out, &code);
	if (!rc)
		rc = write_out(config, &out);
	buf_free(&out);
	return rc < 0 ? EXIT_FAILED : code;
}

static int list_rules(const struct check_config *config)
{
	struct buf out = {0};
	int rc = 0;

	for (size_t i = 0; i < check_builtins_n && !rc; i++) {
		const struct check_builtin *b = &check_builtins[i];
		struct skbox_error err = {0};
		const struct yaml *about;
		struct yaml *root;

		rc = yaml_read(&root, b->text, (size_t)(b->end - b->text), &err);
		about = rc ? NULL : yaml_member(root, "about");
		buf_printf(&out, "%-16s %s\n", b->name, about ? about->text : "");
		yaml_tree_free(root);
	}
	rc = rc ? rc : write_out(config, &out);
	buf_free(&out);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- the command ---- */

static int check_command(struct check *c, const struct check_config *config, int n, char **words)
{
	struct journey_spool *spool = NULL;
	struct skbox_error err = {0};
	char *const *names;
	int rc, count;

	if (config->list)
		return list_rules(config);
	if (!config->learn && n == 0) {
		terminal_error("check: rules are missing: a file, or a name that --list shows");
		return EXIT_FAILED;
	}
	if (!config->learn && check_rules_add(c, words[0], &err) < 0) {
		terminal_error("%s", err.text);
		return EXIT_FAILED;
	}
	if (!config->learn) {
		words++;
		n--;
	}
	names = command_inputs(n, words, &count);
	if (filter_prepare(&config->filter) < 0 ||
	    confine_enter(&(struct confine){.inputs = names,
					    .n = (size_t)count,
					    .output = config->out,
					    .paged = !config->out && config->format == 0,
					    .memory_bytes = MEMORY_BYTES}) < 0)
		return EXIT_FAILED;
	if (journey_spool_new(&spool, names, (size_t)count) < 0)
		return EXIT_FAILED;
	rc = config->learn ? learn_inputs(c, config, journey_spool_inputs(spool), (size_t)count)
			   : check_inputs(c, config, names, spool, (size_t)count);
	journey_spool_free(spool);
	return rc;
}

static int run(int argc, char **argv)
{
	struct check_config config = {.examples = EXAMPLES_DEFAULT,
				      .unknown = {CHECK_FAIL, EXIT_NO}};
	struct check c = {0};
	int rest, rc = command_options(&command_check, argc, argv, &config, &rest);

	if (rc < 0) {
		if (config.json)
			config.format = FORMAT_JSON;
		rc = check_command(&c, &config, argc - rest, argv + rest);
	}
	check_fini(&c);
	filter_options_free(&config.filter);
	return rc;
}

const struct command command_check = {
	.name = "check",
	.usage = "RULES[,RULES...] [INPUT...] [OPTION...]\n"
		 "skbox check --learn [INPUT...] [-o RULES.yaml]",
	.help = "whether a recording keeps rules, for CI",
	.about = "RULES is a file (skbox-rules(5)) or a name that --list shows. The exit status is "
		 "0 when "
		 "all rules pass, 1 when one failed.",
	COMMAND_ROWS(rows),
	.run = run,
};
