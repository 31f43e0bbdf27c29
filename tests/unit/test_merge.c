/* SPDX-License-Identifier: BSD-2-Clause */
/* merge: several hosts by wall clock, files of one recording in their order, what is told about clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/recording.h"

#define S INT64_C(1000000000)

/* Packets at these seconds of the host's clock, each the journey of the first of its ten seconds. */
static void make_host(const char *file, const struct row_host *h, const uint64_t *at, size_t n)
{
	struct row_packet p = {"net:rx", "task", "eth0", NULL, 1, 2, 0, 1000, 80, 16};
	struct ev_batch *b = ev_batch_new();
	uint64_t begin = at[0] * S - 1000, end = at[n - 1] * S + 1000;

	row_start(b, begin, h);
	row_probe(b, begin, "net:rx");
	row_nsinfo(b, begin, 1, "init");
	row_iface(b, begin, 1, 2, "eth0");
	for (size_t i = 0; i < n; i++) {
		p.track = at[i] / 10 * 10 * S;
		row_packet(b, at[i] * S, &p);
		if (i == n / 2)
			row_loss(b, at[i] * S, at[i] * S + 500, "net:rx", 4);
	}
	row_clock(b, end, h->offset, 40);
	row_total(b, end, "net:rx", n, 4);
	row_finish(b, end, "signal");
	row_store(b, file, 3);
	ev_batch_free(b);
}

/* The text behind `word` up to the end of its line. */
static const char *line_of(const struct buf *b, const char *word)
{
	static char line[400];
	const char *p = strstr((const char *)b->p, word);

	snprintf(line, sizeof(line), "%.*s", p ? (int)strcspn(p, "\n") : 0, p ? p : "");
	return line;
}

static const struct row_host late = {"late", "boot-l", "capture", 1795300000 * S, -1};
static const struct row_host early = {"early", "boot-e", "capture", 1795299900 * S, -1};

static void hosts(void **state)
{
	const uint64_t at[] = {10, 12, 20}, other[] = {111, 121};

	make_host("late", &late, at, 3);
	make_host("early", &early, other, 2);
	assert_int_equal(run("merge @late @early -o @both"), 0);
	assert_string_equal(line_of(&said, "skbox: note: late"),
			    "skbox: note: late: 100.000000000 s added to its times; its wall clock "
			    "is known to 0.000040 ms");
	assert_string_equal(line_of(&said, "skbox: note: early"),
			    "skbox: note: early: 0.000000000 s added to its times; its wall clock "
			    "is known to 0.000040 ms");
	assert_int_equal(run("verify @both"), 0);
	assert_int_equal(run("print @both --format single-line"), 0);
	assert_string_equal(line_of(&out, "late 110000000000 (1)"), line_of(&out, "late 11"));
	assert_true(strstr((char *)out.p, "late 110000000000 (1)") <
		    strstr((char *)out.p, "early 111000000000 (1)"));
	assert_true(strstr((char *)out.p, "early 111000000000 (1)") <
		    strstr((char *)out.p, "late 112000000000 (1)"));
	assert_true(strstr((char *)out.p, "late 120000000000 (1)") <
		    strstr((char *)out.p, "early 121000000000 (1)"));
	assert_int_equal(count("late 112000000500 lost 4 events at net:rx cpu 1 since "
			       "112000000000"),
			 1);
	/* wall times are what each host's own file shows */
	assert_int_equal(run("print @both --format single-line --utc"), 0);
	assert_int_equal(count("late 2026-11-21 22:26:50.000000 (1)"), 1);
	assert_int_equal(count("early 2026-11-21 22:26:51.000000 (1)"), 1);
	assert_int_equal(run("print @late --format single-line --utc"), 0);
	assert_int_equal(count("2026-11-21 22:26:50.000000 (1)"), 1);
	assert_int_equal(run("print @early --format single-line --utc"), 0);
	assert_int_equal(count("2026-11-21 22:26:51.000000 (1)"), 1);
	/* hosts are told apart */
	assert_int_equal(run("print @both --format single-line -w hostname==\"late\""), 0);
	assert_int_equal(count("[tp] net:rx"), 3);
	assert_int_equal(run("print @both --fields hostname,time,dev.name --since 120s"), 0);
	assert_int_equal(count("late "), 1);
	assert_int_equal(count("early "), 1);
	/* journeys stay whole */
	assert_int_equal(run("sort @both --format single-line"), 0);
	assert_int_equal(count("\xe2\x86\xb3 late 112000000000"), 1);
}

