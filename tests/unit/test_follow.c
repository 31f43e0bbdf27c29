/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox sockets --follow and --at, on recordings made up for each rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/output.h"
#include "tests/unit/command_run.h"

enum {
	SYN = 2,
	ACK = 16,
	PSH_ACK = 24,
	ESTAB = 1,
	SYN_SENT = 2,
	FIN_WAIT1 = 4,
	TIME_WAIT = 6,
	CLOSE = 7,
	LISTEN = 10
};
/* The ends of the connection: 10.0.0.A:1000 and 10.0.0.B:443. */
enum { A = 1, B = 2, PORT_A = 1000, PORT_B = 443 };

static char file_name[] = "/tmp/skbox-test-follow-XXXXXX";
static struct ev_batch *batch;
static struct buf text;
/* Of the events that follow. */
static uint64_t ns_cookie;
static uint32_t ns_inum;

static struct ev_str address(uint8_t last)
{
	uint8_t a[4] = {10, 0, 0, last};

	return ev_string(batch, a, last ? 4 : 0);
}

static void begin(uint64_t time)
{
	struct ev_common *c;

	ev_batch_begin(batch);
	c = EV_ADD(batch, common);
	EV_SET(c, common, timestamp, time);
	if (ns_inum) {
		struct ev_netns *n = EV_ADD(batch, netns);

		EV_SET(n, netns, inum, ns_inum);
		if (ns_cookie)
			EV_SET(n, netns, cookie, ns_cookie);
	}
}

/* A snapshot of side `own` of the connection; to 0: it listens. */
static void row(uint64_t time, uint64_t cookie, uint8_t state, uint8_t own, uint32_t cwnd)
{
	static const uint8_t any[4];
	struct ev_diag *d;
	struct ev_snap *s;

	begin(time);
	s = EV_ADD(batch, snap);
	EV_SET(s, snap, cause, ev_text(batch, "period"));
	d = EV_ADD(batch, diag);
	EV_SET(d, diag, family, 2);
	EV_SET(d, diag, state, state);
	EV_SET(d, diag, cookie, cookie);
	EV_SET(d, diag, src, address(own));
	EV_SET(d, diag, sport, own == A ? PORT_A : PORT_B);
	if (state == LISTEN) {
		EV_SET(d, diag, dst, ev_string(batch, any, 4));
	} else {
		EV_SET(d, diag, dst, address(own == A ? B : A));
		EV_SET(d, diag, dport, own == A ? PORT_B : PORT_A);
	}
	if (cwnd) {
		struct ev_tcpinfo *t = EV_ADD(batch, tcpinfo);

		EV_SET(t, tcpinfo, snd_cwnd, cwnd);
		EV_SET(t, tcpinfo, total_retrans, cwnd / 10);
	}
}

static void dump(uint64_t time, uint32_t set, uint8_t phase, int32_t status)
{
	struct ev_snapset *s;

	begin(time);
	s = EV_ADD(batch, snapset);
	EV_SET(s, snapset, set, set);
	EV_SET(s, snapset, phase, phase);
	EV_SET(s, snapset, family, 2);
	EV_SET(s, snapset, status, status);
}

/* From one end to the other; the sender's socket with its cookie, where there is one. */
static void packet(uint64_t time, uint8_t from, uint8_t flags, uint32_t seq, uint8_t len,
		   uint64_t cookie)
{
	uint8_t to = from == A ? B : A;
	uint16_t sport = from == A ? PORT_A : PORT_B, dport = from == A ? PORT_B : PORT_A;
	uint32_t ack = flags & ACK ? (from == A ? 901 : 101) : 0;
	uint8_t p[54 + 255] = {[12] = 8, [14] = 0x45, [17] = 40 + len, [22] = 64, [23] = 6};
	struct ev_packet *k;
	struct ev_kernel *e;

	memcpy(p + 26, (uint8_t[]){10, 0, 0, from, 10, 0, 0, to}, 8);
	memcpy(p + 34,
	       (uint8_t[]){sport >> 8, sport & 255, dport >> 8, dport & 255, seq >> 24,
			   seq >> 16 & 255, seq >> 8 & 255, seq & 255, 0, 0, ack >> 8, ack & 255},
	       12);
	p[46] = 0x50;
	p[47] = flags;
	begin(time);
	e = EV_ADD(batch, kernel);
	EV_SET(e, kernel, symbol, ev_text(batch, "net:x"));
	k = EV_ADD(batch, packet);
	EV_SET(k, packet, len, 54u + len);
	EV_SET(k, packet, capture_len, 54);
	EV_SET(k, packet, data, ev_bytes(batch, p, 54));
	if (cookie) {
		struct ev_sock *s = EV_ADD(batch, sock);

		EV_SET(s, sock, state, ESTAB);
		EV_SET(s, sock, cookie, cookie);
		EV_SET(s, sock, cwnd, 10);
	}
}

