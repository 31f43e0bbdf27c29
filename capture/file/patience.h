/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing to somebody who may have stopped reading: the thread that writes waits as long as it takes,
 * until another one, which sees that nothing was taken for long, tells it to give up.
 */
#ifndef CAPTURE_PATIENCE_H
#define CAPTURE_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patience {
	uint64_t taken; /* bytes so far; atomic */
	bool over;      /* atomic */
};

/* So that patience_end() can wake a write; to be called once, in the beginning. */
void patience_init(struct patience *p);

/* Writes all of it. 0, or a negative errno: -ETIMEDOUT, it was told to give up. */
int patience_write(struct patience *p, int fd, const void *data, size_t len);

uint64_t patience_taken(const struct patience *p);

/*
 * Tells the thread, which is in patience_write() maybe, to give up. To be called again and again until
 * it has: it may have looked just before. A file on a disk is not given up: its writes end by themselves.
 */
void patience_end(struct patience *p, pthread_t thread);

#endif
