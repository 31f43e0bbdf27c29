/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command gives up before it looks at the first byte of its inputs, which strangers may have made:
 * system calls, new privileges, memory without end.
 *
 * Left is: its inputs, which are opened here; its output, made here; files without a name for what does
 * not fit into memory; asking whether a file is there. skbox(1) says it in full.
 */
#ifndef ANALYZE_CONFINE_H
#define ANALYZE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buf.h"

struct confine {
	char *const *inputs; /* n words; 0: standard input */
	size_t n;
	/* The file that output_open() will be asked for; NULL: none, or standard output. */
	const char *output;
	bool paged;  /* terminal_open() will be asked for a pager */
	bool follow; /* files that are not there yet will be read: opening to read stays allowed */
	uint64_t memory_bytes; /* that may be needed beyond what every command may have; 0: none */
};

/*
 * Once in a process, in the thread that is the only one; what the command opens otherwise (a socket to
 * send to, rules) is opened before. 0, or a negative errno with the message already on standard error: an
 * output that cannot be made. A kernel without seccomp, as an emulated one is, is no error: confine_describe()
 * tells.
 */
int confine_enter(const struct confine *c);

/* What of it holds, as the kernel says, in one line without line feed. */
void confine_describe(struct buf *out);

#endif
