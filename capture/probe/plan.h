/* SPDX-License-Identifier: BSD-2-Clause */
/* What is recorded: the probes of profiles and of -p, else the default ones. */
#ifndef CAPTURE_PLAN_H
#define CAPTURE_PLAN_H

#include "capture/config/config.h"
#include "capture/probe/probe.h"
#include "formats/error.h"
#include "formats/event.h"

/* A probe of a profile that this kernel does not have. */
struct plan_skipped {
	const char *word; /* borrowed from the profile */
	char reason[PROBE_REASON_MAX];
};

struct plan {
	struct plan_skipped *skipped; /* n; owned */
	size_t n;
};

/*
 * Adds the probes. One of -p that cannot be is an error; one of a profile is told on the terminal and
 * kept for the file, unless none is left. Ended by plan_free().
 */
int plan_make(struct plan *plan, const struct config *c, struct probes *probes,
	      struct skbox_error *err);
void plan_free(struct plan *plan);

/* Rows of the inventory about what was skipped. */
void plan_add_skipped(const struct plan *plan, struct ev_batch *b);

#endif
