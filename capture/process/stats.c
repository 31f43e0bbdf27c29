/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/cost.h"

int stats_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

int stats_ask(int fd)
{
	return send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -errno;
}

/* A message of a byte with room for one descriptor. */
struct packet {
	char byte;
	struct iovec iov;
	struct msghdr msg;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static void prepare(struct packet *p)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){&p->byte, 1};
	p->msg = (struct msghdr){.msg_iov = &p->iov,
				 .msg_iovlen = 1,
				 .msg_control = p->control.bytes,
				 .msg_controllen = sizeof(p->control.bytes)};
}

int stats_answer(int fd)
{
	struct packet p;
	struct cmsghdr *c;
	ssize_t n = recv(fd, &p.byte, 1, MSG_DONTWAIT);
	int stats, rc;

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -EPIPE;
	stats = cost_enable();
	if (stats < 0)
		return stats;
	prepare(&p);
	c = CMSG_FIRSTHDR(&p.msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(stats));
	memcpy(CMSG_DATA(c), &stats, sizeof(stats));
	rc = sendmsg(fd, &p.msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -EPIPE;
	close(stats);
	return rc;
}

int stats_take(int fd)
{
	struct packet p;
	struct cmsghdr *c;
	int stats;
	ssize_t n;

	prepare(&p);
	n = recvmsg(fd, &p.msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -EAGAIN : -EPIPE;
	c = CMSG_FIRSTHDR(&p.msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(stats)))
		return -EPROTO;
	memcpy(&stats, CMSG_DATA(c), sizeof(stats));
	return stats;
}
