// SPDX-License-Identifier: BSD-2-Clause
/*
 * Socket dumps against a kernel that does what the real one seldom does: rows that come twice, ends
 * that are errors, messages of others, damage. The code under test is compiled in here, with its calls
 * to the kernel led to the functions below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture/sock/netlink.c"
#include "capture/sock/sock_dump.h"
#include "capture/sock/sock_dump_cgroup.c"

static ssize_t fake_recv(int fd, void *buf, size_t size, int flags);
static int fake_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *p,
			size_t len);
static int fake_clock(clockid_t id, struct timespec *t);

#define netlink_recv    fake_recv
#define netlink_request fake_request
#define clock_gettime   fake_clock
#include "capture/sock/sock_row.c"
#include "capture/sock/sock_dump.c"
#undef clock_gettime

#include "tests/unit/sock_message.h"

/* What the kernel answers, a buffer a recv: bytes, or a negative errno. */
enum { ANSWERS_MAX = 64, OTHER_SEQ = 998, OTHER_PORT = 999 };
static struct answer {
	uint8_t *p;
	ssize_t len;
} answers[ANSWERS_MAX];
static size_t n_answers, next_answer;
static uint32_t seq, port;
static int requests, open_sockets;
static uint8_t asked[2][56];
static int refuse_socket; /* errno of the socket after the first; 0: none */
static uint64_t clock_ns, clock_step_ns;

/* These two are netns.c's, which is not linked. */
int netns_socket(const struct netns *ns, int domain, int type, int protocol,
		 struct skbox_error *why)
{
	int fd;

	assert_int_equal(domain, AF_NETLINK);
	assert_int_equal(protocol, NETLINK_SOCK_DIAG);
	if (refuse_socket && requests)
		return error_set(why, -refuse_socket, 0, "refused");
	/* a real one, for bind and getsockname; nothing is sent to it */
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	assert_true(fd >= 0);
	open_sockets++;
	return fd;
}

static int fake_request(int fd, uint16_t type, uint16_t flags, uint32_t s, const void *p,
			size_t len)
{
	struct sockaddr_nl self;
	socklen_t self_len = sizeof(self);

	assert_int_equal(type, 20);
	assert_int_equal(flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(len, 56);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &self_len), 0);
	port = self.nl_pid;
	seq = s;
	memcpy(asked[requests++ % 2], p, len);
	return 0;
}

static ssize_t fake_recv(int fd, void *buf, size_t size, int flags)
{
	struct answer *a = &answers[next_answer];

	assert_true(flags & MSG_DONTWAIT);
	if (next_answer == n_answers)
		return -EAGAIN;
	next_answer++;
	if (a->len > 0) {
		/* number and address of the request go into what was prepared; another's lack one of them */
		for (size_t at = 0; at + 16 <= (size_t)a->len;) {
			uint32_t len, own;

			memcpy(&len, a->p + at, 4);
			memcpy(&own, a->p + at + 8, 4);
			if (own == 0 || own == OTHER_PORT)
				memcpy(a->p + at + 8, &seq, 4);
			if (own == 0 || own == OTHER_SEQ)
				memcpy(a->p + at + 12, &port, 4);
			if (len < 16)
				break;
			at += (len + 3) / 4 * 4;
		}
		assert_true((size_t)a->len <= size);
		memcpy(buf, a->p, (size_t)a->len);
	}
	return a->len;
}

static int fake_clock(clockid_t id, struct timespec *t)
{
	clock_ns += clock_step_ns;
	t->tv_sec = (time_t)(clock_ns / 1000000000);
	t->tv_nsec = (long)(clock_ns % 1000000000);
	return 0;
}

void netns_add_section(const struct netns *ns, struct ev_batch *b)
{
	struct ev_netns *row = EV_ADD(b, netns);

	EV_SET(row, netns, inum, ns->inum);
}

/* ---- preparing answers ---- */

static struct answer *answer(ssize_t len)
{
	struct answer *a = &answers[n_answers++];

	assert_true(n_answers <= ANSWERS_MAX);
	a->len = len < 0 ? len : 0;
	if (!a->p)
		a->p = malloc(NETLINK_BUFFER_BYTES);
	assert_non_null(a->p);
	return a;
}

static void add_message(struct answer *a, uint16_t type, uint32_t own_seq, const void *p,
			size_t len)
{
	uint32_t h[4] = {(uint32_t)len + 16, type, own_seq, 0};

	memcpy(a->p + a->len, h, sizeof(h));
	memcpy(a->p + a->len + 16, p, len);
	a->len += (ssize_t)((len + 16 + 3) / 4 * 4);
}

static void add_row(struct answer *a, uint64_t cookie)
{
	struct message m;

	message_init(&m, cookie);
	add_message(a, 20, 0, m.p, m.len);
}

static void add_done(struct answer *a, int32_t status)
{
	add_message(a, NLMSG_DONE, 0, &status, sizeof(status));
}

/* ---- what came out ---- */

static struct {
	uint32_t rows[2], begins, ends, batches, largest;
	struct ev_snapset end[2];
	uint64_t times[1024];
	uint32_t n_times;
	int fail;
} got;

