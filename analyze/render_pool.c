/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/render_pool.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/parallel.h"

/*
 * Batches on their way beside one for each thread: one that waits for the writer, one that waits for a
 * thread. A batch of 8,192 events takes 2 MiB and its text 3 MiB.
 */
enum { SPARE_JOBS = 2, JOBS_MAX = PARALLEL_THREADS_MAX + SPARE_JOBS };

struct job {
	struct ev_batch *batch; /* owned */
	uint8_t *shown;         /* a byte an event; owned */
	uint32_t room;
	bool all;          /* all events pass: shown does not matter */
	struct text clock; /* as it is before the first event */
	struct buf out;
};

struct render_pool {
	struct render *render;
	struct parallel *parallel;
	unsigned int n;
	struct text text[PARALLEL_THREADS_MAX]; /* of each thread */
	struct job jobs[JOBS_MAX];
};

static void run(void *ctx, unsigned int thread, void *job_at)
{
	struct render_pool *p = ctx;
	struct text *text = &p->text[thread];
	struct job *job = job_at;
	struct ev_walk w = ev_walk(job->batch);
	struct ev ev = {0};

	text_set_clock(text, &job->clock);
	while (ev_next(&w, &ev)) {
		if (!job->all && !job->shown[ev.index])
			text_skip(text, &ev);
		else if (text_event(text, &ev, 0, &job->out))
			text_frame_event(text, &job->out);
	}
}

static bool put(void *ctx, void *job_at)
{
	struct render_pool *p = ctx;
	struct job *job = job_at;

	return terminal_put(&p->render->out, &job->out);
}

static void before_error(void *ctx)
{
	render_pool_drain(ctx);
}

struct render_pool *render_pool_new(struct render *r, unsigned int threads)
{
	static const struct parallel_ops ops = {run, put};
	struct render_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->render = r;
	if (threads > PARALLEL_THREADS_MAX)
		threads = PARALLEL_THREADS_MAX;
	for (unsigned int i = 0; i < threads; i++)
		text_init(&p->text[i], &r->text.o);
	for (; p->n < threads + SPARE_JOBS; p->n++)
		if (!(p->jobs[p->n].batch = ev_batch_new()))
			break;
	if (p->n == threads + SPARE_JOBS)
		p->parallel = parallel_new(&ops, p, threads, p->jobs, sizeof(p->jobs[0]), p->n);
	if (!p->parallel) {
		render_pool_free(p);
		return NULL;
	}
	terminal_before_error(before_error, p);
	return p;
}

void render_pool_free(struct render_pool *p)
{
	if (!p)
		return;
	if (p->parallel) {
		terminal_before_error(NULL, NULL);
		render_pool_drain(p);
		parallel_free(p->parallel);
	}
	for (unsigned int i = 0; i < p->n; i++) {
		ev_batch_free(p->jobs[i].batch);
		free(p->jobs[i].shown);
		buf_free(&p->jobs[i].out);
	}
	for (unsigned int i = 0; i < PARALLEL_THREADS_MAX; i++)
		text_fini(&p->text[i]);
	free(p);
}

bool render_pool_drain(struct render_pool *p)
{
	return parallel_drain(p->parallel);
}

/* What the filter says of each event: it counts them, so they are asked in order, here. */
static bool choose(struct job *job, struct filter *f)
{
	struct ev_walk w = ev_walk(job->batch);
	struct ev ev = {0};

	job->all = filter_passes_all(f);
	if (job->all)
		return true;
	if (job->room < job->batch->n) {
		uint8_t *shown = realloc(job->shown, job->batch->n);

		if (!shown)
			return false;
		job->shown = shown;
		job->room = job->batch->n;
	}
	memset(job->shown, 0, job->batch->n);
	while (!filter_done(f) && ev_next(&w, &ev))
		job->shown[ev.index] = filter_match(f, &ev) && !(ev.startup && filter_selects(f));
	return true;
}

/* The clock behind the batch. */
static void pass_clock(struct text *text, const struct ev_batch *batch)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	if (!batch->sec[EV_startup].n && !batch->sec[EV_clock].n)
		return;
	while (ev_next(&w, &ev))
		text_skip(text, &ev);
}

bool render_pool_add(struct render_pool *p, struct source *s, struct filter *f)
{
	struct job *job = parallel_next(p->parallel);

	if (!job)
		return false;
	job->batch = source_take(s, job->batch);
	if (!choose(job, f)) {
		/* the output tells it, as it does when the text finds no memory */
		job->all = true;
		job->out.failed = true;
	}
	job->clock = p->render->text;
	pass_clock(&p->render->text, job->batch);
	parallel_add(p->parallel);
	return true;
}
