/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of a block of the event file: a batch of events as columns (FORMAT.md, "Block
 * content"), driven by the schema table. From below:
 *
 *	column_layout.h  differences as bytes: all equal, varints, byte planes, sparse, shifted
 *	column.h         a column of integers: what each row is predicted from, a dictionary of its
 *	                 values, rows that begin something apart from the others
 *	packets.h        the packets of a block: their flows, heads held against each other, payload
 *	block_code.h     what predictions look at (block_events.c: groups, tasks, packet and flow of each
 *	                 event), strings and shapes
 *	block.h          events to a block and back; field by field as schema.def has them
 *	skbx_frame.h     frames, checksums, summaries around a block; skbx.h: files of blocks
 *
 * Encoder and decoder find the same predictions in the same order: shapes, groups, packets, packet of
 * each event, then the fields, those of `common` first.
 */
#ifndef FORMATS_BLOCK_H
#define FORMATS_BLOCK_H

#include <stdint.h>

#include "formats/buf.h"
#include "formats/skbx/column.h"
#include "formats/error.h"
#include "formats/event.h"
#include "formats/skbx/packets.h"

/* Limits that a reader enforces before it allocates. */
enum {
	BLOCK_EVENTS_MAX = 16384,
	BLOCK_RAW_MAX = 16 << 20, /* bytes, decompressed: a block is cut at about 1 MiB */
	BLOCK_STRINGS_MAX = 65536,
	BLOCK_LIST_ITEMS_MAX = 262144, /* of all rows of a field: 32 frames an event */
	BLOCK_EVENT_BYTES_MAX =
		4, /* fields of bytes an event may have; packet.data, tcpinfo.tail */
};

/* Which fields an event has: one bit mask for each of its sections. */
struct block_shape {
	uint64_t sections;
	uint32_t first; /* of its masks in block_dict.masks, in the order of the sections */
	uint32_t n;
};

/*
 * What blocks repeat: strings, shapes and usual values. A block has one of its own, behind that of
 * its key (if it has one).
 */
struct block_dict {
	struct ev_batch *strings; /* owned; only its string pool is used */
	struct block_shape *shapes;
	uint64_t *masks;
	uint32_t n_shapes, cap_shapes, n_masks, cap_masks;
	uint64_t base[EV_SECTIONS][64]; /* usual value of each integer or string field */
	uint8_t packet[PACKETS_HEAD];   /* how packets usually begin */
	uint32_t packet_len;
	uint32_t packet_used; /* of a dictionary that learns: so far packets were alike */
	uint32_t refs;        /* who holds it, in any thread */
};

struct block_dict *block_dict_new(void);    /* NULL: out of memory */
void block_dict_free(struct block_dict *d); /* one reference; NULL is fine */
/* One more reference. Nobody may change it while block_dict_is_shared(). */
struct block_dict *block_dict_share(struct block_dict *d);
bool block_dict_is_shared(const struct block_dict *d);
void block_dict_clear(struct block_dict *d);

/* The dictionary as the content of a key block, and back. 0, -EPROTO, -ENOMEM. */
void block_dict_put(struct buf *out, const struct block_dict *d);
int block_dict_get(struct block_dict *d, const void *p, size_t len, struct skbox_error *err);

struct block_stats {
	uint64_t rows[EV_SECTIONS],
		raw[EV_SECTIONS]; /* rows and bytes of columns; packet: with its data */
};

struct block_coder; /* working memory of encoding or decoding */

struct block_coder *block_coder_new(void);
void block_coder_free(struct block_coder *c);

/*
 * Appends events [from, to) of the batch to out; the walk stands at `from` and stands at `to`
 * afterwards. time_base: a time close to the first event's, given to block_decode() too. key: may be NULL. learn: may be NULL; gets the strings, shapes and values of these
 * events that a next key should have. stats: may be NULL; added to. 0; -ENOMEM; -E2BIG: more strings
 * or items of lists than a block may have. After an error the walk has not moved.
 */
int block_encode(struct block_coder *c, struct buf *out, struct ev_walk *walk, uint32_t to,
		 const struct block_dict *key, struct block_dict *learn, uint64_t time_base,
		 struct block_stats *stats);

/*
 * Where the content of the block encoded last changes its nature: compressed apart from each other,
 * its parts are smaller. Ends of the parts, from the start of the content, each with its section.
 */
struct block_part {
	size_t end;
	int section; /* enum ev_section; -1: none */
};

/* The parts, *n of them, borrowed until the next call with this coder. */
const struct block_part *block_parts(const struct block_coder *c, uint32_t *n);

/* Bytes that the block encoded last spent on strings and shapes of its own. */
size_t block_own_bytes(const struct block_coder *c);

/*
 * Appends the events of a block to an empty batch. sections: EV_SECTION_BIT()s wanted. unknown:
 * counts columns left out, for their section or field is not in our table. 0, -EPROTO with err, or
 * -ENOMEM. Nothing of p is borrowed.
 */
int block_decode(struct block_coder *c, struct ev_batch *batch, const void *p, size_t len,
		 const struct block_dict *key, uint64_t time_base, uint64_t sections,
		 uint64_t *unknown, struct skbox_error *err);

#endif
