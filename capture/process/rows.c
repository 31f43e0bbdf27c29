/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/rows.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/process/message.h"
#include "formats/skbx/block.h"

enum { BASE_BYTES = 8 /* the time that stamps are told from, then the block */ };

struct rows {
	struct block_coder *coder;
	struct buf out;
	struct ev_batch *batch; /* of rows_take() */
};

struct rows *rows_new(void)
{
	struct rows *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->coder = block_coder_new();
	r->batch = ev_batch_new();
	if (!r->coder || !r->batch) {
		rows_free(r);
		return NULL;
	}
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	block_coder_free(r->coder);
	ev_batch_free(r->batch);
	buf_free(&r->out);
	free(r);
}

int rows_send(struct rows *r, struct channel *c, const struct ev_batch *b)
{
	const struct ev_common *common = (const struct ev_common *)b->sec[EV_common].p;
	uint64_t base = b->sec[EV_common].n ? common->timestamp : 0;
	struct ev_walk walk = ev_walk(b);
	int rc = 0;

	while (!rc && walk.i < b->n) {
		uint32_t to = b->n - walk.i < ROWS_MESSAGE_MAX ? b->n : walk.i + ROWS_MESSAGE_MAX;

		buf_clear(&r->out);
		buf_put(&r->out, &base, sizeof(base));
		rc = block_encode(r->coder, &r->out, &walk, to, NULL, NULL, base, NULL);
		if (!rc && r->out.failed)
			rc = -ENOMEM;
		if (!rc)
			rc = channel_send(c, MESSAGE_ROWS, r->out.p, r->out.len);
	}
	return rc;
}

struct ev_batch *rows_take(struct rows *r, const struct message *m)
{
	uint64_t base, unknown = 0;

	if (m->len < BASE_BYTES)
		return NULL;
	memcpy(&base, m->p, sizeof(base));
	ev_batch_clear(r->batch);
	return block_decode(r->coder, r->batch, m->p + BASE_BYTES, m->len - BASE_BYTES, NULL, base,
			    UINT64_MAX, &unknown, NULL) ||
			       r->batch->failed
		       ? NULL
		       : r->batch;
}
