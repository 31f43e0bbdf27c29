/* SPDX-License-Identifier: BSD-2-Clause */
/* Netlink messages (netlink(7)), as far as dumps need them. */
#ifndef CAPTURE_NETLINK_H
#define CAPTURE_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/cursor.h"

/*
 * The kernel fills at most 32 KiB a recv in a dump, and sizes its messages by the largest buffer
 * that it was given on the socket: this much, always.
 */
enum { NETLINK_BUFFER_BYTES = 64 * 1024 };

struct netlink_msg {
	uint16_t type, flags;
	uint32_t seq, port;
	const uint8_t *p; /* payload; borrowed from the buffer */
	size_t len;
};

/* Sends one request: header and the payload (len below 1 KiB). 0 or a negative errno. */
int netlink_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *p, size_t len);

/*
 * One recv. The number of bytes, never 0; -EAGAIN, -ENOBUFS; -EMSGSIZE: the datagram was longer than the
 * buffer and its rest is lost; -EPROTO: it is not from the kernel; another negative errno.
 */
ssize_t netlink_recv(int fd, void *buf, size_t size, int flags);

/* The next message of what netlink_recv() gave: 1; 0 at the end; -EPROTO when a length lies. */
int netlink_next(struct cursor *c, struct netlink_msg *m);

/* What NLMSG_DONE or NLMSG_ERROR says: 0 or a negative errno; -EPROTO where it says nothing. */
int netlink_status(const struct netlink_msg *m);

#endif
