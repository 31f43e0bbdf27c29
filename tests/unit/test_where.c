/* SPDX-License-Identifier: BSD-2-Clause */
/* Expressions: what they mean, where they are wrong, what they cost at most; and blocks that they skip. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/filter/fields.h"
#include "analyze/filter/where.h"
#include "formats/skbx/skbx.h"

/* 10.0.0.1.40000 > 10.0.0.2.443, TCP SYN, 4 bytes of payload */
static const uint8_t tcp[] = {0x45, 0,    0,    44, 0x12, 0x34, 0x40, 0,   64,  6,    0,
			      0,    10,   0,    0,  1,    10,   0,    0,   2,   0x9c, 0x40,
			      1,    0xbb, 0,    0,  0,    1,    0,    0,   0,   0,    0x50,
			      2,    0xff, 0xff, 0,  0,    0,    0,    'd', 'a', 't',  'a'};

/* The batch that all expressions are asked of: event 0 a packet, 1 a snapshot, 2 a time alone. */
static struct ev_batch *make_events(void)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1}, any[16];
	struct ev_batch *b = ev_batch_new();
	struct ev_common *c;
	struct ev_packet *p;
	struct ev_kernel *k;
	struct ev_skb_drop *d;
	struct ev_tcpinfo *t;
	struct ev_diag *s;
	struct ev_dev *dev;
	struct ev_skb_dataref *r;
	struct ev_nft *n;
	struct ev_str stack[2];

	ev_batch_begin(b);
	c = EV_ADD(b, common);
	EV_SET(c, common, timestamp, UINT64_C(5000000000));
	EV_SET(c, common, pid, -1);
	k = EV_ADD(b, kernel);
	EV_SET(k, kernel, symbol, ev_text(b, "skb:kfree_skb"));
	stack[0] = ev_text(b, "tcp_v4_rcv+0x10");
	stack[1] = ev_text(b, "ip_rcv+0x2");
	EV_SET(k, kernel, stack_trace, ev_list(b, stack, 2));
	d = EV_ADD(b, skb_drop);
	EV_SET(d, skb_drop, drop_reason, ev_text(b, "NO_SOCKET"));
	p = EV_ADD(b, packet);
	EV_SET(p, packet, len, 1500);
	EV_SET(p, packet, protocol, 0x0800);
	EV_SET(p, packet, data, ev_bytes(b, tcp, sizeof(tcp)));
	dev = EV_ADD(b, dev);
	EV_SET(dev, dev, name, ev_text(b, "eth0"));
	EV_SET(dev, dev, ifindex, 0);
	r = EV_ADD(b, skb_dataref);
	EV_SET(r, skb_dataref, cloned, true);
	EV_SET(r, skb_dataref, nohdr, false);
	n = EV_ADD(b, nft);
	EV_SET(n, nft, rule_handle, -7);

	ev_batch_begin(b);
	c = EV_ADD(b, common);
	EV_SET(c, common, timestamp, UINT64_C(6000000000));
	s = EV_ADD(b, diag);
	EV_SET(s, diag, state, 1);
	EV_SET(s, diag, dport, 443);
	EV_SET(s, diag, src, ev_string(b, mapped, 16));
	EV_SET(s, diag, dst, ev_string(b, any, 16));
	t = EV_ADD(b, tcpinfo);
	EV_SET(t, tcpinfo, rtt, 1500);
	EV_SET(t, tcpinfo, snd_cwnd, 10);
	EV_SET(t, tcpinfo, pacing_rate, 1250000);

	ev_batch_begin(b);
	c = EV_ADD(b, common);
	EV_SET(c, common, timestamp, UINT64_C(7000000000));
	assert_false(b->failed);
	return b;
}

/* Which of the three events match, as bits. */
static int ask(const char *expression)
{
	struct ev_batch *b = make_events();
	struct where_error err;
	struct where *w;
	const uint8_t *yes;
	int bits = 0, rc = where_parse(&w, expression, &err);

	if (rc)
		print_message("%s: column %zu: %s\n", expression, err.at + 1, err.text);
	assert_int_equal(rc, 0);
	/* a second time: nothing of the first run is left over */
	for (int i = 0; i < 2; i++) {
		yes = where_run(w, b);
		assert_non_null(yes);
	}
	for (uint32_t i = 0; i < b->n; i++) {
		assert_true(yes[i] <= 1);
		bits |= yes[i] << i;
	}
	where_free(w);
	ev_batch_free(b);
	return bits;
}

struct question {
	const char *text;
	int answer;
};

