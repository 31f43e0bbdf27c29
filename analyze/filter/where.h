/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions on the fields of events, as -w takes them; man/skbox-filter.7 is the language's manual.
 *
 * An expression is compiled once to a flat program and run over the columns of a whole batch: what is
 * asked of a string is asked once for each entry of the batch's dictionary, what is asked of a header
 * once for each different packet.
 */
#ifndef ANALYZE_WHERE_H
#define ANALYZE_WHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/event.h"
#include "formats/skbx/skbx.h"

/* Limits of an expression: beyond what people write, within what costs nothing. */
enum {
	WHERE_TEXT_MAX = 65536, /* characters */
	WHERE_DEPTH_MAX = 100,  /* parentheses and nots within each other */
	WHERE_TESTS_MAX = 1000, /* comparisons */
	WHERE_VALUES_MAX = 10000,
	WHERE_REGEX_MAX = 256, /* characters of a regular expression */
};

struct where_error {
	int code;       /* negative errno */
	size_t at;      /* where: bytes from the start of the expression */
	char text[200]; /* what, one line; may hold a word of the expression */
};

struct where;

/* 0; -EINVAL with err filled; -ENOMEM. Freed by where_free(). */
int where_parse(struct where **w, const char *text, struct where_error *err);
void where_free(struct where *w); /* NULL is fine */

/*
 * One byte for each event of the batch, 1: it matches. Borrowed until the next call. NULL: out of
 * memory. What an event lacks is neither equal nor unequal to anything: comparisons with it are false.
 */
const uint8_t *where_run(struct where *w, const struct ev_batch *batch);

/* False: no event of a block with this summary can match. */
bool where_maybe(const struct where *w, const struct skbx_summary *summary);

#endif
