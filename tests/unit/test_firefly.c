/* SPDX-License-Identifier: BSD-2-Clause */
/* Fireflies: what the schema wants of one, times, addresses, usage; and the header of a datagram. */
#include "tests/unit/sock_document.h"

#include "formats/sock/firefly.h"

#define START INT64_C(1795299032742249477) /* 2026-11-21T22:10:32.742249477Z */
#define LATER (START + INT64_C(1500000000))

static struct buf out;

static const char *text_of(const struct firefly *f)
{
	buf_clear(&out);
	firefly_put(f, &out);
	buf_u8(&out, 0);
	return (const char *)out.p;
}

static void an_end(void **state)
{
	struct firefly f = {.state = FIREFLY_END,
			    .start_ns = START,
			    .current_ns = LATER + 1000,
			    .end_ns = LATER,
			    .experiment = 16,
			    .activity = 2,
			    .application = "copy \"1\"",
			    .netlink = (const uint8_t *)"{\"a\":1}",
			    .netlink_len = 7};
	struct ev ev;

	build_document();
	ev = decode(0);
	assert_true(firefly_flow_of(ev.diag, &f.flow));
	firefly_set_usage(&f, &ev, false);
	assert_string_equal(text_of(&f),
			    "{\"version\":1,\"flow-lifecycle\":{\"state\":\"end\","
			    "\"start-time\":\"2026-11-21T22:10:32.742249+00:00\","
			    "\"end-time\":\"2026-11-21T22:10:34.242249+00:00\","
			    "\"current-time\":\"2026-11-21T22:10:34.242250+00:00\"},"
			    "\"flow-id\":{\"afi\":\"ipv4\",\"src-ip\":\"172.17.0.2\",\"dst-ip\":"
			    "\"54.195.168.190\","
			    "\"protocol\":\"tcp\",\"src-port\":60606,\"dst-port\":443},"
			    "\"context\":{\"experiment-id\":16,\"activity-id\":2,\"application\":"
			    "\"copy \\\"1\\\"\"},"
			    "\"usage\":{\"received\":7456,\"sent\":745},\"netlink\":{\"a\":1}}");
}

/* What is not known is left out: nothing else than what the schema needs. */
static void the_least(void **state)
{
	struct firefly f = {.state = FIREFLY_ONGOING, .start_ns = START, .current_ns = START};

	f.flow = (struct firefly_flow){.src = {0xfd, [15] = 1},
				       .dst = {0xfd, [15] = 2},
				       .sport = 1,
				       .dport = 65535,
				       .udp = true};
	assert_non_null(strstr(text_of(&f), "{\"state\":\"ongoing\",\"start-time\""));
	assert_non_null(strstr(text_of(&f), "{\"afi\":\"ipv6\",\"src-ip\":\"fd00::1\",\"dst-ip\":"
					    "\"fd00::2\",\"protocol\":\"udp\",\"src-port\":1,"
					    "\"dst-port\":65535}"));
	assert_null(strstr(text_of(&f), "end-time"));
	assert_null(strstr(text_of(&f), "usage"));
	assert_null(strstr(text_of(&f), "application"));
	assert_null(strstr(text_of(&f), "netlink"));
	/* before 1970, as a machine without a clock has it */
	f.start_ns = -1;
	assert_non_null(strstr(text_of(&f), "\"1969-12-31T23:59:59.999999+00:00\""));
}

static void flows(void **state)
{
	uint8_t v6[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, other[16] = {0xfd};
	struct ev_str short_one = {.p = "abc", .len = 3};
	struct firefly f = {0};
	struct ev_diag d = {.sport = 1, .dport = 2};

	d.src = d.dst = (struct ev_str){.p = (const char *)v6, .len = 16};
	assert_true(firefly_flow_of(&d, &f.flow));
	assert_non_null(strstr(text_of(&f), "\"ipv4\",\"src-ip\":\"10.0.0.1\""));
	d.dst.p = (const char *)other;
	assert_true(firefly_flow_of(&d, &f.flow));
	assert_non_null(strstr(text_of(&f), "\"ipv6\",\"src-ip\":\"::ffff:10.0.0.1\""));
	d.dport = 0;
	assert_false(firefly_flow_of(&d, &f.flow));
	d.dport = 2;
	d.src = short_one;
	assert_false(firefly_flow_of(&d, &f.flow));
}

static void usage(void **state)
{
	static const struct {
		bool fin;
		uint64_t received, want;
	} cases[] = {{false, 100, 100}, {true, 101, 100}, {true, 1, 0}, {true, 0, 0}};
	struct ev_tcpinfo t = {0};
	struct ev ev = {0};
	struct firefly f = {0};

	/* CLOSE-WAIT, LAST-ACK and CLOSING */
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(firefly_has_fin(i), i == 8 || i == 9 || i == 11);
	firefly_set_usage(&f, &ev, false);
	assert_false(f.has_sent || f.has_received);
	ev.tcpinfo = &t;
	EV_SET(&t, tcpinfo, bytes_sent, 10);
	firefly_set_usage(&f, &ev, false);
	assert_false(f.has_sent);
	EV_SET(&t, tcpinfo, bytes_retrans, 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EV_SET(&t, tcpinfo, bytes_received, cases[i].received);
		firefly_set_usage(&f, &ev, cases[i].fin);
		assert_true(f.has_sent && f.sent == 6);
		assert_true(f.has_received && f.received == cases[i].want);
	}
	/* what lies does not wrap */
	t.bytes_retrans = 11;
	firefly_set_usage(&f, &ev, false);
	assert_int_equal(f.sent, 0);
}

static void header(void **state)
{
	static const struct {
		const char *host, *want;
	} cases[] = {{"host.example.org", " host.example.org "},
		     {"", " - "},
		     {"a b", " - "},
		     {"a\n<134>1", " - "},
		     {"h\xc3\xb6st", " - "}};
	char want[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		firefly_put_header(START, cases[i].host, strlen(cases[i].host), &out);
		buf_u8(&out, 0);
		snprintf(want, sizeof(want),
			 "<134>1 2026-11-21T22:10:32.742249+00:00%sskbox - firefly-json - ",
			 cases[i].want);
		assert_string_equal((char *)out.p, want);
	}
}

/* Two objects, and of tcpInfo what is called lean. */
static void lean_document(void **state)
{
	const struct flowd_json_options options = {.lean = true};
	struct ev ev;

	build_document();
	ev = decode(0);
	buf_clear(&out);
	flowd_json(&ev, &options, &out);
	buf_u8(&out, 0);
	assert_string_equal((char *)out.p,
			    "{\"tcpInfo\":{\"retransmits\":0,\"sndMss\":65483,\"pMtu\":65535,"
			    "\"rtt\":101800,\"rttVar\":81005,\"sndSsThresh\":2147483647,"
			    "\"sndCwnd\":10,\"advMss\":65483,\"minRtt\":494,"
			    "\"deliveryRate\":132556680,\"bytesSent\":745},"
			    "\"cong\":{\"algorithm\":\"cubic\"}}");
}

static int free_text(void **state)
{
	buf_free(&out);
	return tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end), cmocka_unit_test(the_least),
		cmocka_unit_test(flows),  cmocka_unit_test(usage),
		cmocka_unit_test(header), cmocka_unit_test(lean_document),
	};

	return cmocka_run_group_tests(tests, set_up, free_text);
}
