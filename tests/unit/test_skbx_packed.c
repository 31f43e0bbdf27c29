/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks that one reads and others decode, later: the same events, whatever the reader does meanwhile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/skbx/skbx_frame.h"
#include "formats/skbx/skbx_packed.h"
#include "tests/unit/skbx_memory.h"

enum { BLOCKS = 600, EVENTS = 20 };

/* Small blocks with strings that change with time, so that one key follows another. */
static void recording(struct buf *file)
{
	struct skbx_writer *w = writer(file);
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	char text[32];

	for (unsigned int i = 0; i < BLOCKS; i++) {
		ev_batch_clear(b);
		if (i % 50 == 0) {
			ev_batch_begin(b);
			EV_SET(EV_ADD(b, common), common, timestamp, i * 1000);
			if (!i)
				EV_SET(EV_ADD(b, startup), startup, retis_version,
				       ev_text(b, "v9.9"));
			else
				EV_SET(EV_ADD(b, clock), clock, offset, i);
		}
		for (unsigned int k = 0; k < EVENTS; k++) {
			struct ev_common *c;

			ev_batch_begin(b);
			c = EV_ADD(b, common);
			EV_SET(c, common, timestamp, i * 1000 + k);
			snprintf(text, sizeof(text), "task-%u-%u", i / 40, k);
			EV_SET(c, common, comm, ev_text(b, text));
			snprintf(text, sizeof(text), "net:probe-%u-%u", i / 60, k % 3);
			EV_SET(EV_ADD(b, kernel), kernel, symbol, ev_text(b, text));
		}
		assert_int_equal(skbx_write(w, b, &err), 0);
	}
	assert_int_equal(skbx_writer_close(w, &err), 0);
	skbx_writer_free(w);
	ev_batch_free(b);
}

static struct skbx_reader *reader(struct memory *m)
{
	struct skbx_input in = {read_memory, m, (int64_t)m->file->len};
	struct skbx_reader *r;
	struct skbox_error err;

	assert_int_equal(skbx_reader_open(&r, &in, NULL, &err), 0);
	return r;
}

static void check_same(const struct ev_batch *a, const struct ev_batch *b)
{
	struct ev_walk wa = ev_walk(a), wb = ev_walk(b);
	struct ev ea = {0}, eb = {0};

	assert_int_equal(a->n, b->n);
	while (ev_next(&wa, &ea)) {
		assert_true(ev_next(&wb, &eb));
		assert_int_equal(ea.sections, eb.sections);
		assert_int_equal(ea.common->timestamp, eb.common->timestamp);
		assert_int_equal(ea.common->comm.len, eb.common->comm.len);
		assert_memory_equal(ea.common->comm.p, eb.common->comm.p, ea.common->comm.len);
		assert_int_equal(ea.kernel->symbol.len, eb.kernel->symbol.len);
		assert_memory_equal(ea.kernel->symbol.p, eb.kernel->symbol.p,
				    ea.kernel->symbol.len);
	}
}

/* All are kept until the reader is gone, and decoded from the last to the first. */
static void test_later(void **state)
{
	struct buf file = {0};
	struct memory m = {&file, 0};
	struct skbx_packed *packed[BLOCKS + 1] = {NULL};
	struct skbx_unpacker *u = skbx_unpacker_new();
	struct ev_batch *b = ev_batch_new(), *c = ev_batch_new();
	struct skbox_error err = {0};
	struct skbx_reader *r;
	unsigned int n = 0, kept = 0;
	uint64_t unknown = 0;
	int ret;

	recording(&file);
	r = reader(&m);
	do {
		packed[n] = packed[n] ? packed[n] : skbx_packed_new();
		ret = skbx_read_packed(r, b, packed[n], &err);
		if (ret == SKBX_PACKED) {
			assert_int_equal(b->n, 0);
			assert_int_equal(skbx_packed_events(packed[n]), EVENTS);
			kept++;
			n++;
		} else if (ret) {
			/* rows of the recording itself are never packed */
			assert_int_equal(ret, 1);
			assert_int_equal(b->n, EVENTS + 1);
		}
	} while (ret);
	assert_int_equal(skbx_read_status(r)->events, BLOCKS * EVENTS + BLOCKS / 50);
	assert_true(skbx_read_status(r)->finished);
	skbx_reader_free(r);
	assert_int_equal(kept, BLOCKS - BLOCKS / 50);
	for (unsigned int k = 0; k < n / 2; k++) {
		struct skbx_packed *swap = packed[k];

		packed[k] = packed[n - 1 - k];
		packed[n - 1 - k] = swap;
	}
	for (unsigned int k = n; k-- > 0;) {
		/* the second half of the file first */
		unsigned int at = (k + n / 2) % n;

		assert_int_equal(skbx_unpack(u, packed[at], b, &unknown, &err), 0);
		assert_int_equal(b->n, EVENTS);
	}
	/* as the reader decodes them */
	r = reader(&m);
	for (unsigned int k = n; (ret = skbx_read(r, c, &err)) == 1;) {
		if (c->n == EVENTS + 1)
			continue;
		assert_int_equal(skbx_unpack(u, packed[--k], b, &unknown, &err), 0);
		check_same(b, c);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(unknown, 0);
	skbx_reader_free(r);
	for (unsigned int k = 0; k <= n && k <= BLOCKS; k++)
		skbx_packed_free(packed[k]);
	skbx_unpacker_free(u);
	ev_batch_free(b);
	ev_batch_free(c);
	buf_free(&file);
}

/* A header that promises what the block has not, with the right checksums: told by who decodes it. */
static void test_wrong_promise(void **state)
{
	struct buf file = {0}, header = {0};
	struct memory m = {&file, 0};
	struct skbx_packed *packed = skbx_packed_new();
	struct skbx_unpacker *u = skbx_unpacker_new();
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err = {0};
	struct skbx_reader *r;
	struct frame_block block;
	unsigned int damaged = 0, kept = 0;
	uint64_t offset, unknown = 0;
	int ret, size;

	recording(&file);
	r = reader(&m);
	while ((ret = skbx_read_packed(r, b, packed, &err)) == 1)
		;
	assert_int_equal(ret, SKBX_PACKED);
	offset = skbx_packed_offset(packed);
	skbx_reader_free(r);
	size = frame_get_block(&block, file.p + offset, file.len - offset);
	assert_true(size > 0);
	block.sum.events = block.sum.packets = EVENTS - 1;
	frame_put_block(&header, &block);
	assert_int_equal(header.len, size);
	memcpy(file.p + offset, header.p, header.len);
	r = reader(&m);
	while ((ret = skbx_read_packed(r, b, packed, &err)) > 0) {
		if (ret != SKBX_PACKED || !skbx_unpack(u, packed, b, &unknown, &err)) {
			kept++;
			continue;
		}
		damaged++;
		assert_int_equal(err.code, -EPROTO);
		assert_int_equal(err.offset, offset);
		assert_int_equal(b->n, 0);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(damaged, 1);
	assert_int_equal(kept, BLOCKS - 1);
	skbx_reader_free(r);
	skbx_packed_free(packed);
	skbx_unpacker_free(u);
	ev_batch_free(b);
	buf_free(&header);
	buf_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_wrong_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
