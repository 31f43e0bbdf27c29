/* SPDX-License-Identifier: BSD-2-Clause */
/* What was replaced, by what: looked up before a value is mapped again, and searched for at the end. */
#ifndef ANALYZE_ANON_SEEN_H
#define ANALYZE_ANON_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum anon_kind {
	ANON_IPV4,
	ANON_IPV6,
	ANON_MAC,
	ANON_NUMBER, /* kernel addresses: 8 bytes, little-endian */
	ANON_NAME,   /* text */
	ANON_KINDS
};

/*
 * Beyond so many values (some 100 bytes each) no more are remembered: they are mapped all the same,
 * for the mapping needs no memory, but the search cannot know them.
 */
enum { ANON_SEEN_MAX = 4 << 20 };

struct anon_seen_value {
	uint8_t *original, *image; /* owned, one allocation */
	uint32_t length, image_length;
	uint8_t kind;
	bool kept; /* the image is the original: a special address */
};

struct anon_seen {
	struct anon_seen_value *v;
	uint32_t n, cap;
	uint32_t *hash; /* index + 1 */
	uint32_t hash_size;
	uint64_t forgotten; /* values that came when it was full */
	bool failed;        /* out of memory */
};

void anon_seen_fini(struct anon_seen *s);

/* NULL: not seen. Borrowed until the next one is added. */
const struct anon_seen_value *anon_seen_find(const struct anon_seen *s, enum anon_kind kind,
					     const void *p, size_t len);
/* Copies both; the value must be new. */
void anon_seen_add(struct anon_seen *s, enum anon_kind kind, const void *p, size_t len,
		   const void *image, size_t image_len);

#endif
