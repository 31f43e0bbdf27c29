/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a batch may wait (capture/age.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/age.c" /* the test programs are linked without the recorder */

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)
#define PROMISE (500 * MS) /* formats/FORMAT.md, 4 */

/* What was late lately is taken off, and 100 ms are left for more. */
static void test_late(void **state)
{
	static const struct {
		uint64_t late_ms, limit_ms;
	} rows[] = {{0, 400}, {10, 390}, {150, 250}, {299, 101}, {300, 100}, {5000, 100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct age a = {0};

		age_note(&a, 1000 * S, rows[i].late_ms * MS);
		assert_int_equal(age_limit_ns(&a, 1) / MS, rows[i].limit_ms);
		if (rows[i].late_ms < 300)
			assert_true(age_limit_ns(&a, 1) + (rows[i].late_ms + 100) * MS <= PROMISE);
	}
}

/* A recording begins carefully: its first delay may be a large one. */
static void test_beginning(void **state)
{
	struct age a;

	age_init(&a, 1000 * S);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 200);
	age_note(&a, 1029 * S, 0);
	age_note(&a, 1031 * S, 0);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 200);
	age_note(&a, 1062 * S, 0);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 400);
}

/* It is remembered for half a minute at least and a minute at most, whatever comes meanwhile. */
static void test_forgotten(void **state)
{
	struct age a = {0};
	uint64_t t = 7 * S;

	age_note(&a, t, 0);
	age_note(&a, t += 29 * S, 200 * MS); /* at the end of a window */
	for (int i = 0; i < 30; i++) {
		age_note(&a, t += S, MS);
		assert_int_equal(age_limit_ns(&a, 1) / MS, 200);
	}
	for (int i = 0; i < 31; i++)
		age_note(&a, t += S, MS);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 399);
	/* the largest of both windows counts */
	age_note(&a, t, 50 * MS);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 350);
	/* behind a long silence nothing of before does */
	age_note(&a, t + 1000 * S, 0);
	assert_int_equal(age_limit_ns(&a, 1) / MS, 400);
}

/* A large batch gains nothing by waiting. */
static void test_large(void **state)
{
	struct age a = {0};

	age_note(&a, S, 0);
	assert_int_equal(age_limit_ns(&a, 1023) / MS, 400);
	assert_int_equal(age_limit_ns(&a, 1024) / MS, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_beginning),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
