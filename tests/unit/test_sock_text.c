// SPDX-License-Identifier: BSD-2-Clause
/* What the renderings make of socket snapshots: the line of ss, the text of print, the document of flowd. */
#include "formats/schema.h"
#include "tests/unit/sock_document.h"

#include "formats/text/text_sock.h"

static void document_comes_back(void **state)
{
	struct ev ev;
	char pretty[sizeof(document)];

	build_document();
	ev = decode(0);
	snprintf(pretty, sizeof(pretty), "%s\n", json(&ev, true, false));
	assert_string_equal(pretty, document);
	assert_int_equal(strlen(json(&ev, false, false)), 1416);
	assert_null(strchr((const char *)out.p, ' '));
}

/* memInfo is the same when only SKMEMINFO came. */
static void meminfo_from_skmeminfo(void **state)
{
	uint32_t v[9] = {11, 12, 13, 14, 15, 16, 17, 18, 19};
	struct ev ev;

	message_init(&msg, 1);
	message_attr(&msg, 7, v, sizeof(v));
	ev = decode(0);
	assert_non_null(strstr(json(&ev, false, false),
			       "\"memInfo\":{\"rMem\":11,\"wMem\":16,\"fMem\":15,\"tMem\":13}"));
	assert_null(ev.meminfo);
}

/* Newer values go into one more object, and only there. */
static void extension(void **state)
{
	uint8_t info[280] = {0}, tclass = 0xb8;
	uint32_t v = 77;
	struct ev ev;
	const char *p;

	message_init(&msg, 1);
	memcpy(info + 232, &v, 4);
	message_attr(&msg, 2, info, sizeof(info));
	message_attr(&msg, 6, &tclass, 1);
	ev = decode(0);
	assert_null(strstr(json(&ev, false, false), "ext"));
	p = strstr(json(&ev, false, true),
		   ",\"dctcpInfo\":null,\"ext\":{\"infoLen\":280,\"rcvWnd\":77,\"rehash\":0,");
	assert_non_null(p);
	assert_non_null(strstr(p, ",\"tclass\":184}}"));
}

/* Of a socket nothing is recorded that the document with ext does not have. */
static void every_field_has_a_key(void **state)
{
	for (int s = EV_snap; s <= EV_diag_attr; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++)
			if (!strchr(schema_sections[s].fields[i].foreign, '.'))
				fail_msg("%s", schema_sections[s].fields[i].name);
}

static void ss_golden_line(void **state)
{
	struct ev ev;

	build_document();
	ev = decode(0);
	assert_string_equal(ss_line(&ev), "ESTAB 0 0 172.17.0.2:60606 54.195.168.190:443 "
					  "timer:(keepalive,58sec,0) ino:103936 sk:8 "
					  "skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0) ts "
					  "cubic wscale:7,7 rto:426 rtt:101.8/81.005 "
					  "ato:40 mss:65483 pmtu:65535 rcvmss:6872 advmss:65483 "
					  "cwnd:10 bytes_sent:745 bytes_acked:746 "
					  "bytes_received:7456 segs_out:7 segs_in:7 "
					  "data_segs_out:3 data_segs_in:3 send 51460118bps "
					  "lastsnd:825 lastrcv:677 lastack:677 pacing_rate "
					  "102919600bps delivery_rate 1060453440bps "
					  "delivered:4 busy:2ms rcv_space:33280 rcv_ssthresh:33280 "
					  "minrtt:0.494 snd_wnd:524288");
}

static void durations_and_numbers(void **state)
{
	static const struct {
		uint32_t ms;
		const char *text;
	} timers[] = {{0, ""},
		      {44, "044ms"},
		      {999, "999ms"},
		      {1000, "1sec"},
		      {1044, "1.044sec"},
		      {9999, "9.999sec"},
		      {10001, "10sec"},
		      {59999, "59sec"},
		      {60000, "1min"},
		      {80500, "1min20sec"},
		      {599000, "9min59sec"},
		      {600000, "10min"},
		      {3599999, "59min"}};
	static const struct {
		uint32_t us;
		const char *text;
	} times[] = {{0, "0"},
		     {1, "0.001"},
		     {1000, "1"},
		     {1010, "1.01"},
		     {426000, "426"},
		     {999999, "999.999"},
		     {1234567, "1234.57"},
		     {4000000, "4000"},
		     {4294967295, "4.29497e+06"}};
	char want[64];
	struct ev ev;

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		message_init(&msg, 1);
		msg.p[2] = 1;
		msg.p[3] = 5;
		message_put(&msg, 52, timers[i].ms, 4);
		ev = decode(0);
		snprintf(want, sizeof(want), " timer:(on,%s,5) ", timers[i].text);
		assert_non_null(strstr(ss_line(&ev), want));
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		buf_clear(&out);
		sock_ss_ms(&out, times[i].us);
		assert_string_equal(written(), times[i].text);
		snprintf(want, sizeof(want), "%g", times[i].us / 1000.0);
		assert_string_equal(times[i].text, want);
	}
	buf_clear(&out);
	sock_ss_bps(&out, UINT64_MAX - 1);
	assert_string_equal(written(), "147573952589676412928bps");
}

