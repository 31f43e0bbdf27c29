/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file of the recording gave: counted while it is written, told in its last rows. */
#ifndef CAPTURE_OUTPUT_END_H
#define CAPTURE_OUTPUT_END_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/file/output_file.h"

/* An event is written that long after it happened at most; else it is told that it was not. */
#define OUTPUT_LATE_NS UINT64_C(500000000)

struct output_end {
	bool counting;             /* there may be more files than one */
	struct output_total *now;  /* of this file; as many as there are totals */
	struct output_total *told; /* of the files before it */
	size_t n;
	struct output_totals before; /* the rest that was told; no v */
	uint64_t max_delay_ns, late;
};

void output_end_free(struct output_end *e);

/* Counts the events of a batch by probe; without memory the counts are those of the recorder. */
void output_end_count(struct output_end *e, const struct ev_batch *b,
		      const struct output_totals *totals);

/* Looks how long the events of a batch waited that is written now. */
void output_end_delay(struct output_end *e, const struct ev_batch *b, uint64_t now_ns);

/*
 * The last rows of a file. Of all files but the last the events in them are counted; the last has
 * what is missing to the recorder's own counts, so that the sums are right if anything was forgotten.
 */
void output_end_rows(struct output_end *e, const struct output_totals *totals, bool last,
		     const char *reason, struct ev_batch *b);

#endif
