/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/block_rows.h"

#include <errno.h>
#include <stdlib.h>

const char block_of_key[1];

int block_bad(struct skbox_error *err, const char *what)
{
	return error_set(err, -EPROTO, 0, "%s", what);
}

/* Fields of a section that we know; other bits of a shape are of a newer program. */
static uint64_t known_fields(int s)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < schema_sections[s].n_fields; i++)
		bits |= UINT64_C(1) << schema_sections[s].fields[i].bit;
	return bits;
}

/* Shape `id` of the block, of its key or its own; *masks: of its sections, in order. NULL: there is none. */
static const struct block_shape *shape_at(const struct block_decoding *d, uint32_t id,
					  const uint64_t **masks)
{
	uint32_t from_key = d->key ? d->key->n_shapes : 0;
	const struct block_dict *dict = id < from_key ? d->key : d->c->local;
	const struct block_shape *shape;

	if (id >= from_key + d->c->local->n_shapes)
		return NULL;
	shape = &dict->shapes[id < from_key ? id : id - from_key];
	*masks = dict->masks + shape->first;
	return shape;
}

/*
 * The sections of all events, how many rows each has, and which fields are in some and all of these. Events of one
 * shape stand in runs, few of them in most blocks: what is done for a shape is done for a run, not for each event.
 */
static int count_rows(struct block_decoding *d)
{
	const uint32_t *shape_of = d->c->shape_of;
	uint32_t *run_ends = d->c->run_ends;

	for (uint32_t i = 0, end; i < d->n; i = end) {
		const uint64_t *mask;
		const struct block_shape *shape = shape_at(d, shape_of[i], &mask);
		uint64_t sections;

		if (!shape)
			return block_bad(d->err, "shape that does not exist");
		sections = shape->sections & d->sections;
		for (end = i; end < d->n && shape_of[end] == shape_of[i]; end++)
			d->b->mask[end] = sections;
		run_ends[d->n_runs++] = end;
		for (uint64_t left = shape->sections; left; left &= left - 1, mask++) {
			int s = __builtin_ctzll(left);

			if (!(sections >> s & 1))
				continue;
			d->rows[s] += end - i;
			d->somewhere[s] |= *mask;
			d->everywhere[s] &= *mask;
		}
	}
	return 0;
}

/* The next n rows, empty but for what they have; in pieces, which are in the first cache for the second pass. */
static void begin_rows(struct ev_rows *rows, size_t size, uint32_t n, uint64_t has)
{
	enum { PIECE = 2048 }; /* bytes */

	while (n) {
		uint32_t some = PIECE / (uint32_t)size < n ? PIECE / (uint32_t)size : n;
		uint8_t *row = rows->p + rows->n * size;

		memset(row, 0, some * size);
		for (uint32_t i = 0; i < some; i++, row += size)
			*(uint64_t *)row = has;
		rows->n += some;
		n -= some;
	}
}

int block_find_rows(struct block_decoding *d)
{
	int ret;

	if (!ev_batch_begin_all(d->b, d->n))
		return error_set(d->err, -ENOMEM, 0, "out of memory");
	for (int s = 0; s < EV_SECTIONS; s++) {
		d->everywhere[s] = d->known[s] = known_fields(s);
		d->b->sec[s].n = 0;
	}
	ret = count_rows(d);
	for (int s = 0; s < EV_SECTIONS; s++)
		d->somewhere[s] &= d->known[s];
	return ret;
}

int block_begin_section(struct block_decoding *d, int s)
{
	struct ev_rows *rows = &d->b->sec[s];
	size_t size = schema_sections[s].size;

	if (rows->n == d->rows[s])
		return 0;
	if (d->rows[s] > rows->cap) {
		uint8_t *p = realloc(rows->p, d->rows[s] * size);

		if (!p)
			return error_set(d->err, -ENOMEM, 0, "out of memory");
		rows->p = p;
		rows->cap = d->rows[s];
	}
	for (uint32_t run = 0, i = 0; run < d->n_runs; i = d->c->run_ends[run++]) {
		const uint64_t *masks;
		const struct block_shape *shape = shape_at(d, d->c->shape_of[i], &masks);
		uint64_t bit = UINT64_C(1) << s;

		if (shape->sections & bit)
			begin_rows(rows, size, d->c->run_ends[run] - i,
				   masks[__builtin_popcountll(shape->sections & (bit - 1))] &
					   d->known[s]);
	}
	return 0;
}

