/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files by somebody who means harm: time, memory, silent loss. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zstd.h>

#include "formats/schema.h"
#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_frame.h"
#include "tests/unit/skbx_memory.h"

/* ---- forging ---- */

/* A block whose checksums are right. data may be NULL: then a header that promises bad data. */
static void forge(struct buf *file, size_t base, struct frame_block *b, const struct buf *raw)
{
	uint8_t *data = NULL;

	memcpy(b->id, file_id, sizeof(file_id));
	b->sum.offset = file->len - base;
	if (raw) {
		size_t room = ZSTD_compressBound(raw->len);

		data = malloc(room);
		assert_non_null(data);
		b->sum.bytes = (uint32_t)ZSTD_compress(data, room, raw->p, raw->len, 1);
		b->sum.raw_bytes = (uint32_t)raw->len;
		b->data_crc = frame_crc(data, b->sum.bytes);
	}
	frame_put_block(file, b);
	buf_put(file, data, data ? b->sum.bytes : 0);
	free(data);
}

/* Blocks inside the data of blocks, all with right headers and wrong data. */
static void test_nested_bad_blocks(void **state)
{
	enum { BYTES = 2 << 20 };
	struct frame_block b = {.sum = {.type = SKBX_EVENTS, .bytes = BYTES, .raw_bytes = 1}};
	struct buf file = {0};
	struct result r;

	frame_put_header(&file, file_id);
	while (file.len < 2 * BYTES) {
		size_t at = file.len;

		/* no data ends where another header begins, which would make the search go on there */
		forge(&file, 0, &b, NULL);
		b.sum.bytes = BYTES + 32 - (uint32_t)(file.len - at);
		file.len = at;
		forge(&file, 0, &b, NULL);
		b.sum.seq++;
		while (file.len < at + 64)
			buf_u8(&file, 0);
	}
	for (int pipe = 0; pipe < 2; pipe++) {
		r = read_file(&file, pipe, NULL);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.events, 0);
		print_message("%d damaged, %.3f s\n", (int)r.status.damaged, r.seconds);
		assert_true(r.status.damaged > 0);
		assert_true(r.seconds < 2);
	}
	buf_free(&file);
}

/* What looks like the beginnings of headers, all over a packet, is looked at no longer than that. */
static void test_many_magics(void **state)
{
	struct buf file = {0};
	struct result r;

	small_file(&file, 2, false);
	buf_put(&file, "garbage", 7);
	while (file.len < 8 << 20) {
		buf_le(&file, FRAME_BLOCK_MAGIC, 4);
		buf_le(&file, FRAME_BLOCK_MAX - FRAME_PREFIX_BYTES, 4);
	}
	r = read_file(&file, false, NULL);
	assert_int_equal(r.events, 10);
	assert_int_equal(r.status.damaged, 1);
	assert_true(r.seconds < 1);
	buf_free(&file);
}

/* A seek table that promises 4 GiB of entries is not waited for in memory. */
static void test_huge_seek_table(void **state)
{
	struct buf file = {0};
	struct result r;

	small_file(&file, 3, false);
	file.p[SKBX_HEADER_BYTES + 9] ^= 1; /* damage: then the frames were not all counted */
	buf_le(&file, FRAME_SEEK_MAGIC, 4);
	buf_le(&file, 0xf0000009, 4);
	while (file.len < 2 << 20)
		buf_u8(&file, 0);
	for (int pipe = 0; pipe < 2; pipe++) {
		r = read_file(&file, pipe, NULL);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.events, 10);
		assert_true(r.most <= FRAME_DATA_MAX + FRAME_BLOCK_MAX + 8);
	}
	buf_free(&file);
}

/* Many tiny blocks that name a key of many strings cost what they use of it. */
static void test_large_key(void **state)
{
	enum { STRINGS = BLOCK_STRINGS_MAX, STRING_BYTES = 200, BLOCKS = 1500 };
	struct frame_block key = {.sum = {.type = SKBX_KEY}, .key = 1};
	struct frame_block b = {.sum = {.type = SKBX_EVENTS, .events = 1, .seq = 1}, .key = 1};
	struct buf file = {0}, raw = {0};
	struct result r;

	frame_put_header(&file, file_id);
	buf_u8(&raw, 1);
	buf_varint(&raw, STRINGS);
	for (unsigned int i = 0; i < STRINGS; i++)
		buf_varint(&raw, STRING_BYTES);
	for (unsigned int i = 0; i < STRINGS * STRING_BYTES; i++)
		buf_u8(&raw, 'a');
	buf_put(&raw, "\x01\x01\x01\x05", 4); /* a shape: common with timestamp and comm */
	forge(&file, 0, &key, &raw);
	buf_clear(&raw);
	buf_put(&raw, "\x01\x01\0\0", 4); /* one event, no strings and shapes of its own */
	buf_put(&raw, "\x02\x02\0\0", 4); /* of shape 0 */
	buf_put(&raw, "\x42\x04\0", 3);   /* the last string */
	buf_varint(&raw, (STRINGS - 1) * 2);
	for (unsigned int i = 0; i < BLOCKS; i++, b.sum.seq++)
		forge(&file, 0, &b, &raw);
	r = read_file(&file, false, NULL);
	assert_int_equal(r.status.damaged, 0);
	assert_int_equal(r.events, BLOCKS);
	print_message("%.3f ms a block\n", r.seconds * 1000 / BLOCKS);
	assert_true(r.seconds < (COUNTS_MEMORY ? 0.3 : 2));
	buf_free(&file);
	buf_free(&raw);
}

