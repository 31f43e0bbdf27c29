/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/block_rows.h"

#include <errno.h>
#include <stdlib.h>


/* Copies n pieces of data, whose lengths are given, into memory of the batch and its pool. */
static int pool_fill(struct ev_batch *b, struct ev_pool *pool, struct cursor *c,
		     const uint64_t *lengths, uint32_t n)
{
	uint64_t total = 0;
	const uint8_t *data;
	char *copy;

	for (uint32_t i = 0; i < n; i++) {
		if (lengths[i] > BLOCK_RAW_MAX)
			return -EPROTO;
		total += lengths[i];
	}
	data = total <= cursor_left(c) ? cursor_take(c, total) : NULL;
	if (!data)
		return -EPROTO;
	copy = ev_batch_alloc(b, total ? total : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, total);
	for (uint32_t i = 0; i < n; copy += lengths[i++], pool->n++)
		pool->v[pool->n] = (struct ev_str){copy, (uint32_t)lengths[i], pool->n};
	return 0;
}

int block_get_strings(struct cursor *c, struct ev_batch *b, const struct block_dict *key,
		      struct skbox_error *err)
{
	uint64_t n = cursor_varint(c), *lengths;
	uint32_t known = key ? key->strings->strings.n : 0;
	int ret;

	if (c->is_short || n > BLOCK_STRINGS_MAX || n > cursor_left(c))
		return block_bad(err, "number of strings is out of bounds");
	lengths = malloc((n + 1) * sizeof(*lengths));
	if (!lengths || !ev_pool_reserve(&b->strings, known + (uint32_t)n)) {
		free(lengths);
		return error_set(err, -ENOMEM, 0, "out of memory");
	}
	for (uint32_t i = 0; i < known; i++)
		b->strings.v[i] = (struct ev_str){block_of_key, 0, i};
	b->strings.n = known;
	for (uint64_t i = 0; i < n; i++)
		lengths[i] = cursor_varint(c);
	ret = c->is_short ? -EPROTO : pool_fill(b, &b->strings, c, lengths, (uint32_t)n);
	free(lengths);
	return ret == -EPROTO ? block_bad(err, "strings go past the end of the block") : ret;
}

int block_get_shapes(struct cursor *c, struct block_dict *d, struct skbox_error *err)
{
	uint64_t n = cursor_varint(c);

	if (c->is_short || n > BLOCK_EVENTS_MAX || n > cursor_left(c))
		return block_bad(err, "number of shapes is out of bounds");
	for (uint64_t i = 0; i < n; i++) {
		uint64_t masks[EV_SECTIONS], by_section[EV_SECTIONS] = {0}, sections = 0;
		uint64_t k = cursor_varint(c);
		uint32_t found = 0;

		if (k > 64)
			return block_bad(err, "shape of more than 64 sections");
		for (; k; k--) {
			uint64_t number = cursor_varint(c), mask = cursor_varint(c);
			int s = number < 64 ? schema_section_of((unsigned int)number) : -1;

			if (s >= 0) {
				sections |= UINT64_C(1) << s;
				by_section[s] = mask;
			}
		}
		if (c->is_short)
			return block_bad(err, "shapes go past the end of the block");
		for (int s = 0; s < EV_SECTIONS; s++)
			if (sections >> s & 1)
				masks[found++] = by_section[s];
		/* not block_dict_shape(): ids must count every shape, equal ones too */
		if (block_dict_append(d, sections, masks, found) < 0)
			return error_set(err, -ENOMEM, 0, "out of memory");
	}
	return 0;
}

static int get_groups(struct block_decoding *d, struct cursor *col)
{
	struct block_coder *c = d->c;
	uint32_t before = 0, n = 0;

	if (column_get(col, c->values, &(struct column_rows){.n = d->n}, &c->scratch))
		return block_bad(d->err, "column of groups is invalid");
	for (uint32_t i = 0; i < d->n; i++) {
		uint64_t v = c->values[i];

		if (v == 1)
			before = n++;
		else if (v && v - 2 < n)
			before = n - 1 - (uint32_t)(v - 2);
		else if (v || !i)
			return block_bad(d->err, "group that does not exist");
		c->group_of[i] = before;
	}
	c->events.n_groups = n;
	column_refs_clear(&c->refs);
	return 0;
}

static int get_packets(struct block_decoding *d, struct cursor *col)
{
	const struct ev_str usual = block_usual_packet(d->key);
	int ret = packets_get(col, d->b, d->n * BLOCK_EVENT_BYTES_MAX, &usual, &d->c->packets,
			      &d->c->scratch);

	return ret == -EPROTO ? block_bad(d->err, "packets are invalid")
	       : ret          ? error_set(d->err, ret, 0, "out of memory")
			      : 0;
}

static int get_packet_of(struct block_decoding *d, struct cursor *col)
{
	struct block_coder *c = d->c;

	if (!c->packets.n_flows ||
	    column_get(col, c->values, &(struct column_rows){.n = d->n}, &c->scratch) ||
	    block_get_packet_of(c, c->values, d->n, d->b->blobs.n))
		return block_bad(d->err, "column of the events' packets is invalid");
	block_find_flows(c, d->b->blobs.v, NULL, d->n);
	return 0;
}

