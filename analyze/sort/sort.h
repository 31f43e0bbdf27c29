/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Journeys: events of the same packet put together, as `retis sort` does.
 *
 * Events go in in the order of the file and come out as series: the events of one tracking id, each
 * with its tracking section (the skb that the series began with, and its number in the series), or
 * one event alone that belongs to none. Upcalls of Open vSwitch that go through user space and back
 * stay in the series of the packet that caused them.
 *
 *	struct sort *s = sort_new(SORT_BUFFER);
 *	for each event {
 *		sort_push(s, &ev);
 *		while (sort_next(s, &one, false)) { ... }
 *	}
 *	while (sort_next(s, &one, true)) { ... }
 */
#ifndef ANALYZE_SORT_H
#define ANALYZE_SORT_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

enum { SORT_BUFFER = 1000 }; /* events held, where nothing else is said: as Retis */

struct sort_status {
	uint64_t events, series; /* that went in; that came out (parts of a series count each) */
	uint64_t
		unmatched; /* events of Open vSwitch whose upcall or queue entry is not in the file */
	uint32_t held;     /* events that are in now */
};

struct sort;

/*
 * max_buffer: when so many events are held the oldest series is put out, what it has so far; the rest
 * follows as a series of its own whose numbers go on. 0: everything is held to the end.
 *
 * Beside the held events some 100 bytes are kept for each tracking id, and each OpenFlow trace once,
 * to the end: that is what numbers that go on and late traces need.
 */
struct sort *sort_new(uint32_t max_buffer); /* NULL when out of memory */
void sort_free(struct sort *s);

/* Takes a copy of the event. 0, or -ENOMEM. */
int sort_push(struct sort *s, const struct ev *ev);

/*
 * The next event in the new order, a whole series before anything else: index counts within it,
 * tracking.first is set in its first event, startup.sorted in a startup event. A startup event that
 * went in first comes out first. ev is zeroed by the caller before the first call; what it shows is borrowed
 * until the next call. False: nothing is due (end: nothing is left).
 */
bool sort_next(struct sort *s, struct ev *ev, bool end);

/*
 * The same for a series as a whole: appended to out, however large it is (EV_BATCH_MAX is no limit here). Out of
 * memory shows in out->failed.
 */
bool sort_pop(struct sort *s, struct ev_batch *out, bool end);

const struct sort_status *sort_status(const struct sort *s);

#endif
