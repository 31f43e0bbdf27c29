// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_dump.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/sock/netlink.h"
#include "capture/sock/sock_request.h"
#include "formats/sock/sockdiag.h"

enum { CAUSE_MAX = 64 };

static const uint8_t families[] = {AF_INET, AF_INET6};

/* One dump: one family of one namespace. */
struct dump {
	uint32_t set;
	uint32_t rows, dups;
	uint64_t bytes;
	int status;
};

struct sock_dumper {
	struct sock_dump_options o;
	struct ev_batch *batch;
	uint8_t *buf; /* NETLINK_BUFFER_BYTES */
	struct netns ns;
	char cause[CAUSE_MAX];
	int fd; /* -1: no dump is going on */
	uint32_t seq, port;
	size_t family;     /* index in families */
	uint64_t start_ns; /* of the round */
	/*
	 * When the kernel collected the rows that the next recv brings: at the call before, for each
	 * recv fills the message for the one after it (netlink_recvmsg() in net/netlink/af_netlink.c).
	 */
	uint64_t filled_ns;
	uint32_t next_set;
	struct dump dump;
	struct sock_cookies cookies; /* seen in this dump */
	struct sock_rows *rows;
	bool own_rows;
	struct sock_dump_totals totals;
};

/* ---- rows ---- */

static int flush(struct sock_dumper *d)
{
	int ret = 0;

	if (d->batch->failed)
		ret = -ENOMEM;
	else if (d->batch->n)
		ret = d->o.emit(d->o.ctx, d->batch);
	ev_batch_clear(d->batch);
	return ret;
}

static void add_common(struct sock_dumper *d, uint64_t time_ns)
{
	struct ev_common *row;

	ev_batch_begin(d->batch);
	row = EV_ADD(d->batch, common);
	EV_SET(row, common, timestamp, time_ns);
	netns_add_section(&d->ns, d->batch);
}

static void add_frame(struct sock_dumper *d, bool end, uint64_t time_ns)
{
	struct ev_snapset *row;

	add_common(d, time_ns);
	row = EV_ADD(d->batch, snapset);
	EV_SET(row, snapset, set, d->dump.set);
	EV_SET(row, snapset, phase, end);
	EV_SET(row, snapset, cause, ev_text(d->batch, d->cause));
	EV_SET(row, snapset, family, families[d->family]);
	if (!end)
		return;
	EV_SET(row, snapset, rows, d->dump.rows);
	EV_SET(row, snapset, bytes, d->dump.bytes);
	EV_SET(row, snapset, dups, d->dump.dups);
	EV_SET(row, snapset, status, d->dump.status);
}

/* A message of the dump: 0, or a negative errno that ends the round. */
static int add_socket(struct sock_dumper *d, const struct netlink_msg *m)
{
	struct sock_row row = {.ns = &d->ns,
			       .time_ns = d->filled_ns,
			       .cause = d->cause,
			       .set = d->dump.set,
			       .has_set = true,
			       .fd = d->fd};
	int ret;

	/* rows double or vanish when hash buckets change between two recvs: see sock_dump.h */
	ret = m->len < SOCKDIAG_MSG_BYTES ? 1
					  : sock_cookies_add(&d->cookies, sock_row_cookie(m->p));
	if (ret < 0)
		return ret;
	if (ret == 0) {
		d->dump.dups++;
		return 0;
	}
	if (!sock_rows_add(d->rows, &row, m->p, m->len, d->batch))
		return 0;
	d->dump.rows++;
	return d->batch->n >= SOCK_DUMP_BATCH_ROWS ? flush(d) : 0;
}

/* ---- a round ---- */

static void round_end(struct sock_dumper *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->totals.last_ns = sock_now_ns() - d->start_ns;
	d->totals.time_ns += d->totals.last_ns;
	d->totals.rounds++;
}

