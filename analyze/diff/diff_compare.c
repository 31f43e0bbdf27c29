/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A difference is what is beyond the tolerance and less probable as chance than d->t.chance, shared among all
 * comparisons of its kind (Bonferroni): a thousand hops that are the same give no finding in 999 of 1000 runs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/diff/diff.h"
#include "analyze/diff/diff_chance.h"

enum { TAIL_FLOOR = 10, STEPS_MAX = 128 };

/* One drop reason more or less is what people look for: five drops are enough. */
static const double CHANCE_OF_DROPS = 0.05;

const char *const diff_kind_names[DIFF_KINDS] = {"drops",   "paths",  "latency",
						 "sockets", "counts", "facts"};

/* ---- findings ---- */

static struct ev_str text_of(struct diff *d, const void *p, size_t len)
{
	uint32_t id = diff_intern(d, d->texts, p, len, UINT32_MAX);

	return id == UINT32_MAX ? (struct ev_str){0} : d->texts->strings.v[id];
}

static void add_item(struct diff *d, const struct diff_item *item)
{
	if (item->different)
		d->n_different++;
	else
		d->n_chance++;
	if (d->n_items < DIFF_ITEMS)
		d->items[d->n_items++] = *item;
	else
		d->cut = true;
}

/* item->size says whether it is beyond the tolerance, p whether it may be chance. */
static void judge(struct diff *d, struct diff_item *item, bool beyond, double limit)
{
	item->has_p = true;
	item->different = item->p < limit;
	if (beyond)
		add_item(d, item);
	else
		d->same[item->kind]++;
}

static double ratio(double a, double b)
{
	double low = a < b ? a : b, high = a < b ? b : a;

	if (high <= 0)
		return 1;
	return low <= 0 ? INFINITY : high / low;
}

static bool moved(double a, double b, double tolerance)
{
	return ratio(a, b) > 1 + tolerance;
}

/* ---- tables of both ---- */

typedef void pair_fn(struct diff *d, const void *key, size_t len, const struct stats_group *a,
		     const struct stats_group *b, double limit);

/* Every key of either; limit: the probability that is too small for chance. */
static void each_pair(struct diff *d, const struct stats_top *a, const struct stats_top *b,
		      double limit, pair_fn *fn)
{
	const struct stats_top *tops[2] = {a, b};
	uint32_t all = b->n;

	for (uint32_t i = 0; i < a->n; i++)
		all += !stats_top_find(b, a->v[i].key, a->v[i].key_len);
	for (int t = 0; t < 2; t++)
		for (uint32_t i = 0; i < tops[t]->n; i++) {
			const struct stats_group *g = &tops[t]->v[i];
			const struct stats_group *o = stats_top_find(tops[!t], g->key, g->key_len);

			if (t && o)
				continue;
			/* what had to make room is not known */
			if (g->error || (o ? o->error : tops[!t]->pushed_out)) {
				d->cut = true;
				continue;
			}
			fn(d, g->key, g->key_len, t ? NULL : g, t ? g : o, limit / all);
		}
}

/* ---- drops ---- */

static uint64_t packets(const struct diff_side *side)
{
	return side->s.journeys + side->s.untracked;
}

/* The class that had most of a reason's drops. */
static struct ev_str class_of_drops(struct diff *d, const struct diff_side *side,
				    const uint8_t *key, size_t len)
{
	const struct stats_group *most = NULL;
	struct diff_hop_key k;

	for (uint32_t i = 0; i < side->dropped.n; i++) {
		const struct stats_group *g = &side->dropped.v[i];
		struct ev_str name;

		memcpy(&k, g->key, sizeof(k));
		name = stats_name_text(&side->s, k.from);
		/* a reason of a sub-system has its name before it */
		if (name.len <= len && memcmp(key + len - name.len, name.p, name.len) == 0 &&
		    (!most || g->count > most->count))
			most = g;
	}
	if (!most)
		return (struct ev_str){0};
	memcpy(&k, most->key, sizeof(k));
	return d->classes->strings.v[k.class];
}