int block_get_string(struct block_decoding *d, uint64_t id, struct ev_str *to)
{
	struct ev_str *s;

	if (id >= d->b->strings.n)
		return block_bad(d->err, "string that does not exist");
	s = &d->b->strings.v[id];
	if (s->p == block_of_key) {
		const struct ev_str *from = &d->key->strings->strings.v[id];
		char *copy = ev_batch_alloc(d->b, from->len ? from->len : 1);

		if (!copy)
			return error_set(d->err, -ENOMEM, 0, "out of memory");
		memcpy(copy, from->p, from->len);
		s->p = copy;
		s->len = from->len;
	}
	*to = *s;
	return 0;
}

/* Writes one value into a member. */
static int set_member(struct block_decoding *d, const struct schema_field *f, uint8_t *row,
		      uint64_t v, struct ev_str **items)
{
	uint8_t *member = row + f->offset;

	switch (f->type) {
	case SCHEMA_STR: return block_get_string(d, v, (struct ev_str *)member);
	case SCHEMA_BYTES:
		if (v >= d->b->blobs.n)
			return block_bad(d->err, "packet that does not exist");
		memcpy(member, &d->b->blobs.v[v], sizeof(struct ev_bytes));
		return 0;
	case SCHEMA_LIST:
		*(struct ev_list *)member = (struct ev_list){*items, (uint32_t)v};
		*items += v;
		return 0;
	default: schema_set(f, row, v); return 0;
	}
}

/*
 * Strings of all rows. Where the block has no key, which one is looked at is all there is to check; a key's are
 * copied when the first row asks.
 */
static int spread_strings(struct block_decoding *d, uint8_t *member, size_t size, const uint64_t *v,
			  uint32_t n)
{
	const struct ev_str *strings = d->b->strings.v;
	uint32_t n_strings = d->b->strings.n;

	for (uint32_t i = 0; i < n; i++, member += size) {
		int ret = 0;

		if (v[i] < n_strings && strings[v[i]].p != block_of_key)
			*(struct ev_str *)member = strings[v[i]];
		else
			ret = block_get_string(d, v[i], (struct ev_str *)member);
		if (ret)
			return ret;
	}
	return 0;
}

static int spread_packets(struct block_decoding *d, uint8_t *member, size_t size, const uint64_t *v,
			  uint32_t n)
{
	const struct ev_str *packets = d->b->blobs.v;
	uint32_t n_packets = d->b->blobs.n;

	for (uint32_t i = 0; i < n; i++, member += size) {
		if (v[i] >= n_packets)
			return block_bad(d->err, "packet that does not exist");
		memcpy(member, &packets[v[i]], sizeof(struct ev_bytes));
	}
	return 0;
}

/* Columns of all rows without the switch for each of them: most are such. */
#define SPREAD(type)                                                                               \
	do {                                                                                       \
		for (uint32_t i = 0; i < n; i++, member += size)                                   \
			*(type *)member = (type)v[i];                                              \
		return 0;                                                                          \
	} while (0)

int block_spread(struct block_decoding *d, const struct schema_field *f, const uint64_t *v,
		 uint32_t n, struct ev_str *items)
{
	const struct ev_rows *rows = &d->b->sec[f->section];
	size_t size = schema_sections[f->section].size;
	uint64_t bit = UINT64_C(1) << f->bit;
	uint8_t *row = rows->p, *member = row + f->offset;
	int ret = 0;

	if (n == rows->n && n && d->everywhere[f->section] & bit)
		switch (f->type) {
		case SCHEMA_U8: SPREAD(uint8_t);
		case SCHEMA_U16: SPREAD(uint16_t);
		case SCHEMA_U32:
		case SCHEMA_I32: SPREAD(uint32_t);
		case SCHEMA_U64:
		case SCHEMA_I64: SPREAD(uint64_t);
		case SCHEMA_STR: return spread_strings(d, member, size, v, n);
		case SCHEMA_BYTES: return spread_packets(d, member, size, v, n);
		default: break;
		}
	for (uint32_t i = 0; i < rows->n && !ret; i++, row += size)
		if (*(const uint64_t *)row & bit)
			ret = set_member(d, f, row, *v++, &items);
	return ret;
}
