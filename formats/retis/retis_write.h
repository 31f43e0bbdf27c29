/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes event files that Retis reads: compact JSON, keys in Retis' order, never a null.
 *
 * What Retis cannot know is left out and counted: rows that are no events of packets (sockets,
 * losses, the inventory), and sections that lack what Retis requires or that the shape did not have.
 */
#ifndef FORMATS_RETIS_WRITE_H
#define FORMATS_RETIS_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"
#include "formats/retis/retis_read.h"

struct retis_writer {
	enum retis_shape shape; /* CLASSIC, 1_6 or 1_7; 1_5 is written as CLASSIC */

	/* counted */
	uint64_t events;   /* written, startup events among them */
	uint64_t rows;     /* left out: no event of Retis */
	uint64_t sections; /* left out of events that were written */
	int64_t clock_offset; /* of the latest clock row, ns: for a startup event that must be made up */
	bool started;         /* the file has its startup event */
	bool open;            /* a line of a sorted file is open */
};

/*
 * Appends one event as a line. Every file must begin with a startup event; when the first event is
 * none, one is written before it that says "unknown" and has the clock offset of the rows that were
 * left out, or 0. False: the event was left out.
 */
bool retis_write_event(struct retis_writer *w, const struct ev *ev, struct buf *out);

/*
 * Appends one event of a sorted file, where a line is an array of the events of a series. An event
 * without tracking, or with tracking.first, begins a line; retis_write_end() ends the last one.
 * A file has lines of one kind only.
 */
bool retis_write_sorted(struct retis_writer *w, const struct ev *ev, struct buf *out);
void retis_write_end(struct retis_writer *w, struct buf *out);

/* The shape that an event file had from which this startup event came; 1_7 for recordings of our own. */
enum retis_shape retis_shape_of(const struct ev_startup *s);

#endif
