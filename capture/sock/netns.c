// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/sock/netlink.h"

/* Where names are kept: by `ip netns` (NETNS_RUN_DIR of iproute2), and by Docker. */
#define NETNS_DIR  "/run/netns"
#define DOCKER_DIR "/run/docker/netns"
#define NETNS_SELF "/proc/thread-self/ns/net"

/* Linux 5.14, asm-generic/socket.h; Debian 12's headers have it, older ones do not. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* A file system object: how namespaces are told apart. */
struct identity {
	dev_t dev;
	ino_t ino;
};

static int identity_of(const char *path, struct identity *id)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*id = (struct identity){st.st_dev, st.st_ino};
	return 0;
}

static const char *path_of(const struct netns *ns)
{
	return ns->path[0] ? ns->path : NETNS_SELF;
}

int netns_call(const struct netns *ns, int (*fn)(void *ctx), void *ctx, struct skbox_error *err)
{
	int self = -1, fd = -1, ret;
	struct stat st;

	if (!ns->path[0])
		return fn(ctx);
	self = open(NETNS_SELF, O_RDONLY | O_CLOEXEC);
	if (self < 0)
		return error_set(err, -errno, 0, "cannot open " NETNS_SELF ": %s", strerror(errno));
	/* O_NONBLOCK: the path may be anything, also a pipe without a writer */
	fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = error_set(err, -errno, 0, "cannot open a network namespace: %s",
				strerror(errno));
		goto out;
	}
	/* the name may be another namespace's by now, the process id another process's */
	if (ns->inum && (uint32_t)st.st_ino != ns->inum) {
		ret = error_set(err, -ESTALE, 0,
				"network namespace %u is gone: its path now leads to %lu", ns->inum,
				(unsigned long)st.st_ino);
		goto out;
	}
	if (setns(fd, CLONE_NEWNET) < 0) {
		ret = error_set(err, -errno, 0, "cannot enter network namespace %lu: %s%s",
				(unsigned long)st.st_ino, strerror(errno),
				errno == EPERM ? " (CAP_SYS_ADMIN is needed)" : "");
		goto out;
	}
	ret = fn(ctx);
	if (setns(self, CLONE_NEWNET) < 0)
		ret = error_set(err, -ENOTRECOVERABLE, 0,
				"cannot return from network namespace %lu: %s",
				(unsigned long)st.st_ino, strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	close(self);
	return ret;
}

struct socket_request {
	int domain, type, protocol;
};

static int socket_in(void *ctx)
{
	const struct socket_request *r = ctx;
	int fd = socket(r->domain, r->type | SOCK_CLOEXEC, r->protocol);

	return fd >= 0 ? fd : -errno;
}

int netns_socket(const struct netns *ns, int domain, int type, int protocol,
		 struct skbox_error *err)
{
	struct socket_request r = {domain, type, protocol};
	struct skbox_error why = {0};
	int fd = netns_call(ns, socket_in, &r, &why);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	/* inode numbers are used again: a namespace that was made anew may have the same */
	if (fd >= 0 && ns->cookie &&
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 &&
	    cookie != ns->cookie) {
		close(fd);
		return error_set(err, -ESTALE, 0,
				 "network namespace %u is gone: another one has its number",
				 ns->inum);
	}
	if (fd >= 0)
		return fd;
	if (why.code)
		return error_set(err, fd, 0, "%s", why.text);
	return error_set(err, fd, 0,
			 "cannot open a socket of address family %d in network namespace %u: %s",
			 domain, ns->inum, strerror(-fd));
}

/* Inode and cookie of what ns->path leads to. */
static int fill_identity(struct netns *ns, struct skbox_error *err)
{
	socklen_t len = sizeof(ns->cookie);
	struct identity id;
	int ret = identity_of(path_of(ns), &id), fd;

	if (ret < 0)
		return error_set(err, ret, 0, "no network namespace there: %s", strerror(-ret));
	ns->inum = (uint32_t)id.ino;
	fd = netns_socket(ns, AF_UNIX, SOCK_DGRAM, 0, err);
	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &ns->cookie, &len) < 0)
		ns->cookie = 0; /* Linux before 5.14 */
	close(fd);
	return 0;
}

int netns_current(struct netns *ns, struct skbox_error *err)
{
	*ns = (struct netns){0};
	return fill_identity(ns, err);
}

/* Name and path of a name in a folder; false when it is no name. */
static bool set_named(struct netns *ns, const char *dir, const char *name)
{
	*ns = (struct netns){0};
	if (!name[0] || strchr(name, '/') || name[0] == '.' || strlen(name) >= NETNS_NAME_MAX)
		return false;
	snprintf(ns->name, sizeof(ns->name), "%s", name);
	snprintf(ns->path, sizeof(ns->path), "%s/%s", dir, name);
	return true;
}

