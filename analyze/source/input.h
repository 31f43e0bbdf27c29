/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of one input, from a path or from standard input, decompressed (.gz, .zst) as they are
 * read. Memory is bounded by the piece that the caller asks for.
 */
#ifndef ANALYZE_INPUT_H
#define ANALYZE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/error.h"

struct input;

/* path NULL or "-": standard input. 0, or a negative errno with err filled. */
int input_open(struct input **in, const char *path, struct skbox_error *err);
void input_close(struct input *in); /* NULL is fine */

/*
 * Opens the file now, so that input_open() of the same path needs no right to open any more. 0, or a negative
 * errno. Until the process ends.
 */
int input_keep(const char *path);
int input_keep_fd(const char *path, int fd); /* that of an open file, which stays the caller's */

/* A descriptor of that file, of its own or shared with the one kept; the caller's. Or a negative errno. */
int input_open_fd(const char *path);

/*
 * The file grows: at its end `wait` is asked, and true means to look again. It has no size then. Call
 * before anything is read.
 */
void input_follow(struct input *in, bool (*wait)(void *ctx), void *ctx);

/* What messages call it: the path, or "standard input". */
const char *input_name(const struct input *in);

/* The first bytes as they are stored, at most 64; for telling formats apart. Call before anything else. */
const uint8_t *input_head(struct input *in, size_t *len);

/*
 * After input_head(): decompresses from here on when the bytes are gzip or zstd. 0, or -ENOTSUP when
 * this program was built without that library.
 */
int input_decompress(struct input *in, struct skbox_error *err);

/*
 * The unread bytes, borrowed until the next input_more(). *len may be 0. Nothing is read.
 */
const uint8_t *input_bytes(struct input *in, size_t *len);
void input_skip(struct input *in, size_t n); /* n bytes of them are done with */

/*
 * Reads on, so that there are more unread bytes than before (they move): 1; 0 at the end; a negative
 * errno with err filled (its offset counts decompressed bytes). -EPROTO: the compressed data is
 * damaged; what came before stays readable.
 */
int input_more(struct input *in, struct skbox_error *err);

uint64_t input_offset(const struct input *in);    /* of the first unread byte, decompressed */
uint64_t input_raw_bytes(const struct input *in); /* read from the file so far */
int64_t input_size(const struct input *in);       /* of the file; -1 for a pipe */

/*
 * Stored bytes at an offset, for formats that find their own way (not together with input_more()).
 * A pipe is read forward only. Bytes read, 0 at the end, or a negative errno.
 */
ssize_t input_read_at(void *in, void *p, size_t len, uint64_t offset);

#endif
