/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns of integers: every prediction and layout there and back, and bytes that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/skbx/column_layout.h"

enum { EVENTS = 3000, GROUP = 5, FLOWS = 40, TASKS = 9 };

static uint64_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % below;
}

/* Journeys of GROUP events, some of them without a packet. */
struct events {
	uint32_t groups[EVENTS], flows[EVENTS], sizes[EVENTS], tasks[EVENTS];
	uint64_t times[EVENTS];
	struct column_events of;
};

static void make_events(struct events *e)
{
	for (uint32_t i = 0; i < EVENTS; i++) {
		bool begins = i % GROUP == 0;

		e->groups[i] = i / GROUP;
		e->flows[i] = begins ? rnd(FLOWS + 1) : e->flows[i - 1];
		e->sizes[i] = !e->flows[i] ? 0 : begins ? 60 + 31 * rnd(90) : e->sizes[i - 1];
		e->tasks[i] = rnd(TASKS);
		e->times[i] = (i ? e->times[i - 1] : UINT64_C(1) << 40) + 100 + rnd(800);
	}
	e->of = (struct column_events){.groups = e->groups,
				       .flows = e->flows,
				       .sizes = e->sizes,
				       .tasks = e->tasks,
				       .times = e->times,
				       .n_groups = EVENTS / GROUP,
				       .n_flows = FLOWS,
				       .n_tasks = TASKS};
}

/* Values that look like fields do: row i of `event`. */
static uint64_t value_of(const struct events *e, unsigned int kind, uint32_t event)
{
	const uint64_t pointer = UINT64_C(0xffff888000000000);

	switch (kind) {
	case 0: return 7;
	case 1: return e->times[event];
	case 2: return pointer + e->flows[event] * UINT64_C(0x123400); /* of its flow */
	case 3: return pointer + e->flows[event] * UINT64_C(0x123400) + 256 * rnd(64);
	case 4: return e->sizes[event] * 3;
	case 5: return e->tasks[event] * 1000;
	case 6: return rnd(4) ? 0 : 1234;
	case 7: return (uint64_t)rnd(1u << 31) << 33 ^ (uint64_t)rnd(1u << 31) << 8;
	case 8: return (uint64_t) - (int64_t)(120 + rnd(780)); /* of one sign */
	case 9: return UINT64_C(1) << rnd(64);
	case 10: return rnd(50) ? 0 : INT64_MIN;
	default: return rnd(1000);
	}
}

enum { KINDS = 12 };

static size_t round_trip(const struct column_rows *rows, const uint64_t *v, enum column_pred pred,
			 struct column_scratch *s, unsigned int *layout)
{
	uint64_t *back = malloc((rows->n + 1) * sizeof(*back));
	struct buf out = {0};
	struct cursor c;
	size_t len;

	s->n_cuts = 0;
	column_put(&out, v, rows, pred, s);
	assert_false(out.failed);
	c = cursor_init(out.p, out.len);
	assert_int_equal(column_get(&c, back, rows, s), 0);
	assert_int_equal(cursor_left(&c), 0);
	for (uint32_t i = 0; i < rows->n; i++)
		assert_int_equal(back[i], v[i]);
	/* a byte less is not enough */
	c = cursor_init(out.p, out.len - 1);
	assert_int_not_equal(column_get(&c, back, rows, s), 0);
	*layout = out.p[0] & 15;
	len = out.len;
	buf_free(&out);
	free(back);
	return len;
}

static void test_round_trip(void **state)
{
	static const uint32_t counts[] = {1, 2, 31, 64, 129, 1000, EVENTS};
	struct events *e = malloc(sizeof(*e));
	struct column_scratch s = {0};
	uint32_t *events = malloc(EVENTS * sizeof(*events));
	uint64_t *v = malloc(EVENTS * sizeof(*v));
	unsigned int seen = 0, layout;

	make_events(e);
	assert_int_equal(column_scratch_reserve(&s, EVENTS, EVENTS), 0);
	for (unsigned int kind = 0; kind < KINDS; kind++)
		for (int pred = COLUMN_NONE; pred <= COLUMN_TASK; pred++)
			for (size_t k = 0; k < 2 * sizeof(counts) / sizeof(counts[0]); k++) {
				bool some = k % 2; /* not every event has a row */
				struct column_rows rows = {.of = &e->of, .base = 5};

				for (uint32_t i = 0; i < EVENTS && rows.n < counts[k / 2]; i++)
					if (!some || rnd(3))
						events[rows.n++] = i;
				rows.events = some ? events : NULL;
				for (uint32_t i = 0; i < rows.n; i++)
					v[i] = value_of(e, kind, events[i]);
				round_trip(&rows, v, (enum column_pred)pred, &s, &layout);
				seen |= 1u << layout;
				rows.of = NULL;
				round_trip(&rows, v, (enum column_pred)pred, &s, &layout);
			}
	assert_int_equal(seen, (1u << (LAYOUT_SHIFTED + 1)) - 1); /* no layout is left out */
	column_scratch_free(&s);
	free(events);
	free(v);
	free(e);
}

/* What a prediction is for costs next to nothing. */
static void test_predictions(void **state)
{
	static const struct {
		unsigned int kind;
		enum column_pred pred;
		size_t most; /* bytes */
	} rows[] = {
		{2, COLUMN_FLOW, FLOWS * 8 + 40},
		{4, COLUMN_SIZE, 90 * 2 + 150},
		{5, COLUMN_TASK, TASKS * 4 + EVENTS / 8 + 20},
		{8, COLUMN_NONE, EVENTS * 10 / 8 + 40},
	};
	struct events *e = malloc(sizeof(*e));
	struct column_scratch s = {0};
	uint64_t *v = malloc(EVENTS * sizeof(*v));
	unsigned int layout;

	make_events(e);
	assert_int_equal(column_scratch_reserve(&s, EVENTS, EVENTS), 0);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct column_rows r = {.n = EVENTS, .of = &e->of};
		size_t bytes;

		for (uint32_t i = 0; i < EVENTS; i++)
			v[i] = value_of(e, rows[k].kind, i);
		bytes = round_trip(&r, v, rows[k].pred, &s, &layout);
		print_message("prediction %d: %zu bytes, layout %u\n", rows[k].pred, bytes, layout);
		assert_true(bytes <= rows[k].most);
	}
	column_scratch_free(&s);
	free(v);
	free(e);
}

/* Any bytes: an error or values, and never a look outside. */
static void test_lies(void **state)
{
	struct events *e = malloc(sizeof(*e));
	struct column_scratch s = {0};
	uint64_t *v = malloc(EVENTS * sizeof(*v));
	struct column_rows rows = {.n = 200, .of = &e->of};
	uint32_t bad = 0;

	make_events(e);
	assert_int_equal(column_scratch_reserve(&s, EVENTS, EVENTS), 0);
	for (int round = 0; round < 20000; round++) {
		size_t n = 1 + rnd(600);
		uint8_t *p = malloc(n); /* of that size, so that the sanitizer sees its end */
		struct cursor c;

		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)rnd(i < 6 ? 32 : 256);
		if (round % 4 == 0)
			p[0] = (uint8_t)(LAYOUT_SHIFTED | rnd(8) << 4);
		c = cursor_init(p, n);
		bad += column_get(&c, v, &rows, &s) != 0;
		free(p);
	}
	assert_true(bad > 1000 && bad < 20000);
	column_scratch_free(&s);
	free(v);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_predictions),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
