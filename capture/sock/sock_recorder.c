// SPDX-License-Identifier: BSD-2-Clause
#include "capture/sock/sock_recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "capture/sock/sock_dump.h"
#include "capture/sock/sock_place.h"

enum {
	ENDS_A_STEP = 1024, /* rows of ended sockets, of one namespace */
	DRAIN_STEPS = 64,   /* all that can wait, some times over */
	READY_MAX = 64,
	DUMP_STEPS = 8, /* recvs of a dump a step */
};

/* What is counted elsewhere and told in intervals. */
struct counts {
	uint64_t found, gone, again, suppressed, outside, unattributed, undecoded, unwatched;
};

struct sock_recorder {
	struct sock_recorder_options o;
	struct sock_places places;
	struct sock_rows *rows;
	struct sock_dumper *dumper;
	struct ev_batch *batch;
	int epoll_fd;
	bool watching;      /* ends of sockets are told here */
	bool in_round;      /* a round goes on: places from `place` on are to come */
	const char *cause;  /* of the round; NULL: one by the clock */
	const char *wanted; /* of the next one; NULL: by the clock */
	bool only_new;      /* of those that were not dumped yet */
	size_t place;
	uint64_t next_round, next_scan, next_stat; /* next_round: UINT64_MAX: never */
	uint64_t handed_out;
	struct counts counts, told; /* told: as of the last row */
	uint64_t stat_since;
	int failed; /* what options.emit said */
};

/* ---- rows ---- */

/* Rows of sockets are counted, whoever made them. */
static int emit(void *ctx, struct ev_batch *b)
{
	struct sock_recorder *r = ctx;
	int ret = r->o.emit(r->o.ctx, b);

	r->handed_out += b->sec[EV_diag].n;
	r->failed = ret < 0 ? ret : r->failed;
	return ret;
}

static int flush(struct sock_recorder *r)
{
	int ret = 0;

	if (r->batch->failed)
		ret = -ENOMEM;
	else if (r->batch->n)
		ret = emit(r, r->batch);
	ev_batch_clear(r->batch);
	return ret;
}

static void begin_row(struct sock_recorder *r, uint64_t now, const struct netns *ns)
{
	struct ev_common *common;

	ev_batch_begin(r->batch);
	common = EV_ADD(r->batch, common);
	EV_SET(common, common, timestamp, now);
	if (ns)
		netns_add_section(ns, r->batch);
}

/* ---- counts ---- */

static void add_lost(struct sock_recorder *r, struct sock_place *place, uint64_t now)
{
	struct ev_loss *row;

	if (!place->watch.lost)
		return;
	begin_row(r, now, &place->ns);
	row = EV_ADD(r->batch, loss);
	EV_SET(row, loss, from, r->stat_since);
	EV_SET(row, loss, kind, ev_text(r->batch, "ended sockets"));
	EV_SET(row, loss, lost, place->watch.lost);
	place->watch.lost = 0;
}

static void add_stat(struct sock_recorder *r, uint64_t now)
{
	struct counts c = r->counts, *told = &r->told;
	struct ev_sockstat *row;

	for (size_t i = 0; i < r->places.n; i++)
		add_lost(r, r->places.v[i], now);
	c.outside = r->rows->outside;
	c.unattributed = r->rows->unattributed;
	c.undecoded = r->rows->undecoded;
	if (memcmp(&c, told, sizeof(c))) {
		begin_row(r, now, NULL);
		row = EV_ADD(r->batch, sockstat);
		EV_SET(row, sockstat, from, r->stat_since);
#define TELL(member)                                                                               \
	if (c.member != told->member)                                                              \
	EV_SET(row, sockstat, member, c.member - told->member)
		TELL(found);
		TELL(gone);
		TELL(again);
		TELL(suppressed);
		TELL(outside);
		TELL(unattributed);
		TELL(undecoded);
		TELL(unwatched);
#undef TELL
		*told = c;
	}
	r->stat_since = now;
	r->next_stat = now + SOCK_STAT_EVERY_NS;
}

/* ---- ends ---- */

static int take_ends(struct sock_recorder *r, struct sock_place *place, bool all)
{
	int n = ENDS_A_STEP, ret = 0;

	for (int i = 0; i < (all ? DRAIN_STEPS : 1) && n == ENDS_A_STEP && ret == 0; i++) {
		n = sock_watch_take(&place->watch, r->rows, ENDS_A_STEP, r->batch);
		if (n < 0) {
			sock_watch_close(&place->watch);
			r->counts.unwatched++;
		}
		ret = flush(r);
	}
	return ret;
}

