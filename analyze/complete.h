/* SPDX-License-Identifier: BSD-2-Clause */
/* "skbox __complete WORD...": what may stand there, for the shells (cli/complete.h). */
#ifndef ANALYZE_COMPLETE_H
#define ANALYZE_COMPLETE_H

/* The words behind "__complete", the last one to be completed. An exit code. */
int complete_command_line(int argc, char **argv);

#endif
