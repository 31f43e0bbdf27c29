/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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

static void reap(struct command *c)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(c->pid, &status, WNOHANG);
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
		reap(c);
	return c->pid && c->ended;
}

/* Waits for a signal; whether the user wants to wait no more. */
static bool is_impatient(int signal_fd)
{
	struct pollfd fd = {.fd = signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;
	bool wants = false;

	poll(&fd, 1, -1);
	while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		wants |= info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
	return wants;
}

void command_end(struct command *c, int signal_fd)
{
	bool goes_on;

	if (c->go_fd >= 0) {
		close(c->go_fd);
		c->go_fd = -1;
	}
	if (!c->pid || command_check(c))
		return;
	/* our rights went when the recording began */
	goes_on = !c->asked && kill(c->pid, SIGTERM) && errno == EPERM;
	while (!goes_on && !command_check(c))
		goes_on = is_impatient(signal_fd) && !command_check(c);
	if (goes_on)
		terminal_error("process %d, the command, goes on", (int)c->pid);
}
