/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics: sketches against exact counts, journeys and their ends, thresholds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/filter/fail_if.h"
#include "analyze/stats/stats.h"
#include "tests/unit/random64.h"

/* ---- sketches ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_histogram(void **unused)
{
	enum { N = 50000 };
	uint64_t *v = malloc(N * sizeof(*v)), octaves = 0;
	struct stats_hist h = {0};

	assert_int_equal(stats_hist_quantile(&h, 0.5), 0);
	for (int i = 0; i < N; i++) {
		v[i] = random64() >> (random64() % 64); /* every size */
		assert_true(stats_hist_add(&h, v[i]));
	}
	qsort(v, N, sizeof(*v), compare);
	for (int i = 0; i <= 1000; i++) {
		double q = i / 1000.0;
		size_t rank = (size_t)ceil(q * N);
		uint64_t exact = v[rank ? rank - 1 : 0], got = stats_hist_quantile(&h, q);
		uint64_t off = got > exact ? got - exact : exact - got;

		assert_true(off <= exact / 64);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t low = bit ? UINT64_C(1) << bit : 0, n = 0;

		for (int i = 0; i < N; i++)
			n += v[i] >= low && (bit == 63 || v[i] < UINT64_C(2) << bit);
		assert_int_equal(stats_hist_octave(&h, bit), n);
		octaves += n;
	}
	assert_int_equal(octaves, N);
	assert_int_equal(h.max, v[N - 1]);
	stats_hist_fini(&h);
	free(v);
}

static void test_distinct(void **unused)
{
	struct stats_distinct d = {0};

	for (uint64_t i = 1; i <= 1000000; i++) {
		uint64_t n = i, hash = stats_hash(&n, sizeof(n)), got;

		assert_true(stats_distinct_add(&d, hash));
		assert_true(stats_distinct_add(&d, hash));
		if (i > DISTINCT_EXACT && (i & (i - 1)))
			continue;
		got = stats_distinct_count(&d);
		if (i <= DISTINCT_EXACT)
			assert_int_equal(got, i);
		else if (got < i - i / 8 || got > i + i / 8)
			fail_msg("%llu are counted as %llu", (unsigned long long)i,
				 (unsigned long long)got);
		assert_true(stats_distinct_approximate(&d) == (i > DISTINCT_EXACT));
	}
	stats_distinct_fini(&d);
}

/* Keys 0 to 49 are every second one, the rest is noise of 20,000 keys; a table of 500. */
static void test_top(void **unused)
{
	enum { HEAVY = 50, NOISE = 20000, CAP = 500, N = 200000 };
	uint64_t *exact = calloc(HEAVY + NOISE, sizeof(*exact));
	struct stats_top t;
	uint32_t order[CAP], n;
	bool found[HEAVY] = {0};

	assert_true(stats_top_init(&t, CAP));
	for (int i = 0; i < N; i++) {
		uint32_t key = random64() % 2 ? (uint32_t)(random64() % HEAVY)
					      : HEAVY + (uint32_t)(random64() % NOISE);

		exact[key]++;
		assert_non_null(stats_top_add(&t, &key, sizeof(key), 1));
	}
	assert_int_equal(t.n, CAP);
	assert_true(t.pushed_out > 0);
	n = stats_top_sorted(&t, order, CAP);
	assert_int_equal(n, CAP);
	for (uint32_t i = 0; i < n; i++) {
		const struct stats_group *g = &t.v[order[i]];
		uint32_t key;

		memcpy(&key, g->key, sizeof(key));
		assert_true(g->count >= exact[key]);
		assert_true(g->count - g->error <= exact[key]);
		assert_true(i == 0 || g->count <= t.v[order[i - 1]].count);
		if (key < HEAVY)
			found[key] = true;
	}
	for (int i = 0; i < HEAVY; i++)
		assert_true(found[i]);
	stats_top_fini(&t);
	/* and where there is room everything is exact */
	assert_true(stats_top_init(&t, HEAVY));
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t key = i * i % HEAVY;

		stats_top_add(&t, &key, sizeof(key), 2);
	}
	for (uint32_t i = 0; i < t.n; i++) {
		uint32_t key, count = 0;

		memcpy(&key, t.v[i].key, sizeof(key));
		for (uint32_t k = 0; k < 1000; k++)
			count += 2 * (k * k % HEAVY == key);
		assert_int_equal(t.v[i].count, count);
		assert_int_equal(t.v[i].error, 0);
	}
	stats_top_fini(&t);
	free(exact);
}

