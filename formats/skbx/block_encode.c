/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/block_code.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SHAPE_SLOTS = 4096,
	KEY_SHAPES_MAX = 512, /* of a key: more are no repetition */
	KEY_STRINGS_MAX = 32768,
	KEY_STRING_BYTES_MAX = 1 << 20, /* in all */
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 32;
}

/* ---- strings and byte rows: numbered at their first use in the block ---- */

static uint64_t string_id(struct block_coder *c, const struct ev_batch *b,
			  const struct block_dict *key, uint32_t id)
{
	uint32_t *at = &c->string_map[id];

	if (!*at) {
		const struct ev_str *s = &b->strings.v[id];
		int64_t known = key ? ev_string_find(key->strings, s->p, s->len) : -1;

		if (known < 0) {
			known = c->n_local_strings + (key ? key->strings->strings.n : 0);
			c->local_strings[c->n_local_strings++] = id;
		}
		*at = (uint32_t)known + 1;
	}
	return *at - 1;
}

/* From 1 on. */
static uint32_t blob_number(struct block_coder *c, uint32_t id)
{
	if (!c->blob_map[id]) {
		c->local_blobs[c->n_local_blobs++] = id;
		c->blob_map[id] = c->n_local_blobs;
	}
	return c->blob_map[id];
}

static int map_reserve(uint32_t **map, uint32_t **list, uint32_t *room, uint32_t n)
{
	if (n > *room) {
		uint32_t *m = realloc(*map, n * sizeof(*m)), *l;

		if (m)
			*map = m;
		l = realloc(*list, n * sizeof(*l));
		if (l)
			*list = l;
		if (!m || !l)
			return -ENOMEM;
		*room = n;
	}
	if (n)
		memset(*map, 0, n * sizeof(**map));
	return 0;
}

void block_put_shapes(struct buf *out, const struct block_dict *d)
{
	buf_varint(out, d->n_shapes);
	for (uint32_t i = 0; i < d->n_shapes; i++) {
		const uint64_t *mask = d->masks + d->shapes[i].first;

		buf_varint(out, d->shapes[i].n);
		for (uint64_t left = d->shapes[i].sections; left; left &= left - 1) {
			buf_varint(out, schema_sections[__builtin_ctzll(left)].number);
			buf_varint(out, *mask++);
		}
	}
}

/* ---- shapes and groups ---- */

/* The `has` masks of event i's sections, in order; advances at[]. */
static uint32_t event_masks(const struct ev_batch *b, uint32_t i, uint32_t *at, uint64_t *masks)
{
	uint32_t n = 0;

	for (uint64_t left = b->mask[i]; left; left &= left - 1) {
		int s = __builtin_ctzll(left);

		masks[n++] = *(const uint64_t *)(b->sec[s].p + at[s]++ * schema_sections[s].size);
	}
	return n;
}

static int find_shape(struct block_coder *c, const struct block_dict *key, uint64_t sections,
		      const uint64_t *masks, uint32_t n)
{
	uint32_t from_key = key ? key->n_shapes : 0;
	uint64_t hash = mix(1, sections);
	uint32_t at, id;
	int local;

	for (uint32_t i = 0; i < n; i++)
		hash = mix(hash, masks[i]);
	for (at = (uint32_t)hash % SHAPE_SLOTS; (id = c->shape_slots[at]);
	     at = (at + 1) % SHAPE_SLOTS) {
		const struct block_dict *d = --id < from_key ? key : c->local;
		const struct block_shape *shape = &d->shapes[id < from_key ? id : id - from_key];

		if (shape->sections == sections &&
		    !memcmp(d->masks + shape->first, masks, n * sizeof(*masks)))
			return (int)id;
	}
	local = block_dict_append(c->local, sections, masks, n);
	if (local < 0)
		return local;
	if (c->local->n_shapes + from_key < SHAPE_SLOTS / 2)
		c->shape_slots[at] = (uint32_t)local + from_key + 1;
	return local + (int)from_key;
}