static void ask_all(const struct question *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int answer = ask(q[i].text);

		if (answer != q[i].answer)
			print_message("%s: %d, not %d\n", q[i].text, answer, q[i].answer);
		assert_int_equal(answer, q[i].answer);
	}
}

#define ASK_ALL(q) ask_all(q, sizeof(q) / sizeof((q)[0]))

static void comparisons(void **state)
{
	static const struct question q[] = {
		{"packet.len == 1500", 1},
		{"packet.len = 0x5dc", 1},
		{"packet.len != 1500", 0},
		{"packet.len != 1", 1}, /* what is not there is not unequal */
		{"packet.len < 1501", 1},
		{"packet.len<1500", 0},
		{"packet.len <= 1500", 1},
		{"packet.len > 1499", 1},
		{"packet.len >= 1.5K", 0},
		{"packet.len in {1, 2, 1500}", 1},
		{"packet.len in 1000..1500", 1},
		{"packet.len in {1..4, 1499..1499}", 0},
		{"packet.len & 4", 1},
		{"packet.len & 2", 0},
		{"packet.len & 0xf == 12", 1},
		{"packet.len & 0xf != 12", 0},
		{"task.pid == -1", 1},
		{"task.pid < 0", 1},
		{"task.pid > -2 and task.pid in -5..-1", 1},
		{"nft.rule_handle < -6", 1},
		{"nft.rule_handle in -8..-6", 1},
		{"packet.len >= 0", 1},
		{"packet.len > -1", 1},
		{"packet.len == -1", 0},
		{"packet.len < 20000000000", 1},
		{"drop.reason == NO_SOCKET", 1},
		{"drop.reason == \"NO_SOCKET\"", 1},
		{"drop.reason == 'NO_\\x53OCKET'", 1},
		{"drop.reason in {A, 'NO_SOCKET'}", 1},
		{"drop.reason != A", 1},
		{"dev.name ~ eth*", 1},
		{"dev.name ~ 'e?h'", 0},
		{"dev.name =~ '^eth[0-9]+$'", 1},
		{"dev.name =~ \"h0\\.\"", 0},
		{"kernel.stack ~ ip_rcv*", 1},
		{"kernel.stack == ip_rcv", 0},
		{"ip.src in 10.0.0.0/8", 1},
		{"ip.src in {10.0.0.2, fe80::/10}", 0},
		{"ip.addr == 10.0.0.2", 1},
		{"ip.addr != 10.0.0.2", 0},
		{"ip.dst in 10.0.0.1..10.0.0.2", 1},
		{"ip.src in ::/0", 0},
		{"sock.src == 192.0.2.1", 2},
		{"diag.src in 192.0.2.0/24", 2},
		{"diag.dst == ::", 2},
		{"tcp.flags & S", 1},
		{"tcp.flags == S", 1},
		{"tcp.flags == SYN", 1},
		{"tcp.flags & SYN|ACK == SYN", 1},
		{"tcp.flags & S. == S.", 0},
		{"tcp.dport in {80, 443} and ip.proto == tcp and ip.ttl == 64 and ip.id == 0x1234",
		 1},
		{"tcp.len == 4 and tcp.win == 65535 and eth.type == IPv4", 1},
		{"sock.state == established", 2},
		{"sock.state == ESTAB and sock.dport == 443", 2},
		{"sock.srtt == 1.5ms", 2},
		{"sock.srtt < 1501us and tcpinfo.rtt > 1.4999ms", 2},
		{"sock.srtt == 1500.5us", 0},
		{"sock.srtt >= 1499500ns and sock.cwnd == 10", 2},
		{"tcpinfo.pacing_rate == 10Mbit", 2},
		{"tcpinfo.pacing_rate == 10Mbit/s", 2},
		{"time < 5.5s", 1},
		{"time >= 6s", 6},
	};

	ASK_ALL(q);
}

static void existence(void **state)
{
	static const struct question q[] = {
		{"drop.reason", 1},
		{"exists(drop.reason)", 1},
		{"drop", 1},
		{"exists ( skb-drop )", 1},
		{"skb.cloned", 1},
		{"skb.nohdr", 0},
		{"exists(skb.nohdr)", 1},
		{"dev.ifindex", 1},
		{"dev.ifindex != 0", 0},
		{"tcp", 1},
		{"udp", 0},
		{"ip", 1},
		{"sock", 2},
		{"packet.data", 1},
		{"ct", 0},
		{"not drop", 6},
		{"time", 7},
		{"skb.cloned == true", 1},
		{"skb.nohdr == false", 1},
		{"vlan", 0},
		{"cpu", 0},
	};

	ASK_ALL(q);
}

