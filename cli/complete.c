/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/complete.h"

#include <string.h>

enum { HELP_MAX = 72 };

void complete_put(struct buf *out, const char *before, size_t before_len, const char *text,
		  const char *help)
{
	size_t len = help ? strlen(help) : 0;

	buf_put(out, before, before_len);
	buf_str(out, text);
	if (len > HELP_MAX) {
		/* up to a blank */
		for (len = HELP_MAX; len && help[len] != ' '; len--)
			;
	}
	if (len) {
		buf_u8(out, '\t');
		buf_put(out, help, len);
	}
	buf_u8(out, '\n');
}

static bool starts(const char *text, const char *with, size_t len)
{
	return strncmp(text, with, len) == 0;
}

static bool is_option(const struct option_row *row)
{
	return row->type != OPTION_HEADING && row->type != OPTION_COMMAND;
}

static void put_names(struct buf *out, const struct option_row *rows, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < n; i++) {
		if (!is_option(&rows[i]) || !rows[i].name)
			continue;
		if (len < 2 || starts(rows[i].name, word + 2, len - 2))
			complete_put(out, "--", 2, rows[i].name, rows[i].help);
	}
	if (len < 2 || starts("help", word + 2, len - 2))
		complete_put(out, "", 0, "--help", "help of this command");
}

void complete_put_files(struct buf *out, const char *suffixes)
{
	buf_printf(out, ":files%s%s\n", *suffixes ? " " : "", suffixes);
}

/* The argument of an option; before: what of the word stands before it. */
static void put_argument(struct buf *out, const struct option_row *row,
			 const struct complete_value *values, size_t n_values, const char *before,
			 size_t before_len, const char *word)
{
	struct buf plain = {0};

	for (size_t i = 0; row->choices && row->choices[i]; i++)
		if (starts(row->choices[i], word, strlen(word)))
			complete_put(out, before, before_len, row->choices[i], NULL);
	for (size_t i = 0; row->name && i < n_values; i++) {
		if (strcmp(values[i].option, row->name) != 0)
			continue;
		if (!values[i].put) {
			complete_put_files(out, values[i].suffixes);
			continue;
		}
		values[i].put(&plain, word);
		for (size_t at = 0; at < plain.len;) {
			const uint8_t *end = memchr(plain.p + at, '\n', plain.len - at);
			size_t len = end ? (size_t)(end - plain.p) + 1 - at : plain.len - at;

			if (plain.p[at] != ':')
				buf_put(out, before, before_len);
			buf_put(out, plain.p + at, len);
			at += len;
		}
		buf_free(&plain);
	}
}

/* The option that a word names and whose argument comes: "--where" or "-w", not "--where=x". */
static const struct option_row *row_of(const struct option_row *rows, size_t n, const char *word,
				       size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_option(&rows[i]) || !rows[i].arg)
			continue;
		if (len > 2 && starts(word, "--", 2) && rows[i].name &&
		    strlen(rows[i].name) == len - 2 && starts(rows[i].name, word + 2, len - 2))
			return &rows[i];
		if (len == 2 && word[0] == '-' && rows[i].letter && rows[i].letter == word[1])
			return &rows[i];
	}
	return NULL;
}

void complete_words(struct buf *out, const struct option_row *rows, size_t n, int argc, char **argv,
		    const struct complete_value *values, size_t n_values, const char *operands)
{
	const char *word = argv[argc - 1], *equals = strchr(word, '=');
	const struct option_row *row;

	for (int i = 0; i < argc - 1; i++)
		if (strcmp(argv[i], "--") == 0) {
			buf_str(out, ":command\n");
			return;
		}
	row = argc > 1 ? row_of(rows, n, argv[argc - 2], strlen(argv[argc - 2])) : NULL;
	if (row) {
		put_argument(out, row, values, n_values, "", 0, word);
		return;
	}
	row = equals ? row_of(rows, n, word, (size_t)(equals - word)) : NULL;
	if (row)
		put_argument(out, row, values, n_values, word, (size_t)(equals + 1 - word),
			     equals + 1);
	else if (word[0] == '-' && word[1])
		put_names(out, rows, n, word);
	else
		complete_put_files(out, operands);
}