/* Opens a socket for the family (index) and asks for the dump. */
static int dump_begin(struct sock_dumper *d, struct skbox_error *err)
{
	struct sock_request r = {.family = families[d->family],
				 .protocol = IPPROTO_TCP,
				 .ext = SOCK_REQUEST_EXT,
				 .states = d->o.states ? d->o.states : SOCK_DUMP_ALL_STATES};
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof(self);
	int ret;

	/* one dump a socket: what an abandoned dump left in the queue must not be taken for the next one's */
	d->fd = netns_socket(&d->ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, err);
	if (d->fd < 0) {
		ret = d->fd;
		d->fd = -1;
		return ret;
	}
	d->dump = (struct dump){.set = d->next_set++};
	sock_cookies_clear(&d->cookies);
	d->filled_ns = sock_now_ns();
	add_frame(d, false, d->filled_ns);
	if (bind(d->fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    getsockname(d->fd, (struct sockaddr *)&self, &len) < 0) {
		d->dump.status = -errno;
		return 0;
	}
	d->port = self.nl_pid;
	d->dump.status = netlink_request(d->fd, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP,
					 ++d->seq, &r, sizeof(r));
	d->filled_ns = sock_now_ns();
	return 0;
}

/* The end row; then the next family's dump, or the end of the round. As sock_dumper_step(). */
static int dump_end(struct sock_dumper *d, bool cut, struct skbox_error *err)
{
	struct skbox_error why = {0};
	int ret;

	add_frame(d, true, sock_now_ns());
	d->totals.rows += d->dump.rows;
	d->totals.bytes += d->dump.bytes;
	d->totals.dups += d->dump.dups;
	d->totals.failed += d->dump.status != 0;
	close(d->fd);
	d->fd = -1;
	if (!cut && ++d->family < sizeof(families)) {
		ret = dump_begin(d, &why);
		if (ret == 0)
			return 1;
		/* the namespace went away between the two: what was got is handed out all the same */
		if (ret == -ENOTRECOVERABLE) {
			round_end(d);
			return error_set(err, ret, 0, "%s", why.text);
		}
		d->totals.failed++;
	}
	ret = flush(d);
	round_end(d);
	return ret < 0 ? error_set(err, ret, 0, "cannot hand out socket rows: %s", strerror(-ret))
		       : 0;
}

/* The messages of one recv: 1 to go on, 0 when the dump is over (see status), a negative errno to end the round. */
static int take_messages(struct sock_dumper *d, size_t len)
{
	struct cursor c = cursor_init(d->buf, len);
	struct netlink_msg m;
	int ret;

	while ((ret = netlink_next(&c, &m)) == 1) {
		if (m.seq != d->seq || m.port != d->port)
			continue;
		if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR) {
			ret = netlink_status(&m);
			if (!d->dump.status)
				d->dump.status = ret;
			return 0;
		}
		if (m.type != SOCK_DIAG_BY_FAMILY)
			continue;
		if (m.flags & NLM_F_DUMP_INTR && !d->dump.status)
			d->dump.status = -EINTR;
		if (d->dump.rows == SOCK_DUMP_ROWS_MAX) {
			d->dump.status = -E2BIG;
			return 0;
		}
		ret = add_socket(d, &m);
		if (ret < 0)
			return ret;
	}
	if (ret < 0) {
		d->dump.status = ret;
		return 0;
	}
	return 1;
}

int sock_dumper_step(struct sock_dumper *d, struct skbox_error *err)
{
	ssize_t n;
	int ret = 1;

	if (d->fd < 0)
		return 0;
	if (d->dump.status < 0 && d->dump.status != -ENOBUFS && d->dump.status != -EINTR)
		return dump_end(d, false, err);
	if (sock_now_ns() - d->start_ns > SOCK_DUMP_DEADLINE_NS) {
		d->dump.status = -ETIMEDOUT;
		return dump_end(d, true, err);
	}
	n = netlink_recv(d->fd, d->buf, NETLINK_BUFFER_BYTES, MSG_DONTWAIT);
	if (n == -EAGAIN)
		return 1;
	if (n == -ENOBUFS) {
		d->dump.status = (int)n; /* something is missing; the dump itself goes on */
		return 1;
	}
	if (n < 0) {
		d->dump.status = (int)n;
		return dump_end(d, false, err);
	}
	d->dump.bytes += (size_t)n;
	ret = take_messages(d, (size_t)n);
	d->filled_ns = sock_now_ns();
	if (ret == 0)
		return dump_end(d, d->dump.status == -E2BIG, err);
	if (ret < 0) {
		round_end(d);
		ev_batch_clear(d->batch);
		return error_set(err, ret, 0, "cannot hand out socket rows: %s", strerror(-ret));
	}
	return 1;
}

int sock_dumper_start(struct sock_dumper *d, const struct netns *ns, const char *cause,
		      struct skbox_error *err)
{
	if (d->fd >= 0)
		return error_set(err, -EBUSY, 0, "a dump of sockets is going on");
	d->ns = *ns;
	snprintf(d->cause, sizeof(d->cause), "%s", cause);
	d->family = 0;
	d->start_ns = sock_now_ns();
	return dump_begin(d, err);
}

int sock_dumper_run(struct sock_dumper *d, const struct netns *ns, const char *cause,
		    struct skbox_error *err)
{
	int ret = sock_dumper_start(d, ns, cause, err);

	if (ret < 0)
		return ret;
	while ((ret = sock_dumper_step(d, err)) == 1) {
		struct pollfd p = {.fd = d->fd, .events = POLLIN};

		/* readable at once as a rule; the timeout is for the deadline */
		poll(&p, 1, 100);
	}
	return ret;
}

/* ---- life ---- */

int sock_dumper_open(struct sock_dumper **out, const struct sock_dump_options *options,
		     struct skbox_error *err)
{
	struct sock_dumper *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d) {
		d->o = *options;
		d->fd = -1;
		d->batch = ev_batch_new();
		d->buf = malloc(NETLINK_BUFFER_BYTES);
		d->own_rows = !options->rows;
		d->rows = options->rows ? options->rows : sock_rows_new(0);
	}
	if (!d || !d->batch || !d->buf || !d->rows) {
		sock_dumper_close(d);
		return error_set(err, -ENOMEM, 0, "out of memory");
	}
	*out = d;
	return 0;
}

void sock_dumper_close(struct sock_dumper *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	ev_batch_free(d->batch);
	free(d->buf);
	if (d->own_rows)
		sock_rows_free(d->rows);
	sock_cookies_free(&d->cookies);
	free(d);
}

int sock_dumper_fd(const struct sock_dumper *d)
{
	return d->fd;
}

bool sock_dumper_busy(const struct sock_dumper *d)
{
	return d->fd >= 0;
}

const struct sock_dump_totals *sock_dumper_totals(struct sock_dumper *d)
{
	d->totals.undecoded = d->rows->undecoded;
	return &d->totals;
}
