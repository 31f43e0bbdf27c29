// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lookups of single sockets: which events ask, and what of the kernel's answers is taken. The code
 * under test is compiled in here, with its calls to the kernel led to the functions below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/sock/netlink.c"
#include "capture/sock/sock_dump_cgroup.h"

static ssize_t fake_recv(int fd, void *buf, size_t size, int flags);
static int fake_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *p,
			size_t len);

#define netlink_recv    fake_recv
#define netlink_request fake_request
#include "capture/sock/sock_row.c"
#include "capture/sock/sock_lookup.c"

#include "tests/unit/sock_message.h"

#define MS UINT64_C(1000000)

/* ---- the kernel, and what is not linked ---- */

static uint8_t answer[4096], asked[56];
static ssize_t answer_len; /* a negative errno, too */
static uint32_t asked_seq, own_port;
static const char *cgroup_path;

int netns_socket(const struct netns *ns, int domain, int type, int protocol,
		 struct skbox_error *err)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
}

void netns_add_section(const struct netns *ns, struct ev_batch *b)
{
	EV_SET(EV_ADD(b, netns), netns, inum, ns->inum);
}

struct sock_dump_cgroups *sock_dump_cgroups_open(void)
{
	return NULL;
}

void sock_dump_cgroups_close(struct sock_dump_cgroups *c)
{
}

const char *sock_dump_cgroups_path(struct sock_dump_cgroups *c, uint64_t id)
{
	return id == 7 ? "/mine" : id == 8 ? "/mine/below" : id == 9 ? "/mine2" : cgroup_path;
}

static int fake_request(int fd, uint16_t type, uint16_t flags, uint32_t seq, const void *p,
			size_t len)
{
	assert_int_equal(flags, NLM_F_REQUEST);
	assert_int_equal(len, sizeof(asked));
	memcpy(asked, p, len);
	asked_seq = seq;
	return 0;
}

static ssize_t fake_recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t n = answer_len;

	if (n > 0)
		memcpy(buf, answer, (size_t)n);
	answer_len = -EAGAIN;
	return n;
}

static void add_answer(uint16_t type, uint32_t seq, const void *p, size_t len)
{
	uint32_t h[4] = {(uint32_t)len + 16, type, seq, own_port};

	memcpy(answer + answer_len, h, sizeof(h));
	memcpy(answer + answer_len + 16, p, len);
	answer_len += (ssize_t)((len + 19) / 4 * 4);
}

/* ---- a lookup ---- */

static struct sock_lookup l;
static struct sock_rows *rows;
static struct ev_batch *b;
static struct sock_trigger t;

static int start(void **state)
{
	static const struct netns ns = {.inum = 77};
	static const uint8_t src[4] = {192, 0, 2, 1}, dst[4] = {198, 51, 100, 2};

	answer_len = 0;
	cgroup_path = NULL;
	t = (struct sock_trigger){.time_ns = 5, .family = 2, .sport = 1234, .dport = 80};
	memcpy(t.src, src, 4);
	memcpy(t.dst, dst, 4);
	rows = sock_rows_new(0);
	b = ev_batch_new();
	if (sock_lookup_open(&l, &ns, NULL) < 0)
		return -1;
	own_port = l.port;
	return rows && b ? 0 : -1;
}

static int stop(void **state)
{
	sock_lookup_close(&l);
	sock_lookup_close(&l);
	sock_rows_free(rows);
	ev_batch_free(b);
	return 0;
}

