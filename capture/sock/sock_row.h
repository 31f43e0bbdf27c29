/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of sockets: from a message of sock_diag(7) to an event, whoever asked for it (a dump, a lookup,
 * or nobody: a socket that ended). Also which sockets are wanted (--scope cgroup).
 */
#ifndef CAPTURE_SOCK_ROW_H
#define CAPTURE_SOCK_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "capture/sock/netns.h"
#include "formats/event.h"

/* The cookie in a struct inet_diag_msg (id.idiag_cookie); p has SOCKDIAG_MSG_BYTES at least. */
uint64_t sock_row_cookie(const uint8_t *p);

/*
 * Cookies, each once. A set that has as many as were allowed forgets all of them and begins anew:
 * what it is for (rows that come twice, sockets that were seen) is then asked again.
 */
struct sock_cookies {
	uint64_t *v; /* open addressing, 0: an empty place; owned */
	size_t size, n;
	size_t max; /* 0: no limit */
};

/* 1: it is new (or 0, which is no cookie); 0: it was there; -ENOMEM. */
int sock_cookies_add(struct sock_cookies *c, uint64_t cookie);
bool sock_cookies_has(const struct sock_cookies *c, uint64_t cookie);
void sock_cookies_clear(struct sock_cookies *c); /* empty; keeps its memory */
void sock_cookies_free(struct sock_cookies *c);

/* What rows need beside the message; made by sock_rows_new(), used by one thread. */
struct sock_rows {
	struct sock_dump_cgroups *cgroups; /* NULL: paths cannot be found */
	char *scope;                       /* path of the cgroup that is recorded; NULL: all */
	size_t scope_len;
	struct sock_cookies mine; /* with a scope: cookies that were seen in it */
	/* messages that became no row: of other cgroups; of no cgroup that could be told; damaged */
	uint64_t outside, unattributed, undecoded;
};

/*
 * cgroup_id: only sockets of that cgroup (version 2) and those below it; 0: all. NULL: out of memory, or the
 * path of the cgroup cannot be found (errno says which: ENOMEM, ENOENT). Freed by sock_rows_free(),
 * NULL allowed.
 */
struct sock_rows *sock_rows_new(uint64_t cgroup_id);
void sock_rows_free(struct sock_rows *r);

struct sock_row {
	const struct netns *ns;
	uint64_t time_ns;
	const char *cause; /* snapshot.cause */
	uint32_t set;      /* snapshot.set; ignored when has_set is false */
	bool has_set;
	uint64_t event_ns; /* snapshot.event; 0: no event asked for it */
	int fd;            /* of a socket in ns, asked for the name of a device */
};

/*
 * Adds the event to the batch: true. False: nothing was added, and one of the counters of `r` says
 * why. b->failed says when memory ran out.
 */
bool sock_rows_add(struct sock_rows *r, const struct sock_row *row, const uint8_t *p, size_t len,
		   struct ev_batch *b);

/* CLOCK_MONOTONIC. */
uint64_t sock_now_ns(void);

#endif
