/* SPDX-License-Identifier: BSD-2-Clause */
/* What went wrong, for people: filled by functions of formats/ that return a negative errno. */
#ifndef FORMATS_ERROR_H
#define FORMATS_ERROR_H

#include <stdint.h>

struct skbox_error {
	int code; /* negative errno; 0: nothing went wrong */
	uint64_t
		offset; /* where: bytes from the start of the input, or the line number of a line format */
	char text[200]; /* what, with the numbers; one line, no line feed, no untrusted bytes */
};

/*
 * Fills err (may be NULL) and returns code, so that a failing function can
 * `return error_set(err, -EPROTO, offset, "...", ...)`.
 */
int error_set(struct skbox_error *err, int code, uint64_t offset, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
