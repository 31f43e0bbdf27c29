/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/packets.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/block.h"
#include "formats/skbx/packets_few.h"

enum {
	SLOTS = 4096,
};

/*
 * What stands behind the lengths. Values are in files: never renumber. 1 to PACKETS_HEAD is the length of
 * heads that are all stored as differences to another packet, which was done before there was KINDS.
 */
enum { PLAIN = 0, KINDS = 254, FEW = 255 };

/* How a byte position is stored. Values are in files: never renumber. */
enum plane_kind {
	PLANE_SAME = 0, /* as in the packet that it is held against: nothing follows */
	PLANE_REF = 1,  /* minus that packet's byte */
	PLANE_PREV = 2, /* minus the byte of the packet before */
	PLANE_RAW = 3,  /* the byte */
};

void packets_scratch_free(struct packets_scratch *p)
{
	free(p->slots);
	free(p->refs);
	free(p->flows);
	free(p->values);
	free(p->plane);
	*p = (struct packets_scratch){0};
}

static int reserve(struct packets_scratch *p, uint32_t n)
{
	struct {
		void *p;
		size_t size;
	} arrays[] = {
		{&p->refs, sizeof(*p->refs)},
		{&p->flows, sizeof(*p->flows)},
		{&p->values, sizeof(*p->values)},
		{&p->plane, 3 * sizeof(*p->plane)},
	};

	if (!p->slots && !(p->slots = malloc(SLOTS * sizeof(*p->slots))))
		return -ENOMEM;
	if (n <= p->room)
		return 0;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		void **array = arrays[i].p, *new = realloc(*array, n * arrays[i].size);

		if (!new)
			return -ENOMEM;
		*array = new;
	}
	p->room = n;
	return 0;
}

static uint32_t hash(const uint8_t *p, size_t n, uint32_t h)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT32_C(16777619);
	return h;
}

/*
 * What packets of one flow and direction share, at the usual places of Ethernet with IPv4 or IPv6.
 * Only a guess for other packets: a reader follows the references and does not care why.
 */
static uint32_t flow_of(const uint8_t *p, uint32_t len)
{
	bool ipv6 = len > 14 && p[12] == 0x86 && p[13] == 0xdd;
	uint32_t from = ipv6 ? 20 : 23, addresses = ipv6 ? 22 : 26, end = ipv6 ? 58 : 38;
	uint32_t h = hash(p, len < 14 ? len : 14, UINT32_C(2166136261));

	if (len > from)
		h = hash(p + from, 1, h);
	if (len > addresses)
		h = hash(p + addresses, (len < end ? len : end) - addresses, h);
	return h ^ h >> 15;
}

/* For each packet how far back the last one of its flow is; 0: none. */
static void find_references(const struct ev_str *v, const uint32_t *order, uint32_t n,
			    struct packets_scratch *p)
{
	memset(p->slots, 0, SLOTS * sizeof(*p->slots));
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *packet = &v[order[i]];
		uint32_t flow = flow_of((const uint8_t *)packet->p, packet->len);
		uint32_t *slot = &p->slots[flow % SLOTS];

		p->flows[i] = flow;
		p->refs[i] = *slot && p->flows[*slot - 1] == flow ? i + 1 - *slot : 0;
		*slot = i + 1;
	}
}

/* log2 in 1/256, by the leading bits: good enough to compare costs. */
static uint32_t log2_256(uint32_t v)
{
	uint32_t whole = 31 - (uint32_t)__builtin_clz(v);

	return whole * 256 + (uint32_t)(((uint64_t)v << 8 >> whole) - 256);
}

/* About how many 1/256 bits an entropy coder needs for n bytes. */
static uint64_t cost_of(const uint8_t *p, uint32_t n)
{
	uint32_t count[256] = {0}, all = n ? log2_256(n) : 0;
	uint64_t bits = 0;

	for (uint32_t i = 0; i < n; i++)
		count[p[i]]++;
	for (int i = 0; i < 256; i++)
		if (count[i])
			bits += (uint64_t)count[i] * (all - log2_256(count[i]));
	return bits;
}

/*
 * Which positions differ anywhere from the packet that theirs is held against: most do not, and need
 * no closer look. Eight bytes at a time: this is done for every packet.
 */
