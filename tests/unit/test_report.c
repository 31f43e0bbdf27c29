/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of a recording: what is kept of it, its limits, and a document that nothing escapes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyze/filter/filter.h"
#include "analyze/report/report.h"
#include "analyze/report/report_page.h"
#include "formats/json.h"
#include "tests/unit/random64.h"

/* ---- a recording in memory ---- */

static struct ev_batch *batch;
static struct report *r;
static struct buf json;

static int begin(void **unused)
{
	batch = ev_batch_new();
	r = malloc(sizeof(*r));
	return !batch || !r || report_init(r) < 0;
}

static int finish(void **unused)
{
	report_fini(r);
	free(r);
	ev_batch_free(batch);
	buf_free(&json);
	return 0;
}

static void at(uint64_t ns)
{
	struct ev_common *common;

	ev_batch_begin(batch);
	common = EV_ADD(batch, common);
	EV_SET(common, common, timestamp, ns);
}

static void probe_event(uint64_t ns, uint64_t id, const char *symbol)
{
	struct ev_kernel *kernel;
	struct ev_skb_tracking *track;

	at(ns);
	kernel = EV_ADD(batch, kernel);
	EV_SET(kernel, kernel, symbol, ev_text(batch, symbol));
	EV_SET(kernel, kernel, probe_type, ev_text(batch, "raw_tracepoint"));
	if (!id)
		return;
	track = EV_ADD(batch, skb_tracking);
	EV_SET(track, skb_tracking, orig_head, id);
	EV_SET(track, skb_tracking, timestamp, ns);
}

static void device(const char *name)
{
	struct ev_dev *d = EV_ADD(batch, dev);

	EV_SET(d, dev, name, ev_text(batch, name));
}

static void drop(const char *reason)
{
	struct ev_skb_drop *d = EV_ADD(batch, skb_drop);

	EV_SET(d, skb_drop, drop_reason, ev_text(batch, reason));
}

static void loss(uint64_t from, uint64_t to, uint64_t n)
{
	struct ev_loss *l;

	at(to);
	l = EV_ADD(batch, loss);
	EV_SET(l, loss, probe, ev_text(batch, "net:netif_rx"));
	EV_SET(l, loss, from, from);
	EV_SET(l, loss, lost, n);
}

static void socket_row(uint64_t ns, uint64_t cookie, uint32_t retrans, uint32_t cwnd)
{
	static const uint8_t src[4] = {192, 0, 2, 1}, dst[4] = {192, 0, 2, 2};
	struct ev_snap *snap;
	struct ev_diag *d;
	struct ev_tcpinfo *t;

	at(ns);
	snap = EV_ADD(batch, snap);
	EV_SET(snap, snap, cause, ev_text(batch, "start"));
	d = EV_ADD(batch, diag);
	EV_SET(d, diag, cookie, cookie);
	EV_SET(d, diag, family, 2);
	EV_SET(d, diag, state, 1);
	EV_SET(d, diag, sport, (uint16_t)cookie);
	EV_SET(d, diag, dport, 443);
	EV_SET(d, diag, src, ev_string(batch, src, sizeof(src)));
	EV_SET(d, diag, dst, ev_string(batch, dst, sizeof(dst)));
	t = EV_ADD(batch, tcpinfo);
	EV_SET(t, tcpinfo, total_retrans, retrans);
	EV_SET(t, tcpinfo, snd_cwnd, cwnd);
}

/* What is in the batch goes in; it stays until the next call, as a source's does. */
static void take(void)
{
	static struct ev_batch *before;
	struct ev_walk w = ev_walk(batch);
	struct ev ev = {0};

	report_batch(r, batch);
	while (ev_next(&w, &ev)) {
		report_row(r, &ev);
		if (!filter_is_record(&ev))
			report_event(r, &ev);
	}
	ev_batch_free(before);
	before = batch;
	batch = ev_batch_new();
	assert_non_null(batch);
}

/* The document, of which is checked what holds for every one. */
static const char *document(const struct source_status *status, const char *title)
{
	const struct report_about about = {title, ""};
	struct json j = {0};

	take();
	report_end(r, status);
	buf_clear(&json);
	assert_true(report_put_json(r, &about, &json));
	buf_u8(&json, 0);
	assert_false(json.failed);
	json_init(&j, (const char *)json.p, json.len - 1);
	if (!json_skip(&j) || !json_end(&j))
		fail_msg("not JSON: %s at %zd", j.why, j.p - j.start);
	json_free(&j);
	assert_null(strpbrk((const char *)json.p, "<>&"));
	for (size_t i = 0; i + 1 < json.len; i++)
		assert_true(json.p[i] >= ' ' && json.p[i] != 0x7f);
	assert_null(memmem(json.p, json.len, "\xe2\x80\xa8", 3));
	assert_null(memmem(json.p, json.len, "\xe2\x80\xa9", 3));
	for (size_t i = 0; i < json.len - 1;) {
		size_t n = json_utf8(json.p + i, json.len - 1 - i);

		assert_true(n > 0);
		i += n;
	}
	return (const char *)json.p;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s is not in %.3000s", part, text);
}

