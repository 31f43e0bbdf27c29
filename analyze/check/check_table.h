/* SPDX-License-Identifier: BSD-2-Clause */
/* States of things that come and go (journeys, sequences, sockets): bounded, the one longest unseen makes room. */
#ifndef ANALYZE_CHECK_TABLE_H
#define ANALYZE_CHECK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/sort/sort_map.h"

/* The first member of a state. */
struct check_entry {
	struct sort_key key;
	struct check_entry *older, *newer;
};

struct check_table {
	struct sort_map map;
	struct check_entry *oldest, *newest;
	size_t n, max, size; /* size: of a state */
	uint64_t evicted;
};

void check_table_init(struct check_table *t, size_t size, size_t max);
/*
 * The state of a key, zeroed (but for its key) when *is_new; it becomes the newest. Where there is no room
 * `evict` gets the oldest one first. NULL: out of memory.
 */
void *check_table_get(struct check_table *t, const struct sort_key *key, bool *is_new,
		      void (*evict)(void *ctx, void *state), void *ctx);
void *check_table_find(const struct check_table *t, const struct sort_key *key); /* NULL: none */
void check_table_remove(struct check_table *t, void *state);
void check_table_free(struct check_table *t); /* a zeroed one is fine */

#endif
