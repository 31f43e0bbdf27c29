/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files by somebody who means harm, and writers at their limits: time, memory, silent loss. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <malloc.h>
#include <zstd.h>

#include "formats/schema.h"
#include "formats/skbx.h"
#include "formats/skbx_frame.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_MEMORY false
#endif
#endif
#ifndef COUNTS_MEMORY
#define COUNTS_MEMORY true

/* ---- memory that runs out: the allocation after which all fail ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
static long allocations_left = -1; /* -1: no end */

static bool runs_out(void)
{
	return allocations_left >= 0 && (allocations_left == 0 || !--allocations_left);
}

void *malloc(size_t n)
{
	return runs_out() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return runs_out() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return runs_out() ? NULL : __libc_realloc(p, n);
}
#else
static long allocations_left;
#endif

static const uint8_t file_id[SKBX_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- files in memory ---- */

struct memory {
	struct buf *file;
	size_t most; /* bytes asked for at once */
};

static ssize_t read_memory(void *ctx, void *p, size_t len, uint64_t offset)
{
	struct memory *m = ctx;
	size_t n = offset < m->file->len ? m->file->len - offset : 0;

	m->most = len > m->most ? len : m->most;
	n = n < len ? n : len;
	memcpy(p, m->file->p + offset, n);
	return (ssize_t)n;
}

static int write_memory(void *ctx, const void *p, size_t len)
{
	buf_put(ctx, p, len);
	return 0;
}

static int write_nothing(void *ctx, const void *p, size_t len)
{
	return 0;
}

struct result {
	int error;
	uint64_t events;
	size_t most;
	double seconds;
	struct skbx_status status;
};

static struct result read_file(struct buf *file, bool pipe, const struct skbx_read_options *o)
{
	struct memory m = {file, 0};
	struct skbx_input in = {read_memory, &m, pipe ? -1 : (int64_t)file->len};
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err = {0};
	struct skbx_reader *r;
	struct result result = {0};
	double start = seconds();

	result.error = skbx_reader_open(&r, &in, o, &err);
	while (!result.error && (result.error = skbx_read(r, b, &err)) == 1) {
		result.error = 0;
		result.events += b->n;
	}
	if (r)
		result.status = *skbx_read_status(r);
	result.seconds = seconds() - start;
	result.most = m.most;
	skbx_reader_free(r);
	ev_batch_free(b);
	return result;
}

static struct skbx_writer *writer(struct buf *file)
{
	struct skbx_output out = {file ? write_memory : write_nothing, file};
	struct skbx_write_options options = {.level = 1};
	struct skbx_writer *w;
	struct skbox_error err;

	memcpy(options.id, file_id, sizeof(file_id));
	assert_int_equal(skbx_writer_open(&w, &out, &options, &err), 0);
	return w;
}

/* n events of different comm, from this time on. */
static void some_events(struct ev_batch *b, unsigned int n, uint64_t time)
{
	for (unsigned int i = 0; i < n; i++) {
		char comm[16];
		struct ev_common *c;

		snprintf(comm, sizeof(comm), "task-%u", i);
		ev_batch_begin(b);
		c = EV_ADD(b, common);
		EV_SET(c, common, timestamp, time + i);
		EV_SET(c, common, comm, ev_text(b, comm));
	}
}

/* A file of `blocks` blocks of five events. */
static void small_file(struct buf *file, unsigned int blocks, bool close)
{
	struct skbx_writer *w = writer(file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	for (unsigned int i = 0; i < blocks; i++) {
		ev_batch_clear(b);
		some_events(b, 5, 1000 + i * 100);
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	if (close)
		assert_int_equal(skbx_writer_close(w, &err), 0);
	skbx_writer_free(w);
	ev_batch_free(b);
}

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

/* ---- writers at their limits ---- */

/* What a writer accepted can be read: n events, whole. */
static void check_written(struct buf *file, uint64_t n)
{
	struct result r = read_file(file, false, NULL);

	assert_int_equal(r.error, 0);
	assert_int_equal(r.status.damaged, 0);
	assert_true(r.status.finished);
	assert_int_equal(r.events, n);
}

/* More shapes than a key can hold, in turn, in small blocks. */
static void test_many_shapes(void **state)
{
	enum { SHAPES = 100, BLOCKS = 3000 };
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	unsigned int shape = 0;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		ev_batch_clear(b);
		for (int k = 0; k < 5; k++, shape++) {
			struct ev_common *c;
			struct ev_tcpinfo *t;

			ev_batch_begin(b);
			c = EV_ADD(b, common);
			EV_SET(c, common, timestamp, i * 1000 + (unsigned int)k);
			t = EV_ADD(b, tcpinfo);
			t->has = shape % SHAPES;
		}
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, BLOCKS * 5);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
}

/* An event with a string of its own of that many bytes. */
static void long_event(struct ev_batch *b, char *text, size_t len, unsigned int i)
{
	struct ev_kernel *k;

	snprintf(text, len, "%u", i);
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, i);
	k = EV_ADD(b, kernel);
	EV_SET(k, kernel, symbol, ev_string(b, text, len));
}

/* Strings that do not fit into one block, into one key. */
static void test_long_strings(void **state)
{
	static const struct {
		unsigned int events, batches;
		size_t bytes;
	} cases[] = {{8192, 1, 4096}, {200, 2, 200000}, {3, 40, 500000}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf file = {0};
		struct skbx_writer *w = writer(&file);
		struct ev_batch *b = ev_batch_new();
		struct skbox_error err;
		char *text = malloc(cases[i].bytes);
		unsigned int n = 0;

		memset(text, 'x', cases[i].bytes);
		for (unsigned int k = 0; k < cases[i].batches; k++) {
			ev_batch_clear(b);
			for (unsigned int e = 0; e < cases[i].events; e++)
				long_event(b, text, cases[i].bytes, n++);
			assert_int_equal(skbx_write(w, b, &err), 0);
		}
		assert_int_equal(skbx_writer_close(w, &err), 0);
		check_written(&file, n);
		skbx_writer_free(w);
		ev_batch_free(b);
		buf_free(&file);
		free(text);
	}
}

/* More strings than a block can have: stacks of frames that are all different. */
static void test_many_strings(void **state)
{
	enum { EVENTS = 8000, FRAMES = 20 };
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	for (unsigned int i = 0; i < EVENTS; i++) {
		struct ev_str frames[FRAMES];
		struct ev_kernel *k;

		ev_batch_begin(b);
		for (unsigned int f = 0; f < FRAMES; f++) {
			unsigned int number = i * FRAMES + f;

			frames[f] = ev_string(b, &number, sizeof(number));
		}
		k = EV_ADD(b, kernel);
		EV_SET(k, kernel, stack_trace, ev_list(b, frames, FRAMES));
	}
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, EVENTS);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
}

