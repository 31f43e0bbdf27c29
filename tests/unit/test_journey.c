/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of journeys, inputs that are read twice, and points in time. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/filter/filter_time.h"
#include "analyze/sort/journey.h"
#include "analyze/sort/journey_spool.h"
#include "cli/terminal.h"

static struct journey_key key(uint64_t i)
{
	/* alike, as times and addresses are */
	return (struct journey_key){UINT64_C(4832872076803) + i * 64,
				    UINT64_C(0xffff8881a1551800) + (i % 7) * 256};
}

static void sets(void **state)
{
	struct journey_set *s = journey_set_new();
	struct journey_key zero = {0};

	assert_non_null(s);
	assert_false(journey_set_has(s, zero));
	for (uint64_t i = 0; i < 50000; i++) {
		assert_int_equal(journey_set_add(s, key(i)), 0);
		assert_int_equal(journey_set_add(s, key(i / 2)), 0);
	}
	assert_int_equal(journey_set_count(s), 50000);
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(journey_set_has(s, key(i)), i < 50000);
	assert_false(journey_set_has(s, zero));
	assert_int_equal(journey_set_add(s, zero), 0);
	assert_true(journey_set_has(s, zero));
	assert_int_equal(journey_set_count(s), 50001);
	journey_set_free(s);
	journey_set_free(NULL);
}

/* More than fits into 64 MiB: the set goes on in a file. */
static void large_sets(void **state)
{
	struct journey_set *s = journey_set_new();
	uint64_t n = 2200000;

	assert_non_null(s);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(journey_set_add(s, key(i)), 0);
	assert_int_equal(journey_set_count(s), n);
	for (uint64_t i = 0; i < n; i += 1013) {
		assert_true(journey_set_has(s, key(i)));
		assert_false(journey_set_has(s, key(i + n)));
	}
	journey_set_free(s);
}

static void journeys_of_events(void **state)
{
	struct ev_skb_tracking track = {.timestamp = 5, .orig_head = 6, .skb = 7};
	struct ev_tracking series = {.timestamp = 8, .orig_head = 9};
	struct journey_key k;
	struct ev ev = {0};

	assert_false(journey_of(&ev, &k));
	ev.tracking = &series;
	assert_true(journey_of(&ev, &k));
	assert_int_equal(k.time, 8);
	ev.skb_tracking = &track;
	assert_true(journey_of(&ev, &k));
	assert_int_equal(k.time, 5);
	assert_int_equal(k.head, 6);
}

static void read_all(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, size - 1);

	assert_true(n >= 0);
	text[n] = 0;
	close(fd);
}

static void pipes_are_copied(void **state)
{
	char word[32], text[32];
	struct journey_spool *s;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "recorded", 8), 8);
	close(fds[1]);
	snprintf(word, sizeof(word), "/dev/fd/%d", fds[0]);
	assert_int_equal(journey_spool_new(&s, (char *[]){"/dev/null/none", word}, 2), 0);
	for (int i = 0; i < 2; i++) {
		journey_spool_rewind(s);
		/* what is not there is left for source_open() to tell */
		assert_string_equal(journey_spool_inputs(s)[0], "/dev/null/none");
		read_all(journey_spool_inputs(s)[1], text, sizeof(text));
		assert_string_equal(text, "recorded");
	}
	journey_spool_free(s);
	close(fds[0]);
	assert_true(journey_spool_file() > 2);
}

static bool parses(const char *text, enum filter_time_kind kind, uint64_t ns)
{
	struct filter_time t = {0};
	char why[200] = "";

	if (!filter_time_parse(text, &t, why, sizeof(why))) {
		assert_true(strlen(why) > 0);
		return false;
	}
	assert_int_equal(t.kind, kind);
	assert_int_equal(t.ns, ns);
	return true;
}

