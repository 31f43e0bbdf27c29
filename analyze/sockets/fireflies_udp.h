/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams to a collector of fireflies. */
#ifndef ANALYZE_SOCKETS_FIREFLIES_UDP_H
#define ANALYZE_SOCKETS_FIREFLIES_UDP_H

#include <stddef.h>
#include <stdint.h>

struct fireflies_udp {
	int fd;      /* -1: none */
	size_t fits; /* bytes that one packet of a 1,500 byte link holds */
	size_t longest;
	uint64_t too_long; /* went out in fragments */
	uint64_t unsent;   /* more than a datagram can be */
	uint64_t refused;  /* answers that nobody listens there */
};

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT". 0, or a negative errno with the message already on standard error. */
int fireflies_udp_open(struct fireflies_udp *u, const char *where);
void fireflies_udp_close(struct fireflies_udp *u);

/* 0 also where it could not be sent, which is counted; a negative errno with its message: stop. */
int fireflies_udp_send(struct fireflies_udp *u, const void *p, size_t len);

void fireflies_udp_notes(const struct fireflies_udp *u, uint64_t made);

#endif
