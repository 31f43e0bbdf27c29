/* SPDX-License-Identifier: BSD-2-Clause */
/* The map of sort: whatever is put in and taken out, it says what a plain array says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/sort/sort_map.h"

enum { KEYS = 3000, STEPS = 60000 };

static uint64_t state = 88172645463325252u;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

/* Keys that differ in one word each, as those of packets do. */
static struct sort_key key_of(uint32_t i)
{
	struct sort_key key = {{7, 7, 7, 7}};

	key.w[i % 4] = i;
	return key;
}

static void check_all(const struct sort_map *m, void *const *want)
{
	size_t n = 0;

	for (uint32_t i = 0; i < KEYS; i++) {
		struct sort_key key = key_of(i);

		assert_ptr_equal(sort_map_get(m, &key), want[i]);
		n += !!want[i];
	}
	assert_int_equal(m->n, n);
}

static void random_steps(void **unused)
{
	static void *want[KEYS];
	static char values[KEYS * 2];
	struct sort_map m = {0};
	struct sort_key key = key_of(1);

	assert_null(sort_map_get(&m, &key));
	sort_map_remove(&m, &key);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t i = below(KEYS);

		/* 7 is the word of the others: those keys are one */
		if (i == 7)
			continue;
		key = key_of(i);
		if (step % 20000 < 10000 ? below(3) > 0 : below(3) == 0) {
			want[i] = &values[below(sizeof(values))];
			assert_true(sort_map_put(&m, &key, want[i]));
		} else {
			sort_map_remove(&m, &key);
			want[i] = NULL;
		}
		if (step % 1000 == 0)
			check_all(&m, want);
	}
	check_all(&m, want);
	/* at most half of the slots are taken, else a search would not be short */
	assert_true(m.n * 2 <= m.size);
	for (uint32_t i = 0; i < KEYS; i++) {
		key = key_of(i);
		sort_map_remove(&m, &key);
	}
	assert_int_equal(m.n, 0);
	for (size_t i = 0; i < m.size; i++)
		assert_null(m.slots[i].value);
	sort_map_free(&m);
	assert_null(m.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_steps)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