static void set_process(struct netns *ns, unsigned long pid)
{
	*ns = (struct netns){0};
	snprintf(ns->path, sizeof(ns->path), "/proc/%lu/ns/net", pid);
}

/* For people only. */
static void name_process(struct netns *ns)
{
	unsigned long pid = strtoul(ns->path + strlen("/proc/"), NULL, 10);
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lu/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(f);
	}
	snprintf(ns->name, sizeof(ns->name), "pid %lu (%s)", pid, comm);
}

static bool is_number(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isdigit((unsigned char)*s))
			return false;
	return true;
}

int netns_find(const char *name, struct netns *ns, struct skbox_error *err)
{
	struct identity id;

	if (strchr(name, '/')) {
		*ns = (struct netns){0};
		if (strlen(name) >= NETNS_NAME_MAX)
			return error_set(err, -ENAMETOOLONG, 0,
					 "path of a namespace longer than %d bytes",
					 NETNS_NAME_MAX - 1);
		snprintf(ns->name, sizeof(ns->name), "%s", name);
		snprintf(ns->path, sizeof(ns->path), "%s", name);
		return fill_identity(ns, err);
	}
	if (set_named(ns, NETNS_DIR, name) && identity_of(ns->path, &id) == 0)
		return fill_identity(ns, err);
	if (!is_number(name))
		return error_set(err, -ENOENT, 0,
				 "%.60s: no network namespace of that name below " NETNS_DIR
				 " (ip netns lists them)",
				 name);
	set_process(ns, strtoul(name, NULL, 10));
	name_process(ns);
	return fill_identity(ns, err);
}

bool netns_is_same(const struct netns *a, const struct netns *b)
{
	return a->cookie && b->cookie ? a->cookie == b->cookie : a->inum == b->inum;
}

/* ---- all of them ---- */

struct scan {
	struct netns_list *list;
	struct identity *seen; /* as many as list->n */
	size_t cap;
	int ret; /* -ENOMEM, -E2BIG */
};

/* Index of the namespace in the list; list->n when it is not there. */
static size_t scan_find(const struct scan *s, struct identity id)
{
	size_t i = 0;

	while (i < s->list->n && (s->seen[i].ino != id.ino || s->seen[i].dev != id.dev))
		i++;
	return i;
}

static void scan_add(struct scan *s, const struct netns *ns, struct identity id)
{
	struct netns_list *l = s->list;

	if (l->n == NETNS_LIST_MAX) {
		s->ret = -E2BIG;
		return;
	}
	if (l->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		void *v = realloc(l->v, cap * sizeof(*l->v));
		void *seen;

		if (v)
			l->v = v;
		seen = v ? realloc(s->seen, cap * sizeof(*s->seen)) : NULL;
		if (!seen) {
			s->ret = -ENOMEM;
			return;
		}
		s->seen = seen;
		s->cap = cap;
	}
	s->seen[l->n] = id;
	l->v[l->n++] = *ns;
}

/* A namespace that was come across: added unless it is known or cannot be entered. */
static void scan_visit(struct scan *s, struct netns *ns)
{
	struct identity id;
	size_t at;
	int ret = identity_of(ns->path, &id);

	if (ret < 0) {
		s->list->hidden += ret == -EACCES || ret == -EPERM;
		return;
	}
	at = scan_find(s, id);
	if (at < s->list->n) {
		struct netns *known = &s->list->v[at];

		/* the current one may have a name too */
		if (!known->name[0] && !known->path[0] &&
		    !strncmp(ns->path, NETNS_DIR, strlen(NETNS_DIR)))
			memcpy(known->name, ns->name, sizeof(known->name));
		return;
	}
	/* processes are many, and most are in a namespace that is known: only now */
	if (!ns->name[0])
		name_process(ns);
	if (fill_identity(ns, NULL) == 0)
		scan_add(s, ns, id);
	else
		s->list->hidden++;
}

static void scan_dir(struct scan *s, const char *path, bool processes)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	struct netns ns;

	if (!dir)
		return;
	while (!s->ret && (e = readdir(dir))) {
		if (processes) {
			if (!is_number(e->d_name))
				continue;
			set_process(&ns, strtoul(e->d_name, NULL, 10));
		} else if (!set_named(&ns, path, e->d_name)) {
			continue;
		}
		scan_visit(s, &ns);
	}
	closedir(dir);
}

