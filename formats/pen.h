/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of a bounded length without a check for each of its pieces: room is made once, then pieces are written
 * behind each other, and each returns where the next one goes.
 *
 *	uint8_t *p = buf_room(out, PEN_LIT(" len ") + PEN_NUMBER);
 *
 *	if (p)
 *		buf_end(out, pen_dec(pen_lit(p, " len "), v));
 *
 * Why: an event is 60 pieces, and where each waits for the length that the one before it stored, that is a third
 * of the time of rendering.
 */
#ifndef FORMATS_PEN_H
#define FORMATS_PEN_H

#include <stdint.h>
#include <string.h>

/* Room for any number: at most 20 digits, and what a whole word writes behind them. */
enum { PEN_NUMBER = 32 };

#define pen_lit(p, text) ((uint8_t *)memcpy((p), (text), sizeof(text) - 1) + sizeof(text) - 1)

static inline uint8_t *pen_str(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	return (uint8_t *)memcpy(p, text, n) + n;
}

/* Room for a number and the text before it. */
#define PEN_ROOM(text) (sizeof(text) - 1 + PEN_NUMBER)

uint8_t *pen_decimal(uint8_t *p, uint64_t v); /* pen_dec() from 10 on */

/* Decimal. */
static inline uint8_t *pen_dec(uint8_t *p, uint64_t v)
{
	if (v >= 10) /* every second number is not */
		return pen_decimal(p, v);
	*p = (uint8_t)('0' + v);
	return p + 1;
}

/* The eight last digits of v < 10^8, zeros too. */
uint8_t *pen_eight(uint8_t *p, uint32_t v);

static inline uint8_t *pen_int(uint8_t *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return pen_dec(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* Hexadecimal without 0x: without leading zeros, and the lowest n (1 to 16) digits. */
uint8_t *pen_hex(uint8_t *p, uint64_t v);
uint8_t *pen_hex_digits(uint8_t *p, uint64_t v, unsigned int n);

#endif
