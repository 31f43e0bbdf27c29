/* SPDX-License-Identifier: BSD-2-Clause */
/* Events into what the report is made of. Counting is done by stats; here is what it tells on the way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter.h"
#include "analyze/report/report.h"

enum { CAUSE_WORTH = 4 }; /* drops of a cause that may take the slot of a rarer one */

/* ---- what stats tells ---- */

static void on_hop(void *ctx, struct stats_journey *j, const struct stats_hop *hop)
{
	struct report *r = ctx;

	j->tag[0] = paths_step(&r->paths, j->tag[0], hop->place);
}

static void on_end(void *ctx, const struct stats_journey *j, enum stats_end end, uint16_t what)
{
	struct report *r = ctx;

	paths_end(&r->paths, j->tag[0], end, what, j->last_ns - j->first_ns);
}

static uint64_t surely(const struct stats_group *g)
{
	return g->count - g->error;
}

/* The slot of a cause that was pushed out of its table, or of the rarest one when that is much rarer. */
static bool free_drop_slot(struct report *r, const struct stats_group *cause)
{
	uint32_t rarest = KEPT_SLOTS;
	uint64_t least = surely(cause) / 2;

	for (uint32_t i = 0; i < KEPT_SLOTS; i++) {
		const struct stats_group *g;

		if (!r->drop_cause[i])
			continue;
		g = &r->stats.causes.v[r->drop_cause[i] - 1];
		if (g->value != i + 1) {
			rarest = i;
			break;
		}
		if (surely(g) <= least) {
			least = surely(g);
			rarest = i;
		}
	}
	if (rarest == KEPT_SLOTS)
		return false;
	if (r->stats.causes.v[r->drop_cause[rarest] - 1].value == rarest + 1)
		r->stats.causes.v[r->drop_cause[rarest] - 1].value = 0;
	kept_drop_slot(&r->kept, rarest);
	r->drop_cause[rarest] = 0;
	r->n_drop_slots--;
	return true;
}

static void keep_drop(struct report *r, const struct ev *ev, struct stats_group *cause,
		      const struct stats_flow *flow)
{
	uint64_t n = surely(cause);

	if (!cause->value) {
		/* looked at a few times only: a flood of causes of one drop each must cost nothing */
		if (r->n_drop_slots == REPORT_DROP_SLOTS &&
		    (n < CAUSE_WORTH || n & (n - 1) || !free_drop_slot(r, cause)))
			return;
		cause->value = kept_new_slot(&r->kept) + 1;
		if (cause->value > KEPT_SLOTS) {
			cause->value = 0;
			return;
		}
		r->drop_cause[cause->value - 1] = (uint32_t)(cause - r->stats.causes.v) + 1;
		r->drop_flow[cause->value - 1] = *flow;
		r->n_drop_slots++;
	}
	kept_add(&r->kept, (uint32_t)cause->value - 1, ev, &r->stats.text);
}

static void on_drop(void *ctx, const struct ev *ev, struct stats_group *cause)
{
	struct report *r = ctx;
	uint64_t ns = ev->common ? ev->common->timestamp : 0;
	size_t reason = strnlen((const char *)cause->key, cause->key_len);
	struct buf *key = &r->stats.scratch;
	struct stats_flow flow;
	struct stats_group *cell;
	struct ev_str function;

	timeline_add(&r->timeline, ns, TIMELINE_DROPS, 1);
	if (!cause->first_ns)
		cause->first_ns = ns;
	buf_clear(key);
	buf_put(key, cause->key, reason);
	buf_u8(key, 0);
	if (stats_function_of(ev, &function))
		text_untrusted(key, function.p, function.len);
	else if (reason + 1 < cause->key_len)
		buf_put(key, cause->key + reason + 1,
			strnlen((const char *)cause->key + reason + 1,
				cause->key_len - reason - 1));
	cell = stats_top_add(&r->cells, key->p, key->len, 1);
	if (cell)
		cell->bytes += stats_packet_bytes(ev);
	r->failed |= !cell || key->failed;
	stats_flow_of(ev, &flow);
	sockets_drop(&r->sockets, &flow, ns);
	keep_drop(r, ev, cause, &flow);
}

static void on_socket(void *ctx, struct stats_socket *k, const struct ev *ev, uint64_t retrans,
		      bool full)
{
	struct report *r = ctx;
	uint32_t pushed_out;
	struct sockets_one *o = sockets_event(&r->sockets, k, ev, retrans, full, &pushed_out);

	if (pushed_out)
		kept_drop_slot(&r->kept, pushed_out - 1);
	if (retrans)
		timeline_add(&r->timeline, ev->common ? ev->common->timestamp : 0,
			     TIMELINE_RETRANSMITS, retrans);
	if (!o || !(retrans || full))
		return;
	if (!o->slot) {
		o->slot = kept_new_slot(&r->kept) + 1;
		if (o->slot > KEPT_SLOTS)
			o->slot = 0;
	}
	if (o->slot)
		kept_add(&r->kept, o->slot - 1, ev, &r->stats.text);
}