static void text_of_print(void **state)
{
	struct ev_walk w;
	struct ev ev = {0};
	struct ev_snap *snap;
	struct ev_netns *ns;
	static const char head[] =
		"[sock period] 172.17.0.2:60606 54.195.168.190:443 ESTAB sk:8 ns 0x1/4026531840";
	static const char *const lines[] = {
		"recvq:0 sendq:0 timer:(keepalive,58sec,0) ino:103936",
		"skmem:(r0,rb131072,t0,tb2626560,f0,w0,o0,bl0,d0)",
		("ts cubic wscale:7,7 rto:426 rtt:101.8/81.005 ato:40 mss:65483 pmtu:65535 "
		 "rcvmss:6872 advmss:65483 cwnd:10"),
		("bytes_sent:745 bytes_acked:746 bytes_received:7456 segs_out:7 segs_in:7 "
		 "data_segs_out:3 data_segs_in:3"),
		("send 51460118bps lastsnd:825 lastrcv:677 lastack:677 pacing_rate 102919600bps "
		 "delivery_rate 1060453440bps delivered:4 busy:2ms"),
		"rcv_space:33280 rcv_ssthresh:33280 minrtt:0.494 snd_wnd:524288",
	};
	char want[2048];

	build_document();
	ev_batch_clear(batch);
	ev_batch_begin(batch);
	snap = EV_ADD(batch, snap);
	EV_SET(snap, snap, cause, ev_text(batch, "period"));
	ns = EV_ADD(batch, netns);
	EV_SET(ns, netns, cookie, 1);
	EV_SET(ns, netns, inum, 4026531840);
	assert_int_equal(sockdiag_decode(msg.p, msg.len, batch, NULL), 0);
	w = ev_walk(batch);
	assert_true(ev_next(&w, &ev));
	for (int level = 0; level <= 8; level += 4) {
		snprintf(want, sizeof(want), "%s", head);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "\n%*s%s",
				 level + 2, "", lines[i]);
		buf_clear(&out);
		text_sock_event(&ev, false, level, &out);
		assert_string_equal(written(), want);
	}
	snprintf(want, sizeof(want), "%s", head);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		snprintf(want + strlen(want), sizeof(want) - strlen(want), " %s", lines[i]);
	buf_clear(&out);
	text_sock_event(&ev, true, 0, &out);
	assert_string_equal(written(), want);
}

static void text_of_in_event_state(void **state)
{
	struct ev_sock s = {0};
	struct ev ev = {.sock = &s};

	buf_clear(&out);
	text_sock_group(&ev, &out);
	assert_string_equal(written(), "sock");
	EV_SET(&s, sock, state, 1);
	EV_SET(&s, sock, cookie, 0x2a);
	EV_SET(&s, sock, cwnd, 10);
	EV_SET(&s, sock, ssthresh, 0x7fffffff);
	EV_SET(&s, sock, srtt, 1250);
	EV_SET(&s, sock, rto, 204000);
	EV_SET(&s, sock, in_flight, 0);
	EV_SET(&s, sock, snd_una, 4294967295);
	EV_SET(&s, sock, pacing_rate, 1000);
	s.ca = (struct ev_str){.p = "b\nbr", .len = 4};
	s.has |= EV_BIT(sock, ca);
	buf_clear(&out);
	text_sock_group(&ev, &out);
	assert_string_equal(written(),
			    "sock ESTAB sk:2a b\\x0abr rto:204 rtt:1.25 cwnd:10 unacked:0 "
			    "snd_una:4294967295 pacing_rate 8000bps");
}

