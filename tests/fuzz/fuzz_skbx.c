/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are an event file: whatever is read is events that can be printed, and reading ends. So
 * are the same bytes with right checksums, and files made of blocks with these bytes as content.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_frame.h"
#include "formats/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	const uint8_t *p;
	size_t len;
};

static ssize_t read_memory(void *ctx, void *p, size_t len, uint64_t offset)
{
	struct memory *m = ctx;

	if (offset >= m->len)
		return 0;
	if (len > m->len - offset)
		len = m->len - (size_t)offset;
	memcpy(p, m->p + offset, len);
	return (ssize_t)len;
}

static void set_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void print_batch(struct text *t, const struct ev_batch *b, struct buf *out)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		buf_clear(out);
		text_event(t, &ev, 0, out);
	}
}

static void read_all(struct memory *m, int64_t size)
{
	struct skbx_input in = {.read = read_memory, .ctx = m, .size = size};
	struct text_options o = {.current = size < 0};
	struct skbx_reader *r = NULL;
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	struct buf out = {0};
	struct text t;

	text_init(&t, &o);
	if (b && !skbx_reader_open(&r, &in, NULL, &err)) {
		while (skbx_read(r, b, &err) > 0)
			print_batch(&t, b, &out);
	}
	skbx_reader_free(r);
	text_fini(&t);
	ev_batch_free(b);
	buf_free(&out);
}

/*
 * The same bytes with the checksums of their headers and data made right, so that a mutation gets
 * behind them; data whose zstd frame is broken or too small to be worth it stays what it is.
 */
static void mend(uint8_t *p, size_t len)
{
	struct frame_block b;
	uint8_t id[SKBX_ID_BYTES];
	uint16_t version;
	size_t at = SKBX_HEADER_BYTES;

	if (len < at)
		return;
	set_le32(p + 60, frame_crc(p, 60));
	if (frame_get_header(p, &version, id))
		return;
	while (len - at >= 32 && frame_le32(p + at) == FRAME_BLOCK_MAGIC) {
		size_t size = (size_t)frame_le32(p + at + 4) + FRAME_PREFIX_BYTES;
		uint8_t *h = p + at;

		if (size < 32 || size > FRAME_BLOCK_MAX || size > len - at)
			return;
		memcpy(h + 14, id, sizeof(id));
		for (int pass = 0; pass < 2;
		     pass++) { /* the second with the checksum of the data */
			memset(h + 8, 0, 4);
			set_le32(h + 8, frame_crc(h, size));
			if (frame_get_block(&b, h, size) <= 0)
				return;
			if (size + b.sum.bytes > len - at)
				return;
			set_le32(h + 22, frame_crc(h + size, b.sum.bytes));
		}
		memset(h + 8, 0, 4);
		set_le32(h + 8, frame_crc(h, size));
		at += size + b.sum.bytes;
	}
}

/* Bytes as blocks: the first says of which type and how long, the next so many are the content. */
static size_t build(uint8_t *out, size_t room, const uint8_t *p, size_t len)
{
	struct frame_block b = {.id = {1}};
	struct buf file = {0};
	size_t n = 0;

	frame_put_header(&file, b.id);
	for (; len >= 4; b.sum.seq++) {
		size_t content = (size_t)p[2] << 8 | p[3], bound;
		uint8_t *data;

		content = content < len - 4 ? content : len - 4;
		bound = ZSTD_compressBound(content);
		data = malloc(bound);
		if (!data)
			break;
		b.sum.type = p[0] & 7;
		b.sum.offset = file.len;
		b.sum.events = p[1];
		b.key = p[0] >> 3;
		b.sum.raw_bytes = (uint32_t)content;
		b.sum.bytes = (uint32_t)ZSTD_compress(data, bound, p + 4, content, 1);
		b.data_crc = frame_crc(data, b.sum.bytes);
		frame_put_block(&file, &b);
		buf_put(&file, data, b.sum.bytes);
		free(data);
		p += 4 + content;
		len -= 4 + content;
	}
	if (!file.failed && file.len <= room) {
		memcpy(out, file.p, file.len);
		n = file.len;
	}
	buf_free(&file);
	return n;
}

static void run(const uint8_t *data, size_t size)
{
	struct memory m = {data, size};
	struct skbx_input in = {.read = read_memory, .ctx = &m, .size = (int64_t)size};
	struct skbx_info info = {0};
	struct skbox_error err;

	read_all(&m, (int64_t)size);
	read_all(&m, -1);
	skbx_info(&in, &info, &err);
	skbx_info_free(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = 2 * size + 65536;
	uint8_t *p = malloc(room);

	run(data, size);
	if (p && size) {
		memcpy(p, data, size);
		mend(p, size);
		run(p, size);
		/* not a file at all: then what blocks hold, which no mutation of a compressed one reaches */
		if (!skbx_recognize(data, size))
			run(p, build(p, room, data, size));
	}
	free(p);
	return 0;
}
