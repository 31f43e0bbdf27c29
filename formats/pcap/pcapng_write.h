/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng-04), appended to a buffer; little-endian. A file
 * is a section, then interfaces, each before its first packet, and packets. What of ours is in it
 * beside them stands in docs/pcapng.md.
 */
#ifndef FORMATS_PCAPNG_WRITE_H
#define FORMATS_PCAPNG_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

enum {
	/* An option's length has 16 bits; longer texts are cut (at a character), longer values left out. */
	PCAPNG_OPTION_MAX = 65535,
	/* The most bytes of a packet that Wireshark and libpcap take (WTAP_MAX_PACKET_SIZE_STANDARD). */
	PCAPNG_SNAPLEN_MAX = 262144,

	PCAPNG_INBOUND = 1, /* pcapng_packet.direction */
	PCAPNG_OUTBOUND = 2,
};

/* Borrowed text, UTF-8, not terminated. p NULL: none. */
struct pcapng_text {
	const void *p;
	size_t len;
};

struct pcapng_section {
	struct pcapng_text hardware, os, application;
};

struct pcapng_interface {
	uint16_t linktype;
	uint32_t snaplen;
	struct pcapng_text name, description, filter;
	const uint8_t *mac; /* 6 bytes; NULL: none */
};

struct pcapng_packet {
	uint32_t
		interface; /* number of the interface, from 0 in the order in which they were put */
	uint64_t time_ns;  /* since 1970 */
	const uint8_t *data;
	uint32_t caplen, len;
	uint8_t direction;          /* 0: not known */
	uint64_t id;                /* the same packet elsewhere has the same; 0: not known */
	struct pcapng_text comment; /* what an operator reads */
	struct pcapng_text event;   /* Retis' JSON of the event */
	struct pcapng_text record;  /* the whole event (pcapng_record.h) */
};

void pcapng_put_section(struct buf *out, const struct pcapng_section *s);
void pcapng_put_interface(struct buf *out, const struct pcapng_interface *f);
void pcapng_put_packet(struct buf *out, const struct pcapng_packet *p);

/*
 * An event without a packet, in a block of our own that others pass over. An empty one says that such
 * events are in the file, the clock's among them.
 */
void pcapng_put_record(struct buf *out, struct pcapng_text record);

#endif
