/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FILTERS: which events a command looks at. The options are the same rows in every command's table.
 */
#ifndef ANALYZE_FILTER_H
#define ANALYZE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "formats/event.h"
#include "formats/skbx.h"

/* What the options fill; zeroed: everything passes. */
struct filter_options {
	const char *packet;        /* -f */
	struct option_list probes; /* --probe */
	uint64_t count;            /* --count; 0: no limit */
	bool drops;                /* --drops */
};

/* Rows of an option table whose config struct has `struct filter_options member`. */
#define FILTER_OPTIONS(config, member)                                                             \
	OPTION_PARAGRAPH("Filters:"),                                                              \
		OPTION(STRING, config, member.packet, "filter-packet", 'f', "PCAP-FILTER",         \
		       "packets that match (see pcap-filter(7)), and sockets with such addresses " \
		       "and ports"),                                                               \
		OPTION(LIST, config, member.probes, "probe", 'p', "PATTERN",                       \
		       "events of these probes: net:netif_*, kprobe:tcp_v4_rcv; * and ? match "    \
		       "any text and any character"),                                              \
		OPTION(FLAG, config, member.drops, "drops", 0, NULL, "dropped packets only"),      \
		OPTION(NUMBER, config, member.count, "count", 0, "N", "stop after N events",       \
		       .min = 1)

struct filter;

/* 0, or a negative errno with the message already on standard error (an expression that does not compile). */
int filter_new(struct filter **f, const struct filter_options *options);
void filter_free(struct filter *f); /* NULL is fine */

/*
 * Whether an event passes. Rows of the recording itself (startup, clock, inventory, losses) pass always,
 * as filter_is_record() tells, and are not counted.
 */
bool filter_match(struct filter *f, const struct ev *ev);

/* After --count events have passed: nothing more will. */
bool filter_done(const struct filter *f);

/* Whether it chooses by content (all but --count): then the startup event is not printed. */
bool filter_selects(const struct filter *f);

/* Sections of rows about the recording, not about a packet or a socket. */
#define FILTER_RECORD_SECTIONS                                                                     \
	(EV_SECTION_BIT(startup) | EV_SECTION_BIT(host) | EV_SECTION_BIT(clock) |                  \
	 EV_SECTION_BIT(iface) | EV_SECTION_BIT(nsinfo) | EV_SECTION_BIT(probe) |                  \
	 EV_SECTION_BIT(dropname) | EV_SECTION_BIT(loss) | EV_SECTION_BIT(snapset) |               \
	 EV_SECTION_BIT(total) | EV_SECTION_BIT(finish))

static inline bool filter_is_record(const struct ev *ev)
{
	return (ev->sections & FILTER_RECORD_SECTIONS) != 0;
}

/* For source_options.want, ctx is the filter: false for a block in which nothing can pass. */
bool filter_wants_block(void *filter, const struct skbx_summary *summary);

/* Whether text[0..len-1] is matched as a whole by a pattern with * and ?. */
bool filter_glob(const char *pattern, const char *text, size_t len);

#endif