/* A name from a damaged file moves no cursor and ends no line. */
static void hostile_names(void **state)
{
	uint8_t info[104] = {0};
	struct ev ev;

	message_init(&msg, 1);
	message_attr(&msg, 4, "\x1b[2J\n\"", 7);
	message_attr(&msg, 2, info, sizeof(info));
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), " \\x1b[2J\\x0a\""));
	assert_non_null(strstr(json(&ev, false, false), "{\"algorithm\":\"\\u001b[2J\\n\\\"\"}"));
}

/* Damaged messages go through decoder and renderings without harm. */
static void random_damage(void **state)
{
	struct message whole;
	uint32_t r = 1;

	build_document();
	whole = msg;
	for (int n = 0; n < 20000; n++) {
		struct ev_walk w;
		struct ev ev = {0};

		msg = whole;
		for (int k = 0; k < 4; k++) {
			r = r * 1664525 + 1013904223;
			msg.p[(r >> 8) % msg.len] = (uint8_t)(r >> 3);
		}
		ev_batch_clear(batch);
		ev_batch_begin(batch);
		sockdiag_decode(msg.p, msg.len, batch, NULL);
		w = ev_walk(batch);
		assert_true(ev_next(&w, &ev));
		ss_line(&ev);
		json(&ev, true, true);
		buf_clear(&out);
		text_sock_event(&ev, n & 1, 0, &out);
		for (size_t i = 0; (n & 1) && i < out.len; i++)
			assert_true(out.p[i] >= ' ' && out.p[i] != 0x7f);
	}
}

/* The message with an ULP_INFO: the protocol's name, and its nest. */
static void build_ulp(const char *name, unsigned int type, const struct message *nest)
{
	static struct message ulp;

	ulp.len = 0;
	message_attr(&ulp, 1, name, strlen(name) + 1);
	message_attr(&ulp, 0x8000 | type, nest->p, nest->len);
	message_init(&msg, 1);
	message_attr(&msg, 19, ulp.p, ulp.len);
}

static void nest_integer(struct message *nest, unsigned int type, uint64_t v, size_t size)
{
	message_attr(nest, type, &v, size);
}

static void transport_security(void **state)
{
	static struct message nest;
	struct ev ev;

	nest.len = 0;
	nest_integer(&nest, 1, 0x304, 2);
	nest_integer(&nest, 2, 52, 2);
	nest_integer(&nest, 3, 2, 2);
	nest_integer(&nest, 4, 9, 2);
	nest_integer(&nest, 5, 0, 0);
	nest_integer(&nest, 6, 0, 0);
	build_ulp("tls", 2, &nest);
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev), " tcp-ulp-tls version: 1.3 cipher: aes-gcm-256 "
					     "rxconf: unknown(9) txconf: sw zc_ro_tx no_pad_rx"));
}

static void multipath(void **state)
{
	static struct message nest;
	struct ev ev;
	size_t whole;

	nest.len = 0;
	nest_integer(&nest, 1, 0, 4);
	nest_integer(&nest, 2, 0x2239a61a, 4);
	nest_integer(&nest, 4, UINT64_C(0xa3511af240d66ecf), 8);
	nest_integer(&nest, 5, 1, 4);
	nest_integer(&nest, 6, 0xcf0cf6e8, 4);
	nest_integer(&nest, 7, 100, 2);
	nest_integer(&nest, 8, 0xc1, 4);
	nest_integer(&nest, 9, 3, 1);
	nest_integer(&nest, 10, 4, 1);
	build_ulp("mptcp", 3, &nest);
	ev = decode(0);
	assert_non_null(strstr(ss_line(&ev),
			       " tcp-ulp-mptcp flags:Mec token:0000(id:3)/2239a61a(id:4) "
			       "seq:a3511af240d66ecf sfseq:1 ssnoff:cf0cf6e8 maplen:64"));
	/* a nest that is cut off shows what is whole */
	for (whole = nest.len; nest.len > 0; nest.len--) {
		build_ulp("mptcp", 3, &nest);
		ev = decode(0);
		assert_int_equal(!!strstr(ss_line(&ev), "flags:"), nest.len >= whole - 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_comes_back), cmocka_unit_test(meminfo_from_skmeminfo),
		cmocka_unit_test(extension),           cmocka_unit_test(every_field_has_a_key),
		cmocka_unit_test(ss_golden_line),      cmocka_unit_test(durations_and_numbers),
		cmocka_unit_test(text_of_print),       cmocka_unit_test(text_of_in_event_state),
		cmocka_unit_test(hostile_names),       cmocka_unit_test(transport_security),
		cmocka_unit_test(multipath),           cmocka_unit_test(random_damage),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
