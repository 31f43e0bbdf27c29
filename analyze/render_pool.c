/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/render_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/parallel.h"

/*
 * Batches on their way beside one for each thread: one that waits for the writer, one that waits for a
 * thread. A batch of 8,192 events takes 3 MiB and its text 3 MiB.
 */
enum { SPARE_JOBS = 2, JOBS_MAX = PARALLEL_THREADS_MAX + SPARE_JOBS };

/*
 * Text of the batch that is next to be written goes out in pieces of that size: they stay in the core's own cache,
 * and are not memory that another batch's text is written over later.
 */
enum { PIECE_BYTES = 256 << 10 };

struct job {
	struct ev_batch *batch;     /* owned */
	struct skbx_packed *packed; /* owned */
	bool is_packed;             /* the batch is still to be decoded */
	int error;                  /* of that; what is wrong is in `what` */
	struct skbox_error what;
	uint64_t unknown; /* columns that were left out */
	uint8_t *shown;   /* a byte an event; owned */
	uint32_t room;
	bool all;          /* all events pass: shown does not matter */
	struct text clock; /* as it is before the first event */
	struct buf out;
};

struct render_pool {
	struct render *render;
	struct source *source;
	struct filter *filter;
	struct parallel *parallel;
	unsigned int n;
	struct text text[PARALLEL_THREADS_MAX]; /* of each thread */
	struct skbx_unpacker *unpacker[PARALLEL_THREADS_MAX];
	struct ev_batch *unpacked[PARALLEL_THREADS_MAX]; /* what that made */
	struct job jobs[JOBS_MAX];
	/* buffers that no job has: the one that was put out last is the next to be filled, and is still in a cache */
	pthread_mutex_t lock;
	struct buf spare[JOBS_MAX];
	unsigned int n_spare;
};

/* Whether this thread puts out a result: what it says waits for nobody. */
static __thread bool is_putting;

static void take_buffer(struct render_pool *p, struct job *job)
{
	pthread_mutex_lock(&p->lock);
	if (p->n_spare && !job->out.p) {
		bool failed = job->out.failed;

		job->out = p->spare[--p->n_spare];
		job->out.failed = failed;
	}
	pthread_mutex_unlock(&p->lock);
}

static void give_buffer(struct render_pool *p, struct job *job)
{
	pthread_mutex_lock(&p->lock);
	if (job->out.p)
		p->spare[p->n_spare++] = job->out;
	job->out = (struct buf){0};
	pthread_mutex_unlock(&p->lock);
}

/* The decoded batch of a packed job, the thread's until its next one. NULL: there is none. */
static const struct ev_batch *unpack(struct render_pool *p, unsigned int thread, struct job *job)
{
	struct skbx_unpacker **u = &p->unpacker[thread];
	struct ev_batch **batch = &p->unpacked[thread];

	if (!*u)
		*u = skbx_unpacker_new();
	if (!*batch)
		*batch = ev_batch_new();
	job->error = *u && *batch
			     ? skbx_unpack(*u, job->packed, *batch, &job->unknown, &job->what)
			     : -ENOMEM;
	/* the output tells that there is no memory, as it does for the text */
	job->out.failed |= job->error == -ENOMEM;
	return job->error ? NULL : *batch;
}

static void run(void *ctx, unsigned int thread, void *job_at)
{
	struct render_pool *p = ctx;
	struct text *text = &p->text[thread];
	struct job *job = job_at;
	const struct ev_batch *batch = job->is_packed ? unpack(p, thread, job) : job->batch;
	size_t piece = PIECE_BYTES;
	struct ev_walk w;
	struct ev ev = {0};

	if (!batch)
		return;
	take_buffer(p, job);
	w = ev_walk(batch);
	text_set_clock(text, &job->clock);
	while (ev_next(&w, &ev)) {
		if (!job->all && !job->shown[ev.index])
			text_skip(text, &ev);
		else if (text_event(text, &ev, 0, &job->out))
			text_frame_event(text, &job->out);
		if (job->out.len < piece)
			continue;
		if (!parallel_put_early(p->parallel, job))
			break;
		take_buffer(p, job);
		piece = job->out.len + PIECE_BYTES;
	}
}

