/* SPDX-License-Identifier: BSD-2-Clause */
/* What each probe gave in the events that are kept: the totals of the new file. */
#ifndef ANALYZE_CUT_TOTAL_H
#define ANALYZE_CUT_TOTAL_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

struct cut_total_probe {
	struct ev_str hostname, symbol;   /* in names */
	uint64_t recorded, lost, skipped; /* counted here */
	struct ev_total told;             /* sum of the inputs' rows */
	bool is_told;                     /* there were some */
};

enum cut_total_how {
	CUT_TOTAL_TOLD,    /* as the inputs' rows say: all is there */
	CUT_TOTAL_COUNTED, /* what was counted, of all probes: some is missing */
	CUT_TOTAL_CHOSEN,  /* what was counted, of the probes that gave something */
};

enum { CUT_TOTAL_RECENT = 64 };

struct cut_total {
	struct ev_batch *names;
	struct cut_total_probe *v; /* in the order of their first events */
	uint32_t n;
	uint32_t recent
		[CUT_TOTAL_RECENT]; /* by the id of a symbol in its batch: where it was last */
	bool failed;                /* out of memory */
};

void cut_total_init(struct cut_total *t);
void cut_total_fini(struct cut_total *t);

/* An event or a row of losses that is kept. */
void cut_total_count(struct cut_total *t, const struct ev *ev);

/* A row of totals of an input: there may be one about that probe. */
void cut_total_take(struct cut_total *t, const struct ev *ev);

/* The rows, at that time. */
void cut_total_put(const struct cut_total *t, uint64_t time_ns, enum cut_total_how how,
		   struct ev_batch *b);

#endif