/* ---- events ---- */

static struct ev_batch *batch;
static struct stats *s;

static int begin(void **unused)
{
	struct stats_options o = {.top = 10};

	batch = ev_batch_new();
	s = calloc(1, sizeof(*s));
	return !batch || !s || stats_init(s, &o) < 0;
}

static int finish(void **unused)
{
	stats_fini(s);
	free(s);
	ev_batch_free(batch);
	return 0;
}

static void event(uint64_t ns, uint64_t id, const char *symbol, const char *dev, const char *drop)
{
	struct ev_common *common;
	struct ev_kernel *kernel;
	struct ev_skb_tracking *track;

	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, ns);
	kernel = EV_ADD(batch, kernel);
	EV_SET(kernel, kernel, symbol, ev_text(batch, symbol));
	track = EV_ADD(batch, skb_tracking);
	EV_SET(track, skb_tracking, orig_head, id);
	EV_SET(track, skb_tracking, timestamp, 1);
	if (dev) {
		struct ev_dev *d = EV_ADD(batch, dev);

		EV_SET(d, dev, name, ev_text(batch, dev));
	}
	if (drop) {
		struct ev_skb_drop *d = EV_ADD(batch, skb_drop);

		EV_SET(d, skb_drop, drop_reason, ev_text(batch, drop));
	}
}

static void loss(uint64_t from, uint64_t to, uint64_t n)
{
	struct ev_common *common;
	struct ev_loss *l;

	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, to);
	l = EV_ADD(batch, loss);
	EV_SET(l, loss, probe, ev_text(batch, "net:netif_rx"));
	EV_SET(l, loss, from, from);
	EV_SET(l, loss, lost, n);
}

static void socket_row(uint64_t cookie, const char *cause, uint32_t retrans)
{
	struct ev_snap *snap;
	struct ev_diag *d;
	struct ev_tcpinfo *t;

	ev_batch_begin(batch);
	snap = EV_ADD(batch, snap);
	EV_SET(snap, snap, cause, ev_text(batch, cause));
	d = EV_ADD(batch, diag);
	EV_SET(d, diag, cookie, cookie);
	EV_SET(d, diag, family, 2);
	EV_SET(d, diag, state, 1);
	t = EV_ADD(batch, tcpinfo);
	EV_SET(t, tcpinfo, total_retrans, retrans);
}

static void listener(uint32_t waiting, uint32_t limit)
{
	struct ev_diag *d;

	ev_batch_begin(batch);
	d = EV_ADD(batch, diag);
	EV_SET(d, diag, cookie, 77);
	EV_SET(d, diag, state, 10);
	EV_SET(d, diag, rqueue, waiting);
	EV_SET(d, diag, wqueue, limit);
}

static void count(void)
{
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		stats_learn(s, &ev);
		if (!ev.loss)
			stats_event(s, &ev);
	}
	ev_batch_clear(batch);
}

static void assert_name(uint16_t name, const char *text)
{
	struct ev_str str = stats_name_text(s, name);

	if (!ev_is(str, text))
		fail_msg("%.*s, not %s", (int)str.len, str.p, text);
}

