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
	uint32_t *slots, *refs, *flows;
	uint64_t *values;
	uint8_t *plane;
	uint32_t room;
};

void packets_scratch_free(struct packets_scratch *p);

/*
 * Appends n packets, v[order[i]], to an empty out. usual: how packets usually begin, may be empty; the
 * reader needs it too. s->cuts gets the places where it changes its
 * nature. 0 or -ENOMEM. s needs room for n rows.
 */
int packets_put(struct buf *out, const struct ev_str *v, const uint32_t *order, uint32_t n,
		const struct ev_str *usual, struct packets_scratch *p, struct column_scratch *s);

/*
 * Reads the packets of a block, at most max, into the pool of an empty batch. 0, -EPROTO, -ENOMEM.
 * s needs room for max rows.
 */
int packets_get(struct cursor *c, struct ev_batch *b, uint32_t max, const struct ev_str *usual,
		struct packets_scratch *p, struct column_scratch *s);

#endif
