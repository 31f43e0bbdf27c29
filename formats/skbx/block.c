/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/block.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/block_code.h"

struct block_dict *block_dict_new(void)
{
	struct block_dict *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->refs = 1;
	d->strings = ev_batch_new();
	d->cap_masks =
		2 * EV_SECTIONS; /* from the start: shapes without a section point there too */
	d->masks = malloc(d->cap_masks * sizeof(*d->masks));
	if (!d->strings || !d->masks) {
		block_dict_free(d);
		return NULL;
	}
	return d;
}

void block_dict_free(struct block_dict *d)
{
	if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;
	ev_batch_free(d->strings);
	free(d->shapes);
	free(d->masks);
	free(d);
}

struct block_dict *block_dict_share(struct block_dict *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

bool block_dict_is_shared(const struct block_dict *d)
{
	return __atomic_load_n(&d->refs, __ATOMIC_ACQUIRE) > 1;
}

void block_dict_clear(struct block_dict *d)
{
	ev_batch_clear(d->strings);
	d->n_shapes = d->n_masks = d->packet_len = d->packet_used = 0;
	memset(d->base, 0, sizeof(d->base));
}

int block_dict_shape(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n)
{
	for (uint32_t i = d->n_shapes; i-- > 0;)
		if (d->shapes[i].sections == sections &&
		    !memcmp(d->masks + d->shapes[i].first, masks, n * sizeof(*masks)))
			return (int)i;
	return block_dict_append(d, sections, masks, n);
}

int block_dict_append(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n)
{
	if (d->n_shapes == d->cap_shapes) {
		uint32_t cap = d->cap_shapes ? d->cap_shapes * 2 : 32;
		struct block_shape *shapes = realloc(d->shapes, cap * sizeof(*shapes));

		if (!shapes)
			return -1;
		d->shapes = shapes;
		d->cap_shapes = cap;
	}
	if (d->cap_masks - d->n_masks < n) {
		uint32_t cap = d->cap_masks * 2 + 2 * EV_SECTIONS;
		uint64_t *new = realloc(d->masks, cap * sizeof(*new));

		if (!new)
			return -1;
		d->masks = new;
		d->cap_masks = cap;
	}
	if (n) /* a shape without any section: both may be NULL */
		memcpy(d->masks + d->n_masks, masks, n * sizeof(*masks));
	d->shapes[d->n_shapes] = (struct block_shape){sections, d->n_masks, n};
	d->n_masks += n;
	return (int)d->n_shapes++;
}

void block_dict_put(struct buf *out, const struct block_dict *d)
{
	const struct ev_pool *strings = &d->strings->strings;

	buf_u8(out, BLOCK_CONTENT);
	buf_varint(out, strings->n);
	for (uint32_t i = 0; i < strings->n; i++)
		buf_varint(out, strings->v[i].len);
	for (uint32_t i = 0; i < strings->n; i++)
		buf_put(out, strings->v[i].p, strings->v[i].len);
	block_put_shapes(out, d);
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int bit = 0; bit < 64; bit++)
			if (d->base[s][bit]) {
				buf_varint(out, schema_sections[s].number << 6 | bit);
				buf_varint(out, zigzag((int64_t)d->base[s][bit]));
			}
	if (d->packet_len) {
		buf_varint(out, COLUMN_BLOBS);
		buf_varint(out, d->packet_len);
		buf_put(out, d->packet, d->packet_len);
	}
}

static int get_usual_packet(struct cursor *c, struct block_dict *d, uint64_t len,
			    struct skbox_error *err)
{
	const uint8_t *packet = len <= PACKETS_HEAD ? cursor_take(c, len) : NULL;

	if (!packet)
		return error_set(err, -EPROTO, 0, "packet of a key block is invalid");
	memcpy(d->packet, packet, len);
	d->packet_len = (uint32_t)len;
	return 0;
}

int block_dict_get(struct block_dict *d, const void *p, size_t len, struct skbox_error *err)
{
	struct cursor c = cursor_init(p, len);
	int ret;

	block_dict_clear(d);
	if (cursor_u8(&c) != BLOCK_CONTENT)
		return error_set(err, -EPROTO, 0, "key block of an unknown kind");
	ret = block_get_strings(&c, d->strings, NULL, err);
	if (!ret)
		ret = block_get_shapes(&c, d, err);
	while (!ret && cursor_left(&c)) {
		uint64_t id = cursor_varint(&c), value = cursor_varint(&c);
		int s = id >> 6 < 64 ? schema_section_of((unsigned int)(id >> 6)) : -1;

		if (c.is_short)
			ret = error_set(err, -EPROTO, len, "key block ends within a value");
		else if (id == COLUMN_BLOBS)
			ret = get_usual_packet(&c, d, value, err);
		else if (s >= 0)
			d->base[s][id & 63] = (uint64_t)unzigzag(value);
	}
	return ret;
}

struct block_coder *block_coder_new(void)
{
	struct block_coder *c = calloc(1, sizeof(*c));

	if (c && !(c->local = block_dict_new())) {
		free(c);
		return NULL;
	}
	return c;
}

void block_coder_free(struct block_coder *c)
{
	if (!c)
		return;
	column_scratch_free(&c->scratch);
	column_refs_free(&c->refs);
	packets_scratch_free(&c->packets);
	block_dict_free(c->local);
	free(c->values);
	free(c->times);
	free(c->shape_of);
	free(c->group_of);
	free(c->flow_of);
	free(c->size_of);
	free(c->task_of);
	free(c->packet_of);
	free(c->row_events);
	free(c->events_of);
	free(c->run_ends);
	buf_free(&c->columns.buf);
	buf_free(&c->column);
	buf_free(&c->head.buf);
	free(c->string_map);
	free(c->blob_map);
	free(c->local_strings);
	free(c->local_blobs);
	free(c->keys);
	free(c->key_slots);
	free(c->shape_slots);
	free(c);
}

int block_coder_reserve(struct block_coder *c, uint32_t events)
{
	uint32_t room = c->room ? c->room : 1024;
	struct {
		void *p;
		size_t size;
	} arrays[] = {
		{&c->values, sizeof(*c->values)},
		{&c->times, sizeof(*c->times)},
		{&c->shape_of, sizeof(*c->shape_of)},
		{&c->group_of, sizeof(*c->group_of)},
		{&c->flow_of, sizeof(*c->flow_of)},
		{&c->size_of, sizeof(*c->size_of)},
		{&c->task_of, sizeof(*c->task_of)},
		{&c->packet_of, sizeof(*c->packet_of)},
		{&c->row_events, sizeof(*c->row_events)},
		{&c->events_of, sizeof(*c->events_of)},
		{&c->run_ends, sizeof(*c->run_ends)},
		{&c->keys, sizeof(*c->keys)},
		{&c->key_slots, 4 * sizeof(*c->key_slots)},
	};

	while (room < events)
		room *= 2;
	if (!c->shape_slots && !(c->shape_slots = calloc(4096, sizeof(*c->shape_slots))))
		return -ENOMEM;
	if (room == c->room)
		return 0;
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		void **p = arrays[i].p, *new = realloc(*p, room * arrays[i].size);

		if (!new)
			return -ENOMEM;
		*p = new;
	}
	if (column_scratch_reserve(&c->scratch, room, room) || column_refs_reserve(&c->refs, room))
		return -ENOMEM;
	c->room = room;
	return 0;
}
