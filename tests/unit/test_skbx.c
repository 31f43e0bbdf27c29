/* SPDX-License-Identifier: BSD-2-Clause */
/* The event file: random events there and back, truncation, flipped bits, forged blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/buf.h"
#include "formats/schema.h"
#include "formats/skbx/skbx.h"
#include "formats/skbx/skbx_frame.h"
#include "formats/skbx/skbx_index.h"
#include <zstd.h>

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % below;
}

static uint64_t rnd64(void)
{
	uint64_t v = (uint64_t)rnd(1u << 31) << 40 ^ (uint64_t)rnd(1u << 31) << 20 ^ rnd(1u << 31);

	switch (rnd(4)) {
	case 0: return 0;
	case 1: return v & 0xff;
	case 2: return UINT64_C(0xffff888000000000) + (v & 0xffffff00);
	default: return v;
	}
}

static struct ev_str rnd_string(struct ev_batch *b)
{
	static const char *const some[] = {"", "net:netif_receive_skb", "eth0", "swapper/0", "lo"};
	uint8_t bytes[40];

	if (rnd(3))
		return ev_text(b, some[rnd(5)]);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rnd(256);
	return ev_string(b, bytes, rnd(sizeof(bytes)));
}

static void rnd_field(struct ev_batch *b, const struct schema_field *f, uint8_t *row)
{
	struct ev_str list[5];
	uint8_t bytes[300];

	*(uint64_t *)row |= UINT64_C(1) << f->bit;
	switch (f->type) {
	case SCHEMA_STR: *(struct ev_str *)(row + f->offset) = rnd_string(b); break;
	case SCHEMA_LIST:
		for (int i = 0; i < 5; i++)
			list[i] = rnd_string(b);
		*(struct ev_list *)(row + f->offset) = ev_list(b, list, rnd(6));
		break;
	case SCHEMA_BYTES:
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)rnd(rnd(4) ? 256 : 1);
		*(struct ev_bytes *)(row + f->offset) = ev_bytes(b, bytes, rnd(sizeof(bytes)));
		break;
	default: schema_set(f, row, rnd64());
	}
}

/* n random events; each has a time, and any of the other sections and fields. */
static void rnd_events(struct ev_batch *b, unsigned int n, uint64_t time, bool sparse)
{
	for (unsigned int i = 0; i < n; i++) {
		struct ev_common *c;

		ev_batch_begin(b);
		c = EV_ADD(b, common);
		EV_SET(c, common, timestamp, time += rnd(100000));
		for (int s = EV_common + 1; s < EV_SECTIONS; s++) {
			uint8_t *row;

			if (rnd(sparse ? 12 : 3))
				continue;
			row = ev_batch_add(b, (enum ev_section)s);
			for (unsigned int k = 0; k < schema_sections[s].n_fields; k++)
				if (rnd(8))
					rnd_field(b, &schema_sections[s].fields[k], row);
		}
	}
	assert_false(b->failed);
}

static bool same_member(const struct schema_field *f, const uint8_t *a, const uint8_t *b)
{
	const struct ev_str *x = (const struct ev_str *)(a + f->offset);
	const struct ev_str *y = (const struct ev_str *)(b + f->offset);
	const struct ev_list *l = (const struct ev_list *)x, *m = (const struct ev_list *)y;

	switch (f->type) {
	case SCHEMA_STR:
	case SCHEMA_BYTES: return x->len == y->len && !memcmp(x->p, y->p, x->len);
	case SCHEMA_LIST:
		for (uint32_t i = 0; l->n == m->n && i < l->n; i++)
			if (l->v[i].len != m->v[i].len || memcmp(l->v[i].p, m->v[i].p, l->v[i].len))
				return false;
		return l->n == m->n;
	default: return schema_get(f, a) == schema_get(f, b);
	}
}

