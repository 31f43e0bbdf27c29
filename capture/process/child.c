/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { END_TRIES = 5000, END_WAIT_NS = 1000000 };

int child_start(struct child *c, const char *name, const char *what, const int fds[2],
		int (*run)(void *ctx, int fd), void *ctx, struct skbox_error *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return error_set(err, -errno, 0, "fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_NAME, name);
		close(fds[0]);
		_exit(run(ctx, fds[1]));
	}
	close(fds[1]);
	*c = (struct child){.pid = pid, .name = what};
	channel_open(&c->channel, fds[0]);
	return 0;
}

static bool signalled(int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM)
			return true;
	return false;
}

int child_wait_ready(struct child *c, int signal_fd, struct skbox_error *err)
{
	struct pollfd fds[2] = {{.fd = c->channel.fd, .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};
	struct message m;

	for (;;) {
		while (channel_next(&c->channel, &m)) {
			struct skbox_error why;

			if (m.kind == MESSAGE_READY)
				return 0;
			if (m.kind == MESSAGE_FAILED && message_get(&m, &why, sizeof(why)))
				return error_set(err, why.code, 0, "%.190s", why.text);
		}
		if (c->channel.ended)
			return error_set(err, -EPIPE, 0, "%s ended at once", c->name);
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, -errno, 0, "poll: %s", strerror(errno));
		if (fds[1].revents && signalled(signal_fd))
			return error_set(err, -EINTR, 0, "ended by a signal before it began");
		channel_read(&c->channel);
	}
}

void child_end(struct child *c)
{
	const struct timespec wait = {.tv_nsec = END_WAIT_NS};

	if (!c->pid)
		return;
	channel_close(&c->channel);
	for (int i = 0; i < END_TRIES && !waitpid(c->pid, NULL, WNOHANG); i++)
		nanosleep(&wait, NULL);
	c->pid = 0;
}

void child_forward_signals(struct channel *parent, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		uint32_t signo = info.ssi_signo;

		if (signo != SIGCHLD)
			channel_send(parent, MESSAGE_SIGNAL, &signo, sizeof(signo));
	}
}

void child_close(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

uint64_t child_cpu_ns(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}
