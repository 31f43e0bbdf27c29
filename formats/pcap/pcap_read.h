/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet files: pcap (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-06.html) and pcapng
 * (draft-ietf-opsawg-pcapng-04), of any byte order and time resolution; interfaces of a pcapng may
 * differ in link type and snap length (libpcap refuses those).
 */
#ifndef FORMATS_PCAP_READ_H
#define FORMATS_PCAP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"

enum {
	/* A record or block larger than this is damage: jumbo packets with their options are far smaller. */
	PCAP_RECORD_MAX = 16 * 1024 * 1024,
	/* Interfaces of a section at most: a file of empty interface blocks must not eat the memory. */
	PCAP_INTERFACES_MAX = 65536,
	/* Option of Retis' pcapng files that holds the packet's event, and the number of its owner. */
	PCAP_OPTION_CUSTOM = 2988,
	PCAP_PEN_RETIS = 70000,
	/*
	 * Ours (docs/pcapng.md): option with the whole event of a packet, block with an event that has no
	 * packet. Numbers with the highest bit are for local use; our data says itself what it is.
	 */
	PCAP_OPTION_SKBOX = 0xa5b0,
};
#define PCAP_BLOCK_SKBOX UINT32_C(0xa5b0c0de)

/* One packet; everything is borrowed from the bytes given to pcap_read(). */
struct pcap_packet {
	uint64_t time_ns;   /* since 1970 */
	bool has_time;      /* simple packet blocks have none */
	uint32_t interface; /* number within the section; 0 in pcap */
	const char *
		name; /* if_name of the interface, not terminated; NULL: none. Lives until the next section */
	uint32_t name_len;
	uint16_t linktype; /* LINKTYPE_ value */
	uint32_t len;      /* of the packet on the wire */
	uint32_t caplen;   /* bytes at data */
	const uint8_t *data;
	const uint8_t *event; /* Retis' JSON of the event without its packet section; NULL: none */
	uint32_t event_len;
	const uint8_t *
		record; /* our own event (pcapng_record.h), lives until the next call; NULL: none */
	uint32_t record_len;
	bool no_packet; /* a block of our own: there is nothing but the record, which may be empty */
};

/* Whether a packet file begins so (at least 4 bytes). */
bool pcap_recognize(const void *p, size_t len);

struct pcap_reader;

struct pcap_reader *pcap_reader_new(void); /* NULL when out of memory */
void pcap_reader_free(struct pcap_reader *r);

/*
 * Looks at the bytes behind what was used so far; *used says how many of them are done with.
 *   1        *packet is filled
 *   0        no packet; *used 0: more bytes are needed to go on (at the end of the file: it is cut off)
 *   -EPROTO  damage, told by err (offset: from p); *used 0: there is no going on behind it
 *   -ENOMEM
 */
int pcap_read(struct pcap_reader *r, const void *p, size_t len, struct pcap_packet *packet,
	      size_t *used, struct skbox_error *err);

#endif
