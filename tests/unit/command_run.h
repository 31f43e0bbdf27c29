/* SPDX-License-Identifier: BSD-2-Clause */
/* A command, run in a process of its own: it gives up for good what the next one needs. */
#ifndef TESTS_COMMAND_RUN_H
#define TESTS_COMMAND_RUN_H

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/command.h"

/* The exit code; -1 when it ended otherwise. Standard output and error are the caller's. */
static inline int command_run(int argc, char **argv)
{
	const struct command *c = command_find(argv[0]);
	pid_t child;
	int code;

	assert_non_null(c);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		code = c->run(argc, argv);
		fflush(NULL);
		_exit(code);
	}
	while (waitpid(child, &code, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

#endif