static bool put(void *ctx, void *job_at)
{
	struct render_pool *p = ctx;
	struct job *job = job_at;
	bool more;

	is_putting = true;
	if (job->unknown)
		source_counters(p->source)->unknown += job->unknown;
	if (job->error && job->error != -ENOMEM)
		source_packed_damage(p->source, job->packed, &job->what);
	more = terminal_put(&p->render->out, &job->out);
	job->unknown = 0;
	job->error = 0;
	is_putting = false;
	give_buffer(p, job);
	return more;
}

static void drain(void *ctx)
{
	if (!is_putting)
		render_pool_drain(ctx);
}

/* What a job needs. False: out of memory. */
static bool make_job(struct job *job)
{
	job->batch = ev_batch_new();
	job->packed = skbx_packed_new();
	return job->batch && job->packed;
}

struct render_pool *render_pool_new(struct render *r, struct source *s, struct filter *f,
				    unsigned int threads)
{
	static const struct parallel_ops ops = {run, put};
	struct render_pool *p = calloc(1, sizeof(*p));
	bool made = true;

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->render = r;
	p->source = s;
	p->filter = f;
	if (threads > PARALLEL_THREADS_MAX)
		threads = PARALLEL_THREADS_MAX;
	for (unsigned int i = 0; i < threads; i++)
		text_init(&p->text[i], &r->text.o);
	while (p->n < threads + SPARE_JOBS && made)
		made = make_job(&p->jobs[p->n++]);
	if (made)
		p->parallel = parallel_new(&ops, p, threads, p->jobs, sizeof(p->jobs[0]), p->n);
	if (!p->parallel) {
		render_pool_free(p);
		return NULL;
	}
	terminal_before_error(drain, p);
	if (filter_passes_all(f))
		source_keep_packed(s, drain, p);
	return p;
}

void render_pool_free(struct render_pool *p)
{
	if (!p)
		return;
	if (p->parallel) {
		terminal_before_error(NULL, NULL);
		source_keep_packed(p->source, NULL, NULL);
		render_pool_drain(p);
		parallel_free(p->parallel);
	}
	for (unsigned int i = 0; i < p->n; i++) {
		ev_batch_free(p->jobs[i].batch);
		skbx_packed_free(p->jobs[i].packed);
		free(p->jobs[i].shown);
		buf_free(&p->jobs[i].out);
	}
	for (unsigned int i = 0; i < PARALLEL_THREADS_MAX; i++) {
		text_fini(&p->text[i]);
		skbx_unpacker_free(p->unpacker[i]);
		ev_batch_free(p->unpacked[i]);
	}
	while (p->n_spare)
		buf_free(&p->spare[--p->n_spare]);
	pthread_mutex_destroy(&p->lock);
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

bool render_pool_add(struct render_pool *p)
{
	struct job *job = parallel_next(p->parallel);

	if (!job)
		return false;
	job->is_packed = false;
	job->batch = source_take(p->source, job->batch);
	if (!choose(job, p->filter)) {
		/* the output tells it, as it does when the text finds no memory */
		job->all = true;
		job->out.failed = true;
	}
	job->clock = p->render->text;
	pass_clock(&p->render->text, job->batch);
	parallel_add(p->parallel);
	return true;
}

bool render_pool_add_packed(struct render_pool *p)
{
	struct job *job = parallel_next(p->parallel);

	if (!job)
		return false;
	job->is_packed = job->all = true;
	job->packed = source_take_packed(p->source, job->packed);
	job->clock = p->render->text; /* no row in it changes that */
	parallel_add(p->parallel);
	return true;
}
