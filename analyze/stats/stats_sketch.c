/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/stats/stats_sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- histogram ---- */

static unsigned int page_of(uint64_t value, unsigned int *sub)
{
	unsigned int high;

	if (value < HIST_SUB) {
		*sub = (unsigned int)value;
		return 0;
	}
	high = 63 - (unsigned int)__builtin_clzll(value);
	*sub = (unsigned int)(value >> (high - HIST_SUB_BITS)) & (HIST_SUB - 1);
	return high - HIST_SUB_BITS + 1;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int page, unsigned int sub)
{
	unsigned int shift = page - 1;
	uint64_t low;

	if (page == 0)
		return sub;
	low = (uint64_t)(HIST_SUB + sub) << shift;
	return low + (shift ? (UINT64_C(1) << (shift - 1)) : 0);
}

bool stats_hist_add(struct stats_hist *h, uint64_t value)
{
	unsigned int sub, page = page_of(value, &sub);

	if (!h->page[page]) {
		h->page[page] = calloc(HIST_SUB, sizeof(*h->page[page]));
		if (!h->page[page])
			return false;
	}
	h->page[page][sub]++;
	if (!h->n || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->n++;
	return true;
}

uint64_t stats_hist_quantile(const struct stats_hist *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->n), seen = 0;

	if (!h->n)
		return 0;
	if (rank < 1)
		rank = 1;
	for (unsigned int page = 0; page < HIST_PAGES; page++) {
		for (unsigned int sub = 0; h->page[page] && sub < HIST_SUB; sub++) {
			uint64_t value;

			seen += h->page[page][sub];
			if (seen < rank)
				continue;
			value = value_of(page, sub);
			return value < h->min ? h->min : value > h->max ? h->max : value;
		}
	}
	return h->max;
}

uint64_t stats_hist_octave(const struct stats_hist *h, unsigned int bit)
{
	uint64_t n = 0;

	if (bit >= HIST_SUB_BITS) {
		const uint64_t *page = h->page[bit - HIST_SUB_BITS + 1];

		for (unsigned int sub = 0; page && sub < HIST_SUB; sub++)
			n += page[sub];
		return n;
	}
	for (unsigned int sub = bit ? 1u << bit : 0; h->page[0] && sub < 2u << bit; sub++)
		n += h->page[0][sub];
	return n;
}

uint64_t stats_hist_between(const struct stats_hist *h, uint64_t low, uint64_t high)
{
	uint64_t n = 0;
	unsigned int sub;

	for (unsigned int page = page_of(low, &sub); page < HIST_PAGES; page++) {
		for (sub = 0; h->page[page] && sub < HIST_SUB; sub++) {
			uint64_t value = value_of(page, sub);

			if (value >= low && value < high)
				n += h->page[page][sub];
		}
	}
	return n;
}

void stats_hist_fini(struct stats_hist *h)
{
	for (unsigned int i = 0; i < HIST_PAGES; i++)
		free(h->page[i]);
	*h = (struct stats_hist){0};
}

/* ---- distinct ---- */

static void set_register(struct stats_distinct *d, uint64_t hash)
{
	uint64_t rest = hash << DISTINCT_BITS | 1u << (DISTINCT_BITS - 1);
	uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
	uint8_t *at = &d->registers[hash >> (64 - DISTINCT_BITS)];

	if (rank > *at)
		*at = rank;
}

bool stats_distinct_add(struct stats_distinct *d, uint64_t hash)
{
	if (d->registers) {
		set_register(d, hash);
		return true;
	}
	for (uint32_t i = d->n; i-- > 0;)
		if (d->v[i] == hash)
			return true;
	if (d->n < DISTINCT_EXACT) {
		d->v[d->n++] = hash;
		return true;
	}
	d->registers = calloc(DISTINCT_REGISTERS, 1);
	if (!d->registers)
		return false;
	for (uint32_t i = 0; i < d->n; i++)
		set_register(d, d->v[i]);
	set_register(d, hash);
	return true;
}

uint64_t stats_distinct_count(const struct stats_distinct *d)
{
	double m = DISTINCT_REGISTERS, sum = 0, estimate;
	unsigned int zero = 0;

	if (!d->registers)
		return d->n;
	for (unsigned int i = 0; i < DISTINCT_REGISTERS; i++) {
		sum += ldexp(1, -d->registers[i]);
		zero += d->registers[i] == 0;
	}
	estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	if (estimate <= 2.5 * m && zero)
		estimate = m * log(m / zero); /* linear counting is better below */
	return (uint64_t)(estimate + 0.5);
}

void stats_distinct_fini(struct stats_distinct *d)
{
	free(d->registers);
	*d = (struct stats_distinct){0};
}

/* ---- groups ---- */

