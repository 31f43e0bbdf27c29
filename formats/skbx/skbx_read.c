/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/skbx/skbx.h"

#include <errno.h>
#include <stdlib.h>

#include "formats/skbx/skbx_frame.h"
#include "formats/skbx/skbx_index.h"
#include "formats/skbx/skbx_inventory.h"
#include "formats/skbx/skbx_packed.h"
#include "formats/skbx/skbx_window.h"

struct skbx_reader {
	struct skbx_window w;
	struct skbx_read_options o;
	struct skbx_status status;
	bool ended;
	uint64_t
		base; /* offset at which the current file begins (files may stand behind each other) */
	int64_t last_seq; /* of the last block that was read; -1: none */
	bool startup_seen;
	bool trailer_seen;
	bool hurt;           /* the file has damage: not every frame was counted */
	bool tail_is_table;  /* the file ends as a finished one does */
	uint64_t frames_crc; /* of the seek table entries that the frames so far should have */
	uint32_t n_frames;
	struct skbx_unpacker *unpacker;
	struct skbx_packed *packed; /* of the call; NULL: all is decoded */
	struct block_dict *key;
	uint32_t key_seq;
	uint64_t searched; /* where the data of a bad block ends that is searched for others */
	struct frame_block block;
};

static void damage(struct skbx_reader *r, uint64_t offset, const char *text)
{
	struct skbox_error e = {0};

	r->status.damaged++;
	r->hurt = true;
	error_set(&e, -EPROTO, offset, "%s", text);
	if (r->o.damage)
		r->o.damage(r->o.ctx, &e);
}

/* ---- opening ---- */

static void file_begins(struct skbx_reader *r, uint64_t base)
{
	r->base = base;
	r->last_seq = -1;
	r->key_seq = 0;
	/* nobody waits for the rows of the inventory who does not want them */
	r->startup_seen = !(r->o.sections & EV_SECTION_BIT(startup));
	r->hurt = false;
	r->status.finished = r->trailer_seen = false;
	r->n_frames = 0;
	r->frames_crc = 0;
}

static void count_frame(struct skbx_reader *r, uint32_t compressed, uint32_t raw)
{
	uint64_t entry = compressed | (uint64_t)raw << 32;

	/* any mix that depends on order: it is compared with the table's own, not stored */
	r->frames_crc = (r->frames_crc ^ entry) * UINT64_C(0x9e3779b97f4a7c15);
	r->frames_crc ^= r->frames_crc >> 29;
	r->n_frames++;
}

/*
 * As many bytes as the block header at the current place has, or, where none begins, as the longest
 * one could have: a pipe is not waited for longer than for the block that is being written.
 */
static int64_t window_header(struct skbx_reader *r)
{
	int64_t got = skbx_window_fill(&r->w, FRAME_PREFIX_BYTES);
	uint64_t size = FRAME_BLOCK_MAX;

	if (got < FRAME_PREFIX_BYTES)
		return got;
	if (frame_le32(skbx_window_here(&r->w)) == FRAME_BLOCK_MAGIC)
		size = (uint64_t)frame_le32(skbx_window_here(&r->w) + 4) + FRAME_PREFIX_BYTES;
	else if (r->trailer_seen && frame_le32(skbx_window_here(&r->w)) == FRAME_SEEK_MAGIC)
		size = FRAME_PREFIX_BYTES; /* nothing may follow: an input that grows would wait */
	return skbx_window_fill(&r->w, size < FRAME_BLOCK_MAX ? (size_t)size : FRAME_BLOCK_MAX);
}

