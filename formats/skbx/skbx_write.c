/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "formats/schema.h"
#include "formats/skbx/skbx_frame.h"
#include "formats/skbx/skbx_index.h"
#include "formats/skbx/skbx_inventory.h"

enum {
	BLOCK_EVENTS = 8192,     /* a block is cut at that many events ... */
	BLOCK_EVENT_BYTES = 128, /* ... or at about so many times that many bytes */
	LEVEL_DEFAULT = 3,
	LEVEL_LARGE =
		10, /* from there on blocks are twice as large: a flow is spelt out once a block */
	SMALL_EVENTS = 256,         /* a smaller block uses a key */
	KEY_AFTER_BYTES = 4096,     /* own strings and shapes of small blocks: then a key pays; */
	KEY_FIRST_BYTES = 1024,     /* the first one sooner, */
	KEY_FIRST_BLOCKS = 8,       /* but of blocks that show what is usual */
	INVENTORY_BYTES = 16 << 20, /* the inventory is repeated after that many bytes, */
	INVENTORY_EARLY = 8,        /* once early, in case that the first one is damaged, */
	SCHEMA_EVERY = 16,          /* that many copies one with the schema */
	INDEX_FULL =
		SKBX_INDEX_MAX - 16, /* an index is written at that many blocks: a few may follow */
};
#define INVENTORY_NS UINT64_C(600000000000) /* and every ten minutes */

struct skbx_writer {
	struct skbx_output out;
	uint8_t id[SKBX_ID_BYTES];
	int level, error; /* a failed output stays failed */
	uint64_t written;
	uint32_t seq;
	uint64_t lost;
	ZSTD_CCtx *zstd;
	struct block_coder *coder;
	struct block_dict *key, *learn; /* key: what small blocks refer to, when key_seq is not 0 */
	uint32_t key_seq;               /* of the key block, + 1 */
	uint64_t own_bytes;             /* that small blocks repeated since the key */
	uint32_t own_blocks;            /* how many those were */
	struct skbx_inventory inventory;
	uint64_t inventory_at, inventory_ns; /* bytes and time of the last copy */
	uint32_t inventories;                /* copies so far */
	bool inventory_early;
	struct skbx_index index;
	uint64_t index_at; /* the last index block */
	struct buf raw, frame;
	struct block_stats block_stats;
	uint64_t part_bytes[EV_SECTIONS]; /* of the block written last */
	struct skbx_section_bytes sections[EV_SECTIONS];
	struct skbx_summary all;
	struct frame_block block;
	struct frame_sketch sketch;
	uint8_t *blob_seen;
	uint32_t blob_room;
};

static int out_of_memory(struct skbox_error *err)
{
	return error_set(err, -ENOMEM, 0, "out of memory");
}

static int put_out(struct skbx_writer *w, struct skbox_error *err)
{
	int ret = w->frame.failed ? -ENOMEM : w->error;

	if (!ret)
		ret = w->out.write(w->out.ctx, w->frame.p, w->frame.len);
	if (ret) {
		w->error = ret;
		return error_set(err, ret, w->written, "cannot write: %s", strerror(-ret));
	}
	w->written += w->frame.len;
	return 0;
}

int skbx_writer_open(struct skbx_writer **result, const struct skbx_output *out,
		     const struct skbx_write_options *options, struct skbox_error *err)
{
	struct skbx_writer *w = calloc(1, sizeof(*w));
	int ret;

	*result = NULL;
	if (!w)
		return out_of_memory(err);
	w->out = *out;
	memcpy(w->id, options->id, sizeof(w->id));
	w->level = options->level ? options->level : LEVEL_DEFAULT;
	w->zstd = ZSTD_createCCtx();
	w->coder = block_coder_new();
	w->key = block_dict_new();
	w->learn = block_dict_new();
	if (!w->zstd || !w->coder || !w->key || !w->learn || skbx_inventory_init(&w->inventory)) {
		skbx_writer_free(w);
		return out_of_memory(err);
	}
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, w->level);
	frame_put_header(&w->frame, w->id);
	ret = put_out(w, err);
	if (ret) {
		skbx_writer_free(w);
		return ret;
	}
	*result = w;
	return 0;
}

uint32_t skbx_block_events(int level)
{
	return level >= LEVEL_LARGE ? 2 * BLOCK_EVENTS : BLOCK_EVENTS;
}

uint64_t skbx_written(const struct skbx_writer *w)
{
	return w->written;
}

/*
 * Compresses w->raw into p, of which there are `room` bytes. Parts of different nature are flushed
 * apart from each other, so that each gets statistics of its own: measured on 200,000 events of TCP
 * with random payload, 1.6 bytes an event less. Counts what each section took.
 */
