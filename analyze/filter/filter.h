/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FILTERS: which events a command looks at. The options are the same rows in every command's table.
 *
 *	filter_new(&f, &options)
 *	filter_open(f, &source, &source_options, inputs, n)
 *	while (source_next(source, &batch) > 0)
 *		for each event: if (filter_match(f, &ev)) ...
 */
#ifndef ANALYZE_FILTER_H
#define ANALYZE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/filter/filter_time.h"
#include "cli/options.h"
#include "formats/event.h"
#include "formats/skbx/skbx.h"

/* What the options fill; zeroed: everything passes. */
struct filter_options {
	const char *packet;              /* -f */
	struct option_list where;        /* -w: all of them must match */
	struct option_list probes;       /* --probe: one of them must */
	struct filter_time since, until; /* both included */
	uint64_t count;                  /* --count; 0: no limit */
	bool drops;                      /* --drops */
	bool journey;                    /* --journey */
	bool verbose;                    /* --verbose: tell what was skipped */
};

/* Rows of an option table whose config struct has `struct filter_options member`. */
#define FILTER_OPTIONS(config, member)                                                             \
	OPTION_PARAGRAPH("Filters:"),                                                              \
		OPTION(STRING, config, member.packet, "filter-packet", 'f', "PCAP-FILTER",         \
		       "packets that match (see pcap-filter(7)), and sockets with such addresses " \
		       "and ports"),                                                               \
		OPTION(LIST, config, member.where, "where", 'w', "EXPR",                           \
		       "events that match an expression on fields, as drop.reason == "             \
		       "\"NO_SOCKET\" && ip.src in 10.0.0.0/8 (see skbox-filter(7)); "             \
		       "skbox schema lists the fields"),                                           \
		OPTION(CALL, config, member.since, "since", 0, "TIME",                             \
		       "events from this time on: a date (UTC unless it says), 4834.3s or ns on "  \
		       "the machine's clock, +5s after the begin, -5s before the end",             \
		       .parse = filter_time_parse),                                                \
		OPTION(CALL, config, member.until, "until", 0, "TIME", "events up to this time",   \
		       .parse = filter_time_parse),                                                \
		OPTION(LIST, config, member.probes, "probe", 'p', "PATTERN",                       \
		       "events of these probes: net:netif_*, kprobe:tcp_v4_rcv; * and ? match "    \
		       "any text and any character"),                                              \
		OPTION(FLAG, config, member.drops, "drops", 0, NULL, "dropped packets only"),      \
		OPTION(FLAG, config, member.journey, "journey", 0, NULL,                           \
		       "with all events of the packets of which one matches"),                     \
		OPTION(NUMBER, config, member.count, "count", 0, "N", "stop after N events",       \
		       .min = 1),                                                                  \
		OPTION(FLAG, config, member.verbose, "verbose", 'v', NULL,                         \
		       "tell how many blocks were skipped by their summaries")

void filter_options_free(struct filter_options *o);

/* The options as on a command line, "-f 'tcp port 80' --drops"; nothing where everything passes. */
void filter_describe(const struct filter_options *o, struct buf *out);

/* Whether all of the input must be read before an event can be shown. */
bool filter_reads_twice(const struct filter_options *o);

struct filter;
struct source;
struct source_options;

/*
 * Compiles -f, whose names are looked up in files, while these can be opened; what is confined (confine.h) before
 * its filter_new() calls it before that. 0, or a negative errno with the message already on standard error.
 */
int filter_prepare(const struct filter_options *options);

/* 0, or a negative errno with the message already on standard error (an expression that does not compile). */
int filter_new(struct filter **f, const struct filter_options *options);
void filter_free(struct filter *f); /* NULL is fine; after the source is closed */

/*
 * Opens the inputs for source_next(). `want`, `batch` and their `ctx` are the filter's; where the caller
 * gives a want of its own, a block must be wanted by both. Reads the inputs once before when the options
 * need it (--journey, times from the end); a pipe is then copied to a temporary file. 0, or a negative
 * errno with the message already on standard error.
 */
int filter_open(struct filter *f, struct source **source, const struct source_options *options,
		char *const *inputs, size_t n);

/*
 * The batch that the next events are from: source_next() calls it where filter_open() opened the
 * source, others do before filter_match(). 0, or a negative errno with the message already on standard
 * error.
 */
int filter_batch(void *filter, const struct ev_batch *batch);

/*
 * Whether an event passes. Rows of the recording itself (startup, clock, inventory, losses) pass always,
 * as filter_is_record() tells, and are not counted.
 */
bool filter_match(struct filter *f, const struct ev *ev);

/*
 * Whether an event's time is within --since and --until, a loss's interval partly; of the batch that
 * filter_batch() got last.
 */
bool filter_in_time(const struct filter *f, const struct ev *ev);

/* Blocks with socket snapshots are wanted, too, even if no event in them may match. */
void filter_want_sockets(struct filter *f);

/* After --count events have passed: nothing more will. */
bool filter_done(const struct filter *f);

/* The time of --until, for the events of this batch. False: there is none, or it is not known yet. */
bool filter_until(const struct filter *f, uint64_t *ns);

/* Whether it lets everything pass: then filter_match() need not be asked. */
bool filter_passes_all(const struct filter *f);

/* Whether it chooses by content (all but --count): then the startup event is not printed. */
bool filter_selects(const struct filter *f);

/* Sections of rows about the recording, not about a packet or a socket. */
#define FILTER_RECORD_SECTIONS                                                                     \
	(EV_SECTION_BIT(startup) | EV_SECTION_BIT(host) | EV_SECTION_BIT(clock) |                  \
	 EV_SECTION_BIT(iface) | EV_SECTION_BIT(nsinfo) | EV_SECTION_BIT(probe) |                  \
	 EV_SECTION_BIT(dropname) | EV_SECTION_BIT(loss) | EV_SECTION_BIT(snapset) |               \
	 EV_SECTION_BIT(total) | EV_SECTION_BIT(finish) | EV_SECTION_BIT(input) |                  \
	 EV_SECTION_BIT(sockstat) | EV_SECTION_BIT(thin))

static inline bool filter_is_record(const struct ev *ev)
{
	return (ev->sections & FILTER_RECORD_SECTIONS) != 0;
}

/* For source_options.want, ctx is the filter: false for a block in which nothing can pass. */
bool filter_wants_block(void *filter, const struct skbx_summary *summary);

/* Whether text[0..len-1] is matched as a whole by a pattern with * and ?. */
bool filter_glob(const char *pattern, const char *text, size_t len);

#endif