static void compare_drops(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			  const struct stats_group *b, double limit)
{
	struct diff_item item = {.kind = DIFF_DROPS, .what = "drops"};
	double share_a, share_b;

	item.a = a ? a->count : 0;
	item.b = b ? b->count : 0;
	/* the rows of drops may be more than the packets that are told apart */
	item.all_a = packets(&d->side[0]) > item.a ? packets(&d->side[0]) : item.a;
	item.all_b = packets(&d->side[1]) > item.b ? packets(&d->side[1]) : item.b;
	item.name = text_of(d, key, len);
	item.class = class_of_drops(d, &d->side[item.b > item.a], key, len);
	share_a = (double)item.a / (double)(item.all_a ? item.all_a : 1);
	share_b = (double)item.b / (double)(item.all_b ? item.all_b : 1);
	item.p = diff_chance_shares(item.a, item.all_a, item.b, item.all_b);
	item.size = ratio(share_a, share_b);
	judge(d, &item, moved(share_a, share_b, d->t.v[DIFF_DROPS]),
	      a && b ? limit : CHANCE_OF_DROPS);
}

/* ---- paths ---- */

struct ev_str diff_node_text(struct diff *d, uint32_t node, uint16_t end, uint16_t reason)
{
	/* the second one has the names of both */
	const struct stats *s = &d->side[1].s;
	uint32_t steps[STEPS_MAX], n = 0, step[2];
	struct buf *out = &d->key;
	struct ev_str name;

	for (; node && n < STEPS_MAX; node = step[0]) {
		memcpy(step, d->nodes->strings.v[node].p, sizeof(step));
		steps[n++] = step[1];
	}
	buf_clear(out);
	buf_str(out, node ? "... > " : "");
	while (n--) {
		name = stats_name_text(s, (uint16_t)steps[n]);
		text_untrusted(out, name.p, name.len);
		buf_str(out, n ? " > " : ": ");
	}
	buf_str(out, stats_end_names[end]);
	if (reason) {
		name = stats_name_text(s, reason);
		buf_str(out, ", ");
		text_untrusted(out, name.p, name.len);
	}
	d->failed |= out->failed;
	return text_of(d, out->p, out->len);
}

static uint64_t class_total(const struct diff_side *side, uint32_t class)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < side->paths.n; i++) {
		struct diff_path_key k;

		memcpy(&k, side->paths.v[i].key, sizeof(k));
		if (k.class == class)
			n += side->paths.v[i].count - side->paths.v[i].error;
	}
	return n;
}

static void compare_path(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			 const struct stats_group *b, double limit)
{
	struct diff_item item = {.kind = DIFF_PATH, .what = "packets"};
	struct diff_path_key k;

	memcpy(&k, key, sizeof(k));
	item.a = a ? a->count : 0;
	item.b = b ? b->count : 0;
	item.all_a = class_total(&d->side[0], k.class);
	item.all_b = class_total(&d->side[1], k.class);
	/* packets that are in one of them only: their count says so */
	if (!item.all_a || !item.all_b)
		return;
	item.size = fabs((double)item.a / (double)item.all_a - (double)item.b / (double)item.all_b);
	if (item.size > d->t.v[DIFF_PATH]) {
		item.class = d->classes->strings.v[k.class];
		item.name = diff_node_text(d, k.node, k.end, k.reason);
		item.p = diff_chance_shares(item.a, item.all_a, item.b, item.all_b);
	}
	judge(d, &item, item.size > d->t.v[DIFF_PATH], limit);
}

/* ---- values ---- */

static void quantiles(const struct stats_hist *h, uint64_t q[3])
{
	static const double shares[3] = {0.5, 0.9, 0.99};

	for (int i = 0; i < 3; i++)
		q[i] = stats_hist_quantile(h, shares[i]);
}

static bool beyond(uint64_t a, uint64_t b, double tolerance, uint64_t floor)
{
	return moved((double)a, (double)b, tolerance) && (a > b ? a - b : b - a) > floor;
}

static double independent(const struct stats_top *t, const struct diff_series *series,
			  const struct stats_group *g)
{
	return diff_chance_independent(&series[g - t->v]);
}

