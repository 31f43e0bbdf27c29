/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines: option tables, values, suggestions, messages; and the tables of all commands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/command.h"
#include "cli/options.h"
#include "cli/terminal.h"

struct config {
	bool flag, other;
	const char *text;
	struct option_list list;
	uint64_t number, size, time;
	int choice;
	int called;
};

static const char *const choices[] = {"multi-line", "single-line", NULL};

static bool call(const char *text, void *member, char *why, size_t size)
{
	*(int *)member = (int)strlen(text);
	snprintf(why, size, "too short");
	return strlen(text) > 1;
}

static const struct option_row rows[] = {
	OPTION_PARAGRAPH("A heading:"),
	OPTION(FLAG, config, flag, "flag", 'f', NULL, "a flag"),
	OPTION(FLAG, config, other, NULL, 'e', NULL, "just a letter"),
	OPTION(STRING, config, text, "output", 'o', "FILE", "text"),
	OPTION(LIST, config, list, "probe", 'p', "PROBE", "a list"),
	OPTION(NUMBER, config, number, "count", 0, "N", "a number", .min = 1, .max = 100),
	OPTION(SIZE, config, size, "buffer", 0, "SIZE", "a size", .min = 4097,
	       .max = UINT64_C(64) << 30),
	OPTION(TIME, config, time, "period", 0, "TIME", "a time", .min = 1000000),
	OPTION(CHOICE, config, choice, "format", 0, "FORMAT", "a choice", .choices = choices),
	OPTION(CALL, config, called, "call", 0, "WORD", "a function", .parse = call),
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), WORDS_MAX = 16 };

static char said[4096]; /* what the last run() put on standard error */

/* Parses the words of a line that blanks part. */
static int run(const struct option_row *table, size_t n, const char *line, struct config *c,
	       char words[][64], int *argc, int *rest)
{
	static char *argv[WORDS_MAX + 1];
	int keep = dup(STDERR_FILENO), file = memfd_create("stderr", 0), result;
	ssize_t len;

	*argc = 0;
	memset(c, 0, sizeof(*c));
	while (*line) {
		size_t word = strcspn(line, " ");

		memcpy(words[*argc], line, word);
		words[*argc][word] = 0;
		argv[*argc] = words[*argc];
		++*argc;
		line += word + (line[word] == ' ');
	}
	dup2(file, STDERR_FILENO);
	result = options_parse(table, n, *argc, argv, c, rest);
	dup2(keep, STDERR_FILENO);
	len = pread(file, said, sizeof(said) - 1, 0);
	said[len > 0 ? len : 0] = 0;
	close(keep);
	close(file);
	for (int i = *rest; result == OPTIONS_OK && i < *argc; i++)
		if (argv[i] != words[i])
			memmove(words[i], argv[i], strlen(argv[i]) + 1);
	return result;
}

#define RUN(line) run(rows, ROWS, (line), &c, words, &argc, &rest)

static void options_are_parsed(void **state)
{
	char words[WORDS_MAX][64];
	struct config c;
	int argc, rest;

	assert_int_equal(RUN("print --flag -e a --output=x b --probe p1 -pp2 --count 7 -"),
			 OPTIONS_OK);
	assert_true(c.flag && c.other);
	assert_string_equal(c.text, "x");
	assert_int_equal(c.list.n, 2);
	assert_string_equal(c.list.v[0], "p1");
	assert_string_equal(c.list.v[1], "p2");
	assert_int_equal(c.number, 7);
	assert_int_equal(argc - rest, 3);
	assert_string_equal(words[rest], "a");
	assert_string_equal(words[rest + 1], "b");
	assert_string_equal(words[rest + 2], "-");
	option_list_free(&c.list);

	assert_int_equal(RUN("print -fe -ox -- --flag -z"), OPTIONS_OK);
	assert_true(c.flag && c.other);
	assert_int_equal(argc - rest, 2);
	assert_string_equal(words[rest], "--flag");
	assert_string_equal(words[rest + 1], "-z");

	assert_int_equal(RUN("print --format single-line --call abc --buffer 2M --period 250ms"),
			 OPTIONS_OK);
	assert_int_equal(c.choice, 1);
	assert_int_equal(c.called, 3);
	assert_int_equal(c.size, 2 << 20);
	assert_int_equal(c.time, 250000000);
	assert_int_equal(argc, rest);

	assert_int_equal(RUN("print -h"), OPTIONS_HELP);
	assert_int_equal(RUN("print --flag --help"), OPTIONS_HELP);
	assert_int_equal(RUN("print -V"), OPTIONS_VERSION);
	assert_int_equal(RUN("print --version"), OPTIONS_VERSION);
}

