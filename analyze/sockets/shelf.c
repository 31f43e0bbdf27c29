/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sockets/shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "analyze/sort/journey_spool.h"
#include "cli/terminal.h"

enum {
	/* A text goes to the shelf in pieces of about this size: what each costs in memory. */
	PIECE_BYTES = 2048,
	MEMORY_BYTES = 16 << 20,
};

struct piece {
	uint64_t next; /* offset + 1; 0: the last one */
	uint64_t len;
};

static void fail(struct shelf *s, int code)
{
	if (!s->error)
		s->error = code;
}

static bool read_at(struct shelf *s, uint64_t at, void *p, size_t len)
{
	uint8_t *to = p;

	if (!s->fd) {
		memcpy(p, s->memory.p + at, len);
		return true;
	}
	while (len) {
		ssize_t n = pread(s->fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(s, n ? -errno : -EIO);
			return false;
		}
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static void write_at(struct shelf *s, uint64_t at, const void *p, size_t len)
{
	const uint8_t *from = p;

	if (!s->fd) {
		memcpy(s->memory.p + at, p, len);
		return;
	}
	while (len) {
		ssize_t n = pwrite(s->fd, from, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(s, n ? -errno : -EIO);
			return;
		}
		from += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
}

static void move_to_file(struct shelf *s)
{
	int fd = journey_spool_file(), rc;

	if (fd < 0) {
		fail(s, fd);
		return;
	}
	rc = terminal_write_all(fd, s->memory.p, s->memory.len);
	if (rc < 0) {
		fail(s, rc);
		close(fd);
		return;
	}
	s->fd = fd;
	buf_free(&s->memory);
}

static void append(struct shelf *s, const void *p, size_t len)
{
	if (!s->fd)
		buf_put(&s->memory, p, len);
	else
		write_at(s, s->bytes, p, len);
	s->bytes += len;
}

static void put_piece(struct shelf *s, struct shelf_text *t)
{
	struct piece piece = {.len = t->piece.len};
	uint64_t at = s->bytes, link = at + 1;

	if (s->error || !piece.len)
		return;
	if (!s->fd && s->bytes + piece.len > MEMORY_BYTES)
		move_to_file(s);
	if (s->error)
		return;
	append(s, &piece, sizeof(piece));
	append(s, t->piece.p, t->piece.len);
	if (t->piece.failed || s->memory.failed)
		fail(s, -ENOMEM);
	else if (t->last)
		write_at(s, t->last - 1, &link, sizeof(link));
	if (!t->first)
		t->first = link;
	t->last = link;
	buf_clear(&t->piece);
}

void shelf_add(struct shelf *s, struct shelf_text *t, const void *p, size_t len)
{
	buf_put(&t->piece, p, len);
	if (t->piece.len >= PIECE_BYTES)
		put_piece(s, t);
}

bool shelf_read(struct shelf *s, struct shelf_text *t,
		bool (*put)(void *ctx, const void *p, size_t len), void *ctx)
{
	struct piece piece;
	struct buf text = {0};
	bool more = true;

	for (uint64_t at = t->first; at && more && !s->error; at = piece.next) {
		if (!read_at(s, at - 1, &piece, sizeof(piece)))
			break;
		buf_clear(&text);
		if (!buf_room(&text, piece.len)) {
			fail(s, -ENOMEM);
			break;
		}
		if (read_at(s, at - 1 + sizeof(piece), text.p, piece.len))
			more = put(ctx, text.p, piece.len);
	}
	buf_free(&text);
	if (more && !s->error && t->piece.len)
		more = put(ctx, t->piece.p, t->piece.len);
	return more && !s->error;
}

void shelf_text_free(struct shelf_text *t)
{
	buf_free(&t->piece);
}

void shelf_free(struct shelf *s)
{
	if (s->fd)
		close(s->fd);
	buf_free(&s->memory);
}
