/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/recorder.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "capture/file/inventory.h"
#include "capture/trigger.h"
#include "cli/terminal.h"

enum {
	PASS_RECORDS = 8192, /* then signals and sockets get their turn */

	/* a batch goes out when it has that much, or an event that is old (capture/age.h) */
	/* (large batches make large blocks: 8 MiB of memory are some 200 KB of file) */
	BATCH_EVENTS = 8192,
	BATCH_BYTES = 8 << 20,

	/* how long to sleep when nothing came, doubled up to the second */
	IDLE_MIN_US = 1000,
	IDLE_MAX_US = 10000,

	HOLD_US = 1000, /* records younger than that may still be overtaken by older ones */
	LOSS_EVERY_MS = 500,
	CLOCK_EVERY_MS = 10000,

	NICE = -10,

	/* programs that still run when the last probe is detached are done by then */
	DETACH_US = 5000,
	DRAIN_TRIES = 20,

	DETACH_MAX_MS = 60000, /* thousands of functions take seconds */
	SILENCE_MAX_MS = 5000, /* a dump is cut off after two seconds */
};
#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* ---- batches ---- */

bool recorder_want_batch(struct recorder *r)
{
	if (r->batch)
		return true;
	r->batch = r->waiting ? output_get_wait(r->output) : output_get(r->output);
	if (r->batch) {
		convert_set_batch(&r->convert, r->batch);
		stacks_forget_batch(&r->stacks);
	}
	return r->batch;
}

static void put_batch(struct recorder *r)
{
	if (!r->batch || !r->batch->n)
		return;
	output_put(r->output, r->batch);
	r->batch = NULL;
	r->batch_since = 0;
}

/* A batch whose oldest event has waited long enough. */
static void put_old_batch(struct recorder *r, uint64_t now)
{
	if (r->batch_since && now > r->batch_since &&
	    now - r->batch_since >= age_limit_ns(&r->age, r->batch->n))
		put_batch(r);
}

static bool batch_is_full(const struct recorder *r)
{
	return r->batch && (r->batch->n >= BATCH_EVENTS || r->batch->bytes >= BATCH_BYTES);
}

void recorder_bound_batch(struct recorder *r)
{
	if (batch_is_full(r))
		put_batch(r);
}

static bool has_enough(const struct recorder *r)
{
	return r->config->count && r->events >= r->config->count;
}

/* A full snapshot of the socket, near the event. */
static void look_up_socket(struct recorder *r, const struct record *rec)
{
	struct sock_trigger t;

	if (!trigger_make(rec, &r->convert.probes[rec->probe].place, r->retransmits[rec->probe],
			  &t))
		return;
	if (sock_gate_pass(&r->gate, &t) &&
	    channel_try(&r->sockets.channel, MESSAGE_LOOKUP, &t, sizeof(t)))
		r->gate.suppressed++; /* that process is behind: it makes a round */
}

static bool take_record(void *ctx, const struct record *rec)
{
	struct recorder *r = ctx;

	if (rec->has & RECORD_UNWANTED)
		return true;
	if (!convert_record(&r->convert, rec)) {
		r->rings.broken++;
		return true;
	}
	if (r->gate.rate)
		look_up_socket(r, rec);
	if (!r->batch_since)
		r->batch_since = rec->time;
	r->probes->v[rec->probe].recorded++;
	r->events++;
	recorder_bound_batch(r);
	if (has_enough(r)) {
		r->reason = "count";
		return false;
	}
	return recorder_want_batch(r);
}

/* Records that began before `until`, as long as there are batches for them. */
static size_t drain(struct recorder *r, uint64_t until)
{
	return !has_enough(r) && recorder_want_batch(r)
		       ? rings_take(&r->rings, until, PASS_RECORDS, take_record, r)
		       : 0;
}

/* ---- losses ---- */

static struct ev_loss *begin_loss(struct recorder *r, uint64_t now)
{
	struct ev_common *common;
	struct ev_loss *row;

