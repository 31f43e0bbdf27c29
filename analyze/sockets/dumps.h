/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which dumps of sockets were complete: what a complete one does not have is no more. Dumps are of one
 * namespace and one address family each.
 */
#ifndef ANALYZE_SOCKETS_DUMPS_H
#define ANALYZE_SOCKETS_DUMPS_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/sockets/tuple.h"

struct dumps_of {
	struct tuple_netns ns;
	uint8_t family;
	uint32_t set;
	uint64_t begin_ns;    /* of the newest */
	uint64_t complete_ns; /* begin of the newest that was complete; 0: there was none */
};

/* Zeroed at first; freed by dumps_free(). */
struct dumps {
	struct dumps_of *v;
	uint32_t n, cap;
	uint64_t left_out; /* namespaces that there was no room for */
};

/*
 * Takes an event with a snapset section. When a complete dump ended with it: of what it was, borrowed until
 * the next call; sockets of it that were seen last before complete_ns are no more. Else NULL.
 */
const struct dumps_of *dumps_take(struct dumps *d, const struct ev *ev);

/* Whether a socket that was seen last at this time was missing in a complete dump since. */
bool dumps_missed(const struct dumps *d, struct tuple_netns ns, uint8_t family, uint64_t seen_ns);

void dumps_free(struct dumps *d);

#endif
