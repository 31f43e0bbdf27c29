/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

uint8_t *buf_grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p;

	if (b->failed)
		return NULL;
	while (cap - b->len < n && cap <= SIZE_MAX / 2)
		cap *= 2;
	p = cap - b->len >= n ? realloc(b->p, cap) : NULL;
	if (!p) {
		b->failed = true;
		b->cap = b->len; /* so that no later put finds room behind the gap */
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->len;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	char text[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		buf_put(b, text, (size_t)n);
	} else if (n > 0 && buf_room(b, (size_t)n + 1)) {
		va_start(args, format);
		vsnprintf((char *)b->p + b->len, (size_t)n + 1, format, args);
		va_end(args);
		b->len += (size_t)n;
	}
}

/* Digits of v in decimal: from its bits, corrected where a power of ten lies among numbers as long. */
static unsigned int decimal_digits(uint64_t v)
{
	static const uint64_t powers[20] = {
		0,
		UINT64_C(10),
		UINT64_C(100),
		UINT64_C(1000),
		UINT64_C(10000),
		UINT64_C(100000),
		UINT64_C(1000000),
		UINT64_C(10000000),
		UINT64_C(100000000),
		UINT64_C(1000000000),
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	/* 1233 / 4096 is a little more than log10(2) */
	unsigned int n = (64 - (unsigned int)__builtin_clzll(v | 1)) * 1233 >> 12;

	return n + (v >= powers[n]);
}

/* Half of the time of rendering is numbers: two digits at a time, straight to where they go. */
void buf_dec(struct buf *b, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	unsigned int n = decimal_digits(v);
	uint8_t *p = buf_room(b, n);

	if (!p)
		return;
	b->len += n;
	for (p += n; v >= 100; v /= 100)
		memcpy(p -= 2, pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(p - 2, pairs + v * 2, 2);
	else
		p[-1] = (uint8_t)('0' + v);
}

void buf_int(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_u8(b, '-');
	buf_dec(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *b, uint64_t v)
{
	unsigned int n = (67 - (unsigned int)__builtin_clzll(v | 1)) / 4;
	uint8_t *p = buf_room(b, n);

	if (!p)
		return;
	b->len += n;
	for (p += n; n--; v >>= 4)
		*--p = (uint8_t) "0123456789abcdef"[v & 15];
}
