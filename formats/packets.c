/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/packets.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/block.h"

enum {
	HEAD_BYTES =
		80, /* Ethernet, IPv6 or IPv4, TCP with its usual options; longer gains nothing */
	SLOTS = 4096,
	SMALL_PACKETS = 16, /* fewer packets are smaller as they are */
};

void packets_scratch_free(struct packets_scratch *p)
{
	free(p->slots);
	free(p->refs);
	free(p->values);
	*p = (struct packets_scratch){0};
}

static int reserve(struct packets_scratch *p, uint32_t n)
{
	uint32_t *refs;
	uint64_t *values;

	if (!p->slots && !(p->slots = malloc(SLOTS * sizeof(*p->slots))))
		return -ENOMEM;
	if (n <= p->room)
		return 0;
	refs = realloc(p->refs, n * sizeof(*refs));
	if (refs)
		p->refs = refs;
	values = realloc(p->values, n * sizeof(*values));
	if (values)
		p->values = values;
	if (!refs || !values)
		return -ENOMEM;
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
		uint32_t *slot =
			&p->slots[flow_of((const uint8_t *)packet->p, packet->len) % SLOTS];

		/* one of another flow is still closer than nothing */
		p->refs[i] = *slot ? i + 1 - *slot : i ? 1 : 0;
		*slot = i + 1;
	}
}

int packets_put(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		size_t *tails, struct packets_scratch *p, struct column_scratch *s)
{
	const struct column_rows rows = {.n = n};
	uint32_t head = n < SMALL_PACKETS ? 0 : HEAD_BYTES;

	if (reserve(p, n))
		return -ENOMEM;
	buf_varint(out, n);
	for (uint32_t i = 0; i < n; i++)
		p->values[i] = v[order[i]].len;
	column_put(out, p->values, &rows, COLUMN_NONE, s);
	buf_varint(out, head);
	if (head) {
		find_references(v, order, n, p);
		for (uint32_t i = 0; i < n; i++)
			p->values[i] = p->refs[i];
		column_put(out, p->values, &rows, COLUMN_NONE, s);
	}
	for (uint32_t k = 0; k < head; k++) {
		uint8_t *plane = buf_room(out, n), *q = plane;

		if (!plane)
			return -ENOMEM;
		for (uint32_t i = 0; i < n; i++) {
			const struct ev_str *a = &v[order[i]], *b = &v[order[i - p->refs[i]]];

			if (k < a->len)
				*q++ = (uint8_t)(a->p[k] -
						 (p->refs[i] && k < b->len ? b->p[k] : 0));
		}
		out->len += (size_t)(q - plane);
	}
	*tails = out->len;
	for (uint32_t i = 0; i < n; i++)
		if (v[order[i]].len > head)
			buf_put(out, v[order[i]].p + head, v[order[i]].len - head);
	return out->failed ? -ENOMEM : 0;
}

/* Undoes the differences of the headers; packets and their lengths are in the pool. */
static int get_heads(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
		     const uint64_t *refs)
{
	for (uint32_t i = 0; i < n; i++)
		if (refs[i] > i)
			return -EPROTO;
	for (uint32_t k = 0; k < head; k++) {
		size_t count = 0;
		const uint8_t *plane;

		for (uint32_t i = 0; i < n; i++)
			count += k < v[i].len;
		plane = cursor_take(c, count);
		if (!plane)
			return -EPROTO;
		for (uint32_t i = 0; i < n; i++) {
			const struct ev_str *b = &v[i - refs[i]];

			if (k < v[i].len)
				/* the pool's memory is ours: it is const for those who only read */
				((uint8_t *)(uintptr_t)v[i].p)[k] =
					(uint8_t)(*plane++ +
						  (refs[i] && k < b->len ? (uint8_t)b->p[k] : 0));
		}
	}
	return 0;
}

int packets_get(struct cursor *c, struct ev_batch *b, uint32_t max, struct packets_scratch *p,
		struct column_scratch *s)
{
	uint64_t n = cursor_varint(c), total = 0, head;
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
	head = cursor_varint(c);
	/* every byte of a packet is a byte here: no more memory than the input is long */
	if (total > cursor_left(c) || head > HEAD_BYTES)
		return -EPROTO;
	memory = ev_batch_alloc(b, total + 1);
	v = ev_pool_reserve(&b->blobs, rows.n);
	if (!memory || !v)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows.n; memory += p->values[i++])
		v[i] = (struct ev_str){memory, (uint32_t)p->values[i], i};
	if (head && (column_get(c, p->values, &rows, s) ||
		     get_heads(c, v, rows.n, (uint32_t)head, p->values)))
		return -EPROTO;
	for (uint32_t i = 0; i < rows.n; i++) {
		size_t tail = v[i].len > head ? v[i].len - head : 0;
		const uint8_t *bytes = cursor_take(c, tail);

		if (!bytes)
			return -EPROTO;
		memcpy((char *)(uintptr_t)v[i].p + v[i].len - tail, bytes, tail);
	}
	b->blobs.n = rows.n;
	return 0;
}
