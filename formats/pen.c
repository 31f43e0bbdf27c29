/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/pen.h"

#include <endian.h>

/*
 * Eight digits at a time, each in a byte of a word, the first in the lowest byte. How many there are comes from
 * the bits of the number, not from its digits: what stands behind it need not wait for these.
 */
#define EACH_BYTE(v) (UINT64_C(0x0101010101010101) * (v))

enum { EIGHT = 100000000 };

static void store8(uint8_t *p, uint64_t digits)
{
	digits = htole64(digits);
	memcpy(p, &digits, sizeof(digits));
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

/* The eight decimal digits of v < 10^8. */
static uint64_t decimal8(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, tens;

	/* in each half its four digits: v / 100 is v * 10486 >> 20, for all below 10^4 */
	tens = x * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
	x = tens | (x - tens * 100) << 16;
	/* in each quarter its two: v / 10 is v * 103 >> 10, for all below 100 */
	tens = x * 103 >> 10 & UINT64_C(0x000f000f000f000f);
	return (tens | (x - tens * 10) << 8) + EACH_BYTE('0');
}

uint8_t *pen_eight(uint8_t *p, uint32_t v)
{
	store8(p, decimal8(v));
	return p + 8;
}

/* Two or three digits, as lengths, ports' and addresses' parts mostly have: half of all numbers from 10 on. */
static uint8_t *decimal3(uint8_t *p, uint32_t v)
{
	uint32_t tens = v * 103 >> 10, hundreds;

	if (v < 100) {
		p[0] = (uint8_t)('0' + tens);
		p[1] = (uint8_t)('0' + v - tens * 10);
		return p + 2;
	}
	hundreds = v * 41 >> 12; /* v / 100, for all below 1,100 */
	v -= hundreds * 100;
	tens = v * 103 >> 10;
	p[0] = (uint8_t)('0' + hundreds);
	p[1] = (uint8_t)('0' + tens);
	p[2] = (uint8_t)('0' + v - tens * 10);
	return p + 3;
}

uint8_t *pen_decimal(uint8_t *p, uint64_t v)
{
	unsigned int n;
	uint8_t *end;

	if (v < 1000)
		return decimal3(p, (uint32_t)v);
	n = decimal_digits(v);
	end = p + n;
	if (n <= 8) {
		store8(p, decimal8((uint32_t)v) >> 8 * (8 - n));
		return end;
	}
	/* the first digits, then those behind them over the rest of the word */
	if (n <= 16) {
		store8(p, decimal8((uint32_t)(v / EIGHT)) >> 8 * (16 - n));
	} else {
		store8(p, decimal8((uint32_t)(v / EIGHT / EIGHT)) >> 8 * (24 - n));
		store8(end - 16, decimal8((uint32_t)(v / EIGHT % EIGHT)));
	}
	store8(end - 8, decimal8((uint32_t)(v % EIGHT)));
	return end;
}

/* The eight hexadecimal digits of v. */
static uint64_t hex8(uint32_t v)
{
	uint64_t x = v;

	/* a nibble to each byte, the lowest first; then the highest first */
	x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
	x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
	x = __builtin_bswap64((x << 4 | x) & EACH_BYTE(0x0f));
	/* 6 more than a digit from 10 on sets a bit: 'a' - 10 is 39 more than '0' */
	return x + EACH_BYTE('0') + ((x + EACH_BYTE(6)) >> 4 & EACH_BYTE(1)) * ('a' - 10 - '0');
}

uint8_t *pen_hex_digits(uint8_t *p, uint64_t v, unsigned int n)
{
	if (n <= 8) {
		store8(p, hex8((uint32_t)v) >> 8 * (8 - n));
		return p + n;
	}
	store8(p, hex8((uint32_t)(v >> 32)) >> 8 * (16 - n));
	store8(p + n - 8, hex8((uint32_t)v));
	return p + n;
}

uint8_t *pen_hex(uint8_t *p, uint64_t v)
{
	return pen_hex_digits(p, v, (67 - (unsigned int)__builtin_clzll(v | 1)) / 4);
}
