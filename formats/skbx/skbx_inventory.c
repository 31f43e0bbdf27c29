/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_inventory.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/schema.h"

enum {
	ROWS_MAX =
		BLOCK_EVENTS_MAX, /* they must fit into one block; later ones are in their own blocks only */
	ROWS_KEPT =
		2048, /* of them for what is no device, namespace, probe or name of a drop reason: */
	BYTES_MAX = 4 << 20, /* those may be many, and long; a block holds them and the kept ones */
	ROW_BYTES_MAX = 65536,
	CLOCKS_DENSE = 64, /* so many samples are kept each (ten minutes, one every ten seconds), */
	CLOCKS_THINNER = 32, /* then every second one, after so many every fourth, ... */
	SLOTS = 4 * ROWS_MAX,
};

static const uint64_t many_sections = EV_SECTION_BIT(iface) | EV_SECTION_BIT(nsinfo) |
				      EV_SECTION_BIT(probe) | EV_SECTION_BIT(dropname);

static const uint64_t inventory_sections =
	EV_SECTION_BIT(startup) | EV_SECTION_BIT(host) | EV_SECTION_BIT(clock) |
	EV_SECTION_BIT(iface) | EV_SECTION_BIT(nsinfo) | EV_SECTION_BIT(probe) |
	EV_SECTION_BIT(dropname) | EV_SECTION_BIT(total) | EV_SECTION_BIT(finish) |
	EV_SECTION_BIT(input);

bool skbx_inventory_is(uint64_t sections)
{
	return (sections & inventory_sections) != 0;
}

int skbx_inventory_init(struct skbx_inventory *v)
{
	v->rows = ev_batch_new();
	v->seen = calloc(SLOTS, sizeof(*v->seen));
	return v->rows && v->seen ? 0 : -ENOMEM;
}

void skbx_inventory_free(struct skbx_inventory *v)
{
	ev_batch_free(v->rows);
	free(v->seen);
	*v = (struct skbx_inventory){0};
}

static uint64_t hash_more(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
	return h;
}

/* Of all that the row says and of which machine, but for when. */
static uint64_t hash_row(const struct ev *ev)
{
	uint64_t h = UINT64_C(14695981039346656037);

	if (ev->common)
		h = hash_more(h, ev->common->hostname.p, ev->common->hostname.len);
	for (int s = EV_common + 1; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];

		if (!ev->row[s])
			continue;
		h = hash_more(h, &sec->number, 1);
		h = hash_more(h, ev->row[s], sizeof(uint64_t));
		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];
			const uint8_t *member = (const uint8_t *)ev->row[s] + f->offset;
			uint64_t value = schema_get(f, ev->row[s]);

			if (f->type == SCHEMA_STR && ((const struct ev_str *)member)->len)
				h = hash_more(h, ((const struct ev_str *)member)->p,
					      ((const struct ev_str *)member)->len);
			h = hash_more(h, &value, sizeof(value));
		}
	}
	return h ? h : 1;
}

/* Samples of weeks would fill the inventory: the more there are, the fewer of them are kept. */
static bool keep_clock(struct skbx_inventory *v)
{
	uint32_t every = 1;

	if (v->clocks >= CLOCKS_DENSE)
		every = UINT32_C(2) << ((v->clocks - CLOCKS_DENSE) / CLOCKS_THINNER & 15);
	return v->clocks_seen++ % every == 0;
}

/* Bytes of the strings and lists of a row. */
static size_t row_bytes(const struct ev *ev)
{
	size_t n = 0;

	for (uint64_t left = ev->sections; left; left &= left - 1) {
		const struct schema_section *sec = &schema_sections[__builtin_ctzll(left)];
		const uint8_t *row = ev->row[__builtin_ctzll(left)];

		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];
			const struct ev_list *list = (const struct ev_list *)(row + f->offset);

			if (!(*(const uint64_t *)row >> f->bit & 1))
				continue;
			if (f->type == SCHEMA_STR || f->type == SCHEMA_BYTES)
				n += ((const struct ev_str *)(row + f->offset))->len;
			for (uint32_t k = 0; f->type == SCHEMA_LIST && k < list->n; k++)
				n += list->v[k].len + sizeof(*list->v);
		}
	}
	return n;
}

