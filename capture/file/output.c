/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/output.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/file/inventory.h"
#include "capture/file/patience.h"
#include "formats/text/text.h"

enum { WAIT_NS = 100 * 1000 * 1000 /* how often what goes on is looked at by who waits */ };

struct output {
	struct output_file *file; /* NULL: none */
	bool print;
	struct patience patience;
	bool (*is_impatient)(void *ctx);
	void *ctx;
	bool give_up;
	uint64_t taken, taken_ns; /* of the thread that waits: what was written, and since when */
	struct text text;
	struct buf screen;
	struct output_totals totals; /* of the writing thread */
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct ev_batch *all[OUTPUT_BATCHES];
	struct ev_batch *queue[OUTPUT_BATCHES], *spare[OUTPUT_BATCHES];
	uint64_t put_ns[OUTPUT_BATCHES]; /* when each of the queue was put */
	uint64_t lag_ns;                 /* output_lag_ns() */
	unsigned int queued, spares;
	bool stop, done;
	const char *
		finish; /* why it ends: the last rows are wanted; NULL: not yet, or they are written */
	bool rotate;    /* the first rotate_behind batches of the queue are written before */
	unsigned int rotate_behind;
	struct output_totals new_totals; /* n 0: none since the last ones */
	uint64_t bytes, thrown_away;
	struct skbox_error error, low; /* code 0: none */
};

static void print_batch(struct output *o, const struct ev_batch *b, struct skbox_error *err)
{
	struct ev_walk walk = ev_walk(b);
	struct ev ev = {0};
	int rc;

	buf_clear(&o->screen);
	while (ev_next(&walk, &ev)) {
		if (ev.startup) /* in files only */
			continue;
		if (text_event(&o->text, &ev, 0, &o->screen))
			text_frame_event(&o->text, &o->screen);
	}
	rc = o->screen.failed
		     ? -ENOMEM
		     : patience_write(&o->patience, STDOUT_FILENO, o->screen.p, o->screen.len);
	if (rc)
		error_set(err, rc, 0, "standard output: %s", strerror(-rc));
}

/* What a call of output_file_* said, for the recorder to find. */
static void take_result(struct output *o, struct skbox_error *err)
{
	struct skbox_error low = {0};

	if (err->code == -ETIMEDOUT)
		error_set(err, -ETIMEDOUT, 0,
			  "standard output: nobody reads: what was not taken is not written");
	if (o->file && !err->code)
		output_file_disk_low(o->file, &low);
	pthread_mutex_lock(&o->lock);
	o->bytes = o->file ? output_file_bytes(o->file) : 0;
	if (err->code && !o->error.code)
		o->error = *err;
	if (low.code)
		o->low = low;
	pthread_mutex_unlock(&o->lock);
}

static void write_batch(struct output *o, struct ev_batch *b)
{
	struct skbox_error err = {0};

	if (b->failed)
		error_set(&err, -ENOMEM, 0, "out of memory");
	else if (o->file && output_file_write(o->file, b, &o->totals, &err) && !err.code)
		error_set(&err, -EIO, 0, "writing failed");
	if (!err.code && o->print)
		print_batch(o, b, &err);
	take_result(o, &err);
}

static void rotate(struct output *o)
{
	struct skbox_error err = {0};

	if (o->file && output_file_rotate(o->file, &o->totals, &err) && !err.code)
		error_set(&err, -EIO, 0, "beginning a file failed");
	take_result(o, &err);
}

static void finish(struct output *o, const char *reason)
{
	struct skbox_error err = {0};

	if (o->file && output_file_finish(o->file, &o->totals, reason, &err) && !err.code)
		error_set(&err, -EIO, 0, "ending the file failed");
	take_result(o, &err);
}

/* The recorder's newest counts become those of the thread; with the lock held. */
static void take_totals(struct output *o)
{
	struct output_totals old = o->totals;

	if (!o->new_totals.n)
		return;
	o->totals = o->new_totals;
	o->new_totals = (struct output_totals){.v = old.v};
}

