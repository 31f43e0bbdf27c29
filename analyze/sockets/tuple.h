/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ends of a connection, of packets and of sockets alike; and which connections are asked for. */
#ifndef ANALYZE_SOCKETS_TUPLE_H
#define ANALYZE_SOCKETS_TUPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/filter/fields_packet.h"
#include "formats/buf.h"
#include "formats/event.h"

/* IPv4 as ::ffff:a.b.c.d, for a socket of both families shows it so where its packets are IPv4. */
struct tuple_end {
	uint8_t address[16];
	uint16_t port;
};

/* Of a packet: from source to destination. Of a socket: from its own end to the other. */
struct tuple {
	struct tuple_end from, to;
};

/* False: it has no addresses and ports of TCP. */
bool tuple_of_packet(const struct packet_headers *h, struct tuple *t);
bool tuple_of_socket(const struct ev_diag *d, struct tuple *t);
bool tuple_of_sock(const struct ev_sock *s, struct tuple *t); /* of the section within an event */

static inline bool tuple_end_same(const struct tuple_end *a, const struct tuple_end *b)
{
	return a->port == b->port && __builtin_memcmp(a->address, b->address, 16) == 0;
}

/* Whether it has no other end: a socket that listens. */
bool tuple_is_open(const struct tuple *t);

/* "10.0.0.1:443", "[fd00::1]:443", "*:*" of an end that is none. */
void tuple_put_end(const struct tuple_end *end, struct buf *out);

/* A network namespace: its cookie where the kernel has one, for an inode number is used again. */
struct tuple_netns {
	uint64_t cookie;
	uint32_t inum; /* both 0: not known */
};

struct tuple_netns tuple_netns_of(const struct ev *ev);
/* By cookie where both have one, else by inode number; what is not known is the same as any. */
bool tuple_netns_same(struct tuple_netns a, struct tuple_netns b);
/* "ns 0xCOOKIE/INODE", "ns INODE"; nothing when it is not known. No blank before it. */
void tuple_put_netns(struct tuple_netns ns, struct buf *out);

/* ---- what is asked for ---- */

struct tuple_want_end {
	bool any_address, any_port;
	struct tuple_end end;
};

struct tuple_want {
	bool given;
	uint64_t cookie; /* 0: by ends */
	int n;           /* ends: one, or both in any order */
	struct tuple_want_end end[2];
};

/*
 * "10.0.0.1:443", "[fd00::1]:443", "*:443", two of them with a comma or a blank between, or a socket's cookie
 * ("sk:2342b" as it is shown, or a number). An OPTION_CALL's parse function: member is a struct tuple_want.
 */
bool tuple_want_parse(const char *text, void *member, char *why, size_t why_size);

/* Whether the ends are asked for; false when a cookie is. */
bool tuple_wanted(const struct tuple_want *w, const struct tuple *t);

#endif
