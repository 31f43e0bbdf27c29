/* SPDX-License-Identifier: BSD-2-Clause */
/* What differs, what may be chance, and what is no difference: on events made here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/diff/diff.h"
#include "analyze/diff/diff_chance.h"
#include "tests/unit/random64.h"

/* ---- chance ---- */

static void assert_near(double got, double want)
{
	if (fabs(got - want) > want * 0.01)
		fail_msg("%g is not near %g", got, want);
}

/* Figures of R's fisher.test(), and by hand. */
static void test_shares(void **unused)
{
	assert_near(diff_chance_shares(3, 4, 1, 4), 0.4857);
	assert_near(diff_chance_shares(0, 157, 6, 96), 0.00271);
	assert_near(diff_chance_shares(10, 10, 0, 10), 2 / 184756.0);
	assert_near(diff_chance_shares(5, 100, 5, 100), 1);
	assert_true(diff_chance_shares(500000, 1000000, 500100, 1000000) > 0.8);
	assert_true(diff_chance_shares(500000, 1000000, 510000, 1000000) < 1e-9);
	/* nothing to compare */
	assert_true(diff_chance_shares(0, 0, 3, 4) == 1);
	assert_true(diff_chance_shares(5, 4, 3, 4) == 1);
	assert_near(diff_chance_counts(100, 150), 0.00194);
	assert_true(diff_chance_counts(7, 7) == 1 && diff_chance_counts(0, 0) == 1);
}

static void test_ranks(void **unused)
{
	struct stats_hist a = {0}, b = {0};
	unsigned int wrong = 0;

	for (uint64_t i = 1; i <= 10; i++) {
		assert_true(stats_hist_add(&a, i));
		assert_true(stats_hist_add(&b, i + 10));
	}
	/* U is 0 of 100; z = 49.5 / sqrt(100 * 21 / 12) */
	assert_near(diff_chance_ranks(&a, &b, 1), 0.000183);
	assert_true(diff_chance_ranks(&a, &a, 1) == 1);
	stats_hist_fini(&a);
	stats_hist_fini(&b);
	/* of the same distribution one in twenty is below 0.05 */
	for (int turn = 0; turn < 2000; turn++) {
		for (int i = 0; i < 50; i++) {
			assert_true(stats_hist_add(&a, 1000 + random64() % 9000));
			assert_true(stats_hist_add(&b, 1000 + random64() % 9000));
		}
		wrong += diff_chance_ranks(&a, &b, 1) < 0.05;
		stats_hist_fini(&a);
		stats_hist_fini(&b);
	}
	assert_in_range(wrong, 60, 140);
	/* too few to say anything, and all the same */
	assert_true(stats_hist_add(&a, 1));
	assert_true(stats_hist_add(&b, 1000));
	assert_true(diff_chance_ranks(&a, &b, 1) == 1);
	stats_hist_fini(&b);
	for (int i = 0; i < 100; i++)
		assert_true(stats_hist_add(&a, 1) && stats_hist_add(&b, 1));
	assert_true(diff_chance_ranks(&a, &b, 1) == 1);
	stats_hist_fini(&a);
	stats_hist_fini(&b);
}

