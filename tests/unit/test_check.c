/* SPDX-License-Identifier: BSD-2-Clause */
/* check: each kind of rule on events made for it, what losses leave open, numbers and their units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyze/check/check.h"
#include "tests/unit/recording.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static const struct row_host host = {"host", "boot", "capture", 1000000000000, -1};

enum losses {
	NOTHING,
	OF_EVENTS,  /* 5, while journeys are under way */
	OF_STEPS,   /* 1, within the fourth sequence */
	OF_SOCKETS, /* 1 */
};

static void put_socket(struct ev_batch *b, uint64_t time, uint64_t retrans)
{
	struct ev_tcpinfo *t;

	row_socket(b, time, 1, 0, 11, 1111, 80);
	t = EV_ADD(b, tcpinfo);
	EV_SET(t, tcpinfo, total_retrans, (uint32_t)retrans);
	EV_SET(t, tcpinfo, segs_out, (uint32_t)retrans * 100);
}

/*
 * 100 journeys from net:a to net:b, which takes 1 to 100 us, every tenth of them dropped then. Five SYNs,
 * answered after 1 to 5 ms. A socket that sends 9 segments again.
 */
static void make_recording(const char *name, enum losses losses)
{
	struct row_packet p = {.comm = "t", .dev = "eth0", .inum = 1, .ifindex = 2, .dport = 80};
	struct ev_batch *b = ev_batch_new();

	row_start(b, S / 2, &host);
	row_probe(b, S / 2, "net:a");
	for (uint64_t i = 0; i < 100; i++) {
		p.track = S + i * MS;
		p.symbol = "net:a";
		row_packet(b, p.track, &p);
		p.symbol = "net:b";
		row_packet(b, p.track + (i + 1) * 1000, &p);
		p.symbol = "net:drop";
		p.drop = "NO_SOCKET";
		if (i % 10 == 0)
			row_packet(b, p.track + (i + 2) * 1000, &p);
		p.drop = NULL;
	}
	if (losses == OF_EVENTS)
		row_loss(b, S + 50 * MS, S + 60 * MS, "net:a", 5);
	p.track = 0;
	p.symbol = "net:syn";
	for (uint64_t k = 1; k <= 5; k++) {
		p.sport = (uint16_t)(5000 + k);
		p.flags = 2;
		row_packet(b, 2 * S + k * 10 * MS, &p);
		row_packet(b, 2 * S + k * 10 * MS + 1000, &p); /* at another probe */
		p.flags = 0x12;
		row_packet(b, 2 * S + k * 11 * MS, &p);
	}
	if (losses == OF_STEPS)
		row_loss(b, 2 * S + 41 * MS, 2 * S + 42 * MS, "net:syn", 1);
	put_socket(b, 3 * S, 2);
	put_socket(b, 3 * S + MS, 5);
	put_socket(b, 3 * S + 2 * MS, 9);
	if (losses == OF_SOCKETS) {
		struct ev_loss *l;

		row_at(b, 3 * S + 3 * MS);
		l = EV_ADD(b, loss);
		EV_SET(l, loss, kind, ev_text(b, "sockets"));
		EV_SET(l, loss, lost, 1);
	}
	row_finish(b, 4 * S, "signal");
	row_store(b, name, 64);
	ev_batch_free(b);
}

struct row {
	enum losses losses;
	const char *rule, *expected; /* the begin of the line behind the rule's name */
	char verdict;                /* of the first letters of ok, NOT OK, unknown */
};

