/* SPDX-License-Identifier: BSD-2-Clause */
/* The packets of a small block; of packets.c only. */
#ifndef FORMATS_PACKETS_FEW_H
#define FORMATS_PACKETS_FEW_H

#include "formats/skbx/packets.h"

enum { PACKETS_FEW = 16 }; /* fewer packets than that go this way */

/*
 * What each packet is best held against: the one so many before it; 0: none; one more than there are
 * before it: `usual`, the key's. Returns the bytes that this saves.
 */
int packets_few_find(const struct ev_str *const *v, uint32_t n, const struct ev_str *usual,
		     uint64_t *refs);
void packets_few_put(struct buf *out, const struct ev_str *const *v, uint32_t n,
		     const struct ev_str *usual, const uint64_t *refs);

/* Fills the packets, whose lengths and memory v has. 0 or -EPROTO. */
int packets_few_get(struct cursor *c, const struct ev_str *v, uint32_t n,
		    const struct ev_str *usual, const uint64_t *refs);

#endif