static void wrong_usage_is_one_line(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"print --fromat x",
		 "skbox: print: there is no option --fromat; did you mean --format?\n"},
		{"print --outp x",
		 "skbox: print: there is no option --outp; did you mean --output?\n"},
		{"print --zzzzzz",
		 "skbox: print: there is no option --zzzzzz; skbox print --help lists them\n"},
		{"print -z",
		 "skbox: print: there is no option -z; skbox print --help lists them\n"},
		{"print --output", "skbox: print: --output needs FILE\n"},
		{"print -o", "skbox: print: -o needs FILE\n"},
		{"print --flag=1", "skbox: print: --flag takes no argument\n"},
		{"print --count 0", "skbox: print: --count 0: not within 1 to 100\n"},
		{"print --count 101", "skbox: print: --count 101: not within 1 to 100\n"},
		{"print --buffer 65G", "skbox: print: --buffer 65G: not within 4097 to 64G\n"},
		{"print --count x", "skbox: print: --count x: not a number\n"},
		{"print --period 1ns", "skbox: print: --period 1ns: out of range\n"},
		{"print --format x",
		 "skbox: print: --format x: not one of multi-line, single-line\n"},
		{"print --call x", "skbox: print: --call x: too short\n"},
		{"/usr/bin/skbox --call x", "skbox: --call x: too short\n"},
		{"print --\033[2J",
		 "skbox: print: there is no option --\\x1b[2J; skbox print --help lists them\n"},
	};
	char words[WORDS_MAX][64];
	struct config c;
	int argc, rest;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(RUN(cases[i].line), OPTIONS_WRONG);
		assert_string_equal(said, cases[i].says);
	}
}

static void a_command_stands_behind_dashes(void **state)
{
	static const struct option_row table[] = {
		OPTION(FLAG, config, flag, "flag", 'f', NULL, "a flag"),
		OPTION_BEHIND_DASHES("COMMAND ARG...", "what to run"),
	};
	char words[WORDS_MAX][64];
	struct config c;
	int argc, rest;

	assert_int_equal(run(table, 2, "cap -f -- curl -s x", &c, words, &argc, &rest), OPTIONS_OK);
	assert_int_equal(argc - rest, 3);
	assert_string_equal(words[rest + 1], "-s");
	assert_int_equal(run(table, 2, "cap -f curl -- x", &c, words, &argc, &rest), OPTIONS_WRONG);
}

static void values_are_exact(void **state)
{
	uint64_t v;

	assert_true(options_size("64K", &v) && v == 65536);
	assert_true(options_size("1.5M", &v) && v == 1572864);
	assert_true(options_size("7", &v) && v == 7);
	assert_true(options_size("64MB", &v) && v == 64000000);
	assert_false(options_size("", &v));
	assert_false(options_size("K", &v));
	assert_false(options_size("-1", &v));
	assert_false(options_size("1X", &v));
	assert_false(options_size("99999999999999999999", &v));
	assert_false(options_size("16777216T", &v)); /* 2^64 */
	assert_true(options_time("10", &v) && v == UINT64_C(10000000000));
	assert_true(options_time("250ms", &v) && v == 250000000);
	assert_true(options_time("5m", &v) && v == UINT64_C(300000000000));
	assert_true(options_time("0.000000001s", &v) && v == 1);
	assert_true(options_time("1.0000000019", &v) && v == 1000000001);
	assert_false(options_time("1 s", &v));
	assert_true(options_number("18446744073709551615", &v) && v == UINT64_MAX);
	assert_false(options_number("18446744073709551616", &v));
	assert_false(options_number("0x10", &v));
}

static void near_words_are_found(void **state)
{
	static const char *const words[] = {"print", "sort", NULL, "sockets", "cut"};

	assert_string_equal(options_nearest("pirnt", words, 5), "print");
	assert_string_equal(options_nearest("socket", words, 5), "sockets");
	assert_string_equal(options_nearest("uct", words, 5), "cut");
	assert_string_equal(options_nearest("so", words, 5), "sort");
	assert_null(options_nearest("capture", words, 5));
	assert_null(options_nearest("x", words, 5));
}

