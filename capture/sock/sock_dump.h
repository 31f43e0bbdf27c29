/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of TCP sockets through NETLINK_SOCK_DIAG.
 *
 * A round dumps the IPv4 and then the IPv6 sockets of one network namespace. Each dump is framed by
 * two `snapset` rows (begin, end with counts and status); between them each socket is an event with
 * the sections common (time of the recv that brought it), snap, netns, diag and what else the kernel
 * said. Rows arrive in batches through options.emit, so that memory stays bounded however many
 * sockets there are.
 *
 * Two ways to use it:
 *   sock_dumper_run()                     the whole round, blocking (at most SOCK_DUMP_DEADLINE_NS)
 *   sock_dumper_start(); then, whenever sock_dumper_fd() is readable or in every turn of a loop,
 *   sock_dumper_step() until it returns 0 one recv (at most 64 rows or so, 0.1 ms) each.
 *
 * Bounds: a round that takes longer than SOCK_DUMP_DEADLINE_NS or has more than SOCK_DUMP_ROWS_MAX
 * rows is cut off, which its end row says (status -ETIMEDOUT, -E2BIG).
 */
#ifndef CAPTURE_SOCK_DUMP_H
#define CAPTURE_SOCK_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/sock/netns.h"
#include "capture/sock/sock_row.h"
#include "formats/error.h"
#include "formats/event.h"

enum { SOCK_DUMP_BATCH_ROWS = 4096, SOCK_DUMP_ROWS_MAX = 1 << 20 };
#define SOCK_DUMP_DEADLINE_NS UINT64_C(2000000000)

/*
 * Every state that `ss -a` shows; what a dump asks for by default. Sockets that are bound and neither
 * listen nor connect (13, since Linux 6.8) are not among them: they have no traffic, and looking for
 * them makes an idle dump a fifth more expensive.
 */
#define SOCK_DUMP_ALL_STATES UINT32_C(0xfff)

struct sock_dump_options {
	uint32_t states; /* 1 << TCP state; 0: all */
	/*
	 * Takes rows; the batch is borrowed for the call and cleared after it. A negative errno ends
	 * the round and is returned by step and run.
	 */
	int (*emit)(void *ctx, struct ev_batch *b);
	void *ctx;
	struct sock_rows *rows; /* borrowed; NULL: the dumper's own, of all sockets */
};

/* What dumps cost and gave so far, over all rounds. */
struct sock_dump_totals {
	uint64_t rounds, rows, bytes, dups;
	uint64_t failed; /* dumps whose end row has a status */
	uint64_t
		undecoded; /* messages that were not what the kernel documents; counted, left out */
	uint64_t time_ns;  /* wall time between start and end of the rounds */
	uint64_t last_ns;  /* of it, the last round's */
};

struct sock_dumper;

/* 0 or a negative errno. Freed by sock_dumper_close(), NULL allowed. */
int sock_dumper_open(struct sock_dumper **d, const struct sock_dump_options *options,
		     struct skbox_error *err);
void sock_dumper_close(struct sock_dumper *d);

/*
 * Begins a round in the namespace (copied). cause: "start", "period", "stop", "manual", ...
 * -EBUSY while a round is going on. A namespace that cannot be entered gives its errno and no rows.
 * The netlink socket lives as long as the round: it does not keep a namespace from going away.
 */
int sock_dumper_start(struct sock_dumper *d, const struct netns *ns, const char *cause,
		      struct skbox_error *err);

/*
 * Takes what one recv gives, without blocking. 1: the round goes on; 0: it is over (or none was
 * begun), every row has been emitted; a negative errno: it is over, for emit failed or memory ran
 * out. What the kernel did wrong is no error here: it is the status in the end row.
 */
int sock_dumper_step(struct sock_dumper *d, struct skbox_error *err);

/* Descriptor to poll for POLLIN; -1 when no round is going on. May change with every start. */
int sock_dumper_fd(const struct sock_dumper *d);
bool sock_dumper_busy(const struct sock_dumper *d);

/* start, and step until the round is over. */
int sock_dumper_run(struct sock_dumper *d, const struct netns *ns, const char *cause,
		    struct skbox_error *err);

const struct sock_dump_totals *sock_dumper_totals(struct sock_dumper *d);

#endif