static void test_ends(void **unused)
{
	event(100, 1, "net:net_dev_start_xmit", "eth0", NULL);
	event(150, 1, "net:netif_receive_skb", "eth1", NULL);
	event(190, 1, "skb:kfree_skb", "eth1", "NO_SOCKET");
	event(100, 2, "net:netif_receive_skb", "eth0", NULL);
	event(200, 2, "net:net_dev_start_xmit", "eth2", NULL);
	event(201, 2, "skb:consume_skb", NULL, NULL); /* the driver has sent it */
	event(100, 3, "net:netif_receive_skb", "eth0", NULL);
	event(120, 3, "tcp_v4_rcv", "eth0", NULL);
	event(300, 4, "net:netif_receive_skb", "eth0", NULL);
	event(300, 5, "ip_rcv", "eth0", NULL);
	event(310, 6, "ip_rcv", "eth0", NULL);
	event(320, 6, "skb:kfree_skb", "eth0", "CONSUMED"); /* no drop */
	count();
	stats_end(s);
	assert_int_equal(s->journeys, 6);
	assert_int_equal(s->drops, 1);
	assert_int_equal(s->ends[END_DROPPED], 1);
	assert_int_equal(s->ends[END_LEFT], 1);
	assert_int_equal(s->ends[END_DELIVERED], 1);
	assert_int_equal(s->ends[END_RECEIVED], 1);
	assert_int_equal(s->ends[END_SEEN], 2);
	assert_int_equal(s->n_slowest, 4);
	assert_int_equal(s->slowest[0].ns, 101);
	assert_name(s->slowest[0].what, "eth2");
	assert_int_equal(s->slowest[1].ns, 90);
	assert_int_equal(s->slowest[1].end, END_DROPPED);
	assert_name(s->slowest[1].what, "NO_SOCKET");
}

/* Only what a loss may have cut is unknown: not what ended, not what was over before. */
static void test_losses(void **unused)
{
	const uint64_t ms = 1000000;

	event(1000 * ms, 1, "net:netif_receive_skb", "eth0", NULL); /* long before */
	event(4990 * ms, 2, "net:netif_receive_skb", "eth0", NULL);
	event(4990 * ms, 3, "net:netif_receive_skb", "eth0", NULL);
	event(4991 * ms, 3, "skb:kfree_skb", "eth0", "NO_SOCKET");
	event(6000 * ms, 4, "net:netif_receive_skb", "eth0", NULL); /* after */
	loss(5000 * ms, 5500 * ms, 12);
	count();
	stats_end(s);
	assert_int_equal(stats_lost(s), 12);
	assert_int_equal(s->ends[END_UNKNOWN], 1);
	assert_int_equal(s->ends[END_DROPPED], 1);
	assert_int_equal(s->ends[END_RECEIVED], 2);
}

/* Events of several CPUs come a little out of order: hops are counted in the order of time. */
static void test_hops_in_order(void **unused)
{
	static const char *const places[] = {"a", "b", "c", "d", "e"};
	static const unsigned int arrival[] = {1, 0, 3, 2, 4};

	for (unsigned int i = 0; i < 5; i++)
		event(1000 + 100 * arrival[i], 1, places[arrival[i]], NULL, NULL);
	count();
	stats_end(s);
	assert_int_equal(s->pairs.n, 4);
	for (uint32_t i = 0; i < s->pairs.n; i++) {
		const struct stats_group *g = &s->pairs.v[i];
		uint16_t names[2];

		memcpy(names, g->key, sizeof(names));
		assert_int_equal(stats_name_text(s, names[1]).p[0],
				 stats_name_text(s, names[0]).p[0] + 1);
		assert_int_equal(g->count, 1);
		assert_int_equal(g->hist->max, 100);
	}
	assert_int_equal(s->slowest[0].ns, 400);
	assert_name(s->slowest[0].first_place, "a");
	assert_name(s->slowest[0].last_place, "e");
}

static void seen_at(uint64_t ns, uint64_t id)
{
	event(ns, id, "net:netif_receive_skb", "eth0", NULL);
	if (batch->n == 4096)
		count();
}

