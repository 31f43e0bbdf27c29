/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is left: reads an anonymized file back and searches all that it holds for everything that was replaced.
 * It knows nothing of the rules by which fields were changed.
 */
#ifndef ANALYZE_RESIDUE_H
#define ANALYZE_RESIDUE_H

#include "analyze/anonymize/anon.h"
#include "formats/event.h"

/* Of so many places each is told; the others are counted. */
enum { RESIDUE_TOLD_MAX = 20 };

struct residue;

/* a: what was replaced; borrowed. NULL when out of memory. */
struct residue *residue_new(const struct anon *a);
void residue_free(struct residue *r); /* NULL is fine */

/* Searches a batch: each event's texts, bytes and numbers. 0 or -ENOMEM. */
int residue_search(struct residue *r, const struct ev_batch *batch);

/* Places found; and a line for each on `out`, up to RESIDUE_TOLD_MAX. */
uint64_t residue_found(const struct residue *r);
const struct buf *residue_lines(const struct residue *r);
/* Values that were searched for, and those that cannot be: they are the image of another, too. */
uint64_t residue_values(const struct residue *r);
uint64_t residue_ambiguous(const struct residue *r);

#endif
