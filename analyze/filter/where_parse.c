/* SPDX-License-Identifier: BSD-2-Clause */
/* From the text of an expression to its program, in one pass. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/where_impl.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	struct where_value v; /* TOKEN_WORD, TOKEN_STRING; of all: where it begins */
	char sign[3];
};

struct parser {
	struct where *w;
	struct where_error *err;
	const char *text;
	size_t len, at; /* at: behind the token */
	struct token t;
	char *unescaped; /* room for the strings, as long as the expression */
	size_t unescaped_len;
	unsigned int depth;
};

int where_fail(struct where_error *err, size_t at, const char *format, ...)
{
	va_list args;

	err->code = -EINVAL;
	err->at = at;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -EINVAL;
}

bool where_grow(void *array, size_t size, uint32_t n, uint32_t more)
{
	void *p, *old;
	uint32_t cap = 8;

	memcpy(&old, array, sizeof(old));
	while (cap < n)
		cap *= 2;
	/* full at each power of two: there is no number to keep */
	if (old && n + more <= cap && n != cap)
		return true;
	while (cap < n + more)
		cap *= 2;
	p = realloc(old, cap * size);
	if (!p)
		return false;
	memcpy(array, &p, sizeof(p));
	return true;
}

/* ---- tokens ---- */

static bool is_word_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (unsigned char)c >= 0x80 || (c && strchr("_.:/*?+-%@", c));
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) & 15 : -1;
}

/* A string in quotes. An escape that means nothing stands for itself: patterns have many. */
static int next_string(struct parser *p)
{
	char quote = p->text[p->at++], *out = p->unescaped + p->unescaped_len;
	size_t n = 0;

	while (p->at < p->len && p->text[p->at] != quote) {
		char c = p->text[p->at++];

		if (c == '\\' && p->at < p->len) {
			char e = p->text[p->at];
			int high = p->at + 2 < p->len ? hex(p->text[p->at + 1]) : -1;
			int low = high >= 0 ? hex(p->text[p->at + 2]) : -1;

			p->at++;
			if (e == quote || e == '\\') {
				c = e;
			} else if (e == 'n' || e == 't') {
				c = e == 'n' ? '\n' : '\t';
			} else if (e == 'x' && low >= 0) {
				c = (char)(high << 4 | low);
				p->at += 2;
			} else {
				out[n++] = '\\';
				c = e;
			}
		}
		out[n++] = c;
	}
	if (p->at == p->len)
		return where_fail(p->err, p->t.v.at, "the quote is not closed");
	p->at++;
	p->t.kind = TOKEN_STRING;
	p->t.v.p = out;
	p->t.v.len = n;
	p->t.v.quoted = true;
	p->unescaped_len += n;
	return 0;
}

static int next_sign(struct parser *p)
{
	static const char *const signs[] = {"&&", "||", "==", "!=", "<=", ">=", "=~", "<", ">", "!",
					    "=",  "~",  "&",  "|",  "(",  ")",  "{",  "}", ","};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t n = strlen(signs[i]);

		if (p->len - p->at >= n && memcmp(p->text + p->at, signs[i], n) == 0) {
			p->t.kind = TOKEN_SIGN;
			p->t.v.p = p->text + p->at;
			p->t.v.len = n;
			memcpy(p->t.sign, signs[i], n + 1);
			p->at += n;
			return 0;
		}
	}
	return where_fail(p->err, p->at, "unexpected character");
}

static int next_token(struct parser *p)
{
	p->at += strspn(p->text + p->at, " \t\r\n");
	p->t = (struct token){.v.at = p->at};
	if (p->at == p->len)
		return 0;
	if (p->text[p->at] == '"' || p->text[p->at] == '\'')
		return next_string(p);
	if (!is_word_char(p->text[p->at]))
		return next_sign(p);
	p->t.kind = TOKEN_WORD;
	p->t.v.p = p->text + p->at;
	while (p->at < p->len && is_word_char(p->text[p->at]))
		p->at++;
	p->t.v.len = (size_t)(p->text + p->at - p->t.v.p);
	return 0;
}

static bool is_sign(const struct parser *p, const char *sign)
{
	return p->t.kind == TOKEN_SIGN && strcmp(p->t.sign, sign) == 0;
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->t.kind == TOKEN_WORD && p->t.v.len == strlen(word) &&
	       memcmp(p->t.v.p, word, p->t.v.len) == 0;
}

