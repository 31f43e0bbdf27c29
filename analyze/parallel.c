/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

enum job_state { JOB_FREE, JOB_READY, JOB_RUNNING, JOB_DONE };

struct worker {
	struct parallel *p;
	pthread_t thread;
	unsigned int number; /* from 1 on: 0 is the caller */
};

/* Jobs are a ring: put out at `head`, begun at `next`, added at `tail`; the three only grow. */
struct parallel {
	const struct parallel_ops *ops;
	void *ctx;
	uint8_t *jobs;
	size_t size;
	unsigned int n, n_workers;

	pthread_mutex_t lock;
	pthread_cond_t added; /* for workers: a job is ready, or the end */
	pthread_cond_t freed; /* for the caller: a job was put out */
	unsigned int head, next, tail;
	bool putting;      /* a thread is in put() */
	bool stopped, end; /* put() wants no more; the workers shall go */
	enum job_state *state;
	struct worker workers[PARALLEL_THREADS_MAX];
};

unsigned int parallel_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return CPU_COUNT(&set) > 0 ? (unsigned int)CPU_COUNT(&set) : 1;
}

static void *job_at(const struct parallel *p, unsigned int i)
{
	return p->jobs + (size_t)(i % p->n) * p->size;
}

static enum job_state *state_at(const struct parallel *p, unsigned int i)
{
	return &p->state[i % p->n];
}

/* Puts out what is done and next, unless another thread is about it. Called with the lock. */
static void put_done(struct parallel *p)
{
	if (p->putting)
		return;
	p->putting = true;
	while (p->head != p->tail && *state_at(p, p->head) == JOB_DONE) {
		if (!p->stopped) {
			bool more;

			pthread_mutex_unlock(&p->lock);
			more = p->ops->put(p->ctx, job_at(p, p->head));
			pthread_mutex_lock(&p->lock);
			p->stopped |= !more;
		}
		*state_at(p, p->head++) = JOB_FREE;
		pthread_cond_signal(&p->freed);
	}
	p->putting = false;
}

/* Does the oldest job that nobody began. Called with the lock. False: there is none. */
static bool run_one(struct parallel *p, unsigned int thread)
{
	unsigned int i = p->next;

	if (i == p->tail)
		return false;
	p->next++;
	*state_at(p, i) = JOB_RUNNING;
	if (!p->stopped) {
		pthread_mutex_unlock(&p->lock);
		p->ops->run(p->ctx, thread, job_at(p, i));
		pthread_mutex_lock(&p->lock);
	}
	*state_at(p, i) = JOB_DONE;
	put_done(p);
	return true;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct parallel *p = w->p;

	pthread_mutex_lock(&p->lock);
	while (!p->end)
		if (!run_one(p, w->number))
			pthread_cond_wait(&p->added, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct parallel *parallel_new(const struct parallel_ops *ops, void *ctx, unsigned int threads,
			      void *jobs, size_t size, unsigned int n)
{
	struct parallel *p = calloc(1, sizeof(*p));
	sigset_t all, before;

	if (!p || !(p->state = calloc(n, sizeof(*p->state)))) {
		free(p);
		return NULL;
	}
	p->ops = ops;
	p->ctx = ctx;
	p->jobs = jobs;
	p->size = size;
	p->n = n;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->added, NULL);
	pthread_cond_init(&p->freed, NULL);
	/* signals are the caller's: they end what it waits in */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (p->n_workers + 1 < threads && p->n_workers < PARALLEL_THREADS_MAX) {
		struct worker *w = &p->workers[p->n_workers];

		w->p = p;
		w->number = p->n_workers + 1;
		if (pthread_create(&w->thread, NULL, work, w) != 0)
			break;
		p->n_workers++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (p->n_workers)
		return p;
	parallel_free(p);
	return NULL;
}

void parallel_free(struct parallel *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->added);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_workers; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->freed);
	pthread_cond_destroy(&p->added);
	pthread_mutex_destroy(&p->lock);
	free(p->state);
	free(p);
}

void *parallel_next(struct parallel *p)
{
	void *job;

	pthread_mutex_lock(&p->lock);
	while (!p->stopped && p->tail - p->head == p->n)
		if (!run_one(p, 0))
			pthread_cond_wait(&p->freed, &p->lock);
	job = p->stopped ? NULL : job_at(p, p->tail);
	pthread_mutex_unlock(&p->lock);
	return job;
}

void parallel_add(struct parallel *p)
{
	pthread_mutex_lock(&p->lock);
	*state_at(p, p->tail++) = JOB_READY;
	pthread_cond_signal(&p->added);
	pthread_mutex_unlock(&p->lock);
}

bool parallel_put_early(struct parallel *p, void *job)
{
	bool more;

	pthread_mutex_lock(&p->lock);
	/* while the first one runs nobody else puts out */
	if (!p->stopped && job == job_at(p, p->head)) {
		pthread_mutex_unlock(&p->lock);
		more = p->ops->put(p->ctx, job);
		pthread_mutex_lock(&p->lock);
		p->stopped |= !more;
	}
	more = !p->stopped;
	pthread_mutex_unlock(&p->lock);
	return more;
}

bool parallel_drain(struct parallel *p)
{
	bool more;

	pthread_mutex_lock(&p->lock);
	while (p->head != p->tail)
		if (!run_one(p, 0))
			pthread_cond_wait(&p->freed, &p->lock);
	more = !p->stopped;
	pthread_mutex_unlock(&p->lock);
	return more;
}