static size_t compress(struct skbx_writer *w, uint8_t *p, size_t room, uint32_t n_parts)
{
	const struct block_part *parts = block_parts(w->coder, &(uint32_t){0});
	ZSTD_inBuffer in = {w->raw.p, 0, 0};
	ZSTD_outBuffer out = {p, room, 0};

	ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
	ZSTD_CCtx_setPledgedSrcSize(w->zstd, w->raw.len);
	for (uint32_t i = 0; i <= n_parts; i++) {
		bool last = i == n_parts;
		size_t before = out.pos, left;

		in.size = last ? w->raw.len : parts[i].end;
		left = ZSTD_compressStream2(w->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_flush);
		if (ZSTD_isError(left))
			return left;
		if (left)
			return (size_t)-1; /* an error code: no room, which the bound excludes */
		if (!last && parts[i].section >= 0)
			w->part_bytes[parts[i].section] += out.pos - before;
	}
	return out.pos;
}

/* Compresses w->raw behind the header of w->block, and writes both with one call. */
static int put_block(struct skbx_writer *w, uint32_t n_parts, struct skbox_error *err)
{
	struct frame_block *b = &w->block;
	/* a flush costs the header of a zstd block, and tables */
	size_t bound = ZSTD_compressBound(w->raw.len) + n_parts * 1024, n;
	uint8_t *data;

	if (w->raw.failed)
		return out_of_memory(err);
	/* the data goes behind the longest header there can be, and is moved down to the real one */
	buf_clear(&w->frame);
	data = buf_room(&w->frame, FRAME_BLOCK_MAX + bound);
	if (!data)
		return out_of_memory(err);
	n = compress(w, data + FRAME_BLOCK_MAX, bound, n_parts);
	if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return out_of_memory(err);
	if (ZSTD_isError(n))
		return error_set(err, -EIO, w->written, "zstd: %s", ZSTD_getErrorName(n));
	b->sum.seq = w->seq;
	b->sum.offset = w->written;
	b->sum.raw_bytes = (uint32_t)w->raw.len;
	b->sum.bytes = (uint32_t)n;
	b->sum.lost = w->lost;
	memcpy(b->id, w->id, sizeof(b->id));
	b->data_crc = frame_crc(data + FRAME_BLOCK_MAX, n);
	frame_put_block(&w->frame, b);
	if (skbx_index_add(&w->index, &b->sum, w->frame.len))
		return out_of_memory(err);
	w->seq++;
	memmove(w->frame.p + w->frame.len, data + FRAME_BLOCK_MAX, n);
	w->frame.len += n;
	return put_out(w, err);
}

static void block_begin(struct skbx_writer *w, enum skbx_block_type type)
{
	buf_clear(&w->raw);
	w->block.sum = (struct skbx_summary){
		.type = (uint8_t)type, .first_ns = w->all.last_ns, .last_ns = w->all.last_ns};
	w->block.key = 0;
}

/* ---- summaries ---- */

/* The sketch of a string; `seen`: of the first ids, those that are in it already. */
static uint64_t sketch_string(struct ev_str str, uint64_t *seen)
{
	uint64_t bit = str.id < 64 ? UINT64_C(1) << str.id : 0;

	if (*seen & bit)
		return 0;
	*seen |= bit;
	return skbx_sketch(str.p, str.len);
}

static int summarize(struct skbx_writer *w, struct ev_walk walk, uint32_t to)
{
	const struct ev_batch *b = walk.batch;
	struct skbx_summary *s = &w->block.sum;
	uint64_t probes = 0, drops = 0;
	struct ev ev = {0};
	bool any = false;

	if (b->blobs.n > w->blob_room) {
		uint8_t *seen = realloc(w->blob_seen, b->blobs.n);

		if (!seen)
			return -ENOMEM;
		w->blob_seen = seen;
		w->blob_room = b->blobs.n;
	}
	if (b->blobs.n)
		memset(w->blob_seen, 0, b->blobs.n);
	memset(&w->sketch, 0, sizeof(w->sketch));
	s->first_ns = UINT64_MAX;
	s->last_ns = 0;
	s->events = to - walk.i;
	while (walk.i < to && ev_next(&walk, &ev)) {
		uint64_t t = ev.common ? ev.common->timestamp : 0;

		s->first_ns = t < s->first_ns ? t : s->first_ns;
		s->last_ns = t > s->last_ns ? t : s->last_ns;
		s->packets += ev.kernel != NULL;
		s->sockets += ev.diag != NULL;
		if (ev.kernel)
			s->probes |= sketch_string(ev.kernel->symbol, &probes);
		if (ev.userspace)
			s->probes |= sketch_string(ev.userspace->symbol, &probes);
		if (ev.skb_drop)
			s->drops |= sketch_string(ev.skb_drop->drop_reason, &drops);
		if (ev.packet && EV_HAS(ev.packet, packet, data) &&
		    !w->blob_seen[ev.packet->data.id]) {
			w->blob_seen[ev.packet->data.id] = 1;
			frame_sketch_packet(&w->sketch, ev.packet);
			any = true;
		}
		if (ev.diag) {
			frame_sketch_diag(&w->sketch, ev.diag);
			any = true;
		}
		if (ev.sock && EV_HAS(ev.sock, sock, sport)) {
			frame_sketch_sock(&w->sketch, ev.sock);
			any = true;
		}
		if (ev.loss)
			w->lost += ev.loss->lost + ev.loss->skipped;
	}
	if (any && s->events >= SMALL_EVENTS) {
		s->flows_bytes = frame_sketch_fold(&w->sketch, w->block.flows);
		s->flows = w->block.flows;
	}
	return 0;
}

