/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes by, for all rules; and in the end the verdicts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analyze/check/check.h"
#include "analyze/filter/filter.h"

/* ---- what rules ask of an event ---- */

struct ev_str check_symbol(const struct ev *ev)
{
	if (ev->kernel)
		return ev->kernel->symbol;
	return ev->userspace ? ev->userspace->symbol : (struct ev_str){0};
}

bool check_is_drop(const struct ev *ev)
{
	return ev->skb_drop && !ev_is(ev->skb_drop->drop_reason, "CONSUMED");
}

bool check_pattern(const char *pattern, struct ev_str symbol, struct ev_str dev)
{
	const char *at = strchr(pattern, '@');
	char probe[128];

	if (!at)
		return filter_glob(pattern, symbol.p, symbol.len);
	if ((size_t)(at - pattern) >= sizeof(probe))
		return false;
	memcpy(probe, pattern, (size_t)(at - pattern));
	probe[at - pattern] = 0;
	return filter_glob(probe, symbol.p, symbol.len) && filter_glob(at + 1, dev.p, dev.len);
}

uint16_t check_name(struct check *c, struct ev_str text)
{
	int64_t id;

	if (!c->names && !(c->names = ev_batch_new())) {
		c->failed = true;
		return 0;
	}
	if (!c->names->strings.n)
		ev_text(c->names, "others");
	if (c->names->strings.n < CHECK_NAMES_MAX)
		id = ev_string(c->names, text.p, text.len).id;
	else
		id = ev_string_find(c->names, text.p, text.len);
	c->failed |= c->names->failed;
	return id > 0 ? (uint16_t)id : 0;
}

struct check_example *check_example_add(struct check *c, struct check_rule *r)
{
	struct check_example *x;

	if (r->n_examples >= c->examples)
		return NULL;
	x = &r->example[r->n_examples++];
	*x = (struct check_example){0};
	return x;
}

/* ---- what goes by ---- */

static bool run_where(struct check_where *w, const struct ev_batch *batch)
{
	if (w->where)
		w->match = where_run(w->where, batch);
	return !w->where || w->match;
}

bool check_batch(struct check *c, const struct ev_batch *batch)
{
	bool ok = true;

	for (unsigned int i = 0; i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		ok = ok && run_where(&r->where, batch) && run_where(&r->of, batch);
		for (unsigned int s = 0; s < r->n_steps; s++)
			ok = ok && run_where(&r->step[s], batch);
	}
	c->failed |= !ok;
	return ok;
}

/* A probe that was attached, or one that was seen in what has no inventory. */
static void meet_needs(struct check *c, struct ev_str symbol)
{
	for (unsigned int i = 0; i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		for (size_t n = 0; r->needs && n < r->needs->n; n++)
			if (!(r->needs_met >> n & 1) &&
			    filter_glob(r->needs->v[n]->text, symbol.p, symbol.len))
				r->needs_met |= 1u << n;
	}
}

static void note_loss(struct check *c, const struct ev_loss *l)
{
	struct check_example *x;

	c->skipped += l->skipped;
	if (EV_HAS(l, loss, kind))
		c->lost_sockets += l->lost + l->skipped;
	else
		c->lost_rows += l->lost + l->skipped;
	for (unsigned int i = 0; i < c->n_rules; i++) {
		struct check_rule *r = &c->rule[i];

		x = r->is_about_loss ? check_example_add(c, r) : NULL;
		if (x)
			x->ordinal[0] = c->ordinal;
	}
}

static void note_time(struct check *c, const struct ev *ev)
{
	uint64_t ns = ev->common ? ev->common->timestamp : 0;

	if (ns && (!c->begin_ns || ns < c->begin_ns))
		c->begin_ns = ns;
	if (ns > c->end_ns)
		c->end_ns = ns;
}

void check_record(struct check *c, const struct ev *ev)
{
	if (!c->is_timed)
		note_time(c, ev);
	if (!c->losses_known)
		journey_losses_add(&c->losses, ev);
	if (ev->loss && ev->loss->lost + ev->loss->skipped)
		note_loss(c, ev->loss);
	if (ev->total)
		c->lost_total += ev->total->lost + ev->total->skipped;
	if (!ev->probe)
		return;
	c->has_inventory = true;
	if (ev->probe->attached)
		meet_needs(c, ev->probe->symbol);
	else
		c->unattached++;
}