static void key_shapes(struct block_coder *c, const struct block_dict *key)
{
	memset(c->shape_slots, 0, SHAPE_SLOTS * sizeof(*c->shape_slots));
	for (uint32_t i = 0; key && i < key->n_shapes && i < SHAPE_SLOTS / 4; i++) {
		const struct block_shape *shape = &key->shapes[i];
		uint64_t hash = mix(1, shape->sections);
		uint32_t at;

		for (uint32_t k = 0; k < shape->n; k++)
			hash = mix(hash, key->masks[shape->first + k]);
		for (at = (uint32_t)hash % SHAPE_SLOTS; c->shape_slots[at];)
			at = (at + 1) % SHAPE_SLOTS;
		c->shape_slots[at] = i + 1;
	}
}

static int encode_shapes(struct block_coder *c, const struct ev_walk *walk, uint32_t n,
			 const struct block_dict *key)
{
	const struct ev_batch *b = walk->batch;
	uint64_t before[EV_SECTIONS], masks[EV_SECTIONS];
	uint32_t at[EV_SECTIONS], n_before = 0;
	uint64_t sections = 0;
	int shape = -1;

	block_dict_clear(c->local);
	key_shapes(c, key);
	memcpy(at, walk->at, sizeof(at));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = event_masks(b, walk->i + i, at, masks);

		if (shape < 0 || b->mask[walk->i + i] != sections ||
		    memcmp(masks, before, k * sizeof(*masks))) {
			sections = b->mask[walk->i + i];
			memcpy(before, masks, k * sizeof(*masks));
			n_before = k;
			shape = find_shape(c, key, sections, before, n_before);
			if (shape < 0)
				return shape;
		}
		c->shape_of[i] = (uint32_t)shape;
	}
	return 0;
}

/* The next row of a section in the walk; NULL: the batch has none. */
static const void *first_row(const struct ev_walk *walk, enum ev_section s)
{
	const struct ev_rows *rows = &walk->batch->sec[s];

	return rows->p ? rows->p + walk->at[s] * schema_sections[s].size : NULL;
}

/*
 * Journeys and sockets: events of one group predict each other. Groups are found by a hash of what
 * tells them apart; two that collide only predict worse. Their numbers become c->values.
 */
static void find_groups(struct block_coder *c, const struct ev_walk *walk, uint32_t n)
{
	const struct ev_batch *b = walk->batch;
	const struct ev_skb_tracking *track = first_row(walk, EV_skb_tracking);
	const struct ev_packet *packet = first_row(walk, EV_packet);
	const struct ev_common *common = first_row(walk, EV_common);
	const struct ev_diag *diag = first_row(walk, EV_diag);
	uint32_t before = 0;
	bool seen;

	block_keys_clear(c, n);
	c->events.n_groups = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t mask = b->mask[walk->i + i], hash = 1;
		uint32_t g;

		if (mask & EV_SECTION_BIT(skb_tracking))
			hash = mix(mix(2, track->timestamp), track->orig_head);
		else if (mask & EV_SECTION_BIT(diag))
			hash = mix(3, diag->cookie);
		track += mask >> EV_skb_tracking & 1;
		diag += mask >> EV_diag & 1;
		g = block_key_number(c, hash, &c->events.n_groups, &seen);
		c->values[i] = !seen ? 1 : i && g == before ? 0 : 2 + (c->events.n_groups - 1 - g);
		before = c->group_of[i] = g;
		c->times[i] = mask & EV_SECTION_BIT(common) ? common++->timestamp : 0;
		if (mask & EV_SECTION_BIT(packet)) {
			if (EV_HAS(packet, packet, data))
				c->packet_of[i] = blob_number(c, packet->data.id);
			packet++;
		}
	}
}

/* ---- columns ---- */

