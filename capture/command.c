/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/terminal.h"

enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127, STATUS_SIGNAL = 128 };

static void run_child(int fd, char **argv, const sigset_t *blocked, bool keep_stdout)
{
	char go;

	if (read(fd, &go, 1) != 1) /* the recorder gave up */
		_exit(STATUS_SIGNAL);
	sigprocmask(SIG_UNBLOCK, blocked, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (!keep_stdout)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

int command_prepare(struct command *c, char **argv, const sigset_t *blocked, bool keep_stdout,
		    struct skbox_error *err)
{
	int fds[2];

	*c = (struct command){.go_fd = -1};
	if (pipe2(fds, O_CLOEXEC))
		return error_set(err, -errno, 0, "pipe: %s", strerror(errno));
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return error_set(err, -errno, 0, "fork: %s", strerror(errno));
	}
	if (!c->pid) {
		close(fds[1]);
		run_child(fds[0], argv, blocked, keep_stdout);
	}
	close(fds[0]);
	c->go_fd = fds[1];
	return 0;
}

void command_go(struct command *c)
{
	if (c->go_fd < 0)
		return;
	if (write(c->go_fd, "", 1) < 0)
		kill(c->pid, SIGKILL); /* it is gone already; command_check() tells */
	close(c->go_fd);
	c->go_fd = -1;
}

static void reap(struct command *c, int options)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(c->pid, &status, options);
	while (pid < 0 && errno == EINTR);
	if (!pid)
		return;
	c->ended = true;
	if (pid < 0)
		c->status = STATUS_NOT_FOUND;
	else
		c->status =
			WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

bool command_check(struct command *c)
{
	if (c->pid && !c->ended)
		reap(c, WNOHANG);
	return c->pid && c->ended;
}

void command_end(struct command *c)
{
	if (c->go_fd >= 0) {
		close(c->go_fd);
		c->go_fd = -1;
	}
	if (!c->pid || command_check(c))
		return;
	if (!c->asked && kill(c->pid, SIGTERM) && errno == EPERM) {
		/* our rights went when the recording began */
		terminal_error("process %d, the command, goes on", (int)c->pid);
		return;
	}
	reap(c, 0);
}