/* Reads the file header at the current place, or what stands behind a damaged one. */
static int read_header(struct skbx_reader *r, struct skbox_error *err)
{
	int64_t got = skbx_window_fill(&r->w, SKBX_HEADER_BYTES);
	struct frame_block first;
	int ret;

	if (got < 0)
		return error_set(err, (int)got, r->w.at, "cannot read: %s", strerror(-(int)got));
	if (!skbx_recognize(skbx_window_here(&r->w), (size_t)got))
		return error_set(err, -EPROTO, r->w.at, "not an event file");
	file_begins(r, r->w.at);
	ret = frame_get_header(skbx_window_here(&r->w), &r->status.version, r->status.id);
	if (ret == -ENOTSUP)
		return error_set(err, ret, r->w.at, "event file of a newer format");
	if (ret) {
		/* the first block stands behind it, and knows the file's id too */
		damage(r, r->w.at, "file header is damaged");
		got = skbx_window_fill(&r->w, SKBX_HEADER_BYTES + FRAME_BLOCK_MAX);
		if (got < 0)
			return error_set(err, (int)got, r->w.at, "cannot read: %s",
					 strerror(-(int)got));
		ret = frame_get_block(&first, skbx_window_here(&r->w) + SKBX_HEADER_BYTES,
				      (size_t)got - SKBX_HEADER_BYTES);
		if (ret <= 0 || first.sum.offset != SKBX_HEADER_BYTES || first.sum.seq) {
			r->ended = true;
			return r->w.at ? 0 /* a second file: what was read is good, and it was told */
				       : error_set(err, -EPROTO, r->w.at,
						   "file header and first block are damaged");
		}
		r->status.version = FRAME_VERSION;
		memcpy(r->status.id, first.id, SKBX_ID_BYTES);
	}
	count_frame(r, SKBX_HEADER_BYTES, 0);
	return skbx_window_forward(&r->w, SKBX_HEADER_BYTES);
}

int skbx_reader_open(struct skbx_reader **result, const struct skbx_input *in,
		     const struct skbx_read_options *options, struct skbox_error *err)
{
	struct skbx_reader *r = calloc(1, sizeof(*r));
	int ret;

	*result = NULL;
	if (!r)
		return error_set(err, -ENOMEM, 0, "out of memory");
	r->w.in = *in;
	r->w.bytes = &r->status.bytes;
	if (options)
		r->o = *options;
	if (!r->o.sections)
		r->o.sections = ~UINT64_C(0);
	r->unpacker = skbx_unpacker_new();
	r->key = block_dict_new();
	if (!r->unpacker || !r->key)
		ret = error_set(err, -ENOMEM, 0, "out of memory");
	else
		ret = read_header(r, err);
	if (ret)
		skbx_reader_free(r);
	else
		*result = r;
	return ret;
}

void skbx_reader_free(struct skbx_reader *r)
{
	if (!r)
		return;
	skbx_unpacker_free(r->unpacker);
	block_dict_free(r->key);
	skbx_window_free(&r->w);
	free(r);
}

const struct skbx_summary *skbx_read_summary(const struct skbx_reader *r)
{
	return &r->block.sum;
}

const struct skbx_status *skbx_read_status(const struct skbx_reader *r)
{
	return &r->status;
}

/* ---- finding the next block after damage ---- */

/* Whether the file's last bytes, as far as they are in the window, are those of a seek table. */
static bool ends_with_table(const struct skbx_reader *r)
{
	return r->w.eof && r->w.len >= 4 &&
	       frame_le32(skbx_window_here(&r->w) + r->w.len - 4) == FRAME_SEEK_FOOTER_MAGIC;
}

/* Whether a block header at the current place is one of this file, at its own place, and later. */
static bool is_own_block(struct skbx_reader *r, const struct frame_block *b)
{
	return !memcmp(b->id, r->status.id, SKBX_ID_BYTES) && b->sum.offset == r->w.at - r->base &&
	       (int64_t)b->sum.seq > r->last_seq;
}

/*
 * Looks for the next block from behind the current place on. 1: the window stands at one; 0: there
 * is none up to the end. A block's bytes in a packet's payload are not taken for one: they do not
 * stand where their header says.
 */
