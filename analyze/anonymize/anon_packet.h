/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses in the bytes of a packet. The bytes are anybody's: a layer is walked as far as it is whole, every
 * length is bounded by what is there, and what is not understood is payload, or zeroed where it stands between
 * headers.
 */
#ifndef ANALYZE_ANON_PACKET_H
#define ANALYZE_ANON_PACKET_H

#include "analyze/anonymize/anon.h"
#include "analyze/anonymize/anon_sum.h"

/* Longer packets are cut to this before: an IP packet cannot be longer. */
enum { ANON_PACKET_MAX = 65536 + 256, ANON_SUMS_MAX = 32 };

enum anon_mark {
	ANON_MARK_UNKNOWN,
	ANON_MARK_NUMBER,
	ANON_MARK_BEGIN, /* the first byte of an address */
	ANON_MARK_ADDRESS,
};

struct anon_packet {
	struct anon *a;   /* NULL: nothing is mapped, only marked */
	uint8_t *p;       /* the bytes, changed in place */
	uint32_t len;     /* in the end without the payload, where that is cut */
	uint8_t *marks;   /* of each byte: what a header says that it is */
	uint32_t network; /* where the network layer begins, in the end */
	bool keep_payload;
	uint16_t network_delta; /* anon_sum_delta() of the bytes from there on */
	/* of the walk */
	const uint8_t *was;
	uint32_t at, end;   /* of the layer that comes next */
	uint32_t dissected; /* end of the last header */
	uint32_t outer_end; /* of the first IP packet; 0: there was none yet */
	void (*next)(struct anon_packet *k);
	uint16_t ethertype;
	uint8_t protocol;
	uint32_t src, dst, payload_len;
	uint8_t address_bytes;
	struct anon_sum sums[ANON_SUMS_MAX];
	uint32_t n_sums;
};

/*
 * Rewrites k->p[0..len-1], of which `was` is a copy and marks has as many bytes. ethertype: of data that
 * begins at the network layer; else -1. linktype: LINKTYPE_ value. partial: see anon_sum.h. Payload is cut, unless
 * keep_payload.
 */
void anon_packet_rewrite(struct anon_packet *k, const uint8_t *was, int ethertype,
			 uint32_t linktype, int partial);

/* ---- between the files of the walk ---- */

/* The next n bytes as a header: its place, or -1 and the walk ends when there are fewer. */
int64_t anon_packet_take(struct anon_packet *k, uint32_t n);
/* Bytes within a header that was taken, or before k->end: mapped and marked. */
void anon_packet_ipv4(struct anon_packet *k, uint32_t at);
void anon_packet_ipv6(struct anon_packet *k, uint32_t at);
void anon_packet_mac(struct anon_packet *k, uint32_t at);
/* n bytes are an address. */
void anon_packet_mark(struct anon_packet *k, uint32_t at, uint32_t n);
/* Two ports, or a VLAN tag, in place. */
void anon_packet_ports(struct anon_packet *k, uint32_t at);
void anon_packet_vlan(struct anon_packet *k, uint32_t at);
/* What nobody can tell: zeroed, up to `to`. */
void anon_packet_zero(struct anon_packet *k, uint32_t at, uint32_t to);
/* A sum of the layer that is from start to k->end. */
void anon_packet_sum(struct anon_packet *k, enum anon_sum_kind kind, uint32_t start,
		     uint32_t field);

static inline uint32_t anon_packet_be16(const struct anon_packet *k, uint32_t at)
{
	return (uint32_t)k->was[at] << 8 | k->was[at + 1];
}

/* Layers. Each reads what it needs of k->was, and names the one behind it in k->next. */
void anon_packet_ethernet(struct anon_packet *k);
void anon_packet_network(struct anon_packet *k); /* of k->ethertype, behind any tags */
void anon_packet_ip4(struct anon_packet *k);
void anon_packet_ip6(struct anon_packet *k);
void anon_packet_transport(struct anon_packet *k); /* of k->protocol */
void anon_packet_icmp(struct anon_packet *k);
void anon_packet_icmp6(struct anon_packet *k);

#endif
