/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder's processes send each other: messages in pieces, lengths that lie, an end that
 * is gone or takes nothing; rows that come out as they went in; stacks that lie about their size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/process/channel.c"
#include "capture/process/rows.c"
#include "capture/stack.c"

enum { EVENTS = 1300 }; /* three messages */

struct pair {
	struct channel a, b;
};

static int open_pair(void **state)
{
	static struct pair p;
	int fds[2];

	assert_int_equal(channel_pair(fds), 0);
	channel_open(&p.a, fds[0]);
	channel_open(&p.b, fds[1]);
	*state = &p;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	channel_close(&p->a);
	channel_close(&p->b);
	return 0;
}

static void test_pieces(void **state)
{
	static const uint8_t bytes[] = {7,   0,   0, 0, 5, 0, 0, 0, 'h', 'e', 'l',
					'l', 'o', 8, 0, 0, 0, 0, 0, 0,   0};
	struct pair *p = *state;
	struct message m = {0};

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bool whole = i == 12 || i == sizeof(bytes) - 1;

		assert_int_equal(send(p->a.fd, bytes + i, 1, 0), 1);
		assert_true(channel_read(&p->b));
		assert_int_equal(channel_next(&p->b, &m), whole);
		if (i == 12) {
			assert_int_equal(m.kind, 7);
			assert_int_equal(m.len, 5);
			assert_memory_equal(m.p, "hello", 5);
		}
	}
	assert_int_equal(m.kind, 8);
	assert_int_equal(m.len, 0);
	assert_false(channel_read(&p->b));
	assert_false(p->b.ended);
}

static void test_lies(void **state)
{
	const uint32_t head[2] = {7, CHANNEL_MESSAGE_MAX + 1};
	struct pair *p = *state;
	struct message m = {0};

	assert_int_equal(send(p->a.fd, head, sizeof(head), 0), sizeof(head));
	assert_true(channel_read(&p->b));
	assert_false(channel_next(&p->b, &m));
	assert_true(p->b.ended);
	assert_int_equal(channel_send(&p->a, 1, "", CHANNEL_MESSAGE_MAX + 1), -EMSGSIZE);
	assert_int_equal(channel_try(&p->a, 1, "", CHANNEL_SHORT_MAX + 1), -EMSGSIZE);
}

static void test_ends(void **state)
{
	struct pair *p = *state;
	uint64_t word = 42, got;
	struct message m = {0};

	assert_int_equal(channel_try(&p->a, 3, &word, sizeof(word)), 0);
	channel_close(&p->a);
	/* what was sent before it went is there */
	assert_true(channel_read(&p->b));
	assert_true(channel_next(&p->b, &m));
	assert_false(message_get(&m, &got, 4));
	assert_true(message_get(&m, &got, sizeof(got)));
	assert_int_equal(got, 42);
	assert_false(channel_read(&p->b));
	assert_true(p->b.ended);
	assert_int_equal(channel_try(&p->b, 3, NULL, 0), -EPIPE);
	assert_int_equal(channel_send(&p->b, 3, NULL, 0), -EPIPE);
}

static void test_nobody_takes(void **state)
{
	struct pair *p = *state;
	struct message m = {0};
	uint64_t n = 0, got, want = 0;

	while (!channel_try(&p->a, 3, &n, sizeof(n)))
		assert_true(++n < 1000000);
	assert_int_equal(channel_try(&p->a, 3, &n, sizeof(n)), -EAGAIN);
	assert_false(p->a.ended);
	/* and those that were taken are whole and in order */
	while (channel_read(&p->b))
		while (channel_next(&p->b, &m)) {
			assert_true(message_get(&m, &got, sizeof(got)));
			assert_int_equal(got, want++);
		}
	assert_int_equal(want, n);
	assert_int_equal(channel_try(&p->a, 3, &n, sizeof(n)), 0);
}

/* ---- rows ---- */

static void fill(struct ev_batch *b)
{
	char name[32];

	for (uint64_t i = 0; i < EVENTS; i++) {
		struct ev_common *common;
		struct ev_iface *iface;

		ev_batch_begin(b);
		common = EV_ADD(b, common);
		EV_SET(common, common, timestamp, UINT64_C(5000000000) + (i ^ 3) * 1000);
		iface = EV_ADD(b, iface);
		EV_SET(iface, iface, ifindex, (uint32_t)i);
		snprintf(name, sizeof(name), "eth%u", (unsigned int)i);
		if (i % 3)
			EV_SET(iface, iface, name, ev_text(b, name));
	}
}