static const struct source_status whole = {.event_files = 1};

static void test_empty(void **unused)
{
	const char *text = document(&whole, "empty.skbx");

	assert_has(text, "\"title\":\"empty.skbx\"");
	assert_has(text, "\"span_ns\":0,");
	assert_has(text, "\"findings\":[],");
	assert_has(text, "\"events\":[],");
	assert_has(text, "\"timeline\":{\"bin_ns\":1,\"n\":0,\"events\":[],");
	assert_has(text, "\"paths\":{\"journeys\":0,\"nodes\":[],\"links\":[],\"routes\":[]}");
	assert_has(text, "\"sockets\":[],");
	assert_null(strstr(text, "\"first\""));
}

static void test_escapes(void **unused)
{
	struct buf in = {0}, out = {0}, again = {0};
	struct json_str s;
	struct json j = {0};
	char bytes[4096];

	for (int round = 0; round < 200; round++) {
		static const char *const pieces[] = {
			"</script>",    "<!--",         "-->",  "&amp;", "\xe2\x80\xa8",
			"\xe2\x80\xa9", "\xe2\x80",     "\xe2", "\\",    "\"",
			"]]>",          "\xe2\x80\xaa", "x"};
		size_t n = 0;

		while (n < 1000) {
			const char *piece =
				pieces[random64() % (sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(bytes + n, piece, strlen(piece));
			n += strlen(piece);
			if (random64() % 4 == 0)
				bytes[n++] = (char)random64();
		}
		buf_clear(&in);
		buf_clear(&out);
		json_put_string(&in, bytes, n);
		report_guard(&in, &out);
		assert_null(memchr(out.p, '<', out.len));
		assert_null(memchr(out.p, '>', out.len));
		assert_null(memchr(out.p, '&', out.len));
		assert_null(memmem(out.p, out.len, "\xe2\x80\xa8", 3));
		assert_null(memmem(out.p, out.len, "\xe2\x80\xa9", 3));
		/* and it means the same */
		json_init(&j, (const char *)out.p, out.len);
		assert_true(json_string(&j, &s) && json_end(&j));
		buf_clear(&again);
		json_put_string(&again, s.p, s.len);
		assert_int_equal(again.len, in.len);
		assert_memory_equal(again.p, in.p, in.len);
	}
	json_free(&j);
	buf_free(&in);
	buf_free(&out);
	buf_free(&again);
}

/* Names that want to be something else, everywhere where there are names. */
static void test_hostile_names(void **unused)
{
	static const char *const names[] = {"</script><script>alert(1)</script>",
					    "\"},{\"",
					    "\xff\xfe\x80",
					    "\xe2\x80\xa8\xe2\x80\xa9",
					    "\x1b[31m\r\n\x7f",
					    "<!--<script>",
					    "&lt;",
					    "\\u003c/script>",
					    "' || true"};
	const char *text;

	for (uint64_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i];
		struct ev_startup *startup;
		struct ev_host *host;
		struct ev_probe *probe;
		struct ev_nft *nft;
		struct ev_cong *cong;
		struct ev_str stack;

		probe_event(1000 + 10 * i, i + 1, name);
		device(name);
		drop(name);
		nft = EV_ADD(batch, nft);
		EV_SET(nft, nft, chain_name, ev_text(batch, name));
		probe_event(2000 + 10 * i, 0, name);
		drop(name);
		stack = ev_text(batch, name);
		EV_SET(EV_ADD(batch, userspace), userspace, symbol, stack);
		loss(100, 3000, 5);
		EV_SET(EV_ADD(batch, loss), loss, probe, ev_text(batch, name));
		socket_row(4000 + i, i + 1, 0, 1);
		socket_row(5000 + i, i + 1, 7, 1);
		cong = EV_ADD(batch, cong);
		EV_SET(cong, cong, algorithm, ev_text(batch, name));
		at(1);
		startup = EV_ADD(batch, startup);
		EV_SET(startup, startup, cmdline, ev_text(batch, name));
		EV_SET(startup, startup, retis_version, ev_text(batch, name));
		at(1);
		host = EV_ADD(batch, host);
		EV_SET(host, host, hostname, ev_text(batch, name));
		EV_SET(host, host, packet_filter, ev_text(batch, name));
		at(1);
		probe = EV_ADD(batch, probe);
		EV_SET(probe, probe, symbol, ev_text(batch, name));
		EV_SET(probe, probe, reason, ev_text(batch, name));
	}
	text = document(&whole, "</title><script>alert(1)</script>");
	assert_has(text, "\\u003c/script\\u003e\\u003cscript\\u003ealert(1)");
	/* a name that could end the quotes is no part of a command */
	assert_null(strstr(text, "drop.reason == \\\"' ||"));
}

static void test_losses_and_damage(void **unused)
{
	const struct source_status damaged = {.event_files = 1, .damaged = 2, .unfinished = 1};
	const char *text;

	for (uint64_t i = 0; i < 1000; i++)
		probe_event(1000000 + i * 1000, i + 1, "net:netif_rx");
	for (uint64_t i = 0; i < 300; i++)
		loss(1000000 + i * 1000, 1001000 + i * 1000, 3);
	text = document(&damaged, "lost");
	assert_has(text, "\"lost\":900,");
	assert_has(text, "\"damaged\":2}");
	assert_has(text,
		   "\"kind\":\"loss\",\"level\":\"bad\",\"title\":\"900 events are not in this "
		   "recording, most at net:netif_rx\",\"count\":900");
	assert_has(text, "\"kind\":\"damage\",\"level\":\"bad\"");
	assert_has(text, "\"kind\":\"unfinished\",\"level\":\"note\"");
	assert_has(text, "\"kind\":\"gap\"");
	/* the last interval has all that had no room */
	assert_has(text, "{\"from\":0,\"to\":1000,\"lost\":3,\"probe\":\"net:netif_rx\"},");
	assert_has(text,
		   "{\"from\":199000,\"to\":300000,\"lost\":303,\"probe\":\"net:netif_rx\"}]");
	assert_has(text, "\"level\":\"bad\",\"text\":\"900 events were lost");
	assert_null(strstr(text, "Nothing was lost"));
}

/* Rows that are repeated, for days: what is said once, at the end, is not lost among them. */
static void test_long_recording(void **unused)
{
	struct ev_host *host;
	struct ev_snapset *set;
	struct ev_clock *clock;
	struct ev_finish *end;
	const char *text;

	for (uint32_t i = 0; i < 30000; i++) {
		at(1000000 + i);
		host = EV_ADD(batch, host);
		EV_SET(host, host, hostname, ev_text(batch, "the host"));
		at(1000000 + i);
		set = EV_ADD(batch, snapset);
		EV_SET(set, snapset, set, i);
		at(1000000 + i);
		clock = EV_ADD(batch, clock);
		EV_SET(clock, clock, offset, INT64_C(1700000000000000000) + i);
		probe_event(1000000 + i, i + 1, "net:netif_rx");
		if (batch->n > 8000)
			take();
	}
	at(2000000);
	end = EV_ADD(batch, finish);
	EV_SET(end, finish, thinned, 77);
	EV_SET(end, finish, kept, 250000);
	text = document(&whole, "long");
	assert_has(text, "77 events; when it was fewest, 25.00 % of the flows were kept.");
	assert_has(text, "[\"host\",\"the host\"]");
	assert_has(text, "[\"first\",\"2023-11-14 22:13:20.001029 UTC\"]");
}

static void test_losses_only(void **unused)
{
	const char *text;

	loss(5000000, 7000000, 3);
	loss(6000000, 9000000, 4);
	text = document(&whole, "losses");
	assert_has(text, "\"span_ns\":4000000,");
	assert_has(text, "\"gaps\":[{\"from\":0,\"to\":2000000,\"lost\":3,");
	assert_has(text, "{\"from\":1000000,\"to\":4000000,\"lost\":4,");
}

static void test_sockets_only(void **unused)
{
	const char *text;

	for (uint32_t i = 0; i < 1000; i++)
		for (uint64_t k = 1; k <= 3; k++)
			socket_row(1000000 + i * 1000, k, k == 2 ? i / 300 : 0, 10 + i % 7);
	text = document(&whole, "sockets");
	assert_has(text, "\"events\":3000,\"packets\":0,");
	assert_has(text, "\"retransmits\":3,");
	assert_has(text, "\"title\":\"3 segments retransmitted: 192.0.2.1:2 \\u003e "
			 "192.0.2.2:443\",\"count\":3");
	assert_has(text, "-f 'tcp and host 192.0.2.1 and host 192.0.2.2 and port 443 and port 2'");
	assert_has(text,
		   "\"sockets\":[{\"cookie\":\"2\",\"label\":\"192.0.2.1:2 \\u003e 192.0.2.2:443\","
		   "\"state\":\"ESTAB\",\"why\":\"3 segments retransmitted\",\"points\":1000,");
	assert_has(text, "\"retransmits\":[300000,600000,900000]}");
	assert_has(text, "\"paths\":{\"journeys\":0,");
}

/* The drop comes late in the packet's way: what was before it, and what follows, is there. */
static void test_whole_journeys(void **unused)
{
	const char *text;
	unsigned int n = 0;

	for (uint64_t i = 0; i < 50; i++)
		probe_event(1000 + i, i + 1, "before");
	take();
	for (uint64_t i = 0; i < 50; i++)
		probe_event(1000 + i, i + 1, "between");
	probe_event(1017, 18, "skb:kfree_skb");
	drop("NO_SOCKET");
	probe_event(1017, 18, "after");
	take();
	probe_event(1017, 18, "much later");
	text = document(&whole, "journey");
	assert_has(text, "\"findings\":[{\"id\":0,\"kind\":\"drop\",\"level\":\"bad\",\"title\":"
			 "\"1 dropped: "
			 "NO_SOCKET, no device, no packet\",\"count\":1,");
	assert_has(text, "\"events\":[0,1,2,3,4]}");
	for (const char *p = text; (p = strstr(p, "\"finding\":[0]")); p++)
		n++;
	assert_int_equal(n, 5);
	assert_has(text, "\"probe\":\"before\"");
	assert_has(text, "\"probe\":\"between\"");
	assert_has(text, "\"probe\":\"skb:kfree_skb\",\"kind\":\"drop\"");
	assert_has(text, "\"probe\":\"after\"");
	assert_has(text, "\"probe\":\"much later\"");
}

/* A flood of causes: the frequent ones have their events, and all of it stays small. */
static void test_limits(void **unused)
{
	static char name[400];
	const char *text, *found;
	unsigned int count;

	for (uint64_t i = 0; i < 60000; i++) {
		/* rare ones first and always, then one that is frequent */
		bool rare = i < 5000 || i % 3;

		snprintf(name, sizeof(name), "%s_%0*llu", rare ? "RARE" : "FREQUENT",
			 rare ? 300 : 1, (unsigned long long)(rare ? i : i % 2));
		probe_event(1000 + i * 10, i + 1, "skb:kfree_skb");
		device(rare ? "eth0" : "eth1");
		drop(name);
		socket_row(1000 + i * 10, 1 + i % 3000, (uint32_t)(i / 3000), 1);
		if (batch->n > 4000)
			take();
	}
	text = document(&whole, "flood");
	/* 9,166 or one more each; what it may be too high is what a rare one had */
	found = strstr(text, "\"title\":\"about ");
	assert_non_null(found);
	assert_int_equal(sscanf(found, "\"title\":\"about %u dropped: FREQUENT_", &count), 1);
	assert_in_range(count, 9166, 9166 + 60000 / STATS_CAUSES);
	assert_has(text, "\"where\":\"-w 'drop.reason == \\\"FREQUENT_0\\\" \\u0026\\u0026 "
			 "dev.name == \\\"eth1\\\"'");
	assert_non_null(strstr(strstr(text, "\"id\":0,"), "\"events\":["));
	/* it has events, though 32 others came before */
	assert_null(strstr(strstr(text, "\"id\":0,"), "\"events\":[]},{\"id\":1,"));
	assert_true(json.len < 2 * 1000 * 1000);
	assert_has(text, "more dropped, for more than ");
	assert_has(text, "more segments retransmitted by other sockets");
}

/* A name of 600 bytes that are escaped, different at the front for each n. */
static struct ev_str long_name(uint32_t n)
{
	enum { LONG = 600 };
	static char name[LONG + 16];
	char number[16];
	int len = snprintf(number, sizeof(number), "%u", n);

	memset(name, '<', LONG);
	memcpy(name, number, (size_t)len);
	return ev_string(batch, name, LONG);
}

static void large_event(uint64_t ns, uint32_t n, uint64_t id)
{
	enum { STACK = 20 };
	struct ev_str stack[STACK];
	struct ev_kernel *kernel;
	struct ev_skb_tracking *track;

	at(ns);
	kernel = EV_ADD(batch, kernel);
	EV_SET(kernel, kernel, symbol, long_name(n));
	for (uint32_t i = 0; i < STACK; i++)
		stack[i] = long_name(n % 13);
	EV_SET(kernel, kernel, stack_trace, ev_list(batch, stack, STACK));
	track = EV_ADD(batch, skb_tracking);
	EV_SET(track, skb_tracking, timestamp, 1);
	EV_SET(track, skb_tracking, orig_head, id);
}

static void large_rows(uint64_t ns, uint32_t i)
{
	struct ev_startup *startup;
	struct ev_probe *probe;
	struct ev_loss *l;

	for (uint64_t k = 0; k < 15; k++)
		socket_row(ns + k, 1 + k, UINT32_MAX - 3000 + i, UINT32_MAX - i);
	at(ns + 1);
	l = EV_ADD(batch, loss);
	EV_SET(l, loss, from, ns);
	EV_SET(l, loss, lost, UINT32_MAX);
	EV_SET(l, loss, probe, long_name(i));
	at(1);
	probe = EV_ADD(batch, probe);
	EV_SET(probe, probe, symbol, long_name(i));
	EV_SET(probe, probe, reason, long_name(i));
	at(1);
	startup = EV_ADD(batch, startup);
	EV_SET(startup, startup, cmdline, long_name(i));
}

/* Whoever makes a recording so that its page is as large as can be, gets one of 3 MB at most. */
static void test_largest(void **unused)
{
	enum { N = 1500, SIGHTS = 12, SECONDS = 30 };
	struct report_part head = report_page_head(), tail = report_page_tail();
	struct ev_skb_drop *reason;
	struct ev_dev *dev;

	for (uint32_t i = 0; i < N; i++) {
		uint64_t ns = 1 + i * UINT64_C(1000000000) * SECONDS;

		for (uint32_t k = 0; k < SIGHTS; k++)
			large_event(ns + k, k * 20 + i % 20, i);
		dev = EV_ADD(batch, dev);
		EV_SET(dev, dev, name, long_name(i / 13 % 13));
		reason = EV_ADD(batch, skb_drop);
		EV_SET(reason, skb_drop, drop_reason, long_name(i % 13));
		large_rows(ns, i);
		if (batch->n > 1000)
			take();
	}
	document(&whole, "largest");
	assert_true(json.len > 1200 * 1000);
	if (json.len + head.len + tail.len > 3 * 1000 * 1000)
		fail_msg("%zu bytes of data", json.len);
}

/* From 2^53 on JavaScript cannot tell numbers apart. */
static void test_large_numbers(void **unused)
{
	const char *text;

	probe_event(1, 1, "a");
	probe_event((UINT64_C(1) << 53) + 2, 1, "b");
	text = document(&whole, "large");
	assert_has(text, "\"span_ns\":\"9007199254740993\"");
	assert_has(text, "\"counts\":{\"events\":2,");
}

static void test_page(void **unused)
{
	struct report_part head = report_page_head(), tail = report_page_tail();
	static const char opens[] = "<script type=\"application/json\" id=\"data\">";

	assert_true(head.len > sizeof(opens) && tail.len > strlen("</script>"));
	assert_memory_equal(head.p + head.len - strlen(opens), opens, strlen(opens));
	assert_memory_equal(tail.p, "</script>", strlen("</script>"));
	assert_non_null(memmem(head.p, head.len, "Content-Security-Policy", 23));
	assert_null(memmem(head.p, head.len, "<!--SKBOX-", 10));
	assert_null(memmem(tail.p, tail.len, "<!--SKBOX-", 10));
	/* nothing is loaded */
	assert_null(memmem(head.p, head.len, "<link", 5));
	assert_null(memmem(head.p, head.len, " src=", 5));
	assert_null(memmem(tail.p, tail.len, " src=", 5));
	assert_int_equal(strncmp(report_page_version, "report: ", 8), 0);
	/* with 2 MB of data at most the whole stays below 3 MB */
	assert_true(head.len + tail.len < 600 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_page),
		cmocka_unit_test_setup_teardown(test_empty, begin, finish),
		cmocka_unit_test_setup_teardown(test_hostile_names, begin, finish),
		cmocka_unit_test_setup_teardown(test_losses_and_damage, begin, finish),
		cmocka_unit_test_setup_teardown(test_long_recording, begin, finish),
		cmocka_unit_test_setup_teardown(test_losses_only, begin, finish),
		cmocka_unit_test_setup_teardown(test_sockets_only, begin, finish),
		cmocka_unit_test_setup_teardown(test_whole_journeys, begin, finish),
		cmocka_unit_test_setup_teardown(test_limits, begin, finish),
		cmocka_unit_test_setup_teardown(test_largest, begin, finish),
		cmocka_unit_test_setup_teardown(test_large_numbers, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
