/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet as Retis records it: an Ethernet frame, with an invented header where there was none. */
#ifndef FORMATS_RETIS_FRAME_H
#define FORMATS_RETIS_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"

struct retis_frame {
	bool invented;       /* `head` comes before the bytes of `rest` */
	uint8_t head[14];    /* no addresses, and the type */
	const uint8_t *rest; /* of the packet's data */
	uint32_t rest_len;
	uint32_t len, capture_len; /* of the frame: in full, and what there is of it */
};

/*
 * Fills f, which borrows the packet's data. False: its link layer says nothing that an Ethernet
 * header could (or is cut off). Linux cooked, BSD loopback and raw IP are known beside Ethernet.
 */
bool retis_frame_of(const struct ev_packet *p, struct retis_frame *f);

/* Appends the frame as base64, without quotes. */
void retis_frame_put(struct buf *b, const struct retis_frame *f);

#endif
