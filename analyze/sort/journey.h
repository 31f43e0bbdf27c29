/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of journeys. A journey is what has one tracking id: the events of a packet from its first sight
 * on, its clones too, for they keep the id.
 */
#ifndef ANALYZE_JOURNEY_H
#define ANALYZE_JOURNEY_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/event.h"

struct journey_key {
	uint64_t time, head; /* when it was first seen, and the address of its data then */
};

/* The journey of an event; false: it belongs to none. */
bool journey_of(const struct ev *ev, struct journey_key *key);

struct journey_set;

/*
 * 32 bytes a journey at most. Beyond 64 MiB the set lies in an unlinked temporary file that is mapped: the
 * kernel writes it out where memory is short.
 */
struct journey_set *journey_set_new(void);    /* NULL: out of memory */
void journey_set_free(struct journey_set *s); /* NULL is fine */

int journey_set_add(struct journey_set *s, struct journey_key key); /* 0 or a negative errno */
bool journey_set_has(const struct journey_set *s, struct journey_key key);
uint64_t journey_set_count(const struct journey_set *s);

#endif
