/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_index.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/column.h"
#include "formats/schema.h"
#include "formats/skbx/skbx_frame.h"

enum { PIECE_BYTES = 65536 }; /* of a seek table */

/* The integers of a summary, one column each. Numbers are in files: add at the end. */
enum {
	COL_SEQ,
	COL_OFFSET,
	COL_TYPE,
	COL_EVENTS,
	COL_PACKETS,
	COL_SOCKETS,
	COL_RAW,
	COL_BYTES,
	COL_FIRST,
	COL_LAST,
	COL_LOST,
	COL_PROBES,
	COL_DROPS,
	COL_FLOWS_BYTES,
	COLUMNS
};

/* Where the data of the block before ends: the offset less that is small, and compresses to nothing. */
static uint64_t end_before(const struct skbx_index *x, uint32_t i)
{
	return i ? x->v[i - 1].offset + x->v[i - 1].bytes : 0;
}

static uint64_t column_of(const struct skbx_index *x, uint32_t i, int column)
{
	const struct skbx_summary *s = &x->v[i];
	const uint64_t values[COLUMNS] = {
		s->seq,       s->offset - end_before(x, i),
		s->type,      s->events,
		s->packets,   s->sockets,
		s->raw_bytes, s->bytes,
		s->first_ns,  s->last_ns - s->first_ns,
		s->lost,      s->probes,
		s->drops,     s->flows_bytes,
	};

	return values[column];
}

static void set_column(struct skbx_summary *s, int column, uint64_t v)
{
	switch (column) {
	case COL_SEQ: s->seq = (uint32_t)v; break;
	case COL_OFFSET: s->offset = v; break;
	case COL_TYPE: s->type = (uint8_t)v; break;
	case COL_EVENTS: s->events = v; break;
	case COL_PACKETS: s->packets = v; break;
	case COL_SOCKETS: s->sockets = v; break;
	case COL_RAW: s->raw_bytes = (uint32_t)v; break;
	case COL_BYTES: s->bytes = (uint32_t)v; break;
	case COL_FIRST: s->first_ns = v; break;
	case COL_LAST: s->last_ns = v; break;
	case COL_LOST: s->lost = v; break;
	case COL_PROBES: s->probes = v; break;
	case COL_DROPS: s->drops = v; break;
	case COL_FLOWS_BYTES: s->flows_bytes = (uint32_t)v; break;
	}
}

void skbx_index_free(struct skbx_index *x)
{
	free(x->v);
	buf_free(&x->flows);
	buf_free(&x->frames);
	*x = (struct skbx_index){0};
}

/* Room for n bytes, or not; one that got none can be asked again. */
static bool has_room(struct buf *b, size_t n)
{
	bool got = buf_room(b, n + 1) != NULL;

	b->failed = false;
	return got;
}

