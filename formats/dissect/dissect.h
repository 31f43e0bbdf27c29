/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a packet as the text of a packet group (formats/text/text.h). The bytes are untrusted: whatever
 * they are, text comes out, and it is at most some 60 times as long as the bytes.
 */
#ifndef FORMATS_DISSECT_H
#define FORMATS_DISSECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

/*
 * An Ethernet frame (dst MAC first), as captured: len may be less than the frame's own length.
 * link_layer shows Ethernet, VLAN and MACsec headers; classic is the layout of formats/text/text.h.
 * Where bytes are missing the text ends in "... (truncated or incomplete packet)"; where a protocol is
 * not known, in "... ({what} not supported, use 'retis pcap')".
 */
void dissect_text(const uint8_t *p, size_t len, bool link_layer, bool classic, struct buf *out);

/*
 * A packet from its network layer on: shown like Retis does, behind an invented Ethernet header of
 * zero addresses and this ethertype.
 */
void dissect_text_network(uint16_t ethertype, const uint8_t *p, size_t len, bool link_layer,
			  bool classic, struct buf *out);

/*
 * A packet of a packet file with the LINKTYPE_ value of its interface (https://www.tcpdump.org/linktypes.html):
 * Ethernet (1), BSD loopback (0, 108), raw IP (12, 14, 101, 228, 229), Linux cooked v1 and v2 (113, 276). Others
 * give "... (linktype N not supported, ...".
 */
void dissect_text_link(uint32_t linktype, const uint8_t *p, size_t len, bool link_layer,
		       bool classic, struct buf *out);

/* Name of an ethertype ("IPv4"), of an IP protocol ("TCP"); NULL for one without a name. */
const char *dissect_ethertype_name(uint16_t ethertype);
const char *dissect_protocol_name(uint8_t protocol);

#endif