static void what_is_asked(void **state)
{
	static const uint8_t ports[4] = {1234 >> 8, 1234 & 255, 0, 80};
	struct ev_walk w;
	struct message m;
	struct ev ev = {0};

	message_init(&m, 0x100000002);
	t.cookie = 0x100000002;
	t.ifindex = 3;
	add_answer(20, 1, m.p, m.len);
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_FOUND);
	assert_int_equal(asked[0], 2);
	assert_memory_equal(asked + 8, ports, 4);
	assert_memory_equal(asked + 12, t.src, 16);
	assert_memory_equal(asked + 28, t.dst, 16);
	assert_memory_equal(asked + 44, "\3\0\0\0\2\0\0\0\1\0\0\0", 12);
	w = ev_walk(b);
	assert_true(ev_next(&w, &ev));
	assert_true(ev_is(ev.snap->cause, "drop"));
	assert_int_equal(ev.snap->event, 5);
	assert_false(EV_HAS(ev.snap, snap, set));
	assert_int_equal(ev.diag->cookie, 0x100000002);
	assert_int_equal(ev.netns->inum, 77);
	assert_false(ev_next(&w, &ev));
	/* without a cookie any will do */
	t.cookie = 0;
	answer_len = -ENOBUFS;
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), -ENOBUFS);
	assert_memory_equal(asked + 48, "\377\377\377\377\377\377\377\377", 8);
}

/* A socket that listens is the kernel's answer where there is no connection. */
static void no_listener(void **state)
{
	struct message m;

	message_init(&m, 9);
	m.p[7] = 0; /* the remote port */
	add_answer(20, 1, m.p, m.len);
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_GONE);
	answer_len = 0;
	message_init(&m, 9);
	m.p[24]++;
	add_answer(20, 2, m.p, m.len);
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_GONE);
	assert_int_equal(b->n, 0);
	answer_len = 0;
	message_init(&m, 9);
	add_answer(20, 3, m.p, m.len);
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_FOUND);
	assert_int_equal(b->n, 1);
}

static void other_answers(void **state)
{
	int32_t code = -ENOENT;
	struct message m;

	/* left over from before, then ours */
	message_init(&m, 9);
	add_answer(20, 99, m.p, m.len);
	add_answer(NLMSG_ERROR, 1, &code, sizeof(code));
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_GONE);
	answer_len = 0;
	code = -EPERM;
	add_answer(NLMSG_ERROR, 2, &code, sizeof(code));
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), -EPERM);
	answer_len = -EAGAIN;
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), -EAGAIN);
	answer_len = 0;
	add_answer(20, 4, m.p, 71);
	assert_int_equal(sock_lookup_run(&l, &t, rows, b), SOCK_LOOKUP_LEFT_OUT);
	assert_int_equal(rows->undecoded, 1);
	assert_int_equal(b->n, 0);
}

/* ---- one cgroup ---- */

static bool add(uint64_t cookie, uint64_t cgroup)
{
	static const struct netns ns = {.inum = 77};
	struct sock_row row = {.ns = &ns, .cause = "test", .fd = -1};
	struct message m;

	message_init(&m, cookie);
	if (cgroup)
		message_attr(&m, 21, &cgroup, 8);
	return sock_rows_add(rows, &row, m.p, m.len, b);
}

static void one_cgroup(void **state)
{
	sock_rows_free(rows);
	rows = sock_rows_new(7);
	assert_non_null(rows);
	assert_true(add(1, 7));
	assert_true(add(2, 8));
	assert_false(add(3, 9));
	assert_int_equal(rows->outside, 1);
	/* ended: known by its cookie, or not at all */
	assert_true(add(2, 0));
	assert_false(add(3, 0));
	assert_false(add(4, 10));
	assert_int_equal(rows->unattributed, 2);
	assert_int_equal(b->n, 3);
	/* the root has everything */
	sock_rows_free(rows);
	cgroup_path = "/";
	rows = sock_rows_new(1);
	assert_true(add(3, 9));
	cgroup_path = NULL;
	assert_null(sock_rows_new(1));
	assert_int_equal(errno, ENOENT);
}

/* ---- the gate ---- */

static bool pass(struct sock_gate *g, uint64_t cookie, uint64_t ms)
{
	t.cookie = cookie;
	t.time_ns = ms * MS;
	return sock_gate_pass(g, &t);
}

