/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

struct head {
	uint32_t kind, len;
};

int channel_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

void channel_open(struct channel *c, int fd)
{
	*c = (struct channel){.fd = fd};
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	buf_free(&c->in);
	*c = (struct channel){.fd = -1, .ended = true};
}

static int send_all(struct channel *c, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->ended = true;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int channel_send(struct channel *c, uint32_t kind, const void *p, size_t len)
{
	const struct head head = {kind, (uint32_t)len};
	int rc;

	if (c->ended)
		return -EPIPE;
	if (len > CHANNEL_MESSAGE_MAX)
		return -EMSGSIZE;
	rc = send_all(c, &head, sizeof(head));
	return rc ? rc : send_all(c, p, len);
}

int channel_try(struct channel *c, uint32_t kind, const void *p, size_t len)
{
	const struct head head = {kind, (uint32_t)len};
	uint8_t bytes[sizeof(head) + CHANNEL_SHORT_MAX];
	ssize_t n;

	if (c->ended)
		return -EPIPE;
	if (len > CHANNEL_SHORT_MAX)
		return -EMSGSIZE;
	memcpy(bytes, &head, sizeof(head));
	if (len)
		memcpy(bytes + sizeof(head), p, len);
	/* so short a message goes as a whole or not at all: it is one buffer of the socket */
	do
		n = send(c->fd, bytes, sizeof(head) + len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)(sizeof(head) + len))
		return 0;
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	c->ended = true;
	return -EPIPE;
}

bool channel_read(struct channel *c)
{
	uint8_t *room;
	ssize_t n;

	if (c->fd < 0 || c->ended)
		return false;
	if (c->at) {
		memmove(c->in.p, c->in.p + c->at, c->in.len - c->at);
		c->in.len -= c->at;
		c->at = 0;
	}
	room = buf_room(&c->in, READ_BYTES);
	if (!room) {
		c->ended = true;
		return false;
	}
	do
		n = recv(c->fd, room, READ_BYTES, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		c->in.len += (size_t)n;
	else if (!n || errno != EAGAIN)
		c->ended = true;
	return n > 0;
}

bool channel_next(struct channel *c, struct message *m)
{
	struct head head;
	size_t left = c->in.len - c->at;

	if (left < sizeof(head))
		return false;
	memcpy(&head, c->in.p + c->at, sizeof(head));
	if (head.len > CHANNEL_MESSAGE_MAX) {
		c->ended = true;
		return false;
	}
	if (left < sizeof(head) + head.len)
		return false;
	*m = (struct message){head.kind, head.len, c->in.p + c->at + sizeof(head)};
	c->at += sizeof(head) + head.len;
	return true;
}