static int drain_ends(struct sock_recorder *r, bool all)
{
	int ret = 0;

	for (size_t i = 0; i < r->places.n && ret == 0; i++)
		if (r->places.v[i]->watch.fd >= 0)
			ret = take_ends(r, r->places.v[i], all);
	return ret;
}

/* Of those whose descriptor is readable: with many namespaces most are quiet. */
static int take_ready(struct sock_recorder *r)
{
	struct epoll_event ready[READY_MAX];
	int n = epoll_wait(r->epoll_fd, ready, READY_MAX, 0), ret = 0;

	for (int k = 0; k < n && ret == 0; k++)
		for (size_t i = 0; i < r->places.n && ret == 0; i++)
			if (r->places.v[i]->watch.fd == ready[k].data.fd)
				ret = take_ends(r, r->places.v[i], false);
	return ret;
}

/* ---- namespaces ---- */

static void listen_to(struct sock_recorder *r, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	/* a descriptor that is closed takes itself out */
	if (fd >= 0)
		epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

/* A namespace that was found: its sockets' ends from now on, and what it is called. */
static void place_begin(struct sock_recorder *r, struct sock_place *place, bool describe)
{
	if (sock_watch_open(&place->watch, &place->ns, NULL) == 0)
		listen_to(r, place->watch.fd);
	else
		r->counts.unwatched++;
	if (describe)
		netns_inventory(&place->ns, sock_now_ns(), r->batch, NULL);
}

static void tell_gone(struct sock_recorder *r, const struct netns *ns)
{
	begin_row(r, sock_now_ns(), ns);
	EV_SET(EV_ADD(r->batch, sockstat), sockstat, vanished, true);
}

static int scan(struct sock_recorder *r, struct skbox_error *err)
{
	uint64_t start = sock_now_ns(), took;
	int ret = drain_ends(r, true);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < r->places.n; i++)
		add_lost(r, r->places.v[i], start);
	ret = sock_places_scan(&r->places, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < r->places.n_gone; i++)
		tell_gone(r, &r->places.gone[i]);
	for (size_t i = 0; i < r->places.n; i++)
		if (r->places.v[i]->is_new)
			place_begin(r, r->places.v[i], true);
	took = sock_now_ns() - start;
	r->next_scan = start + SOCK_SCAN_SHARE * took;
	if (!r->o.period_ns && r->next_scan < start + SOCK_SCAN_EVERY_NS)
		r->next_scan = start + SOCK_SCAN_EVERY_NS;
	return flush(r);
}

/* ---- rounds ---- */

/* Begins the next dump of the round: 1; 0: there is none. */
static int next_dump(struct sock_recorder *r, struct skbox_error *err)
{
	while (r->place < r->places.n) {
		struct sock_place *place = r->places.v[r->place++];
		const char *cause = r->cause ? r->cause : place->dumped ? "period" : "found";
		int ret;

		if (r->only_new && place->dumped)
			continue;
		place->dumped = true;
		ret = sock_dumper_start(r->dumper, &place->ns, cause, err);
		if (ret == 0)
			return 1;
		if (ret == -ENOTRECOVERABLE || ret == -ENOMEM)
			return ret;
		/* it went away since the scan: the next one tells */
	}
	r->in_round = false;
	/* who asked for a round wants all that there is up to its end */
	if (!r->cause)
		return 0;
	r->next_stat = 0;
	return drain_ends(r, true);
}

static int step_dump(struct sock_recorder *r, struct skbox_error *err)
{
	int ret = 1;

	for (int i = 0; i < DUMP_STEPS && ret > 0; i++) {
		ret = sock_dumper_step(r->dumper, err);
		listen_to(r, sock_dumper_fd(r->dumper));
	}
	if (r->failed)
		return r->failed;
	/* what the kernel did wrong is in the end row */
	return ret == -ENOTRECOVERABLE || ret == -ENOMEM ? ret : 0;
}

/* When the next round by the clock begins. */
static void set_clock(struct sock_recorder *r, uint64_t now)
{
	if (r->cause && !strcmp(r->cause, "stop"))
		r->next_round = r->next_scan = UINT64_MAX;
	else if (r->cause && r->o.period_ns)
		r->next_round = now + r->o.period_ns;
	/* a period that was missed is not made up for */
	while (r->next_round <= now)
		r->next_round += r->o.period_ns;
}

