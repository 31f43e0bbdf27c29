/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of the report: counts over time, thinned series, the graph of paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/report/report.h"
#include "analyze/report/report_series.h"
#include "tests/unit/random64.h"

/* ---- the timeline ---- */

static uint64_t sum(const struct timeline_bins *bins, enum timeline_kind kind)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < bins->n; i++)
		n += bins->v[kind][i];
	return n;
}

static bool is_round(uint64_t ns)
{
	while (ns % 10 == 0)
		ns /= 10;
	return ns == 1 || ns == 2 || ns == 5;
}

/* Random times in random order, of any span: each bin has exactly what is between its bounds. */
static void test_timeline_bins(void **unused)
{
	enum { N = 3000 };
	struct timeline_bins *bins = malloc(sizeof(*bins));
	uint64_t *v = malloc(N * sizeof(*v));

	for (int round = 0; round < 40; round++) {
		uint64_t base = 1 + random64() % (UINT64_C(1) << (round + 10)), first = UINT64_MAX;
		uint64_t span = 1 + random64() % (UINT64_C(1) << (round % 50 + 1)), last = 0;
		struct timeline t;

		assert_true(timeline_init(&t));
		for (int i = 0; i < N; i++) {
			v[i] = base + random64() % span;
			first = v[i] < first ? v[i] : first;
			last = v[i] > last ? v[i] : last;
			timeline_add(&t, v[i], TIMELINE_EVENTS, 1);
			timeline_add(&t, v[i], TIMELINE_BYTES, 1500);
		}
		timeline_fold(&t, first, last, TIMELINE_BINS, bins);
		assert_true(bins->n > 0 && bins->n <= TIMELINE_BINS);
		assert_true(is_round(bins->bin_ns));
		assert_true(bins->start_ns <= 0 && (uint64_t)-bins->start_ns < bins->bin_ns);
		/* not coarser than needed: half as wide would be too many */
		assert_true(last - first < TIMELINE_BINS || (last - first) / bins->bin_ns >= 200);
		assert_int_equal(sum(bins, TIMELINE_EVENTS), N);
		assert_int_equal(sum(bins, TIMELINE_BYTES), N * 1500);
		for (int i = 0; i < N; i++)
			bins->v[TIMELINE_EVENTS]
			       [(v[i] - first - (uint64_t)bins->start_ns) / bins->bin_ns]--;
		for (uint32_t i = 0; i < bins->n; i++)
			assert_int_equal(bins->v[TIMELINE_EVENTS][i], 0);
		timeline_fini(&t);
	}
	free(v);
	free(bins);
}

/* In order, the first bin begins with the first event. */
static void test_timeline_in_order(void **unused)
{
	struct timeline_bins *bins = malloc(sizeof(*bins));
	struct timeline t;

	assert_true(timeline_init(&t));
	for (uint64_t i = 0; i < 100000; i++)
		timeline_add(&t, 1234567891 + i * 7777, TIMELINE_EVENTS, 1);
	timeline_fold(&t, 1234567891, 1234567891 + UINT64_C(99999) * 7777, TIMELINE_BINS, bins);
	assert_int_equal(bins->start_ns, 0);
	assert_int_equal(bins->bin_ns, 2000000);
	assert_int_equal(bins->n, 389);
	timeline_fini(&t);
	free(bins);
}

/* Times that nobody recorded: nothing overflows, nothing is lost. */
static void test_timeline_hostile(void **unused)
{
	static const uint64_t times[] = {UINT64_MAX,     1,   INT64_MAX, UINT64_C(1) << 62, 5, 2, 0,
					 UINT64_MAX - 1, 1000};
	enum { N = sizeof(times) / sizeof(times[0]) };
	struct timeline_bins *bins = malloc(sizeof(*bins));

	for (unsigned int turn = 0; turn < N; turn++) {
		struct timeline t;

		assert_true(timeline_init(&t));
		timeline_fold(&t, 0, 0, TIMELINE_BINS, bins);
		assert_int_equal(bins->n, 0);
		for (unsigned int i = 0; i < N; i++)
			timeline_add(&t, times[(i + turn) % N], TIMELINE_LOST, 3);
		timeline_fold(&t, 1, UINT64_MAX, TIMELINE_BINS, bins);
		assert_true(bins->n > 0 && bins->n <= TIMELINE_BINS);
		/* time 0 is not known */
		assert_int_equal(sum(bins, TIMELINE_LOST), 3 * (N - 1));
		timeline_fold(&t, 1000, 1001, 1, bins);
		assert_int_equal(bins->n, 1);
		assert_int_equal(sum(bins, TIMELINE_LOST), 3 * (N - 1));
		timeline_fini(&t);
	}
	free(bins);
}

/* ---- series ---- */

