/* SPDX-License-Identifier: BSD-2-Clause */
/* From the facts of a record (bpf/facts.h) to sections of an event. */
#ifndef CAPTURE_FACTS_H
#define CAPTURE_FACTS_H

#include "bpf/event.h"
#include "formats/event.h"

/* Where the facts of a probe's records are; 0: it has none of them. */
struct facts_place {
	uint32_t sock_at, ct_at, nft_at;
};

/* Adds what the record has to the event that was begun. hz: ticks of the kernel a second. */
void facts_add(struct ev_batch *b, const struct record *r, const struct facts_place *place,
	       uint32_t hz);

#endif