static void add_up(struct skbx_writer *w, bool parted)
{
	const struct skbx_summary *s = &w->block.sum;
	struct skbx_summary *all = &w->all;

	if (!all->events || s->first_ns < all->first_ns)
		all->first_ns = s->first_ns;
	if (s->last_ns > all->last_ns)
		all->last_ns = s->last_ns;
	all->events += s->events;
	all->packets += s->packets;
	all->sockets += s->sockets;
	all->probes |= s->probes;
	all->drops |= s->drops;
	for (int i = 0; i < EV_SECTIONS; i++) {
		uint64_t raw = w->block_stats.raw[i];

		w->sections[i].rows += w->block_stats.rows[i];
		w->sections[i].raw += raw;
		/* of a block in one part: by its share of the bytes */
		w->sections[i].bytes += parted ? w->part_bytes[i] : raw * s->bytes / s->raw_bytes;
	}
}

/* ---- blocks that repeat ---- */

/* The key goes out twice, so that no damage to one place costs more than one block. */
static int put_key(struct skbx_writer *w, struct skbox_error *err)
{
	struct block_dict *old = w->key;
	int ret = 0;

	w->key = w->learn;
	w->learn = old;
	if (w->key->packet_len > w->key->packet_used)
		w->key->packet_len = w->key->packet_used;
	block_dict_clear(w->learn);
	for (int copy = 0; copy < 2 && !ret; copy++) {
		block_begin(w, SKBX_KEY);
		if (!copy)
			w->key_seq = w->seq + 1;
		w->block.key = w->key_seq;
		block_dict_put(&w->raw, w->key);
		ret = put_block(w, 0, err);
	}
	w->own_bytes = w->own_blocks = 0;
	return ret;
}

static int put_inventory(struct skbx_writer *w, struct skbox_error *err)
{
	int ret;

	block_begin(w, SKBX_INVENTORY);
	/* the schema does not change, and is a third of what a slow recording would repeat */
	ret = skbx_inventory_put(&w->inventory, w->coder,
				 w->inventories++ < 2 || w->inventories % SCHEMA_EVERY == 0,
				 &w->raw);
	if (ret)
		return out_of_memory(err);
	w->block.sum.events = w->inventory.rows->n;
	w->inventory_at = w->written;
	w->inventory_ns = w->all.last_ns;
	return put_block(w, 0, err);
}

/* The headers since the last index: then their memory is free again. */
static int put_index(struct skbx_writer *w, struct skbox_error *err)
{
	uint64_t at = w->written;
	int ret;

	block_begin(w, (enum skbx_block_type)SKBX_INDEX);
	if (skbx_index_put(&w->index, &w->raw))
		return out_of_memory(err);
	skbx_index_clear(&w->index); /* before the header of this one is added */
	ret = put_block(w, 0, err);
	if (!ret)
		w->index_at = at;
	return ret;
}

static bool wants_key(const struct skbx_writer *w)
{
	return w->own_bytes > KEY_AFTER_BYTES ||
	       (!w->key_seq && w->own_bytes > KEY_FIRST_BYTES && w->own_blocks >= KEY_FIRST_BLOCKS);
}

static int put_repeated(struct skbx_writer *w, struct skbox_error *err)
{
	bool early = !w->inventory_early && w->seq >= INVENTORY_EARLY;
	int ret = 0;

	if (w->index.n >= INDEX_FULL)
		ret = put_index(w, err);
	if (!ret && wants_key(w))
		ret = put_key(w, err);
	if (!ret && (early || !w->inventory_at || w->written - w->inventory_at >= INVENTORY_BYTES ||
		     w->all.last_ns - w->inventory_ns >= INVENTORY_NS)) {
		w->inventory_early = w->inventory_early || early;
		ret = put_inventory(w, err);
	}
	return ret;
}

/* ---- events ---- */