static uint32_t last_set;

static int take(void *ctx, struct ev_batch *b)
{
	struct ev_walk w = ev_walk(b);
	struct ev ev = {0};

	got.batches++;
	got.largest = b->n > got.largest ? b->n : got.largest;
	if (got.fail)
		return got.fail;
	while (ev_next(&w, &ev)) {
		assert_int_equal(ev.netns->inum, 77);
		if (ev.snapset && !ev.snapset->phase) {
			got.begins++;
			last_set = ev.snapset->set;
		} else if (ev.snapset) {
			assert_int_equal(ev.snapset->set, last_set);
			got.end[got.ends++ % 2] = *ev.snapset;
		}
		/* nothing but frames and sockets */
		assert_true(!!ev.snapset != !!ev.diag);
		if (!ev.diag)
			continue;
		assert_true(ev_is(ev.snap->cause, "test"));
		assert_int_equal(ev.snap->set, last_set);
		got.rows[(got.begins - 1) % 2]++;
		if (got.n_times < 1024)
			got.times[got.n_times++] = ev.common->timestamp;
	}
	return 0;
}

static struct sock_dumper *d;
static struct skbox_error err;

static int start(void **state)
{
	struct sock_dump_options o = {.emit = take};

	n_answers = next_answer = 0;
	requests = open_sockets = refuse_socket = 0;
	clock_ns = 1000;
	clock_step_ns = 1;
	memset(&got, 0, sizeof(got));
	memset(&err, 0, sizeof(err));
	return sock_dumper_open(&d, &o, NULL);
}

static int stop(void **state)
{
	sock_dumper_close(d);
	for (size_t i = 0; i < ANSWERS_MAX; i++) {
		free(answers[i].p);
		answers[i].p = NULL;
	}
	return 0;
}

/* Steps to the end: the last answer. */
static int run(void)
{
	static const struct netns ns = {.inum = 77};
	int ret = sock_dumper_start(d, &ns, "test", &err), steps = 0;

	if (ret < 0)
		return ret;
	assert_int_equal(sock_dumper_start(d, &ns, "test", NULL), -EBUSY);
	while ((ret = sock_dumper_step(d, &err)) == 1)
		assert_true(steps++ < 100000);
	assert_false(sock_dumper_busy(d));
	assert_int_equal(sock_dumper_fd(d), -1);
	assert_int_equal(sock_dumper_step(d, &err), 0);
	return ret;
}

/* ---- tests ---- */

static void both_families(void **state)
{
	struct answer *a = answer(0);

	add_row(a, 1);
	add_row(a, 2);
	a = answer(0);
	add_row(a, 3);
	add_done(a, 0);
	a = answer(0);
	add_done(a, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(asked[0][0], 2);
	assert_int_equal(asked[1][0], 10);
	assert_int_equal(asked[0][1], 6);
	assert_int_equal(got.rows[0], 3);
	assert_int_equal(got.rows[1], 0);
	assert_int_equal(got.begins, 2);
	assert_int_equal(got.ends, 2);
	assert_int_equal(got.end[0].rows, 3);
	assert_int_equal(got.end[0].family, 2);
	assert_int_equal(got.end[0].status, 0);
	assert_int_equal(got.end[1].family, 10);
	assert_int_equal(got.end[1].set, 1);
	assert_int_equal(got.end[0].bytes, 3 * 88 + 20);
	assert_int_equal(sock_dumper_totals(d)->rows, 3);
	assert_int_equal(sock_dumper_totals(d)->rounds, 1);
}

/* Twice in a dump is once; again in the next dump it is there again. */
static void duplicates(void **state)
{
	for (int round = 0; round < 2; round++) {
		struct answer *a = answer(0);

		for (uint64_t i = 1; i <= 500; i++)
			add_row(a, i << 32 | 7);
		a = answer(0);
		for (uint64_t i = 1; i <= 500; i += 5)
			add_row(a, i << 32 | 7);
		add_row(a, UINT64_MAX);
		add_done(a, 0);
		a = answer(0);
		add_done(a, 0);
	}
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].rows, 501);
	assert_int_equal(got.end[0].dups, 100);
	assert_int_equal(got.rows[0], 501);
	assert_int_equal(run(), 0);
	assert_int_equal(got.rows[0], 1002);
	assert_int_equal(sock_dumper_totals(d)->dups, 200);
}

/* Rows were collected at the call before the one that brings them. */
static void times_of_rows(void **state)
{
	struct answer *a = answer(0);

	clock_step_ns = 1000;
	add_row(a, 1);
	a = answer(0);
	add_row(a, 2);
	add_done(a, 0);
	add_done(answer(0), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(got.n_times, 2);
	/* start, begin row, request; then deadline and recv */
	assert_int_equal(got.times[0], 1000 + 3 * 1000);
	assert_int_equal(got.times[1], 1000 + 5 * 1000);
}

/* A dump that failed says so in its end row; the other family's goes on. */
static void failed_dumps(void **state)
{
	int32_t code = -EPERM;
	struct answer *a = answer(0);

	add_row(a, 1);
	add_done(a, -ENOMEM);
	a = answer(0);
	add_message(a, NLMSG_ERROR, 0, &code, sizeof(code));
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].status, -ENOMEM);
	assert_int_equal(got.end[0].rows, 1);
	assert_int_equal(got.end[1].status, -EPERM);
	assert_int_equal(sock_dumper_totals(d)->failed, 2);
}