/* Every row of every command: what a table must not hold. */
static void command_tables_are_sound(void **state)
{
	for (size_t i = 0; command_table[i]; i++) {
		const struct command *c = command_table[i];
		struct buf help = {0};

		assert_ptr_equal(command_find(c->name), c);
		assert_true(c->help && c->usage && c->run);
		options_help(&help, c->usage, c->help, c->rows, c->n_rows);
		for (size_t r = 0; r < c->n_rows; r++) {
			const struct option_row *row = &c->rows[r];

			assert_non_null(row->help);
			if (row->type == OPTION_HEADING || row->type == OPTION_COMMAND)
				continue;
			assert_true(row->name || row->letter);
			assert_true((row->type == OPTION_FLAG) == !row->arg ||
				    row->type == OPTION_CALL);
			assert_true((row->type == OPTION_CHOICE) == (row->choices != NULL));
			assert_true((row->type == OPTION_CALL) == (row->parse != NULL));
			assert_true(row->letter != 'h' && row->letter != 'V');
			if (row->name) {
				assert_true(strcmp(row->name, "help") &&
					    strcmp(row->name, "version"));
				assert_non_null(
					memmem(help.p, help.len, row->name, strlen(row->name)));
			}
			for (size_t other = 0; other < r; other++) {
				const struct option_row *o = &c->rows[other];

				assert_false(row->letter && row->letter == o->letter);
				assert_false(row->name && o->name && !strcmp(row->name, o->name));
			}
		}
		buf_free(&help);
	}
}

static void help_is_aligned(void **state)
{
	struct buf out = {0};

	options_help(&out, "skbox x", "About it.", rows, ROWS);
	buf_u8(&out, 0);
	assert_non_null(strstr((char *)out.p, "usage: skbox x\n\nAbout it.\n\nA heading:\n"));
	assert_non_null(strstr((char *)out.p, "\n  -o, --output FILE           text\n"));
	assert_non_null(strstr((char *)out.p, "\n      --count N               a number\n"));
	assert_non_null(strstr((char *)out.p, "\n  -h, --help                  show this text\n"));
	buf_free(&out);
}

static void a_reader_that_leaves_is_no_error(void **state)
{
	struct terminal_out out = {0};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	out.fd = ends[1];
	buf_str(&out.buf, "text");
	assert_false(terminal_flush(&out));
	assert_true(out.closed);
	assert_int_equal(terminal_close(&out), 0);
	close(ends[1]);

	/* any other failure is one, and stays one */
	out = (struct terminal_out){.fd = -1};
	buf_str(&out.buf, "text");
	assert_false(terminal_flush(&out));
	assert_int_equal(out.error, -EBADF);
	buf_free(&out.buf);
}

/* Nothing in a JSON string moves a cursor or turns text, and what is legible stays. */
static void json_cannot_drive_a_terminal(void **state)
{
	static const char in[] =
		"{\"k\":\"a\x7f\xc2\x9b\xc2\xa0\u00e9\u2192\u202e\u2066\u200f\xe2\x80\"}\xc2";
	struct buf out = {0};

	terminal_guard_json(&out, (const uint8_t *)in, sizeof(in) - 1);
	buf_u8(&out, 0);
	assert_string_equal((char *)out.p,
			    "{\"k\":\"a\\u007f\\u009b\xc2\xa0\u00e9\u2192\\u202e\\u2066"
			    "\\u200f\xe2\x80\"}\xc2");
	buf_free(&out);
}

static void sizes_are_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 bytes"},
		{1048575, "1048575 bytes"},
		{1048576, "1 MiB"},
		{64 << 20, "64 MiB"},
		{(64 << 20) + 52429, "64.1 MiB"},
		{UINT64_C(3) << 29, "1.5 GiB"},
		{UINT64_C(5) << 50, "5120 TiB"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		terminal_put_size(&out, cases[i].bytes);
		buf_u8(&out, 0);
		assert_string_equal((char *)out.p, cases[i].text);
	}
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_parsed),
		cmocka_unit_test(wrong_usage_is_one_line),
		cmocka_unit_test(a_command_stands_behind_dashes),
		cmocka_unit_test(values_are_exact),
		cmocka_unit_test(near_words_are_found),
		cmocka_unit_test(command_tables_are_sound),
		cmocka_unit_test(help_is_aligned),
		cmocka_unit_test(a_reader_that_leaves_is_no_error),
		cmocka_unit_test(json_cannot_drive_a_terminal),
		cmocka_unit_test(sizes_are_for_people),
	};

	terminal_init("skbox");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