static int add_summary(struct skbx_index *x, const struct skbx_summary *s)
{
	if (x->n == x->cap) {
		uint32_t cap = x->cap ? x->cap * 2 : 256;
		struct skbx_summary *v = realloc(x->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n] = *s;
	x->v[x->n++].flows = NULL;
	return 0;
}

int skbx_index_add(struct skbx_index *x, const struct skbx_summary *s, size_t header)
{
	if (!has_room(&x->frames, 30) || !has_room(&x->flows, s->flows_bytes) || add_summary(x, s))
		return -ENOMEM;
	buf_put(&x->flows, s->flows, s->flows_bytes);
	buf_varint(&x->frames, header);
	buf_varint(&x->frames, s->bytes);
	buf_varint(&x->frames, s->raw_bytes);
	x->n_blocks++;
	return 0;
}

void skbx_index_clear(struct skbx_index *x)
{
	x->n = 0;
	buf_clear(&x->flows);
}

int skbx_index_put(const struct skbx_index *x, struct buf *out)
{
	struct column_scratch scratch = {0};
	uint64_t *values = malloc((x->n + 1) * sizeof(*values));
	int ret = values ? column_scratch_reserve(&scratch, x->n, 0) : -ENOMEM;

	buf_varint(out, x->n);
	buf_varint(out, COLUMNS);
	for (int k = 0; k < COLUMNS && !ret; k++) {
		for (uint32_t i = 0; i < x->n; i++)
			values[i] = column_of(x, i, k);
		column_put(out, values, &(struct column_rows){.n = x->n}, COLUMN_PREV, &scratch);
	}
	buf_put(out, x->flows.p, x->flows.len);
	free(values);
	column_scratch_free(&scratch);
	return ret ? ret : out->failed ? -ENOMEM : 0;
}

int skbx_index_get(struct skbx_index *x, const void *p, size_t len, struct skbox_error *err)
{
	struct cursor c = cursor_init(p, len);
	uint64_t count = cursor_varint(&c), columns = cursor_varint(&c), *values;
	struct column_scratch scratch = {0};
	uint32_t from = x->n;
	int ret = 0;

	if (count > SKBX_INDEX_MAX || columns > 64)
		return error_set(err, -EPROTO, 0, "index of %llu blocks (limit %u)",
				 (unsigned long long)count, SKBX_INDEX_MAX);
	values = malloc((count + 1) * sizeof(*values));
	if (!values || column_scratch_reserve(&scratch, (uint32_t)count, 0))
		ret = -ENOMEM;
	for (uint64_t i = 0; i < count && !ret; i++)
		ret = add_summary(x, &(struct skbx_summary){0});
	for (uint64_t k = 0; k < columns && !ret; k++) {
		ret = column_get(&c, values, &(struct column_rows){.n = (uint32_t)count}, &scratch);
		for (uint64_t i = 0; i < count && !ret; i++)
			set_column(&x->v[from + i], (int)k, values[i]);
	}
	for (uint32_t i = from; i < from + count && !ret; i++) {
		x->v[i].last_ns += x->v[i].first_ns;
		x->v[i].offset += i > from ? end_before(x, i) : 0;
	}
	for (uint64_t i = 0; i < count && !ret; i++) {
		uint32_t n = x->v[from + i].flows_bytes;
		const uint8_t *flows = n <= FRAME_FLOWS_MAX ? cursor_take(&c, n) : NULL;

		if (!flows)
			ret = -EPROTO;
		else
			buf_put(&x->flows, flows, n);
	}
	free(values);
	column_scratch_free(&scratch);
	if (ret)
		x->n = from;
	return ret == -EPROTO ? error_set(err, ret, 0, "index is invalid")
	       : ret          ? error_set(err, ret, 0, "out of memory")
			      : 0;
}

static void put_frame(struct buf *out, uint64_t compressed, uint64_t raw)
{
	buf_le(out, compressed, 4);
	buf_le(out, raw, 4);
}

bool skbx_index_seek_table(const struct skbx_index *x, size_t *at, struct buf *out)
{
	struct cursor c = cursor_init(x->frames.p + *at, x->frames.len - *at);
	uint64_t frames = 1 + 2 * (uint64_t)x->n_blocks;

	if (!*at) {
		buf_le(out, FRAME_SEEK_MAGIC, 4);
		buf_le(out, frames * 8 + FRAME_SEEK_FOOTER_BYTES, 4);
		put_frame(out, SKBX_HEADER_BYTES, 0);
	}
	while (cursor_left(&c) && out->len < PIECE_BYTES && !out->failed) {
		uint64_t data;

		put_frame(out, cursor_varint(&c), 0);
		data = cursor_varint(&c);
		put_frame(out, data, cursor_varint(&c));
	}
	*at = x->frames.len - cursor_left(&c);
	if (cursor_left(&c))
		return true;
	buf_le(out, frames, 4);
	buf_u8(out, 0); /* no checksums here: the frames have their own */
	buf_le(out, FRAME_SEEK_FOOTER_MAGIC, 4);
	return false;
}

void skbx_trailer_put(struct buf *out, const struct skbx_summary *all, uint64_t blocks,
		      uint64_t index_at, const struct skbx_section_bytes sections[EV_SECTIONS])
{
	unsigned int n = 0;

	for (int s = 0; s < EV_SECTIONS; s++)
		n += sections[s].rows != 0;
	buf_varint(out, blocks);
	buf_varint(out, index_at);
	buf_varint(out, all->events);
	buf_varint(out, all->packets);
	buf_varint(out, all->sockets);
	buf_varint(out, all->first_ns);
	buf_varint(out, all->last_ns);
	buf_varint(out, all->lost);
	buf_varint(out, all->probes);
	buf_varint(out, all->drops);
	buf_varint(out, n);
	for (int s = 0; s < EV_SECTIONS; s++) {
		if (!sections[s].rows)
			continue;
		buf_varint(out, schema_sections[s].number);
		buf_varint(out, sections[s].rows);
		buf_varint(out, sections[s].raw);
		buf_varint(out, sections[s].bytes);
	}
}

int skbx_trailer_get(struct cursor *c, struct skbx_info *info, uint64_t *index_at,
		     struct skbox_error *err)
{
	struct skbx_summary *all = &info->all;
	uint64_t n;

	info->blocks = cursor_varint(c);
	*index_at = cursor_varint(c);
	all->events = cursor_varint(c);
	all->packets = cursor_varint(c);
	all->sockets = cursor_varint(c);
	all->first_ns = cursor_varint(c);
	all->last_ns = cursor_varint(c);
	all->lost = cursor_varint(c);
	all->probes = cursor_varint(c);
	all->drops = cursor_varint(c);
	n = cursor_varint(c);
	for (; n && !c->is_short; n--) {
		uint64_t number = cursor_varint(c);
		struct skbx_section_bytes b = {.rows = cursor_varint(c)};
		int s = number < 64 ? schema_section_of((unsigned int)number) : -1;

		b.raw = cursor_varint(c);
		b.bytes = cursor_varint(c);
		if (s >= 0)
			info->sections[s] = b;
	}
	return c->is_short ? error_set(err, -EPROTO, 0, "trailer is too short") : 0;
}