static void test_series_extremes(void **unused)
{
	for (uint32_t all = 1; all < 200000; all = all * 3 + 1) {
		struct series s = {0};
		uint64_t low[SERIES_VALUES], high[SERIES_VALUES];

		for (int k = 0; k < SERIES_VALUES; k++)
			low[k] = SERIES_NONE, high[k] = 0;
		for (uint32_t i = 0; i < all; i++) {
			struct series_point p = {.ns = 1000 + i};

			for (int k = 0; k < SERIES_VALUES; k++) {
				/* some values are seldom known, the last one never */
				bool known = k < SERIES_VALUES - 1 &&
					     random64() % (uint64_t)(k * k + 1) == 0;

				p.v[k] = known ? random64() >> 20 : SERIES_NONE;
				if (known && p.v[k] < low[k])
					low[k] = p.v[k];
				if (known && p.v[k] > high[k])
					high[k] = p.v[k];
			}
			assert_true(series_add(&s, &p));
		}
		assert_int_equal(s.all, all);
		assert_true(s.n <= SERIES_POINTS && s.n >= (all < 150 ? all : 150));
		assert_int_equal(s.v[0].ns, 1000);
		assert_int_equal(s.v[s.n - 1].ns, 1000 + all - 1);
		for (uint32_t i = 1; i < s.n; i++)
			assert_true(s.v[i].ns >= s.v[i - 1].ns);
		for (int k = 0; k < SERIES_VALUES; k++) {
			uint64_t least = SERIES_NONE, most = 0;

			for (uint32_t i = 0; i < s.n; i++) {
				if (s.v[i].v[k] == SERIES_NONE)
					continue;
				least = s.v[i].v[k] < least ? s.v[i].v[k] : least;
				most = s.v[i].v[k] > most ? s.v[i].v[k] : most;
			}
			assert_int_equal(least, low[k]);
			assert_int_equal(most, high[k]);
		}
		series_free(&s);
	}
}

/* Evenly thick: no part of the time has much fewer points than another. */
static void test_series_even(void **unused)
{
	enum { N = 123457, PARTS = 10 };
	struct series s = {0};
	uint32_t part[PARTS] = {0}, least = UINT32_MAX, most = 0;

	for (uint32_t i = 0; i < N; i++) {
		struct series_point p = {.ns = i};

		assert_true(series_add(&s, &p));
	}
	for (uint32_t i = 0; i < s.n; i++)
		part[s.v[i].ns * PARTS / N]++;
	for (int i = 0; i < PARTS; i++) {
		least = part[i] < least ? part[i] : least;
		most = part[i] > most ? part[i] : most;
	}
	assert_true(most <= least + 4);
	series_free(&s);
}

/* ---- paths ---- */

static bool comes_back(const struct paths_graph *g)
{
	uint32_t into[PATHS_NODES] = {0}, gone = 0;
	bool removed[PATHS_NODES] = {false}, more = true;

	for (uint32_t i = 0; i < g->n_links; i++)
		into[g->link[i].to]++;
	while (more) {
		more = false;
		for (uint32_t n = 0; n < g->n_nodes; n++) {
			if (removed[n] || into[n])
				continue;
			removed[n] = more = true;
			gone++;
			for (uint32_t i = 0; i < g->n_links; i++)
				if (g->link[i].from == n)
					into[g->link[i].to]--;
		}
	}
	return gone < g->n_nodes;
}

/* Ways that go to and fro between few probes, which draws cycles where nobody takes care. */
static void test_paths_graph(void **unused)
{
	struct paths_graph *g = malloc(sizeof(*g));

	for (unsigned int round = 0; round < 60; round++) {
		unsigned int places = 1 + round % 7, ways = 1 + round * 3;
		uint64_t all = 0, drawn = 0, other = 0;
		struct paths p;

		assert_true(paths_init(&p));
		for (unsigned int i = 0; i < ways; i++) {
			uint32_t step = 0, n = 1 + (uint32_t)(random64() % (round % 3 ? 6 : 40));
			uint64_t count = 1 + random64() % 20;

			while (n--)
				step = paths_step(&p, step, (uint16_t)(1 + random64() % places));
			for (uint64_t k = 0; k < count; k++)
				paths_end(&p, step, i % 2 ? END_DROPPED : END_LEFT,
					  (uint16_t)(100 + i % 3), 1000 * k);
			all += count;
		}
		paths_draw(&p, g);
		assert_true(g->n_links <= PATHS_LINKS && g->n_routes <= PATHS_ROUTES);
		assert_true(g->n_routes > 0 || round % 3 == 0);
		assert_false(comes_back(g));
		for (uint32_t i = 0; i < g->n_routes; i++) {
			const struct paths_route *r = &g->route[i];

			drawn += r->way->count;
			assert_true(i == 0 || r->way->count <= r[-1].way->count);
			assert_int_equal(g->node[r->node[r->n - 1]].kind, PATHS_END);
		}
		for (uint32_t i = 0; i < g->n_links; i++)
			if (g->node[g->link[i].to].kind == PATHS_OTHER)
				other += g->link[i].count;
		assert_int_equal(drawn + other + g->left_out, all);
		/* what goes through a node comes in and goes out, but where ways begin */
		for (uint32_t n = 0; n < g->n_nodes; n++) {
			uint64_t in = 0, out = 0, begins = 0;

			for (uint32_t i = 0; i < g->n_links; i++) {
				in += g->link[i].to == n ? g->link[i].count : 0;
				out += g->link[i].from == n &&
						       g->node[g->link[i].to].kind != PATHS_OTHER
					       ? g->link[i].count
					       : 0;
			}
			for (uint32_t i = 0; i < g->n_routes; i++)
				begins += g->route[i].node[0] == n ? g->route[i].way->count : 0;
			if (g->node[n].kind == PATHS_PROBE)
				assert_int_equal(in + begins, out);
		}
		paths_fini(&p);
	}
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeline_bins),
		cmocka_unit_test(test_timeline_in_order),
		cmocka_unit_test(test_timeline_hostile),
		cmocka_unit_test(test_series_extremes),
		cmocka_unit_test(test_series_even),
		cmocka_unit_test(test_paths_graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
