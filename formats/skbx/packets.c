/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/packets.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/block.h"
#include "formats/skbx/packets_few.h"

/*
 * What stands behind the lengths. Values are in files: never renumber. KINDS, no longer written, is FLOWS
 * with distances to other packets in place of flows; 1 to PACKETS_HEAD is the length of heads that are
 * all stored as differences to another packet, which was done before there was KINDS.
 */
enum { PLAIN = 0, FLOWS = 253, KINDS = 254, FEW = 255 };

/* How a byte position is stored. Values are in files: never renumber. */
enum plane_kind {
	PLANE_SAME = 0, /* as in the packet that it is held against: nothing follows */
	PLANE_REF = 1,  /* minus that packet's byte */
	PLANE_PREV = 2, /* minus the byte of the packet before */
	PLANE_RAW = 3,  /* the byte */
	PLANE_SIZE = 4, /* minus the byte of the last packet as long: lengths in headers, flags */
	PLANE_KINDS,
};

enum {
	SIZES = 4096, /* packets of that many bytes and longer ones are equally long */
	SLOTS = 4096, /* for hashes of flows */
};

void packets_scratch_free(struct packets_scratch *p)
{
	free(p->slots);
	free(p->refs);
	free(p->alike);
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
		{&p->slots, sizeof(*p->slots)},   {&p->refs, sizeof(*p->refs)},
		{&p->alike, sizeof(*p->alike)},   {&p->flows, 2 * sizeof(*p->flows)},
		{&p->values, sizeof(*p->values)}, {&p->plane, PLANE_KINDS * sizeof(*p->plane)},
	};

	if (n <= p->room)
		return 0;
	n = n < SLOTS ? SLOTS : n; /* the slots serve flows and sizes, too */
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

/* The flow of each packet, numbered as they appear; hashes that collide make a new flow of an old one. */
static void find_flows(const struct ev_str *v, const uint32_t *order, uint32_t n,
		       struct packets_scratch *p)
{
	uint32_t *hashes = p->flows + n; /* of each flow */

	memset(p->slots, 0, SLOTS * sizeof(*p->slots));
	p->n_flows = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *packet = &v[order[i]];
		uint32_t h = flow_of((const uint8_t *)packet->p, packet->len);
		uint32_t *slot = &p->slots[h % SLOTS];

		if (!*slot || hashes[*slot - 1] != h) {
			hashes[p->n_flows++] = h;
			*slot = p->n_flows;
		}
		p->flows[i] = *slot - 1;
	}
}

/* From the flows, how far before each packet the last one of its flow is; 0: it is the first. */
static void find_references(uint32_t n, struct packets_scratch *p)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t *last = &p->slots[p->flows[i]];

		p->refs[i] = p->flows[i] < seen ? i - *last : 0;
		seen += p->flows[i] == seen;
		*last = i;
	}
}

/* 1 + the last packet before each that is as long; 0: none. */
static void find_alike(const uint64_t *lengths, uint32_t n, struct packets_scratch *p)
{
	memset(p->slots, 0, SIZES * sizeof(*p->slots));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *last = &p->slots[lengths[i] < SIZES ? lengths[i] : SIZES - 1];

		p->alike[i] = *last;
		*last = i + 1;
	}
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

/* Byte k of a packet; 0 where it ends before, and of none. */
static inline uint8_t byte_of(const struct ev_str *packet, uint32_t k)
{
	return packet && k < packet->len ? (uint8_t)packet->p[k] : 0;
}

