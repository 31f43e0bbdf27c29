// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/sock/netlink.h"

/* Linux 4.12, asm-generic/socket.h: the numbers that /proc/net/netlink shows. */
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

static int join(int fd)
{
	static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	int bytes = SOCK_WATCH_BUFFER_BYTES;

	/* needs CAP_NET_ADMIN; without it as much as the system allows */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

int sock_watch_open(struct sock_watch *w, const struct netns *ns, struct skbox_error *err)
{
	int ret;

	*w = (struct sock_watch){.fd = -1, .ns = *ns};
	w->buf = malloc(NETLINK_BUFFER_BYTES);
	if (!w->buf)
		return error_set(err, -ENOMEM, 0, "out of memory");
	w->fd = netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, err);
	ret = w->fd < 0 ? w->fd : join(w->fd);
	if (ret == 0)
		return 0;
	if (w->fd >= 0)
		error_set(err, ret, 0, "cannot be told of sockets that end: %s", strerror(-ret));
	sock_watch_close(w);
	return ret;
}

void sock_watch_close(struct sock_watch *w)
{
	/* without a buffer it was never opened, and fd is no descriptor of ours */
	if (w->buf && w->fd >= 0)
		close(w->fd);
	free(w->buf);
	w->buf = NULL;
	w->fd = -1;
}

/*
 * The kernel says ENOBUFS once, and counts each message for which there was no room
 * (netlink_overrun() in net/netlink/af_netlink.c).
 */
static void count_lost(struct sock_watch *w)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(w->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return;
	w->lost += info[SK_MEMINFO_DROPS] - w->drops;
	w->drops = info[SK_MEMINFO_DROPS];
}

int sock_watch_take(struct sock_watch *w, struct sock_rows *rows, size_t max, struct ev_batch *b)
{
	struct sock_row row = {.ns = &w->ns, .cause = SOCK_WATCH_CAUSE, .fd = w->fd};
	size_t taken = 0;

	while (taken < max) {
		ssize_t n = netlink_recv(w->fd, w->buf, NETLINK_BUFFER_BYTES, MSG_DONTWAIT);
		struct netlink_msg m;
		struct cursor c;

		if (n == -EAGAIN)
			break;
		if (n == -ENOBUFS) {
			count_lost(w);
			continue;
		}
		if (n == -EMSGSIZE || n == -EPROTO) {
			rows->undecoded++;
			taken++;
			continue;
		}
		if (n < 0)
			return (int)n;
		taken++;
		row.time_ns = sock_now_ns();
		c = cursor_init(w->buf, (size_t)n);
		while (netlink_next(&c, &m) == 1)
			if (m.type == SOCK_DIAG_BY_FAMILY)
				sock_rows_add(rows, &row, m.p, m.len, b);
	}
	/* also what was dropped since the last ENOBUFS was told, while we emptied the queue */
	if (w->drops)
		count_lost(w);
	return (int)taken;
}
