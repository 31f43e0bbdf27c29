/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording says of itself (startup, host, clock samples, devices, namespaces, probes, names
 * of drop reasons, totals): the writer remembers these rows and repeats them, with the schema, in
 * blocks of their own and in the trailer.
 */
#ifndef FORMATS_SKBX_INVENTORY_H
#define FORMATS_SKBX_INVENTORY_H

#include "formats/skbx/block.h"

struct skbx_inventory {
	struct ev_batch *rows;        /* owned */
	uint64_t *seen;               /* hashes of the rows, open addressing; 0: free */
	uint32_t clocks, clocks_seen; /* samples kept, samples met */
};

int skbx_inventory_init(struct skbx_inventory *v); /* 0 or -ENOMEM */
void skbx_inventory_free(struct skbx_inventory *v);

/* Whether an event is a row of the inventory. */
bool skbx_inventory_is(uint64_t sections);

/* Remembers the inventory rows among the events from the walk on, up to `to`. 0 or -ENOMEM. */
int skbx_inventory_learn(struct skbx_inventory *v, struct ev_walk walk, uint32_t to);

/* Content of an inventory block: rows, then the schema, if wanted. 0 or -ENOMEM. */
int skbx_inventory_put(struct skbx_inventory *v, struct block_coder *coder, bool schema,
		       struct buf *out);

/*
 * And back: the rows' sections (EV_SECTION_BIT()s) that are wanted are appended to an empty batch, the
 * schema is passed over. 0, -EPROTO, -ENOMEM.
 */
int skbx_inventory_get(struct cursor *c, struct block_coder *coder, struct ev_batch *rows,
		       uint64_t sections, uint64_t *unknown, struct skbox_error *err);

#endif