static void precedence(void **state)
{
	/* a: 1, b: 2, c: 4 */
#define A "drop"
#define B "sock"
#define C "time == 7s"
	static const struct question q[] = {
		{A " || " B " && " C, 1},
		{"(" A " || " B ") && " C, 0},
		{A " && " B " || " C, 4},
		{"!" A " && " B, 2},
		{"! " A " || " B, 6},
		{"!(" A " || " B ")", 4},
		{"not not " A, 1},
		{"!!" A, 1},
		{A " or " B " and " C " or not " A, 7},
		{A " || " B " || " C, 7},
		{"!" A " && !" B " && !" C, 0},
		{"drop.reason != X || " B, 3},
		{"not drop.reason == NO_SOCKET", 6},
		{"((((" A "))))", 1},
	};

	ASK_ALL(q);
}

static void wrong(const char *expression, size_t column, const char *text)
{
	struct where_error err;
	struct where *w;

	if (where_parse(&w, expression, &err) != -EINVAL)
		fail_msg("%s: is right", expression);
	assert_null(w);
	if (err.at + 1 != column || !strstr(err.text, text))
		fail_msg("%s: column %zu: %s", expression, err.at + 1, err.text);
}

static void errors_have_columns(void **state)
{
	wrong("", 1, "a field expected");
	wrong("   ", 4, "a field expected");
	wrong("drop.reson == X", 1, "did you mean drop.reason");
	wrong("drop && tcp.sprot == 5", 9, "did you mean tcp.sport");
	wrong("zzzzzzzzzz", 1, "skbox schema lists them");
	wrong("packet.len ==", 14, "a value expected");
	wrong("packet.len == x", 15, "x is not a size");
	wrong("packet.len == 5q", 15, "5q is not a size");
	wrong("sock.srtt > 5M", 13, "5M is not a time");
	wrong("packet.len == packet.caplen", 15, "is a field");
	wrong("packet.len ~ 5", 14, "is no text");
	wrong("packet.len in {1, 2", 20, "} or ,");
	wrong("packet.len in {}", 16, "a value expected");
	wrong("packet.len in 5..4", 15, "the range is empty");
	wrong("packet.len 5", 12, "an operator");
	wrong("packet.len == 1 2", 17, "an operator");
	wrong("dev.name < x", 12, "is text");
	wrong("dev.name == \"x", 13, "the quote is not closed");
	wrong("dev.name =~ '('", 13, "the regular expression is wrong");
	wrong("dev.name =~ '(a)\\1'", 13, "refused");
	wrong("dev.name =~ '((a{90}){90})'", 13, "refused");
	wrong("ip.src == 10.0.0.300", 11, "is no address");
	wrong("ip.src in 10.0.0.0/33", 11, "is no address");
	wrong("ip.src < 10.0.0.1", 10, "is an address");
	wrong("eth.src == 1", 12, "is no address such as 02");
	wrong("sock.state == SLEEPING", 15, "which has ESTAB");
	wrong("tcp.flags & Q", 13, "which has FIN");
	wrong("time > 2026-01-01", 8, "--since");
	wrong("packet.data == 1", 16, "only exists");
	wrong("tcp == 1", 8, "only exists");
	wrong("tcp & 1", 5, "is no number");
	wrong("(drop", 6, ") expected");
	wrong("drop)", 5, "an operator");
	wrong("exists drop", 8, "( expected");
	wrong("drop && ", 9, "a field expected");
	wrong("drop ; tcp", 6, "unexpected character");
	wrong("packet.len & \x01", 14, "unexpected character");
}

/* What is hostile ends with an error, soon, and takes no stack. */
static void limits(void **state)
{
	size_t room = 200000;
	char *text = malloc(room), *p;
	struct where_error err;
	struct where *w;

	memset(text, '(', 60000);
	text[60000] = 0;
	wrong(text, WHERE_DEPTH_MAX + 1, "nested deeper");
	memset(text, '!', 60000);
	wrong(text, WHERE_DEPTH_MAX + 1, "nested deeper");
	memset(text, 'a', 70000);
	text[70000] = 0;
	wrong(text, 1, "longer than");

	/* the deepest that is allowed, each level with an operator on either side */
	p = text;
	for (int i = 0; i < WHERE_DEPTH_MAX - 1; i++)
		p += sprintf(p, "drop or time and (");
	p += sprintf(p, "drop");
	for (int i = 0; i < WHERE_DEPTH_MAX - 1; i++)
		*p++ = ')';
	*p = 0;
	assert_int_equal(ask(text), 1);

	for (p = text; p < text + 60000;)
		p += sprintf(p, "cpu&1||");
	sprintf(p, "cpu");
	assert_int_equal(where_parse(&w, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "comparisons"));
	p = text + sprintf(text, "cpu in {1");
	while (p < text + 60000)
		p += sprintf(p, ",2");
	sprintf(p, "}");
	assert_int_equal(where_parse(&w, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "values"));
	free(text);
}

