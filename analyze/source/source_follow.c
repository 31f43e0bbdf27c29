/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/source/source_follow.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	/* a folder that is not watched (NFS, no watches left) is looked at that often */
	POLL_MS = 100,
	/* and one that is watched now and then, for an event may concern another machine */
	WATCH_MS = 500,
};

static const int numbers[] = {SIGINT, SIGTERM};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

struct source_follow {
	int fd; /* of inotify; -1: none */
	struct sigaction before[NUMBERS];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = 1;
}

struct source_follow *source_follow_new(const char *path)
{
	/* without SA_RESTART: a read that waits, of a pipe, ends too */
	const struct sigaction action = {.sa_handler = on_signal};
	struct source_follow *f = calloc(1, sizeof(*f));
	const char *slash = strrchr(path, '/');
	char *folder = slash == path ? strdup("/")
		       : slash       ? strndup(path, (size_t)(slash - path))
				     : strdup(".");

	if (!f || !folder) {
		free(f);
		free(folder);
		return NULL;
	}
	f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->fd >= 0 &&
	    inotify_add_watch(f->fd, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
		close(f->fd);
		f->fd = -1;
	}
	free(folder);
	stopped = 0;
	for (int i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &action, &f->before[i]);
	return f;
}

void source_follow_free(struct source_follow *f)
{
	if (!f)
		return;
	for (int i = 0; i < NUMBERS; i++)
		sigaction(numbers[i], &f->before[i], NULL);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

bool source_follow_stopped(void)
{
	return stopped;
}

bool source_follow_wait(struct source_follow *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	char events[4096];

	if (stopped)
		return false;
	if (poll(&p, f->fd >= 0, f->fd >= 0 ? WATCH_MS : POLL_MS) > 0)
		while (read(f->fd, events, sizeof(events)) > 0)
			;
	return !stopped;
}
