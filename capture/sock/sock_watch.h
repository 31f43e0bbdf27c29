/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets that end: what the kernel tells of each at its end (sock_diag's multicast groups
 * SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, Linux 4.2), so that one that lived shorter
 * than the period of the dumps is in the file, too. Such a row has the counters of struct tcp_info; the kernel
 * tells nothing of requests and of sockets in TIME_WAIT.
 *
 * A socket of ours in a namespace keeps it from going away: close the watch when nothing else refers
 * to the namespace.
 */
#ifndef CAPTURE_SOCK_WATCH_H
#define CAPTURE_SOCK_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "capture/sock/netns.h"
#include "capture/sock/sock_row.h"
#include "formats/error.h"
#include "formats/event.h"

/*
 * What may wait for us, in the kernel's accounting: some 13,000 ends (1.25 KB each, measured on 6.18).
 * The kernel takes twice what it is asked for.
 */
enum { SOCK_WATCH_BUFFER_BYTES = 8 << 20 };

/* snapshot.cause of the rows */
#define SOCK_WATCH_CAUSE "destroy"

struct sock_watch {
	int fd; /* to poll for POLLIN; -1: closed */
	struct netns ns;
	uint32_t drops; /* the kernel's count as of the last look */
	uint64_t lost;  /* ends that the kernel had no room to tell; only grows */
	uint8_t *buf;
};

/* Ended by sock_watch_close(). 0 or a negative errno. */
int sock_watch_open(struct sock_watch *w, const struct netns *ns, struct skbox_error *err);
void sock_watch_close(struct sock_watch *w); /* also of one that is all zero or closed */

/*
 * Adds a row (cause "destroy") for each end that was told, at most max of them, without waiting. How many
 * messages were taken: fewer than max when there are no more; a negative errno when the socket is broken.
 */
int sock_watch_take(struct sock_watch *w, struct sock_rows *rows, size_t max, struct ev_batch *b);

#endif