/* The columns that are no field. */
static int get_special(struct block_decoding *d, uint64_t id, struct cursor *col)
{
	switch (id) {
	case COLUMN_GROUPS: return get_groups(d, col);
	case COLUMN_BLOBS: return get_packets(d, col);
	case COLUMN_PACKET_OF: return get_packet_of(d, col);
	default: ++*d->unknown; return 0;
	}
}

/* The rows that have the field. */
static struct column_rows field_rows(struct block_decoding *d, const struct schema_field *f)
{
	struct block_coder *c = d->c;
	const struct ev_rows *rows = &d->b->sec[f->section];
	size_t size = schema_sections[f->section].size;
	uint64_t bit = UINT64_C(1) << f->bit;
	uint32_t n = 0, row = 0;

	if (rows->n == d->n && d->everywhere[f->section] & bit)
		return (struct column_rows){.n = d->n, .of = &c->events};
	for (uint32_t i = 0; i < d->n; i++)
		if (d->b->mask[i] >> f->section & 1 &&
		    *(const uint64_t *)(rows->p + row++ * size) & bit)
			c->events_of[n++] = i;
	return (struct column_rows){.n = n, .of = &c->events, .events = c->events_of};
}

/* The items behind a list's lengths, as strings in the batch's memory. */
static int get_items(struct block_decoding *d, struct cursor *col, const uint64_t *lengths, uint32_t n,
		     struct ev_str **items)
{
	uint64_t total = 0, *ids;
	int ret = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (lengths[i] > BLOCK_LIST_ITEMS_MAX)
			return block_bad(d->err, "list is too long");
		total += lengths[i];
	}
	if (total > BLOCK_LIST_ITEMS_MAX)
		return block_bad(d->err, "lists are too long");
	ids = malloc((total + 1) * sizeof(*ids));
	*items = ev_batch_alloc(d->b, (total + 1) * sizeof(**items));
	if (!ids || !*items || column_scratch_reserve(&d->c->scratch, (uint32_t)total, 0))
		ret = error_set(d->err, -ENOMEM, 0, "out of memory");
	else if (column_get(col, ids, &(struct column_rows){.n = (uint32_t)total}, &d->c->scratch))
		ret = block_bad(d->err, "items of a list are invalid");
	for (uint64_t i = 0; !ret && i < total; i++)
		ret = block_get_string(d, ids[i], &(*items)[i]);
	free(ids);
	return ret;
}

/* The value of all rows of a field without a column. */
static void get_left_out(struct block_decoding *d, const struct schema_field *f,
			 const struct column_rows *r)
{
	uint64_t *v = d->c->values;

	for (uint32_t i = 0; i < r->n; i++)
		v[i] = r->base;
	if (!block_is_packet(f) || !d->c->events.flows)
		return;
	for (uint32_t i = 0; i < r->n; i++) /* one below none is no packet either */
		v[i] = (uint64_t)d->c->packet_of[r->events ? r->events[i] : i] - 1;
}

static int get_field(struct block_decoding *d, const struct schema_field *f, struct cursor *col)
{
	struct block_coder *c = d->c;
	struct ev_str *items = NULL;
	struct column_rows r;
	int ret = block_begin_section(d, f->section);

	if (ret)
		return ret;
	r = field_rows(d, f);
	if (f->section == EV_common && f->bit == EVI_common_timestamp)
		r.base = d->time_base;
	else if (d->key && f->type != SCHEMA_LIST)
		r.base = d->key->base[f->section][f->bit];
	if (!col)
		get_left_out(d, f, &r);
	else if (column_get(col, c->values, &r, &c->scratch))
		return error_set(d->err, -EPROTO, 0, "column %s is invalid", f->name);
	if (f->type == SCHEMA_LIST)
		ret = col ? get_items(d, col, c->values, r.n, &items)
			  : block_bad(d->err, "list without a column");
	return ret ? ret : block_spread(d, f, c->values, r.n, items);
}

/* The columns that were left out, for all their rows have the usual value. */
static int get_usual(struct block_decoding *d, uint64_t *missing_of, int only_section)
{
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];

		if (only_section >= 0 && s != only_section)
			continue;
		for (unsigned int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];
			int ret;

			if (!(missing_of[s] >> f->bit & 1))
				continue;
			if (!d->key && f->type <= SCHEMA_BOOL &&
			    !(s == EV_common && f->bit == EVI_common_timestamp))
				continue; /* zero, as the rows are already */
			ret = get_field(d, f, NULL);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* Times and tasks are what others are predicted from. */
