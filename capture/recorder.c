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
#include "cli/terminal.h"

enum {
	PASS_RECORDS = 8192, /* then signals and sockets get their turn */

	/* a batch goes out when it has that much, or an event that old: written in 500 ms at most */
	/* (large batches make large blocks: 8 MiB of memory are some 200 KB of file) */
	BATCH_EVENTS = 8192,
	BATCH_BYTES = 8 << 20,
	BATCH_AGE_MS = 250,

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
};
#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* ---- batches ---- */

static bool want_batch(struct recorder *r)
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

static bool batch_is_full(const struct recorder *r)
{
	return r->batch && (r->batch->n >= BATCH_EVENTS || r->batch->bytes >= BATCH_BYTES);
}

static bool has_enough(const struct recorder *r)
{
	return r->config->count && r->events >= r->config->count;
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
	if (!r->batch_since)
		r->batch_since = rec->time;
	r->probes->v[rec->probe].recorded++;
	r->events++;
	if (batch_is_full(r))
		put_batch(r);
	if (has_enough(r)) {
		r->reason = "count";
		return false;
	}
	return want_batch(r);
}

/* Records that began before `until`, as long as there are batches for them. */
static size_t drain(struct recorder *r, uint64_t until)
{
	return !has_enough(r) && want_batch(r)
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
		EV_SET(row, loss, cpu, cpu);
		EV_SET(row, loss, lost, lost - r->counters[at].lost);
		r->counters[at].lost = lost;
	}
	if (p->skipped != r->skipped[id]) {
		row = begin_loss(r, now);
		EV_SET(row, loss, probe, ev_text(r->batch, p->symbol));
		EV_SET(row, loss, skipped, p->skipped - r->skipped[id]);
		r->skipped[id] = p->skipped;
	}
}

static void add_losses(struct recorder *r, uint64_t now)
{
	if (!want_batch(r))
		return; /* the next interval has it */
	probes_count(r->probes);
	for (uint32_t id = 0; id < r->probes->n; id++)
		if (!r->probes->v[id].internal)
			add_probe_losses(r, id, now);
	if (r->sockets_lost) {
		struct ev_loss *row = begin_loss(r, now);

		EV_SET(row, loss, kind, ev_text(r->batch, "sockets"));
		EV_SET(row, loss, lost, r->sockets_lost);
		r->sockets_lost = 0;
	}
	if (r->batch->n && !r->batch_since)
		r->batch_since = now;
	r->loss_since = now;
}

/* ---- totals ---- */

/* The counts as they are now, for the last rows of the file being written. */
static void tell_totals(struct recorder *r)
{
	struct output_totals totals = {.v = r->totals,
				       .ids_full = r->probes->evicted ? *r->probes->evicted : 0,
				       .stackless = probes_stackless(r->probes),
				       .window_ns = r->cost.time_ns};

	for (size_t i = 0; i < r->probes->n; i++) {
		const struct probe *p = &r->probes->v[i];
		struct output_total t = {
			p->symbol,  p->type,     p->recorded,       p->lost,
			p->skipped, p->filtered, r->cost.v[i].runs, r->cost.v[i].run_ns};

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
	while (r->next_rotate && r->next_rotate <= now)
		r->next_rotate += r->config->rotate.time_ns;
	r->rotate_at = r->next_rotate;
}

/* ---- sockets ---- */

static int take_sockets(void *ctx, struct ev_batch *rows)
{
	struct recorder *r = ctx;
	struct ev_walk walk = ev_walk(rows);
	struct ev ev = {0};

	while (ev_next(&walk, &ev)) {
		if (batch_is_full(r))
			put_batch(r);
		if (!want_batch(r)) {
			r->sockets_lost += rows->n - ev.index;
			break;
		}
		ev_copy(r->batch, &ev);
		r->socket_rows += ev.diag != NULL;
		if (!r->batch_since)
			r->batch_since = ev.common->timestamp;
	}
	return 0;
}

static int find_places(struct recorder *r, struct skbox_error *err)
{
	const struct option_list *names = &r->config->netns;
	int ret = 0;

	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->v[i], "all"))
			return netns_list_scan(&r->places, err);
	r->places.v = calloc(names->n ? names->n : 1, sizeof(*r->places.v));
	if (!r->places.v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (!names->n) {
		r->places.n = 1;
		return netns_current(r->places.v, err);
	}
	for (; !ret && r->places.n < names->n; r->places.n++)
		ret = netns_find(names->v[r->places.n], &r->places.v[r->places.n], err);
	return ret;
}

