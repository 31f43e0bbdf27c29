/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/pcap/pcapng_record.h"

#include <errno.h>
#include <string.h>

#include "formats/cursor.h"
#include "formats/schema.h"

enum {
	VERSION = 1,
	MAGIC_BYTES = 4,

	/* Section 0 is none of the schema: what its fields are. */
	SECTION_CUT = 0,
	CUT_BEFORE = 1,
	CUT_AFTER = 2,
	CUT_NONE = 3, /* the packet's bytes are the block's: makes packet.data present */
};

static const char magic[MAGIC_BYTES + 1] = "skbx";

/* ---- writing ---- */

static void put_head(struct buf *out, unsigned int section, unsigned int field, size_t len)
{
	buf_varint(out, section);
	buf_varint(out, field);
	buf_varint(out, len);
}

static void put_bytes(struct buf *out, unsigned int section, unsigned int field, const void *p,
		      size_t len)
{
	put_head(out, section, field, len);
	buf_put(out, p, len);
}

/* Little-endian, in as few bytes as hold it. */
static void put_number(struct buf *out, unsigned int section, unsigned int field, uint64_t v)
{
	size_t len = 0;

	while (len < 8 && v >> (8 * len))
		len++;
	put_head(out, section, field, len);
	buf_le(out, v, len);
}

static void put_list(struct buf *out, unsigned int section, unsigned int field, struct ev_list l)
{
	size_t len = 0;

	for (uint32_t i = 0; i < l.n; i++) {
		len += l.v[i].len + 1;
		for (uint32_t n = l.v[i].len; n >= 0x80; n >>= 7)
			len++;
	}
	put_head(out, section, field, len);
	for (uint32_t i = 0; i < l.n; i++) {
		buf_varint(out, l.v[i].len);
		buf_put(out, l.v[i].p, l.v[i].len);
	}
}

static void put_field(struct buf *out, unsigned int section, const struct schema_field *f,
		      const void *row)
{
	const void *at = (const uint8_t *)row + f->offset;
	const struct ev_bytes *bytes = at;
	const struct ev_str *s = at;
	unsigned int number = f->bit + 1u;

	switch (f->type) {
	case SCHEMA_STR: put_bytes(out, section, number, s->p, s->len); break;
	case SCHEMA_BYTES: put_bytes(out, section, number, bytes->p, bytes->len); break;
	case SCHEMA_LIST: put_list(out, section, number, *(const struct ev_list *)at); break;
	case SCHEMA_I32:
	case SCHEMA_I64:
		put_number(out, section, number, zigzag((int64_t)schema_get(f, row)));
		break;
	default: put_number(out, section, number, schema_get(f, row)); break;
	}
}

static bool is_packet_data(int section, const struct schema_field *f)
{
	return section == EV_packet && f->bit == EVI_packet_data;
}

void pcapng_record_put(const struct ev *ev, const struct pcapng_cut *cut, struct buf *out)
{
	buf_put(out, magic, MAGIC_BYTES);
	buf_u8(out, VERSION);
	if (cut) {
		put_head(out, SECTION_CUT, CUT_NONE, 0);
		if (cut->before_len)
			put_bytes(out, SECTION_CUT, CUT_BEFORE, cut->before, cut->before_len);
		if (cut->after_len)
			put_bytes(out, SECTION_CUT, CUT_AFTER, cut->after, cut->after_len);
	}
	for (uint64_t left = ev->sections; left; left &= left - 1) {
		int s = __builtin_ctzll(left);
		const struct schema_section *sec = &schema_sections[s];
		const void *row = ev->row[s];
		uint64_t has = *(const uint64_t *)row;

		if (!has)
			put_head(out, sec->number, 0, 0);
		for (unsigned int i = 0; i < sec->n_fields; i++)
			if ((has >> sec->fields[i].bit & 1) &&
			    !(cut && is_packet_data(s, &sec->fields[i])))
				put_field(out, sec->number, &sec->fields[i], row);
	}
}

/* ---- reading ---- */

struct record {
	struct ev_batch *batch;
	void *row[EV_SECTIONS]; /* of the event that is being read; NULL: not in it yet */
	struct pcapng_cut cut;
	bool has_data; /* packet.data is in the block */
};

bool pcapng_record_is(const void *p, size_t len)
{
	return len > MAGIC_BYTES && memcmp(p, magic, MAGIC_BYTES) == 0;
}

static void *row_of(struct record *r, int section)
{
	if (!r->row[section])
		r->row[section] = ev_batch_add(r->batch, (enum ev_section)section);
	return r->row[section];
}

