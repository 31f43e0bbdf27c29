/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/anonymize/anon_seen.h"

#include <stdlib.h>
#include <string.h>

void anon_seen_fini(struct anon_seen *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->v[i].original);
	free(s->v);
	free(s->hash);
	*s = (struct anon_seen){0};
}

/* Where a table stands in memory is what those who choose the addresses in a file do not know. */
static uint32_t hash_of(const struct anon_seen *s, enum anon_kind kind, const uint8_t *p,
			size_t len)
{
	uint64_t h = ((uintptr_t)s ^ kind) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < len; i++) {
		h = (h ^ p[i]) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

const struct anon_seen_value *anon_seen_find(const struct anon_seen *s, enum anon_kind kind,
					     const void *p, size_t len)
{
	if (!s->hash_size)
		return NULL;
	for (uint32_t at = hash_of(s, kind, p, len);; at++) {
		uint32_t i = s->hash[at & (s->hash_size - 1)];
		const struct anon_seen_value *v = &s->v[i - 1];

		if (!i)
			return NULL;
		if (v->kind == kind && v->length == len && !memcmp(v->original, p, len))
			return v;
	}
}

static void insert(struct anon_seen *s, uint32_t i)
{
	const struct anon_seen_value *v = &s->v[i];
	uint32_t at = hash_of(s, v->kind, v->original, v->length);

	while (s->hash[at & (s->hash_size - 1)])
		at++;
	s->hash[at & (s->hash_size - 1)] = i + 1;
}

static bool grow(struct anon_seen *s)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 256;
		struct anon_seen_value *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return false;
		s->v = v;
		s->cap = cap;
	}
	if ((s->n + 1) * 2 > s->hash_size) {
		uint32_t size = s->hash_size ? s->hash_size * 2 : 512;
		uint32_t *hash = calloc(size, sizeof(*hash));

		if (!hash)
			return false;
		free(s->hash);
		s->hash = hash;
		s->hash_size = size;
		for (uint32_t i = 0; i < s->n; i++)
			insert(s, i);
	}
	return true;
}

void anon_seen_add(struct anon_seen *s, enum anon_kind kind, const void *p, size_t len,
		   const void *image, size_t image_len)
{
	struct anon_seen_value *v;

	if (s->n >= ANON_SEEN_MAX) {
		s->forgotten++;
		return;
	}
	if (len > UINT32_MAX / 2 || image_len > UINT32_MAX / 2 || !grow(s)) {
		s->failed = true;
		return;
	}
	v = &s->v[s->n];
	v->original = malloc(len + image_len + 1);
	if (!v->original) {
		s->failed = true;
		return;
	}
	v->image = v->original + len;
	memcpy(v->original, p, len);
	memcpy(v->image, image, image_len);
	v->length = (uint32_t)len;
	v->image_length = (uint32_t)image_len;
	v->kind = (uint8_t)kind;
	v->kept = len == image_len && !memcmp(p, image, len);
	insert(s, s->n++);
}