/* One thing to do, with the lock held, which is let go meanwhile. */
static void work(struct output *o)
{
	bool failed = o->error.code;
	struct ev_batch *b;
	uint64_t lag;

	take_totals(o);
	if (o->rotate && !o->rotate_behind) {
		pthread_mutex_unlock(&o->lock);
		if (!failed)
			rotate(o);
		pthread_mutex_lock(&o->lock);
		o->rotate = false;
		pthread_cond_broadcast(&o->changed);
		return;
	}
	if (!o->queued) {
		const char *reason = o->finish;

		pthread_mutex_unlock(&o->lock);
		if (!failed)
			finish(o, reason);
		pthread_mutex_lock(&o->lock);
		o->finish = NULL;
		pthread_cond_broadcast(&o->changed);
		return;
	}
	b = o->queue[0]; /* it stays in its place while it is written: then the queue is not empty */
	pthread_mutex_unlock(&o->lock);
	if (!failed)
		write_batch(o, b);
	pthread_mutex_lock(&o->lock);
	if (o->error.code)
		o->thrown_away += b->sec[EV_kernel].n;
	ev_batch_clear(b);
	lag = inventory_now_ns() - o->put_ns[0];
	o->lag_ns = lag > o->lag_ns ? lag : o->lag_ns;
	memmove(o->queue, o->queue + 1, --o->queued * sizeof(*o->queue));
	memmove(o->put_ns, o->put_ns + 1, o->queued * sizeof(*o->put_ns));
	o->rotate_behind -= o->rotate;
	o->spare[o->spares++] = b;
	pthread_cond_broadcast(&o->changed);
}

static void *run(void *arg)
{
	struct output *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->stop || o->queued)
		if (o->queued || o->rotate || o->finish)
			work(o);
		else
			pthread_cond_wait(&o->changed, &o->lock);
	o->done = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

int output_open(struct output **out, const struct output_options *options, struct skbox_error *err)
{
	struct output *o = calloc(1, sizeof(*o));
	int rc = 0;

	if (!o)
		return error_set(err, -ENOMEM, 0, "out of memory");
	*out = o;
	o->print = options->print;
	o->is_impatient = options->is_impatient;
	o->ctx = options->ctx;
	patience_init(&o->patience);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
	text_init(&o->text, &options->text);
	for (int i = 0; i < OUTPUT_BATCHES; i++) {
		o->all[i] = o->spare[o->spares++] = ev_batch_new();
		if (!o->all[i])
			rc = error_set(err, -ENOMEM, 0, "out of memory");
	}
	if (!rc && options->file.rotate.path) {
		struct output_file_options fo = options->file;

		fo.patience = &o->patience;
		rc = output_file_open(&o->file, &fo, err);
	}
	return rc;
}

int output_dir(const struct output *o)
{
	return o->file ? output_file_dir(o->file) : -1;
}

int output_start(struct output *o, struct skbox_error *err)
{
	int rc = -pthread_create(&o->thread, NULL, run, o);

	o->running = !rc;
	return rc ? error_set(err, rc, 0, "starting a thread: %s", strerror(-rc)) : 0;
}

/* ---- waiting ---- */

static void begin_to_wait(struct output *o)
{
	o->taken = patience_taken(&o->patience);
	o->taken_ns = inventory_now_ns();
}

/* Waits for a change, with the lock held; makes the thread give up when nothing changes any more. */
static void wait_changed(struct output *o)
{
	struct timespec until;
	uint64_t taken, now;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_cond_timedwait(&o->changed, &o->lock, &until) != ETIMEDOUT)
		return;
	taken = patience_taken(&o->patience);
	now = inventory_now_ns();
	if (taken != o->taken) {
		o->taken = taken;
		o->taken_ns = now;
	}
	if (now - o->taken_ns >= OUTPUT_PATIENCE_NS || (o->is_impatient && o->is_impatient(o->ctx)))
		o->give_up = true;
	if (o->give_up)
		patience_end(&o->patience, o->thread);
}

/* ---- batches ---- */

