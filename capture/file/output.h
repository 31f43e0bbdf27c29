/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where batches go: an event file, or standard output, or the screen. A thread of its own encodes
 * and writes, so that draining the rings never waits for either; when it falls behind, the few
 * batches that there are run out, the rings fill, and the loss is counted in the kernel.
 */
#ifndef CAPTURE_OUTPUT_H
#define CAPTURE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/file/output_file.h"
#include "formats/error.h"
#include "formats/event.h"
#include "formats/text/text.h"

/*
 * Batches that wait or are being written. Of 8 MiB or 8192 events each (recorder.c), written in some
 * 20 ms: 64 MiB at most.
 */
enum { OUTPUT_BATCHES = 8 };

/* At the end that long is waited for a reader (of -o -, say) that takes nothing. */
#define OUTPUT_PATIENCE_NS UINT64_C(5000000000)

struct output_options {
	struct output_file_options file; /* path NULL: no file; "-" standard output */
	bool print;                      /* events as text to standard output, too */
	struct text_options text;
	/* Whether the user is tired of waiting for who reads what is written; NULL: never. */
	bool (*is_impatient)(void *ctx);
	void *ctx;
};

struct output;

/*
 * Makes the file: what needs rights. -EEXIST: there is such a file; -EINVAL: standard output is a
 * terminal; -ENOSPC: the disk is full.
 */
int output_open(struct output **o, const struct output_options *options, struct skbox_error *err);

/* The directory that more files are made in; -1: there will be none. */
int output_dir(const struct output *o);

/* Begins to write; batches may have been put before. */
int output_start(struct output *o, struct skbox_error *err);

/* An empty batch to fill, to be given back by output_put(); NULL when all are on their way. */
struct ev_batch *output_get(struct output *o);
/*
 * Like output_get(), but waits until one is free; when nobody has taken what is written for
 * OUTPUT_PATIENCE_NS writing is given up (output_error()), and so it comes back.
 */
struct ev_batch *output_get_wait(struct output *o);
/* Whether output_get() would give one. */
bool output_has_spare(struct output *o);
void output_put(struct output *o, struct ev_batch *b);

/*
 * The longest that a batch took from output_put() until it was written, of those since the last call,
 * or waits now.
 */
uint64_t output_lag_ns(struct output *o);

/* What is put from now on goes into the next file, where files rotate. */
void output_rotate(struct output *o);

/* The recorder's counts as they are now, copied. Their number never changes. */
void output_set_totals(struct output *o, const struct output_totals *totals);

/* 0, or the error that ended writing (err filled); batches are thrown away from then on. */
int output_error(struct output *o, struct skbox_error *err);

/* Whether the disk is so full that recording has to end: 0, or -ENOSPC with err filled. Writing goes on. */
int output_disk_low(struct output *o, struct skbox_error *err);

/* Events that were put and thrown away after an error. */
uint64_t output_thrown_away(struct output *o);

/* Bytes written; exact after output_finish(). */
uint64_t output_bytes(struct output *o);

/*
 * Waits for what is on its way, writes the last rows and the trailer, fsync. 0 or a negative errno
 * with err filled. Totals must have been set.
 */
int output_finish(struct output *o, const char *reason, struct skbox_error *err);

/* Ends the thread and frees; what was not finished stays a file without trailer. NULL allowed. */
void output_close(struct output *o);

#endif