	ev_batch_begin(r->batch);
	common = EV_ADD(r->batch, common);
	EV_SET(common, common, timestamp, now);
	row = EV_ADD(r->batch, loss);
	EV_SET(row, loss, from, r->loss_since);
	return row;
}

static void add_probe_losses(struct recorder *r, uint32_t id, uint64_t now)
{
	const struct probe *p = &r->probes->v[id];
	struct ev_loss *row;

	for (uint32_t cpu = 0; cpu < r->probes->cpus; cpu++) {
		uint32_t at = id * r->probes->cpus + cpu;
		uint64_t lost = r->probes->counters[at].lost;

		if (lost == r->counters[at].lost)
			continue;
		row = begin_loss(r, now);
		EV_SET(row, loss, probe, ev_text(r->batch, p->symbol));
		EV_SET(row, loss, type, ev_text(r->batch, p->type));
		EV_SET(row, loss, cpu, cpu);
		EV_SET(row, loss, lost, lost - r->counters[at].lost);
		r->counters[at].lost = lost;
	}
	if (p->skipped != r->skipped[id]) {
		row = begin_loss(r, now);
		EV_SET(row, loss, probe, ev_text(r->batch, p->symbol));
		EV_SET(row, loss, type, ev_text(r->batch, p->type));
		EV_SET(row, loss, skipped, p->skipped - r->skipped[id]);
		r->skipped[id] = p->skipped;
	}
}

/* Events whose socket was not looked up: no loss, and yet not there. */
static void add_held_back(struct recorder *r, uint64_t now)
{
	struct ev_common *common;
	struct ev_sockstat *row;

	if (r->gate.again == r->told_again && r->gate.suppressed == r->told_suppressed)
		return;
	ev_batch_begin(r->batch);
	common = EV_ADD(r->batch, common);
	EV_SET(common, common, timestamp, now);
	row = EV_ADD(r->batch, sockstat);
	EV_SET(row, sockstat, from, r->loss_since);
	EV_SET(row, sockstat, again, r->gate.again - r->told_again);
	EV_SET(row, sockstat, suppressed, r->gate.suppressed - r->told_suppressed);
	r->told_again = r->gate.again;
	r->told_suppressed = r->gate.suppressed;
}

static void add_losses(struct recorder *r, uint64_t now)
{
	if (!recorder_want_batch(r))
		return; /* the next interval has it */
	probes_count(r->probes);
	for (uint32_t id = 0; id < r->probes->n; id++)
		if (!r->probes->v[id].internal)
			add_probe_losses(r, id, now);
	add_held_back(r, now);
	if (r->batch->n && !r->batch_since)
		r->batch_since = now;
	r->loss_since = now;
}

/* ---- flows that are left out ---- */

static uint64_t processor_ns(const struct recorder *r)
{
	return child_cpu_ns() + r->holder_cpu_ns + r->sockets_cpu_ns;
}

void recorder_step_thin(struct recorder *r)
{
	struct thin_cost cost = {.cpu_ns = processor_ns(r), .window_ns = r->window_ns};
	uint64_t now;

	if (!r->thin.bound || r->stopped)
		return;
	probes_count(r->probes);
	for (size_t i = 0; i < r->probes->n; i++) {
		const struct probe *p = &r->probes->v[i];

		cost.run_ns += r->counts[i].run_ns;
		cost.runs += p->recorded + p->lost + p->filtered + p->unattributed + p->thinned;
	}
	now = inventory_now_ns();
	if (thin_step(&r->thin, now, &cost)) {
		r->thin_since = now;
		r->thin_told = false;
	}
}

/* Into the file that is being written, once it has changed. */
static void tell_thin(struct recorder *r)
{
	if (!r->thin.bound || r->thin_told || !recorder_want_batch(r))
		return;
	thin_add_row(&r->thin, r->batch, r->thin_since);
	if (!r->batch_since)
		r->batch_since = r->thin_since;
	r->thin_told = true;
}

/* ---- totals ---- */

