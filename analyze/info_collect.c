/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter.h"
#include "analyze/info.h"
#include "analyze/source/source.h"
#include "analyze/stats/stats_sketch.h"
#include "formats/json_event.h"

/* Probes that are told apart; a recording has some hundred at most. */
enum { PROBES_MAX = 4096 };

int info_init(struct info *o)
{
	*o = (struct info){.rows = ev_batch_new()};
	return o->rows ? 0 : -ENOMEM;
}

void info_fini(struct info *o)
{
	free(o->probes);
	free(o->seen);
	buf_free(&o->row);
	ev_batch_free(o->rows);
	*o = (struct info){0};
}

static bool is_same(struct ev_str a, struct ev_str b)
{
	return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

/* A function can have two probes, of two types; older files do not say the type everywhere. */
static struct info_probe *probe_of(struct info *o, struct ev_str symbol, struct ev_str type)
{
	struct info_probe *v;

	for (uint32_t i = 0; i < o->n_probes; i++) {
		v = &o->probes[i];
		if (!is_same(v->symbol, symbol) ||
		    (type.len && v->type.len && !is_same(v->type, type)))
			continue;
		if (!v->type.len && type.len)
			v->type = ev_string(o->rows, type.p, type.len);
		return v;
	}
	if (o->n_probes == PROBES_MAX)
		return NULL;
	v = realloc(o->probes, (o->n_probes + 1) * sizeof(*v));
	if (!v)
		return NULL;
	o->probes = v;
	v += o->n_probes++;
	/* the inventory keeps the text as long as info lives */
	*v = (struct info_probe){.symbol = ev_string(o->rows, symbol.p, symbol.len)};
	if (type.len)
		v->type = ev_string(o->rows, type.p, type.len);
	return v;
}

void info_keep(struct info *o, const struct ev *ev)
{
	if (o->rows->n < EV_BATCH_MAX)
		ev_copy(o->rows, ev);
}

/* Rows that are of no use here, and of which a long recording has many. */
#define NOT_KEPT                                                                                   \
	(EV_SECTION_BIT(loss) | EV_SECTION_BIT(snapset) | EV_SECTION_BIT(sockstat) |               \
	 EV_SECTION_BIT(dropname) | EV_SECTION_BIT(thin))

/* Whether the row says what an earlier one said: headers and inventory are repeated now and then. */
static bool is_repeated(struct info *o, const struct ev *ev)
{
	struct ev row = *ev;
	uint64_t hash;

	if (!o->seen)
		o->seen = calloc(INFO_SEEN, sizeof(*o->seen));
	if (!o->seen)
		return false;
	/* but for its time */
	if (!ev->common || !EV_HAS(ev->common, common, hostname)) {
		row.common = NULL;
		row.sections &= ~EV_SECTION_BIT(common);
	}
	buf_clear(&o->row);
	json_event_put(&row, &o->row);
	hash = stats_hash(o->row.p, o->row.len) | 1;
	for (uint32_t at = (uint32_t)(hash >> 8);; at++) {
		uint64_t *slot = &o->seen[at & (INFO_SEEN - 1)];

		if (*slot == hash)
			return true;
		if (*slot)
			continue;
		if (o->rows->n < EV_BATCH_MAX)
			*slot = hash;
		return false;
	}
}

static void keep_row(struct info *o, const struct ev *ev)
{
	if (ev->clock) {
		if (EV_HAS(ev->clock, clock, offset)) {
			o->offset_ns = ev->clock->offset;
			o->has_offset = true;
		}
		return;
	}
	if (ev->sections & NOT_KEPT || o->rows->bytes > INFO_ROWS_BYTES || is_repeated(o, ev))
		return;
	info_keep(o, ev);
}

void info_batch(struct info *o)
{
	memset(o->recent, 0, sizeof(o->recent));
}

/* The probe of an event; ids of strings are good within a batch. */
static struct info_probe *probe_of_event(struct info *o, struct ev_str symbol, struct ev_str type)
{
	uint64_t key = (uint64_t)symbol.id << 32 | type.id;
	uint32_t at = (symbol.id + type.id) % INFO_RECENT;
	struct info_probe *p;

	if (o->recent[at].probe && o->recent[at].key == key)
		return &o->probes[o->recent[at].probe - 1];
	p = probe_of(o, symbol, type);
	if (p) {
		o->recent[at].key = key;
		o->recent[at].probe = (uint32_t)(p - o->probes) + 1;
	}
	return p;
}

void info_event(struct info *o, const struct ev *ev)
{
	uint64_t time = ev->common ? ev->common->timestamp : 0;
	struct info_probe *p;

	if (ev->loss) {
		o->lost += ev->loss->lost + ev->loss->skipped;
		p = EV_HAS(ev->loss, loss, probe) ? probe_of(o, ev->loss->probe, ev->loss->type)
						  : NULL;
		if (p) {
			p->lost += ev->loss->lost;
			p->skipped += ev->loss->skipped;
		}
	}
	if (time && (!o->first_ns || time < o->first_ns))
		o->first_ns = time;
	if (time > o->last_ns)
		o->last_ns = time;
	if (filter_is_record(ev)) {
		keep_row(o, ev);
		return;
	}
	o->events++;
	o->packets += ev->kernel != NULL;
	o->sockets += ev->diag != NULL;
	if (ev->kernel || ev->userspace) {
		p = ev->kernel
			    ? probe_of_event(o, ev->kernel->symbol, ev->kernel->probe_type)
			    : probe_of_event(o, ev->userspace->symbol, ev->userspace->probe_type);
		if (p)
			p->recorded++;
	}
}

/* What the inventory says of probes, in all. */
static void take_probes(struct info *o, bool counted)
{
	struct ev_walk w = ev_walk(o->rows);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		struct info_probe *p = NULL;

		if (ev.probe) {
			p = probe_of(o, ev.probe->symbol, ev.probe->type);
			if (p) {
				p->asked = true;
				p->attached = ev.probe->attached;
				p->how = ev.probe->how;
				p->reason = ev.probe->reason;
			}
		} else if (ev.total && !counted) {
			p = probe_of(o, ev.total->probe, ev.total->type);
			if (p) {
				p->recorded += ev.total->recorded;
				p->lost += ev.total->lost;
				p->skipped += ev.total->skipped;
				p->filtered += ev.total->filtered;
				p->runs += ev.total->runs;
				p->run_ns += ev.total->run_time;
				p->total = true;
			}
		} else if (ev.total) {
			p = probe_of(o, ev.total->probe, ev.total->type);
			if (p) {
				p->filtered += ev.total->filtered;
				p->runs += ev.total->runs;
				p->run_ns += ev.total->run_time;
			}
		}
	}
}

void info_take_totals(struct info *o)
{
	take_probes(o, false);
}

void info_end(struct info *o, const struct source_status *status)
{
	o->bytes = status->bytes;
	o->blocks = status->blocks;
	o->event_file = status->event_files > 0;
	o->finished = o->event_file && !status->unfinished;
	o->damaged = status->damaged;
	take_probes(o, true);
}
