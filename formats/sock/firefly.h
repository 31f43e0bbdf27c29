/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fireflies: the messages in which the scitags initiative tells of a flow and whose it is. Version 1 of their
 * JSON (https://scitags.org/schemas/v1.0.0/firefly.schema.json), and the syslog header that stands in
 * front of it in a datagram (RFC 5424; the technical specification of scitags.org).
 */
#ifndef FORMATS_FIREFLY_H
#define FORMATS_FIREFLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/event.h"

/* The port that collectors listen on. */
enum { FIREFLY_PORT = 10514 };

enum firefly_state { FIREFLY_START, FIREFLY_ONGOING, FIREFLY_END };

/* The flow from its own end to the other. Addresses have 16 bytes, IPv4 as ::ffff:a.b.c.d. */
struct firefly_flow {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	bool udp;
};

struct firefly {
	enum firefly_state state;
	int64_t start_ns, current_ns; /* since 1970 */
	int64_t end_ns;               /* with FIREFLY_END */
	struct firefly_flow flow;
	uint64_t experiment, activity; /* ids of the scitags registry */
	const char *application;       /* NULL: not said */
	bool has_received, has_sent;
	uint64_t received, sent; /* bytes of payload */
	const uint8_t *netlink;  /* a JSON object as text, borrowed; NULL: none */
	size_t netlink_len;
};

/* False: it has no addresses, or a port is 0, which the schema does not allow (a socket that listens). */
bool firefly_flow_of(const struct ev_diag *d, struct firefly_flow *flow);

/*
 * The usage from the counters of a snapshot: sent without what was retransmitted, received without the FIN,
 * which the kernel counts as a byte. What this kernel does not count stays absent. fin: the peer's FIN is known to have
 * come.
 */
void firefly_set_usage(struct firefly *f, const struct ev *ev, bool fin);
/* Whether a socket in this TCP state has received its peer's FIN. */
bool firefly_has_fin(unsigned int state);

/* One object, without line feed. */
void firefly_put(const struct firefly *f, struct buf *out);

/* The header of a datagram, with its final blank. host: as the recording has it; empty or odd: "-". */
void firefly_put_header(int64_t time_ns, const char *host, size_t host_len, struct buf *out);

#endif
