/* SPDX-License-Identifier: BSD-2-Clause */
/* Journeys that a recording loss may have cut are marked, in each of the views; others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyze/sort/journey_loss.h"
#include "tests/unit/recording.h"

#define MS UINT64_C(1000000)

static const struct row_host host = {"web1", "boot-1", "capture", 1000000000000, -1};

/*
 * Five packets, a second apart: 1 ends long before the loss of 3000 to 3050 ms; 2 ends 60 ms before it; 3 was
 * dropped 60 ms before it; 4 has events on both sides; 5 begins behind it.
 */
static void make_recording(const char *name, bool loses)
{
	static const struct {
		uint64_t track, at_ms;
		const char *symbol, *drop;
	} events[] = {
		{1, 1000, "net:netif_receive_skb", NULL}, {1, 1001, "ip_local_deliver", NULL},
		{2, 2939, "net:netif_receive_skb", NULL}, {3, 2938, "net:netif_receive_skb", NULL},
		{3, 2940, "skb:kfree_skb", "NO_SOCKET"},  {2, 2940, "ip_rcv", NULL},
		{4, 2999, "net:netif_receive_skb", NULL}, {4, 3060, "skb:kfree_skb", "NO_SOCKET"},
		{5, 4000, "net:netif_receive_skb", NULL},
	};
	struct ev_batch *b = ev_batch_new();

	row_start(b, 900 * MS, &host);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct row_packet p = {events[i].symbol,
				       "task",
				       "eth0",
				       events[i].drop,
				       1,
				       2,
				       events[i].track,
				       1000,
				       80,
				       16};

		row_packet(b, events[i].at_ms * MS, &p);
		if (events[i].at_ms == 3060 && loses) {
			row_loss(b, 3000 * MS, 3050 * MS, "net:netif_receive_skb", 9);
			row_loss(b, 3000 * MS, 3050 * MS, "ip_rcv", 2);
		}
	}
	row_finish(b, 5000 * MS, "signal");
	row_store(b, name, 2);
	ev_batch_free(b);
}

static const char mark[] =
	"  \xe2\x86\xb3 events were lost from 3000000000 to 3050000000: some of this "
	"packet may be missing\n\n";

/* The series whose tracking time is this one: from its id to the empty line behind it. */
static bool is_marked(unsigned int track)
{
	char id[32], series[4096];
	const char *p;

	snprintf(id, sizeof(id), " #%xffff8881", track);
	p = strstr((const char *)out.p, id);
	assert_non_null(p);
	snprintf(series, sizeof(series), "%.*s", (int)(strstr(p, "\n\n") + 2 - p), p);
	return strlen(series) > strlen(mark) &&
	       strcmp(series + strlen(series) - strlen(mark), mark) == 0;
}

static void check_series(void)
{
	assert_false(is_marked(1));
	assert_true(is_marked(2));
	assert_false(is_marked(3));
	assert_true(is_marked(4));
	assert_false(is_marked(5));
	assert_int_equal(count("\xe2\x86\xb3 events were lost"), 2);
	assert_int_equal(count("3050000000 lost 9 events at net:netif_receive_skb cpu 1 since "
			       "3000000000"),
			 1);
}

static void in_series(void **state)
{
	make_recording("lossy", true);
	assert_int_equal(run("sort @lossy --format single-line"), 0);
	check_series();
	/* series that were put out before the row of losses came */
	assert_int_equal(run("sort @lossy --format single-line --max-buffer 1"), 0);
	assert_int_equal(count("\xe2\x86\xb3 events were lost"), 4);
	assert_int_equal(run("sort @lossy -o @sorted"), 0);
	assert_int_equal(run("print @sorted --format single-line"), 0);
	check_series();
	assert_int_equal(run("sort @lossy"), 0);
	assert_int_equal(count(mark), 2);
	/* of a pipe losses are known when they come: here before any series is put out */
	assert_int_equal(run_with("sort - --format single-line", "lossy"), 0);
	check_series();
}

