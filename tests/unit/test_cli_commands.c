/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands as they are called: what they write, and with which exit code they end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/command.h"
#include "analyze/output.h"
#include "cli/terminal.h"
#include "formats/json.h"
#include "tests/unit/command_run.h"
#include "tests/unit/testdata.h"

enum { WORDS_MAX = 16 };

static char folder[] = "/tmp/skbox-test-commands-XXXXXX";
static struct buf out, said; /* of the last run: standard output and error, with a 0 behind */

static const char *place(const char *name)
{
	static char path[4][128];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void write_file(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(place(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void load_file(const char *name, struct buf *b)
{
	FILE *f = fopen(place(name), "rb");
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	buf_clear(b);
	assert_non_null(buf_room(b, (size_t)st.st_size));
	assert_int_equal(fread(b->p, 1, (size_t)st.st_size, f), st.st_size);
	b->len = (size_t)st.st_size;
	fclose(f);
}

static void slurp(int fd, struct buf *b)
{
	off_t len = lseek(fd, 0, SEEK_END);

	buf_clear(b);
	assert_non_null(buf_room(b, (size_t)len + 1));
	assert_int_equal(pread(fd, b->p, (size_t)len, 0), len);
	b->len = (size_t)len;
	b->p[len] = 0;
	close(fd);
}

/* Runs "COMMAND WORD...", in which @NAME is a file of the test's folder; returns the exit code. */
static int run(const char *line)
{
	char words[WORDS_MAX][160], *argv[WORDS_MAX + 1] = {0};
	int keep_out = dup(STDOUT_FILENO), keep_err = dup(STDERR_FILENO), argc = 0, code;
	int out_fd = memfd_create("out", 0), err_fd = memfd_create("err", 0);

	while (*line && argc < WORDS_MAX) {
		size_t n = strcspn(line, " ");

		if (*line == '@')
			snprintf(words[argc], sizeof(words[0]), "%s/%.*s", folder, (int)n - 1,
				 line + 1);
		else
			snprintf(words[argc], sizeof(words[0]), "%.*s", (int)n, line);
		for (char *p = words[argc]; *p; p++)
			if (*p == '_')
				*p = ' '; /* a blank within a word */
		argv[argc] = words[argc];
		argc++;
		line += n + (line[n] == ' ');
	}
	assert_non_null(command_find(argv[0]));
	dup2(out_fd, STDOUT_FILENO);
	dup2(err_fd, STDERR_FILENO);
	code = command_run(argc, argv);
	dup2(keep_out, STDOUT_FILENO);
	dup2(keep_err, STDERR_FILENO);
	close(keep_out);
	close(keep_err);
	slurp(out_fd, &out);
	slurp(err_fd, &said);
	return code;
}

static const char *text(void)
{
	return (const char *)out.p;
}

static size_t count(const char *word)
{
	size_t n = 0;

	for (const char *p = text(); (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

static void is_expected(const char *what, const char *file)
{
	struct buf want = {0};

	assert_true(testdata_load(what, file, &want));
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.p, want.p, want.len);
	buf_free(&want);
}

/* An event file of our own: inventory, packets at two probes, a drop, losses, sockets. */
static void make_recording(const char *name)
{
	struct output_skbx file;
	struct ev_batch *b = ev_batch_new();

	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 1000);
	EV_SET(EV_ADD(b, startup), startup, retis_version, ev_text(b, "v9.9"));
	EV_SET(EV_ADD(b, startup), startup, tool, ev_text(b, "skbox"));
	EV_SET(EV_ADD(b, startup), startup, clock_sec, 1700000000);
	EV_SET(EV_ADD(b, startup), startup, clock_nsec, 0);
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 1000);
	EV_SET(EV_ADD(b, host), host, hostname, ev_text(b, "here\033[2J"));
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 1000);
	EV_SET(EV_ADD(b, probe), probe, symbol, ev_text(b, "net:none"));
	EV_SET(EV_ADD(b, probe), probe, reason, ev_text(b, "no such tracepoint"));
	for (unsigned int i = 0; i < 10; i++) {
		ev_batch_begin(b);
		EV_SET(EV_ADD(b, common), common, timestamp, 2000 + i);
		EV_SET(EV_ADD(b, kernel), kernel, probe_type, ev_text(b, "raw_tracepoint"));
		EV_SET(EV_ADD(b, kernel), kernel, symbol, ev_text(b, i % 2 ? "net:b" : "net:a"));
		if (i == 4)
			EV_SET(EV_ADD(b, skb_drop), skb_drop, drop_reason, ev_text(b, "NO_SOCKET"));
	}
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 3000);
	EV_SET(EV_ADD(b, loss), loss, probe, ev_text(b, "net:a"));
	EV_SET(EV_ADD(b, loss), loss, lost, 7);
	for (unsigned int i = 0; i < 6; i++) {
		/* three snapshots of two sockets */
		uint8_t src[4] = {10, 0, 0, 1}, dst[4] = {10, 0, 0, (uint8_t)(2 + i % 2)};
		struct ev_diag *d;

		ev_batch_begin(b);
		EV_SET(EV_ADD(b, common), common, timestamp, 4000 + i);
		EV_SET(EV_ADD(b, snap), snap, cause, ev_text(b, "period"));
		d = EV_ADD(b, diag);
		EV_SET(d, diag, family, 2);
		EV_SET(d, diag, state, i % 2 ? 10 : 1);
		EV_SET(d, diag, src, ev_string(b, src, 4));
		EV_SET(d, diag, dst, ev_string(b, dst, 4));
		EV_SET(d, diag, sport, 80);
		EV_SET(d, diag, dport, (uint16_t)(5000 + i % 2));
		EV_SET(d, diag, cookie, 1 + i % 2);
		EV_SET(d, diag, rqueue, 100 + i);
		EV_SET(d, diag, wqueue, 0);
	}
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 5000);
	EV_SET(EV_ADD(b, finish), finish, reason, ev_text(b, "signal"));
	assert_false(b->failed);
	assert_int_equal(output_skbx_open(&file, place(name)), 0);
	assert_int_equal(output_skbx_batch(&file, b), 0);
	assert_int_equal(output_skbx_close(&file, 0), 0);
	ev_batch_free(b);
}

static void print_is_that_of_retis(void **state)
{
	assert_int_equal(run("print --layout current @real.json"), 0);
	is_expected("real-current", "multi.txt");
	assert_int_equal(run("print --layout current --format single-line -e --utc @real.json"), 0);
	is_expected("real-current", "single-e-utc.txt");
	assert_int_equal(run("cut @real.json -o @real.skbx"), 0);
	assert_int_equal(run("print --layout current @real.skbx"), 0);
	is_expected("real-current", "multi.txt");
}

static void sort_is_that_of_retis(void **state)
{
	assert_int_equal(run("sort --layout current --max-buffer 50 @c.json"), 0);
	is_expected("current-101", "sort-50.txt");
	assert_int_equal(run("sort @c.json -o @s.json"), 0);
	load_file("s.json", &out);
	is_expected("current-101", "sorted.json");
	/* an event file keeps the series; what is sorted goes on as it is */
	assert_int_equal(run("sort @c.json -o @s.skbx"), 0);
	assert_int_equal(run("print --layout current @s.skbx"), 0);
	is_expected("current-101", "sort.txt");
	assert_int_equal(run("sort --layout current --max-buffer 1 @s.json"), 0);
	is_expected("current-101", "sort.txt");
	assert_int_equal(run("json --shape retis @s.skbx"), 0);
	is_expected("current-101", "sorted.json");
}

/* Two series of two events, the second of each a drop. */
static void make_series(const char *name)
{
	struct buf b = {0};

	for (int i = 1; i <= 2; i++) {
		for (int n = 0; n < 2; n++)
			buf_printf(
				&b,
				"%s{\"common\":{\"timestamp\":%d},\"kernel\":{\"symbol\":\"s%d\","
				"\"probe_type\":\"kprobe\"},\"tracking\":{\"skb\":{\"orig_head\":%"
				"d,"
				"\"timestamp\":%d,\"skb\":1},\"idx\":%d}%s}",
				n ? "," : "[", i * 10 + n, i, i, i * 10, n,
				n ? ",\"skb-drop\":{\"drop_reason\":\"X\"}" : "");
		buf_str(&b, "]\n");
	}
	write_file(name, b.p, b.len);
	buf_free(&b);
}

/* Whatever name it has: what is read is not replaced. */
static void an_input_is_no_output(void **state)
{
	struct buf before = {0}, after = {0};
	int keep = dup(STDIN_FILENO), file;

	make_series("two.json");
	make_series("set.0");
	load_file("set.0", &before);
	unlink(place("hard"));
	assert_int_equal(link(place("set.0"), place("hard")), 0);
	assert_int_equal(run("sort -o @set.0 @set.0"), 2);
	assert_non_null(strstr((char *)said.p, "set.0: is an input; name another file"));
	assert_int_equal(run("sort -o @hard @set.0"), 2);
	assert_int_equal(run("sort -o @./set.0 @two.json @set.0"), 2);
	assert_int_equal(run("sort -o @set.0 @set.0.."), 2);
	assert_int_equal(run("cut -o @set.0 @set.0"), 2);
	file = open(place("set.0"), O_RDONLY);
	dup2(file, STDIN_FILENO);
	assert_int_equal(run("sort -o @set.0"), 2);
	dup2(keep, STDIN_FILENO);
	close(file);
	close(keep);
	load_file("set.0", &after);
	assert_int_equal(after.len, before.len);
	assert_memory_equal(after.p, before.p, before.len);
	assert_int_equal(run("sort -o @other @set.0"), 0);
	buf_free(&before);
	buf_free(&after);
}

static void filters_begin_series_anew(void **state)
{
	make_series("two.json");
	assert_int_equal(run("print --format single-line @two.json"), 0);
	assert_string_equal(
		text(), "10 [k] s1 #a0000000000000001 (skb 1) n 0\n"
			"  \u21b3 11 [k] s1 #a0000000000000001 (skb 1) n 1 drop (reason X)\n\n"
			"20 [k] s2 #140000000000000002 (skb 1) n 0\n"
			"  \u21b3 21 [k] s2 #140000000000000002 (skb 1) n 1 drop (reason X)\n\n");
	/* the first of each series is left out: the next one stands in its place */
	assert_int_equal(run("print --format single-line --drops @two.json"), 0);
	assert_string_equal(text(),
			    "11 [k] s1 #a0000000000000001 (skb 1) n 1 drop (reason X)\n\n"
			    "21 [k] s2 #140000000000000002 (skb 1) n 1 drop (reason X)\n\n");
}

static void a_filter_leaves_the_startup_event_out(void **state)
{
	make_recording("own.skbx");
	assert_int_equal(run("print --no-sockets @own.skbx"), 0);
	assert_int_equal(count("skbox version v9.9"), 1);
	assert_int_equal(count("net:a"), 6); /* five events and a loss */
	assert_int_equal(run("print --probe net:b @own.skbx"), 0);
	assert_int_equal(count("version"), 0);
	assert_int_equal(count("net:b"), 5);
	assert_int_equal(count("net:a"), 0);
	assert_int_equal(run("print --probe net:b --utc --format single-line @own.skbx"), 0);
	assert_int_equal(count("2023-11-14 22:13:20.000002"),
			 5); /* its clock counts all the same */
	assert_int_equal(run("print --count 3 --format single-line @own.skbx"), 0);
	assert_int_equal(count("\n"), 4);
	assert_int_equal(run("print --drops @own.skbx"), 0);
	assert_int_equal(count("NO_SOCKET"), 1);
	assert_int_equal(run("print -f tcp_port_80 --format single-line @own.skbx"), 0);
	assert_int_equal(count("[sock period]"), 6);
	assert_int_equal(run("print -f tcp_port_5001 --format single-line @own.skbx"), 0);
	assert_int_equal(count("[sock period]"), 3);
}

/* Blocks in which nothing can pass are skipped, and no more than that: clock and startup count. */
static void skipped_blocks_change_nothing(void **state)
{
	static const char *const lines[] = {
		"print --drops --utc ",         "print --probe rare --format single-line --utc ",
		"print --probe kprobe:ra* ",    "json --shape retis-1.6 --drops ",
		"sort --probe rare --count 2 ",
	};
	enum { MANY = 20000 };
	struct buf b = {0}, want = {0};
	char line[256];

	buf_str(&b, "{\"common\":{\"timestamp\":1},\"startup\":{\"retis_version\":\"v1.6.0\","
		    "\"clock_monotonic_offset\":{\"sec\":1700000000,\"nsec\":5}}}\n");
	for (int i = 0; i < MANY; i++)
		buf_printf(&b,
			   "{\"common\":{\"timestamp\":%d},\"kernel\":{\"symbol\":\"%s\","
			   "\"probe_type\":\"kprobe\"}%s}\n",
			   1000 + i, i % 5000 == 4999 ? "rare" : "often",
			   i == 12345 ? ",\"skb-drop\":{\"drop_reason\":\"X\"}" : "");
	write_file("many.json", b.p, b.len);
	buf_free(&b);
	assert_int_equal(run("cut @many.json -o @many.skbx"), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "%s@many.json", lines[i]);
		assert_int_equal(run(line), 0);
		buf_clear(&want);
		buf_put(&want, out.p, out.len);
		assert_true(want.len > 0);
		snprintf(line, sizeof(line), "%s@many.skbx", lines[i]);
		assert_int_equal(run(line), 0);
		assert_int_equal(out.len, want.len);
		assert_memory_equal(out.p, want.p, want.len);
	}
	buf_free(&want);
}

