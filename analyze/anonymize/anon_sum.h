/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums of a packet whose bytes change. Each is changed by what the bytes that it covers change
 * (RFC 1624), so that a right one stays right, a wrong one stays as wrong as it was, and neither
 * needs the bytes that were not captured, for these do not change.
 */
#ifndef ANALYZE_ANON_SUM_H
#define ANALYZE_ANON_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum anon_sum_kind {
	ANON_SUM_PLAIN,  /* IPv4 header, ICMP, IGMP */
	ANON_SUM_PSEUDO, /* TCP, ICMPv6: over the addresses, too */
	ANON_SUM_UDP,    /* the same; 0 is none */
	ANON_SUM_CRC32C, /* SCTP */
};

struct anon_sum {
	enum anon_sum_kind kind;
	uint32_t field;      /* where it is; an even distance behind start */
	uint32_t start, end; /* what it covers of the captured bytes */
	uint32_t full;       /* and how long that is in whole (CRC32C) */
	uint32_t src, dst;   /* where the addresses of the pseudo header are */
	uint8_t address_bytes, protocol;
	uint32_t pseudo_len; /* the length in the pseudo header */
};

/*
 * Changes the sum in p, which was `was`. Sums of inner layers come first. partial: 1 the hardware was
 * to finish the innermost sum, so what is there is that of the pseudo header; 0 it was not; -1 unknown: then
 * it is told by its value.
 */
void anon_sum_update(const struct anon_sum *s, const uint8_t *was, uint8_t *p, int partial);

/* How much the ones' complement sum of bytes grew, 0 to 0xffff. */
uint16_t anon_sum_delta(const uint8_t *was, const uint8_t *p, size_t len);

#endif
