/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of a recording: which namespaces they are in, dumps at start, each period and end, ends
 * of sockets between them, lookups that events ask for. One object and one thread that may do nothing
 * else; rows leave through options.emit.
 *
 *	sock_recorder_open(), sock_recorder_begin(r, "start")
 *	whenever sock_recorder_fd() is readable or sock_recorder_wait_ns() is over: sock_recorder_step()
 *	sock_recorder_trigger() for events that passed their gate (sock_lookup.h)
 *	sock_recorder_begin(r, "stop"), sock_recorder_step() as long as sock_recorder_busy(), sock_recorder_close()
 *
 * Rows: snapset and snapshot rows (sock_dump.h), rows of causes "destroy", "drop" and "retransmit";
 * the inventory of a namespace that appears (nsinfo, iface), a sockstat row for one that is gone;
 * loss rows for ends that the kernel had no room to tell, and sockstat rows for the rest that is not there.
 */
#ifndef CAPTURE_SOCK_RECORDER_H
#define CAPTURE_SOCK_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/sock/sock_lookup.h"
#include "formats/error.h"
#include "formats/event.h"

/* Namespaces are looked for each period, but not more often than makes that 1 % of a processor. */
enum { SOCK_SCAN_SHARE = 100 };
/* And without a period that often. */
#define SOCK_SCAN_EVERY_NS UINT64_C(1000000000)
/* Counts go into the file that often, where something changed. */
#define SOCK_STAT_EVERY_NS UINT64_C(500000000)

struct sock_recorder_options {
	/* --netns: names, process ids, paths, "all"; none: the namespace of the calling thread. Borrowed. */
	const char *const *names;
	size_t n_names;
	uint64_t period_ns; /* 0: dumps at start and end alone */
	uint64_t cgroup_id; /* only sockets of that cgroup and below; 0: all */
	/*
	 * Takes rows; the batch is borrowed for the call and cleared after it. A negative errno ends what
	 * was going on and is returned.
	 */
	int (*emit)(void *ctx, struct ev_batch *b);
	void *ctx;
};

struct sock_recorder;

/*
 * Finds the namespaces and has the ends of their sockets told from the return on. -ENOENT: a name that there
 * is not; -EPERM. Freed by sock_recorder_close(), NULL allowed.
 */
int sock_recorder_open(struct sock_recorder **r, const struct sock_recorder_options *o,
		       struct skbox_error *err);
void sock_recorder_close(struct sock_recorder *r);

/*
 * A round in every namespace, as soon as the one that goes on is over; "start" also sets the clock of the
 * periods, and after "stop" there are none any more. cause: a literal.
 */
void sock_recorder_begin(struct sock_recorder *r, const char *cause);

/*
 * Does what is due, for a millisecond or so. 0 or a negative errno: emit failed, memory ran out, or
 * the thread could not come back from a namespace; what the kernel did wrong is in rows.
 */
int sock_recorder_step(struct sock_recorder *r, struct skbox_error *err);

/* To poll for POLLIN. */
int sock_recorder_fd(const struct sock_recorder *r);
/* How long there is nothing to do if the descriptor stays quiet; 0: there is more right now. */
uint64_t sock_recorder_wait_ns(const struct sock_recorder *r);
/* Whether a round is going on, or one that was asked for is to come. */
bool sock_recorder_busy(const struct sock_recorder *r);

/*
 * Looks up the socket of an event, at once; in a namespace that is not recorded: nothing. Its row leaves
 * at the next step or dump.
 */
void sock_recorder_trigger(struct sock_recorder *r, const struct sock_trigger *t);

/* Rows of sockets that were handed out. */
uint64_t sock_recorder_rows(const struct sock_recorder *r);

#endif