static int resync(struct skbx_reader *r)
{
	int ret = skbx_window_forward(&r->w, 1);

	while (!ret) {
		const uint8_t *p, *found;
		int64_t got = skbx_window_fill(&r->w, FRAME_BLOCK_MAX);

		if (got < 0)
			return (int)got;
		r->tail_is_table |= ends_with_table(r);
		if (got < FRAME_PREFIX_BYTES)
			return 0;
		p = skbx_window_here(&r->w);
		found = memchr(p, (int)(FRAME_BLOCK_MAGIC & 0xff), (size_t)got);
		if (found != p) {
			ret = skbx_window_forward(&r->w, found ? (size_t)(found - p) : (size_t)got);
			continue;
		}
		if (frame_may_be_block(p, (size_t)got, r->status.id, r->w.at - r->base) &&
		    frame_get_block(&r->block, p, (size_t)got) > 0 && is_own_block(r, &r->block))
			return 1;
		ret = skbx_window_forward(&r->w, 1);
	}
	return ret;
}

/* ---- one block ---- */

/* A key from its block; the one before stays as it is for those who still decode with it. */
static int take_key(struct skbx_reader *r, const uint8_t *raw, struct skbox_error *err)
{
	int ret;

	if (r->key_seq == r->block.key)
		return 0; /* the second copy */
	r->key_seq = 0;
	if (block_dict_is_shared(r->key)) {
		struct block_dict *key = block_dict_new();

		if (!key)
			return error_set(err, -ENOMEM, 0, "out of memory");
		block_dict_free(r->key);
		r->key = key;
	}
	ret = block_dict_get(r->key, raw, r->block.sum.raw_bytes, err);
	if (!ret)
		r->key_seq = r->block.key;
	return ret;
}

/* The decompressed content of a block that is not of events: 1 when the batch has some all the same. */
static int take(struct skbx_reader *r, const uint8_t *raw, struct ev_batch *batch,
		struct skbox_error *err)
{
	const struct skbx_summary *s = &r->block.sum;
	struct skbx_index index = {0};
	struct cursor c;
	int ret;

	switch (s->type) {
	case SKBX_KEY: return take_key(r, raw, err);
	case SKBX_INVENTORY:
	case SKBX_TRAILER:
		c = cursor_init(raw, s->raw_bytes);
		ret = skbx_inventory_get(&c, skbx_unpacker_coder(r->unpacker), batch, r->o.sections,
					 &r->status.unknown, err);
		if (ret)
			return ret;
		/* only where the first rows were lost: else they are known already */
		if (s->type == SKBX_INVENTORY && !r->startup_seen && batch->sec[EV_startup].n) {
			r->startup_seen = true;
			return 1;
		}
		return 0;
	case SKBX_INDEX:
		ret = skbx_index_get(&index, raw, s->raw_bytes, err);
		skbx_index_free(&index);
		return ret;
	default: r->status.unknown++; return 0;
	}
}

/* A block of events. */
static int take_events(struct skbx_reader *r, const struct skbx_data *d, const uint8_t *raw,
		       struct ev_batch *batch, struct skbox_error *err)
{
	int ret = skbx_unpack_events(r->unpacker, d, raw, batch, &r->status.unknown, err);

	if (ret)
		return ret;
	r->startup_seen |= batch->sec[EV_startup].n > 0;
	return 1;
}

/*
 * The block whose data stands at p. *whole: its checksum is right. 1: the batch has events; SKBX_PACKED;
 * 0: there is nothing to return.
 */
static int take_block(struct skbx_reader *r, const uint8_t *p, struct ev_batch *batch, bool *whole,
		      struct skbox_error *err)
{
	const struct skbx_summary *s = &r->block.sum;
	const struct skbx_data d = {s, p, r->block.key ? r->key : NULL, r->o.sections};
	const uint8_t *raw;
	int ret;

	*whole = frame_crc(p, s->bytes) == r->block.data_crc;
	if (!*whole)
		return error_set(err, -EPROTO, 0, "block %u: data has a wrong checksum", s->seq);
	if (s->type == SKBX_EVENTS && d.key && r->block.key != r->key_seq)
		return error_set(err, -EPROTO, 0, "block %u: its key block is damaged", s->seq);
	if (s->type == SKBX_EVENTS && r->packed && r->startup_seen && skbx_is_plain(s)) {
		ret = skbx_pack(r->packed, &d, r->w.at, r->block.key ? r->key : NULL);
		return ret ? error_set(err, ret, 0, "out of memory") : SKBX_PACKED;
	}
	ret = skbx_unpack_data(r->unpacker, &d, &raw, err);
	if (ret)
		return ret;
	return s->type == SKBX_EVENTS ? take_events(r, &d, raw, batch, err)
				      : take(r, raw, batch, err);
}