static void lose(uint64_t time, uint64_t from, uint64_t n)
{
	struct ev_loss *l;

	begin(time);
	l = EV_ADD(batch, loss);
	EV_SET(l, loss, probe, ev_text(batch, "net:y"));
	EV_SET(l, loss, cpu, 3);
	EV_SET(l, loss, from, from);
	EV_SET(l, loss, lost, n);
}

/* Runs `skbox sockets OPTION [ANOTHER] FILE` on what was made, and forgets it. */
static const char *run_two(const char *option, const char *another)
{
	char command[] = "sockets", word[128], second[128];
	char *argv[] = {command, word, another ? second : file_name, another ? file_name : NULL,
			NULL};
	int keep = dup(STDOUT_FILENO), fd = memfd_create("out", 0);
	struct output_skbx file;
	off_t len;

	snprintf(word, sizeof(word), "%s", option);
	snprintf(second, sizeof(second), "%s", another ? another : "");
	unlink(file_name);
	assert_int_equal(output_skbx_open(&file, file_name), 0);
	assert_int_equal(output_skbx_batch(&file, batch), 0);
	assert_int_equal(output_skbx_close(&file, 0), 0);
	ev_batch_clear(batch);
	dup2(fd, STDOUT_FILENO);
	assert_int_equal(command_run(another ? 4 : 3, argv), 0);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	len = lseek(fd, 0, SEEK_END);
	buf_clear(&text);
	assert_non_null(buf_room(&text, (size_t)len + 1));
	assert_int_equal(pread(fd, text.p, (size_t)len, 0), len);
	text.p[len] = 0;
	close(fd);
	return (const char *)text.p;
}

static const char *run(const char *option)
{
	return run_two(option, NULL);
}

static void snapshots_between_packets(void **state)
{
	packet(1000000, A, SYN, 100, 0, 0);
	packet(3000000, B, SYN | ACK, 900, 0, 0);
	/* rows of a dump are written after the packets of its time */
	packet(9000000, A, PSH_ACK, 101, 50, 5);
	packet(9500000, A, PSH_ACK, 101, 50, 5);
	row(4000000, 5, ESTAB, A, 10);
	lose(9800000, 9600000, 7);
	row(10000000, 5, ESTAB, A, 7);
	row(11000000, 5, ESTAB, A, 7);
	row(12000000, 5, ESTAB, A, 7);
	row(13000000, 5, FIN_WAIT1, A, 27);
	assert_string_equal(run("--follow=10.0.0.2:443"),
			    "== 10.0.0.1:1000 -> 10.0.0.2:443  ns 0x9/77\n"
			    "1000000 +0.000000  packet  ->            net:x                   [S] "
			    "seq 0 win 0 len 0\n"
			    "3000000 +0.002000  packet  <-            net:x                   [S.] "
			    "seq 0 ack 1 win 0 len 0\n"
			    "4000000 +0.001000  state      sk:5       ESTAB\n"
			    "4000000 +0.000000  socket     sk:5       period                  "
			    "cwnd:10 retrans:1\n"
			    "9000000 +0.005000  packet  ->            net:x                   [P.] "
			    "seq 1:51 ack 1 "
			    "win 0 len 50 sk:5 cwnd:10\n"
			    "9500000 +0.000500  packet  ->            net:x                   [P.] "
			    "seq 1:51 ack 1 "
			    "win 0 len 50 (old) sk:5\n"
			    "9800000 +0.000300  lost       7 events of net:y on cpu 3 are not in "
			    "the recording, since "
			    "9600000\n"
			    "10000000 +0.000200  socket     sk:5       period                  "
			    "cwnd:10->7 retrans:1->0\n"
			    "12000000 +0.002000  socket     sk:5       no change in 2 snapshots\n"
			    "13000000 +0.001000  state      sk:5       ESTAB -> FIN-WAIT-1\n"
			    "13000000 +0.000000  socket     sk:5       period                  "
			    "cwnd:7->27 retrans:+2\n");
}