/* Position k of the packets that are held against another, where it is not the same in all of them. */
static void put_plane(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		      uint32_t k, const struct packets_scratch *p)
{
	uint8_t *plane[PLANE_KINDS] = {NULL};
	uint64_t least = UINT64_MAX;
	uint32_t count = 0;
	int kind = PLANE_RAW;

	for (int i = PLANE_REF; i < PLANE_KINDS; i++)
		plane[i] = p->plane + (size_t)i * n;
	for (uint32_t i = 0; i < n; i++) {
		const struct ev_str *a = &v[order[i]];
		const struct ev_str *alike = p->alike[i] ? &v[order[p->alike[i] - 1]] : NULL;
		uint8_t byte;

		if (!p->refs[i] || k >= a->len)
			continue;
		byte = (uint8_t)a->p[k];
		plane[PLANE_REF][count] = byte - byte_of(&v[order[i - p->refs[i]]], k);
		plane[PLANE_PREV][count] = byte - byte_of(&v[order[i - 1]], k);
		plane[PLANE_RAW][count] = byte;
		plane[PLANE_SIZE][count++] = byte - byte_of(alike, k);
	}
	for (int i = PLANE_REF; i < PLANE_KINDS; i++) {
		uint64_t cost = column_cost(plane[i], count);

		if (cost < least) {
			least = cost;
			kind = i;
		}
	}
	buf_u8(out, (uint8_t)kind);
	buf_put(out, plane[kind], count);
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

	p->n_flows = 0;
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
	buf_varint(out, FLOWS);
	buf_varint(out, head);
	find_alike(p->values, n, p);
	find_flows(v, order, n, p);
	find_references(n, p);
	for (uint32_t i = 0; i < n; i++)
		p->values[i] = p->flows[i];
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

/* The positions that are not the same in all packets, rising: how they are stored, and where. */
struct planes {
	struct {
		const uint8_t *bytes;
		uint8_t at, kind;
	} v[PACKETS_HEAD];
	uint32_t n;
};

/* Packets that are held against another one, by their length: those that have position k are the ones longer than k. */
static void count_longer(const struct ev_str *v, uint32_t n, uint32_t head, const uint32_t *refs,
			 uint32_t *longer)
{
	memset(longer, 0, (head + 1) * sizeof(*longer));
	for (uint32_t i = 0; i < n; i++)
		if (refs[i])
			longer[v[i].len < head ? v[i].len : head]++;
	for (uint32_t k = head, sum = 0; k-- > 0;) {
		sum += longer[k + 1];
		longer[k + 1] = sum;
	}
	/* longer[k + 1] is the count for position k */
}

static int find_planes(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
		       const struct packets_scratch *p, struct planes *planes)
{
	uint32_t longer[PACKETS_HEAD + 1];

	count_longer(v, n, head, p->refs, longer);
	planes->n = 0;
	for (uint32_t k = 0; k < head; k++) {
		int kind = cursor_u8(c);
		const uint8_t *bytes;

		if (kind >= PLANE_KINDS || (kind == PLANE_SIZE && !p->n_flows))
			return -EPROTO;
		if (kind == PLANE_SAME)
			continue;
		bytes = cursor_take(c, longer[k + 1]);
		if (!bytes)
			return -EPROTO;
		planes->v[planes->n].bytes = bytes;
		planes->v[planes->n].at = (uint8_t)k;
		planes->v[planes->n++].kind = (uint8_t)kind;
	}
	return 0;
}

/*
 * Packet by packet, for all that one is held against are before it: its bytes and theirs are read and written in a
 * row. Position by position took three times as long.
 */
static void get_planes_of(const struct ev_str *v, uint32_t i, uint32_t head,
			  const struct packets_scratch *p, struct planes *planes)
{
	static const struct ev_str none;
	const struct ev_str *same = &v[i - p->refs[i]];
	const struct ev_str *against[PLANE_KINDS] = {
		[PLANE_REF] = same,
		[PLANE_PREV] = &v[i - 1],
		[PLANE_RAW] = &none,
		[PLANE_SIZE] = p->alike[i] ? &v[p->alike[i] - 1] : &none,
	};
	uint32_t n = v[i].len < head ? v[i].len : head;
	uint32_t known = same->len < n ? same->len : n;
	uint8_t *to = bytes_of(&v[i]);

	if (known)
		memcpy(to, same->p, known);
	memset(to + known, 0, n - known);
	for (uint32_t j = 0; j < planes->n; j++) {
		uint32_t k = planes->v[j].at;

		if (k >= n)
			break;
		to[k] = (uint8_t)(byte_of(against[planes->v[j].kind], k) + *planes->v[j].bytes++);
	}
}

/* All positions of all packets as differences, those of packets that stand alone to 0. */
static int get_differences(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
			   const struct packets_scratch *p)
{
	for (uint32_t k = 0; k < head; k++)
		for (uint32_t i = 0; i < n; i++) {
			const struct ev_str *b = p->refs[i] ? &v[i - p->refs[i]] : NULL;

			if (k < v[i].len)
				bytes_of(&v[i])[k] = cursor_u8(c) + byte_of(b, k);
		}
	return c->is_short ? -EPROTO : 0;
}

/* What the packets are held against: from their flows, or from distances in older files. */
static int get_references(const uint64_t *values, uint32_t n, bool flows, struct packets_scratch *p)
{
	for (uint32_t i = 0; i < n; i++) {
		if (values[i] > (flows ? p->n_flows : i))
			return -EPROTO;
		p->n_flows += flows && values[i] == p->n_flows;
		p->flows[i] = p->refs[i] = (uint32_t)values[i];
	}
	if (flows)
		find_references(n, p);
	return 0;
}

/* The headers; packets and their lengths are in the pool. */
static int get_heads(struct cursor *c, const struct ev_str *v, uint32_t n, uint32_t head,
		     uint64_t how, struct packets_scratch *p)
{
	int ret = get_references(p->values, n, how == FLOWS, p);
	uint32_t *alone = p->slots, n_alone = 0; /* the slots are free by now */
	struct planes planes;

	if (ret || how < FLOWS)
		return ret ? ret : get_differences(c, v, n, head, p);
	for (uint32_t i = 0; i < n; i++)
		if (!p->refs[i])
			alone[n_alone++] = i;
	for (uint32_t k = 0; k < head; k++)
		for (uint32_t i = 0; i < n_alone; i++)
			if (k < v[alone[i]].len)
				bytes_of(&v[alone[i]])[k] = cursor_u8(c);
	ret = find_planes(c, v, n, head, p, &planes);
	for (uint32_t i = 0; i < n && !ret; i++)
		if (p->refs[i])
			get_planes_of(v, i, head, p, &planes);
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
	p->n_flows = 0;
	/* there may be more packets than events, and as many flows */
	if (reserve(p, rows.n + 1) || column_scratch_reserve(s, rows.n, rows.n))
		return -ENOMEM;
	if (column_get(c, p->values, &rows, s))
		return -EPROTO;
	for (uint32_t i = 0; i < rows.n; i++) {
		if (p->values[i] > BLOCK_RAW_MAX)
			return -EPROTO;
		total += p->values[i];
	}
	how = head = cursor_varint(c);
	if (how == FLOWS)
		find_alike(p->values, rows.n, p);
	if (how == KINDS || how == FLOWS)
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
	if (head && how != FEW && get_heads(c, v, rows.n, (uint32_t)head, how, p))
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