static void gate_rate(void **state)
{
	static struct sock_gate g;
	uint64_t n = 0;

	sock_gate_init(&g, 100);
	for (uint64_t i = 1; i <= 1000; i++)
		n += pass(&g, i, 5000);
	assert_int_equal(n, 10);
	assert_int_equal(g.suppressed, 990);
	/* 10 ms are one more, a minute is no more than ten */
	assert_true(pass(&g, 2000, 5010));
	assert_false(pass(&g, 2001, 5010));
	assert_false(pass(&g, 2002, 5000));
	for (uint64_t i = n = 0; i < 1000; i++)
		n += pass(&g, 3000 + i, 65000);
	assert_int_equal(n, 10);
	sock_gate_init(&g, 1);
	assert_true(pass(&g, 1, 5000));
	assert_false(pass(&g, 2, 5900));
	assert_true(pass(&g, 3, 6000));
	sock_gate_init(&g, 0);
	assert_false(pass(&g, 1, 5000));
}

static void gate_again(void **state)
{
	static struct sock_gate g;

	sock_gate_init(&g, 1000);
	assert_true(pass(&g, 1, 5000));
	assert_false(pass(&g, 1, 4999));
	assert_false(pass(&g, 1, 5099));
	assert_true(pass(&g, 2, 5099));
	assert_true(pass(&g, 1, 5100));
	assert_int_equal(g.again, 2);
	assert_int_equal(g.suppressed, 0);
	/* without a cookie the addresses tell */
	assert_true(pass(&g, 0, 5100));
	assert_false(pass(&g, 0, 5150));
	t.src[3]++;
	assert_true(pass(&g, 0, 5150));
	t.dport++;
	assert_true(pass(&g, 0, 5150));
	t.netns_inum = 5;
	assert_true(pass(&g, 0, 5150));
}

/* Once a namespace is known to be recorded, others take nothing away. */
static void gate_places(void **state)
{
	static struct sock_gate g;

	sock_gate_init(&g, 10);
	sock_gate_place(&g, 0, 5);
	sock_gate_place(&g, 4000, 6);
	t.netns_inum = 4;
	assert_false(pass(&g, 1, 5000));
	t.netns_cookie = 5000;
	t.netns_inum = 6;
	assert_false(pass(&g, 1, 5000));
	assert_int_equal(g.suppressed + g.again + g.passed, 0);
	t.netns_cookie = 4000;
	assert_true(pass(&g, 1, 5000));
	t.netns_cookie = 0;
	t.netns_inum = 5;
	assert_true(pass(&g, 2, 5200));
	/* too many to know: all */
	for (uint64_t i = 1; i <= SOCK_GATE_PLACES; i++)
		sock_gate_place(&g, 100 + i, 0);
	t.netns_inum = 4;
	assert_true(pass(&g, 3, 9000));
}

static void cookies(void **state)
{
	struct sock_cookies c = {.max = 3000};

	assert_false(sock_cookies_has(&c, 1));
	for (uint64_t i = 1; i <= 3000; i++)
		assert_int_equal(sock_cookies_add(&c, i << 20), 1);
	assert_int_equal(sock_cookies_add(&c, 5 << 20), 0);
	assert_true(sock_cookies_has(&c, UINT64_C(3000) << 20));
	assert_int_equal(sock_cookies_add(&c, 0), 1);
	assert_int_equal(c.n, 3000);
	/* full: it begins anew */
	assert_int_equal(sock_cookies_add(&c, 1), 1);
	assert_int_equal(c.n, 1);
	assert_true(sock_cookies_has(&c, 1));
	assert_false(sock_cookies_has(&c, 5 << 20));
	sock_cookies_free(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(what_is_asked), TEST(no_listener), TEST(other_answers), TEST(one_cgroup),
		TEST(gate_rate),     TEST(gate_again),  TEST(gate_places),   TEST(cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
