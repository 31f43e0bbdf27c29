/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows about the files that an output was made of: cut, merge. */
#ifndef ANALYZE_PROVENANCE_H
#define ANALYZE_PROVENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/source/source.h"
#include "formats/event.h"

/* What the command counted; source_inputs() has the rest. */
struct provenance {
	uint64_t kept, lost, lost_kept;
};

/* Counts of each input, in the order in which a source opens them. */
struct provenance_list {
	struct provenance *v;
	uint32_t n;
};

/* The counts of input number i (from 0 on); NULL when out of memory. */
struct provenance *provenance_of(struct provenance_list *l, uint32_t i);
void provenance_list_free(struct provenance_list *l);

/* Begins an event with an input row at that time and fills in what is known; more may be set in the row. */
struct ev_input *provenance_put(struct ev_batch *b, uint64_t time_ns, const char *command,
				const struct source_input *in, const struct provenance *p);

/*
 * A row of losses where n places of an input are damaged, between two times (from 0: not known): events
 * are missing, nobody knows how many.
 */
void provenance_put_damage(struct ev_batch *b, uint64_t from_ns, uint64_t to_ns, uint64_t n,
			   struct ev_str hostname);

#endif
