/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox sockets --follow: connections over time, their snapshots between their packets. */
#ifndef ANALYZE_SOCKETS_FOLLOW_H
#define ANALYZE_SOCKETS_FOLLOW_H

#include <stdbool.h>

#include "analyze/sockets/tuple.h"

struct filter;
struct source;

struct follow_options {
	struct tuple_want want;
	const char *wanted; /* the word that it was parsed from, for messages */
	bool json, utc;
};

/*
 * Reads the source to its end and writes to standard output. As text each connection has a heading and its
 * lines; as JSON lines come in the order of time, with the number of their connection. Returns an exit code,
 * with messages already on standard error.
 */
int follow_run(const struct follow_options *options, struct filter *filter, struct source *source);

#endif
