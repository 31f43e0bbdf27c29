/* SPDX-License-Identifier: BSD-2-Clause */
/* cut: what is chosen with what it needs, nothing else; losses; repair; pieces that add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zstd.h>

#include "tests/unit/recording.h"

static const struct row_host host = {"web1", "boot-1", "capture --netns secret-ns", 1000000000000,
				     -1};

/* Everything that is not chosen below has "secret" in its name. */
static void make_recording(const char *name, uint32_t block)
{
	struct ev_batch *b = ev_batch_new();
	struct row_packet keep = {
		"net:keep_probe", "keeper", "keep0", NULL, 1, 2, 10000, 1111, 80, 2};
	struct row_packet other = {
		"net:secret_probe", "secret-task", "secret0", NULL, 1, 3, 10100, 2222, 443, 2};

	row_start(b, 1000, &host);
	row_probe(b, 1000, "net:keep_probe");
	row_probe(b, 1000, "net:secret_probe");
	row_nsinfo(b, 1000, 1, "keep-ns");
	row_iface(b, 1000, 1, 2, "keep0");
	row_iface(b, 1000, 1, 3, "secret0");
	row_nsinfo(b, 1000, 2, "secret-ns");
	row_iface(b, 1000, 2, 2, "secret1");
	row_snapset(b, 2000, 1, 0, 0);
	row_socket(b, 2001, 1, 0, 11, 1111, 80);
	row_socket(b, 2002, 1, 0, 12, 80, 0);
	row_socket(b, 2003, 1, 0, 13, 2222, 443);
	row_snapset(b, 2004, 1, 0, 1);
	row_snapset(b, 2005, 2, 1, 0);
	row_socket(b, 2006, 2, 1, 21, 1111, 80); /* the same words in another namespace */
	row_snapset(b, 2007, 2, 1, 1);
	row_packet(b, 10000, &keep);
	row_packet(b, 10100, &other);
	keep.drop = "KEEP_REASON";
	row_dropname(b, 10200, 2, "KEEP_REASON");
	row_packet(b, 10200, &keep);
	other.inum = other.ifindex = 2;
	other.dev = "secret1";
	other.drop = "SECRET_REASON";
	row_dropname(b, 10300, 3, "SECRET_REASON");
	row_packet(b, 10300, &other);
	row_loss(b, 9000, 11000, "net:keep_probe", 5);
	row_socket(b, 12000, 1, 2, 11, 1111, 80);
	row_socket(b, 12001, 1, 2, 13, 2222, 443);
	row_socket(b, 30000, 1, 3, 11, 1111, 80);
	row_loss(b, 50000, 51000, "net:keep_probe", 7);
	row_total(b, 60000, "net:keep_probe", 2, 12);
	row_total(b, 60000, "net:secret_probe", 2, 0);
	row_finish(b, 60000, "signal");
	row_store(b, name, block);
	ev_batch_free(b);
}

/* All that is in an event file, decompressed. The schema and the note about the filter are in there, too. */
static void decompress(const char *name, struct buf *all)
{
	struct buf file = {0};
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	ZSTD_inBuffer in;

	load_file(name, &file);
	buf_clear(all);
	for (in = (ZSTD_inBuffer){file.p, file.len, 0}; in.pos < in.size;) {
		ZSTD_outBuffer to = {buf_room(all, 65536), 65536, 0};

		assert_false(ZSTD_isError(ZSTD_decompressStream(zstd, &to, &in)));
		all->len += to.pos;
	}
	ZSTD_freeDCtx(zstd);
	buf_free(&file);
}

static bool holds(const struct buf *all, const char *word)
{
	return memmem(all->p, all->len, word, strlen(word)) != NULL;
}