/* What came piece by piece, as from a pipe, is not cut into as many blocks. */
static void cut_puts_small_blocks_together(void **state)
{
	struct output_skbx file;

	assert_int_equal(output_skbx_open(&file, place("pieces.skbx")), 0);
	for (unsigned int i = 0; i < 30; i++) {
		struct ev_batch *b = ev_batch_new();

		ev_batch_begin(b);
		EV_SET(EV_ADD(b, common), common, timestamp, i);
		EV_SET(EV_ADD(b, kernel), kernel, symbol, ev_text(b, "net:a"));
		assert_int_equal(output_skbx_batch(&file, b), 0);
		ev_batch_free(b);
	}
	assert_int_equal(output_skbx_close(&file, 0), 0);
	assert_int_equal(run("cut @pieces.skbx -o @whole.skbx"), 0);
	assert_int_equal(run("info @whole.skbx"), 0);
	assert_non_null(strstr(text(), " bytes in "));
	/* the events' block, and those that every file ends with */
	assert_true(strtoul(strstr(text(), " bytes in ") + strlen(" bytes in "), NULL, 10) < 6);
	assert_int_equal(run("print @whole.skbx"), 0);
	assert_int_equal(count("net:a"), 30);
}

static void cut_keeps_what_is_needed(void **state)
{
	make_recording("own.skbx");
	assert_int_equal(run("cut --probe net:a --count 2 -o @cut.skbx @own.skbx"), 0);
	assert_int_equal(run("info @cut.skbx"), 0);
	assert_non_null(strstr(text(), "here\\x1b[2J"));
	assert_null(strstr(text(), "net:none"));
	assert_non_null(strstr(text(), "\nevents      2, 2 of probes\n"));
	assert_non_null(strstr(text(), "\nend         signal\n"));
	assert_int_equal(run("print --format single-line @cut.skbx"), 0);
	assert_int_equal(count("net:a"), 3); /* with the loss */
	assert_int_equal(count("net:b"), 0);
	/* what was lost elsewhere stays known */
	assert_int_equal(run("cut --probe net:b -o @cut.skbx @own.skbx"), 0);
	assert_int_equal(run("info @cut.skbx"), 0);
	assert_non_null(strstr(text(), "\nlost        7\n"));
}

