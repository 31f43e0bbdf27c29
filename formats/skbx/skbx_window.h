/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of an input that is in memory while it is read from its beginning to its end; of skbx_read.c only. */
#ifndef FORMATS_SKBX_WINDOW_H
#define FORMATS_SKBX_WINDOW_H

#include "formats/skbx/skbx.h"

enum { WINDOW_READ_BYTES = 256 * 1024 }; /* asked of the input at a time */

/* Zeroed, with `in` and `bytes`, to begin. [at, at + len) of the input is at p + from. */
struct skbx_window {
	struct skbx_input in;
	uint8_t *p;
	size_t from, len, cap;
	uint64_t at;
	uint64_t *bytes; /* counts what is read; never NULL */
	bool eof;
};

/* Tries to have n bytes at the current place; returns how many there are, or a negative errno. */
int64_t skbx_window_fill(struct skbx_window *w, size_t n);

/* Moves on by n bytes; those that were not read yet are not read where the input can seek. 0 or a negative errno. */
int skbx_window_forward(struct skbx_window *w, size_t n);

/* The current place; valid until the window is filled or moved. */
static inline const uint8_t *skbx_window_here(const struct skbx_window *w)
{
	return w->p + w->from;
}

void skbx_window_free(struct skbx_window *w);

#endif
