/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first events of what is found, as text: taken when they go by, for nothing is read twice. The other events of
 * the same packets come along, as far as they are in the batch at hand or the one before it, or follow.
 */
#ifndef ANALYZE_REPORT_KEPT_H
#define ANALYZE_REPORT_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"
#include "formats/text/text.h"

enum {
	KEPT_SLOTS = 64,    /* findings that have events */
	KEPT_JOURNEYS = 3,  /* of a finding; where packets have no journey, events */
	KEPT_EVENTS = 36,   /* of a finding: some dozen of each of its packets */
	KEPT_TEXT = 2048,   /* bytes of an event; longer ones are cut at a line's end */
	KEPT_WATCHED = 128, /* packets whose later events are waited for, the newest */
	KEPT_BLOOM = 4096,  /* bits, a power of two */
};

enum kept_kind { KEPT_PACKET, KEPT_DROP, KEPT_RETRANSMIT, KEPT_SOCKET, KEPT_GAP };
extern const char *const kept_kind_names[];

struct kept_event {
	uint64_t number; /* in the order of the recording: the same in every slot */
	uint64_t ns;
	enum kept_kind kind;
	uint32_t probe, probe_len, text, text_len; /* in the slot's text */
};

struct kept_slot {
	bool used;
	struct kept_event *v; /* owned */
	uint32_t n, journeys;
	uint64_t left_out; /* events of its packets that there was no room for */
	struct buf text;
};

/* A batch, and which of its events pass the filter. */
struct kept_batch {
	const struct ev_batch *batch; /* NULL: none */
	uint64_t first;               /* number of its first event */
	uint64_t passed[EV_BATCH_MAX / 64];
};

struct kept {
	struct kept_slot slot[KEPT_SLOTS];
	struct text text;
	struct kept_batch now, before;
	struct {
		uint64_t key[2];
		uint32_t slot;
	} watched[KEPT_WATCHED];
	uint32_t n_watched, next_watched;
	uint64_t bloom[KEPT_BLOOM / 64];
	bool failed; /* out of memory */
};

void kept_init(struct kept *k);
void kept_fini(struct kept *k);

/* The next batch; the one before stays readable until the next call. */
void kept_batch(struct kept *k, const struct ev_batch *batch);
/* An event of it that passes, in their order: before it is looked at any further. */
void kept_pass(struct kept *k, const struct ev *ev);

/* A slot for a new finding; KEPT_SLOTS: there is none. It ends with kept_drop_slot(). */
uint32_t kept_new_slot(struct kept *k);
void kept_drop_slot(struct kept *k, uint32_t slot);

/* Whether a slot has all that it may have. */
bool kept_is_full(const struct kept *k, uint32_t slot);
/*
 * Keeps the event at hand, and those of its packet. clock: what the wall clock is now. Nothing is done when the slot
 * is full.
 */
void kept_add(struct kept *k, uint32_t slot, const struct ev *ev, const struct text *clock);

#endif
