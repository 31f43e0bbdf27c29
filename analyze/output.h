/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that commands write: made beside their place and renamed when they are whole, with mode 0600,
 * never through a symbolic link; behind sudo they belong to the user. "-" is standard output.
 */
#ifndef ANALYZE_OUTPUT_H
#define ANALYZE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"
#include "formats/error.h"
#include "formats/event.h"
#include "formats/skbx/skbx.h"

struct output {
	int fd;
	char *path, *temporary; /* owned; NULL for standard output and devices */
	uint64_t bytes;
};

/*
 * 0, or a negative errno with the message already on standard error. binary: not onto a terminal.
 * What was opened ends with output_commit() or output_discard().
 */
int output_open(struct output *o, const char *path, int binary);

/*
 * Makes the file for the next output_open() of that path now, while files can still be made. 0, or a
 * negative errno with the message already on standard error. Standard output needs no preparing.
 */
int output_prepare(const char *path);
bool output_is_prepared(void); /* a file was, that needs a name in the end */
void output_unprepare(void);   /* removes it when nobody opened it */

/* Writes all of it: 0 or a negative errno. ctx is a struct output; fits skbx_output.write. */
int output_write(void *ctx, const void *data, size_t len);

/*
 * Puts the file in its place. rc is how the writing went: a negative errno is told (EPIPE on standard
 * output is no error: its reader has enough) and discards. 0, or a negative errno.
 */
int output_commit(struct output *o, int rc);
void output_discard(struct output *o); /* a closed or zeroed one is fine */

/* ---- an event file as output ---- */

struct output_skbx {
	struct output file;
	struct skbx_writer *writer;
	struct ev_batch *batch; /* events that were added one by one and not written yet */
	uint32_t block_events;  /* of a whole block: more at once is no smaller */
	struct skbox_error err;
};

int output_skbx_open(struct output_skbx *o, const char *path);
/* level: of compression, 1 to 19; 0: the default. */
int output_skbx_open_level(struct output_skbx *o, const char *path, int level);

/* Writes a whole batch, behind what was added before. 0 or a negative errno, told by the close. */
int output_skbx_batch(struct output_skbx *o, const struct ev_batch *batch);
/* Copies one event. */
int output_skbx_add(struct output_skbx *o, const struct ev *ev);
/* Writes what was added. */
int output_skbx_flush(struct output_skbx *o);
/* rc: how the writing went so far. 0, or a negative errno with the message already on standard error. */
int output_skbx_close(struct output_skbx *o, int rc);
void output_skbx_abandon(struct output_skbx *o); /* no file at all, for the input failed */

#endif
