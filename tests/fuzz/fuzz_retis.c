/* SPDX-License-Identifier: BSD-2-Clause */
/* Any lines are an event file of Retis: what was read can be printed, and a damaged line leaves nothing behind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/retis/retis_read.h"
#include "formats/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_batch(const struct ev_batch *b, bool current, bool single_line)
{
	struct text_options o = {
		.current = current, .single_line = single_line, .utc = true, .link_layer = true};
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	struct buf out = {0};
	struct text t;

	text_init(&t, &o);
	while (ev_next(&w, &ev)) {
		buf_clear(&out);
		text_event(&t, &ev, single_line ? 4 : 0, &out);
	}
	text_fini(&t);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct retis_reader *r = retis_reader_new();
	struct ev_batch *b = ev_batch_new();
	const char *p = (const char *)data, *end = p + size;
	struct skbox_error err;

	if (!r || !b)
		goto out;
	retis_reader_peek(r, p, size);
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		uint32_t before = b->n;

		int status = retis_read_line(r, p, len, b, &err);

		if (status == -ENOSPC)
			break;
		if (status && b->n != before)
			abort();
		p += len + (eol != NULL);
	}
	print_batch(b, false, false);
	print_batch(b, true, true);
out:
	ev_batch_free(b);
	retis_reader_free(r);
	return 0;
}
