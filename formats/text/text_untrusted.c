/* SPDX-License-Identifier: BSD-2-Clause */
/* Untrusted strings: see text_untrusted() in text.h. */
#include "formats/text/text.h"

#include <endian.h>

#define ONES UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

/* Whether one of eight bytes is below 0x20, 0x7f or above. */
static bool any_special(uint64_t v)
{
	uint64_t below = (v - ONES * 0x20) & ~v, delete = v ^ ONES * 0x7f;

	/* each of the tests may also fire behind a byte for which it rightly fired; never without one */
	return (v | below | ((delete - ONES) & ~delete)) & HIGH;
}

/*
 * Length of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates, up to U+10FFFF) with its
 * character in *c; 0 when there is none.
 */
static size_t utf8_length(const uint8_t *p, size_t left, uint32_t *c)
{
	static const uint32_t smallest[5] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
	size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (!n || n > left)
		return 0;
	*c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return *c < smallest[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff) ? 0 : n;
}

/* Beyond ASCII: C1 controls, line and paragraph separator, and what overrides the direction of text. */
static bool is_harmful(uint32_t c)
{
	return c < 0xa0 || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_escaped(struct buf *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		const char text[4] = {'\\', 'x', digits[p[i] >> 4], digits[p[i] & 15]};

		buf_put(out, text, sizeof(text));
	}
}

static void put_special(struct buf *out, const uint8_t *p, size_t len)
{
	while (len) {
		uint32_t c = p[0];
		size_t n = 1;
		bool harmful = c < 0x20 || c >= 0x7f;

		if (c >= 0x80 && (n = utf8_length(p, len, &c)))
			harmful = is_harmful(c);
		n = n ? n : 1;
		if (harmful)
			put_escaped(out, p, n);
		else
			buf_put(out, p, n);
		p += n;
		len -= n;
	}
}

/* 4 to 7 bytes, or 1 to 3, as a word with blanks behind; p is read from begin to end only. */
static uint64_t short_word(const uint8_t *p, size_t len)
{
	uint32_t first, last;

	if (len < 4)
		return ONES * ' ' << 8 * len | (uint64_t)p[0] |
		       (uint64_t)p[len / 2] << 8 * (len / 2) |
		       (uint64_t)p[len - 1] << 8 * (len - 1);
	memcpy(&first, p, 4);
	memcpy(&last, p + len - 4, 4);
	return ONES * ' ' << 8 * len | le32toh(first) | (uint64_t)le32toh(last) << 8 * (len - 4);
}

/* Copies while it looks; whether all was harmless. p has 7 bytes of room behind the text. */
static bool copy_plain(uint8_t *to, const uint8_t *p, size_t len)
{
	bool special = false;
	uint64_t v;

	if (len < 8) {
		v = short_word(p, len);
		special = any_special(v);
		v = htole64(v);
		memcpy(to, &v, 8);
		return !special;
	}
	for (size_t i = 0; i + 8 < len; i += 8) {
		memcpy(&v, p + i, 8);
		memcpy(to + i, &v, 8);
		special |= any_special(v);
	}
	memcpy(&v, p + len - 8, 8);
	memcpy(to + len - 8, &v, 8);
	return !(special | any_special(v));
}

void text_untrusted(struct buf *out, const char *text, size_t len)
{
	uint8_t *to;

	if (!len)
		return;
	to = buf_room(out, len + 7);
	if (!to)
		return;
	if (copy_plain(to, (const uint8_t *)text, len))
		out->len += len;
	else
		put_special(out, (const uint8_t *)text, len);
}
