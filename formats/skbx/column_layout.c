/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/column_layout.h"

#include <errno.h>

enum {
	PLANES_MIN_ROWS = 32, /* fewer rows are smaller as varints, also after compression */
	SHIFTED_MIN_ROWS = 128,
	/* first byte of SHIFTED: number of low bits, and */
	ONE_SIGN = 8,
	NEGATIVE = 16,
};

/* log2 in 1/256, by the leading bits: good enough to compare costs. */
static uint32_t log2_256(uint32_t v)
{
	uint32_t whole = 31 - (uint32_t)__builtin_clz(v);

	return whole * 256 + (uint32_t)(((uint64_t)v << 8 >> whole) - 256);
}

static uint64_t cost_of_counts(const uint32_t count[256], uint32_t n)
{
	uint32_t all = n ? log2_256(n) : 0;
	uint64_t bits = 0;

	for (int i = 0; i < 256; i++)
		if (count[i])
			bits += (uint64_t)count[i] * (all - log2_256(count[i]));
	return bits;
}

uint64_t column_cost(const uint8_t *p, uint32_t n)
{
	uint32_t count[256] = {0};

	for (uint32_t i = 0; i < n; i++)
		count[p[i]]++;
	return cost_of_counts(count, n);
}

static unsigned int width_of(uint64_t bits)
{
	return bits ? (unsigned int)(64 - __builtin_clzll(bits) + 7) / 8 : 0;
}

static void put_planes(struct buf *out, const uint64_t *v, uint32_t n, unsigned int width,
		       struct column_scratch *s)
{
	uint8_t *p = buf_room(out, (size_t)n * width);

	if (!p)
		return;
	for (unsigned int k = 0; k < width; k++) {
		for (uint32_t i = 0; i < n; i++)
			*p++ = (uint8_t)(v[i] >> 8 * k);
		out->len += n;
		column_cut(s, out->len);
	}
}

static void put_sparse(struct buf *out, uint64_t *v, uint32_t n, unsigned int width,
		       struct column_scratch *s)
{
	uint8_t *bits = buf_room(out, (n + 7) / 8);
	uint32_t kept = 0;

	if (!bits)
		return;
	memset(bits, 0, (n + 7) / 8);
	for (uint32_t i = 0; i < n; i++)
		if (v[i]) {
			bits[i / 8] |= (uint8_t)(1 << i % 8);
			v[kept++] = v[i];
		}
	out->len += (n + 7) / 8;
	column_cut(s, out->len);
	put_planes(out, v, kept, width, s);
}

/* A difference as SHIFTED has it, before its low bits are taken off. */
static inline uint64_t strip(uint64_t diff, const struct column_plan *plan)
{
	return zigzag(unzigzag(diff) >> plan->zeros) >> plan->one_sign;
}

/*
 * About how many 1/256 bits the rows take in this layout, PLANES or SHIFTED, after compression. zstd
 * takes short matches where there are few symbols, which cost more than the symbols: measured, 3.4 bits
 * where the entropy is 2.6.
 */
static uint64_t cost_of_plan(const uint64_t *diff, uint32_t n, const struct column_plan *plan)
{
	bool shifted = plan->layout == LAYOUT_SHIFTED;
	uint64_t cost = shifted ? (uint64_t)n * plan->low_bits * 256 : 0, plane;

	for (unsigned int k = 0; k < plan->width; k++) {
		uint32_t count[256] = {0};

		for (uint32_t i = 0; i < n; i++) {
			uint64_t v = shifted ? strip(diff[i], plan) >> plan->low_bits : diff[i];

			count[v >> 8 * k & 255]++;
		}
		plane = cost_of_counts(count, n);
		cost += plane > n * 128 && plane < n * 1024 ? plane + plane / 4 : plane;
	}
	return cost;
}

/*
 * Takes SHIFTED for PLANES where that is smaller: pointers end in zeros and times rise; and a coder of
 * bytes sees most of a distribution when its largest value just fills the bytes, the bits below them
 * being noise.
 */