struct ev_batch *output_get(struct output *o)
{
	struct ev_batch *b = NULL;

	pthread_mutex_lock(&o->lock);
	if (o->spares)
		b = o->spare[--o->spares];
	pthread_mutex_unlock(&o->lock);
	return b;
}

bool output_has_spare(struct output *o)
{
	bool has;

	pthread_mutex_lock(&o->lock);
	has = o->spares;
	pthread_mutex_unlock(&o->lock);
	return has;
}

struct ev_batch *output_get_wait(struct output *o)
{
	struct ev_batch *b;

	pthread_mutex_lock(&o->lock);
	begin_to_wait(o);
	while (!o->spares)
		wait_changed(o);
	b = o->spare[--o->spares];
	pthread_mutex_unlock(&o->lock);
	return b;
}

void output_put(struct output *o, struct ev_batch *b)
{
	pthread_mutex_lock(&o->lock);
	o->put_ns[o->queued] = inventory_now_ns();
	o->queue[o->queued++] = b;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

uint64_t output_lag_ns(struct output *o)
{
	uint64_t lag, waits;

	pthread_mutex_lock(&o->lock);
	lag = o->lag_ns;
	o->lag_ns = 0;
	waits = o->queued ? inventory_now_ns() - o->put_ns[0] : 0;
	lag = waits > lag ? waits : lag;
	pthread_mutex_unlock(&o->lock);
	return lag;
}

void output_rotate(struct output *o)
{
	pthread_mutex_lock(&o->lock);
	/* one that still waits is not followed by another: its file would be empty */
	if (!o->rotate) {
		o->rotate = true;
		o->rotate_behind = o->queued;
		pthread_cond_broadcast(&o->changed);
	}
	pthread_mutex_unlock(&o->lock);
}

void output_set_totals(struct output *o, const struct output_totals *totals)
{
	struct output_total *v;

	pthread_mutex_lock(&o->lock);
	v = o->new_totals.v;
	if (!v)
		v = malloc((totals->n ? totals->n : 1) * sizeof(*v));
	if (v) {
		memcpy(v, totals->v, totals->n * sizeof(*v));
		o->new_totals = *totals;
		o->new_totals.v = v;
	}
	pthread_mutex_unlock(&o->lock);
}

int output_error(struct output *o, struct skbox_error *err)
{
	int rc;

	pthread_mutex_lock(&o->lock);
	rc = o->error.code;
	if (rc && err)
		*err = o->error;
	pthread_mutex_unlock(&o->lock);
	return rc;
}

int output_disk_low(struct output *o, struct skbox_error *err)
{
	int rc;

	pthread_mutex_lock(&o->lock);
	rc = o->low.code;
	if (rc && err)
		*err = o->low;
	pthread_mutex_unlock(&o->lock);
	return rc;
}

uint64_t output_thrown_away(struct output *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->thrown_away;
	pthread_mutex_unlock(&o->lock);
	return n;
}

uint64_t output_bytes(struct output *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->bytes;
	pthread_mutex_unlock(&o->lock);
	return n;
}

int output_finish(struct output *o, const char *reason, struct skbox_error *err)
{
	pthread_mutex_lock(&o->lock);
	o->finish = reason;
	pthread_cond_broadcast(&o->changed);
	begin_to_wait(o);
	while (o->finish)
		wait_changed(o);
	pthread_mutex_unlock(&o->lock);
	return output_error(o, err);
}

void output_close(struct output *o)
{
	if (!o)
		return;
	if (o->running) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_cond_broadcast(&o->changed);
		begin_to_wait(o);
		while (!o->done)
			wait_changed(o);
		pthread_mutex_unlock(&o->lock);
		pthread_join(o->thread, NULL);
	}
	output_file_close(o->file);
	text_fini(&o->text);
	buf_free(&o->screen);
	for (int i = 0; i < OUTPUT_BATCHES; i++)
		ev_batch_free(o->all[i]);
	free(o->totals.v);
	free(o->new_totals.v);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->changed);
	free(o);
}