static void inventory(void **state)
{
	const uint64_t at[] = {10, 12, 20}, other[] = {111, 121};

	make_host("late", &late, at, 3);
	make_host("early", &early, other, 2);
	assert_int_equal(run("merge @late @early -o @both"), 0);
	assert_int_equal(run("json @both"), 0);
	assert_int_equal(count("\"hostname\":\"late\"},\"startup\""), 1);
	assert_int_equal(count("\"hostname\":\"early\"},\"startup\""), 1);
	assert_int_equal(count("\"track.time\":110000000000,"), 3);
	/* one clock holds, the others are told as what they are */
	assert_int_equal(count("\"clock.offset\":"), 1);
	assert_int_equal(count("\"clock.offset\":1795299900000000000,\"clock.uncertainty\":40"), 1);
	assert_int_equal(count("\"clock.sample\":1795300000000000000"), 2);
	assert_int_equal(count("\"startup.clock_sec\":1795299900"), 2);
	assert_int_equal(count("\"hostname\":\"late\"},\"total\":{\"total.probe\":\"net:rx\","
			       "\"total.recorded\":3,\"total.lost\":4}"),
			 1);
	assert_int_equal(count("\"hostname\":\"early\"},\"total\":{\"total.probe\":\"net:rx\","
			       "\"total.recorded\":2,\"total.lost\":4}"),
			 1);
	assert_int_equal(count("\"input.command\":\"merge\",\"input.read\":13,\"input.kept\":13,"
			       "\"input.lost\":4,\"input.lost_kept\":4,\"input.damaged\":0,"
			       "\"input.finished\":true,\"input.offset\":1795300000000000000,"
			       "\"input.shift\":100000000000,\"input.uncertainty\":40,"
			       "\"input.boot_id\":\"boot-l\""),
			 1);
	/* both hosts' device 2 in their namespace 1 is in the trailer's inventory */
	assert_int_equal(run("info @both"), 0);
	assert_int_equal(count("2 eth0 mtu"), 2);
	assert_int_equal(count("5 recorded, 8 lost"), 1);
	assert_int_equal(count("  late 2 eth0 mtu"), 1);
	assert_int_equal(count("  late namespace 1 init"), 1);
	assert_int_equal(count("  early merge of "), 1);
	assert_int_equal(count("13 of 13 rows, 4 of 4 lost; times + 100.000000000 s, wall clock "
			       "known to 0.000040 ms"),
			 1);
	assert_int_equal(count("first       2026-11-21 22:26:49.999999 UTC"), 1);
	assert_int_equal(run("info --json @both"), 0);
	assert_int_equal(count("\"made_by\":[{\"common\""), 1);
	assert_int_equal(count("\"input.shift\":100000000000"), 1);
	/* and an interface each for Wireshark */
	assert_int_equal(run("pcap @both -o @both.pcapng"), 0);
	load_file("both.pcapng", &out);
	assert_non_null(memmem(out.p, out.len, "late eth0", 9));
	assert_non_null(memmem(out.p, out.len, "early eth0", 10));
	assert_int_equal(run("print @both.pcapng --format single-line"), 0);
	assert_int_equal(count("early 111000000000 (1)"), 1);
	/* a merged file is an input like another */
	assert_int_equal(run("merge @both -o @again"), 0);
	assert_int_equal(run("print @both"), 0);
	assert_int_equal(run("print @again -w hostname==\"early\" --format single-line"), 0);
	assert_int_equal(count("[tp] net:rx"), 2);
}

static void same_names(void **state)
{
	const struct row_host a = {"web", "boot-1", "capture", 5000 * S, -1};
	const struct row_host b = {"web", "boot-2", "capture", 5000 * S, -1};
	const uint64_t at[] = {10};

	make_host("a", &a, at, 1);
	make_host("b", &b, at, 1);
	assert_int_equal(run("merge @a @b -o @both"), 0);
	assert_int_equal(run("print @both --format single-line"), 0);
	assert_int_equal(count("web 10000000000 (1)"), 1);
	assert_int_equal(count("web#2 10000000000 (1)"), 1);
}

/* Files of one recording, in whatever order they are named; a processor was late at the first one's end. */
static void rotations(void **state)
{
	const uint64_t at[3][3] = {{10, 11, 14}, {13, 13, 15}, {16, 17, 18}};
	struct row_host h = {"web", "boot-1", "capture --rotate", 5000 * S, 0};
	struct buf whole = {0};
	char name[16];

	for (h.split = 0; h.split < 3; h.split++) {
		snprintf(name, sizeof(name), "set.%d", h.split);
		make_host(name, &h, at[h.split], 3);
	}
	assert_int_equal(run("print @set.0 @set.1 @set.2 --utc"), 0);
	whole = out;
	out = (struct buf){0};
	assert_int_equal(run("merge @set.2 @set.0 @set.1 -o @all"), 0);
	assert_string_equal((char *)said.p, "");
	assert_int_equal(run("print @all --utc"), 0);
	assert_string_equal((char *)out.p, (char *)whole.p);
	assert_int_equal(run("merge @set.0.. -o @all"), 0);
	assert_int_equal(run("print @all --utc"), 0);
	assert_string_equal((char *)out.p, (char *)whole.p);
	assert_int_equal(run("info @all"), 0);
	assert_int_equal(count("9 recorded, 12 lost"), 1);
	buf_free(&whole);
}

