/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts that grow side by side and are read one after the other: in memory while they are small, beyond that
 * in one temporary file without a name.
 */
#ifndef ANALYZE_SOCKETS_SHELF_H
#define ANALYZE_SOCKETS_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

struct shelf {
	struct buf memory; /* while fd is 0 */
	int fd;            /* of the file; 0: none yet */
	uint64_t bytes;
	int error; /* negative errno, the first one: texts are not complete */
};

/* One text; zeroed at first. */
struct shelf_text {
	uint64_t first, last; /* its pieces: offset + 1 */
	struct buf piece;     /* the newest, not on the shelf yet */
};

void shelf_add(struct shelf *s, struct shelf_text *t, const void *p, size_t len);
/* Gives all of the text to put(), which returns false to stop; false then, and after an error. */
bool shelf_read(struct shelf *s, struct shelf_text *t,
		bool (*put)(void *ctx, const void *p, size_t len), void *ctx);
void shelf_text_free(struct shelf_text *t);
void shelf_free(struct shelf *s);

#endif
