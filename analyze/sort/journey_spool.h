/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs that are read twice: what cannot be read again is copied to a temporary file first. */
#ifndef ANALYZE_JOURNEY_SPOOL_H
#define ANALYZE_JOURNEY_SPOOL_H

#include <stddef.h>

/*
 * A new temporary file without a name, in TMPDIR, /var/tmp or /tmp: its descriptor, or a negative
 * errno.
 */
int journey_spool_file(void);

struct journey_spool;

/*
 * Prepares inputs (source_open()'s words; n 0: standard input) to be read more than once. Pipes are
 * copied as they are stored, to their end. 0, or a negative errno with the message already on standard
 * error.
 */
int journey_spool_new(struct journey_spool **s, char *const *inputs, size_t n);
void journey_spool_free(struct journey_spool *s); /* NULL is fine; closes the copies */

/* Where the inputs begin: before each reading. */
void journey_spool_rewind(struct journey_spool *s);
/* The words to open instead, as many as there were; owned by the spool. */
char *const *journey_spool_inputs(const struct journey_spool *s);

#endif