static void many_values(void **state)
{
	char text[40000] = "packet.len in {", *p = text + strlen(text);

	for (int i = 0; i < 5000; i++)
		p += sprintf(p, "%d,", i * 2 + 1);
	sprintf(p, "1500}");
	assert_int_equal(ask(text), 1);
	sprintf(p, "1502..9000}");
	assert_int_equal(ask(text), 0);
	sprintf(p, "1400..9000}");
	assert_int_equal(ask(text), 1);
}

/* ---- blocks ---- */

enum { BLOCKS = 12, EVENTS = 300 };

struct file {
	uint8_t *p;
	size_t len;
};

static int write_file(void *ctx, const void *data, size_t len)
{
	struct file *f = ctx;

	f->p = realloc(f->p, f->len + len);
	assert_non_null(f->p);
	memcpy(f->p + f->len, data, len);
	f->len += len;
	return 0;
}

static ssize_t read_file(void *ctx, void *p, size_t len, uint64_t offset)
{
	const struct file *f = ctx;
	size_t n = offset < f->len ? f->len - (size_t)offset : 0;

	n = n < len ? n : len;
	memcpy(p, f->p + offset, n);
	return (ssize_t)n;
}

/* Block i: 10.0.i.1 > 10.0.i.2, ports 1000+i and 2000+i, probe p:i, reason RI at its last event. */
static void fill(struct ev_batch *b, int block)
{
	uint8_t packet[sizeof(tcp)];
	char name[16];

	memcpy(packet, tcp, sizeof(tcp));
	packet[14] = packet[18] = (uint8_t)block;
	packet[20] = (uint8_t)((1000 + block) >> 8);
	packet[21] = (uint8_t)(1000 + block);
	packet[22] = (uint8_t)((2000 + block) >> 8);
	packet[23] = (uint8_t)(2000 + block);
	for (int i = 0; i < EVENTS; i++) {
		struct ev_common *c;
		struct ev_kernel *k;
		struct ev_packet *p;

		ev_batch_begin(b);
		c = EV_ADD(b, common);
		EV_SET(c, common, timestamp, UINT64_C(1000000000) * (uint64_t)block + (uint64_t)i);
		k = EV_ADD(b, kernel);
		snprintf(name, sizeof(name), "p:%d", block);
		EV_SET(k, kernel, symbol, ev_text(b, name));
		p = EV_ADD(b, packet);
		EV_SET(p, packet, protocol, 0x0800);
		EV_SET(p, packet, data, ev_bytes(b, packet, sizeof(packet)));
		if (i == 1 && block % 2) {
			struct ev_sock *sk = EV_ADD(b, sock);
			uint8_t address[4] = {192, 0, 2, (uint8_t)block};

			EV_SET(sk, sock, sport, (uint16_t)(51000 + block));
			EV_SET(sk, sock, dport, (uint16_t)(33000 + block));
			EV_SET(sk, sock, src, ev_string(b, address, sizeof(address)));
		}
		if (i == EVENTS - 1 && block % 2) {
			struct ev_skb_drop *d = EV_ADD(b, skb_drop);

			snprintf(name, sizeof(name), "R%d", block);
			EV_SET(d, skb_drop, drop_reason, ev_text(b, name));
		}
	}
}

struct question_blocks {
	const char *text;
	int most; /* blocks that may be read */
};

static bool wants(void *ctx, const struct skbx_summary *s)
{
	return where_maybe(ctx, s);
}

/* Events that match; *blocks: that were read. */
static uint64_t count(struct file *f, struct where *w, bool skip, uint64_t *blocks)
{
	const struct skbx_input in = {read_file, f, (int64_t)f->len};
	const struct skbx_read_options options = {.want = skip ? wants : NULL, .ctx = w};
	struct ev_batch *b = ev_batch_new();
	struct skbox_error err;
	struct skbx_reader *r;
	uint64_t n = 0;

	assert_int_equal(skbx_reader_open(&r, &in, &options, &err), 0);
	for (*blocks = 0; skbx_read(r, b, &err) == 1; ++*blocks) {
		const uint8_t *yes = where_run(w, b);

		for (uint32_t i = 0; i < b->n; i++)
			n += yes[i];
	}
	skbx_reader_free(r);
	ev_batch_free(b);
	return n;
}