uint64_t stats_hash(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t h = len * UINT64_C(0x9e3779b97f4a7c15), v;

	for (; len >= 8; b += 8, len -= 8) {
		memcpy(&v, b, 8);
		h = (h ^ v) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
	}
	v = 0;
	if (len)
		memcpy(&v, b, len);
	h = (h ^ v) * UINT64_C(0xd6e8feb86659fd93);
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

bool stats_top_init(struct stats_top *t, uint32_t cap)
{
	*t = (struct stats_top){.cap = cap, .hash_size = 16};
	while (t->hash_size < cap * 2)
		t->hash_size *= 2;
	t->hash = calloc(t->hash_size, sizeof(*t->hash));
	return t->hash != NULL;
}

static void group_fini(struct stats_group *g)
{
	free(g->key);
	stats_distinct_fini(&g->distinct);
	if (g->hist)
		stats_hist_fini(g->hist);
	free(g->hist);
}

void stats_top_fini(struct stats_top *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		group_fini(&t->v[i]);
	free(t->v);
	free(t->hash);
	free(t->heap);
	*t = (struct stats_top){0};
}

/* The slot that has the key, or the free one where it would go. */
static uint32_t *slot_of(const struct stats_top *t, const void *key, uint32_t len)
{
	uint32_t mask = t->hash_size - 1, at = (uint32_t)stats_hash(key, len) & mask;

	for (; t->hash[at]; at = (at + 1) & mask) {
		const struct stats_group *g = &t->v[t->hash[at] - 1];

		if (g->key_len == len && memcmp(g->key, key, len) == 0)
			break;
	}
	return &t->hash[at];
}

static void slot_remove(struct stats_top *t, uint32_t *slot)
{
	uint32_t mask = t->hash_size - 1, gap = (uint32_t)(slot - t->hash);

	/* what was pushed on by this one moves back, so that no search stops at the gap */
	for (uint32_t i = (gap + 1) & mask; t->hash[i]; i = (i + 1) & mask) {
		const struct stats_group *g = &t->v[t->hash[i] - 1];
		uint32_t home = (uint32_t)stats_hash(g->key, g->key_len) & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		t->hash[gap] = t->hash[i];
		gap = i;
	}
	t->hash[gap] = 0;
}

static void heap_set(struct stats_top *t, uint32_t at, uint32_t index)
{
	t->heap[at] = index;
	t->v[index].at = at;
}

/* A group whose count grew goes down to its place. */
static void heap_down(struct stats_top *t, uint32_t at)
{
	uint32_t index = t->heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= t->n)
			break;
		if (child + 1 < t->n && t->v[t->heap[child + 1]].count < t->v[t->heap[child]].count)
			child++;
		if (t->v[t->heap[child]].count >= t->v[index].count)
			break;
		heap_set(t, at, t->heap[child]);
		at = child;
	}
	heap_set(t, at, index);
}

static bool heap_make(struct stats_top *t)
{
	t->heap = malloc(t->n * sizeof(*t->heap));
	if (!t->heap)
		return false;
	for (uint32_t i = 0; i < t->n; i++)
		heap_set(t, i, i);
	for (uint32_t i = t->n / 2; i-- > 0;)
		heap_down(t, i);
	return true;
}

static struct stats_group *group_new(struct stats_top *t)
{
	struct stats_group *g;

	/* room doubles at each power of two */
	if ((t->n & (t->n - 1)) == 0) {
		g = realloc(t->v, (t->n ? t->n * 2 : 1) * sizeof(*g));
		if (!g)
			return NULL;
		t->v = g;
	}
	g = &t->v[t->n];
	*g = (struct stats_group){0};
	return g;
}

/* The smallest group makes room: what it had counted is the most that the new one may have missed. */
static struct stats_group *group_replace(struct stats_top *t)
{
	struct stats_group *g;

	if (!t->heap && !heap_make(t))
		return NULL;
	g = &t->v[t->heap[0]];
	slot_remove(t, slot_of(t, g->key, g->key_len));
	group_fini(g);
	*g = (struct stats_group){.count = g->count, .error = g->count};
	t->pushed_out++;
	return g;
}

struct stats_group *stats_top_add(struct stats_top *t, const void *key, size_t len, uint64_t by)
{
	uint32_t n = (uint32_t)(len < STATS_KEY_MAX ? len : STATS_KEY_MAX), *slot;
	struct stats_group *g;
	uint8_t *copy;

	slot = slot_of(t, key, n);
	if (*slot) {
		g = &t->v[*slot - 1];
		g->count += by;
		if (t->heap)
			heap_down(t, g->at);
		return g;
	}
	copy = malloc(n + 1);
	g = !copy ? NULL : t->n < t->cap ? group_new(t) : group_replace(t);
	if (!g) {
		free(copy);
		return NULL;
	}
	memcpy(copy, key, n);
	g->key = copy;
	g->key_len = n;
	g->count += by;
	slot = slot_of(t, key, n);
	*slot = (uint32_t)(g - t->v) + 1;
	if (t->n < t->cap)
		t->n++;
	else
		heap_down(t, 0);
	return g;
}

const struct stats_group *stats_top_find(const struct stats_top *t, const void *key, size_t len)
{
	uint32_t n = (uint32_t)(len < STATS_KEY_MAX ? len : STATS_KEY_MAX);
	const uint32_t *slot = slot_of(t, key, n);

	return *slot ? &t->v[*slot - 1] : NULL;
}

bool stats_group_hist(struct stats_group *g, uint64_t value)
{
	if (!g->hist)
		g->hist = calloc(1, sizeof(*g->hist));
	return g->hist && stats_hist_add(g->hist, value);
}

static int compare(const void *a, const void *b, void *table)
{
	const struct stats_top *t = table;
	const struct stats_group *x = &t->v[*(const uint32_t *)a], *y = &t->v[*(const uint32_t *)b];
	uint32_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
	int rc;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	rc = memcmp(x->key, y->key, len);
	return rc ? rc : x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

uint32_t stats_top_sorted(const struct stats_top *t, uint32_t *order, uint32_t n)
{
	uint32_t *all = malloc((t->n + 1) * sizeof(*all));

	if (!all)
		return 0;
	for (uint32_t i = 0; i < t->n; i++)
		all[i] = i;
	qsort_r(all, t->n, sizeof(*all), compare, (void *)(uintptr_t)t);
	if (n > t->n)
		n = t->n;
	memcpy(order, all, n * sizeof(*all));
	free(all);
	return n;
}
