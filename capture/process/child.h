/* SPDX-License-Identifier: BSD-2-Clause */
/* A process of the recorder beside the first one, and what goes on between the two. */
#ifndef CAPTURE_CHILD_H
#define CAPTURE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "capture/process/channel.h"
#include "capture/process/message.h"
#include "formats/error.h"

struct child {
	pid_t pid; /* 0: none */
	struct channel channel;
	const char *name; /* for messages: "the process that ..." */
};

/*
 * Forks. fds: pairs made by channel_pair() before; [0] is the parent's, [1] the child's end. In the
 * child: run(ctx, its end), whose value it exits with. name is for ps and messages, borrowed.
 */
int child_start(struct child *c, const char *name, const char *what, const int fds[2],
		int (*run)(void *ctx, int fd), void *ctx, struct skbox_error *err);

/* Waits for MESSAGE_READY. 0; what MESSAGE_FAILED says; -EPIPE: it ended; -EINTR: a signal to end. */
int child_wait_ready(struct child *c, int signal_fd, struct skbox_error *err);

/* Ends it by closing the channel, and waits for that (some seconds at most). None: nothing. */
void child_end(struct child *c);

/* Tells the parent of a signal that came to the child. */
void child_forward_signals(struct channel *parent, int signal_fd);

/*
 * Closes descriptors that a child has from its parent (-1: none): one end of a pair that is open in
 * too many places is never seen to be closed.
 */
void child_close(const int *fds, int n);

/* Processor time that this process took, nanoseconds. */
uint64_t child_cpu_ns(void);

#endif
