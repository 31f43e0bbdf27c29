/* SPDX-License-Identifier: BSD-2-Clause */
/* The recording: from the rings and the sockets to the output, until something ends it. */
#ifndef CAPTURE_RECORDER_H
#define CAPTURE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/command.h"
#include "capture/config/config.h"
#include "capture/file/convert.h"
#include "capture/cost.h"
#include "capture/probe/dropname.h"
#include "capture/sock/netns.h"
#include "capture/file/output.h"
#include "capture/probe/plan.h"
#include "capture/probe/probe.h"
#include "capture/ring.h"
#include "capture/sock/sock_dump.h"
#include "capture/stack.h"

struct recorder {
	const struct config *config; /* borrowed, as are probes, output and command */
	const struct plan *plan;
	struct probes *probes;
	struct output *output;
	struct command *command;
	int signal_fd; /* signalfd of SIGINT, SIGTERM, SIGCHLD, SIGUSR1 */

	struct rings rings;
	struct dropnames drops;
	struct stacks stacks;
	struct convert convert;
	struct ev_batch *batch; /* being filled; NULL: all are on their way */
	uint64_t batch_since;   /* time of its oldest event; 0: it has none */
	uint64_t events;        /* records that became events */

	struct sock_dumper *dumper; /* NULL: no sockets */
	struct netns_list places;   /* whose sockets are recorded */
	size_t place;               /* the next one of a round */
	uint64_t socket_rows, sockets_lost;
	bool waiting; /* rows of sockets may wait for a batch: at start and end */

	struct probe_counters *counters; /* as of the last loss rows */
	uint64_t *skipped;
	uint64_t loss_since, next_loss, next_clock, next_sockets, end_at;
	uint64_t next_rotate;        /* by the clock; 0: never */
	uint64_t rotate_at;          /* the next time: that, or soon, by a signal */
	struct output_total *totals; /* of all probes but the internal ones */
	struct cost cost;
	const char *reason; /* why it ended; NULL: it goes on */
};

/* Maps the rings, finds the namespaces, writes what a file begins with. Ended by recorder_fini(). */
int recorder_init(struct recorder *r, struct skbox_error *err);
void recorder_fini(struct recorder *r);

/* Lets the command go and records until the end; detaches, drains, writes the last rows. 0 or a negative errno. */
int recorder_run(struct recorder *r, struct skbox_error *err);

#endif
