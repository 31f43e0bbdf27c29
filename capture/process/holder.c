/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/holder.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/cost.h"
#include "capture/file/inventory.h"
#include "capture/probe/kallsyms.h"
#include "capture/process/child.h"
#include "capture/process/rights.h"
#include "capture/process/sandbox.h"
#include "capture/process/stats.h"
#include "cli/terminal.h"

enum { FRAME_TEXT_MAX = 256 };
#define MS             UINT64_C(1000000)
#define COUNT_EVERY_MS 450 /* a little more often than the writer puts losses into the file */

struct state {
	const struct holder *setup;
	struct channel writer;
	struct cost cost;
	struct kallsyms symbols;
	struct buf text;
	uint64_t next_count;
	bool stopped;
};

/* ---- what is told ---- */

static void send_counts(struct state *s)
{
	const struct probes *p = s->setup->probes;
	struct message_counts head = {
		.cpu_ns = child_cpu_ns(), .window_ns = s->cost.time_ns, .probes = (uint32_t)p->n};

	probes_count(s->setup->probes);
	buf_clear(&s->text);
	buf_put(&s->text, &head, sizeof(head));
	for (size_t i = 0; i < p->n; i++) {
		struct message_count c = {p->v[i].skipped, s->cost.v[i].runs, s->cost.v[i].run_ns};

		buf_put(&s->text, &c, sizeof(c));
	}
	if (!s->text.failed)
		channel_send(&s->writer, MESSAGE_COUNTS, s->text.p, s->text.len);
}

/* ---- what is asked for ---- */

static void send_stack(struct state *s, const struct message *m)
{
	uint64_t frames[STACK_FRAMES] = {0};
	struct message_stack head = {0};
	uint32_t key;

	if (!message_get(m, &head.id, sizeof(head.id)))
		return;
	key = head.id % STACKS_MAX;
	/* a number keeps its stack, for none is ever taken out of the map */
	if (head.id < 2 * STACKS_MAX && s->setup->probes->wants_stacks &&
	    !bpf_map_lookup_elem(probes_stacks_fd(s->setup->probes, (int)(head.id / STACKS_MAX)),
				 &key, frames))
		while (head.frames < STACK_FRAMES && frames[head.frames])
			head.frames++;
	buf_clear(&s->text);
	buf_put(&s->text, &head, sizeof(head));
	for (uint32_t i = 0; i < head.frames; i++) {
		char text[FRAME_TEXT_MAX];

		kallsyms_describe(&s->symbols, frames[i], text, sizeof(text));
		buf_put(&s->text, text, strlen(text) + 1);
	}
	if (!s->text.failed)
		channel_send(&s->writer, MESSAGE_STACK, s->text.p, s->text.len);
}

static void end_command(struct state *s, const struct message *m)
{
	if (s->setup->command)
		kill(s->setup->command, SIGTERM);
}

static void start(struct state *s, const struct message *m)
{
	cost_start(&s->cost, inventory_now_ns());
}

static void stop(struct state *s, const struct message *m)
{
	cost_stop(&s->cost, inventory_now_ns());
	probes_stop(s->setup->probes);
	send_counts(s);
	channel_send(&s->writer, MESSAGE_STOPPED, NULL, 0);
	s->stopped = true;
}

static const struct {
	enum message_kind kind;
	void (*take)(struct state *s, const struct message *m);
} handlers[] = {
	{MESSAGE_STACK_WANTED, send_stack},
	{MESSAGE_END_COMMAND, end_command},
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

/*
 * All probes are attached, for their programs are symbols, too. Addresses are read with rights that
 * are given up then.
 */
static void read_symbols(struct state *s)
{
	struct skbox_error err = {0};

	if (!s->setup->probes->wants_stacks)
		return;
	kallsyms_init(&s->symbols, &err);
	if (*err.text)
		terminal_error("stacks are addresses: %s", err.text);
}

static void loop(struct state *s, int stats_fd)
{
	struct pollfd fds[] = {{.fd = s->writer.fd, .events = POLLIN},
			       {.fd = s->setup->signal_fd, .events = POLLIN},
			       {.fd = stats_fd, .events = POLLIN}};

	while (!s->writer.ended) {
		uint64_t now = inventory_now_ns(), next = s->next_count;

		if (!s->stopped && cost_step(&s->cost, now) && stats_ask(stats_fd))
			fds[2].fd = -1;
		if (!s->stopped && now >= s->next_count) {
			send_counts(s);
			s->next_count = now + COUNT_EVERY_MS * MS;
		}
		if (s->cost.next < next)
			next = s->cost.next;
		if (poll(fds, 3,
			 s->stopped   ? -1
			 : next > now ? (int)((next - now) / MS) + 1
				      : 0) <= 0)
			continue;
		if (fds[2].revents) {
			int fd = stats_take(stats_fd);

			if (fd >= 0)
				cost_open(&s->cost, fd, inventory_now_ns());
			else if (fd != -EAGAIN)
				fds[2].fd = -1; /* that process has gone: no more is measured */
		}
		if (fds[1].revents)
			child_forward_signals(&s->writer, s->setup->signal_fd);
		if (fds[0].revents)
			take_messages(s);
	}
}

int holder_run(void *holder, int fd)
{
	struct state s = {.setup = holder};
	struct skbox_error err = {0};
	int rc;

	child_close(s.setup->not_ours, 2);
	channel_open(&s.writer, fd);
	read_symbols(&s);
	rc = cost_init(&s.cost, s.setup->probes, s.setup->costs_often);
	if (!rc)
		rc = rights_keep(RIGHT(CAP_BPF) | (s.setup->command ? RIGHT(CAP_KILL) : 0));
	if (rc)
		error_set(&err, rc, 0, "dropping rights: %s", strerror(-rc));
	else
		rc = sandbox_enter_holder(s.setup->command, &err);
	if (rc) {
		channel_send(&s.writer, MESSAGE_FAILED, &err, sizeof(err));
	} else if (!channel_send(&s.writer, MESSAGE_READY, NULL, 0)) {
		loop(&s, s.setup->stats_fd);
	}
	cost_fini(&s.cost);
	probes_stop(s.setup->probes);
	return 0;
}
