/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands at the end of an event file: index of the blocks, totals, zstd seek table. */
#ifndef FORMATS_SKBX_INDEX_H
#define FORMATS_SKBX_INDEX_H

#include "formats/buf.h"
#include "formats/cursor.h"
#include "formats/skbx/skbx.h"

enum {
	SKBX_INDEX_MAX = 4096
}; /* summaries an index block: with all sketches below BLOCK_RAW_MAX */

/* Collected while a file is written. */
struct skbx_index {
	struct skbx_summary
		*v; /* n, of the blocks since the last index block; flows is not kept ... */
	uint32_t n, cap;
	struct buf flows; /* ... in them but here, one behind the other */
	/*
	 * Of every block of the file the bytes of its header, its data and its content, as varints: five
	 * bytes a block. A recorder of four blocks a second must have room for weeks of them.
	 */
	struct buf frames;
	uint32_t n_blocks;
};

void skbx_index_free(struct skbx_index *x);
/* Adds a block, before it goes out, whose header is that long. 0; -ENOMEM: nothing was added. */
int skbx_index_add(struct skbx_index *x, const struct skbx_summary *s, size_t header);

/* Content of an index block: the summaries, at most SKBX_INDEX_MAX. 0 or -ENOMEM. */
int skbx_index_put(const struct skbx_index *x, struct buf *out);
void skbx_index_clear(struct skbx_index *x); /* forgets the summaries, not the seek table */
/* And back: appends to x. 0, -EPROTO or -ENOMEM. */
int skbx_index_get(struct skbx_index *x, const void *p, size_t len, struct skbox_error *err);

/* Some of the seek table; *at is 0 at first and moves on. False: that was the end. */
bool skbx_index_seek_table(const struct skbx_index *x, size_t *at, struct buf *out);

/* The totals in the trailer's content, behind the inventory. */
void skbx_trailer_put(struct buf *out, const struct skbx_summary *all, uint64_t blocks,
		      uint64_t index_at, const struct skbx_section_bytes sections[EV_SECTIONS]);
int skbx_trailer_get(struct cursor *c, struct skbx_info *info, uint64_t *index_at,
		     struct skbox_error *err);

#endif