/* How far a block goes from event i on. */
static uint32_t block_end(const struct ev_batch *b, const struct ev_walk *walk, int level)
{
	const uint32_t events = skbx_block_events(level);
	const struct ev_packet *packet = (const void *)b->sec[EV_packet].p;
	const struct ev_kernel *kernel = (const void *)b->sec[EV_kernel].p;
	uint32_t at = walk->at[EV_packet], at_kernel = walk->at[EV_kernel];
	size_t bytes = 0;
	uint32_t packets = 0, i;

	for (i = walk->i;
	     i < b->n && i - walk->i < events && bytes < events * BLOCK_EVENT_BYTES; i++) {
		bytes += 64;
		if (b->mask[i] & EV_SECTION_BIT(packet)) {
			const struct ev_bytes *data = &packet[at++].data;

			if (data->id >= packets) { /* ids rise with the first use */
				packets = data->id + 1;
				bytes += data->len;
			}
		}
		if (b->mask[i] & EV_SECTION_BIT(kernel))
			bytes += kernel[at_kernel++].stack_trace.n * 8;
	}
	return i;
}

/* The content of a block into w->raw. 0, -ENOMEM; -E2BIG: a reader would refuse it. */
static int encode_events(struct skbx_writer *w, struct ev_walk *walk, uint32_t to, bool small)
{
	const struct block_dict *key = small && w->key_seq ? w->key : NULL;
	int ret;

	block_begin(w, SKBX_EVENTS);
	memset(&w->block_stats, 0, sizeof(w->block_stats));
	memset(w->part_bytes, 0, sizeof(w->part_bytes));
	w->block.key = key ? w->key_seq : 0;
	ret = summarize(w, *walk, to);
	if (!ret)
		ret = skbx_inventory_learn(&w->inventory, *walk, to);
	if (!ret)
		ret = block_encode(w->coder, &w->raw, walk, to, key, small ? w->learn : NULL,
				   w->block.sum.first_ns, &w->block_stats);
	return !ret && w->raw.len > BLOCK_RAW_MAX ? -E2BIG : ret;
}

static int put_events(struct skbx_writer *w, struct ev_walk *walk, uint32_t to,
		      struct skbox_error *err)
{
	const struct ev_walk start = *walk;
	const uint64_t lost = w->lost;
	uint32_t n_parts = 0;
	bool small;
	int ret;

	for (;;) {
		small = to - start.i < SMALL_EVENTS;
		ret = encode_events(w, walk, to, small);
		if (ret != -E2BIG || to - start.i == 1)
			break;
		/* long strings, long lists: fewer events, then */
		to = start.i + (to - start.i) / 2;
		*walk = start;
		w->lost = lost;
	}
	if (!ret) {
		if (small) {
			w->own_bytes += block_own_bytes(w->coder);
			w->own_blocks++;
		} else {
			block_parts(w->coder, &n_parts);
		}
		ret = put_block(w, n_parts, err);
	} else if (ret == -E2BIG) {
		error_set(err, ret, w->written, "an event is too large for a block");
	} else {
		out_of_memory(err);
	}
	if (ret)
		w->lost = lost; /* its rows of losses are not in the file */
	else
		add_up(w, n_parts > 0);
	return ret;
}

int skbx_write(struct skbx_writer *w, const struct ev_batch *batch, struct skbox_error *err)
{
	struct ev_walk walk = ev_walk(batch);
	int ret = 0;

	if (batch->failed)
		return out_of_memory(err);
	while (walk.i < batch->n && !ret) {
		ret = put_events(w, &walk, block_end(batch, &walk, w->level), err);
		if (!ret)
			ret = put_repeated(w, err);
	}
	return ret;
}

/* ---- the end ---- */

int skbx_writer_close(struct skbx_writer *w, struct skbox_error *err)
{
	size_t at = 0;
	bool more = true;
	int ret = w->index.n ? put_index(w, err) : 0;

	if (ret)
		return ret;
	block_begin(w, SKBX_TRAILER);
	if (skbx_inventory_put(&w->inventory, w->coder, true, &w->raw))
		return out_of_memory(err);
	w->block.sum.events = w->inventory.rows->n;
	w->all.lost = w->lost;
	skbx_trailer_put(&w->raw, &w->all, w->seq, w->index_at, w->sections);
	ret = put_block(w, 0, err);
	while (more && !ret) {
		buf_clear(&w->frame);
		more = skbx_index_seek_table(&w->index, &at, &w->frame);
		ret = put_out(w, err);
	}
	return ret;
}

void skbx_writer_free(struct skbx_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	block_coder_free(w->coder);
	block_dict_free(w->key);
	block_dict_free(w->learn);
	skbx_inventory_free(&w->inventory);
	skbx_index_free(&w->index);
	buf_free(&w->raw);
	buf_free(&w->frame);
	free(w->blob_seen);
	free(w);
}