/* An event that fits into no block is refused, and the file goes on without it. */
static void test_event_too_large(void **state)
{
	size_t len = BLOCK_RAW_MAX + 1;
	char *text = malloc(len);
	struct buf file = {0};
	struct skbx_writer *w = writer(&file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;

	memset(text, 'x', len);
	long_event(b, text, len, 0);
	assert_int_equal(skbx_write(w, b, &err), -E2BIG);
	ev_batch_clear(b);
	some_events(b, 5, 1);
	assert_int_equal(skbx_write(w, b, &err), 0);
	assert_int_equal(skbx_writer_close(w, &err), 0);
	check_written(&file, 5);
	skbx_writer_free(w);
	ev_batch_free(b);
	buf_free(&file);
	free(text);
}

/* More devices come and go than the inventory holds: how the recording ended is in it all the same. */
static void test_large_inventory(void **state)
{
	enum { DEVICES = 20000 };
	static const size_t name_bytes[] = {12, 4000};

	for (int i = 0; i < 2; i++) {
		struct buf file = {0};
		struct memory m = {&file, 0};
		struct skbx_writer *w = writer(&file);
		struct ev_batch *b = ev_batch_new();
		char name[4000] = {0};
		struct skbox_error err;
		struct skbx_input in = {read_memory, &m, 0};
		struct skbx_info info;

		for (unsigned int d = 0; d < DEVICES; d++) {
			struct ev_iface *iface;

			snprintf(name, sizeof(name), "veth%07u", d);
			ev_batch_begin(b);
			EV_SET(EV_ADD(b, common), common, timestamp, d);
			iface = EV_ADD(b, iface);
			EV_SET(iface, iface, name, ev_string(b, name, name_bytes[i]));
			if (b->n == 500) {
				assert_int_equal(skbx_write(w, b, &err), 0);
				ev_batch_clear(b);
			}
		}
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, clock), clock, offset, 77);
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, finish), finish, reason, ev_text(b, "signal"));
		assert_int_equal(skbx_write(w, b, &err), 0);
		assert_int_equal(skbx_writer_close(w, &err), 0);
		check_written(&file, DEVICES + 2);
		in.size = (int64_t)file.len;
		assert_int_equal(skbx_info(&in, &info, &err), 0);
		assert_true(info.finished);
		assert_int_equal(info.inventory->sec[EV_finish].n, 1);
		assert_int_equal(info.inventory->sec[EV_clock].n, 1);
		skbx_info_free(&info);
		skbx_writer_free(w);
		ev_batch_free(b);
		buf_free(&file);
	}
}

