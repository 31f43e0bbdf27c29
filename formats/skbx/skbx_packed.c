/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx_packed.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "formats/skbx/block.h"

struct skbx_packed {
	struct skbx_summary sum; /* without its sketch of flows */
	uint64_t offset, sections;
	struct buf data;
	struct block_dict *key; /* a reference; NULL: it stands alone */
};

struct skbx_unpacker {
	ZSTD_DCtx *zstd;
	struct block_coder *coder;
	struct buf raw;
};

struct skbx_packed *skbx_packed_new(void)
{
	return calloc(1, sizeof(struct skbx_packed));
}

void skbx_packed_free(struct skbx_packed *p)
{
	if (!p)
		return;
	block_dict_free(p->key);
	buf_free(&p->data);
	free(p);
}

uint64_t skbx_packed_offset(const struct skbx_packed *p)
{
	return p->offset;
}

uint32_t skbx_packed_events(const struct skbx_packed *p)
{
	return (uint32_t)p->sum.events;
}

int skbx_pack(struct skbx_packed *p, const struct skbx_data *d, uint64_t offset,
	      struct block_dict *key)
{
	block_dict_free(p->key);
	p->key = key ? block_dict_share(key) : NULL;
	p->sum = *d->sum;
	p->sum.flows = NULL;
	p->sum.flows_bytes = 0;
	p->offset = offset;
	p->sections = d->sections;
	buf_clear(&p->data);
	buf_put(&p->data, d->p, d->sum->bytes);
	return p->data.failed ? -ENOMEM : 0;
}

struct skbx_unpacker *skbx_unpacker_new(void)
{
	struct skbx_unpacker *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->zstd = ZSTD_createDCtx();
	u->coder = block_coder_new();
	if (u->zstd && u->coder)
		return u;
	skbx_unpacker_free(u);
	return NULL;
}

void skbx_unpacker_free(struct skbx_unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	block_coder_free(u->coder);
	buf_free(&u->raw);
	free(u);
}

struct block_coder *skbx_unpacker_coder(struct skbx_unpacker *u)
{
	return u->coder;
}

int skbx_unpack_data(struct skbx_unpacker *u, const struct skbx_data *d, const uint8_t **raw,
		     struct skbox_error *err)
{
	const struct skbx_summary *s = d->sum;
	size_t n;

	buf_clear(&u->raw);
	if (!buf_room(&u->raw, s->raw_bytes + 1))
		return error_set(err, -ENOMEM, 0, "out of memory");
	n = ZSTD_decompressDCtx(u->zstd, u->raw.p, s->raw_bytes, d->p, s->bytes);
	if (ZSTD_isError(n) || n != s->raw_bytes)
		return error_set(err, -EPROTO, 0, "block %u: %s", s->seq,
				 ZSTD_isError(n) ? ZSTD_getErrorName(n) : "data is too short");
	*raw = u->raw.p;
	return 0;
}

bool skbx_is_plain(const struct skbx_summary *s)
{
	return s->events == s->packets + s->sockets;
}

int skbx_unpack_events(struct skbx_unpacker *u, const struct skbx_data *d, const uint8_t *raw,
		       struct ev_batch *batch, uint64_t *unknown, struct skbox_error *err)
{
	const struct skbx_summary *s = d->sum;
	int ret = block_decode(u->coder, batch, raw, s->raw_bytes, d->key, s->first_ns, d->sections,
			       unknown, err);

	if (ret)
		return ret;
	if (batch->n != s->events)
		return error_set(err, -EPROTO, 0, "block %u: %u events where %llu are promised",
				 s->seq, batch->n, (unsigned long long)s->events);
	/* who reads on before the block is decoded counts on it */
	if (skbx_is_plain(s) && (batch->sec[EV_startup].n || batch->sec[EV_clock].n))
		return error_set(err, -EPROTO, 0,
				 "block %u: rows of the recording that its header does not have",
				 s->seq);
	return 0;
}

int skbx_unpack(struct skbx_unpacker *u, const struct skbx_packed *p, struct ev_batch *batch,
		uint64_t *unknown, struct skbox_error *err)
{
	const struct skbx_data d = {&p->sum, p->data.p, p->key, p->sections};
	const uint8_t *raw;
	int ret;

	ev_batch_clear(batch);
	ret = skbx_unpack_data(u, &d, &raw, err);
	if (!ret)
		ret = skbx_unpack_events(u, &d, raw, batch, unknown, err);
	if (!ret)
		return 0;
	ev_batch_clear(batch);
	if (err)
		err->offset = p->offset;
	return ret;
}