static void words_for_times(void **state)
{
	static const char *const wrong[] = {
		"",
		"x",
		"+",
		"-",
		"+-5s",
		"5x",
		"2026-13-01",
		"2026-02-30",
		"2026-1-1",
		"2026-01-01T",
		"2026-01-01T25:00:00",
		"2026-01-01T00:61",
		"2026-01-01 00:00:00 +01:00",
		"2026-01-01T00:00:00+1",
		"2026-01-01T00:00:00.",
		"1969-12-31",
		"9999-01-01",
		"2026-01-01T00:00:00Zx",
		"99999999999999999999",
	};
	const uint64_t s = 1000000000;

	assert_true(parses("4834313012382", FILTER_TIME_MONOTONIC, UINT64_C(4834313012382)));
	assert_true(parses("4834.5s", FILTER_TIME_MONOTONIC, UINT64_C(4834500000000)));
	assert_true(parses("+5s", FILTER_TIME_BEGIN, 5 * s));
	assert_true(parses("-250ms", FILTER_TIME_END, s / 4));
	assert_true(parses("1970-01-02", FILTER_TIME_WALL, 86400 * s));
	assert_true(parses("2026-11-21T23:31:05Z", FILTER_TIME_WALL, 1795303865 * s));
	assert_true(parses("2026-11-21 23:31:05", FILTER_TIME_WALL, 1795303865 * s));
	assert_true(parses("2026-11-21 23:31", FILTER_TIME_WALL, 1795303860 * s));
	assert_true(parses("2026-11-21T23:31:05.614326001Z", FILTER_TIME_WALL,
			   1795303865 * s + 614326001));
	assert_true(parses("2026-11-22T00:31:05+01:00", FILTER_TIME_WALL, 1795303865 * s));
	assert_true(parses("2026-11-21T18:01:05-0530", FILTER_TIME_WALL, 1795303865 * s));
	assert_true(parses("2024-02-29", FILTER_TIME_WALL, 1709164800 * s));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (parses(wrong[i], FILTER_TIME_NONE, 0))
			fail_msg("%s is a time", wrong[i]);
}

static void add(struct ev_batch *b, uint64_t time, int64_t offset)
{
	struct ev_common *c;

	ev_batch_begin(b);
	c = EV_ADD(b, common);
	EV_SET(c, common, timestamp, time);
	if (offset) {
		struct ev_clock *clock = EV_ADD(b, clock);

		EV_SET(clock, clock, offset, offset);
	}
}

static void clocks(void **state)
{
	const struct filter_time wall = {FILTER_TIME_WALL, 1000}, end = {FILTER_TIME_END, 30},
				 begin = {FILTER_TIME_BEGIN, 7};
	struct ev_batch *b = ev_batch_new();
	struct filter_clock c = {0};
	uint64_t ns;

	assert_false(filter_clock_resolve(&c, &wall, &ns));
	assert_false(filter_clock_resolve(&c, &begin, &ns));
	assert_false(filter_clock_resolve(&c, &end, &ns));
	add(b, 10, 0);
	add(b, 20, 600);
	filter_clock_batch(&c, b);
	assert_true(filter_clock_resolve(&c, &begin, &ns));
	assert_int_equal(ns, 17);
	assert_true(filter_clock_resolve(&c, &wall, &ns));
	assert_int_equal(ns, 400); /* the first clock holds for what is before it */
	ev_batch_clear(b);
	add(b, 30, 700);
	filter_clock_batch(&c, b);
	filter_clock_resolve(&c, &wall, &ns);
	assert_int_equal(ns, 400); /* the next one for what is behind its batch */
	ev_batch_clear(b);
	add(b, 40, 0);
	filter_clock_batch(&c, b);
	filter_clock_resolve(&c, &wall, &ns);
	assert_int_equal(ns, 300);
	c.has_last = true;
	c.last = 20;
	assert_true(filter_clock_resolve(&c, &end, &ns));
	assert_int_equal(ns, 0);
	c.offset = INT64_MIN;
	assert_true(filter_clock_resolve(&c, &wall, &ns));
	assert_int_equal(ns, (UINT64_C(1) << 63) + 1000);
	ev_batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets),
		cmocka_unit_test(large_sets),
		cmocka_unit_test(journeys_of_events),
		cmocka_unit_test(pipes_are_copied),
		cmocka_unit_test(words_for_times),
		cmocka_unit_test(clocks),
	};

	terminal_init("skbox");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
