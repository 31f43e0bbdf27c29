/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/skbx.h"
#include "formats/text.h"

struct output {
	int fd; /* of the event file; -1: none */
	bool print, own_fd;
	struct skbx_writer *writer;
	struct text text;
	struct buf screen;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct ev_batch *all[OUTPUT_BATCHES];
	struct ev_batch *queue[OUTPUT_BATCHES], *spare[OUTPUT_BATCHES];
	unsigned int queued, spares;
	bool stop;
	uint64_t bytes;
	struct skbox_error error; /* code 0: none */
};

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(void *ctx, const void *data, size_t len)
{
	struct output *o = ctx;

	return write_all(o->fd, data, len);
}

static int open_file(struct output *o, const struct output_options *options,
		     struct skbox_error *err)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	struct stat st;

	if (!strcmp(options->path, "-")) {
		if (isatty(STDOUT_FILENO))
			return error_set(
				err, -EINVAL, 0,
				"an event file is not written to a terminal: -o FILE, or a pipe");
		o->fd = STDOUT_FILENO;
		return 0;
	}
	o->fd = open(options->path,
		     O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY |
			     (options->force ? O_TRUNC : O_EXCL),
		     0600);
	if (o->fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, 0,
				 "%.100s exists: it is overwritten with --force only",
				 options->path);
	if (o->fd < 0)
		return error_set(err, -errno, 0, "%.100s: %s", options->path, strerror(errno));
	o->own_fd = true;
	if (fstat(o->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (fchmod(o->fd, 0600) ||
	    (uid && gid && !geteuid() &&
	     fchown(o->fd, (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10))))
		return error_set(err, -errno, 0, "%.100s: setting its owner and mode: %s",
				 options->path, strerror(errno));
	return 0;
}

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
	rc = o->screen.failed ? -ENOMEM : write_all(STDOUT_FILENO, o->screen.p, o->screen.len);
	if (rc)
		error_set(err, rc, 0, "standard output: %s", strerror(-rc));
}

static void write_batch(struct output *o, const struct ev_batch *b)
{
	struct skbox_error err = {0};

	if (b->failed)
		error_set(&err, -ENOMEM, 0, "out of memory");
	else if (o->writer && skbx_write(o->writer, b, &err) && !err.code)
		error_set(&err, -EIO, 0, "writing failed");
	if (!err.code && o->print)
		print_batch(o, b, &err);
	pthread_mutex_lock(&o->lock);
	o->bytes = o->writer ? skbx_written(o->writer) : 0;
	if (err.code && !o->error.code)
		o->error = err;
	pthread_mutex_unlock(&o->lock);
}

static void *run(void *arg)
{
	struct output *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->stop || o->queued) {
		struct ev_batch *b;
		bool failed = o->error.code;

		if (!o->queued) {
			pthread_cond_wait(&o->changed, &o->lock);
			continue;
		}
		b = o->queue[0]; /* it stays in its place while it is written: then the queue is not empty */
		pthread_mutex_unlock(&o->lock);
		if (!failed)
			write_batch(o, b);
		ev_batch_clear(b);
		pthread_mutex_lock(&o->lock);
		memmove(o->queue, o->queue + 1, --o->queued * sizeof(*o->queue));
		o->spare[o->spares++] = b;
		pthread_cond_broadcast(&o->changed);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

int output_open(struct output **out, const struct output_options *options, struct skbox_error *err)
{
	struct output *o = calloc(1, sizeof(*o));
	struct skbx_write_options wo = {
		.level = 1}; /* half the time of 3 for some percent of size */
	struct skbx_output to = {.write = write_file, .ctx = o};
	int rc = 0;

	if (!o)
		return error_set(err, -ENOMEM, 0, "out of memory");
	*out = o;
	o->fd = -1;
	o->print = options->print;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, NULL);
	text_init(&o->text, &options->text);
	for (int i = 0; i < OUTPUT_BATCHES; i++) {
		o->all[i] = o->spare[o->spares++] = ev_batch_new();
		if (!o->all[i])
			rc = error_set(err, -ENOMEM, 0, "out of memory");
	}
	if (!rc && options->path)
		rc = open_file(o, options, err);
	if (!rc && options->path && getrandom(wo.id, sizeof(wo.id), 0) != sizeof(wo.id))
		rc = error_set(err, -EIO, 0, "no random number");
	if (!rc && options->path)
		rc = skbx_writer_open(&o->writer, &to, &wo, err);
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

uint64_t output_bytes(struct output *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->bytes;
	pthread_mutex_unlock(&o->lock);
	return n;
}

int output_finish(struct output *o, struct skbox_error *err)
{
	int rc;

	pthread_mutex_lock(&o->lock);
	while (o->queued)
		pthread_cond_wait(&o->changed, &o->lock);
	pthread_mutex_unlock(&o->lock);
	rc = output_error(o, err);
	if (rc || !o->writer)
		return rc;
	rc = skbx_writer_close(o->writer, err);
	o->bytes = skbx_written(o->writer);
	/* a pipe has nothing to sync: EINVAL */
	if (!rc && fsync(o->fd) && errno != EINVAL && errno != EROFS)
		rc = error_set(err, -errno, 0, "fsync: %s", strerror(errno));
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
	skbx_writer_free(o->writer);
	text_fini(&o->text);
	buf_free(&o->screen);
	for (int i = 0; i < OUTPUT_BATCHES; i++)
		ev_batch_free(o->all[i]);
	if (o->own_fd)
		close(o->fd);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->changed);
	free(o);
}
