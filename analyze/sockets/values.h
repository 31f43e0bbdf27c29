/* SPDX-License-Identifier: BSD-2-Clause */
/* What a socket's state is made of, and how it is shown as changes: from tables of schema fields. */
#ifndef ANALYZE_SOCKETS_VALUES_H
#define ANALYZE_SOCKETS_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"

enum { VALUES_MAX = 64 };

enum values_table {
	VALUES_SNAPSHOT, /* sections of a sock_diag row */
	VALUES_PACKET,   /* the sock section of an event */
};

/* The state that was shown last; zeroed at first. */
struct values {
	uint64_t has; /* bits of rows of the table */
	bool listens; /* it was seen listening: its struct tcp_info means nothing */
	uint64_t v[VALUES_MAX];
};

/* Whether any value is not as before. */
bool values_changed(enum values_table table, const struct values *before, const struct ev *ev);

/*
 * The event's values against those before, a blank in front of each: "cwnd:10->7" for a state, "segs_out:+3"
 * for a counter, "cwnd:10" for what was not known before (nothing when that is 0). Then they are those
 * before.
 */
void values_put_text(enum values_table table, struct values *before, const struct ev *ev,
		     struct buf *out);
/* The same as members of a JSON object: "tcpinfo.snd_cwnd":[10,7]; [null,10] for what was not known. */
void values_put_json(enum values_table table, struct values *before, const struct ev *ev,
		     struct buf *out);

#endif
