/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	/* what is waited for is that every processor has passed a quiet state: more of them do no harm */
	THREADS_MAX = 16,
	CALLS_MIN = 2, /* a thread for less is not worth it */
};

struct parallel {
	void (*run)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
};

static void *work(void *arg)
{
	struct parallel *p = arg;

	for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < p->n;)
		p->run(p->ctx, i);
	return NULL;
}

void parallel_run(size_t n, void (*run)(void *ctx, size_t i), void *ctx)
{
	struct parallel p = {.run = run, .ctx = ctx, .n = n};
	pthread_t threads[THREADS_MAX - 1];
	size_t want = n / CALLS_MIN, made = 0;

	if (want > THREADS_MAX)
		want = THREADS_MAX;
	/* this one is the first */
	while (made + 1 < want && !pthread_create(&threads[made], NULL, work, &p))
		made++;
	work(&p);
	while (made)
		pthread_join(threads[--made], NULL);
}