/* The parts of the block encoded last, borrowed; see block.h. */
const struct block_part *block_parts(const struct block_coder *c, uint32_t *n)
{
	*n = c->n_parts;
	return c->parts;
}

/* The stream's bytes up to `end` are a part of their own, if that is long enough to pay. */
static void cut(struct block_stream *to, size_t end, int section)
{
	size_t start = to->n_parts ? to->parts[to->n_parts - 1].end : 0;

	if (end - start >= BLOCK_PART_BYTES && to->n_parts < BLOCK_PARTS_MAX)
		to->parts[to->n_parts++] = (struct block_part){end, section};
}

/* The finished column goes to a stream: id, length, bytes. */
static void emit(struct block_coder *c, struct block_stream *to, uint32_t id, int section)
{
	size_t start;

	buf_varint(&to->buf, id);
	buf_varint(&to->buf, c->column.len);
	start = to->buf.len;
	buf_put(&to->buf, c->column.p, c->column.len);
	to->buf.failed |= c->column.failed;
	for (uint32_t i = 0; i < c->scratch.n_cuts; i++)
		cut(to, start + c->scratch.cuts[i], section);
	cut(to, to->buf.len, section);
	c->scratch.n_cuts = 0;
	buf_clear(&c->column);
}

/* Appends a stream to the block. */
static void put_stream(struct block_coder *c, struct buf *out, const struct block_stream *from)
{
	for (uint32_t i = 0; i < from->n_parts; i++)
		c->parts[c->n_parts++] =
			(struct block_part){out->len + from->parts[i].end, from->parts[i].section};
	buf_put(out, from->buf.p, from->buf.len);
	out->failed |= from->buf.failed;
}

/* Rows of a section that are in the block. */
struct section_rows {
	const uint8_t *first;
	uint32_t n, n_events;   /* n_events: of the block */
	const uint32_t *events; /* of each row */
};

/* Rows without the field are left out: n stays where it is, and the next one takes their place. */
#define GATHER(value)                                                                              \
	do {                                                                                       \
		for (uint32_t i = 0; i < section->n; i++, row += size) {                           \
			const void *member = row + f->offset;                                      \
			uint32_t has = *(const uint64_t *)row >> f->bit & 1;                       \
                                                                                                   \
			c->events_of[n] = section->events[i];                                      \
			if (has)                                                                   \
				c->values[n] = (value);                                            \
			n += has;                                                                  \
		}                                                                                  \
	} while (0)

/* Values of a field in the rows that have it, with their events; their count. A loop for each type. */
static uint32_t gather(struct block_coder *c, const struct ev_batch *b,
		       const struct block_dict *key, const struct schema_field *f,
		       const struct section_rows *section)
{
	size_t size = schema_sections[f->section].size;
	const uint8_t *row = section->first;
	uint32_t n = 0;

	switch (f->type) {
	case SCHEMA_U8: GATHER(*(const uint8_t *)member); break;
	case SCHEMA_U16: GATHER(*(const uint16_t *)member); break;
	case SCHEMA_U32: GATHER(*(const uint32_t *)member); break;
	case SCHEMA_I32: GATHER((uint64_t)(int64_t) * (const int32_t *)member); break;
	case SCHEMA_I64:
	case SCHEMA_U64: GATHER(*(const uint64_t *)member); break;
	case SCHEMA_STR: GATHER(string_id(c, b, key, ((const struct ev_str *)member)->id)); break;
	case SCHEMA_BYTES: GATHER(blob_number(c, ((const struct ev_bytes *)member)->id) - 1); break;
	case SCHEMA_LIST: GATHER(((const struct ev_list *)member)->n); break;
	default: GATHER(*(const bool *)member); break;
	}
	return n;
}