/* Two recordings at once on one host: in order, nothing else changes. */
static void one_host(void **state)
{
	const struct row_host a = {"web", "boot-1", "capture one", 5000 * S, -1};
	const struct row_host b = {"web", "boot-1", "capture two", 5000 * S + 90, -1};
	const uint64_t at[] = {10, 12, 14}, other[] = {11, 13};

	make_host("a", &a, at, 3);
	make_host("b", &b, other, 2);
	assert_int_equal(run_with("merge @a - -o -", "b"), 0);
	store_file("both", &out);
	assert_string_equal((char *)said.p, "");
	assert_int_equal(run("print @both --format single-line"), 0);
	assert_int_equal(count("web"), 0);
	for (uint64_t t = 10; t < 14; t++) {
		char one[32], next[32];

		snprintf(one, sizeof(one), "%llu000000000 (1)", (unsigned long long)t);
		snprintf(next, sizeof(next), "%llu000000000 (1)", (unsigned long long)t + 1);
		assert_non_null(strstr((char *)out.p, one));
		assert_true(strstr((char *)out.p, one) < strstr((char *)out.p, next));
	}
}

static void clock_set(void **state)
{
	const uint64_t at[] = {10}, other[] = {100};
	struct ev_batch *b = ev_batch_new();
	struct row_packet p = {"net:rx", "task", "eth0", NULL, 1, 2, 0, 1000, 80, 16};

	/* NTP sets it at second 11: most samples are from after that */
	row_start(b, 10 * S, &late);
	row_packet(b, 10 * S, &p);
	for (int i = 0; i < 4; i++)
		row_clock(b, (uint64_t)(11 + i) * S, late.offset + 2 * S, 30);
	row_packet(b, 15 * S, &p);
	row_finish(b, 16 * S, "signal");
	row_store(b, "set", 100);
	ev_batch_free(b);
	make_host("early", &early, other, 1);
	make_host("late", &late, at, 1);
	assert_int_equal(run("merge @early @set -o @both"), 0);
	assert_string_equal(line_of(&said, "skbox: note: late"),
			    "skbox: note: late: 102.000000000 s added to its times; its wall clock "
			    "is known to 2000.000025 ms");
	assert_int_equal(run("print @both --format single-line"), 0);
	assert_int_equal(count("late 112000000000 (1)"), 1);
}

static void refused(void **state)
{
	struct row_packet p = {"net:rx", "task", "eth0", NULL, 1, 2, 0, 1000, 80, 16};
	struct ev_batch *b = ev_batch_new();
	const uint64_t at[] = {10};

	make_host("late", &late, at, 1);
	row_packet(b, 5, &p);
	row_store(b, "timeless", 100);
	ev_batch_free(b);
	assert_int_equal(run("merge @late @timeless -o @nothing"), 2);
	assert_non_null(strstr((char *)said.p, "does not say its wall clock"));
	assert_int_equal(access(place("nothing"), F_OK), -1);
	assert_int_equal(run("merge @late -o @late"), 2);
	assert_int_equal(run("merge @late @no-such -o @both"), 2);
	assert_int_equal(run("merge -o @both"), 2);
	assert_int_equal(run("merge @late"), 2);
}

static void damaged(void **state)
{
	const uint64_t at[] = {10, 12, 14, 16, 18, 20}, other[] = {111};
	struct buf file = {0};
	size_t i;

	make_host("late", &late, at, 6);
	make_host("early", &early, other, 1);
	load_file("late", &file);
	for (i = file.len / 2; memcmp(file.p + i, "\x28\xb5\x2f\xfd", 4);)
		i++;
	file.p[i + 12] ^= 0x10;
	store_file("late", &file);
	buf_free(&file);
	assert_int_equal(run("merge @late @early -o @both"), 3);
	assert_int_equal(run("verify @both"), 0);
	assert_int_equal(run("json @both"), 0);
	assert_int_equal(count("\"hostname\":\"late\"},\"loss\":{\"loss.from\":"), 1);
	assert_int_equal(count("\"loss.kind\":\"damaged block\""), 1);
	assert_int_equal(count("\"input.damaged\":1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),      cmocka_unit_test(inventory),
		cmocka_unit_test(same_names), cmocka_unit_test(rotations),
		cmocka_unit_test(one_host),   cmocka_unit_test(clock_set),
		cmocka_unit_test(refused),    cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, recording_folder, recording_clean);
}