static void info_tells_the_same_of_a_pipe(void **state)
{
	int keep = dup(STDIN_FILENO), file;

	make_recording("own.skbx");
	assert_int_equal(run("info --json @own.skbx"), 0);
	assert_non_null(strstr(text(), "\"events\":16,\"sockets\":6,\"lost\":7"));
	assert_non_null(strstr(text(), "\"finished\":true,\"end\":\"signal\""));
	file = open(place("own.skbx"), O_RDONLY);
	dup2(file, STDIN_FILENO);
	assert_int_equal(run("info --json -"), 0);
	dup2(keep, STDIN_FILENO);
	close(file);
	close(keep);
	assert_non_null(strstr(text(), "\"events\":16,\"sockets\":6,\"lost\":7"));
	assert_non_null(strstr(text(), "{\"symbol\":\"net:a\",\"type\":\"raw_tracepoint\","
				       "\"attached\":true,\"recorded\":5,\"lost\":7"));
	assert_non_null(strstr(text(), "\"first_ns\":1000,\"last_ns\":5000"));
}

static void sockets_are_shown_once(void **state)
{
	make_recording("own.skbx");
	assert_int_equal(run("sockets @own.skbx"), 0);
	assert_string_equal(text(), "ESTAB 104 0 10.0.0.1:80 10.0.0.2:5000 ino:0 sk:1\n"
				    "LISTEN 105 0 10.0.0.1:80 10.0.0.3:5001 ino:0 sk:2\n");
	assert_int_equal(run("sockets --all -t -f dst_host_10.0.0.3 @own.skbx"), 0);
	assert_int_equal(count("\n"), 3);
	assert_int_equal(strncmp(text(), "4001 LISTEN 101 ", 16), 0);
}

