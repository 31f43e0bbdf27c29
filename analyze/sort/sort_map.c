/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sort/sort_map.h"

#include <stdlib.h>
#include <string.h>

static size_t hash_key(const struct sort_key *key)
{
	uint64_t h = 0;

	for (int i = 0; i < 4; i++) {
		h = (h ^ key->w[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)(h ^ h >> 32);
}

void sort_map_free(struct sort_map *m)
{
	free(m->slots);
	*m = (struct sort_map){0};
}

/* The slot that has the key, or the free one where it would go. */
static struct sort_slot *find(const struct sort_map *m, const struct sort_key *key)
{
	size_t at = hash_key(key);

	while (m->slots[at & (m->size - 1)].value &&
	       memcmp(&m->slots[at & (m->size - 1)].key, key, sizeof(*key)))
		at++;
	return &m->slots[at & (m->size - 1)];
}

void *sort_map_get(const struct sort_map *m, const struct sort_key *key)
{
	return m->slots ? find(m, key)->value : NULL;
}

static bool grow(struct sort_map *m)
{
	struct sort_map bigger = {.n = m->n, .size = m->size ? m->size * 2 : 256};

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].value)
			*find(&bigger, &m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

bool sort_map_put(struct sort_map *m, const struct sort_key *key, void *value)
{
	struct sort_slot *slot;

	if (m->n * 2 >= m->size && !grow(m))
		return false;
	slot = find(m, key);
	if (!slot->value)
		m->n++;
	slot->key = *key;
	slot->value = value;
	return true;
}

void sort_map_remove(struct sort_map *m, const struct sort_key *key)
{
	struct sort_slot *gap = m->slots ? find(m, key) : NULL;
	size_t mask = m->size - 1, at;

	if (!gap || !gap->value)
		return;
	m->n--;
	/* what was pushed on by this one moves back, so that no search stops at the gap */
	at = (size_t)(gap - m->slots);
	for (size_t i = (at + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = hash_key(&m->slots[i].key) & mask;

		if (((i - home) & mask) < ((i - at) & mask))
			continue;
		m->slots[at] = m->slots[i];
		at = i;
	}
	m->slots[at].value = NULL;
}
