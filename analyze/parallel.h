/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs that several threads do, and whose results go out in the order in which the jobs were added.
 *
 *	while ((job = parallel_next(p))) {
 *		... fill the job ...
 *		parallel_add(p);
 *	}
 *	parallel_drain(p);
 *
 * The caller does jobs itself where it would have to wait for a free one, so it is one of the threads:
 * what makes jobs and what does them need not take equally long.
 *
 * A result goes out as soon as it is the next one, by whichever thread finished it: nothing is held back
 * while the caller waits for input.
 */
#ifndef ANALYZE_PARALLEL_H
#define ANALYZE_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

enum { PARALLEL_THREADS_MAX = 16 };

struct parallel_ops {
	/* Does a job; several at once, each in a thread of its own. thread: 0 is the caller's, which adds jobs. */
	void (*run)(void *ctx, unsigned int thread, void *job);
	/*
	 * Puts out what it made; one at a time, in order, in any thread. False: nobody wants more, and jobs
	 * behind it are neither done nor put out.
	 */
	bool (*put)(void *ctx, void *job);
};

struct parallel;

/*
 * jobs: n pieces of `size` bytes that are used again and again; the caller's, as are ops and ctx, until
 * parallel_free(). threads counts the caller's. NULL: out of memory, or no thread could be started.
 */
struct parallel *parallel_new(const struct parallel_ops *ops, void *ctx, unsigned int threads,
			      void *jobs, size_t size, unsigned int n);
void parallel_free(struct parallel *p); /* after the jobs that are under way; NULL is fine */

/* A job that is free, the same until parallel_add(); NULL: put() wants no more. */
void *parallel_next(struct parallel *p);
void parallel_add(struct parallel *p);

/*
 * In run(): puts out what the job made so far, where it is the next one to be; else does nothing. The job goes on,
 * and put() is called for it again at its end. False: nobody wants more.
 */
bool parallel_put_early(struct parallel *p, void *job);

/* Until all that was added is put out. False: put() wants no more. */
bool parallel_drain(struct parallel *p);

/* Processors that this process may use, 1 at least. */
unsigned int parallel_processors(void);

#endif
