/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines from tables: one row is one option. The same rows drive parsing, --help, and what
 * writes manuals and completions, so that none of them can disagree.
 *
 *	struct config { const char *out; bool utc; uint64_t period_ns; struct option_list probes; };
 *
 *	static const struct option_row rows[] = {
 *		OPTION(STRING, config, out, "out", 'o', "FILE", "write to FILE"),
 *		OPTION(FLAG, config, utc, "utc", 0, NULL, "times as dates"),
 *		OPTION(TIME, config, period_ns, "sockets", 0, "PERIOD", "...", .min = 1000000),
 *		OPTION(LIST, config, probes, "probe", 'p', "PROBE", "..."),
 *		OPTION_PARAGRAPH("Output:"),
 *	};
 *
 * -h, --help, -V and --version are understood everywhere and are not in the tables.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

enum option_type {
	OPTION_FLAG,    /* bool: set to true */
	OPTION_STRING,  /* const char *: the word of argv itself; the last one wins */
	OPTION_LIST,    /* struct option_list: may be given again and again */
	OPTION_NUMBER,  /* uint64_t, within min..max (max 0: no bound) */
	OPTION_SIZE,    /* uint64_t, bytes: 64K 16M 2G (1024s), within min..max */
	OPTION_TIME,    /* uint64_t, nanoseconds: 10 (seconds) 250ms 1.5s 5m, within min..max */
	OPTION_CHOICE,  /* int: index of the word in choices */
	OPTION_CALL,    /* whatever row->parse makes of it */
	OPTION_HEADING, /* no option: help starts a paragraph of --help */
	OPTION_COMMAND, /* no option: operands are a command and stand behind "--" only */
};

struct option_list {
	const char **v; /* owned; freed by option_list_free(). The words themselves are argv's */
	size_t n;
};

void option_list_free(struct option_list *l);

struct option_row {
	const char *name; /* long name without "--"; NULL: it has just the letter */
	char letter;      /* 0: it has just the long name */
	const char *arg;  /* name of the argument in --help; NULL with OPTION_FLAG */
	enum option_type type;
	size_t offset; /* of the member in the config struct */
	const char *help;
	const char *const *choices; /* OPTION_CHOICE: words, NULL at the end */
	uint64_t min, max;
	/*
	 * OPTION_CALL: text is argv's word (NULL for a row without arg). False: it is wrong, and
	 * `why` has a few words that say so.
	 */
	bool (*parse)(const char *text, void *member, char *why, size_t why_size);
};

/* A row; further members (.choices, .min, .max, .parse) may follow. */
#define OPTION(kind, config, member, long_name, short_letter, argument, text, ...)                 \
	{                                                                                          \
		.name = (long_name), .letter = (short_letter), .arg = (argument),                  \
		.type = OPTION_##kind, .offset = offsetof(struct config, member), .help = (text),  \
		##__VA_ARGS__                                                                      \
	}
#define OPTION_PARAGRAPH(text)                                                                     \
	{                                                                                          \
		.type = OPTION_HEADING, .help = (text)                                             \
	}
#define OPTION_BEHIND_DASHES(words, text)                                                          \
	{                                                                                          \
		.type = OPTION_COMMAND, .arg = (words), .help = (text)                             \
	}

/* What options_parse() returns: OPTIONS_WRONG after its line on standard error; the program exits with 2. */
enum options_result { OPTIONS_WRONG = -1, OPTIONS_OK, OPTIONS_HELP, OPTIONS_VERSION };

/*
 * Parses argv[1..argc-1] into config, which holds the defaults. Options and operands may be mixed;
 * "--" ends the options. argv is reordered: its operands are argv[*rest..argc-1] afterwards, in
 * their order ("-" is an operand). argv[0] is the program, or the name of one of its commands: messages
 * begin with it.
 */
int options_parse(const struct option_row *rows, size_t n, int argc, char **argv, void *config,
		  int *rest);

/*
 * Text of --help: usage ("skbox print [INPUT...] [FILTERS]", one line or several), about (may be
 * NULL), then the rows in their order.
 */
void options_help(struct buf *out, const char *usage, const char *about,
		  const struct option_row *rows, size_t n);

/*
 * Sets one option by its long name, for other places where options are written. text is NULL where
 * there is no argument; it must live as long as config. 0; -ENOENT: there is no such option; -EINVAL,
 * with a few words in why. config NULL: only whether there is one.
 */
int options_set(const struct option_row *rows, size_t n, void *config, const char *name,
		const char *text, char *why, size_t why_size);
bool options_takes_argument(const struct option_row *rows, size_t n, const char *name);
/* Appends to a list what an OPTION_LIST would. False: out of memory. */
bool option_list_add(struct option_list *l, const char *text);

/* Single values, for OPTION_CALL and other readers of such words. False: not one, or too large. */
bool options_number(const char *text, uint64_t *value);
bool options_size(const char *text, uint64_t *bytes);
bool options_time(const char *text, uint64_t *ns);

/*
 * The word of words[0..n-1] that is nearest to a mistyped one; NULL when none is near. Strings may
 * be NULL.
 */
const char *options_nearest(const char *word, const char *const *words, size_t n);

#endif
