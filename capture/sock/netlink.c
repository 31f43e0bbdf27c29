// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

int netlink_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *p, size_t len)
{
	struct {
		struct nlmsghdr h;
		uint8_t p[1024];
	} request = {.h = {.nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = seq}};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	if (len > sizeof(request.p))
		return -EMSGSIZE;
	memcpy(request.p, p, len);
	request.h.nlmsg_len = (uint32_t)(sizeof(request.h) + len);
	do
		n = sendto(fd, &request, request.h.nlmsg_len, 0, (struct sockaddr *)&kernel,
			   sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == request.h.nlmsg_len ? 0 : -EMSGSIZE;
}

ssize_t netlink_recv(int fd, void *buf, size_t size, int flags)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(fd, &m, flags | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n > size || (m.msg_flags & MSG_TRUNC))
		return -EMSGSIZE;
	if (n == 0 || m.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return -EPROTO;
	return n;
}

int netlink_next(struct cursor *c, struct netlink_msg *m)
{
	struct nlmsghdr h;
	const uint8_t *p;
	size_t pad;

	if (!cursor_left(c))
		return 0;
	p = cursor_take(c, sizeof(h));
	if (!p)
		return -EPROTO;
	memcpy(&h, p, sizeof(h));
	if (h.nlmsg_len < sizeof(h) || h.nlmsg_len - sizeof(h) > cursor_left(c))
		return -EPROTO;
	*m = (struct netlink_msg){.type = h.nlmsg_type,
				  .flags = h.nlmsg_flags,
				  .seq = h.nlmsg_seq,
				  .port = h.nlmsg_pid,
				  .len = h.nlmsg_len - sizeof(h)};
	m->p = cursor_take(c, m->len);
	/* the last message may lack its padding */
	pad = (4 - m->len % 4) % 4;
	cursor_take(c, pad < cursor_left(c) ? pad : cursor_left(c));
	return 1;
}

int netlink_status(const struct netlink_msg *m)
{
	int32_t code;

	if (m->len < sizeof(code))
		return m->type == NLMSG_DONE ? 0 : -EPROTO;
	memcpy(&code, m->p, sizeof(code));
	return code <= 0 ? code : -EPROTO;
}
