/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "capture/file/inventory.h"
#include "capture/process/child.h"
#include "capture/process/rights.h"
#include "capture/process/rows.h"
#include "capture/process/stats.h"
#include "capture/sock/netns.h"
#include "capture/sock/sock_recorder.h"

enum { IDLE_MS = 1000 };
#define MS UINT64_C(1000000)

struct state {
	const struct config *config;
	int signal_fd;
	struct channel writer;
	struct rows *rows;
	struct ev_batch *names;        /* of namespaces and devices */
	struct sock_recorder *sockets; /* NULL: no sockets */
	bool starts, stops;            /* the writer waits for the end of that round */
};

/* ---- rows ---- */

static int emit(void *ctx, struct ev_batch *rows)
{
	struct state *s = ctx;

	return rows_send(s->rows, &s->writer, rows);
}

/*
 * Names of namespaces and devices. They help, but a recording without them is one: what goes wrong
 * here is not the user's business.
 */
static void describe_places(struct state *s)
{
	struct netns_list all = {0};

	netns_list_scan(&all, NULL);
	ev_batch_clear(s->names);
	inventory_add_namespaces(s->names, &all);
	netns_list_free(&all);
	if (!s->names->failed)
		rows_send(s->rows, &s->writer, s->names);
}

/* ---- rounds ---- */

/* Tells the writer that the rows that it waits for are there. */
static void end_round(struct state *s)
{
	struct message_round done = {.cpu_ns = child_cpu_ns(), .last = s->stops};

	if (s->stops)
		describe_places(s); /* what was made meanwhile */
	channel_send(&s->writer, MESSAGE_ROUND, &done, sizeof(done));
	s->starts = s->stops = false;
}

/* What is due. 0, or a negative errno: there will be no rows any more. */
static int step(struct state *s)
{
	struct skbox_error err = {0};
	int rc = s->sockets ? sock_recorder_step(s->sockets, &err) : 0;

	if (!rc && (s->starts || s->stops) && !(s->sockets && sock_recorder_busy(s->sockets)))
		end_round(s);
	return rc;
}

/* ---- messages ---- */

static void start(struct state *s, const struct message *m)
{
	describe_places(s);
	s->starts = true;
	if (s->sockets)
		sock_recorder_begin(s->sockets, "start");
}

static void stop(struct state *s, const struct message *m)
{
	s->stops = true;
	if (s->sockets)
		sock_recorder_begin(s->sockets, "stop");
}

static void look_up(struct state *s, const struct message *m)
{
	struct sock_trigger t;

	if (s->sockets && message_get(m, &t, sizeof(t)))
		sock_recorder_trigger(s->sockets, &t);
}

static const struct {
	enum message_kind kind;
	void (*take)(struct state *s, const struct message *m);
} handlers[] = {
	{MESSAGE_START, start},
	{MESSAGE_STOP, stop},
	{MESSAGE_LOOKUP, look_up},
};

static void take_messages(struct state *s)
{
	struct message m;

	channel_read(&s->writer);
	while (channel_next(&s->writer, &m))
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
			if (handlers[i].kind == m.kind)
				handlers[i].take(s, &m);
}

/* ---- life ---- */

static int prepare(struct state *s, uint64_t cgroup_id, struct skbox_error *err)
{
	struct sock_recorder_options o = {.names = (const char *const *)s->config->netns.v,
					  .n_names = s->config->netns.n,
					  .period_ns = s->config->sockets_ns,
					  .cgroup_id = cgroup_id,
					  .emit = emit,
					  .ctx = s};
	int rc = rights_keep(RIGHT(CAP_SYS_ADMIN) | RIGHT(CAP_SYS_PTRACE) | RIGHT(CAP_NET_ADMIN) |
			     RIGHT(CAP_DAC_READ_SEARCH));

	if (rc)
		return error_set(err, rc, 0, "dropping rights: %s", strerror(-rc));
	s->rows = rows_new();
	s->names = ev_batch_new();
	if (!s->rows || !s->names)
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (s->config->no_sockets)
		return 0;
	return sock_recorder_open(&s->sockets, &o, err);
}

/* How long there is nothing to do, in milliseconds. */
static int idle_ms(const struct state *s)
{
	uint64_t ns = s->sockets ? sock_recorder_wait_ns(s->sockets) : IDLE_MS * MS;

	return ns < IDLE_MS * MS ? (int)((ns + MS - 1) / MS) : IDLE_MS;
}

static void loop(struct state *s, int stats_fd)
{
	struct pollfd fds[] = {{.fd = s->writer.fd, .events = POLLIN},
			       {.fd = s->signal_fd, .events = POLLIN},
			       {.fd = stats_fd, .events = POLLIN},
			       {.fd = -1, .events = POLLIN}};

	if (s->sockets)
		fds[3].fd = sock_recorder_fd(s->sockets);
	while (!s->writer.ended && !step(s)) {
		if (poll(fds, 4, idle_ms(s)) <= 0)
			continue;
		if (fds[2].revents && stats_answer(stats_fd))
			fds[2].fd = -1;
		if (fds[1].revents)
			child_forward_signals(&s->writer, s->signal_fd);
		if (fds[0].revents)
			take_messages(s);
	}
}

int sockets_run(void *sockets, int fd)
{
	const struct sockets *setup = sockets;
	struct state s = {.config = setup->config, .signal_fd = setup->signal_fd};
	struct skbox_error err = {0};
	int rc;

	child_close(setup->not_ours, 2);
	channel_open(&s.writer, fd);
	rc = prepare(&s, setup->cgroup_id, &err);
	if (rc)
		channel_send(&s.writer, MESSAGE_FAILED, &err, sizeof(err));
	else if (!channel_send(&s.writer, MESSAGE_READY, NULL, 0))
		loop(&s, setup->stats_fd);
	sock_recorder_close(s.sockets);
	rows_free(s.rows);
	ev_batch_free(s.names);
	return 0;
}
