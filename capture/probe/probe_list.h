/* SPDX-License-Identifier: BSD-2-Clause */
/* --list-probes: what can be probed on this kernel. */
#ifndef CAPTURE_PROBE_LIST_H
#define CAPTURE_PROBE_LIST_H

#include "formats/buf.h"
#include "formats/error.h"

/*
 * Appends the probes that a word means, one a line, as -p takes them. A word without a kind means
 * tracepoints, and functions where it has no colon. btf: a file of types, or NULL for the kernel's.
 * 0; -ENOENT: there are none; or another negative errno.
 */
int probe_list_put(struct buf *out, const char *word, const char *btf, struct skbox_error *err);
/* Prints them. 0; 1 after its message: there are none; or a negative errno. */
int probe_list_print(const char *word, const char *btf, struct skbox_error *err);

#endif