static int expected(struct parser *p, const char *what)
{
	if (p->t.kind == TOKEN_END)
		return where_fail(p->err, p->t.v.at, "%s expected, and here is the end", what);
	return where_fail(p->err, p->t.v.at, "%s expected, not %.*s", what,
			  (int)(p->t.v.len < 40 ? p->t.v.len : 40), p->t.v.p);
}

/* ---- the program ---- */

static int emit(struct parser *p, enum where_code code, uint32_t arg)
{
	struct where *w = p->w;

	if (!where_grow(&w->ops, sizeof(*w->ops), w->n_ops, 1))
		return -ENOMEM;
	w->ops[w->n_ops++] = (struct where_op){(uint8_t)code, arg};
	return 0;
}

/* Joins what was pushed last to what was before it; `jump` is the operation in between. */
static int emit_join(struct parser *p, enum where_code code, uint32_t jump)
{
	int rc = emit(p, code, 0);

	p->w->ops[jump].arg = p->w->n_ops;
	return rc;
}

static int emit_test(struct parser *p, const struct where_test *test)
{
	struct where *w = p->w;

	if (w->n_tests == WHERE_TESTS_MAX)
		return where_fail(p->err, p->t.v.at, "more than %d comparisons", WHERE_TESTS_MAX);
	if (!where_grow(&w->tests, sizeof(*w->tests), w->n_tests, 1))
		return -ENOMEM;
	w->tests[w->n_tests] = *test;
	w->any_packet |= !test->from.schema && test->kind != TEST_SECTIONS;
	return emit(p, WHERE_TEST, w->n_tests++);
}

/* The test on each place that the field may be in: one of them is enough. */
static int emit_field(struct parser *p, const struct field *f, const struct where_test *test)
{
	struct where_test t = *test;
	uint32_t jump = 0, n = 0;
	int rc = 0;

	t.field = f->kind;
	t.base = f->base;
	t.is_signed = f->is_signed && !t.is_masked;
	if (f->sections && t.kind == TEST_EXISTS) {
		struct where_test sections = {.kind = TEST_SECTIONS, .sections = f->sections};

		rc = emit_test(p, &sections);
		n++;
	}
	for (unsigned int i = 0; i < f->n && rc == 0; i++, n++) {
		if (n) {
			jump = p->w->n_ops;
			rc = emit(p, WHERE_IF_ALL, 0);
		}
		t.from = f->from[i];
		if (rc == 0)
			rc = emit_test(p, &t);
		if (n && rc == 0)
			rc = emit_join(p, WHERE_OR, jump);
	}
	return rc;
}

static int emit_exists(struct parser *p, const struct field *f)
{
	return emit_field(p, f, &(struct where_test){.kind = TEST_EXISTS});
}

/* "!=": it is there, and is not that. */
static int emit_unequal(struct parser *p, const struct field *f, const struct where_test *test)
{
	uint32_t jump;
	int rc = emit_exists(p, f);

	jump = p->w->n_ops;
	if (rc == 0)
		rc = emit(p, WHERE_IF_NONE, 0);
	if (rc == 0)
		rc = emit_field(p, f, test);
	if (rc == 0)
		rc = emit(p, WHERE_NOT, 0);
	return rc ? rc : emit_join(p, WHERE_AND, jump);
}

/* ---- comparisons ---- */

static uint32_t values_of(const struct where *w, const struct field *f)
{
	return f->kind == FIELD_INT ? w->n_ranges : f->kind == FIELD_TEXT ? w->n_words : w->n_keys;
}

static int take_value(struct parser *p, const struct field *f, bool is_masked,
		      enum where_compare how)
{
	struct where_value v;
	int rc;

	if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING)
		return expected(p, "a value");
	if (values_of(p->w, f) >= WHERE_VALUES_MAX)
		return where_fail(p->err, p->t.v.at, "more than %d values", WHERE_VALUES_MAX);
	v = p->t.v;
	rc = where_value_add(p->w, f, is_masked, how, &v, p->err);
	return rc ? rc : next_token(p);
}

/* "{80, 443}", or one value. */
static int take_set(struct parser *p, const struct field *f, bool is_masked)
{
	int rc;

	if (!is_sign(p, "{"))
		return take_value(p, f, is_masked, WHERE_IN);
	do {
		rc = next_token(p);
		if (rc == 0)
			rc = take_value(p, f, is_masked, WHERE_IN);
	} while (rc == 0 && is_sign(p, ","));
	if (rc)
		return rc;
	return is_sign(p, "}") ? next_token(p) : expected(p, "} or ,");
}

