/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/cut/cut_total.h"

#include <stdlib.h>
#include <string.h>

#include "formats/schema.h"

/* Probes that are counted apart; a recording has some hundred at most. */
enum { PROBES_MAX = 4096 };

void cut_total_init(struct cut_total *t)
{
	*t = (struct cut_total){.names = ev_batch_new()};
	t->failed = !t->names;
}

void cut_total_fini(struct cut_total *t)
{
	ev_batch_free(t->names);
	free(t->v);
	*t = (struct cut_total){0};
}

static bool same(struct ev_str a, struct ev_str b)
{
	return a.len == b.len && (a.p == b.p || !a.len || memcmp(a.p, b.p, a.len) == 0);
}

static bool is_of(const struct cut_total_probe *p, struct ev_str hostname, struct ev_str symbol)
{
	return same(p->symbol, symbol) && same(p->hostname, hostname);
}

static struct cut_total_probe *probe_of(struct cut_total *t, const struct ev *ev,
					struct ev_str symbol)
{
	struct ev_str hostname = ev->common ? ev->common->hostname : (struct ev_str){0};
	uint32_t *recent = &t->recent[symbol.id % CUT_TOTAL_RECENT];
	struct cut_total_probe *v;

	if (*recent < t->n && is_of(&t->v[*recent], hostname, symbol))
		return &t->v[*recent];
	for (uint32_t i = 0; i < t->n; i++)
		if (is_of(&t->v[i], hostname, symbol)) {
			*recent = i;
			return &t->v[i];
		}
	if (t->failed || t->n == PROBES_MAX)
		return NULL;
	v = realloc(t->v, (t->n + 1) * sizeof(*v));
	if (!v) {
		t->failed = true;
		return NULL;
	}
	t->v = v;
	v += t->n++;
	*v = (struct cut_total_probe){.hostname = ev_string(t->names, hostname.p, hostname.len),
				      .symbol = ev_string(t->names, symbol.p, symbol.len)};
	t->failed = t->names->failed;
	return v;
}

void cut_total_count(struct cut_total *t, const struct ev *ev)
{
	struct cut_total_probe *p;

	if (ev->kernel && (p = probe_of(t, ev, ev->kernel->symbol)))
		p->recorded++;
	if (ev->loss && EV_HAS(ev->loss, loss, probe) && (p = probe_of(t, ev, ev->loss->probe))) {
		p->lost += ev->loss->lost;
		p->skipped += ev->loss->skipped;
	}
}

void cut_total_take(struct cut_total *t, const struct ev *ev)
{
	struct cut_total_probe *p = probe_of(t, ev, ev->total->probe);

	if (!p)
		return;
	p->is_told = true;
	for (unsigned int i = 0; i < schema_sections[EV_total].n_fields; i++) {
		const struct schema_field *f = &schema_sections[EV_total].fields[i];

		if (f->type != SCHEMA_U64 || !(ev->total->has >> f->bit & 1))
			continue;
		schema_set(f, &p->told, schema_get(f, &p->told) + schema_get(f, ev->total));
		p->told.has |= UINT64_C(1) << f->bit;
	}
}

static void put_row(const struct cut_total_probe *p, enum cut_total_how how, struct ev_total *row)
{
	if (how != CUT_TOTAL_CHOSEN)
		*row = p->told;
	if (how == CUT_TOTAL_TOLD)
		return;
	EV_SET(row, total, recorded, p->recorded);
	EV_SET(row, total, lost, p->lost);
	EV_SET(row, total, skipped, p->skipped);
}

void cut_total_put(const struct cut_total *t, uint64_t time_ns, enum cut_total_how how,
		   struct ev_batch *b)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct cut_total_probe *p = &t->v[i];
		struct ev_common *common;
		struct ev_total *row;

		if (!p->is_told ||
		    (how == CUT_TOTAL_CHOSEN && !p->recorded && !p->lost && !p->skipped))
			continue;
		ev_batch_begin(b);
		common = EV_ADD(b, common);
		EV_SET(common, common, timestamp, time_ns);
		if (p->hostname.len)
			EV_SET(common, common, hostname,
			       ev_string(b, p->hostname.p, p->hostname.len));
		row = EV_ADD(b, total);
		put_row(p, how, row);
		EV_SET(row, total, probe, ev_string(b, p->symbol.p, p->symbol.len));
	}
}
