/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files in memory, for the tests of hostile files and of writers at their limits. */
#ifndef TESTS_UNIT_SKBX_MEMORY_H
#define TESTS_UNIT_SKBX_MEMORY_H

#include <stdio.h>
#include <time.h>

#include "formats/buf.h"
#include "formats/skbx/skbx.h"

/* The sanitizers have a malloc() of their own. */
#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_MEMORY 0
#endif
#endif
#ifndef COUNTS_MEMORY
#define COUNTS_MEMORY 1
#endif

static const uint8_t file_id[SKBX_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

static inline double seconds(void)
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

static inline ssize_t read_memory(void *ctx, void *p, size_t len, uint64_t offset)
{
	struct memory *m = ctx;
	size_t n = offset < m->file->len ? m->file->len - offset : 0;

	m->most = len > m->most ? len : m->most;
	n = n < len ? n : len;
	memcpy(p, m->file->p + offset, n);
	return (ssize_t)n;
}

static inline int write_memory(void *ctx, const void *p, size_t len)
{
	if (ctx) /* else they are only counted */
		buf_put(ctx, p, len);
	return 0;
}

struct result {
	int error;
	uint64_t events;
	size_t most;
	double seconds;
	struct skbx_status status;
};

static inline struct result read_file(struct buf *file, bool pipe,
				      const struct skbx_read_options *o)
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

static inline struct skbx_writer *writer(struct buf *file)
{
	struct skbx_output out = {write_memory, file};
	struct skbx_write_options options = {.level = 1};
	struct skbx_writer *w;
	struct skbox_error err;

	memcpy(options.id, file_id, sizeof(file_id));
	assert_int_equal(skbx_writer_open(&w, &out, &options, &err), 0);
	return w;
}

/* n events of different comm, from this time on. */
static inline void some_events(struct ev_batch *b, unsigned int n, uint64_t time)
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
static inline void small_file(struct buf *file, unsigned int blocks, bool close)
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

#endif
