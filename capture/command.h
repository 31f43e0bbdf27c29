/* SPDX-License-Identifier: BSD-2-Clause */
/* The command that is recorded: made before the recording begins, let go when it has begun. */
#ifndef CAPTURE_COMMAND_H
#define CAPTURE_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "formats/error.h"

struct command {
	pid_t pid; /* 0: none */
	int go_fd; /* writing lets it begin; -1 */
	bool ended;
	bool asked; /* to end, by somebody who may: command_end() just waits */
	int status; /* exit status, or 128 + signal, when ended */
};

/*
 * Makes a process that waits. The signals of `blocked` are let through again before argv runs.
 * keep_stdout false: what it writes goes to standard error, for standard output has the recording.
 */
int command_prepare(struct command *c, char **argv, const sigset_t *blocked, bool keep_stdout,
		    struct skbox_error *err);

/* Lets it run. When there is no such program its status is 127, as in a shell. */
void command_go(struct command *c);

/* Whether it has ended; never waits. */
bool command_check(struct command *c);

/*
 * Asks it to end (SIGTERM) when it still runs, and waits for it, or for another SIGINT or SIGTERM of
 * ours (signal_fd, a signalfd of them and SIGCHLD): then it goes on, which is said, and `ended` is false.
 * Without a command: nothing.
 */
void command_end(struct command *c, int signal_fd);

#endif