/* Whether a seek table of that many bytes may stand at the current place. */
static bool may_be_seek_table(const struct skbx_reader *r, uint64_t size)
{
	uint64_t entries = size - FRAME_PREFIX_BYTES - FRAME_SEEK_FOOTER_BYTES;
	uint64_t frames = entries / 8, least = 1 + 2 * (uint64_t)(r->last_seq + 1);

	if (size < FRAME_PREFIX_BYTES + FRAME_SEEK_FOOTER_BYTES || entries % 8)
		return false;
	/* the trailer's number tells how many; without it, no more than the bytes so far can be */
	return r->trailer_seen
		       ? frames == least
		       : frames >= least && frames <= (r->w.at - r->base) / FRAME_PREFIX_BYTES;
}

/*
 * Whether a table of that size, if it is in the window, ends as one does: a bit makes its magic of that
 * of a block. One flipped bit leaves one of the two marks.
 */
static bool ends_as_table(struct skbx_reader *r, uint64_t size)
{
	int64_t got = size <= WINDOW_READ_BYTES ? skbx_window_fill(&r->w, size) : 0;
	const uint8_t *footer;

	if (got < 0 || (uint64_t)got < size)
		return true;
	footer = skbx_window_here(&r->w) + size - FRAME_SEEK_FOOTER_BYTES;
	return frame_le32(footer + 5) == FRAME_SEEK_FOOTER_MAGIC ||
	       frame_le32(footer) == (size - FRAME_PREFIX_BYTES - FRAME_SEEK_FOOTER_BYTES) / 8;
}

/*
 * The seek table at the current place: 1 when it was one (whole, or cut at the end of the file),
 * 0 when the bytes cannot be one. It may be larger than memory is: it is read in pieces.
 */
static int read_seek_table(struct skbx_reader *r, struct skbox_error *err)
{
	uint64_t offset = r->w.at, crc = r->frames_crc;
	uint64_t size = (uint64_t)frame_le32(skbx_window_here(&r->w) + 4) + FRAME_PREFIX_BYTES;
	uint32_t n = r->n_frames;
	const uint8_t *p;
	int64_t got = 0;
	int ret;

	if (!may_be_seek_table(r, size) || !ends_as_table(r, size))
		return 0;
	r->frames_crc = 0;
	r->n_frames = 0;
	ret = skbx_window_forward(&r->w, FRAME_PREFIX_BYTES);
	for (size -= FRAME_PREFIX_BYTES; !ret && size > FRAME_SEEK_FOOTER_BYTES; size -= 8) {
		got = skbx_window_fill(&r->w, 8);
		if (got < 8)
			break;
		count_frame(r, frame_le32(skbx_window_here(&r->w)),
			    frame_le32(skbx_window_here(&r->w) + 4));
		ret = skbx_window_forward(&r->w, 8);
	}
	if (!ret && got >= 0)
		got = skbx_window_fill(&r->w, FRAME_SEEK_FOOTER_BYTES);
	if (ret || got < 0)
		return error_set(err, ret ? ret : (int)got, r->w.at, "cannot read: %s",
				 strerror(ret ? -ret : -(int)got));
	if (size > FRAME_SEEK_FOOTER_BYTES || got < FRAME_SEEK_FOOTER_BYTES) {
		r->ended = true;
		return 1;
	}
	p = skbx_window_here(&r->w);
	if (frame_le32(p + 5) != FRAME_SEEK_FOOTER_MAGIC || p[4] || frame_le32(p) != r->n_frames ||
	    (!r->hurt && (r->frames_crc != crc || r->n_frames != n)))
		damage(r, offset, "seek table does not fit the frames");
	r->status.finished = r->trailer_seen;
	ret = skbx_window_forward(&r->w, FRAME_SEEK_FOOTER_BYTES);
	return ret ? ret : 1;
}

