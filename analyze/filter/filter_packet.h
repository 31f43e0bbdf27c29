/* SPDX-License-Identifier: BSD-2-Clause */
/* -f: pcap-filter(7) on the bytes of packets of every link type, and on the addresses of sockets. */
#ifndef ANALYZE_FILTER_PACKET_H
#define ANALYZE_FILTER_PACKET_H

#include <stdbool.h>

#include "formats/event.h"
#include "formats/skbx/skbx.h"

struct filter_packet;

/* The expression is borrowed. 0; -ENOMEM; -EINVAL with the message already on standard error. */
int filter_packet_new(struct filter_packet **f, const char *expression);
void filter_packet_free(struct filter_packet *f); /* NULL is fine */

/* An event with neither a packet nor a socket does not match. */
bool filter_packet_match(struct filter_packet *f, const struct ev *ev);

/*
 * False: nothing in a block with this summary can match. Known of expressions that ask for hosts and
 * ports with nothing but "and" between them; of all others every block may match.
 */
bool filter_packet_maybe(const struct filter_packet *f, const struct skbx_summary *summary);

#endif
