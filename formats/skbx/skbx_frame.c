/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_frame.h"

#include <errno.h>
#include <zlib.h>

#include "formats/cursor.h"

static const uint8_t header_text[8] = {'s', 'k', 'b', 'x', '\r', '\n', 0x1a, '\n'};

enum { TAG_PROBES = 1, TAG_DROPS = 2, TAG_FLOWS = 3 };

uint32_t frame_crc(const void *p, size_t len)
{
	return (uint32_t)crc32_z(0, p, len);
}

uint32_t frame_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void set_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

void frame_put_header(struct buf *out, const uint8_t id[SKBX_ID_BYTES])
{
	uint8_t h[SKBX_HEADER_BYTES] = {0};

	set_le32(h, FRAME_HEADER_MAGIC);
	set_le32(h + 4, SKBX_HEADER_BYTES - FRAME_PREFIX_BYTES);
	memcpy(h + 8, header_text, sizeof(header_text));
	h[16] = FRAME_VERSION; /* written by */
	h[18] = FRAME_VERSION; /* readable from */
	memcpy(h + 24, id, SKBX_ID_BYTES);
	set_le32(h + 60, frame_crc(h, 60));
	buf_put(out, h, sizeof(h));
}

/* One flipped bit leaves two of the three marks. */
bool skbx_recognize(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	if (len < SKBX_HEADER_BYTES)
		return false;
	return (frame_le32(p) == FRAME_HEADER_MAGIC) +
		       (frame_le32(p + 4) == SKBX_HEADER_BYTES - FRAME_PREFIX_BYTES) +
		       !memcmp(p + 8, header_text, sizeof(header_text)) >=
	       2;
}

int frame_get_header(const uint8_t *p, uint16_t *version, uint8_t id[SKBX_ID_BYTES])
{
	if (frame_le32(p) != FRAME_HEADER_MAGIC ||
	    memcmp(p + 8, header_text, sizeof(header_text)) ||
	    frame_le32(p + 60) != frame_crc(p, 60))
		return -EPROTO;
	if ((p[18] | p[19] << 8) > FRAME_VERSION)
		return -ENOTSUP;
	*version = (uint16_t)(p[16] | p[17] << 8);
	memcpy(id, p + 24, SKBX_ID_BYTES);
	return 0;
}

/* A sketch of 64 bits: the numbers of its bits when that is shorter. */
static void put_sketch(struct buf *out, uint8_t tag, uint64_t bits)
{
	unsigned int n = (unsigned int)__builtin_popcountll(bits);

	if (!n)
		return;
	buf_u8(out, tag);
	buf_varint(out, n < 8 ? n : 8);
	if (n >= 8)
		buf_le(out, bits, 8);
	for (; n < 8 && bits; bits &= bits - 1)
		buf_u8(out, (uint8_t)__builtin_ctzll(bits));
}

/* A number of the header that must not be above a limit. */
static uint64_t bounded(struct cursor *c, uint64_t most, bool *bad)
{
	uint64_t v = cursor_varint(c);

	*bad |= v > most;
	return v;
}

static uint64_t get_sketch(struct cursor *c)
{
	uint64_t bits = 0;

	if (cursor_left(c) == 8)
		return cursor_le(c, 8);
	while (cursor_left(c))
		bits |= UINT64_C(1) << (cursor_u8(c) & 63);
	return bits;
}

void frame_put_block(struct buf *out, const struct frame_block *b)
{
	const struct skbx_summary *s = &b->sum;
	size_t start = out->len;

	buf_le(out, FRAME_BLOCK_MAGIC, 4);
	buf_le(out, 0, 4); /* size */
	buf_le(out, 0, 4); /* CRC of the header, from its magic on, with these zero */
	buf_u8(out, s->type);
	buf_u8(out, 0);
	buf_put(out, b->id, SKBX_ID_BYTES);
	buf_le(out, b->data_crc, 4);
	buf_varint(out, s->seq);
	buf_varint(out, s->offset);
	buf_varint(out, s->bytes);
	buf_varint(out, s->raw_bytes);
	buf_varint(out, b->key);
	buf_varint(out, s->events);
	buf_varint(out, s->packets);
	buf_varint(out, s->sockets);
	buf_varint(out, s->first_ns);
	buf_varint(out, s->last_ns - s->first_ns);
	buf_varint(out, s->lost);
	put_sketch(out, TAG_PROBES, s->probes);
	put_sketch(out, TAG_DROPS, s->drops);
	if (s->flows_bytes) {
		buf_u8(out, TAG_FLOWS);
		buf_varint(out, s->flows_bytes);
		buf_put(out, s->flows, s->flows_bytes);
	}
	if (out->failed)
		return;
	set_le32(out->p + start + 4, (uint32_t)(out->len - start - FRAME_PREFIX_BYTES));
	set_le32(out->p + start + 8, frame_crc(out->p + start, out->len - start));
}