static void plan_shift(const uint64_t *diff, uint32_t n, struct column_plan *plan)
{
	struct column_plan shifted = {.layout = LAYOUT_SHIFTED};
	uint64_t all = 0, odd = 0, top = 0, cost, least = cost_of_plan(diff, n, plan);
	unsigned int bits;

	for (uint32_t i = 0; i < n; i++) {
		all |= (uint64_t)unzigzag(diff[i]);
		odd |= diff[i] ^ diff[0];
	}
	shifted.zeros = (uint8_t)__builtin_ctzll(all);
	shifted.one_sign = !(odd & 1);
	shifted.negative = shifted.one_sign && diff[0] & 1;
	for (uint32_t i = 0; i < n; i++)
		top |= strip(diff[i], &shifted);
	if (!top) /* 0 and the smallest number: not worth a thought */
		return;
	bits = 64 - (unsigned int)__builtin_clzll(top);
	least -= least / 64; /* for its own bytes, and for being slower */
	for (int with = 0; with < 2; with++) {
		shifted.low_bits = with ? bits % 8 : 0;
		shifted.width = (uint8_t)((bits - shifted.low_bits + 7) / 8);
		shifted.bytes =
			4 + ((size_t)n * shifted.low_bits + 7) / 8 + (size_t)n * shifted.width;
		cost = cost_of_plan(diff, n, &shifted);
		if (cost < least) {
			least = cost;
			*plan = shifted;
		}
	}
}

struct column_plan column_plan(const uint64_t *diff, uint32_t n)
{
	uint64_t bits = 0, odd = 0;
	size_t varint = 0, planes, sparse;
	struct column_plan plan = {.layout = LAYOUT_PLANES};
	uint32_t filled = 0;

	for (uint32_t i = 0; i < n; i++) {
		bits |= diff[i];
		odd |= diff[i] ^ diff[0];
		filled += diff[i] != 0;
		varint += (unsigned int)(64 - __builtin_clzll(diff[i] | 1) + 6) / 7;
	}
	if (!odd)
		return (struct column_plan){.layout = LAYOUT_CONST, .bytes = n ? varint / n : 1};
	plan.width = (uint8_t)width_of(bits);
	planes = (size_t)n * plan.width + 1;
	sparse = (n + 7) / 8 + (size_t)filled * plan.width + 1;
	if (sparse < planes && sparse < varint) {
		plan.layout = LAYOUT_SPARSE;
		plan.bytes = sparse;
	} else if (n < PLANES_MIN_ROWS || varint * 3 < planes) {
		/* planes compress better than varints: even where they are larger before */
		plan.layout = LAYOUT_VARINT;
		plan.bytes = varint;
	} else {
		plan.bytes = planes;
		if (n >= SHIFTED_MIN_ROWS)
			plan_shift(diff, n, &plan);
	}
	return plan;
}

static void put_shifted(struct buf *out, uint64_t *v, uint32_t n, const struct column_plan *plan,
			struct column_scratch *s)
{
	uint32_t bits = 0, have = 0;

	buf_u8(out, (uint8_t)(plan->low_bits | (plan->one_sign ? ONE_SIGN : 0) |
			      (plan->negative ? NEGATIVE : 0)));
	buf_u8(out, plan->zeros);
	buf_u8(out, plan->width);
	for (uint32_t i = 0; i < n; i++) {
		v[i] = strip(v[i], plan);
		bits |= ((uint32_t)v[i] & ((1U << plan->low_bits) - 1)) << have;
		v[i] >>= plan->low_bits;
		for (have += plan->low_bits; have >= 8; have -= 8, bits >>= 8)
			buf_u8(out, (uint8_t)bits);
	}
	if (have)
		buf_u8(out, (uint8_t)bits);
	column_cut(s, out->len);
	put_planes(out, v, n, plan->width, s);
}

void column_put_plan(struct buf *out, uint64_t *diff, uint32_t n, enum column_pred pred,
		     struct column_plan plan, struct column_scratch *s)
{
	buf_u8(out, (uint8_t)(plan.layout | pred << 4));
	switch (plan.layout) {
	case LAYOUT_CONST: buf_varint(out, n ? diff[0] : 0); break;
	case LAYOUT_VARINT:
		for (uint32_t i = 0; i < n; i++)
			buf_varint(out, diff[i]);
		break;
	case LAYOUT_SPARSE:
		buf_u8(out, plan.width);
		put_sparse(out, diff, n, plan.width, s);
		break;
	case LAYOUT_SHIFTED: put_shifted(out, diff, n, &plan, s); break;
	default:
		buf_u8(out, plan.width);
		put_planes(out, diff, n, plan.width, s);
		break;
	}
}

