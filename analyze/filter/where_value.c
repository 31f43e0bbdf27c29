/* SPDX-License-Identifier: BSD-2-Clause */
/* The right side of a comparison: numbers with units, names, addresses, words, patterns. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/where_impl.h"

/* Digits that a number may have in front of and behind its point, so that nothing overflows 128 bits. */
enum { WHOLE_DIGITS = 20, FRACTION_DIGITS = 15, REPEATS_MAX = 1024 };

/* As a number of the field's own unit, which may be between two of its values. */
struct number {
	__int128 floor;
	bool is_between; /* a bit more than floor */
};

struct unit {
	const char *name;
	uint64_t mul, div;
};

#define NS_S UINT64_C(1000000000)

static const struct unit times[] = {
	{"ns", 1, 1},          {"us", 1000, 1},        {"ms", 1000000, 1},
	{"s", NS_S, 1},        {"m", 60 * NS_S, 1},    {"min", 60 * NS_S, 1},
	{"h", 3600 * NS_S, 1}, {"d", 86400 * NS_S, 1}, {NULL, 0, 0},
};
static const struct unit sizes[] = {
	{"B", 1, 1},         {"K", 1 << 10, 1},   {"k", 1 << 10, 1},
	{"M", 1 << 20, 1},   {"G", 1 << 30, 1},   {"T", UINT64_C(1) << 40, 1},
	{"KiB", 1 << 10, 1}, {"MiB", 1 << 20, 1}, {"GiB", 1 << 30, 1},
	{"KB", 1000, 1},     {"kB", 1000, 1},     {"MB", 1000000, 1},
	{"GB", NS_S, 1},     {NULL, 0, 0},
};
/* of rates too; a rate is stored as bytes a second */
static const struct unit rates[] = {
	{"bit", 1, 8},     {"bps", 1, 8},     {"Kbit", 1000, 8},        {"kbit", 1000, 8},
	{"Kbps", 1000, 8}, {"kbps", 1000, 8}, {"Mbit", 1000000, 8},     {"Mbps", 1000000, 8},
	{"Gbit", NS_S, 8}, {"Gbps", NS_S, 8}, {"Tbit", 1000 * NS_S, 8}, {"Tbps", 1000 * NS_S, 8},
	{NULL, 0, 0},
};
static const struct unit counts[] = {
	{"K", 1000, 1}, {"k", 1000, 1}, {"M", 1000000, 1}, {"G", NS_S, 1}, {NULL, 0, 0}};

static const struct unit *unit_named(const struct unit *u, const char *name, size_t len)
{
	for (; u->name; u++)
		if (strlen(u->name) == len && memcmp(u->name, name, len) == 0)
			return u;
	return NULL;
}

/* The factor of a suffix for a field's unit; false: it has no such suffix. */
static bool find_unit(const struct field *f, const char *p, size_t len, struct unit *result)
{
	const struct unit *u = NULL;

	*result = (struct unit){"", 1, 1};
	if (!len)
		return true;
	switch (f->unit) {
	case SCHEMA_NS:
	case SCHEMA_US:
	case SCHEMA_MS: u = unit_named(times, p, len); break;
	case SCHEMA_BPS:
		if (len > 2 && memcmp(p + len - 2, "/s", 2) == 0)
			len -= 2;
		u = unit_named(rates, p, len);
		if (!u)
			u = unit_named(sizes, p, len);
		break;
	case SCHEMA_UNIT_BYTES: u = unit_named(sizes, p, len); break;
	default: u = unit_named(counts, p, len); break;
	}
	if (!u)
		return false;
	*result = *u;
	if (f->unit == SCHEMA_US)
		result->div = 1000;
	else if (f->unit == SCHEMA_MS)
		result->div = 1000000;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_hex(const char *p, size_t len, __int128 *v)
{
	*v = 0;
	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0 || len > 16)
			return false;
		*v = *v << 4 | digit;
	}
	return len > 0;
}

/* The decimal digits that begin p, at most `most`; how many there are, 0 also for too many. */
static size_t parse_digits(const char *p, size_t len, size_t most, __int128 *v)
{
	size_t n = 0;

	*v = 0;
	for (; n < len && p[n] >= '0' && p[n] <= '9'; n++) {
		if (n == most)
			return 0;
		*v = *v * 10 + (p[n] - '0');
	}
	return n;
}