static void json_has_its_shapes(void **state)
{
	make_recording("own.skbx");
	assert_int_equal(run("json @own.skbx"), 0);
	assert_int_equal(count("\n"), 21);
	assert_non_null(strstr(text(), "\"drop.reason\":\"NO_SOCKET\""));
	assert_int_equal(run("json --shape flowd @own.skbx"), 0);
	assert_int_equal(count("\n"), 3);
	assert_int_equal(run("json --shape flowd --states listen,estab @own.skbx"), 0);
	assert_int_equal(count("\n"), 6);
	assert_int_equal(run("json --shape flowd --states none @own.skbx"), 2);
	assert_int_equal(run("json --shape retis @own.skbx"), 0);
	assert_int_equal(count("\n"), 11); /* startup and the ten of probes */
	assert_non_null(strstr((char *)said.p, "left out"));
}

/* Indented or not, it is the same JSON. */
static void pretty_is_the_same_json(void **state)
{
	struct buf compact = {0};
	bool in_string = false;

	assert_int_equal(run("json --shape retis @real.json"), 0);
	buf_put(&compact, out.p, out.len);
	assert_int_equal(run("json --shape retis --pretty @real.json"), 0);
	assert_true(out.len > compact.len);
	for (size_t i = 0, at = 0; i < out.len; i++) {
		if (out.p[i] == '"' && out.p[i - 1] != '\\')
			in_string = !in_string;
		if (!in_string && (out.p[i] == ' ' || out.p[i] == '\n'))
			continue;
		while (!in_string && compact.p[at] == '\n')
			at++;
		assert_int_equal(out.p[i], compact.p[at++]);
	}
	buf_free(&compact);

	/* a series is one value, whose events stand one level deeper */
	make_series("two.json");
	assert_int_equal(run("json --shape retis-1.6 --pretty @two.json"), 0);
	assert_non_null(
		strstr(text(), "[\n  {\n    \"common\": {\n      \"timestamp\": 10\n    },"));
	assert_non_null(
		strstr(text(), "\n  },\n  {\n    \"common\": {\n      \"timestamp\": 11\n"));
	assert_non_null(strstr(text(), "\n  }\n]\n[\n  {\n"));
}