/* ---- life ---- */

int report_init(struct report *r)
{
	const struct stats_options o = {.top = STATS_SLOWEST};

	memset(r, 0, sizeof(*r));
	r->watch = (struct stats_watch){
		.ctx = r, .hop = on_hop, .end = on_end, .drop = on_drop, .socket = on_socket};
	kept_init(&r->kept);
	sockets_init(&r->sockets);
	if (stats_init(&r->stats, &o) < 0 || info_init(&r->info) < 0 ||
	    !timeline_init(&r->timeline) || !paths_init(&r->paths) ||
	    !stats_top_init(&r->cells, REPORT_CELLS))
		return -ENOMEM;
	r->stats.watch = &r->watch;
	return 0;
}

void report_fini(struct report *r)
{
	stats_fini(&r->stats);
	info_fini(&r->info);
	timeline_fini(&r->timeline);
	kept_fini(&r->kept);
	paths_fini(&r->paths);
	sockets_fini(&r->sockets);
	stats_top_fini(&r->cells);
}

/* ---- events ---- */

static void add_gap(struct report *r, const struct ev *ev)
{
	const struct ev_loss *l = ev->loss;
	uint64_t to = ev->common ? ev->common->timestamp : 0, n = l->lost + l->skipped;
	struct report_gap gap = {
		EV_HAS(l, loss, from) ? l->from : to, to, n,
		stats_name(&r->stats, EV_HAS(l, loss, probe) ? l->probe : l->kind)};
	struct report_gap *last;

	if (!n)
		return;
	timeline_add(&r->timeline, to, TIMELINE_LOST, n);
	if (!r->gap_slot) {
		r->gap_slot = kept_new_slot(&r->kept) + 1;
		if (r->gap_slot > KEPT_SLOTS)
			r->gap_slot = 0;
	}
	if (r->gap_slot)
		kept_add(&r->kept, r->gap_slot - 1, ev, &r->stats.text);
	if (r->n_gaps < REPORT_GAPS) {
		r->gaps[r->n_gaps++] = gap;
		return;
	}
	last = &r->gaps[REPORT_GAPS - 1];
	last->lost += n;
	if (gap.from_ns < last->from_ns)
		last->from_ns = gap.from_ns;
	if (gap.to_ns > last->to_ns)
		last->to_ns = gap.to_ns;
	if (gap.probe != last->probe)
		last->probe = 0;
}

/* The slowest packet so far: its age is how long ago it was first seen, which its id says. */
static void keep_slow(struct report *r, const struct ev *ev, uint64_t ns)
{
	uint64_t begun = ev->skb_tracking->timestamp, age = ns > begun ? ns - begun : 0;
	bool same = r->slow_slot && r->slow_key[0] == begun &&
		    r->slow_key[1] == ev->skb_tracking->orig_head;

	if (!begun || age < REPORT_SLOW_NS || age <= r->slow_ns)
		return;
	r->slow_ns = age;
	if (same)
		return;
	r->slow_key[0] = begun;
	r->slow_key[1] = ev->skb_tracking->orig_head;
	if (r->slow_slot)
		kept_drop_slot(&r->kept, r->slow_slot - 1);
	r->slow_slot = kept_new_slot(&r->kept) + 1;
	if (r->slow_slot > KEPT_SLOTS)
		r->slow_slot = 0;
	else
		kept_add(&r->kept, r->slow_slot - 1, ev, &r->stats.text);
}

void report_batch(struct report *r, const struct ev_batch *batch)
{
	kept_batch(&r->kept, batch);
	info_batch(&r->info);
}

void report_row(struct report *r, const struct ev *ev)
{
	stats_learn(&r->stats, ev);
	if (!filter_is_record(ev))
		return;
	info_event(&r->info, ev);
	if (ev->loss)
		add_gap(r, ev);
}

void report_event(struct report *r, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;

	kept_pass(&r->kept, ev);
	timeline_add(&r->timeline, ns, TIMELINE_EVENTS, 1);
	if (ev->packet)
		timeline_add(&r->timeline, ns, TIMELINE_BYTES, stats_packet_bytes(ev));
	info_event(&r->info, ev);
	stats_event(&r->stats, ev);
	if (ev->skb_tracking)
		keep_slow(r, ev, ns);
}

void report_end(struct report *r, const struct source_status *status)
{
	stats_end(&r->stats);
	/* nothing but losses: their time is all that is known */
	for (uint32_t i = 0; !r->stats.events && i < r->n_gaps; i++) {
		if (!i || r->gaps[i].from_ns < r->stats.first_ns)
			r->stats.first_ns = r->gaps[i].from_ns;
		if (r->gaps[i].to_ns > r->stats.last_ns)
			r->stats.last_ns = r->gaps[i].to_ns;
	}
	r->stats.damaged = status->damaged;
	r->stats.unfinished = status->unfinished;
	info_end(&r->info, status);
	r->failed |= r->stats.failed || r->kept.failed || r->paths.failed || r->sockets.failed;
}
