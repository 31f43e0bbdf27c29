/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows that TCP packets announce, in bytes: the scale (RFC 7323) is in the SYN of the same direction. */
#ifndef ANALYZE_DIFF_WINDOW_H
#define ANALYZE_DIFF_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

enum {
	DIFF_WINDOWS = 16384
}; /* directions that are known at one time: one that comes takes a place */

/* Zeroed: none is known. */
struct diff_windows {
	struct {
		uint64_t direction; /* hash of addresses and ports; 0: free */
		uint8_t shift;
	} v[DIFF_WINDOWS];
};

/*
 * Learns from a packet with SYN; of others the window goes into *bytes. False: it is no TCP packet with
 * data or acknowledgement, or its SYN was not seen.
 */
bool diff_window_of(struct diff_windows *w, const struct ev_packet *packet, uint64_t *bytes);

#endif
