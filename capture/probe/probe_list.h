/* SPDX-License-Identifier: BSD-2-Clause */
/* --list-probes: what can be probed on this kernel. */
#ifndef CAPTURE_PROBE_LIST_H
#define CAPTURE_PROBE_LIST_H

#include "formats/error.h"

/*
 * Prints the probes that a word means, one a line, as -p takes them. A word without a kind
 * means tracepoints, and functions where it has no colon. 0; 1: there are none; or a negative errno.
 */
int probe_list_print(const char *word, const char *btf, struct skbox_error *err);

#endif
