/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox verify: reads everything, and tells what is damaged and where. */
#include <string.h>

#include "analyze/command.h"
#include "analyze/confine.h"
#include "analyze/filter/fail_if.h"
#include "analyze/source/source.h"
#include "cli/terminal.h"
#include "formats/json.h"
#include "formats/text/text.h"

struct verify_config {
	bool json;
	struct option_list fail_if;
};

static const struct option_row rows[] = {
	OPTION(FLAG, verify_config, json, "json", 0, NULL,
	       "the result as JSON, one object an input"),
	FAIL_IF_OPTION(verify_config, fail_if),
};

struct verification {
	struct terminal_out *out;
	const char *name;
	bool json, event_file;
	size_t begun_at; /* in out */
	uint64_t damaged, events, blocks, bytes, unknown, unknown_keys;
	bool finished;
};

static void begin(struct verification *v)
{
	v->begun_at = v->out->buf.len;
	if (!v->json)
		return;
	buf_str(&v->out->buf, "{\"input\":");
	json_put_string(&v->out->buf, v->name, strlen(v->name));
	buf_str(&v->out->buf, ",\"damage\":[");
}

static void on_damage(void *ctx, const struct skbox_error *what, const char *unit)
{
	struct verification *v = ctx;
	struct buf *out = &v->out->buf;

	if (v->json) {
		buf_printf(out, "%s{\"%s\":%llu,\"text\":", v->damaged ? "," : "", unit,
			   (unsigned long long)what->offset);
		json_put_string(out, what->text, strlen(what->text));
		buf_u8(out, '}');
	} else {
		text_untrusted(out, v->name, strlen(v->name));
		buf_printf(out, ": %s %llu: ", unit, (unsigned long long)what->offset);
		text_untrusted(out, what->text, strlen(what->text));
		buf_u8(out, '\n');
	}
	v->damaged++;
	terminal_more(v->out); /* there may be a million of them */
}

static void end(struct verification *v)
{
	struct buf *out = &v->out->buf;

	if (v->json) {
		buf_printf(out, "],\"damaged\":%llu,\"events\":%llu,\"bytes\":%llu",
			   (unsigned long long)v->damaged, (unsigned long long)v->events,
			   (unsigned long long)v->bytes);
		if (v->event_file)
			buf_printf(out, ",\"blocks\":%llu,\"finished\":%s,\"unknown\":%llu",
				   (unsigned long long)v->blocks, v->finished ? "true" : "false",
				   (unsigned long long)v->unknown);
		else
			buf_printf(out, ",\"unknown_keys\":%llu",
				   (unsigned long long)v->unknown_keys);
		buf_str(out, "}\n");
		return;
	}
	text_untrusted(out, v->name, strlen(v->name));
	if (v->damaged)
		buf_printf(out, ": %llu damaged place%s; whole: ", (unsigned long long)v->damaged,
			   v->damaged == 1 ? "" : "s");
	else
		buf_str(out, ": good: ");
	buf_printf(out, "%llu events", (unsigned long long)v->events);
	if (v->event_file)
		buf_printf(out, " in %llu block%s", (unsigned long long)v->blocks,
			   v->blocks == 1 ? "" : "s");
	buf_printf(out, ", %llu bytes", (unsigned long long)v->bytes);
	if (v->event_file && !v->finished)
		buf_str(out, "; the recording was not finished");
	if (v->unknown)
		buf_printf(out, "; %llu parts of a newer format", (unsigned long long)v->unknown);
	if (v->unknown_keys)
		buf_printf(out, "; %llu keys that are not known",
			   (unsigned long long)v->unknown_keys);
	buf_u8(out, '\n');
}

/* Exit code for one input. */
static int verify_input(struct verification *v, char *path)
{
	struct source_options options = {.damage = on_damage, .ctx = v};
	const struct source_status *status;
	struct source *s;
	struct ev_batch *batch;
	int rc;

	v->name = strcmp(path, "-") == 0 ? "standard input" : path;
	begin(v);
	rc = source_open(&s, &options, &path, 1);
	if (rc < 0) {
		v->out->buf.len = v->begun_at;
		return EXIT_FAILED;
	}
	while ((rc = source_next(s, &batch)) > 0)
		;
	status = source_status(s);
	v->events = status->events;
	v->blocks = status->blocks;
	v->unknown = status->unknown;
	v->unknown_keys = status->unknown_keys;
	v->event_file = status->event_files > 0;
	v->finished = !status->unfinished;
	v->bytes = status->bytes;
	source_close(s);
	end(v);
	if (rc < 0)
		return EXIT_FAILED;
	return v->damaged ? EXIT_DAMAGED : EXIT_DONE;
}

enum { VALUES = 5 };

static void fill_values(const struct verification *v, struct fail_if_value values[VALUES])
{
	const struct fail_if_value table[VALUES] = {
		{"damaged", v->damaged, NULL},
		{"events", v->events, NULL},
		{"bytes", v->bytes, NULL},
		{"unfinished", v->event_file && !v->finished, NULL},
		{"unknown", v->unknown + v->unknown_keys, NULL},
	};

	memcpy(values, table, sizeof(table));
}

static int verify_all(const struct verify_config *c, char *const *inputs, int n)
{
	struct terminal_out out;
	unsigned int held = 0;
	int worst = EXIT_DONE;

	terminal_open(&out, false);
	out.json = c->json;
	for (int i = 0; i < n; i++) {
		struct verification v = {.out = &out, .json = c->json};
		struct fail_if_value values[VALUES];
		int rc = verify_input(&v, inputs[i]);

		/* what failed weighs more than what is damaged */
		if (rc == EXIT_FAILED || worst == EXIT_DONE)
			worst = rc;
		fill_values(&v, values);
		if (rc != EXIT_FAILED)
			held += fail_if_count(&c->fail_if, values, VALUES, NULL);
	}
	if (terminal_close(&out) < 0)
		return EXIT_FAILED;
	return held && worst != EXIT_FAILED ? EXIT_NO : worst;
}

static int verify_run(int argc, char **argv)
{
	const struct verification none = {0};
	struct verify_config c = {0};
	struct fail_if_value values[VALUES];
	int rest, rc = command_options(&command_verify, argc, argv, &c, &rest);
	char *const *inputs;
	int n;

	fill_values(&none, values);
	if (rc >= 0)
		goto out;
	inputs = command_inputs(argc - rest, argv + rest, &n);
	rc = fail_if_valid(&c.fail_if, values, VALUES) &&
			     confine_enter(&(struct confine){.inputs = inputs, .n = (size_t)n}) == 0
		     ? verify_all(&c, inputs, n)
		     : EXIT_FAILED;
out:
	option_list_free(&c.fail_if);
	return rc;
}

const struct command command_verify = {
	.name = "verify",
	.usage = "[INPUT...] [--json] [--fail-if CONDITION]",
	.help = "checks every checksum and bound; tells what is damaged and where",
	.about = "A recording that was not finished, but is whole as far as it goes, is good.",
	COMMAND_ROWS(rows),
	.run = verify_run,
};
