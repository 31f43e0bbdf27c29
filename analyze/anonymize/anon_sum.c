/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/anonymize/anon_sum.h"

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* Of big-endian words, without that at `skip` (beyond the end: with all). */
static uint64_t add(uint64_t sum, const uint8_t *p, size_t len, size_t skip)
{
	for (size_t i = 0; i < len; i++)
		if (i != skip && i != skip + 1)
			sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

uint16_t anon_sum_delta(const uint8_t *was, const uint8_t *p, size_t len)
{
	uint32_t before = fold(add(0, was, len, SIZE_MAX - 1));

	return (uint16_t)fold(add(0, p, len, SIZE_MAX - 1) + (~before & 0xffff));
}

static uint64_t pseudo(const struct anon_sum *s, const uint8_t *p)
{
	uint64_t sum = s->protocol + (uint64_t)s->pseudo_len;

	sum = add(sum, p + s->src, s->address_bytes, SIZE_MAX - 1);
	return add(sum, p + s->dst, s->address_bytes, SIZE_MAX - 1);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void update_internet(const struct anon_sum *s, const uint8_t *was, uint8_t *p, int partial)
{
	uint32_t old = get16(was + s->field), before = 0, after = 0, sum;
	bool has_pseudo = s->kind != ANON_SUM_PLAIN;

	if (s->kind == ANON_SUM_UDP && !old)
		return;
	if (has_pseudo) {
		before = fold(pseudo(s, was));
		after = fold(pseudo(s, p));
		if (partial && (old == before || (partial > 0 && !s->pseudo_len))) {
			put16(p + s->field, fold((uint64_t)old + after + (~before & 0xffff)));
			return;
		}
	}
	before = fold(add(before, was + s->start, s->end - s->start, s->field - s->start));
	after = fold(add(after, p + s->start, s->end - s->start, s->field - s->start));
	if (before == after)
		return;
	sum = fold((uint64_t)(~old & 0xffff) + after + (~before & 0xffff));
	sum = ~sum & 0xffff;
	if (s->kind == ANON_SUM_UDP && !sum)
		sum = 0xffff;
	put16(p + s->field, sum);
}

/* CRC32C (RFC 9260, appendix A) is linear: the sums differ by the sum of the difference. */
static void update_crc(const struct anon_sum *s, const uint8_t *was, uint8_t *p)
{
	uint32_t crc = 0;

	if (!get16(was + s->field) && !get16(was + s->field + 2))
		return; /* left to the hardware */
	for (uint32_t i = s->start; i < s->start + s->full; i++) {
		if (i < s->end && !(i >= s->field && i < s->field + 4))
			crc ^= was[i] ^ p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	for (int i = 0; i < 4; i++)
		p[s->field + (uint32_t)i] = was[s->field + (uint32_t)i] ^ (uint8_t)(crc >> 8 * i);
}

void anon_sum_update(const struct anon_sum *s, const uint8_t *was, uint8_t *p, int partial)
{
	if (s->kind == ANON_SUM_CRC32C)
		update_crc(s, was, p);
	else
		update_internet(s, was, p, partial);
}
