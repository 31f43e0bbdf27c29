/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing byte buffer. Appending never fails at the call: when memory runs out `failed` is set,
 * everything after is dropped, and the caller asks once at the end.
 */
#ifndef FORMATS_BUF_H
#define FORMATS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *p;      /* owned; freed by buf_free() */
	size_t len, cap; /* bytes used, bytes there */
	bool failed;     /* out of memory: the content is not complete */
};

void buf_free(struct buf *b); /* a zeroed or freed buffer is fine; the struct can be used again */

/* Makes room for n more bytes and returns where they go; NULL when out of memory. */
uint8_t *buf_grow(struct buf *b, size_t n);

static inline uint8_t *buf_room(struct buf *b, size_t n)
{
	return b->p && b->cap - b->len >= n ? b->p + b->len : buf_grow(b, n);
}

static inline void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static inline void buf_put(struct buf *b, const void *data, size_t n)
{
	uint8_t *p = buf_room(b, n);

	if (p && n) {
		memcpy(p, data, n);
		b->len += n;
	}
}

static inline void buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *p = buf_room(b, 1);

	if (p) {
		*p = v;
		b->len++;
	}
}

/* The bytes up to p, which stand in the room that buf_room() gave, are written. */
static inline void buf_end(struct buf *b, const uint8_t *p)
{
	b->len = (size_t)(p - b->p);
}

static inline void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

/* Little-endian, n bytes (1 to 8). */
static inline void buf_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_room(b, n);

	for (size_t i = 0; p && i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	if (p)
		b->len += n;
}

/* LEB128, at most 10 bytes. */
static inline void buf_varint(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_room(b, 10), *q = p;

	if (!p)
		return;
	for (; v >= 0x80; v >>= 7)
		*q++ = (uint8_t)v | 0x80;
	*q++ = (uint8_t)v;
	b->len += (size_t)(q - p);
}

void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Decimal, and hexadecimal without 0x and without leading zeros. */
void buf_dec(struct buf *b, uint64_t v);
void buf_int(struct buf *b, int64_t v);
void buf_hex(struct buf *b, uint64_t v);
/* The lowest n (1 to 16) hexadecimal digits, zeros too. */
void buf_hex_digits(struct buf *b, uint64_t v, unsigned int n);

#endif