/* The items of all lists of the rows, behind the column of their lengths. */
static int encode_items(struct block_coder *c, const struct ev_batch *b,
			const struct block_dict *key, const struct schema_field *f,
			const struct section_rows *section, uint32_t n)
{
	size_t size = schema_sections[f->section].size;
	const uint8_t *row = section->first;
	uint64_t *items;
	size_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += c->values[i];
	if (total > BLOCK_LIST_ITEMS_MAX)
		return -E2BIG;
	if (column_scratch_reserve(&c->scratch, (uint32_t)total, 0))
		return -ENOMEM;
	items = malloc((total + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	total = 0;
	for (uint32_t i = 0; i < section->n; i++, row += size) {
		const struct ev_list *list = (const struct ev_list *)(row + f->offset);

		for (uint32_t k = 0; *(const uint64_t *)row >> f->bit & 1 && k < list->n; k++)
			items[total++] = string_id(c, b, key, list->v[k].id);
	}
	column_put(&c->column, items, &(struct column_rows){.n = (uint32_t)total}, COLUMN_NONE,
		   &c->scratch);
	free(items);
	return 0;
}

static bool all_equal(const uint64_t *v, uint32_t n, uint64_t to)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i] != to)
			return false;
	return true;
}

static int encode_field(struct block_coder *c, const struct ev_batch *b,
			const struct block_dict *key, const struct schema_field *f,
			const struct section_rows *section, uint64_t time_base)
{
	uint32_t n = gather(c, b, key, f, section);
	struct column_rows r = {.n = n,
				.of = &c->events,
				/* a row of each event: what they are held against is kept */
				.events = n == section->n_events ? NULL : c->events_of,
				.base = key ? key->base[f->section][f->bit] : 0};
	int err = 0;

	if (f->section == EV_common && f->bit == EVI_common_timestamp)
		r.base = time_base;
	if (!n || (f->type != SCHEMA_LIST && all_equal(c->values, n, r.base)))
		return 0;
	if (f->type == SCHEMA_LIST)
		r.base = 0;
	column_put(&c->column, c->values, &r, block_pred(f), &c->scratch);
	if (f->type == SCHEMA_LIST)
		err = encode_items(c, b, key, f, section, n);
	emit(c, &c->columns, schema_sections[f->section].number << 6 | f->bit, f->section);
	return err;
}

/* n_rows: of this section in the block. */
static int encode_section(struct block_coder *c, const struct ev_walk *walk, uint32_t n, int s,
			  uint32_t n_rows, const struct block_dict *key, struct block_stats *stats,
			  uint64_t time_base)
{
	const struct ev_batch *b = walk->batch;
	const struct schema_section *sec = &schema_sections[s];
	struct section_rows rows = {.first = b->sec[s].p + walk->at[s] * (size_t)sec->size,
				    .n_events = n,
				    .events = c->row_events};
	size_t before = c->columns.buf.len;
	int err = 0;

	for (uint32_t i = 0; rows.n < n_rows && i < n; i++)
		if (b->mask[walk->i + i] >> s & 1)
			c->row_events[rows.n++] = i;
	for (unsigned int i = 0; rows.n && i < sec->n_fields && !err; i++) {
		const struct schema_field *f = &sec->fields[i];

		/* column 4 tells the packets, where it is */
		if (!block_is_packet(f) || !c->events.flows)
			err = encode_field(c, b, key, f, &rows, time_base);
	}
	if (stats) {
		stats->rows[s] += rows.n;
		stats->raw[s] += c->columns.buf.len - before;
	}
	return err;
}

/* How many rows the block has of each section. */
static void count_rows(const struct ev_walk *walk, uint32_t n, uint32_t rows[EV_SECTIONS])
{
	const uint64_t *mask = walk->batch->mask + walk->i;

	for (uint32_t i = 0, same; i < n; i += same) {
		/* most events have the sections of the one before */
		for (same = 1; i + same < n && mask[i + same] == mask[i];)
			same++;
		for (uint64_t left = mask[i]; left; left &= left - 1)
			rows[__builtin_ctzll(left)] += same;
	}
}