static const struct row rows[] = {
	{NOTHING, "events: drop\n    max: 10", "10 events", 'o'},
	{NOTHING, "events: drop\n    max: 9", "10 events", 'N'},
	{NOTHING, "events: drop\n    equals: 10", "10 events", 'o'},
	{NOTHING, "events: drop\n    min: 11", "10 events", 'N'},
	{OF_EVENTS, "events: drop\n    max: 9", "10 events", 'N'},
	{OF_EVENTS, "events: drop\n    max: 10", "10 (between 10 and 15) events", 'u'},
	{OF_EVENTS, "events: drop\n    max: 15", "10 events", 'o'},
	{OF_EVENTS, "events: drop\n    min: 10", "10 events", 'o'},
	{OF_EVENTS, "events: drop\n    min: 12", "10 (between 10 and 15) events", 'u'},
	{OF_EVENTS, "events: drop\n    min: 16", "10 events", 'N'},
	{OF_EVENTS, "events: drop\n    equals: 9", "10 events", 'N'},
	{OF_EVENTS, "events: drop\n    equals: 10", "10 (between", 'u'},
	{OF_EVENTS, "events: drop\n    equals: 12", "10 (between", 'u'},
	{OF_EVENTS, "events: drop\n    equals: 15", "10 (between", 'u'},
	{OF_EVENTS, "events: drop\n    equals: 16", "10 events", 'N'},
	/* 10 of 210 are 4.76 %; with 5 more that match 6.98 %, with 5 that do not 4.65 % */
	{NOTHING, "events: drop\n    of: track.time > 0s\n    max: 4.77%", "4.762% (10 of 210",
	 'o'},
	{OF_EVENTS, "events: drop\n    of: track.time > 0s\n    max: 4%", "4.762%", 'N'},
	{OF_EVENTS, "events: drop\n    of: track.time > 0s\n    max: 5%",
	 "4.762% (between 4.651% and 6.977%)", 'u'},
	{OF_EVENTS, "events: drop\n    of: track.time > 0s\n    max: 7%", "4.762%", 'o'},
	{NOTHING, "events: drop\n    of: ct\n    max: 7%", "(0 of 0 events)", 'N'},
	{NOTHING, "latency: [net:a, net:b]\n    p50: 51us\n    max: 100us", "p50 49", 'o'},
	{NOTHING, "latency: [net:a, net:b]\n    max: 99us", "max 100us in 100 journeys", 'N'},
	{NOTHING, "latency: [net:a, net:b]\n    where: drop\n    min: 1us\n    max: 91us",
	 "min 1us, max 91us in 10 journeys", 'o'},
	{NOTHING, "latency: [net:b, net:a]\n    max: 1s", "0 journeys (max 1s); fewer than 1", 'N'},
	{NOTHING, "latency: [net:a@eth?, net:b@eth1]\n    max: 1s", "0 journeys", 'N'},
	{OF_EVENTS, "latency: [net:a, net:b]\n    p50: 45us", "p50 49", 'N'},
	{OF_EVENTS, "latency: [net:a, net:b]\n    p50: 51us", "p50 49", 'u'},
	{OF_EVENTS, "latency: [net:a, net:b]\n    p50: 60us", "p50 49", 'o'},
	{OF_EVENTS, "latency: [net:a, net:b]\n    max: 1s",
	 "max 100us (between 100us and any number)", 'u'},
	{OF_EVENTS, "latency: [net:a, net:b]\n    max: 50us", "max 100us", 'N'},
	{NOTHING, "journeys: all\n    must_pass: [net:a, net:*]", "0 of 100 journeys", 'o'},
	{NOTHING, "journeys: all\n    must_pass: [net:drop]\n    max: 90", "90 of 100", 'o'},
	{NOTHING, "journeys: drop\n    must_pass: [net:drop]\n    min_seen: 11", "0 of 10", 'N'},
	{NOTHING, "journeys: all\n    may_end_by: [net:b, \"drop:*\"]", "0 of 100", 'o'},
	{NOTHING, "journeys: all\n    may_end_by: [net:b, net:drop]", "10 of 100", 'N'},
	{NOTHING, "journeys: all\n    must_not_pass: [net:drop@eth0]", "10 of 100", 'N'},
	{OF_EVENTS, "journeys: all\n    must_not_pass: [net:drop]\n    max: 9", "10 of", 'N'},
	{OF_EVENTS, "journeys: all\n    must_not_pass: [net:drop]\n    max: 14",
	 "10 (between 10 and 15) of", 'u'},
	{OF_EVENTS, "journeys: all\n    must_not_pass: [net:drop]\n    max: 15", "10 of", 'o'},
	/* those that began after the loss (61 to 99) cannot have lost anything to it: 36 are not dropped */
	{OF_EVENTS, "journeys: all\n    must_pass: [net:drop]\n    max: 35", "90 of", 'N'},
	{OF_EVENTS, "journeys: all\n    must_pass: [net:drop]\n    max: 36",
	 "90 (between 36 and 95) of", 'u'},
	{NOTHING, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 5ms", "0 of 5", 'o'},
	{NOTHING, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 3ms", "2 of 5", 'N'},
	{NOTHING, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 3ms\n    max: 2",
	 "2 of 5", 'o'},
	{NOTHING, "sequence: [tcp.flags == S., tcp.flags == R]\n    within: 1ms", "5 of 5", 'N'},
	{NOTHING, "sequence: [tcp.flags == S., tcp.flags == R]\n    within: 3s\n    min_seen: 0",
	 "0 of 0 sequences (5 more at the edges", 'o'},
	{NOTHING, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 100ms\n    by: all",
	 "0 of 5", 'o'},
	{NOTHING, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 5ms\n    by: socket",
	 "0 of 0", 'N'},
	{NOTHING, "sequence: [kernel.symbol == net:a, drop]\n    within: 1s\n    by: journey",
	 "90 of 100", 'N'},
	{OF_STEPS, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 3ms", "2 of 5", 'N'},
	{OF_STEPS, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 3ms\n    max: 1",
	 "2 (between 1 and 3) of 5", 'u'},
	{OF_STEPS, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 5ms",
	 "0 (between 0 and 1) of 5", 'u'},
	{OF_STEPS, "sequence: [tcp.flags == S, tcp.flags == S.]\n    within: 5ms\n    max: 1",
	 "0 of 5", 'o'},
	{NOTHING, "increase: tcpinfo.total_retrans\n    max: 9", "9 in 1 sockets", 'o'},
	{NOTHING, "increase: tcpinfo.total_retrans\n    max: 8", "9 in 1 sockets", 'N'},
	{NOTHING, "increase: tcpinfo.total_retrans\n    per: tcpinfo.segs_out\n    max: 1%",
	 "1% in", 'o'},
	{NOTHING, "increase: tcpinfo.total_retrans\n    where: diag.dport == 81\n    max: 8",
	 "0 sockets", 'N'},
	{OF_EVENTS, "increase: tcpinfo.total_retrans\n    max: 9", "9 in 1 sockets", 'o'},
	{OF_SOCKETS, "increase: tcpinfo.total_retrans\n    max: 9", "9 (between 9 and any number)",
	 'u'},
	{OF_SOCKETS, "increase: tcpinfo.total_retrans\n    per: tcpinfo.segs_out\n    max: 1%",
	 "1% (between 0% and any number) in", 'u'},
	{OF_SOCKETS, "increase: tcpinfo.total_retrans\n    max: 8", "9 in", 'N'},
	{OF_SOCKETS, "latency: [net:a, net:b]\n    max: 1s", "max 100us in", 'o'},
	{NOTHING, "values: tcpinfo.total_retrans\n    min: 2\n    mean: \"< 5.4\"\n    max: 9",
	 "min 2, mean 5.333, max 9 in 3 values", 'o'},
	{OF_EVENTS, "values: tcpinfo.total_retrans\n    max: 9", "max 9 in", 'o'},
	{OF_SOCKETS, "values: tcpinfo.total_retrans\n    max: 9", "max 9 (between", 'u'},
	{NOTHING, "recording: lost\n    max: 0", "0 lost", 'o'},
	{OF_EVENTS, "recording: lost\n    max: 4", "5 lost", 'N'},
	{OF_SOCKETS, "recording: lost\n    equals: 1", "1 lost", 'o'},
	{NOTHING, "recording: unfinished\n    max: 0", "0 unfinished", 'o'},
	{NOTHING, "events: drop\n    max: 10\n    needs: [net:a]", "10 events", 'o'},
	{NOTHING, "events: drop\n    max: 10\n    needs: [net:b]",
	 "10 events (max 10); probe net:b was", 'u'},
	{NOTHING, "events: drop\n    max: 9\n    needs: [net:b]", "10 events", 'N'},
};

/* The exit status says what the verdict is. */
static const struct {
	char verdict;
	int status, with_status, with_pass;
} statuses[] = {{'o', 0, 0, 0}, {'N', 1, 1, 1}, {'u', 1, 9, 0}};

static void verdicts(void **unused)
{
	static const char *const files[] = {"none", "events", "steps", "sockets"};

	for (int i = 0; i < 4; i++)
		make_recording(files[i], (enum losses)i);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct buf rule = {0};
		char line[200], want[200];
		size_t s = 0;
		int status;

		buf_printf(&rule, "version: 1\nrules:\n  - name: rule\n    %s\n", r->rule);
		store_file("rule.yaml", &rule);
		while (statuses[s].verdict != r->verdict)
			s++;
		snprintf(line, sizeof(line), "check @rule.yaml @%s --unknown ", files[r->losses]);
		strcat(line, "fail");
		status = run(line);
		snprintf(want, sizeof(want), "%s  rule: %s",
			 r->verdict == 'o'   ? "ok     "
			 : r->verdict == 'N' ? "NOT OK "
					     : "unknown",
			 r->expected);
		if (status != statuses[s].status || strncmp((char *)out.p, want, strlen(want)) != 0)
			fail_msg("%s, losses %d:\nwanted %d %s\ngot %d %s%s", r->rule, r->losses,
				 statuses[s].status, want, status, (char *)out.p, (char *)said.p);
		strcpy(strstr(line, "fail"), "9");
		assert_int_equal(run(line), statuses[s].with_status);
		strcpy(strrchr(line, '9'), "pass");
		assert_int_equal(run(line), statuses[s].with_pass);
		buf_free(&rule);
	}
}

/* Standard input is read twice, too. */
static void from_pipe(void **unused)
{
	struct buf rule = {0};

	buf_str(&rule, "version: 1\nrules:\n  - name: rule\n    events: drop\n    max: 3\n");
	store_file("rule.yaml", &rule);
	assert_int_equal(run("check @rule.yaml @none --examples 4"), 1);
	assert_int_equal(count("net:drop"), 4);
	assert_int_equal(run_with("check @rule.yaml - --examples 2", "none"), 1);
	assert_int_equal(count("net:drop"), 2);
	assert_int_equal(run("check @rule.yaml @none --examples 0"), 1);
	assert_int_equal(count("net:drop"), 0);
	assert_int_equal(run("check @rule.yaml @none @none"), 1);
	assert_non_null(strstr((char *)out.p, "20 events"));
	buf_free(&rule);
}

/*
 * As XML for CI: what failed says why, with examples; what losses leave open is an error, or skipped where that
 * passes.
 */
static void junit(void **unused)
{
	static const struct {
		const char *unknown, *counts, *element;
	} cases[] = {
		{"fail", "failures=\"1\" errors=\"1\" skipped=\"0\"", "<error message="},
		{"9", "failures=\"1\" errors=\"1\" skipped=\"0\"", "<error message="},
		{"pass", "failures=\"1\" errors=\"0\" skipped=\"1\"", "<skipped message="},
	};
	static const char name[] =
		"<testcase name=\"a &lt;good&gt; &amp; &quot;rule&quot;\" classname=";
	struct buf rule = {0};

	buf_str(&rule, "version: 1\nrules:\n"
		       "  - name: 'a <good> & \"rule\"'\n    events: drop\n    min: 1\n"
		       "  - name: bad\n    events: drop\n    max: 3\n"
		       "    message: \"more\\x1b than <3>\"\n"
		       "  - name: open\n    events: drop\n    max: 12\n");
	store_file("rule.yaml", &rule);
	make_recording("lossy", OF_EVENTS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[200];
		const char *text;

		snprintf(line, sizeof(line),
			 "check @rule.yaml @lossy --format junit --examples 2 --unknown %s",
			 cases[i].unknown);
		assert_int_equal(run(line), 1);
		text = (char *)out.p;
		assert_memory_equal(text, "<?xml version=\"1.0\"", 19);
		assert_int_equal(count(cases[i].counts), 2);
		assert_int_equal(count("tests=\"3\""), 2);
		assert_int_equal(count(name), 1);
		assert_int_equal(count("<testcase "), 3);
		assert_int_equal(count("</testcase>"), 2);
		assert_int_equal(count("<failure message=\""), 1);
		assert_int_equal(count(" type=\"events\">"), strcmp(cases[i].unknown, "pass") ? 2 : 1);
		assert_int_equal(count("than &lt;3&gt;\n"), 1);
		assert_int_equal(count("\x1b"), 0);
		assert_int_equal(count("net:drop"), 2);
		assert_int_equal(count(cases[i].element), 1);
		assert_non_null(strstr(text, "</failure>\n"));
		assert_non_null(strstr(text, "  </testsuite>\n</testsuites>\n"));
	}
	buf_free(&rule);
}

static void numbers(void **unused)
{
	static const struct {
		const char *field, *text, *shown; /* field NULL: a time; shown NULL: it is none */
		double value;
	} v[] = {
		{NULL, "10us", "10us", 1e4},
		{NULL, "1.5ms", "1.5ms", 1.5e6},
		{NULL, "2m", "120s", 1.2e11},
		{NULL, "10", NULL, 0},
		{NULL, "ms", NULL, 0},
		{NULL, "1.ms", NULL, 0},
		{NULL, "0x10ms", NULL, 0},
		{NULL, "-1ms", NULL, 0},
		{NULL, "1e3ms", NULL, 0},
		{"tcpinfo.rtt", "10ms", "10ms", 10000},
		{"tcpinfo.rtt", "10", "10us", 10},
		{"tcpinfo.rtt", "10K", NULL, 0},
		{"tcpinfo.last_data_sent", "2s", "2s", 2000},
		{"tcpinfo.bytes_sent", "64K", "65536", 65536},
		{"tcpinfo.pacing_rate", "8Mbit", "8Mbit", 1e6},
		{"tcpinfo.segs_out", "2K", "2000", 2000},
		{"tcpinfo.segs_out", "2ms", NULL, 0},
		{"tcpinfo.segs_out", "nan", NULL, 0},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct check_rule r = {.unit = v[i].field ? CHECK_FIELD : CHECK_TIME};
		struct buf text = {0};
		const char *why = NULL;
		double value = 0;

		if (v[i].field)
			assert_true(fields_find(&r.field, v[i].field, strlen(v[i].field)));
		assert_int_equal(check_value_parse(&r, v[i].text, &value, &why),
				 v[i].shown != NULL);
		assert_non_null(why);
		if (!v[i].shown)
			continue;
		assert_true(value == v[i].value);
		check_value_put(&r, value, &text);
		buf_u8(&text, 0);
		assert_string_equal((char *)text.p, v[i].shown);
		buf_free(&text);
	}
}

struct entry {
	struct check_entry entry;
	int *evicted;
};

static void note_eviction(void *ctx, void *state)
{
	int *n = ctx;

	assert_int_equal(((struct check_entry *)state)->key.w[0], ++*n);
}

/* The one longest unseen makes room. */
static void table(void **unused)
{
	struct check_table t;
	struct sort_key key = {{0}};
	int evicted = 0;
	bool is_new;

	check_table_init(&t, sizeof(struct entry), 100);
	for (uint64_t i = 0; i < 1000; i++) {
		key.w[0] = i;
		assert_non_null(check_table_get(&t, &key, &is_new, note_eviction, &evicted));
		assert_true(is_new);
		key.w[0] = 0; /* is seen again and again */
		assert_non_null(check_table_get(&t, &key, &is_new, note_eviction, &evicted));
		assert_int_equal(is_new, false);
	}
	assert_int_equal(t.n, 100);
	assert_int_equal(evicted, 900);
	assert_int_equal(t.evicted, 900);
	key.w[0] = 950;
	check_table_remove(&t, check_table_find(&t, &key));
	assert_null(check_table_find(&t, &key));
	check_table_free(&t);
	check_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(from_pipe),
		cmocka_unit_test(junit),
		cmocka_unit_test(numbers),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, recording_folder, recording_clean);
}
