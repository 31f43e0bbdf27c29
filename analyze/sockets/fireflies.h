/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox json --shape firefly: the snapshots of each socket as the life of a flow. Its first snapshot makes a
 * start, each later one an ongoing, and its end an end: a snapshot in TIME-WAIT or CLOSE, or a complete dump
 * that does not have it any more.
 */
#ifndef ANALYZE_SOCKETS_FIREFLIES_H
#define ANALYZE_SOCKETS_FIREFLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/terminal.h"
#include "formats/event.h"

#define FIREFLIES_NO_ID UINT64_MAX

struct fireflies_options {
	uint64_t experiment, activity; /* FIREFLIES_NO_ID: not given */
	const char *application, *udp; /* NULL: none */
	bool lean, ext;
};

/* The ids begin as FIREFLIES_NO_ID. */
#define FIREFLIES_OPTIONS(config, member)                                                          \
	OPTION_PARAGRAPH("Fireflies (--shape firefly):"),                                          \
		OPTION(NUMBER, config, member.experiment, "experiment", 0, "ID",                   \
		       "whose flows they are, by the scitags registry (needed)",                   \
		       .max = UINT32_MAX),                                                         \
		OPTION(NUMBER, config, member.activity, "activity", 0, "ID",                       \
		       "what they are for, likewise (needed)", .max = UINT32_MAX),                 \
		OPTION(STRING, config, member.application, "application", 0, "TEXT",               \
		       "name and version of the program whose flows they are"),                    \
		OPTION(FLAG, config, member.lean, "lean", 0, NULL,                                 \
		       "of the socket's document the main figures only: fits into a packet"),      \
		OPTION(STRING, config, member.udp, "udp", 0, "HOST[:PORT]",                        \
		       "send them there, a datagram each with a syslog header (port 10514), "      \
		       "instead of printing them")

struct fireflies;

/* 0, or a negative errno with the message already on standard error. options are borrowed. */
int fireflies_new(struct fireflies **result, const struct fireflies_options *options);
void fireflies_free(struct fireflies *f); /* NULL is fine */

/* Before the events of a batch: what its times mean. */
void fireflies_batch(struct fireflies *f, const struct ev_batch *batch);

/*
 * The next event: a snapshot, or a row of the recording; others are passed over. Fireflies go to out, a line
 * each, or to where --udp says. 0, or a negative errno with the message already on standard error.
 */
int fireflies_take(struct fireflies *f, const struct ev *ev, struct buf *out);

/* Tells on standard error what was left out, did not fit or did not arrive. */
void fireflies_notes(const struct fireflies *f);

#endif