static bool same_event(const struct ev *a, const struct ev *b)
{
	if (a->sections != b->sections)
		return false;
	for (int s = 0; s < EV_SECTIONS; s++) {
		const uint8_t *x = a->row[s], *y = b->row[s];

		if (!x)
			continue;
		if (*(const uint64_t *)x != *(const uint64_t *)y)
			return false;
		for (unsigned int k = 0; k < schema_sections[s].n_fields; k++) {
			const struct schema_field *f = &schema_sections[s].fields[k];

			if (*(const uint64_t *)x >> f->bit & 1 && !same_member(f, x, y))
				return false;
		}
	}
	return true;
}

/* ---- files in memory ---- */

static const struct skbx_write_options options = {.id = {1, 2, 3, 4, 5, 6, 7, 8}};

static int write_buf(void *ctx, const void *p, size_t len)
{
	buf_put(ctx, p, len);
	return 0;
}

static ssize_t read_buf(void *ctx, void *p, size_t len, uint64_t offset)
{
	const struct buf *b = ctx;
	size_t n = offset < b->len ? b->len - offset : 0;

	n = n < len ? n : len;
	memcpy(p, b->p + offset, n);
	return (ssize_t)n;
}

static void write_file(struct buf *file, struct ev_batch **batches, size_t n, bool close)
{
	struct skbx_output out = {write_buf, file};
	struct skbox_error err = {0};
	struct skbx_writer *w;

	assert_int_equal(skbx_writer_open(&w, &out, &options, &err), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(skbx_write(w, batches[i], &err), 0);
	if (close)
		assert_int_equal(skbx_writer_close(w, &err), 0);
	assert_int_equal(skbx_written(w), file->len);
	skbx_writer_free(w);
}

struct result {
	uint32_t events;     /* read */
	uint32_t mismatched; /* not one of the written ones, in order */
	struct skbx_status status;
	int error;
};

/* Reads a file and holds its events against those that were written: in order, some may lack. */
static struct result read_file(struct buf *file, struct ev_batch **batches, size_t n, bool pipe)
{
	struct skbx_input in = {read_buf, file, pipe ? -1 : (int64_t)file->len};
	struct ev_batch *b = ev_batch_new();
	struct result r = {0};
	struct skbox_error err = {0};
	struct skbx_reader *reader;
	struct ev_walk expected = ev_walk(batches[0]);
	struct ev want = {0};
	size_t at = 0;

	r.error = skbx_reader_open(&reader, &in, NULL, &err);
	while (!r.error && (r.error = skbx_read(reader, b, &err)) == 1) {
		struct ev_walk walk = ev_walk(b);
		struct ev ev = {0};

		r.error = 0;
		while (ev_next(&walk, &ev)) {
			bool found = false;

			r.events++;
			while (!found && at < n) {
				if (!ev_next(&expected, &want)) {
					if (++at < n)
						expected = ev_walk(batches[at]);
					continue;
				}
				found = same_event(&want, &ev);
			}
			r.mismatched += !found;
		}
	}
	if (reader)
		r.status = *skbx_read_status(reader);
	skbx_reader_free(reader);
	ev_batch_free(b);
	return r;
}

static void test_round_trip(void **state)
{
	for (seed = 1; seed <= 40; seed++) {
		struct ev_batch *batches[6];
		struct buf file = {0};
		struct result r;
		uint32_t n = 0;
		size_t count = 1 + rnd(6);

		for (size_t i = 0; i < count; i++) {
			batches[i] = ev_batch_new();
			rnd_events(batches[i], 1 + rnd(seed % 4 ? 20 : 1500), 1000000 * i, rnd(2));
			n += batches[i]->n;
		}
		write_file(&file, batches, count, true);
		for (int pipe = 0; pipe < 2; pipe++) {
			r = read_file(&file, batches, count, pipe);
			assert_int_equal(r.error, 0);
			assert_int_equal(r.status.damaged, 0);
			assert_true(r.status.finished);
			assert_int_equal(r.events, n);
			assert_int_equal(r.mismatched, 0);
		}
		for (size_t i = 0; i < count; i++)
			ev_batch_free(batches[i]);
		buf_free(&file);
	}
}

/* Many small blocks: keys come into use, and the file stays small. */
static void test_small_blocks(void **state)
{
	enum { BLOCKS = 400 };
	struct ev_batch *batches[BLOCKS];
	struct buf file = {0};
	struct result r;
	size_t keys = 0;

	seed = 7;
	for (int i = 0; i < BLOCKS; i++) {
		struct ev_batch *b = batches[i] = ev_batch_new();

		for (int k = 0; k < 5; k++) {
			struct ev_common *c;
			struct ev_kernel *kernel;
			struct ev_dev *dev;

			ev_batch_begin(b);
			c = EV_ADD(b, common);
			EV_SET(c, common, timestamp,
			       UINT64_C(1000000000000) + i * UINT64_C(500000000) + k * 9000);
			EV_SET(c, common, smp_id, rnd(2));
			EV_SET(c, common, comm, ev_text(b, rnd(2) ? "nginx" : "swapper/0"));
			kernel = EV_ADD(b, kernel);
			EV_SET(kernel, kernel, symbol, ev_text(b, "net:netif_receive_skb"));
			EV_SET(kernel, kernel, probe_type, ev_text(b, "raw_tracepoint"));
			dev = EV_ADD(b, dev);
			EV_SET(dev, dev, name, ev_text(b, "eth0"));
			EV_SET(dev, dev, ifindex, 2);
		}
	}
	write_file(&file, batches, BLOCKS, true);
	for (size_t i = 0; i + 13 < file.len; i++)
		if (frame_le32(file.p + i) == FRAME_BLOCK_MAGIC && file.p[i + 12] == SKBX_KEY) {
			keys++;
			/* one copy of a key is as good as the other */
			file.p[i + 40] ^= 4;
			r = read_file(&file, batches, BLOCKS, false);
			file.p[i + 40] ^= 4;
			assert_int_equal(r.status.damaged, 1);
			assert_int_equal(r.events, BLOCKS * 5);
			assert_int_equal(r.mismatched, 0);
		}
	r = read_file(&file, batches, BLOCKS, false);
	assert_int_equal(r.error, 0);
	assert_int_equal(r.events, BLOCKS * 5);
	assert_int_equal(r.mismatched, 0);
	assert_true(keys >= 2);
	print_message("%zu bytes an event in blocks of 5, %zu key blocks\n",
		      file.len / (BLOCKS * 5), keys);
	assert_true(file.len / (BLOCKS * 5) < 60);
	for (int i = 0; i < BLOCKS; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
}

/* A small file of four blocks, for the tests that damage it. */
static uint32_t small_file(struct buf *file, struct ev_batch *batches[4], bool close)
{
	uint32_t n = 0;

	seed = 3;
	for (int i = 0; i < 4; i++) {
		batches[i] = ev_batch_new();
		rnd_events(batches[i], 6, (uint64_t)i * 10000000, true);
		n += batches[i]->n;
	}
	write_file(file, batches, 4, close);
	return n;
}

static void test_truncation(void **state)
{
	struct ev_batch *batches[4];
	struct buf file = {0};
	uint32_t all = small_file(&file, batches, true), before = all;

	for (size_t len = file.len; len-- > SKBX_HEADER_BYTES;) {
		struct result r;

		file.len = len;
		r = read_file(&file, batches, 4, len % 2);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.mismatched, 0);
		assert_int_equal(r.status.damaged, 0); /* cut is not damaged */
		assert_false(r.status.finished);
		assert_true(r.events <= before);
		before = r.events;
	}
	assert_int_equal(before, 0);
	for (int i = 0; i < 4; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
}

/* Told once, nothing changed, at most one block gone. */
static bool flip_is_told(struct buf *file, struct ev_batch *batches[4], uint32_t all, size_t bit)
{
	struct result r;

	file->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	r = read_file(file, batches, 4, false);
	file->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	if (!r.error && !r.mismatched && r.events + 6 >= all && r.status.damaged == 1)
		return true;
	print_message("bit %zu of byte %zu (%zu in all): error %d, %u events of %u, %u wrong, %d damaged\n",
		      bit % 8, bit / 8, file->len, r.error, r.events, all, r.mismatched,
		      (int)r.status.damaged);
	return false;
}

/* Half a minute of work on one processor, three under the sanitizers: so in processes, each with a share of the bits. */
static void test_every_bit(void **state)
{
	enum { SHARES = 4 };
	struct ev_batch *batches[4];
	struct buf file = {0};
	uint32_t all = small_file(&file, batches, true);
	pid_t share[SHARES];
	int status;

	fflush(NULL);
	for (int i = 0; i < SHARES; i++) {
		size_t bad = 0;

		share[i] = fork();
		assert_int_not_equal(share[i], -1);
		if (share[i])
			continue;
		for (size_t bit = (size_t)i; bit < file.len * 8; bit += SHARES)
			bad += !flip_is_told(&file, batches, all, bit);
		fflush(NULL);
		_exit(bad != 0);
	}
	for (int i = 0; i < SHARES; i++) {
		assert_int_equal(waitpid(share[i], &status, 0), share[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < 4; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
}

/* Blocks of the same file inside a packet: not taken for blocks, also when the outer one is damaged. */
static void test_forged(void **state)
{
	struct ev_batch *inner[4], *outer[3];
	struct buf file = {0}, forged = {0};
	struct result r;
	uint32_t first;

	small_file(&file, inner, false);
	for (int i = 0; i < 3; i++) {
		outer[i] = ev_batch_new();
		rnd_events(outer[i], 4, 5 + (uint64_t)i * 1000, true);
	}
	ev_batch_begin(outer[1]);
	EV_SET(EV_ADD(outer[1], common), common, timestamp, 1500);
	EV_SET(EV_ADD(outer[1], packet), packet, data, ev_bytes(outer[1], file.p, file.len));
	write_file(&forged, outer, 3, true);
	r = read_file(&forged, outer, 3, false);
	assert_int_equal(r.events, 13);
	assert_int_equal(r.mismatched, 0);
	/* the inner file stands in the data as it is: make the outer block unreadable, in its header */
	for (first = 0; first + file.len < forged.len; first++)
		if (!memcmp(forged.p + first + 100, file.p + 100,
			    200)) /* heads of packets change */
			break;
	assert_true(first + file.len < forged.len);
	for (uint32_t at = first; at-- > SKBX_HEADER_BYTES;)
		if (frame_le32(forged.p + at) == FRAME_BLOCK_MAGIC) {
			forged.p[at + 9] ^= 1;
			break;
		}
	r = read_file(&forged, outer, 3, false);
	assert_int_equal(r.events, 8);
	assert_int_equal(r.mismatched, 0);
	assert_int_equal(r.status.damaged, 1);
	for (int i = 0; i < 4; i++)
		ev_batch_free(inner[i]);
	for (int i = 0; i < 3; i++)
		ev_batch_free(outer[i]);
	buf_free(&file);
	buf_free(&forged);
}

static void test_info(void **state)
{
	struct ev_batch *batches[4];
	struct buf file = {0};
	uint32_t n = small_file(&file, batches, true);
	struct skbx_input in = {read_buf, &file, (int64_t)file.len};
	struct skbx_info finished, walked;
	struct skbox_error err = {0};

	assert_int_equal(skbx_info(&in, &finished, &err), 0);
	assert_true(finished.finished);
	assert_int_equal(finished.all.events, n);
	file.p[file.len - 1] ^= 1; /* no seek table: the blocks are walked */
	assert_int_equal(skbx_info(&in, &walked, &err), 0);
	assert_false(walked.finished);
	assert_int_equal(walked.all.events, n);
	assert_int_equal(walked.all.last_ns, finished.all.last_ns);
	assert_int_equal(walked.all.probes, finished.all.probes);
	assert_int_equal(walked.inventory->n, finished.inventory->n);
	skbx_info_free(&finished);
	skbx_info_free(&walked);
	for (int i = 0; i < 4; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
}

/* Files that stand behind each other are read one after the other. */
static void test_two_files(void **state)
{
	struct ev_batch *batches[8];
	struct buf file = {0}, second = {0};
	struct result r;
	uint32_t n = small_file(&file, batches, true);

	n += small_file(&second, batches + 4, false);
	buf_put(&file, second.p, second.len);
	for (int pipe = 0; pipe < 2; pipe++) {
		r = read_file(&file, batches, 8, pipe);
		assert_int_equal(r.error, 0);
		assert_int_equal(r.events, n);
		assert_int_equal(r.mismatched, 0);
		assert_int_equal(r.status.damaged, 0);
		assert_false(r.status.finished); /* the last one is not */
	}
	for (int i = 0; i < 8; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
	buf_free(&second);
}

/* The index block says what the headers of the blocks before it say. */
static void test_index(void **state)
{
	struct skbx_index index = {0};
	struct ev_batch *batches[4];
	struct frame_block b;
	struct buf file = {0};
	uint8_t *raw = malloc(BLOCK_RAW_MAX);
	size_t at = SKBX_HEADER_BYTES;
	uint32_t n = 0;
	int header;

	small_file(&file, batches, true);
	while ((header = frame_get_block(&b, file.p + at, file.len - at)) > 0) {
		if (b.sum.type == SKBX_INDEX) {
			size_t got = ZSTD_decompress(raw, BLOCK_RAW_MAX, file.p + at + header,
						     b.sum.bytes);

			assert_int_equal(skbx_index_get(&index, raw, got, NULL), 0);
		}
		at += (size_t)header + b.sum.bytes;
	}
	assert_true(index.n >= 5);
	for (at = SKBX_HEADER_BYTES; n < index.n; n++) {
		header = frame_get_block(&b, file.p + at, file.len - at);
		assert_true(header > 0);
		b.sum.flows = NULL;
		assert_memory_equal(&b.sum, &index.v[n], sizeof(b.sum));
		at += (size_t)header + b.sum.bytes;
	}
	skbx_index_free(&index);
	free(raw);
	for (int i = 0; i < 4; i++)
		ev_batch_free(batches[i]);
	buf_free(&file);
}

/* A reader that is asked for some sections gets just those, with the same values. */
static void test_sections(void **state)
{
	struct ev_batch *batch = ev_batch_new(), *b = ev_batch_new();
	uint64_t some = EV_SECTION_BIT(packet) | EV_SECTION_BIT(skb_tracking) | EV_SECTION_BIT(ct);
	struct skbx_read_options o = {.sections = some};
	struct buf file = {0};
	struct skbx_input in = {read_buf, &file, -1};
	struct skbx_reader *r;
	struct skbox_error err;
	struct ev_walk all, few;
	struct ev x = {0}, y = {0};

	seed = 11;
	rnd_events(batch, 300, 77, false);
	write_file(&file, &batch, 1, false);
	assert_int_equal(skbx_reader_open(&r, &in, &o, &err), 0);
	assert_int_equal(skbx_read(r, b, &err), 1);
	assert_int_equal(b->n, 300);
	all = ev_walk(batch);
	few = ev_walk(b);
	while (ev_next(&all, &x) && ev_next(&few, &y)) {
		x.sections &= some | EV_SECTION_BIT(common);
		for (int s = 0; s < EV_SECTIONS; s++)
			if (!(x.sections >> s & 1))
				x.row[s] = NULL;
		assert_true(same_event(&x, &y));
	}
	skbx_reader_free(r);
	ev_batch_free(batch);
	ev_batch_free(b);
	buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_small_blocks),
		cmocka_unit_test(test_truncation), cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_forged),     cmocka_unit_test(test_info),
		cmocka_unit_test(test_two_files),  cmocka_unit_test(test_index),
		cmocka_unit_test(test_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