static int parse_values(struct parser *p, const struct field *f, struct where_test *t,
			enum where_compare how)
{
	int rc;

	t->kind = f->kind == FIELD_INT ? TEST_INT : f->kind == FIELD_TEXT ? TEST_WORDS : TEST_KEY;
	t->first = values_of(p->w, f);
	rc = how == WHERE_IN ? take_set(p, f, t->is_masked) : take_value(p, f, t->is_masked, how);
	if (rc)
		return rc;
	where_value_sort(p->w, f, t->first);
	t->n = values_of(p->w, f) - t->first;
	return 0;
}

static int parse_pattern(struct parser *p, const struct field *f, struct where_test *t, bool regex)
{
	struct where *w = p->w;
	int rc = 0;

	if (f->kind != FIELD_TEXT)
		return where_fail(p->err, p->t.v.at, "%s is no text: ~ and =~ are for text",
				  f->name);
	if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING)
		return expected(p, "a pattern");
	if (regex) {
		t->kind = TEST_REGEX;
		t->regex = w->n_regexes;
		rc = where_regex_add(w, &p->t.v, p->err);
	} else {
		t->kind = TEST_GLOB;
		t->first = w->n_words;
		t->n = 1;
		rc = where_value_add(w, f, false, WHERE_EQ, &p->t.v, p->err);
	}
	return rc ? rc : next_token(p);
}

/* "& S", "& 0x10|SYN": into the test. */
static int parse_mask(struct parser *p, const struct field *f, struct where_test *t)
{
	int rc;

	if (f->kind != FIELD_INT)
		return where_fail(p->err, p->t.v.at, "%s is no number: & is for numbers", f->name);
	t->is_masked = true;
	do {
		struct where_value v;

		rc = next_token(p);
		if (rc)
			return rc;
		if (p->t.kind != TOKEN_WORD && p->t.kind != TOKEN_STRING)
			return expected(p, "a mask");
		v = p->t.v;
		rc = where_value_mask(f, &v, &t->mask, p->err);
		if (rc == 0)
			rc = next_token(p);
	} while (rc == 0 && is_sign(p, "|"));
	return rc;
}

/* A field without an operator. */
static int emit_bare(struct parser *p, const struct field *f, struct where_test *t)
{
	struct where *w = p->w;

	if (!t->is_masked && !f->is_flag)
		return emit_exists(p, f);
	if (!where_grow(&w->ranges, sizeof(*w->ranges), w->n_ranges, 1))
		return -ENOMEM;
	t->kind = TEST_INT;
	t->first = w->n_ranges;
	t->n = 1;
	w->ranges[w->n_ranges++] = (struct where_range){1, UINT64_MAX};
	return emit_field(p, f, t);
}

/* What stands behind a field. */
static int parse_comparison(struct parser *p, const struct field *f)
{
	static const struct {
		const char *sign;
		enum where_compare how;
	} compares[] = {{"==", WHERE_EQ}, {"=", WHERE_EQ}, {"!=", WHERE_EQ}, {"<", WHERE_LT},
			{"<=", WHERE_LE}, {">", WHERE_GT}, {">=", WHERE_GE}};
	struct where_test t = {0};
	bool unequal = is_sign(p, "!=");
	int rc = 0;

	if (is_sign(p, "&"))
		rc = parse_mask(p, f, &t);
	if (rc)
		return rc;
	unequal = is_sign(p, "!=");
	if (is_word(p, "in") || is_sign(p, "~") || is_sign(p, "=~")) {
		bool in = p->t.kind == TOKEN_WORD, regex = is_sign(p, "=~");

		rc = next_token(p);
		if (rc == 0)
			rc = in ? parse_values(p, f, &t, WHERE_IN) : parse_pattern(p, f, &t, regex);
		return rc ? rc : emit_field(p, f, &t);
	}
	for (size_t i = 0; i < sizeof(compares) / sizeof(compares[0]); i++) {
		if (!is_sign(p, compares[i].sign))
			continue;
		rc = next_token(p);
		if (rc == 0)
			rc = parse_values(p, f, &t, compares[i].how);
		if (rc)
			return rc;
		return unequal ? emit_unequal(p, f, &t) : emit_field(p, f, &t);
	}
	return emit_bare(p, f, &t);
}

