/* SPDX-License-Identifier: BSD-2-Clause */
/* "skbox-capture __complete WORD...": what may stand there, for the shells (cli/complete.h). */
#ifndef CAPTURE_COMPLETE_H
#define CAPTURE_COMPLETE_H

/* The words behind "__complete", the last one to be completed. An exit status. */
int complete_command_line(int argc, char **argv);

#endif