/* Bytes of other fields are stored with the packets, behind them. */
static void find_other_bytes(struct block_coder *c, const struct ev_walk *walk,
			     const uint32_t rows[EV_SECTIONS])
{
	const struct ev_batch *b = walk->batch;

	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int k = 0; rows[s] && k < schema_sections[s].n_fields; k++) {
			const struct schema_field *f = &schema_sections[s].fields[k];
			size_t size = schema_sections[s].size;
			const uint8_t *row = b->sec[s].p + walk->at[s] * size;

			for (uint32_t i = 0; f->type == SCHEMA_BYTES && i < rows[s];
			     i++, row += size)
				if (*(const uint64_t *)row >> f->bit & 1)
					blob_number(
						c,
						((const struct ev_bytes *)(row + f->offset))->id);
		}
}

/* The packets of the block, behind the groups: with what packets tell, other columns are predicted. */
static int encode_packets(struct block_coder *c, const struct ev_batch *b,
			  const struct block_dict *key, uint32_t n, struct block_stats *stats)
{
	const struct ev_str usual = block_usual_packet(key);
	int err = packets_put(&c->column, b->blobs.v, c->local_blobs, c->n_local_blobs, &usual,
			      &c->packets, &c->scratch);

	if (stats)
		stats->raw[EV_packet] += c->column.len;
	emit(c, &c->head, COLUMN_BLOBS, EV_packet);
	if (err || !c->packets.n_flows)
		return err;
	block_put_packet_of(c, c->values, n);
	block_find_flows(c, b->blobs.v, c->local_blobs, n);
	column_put(&c->column, c->values, &(struct column_rows){.n = n}, COLUMN_NONE, &c->scratch);
	emit(c, &c->head, COLUMN_PACKET_OF, EV_packet);
	return 0;
}

/* The last packet is the usual one, up to where packets have something in common. */
static void teach_packet(const struct ev_str *packet, struct block_dict *learn)
{
	uint32_t len = packet->len < PACKETS_HEAD ? packet->len : PACKETS_HEAD;

	for (uint32_t k = 1; k < len && k < learn->packet_len; k++)
		/* a single equal byte is an accident */
		if (k >= learn->packet_used && !memcmp(packet->p + k - 1, learn->packet + k - 1, 2))
			learn->packet_used = k + 1;
	memcpy(learn->packet, packet->p, len);
	learn->packet_len = len;
}

/*
 * What a next key should know: these strings, shapes and last values. A key is bounded, and what does
 * not fit into it, or into memory, is spelt out in the blocks.
 */
static void teach(const struct block_coder *c, const struct ev_walk *walk, uint32_t n,
		  const struct block_dict *key, struct block_dict *learn)
{
	const struct ev_batch *b = walk->batch;

	for (uint32_t i = 0; i < b->strings.n; i++)
		if (c->string_map[i] && learn->strings->strings.n < KEY_STRINGS_MAX &&
		    b->strings.v[i].len < KEY_STRING_BYTES_MAX - learn->strings->bytes)
			ev_string(learn->strings, b->strings.v[i].p, b->strings.v[i].len);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = c->shape_of[i], from_key = key ? key->n_shapes : 0;
		const struct block_dict *d = id < from_key ? key : c->local;
		const struct block_shape *shape = &d->shapes[id < from_key ? id : id - from_key];

		if (i && id == c->shape_of[i - 1])
			continue;
		if (learn->n_shapes < KEY_SHAPES_MAX)
			block_dict_shape(learn, shape->sections, d->masks + shape->first, shape->n);
	}
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int k = 0;
		     k < schema_sections[s].n_fields && walk->at[s] < b->sec[s].n; k++) {
			const struct schema_field *f = &schema_sections[s].fields[k];
			const uint8_t *row = b->sec[s].p + walk->at[s] * schema_sections[s].size;

			if (f->type == SCHEMA_BYTES || f->type == SCHEMA_LIST ||
			    !(*(const uint64_t *)row >> f->bit & 1))
				continue;
			if (f->type == SCHEMA_STR) {
				const struct ev_str *v = (const struct ev_str *)(row + f->offset);
				int64_t id = ev_string_find(learn->strings, v->p, v->len);

				learn->base[s][f->bit] = id < 0 ? 0 : (uint64_t)id;
			} else {
				learn->base[s][f->bit] = schema_get(f, row);
			}
		}
	if (c->n_local_blobs)
		teach_packet(&b->blobs.v[c->local_blobs[0]], learn);
	learn->strings->failed = false;
}

