/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed comes first, then what may be chance, then how much was the same. */
#include <math.h>

#include "analyze/diff/diff.h"

enum { CHANCE_SHOWN = 5 };

static const char *const titles[DIFF_KINDS] = {
	"Drops",   "Paths of packets", "Latency from probe to probe",
	"Sockets", "Counts",           "Kernel and recording"};

/* What was compared, as in "12 paths". */
static const char *const nouns[DIFF_KINDS] = {"drop reasons",       "paths",  "latencies",
					      "figures of sockets", "counts", "facts"};

static void put_ns(struct buf *out, uint64_t ns)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if ((double)ns >= units[i].unit) {
			double v = (double)ns / units[i].unit;

			buf_printf(out, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, units[i].name);
			return;
		}
	buf_printf(out, "%llu ns", (unsigned long long)ns);
}

static void put_str(struct buf *out, struct ev_str s)
{
	buf_put(out, s.p, s.len);
}

static void put_p(struct buf *out, double p)
{
	if (p < 1e-9)
		buf_str(out, "p < 1e-9");
	else
		buf_printf(out, "p = %.2g", p);
}

static void put_share(struct buf *out, uint64_t n, uint64_t all)
{
	buf_printf(out, "%llu of %llu (%.1f%%)", (unsigned long long)n, (unsigned long long)all,
		   all ? 100.0 * (double)n / (double)all : 0.0);
}

static void put_shares(struct buf *out, const struct diff_item *i)
{
	put_share(out, i->a, i->all_a);
	buf_str(out, " -> ");
	put_share(out, i->b, i->all_b);
	buf_printf(out, " %s", i->kind == DIFF_PATH ? "of these packets" : "packets");
}

static void put_value(struct buf *out, bool ns, uint64_t scale, uint64_t v)
{
	if (ns)
		put_ns(out, v * scale);
	else
		buf_printf(out, "%llu", (unsigned long long)v);
}

/* p50 and so on of a latency, or of a figure in its unit. */
static void put_quantiles(struct buf *out, const struct diff_item *i, bool ns, uint64_t scale)
{
	static const char *const names[3] = {"p50", "p90", "p99"};

	for (int q = 0; q < 3; q++) {
		buf_printf(out, "%s%s ", q ? ", " : "", names[q]);
		put_value(out, ns, scale, i->qa[q]);
		buf_str(out, " -> ");
		put_value(out, ns, scale, i->qb[q]);
	}
	buf_printf(out, " (%llu and %llu %s)", (unsigned long long)i->all_a,
		   (unsigned long long)i->all_b, i->kind == DIFF_LATENCY ? "hops" : "samples");
}

static void put_rate(struct buf *out, const struct diff_side *side, uint64_t n)
{
	uint64_t ns = side->s.last_ns - side->s.first_ns;

	buf_printf(out, "%llu", (unsigned long long)n);
	if (ns && n)
		buf_printf(out, " (%.1f/s)", (double)n * 1e9 / (double)ns);
}

static void put_count(const struct diff *d, const struct diff_item *i, struct buf *out)
{
	buf_printf(out, "%s", i->what);
	buf_str(out, i->name.len ? " of " : ", ");
	put_str(out, i->name.len ? i->name : i->class);
	buf_str(out, ": ");
	put_rate(out, &d->side[0], i->a);
	buf_str(out, " -> ");
	put_rate(out, &d->side[1], i->b);
}

static void put_socket(const struct diff_item *i, struct buf *out)
{
	const struct diff_figure *figure = &diff_figures[i->figure];

	if (!i->class.len) {
		buf_str(out, "retransmitted segments: ");
		put_shares(out, i);
		return;
	}
	put_str(out, i->class);
	buf_printf(out, ": %s, %s\n    ", figure->name, figure->help);
	put_quantiles(out, i, figure->ns, 1000);
}

static void put_fact(const struct diff_item *i, struct buf *out)
{
	put_str(out, i->name);
	buf_str(out, ": ");
	if (i->va.p)
		put_str(out, i->va);
	else
		buf_str(out, "none");
	buf_str(out, " -> ");
	if (i->vb.p)
		put_str(out, i->vb);
	else
		buf_str(out, "none");
}