static void what_recv_says(void **state)
{
	struct answer *a;

	answer(-EAGAIN);
	answer(-ENOBUFS);
	a = answer(0);
	add_row(a, 1);
	add_done(a, 0);
	a = answer(0);
	add_row(a, 1);
	answer(-EMSGSIZE);
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].status, -ENOBUFS);
	assert_int_equal(got.end[0].rows, 1);
	assert_int_equal(got.end[1].status, -EMSGSIZE);
	assert_int_equal(got.end[1].rows, 1);
}

/* Messages with another number or for another socket are left alone, also when they say "done". */
static void messages_of_others(void **state)
{
	struct answer *a = answer(0);
	struct message m;
	int32_t zero = 0;

	message_init(&m, 5);
	add_message(a, NLMSG_DONE, OTHER_SEQ, &zero, sizeof(zero));
	add_message(a, NLMSG_DONE, OTHER_PORT, &zero, sizeof(zero));
	add_message(a, 20, OTHER_SEQ, m.p, m.len);
	add_message(a, 20, OTHER_PORT, m.p, m.len);
	add_row(a, 6);
	add_message(a, 21, 0, m.p, m.len);
	add_done(a, 0);
	add_done(answer(0), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].rows, 1);
}

static void damaged_messages(void **state)
{
	struct answer *a = answer(0);
	uint32_t too_long = 5000, too_short = 8;
	struct message m;

	/* shorter than its fixed part; of no known family; with an attribute that lies: kept up to there */
	message_init(&m, 1);
	add_message(a, 20, 0, m.p, 71);
	m.p[0] = 1;
	add_message(a, 20, 0, m.p, m.len);
	message_init(&m, 2);
	message_attr(&m, 5, "", 1);
	message_put(&m, 72, 400, 2);
	add_message(a, 20, 0, m.p, m.len);
	add_row(a, 3);
	/* a message that is longer than what was received */
	add_row(a, 4);
	memcpy(a->p + a->len - 88, &too_long, 4);
	a = answer(0);
	add_row(a, 5);
	memcpy(a->p, &too_short, 4);
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].rows, 2);
	assert_int_equal(got.end[0].status, -EPROTO);
	assert_int_equal(got.end[1].rows, 0);
	assert_int_equal(got.end[1].status, -EPROTO);
	assert_int_equal(sock_dumper_totals(d)->undecoded, 3);
}

/* A kernel that never ends: the dump is cut off, with an end row that says so. */
static void deadline(void **state)
{
	struct answer *a = answer(0);

	clock_step_ns = 1000000;
	add_row(a, 1);
	assert_int_equal(run(), 0);
	assert_int_equal(got.ends, 1);
	assert_int_equal(got.end[0].status, -ETIMEDOUT);
	assert_int_equal(got.end[0].rows, 1);
	assert_int_equal(requests, 1);
}

static void prepare_many(void)
{
	n_answers = next_answer = 0;
	for (int k = 0; k < 20; k++) {
		struct answer *a = answer(0);

		for (uint64_t i = 0; i < 600; i++)
			add_row(a, (uint64_t)k * 600 + i + 1);
		if (k == 19)
			add_done(a, 0);
	}
	add_done(answer(0), 0);
}

/* Batches stay small, and an error of the one who takes them ends the round at once. */
static void batches(void **state)
{
	prepare_many();
	got.fail = -ENOSPC;
	assert_int_equal(run(), -ENOSPC);
	assert_int_equal(err.code, -ENOSPC);
	assert_int_equal(got.batches, 1);
	/* and it can be used again */
	memset(&got, 0, sizeof(got));
	prepare_many();
	assert_int_equal(run(), 0);
	assert_int_equal(got.end[0].rows, 12000);
	assert_int_equal(got.rows[0], 12000);
	assert_int_equal(got.end[0].set, 1);
	assert_true(got.batches >= 3);
	assert_true(got.largest <= SOCK_DUMP_BATCH_ROWS);
}

/* The namespace went away after the first family: what was got is handed out. */
static void namespace_goes_away(void **state)
{
	struct answer *a = answer(0);

	refuse_socket = ENOENT;
	add_row(a, 1);
	add_done(a, 0);
	assert_int_equal(run(), 0);
	assert_int_equal(got.ends, 1);
	assert_int_equal(got.rows[0], 1);
	assert_int_equal(sock_dumper_totals(d)->failed, 1);
	/* and before anything: an error, and no rows */
	assert_int_equal(run(), -ENOENT);
	assert_int_equal(got.ends, 1);
	assert_false(sock_dumper_busy(d));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(both_families),       TEST(duplicates),     TEST(times_of_rows),
		TEST(failed_dumps),        TEST(what_recv_says), TEST(messages_of_others),
		TEST(damaged_messages),    TEST(deadline),       TEST(batches),
		TEST(namespace_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