static int get_common(struct block_decoding *d)
{
	const uint64_t needed =
		EV_BIT(common, timestamp) | EV_BIT(common, smp_id) | EV_BIT(common, tgid);
	uint64_t missing[EV_SECTIONS] = {0};
	int ret = block_begin_section(d, EV_common);
	const struct ev_common *row = (const struct ev_common *)d->b->sec[EV_common].p;

	missing[EV_common] = d->somewhere[EV_common] & ~d->seen[EV_common] & needed;
	if (!ret)
		ret = get_usual(d, missing, EV_common);
	d->seen[EV_common] |= needed;
	if (ret)
		return ret;
	block_find_tasks(d->c, row, d->b->mask, d->n);
	for (uint32_t i = 0; i < d->n; i++)
		if (d->b->mask[i] & EV_SECTION_BIT(common))
			d->c->times[i] = row++->timestamp;
	return 0;
}

static int get_columns(struct block_decoding *d, struct cursor *in)
{
	const uint64_t behind = EV_BIT(common, tgid); /* the last of the fields of get_common() */
	bool common = false, fields = false, seen[COLUMNS_END] = {false};
	int ret = 0;

	while (cursor_left(in) && !ret) {
		uint64_t id = cursor_varint(in), len = cursor_varint(in);
		const uint8_t *p = len <= cursor_left(in) ? cursor_take(in, len) : NULL;
		struct cursor col = cursor_init(p, p ? len : 0);
		const struct schema_field *f = NULL;
		int s = id >> 6 < 64 ? schema_section_of((unsigned int)(id >> 6)) : -1;

		if (!p || in->is_short)
			return block_bad(d->err, "column goes past the end of the block");
		if (id < COLUMNS_END) {
			if (seen[id] || id == COLUMN_SHAPES || fields ||
			    (id == COLUMN_GROUPS && seen[COLUMN_PACKET_OF]))
				return block_bad(d->err, "a column comes twice, or too late");
			seen[id] = true;
		}
		if (id < 64) {
			ret = get_special(d, id, &col);
			continue;
		}
		fields = true;
		if (s >= 0)
			f = schema_field_of((enum ev_section)s, (unsigned int)(id & 63) + 1);
		if (!f) {
			++*d->unknown;
			continue;
		}
		if (!(d->sections >> s & 1))
			continue;
		if (d->seen[s] >> f->bit & 1)
			return error_set(d->err, -EPROTO, 0, "column %s comes twice", f->name);
		if (!common && (s != EV_common || UINT64_C(1) << f->bit > behind)) {
			common = true;
			ret = get_common(d);
			if (ret)
				break;
		}
		d->seen[s] |= UINT64_C(1) << f->bit;
		ret = get_field(d, f, &col);
	}
	return ret;
}

int block_decode(struct block_coder *c, struct ev_batch *batch, const void *p, size_t len,
		 const struct block_dict *key, uint64_t time_base, uint64_t sections,
		 uint64_t *unknown, struct skbox_error *err)
{
	struct cursor in = cursor_init(p, len), col;
	struct block_decoding d = {.c = c,
			     .b = batch,
			     .key = key,
			     .time_base = time_base,
			     .err = err,
			     .unknown = unknown,
			     .sections = sections | EV_SECTION_BIT(common)};
	uint64_t n, id, size, missing[EV_SECTIONS];
	int ret;

	if (cursor_u8(&in) != BLOCK_CONTENT)
		return block_bad(err, "block content of an unknown kind");
	n = cursor_varint(&in);
	if (in.is_short || n > BLOCK_EVENTS_MAX)
		return error_set(err, -EPROTO, 0, "block claims %llu events (limit %u)",
				 (unsigned long long)n, BLOCK_EVENTS_MAX);
	d.n = (uint32_t)n;
	ret = block_coder_reserve(c, d.n);
	if (ret)
		return error_set(err, ret, 0, "out of memory");
	block_dict_clear(c->local);
	ret = block_get_strings(&in, batch, key, err);
	if (!ret)
		ret = block_get_shapes(&in, c->local, err);
	if (ret)
		return ret;
	id = cursor_varint(&in);
	size = cursor_varint(&in);
	if (id != COLUMN_SHAPES || size > cursor_left(&in))
		return block_bad(err, "block does not begin with its shapes");
	col = cursor_init(cursor_take(&in, size), size);
	if (column_get(&col, c->values, &(struct column_rows){.n = d.n}, &c->scratch))
		return block_bad(err, "column of shapes is invalid");
	for (uint32_t i = 0; i < d.n; i++)
		c->shape_of[i] = c->values[i] < UINT32_MAX ? (uint32_t)c->values[i] : UINT32_MAX;
	block_events_clear(c, d.n);
	c->packets.n_flows = 0;
	ret = block_find_rows(&d);
	if (!ret)
		ret = get_columns(&d, &in);
	for (int s = 0; s < EV_SECTIONS && !ret; s++) {
		missing[s] = d.somewhere[s] & ~d.seen[s];
		ret = block_begin_section(&d, s);
	}
	if (!ret)
		ret = get_usual(&d, missing, -1);
	return ret ? ret : batch->failed ? error_set(err, -ENOMEM, 0, "out of memory") : 0;
}
