/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands at the end of an event file: index of the blocks, totals, zstd seek table. */
#ifndef FORMATS_SKBX_INDEX_H
#define FORMATS_SKBX_INDEX_H

#include "formats/buf.h"
#include "formats/cursor.h"
#include "formats/skbx.h"

/* Collected while a file is written. */
struct skbx_index {
	struct skbx_summary *v; /* n summaries; flows is not kept in them ... */
	uint32_t n, cap;
	struct buf flows;  /* ... but here, one behind the other */
	struct buf frames; /* seek table entries: sizes of each zstd frame */
	uint32_t n_frames;
};

void skbx_index_free(struct skbx_index *x);
int skbx_index_add(struct skbx_index *x, const struct skbx_summary *s); /* 0 or -ENOMEM */
void skbx_index_frame(struct skbx_index *x, uint32_t compressed, uint32_t raw);

/* Content of an index block: summaries from *at on, at most to n; *at moves on. 0 or -ENOMEM. */
int skbx_index_put(struct skbx_index *x, uint32_t *at, uint32_t n, struct buf *out);
/* And back: appends to x. 0, -EPROTO or -ENOMEM. */
int skbx_index_get(struct skbx_index *x, const void *p, size_t len, struct skbox_error *err);

void skbx_index_seek_table(const struct skbx_index *x, struct buf *out);

/* The totals in the trailer's content, behind the inventory. */
void skbx_trailer_put(struct buf *out, const struct skbx_summary *all, uint64_t blocks,
		      uint64_t index_at, const struct skbx_section_bytes sections[EV_SECTIONS]);
int skbx_trailer_get(struct cursor *c, struct skbx_info *info, uint64_t *index_at,
		     struct skbox_error *err);

#endif
