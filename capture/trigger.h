/* SPDX-License-Identifier: BSD-2-Clause */
/* Which events ask for the full state of their socket: a packet that is dropped or sent again. */
#ifndef CAPTURE_TRIGGER_H
#define CAPTURE_TRIGGER_H

#include <stdbool.h>

#include "bpf/event.h"
#include "capture/facts.h"
#include "capture/sock/sock_lookup.h"

/* Whether events at that probe (a tracepoint group:name, or a function) are retransmissions. */
bool trigger_is_retransmit(const char *symbol);

/*
 * Whether the record asks for its socket, which is a TCP socket with all its members: fills t.
 * retransmit: what trigger_is_retransmit() says of its probe.
 */
bool trigger_make(const struct record *r, const struct facts_place *place, bool retransmit,
		  struct sock_trigger *t);

#endif
