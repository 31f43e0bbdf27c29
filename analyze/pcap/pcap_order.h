/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For `skbox pcap --once`: which packets were there already, and blocks in the order of their time, for
 * a stream that is followed in a packet file needs both. Memory is bounded by the limits here.
 */
#ifndef ANALYZE_PCAP_ORDER_H
#define ANALYZE_PCAP_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

enum {
	/* Packets that are remembered at least: a journey that goes on behind so many others shows twice. */
	PCAP_SEEN = 1 << 19,
	/* Blocks that are held to be put in order: events of several CPUs are not farther apart. */
	PCAP_HELD = 4096,
};

struct pcap_seen {
	uint64_t *now, *before; /* hash sets, 0 is free; two generations, the older is forgotten */
	size_t n;               /* in `now` */
};

/* Whether this id (not 0) was there before; it is from now on. -1: out of memory. */
int pcap_seen_test(struct pcap_seen *s, uint64_t id);
void pcap_seen_fini(struct pcap_seen *s);

struct pcap_held {
	uint64_t time_ns, seq;
	uint8_t *p; /* owned */
	size_t len;
};

struct pcap_order {
	struct pcap_held *heap; /* the earliest is first */
	size_t n;
	uint64_t seq;
};

/* Takes a copy of a block; when there are too many the earliest goes to out. False: out of memory. */
bool pcap_order_push(struct pcap_order *o, uint64_t time_ns, const void *p, size_t len,
		     struct buf *out);
void pcap_order_pop(struct pcap_order *o, struct buf *out); /* the earliest; there must be one */
void pcap_order_fini(struct pcap_order *o);

#endif