static void exit_codes(void **state)
{
	struct buf file = {0};

	make_recording("own.skbx");
	assert_int_equal(run("verify @own.skbx @real.json"), 0);
	assert_int_equal(count(": good: "), 2);
	load_file("own.skbx", &file);

	/* without its end: a note, and no error */
	write_file("open.skbx", file.p, file.len - 20);
	assert_int_equal(run("print @open.skbx"), 0);
	assert_non_null(strstr((char *)said.p, "was not finished"));
	assert_int_equal(run("verify @open.skbx"), 0);
	assert_non_null(strstr(text(), "was not finished"));
	assert_int_equal(run("info @open.skbx"), 0);
	assert_non_null(strstr(text(), "not finished"));

	/* damaged: told with its place, and read on */
	file.p[200] ^= 1;
	write_file("damaged.skbx", file.p, file.len);
	assert_int_equal(run("verify --json @damaged.skbx"), 3);
	assert_non_null(strstr(text(), "\"damage\":[{\"offset\":"));
	assert_int_equal(run("print @damaged.skbx"), 3);
	assert_non_null(strstr((char *)said.p, "(offset "));
	write_file("damaged.json", "{\"common\":{\"timestamp\":1}}\n{]\n", 30);
	assert_int_equal(run("verify @damaged.json @own.skbx"), 3);
	assert_non_null(strstr(text(), "line 2: "));
	assert_int_equal(run("json @damaged.json"), 3);
	assert_non_null(strstr((char *)said.p, "(line 2)"));

	/* failed, and wrong usage */
	assert_int_equal(run("verify @own.skbx @nothing @damaged.skbx"), 2);
	assert_int_equal(run("print @nothing"), 2);
	assert_int_equal(run("print --colour @own.skbx"), 2);
	assert_int_equal(run("print -f no_such_thing @own.skbx"), 2);
	assert_int_equal(run("cut @own.skbx"), 2);
	assert_int_equal(run("schema extra"), 2);
	buf_free(&file);
}