void check_event(struct check *c, const struct ev *ev)
{
	struct ev_str symbol = check_symbol(ev);

	c->events++;
	note_time(c, ev);
	if (!c->has_inventory && symbol.len)
		meet_needs(c, symbol);
	for (unsigned int i = 0; i < c->n_rules; i++)
		if (c->rule[i].kind->event)
			c->rule[i].kind->event(c, &c->rule[i], ev);
	if (c->n_journey_rules)
		check_journey_event(c, ev);
}

/* ---- losses ---- */

/* Whether a rule looks at rows of snapshots alone, which no probe can lose. */
static bool is_of_snapshots(const struct field *f)
{
	for (unsigned int i = 0; i < f->n; i++) {
		enum ev_section s;

		if (!f->from[i].schema)
			return false;
		s = f->from[i].schema->section;
		if (s != EV_diag && s != EV_tcpinfo && s != EV_tcpinfo_new && s != EV_meminfo &&
		    s != EV_skmeminfo)
			return false;
	}
	return f->n > 0;
}

uint64_t check_lost(const struct check *c, const struct check_rule *r)
{
	uint64_t probes = c->lost_rows > c->lost_total ? c->lost_rows : c->lost_total;

	if (c->damaged || (r && r->overflow))
		return UINT64_MAX;
	if (r && is_of_snapshots(&r->field))
		return c->lost_sockets;
	if (r && (r->journey || r->n_steps))
		return probes;
	return probes + c->lost_sockets;
}

/* ---- figures ---- */

static double quantile(const struct stats_hist *h, double q)
{
	if (q > 1)
		return INFINITY;
	return q <= 0 ? 0 : (double)stats_hist_quantile(h, q);
}

/*
 * A quantile, and what it would be with the lost values all above or all below what was seen. A quantile of
 * the histogram is at most 1/64 off.
 */
static void figure_quantile(const struct check_rule *r, double q, double lost,
			    struct check_figure *f)
{
	double n = (double)r->hist.n;

	f->value = f->low = f->high = quantile(&r->hist, q);
	if (lost <= 0)
		return;
	f->high = isinf(lost) ? INFINITY : quantile(&r->hist, q * (n + lost) / n);
	f->low = isinf(lost) ? 0 : quantile(&r->hist, (q * (n + lost) - lost) / n);
}

bool check_figure_hist(const struct check *c, const struct check_rule *r, enum check_figure_id id,
		       struct check_figure *f)
{
	static const double quantiles[FIGURES] = {[FIGURE_P50] = 0.5,
						  [FIGURE_P90] = 0.9,
						  [FIGURE_P95] = 0.95,
						  [FIGURE_P99] = 0.99,
						  [FIGURE_P999] = 0.999};
	uint64_t n = check_lost(c, r);
	double lost = n == UINT64_MAX ? INFINITY : (double)n;

	if (!r->hist.n)
		return false;
	if (quantiles[id] > 0) {
		figure_quantile(r, quantiles[id], lost, f);
		return true;
	}
	f->value = id == FIGURE_MIN   ? (double)r->hist.min
		   : id == FIGURE_MAX ? (double)r->hist.max
				      : r->sum / (double)r->hist.n;
	f->low = lost > 0 && id != FIGURE_MAX ? 0 : f->value;
	f->high = lost > 0 && id != FIGURE_MIN ? INFINITY : f->value;
	return true;
}

bool check_figure_broken(const struct check *c, const struct check_rule *r, enum check_figure_id id,
			 struct check_figure *f)
{
	uint64_t lost = check_lost(c, r);
	double sure = (double)r->count, maybe = (double)r->uncertain;

	*f = (struct check_figure){sure + maybe, sure, sure + maybe + (double)lost};
	if (lost == UINT64_MAX)
		f->high = INFINITY;
	return true;
}

/* ---- verdicts ---- */

static bool holds(const struct check_bound *b, double v)
{
	switch (b->op) {
	case CHECK_LE: return v <= b->value;
	case CHECK_LT: return v < b->value;
	case CHECK_GE: return v >= b->value;
	case CHECK_GT: return v > b->value;
	default: return v == b->value;
	}
}