static size_t memory_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Weeks of a few blocks a second: memory must not grow with them, and the end must come soon. */
static void test_many_blocks(void **state)
{
	enum { WARM = 20000, BLOCKS = 200000 };
	struct skbx_writer *w = writer(NULL);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	size_t before = 0;
	double start;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		if (i == WARM)
			before = memory_used();
		ev_batch_clear(b);
		some_events(b, 1, 1000 + i * 250000000ULL);
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	if (COUNTS_MEMORY) {
		size_t grown = memory_used() - before;

		print_message("%.1f bytes of memory a block\n", (double)grown / (BLOCKS - WARM));
		assert_true(grown < (size_t)(BLOCKS - WARM) * 16);
	}
	start = seconds();
	assert_int_equal(skbx_writer_close(w, &err), 0);
	print_message("%.0f ms to close\n", (seconds() - start) * 1000);
	assert_true(seconds() - start < 0.5);
	skbx_writer_free(w);
	ev_batch_free(b);
}

/* ---- memory that runs out ---- */

/* Wherever it runs out: an error, or all is in the file. Never a file that is wrong. */
static void test_no_memory_to_write(void **state)
{
	struct ev_batch *small, *large;
	struct buf file = {0};
	long failures = 0;

	if (!COUNTS_MEMORY) /* the sanitizers have malloc() of their own */
		return;
	small = ev_batch_new();
	large = ev_batch_new();
	some_events(small, 40, 1);
	some_events(large, 3000, 1000);
	assert_non_null(buf_room(&file, 4 << 20));
	for (long n = 1;; n++) {
		struct skbx_output out = {write_memory, &file};
		struct skbx_write_options options = {.id = {1}};
		struct skbx_writer *w;
		struct skbox_error err = {0};
		uint32_t wrote = 0;
		struct result r;
		int ret;

		buf_clear(&file);
		allocations_left = n;
		ret = skbx_writer_open(&w, &out, &options, &err);
		for (int i = 0; i < 4 && w; i++) {
			const struct ev_batch *b = i % 2 ? large : small;
			int one = skbx_write(w, b, &err);

			wrote += one ? 0 : b->n;
			ret = ret ? ret : one;
			if (i == 2)
				allocations_left = -1; /* there is memory again */
		}
		if (w) {
			int one = skbx_writer_close(w, &err);

			ret = ret ? ret : one;
		}
		allocations_left = -1;
		skbx_writer_free(w);
		failures += ret != 0;
		if (file.len) {
			r = read_file(&file, false, NULL);
			assert_int_equal(r.error, 0);
			assert_int_equal(r.status.damaged, 0);
			assert_true(r.events >= wrote);
			assert_true(ret || r.events == 2 * (small->n + large->n));
		}
		if (n > 400)
			break;
	}
	assert_true(failures > 50);
	ev_batch_free(small);
	ev_batch_free(large);
	buf_free(&file);
}

static void test_no_memory_to_read(void **state)
{
	struct buf file = {0};
	long n, failures = 0;

	if (!COUNTS_MEMORY) /* the sanitizers have malloc() of their own */
		return;
	small_file(&file, 600, true);
	for (n = 1; n < 200; n++) {
		struct memory m = {&file, 0};
		struct skbx_input in = {read_memory, &m, (int64_t)file.len};
		struct ev_batch *b = ev_batch_new();
		struct skbx_reader *r;
		struct skbx_info info;
		struct skbox_error err = {0};
		uint64_t events = 0;
		int ret;

		allocations_left = n;
		ret = skbx_reader_open(&r, &in, NULL, &err);
		while (!ret && (ret = skbx_read(r, b, &err)) == 1) {
			events += b->n;
			ret = 0;
		}
		allocations_left = -1;
		if (r)
			assert_int_equal(skbx_read_status(r)->damaged, 0);
		assert_true(ret == -ENOMEM || (!ret && events == 3000));
		failures += ret != 0;
		skbx_reader_free(r);
		ev_batch_free(b);
		for (int damaged = 0; damaged < 2; damaged++) {
			file.p[file.len - 1] ^= (uint8_t)damaged;
			allocations_left = n;
			ret = skbx_info(&in, &info, &err);
			allocations_left = -1;
			file.p[file.len - 1] ^= (uint8_t)damaged;
			assert_true(ret == -ENOMEM || (!ret && info.all.events == 3000));
			if (!ret)
				skbx_info_free(&info);
		}
	}
	assert_true(failures > 10);
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
		cmocka_unit_test(test_unfinished_and_damaged),
		cmocka_unit_test(test_second_header),
		cmocka_unit_test(test_cut_and_skipped),
		cmocka_unit_test(test_sections_of_inventory),
		cmocka_unit_test(test_userspace_sketch),
		cmocka_unit_test(test_many_shapes),
		cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_many_strings),
		cmocka_unit_test(test_event_too_large),
		cmocka_unit_test(test_large_inventory),
		cmocka_unit_test(test_many_blocks),
		cmocka_unit_test(test_no_memory_to_write),
		cmocka_unit_test(test_no_memory_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
