/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes are an event file: whatever is read is events that can be printed, and reading ends. */
#include <string.h>

#include "formats/skbx.h"
#include "formats/text.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {data, size};
	struct skbx_input in = {.read = read_memory, .ctx = &m, .size = (int64_t)size};
	struct skbx_info info = {0};
	struct skbox_error err;

	read_all(&m, (int64_t)size);
	read_all(&m, -1);
	skbx_info(&in, &info, &err);
	skbx_info_free(&info);
	return 0;
}