/* The counts as they are now, for the last rows of the file being written. */
static void tell_totals(struct recorder *r)
{
	struct output_totals totals = {.v = r->totals,
				       .ids_full = r->probes->evicted ? *r->probes->evicted : 0,
				       .stackless = probes_stackless(r->probes) + r->stacks.missed,
				       .window_ns = r->window_ns,
				       .cpu_ns = r->holder_cpu_ns + r->sockets_cpu_ns,
				       .kept = r->thin.bound ? thin_millionths(r->thin.least) : 0};

	for (size_t i = 0; i < r->probes->n; i++) {
		const struct probe *p = &r->probes->v[i];
		struct output_total t = {p->symbol,         p->type,
					 p->recorded,       p->lost,
					 p->skipped,        p->filtered,
					 p->unattributed,   p->thinned,
					 r->counts[i].runs, r->counts[i].run_ns};

		if (p->internal) {
			totals.own_runs += t.runs;
			totals.own_run_ns += t.run_ns;
		} else if (p->how) {
			r->totals[totals.n++] = t;
		}
	}
	output_set_totals(r->output, &totals);
}

/* What is recorded from now on goes into the next file. */
static void rotate(struct recorder *r, uint64_t now)
{
	tell_totals(r);
	put_batch(r);
	output_rotate(r->output);
	/* the next one says it, too */
	r->thin_told = !r->thin.bound || r->thin.bound->kept == THIN_ALL;
	r->thin_since = now;
	while (r->next_rotate && r->next_rotate <= now)
		r->next_rotate += r->config->rotate.time_ns;
	r->rotate_at = r->next_rotate;
}

/* ---- life ---- */

static bool stack_of(void *ctx, struct ev_batch *b, int32_t id, struct ev_list *list)
{
	return stacks_get(ctx, b, id, list);
}

static void describe_probe(struct recorder *r, uint32_t id)
{
	const struct probe *p = &r->probes->v[id];
	struct convert_probe *c = convert_set_probe(&r->convert, id, p->symbol, p->type);

	c->place = p->place;
	r->retransmits[id] = trigger_is_retransmit(p->symbol);
	c->ret_bytes = (uint8_t)p->args.ret_bytes;
	c->ret_signed = p->args.ret_signed;
}

static int init_stacks(struct recorder *r, struct skbox_error *err)
{
	struct timespec tick;
	int rc;

	/* the coarse clock moves with the kernel's ticks */
	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick) && tick.tv_nsec > 0)
		r->convert.hz = (uint32_t)(1000000000 / tick.tv_nsec);
	if (!r->probes->wants_stacks)
		return 0;
	rc = stacks_init(&r->stacks, err);
	r->stacks.ask = recorder_ask_stack;
	r->stacks.ctx = r;
	r->convert.stack_of = stack_of;
	r->convert.stack_ctx = &r->stacks;
	return rc;
}

int recorder_init(struct recorder *r, struct skbox_error *err)
{
	struct probes *p = r->probes;
	int rc;

	dropnames_init(&r->drops, p->kernel->vmlinux);
	r->counters = calloc(p->n * p->cpus, sizeof(*r->counters));
	r->skipped = calloc(p->n, sizeof(*r->skipped));
	r->totals = calloc(p->n, sizeof(*r->totals));
	r->counts = calloc(p->n, sizeof(*r->counts));
	r->retransmits = calloc(p->n, sizeof(*r->retransmits));
	r->rows = rows_new();
	sock_gate_init(&r->gate, r->config->no_sockets ? 0 : (uint32_t)r->config->socket_lookups);
	if (!r->counters || !r->skipped || !r->totals || !r->counts || !r->rows ||
	    !r->retransmits || !convert_init(&r->convert, (uint32_t)p->n, &r->drops))
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (uint32_t i = 0; i < p->n; i++)
		if (!p->v[i].internal)
			describe_probe(r, i);
	thin_init(&r->thin, (uint32_t)r->config->max_cpu, p->thin);
	r->thin_told = true;
	rc = init_stacks(r, err);
	if (rc)
		return rc;
	return p->own_rings ? rings_init_areas(&r->rings, probes_areas_fd(p), p->rings,
					       p->ring_bytes, probes_ring_stride(p), p->secret, err)
			    : rings_init(&r->rings, p->ring_fds, p->rings, p->ring_bytes, err);
}

