/* SPDX-License-Identifier: BSD-2-Clause */
/* Manual pages from the tables of options. */
#ifndef CLI_OPTIONS_MANUAL_H
#define CLI_OPTIONS_MANUAL_H

#include <stddef.h>

#include "cli/options.h"

/* What a page says besides its options; texts are plain, and borrowed for the call. */
struct options_manual {
	const char *name;   /* "skbox-print" */
	const char *usage;  /* "skbox print [INPUT...]"; lines */
	const char *help;   /* one line */
	const char *about;  /* NULL: nothing more */
	const char *parent; /* "skbox": whose page has the rest, in section 1 */
};

/*
 * A page for section 1, in the man macros. The comments PROSE, OPTION --NAME, HELP, END and EXAMPLES are
 * where man/pages.awk puts what people wrote. Without memory out has failed.
 */
void options_manual(struct buf *out, const struct options_manual *m, const struct option_row *rows,
		    size_t n);

#endif