static bool header_crc_is_right(const uint8_t *p, size_t len)
{
	static const uint8_t zero[4];
	uLong crc = crc32_z(0, p, 8);

	crc = crc32_z(crc, zero, 4);
	return crc32_z(crc, p + 12, len - 12) == frame_le32(p + 8);
}

int frame_get_block(struct frame_block *b, const uint8_t *p, size_t len)
{
	struct skbx_summary *s = &b->sum;
	bool bad = false;
	struct cursor c;
	size_t size;

	if (len < FRAME_PREFIX_BYTES)
		return 0;
	size = (size_t)frame_le32(p + 4) + FRAME_PREFIX_BYTES;
	if (frame_le32(p) != FRAME_BLOCK_MAGIC || size > FRAME_BLOCK_MAX || size < 32)
		return -EPROTO;
	if (len < size)
		return 0;
	if (!header_crc_is_right(p, size))
		return -EPROTO;
	c = cursor_init(p + 12, size - 12);
	*s = (struct skbx_summary){.type = cursor_u8(&c)};
	cursor_take(&c, 1);
	memcpy(b->id, cursor_take(&c, SKBX_ID_BYTES), SKBX_ID_BYTES);
	b->data_crc = (uint32_t)cursor_le(&c, 4);
	s->seq = (uint32_t)bounded(&c, UINT32_MAX, &bad);
	s->offset = cursor_varint(&c);
	s->bytes = (uint32_t)bounded(&c, FRAME_DATA_MAX, &bad);
	s->raw_bytes = (uint32_t)bounded(&c, BLOCK_RAW_MAX, &bad);
	b->key = (uint32_t)bounded(&c, UINT32_MAX, &bad);
	s->events = bounded(&c, s->type == SKBX_EVENTS ? BLOCK_EVENTS_MAX : UINT64_MAX, &bad);
	s->packets = bounded(&c, s->events, &bad);
	s->sockets = bounded(&c, s->events, &bad);
	s->first_ns = cursor_varint(&c);
	s->last_ns = s->first_ns + bounded(&c, UINT64_MAX - s->first_ns, &bad);
	s->lost = cursor_varint(&c);
	while (cursor_left(&c)) {
		uint8_t tag = cursor_u8(&c);
		uint64_t n = cursor_varint(&c);
		const uint8_t *value = n <= cursor_left(&c) ? cursor_take(&c, n) : NULL;
		struct cursor v = cursor_init(value, value ? n : 0);

		if (!value)
			return -EPROTO;
		if (tag == TAG_PROBES)
			s->probes = get_sketch(&v);
		else if (tag == TAG_DROPS)
			s->drops = get_sketch(&v);
		else if (tag == TAG_FLOWS && n <= FRAME_FLOWS_MAX && !(n & (n - 1))) {
			memcpy(b->flows, value, n);
			s->flows = b->flows;
			s->flows_bytes = (uint32_t)n;
		}
	}
	return c.is_short || bad ? -EPROTO : (int)size;
}

bool frame_may_be_block(const uint8_t *p, size_t len, const uint8_t id[SKBX_ID_BYTES],
			uint64_t offset)
{
	struct cursor c = cursor_init(p, len);

	if (cursor_le(&c, 4) != FRAME_BLOCK_MAGIC)
		return false;
	cursor_take(&c, 10);
	p = cursor_take(&c, SKBX_ID_BYTES);
	cursor_take(&c, 4);
	cursor_varint(&c);
	return cursor_varint(&c) == offset && !c.is_short && !memcmp(p, id, SKBX_ID_BYTES);
}
