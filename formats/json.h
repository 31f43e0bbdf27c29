/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON (RFC 8259): a reader that is asked for what is expected, value by value, in one pass and
 * without building a tree; and the pieces of a writer.
 *
 * The reader takes (pointer, length), never looks past the end, and keeps integers exact: the
 * addresses in kernel events are above 2^53. Its first error sticks in `why`, after which every
 * call fails, so that a caller may read a whole object and ask once.
 *
 *	json_init(&j, line, len);
 *	for (bool first = json_open(&j, '{'); json_next(&j, '}', &first);) {
 *		if (!json_key(&j, &key))
 *			break;
 *		...                      one of json_string, json_integer, json_bool, json_skip, ...
 *	}
 *	json_end(&j);
 *
 * A key that comes twice is the caller's to see; the reader shows both.
 */
#ifndef FORMATS_JSON_H
#define FORMATS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

/* Arrays and objects within each other that json_skip() follows; Rust's serde_json has the same limit. */
enum { JSON_DEPTH_MAX = 128 };

struct json {
	const char *start, *p, *end; /* the input, borrowed; p: next byte */
	const char *why;             /* what is wrong at p, a fixed text; NULL: nothing is */
	struct buf scratch;          /* the last string that had escapes */
};

/* Text of the input, or of the scratch buffer: borrowed until the next string or key is read. */
struct json_str {
	const char *p;
	size_t len;
};

enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* The struct must be zeroed before the first init; it may be used again, and is freed by json_free(). */
void json_init(struct json *j, const char *p, size_t len);
void json_free(struct json *j);

/* Sets the error, if there is none yet. Always false. `why` must live for ever. */
bool json_fail(struct json *j, const char *why);

static inline void json_space(struct json *j)
{
	while (j->p < j->end && (uint8_t)*j->p <= ' ' &&
	       (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
}

/* Begins an object ('{') or array ('['). True, the value that `first` of json_next() begins with, or an error. */
static inline bool json_open(struct json *j, char c)
{
	json_space(j);
	if (j->p < j->end && *j->p == c && !j->why) {
		j->p++;
		return true;
	}
	return json_fail(j, c == '{' ? "an object is expected" : "an array is expected");
}

/* Whether there is another member; false at the end of the object or array, which is consumed, and after an error. */
static inline bool json_next(struct json *j, char close, bool *first)
{
	if (j->why)
		return false;
	json_space(j);
	if (j->p == j->end)
		return json_fail(j, "cut off");
	if (*j->p == close) {
		j->p++;
		return false;
	}
	if (!*first) {
		if (*j->p != ',')
			return json_fail(j, "a comma is expected");
		j->p++;
		json_space(j);
		if (j->p < j->end && *j->p == close)
			return json_fail(j, "a comma with nothing behind it");
	}
	*first = false;
	return true;
}

/* What the next value is, without consuming it. */
enum json_type json_peek(struct json *j);

bool json_string(struct json *j, struct json_str *s);
bool json_key(struct json *j, struct json_str *s); /* with its colon */

/*
 * An integer from min to max, as 64 bits (two's complement when it is negative). A fraction, an
 * exponent or a value out of range is an error: nothing is rounded.
 */
bool json_integer(struct json *j, int64_t min, uint64_t max, uint64_t *v);
bool json_bool(struct json *j, bool *v);

/* Consumes a null if that is next; no error if not. */
bool json_null(struct json *j);

/* Consumes and checks a value of any type. */
bool json_skip(struct json *j);

/* Nothing but white space may follow. */
bool json_end(struct json *j);

/* ---- writing ---- */

/*
 * A string with its quotes. Escaped are the quote, the backslash and what is below a blank; bytes
 * that are not UTF-8 become U+FFFD, for JSON can not hold them.
 */
void json_put_string(struct buf *b, const char *p, size_t len);

/* "name": for names that need no escapes. */
void json_put_key(struct buf *b, const char *name);
/* The same behind a comma, unless an object or an array was just opened. */
void json_put_member(struct buf *b, const char *name);

/* Length of the UTF-8 sequence at p, of at most len bytes: 1 to 4; 0 when it is not one. */
size_t json_utf8(const uint8_t *p, size_t len);

#endif
