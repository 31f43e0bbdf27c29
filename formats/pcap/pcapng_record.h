/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole event as bytes, beside its packet in a pcapng file, so that the file gives the same event
 * back (docs/pcapng.md). Of the packet itself only what the packet block does not hold is in it.
 *
 * "skbx", a version byte, then fields to the end: section number, field number, length (LEB128 each)
 * and the value, all numbers as in schema.def. A section without fields has one row with field 0.
 */
#ifndef FORMATS_PCAPNG_RECORD_H
#define FORMATS_PCAPNG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/error.h"
#include "formats/event.h"

/* Bytes of packet.data that are not in the packet block: in front of its bytes, and behind them. */
struct pcapng_cut {
	const uint8_t *before;
	uint32_t before_len;
	const uint8_t *after;
	uint32_t after_len;
};

/*
 * Appends the record of ev. cut: packet.data is in a packet block but for these; NULL: packet.data,
 * where there is some, is in the record as every other field is.
 */
void pcapng_record_put(const struct ev *ev, const struct pcapng_cut *cut, struct buf *out);

/* Whether bytes begin as a record does. */
bool pcapng_record_is(const void *p, size_t len);

/*
 * Appends the event of a record to the batch; data: the bytes of its packet block, NULL where it has
 * none. Fields that this program does not know are passed over. 0, or with err filled (offset: from p)
 * and nothing appended: -EPROTO, -ENOMEM.
 */
int pcapng_record_get(const void *p, size_t len, const uint8_t *data, uint32_t data_len,
		      struct ev_batch *batch, struct skbox_error *err);

#endif
