/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows for the file, from the process that found them to the one that writes: blocks, as in files. */
#ifndef CAPTURE_ROWS_H
#define CAPTURE_ROWS_H

#include "capture/process/channel.h"
#include "formats/error.h"
#include "formats/event.h"

/* Of a message: few enough for the writer to take them in a millisecond or so. */
enum { ROWS_MESSAGE_MAX = 512 };

struct rows; /* working memory of one end */

struct rows *rows_new(void); /* NULL: out of memory */
void rows_free(struct rows *r);

/* Sends the rows of a batch, waiting as long as it takes. 0; -ENOMEM; -EPIPE: nobody takes them. */
int rows_send(struct rows *r, struct channel *c, const struct ev_batch *b);

/* The rows of a message, borrowed until the next call. NULL when it is not one, or out of memory. */
struct ev_batch *rows_take(struct rows *r, const struct message *m);

#endif
