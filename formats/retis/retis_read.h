/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event files of Retis: JSON, one event a line, or (sorted) one array of events, a series, a line.
 *
 * What is accepted: the shapes of Retis 1.5, of its development between 1.5 and 1.6, of 1.6 and of
 * 1.7, known by their keys and not by the version that they claim; keys in any order; unknown keys,
 * which are counted; null, which is the same as no key. Refused, as Retis refuses them: a known key
 * that comes twice, a value of another type or out of range, an event without a field that its
 * section must have. One thing is taken that Retis fails on: a 1.5 connection with a parent.
 */
#ifndef FORMATS_RETIS_READ_H
#define FORMATS_RETIS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"
#include "formats/event.h"

/* Values of startup.shape. */
enum retis_shape {
	RETIS_SHAPE_NONE,    /* not known (yet) */
	RETIS_SHAPE_1_5,     /* skb.packet.packet, skb.ns.netns, decoded headers */
	RETIS_SHAPE_CLASSIC, /* between 1.5 and 1.6: skb.packet.raw, skb.ns.inum */
	RETIS_SHAPE_1_6,     /* packet, netns, dev; ct.tcp_state */
	RETIS_SHAPE_1_7,     /* ct.proto_state; startup with machine and cmdline */
};

struct retis_read_state {
	enum retis_shape shape; /* from what was read so far */
	bool sorted;            /* the first line was an array */
	uint64_t lines, events; /* read without error */
	uint64_t unknown_keys;  /* skipped, with all that was in them */
	char version[64]; /* startup.retis_version of the newest startup event, cut to fit; "" */
};

struct retis_reader;

struct retis_reader *retis_reader_new(void); /* NULL when out of memory */
void retis_reader_free(struct retis_reader *r);

/*
 * Looks at the beginning of the input (some lines; a last one that is cut off is no harm), so that
 * the shape is known already when the startup event, the first line, is read. Without it that
 * event's shape is what its own keys and its version say.
 */
void retis_reader_peek(struct retis_reader *r, const char *p, size_t len);

/*
 * Reads one line (without or with its line feed) and appends its event, or the events of its array,
 * to the batch. 0, or with err filled, offset the byte within the line, and nothing appended:
 *   -EPROTO  this line is damaged; the next one may be read
 *   -ENOSPC  the batch would hold more than EV_BATCH_MAX events: empty it and give the line again.
 *            Of a series that is larger than that the batch, which was empty, now holds the next
 *            part: use it, then go on with the same line
 *   -ENOMEM
 * A line of blanks is 0 and appends nothing. The line may be freed after the call.
 *
 * The events of an array get tracking.first where a series begins, a startup event among them
 * startup.sorted.
 */
int retis_read_line(struct retis_reader *r, const char *line, size_t len, struct ev_batch *batch,
		    struct skbox_error *err);

const struct retis_read_state *retis_read_state(const struct retis_reader *r);

/*
 * Whether this is how an event file of Retis begins; 32 bytes are mostly enough to say yes. Its first
 * lines may be damaged, and a first event may begin with keys that are not known.
 */
bool retis_recognize(const char *p, size_t len);

#endif
