/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/event.h"

#include <stdlib.h>
#include <string.h>

#include "formats/schema.h"

enum { CHUNK_BYTES = 64 * 1024, SCRATCH_BYTES = 1024 };

/* Memory that only grows until the batch is cleared. */
struct ev_chunk {
	struct ev_chunk *next;
	size_t used, size;
	uint8_t p[] __attribute__((aligned(16)));
};

/* Where rows go when memory ran out; every row struct fits (asserted below). */
static uint8_t scratch[SCRATCH_BYTES] __attribute__((aligned(16)));

#define SECTION(id, number, name, help)                                                            \
	_Static_assert(sizeof(struct ev_##id) <= SCRATCH_BYTES, #id);
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"

struct ev_batch *ev_batch_new(void)
{
	return calloc(1, sizeof(struct ev_batch));
}

static void pool_free(struct ev_pool *p)
{
	free(p->v);
	free(p->hash);
}

void ev_batch_free(struct ev_batch *b)
{
	if (!b)
		return;
	for (struct ev_chunk *c = b->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	for (int s = 0; s < EV_SECTIONS; s++)
		free(b->sec[s].p);
	pool_free(&b->strings);
	pool_free(&b->blobs);
	free(b->mask);
	free(b);
}

static void pool_clear(struct ev_pool *p)
{
	p->n = 0;
	if (p->hash)
		memset(p->hash, 0, p->hash_size * sizeof(*p->hash));
}

void ev_batch_clear(struct ev_batch *b)
{
	struct ev_chunk *keep = NULL;

	for (struct ev_chunk *c = b->chunks, *next; c; c = next) {
		next = c->next;
		if (!keep || c->size > keep->size) {
			free(keep);
			keep = c;
		} else {
			free(c);
		}
	}
	if (keep) {
		keep->used = 0;
		keep->next = NULL;
	}
	b->chunks = keep;
	b->n = 0;
	for (int s = 0; s < EV_SECTIONS; s++)
		b->sec[s].n = 0;
	pool_clear(&b->strings);
	pool_clear(&b->blobs);
	b->bytes = 0;
	b->failed = false;
}

void *ev_batch_alloc(struct ev_batch *b, size_t n)
{
	struct ev_chunk *c = b->chunks;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		c = n < SIZE_MAX / 2 ? malloc(sizeof(*c) + size) : NULL;
		if (!c) {
			b->failed = true;
			return NULL;
		}
		c->size = size;
		c->used = 0;
		c->next = b->chunks;
		b->chunks = c;
	}
	p = c->p + c->used;
	c->used += n;
	return p;
}

enum { EVENT_BYTES = 16 }; /* that an event takes beside its rows, about */

static bool grow_masks(struct ev_batch *b, uint32_t cap)
{
	uint64_t *mask = realloc(b->mask, cap * sizeof(*mask));

	if (!mask) {
		b->failed = true;
		return false;
	}
	b->mask = mask;
	b->cap = cap;
	return true;
}

void ev_batch_begin(struct ev_batch *b)
{
	if (b->n == b->cap && !grow_masks(b, b->cap ? b->cap * 2 : 256))
		return;
	b->mask[b->n++] = 0;
	b->bytes += EVENT_BYTES;
}

bool ev_batch_begin_all(struct ev_batch *b, uint32_t n)
{
	if (n > b->cap && !grow_masks(b, n))
		return false;
	b->n = n;
	b->bytes += (size_t)n * EVENT_BYTES;
	return true;
}

void *ev_batch_add(struct ev_batch *b, enum ev_section s)
{
	struct ev_rows *rows = &b->sec[s];
	size_t size = schema_sections[s].size;
	uint64_t bit = UINT64_C(1) << s;
	void *row;

	if (b->failed || !b->n)
		goto fail;
	if (b->mask[b->n - 1] & bit)
		return rows->p + (rows->n - 1) * size;
	if (rows->n == rows->cap) {
		uint32_t cap = rows->cap ? rows->cap * 2 : 64;
		uint8_t *p = realloc(rows->p, cap * size);

		if (!p)
			goto fail;
		rows->p = p;
		rows->cap = cap;
	}
	row = rows->p + rows->n++ * size;
	memset(row, 0, size);
	b->mask[b->n - 1] |= bit;
	b->bytes += size;
	return row;
fail:
	b->failed = true;
	memset(scratch, 0, sizeof(scratch));
	return scratch;
}

void ev_batch_drop(struct ev_batch *b)
{
	uint64_t mask;

	if (!b->n)
		return;
	mask = b->mask[--b->n];
	for (int s = 0; s < EV_SECTIONS; s++)
		if (mask >> s & 1)
			b->sec[s].n--;
}

struct ev_str *ev_pool_reserve(struct ev_pool *pool, uint32_t n)
{
	free(pool->hash);
	pool->hash = NULL;
	pool->hash_size = 0;
	if (n > pool->cap || !pool->v) {
		struct ev_str *v = realloc(pool->v, (n + 1) * sizeof(*v));

		if (!v)
			return NULL;
		pool->v = v;
		pool->cap = n + 1;
	}
	return pool->v;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Packets come from anybody: where a pool stands in memory, which they cannot know, is the secret that
 * keeps them from making packets that all have one hash, each of them slower to add than the last.
 */
static uint32_t hash_bytes(const struct ev_pool *pool, const uint8_t *p, size_t len)
{
	uint64_t secret =
		fold((uintptr_t)pool ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xff51afd7ed558ccd));
	uint64_t h = secret ^ len, v;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		h = fold(v ^ secret, h ^ UINT64_C(0xc4ceb9fe1a85ec53));
	}
	for (v = 0; len; len--)
		v = v << 8 | p[len - 1];
	h = fold(v ^ secret, h ^ UINT64_C(0xc4ceb9fe1a85ec53));
	return (uint32_t)(h ^ h >> 32);
}

static bool pool_grow(struct ev_pool *pool)
{
	if (pool->n == pool->cap) {
		uint32_t cap = pool->cap ? pool->cap * 2 : 128;
		struct ev_str *v = realloc(pool->v, cap * sizeof(*v));

		if (!v)
			return false;
		pool->v = v;
		pool->cap = cap;
	}
	if (pool->n * 2 >= pool->hash_size) {
		uint32_t size = pool->hash_size ? pool->hash_size * 2 : 256;
		uint32_t *hash;

		while (pool->n * 2 >= size) /* a decoder fills pools without a hash */
			size *= 2;
		hash = calloc(size, sizeof(*hash));
		if (!hash)
			return false;
		for (uint32_t i = 0; i < pool->n; i++) {
			uint32_t at =
				hash_bytes(pool, (const uint8_t *)pool->v[i].p, pool->v[i].len);

			while (hash[at & (size - 1)])
				at++;
			hash[at & (size - 1)] = i + 1;
		}
		free(pool->hash);
		pool->hash = hash;
		pool->hash_size = size;
	}
	return true;
}

/* The index of a string in a pool with a hash, or -1; *slot: where it is or would be. */
static int64_t pool_find(const struct ev_pool *pool, const void *p, size_t len, uint32_t *slot)
{
	uint32_t at = hash_bytes(pool, p, len) & (pool->hash_size - 1);

	for (uint32_t i; (i = pool->hash[at]); at = (at + 1) & (pool->hash_size - 1))
		if (pool->v[i - 1].len == len && (!len || !memcmp(pool->v[i - 1].p, p, len)))
			break;
	*slot = at;
	return (int64_t)pool->hash[at] - 1;
}

static const struct ev_str *pool_add(struct ev_batch *b, struct ev_pool *pool, const void *p,
				     size_t len)
{
	static const struct ev_str none = {"", 0, 0};
	uint32_t slot;
	int64_t known;
	char *copy;

	if (len > UINT32_MAX || !pool_grow(pool)) {
		b->failed = true;
		return &none;
	}
	known = pool_find(pool, p, len, &slot);
	if (known >= 0)
		return &pool->v[known];
	copy = ev_batch_alloc(b, len);
	if (!copy)
		return &none;
	if (len)
		memcpy(copy, p, len);
	b->bytes += len;
	pool->hash[slot] = pool->n + 1;
	pool->v[pool->n] = (struct ev_str){copy, (uint32_t)len, pool->n};
	return &pool->v[pool->n++];
}

struct ev_str ev_string(struct ev_batch *b, const void *p, size_t len)
{
	return *pool_add(b, &b->strings, p, len);
}

int64_t ev_string_find(const struct ev_batch *b, const void *p, size_t len)
{
	uint32_t slot;

	return b->strings.hash ? pool_find(&b->strings, p, len, &slot) : -1;
}

struct ev_str ev_text(struct ev_batch *b, const char *text)
{
	return ev_string(b, text, strlen(text));
}

struct ev_bytes ev_bytes(struct ev_batch *b, const void *p, size_t len)
{
	const struct ev_str *s = pool_add(b, &b->blobs, p, len);

	return (struct ev_bytes){(const uint8_t *)s->p, s->len, s->id};
}

struct ev_list ev_list(struct ev_batch *b, const struct ev_str *v, uint32_t n)
{
	struct ev_str *copy = ev_batch_alloc(b, n * sizeof(*v));

	if (!copy)
		return (struct ev_list){NULL, 0};
	if (n)
		memcpy(copy, v, n * sizeof(*v));
	b->bytes += n * sizeof(*v);
	return (struct ev_list){copy, n};
}

/* The size of a row, apart from the rest of the schema: read for each section of each event. */
static const uint16_t row_bytes[EV_SECTIONS] = {
#define SECTION(id, number, name, help) sizeof(struct ev_##id),
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"
};

bool ev_next(struct ev_walk *w, struct ev *ev)
{
	const struct ev_batch *b = w->batch;
	uint64_t mask, gone;

	if (w->i >= b->n)
		return false;
	mask = b->mask[w->i];
	for (gone = ev->sections & ~mask; gone; gone &= gone - 1)
		ev->row[__builtin_ctzll(gone)] = NULL;
	for (uint64_t left = mask; left; left &= left - 1) {
		int s = __builtin_ctzll(left);

		ev->row[s] = b->sec[s].p + (size_t)w->at[s]++ * row_bytes[s];
		__builtin_prefetch((const uint8_t *)ev->row[s] + 8 * row_bytes[s]);
	}
	ev->sections = mask;
	ev->index = w->i++;
	return true;
}

/* Gives a member that was copied with its row bytes of the batch. */
static void own_member(struct ev_batch *dst, const struct schema_field *f, void *member)
{
	struct ev_bytes *b = member;
	struct ev_list *l = member;
	struct ev_str *s = member, *copy;

	if (f->type == SCHEMA_STR) {
		*s = ev_string(dst, s->p, s->len);
	} else if (f->type == SCHEMA_BYTES) {
		*b = ev_bytes(dst, b->p, b->len);
	} else {
		copy = ev_batch_alloc(dst, l->n * sizeof(*copy));
		for (uint32_t k = 0; copy && k < l->n; k++)
			copy[k] = ev_string(dst, l->v[k].p, l->v[k].len);
		*l = (struct ev_list){copy, copy ? l->n : 0};
	}
}

void ev_copy(struct ev_batch *dst, const struct ev *ev)
{
	ev_batch_begin(dst);
	for (uint64_t left = ev->sections; left; left &= left - 1) {
		int s = __builtin_ctzll(left);
		const struct schema_section *sec = &schema_sections[s];
		uint8_t *row = ev_batch_add(dst, (enum ev_section)s);
		uint64_t has = *(const uint64_t *)ev->row[s];

		memcpy(row, ev->row[s], sec->size);
		for (unsigned int i = 0; i < sec->n_outside; i++)
			if (has >> sec->outside[i].bit & 1)
				own_member(dst, &sec->outside[i], row + sec->outside[i].offset);
	}
}