static void test_rows(void **state)
{
	struct pair *p = *state;
	struct rows *from = rows_new(), *to = rows_new();
	struct ev_batch *b = ev_batch_new();
	uint32_t seen = 0;
	struct message m = {0};

	fill(b);
	assert_int_equal(rows_send(from, &p->a, b), 0);
	while (channel_read(&p->b))
		while (channel_next(&p->b, &m)) {
			struct ev_batch *got = rows_take(to, &m);
			struct ev_walk walk;
			struct ev ev = {0};

			assert_int_equal(m.kind, MESSAGE_ROWS);
			assert_non_null(got);
			assert_true(got->n <= ROWS_MESSAGE_MAX);
			walk = ev_walk(got);
			while (ev_next(&walk, &ev)) {
				char name[32];

				snprintf(name, sizeof(name), "eth%u", seen);
				assert_int_equal(ev.common->timestamp,
						 UINT64_C(5000000000) + (seen ^ 3) * 1000);
				assert_int_equal(ev.iface->ifindex, seen);
				assert_int_equal(EV_HAS(ev.iface, iface, name), seen % 3 != 0);
				assert_true(!(seen % 3) || ev_is(ev.iface->name, name));
				seen++;
			}
		}
	assert_int_equal(seen, EVENTS);
	rows_free(from);
	rows_free(to);
	ev_batch_free(b);
}

static void test_cut_rows(void **state)
{
	struct pair *p = *state;
	struct rows *r = rows_new();
	struct ev_batch *b = ev_batch_new();
	struct message m = {0};

	fill(b);
	b->n = 20;
	assert_int_equal(rows_send(r, &p->a, b), 0);
	assert_true(channel_read(&p->b));
	assert_true(channel_next(&p->b, &m));
	for (uint32_t len = 0; len < m.len; len++) {
		/* in memory of its own, so that a sanitizer sees what is read behind it */
		uint8_t *copy = malloc(len + 1);
		const struct message cut = {m.kind, len, memcpy(copy, m.p, len)};
		const struct ev_batch *got = rows_take(r, &cut);

		/* columns may lack at the end, no event may be invented */
		assert_true(!got || got->n == 20);
		assert_true(got == NULL || len > m.len / 4);
		free(copy);
	}
	assert_non_null(rows_take(r, &m));
	rows_free(r);
	ev_batch_free(b);
}

/* ---- stacks ---- */

static uint32_t asked;
static unsigned int asks;

static void ask(void *ctx, uint32_t id)
{
	asked = id;
	asks++;
	if (id == 5)
		stacks_put(ctx, 5, 2, "a+0x1\0b+0x2", 12);
	if (id == 6)
		stacks_put(ctx, 6, 0, "", 0);
}

static void test_stacks(void **state)
{
	struct ev_batch *b = ev_batch_new();
	struct ev_list list = {0};
	struct stacks s;

	assert_int_equal(stacks_init(&s, NULL), 0);
	s.ask = ask;
	s.ctx = &s;
	for (int i = 0; i < 3; i++) {
		assert_true(stacks_get(&s, b, 5, &list));
		assert_int_equal(list.n, 2);
		assert_true(ev_is(list.v[1], "b+0x2"));
		stacks_forget_batch(&s);
	}
	assert_int_equal(asks, 1); /* once */
	assert_false(stacks_get(&s, b, 6, &list));
	assert_false(stacks_get(&s, b, 6, &list));
	assert_int_equal(asks, 2); /* there is none: asked once, too */
	assert_false(stacks_get(&s, b, 7, &list));
	assert_int_equal(asked, 7);
	assert_int_equal(s.missed, 3);
	assert_false(stacks_get(&s, b, -1, &list));
	assert_false(stacks_get(&s, b, 2 * STACKS_MAX, &list));
	/* fewer frames than it says, one without an end, too many */
	stacks_put(&s, 8, 3, "a\0b", 3);
	assert_true(stacks_get(&s, b, 8, &list));
	assert_int_equal(list.n, 1);
	stacks_put(&s, 9, STACK_FRAMES + 1, "a", 2);
	stacks_put(&s, 2 * STACKS_MAX, 1, "a", 2);
	assert_false(stacks_know(&s, 9));
	stacks_fini(&s);
	ev_batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pieces, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_lies, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_ends, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_nobody_takes, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_rows, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_cut_rows, open_pair, close_pair),
		cmocka_unit_test(test_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
