/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of the event file that are read in one thread and decoded in others. What reading on depends
 * on is decoded by the reader: key blocks, whose dictionary the blocks then share, and rows of the
 * recording itself. Blocks with nothing but packets and sockets can stay packed.
 */
#ifndef FORMATS_SKBX_PACKED_H
#define FORMATS_SKBX_PACKED_H

#include "formats/skbx/skbx.h"

struct skbx_packed;

struct skbx_packed *skbx_packed_new(void); /* NULL: out of memory */
void skbx_packed_free(struct skbx_packed *p);

/* As it stands in the file: what skbx_read_packed() left in it last. */
uint64_t skbx_packed_offset(const struct skbx_packed *p);
uint32_t skbx_packed_events(const struct skbx_packed *p);

enum { SKBX_PACKED = 2 };

/*
 * As skbx_read(), but also SKBX_PACKED: the next block's data, with the right checksum, is a copy in
 * packed, which depends on the reader no more, and batch is empty. The counters of the reader have
 * its rows as if it were whole; whoever unpacks it tells damage.
 */
int skbx_read_packed(struct skbx_reader *r, struct ev_batch *batch, struct skbx_packed *packed,
		     struct skbox_error *err);

/* What a thread needs to decode: its working memory. */
struct skbx_unpacker;

struct skbx_unpacker *skbx_unpacker_new(void); /* NULL: out of memory */
void skbx_unpacker_free(struct skbx_unpacker *u);

/*
 * The events of a block into batch (cleared first): 0; -EPROTO with err filled, the offset that of the
 * block; -ENOMEM. unknown: as skbx_status has it, added to. Batch is empty after an error.
 */
int skbx_unpack(struct skbx_unpacker *u, const struct skbx_packed *p, struct ev_batch *batch,
		uint64_t *unknown, struct skbox_error *err);

/* ---- for skbx_read.c ---- */

struct block_coder;
struct block_dict;

/* A block's data before it is decoded; nothing is owned. */
struct skbx_data {
	const struct skbx_summary *sum;
	const uint8_t *p; /* sum->bytes of it */
	const struct block_dict *key;
	uint64_t sections; /* wanted */
};

struct block_coder *skbx_unpacker_coder(struct skbx_unpacker *u);

/* Decompresses the data: borrowed until the next call, sum->raw_bytes of it. 0, -EPROTO with err, -ENOMEM. */
int skbx_unpack_data(struct skbx_unpacker *u, const struct skbx_data *d, const uint8_t **raw,
		     struct skbox_error *err);
/* Decodes what skbx_unpack_data() gave, of a block of events. */
int skbx_unpack_events(struct skbx_unpacker *u, const struct skbx_data *d, const uint8_t *raw,
		       struct ev_batch *batch, uint64_t *unknown, struct skbox_error *err);
/* Whether a block's header says that it holds packets and sockets only. */
bool skbx_is_plain(const struct skbx_summary *s);
/* Copies data; the key is shared. 0 or -ENOMEM. */
int skbx_pack(struct skbx_packed *p, const struct skbx_data *d, uint64_t offset,
	      struct block_dict *key);

#endif
