/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reader of the rings on memory that looks like a ring: order across rings, records that are
 * not whole yet, the watermark, forged marks, records that lie, going round the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/ring.c"

enum { RINGS = 3, BYTES = 4096, STRIDE = 128 + BYTES + 20480 };
#define SECRET UINT64_C(0x1122334455667788)

struct world {
	int fd;
	uint8_t *map;
	struct rings rings;
	uint64_t seen[4096];
	size_t n, stop_after;
};

static struct ring_area *area(const struct world *w, int i)
{
	return (struct ring_area *)(w->map + (size_t)i * STRIDE);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct skbox_error err = {0};

	assert_non_null(w);
	w->fd = memfd_create("ring", MFD_CLOEXEC);
	assert_int_equal(ftruncate(w->fd, RINGS * STRIDE + 4096), 0);
	w->map = mmap(NULL, RINGS * STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	assert_ptr_not_equal(w->map, MAP_FAILED);
	assert_int_equal(rings_init_areas(&w->rings, w->fd, RINGS, BYTES, STRIDE, SECRET, &err), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	rings_fini(&w->rings);
	munmap(w->map, RINGS * STRIDE);
	close(w->fd);
	free(w);
	return 0;
}

/* What a program does; mark false: it is not done yet. */
static uint8_t *put(struct world *w, int ring, uint64_t time, uint32_t caplen, bool mark)
{
	struct ring_area *a = area(w, ring);
	uint64_t at = a->head, word = RING_MARK(at, SECRET);
	uint8_t *p = a->data + (at & (BYTES - 1));
	struct record rec = {.time = time, .caplen = caplen};

	assert_true(a->head + RING_SPACE(caplen) - a->tail <= BYTES);
	memset(p, 0, RING_MARK_BYTES);
	memcpy(p + RING_MARK_BYTES, &rec, sizeof(rec));
	if (mark)
		memcpy(p, &word, sizeof(word));
	a->head += RING_SPACE(caplen);
	return p;
}

static bool see(void *ctx, const struct record *rec)
{
	struct world *w = ctx;

	w->seen[w->n++] = rec->time;
	return !w->stop_after || w->n < w->stop_after;
}

static size_t take(struct world *w, uint64_t until)
{
	w->n = 0;
	return rings_take(&w->rings, until, 4096, see, w);
}

static void expect(const struct world *w, size_t n, const uint64_t *times)
{
	assert_int_equal(w->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(w->seen[i], times[i]);
}

static void test_order(void **state)
{
	struct world *w = *state;

	put(w, 0, 10, 60, true);
	put(w, 0, 40, 255, true);
	put(w, 1, 20, 0, true);
	put(w, 1, 30, 64, true);
	put(w, 1, 50, 65, true);
	put(w, 2, 5, 1, true);
	assert_int_equal(take(w, UINT64_MAX), 6);
	expect(w, 6, (uint64_t[]){5, 10, 20, 30, 40, 50});
	for (int i = 0; i < RINGS; i++)
		assert_int_equal(area(w, i)->tail, area(w, i)->head);
	assert_int_equal(take(w, UINT64_MAX), 0);
}

static void test_watermark(void **state)
{
	struct world *w = *state;

	put(w, 0, 10, 60, true);
	put(w, 0, 30, 60, true);
	put(w, 1, 20, 60, true);
	take(w, 30);
	expect(w, 2, (uint64_t[]){10, 20});
	/* what comes late is still before what was held back */
	put(w, 1, 25, 60, true);
	take(w, UINT64_MAX);
	expect(w, 2, (uint64_t[]){25, 30});
}

static void test_unfinished(void **state)
{
	struct world *w = *state;
	uint64_t word = RING_MARK(0, SECRET);
	uint8_t *p = put(w, 0, 10, 60, false);

	put(w, 0, 11, 60, true);
	put(w, 1, 12, 60, true);
	take(w, UINT64_MAX);
	expect(w, 1, (uint64_t[]){12}); /* the finished one behind it waits, others do not */
	assert_int_equal(area(w, 0)->tail, 0);
	assert_int_equal(rings_waiting(&w->rings), 2 * RING_SPACE(60));
	memcpy(p, &word, sizeof(word));
	take(w, UINT64_MAX);
	expect(w, 2, (uint64_t[]){10, 11});
}

/* The marks of an earlier round and of another secret do not count. */
static void test_forged_mark(void **state)
{
	struct world *w = *state;
	uint8_t *p = put(w, 0, 10, 60, false);
	uint64_t word = RING_MARK(0, SECRET + 1);

	memcpy(p, &word, sizeof(word));
	assert_int_equal(take(w, UINT64_MAX), 0);
	word = RING_MARK(BYTES, SECRET);
	memcpy(p, &word, sizeof(word));
	assert_int_equal(take(w, UINT64_MAX), 0);
	assert_int_equal(w->rings.broken, 0);
}

static void test_lying_length(void **state)
{
	struct world *w = *state;
	uint8_t *p = put(w, 0, 10, 60, true);
	struct record *rec = (struct record *)(p + RING_MARK_BYTES);

	rec->caplen = SNAPLEN_MAX + 1;
	assert_int_equal(take(w, UINT64_MAX), 0);
	assert_int_equal(w->rings.broken, 1);
	/* more than was reserved */
	p = put(w, 0, 20, 60, true);
	rec = (struct record *)(p + RING_MARK_BYTES);
	rec->caplen = 65;
	assert_int_equal(take(w, UINT64_MAX), 0);
	assert_int_equal(w->rings.broken, 2);
	/* and it goes on behind them */
	put(w, 0, 30, 60, true);
	take(w, UINT64_MAX);
	expect(w, 1, (uint64_t[]){30});
}

static void test_round_and_round(void **state)
{
	struct world *w = *state;
	uint64_t time = 1;

	for (int turn = 0; turn < 500; turn++) {
		uint64_t first = time;

		for (int i = 0; i < 7; i++, time++)
			put(w, (int)(time % RINGS), time, (uint32_t)(time * 37 % 256), true);
		assert_int_equal(take(w, UINT64_MAX), 7);
		for (size_t i = 0; i < 7; i++)
			assert_int_equal(w->seen[i], first + i);
	}
	assert_true(area(w, 0)->head > 50 * BYTES);
}

static void test_stop(void **state)
{
	struct world *w = *state;

	for (uint64_t i = 1; i <= 6; i++)
		put(w, (int)(i % 2), i, 10, true);
	w->stop_after = 2;
	take(w, UINT64_MAX);
	expect(w, 2, (uint64_t[]){1, 2});
	w->stop_after = 0;
	w->n = 0;
	assert_int_equal(rings_take(&w->rings, UINT64_MAX, 3, see, w), 3);
	expect(w, 3, (uint64_t[]){3, 4, 5});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watermark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfinished, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_round_and_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