/* More at one time than there is room for, and of more than STATS_HOPS hops. */
static void test_many_journeys(void **unused)
{
	enum { MORE = 1000, N = STATS_JOURNEYS + MORE };
	uint64_t ns = 0;

	for (uint64_t id = 1; id <= N; id++)
		seen_at(ns++, id); /* closes 1 to MORE */
	for (uint64_t id = N; id > MORE; id--)
		seen_at(ns++, id); /* they are there; the last is unseen for longest now */
	for (uint64_t id = N + 1; id <= N + MORE; id++)
		seen_at(ns++, id); /* closes N to N - MORE + 1 */
	for (uint64_t id = MORE + 1; id <= N - MORE; id++)
		seen_at(ns++, id); /* they are there */
	for (uint64_t i = 0; i < 100; i++)
		event(ns++, 5, i % 2 ? "x" : "y", NULL, NULL); /* was closed, and comes back */
	count();
	stats_end(s);
	assert_int_equal(s->journeys, N + MORE + 1);
	assert_int_equal(s->closed_early, 2 * MORE + 1);
	assert_int_equal(s->pairs.n, 3);
	assert_int_equal(s->pairs.v[0].count, STATS_JOURNEYS + N - 2 * MORE);
	assert_int_equal(s->pairs.v[1].count + s->pairs.v[2].count, 99);
	assert_false(s->failed);
}

static void test_sockets(void **unused)
{
	const struct stats_socket *v[4];

	socket_row(1, "start", 100); /* before the recording */
	socket_row(1, "stop", 103);
	socket_row(2, "period", 5); /* came later: all its own */
	socket_row(3, "start", 50);
	listener(3, 3);
	listener(4, 3);
	listener(0, 3);
	count();
	stats_end(s);
	assert_int_equal(stats_retransmits(s), 8);
	assert_int_equal(stats_socket_top(s, false, v, 4), 2);
	assert_int_equal(v[0]->key[0], 2);
	assert_int_equal(stats_socket_retrans(v[0]), 5);
	assert_int_equal(stats_socket_retrans(v[1]), 3);
	assert_int_equal(stats_socket_top(s, true, v, 4), 1);
	assert_int_equal(v[0]->key[0], 77);
	assert_int_equal(v[0]->queue, 4);
	assert_int_equal(v[0]->full, 1);
	assert_int_equal(stats_socket_top(s, false, v, 1), 1);
	assert_int_equal(v[0]->key[0], 2);
}

/* ---- thresholds ---- */

static uint64_t rest_length(void *ctx, const char *rest)
{
	return strlen(rest);
}

static void test_fail_if(void **unused)
{
	static const struct fail_if_value values[] = {
		{"losses", 5, NULL}, {"p99_ns", 10000000, NULL}, {"drops.*", 0, rest_length}};
	static const struct {
		const char *text;
		int held; /* -1: wrong */
	} table[] = {
		{"losses > 4", 1},    {"losses > 5", 0},  {"losses>=5", 1},
		{" losses < 5 ", 0},  {"losses <= 5", 1}, {"losses == 5", 1},
		{"losses = 5", 1},    {"losses != 5", 0}, {"p99_ns >= 10ms", 1},
		{"p99_ns > 10ms", 0}, {"p99_ns < 1s", 1}, {"drops.ABC == 3", 1},
		{"drops.ABC > 3", 0}, {"losses", -1},     {"losses >", -1},
		{"losses > x", -1},   {"loses > 1", -1},  {"> 1", -1},
		{"losses => 1", -1},  {"drops. > 1", -1}, {"", -1},
		{"losses > 1 1", -1}, {"losses < 1K", 1},
	};
	int keep = dup(STDERR_FILENO);

	assert_non_null(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *words[] = {table[i].text};
		struct option_list list = {words, 1};
		bool valid = fail_if_valid(&list, values, 3);
		unsigned int held = fail_if_count(&list, values, 3, NULL);

		if (valid != (table[i].held >= 0) || held != (table[i].held > 0))
			fail_msg("'%s': valid %d, held %u", table[i].text, valid, held);
	}
	dup2(keep, STDERR_FILENO);
	close(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_top),
		cmocka_unit_test_setup_teardown(test_ends, begin, finish),
		cmocka_unit_test_setup_teardown(test_losses, begin, finish),
		cmocka_unit_test_setup_teardown(test_hops_in_order, begin, finish),
		cmocka_unit_test_setup_teardown(test_many_journeys, begin, finish),
		cmocka_unit_test_setup_teardown(test_sockets, begin, finish),
		cmocka_unit_test(test_fail_if),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