static void a_failed_cut_leaves_nothing(void **state)
{
	make_recording("own.skbx");
	write_file("old.skbx", "old", 3);
	assert_int_equal(run("cut @own.skbx @nothing -o @old.skbx"), 2);
	/* one that shows as no input only when it is its turn */
	assert_int_equal(run("cut @own.skbx @. -o @old.skbx"), 2);
	load_file("old.skbx", &out);
	assert_int_equal(out.len, 3);
}

static void help_and_schema(void **state)
{
	struct json j = {0};

	assert_int_equal(run("sort --help"), 0);
	assert_non_null(strstr(text(), "usage: skbox sort "));
	assert_non_null(strstr(text(), "--max-buffer N"));
	assert_int_equal(run("info --version"), 0);
	assert_int_equal(strncmp(text(), "skbox ", 6), 0);
	assert_int_equal(run("schema"), 0);
	assert_non_null(strstr(text(), "drop.reason"));
	assert_int_equal(run("schema --format json"), 0);
	json_init(&j, text(), out.len);
	assert_true(json_skip(&j) && json_end(&j));
	json_free(&j);
}

static int setup(void **state)
{
	struct buf b = {0};

	if (!mkdtemp(folder) || !testdata_load("real-current", "events.json", &b))
		return -1;
	write_file("real.json", b.p, b.len);
	buf_clear(&b);
	if (!testdata_load("current-101", "events.json", &b))
		return -1;
	write_file("c.json", b.p, b.len);
	buf_free(&b);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	buf_free(&out);
	buf_free(&said);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_is_that_of_retis),
		cmocka_unit_test(sort_is_that_of_retis),
		cmocka_unit_test(an_input_is_no_output),
		cmocka_unit_test(filters_begin_series_anew),
		cmocka_unit_test(a_filter_leaves_the_startup_event_out),
		cmocka_unit_test(skipped_blocks_change_nothing),
		cmocka_unit_test(cut_puts_small_blocks_together),
		cmocka_unit_test(cut_keeps_what_is_needed),
		cmocka_unit_test(info_tells_the_same_of_a_pipe),
		cmocka_unit_test(sockets_are_shown_once),
		cmocka_unit_test(json_has_its_shapes),
		cmocka_unit_test(pretty_is_the_same_json),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(a_failed_cut_leaves_nothing),
		cmocka_unit_test(help_and_schema),
	};

	terminal_init("skbox");
	return cmocka_run_group_tests(tests, setup, teardown);
}