/* "12", "0x1f", "-3", "1.5ms". */
static bool parse_number(const struct field *f, const char *p, size_t len, struct number *out)
{
	bool is_negative = len && *p == '-';
	__int128 whole = 0, part = 0, power = 1, sum;
	size_t i, digits;
	struct unit u;

	*out = (struct number){0};
	p += is_negative;
	len -= is_negative;
	if (len > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		if (!parse_hex(p + 2, len - 2, &whole))
			return false;
		out->floor = is_negative ? -whole : whole;
		return true;
	}
	i = parse_digits(p, len, WHOLE_DIGITS, &whole);
	if (!i)
		return false;
	if (i < len && p[i] == '.') {
		i++;
		digits = parse_digits(p + i, len - i, FRACTION_DIGITS, &part);
		if (!digits)
			return false;
		i += digits;
		while (digits--)
			power *= 10;
	}
	if (!find_unit(f, p + i, len - i, &u))
		return false;
	part *= u.mul;
	sum = whole * u.mul + part / power;
	out->floor = sum / u.div;
	out->is_between = sum % u.div || part % power;
	if (is_negative)
		out->floor = -out->floor - out->is_between;
	return true;
}

static const char *unit_help(const struct field *f)
{
	switch (f->unit) {
	case SCHEMA_NS:
	case SCHEMA_US:
	case SCHEMA_MS: return "a time such as 250us, 1.5ms, 2s";
	case SCHEMA_UNIT_BYTES: return "a size such as 1500, 64K, 1.5M";
	case SCHEMA_BPS: return "a rate such as 10Mbit, 1.5Gbit, 64K";
	default: return "a number such as 12, 0x1f, 10K";
	}
}

static int bad_value(const struct field *f, const struct where_value *v, struct where_error *err)
{
	int len = v->len < 40 ? (int)v->len : 40;
	struct field other;

	if (!v->quoted && fields_find(&other, v->p, v->len) && other.kind != FIELD_GROUP)
		return where_fail(err, v->at, "%.*s is a field; fields stand left of an operator",
				  len, v->p);
	if (strcmp(f->name, "time") == 0)
		return where_fail(
			err, v->at,
			"%.*s is no time since the machine's start (such as 4834.3s); dates are "
			"for --since and --until",
			len, v->p);
	if (f->symbols)
		return where_fail(err, v->at,
				  "%.*s is no value of %s, which has %s, %s, ... or numbers", len,
				  v->p, f->name, f->symbols[0].name, f->symbols[1].name);
	if (f->kind == FIELD_ADDRESS)
		return where_fail(err, v->at,
				  "%.*s is no address such as 10.0.0.1, 10.0.0.0/8, fe80::/10", len,
				  v->p);
	if (f->kind == FIELD_MAC)
		return where_fail(err, v->at, "%.*s is no address such as 02:00:00:00:00:01", len,
				  v->p);
	return where_fail(err, v->at, "%.*s is not %s", len, v->p, unit_help(f));
}

static bool parse_int(const struct field *f, const char *p, size_t len, struct number *n)
{
	uint64_t symbol;

	if (fields_symbol(f, p, len, &symbol)) {
		*n = (struct number){.floor = symbol};
		return true;
	}
	return parse_number(f, p, len, n);
}

/* Where a range is divided: "1..5", "S...SA"; NULL: it is none. */
static const char *find_dots(const struct where_value *v)
{
	for (size_t i = v->len; !v->quoted && i >= 2; i--)
		if (v->p[i - 1] == '.' && v->p[i - 2] == '.')
			return v->p + i - 2;
	return NULL;
}

/* ---- integers ---- */

static bool add_range(struct where *w, const struct field *f, bool is_masked, __int128 from,
		      __int128 to)
{
	bool is_signed = f->is_signed && !is_masked;
	__int128 bias = is_signed ? (__int128)1 << 63 : 0, max = UINT64_MAX;

	from += bias;
	to += bias;
	from = from < 0 ? 0 : from;
	to = to > max ? max : to;
	if (from > to || from > max || to < 0)
		return true; /* no value of the field */
	if (!where_grow(&w->ranges, sizeof(*w->ranges), w->n_ranges, 1))
		return false;
	w->ranges[w->n_ranges++] = (struct where_range){(uint64_t)from, (uint64_t)to};
	return true;
}

