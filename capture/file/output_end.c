/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/file/output_end.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "capture/file/inventory.h"

/* probes of a batch whose place is known; more of them than that are looked for again and again */
enum { KNOWN = 512 };
#define NS_PER_S UINT64_C(1000000000)

void output_end_free(struct output_end *e)
{
	free(e->now);
	free(e->told);
	*e = (struct output_end){0};
}

/* ---- counting ---- */

static bool make_room(struct output_end *e, size_t n)
{
	if (e->n >= n)
		return true;
	if (e->n || !n)
		return false; /* probes do not become more */
	e->now = calloc(n, sizeof(*e->now));
	e->told = calloc(n, sizeof(*e->told));
	e->n = e->now && e->told ? n : 0;
	return e->n;
}

/* The probe of a name, SIZE_MAX: none. type may be empty: losses do not say it. */
static size_t find(const struct output_totals *totals, struct ev_str symbol, struct ev_str type)
{
	for (size_t i = 0; i < totals->n; i++)
		if (ev_is(symbol, totals->v[i].symbol) &&
		    (!type.len || ev_is(type, totals->v[i].type)))
			return i;
	return SIZE_MAX;
}

void output_end_count(struct output_end *e, const struct ev_batch *b,
		      const struct output_totals *totals)
{
	const struct ev_kernel *kernel = (const struct ev_kernel *)b->sec[EV_kernel].p;
	const struct ev_loss *loss = (const struct ev_loss *)b->sec[EV_loss].p;
	struct {
		uint32_t symbol, type; /* ids, + 1 */
		size_t at;
	} known[KNOWN] = {0}, *k;

	if (!e->counting || !make_room(e, totals->n))
		return;
	for (uint32_t i = 0; i < b->sec[EV_kernel].n; i++) {
		struct ev_str symbol = kernel[i].symbol, type = kernel[i].probe_type;

		k = &known[(symbol.id + type.id * 31) % KNOWN];
		if (k->symbol != symbol.id + 1 || k->type != type.id + 1) {
			k->symbol = symbol.id + 1;
			k->type = type.id + 1;
			k->at = find(totals, symbol, type);
		}
		if (k->at < e->n)
			e->now[k->at].recorded++;
	}
	for (uint32_t i = 0; i < b->sec[EV_loss].n; i++) {
		size_t at = find(totals, loss[i].probe, (struct ev_str){0});

		if (at >= e->n)
			continue;
		e->now[at].lost += loss[i].lost;
		e->now[at].skipped += loss[i].skipped;
	}
}

void output_end_delay(struct output_end *e, const struct ev_batch *b, uint64_t now_ns)
{
	const struct ev_common *common = (const struct ev_common *)b->sec[EV_common].p;
	uint32_t row = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t time;

		if (!(b->mask[i] & EV_SECTION_BIT(common)))
			continue;
		time = common[row++].timestamp;
		if (!(b->mask[i] & EV_SECTION_BIT(kernel)) || time >= now_ns)
			continue;
		if (now_ns - time > e->max_delay_ns)
			e->max_delay_ns = now_ns - time;
		e->late += now_ns - time > OUTPUT_LATE_NS;
	}
}

/* ---- rows ---- */

static void begin(struct ev_batch *b)
{
	struct ev_common *common;

	ev_batch_begin(b);
	common = EV_ADD(b, common);
	EV_SET(common, common, timestamp, inventory_now_ns());
}

static void add_total(struct ev_batch *b, const struct output_total *t)
{
	struct ev_total *row;

	begin(b);
	row = EV_ADD(b, total);
	EV_SET(row, total, probe, ev_text(b, t->symbol));
	EV_SET(row, total, type, ev_text(b, t->type));
	EV_SET(row, total, recorded, t->recorded);
	EV_SET(row, total, lost, t->lost);
	EV_SET(row, total, skipped, t->skipped);
	EV_SET(row, total, filtered, t->filtered);
	if (t->unattributed)
		EV_SET(row, total, unattributed, t->unattributed);
	if (t->thinned)
		EV_SET(row, total, thinned, t->thinned);
	if (!t->runs)
		return;
	EV_SET(row, total, runs, t->runs);
	EV_SET(row, total, run_time, t->run_ns);
}

/* What the probe gave in this file, which is told from now on. */
static struct output_total settle(struct output_end *e, const struct output_total *all, size_t i,
				  bool last)
{
	struct output_total t = *all;

	if (i >= e->n)
		return t;
	t.recorded = last ? all->recorded - e->told[i].recorded : e->now[i].recorded;
	t.lost = last ? all->lost - e->told[i].lost : e->now[i].lost;
	t.skipped = last ? all->skipped - e->told[i].skipped : e->now[i].skipped;
	t.filtered -= e->told[i].filtered;
	t.unattributed -= e->told[i].unattributed;
	t.thinned -= e->told[i].thinned;
	t.runs -= e->told[i].runs;
	t.run_ns -= e->told[i].run_ns;
	e->told[i].recorded += t.recorded;
	e->told[i].lost += t.lost;
	e->told[i].skipped += t.skipped;
	e->told[i].filtered += t.filtered;
	e->told[i].unattributed += t.unattributed;
	e->told[i].thinned += t.thinned;
	e->told[i].runs += t.runs;
	e->told[i].run_ns += t.run_ns;
	e->now[i] = (struct output_total){0};
	return t;
}

static uint64_t processor_time_ns(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

void output_end_rows(struct output_end *e, const struct output_totals *totals, bool last,
		     const char *reason, struct ev_batch *b)
{
	struct output_totals *before = &e->before;
	struct ev_finish *row;
	uint64_t thinned = 0;

	for (size_t i = 0; i < totals->n; i++) {
		struct output_total t = settle(e, &totals->v[i], i, last);

		add_total(b, &t);
		thinned += t.thinned;
	}
	inventory_add_clock(b);
	begin(b);
	row = EV_ADD(b, finish);
	EV_SET(row, finish, reason, ev_text(b, reason));
	EV_SET(row, finish, cpu_time, processor_time_ns() + totals->cpu_ns);
	EV_SET(row, finish, ids_full, totals->ids_full - before->ids_full);
	if (totals->stackless)
		EV_SET(row, finish, stackless, totals->stackless - before->stackless);
	if (totals->kept) {
		EV_SET(row, finish, thinned, thinned);
		EV_SET(row, finish, kept, totals->kept);
	}
	EV_SET(row, finish, max_delay, e->max_delay_ns);
	EV_SET(row, finish, late, e->late);
	if (totals->window_ns > before->window_ns) {
		EV_SET(row, finish, own_runs, totals->own_runs - before->own_runs);
		EV_SET(row, finish, own_run_time, totals->own_run_ns - before->own_run_ns);
		EV_SET(row, finish, window_time, totals->window_ns - before->window_ns);
	}
	*before = *totals;
	before->v = NULL;
	before->n = 0;
	e->max_delay_ns = e->late = 0;
}
