/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash map from four words to a pointer, for sort.c. */
#ifndef ANALYZE_SORT_MAP_H
#define ANALYZE_SORT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sort_key {
	uint64_t w[4];
};

struct sort_slot {
	struct sort_key key;
	void *value; /* NULL: free */
};

struct sort_map {
	struct sort_slot *slots; /* a power of two of them; NULL: none yet */
	size_t n, size;
};

void sort_map_free(struct sort_map *m); /* the map, not what it points to */
void *sort_map_get(const struct sort_map *m, const struct sort_key *key); /* NULL: not there */
/* Sets or replaces; false when out of memory. value is not NULL. */
bool sort_map_put(struct sort_map *m, const struct sort_key *key, void *value);
void sort_map_remove(struct sort_map *m, const struct sort_key *key);

#endif