static int add_int(struct where *w, const struct field *f, bool is_masked, enum where_compare how,
		   const struct where_value *v, struct where_error *err)
{
	const __int128 least = -((__int128)1 << 64), most = (__int128)1 << 64;
	const char *dots = how == WHERE_IN ? find_dots(v) : NULL;
	struct number a, b;
	__int128 from, to;

	if (!parse_int(f, v->p, dots ? (size_t)(dots - v->p) : v->len, &a))
		return bad_value(f, v, err);
	b = a;
	if (dots && !parse_int(f, dots + 2, v->len - (size_t)(dots + 2 - v->p), &b))
		return bad_value(f, v, err);
	from = a.floor + a.is_between;
	to = b.floor;
	if (dots && from > to)
		return where_fail(err, v->at, "the range is empty: its end is less than its begin");
	switch (how) {
	case WHERE_LT:
		from = least;
		to = a.floor - !a.is_between;
		break;
	case WHERE_LE: from = least; break;
	case WHERE_GT:
		from = a.floor + 1;
		to = most;
		break;
	case WHERE_GE: to = most; break;
	default: break;
	}
	return add_range(w, f, is_masked, from, to) ? 0 : -ENOMEM;
}

int where_value_mask(const struct field *f, const struct where_value *v, uint64_t *mask,
		     struct where_error *err)
{
	struct number n;

	if (!parse_int(f, v->p, v->len, &n) || n.is_between || n.floor < 0 || n.floor > UINT64_MAX)
		return bad_value(f, v, err);
	*mask |= (uint64_t)n.floor;
	return 0;
}

/* ---- addresses ---- */

static bool parse_mac(const char *p, size_t len, uint8_t key[FIELD_KEY_BYTES])
{
	uint8_t bytes[6];

	if (len != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(p[i * 3]), low = hex_digit(p[i * 3 + 1]);

		if (high < 0 || low < 0 || (i < 5 && p[i * 3 + 2] != ':' && p[i * 3 + 2] != '-'))
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return fields_key(key, FIELD_MAC, bytes, 6);
}

static bool parse_key(const struct field *f, const char *p, size_t len,
		      uint8_t key[FIELD_KEY_BYTES])
{
	return f->kind == FIELD_MAC ? parse_mac(p, len, key) : fields_key_text(key, p, len);
}

static unsigned int key_bits(const uint8_t key[FIELD_KEY_BYTES])
{
	return key[0] == FIELD_KEY_IP4 ? 32 : key[0] == FIELD_KEY_MAC ? 48 : 128;
}

/* Spreads an address to all of its prefix. False: bits is more than it has. */
static bool spread(struct where_keys *k, const char *p, size_t len)
{
	unsigned int bits = 0, all = key_bits(k->from);

	if (!len || len > 3)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		bits = bits * 10 + (unsigned int)(p[i] - '0');
	}
	if (bits > all)
		return false;
	for (unsigned int i = bits; i < all; i++) {
		k->from[1 + i / 8] &= (uint8_t) ~(0x80 >> i % 8);
		k->to[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	return true;
}

static int add_keys(struct where *w, const struct field *f, enum where_compare how,
		    const struct where_value *v, struct where_error *err)
{
	const char *dots = how == WHERE_IN ? find_dots(v) : NULL,
		   *slash = memchr(v->p, '/', v->len);
	const char *end = dots ? dots : slash ? slash : v->p + v->len;
	struct where_keys k;
	bool ok;

	if (how != WHERE_EQ && how != WHERE_IN)
		return where_fail(err, v->at, "%s is an address: == != and in can be asked",
				  f->name);
	if (!parse_key(f, v->p, (size_t)(end - v->p), k.from))
		return bad_value(f, v, err);
	memcpy(k.to, k.from, sizeof(k.to));
	if (dots)
		ok = parse_key(f, dots + 2, v->len - (size_t)(dots + 2 - v->p), k.to);
	else
		ok = !slash || spread(&k, slash + 1, v->len - (size_t)(slash + 1 - v->p));
	if (!ok)
		return bad_value(f, v, err);
	if (k.from[0] != k.to[0] || memcmp(k.from, k.to, sizeof(k.to)) > 0)
		return where_fail(err, v->at, "the range is empty: its end is less than its begin");
	if (!where_grow(&w->keys, sizeof(*w->keys), w->n_keys, 1))
		return -ENOMEM;
	w->keys[w->n_keys++] = k;
	return 0;
}

/* ---- text ---- */

static int add_word(struct where *w, const struct field *f, enum where_compare how,
		    const struct where_value *v, struct where_error *err)
{
	char *copy;

	if (how != WHERE_EQ && how != WHERE_IN)
		return where_fail(err, v->at, "%s is text: == != ~ =~ and in can be asked",
				  f->name);
	copy = malloc(v->len + 1);
	if (!copy || !where_grow(&w->words, sizeof(*w->words), w->n_words, 1)) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, v->p, v->len);
	copy[v->len] = 0;
	w->words[w->n_words++] = (struct where_word){copy, v->len};
	return 0;
}

/*
 * What the C library takes long for: references back, and repeats within repeats: it copies what is
 * repeated {n} times or by +. The rest is done in time that grows with pattern and text.
 */
static const char *refuse_regex(const char *p)
{
	unsigned long product = 1;
	bool in_set = false;

	for (; *p; p++) {
		if (in_set) {
			in_set = *p != ']';
		} else if (*p == '\\' && p[1]) {
			if (*++p >= '1' && *p <= '9')
				return "references back are not for here";
		} else if (*p == '[') {
			in_set = true;
			p += p[1] == '^';
			p += p[1] == ']';
		} else if (*p == '{') {
			unsigned long n = strtoul(p + 1, NULL, 10);
			const char *comma = p + 1 + strspn(p + 1, "0123456789");

			if (*comma == ',' && comma[1] != '}')
				n = strtoul(comma + 1, NULL, 10);
			product *= n < REPEATS_MAX ? n + 1 : REPEATS_MAX + 1;
		} else if (*p == ')' && p[1] == '+') {
			product *= 2;
		}
		if (product > REPEATS_MAX)
			return "it repeats too much";
	}
	return NULL;
}

int where_regex_add(struct where *w, const struct where_value *v, struct where_error *err)
{
	char pattern[WHERE_REGEX_MAX + 1], why[100];
	const char *no;
	int rc;

	if (v->len > WHERE_REGEX_MAX || memchr(v->p, 0, v->len))
		return where_fail(err, v->at, "the regular expression is longer than %d characters",
				  WHERE_REGEX_MAX);
	memcpy(pattern, v->p, v->len);
	pattern[v->len] = 0;
	no = refuse_regex(pattern);
	if (no)
		return where_fail(err, v->at, "the regular expression is refused: %s", no);
	if (!where_grow(&w->regexes, sizeof(*w->regexes), w->n_regexes, 1))
		return -ENOMEM;
	rc = regcomp(&w->regexes[w->n_regexes], pattern, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, &w->regexes[w->n_regexes], why, sizeof(why));
		return where_fail(err, v->at, "the regular expression is wrong: %s", why);
	}
	w->n_regexes++;
	return 0;
}

