/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of a recording. Without rotation there is one, FILE; with it FILE.0, FILE.1, ..., each
 * made when the one before is finished, the oldest removed first where only some are kept. All is
 * done below a handle of the directory, so that a process without rights can go on with it.
 */
#ifndef CAPTURE_ROTATE_H
#define CAPTURE_ROTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/error.h"

enum {
	/* a file has its own inventory and trailer: below that hardly anything else would fit */
	ROTATE_MIN_BYTES = 1 << 20,
};

/* What --rotate asks for; all zero: one file. */
struct rotate_limits {
	bool on;
	uint64_t bytes;   /* a file is never larger; 0: no bound */
	uint64_t time_ns; /* a new file each time; 0: never */
};

/* Reads SIZE, TIME or "signal" into a struct rotate_limits; an option's parse function. */
bool rotate_parse(const char *text, void *limits, char *why, size_t why_size);

struct rotate_options {
	const char *path;
	struct rotate_limits limits;
	uint64_t keep; /* files at most, the current one included; 0: all */
	bool force;    /* an existing file may be overwritten, older ones of the set be removed */
};

struct rotate {
	struct rotate_options options; /* path is borrowed */
	int dir_fd;                    /* -1: not open */
	const char *name;              /* of the file in its directory, without a number */
	uint64_t next;                 /* number of the next file */
};

/*
 * Opens the directory and looks at what is there of earlier recordings: -EEXIST when there is
 * something and it may not be removed. Ended by rotate_close().
 */
int rotate_open(struct rotate *r, const struct rotate_options *options, struct skbox_error *err);
void rotate_close(struct rotate *r);

/*
 * Makes the next file, mode 0600, owned by the user behind sudo; removes the oldest before, so that
 * there are never more than `keep`. Its descriptor, or a negative errno.
 */
int rotate_next(struct rotate *r, struct skbox_error *err);

/* The name of the file made last, for messages: path, or path.N. */
void rotate_name(const struct rotate *r, char *text, size_t size);

/* Bytes that are free for us on the disk of an open file; UINT64_MAX where nobody can say. */
uint64_t rotate_disk_free(int fd);

#endif