/* How many connections there are, by their headings. */
static int headings(const char *out)
{
	int n = 0;

	for (const char *p = out; (p = strstr(p, "== ")); p++)
		n++;
	return n;
}

/* A snapshot can be older than its time; and a socket in TIME-WAIT is no whole one any more. */
static void states_in_their_order(void **state)
{
	packet(1, A, ACK, 1, 0, 5);
	row(2, 5, SYN_SENT, A, 0);
	row(3, 5, FIN_WAIT1, A, 0);
	row(4, 5, TIME_WAIT, A, 0);
	row(5, 5, CLOSE, A, 0);
	run("--follow=*:443");
	assert_null(strstr((char *)text.p, "SYN-SENT"));
	assert_null(strstr((char *)text.p, "UNCONN"));
	assert_non_null(strstr((char *)text.p, "ESTAB -> FIN-WAIT-1"));
	assert_non_null(strstr((char *)text.p, "FIN-WAIT-1 -> TIME-WAIT"));
}

static void what_begins_another(void **state)
{
	/* the same SYN again, and packets of both directions: one connection */
	packet(1, A, SYN, 100, 0, 0);
	packet(2, A, SYN, 100, 0, 0);
	packet(3, B, SYN | ACK, 900, 0, 0);
	row(4, 5, ESTAB, A, 1);
	packet(5, A, ACK, 101, 0, 5);
	row(6, 6, TIME_WAIT, A, 0); /* a cookie of its own */
	assert_int_equal(headings(run("--follow=*:443")), 1);

	packet(1, A, SYN, 100, 0, 0);
	packet(2, A, SYN, 777, 0, 0);
	assert_int_equal(headings(run("--follow=*:443")), 2);

	row(1, 5, ESTAB, A, 1);
	row(2, 6, ESTAB, A, 1);
	assert_int_equal(headings(run("--follow=*:443")), 2);

	/* both ends, as over lo: cookies of two sides */
	row(1, 5, ESTAB, A, 1);
	row(2, 6, ESTAB, B, 1);
	row(3, 5, ESTAB, A, 1);
	assert_int_equal(headings(run("--follow=*:443")), 1);

	/* one that listens is no connection of it */
	row(1, 5, LISTEN, B, 1);
	packet(2, A, SYN, 1, 0, 0);
	assert_int_equal(headings(run("--follow=*:443")), 2);
}

static void namespaces(void **state)
{
	/* an inode number that is used again */
	packet(1, A, ACK, 1, 0, 0);
	ns_cookie = 10;
	packet(2, A, ACK, 1, 0, 0);
	assert_int_equal(headings(run("--follow=*:443")), 2);

	/* without cookies it is all there is */
	ns_cookie = 0;
	packet(1, A, ACK, 1, 0, 0);
	packet(2, A, ACK, 1, 0, 0);
	ns_inum = 78;
	packet(3, A, ACK, 1, 0, 0);
	assert_int_equal(headings(run("--follow=*:443")), 2);

	/* a packet that a virtual link hands over with its socket: it belongs where it is seen */
	ns_inum = 77;
	packet(1, A, ACK, 1, 0, 5);
	ns_inum = 78;
	packet(2, A, ACK, 1, 0, 5);
	run("--follow=*:443");
	assert_int_equal(headings((char *)text.p), 2);
	assert_null(strstr(strstr((char *)text.p, "ns 78"), "sk:5"));
	ns_inum = 77;
	ns_cookie = 9;
}

static void by_cookie(void **state)
{
	row(1, 5, ESTAB, A, 1);
	packet(2, A, ACK, 1, 0, 5);
	packet(3, B, ACK, 1, 0, 0); /* by the ends that the cookie has */
	row(4, 6, ESTAB, A, 1);     /* others of the same ends */
	packet(5, A, SYN, 4, 0, 0);
	run("--follow=sk:5");
	assert_int_equal(headings((char *)text.p), 1);
	assert_non_null(strstr((char *)text.p, "\n2 "));
	assert_non_null(strstr((char *)text.p, "\n3 "));
	assert_null(strstr((char *)text.p, "sk:6"));

	/* an address that was translated on the way: the cookie knows */
	row(1, 5, ESTAB, A, 1);
	packet(2, B + 7, ACK, 1, 0, 5);
	assert_non_null(strstr(run("--follow=10.0.0.1:1000"), "\n2 +"));
}

