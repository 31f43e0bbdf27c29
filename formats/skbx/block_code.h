/* SPDX-License-Identifier: BSD-2-Clause */
/* What block_encode.c and block_decode.c share; nobody else includes this. */
#ifndef FORMATS_BLOCK_CODE_H
#define FORMATS_BLOCK_CODE_H

#include "formats/skbx/block.h"
#include "formats/skbx/packets.h"
#include "formats/schema.h"

/* Columns that are no field. Fields have section number << 6 | bit, which is 64 or more. */
enum { COLUMN_GROUPS = 1, COLUMN_SHAPES = 2, COLUMN_BLOBS = 3, COLUMNS_END };
enum {
	BLOCK_PARTS_MAX = 160,  /* of each stream; what is behind them is one more */
	BLOCK_PART_BYTES = 700, /* smaller ones cost more than they save */
};
enum { BLOCK_CONTENT = 1 }; /* first byte: what follows is as FORMAT.md has it */

/* Rows of one section, or of those that have one field. */
struct block_rows {
	uint32_t n;
	uint32_t *groups; /* group of each row's event */
	uint64_t *times;
};

/* Finished columns, and where among them the content changes its nature. */
struct block_stream {
	struct buf buf;
	struct block_part parts[BLOCK_PARTS_MAX];
	uint32_t n_parts;
};

struct block_coder {
	struct column_scratch scratch;
	struct packets_scratch packets;
	struct block_dict *local; /* shapes of the block itself */
	uint64_t *values, *times, *row_times, *field_times;
	uint32_t *shape_of, *group_of, *rows, *row_groups, *field_groups;
	uint32_t n_groups, room;
	struct block_stream head, columns; /* columns that are no field, and fields */
	struct buf column;
	struct block_part parts[2 * BLOCK_PARTS_MAX]; /* of both streams together */
	uint32_t n_parts;
	size_t own_bytes; /* of the strings and shapes of the block encoded last */
	/* encoding only */
	uint32_t *string_map, *blob_map, *local_strings, *local_blobs; /* file id + 1; batch ids */
	uint32_t string_room, blob_room, n_local_strings, n_local_blobs;
	uint64_t *group_keys;
	uint32_t *group_ids, *shape_slots;
	uint32_t group_slots;
};

int block_coder_reserve(struct block_coder *c, uint32_t events);

/* The shape's id in d, added when it is new; -1: out of memory. masks: of its sections, in order. Looks
 * at all shapes of d: for small ones. */
int block_dict_shape(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n);

int block_dict_append(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n);

/* Strings of the key (may be NULL), then the block's own, into the batch's pool. */
int block_get_strings(struct cursor *c, struct ev_batch *b, const struct block_dict *key,
		      struct skbox_error *err);
int block_get_shapes(struct cursor *c, struct block_dict *d, struct skbox_error *err);
void block_put_shapes(struct buf *out, const struct block_dict *d);

/* The packet that packets of a block with this key (may be NULL) can be held against. */
static inline struct ev_str block_usual_packet(const struct block_dict *key)
{
	return key ? (struct ev_str){(const char *)key->packet, key->packet_len, 0}
		   : (struct ev_str){"", 0, 0};
}

static inline enum column_pred block_pred(const struct schema_field *f)
{
	/* when a packet was first seen is close to when its first event was recorded */
	if (f->section == EV_skb_tracking && f->bit == EVI_skb_tracking_timestamp)
		return COLUMN_GROUP_TIME;
	return f->pred == SCHEMA_PRED_GROUP  ? COLUMN_GROUP
	       : f->pred == SCHEMA_PRED_PREV ? COLUMN_PREV
					     : COLUMN_NONE;
}

#endif