static void fill_values(struct diff_item *item, const struct stats_group *a,
			const struct stats_group *b, double share_a, double share_b)
{
	item->all_a = a->count;
	item->all_b = b->count;
	quantiles(a->hist, item->qa);
	quantiles(b->hist, item->qb);
	/* the worse one: what is rare in the other must not hide it */
	item->p = diff_chance_ranks(a->hist, b->hist, share_a < share_b ? share_a : share_b);
	item->size = ratio((double)item->qa[0], (double)item->qb[0]);
}

static void compare_hop(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			const struct stats_group *b, double limit)
{
	struct diff_item item = {.kind = DIFF_LATENCY, .what = "hops"};
	struct diff_hop_key k;
	struct ev_str name;
	double tail;

	/* where packets go is for the paths */
	if (!a || !b)
		return;
	memcpy(&k, key, sizeof(k));
	fill_values(&item, a, b, independent(&d->side[0].hops, d->side[0].hop_series, a),
		    independent(&d->side[1].hops, d->side[1].hop_series, b));
	item.class = d->classes->strings.v[k.class];
	buf_clear(&d->key);
	name = stats_name_text(&d->side[1].s, k.from);
	text_untrusted(&d->key, name.p, name.len);
	buf_str(&d->key, " > ");
	name = stats_name_text(&d->side[1].s, k.to);
	text_untrusted(&d->key, name.p, name.len);
	item.name = text_of(d, d->key.p, d->key.len);
	/* a tail is as long as the machine was busy, so more is needed there */
	tail = ratio((double)item.qa[1], (double)item.qb[1]);
	if (tail > item.size)
		item.size = tail;
	judge(d, &item,
	      beyond(item.qa[0], item.qb[0], d->t.v[DIFF_LATENCY], d->t.floor_ns) ||
		      beyond(item.qa[1], item.qb[1], d->t.v[DIFF_LATENCY] * 2,
			     d->t.floor_ns * TAIL_FLOOR),
	      limit);
}

static void compare_figure(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			   const struct stats_group *b, double limit)
{
	struct diff_item item = {.kind = DIFF_SOCKET};
	const struct diff_figure *figure;
	struct diff_figure_key k;

	if (!a || !b)
		return;
	memcpy(&k, key, sizeof(k));
	figure = &diff_figures[k.figure];
	fill_values(&item, a, b, independent(&d->side[0].figures, d->side[0].figure_series, a),
		    independent(&d->side[1].figures, d->side[1].figure_series, b));
	item.figure = (uint8_t)k.figure;
	item.what = figure->name;
	item.class = d->classes->strings.v[k.class];
	judge(d, &item, beyond(item.qa[0], item.qb[0], d->t.v[DIFF_SOCKET], figure->floor), limit);
}

/* ---- counts ---- */

static double rate(const struct diff_side *side, uint64_t n)
{
	uint64_t ns = side->s.last_ns - side->s.first_ns;

	return ns ? (double)n * 1e9 / (double)ns : (double)n;
}

/* One that lasts longer has more, and one that is slower has them at a lower rate: both must differ. */
static void count_pair(struct diff *d, struct diff_item *item, const struct stats_group *a,
		       const struct stats_group *b, double limit)
{
	double tolerance = d->t.v[DIFF_COUNT], per_second;

	item->kind = DIFF_COUNT;
	item->a = a ? a->count : 0;
	item->b = b ? b->count : 0;
	item->p = diff_chance_counts(item->a, item->b);
	item->size = ratio((double)item->a, (double)item->b);
	per_second = ratio(rate(&d->side[0], item->a), rate(&d->side[1], item->b));
	judge(d, item, item->size > 1 + tolerance && per_second > 1 + tolerance, limit);
}

static void compare_class(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			  const struct stats_group *b, double limit)
{
	struct diff_item item = {.what = "packets"};
	uint32_t class;

	memcpy(&class, key, sizeof(class));
	item.class = d->classes->strings.v[class];
	count_pair(d, &item, a, b, limit);
}

