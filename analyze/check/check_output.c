/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts for people, and as TAP. */
#include <string.h>

#include "analyze/check/check.h"

static void put_text(struct buf *out, const char *text)
{
	text_untrusted(out, text, strlen(text));
}

/* The lines of a text, each behind an indentation. */
static void put_lines(struct buf *out, const char *indent, const struct buf *text)
{
	const char *p = (const char *)text->p, *end = p + text->len;

	while (p < end) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));
		size_t len = feed ? (size_t)(feed - p) : (size_t)(end - p);

		buf_str(out, indent);
		buf_put(out, p, len);
		buf_u8(out, '\n');
		p += len + 1;
	}
}

static void put_example(struct buf *out, const char *indent, const struct check_example *x)
{
	char deeper[20];
	size_t n = strlen(indent);

	memcpy(deeper, indent, n);
	if (*x->note) {
		buf_str(out, indent);
		put_text(out, x->note);
		buf_str(out, ":\n");
		memcpy(deeper + n, "  ", 2);
		n += 2;
	}
	deeper[n] = 0;
	put_lines(out, deeper, &x->text);
	if (x->events > CHECK_EXAMPLE_EVENTS)
		buf_printf(out, "%s... %u more events\n", deeper, x->events - CHECK_EXAMPLE_EVENTS);
}

static void count(const struct check *c, unsigned int n[3])
{
	memset(n, 0, 3 * sizeof(*n));
	for (unsigned int i = 0; i < c->n_rules; i++)
		n[c->rule[i].verdict]++;
}

void check_put_text(const struct check_report *r, struct buf *out)
{
	static const char *const words[] = {"ok       ", "NOT OK   ", "unknown  "};
	unsigned int n[3];

	for (unsigned int i = 0; i < r->c->n_rules; i++) {
		const struct check_rule *rule = &r->c->rule[i];

		buf_str(out, words[rule->verdict]);
		put_text(out, rule->name);
		buf_str(out, ": ");
		buf_put(out, rule->measured.p, rule->measured.len);
		buf_u8(out, '\n');
		if (rule->verdict != CHECK_FAIL)
			continue;
		if (rule->message) {
			buf_str(out, "         ");
			put_text(out, rule->message);
			buf_u8(out, '\n');
		}
		for (unsigned int e = 0; e < rule->n_examples; e++)
			put_example(out, "         ", &rule->example[e]);
	}
	count(r->c, n);
	buf_printf(out, "%u rules: %u passed, %u failed, %u unknown\n", r->c->n_rules,
		   n[CHECK_PASS], n[CHECK_FAIL], n[CHECK_UNKNOWN]);
}

/* ---- TAP ---- */

/* A description: # begins a directive, \ escapes. */
static void put_description(struct buf *out, const char *text)
{
	struct buf plain = {0};

	put_text(&plain, text);
	for (size_t i = 0; i < plain.len; i++) {
		if (plain.p[i] == '#' || plain.p[i] == '\\')
			buf_u8(out, '\\');
		buf_u8(out, plain.p[i]);
	}
	out->failed |= plain.failed;
	buf_free(&plain);
}

static void put_quoted(struct buf *out, const void *text, size_t len)
{
	const char *p = text;

	buf_u8(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_u8(out, '\\');
		buf_u8(out, (uint8_t)p[i]);
	}
	buf_str(out, "\"\n");
}

static void put_diagnostics(struct buf *out, const struct check_rule *rule)
{
	struct buf message = {0};

	buf_str(out, "  ---\n  severity: ");
	buf_str(out, check_verdict_names[rule->verdict]);
	buf_str(out, "\n  measured: ");
	put_quoted(out, rule->measured.p, rule->measured.len);
	if (rule->message) {
		put_text(&message, rule->message);
		buf_str(out, "  message: ");
		put_quoted(out, message.p, message.len);
	}
	buf_str(out, "  file: ");
	put_quoted(out, rule->file, strlen(rule->file));
	buf_printf(out, "  line: %u\n", rule->line);
	if (rule->verdict == CHECK_FAIL && rule->n_examples) {
		buf_str(out, "  events: |\n");
		for (unsigned int e = 0; e < rule->n_examples; e++)
			put_example(out, "    ", &rule->example[e]);
	}
	buf_str(out, "  ...\n");
	out->failed |= message.failed;
	buf_free(&message);
}

void check_put_tap(const struct check_report *r, struct buf *out)
{
	buf_printf(out, "TAP version %u\n1..%u\n", r->tap_version, r->c->n_rules);
	for (unsigned int i = 0; i < r->c->n_rules; i++) {
		const struct check_rule *rule = &r->c->rule[i];
		bool is_skip = rule->verdict == CHECK_UNKNOWN && r->unknown_as == CHECK_PASS;
		bool is_ok = rule->verdict == CHECK_PASS || is_skip;

		buf_printf(out, "%s %u - ", is_ok ? "ok" : "not ok", i + 1);
		put_description(out, rule->name);
		if (is_skip) {
			buf_str(out, " # SKIP unknown: ");
			buf_put(out, rule->measured.p, rule->measured.len);
		}
		buf_u8(out, '\n');
		if (!is_ok)
			put_diagnostics(out, rule);
	}
}