int netns_list_scan(struct netns_list *list, struct skbox_error *err)
{
	struct scan s = {.list = list};
	struct identity id;
	struct netns ns;
	int ret;

	*list = (struct netns_list){0};
	ret = netns_current(&ns, err);
	if (ret < 0)
		return ret;
	ret = identity_of(NETNS_SELF, &id);
	if (ret < 0)
		return error_set(err, ret, 0, "cannot read " NETNS_SELF);
	scan_add(&s, &ns, id);
	scan_dir(&s, NETNS_DIR, false);
	scan_dir(&s, DOCKER_DIR, false);
	scan_dir(&s, "/proc", true);
	free(s.seen);
	if (s.ret == -E2BIG)
		return error_set(err, -E2BIG, 0, "more than %d network namespaces", NETNS_LIST_MAX);
	if (s.ret) {
		netns_list_free(list);
		return error_set(err, s.ret, 0, "out of memory");
	}
	return 0;
}

void netns_list_free(struct netns_list *list)
{
	free(list->v);
	*list = (struct netns_list){0};
}

/* ---- inventory ---- */

void netns_add_section(const struct netns *ns, struct ev_batch *b)
{
	struct ev_netns *row = EV_ADD(b, netns);

	if (ns->cookie)
		EV_SET(row, netns, cookie, ns->cookie);
	EV_SET(row, netns, inum, ns->inum);
}

static void begin_row(const struct netns *ns, uint64_t now_ns, struct ev_batch *b)
{
	struct ev_common *common;

	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, now_ns);
	netns_add_section(ns, b);
}

/* One RTM_NEWLINK message: struct ifinfomsg and attributes. */
static void add_link(const struct netns *ns, uint64_t now_ns, const struct netlink_msg *m,
		     struct ev_batch *b)
{
	struct cursor c = cursor_init(m->p, m->len);
	struct ifinfomsg info;
	const uint8_t *p = cursor_take(&c, sizeof(info));
	struct ev_iface *row;

	if (!p)
		return;
	memcpy(&info, p, sizeof(info));
	begin_row(ns, now_ns, b);
	row = EV_ADD(b, iface);
	EV_SET(row, iface, ifindex, (uint32_t)info.ifi_index);
	EV_SET(row, iface, type, info.ifi_type);
	while (cursor_left(&c) >= sizeof(struct rtattr)) {
		struct rtattr a;
		size_t n, pad;

		memcpy(&a, cursor_take(&c, sizeof(a)), sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len - sizeof(a) > cursor_left(&c))
			return;
		n = a.rta_len - sizeof(a);
		p = cursor_take(&c, n);
		switch (a.rta_type) {
		case IFLA_IFNAME:
			EV_SET(row, iface, name, ev_string(b, p, strnlen((const char *)p, n)));
			break;
		case IFLA_ADDRESS: EV_SET(row, iface, mac, ev_string(b, p, n)); break;
		case IFLA_MTU:
			if (n == sizeof(row->mtu)) {
				memcpy(&row->mtu, p, n);
				row->has |= EV_BIT(iface, mtu);
			}
			break;
		default: break;
		}
		pad = (4 - n % 4) % 4;
		cursor_take(&c, pad < cursor_left(&c) ? pad : cursor_left(&c));
	}
}

static int dump_links(int fd, const struct netns *ns, uint64_t now_ns, uint8_t *buf,
		      struct ev_batch *b)
{
	struct ifinfomsg request = {.ifi_family = AF_UNSPEC};
	int ret = netlink_request(fd, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, &request,
				  sizeof(request));

	while (ret == 0) {
		ssize_t n = netlink_recv(fd, buf, NETLINK_BUFFER_BYTES, 0);
		struct netlink_msg m;
		struct cursor c;

		if (n < 0)
			return (int)n;
		c = cursor_init(buf, (size_t)n);
		while ((ret = netlink_next(&c, &m)) == 1) {
			if (m.seq != 1)
				continue;
			if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR)
				return netlink_status(&m);
			if (m.type == RTM_NEWLINK)
				add_link(ns, now_ns, &m, b);
		}
	}
	return ret;
}

int netns_inventory(const struct netns *ns, uint64_t now_ns, struct ev_batch *b,
		    struct skbox_error *err)
{
	uint8_t *buf;
	int fd, ret;

	if (ns->name[0]) {
		struct ev_nsinfo *row;

		begin_row(ns, now_ns, b);
		row = EV_ADD(b, nsinfo);
		EV_SET(row, nsinfo, name, ev_text(b, ns->name));
	}
	fd = netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err);
	if (fd < 0)
		return fd;
	buf = malloc(NETLINK_BUFFER_BYTES);
	ret = buf ? dump_links(fd, ns, now_ns, buf, b) : -ENOMEM;
	free(buf);
	close(fd);
	if (ret < 0)
		return error_set(err, ret, 0,
				 "cannot list the devices of network namespace %u (%s)", ns->inum,
				 strerror(-ret));
	return 0;
}