static bool has_room(const struct skbx_inventory *v, const struct ev *ev)
{
	const struct ev_batch *rows = v->rows;

	if (row_bytes(ev) > ROW_BYTES_MAX)
		return false;
	if (ev->sections & many_sections)
		return rows->n < ROWS_MAX - ROWS_KEPT && rows->bytes < BYTES_MAX;
	return rows->n < ROWS_MAX && rows->bytes < 2 * BYTES_MAX;
}

/* 0; -ENOMEM: nothing was added. */
static int add_row(struct skbx_inventory *v, const struct ev *ev)
{
	struct ev_batch *rows = v->rows;
	uint32_t n = rows->n;

	ev_copy(rows, ev);
	if (!rows->failed)
		return 0;
	if (rows->n > n)
		ev_batch_drop(rows);
	rows->failed = false;
	return -ENOMEM;
}

int skbx_inventory_learn(struct skbx_inventory *v, struct ev_walk walk, uint32_t to)
{
	struct ev ev = {0};
	uint32_t from = walk.i;

	/* most blocks have no such row: their events need not be looked at */
	while (from < to && !skbx_inventory_is(walk.batch->mask[from]))
		from++;
	if (from == to)
		return 0;
	while (walk.i < to && ev_next(&walk, &ev)) {
		uint64_t hash;
		uint32_t at;

		if (!skbx_inventory_is(ev.sections) || !has_room(v, &ev) ||
		    (ev.clock && !keep_clock(v)))
			continue;
		hash = hash_row(&ev);
		for (at = (uint32_t)hash % SLOTS; v->seen[at] && v->seen[at] != hash;)
			at = (at + 1) % SLOTS;
		if (v->seen[at])
			continue;
		if (add_row(v, &ev))
			return -ENOMEM;
		v->seen[at] = hash;
		v->clocks += ev.clock != NULL;
	}
	return 0;
}

/* The whole table: numbers, names, types and units, for readers of other versions. */
static void put_schema(struct buf *out)
{
	buf_varint(out, EV_SECTIONS);
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];

		buf_u8(out, sec->number);
		buf_u8(out, (uint8_t)strlen(sec->name));
		buf_str(out, sec->name);
		buf_u8(out, sec->n_fields);
		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];

			buf_u8(out, f->bit + 1);
			buf_u8(out, f->type);
			buf_u8(out, f->unit);
			buf_u8(out, f->base);
			buf_u8(out, (uint8_t)strlen(f->name));
			buf_str(out, f->name);
		}
	}
}

int skbx_inventory_put(struct skbx_inventory *v, struct block_coder *coder, bool schema,
		       struct buf *out)
{
	struct ev_walk walk = ev_walk(v->rows);
	struct buf part = {0};
	int ret = block_encode(coder, &part, &walk, v->rows->n, NULL, NULL, 0, NULL);

	buf_varint(out, part.len);
	buf_put(out, part.p, part.len);
	buf_clear(&part);
	if (schema)
		put_schema(&part);
	buf_varint(out, part.len);
	buf_put(out, part.p, part.len);
	if (part.failed)
		ret = -ENOMEM;
	buf_free(&part);
	return ret;
}

int skbx_inventory_get(struct cursor *c, struct block_coder *coder, struct ev_batch *rows,
		       uint64_t sections, uint64_t *unknown, struct skbox_error *err)
{
	uint64_t n = cursor_varint(c), schema;
	const uint8_t *p = n <= cursor_left(c) ? cursor_take(c, n) : NULL;

	schema = cursor_varint(c);
	if (!p || schema > cursor_left(c))
		return error_set(err, -EPROTO, 0, "inventory is too short");
	cursor_take(c, schema);
	return block_decode(coder, rows, p, n, NULL, 0, sections, unknown, err);
}
