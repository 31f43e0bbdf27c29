/* SPDX-License-Identifier: BSD-2-Clause */
/* What the recorder's other processes send to the one that writes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "capture/file/inventory.h"
#include "capture/recorder.h"
#include "cli/terminal.h"

enum {
	STACK_WAIT_MS = 100, /* how long an event waits for its stack: usually 50 us */
	RELAY_MS = 200,      /* a terminal sends a signal to all of us: it means one thing */
	SOON_NS = 1000000,
	TURN_MESSAGES = 4, /* of rows, then the rings get their turn */
};
#define MS UINT64_C(1000000)

/* ---- signals ---- */

static void want_rotation(struct recorder *r, bool relayed)
{
	uint64_t now = inventory_now_ns();

	if (relayed && r->rotated && now - r->rotated < RELAY_MS * MS)
		return;
	r->rotated = now;
	if (r->config->rotate.on)
		/* what happened before the signal is drained before */
		r->rotate_at = now + SOON_NS;
	else
		terminal_error("SIGUSR1 starts a new file with --rotate only");
}

void recorder_take_signal(struct recorder *r, uint32_t signo, bool relayed)
{
	if (signo == SIGUSR1) {
		want_rotation(r, relayed);
	} else if (signo == SIGINT || signo == SIGTERM) {
		if (!r->reason)
			r->reason = "signal";
		r->ends += !relayed;
	}
}

/* ---- messages ---- */

static void take_signal(struct recorder *r, const struct message *m)
{
	uint32_t signo;

	if (message_get(m, &signo, sizeof(signo)))
		recorder_take_signal(r, signo, true);
}

static void take_counts(struct recorder *r, const struct message *m)
{
	struct message_counts head;
	size_t n = r->probes->n;

	if (m->len != sizeof(head) + n * sizeof(*r->counts))
		return;
	memcpy(&head, m->p, sizeof(head));
	memcpy(r->counts, m->p + sizeof(head), n * sizeof(*r->counts));
	r->holder_cpu_ns = head.cpu_ns;
	r->window_ns = head.window_ns;
	for (size_t i = 0; i < n; i++)
		r->probes->v[i].skipped = r->counts[i].skipped;
	recorder_step_thin(r);
}

static void take_stack(struct recorder *r, const struct message *m)
{
	struct message_stack head;

	if (m->len < sizeof(head))
		return;
	memcpy(&head, m->p, sizeof(head));
	stacks_put(&r->stacks, head.id, head.frames, m->p + sizeof(head), m->len - sizeof(head));
}

static void take_stopped(struct recorder *r, const struct message *m)
{
	r->stopped = true;
}

static void take_rows(struct recorder *r, const struct message *m)
{
	struct ev_batch *rows = rows_take(r->rows, m);
	struct ev_walk walk;
	struct ev ev = {0};

	if (!rows)
		return;
	walk = ev_walk(rows);
	while (ev_next(&walk, &ev)) {
		recorder_bound_batch(r);
		if (!recorder_want_batch(r))
			break; /* writing has failed: there are batches for a message before it is taken */
		ev_copy(r->batch, &ev);
		r->socket_rows += ev.diag != NULL;
		if (ev.snapset && ev.netns)
			sock_gate_place(&r->gate, ev.netns->cookie, ev.netns->inum);
		if (!r->batch_since && ev.common)
			r->batch_since = ev.common->timestamp;
	}
}

static void take_round(struct recorder *r, const struct message *m)
{
	struct message_round round;

	if (!message_get(m, &round, sizeof(round)))
		return;
	r->sockets_cpu_ns = round.cpu_ns;
	r->started = true;
	r->ended |= round.last;
}

static const struct {
	enum message_kind kind;
	void (*take)(struct recorder *r, const struct message *m);
} handlers[] = {
	{MESSAGE_SIGNAL, take_signal}, {MESSAGE_COUNTS, take_counts},   {MESSAGE_STACK, take_stack},
	{MESSAGE_ROWS, take_rows},     {MESSAGE_STOPPED, take_stopped}, {MESSAGE_ROUND, take_round},
};

static void take(struct recorder *r, const struct message *m)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].kind == m->kind)
			handlers[i].take(r, m);
}

static bool take_of_holder(struct recorder *r)
{
	struct message m;
	bool any = channel_read(&r->holder.channel);

	while (channel_next(&r->holder.channel, &m))
		take(r, &m);
	if (!r->holder.channel.ended || r->holder_gone)
		return any;
	r->holder_gone = true;
	/* its descriptors went with it, and so did the probes */
	r->reason = "error";
	error_set(&r->error, -ESRCH, 0,
		  "%s ended before it was to: nothing is attached any more, recording ends",
		  r->holder.name);
	return true;
}

/* A row that says that there are no snapshots from here on. */
static void add_gap(struct recorder *r)
{
	struct ev_common *common;
	struct ev_loss *row;

	if (!recorder_want_batch(r))
		return;
	ev_batch_begin(r->batch);
	common = EV_ADD(r->batch, common);
	EV_SET(common, common, timestamp, inventory_now_ns());
	row = EV_ADD(r->batch, loss);
	EV_SET(row, loss, kind, ev_text(r->batch, "sockets: no more snapshots"));
	if (!r->batch_since)
		r->batch_since = common->timestamp;
}

/* Rows may wait in the channel: that process waits then, the probes do not. */
static bool take_of_sockets(struct recorder *r)
{
	struct channel *c = &r->sockets.channel;
	struct message m;
	bool any = false;

	for (int i = 0; i < TURN_MESSAGES && recorder_want_batch(r); i++) {
		if (!channel_next(c, &m) && (!channel_read(c) || !channel_next(c, &m)))
			break;
		any = true;
		take(r, &m);
	}
	if (any || !c->ended || r->sockets_gone)
		return any;
	r->sockets_gone = true;
	r->started = true; /* nothing to wait for */
	terminal_error("%s ended before it was to: recording goes on without snapshots",
		       r->sockets.name);
	add_gap(r);
	return true;
}

bool recorder_take_messages(struct recorder *r)
{
	bool holder = take_of_holder(r), sockets = take_of_sockets(r);

	return holder || sockets;
}

void recorder_ask_stack(void *recorder, uint32_t id)
{
	struct recorder *r = recorder;
	struct channel *c = &r->holder.channel;
	uint64_t until = inventory_now_ns() + STACK_WAIT_MS * MS;
	struct pollfd fd = {.fd = c->fd, .events = POLLIN};

	/* who did not answer in time is not waited for again until it has answered */
	if (r->stack_late) {
		take_of_holder(r);
		r->stack_late = !stacks_know(&r->stacks, r->stack_asked);
	}
	if (r->stack_late || stacks_know(&r->stacks, id))
		return;
	r->stack_asked = id;
	if (channel_try(c, MESSAGE_STACK_WANTED, &id, sizeof(id)))
		return;
	while (!stacks_know(&r->stacks, id) && !c->ended && inventory_now_ns() < until)
		if (poll(&fd, 1, STACK_WAIT_MS) > 0)
			take_of_holder(r);
	r->stack_late = !stacks_know(&r->stacks, id);
}