static enum check_verdict judge_bound(const struct check_bound *b, const struct check_figure *f)
{
	if (holds(b, f->low) && holds(b, f->high))
		return CHECK_PASS;
	if (b->op == CHECK_EQ)
		return b->value < f->low || b->value > f->high ? CHECK_FAIL : CHECK_UNKNOWN;
	return !holds(b, f->low) && !holds(b, f->high) ? CHECK_FAIL : CHECK_UNKNOWN;
}

static void worse(struct check_rule *r, enum check_verdict v)
{
	if (v == CHECK_FAIL || r->verdict == CHECK_PASS)
		r->verdict = v;
}

static void put_figure(struct check_rule *r, const struct check_bound *b,
		       const struct check_figure *f, enum check_verdict v)
{
	struct buf *out = &r->measured;

	if (r->kind->is_distribution)
		buf_printf(out, "%s ", b->key);
	check_value_put(r, f->value, out);
	if (v == CHECK_UNKNOWN && f->low != f->high) {
		buf_str(out, " (between ");
		check_value_put(r, f->low, out);
		buf_str(out, " and ");
		check_value_put(r, f->high, out);
		buf_u8(out, ')');
	}
}

static void put_bounds(struct check *c, struct check_rule *r)
{
	bool is_over = false;

	for (unsigned int i = 0; i < r->n_bounds; i++) {
		const struct check_bound *b = &r->bound[i];
		struct check_figure f;
		enum check_verdict v;

		if (!r->kind->figure(c, r, b->figure, &f))
			return;
		v = judge_bound(b, &f);
		worse(r, v);
		is_over |= v == CHECK_FAIL && f.value > b->value;
		if (r->kind->is_distribution || i == 0) {
			buf_str(&r->measured, r->kind->is_distribution && i ? ", " : "");
			put_figure(r, b, &f, v);
		}
	}
	/* of what there is too little, nothing that is there breaks the rule */
	if (!r->kind->is_distribution && !is_over)
		r->n_examples = 0;
}

static void put_limits(struct check_rule *r)
{
	buf_str(&r->measured, " (");
	for (unsigned int i = 0; i < r->n_bounds; i++) {
		buf_str(&r->measured, i ? ", " : "");
		check_value_put_bound(r, &r->bound[i], &r->measured);
	}
	buf_u8(&r->measured, ')');
}

/* What keeps a rule from being judged at all. False: nothing does. */
static bool lacks_probe(const struct check *c, struct check_rule *r)
{
	for (size_t n = 0; r->needs && n < r->needs->n; n++)
		if (!(r->needs_met >> n & 1)) {
			buf_str(&r->measured, "; probe ");
			text_untrusted(&r->measured, r->needs->v[n]->text,
				       strlen(r->needs->v[n]->text));
			buf_str(&r->measured, " was not recorded");
			return true;
		}
	return false;
}

void check_judge(struct check *c, struct check_rule *r)
{
	uint64_t lost = check_lost(c, r);
	struct buf *out = &r->measured;

	buf_clear(out);
	r->verdict = CHECK_PASS;
	put_bounds(c, r);
	if (r->kind->tell) {
		if (out->len)
			buf_u8(out, ' ');
		r->kind->tell(c, r, out);
	} else {
		buf_str(out, " ");
		buf_str(out, r->where_text);
	}
	put_limits(r);
	if (r->verdict != CHECK_FAIL && lacks_probe(c, r)) {
		r->verdict = CHECK_UNKNOWN;
		return;
	}
	if (r->seen < r->min_seen) {
		buf_printf(out, "; fewer than %llu %s", (unsigned long long)r->min_seen,
			   r->kind->what);
		worse(r, lost ? CHECK_UNKNOWN : CHECK_FAIL);
	}
	if (r->verdict == CHECK_UNKNOWN && c->damaged)
		buf_str(out, "; the input is damaged");
	else if (r->verdict == CHECK_UNKNOWN && r->overflow)
		buf_str(out, "; there were more than can be kept in mind");
	else if (r->verdict == CHECK_UNKNOWN && lost)
		buf_printf(out, "; %llu events were lost", (unsigned long long)lost);
}

void check_end(struct check *c)
{
	if (c->n_journey_rules)
		check_journey_end(c);
	for (unsigned int i = 0; i < c->n_rules; i++) {
		if (c->rule[i].kind->end)
			c->rule[i].kind->end(c, &c->rule[i]);
		check_judge(c, &c->rule[i]);
		c->failed |= c->rule[i].measured.failed;
	}
}
