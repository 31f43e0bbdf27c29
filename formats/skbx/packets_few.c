/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Few packets: their byte positions are too few to compress. Each head is held against an earlier one
 * or against that of the key, and a bit for each of its bytes says whether it is another one.
 */
#include "formats/skbx/packets_few.h"

#include <errno.h>

static const struct ev_str none = {"", 0, 0};

/* So many bytes of both are compared. */
static uint32_t common(const struct ev_str *a, const struct ev_str *b)
{
	uint32_t n = a->len < b->len ? a->len : b->len;

	return n < PACKETS_HEAD ? n : PACKETS_HEAD;
}

/* Bytes that a takes less when it is held against b. */
static int gain_of(const struct ev_str *a, const struct ev_str *b)
{
	uint32_t n = common(a, b);
	int gain = -((int)(n + 7) / 8);

	for (uint32_t k = 0; k < n; k++)
		gain += a->p[k] == b->p[k];
	return gain;
}

static const struct ev_str *reference(const struct ev_str *const *v, uint32_t i, uint64_t distance,
				      const struct ev_str *usual)
{
	return distance > i ? usual : distance ? v[i - distance] : &none;
}

int packets_few_find(const struct ev_str *const *v, uint32_t n, const struct ev_str *usual,
		     uint64_t *refs)
{
	int total = 0;

	for (uint32_t i = 0; i < n; i++) {
		int best = 0;

		refs[i] = 0;
		for (uint32_t d = 1; d <= i + 1; d++) {
			int gain = gain_of(v[i], reference(v, i, d, usual));

			if (gain > best) {
				best = gain;
				refs[i] = d;
			}
		}
		total += best;
	}
	return total;
}

void packets_few_put(struct buf *out, const struct ev_str *const *v, uint32_t n,
		     const struct ev_str *usual, const uint64_t *refs)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *a = v[i], *b = reference(v, i, refs[i], usual);
		uint8_t mask[PACKETS_HEAD / 8] = {0};
		uint32_t m = common(a, b);

		for (uint32_t k = 0; k < m; k++)
			mask[k / 8] |= (uint8_t)((a->p[k] != b->p[k]) << k % 8);
		buf_put(out, mask, (m + 7) / 8);
		for (uint32_t k = 0; k < m; k++)
			if (a->p[k] != b->p[k])
				buf_u8(out, (uint8_t)a->p[k]);
		buf_put(out, a->p + m, a->len - m);
	}
}

int packets_few_get(struct cursor *c, const struct ev_str *v, uint32_t n,
		    const struct ev_str *usual, const uint64_t *refs)
{
	for (uint32_t i = 0; i < n; i++) {
		/* the pool's memory is the decoder's: it is const for those who only read */
		uint8_t *p = (uint8_t *)(uintptr_t)v[i].p;
		const struct ev_str *b = refs[i] > i ? usual : refs[i] ? &v[i - refs[i]] : &none;
		uint32_t m = common(&v[i], b);
		const uint8_t *mask = cursor_take(c, (m + 7) / 8), *rest;

		if (refs[i] > i + 1 || !mask)
			return -EPROTO;
		for (uint32_t k = 0; k < m; k++)
			p[k] = mask[k / 8] >> k % 8 & 1 ? cursor_u8(c) : (uint8_t)b->p[k];
		rest = cursor_take(c, v[i].len - m);
		if (!rest)
			return -EPROTO;
		memcpy(p + m, rest, v[i].len - m);
	}
	return 0;
}
