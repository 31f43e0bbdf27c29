/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are the content of a block, without the checksum in front that would stop most of them:
 * what is decoded can be printed, and encoding it and decoding that gives as many events.
 */
#include <stdlib.h>

#include "formats/skbx/block.h"
#include "formats/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_batch(const struct ev_batch *b)
{
	struct text_options o = {.utc = true, .link_layer = true};
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};
	struct buf out = {0};
	struct text t;

	text_init(&t, &o);
	while (ev_next(&w, &ev)) {
		buf_clear(&out);
		text_event(&t, &ev, 0, &out);
	}
	text_fini(&t);
	buf_free(&out);
}

static void encode_again(struct block_coder *c, const struct ev_batch *b)
{
	struct ev_batch *again = ev_batch_new();
	struct ev_walk w = ev_walk(b);
	struct skbox_error err;
	struct buf out = {0};
	uint64_t unknown = 0;

	if (again && b->n && !block_encode(c, &out, &w, b->n, NULL, NULL, 0, NULL) &&
	    (block_decode(c, again, out.p, out.len, NULL, 0, UINT64_MAX, &unknown, &err) ||
	     again->n != b->n))
		abort();
	buf_free(&out);
	ev_batch_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct block_coder *c = block_coder_new();
	struct block_dict *d = block_dict_new();
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	uint64_t unknown = 0;

	if (!c || !d || !b)
		goto out;
	if (!block_decode(c, b, data, size, NULL, 0, UINT64_MAX, &unknown, &err)) {
		print_batch(b);
		encode_again(c, b);
	}
	/* the same bytes as a dictionary */
	if (!block_dict_get(d, data, size, &err)) {
		struct buf out = {0};

		block_dict_put(&out, d);
		buf_free(&out);
	}
out:
	ev_batch_free(b);
	block_dict_free(d);
	block_coder_free(c);
	return 0;
}