/* Values that stay as they are for ten packets: ten times as many false alarms, unless it is known. */
static void test_dependent(void **unused)
{
	struct diff_series series[2], apart = {0};
	struct stats_hist h[2] = {{0}, {0}};
	unsigned int wrong = 0, naive = 0;
	double share;

	for (int turn = 0; turn < 1000; turn++) {
		for (int side = 0; side < 2; side++) {
			uint64_t v = 0;

			series[side] = (struct diff_series){0};
			for (int i = 0; i < 400; i++) {
				if (i % 10 == 0)
					v = 1000 + random64() % 9000;
				diff_series_add(&series[side], v);
				assert_true(stats_hist_add(&h[side], v));
			}
		}
		share = diff_chance_independent(&series[turn % 2]);
		wrong += diff_chance_ranks(&h[0], &h[1], share) < 0.05;
		naive += diff_chance_ranks(&h[0], &h[1], 1) < 0.05;
		stats_hist_fini(&h[0]);
		stats_hist_fini(&h[1]);
	}
	assert_in_range(wrong, 0, 80);
	assert_in_range(naive, 300, 1000);
	/* and what is independent, or always the same, counts whole */
	assert_true(diff_chance_independent(&apart) == 1);
	for (int i = 0; i < 1000; i++)
		diff_series_add(&apart, 65535);
	assert_true(diff_chance_independent(&apart) == 1);
	apart = (struct diff_series){0};
	for (int i = 0; i < 10000; i++)
		diff_series_add(&apart, random64() % 10000);
	assert_true(diff_chance_independent(&apart) > 0.9);
}

/* ---- packets ---- */

enum { PACKET_BYTES = 44, SYN = 2, ACK = 16 };

/* IPv4 and TCP with four bytes of options: a NOP and the scale, or NOPs. */
static void make_packet(uint8_t *p, uint8_t host, uint16_t sport, uint16_t dport, uint8_t flags,
			uint16_t window, uint8_t scale)
{
	static const uint8_t head[] = {0x45, 0, 0, PACKET_BYTES, 0, 0, 0, 0, 64, 6, 0, 0};
	const uint8_t options[4] = {1, 3, 3, scale};

	memset(p, 1, PACKET_BYTES);
	memcpy(p, head, sizeof(head));
	memcpy(p + 12, (uint8_t[]){10, 0, 0, host, 10, 0, 0, 99}, 8);
	memcpy(p + 20,
	       (uint8_t[]){(uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8),
			   (uint8_t)dport},
	       4);
	p[32] = 0x60;
	p[33] = flags;
	p[34] = (uint8_t)(window >> 8);
	p[35] = (uint8_t)window;
	if (flags & SYN)
		memcpy(p + 40, options, 4);
}

static void put_packet(struct ev_batch *batch, const uint8_t *p, size_t len)
{
	struct ev_packet *packet = EV_ADD(batch, packet);

	EV_SET(packet, packet, len, PACKET_BYTES + 14);
	EV_SET(packet, packet, capture_len, (uint32_t)len + 14);
	EV_SET(packet, packet, data, ev_bytes(batch, p, len));
	EV_SET(packet, packet, protocol, 0x0800);
}

static bool window_of(struct diff_windows *w, const uint8_t *p, size_t len, uint64_t *bytes)
{
	struct ev_batch *batch = ev_batch_new();
	struct ev_walk walk;
	struct ev ev = {0};
	bool there;

	assert_non_null(batch);
	ev_batch_begin(batch);
	put_packet(batch, p, len);
	walk = ev_walk(batch);
	assert_true(ev_next(&walk, &ev));
	there = diff_window_of(w, ev.packet, bytes);
	ev_batch_free(batch);
	return there;
}

static void test_window(void **unused)
{
	struct diff_windows *w = calloc(1, sizeof(*w));
	uint8_t p[PACKET_BYTES];
	uint64_t bytes;

	assert_non_null(w);
	make_packet(p, 1, 40000, 80, ACK, 100, 0);
	assert_false(window_of(w, p, sizeof(p), &bytes)); /* its SYN was not seen */
	make_packet(p, 1, 40000, 80, SYN, 65535, 7);
	assert_false(window_of(w, p, sizeof(p), &bytes));
	make_packet(p, 1, 40000, 80, ACK, 100, 0);
	assert_true(window_of(w, p, sizeof(p), &bytes));
	assert_int_equal(bytes, 12800);
	make_packet(p, 1, 40001, 80, ACK, 100, 0);
	assert_false(window_of(w, p, sizeof(p), &bytes)); /* another connection */
	/* a SYN that is cut off in its options says nothing, and what was known is gone */
	make_packet(p, 1, 40000, 80, SYN, 65535, 7);
	for (size_t len = 0; len < sizeof(p); len++)
		assert_false(window_of(w, p, len, &bytes));
	make_packet(p, 1, 40000, 80, ACK, 100, 0);
	assert_false(window_of(w, p, sizeof(p), &bytes));
	/* options whose lengths lie */
	make_packet(p, 1, 40000, 80, SYN, 65535, 7);
	p[42] = 9;
	assert_false(window_of(w, p, sizeof(p), &bytes));
	make_packet(p, 1, 40000, 80, ACK, 100, 0);
	assert_false(window_of(w, p, sizeof(p), &bytes));
	free(w);
}

