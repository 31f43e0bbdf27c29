/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of skbox: a table of rows, one file a command. */
#ifndef ANALYZE_COMMAND_H
#define ANALYZE_COMMAND_H

#include <stddef.h>

#include "cli/options.h"

/* Exit codes, everywhere. */
enum {
	EXIT_DONE = 0,
	EXIT_NO = 1,      /* the answer is no: check, diff, verify */
	EXIT_FAILED = 2,  /* failed, or wrong usage */
	EXIT_DAMAGED = 3, /* the input is damaged and was read as far as possible */
};

struct command {
	const char *name;
	const char *usage; /* behind "skbox NAME" */
	const char *help;  /* one line */
	const char *about; /* more of it for --help; NULL: nothing more */
	const struct option_row *rows;
	size_t n_rows;
	int (*run)(int argc,
		   char **argv); /* argv[0] is the command's name; returns the exit code */
};

#define COMMAND_ROWS(table) .rows = (table), .n_rows = sizeof(table) / sizeof((table)[0])

extern const struct command command_check, command_print, command_sort, command_sockets, command_info, command_cut,
	command_json, command_merge, command_verify, command_schema, command_pcap, command_stats,
	command_diff, command_anonymize, command_bundle, command_report;

/* All of them, in the order of the help; NULL at the end. */
extern const struct command *const command_table[];

const struct command *command_find(const char *name); /* NULL: there is none */

/*
 * Parses argv by the command's rows. -1: go on; else the exit code (--help and --version were
 * answered, or the usage was wrong and is told).
 */
int command_options(const struct command *c, int argc, char **argv, void *config, int *rest);

/* The n inputs that were named, or standard input where none was; *count: how many. */
char *const *command_inputs(int n, char *const *named, int *count);

int command_help(const struct command *c); /* NULL: of all commands */
int command_version(void);

#endif
