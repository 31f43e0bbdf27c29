/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/output.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "formats/text/text.h"

struct output {
	struct output_file *file; /* NULL: none */
	bool print;
	struct text text;
	struct buf screen;
	struct output_totals totals; /* of the writing thread */
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct ev_batch *all[OUTPUT_BATCHES];
	struct ev_batch *queue[OUTPUT_BATCHES], *spare[OUTPUT_BATCHES];
	unsigned int queued, spares;
	bool stop;
	bool rotate; /* the first rotate_behind batches of the queue are written before */
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
	rc = o->screen.failed ? -ENOMEM
			      : terminal_write_all(STDOUT_FILENO, o->screen.p, o->screen.len);
	if (rc)
		error_set(err, rc, 0, "standard output: %s", strerror(-rc));
}

/* What a call of output_file_* said, for the recorder to find. */
static void take_result(struct output *o, const struct skbox_error *err)
{
	struct skbox_error low = {0};

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
	b = o->queue[0]; /* it stays in its place while it is written: then the queue is not empty */
	pthread_mutex_unlock(&o->lock);
	if (!failed)
		write_batch(o, b);
	pthread_mutex_lock(&o->lock);
	if (o->error.code)
		o->thrown_away += b->sec[EV_kernel].n;
	ev_batch_clear(b);
	memmove(o->queue, o->queue + 1, --o->queued * sizeof(*o->queue));
	o->rotate_behind -= o->rotate;
	o->spare[o->spares++] = b;
	pthread_cond_broadcast(&o->changed);
}

static void *run(void *arg)
{
	struct output *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->stop || o->queued)
		if (o->queued || o->rotate)
			work(o);
		else
			pthread_cond_wait(&o->changed, &o->lock);
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
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
	text_init(&o->text, &options->text);
	for (int i = 0; i < OUTPUT_BATCHES; i++) {
		o->all[i] = o->spare[o->spares++] = ev_batch_new();
		if (!o->all[i])
			rc = error_set(err, -ENOMEM, 0, "out of memory");
	}
	if (!rc && options->file.rotate.path)
		rc = output_file_open(&o->file, &options->file, err);
	if (!rc) {
		rc = -pthread_create(&o->thread, NULL, run, o);
		o->running = !rc;
		if (rc)
			error_set(err, rc, 0, "starting a thread: %s", strerror(-rc));
	}
	return rc;
}

struct ev_batch *output_get(struct output *o)
{
	struct ev_batch *b = NULL;

	pthread_mutex_lock(&o->lock);
	if (o->spares)
		b = o->spare[--o->spares];
	pthread_mutex_unlock(&o->lock);
	return b;
}

struct ev_batch *output_get_wait(struct output *o)
{
	struct ev_batch *b;

	pthread_mutex_lock(&o->lock);
	while (!o->spares)
		pthread_cond_wait(&o->changed, &o->lock);
	b = o->spare[--o->spares];
	pthread_mutex_unlock(&o->lock);
	return b;
}

void output_put(struct output *o, struct ev_batch *b)
{
	pthread_mutex_lock(&o->lock);
	o->queue[o->queued++] = b;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
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
	int rc;

	pthread_mutex_lock(&o->lock);
	while (o->queued || o->rotate)
		pthread_cond_wait(&o->changed, &o->lock);
	take_totals(o);
	pthread_mutex_unlock(&o->lock);
	rc = output_error(o, err);
	if (rc || !o->file)
		return rc;
	rc = output_file_finish(o->file, &o->totals, reason, err);
	o->bytes = output_file_bytes(o->file);
	return rc;
}

void output_close(struct output *o)
{
	if (!o)
		return;
	if (o->running) {
		pthread_mutex_lock(&o->lock);
		o->stop = true;
		pthread_cond_broadcast(&o->changed);
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
