/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may stand where the cursor is on a command line, from the option tables: "PROGRAM __complete WORD..."
 * prints it for the scripts in completions/. The last word is the one to be completed, perhaps empty.
 * Lines are a candidate, or a candidate, a tab and a few words about it; or
 *
 *	:files SUFFIX...    files with one of these suffixes; none: any
 *	:command            a command of the system
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "formats/buf.h"

/* The line for files with these suffixes ("": any). */
void complete_put_files(struct buf *out, const char *suffixes);

/* What an option's argument may be, by the option's long name. */
struct complete_value {
	const char *option;
	/* Appends candidates for a word; NULL: files, with the suffixes. */
	void (*put)(struct buf *out, const char *word);
	const char *suffixes; /* "skbx json"; "": any file */
};

/* Of the words behind the program's or command's name, at least one. operands: suffixes of their files. */
void complete_words(struct buf *out, const struct option_row *rows, size_t n, int argc, char **argv,
		    const struct complete_value *values, size_t n_values, const char *operands);

/* A candidate: before[0..before_len-1] as it is, then text; help may be NULL. */
void complete_put(struct buf *out, const char *before, size_t before_len, const char *text,
		  const char *help);

#endif
