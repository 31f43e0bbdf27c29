/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a character plus 1; 0 for what is not of the alphabet. */
static const uint8_t value_of[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
	['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
	['/'] = 64,
};

/* The last four characters, which may be padded. */
static ssize_t decode_tail(const uint8_t *p, uint8_t *out)
{
	unsigned int n = p[3] != '=' ? 3 : p[2] != '=' ? 2 : 1;
	uint32_t v = 0;

	for (unsigned int i = 0; i <= n; i++) {
		if (!value_of[p[i]])
			return -1;
		v |= (uint32_t)(value_of[p[i]] - 1) << (18 - 6 * i);
	}
	if (n == 1 && p[2] != '=')
		return -1;
	/* bits of characters that no byte holds must be 0, so that a text is the only one for its bytes */
	if (v & ((1u << (24 - 8 * n)) - 1))
		return -1;
	for (unsigned int i = 0; i < n; i++)
		out[i] = (uint8_t)(v >> (16 - 8 * i));
	return (ssize_t)n;
}

ssize_t base64_decode(const char *text, size_t len, uint8_t *out)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	uint8_t *q = out;
	ssize_t n;

	if (len % 4)
		return -1;
	if (!len)
		return 0;
	for (; end - p > 4; p += 4, q += 3) {
		uint32_t a = value_of[p[0]], b = value_of[p[1]], c = value_of[p[2]],
			 d = value_of[p[3]];
		uint32_t v = ((a - 1) << 18) + ((b - 1) << 12) + ((c - 1) << 6) + (d - 1);

		/* one of them 0: not of the alphabet */
		if (!a | !b | !c | !d)
			return -1;
		q[0] = (uint8_t)(v >> 16);
		q[1] = (uint8_t)(v >> 8);
		q[2] = (uint8_t)v;
	}
	n = decode_tail(p, q);
	return n < 0 ? -1 : q - out + n;
}

void base64_put(struct buf *b, const uint8_t *p, size_t n)
{
	char *q = (char *)buf_room(b, (n + 2) / 3 * 4);

	if (!q)
		return;
	b->len += (n + 2) / 3 * 4;
	for (; n >= 3; p += 3, n -= 3, q += 4) {
		q[0] = alphabet[p[0] >> 2];
		q[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		q[2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		q[3] = alphabet[p[2] & 63];
	}
	if (!n)
		return;
	q[0] = alphabet[p[0] >> 2];
	q[1] = alphabet[(p[0] & 3) << 4 | (n == 2 ? p[1] >> 4 : 0)];
	q[2] = n == 2 ? alphabet[(p[1] & 15) << 2] : '=';
	q[3] = '=';
}
