/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording, in the process that writes: from the rings, and from what the other two processes
 * send (capture/process/message.h), to the output, until something ends it.
 */
#ifndef CAPTURE_RECORDER_H
#define CAPTURE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/age.h"
#include "capture/command.h"
#include "capture/config/config.h"
#include "capture/file/convert.h"
#include "capture/file/output.h"
#include "capture/probe/dropname.h"
#include "capture/probe/plan.h"
#include "capture/probe/probe.h"
#include "capture/process/child.h"
#include "capture/process/rows.h"
#include "capture/ring.h"
#include "capture/sock/sock_lookup.h"
#include "capture/stack.h"
#include "capture/thin.h"

struct recorder {
	const struct config *config; /* borrowed, as are probes, output and command */
	const struct plan *plan;
	struct probes *probes;
	struct output *output;
	struct command *command;
	int signal_fd; /* signalfd of SIGINT, SIGTERM, SIGCHLD, SIGUSR1 */

	struct child holder, sockets;
	bool holder_gone, sockets_gone; /* it ended before it was to, which was said */
	bool started;                   /* the first snapshots are there: the command may run */
	bool stopped;                   /* nothing is attached any more */
	bool ended;                     /* the last snapshots are there */
	unsigned int ends;              /* signals to end that came so far */

	struct rings rings;
	struct dropnames drops;
	struct stacks stacks;
	struct convert convert;
	struct ev_batch *batch; /* being filled; NULL: all are on their way */
	uint64_t batch_since;   /* time of its oldest event; 0: it has none */
	struct age age;         /* how old it may get */
	uint64_t events;        /* records that became events */

	uint32_t stack_asked; /* the number that the holder was asked for last */
	bool stack_late;      /* its answer did not come in time */

	struct sock_gate gate;                /* events that ask for their socket */
	bool *retransmits;                    /* by probe: its events do */
	uint64_t told_again, told_suppressed; /* of the gate's counts: as of the last row */

	struct rows *rows; /* of the other processes */
	uint64_t socket_rows;
	bool waiting; /* for a batch, where there is none: at the end */

	struct thin thin; /* --max-cpu */
	bool thin_told;   /* how many flows are recorded is in the file as it is now */
	uint64_t thin_since; /* when that began */
	struct probe_counters *counters; /* as of the last loss rows */
	uint64_t *skipped;
	uint64_t loss_since, next_loss, next_clock, end_at;
	uint64_t next_rotate; /* by the clock; 0: never */
	uint64_t rotate_at;   /* the next time: that, or soon, by a signal */
	uint64_t rotated;     /* when a signal last asked for it */

	struct message_count *counts; /* of the holder, by probe */
	uint64_t window_ns, holder_cpu_ns, sockets_cpu_ns;
	struct output_total *totals; /* of all probes but the internal ones */
	const char *reason;          /* why it ended; NULL: it goes on */
	struct skbox_error error;    /* with reason "error", where it is not the output's */
};

/* Maps the rings, while there are descriptors of them. Ended by recorder_fini(). */
int recorder_init(struct recorder *r, struct skbox_error *err);
void recorder_fini(struct recorder *r);

/* Puts what a file begins with into the output; while files of /proc may still be read. */
int recorder_begin(struct recorder *r, struct skbox_error *err);

/*
 * With the first snapshots lets the command go, and records until the end; has all detached, drains,
 * writes the last rows. 0 or a negative errno.
 */
int recorder_run(struct recorder *r, struct skbox_error *err);

/* Whether somebody asked to end once more while the recording ends; for struct output_options. */
bool recorder_is_hurried(void *recorder);

/* ---- what the other processes send (recorder_message.c) ---- */

/* Takes what they sent, as far as there are batches for rows. Whether there was anything. */
bool recorder_take_messages(struct recorder *r);

/* Acts on a signal; relayed: it came to another of our processes. */
void recorder_take_signal(struct recorder *r, uint32_t signo, bool relayed);

/* The counts of the holder are new: whether flows have to be left out. */
void recorder_step_thin(struct recorder *r);

/* The batch to fill, or NULL: all are on their way; and to have it written when it is full. */
bool recorder_want_batch(struct recorder *r);
void recorder_bound_batch(struct recorder *r);

/* For struct stacks: asks the holder, and waits a little. */
void recorder_ask_stack(void *recorder, uint32_t id);

#endif
