/* SPDX-License-Identifier: BSD-2-Clause */
/* Events as text to the terminal: what print and sort share. */
#ifndef ANALYZE_RENDER_H
#define ANALYZE_RENDER_H

#include <stdbool.h>

#include "analyze/sort/journey_loss.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "formats/event.h"
#include "formats/text/text.h"

/* What the options fill; zeroed: multi-line, classic. */
struct render_options {
	int format, layout; /* index of the choices */
	bool live;          /* events as they come: no pager */
	struct text_options text;
};

extern const char *const render_formats[], *const render_layouts[];

#define RENDER_OPTIONS(config, member)                                                             \
	OPTION_PARAGRAPH("Text:"),                                                                 \
		OPTION(CHOICE, config, member.format, "format", 0, "FORMAT",                       \
		       "multi-line (default) or single-line", .choices = render_formats),          \
		OPTION(CHOICE, config, member.layout, "layout", 0, "LAYOUT",                       \
		       "classic (default): metadata, then the packet; current: as Retis 1.6 and "  \
		       "later",                                                                    \
		       .choices = render_layouts),                                                 \
		OPTION(FLAG, config, member.text.utc, "utc", 0, NULL, "times as UTC dates"),       \
		OPTION(FLAG, config, member.text.link_layer, NULL, 'e', NULL,                      \
		       "show the link layer"),                                                     \
		OPTION(FLAG, config, member.text.no_sockets, "no-sockets", 0, NULL,                \
		       "leave socket snapshots out")

struct render {
	struct text text;
	struct terminal_out out;
	bool in_series; /* a series is open: its end is framed later */
	/* a series that a loss may have cut is marked; borrowed, NULL: none is */
	const struct journey_losses *losses;
	struct journey_span span; /* of the open series */
};

/* Opens standard output, through a pager on a terminal. Ended by render_close(). */
void render_open(struct render *r, const struct render_options *o);

/* The next event of an unsorted stream. False: stop, nobody reads or writing failed. */
bool render_event(struct render *r, const struct ev *ev);
/* A loss in such a stream, with marks of the journeys that it may have cut. */
bool render_loss(struct render *r, const struct ev *ev, struct journey_live *live);
/* The next event of a sorted stream; first: it begins a series. */
bool render_sorted(struct render *r, const struct ev *ev, bool first);
/* Ends a series that is open: before an unsorted input follows a sorted one. */
void render_end_series(struct render *r);

/* An event that is not shown, but whose clock counts. */
void render_skip(struct render *r, const struct ev *ev);

/* 0, or a negative errno with the message already on standard error. */
int render_close(struct render *r);

#endif