static void compare_probe(struct diff *d, const void *key, size_t len, const struct stats_group *a,
			  const struct stats_group *b, double limit)
{
	struct diff_item item = {.what = "events"};
	struct ev_str name;
	uint32_t place;

	memcpy(&place, key, sizeof(place));
	name = stats_name_text(&d->side[1].s, (uint16_t)place);
	buf_clear(&d->key);
	text_untrusted(&d->key, name.p, name.len);
	item.name = text_of(d, d->key.p, d->key.len);
	count_pair(d, &item, a, b, limit);
}

static void compare_retransmits(struct diff *d)
{
	struct diff_item item = {.kind = DIFF_SOCKET, .what = "retransmits"};
	uint64_t most;

	item.a = stats_retransmits(&d->side[0].s);
	item.b = stats_retransmits(&d->side[1].s);
	most = item.a > item.b ? item.a : item.b;
	item.all_a = packets(&d->side[0]) > most ? packets(&d->side[0]) : most;
	item.all_b = packets(&d->side[1]) > most ? packets(&d->side[1]) : most;
	if (!most)
		return;
	item.p = diff_chance_shares(item.a, item.all_a, item.b, item.all_b);
	item.size = ratio((double)item.a * (double)item.all_b, (double)item.b * (double)item.all_a);
	judge(d, &item, item.size > 1 + d->t.v[DIFF_COUNT], d->t.chance);
}

/* ---- facts ---- */

static const struct diff_fact *fact_of(const struct diff_side *side, uint32_t key)
{
	for (uint32_t i = 0; i < side->n_facts; i++)
		if (side->facts[i].key == key)
			return &side->facts[i];
	return NULL;
}

static void compare_fact(struct diff *d, const struct diff_fact *a, const struct diff_fact *b)
{
	const struct diff_fact *any = a ? a : b;
	struct diff_item item = {.kind = DIFF_FACT, .different = true, .what = "fact"};

	if ((a && a->many) || (b && b->many) || (any->both && !(a && b)))
		return;
	if (a && b && a->value == b->value) {
		d->same[DIFF_FACT]++;
		return;
	}
	item.name = d->texts->strings.v[any->key];
	if (a)
		item.va = d->texts->strings.v[a->value];
	if (b)
		item.vb = d->texts->strings.v[b->value];
	add_item(d, &item);
}

static void compare_facts(struct diff *d)
{
	const struct diff_side *a = &d->side[0], *b = &d->side[1];

	/* a recording without them, as a packet file, says nothing of its host */
	if (!a->n_facts || !b->n_facts)
		return;
	for (uint32_t i = 0; i < a->n_facts; i++)
		compare_fact(d, &a->facts[i], fact_of(b, a->facts[i].key));
	for (uint32_t i = 0; i < b->n_facts; i++)
		if (!fact_of(a, b->facts[i].key))
			compare_fact(d, NULL, &b->facts[i]);
}

/* ---- all ---- */

/* By kind, then the surest and largest first. */
static int compare_items(const void *x, const void *y)
{
	const struct diff_item *a = x, *b = y;
	uint64_t na = a->all_a + a->all_b, nb = b->all_a + b->all_b;

	if (a->different != b->different)
		return a->different ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return na != nb ? (na > nb ? -1 : 1) : (a->b < b->b) - (a->b > b->b);
}

void diff_compare(struct diff *d)
{
	struct diff_side *a = &d->side[0], *b = &d->side[1];
	double chance = d->t.chance;

	each_pair(d, &a->s.reasons, &b->s.reasons, chance, compare_drops);
	each_pair(d, &a->paths, &b->paths, chance, compare_path);
	each_pair(d, &a->hops, &b->hops, chance, compare_hop);
	each_pair(d, &a->figures, &b->figures, chance, compare_figure);
	each_pair(d, &a->classes, &b->classes, chance, compare_class);
	each_pair(d, &a->probes, &b->probes, chance, compare_probe);
	compare_retransmits(d);
	compare_facts(d);
	d->failed |= d->texts->failed || d->key.failed;
	qsort(d->items, d->n_items, sizeof(*d->items), compare_items);
}