/* ---- terms ---- */

static int unknown_field(struct parser *p)
{
	const char *near = fields_nearest(p->t.v.p, p->t.v.len);
	int len = (int)(p->t.v.len < 60 ? p->t.v.len : 60);

	if (near)
		return where_fail(p->err, p->t.v.at, "there is no field %.*s; did you mean %s?",
				  len, p->t.v.p, near);
	return where_fail(p->err, p->t.v.at, "there is no field %.*s; skbox schema lists them", len,
			  p->t.v.p);
}

static int take_field(struct parser *p, struct field *f)
{
	if (p->t.kind != TOKEN_WORD)
		return expected(p, "a field");
	if (!fields_find(f, p->t.v.p, p->t.v.len))
		return unknown_field(p);
	return next_token(p);
}

static int parse_or(struct parser *p);

static int close_parenthesis(struct parser *p)
{
	return is_sign(p, ")") ? next_token(p) : expected(p, ")");
}

static int parse_exists(struct parser *p)
{
	struct field f;
	int rc = is_sign(p, "(") ? next_token(p) : expected(p, "(");

	if (rc == 0)
		rc = take_field(p, &f);
	if (rc == 0)
		rc = close_parenthesis(p);
	return rc ? rc : emit_exists(p, &f);
}

static int parse_primary(struct parser *p)
{
	struct field f;
	int rc;

	if (is_sign(p, "(")) {
		rc = next_token(p);
		if (rc == 0)
			rc = parse_or(p);
		return rc ? rc : close_parenthesis(p);
	}
	if (is_word(p, "exists")) {
		rc = next_token(p);
		return rc ? rc : parse_exists(p);
	}
	rc = take_field(p, &f);
	return rc ? rc : parse_comparison(p, &f);
}

/* Every way into depth goes through here. */
static int parse_not(struct parser *p)
{
	bool is_not = is_sign(p, "!") || is_word(p, "not");
	int rc;

	if (++p->depth > WHERE_DEPTH_MAX)
		return where_fail(p->err, p->t.v.at, "nested deeper than %d", WHERE_DEPTH_MAX);
	if (is_not) {
		rc = next_token(p);
		if (rc == 0)
			rc = parse_not(p);
		if (rc == 0)
			rc = emit(p, WHERE_NOT, 0);
	} else {
		rc = parse_primary(p);
	}
	p->depth--;
	return rc;
}

static int parse_and(struct parser *p)
{
	int rc = parse_not(p);

	while (rc == 0 && (is_sign(p, "&&") || is_word(p, "and"))) {
		uint32_t jump = p->w->n_ops;

		rc = emit(p, WHERE_IF_NONE, 0);
		if (rc == 0)
			rc = next_token(p);
		if (rc == 0)
			rc = parse_not(p);
		if (rc == 0)
			rc = emit_join(p, WHERE_AND, jump);
	}
	return rc;
}

static int parse_or(struct parser *p)
{
	int rc = parse_and(p);

	while (rc == 0 && (is_sign(p, "||") || is_word(p, "or"))) {
		uint32_t jump = p->w->n_ops;

		rc = emit(p, WHERE_IF_ALL, 0);
		if (rc == 0)
			rc = next_token(p);
		if (rc == 0)
			rc = parse_and(p);
		if (rc == 0)
			rc = emit_join(p, WHERE_OR, jump);
	}
	return rc;
}

int where_parse(struct where **result, const char *text, struct where_error *err)
{
	struct parser p = {.err = err, .text = text, .len = strlen(text)};
	int rc = -ENOMEM;

	*result = NULL;
	*err = (struct where_error){0};
	if (p.len > WHERE_TEXT_MAX)
		return where_fail(err, 0, "longer than %d characters", WHERE_TEXT_MAX);
	p.w = calloc(1, sizeof(*p.w));
	p.unescaped = malloc(p.len + 1);
	if (!p.w || !p.unescaped)
		goto out;
	rc = next_token(&p);
	if (rc == 0)
		rc = parse_or(&p);
	if (rc == 0 && p.t.kind != TOKEN_END)
		rc = expected(&p, "an operator (&& || == != < > ~ =~ in ...) or the end");
out:
	free(p.unescaped);
	err->code = rc;
	if (rc < 0)
		where_free(p.w);
	else
		*result = p.w;
	return rc;
}
