/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets of a block (FORMAT.md, "Packets"): headers as differences to an earlier packet, byte
 * position by byte position; what is behind them as it is.
 */
#ifndef FORMATS_PACKETS_H
#define FORMATS_PACKETS_H

#include "formats/skbx/column.h"
#include "formats/event.h"

/* Bytes of a head: Ethernet, IPv6 or IPv4, TCP with its usual options; longer gains nothing */
enum { PACKETS_HEAD = 80 };

/* Working memory, kept over many blocks. */
struct packets_scratch {
	uint32_t *slots, *refs, *alike;
	uint32_t *flows;  /* of each packet of the block, while n_flows is not 0 */
	uint32_t n_flows; /* 0: the block does not tell them */
	uint64_t *values;
	uint8_t *plane;
	uint32_t room;
};

void packets_scratch_free(struct packets_scratch *p);

/*
 * Appends n packets, v[order[i]], to an empty out. usual: how packets usually begin, may be empty; the
 * reader needs it too. s->cuts gets the places where it changes its nature, p->flows the flows.
 * 0 or -ENOMEM. s needs room for n rows.
 */
int packets_put(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		const struct ev_str *usual, struct packets_scratch *p, struct column_scratch *s);

/*
 * Reads the packets of a block, at most max, into the pool of an empty batch, and p->flows. 0, -EPROTO,
 * -ENOMEM. s gets room for as many rows, and as many flows.
 */
int packets_get(struct cursor *c, struct ev_batch *b, uint32_t max, const struct ev_str *usual,
		struct packets_scratch *p, struct column_scratch *s);

#endif