size_t block_own_bytes(const struct block_coder *c)
{
	return c->own_bytes;
}

int block_encode(struct block_coder *c, struct buf *out, struct ev_walk *walk, uint32_t to,
		 const struct block_dict *key, struct block_dict *learn, uint64_t time_base,
		 struct block_stats *stats)
{
	const struct ev_batch *b = walk->batch;
	uint32_t n = to - walk->i;
	uint32_t rows[EV_SECTIONS] = {0};
	size_t start;
	int err = block_coder_reserve(c, n > b->blobs.n ? n : b->blobs.n);

	if (!err)
		err = map_reserve(&c->string_map, &c->local_strings, &c->string_room, b->strings.n);
	if (!err)
		err = map_reserve(&c->blob_map, &c->local_blobs, &c->blob_room, b->blobs.n);
	if (!err)
		err = encode_shapes(c, walk, n, key);
	if (err)
		return err;
	c->n_local_strings = c->n_local_blobs = 0;
	buf_clear(&c->head.buf);
	buf_clear(&c->columns.buf);
	buf_clear(&c->column);
	c->n_parts = c->head.n_parts = c->columns.n_parts = c->scratch.n_cuts = 0;
	for (uint32_t i = 0; i < n; i++)
		c->values[i] = c->shape_of[i];
	column_put(&c->column, c->values, &(struct column_rows){.n = n}, COLUMN_NONE, &c->scratch);
	emit(c, &c->head, COLUMN_SHAPES, -1);
	block_events_clear(c, n);
	find_groups(c, walk, n);
	if (c->events.n_groups > 1) { /* without the column all are in one */
		column_put(&c->column, c->values, &(struct column_rows){.n = n}, COLUMN_NONE,
			   &c->scratch);
		emit(c, &c->head, COLUMN_GROUPS, -1);
	}
	block_find_tasks(c, (const struct ev_common *)b->sec[EV_common].p + walk->at[EV_common],
			 b->mask + walk->i, n);
	count_rows(walk, n, rows);
	find_other_bytes(c, walk, rows);
	if (c->n_local_blobs)
		err = encode_packets(c, b, key, n, stats);
	for (int s = 0; s < EV_SECTIONS && !err; s++)
		err = encode_section(c, walk, n, s, rows[s], key, stats, time_base);
	if (!err && c->n_local_strings > BLOCK_STRINGS_MAX)
		err = -E2BIG;
	if (err)
		return err;

	buf_u8(out, BLOCK_CONTENT);
	buf_varint(out, n);
	start = out->len;
	buf_varint(out, c->n_local_strings);
	for (uint32_t i = 0; i < c->n_local_strings; i++)
		buf_varint(out, b->strings.v[c->local_strings[i]].len);
	for (uint32_t i = 0; i < c->n_local_strings; i++)
		buf_put(out, b->strings.v[c->local_strings[i]].p,
			b->strings.v[c->local_strings[i]].len);
	block_put_shapes(out, c->local);
	c->own_bytes = out->len - start;
	put_stream(c, out, &c->head);
	put_stream(c, out, &c->columns);
	if (learn)
		teach(c, walk, n, key, learn);
	for (int s = 0; s < EV_SECTIONS; s++)
		walk->at[s] += rows[s];
	walk->i = to;
	return out->failed ? -ENOMEM : 0;
}
