/* SPDX-License-Identifier: BSD-2-Clause */
/* What block_encode.c and block_decode.c share; nobody else includes this. */
#ifndef FORMATS_BLOCK_CODE_H
#define FORMATS_BLOCK_CODE_H

#include "formats/skbx/block.h"
#include "formats/skbx/packets.h"
#include "formats/schema.h"

/* Columns that are no field. Fields have section number << 6 | bit, which is 64 or more. */
enum { COLUMN_GROUPS = 1, COLUMN_SHAPES = 2, COLUMN_BLOBS = 3, COLUMN_PACKET_OF = 4, COLUMNS_END };
enum {
	BLOCK_PARTS_MAX = 160,  /* of each stream; what is behind them is one more */
	BLOCK_PART_BYTES = 700, /* smaller ones cost more than they save */
};
enum { BLOCK_CONTENT = 1 }; /* first byte: what follows is as FORMAT.md has it */

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
	uint64_t *values;
	uint32_t *shape_of;
	/* of each event: what predictions look at; `events` points to these */
	uint64_t *times;
	uint32_t *group_of, *flow_of, *size_of, *task_of;
	uint32_t *packet_of;  /* 1 + number of its packet; 0: none */
	uint32_t *row_events; /* event of each row of a section ... */
	uint32_t *events_of;  /* ... and of a field */
	uint32_t *run_ends;   /* decoding only: where each run of events of one shape ends */
	struct column_events events;
	struct column_refs refs; /* of them */
	uint32_t room;
	struct block_stream head, columns; /* columns that are no field, and fields */
	struct buf column;
	struct block_part parts[2 * BLOCK_PARTS_MAX]; /* of both streams together */
	uint32_t n_parts;
	size_t own_bytes; /* of the strings and shapes of the block encoded last */
	/* encoding only */
	uint32_t *string_map, *blob_map, *local_strings, *local_blobs; /* file id + 1; batch ids */
	uint32_t string_room, blob_room, n_local_strings, n_local_blobs;
	uint32_t *shape_slots;
	/* numbers for 64-bit keys: groups, tasks */
	uint64_t *keys;
	uint32_t *key_slots; /* 4 * room */
	uint32_t slots_mask;
};

int block_coder_reserve(struct block_coder *c, uint32_t events);

/* All events are in one group, have no packet, and are of one task at time 0. */
void block_events_clear(struct block_coder *c, uint32_t n);

/*
 * Numbers keys as they appear: *count of them are known. `seen` tells whether this one is. Before the
 * first one the slots are cleared, for n keys at most.
 */
void block_keys_clear(struct block_coder *c, uint32_t n);
uint32_t block_key_number(struct block_coder *c, uint64_t key, uint32_t *count, bool *seen);

/* Numbers the tasks of n events, whose `common` rows (of those that have one) begin at `row`. */
void block_find_tasks(struct block_coder *c, const struct ev_common *row, const uint64_t *mask,
		      uint32_t n);

/* From packet_of, the flows and sizes of n events. Packet k of the block is packets[order[k]], or (NULL) [k]. */
void block_find_flows(struct block_coder *c, const struct ev_str *packets, const uint32_t *order,
		      uint32_t n);

/*
 * packet_of as a column of n values, and back: 0: the last one of the event's group; 1: a new one; 2 + d:
 * that which is d before the newest. n_packets: how many there are. 0 or -EPROTO.
 */
void block_put_packet_of(struct block_coder *c, uint64_t *values, uint32_t n);
int block_get_packet_of(struct block_coder *c, const uint64_t *values, uint32_t n,
			uint32_t n_packets);

/* The shape's id in d, added when it is new; -1: out of memory. masks: of its sections, in order. Looks
 * at all shapes of d: for small ones. */
int block_dict_shape(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n);

int block_dict_append(struct block_dict *d, uint64_t sections, const uint64_t *masks, uint32_t n);

/* Strings of the key (may be NULL), then the block's own, into the batch's pool. */
int block_get_strings(struct cursor *c, struct ev_batch *b, const struct block_dict *key,
		      struct skbox_error *err);
int block_get_shapes(struct cursor *c, struct block_dict *d, struct skbox_error *err);
void block_put_shapes(struct buf *out, const struct block_dict *d);

/* Whether column 4 tells this field's rows, where it is there. */
static inline bool block_is_packet(const struct schema_field *f)
{
	return f->section == EV_packet && f->bit == EVI_packet_data;
}

/* The packet that packets of a block with this key (may be NULL) can be held against. */
static inline struct ev_str block_usual_packet(const struct block_dict *key)
{
	return key ? (struct ev_str){(const char *)key->packet, key->packet_len, 0}
		   : (struct ev_str){"", 0, 0};
}

static inline enum column_pred block_pred(const struct schema_field *f)
{
	static const uint8_t preds[] = {
		[SCHEMA_PRED_NONE] = COLUMN_NONE,   [SCHEMA_PRED_PREV] = COLUMN_PREV,
		[SCHEMA_PRED_GROUP] = COLUMN_GROUP, [SCHEMA_PRED_TIME] = COLUMN_GROUP_TIME,
		[SCHEMA_PRED_FLOW] = COLUMN_FLOW,   [SCHEMA_PRED_SIZE] = COLUMN_SIZE,
		[SCHEMA_PRED_TASK] = COLUMN_TASK,
	};

	return (enum column_pred)preds[f->pred];
}

#endif