static bool get_list(struct record *r, struct cursor c, struct ev_list *l)
{
	struct cursor again = c;
	struct ev_str *v;
	uint32_t n = 0;

	while (cursor_left(&c)) {
		cursor_take(&c, cursor_varint(&c));
		n++;
	}
	if (c.is_short)
		return false;
	v = ev_batch_alloc(r->batch, n * sizeof(*v));
	for (uint32_t i = 0; v && i < n; i++) {
		size_t len = cursor_varint(&again);

		v[i] = ev_string(r->batch, cursor_take(&again, len), len);
	}
	*l = (struct ev_list){v, v ? n : 0};
	r->batch->bytes += n * sizeof(*v);
	if (!v)
		r->batch->failed = true;
	return true;
}

/* False: the value is none of the field's type. */
static bool get_field(struct record *r, const struct schema_field *f, struct cursor c)
{
	uint8_t *row = row_of(r, f->section);
	void *at = row + f->offset;
	size_t len = cursor_left(&c);
	uint64_t v;

	switch (f->type) {
	case SCHEMA_STR: *(struct ev_str *)at = ev_string(r->batch, c.p, len); break;
	case SCHEMA_BYTES: *(struct ev_bytes *)at = ev_bytes(r->batch, c.p, len); break;
	case SCHEMA_LIST:
		if (!get_list(r, c, at))
			return false;
		break;
	default:
		if (len > 8)
			return false;
		v = cursor_le(&c, len);
		if (f->type == SCHEMA_I32 || f->type == SCHEMA_I64)
			v = (uint64_t)unzigzag(v);
		schema_set(f, row, v);
		if (schema_get(f, row) != v)
			return false;
	}
	*(uint64_t *)row |= UINT64_C(1) << f->bit;
	return true;
}

static void get_cut(struct record *r, uint64_t field, struct cursor c)
{
	r->has_data = true;
	if (field == CUT_BEFORE) {
		r->cut.before = c.p;
		r->cut.before_len = (uint32_t)cursor_left(&c);
	} else if (field == CUT_AFTER) {
		r->cut.after = c.p;
		r->cut.after_len = (uint32_t)cursor_left(&c);
	}
}

static bool get_row(struct record *r, struct cursor *c)
{
	uint64_t number = cursor_varint(c), field = cursor_varint(c), len = cursor_varint(c);
	const uint8_t *p = c->is_short ? NULL : cursor_take(c, len);
	const struct schema_field *f;
	int section;

	if (!p || number > UINT8_MAX || field > UINT8_MAX)
		return false;
	if (number == SECTION_CUT) {
		get_cut(r, field, cursor_init(p, len));
		return true;
	}
	section = schema_section_of((unsigned int)number);
	if (section < 0)
		return true;
	if (field == 0) {
		row_of(r, section);
		return true;
	}
	f = schema_field_of((enum ev_section)section, (unsigned int)field);
	return !f || get_field(r, f, cursor_init(p, len));
}

/* packet.data as it was before the packet block took a part of it; false: out of memory. */
static bool join_data(struct record *r, const uint8_t *data, uint32_t data_len)
{
	struct ev_packet *packet = row_of(r, EV_packet);
	const struct pcapng_cut *cut = &r->cut;
	size_t len = (size_t)cut->before_len + data_len + cut->after_len;
	uint8_t *p;

	if (!cut->before_len && !cut->after_len) {
		EV_SET(packet, packet, data, ev_bytes(r->batch, data, data_len));
		return true;
	}
	p = ev_batch_alloc(r->batch, len);
	if (!p)
		return false;
	if (cut->before_len)
		memcpy(p, cut->before, cut->before_len);
	if (data_len)
		memcpy(p + cut->before_len, data, data_len);
	if (cut->after_len)
		memcpy(p + cut->before_len + data_len, cut->after, cut->after_len);
	EV_SET(packet, packet, data, ev_bytes(r->batch, p, len));
	return true;
}

int pcapng_record_get(const void *p, size_t len, const uint8_t *data, uint32_t data_len,
		      struct ev_batch *batch, struct skbox_error *err)
{
	struct cursor c = cursor_init(p, len);
	struct record r = {.batch = batch};
	bool good = true;
	uint8_t version;

	if (!pcapng_record_is(p, len))
		return error_set(err, -EPROTO, 0, "not an event of ours");
	cursor_take(&c, MAGIC_BYTES);
	version = cursor_u8(&c);
	if (version != VERSION)
		return error_set(err, -EPROTO, MAGIC_BYTES, "an event of version %u, not %d",
				 version, VERSION);
	ev_batch_begin(batch);
	while (good && cursor_left(&c))
		good = get_row(&r, &c);
	if (good && r.has_data && !join_data(&r, data, data_len))
		batch->failed = true;
	if (good && !batch->failed)
		return 0;
	ev_batch_drop(batch);
	if (good)
		return error_set(err, -ENOMEM, 0, "out of memory");
	return error_set(err, -EPROTO, (uint64_t)(c.p - (const uint8_t *)p),
			 "the event beside a packet is damaged");
}