/* ---- all ---- */

int where_value_add(struct where *w, const struct field *f, bool is_masked, enum where_compare how,
		    const struct where_value *value, struct where_error *err)
{
	switch (f->kind) {
	case FIELD_INT: return add_int(w, f, is_masked, how, value, err);
	case FIELD_ADDRESS:
	case FIELD_MAC: return add_keys(w, f, how, value, err);
	case FIELD_TEXT: return add_word(w, f, how, value, err);
	default:
		return where_fail(err, value->at, "of %s only exists(%s) can be asked", f->name,
				  f->name);
	}
}

static int compare_ranges(const void *a, const void *b)
{
	const struct where_range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(((const struct where_keys *)a)->from, ((const struct where_keys *)b)->from,
		      FIELD_KEY_BYTES);
}

void where_value_sort(struct where *w, const struct field *f, uint32_t first)
{
	uint32_t n = first;

	if (f->kind == FIELD_INT && w->n_ranges > first) {
		qsort(w->ranges + first, w->n_ranges - first, sizeof(*w->ranges), compare_ranges);
		for (uint32_t i = first + 1; i < w->n_ranges; i++) {
			const struct where_range *r = &w->ranges[i];

			if (w->ranges[n].to != UINT64_MAX && r->from > w->ranges[n].to + 1)
				w->ranges[++n] = *r;
			else if (r->to > w->ranges[n].to)
				w->ranges[n].to = r->to;
		}
		w->n_ranges = n + 1;
	} else if ((f->kind == FIELD_ADDRESS || f->kind == FIELD_MAC) && w->n_keys > first) {
		qsort(w->keys + first, w->n_keys - first, sizeof(*w->keys), compare_keys);
		for (uint32_t i = first + 1; i < w->n_keys; i++) {
			const struct where_keys *k = &w->keys[i];

			if (memcmp(k->from, w->keys[n].to, FIELD_KEY_BYTES) > 0)
				w->keys[++n] = *k;
			else if (memcmp(k->to, w->keys[n].to, FIELD_KEY_BYTES) > 0)
				memcpy(w->keys[n].to, k->to, FIELD_KEY_BYTES);
		}
		w->n_keys = n + 1;
	}
}