static void find_changes(const struct ev_str *v, const uint32_t *order, uint32_t n,
			 const struct packets_scratch *p, uint8_t changed[PACKETS_HEAD])
{
	uint64_t words[PACKETS_HEAD / 8] = {0}, x, y;

	memset(changed, 0, PACKETS_HEAD);
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *a = &v[order[i]], *b = &v[order[i - p->refs[i]]];
		uint32_t len = a->len < PACKETS_HEAD ? a->len : PACKETS_HEAD;
		uint32_t both = b->len < len ? b->len : len, k = 0;

		if (!p->refs[i])
			continue;
		for (; k + 8 <= both; k += 8) {
			memcpy(&x, a->p + k, 8);
			memcpy(&y, b->p + k, 8);
			words[k / 8] |= x ^ y;
		}
		for (; k < len; k++)
			changed[k] |= (uint8_t)(a->p[k] ^ (k < both ? b->p[k] : 0));
	}
	for (uint32_t k = 0; k < PACKETS_HEAD; k++)
		changed[k] |= ((const uint8_t *)words)[k];
}

/* Position k of the packets that are held against another, where it is not the same in all of them. */
static void put_plane(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		      uint32_t k, const struct packets_scratch *p)
{
	uint8_t *ref = p->plane, *prev = ref + n, *raw = prev + n, *best = ref;
	enum plane_kind kind = PLANE_REF;
	uint64_t cost, other;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *a = &v[order[i]], *b, *before;

		if (!p->refs[i] || k >= a->len)
			continue;
		b = &v[order[i - p->refs[i]]];
		before = &v[order[i - 1]];
		raw[count] = (uint8_t)a->p[k];
		prev[count] = (uint8_t)(a->p[k] - (k < before->len ? before->p[k] : 0));
		ref[count++] = (uint8_t)(a->p[k] - (k < b->len ? b->p[k] : 0));
	}
	cost = cost_of(ref, count);
	other = cost_of(prev, count);
	if (other < cost) {
		cost = other;
		kind = PLANE_PREV;
		best = prev;
	}
	if (cost_of(raw, count) < cost) {
		kind = PLANE_RAW;
		best = raw;
	}
	buf_u8(out, (uint8_t)kind);
	buf_put(out, best, count);
}

/* Position k of the packets that stand alone: constant over many of them, or random. */
static void put_own(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		    uint32_t k, const struct packets_scratch *p)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!p->refs[i] && k < v[order[i]].len)
			p->plane[count++] = (uint8_t)v[order[i]].p[k];
	buf_put(out, p->plane, count);
}

static void put_few(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		    const struct ev_str *usual, struct packets_scratch *p, struct column_scratch *s)
{
	const struct ev_str *few[PACKETS_FEW];
	bool pays;

	for (uint32_t i = 0; i < n; i++)
		few[i] = &v[order[i]];
	pays = packets_few_find(few, n, usual, p->values) > 2; /* the column takes that */
	buf_varint(out, pays ? FEW : PLAIN);
	if (pays) {
		column_put(out, p->values, &(struct column_rows){.n = n}, COLUMN_NONE, s);
		packets_few_put(out, few, n, usual, p->values);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		buf_put(out, few[i]->p, few[i]->len);
}

int packets_put(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		const struct ev_str *usual, struct packets_scratch *p, struct column_scratch *s)
{
	const struct column_rows rows = {.n = n};
	const uint32_t head = PACKETS_HEAD;
	uint8_t changed[PACKETS_HEAD];

	if (reserve(p, n))
		return -ENOMEM;
	buf_varint(out, n);
	for (uint32_t i = 0; i < n; i++)
		p->values[i] = v[order[i]].len;
	column_put(out, p->values, &rows, COLUMN_NONE, s);
	if (n < PACKETS_FEW) {
		put_few(out, v, order, n, usual, p, s);
		return out->failed ? -ENOMEM : 0;
	}
	buf_varint(out, KINDS);
	buf_varint(out, head);
	find_references(v, order, n, p);
	for (uint32_t i = 0; i < n; i++)
		p->values[i] = p->refs[i];
	column_put(out, p->values, &rows, COLUMN_NONE, s);
	for (uint32_t k = 0; k < head; k++)
		put_own(out, v, order, n, k, p);
	column_cut(s, out->len);
	find_changes(v, order, n, p, changed);
	for (uint32_t k = 0; k < head; k++) {
		if (changed[k])
			put_plane(out, v, order, n, k, p);
		else
			buf_u8(out, PLANE_SAME);
		column_cut(s, out->len);
	}
	for (uint32_t i = 0; i < n; i++)
		if (v[order[i]].len > head)
			buf_put(out, v[order[i]].p + head, v[order[i]].len - head);
	return out->failed ? -ENOMEM : 0;
}

/* The pool's memory is the decoder's: it is const for those who only read. */
static uint8_t *bytes_of(const struct ev_str *packet)
{
	return (uint8_t *)(uintptr_t)packet->p;
}

static int get_plane(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t k,
		     const uint64_t *refs)
{
	enum plane_kind kind = cursor_u8(c);
	const uint8_t *plane = NULL;
	size_t count = 0;

	if (kind > PLANE_RAW)
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++)
		count += refs[i] && k < v[i].len;
	if (kind != PLANE_SAME && !(plane = cursor_take(c, count)))
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *b;
		uint8_t byte;

		if (!refs[i] || k >= v[i].len)
			continue;
		b = &v[kind == PLANE_PREV ? i - 1 : i - refs[i]];
		byte = kind != PLANE_RAW && k < b->len ? (uint8_t)b->p[k] : 0;
		bytes_of(&v[i])[k] = (uint8_t)(byte + (plane ? *plane++ : 0));
	}
	return 0;
}

