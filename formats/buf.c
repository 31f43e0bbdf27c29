/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/pen.h"

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

void buf_dec(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_room(b, PEN_NUMBER);

	if (p)
		buf_end(b, pen_dec(p, v));
}

void buf_int(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_u8(b, '-');
	buf_dec(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_room(b, PEN_NUMBER);

	if (p)
		buf_end(b, pen_hex(p, v));
}

void buf_hex_digits(struct buf *b, uint64_t v, unsigned int n)
{
	uint8_t *p = buf_room(b, PEN_NUMBER);

	if (p)
		buf_end(b, pen_hex_digits(p, v, n));
}
