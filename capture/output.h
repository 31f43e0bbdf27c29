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

#include "formats/error.h"
#include "formats/event.h"
#include "formats/text.h"

/* Batches that wait or are being written: each is at most 1 MiB or 4096 events, written in some ms. */
enum { OUTPUT_BATCHES = 8 };

struct output_options {
	const char *path; /* a file, "-" for standard output; NULL: no file */
	bool force;       /* an existing file may be overwritten */
	bool print;       /* events as text to standard output, too */
	struct text_options text;
};

struct output;

/*
 * -EEXIST: there is such a file; -EINVAL: standard output is a terminal. The file is made with mode
 * 0600 and belongs to the user behind sudo (SUDO_UID).
 */
int output_open(struct output **o, const struct output_options *options, struct skbox_error *err);

/* An empty batch to fill, to be given back by output_put(); NULL when all are on their way. */
struct ev_batch *output_get(struct output *o);
/* Like output_get(), but waits until one is free. */
struct ev_batch *output_get_wait(struct output *o);
void output_put(struct output *o, struct ev_batch *b);

/* 0, or the error that ended writing (err filled); batches are thrown away from then on. */
int output_error(struct output *o, struct skbox_error *err);

/* Bytes written; exact after output_finish(). */
uint64_t output_bytes(struct output *o);

/* Waits for what is on its way, writes the trailer, fsync. 0 or a negative errno with err filled. */
int output_finish(struct output *o, struct skbox_error *err);

/* Ends the thread and frees; what was not finished stays a file without trailer. NULL allowed. */
void output_close(struct output *o);

#endif