static int step_round(struct sock_recorder *r, uint64_t now, struct skbox_error *err)
{
	int ret = 0;

	if (sock_dumper_busy(r->dumper))
		return step_dump(r, err);
	if (r->in_round) {
		ret = next_dump(r, err);
		return ret <= 0 ? ret : step_dump(r, err);
	}
	if (!r->wanted && now < r->next_round && now < r->next_scan)
		return 0;
	if (r->wanted || now >= r->next_scan)
		ret = scan(r, err);
	r->only_new = !r->wanted && now < r->next_round;
	r->in_round = ret == 0;
	r->cause = r->wanted;
	r->wanted = NULL;
	r->place = 0;
	set_clock(r, now);
	return ret;
}

int sock_recorder_step(struct sock_recorder *r, struct skbox_error *err)
{
	int ret = take_ready(r);

	if (ret == 0)
		ret = step_round(r, sock_now_ns(), err);
	if (sock_now_ns() >= r->next_stat)
		add_stat(r, sock_now_ns());
	return ret == 0 ? flush(r) : ret;
}

void sock_recorder_begin(struct sock_recorder *r, const char *cause)
{
	r->wanted = cause;
}

/* ---- life ---- */

int sock_recorder_open(struct sock_recorder **out, const struct sock_recorder_options *o,
		       struct skbox_error *err)
{
	struct sock_recorder *r = calloc(1, sizeof(*r));
	struct sock_dump_options dump = {.emit = emit, .ctx = r};
	int ret = -ENOMEM;

	*out = NULL;
	if (!r)
		return error_set(err, -ENOMEM, 0, "out of memory");
	r->o = *o;
	r->next_round = r->next_scan = UINT64_MAX;
	r->batch = ev_batch_new();
	r->rows = sock_rows_new(o->cgroup_id);
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!r->rows)
		ret = error_set(err, -errno, 0, "cannot find the path of cgroup %llu",
				(unsigned long long)o->cgroup_id);
	else if (!r->batch || r->epoll_fd < 0)
		error_set(err, ret, 0, "out of memory or descriptors");
	else
		ret = sock_places_init(&r->places, o->names, o->n_names, err);
	dump.rows = r->rows;
	if (ret == 0)
		ret = sock_dumper_open(&r->dumper, &dump, err);
	if (ret < 0) {
		sock_recorder_close(r);
		return ret;
	}
	for (size_t i = 0; i < r->places.n; i++)
		place_begin(r, r->places.v[i], false);
	r->stat_since = sock_now_ns();
	r->next_stat = r->stat_since + SOCK_STAT_EVERY_NS;
	*out = r;
	return 0;
}

void sock_recorder_close(struct sock_recorder *r)
{
	if (!r)
		return;
	sock_dumper_close(r->dumper);
	sock_places_fini(&r->places);
	sock_rows_free(r->rows);
	ev_batch_free(r->batch);
	if (r->epoll_fd >= 0)
		close(r->epoll_fd);
	free(r);
}

int sock_recorder_fd(const struct sock_recorder *r)
{
	return r->epoll_fd;
}

bool sock_recorder_busy(const struct sock_recorder *r)
{
	return r->wanted || r->in_round || sock_dumper_busy(r->dumper);
}

uint64_t sock_recorder_wait_ns(const struct sock_recorder *r)
{
	uint64_t now = sock_now_ns(), next = r->next_stat;

	if (r->batch->n || (sock_recorder_busy(r) && !sock_dumper_busy(r->dumper)))
		return 0;
	next = r->next_round < next ? r->next_round : next;
	next = r->next_scan < next ? r->next_scan : next;
	return next > now ? next - now : 0;
}

void sock_recorder_trigger(struct sock_recorder *r, const struct sock_trigger *t)
{
	struct sock_place *place = sock_places_find(&r->places, t->netns_cookie, t->netns_inum);

	if (!place)
		return;
	if (place->lookup.fd < 0 && sock_lookup_open(&place->lookup, &place->ns, NULL) < 0) {
		r->counts.gone++;
		return;
	}
	switch (sock_lookup_run(&place->lookup, t, r->rows, r->batch)) {
	case SOCK_LOOKUP_FOUND: r->counts.found++; break;
	case SOCK_LOOKUP_LEFT_OUT: break; /* counted by rows */
	default: r->counts.gone++; break;
	}
}

uint64_t sock_recorder_rows(const struct sock_recorder *r)
{
	return r->handed_out;
}
