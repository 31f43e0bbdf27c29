/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between the recorder's processes: a kind (message.h), a length and bytes over a pair of
 * stream sockets. Both ends are the same program on the same machine: numbers are in host order.
 */
#ifndef CAPTURE_CHANNEL_H
#define CAPTURE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

/* A block of rows (BLOCK_RAW_MAX) and its head; what claims to be longer is no message of ours. */
enum { CHANNEL_MESSAGE_MAX = (16 << 20) + 64 };

struct channel {
	int fd; /* owned; -1: none */
	struct buf in;
	size_t at;  /* where the next message begins in it */
	bool ended; /* the other process has gone, or does not keep to the form */
};

struct message {
	uint32_t kind, len;
	const uint8_t *p; /* borrowed from the channel until the next channel_read() */
};

/* Two descriptors that are each other's ends, closed at exec. 0 or a negative errno. */
int channel_pair(int fds[2]);

/* Takes the descriptor over. Ended by channel_close(), which takes a closed one, too. */
void channel_open(struct channel *c, int fd);
void channel_close(struct channel *c);

/* Sends, waiting as long as it takes. 0, or a negative errno: nobody is there any more. */
int channel_send(struct channel *c, uint32_t kind, const void *p, size_t len);

/*
 * Sends a short message (up to CHANNEL_SHORT_MAX bytes), or does not wait: -EAGAIN when the other
 * process has not taken what it was sent before.
 */
enum { CHANNEL_SHORT_MAX = 256 };
int channel_try(struct channel *c, uint32_t kind, const void *p, size_t len);

/* Takes what is there, some 256 KiB at most, without waiting. False: nothing new. */
bool channel_read(struct channel *c);

/* The next whole message of what was read. False: there is none (yet). */
bool channel_next(struct channel *c, struct message *m);

/* Copies a struct that a message consists of; false when the message has another size. */
static inline bool message_get(const struct message *m, void *to, size_t size)
{
	if (m->len != size)
		return false;
	memcpy(to, m->p, size);
	return true;
}

#endif