static void nothing_else(void **state)
{
	static const char *const kept[] = {"keeper",      "keep0", "keep-ns", "net:keep_probe",
					   "KEEP_REASON", "web1",  "signal",  "boot-1"};
	struct buf all = {0};

	make_recording("host", 8192);
	decompress("host", &all);
	assert_true(holds(&all, "secret"));
	assert_int_equal(run("cut @host -o @cut -w dev.name==\"keep0\" --until 20000"), 0);
	assert_string_equal((const char *)said.p, "");
	decompress("cut", &all);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_true(holds(&all, kept[i]));
	assert_false(holds(&all, "secret"));
	assert_false(holds(&all, "SECRET"));
	assert_false(holds(&all, "192.0.2.77"));
	buf_free(&all);

	assert_int_equal(run("json @cut"), 0);
	assert_int_equal(count("\"kernel\":"), 2);
	assert_int_equal(count("\"iface\":"), 1);
	assert_int_equal(count("\"nsinfo\":"), 1);
	assert_int_equal(count("\"probe\":"), 1);
	assert_int_equal(count("\"dropname\":"), 1);
	/* the connection's two snapshots, and who listens: not the others, nor one of another namespace */
	assert_int_equal(count("\"diag\":"), 3);
	assert_int_equal(count("\"diag.cookie\":11"), 2);
	assert_int_equal(count("\"diag.cookie\":12"), 1);
	assert_int_equal(count("\"snapset\":"), 2);
	/* the loss in the time that was asked for */
	assert_int_equal(count("\"loss\":"), 1);
	assert_int_equal(count("\"loss.lost\":5"), 1);
	assert_int_equal(count("\"total\":"), 1);
	assert_int_equal(count("\"total.recorded\":2,\"total.lost\":5,"), 1);
	assert_int_equal(
		count("\"input.filter\":\"-w 'dev.name==\\\"keep0\\\"' --until 0.000020000s\""), 1);
	assert_int_equal(count("\"input.left_out\":\"startup.cmdline host.packet_filter iface "
			       "nsinfo probe dropname snapset\""),
			 1);
	assert_int_equal(count("\"input.lost\":12,\"input.lost_kept\":5,"), 1);
	assert_int_equal(count("\"input.read\":32,\"input.kept\":16,"), 1);
	assert_int_equal(run("verify @cut"), 0);
	/* a note about the note, and nothing lost */
	assert_int_equal(run("cut @cut -o @again"), 0);
	assert_int_equal(run("json @again"), 0);
	assert_int_equal(count("\"input\":"), 2);
	assert_int_equal(count("\"diag\":"), 3);
}

/* A pipe goes by once: snapshots before the packet are not there, all else is. */
static void pipes(void **state)
{
	make_recording("host", 3);
	assert_int_equal(run_with("cut - -o @cut -w dev.name==\"keep0\" --until 20000", "host"), 0);
	assert_int_equal(run("json @cut"), 0);
	assert_int_equal(count("secret"), 0);
	assert_int_equal(count("\"iface\":"), 1);
	assert_int_equal(count("\"nsinfo\":"), 1);
	assert_int_equal(count("\"probe\":"), 1);
	assert_int_equal(count("\"dropname\":"), 1);
	assert_int_equal(count("\"kernel\":"), 2);
	assert_int_equal(count("\"diag\":"), 1);
	make_recording("host", 1);
	/* blocks that cannot match hold sockets that are needed */
	assert_int_equal(run("cut @host -o @cut -w dev.name==\"keep0\""), 0);
	assert_int_equal(run("json @cut"), 0);
	assert_int_equal(count("\"diag\":"), 4);
}

static void counts_and_whole(void **state)
{
	make_recording("host", 8192);
	assert_int_equal(run("cut @host -o @cut"), 0);
	assert_int_equal(run("json @cut"), 0);
	assert_int_equal(count("\"startup.cmdline\":"), 1);
	assert_int_equal(count("\"loss\":"), 2);
	assert_int_equal(count("\"total.recorded\":2,\"total.lost\":12}"), 1);
	assert_int_equal(count("\"input.filter\""), 0);
	assert_int_equal(count("\"input.left_out\""), 0);
	assert_int_equal(count("\"input.read\":32,\"input.kept\":32,"), 1);
	/* the kept time ends with the last event */
	assert_int_equal(run("cut @host -o @cut --probe net:* --count 1"), 0);
	assert_int_equal(run("json @cut"), 0);
	assert_int_equal(count("\"kernel\":"), 1);
	assert_int_equal(count("\"loss\":"), 1);
	assert_int_equal(count("\"loss.lost\":5"), 1);
	assert_int_equal(count("secret"), 0);
}

static void repairs(void **state)
{
	struct buf file = {0};
	size_t at;

	make_recording("host", 4);
	load_file("host", &file);
	/* in the data of the block with the last of the packets' namespaces: somewhere in the middle */
	for (at = file.len / 4; at + 4 < file.len && memcmp(file.p + at, "\x28\xb5\x2f\xfd", 4);)
		at++;
	file.p[at + 12] ^= 0x10;
	store_file("bad", &file);
	assert_int_equal(run("verify @bad"), 1 + 2);
	assert_int_equal(run("cut @bad -o @good"), 3);
	assert_int_equal(run("verify @good"), 0);
	assert_int_equal(run("json @good"), 0);
	assert_int_equal(count("\"loss.kind\":\"damaged block\""), 1);
	assert_true(strstr((char *)out.p, "damaged block") < strstr((char *)out.p, "\"finish\""));
	assert_int_equal(count("\"input.damaged\":1"), 1);
	assert_int_equal(run("print @good --format single-line"), 0);
	assert_int_equal(count(" lost 1 damaged block since "), 1);
	/* cut off in the middle */
	file.len = file.len * 2 / 3;
	file.p[at + 12] ^= 0x10;
	store_file("bad", &file);
	assert_int_equal(run("cut @bad -o @good"), 0);
	assert_int_equal(run("verify @good"), 0);
	assert_int_equal(run("json @good"), 0);
	assert_int_equal(count("\"input.finished\":false"), 1);
	buf_free(&file);
}