/* ---- blocks ---- */

static int cannot_read(const struct skbx_reader *r, int64_t ret, struct skbox_error *err)
{
	return error_set(err, (int)ret, r->w.at, "cannot read: %s", strerror(-(int)ret));
}

/* The end of the file cuts a block: that is how a file ends that was not finished. */
static int end_within_block(struct skbx_reader *r)
{
	r->ended = true;
	return 0;
}

/* The block whose header is in r->block, which nobody wants to see, if it is whole. */
static int skip_block(struct skbx_reader *r, size_t header, struct skbox_error *err)
{
	const struct skbx_summary *s = &r->block.sum;
	int64_t got = skbx_window_forward(&r->w, header + s->bytes - 1);

	if (!got)
		got = skbx_window_fill(&r->w, 1);
	if (got < 0)
		return cannot_read(r, got, err);
	if (!got)
		return end_within_block(r);
	r->status.blocks_skipped++;
	r->status.events += s->events;
	r->last_seq = s->seq;
	count_frame(r, (uint32_t)header, 0);
	count_frame(r, s->bytes, s->raw_bytes);
	return skbx_window_forward(&r->w, 1);
}

/* Whether a file header is among the next n bytes: somebody put another file behind a cut one. */
static bool holds_file_header(const struct skbx_reader *r, size_t n)
{
	uint8_t id[SKBX_ID_BYTES];
	uint16_t version;

	for (const uint8_t *p = skbx_window_here(&r->w), *end = p + n;
	     (size_t)(end - p) >= SKBX_HEADER_BYTES; p++) {
		p = memchr(p, (int)(FRAME_HEADER_MAGIC & 0xff),
			   (size_t)(end - p) - SKBX_HEADER_BYTES + 1);
		if (!p)
			break;
		if (skbx_recognize(p, SKBX_HEADER_BYTES) && !frame_get_header(p, &version, id))
			return true;
	}
	return false;
}

/*
 * From a bad block on. Its header is good, so that its data most likely is as long as it says: surely
 * where its checksum is right. Where nothing known stands behind it, bytes are missing, and other blocks may
 * stand within: these are searched for. Not within a bad block that was found so: each byte is looked at
 * twice at most.
 */
static int leave_bad_block(struct skbx_reader *r, uint64_t offset, size_t header, bool whole)
{
	uint64_t size = header + (uint64_t)r->block.sum.bytes;
	int64_t got = skbx_window_fill(&r->w, size + FRAME_PREFIX_BYTES);

	if (got < 0)
		return (int)got;
	if (!whole && offset >= r->searched && (uint64_t)got >= size + 4 &&
	    frame_le32(skbx_window_here(&r->w) + size) >> 4 != FRAME_BLOCK_MAGIC >> 4) {
		r->searched = offset + size;
		return skbx_window_forward(&r->w, header);
	}
	return skbx_window_forward(&r->w, size);
}

/*
 * A block stands at the current place, its header in r->block. 1: batch has events; 0: go on;
 * negative: stop.
 */
static int read_block(struct skbx_reader *r, size_t header, struct ev_batch *batch,
		      struct skbox_error *err)
{
	const struct skbx_summary *s = &r->block.sum;
	struct skbox_error what = {0};
	uint64_t offset = r->w.at;
	bool whole;
	int64_t got;
	int ret;