static void between_events(void **state)
{
	make_recording("lossy", true);
	assert_int_equal(run("print @lossy --journey -w time>0 --format single-line"), 0);
	assert_int_equal(count("lost 9 events at net:netif_receive_skb cpu 1 since 3000000000\n"
			       "  \xe2\x86\xb3 some of #2ffff888100000002 may be missing, last "
			       "seen 2940000000\n"
			       "  \xe2\x86\xb3 some of #4ffff888100000004 may be missing, last "
			       "seen 3060000000\n3050000000 lost 2"),
			 1);
	assert_int_equal(count("may be missing"), 4);
	assert_int_equal(run_with("print - --journey -w time>0 --format single-line", "lossy"), 0);
	assert_int_equal(count("may be missing"), 4);
	assert_int_equal(run("print @lossy --journey --drops"), 0);
	assert_int_equal(count("\n\n3050000000 lost 9 events"), 1);
	assert_int_equal(count("some of #4ffff888100000004 may be missing, last seen 3060000000"
			       "\n\n"),
			 2);
	assert_int_equal(count("some of #2"), 0);
	/* without --journey the line of the loss is all */
	assert_int_equal(run("print @lossy --format single-line"), 0);
	assert_int_equal(count(" lost "), 2);
	assert_int_equal(count("may be missing"), 0);
}

static void in_stats(void **state)
{
	make_recording("lossy", true);
	assert_int_equal(run("stats @lossy --by journey --json"), 0);
	assert_int_equal(count("\"unknown\":1"), 1);
}

/* What was recorded without a loss looks as ever. */
static void nothing_lost(void **state)
{
	static const char *const lines[] = {"sort @whole", "print @whole --journey -w time>0",
					    "print @whole-sorted"};

	make_recording("whole", false);
	assert_int_equal(run("sort @whole -o @whole-sorted"), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(run(lines[i]), 0);
		assert_int_equal(count("lost"), 0);
		assert_int_equal(count("missing"), 0);
	}
}

/* Clones keep the id: one journey, and one match brings all of it. */
static void clones(void **state)
{
	struct row_packet p = {
		"net:netif_receive_skb", "task", "eth0", NULL, 1, 2, 77, 1000, 80, 16};
	struct ev_batch *b = ev_batch_new();

	row_start(b, 900, &host);
	row_packet(b, 1000, &p);
	p.dev = "clone0"; /* same id, another skb */
	row_packet(b, 1010, &p);
	((struct ev_skb_tracking *)b->sec[EV_skb_tracking].p)[1].skb = 0xffff888299990000;
	p.track = 78;
	row_packet(b, 1020, &p);
	p.track = 77;
	p.dev = "eth1";
	p.drop = "NO_SOCKET";
	row_packet(b, 1030, &p);
	row_store(b, "clones", 1);
	ev_batch_free(b);
	assert_int_equal(run("sort @clones --format single-line"), 0);
	assert_int_equal(count(" n 2 "), 1);
	for (int pipe = 0; pipe < 2; pipe++) {
		assert_int_equal(run_with(pipe ? "print - --journey --drops --format single-line"
					       : "print @clones --journey --drops "
						 "--format single-line",
					  "clones"),
				 0);
		assert_int_equal(count("[tp]"), 3);
		assert_int_equal(count("(skb ffff888299990000)"), 1);
		assert_int_equal(count(" #4effff"), 0);
	}
	assert_int_equal(run("cut @clones --journey --drops -o @cut"), 0);
	assert_int_equal(run("print @cut --format single-line"), 0);
	assert_int_equal(count("[tp]"), 3);
}

/* More losses than are kept apart: the last one grows. */
static void many_losses(void **state)
{
	struct journey_losses l = {0};
	struct ev_common common = {0};
	struct ev_loss loss = {0};
	struct ev ev = {.common = &common, .loss = &loss};
	struct journey_span span = {.tracked = true};

	for (uint64_t i = 0; i < JOURNEY_LOSSES_MAX + 10; i++) {
		EV_SET(&common, common, timestamp, (i * 10 + 5) * 1000 * MS);
		EV_SET(&loss, loss, from, i * 10 * 1000 * MS);
		journey_losses_add(&l, &ev);
	}
	assert_int_equal(l.n, JOURNEY_LOSSES_MAX);
	span.first_ns = span.last_ns = UINT64_C(10) * JOURNEY_LOSSES_MAX * 1000 * MS + 50000 * MS;
	assert_non_null(journey_losses_touch(&l, &span));
	span.first_ns = span.last_ns = 7000 * MS;
	assert_null(journey_losses_touch(&l, &span));
	span.last_ns = 10000 * MS - JOURNEY_LOSS_NS;
	assert_non_null(journey_losses_touch(&l, &span));
	journey_losses_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_series), cmocka_unit_test(between_events),
		cmocka_unit_test(in_stats),  cmocka_unit_test(nothing_lost),
		cmocka_unit_test(clones),    cmocka_unit_test(many_losses),
	};

	return cmocka_run_group_tests(tests, recording_folder, recording_clean);
}
