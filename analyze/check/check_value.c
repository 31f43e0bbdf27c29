/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of rules: counts, shares, times, and what is in the unit of a field. */
#include <math.h>
#include <string.h>

#include "analyze/check/check.h"

#define NS_S 1e9

struct suffix {
	const char *name;
	double factor;
};

static const struct suffix times[] = {{"ns", 1},          {"us", 1e3},      {"ms", 1e6},
				      {"s", NS_S},        {"m", 60 * NS_S}, {"min", 60 * NS_S},
				      {"h", 3600 * NS_S}, {NULL, 0}};
static const struct suffix sizes[] = {
	{"B", 1}, {"K", 1024}, {"M", 1024. * 1024}, {"G", 1024. * 1024 * 1024}, {NULL, 0}};
/* a rate is stored as bytes a second */
static const struct suffix rates[] = {
	{"bit", 1. / 8}, {"Kbit", 1e3 / 8},   {"Mbit", 1e6 / 8},          {"Gbit", 1e9 / 8},
	{"K", 1024},     {"M", 1024. * 1024}, {"G", 1024. * 1024 * 1024}, {NULL, 0}};
static const struct suffix counts[] = {{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct suffix shares[] = {{"%", 0.01}, {NULL, 0}};

/* Suffixes of a rule's unit, what they are divided by, and what a number looks like. */
static const struct suffix *suffixes_of(const struct check_rule *r, double *divisor,
					const char **why)
{
	unsigned int unit = r->field.unit;

	*divisor = 1;
	if (r->unit == CHECK_SHARE) {
		*why = "a share such as 0.1% or 0.001";
		return shares;
	}
	if (r->unit == CHECK_TIME ||
	    (r->unit == CHECK_FIELD &&
	     (unit == SCHEMA_NS || unit == SCHEMA_US || unit == SCHEMA_MS))) {
		if (r->unit == CHECK_FIELD && unit != SCHEMA_NS)
			*divisor = unit == SCHEMA_US ? 1e3 : 1e6;
		*why = "a time such as 250us or 1.5ms";
		return times;
	}
	if (r->unit == CHECK_FIELD && unit == SCHEMA_UNIT_BYTES) {
		*why = "a size such as 1500 or 64K";
		return sizes;
	}
	if (r->unit == CHECK_FIELD && unit == SCHEMA_BPS) {
		*why = "a rate such as 10Mbit";
		return rates;
	}
	*why = "a number such as 12 or 10K";
	return counts;
}

/* Digits with a point among them. No strtod(): it knows hex, nan and the locale's point. */
static bool parse_digits(const char **p, double *value)
{
	const char *begin = *p;
	double scale = 1;
	bool any = false;

	*value = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++, any = true)
		*value = *value * 10 + (**p - '0');
	if (any && **p == '.')
		for ((*p)++; **p >= '0' && **p <= '9'; (*p)++)
			*value += (**p - '0') * (scale /= 10);
	return any && (*p)[-1] != '.' && *p - begin < 40;
}

bool check_value_parse(const struct check_rule *r, const char *text, double *value,
		       const char **why)
{
	const struct suffix *s;
	double divisor;

	s = suffixes_of(r, &divisor, why);
	if (!parse_digits(&text, value))
		return false;
	if (!*text) /* a time of no field has no unit of its own */
		return r->unit != CHECK_TIME;
	for (; s->name; s++)
		if (strcmp(s->name, text) == 0) {
			*value = *value * s->factor / divisor;
			return true;
		}
	return false;
}

void check_value_put_ns(double ns, struct buf *out)
{
	if (ns >= NS_S)
		buf_printf(out, "%.4gs", ns / NS_S);
	else if (ns >= 1e6)
		buf_printf(out, "%.4gms", ns / 1e6);
	else if (ns >= 1e3)
		buf_printf(out, "%.4gus", ns / 1e3);
	else
		buf_printf(out, "%.4gns", ns);
}

void check_value_put(const struct check_rule *r, double value, struct buf *out)
{
	const struct suffix *s;
	const char *why;
	double divisor;

	s = suffixes_of(r, &divisor, &why);
	if (isinf(value))
		buf_str(out, "any number");
	else if (s == times)
		check_value_put_ns(value * divisor, out);
	else if (s == shares)
		buf_printf(out, "%.4g%%", value * 100);
	else if (s == rates)
		buf_printf(out, "%.4gMbit", value * 8 / 1e6);
	else if (fabs(value) < 1e15 && value == floor(value))
		buf_printf(out, "%.0f", value);
	else
		buf_printf(out, "%.4g", value);
}

void check_value_put_bound(const struct check_rule *r, const struct check_bound *b, struct buf *out)
{
	static const char *const operators[] = {"<= ", "< ", ">= ", "> ", "== "};
	bool is_plain = b->figure == FIGURE_COUNT || strcmp(b->key, "max") == 0 ||
			strcmp(b->key, "min") == 0;
	enum check_operator usual = strcmp(b->key, "min") == 0      ? CHECK_GE
				    : strcmp(b->key, "equals") == 0 ? CHECK_EQ
								    : CHECK_LE;

	buf_str(out, b->key);
	buf_u8(out, ' ');
	if (!is_plain || b->op != usual)
		buf_str(out, operators[b->op]);
	check_value_put(r, b->value, out);
}