/* ---- pieces ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *kept_texts[64]; /* that lines are in */
static size_t n_kept_texts;

/* Lines of the output that hold a word, sorted; from `n` on. */
static size_t take_lines(char **lines, size_t n, const char *word)
{
	char *p = strdup((const char *)out.p), *line;

	assert_true(n_kept_texts < sizeof(kept_texts) / sizeof(kept_texts[0]));
	kept_texts[n_kept_texts++] = p;
	while ((line = strsep(&p, "\n")))
		if (strstr(line, word))
			lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_text);
	return n;
}

static void make_traffic(void)
{
	static const char *const symbols[] = {"net:a", "net:b", "skb:kfree_skb"};
	static const char *const devices[] = {"eth0", "eth1", "lo"};
	struct ev_batch *b = ev_batch_new();
	uint32_t seed = 7;

	row_start(b, 1000, &host);
	for (uint32_t i = 0; i < 300; i++) {
		struct row_packet p = {.comm = "task"};

		seed = seed * 1103515245 + 12345;
		p.symbol = symbols[(seed >> 16) % 3];
		p.dev = devices[(seed >> 18) % 3];
		p.ifindex = 1 + (seed >> 18) % 3;
		p.inum = 1 + (seed >> 20) % 2;
		p.track = 2000 + (seed >> 21) % 50;
		p.sport = 1000 + (seed >> 22) % 6;
		p.dport = 80;
		p.flags = (seed >> 25) % 4 == 0 ? 2 : 16;
		p.drop = p.symbol == symbols[2] ? "NO_SOCKET" : NULL;
		if (i % 5)
			row_packet(b, 5000 + i * 10, &p);
		else
			row_socket(b, 5000 + i * 10, p.inum, i, 100 + p.sport, p.sport, p.dport);
		if (i % 97 == 96)
			row_loss(b, 5000 + i * 10 - 5, 5000 + i * 10, "net:a", 3);
	}
	row_finish(b, 9000, "signal");
	row_store(b, "traffic", 40);
	ev_batch_free(b);
}

/* What an expression chooses, and what its opposite does, are the whole together. */
static void pieces_add_up(void **state)
{
	static const char *const expressions[] = {
		"dev.name==\"eth0\"",
		"cpu==7",
		"tcp.sport_in_1000..1002",
		"drop",
		"time<6500",
		"netns.inum==2_&&_tcp.flags_&_S",
		"kernel.symbol==\"net:a\"_||_diag.sport==1003",
		"diag",
		"track.time<2025",
		"!drop_||_dev.name_~_\"l*\"",
	};
	char *whole[600], *both[1200], line[200];
	size_t n_whole, n;

	make_traffic();
	run("print @traffic --format single-line");
	n_whole = take_lines(whole, 0, "[tp]");
	assert_int_equal(n_whole, 240);
	for (size_t i = 0; i < 2 * sizeof(expressions) / sizeof(expressions[0]); i++) {
		const char *journey = i % 2 ? "--journey" : "";
		const char *e = expressions[i / 2];

		snprintf(line, sizeof(line), "cut @traffic -o @one -w %s", e);
		assert_int_equal(run(line), 0);
		snprintf(line, sizeof(line), "cut @traffic -o @two -w !(%s) %s", e, journey);
		assert_int_equal(run(line), 0);
		run("print @one --format single-line");
		n = take_lines(both, 0, "[tp]");
		run("print @two --format single-line");
		n = take_lines(both, n, "[tp]");
		/* with whole journeys some are in both */
		for (size_t k = 1; i % 2 && k < n;)
			if (strcmp(both[k], both[k - 1]) == 0)
				memmove(&both[k], &both[k + 1], (--n - k) * sizeof(*both));
			else
				k++;
		assert_int_equal(n, n_whole);
		for (size_t k = 0; k < n; k++)
			assert_string_equal(both[k], whole[k]);
		assert_int_equal(run("verify @one @two"), 0);
	}
	/* sockets: of two pieces each has those that its packets need, and all are in one of them */
	run("print @traffic --format single-line");
	n_whole = take_lines(whole, 0, "[sock");
	run("cut @traffic -o @one -w tcp.sport_in_1000..1002_||_diag.sport_in_1000..1002");
	run("cut @traffic -o @two -w !(tcp.sport_in_1000..1002_||_diag.sport_in_1000..1002)");
	run("print @one --format single-line");
	n = take_lines(both, 0, "[sock");
	run("print @two --format single-line");
	n = take_lines(both, n, "[sock");
	assert_int_equal(n, n_whole);
	for (size_t k = 0; k < n; k++)
		assert_string_equal(both[k], whole[k]);
	while (n_kept_texts)
		free(kept_texts[--n_kept_texts]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_else),     cmocka_unit_test(pipes),
		cmocka_unit_test(counts_and_whole), cmocka_unit_test(repairs),
		cmocka_unit_test(pieces_add_up),
	};

	return cmocka_run_group_tests(tests, recording_folder, recording_clean);
}
