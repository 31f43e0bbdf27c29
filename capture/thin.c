// SPDX-License-Identifier: BSD-2-Clause
#include "capture/thin.h"

/*
 * Less is kept at once, in proportion; more by and by, and only while there is room to the limit: from
 * the smallest part to all it takes some 5 s without load.
 */
static const double raise_below = 0.75, raise_by = 1.25;
static const double double_below = 0.25, cut_most = 1.0 / 16;

enum {
	BOUND_LEAST = THIN_ALL / 1024, /* a recording of nothing would tell nobody anything */
	GUESS_NS = 500, /* of a run, where the kernel does not tell: more than most take */
};

void thin_init(struct thin *t, uint32_t percent, volatile struct thin_bound *bound)
{
	*t = (struct thin){
		.limit = percent / 100.0, .least = THIN_ALL, .bound = percent ? bound : NULL};
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* What the programs took of a processor. Between two windows what the last one said is taken for it. */
static void measure_bpf(struct thin *t, uint64_t passed_ns, const struct thin_cost *cost)
{
	if (cost->window_ns > t->window_ns)
		t->bpf = share_of(cost->run_ns - t->run_ns, cost->window_ns - t->window_ns);
	else if (!cost->window_ns)
		t->bpf = share_of((cost->runs - t->runs) * GUESS_NS, passed_ns);
}

static uint32_t next_bound(const struct thin *t, uint32_t bound)
{
	double factor = 1;

	if (t->load > t->limit)
		factor = t->limit / t->load > cut_most ? t->limit / t->load : cut_most;
	else if (t->load < t->limit * double_below)
		factor = 2;
	else if (t->load < t->limit * raise_below)
		factor = raise_by;
	/* a step of one at least */
	bound = (uint32_t)(bound * factor + (factor > 1));
	return bound > THIN_ALL ? THIN_ALL : bound < BOUND_LEAST ? BOUND_LEAST : bound;
}

bool thin_step(struct thin *t, uint64_t now_ns, const struct thin_cost *cost)
{
	uint64_t passed_ns = now_ns - t->now_ns;
	bool first = !t->now_ns;
	uint32_t old, bound;

	if (!t->bound || passed_ns < 1)
		return false;
	if (!first)
		measure_bpf(t, passed_ns, cost);
	t->load = t->bpf + share_of(cost->cpu_ns - t->cpu_ns, passed_ns);
	t->now_ns = now_ns;
	t->cpu_ns = cost->cpu_ns;
	t->runs = cost->runs;
	if (cost->window_ns > t->window_ns || first) {
		t->run_ns = cost->run_ns;
		t->window_ns = cost->window_ns;
	}
	if (first)
		return false;
	old = t->bound->kept;
	bound = next_bound(t, old);
	t->bound->kept = bound;
	if (bound < t->least)
		t->least = bound;
	return bound != old;
}

uint32_t thin_millionths(uint32_t bound)
{
	return (uint32_t)((uint64_t)bound * 1000000 / THIN_ALL);
}

void thin_add_row(const struct thin *t, struct ev_batch *b, uint64_t since_ns)
{
	struct ev_common *common;
	struct ev_thin *row;

	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, since_ns);
	row = EV_ADD(b, thin);
	EV_SET(row, thin, kept, thin_millionths(t->bound->kept));
	EV_SET(row, thin, load, (uint32_t)(t->load * 1e6));
}
