/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_meta.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum token {
	T_END,
	T_NAME,
	T_NUMBER,
	T_TEXT,
	T_AND,
	T_OR,
	T_OP,
	T_OTHER, /* the character itself is in symbol */
	T_WRONG,
};

enum { NAME_BYTES = 64, ERROR_BYTES = 200 };

struct parser {
	struct filter_meta *m;
	struct filter_types *types;
	const char *text;
	struct skbox_error *err;
	int rc; /* the first error */
	int depth;
	/* the token that comes next */
	enum token token;
	size_t at, end; /* where it is in the text */
	char symbol;
	uint8_t op;
	uint64_t number;
	char name[NAME_BYTES];
};

/* ---- words ---- */

/* Keeps the first error; column of where, from 1. */
static int __attribute__((format(printf, 4, 5)))
wrong(struct parser *p, int code, size_t where, const char *format, ...)
{
	char text[ERROR_BYTES];
	va_list args;

	if (p->rc)
		return p->rc;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	p->token = T_WRONG;
	p->rc = error_set(p->err, code, where + 1, "column %zu: %s", where + 1, text);
	return p->rc;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void read_number(struct parser *p)
{
	static const char digits[] = "0123456789abcdef";
	const char *s = p->text + p->at, *digit;
	uint64_t base = 10, v = 0;

	if (*s == '0' && (s[1] == 'x' || s[1] == 'X' || s[1] == 'b' || s[1] == 'B')) {
		base = s[1] == 'x' || s[1] == 'X' ? 16 : 2;
		s += 2;
	}
	p->token = T_NUMBER;
	do {
		char c = *s >= 'A' && *s <= 'F' ? (char)(*s + 'a' - 'A') : *s;

		digit = c ? memchr(digits, c, base) : NULL;
		if (!digit) {
			wrong(p, -EINVAL, p->at, "this is not a number");
			return;
		}
		if (v > (UINT64_MAX - (uint64_t)(digit - digits)) / base) {
			wrong(p, -EINVAL, p->at, "a number has 64 bits at most");
			return;
		}
		v = v * base + (uint64_t)(digit - digits);
		s++;
	} while (is_digit(*s) || is_letter(*s));
	p->number = v;
	p->end = (size_t)(s - p->text);
}

static void read_name(struct parser *p)
{
	size_t n = p->at;

	while (is_letter(p->text[n]) || is_digit(p->text[n]))
		n++;
	p->end = n;
	p->token = T_NAME;
	if (n - p->at >= NAME_BYTES) {
		wrong(p, -EINVAL, p->at, "a name of more than %d characters", NAME_BYTES - 1);
		return;
	}
	memcpy(p->name, p->text + p->at, n - p->at);
	p->name[n - p->at] = '\0';
	if (!strcmp(p->name, "and"))
		p->token = T_AND;
	else if (!strcmp(p->name, "or"))
		p->token = T_OR;
}

static void read_text(struct parser *p)
{
	const char *s = p->text + p->at, *stop = strchr(s + 1, *s);

	p->token = T_TEXT;
	if (!stop)
		wrong(p, -EINVAL, p->at, "the string does not end: %c is missing", *s);
	else
		p->end = (size_t)(stop - p->text) + 1;
}

static void next(struct parser *p)
{
	static const struct {
		const char *word;
		enum token token;
		uint8_t op;
	} symbols[] = {
		{"&&", T_AND, 0},      {"||", T_OR, 0},       {"==", T_OP, BPF_JEQ},
		{"!=", T_OP, BPF_JNE}, {"<=", T_OP, BPF_JLE}, {">=", T_OP, BPF_JGE},
		{"<", T_OP, BPF_JLT},  {">", T_OP, BPF_JGT},
	};
	const char *s;

	if (p->rc)
		return;
	p->at = p->end + strspn(p->text + p->end, " \t\n");
	s = p->text + p->at;
	p->symbol = 0;
	if (is_letter(*s)) {
		read_name(p);
		return;
	}
	if (is_digit(*s)) {
		read_number(p);
		return;
	}
	if (*s == '"' || *s == '\'') {
		read_text(p);
		return;
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		if (strncmp(s, symbols[i].word, strlen(symbols[i].word)))
			continue;
		p->token = symbols[i].token;
		p->op = symbols[i].op;
		p->end = p->at + strlen(symbols[i].word);
		return;
	}
	p->token = *s ? T_OTHER : T_END;
	p->symbol = *s;
	p->end = p->at + (*s != 0);
	if (*s && !strchr(".:[]()&~-", *s))
		wrong(p, -EINVAL, p->at,
		      *s == '='   ? "to compare is =="
		      : *s == '!' ? "there is no `!`: compare with == 0"
				  : "this is not of a filter's language");
}

static bool is_symbol(const struct parser *p, char c)
{
	return p->token == T_OTHER && p->symbol == c;
}

static int expect(struct parser *p, char c, const char *why)
{
	if (!is_symbol(p, c))
		return wrong(p, -EINVAL, p->at, "expected `%c`%s", c, why);
	next(p);
	return p->rc;
}

/* ---- places ---- */

struct place {
	struct filter_field field;
	struct filter_term *term;
	uint64_t mask; /* of the number or pointer that field is */
	bool has_mask;
};

static int read_mask(struct parser *p, struct place *l)
{
	bool inverted = is_symbol(p, '~');
	size_t at = p->at;

	if (filter_field_kind(&l->field) != FILTER_NUMBER)
		return wrong(p, -EINVAL, at, "a mask is for numbers and pointers");
	if (l->has_mask)
		return wrong(p, -EINVAL, at, "there is a mask already");
	if (inverted)
		next(p);
	if (p->token != T_NUMBER)
		return wrong(p, -EINVAL, p->at,
			     "expected a mask: a number, ~ before it inverts it");
	l->mask = inverted ? ~p->number : p->number;
	l->has_mask = true;
	next(p);
	return p->rc;
}

/* The number or pointer that field is becomes the address of what comes. */
static int add_step(struct parser *p, struct place *l, size_t at)
{
	struct filter_term *t = l->term;

	if (t->n_steps == FILTER_META_STEPS)
		return wrong(p, -E2BIG, at, "more than %d pointers are followed",
			     FILTER_META_STEPS);
	if (l->field.bit_off / 8 > INT32_MAX)
		return wrong(p, -E2BIG, at, "the offset is too large");
	t->steps[t->n_steps++] = (struct filter_step){.off = (uint32_t)(l->field.bit_off / 8),
						      .mask = l->has_mask ? l->mask : UINT64_MAX};
	l->has_mask = false;
	return 0;
}

static int follow(struct parser *p, struct place *l, size_t at)
{
	char what[80];
	int rc = add_step(p, l, at);

	if (rc)
		return rc;
	if (!filter_field_follow(p->types, &l->field)) {
		filter_field_describe(&l->field, what, sizeof(what));
		return wrong(p, -ENOENT, at,
			     "the pointer leads to %s; `:TYPE` before this says to what",
			     *what ? what : "void");
	}
	return 0;
}

static int read_member(struct parser *p, struct place *l)
{
	char what[80];
	const char *near = NULL;
	size_t at = p->at;
	int rc = 0;

	if (p->token != T_NAME)
		return wrong(p, -EINVAL, at, "expected the name of a member");
	if (filter_field_is_pointer(&l->field))
		rc = follow(p, l, at);
	if (rc)
		return rc;
	filter_field_describe(&l->field, what, sizeof(what));
	if (l->has_mask || filter_field_kind(&l->field) != FILTER_MEMBERS)
		return wrong(p, -EINVAL, at, "%s before it is no struct: it has no members",
			     l->has_mask ? "a masked number" : what);
	if (!filter_field_member(&l->field, p->name, &near))
		return wrong(p, -ENOENT, at, "%s has no member %s%s%s%s", what, p->name,
			     near ? " (is it " : "", near ? near : "", near ? "?)" : "");
	next(p);
	return p->rc;
}

static int read_element(struct parser *p, struct place *l)
{
	size_t at = p->at;
	uint64_t i;

	if (p->token != T_NUMBER)
		return wrong(p, -EINVAL, at, "expected the index of an element");
	i = p->number;
	if (filter_field_is_pointer(&l->field)) {
		uint64_t bytes;

		if (follow(p, l, at))
			return p->rc;
		bytes = filter_field_bytes(&l->field);
		if (i > INT32_MAX || i * bytes > INT32_MAX)
			return wrong(p, -E2BIG, at, "the index is too large");
		l->field.bit_off += i * bytes * 8;
	} else if (filter_field_kind(&l->field) != FILTER_ARRAY) {
		return wrong(p, -EINVAL, at, "what is before `[` is neither array nor pointer");
	} else if (!filter_field_element(&l->field, i)) {
		return wrong(p, -ENOENT, at, "the array has no element %llu",
			     (unsigned long long)i);
	}
	next(p);
	return expect(p, ']', " behind the index");
}

static int read_cast(struct parser *p, struct place *l)
{
	struct filter_field to;
	enum filter_kind kind = filter_field_kind(&l->field);
	size_t at = p->at;

	if (l->field.bits || kind == FILTER_OTHER ||
	    (kind == FILTER_NUMBER && filter_field_bytes(&l->field) != 8))
		return wrong(p, -EINVAL, at,
			     "only a number of 64 bits or a pointer can be an address");
	if (!filter_types_find(p->types, p->name, &to))
		return wrong(p, -ENOENT, at, "neither the kernel nor its modules have a type %s",
			     p->name);
	if (kind == FILTER_NUMBER) {
		if (add_step(p, l, at))
			return p->rc;
	} else {
		to.bit_off = l->field.bit_off;
	}
	l->field = to;
	next(p);
	return p->rc;
}

/* Behind a colon: a mask, a type, or both. */
static int read_colon(struct parser *p, struct place *l)
{
	if (p->token == T_NAME)
		return read_cast(p, l);
	if (read_mask(p, l))
		return p->rc;
	if (!is_symbol(p, ':'))
		return 0;
	next(p);
	if (p->token != T_NAME)
		return wrong(p, -EINVAL, p->at, "expected the name of a type");
	return read_cast(p, l);
}

static int read_place(struct parser *p, struct place *l)
{
	size_t at = p->at;
	int rc = 0;

	if (p->token != T_NAME || strcmp(p->name, "sk_buff"))
		return wrong(p, -EINVAL, at,
			     "expected sk_buff, where every comparison begins, or `(`");
	if (!filter_types_find(p->types, "sk_buff", &l->field))
		return wrong(p, -ENOENT, at, "the kernel's types have no sk_buff");
	next(p);
	if (!is_symbol(p, '.'))
		return wrong(p, -EINVAL, p->at, "expected `.` and a member of sk_buff");
	while (!rc && p->token == T_OTHER && strchr(".[:", p->symbol)) {
		char symbol = p->symbol;

		next(p);
		rc = symbol == '.'   ? read_member(p, l)
		     : symbol == '[' ? read_element(p, l)
				     : read_colon(p, l);
	}
	if (!rc && is_symbol(p, '&')) {
		next(p);
		rc = read_mask(p, l);
	}
	return p->rc;
}

/* ---- comparisons ---- */

/* What is read of a number, and how it becomes one of 64 bits. */
static int finish_number(struct parser *p, struct place *l, size_t at)
{
	struct filter_term *t = l->term;
	uint32_t low = l->field.bit_off % 8;
	char what[80];

	if (filter_field_kind(&l->field) != FILTER_NUMBER) {
		bool pointer;

		filter_field_describe(&l->field, what, sizeof(what));
		return wrong(p, -EINVAL, at, "%s is no number%s", what,
			     filter_field_is_text(&l->field, &pointer)
				     ? ": compare it with a \"string\""
				     : "; name a member or an element");
	}
	t->is_signed = filter_field_is_signed(&l->field) && !l->has_mask;
	t->mask = l->has_mask ? l->mask : UINT64_MAX;
	t->bits = l->field.bits ? l->field.bits : (uint32_t)filter_field_bytes(&l->field) * 8;
	t->bytes = (low + t->bits + 7) / 8;
	t->shift = l->field.bits ? low : 0;
	if (t->bytes > 8)
		return wrong(p, -EINVAL, at, "a bit field over more than 8 bytes");
	return 0;
}

/* A value that the field cannot have is a slip of who wrote it. */
static int check_value(struct parser *p, struct place *l, bool negative, size_t at)
{
	struct filter_term *t = l->term;
	bool is_signed = filter_field_is_signed(&l->field);
	unsigned int bits = t->bits - is_signed;
	uint64_t max = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

	if (l->has_mask) /* of 64 bits */
		return 0;
	if (negative && !is_signed)
		return wrong(p, -EINVAL, at, "the field is never negative");
	if ((negative ? (uint64_t) - (t->value + 1) : (uint64_t)t->value) > max)
		return wrong(p, -EINVAL, at, "the field has %u bits: it is never that", t->bits);
	return 0;
}

static int read_value(struct parser *p, struct place *l)
{
	struct filter_term *t = l->term;
	size_t at = p->at;
	bool negative = is_symbol(p, '-');
	int rc;

	if (negative) {
		next(p);
		if (p->token != T_NUMBER || p->number > (uint64_t)INT64_MAX + 1)
			return wrong(p, -EINVAL, p->at, "expected a number of 64 bits");
		negative = p->number != 0;
	}
	if (p->token == T_NUMBER) {
		if (!negative && filter_field_is_signed(&l->field) && p->number > INT64_MAX &&
		    !l->has_mask)
			return wrong(p, -EINVAL, at, "the field has %u bits: it is never that",
				     t->bits);
		t->value = (int64_t)(negative ? -p->number : p->number);
	} else if (p->token != T_NAME) {
		return wrong(p, -EINVAL, at,
			     "expected a number, a \"string\" or the name of a value");
	} else if (!strcmp(p->name, "true") || !strcmp(p->name, "false")) {
		t->value = !strcmp(p->name, "true");
	} else if (!filter_types_enumerator(p->types, &l->field, p->name, &t->value)) {
		return wrong(p, -ENOENT, at, "no enum of the kernel has a value %s", p->name);
	} else {
		negative = t->value < 0;
	}
	rc = check_value(p, l, negative, at);
	if (!rc)
		next(p);
	return p->rc;
}

static int finish_text(struct parser *p, struct place *l, size_t at)
{
	struct filter_term *t = l->term;
	uint64_t room;

	t->is_text = true;
	t->mask = UINT64_MAX;
	t->text_len = (uint32_t)(p->end - p->at - 2);
	if (t->op != BPF_JEQ && t->op != BPF_JNE)
		return wrong(p, -EINVAL, at, "strings are compared with == and !=");
	if (!filter_field_is_text(&l->field, &t->text_pointer))
		return wrong(p, -EINVAL, p->at, "the field is no string");
	if (l->has_mask)
		return wrong(p, -EINVAL, p->at, "a masked number is no string");
	if (p->end - p->at - 2 > FILTER_META_TEXT)
		return wrong(p, -E2BIG, p->at, "a string has %d bytes at most", FILTER_META_TEXT);
	memcpy(t->text, p->text + p->at + 1, t->text_len);
	if (!t->text_pointer) {
		room = filter_field_bytes(&l->field);
		if (room && t->text_len > room)
			return wrong(p, -EINVAL, p->at,
				     "the field has room for %llu bytes: it is never that",
				     (unsigned long long)room);
		/* one that fills the array has no end */
		t->bytes = t->text_len + (!room || t->text_len < room);
	} else if (add_step(p, l, at)) {
		return p->rc;
	} else {
		l->field.bit_off = 0;
		t->bytes = t->text_len + 1;
	}
	next(p);
	return p->rc;
}

/* The comparison of a place that was read with what comes, if an operator does. */
static int read_comparison(struct parser *p, struct place *l, size_t at)
{
	static const struct {
		uint8_t op, with_sign;
	} with_sign[] = {
		{BPF_JLT, BPF_JSLT}, {BPF_JLE, BPF_JSLE}, {BPF_JGT, BPF_JSGT}, {BPF_JGE, BPF_JSGE}};
	struct filter_term *t = l->term;
	size_t op_at = p->at;

	t->op = BPF_JNE;
	t->value = 0;
	if (p->token == T_OP) {
		t->has_op = true;
		t->op = p->op;
		next(p);
		if (p->token == T_TEXT) {
			if (finish_text(p, l, op_at))
				return p->rc;
			t->off = (uint32_t)(l->field.bit_off / 8);
			return 0;
		}
	}
	if (p->rc || finish_number(p, l, at) || (t->has_op && read_value(p, l)))
		return p->rc;
	for (size_t i = 0; i < 4 && t->is_signed; i++)
		if (t->op == with_sign[i].op) {
			t->op = with_sign[i].with_sign;
			break;
		}
	if (l->field.bit_off / 8 > INT32_MAX)
		return wrong(p, -E2BIG, at, "the offset is too large");
	t->off = (uint32_t)(l->field.bit_off / 8);
	return p->rc;
}

static int32_t add_node(struct parser *p, struct filter_node node)
{
	/* n comparisons are joined n - 1 times */
	p->m->nodes[p->m->n_nodes] = node;
	return (int32_t)p->m->n_nodes++;
}

static int32_t read_joined(struct parser *p, int32_t left);

/* "(sk_buff.mark & 0xff) == 1": parentheses around a place alone, which is compared behind them. */
static int32_t read_compare(struct parser *p, int parentheses)
{
	struct place l = {0};
	size_t at = p->at;

	if (p->m->n_terms == FILTER_META_TERMS) {
		wrong(p, -E2BIG, at, "more than %d comparisons", FILTER_META_TERMS);
		return -1;
	}
	l.term = &p->m->terms[p->m->n_terms++];
	*l.term = (struct filter_term){0};
	if (read_place(p, &l))
		return -1;
	while (parentheses && is_symbol(p, ')')) {
		parentheses--;
		p->depth--;
		next(p);
	}
	if (read_comparison(p, &l, at))
		return -1;
	return add_node(p, (struct filter_node){
				   .left = -1, .right = -1, .term = (int32_t)p->m->n_terms - 1});
}

static int32_t read_term(struct parser *p)
{
	int depth = p->depth;
	int32_t node;

	if (!is_symbol(p, '('))
		return read_compare(p, 0);
	if (p->depth++ == FILTER_META_DEPTH) {
		wrong(p, -E2BIG, p->at, "more than %d parentheses in one another",
		      FILTER_META_DEPTH);
		return -1;
	}
	next(p);
	if (p->token == T_NAME) {
		node = read_compare(p, 1);
		if (node < 0 || p->depth == depth) /* the parenthesis was the place's */
			return node;
		node = read_joined(p, node);
	} else {
		node = read_joined(p, read_term(p));
	}
	if (node < 0 || expect(p, ')', ""))
		return -1;
	p->depth--;
	return node;
}

/* What is joined to the part that was read, from left to right. */
static int32_t read_joined(struct parser *p, int32_t left)
{
	int32_t right;

	while (left >= 0 && !p->rc && (p->token == T_AND || p->token == T_OR)) {
		bool is_and = p->token == T_AND;

		next(p);
		right = read_term(p);
		if (right < 0)
			return -1;
		left = add_node(
			p, (struct filter_node){.left = left, .right = right, .is_and = is_and});
	}
	return p->rc ? -1 : left;
}

int filter_meta_parse(struct filter_meta *m, const char *text, struct filter_types *types,
		      struct skbox_error *err)
{
	struct parser p = {.m = m, .types = types, .text = text, .err = err};

	m->n_terms = m->n_nodes = 0;
	if (strlen(text) > FILTER_META_BYTES)
		return wrong(&p, -E2BIG, 0, "an expression has %d bytes at most",
			     FILTER_META_BYTES);
	next(&p);
	m->root = read_joined(&p, read_term(&p));
	if (!p.rc && p.token != T_END)
		wrong(&p, -EINVAL, p.at, "expected &&, || or the end");
	return p.rc;
}