/* A whole round in each namespace, at the start and the end. */
static void dump_all(struct recorder *r, const char *cause)
{
	struct skbox_error err = {0};

	for (size_t i = 0; r->dumper && i < r->places.n; i++)
		sock_dumper_run(r->dumper, &r->places.v[i], cause,
				&err); /* what failed is in its end row */
}

/* Lets the round that goes on go on, and begins the next where it is time. */
static void step_sockets(struct recorder *r, uint64_t now)
{
	struct skbox_error err = {0};

	if (!r->dumper)
		return;
	if (sock_dumper_busy(r->dumper)) {
		sock_dumper_step(r->dumper, &err);
	} else if (r->place < r->places.n) {
		sock_dumper_start(r->dumper, &r->places.v[r->place++], "period", &err);
	} else if (r->config->sockets_ns && now >= r->next_sockets) {
		r->place = 0;
		/* a period that was missed is not made up for */
		while (r->next_sockets <= now)
			r->next_sockets += r->config->sockets_ns;
	}
}

static bool sockets_are_busy(const struct recorder *r)
{
	return r->dumper && (sock_dumper_busy(r->dumper) || r->place < r->places.n);
}

/* ---- life ---- */

/*
 * Names of namespaces and devices. They help, but a recording without them is one: what goes wrong
 * here is not the user's business.
 */
static void describe_places(struct recorder *r)
{
	struct netns_list all = {0};

	netns_list_scan(&all, NULL);
	if (all.n && want_batch(r))
		inventory_add_namespaces(r->batch, &all);
	netns_list_free(&all);
}

static bool stack_of(void *ctx, struct ev_batch *b, int32_t id, struct ev_list *list)
{
	return stacks_get(ctx, b, id, list);
}

static void describe_probe(struct recorder *r, uint32_t id)
{
	const struct probe *p = &r->probes->v[id];
	struct convert_probe *c = convert_set_probe(&r->convert, id, p->symbol, p->type);

	c->place = p->place;
	c->ret_bytes = (uint8_t)p->args.ret_bytes;
	c->ret_signed = p->args.ret_signed;
}

static int init_stacks(struct recorder *r, struct skbox_error *err)
{
	struct skbox_error why = {0};
	struct timespec tick;
	int rc;

	/* the coarse clock moves with the kernel's ticks */
	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick) && tick.tv_nsec > 0)
		r->convert.hz = (uint32_t)(1000000000 / tick.tv_nsec);
	if (!r->probes->wants_stacks)
		return 0;
	rc = stacks_init(&r->stacks, probes_stacks_fd(r->probes, 0), probes_stacks_fd(r->probes, 1),
			 &why);
	if (rc)
		return error_set(err, rc, 0, "out of memory");
	if (*why.text)
		terminal_error("stacks are addresses: %s", why.text);
	r->convert.stack_of = stack_of;
	r->convert.stack_ctx = &r->stacks;
	return 0;
}

int recorder_init(struct recorder *r, struct skbox_error *err)
{
	struct probes *p = r->probes;
	int rc;

	/*
	 * A busy machine is when recordings matter: a little ahead of others, so that the rings are
	 * emptied in time. Ours alone, the command was made before; without the right, without.
	 */
	setpriority(PRIO_PROCESS, 0, NICE);
	dropnames_init(&r->drops, p->kernel->vmlinux);
	r->counters = calloc(p->n * p->cpus, sizeof(*r->counters));
	r->skipped = calloc(p->n, sizeof(*r->skipped));
	r->totals = calloc(p->n, sizeof(*r->totals));
	if (!r->counters || !r->skipped || !r->totals ||
	    cost_init(&r->cost, p, inventory_now_ns()) ||
	    !convert_init(&r->convert, (uint32_t)p->n, &r->drops))
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (uint32_t i = 0; i < p->n; i++)
		if (!p->v[i].internal)
			describe_probe(r, i);
	rc = init_stacks(r, err);
	if (rc)
		return rc;
	if (p->own_rings)
		rc = rings_init_areas(&r->rings, probes_areas_fd(p), p->rings, p->ring_bytes,
				      probes_ring_stride(p), p->secret, err);
	else
		rc = rings_init(&r->rings, p->ring_fds, p->rings, p->ring_bytes, err);
	if (rc)
		return rc;
	if (!r->config->no_sockets) {
		struct sock_dump_options o = {.emit = take_sockets, .ctx = r};

		rc = find_places(r, err);
		if (!rc)
			rc = sock_dumper_open(&r->dumper, &o, err);
		if (rc)
			return rc;
		r->place = r->places.n;
	}
	r->waiting = true;
	if (!want_batch(r))
		return error_set(err, -ENOMEM, 0, "out of memory");
	inventory_add_start(r->batch, r->config, p);
	inventory_add_probes(r->batch, p);
	plan_add_skipped(r->plan, r->batch);
	tell_totals(r);
	put_batch(r); /* what a file is comes out at once, even if nothing else ever does */
	describe_places(r);
	put_batch(r);
	return 0;
}

