/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict checker of Retis event files: what Retis itself would write, and nothing else. For tests
 * and for what we write; reading is retis_read.h, which is lenient. It has its own tables, made from
 * the description of the format and not from our schema, so that it does not repeat its mistakes.
 */
#ifndef FORMATS_RETIS_CHECK_H
#define FORMATS_RETIS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/retis/retis_read.h"

struct retis_checker {
	enum retis_shape shape; /* CLASSIC, 1_6 or 1_7 */
	bool any_order;         /* keys may come in any order, as JSON allows */

	bool sorted;            /* known from the first line on */
	uint64_t lines, events; /* that were right */
};

/*
 * One line, without its line feed. 0; -EPROTO with err filled: what is wrong, offset the byte within
 * the line. Checked are: compact JSON, keys known, in order and once, none missing, no null, types,
 * ranges, words of enumerations, base64 of the stated length, one kind of line, the startup event
 * first, its version one that has this shape.
 */
int retis_check_line(struct retis_checker *c, const char *line, size_t len,
		     struct skbox_error *err);

#endif
