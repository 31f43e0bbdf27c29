/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "formats/skbx/skbx_frame.h"
#include "formats/skbx/skbx_index.h"
#include "formats/skbx/skbx_inventory.h"

/* Exactly n bytes at an offset; false when they are not there. */
static bool read_at(const struct skbx_input *in, void *p, size_t n, uint64_t offset)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = in->read(in->ctx, (uint8_t *)p + done, n - done, offset + done);

		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

/* Where the trailer's block begins, from the seek table; 0 when there is no good one. */
static uint64_t find_trailer(const struct skbx_input *in)
{
	uint8_t end[FRAME_SEEK_FOOTER_BYTES + 16];
	uint64_t size = (uint64_t)in->size, table, frames;

	if (size < sizeof(end) || !read_at(in, end, sizeof(end), size - sizeof(end)) ||
	    frame_le32(end + sizeof(end) - 4) != FRAME_SEEK_FOOTER_MAGIC)
		return 0;
	frames = frame_le32(end + 16);
	table = FRAME_PREFIX_BYTES + frames * 8 + FRAME_SEEK_FOOTER_BYTES;
	/* the last two frames: the trailer's header and its data */
	table += (uint64_t)frame_le32(end) + frame_le32(end + 8);
	return frames >= 2 && table < size ? size - table : 0;
}

static int read_trailer(const struct skbx_input *in, uint64_t offset, const uint8_t *id,
			struct skbx_info *info)
{
	uint8_t *p = malloc(FRAME_BLOCK_MAX), *data = NULL, *raw = NULL;
	struct frame_block *b = calloc(1, sizeof(*b));
	struct block_coder *coder = block_coder_new();
	uint64_t left = (uint64_t)in->size - offset, unknown = 0, index_at;
	size_t n = left < FRAME_BLOCK_MAX ? left : FRAME_BLOCK_MAX;
	int ret = -ENOMEM, header;
	struct cursor c;
	size_t got;

	if (!p || !b || !coder)
		goto out;
	ret = -EPROTO;
	if (!read_at(in, p, n, offset))
		goto out;
	header = frame_get_block(b, p, n);
	if (header <= 0 || b->sum.type != SKBX_TRAILER || b->sum.offset != offset ||
	    memcmp(b->id, id, sizeof(b->id)))
		goto out;
	data = malloc(b->sum.bytes + 1);
	raw = malloc(b->sum.raw_bytes + 1);
	ret = -ENOMEM;
	if (!data || !raw)
		goto out;
	ret = -EPROTO;
	if (!read_at(in, data, b->sum.bytes, offset + (unsigned int)header) ||
	    frame_crc(data, b->sum.bytes) != b->data_crc)
		goto out;
	got = ZSTD_decompress(raw, b->sum.raw_bytes, data, b->sum.bytes);
	if (ZSTD_isError(got) || got != b->sum.raw_bytes)
		goto out;
	c = cursor_init(raw, got);
	ret = skbx_inventory_get(&c, coder, info->inventory, ~UINT64_C(0), &unknown, NULL);
	if (!ret)
		ret = skbx_trailer_get(&c, info, &index_at, NULL);
	info->finished = !ret;
out:
	free(p);
	free(data);
	free(raw);
	free(b);
	block_coder_free(coder);
	return ret;
}

/* Without a trailer: every block's header, and the inventory rows of the blocks that may have them. */

static void add_summary(struct skbx_info *info, const struct skbx_summary *s)
{
	struct skbx_summary *all = &info->all;

	if (!all->events || s->first_ns < all->first_ns)
		all->first_ns = s->first_ns;
	if (s->last_ns > all->last_ns)
		all->last_ns = s->last_ns;
	all->events += s->events;
	all->packets += s->packets;
	all->sockets += s->sockets;
	all->lost = s->lost;
	all->probes |= s->probes;
	all->drops |= s->drops;
	info->blocks++;
}

struct walk {
	struct skbx_info *info;
	struct skbx_reader *reader;
	struct skbx_summary before; /* all blocks but the last */
	uint64_t done;              /* blocks that the reader was done with before the last */
};

static uint64_t blocks_done(const struct skbx_reader *r)
{
	const struct skbx_status *s = skbx_read_status(r);

	return s->blocks + s->blocks_skipped + s->damaged;
}

static bool want_inventory(void *ctx, const struct skbx_summary *s)
{
	struct walk *walk = ctx;

	walk->before = walk->info->all;
	walk->done = blocks_done(walk->reader);
	add_summary(walk->info, s);
	return s->events > s->packets + s->sockets; /* other rows: some may be of the inventory */
}

static int walk_blocks(const struct skbx_input *in, struct skbx_info *info, struct skbox_error *err)
{
	struct walk walk = {.info = info};
	struct skbx_read_options o = {.want = want_inventory, .ctx = &walk};
	struct ev_batch *batch = ev_batch_new();
	struct skbx_reader *r = NULL;
	struct skbx_inventory inventory = {0};
	int ret = -ENOMEM;

	if (!batch || skbx_inventory_init(&inventory))
		error_set(err, ret, 0, "out of memory");
	else
		ret = skbx_reader_open(&walk.reader, in, &o, err);
	r = walk.reader;
	if (!ret)
		while ((ret = skbx_read(r, batch, err)) > 0)
			if (skbx_inventory_learn(&inventory, ev_walk(batch), batch->n)) {
				ret = error_set(err, -ENOMEM, 0, "out of memory");
				break;
			}
	if (!ret) {
		/* the end of the file cuts the last block: it does not count */
		if (info->blocks && blocks_done(r) == walk.done) {
			info->all = walk.before;
			info->blocks--;
		}
		ev_batch_free(info->inventory);
		info->inventory = inventory.rows;
		inventory.rows = NULL;
	}
	skbx_reader_free(r);
	skbx_inventory_free(&inventory);
	ev_batch_free(batch);
	return ret;
}

int skbx_info(const struct skbx_input *in, struct skbx_info *info, struct skbox_error *err)
{
	uint8_t head[SKBX_HEADER_BYTES], id[SKBX_ID_BYTES];
	uint64_t offset;
	uint16_t version;
	int ret;

	*info = (struct skbx_info){0};
	if (in->size < 0)
		return error_set(err, -ESPIPE, 0, "a pipe has no end to begin with");
	info->file_bytes = (uint64_t)in->size;
	info->inventory = ev_batch_new();
	if (!info->inventory)
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (!read_at(in, head, sizeof(head), 0) || !skbx_recognize(head, sizeof(head))) {
		skbx_info_free(info);
		return error_set(err, -EPROTO, 0, "not an event file");
	}
	offset = frame_get_header(head, &version, id) ? 0 : find_trailer(in);
	if (offset && !read_trailer(in, offset, id, info))
		return 0;
	ev_batch_clear(info->inventory);
	memset(&info->all, 0, sizeof(info->all));
	memset(info->sections, 0, sizeof(info->sections));
	info->blocks = 0;
	ret = walk_blocks(in, info, err);
	if (ret)
		skbx_info_free(info);
	return ret;
}

void skbx_info_free(struct skbx_info *info)
{
	ev_batch_free(info->inventory);
	info->inventory = NULL;
}