/* All positions of all packets as differences, those of packets that stand alone to 0. */
static int get_differences(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
			   const uint64_t *refs)
{
	for (uint32_t k = 0; k < head; k++)
		for (uint32_t i = 0; i < n; i++) {
			const struct ev_str *b = &v[i - refs[i]];

			if (k < v[i].len)
				bytes_of(&v[i])[k] =
					(uint8_t)(cursor_u8(c) +
						  (refs[i] && k < b->len ? b->p[k] : 0));
		}
	return c->is_short ? -EPROTO : 0;
}

/* The headers; packets and their lengths are in the pool. */
static int get_heads(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
		     const uint64_t *refs, bool kinds)
{
	int ret = 0;

	for (uint32_t i = 0; i < n; i++)
		if (refs[i] > i)
			return -EPROTO;
	if (!kinds)
		return get_differences(c, v, n, head, refs);
	for (uint32_t k = 0; k < head; k++)
		for (uint32_t i = 0; i < n; i++)
			if (!refs[i] && k < v[i].len)
				bytes_of(&v[i])[k] = cursor_u8(c);
	for (uint32_t k = 0; k < head && !ret; k++)
		ret = get_plane(c, v, n, k, refs);
	return c->is_short ? -EPROTO : ret;
}

int packets_get(struct cursor *c, struct ev_batch *b, uint32_t max, const struct ev_str *usual,
		struct packets_scratch *p, struct column_scratch *s)
{
	uint64_t n = cursor_varint(c), total = 0, how, head;
	struct column_rows rows = {0};
	struct ev_str *v;
	char *memory;

	if (n > max)
		return -EPROTO;
	rows.n = (uint32_t)n;
	if (reserve(p, rows.n + 1))
		return -ENOMEM;
	if (column_get(c, p->values, &rows, s))
		return -EPROTO;
	for (uint32_t i = 0; i < rows.n; i++) {
		if (p->values[i] > BLOCK_RAW_MAX)
			return -EPROTO;
		total += p->values[i];
	}
	how = head = cursor_varint(c);
	if (how == KINDS)
		head = cursor_varint(c);
	/* every byte behind the headers is a byte here: no more memory than the input is long */
	if ((head > PACKETS_HEAD && how != FEW) || total > cursor_left(c) + n * PACKETS_HEAD)
		return -EPROTO;
	memory = ev_batch_alloc(b, total + 1);
	v = ev_pool_reserve(&b->blobs, rows.n);
	if (!memory || !v)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows.n; memory += p->values[i++])
		v[i] = (struct ev_str){memory, (uint32_t)p->values[i], i};
	if (head && column_get(c, p->values, &rows, s))
		return -EPROTO;
	if (how == FEW && packets_few_get(c, v, rows.n, usual, p->values))
		return -EPROTO;
	if (head && how != FEW && get_heads(c, v, rows.n, (uint32_t)head, p->values, how == KINDS))
		return -EPROTO;
	for (uint32_t i = 0; i < rows.n && how != FEW; i++) {
		size_t tail = v[i].len > head ? v[i].len - head : 0;
		const uint8_t *bytes = cursor_take(c, tail);

		if (!bytes)
			return -EPROTO;
		memcpy(bytes_of(&v[i]) + v[i].len - tail, bytes, tail);
	}
	b->blobs.n = rows.n;
	return 0;
}