/* ---- recordings ---- */

struct recording {
	unsigned int packets, dropped; /* how many, and one in `dropped` of them (0: none) */
	uint64_t delay_ns;             /* from the first probe to the second */
	uint8_t host;
	uint16_t first_port;
	const char *release;
};

static struct ev_common *begin(struct ev_batch *batch, uint64_t ns)
{
	struct ev_common *common;

	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, ns);
	return common;
}

static void put_event(struct ev_batch *batch, const struct recording *r, unsigned int i,
		      uint64_t ns, const char *symbol, bool drop)
{
	uint64_t first = UINT64_C(1000000) * (i + 1);
	struct ev_kernel *kernel;
	struct ev_skb_tracking *tracking;
	struct ev_skb_drop *reason;
	uint8_t p[PACKET_BYTES];

	begin(batch, ns);
	kernel = EV_ADD(batch, kernel);
	EV_SET(kernel, kernel, symbol, ev_text(batch, symbol));
	tracking = EV_ADD(batch, skb_tracking);
	EV_SET(tracking, skb_tracking, timestamp, first);
	EV_SET(tracking, skb_tracking, orig_head, 0xffff888000000000 + i);
	make_packet(p, r->host, (uint16_t)(r->first_port + i), 443, SYN, 1000, 0);
	put_packet(batch, p, sizeof(p));
	if (drop) {
		reason = EV_ADD(batch, skb_drop);
		EV_SET(reason, skb_drop, drop_reason, ev_text(batch, "NO_SOCKET"));
	}
}

static void fill(struct ev_batch *batch, const struct recording *r)
{
	struct ev_startup *startup;

	begin(batch, 1);
	startup = EV_ADD(batch, startup);
	EV_SET(startup, startup, kernel_release, ev_text(batch, r->release));
	EV_SET(startup, startup, cmdline, ev_text(batch, r->host == 1 ? "one" : "two"));
	for (unsigned int i = 0; i < r->packets; i++) {
		uint64_t ns = UINT64_C(1000000) * (i + 1);
		bool drop = r->dropped && i % r->dropped == 0;

		put_event(batch, r, i, ns, "net:one", false);
		put_event(batch, r, i, ns + r->delay_ns + random64() % 1000,
			  drop ? "skb:kfree_skb" : "net:two", drop);
	}
	assert_false(batch->failed);
}

static void read_into(struct diff_side *side, const struct recording *r)
{
	struct ev_batch *batch = ev_batch_new();
	struct ev_walk walk;
	struct ev ev = {0};

	assert_non_null(batch);
	fill(batch, r);
	side->name = "test";
	diff_begin(side);
	walk = ev_walk(batch);
	while (ev_next(&walk, &ev)) {
		diff_learn(side, &ev);
		if (!ev.startup)
			diff_event(side, &ev);
	}
	diff_end(side);
	ev_batch_free(batch);
}

static struct diff *compare(const struct recording *a, const struct recording *b)
{
	const struct stats_options none = {0};
	struct diff *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	assert_int_equal(diff_init(d, &none), 0);
	d->t = (struct diff_tolerance){
		.v = {0.5, 0.1, 1, 1, 0.5}, .floor_ns = 100000, .chance = 0.001};
	read_into(&d->side[0], a);
	read_into(&d->side[1], b);
	diff_compare(d);
	assert_false(d->failed || d->cut);
	return d;
}

