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

/* ---- mutations that know what a file is made of, for libFuzzer ---- */

/* libFuzzer's own; nobody calls the mutator where there is none. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *p, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

enum { PIECES_MAX = 256, CONTENT_MAX = 1 << 18 };

struct piece {
	size_t at, header, data; /* bytes of the block's header and of its data behind it */
};

/* The blocks of a file, as its headers say. */
static size_t find_pieces(const uint8_t *p, size_t len, struct piece v[PIECES_MAX])
{
	struct frame_block b;
	size_t n = 0, at = SKBX_HEADER_BYTES;

	while (n < PIECES_MAX && at < len && len - at >= 32 &&
	       frame_le32(p + at) == FRAME_BLOCK_MAGIC) {
		size_t header = (size_t)frame_le32(p + at + 4) + FRAME_PREFIX_BYTES;

		if (header > FRAME_BLOCK_MAX || header > len - at ||
		    frame_get_block(&b, p + at, header) <= 0 || b.sum.bytes > len - at - header)
			break;
		v[n++] = (struct piece){at, header, b.sum.bytes};
		at += header + b.sum.bytes;
	}
	return n;
}

/* The block with what it holds changed: some bytes in their place, or any way libFuzzer likes. */
static void put_changed(struct buf *out, const uint8_t *p, const struct piece *x, unsigned int seed)
{
	uint8_t *content = malloc(CONTENT_MAX), *data = malloc(ZSTD_compressBound(CONTENT_MAX));
	struct frame_block b;
	size_t n, at, window;

	frame_get_block(&b, p + x->at, x->header);
	n = content ? ZSTD_decompress(content, CONTENT_MAX, p + x->at + x->header, x->data) : 0;
	if (!data || !n || ZSTD_isError(n)) {
		buf_put(out, p + x->at, x->header + x->data);
		goto out;
	}
	at = seed % n;
	window = 1 + seed / 7 % 16;
	if (seed & 3)
		LLVMFuzzerMutate(content + at, window < n - at ? window : n - at,
				 window < n - at ? window : n - at);
	else
		n = LLVMFuzzerMutate(content, n, CONTENT_MAX);
	b.sum.raw_bytes = (uint32_t)n;
	b.sum.offset = out->len;
	b.sum.bytes = (uint32_t)ZSTD_compress(data, ZSTD_compressBound(CONTENT_MAX), content, n, 1);
	b.data_crc = frame_crc(data, b.sum.bytes);
	frame_put_block(out, &b);
	buf_put(out, data, b.sum.bytes);
out:
	free(content);
	free(data);
}

/* A block is changed inside, left out, repeated, or changes places with the next; or its header is changed. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct piece v[PIECES_MAX];
	size_t n = find_pieces(data, size, v), chosen;
	struct buf out = {0};

	if (!n || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, max);
	chosen = seed / 8 % n;
	if (seed % 8 == 1) {
		LLVMFuzzerMutate(data + v[chosen].at, v[chosen].header, v[chosen].header);
		mend(data, size);
		return size;
	}
	buf_put(&out, data, SKBX_HEADER_BYTES);
	for (size_t i = 0; i < n; i++) {
		const struct piece *x = &v[i];

		if (i == chosen && seed % 8 == 2)
			continue;
		if (i == chosen && seed % 8 == 3 && i + 1 < n)
			buf_put(&out, data + v[i + 1].at, v[i + 1].header + v[i + 1].data);
		if (i == chosen && seed % 8 > 3)
			put_changed(&out, data, x, seed / 8 / (unsigned int)n);
		else
			buf_put(&out, data + x->at, x->header + x->data);
		if (i == chosen && seed % 8 == 4)
			buf_put(&out, data + x->at, x->header + x->data);
	}
	/* the index and the seek table behind the blocks, which may be wrong now */
	buf_put(&out, data + v[n - 1].at + v[n - 1].header + v[n - 1].data,
		size - v[n - 1].at - v[n - 1].header - v[n - 1].data);
	if (!out.failed && out.len <= max) {
		memcpy(data, out.p, out.len);
		size = out.len;
	}
	buf_free(&out);
	return size;
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
