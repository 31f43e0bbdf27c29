/* SPDX-License-Identifier: BSD-2-Clause */
/* When events were lost, and which journeys that may have cut. */
#ifndef ANALYZE_JOURNEY_LOSS_H
#define ANALYZE_JOURNEY_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"
#include "formats/text/text.h"

enum {
	JOURNEY_LOSSES_MAX = 4096, /* intervals; further ones are joined to the last */
	JOURNEY_LIVE_MAX = 65536,  /* journeys that journey_live_event() keeps in mind */
};
/* A packet that was last seen so long before a loss may have gone on in it: as stats has it. */
#define JOURNEY_LOSS_NS UINT64_C(100000000)

struct journey_loss {
	uint64_t from_ns, to_ns;
};

struct journey_losses {
	struct journey_loss *v; /* in the order of the rows */
	uint32_t n, cap;
	bool failed; /* out of memory: some are not there */
};

void journey_losses_free(struct journey_losses *l); /* a zeroed one is fine */

/* A row of losses; other events are passed over. */
void journey_losses_add(struct journey_losses *l, const struct ev *ev);

/*
 * Those of the inputs, when all can be read again; of event files only headers and the blocks with losses are
 * read, other formats know no losses. Errors are told when the inputs are read. False: there is a pipe among
 * them, and losses are known when they come.
 */
bool journey_losses_read(struct journey_losses *l, char *const *inputs, size_t n);

/* Where a journey stands: one that was dropped or consumed does not go on. */
struct journey_span {
	uint64_t first_ns, last_ns;
	bool tracked, ended;
};

void journey_span_add(struct journey_span *s,
		      const struct ev *ev); /* zeroed before the first event */

/* The first loss that may have taken events of the journey; NULL: none. */
const struct journey_loss *journey_losses_touch(const struct journey_losses *l,
						const struct journey_span *s);

/* The mark behind a series, without a line feed: "  \u21b3 events were lost from ... to ...". */
void journey_loss_mark(struct text *t, const struct journey_loss *loss, struct buf *out);

/* ---- journeys in the order of time ---- */

struct journey_live;

struct journey_live *journey_live_new(void);       /* NULL: out of memory */
void journey_live_free(struct journey_live *live); /* NULL is fine */

/* An event that was shown. 0 or -ENOMEM. */
int journey_live_event(struct journey_live *live, const struct ev *ev);

/* Behind the line of a loss: a line for each journey that was under way, with its line feed. */
void journey_live_marks(struct journey_live *live, struct text *t, const struct ev *loss,
			struct buf *out);

#endif
