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
#include "capture/sock/sock_dump.h"

enum { IDLE_MS = 1000 };
#define MS UINT64_C(1000000)

struct state {
	const struct config *config;
	int signal_fd;
	struct channel writer;
	struct rows *rows;
	struct ev_batch *names;     /* of namespaces and devices */
	struct sock_dumper *dumper; /* NULL: no sockets */
	struct netns_list places;   /* whose sockets are recorded */
	size_t place;               /* the next one of a round */
	const char *cause;          /* of the round that goes on; NULL: none does */
	bool stop;                  /* the last round is wanted as soon as this one is over */
	uint64_t next;              /* when the next round by the clock begins; 0: never */
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

static void begin_round(struct state *s, const char *cause)
{
	s->cause = cause;
	s->place = s->dumper ? 0 : s->places.n;
}

static void end_round(struct state *s)
{
	struct message_round done = {.cpu_ns = child_cpu_ns(), .last = !strcmp(s->cause, "stop")};

	if (done.last)
		describe_places(s); /* what was made meanwhile */
	if (done.last || !strcmp(s->cause, "start"))
		channel_send(&s->writer, MESSAGE_ROUND, &done, sizeof(done));
	s->cause = NULL;
}

/* Lets the round that goes on go on, or begins the next. False: there is nothing to do now. */
static bool step(struct state *s, uint64_t now)
{
	struct skbox_error err = {0}; /* what failed is in the end row */

	if (s->dumper && sock_dumper_busy(s->dumper)) {
		sock_dumper_step(s->dumper, &err);
	} else if (s->cause && s->place < s->places.n) {
		sock_dumper_start(s->dumper, &s->places.v[s->place++], s->cause, &err);
	} else if (s->cause) {
		end_round(s);
	} else if (s->stop) {
		s->stop = false;
		s->next = 0;
		begin_round(s, "stop");
	} else if (s->next && now >= s->next) {
		begin_round(s, "period");
		/* a period that was missed is not made up for */
		while (s->next <= now)
			s->next += s->config->sockets_ns;
	} else {
		return false;
	}
	return true;
}

/* ---- messages ---- */

static void start(struct state *s, const struct message *m)
{
	describe_places(s);
	begin_round(s, "start");
	if (s->dumper && s->config->sockets_ns)
		s->next = inventory_now_ns() + s->config->sockets_ns;
}

static void stop(struct state *s, const struct message *m)
{
	s->stop = true;
}

static const struct {
	enum message_kind kind;
	void (*take)(struct state *s, const struct message *m);
} handlers[] = {
	{MESSAGE_START, start},
	{MESSAGE_STOP, stop},
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

static int find_places(struct state *s, struct skbox_error *err)
{
	const struct option_list *names = &s->config->netns;
	int ret = 0;

	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->v[i], "all"))
			return netns_list_scan(&s->places, err);
	s->places.v = calloc(names->n ? names->n : 1, sizeof(*s->places.v));
	if (!s->places.v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (!names->n) {
		s->places.n = 1;
		return netns_current(s->places.v, err);
	}
	for (; !ret && s->places.n < names->n; s->places.n++)
		ret = netns_find(names->v[s->places.n], &s->places.v[s->places.n], err);
	return ret;
}

static int prepare(struct state *s, struct skbox_error *err)
{
	struct sock_dump_options o = {.emit = emit, .ctx = s};
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
	rc = find_places(s, err);
	return rc ? rc : sock_dumper_open(&s->dumper, &o, err);
}

/* How long there is nothing to do, in milliseconds. */
static int idle_ms(const struct state *s, uint64_t now)
{
	if (!s->next || s->next > now + IDLE_MS * MS)
		return IDLE_MS;
	return s->next > now ? (int)((s->next - now) / MS) + 1 : 0;
}

static void loop(struct state *s, int stats_fd)
{
	struct pollfd fds[] = {{.fd = s->writer.fd, .events = POLLIN},
			       {.fd = s->signal_fd, .events = POLLIN},
			       {.fd = stats_fd, .events = POLLIN}};

	while (!s->writer.ended) {
		uint64_t now = inventory_now_ns();
		bool busy = step(s, now);

		if (poll(fds, 3, busy ? 0 : idle_ms(s, now)) <= 0)
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
	rc = prepare(&s, &err);
	if (rc)
		channel_send(&s.writer, MESSAGE_FAILED, &err, sizeof(err));
	else if (!channel_send(&s.writer, MESSAGE_READY, NULL, 0))
		loop(&s, setup->stats_fd);
	sock_dumper_close(s.dumper);
	netns_list_free(&s.places);
	rows_free(s.rows);
	ev_batch_free(s.names);
	return 0;
}