/* "No column comes twice", those that are no fields neither: 16 MiB of them would take minutes. */
static void test_repeated_columns(void **state)
{
	static const char *const columns[] = {"\x01\x02\0\x02", "\x03\x04\0\0\0"};
	static const size_t lengths[] = {4, 6};

	for (int k = 0; k < 2; k++) {
		struct block_coder *c = block_coder_new();
		struct ev_batch *batch = ev_batch_new();
		struct buf raw = {0};
		struct skbox_error err = {0};
		uint64_t unknown = 0;

		buf_u8(&raw, 1);
		buf_varint(&raw, BLOCK_EVENTS_MAX);
		buf_put(&raw, "\0\x01\x01\x01\x01\x02\x02\0\0", 9);
		buf_put(&raw, columns[k], lengths[k]);
		assert_int_equal(
			block_decode(c, batch, raw.p, raw.len, NULL, 0, UINT64_MAX, &unknown, &err),
			0);
		ev_batch_clear(batch);
		buf_put(&raw, columns[k], lengths[k]);
		assert_int_equal(
			block_decode(c, batch, raw.p, raw.len, NULL, 0, UINT64_MAX, &unknown, &err),
			-EPROTO);
		buf_free(&raw);
		ev_batch_free(batch);
		block_coder_free(c);
	}
}

/* Numbers that no writer gives: the header is none. */
static void test_header_bounds(void **state)
{
	const struct skbx_summary bad[] = {
		{.type = SKBX_EVENTS, .events = BLOCK_EVENTS_MAX + 1},
		{.type = SKBX_EVENTS, .events = UINT64_MAX},
		{.type = SKBX_EVENTS, .events = 1, .packets = 2},
		{.type = SKBX_EVENTS, .events = 1, .sockets = 2},
		{.type = SKBX_EVENTS, .events = 1, .first_ns = 2, .last_ns = 1},
		{.type = SKBX_EVENTS, .bytes = FRAME_DATA_MAX + 1},
		{.type = SKBX_EVENTS, .raw_bytes = BLOCK_RAW_MAX + 1},
	};
	struct frame_block b = {.sum = {.type = SKBX_EVENTS, .events = 1}}, got;
	struct buf h = {0};

	frame_put_block(&h, &b);
	assert_int_equal(frame_get_block(&got, h.p, h.len), h.len);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&h);
		b.sum = bad[i];
		frame_put_block(&h, &b);
		assert_int_equal(frame_get_block(&got, h.p, h.len), -EPROTO);
	}
	buf_free(&h);
}

/*
 * Packets that somebody made so that they all had one hash: two flipped bits in a word cancelled those
 * of the word before, whatever stood before them.
 */
static void test_packets_of_one_hash(void **state)
{
	enum { PAIRS = 13 };
	struct ev_batch *b = ev_batch_new();
	uint64_t words[2 * PAIRS] = {0};
	double start = seconds();

	for (uint32_t i = 0; i < 1 << PAIRS; i++) {
		for (int k = 0; k < PAIRS; k++) {
			words[2 * k] = (uint64_t)(i >> k & 1) << 63;
			words[2 * k + 1] = words[2 * k] | words[2 * k] >> 32;
		}
		assert_int_equal(ev_bytes(b, words, sizeof(words)).id, i);
	}
	print_message("%.0f ns a packet\n", (seconds() - start) * 1e9 / (1 << PAIRS));
	assert_true((seconds() - start) / (1 << PAIRS) < 3e-6);
	ev_batch_free(b);
}

/* What a newer writer adds is passed over, and counted; what is known is read. */
static void test_newer_writer(void **state)
{
	struct frame_block other = {.sum = {.type = 9}};
	struct frame_block b = {.sum = {.type = SKBX_EVENTS, .events = 1, .seq = 1}};
	struct buf file = {0}, raw = {0};
	struct result r;

	frame_put_header(&file, file_id);
	buf_str(&raw, "whatever this is");
	forge(&file, 0, &other, &raw);
	buf_clear(&raw);
	/* an event with a time, a field of `common` that nobody knows, and a section that nobody knows */
	buf_put(&raw, "\x01\x01\0\x01\x02\x01", 6);
	buf_varint(&raw, UINT64_C(1) << 63 | 1);
	buf_put(&raw, "\x3f\x01", 2);
	buf_put(&raw, "\x02\x02\0\0", 4);
	buf_put(&raw, "\x05\x01?", 3);
	buf_put(&raw, "\x40\x02\0\x0a", 4);
	buf_put(&raw, "\x7f\x02\0\0", 4);
	buf_varint(&raw, 63 << 6);
	buf_put(&raw, "\x03new", 4);
	forge(&file, 0, &b, &raw);
	r = read_file(&file, false, NULL);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.status.damaged, 0);
	assert_int_equal(r.events, 1);
	assert_int_equal(r.status.unknown, 4);
	buf_free(&file);
	buf_free(&raw);
}