int recorder_begin(struct recorder *r, struct skbox_error *err)
{
	/*
	 * A busy machine is when recordings matter: a little ahead of others, so that the rings are
	 * emptied in time. This process alone; without the right, without.
	 */
	setpriority(PRIO_PROCESS, 0, NICE);
	if (!recorder_want_batch(r))
		return error_set(err, -ENOMEM, 0, "out of memory");
	inventory_add_start(r->batch, r->config, r->probes);
	inventory_add_probes(r->batch, r->probes);
	plan_add_skipped(r->plan, r->batch);
	tell_totals(r);
	put_batch(r); /* what a file is comes out at once, even if nothing else ever does */
	return 0;
}

void recorder_fini(struct recorder *r)
{
	rings_fini(&r->rings);
	convert_fini(&r->convert);
	stacks_fini(&r->stacks);
	dropnames_fini(&r->drops);
	rows_free(r->rows);
	free(r->counters);
	free(r->skipped);
	free(r->totals);
	free(r->counts);
	free(r->retransmits);
	memset(r, 0, sizeof(*r));
}

static void check_signals(struct recorder *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info))
		recorder_take_signal(r, info.ssi_signo, false);
	if (!r->reason && command_check(r->command))
		r->reason = "command";
}

bool recorder_is_hurried(void *recorder)
{
	struct recorder *r = recorder;
	unsigned int before = r->ends;

	check_signals(r);
	return r->ends != before;
}

/* Waits for a signal, for another process, or for the time to be over. */
static void wait_for(struct recorder *r, uint64_t us)
{
	bool takes = r->batch || output_has_spare(r->output);
	struct pollfd fds[] = {
		{.fd = r->signal_fd, .events = POLLIN},
		{.fd = r->holder.channel.ended ? -1 : r->holder.channel.fd, .events = POLLIN},
		/* its rows wait there when there is no room for them here */
		{.fd = r->sockets.channel.ended || !takes ? -1 : r->sockets.channel.fd,
		 .events = POLLIN},
	};
	struct timespec t = {.tv_nsec = (long)(us * US)};
	uint64_t due = inventory_now_ns() + us * US, now, lag;

	if (ppoll(fds, 3, &t, NULL) > 0 && fds[0].revents)
		check_signals(r);
	/* what a batch will have to wait for beside its age: a processor for us, and the disk */
	now = inventory_now_ns();
	lag = output_lag_ns(r->output);
	age_note(&r->age, now, (now > due ? now - due : 0) + lag);
}

/* What is due by the clock. */
static void keep_time(struct recorder *r, uint64_t now)
{
	if (now >= r->next_loss) {
		add_losses(r, now);
		tell_totals(r);
		r->next_loss = now + LOSS_EVERY_MS * MS;
	}
	if (now >= r->next_clock && recorder_want_batch(r)) {
		inventory_add_clock(r->batch);
		if (!r->batch_since)
			r->batch_since = now;
		r->next_clock = now + CLOCK_EVERY_MS * MS;
	}
	if (r->rotate_at && now >= r->rotate_at)
		rotate(r, now);
	tell_thin(r);
	put_old_batch(r, now);
	if (output_error(r->output, NULL))
		r->reason = "error";
	else if (output_disk_low(r->output, NULL))
		r->reason = "disk";
	else if (r->end_at && now >= r->end_at)
		r->reason = "duration";
}

/* The clocks of the recording begin with the first snapshots, and so does the command. */
static void start(struct recorder *r, uint64_t now)
{
	r->next_rotate = r->config->rotate.time_ns ? now + r->config->rotate.time_ns : 0;
	if (!r->rotate_at)
		r->rotate_at = r->next_rotate;
	r->end_at = r->config->duration_ns ? now + r->config->duration_ns : 0;
	channel_try(&r->holder.channel, MESSAGE_START, NULL, 0);
	/* who starts traffic by hand wants to know since when it is seen */
	if (r->config->out && !r->command->pid && !r->end_at)
		terminal_error("recording; Ctrl-C ends it");
	command_go(r->command);
}

