/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox without arguments, and skbox help. */
#ifndef ANALYZE_HELP_H
#define ANALYZE_HELP_H

#include "analyze/command.h"

/* Where to begin, on standard error; the exit code. */
int help_overview(void);
/*
 * skbox help NAME: on a terminal the manual that was installed with this program, by man(1); else, and
 * where there is none, what --help shows. The exit code.
 */
int help_command(const struct command *c);
/* The manual of the recorder. Returns when there is none, or no terminal. */
void help_capture(void);
/* skbox help --man NAME: the page as the tables have it, on standard output. The exit code. */
int help_manual(const struct command *c);

#endif