void recorder_fini(struct recorder *r)
{
	sock_dumper_close(r->dumper);
	netns_list_free(&r->places);
	rings_fini(&r->rings);
	convert_fini(&r->convert);
	stacks_fini(&r->stacks);
	dropnames_fini(&r->drops);
	free(r->counters);
	free(r->skipped);
	free(r->totals);
	cost_fini(&r->cost);
	memset(r, 0, sizeof(*r));
}

static void check_signals(struct recorder *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1 && r->config->rotate.on)
			/* what happened before the signal is drained before */
			r->rotate_at = inventory_now_ns() + HOLD_US * US;
		else if (info.ssi_signo == SIGUSR1)
			terminal_error("SIGUSR1 starts a new file with --rotate only");
		else if (info.ssi_signo != SIGCHLD)
			r->reason = "signal";
	}
	if (!r->reason && command_check(r->command))
		r->reason = "command";
}

/* Waits for a signal, for netlink, or for the time to be over. */
static void wait_for(struct recorder *r, uint64_t us)
{
	struct pollfd fds[2] = {{.fd = r->signal_fd, .events = POLLIN},
				{.fd = -1, .events = POLLIN}};
	struct timespec t = {.tv_nsec = (long)(us * US)};

	if (r->dumper)
		fds[1].fd = sock_dumper_fd(r->dumper);
	if (ppoll(fds, 2, &t, NULL) > 0 && fds[0].revents)
		check_signals(r);
}

static void loop(struct recorder *r)
{
	uint64_t idle = IDLE_MIN_US;

	while (!r->reason) {
		uint64_t now = inventory_now_ns();
		size_t n = drain(r, now - HOLD_US * US);

		if (r->reason)
			break;
		if (now >= r->next_loss) {
			add_losses(r, now);
			tell_totals(r);
			r->next_loss = now + LOSS_EVERY_MS * MS;
		}
		if (now >= r->next_clock && want_batch(r)) {
			inventory_add_clock(r->batch);
			if (!r->batch_since)
				r->batch_since = now;
			r->next_clock = now + CLOCK_EVERY_MS * MS;
		}
		step_sockets(r, now);
		cost_step(&r->cost, now);
		if (r->rotate_at && now >= r->rotate_at)
			rotate(r, now);
		if (r->batch_since && now - r->batch_since >= BATCH_AGE_MS * MS)
			put_batch(r);
		if (output_error(r->output, NULL))
			r->reason = "error";
		else if (output_disk_low(r->output, NULL))
			r->reason = "disk";
		else if (r->end_at && now >= r->end_at)
			r->reason = "duration";
		idle = n || sockets_are_busy(r) ? IDLE_MIN_US
		       : idle * 2 > IDLE_MAX_US ? IDLE_MAX_US
						: idle * 2;
		if (n == PASS_RECORDS)
			check_signals(r); /* no sleep: there is more */
		else
			wait_for(r, idle);
	}
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

int recorder_run(struct recorder *r, struct skbox_error *err)
{
	uint64_t now;
	int rc;

	dump_all(r, "start");
	r->waiting = false;
	now = inventory_now_ns();
	r->loss_since = now;
	r->next_loss = now + LOSS_EVERY_MS * MS;
	r->next_clock = now + CLOCK_EVERY_MS * MS;
	r->next_sockets = now + r->config->sockets_ns;
	r->next_rotate = r->config->rotate.time_ns ? now + r->config->rotate.time_ns : 0;
	r->rotate_at = r->next_rotate;
	r->end_at = r->config->duration_ns ? now + r->config->duration_ns : 0;
	command_go(r->command);
	loop(r);
	cost_stop(&r->cost, inventory_now_ns());
	probes_stop(r->probes);
	r->waiting = true;
	drain_rest(r);
	while (r->dumper && sock_dumper_step(r->dumper, err) > 0)
		wait_for(r, IDLE_MIN_US);
	dump_all(r, "stop");
	describe_places(r); /* what was made meanwhile */
	add_losses(r, inventory_now_ns());
	tell_totals(r);
	put_batch(r);
	rc = output_finish(r->output, r->reason, err);
	return rc ? rc : output_disk_low(r->output, err);
}
