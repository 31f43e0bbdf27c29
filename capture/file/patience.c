/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/patience.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { WAKE = SIGALRM };

static void ignore(int signo)
{
}

void patience_init(struct patience *p)
{
	/* no SA_RESTART: the write is to come back */
	const struct sigaction wake = {.sa_handler = ignore};

	memset(p, 0, sizeof(*p));
	sigaction(WAKE, &wake, NULL);
}

int patience_write(struct patience *p, int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		/* so files are never given up: a write to a disk is not interrupted */
		if (n < 0 && errno == EINTR && __atomic_load_n(&p->over, __ATOMIC_RELAXED))
			return -ETIMEDOUT;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
		__atomic_add_fetch(&p->taken, (uint64_t)n, __ATOMIC_RELAXED);
	}
	return 0;
}

uint64_t patience_taken(const struct patience *p)
{
	return __atomic_load_n(&p->taken, __ATOMIC_RELAXED);
}

void patience_end(struct patience *p, pthread_t thread)
{
	__atomic_store_n(&p->over, true, __ATOMIC_RELAXED);
	pthread_kill(thread, WAKE);
}