static void loop(struct recorder *r)
{
	uint64_t idle = IDLE_MIN_US;
	bool going = false;

	while (!r->reason) {
		uint64_t now = inventory_now_ns();
		size_t n = drain(r, now - HOLD_US * US);
		bool heard;

		if (r->reason)
			break;
		heard = recorder_take_messages(r);
		if (!going && r->started) {
			going = true;
			start(r, now);
		}
		keep_time(r, now);
		idle = n || heard ? IDLE_MIN_US : idle * 2 > IDLE_MAX_US ? IDLE_MAX_US : idle * 2;
		if (n == PASS_RECORDS)
			check_signals(r); /* no sleep: there is more */
		else
			wait_for(r, idle);
	}
}

/*
 * Has all detached; what still happens until then is drained. A second signal ends waiting for it:
 * the process that holds the probes goes on alone, for it sees our end of its channel closed.
 */
static void detach(struct recorder *r)
{
	uint64_t give_up = inventory_now_ns() + DETACH_MAX_MS * MS;

	channel_try(&r->holder.channel, MESSAGE_STOP, NULL, 0);
	while (!r->stopped && !r->holder_gone && r->ends < 2 && inventory_now_ns() < give_up) {
		uint64_t now = inventory_now_ns();

		drain(r, now - HOLD_US * US);
		if (!recorder_take_messages(r))
			wait_for(r, IDLE_MIN_US);
		put_old_batch(r, now);
	}
	if (!r->stopped && !r->holder_gone)
		terminal_error("the process that holds the probes has not detached them yet");
}

/* What is still in the rings when no probe is attached any more. */
static void drain_rest(struct recorder *r)
{
	struct timespec wait = {.tv_nsec = DETACH_US * (long)US};

	nanosleep(&wait, NULL);
	for (int i = 0; i < DRAIN_TRIES; i++) {
		while (drain(r, UINT64_MAX))
			;
		if (!rings_waiting(&r->rings) || has_enough(r))
			break;
		nanosleep(&wait, NULL); /* a record that was reserved and is being filled */
	}
}

/* The last snapshots, as long as they go on coming. */
static void take_last_rows(struct recorder *r)
{
	uint64_t heard = inventory_now_ns();

	channel_try(&r->sockets.channel, MESSAGE_STOP, NULL, 0);
	while (!r->ended && !r->sockets_gone) {
		uint64_t now = inventory_now_ns();

		if (recorder_take_messages(r))
			heard = now;
		else if (now - heard > SILENCE_MAX_MS * MS || r->ends > 1)
			break;
		else
			wait_for(r, IDLE_MIN_US);
	}
	if (!r->ended && !r->sockets_gone)
		terminal_error("the last snapshots of sockets are not complete");
}

int recorder_run(struct recorder *r, struct skbox_error *err)
{
	uint64_t now = inventory_now_ns();
	int rc;

	age_init(&r->age, now);
	r->loss_since = now;
	r->next_loss = now + LOSS_EVERY_MS * MS;
	r->next_clock = now + CLOCK_EVERY_MS * MS;
	channel_try(&r->sockets.channel, MESSAGE_START, NULL, 0);
	loop(r);
	r->waiting = true;
	detach(r);
	drain_rest(r);
	take_last_rows(r);
	add_losses(r, inventory_now_ns());
	tell_totals(r);
	put_batch(r);
	if (!command_check(r->command)) {
		r->command->asked = r->command->pid &&
				    !channel_try(&r->holder.channel, MESSAGE_END_COMMAND, NULL, 0);
	}
	rc = output_finish(r->output, r->reason, err);
	if (!rc)
		rc = output_disk_low(r->output, err);
	return rc || !r->error.code ? rc : error_set(err, r->error.code, 0, "%s", r->error.text);
}