/* ---- silent loss ---- */

/* A flipped bit in a file that was not finished is told as well: nothing is lost in silence. */
static void test_unfinished_and_damaged(void **state)
{
	struct buf file = {0}, cut = {0};
	size_t last;

	small_file(&file, 3, false);
	for (last = file.len; frame_le32(file.p + --last) != FRAME_BLOCK_MAGIC;)
		;
	for (size_t bit = 0; bit < (file.len - last) * 8; bit++) {
		struct result r;

		file.p[last + bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = read_file(&file, false, NULL);
		file.p[last + bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* a length that leads behind the end looks like a file that is cut there */
		if (bit / 8 >= 4 && bit / 8 < 8)
			continue;
		if (r.status.damaged != 1)
			print_message("bit %zu of byte %zu\n", bit % 8, bit / 8);
		assert_int_equal(r.status.damaged, 1);
	}
	/* a tail of zeros: blocks that the disk never got */
	buf_put(&cut, file.p, last);
	for (int i = 0; i < 5000; i++)
		buf_u8(&cut, 0);
	assert_int_equal(read_file(&cut, false, NULL).status.damaged, 1);
	/* behind a file that is cut another one is not found, but that is told */
	for (size_t at = last + 1; at < file.len; at++) {
		struct result r;

		buf_clear(&cut);
		buf_put(&cut, file.p, at);
		small_file(&cut, 3, false);
		r = read_file(&cut, at % 2, NULL);
		assert_int_equal(r.error, 0);
		assert_true(r.status.damaged >= 1);
	}
	buf_free(&file);
	buf_free(&cut);
}

/* One flipped bit in the header of a second file costs nothing of it. */
static void test_second_header(void **state)
{
	struct buf file = {0};
	size_t second;

	small_file(&file, 3, true);
	second = file.len;
	small_file(&file, 3, true);
	for (size_t bit = 0; bit < SKBX_HEADER_BYTES * 8; bit++) {
		struct result r;

		file.p[second + bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = read_file(&file, bit % 2, NULL);
		file.p[second + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.status.damaged, 1);
		assert_int_equal(r.events, 30);
	}
	buf_free(&file);
}

static bool want_none(void *ctx, const struct skbx_summary *s)
{
	return false;
}

/* A block that is cut is not counted, though nobody looks into it. */
static void test_cut_and_skipped(void **state)
{
	struct skbx_read_options o = {.want = want_none};
	struct buf file = {0};

	small_file(&file, 3, false);
	assert_int_equal(read_file(&file, false, &o).status.events, 15);
	file.len--;
	for (int pipe = 0; pipe < 2; pipe++) {
		struct result r = read_file(&file, pipe, &o);

		assert_int_equal(r.status.events, read_file(&file, pipe, NULL).status.events);
		assert_int_equal(r.status.damaged, 0);
	}
	buf_free(&file);
}

/* Rows of sections that were not asked for do not appear, out of the inventory neither. */
static void test_sections_of_inventory(void **state)
{
	struct skbx_read_options o = {.sections = EV_SECTION_BIT(kernel)};
	struct skbx_writer *w;
	struct ev_batch *b = ev_batch_new();
	struct buf file = {0};
	struct skbox_error err;

	w = writer(&file);
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, startup), startup, tool, ev_text(b, "skbox"));
	some_events(b, 4, 1);
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_int_equal(skbx_writer_close(w, &err), 0);
	skbx_writer_free(w);
	assert_int_equal(read_file(&file, false, NULL).events, 5);
	assert_int_equal(read_file(&file, false, &o).events, 5);
	buf_free(&file);
	ev_batch_free(b);
}

/* The sketch knows probes of the user's programs as well. */
static void test_userspace_sketch(void **state)
{
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct frame_block block;
	struct skbox_error err;

	ev_batch_begin(b);
	EV_SET(EV_ADD(b, userspace), userspace, symbol, ev_text(b, "dpif_netdev:run"));
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_true(frame_get_block(&block, file.p + SKBX_HEADER_BYTES,
				    file.len - SKBX_HEADER_BYTES) > 0);
	assert_true(block.sum.probes == skbx_sketch("dpif_netdev:run", 15));
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested_bad_blocks),
		cmocka_unit_test(test_many_magics),
		cmocka_unit_test(test_huge_seek_table),
		cmocka_unit_test(test_large_key),
		cmocka_unit_test(test_repeated_columns),
		cmocka_unit_test(test_header_bounds),
		cmocka_unit_test(test_packets_of_one_hash),
		cmocka_unit_test(test_newer_writer),
		cmocka_unit_test(test_unfinished_and_damaged),
		cmocka_unit_test(test_second_header),
		cmocka_unit_test(test_cut_and_skipped),
		cmocka_unit_test(test_sections_of_inventory),
		cmocka_unit_test(test_userspace_sketch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