static void gone(void **state)
{
	row(10, 5, ESTAB, A, 1);
	dump(20, 1, 0, 0);
	dump(30, 1, 1, -12); /* it failed: nothing is known */
	dump(40, 2, 0, 0);
	row(41, 5, ESTAB, A, 1);
	dump(50, 2, 1, 0);
	dump(60, 3, 0, 0);
	dump(70, 3, 1, 0);
	lose(80, 75, 1); /* nothing of it can have been lost any more */
	run("--follow=*:443");
	assert_non_null(strstr((char *)text.p, "\n70 +0.000000  gone       sk:5       not in this "
					       "dump; seen last 0.000000 s before\n"));
	assert_int_equal(strlen(strstr((char *)text.p, "\n70 ")),
			 strlen("\n70 +0.000000  gone       sk:5       not in this dump; seen last "
				"0.000000 s before\n"));
}

/* What --at shows: cookies of the lines, in their order. */
static const char *at(const char *option)
{
	static char cookies[64];
	size_t n = 0;

	run(option);
	for (const char *p = (char *)text.p; (p = strstr(p, " sk:")); p++)
		cookies[n++] = p[4];
	cookies[n] = 0;
	return cookies;
}

static void make_dumps(void)
{
	dump(10, 1, 0, 0);
	row(11, 1, ESTAB, A, 10);
	row(12, 2, ESTAB, A, 10);
	row(13, 3, ESTAB, A, 10);
	dump(20, 1, 1, 0);
	dump(30, 2, 0, 0);
	row(31, 1, ESTAB, A, 20);
	row(32, 4, ESTAB, A, 10);
	row(33, 3, CLOSE, A, 10); /* the notice of its end */
	dump(40, 2, 1, 0);
	ns_cookie = 10;
	dump(41, 3, 0, 0); /* another namespace, where nothing is */
	dump(42, 3, 1, 0);
	ns_cookie = 9;
	dump(50, 4, 0, 0);
	row(51, 4, ESTAB, A, 10);
	dump(60, 4, 1, -1); /* cut off: who is not in it may be there */
}

static void at_a_time(void **state)
{
	make_dumps();
	assert_string_equal(at("--at=9"), "");
	make_dumps();
	assert_string_equal(at("--at=12"), "12");
	make_dumps();
	assert_string_equal(at("--at=20"), "123");
	make_dumps();
	assert_string_equal(at("--at=33"), "124"); /* the dump is not over: 2 may come yet */
	assert_non_null(strstr((char *)text.p, "sk:1 cwnd:20"));
	make_dumps();
	assert_string_equal(at("--at=40"), "14");
	make_dumps();
	assert_string_equal(at("--at=-0s"), "14");
	make_dumps();
	assert_string_equal(at("--at=+2ns"), "12"); /* after the begin */
	make_dumps();
	assert_string_equal(at("--time"), "1234"); /* without --at all that were seen */
}

static void as_json(void **state)
{
	row(1, 5, ESTAB, A, 10);
	row(2, 5, ESTAB, A, 7);
	run_two("--json", "--follow=sk:5");
	assert_non_null(strstr((char *)text.p,
			       "{\"connection\":1,\"kind\":\"connection\",\"time\":1,"
			       "\"from\":\"10.0.0.1:1000\",\"to\":\"10.0.0.2:443\","
			       "\"netns.cookie\":9,\"netns.inum\":77}\n"));
	assert_non_null(strstr((char *)text.p,
			       "\"kind\":\"socket\",\"time\":2,\"end\":\"10.0.0.1:1000\","
			       "\"cookie\":5,\"changes\":{\"tcpinfo.snd_cwnd\":[10,7],"
			       "\"tcpinfo.total_retrans\":[1,0]},\"event\":{\"common\""));
}

static int set_up(void **state)
{
	int fd = mkstemp(file_name);

	close(fd);
	batch = ev_batch_new();
	ns_cookie = 9;
	ns_inum = 77;
	return fd < 0 || !batch;
}

static int tear_down(void **state)
{
	unlink(file_name);
	ev_batch_free(batch);
	buf_free(&text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_between_packets),
		cmocka_unit_test(states_in_their_order),
		cmocka_unit_test(what_begins_another),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(by_cookie),
		cmocka_unit_test(gone),
		cmocka_unit_test(at_a_time),
		cmocka_unit_test(as_json),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