static int get_planes(struct cursor *c, uint64_t *v, uint32_t n, unsigned int width)
{
	const uint8_t *p = width <= 8 ? cursor_take(c, (size_t)n * width) : NULL;

	if (!p)
		return -EPROTO;
	if (!width)
		memset(v, 0, n * sizeof(*v));
	else if (width == 1)
		for (uint32_t i = 0; i < n; i++)
			v[i] = p[i];
	else
		for (uint32_t i = 0; i < n; i++)
			v[i] = p[i] | (uint64_t)p[n + i] << 8;
	for (unsigned int k = 2; k < width; k++)
		for (uint32_t i = 0; i < n; i++)
			v[i] |= (uint64_t)p[(size_t)k * n + i] << 8 * k;
	return 0;
}

/* How many of the first n bits are set. */
static uint32_t count_bits(const uint8_t *bits, uint32_t n)
{
	uint32_t count = 0, i = 0;
	uint64_t word;

	for (; i + 64 <= n; i += 64) {
		memcpy(&word, bits + i / 8, 8);
		if (word)
			count += (uint32_t)__builtin_popcountll(word);
	}
	for (; i < n; i++)
		count += bits[i / 8] >> i % 8 & 1;
	return count;
}

static int get_sparse(struct cursor *c, uint64_t *v, uint32_t n, unsigned int width)
{
	const uint8_t *bits = cursor_take(c, (n + 7) / 8);
	uint32_t filled, i = n;
	int err;

	if (!bits)
		return -EPROTO;
	filled = count_bits(bits, n);
	err = get_planes(c, v, filled, width);
	if (err)
		return err;
	/* spread them from the end on: a value never moves down; most rows are zero, eight at a time */
	for (; i % 8; v[i] = bits[i / 8] >> i % 8 & 1 ? v[--filled] : 0)
		i--;
	while (i) {
		unsigned int eight = bits[i / 8 - 1];

		i -= 8;
		if (!eight)
			memset(v + i, 0, 8 * sizeof(*v));
		else
			for (uint32_t k = 8; k-- > 0;)
				v[i + k] = eight >> k & 1 ? v[--filled] : 0;
	}
	return 0;
}

/* The low bits of v, a few of each, from the packed bits. */
static void add_low_bits(uint64_t *v, uint32_t n, const uint8_t *p, unsigned int low)
{
	uint32_t bits = 0, have = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (have < low) {
			bits |= (uint32_t)*p++ << have;
			have += 8;
		}
		v[i] = v[i] << low | (bits & ((1U << low) - 1));
		bits >>= low;
		have -= low;
	}
}

static int get_shifted(struct cursor *c, uint64_t *v, uint32_t n)
{
	unsigned int how = cursor_u8(c), zeros = cursor_u8(c), width = cursor_u8(c), low = how & 7;
	const uint8_t *bits = cursor_take(c, ((size_t)n * low + 7) / 8);

	if (!bits || how >= 2 * NEGATIVE || zeros > 63 || get_planes(c, v, n, width))
		return -EPROTO;
	if (low)
		add_low_bits(v, n, bits, low);
	if (how & ONE_SIGN)
		for (uint32_t i = 0; i < n; i++)
			v[i] = v[i] << 1 | (how & NEGATIVE) / NEGATIVE;
	if (zeros)
		for (uint32_t i = 0; i < n; i++)
			v[i] = zigzag((int64_t)((uint64_t)unzigzag(v[i]) << zeros));
	return 0;
}

int column_get_layout(struct cursor *c, uint64_t *v, uint32_t n, unsigned int layout)
{
	uint64_t value;

	switch (layout) {
	case LAYOUT_CONST:
		value = cursor_varint(c);
		for (uint32_t i = 0; i < n; i++)
			v[i] = value;
		return c->is_short ? -EPROTO : 0;
	case LAYOUT_VARINT:
		for (uint32_t i = 0; i < n; i++)
			v[i] = cursor_varint(c);
		return c->is_short ? -EPROTO : 0;
	case LAYOUT_PLANES: return get_planes(c, v, n, cursor_u8(c));
	case LAYOUT_SPARSE: return get_sparse(c, v, n, cursor_u8(c));
	case LAYOUT_SHIFTED: return get_shifted(c, v, n);
	default: return -EPROTO;
	}
}