static void put_item(const struct diff *d, const struct diff_item *i, struct buf *out)
{
	buf_str(out, "  ");
	switch (i->kind) {
	case DIFF_DROPS:
		put_str(out, i->name);
		buf_str(out, !i->a ? " came: " : !i->b ? " went: " : ": ");
		put_shares(out, i);
		if (i->class.len)
			buf_str(out, ", most of them ");
		put_str(out, i->class);
		break;
	case DIFF_PATH:
		put_str(out, i->class);
		buf_str(out, ": ");
		put_shares(out, i);
		buf_str(out, "\n    ");
		put_str(out, i->name);
		break;
	case DIFF_LATENCY:
		put_str(out, i->class);
		buf_str(out, ": ");
		put_str(out, i->name);
		buf_str(out, "\n    ");
		put_quantiles(out, i, true, 1);
		break;
	case DIFF_SOCKET: put_socket(i, out); break;
	case DIFF_COUNT: put_count(d, i, out); break;
	default: put_fact(i, out); break;
	}
	if (i->has_p) {
		buf_str(out, ", ");
		put_p(out, i->p);
	}
	buf_u8(out, '\n');
}

static void put_side(const struct diff_side *side, char letter, struct buf *out)
{
	const struct stats *s = &side->s;

	buf_printf(out, "%c: ", letter);
	text_untrusted(out, side->name, strlen(side->name));
	buf_printf(out, ": %llu events, %llu packets, %llu snapshots of sockets in ",
		   (unsigned long long)s->events, (unsigned long long)(s->journeys + s->untracked),
		   (unsigned long long)s->sockets);
	put_ns(out, s->last_ns - s->first_ns);
	buf_u8(out, '\n');
	if (stats_lost(s))
		buf_printf(out,
			   "   lost %llu events: its counts are too low; %llu packets that may "
			   "have been cut are left out of the paths\n",
			   (unsigned long long)stats_lost(s), (unsigned long long)side->unknown);
	if (s->untracked)
		buf_printf(out, "   %llu packet events belong to no journey: no paths of them\n",
			   (unsigned long long)s->untracked);
}

static void put_chance(const struct diff *d, bool all, struct buf *out)
{
	uint32_t shown = 0;

	if (!d->n_chance)
		return;
	buf_str(out, "\nMay be chance\n");
	for (uint32_t i = 0; i < d->n_items; i++) {
		if (d->items[i].different || (!all && shown == CHANCE_SHOWN))
			continue;
		put_item(d, &d->items[i], out);
		shown++;
	}
	if (shown < d->n_chance)
		buf_printf(out, "  and %u more%s\n", d->n_chance - shown,
			   all ? "" : " (--all shows them)");
}

void diff_put_text(struct diff *d, bool all, struct buf *out)
{
	const char *between = "";
	int kind = -1;

	put_side(&d->side[0], 'A', out);
	put_side(&d->side[1], 'B', out);
	if (d->n_different)
		buf_printf(out, "different: %u finding%s\n", d->n_different,
			   d->n_different == 1 ? "" : "s");
	else
		buf_str(out, "same\n");
	for (uint32_t i = 0; i < d->n_items && d->items[i].different; i++) {
		if ((int)d->items[i].kind != kind) {
			kind = (int)d->items[i].kind;
			buf_printf(out, "\n%s\n", titles[kind]);
		}
		put_item(d, &d->items[i], out);
	}
	put_chance(d, all, out);
	buf_str(out, "\nNot different:");
	for (int k = 0; k < DIFF_KINDS; k++) {
		if (!d->same[k])
			continue;
		buf_printf(out, "%s %llu %s", between, (unsigned long long)d->same[k], nouns[k]);
		between = ",";
	}
	buf_str(out, *between ? "\n" : " nothing\n");
	if (d->cut)
		buf_str(out, "There is more than memory has room for: rare paths, hops and "
			     "findings are left out.\n");
}
