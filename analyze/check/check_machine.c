/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts as JUnit XML and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analyze/check/check.h"
#include "formats/json.h"

/* Text of an element or an attribute; text is UTF-8 without control characters but the line feed. */
static void put_xml(struct buf *out, const void *text, size_t len)
{
	static const struct {
		char c;
		const char *as;
	} entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
	const char *p = text;

	for (size_t i = 0; i < len; i++) {
		size_t e = 0;

		while (e < 4 && entities[e].c != p[i])
			e++;
		if (e < 4)
			buf_str(out, entities[e].as);
		else
			buf_u8(out, (uint8_t)p[i]);
	}
}

static void put_xml_text(struct buf *out, const char *text)
{
	struct buf plain = {0};

	text_untrusted(&plain, text, strlen(text));
	put_xml(out, plain.p, plain.len);
	out->failed |= plain.failed;
	buf_free(&plain);
}

static void put_examples(struct buf *out, const struct check_rule *rule)
{
	for (unsigned int e = 0; e < rule->n_examples; e++) {
		const struct check_example *x = &rule->example[e];

		if (*x->note) {
			put_xml_text(out, x->note);
			buf_str(out, ":\n");
		}
		put_xml(out, x->text.p, x->text.len);
	}
}

/* failure: a rule that failed; error or skipped: one that is unknown. */
static void put_problem(struct buf *out, const struct check_rule *rule, const char *element)
{
	buf_printf(out, "      <%s message=\"", element);
	put_xml(out, rule->measured.p, rule->measured.len);
	buf_u8(out, '"');
	if (strcmp(element, "skipped") != 0)
		buf_printf(out, " type=\"%s\"", rule->kind->key);
	buf_u8(out, '>');
	if (rule->verdict == CHECK_FAIL) {
		if (rule->message) {
			put_xml_text(out, rule->message);
			buf_u8(out, '\n');
		}
		put_examples(out, rule);
	}
	buf_printf(out, "</%s>\n", element);
}

static void put_case(struct buf *out, const struct check_report *r, const struct check_rule *rule)
{
	buf_str(out, "    <testcase name=\"");
	put_xml_text(out, rule->name);
	buf_str(out, "\" classname=\"");
	put_xml_text(out, rule->file);
	buf_str(out, "\" time=\"0\"");
	if (rule->verdict == CHECK_PASS) {
		buf_str(out, "/>\n");
		return;
	}
	buf_str(out, ">\n");
	put_problem(out, rule,
		    rule->verdict == CHECK_FAIL   ? "failure"
		    : r->unknown_as == CHECK_PASS ? "skipped"
						  : "error");
	buf_str(out, "    </testcase>\n");
}

void check_put_junit(const struct check_report *r, struct buf *out)
{
	unsigned int n[3] = {0};
	char counts[160];

	for (unsigned int i = 0; i < r->c->n_rules; i++)
		n[r->c->rule[i].verdict]++;
	snprintf(counts, sizeof(counts),
		 "tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"",
		 r->c->n_rules, n[CHECK_FAIL], r->unknown_as == CHECK_PASS ? 0 : n[CHECK_UNKNOWN],
		 r->unknown_as == CHECK_PASS ? n[CHECK_UNKNOWN] : 0, r->seconds);
	buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(out, "<testsuites name=\"skbox check\" %s>\n", counts);
	buf_str(out, "  <testsuite name=\"");
	for (size_t i = 0; i < r->n_inputs; i++) {
		buf_str(out, i ? " " : "");
		put_xml_text(out, r->inputs[i]);
	}
	buf_str(out, r->n_inputs ? "" : "standard input");
	buf_printf(out, "\" %s>\n", counts);
	for (unsigned int i = 0; i < r->c->n_rules; i++)
		put_case(out, r, &r->c->rule[i]);
	buf_str(out, "  </testsuite>\n</testsuites>\n");
}

/* ---- JSON ---- */

static void put_string(struct buf *out, const char *key, const void *text, size_t len)
{
	json_put_key(out, key);
	json_put_string(out, len ? text : "", len);
}

static void put_number(struct buf *out, double v)
{
	if (isinf(v))
		buf_str(out, "null");
	else if (fabs(v) < 1e15 && v == floor(v))
		buf_printf(out, "%.0f", v);
	else
		buf_printf(out, "%.9g", v);
}

static void put_bounds(struct buf *out, const struct check *c, const struct check_rule *rule)
{
	static const char *const operators[] = {"<=", "<", ">=", ">", "=="};

	buf_str(out, "\"bounds\":[");
	for (unsigned int i = 0; i < rule->n_bounds; i++) {
		const struct check_bound *b = &rule->bound[i];
		struct check_figure f;

		buf_printf(out, "%s{\"bound\":\"%s\",\"operator\":\"%s\",\"limit\":", i ? "," : "",
			   b->key, operators[b->op]);
		put_number(out, b->value);
		if (rule->kind->figure(c, rule, b->figure, &f)) {
			buf_str(out, ",\"value\":");
			put_number(out, f.value);
			buf_str(out, ",\"low\":");
			put_number(out, f.low);
			buf_str(out, ",\"high\":");
			put_number(out, f.high);
		}
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static void put_rule(struct buf *out, const struct check *c, const struct check_rule *rule)
{
	buf_u8(out, '{');
	put_string(out, "name", rule->name, strlen(rule->name));
	buf_u8(out, ',');
	put_string(out, "file", rule->file, strlen(rule->file));
	buf_printf(out, ",\"line\":%u,\"kind\":\"%s\",\"verdict\":\"%s\",", rule->line,
		   rule->kind->key, check_verdict_names[rule->verdict]);
	put_string(out, "measured", rule->measured.p, rule->measured.len);
	buf_printf(out, ",\"seen\":%llu,", (unsigned long long)rule->seen);
	put_bounds(out, c, rule);
	if (rule->message) {
		buf_u8(out, ',');
		put_string(out, "message", rule->message, strlen(rule->message));
	}
	buf_str(out, ",\"examples\":[");
	for (unsigned int e = 0; rule->verdict == CHECK_FAIL && e < rule->n_examples; e++) {
		buf_str(out, e ? ",{" : "{");
		put_string(out, "note", rule->example[e].note, strlen(rule->example[e].note));
		buf_u8(out, ',');
		put_string(out, "text", rule->example[e].text.p, rule->example[e].text.len);
		buf_u8(out, '}');
	}
	buf_str(out, "]}");
}

void check_put_json(const struct check_report *r, struct buf *out)
{
	unsigned int n[3] = {0};

	for (unsigned int i = 0; i < r->c->n_rules; i++)
		n[r->c->rule[i].verdict]++;
	buf_printf(out,
		   "{\"passed\":%u,\"failed\":%u,\"unknown\":%u,\"events\":%llu,\"damaged\":%llu,"
		   "\"rules\":[",
		   n[CHECK_PASS], n[CHECK_FAIL], n[CHECK_UNKNOWN], (unsigned long long)r->c->events,
		   (unsigned long long)r->c->damaged);
	for (unsigned int i = 0; i < r->c->n_rules; i++) {
		buf_str(out, i ? "," : "");
		put_rule(out, r->c, &r->c->rule[i]);
	}
	buf_str(out, "]}\n");
}
