/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/fail_if.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"

enum { WORDS_MAX = 64, WORD_BYTES = 128 };

struct condition {
	char name[WORD_BYTES];
	enum { LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, MORE_EQUAL, MORE } operator;
	uint64_t value;
	const struct fail_if_value *of;
};

static const char blanks[] = " \t";

static bool parse_operator(const char **p, struct condition *c)
{
	static const struct {
		const char *text;
		int operator;
	} table[] = {{"<=", LESS_EQUAL}, {">=", MORE_EQUAL}, {"==", EQUAL}, {"!=", NOT_EQUAL},
		     {"<", LESS},        {">", MORE},        {"=", EQUAL}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(*p, table[i].text, strlen(table[i].text)) == 0) {
			*p += strlen(table[i].text);
			c->operator= table[i].operator;
			return true;
		}
	return false;
}

/* A number, or a time where the name is one of nanoseconds. */
static bool parse_value(const char *name, const char *text, uint64_t *value)
{
	size_t len = strlen(name);
	bool is_time = len > 3 && strcmp(name + len - 3, "_ns") == 0;

	if (options_number(text, value))
		return true;
	return is_time ? options_time(text, value) : options_size(text, value);
}

static const struct fail_if_value *find(const char *name, const struct fail_if_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i].name);

		if (strcmp(v[i].name, name) == 0)
			return &v[i];
		if (v[i].of && strncmp(v[i].name, name, len - 1) == 0 && name[len - 1])
			return &v[i];
	}
	return NULL;
}

static bool wrong_name(const char *text, const char *name, const struct fail_if_value *v, size_t n)
{
	const char *words[WORDS_MAX], *near;
	char all[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && i < WORDS_MAX; i++) {
		words[i] = v[i].name;
		len += (size_t)snprintf(all + len, len < sizeof(all) ? sizeof(all) - len : 0,
					"%s%s", i ? ", " : "", v[i].name);
		if (len >= sizeof(all))
			len = sizeof(all) - 1;
	}
	near = options_nearest(name, words, n < WORDS_MAX ? n : WORDS_MAX);
	if (near)
		terminal_error("--fail-if '%s': there is no %s; is it %s?", text, name, near);
	else
		terminal_error("--fail-if '%s': there is no %s; there are %s", text, name, all);
	return false;
}

static bool parse(const char *text, const struct fail_if_value *v, size_t n, struct condition *c)
{
	const char *p = text + strspn(text, blanks), *end;
	size_t len = strcspn(p, " \t<>=!");
	char value[WORD_BYTES];

	if (len == 0 || len >= sizeof(c->name))
		goto wrong;
	memcpy(c->name, p, len);
	c->name[len] = 0;
	p += len;
	p += strspn(p, blanks);
	if (!parse_operator(&p, c))
		goto wrong;
	p += strspn(p, blanks);
	end = p + strlen(p);
	while (end > p && strchr(blanks, end[-1]))
		end--;
	if (end == p || (size_t)(end - p) >= sizeof(value))
		goto wrong;
	memcpy(value, p, (size_t)(end - p));
	value[end - p] = 0;
	c->of = find(c->name, v, n);
	if (!c->of)
		return wrong_name(text, c->name, v, n);
	if (!parse_value(c->name, value, &c->value))
		goto wrong;
	return true;
wrong:
	terminal_error("--fail-if '%s': not of the form 'NAME > NUMBER' (or < >= <= == !=)", text);
	return false;
}

bool fail_if_valid(const struct option_list *conditions, const struct fail_if_value *v, size_t n)
{
	struct condition c;

	for (size_t i = 0; i < conditions->n; i++)
		if (!parse(conditions->v[i], v, n, &c))
			return false;
	return true;
}

static bool holds(const struct condition *c, uint64_t v)
{
	switch (c->operator) {
	case LESS: return v < c->value;
	case LESS_EQUAL: return v <= c->value;
	case EQUAL: return v == c->value;
	case NOT_EQUAL: return v != c->value;
	case MORE_EQUAL: return v >= c->value;
	default: return v > c->value;
	}
}

unsigned int fail_if_count(const struct option_list *conditions, const struct fail_if_value *v,
			   size_t n, void *ctx)
{
	unsigned int held = 0;

	for (size_t i = 0; i < conditions->n; i++) {
		struct condition c;
		uint64_t value;

		if (!parse(conditions->v[i], v, n, &c))
			continue;
		value = c.of->of ? c.of->of(ctx, c.name + strlen(c.of->name) - 1) : c.of->value;
		if (!holds(&c, value))
			continue;
		held++;
		terminal_error("%s: it is %llu", conditions->v[i], (unsigned long long)value);
	}
	return held;
}