static void blocks_are_skipped_and_nothing_else_changes(void **state)
{
	/* a sketch may say maybe where there is nothing: 4 blocks more are allowed for that */
	static const struct question_blocks q[] = {
		{"ip.src == 10.0.5.1", 4},
		{"ip.src != 10.0.5.1", BLOCKS},
		{"!(ip.src == 10.0.5.1)", BLOCKS},
		{"ip.addr in {10.0.1.1, 10.0.2.2}", 6},
		{"ip.src in 10.0.5.0/24", BLOCKS},
		{"tcp.dport == 2003", 5},
		{"tcp.port in 1003..1005", 7},
		{"tcp.dport != 2003", BLOCKS},
		{"kernel.symbol == 'p:3'", 4},
		{"kernel.symbol != 'p:3' && kernel.symbol in {'p:3', 'p:4'}", 6},
		{"kernel.symbol ~ 'p:3'", BLOCKS},
		{"not kernel.symbol == 'p:3'", BLOCKS},
		{"drop.reason == R3", 4},
		{"drop", BLOCKS / 2},
		{"drop.reason ~ 'R*' && ip.src == 10.0.3.1", 4},
		{"drop.reason == R3 || ip.src == 10.0.4.1", 6},
		{"drop.reason == R3 || tcp", BLOCKS},
		{"time < 2s", 2},
		{"time in 3s..4s or time == 9s", 3},
		{"time >= 20s", 0},
		{"diag.state == ESTAB", 0},
		{"sock.dport == 2003 or drop.reason == NOTHING", 4},
		{"sock.dport == 33005", 3},
		{"sock.src == 192.0.2.7", 3},
		{"!(drop || time > 1s)", BLOCKS},
		{"udp.sport == 1003", 5},
	};
	struct skbx_write_options options = {.id = {1, 2, 3, 4, 5, 6, 7, 8}};
	struct ev_batch *b = ev_batch_new();
	struct skbx_writer *writer;
	struct skbox_error err;
	struct file f = {0};
	struct skbx_output out = {write_file, &f};

	assert_int_equal(skbx_writer_open(&writer, &out, &options, &err), 0);
	for (int i = 0; i < BLOCKS; i++) {
		ev_batch_clear(b);
		fill(b, i);
		assert_int_equal(skbx_write(writer, b, &err), 0);
	}
	assert_int_equal(skbx_writer_close(writer, &err), 0);
	skbx_writer_free(writer);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		uint64_t all, some, read, matched;
		struct where_error e;
		struct where *w;

		assert_int_equal(where_parse(&w, q[i].text, &e), 0);
		matched = count(&f, w, false, &all);
		assert_int_equal(all, BLOCKS);
		if (count(&f, w, true, &some) != matched || some > (uint64_t)q[i].most)
			fail_msg("%s: %llu events, of %llu blocks", q[i].text,
				 (unsigned long long)matched, (unsigned long long)some);
		assert_int_equal(count(&f, w, true, &read), matched);
		where_free(w);
	}
	free(f.p);
	ev_batch_free(b);
}

/* Every field can be asked for by its name, and no two names are the same. */
static void every_field_has_a_name(void **state)
{
	struct ev_batch *b = make_events();
	struct where_error err;
	enum field_kind kind;
	const char *name, *help;
	struct where *w;
	struct field f;

	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++) {
			name = schema_sections[s].fields[i].name;
			assert_true(strlen(name) < FIELD_NAME_MAX);
			assert_int_equal(where_parse(&w, name, &err), 0);
			assert_non_null(where_run(w, b));
			where_free(w);
			for (unsigned int k = 0; fields_packet_name(k, &help, &kind); k++)
				assert_string_not_equal(fields_packet_name(k, &help, &kind), name);
		}
	for (unsigned int k = 0; (name = fields_packet_name(k, &help, &kind)); k++) {
		assert_true(fields_find(&f, name, strlen(name)));
		assert_int_equal(f.kind, kind);
		assert_true(strlen(help) > 0);
	}
	assert_true(fields_find(&f, "sock.rtt", 8));
	assert_int_equal(f.unit, SCHEMA_US);
	ev_batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(existence),
		cmocka_unit_test(precedence),
		cmocka_unit_test(errors_have_columns),
		cmocka_unit_test(limits),
		cmocka_unit_test(many_values),
		cmocka_unit_test(blocks_are_skipped_and_nothing_else_changes),
		cmocka_unit_test(every_field_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