	if (s->type == SKBX_EVENTS && r->o.want && !r->o.want(r->o.ctx, s))
		return skip_block(r, header, err);
	got = skbx_window_fill(&r->w, header + s->bytes);
	if (got < 0)
		return cannot_read(r, got, err);
	if ((size_t)got < header + s->bytes) {
		if (ends_with_table(r) || holds_file_header(r, (size_t)got))
			damage(r, offset, "block goes past the end of the file");
		return end_within_block(r);
	}
	r->last_seq = s->seq;
	count_frame(r, (uint32_t)header, 0);
	count_frame(r, s->bytes, s->raw_bytes);
	ret = take_block(r, skbx_window_here(&r->w) + header, batch, &whole, &what);
	if (ret == -ENOMEM)
		return error_set(err, ret, offset, "out of memory");
	if (ret < 0) {
		ev_batch_clear(batch);
		damage(r, offset, what.text);
		ret = leave_bad_block(r, offset, header, whole);
		return ret < 0 ? cannot_read(r, ret, err) : 0;
	}
	r->trailer_seen |= s->type == SKBX_TRAILER;
	r->status.blocks++;
	r->status.events += s->type == SKBX_EVENTS ? s->events : 0;
	got = skbx_window_forward(&r->w, header + s->bytes);
	return got < 0 ? cannot_read(r, got, err) : ret;
}

/* ---- what is no block ---- */

/* Whether the last `got` bytes of a file are the beginning of what may stand there. */
static bool is_cut(const uint8_t *p, size_t got)
{
	static const uint32_t magics[] = {FRAME_BLOCK_MAGIC, FRAME_SEEK_MAGIC, FRAME_HEADER_MAGIC};
	uint8_t begin[4] = {0};
	uint32_t magic = 0;
	uint64_t size;

	for (size_t i = 0; i < 3 && !magic; i++) {
		for (int k = 0; k < 4; k++)
			begin[k] = (uint8_t)(magics[i] >> 8 * k);
		if (!memcmp(p, begin, got < 4 ? got : 4))
			magic = magics[i];
	}
	if (got < FRAME_PREFIX_BYTES)
		return magic != 0;
	size = (uint64_t)frame_le32(p + 4) + FRAME_PREFIX_BYTES;
	return (magic == FRAME_BLOCK_MAGIC && size >= 32 && size <= FRAME_BLOCK_MAX &&
		size > got) ||
	       (magic == FRAME_HEADER_MAGIC && size == SKBX_HEADER_BYTES && size > got);
}

/* Something that is no block stands at the current place. */
static int read_other(struct skbx_reader *r, int64_t got, struct skbox_error *err)
{
	uint64_t offset = r->w.at;
	bool cut = is_cut(skbx_window_here(&r->w), (size_t)got),
	     told_end = r->trailer_seen && got >= 8;
	int ret = 0;

	if (got >= SKBX_HEADER_BYTES && skbx_recognize(skbx_window_here(&r->w), (size_t)got))
		return read_header(r, err);
	if (got >= FRAME_PREFIX_BYTES && frame_le32(skbx_window_here(&r->w)) == FRAME_SEEK_MAGIC)
		ret = read_seek_table(r, err);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = resync(r);
	if (ret < 0)
		return cannot_read(r, ret, err);
	if (ret) {
		damage(r, offset, "no block where one should be");
		return 0;
	}
	/* nothing more: the cut end of a file that was not finished, or something damaged */
	r->ended = true;
	if (!cut || r->tail_is_table || told_end) {
		damage(r, offset, "the rest of the file is damaged");
		r->status.finished = r->trailer_seen;
	}
	return 0;
}

int skbx_read(struct skbx_reader *r, struct ev_batch *batch, struct skbox_error *err)
{
	return skbx_read_packed(r, batch, NULL, err);
}

int skbx_read_packed(struct skbx_reader *r, struct ev_batch *batch, struct skbx_packed *packed,
		     struct skbox_error *err)
{
	r->packed = packed;
	ev_batch_clear(batch);
	while (!r->ended) {
		int64_t got = window_header(r);
		int ret;

		if (got < 0)
			return cannot_read(r, got, err);
		if (!got)
			return 0;
		ret = frame_get_block(&r->block, skbx_window_here(&r->w), (size_t)got);
		if (ret > 0 && !memcmp(r->block.id, r->status.id, SKBX_ID_BYTES) &&
		    (int64_t)r->block.sum.seq > r->last_seq)
			ret = read_block(r, (size_t)ret, batch, err);
		else
			ret = read_other(r, got, err);
		if (ret)
			return ret;
		ev_batch_clear(batch);
	}
	return 0;
}
