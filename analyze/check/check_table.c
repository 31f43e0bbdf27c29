/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/check/check_table.h"

#include <stdlib.h>
#include <string.h>

void check_table_init(struct check_table *t, size_t size, size_t max)
{
	*t = (struct check_table){.size = size, .max = max};
}

static void unlink_entry(struct check_table *t, struct check_entry *e)
{
	if (e->older)
		e->older->newer = e->newer;
	else
		t->oldest = e->newer;
	if (e->newer)
		e->newer->older = e->older;
	else
		t->newest = e->older;
	e->older = e->newer = NULL;
}

static void link_entry(struct check_table *t, struct check_entry *e)
{
	e->older = t->newest;
	e->newer = NULL;
	if (t->newest)
		t->newest->newer = e;
	else
		t->oldest = e;
	t->newest = e;
}

void *check_table_find(const struct check_table *t, const struct sort_key *key)
{
	return sort_map_get(&t->map, key);
}

void *check_table_get(struct check_table *t, const struct sort_key *key, bool *is_new,
		      void (*evict)(void *ctx, void *state), void *ctx)
{
	struct check_entry *e = sort_map_get(&t->map, key);

	*is_new = !e;
	if (e) {
		unlink_entry(t, e);
		link_entry(t, e);
		return e;
	}
	if (t->n == t->max) {
		e = t->oldest;
		evict(ctx, e);
		t->evicted++;
		check_table_remove(t, e);
	}
	e = calloc(1, t->size);
	if (!e || !sort_map_put(&t->map, key, e)) {
		free(e);
		return NULL;
	}
	e->key = *key;
	link_entry(t, e);
	t->n++;
	return e;
}

void check_table_remove(struct check_table *t, void *state)
{
	struct check_entry *e = state;

	sort_map_remove(&t->map, &e->key);
	unlink_entry(t, e);
	t->n--;
	free(e);
}

void check_table_free(struct check_table *t)
{
	for (struct check_entry *e = t->oldest, *next; e; e = next) {
		next = e->newer;
		free(e);
	}
	sort_map_free(&t->map);
	*t = (struct check_table){0};
}