static void end(struct diff *d)
{
	diff_fini(d);
	free(d);
}

/* How many findings of a kind; the first one's text of `name` is compared where that is not NULL. */
static unsigned int found(const struct diff *d, enum diff_kind kind, bool different,
			  const char *name)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < d->n_items; i++) {
		if (d->items[i].kind != kind || d->items[i].different != different)
			continue;
		if (name && !n && !ev_is(d->items[i].name, name))
			fail_msg("%.*s is not %s", (int)d->items[i].name.len, d->items[i].name.p,
				 name);
		n++;
	}
	return n;
}

static const struct recording healthy = {400, 0, 5000, 1, 33000, "6.1"};

/* Other addresses, ports, times and command lines. */
static void test_same(void **unused)
{
	struct recording other = {400, 0, 5400, 2, 50000, "6.1"};
	struct diff *d = compare(&healthy, &other);

	assert_int_equal(d->n_different, 0);
	assert_int_equal(d->n_chance, 0);
	assert_int_equal(d->same[DIFF_PATH], 1);
	assert_int_equal(d->same[DIFF_LATENCY], 1);
	assert_int_equal(d->same[DIFF_FACT], 1);
	end(d);
}

static void test_drops(void **unused)
{
	struct recording few = healthy, many = healthy;
	struct diff *d;

	many.dropped = 20; /* 5 %: not enough for the paths */
	d = compare(&healthy, &many);
	assert_int_equal(found(d, DIFF_DROPS, true, "NO_SOCKET"), 1);
	assert_int_equal(found(d, DIFF_PATH, true, NULL), 0);
	end(d);
	few.dropped = 150; /* 3 may be chance */
	d = compare(&healthy, &few);
	assert_int_equal(d->n_different, 0);
	assert_int_equal(found(d, DIFF_DROPS, false, "NO_SOCKET"), 1);
	end(d);
	many.dropped = 2;
	d = compare(&many, &healthy);
	assert_int_equal(found(d, DIFF_DROPS, true, "NO_SOCKET"), 1);
	assert_int_equal(found(d, DIFF_PATH, true, NULL), 2);
	assert_true(ev_is(d->items[0].class, "TCP to 443"));
	for (uint32_t i = 0; i < d->n_items; i++)
		if (d->items[i].kind == DIFF_PATH && !d->items[i].b)
			assert_true(ev_is(d->items[i].name,
					  "net:one > skb:kfree_skb: dropped, NO_SOCKET"));
	end(d);
}

static void test_latency(void **unused)
{
	struct recording slow = healthy;
	struct diff *d;

	slow.delay_ns = 500000;
	d = compare(&healthy, &slow);
	assert_int_equal(found(d, DIFF_LATENCY, true, "net:one > net:two"), 1);
	assert_int_equal(d->n_different, 1);
	end(d);
	slow.delay_ns = 60000; /* ten times as long, and within the floor */
	d = compare(&healthy, &slow);
	assert_int_equal(d->n_different, 0);
	end(d);
}

static void test_counts_and_facts(void **unused)
{
	struct recording half = healthy, longer = healthy, other = healthy;
	struct diff *d;

	half.packets = 30;
	d = compare(&healthy, &half);
	/* fewer, and as many a second: the recording was shorter */
	assert_int_equal(d->n_different, 0);
	end(d);
	other.release = "6.12";
	longer.dropped = 0;
	d = compare(&longer, &other);
	assert_int_equal(found(d, DIFF_FACT, true, "startup.kernel_release"), 1);
	assert_int_equal(d->n_different, 1);
	end(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),    cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_dependent), cmocka_unit_test(test_window),
		cmocka_unit_test(test_same),      cmocka_unit_test(test_drops),
		cmocka_unit_test(test_latency),   cmocka_unit_test(test_counts_and_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
