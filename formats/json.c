/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/json.h"

void json_init(struct json *j, const char *p, size_t len)
{
	j->start = j->p = p;
	j->end = p + len;
	j->why = NULL;
}

void json_free(struct json *j)
{
	buf_free(&j->scratch);
}

bool json_fail(struct json *j, const char *why)
{
	if (!j->why)
		j->why = why;
	return false;
}

enum json_type json_peek(struct json *j)
{
	json_space(j);
	if (j->p == j->end || j->why)
		return JSON_NONE;
	switch (*j->p) {
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case '"': return JSON_STRING;
	case 't':
	case 'f': return JSON_BOOL;
	case 'n': return JSON_NULL;
	case '-': return JSON_NUMBER;
	default: return *j->p >= '0' && *j->p <= '9' ? JSON_NUMBER : JSON_NONE;
	}
}

/* ---- strings ---- */

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t json_utf8(const uint8_t *p, size_t len)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (!len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (len < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The top bit of each byte of v that is a quote, a backslash, below a blank or not ASCII (and maybe of bytes above one). */
static inline uint64_t special_bytes(uint64_t v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';

	return (v | (v - ones * ' ') | (quote - ones) | (slash - ones)) & tops;
}

/* The end of the run of plain ASCII at p: bytes that stand for themselves in a string. */
static const char *plain_end(const char *p, const char *end)
{
	uint64_t v;

	for (; end - p >= 8; p += 8) {
		memcpy(&v, p, 8);
		if (special_bytes(v))
			break;
	}
	while (p < end && (uint8_t)*p >= ' ' && (uint8_t)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_u8(b, (uint8_t)c);
	} else if (c < 0x800) {
		buf_u8(b, (uint8_t)(0xc0 | c >> 6));
		buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		if (c < 0x10000) {
			buf_u8(b, (uint8_t)(0xe0 | c >> 12));
		} else {
			buf_u8(b, (uint8_t)(0xf0 | c >> 18));
			buf_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

/* Four hexadecimal digits. */
static bool read_hex(struct json *j, uint32_t *c)
{
	*c = 0;
	if (j->end - j->p < 4)
		return json_fail(j, "cut off");
	for (int i = 0; i < 4; i++) {
		char d = j->p[i];

		if (d >= '0' && d <= '9')
			*c = *c << 4 | (uint32_t)(d - '0');
		else if ((d | 32) >= 'a' && (d | 32) <= 'f')
			*c = *c << 4 | (uint32_t)((d | 32) - 'a' + 10);
		else
			return json_fail(j, "\\u without four hexadecimal digits");
	}
	j->p += 4;
	return true;
}

/* What follows a backslash. */
static bool read_escape(struct json *j)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint32_t c, low;

	if (j->p == j->end)
		return json_fail(j, "cut off");
	if (*j->p != 'u') {
		at = memchr(from, *j->p, sizeof(from) - 1);
		if (!at)
			return json_fail(j, "an escape that JSON does not have");
		buf_u8(&j->scratch, (uint8_t)to[at - from]);
		j->p++;
		return true;
	}
	j->p++;
	if (!read_hex(j, &c))
		return false;
	if (c >= 0xdc00 && c <= 0xdfff)
		return json_fail(j, "the second half of a surrogate pair alone");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
			return json_fail(j, "the first half of a surrogate pair alone");
		j->p += 2;
		if (!read_hex(j, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return json_fail(j, "the first half of a surrogate pair alone");
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
	}
	put_utf8(&j->scratch, c);
	return true;
}

/* Goes over text that stands for itself, UTF-8 included, up to a quote, a backslash or an error. */
static bool pass_text(struct json *j)
{
	for (;;) {
		size_t n;

		j->p = plain_end(j->p, j->end);
		if (j->p == j->end)
			return json_fail(j, "a string is cut off");
		if (*j->p == '"' || *j->p == '\\')
			return true;
		if ((uint8_t)*j->p < ' ')
			return json_fail(j, "a control character in a string");
		n = json_utf8((const uint8_t *)j->p, (size_t)(j->end - j->p));
		if (!n)
			return json_fail(j, "bytes that are not UTF-8");
		j->p += n;
	}
}

/* The string goes on with a backslash: from here on it is copied. */
static bool read_escaped(struct json *j, const char *from, struct json_str *s)
{
	buf_clear(&j->scratch);
	while (*j->p == '\\') {
		buf_put(&j->scratch, from, (size_t)(j->p - from));
		j->p++;
		if (!read_escape(j))
			return false;
		from = j->p;
		if (!pass_text(j))
			return false;
	}
	buf_put(&j->scratch, from, (size_t)(j->p - from));
	j->p++;
	if (j->scratch.failed)
		return json_fail(j, "out of memory");
	s->p = (const char *)j->scratch.p;
	s->len = j->scratch.len;
	return true;
}

bool json_string(struct json *j, struct json_str *s)
{
	const char *from;

	json_space(j);
	if (j->why)
		return false;
	if (j->p == j->end || *j->p != '"')
		return json_fail(j, "a string is expected");
	from = ++j->p;
	if (!pass_text(j))
		return false;
	if (*j->p == '\\')
		return read_escaped(j, from, s);
	s->p = from;
	s->len = (size_t)(j->p - from);
	j->p++;
	return true;
}

bool json_key(struct json *j, struct json_str *s)
{
	if (!json_string(j, s))
		return false;
	json_space(j);
	if (j->p == j->end || *j->p != ':')
		return json_fail(j, "a colon is expected");
	j->p++;
	return true;
}

/* ---- numbers and words ---- */

static inline bool is_digit(const struct json *j)
{
	return j->p < j->end && (uint8_t)(*j->p - '0') < 10;
}

/* The digits of an integer. False with no error set: it does not fit 64 bits. */
static bool read_digits(struct json *j, uint64_t *v)
{
	const char *from = j->p;
	bool fits = true;

	*v = 0;
	for (; is_digit(j); j->p++) {
		unsigned int d = (unsigned int)(*j->p - '0');

		if (j->p - from >= 19)
			fits = fits && !__builtin_mul_overflow(*v, 10, v) &&
			       !__builtin_add_overflow(*v, d, v);
		else
			*v = *v * 10 + d;
	}
	if (j->p == from)
		return json_fail(j, "a number is expected");
	if (*from == '0' && j->p - from > 1)
		return json_fail(j, "a number that begins with 0");
	return fits;
}

bool json_integer(struct json *j, int64_t min, uint64_t max, uint64_t *v)
{
	bool negative, fits;

	json_space(j);
	if (j->why)
		return false;
	negative = j->p < j->end && *j->p == '-';
	j->p += negative;
	fits = read_digits(j, v);
	if (j->why)
		return false;
	if (j->p < j->end && (*j->p == '.' || *j->p == 'e' || *j->p == 'E'))
		return json_fail(j, "an integer is expected");
	if (negative) {
		/* -min without overflow, whatever min is */
		if (!fits || (*v && (min >= 0 || *v > (uint64_t) - (min + 1) + 1)))
			return json_fail(j, "a number out of range");
		*v = -*v;
	} else if (!fits || *v > max) {
		return json_fail(j, "a number out of range");
	}
	return true;
}

static bool skip_number(struct json *j)
{
	uint64_t v;

	j->p += *j->p == '-';
	read_digits(j, &v);
	if (j->why)
		return false;
	if (j->p < j->end && *j->p == '.') {
		j->p++;
		if (!is_digit(j))
			return json_fail(j, "a fraction without digits");
		while (is_digit(j))
			j->p++;
	}
	if (j->p < j->end && (*j->p | 32) == 'e') {
		j->p++;
		j->p += j->p < j->end && (*j->p == '+' || *j->p == '-');
		if (!is_digit(j))
			return json_fail(j, "an exponent without digits");
		while (is_digit(j))
			j->p++;
	}
	return true;
}

static bool read_word(struct json *j, const char *word, size_t len)
{
	if ((size_t)(j->end - j->p) < len || memcmp(j->p, word, len))
		return false;
	j->p += len;
	return true;
}

bool json_bool(struct json *j, bool *v)
{
	json_space(j);
	if (j->why)
		return false;
	*v = read_word(j, "true", 4);
	return *v || read_word(j, "false", 5) || json_fail(j, "true or false is expected");
}

bool json_null(struct json *j)
{
	json_space(j);
	return !j->why && read_word(j, "null", 4);
}

/* ---- skipping ---- */

static bool skip_scalar(struct json *j)
{
	struct json_str s;
	bool v;

	switch (json_peek(j)) {
	case JSON_STRING: return json_string(j, &s);
	case JSON_NUMBER: return skip_number(j);
	case JSON_BOOL: return json_bool(j, &v);
	case JSON_NULL: return json_null(j) || json_fail(j, "a value is expected");
	default: return json_fail(j, j->p == j->end ? "cut off" : "a value is expected");
	}
}

/*
 * Objects and arrays are followed with a stack of bits, not with calls: depth is the writer's
 * choice, and the stack of the process is ours.
 */
bool json_skip(struct json *j)
{
	uint64_t objects[JSON_DEPTH_MAX / 64] = {0};
	unsigned int depth = 0;
	struct json_str key;
	bool first = false;

	do {
		enum json_type type = json_peek(j);
		bool object;

		if (type == JSON_OBJECT || type == JSON_ARRAY) {
			if (depth == JSON_DEPTH_MAX)
				return json_fail(j, "nested too deeply");
			j->p++;
			objects[depth / 64] &= ~(UINT64_C(1) << depth % 64);
			objects[depth / 64] |= (uint64_t)(type == JSON_OBJECT) << depth % 64;
			depth++;
			first = true;
		} else if (!skip_scalar(j)) {
			return false;
		}
		/* what ends here, and what comes next */
		for (; depth; depth--, first = false) {
			object = objects[(depth - 1) / 64] >> (depth - 1) % 64 & 1;
			if (json_next(j, object ? '}' : ']', &first)) {
				if (object && !json_key(j, &key))
					return false;
				break;
			}
			if (j->why)
				return false;
		}
	} while (depth);
	return true;
}

bool json_end(struct json *j)
{
	json_space(j);
	return !j->why && (j->p == j->end || json_fail(j, "something behind the value"));
}

/* ---- writing ---- */

static void put_escape(struct buf *b, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = memchr(from, c, sizeof(from) - 1);

	if (at) {
		buf_u8(b, '\\');
		buf_u8(b, (uint8_t)to[at - from]);
		return;
	}
	buf_put(b, "\\u00", 4);
	buf_u8(b, (uint8_t)hex[c >> 4]);
	buf_u8(b, (uint8_t)hex[c & 15]);
}

void json_put_string(struct buf *b, const char *p, size_t len)
{
	const char *end = p + len;

	buf_u8(b, '"');
	while (p < end) {
		const char *from = p;
		size_t n;

		p = plain_end(p, end);
		buf_put(b, from, (size_t)(p - from));
		if (p == end)
			break;
		if ((uint8_t)*p < 0x80) {
			put_escape(b, (uint8_t)*p++);
			continue;
		}
		n = json_utf8((const uint8_t *)p, (size_t)(end - p));
		if (n)
			buf_put(b, p, n);
		else
			buf_put(b, "\xef\xbf\xbd", 3);
		p += n ? n : 1;
	}
	buf_u8(b, '"');
}

void json_put_key(struct buf *b, const char *name)
{
	buf_u8(b, '"');
	buf_str(b, name);
	buf_put(b, "\":", 2);
}

void json_put_member(struct buf *b, const char *name)
{
	if (b->len && b->p[b->len - 1] != '{' && b->p[b->len - 1] != '[')
		buf_u8(b, ',');
	json_put_key(b, name);
}
